//! `BufferedReader`, `BufferedWriter`, `BufferedRandom` and `BufferedRWPair`.
//!
//! One layout serves the first three. `lock` is held for a whole operation, calls of the raw stream included, as CPython
//! holds its lock; a thread that comes back into the same stream gets a RuntimeError instead of a deadlock. Reading ahead
//! and writing behind are never pending at the same time.

use super::base::{self, BufferedIoBase, call0, closed_error, unsupported};
use super::fileio::FileIo;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use macros::pyclass;
use runtime::convert::ByteString;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::thread::mutex::RecursiveMutex;

struct State {
    /// Bytes read ahead: `data[pos..]`.
    data: Vec<u8>,
    pos: usize,
    /// Bytes not written yet.
    pending: Vec<u8>,
    size: usize,
}

#[repr(C)]
pub struct Buffered {
    base: BufferedIoBase,
    raw: Slot,
    lock: RecursiveMutex,
    state: UnsafeCell<Option<Box<State>>>,
    /// 1 readable, 2 writable.
    kind: AtomicU8,
    detached: AtomicBool,
    finalizing: AtomicBool,
}

impl core::ops::Deref for Buffered {
    type Target = Object;
    fn deref(&self) -> &Object {
        &self.base
    }
}

impl Buffered {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
        f(&self.raw);
    }
    fn release(&self) {
        // SAFETY: the object is dying.
        drop(unsafe { (*self.state.get()).take() });
    }
}

struct Held<'a>(&'a Buffered);
impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock.try_unlock();
    }
}

