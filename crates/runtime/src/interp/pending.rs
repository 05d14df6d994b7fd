//! Wrappers over parts of the engine that other files provide, in the shape the interpreter wants.

use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, Ordering};

/// Hands a GC object to the collector.
pub fn track(o: &Object) {
    let _ = o;
}
/// Marks an object as lazily counted.
pub fn set_deferred(p: *mut abi::PyObject) {
    let _ = p;
}
/// Makes an object safe for `try_incref` by other threads.
pub fn set_maybe_shared(p: *mut abi::PyObject) {
    let _ = p;
}
/// Lock-free read of a nullable owned reference.
#[inline(always)]
pub fn load_ref(p: &AtomicPtr<abi::PyObject>) -> Option<PyRef> {
    // SAFETY: to be replaced by the lock-free protocol.
    unsafe { Object::from_ptr_opt(p.load(Ordering::Acquire)).map(|o| o.to_ref()) }
}
