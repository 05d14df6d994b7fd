//! Signals, pending calls and asynchronous exceptions: everything that interrupts running Python code from outside.
//!
//! The C signal handler only sets flags (and writes to the wakeup descriptor); the Python handler runs in the main thread,
//! at an eval breaker or in `check_signals` of a blocking call that was interrupted.

use super::mutex::RawMutex;
use super::state::{InterpreterState, ThreadState, breaker, for_each_thread};
use crate::error::{self, PyResult};
use crate::object::{Object, PyRef, incref};
use crate::objects::{Int, none};
use crate::raise;
use abi::PyObject;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize};
use std::collections::VecDeque;

/// One more than the highest signal number.
pub const NSIG: usize = 65;

struct Slot {
    tripped: AtomicBool,
    /// The Python handler, an owned reference, or null.
    handler: AtomicPtr<PyObject>,
}

static SLOTS: [Slot; NSIG] =
    [const { Slot { tripped: AtomicBool::new(false), handler: AtomicPtr::new(null_mut()) } }; NSIG];
static ANY_TRIPPED: AtomicBool = AtomicBool::new(false);
static WAKEUP_FD: AtomicI32 = AtomicI32::new(-1);
static WAKEUP_WARN: AtomicBool = AtomicBool::new(true);
/// errno of a failed write to the wakeup descriptor, to be reported.
static WAKEUP_ERRNO: AtomicI32 = AtomicI32::new(0);
/// `pthread_self()` of the main thread; 0 before start.
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);
static MAIN_TSTATE: AtomicPtr<ThreadState> = AtomicPtr::new(null_mut());

static INSTALL: AtomicBool = AtomicBool::new(false);

/// At start-up, before `_signal` is imported: whether Python's handlers are wanted (`install_signal_handlers`). Ignores
/// SIGPIPE and SIGXFSZ if so.
pub fn init(install: bool) {
    INSTALL.store(install, Release);
    if install {
        for s in [libc::SIGPIPE, libc::SIGXFSZ] {
            set_c_handler(s, libc::SIG_IGN);
        }
    }
}

/// Whether `_signal` should install the handler of SIGINT.
pub fn installs_handlers() -> bool {
    INSTALL.load(Acquire)
}

/// Declares the running thread the main one. `ts` is its state in the main interpreter.
pub fn set_main_thread(ts: &ThreadState) {
    MAIN_THREAD.store(super::ident(), Release);
    MAIN_TSTATE.store((ts as *const ThreadState).cast_mut(), Release);
    crate::lifecycle::remote::set_target(Some(ts));
}

/// The main interpreter has ended: signals have nobody to go to.
pub(crate) fn forget_main_thread() {
    MAIN_TSTATE.store(null_mut(), Release);
    crate::lifecycle::remote::set_target(None);
    WAKEUP_FD.store(-1, Release);
}

/// `threading.main_thread().ident`.
pub fn main_thread_ident() -> usize {
    MAIN_THREAD.load(Acquire)
}

/// Whether the running thread is the main one.
pub fn is_main_thread() -> bool {
    main_thread_ident() == super::ident()
}

/// Whether a signal has arrived that was not handled yet. For the main thread, before it blocks.
pub(super) fn has_arrived() -> bool {
    ANY_TRIPPED.load(Acquire)
}

/// Whether signals can be handled here: main thread of the main interpreter.
pub fn can_handle_signals() -> bool {
    is_main_thread() && ThreadState::try_current().is_some_and(|ts| ts.interp().is_main())
}

