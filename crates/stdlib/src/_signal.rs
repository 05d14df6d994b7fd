//! `_signal`: signal handlers, timers, masks and waiting for signals.

use crate::kept::Kept;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use macros::pymodule;
use runtime::convert::IntoPy;
use runtime::prelude::*;
use runtime::thread::signals::{self, NSIG};
use runtime::thread::{check_signals, detach, ident};

fn os_error() -> Raised {
    runtime::error::raise_from_errno(None)
}

fn check_number(signum: i32) -> PyResult<()> {
    if signum < 1 || signum as usize >= NSIG { Err(raise!(ValueError, "signal number out of range")) } else { Ok(()) }
}

/// A signal set from an iterable of numbers.
fn sigset(o: &Object) -> PyResult<libc::sigset_t> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: initialises the set.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    let it = o.iter()?;
    while let Some(x) = it.iter_next()? {
        let index = x.index()?;
        let n = match index.try_i64() {
            Some(n) if n >= 1 && n < NSIG as i64 => n,
            _ => {
                return Err(raise!(
                    ValueError,
                    "signal number {} out of range [1; {}]",
                    index.repr()?.to_string_lossy(),
                    NSIG - 1
                ));
            }
        };
        // SAFETY: an initialised set. Numbers that the C library keeps for itself are refused, and skipped.
        if unsafe { libc::sigaddset(&mut set, n as c_int) } != 0
            && std::io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL)
        {
            return Err(os_error());
        }
    }
    Ok(set)
}

fn set_to_py(set: &libc::sigset_t) -> PyResult<PyRef> {
    let out = Set::new()?;
    for n in 1..NSIG as i32 {
        // SAFETY: an initialised set.
        if unsafe { libc::sigismember(set, n) } == 1 {
            out.add(&*n.into_py()?)?;
        }
    }
    Ok(out.upcast())
}

static ITIMER_ERROR: Kept = Kept::new();
static SIGINFO_TYPE: Kept = Kept::new();

fn timeval(seconds: f64) -> libc::timeval {
    let us = (seconds * 1e6).ceil().min(9e18) as i64;
    libc::timeval { tv_sec: us / 1_000_000, tv_usec: us % 1_000_000 }
}

fn itimer_tuple(v: &libc::itimerval) -> PyResult<PyRef> {
    let f = |t: &libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    Ok(Tuple::new(vec![Float::new(f(&v.it_value))?.upcast(), Float::new(f(&v.it_interval))?.upcast()])?.upcast())
}

fn itimer_error() -> Raised {
    let e = std::io::Error::last_os_error();
    let Some(ty) = ITIMER_ERROR.get_opt().and_then(|o| o.downcast::<Type>()) else { return os_error() };
    let errno = e.raw_os_error().unwrap_or(0);
    // SAFETY: strerror's text is copied at once.
    let text = unsafe { core::ffi::CStr::from_ptr(libc::strerror(errno)) }.to_string_lossy().into_owned();
    let args = errno.into_py().and_then(|n| Ok((n, Str::new(&text)?)));
    match args.and_then(|(n, t)| ty.call(&[&n, &t])) {
        Ok(v) => match v.downcast_into() {
            Ok(v) => runtime::error::raise_exception(v),
            Err(_) => os_error(),
        },
        Err(e) => e,
    }
}

fn siginfo(si: &libc::siginfo_t) -> PyResult<PyRef> {
    // SAFETY: the fields of a signal delivered to a wait; those that do not apply are zero.
    let fields = unsafe {
        vec![
            si.si_signo.into_py()?,
            si.si_code.into_py()?,
            si.si_errno.into_py()?,
            si.si_pid().into_py()?,
            si.si_uid().into_py()?,
            si.si_status().into_py()?,
            0i64.into_py()?,
        ]
    };
    match SIGINFO_TYPE.get_opt().and_then(|t| t.downcast::<Type>()) {
        Some(t) => runtime::objects::structseq::new(t, fields),
        None => Ok(Tuple::new(fields)?.upcast()),
    }
}

