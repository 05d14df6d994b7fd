//! `mmap`: files in memory.

use macros::pymodule;

/// Memory-mapped file support.
#[pymodule(name = "mmap")]
pub mod mmap {
    use crate::posix::path::{errno, os_error};
    use core::ffi::c_int;
    use core::sync::atomic::{
        AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicUsize, Ordering::Relaxed,
    };
    use macros::pyclass;
    use runtime::convert::{ArgBytes, ByteString, IntoPy};
    use runtime::objects::support;
    use runtime::prelude::*;
    use runtime::thread::critical;

    const CONSTANTS: &[(&str, i64)] = &[
        ("PROT_EXEC", libc::PROT_EXEC as i64),
        ("PROT_READ", libc::PROT_READ as i64),
        ("PROT_WRITE", libc::PROT_WRITE as i64),
        ("MAP_SHARED", libc::MAP_SHARED as i64),
        ("MAP_PRIVATE", libc::MAP_PRIVATE as i64),
        ("MAP_DENYWRITE", libc::MAP_DENYWRITE as i64),
        ("MAP_EXECUTABLE", libc::MAP_EXECUTABLE as i64),
        ("MAP_ANON", libc::MAP_ANON as i64),
        ("MAP_ANONYMOUS", libc::MAP_ANONYMOUS as i64),
        ("MAP_POPULATE", libc::MAP_POPULATE as i64),
        ("MAP_STACK", libc::MAP_STACK as i64),
        ("MAP_NORESERVE", libc::MAP_NORESERVE as i64),
        ("ACCESS_DEFAULT", 0),
        ("ACCESS_READ", 1),
        ("ACCESS_WRITE", 2),
        ("ACCESS_COPY", 3),
        ("MADV_NORMAL", libc::MADV_NORMAL as i64),
        ("MADV_RANDOM", libc::MADV_RANDOM as i64),
        ("MADV_SEQUENTIAL", libc::MADV_SEQUENTIAL as i64),
        ("MADV_WILLNEED", libc::MADV_WILLNEED as i64),
        ("MADV_DONTNEED", libc::MADV_DONTNEED as i64),
        ("MADV_REMOVE", libc::MADV_REMOVE as i64),
        ("MADV_DONTFORK", libc::MADV_DONTFORK as i64),
        ("MADV_DOFORK", libc::MADV_DOFORK as i64),
        ("MADV_HWPOISON", libc::MADV_HWPOISON as i64),
        ("MADV_MERGEABLE", libc::MADV_MERGEABLE as i64),
        ("MADV_UNMERGEABLE", libc::MADV_UNMERGEABLE as i64),
        ("MADV_HUGEPAGE", libc::MADV_HUGEPAGE as i64),
        ("MADV_NOHUGEPAGE", libc::MADV_NOHUGEPAGE as i64),
        ("MADV_DONTDUMP", libc::MADV_DONTDUMP as i64),
        ("MADV_DODUMP", libc::MADV_DODUMP as i64),
        ("ALLOCATIONGRANULARITY", 4096),
        ("PAGESIZE", 4096),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        m.add("error", (**exc::OSError()).to_ref())?;
        m.add_type::<Mmap>()
    }

    /// A mapping. A null address is closed; while `exports` is not zero it stays mapped.
    #[repr(C)]
    pub struct Mmap {
        head: abi::PyObject,
        weaklist: *mut abi::PyObject,
        data: AtomicPtr<u8>,
        size: AtomicUsize,
        pos: AtomicUsize,
        exports: AtomicIsize,
        fd_plus_1: AtomicI32,
        access: AtomicI32,
        flags: AtomicI32,
        offset: AtomicI64,
        trackfd: AtomicBool,
    }