impl Buffered {
    fn hold(&self) -> PyResult<Held<'_>> {
        if self.lock.is_owned() {
            let text = self.repr()?;
            return Err(raise!(RuntimeError, "reentrant call inside {}", text.to_string_lossy()));
        }
        if ThreadState::current().interp().is_finalizing() && !self.lock.try_lock() {
            // Its holder has been stopped for good.
            let text = self.repr()?;
            let text = text.to_string_lossy();
            return Err(raise!(
                RuntimeError,
                "could not acquire lock for {} at interpreter shutdown, possibly due to daemon threads",
                text
            ));
        } else if !self.lock.is_owned() {
            self.lock.lock();
        }
        Ok(Held(self))
    }
    /// The state; the lock is held. The borrow must end before the raw stream is called.
    #[allow(clippy::mut_from_ref)]
    fn state(&self) -> PyResult<&mut State> {
        // SAFETY: the lock is held by this thread, which makes no second borrow while one is alive.
        match unsafe { (*self.state.get()).as_deref_mut() } {
            Some(s) => Ok(s),
            None => Err(raise!(ValueError, "I/O operation on uninitialized object")),
        }
    }
    fn raw(&self) -> PyResult<PyRef> {
        match self.raw.get(self) {
            Some(r) => Ok(r),
            None if self.detached.load(Relaxed) => Err(raise!(ValueError, "raw stream has been detached")),
            None => Err(raise!(ValueError, "I/O operation on uninitialized object")),
        }
    }
    fn check_open(&self, what: &str) -> PyResult<PyRef> {
        let raw = self.raw()?;
        if raw_closed(&raw)? {
            return Err(raise!(ValueError, "{}", what));
        }
        Ok(raw)
    }
    fn readable(&self) -> bool {
        self.kind.load(Relaxed) & 1 != 0
    }
    fn writable(&self) -> bool {
        self.kind.load(Relaxed) & 2 != 0
    }

    /// One read of the raw stream; `None` when it would block.
    fn raw_read(&self, raw: &Object, n: usize) -> PyResult<Option<Vec<u8>>> {
        if let Some(f) = raw.downcast_exact::<FileIo>() {
            let fd = f.fileno_checked()?;
            let mut v: Vec<u8> = Vec::new();
            if v.try_reserve_exact(n).is_err() {
                return Err(raise!(MemoryError, "out of memory"));
            }
            return Ok(match f.read_some(fd, v.as_mut_ptr(), n)? {
                None => None,
                Some(got) => {
                    // SAFETY: `got` bytes were read.
                    unsafe { v.set_len(got) };
                    Some(v)
                }
            });
        }
        let b = runtime::objects::ByteArray::new(&vec![0; n])?;
        let view = runtime::objects::MemoryView::from_object(&b)?;
        let r = raw.call_method(intern!("readinto"), &[&view])?;
        if let Err(e) = call0(&view, intern!("release")) {
            e.clear();
        }
        if r.is_none() {
            return Ok(None);
        }
        let got = match r.as_isize() {
            Ok(g) => g,
            Err(_) => {
                return Err(runtime::error::chain_from_cause(exc::OSError(), format_args!("raw readinto() failed")));
            }
        };
        if got < 0 || got as usize > n {
            return Err(raise!(
                OSError,
                "raw readinto() returned invalid length {} (should have been between 0 and {})",
                got,
                n
            ));
        }
        let mut v = b.to_vec();
        v.truncate(got as usize);
        Ok(Some(v))
    }

    /// Drops the read-ahead and puts the raw position where the reader is.
    fn undo_read_ahead(&self, raw: &Object) -> PyResult<()> {
        let left = {
            let s = self.state()?;
            let left = s.data.len() - s.pos;
            s.data.clear();
            s.pos = 0;
            left
        };
        if left > 0 && self.writable() {
            raw.call_method(intern!("seek"), &[&*Int::from_i64(-(left as i64))?, &*Int::from_i64(1)?])?;
        }
        Ok(())
    }

    fn flush_pending(&self, raw: &Object) -> PyResult<()> {
        loop {
            let chunk = {
                let s = self.state()?;
                if s.pending.is_empty() {
                    return Ok(());
                }
                Bytes::new(&s.pending)?
            };
            let n = raw.call_method(intern!("write"), &[&chunk])?;
            if n.is_none() {
                return Err(blocking_error("write could not complete without blocking", 0)?);
            }
            let n = n.as_isize()?;
            let s = self.state()?;
            if n < 0 || n as usize > s.pending.len() {
                return Err(raise!(
                    OSError,
                    "raw write() returned invalid length {} (should have been between 0 and {})",
                    n,
                    s.pending.len()
                ));
            }
            s.pending.drain(..n as usize);
            // A signal may have cut the write short: its handler runs before the next one blocks.
            runtime::thread::check_signals()?;
        }
    }

    fn prepare_read(&self) -> PyResult<PyRef> {
        let raw = self.check_open("read of closed file")?;
        if !self.readable() {
            return Err(unsupported("read"));
        }
        if self.writable() {
            self.flush_pending(&raw)?;
        }
        Ok(raw)
    }

    fn fill(&self, raw: &Object) -> PyResult<Option<usize>> {
        let size = self.state()?.size;
        let Some(v) = self.raw_read(raw, size)? else { return Ok(None) };
        let s = self.state()?;
        if s.pos >= s.data.len() {
            s.data = v;
            s.pos = 0;
            Ok(Some(s.data.len()))
        } else {
            let n = v.len();
            s.data.drain(..s.pos);
            s.pos = 0;
            s.data.extend_from_slice(&v);
            Ok(Some(n))
        }
    }

    /// `read(n)`; negative is everything. `None` when nothing is there and the stream would block.
    fn read_n(&self, n: isize) -> PyResult<Option<Vec<u8>>> {
        let raw = self.prepare_read()?;
        let mut out = Vec::new();
        if n < 0 {
            let s = self.state()?;
            out.extend_from_slice(&s.data[s.pos..]);
            s.data.clear();
            s.pos = 0;
            if let Some(readall) = raw.getattr_opt(intern!("readall"))? {
                let rest = readall.call0()?;
                if rest.is_none() {
                    return Ok(if out.is_empty() { None } else { Some(out) });
                }
                let Some(b) = rest.downcast::<Bytes>() else {
                    return Err(raise!(TypeError, "readall() should return bytes"));
                };
                if out.is_empty() {
                    return Ok(Some(b.as_slice().to_vec()));
                }
                out.extend_from_slice(b.as_slice());
                return Ok(Some(out));
            }
            loop {
                let b = call0(&raw, intern!("read"))?;
                if b.is_none() {
                    return Ok(if out.is_empty() { None } else { Some(out) });
                }
                let Some(bytes) = b.downcast::<Bytes>() else {
                    return Err(raise!(TypeError, "read() should return bytes"));
                };
                if bytes.is_empty() {
                    return Ok(Some(out));
                }
                out.extend_from_slice(bytes.as_slice());
            }
        }
        let n = n as usize;
        loop {
            let want = n - out.len();
            {
                let s = self.state()?;
                let take = want.min(s.data.len() - s.pos);
                if out.is_empty() && take == want && take == n {
                    let v = s.data[s.pos..s.pos + take].to_vec();
                    s.pos += take;
                    return Ok(Some(v));
                }
                out.extend_from_slice(&s.data[s.pos..s.pos + take]);
                s.pos += take;
            }
            if out.len() == n {
                return Ok(Some(out));
            }
            let want = n - out.len();
            let size = self.state()?.size;
            let got = if want >= size {
                // Big reads go past the buffer.
                match self.raw_read(&raw, want - want % size)? {
                    None => None,
                    Some(v) => {
                        out.extend_from_slice(&v);
                        Some(v.len())
                    }
                }
            } else {
                self.fill(&raw)?
            };
            match got {
                None => return Ok(if out.is_empty() { None } else { Some(out) }),
                Some(0) => return Ok(Some(out)),
                Some(_) => {}
            }
        }
    }

    fn read_line(&self, limit: isize) -> PyResult<Vec<u8>> {
        let raw = self.prepare_read()?;
        let mut out: Vec<u8> = Vec::new();
        loop {
            {
                let s = self.state()?;
                let rest = &s.data[s.pos..];
                let max = if limit >= 0 { rest.len().min(limit as usize - out.len()) } else { rest.len() };
                let (take, done) = match rest[..max].iter().position(|c| *c == b'\n') {
                    Some(p) => (p + 1, true),
                    None => (max, limit >= 0 && out.len() + max == limit as usize),
                };
                out.extend_from_slice(&rest[..take]);
                s.pos += take;
                if done {
                    return Ok(out);
                }
            }
            match self.fill(&raw)? {
                None | Some(0) => return Ok(out),
                Some(_) => {}
            }
        }
    }

    fn write_bytes(&self, data: &[u8]) -> PyResult<usize> {
        let raw = self.check_open("write to closed file")?;
        if !self.writable() {
            return Err(unsupported("write"));
        }
        self.undo_read_ahead(&raw)?;
        let size = {
            let s = self.state()?;
            if s.pending.len() + data.len() <= s.size {
                s.pending.extend_from_slice(data);
                return Ok(data.len());
            }
            s.size
        };
        if let Err(e) = self.flush_pending(&raw) {
            if !e.matches(exc::BlockingIOError()) {
                return Err(e);
            }
            // What still fits is taken; the rest is reported.
            let s = self.state()?;
            let room = size.saturating_sub(s.pending.len());
            if data.len() <= room {
                e.clear();
                s.pending.extend_from_slice(data);
                return Ok(data.len());
            }
            s.pending.extend_from_slice(&data[..room]);
            e.clear();
            return Err(blocking_error("write could not complete without blocking", room)?);
        }
        // Whole buffers go straight to the raw stream.
        let mut done = 0;
        while data.len() - done > size {
            let chunk = Bytes::new(&data[done..])?;
            let n = raw.call_method(intern!("write"), &[&chunk])?;
            if n.is_none() {
                let s = self.state()?;
                let room = size.min(data.len() - done);
                s.pending.extend_from_slice(&data[done..done + room]);
                if done + room < data.len() {
                    return Err(blocking_error("write could not complete without blocking", done + room)?);
                }
                return Ok(data.len());
            }
            let n = n.as_isize()?;
            if n < 0 || n as usize > data.len() - done {
                return Err(raise!(
                    OSError,
                    "raw write() returned invalid length {} (should have been between 0 and {})",
                    n,
                    data.len() - done
                ));
            }
            done += n as usize;
            runtime::thread::check_signals()?;
        }
        self.state()?.pending.extend_from_slice(&data[done..]);
        Ok(data.len())
    }

    fn raw_tell(&self, raw: &Object) -> PyResult<i64> {
        let n = call0(raw, intern!("tell"))?.as_i64()?;
        if n < 0 {
            return Err(raise!(OSError, "Raw stream returned invalid position {}", n));
        }
        Ok(n)
    }

    fn setup(&self, raw: &Object, buffer_size: isize, kind: u8) -> PyResult<()> {
        if buffer_size <= 0 {
            return Err(raise!(ValueError, "buffer size must be strictly positive"));
        }
        if kind & 1 != 0 {
            raw.call_method(intern!("_checkReadable"), &[])
                .or_else(|e| fallback_check(e, raw, intern!("readable"), "readable"))?;
        }
        if kind & 2 != 0 {
            raw.call_method(intern!("_checkWritable"), &[])
                .or_else(|e| fallback_check(e, raw, intern!("writable"), "writable"))?;
        }
        if kind == 3 {
            raw.call_method(intern!("_checkSeekable"), &[])
                .or_else(|e| fallback_check(e, raw, intern!("seekable"), "seekable"))?;
        }
        self.kind.store(kind, Relaxed);
        self.detached.store(false, Relaxed);
        let held = self.hold()?;
        let fresh = Box::new(State { data: Vec::new(), pos: 0, pending: Vec::new(), size: buffer_size as usize });
        // SAFETY: the lock is held.
        let old = unsafe { (*self.state.get()).replace(fresh) };
        drop(held);
        drop(old);
        drop(self.raw.replace(self, Some(raw.to_ref())));
        Ok(())
    }
}

