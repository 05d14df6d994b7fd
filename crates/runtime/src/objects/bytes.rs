//! `bytes`.

use crate::prelude::*;

/// A `bytes` object: the data follows the header, with a zero byte after it.
#[repr(C)]
pub struct Bytes {
    pub(crate) base: abi::PyBytesObject,
}

py_layout!(Bytes, PyBytes_Type, abi::Py_TPFLAGS_BYTES_SUBCLASS);

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut PyBytes_Type: Type = Type::STATIC;

impl Bytes {
    pub fn new(_data: &[u8]) -> PyResult<Ref<Bytes>> {
        todo!()
    }
    /// Uninitialised bytes, for the caller to fill before anyone sees them.
    pub fn alloc(_len: usize) -> PyResult<Ref<Bytes>> {
        todo!()
    }
    pub fn empty() -> Ref<Bytes> {
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
    #[inline(always)]
    pub fn data_ptr(&self) -> *mut u8 {
        (&raw const self.base.ob_sval).cast::<u8>().cast_mut()
    }
    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes follow the header and do not change.
        unsafe { core::slice::from_raw_parts(self.data_ptr(), self.len()) }
    }
    pub fn hash_value(&self) -> isize {
        todo!()
    }
}
