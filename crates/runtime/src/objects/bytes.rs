//! `bytes`.

use crate::error::raise_none;
use crate::objects::unicode::{block, hash::hash_bytes};
use crate::prelude::*;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicIsize, Ordering};

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

/// Where the data begins.
pub(crate) const HEADER: usize = core::mem::offset_of!(abi::PyBytesObject, ob_sval);

#[repr(C)]
struct Small {
    base: abi::PyBytesObject,
}
struct Smalls([MaybeUninit<Small>; 257]);
// SAFETY: immortal objects whose only changing field is accessed atomically.
unsafe impl Sync for Smalls {}

// The one-byte objects, and at the end the empty one. The terminator lies in the struct's padding.
static mut SMALLS: Smalls = {
    let mut t = [const { MaybeUninit::zeroed() }; 257];
    let mut i = 0;
    while i < 257 {
        t[i] = MaybeUninit::new(Small {
            base: abi::PyBytesObject {
                ob_base: abi::PyVarObject {
                    ob_base: crate::objects::long::immortal_header((&raw mut PyBytes_Type).cast()),
                    ob_size: (i < 256) as isize,
                },
                ob_shash: -1,
                ob_sval: [i as u8 as i8],
            },
        });
        i += 1;
    }
    Smalls(t)
};

impl Bytes {
    #[inline]
    pub fn new(data: &[u8]) -> PyResult<Ref<Bytes>> {
        if data.len() <= 1 {
            return Ok(match data {
                [b] => Bytes::single(*b),
                _ => Bytes::empty(),
            });
        }
        let b = Bytes::alloc(data.len())?;
        // SAFETY: fresh bytes of that length.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), b.data_ptr(), data.len()) };
        Ok(b)
    }
    /// Uninitialised bytes (terminated), for the caller to fill before anyone sees them.
    pub fn alloc(len: usize) -> PyResult<Ref<Bytes>> {
        if len == 0 {
            return Ok(Bytes::empty());
        }
        if len > isize::MAX as usize - HEADER - 1 {
            return Err(raise!(OverflowError, "byte string is too large"));
        }
        // SAFETY: a fresh block of header, data and terminator (at least the size of the layout).
        unsafe {
            let p =
                block::new_object(Bytes::type_object(), (HEADER + len + 1).max(size_of::<Bytes>()))?.cast::<Bytes>();
            (*p).base.ob_base.ob_size = len as isize;
            (*p).base.ob_shash = -1;
            p.cast::<u8>().add(HEADER + len).write(0);
            Ok(Ref::from_raw(p))
        }
    }
    /// `b""`.
    pub fn empty() -> Ref<Bytes> {
        // SAFETY: a complete immortal object.
        unsafe { Ref::new_ref(&*(&raw const SMALLS).cast::<Bytes>().add(256)) }
    }
    /// The immortal object of one byte.
    pub fn single(b: u8) -> Ref<Bytes> {
        // SAFETY: a complete immortal object.
        unsafe { Ref::new_ref(&*(&raw const SMALLS).cast::<Bytes>().add(b as usize)) }
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
        // SAFETY: within the object's own block.
        unsafe { (self as *const Bytes).cast::<u8>().cast_mut().add(HEADER) }
    }
    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes follow the header and do not change.
        unsafe { core::slice::from_raw_parts(self.data_ptr(), self.len()) }
    }
    /// The Python hash.
    pub fn hash_value(&self) -> isize {
        // SAFETY: an aligned isize of this object, accessed atomically.
        let slot = unsafe { &*(&raw const self.base.ob_shash).cast::<AtomicIsize>() };
        let h = slot.load(Ordering::Relaxed);
        if h != -1 {
            return h;
        }
        let h = hash_bytes(self.as_slice());
        slot.store(h, Ordering::Relaxed);
        h
    }
    /// Changes the length of bytes that only the caller refers to (`_PyBytes_Resize`).
    pub fn resize(b: Ref<Bytes>, len: usize) -> PyResult<Ref<Bytes>> {
        if len == b.len() {
            return Ok(b);
        }
        if !b.is_uniquely_referenced() || b.is_immortal() || len == 0 || b.base.ob_shash != -1 {
            let n = b.len().min(len);
            let out = Bytes::alloc(len)?;
            // SAFETY: fresh bytes at least that long.
            unsafe { core::ptr::copy_nonoverlapping(b.data_ptr(), out.data_ptr(), n) };
            return Ok(out);
        }
        let p = b.into_raw();
        // SAFETY: this thread owns the only reference.
        unsafe {
            match block::resize(p.cast(), (HEADER + len + 1).max(size_of::<Bytes>())) {
                Some(q) => {
                    let q = q.cast::<Bytes>();
                    (*q).base.ob_base.ob_size = len as isize;
                    (*q).base.ob_shash = -1;
                    q.cast::<u8>().add(HEADER + len).write(0);
                    Ok(Ref::from_raw(q))
                }
                None => {
                    drop(Ref::from_raw(p));
                    Err(raise_none(exc::MemoryError()))
                }
            }
        }
    }
    /// An exact `bytes` of the same content (`self` itself when it is one).
    pub fn to_exact(&self) -> PyResult<Ref<Bytes>> {
        if core::ptr::eq(self.ty(), Bytes::type_object()) {
            Ok(Ref::new_ref(self))
        } else {
            Bytes::new(self.as_slice())
        }
    }
    /// An instance of a subclass with this content.
    pub fn new_subclass(cls: &Type, data: &[u8]) -> PyResult<PyRef> {
        let raw = cls.alloc(data.len())?;
        // SAFETY: a fresh instance with room for the data and its terminator.
        unsafe {
            let p = raw.cast::<Bytes>();
            (*p).base.ob_shash = -1;
            (*p).base.ob_base.ob_size = data.len() as isize;
            let d = (*p).data_ptr();
            core::ptr::copy_nonoverlapping(data.as_ptr(), d, data.len());
            d.add(data.len()).write(0);
            Ok(Ref::from_raw(raw.cast()))
        }
    }
}

/// The bytes of an argument of `%b`: the buffer protocol or `__bytes__`.
pub fn format_argument(v: &Object) -> PyResult<Vec<u8>> {
    use crate::protocol::buffer::Buffer;
    let plain = v.downcast_exact::<Bytes>().is_some() || v.downcast::<crate::objects::ByteArray>().is_some();
    if !plain && let Some(f) = v.lookup_special(intern!("__bytes__"))? {
        let r = f.call0()?;
        return match r.downcast::<Bytes>() {
            Some(b) => Ok(b.as_slice().to_vec()),
            None => Err(raise!(TypeError, "__bytes__ returned non-bytes (type {})", r.ty().name_str())),
        };
    }
    if !crate::objects::byteops::has_buffer(v) {
        return Err(raise!(
            TypeError,
            "%b requires a bytes-like object, or an object that implements __bytes__, not '{}'",
            v.ty().name_str()
        ));
    }
    Ok(crate::objects::memory::to_bytes(&Buffer::get(v, abi::PyBUF_FULL_RO)?.info, false))
}