/// Streams that are no `_IOBase` have the predicates only.
fn fallback_check(e: Raised, raw: &Object, predicate: &'static Str, what: &str) -> PyResult<PyRef> {
    if !e.matches(exc::AttributeError()) {
        return Err(e);
    }
    e.clear();
    if call0(raw, predicate)?.is_true()? {
        Ok(none_ref())
    } else {
        Err(unsupported(&format!("File or stream is not {what}.")))
    }
}

fn raw_closed(raw: &Object) -> PyResult<bool> {
    if let Some(f) = raw.downcast_exact::<FileIo>() {
        return Ok(f.is_closed_now());
    }
    base::is_closed(raw)
}

fn blocking_error(text: &str, written: usize) -> PyResult<Raised> {
    let t: &Object = exc::BlockingIOError();
    let e = t.call(&[&*Int::from_i64(libc::EAGAIN as i64)?, &*Str::new(text)?, &*Int::from_usize(written)?])?;
    // SAFETY: an instance of an exception type.
    Ok(runtime::error::raise_exception(unsafe { e.cast_into() }))
}

impl Buffered {
    fn read_(&self, size: Option<&Object>) -> PyResult<Option<ByteString>> {
        let n = match size {
            Some(s) => s.as_isize()?,
            None => -1,
        };
        if n < -1 {
            return Err(raise!(ValueError, "read length must be non-negative or -1"));
        }
        let _h = self.hold()?;
        Ok(self.read_n(n)?.map(ByteString))
    }
    fn read1_(&self, n: isize) -> PyResult<ByteString> {
        let _h = self.hold()?;
        let raw = self.prepare_read()?;
        let n = if n < 0 { self.state()?.size } else { n as usize };
        if n == 0 {
            return Ok(ByteString(Vec::new()));
        }
        let empty = {
            let s = self.state()?;
            s.pos >= s.data.len()
        };
        if empty {
            return Ok(ByteString(self.raw_read(&raw, n)?.unwrap_or_default()));
        }
        let s = self.state()?;
        let take = n.min(s.data.len() - s.pos);
        let v = s.data[s.pos..s.pos + take].to_vec();
        s.pos += take;
        Ok(ByteString(v))
    }
    fn peek_(&self) -> PyResult<ByteString> {
        let _h = self.hold()?;
        let raw = self.prepare_read()?;
        let empty = {
            let s = self.state()?;
            s.pos >= s.data.len()
        };
        if empty {
            self.fill(&raw)?;
        }
        let s = self.state()?;
        Ok(ByteString(s.data[s.pos..].to_vec()))
    }
    fn readinto_(&self, buffer: &Object, once: bool) -> PyResult<Option<usize>> {
        let view = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        let v = if once {
            Some(self.read1_(view.len() as isize)?.0)
        } else {
            let _h = self.hold()?;
            self.read_n(view.len() as isize)?
        };
        let Some(v) = v else { return Ok(None) };
        // SAFETY: the view is writable and at least as long as what was asked for.
        unsafe { core::ptr::copy_nonoverlapping(v.as_ptr(), view.as_mut_ptr(), v.len().min(view.len())) };
        Ok(Some(v.len()))
    }
    fn write_(&self, b: &Object) -> PyResult<usize> {
        if b.downcast::<Str>().is_some() {
            return Err(raise!(TypeError, "a bytes-like object is required, not 'str'"));
        }
        let view = Buffer::get(b, abi::PyBUF_SIMPLE)?;
        let _h = self.hold()?;
        self.write_bytes(view.as_slice())
    }
    fn flush_(&self) -> PyResult<()> {
        let _h = self.hold()?;
        let raw = self.check_open("flush of closed file")?;
        if self.writable() {
            self.flush_pending(&raw)?;
            self.undo_read_ahead(&raw)?;
        }
        call0(&raw, intern!("flush")).map(drop)
    }
    fn tell_(&self) -> PyResult<i64> {
        let _h = self.hold()?;
        let raw = self.raw()?;
        let at = self.raw_tell(&raw)?;
        let s = self.state()?;
        Ok(at - (s.data.len() - s.pos) as i64 + s.pending.len() as i64)
    }
    fn seek_(&self, target: &Object, whence: i32) -> PyResult<i64> {
        if !matches!(whence, 0..=4) {
            return Err(raise!(ValueError, "whence value {} unsupported", whence));
        }
        let _h = self.hold()?;
        let raw = self.check_open("seek of closed file")?;
        raw.call_method(intern!("_checkSeekable"), &[])
            .or_else(|e| fallback_check(e, &raw, intern!("seekable"), "seekable"))?;
        let mut target = target.as_i64()?;
        if self.writable() {
            self.flush_pending(&raw)?;
        }
        if whence != 2 && whence <= 1 && self.readable() {
            // Within the read-ahead nothing needs to be read again.
            let at = self.raw_tell(&raw)?;
            let s = self.state()?;
            let here = at - (s.data.len() - s.pos) as i64;
            let want = if whence == 0 { target } else { here + target };
            let first = at - s.data.len() as i64;
            if want >= first && want <= at && !s.data.is_empty() {
                s.pos = (want - first) as usize;
                return Ok(want);
            }
            if whence == 1 {
                target -= (s.data.len() - s.pos) as i64;
            }
        }
        let r =
            raw.call_method(intern!("seek"), &[&*Int::from_i64(target)?, &*Int::from_i64(whence as i64)?])?.as_i64()?;
        if r < 0 {
            return Err(raise!(OSError, "Raw stream returned invalid position {}", r));
        }
        let s = self.state()?;
        s.data.clear();
        s.pos = 0;
        Ok(r)
    }
    fn truncate_(&self, pos: Option<&Object>) -> PyResult<PyRef> {
        if !self.writable() {
            return Err(unsupported("truncate"));
        }
        let _h = self.hold()?;
        let raw = self.check_open("truncate of closed file")?;
        self.flush_pending(&raw)?;
        self.undo_read_ahead(&raw)?;
        let pos: PyRef = match pos {
            Some(p) => p.to_ref(),
            None => Int::from_i64(self.raw_tell(&raw)?)?.upcast(),
        };
        raw.call_method(intern!("truncate"), &[&pos])
    }
    fn close_(&self) -> PyResult<()> {
        let raw = self.raw()?;
        if raw_closed(&raw)? {
            return Ok(());
        }
        let this: &Object = self;
        if self.finalizing.load(Relaxed)
            && let Err(e) = raw.call_method(intern!("_dealloc_warn"), &[this])
        {
            e.clear();
        }
        let flushed = call0(self, intern!("flush"));
        let saved = if flushed.is_err() { runtime::error::take_error() } else { None };
        let closed = call0(&raw, intern!("close"));
        match (saved, closed) {
            (Some(e), Ok(_)) => Err(runtime::error::restore(e)),
            (Some(e), Err(_)) => {
                if let Some(second) = runtime::error::take_error() {
                    second.set_context(Some(e));
                    return Err(runtime::error::restore(second));
                }
                Err(raise!(RuntimeError, "close failed"))
            }
            (None, r) => r.map(drop),
        }
    }
    fn repr_(&self) -> PyResult<Ref<Str>> {
        let ty = self.ty().name_str();
        match self.getattr_opt(intern!("name")) {
            Ok(Some(n)) => Str::new(&format!("<{ty} name={}>", n.repr()?.to_string_lossy())),
            Ok(None) => Str::new(&format!("<{ty}>")),
            Err(e) if e.matches(exc::ValueError()) => {
                e.clear();
                Str::new(&format!("<{ty}>"))
            }
            Err(e) => Err(e),
        }
    }
    fn detach_(&self) -> PyResult<PyRef> {
        let raw = self.raw()?;
        call0(self, intern!("flush"))?;
        drop(self.raw.replace(self, None));
        self.detached.store(true, Relaxed);
        Ok(raw)
    }
}

