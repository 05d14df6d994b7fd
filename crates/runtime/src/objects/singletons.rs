//! `None`, `NotImplemented` and `Ellipsis`: the objects, exported under their C names, and their types.

use crate::object::{IMMORTAL_LOCAL, Object, PyRef, Type};
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize};

/// A header for a statically allocated, immortal object. The type's address is known at link time.
pub const fn immortal_header(ty: *mut Type) -> abi::PyObject {
    abi::PyObject {
        ob_tid: AtomicUsize::new(0),
        ob_flags: AtomicU16::new(0),
        ob_mutex: abi::PyMutex { _bits: AtomicU8::new(0) },
        ob_gc_bits: AtomicU8::new(0),
        ob_ref_local: AtomicU32::new(IMMORTAL_LOCAL),
        ob_ref_shared: AtomicIsize::new(0),
        ob_type: AtomicPtr::new(ty.cast()),
    }
}

/// The value of a static type object before `init_static` fills it.
pub const fn unready_type() -> Type {
    // SAFETY: every field of a type object is a number, a nullable pointer or an optional function: zero is valid.
    unsafe { core::mem::MaybeUninit::zeroed().assume_init() }
}

/// Type of `None` (`types.NoneType`).
#[unsafe(no_mangle)]
pub static mut _PyNone_Type: Type = unready_type();
/// Type of `NotImplemented`.
#[unsafe(no_mangle)]
pub static mut _PyNotImplemented_Type: Type = unready_type();
/// Type of `Ellipsis`.
#[unsafe(no_mangle)]
pub static mut PyEllipsis_Type: Type = unready_type();

/// `None`.
#[unsafe(no_mangle)]
pub static mut _Py_NoneStruct: Object = Object(immortal_header(&raw mut _PyNone_Type));
/// `NotImplemented`.
#[unsafe(no_mangle)]
pub static mut _Py_NotImplementedStruct: Object = Object(immortal_header(&raw mut _PyNotImplemented_Type));
/// `Ellipsis`.
#[unsafe(no_mangle)]
pub static mut _Py_EllipsisObject: Object = Object(immortal_header(&raw mut PyEllipsis_Type));

/// `None`, borrowed.
#[inline(always)]
pub fn none() -> &'static Object {
    // SAFETY: immortal static.
    unsafe { &*(&raw const _Py_NoneStruct) }
}

/// `None`, as an owned reference (immortal: costs nothing).
#[inline(always)]
pub fn none_ref() -> PyRef {
    // SAFETY: immortal objects need no counting.
    unsafe { PyRef::from_raw(&raw mut _Py_NoneStruct) }
}

/// `NotImplemented`, borrowed.
#[inline(always)]
pub fn not_implemented() -> &'static Object {
    // SAFETY: immortal static.
    unsafe { &*(&raw const _Py_NotImplementedStruct) }
}

/// `NotImplemented`, as an owned reference.
#[inline(always)]
pub fn not_implemented_ref() -> PyRef {
    // SAFETY: immortal objects need no counting.
    unsafe { PyRef::from_raw(&raw mut _Py_NotImplementedStruct) }
}

/// `Ellipsis`, borrowed.
#[inline(always)]
pub fn ellipsis() -> &'static Object {
    // SAFETY: immortal static.
    unsafe { &*(&raw const _Py_EllipsisObject) }
}
