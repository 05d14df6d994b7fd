//! Path arguments of `os` functions.

use runtime::lifecycle::{fs_decode_bytes, fs_encode, fspath};
use runtime::prelude::*;
use std::ffi::{CStr, CString};

/// A `str`, `bytes` or path-like argument, and (where `FD` is true) a file descriptor.
pub struct PathArg {
    pub path: CString,
    pub fd: Option<i32>,
    /// Results are `bytes` when the path was.
    pub bytes: bool,
    /// The object for error messages.
    pub object: PyRef,
}

impl PathArg {
    pub fn ptr(&self) -> *const libc::c_char {
        self.path.as_ptr()
    }

    /// The OSError of the current `errno` for this path.
    pub fn error(&self) -> Raised {
        let e = errno();
        runtime::error::raise_os_error(e, Some(&self.object), None)
    }

    /// Two paths (`rename`, `link` …).
    pub fn error2(&self, other: &PathArg) -> Raised {
        let e = errno();
        runtime::error::raise_os_error(e, Some(&self.object), Some(&other.object))
    }

    /// A name as `str` or `bytes`, as the path was given.
    pub fn name(&self, b: &[u8]) -> PyResult<PyRef> {
        if self.bytes { Bytes::new(b).map(Ref::upcast) } else { fs_decode_bytes(b).map(Ref::upcast) }
    }
}

/// The current `errno`.
pub fn errno() -> i32 {
    // SAFETY: errno's location is valid on every thread.
    unsafe { *libc::__errno_location() }
}

/// The OSError of the current `errno`, without a file name.
pub fn os_error() -> Raised {
    runtime::error::raise_os_error(errno(), None, None)
}

/// Runs a system call detached, repeating it when a signal interrupted it (PEP 475).
pub fn retry<T: PartialEq + From<i8> + Copy>(mut f: impl FnMut() -> T) -> PyResult<T> {
    loop {
        let mut e = 0;
        let r = runtime::thread::detach(|| {
            let r = f();
            e = errno();
            r
        });
        if r != T::from(-1) {
            return Ok(r);
        }
        if e == libc::EINTR {
            runtime::thread::check_signals()?;
            continue;
        }
        // SAFETY: as in `errno`.
        unsafe { *libc::__errno_location() = e };
        return Ok(r);
    }
}

/// `retry` without the repetition: `errno` survives re-attaching.
pub fn detached<T>(f: impl FnOnce() -> T) -> T {
    let mut e = 0;
    let r = runtime::thread::detach(|| {
        let r = f();
        e = errno();
        r
    });
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = e };
    r
}

/// Converts an argument; `fd` says whether an integer is allowed.
pub fn convert(o: &Object, fd: bool, func_allowed: &str) -> PyResult<PathArg> {
    if fd && o.downcast::<Str>().is_none() && o.downcast::<Bytes>().is_none() && o.index_check() {
        let n = o.as_i64()?;
        let n = i32::try_from(n).map_err(|_| raise!(OverflowError, "fd is greater than maximum"))?;
        return Ok(PathArg { path: CString::default(), fd: Some(n), bytes: false, object: o.to_ref() });
    }
    let p = match fspath(o) {
        Ok(p) => p,
        Err(e) if e.matches(exc::TypeError()) && o.getattr_opt(intern!("__fspath__")).is_ok_and(|a| a.is_none()) => {
            e.clear();
            return Err(raise!(TypeError, "path should be {}, not {}", func_allowed, o.ty().name_str()));
        }
        Err(e) => return Err(e),
    };
    let bytes = p.downcast::<Bytes>().is_some();
    let raw = match p.downcast::<Str>() {
        Some(s) => fs_encode(s)?,
        None => p.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default(),
    };
    let path = CString::new(raw)
        .map_err(|_| raise!(ValueError, "embedded null {}", if bytes { "byte" } else { "character" }))?;
    Ok(PathArg { path, fd: None, bytes, object: o.to_ref() })
}

impl FromPy<'_> for PathArg {
    fn from_py(o: &Object) -> PyResult<Self> {
        convert(o, false, "string, bytes or os.PathLike")
    }
}

/// A path or a file descriptor.
pub struct PathOrFd(pub PathArg);
impl FromPy<'_> for PathOrFd {
    fn from_py(o: &Object) -> PyResult<Self> {
        convert(o, true, "string, bytes, os.PathLike or integer").map(PathOrFd)
    }
}
impl core::ops::Deref for PathOrFd {
    type Target = PathArg;
    fn deref(&self) -> &PathArg {
        &self.0
    }
}

/// A folder descriptor argument: `None` is the current folder.
pub struct DirFd(pub i32);
impl FromPy<'_> for DirFd {
    fn from_py(o: &Object) -> PyResult<Self> {
        if o.is_none() {
            return Ok(DirFd(libc::AT_FDCWD));
        }
        if !o.index_check() {
            return Err(raise!(TypeError, "argument should be integer or None, not {}", o.ty().name_str()));
        }
        Ok(DirFd(i32::from_py(o)?))
    }
    fn from_arg(o: Option<&Object>) -> PyResult<Self> {
        o.map_or(Ok(DirFd(libc::AT_FDCWD)), Self::from_py)
    }
}

/// A file descriptor: an int or an object with `fileno()`.
pub struct Fd(pub i32);
impl FromPy<'_> for Fd {
    fn from_py(o: &Object) -> PyResult<Self> {
        let valid = |fd: i32| {
            if fd < 0 {
                return Err(raise!(ValueError, "file descriptor cannot be a negative integer ({})", fd));
            }
            Ok(Fd(fd))
        };
        if o.downcast::<Int>().is_some() {
            if o.downcast::<Bool>().is_some() {
                let text = "bool is used as a file descriptor";
                runtime::objects::exceptions::warnings::warn(exc::RuntimeWarning(), text, 1)?;
            }
            return valid(i32::from_py(o)?);
        }
        let Some(f) = o.getattr_opt(intern!("fileno"))? else {
            return Err(raise!(TypeError, "argument must be an int, or have a fileno() method."));
        };
        let n = f.call0()?;
        if n.downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "fileno() returned a non-integer"));
        }
        valid(i32::from_py(&n)?)
    }
}

/// A user or group id: -1 is "leave it".
pub struct Id(pub u32);
impl FromPy<'_> for Id {
    fn from_py(o: &Object) -> PyResult<Self> {
        if !o.index_check() {
            return Err(raise!(TypeError, "uid should be integer, not {}", o.ty().name_str()));
        }
        let v = o.as_i64()?;
        if v == -1 {
            return Ok(Id(u32::MAX));
        }
        match u32::try_from(v) {
            Ok(v) => Ok(Id(v)),
            Err(_) if v < 0 => Err(raise!(OverflowError, "uid is less than minimum")),
            Err(_) => Err(raise!(OverflowError, "uid is greater than maximum")),
        }
    }
}

/// A C string as bytes.
///
/// # Safety
/// `p` is a null-terminated string.
pub unsafe fn c_bytes<'a>(p: *const libc::c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(p) }.to_bytes()
}
