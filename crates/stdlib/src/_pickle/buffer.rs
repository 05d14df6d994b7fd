//! `pickle.PickleBuffer`: a wrapper of a buffer that may travel outside the pickle (PEP 574).

use core::ffi::c_int;
use core::mem::offset_of;
use macros::pyclass;
use runtime::mem::Visitor;
use runtime::objects::memory::MemoryView;
use runtime::objects::support::{Slot, alloc, begin_dealloc, free_object, track};
use runtime::prelude::*;
use runtime::protocol::buffer::{get_into, release};

/// As `PyPickleBuffer_*` of the C API see it.
#[repr(C)]
pub struct PickleBuffer {
    header: abi::PyObject,
    view: core::cell::UnsafeCell<abi::Py_buffer>,
    weakreflist: Slot,
}

/// The type's C name.
#[unsafe(no_mangle)]
pub static mut PyPickleBuffer_Type: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(PickleBuffer, PyPickleBuffer_Type);

impl PickleBuffer {
    /// The wrapped buffer.
    pub fn view(&self) -> PyResult<&abi::Py_buffer> {
        // SAFETY: written by creation and by `release` only.
        let v = unsafe { &*self.view.get() };
        if v.obj.is_null() {
            return Err(raise!(ValueError, "operation forbidden on released PickleBuffer object"));
        }
        Ok(v)
    }
    fn give_back(&self) {
        // SAFETY: a filled or an empty view; the struct is emptied before the exporter runs.
        unsafe {
            let mut v = core::ptr::replace(self.view.get(), core::mem::zeroed());
            release(&raw mut v);
        }
    }
}

/// Wrapper for potentially out-of-band buffers
#[pyclass(
    name = "PickleBuffer",
    module = "pickle",
    type_object = PyPickleBuffer_Type,
    flags = "HAVE_GC",
    weaklistoffset = offset_of!(PickleBuffer, weakreflist)
)]
impl PickleBuffer {
    #[slot(sig = "object, /")]
    fn tp_new(cls: &Type, object: &Object) -> PyResult<PyRef> {
        let b = alloc::<PickleBuffer>(cls)?;
        // SAFETY: a new object with an empty view.
        unsafe { get_into(object, b.view.get(), abi::PyBUF_FULL_RO)? };
        Ok(track(b).upcast())
    }
    /// Return a memoryview of the raw memory underlying this buffer.
    ///
    /// Will raise BufferError is the buffer isn't contiguous.
    #[pymethod]
    fn raw(&self) -> PyResult<PyRef> {
        let v = self.view()?;
        if !runtime::protocol::buffer::is_contiguous(v, b'A') {
            return Err(raise!(BufferError, "cannot extract raw buffer from non-contiguous buffer"));
        }
        let m = MemoryView::from_object(self)?;
        // A flat view of bytes over the same memory.
        // SAFETY: the struct is plain data; its arrays are replaced by none.
        let mut flat = unsafe { core::ptr::read(m.view()) };
        flat.ndim = 1;
        flat.itemsize = 1;
        flat.format = c"B".as_ptr().cast_mut();
        flat.shape = core::ptr::null_mut();
        flat.strides = core::ptr::null_mut();
        flat.suboffsets = core::ptr::null_mut();
        Ok(MemoryView::with_description(&m, &flat)?.upcast())
    }
    /// Release the underlying buffer controlled by the PickleBuffer object.
    #[pymethod]
    fn release(&self) {
        self.give_back();
    }
    #[slot]
    fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
        let v = self.view()?;
        // SAFETY: the wrapped view keeps its object alive.
        unsafe { get_into(Object::from_ptr(v.obj), view, flags) }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        // SAFETY: read by the collector while the world is stopped.
        v.visit_ptr(unsafe { (*self.view.get()).obj })
    }
    #[slot]
    fn tp_clear(&self) {
        self.give_back();
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            begin_dealloc(this);
            if !(*this).weakreflist.is_empty() {
                runtime::objects::weakref::clear_weakrefs(this.cast());
            }
            (*this).give_back();
            free_object(this.cast());
        }
    }
}
