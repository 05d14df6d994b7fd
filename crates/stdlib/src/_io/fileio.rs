//! `FileIO`: a file descriptor as a raw stream.

use super::base::{self, RawIoBase, closed_error, unsupported};
use crate::posix::path::{errno, os_error, retry};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering::Relaxed};
use macros::pyclass;
use runtime::lifecycle::audit::audit;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;

const CREATED: u8 = 1;
const READABLE: u8 = 2;
const WRITABLE: u8 = 4;
const APPENDING: u8 = 8;

/// A raw stream. All-zero but for `fd` is the state before `__init__`: `fd` is kept shifted by one so that zero is closed.
#[repr(C)]
pub struct FileIo {
    base: RawIoBase,
    fd_plus_1: AtomicI32,
    mode: AtomicU8,
    closefd: AtomicBool,
    finalizing: AtomicBool,
    /// 0 unknown, 1 no, 2 yes.
    seekable: AtomicU8,
}

pub static mut FILE_IO_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(FileIo, FILE_IO_TYPE);

impl Fields for FileIo {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
    }
}

fn parse_mode(mode: &str) -> PyResult<(u8, i32)> {
    let bad = || raise!(ValueError, "Must have exactly one of create/read/write/append mode and at most one plus");
    let (mut m, mut flags, mut kinds, mut plus) = (0u8, 0, 0, 0);
    for c in mode.chars() {
        match c {
            'x' => {
                kinds += 1;
                m |= CREATED | WRITABLE;
                flags |= libc::O_EXCL | libc::O_CREAT;
            }
            'r' => {
                kinds += 1;
                m |= READABLE;
            }
            'w' => {
                kinds += 1;
                m |= WRITABLE;
                flags |= libc::O_CREAT | libc::O_TRUNC;
            }
            'a' => {
                kinds += 1;
                m |= WRITABLE | APPENDING;
                flags |= libc::O_APPEND | libc::O_CREAT;
            }
            'b' => {}
            '+' => {
                plus += 1;
                m |= READABLE | WRITABLE;
            }
            _ => return Err(raise!(ValueError, "invalid mode: {}", mode)),
        }
    }
    if kinds != 1 || plus > 1 {
        return Err(bad());
    }
    flags |= match m & (READABLE | WRITABLE) {
        x if x == READABLE | WRITABLE => libc::O_RDWR,
        READABLE => libc::O_RDONLY,
        _ => libc::O_WRONLY,
    };
    Ok((m, flags | libc::O_CLOEXEC))
}

impl FileIo {
    fn fd(&self) -> i32 {
        self.fd_plus_1.load(Relaxed) - 1
    }
    /// The open descriptor.
    pub fn fileno_checked(&self) -> PyResult<i32> {
        self.need(READABLE)
    }
    pub fn is_closed_now(&self) -> bool {
        self.fd() < 0
    }
    fn open_fd(&self) -> PyResult<i32> {
        match self.fd() {
            -1 => Err(closed_error()),
            fd => Ok(fd),
        }
    }
    fn has(&self, flag: u8) -> bool {
        self.mode.load(Relaxed) & flag != 0
    }
    fn need(&self, flag: u8) -> PyResult<i32> {
        let fd = self.open_fd()?;
        if self.has(flag) {
            return Ok(fd);
        }
        Err(unsupported(if flag == READABLE { "File not open for reading" } else { "File not open for writing" }))
    }
    fn close_fd(&self) -> PyResult<()> {
        let fd = self.fd_plus_1.swap(0, Relaxed) - 1;
        if fd >= 0 {
            // SAFETY: closing a number is safe; an interrupted close has closed.
            let r = runtime::thread::detach(|| unsafe { if libc::close(fd) < 0 { errno() } else { 0 } });
            if r != 0 && r != libc::EINTR {
                return Err(runtime::error::raise_os_error(r, None, None));
            }
        }
        Ok(())
    }
    fn mode_text(&self) -> &'static str {
        let m = self.mode.load(Relaxed);
        let (r, w) = (m & READABLE != 0, m & WRITABLE != 0);
        if m & CREATED != 0 {
            if r { "xb+" } else { "xb" }
        } else if m & APPENDING != 0 {
            if r { "ab+" } else { "ab" }
        } else if r && w {
            "rb+"
        } else if r {
            "rb"
        } else {
            "wb"
        }
    }
    fn seek_raw(&self, fd: i32, pos: i64, whence: i32) -> PyResult<i64> {
        // SAFETY: no memory is involved.
        let (r, e) = runtime::thread::detach(|| unsafe {
            let r = libc::lseek(fd, pos, whence);
            (r, errno())
        });
        if r < 0 { Err(runtime::error::raise_os_error(e, None, None)) } else { Ok(r) }
    }
    /// Reads up to `len` bytes; `None` when the descriptor would block.
    pub fn read_some(&self, fd: i32, buf: *mut u8, len: usize) -> PyResult<Option<usize>> {
        let buf = buf as usize;
        // SAFETY: the caller's buffer holds `len` bytes.
        let n = retry(|| unsafe { libc::read(fd, buf as *mut _, len.min(isize::MAX as usize)) })?;
        if n < 0 {
            if errno() == libc::EAGAIN {
                return Ok(None);
            }
            return Err(os_error());
        }
        Ok(Some(n as usize))
    }
}

