//! `os.scandir` and `os.DirEntry`.

use super::path::*;
use super::stat;
use core::cell::{Cell, OnceCell};
use core::ffi::c_int;
use macros::pyclass;
use runtime::prelude::*;
use runtime::thread::critical;
use std::ffi::CString;

/// One entry of a folder.
#[repr(C)]
pub struct DirEntry {
    head: abi::PyObject,
    data: Option<Box<Entry>>,
}

struct Entry {
    name: PyRef,
    path: PyRef,
    full: CString,
    /// For folders given by descriptor.
    dir_fd: i32,
    d_type: u8,
    inode: u64,
    stat: OnceCell<PyRef>,
    lstat: OnceCell<PyRef>,
}

impl DirEntry {
    fn entry(&self) -> PyResult<&Entry> {
        self.data.as_deref().ok_or_else(|| raise!(ValueError, "uninitialised DirEntry"))
    }
    fn fetch(&self, follow: bool) -> PyResult<PyRef> {
        let e = self.entry()?;
        let arg = PathArg { path: e.full.clone(), fd: None, bytes: false, object: e.path.clone() };
        stat::do_stat(&arg, e.dir_fd, follow)
    }
    fn cached(&self, follow: bool) -> PyResult<PyRef> {
        let e = self.entry()?;
        let follow = follow && e.d_type == libc::DT_LNK || follow && e.d_type == libc::DT_UNKNOWN;
        let slot = if follow { &e.stat } else { &e.lstat };
        if let Some(s) = critical(self, || slot.get().cloned()) {
            return Ok(s);
        }
        let s = self.fetch(follow)?;
        critical(self, || drop(slot.set(s.clone())));
        Ok(s)
    }
    fn test_mode(&self, follow: bool, mode: u32, d_type: u8) -> PyResult<bool> {
        let e = self.entry()?;
        let need_stat = e.d_type == libc::DT_UNKNOWN || (follow && e.d_type == libc::DT_LNK);
        if !need_stat {
            return Ok(e.d_type == d_type);
        }
        match self.cached(follow) {
            Ok(s) => Ok(s.getattr(intern!("st_mode"))?.as_i64()? as u32 & libc::S_IFMT == mode),
            Err(err) if err.matches(exc::FileNotFoundError()) => {
                err.clear();
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }
}

#[pyclass(name = "DirEntry", module = "posix", flags = "DISALLOW_INSTANTIATION|IMMUTABLETYPE")]
impl DirEntry {
    #[slot]
    fn tp_dealloc(this: *mut DirEntry) {
        // SAFETY: the last reference is gone; the type frees its own memory.
        unsafe {
            core::ptr::drop_in_place(&raw mut (*this).data);
            runtime::mem::dealloc::free_instance(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let name = self.entry()?.name.repr()?;
        Str::new(&format!("<DirEntry {}>", name.to_string_lossy()))
    }
    /// the entry's base filename, relative to scandir() "path" argument
    #[pygetset]
    fn name(&self) -> PyResult<PyRef> {
        Ok(self.entry()?.name.clone())
    }
    /// the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)
    #[pygetset]
    fn path(&self) -> PyResult<PyRef> {
        Ok(self.entry()?.path.clone())
    }
    /// Return True if the entry is a directory; cached per entry.
    #[pymethod(sig = "*, follow_symlinks=True")]
    fn is_dir(&self, follow_symlinks: bool) -> PyResult<bool> {
        self.test_mode(follow_symlinks, libc::S_IFDIR, libc::DT_DIR)
    }
    /// Return True if the entry is a file; cached per entry.
    #[pymethod(sig = "*, follow_symlinks=True")]
    fn is_file(&self, follow_symlinks: bool) -> PyResult<bool> {
        self.test_mode(follow_symlinks, libc::S_IFREG, libc::DT_REG)
    }
    /// Return True if the entry is a symbolic link; cached per entry.
    #[pymethod]
    fn is_symlink(&self) -> PyResult<bool> {
        self.test_mode(false, libc::S_IFLNK, libc::DT_LNK)
    }
    /// Return True if the entry is a junction; cached per entry.
    #[pymethod]
    fn is_junction(&self) -> bool {
        false
    }
    /// Return stat_result object for the entry; cached per entry.
    #[pymethod(sig = "*, follow_symlinks=True")]
    fn stat(&self, follow_symlinks: bool) -> PyResult<PyRef> {
        self.cached(follow_symlinks)
    }
    /// Return inode of the entry; cached per entry.
    #[pymethod]
    fn inode(&self) -> PyResult<u64> {
        Ok(self.entry()?.inode)
    }
    /// Returns the path for the entry.
    #[pymethod]
    fn __fspath__(&self) -> PyResult<PyRef> {
        Ok(self.entry()?.path.clone())
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::new(cls, item)
    }
}

/// Iterator of `os.scandir`.
#[repr(C)]
pub struct ScandirIterator {
    head: abi::PyObject,
    dir: Cell<*mut libc::DIR>,
    path: Option<Box<PathArg>>,
}

impl ScandirIterator {
    fn close_dir(&self) {
        let d = critical(self, || self.dir.replace(core::ptr::null_mut()));
        if !d.is_null() {
            // SAFETY: the stream was open and is closed once.
            detached(|| unsafe {
                libc::rewinddir(d);
                libc::closedir(d)
            });
        }
    }
}

#[pyclass(name = "ScandirIterator", module = "posix", flags = "DISALLOW_INSTANTIATION|IMMUTABLETYPE")]
impl ScandirIterator {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        let o: &Object = self;
        o.to_ref()
    }
    #[slot]
    fn tp_dealloc(this: *mut ScandirIterator) {
        // SAFETY: the last reference is gone; the type frees its own memory.
        unsafe {
            let d = (*this).dir.replace(core::ptr::null_mut());
            if !d.is_null() {
                libc::closedir(d);
            }
            core::ptr::drop_in_place(&raw mut (*this).path);
            runtime::mem::dealloc::free_instance(this.cast());
        }
    }
    #[slot]
    fn tp_finalize(&self) {
        if !self.dir.get().is_null() {
            let saved = runtime::error::take_error();
            let text = self
                .path
                .as_ref()
                .and_then(|p| p.object.repr().ok())
                .map(|r| r.to_string_lossy().to_string())
                .unwrap_or_default();
            if let Err(_e) =
                runtime::error::warn(exc::ResourceWarning(), &format!("unclosed scandir iterator {text}"), 1)
            {
                runtime::error::write_unraisable(Some(self));
            }
            self.close_dir();
            if let Some(e) = saved {
                let _ = runtime::error::restore(e);
            }
        }
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let Some(arg) = self.path.as_deref() else { return Ok(None) };
        loop {
            let mut found = None;
            let mut err = 0;
            critical(self, || {
                let d = self.dir.get();
                if d.is_null() {
                    return;
                }
                // SAFETY: the stream is open and guarded by the object's critical section.
                unsafe {
                    *libc::__errno_location() = 0;
                    let e = libc::readdir(d);
                    if e.is_null() {
                        err = errno();
                    } else {
                        found = Some((c_bytes((*e).d_name.as_ptr()).to_vec(), (*e).d_type, (*e).d_ino));
                    }
                }
            });
            let Some((name, d_type, inode)) = found else {
                self.close_dir();
                if err != 0 {
                    return Err(runtime::error::raise_os_error(err, Some(&arg.object), None));
                }
                return Ok(None);
            };
            if name == b"." || name == b".." {
                continue;
            }
            let py_name = arg.name(&name)?;
            let (full, dir_fd) = match arg.fd {
                Some(fd) => (name.clone(), fd),
                None => {
                    let mut f = arg.path.as_bytes().to_vec();
                    if !f.is_empty() && f.last() != Some(&b'/') {
                        f.push(b'/');
                    }
                    f.extend_from_slice(&name);
                    (f, libc::AT_FDCWD)
                }
            };
            let path = if arg.fd.is_some() { py_name.clone() } else { arg.name(&full)? };
            let entry = runtime::typeobject::alloc_object::<DirEntry>(DirEntry::type_object())?;
            let data = Box::new(Entry {
                name: py_name,
                path,
                full: CString::new(full).unwrap_or_default(),
                dir_fd,
                d_type,
                inode,
                stat: OnceCell::new(),
                lstat: OnceCell::new(),
            });
            // SAFETY: the entry is new; nobody else sees it yet.
            unsafe { (&raw mut (*entry.as_raw()).data).write(Some(data)) };
            return Ok(Some(entry.upcast()));
        }
    }
    #[pymethod]
    fn close(&self) {
        self.close_dir();
    }
    #[pymethod]
    fn __enter__(&self) -> PyRef {
        let o: &Object = self;
        o.to_ref()
    }
    #[pymethod(raw)]
    fn __exit__(&self, args: FuncArgs<'_>) {
        let _ = args;
        self.close_dir();
    }
}

/// `os.scandir(path)`.
pub fn scandir(path: PathArg) -> PyResult<PyRef> {
    let dir = match path.fd {
        Some(fd) => detached(|| {
            // SAFETY: a descriptor of our own, so that closing leaves the caller's open.
            unsafe {
                let own = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC as c_int, 0);
                if own < 0 {
                    return core::ptr::null_mut();
                }
                let d = libc::fdopendir(own);
                if d.is_null() {
                    let e = errno();
                    libc::close(own);
                    *libc::__errno_location() = e;
                }
                d
            }
        }),
        // SAFETY: the path is null-terminated.
        None => detached(|| unsafe { libc::opendir(path.ptr()) }),
    };
    if dir.is_null() {
        return Err(path.error());
    }
    let it = runtime::typeobject::alloc_object::<ScandirIterator>(ScandirIterator::type_object())?;
    // SAFETY: the iterator is new; nobody else sees it yet.
    unsafe {
        (*it.as_raw()).dir.set(dir);
        (&raw mut (*it.as_raw()).path).write(Some(Box::new(path)));
    }
    Ok(it.upcast())
}
