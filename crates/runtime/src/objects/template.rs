//! `string.templatelib.Template` and `Interpolation` (PEP 750).

use crate::prelude::*;

#[repr(C)]
pub struct Template {
    pub ob_base: abi::PyObject,
    pub strings: *mut abi::PyObject,
    pub interpolations: *mut abi::PyObject,
}

#[repr(C)]
pub struct Interpolation {
    pub ob_base: abi::PyObject,
    pub value: *mut abi::PyObject,
    pub expression: *mut abi::PyObject,
    pub conversion: *mut abi::PyObject,
    pub format_spec: *mut abi::PyObject,
}

#[unsafe(no_mangle)]
pub static mut _PyTemplate_Type: Type = Type::STATIC;
py_layout!(Template, _PyTemplate_Type);
#[unsafe(no_mangle)]
pub static mut _PyInterpolation_Type: Type = Type::STATIC;
py_layout!(Interpolation, _PyInterpolation_Type);
