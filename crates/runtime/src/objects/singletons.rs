//! `None`, `NotImplemented` and `Ellipsis`: the objects, exported under their C names, and their types.

use crate::object::{IMMORTAL_LOCAL, Object, PyRef, Type};
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize};

/// A header for a statically allocated, immortal object. The type's address is known at link time.
pub const fn immortal_header(ty: *mut Type) -> abi::PyObject {
    abi::PyObject {
        ob_tid: AtomicUsize::new(0),
        // _Py_STATICALLY_ALLOCATED_FLAG
        ob_flags: AtomicU16::new(4),
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

// The types of the singletons -----------------------------------------------------------------------------------------

use crate::prelude::{FuncArgs, PyResult, Ref, Str};
use crate::raise;
use macros::pyclass;

/// Layout of `None`.
#[repr(transparent)]
pub struct NoneObject(Object);
/// Layout of `NotImplemented`.
#[repr(transparent)]
pub struct NotImplementedObject(Object);
/// Layout of `Ellipsis`.
#[repr(transparent)]
pub struct EllipsisObject(Object);
crate::py_layout!(NoneObject, _PyNone_Type);
crate::py_layout!(NotImplementedObject, _PyNotImplemented_Type);
crate::py_layout!(EllipsisObject, PyEllipsis_Type);

fn no_arguments(args: FuncArgs<'_>, name: &str) -> PyResult<()> {
    if args.len() != 0 || args.has_keywords() {
        return Err(raise!(TypeError, "{} takes no arguments", name));
    }
    Ok(())
}

/// NoneType()
/// --
///
/// The type of the None singleton.
#[pyclass(name = "NoneType", type_object = _PyNone_Type, flags = "")]
impl NoneObject {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        no_arguments(args, "NoneType")?;
        Ok(none_ref())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(crate::intern!("None")))
    }
    #[slot]
    fn nb_bool(&self) -> bool {
        false
    }
    #[slot]
    fn tp_hash(&self) -> isize {
        0xfca86420
    }
    /// As `object` compares; the own hash keeps it from being inherited.
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: crate::protocol::CompareOp) -> PyResult<PyRef> {
        use crate::protocol::CompareOp;
        Ok(match op {
            CompareOp::Eq if self.is(other) => crate::prelude::true_().to_ref(),
            CompareOp::Ne if self.is(other) => crate::prelude::false_().to_ref(),
            _ => crate::objects::not_implemented().to_ref(),
        })
    }
    #[slot]
    fn tp_dealloc(_this: *mut Self) {
        // Immortal: a count that went wrong is put right.
        crate::mem::refcount::set_immortal(none());
    }
}

/// NotImplementedType()
/// --
///
/// The type of the NotImplemented singleton.
#[pyclass(name = "NotImplementedType", type_object = _PyNotImplemented_Type, flags = "")]
impl NotImplementedObject {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        no_arguments(args, "NotImplementedType")?;
        Ok(not_implemented_ref())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(crate::intern!("NotImplemented")))
    }
    #[slot]
    fn nb_bool(&self) -> PyResult<bool> {
        Err(raise!(TypeError, "NotImplemented should not be used in a boolean context"))
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(crate::intern!("NotImplemented")))
    }
    #[slot]
    fn tp_dealloc(_this: *mut Self) {
        crate::mem::refcount::set_immortal(not_implemented());
    }
}

/// ellipsis()
/// --
///
/// The type of the Ellipsis singleton.
#[pyclass(name = "ellipsis", type_object = PyEllipsis_Type, flags = "")]
impl EllipsisObject {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        no_arguments(args, "EllipsisType")?;
        Ok(ellipsis().to_ref())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(crate::intern!("Ellipsis")))
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(crate::intern!("Ellipsis")))
    }
    #[slot]
    fn tp_dealloc(_this: *mut Self) {
        crate::mem::refcount::set_immortal(ellipsis());
    }
}
