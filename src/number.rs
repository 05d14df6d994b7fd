//! `abstract.h`, the number protocol.

use crate::export::fine;
use core::ffi::c_int;
use runtime::abi;
use runtime::prelude::*;

macro_rules! binary {
    ($($name:ident => $method:ident),* $(,)?) => {
        capi! {$(
            fn $name(a: &Object, b: &Object) -> *mut abi::PyObject {
                a.$method(b)
            }
        )*}
    };
}
macro_rules! unary {
    ($($name:ident => $method:ident),* $(,)?) => {
        capi! {$(
            fn $name(o: &Object) -> *mut abi::PyObject {
                o.$method()
            }
        )*}
    };
}

binary! {
    PyNumber_Add => add, PyNumber_Subtract => sub, PyNumber_Multiply => mul, PyNumber_MatrixMultiply => matmul,
    PyNumber_TrueDivide => truediv, PyNumber_FloorDivide => floordiv, PyNumber_Remainder => rem, PyNumber_Divmod => divmod,
    PyNumber_Lshift => lshift, PyNumber_Rshift => rshift, PyNumber_And => and, PyNumber_Or => or, PyNumber_Xor => xor,
    PyNumber_InPlaceAdd => inplace_add, PyNumber_InPlaceSubtract => inplace_sub, PyNumber_InPlaceMultiply => inplace_mul,
    PyNumber_InPlaceMatrixMultiply => inplace_matmul, PyNumber_InPlaceTrueDivide => inplace_truediv,
    PyNumber_InPlaceFloorDivide => inplace_floordiv, PyNumber_InPlaceRemainder => inplace_rem,
    PyNumber_InPlaceLshift => inplace_lshift, PyNumber_InPlaceRshift => inplace_rshift, PyNumber_InPlaceAnd => inplace_and,
    PyNumber_InPlaceOr => inplace_or, PyNumber_InPlaceXor => inplace_xor,
}
unary! {
    PyNumber_Negative => neg, PyNumber_Positive => pos, PyNumber_Absolute => abs, PyNumber_Invert => invert,
    PyNumber_Index => index, _PyNumber_Index => index, PyNumber_Long => to_int, PyNumber_Float => to_float,
}

capi! {
    fn PyNumber_Power(a: &Object, b: &Object, c: &Object) -> *mut abi::PyObject {
        a.pow(b, c)
    }
    fn PyNumber_InPlacePower(a: &Object, b: &Object, c: &Object) -> *mut abi::PyObject {
        a.inplace_pow(b, c)
    }
    fn PyNumber_Check(o: Option<&Object>) -> c_int {
        fine(o.is_some_and(Object::number_check))
    }
    fn PyIndex_Check(o: &Object) -> c_int {
        fine(o.index_check())
    }
    fn PyNumber_ToBase(o: &Object, base: c_int) -> *mut abi::PyObject {
        if ![2, 8, 10, 16].contains(&base) {
            return Err(raise!(SystemError, "PyNumber_ToBase: base must be 2, 8, 10 or 16"));
        }
        let index = o.index()?;
        if base == 10 { index.to_str_object() } else { index.to_prefixed(base as u32) }
    }
    /// With a null exception type, values out of range are clamped.
    fn PyNumber_AsSsize_t(o: &Object, error: Option<&Object>) -> isize {
        let index = o.index()?;
        match index.as_isize() {
            Ok(v) => Ok(v),
            Err(e) if e.matches(exc::OverflowError()) => {
                e.clear();
                match error {
                    None => Ok(if index.is_negative() { isize::MIN } else { isize::MAX }),
                    Some(t) => {
                        let message = Str::format(format_args!("cannot fit '{}' into an index-sized integer", o.ty().tp_name()))?;
                        Err(crate::errors::raise_any(t, Some(&message)))
                    }
                }
            }
            Err(e) => Err(e),
        }
    }
}
