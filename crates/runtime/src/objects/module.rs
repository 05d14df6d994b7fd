//! Module objects (to be completed).
use crate::prelude::*;

/// A module: CPython's internal layout.
#[repr(C)]
pub struct Module {
    pub ob_base: abi::PyObject,
    pub md_dict: *mut abi::PyObject,
    pub md_def: *mut abi::PyModuleDef,
    pub md_state: *mut core::ffi::c_void,
    pub md_weaklist: *mut abi::PyObject,
    pub md_name: *mut abi::PyObject,
    pub md_gil: *mut core::ffi::c_void,
}
/// The type `module`.
#[unsafe(no_mangle)]
pub static mut PyModule_Type: Type = Type::STATIC;
crate::py_layout!(Module, PyModule_Type);

impl Module {
    /// Adds an attribute (`PyModule_Add`).
    pub fn add(&self, name: &str, value: crate::object::PyRef) -> crate::error::PyResult<()> {
        let o: &crate::object::Object = self;
        o.setattr(crate::objects::Str::intern(name), &value)
    }
}