    impl Mmap {
        fn bytes(&self) -> PyResult<&[u8]> {
            let p = self.data.load(Relaxed);
            if p.is_null() {
                return Err(raise!(ValueError, "mmap closed or invalid"));
            }
            // SAFETY: mapped for as long as the object is open; other processes may change the content, as with any mapping.
            Ok(unsafe { core::slice::from_raw_parts(p, self.size.load(Relaxed)) })
        }
        fn writable(&self) -> PyResult<*mut u8> {
            self.bytes()?;
            if self.access.load(Relaxed) == 1 {
                return Err(raise!(TypeError, "mmap can't modify a readonly memory map."));
            }
            Ok(self.data.load(Relaxed))
        }
        fn put(&self, at: usize, src: &[u8]) -> PyResult<()> {
            let p = self.writable()?;
            if at + src.len() > self.size.load(Relaxed) {
                return Err(raise!(ValueError, "data out of range"));
            }
            // SAFETY: in range; `copy` allows for a source inside the mapping.
            unsafe { core::ptr::copy(src.as_ptr(), p.add(at), src.len()) };
            Ok(())
        }
        fn index(&self, i: &Object) -> PyResult<usize> {
            let mut k = i.as_isize()?;
            let n = self.bytes()?.len() as isize;
            if k < 0 {
                k += n;
            }
            if k < 0 || k >= n { Err(raise!(IndexError, "mmap index out of range")) } else { Ok(k as usize) }
        }
        fn range(&self, start: Option<&Object>, end: Option<&Object>) -> PyResult<(usize, usize)> {
            let n = self.bytes()?.len() as isize;
            let clamp = |o: Option<&Object>, d: isize| -> PyResult<usize> {
                let mut v = match o {
                    Some(o) => o.as_isize()?,
                    None => d,
                };
                if v < 0 {
                    v += n;
                }
                Ok(v.clamp(0, n) as usize)
            };
            Ok((clamp(start, self.pos.load(Relaxed) as isize)?, clamp(end, n)?))
        }
        fn unmap(&self) {
            let p = self.data.swap(core::ptr::null_mut(), Relaxed);
            if !p.is_null() {
                // SAFETY: mapped by `tp_new` with this size, unmapped once.
                unsafe { libc::munmap(p.cast(), self.size.load(Relaxed)) };
            }
            let fd = self.fd_plus_1.swap(0, Relaxed) - 1;
            if fd >= 0 {
                // SAFETY: a descriptor of our own.
                unsafe { libc::close(fd) };
            }
        }
        fn take(&self, n: usize) -> PyResult<ByteString> {
            let b = self.bytes()?;
            let at = self.pos.load(Relaxed).min(b.len());
            let end = at + n.min(b.len() - at);
            self.pos.store(end, Relaxed);
            Ok(ByteString(b[at..end].to_vec()))
        }
    }

