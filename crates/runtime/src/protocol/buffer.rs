//! The buffer protocol.

use crate::error::PyResult;
use crate::object::Object;
use crate::raise;
use core::ffi::{CStr, c_int};

/// A filled `Py_buffer`, released when dropped. Boxed, because exporters may point into the struct.
pub struct Buffer {
    pub info: Box<abi::Py_buffer>,
}

// SAFETY: a buffer may be released by any attached thread.
unsafe impl Send for Buffer {}

/// Whether the object exports buffers.
pub fn has_buffer(o: &Object) -> bool {
    // SAFETY: a type's table lives as long as the type.
    unsafe { o.ty().slots().tp_as_buffer.as_ref() }.is_some_and(|b| b.bf_getbuffer.is_some())
}

/// Fills a view (`PyObject_GetBuffer`).
///
/// # Safety
/// `view` is writable and gets released later.
pub unsafe fn get_into(o: &Object, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
    if flags != abi::PyBUF_SIMPLE && (flags == abi::PyBUF_READ || flags == abi::PyBUF_WRITE) {
        return Err(raise!(SystemError, "bad argument to internal function"));
    }
    // SAFETY: a type's table lives as long as the type.
    let Some(f) = (unsafe { o.ty().slots().tp_as_buffer.as_ref() }).and_then(|b| b.bf_getbuffer) else {
        return Err(raise!(TypeError, "a bytes-like object is required, not '{}'", o.ty().tp_name()));
    };
    // SAFETY: a C slot.
    if unsafe { f(o.as_ptr(), view, flags) } < 0 { Err(super::failed()) } else { Ok(()) }
}

/// `PyBuffer_Release`.
///
/// # Safety
/// `view` was filled, or its `obj` is null.
pub unsafe fn release(view: *mut abi::Py_buffer) {
    // SAFETY: the caller's promise.
    unsafe {
        let obj = (*view).obj;
        if obj.is_null() {
            return;
        }
        let o = Object::from_ptr(obj);
        if let Some(f) = o.ty().slots().tp_as_buffer.as_ref().and_then(|b| b.bf_releasebuffer) {
            f(obj, view);
        }
        (*view).obj = core::ptr::null_mut();
        crate::object::decref(obj);
    }
}

impl Buffer {
    /// `PyObject_GetBuffer` with `PyBUF_*` flags.
    pub fn get(o: &Object, flags: i32) -> PyResult<Buffer> {
        // SAFETY: all-zero is a valid (empty) view.
        let mut info: Box<abi::Py_buffer> = Box::new(unsafe { core::mem::zeroed() });
        // SAFETY: the box lives as long as the buffer.
        unsafe { get_into(o, &mut *info, flags)? };
        Ok(Buffer { info })
    }

    /// The bytes of a contiguous buffer.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        if self.info.len <= 0 || self.info.buf.is_null() {
            return &[];
        }
        // SAFETY: the exporter keeps the memory until the release.
        unsafe { core::slice::from_raw_parts(self.info.buf.cast(), self.info.len as usize) }
    }

    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.info.buf.cast()
    }

    pub fn len(&self) -> usize {
        self.info.len as usize
    }

    pub fn is_empty(&self) -> bool {
        self.info.len == 0
    }

    pub fn is_readonly(&self) -> bool {
        self.info.readonly != 0
    }

    /// The struct format; `B` when the exporter gives none.
    pub fn format(&self) -> &str {
        if self.info.format.is_null() {
            return "B";
        }
        // SAFETY: a C string of the exporter.
        unsafe { CStr::from_ptr(self.info.format) }.to_str().unwrap_or("B")
    }

    /// `PyBuffer_IsContiguous` with order `C`, `F` or `A`.
    pub fn is_contiguous(&self, order: u8) -> bool {
        is_contiguous(&self.info, order)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: filled by `get`.
        unsafe { release(&mut *self.info) }
    }
}

