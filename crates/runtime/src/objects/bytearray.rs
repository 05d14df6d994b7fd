//! `bytearray`.

use crate::prelude::*;

/// A `bytearray` object. Guarded by its own lock (`ob_mutex`): take a critical section around any access.
#[repr(C)]
pub struct ByteArray {
    pub(crate) base: abi::PyByteArrayObject,
}

py_layout!(ByteArray, PyByteArray_Type);

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut PyByteArray_Type: Type = Type::STATIC;

impl ByteArray {
    pub fn new(_data: &[u8]) -> PyResult<Ref<ByteArray>> {
        todo!()
    }
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.base.ob_base.ob_size as usize
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The bytes now; the caller holds the object's lock for as long as it uses them.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes at `ob_start`; the caller's lock keeps them in place.
        unsafe { core::slice::from_raw_parts(self.base.ob_start.cast::<u8>(), self.len()) }
    }
    /// A copy, taken under the object's lock.
    pub fn to_vec(&self) -> Vec<u8> {
        crate::thread::critical(self, || self.as_slice().to_vec())
    }
    /// `PyByteArray_Resize`.
    pub fn resize(&self, _n: usize) -> PyResult<()> {
        todo!()
    }
}
