//! Forking: the world is stopped around the system call, so that only detached threads can be anywhere but at a safe point;
//! in the child, what other threads held or owned is reset or taken over.

use super::state::{self, ThreadState};
use super::{gil, parking, signals, stw};
use crate::mem::{brc, heap, qsbr};

/// Before `fork`: stops the world. The import lock and the Python-level hooks come before.
pub fn before() {
    stw::stop();
}

/// After `fork`, in the parent (also when it failed).
pub fn after_parent() {
    stw::start();
}

/// After `fork`, in the child. The Python-level hooks come after.
pub fn after_child() {
    let ts = ThreadState::current();
    parking::after_fork();
    stw::after_fork();
    let dead = state::after_fork(ts);
    qsbr::after_fork(ts);
    heap::after_fork();
    crate::mem::plain::after_fork();
    crate::mem::threadcount::after_fork();
    crate::objects::weakref::after_fork();
    let orphans = brc::after_fork(ts);
    ts.clear_breaker(super::breaker::PLEASE_STOP);
    let gil: &gil::Gil = &ts.interp().gil;
    gil.after_fork(ts);
    ts.interp().pending.after_fork();
    ts.interp().warnings.after_fork();
    let a = ts.abi_mut();
    a.native_thread_id = super::native_id() as _;
    // SAFETY: no preconditions.
    a.thread_id = unsafe { libc::pthread_self() } as _;
    if ts.interp().is_main() {
        signals::set_main_thread(ts);
    }
    signals::clear_pending();
    super::start::after_fork(ts);
    for t in dead {
        // SAFETY: its thread does not exist here; it has been unlinked.
        unsafe { t.discard() };
    }
    brc::merge_orphans(orphans);
}
