//! `posix`: the operating system, under the names that `os` re-exports.

mod consts;
mod devices;
pub mod fork;
mod fs;
pub mod path;
mod process;
mod scandir;
mod stat;

use macros::pymodule;

/// This module provides access to operating system functionality that is
/// standardized by the C Standard and the POSIX standard.
#[pymodule(name = "posix")]
pub mod posix {
    use super::{consts, devices, fs, process, scandir, stat};
    use runtime::convert::IntoPy;
    use runtime::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        m.add_functions(&fs::posix_fs::__METHODS.0)?;
        m.add_functions(&process::posix_process::__METHODS.0)?;
        m.add_functions(&devices::posix_devices::__METHODS.0)?;
        for (name, value) in consts::CONSTANTS {
            m.add(name, value.into_py()?)?;
        }
        for (name, table) in [
            ("sysconf_names", consts::SYSCONF),
            ("pathconf_names", consts::PATHCONF),
            ("confstr_names", consts::CONFSTR),
        ] {
            let d = Dict::new()?;
            for (k, v) in table {
                d.set(Str::intern(k), &*v.into_py()?)?;
            }
            m.add(name, d.upcast())?;
        }
        let env = Dict::new()?;
        for (k, v) in std::env::vars_os() {
            env.set(&*Bytes::new(&k.into_vec())?, &*Bytes::new(&v.into_vec())?)?;
        }
        m.add("environ", env.upcast())?;
        m.add("error", (**exc::OSError()).to_ref())?;
        for (name, t) in [
            ("stat_result", stat::stat_result()?),
            ("statvfs_result", stat::statvfs_result()?),
            ("terminal_size", stat::terminal_size()?),
            ("times_result", stat::times_result()?),
            ("uname_result", stat::uname_result()?),
            ("sched_param", stat::sched_param()?),
            ("waitid_result", stat::waitid_result()?),
        ] {
            m.add(name, t.clone().upcast())?;
        }
        m.add_type::<scandir::DirEntry>()?;
        runtime::typeobject::init_static(<scandir::ScandirIterator as runtime::convert::HasSpec>::spec())?;
        // `os` decides by these names which functions take descriptors, follow links and so on.
        let have = [
            "HAVE_FACCESSAT",
            "HAVE_FCHDIR",
            "HAVE_FCHMOD",
            "HAVE_FCHMODAT",
            "HAVE_FCHOWN",
            "HAVE_FCHOWNAT",
            "HAVE_FDOPENDIR",
            "HAVE_FEXECVE",
            "HAVE_FPATHCONF",
            "HAVE_FSTATAT",
            "HAVE_FSTATVFS",
            "HAVE_FTRUNCATE",
            "HAVE_FUTIMENS",
            "HAVE_LINKAT",
            "HAVE_LCHOWN",
            "HAVE_LSTAT",
            "HAVE_LUTIMES",
            "HAVE_MEMFD_CREATE",
            "HAVE_MKDIRAT",
            "HAVE_MKFIFOAT",
            "HAVE_MKNODAT",
            "HAVE_OPENAT",
            "HAVE_READLINKAT",
            "HAVE_RENAMEAT",
            "HAVE_SYMLINKAT",
            "HAVE_UNLINKAT",
            "HAVE_UTIMENSAT",
        ];
        let have = have.iter().map(|n| (**Str::intern(n)).to_ref()).collect::<Vec<_>>();
        m.add("_have_functions", List::from_vec(have)?.upcast())
    }
}
