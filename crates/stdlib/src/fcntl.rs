//! `fcntl`: file descriptor control and locks.

use macros::pymodule;

/// This module performs file control and I/O control on file descriptors.
#[pymodule(name = "fcntl")]
pub mod fcntl {
    use crate::posix::path::{Fd, os_error, retry};
    use runtime::convert::IntoPy;
    use runtime::lifecycle::audit::audit;
    use runtime::prelude::*;
    use runtime::protocol::buffer::Buffer;

    const CONSTANTS: &[(&str, i64)] = &[
        ("LOCK_SH", 1),
        ("LOCK_EX", 2),
        ("LOCK_NB", 4),
        ("LOCK_UN", 8),
        ("LOCK_MAND", 32),
        ("LOCK_READ", 64),
        ("LOCK_WRITE", 128),
        ("LOCK_RW", 192),
        ("F_DUPFD", libc::F_DUPFD as i64),
        ("F_DUPFD_CLOEXEC", libc::F_DUPFD_CLOEXEC as i64),
        ("F_GETFD", libc::F_GETFD as i64),
        ("F_SETFD", libc::F_SETFD as i64),
        ("F_GETFL", libc::F_GETFL as i64),
        ("F_SETFL", libc::F_SETFL as i64),
        ("F_GETLK", libc::F_GETLK as i64),
        ("F_SETLK", libc::F_SETLK as i64),
        ("F_SETLKW", libc::F_SETLKW as i64),
        ("F_GETLK64", libc::F_GETLK as i64),
        ("F_SETLK64", libc::F_SETLK as i64),
        ("F_SETLKW64", libc::F_SETLKW as i64),
        ("F_OFD_GETLK", libc::F_OFD_GETLK as i64),
        ("F_OFD_SETLK", libc::F_OFD_SETLK as i64),
        ("F_OFD_SETLKW", libc::F_OFD_SETLKW as i64),
        ("F_GETOWN", libc::F_GETOWN as i64),
        ("F_SETOWN", libc::F_SETOWN as i64),
        ("F_GETSIG", 11),
        ("F_SETSIG", 10),
        ("F_RDLCK", libc::F_RDLCK as i64),
        ("F_WRLCK", libc::F_WRLCK as i64),
        ("F_UNLCK", libc::F_UNLCK as i64),
        ("F_EXLCK", 4),
        ("F_SHLCK", 8),
        ("F_GETLEASE", libc::F_GETLEASE as i64),
        ("F_SETLEASE", libc::F_SETLEASE as i64),
        ("F_NOTIFY", libc::F_NOTIFY as i64),
        ("F_GETPIPE_SZ", libc::F_GETPIPE_SZ as i64),
        ("F_SETPIPE_SZ", libc::F_SETPIPE_SZ as i64),
        ("F_ADD_SEALS", libc::F_ADD_SEALS as i64),
        ("F_GET_SEALS", libc::F_GET_SEALS as i64),
        ("F_SEAL_SEAL", 1),
        ("F_SEAL_SHRINK", 2),
        ("F_SEAL_GROW", 4),
        ("F_SEAL_WRITE", 8),
        ("FD_CLOEXEC", libc::FD_CLOEXEC as i64),
        ("FASYNC", libc::O_ASYNC as i64),
        ("DN_ACCESS", 1),
        ("DN_MODIFY", 2),
        ("DN_CREATE", 4),
        ("DN_DELETE", 8),
        ("DN_RENAME", 16),
        ("DN_ATTRIB", 32),
        ("DN_MULTISHOT", 0x8000_0000),
        ("FICLONE", 0x4004_9409),
        ("FICLONERANGE", 0x4020_940D),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        Ok(())
    }

    fn call_with_buffer(arg: &Object, limit: usize, mut f: impl FnMut(*mut u8) -> PyResult<i32>) -> PyResult<PyRef> {
        let b = Buffer::get(arg, abi::PyBUF_SIMPLE)?;
        if b.len() > limit {
            return Err(raise!(ValueError, "fcntl argument 3 is too long"));
        }
        let mut copy = b.as_slice().to_vec();
        let n = copy.len();
        copy.resize(limit + 1, 0);
        let r = f(copy.as_mut_ptr())?;
        if r < 0 {
            return Err(os_error());
        }
        Bytes::new(&copy[..n]).map(Ref::upcast)
    }