/// Waits for a signal of the set, with a deadline; `None` when it passed.
fn wait(set: &libc::sigset_t, timeout: Option<f64>) -> PyResult<Option<libc::siginfo_t>> {
    let deadline = timeout.map(|t| std::time::Instant::now() + std::time::Duration::from_secs_f64(t.min(1e9)));
    loop {
        let mut si = MaybeUninit::<libc::siginfo_t>::zeroed();
        let left = deadline.map(|d| d.saturating_duration_since(std::time::Instant::now()));
        let r = detach(|| match left {
            Some(l) => {
                let ts = libc::timespec { tv_sec: l.as_secs() as _, tv_nsec: l.subsec_nanos() as _ };
                // SAFETY: initialised arguments.
                unsafe { libc::sigtimedwait(set, si.as_mut_ptr(), &ts) }
            }
            // SAFETY: initialised arguments.
            None => unsafe { libc::sigwaitinfo(set, si.as_mut_ptr()) },
        });
        if r != -1 {
            // SAFETY: filled in.
            return Ok(Some(unsafe { si.assume_init() }));
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => check_signals()?,
            Some(libc::EAGAIN) => return Ok(None),
            _ => return Err(os_error()),
        }
    }
}

#[rustfmt::skip]
static NAMES: &[(&str, i32)] = &[
    ("SIGHUP", libc::SIGHUP), ("SIGINT", libc::SIGINT), ("SIGQUIT", libc::SIGQUIT), ("SIGILL", libc::SIGILL), ("SIGTRAP", libc::SIGTRAP),
    ("SIGIOT", libc::SIGABRT), ("SIGABRT", libc::SIGABRT), ("SIGFPE", libc::SIGFPE), ("SIGKILL", libc::SIGKILL), ("SIGBUS", libc::SIGBUS),
    ("SIGSEGV", libc::SIGSEGV), ("SIGSYS", libc::SIGSYS), ("SIGPIPE", libc::SIGPIPE), ("SIGALRM", libc::SIGALRM), ("SIGTERM", libc::SIGTERM),
    ("SIGUSR1", libc::SIGUSR1), ("SIGUSR2", libc::SIGUSR2), ("SIGCLD", libc::SIGCHLD), ("SIGCHLD", libc::SIGCHLD), ("SIGPWR", libc::SIGPWR),
    ("SIGIO", libc::SIGIO), ("SIGURG", libc::SIGURG), ("SIGWINCH", libc::SIGWINCH), ("SIGPOLL", libc::SIGIO), ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP), ("SIGCONT", libc::SIGCONT), ("SIGTTIN", libc::SIGTTIN), ("SIGTTOU", libc::SIGTTOU),
    ("SIGVTALRM", libc::SIGVTALRM), ("SIGPROF", libc::SIGPROF), ("SIGXCPU", libc::SIGXCPU), ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGSTKFLT", libc::SIGSTKFLT), ("SIG_DFL", 0), ("SIG_IGN", 1), ("NSIG", NSIG as i32), ("SIG_BLOCK", libc::SIG_BLOCK),
    ("SIG_UNBLOCK", libc::SIG_UNBLOCK), ("SIG_SETMASK", libc::SIG_SETMASK), ("ITIMER_REAL", 0), ("ITIMER_VIRTUAL", 1), ("ITIMER_PROF", 2),
];

/// The Python value for the C action that is installed.
fn action_to_py(action: usize) -> PyResult<PyRef> {
    Ok(match action {
        libc::SIG_DFL => 0i32.into_py()?,
        libc::SIG_IGN => 1i32.into_py()?,
        _ => none_ref(),
    })
}

