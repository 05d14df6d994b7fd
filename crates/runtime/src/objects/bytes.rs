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

/// The bytes of an argument of `%b`: the buffer protocol or `__bytes__`.
pub fn format_argument(v: &Object) -> PyResult<Vec<u8>> {
    use crate::protocol::buffer::Buffer;
    if v.ty().slots().tp_as_buffer.is_null() {
        if let Some(f) = v.lookup_special(intern!("__bytes__"))? {
            let r = f.call0()?;
            return match r.downcast::<Bytes>() {
                Some(b) => Ok(b.as_slice().to_vec()),
                None => Err(raise!(TypeError, "__bytes__ returned non-bytes (type {})", r.ty().name_str())),
            };
        }
        return Err(raise!(
            TypeError,
            "%b requires a bytes-like object, or an object that implements __bytes__, not '{}'",
            v.ty().name_str()
        ));
    }
    Ok(Buffer::get(v, abi::PyBUF_FULL_RO)?.as_slice().to_vec())
}