/// FileIO(file, mode='r', closefd=True, opener=None)
/// --
///
/// Open a file.
///
/// The mode can be 'r' (default), 'w', 'x' or 'a' for reading, writing, exclusive creation or appending.
#[pyclass(name = "FileIO", module = "_io", type_object = FILE_IO_TYPE, flags = "BASETYPE|HAVE_GC", base = RawIoBase,
    slots(tp_traverse = support::traverse::<FileIo>, tp_clear = support::clear::<FileIo>, tp_dealloc = base::dealloc::<FileIo>))]
impl FileIo {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<FileIo>> {
        let _ = args;
        let f = support::alloc::<FileIo>(cls)?;
        f.closefd.store(true, Relaxed);
        Ok(support::track(f))
    }
    #[slot(sig = "file, mode='r', closefd=True, opener=None")]
    fn tp_init(&self, file: &Object, mode: &str, closefd: bool, opener: &Object) -> PyResult<()> {
        if self.fd() >= 0 {
            if self.closefd.load(Relaxed) { self.close_fd()? } else { self.fd_plus_1.store(0, Relaxed) }
        }
        if file.downcast::<Bool>().is_some() {
            runtime::error::warn(exc::RuntimeWarning(), "bool is used as a file descriptor", 1)?;
        }
        let mut given = None;
        if file.downcast::<Str>().is_none() && file.downcast::<Bytes>().is_none() && file.index_check() {
            let n = i32::from_py(file)?;
            if n < 0 {
                return Err(raise!(ValueError, "negative file descriptor"));
            }
            given = Some(n);
        }
        let (m, flags) = parse_mode(mode)?;
        self.mode.store(m, Relaxed);
        self.seekable.store(0, Relaxed);
        let flags_obj = Int::from_i64(flags as i64)?;
        let mode_obj = Str::new(mode)?;
        audit("open", &[file, &mode_obj, &flags_obj])?;
        let mut own = false;
        let fd = match given {
            Some(fd) => {
                self.closefd.store(closefd, Relaxed);
                fd
            }
            None => {
                self.closefd.store(true, Relaxed);
                if !closefd {
                    return Err(raise!(ValueError, "Cannot use closefd=False with file name"));
                }
                own = true;
                if opener.is_none() {
                    let path = crate::posix::path::convert(file, false, "string, bytes, os.PathLike or integer")?;
                    // SAFETY: the path is null-terminated.
                    let fd = retry(|| unsafe { libc::open(path.ptr(), flags, 0o666) })?;
                    if fd < 0 {
                        return Err(path.error());
                    }
                    fd
                } else {
                    let r = opener.call(&[file, &flags_obj])?;
                    if r.downcast::<Int>().is_none() {
                        return Err(raise!(TypeError, "expected integer from opener"));
                    }
                    let fd = i32::from_py(&r)?;
                    if fd < 0 {
                        return Err(raise!(ValueError, "opener returned {}", fd));
                    }
                    // SAFETY: no memory is involved.
                    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
                    fd
                }
            }
        };
        self.fd_plus_1.store(fd + 1, Relaxed);
        let r = (|| -> PyResult<()> {
            // SAFETY: all-zero is a valid buffer, which is written.
            let (r, e, st) = runtime::thread::detach(|| unsafe {
                let mut st: libc::stat = core::mem::zeroed();
                let r = libc::fstat(fd, &mut st);
                (r, errno(), st)
            });
            if r < 0 {
                if e == libc::EBADF {
                    return Err(runtime::error::raise_os_error(e, None, None));
                }
            } else if st.st_mode & libc::S_IFMT == libc::S_IFDIR {
                return Err(runtime::error::raise_os_error(libc::EISDIR, Some(file), None));
            }
            self.setattr(intern!("name"), file)?;
            if m & APPENDING != 0 {
                match self.seek_raw(fd, 0, libc::SEEK_END) {
                    Ok(_) => {}
                    Err(e) if e.matches(exc::OSError()) => e.clear(),
                    Err(e) => return Err(e),
                }
            }
            Ok(())
        })();
        if r.is_err() {
            let saved = runtime::error::take_error();
            if own {
                if let Err(e) = self.close_fd() {
                    e.clear();
                }
            } else {
                self.fd_plus_1.store(0, Relaxed);
            }
            if let Some(e) = saved {
                return Err(runtime::error::restore(e));
            }
        }
        r
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let ty = self.ty().tp_name();
        if self.fd() < 0 {
            return Str::format(format_args!("<{ty} [closed]>"));
        }
        let closefd = if self.closefd.load(Relaxed) { "True" } else { "False" };
        match self.getattr_opt(intern!("name"))? {
            Some(n) => {
                let r = n.repr()?;
                Str::new(&format!("<{ty} name={} mode='{}' closefd={closefd}>", r.to_string_lossy(), self.mode_text()))
            }
            None => Str::format(format_args!("<{ty} fd={} mode='{}' closefd={closefd}>", self.fd(), self.mode_text())),
        }
    }
    /// Close the file.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        let this: &Object = self;
        let base = RawIoBase::type_object().getattr(intern!("close"))?.call1(this);
        if !self.closefd.load(Relaxed) {
            self.fd_plus_1.store(0, Relaxed);
            return base.map(drop);
        }
        let saved = if base.is_err() { runtime::error::take_error() } else { None };
        if self.finalizing.load(Relaxed) && self.fd() >= 0 {
            let text = match self.repr() {
                Ok(r) => r.to_string_lossy().to_string(),
                Err(e) => {
                    e.clear();
                    String::new()
                }
            };
            if let Err(e) =
                runtime::objects::exceptions::warnings::warn_resource(this, &format!("unclosed file {text}"))
            {
                if e.matches(exc::Warning()) {
                    runtime::error::write_unraisable(Some(this));
                } else {
                    e.clear();
                }
            }
        }
        let r = self.close_fd();
        match saved {
            Some(e) => Err(runtime::error::restore(e)),
            None => r,
        }
    }
    /// True if file supports random-access.
    #[pymethod]
    fn seekable(&self) -> PyResult<bool> {
        let fd = self.open_fd()?;
        if self.seekable.load(Relaxed) == 0 {
            // SAFETY: no memory is involved.
            let ok = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } >= 0;
            self.seekable.store(1 + ok as u8, Relaxed);
        }
        Ok(self.seekable.load(Relaxed) == 2)
    }
    #[pymethod]
    fn readable(&self) -> PyResult<bool> {
        self.open_fd()?;
        Ok(self.has(READABLE))
    }
    #[pymethod]
    fn writable(&self) -> PyResult<bool> {
        self.open_fd()?;
        Ok(self.has(WRITABLE))
    }
    #[pymethod]
    fn fileno(&self) -> PyResult<i32> {
        self.open_fd()
    }
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        let fd = self.open_fd()?;
        // SAFETY: no memory is involved.
        Ok(runtime::thread::detach(|| unsafe { libc::isatty(fd) }) == 1)
    }
    #[pymethod]
    fn _isatty_open_only(&self) -> PyResult<bool> {
        self.isatty()
    }
    /// Read at most size bytes, returned as bytes.
    #[pymethod]
    fn read(&self, size: Option<&Object>) -> PyResult<Option<PyRef>> {
        let fd = self.need(READABLE)?;
        let size = match size {
            Some(s) => s.as_isize()?,
            None => -1,
        };
        if size < 0 {
            return self.readall();
        }
        let b = Bytes::alloc(size as usize)?;
        match self.read_some(fd, b.data_ptr(), size as usize)? {
            None => Ok(None),
            Some(n) if n == size as usize => Ok(Some(b.upcast())),
            Some(n) => Ok(Some(Bytes::resize(b, n)?.upcast())),
        }
    }
    /// Read all data from the file, returned as bytes.
    #[pymethod]
    fn readall(&self) -> PyResult<Option<PyRef>> {
        let fd = self.need(READABLE)?;
        // SAFETY: all-zero is a valid buffer, which is written.
        let guess = runtime::thread::detach(|| unsafe {
            let mut st: libc::stat = core::mem::zeroed();
            if libc::fstat(fd, &mut st) == 0 && st.st_size > 0 {
                let pos = libc::lseek(fd, 0, libc::SEEK_CUR).max(0);
                (st.st_size - pos).max(0) as usize + 1
            } else {
                8192
            }
        });
        let mut out: Vec<u8> = Vec::new();
        if out.try_reserve_exact(guess).is_err() {
            return Err(raise!(MemoryError, "out of memory"));
        }
        loop {
            if out.len() == out.capacity() {
                let grow = out.len().max(8192).min(64 << 20);
                if out.try_reserve(grow).is_err() {
                    return Err(raise!(MemoryError, "out of memory"));
                }
            }
            let room = out.capacity() - out.len();
            // SAFETY: the spare room of the vector.
            let p = unsafe { out.as_mut_ptr().add(out.len()) };
            match self.read_some(fd, p, room)? {
                None if out.is_empty() => return Ok(None),
                None | Some(0) => break,
                // SAFETY: `n` bytes were written.
                Some(n) => unsafe { out.set_len(out.len() + n) },
            }
        }
        Bytes::new(&out).map(|b| Some(b.upcast()))
    }
    /// Same as RawIOBase.readinto().
    #[pymethod]
    fn readinto(&self, buffer: &Object) -> PyResult<Option<usize>> {
        let fd = self.need(READABLE)?;
        let view = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        self.read_some(fd, view.as_mut_ptr(), view.len())
    }
    /// Write buffer b to file, return number of bytes written.
    #[pymethod]
    fn write(&self, b: &Object) -> PyResult<Option<isize>> {
        let fd = self.need(WRITABLE)?;
        if b.downcast::<Str>().is_some() {
            return Err(raise!(TypeError, "a bytes-like object is required, not 'str'"));
        }
        let view = Buffer::get(b, abi::PyBUF_SIMPLE)?;
        // SAFETY: the buffer is held.
        let n = retry(|| unsafe { libc::write(fd, view.as_mut_ptr().cast(), view.len()) })?;
        if n < 0 {
            if errno() == libc::EAGAIN {
                return Ok(None);
            }
            return Err(os_error());
        }
        Ok(Some(n))
    }
    /// Move to new file position and return the file position.
    #[pymethod(sig = "pos, whence=0, /")]
    fn seek(&self, pos: &Object, whence: i32) -> PyResult<i64> {
        let fd = self.open_fd()?;
        if pos.downcast::<Float>().is_some() {
            return Err(raise!(TypeError, "an integer is required"));
        }
        self.seek_raw(fd, pos.as_i64()?, whence)
    }
    #[pymethod]
    fn tell(&self) -> PyResult<i64> {
        let fd = self.open_fd()?;
        self.seek_raw(fd, 0, libc::SEEK_CUR)
    }
    /// Truncate the file to at most size bytes and return the truncated size.
    #[pymethod]
    fn truncate(&self, size: Option<&Object>) -> PyResult<PyRef> {
        let fd = self.need(WRITABLE)?;
        let size: PyRef = match size {
            Some(s) => s.to_ref(),
            None => Int::from_i64(self.seek_raw(fd, 0, libc::SEEK_CUR)?)?.upcast(),
        };
        let n = size.as_i64()?;
        // SAFETY: no memory is involved.
        let r = retry(|| unsafe { libc::ftruncate(fd, n) })?;
        if r < 0 { Err(os_error()) } else { Ok(size) }
    }
    /// True if the file is closed
    #[pygetset]
    fn closed(&self) -> bool {
        self.fd() < 0
    }
    #[pygetset]
    fn closefd(&self) -> bool {
        self.closefd.load(Relaxed)
    }
    #[pygetset]
    fn mode(&self) -> &'static str {
        self.mode_text()
    }
    #[pygetset]
    fn _blksize(&self) -> usize {
        // SAFETY: all-zero is a valid buffer, which is filled.
        let (r, st) = unsafe {
            let mut st: libc::stat = core::mem::zeroed();
            (libc::fstat(self.fd(), &mut st), st)
        };
        if r == 0 && st.st_blksize > 1 { st.st_blksize as usize } else { base::DEFAULT_BUFFER_SIZE }
    }
    #[pygetset]
    fn _finalizing(&self) -> bool {
        self.finalizing.load(Relaxed)
    }
    #[pysetter]
    fn set__finalizing(&self, v: Option<&Object>) -> PyResult<()> {
        self.finalizing.store(v.unwrap_or(none()).is_true()?, Relaxed);
        Ok(())
    }
    #[pymethod]
    fn __getstate__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '{}' instances", self.ty().name_str()))
    }
    #[pymethod]
    fn _dealloc_warn(&self, source: &Object) -> PyResult<()> {
        if self.fd() >= 0 && self.closefd.load(Relaxed) {
            let text = source.repr()?;
            runtime::objects::exceptions::warnings::warn_resource(
                source,
                &format!("unclosed file {}", text.to_string_lossy()),
            )?;
        }
        Ok(())
    }
}
