//! Wrappers over parts of the engine that other files provide, in the shape the interpreter wants.

use crate::prelude::*;
use core::sync::atomic::AtomicPtr;

/// Hands a GC object to the collector.
pub fn track(o: &Object) {
    crate::mem::gc::track(o);
}
/// Marks an object as lazily counted.
pub fn set_deferred(p: *mut abi::PyObject) {
    // SAFETY: the caller holds the object.
    crate::mem::refcount::set_deferred(unsafe { Object::from_ptr(p) });
}
/// Makes an object safe for `try_incref` by other threads.
pub fn set_maybe_shared(p: *mut abi::PyObject) {
    // SAFETY: the caller holds the object.
    unsafe { crate::mem::refcount::set_maybe_weakref(p) };
}
/// Lock-free read of a nullable owned reference.
#[inline(always)]
pub fn load_ref(p: &AtomicPtr<abi::PyObject>) -> Option<PyRef> {
    crate::thread::load_shared_ref(p)
}
