//! The type lock: guards version tags, subclass lists and slot tables.
//!
//! Whoever holds it reaches no safepoint (runs no Python code, allocates no Python object), so a stopped world never
//! contains a holder. To change what readers would see half-done, stop the world first, then take the lock.

use crate::arch;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Mutex;

static LOCK: Mutex<()> = Mutex::new(());
static OWNER: AtomicUsize = AtomicUsize::new(0);

/// Runs `f` under the type lock (re-entrant).
pub fn with_type_lock<R>(f: impl FnOnce() -> R) -> R {
    let me = arch::thread_id();
    if OWNER.load(Relaxed) == me {
        return f();
    }
    let g = LOCK.lock().unwrap_or_else(|e| e.into_inner());
    OWNER.store(me, Relaxed);
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            OWNER.store(0, Relaxed);
        }
    }
    let leave = Leave;
    let r = f();
    drop(leave);
    drop(g);
    r
}
