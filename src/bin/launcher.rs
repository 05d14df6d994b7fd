//! `python3.14t`: opens the shared library beside it (or where the loader finds it) and runs `Py_BytesMain`.

use std::ffi::{CString, OsString, c_char, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;

/// Places of the library, the likeliest first: the build tree, an installed prefix, the loader's own search.
fn candidates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Some(dir) = std::env::current_exe()
        .ok()
        .and_then(|e| std::fs::canonicalize(e).ok())
        .and_then(|e| e.parent().map(PathBuf::from))
    {
        found.push(dir.join("libpython3.14t.so.1.0"));
        found.push(dir.join("../lib/libpython3.14t.so.1.0"));
        found.push(dir.join("libfreewheel.so"));
    }
    found.retain(|p| p.exists());
    found.push("libpython3.14t.so.1.0".into());
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

fn main() {
    let handle = match open() {
        Ok(h) => h,
        Err(e) => {
            eprintln!("python3.14t: cannot load the runtime: {e}");
            std::process::exit(127);
        }
    };
    // SAFETY: the symbol has this signature in every libpython3.14t.
    let main: Main = unsafe {
        let f = libc::dlsym(handle, c"Py_BytesMain".as_ptr());
        if f.is_null() {
            eprintln!("python3.14t: the library beside it offers no Py_BytesMain");
            std::process::exit(127);
        }
        std::mem::transmute(f)
    };
    let args: Vec<CString> =
        std::env::args_os().map(|a: OsString| CString::new(a.into_vec()).unwrap_or_default()).collect();
    let mut argv: Vec<*mut c_char> = args.iter().map(|a| a.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect();
    // SAFETY: `argv` is a null-terminated array of null-terminated strings.
    let status = unsafe { main(args.len() as c_int, argv.as_mut_ptr()) };
    std::process::exit(status)
}
