//! The part of `posix` about devices, timers, identities and the scheduler.

use macros::pymodule;

#[pymodule(name = "posix")]
pub mod posix_devices {
    use super::super::path::*;
    use super::super::stat;
    use runtime::convert::IntoPy;
    use runtime::lifecycle::{fs_decode_bytes, fs_path};
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use runtime::protocol::buffer::Buffer;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStringExt;

    fn ok(r: i32) -> PyResult<()> {
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }
    fn number(r: i32) -> PyResult<i32> {
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }

    // ------------------------------------------------------------------------------------------ transfer

    /// The buffers of a sequence, held as long as the result lives.
    fn buffers(of: &Object, flags: core::ffi::c_int) -> PyResult<(Vec<Buffer>, Vec<libc::iovec>)> {
        let held = of.to_list()?.snapshot().iter().map(|b| Buffer::get(b, flags)).collect::<PyResult<Vec<_>>>()?;
        let places = held.iter().map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        Ok((held, places))
    }
    /// Reads from a file descriptor into a number of mutable bytes-like objects.
    #[pyfunction(sig = "fd, buffers, offset, flags=0, /")]
    fn preadv(fd: i32, buffers: &Object, offset: i64, flags: i32) -> PyResult<isize> {
        let (_held, iov) = self::buffers(buffers, abi::PyBUF_WRITABLE)?;
        // SAFETY: the buffers are held and writable.
        let n = retry(|| unsafe { libc::preadv2(fd, iov.as_ptr(), iov.len() as i32, offset, flags) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Writes the contents of bytes-like objects to a file descriptor at a given offset.
    #[pyfunction(sig = "fd, buffers, offset, flags=0, /")]
    fn pwritev(fd: i32, buffers: &Object, offset: i64, flags: i32) -> PyResult<isize> {
        let (_held, iov) = self::buffers(buffers, abi::PyBUF_SIMPLE)?;
        // SAFETY: the buffers are held.
        let n = retry(|| unsafe { libc::pwritev2(fd, iov.as_ptr(), iov.len() as i32, offset, flags) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }
    /// Transfer count bytes from one pipe to a descriptor or vice versa.
    #[pyfunction(sig = "src, dst, count, offset_src=None, offset_dst=None, flags=0")]
    fn splice(
        src: i32,
        dst: i32,
        count: isize,
        offset_src: Option<i64>,
        offset_dst: Option<i64>,
        flags: u32,
    ) -> PyResult<isize> {
        if count < 0 {
            return Err(raise!(ValueError, "negative value for 'count' not allowed"));
        }
        let (mut a, mut b) = (offset_src.unwrap_or(0), offset_dst.unwrap_or(0));
        let pa = if offset_src.is_some() { &raw mut a } else { core::ptr::null_mut() };
        let pb = if offset_dst.is_some() { &raw mut b } else { core::ptr::null_mut() };
        // SAFETY: the offsets are null or valid.
        let n = retry(|| unsafe { libc::splice(src, pa, dst, pb, count as usize, flags) })?;
        if n < 0 { Err(os_error()) } else { Ok(n) }
    }

    // ------------------------------------------------------------------------------------------ timers

    const SECOND: i64 = 1_000_000_000;

    fn spec(nanoseconds: i64) -> libc::timespec {
        libc::timespec { tv_sec: nanoseconds.div_euclid(SECOND), tv_nsec: nanoseconds.rem_euclid(SECOND) }
    }
    fn nanoseconds(t: libc::timespec) -> i64 {
        t.tv_sec.saturating_mul(SECOND).saturating_add(t.tv_nsec)
    }
    fn seconds(o: &Object) -> PyResult<i64> {
        let s = o.as_f64()?;
        if s.is_nan() {
            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
        }
        let ns = (s * 1e9).floor();
        if ns.abs() > 9.2e18 {
            return Err(raise!(OverflowError, "timestamp out of range for platform time_t"));
        }
        Ok(ns as i64)
    }
    fn set_timer(fd: i32, flags: i32, initial: i64, interval: i64) -> PyResult<(i64, i64)> {
        let new = libc::itimerspec { it_interval: spec(interval), it_value: spec(initial) };
        // SAFETY: all-zero is a valid value, which is written.
        let mut old: libc::itimerspec = unsafe { core::mem::zeroed() };
        // SAFETY: both are valid.
        ok(unsafe { libc::timerfd_settime(fd, flags, &new, &mut old) })?;
        Ok((nanoseconds(old.it_value), nanoseconds(old.it_interval)))
    }
    fn get_timer(fd: i32) -> PyResult<(i64, i64)> {
        // SAFETY: all-zero is a valid value, which is written.
        let mut now: libc::itimerspec = unsafe { core::mem::zeroed() };
        // SAFETY: valid.
        ok(unsafe { libc::timerfd_gettime(fd, &mut now) })?;
        Ok((nanoseconds(now.it_value), nanoseconds(now.it_interval)))
    }
    fn in_seconds((value, interval): (i64, i64)) -> (f64, f64) {
        (value as f64 / 1e9, interval as f64 / 1e9)
    }
    /// Create and return a timer file descriptor.
    #[pyfunction(sig = "clockid, /, *, flags=0")]
    fn timerfd_create(clockid: i32, flags: Arg<i32>) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        number(unsafe { libc::timerfd_create(clockid, flags.unwrap_or(libc::TFD_CLOEXEC)) })
    }
    /// Alter a timer file descriptor's internal timer in seconds.
    #[pyfunction(sig = "fd, /, *, flags=0, initial=0.0, interval=0.0")]
    fn timerfd_settime(fd: Fd, flags: i32, initial: Arg<&Object>, interval: Arg<&Object>) -> PyResult<(f64, f64)> {
        let of = |o: Arg<&Object>| o.into_option().map_or(Ok(0), seconds);
        let (initial, interval) = (of(initial)?, of(interval)?);
        set_timer(fd.0, flags, initial, interval).map(in_seconds)
    }
    /// Alter a timer file descriptor's internal timer in nanoseconds.
    #[pyfunction(sig = "fd, /, *, flags=0, initial=0, interval=0")]
    fn timerfd_settime_ns(fd: Fd, flags: i32, initial: i64, interval: i64) -> PyResult<(i64, i64)> {
        set_timer(fd.0, flags, initial, interval)
    }
    /// Return a tuple of a timer file descriptor's (interval, next expiration) in float seconds.
    #[pyfunction]
    fn timerfd_gettime(fd: Fd) -> PyResult<(f64, f64)> {
        get_timer(fd.0).map(in_seconds)
    }
    /// Return a tuple of a timer file descriptor's (interval, next expiration) in nanoseconds.
    #[pyfunction]
    fn timerfd_gettime_ns(fd: Fd) -> PyResult<(i64, i64)> {
        get_timer(fd.0)
    }

    // ------------------------------------------------------------------------------------------ terminals

    /// Open and return a file descriptor for a master pseudo-terminal device.
    #[pyfunction]
    fn posix_openpt(oflag: i32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        number(unsafe { libc::posix_openpt(oflag | libc::O_CLOEXEC) })
    }
    /// Grant access to the slave pseudo-terminal device.
    #[pyfunction]
    fn grantpt(fd: Fd) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(unsafe { libc::grantpt(fd.0) })
    }
    /// Unlock a pseudo-terminal master/slave pair.
    #[pyfunction]
    fn unlockpt(fd: Fd) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(unsafe { libc::unlockpt(fd.0) })
    }
    /// Return the name of the slave pseudo-terminal device.
    #[pyfunction]
    fn ptsname(fd: Fd) -> PyResult<Ref<Str>> {
        let mut name = [0u8; 128];
        // SAFETY: the buffer is as long as said; its last byte stays zero.
        let e = unsafe { libc::ptsname_r(fd.0, name.as_mut_ptr().cast(), name.len() - 1) };
        if e != 0 {
            return Err(runtime::error::raise_os_error(e, None, None));
        }
        // SAFETY: null-terminated.
        fs_decode_bytes(unsafe { c_bytes(name.as_ptr().cast()) })
    }
    /// Return a string describing the encoding of a terminal's file descriptor.
    ///
    /// The file descriptor must be attached to a terminal.
    /// If the device is not a terminal, return None.
    #[pyfunction(sig = "fd")]
    fn device_encoding(fd: i32) -> PyResult<PyRef> {
        // SAFETY: no memory is involved.
        if unsafe { libc::isatty(fd) } == 0 {
            return Ok(none_ref());
        }
        runtime::objects::support::import("_locale")?.call_method(intern!("getencoding"), &[])
    }

    // ------------------------------------------------------------------------------------------ identities

    /// Make the current process the leader of its process group.
    #[pyfunction]
    fn setpgrp() -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setpgid(0, 0) })
    }
    #[pyfunction]
    fn setreuid(ruid: Id, euid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setreuid(ruid.0, euid.0) })
    }
    #[pyfunction]
    fn setregid(rgid: Id, egid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setregid(rgid.0, egid.0) })
    }
    #[pyfunction]
    fn setresuid(ruid: Id, euid: Id, suid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setresuid(ruid.0, euid.0, suid.0) })
    }
    #[pyfunction]
    fn setresgid(rgid: Id, egid: Id, sgid: Id) -> PyResult<()> {
        // SAFETY: no preconditions.
        ok(unsafe { libc::setresgid(rgid.0, egid.0, sgid.0) })
    }
    /// Return a tuple of the current process's real, effective, and saved user ids.
    #[pyfunction]
    fn getresuid() -> PyResult<(u32, u32, u32)> {
        let (mut r, mut e, mut s) = (0, 0, 0);
        // SAFETY: three numbers are written.
        ok(unsafe { libc::getresuid(&mut r, &mut e, &mut s) })?;
        Ok((r, e, s))
    }
    /// Return a tuple of the current process's real, effective, and saved group ids.
    #[pyfunction]
    fn getresgid() -> PyResult<(u32, u32, u32)> {
        let (mut r, mut e, mut s) = (0, 0, 0);
        // SAFETY: three numbers are written.
        ok(unsafe { libc::getresgid(&mut r, &mut e, &mut s) })?;
        Ok((r, e, s))
    }
    /// Set the groups of the current process to list.
    #[pyfunction]
    fn setgroups(groups: &Object) -> PyResult<()> {
        let items = groups.to_list()?.snapshot();
        if items.len() > 65536 {
            return Err(raise!(ValueError, "too many groups"));
        }
        let ids = items
            .iter()
            .map(|g| {
                if g.index_check() {
                    Id::from_py(g).map(|i| i.0)
                } else {
                    Err(raise!(TypeError, "groups must be integers"))
                }
            })
            .collect::<PyResult<Vec<u32>>>()?;
        // SAFETY: the array is as long as said.
        ok(unsafe { libc::setgroups(ids.len(), ids.as_ptr()) })
    }
    fn user(o: &Object) -> PyResult<CString> {
        CString::new(fs_path(o)?.into_vec()).map_err(|_| raise!(ValueError, "embedded null byte"))
    }
    /// Initialize the group access list.
    #[pyfunction]
    fn initgroups(username: &Object, gid: Id) -> PyResult<()> {
        let name = user(username)?;
        // SAFETY: null-terminated.
        ok(unsafe { libc::initgroups(name.as_ptr(), gid.0) })
    }
    /// Returns a list of groups to which a user belongs.
    #[pyfunction]
    fn getgrouplist(user: &Object, group: Id) -> PyResult<Vec<u32>> {
        let name = self::user(user)?;
        let mut room = 64;
        loop {
            let mut ids = vec![0; room as usize];
            let mut n = room;
            // SAFETY: the array is as long as said.
            if unsafe { libc::getgrouplist(name.as_ptr(), group.0, ids.as_mut_ptr(), &mut n) } >= 0 {
                ids.truncate(n as usize);
                return Ok(ids);
            }
            if room >= 65536 {
                return Err(os_error());
            }
            room *= 2;
        }
    }
    /// Move the calling thread into different namespaces.
    #[pyfunction(sig = "fd, nstype=0")]
    fn setns(fd: Fd, nstype: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(detached(|| unsafe { libc::setns(fd.0, nstype) }))
    }
    /// Disassociate parts of a process (or thread) execution context.
    #[pyfunction(sig = "flags")]
    fn unshare(flags: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        ok(detached(|| unsafe { libc::unshare(flags) }))
    }

    // ------------------------------------------------------------------------------------------ scheduler

    fn priority(param: &Object) -> PyResult<libc::sched_param> {
        let t: &Object = stat::sched_param()?;
        if !param.isinstance(t)? {
            return Err(raise!(TypeError, "must have a sched_param object"));
        }
        let n = param.get_item_index(0)?.as_i64()?;
        match i32::try_from(n) {
            Ok(sched_priority) => Ok(libc::sched_param { sched_priority }),
            Err(_) => Err(raise!(OverflowError, "sched_priority out of range")),
        }
    }
    /// Returns scheduling parameters for the process identified by pid.
    #[pyfunction]
    fn sched_getparam(pid: i32) -> PyResult<PyRef> {
        let mut p = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameter is written.
        ok(unsafe { libc::sched_getparam(pid, &mut p) })?;
        structseq::new(stat::sched_param()?, vec![p.sched_priority.into_py()?])
    }
    /// Set scheduling parameters for the process identified by pid.
    #[pyfunction]
    fn sched_setparam(pid: i32, param: &Object) -> PyResult<()> {
        let p = priority(param)?;
        // SAFETY: the parameter is valid.
        ok(unsafe { libc::sched_setparam(pid, &p) })
    }
    /// Set the scheduling policy for the process identified by pid.
    #[pyfunction]
    fn sched_setscheduler(pid: i32, policy: i32, param: &Object) -> PyResult<()> {
        let p = priority(param)?;
        // SAFETY: the parameter is valid.
        ok(unsafe { libc::sched_setscheduler(pid, policy, &p) })
    }
    /// Return the round-robin quantum for the process identified by pid, in seconds.
    #[pyfunction]
    fn sched_rr_get_interval(pid: i32) -> PyResult<f64> {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the time is written.
        ok(unsafe { libc::sched_rr_get_interval(pid, &mut t) })?;
        Ok(t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9)
    }
}