/// This module provides mechanisms to use signal handlers in Python.
///
/// Functions:
///
/// alarm() -- cause SIGALRM after a specified time [Unix only]
/// setitimer() -- cause a signal (described below) after a specified
///                float time and the timer may restart then [Unix only]
/// getitimer() -- get current value of timer [Unix only]
/// signal() -- set the action for a given signal
/// getsignal() -- get the signal action for a given signal
/// pause() -- wait until a signal arrives [Unix only]
/// default_int_handler() -- default SIGINT handler
///
/// signal constants:
/// SIG_DFL -- used to refer to the system default handler
/// SIG_IGN -- used to ignore the signal
/// NSIG -- number of defined signals
/// SIGINT, SIGTERM, etc. -- signal numbers
///
/// itimer constants:
/// ITIMER_REAL -- decrements in real time, and delivers SIGALRM upon
///                expiration
/// ITIMER_VIRTUAL -- decrements only when the process is executing,
///                and delivers SIGVTALRM upon expiration
/// ITIMER_PROF -- decrements both when the process is executing and
///                when the system is executing on behalf of the process.
///                Coupled with ITIMER_VIRTUAL, this timer is usually
///                used to profile the time spent by the application
///                in user and kernel space. SIGPROF is delivered upon
///                expiration.
///
///
/// *** IMPORTANT NOTICE ***
/// A signal handler function is called with two arguments:
/// the first is the signal number, the second is the interrupted stack frame.
#[pymodule(name = "_signal")]
pub mod _signal {
    use super::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        for &(name, v) in NAMES {
            m.add(name, v.into_py()?)?;
        }
        m.add("SIGRTMIN", libc::SIGRTMIN().into_py()?)?;
        m.add("SIGRTMAX", libc::SIGRTMAX().into_py()?)?;
        let ns = Dict::new()?;
        ns.set(intern!("__module__"), intern!("signal"))?;
        let bases = Tuple::pack(&[exc::OSError()])?;
        let err = runtime::typeobject::type_type().call(&[&*Str::new("ItimerError")?, &bases, &ns])?;
        ITIMER_ERROR.set(err.clone());
        m.add("ItimerError", err)?;
        let fields = [
            ("si_signo", "signal number"),
            ("si_code", "signal code"),
            ("si_errno", "errno associated with this signal"),
            ("si_pid", "sending process ID"),
            ("si_uid", "real user ID of sending process"),
            ("si_status", "exit value or signal"),
            ("si_band", "band event for SIGPOLL"),
        ];
        let doc = "struct_siginfo: Result from sigwaitinfo or sigtimedwait.\n\n\
            This object may be accessed either as a tuple of\n\
            (si_signo, si_code, si_errno, si_pid, si_uid, si_status, si_band),\n\
            or via the attributes si_signo, si_code, and so on.";
        let ty = runtime::objects::structseq::make_type("signal.struct_siginfo", doc, &fields, fields.len())?.upcast();
        SIGINFO_TYPE.set(ty.clone());
        m.add("struct_siginfo", ty)?;
        // What is installed now; Python's own handler for SIGINT when the lifecycle wants handlers.
        if runtime::thread::InterpreterState::current().is_main() {
            for n in 1..NSIG {
                if signals::get_handler(n).is_none() {
                    let v = action_to_py(signals::get_c_handler(n as c_int))?;
                    signals::set_handler(n, Some(&v));
                }
            }
            if signals::installs_handlers() && signals::get_c_handler(libc::SIGINT) == libc::SIG_DFL {
                let f = m.dict().get_str(intern!("default_int_handler"))?;
                signals::set_handler(libc::SIGINT as usize, f.as_deref());
                signals::set_c_handler(libc::SIGINT, signals::c_handler as *const () as usize);
            }
        }
        Ok(())
    }

    /// The default handler for SIGINT installed by Python.
    ///
    /// It raises KeyboardInterrupt.
    #[pyfunction]
    fn default_int_handler(signalnum: &Object, frame: &Object) -> PyResult<()> {
        let _ = (signalnum, frame);
        Err(runtime::error::raise_none(exc::KeyboardInterrupt()))
    }

    /// Arrange for SIGALRM to arrive after the given number of seconds.
    #[pyfunction]
    fn alarm(seconds: i32) -> i64 {
        // SAFETY: no preconditions.
        unsafe { libc::alarm(seconds as u32) as i64 }
    }

    /// Wait until a signal arrives.
    #[pyfunction]
    fn pause() -> PyResult<()> {
        // SAFETY: no preconditions.
        detach(|| unsafe { libc::pause() });
        check_signals()
    }

    /// Send a signal to the executing process.
    #[pyfunction]
    fn raise_signal(signalnum: i32) -> PyResult<()> {
        // SAFETY: no preconditions.
        if detach(|| unsafe { libc::raise(signalnum) }) != 0 {
            return Err(os_error());
        }
        check_signals()
    }

    /// Set the action for the given signal.
    ///
    /// The action can be SIG_DFL, SIG_IGN, or a callable Python object.
    /// The previous action is returned.  See getsignal() for possible return
    /// values.
    ///
    /// *** IMPORTANT NOTICE ***
    /// A signal handler function is called with two arguments: the first is
    /// the signal number, the second is the interrupted stack frame.
    #[pyfunction(name = "signal")]
    fn signal_(signalnum: i32, handler: &Object) -> PyResult<PyRef> {
        if !signals::can_handle_signals() {
            return Err(raise!(ValueError, "signal only works in main thread of the main interpreter"));
        }
        check_number(signalnum)?;
        let number = handler.downcast::<Int>().and_then(|i| i.try_i64());
        let action = match number {
            Some(0) => libc::SIG_DFL,
            Some(1) => libc::SIG_IGN,
            _ if handler.is_callable() => signals::c_handler as *const () as usize,
            _ => {
                return Err(raise!(
                    TypeError,
                    "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
                ));
            }
        };
        check_signals()?;
        if signals::set_c_handler(signalnum, action) == libc::SIG_ERR {
            return Err(os_error());
        }
        let plain = match number {
            Some(n @ (0 | 1)) => Some(n.into_py()?),
            _ => None,
        };
        let old = signals::set_handler(signalnum as usize, Some(plain.as_deref().unwrap_or(handler)));
        Ok(old.unwrap_or_else(none_ref))
    }

    /// Change system call restart behaviour.
    ///
    /// If flag is False, system calls will be restarted when interrupted by
    /// signal sig, else system calls will be interrupted.
    #[pyfunction]
    fn siginterrupt(signalnum: i32, flag: i32) -> PyResult<()> {
        check_number(signalnum)?;
        // SAFETY: plain sigaction.
        unsafe {
            let mut act = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            if libc::sigaction(signalnum, core::ptr::null(), &mut act) < 0 {
                return Err(os_error());
            }
            if flag != 0 {
                act.sa_flags &= !libc::SA_RESTART;
            } else {
                act.sa_flags |= libc::SA_RESTART;
            }
            if libc::sigaction(signalnum, &act, core::ptr::null_mut()) < 0 {
                return Err(os_error());
            }
        }
        Ok(())
    }

    /// Return the current action for the given signal.
    ///
    /// The return value can be:
    ///   SIG_IGN -- if the signal is being ignored
    ///   SIG_DFL -- if the default action for the signal is in effect
    ///   None    -- if an unknown handler is in effect
    ///   anything else -- the callable Python object used as a handler
    #[pyfunction]
    fn getsignal(signalnum: i32) -> PyResult<PyRef> {
        check_number(signalnum)?;
        Ok(signals::get_handler(signalnum as usize).unwrap_or_else(none_ref))
    }

    /// Return the system description of the given signal.
    ///
    /// Returns the description of signal *signalnum*, such as "Interrupt"
    /// for :const:`SIGINT`. Returns :const:`None` if *signalnum* has no
    /// description. Raises :exc:`ValueError` if *signalnum* is invalid.
    #[pyfunction]
    fn strsignal(signalnum: i32) -> PyResult<Option<String>> {
        check_number(signalnum)?;
        // SAFETY: the text is copied at once.
        let text = unsafe {
            let p = libc::strsignal(signalnum);
            if p.is_null() {
                return Ok(None);
            }
            core::ffi::CStr::from_ptr(p).to_string_lossy().into_owned()
        };
        Ok(if text.starts_with("Unknown signal") { None } else { Some(text) })
    }

    /// Sets the fd to be written to (with the signal number) when a signal comes in.
    ///
    /// A library can use this to wakeup select or poll.
    /// The previous fd or -1 is returned.
    ///
    /// The fd must be non-blocking.
    #[pyfunction(sig = "fd, /, *, warn_on_full_buffer=True")]
    fn set_wakeup_fd(fd: i32, warn_on_full_buffer: bool) -> PyResult<i32> {
        if !signals::can_handle_signals() {
            return Err(raise!(ValueError, "set_wakeup_fd only works in main thread of the main interpreter"));
        }
        let mut fd = fd;
        if fd != -1 {
            // SAFETY: plain system calls on a number.
            unsafe {
                let mut st = MaybeUninit::<libc::stat>::uninit();
                if libc::fstat(fd, st.as_mut_ptr()) != 0 {
                    return Err(os_error());
                }
                let flags = libc::fcntl(fd, libc::F_GETFL);
                if flags < 0 {
                    return Err(os_error());
                }
                if flags & libc::O_NONBLOCK == 0 {
                    return Err(raise!(ValueError, "the fd {} must be in non-blocking mode", fd));
                }
            }
        } else {
            fd = -1;
        }
        Ok(signals::set_wakeup_fd(fd, warn_on_full_buffer))
    }

    /// Sets given itimer (one of ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF).
    ///
    /// The timer will fire after value seconds and after that every interval
    /// seconds.  The itimer can be cleared by setting seconds to zero.
    ///
    /// Returns old values as a tuple: (delay, interval).
    #[pyfunction(sig = "which, seconds, interval=0.0, /")]
    fn setitimer(which: i32, seconds: f64, interval: f64) -> PyResult<PyRef> {
        let new = libc::itimerval { it_value: timeval(seconds), it_interval: timeval(interval) };
        let mut old = MaybeUninit::<libc::itimerval>::zeroed();
        // SAFETY: initialised arguments.
        let r = unsafe { libc::syscall(libc::SYS_setitimer, which, &raw const new, old.as_mut_ptr()) };
        if r != 0 {
            return Err(itimer_error());
        }
        check_signals()?;
        // SAFETY: filled in.
        itimer_tuple(unsafe { old.assume_init_ref() })
    }

    /// Returns current value of given itimer.
    #[pyfunction]
    fn getitimer(which: i32) -> PyResult<PyRef> {
        let mut old = MaybeUninit::<libc::itimerval>::zeroed();
        // SAFETY: initialised arguments.
        if unsafe { libc::syscall(libc::SYS_getitimer, which, old.as_mut_ptr()) } != 0 {
            return Err(itimer_error());
        }
        // SAFETY: filled in.
        itimer_tuple(unsafe { old.assume_init_ref() })
    }

    /// Fetch and/or change the signal mask of the calling thread.
    #[pyfunction]
    fn pthread_sigmask(how: i32, mask: &Object) -> PyResult<PyRef> {
        let new = sigset(mask)?;
        let mut old = MaybeUninit::uninit();
        // SAFETY: initialised arguments.
        let r = unsafe { libc::pthread_sigmask(how, &new, old.as_mut_ptr()) };
        if r != 0 {
            // SAFETY: errno of this thread.
            unsafe { *libc::__errno_location() = r };
            return Err(os_error());
        }
        check_signals()?;
        // SAFETY: filled in.
        set_to_py(unsafe { old.assume_init_ref() })
    }

    /// Examine pending signals.
    ///
    /// Returns a set of signal numbers that are pending for delivery to
    /// the calling thread.
    #[pyfunction]
    fn sigpending() -> PyResult<PyRef> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: filled in by the call.
        if unsafe { libc::sigpending(set.as_mut_ptr()) } != 0 {
            return Err(os_error());
        }
        // SAFETY: as above.
        set_to_py(unsafe { set.assume_init_ref() })
    }

    /// Wait for a signal.
    ///
    /// Suspend execution of the calling thread until the delivery of one of the
    /// signals specified in the signal set sigset.  The function accepts the
    /// signal and returns the signal number.
    #[pyfunction(name = "sigwait")]
    fn sigwait(sigset: &Object) -> PyResult<i32> {
        let set = super::sigset(sigset)?;
        let mut n = 0;
        // SAFETY: initialised arguments.
        let r = detach(|| unsafe { libc::sigwait(&set, &mut n) });
        if r != 0 {
            // SAFETY: errno of this thread.
            unsafe { *libc::__errno_location() = r };
            return Err(os_error());
        }
        Ok(n)
    }

    /// Wait synchronously until one of the signals in *sigset* is delivered.
    ///
    /// Returns a struct_siginfo containing information about the signal.
    #[pyfunction]
    fn sigwaitinfo(sigset: &Object) -> PyResult<PyRef> {
        match wait(&super::sigset(sigset)?, None)? {
            Some(si) => siginfo(&si),
            None => Ok(none_ref()),
        }
    }

    /// Like sigwaitinfo(), but with a timeout.
    ///
    /// The timeout is specified in seconds, with floating-point numbers allowed.
    #[pyfunction]
    fn sigtimedwait(sigset: &Object, timeout: f64) -> PyResult<PyRef> {
        if timeout < 0.0 || timeout.is_nan() {
            return Err(raise!(ValueError, "timeout must be non-negative"));
        }
        match wait(&super::sigset(sigset)?, Some(timeout))? {
            Some(si) => siginfo(&si),
            None => Ok(none_ref()),
        }
    }

    /// Send a signal to a thread.
    #[pyfunction]
    fn pthread_kill(thread_id: u64, signalnum: i32) -> PyResult<()> {
        // SAFETY: as safe as the caller's thread id, like the function it wraps.
        let r = unsafe { libc::pthread_kill(thread_id as libc::pthread_t, signalnum) };
        if r != 0 {
            // SAFETY: errno of this thread.
            unsafe { *libc::__errno_location() = r };
            return Err(os_error());
        }
        let _ = ident();
        check_signals()
    }

    /// Send a signal to a process referred to by a pidfd.
    #[pyfunction(sig = "pidfd, signalnum, siginfo=None, flags=0, /")]
    fn pidfd_send_signal(pidfd: i32, signalnum: i32, siginfo: &Object, flags: i32) -> PyResult<()> {
        if !siginfo.is_none() {
            return Err(raise!(TypeError, "siginfo must be None"));
        }
        // SAFETY: a plain system call.
        let r = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signalnum, core::ptr::null::<libc::siginfo_t>(), flags)
        };
        if r < 0 {
            return Err(os_error());
        }
        // A signal to ourselves is handled before the call returns.
        check_signals()
    }

    /// Return a set of valid signal numbers on this platform.
    ///
    /// The signal numbers returned by this function can be safely passed to
    /// functions like `pthread_sigmask`.
    #[pyfunction]
    fn valid_signals() -> PyResult<PyRef> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: filled in by the call.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            set_to_py(&set.assume_init())
        }
    }
}
