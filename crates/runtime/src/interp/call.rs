//! Calling Python functions.

use crate::prelude::*;

/// `vectorcall` of every Python function.
///
/// # Safety
/// The vectorcall protocol.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyFunction_Vectorcall(
    func: *mut abi::PyObject,
    args: *mut *mut abi::PyObject,
    nargsf: usize,
    kwnames: *mut abi::PyObject,
) -> *mut abi::PyObject {
    let _ = (func, args, nargsf, kwnames);
    todo!()
}
