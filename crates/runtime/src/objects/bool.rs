//! `bool`: two immortal ints.

use crate::object::{Object, Type};
use crate::objects::long::{Int, ZEROED_TYPE, static_int};
use crate::py_layout;

/// A `bool`: an int whose value is 0 or 1.
#[repr(transparent)]
pub struct Bool(pub abi::PyLongObject);
py_layout!(@deref Bool);
// SAFETY: only True and False have this type, which cannot be subclassed.
unsafe impl crate::object::PyClass for Bool {
    #[inline(always)]
    fn type_object() -> &'static Type {
        // SAFETY: static type objects live as long as the process.
        unsafe { &*(&raw const PyBool_Type) }
    }
    #[inline(always)]
    fn is_instance(o: &Object) -> bool {
        core::ptr::eq(o.ty(), Self::type_object())
    }
}

/// The type `bool`.
#[unsafe(no_mangle)]
pub static mut PyBool_Type: Type = ZEROED_TYPE;
/// `True`.
#[unsafe(no_mangle)]
pub static mut _Py_TrueStruct: abi::PyLongObject = static_int(1, &raw mut PyBool_Type);
/// `False`.
#[unsafe(no_mangle)]
pub static mut _Py_FalseStruct: abi::PyLongObject = static_int(0, &raw mut PyBool_Type);

/// `True`.
#[inline(always)]
pub fn true_() -> &'static Bool {
    // SAFETY: a static object.
    unsafe { &*(&raw const _Py_TrueStruct).cast() }
}

/// `False`.
#[inline(always)]
pub fn false_() -> &'static Bool {
    // SAFETY: a static object.
    unsafe { &*(&raw const _Py_FalseStruct).cast() }
}

impl Bool {
    /// `True` or `False`.
    #[inline(always)]
    pub fn of(value: bool) -> &'static Bool {
        if value { true_() } else { false_() }
    }

    /// The Rust value.
    #[inline(always)]
    pub fn value(&self) -> bool {
        core::ptr::eq(self, true_())
    }

    /// The same object as an int.
    #[inline(always)]
    pub fn as_int(&self) -> &Int {
        // SAFETY: both are transparent over the same struct.
        unsafe { &*(self as *const Bool).cast() }
    }
}
