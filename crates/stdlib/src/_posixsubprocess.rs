//! `_posixsubprocess`: fork and exec for `subprocess`.

use macros::pymodule;

/// A POSIX helper for the subprocess module.
#[pymodule(name = "_posixsubprocess")]
pub mod _posixsubprocess {
    use crate::posix::fork as fork_hooks;
    use crate::posix::path::errno;
    use runtime::lifecycle::fs_path;
    use runtime::prelude::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStringExt;

    fn strings(o: &Object) -> PyResult<Vec<CString>> {
        let mut out = Vec::new();
        o.for_each(|i| {
            out.push(CString::new(fs_path(&i)?.into_vec()).map_err(|_| raise!(ValueError, "embedded null byte"))?);
            Ok(())
        })?;
        Ok(out)
    }

    struct Plan {
        exec: Vec<CString>,
        argv: Vec<*const libc::c_char>,
        envp: Option<Vec<*const libc::c_char>>,
        keep: Vec<i32>,
        cwd: Option<CString>,
        fds: [i32; 8],
        close_fds: bool,
        restore_signals: bool,
        setsid: bool,
        pgid: i32,
        gid: Option<u32>,
        groups: Option<Vec<u32>>,
        uid: Option<u32>,
        umask: i32,
    }

    /// What the child does; only async-signal-safe calls, nothing is allocated. Returns the errno and what failed.
    unsafe fn child(p: &Plan, preexec: Option<&Object>) -> (i32, &'static [u8]) {
        // SAFETY: plain system calls on numbers and prepared strings.
        unsafe {
            let [p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, errpipe_read, errpipe_write] = p.fds;
            let fail = |what: &'static [u8]| (errno(), what);
            let set_inherit = |fd: i32| libc::fcntl(fd, libc::F_SETFD, 0);
            for fd in &p.keep {
                if *fd != errpipe_write && set_inherit(*fd) < 0 {
                    return fail(b"");
                }
            }
            for fd in [p2cwrite, c2pread, errread, errpipe_read] {
                if fd != -1 {
                    libc::close(fd);
                }
            }
            // Descriptors 0 to 2 must not be overwritten before they are duplicated.
            let lift = |fd: i32| if (0..=2).contains(&fd) { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) } else { fd };
            let c2pwrite = if c2pwrite == 0 { lift(c2pwrite) } else { c2pwrite };
            let mut errwrite = errwrite;
            while errwrite == 0 || errwrite == 1 {
                errwrite = libc::dup(errwrite);
                if errwrite < 0 {
                    return fail(b"");
                }
            }
            for (from, to) in [(p2cread, 0), (c2pwrite, 1), (errwrite, 2)] {
                if from == to {
                    if set_inherit(from) < 0 {
                        return fail(b"");
                    }
                } else if from != -1 && libc::dup2(from, to) < 0 {
                    return fail(b"");
                }
            }
            if let Some(c) = &p.cwd
                && libc::chdir(c.as_ptr()) < 0
            {
                return fail(b"noexec:chdir");
            }
            if p.umask >= 0 {
                libc::umask(p.umask as _);
            }
            if p.restore_signals {
                for s in [libc::SIGPIPE, libc::SIGXFSZ] {
                    libc::signal(s, libc::SIG_DFL);
                }
            }
            if p.setsid {
                libc::setsid();
            }
            if p.pgid >= 0 && libc::setpgid(0, p.pgid) < 0 {
                return fail(b"noexec");
            }
            if let Some(g) = &p.groups
                && libc::setgroups(g.len(), g.as_ptr()) < 0
            {
                return fail(b"noexec");
            }
            if let Some(g) = p.gid
                && libc::setregid(g, g) < 0
            {
                return fail(b"noexec");
            }
            if let Some(u) = p.uid
                && libc::setreuid(u, u) < 0
            {
                return fail(b"noexec");
            }
            if let Some(f) = preexec {
                match f.call0() {
                    Ok(_) => {}
                    Err(e) => {
                        e.clear();
                        return (0, b"SubprocessError:0:Exception occurred in preexec_fn.");
                    }
                }
            }
            if p.close_fds {
                close_all(&p.keep, errpipe_write);
            }
            let mut saved = 0;
            for e in &p.exec {
                match &p.envp {
                    Some(env) => libc::execve(e.as_ptr(), p.argv.as_ptr(), env.as_ptr()),
                    None => libc::execv(e.as_ptr(), p.argv.as_ptr()),
                };
                let n = errno();
                if n != libc::ENOENT && n != libc::ENOTDIR && saved == 0 {
                    saved = n;
                }
            }
            (if saved != 0 { saved } else { errno() }, b"")
        }
    }

    /// Closes every descriptor above 2 that is not to be kept (`keep` is sorted).
    unsafe fn close_all(keep: &[i32], errpipe: i32) {
        // SAFETY: closing numbers is safe in the child.
        unsafe {
            let mut start: u32 = 3;
            let mut close_until = |end: u32| {
                if end > start && libc::syscall(libc::SYS_close_range, start, end - 1, 0) != 0 {
                    for fd in start..end.min(65536) {
                        libc::close(fd as i32);
                    }
                }
                start = end.saturating_add(1);
            };
            let mut done_pipe = false;
            for fd in keep {
                if !done_pipe && errpipe < *fd {
                    close_until(errpipe as u32);
                    done_pipe = true;
                }
                if *fd >= 3 {
                    close_until(*fd as u32);
                }
                done_pipe |= *fd == errpipe;
            }
            if !done_pipe {
                close_until(errpipe as u32);
            }
            close_until(u32::MAX);
        }
    }

    /// Spawn a fresh new child process.
    #[pyfunction(raw)]
    fn fork_exec(args: FuncArgs<'_>) -> PyResult<i32> {
        args.no_keywords("fork_exec")?;
        args.check_positional("fork_exec", 22, 22)?;
        let a = args.args;
        let int = |i: usize| i32::from_py(a[i]);
        let exec = strings(a[1])?;
        let close_fds = a[2].is_true()?;
        let mut keep = Vec::new();
        let Some(t) = a[3].downcast::<Tuple>() else {
            return Err(raise!(TypeError, "fork_exec() argument 4 must be tuple, not {}", a[3].ty().name_str()));
        };
        for f in t.as_slice() {
            keep.push(i32::from_py(f)?);
        }
        if keep.windows(2).any(|w| w[0] >= w[1]) || keep.first().is_some_and(|f| *f < 0) {
            return Err(raise!(ValueError, "bad value(s) in fds_to_keep"));
        }
        let cwd = if a[4].is_none() {
            None
        } else {
            Some(CString::new(fs_path(a[4])?.into_vec()).map_err(|_| raise!(ValueError, "embedded null byte"))?)
        };
        runtime::audit_event!("_posixsubprocess.fork_exec", a[1], a[0], a[5])?;
        let env = if a[5].is_none() { None } else { Some(strings(a[5])?) };
        let mut fds = [0; 8];
        for (i, f) in fds.iter_mut().enumerate() {
            *f = int(6 + i)?;
        }
        if close_fds && fds[7] < 3 {
            return Err(raise!(ValueError, "errpipe_write must be >= 3"));
        }
        let id = |o: &Object| -> PyResult<Option<u32>> {
            if o.is_none() { Ok(None) } else { Ok(Some(crate::posix::path::Id::from_py(o)?.0)) }
        };
        let groups = if a[18].is_none() {
            None
        } else {
            let mut g = Vec::new();
            a[18].for_each(|o| {
                g.push(crate::posix::path::Id::from_py(&o)?.0);
                Ok(())
            })?;
            Some(g)
        };
        let preexec = (!a[21].is_none()).then_some(a[21]);
        let argv_strings = if a[0].is_none() { Vec::new() } else { strings(a[0])? };
        let null = [core::ptr::null()];
        let plan = Plan {
            exec,
            argv: argv_strings.iter().map(|s| s.as_ptr()).chain(null).collect(),
            envp: env.as_ref().map(|e| e.iter().map(|s| s.as_ptr()).chain(null).collect()),
            keep,
            cwd,
            fds,
            close_fds,
            restore_signals: a[14].is_true()?,
            setsid: a[15].is_true()?,
            pgid: int(16)?,
            gid: id(a[17])?,
            groups,
            uid: id(a[19])?,
            umask: int(20)?,
        };
        let run_hooks = preexec.is_some();
        if run_hooks {
            fork_hooks::before();
        } else {
            runtime::thread::fork::before();
        }
        // SAFETY: the child calls only what may be called after a fork, or repairs the runtime first when Python code runs.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: in the child; it never returns.
            unsafe {
                if run_hooks {
                    fork_hooks::after_child();
                }
                let (e, what) = child(&plan, preexec);
                // "OSError:HEX:reason", as `subprocess` reads it.
                let mut msg = [0u8; 80];
                let mut n = 0;
                let mut put = |b: &[u8]| {
                    for c in b {
                        if n < msg.len() {
                            msg[n] = *c;
                            n += 1;
                        }
                    }
                };
                if what.starts_with(b"SubprocessError") {
                    put(what);
                } else {
                    put(b"OSError:");
                    let mut hex = [0u8; 8];
                    let mut k = hex.len();
                    let mut v = e as u32;
                    loop {
                        k -= 1;
                        hex[k] = b"0123456789ABCDEF"[(v & 15) as usize];
                        v >>= 4;
                        if v == 0 {
                            break;
                        }
                    }
                    put(&hex[k..]);
                    put(b":");
                    put(what);
                }
                libc::write(plan.fds[7], msg.as_ptr().cast(), n);
                libc::_exit(255);
            }
        }
        let e = errno();
        if run_hooks {
            fork_hooks::after_parent();
        } else {
            runtime::thread::fork::after_parent();
        }
        if pid < 0 {
            return Err(runtime::error::raise_os_error(e, None, None));
        }
        Ok(pid)
    }
}
