//! `PyStdPrinter_Type`: the plain file object of `PyFile_NewStdPrinter`, which writes UTF-8 straight to stdout or stderr.

use crate::prelude::*;
use core::ffi::c_int;
use macros::pyclass;

/// A writer on a file descriptor, without buffer and without a codec of its own.
#[repr(C)]
pub struct StdPrinter {
    ob_base: abi::PyObject,
    fd: c_int,
}

#[unsafe(no_mangle)]
pub static mut PyStdPrinter_Type: Type = Type::STATIC;
py_layout!(StdPrinter, PyStdPrinter_Type);

/// A printer on a descriptor.
pub fn new(fd: c_int) -> PyResult<PyRef> {
    let p = crate::typeobject::alloc_object::<StdPrinter>(StdPrinter::type_object())?;
    // SAFETY: nobody else sees the object yet.
    unsafe { (*p.as_raw()).fd = fd };
    Ok(p.upcast())
}

#[pyclass(name = "stderrprinter", type_object = PyStdPrinter_Type, flags = "DISALLOW_INSTANTIATION")]
impl StdPrinter {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!("<stdprinter(fd={}) object at {:p}>", self.fd, self.as_ptr()))
    }
    #[pymethod]
    fn write(&self, text: &Str) -> PyResult<PyRef> {
        let bytes = crate::objects::codecs::encode(text, Some("utf-8"), Some("backslashreplace"))?;
        let Some(bytes) = bytes.downcast::<Bytes>() else { return Ok(none_ref()) };
        let data = bytes.as_slice();
        // SAFETY: the buffer's length is given; the descriptor is the process's.
        let n = crate::thread::detach(|| unsafe { libc::write(self.fd, data.as_ptr().cast(), data.len()) });
        if n < 0 {
            let code = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
            return if code == libc::EAGAIN {
                Ok(none_ref())
            } else {
                Err(crate::error::raise_os_error(code, None, None))
            };
        }
        Ok(Int::from_i64(n as i64)?.upcast())
    }
    #[pymethod]
    fn fileno(&self) -> i64 {
        i64::from(self.fd)
    }
    #[pymethod]
    fn isatty(&self) -> bool {
        // SAFETY: any number may be asked about.
        unsafe { libc::isatty(self.fd) == 1 }
    }
    #[pymethod]
    fn flush(&self) {}
    #[pymethod]
    fn close(&self) {}
    #[pygetset]
    fn encoding(&self) -> PyRef {
        none_ref()
    }
    #[pygetset]
    fn closed(&self) -> bool {
        false
    }
    #[pygetset]
    fn mode(&self) -> &'static str {
        "w"
    }
}
