//! Life of the runtime: configuration, initialisation, running the main program, finalisation.

pub mod audit;
pub mod config;
pub mod finalize;
pub mod frozen;
pub mod init;
pub mod main;
pub mod path;
pub mod remote;
pub mod repl;
pub mod runtime_block;
pub mod source;
pub mod state;
pub mod stdio;
pub mod subinterp;

pub use config::{Config, Run};
pub use finalize::{finalize, finalize_for_exit};
pub use init::{InitError, initialize, is_initialized};
pub use main::run_main;
pub use state::LifecycleState;

use crate::prelude::*;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// A file name as `str` with the file-system encoding (UTF-8, surrogateescape).
pub fn fs_decode(s: &OsStr) -> PyResult<Ref<Str>> {
    fs_decode_bytes(s.as_bytes())
}

/// The same from bytes.
pub fn fs_decode_bytes(b: &[u8]) -> PyResult<Ref<Str>> {
    match core::str::from_utf8(b) {
        Ok(s) => Str::new(s),
        Err(_) => {
            let mut out: Vec<u32> = Vec::with_capacity(b.len());
            for chunk in b.utf8_chunks() {
                out.extend(chunk.valid().chars().map(|c| c as u32));
                out.extend(chunk.invalid().iter().map(|b| 0xDC00 + *b as u32));
            }
            Str::from_ucs4(&out)
        }
    }
}

/// Bytes of a `str` with the file-system encoding (UTF-8, surrogateescape); other surrogates are a UnicodeEncodeError.
pub fn fs_encode(s: &Str) -> PyResult<Vec<u8>> {
    if let Some(s) = s.as_str() {
        return Ok(s.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(s.len());
    for i in 0..s.len() {
        let c = s.char_at(i);
        match char::from_u32(c) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None if (0xDC80..=0xDCFF).contains(&c) => out.push((c - 0xDC00) as u8),
            // Raises the UnicodeEncodeError of the strict handler.
            None => return Err(s.to_str().err().unwrap_or_else(|| raise!(ValueError, "bad surrogate"))),
        }
    }
    Ok(out)
}

/// A path argument (`str`, `bytes` or `os.PathLike`) as bytes for the system (`PyUnicode_FSConverter`).
pub fn fs_path(o: &Object) -> PyResult<OsString> {
    let p = fspath(o)?;
    let bytes = if let Some(s) = p.downcast::<Str>() {
        fs_encode(s)?
    } else if let Some(b) = p.downcast::<Bytes>() {
        b.as_slice().to_vec()
    } else {
        return Err(raise!(TypeError, "path should be string, bytes or os.PathLike, not {}", o.ty().name_str()));
    };
    if bytes.contains(&0) {
        return Err(raise!(ValueError, "embedded null byte"));
    }
    Ok(OsString::from_vec(bytes))
}

/// `os.fspath` (PEP 519).
pub fn fspath(o: &Object) -> PyResult<PyRef> {
    if o.downcast::<Str>().is_some() || o.downcast::<Bytes>().is_some() {
        return Ok(o.to_ref());
    }
    let Some(f) = o.lookup_special(intern!("__fspath__"))? else {
        return Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", o.ty().name_str()));
    };
    let r = f.call0()?;
    if r.downcast::<Str>().is_none() && r.downcast::<Bytes>().is_none() {
        return Err(raise!(
            TypeError,
            "expected {}.__fspath__() to return str or bytes, not {}",
            o.ty().name_str(),
            r.ty().name_str()
        ));
    }
    Ok(r)
}