/// Marks a signal as arrived. Async-signal-safe.
fn trip(signum: c_int) {
    if let Some(s) = SLOTS.get(signum as usize) {
        s.tripped.store(true, Relaxed);
    }
    ANY_TRIPPED.store(true, Release);
    // SAFETY: thread states are never unmapped.
    if let Some(ts) = unsafe { MAIN_TSTATE.load(Acquire).as_ref() } {
        ts.set_breaker(breaker::SIGNALS_PENDING);
    }
    super::parking::interrupt_main();
    let fd = WAKEUP_FD.load(Relaxed);
    if fd != -1 {
        let byte = signum as u8;
        // SAFETY: writes one byte; errno is restored by the handler.
        unsafe {
            let n = libc::write(fd, (&raw const byte).cast(), 1);
            if n < 0 {
                let e = *libc::__errno_location();
                if WAKEUP_WARN.load(Relaxed) || (e != libc::EAGAIN && e != libc::EWOULDBLOCK) {
                    WAKEUP_ERRNO.store(e, Relaxed);
                }
            }
        }
    }
}

/// The C signal handler.
pub extern "C" fn c_handler(signum: c_int) {
    // SAFETY: errno of this thread.
    unsafe {
        let e = *libc::__errno_location();
        trip(signum);
        *libc::__errno_location() = e;
    }
}

/// `PyErr_SetInterruptEx`: as if the signal had arrived; false for a bad number. Does nothing when it is ignored.
pub fn simulate(signum: c_int) -> bool {
    if signum < 1 || signum as usize >= NSIG {
        return false;
    }
    // At the end of the runtime there are no handlers any more: the signal is reported as lost.
    // SAFETY: the slot owns its handler; only looked at as a number.
    let handler = unsafe { Object::from_ptr_opt(SLOTS[signum as usize].handler.load(Acquire)) };
    let ignored = handler.is_some_and(|h| h.is_none() || h.downcast_exact::<Int>().is_some());
    if !ignored {
        trip(signum);
    }
    true
}

/// `PyOS_InterruptOccurred`: whether SIGINT has arrived; takes it.
pub fn take_interrupt() -> bool {
    ANY_TRIPPED.load(Acquire) && can_handle_signals() && SLOTS[libc::SIGINT as usize].tripped.swap(false, AcqRel)
}

/// Installs a C handler (`PyOS_setsig`); the old one, or `SIG_ERR`.
pub fn set_c_handler(signum: c_int, handler: usize) -> usize {
    // SAFETY: plain sigaction.
    unsafe {
        let mut new: libc::sigaction = core::mem::zeroed();
        new.sa_sigaction = handler;
        libc::sigemptyset(&mut new.sa_mask);
        // Handlers run on the alternate stack of threads that have one (faulthandler).
        new.sa_flags = libc::SA_ONSTACK;
        let mut old: libc::sigaction = core::mem::zeroed();
        if libc::sigaction(signum, &new, &mut old) == -1 { libc::SIG_ERR } else { old.sa_sigaction }
    }
}

/// The installed C handler (`PyOS_getsig`).
pub fn get_c_handler(signum: c_int) -> usize {
    // SAFETY: plain sigaction.
    unsafe {
        let mut old: libc::sigaction = core::mem::zeroed();
        if libc::sigaction(signum, core::ptr::null(), &mut old) == -1 { libc::SIG_ERR } else { old.sa_sigaction }
    }
}

/// The Python handler of a signal.
pub fn get_handler(signum: usize) -> Option<PyRef> {
    super::load_shared_ref(&SLOTS[signum].handler)
}

/// Sets the Python handler; the old one. Main thread only.
pub fn set_handler(signum: usize, handler: Option<&Object>) -> Option<PyRef> {
    let new = match handler {
        Some(h) => {
            // SAFETY: `h` is alive; the slot gets a reference.
            unsafe {
                crate::mem::refcount::set_maybe_weakref(h.as_ptr());
                incref(h.as_ptr());
            }
            h.as_ptr()
        }
        None => null_mut(),
    };
    let old = SLOTS[signum].handler.swap(new, AcqRel);
    // SAFETY: the slot owned it.
    unsafe { PyRef::from_ptr_opt(old) }
}

/// `signal.set_wakeup_fd`: the old descriptor.
pub fn set_wakeup_fd(fd: c_int, warn: bool) -> c_int {
    WAKEUP_WARN.store(warn, Relaxed);
    WAKEUP_FD.swap(fd, AcqRel)
}

