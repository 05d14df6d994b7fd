//! Turning numbers into text and the format-spec mini language.

use crate::prelude::*;

/// `float.__repr__`'s text.
pub fn float_repr(_v: f64) -> String {
    todo!()
}

/// Flags of `format_float`.
pub mod float_flags {
    /// Always a sign.
    pub const SIGN: u32 = 1;
    /// Add ".0" when the text would look like an integer.
    pub const ADD_DOT_0: u32 = 2;
    /// Alternate form (`#`).
    pub const ALT: u32 = 4;
    /// No negative zero (`z`).
    pub const NO_NEG_0: u32 = 8;
}

/// `PyOS_double_to_string`: code is one of `e E f F g G r`.
pub fn format_float(_v: f64, _code: u8, _precision: usize, _flags: u32) -> String {
    todo!()
}

/// `int.__format__(spec)`.
pub fn format_int(_v: &Object, _spec: &Str) -> PyResult<Ref<Str>> {
    todo!()
}
/// `float.__format__(spec)`.
pub fn format_float_spec(_v: f64, _spec: &Str) -> PyResult<Ref<Str>> {
    todo!()
}
/// `complex.__format__(spec)`.
pub fn format_complex_spec(_re: f64, _im: f64, _spec: &Str) -> PyResult<Ref<Str>> {
    todo!()
}
/// `str.__format__(spec)`.
pub fn format_str_spec(_v: &Str, _spec: &Str) -> PyResult<Ref<Str>> {
    todo!()
}
