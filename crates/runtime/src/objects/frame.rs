//! Frame objects and the write-through proxy that `f_locals` gives.

use crate::interp::frame::InterpFrame;
use crate::objects::Code;
use crate::prelude::*;

/// A Python-visible frame. `frame` points into the data stack or a generator while the call runs, and to `own` after it.
#[repr(C)]
pub struct Frame {
    pub ob_base: abi::PyObject,
    /// The caller's frame object, once this frame has ended
    pub back: *mut Frame,
    pub frame: *mut InterpFrame,
    /// f_trace (owned) or null
    pub trace: *mut abi::PyObject,
    /// f_lineno set by a tracer, 0 otherwise
    pub lineno: i32,
    pub trace_lines: u8,
    pub trace_opcodes: u8,
    /// Extra names set through `f_locals` (a dict) or null
    pub extra_locals: *mut abi::PyObject,
    /// Old values of locals overwritten through `f_locals` (a list): borrowed copies may exist
    pub overwritten: *mut abi::PyObject,
    /// Allocation that holds the frame after the call, in slots (0: none)
    pub own_slots: usize,
}

impl Frame {
    pub fn code(&self) -> &Code {
        // SAFETY: a frame object's frame is live, on the stack or owned.
        unsafe { (*self.frame).code() }
    }
}

impl Frame {
    /// A new frame object for a running frame.
    pub fn for_interp_frame(frame: *mut InterpFrame) -> PyResult<Ref<Frame>> {
        let f = crate::typeobject::alloc_object::<Frame>(Frame::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            (*f.as_raw()).frame = frame;
            (*f.as_raw()).trace_lines = 1;
        }
        crate::interp::pending::track(&f);
        Ok(f)
    }
}

/// What `f_locals` of a function's frame is.
#[repr(transparent)]
pub struct FrameLocalsProxy(pub abi::PyFrameLocalsProxyObject);

#[unsafe(no_mangle)]
pub static mut PyFrame_Type: Type = Type::STATIC;
py_layout!(Frame, PyFrame_Type);
#[unsafe(no_mangle)]
pub static mut PyFrameLocalsProxy_Type: Type = Type::STATIC;
py_layout!(FrameLocalsProxy, PyFrameLocalsProxy_Type);