/// Runs the Python handlers of signals that have arrived. Does nothing outside the main thread of the main interpreter.
pub fn check_signals() -> PyResult<()> {
    if !ANY_TRIPPED.load(Acquire) || !can_handle_signals() {
        return Ok(());
    }
    run_handlers()
}

#[cold]
fn run_handlers() -> PyResult<()> {
    let ts = ThreadState::current();
    ts.clear_breaker(breaker::SIGNALS_PENDING);
    ANY_TRIPPED.store(false, Release);
    let e = WAKEUP_ERRNO.swap(0, Relaxed);
    if e != 0 {
        // SAFETY: errno of this thread.
        unsafe { *libc::__errno_location() = e };
        let _ = error::raise_from_errno(None);
        let text = "Exception ignored while trying to write to the signal wakeup fd";
        crate::objects::exceptions::display::write_unraisable_msg(text, None);
    }
    for (signum, slot) in SLOTS.iter().enumerate().skip(1) {
        if !slot.tripped.swap(false, AcqRel) {
            continue;
        }
        // The handler may have been reset since.
        let usable = |f: &PyRef| !f.is_none() && f.downcast_exact::<Int>().is_none();
        let Some(f) = super::load_shared_ref(&slot.handler).filter(usable) else {
            let _ = raise!(OSError, "Signal {} ignored due to race condition", signum);
            error::write_unraisable(Some(none()));
            continue;
        };
        let result = (|| {
            let frame = crate::interp::frame_object(0)?;
            let frame: &Object = match &frame {
                Some(f) => f,
                None => none(),
            };
            f.call(&[&*Int::from_i64(signum as i64)?, frame])
        })();
        if let Err(e) = result {
            // Others may still wait.
            ANY_TRIPPED.store(true, Release);
            ts.set_breaker(breaker::SIGNALS_PENDING);
            return Err(e);
        }
    }
    Ok(())
}

/// Forgets signals that arrived but were not handled (forked child).
pub fn clear_pending() {
    ANY_TRIPPED.store(false, Release);
    for s in &SLOTS {
        s.tripped.store(false, Relaxed);
    }
}

/// Drops all Python handlers, restoring the default action of those that we installed. At the end of the runtime.
pub fn finalize() {
    for (signum, slot) in SLOTS.iter().enumerate().skip(1) {
        slot.tripped.store(false, Relaxed);
        // SAFETY: the slot owned its reference.
        let old = unsafe { PyRef::from_ptr_opt(slot.handler.swap(null_mut(), AcqRel)) };
        if let Some(f) = old
            && !f.is_none()
            && f.downcast_exact::<Int>().is_none()
        {
            set_c_handler(signum as c_int, libc::SIG_DFL);
        }
    }
}

/// What a new thread's eval breaker starts with.
pub(crate) fn initial_breaker() -> usize {
    if crate::interp::monitoring::active() { crate::interp::trace::INSTRUMENT } else { 0 }
}

/// A call queued by `Py_AddPendingCall`.
pub type PendingFn = unsafe extern "C" fn(*mut c_void) -> c_int;

struct Pending {
    call: PendingFn,
    arg: *mut c_void,
    /// Only the main thread of the process may make it.
    main_only: bool,
}

/// Calls that an interpreter's threads are to make.
#[derive(Default)]
pub struct PendingCalls {
    lock: RawMutex,
    queue: UnsafeCell<VecDeque<Pending>>,
    busy: AtomicBool,
}

const MAX_PENDING: usize = 300;
/// How many of them may wait for the main thread.
const MAX_MAIN: usize = 32;

impl PendingCalls {
    fn push(&self, call: PendingFn, arg: *mut c_void, main_only: bool) -> bool {
        self.lock.with_raw(|| {
            // SAFETY: under the lock.
            let q = unsafe { &mut *self.queue.get() };
            let room = q.len() < MAX_PENDING && !(main_only && q.iter().filter(|p| p.main_only).count() >= MAX_MAIN);
            if room {
                q.push_back(Pending { call, arg, main_only });
            }
            room
        })
    }