    /// mmap(fileno, length[, flags[, prot[, access[, offset]]]]): maps a file, or anonymous memory when fileno is -1.
    #[pyclass(name = "mmap", module = "mmap", flags = "BASETYPE", weaklistoffset = core::mem::offset_of!(Mmap, weaklist))]
    impl Mmap {
        #[slot(sig = "fileno, length, flags=1, prot=3, access=0, offset=0, *, trackfd=True")]
        fn tp_new(
            cls: &Type,
            fileno: i32,
            length: isize,
            flags: i32,
            prot: i32,
            access: i32,
            offset: i64,
            trackfd: bool,
        ) -> PyResult<Ref<Mmap>> {
            runtime::audit_event!("mmap.__new__", fileno, length, access, offset)?;
            if length < 0 {
                return Err(raise!(OverflowError, "memory mapped length must be positive"));
            }
            if offset < 0 {
                return Err(raise!(OverflowError, "memory mapped offset must be positive"));
            }
            if access != 0 && (flags != libc::MAP_SHARED || prot != (libc::PROT_READ | libc::PROT_WRITE)) {
                return Err(raise!(ValueError, "mmap can't specify both access and flags, prot."));
            }
            let (mut flags, prot, mut access) = match access {
                0 => (flags, prot, 0),
                1 => (libc::MAP_SHARED, libc::PROT_READ, 1),
                2 => (libc::MAP_SHARED, libc::PROT_READ | libc::PROT_WRITE, 2),
                3 => (libc::MAP_PRIVATE, libc::PROT_READ | libc::PROT_WRITE, 3),
                _ => return Err(raise!(ValueError, "mmap invalid access parameter.")),
            };
            if access == 0 && prot & libc::PROT_WRITE == 0 {
                access = 1;
            }
            let mut size = length as usize;
            let mut own = -1;
            if fileno == -1 {
                flags |= libc::MAP_ANONYMOUS;
            } else {
                // SAFETY: all-zero is a valid buffer, which is written.
                let (r, st) = unsafe {
                    let mut st: libc::stat = core::mem::zeroed();
                    (libc::fstat(fileno, &mut st), st)
                };
                if r < 0 {
                    return Err(os_error());
                }
                if st.st_mode & libc::S_IFMT == libc::S_IFREG {
                    if size == 0 {
                        if st.st_size == 0 {
                            return Err(raise!(ValueError, "cannot mmap an empty file"));
                        }
                        if offset >= st.st_size {
                            return Err(raise!(ValueError, "mmap offset is greater than file size"));
                        }
                        size = (st.st_size - offset) as usize;
                    } else if offset > st.st_size || (st.st_size - offset) < size as i64 {
                        return Err(raise!(ValueError, "mmap length is greater than file size"));
                    }
                }
                if trackfd {
                    // SAFETY: no memory is involved.
                    own = unsafe { libc::fcntl(fileno, libc::F_DUPFD_CLOEXEC, 0) };
                    if own < 0 {
                        return Err(os_error());
                    }
                }
            }
            // SAFETY: a new mapping at an address of the system's choice.
            let p = unsafe { libc::mmap(core::ptr::null_mut(), size, prot, flags, fileno, offset) };
            if p == libc::MAP_FAILED {
                let e = errno();
                if own >= 0 {
                    // SAFETY: a descriptor of our own.
                    unsafe { libc::close(own) };
                }
                return Err(runtime::error::raise_os_error(e, None, None));
            }
            let m = support::alloc::<Mmap>(cls)?;
            m.data.store(p.cast(), Relaxed);
            m.size.store(size, Relaxed);
            m.fd_plus_1.store(own + 1, Relaxed);
            m.access.store(access, Relaxed);
            m.flags.store(flags, Relaxed);
            m.offset.store(offset, Relaxed);
            m.trackfd.store(trackfd, Relaxed);
            Ok(m)
        }
        #[slot]
        fn tp_dealloc(this: *mut Mmap) {
            // SAFETY: the last reference is gone.
            unsafe {
                if !(*this).weaklist.is_null() {
                    runtime::objects::weakref::clear_weakrefs(this.cast());
                }
                (*this).unmap();
                runtime::mem::dealloc::free_instance(this.cast());
            }
        }
        #[slot]
        fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
            let b = self.bytes()?;
            let this: &Object = self;
            // SAFETY: the memory stays mapped while `exports` is not zero.
            unsafe {
                runtime::protocol::buffer::fill_info(
                    view,
                    Some(this),
                    b.as_ptr().cast_mut(),
                    b.len(),
                    self.access.load(Relaxed) == 1,
                    flags,
                )?
            };
            self.exports.fetch_add(1, Relaxed);
            Ok(())
        }
        #[slot]
        fn bf_releasebuffer(&self, view: *mut abi::Py_buffer) {
            let _ = view;
            self.exports.fetch_sub(1, Relaxed);
        }
        #[slot]
        fn mp_length(&self) -> PyResult<usize> {
            Ok(self.bytes()?.len())
        }
        #[slot]
        fn sq_length(&self) -> PyResult<usize> {
            self.mp_length()
        }
        #[slot]
        fn sq_item(&self, i: isize) -> PyResult<PyRef> {
            critical(self, || -> PyResult<PyRef> {
                match usize::try_from(i).ok().and_then(|i| self.bytes().map(|b| b.get(i).copied()).transpose()) {
                    Some(b) => Bytes::new(&[b?]).map(Ref::upcast),
                    None => Err(raise!(IndexError, "mmap index out of range")),
                }
            })
        }
        #[slot]
        fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
            critical(self, || -> PyResult<PyRef> {
                if let Some(s) = key.downcast::<Slice>() {
                    // The bounds may be objects that close the mapping.
                    let (start, stop, step) = s.unpack()?;
                    let b = self.bytes()?;
                    let i = Slice::adjust(b.len(), start, stop, step);
                    let v: Vec<u8> =
                        (0..i.count as isize).filter_map(|k| b.get((i.start + k * i.step) as usize).copied()).collect();
                    return Bytes::new(&v).map(Ref::upcast);
                }
                let i = self.index(key)?;
                self.bytes()?[i].into_py()
            })
        }
        #[slot]
        fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
            critical(self, || -> PyResult<()> {
                let Some(v) = value else { return Err(raise!(TypeError, "mmap object doesn't support item deletion")) };
                if let Some(s) = key.downcast::<Slice>() {
                    let (start, stop, step) = s.unpack()?;
                    let i = Slice::adjust(self.bytes()?.len(), start, stop, step);
                    let src = runtime::protocol::buffer::Buffer::get(v, abi::PyBUF_SIMPLE)?;
                    if src.len() != i.count {
                        return Err(raise!(IndexError, "mmap slice assignment is wrong size"));
                    }
                    for (k, c) in src.as_slice().to_vec().iter().enumerate() {
                        self.put((i.start + k as isize * i.step) as usize, &[*c])?;
                    }
                    return Ok(());
                }
                let i = self.index(key)?;
                let c = v.as_isize()?;
                let Ok(c) = u8::try_from(c) else {
                    return Err(raise!(ValueError, "mmap item value must be in range(0, 256)"));
                };
                self.put(i, &[c])
            })
        }
        #[pymethod]
        fn close(&self) -> PyResult<()> {
            critical(self, || -> PyResult<()> {
                if self.exports.load(Relaxed) > 0 {
                    return Err(raise!(BufferError, "cannot close exported pointers exist"));
                }
                self.unmap();
                Ok(())
            })
        }
        #[pygetset]
        fn closed(&self) -> bool {
            self.data.load(Relaxed).is_null()
        }
        #[pymethod]
        fn size(&self) -> PyResult<i64> {
            let n = self.bytes()?.len() as i64;
            let fd = self.fd_plus_1.load(Relaxed) - 1;
            if fd < 0 {
                if self.trackfd.load(Relaxed) {
                    return Ok(n);
                }
                return Err(runtime::error::raise_os_error(libc::EBADF, None, None));
            }
            // SAFETY: all-zero is a valid buffer, which is written.
            unsafe {
                let mut st: libc::stat = core::mem::zeroed();
                if libc::fstat(fd, &mut st) < 0 { Err(os_error()) } else { Ok(st.st_size) }
            }
        }
        #[pymethod]
        fn seekable(&self) -> bool {
            true
        }
        #[pymethod]
        fn tell(&self) -> PyResult<usize> {
            critical(self, || -> PyResult<usize> {
                self.bytes()?;
                Ok(self.pos.load(Relaxed))
            })
        }
        #[pymethod(sig = "pos, whence=0, /")]
        fn seek(&self, pos: isize, whence: i32) -> PyResult<usize> {
            critical(self, || -> PyResult<usize> {
                let n = self.bytes()?.len() as isize;
                let to = match whence {
                    0 => pos,
                    1 => self.pos.load(Relaxed) as isize + pos,
                    2 => n + pos,
                    _ => return Err(raise!(ValueError, "unknown seek type")),
                };
                if to < 0 || to > n {
                    return Err(raise!(ValueError, "seek out of range"));
                }
                self.pos.store(to as usize, Relaxed);
                Ok(to as usize)
            })
        }
        #[pymethod]
        fn read(&self, n: Option<&Object>) -> PyResult<ByteString> {
            critical(self, || -> PyResult<ByteString> {
                let n = match n {
                    Some(n) => n.as_isize()?,
                    None => -1,
                };
                self.take(if n < 0 { usize::MAX } else { n as usize })
            })
        }
        #[pymethod]
        fn readline(&self) -> PyResult<ByteString> {
            critical(self, || -> PyResult<ByteString> {
                let b = self.bytes()?;
                let rest = &b[self.pos.load(Relaxed).min(b.len())..];
                self.take(rest.iter().position(|c| *c == b'\n').map_or(rest.len(), |p| p + 1))
            })
        }
        #[pymethod]
        fn read_byte(&self) -> PyResult<u8> {
            critical(self, || -> PyResult<u8> {
                match self.take(1)?.0.first() {
                    Some(b) => Ok(*b),
                    None => Err(raise!(ValueError, "read byte out of range")),
                }
            })
        }
        #[pymethod]
        fn write(&self, data: ArgBytes) -> PyResult<usize> {
            critical(self, || -> PyResult<usize> {
                let at = self.pos.load(Relaxed);
                self.put(at, &data)?;
                self.pos.store(at + data.len(), Relaxed);
                Ok(data.len())
            })
        }
        #[pymethod]
        fn write_byte(&self, byte: u8) -> PyResult<()> {
            critical(self, || -> PyResult<()> {
                let at = self.pos.load(Relaxed);
                if at >= self.bytes()?.len() {
                    return Err(raise!(ValueError, "write byte out of range"));
                }
                self.put(at, &[byte])?;
                self.pos.store(at + 1, Relaxed);
                Ok(())
            })
        }
        #[pymethod]
        fn find(&self, sub: ArgBytes, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
            critical(self, || -> PyResult<isize> {
                let (a, b) = self.range(start, end)?;
                let hay = self.bytes()?.get(a..b).unwrap_or(&[]);
                if sub.is_empty() {
                    return Ok(if a <= b { a as isize } else { -1 });
                }
                Ok(hay.windows(sub.len()).position(|w| w == &sub[..]).map_or(-1, |p| (a + p) as isize))
            })
        }
        #[pymethod]
        fn rfind(&self, sub: ArgBytes, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
            critical(self, || -> PyResult<isize> {
                let (a, b) = self.range(start, end)?;
                let hay = self.bytes()?.get(a..b).unwrap_or(&[]);
                if sub.is_empty() {
                    return Ok(if a <= b { b as isize } else { -1 });
                }
                Ok(hay.windows(sub.len()).rposition(|w| w == &sub[..]).map_or(-1, |p| (a + p) as isize))
            })
        }
        #[pymethod(name = "move")]
        fn move_(&self, dest: isize, src: isize, count: isize) -> PyResult<()> {
            critical(self, || -> PyResult<()> {
                let n = self.bytes()?.len() as isize;
                if dest < 0 || src < 0 || count < 0 || n - dest < count || n - src < count {
                    return Err(raise!(ValueError, "source, destination, or count out of range"));
                }
                let p = self.writable()?;
                // SAFETY: both ranges lie in the mapping; they may overlap.
                unsafe { core::ptr::copy(p.add(src as usize), p.add(dest as usize), count as usize) };
                Ok(())
            })
        }
        #[pymethod(sig = "offset=0, size=<unrepresentable>, /")]
        fn flush(&self, offset: usize, size: Arg<usize>) -> PyResult<()> {
            let b = self.bytes()?;
            let size = size.unwrap_or(b.len().saturating_sub(offset));
            if offset > b.len() || size > b.len() - offset {
                return Err(raise!(ValueError, "flush values out of range"));
            }
            // SAFETY: the range lies in the mapping.
            if unsafe { libc::msync(b.as_ptr().add(offset).cast_mut().cast(), size, libc::MS_SYNC) } < 0 {
                Err(os_error())
            } else {
                Ok(())
            }
        }
        #[pymethod(sig = "option, start=0, length=<unrepresentable>, /")]
        fn madvise(&self, option: i32, start: isize, length: Arg<isize>) -> PyResult<()> {
            critical(self, || {
                let b = self.bytes()?;
                let start = match usize::try_from(start) {
                    Ok(start) if start < b.len() => start,
                    _ => return Err(raise!(ValueError, "madvise start out of bounds")),
                };
                let n = match usize::try_from(length.unwrap_or(b.len() as isize)) {
                    Ok(n) => n.min(b.len() - start),
                    Err(_) => return Err(raise!(ValueError, "madvise length invalid")),
                };
                // SAFETY: the range lies in the mapping.
                let r = unsafe { libc::madvise(b.as_ptr().add(start).cast_mut().cast(), n, option) };
                if r < 0 { Err(os_error()) } else { Ok(()) }
            })
        }
        #[pymethod]
        fn resize(&self, newsize: isize) -> PyResult<()> {
            critical(self, || -> PyResult<()> {
                let old = self.bytes()?.len();
                if self.exports.load(Relaxed) > 0 {
                    return Err(raise!(BufferError, "mmap can't resize with extant buffers exported."));
                }
                if matches!(self.access.load(Relaxed), 1 | 3) {
                    return Err(raise!(TypeError, "mmap can't resize a readonly or copy-on-write memory map."));
                }
                if !self.trackfd.load(Relaxed) {
                    return Err(raise!(ValueError, "mmap can't resize with trackfd=False."));
                }
                let offset = self.offset.load(Relaxed);
                if newsize < 0 || (i64::MAX - newsize as i64) < offset {
                    return Err(raise!(ValueError, "new size out of range"));
                }
                let size = newsize as usize;
                let fd = self.fd_plus_1.load(Relaxed) - 1;
                if fd < 0 && self.flags.load(Relaxed) & libc::MAP_SHARED != 0 && size > old {
                    return Err(raise!(ValueError, "mmap: can't expand a shared anonymous mapping"));
                }
                // SAFETY: a descriptor of our own; no memory is involved.
                if fd >= 0 && unsafe { libc::ftruncate(fd, offset + size as i64) } < 0 {
                    return Err(os_error());
                }
                // SAFETY: the whole mapping; nobody else looks into it, since no buffer is exported and the object is locked.
                let p = unsafe { libc::mremap(self.data.load(Relaxed).cast(), old, size, libc::MREMAP_MAYMOVE) };
                if p == libc::MAP_FAILED {
                    return Err(os_error());
                }
                self.data.store(p.cast(), Relaxed);
                self.size.store(size, Relaxed);
                Ok(())
            })
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let name = self.ty().name_str();
            if self.data.load(Relaxed).is_null() {
                return Str::format(format_args!("<{name} closed=True>"));
            }
            let access = match self.access.load(Relaxed) {
                0 => "ACCESS_DEFAULT",
                1 => "ACCESS_READ",
                2 => "ACCESS_WRITE",
                _ => "ACCESS_COPY",
            };
            let (length, pos, offset) = (self.size.load(Relaxed), self.pos.load(Relaxed), self.offset.load(Relaxed));
            Str::format(format_args!(
                "<{name} closed=False, access={access}, length={length}, pos={pos}, offset={offset}>"
            ))
        }
        #[pymethod]
        fn __enter__(&self) -> PyResult<PyRef> {
            self.bytes()?;
            let o: &Object = self;
            Ok(o.to_ref())
        }
        #[pymethod(raw)]
        fn __exit__(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let _ = args;
            self.close()
        }
    }
}
