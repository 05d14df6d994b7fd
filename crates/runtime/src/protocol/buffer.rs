//! The buffer protocol.
use crate::error::PyResult;
use crate::object::Object;

/// A filled `Py_buffer`, released when dropped.
pub struct Buffer {
    pub info: Box<abi::Py_buffer>,
}

impl Buffer {
    /// `PyObject_GetBuffer` with `PyBUF_*` flags.
    pub fn get(_o: &Object, _flags: i32) -> PyResult<Buffer> { todo!() }
    /// The bytes of a contiguous buffer.
    pub fn as_slice(&self) -> &[u8] { todo!() }
    pub fn as_mut_ptr(&self) -> *mut u8 { self.info.buf.cast() }
    pub fn len(&self) -> usize { self.info.len as usize }
}