macro_rules! buffered_class {
    ($t:ident, $static:ident, $name:literal, $doc:literal, $kind:literal, { $($items:tt)* }) => {
        #[repr(C)]
        pub struct $t(Buffered);
        pub static mut $static: Type = runtime::objects::singletons::unready_type();
        runtime::py_layout!($t, $static);
        impl Fields for $t {
            fn fields(&self, f: &mut dyn FnMut(&Slot)) {
                self.0.fields(f);
            }
            fn release(&self) {
                self.0.release();
            }
        }
        #[pyclass(name = $name, module = "_io", type_object = $static, flags = "BASETYPE|HAVE_GC", doc = $doc, base = BufferedIoBase,
            slots(tp_traverse = support::traverse::<$t>, tp_clear = support::clear::<$t>, tp_dealloc = base::dealloc::<$t>))]
        impl $t {
            #[slot(raw)]
            fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<$t>> {
                let _ = args;
                support::alloc::<$t>(cls).map(support::track)
            }
            #[slot(sig = "raw, buffer_size=131072")]
            fn tp_init(&self, raw: &Object, buffer_size: isize) -> PyResult<()> {
                self.0.setup(raw, buffer_size, $kind)
            }
            #[slot]
            fn tp_repr(&self) -> PyResult<Ref<Str>> {
                self.0.repr_()
            }
            #[pymethod]
            fn flush(&self) -> PyResult<()> {
                self.0.flush_()
            }
            #[pymethod]
            fn close(&self) -> PyResult<()> {
                self.0.close_()
            }
            #[pymethod]
            fn detach(&self) -> PyResult<PyRef> {
                self.0.detach_()
            }
            #[pymethod]
            fn seekable(&self) -> PyResult<PyRef> {
                call0(&*self.0.raw()?, intern!("seekable"))
            }
            #[pymethod]
            fn fileno(&self) -> PyResult<PyRef> {
                call0(&*self.0.raw()?, intern!("fileno"))
            }
            #[pymethod]
            fn isatty(&self) -> PyResult<PyRef> {
                call0(&*self.0.raw()?, intern!("isatty"))
            }
            #[pymethod]
            fn tell(&self) -> PyResult<i64> {
                self.0.tell_()
            }
            #[pymethod(sig = "target, whence=0, /")]
            fn seek(&self, target: &Object, whence: i32) -> PyResult<i64> {
                self.0.seek_(target, whence)
            }
            #[pymethod]
            fn truncate(&self, pos: Option<&Object>) -> PyResult<PyRef> {
                self.0.truncate_(pos)
            }
            #[pymethod]
            fn _dealloc_warn(&self, source: &Object) -> PyResult<()> {
                if let Ok(raw) = self.0.raw() {
                    raw.call_method(intern!("_dealloc_warn"), &[source])?;
                }
                Ok(())
            }
            #[pymethod]
            fn __getstate__(&self) -> PyResult<PyRef> {
                Err(raise!(TypeError, "cannot pickle '{}' instances", self.ty().name_str()))
            }
            #[pygetset]
            fn raw(&self) -> PyResult<PyRef> {
                self.0.raw()
            }
            #[pygetset]
            fn closed(&self) -> PyResult<bool> {
                raw_closed(&*self.0.raw()?)
            }
            #[pygetset]
            fn name(&self) -> PyResult<PyRef> {
                self.0.raw()?.getattr(intern!("name"))
            }
            #[pygetset]
            fn mode(&self) -> PyResult<PyRef> {
                self.0.raw()?.getattr(intern!("mode"))
            }
            #[pygetset]
            fn _finalizing(&self) -> bool {
                self.0.finalizing.load(Relaxed)
            }
            #[pysetter]
            fn set__finalizing(&self, v: Option<&Object>) -> PyResult<()> {
                self.0.finalizing.store(v.unwrap_or(none()).is_true()?, Relaxed);
                Ok(())
            }
            $($items)*
        }
    };
}

