//! Allocating and freeing instances, and the exported slot functions whose address matters.

use super::Type;
use super::cabi::{o, obj, size};
use crate::mem::{gc, refcount};
use crate::objects::dict::instance;
use crate::prelude::*;
use abi::{PyObject, PyTypeObject};
use core::ffi::c_void;

#[cold]
pub fn no_memory() -> crate::error::Raised {
    crate::error::raise_none(exc::MemoryError())
}

/// Memory of an instance with `nitems` items: header set, the rest zeroed, heap type referenced, inline values ready,
/// not tracked.
///
/// # Safety
/// `t` is a ready (or at least filled) type.
pub unsafe fn alloc_raw(t: *mut PyTypeObject, nitems: usize, sentinel: bool) -> PyResult<*mut PyObject> {
    // SAFETY: the caller's promise; fresh memory.
    unsafe {
        let basic = (*t).tp_basicsize as usize;
        let item = (*t).tp_itemsize as usize;
        let mut size = basic;
        if item != 0 {
            let n = nitems + sentinel as usize;
            match n.checked_mul(item).and_then(|x| x.checked_add(basic + 7)) {
                Some(x) if x < isize::MAX as usize => size = x & !7,
                _ => return Err(no_memory()),
            }
        }
        let flags = (*t).tp_flags;
        let mut capacity = 0;
        if flags & abi::Py_TPFLAGS_INLINE_VALUES != 0 {
            // Looked at once: the keys may be replaced by larger ones.
            capacity = instance::new_capacity(t);
            size = ((size + 7) & !7) + instance::inline_values_bytes(capacity);
        }
        let p = gc::alloc_for_type(t, size);
        if p.is_null() {
            return Err(no_memory());
        }
        core::ptr::write_bytes(p.cast::<u8>().add(size_of::<PyObject>()), 0, size - size_of::<PyObject>());
        refcount::init_header(p, t);
        if flags & abi::Py_TPFLAGS_HEAPTYPE != 0 {
            crate::mem::threadcount::incref_type(t);
        }
        if item != 0 {
            (*p.cast::<abi::PyVarObject>()).ob_size = nitems as isize;
        }
        if flags & abi::Py_TPFLAGS_INLINE_VALUES != 0 {
            instance::init_inline_values(o(p), capacity);
        }
        Ok(p)
    }
}

/// Allocates an instance of `ty` laid out as `T`: header set (owned by this thread, one reference), body zeroed, type
/// referenced if it is a heap type. A GC object is not tracked yet: call `mem::gc::track` once the fields are set.
#[inline]
pub fn alloc_object<T: PyClass>(ty: &Type) -> PyResult<Ref<T>> {
    alloc_var_object(ty, 0)
}

/// The same with `nitems` items of `tp_itemsize` behind the fixed part; sets `ob_size` when the type has items.
pub fn alloc_var_object<T: PyClass>(ty: &Type, nitems: usize) -> PyResult<Ref<T>> {
    // SAFETY: a live type whose instances have layout `T`.
    unsafe {
        let p = alloc_raw(ty.as_raw(), nitems, false)?;
        let gc_class = (abi::Py_TPFLAGS_HEAPTYPE | abi::Py_TPFLAGS_HAVE_GC) as u64;
        if ty.flags() & gc_class == gc_class && !T::type_object().is_gc() {
            // An instance of a Python class over a plain native type: all that it can refer to is zero yet.
            gc::track(o(p));
        }
        Ok(Ref::from_raw(p.cast()))
    }
}

/// Frees a dying instance through `tp_free`: the end of the `tp_dealloc` of a static type. The reference to a heap
/// subtype is dropped by that subtype's own destructor.
///
/// # Safety
/// `p` is dying and its fields are gone.
#[inline]
pub unsafe fn free_object(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        match (*o(p).ty().as_raw()).tp_free {
            Some(f) => f(p.cast()),
            None => PyObject_Free(p.cast()),
        }
    }
}

/// The same for the `tp_dealloc` of a heap type: also drops the type's reference.
///
/// # Safety
/// As `free_object`.
pub unsafe fn free_heap_object(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        let t = o(p).ty().as_raw();
        free_object(p);
        crate::mem::threadcount::decref_type(t);
    }
}

impl Type {
    /// `tp_alloc`.
    #[inline]
    pub fn alloc(&self, nitems: usize) -> PyResult<*mut PyObject> {
        match self.slots().tp_alloc {
            Some(f) => {
                // SAFETY: a C slot of a live type.
                let p = unsafe { f(self.as_raw(), nitems as isize) };
                if p.is_null() { Err(crate::error::Raised::already_set()) } else { Ok(p) }
            }
            // SAFETY: a live type.
            None => unsafe { alloc_raw(self.as_raw(), nitems, true) },
        }
    }
}

/// `PyObject_Free`: frees a block of the object domain.
///
/// # Safety
/// `p` is null or a block of the object domain.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_Free(p: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { crate::mem::domains::obj_free(p) }
}

/// `PyType_GenericAlloc`.
///
/// # Safety
/// `t` is a ready type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyType_GenericAlloc(t: *mut PyTypeObject, nitems: isize) -> *mut PyObject {
    // SAFETY: the caller's promise.
    unsafe {
        match alloc_raw(t, nitems.max(0) as usize, true) {
            Ok(p) => {
                if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 {
                    gc::track(o(p));
                }
                p
            }
            Err(_) => core::ptr::null_mut(),
        }
    }
}

/// `PyType_GenericNew`.
///
/// # Safety
/// As `tp_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyType_GenericNew(
    t: *mut PyTypeObject,
    _args: *mut PyObject,
    _kw: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the caller's promise.
    match unsafe { Type::from_ptr(t) }.alloc(0) {
        Ok(p) => p,
        Err(_) => core::ptr::null_mut(),
    }
}

/// `PyObject_SelfIter`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_SelfIter(p: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's promise.
    unsafe { o(p) }.to_ref().into_ptr()
}

/// `PyObject_HashNotImplemented`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_HashNotImplemented(p: *mut PyObject) -> isize {
    // SAFETY: the caller's promise.
    size(|| Err(raise!(TypeError, "unhashable type: '{}'", unsafe { o(p) }.ty().tp_name())))
}

/// `_PyObject_NextNotImplemented`: a `tp_iternext` that says "not an iterator".
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_NextNotImplemented(p: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller's promise.
    obj::<Object>(|| Err(raise!(TypeError, "'{}' object is not iterable", unsafe { o(p) }.ty().tp_name())))
}
