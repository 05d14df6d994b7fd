//! `memoryview` and the managed buffer behind it.
//!
//! A `ManagedBuffer` owns one exported `Py_buffer`; any number of views share it. A view's own `Py_buffer` holds a borrowed
//! `obj`, and its shape, strides and suboffsets follow the view object. Export counts are atomic.

use crate::objects::{structcode, weakref};
use crate::prelude::*;
use crate::typeobject::{CompareOp, alloc_object, alloc_var_object};
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicI32, AtomicIsize, Ordering};
use macros::pyclass;

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

/// `PyObject_GetBuffer`.
unsafe fn get_into(o: &Object, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
    // SAFETY: a type's slot table; the slot's contract.
    unsafe {
        let t = o.ty().slots().tp_as_buffer;
        let Some(f) = t.as_ref().and_then(|b| b.bf_getbuffer) else {
            return Err(raise!(TypeError, "a bytes-like object is required, not '{}'", o.ty().name_str()));
        };
        if f(o.as_ptr(), view, flags) < 0 { Err(Raised::already_set()) } else { Ok(()) }
    }
}

/// `PyBuffer_Release`.
unsafe fn release(view: *mut abi::Py_buffer) {
    // SAFETY: a filled view.
    unsafe {
        let Some(o) = Object::from_ptr_opt((*view).obj) else { return };
        if let Some(f) = o.ty().slots().tp_as_buffer.as_ref().and_then(|b| b.bf_releasebuffer) {
            f(o.as_ptr(), view);
        }
        (*view).obj = core::ptr::null_mut();
        crate::object::decref(o.as_ptr());
    }
}

const RELEASED: c_int = 1;
const C: c_int = 2;
const FORTRAN: c_int = 4;
const SCALAR: c_int = 8;
const PIL: c_int = 16;
const RESTRICTED: c_int = 32;

impl ManagedBuffer {
    fn exports(&self) -> &AtomicIsize {
        // SAFETY: an aligned isize of this object, accessed atomically.
        unsafe { &*(&raw const self.base.exports).cast() }
    }
    fn flags(&self) -> &AtomicI32 {
        // SAFETY: as above.
        unsafe { &*(&raw const self.base.flags).cast() }
    }
    /// Takes over a filled buffer.
    fn take(view: abi::Py_buffer) -> PyResult<Ref<ManagedBuffer>> {
        let m = match alloc_object::<ManagedBuffer>(ManagedBuffer::type_object()) {
            Ok(m) => m,
            Err(e) => {
                let mut view = view;
                // SAFETY: filled by the caller.
                unsafe { release(&raw mut view) };
                return Err(e);
            }
        };
        // SAFETY: nobody else sees it yet.
        unsafe {
            let p = &raw mut (*m.as_raw()).base;
            let own_shape = view.shape == &raw const view.len as *mut isize;
            let own_strides = view.strides == &raw const view.itemsize as *mut isize;
            (&raw mut (*p).master).write(view);
            // Some exporters point shape and strides into the struct itself.
            if own_shape {
                (*p).master.shape = &raw mut (*p).master.len;
            }
            if own_strides {
                (*p).master.strides = &raw mut (*p).master.itemsize;
            }
        }
        crate::mem::gc::track(&m);
        Ok(m)
    }
    fn from_object(o: &Object, flags: c_int) -> PyResult<Ref<ManagedBuffer>> {
        let m = alloc_object::<ManagedBuffer>(ManagedBuffer::type_object())?;
        m.flags().store(RELEASED, Ordering::Relaxed);
        // SAFETY: the master's final place, so that pointers into it stay right.
        unsafe { get_into(o, &raw mut (*m.as_raw()).base.master, flags)? };
        m.flags().store(0, Ordering::Relaxed);
        crate::mem::gc::track(&m);
        Ok(m)
    }
    fn release_master(&self) {
        if self.flags().fetch_or(RELEASED, Ordering::AcqRel) & RELEASED == 0 {
            crate::mem::gc::untrack(self);
            // SAFETY: released once, by the flag.
            unsafe { release((&raw const self.base.master).cast_mut()) };
        }
    }
}