buffered_class!(
    BufferedReader,
    BUFFERED_READER_TYPE,
    "BufferedReader",
    "Create a new buffered reader using the given readable raw IO object.",
    1,
    {
        #[pymethod]
        fn readable(&self) -> PyResult<PyRef> {
            call0(&*self.0.raw()?, intern!("readable"))
        }
        #[pymethod]
        fn read(&self, size: Option<&Object>) -> PyResult<Option<ByteString>> {
            self.0.read_(size)
        }
        #[pymethod(sig = "size=-1, /")]
        fn read1(&self, size: isize) -> PyResult<ByteString> {
            self.0.read1_(size)
        }
        #[pymethod(sig = "size=0, /")]
        fn peek(&self, size: isize) -> PyResult<ByteString> {
            let _ = size;
            self.0.peek_()
        }
        #[pymethod]
        fn readinto(&self, buffer: &Object) -> PyResult<Option<usize>> {
            self.0.readinto_(buffer, false)
        }
        #[pymethod]
        fn readinto1(&self, buffer: &Object) -> PyResult<Option<usize>> {
            self.0.readinto_(buffer, true)
        }
        #[pymethod]
        fn readline(&self, size: Option<&Object>) -> PyResult<ByteString> {
            let n = match size {
                Some(s) => s.as_isize()?,
                None => -1,
            };
            let _h = self.0.hold()?;
            self.0.read_line(n).map(ByteString)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let line = if core::ptr::eq(self.ty(), BufferedReader::type_object()) {
                let _h = self.0.hold()?;
                Bytes::new(&self.0.read_line(-1)?)?.upcast()
            } else {
                call0(self, intern!("readline"))?
            };
            Ok(if line.len()? == 0 { None } else { Some(line) })
        }
    }
);

