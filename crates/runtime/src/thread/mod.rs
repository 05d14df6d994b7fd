//! Threads: thread states, attach and detach, stop-the-world, locks and parking.

pub mod atexit;
pub mod critical;
pub mod dump;
pub mod fork;
pub(crate) mod futex;
pub mod gil;
pub mod mutex;
pub mod parking;
pub mod signals;
pub mod start;
pub mod state;
pub mod stw;
pub mod tss;

pub use critical::{CriticalSection, critical, critical_mutex, critical2};
pub use mutex::RawMutex;
pub use signals::check_signals;
pub use state::{InterpreterState, ThreadState, attach_state, breaker};
pub use stw::{stop_for_look, stop_others_for_good, stop_the_world};

use crate::arch;
use crate::error::PyResult;
use crate::lifecycle::remote;
use crate::mem::{brc, qsbr, refcount};
use crate::object::{PyRef, Ref};
use abi::PyObject;
use attach_state as st;
use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Native stack kept free below the soft limit for code that does not check it.
pub const STACK_MARGIN: usize = 128 << 10;

/// Per-interpreter state of the `_thread` and `threading` modules.
#[derive(Default)]
pub struct ThreadingState {
    pub stack_size: core::sync::atomic::AtomicUsize,
    /// Non-daemon threads.
    pub shutdown: start::ShutdownHandles,
}

/// Attaches `ts` to the running thread, which has no thread state attached. Hangs for ever when the runtime is finalizing.
pub fn attach(ts: &ThreadState) {
    debug_assert!(arch::tstate().is_null(), "another thread state is attached");
    let gil = &ts.interp().gil;
    loop {
        let holds = gil.acquire_if_enabled(ts);
        match ts.state().compare_exchange(st::DETACHED, st::ATTACHED, AcqRel, Acquire) {
            Ok(_) => {
                if holds == gil.is_enabled() {
                    break;
                }
                // The mode changed while we attached.
                if ts.abi().holds_gil != 0 {
                    gil.release(ts);
                }
                if ts.eval_breaker().load(Relaxed) & breaker::PLEASE_STOP != 0 {
                    stw::suspend_or_detach(ts);
                } else {
                    ts.state().store(st::DETACHED, Release);
                }
            }
            Err(s) => {
                if holds {
                    gil.release(ts);
                }
                match s {
                    st::SHUTTING_DOWN => hang(),
                    st::MERGING => {
                        // A few instructions as a rule.
                        let held = || ts.state().load(Relaxed) == st::MERGING;
                        if !(0..100).any(|_| {
                            core::hint::spin_loop();
                            !held()
                        }) && ts.state().compare_exchange(s, st::MERGING_AWAITED, AcqRel, Relaxed).is_ok()
                        {
                            futex::wait(ts.state(), st::MERGING_AWAITED, None);
                        }
                    }
                    _ => {
                        futex::wait(ts.state(), s, None);
                    }
                }
            }
        }
    }
    qsbr::online(ts.qsbr_slot());
    arch::set_tstate((ts as *const ThreadState).cast_mut());
    if ts.abi().critical_section != 0 {
        critical::resume(ts);
    }
}

/// Detaches the attached state `ts` from the running thread.
pub fn detach_state(ts: &ThreadState) {
    debug_assert!(core::ptr::eq(ts, arch::tstate()), "not attached");
    if ts.abi().critical_section != 0 {
        critical::suspend_all(ts);
    }
    detach_final(ts);
}

/// The second half of detaching. Also used when the state dies.
pub(crate) fn detach_final(ts: &ThreadState) {
    let gil = (ts.abi().holds_gil != 0).then(|| &ts.interp().gil);
    if ts.bound_tid() != 0 {
        qsbr::offline(ts.qsbr_slot());
    }
    arch::set_tstate(null_mut());
    if let Some(gil) = gil {
        gil.release(ts);
    }
    if ts.eval_breaker().load(Relaxed) & breaker::PLEASE_STOP != 0 {
        stw::suspend_or_detach(ts);
    } else {
        ts.state().store(st::DETACHED, Release);
    }
}

/// Blocks the running thread for ever (a daemon thread after the end of the runtime).
pub fn hang() -> ! {
    loop {
        // SAFETY: no preconditions.
        unsafe { libc::pause() };
    }
}

