//! `MemoryBIO`: bytes on their way between a program and a TLS connection.

use super::error;
use macros::pyclass;
use runtime::convert::{ArgBytes, ByteString};
use runtime::objects::support::{Locked, alloc, free_object};
use runtime::prelude::*;
use std::collections::VecDeque;

#[derive(Default)]
pub struct Pipe {
    bytes: VecDeque<u8>,
    /// No more bytes will be written.
    ended: bool,
}

#[repr(C)]
pub struct MemoryBio {
    head: abi::PyObject,
    pipe: Locked<Pipe>,
}

impl MemoryBio {
    fn with<R>(&self, f: impl FnOnce(&mut Pipe) -> R) -> PyResult<R> {
        self.pipe.with(f).ok_or_else(|| raise!(SystemError, "MemoryBIO is gone"))
    }
    /// Up to `n` bytes; `None` when there are none yet, an empty list at the end.
    pub fn take(&self, n: usize) -> Option<Vec<u8>> {
        self.pipe.with(|p| {
            if p.bytes.is_empty() {
                return p.ended.then(Vec::new);
            }
            let n = n.min(p.bytes.len());
            Some(p.bytes.drain(..n).collect())
        })?
    }
    pub fn put(&self, data: &[u8]) {
        self.pipe.with(|p| p.bytes.extend(data));
    }
}

/// A buffer between a program and an SSLObject.
#[pyclass(name = "MemoryBIO", module = "_ssl", flags = "IMMUTABLETYPE")]
impl MemoryBio {
    #[slot(sig = "")]
    fn tp_new(cls: &Type) -> PyResult<Ref<MemoryBio>> {
        let b = alloc::<MemoryBio>(cls)?;
        b.pipe.set(Pipe::default());
        Ok(b)
    }
    #[slot]
    fn tp_dealloc(this: *mut MemoryBio) {
        // SAFETY: the last reference is gone.
        unsafe {
            drop((*this).pipe.take());
            free_object(this.cast());
        }
    }
    /// Read up to size bytes from the memory BIO.
    ///
    /// If size is not specified, read the entire buffer.
    /// If the return value is an empty bytes instance, this means either
    /// EOF or that no data is available. Use the "eof" property to
    /// distinguish between the two.
    #[pymethod(sig = "size=-1, /")]
    fn read(&self, size: Arg<isize>) -> PyResult<ByteString> {
        let n = usize::try_from(size.unwrap_or(-1)).unwrap_or(usize::MAX);
        Ok(ByteString(self.with(|p| {
            let n = n.min(p.bytes.len());
            p.bytes.drain(..n).collect()
        })?))
    }
    /// Writes the bytes b into the memory BIO.
    ///
    /// Returns the number of bytes written.
    #[pymethod(sig = "b, /")]
    fn write(&self, b: ArgBytes) -> PyResult<usize> {
        let written = self.with(|p| {
            if p.ended {
                return None;
            }
            p.bytes.extend(b.iter());
            Some(b.len())
        })?;
        match written {
            Some(n) => Ok(n),
            None => Err(error::ssl("cannot write() after write_eof()")),
        }
    }
    /// Write an EOF marker to the memory BIO.
    ///
    /// When all data has been read, the "eof" property will be True.
    #[pymethod]
    fn write_eof(&self) -> PyResult<()> {
        self.with(|p| p.ended = true)
    }
    /// The number of bytes pending in the memory BIO.
    #[pygetset]
    fn pending(&self) -> PyResult<usize> {
        self.with(|p| p.bytes.len())
    }
    /// Whether the memory BIO is at EOF.
    #[pygetset]
    fn eof(&self) -> PyResult<bool> {
        self.with(|p| p.ended && p.bytes.is_empty())
    }
}
