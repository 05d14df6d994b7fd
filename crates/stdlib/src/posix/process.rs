//! The process half of `posix`.

use macros::pymodule;

#[pymodule(name = "posix")]
pub mod posix_process {
    use super::super::path::*;
    use super::super::stat;
    use runtime::convert::IntoPy;
    use runtime::lifecycle::{audit::audit, fs_decode_bytes, fs_path};
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use runtime::thread;
    use std::ffi::{CString, OsString};
    use std::os::unix::ffi::OsStringExt;

    fn ok(r: i32) -> PyResult<()> {
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }

    #[pyfunction]
    fn getpid() -> i32 {
        std::process::id() as i32
    }
    #[pyfunction]
    fn getppid() -> i32 {
        // SAFETY: no preconditions.
        unsafe { libc::getppid() }
    }
    #[pyfunction]
    fn getuid() -> u32 {
        // SAFETY: no preconditions.
        unsafe { libc::getuid() }
    }
    #[pyfunction]
    fn geteuid() -> u32 {
        // SAFETY: no preconditions.
        unsafe { libc::geteuid() }
    }
    #[pyfunction]
    fn getgid() -> u32 {
        // SAFETY: no preconditions.
        unsafe { libc::getgid() }
    }
    #[pyfunction]
    fn getegid() -> u32 {
        // SAFETY: no preconditions.
        unsafe { libc::getegid() }
    }
    #[pyfunction]
    fn getpgrp() -> i32 {
        // SAFETY: no preconditions.
        unsafe { libc::getpgrp() }
    }
    #[pyfunction(sig = "pid")]
    fn getpgid(pid: i32) -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::getpgid(pid) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn setpgid(pid: i32, pgrp: i32) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setpgid(pid, pgrp) })
    }
    #[pyfunction]
    fn getsid(pid: i32) -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::getsid(pid) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn setsid() -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::setsid() };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn setuid(uid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setuid(uid.0) })
    }
    #[pyfunction]
    fn setgid(gid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setgid(gid.0) })
    }
    #[pyfunction]
    fn seteuid(euid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::seteuid(euid.0) })
    }
    #[pyfunction]
    fn setegid(egid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setegid(egid.0) })
    }
    #[pyfunction]
    fn getgroups() -> PyResult<Vec<u32>> {
        let mut g = vec![0; 65536];
        // SAFETY: the array is as long as said.
        let n = unsafe { libc::getgroups(g.len() as i32, g.as_mut_ptr()) };
        ok(n)?;
        g.truncate(n as usize);
        Ok(g)
    }
    #[pyfunction]
    fn getlogin() -> PyResult<Ref<Str>> {
        // SAFETY: returns null or a static string.
        unsafe {
            let p = libc::getlogin();
            if p.is_null() {
                return Err(os_error());
            }
            fs_decode_bytes(c_bytes(p))
        }
    }
    #[pyfunction]
    fn getpriority(which: i32, who: i32) -> PyResult<i32> {
        // SAFETY: errno's location is valid.
        let r = unsafe {
            *libc::__errno_location() = 0;
            libc::getpriority(which as _, who as u32)
        };
        if errno() != 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn setpriority(which: i32, who: i32, priority: i32) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setpriority(which as _, who as u32, priority) })
    }
    #[pyfunction]
    fn nice(increment: i32) -> PyResult<i32> {
        // SAFETY: errno's location is valid.
        let r = unsafe {
            *libc::__errno_location() = 0;
            libc::nice(increment)
        };
        if r == -1 && errno() != 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn kill(pid: i32, signal: i32) -> PyResult<()> {
        audit("os.kill", &[&*pid.into_py()?, &*signal.into_py()?])?;
        // SAFETY: no memory is involved.
        ok(unsafe { libc::kill(pid, signal) })?;
        // A signal to ourselves is handled before the call returns.
        thread::check_signals()
    }
    #[pyfunction]
    fn killpg(pgid: i32, signal: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(unsafe { libc::killpg(pgid, signal) })?;
        thread::check_signals()
    }
    #[pyfunction(sig = "status")]
    fn _exit(status: i32) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(status) }
    }
    #[pyfunction]
    fn abort() {
        std::process::abort()
    }

    #[pyfunction]
    fn fork() -> PyResult<i32> {
        audit("os.fork", &[])?;
        super::super::fork::fork()
    }
    /// Forks a child whose controlling terminal is a new pseudo-terminal; returns (pid, fd of the master).
    #[pyfunction]
    fn forkpty() -> PyResult<(i32, i32)> {
        audit("os.forkpty", &[])?;
        let mut master = -1;
        // SAFETY: the descriptor is written; no name, attributes or size are asked for. The fork's locks are held.
        let call = || unsafe {
            libc::forkpty(&mut master, core::ptr::null_mut(), core::ptr::null_mut(), core::ptr::null_mut())
        };
        let pid = super::super::fork::fork_by(call)?;
        Ok((pid, master))
    }
    /// Makes a terminal the controlling one of this process, in a new session, and its standard streams.
    #[pyfunction(sig = "fd, /")]
    fn login_tty(fd: super::super::path::Fd) -> PyResult<()> {
        // SAFETY: no pointers.
        if unsafe { libc::login_tty(fd.0) } < 0 { Err(super::super::path::os_error()) } else { Ok(()) }
    }
    #[pyfunction(
        sig = "*, before=<unrepresentable>, after_in_child=<unrepresentable>, after_in_parent=<unrepresentable>"
    )]
    fn register_at_fork(
        before: Arg<&Object>,
        after_in_child: Arg<&Object>,
        after_in_parent: Arg<&Object>,
    ) -> PyResult<()> {
        let (b, c, p) = (before.into_option(), after_in_child.into_option(), after_in_parent.into_option());
        if b.is_none() && c.is_none() && p.is_none() {
            return Err(raise!(TypeError, "At least one argument is required."));
        }
        for (o, n) in [(b, "before"), (c, "after_in_child"), (p, "after_in_parent")] {
            if let Some(o) = o
                && !o.is_callable()
            {
                return Err(raise!(TypeError, "'{}' must be callable, not {}", n, o.ty().name_str()));
            }
        }
        super::super::fork::register(b, c, p)
    }

    fn string_list(o: &Object, what: &str) -> PyResult<Vec<CString>> {
        if o.downcast::<List>().is_none() && o.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "{} must be a tuple or list", what));
        }
        let items = o.to_list()?.snapshot();
        items
            .iter()
            .map(|i| CString::new(fs_path(i)?.into_vec()).map_err(|_| raise!(ValueError, "embedded null byte")))
            .collect()
    }
    fn environment(o: &Object) -> PyResult<Vec<CString>> {
        let keys = o.call_method(intern!("keys"), &[])?.to_list()?.snapshot();
        let mut out = Vec::new();
        for k in keys {
            let v = o.get_item(&k)?;
            let mut b = fs_path(&k)?.into_vec();
            if b.is_empty() || b[1..].contains(&b'=') {
                return Err(raise!(ValueError, "illegal environment variable name"));
            }
            b.push(b'=');
            b.extend(fs_path(&v)?.into_vec());
            out.push(CString::new(b).map_err(|_| raise!(ValueError, "embedded null byte"))?);
        }
        Ok(out)
    }
    fn pointers(v: &[CString]) -> Vec<*const libc::c_char> {
        v.iter().map(|s| s.as_ptr()).chain([core::ptr::null()]).collect()
    }
    /// Execute an executable path with arguments, replacing current process.
    fn may_exec() -> PyResult<()> {
        match ThreadState::current().interp().lifecycle.sub.settings().allow_exec {
            true => Ok(()),
            false => Err(raise!(RuntimeError, "exec not supported for isolated subinterpreters")),
        }
    }
    #[pyfunction]
    fn execv(path: PathArg, argv: &Object) -> PyResult<()> {
        may_exec()?;
        let args = string_list(argv, "execv() arg 2")?;
        if args.is_empty() {
            return Err(raise!(ValueError, "execv() arg 2 must not be empty"));
        }
        if args[0].is_empty() {
            return Err(raise!(ValueError, "execv() arg 2 first element cannot be empty"));
        }
        let p = pointers(&args);
        // SAFETY: null-terminated strings and array.
        unsafe { libc::execv(path.ptr(), p.as_ptr()) };
        Err(path.error())
    }
    #[pyfunction(sig = "path, argv, env")]
    fn execve(path: PathArg, argv: &Object, env: &Object) -> PyResult<()> {
        may_exec()?;
        let args = string_list(argv, "execve: argv")?;
        if args.is_empty() {
            return Err(raise!(ValueError, "execve: argv must not be empty"));
        }
        let env = environment(env)?;
        let (a, e) = (pointers(&args), pointers(&env));
        // SAFETY: null-terminated strings and arrays.
        unsafe { libc::execve(path.ptr(), a.as_ptr(), e.as_ptr()) };
        Err(path.error())
    }

    fn spawn(
        path: PathArg,
        argv: &Object,
        env: &Object,
        search: bool,
        file_actions: Option<&Object>,
        setpgroup: Arg<i32>,
        setsid: bool,
    ) -> PyResult<i32> {
        let args = string_list(argv, "posix_spawn: argv")?;
        if args.is_empty() {
            return Err(raise!(ValueError, "posix_spawn: argv must not be empty"));
        }
        let env: Vec<CString> = if env.is_none() {
            std::env::vars_os()
                .filter_map(|(k, v)| CString::new([k.into_vec(), b"=".to_vec(), v.into_vec()].concat()).ok())
                .collect()
        } else {
            environment(env)?
        };
        let (a, e) = (pointers(&args), pointers(&env));
        // SAFETY: the attribute and action objects are initialised before use and destroyed once; strings outlive the call.
        unsafe {
            let mut actions: libc::posix_spawn_file_actions_t = core::mem::zeroed();
            let mut attr: libc::posix_spawnattr_t = core::mem::zeroed();
            libc::posix_spawn_file_actions_init(&mut actions);
            libc::posix_spawnattr_init(&mut attr);
            let mut held: Vec<CString> = Vec::new();
            let r = (|| -> PyResult<()> {
                if let Some(list) = file_actions {
                    for act in list.to_list()?.snapshot() {
                        let t = act.to_tuple()?;
                        if t.len() == 0 {
                            return Err(raise!(TypeError, "Each file_actions element must be a non-empty tuple"));
                        }
                        match t.get(0).as_i64()? {
                            0 => {
                                let p = CString::new(fs_path(t.get(2))?.into_vec())
                                    .map_err(|_| raise!(ValueError, "embedded null byte"))?;
                                libc::posix_spawn_file_actions_addopen(
                                    &mut actions,
                                    t.get(1).as_i64()? as i32,
                                    p.as_ptr(),
                                    t.get(3).as_i64()? as i32,
                                    t.get(4).as_i64()? as u32,
                                );
                                held.push(p);
                            }
                            1 => {
                                libc::posix_spawn_file_actions_addclose(&mut actions, t.get(1).as_i64()? as i32);
                            }
                            2 => {
                                libc::posix_spawn_file_actions_adddup2(
                                    &mut actions,
                                    t.get(1).as_i64()? as i32,
                                    t.get(2).as_i64()? as i32,
                                );
                            }
                            _ => return Err(raise!(TypeError, "Unknown file_actions identifier")),
                        }
                    }
                }
                Ok(())
            })();
            let mut flags = 0;
            if let Arg::Given(p) = setpgroup {
                libc::posix_spawnattr_setpgroup(&mut attr, p);
                flags |= libc::POSIX_SPAWN_SETPGROUP;
            }
            if setsid {
                flags |= 0x80;
            }
            libc::posix_spawnattr_setflags(&mut attr, flags as i16);
            let mut pid = 0;
            let code = if r.is_ok() {
                let f = if search { libc::posix_spawnp } else { libc::posix_spawn };
                f(&mut pid, path.ptr(), &actions, &attr, a.as_ptr().cast(), e.as_ptr().cast())
            } else {
                0
            };
            libc::posix_spawn_file_actions_destroy(&mut actions);
            libc::posix_spawnattr_destroy(&mut attr);
            r?;
            if code != 0 {
                return Err(runtime::error::raise_os_error(code, Some(&path.object), None));
            }
            Ok(pid)
        }
    }
    #[pyfunction(
        sig = "path, argv, env, /, *, file_actions=None, setpgroup=<unrepresentable>, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=<unrepresentable>"
    )]
    fn posix_spawn(
        path: PathArg,
        argv: &Object,
        env: &Object,
        file_actions: Option<&Object>,
        setpgroup: Arg<i32>,
        resetids: bool,
        setsid: bool,
        setsigmask: Arg<&Object>,
        setsigdef: Arg<&Object>,
        scheduler: Arg<&Object>,
    ) -> PyResult<i32> {
        let _ = (resetids, setsigmask, setsigdef, scheduler);
        spawn(path, argv, env, false, file_actions, setpgroup, setsid)
    }
    #[pyfunction(
        sig = "path, argv, env, /, *, file_actions=None, setpgroup=<unrepresentable>, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=<unrepresentable>"
    )]
    fn posix_spawnp(
        path: PathArg,
        argv: &Object,
        env: &Object,
        file_actions: Option<&Object>,
        setpgroup: Arg<i32>,
        resetids: bool,
        setsid: bool,
        setsigmask: Arg<&Object>,
        setsigdef: Arg<&Object>,
        scheduler: Arg<&Object>,
    ) -> PyResult<i32> {
        let _ = (resetids, setsigmask, setsigdef, scheduler);
        spawn(path, argv, env, true, file_actions, setpgroup, setsid)
    }
    /// Execute the command in a subshell.
    #[pyfunction(sig = "command")]
    fn system(command: PathArg) -> i32 {
        // SAFETY: the command is null-terminated.
        detached(|| unsafe { libc::system(command.ptr()) })
    }

    #[pyfunction]
    fn waitpid(pid: i32, options: i32) -> PyResult<(i32, i32)> {
        let mut status = 0;
        // SAFETY: the status is written.
        let r = retry(|| unsafe { libc::waitpid(pid, &mut status, options) })?;
        if r < 0 { Err(os_error()) } else { Ok((r, status)) }
    }
    #[pyfunction]
    fn wait() -> PyResult<(i32, i32)> {
        waitpid(-1, 0)
    }
    fn rusage_object(ru: &libc::rusage) -> PyResult<PyRef> {
        match runtime::import::import_attr("resource", "struct_rusage") {
            Ok(t) => {
                let tv = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
                let mut v = vec![tv(ru.ru_utime).into_py()?, tv(ru.ru_stime).into_py()?];
                for n in [
                    ru.ru_maxrss,
                    ru.ru_ixrss,
                    ru.ru_idrss,
                    ru.ru_isrss,
                    ru.ru_minflt,
                    ru.ru_majflt,
                    ru.ru_nswap,
                    ru.ru_inblock,
                    ru.ru_oublock,
                    ru.ru_msgsnd,
                    ru.ru_msgrcv,
                    ru.ru_nsignals,
                    ru.ru_nvcsw,
                    ru.ru_nivcsw,
                ] {
                    v.push((n as i64).into_py()?);
                }
                t.call1(&*Tuple::from_refs(v)?)
            }
            Err(e) => Err(e),
        }
    }
    #[pyfunction]
    fn wait4(pid: i32, options: i32) -> PyResult<(i32, i32, PyRef)> {
        let mut status = 0;
        // SAFETY: all-zero is a valid rusage; both are written.
        let mut ru: libc::rusage = unsafe { core::mem::zeroed() };
        // SAFETY: as above.
        let r = retry(|| unsafe { libc::wait4(pid, &mut status, options, &mut ru) })?;
        if r < 0 { Err(os_error()) } else { Ok((r, status, rusage_object(&ru)?)) }
    }
    #[pyfunction]
    fn wait3(options: i32) -> PyResult<(i32, i32, PyRef)> {
        wait4(-1, options)
    }
    #[pyfunction]
    fn waitid(idtype: i32, id: u32, options: i32) -> PyResult<Option<PyRef>> {
        // SAFETY: all-zero is a valid siginfo; it is written.
        let mut si: libc::siginfo_t = unsafe { core::mem::zeroed() };
        // SAFETY: as above.
        let r = retry(|| unsafe { libc::waitid(idtype as _, id, &mut si, options) })?;
        ok(r)?;
        // SAFETY: waitid fills these members.
        let (pid, uid, status) = unsafe { (si.si_pid(), si.si_uid(), si.si_status()) };
        if pid == 0 {
            return Ok(None);
        }
        let v = vec![pid.into_py()?, uid.into_py()?, si.si_signo.into_py()?, status.into_py()?, si.si_code.into_py()?];
        structseq::new(stat::waitid_result()?, v).map(Some)
    }
    #[pyfunction(sig = "status")]
    fn waitstatus_to_exitcode(status: i32) -> PyResult<i32> {
        if libc::WIFEXITED(status) {
            return Ok(libc::WEXITSTATUS(status));
        }
        if libc::WIFSIGNALED(status) {
            return Ok(-libc::WTERMSIG(status));
        }
        if libc::WIFSTOPPED(status) {
            return Err(raise!(ValueError, "process stopped by delivery of signal {}", libc::WSTOPSIG(status)));
        }
        Err(raise!(ValueError, "invalid wait status: {}", status))
    }
    #[pyfunction(name = "WIFEXITED", sig = "status")]
    fn wifexited(status: i32) -> bool {
        libc::WIFEXITED(status)
    }
    #[pyfunction(name = "WEXITSTATUS", sig = "status")]
    fn wexitstatus(status: i32) -> i32 {
        libc::WEXITSTATUS(status)
    }
    #[pyfunction(name = "WIFSIGNALED", sig = "status")]
    fn wifsignaled(status: i32) -> bool {
        libc::WIFSIGNALED(status)
    }
    #[pyfunction(name = "WTERMSIG", sig = "status")]
    fn wtermsig(status: i32) -> i32 {
        libc::WTERMSIG(status)
    }
    #[pyfunction(name = "WIFSTOPPED", sig = "status")]
    fn wifstopped(status: i32) -> bool {
        libc::WIFSTOPPED(status)
    }
    #[pyfunction(name = "WSTOPSIG", sig = "status")]
    fn wstopsig(status: i32) -> i32 {
        libc::WSTOPSIG(status)
    }
    #[pyfunction(name = "WIFCONTINUED", sig = "status")]
    fn wifcontinued(status: i32) -> bool {
        libc::WIFCONTINUED(status)
    }
    #[pyfunction(name = "WCOREDUMP", sig = "status")]
    fn wcoredump(status: i32) -> bool {
        libc::WCOREDUMP(status)
    }

    /// Return a collection containing process timing information.
    #[pyfunction]
    fn times() -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid buffer, which is written.
        let (t, now, hz) = unsafe {
            let mut t: libc::tms = core::mem::zeroed();
            let now = libc::times(&mut t);
            (t, now, libc::sysconf(libc::_SC_CLK_TCK) as f64)
        };
        let f = |v: i64| (v as f64 / hz).into_py();
        structseq::new(
            stat::times_result()?,
            vec![f(t.tms_utime)?, f(t.tms_stime)?, f(t.tms_cutime)?, f(t.tms_cstime)?, f(now)?],
        )
    }
    #[pyfunction]
    fn uname() -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid buffer, which is written with null-terminated strings.
        unsafe {
            let mut u: libc::utsname = core::mem::zeroed();
            ok(libc::uname(&mut u))?;
            let s = |p: &[libc::c_char]| fs_decode_bytes(c_bytes(p.as_ptr())).map(Ref::upcast);
            structseq::new(
                stat::uname_result()?,
                vec![s(&u.sysname)?, s(&u.nodename)?, s(&u.release)?, s(&u.version)?, s(&u.machine)?],
            )
        }
    }
    /// Checks if PyOS_InputHook is set.
    #[pyfunction]
    fn _is_inputhook_installed() -> bool {
        false
    }
    /// Calls PyOS_InputHook droppping the GIL first
    #[pyfunction]
    fn _inputhook() -> i32 {
        0
    }
    #[pyfunction]
    fn cpu_count() -> Option<usize> {
        let set = match runtime::lifecycle::state::CPU_COUNT.load(core::sync::atomic::Ordering::Relaxed) {
            0 => ThreadState::current().interp().config().cpu_count,
            n => n,
        };
        if set > 0 {
            return Some(set as usize);
        }
        // SAFETY: no preconditions.
        let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        usize::try_from(n).ok().filter(|n| *n > 0)
    }
    #[pyfunction]
    fn getloadavg() -> PyResult<(f64, f64, f64)> {
        let mut v = [0.0; 3];
        // SAFETY: three numbers fit.
        if unsafe { libc::getloadavg(v.as_mut_ptr(), 3) } != 3 {
            return Err(raise!(OSError, "Load averages are unobtainable"));
        }
        Ok((v[0], v[1], v[2]))
    }
    #[pyfunction]
    fn sched_yield() {
        detached(std::thread::yield_now);
    }
    #[pyfunction(sig = "pid, /")]
    fn sched_getaffinity(pid: i32) -> PyResult<PyRef> {
        // SAFETY: all-zero is an empty set; it is written.
        let set = unsafe {
            let mut s: libc::cpu_set_t = core::mem::zeroed();
            ok(libc::sched_getaffinity(pid, size_of::<libc::cpu_set_t>(), &mut s))?;
            s
        };
        let out = Set::new()?;
        for i in 0..libc::CPU_SETSIZE as usize {
            // SAFETY: the index is below the set's size.
            if unsafe { libc::CPU_ISSET(i, &set) } {
                let cpu = i.into_py()?;
                out.add(&cpu)?;
            }
        }
        Ok(out.upcast())
    }
    #[pyfunction]
    fn sched_setaffinity(pid: i32, mask: &Object) -> PyResult<()> {
        // SAFETY: all-zero is an empty set.
        let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
        mask.for_each(|i| {
            let n = i.as_i64()?;
            if n < 0 || n >= libc::CPU_SETSIZE as i64 {
                return Err(raise!(ValueError, "negative CPU number"));
            }
            // SAFETY: the index is below the set's size.
            unsafe { libc::CPU_SET(n as usize, &mut set) };
            Ok(())
        })?;
        // SAFETY: the set is valid.
        ok(unsafe { libc::sched_setaffinity(pid, size_of::<libc::cpu_set_t>(), &set) })
    }
    #[pyfunction]
    fn sched_get_priority_max(policy: i32) -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::sched_get_priority_max(policy) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn sched_get_priority_min(policy: i32) -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::sched_get_priority_min(policy) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn sched_getscheduler(pid: i32) -> PyResult<i32> {
        // SAFETY: no preconditions.
        let r = unsafe { libc::sched_getscheduler(pid) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction(sig = "pid, flags=0")]
    fn pidfd_open(pid: i32, flags: u32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let r = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
        if r < 0 { Err(os_error()) } else { Ok(r as i32) }
    }
    #[pyfunction(sig = "status, /")]
    fn unsetenv(name: PathArg) -> PyResult<()> {
        // SAFETY: the name is null-terminated. As in CPython, the C environment is not synchronised with other threads.
        ok(unsafe { libc::unsetenv(name.ptr()) })
    }
    #[pyfunction]
    fn putenv(name: PathArg, value: PathArg) -> PyResult<()> {
        if name.path.as_bytes().contains(&b'=') || name.path.is_empty() {
            return Err(raise!(ValueError, "illegal environment variable name"));
        }
        audit("os.putenv", &[&name.object, &value.object])?;
        // SAFETY: name and value are null-terminated.
        ok(unsafe { libc::setenv(name.ptr(), value.ptr(), 1) })
    }
    /// Re-reads the process environment (3.14).
    #[pyfunction]
    fn _create_environ() -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        for (k, v) in std::env::vars_os() {
            let (k, v): (OsString, OsString) = (k, v);
            d.set(&*Bytes::new(&k.into_vec())?, &*Bytes::new(&v.into_vec())?)?;
        }
        Ok(d)
    }
    /// Translate an error code to a message string.
    #[pyfunction(sig = "code, /")]
    fn strerror(code: i32) -> PyResult<Ref<Str>> {
        // SAFETY: strerror gives a valid string for any number.
        fs_decode_bytes(unsafe { c_bytes(libc::strerror(code)) })
    }
    #[pyfunction(sig = "path")]
    fn _supports_virtual_terminal(path: Arg<&Object>) -> bool {
        let _ = path;
        false
    }
    #[pyfunction]
    fn ctermid() -> &'static str {
        "/dev/tty"
    }
    #[pyfunction]
    fn tcgetpgrp(fd: i32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let r = unsafe { libc::tcgetpgrp(fd) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn tcsetpgrp(fd: i32, pgid: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(unsafe { libc::tcsetpgrp(fd, pgid) })
    }
}
