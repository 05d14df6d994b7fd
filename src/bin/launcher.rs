//! `python3.14t`: opens the shared library beside it (or where the loader finds it) and runs `Py_BytesMain`.
//!
//! It has a C `main`: Rust's own start-up would install signal handlers (SIGSEGV, SIGPIPE) that Python programs would see.

#![no_main]

use std::ffi::{CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;

/// The library's name, as hosts are linked against it.
const SONAME: &str = "libpython3.14t.so.1.0";

/// The folder that the `pyvenv.cfg` of an environment calls home: a copy of this program that lies in one has its library there.
fn home_of_environment(dir: &Path) -> Option<PathBuf> {
    let text = [Some(dir), dir.parent()]
        .into_iter()
        .flatten()
        .find_map(|d| std::fs::read_to_string(d.join("pyvenv.cfg")).ok())?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "home").then(|| PathBuf::from(value.trim()))
    })
}

/// Places of the library, the likeliest first: the build tree, an installed prefix, the loader's own search.
fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let exe = std::env::current_exe().ok().and_then(|e| std::fs::canonicalize(e).ok());
    if let Some(dir) = exe.as_deref().and_then(Path::parent) {
        let home = home_of_environment(dir).map(|h| std::fs::canonicalize(&h).unwrap_or(h));
        for dir in [Some(dir), home.as_deref()].into_iter().flatten() {
            found.push(dir.join(SONAME));
            found.push(dir.join("../lib").join(SONAME));
            found.push(dir.join("libfreewheel.so"));
        }
    }
    found.retain(|p| p.exists());
    found.push(SONAME.into());
    found
}

fn open() -> Result<*mut c_void, String> {
    let mut why = String::new();
    for path in candidates() {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        // SAFETY: a null-terminated name; the library's constructors are its own business.
        unsafe {
            let h = libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_GLOBAL);
            if !h.is_null() {
                return Ok(h);
            }
            let e = libc::dlerror();
            if !e.is_null() && why.is_empty() {
                why = std::ffi::CStr::from_ptr(e).to_string_lossy().into_owned();
            }
        }
    }
    Err(why)
}

/// The program.
#[unsafe(no_mangle)]
pub extern "C" fn main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    // Large tables come and go: giving each back to the system at once costs a page fault per 4 KiB the next time.
    #[cfg(target_env = "gnu")]
    // SAFETY: sets limits of the allocator of this program, before anything else runs.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 8 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 << 20);
    }
    let handle = match open() {
        Ok(h) => h,
        Err(e) => {
            eprintln!("python3.14t: cannot load the runtime: {e}");
            return 127;
        }
    };
    // SAFETY: the symbol has this signature in every libpython3.14t.
    let run: Main = unsafe {
        let f = libc::dlsym(handle, c"Py_BytesMain".as_ptr());
        if f.is_null() {
            eprintln!("python3.14t: the library beside it offers no Py_BytesMain");
            return 127;
        }
        std::mem::transmute(f)
    };
    // SAFETY: the arguments of `main`.
    unsafe { run(argc, argv) }
}