fn dims(v: &abi::Py_buffer) -> (&[isize], &[isize]) {
    let n = v.ndim.max(0) as usize;
    // SAFETY: the exporter fills `ndim` entries.
    unsafe {
        let s = |p: *mut isize| if p.is_null() { &[][..] } else { core::slice::from_raw_parts(p, n) };
        (s(v.shape), s(v.strides))
    }
}

fn contiguous_in(v: &abi::Py_buffer, fortran: bool) -> bool {
    if v.len == 0 {
        return true;
    }
    let (shape, strides) = dims(v);
    if strides.is_empty() {
        return !fortran || v.ndim <= 1 || shape.iter().filter(|d| **d > 1).count() <= 1;
    }
    let mut sd = v.itemsize;
    let n = v.ndim.max(0) as usize;
    for k in 0..n {
        let i = if fortran { k } else { n - 1 - k };
        let d = shape.get(i).copied().unwrap_or(v.len / v.itemsize.max(1));
        if d > 1 && strides[i] != sd {
            return false;
        }
        sd *= d;
    }
    true
}

/// Whether the items lie contiguously in the order `C`, `F`, or `A` for either.
pub fn is_contiguous(v: &abi::Py_buffer, order: u8) -> bool {
    if !v.suboffsets.is_null() {
        return false;
    }
    match order {
        b'C' => contiguous_in(v, false),
        b'F' => contiguous_in(v, true),
        b'A' => contiguous_in(v, false) || contiguous_in(v, true),
        _ => false,
    }
}

/// Address of the item at `indices`.
///
/// # Safety
/// One index in range per dimension.
pub unsafe fn item_ptr(v: &abi::Py_buffer, indices: &[isize]) -> *mut u8 {
    let (_, strides) = dims(v);
    let mut p: *mut u8 = v.buf.cast();
    for (i, ix) in indices.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            p = p.offset(strides[i] * ix);
            if !v.suboffsets.is_null() {
                let so = *v.suboffsets.add(i);
                if so >= 0 {
                    p = p.cast::<*mut u8>().read().offset(so);
                }
            }
        }
    }
    p
}

/// Fills a view of plain bytes (`PyBuffer_FillInfo`).
///
/// # Safety
/// `view` is writable; `buf` stays valid while `obj` lives.
pub unsafe fn fill_info(
    view: *mut abi::Py_buffer,
    obj: Option<&Object>,
    buf: *mut u8,
    len: usize,
    readonly: bool,
    flags: c_int,
) -> PyResult<()> {
    if view.is_null() {
        return Err(raise!(BufferError, "PyBuffer_FillInfo: view==NULL argument is obsolete"));
    }
    if flags != abi::PyBUF_SIMPLE {
        if flags == abi::PyBUF_READ || flags == abi::PyBUF_WRITE {
            return Err(raise!(SystemError, "bad argument to internal function"));
        }
        if flags & abi::PyBUF_WRITABLE != 0 && readonly {
            return Err(raise!(BufferError, "Object is not writable."));
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        let v = &mut *view;
        v.obj = obj.map_or(core::ptr::null_mut(), |o| o.to_ref().into_ptr());
        v.buf = buf.cast();
        v.len = len as isize;
        v.readonly = readonly as c_int;
        v.itemsize = 1;
        v.ndim = 1;
        v.format = if flags & abi::PyBUF_FORMAT != 0 { c"B".as_ptr().cast_mut() } else { core::ptr::null_mut() };
        v.shape = if flags & abi::PyBUF_ND != 0 { &raw mut v.len } else { core::ptr::null_mut() };
        v.strides =
            if flags & abi::PyBUF_STRIDES == abi::PyBUF_STRIDES { &raw mut v.itemsize } else { core::ptr::null_mut() };
        v.suboffsets = core::ptr::null_mut();
        v.internal = core::ptr::null_mut();
    }
    Ok(())
}