/// Runs `f` detached (`Py_BEGIN_ALLOW_THREADS`): for anything that may block. `f` touches no Python object. Does nothing
/// special when the thread is not attached.
pub fn detach<R>(f: impl FnOnce() -> R) -> R {
    let Some(ts) = ThreadState::try_current() else { return f() };
    detach_state(ts);
    struct Attach(&'static ThreadState);
    impl Drop for Attach {
        fn drop(&mut self) {
            // SAFETY: reading and writing errno of this thread.
            unsafe {
                let errno = *libc::__errno_location();
                attach(self.0);
                *libc::__errno_location() = errno;
            }
        }
    }
    let _attach = Attach(ts);
    f()
}

/// Handles the bits of the eval breaker: called by the eval loop (and by long native loops) when `eval_breaker` has one
/// of `breaker::MASK`. May run Python code: signal handlers, finalizers, pending calls.
#[cold]
pub fn handle_breaker() -> PyResult<()> {
    let ts = ThreadState::current();
    let bits = ts.eval_breaker().load(Relaxed);
    if bits & breaker::PLEASE_STOP != 0 {
        detach_state(ts);
        attach(ts);
    }
    if bits & breaker::SIGNALS_PENDING != 0 {
        if signals::can_handle_signals() {
            check_signals()?;
        } else {
            ts.clear_breaker(breaker::SIGNALS_PENDING);
        }
    }
    if bits & breaker::CALLS_TO_DO != 0 {
        ts.clear_breaker(breaker::CALLS_TO_DO);
        ts.interp().pending.run()?;
    }
    if bits & breaker::GIL_DROP_REQUEST != 0 {
        if ts.abi().holds_gil != 0 {
            detach_state(ts);
            attach(ts);
        } else {
            ts.clear_breaker(breaker::GIL_DROP_REQUEST);
        }
    }
    if bits & breaker::EXPLICIT_MERGE != 0 {
        brc::merge_queued(ts);
    }
    qsbr::checkpoint(ts);
    if bits & breaker::GC_SCHEDULED != 0 {
        ts.clear_breaker(breaker::GC_SCHEDULED);
        crate::mem::gc::run_scheduled();
    }
    if bits & breaker::ASYNC_EXCEPTION != 0 {
        signals::raise_async_exc(ts)?;
    }
    if bits & remote::REMOTE_SCRIPT != 0 {
        ts.clear_breaker(remote::REMOTE_SCRIPT);
        remote::run_pending();
    }
    #[cfg(feature = "stress")]
    {
        // Every check is a thread switch, a grace period, and asks for the next one.
        detach_state(ts);
        std::thread::yield_now();
        attach(ts);
        ts.set_breaker(breaker::QSBR);
    }
    Ok(())
}

/// Reads an owned reference out of a slot that other threads may change: load, try-incref, re-check. `None`: the slot is
/// empty, or the reference cannot be had without the owner's lock (then take the lock and use
/// `mem::refcount::new_ref_with_lock`).
#[inline(always)]
pub fn load_ref(slot: &AtomicPtr<PyObject>) -> Option<PyRef> {
    let p = slot.load(Acquire);
    if p.is_null() {
        return None;
    }
    // SAFETY: heap objects are type-stable until a quiescent point of this thread.
    unsafe {
        if !refcount::try_incref(p) {
            return None;
        }
        let r = Ref::from_raw(p.cast());
        if slot.load(Acquire) == p { Some(r) } else { None }
    }
}

/// `load_ref` for slots whose writers call `refcount::set_maybe_weakref` on what they store, before they store it: never
/// needs a lock. `None` is an empty slot.
#[inline]
pub fn load_shared_ref(slot: &AtomicPtr<PyObject>) -> Option<PyRef> {
    for _ in 0..64 {
        let r = load_ref(slot);
        if r.is_some() || slot.load(Acquire).is_null() {
            return r;
        }
        core::hint::spin_loop();
    }
    // A writer did not keep the rule: nobody changes the slot while the world is stopped.
    stop_the_world(|| {
        let p = slot.load(Acquire);
        // SAFETY: the slot owns a reference.
        if p.is_null() { None } else { Some(unsafe { refcount::new_ref_with_lock(p) }) }
    })
}

/// The kernel's id of the running thread.
pub fn native_id() -> u64 {
    #[cfg(target_os = "linux")]
    // SAFETY: no preconditions.
    return unsafe { libc::syscall(libc::SYS_gettid) as u64 };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: no preconditions.
    return unsafe { libc::pthread_self() as u64 };
}

/// `threading.get_ident()` of the running thread.
pub fn ident() -> usize {
    // SAFETY: no preconditions.
    unsafe { libc::pthread_self() as usize }
}

/// Lowest and highest address of the running thread's native stack.
pub(crate) fn stack_bounds() -> (usize, usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: queries the running thread's own attributes.
    unsafe {
        let mut attr: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) == 0 {
            let mut base = null_mut();
            let mut size = 0;
            let ok = libc::pthread_attr_getstack(&attr, &mut base, &mut size) == 0;
            libc::pthread_attr_destroy(&mut attr);
            if ok && !base.is_null() && size > 0 {
                // The main thread's stack grows on demand; do not trust more than 8 MiB of an unlimited one.
                let high = base as usize + size;
                return (if size > 64 << 20 { high - (8 << 20) } else { base as usize }, high);
            }
        }
    }
    let here = 0u8;
    let here = &raw const here as usize;
    (here - (512 << 10), here + (64 << 10))
}

