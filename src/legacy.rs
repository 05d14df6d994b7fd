//! Functions that CPython exports without declaring them any more: old extensions and the shared parts of old ones still
//! ask for them.

use crate::export::fine;
use core::ffi::{c_int, c_void};
use runtime::abi;
use runtime::prelude::*;
use runtime::protocol::buffer::{self, Buffer};

/// The old buffer functions give memory that the object keeps; nothing says for how long.
unsafe fn whole_buffer(o: Option<&Object>, data: *mut *mut c_void, len: *mut isize, flags: c_int) -> PyResult<()> {
    let (Some(o), false, false) = (o, data.is_null(), len.is_null()) else { return Err(crate::export::null_error()) };
    let view = Buffer::get(o, flags)?;
    // SAFETY: C passes two places.
    unsafe {
        *data = view.info.buf;
        *len = view.info.len;
    }
    Ok(())
}

capi! {
    fn PyObject_AsReadBuffer(o: Option<&Object>, data: *mut *mut c_void, len: *mut isize) -> c_int {
        // SAFETY: C passes two places.
        unsafe { whole_buffer(o, data, len, abi::PyBUF_SIMPLE) }
    }
    fn PyObject_AsCharBuffer(o: Option<&Object>, data: *mut *mut c_void, len: *mut isize) -> c_int {
        // SAFETY: C passes two places.
        unsafe { whole_buffer(o, data, len, abi::PyBUF_SIMPLE) }
    }
    fn PyObject_AsWriteBuffer(o: Option<&Object>, data: *mut *mut c_void, len: *mut isize) -> c_int {
        // SAFETY: C passes two places.
        unsafe { whole_buffer(o, data, len, abi::PyBUF_WRITABLE) }
    }
    fn PyObject_CheckReadBuffer(o: &Object) -> c_int {
        if !buffer::has_buffer(o) {
            return Ok(false);
        }
        match Buffer::get(o, abi::PyBUF_SIMPLE) {
            Ok(_) => Ok(true),
            Err(e) => {
                e.clear();
                Ok(false)
            }
        }
    }
    raw fn PyEval_AcquireLock() { Ok(()) }
    raw fn PyEval_ReleaseLock() { Ok(()) }
    fn _PyUnicode_Equal(a: &Str, b: &Str) -> c_int {
        fine(a.eq_data(b))
    }
    fn _PyUnicode_EqualToASCIIString(s: &Str, text: crate::export::CText<'_>) -> c_int {
        fine(text.to_str().is_ok_and(|t| s.eq_str(t)))
    }
    fn _PyErr_Clear(_ts: *mut abi::PyThreadState) {
        drop(runtime::error::take_error());
        Ok(())
    }
}