buffered_class!(
    BufferedWriter,
    BUFFERED_WRITER_TYPE,
    "BufferedWriter",
    "A buffer for a writeable sequential RawIO object.",
    2,
    {
        #[pymethod]
        fn writable(&self) -> PyResult<PyRef> {
            call0(&*self.0.raw()?, intern!("writable"))
        }
        #[pymethod]
        fn write(&self, b: &Object) -> PyResult<usize> {
            self.0.write_(b)
        }
    }
);

buffered_class!(
    BufferedRandom,
    BUFFERED_RANDOM_TYPE,
    "BufferedRandom",
    "A buffered interface to random access streams.",
    3,
    {
        #[pymethod]
        fn readable(&self) -> PyResult<PyRef> {
            call0(&*self.0.raw()?, intern!("readable"))
        }
        #[pymethod]
        fn writable(&self) -> PyResult<PyRef> {
            call0(&*self.0.raw()?, intern!("writable"))
        }
        #[pymethod]
        fn read(&self, size: Option<&Object>) -> PyResult<Option<ByteString>> {
            self.0.read_(size)
        }
        #[pymethod(sig = "size=-1, /")]
        fn read1(&self, size: isize) -> PyResult<ByteString> {
            self.0.read1_(size)
        }
        #[pymethod(sig = "size=0, /")]
        fn peek(&self, size: isize) -> PyResult<ByteString> {
            let _ = size;
            self.0.peek_()
        }
        #[pymethod]
        fn readinto(&self, buffer: &Object) -> PyResult<Option<usize>> {
            self.0.readinto_(buffer, false)
        }
        #[pymethod]
        fn readinto1(&self, buffer: &Object) -> PyResult<Option<usize>> {
            self.0.readinto_(buffer, true)
        }
        #[pymethod]
        fn readline(&self, size: Option<&Object>) -> PyResult<ByteString> {
            let n = match size {
                Some(s) => s.as_isize()?,
                None => -1,
            };
            let _h = self.0.hold()?;
            self.0.read_line(n).map(ByteString)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let line = call0(self, intern!("readline"))?;
            Ok(if line.len()? == 0 { None } else { Some(line) })
        }
        #[pymethod]
        fn write(&self, b: &Object) -> PyResult<usize> {
            self.0.write_(b)
        }
    }
);

