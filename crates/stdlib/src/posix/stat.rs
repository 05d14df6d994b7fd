//! `os.stat_result` and its relatives.

use super::path::*;
use runtime::convert::IntoPy;
use runtime::objects::structseq;
use runtime::prelude::*;
use std::sync::OnceLock;

macro_rules! seq_type {
    ($f:ident, $name:literal, $doc:literal, $n:literal, [$($field:literal),* $(,)?]) => {
        pub fn $f() -> PyResult<&'static Ref<Type>> {
            static TYPE: OnceLock<Ref<Type>> = OnceLock::new();
            match TYPE.get() {
                Some(t) => Ok(t),
                None => {
                    let t = structseq::make_type($name, $doc, &[$(($field, "")),*], $n)?;
                    Ok(TYPE.get_or_init(|| t))
                }
            }
        }
    };
}
seq_type!(
    stat_result,
    "os.stat_result",
    "stat_result: Result from stat, fstat, or lstat.",
    10,
    [
        "st_mode",
        "st_ino",
        "st_dev",
        "st_nlink",
        "st_uid",
        "st_gid",
        "st_size",
        "unnamed field",
        "unnamed field",
        "unnamed field",
        "st_atime",
        "st_mtime",
        "st_ctime",
        "st_atime_ns",
        "st_mtime_ns",
        "st_ctime_ns",
        "st_blksize",
        "st_blocks",
        "st_rdev",
    ]
);
seq_type!(
    statvfs_result,
    "os.statvfs_result",
    "statvfs_result: Result from statvfs or fstatvfs.",
    10,
    [
        "f_bsize",
        "f_frsize",
        "f_blocks",
        "f_bfree",
        "f_bavail",
        "f_files",
        "f_ffree",
        "f_favail",
        "f_flag",
        "f_namemax",
        "f_fsid",
    ]
);
seq_type!(
    terminal_size,
    "os.terminal_size",
    "A tuple of (columns, lines) for holding terminal window size",
    2,
    ["columns", "lines"]
);
seq_type!(
    times_result,
    "posix.times_result",
    "times_result: Result from os.times().",
    5,
    ["user", "system", "children_user", "children_system", "elapsed"]
);
seq_type!(
    uname_result,
    "posix.uname_result",
    "uname_result: Result from os.uname().",
    5,
    ["sysname", "nodename", "release", "version", "machine"]
);
seq_type!(sched_param, "posix.sched_param", "Currently has only one field: sched_priority", 1, ["sched_priority"]);
seq_type!(
    waitid_result,
    "posix.waitid_result",
    "waitid_result: Result from waitid.",
    5,
    ["si_pid", "si_uid", "si_signo", "si_status", "si_code"]
);

pub fn make_stat(st: &libc::stat) -> PyResult<PyRef> {
    let secs = |s: i64, ns: i64| s as f64 + ns as f64 * 1e-9;
    let nanos = |s: i64, ns: i64| -> PyResult<PyRef> {
        let v = s as i128 * 1_000_000_000 + ns as i128;
        match i64::try_from(v) {
            Ok(v) => v.into_py(),
            Err(_) => (s as f64 * 1e9).into_py(),
        }
    };
    let v = vec![
        st.st_mode.into_py()?,
        st.st_ino.into_py()?,
        st.st_dev.into_py()?,
        (st.st_nlink as u64).into_py()?,
        st.st_uid.into_py()?,
        st.st_gid.into_py()?,
        st.st_size.into_py()?,
        st.st_atime.into_py()?,
        st.st_mtime.into_py()?,
        st.st_ctime.into_py()?,
        secs(st.st_atime, st.st_atime_nsec).into_py()?,
        secs(st.st_mtime, st.st_mtime_nsec).into_py()?,
        secs(st.st_ctime, st.st_ctime_nsec).into_py()?,
        nanos(st.st_atime, st.st_atime_nsec)?,
        nanos(st.st_mtime, st.st_mtime_nsec)?,
        nanos(st.st_ctime, st.st_ctime_nsec)?,
        (st.st_blksize as i64).into_py()?,
        st.st_blocks.into_py()?,
        st.st_rdev.into_py()?,
    ];
    structseq::new(stat_result()?, v)
}

/// `fstatat` or `fstat`.
pub fn do_stat(p: &PathArg, dir: i32, follow: bool) -> PyResult<PyRef> {
    // SAFETY: all-zero is a valid stat buffer.
    let mut st: libc::stat = unsafe { core::mem::zeroed() };
    let r = match p.fd {
        Some(fd) => {
            if dir != libc::AT_FDCWD {
                return Err(raise!(ValueError, "stat: can't specify dir_fd without matching path"));
            }
            if !follow {
                return Err(raise!(ValueError, "stat: cannot use fd and follow_symlinks together"));
            }
            // SAFETY: the buffer is valid.
            detached(|| unsafe { libc::fstat(fd, &mut st) })
        }
        None => {
            let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
            // SAFETY: path and buffer are valid.
            detached(|| unsafe { libc::fstatat(dir, p.ptr(), &mut st, flags) })
        }
    };
    if r != 0 { Err(p.error()) } else { make_stat(&st) }
}

pub fn make_statvfs(st: &libc::statvfs) -> PyResult<PyRef> {
    let v = vec![
        st.f_bsize.into_py()?,
        st.f_frsize.into_py()?,
        st.f_blocks.into_py()?,
        st.f_bfree.into_py()?,
        st.f_bavail.into_py()?,
        st.f_files.into_py()?,
        st.f_ffree.into_py()?,
        st.f_favail.into_py()?,
        st.f_flag.into_py()?,
        st.f_namemax.into_py()?,
        st.f_fsid.into_py()?,
    ];
    structseq::new(statvfs_result()?, v)
}