    /// Queues a call for the process's main thread; false when the queue is full. Any thread, attached or not.
    pub fn add(&self, f: PendingFn, arg: *mut c_void) -> bool {
        let ok = self.push(f, arg, true);
        // SAFETY: thread states are never unmapped.
        if let Some(ts) = unsafe { MAIN_TSTATE.load(Acquire).as_ref() } {
            ts.set_breaker(breaker::CALLS_TO_DO);
        }
        ok
    }

    /// Queues a call for any thread of `interp`, whose queue this is.
    pub fn add_for_any(&self, interp: &super::InterpreterState, f: PendingFn, arg: *mut c_void) -> bool {
        let ok = self.push(f, arg, false);
        super::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), interp) {
                ts.set_breaker(breaker::CALLS_TO_DO);
            }
        });
        ok
    }

    /// Makes the queued calls that this thread may make (`Py_MakePendingCalls`). A nested call does nothing.
    pub fn run(&self) -> PyResult<()> {
        let main = is_main_thread();
        if self.busy.swap(true, AcqRel) {
            return Ok(());
        }
        let mut result = Ok(());
        for _ in 0..MAX_PENDING {
            let next = self.lock.with_raw(|| {
                // SAFETY: under the lock.
                let q = unsafe { &mut *self.queue.get() };
                q.iter().position(|p| main || !p.main_only).and_then(|i| q.remove(i))
            });
            let Some(p) = next else { break };
            // SAFETY: queued together.
            if unsafe { (p.call)(p.arg) } != 0 {
                result = Err(error::Raised::already_set());
                ThreadState::current().set_breaker(breaker::CALLS_TO_DO);
                break;
            }
        }
        self.busy.store(false, Release);
        // SAFETY: under the lock.
        if !main && self.lock.with_raw(|| unsafe { !(*self.queue.get()).is_empty() }) {
            // SAFETY: thread states are never unmapped.
            if let Some(ts) = unsafe { MAIN_TSTATE.load(Acquire).as_ref() } {
                ts.set_breaker(breaker::CALLS_TO_DO);
            }
        }
        result
    }

    pub(crate) fn after_fork(&self) {
        self.lock.reset();
        self.busy.store(false, Relaxed);
    }
}

/// `PyThreadState_SetAsyncExc`: raises `exc` in the thread with that ident at its next eval breaker; `None` takes a pending one
/// back. The number of threads found.
pub fn set_async_exc(ident: usize, exc: Option<&Object>) -> usize {
    let new = exc.map_or(null_mut(), |e| e.to_ref().into_ptr());
    let mut old = null_mut();
    let mut found = 0;
    let interp: *const InterpreterState = InterpreterState::current();
    for_each_thread(|ts| {
        if found == 0 && ts.abi().thread_id as usize == ident && core::ptr::eq(ts.interp(), interp) {
            found = 1;
            old = ts.async_exc.swap(new, AcqRel);
            ts.set_breaker(breaker::ASYNC_EXCEPTION);
        }
    });
    if found == 0 {
        old = new;
    }
    // SAFETY: owned by the slot, or by us.
    drop(unsafe { PyRef::from_ptr_opt(old) });
    found
}

/// Raises the pending asynchronous exception.
pub(super) fn raise_async_exc(ts: &ThreadState) -> PyResult<()> {
    ts.clear_breaker(breaker::ASYNC_EXCEPTION);
    // SAFETY: the slot owned its reference.
    match unsafe { PyRef::from_ptr_opt(ts.async_exc.swap(null_mut(), AcqRel)) } {
        Some(e) => match e.downcast::<crate::object::Type>() {
            Some(t) => Err(error::raise_none(t)),
            None => Err(raise!(TypeError, "exceptions must derive from BaseException")),
        },
        None => Ok(()),
    }
}
