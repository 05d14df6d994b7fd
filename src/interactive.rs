//! The interactive part of `pythonrun.h`: statements read from a stream, one at a time.

use crate::export::CText;
use crate::frame::{compile_bytes, filename_of, main_dict};
use core::ffi::c_int;
use core::ptr::null_mut;
use runtime::abi;
use runtime::interp;
use runtime::objects::Code;
use runtime::objects::exceptions::display;
use runtime::prelude::*;

/// `Py_single_input`.
const SINGLE: c_int = 256;
/// `PyCF_DONT_IMPLY_DEDENT | PyCF_ALLOW_INCOMPLETE_INPUT`.
const PARTIAL: c_int = 0x200 | 0x4000;
/// What the functions return at the end of the stream (`E_EOF`).
const END: c_int = 11;

/// A line with its newline; empty at the end.
fn read_line(f: *mut libc::FILE) -> Vec<u8> {
    let mut line = Vec::new();
    loop {
        // SAFETY: C passes an open stream.
        let c = unsafe { libc::fgetc(f) };
        if c == libc::EOF {
            return line;
        }
        line.push(c as u8);
        if c == c_int::from(b'\n') {
            return line;
        }
    }
}

fn prompt(name: &str) {
    let shown = display::sys_get(name).and_then(|p| p.str().map_err(|e| e.clear()).ok());
    if let Some(p) = shown {
        eprint!("{}", p.to_string_lossy());
    }
}

/// Reads a whole statement and runs it in `__main__`: 0, `END` at the end of the stream, or an exception.
fn run_one(f: *mut libc::FILE, filename: &str, flags: *mut abi::PyCompilerFlags) -> PyResult<c_int> {
    let mut source = Vec::new();
    // SAFETY: C passes flags, or null.
    let bits = unsafe { flags.as_ref() }.map_or(0, |f| f.cf_flags);
    let code = loop {
        prompt(if source.is_empty() { "ps1" } else { "ps2" });
        let line = read_line(f);
        let end = line.is_empty();
        if end && source.is_empty() {
            return Ok(END);
        }
        source.extend_from_slice(&line);
        if !end && source.iter().all(|b| b.is_ascii_whitespace()) {
            source.clear();
            continue;
        }
        let partial = abi::PyCompilerFlags {
            cf_flags: if end { bits } else { bits | PARTIAL },
            cf_feature_version: abi::PY_MINOR_VERSION,
        };
        match compile_bytes(&source, filename, SINGLE, &partial, -1) {
            Ok(code) => break code,
            Err(e) if !end && e.matches(exc::_IncompleteInputError()) => e.clear(),
            Err(e) => return Err(e),
        }
    };
    let code = code.downcast::<Code>().ok_or_else(crate::export::bad_internal_call)?;
    // SAFETY: C passes flags, or null; future imports stay in force.
    if let Some(f) = unsafe { flags.as_mut() } {
        f.cf_flags |= code.flags() as c_int & crate::frame::FUTURE_MASK;
    }
    let d = main_dict()?;
    if d.get_item_str("__builtins__")?.is_none() {
        d.set_str("__builtins__", &*interp::interp_builtins()?)?;
    }
    interp::eval_code(code, &d, &d)?;
    Ok(0)
}

/// The same with errors shown: -1.
fn one(f: *mut libc::FILE, filename: PyResult<String>, flags: *mut abi::PyCompilerFlags) -> c_int {
    match filename.and_then(|name| run_one(f, &name, flags)) {
        Ok(n) => n,
        Err(_) => {
            display::print_set_error();
            -1
        }
    }
}

fn run_loop(f: *mut libc::FILE, name: Option<CText<'_>>, flags: *mut abi::PyCompilerFlags) -> PyResult<c_int> {
    let dict = ThreadState::current().interp().sys_dict();
    for (which, text) in [("ps1", ">>> "), ("ps2", "... ")] {
        if dict.get_item_str(which)?.is_none() {
            dict.set_str(which, &*Str::new(text)?)?;
        }
    }
    let mut own = abi::PyCompilerFlags { cf_flags: 0, cf_feature_version: abi::PY_MINOR_VERSION };
    let flags = if flags.is_null() { &raw mut own } else { flags };
    let filename = filename_of(name);
    while one(f, Ok(filename.clone()), flags) != END {}
    Ok(0)
}

capi! {
    fn PyRun_InteractiveOne(f: *mut libc::FILE, name: Option<CText<'_>>) -> c_int {
        Ok(one(f, Ok(filename_of(name)), null_mut()))
    }
    fn PyRun_InteractiveOneFlags(f: *mut libc::FILE, name: Option<CText<'_>>, flags: *mut abi::PyCompilerFlags) -> c_int {
        Ok(one(f, Ok(filename_of(name)), flags))
    }
    fn PyRun_InteractiveOneObject(f: *mut libc::FILE, name: &Object, flags: *mut abi::PyCompilerFlags) -> c_int {
        let filename = match name.downcast::<Str>() {
            Some(s) => Ok(s.to_string_lossy().into_owned()),
            None => Err(raise!(TypeError, "expected str, got {}", name.ty().tp_name())),
        };
        Ok(one(f, filename, flags))
    }
    fn PyRun_InteractiveLoop(f: *mut libc::FILE, name: Option<CText<'_>>) -> c_int {
        run_loop(f, name, null_mut())
    }
    fn PyRun_InteractiveLoopFlags(f: *mut libc::FILE, name: Option<CText<'_>>, flags: *mut abi::PyCompilerFlags) -> c_int {
        run_loop(f, name, flags)
    }
}