thread_local! {
    /// The thread state that `PyGILState_Ensure` uses on this thread.
    static GILSTATE: Cell<*mut ThreadState> = const { Cell::new(null_mut()) };
}

/// The state `PyGILState_*` knows on this thread.
pub fn gilstate() -> Option<&'static ThreadState> {
    // SAFETY: forgotten before the state is deleted.
    GILSTATE.with(|c| unsafe { c.get().as_ref() })
}

/// Makes `ts` the state of `PyGILState_*` on this thread, if there is none.
pub fn set_gilstate(ts: &ThreadState) {
    GILSTATE.with(|c| {
        if c.get().is_null() {
            c.set((ts as *const ThreadState).cast_mut());
        }
    });
}

/// Makes the attached state `ts` the one of `PyGILState_*`, whatever it was before.
pub fn switch_gilstate(ts: &ThreadState) {
    GILSTATE.with(|c| c.set((ts as *const ThreadState).cast_mut()));
}

pub(crate) fn gilstate_forget(ts: &ThreadState) {
    let _ = GILSTATE.try_with(|c| {
        if core::ptr::eq(c.get(), ts) {
            c.set(null_mut());
        }
    });
}

/// Creates a state for the running thread, binds and attaches it.
pub fn attach_new(interp: &'static InterpreterState) -> Option<&'static ThreadState> {
    // SAFETY: a fresh state, alive until deleted.
    let ts = unsafe { ThreadState::new(interp).as_ref()? };
    ts.bind();
    set_gilstate(ts);
    attach(ts);
    Some(ts)
}

/// Why a thread of the host cannot run Python code.
#[derive(Debug)]
pub enum NotEntered {
    /// There is no interpreter, and has not been one.
    NotInitialized,
    /// No memory for a thread state.
    NoState,
}

/// `PyGILState_Ensure`: attaches the running thread if it is not, making a state where it has none. `Ok(true)` when it was attached before;
/// the answer goes to [`gilstate_release`]. After finalisation it does not return: the thread hangs, as the documentation says.
pub fn gilstate_ensure() -> Result<bool, NotEntered> {
    if let Some(ts) = ThreadState::try_current() {
        ts.abi_mut().gilstate_counter += 1;
        set_gilstate(ts);
        return Ok(true);
    }
    if let Some(ts) = gilstate() {
        attach(ts);
        ts.abi_mut().gilstate_counter += 1;
        return Ok(false);
    }
    let Some(i) = InterpreterState::try_main() else {
        if InterpreterState::has_ended() {
            hang();
        }
        return Err(NotEntered::NotInitialized);
    };
    let ts = attach_new(i).ok_or(NotEntered::NoState)?;
    set_gilstate(ts);
    // One level, which the release undoes together with the state.
    ts.abi_mut().gilstate_counter = 1;
    Ok(false)
}

/// `PyGILState_Release` of the attached `ts`: `attached` is what the matching [`gilstate_ensure`] returned.
pub fn gilstate_release(ts: &ThreadState, attached: bool) {
    ts.abi_mut().gilstate_counter -= 1;
    if ts.abi().gilstate_counter == 0 {
        // The state was made by the matching "ensure". While clearing it, Python code may ensure and release again.
        ts.abi_mut().gilstate_counter += 1;
        ts.clear();
        ts.abi_mut().gilstate_counter -= 1;
        // SAFETY: cleared, and this thread's own.
        unsafe { ts.delete_current() };
    } else if !attached {
        detach_state(ts);
    }
}

/// An attachment of the running thread for callbacks that C code makes from threads it does not know; undone when dropped.
pub struct Foreign(bool);

impl Foreign {
    /// Attaches; a thread that has no interpreter to run in does not go on.
    pub fn enter() -> Foreign {
        gilstate_ensure().map_or_else(|_| hang(), Foreign)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(ts) = ThreadState::try_current() {
            gilstate_release(ts, self.0);
        }
    }
}
