//! `faulthandler`: Python stacks on crashes, signals and timeouts.

use core::ffi::c_int;
use core::fmt::Write;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32};
use macros::pymodule;
use runtime::prelude::*;
use runtime::thread::dump::{self, Out};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const FATAL: [(c_int, &str); 5] = [
    (libc::SIGBUS, "Bus error"),
    (libc::SIGILL, "Illegal instruction"),
    (libc::SIGFPE, "Floating-point exception"),
    (libc::SIGABRT, "Aborted"),
    (libc::SIGSEGV, "Segmentation fault"),
];

static ENABLED: AtomicBool = AtomicBool::new(false);
static FATAL_FD: AtomicI32 = AtomicI32::new(-1);
static ALL_THREADS: AtomicBool = AtomicBool::new(true);
/// Keeps the files of `enable`, `register` and `dump_traceback_later` open.
static FILES: Mutex<Vec<(i32, PyRef)>> = Mutex::new(Vec::new());
static PREVIOUS: Mutex<Vec<(c_int, libc::sigaction)>> = Mutex::new(Vec::new());

/// `register`ed signals: descriptor, all threads, chain.
struct User {
    fd: AtomicI32,
    all: AtomicBool,
    chain: AtomicBool,
}
static USERS: [User; 65] =
    [const { User { fd: AtomicI32::new(-1), all: AtomicBool::new(true), chain: AtomicBool::new(false) } }; 65];
static USER_PREVIOUS: Mutex<Vec<(c_int, libc::sigaction)>> = Mutex::new(Vec::new());

fn forget() {
    if ThreadState::current().interp().is_main() {
        cancel_watchdog();
        if ENABLED.swap(false, Acquire) {
            restore_fatal();
        }
        let files = core::mem::take(&mut *FILES.lock().unwrap_or_else(|e| e.into_inner()));
        drop(files);
    }
}

fn keep(key: i32, file: Option<PyRef>) {
    ThreadState::current().interp().lifecycle.at_end(forget);
    let mut files = FILES.lock().unwrap_or_else(|e| e.into_inner());
    let old = files.iter().position(|f| f.0 == key).map(|i| files.swap_remove(i));
    if let Some(f) = file {
        files.push((key, f));
    }
    drop(files);
    drop(old);
}

/// The descriptor behind a `file` argument, and the file object to keep.
fn descriptor(file: Option<&Object>) -> PyResult<(c_int, Option<PyRef>)> {
    let file = match file.filter(|f| !f.is_none()) {
        Some(f) => f.to_ref(),
        None => {
            let f = runtime::import::import_attr("sys", "stderr").map_err(|e| {
                e.clear();
                raise!(RuntimeError, "unable to get sys.stderr")
            })?;
            if f.is_none() {
                return Err(raise!(RuntimeError, "sys.stderr is None"));
            }
            f
        }
    };
    if file.downcast::<Int>().is_some() {
        let fd = file.as_i64()?;
        if fd < 0 || fd > i32::MAX as i64 {
            return Err(raise!(ValueError, "file is not a valid file descriptor"));
        }
        return Ok((fd as c_int, None));
    }
    let fd = file.call_method(intern!("fileno"), &[])?.as_i64()?;
    if fd < 0 || fd > i32::MAX as i64 {
        return Err(raise!(RuntimeError, "file.fileno() is not a valid file descriptor"));
    }
    if let Err(e) = file.call_method(intern!("flush"), &[]) {
        e.clear();
    }
    Ok((fd as c_int, Some(file)))
}

fn dump_to(fd: c_int, all: bool) {
    let ts = ThreadState::try_current();
    if all { dump::all_threads(fd, ts) } else { dump::stack(fd, ts) }
}

