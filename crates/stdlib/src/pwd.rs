//! `pwd`: the password database.

use macros::pymodule;

/// This module provides access to the Unix password database.
#[pymodule(name = "pwd")]
pub mod pwd {
    use crate::posix::path::{Id, c_bytes};
    use runtime::convert::IntoPy;
    use runtime::lifecycle::fs_decode_bytes;
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use std::ffi::CString;
    use std::sync::{Mutex, OnceLock};

    fn entry_type() -> PyResult<&'static Ref<Type>> {
        static TYPE: OnceLock<Ref<Type>> = OnceLock::new();
        match TYPE.get() {
            Some(t) => Ok(t),
            None => {
                let f = [
                    ("pw_name", "user name"),
                    ("pw_passwd", "password"),
                    ("pw_uid", "user id"),
                    ("pw_gid", "group id"),
                    ("pw_gecos", "real name"),
                    ("pw_dir", "home directory"),
                    ("pw_shell", "shell program"),
                ];
                let t = structseq::make_type(
                    "pwd.struct_passwd",
                    "pwd.struct_passwd: Results from getpw*() routines.",
                    &f,
                    7,
                )?;
                Ok(TYPE.get_or_init(|| t))
            }
        }
    }
    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        m.add("struct_passwd", entry_type()?.clone().upcast())
    }

    /// One entry, copied out of the C library's buffer.
    type Raw = (Vec<u8>, Vec<u8>, u32, u32, Vec<u8>, Vec<u8>, Vec<u8>);
    unsafe fn copy(p: *const libc::passwd) -> Raw {
        // SAFETY: the entry's strings are null-terminated or null.
        unsafe {
            let s = |p: *const libc::c_char| if p.is_null() { Vec::new() } else { c_bytes(p).to_vec() };
            (
                s((*p).pw_name),
                s((*p).pw_passwd),
                (*p).pw_uid,
                (*p).pw_gid,
                s((*p).pw_gecos),
                s((*p).pw_dir),
                s((*p).pw_shell),
            )
        }
    }
    fn entry(r: Raw) -> PyResult<PyRef> {
        let s = |b: &[u8]| fs_decode_bytes(b).map(Ref::upcast);
        structseq::new(
            entry_type()?,
            vec![s(&r.0)?, s(&r.1)?, r.2.into_py()?, r.3.into_py()?, s(&r.4)?, s(&r.5)?, s(&r.6)?],
        )
    }
    /// The C functions use one static buffer.
    static LOCK: Mutex<()> = Mutex::new(());

    /// Return the password database entry for the given numeric user ID.
    #[pyfunction]
    fn getpwuid(uid: &Object) -> PyResult<PyRef> {
        let id = match Id::from_py(uid) {
            Ok(i) => i.0,
            Err(e) if e.matches(exc::OverflowError()) => {
                e.clear();
                return Err(runtime::error::raise_message(exc::KeyError(), format_args!("getpwuid(): uid not found")));
            }
            Err(e) => return Err(e),
        };
        let r = {
            let _g = LOCK.lock().unwrap_or_else(|e| e.into_inner());
            // SAFETY: the entry is copied under the lock.
            unsafe {
                let p = libc::getpwuid(id);
                if p.is_null() { None } else { Some(copy(p)) }
            }
        };
        match r {
            Some(r) => entry(r),
            None => Err(runtime::error::raise_message(
                exc::KeyError(),
                format_args!("getpwuid(): uid not found: {}", uid.str()?.to_string_lossy()),
            )),
        }
    }
    /// Return the password database entry for the given user name.
    #[pyfunction]
    fn getpwnam(name: &Str) -> PyResult<PyRef> {
        let c =
            CString::new(runtime::lifecycle::fs_encode(name)?).map_err(|_| raise!(ValueError, "embedded null byte"))?;
        let r = {
            let _g = LOCK.lock().unwrap_or_else(|e| e.into_inner());
            // SAFETY: the entry is copied under the lock.
            unsafe {
                let p = libc::getpwnam(c.as_ptr());
                if p.is_null() { None } else { Some(copy(p)) }
            }
        };
        match r {
            Some(r) => entry(r),
            None => Err(runtime::error::raise_message(
                exc::KeyError(),
                format_args!("getpwnam(): name not found: {}", name.repr()?.to_string_lossy()),
            )),
        }
    }
    /// Return a list of all available password database entries, in arbitrary order.
    #[pyfunction]
    fn getpwall() -> PyResult<Ref<List>> {
        let all = {
            let _g = LOCK.lock().unwrap_or_else(|e| e.into_inner());
            let mut v = Vec::new();
            // SAFETY: entries are copied under the lock.
            unsafe {
                libc::setpwent();
                loop {
                    let p = libc::getpwent();
                    if p.is_null() {
                        break;
                    }
                    v.push(copy(p));
                }
                libc::endpwent();
            }
            v
        };
        List::from_vec(all.into_iter().map(entry).collect::<PyResult<Vec<_>>>()?)
    }
}
