//! Wrappers over the memory and thread parts of the engine in the shape the interpreter wants.

use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, Ordering};

/// Hands a GC object to the collector.
#[inline]
pub fn track(o: &Object) {
    crate::mem::gc::track(o);
}

/// Marks a tracked object as lazily counted.
pub fn set_deferred(o: &Object) {
    crate::mem::refcount::set_deferred(o);
}

/// Lock-free read of a nullable owned reference that `owner` holds; falls back to the owner's lock.
#[inline(always)]
pub fn load_ref(owner: &Object, p: &AtomicPtr<abi::PyObject>) -> Option<PyRef> {
    if let Some(r) = crate::thread::load_ref(p) {
        return Some(r);
    }
    if p.load(Ordering::Acquire).is_null() {
        return None;
    }
    load_locked(owner, p)
}

#[cold]
#[inline(never)]
fn load_locked(owner: &Object, p: &AtomicPtr<abi::PyObject>) -> Option<PyRef> {
    crate::thread::critical(owner, || {
        let q = p.load(Ordering::Acquire);
        // SAFETY: writers hold the owner's lock, so the object stays alive.
        if q.is_null() { None } else { Some(unsafe { crate::mem::refcount::new_ref_with_lock(q) }) }
    })
}

/// Whether the thread has something to do besides running code.
#[inline(always)]
pub fn breaker(ts: &ThreadState) -> bool {
    ts.eval_breaker().load(Ordering::Relaxed) != 0
}

/// Does it.
#[cold]
#[inline(never)]
pub fn handle_breaker(_ts: &ThreadState) -> PyResult<()> {
    crate::thread::handle_breaker()
}

/// Checks the native stack before the eval loop is entered once more.
#[inline(always)]
pub fn enter_native(ts: &ThreadState) -> PyResult<()> {
    if ts.stack_left() > 0 { Ok(()) } else { Err(native_overflow()) }
}

#[cold]
#[inline(never)]
fn native_overflow() -> Raised {
    crate::protocol::call::stack_overflow("")
}

unsafe extern "C" {
    fn PyObject_CallFinalizerFromDealloc(p: *mut abi::PyObject) -> core::ffi::c_int;
    fn PyObject_ClearWeakRefs(p: *mut abi::PyObject);
    pub static PyCFunction_Type: abi::PyTypeObject;
    pub static PyMethodDescr_Type: abi::PyTypeObject;
    pub static PyMemberDescr_Type: abi::PyTypeObject;
    pub static PyProperty_Type: abi::PyTypeObject;
    pub static PyMethod_Type: abi::PyTypeObject;
    pub static PyRangeIter_Type: abi::PyTypeObject;
    pub static PySuper_Type: abi::PyTypeObject;
    pub fn PyMethod_New(func: *mut abi::PyObject, obj: *mut abi::PyObject) -> *mut abi::PyObject;
    pub fn PyObject_GenericGetAttr(o: *mut abi::PyObject, name: *mut abi::PyObject) -> *mut abi::PyObject;
    pub fn PyObject_GenericSetAttr(
        o: *mut abi::PyObject,
        name: *mut abi::PyObject,
        v: *mut abi::PyObject,
    ) -> core::ffi::c_int;
    pub fn Py_GenericAlias(origin: *mut abi::PyObject, args: *mut abi::PyObject) -> *mut abi::PyObject;
}

/// Runs the finalizer of a dying object; true when it came back to life.
///
/// # Safety
/// `p` is being deallocated.
pub unsafe fn finalize_from_dealloc(p: *mut abi::PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { PyObject_CallFinalizerFromDealloc(p) != 0 }
}

/// Clears the weak references to a dying object.
///
/// # Safety
/// The object is being deallocated.
pub unsafe fn clear_weakrefs(o: &Object) {
    // SAFETY: the caller's promise.
    unsafe { PyObject_ClearWeakRefs(o.as_ptr()) };
}