extern "C" fn fatal_handler(signum: c_int) {
    if !ENABLED.swap(false, Acquire) {
        return;
    }
    restore_fatal();
    let fd = FATAL_FD.load(Relaxed);
    let name = FATAL.iter().find(|f| f.0 == signum).map_or("unknown", |f| f.1);
    {
        let mut out = Out::new(fd);
        let _ = write!(out, "Fatal Python error: {name}\n\n");
    }
    // Other threads cannot be stopped here, and those that run cannot be looked at.
    let ts = ThreadState::try_current();
    let gil = ts.is_some_and(|t| t.interp().gil.is_enabled());
    if ALL_THREADS.load(Relaxed) && !gil {
        let mut out = Out::new(fd);
        let _ = out.write_str("<Cannot show all threads while the GIL is disabled>\n");
    }
    dump_to(fd, ALL_THREADS.load(Relaxed) && gil);
    {
        let mut out = Out::new(fd);
        let _ = out.write_str("\n");
    }
    dump::c_stack(fd);
    if let Some(ts) = ts {
        dump::extension_modules(fd, ts);
    }
    // SAFETY: the default action (or the previous handler) is in place again.
    unsafe { libc::raise(signum) };
}

fn restore_fatal() {
    // In a signal handler: do not wait for the lock.
    if let Ok(mut p) = PREVIOUS.try_lock() {
        for (n, act) in p.drain(..) {
            // SAFETY: what was installed before.
            unsafe { libc::sigaction(n, &act, core::ptr::null_mut()) };
        }
    } else {
        for (n, _) in FATAL {
            // SAFETY: plain signal.
            unsafe { libc::signal(n, libc::SIG_DFL) };
        }
    }
}

extern "C" fn user_handler(signum: c_int) {
    let Some(u) = USERS.get(signum as usize) else { return };
    let fd = u.fd.load(Acquire);
    if fd < 0 {
        return;
    }
    // SAFETY: errno of this thread.
    let errno = unsafe { *libc::__errno_location() };
    dump_to(fd, u.all.load(Relaxed));
    if u.chain.load(Relaxed)
        && let Ok(p) = USER_PREVIOUS.try_lock()
        && let Some((_, act)) = p.iter().find(|p| p.0 == signum)
    {
        // SAFETY: runs the previous action, then installs ours again.
        unsafe {
            let mut mine = core::mem::zeroed();
            libc::sigaction(signum, act, &mut mine);
            libc::raise(signum);
            libc::sigaction(signum, &mine, core::ptr::null_mut());
        }
    }
    // SAFETY: errno of this thread.
    unsafe { *libc::__errno_location() = errno };
}

fn install(signum: c_int, handler: extern "C" fn(c_int), flags: c_int) -> Option<libc::sigaction> {
    // SAFETY: plain sigaction.
    unsafe {
        let mut act: libc::sigaction = core::mem::zeroed();
        act.sa_sigaction = handler as *const () as usize;
        libc::sigemptyset(&mut act.sa_mask);
        act.sa_flags = flags;
        let mut old = core::mem::zeroed();
        if libc::sigaction(signum, &act, &mut old) != 0 { None } else { Some(old) }
    }
}

