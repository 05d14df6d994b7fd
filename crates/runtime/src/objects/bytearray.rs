//! `bytearray`.

use crate::error::raise_none;
use crate::objects::unicode::block;
use crate::prelude::*;
use crate::thread::critical;
use crate::typeobject::alloc_object;

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

/// What `PyByteArray_AS_STRING` points to when there is no buffer.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut _PyByteArray_empty_string: [core::ffi::c_char; 1] = [0];

impl ByteArray {
    pub fn new(data: &[u8]) -> PyResult<Ref<ByteArray>> {
        Self::new_of(ByteArray::type_object(), data)
    }
    /// A new instance of a type.
    pub fn new_of(cls: &Type, data: &[u8]) -> PyResult<Ref<ByteArray>> {
        let b = alloc_object::<ByteArray>(cls)?;
        if !data.is_empty() {
            b.set_len(data.len())?;
            // SAFETY: resized to that length; nobody else sees it yet.
            unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), b.start(), data.len()) };
        }
        Ok(b)
    }
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub(crate) fn raw(&self) -> *mut abi::PyByteArrayObject {
        (&raw const self.base).cast_mut()
    }
    #[inline(always)]
    pub fn len(&self) -> usize {
        // SAFETY: a field of this live object.
        unsafe { (&raw const (*self.raw()).ob_base.ob_size).read_volatile() as usize }
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The first byte's address (of a terminator when empty).
    #[inline(always)]
    pub fn start(&self) -> *mut u8 {
        // SAFETY: a field of this live object.
        let p = unsafe { (*self.raw()).ob_start.cast::<u8>() };
        if p.is_null() { (&raw mut _PyByteArray_empty_string).cast() } else { p }
    }
    /// The bytes now; the caller holds the object's lock for as long as it uses them.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `len` bytes at `ob_start`; the caller's lock keeps them in place.
        unsafe { core::slice::from_raw_parts(self.start(), self.len()) }
    }
    /// A copy, taken under the object's lock.
    pub fn to_vec(&self) -> Vec<u8> {
        critical(self, || self.as_slice().to_vec())
    }
    /// Runs `f` on the bytes, which cannot move meanwhile.
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        critical(self, || {
            let raw = self.raw();
            // SAFETY: under the lock; the export keeps the buffer in place even if the lock is suspended.
            unsafe { (*raw).ob_exports += 1 };
            let r = f(self.as_slice());
            // SAFETY: as above.
            unsafe { (*raw).ob_exports -= 1 };
            r
        })
    }
    /// Raises BufferError while somebody holds a view.
    pub fn check_resizable(&self) -> PyResult<()> {
        // SAFETY: under the object's lock.
        if unsafe { (*self.raw()).ob_exports } > 0 {
            return Err(raise!(BufferError, "Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }
    /// Sets the length; new bytes are uninitialised. The caller holds the lock (or is alone).
    pub fn set_len(&self, n: usize) -> PyResult<()> {
        let raw = self.raw();
        // SAFETY: under the object's lock; the fields describe one block from the side allocator.
        unsafe {
            let old = self.len();
            if n == old {
                return Ok(());
            }
            self.check_resizable()?;
            if n > isize::MAX as usize / 2 {
                return Err(raise_none(exc::MemoryError()));
            }
            let alloc = (*raw).ob_alloc as usize;
            let off = if (*raw).ob_bytes.is_null() { 0 } else { (*raw).ob_start.offset_from((*raw).ob_bytes) as usize };
            if n + off + 1 <= alloc && n >= alloc / 2 {
                (*raw).ob_base.ob_size = n as isize;
                self.start().add(n).write(0);
                return Ok(());
            }
            if n + off < alloc && n < alloc / 2 || n + 1 > alloc || off > 0 {
                // Too small by far: give memory back. Too large: grow by an eighth.
                let want = if n + 1 <= alloc {
                    n + 1
                } else if n <= alloc + alloc / 8 {
                    n + (n >> 3) + if n < 9 { 3 } else { 6 }
                } else {
                    n + 1
                };
                if off > 0 {
                    let p = block::side_alloc(want);
                    if p.is_null() {
                        return Err(raise_none(exc::MemoryError()));
                    }
                    core::ptr::copy_nonoverlapping(self.start(), p, old.min(n));
                    block::side_free((*raw).ob_bytes.cast());
                    (*raw).ob_bytes = p.cast();
                } else {
                    let p = block::side_realloc((*raw).ob_bytes.cast(), want);
                    if p.is_null() {
                        return Err(raise_none(exc::MemoryError()));
                    }
                    (*raw).ob_bytes = p.cast();
                }
                (*raw).ob_start = (*raw).ob_bytes;
                (*raw).ob_alloc = want as isize;
            }
            (*raw).ob_base.ob_size = n as isize;
            self.start().add(n).write(0);
            Ok(())
        }
    }
    /// `PyByteArray_Resize`.
    pub fn resize(&self, n: usize) -> PyResult<()> {
        critical(self, || self.set_len(n))
    }
    /// Replaces `self[a:b]` with `data`, which is not part of this object. The caller holds the lock.
    pub fn splice(&self, a: usize, b: usize, data: &[u8]) -> PyResult<()> {
        let n = self.len();
        let new = n - (b - a) + data.len();
        // SAFETY: ranges lie inside the buffer, before and after the resize; the caller holds the lock.
        unsafe {
            if data.len() < b - a {
                self.check_resizable()?;
                if a == 0 {
                    // Cheap removal at the front: move the start.
                    let raw = self.raw();
                    let k = b - data.len();
                    if !(*raw).ob_start.is_null() {
                        (*raw).ob_start = (*raw).ob_start.add(k);
                    }
                    (*raw).ob_base.ob_size = new as isize;
                    core::ptr::copy_nonoverlapping(data.as_ptr(), self.start(), data.len());
                    if new == 0 || new + 1 < (*raw).ob_alloc as usize / 2 {
                        self.compact()?;
                    }
                    return Ok(());
                }
                let p = self.start();
                core::ptr::copy(p.add(b), p.add(a + data.len()), n - b);
                self.set_len(new)?;
            } else if data.len() > b - a {
                self.set_len(new)?;
                let p = self.start();
                core::ptr::copy(p.add(b), p.add(a + data.len()), n - b);
            }
            core::ptr::copy_nonoverlapping(data.as_ptr(), self.start().add(a), data.len());
        }
        Ok(())
    }
    /// Moves the bytes into a block of their own size.
    fn compact(&self) -> PyResult<()> {
        let raw = self.raw();
        // SAFETY: under the object's lock.
        unsafe {
            let n = self.len();
            if (*raw).ob_bytes.is_null() {
                return Ok(());
            }
            let p = block::side_alloc(n + 1);
            if p.is_null() {
                return Err(raise_none(exc::MemoryError()));
            }
            core::ptr::copy_nonoverlapping(self.start(), p, n);
            p.add(n).write(0);
            block::side_free((*raw).ob_bytes.cast());
            (*raw).ob_bytes = p.cast();
            (*raw).ob_start = p.cast();
            (*raw).ob_alloc = n as isize + 1;
        }
        Ok(())
    }
    /// Appends bytes that are not part of this object.
    pub fn extend_from_slice(&self, data: &[u8]) -> PyResult<()> {
        critical(self, || self.splice(self.len(), self.len(), data))
    }
}
