//! `BytesIO`: a binary stream in memory.

use super::base::{self, BufferedIoBase};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use macros::pyclass;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::thread::critical;

struct Data {
    buf: Vec<u8>,
    pos: usize,
    closed: bool,
}

/// The object's critical section guards `data`; exports of the buffer keep it from being resized.
#[repr(C)]
pub struct BytesIo {
    base: BufferedIoBase,
    data: UnsafeCell<Option<Box<Data>>>,
    exports: AtomicIsize,
}

pub static mut BYTES_IO_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(BytesIo, BYTES_IO_TYPE);

impl Fields for BytesIo {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
    }
    fn release(&self) {
        // SAFETY: the object is dying.
        drop(unsafe { (*self.data.get()).take() });
    }
}

impl BytesIo {
    /// Runs `f` on the open stream's data. `f` must not run Python code.
    fn with<R>(&self, f: impl FnOnce(&mut Data) -> PyResult<R>) -> PyResult<R> {
        critical(self, || {
            // SAFETY: the critical section is held and nothing inside runs Python code.
            match unsafe { (*self.data.get()).as_deref_mut() } {
                Some(d) if !d.closed => f(d),
                _ => Err(raise!(ValueError, "I/O operation on closed file.")),
            }
        })
    }
    fn check_exports(&self) -> PyResult<()> {
        if self.exports.load(Relaxed) > 0 {
            return Err(raise!(BufferError, "Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }
    fn take(&self, n: isize, line: bool) -> PyResult<PyRef> {
        let v = self.with(|d| {
            let start = d.pos.min(d.buf.len());
            let rest = &d.buf[start..];
            let mut len = if n < 0 { rest.len() } else { rest.len().min(n as usize) };
            if line && let Some(p) = rest[..len].iter().position(|c| *c == b'\n') {
                len = p + 1;
            }
            d.pos += len;
            Ok(rest[..len].to_vec())
        })?;
        Bytes::new(&v).map(Ref::upcast)
    }
    fn size_arg(size: Option<&Object>) -> PyResult<isize> {
        match size {
            Some(s) => s.as_isize(),
            None => Ok(-1),
        }
    }
}

/// BytesIO(initial_bytes=b'')
/// --
///
/// Buffered I/O implementation using an in-memory bytes buffer.
#[pyclass(name = "BytesIO", module = "_io", type_object = BYTES_IO_TYPE, flags = "BASETYPE|HAVE_GC", base = BufferedIoBase,
    slots(tp_traverse = support::traverse::<BytesIo>, tp_clear = support::clear::<BytesIo>, tp_dealloc = base::dealloc::<BytesIo>))]
impl BytesIo {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<BytesIo>> {
        let _ = args;
        let b = support::alloc::<BytesIo>(cls)?;
        // SAFETY: the object is new.
        unsafe { *b.data.get() = Some(Box::new(Data { buf: Vec::new(), pos: 0, closed: false })) };
        Ok(support::track(b))
    }
    #[slot(sig = "initial_bytes=b''")]
    fn tp_init(&self, initial_bytes: Arg<&Object>) -> PyResult<()> {
        self.check_exports()?;
        let v = match initial_bytes {
            Arg::Given(o) if !o.is_none() => Buffer::get(o, abi::PyBUF_SIMPLE)?.as_slice().to_vec(),
            _ => Vec::new(),
        };
        let old = critical(self, || {
            // SAFETY: the critical section is held.
            unsafe { (*self.data.get()).replace(Box::new(Data { buf: v, pos: 0, closed: false })) }
        });
        drop(old);
        Ok(())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let line = self.take(-1, true)?;
        Ok(if line.len()? == 0 { None } else { Some(line) })
    }
    #[pymethod]
    fn readable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pymethod]
    fn writable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pymethod]
    fn seekable(&self) -> PyResult<bool> {
        self.with(|_| Ok(true))
    }
    #[pymethod]
    fn flush(&self) -> PyResult<()> {
        self.with(|_| Ok(()))
    }
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        self.with(|_| Ok(false))
    }
    #[pymethod]
    fn tell(&self) -> PyResult<usize> {
        self.with(|d| Ok(d.pos))
    }
    /// Read at most size bytes, returned as a bytes object.
    #[pymethod]
    fn read(&self, size: Option<&Object>) -> PyResult<PyRef> {
        self.take(Self::size_arg(size)?, false)
    }
    #[pymethod]
    fn read1(&self, size: Option<&Object>) -> PyResult<PyRef> {
        self.take(Self::size_arg(size)?, false)
    }
    #[pymethod]
    fn readline(&self, size: Option<&Object>) -> PyResult<PyRef> {
        self.take(Self::size_arg(size)?, true)
    }
    #[pymethod]
    fn readlines(&self, size: Option<&Object>) -> PyResult<Ref<List>> {
        let max = Self::size_arg(size)?;
        let out = List::from_vec(Vec::new())?;
        let mut total = 0;
        loop {
            let line = self.take(-1, true)?;
            let n = line.len()?;
            if n == 0 {
                return Ok(out);
            }
            out.append(&line)?;
            total += n as isize;
            if max > 0 && total >= max {
                return Ok(out);
            }
        }
    }
    #[pymethod]
    fn readinto(&self, buffer: &Object) -> PyResult<usize> {
        let view = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        self.with(|d| {
            let start = d.pos.min(d.buf.len());
            let n = (d.buf.len() - start).min(view.len());
            // SAFETY: the view is writable and at least this long; `copy` allows for a view of this very buffer.
            unsafe { core::ptr::copy(d.buf[start..].as_ptr(), view.as_mut_ptr(), n) };
            d.pos += n;
            Ok(n)
        })
    }
    /// Write bytes to file; return the number of bytes written.
    #[pymethod]
    fn write(&self, b: &Object) -> PyResult<usize> {
        self.with(|_| Ok(()))?;
        if b.downcast::<Str>().is_some() {
            return Err(raise!(TypeError, "a bytes-like object is required, not 'str'"));
        }
        let view = Buffer::get(b, abi::PyBUF_SIMPLE)?;
        self.check_exports()?;
        let s = view.as_slice();
        self.with(|d| {
            if s.is_empty() {
                return Ok(0);
            }
            let end = d.pos + s.len();
            if end > d.buf.len() {
                let grow = end - d.buf.len();
                if d.buf.try_reserve(grow).is_err() {
                    return Err(raise!(MemoryError, "out of memory"));
                }
                if d.pos == d.buf.len() {
                    d.buf.extend_from_slice(s);
                    d.pos = end;
                    return Ok(s.len());
                }
                d.buf.resize(end, 0);
            }
            d.buf[d.pos..end].copy_from_slice(s);
            d.pos = end;
            Ok(s.len())
        })
    }
    #[pymethod]
    fn writelines(&self, lines: &Object) -> PyResult<()> {
        self.with(|_| Ok(()))?;
        let it = lines.iter()?;
        while let Some(l) = it.iter_next()? {
            self.write(&l)?;
        }
        Ok(())
    }
    /// Change stream position.
    #[pymethod(sig = "pos, whence=0, /")]
    fn seek(&self, pos: &Object, whence: i32) -> PyResult<usize> {
        let pos = pos.as_isize()?;
        self.with(|d| {
            let base = match whence {
                0 => {
                    if pos < 0 {
                        return Err(raise!(ValueError, "negative seek value {}", pos));
                    }
                    0
                }
                1 => d.pos as isize,
                2 => d.buf.len() as isize,
                w => return Err(raise!(ValueError, "invalid whence ({}, should be 0, 1 or 2)", w)),
            };
            let Some(p) = base.checked_add(pos) else { return Err(raise!(OverflowError, "new position too large")) };
            d.pos = p.max(0) as usize;
            Ok(d.pos)
        })
    }
    #[pymethod]
    fn truncate(&self, size: Option<&Object>) -> PyResult<usize> {
        let size = match size {
            Some(s) => Some(s.as_isize()?),
            None => None,
        };
        self.check_exports()?;
        self.with(|d| {
            let n = match size {
                Some(n) if n < 0 => return Err(raise!(ValueError, "negative size value {}", n)),
                Some(n) => n as usize,
                None => d.pos,
            };
            d.buf.truncate(n);
            Ok(n)
        })
    }
    #[pymethod]
    fn getvalue(&self) -> PyResult<PyRef> {
        let v = self.with(|d| Ok(d.buf.clone()))?;
        Bytes::new(&v).map(Ref::upcast)
    }
    /// Get a read-write view over the contents of the BytesIO object.
    #[pymethod]
    fn getbuffer(&self) -> PyResult<PyRef> {
        self.with(|_| Ok(()))?;
        let view = support::alloc::<BytesIoBuffer>(BytesIoBuffer::type_object())?;
        let this: &Object = self;
        view.source.init(this.to_ref());
        let view = support::track(view);
        runtime::objects::MemoryView::from_object(&view).map(Ref::upcast)
    }
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        self.check_exports()?;
        critical(self, || {
            // SAFETY: the critical section is held.
            if let Some(d) = unsafe { (*self.data.get()).as_deref_mut() } {
                d.closed = true;
                d.buf = Vec::new();
            }
        });
        Ok(())
    }
    #[pygetset]
    fn closed(&self) -> bool {
        // SAFETY: the critical section is held.
        critical(self, || unsafe { (*self.data.get()).as_deref().is_none_or(|d| d.closed) })
    }
    #[pymethod]
    fn __getstate__(&self) -> PyResult<(PyRef, usize, PyRef)> {
        let value = self.getvalue()?;
        let pos = self.tell()?;
        let dict = match self.base.base.dict.get(self) {
            Some(d) => d.downcast::<Dict>().map(|d| d.copy()).transpose()?.map_or_else(none_ref, Ref::upcast),
            None => none_ref(),
        };
        Ok((value, pos, dict))
    }
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        let Some(t) = state.downcast::<Tuple>().filter(|t| t.len() >= 3) else {
            return Err(raise!(
                TypeError,
                "{}.__setstate__ argument should be 3-tuple, got {}",
                self.ty().name_str(),
                state.ty().name_str()
            ));
        };
        self.tp_init(Arg::Given(t.get(0)))?;
        if t.get(1).downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "second item of state must be an integer, not {}", t.get(1).ty().name_str()));
        }
        let pos = t.get(1).as_isize()?;
        if pos < 0 {
            return Err(raise!(ValueError, "position value cannot be negative"));
        }
        self.with(|d| {
            d.pos = pos as usize;
            Ok(())
        })?;
        if !t.get(2).is_none() {
            if t.get(2).downcast::<Dict>().is_none() {
                return Err(raise!(
                    TypeError,
                    "third item of state should be a dict, got a {}",
                    t.get(2).ty().name_str()
                ));
            }
            let d = self.getattr(intern!("__dict__"))?;
            if let Some(d) = d.downcast::<Dict>() {
                d.update(t.get(2))?;
            }
        }
        Ok(())
    }
}

