//! The abstract bases: `_IOBase`, `_RawIOBase`, `_BufferedIOBase`, `_TextIOBase`.

use core::ffi::c_int;
use macros::pyclass;
use runtime::convert::{ByteString, HasSpec};
use runtime::objects::ByteArray;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;

pub const SEEK_SET: i32 = 0;
pub const DEFAULT_BUFFER_SIZE: usize = 128 * 1024;

/// What every stream begins with.
#[repr(C)]
pub struct IoBase {
    head: abi::PyObject,
    pub dict: Slot,
    pub weaklist: *mut abi::PyObject,
}

impl Fields for IoBase {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.dict);
    }
}

/// `tp_dealloc` of all streams: the finalizer closes them first and may resurrect them.
///
/// # Safety
/// As the slot's contract.
pub unsafe extern "C" fn dealloc<T: Fields>(op: *mut abi::PyObject) {
    // SAFETY: the slot's contract.
    unsafe {
        if runtime::typeobject::subtype::call_finalizer_from_dealloc(op) {
            return;
        }
        runtime::mem::gc::untrack(Object::from_ptr(op));
        if !(*op.cast::<IoBase>()).weaklist.is_null() {
            runtime::objects::weakref::clear_weakrefs(op);
        }
        let t = Object::from_ptr(op).cast::<T>();
        t.fields(&mut |s| drop(s.swap(None)));
        t.release();
        runtime::mem::dealloc::free_instance(op);
    }
}

/// Raises `io.UnsupportedOperation`.
pub fn unsupported(text: &str) -> Raised {
    match runtime::import::import_attr("io", "UnsupportedOperation").or_else(|e| {
        e.clear();
        runtime::import::import_attr("_io", "UnsupportedOperation")
    }) {
        Ok(t) => match t.downcast::<Type>() {
            Some(t) => runtime::error::raise_message(t, format_args!("{text}")),
            None => raise!(OSError, "{}", text),
        },
        Err(e) => e,
    }
}

/// Whether the stream says it is closed.
pub fn is_closed(o: &Object) -> PyResult<bool> {
    o.getattr(intern!("closed"))?.is_true()
}

pub fn closed_error() -> Raised {
    raise!(ValueError, "I/O operation on closed file.")
}

pub fn check_closed(o: &Object) -> PyResult<()> {
    if is_closed(o)? { Err(closed_error()) } else { Ok(()) }
}

/// Calls a method without arguments.
pub fn call0(o: &Object, name: &'static Str) -> PyResult<PyRef> {
    o.call_method(name, &[])
}

/// A check such as `readable()` as `checkReadable`.
fn check(o: &Object, method: &'static Str, what: &str) -> PyResult<()> {
    let r = call0(o, method)?;
    if !r.is(true_()) {
        return Err(unsupported(&format!("File or stream is not {what}.")));
    }
    Ok(())
}

pub static mut IO_BASE_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(IoBase, IO_BASE_TYPE);

/// The abstract base class for all I/O classes.
#[pyclass(name = "_IOBase", module = "_io", type_object = IO_BASE_TYPE, flags = "BASETYPE|HAVE_GC",
    dictoffset = core::mem::offset_of!(IoBase, dict), weaklistoffset = core::mem::offset_of!(IoBase, weaklist),
    slots(tp_traverse = support::traverse::<IoBase>, tp_clear = support::clear::<IoBase>, tp_dealloc = dealloc::<IoBase>))]
