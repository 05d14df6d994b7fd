//! Turning numbers into text, the format-spec mini language, `%` and `str.format`.

pub mod fields;
pub mod floats;
pub mod percent;
pub mod spec;

pub use floats::{float_flags, float_repr, format_float};
pub use spec::{format_complex_spec, format_float_spec, format_int, format_str_spec};
