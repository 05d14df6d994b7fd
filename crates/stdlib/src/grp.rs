//! `grp`: the group database.

use macros::pymodule;

/// Access to the Unix group database: entries (gr_name, gr_passwd, gr_gid, gr_mem).
#[pymodule(name = "grp")]
pub mod grp {
    use crate::posix::path::{Id, c_bytes};
    use runtime::convert::{FromPy, IntoPy};
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
                    ("gr_name", "group name"),
                    ("gr_passwd", "password"),
                    ("gr_gid", "group id"),
                    ("gr_mem", "group members"),
                ];
                let t = structseq::make_type("grp.struct_group", "An entry of the group database.", &f, 4)?;
                Ok(TYPE.get_or_init(|| t))
            }
        }
    }
    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        m.add("struct_group", entry_type()?.clone().upcast())
    }

    /// One entry, copied out of the C library's buffer.
    struct Raw {
        name: Vec<u8>,
        password: Vec<u8>,
        id: u32,
        members: Vec<Vec<u8>>,
    }
    unsafe fn copy(p: *const libc::group) -> Raw {
        // SAFETY: the entry's strings are null-terminated or null, the list of members ends with null.
        unsafe {
            let s = |p: *const libc::c_char| if p.is_null() { Vec::new() } else { c_bytes(p).to_vec() };
            let mut members = Vec::new();
            let mut at = (*p).gr_mem;
            while !at.is_null() && !(*at).is_null() {
                members.push(s(*at));
                at = at.add(1);
            }
            Raw { name: s((*p).gr_name), password: s((*p).gr_passwd), id: (*p).gr_gid, members }
        }
    }
    fn entry(r: Raw) -> PyResult<PyRef> {
        let s = |b: &[u8]| fs_decode_bytes(b).map(Ref::upcast);
        let members = r.members.iter().map(|m| s(m)).collect::<PyResult<Vec<_>>>()?;
        let items = vec![s(&r.name)?, s(&r.password)?, r.id.into_py()?, List::from_vec(members)?.upcast()];
        structseq::new(entry_type()?, items)
    }
    /// The C functions use one static buffer.
    static LOCK: Mutex<()> = Mutex::new(());

    /// Runs a C look-up under the lock, detached, and copies what it finds.
    fn look_up(f: impl FnOnce() -> *const libc::group) -> Option<Raw> {
        runtime::thread::detach(|| {
            let _guard = LOCK.lock().unwrap_or_else(|e| e.into_inner());
            let p = f();
            // SAFETY: an entry that nobody changes under the lock.
            if p.is_null() { None } else { Some(unsafe { copy(p) }) }
        })
    }

    /// The group database entry of a numeric id; KeyError when there is none.
    #[pyfunction(sig = "id")]
    fn getgrgid(id: &Object) -> PyResult<PyRef> {
        let missing = || -> PyResult<Raised> {
            Ok(runtime::error::raise_message(
                exc::KeyError(),
                format_args!("getgrgid(): gid not found: {}", id.str()?.to_string_lossy()),
            ))
        };
        let n = match Id::from_py(id) {
            Ok(i) => i.0,
            Err(e) if e.matches(exc::OverflowError()) => {
                e.clear();
                return Err(missing()?);
            }
            Err(e) => return Err(e),
        };
        // SAFETY: no pointers go in.
        match look_up(|| unsafe { libc::getgrgid(n) }) {
            Some(r) => entry(r),
            None => Err(missing()?),
        }
    }
    /// The group database entry of a name; KeyError when there is none.
    #[pyfunction(sig = "name")]
    fn getgrnam(name: &Str) -> PyResult<PyRef> {
        let c =
            CString::new(runtime::lifecycle::fs_encode(name)?).map_err(|_| raise!(ValueError, "embedded null byte"))?;
        // SAFETY: a null-terminated name.
        match look_up(|| unsafe { libc::getgrnam(c.as_ptr()) }) {
            Some(r) => entry(r),
            None => Err(runtime::error::raise_message(
                exc::KeyError(),
                format_args!("getgrnam(): name not found: {}", name.repr()?.to_string_lossy()),
            )),
        }
    }
    /// All entries of the group database, in no particular order.
    #[pyfunction]
    fn getgrall() -> PyResult<Ref<List>> {
        let all = runtime::thread::detach(|| {
            let _guard = LOCK.lock().unwrap_or_else(|e| e.into_inner());
            let mut v = Vec::new();
            // SAFETY: entries are copied under the lock.
            unsafe {
                libc::setgrent();
                loop {
                    let p = libc::getgrent();
                    if p.is_null() {
                        break;
                    }
                    v.push(copy(p));
                }
                libc::endgrent();
            }
            v
        });
        List::from_vec(all.into_iter().map(entry).collect::<PyResult<Vec<_>>>()?)
    }
}