impl IoBase {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<IoBase>> {
        let _ = args;
        support::alloc::<IoBase>(cls).map(support::track)
    }
    #[pygetset]
    fn __dict__(&self) -> PyResult<Ref<Dict>> {
        runtime::protocol::attr::generic_dict(self)
    }
    #[pysetter]
    fn set___dict__(&self, value: Option<&Object>) -> PyResult<()> {
        runtime::protocol::attr::set_generic_dict(self, value)
    }
    /// Closes the stream when the last reference goes, reporting nothing but unraisable errors.
    #[slot]
    fn tp_finalize(&self) {
        let this: &Object = self;
        let saved = runtime::error::take_error();
        let closed = match this.getattr_opt(intern!("closed")) {
            Ok(Some(c)) => c.is_true(),
            Ok(None) => Ok(true),
            Err(e) => Err(e),
        };
        // A stream that cannot even say whether it is closed is not usable any more (its buffer was detached).
        let closed = closed.unwrap_or_else(|e| {
            e.clear();
            true
        });
        if !closed {
            // Lets `close` of a file know that nobody closed it explicitly.
            if let Err(e) = this.setattr(intern!("_finalizing"), true_()) {
                e.clear();
            }
            if let Err(_e) = call0(this, intern!("close")) {
                runtime::error::write_unraisable(Some(this));
            }
        }
        if let Some(e) = saved {
            let _ = runtime::error::restore(e);
        }
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        check_closed(self)?;
        let this: &Object = self;
        Ok(this.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let line = call0(self, intern!("readline"))?;
        Ok(if line.len()? == 0 { None } else { Some(line) })
    }
    /// Change the stream position to the given byte offset.
    #[pymethod(sig = "offset, whence=0, /")]
    fn seek(&self, offset: &Object, whence: Arg<&Object>) -> PyResult<PyRef> {
        let _ = (offset, whence);
        Err(unsupported("seek"))
    }
    /// Return current stream position.
    #[pymethod]
    fn tell(&self) -> PyResult<PyRef> {
        let zero = Int::from_i64(0)?;
        let one = Int::from_i64(1)?;
        self.call_method(intern!("seek"), &[&zero, &one])
    }
    /// Truncate file to size bytes.
    #[pymethod]
    fn truncate(&self, size: Option<&Object>) -> PyResult<PyRef> {
        let _ = size;
        Err(unsupported("truncate"))
    }
    /// Flush write buffers, if applicable.
    #[pymethod]
    fn flush(&self) -> PyResult<()> {
        if is_closed_flag(self) {
            return Err(closed_error());
        }
        Ok(())
    }
    /// Flush and close the IO object.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        if is_closed_flag(self) {
            return Ok(());
        }
        let r = call0(self, intern!("flush"));
        let saved = if r.is_err() { runtime::error::take_error() } else { None };
        self.setattr(intern!("__IOBase_closed"), true_())?;
        if let Some(e) = saved {
            return Err(runtime::error::restore(e));
        }
        r.map(drop)
    }
    #[pygetset]
    fn closed(&self) -> bool {
        is_closed_flag(self)
    }
    #[pymethod]
    fn seekable(&self) -> bool {
        false
    }
    #[pymethod]
    fn readable(&self) -> bool {
        false
    }
    #[pymethod]
    fn writable(&self) -> bool {
        false
    }
    #[pymethod(name = "_checkClosed")]
    fn check_closed_(&self, msg: Option<&Object>) -> PyResult<()> {
        let _ = msg;
        check_closed(self)
    }
    #[pymethod(name = "_checkSeekable")]
    fn check_seekable(&self) -> PyResult<bool> {
        check(self, intern!("seekable"), "seekable").map(|()| true)
    }
    #[pymethod(name = "_checkReadable")]
    fn check_readable(&self) -> PyResult<bool> {
        check(self, intern!("readable"), "readable").map(|()| true)
    }
    #[pymethod(name = "_checkWritable")]
    fn check_writable(&self) -> PyResult<bool> {
        check(self, intern!("writable"), "writable").map(|()| true)
    }
    /// Return underlying file descriptor if one exists.
    #[pymethod]
    fn fileno(&self) -> PyResult<PyRef> {
        Err(unsupported("fileno"))
    }
    /// Return whether this is an 'interactive' stream.
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        check_closed(self)?;
        Ok(false)
    }
    #[pymethod]
    fn __enter__(&self) -> PyResult<PyRef> {
        check_closed(self)?;
        let this: &Object = self;
        Ok(this.to_ref())
    }
    #[pymethod(raw)]
    fn __exit__(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        call0(self, intern!("close"))
    }
    /// Read and return a line from the stream.
    #[pymethod]
    fn readline(&self, size: Arg<&Object>) -> PyResult<PyRef> {
        let limit = match size {
            Arg::Given(s) if !s.is_none() => s.as_isize()?,
            _ => -1,
        };
        let peek = self.getattr_opt(intern!("peek"))?;
        let mut out: Vec<u8> = Vec::new();
        while limit < 0 || (out.len() as isize) < limit {
            let mut n = 1usize;
            if let Some(peek) = &peek {
                let ahead = peek.call1(&*Int::from_i64(1)?)?;
                let Some(b) = ahead.downcast::<Bytes>() else {
                    return Err(raise!(
                        OSError,
                        "peek() should have returned a bytes object, not '{}'",
                        ahead.ty().name_str()
                    ));
                };
                let s = b.as_slice();
                if !s.is_empty() {
                    let max = if limit >= 0 { s.len().min(limit as usize - out.len()) } else { s.len() };
                    n = s[..max].iter().position(|c| *c == b'\n').map_or(max, |p| p + 1);
                }
            }
            let want = Int::from_usize(n)?;
            let b = self.call_method(intern!("read"), &[&want])?;
            let Some(got) = b.downcast::<Bytes>() else {
                return Err(raise!(OSError, "read() should have returned a bytes object, not '{}'", b.ty().name_str()));
            };
            if got.as_slice().is_empty() {
                break;
            }
            out.extend_from_slice(got.as_slice());
            if out.last() == Some(&b'\n') {
                break;
            }
        }
        Bytes::new(&out).map(Ref::upcast)
    }
    /// Return a list of lines from the stream.
    #[pymethod]
    fn readlines(&self, hint: Option<&Object>) -> PyResult<Ref<List>> {
        let hint = match hint {
            Some(h) => h.as_isize()?,
            None => -1,
        };
        let out = List::from_vec(Vec::new())?;
        let it = self.iter()?;
        let mut total = 0isize;
        while let Some(line) = it.iter_next()? {
            total += line.len()? as isize;
            out.append(&line)?;
            if hint > 0 && total > hint {
                break;
            }
        }
        Ok(out)
    }
    /// Write a list of lines to stream.
    #[pymethod]
    fn writelines(&self, lines: &Object) -> PyResult<()> {
        check_closed(self)?;
        let it = lines.iter()?;
        while let Some(line) = it.iter_next()? {
            self.call_method(intern!("write"), &[&line])?;
        }
        Ok(())
    }
}

