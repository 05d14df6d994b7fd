//! The file-system half of `posix`.

use macros::pymodule;

#[pymodule(name = "posix")]
pub mod posix_fs {
    use super::super::path::*;
    use super::super::{scandir, stat};
    use runtime::convert::{ArgBytes, ByteString, IntoPy};
    use runtime::lifecycle::{audit::audit, fs_decode_bytes, fspath as engine_fspath};
    use runtime::prelude::*;

    fn check(r: i32, p: &PathArg) -> PyResult<()> {
        if r < 0 { Err(p.error()) } else { Ok(()) }
    }
    fn ok(r: i32) -> PyResult<()> {
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }

    /// Return the file system path representation of the object.
    #[pyfunction(sig = "path")]
    fn fspath(path: &Object) -> PyResult<PyRef> {
        engine_fspath(path)
    }

    /// Perform a stat system call on the given path.
    #[pyfunction(sig = "path, *, dir_fd=None, follow_symlinks=True", name = "stat")]
    fn stat_(path: PathOrFd, dir_fd: DirFd, follow_symlinks: bool) -> PyResult<PyRef> {
        stat::do_stat(&path, dir_fd.0, follow_symlinks)
    }
    /// Perform a stat system call on the given path, without following symbolic links.
    #[pyfunction(sig = "path, *, dir_fd=None")]
    fn lstat(path: PathArg, dir_fd: DirFd) -> PyResult<PyRef> {
        stat::do_stat(&path, dir_fd.0, false)
    }
    /// Perform a stat system call on the given file descriptor.
    #[pyfunction(sig = "fd")]
    fn fstat(fd: i32) -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid stat buffer.
        let mut st: libc::stat = unsafe { core::mem::zeroed() };
        // SAFETY: the buffer is valid.
        ok(detached(|| unsafe { libc::fstat(fd, &mut st) }))?;
        stat::make_stat(&st)
    }

    /// Use the real uid/gid to test for access to a path.
    #[pyfunction(sig = "path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True")]
    fn access(path: PathArg, mode: i32, dir_fd: DirFd, effective_ids: bool, follow_symlinks: bool) -> bool {
        let flags = if effective_ids { libc::AT_EACCESS } else { 0 }
            | if follow_symlinks { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        // SAFETY: the path is null-terminated.
        detached(|| unsafe { libc::faccessat(dir_fd.0, path.ptr(), mode, flags) }) == 0
    }

    /// Open a file for low level IO.  Returns a file descriptor (integer).
    #[pyfunction(sig = "path, flags, mode=511, *, dir_fd=None")]
    fn open(path: PathArg, flags: i32, mode: i32, dir_fd: DirFd) -> PyResult<i32> {
        audit("open", &[&path.object, none(), &*flags.into_py()?])?;
        // SAFETY: the path is null-terminated.
        let fd =
            retry(|| unsafe { libc::openat(dir_fd.0, path.ptr(), flags | libc::O_CLOEXEC, mode as libc::c_uint) })?;
        if fd < 0 { Err(path.error()) } else { Ok(fd) }
    }
    /// Close a file descriptor.
    #[pyfunction(sig = "fd")]
    fn close(fd: i32) -> PyResult<()> {
        // SAFETY: closing a number is safe; an interrupted close has closed.
        let r = detached(|| unsafe { libc::close(fd) });
        if r < 0 && errno() != libc::EINTR { Err(os_error()) } else { Ok(()) }
    }
    /// Closes all file descriptors in [fd_low, fd_high), ignoring errors.
    #[pyfunction]
    fn closerange(fd_low: i32, fd_high: i32) {
        // SAFETY: closing numbers is safe.
        detached(|| unsafe {
            if fd_high > fd_low
                && libc::syscall(libc::SYS_close_range, fd_low.max(0) as u32, (fd_high - 1) as u32, 0) == 0
            {
                return;
            }
            for fd in fd_low.max(0)..fd_high {
                libc::close(fd);
            }
        });
    }
    /// Read from a file descriptor.  Returns a bytes object.
    #[pyfunction]
    fn read(fd: i32, length: isize) -> PyResult<ByteString> {
        if length < 0 {
            // SAFETY: errno's location is valid.
            unsafe { *libc::__errno_location() = libc::EINVAL };
            return Err(os_error());
        }
        let mut buf: Vec<u8> = Vec::new();
        if buf.try_reserve_exact(length as usize).is_err() {
            return Err(raise!(MemoryError, "out of memory"));
        }
        // SAFETY: the buffer holds `length` bytes.
        let n = retry(|| unsafe { libc::read(fd, buf.as_mut_ptr().cast(), length as usize) })?;
        if n < 0 {
            return Err(os_error());
        }
        // SAFETY: `n` bytes were read.
        unsafe { buf.set_len(n as usize) };
        Ok(ByteString(buf))
    }
    /// Read into a buffer object from a file descriptor.
    #[pyfunction]
    fn readinto(fd: i32, buffer: &Object) -> PyResult<isize> {
        let b = runtime::protocol::buffer::Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        // SAFETY: the buffer is held and writable.
        let n = retry(|| unsafe { libc::read(fd, b.as_mut_ptr().cast(), b.len()) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Write a bytes object to a file descriptor.
    #[pyfunction]
    fn write(fd: i32, data: ArgBytes) -> PyResult<isize> {
        // SAFETY: the buffer is held.
        let n = retry(|| unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Read a number of bytes from a file descriptor starting at a particular offset.
    #[pyfunction]
    fn pread(fd: i32, length: usize, offset: i64) -> PyResult<ByteString> {
        runtime::objects::support::ensure_room::<u8>(length)?;
        let mut buf = vec![0u8; length];
        // SAFETY: the buffer holds `length` bytes.
        let n = retry(|| unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), length, offset) })?;
        if n < 0 {
            return Err(os_error());
        }
        buf.truncate(n as usize);
        Ok(ByteString(buf))
    }
    /// Write bytes to a file descriptor starting at a particular offset.
    #[pyfunction]
    fn pwrite(fd: i32, buffer: ArgBytes, offset: i64) -> PyResult<isize> {
        // SAFETY: the buffer is held.
        let n = retry(|| unsafe { libc::pwrite(fd, buffer.as_ptr().cast(), buffer.len(), offset) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Iterate over a sequence of buffers and write them.
    #[pyfunction]
    fn writev(fd: i32, buffers: &Object) -> PyResult<isize> {
        let items = buffers.to_list()?.snapshot();
        let held = items
            .iter()
            .map(|b| runtime::protocol::buffer::Buffer::get(b, abi::PyBUF_SIMPLE))
            .collect::<PyResult<Vec<_>>>()?;
        let iov: Vec<libc::iovec> =
            held.iter().map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        // SAFETY: the buffers are held.
        let n = retry(|| unsafe { libc::writev(fd, iov.as_ptr(), iov.len() as i32) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Read from a file descriptor into a number of mutable buffers.
    #[pyfunction]
    fn readv(fd: i32, buffers: &Object) -> PyResult<isize> {
        let items = buffers.to_list()?.snapshot();
        let held = items
            .iter()
            .map(|b| runtime::protocol::buffer::Buffer::get(b, abi::PyBUF_WRITABLE))
            .collect::<PyResult<Vec<_>>>()?;
        let iov: Vec<libc::iovec> =
            held.iter().map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        // SAFETY: the buffers are held and writable.
        let n = retry(|| unsafe { libc::readv(fd, iov.as_ptr(), iov.len() as i32) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Set the position of a file descriptor.  Return the new position.
    #[pyfunction]
    fn lseek(fd: i32, position: i64, whence: i32) -> PyResult<i64> {
        // SAFETY: no memory is involved.
        let r = detached(|| unsafe { libc::lseek(fd, position, whence) });
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    /// Return True if the fd is connected to a terminal.
    #[pyfunction]
    fn isatty(fd: i32) -> bool {
        // SAFETY: no memory is involved.
        detached(|| unsafe { libc::isatty(fd) }) == 1
    }
    /// Create a pipe.
    #[pyfunction]
    fn pipe() -> PyResult<(i32, i32)> {
        pipe2(libc::O_CLOEXEC)
    }
    /// Create a pipe with flags set atomically.
    #[pyfunction]
    fn pipe2(flags: i32) -> PyResult<(i32, i32)> {
        let mut fds = [0; 2];
        // SAFETY: the array holds two descriptors.
        ok(detached(|| unsafe { libc::pipe2(fds.as_mut_ptr(), flags) }))?;
        Ok((fds[0], fds[1]))
    }
    /// Return a duplicate of a file descriptor.
    #[pyfunction]
    fn dup(fd: i32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let r = detached(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) });
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    /// Duplicate file descriptor.
    #[pyfunction(sig = "fd, fd2, inheritable=True")]
    fn dup2(fd: i32, fd2: i32, inheritable: bool) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let r = detached(|| unsafe {
            if inheritable || fd == fd2 { libc::dup2(fd, fd2) } else { libc::dup3(fd, fd2, libc::O_CLOEXEC) }
        });
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn get_inheritable(fd: i32) -> PyResult<bool> {
        // SAFETY: no memory is involved.
        let r = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if r < 0 { Err(os_error()) } else { Ok(r & libc::FD_CLOEXEC == 0) }
    }
    #[pyfunction]
    fn set_inheritable(fd: i32, inheritable: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        unsafe {
            let f = libc::fcntl(fd, libc::F_GETFD);
            ok(f)?;
            ok(libc::fcntl(
                fd,
                libc::F_SETFD,
                if inheritable != 0 { f & !libc::FD_CLOEXEC } else { f | libc::FD_CLOEXEC },
            ))
        }
    }
    #[pyfunction]
    fn get_blocking(fd: i32) -> PyResult<bool> {
        // SAFETY: no memory is involved.
        let r = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        if r < 0 { Err(os_error()) } else { Ok(r & libc::O_NONBLOCK == 0) }
    }
    #[pyfunction]
    fn set_blocking(fd: i32, blocking: bool) -> PyResult<()> {
        // SAFETY: no memory is involved.
        unsafe {
            let f = libc::fcntl(fd, libc::F_GETFL);
            ok(f)?;
            ok(libc::fcntl(fd, libc::F_SETFL, if blocking { f & !libc::O_NONBLOCK } else { f | libc::O_NONBLOCK }))
        }
    }
    #[pyfunction(sig = "fd")]
    fn fsync(fd: Fd) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::fsync(fd.0) })?)
    }
    #[pyfunction(sig = "fd")]
    fn fdatasync(fd: Fd) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::fdatasync(fd.0) })?)
    }
    #[pyfunction]
    fn sync() {
        // SAFETY: no memory is involved.
        detached(|| unsafe { libc::sync() });
    }
    /// Truncate a file, specified by file descriptor, to a specific length.
    #[pyfunction]
    fn ftruncate(fd: Fd, length: i64) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::ftruncate(fd.0, length) })?)
    }
    #[pyfunction(sig = "path, length")]
    fn truncate(path: PathOrFd, length: i64) -> PyResult<()> {
        let r = match path.fd {
            // SAFETY: no memory is involved.
            Some(fd) => detached(|| unsafe { libc::ftruncate(fd, length) }),
            // SAFETY: the path is null-terminated.
            None => detached(|| unsafe { libc::truncate(path.ptr(), length) }),
        };
        check(r, &path)
    }
    #[pyfunction]
    fn posix_fallocate(fd: i32, offset: i64, length: i64) -> PyResult<()> {
        // SAFETY: no memory is involved.
        let r = detached(|| unsafe { libc::posix_fallocate(fd, offset, length) });
        if r != 0 { Err(runtime::error::raise_os_error(r, None, None)) } else { Ok(()) }
    }
    #[pyfunction]
    fn posix_fadvise(fd: i32, offset: i64, length: i64, advice: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        let r = detached(|| unsafe { libc::posix_fadvise(fd, offset, length, advice) });
        if r != 0 { Err(runtime::error::raise_os_error(r, None, None)) } else { Ok(()) }
    }
    #[pyfunction]
    fn lockf(fd: i32, command: i32, length: i64) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::lockf(fd, command, length) })?)
    }
    #[pyfunction(sig = "out_fd, in_fd, offset, count")]
    fn sendfile(out_fd: i32, in_fd: i32, offset: Option<i64>, count: usize) -> PyResult<isize> {
        let mut off = offset.unwrap_or(0);
        let p = if offset.is_some() { &raw mut off } else { core::ptr::null_mut() };
        let n = retry(|| {
            // SAFETY: the offset is null or valid.
            unsafe { libc::sendfile(out_fd, in_fd, p, count) }
        })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    #[pyfunction(sig = "src, dst, count, offset_src=None, offset_dst=None")]
    fn copy_file_range(
        src: i32,
        dst: i32,
        count: usize,
        offset_src: Option<i64>,
        offset_dst: Option<i64>,
    ) -> PyResult<isize> {
        let (mut a, mut b) = (offset_src.unwrap_or(0), offset_dst.unwrap_or(0));
        let pa = if offset_src.is_some() { &raw mut a } else { core::ptr::null_mut() };
        let pb = if offset_dst.is_some() { &raw mut b } else { core::ptr::null_mut() };
        // SAFETY: the offsets are null or valid.
        let n = detached(|| unsafe { libc::copy_file_range(src, pa, dst, pb, count, 0) });
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }

    /// Return a unicode string representing the current working directory.
    #[pyfunction]
    fn getcwd() -> PyResult<Ref<Str>> {
        fs_decode_bytes(&cwd()?)
    }
    #[pyfunction]
    fn getcwdb() -> PyResult<ByteString> {
        Ok(ByteString(cwd()?))
    }
    fn cwd() -> PyResult<Vec<u8>> {
        let mut buf = vec![0u8; 4096];
        loop {
            // SAFETY: the buffer is as long as said.
            let p = detached(|| unsafe { libc::getcwd(buf.as_mut_ptr().cast(), buf.len()) });
            if !p.is_null() {
                // SAFETY: null-terminated by getcwd.
                return Ok(unsafe { c_bytes(p) }.to_vec());
            }
            if errno() != libc::ERANGE {
                return Err(os_error());
            }
            buf.resize(buf.len() * 2, 0);
        }
    }
    /// Change the current working directory to the specified path.
    #[pyfunction(sig = "path")]
    fn chdir(path: PathOrFd) -> PyResult<()> {
        let r = match path.fd {
            // SAFETY: no memory is involved.
            Some(fd) => detached(|| unsafe { libc::fchdir(fd) }),
            // SAFETY: the path is null-terminated.
            None => detached(|| unsafe { libc::chdir(path.ptr()) }),
        };
        check(r, &path)
    }
    #[pyfunction(sig = "fd")]
    fn fchdir(fd: Fd) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::fchdir(fd.0) })?)
    }
    #[pyfunction(sig = "path")]
    fn chroot(path: PathArg) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::chroot(path.ptr()) }), &path)
    }

    /// Return a list containing the names of the files in the directory.
    #[pyfunction(sig = "path=None")]
    fn listdir(path: &Object) -> PyResult<Ref<List>> {
        let dot = Str::intern(".");
        let path =
            convert(if path.is_none() { dot } else { path }, true, "string, bytes, os.PathLike, integer or None")?;
        audit("os.listdir", &[&path.object])?;
        let mut names: Vec<Vec<u8>> = Vec::new();
        let err = detached(|| {
            // SAFETY: a stream of our own over a valid path or a duplicated descriptor.
            unsafe {
                let d = match path.fd {
                    Some(fd) => {
                        let own = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0);
                        if own < 0 {
                            return errno();
                        }
                        let d = libc::fdopendir(own);
                        if d.is_null() {
                            let e = errno();
                            libc::close(own);
                            return e;
                        }
                        d
                    }
                    None => libc::opendir(path.ptr()),
                };
                if d.is_null() {
                    return errno();
                }
                loop {
                    *libc::__errno_location() = 0;
                    let e = libc::readdir(d);
                    if e.is_null() {
                        let err = errno();
                        if path.fd.is_some() {
                            libc::rewinddir(d);
                        }
                        libc::closedir(d);
                        return err;
                    }
                    let n = c_bytes((*e).d_name.as_ptr());
                    if n != b"." && n != b".." {
                        names.push(n.to_vec());
                    }
                }
            }
        });
        if err != 0 {
            return Err(runtime::error::raise_os_error(err, Some(&path.object), None));
        }
        List::from_vec(names.iter().map(|n| path.name(n)).collect::<PyResult<Vec<_>>>()?)
    }
    /// Return an iterator of DirEntry objects for given path.
    #[pyfunction(sig = "path=None", name = "scandir")]
    fn scandir_(path: &Object) -> PyResult<PyRef> {
        let dot = Str::intern(".");
        let path =
            convert(if path.is_none() { dot } else { path }, true, "string, bytes, os.PathLike, integer or None")?;
        audit("os.scandir", &[&path.object])?;
        scandir::scandir(path)
    }

    /// Create a directory.
    #[pyfunction(sig = "path, mode=511, *, dir_fd=None")]
    fn mkdir(path: PathArg, mode: i32, dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::mkdirat(dir_fd.0, path.ptr(), mode as u32) }), &path)
    }
    /// Remove a directory.
    #[pyfunction(sig = "path, *, dir_fd=None")]
    fn rmdir(path: PathArg, dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::unlinkat(dir_fd.0, path.ptr(), libc::AT_REMOVEDIR) }), &path)
    }
    /// Remove a file (same as remove()).
    #[pyfunction(sig = "path, *, dir_fd=None")]
    fn unlink(path: PathArg, dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::unlinkat(dir_fd.0, path.ptr(), 0) }), &path)
    }
    /// Remove a file (same as unlink()).
    #[pyfunction(sig = "path, *, dir_fd=None")]
    fn remove(path: PathArg, dir_fd: DirFd) -> PyResult<()> {
        unlink(path, dir_fd)
    }
    /// Rename a file or directory.
    #[pyfunction(sig = "src, dst, *, src_dir_fd=None, dst_dir_fd=None")]
    fn rename(src: PathArg, dst: PathArg, src_dir_fd: DirFd, dst_dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the paths are null-terminated.
        let r = detached(|| unsafe { libc::renameat(src_dir_fd.0, src.ptr(), dst_dir_fd.0, dst.ptr()) });
        if r < 0 { Err(src.error2(&dst)) } else { Ok(()) }
    }
    /// Rename a file or directory, overwriting the destination.
    #[pyfunction(sig = "src, dst, *, src_dir_fd=None, dst_dir_fd=None")]
    fn replace(src: PathArg, dst: PathArg, src_dir_fd: DirFd, dst_dir_fd: DirFd) -> PyResult<()> {
        rename(src, dst, src_dir_fd, dst_dir_fd)
    }
    /// Create a hard link to a file.
    #[pyfunction(sig = "src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True")]
    fn link(src: PathArg, dst: PathArg, src_dir_fd: DirFd, dst_dir_fd: DirFd, follow_symlinks: bool) -> PyResult<()> {
        let flags = if follow_symlinks { libc::AT_SYMLINK_FOLLOW } else { 0 };
        // SAFETY: the paths are null-terminated.
        let r = detached(|| unsafe { libc::linkat(src_dir_fd.0, src.ptr(), dst_dir_fd.0, dst.ptr(), flags) });
        if r < 0 { Err(src.error2(&dst)) } else { Ok(()) }
    }
    /// Create a symbolic link pointing to src named dst.
    #[pyfunction(sig = "src, dst, target_is_directory=False, *, dir_fd=None")]
    fn symlink(src: PathArg, dst: PathArg, target_is_directory: bool, dir_fd: DirFd) -> PyResult<()> {
        let _ = target_is_directory;
        // SAFETY: the paths are null-terminated.
        let r = detached(|| unsafe { libc::symlinkat(src.ptr(), dir_fd.0, dst.ptr()) });
        if r < 0 { Err(src.error2(&dst)) } else { Ok(()) }
    }
    /// Return a string representing the path to which the symbolic link points.
    #[pyfunction(sig = "path, *, dir_fd=None")]
    fn readlink(path: PathArg, dir_fd: DirFd) -> PyResult<PyRef> {
        let mut buf = vec![0u8; 4097];
        // SAFETY: the buffer is as long as said.
        let n = detached(|| unsafe { libc::readlinkat(dir_fd.0, path.ptr(), buf.as_mut_ptr().cast(), buf.len() - 1) });
        if n < 0 {
            return Err(path.error());
        }
        path.name(&buf[..n as usize])
    }
    /// Change the access permissions of a file.
    #[pyfunction(sig = "path, mode, *, dir_fd=None, follow_symlinks=True")]
    fn chmod(path: PathOrFd, mode: i32, dir_fd: DirFd, follow_symlinks: bool) -> PyResult<()> {
        let flags = if follow_symlinks { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        let r = match path.fd {
            // SAFETY: no memory is involved.
            Some(fd) => detached(|| unsafe { libc::fchmod(fd, mode as u32) }),
            // SAFETY: the path is null-terminated.
            None => detached(|| unsafe { libc::fchmodat(dir_fd.0, path.ptr(), mode as u32, flags) }),
        };
        check(r, &path)
    }
    #[pyfunction(sig = "fd, mode")]
    fn fchmod(fd: i32, mode: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::fchmod(fd, mode as u32) })?)
    }
    /// Change the owner and group id of path to the numeric uid and gid.
    #[pyfunction(sig = "path, uid, gid, *, dir_fd=None, follow_symlinks=True")]
    fn chown(path: PathOrFd, uid: Id, gid: Id, dir_fd: DirFd, follow_symlinks: bool) -> PyResult<()> {
        let flags = if follow_symlinks { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        let r = match path.fd {
            // SAFETY: no memory is involved.
            Some(fd) => detached(|| unsafe { libc::fchown(fd, uid.0, gid.0) }),
            // SAFETY: the path is null-terminated.
            None => detached(|| unsafe { libc::fchownat(dir_fd.0, path.ptr(), uid.0, gid.0, flags) }),
        };
        check(r, &path)
    }
    #[pyfunction(sig = "fd, uid, gid")]
    fn fchown(fd: i32, uid: Id, gid: Id) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(retry(|| unsafe { libc::fchown(fd, uid.0, gid.0) })?)
    }
    #[pyfunction(sig = "path, uid, gid")]
    fn lchown(path: PathArg, uid: Id, gid: Id) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::lchown(path.ptr(), uid.0, gid.0) }), &path)
    }
    /// Set the current numeric umask and return the previous umask.
    #[pyfunction(sig = "mask, /")]
    fn umask(mask: i32) -> i32 {
        // SAFETY: no memory is involved.
        unsafe { libc::umask(mask as u32) as i32 }
    }
    #[pyfunction(sig = "path, mode=438, *, dir_fd=None")]
    fn mkfifo(path: PathArg, mode: i32, dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::mkfifoat(dir_fd.0, path.ptr(), mode as u32) }), &path)
    }
    #[pyfunction(sig = "path, mode=384, device=0, *, dir_fd=None")]
    fn mknod(path: PathArg, mode: i32, device: u64, dir_fd: DirFd) -> PyResult<()> {
        // SAFETY: the path is null-terminated.
        check(detached(|| unsafe { libc::mknodat(dir_fd.0, path.ptr(), mode as u32, device) }), &path)
    }
    #[pyfunction]
    fn major(device: u64) -> u32 {
        libc::major(device)
    }
    #[pyfunction]
    fn minor(device: u64) -> u32 {
        libc::minor(device)
    }
    #[pyfunction]
    fn makedev(major: u32, minor: u32) -> u64 {
        libc::makedev(major, minor)
    }

    /// Set the access and modified time of path.
    #[pyfunction(sig = "path, times=None, *, ns=<unrepresentable>, dir_fd=None, follow_symlinks=True")]
    fn utime(path: PathOrFd, times: &Object, ns: Arg<&Object>, dir_fd: DirFd, follow_symlinks: bool) -> PyResult<()> {
        let spec = |s: i64, n: i64| libc::timespec { tv_sec: s, tv_nsec: n };
        let pair = |o: &Object, what: &str| -> PyResult<(PyRef, PyRef)> {
            match o.downcast::<Tuple>() {
                Some(t) if t.as_slice().len() == 2 => Ok((t.get(0).to_ref(), t.get(1).to_ref())),
                _ => Err(raise!(
                    TypeError,
                    "utime: '{}' must be {}",
                    what,
                    if what == "ns" { "a tuple of two ints" } else { "either a tuple of two ints or None" }
                )),
            }
        };
        let ts = match (times.is_none(), ns) {
            (false, Arg::Given(_)) => {
                return Err(raise!(ValueError, "utime: you may specify either 'times' or 'ns' but not both"));
            }
            (false, Arg::Missing) => {
                let (a, m) = pair(times, "times")?;
                let one = |o: &Object| -> PyResult<libc::timespec> {
                    if o.downcast::<Float>().is_some() {
                        let v = o.as_f64()?;
                        if v.is_nan() {
                            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
                        }
                        let s = v.floor();
                        return Ok(spec(s as i64, ((v - s) * 1e9) as i64));
                    }
                    Ok(spec(o.as_i64()?, 0))
                };
                [one(&a)?, one(&m)?]
            }
            (true, Arg::Given(o)) => {
                let (a, m) = pair(o, "ns")?;
                let one = |o: &Object| -> PyResult<libc::timespec> {
                    let v = o.as_i64()?;
                    Ok(spec(v.div_euclid(1_000_000_000), v.rem_euclid(1_000_000_000)))
                };
                [one(&a)?, one(&m)?]
            }
            (true, Arg::Missing) => [spec(0, libc::UTIME_NOW), spec(0, libc::UTIME_NOW)],
        };
        let flags = if follow_symlinks { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        let r = match path.fd {
            // SAFETY: two times are given.
            Some(fd) => detached(|| unsafe { libc::futimens(fd, ts.as_ptr()) }),
            // SAFETY: the path is null-terminated; two times are given.
            None => detached(|| unsafe { libc::utimensat(dir_fd.0, path.ptr(), ts.as_ptr(), flags) }),
        };
        check(r, &path)
    }

    #[pyfunction(sig = "path")]
    fn statvfs(path: PathOrFd) -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid buffer.
        let mut st: libc::statvfs = unsafe { core::mem::zeroed() };
        let r = match path.fd {
            // SAFETY: the buffer is valid.
            Some(fd) => detached(|| unsafe { libc::fstatvfs(fd, &mut st) }),
            // SAFETY: path and buffer are valid.
            None => detached(|| unsafe { libc::statvfs(path.ptr(), &mut st) }),
        };
        check(r, &path)?;
        stat::make_statvfs(&st)
    }
    #[pyfunction]
    fn fstatvfs(fd: i32) -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid buffer.
        let mut st: libc::statvfs = unsafe { core::mem::zeroed() };
        // SAFETY: the buffer is valid.
        ok(detached(|| unsafe { libc::fstatvfs(fd, &mut st) }))?;
        stat::make_statvfs(&st)
    }

    /// Return a bytes object containing random bytes suitable for cryptographic use.
    #[pyfunction]
    fn urandom(size: isize) -> PyResult<ByteString> {
        if size < 0 {
            return Err(raise!(ValueError, "negative argument not allowed"));
        }
        getrandom(size, 0)
    }
    #[pyfunction(sig = "size, flags=0")]
    fn getrandom(size: isize, flags: i32) -> PyResult<ByteString> {
        if size < 0 {
            // SAFETY: errno's location is valid.
            unsafe { *libc::__errno_location() = libc::EINVAL };
            return Err(os_error());
        }
        runtime::objects::support::ensure_room::<u8>(size as usize)?;
        let mut buf = vec![0u8; size as usize];
        let mut done = 0;
        while done < buf.len() {
            // SAFETY: the rest of the buffer is valid.
            let n =
                retry(|| unsafe { libc::getrandom(buf[done..].as_mut_ptr().cast(), buf.len() - done, flags as u32) })?;
            if n < 0 {
                return Err(os_error());
            }
            done += n as usize;
        }
        Ok(ByteString(buf))
    }

    #[pyfunction(sig = "path, attribute, *, follow_symlinks=True")]
    fn getxattr(path: PathOrFd, attribute: PathArg, follow_symlinks: bool) -> PyResult<ByteString> {
        let mut buf = vec![0u8; 65536];
        // SAFETY: names are null-terminated, the buffer is as long as said.
        let n = detached(|| unsafe {
            let (p, l) = (buf.as_mut_ptr().cast(), buf.len());
            match (path.fd, follow_symlinks) {
                (Some(fd), _) => libc::fgetxattr(fd, attribute.ptr(), p, l),
                (None, true) => libc::getxattr(path.ptr(), attribute.ptr(), p, l),
                (None, false) => libc::lgetxattr(path.ptr(), attribute.ptr(), p, l),
            }
        });
        if n < 0 {
            return Err(path.error());
        }
        buf.truncate(n as usize);
        Ok(ByteString(buf))
    }
    #[pyfunction(sig = "path, attribute, value, flags=0, *, follow_symlinks=True")]
    fn setxattr(
        path: PathOrFd,
        attribute: PathArg,
        value: ArgBytes,
        flags: i32,
        follow_symlinks: bool,
    ) -> PyResult<()> {
        // SAFETY: names are null-terminated, the buffer is held.
        let r = detached(|| unsafe {
            let (p, l) = (value.as_ptr().cast(), value.len());
            match (path.fd, follow_symlinks) {
                (Some(fd), _) => libc::fsetxattr(fd, attribute.ptr(), p, l, flags),
                (None, true) => libc::setxattr(path.ptr(), attribute.ptr(), p, l, flags),
                (None, false) => libc::lsetxattr(path.ptr(), attribute.ptr(), p, l, flags),
            }
        });
        check(r, &path)
    }
    #[pyfunction(sig = "path, attribute, *, follow_symlinks=True")]
    fn removexattr(path: PathOrFd, attribute: PathArg, follow_symlinks: bool) -> PyResult<()> {
        // SAFETY: names are null-terminated.
        let r = detached(|| unsafe {
            match (path.fd, follow_symlinks) {
                (Some(fd), _) => libc::fremovexattr(fd, attribute.ptr()),
                (None, true) => libc::removexattr(path.ptr(), attribute.ptr()),
                (None, false) => libc::lremovexattr(path.ptr(), attribute.ptr()),
            }
        });
        check(r, &path)
    }
    #[pyfunction(sig = "path=None, *, follow_symlinks=True")]
    fn listxattr(path: &Object, follow_symlinks: bool) -> PyResult<Ref<List>> {
        let dot = Str::intern(".");
        let path =
            convert(if path.is_none() { dot } else { path }, true, "string, bytes, os.PathLike, integer or None")?;
        let mut buf = vec![0u8; 65536];
        // SAFETY: the path is null-terminated, the buffer is as long as said.
        let n = detached(|| unsafe {
            let (p, l) = (buf.as_mut_ptr().cast(), buf.len());
            match (path.fd, follow_symlinks) {
                (Some(fd), _) => libc::flistxattr(fd, p, l),
                (None, true) => libc::listxattr(path.ptr(), p, l),
                (None, false) => libc::llistxattr(path.ptr(), p, l),
            }
        });
        if n < 0 {
            return Err(path.error());
        }
        let names = buf[..n as usize].split(|b| *b == 0).filter(|n| !n.is_empty());
        List::from_vec(names.map(|n| fs_decode_bytes(n).map(Ref::upcast)).collect::<PyResult<Vec<_>>>()?)
    }

    #[pyfunction(sig = "name, flags=1")]
    fn memfd_create(name: PathArg, flags: u32) -> PyResult<i32> {
        // SAFETY: the name is null-terminated.
        let fd = unsafe { libc::memfd_create(name.ptr(), flags) };
        if fd < 0 { Err(os_error()) } else { Ok(fd) }
    }
    #[pyfunction(sig = "initval, flags=524288")]
    fn eventfd(initval: u32, flags: i32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let fd = unsafe { libc::eventfd(initval, flags) };
        if fd < 0 { Err(os_error()) } else { Ok(fd) }
    }
    #[pyfunction(sig = "fd")]
    fn eventfd_read(fd: Fd) -> PyResult<u64> {
        let mut v = 0u64;
        // SAFETY: eight bytes are read into the number.
        let n = retry(|| unsafe { libc::read(fd.0, (&raw mut v).cast(), 8) })?;
        if n < 0 { Err(os_error()) } else { Ok(v) }
    }
    #[pyfunction(sig = "fd, value")]
    fn eventfd_write(fd: Fd, value: u64) -> PyResult<()> {
        // SAFETY: eight bytes are written from the number.
        let n = retry(|| unsafe { libc::write(fd.0, (&raw const value).cast(), 8) })?;
        if n < 0 { Err(os_error()) } else { Ok(()) }
    }
    /// Open a pseudo-terminal.
    #[pyfunction]
    fn openpty() -> PyResult<(i32, i32)> {
        let (mut m, mut s) = (0, 0);
        // SAFETY: the descriptors are written; the other pointers may be null.
        ok(unsafe {
            libc::openpty(&mut m, &mut s, core::ptr::null_mut(), core::ptr::null_mut(), core::ptr::null_mut())
        })?;
        set_inheritable(m, 0)?;
        set_inheritable(s, 0)?;
        Ok((m, s))
    }
    #[pyfunction]
    fn ttyname(fd: i32) -> PyResult<Ref<Str>> {
        let mut buf = [0u8; 256];
        // SAFETY: the buffer is as long as said.
        let r = unsafe { libc::ttyname_r(fd, buf.as_mut_ptr().cast(), buf.len()) };
        if r != 0 {
            return Err(runtime::error::raise_os_error(r, None, None));
        }
        // SAFETY: null-terminated on success.
        fs_decode_bytes(unsafe { c_bytes(buf.as_ptr().cast()) })
    }
    /// Return the size of the terminal window as (columns, lines).
    #[pyfunction(sig = "fd=1, /")]
    fn get_terminal_size(fd: i32) -> PyResult<PyRef> {
        // SAFETY: the call fills the struct.
        let (r, w) = unsafe {
            let mut w: libc::winsize = core::mem::zeroed();
            (libc::ioctl(fd, libc::TIOCGWINSZ, &mut w), w)
        };
        ok(r)?;
        runtime::objects::structseq::new(stat::terminal_size()?, vec![w.ws_col.into_py()?, w.ws_row.into_py()?])
    }
    #[pyfunction(sig = "path, name")]
    fn pathconf(path: PathOrFd, name: &Object) -> PyResult<i64> {
        let name = conf_name(name, super::super::consts::PATHCONF)?;
        // SAFETY: errno's location is valid; the path is null-terminated.
        let r = unsafe {
            *libc::__errno_location() = 0;
            match path.fd {
                Some(fd) => libc::fpathconf(fd, name),
                None => libc::pathconf(path.ptr(), name),
            }
        };
        if r == -1 && errno() != 0 { Err(path.error()) } else { Ok(r) }
    }
    #[pyfunction(sig = "fd, name")]
    fn fpathconf(fd: Fd, name: &Object) -> PyResult<i64> {
        let name = conf_name(name, super::super::consts::PATHCONF)?;
        // SAFETY: errno's location is valid.
        let r = unsafe {
            *libc::__errno_location() = 0;
            libc::fpathconf(fd.0, name)
        };
        if r == -1 && errno() != 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction(sig = "name, /")]
    fn sysconf(name: &Object) -> PyResult<i64> {
        let name = conf_name(name, super::super::consts::SYSCONF)?;
        // SAFETY: errno's location is valid.
        let r = unsafe {
            *libc::__errno_location() = 0;
            libc::sysconf(name)
        };
        if r == -1 && errno() != 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction(sig = "name, /")]
    fn confstr(name: &Object) -> PyResult<Option<Ref<Str>>> {
        let name = conf_name(name, super::super::consts::CONFSTR)?;
        let mut buf = vec![0u8; 4096];
        // SAFETY: the buffer is as long as said.
        let n = unsafe { libc::confstr(name, buf.as_mut_ptr().cast(), buf.len()) };
        if n == 0 { Ok(None) } else { fs_decode_bytes(&buf[..n.saturating_sub(1).min(buf.len())]).map(Some) }
    }
    fn conf_name(o: &Object, table: &[(&str, i32)]) -> PyResult<i32> {
        if let Some(s) = o.downcast::<Str>() {
            let s = s.to_string_lossy();
            return table
                .iter()
                .find(|(n, _)| *n == s)
                .map(|(_, v)| *v)
                .ok_or_else(|| raise!(ValueError, "unrecognized configuration name"));
        }
        if !o.index_check() {
            return Err(raise!(TypeError, "configuration names must be strings or integers"));
        }
        i32::from_py(o)
    }
    /// Split a path into (drive, root, tail); the drive is empty here.
    #[pyfunction(sig = "path")]
    fn _path_splitroot_ex(path: &Object) -> PyResult<(PyRef, PyRef, PyRef)> {
        fn root_len(slash: impl Fn(usize) -> bool) -> usize {
            match (slash(0), slash(1), slash(2)) {
                (true, true, false) => 2,
                (true, ..) => 1,
                _ => 0,
            }
        }
        let p = engine_fspath(path)?;
        if let Some(s) = p.downcast::<Str>() {
            // Not encoded: any text has a root, also such that is no file name.
            let n = root_len(|i| i < s.len() && s.char_at(i) == u32::from('/'));
            return Ok((Str::new("")?.upcast(), s.substring(0, n)?.upcast(), s.substring(n, s.len())?.upcast()));
        }
        let b = p.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default();
        let n = root_len(|i| b.get(i) == Some(&b'/'));
        Ok((Bytes::new(b"")?.upcast(), Bytes::new(&b[..n])?.upcast(), Bytes::new(&b[n..])?.upcast()))
    }
    /// Normalize path, eliminating double slashes, etc.
    #[pyfunction(sig = "path")]
    fn _path_normpath(path: &Object) -> PyResult<PyRef> {
        let p = engine_fspath(path)?;
        let is_bytes = p.downcast::<Bytes>().is_some();
        let bytes = match p.downcast::<Str>() {
            Some(s) => runtime::lifecycle::fs_encode(s)?,
            None => p.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default(),
        };
        let root: &[u8] = match &bytes[..] {
            [b'/', b'/', b'/', ..] => b"/",
            [b'/', b'/', ..] => b"//",
            [b'/', ..] => b"/",
            _ => b"",
        };
        let mut parts: Vec<&[u8]> = Vec::new();
        for c in bytes.split(|b| *b == b'/') {
            match c {
                b"" | b"." => {}
                b".." if parts.last().is_some_and(|l| *l != b"..") => {
                    parts.pop();
                }
                b".." if parts.is_empty() && !root.is_empty() => {}
                c => parts.push(c),
            }
        }
        let mut out = root.to_vec();
        out.extend_from_slice(&parts.join(&b'/'));
        if out.is_empty() {
            out.push(b'.');
        }
        if is_bytes { Bytes::new(&out).map(Ref::upcast) } else { fs_decode_bytes(&out).map(Ref::upcast) }
    }
}