/// What `getbuffer()` exports.
#[repr(C)]
pub struct BytesIoBuffer {
    head: abi::PyObject,
    source: Slot,
}
pub static mut BYTES_IO_BUFFER_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(BytesIoBuffer, BYTES_IO_BUFFER_TYPE);
runtime::fields!(BytesIoBuffer: source);

#[pyclass(name = "_BytesIOBuffer", module = "_io", type_object = BYTES_IO_BUFFER_TYPE, flags = "HAVE_GC|DISALLOW_INSTANTIATION",
    slots(tp_traverse = support::traverse::<BytesIoBuffer>, tp_dealloc = support::dealloc::<BytesIoBuffer>))]
impl BytesIoBuffer {
    #[slot]
    fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
        let Some(src) = self.source.get(self) else { return Err(raise!(BufferError, "the stream is gone")) };
        // SAFETY: only a BytesIO is ever put there.
        let io = unsafe { src.cast::<BytesIo>() };
        let (p, n) = io.with(|d| {
            io.exports.fetch_add(1, Relaxed);
            Ok((d.buf.as_mut_ptr(), d.buf.len()))
        })?;
        let this: &Object = self;
        // SAFETY: the exported memory stays in place while `exports` is not zero.
        unsafe { runtime::protocol::buffer::fill_info(view, Some(this), p, n, false, flags) }
    }
    #[slot]
    fn bf_releasebuffer(&self, view: *mut abi::Py_buffer) {
        let _ = view;
        if let Some(src) = self.source.get(self) {
            // SAFETY: only a BytesIO is ever put there.
            unsafe { src.cast::<BytesIo>() }.exports.fetch_sub(1, Relaxed);
        }
    }
}