/// The flag that `_IOBase.close` sets.
fn is_closed_flag(o: &Object) -> bool {
    match o.getattr_opt(intern!("__IOBase_closed")) {
        Ok(v) => v.is_some(),
        Err(e) => {
            e.clear();
            false
        }
    }
}

macro_rules! abstract_base {
    ($t:ident, $static:ident, $name:literal, $doc:literal, { $($items:tt)* }) => {
        #[repr(C)]
        pub struct $t {
            pub base: IoBase,
        }
        pub static mut $static: Type = runtime::objects::singletons::unready_type();
        runtime::py_layout!($t, $static);
        impl Fields for $t {
            fn fields(&self, f: &mut dyn FnMut(&Slot)) {
                self.base.fields(f);
            }
        }
        #[pyclass(name = $name, module = "_io", type_object = $static, flags = "BASETYPE|HAVE_GC", doc = $doc, base = IoBase,
            slots(tp_traverse = support::traverse::<$t>, tp_clear = support::clear::<$t>, tp_dealloc = dealloc::<$t>))]
        impl $t {
            $($items)*
        }
    };
}

abstract_base!(RawIoBase, RAW_IO_BASE_TYPE, "_RawIOBase", "Base class for raw binary I/O.", {
    /// Read up to n bytes; a short result is not an error, None means that nothing is there yet.
    #[pymethod(sig = "size=-1, /")]
    fn read(&self, size: isize) -> PyResult<PyRef> {
        if size < 0 {
            return call0(self, intern!("readall"));
        }
        let b = ByteArray::new(&vec![0; size as usize])?;
        let n = self.call_method(intern!("readinto"), &[&b])?;
        if n.is_none() {
            return Ok(n);
        }
        let got = n.as_isize()?;
        if got < 0 || got > size {
            return Err(raise!(ValueError, "readinto returned {} outside buffer size {}", got, size));
        }
        Bytes::new(&b.to_vec()[..got as usize]).map(Ref::upcast)
    }
    /// Read until EOF, using multiple read() call.
    #[pymethod]
    fn readall(&self) -> PyResult<Option<ByteString>> {
        let mut out = Vec::new();
        loop {
            let want = Int::from_usize(DEFAULT_BUFFER_SIZE)?;
            let data = self.call_method(intern!("read"), &[&want])?;
            if data.is_none() {
                return Ok(if out.is_empty() { None } else { Some(ByteString(out)) });
            }
            let Some(b) = data.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "read() should return bytes"));
            };
            if b.as_slice().is_empty() {
                return Ok(Some(ByteString(out)));
            }
            out.extend_from_slice(b.as_slice());
        }
    }
});

