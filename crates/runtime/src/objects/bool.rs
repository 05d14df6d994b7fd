//! `bool`: two immortal ints.

use crate::convert::FuncArgs;
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::long::{Int, ZEROED_TYPE, static_int};
use crate::objects::{Str, not_implemented};
use crate::{intern, py_layout, raise};
use macros::pyclass;

/// A `bool`: an int whose value is 0 or 1.
#[repr(transparent)]
pub struct Bool(pub abi::PyLongObject);
py_layout!(@deref Bool);
// SAFETY: only True and False have this type, which cannot be subclassed.
unsafe impl PyClass for Bool {
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

fn construct(args: &FuncArgs<'_>) -> PyResult<PyRef> {
    args.no_keywords("bool")?;
    args.check_positional("bool", 0, 1)?;
    Ok(Bool::of(match args.get(0) {
        Some(o) => o.is_true()?,
        None => false,
    })
    .to_ref())
}

/// Applies a bitwise operator: bools stay bools, with an int the result is an int.
fn bitwise(
    a: &Object,
    b: &Object,
    on_bool: fn(bool, bool) -> bool,
    on_int: fn(&Int, &Int) -> PyResult<Ref<Int>>,
) -> PyResult<PyRef> {
    if let (Some(x), Some(y)) = (a.downcast::<Bool>(), b.downcast::<Bool>()) {
        return Ok(Bool::of(on_bool(x.value(), y.value())).to_ref());
    }
    match (Int::of(a), Int::of(b)) {
        (Some(x), Some(y)) => Ok(on_int(x, y)?.upcast()),
        _ => Ok(not_implemented().to_ref()),
    }
}

#[pyclass(name = "bool", type_object = PyBool_Type, base = Int, flags = "LONG_SUBCLASS|_MATCH_SELF",
    basicsize = core::mem::offset_of!(abi::PyLongObject, long_value.ob_digit), itemsize = 4,
    doc = "bool(object=False, /)\n--\n\nReturns True when the argument is true, False otherwise.\nThe builtins True and False are the only two instances of the class bool.\nThe class bool is a subclass of the class int, and cannot be subclassed.")]
impl Bool {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        construct(&args)
    }

    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        construct(&args)
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Ok(Ref::new_ref(if self.value() { intern!("True") } else { intern!("False") }))
    }

    #[slot]
    fn nb_invert(&self) -> PyResult<PyRef> {
        crate::error::warn(
            crate::error::exc::DeprecationWarning(),
            "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. This returns the bitwise inversion of the underlying int object and is usually not what you expect from negating a bool. Use the 'not' operator for boolean negation or ~int(x) if you really want the bitwise inversion of the underlying int.",
            1,
        )?;
        Ok(self.as_int().invert_int()?.upcast())
    }

    #[slot]
    fn nb_and(a: &Object, b: &Object) -> PyResult<PyRef> {
        bitwise(a, b, |x, y| x & y, Int::and_int)
    }

    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        bitwise(a, b, |x, y| x | y, Int::or_int)
    }

    #[slot]
    fn nb_xor(a: &Object, b: &Object) -> PyResult<PyRef> {
        bitwise(a, b, |x, y| x ^ y, Int::xor_int)
    }
}

/// Raises for what is no bool.
pub fn expect_bool(o: &Object) -> PyResult<bool> {
    match o.downcast::<Bool>() {
        Some(b) => Ok(b.value()),
        None => Err(raise!(TypeError, "attribute value type must be bool")),
    }
}