/// Two streams, one to read from and one to write to.
#[repr(C)]
pub struct BufferedRwPair {
    base: BufferedIoBase,
    reader: Slot,
    writer: Slot,
}
pub static mut BUFFERED_RW_PAIR_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(BufferedRwPair, BUFFERED_RW_PAIR_TYPE);
impl Fields for BufferedRwPair {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
        f(&self.reader);
        f(&self.writer);
    }
}
impl BufferedRwPair {
    fn end(&self, s: &Slot) -> PyResult<PyRef> {
        s.get(self).ok_or_else(|| raise!(ValueError, "I/O operation on uninitialized object"))
    }
}

/// BufferedRWPair(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)
/// --
///
/// A buffered reader and writer object together.
#[pyclass(name = "BufferedRWPair", module = "_io", type_object = BUFFERED_RW_PAIR_TYPE, flags = "BASETYPE|HAVE_GC", base = BufferedIoBase,
    slots(tp_traverse = support::traverse::<BufferedRwPair>, tp_clear = support::clear::<BufferedRwPair>, tp_dealloc = base::dealloc::<BufferedRwPair>))]
impl BufferedRwPair {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<BufferedRwPair>> {
        let _ = args;
        support::alloc::<BufferedRwPair>(cls).map(support::track)
    }
    #[slot(sig = "reader, writer, buffer_size=<unrepresentable>, /")]
    fn tp_init(&self, reader: &Object, writer: &Object, buffer_size: Arg<usize>) -> PyResult<()> {
        let buffer_size = Int::from_usize(buffer_size.unwrap_or(base::DEFAULT_BUFFER_SIZE))?;
        let buffer_size: &Object = &buffer_size;
        if !call0(reader, intern!("readable"))?.is_true()? {
            return Err(unsupported("File or stream is not readable."));
        }
        if !call0(writer, intern!("writable"))?.is_true()? {
            return Err(unsupported("File or stream is not writable."));
        }
        let rt: &Object = BufferedReader::type_object();
        let wt: &Object = BufferedWriter::type_object();
        let r = rt.call(&[reader, buffer_size])?;
        let w = wt.call(&[writer, buffer_size])?;
        drop(self.reader.replace(self, Some(r)));
        drop(self.writer.replace(self, Some(w)));
        Ok(())
    }
    #[pymethod(raw)]
    fn read(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.reader)?.call_method(intern!("read"), args.args)
    }
    #[pymethod(raw)]
    fn peek(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.reader)?.call_method(intern!("peek"), args.args)
    }
    #[pymethod(raw)]
    fn read1(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.reader)?.call_method(intern!("read1"), args.args)
    }
    #[pymethod(raw)]
    fn readinto(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.reader)?.call_method(intern!("readinto"), args.args)
    }
    #[pymethod(raw)]
    fn readinto1(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.reader)?.call_method(intern!("readinto1"), args.args)
    }
    #[pymethod(raw)]
    fn write(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.end(&self.writer)?.call_method(intern!("write"), args.args)
    }
    #[pymethod]
    fn flush(&self) -> PyResult<PyRef> {
        call0(&*self.end(&self.writer)?, intern!("flush"))
    }
    #[pymethod]
    fn readable(&self) -> PyResult<PyRef> {
        call0(&*self.end(&self.reader)?, intern!("readable"))
    }
    #[pymethod]
    fn writable(&self) -> PyResult<PyRef> {
        call0(&*self.end(&self.writer)?, intern!("writable"))
    }
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        let (w, r) = (self.end(&self.writer)?, self.end(&self.reader)?);
        let first = call0(&w, intern!("close"));
        let saved = if first.is_err() { runtime::error::take_error() } else { None };
        let second = call0(&r, intern!("close"));
        match (saved, second) {
            (Some(e), Ok(_)) => Err(runtime::error::restore(e)),
            (Some(e), Err(_)) => {
                if let Some(s) = runtime::error::take_error() {
                    s.set_context(Some(e));
                    return Err(runtime::error::restore(s));
                }
                Err(closed_error())
            }
            (None, r) => r.map(drop),
        }
    }
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        if call0(&*self.end(&self.writer)?, intern!("isatty"))?.is_true()? {
            return Ok(true);
        }
        call0(&*self.end(&self.reader)?, intern!("isatty"))?.is_true()
    }
    #[pygetset]
    fn closed(&self) -> PyResult<PyRef> {
        self.end(&self.writer)?.getattr(intern!("closed"))
    }
}
