//! `resource`: limits and usage.

use macros::pymodule;

/// This module provides basic mechanisms for measuring and controlling system resources.
#[pymodule(name = "resource")]
pub mod resource {
    use crate::posix::path::{errno, os_error};
    use runtime::convert::IntoPy;
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use std::sync::OnceLock;

    fn usage_type() -> PyResult<&'static Ref<Type>> {
        static TYPE: OnceLock<Ref<Type>> = OnceLock::new();
        match TYPE.get() {
            Some(t) => Ok(t),
            None => {
                let names = [
                    "ru_utime",
                    "ru_stime",
                    "ru_maxrss",
                    "ru_ixrss",
                    "ru_idrss",
                    "ru_isrss",
                    "ru_minflt",
                    "ru_majflt",
                    "ru_nswap",
                    "ru_inblock",
                    "ru_oublock",
                    "ru_msgsnd",
                    "ru_msgrcv",
                    "ru_nsignals",
                    "ru_nvcsw",
                    "ru_nivcsw",
                ];
                let fields: Vec<(&str, &str)> = names.iter().map(|n| (*n, "")).collect();
                let t = structseq::make_type(
                    "resource.struct_rusage",
                    "struct_rusage: Result from getrusage.",
                    &fields,
                    16,
                )?;
                Ok(TYPE.get_or_init(|| t))
            }
        }
    }

    const CONSTANTS: &[(&str, i64)] = &[
        ("RLIMIT_CPU", 0),
        ("RLIMIT_FSIZE", 1),
        ("RLIMIT_DATA", 2),
        ("RLIMIT_STACK", 3),
        ("RLIMIT_CORE", 4),
        ("RLIMIT_RSS", 5),
        ("RLIMIT_NPROC", 6),
        ("RLIMIT_NOFILE", 7),
        ("RLIMIT_OFILE", 7),
        ("RLIMIT_MEMLOCK", 8),
        ("RLIMIT_AS", 9),
        ("RLIMIT_MSGQUEUE", 12),
        ("RLIMIT_NICE", 13),
        ("RLIMIT_RTPRIO", 14),
        ("RLIMIT_RTTIME", 15),
        ("RLIMIT_SIGPENDING", 11),
        ("RUSAGE_SELF", 0),
        ("RUSAGE_CHILDREN", -1),
        ("RUSAGE_THREAD", 1),
        ("RLIM_INFINITY", -1),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        m.add("error", (**exc::OSError()).to_ref())?;
        m.add("struct_rusage", usage_type()?.clone().upcast())
    }

    /// Retrieve current resource usage.
    #[pyfunction]
    fn getrusage(who: i32) -> PyResult<PyRef> {
        // SAFETY: all-zero is a valid buffer, which is written.
        let (r, u) = unsafe {
            let mut u: libc::rusage = core::mem::zeroed();
            (libc::getrusage(who, &mut u), u)
        };
        if r < 0 {
            if errno() == libc::EINVAL {
                return Err(raise!(ValueError, "invalid who parameter"));
            }
            return Err(os_error());
        }
        let tv = |t: libc::timeval| (t.tv_sec as f64 + t.tv_usec as f64 * 1e-6).into_py();
        let mut v = vec![tv(u.ru_utime)?, tv(u.ru_stime)?];
        for n in [
            u.ru_maxrss,
            u.ru_ixrss,
            u.ru_idrss,
            u.ru_isrss,
            u.ru_minflt,
            u.ru_majflt,
            u.ru_nswap,
            u.ru_inblock,
            u.ru_oublock,
            u.ru_msgsnd,
            u.ru_msgrcv,
            u.ru_nsignals,
            u.ru_nvcsw,
            u.ru_nivcsw,
        ] {
            v.push((n as i64).into_py()?);
        }
        structseq::new(usage_type()?, v)
    }

    fn limit(v: u64) -> i64 {
        v as i64
    }
    fn check(resource: i32) -> PyResult<()> {
        if (0..16).contains(&resource) { Ok(()) } else { Err(raise!(ValueError, "invalid resource specified")) }
    }
    #[pyfunction]
    fn getrlimit(resource: i32) -> PyResult<(i64, i64)> {
        check(resource)?;
        let mut l = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the limit is written.
        if unsafe { libc::getrlimit(resource as _, &mut l) } < 0 {
            return Err(os_error());
        }
        Ok((limit(l.rlim_cur), limit(l.rlim_max)))
    }
    fn parse(limits: &Object) -> PyResult<libc::rlimit> {
        let t = limits.to_tuple()?;
        if t.len() != 2 {
            return Err(raise!(ValueError, "expected a tuple of 2 integers"));
        }
        Ok(libc::rlimit { rlim_cur: one_limit(t.get(0))?, rlim_max: one_limit(t.get(1))? })
    }
    /// A limit: -1 stands for infinity, everything else is not negative.
    fn one_limit(o: &Object) -> PyResult<u64> {
        let i = o.index()?;
        if i.is_negative() {
            return match i.try_i64() {
                Some(-1) => Ok(u64::MAX),
                _ => Err(raise!(ValueError, "Cannot convert negative int")),
            };
        }
        i.try_u64().ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C rlim_t"))
    }
    #[pyfunction]
    fn setrlimit(resource: i32, limits: &Object) -> PyResult<()> {
        check(resource)?;
        let l = parse(limits)?;
        // SAFETY: the limit is valid.
        if unsafe { libc::setrlimit(resource as _, &l) } < 0 {
            return Err(match errno() {
                libc::EINVAL => raise!(ValueError, "current limit exceeds maximum limit"),
                libc::EPERM => raise!(ValueError, "not allowed to raise maximum limit"),
                _ => os_error(),
            });
        }
        Ok(())
    }
    #[pyfunction]
    fn prlimit(pid: i32, resource: i32, limits: Arg<&Object>) -> PyResult<(i64, i64)> {
        check(resource)?;
        let new = match limits {
            Arg::Given(l) if !l.is_none() => Some(parse(l)?),
            _ => None,
        };
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: null or valid limits.
        let r = unsafe { libc::prlimit(pid, resource as _, new.as_ref().map_or(core::ptr::null(), |l| l), &mut old) };
        if r < 0 { Err(os_error()) } else { Ok((limit(old.rlim_cur), limit(old.rlim_max))) }
    }
    #[pyfunction]
    fn getpagesize() -> i64 {
        // SAFETY: no preconditions.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
    }
}