/// Gives the thread an alternate signal stack, so that a stack overflow can be reported.
fn alternate_stack() {
    const SIZE: usize = 64 << 10;
    // SAFETY: the memory is leaked, once per process.
    unsafe {
        let p = libc::mmap(
            core::ptr::null_mut(),
            SIZE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if p != libc::MAP_FAILED {
            let s = libc::stack_t { ss_sp: p, ss_flags: 0, ss_size: SIZE };
            libc::sigaltstack(&s, core::ptr::null_mut());
        }
    }
}

/// A running `dump_traceback_later`.
struct Watchdog {
    cancelled: Mutex<bool>,
    bell: Condvar,
}
static WATCHDOG: Mutex<Option<Arc<Watchdog>>> = Mutex::new(None);

fn cancel_watchdog() {
    let w = WATCHDOG.lock().unwrap_or_else(|e| e.into_inner()).take();
    if let Some(w) = w {
        *w.cancelled.lock().unwrap_or_else(|e| e.into_inner()) = true;
        w.bell.notify_all();
    }
    keep(-2, None);
}

fn format_timeout(us: u64) -> String {
    let (s, us) = (us / 1_000_000, us % 1_000_000);
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    if us != 0 { format!("Timeout ({h}:{m:02}:{s:02}.{us:06})!\n") } else { format!("Timeout ({h}:{m:02}:{s:02})!\n") }
}

fn check_user_signal(signum: i32) -> PyResult<()> {
    if FATAL.iter().any(|f| f.0 == signum) {
        return Err(raise!(RuntimeError, "signal {} cannot be registered, use enable() instead", signum));
    }
    if !(1..65).contains(&signum) {
        return Err(raise!(ValueError, "signal number out of range"));
    }
    Ok(())
}

/// faulthandler module.
#[pymodule(name = "faulthandler")]
pub mod faulthandler {
    use super::*;

    /// Enable the fault handler.
    #[pyfunction(sig = "file=None, all_threads=True", text_signature = "file=sys.stderr, all_threads=True")]
    fn enable(file: Option<&Object>, all_threads: bool) -> PyResult<()> {
        let (fd, obj) = descriptor(file)?;
        keep(-1, obj);
        FATAL_FD.store(fd, Relaxed);
        ALL_THREADS.store(all_threads, Relaxed);
        if !ENABLED.swap(true, Release) {
            alternate_stack();
            dump::prepare_c_stack();
            let mut p = PREVIOUS.lock().unwrap_or_else(|e| e.into_inner());
            for (n, _) in FATAL {
                if let Some(old) = install(n, fatal_handler, libc::SA_NODEFER | libc::SA_ONSTACK) {
                    p.push((n, old));
                }
            }
        }
        Ok(())
    }
    /// Disable the fault handler.
    #[pyfunction]
    fn disable() -> bool {
        let was = ENABLED.swap(false, Acquire);
        if was {
            restore_fatal();
        }
        keep(-1, None);
        was
    }
    /// Check if the handler is enabled.
    #[pyfunction]
    fn is_enabled() -> bool {
        ENABLED.load(Relaxed)
    }
    /// Dump the traceback of the current thread, or of all threads if all_threads is True, into file.
    #[pyfunction(sig = "file=None, all_threads=True", text_signature = "file=sys.stderr, all_threads=True")]
    fn dump_traceback(file: Option<&Object>, all_threads: bool) -> PyResult<()> {
        let (fd, _obj) = descriptor(file)?;
        if all_threads {
            runtime::thread::stop_the_world(|| dump_to(fd, true));
        } else {
            dump_to(fd, false);
        }
        Ok(())
    }
    /// Dump the C stack of the current thread.
    #[pyfunction(sig = "file=None", text_signature = "file=sys.stderr")]
    fn dump_c_stack(file: Option<&Object>) -> PyResult<()> {
        let (fd, _obj) = descriptor(file)?;
        dump::c_stack(fd);
        Ok(())
    }
    /// Dump the traceback of all threads in timeout seconds,
    /// or each timeout seconds if repeat is True. If exit is True, call _exit(1) which is not safe.
    #[pyfunction(
        sig = "timeout, repeat=False, file=None, exit=False",
        text_signature = "timeout, repeat=False, file=sys.stderr, exit=False"
    )]
    fn dump_traceback_later(timeout: f64, repeat: bool, file: Option<&Object>, exit: bool) -> PyResult<()> {
        let us = (timeout * 1e6).ceil();
        if us.is_nan() || us <= 0.0 {
            return Err(raise!(ValueError, "timeout must be greater than 0"));
        }
        if us > 9e15 {
            return Err(raise!(OverflowError, "timeout value is too large"));
        }
        let (fd, obj) = descriptor(file)?;
        cancel_watchdog();
        keep(-2, obj);
        let us = us as u64;
        let header = format_timeout(us);
        let w = Arc::new(Watchdog { cancelled: Mutex::new(false), bell: Condvar::new() });
        *WATCHDOG.lock().unwrap_or_else(|e| e.into_inner()) = Some(w.clone());
        let body = move || {
            let mut cancelled = w.cancelled.lock().unwrap_or_else(|e| e.into_inner());
            loop {
                let (c, r) = match w.bell.wait_timeout(cancelled, Duration::from_micros(us)) {
                    Ok(x) => x,
                    Err(_) => return,
                };
                cancelled = c;
                if *cancelled {
                    return;
                }
                if !r.timed_out() {
                    continue;
                }
                {
                    let mut out = Out::new(fd);
                    let _ = out.write_str(&header);
                }
                // A thread that hangs in native code cannot be stopped; its frames do not change then.
                runtime::thread::stop_for_look(Duration::from_millis(200), |_| dump::all_threads(fd, None));
                if exit {
                    // SAFETY: asked for.
                    unsafe { libc::_exit(1) };
                }
                if !repeat {
                    return;
                }
            }
        };
        match std::thread::Builder::new().name("faulthandler".into()).spawn(body) {
            Ok(_) => Ok(()),
            Err(_) => Err(raise!(RuntimeError, "unable to start watchdog thread")),
        }
    }
    /// Cancel the previous call to dump_traceback_later().
    #[pyfunction]
    fn cancel_dump_traceback_later() {
        cancel_watchdog();
    }
    /// Register a handler for the signal 'signum': dump the traceback of the current thread, or of all threads if all_threads is True, into file.
    #[pyfunction(
        sig = "signum, file=None, all_threads=True, chain=False",
        text_signature = "signum, file=sys.stderr, all_threads=True, chain=False"
    )]
    fn register(signum: i32, file: Option<&Object>, all_threads: bool, chain: bool) -> PyResult<()> {
        check_user_signal(signum)?;
        let (fd, obj) = descriptor(file)?;
        let u = &USERS[signum as usize];
        let fresh = u.fd.load(Acquire) < 0;
        u.all.store(all_threads, Relaxed);
        u.chain.store(chain, Relaxed);
        u.fd.store(fd, Release);
        keep(signum, obj);
        if fresh {
            let flags = if chain { libc::SA_NODEFER | libc::SA_ONSTACK } else { libc::SA_RESTART | libc::SA_ONSTACK };
            match install(signum, user_handler, flags) {
                Some(old) => USER_PREVIOUS.lock().unwrap_or_else(|e| e.into_inner()).push((signum, old)),
                None => {
                    u.fd.store(-1, Release);
                    return Err(runtime::error::raise_from_errno(None));
                }
            }
        }
        Ok(())
    }
    /// Unregister the handler of the signal 'signum' registered by register().
    #[pyfunction]
    fn unregister(signum: i32) -> PyResult<bool> {
        check_user_signal(signum)?;
        let was = USERS[signum as usize].fd.swap(-1, Release) >= 0;
        if was {
            let mut p = USER_PREVIOUS.lock().unwrap_or_else(|e| e.into_inner());
            if let Some(i) = p.iter().position(|p| p.0 == signum) {
                let (n, act) = p.swap_remove(i);
                // SAFETY: what was installed before.
                unsafe { libc::sigaction(n, &act, core::ptr::null_mut()) };
            }
        }
        keep(signum, None);
        Ok(was)
    }
    fn suppress_core() {
        let r = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: plain setrlimit.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &r) };
    }
    /// Read from NULL, raise a SIGSEGV or SIGBUS signal depending on the platform.
    #[pyfunction]
    fn _read_null() {
        suppress_core();
        // SAFETY: deliberately not; the address is opaque to the compiler.
        unsafe {
            core::ptr::read_volatile(core::hint::black_box(
                core::ptr::null::<u8>().wrapping_add(core::hint::black_box(0)),
            ))
        };
    }
    /// Raise a SIGSEGV signal.
    #[pyfunction(sig = "release_gil=False, /")]
    fn _sigsegv(release_gil: bool) {
        suppress_core();
        let crash = || {
            // SAFETY: asked for.
            unsafe { libc::raise(libc::SIGSEGV) };
        };
        if release_gil { runtime::thread::detach(crash) } else { crash() }
    }
    /// Raise a SIGFPE signal.
    #[pyfunction]
    fn _sigfpe() {
        suppress_core();
        // SAFETY: asked for.
        unsafe { libc::raise(libc::SIGFPE) };
    }
    /// Raise a SIGABRT signal.
    #[pyfunction]
    fn _sigabrt() {
        suppress_core();
        // SAFETY: asked for.
        unsafe { libc::abort() };
    }
    /// Recursive call to raise a stack overflow.
    #[pyfunction]
    fn _stack_overflow() -> usize {
        #[inline(never)]
        fn deeper(n: usize) -> usize {
            let pad = core::hint::black_box([n; 64]);
            if n == 0 { pad[3] } else { deeper(core::hint::black_box(n - 1)) + pad[1] }
        }
        suppress_core();
        deeper(1 << 30)
    }
}