    /// Perform the operation cmd on file descriptor fd.
    #[pyfunction(sig = "fd, cmd, arg=<unrepresentable>, /", name = "fcntl")]
    fn fcntl_(fd: Fd, cmd: i32, arg: Arg<&Object>) -> PyResult<PyRef> {
        let arg = match arg {
            Arg::Given(a) => a.to_ref(),
            Arg::Missing => 0i64.into_py()?,
        };
        audit("fcntl.fcntl", &[&*fd.0.into_py()?, &*cmd.into_py()?, &arg])?;
        if arg.index_check() {
            let v = arg.as_i64()?;
            // SAFETY: an integer argument.
            let r = retry(|| unsafe { libc::fcntl(fd.0, cmd, v) })?;
            return if r < 0 { Err(os_error()) } else { r.into_py() };
        }
        call_with_buffer(&arg, 1024, |p| {
            let p = p as usize;
            // SAFETY: the copy is larger than any structure these commands use.
            retry(|| unsafe { libc::fcntl(fd.0, cmd, p as *mut u8) })
        })
    }

    /// Perform the operation request on file descriptor fd.
    #[pyfunction(sig = "fd, request, arg=<unrepresentable>, mutate_flag=True, /")]
    fn ioctl(fd: Fd, request: &Object, arg: Arg<&Object>, mutate_flag: bool) -> PyResult<PyRef> {
        let request = request.index()?.as_u64_mask();
        let arg = match arg {
            Arg::Given(a) => a.to_ref(),
            Arg::Missing => 0i64.into_py()?,
        };
        if arg.index_check() {
            let v = arg.as_i64()?;
            // SAFETY: an integer argument.
            let r = retry(|| unsafe { libc::ioctl(fd.0, request as _, v) })?;
            return if r < 0 { Err(os_error()) } else { r.into_py() };
        }
        if mutate_flag && let Ok(b) = Buffer::get(&arg, abi::PyBUF_WRITABLE) {
            let mut copy = b.as_slice().to_vec();
            let n = copy.len();
            copy.resize(n.max(1024) + 1, 0);
            let p = copy.as_mut_ptr() as usize;
            // SAFETY: the copy is larger than the structures of such requests.
            let r = retry(|| unsafe { libc::ioctl(fd.0, request as _, p as *mut u8) })?;
            if r < 0 {
                return Err(os_error());
            }
            // SAFETY: the buffer is held and writable.
            unsafe { core::ptr::copy_nonoverlapping(copy.as_ptr(), b.as_mut_ptr(), n) };
            return r.into_py();
        }
        drop(runtime::error::take_error());
        call_with_buffer(&arg, 1024, |p| {
            let p = p as usize;
            // SAFETY: the copy is larger than the structures of such requests.
            retry(|| unsafe { libc::ioctl(fd.0, request as _, p as *mut u8) })
        })
    }

    /// Perform the lock operation on file descriptor fd.
    #[pyfunction(sig = "fd, operation, /")]
    fn flock(fd: Fd, operation: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        let r = retry(|| unsafe { libc::flock(fd.0, operation) })?;
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }

    /// A wrapper around the fcntl() locking calls.
    #[pyfunction(sig = "fd, cmd, len=0, start=0, whence=0, /")]
    fn lockf(fd: Fd, cmd: i32, len: i64, start: i64, whence: i32) -> PyResult<()> {
        let kind = if cmd & 8 != 0 {
            libc::F_UNLCK
        } else if cmd & 1 != 0 {
            libc::F_RDLCK
        } else if cmd & 2 != 0 {
            libc::F_WRLCK
        } else {
            return Err(raise!(ValueError, "unrecognized lockf argument"));
        };
        // SAFETY: all-zero is a valid lock.
        let mut l: libc::flock = unsafe { core::mem::zeroed() };
        l.l_type = kind as _;
        l.l_whence = whence as _;
        l.l_start = start;
        l.l_len = len;
        // SAFETY: the lock is valid.
        let r = retry(|| unsafe { libc::fcntl(fd.0, if cmd & 4 != 0 { libc::F_SETLK } else { libc::F_SETLKW }, &l) })?;
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }
}