abstract_base!(BufferedIoBase, BUFFERED_IO_BASE_TYPE, "_BufferedIOBase", "Base class for buffered IO objects.", {
    #[pymethod]
    fn detach(&self) -> PyResult<PyRef> {
        Err(unsupported("detach"))
    }
    #[pymethod(sig = "size=-1, /")]
    fn read(&self, size: Arg<&Object>) -> PyResult<PyRef> {
        let _ = size;
        Err(unsupported("read"))
    }
    #[pymethod(sig = "size=-1, /")]
    fn read1(&self, size: Arg<&Object>) -> PyResult<PyRef> {
        let _ = size;
        Err(unsupported("read1"))
    }
    #[pymethod]
    fn write(&self, b: &Object) -> PyResult<PyRef> {
        let _ = b;
        Err(unsupported("write"))
    }
    #[pymethod]
    fn readinto(&self, buffer: &Object) -> PyResult<usize> {
        readinto_by(self, buffer, intern!("read"))
    }
    #[pymethod]
    fn readinto1(&self, buffer: &Object) -> PyResult<usize> {
        readinto_by(self, buffer, intern!("read1"))
    }
});

fn readinto_by(o: &Object, buffer: &Object, method: &'static Str) -> PyResult<usize> {
    let view = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
    let want = Int::from_usize(view.len())?;
    let data = o.call_method(method, &[&want])?;
    let Some(b) = data.downcast::<Bytes>() else { return Err(raise!(TypeError, "read() should return bytes")) };
    let s = b.as_slice();
    if s.len() > view.len() {
        return Err(raise!(
            ValueError,
            "read() returned too much data: {} bytes requested, {} returned",
            view.len(),
            s.len()
        ));
    }
    // SAFETY: the view is writable and at least as long; the bytes object is another object's memory.
    unsafe { core::ptr::copy_nonoverlapping(s.as_ptr(), view.as_mut_ptr(), s.len()) };
    Ok(s.len())
}

abstract_base!(TextIoBase, TEXT_IO_BASE_TYPE, "_TextIOBase", "Base class for text I/O.", {
    #[pymethod]
    fn detach(&self) -> PyResult<PyRef> {
        Err(unsupported("detach"))
    }
    #[pymethod(sig = "size=-1, /")]
    fn read(&self, size: Arg<&Object>) -> PyResult<PyRef> {
        let _ = size;
        Err(unsupported("read"))
    }
    #[pymethod(sig = "size=-1, /")]
    fn readline(&self, size: Arg<&Object>) -> PyResult<PyRef> {
        let _ = size;
        Err(unsupported("readline"))
    }
    #[pymethod]
    fn write(&self, s: &Object) -> PyResult<PyRef> {
        let _ = s;
        Err(unsupported("write"))
    }
    #[pygetset]
    fn encoding(&self) -> Option<PyRef> {
        None
    }
    #[pygetset]
    fn newlines(&self) -> Option<PyRef> {
        None
    }
    #[pygetset]
    fn errors(&self) -> Option<PyRef> {
        None
    }
});

/// Keeps the compiler from forgetting that these exist.
pub fn init() -> PyResult<()> {
    for s in [IoBase::spec(), RawIoBase::spec(), BufferedIoBase::spec(), TextIoBase::spec()] {
        runtime::typeobject::init_static(s)?;
    }
    let _: c_int = SEEK_SET;
    Ok(())
}
