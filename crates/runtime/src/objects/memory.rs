//! `memoryview` and the managed buffer behind it.

use crate::prelude::*;

/// A `memoryview` object; shape, strides and suboffsets follow it.
#[repr(C)]
pub struct MemoryView {
    pub(crate) base: abi::PyMemoryViewObject,
}

py_layout!(MemoryView, PyMemoryView_Type);

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut PyMemoryView_Type: Type = Type::STATIC;

/// The shared owner of one exported buffer.
#[repr(C)]
pub struct ManagedBuffer {
    pub(crate) base: abi::_PyManagedBufferObject,
}

py_layout!(ManagedBuffer, _PyManagedBuffer_Type);

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut _PyManagedBuffer_Type: Type = Type::STATIC;

impl MemoryView {
    /// `memoryview(o)`.
    pub fn from_object(_o: &Object) -> PyResult<Ref<MemoryView>> {
        todo!()
    }
}
