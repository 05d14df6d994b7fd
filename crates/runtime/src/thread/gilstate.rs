//! `PyGILState_*` and `PyThreadState_Swap`: attaching threads that C code brought.

use super::state::{InterpreterState, ThreadState};
use super::{attach, detach_state, gilstate, hang, set_gilstate};
use crate::arch;

/// `PyGILState_Ensure`: attaches the running thread, with a new state if it has none. 0: it was attached; 1: it was not.
pub fn ensure() -> i32 {
    let (ts, attached) = match gilstate() {
        Some(ts) => (ts, core::ptr::eq(arch::tstate(), ts)),
        None => {
            let Some(interp) = InterpreterState::try_main() else { hang() };
            let p = ThreadState::new(interp);
            // SAFETY: fresh, alive until `release` deletes it.
            let Some(ts) = (unsafe { p.as_ref() }) else {
                eprintln!("Fatal Python error: Couldn't create thread-state for new thread");
                std::process::abort()
            };
            ts.bind();
            set_gilstate(ts);
            // Counted from zero: the last release deletes the state.
            ts.abi_mut().gilstate_counter = 0;
            (ts, false)
        }
    };
    if !attached {
        attach(ts);
    }
    ts.abi_mut().gilstate_counter += 1;
    (!attached) as i32
}

/// `PyGILState_Release` with what `ensure` returned.
pub fn release(was: i32) {
    let Some(ts) = gilstate() else {
        eprintln!("Fatal Python error: auto-releasing thread-state, but no thread-state for this thread");
        std::process::abort()
    };
    ts.abi_mut().gilstate_counter -= 1;
    if ts.abi().gilstate_counter == 0 {
        // Clearing may run Python code that uses this interface.
        ts.abi_mut().gilstate_counter += 1;
        ts.clear();
        ts.abi_mut().gilstate_counter -= 1;
        // SAFETY: cleared, and the C code that made it is leaving.
        unsafe { ts.delete_current() };
    } else if was == 1 {
        detach_state(ts);
    }
}

/// `PyThreadState_Swap`: detaches what is attached, attaches `new` (null: nothing); what was attached.
///
/// # Safety
/// `new` is null or a live state that no other thread uses.
pub unsafe fn swap(new: *mut ThreadState) -> *mut ThreadState {
    let old = arch::tstate();
    // SAFETY: the attached state is alive; the caller's promise.
    unsafe {
        if old == new {
            return old;
        }
        if let Some(o) = old.as_ref() {
            detach_state(o);
        }
        if let Some(n) = new.as_ref() {
            ensure_bound(n);
            attach(n);
        }
    }
    old
}

/// Binds a state made by `PyThreadState_New` to the thread that first attaches it.
pub fn ensure_bound(ts: &ThreadState) {
    if ts.bound_tid() == 0 {
        ts.bind();
        set_gilstate(ts);
    }
}
