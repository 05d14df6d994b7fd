//! The interpreter: frames, the eval loop, calls, specialisation, monitoring.
//!
//! - `slot`: what a local or a stack entry is
//! - `frame`: activation records
//! - `call`: entering Python functions from C and Rust
//! - `specialize`: quickening and inline caches
#![allow(missing_docs)]

pub mod call;
pub mod frame;
pub mod pending;
pub mod slot;
pub mod specialize;

pub use frame::InterpFrame;

use crate::objects::{Code, Frame, Function};
use crate::prelude::*;

/// Runs module or class-body code: `exec(code, globals, locals)`.
pub fn eval_code(code: &Code, globals: &Dict, locals: &Object) -> PyResult<PyRef> {
    eval_code_closure(code, globals, locals, None)
}

/// The same with a tuple of cells for the free variables.
pub fn eval_code_closure(code: &Code, globals: &Dict, locals: &Object, closure: Option<&Tuple>) -> PyResult<PyRef> {
    let _ = (code, globals, locals, closure);
    todo!()
}

/// Compiles and runs source text (`PyRun_String`). `flags` are `CO_FUTURE_*` bits to inherit.
pub fn run_source(source: &str, filename: &str, mode: compiler::Mode, globals: &Dict, locals: &Object, flags: u32) -> PyResult<PyRef> {
    let code = compile(source, &compiler::Options { filename: filename.into(), mode, future_flags: flags, ..Default::default() })?;
    eval_code(&code, globals, locals)
}

/// Compiles source text to a code object, issuing its warnings; SyntaxError and the like when it fails.
pub fn compile(source: &str, opts: &compiler::Options) -> PyResult<Ref<Code>> {
    let _ = (source, opts);
    todo!()
}

/// The innermost Python frame of this thread that has begun to run.
pub fn current_frame() -> Option<*mut InterpFrame> {
    let mut f = ThreadState::current().abi().current_frame.cast::<InterpFrame>();
    // SAFETY: frames of this thread are live while it is inside them.
    unsafe {
        while !f.is_null() && (*f).is_incomplete() {
            f = (*f).previous;
        }
    }
    if f.is_null() { None } else { Some(f) }
}

/// The frame object of the innermost frame, `depth` frames up (`sys._getframe(depth)`).
pub fn frame_object(depth: usize) -> PyResult<Option<Ref<Frame>>> {
    let mut f = current_frame();
    for _ in 0..depth {
        f = f.and_then(caller_of);
    }
    f.map(InterpFrame::frame_object).transpose()
}

/// The next complete frame outwards.
pub fn caller_of(f: *mut InterpFrame) -> Option<*mut InterpFrame> {
    // SAFETY: as in `current_frame`.
    unsafe {
        let mut f = (*f).previous;
        while !f.is_null() && (*f).is_incomplete() {
            f = (*f).previous;
        }
        if f.is_null() { None } else { Some(f) }
    }
}

/// Globals of the innermost frame.
pub fn current_globals() -> Option<Ref<Dict>> {
    // SAFETY: the frame is live.
    current_frame().map(|f| Ref::new_ref(unsafe { (*f).globals() }))
}

/// Builtins of the innermost frame, or of the interpreter.
pub fn current_builtins() -> PyResult<PyRef> {
    todo!()
}

/// `locals()` of the innermost frame.
pub fn current_locals() -> PyResult<PyRef> {
    todo!()
}

/// `globals['__builtins__']` as a dict, else the interpreter's builtins.
pub fn builtins_of(globals: &Dict) -> PyResult<PyRef> {
    let _ = globals;
    todo!()
}

/// Visits every object that the frames of a (stopped) thread hold, counted or borrowed.
pub fn visit_thread_frames(ts: &ThreadState, visit: &mut dyn FnMut(&Object)) {
    let mut f = ts.abi().current_frame.cast::<InterpFrame>();
    // SAFETY: the thread is stopped, its frames are live.
    unsafe {
        while !f.is_null() {
            InterpFrame::visit_all(f, visit);
            f = (*f).previous;
        }
    }
}

/// Adds a traceback entry for the current position of the innermost frame to the set exception (`PyTraceBack_Here`).
pub fn traceback_here(frame: *mut InterpFrame) {
    let _ = frame;
}

/// Adds an artificial traceback entry (`_PyTraceback_Add`).
pub fn traceback_add(funcname: &str, filename: &str, lineno: i32) {
    let _ = (funcname, filename, lineno);
}

/// `func(*args)` for a Python function: what `_PyFunction_Vectorcall` does, in Rust terms.
pub fn call_function(func: &Function, args: &[&Object], kwnames: Option<&Tuple>) -> PyResult<PyRef> {
    let _ = (func, args, kwnames);
    todo!()
}
