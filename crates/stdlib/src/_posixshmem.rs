//! `_posixshmem`: shared memory objects by name.

use macros::pymodule;

/// POSIX shared memory module
#[pymodule(name = "_posixshmem")]
pub mod _posixshmem {
    use crate::posix::path::errno;
    use runtime::prelude::*;
    use std::ffi::CString;

    fn name(path: &Object) -> PyResult<CString> {
        let Some(s) = path.downcast::<Str>() else {
            return Err(raise!(TypeError, "argument 'path' must be str, not {}", path.ty().name_str()));
        };
        CString::new(s.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))
    }
    /// Runs a call until no signal interrupts it.
    fn call(path: &Object, mut f: impl FnMut() -> i32) -> PyResult<i32> {
        loop {
            let mut e = 0;
            let r = runtime::thread::detach(|| {
                let r = f();
                e = errno();
                r
            });
            if r >= 0 {
                return Ok(r);
            }
            if e != libc::EINTR {
                return Err(runtime::error::raise_os_error(e, Some(path), None));
            }
            runtime::thread::check_signals()?;
        }
    }
    /// Opens a shared memory object and returns its file descriptor.
    #[pyfunction(sig = "path, flags, mode=511")]
    fn shm_open(path: &Object, flags: i32, mode: Arg<i32>) -> PyResult<i32> {
        let c = name(path)?;
        let mode = mode.unwrap_or(0o777) as libc::mode_t;
        // SAFETY: a null-terminated name.
        call(path, || unsafe { libc::shm_open(c.as_ptr(), flags | libc::O_CLOEXEC, mode) })
    }
    /// Removes the name of a shared memory object, which lives until nobody maps it any more.
    #[pyfunction(sig = "path, /")]
    fn shm_unlink(path: &Object) -> PyResult<()> {
        let c = name(path)?;
        // SAFETY: a null-terminated name.
        call(path, || unsafe { libc::shm_unlink(c.as_ptr()) }).map(drop)
    }
}
