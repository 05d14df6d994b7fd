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

/// `PyBuffer_FillInfo`: a contiguous view of bytes.
///
/// # Safety
/// `view` is writable; `data` stays valid while `owner` is exported.
pub unsafe fn fill_info(view: *mut abi::Py_buffer, owner: &Object, data: *mut u8, len: usize, readonly: bool, flags: i32) -> PyResult<()> {
    if view.is_null() {
        return Err(raise!(BufferError, "PyBuffer_FillInfo: view==NULL argument is obsolete"));
    }
    if flags & abi::PyBUF_WRITABLE as i32 != 0 && readonly {
        return Err(raise!(BufferError, "Object is not writable."));
    }
    // SAFETY: the caller's promise.
    unsafe {
        let v = &mut *view;
        v.obj = owner.to_ref().into_ptr();
        v.buf = data.cast();
        v.len = len as isize;
        v.readonly = readonly as i32;
        v.itemsize = 1;
        v.format = if flags & abi::PyBUF_FORMAT as i32 != 0 { c"B".as_ptr().cast_mut() } else { core::ptr::null_mut() };
        v.ndim = 1;
        v.shape = if flags & abi::PyBUF_ND as i32 == abi::PyBUF_ND as i32 { &raw mut v.len } else { core::ptr::null_mut() };
        let strides = abi::PyBUF_STRIDES as i32;
        v.strides = if flags & strides == strides { &raw mut v.itemsize } else { core::ptr::null_mut() };
        v.suboffsets = core::ptr::null_mut();
        v.internal = core::ptr::null_mut();
    }
    Ok(())
}

/// Whether the items lie one after another in C order.
pub fn is_c_contiguous(v: &abi::Py_buffer) -> bool {
    if !v.suboffsets.is_null() {
        return false;
    }
    if v.strides.is_null() || v.len == 0 {
        return true;
    }
    let mut expect = v.itemsize;
    for i in (0..v.ndim as usize).rev() {
        // SAFETY: `ndim` entries each.
        let (n, s) = unsafe { (*v.shape.add(i), *v.strides.add(i)) };
        if n > 1 && s != expect {
            return false;
        }
        expect *= n;
    }
    true
}

/// Whether the items lie one after another in Fortran order.
pub fn is_f_contiguous(v: &abi::Py_buffer) -> bool {
    if !v.suboffsets.is_null() {
        return false;
    }
    if v.ndim <= 1 || v.len == 0 {
        return is_c_contiguous(v);
    }
    if v.strides.is_null() {
        // SAFETY: `ndim` entries.
        return (0..v.ndim as usize).filter(|&i| unsafe { *v.shape.add(i) } > 1).count() <= 1;
    }
    let mut expect = v.itemsize;
    for i in 0..v.ndim as usize {
        // SAFETY: `ndim` entries each.
        let (n, s) = unsafe { (*v.shape.add(i), *v.strides.add(i)) };
        if n > 1 && s != expect {
            return false;
        }
        expect *= n;
    }
    true
}

/// Follows a suboffset, if there is one.
///
/// # Safety
/// `p` points to an item or sub-array of the buffer in dimension `d`.
#[inline]
pub unsafe fn follow(v: &abi::Py_buffer, p: *mut u8, d: usize) -> *mut u8 {
    // SAFETY: a suboffset that is not negative says that a pointer lies at `p`.
    unsafe {
        if !v.suboffsets.is_null() && *v.suboffsets.add(d) >= 0 { (*p.cast::<*mut u8>()).offset(*v.suboffsets.add(d)) } else { p }
    }
}

/// Calls `f` with the address of every item in C (`fortran`: Fortran) order.
pub fn for_each_item(v: &abi::Py_buffer, fortran: bool, mut f: impl FnMut(*mut u8)) {
    let base = v.buf.cast::<u8>();
    let n = v.ndim as usize;
    if n == 0 {
        return f(base);
    }
    if v.shape.is_null() || v.strides.is_null() {
        for i in 0..v.len / v.itemsize.max(1) {
            // SAFETY: contiguous items.
            f(unsafe { base.offset(i * v.itemsize) });
        }
        return;
    }
    // SAFETY: `n` entries each.
    let (shape, strides) = unsafe { (core::slice::from_raw_parts(v.shape, n), core::slice::from_raw_parts(v.strides, n)) };
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0isize; n];
    loop {
        let mut p = base;
        for d in 0..n {
            // SAFETY: indices are within the shape.
            p = unsafe { follow(v, p.offset(strides[d] * index[d]), d) };
        }
        f(p);
        let mut k = 0;
        loop {
            if k == n {
                return;
            }
            let d = if fortran { k } else { n - 1 - k };
            index[d] += 1;
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
            k += 1;
        }
    }
}

/// The bytes in C order (`fortran`: in Fortran order).
pub fn to_bytes(v: &abi::Py_buffer, fortran: bool) -> Vec<u8> {
    if v.len == 0 {
        return Vec::new();
    }
    if if fortran { is_f_contiguous(v) } else { is_c_contiguous(v) } {
        // SAFETY: contiguous bytes.
        return unsafe { core::slice::from_raw_parts(v.buf.cast::<u8>(), v.len as usize) }.to_vec();
    }
    let mut out = Vec::with_capacity(v.len as usize);
    for_each_item(v, fortran, |p| {
        // SAFETY: an item of the buffer.
        out.extend_from_slice(unsafe { core::slice::from_raw_parts(p, v.itemsize as usize) });
    });
    out
}