#[pyclass(name = "managedbuffer", type_object = _PyManagedBuffer_Type, flags = "HAVE_GC")]
impl ManagedBuffer {
    #[slot]
    fn tp_traverse(&self, visit: &mut crate::mem::Visitor) -> c_int {
        visit.visit_ptr(self.base.master.obj)
    }
    #[slot]
    fn tp_clear(&self) {
        if self.exports().load(Ordering::Relaxed) <= 0 {
            self.release_master();
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut ManagedBuffer) {
        // SAFETY: the last reference is gone.
        unsafe {
            let m = &*this;
            if m.flags().load(Ordering::Relaxed) & RELEASED == 0 {
                m.release_master();
            } else {
                crate::mem::gc::untrack(m);
            }
            if let Some(free) = m.ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
}

fn c_format(v: &abi::Py_buffer) -> &CStr {
    // SAFETY: a format is a C string that lives as long as the buffer.
    if v.format.is_null() { c"B" } else { unsafe { CStr::from_ptr(v.format) } }
}

/// The code of a native one-character format.
fn native_code(f: &CStr) -> Option<u8> {
    let b = f.to_bytes();
    let b = b.strip_prefix(b"@").unwrap_or(b);
    match b {
        [c] if structcode::native_size(*c).is_some() => Some(*c),
        _ => None,
    }
}

/// A static copy of a native format's text.
fn static_format(f: &[u8]) -> Option<*mut c_char> {
    const TEXTS: &[&CStr] = &[
        c"c", c"b", c"B", c"h", c"H", c"i", c"I", c"l", c"L", c"q", c"Q", c"n", c"N", c"f", c"d", c"e", c"?", c"P",
        c"F", c"D", c"@c", c"@b", c"@B", c"@h", c"@H", c"@i", c"@I", c"@l", c"@L", c"@q", c"@Q", c"@n", c"@N", c"@f",
        c"@d", c"@e", c"@?", c"@P", c"@F", c"@D",
    ];
    TEXTS.iter().find(|t| t.to_bytes() == f).map(|t| t.as_ptr().cast_mut())
}

impl MemoryView {
    fn flags_cell(&self) -> &AtomicI32 {
        // SAFETY: an aligned int of this object, accessed atomically.
        unsafe { &*(&raw const self.base.flags).cast() }
    }
    fn exports(&self) -> &AtomicIsize {
        // SAFETY: as above.
        unsafe { &*(&raw const self.base.exports).cast() }
    }
    fn hash_cell(&self) -> &AtomicIsize {
        // SAFETY: as above.
        unsafe { &*(&raw const self.base.hash).cast() }
    }
    fn mbuf(&self) -> &ManagedBuffer {
        // SAFETY: set at creation, owned.
        unsafe { &*self.base.mbuf.cast::<ManagedBuffer>() }
    }
    /// The view's own buffer description.
    pub fn view(&self) -> &abi::Py_buffer {
        &self.base.view
    }
    pub fn is_released(&self) -> bool {
        self.flags_cell().load(Ordering::Acquire) & RELEASED != 0
            || self.mbuf().flags().load(Ordering::Acquire) & RELEASED != 0
    }
    fn check(&self) -> PyResult<()> {
        if self.is_released() {
            return Err(raise!(ValueError, "operation forbidden on released memoryview object"));
        }
        Ok(())
    }
    fn check_restricted(&self) -> PyResult<()> {
        if self.flags_cell().load(Ordering::Relaxed) & RESTRICTED != 0 {
            return Err(raise!(ValueError, "cannot create new view on restricted memoryview"));
        }
        Ok(())
    }
    fn ndim(&self) -> usize {
        self.view().ndim as usize
    }
    /// Lengths of the dimensions.
    pub fn shape(&self) -> &[isize] {
        // SAFETY: a view always has shape and strides of `ndim` entries.
        unsafe { core::slice::from_raw_parts(self.view().shape, self.ndim()) }
    }
    pub fn strides(&self) -> &[isize] {
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts(self.view().strides, self.ndim()) }
    }
    fn suboffsets(&self) -> &[isize] {
        let p = self.view().suboffsets;
        // SAFETY: `ndim` entries when present.
        if p.is_null() { &[] } else { unsafe { core::slice::from_raw_parts(p, self.ndim()) } }
    }

    /// A view of `ndim` dimensions whose arrays are to be filled.
    fn alloc(mbuf: &ManagedBuffer, ndim: usize) -> PyResult<Ref<MemoryView>> {
        let m = alloc_var_object::<MemoryView>(MemoryView::type_object(), 3 * ndim)?;
        // SAFETY: nobody else sees it yet; the arrays follow the object.
        unsafe {
            let p = &raw mut (*m.as_raw()).base;
            (*p).hash = -1;
            (*p).mbuf = mbuf.to_ref().into_ptr().cast();
            let a = (&raw mut (*p).ob_array).cast::<isize>();
            (*p).view.ndim = ndim as c_int;
            (*p).view.shape = a;
            (*p).view.strides = a.add(ndim);
            (*p).view.suboffsets = a.add(2 * ndim);
        }
        mbuf.exports().fetch_add(1, Ordering::AcqRel);
        Ok(m)
    }

    fn set_flags(&self) {
        let v = self.view();
        let mut f = 0;
        match v.ndim {
            0 => f = SCALAR | C | FORTRAN,
            _ => {
                if is_c_contiguous(v) {
                    f |= C;
                }
                if is_f_contiguous(v) {
                    f |= FORTRAN;
                }
            }
        }
        if !v.suboffsets.is_null() {
            f |= PIL;
            f &= !(C | FORTRAN);
        }
        self.flags_cell().store(f, Ordering::Relaxed);
    }

    /// A view of `src` that shares `mbuf`.
    fn register(mbuf: &ManagedBuffer, src: &abi::Py_buffer) -> PyResult<Ref<MemoryView>> {
        if src.ndim as usize > abi::PyBUF_MAX_NDIM as usize {
            return Err(raise!(ValueError, "memoryview: number of dimensions must not exceed {}", abi::PyBUF_MAX_NDIM));
        }
        let n = src.ndim as usize;
        let m = MemoryView::alloc(mbuf, n)?;
        // SAFETY: nobody else sees the view; the source's arrays have `n` entries when present.
        unsafe {
            let d = &raw mut (*m.as_raw()).base.view;
            (*d).obj = src.obj;
            (*d).buf = src.buf;
            (*d).len = src.len;
            (*d).itemsize = src.itemsize;
            (*d).readonly = src.readonly;
            (*d).format = if src.format.is_null() { c"B".as_ptr().cast_mut() } else { src.format };
            (*d).internal = src.internal;
            let (shape, strides) = ((*d).shape, (*d).strides);
            if n == 1 {
                shape.write(if src.shape.is_null() { src.len / src.itemsize.max(1) } else { *src.shape });
                strides.write(if src.strides.is_null() { src.itemsize } else { *src.strides });
            } else if n > 1 {
                for i in 0..n {
                    shape.add(i).write(*src.shape.add(i));
                }
                if src.strides.is_null() {
                    let mut s = src.itemsize;
                    for i in (0..n).rev() {
                        strides.add(i).write(s);
                        s *= *shape.add(i);
                    }
                } else {
                    for i in 0..n {
                        strides.add(i).write(*src.strides.add(i));
                    }
                }
            }
            if src.suboffsets.is_null() {
                (*d).suboffsets = core::ptr::null_mut();
            } else {
                for i in 0..n {
                    (*d).suboffsets.add(i).write(*src.suboffsets.add(i));
                }
            }
        }
        m.set_flags();
        crate::mem::gc::track(&m);
        Ok(m)
    }

    /// Another view of `base`'s memory, as `description` says.
    pub fn with_description(base: &MemoryView, description: &abi::Py_buffer) -> PyResult<Ref<MemoryView>> {
        MemoryView::register(base.mbuf(), description)
    }

    /// `memoryview(o)`.
    pub fn from_object(o: &Object) -> PyResult<Ref<MemoryView>> {
        Self::from_object_flags(o, abi::PyBUF_FULL_RO)
    }

    pub fn from_object_flags(o: &Object, flags: c_int) -> PyResult<Ref<MemoryView>> {
        if let Some(mv) = o.downcast::<MemoryView>() {
            mv.check()?;
            mv.check_restricted()?;
            return MemoryView::register(mv.mbuf(), mv.view());
        }
        if !crate::objects::byteops::has_buffer(o) {
            return Err(raise!(TypeError, "memoryview: a bytes-like object is required, not '{}'", o.ty().name_str()));
        }
        let m = ManagedBuffer::from_object(o, flags)?;
        MemoryView::register(&m, &m.base.master)
    }

    /// A view that the given slot of a base class fills (`__buffer__` of a native type).
    ///
    /// # Safety
    /// `get` is the `bf_getbuffer` of a type that `o` is an instance of.
    pub unsafe fn from_buffer_proc(
        o: &Object,
        flags: c_int,
        get: unsafe extern "C" fn(*mut abi::PyObject, *mut abi::Py_buffer, c_int) -> c_int,
    ) -> PyResult<Ref<MemoryView>> {
        let m = alloc_object::<ManagedBuffer>(ManagedBuffer::type_object())?;
        m.flags().store(RELEASED, Ordering::Relaxed);
        // SAFETY: the caller's promise; the master is in its final place.
        if unsafe { get(o.as_ptr(), &raw mut (*m.as_raw()).base.master, flags) } < 0 {
            return Err(Raised::already_set());
        }
        m.flags().store(0, Ordering::Relaxed);
        crate::mem::gc::track(&m);
        MemoryView::register(&m, &m.base.master)
    }

    /// A view of memory that the caller keeps alive (`PyMemoryView_FromMemory`).
    pub fn from_memory(p: *mut u8, len: usize, writable: bool) -> PyResult<Ref<MemoryView>> {
        // SAFETY: a buffer description may be all zero.
        let mut v: abi::Py_buffer = unsafe { core::mem::zeroed() };
        v.buf = p.cast();
        v.len = len as isize;
        v.itemsize = 1;
        v.readonly = !writable as c_int;
        v.ndim = 1;
        v.format = c"B".as_ptr().cast_mut();
        let m = ManagedBuffer::take(v)?;
        MemoryView::register(&m, &m.base.master)
    }

    /// A view of a filled buffer, of which it does not take the reference (`PyMemoryView_FromBuffer`).
    pub fn from_buffer(src: &abi::Py_buffer) -> PyResult<Ref<MemoryView>> {
        if src.buf.is_null() {
            return Err(raise!(ValueError, "PyMemoryView_FromBuffer(): info->buf must not be NULL"));
        }
        // SAFETY: a plain struct of numbers and pointers.
        let mut v = unsafe { core::ptr::read(src) };
        v.obj = core::ptr::null_mut();
        if core::ptr::eq(src.shape, &src.len) {
            v.shape = core::ptr::null_mut();
        }
        if core::ptr::eq(src.strides, &src.itemsize) {
            v.strides = core::ptr::null_mut();
        }
        let m = ManagedBuffer::take(v)?;
        MemoryView::register(&m, &m.base.master)
    }

    /// `PyMemoryView_GetContiguous`: a view that is contiguous in the given order (`C`, `F` or `A`), a copy if need be.
    pub fn get_contiguous(o: &Object, writable: bool, order: u8) -> PyResult<Ref<MemoryView>> {
        let mv = MemoryView::from_object(o)?;
        let v = mv.view();
        if writable && v.readonly != 0 {
            return Err(raise!(BufferError, "underlying buffer is not writable"));
        }
        let ok = match order {
            b'C' => is_c_contiguous(v),
            b'F' => is_f_contiguous(v),
            _ => is_c_contiguous(v) || is_f_contiguous(v),
        };
        if ok {
            return Ok(mv);
        }
        if writable {
            return Err(raise!(BufferError, "writable contiguous buffer requested for a non-contiguous object."));
        }
        let fortran = order == b'F';
        let copy = Bytes::new(&to_bytes(v, fortran))?;
        let flat = MemoryView::from_object(&copy)?;
        let n = v.ndim as usize;
        let out = MemoryView::alloc(flat.mbuf(), n)?;
        // SAFETY: nobody else sees the view; the copy is contiguous with this shape.
        unsafe {
            let d = &raw mut (*out.as_raw()).base.view;
            (*d).obj = flat.view().obj;
            (*d).buf = flat.view().buf;
            (*d).len = v.len;
            (*d).itemsize = v.itemsize;
            (*d).readonly = 1;
            (*d).format = static_format(c_format(v).to_bytes()).unwrap_or(c"B".as_ptr().cast_mut());
            let mut s = v.itemsize;
            for k in 0..n {
                let i = if fortran { k } else { n - 1 - k };
                (*d).shape.add(i).write(mv.shape()[i]);
                (*d).strides.add(i).write(s);
                s *= mv.shape()[i];
            }
            (*d).suboffsets = core::ptr::null_mut();
        }
        out.set_flags();
        crate::mem::gc::track(&out);
        Ok(out)
    }

    fn release_view(&self) -> PyResult<()> {
        if self.flags_cell().load(Ordering::Acquire) & RELEASED != 0 {
            return Ok(());
        }
        let n = self.exports().load(Ordering::Acquire);
        if n > 0 {
            return Err(raise!(BufferError, "memoryview has {} exported buffer{}", n, if n == 1 { "" } else { "s" }));
        }
        if self.flags_cell().fetch_or(RELEASED, Ordering::AcqRel) & RELEASED == 0
            && self.mbuf().exports().fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.mbuf().release_master();
        }
        Ok(())
    }

    /// Reads the item at `p`.
    fn unpack(&self, p: *const u8) -> PyResult<PyRef> {
        let f = c_format(self.view());
        match native_code(f) {
            // SAFETY: an item of this view.
            Some(c) => unsafe { structcode::unpack(c, p) },
            None => Err(raise!(NotImplementedError, "memoryview: format {} not supported", f.to_string_lossy())),
        }
    }

    fn pack(&self, p: *mut u8, v: &Object) -> PyResult<()> {
        let f = c_format(self.view());
        let Some(c) = native_code(f) else {
            return Err(raise!(NotImplementedError, "memoryview: format {} not supported", f.to_string_lossy()));
        };
        // SAFETY: an item of this view, which is writable.
        match unsafe { structcode::pack(c, p, v) } {
            Ok(()) => Ok(()),
            Err(structcode::PackError::Type) => {
                Err(raise!(TypeError, "memoryview: invalid type for format '{}'", f.to_string_lossy()))
            }
            Err(structcode::PackError::Value) => {
                Err(raise!(ValueError, "memoryview: invalid value for format '{}'", f.to_string_lossy()))
            }
            Err(structcode::PackError::Raised(e)) => Err(e),
        }
    }

    /// The address of `self[index]` in one dimension.
    fn lookup(&self, p: *mut u8, index: isize, dim: usize) -> PyResult<*mut u8> {
        let n = self.shape()[dim];
        let i = if index < 0 { index + n } else { index };
        if i < 0 || i >= n {
            return Err(raise!(IndexError, "index out of bounds on dimension {}", dim + 1));
        }
        // SAFETY: within the shape.
        unsafe { Ok(follow(self.view(), p.offset(self.strides()[dim] * i), dim)) }
    }

    fn item_pointer(&self, key: &Object) -> PyResult<Option<*mut u8>> {
        let base = self.view().buf.cast::<u8>();
        if key.index_check() {
            match self.ndim() {
                0 => return Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
                1 => {
                    let i = key.as_isize_or(exc::IndexError())?;
                    self.check()?;
                    return self.lookup(base, i, 0).map(Some);
                }
                _ => return Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented")),
            }
        }
        if let Some(t) = key.downcast::<Tuple>()
            && t.iter().all(|x| x.index_check())
        {
            if t.len() > self.ndim() {
                return Err(raise!(
                    TypeError,
                    "cannot index {}-dimension view with {}-element tuple",
                    self.ndim(),
                    t.len()
                ));
            }
            if t.len() < self.ndim() {
                return Err(raise!(NotImplementedError, "sub-views are not implemented"));
            }
            let mut p = base;
            for (d, x) in t.iter().enumerate() {
                let i = x.as_isize_or(exc::IndexError())?;
                self.check()?;
                p = self.lookup(p, i, d)?;
            }
            return Ok(Some(p));
        }
        Ok(None)
    }

    /// A view of `self[a:b:s]` (one dimension).
    fn slice(&self, s: &Slice) -> PyResult<Ref<MemoryView>> {
        self.check_restricted()?;
        let (start, stop, step) = s.unpack()?;
        self.check()?;
        let m = MemoryView::register(self.mbuf(), self.view())?;
        let ix = Slice::adjust(self.shape()[0] as usize, start, stop, step);
        // SAFETY: nobody else sees the new view.
        unsafe {
            let d = &raw mut (*m.as_raw()).base.view;
            let off = self.strides()[0] * ix.start;
            if ix.count > 0 || off != 0 {
                (*d).buf = (*d).buf.cast::<u8>().wrapping_offset(off).cast();
            }
            *(*d).shape = ix.count as isize;
            *(*d).strides = self.strides()[0] * ix.step;
            (*d).len = (0..self.ndim()).map(|i| *(*d).shape.add(i)).product::<isize>() * (*d).itemsize;
        }
        m.set_flags();
        Ok(m)
    }

    fn to_list_dim(&self, p: *mut u8, dim: usize) -> PyResult<PyRef> {
        let n = self.shape()[dim];
        let mut v = Vec::with_capacity(n as usize);
        for i in 0..n {
            // SAFETY: within the shape.
            let q = unsafe { follow(self.view(), p.offset(self.strides()[dim] * i), dim) };
            v.push(if dim + 1 == self.ndim() { self.unpack(q)? } else { self.to_list_dim(q, dim + 1)? });
        }
        Ok(List::from_vec(v)?.upcast())
    }

    fn ints(v: &[isize]) -> PyResult<Ref<Tuple>> {
        let mut out = Vec::with_capacity(v.len());
        for &x in v {
            out.push(Int::from_i64(x as i64)?.upcast());
        }
        Tuple::from_refs(out)
    }

    fn nbytes_now(&self) -> isize {
        self.shape().iter().product::<isize>() * self.view().itemsize
    }

    fn cast_to(&self, format: &Str, shape: Option<&Object>) -> PyResult<Ref<MemoryView>> {
        let bad_format = || {
            raise!(
                ValueError,
                "memoryview: destination format must be a native single character format prefixed with an optional '@'"
            )
        };
        if !is_c_contiguous(self.view()) {
            return Err(raise!(TypeError, "memoryview: casts are restricted to C-contiguous views"));
        }
        if (shape.is_some() || self.ndim() != 1) && self.shape().contains(&0) {
            return Err(raise!(TypeError, "memoryview: cannot cast view with zeros in shape or strides"));
        }
        let text = format.to_string_lossy();
        let Some(fmt) = static_format(text.as_bytes()) else { return Err(bad_format()) };
        // SAFETY: a static C string.
        let Some(code) = native_code(unsafe { CStr::from_ptr(fmt) }) else { return Err(bad_format()) };
        let size = structcode::native_size(code).unwrap_or(1) as isize;
        let is_byte = |c: u8| matches!(c, b'b' | b'B' | b'c');
        // Anything can be seen as bytes.
        if !is_byte(code) && !native_code(c_format(self.view())).is_some_and(is_byte) {
            return Err(raise!(TypeError, "memoryview: cannot cast between two non-byte formats"));
        }
        let len = self.view().len;
        if len % size != 0 {
            return Err(raise!(TypeError, "memoryview: length is not a multiple of itemsize"));
        }
        let mut dims: Vec<isize> = vec![len / size];
        if let Some(s) = shape {
            let items: Vec<PyRef> = if let Some(l) = s.downcast::<List>() {
                l.snapshot()
            } else if let Some(t) = s.downcast::<Tuple>() {
                t.iter().map(|x| x.to_ref()).collect()
            } else {
                return Err(raise!(TypeError, "shape must be a list or a tuple"));
            };
            if items.len() > abi::PyBUF_MAX_NDIM as usize {
                return Err(raise!(
                    ValueError,
                    "memoryview: number of dimensions must not exceed {}",
                    abi::PyBUF_MAX_NDIM
                ));
            }
            if self.ndim() != 1 && items.len() != 1 {
                return Err(raise!(TypeError, "memoryview: cast must be 1D -> ND or ND -> 1D"));
            }
            dims.clear();
            let mut product: isize = size;
            for x in &items {
                if x.downcast::<Int>().is_none() {
                    return Err(raise!(TypeError, "memoryview.cast(): elements of shape must be integers"));
                }
                let n = x.as_isize()?;
                if n <= 0 {
                    return Err(raise!(ValueError, "memoryview.cast(): elements of shape must be integers > 0"));
                }
                product = product
                    .checked_mul(n)
                    .ok_or_else(|| raise!(ValueError, "memoryview.cast(): product(shape) > SSIZE_MAX"))?;
                dims.push(n);
            }
            if product != len {
                return Err(raise!(TypeError, "memoryview: product(shape) * itemsize != buffer size"));
            }
        }
        let n = dims.len();
        let m = MemoryView::alloc(self.mbuf(), n)?;
        // SAFETY: nobody else sees the view.
        unsafe {
            let d = &raw mut (*m.as_raw()).base.view;
            let src = self.view();
            (*d).obj = src.obj;
            (*d).buf = src.buf;
            (*d).len = len;
            (*d).itemsize = size;
            (*d).readonly = src.readonly;
            (*d).format = fmt;
            let mut s = size;
            for i in (0..n).rev() {
                (*d).shape.add(i).write(dims[i]);
                (*d).strides.add(i).write(s);
                s *= dims[i];
            }
            (*d).suboffsets = core::ptr::null_mut();
        }
        m.set_flags();
        crate::mem::gc::track(&m);
        Ok(m)
    }
}

/// Reads items of any format: natively, or through `struct`.
enum Unpacker {
    Native(u8),
    Struct(PyRef, usize),
}

impl Unpacker {
    fn new(v: &abi::Py_buffer) -> PyResult<Option<Unpacker>> {
        let f = c_format(v);
        if let Some(c) = native_code(f) {
            return Ok(Some(Unpacker::Native(c)));
        }
        let module = crate::interp::current_builtins()?.get_item(intern!("__import__"))?.call1(intern!("struct"))?;
        let fmt = Str::new(&f.to_string_lossy())?;
        match module.call_method(intern!("Struct"), &[&fmt]) {
            Ok(s) => {
                let size = s.getattr(intern!("size"))?.as_isize()?;
                if size != v.itemsize {
                    return Ok(None);
                }
                Ok(Some(Unpacker::Struct(s.getattr(intern!("unpack_from"))?, v.itemsize as usize)))
            }
            Err(e) => {
                e.clear();
                Ok(None)
            }
        }
    }
    fn get(&self, p: *const u8) -> PyResult<PyRef> {
        match self {
            // SAFETY: an item of the buffer this was made for.
            Unpacker::Native(c) => unsafe { structcode::unpack(*c, p) },
            Unpacker::Struct(f, n) => {
                // SAFETY: as above.
                let b = Bytes::new(unsafe { core::slice::from_raw_parts(p, *n) })?;
                let t = f.call1(&b)?;
                match t.downcast::<Tuple>() {
                    Some(x) if x.len() == 1 => Ok(x.get(0).to_ref()),
                    _ => Ok(t),
                }
            }
        }
    }
}

fn equal_views(a: &abi::Py_buffer, b: &abi::Py_buffer) -> PyResult<bool> {
    if a.ndim != b.ndim {
        return Ok(false);
    }
    let n = a.ndim as usize;
    let dim = |v: &abi::Py_buffer, i: usize| {
        // SAFETY: `ndim` entries when present.
        if v.shape.is_null() { v.len / v.itemsize.max(1) } else { unsafe { *v.shape.add(i) } }
    };
    for i in 0..n {
        if dim(a, i) != dim(b, i) {
            return Ok(false);
        }
        if dim(a, i) == 0 {
            break;
        }
    }
    let (fa, fb) = (native_code(c_format(a)), native_code(c_format(b)));
    if let (Some(x), Some(y)) = (fa, fb)
        && x == y
        && !matches!(x, b'f' | b'd' | b'e' | b'F' | b'D' | b'?')
    {
        if is_c_contiguous(a) && is_c_contiguous(b) {
            // SAFETY: contiguous bytes of equal shape and format.
            return Ok(unsafe {
                core::slice::from_raw_parts(a.buf.cast::<u8>(), a.len as usize)
                    == core::slice::from_raw_parts(b.buf.cast::<u8>(), b.len as usize)
            } || a.len == 0);
        }
        return Ok(to_bytes(a, false) == to_bytes(b, false));
    }
    let (Some(ua), Some(ub)) = (Unpacker::new(a)?, Unpacker::new(b)?) else { return Ok(false) };
    let (mut pa, mut pb) = (Vec::new(), Vec::new());
    for_each_item(a, false, |p| pa.push(p));
    for_each_item(b, false, |p| pb.push(p));
    for (x, y) in pa.into_iter().zip(pb) {
        // Values are compared without the identity shortcut: a NaN is not equal to itself.
        let (x, y) = (ua.get(x)?, ub.get(y)?);
        if !x.richcompare(&y, CompareOp::Eq)?.is_true()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// memoryview(object)
/// --
///
#[pyclass(
    name = "memoryview",
    type_object = PyMemoryView_Type,
    flags = "HAVE_GC|SEQUENCE",
    basicsize = core::mem::offset_of!(abi::PyMemoryViewObject, ob_array),
    itemsize = size_of::<isize>(),
    weaklistoffset = core::mem::offset_of!(abi::PyMemoryViewObject, weakreflist),
    doc = "Create a new memoryview object which references the given object."
)]
impl MemoryView {
    #[slot(sig = "object")]
    fn tp_new(_cls: &Type, object: &Object) -> PyResult<PyRef> {
        Ok(MemoryView::from_object(object)?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut crate::mem::Visitor) -> c_int {
        visit.visit_ptr(self.base.mbuf.cast())
    }
    #[slot]
    fn tp_clear(&self) {
        if let Err(e) = self.release_view() {
            e.clear();
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut MemoryView) {
        // SAFETY: the last reference is gone.
        unsafe {
            let m = &*this;
            crate::mem::gc::untrack(m);
            if !m.base.weakreflist.is_null() {
                weakref::clear_weakrefs(this.cast());
            }
            if !m.base.mbuf.is_null() {
                if let Err(e) = m.release_view() {
                    e.clear();
                }
                drop(PyRef::from_ptr_opt(m.base.mbuf.cast()));
            }
            if let Some(free) = m.ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let what = if self.is_released() { "released memory" } else { "memory" };
        Str::format(format_args!("<{what} at {:p}>", self as *const MemoryView))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let h = self.hash_cell().load(Ordering::Relaxed);
        if h != -1 {
            return Ok(h);
        }
        self.check()?;
        if self.view().readonly == 0 {
            return Err(raise!(ValueError, "cannot hash writable memoryview object"));
        }
        if !matches!(native_code(c_format(self.view())), Some(b'B' | b'b' | b'c')) {
            return Err(raise!(ValueError, "memoryview: hashing is restricted to formats 'B', 'b' or 'c'"));
        }
        // SAFETY: the exporter, when there is one.
        if let Some(o) = unsafe { Object::from_ptr_opt(self.view().obj) } {
            // The hash may try to release this view
            self.exports().fetch_add(1, Ordering::AcqRel);
            let r = o.hash();
            self.exports().fetch_sub(1, Ordering::AcqRel);
            r?;
        }
        let h = crate::objects::unicode::hash::hash_bytes(&to_bytes(self.view(), false));
        self.hash_cell().store(h, Ordering::Relaxed);
        Ok(h)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented().to_ref());
        }
        let same = if self.is_released() {
            self.is(other)
        } else if let Some(o) = other.downcast::<MemoryView>() {
            if o.is_released() { self.is(other) } else { equal_views(self.view(), o.view())? }
        } else {
            if !crate::objects::byteops::has_buffer(other) {
                return Ok(not_implemented().to_ref());
            }
            match crate::protocol::buffer::Buffer::get(other, abi::PyBUF_FULL_RO) {
                Ok(b) => equal_views(self.view(), &b.info)?,
                Err(e) => {
                    e.clear();
                    return Ok(not_implemented().to_ref());
                }
            }
        };
        Ok(Bool::of(same == (op == CompareOp::Eq)).to_ref())
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.check()?;
        match self.ndim() {
            0 => return Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
            1 => {}
            _ => return Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented")),
        }
        if native_code(c_format(self.view())).is_none() {
            return Err(raise!(
                NotImplementedError,
                "memoryview: format {} not supported",
                c_format(self.view()).to_string_lossy()
            ));
        }
        let it = alloc_object::<MemoryIter>(MemoryIter::type_object())?;
        // SAFETY: nobody else sees the iterator yet.
        unsafe {
            (*it.as_raw()).view = self.to_ref().into_ptr();
            (*it.as_raw()).len = self.shape()[0];
        }
        crate::mem::gc::track(&it);
        Ok(it.upcast())
    }
    #[slot]
    fn sq_length(&self) -> PyResult<usize> {
        self.mp_length()
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        self.check()?;
        match self.ndim() {
            0 => Err(raise!(TypeError, "0-dim memory has no length")),
            _ => Ok(self.shape()[0] as usize),
        }
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        self.check()?;
        match self.ndim() {
            0 => Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
            1 => self.unpack(self.lookup(self.view().buf.cast(), i, 0)?),
            _ => Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented")),
        }
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        self.check()?;
        if self.ndim() == 0 {
            if key.downcast::<Tuple>().is_some_and(|t| t.is_empty()) {
                return self.unpack(self.view().buf.cast());
            }
            if key.is(ellipsis()) {
                return Ok(self.to_ref());
            }
            return Err(raise!(TypeError, "invalid indexing of 0-dim memory"));
        }
        if let Some(p) = self.item_pointer(key)? {
            return self.unpack(p);
        }
        if let Some(s) = key.downcast::<Slice>() {
            return Ok(self.slice(s)?.upcast());
        }
        if key.downcast::<Tuple>().is_some_and(|t| !t.is_empty() && t.iter().all(|x| x.downcast::<Slice>().is_some())) {
            return Err(raise!(NotImplementedError, "multi-dimensional slicing is not implemented"));
        }
        Err(raise!(TypeError, "memoryview: invalid slice key"))
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        self.check()?;
        if self.view().readonly != 0 {
            return Err(raise!(TypeError, "cannot modify read-only memory"));
        }
        let Some(value) = value else { return Err(raise!(TypeError, "cannot delete memory")) };
        if self.ndim() == 0 {
            if key.is(ellipsis()) || key.downcast::<Tuple>().is_some_and(|t| t.is_empty()) {
                return self.pack(self.view().buf.cast(), value);
            }
            return Err(raise!(TypeError, "invalid indexing of 0-dim memory"));
        }
        if let Some(p) = self.item_pointer(key)? {
            return self.pack(p, value);
        }
        if let Some(s) = key.downcast::<Slice>()
            && self.ndim() == 1
        {
            let dst = self.slice(s)?;
            let src = crate::protocol::buffer::Buffer::get(value, abi::PyBUF_FULL_RO)?;
            let (d, v) = (dst.view(), &*src.info);
            let n = if v.shape.is_null() {
                v.len / v.itemsize.max(1)
            } else {
                // SAFETY: one dimension at least when there is a shape.
                if v.ndim > 0 { unsafe { *v.shape } } else { -1 }
            };
            let strip = |f: &CStr| f.to_bytes().strip_prefix(b"@").unwrap_or(f.to_bytes()).to_vec();
            if v.ndim != 1
                || d.itemsize != v.itemsize
                || strip(c_format(d)) != strip(c_format(v))
                || n != dst.shape()[0]
            {
                return Err(raise!(ValueError, "memoryview assignment: lvalue and rvalue have different structures"));
            }
            let copy = to_bytes(v, false);
            let size = d.itemsize as usize;
            let mut k = 0;
            for_each_item(d, false, |p| {
                // SAFETY: equal structures: item `k` of the copy goes to item `k` of the destination.
                unsafe { core::ptr::copy_nonoverlapping(copy.as_ptr().add(k * size), p, size) };
                k += 1;
            });
            return Ok(());
        }
        if key.downcast::<Slice>().is_some()
            || key
                .downcast::<Tuple>()
                .is_some_and(|t| !t.is_empty() && t.iter().all(|x| x.downcast::<Slice>().is_some()))
        {
            return Err(raise!(
                NotImplementedError,
                "memoryview slice assignments are currently restricted to ndim = 1"
            ));
        }
        Err(raise!(TypeError, "memoryview: invalid slice key"))
    }
    #[slot]
    fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
        self.check()?;
        if self.flags_cell().load(Ordering::Relaxed) & RESTRICTED != 0 {
            return Err(raise!(ValueError, "cannot create new view on restricted memoryview"));
        }
        let src = self.view();
        let req = |f: c_int| flags & f == f;
        if req(abi::PyBUF_WRITABLE) && src.readonly != 0 {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not writable"));
        }
        let (c, f) = (is_c_contiguous(src), is_f_contiguous(src));
        if req(abi::PyBUF_C_CONTIGUOUS) && !c {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not C-contiguous"));
        }
        if req(abi::PyBUF_F_CONTIGUOUS) && !f {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not Fortran contiguous"));
        }
        if req(abi::PyBUF_ANY_CONTIGUOUS) && !c && !f {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not contiguous"));
        }
        if !req(abi::PyBUF_INDIRECT) && !src.suboffsets.is_null() {
            return Err(raise!(BufferError, "memoryview: underlying buffer requires suboffsets"));
        }
        if !req(abi::PyBUF_STRIDES) && !c {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not C-contiguous"));
        }
        if !req(abi::PyBUF_ND) && req(abi::PyBUF_FORMAT) {
            return Err(raise!(BufferError, "memoryview: cannot cast to unsigned bytes if the format flag is present"));
        }
        // SAFETY: the caller's view; this object keeps the arrays and the memory alive.
        unsafe {
            core::ptr::copy_nonoverlapping(src, view, 1);
            let v = &mut *view;
            v.obj = self.to_ref().into_ptr();
            if !req(abi::PyBUF_FORMAT) {
                v.format = core::ptr::null_mut();
            }
            if !req(abi::PyBUF_STRIDES) {
                v.strides = core::ptr::null_mut();
            }
            if !req(abi::PyBUF_ND) {
                v.ndim = 1;
                v.shape = core::ptr::null_mut();
            }
        }
        self.exports().fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
    #[slot]
    fn bf_releasebuffer(&self, _view: *mut abi::Py_buffer) {
        self.exports().fetch_sub(1, Ordering::AcqRel);
    }

    #[pygetset]
    fn obj(&self) -> PyResult<PyRef> {
        self.check()?;
        // SAFETY: the exporter, when there is one.
        Ok(unsafe { Object::from_ptr_opt(self.view().obj) }.map_or_else(none_ref, |o| o.to_ref()))
    }
    #[pygetset]
    fn nbytes(&self) -> PyResult<isize> {
        self.check()?;
        Ok(self.nbytes_now())
    }
    #[pygetset]
    fn readonly(&self) -> PyResult<bool> {
        self.check()?;
        Ok(self.view().readonly != 0)
    }
    #[pygetset]
    fn itemsize(&self) -> PyResult<isize> {
        self.check()?;
        Ok(self.view().itemsize)
    }
    #[pygetset]
    fn format(&self) -> PyResult<Ref<Str>> {
        self.check()?;
        Str::new(&c_format(self.view()).to_string_lossy())
    }
    #[pygetset(name = "ndim")]
    fn py_ndim(&self) -> PyResult<usize> {
        self.check()?;
        Ok(MemoryView::ndim(self))
    }
    #[pygetset(name = "shape")]
    fn py_shape(&self) -> PyResult<Ref<Tuple>> {
        self.check()?;
        MemoryView::ints(MemoryView::shape(self))
    }
    #[pygetset(name = "strides")]
    fn py_strides(&self) -> PyResult<Ref<Tuple>> {
        self.check()?;
        MemoryView::ints(MemoryView::strides(self))
    }
    #[pygetset(name = "suboffsets")]
    fn py_suboffsets(&self) -> PyResult<Ref<Tuple>> {
        self.check()?;
        MemoryView::ints(MemoryView::suboffsets(self))
    }
    #[pygetset]
    fn c_contiguous(&self) -> PyResult<bool> {
        self.check()?;
        Ok(is_c_contiguous(self.view()))
    }
    #[pygetset]
    fn f_contiguous(&self) -> PyResult<bool> {
        self.check()?;
        Ok(is_f_contiguous(self.view()))
    }
    #[pygetset]
    fn contiguous(&self) -> PyResult<bool> {
        self.check()?;
        Ok(is_c_contiguous(self.view()) || is_f_contiguous(self.view()))
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod(name = "release")]
    fn py_release(&self) -> PyResult<()> {
        self.release_view()
    }
    /// Return the data in the buffer as a byte string.
    #[pymethod(sig = "order='C'")]
    fn tobytes(&self, order: Option<&str>) -> PyResult<Ref<Bytes>> {
        self.check()?;
        let fortran = match order {
            None | Some("C") => false,
            Some("F") => true,
            Some("A") => is_f_contiguous(self.view()) && !is_c_contiguous(self.view()),
            Some(_) => return Err(raise!(ValueError, "order must be 'C', 'F' or 'A'")),
        };
        Bytes::new(&to_bytes(self.view(), fortran))
    }
    /// Return the data in the buffer as a str of hexadecimal numbers.
    #[pymethod(sig = "sep=<unrepresentable>, bytes_per_sep=1")]
    fn hex(&self, sep: Arg<&Object>, bytes_per_sep: Arg<isize>) -> PyResult<Ref<Str>> {
        self.check()?;
        // The separator's methods may try to release this view
        self.exports().fetch_add(1, Ordering::AcqRel);
        let b = to_bytes(self.view(), false);
        let r = crate::objects::byteops::hex(&b, sep.into_option(), bytes_per_sep.unwrap_or(1));
        self.exports().fetch_sub(1, Ordering::AcqRel);
        r
    }
    /// Return the data in the buffer as a list of elements.
    #[pymethod]
    fn tolist(&self) -> PyResult<PyRef> {
        self.check()?;
        if MemoryView::ndim(self) == 0 {
            return self.unpack(self.view().buf.cast());
        }
        self.to_list_dim(self.view().buf.cast(), 0)
    }
    /// Cast a memoryview to a new format or shape.
    #[pymethod(sig = "format, shape=<unrepresentable>")]
    fn cast(&self, format: &Object, shape: Arg<&Object>) -> PyResult<Ref<MemoryView>> {
        self.check()?;
        self.check_restricted()?;
        let Some(f) = format.downcast::<Str>() else {
            return Err(raise!(TypeError, "memoryview: format argument must be a string"));
        };
        self.cast_to(f, shape.into_option())
    }
    /// Return a readonly version of the memoryview.
    #[pymethod]
    fn toreadonly(&self) -> PyResult<Ref<MemoryView>> {
        self.check()?;
        self.check_restricted()?;
        let m = MemoryView::register(self.mbuf(), self.view())?;
        // SAFETY: nobody else sees the new view.
        unsafe { (*m.as_raw()).base.view.readonly = 1 };
        Ok(m)
    }
    /// Count the number of occurrences of a value.
    #[pymethod]
    fn count(&self, value: &Object) -> PyResult<usize> {
        let mut n = 0;
        for i in 0..self.mp_length()? {
            let x = self.sq_item(i as isize)?;
            n += (x.is(value) || x.eq(value)?) as usize;
        }
        Ok(n)
    }
    /// Return the index of the first occurrence of a value.
    #[pymethod(sig = "value, start=0, stop=sys.maxsize, /")]
    fn index(&self, value: &Object, start: Arg<&Object>, stop: Arg<&Object>) -> PyResult<usize> {
        let n = self.mp_length()?;
        let a = crate::objects::unicode::ops::slice_bound(start.into_option(), 0)?;
        let b = crate::objects::unicode::ops::slice_bound(stop.into_option(), isize::MAX)?;
        let (a, b) = crate::objects::unicode::ops::adjust_range(a, b, n);
        for i in a..b {
            let x = self.sq_item(i)?;
            if x.is(value) || x.eq(value)? {
                return Ok(i as usize);
            }
        }
        Err(raise!(ValueError, "memoryview.index(x): x not found"))
    }
    #[pymethod]
    fn __enter__(&self) -> PyResult<PyRef> {
        self.check()?;
        Ok(self.to_ref())
    }
    #[pymethod(raw)]
    fn __exit__(&self, _args: FuncArgs<'_>) -> PyResult<()> {
        self.release_view()
    }
    #[pyclassmethod(sig = "object, flags")]
    fn _from_flags(_cls: &Type, object: &Object, flags: i32) -> PyResult<Ref<MemoryView>> {
        MemoryView::from_object_flags(object, flags)
    }
    /// See PEP 585
    #[pyclassmethod(sig = "item, /")]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, item)
    }
}

/// `memory_iterator`.
#[repr(C)]
pub struct MemoryIter {
    ob_base: abi::PyObject,
    index: AtomicIsize,
    view: *mut abi::PyObject,
    len: isize,
}

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut _PyMemoryIter_Type: Type = Type::STATIC;
py_layout!(MemoryIter, _PyMemoryIter_Type);

#[pyclass(name = "memory_iterator", type_object = _PyMemoryIter_Type, flags = "HAVE_GC")]
impl MemoryIter {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: set at creation, owned.
        let m = unsafe { &*self.view.cast::<MemoryView>() };
        let i = self.index.load(Ordering::Relaxed);
        if i >= self.len || i < 0 {
            self.index.store(-1, Ordering::Relaxed);
            return Ok(None);
        }
        m.check()?;
        self.index.store(i + 1, Ordering::Relaxed);
        // SAFETY: within the shape.
        let p = unsafe { follow(m.view(), m.view().buf.cast::<u8>().offset(m.strides()[0] * i), 0) };
        m.unpack(p).map(Some)
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut crate::mem::Visitor) -> c_int {
        visit.visit_ptr(self.view)
    }
    #[slot]
    fn tp_dealloc(this: *mut MemoryIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).view));
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
}

/// `PyBuffer_FillInfo`: a contiguous view of bytes.
///
/// # Safety
/// `view` is writable; `data` stays valid while `owner` is exported.
pub unsafe fn fill_info(
    view: *mut abi::Py_buffer,
    owner: &Object,
    data: *mut u8,
    len: usize,
    readonly: bool,
    flags: i32,
) -> PyResult<()> {
    if view.is_null() {
        return Err(raise!(BufferError, "PyBuffer_FillInfo: view==NULL argument is obsolete"));
    }
    if flags == abi::PyBUF_READ as i32 || flags == abi::PyBUF_WRITE as i32 {
        return Err(raise!(SystemError, "bad argument to internal function"));
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
        v.shape =
            if flags & abi::PyBUF_ND as i32 == abi::PyBUF_ND as i32 { &raw mut v.len } else { core::ptr::null_mut() };
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
        if !v.suboffsets.is_null() && *v.suboffsets.add(d) >= 0 {
            (*p.cast::<*mut u8>()).offset(*v.suboffsets.add(d))
        } else {
            p
        }
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
    let (shape, strides) =
        unsafe { (core::slice::from_raw_parts(v.shape, n), core::slice::from_raw_parts(v.strides, n)) };
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
