//! Built-in functions and methods (to be written).
use crate::prelude::*;

/// A `builtin_function_or_method` over a method definition (`PyCMethod_New`).
///
/// # Safety
/// `def` outlives the function.
pub unsafe fn new_builtin(def: *mut abi::PyMethodDef, slf: Option<&Object>, module: Option<&Object>, cls: Option<&Type>) -> PyResult<PyRef> {
    let _ = (def, slf, module, cls);
    todo!()
}
