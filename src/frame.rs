//! `pyframe.h`, `frameobject.h`, `traceback.h`, `cpython/code.h`, `genobject.h`, `pythonrun.h`, `marshal.h`, and the
//! evaluating part of `ceval.h`.

use crate::export::{CText, bad_internal_call, borrowed, fine, text};
use compiler::code::fast;
use compiler::{Mode, Options};
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::interp;
use runtime::interp::frame::{InterpFrame, Owner};
use runtime::interp::slot::Slot;
use runtime::objects::code::CodeParts;
use runtime::objects::exceptions::display;
use runtime::objects::{Code, Frame, Function, Generator, Traceback};
use runtime::prelude::*;

fn frame(o: *mut abi::PyObject) -> PyResult<&'static Frame> {
    // SAFETY: C passes a frame object.
    unsafe { Object::from_ptr_opt(o) }.and_then(|o| o.downcast::<Frame>()).ok_or_else(bad_internal_call)
}

fn code(o: *mut abi::PyObject) -> PyResult<&'static Code> {
    // SAFETY: C passes a code object.
    unsafe { Object::from_ptr_opt(o) }.and_then(|o| o.downcast::<Code>()).ok_or_else(bad_internal_call)
}

/// Start symbols of `Py_CompileString`.
fn mode(start: c_int) -> PyResult<Mode> {
    Ok(match start {
        256 => Mode::Single,
        257 => Mode::Exec,
        258 => Mode::Eval,
        345 => Mode::FuncType,
        _ => return Err(raise!(ValueError, "compile() mode must be 'exec', 'eval', 'single' or 'func_type'")),
    })
}

/// Bits of `PyCompilerFlags.cf_flags`.
pub const FUTURE_MASK: c_int = 0x1fe0000;
const DONT_IMPLY_DEDENT: c_int = 0x200;
const ONLY_AST: c_int = 0x400;
const IGNORE_COOKIE: c_int = 0x800;
const TYPE_COMMENTS: c_int = 0x1000;
const TOP_LEVEL_AWAIT: c_int = 0x2000;
const INCOMPLETE: c_int = 0x4000;

fn flag_bits(flags: *const abi::PyCompilerFlags) -> c_int {
    // SAFETY: C passes flags, or null.
    unsafe { flags.as_ref() }.map_or(0, |f| f.cf_flags)
}

pub fn compile_bytes(
    source: &[u8],
    filename: &str,
    start: c_int,
    flags: *const abi::PyCompilerFlags,
    optimize: c_int,
) -> PyResult<PyRef> {
    let bits = flag_bits(flags);
    if bits & ONLY_AST != 0 {
        let (source, filename) = (Bytes::new(source)?, Str::new(filename)?);
        let mode = Str::new(match start {
            258 => "eval",
            256 => "single",
            _ => "exec",
        })?;
        return crate::containers::builtin("compile")?.call(&[
            &source,
            &filename,
            &mode,
            &*Int::from_i64(bits.into())?,
        ]);
    }
    let decoded = if bits & IGNORE_COOKIE != 0 {
        // The source is UTF-8, whatever its first lines say.
        runtime::objects::codecs::utf::decode_utf8(source, None, true, "utf-8")?.0.to_str()?.to_owned()
    } else {
        runtime::lifecycle::source::decode_source(source, runtime::lifecycle::source::Origin::Text(filename))?
    };
    let default = ThreadState::current().interp().config().optimization_level;
    let options = Options {
        filename: filename.into(),
        mode: mode(start)?,
        optimize: (if optimize < 0 { default } else { optimize }) as u8,
        future_flags: (bits & FUTURE_MASK) as u32,
        dont_imply_dedent: bits & DONT_IMPLY_DEDENT != 0,
        allow_incomplete: bits & INCOMPLETE != 0,
        allow_top_level_await: bits & TOP_LEVEL_AWAIT != 0,
        type_comments: bits & TYPE_COMMENTS != 0,
        ..Options::default()
    };
    Ok(interp::syntax::compile(&decoded, &options)?.upcast())
}

/// Compiles and runs source in namespaces of the caller's.
fn run_bytes(
    source: &[u8],
    filename: &str,
    start: c_int,
    globals: &Dict,
    locals: &Object,
    flags: *mut abi::PyCompilerFlags,
) -> PyResult<PyRef> {
    let made = compile_bytes(source, filename, start, flags, -1)?;
    let made = made.downcast::<Code>().ok_or_else(bad_internal_call)?;
    // SAFETY: C passes flags, or null; future imports of the source stay in force.
    if let Some(f) = unsafe { flags.as_mut() } {
        f.cf_flags |= made.flags() as c_int & FUTURE_MASK;
    }
    if globals.get_item_str("__builtins__")?.is_none() {
        globals.set_str("__builtins__", &*interp::interp_builtins()?)?;
    }
    interp::eval_code(made, globals, locals)
}

/// The namespace of `__main__`.
pub fn main_dict() -> PyResult<Ref<Dict>> {
    let modules = ThreadState::current().interp().import.modules();
    let m = match modules.get(intern!("__main__"))? {
        Some(m) => m,
        None => {
            let m = Module::new("__main__")?.upcast();
            modules.set(intern!("__main__"), &m)?;
            m
        }
    };
    m.downcast::<Module>().map(|m| Ref::new_ref(m.dict())).ok_or_else(bad_internal_call)
}

/// Runs as a program does: errors are shown, not raised.
fn run_simple(
    source: &[u8],
    filename: &str,
    start: c_int,
    flags: *mut abi::PyCompilerFlags,
    with_file: bool,
) -> PyResult<c_int> {
    let done = main_dict().and_then(|d| {
        let own_file = with_file && d.get_item_str("__file__")?.is_none();
        if own_file {
            d.set_str("__file__", &*Str::new(filename)?)?;
        }
        if with_file && filename != "<stdin>" {
            let external = ThreadState::current().interp().import.importlib_external();
            let external = external.ok_or_else(|| raise!(ImportError, "import machinery is not initialized"))?;
            let loader =
                external.call_method(intern!("SourceFileLoader"), &[intern!("__main__"), &*Str::new(filename)?])?;
            d.set_str("__loader__", &loader)?;
        }
        let result = run_bytes(source, filename, start, &d, &d, flags);
        if own_file {
            d.del(&*Str::new("__file__")?)?;
        }
        result
    });
    match done {
        Ok(_) => Ok(0),
        Err(_) => {
            display::print_set_error();
            Ok(-1)
        }
    }
}

/// Everything from a C stream.
unsafe fn read_stream(file: *mut libc::FILE, close: c_int) -> Vec<u8> {
    let mut all = Vec::new();
    let mut chunk = [0u8; 4096];
    // SAFETY: C passes an open stream.
    unsafe {
        loop {
            let n = libc::fread(chunk.as_mut_ptr().cast(), 1, chunk.len(), file);
            if n == 0 {
                break;
            }
            all.extend_from_slice(&chunk[..n]);
        }
        if close != 0 {
            libc::fclose(file);
        }
    }
    all
}

pub fn filename_of(name: Option<CText<'_>>) -> String {
    name.map_or_else(|| "???".to_owned(), |n| n.to_string_lossy().into_owned())
}

/// Namespaces of a run: globals must be a dict, locals default to them.
fn namespaces<'a>(globals: Option<&'a Object>, locals: Option<&'a Object>) -> PyResult<(&'a Dict, &'a Object)> {
    let g = globals
        .and_then(|g| g.downcast::<Dict>())
        .ok_or_else(|| raise!(SystemError, "globals must be a real dict; try eval(code, {{}}, mapping)"))?;
    Ok((g, locals.unwrap_or(g)))
}

/// A code object without instructions of its own, for tracebacks of native code.
fn empty_code(filename: &str, name: &str, line: c_int) -> PyResult<Ref<Code>> {
    let mut data = match compiler::compile_source("", &Options { filename: filename.into(), ..Options::default() }) {
        Ok(d) => d,
        Err(_) => return Err(raise!(SystemError, "an empty source does not compile")),
    };
    data.name = name.into();
    data.qualname = name.into();
    data.firstlineno = line.max(0) as _;
    for p in &mut data.positions {
        // Every instruction stands on the first line; columns are unknown.
        (p.line, p.end_line, p.col, p.end_col) = (line.max(0), line.max(0), -1, -1);
    }
    Code::from_data(&data)
}

#[allow(clippy::too_many_arguments)]
fn new_code(
    argcount: c_int,
    posonly: c_int,
    kwonly: c_int,
    stacksize: c_int,
    flags: c_int,
    consts: &Object,
    names: &Object,
    locals: &Object,
    filename: &Object,
    name: &Object,
    qualname: &Object,
    line: c_int,
) -> PyResult<Ref<Code>> {
    let tuple = |o: &Object| o.downcast::<Tuple>().map(Ref::new_ref).ok_or_else(bad_internal_call);
    let locals = tuple(locals)?;
    // The instructions are those of an empty function: nobody else's bytecode runs here.
    let body = empty_code(&filename.str()?.to_string_lossy(), &name.str()?.to_string_lossy(), line)?;
    let extra = body.extra();
    let local_names: Vec<&'static Str> = locals
        .as_slice()
        .iter()
        .map(|n| n.str().map(|s| Str::intern(&s.to_string_lossy())))
        .collect::<PyResult<_>>()?;
    let intern_all = |t: &Tuple| -> PyResult<Ref<Tuple>> {
        Tuple::from_refs(
            t.as_slice()
                .iter()
                .map(|n| n.str().map(|s| Str::intern(&s.to_string_lossy()).to_ref()))
                .collect::<PyResult<Vec<_>>>()?,
        )
    };
    Code::build(CodeParts {
        argcount: argcount as u32,
        posonlyargcount: posonly as u32,
        kwonlyargcount: kwonly as u32,
        stacksize: (stacksize.max(1)) as u32,
        flags: flags as u32 & !(0x20 | 0x80 | 0x200),
        firstlineno: line,
        instrs: extra.instrs.iter().map(|w| w.load(core::sync::atomic::Ordering::Relaxed)).collect(),
        ncaches: extra.caches.len() as u32,
        consts: if tuple(consts)?.is_empty() { Tuple::from_refs(vec![none_ref()])? } else { tuple(consts)? },
        names: intern_all(&*tuple(names)?)?,
        kinds: vec![fast::LOCAL; local_names.len()],
        local_names,
        filename: filename.to_ref(),
        name: name.to_ref(),
        qualname: qualname.to_ref(),
        exception_table: Vec::new(),
        positions: extra.positions.to_vec(),
    })
}

/// A frame object that never runs: it shows a place of native code in tracebacks.
fn new_frame(code: &Code, globals: &Dict) -> PyResult<Ref<Frame>> {
    let function = Function::new(code, globals)?;
    let locals = code.nlocalsplus();
    let total = InterpFrame::HEADER_SLOTS + locals;
    // SAFETY: a block of that size; every slot is filled before the object sees it.
    unsafe {
        let own = libc::calloc(total, 8).cast::<InterpFrame>();
        if own.is_null() {
            return Err(runtime::error::raise_none(exc::MemoryError()));
        }
        for i in 0..locals {
            *InterpFrame::localsplus(own).add(i) = Slot::NULL;
        }
        (*own).pc = code.instrs;
        (*own).sp = InterpFrame::localsplus(own).add(locals);
        (*own).globals = function.globals().as_ptr();
        (*own).builtins = function.builtins().as_ptr();
        let code: &Object = code;
        (*own).code = Slot::owned(code.to_ref());
        (*own).func = Slot::owned(function.upcast());
        (*own).owner = Owner::FrameObject;
        let f = match Frame::for_interp_frame(own) {
            Ok(f) => f,
            Err(e) => {
                InterpFrame::clear_header(own);
                libc::free(own.cast());
                return Err(e);
            }
        };
        (*f.as_raw()).own_slots.store(total, core::sync::atomic::Ordering::Release);
        Ok(f)
    }
}

capi! {
    fn PyFrame_New(_tstate: *mut abi::PyThreadState, c: *mut abi::PyObject, globals: &Dict, _locals: Option<&Object>) -> *mut abi::PyObject {
        new_frame(code(c)?, globals)
    }
    fn PyFrame_GetCode(f: *mut abi::PyObject) -> *mut abi::PyObject {
        let c: &Object = frame(f)?.code();
        Ok(c.to_ref())
    }
    fn PyFrame_GetBack(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(frame(f)?.back()?)
    }
    fn PyFrame_GetGlobals(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(frame(f)?.globals())
    }
    fn PyFrame_GetBuiltins(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(frame(f)?.builtins())
    }
    fn PyFrame_GetLocals(f: *mut abi::PyObject) -> *mut abi::PyObject {
        frame(f)?.locals()
    }
    fn PyFrame_GetGenerator(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(frame(f)?.generator())
    }
    fn PyFrame_GetLasti(f: *mut abi::PyObject) -> c_int {
        let f = frame(f)?;
        let i = f.lasti();
        Ok(if i < 0 { -1 } else { f.code().shown_offset(i as usize) as c_int })
    }
    fn PyFrame_GetLineNumber(f: *mut abi::PyObject) -> c_int {
        Ok(frame(f)?.line().map_or(-1, |n| n as c_int))
    }
    fn PyFrame_GetVar(f: *mut abi::PyObject, name: &Object) -> *mut abi::PyObject {
        let name = name.downcast::<Str>().ok_or_else(|| raise!(TypeError, "name must be str, not {}", name.ty().tp_name()))?;
        frame_variable(frame(f)?, name)
    }
    fn PyFrame_GetVarString(f: *mut abi::PyObject, name: CText<'_>) -> *mut abi::PyObject {
        frame_variable(frame(f)?, &*text(name)?)
    }
    fn PyFrame_FastToLocals(_f: *mut abi::PyObject) {
        Ok(())
    }
    fn PyFrame_FastToLocalsWithError(_f: *mut abi::PyObject) -> c_int {
        Ok(())
    }
    fn PyFrame_LocalsToFast(_f: *mut abi::PyObject, _clear: c_int) {
        Ok(())
    }
    fn _PyFrame_IsEntryFrame(f: *mut abi::PyObject) -> c_int {
        Ok(frame(f)?.steady(|f| interp::caller_of(f).is_none()))
    }
    fn PyUnstable_InterpreterFrame_GetCode(f: *mut InterpFrame) -> *mut abi::PyObject {
        // SAFETY: C passes a live frame.
        let c: &Object = unsafe { (*f).code() };
        fine(c.to_ref())
    }
    fn PyUnstable_InterpreterFrame_GetLasti(f: *mut InterpFrame) -> c_int {
        // SAFETY: C passes a live frame.
        let (i, code) = unsafe { ((*f).lasti(), (*f).code()) };
        fine(if i < 0 { -1 } else { code.shown_offset(i as usize) as c_int })
    }
    fn PyUnstable_InterpreterFrame_GetLine(f: *mut InterpFrame) -> c_int {
        // SAFETY: C passes a live frame.
        fine(unsafe { (*f).lineno() }.map_or(-1, |n| n as c_int))
    }

    fn PyTraceBack_Here(f: *mut abi::PyObject) -> c_int {
        let f = frame(f)?;
        if let Some(e) = runtime::error::take_error() {
            let made = runtime::objects::traceback::traceback_add_frame(&e, f, f.line().map_or(-1, |n| n as c_int));
            let _ = runtime::error::restore(e);
            made?;
        }
        Ok(())
    }
    fn PyTraceBack_Print(tb: Option<&Object>, file: &Object) -> c_int {
        let Some(tb) = tb else { return Ok(()) };
        if tb.downcast::<Traceback>().is_none() {
            return Err(bad_internal_call());
        }
        display::print_traceback(file, tb)
    }
    fn _PyTraceback_Add(function: CText<'_>, file: CText<'_>, line: c_int) {
        let made = empty_code(&file.to_string_lossy(), &function.to_string_lossy(), line).and_then(|c| new_frame(&c, &*Dict::new()?));
        if let (Ok(f), Some(e)) = (made, runtime::error::take_error()) {
            let _ = runtime::objects::traceback::traceback_add_frame(&e, &f, line);
            let _ = runtime::error::restore(e);
        }
        Ok(())
    }

    fn PyCode_NewEmpty(filename: CText<'_>, name: CText<'_>, line: c_int) -> *mut abi::PyObject {
        empty_code(&filename.to_string_lossy(), &name.to_string_lossy(), line)
    }
    fn PyUnstable_Code_New(argcount: c_int, kwonly: c_int, _nlocals: c_int, stacksize: c_int, flags: c_int, _code: &Object, consts: &Object, names: &Object, varnames: &Object, _freevars: &Object, _cellvars: &Object, filename: &Object, name: &Object, qualname: &Object, line: c_int, _lines: &Object, _exceptions: &Object) -> *mut abi::PyObject {
        new_code(argcount, 0, kwonly, stacksize, flags, consts, names, varnames, filename, name, qualname, line)
    }
    fn PyUnstable_Code_NewWithPosOnlyArgs(argcount: c_int, posonly: c_int, kwonly: c_int, _nlocals: c_int, stacksize: c_int, flags: c_int, _code: &Object, consts: &Object, names: &Object, varnames: &Object, _freevars: &Object, _cellvars: &Object, filename: &Object, name: &Object, qualname: &Object, line: c_int, _lines: &Object, _exceptions: &Object) -> *mut abi::PyObject {
        new_code(argcount, posonly, kwonly, stacksize, flags, consts, names, varnames, filename, name, qualname, line)
    }
    fn PyCode_GetCode(c: *mut abi::PyObject) -> *mut abi::PyObject {
        code(c)?.getattr(intern!("co_code"))
    }
    fn PyCode_GetVarnames(c: *mut abi::PyObject) -> *mut abi::PyObject {
        code(c)?.names_of_kind(fast::LOCAL)
    }
    fn PyCode_GetCellvars(c: *mut abi::PyObject) -> *mut abi::PyObject {
        code(c)?.names_of_kind(fast::CELL)
    }
    fn PyCode_GetFreevars(c: *mut abi::PyObject) -> *mut abi::PyObject {
        code(c)?.names_of_kind(fast::FREE)
    }
    fn PyCode_Addr2Line(c: *mut abi::PyObject, offset: c_int) -> c_int {
        let c = code(c)?;
        Ok(if offset < 0 { c.firstlineno() as c_int } else { c.line_of(c.word_at_offset(offset as usize)).map_or(-1, |n| n as c_int) })
    }
    fn PyCode_Addr2Location(c: *mut abi::PyObject, offset: c_int, line: *mut c_int, column: *mut c_int, end_line: *mut c_int, end_column: *mut c_int) -> c_int {
        let c = code(c)?;
        let p = c.position((offset.max(0) / 2) as usize);
        // SAFETY: C passes four places.
        unsafe {
            *line = p.line as c_int;
            *column = p.col as c_int;
            *end_line = p.end_line as c_int;
            *end_column = p.end_col as c_int;
        }
        Ok(1)
    }
    fn PyCode_Optimize(c: &Object, _consts: *mut abi::PyObject, _names: *mut abi::PyObject, _lines: *mut abi::PyObject) -> *mut abi::PyObject {
        fine(c.to_ref())
    }
    fn PyGen_GetCode(g: &Object) -> *mut abi::PyObject {
        // SAFETY: C passes a generator.
        let frame = unsafe { &(*(g.as_ptr().cast::<Generator>())).frame };
        let c: &Object = frame.code();
        fine(c.to_ref())
    }

    fn PyEval_EvalCode(c: *mut abi::PyObject, globals: Option<&Object>, locals: Option<&Object>) -> *mut abi::PyObject {
        let (g, l) = namespaces(globals, locals)?;
        interp::eval_code(code(c)?, g, l)
    }
    fn PyEval_EvalCodeEx(c: *mut abi::PyObject, globals: &Dict, locals: Option<&Object>, args: *const *mut abi::PyObject, argc: c_int, kwds: *const *mut abi::PyObject, kwdc: c_int, defs: *const *mut abi::PyObject, defc: c_int, kwdefs: Option<&Object>, closure: Option<&Object>) -> *mut abi::PyObject {
        let f = Function::new(code(c)?, globals)?;
        // SAFETY: C passes arrays of those lengths.
        unsafe {
            if defc > 0 {
                f.set_defaults(Some(&*Tuple::from_slice(crate::containers::slice_of(defs, defc as isize))?))?;
            }
            if let Some(d) = kwdefs.filter(|d| !d.is_none()) {
                if d.downcast::<Dict>().is_none() {
                    return Err(bad_internal_call());
                }
                f.set_kwdefaults(Some(d))?;
            }
            if let Some(c) = closure {
                let own = c.to_ref();
                let old = PyRef::from_ptr_opt(core::mem::replace(&mut (*f.as_raw()).closure, own.into_ptr()));
                drop(old);
            }
            if let Some(l) = locals.filter(|l| !l.is_none())
                && !l.mapping_check()
            {
                return Err(raise!(TypeError, "locals must be a mapping"));
            }
            // Code without locals of its own looks names up in the mapping that is given.
            if argc == 0 && kwdc == 0 && f.code().flags() & compiler::code::co::NEWLOCALS == 0 {
                return interp::eval_function_in(&f, locals.filter(|l| !l.is_none()).unwrap_or(globals));
            }
            let args = Tuple::from_slice(crate::containers::slice_of(args, argc as isize))?;
            let kwargs = Dict::new()?;
            for pair in crate::containers::slice_of(kwds, kwdc as isize * 2).chunks_exact(2) {
                kwargs.set(pair[0], pair[1])?;
            }
            f.call_dict(&args, Some(&kwargs))
        }
    }
    fn PyEval_EvalFrame(_f: *mut abi::PyObject) -> *mut abi::PyObject {
        Err::<PyRef, _>(raise!(NotImplementedError, "frames cannot be evaluated from C"))
    }
    fn PyEval_EvalFrameEx(_f: *mut abi::PyObject, _throw: c_int) -> *mut abi::PyObject {
        Err::<PyRef, _>(raise!(NotImplementedError, "frames cannot be evaluated from C"))
    }
    fn _PyEval_EvalFrameDefault(_tstate: *mut abi::PyThreadState, _f: *mut c_void, _throw: c_int) -> *mut abi::PyObject {
        Err::<PyRef, _>(raise!(NotImplementedError, "frames cannot be evaluated from C"))
    }
    fn PyEval_GetBuiltins() -> *mut abi::PyObject {
        match interp::current_frame() {
            Some(_) => interp::current_builtins().map(borrowed),
            None => interp::interp_builtins().map(borrowed),
        }
    }
    fn PyEval_GetGlobals() -> *mut abi::PyObject {
        fine(interp::current_globals().map_or(null_mut(), borrowed))
    }
    fn PyEval_GetLocals() -> *mut abi::PyObject {
        if interp::current_frame().is_none() {
            return Err(raise!(SystemError, "frame does not exist"));
        }
        interp::current_locals().map(borrowed)
    }
    fn PyEval_GetFrame() -> *mut abi::PyObject {
        fine(interp::frame_object(0)?.map_or(null_mut(), borrowed))
    }
    fn PyEval_GetFrameBuiltins() -> *mut abi::PyObject {
        match interp::current_frame() {
            Some(_) => interp::current_builtins(),
            None => interp::interp_builtins(),
        }
    }
    fn PyEval_GetFrameGlobals() -> *mut abi::PyObject {
        fine(interp::current_globals())
    }
    fn PyEval_GetFrameLocals() -> *mut abi::PyObject {
        if interp::current_frame().is_none() {
            return Err(raise!(SystemError, "frame does not exist"));
        }
        interp::current_locals()
    }
    fn PyEval_GetFuncName(f: &Object) -> *const c_char {
        if !is_plain_callable(f) {
            return Ok(f.ty().slots().tp_name.cast_const());
        }
        let name = f.getattr(intern!("__name__"))?;
        // The function keeps its name.
        let p = name.downcast::<Str>().ok_or_else(bad_internal_call)?.to_str()?.as_ptr();
        Ok(p.cast::<c_char>())
    }
    fn PyEval_GetFuncDesc(f: &Object) -> *const c_char {
        fine(if is_plain_callable(f) { c"()".as_ptr() } else { c" object".as_ptr() })
    }
    fn PyEval_MergeCompilerFlags(flags: *mut abi::PyCompilerFlags) -> c_int {
        let inherited = interp::current_future_flags() as c_int & FUTURE_MASK;
        // SAFETY: C passes flags.
        unsafe {
            (*flags).cf_flags |= inherited;
            Ok((*flags).cf_flags != 0)
        }
    }
    fn PyEval_SetTrace(f: abi::Py_tracefunc, arg: Option<&Object>) {
        runtime::lifecycle::audit::audit("sys.settrace", &[])?;
        interp::trace::set_hook(false, f, arg);
        Ok(())
    }
    fn PyEval_SetProfile(f: abi::Py_tracefunc, arg: Option<&Object>) {
        runtime::lifecycle::audit::audit("sys.setprofile", &[])?;
        interp::trace::set_hook(true, f, arg);
        Ok(())
    }
    fn PyEval_SetTraceAllThreads(f: abi::Py_tracefunc, arg: Option<&Object>) {
        runtime::lifecycle::audit::audit("sys.settrace", &[])?;
        interp::trace::set_hook_all(false, f, arg);
        Ok(())
    }
    fn PyEval_SetProfileAllThreads(f: abi::Py_tracefunc, arg: Option<&Object>) {
        runtime::lifecycle::audit::audit("sys.setprofile", &[])?;
        interp::trace::set_hook_all(true, f, arg);
        Ok(())
    }

    fn Py_CompileString(source: CText<'_>, filename: CText<'_>, start: c_int) -> *mut abi::PyObject {
        compile_bytes(source.to_bytes(), &filename.to_string_lossy(), start, core::ptr::null(), -1)
    }
    fn Py_CompileStringFlags(source: CText<'_>, filename: CText<'_>, start: c_int, flags: *const abi::PyCompilerFlags) -> *mut abi::PyObject {
        compile_bytes(source.to_bytes(), &filename.to_string_lossy(), start, flags, -1)
    }
    fn Py_CompileStringExFlags(source: CText<'_>, filename: CText<'_>, start: c_int, flags: *const abi::PyCompilerFlags, optimize: c_int) -> *mut abi::PyObject {
        compile_bytes(source.to_bytes(), &filename.to_string_lossy(), start, flags, optimize)
    }
    fn Py_CompileStringObject(source: CText<'_>, filename: &Object, start: c_int, flags: *const abi::PyCompilerFlags, optimize: c_int) -> *mut abi::PyObject {
        compile_bytes(source.to_bytes(), &filename.str()?.to_string_lossy(), start, flags, optimize)
    }
    fn PyRun_String(source: CText<'_>, start: c_int, globals: Option<&Object>, locals: Option<&Object>) -> *mut abi::PyObject {
        let (g, l) = namespaces(globals, locals)?;
        run_bytes(source.to_bytes(), "<string>", start, g, l, null_mut())
    }
    fn PyRun_StringFlags(source: CText<'_>, start: c_int, globals: Option<&Object>, locals: Option<&Object>, flags: *mut abi::PyCompilerFlags) -> *mut abi::PyObject {
        let (g, l) = namespaces(globals, locals)?;
        run_bytes(source.to_bytes(), "<string>", start, g, l, flags)
    }
    fn PyRun_SimpleString(source: CText<'_>) -> c_int {
        run_simple(source.to_bytes(), "<string>", 257, null_mut(), false)
    }
    fn PyRun_SimpleStringFlags(source: CText<'_>, flags: *mut abi::PyCompilerFlags) -> c_int {
        run_simple(source.to_bytes(), "<string>", 257, flags, false)
    }
    fn PyRun_File(f: *mut libc::FILE, name: Option<CText<'_>>, start: c_int, globals: Option<&Object>, locals: Option<&Object>) -> *mut abi::PyObject {
        run_file(f, name, start, globals, locals, 0, null_mut())
    }
    fn PyRun_FileEx(f: *mut libc::FILE, name: Option<CText<'_>>, start: c_int, globals: Option<&Object>, locals: Option<&Object>, close: c_int) -> *mut abi::PyObject {
        run_file(f, name, start, globals, locals, close, null_mut())
    }
    fn PyRun_FileFlags(f: *mut libc::FILE, name: Option<CText<'_>>, start: c_int, globals: Option<&Object>, locals: Option<&Object>, flags: *mut abi::PyCompilerFlags) -> *mut abi::PyObject {
        run_file(f, name, start, globals, locals, 0, flags)
    }
    fn PyRun_FileExFlags(f: *mut libc::FILE, name: Option<CText<'_>>, start: c_int, globals: Option<&Object>, locals: Option<&Object>, close: c_int, flags: *mut abi::PyCompilerFlags) -> *mut abi::PyObject {
        run_file(f, name, start, globals, locals, close, flags)
    }
    fn PyRun_SimpleFile(f: *mut libc::FILE, name: Option<CText<'_>>) -> c_int { run_simple_file(f, name, 0, null_mut()) }
    fn PyRun_SimpleFileEx(f: *mut libc::FILE, name: Option<CText<'_>>, close: c_int) -> c_int { run_simple_file(f, name, close, null_mut()) }
    fn PyRun_SimpleFileExFlags(f: *mut libc::FILE, name: Option<CText<'_>>, close: c_int, flags: *mut abi::PyCompilerFlags) -> c_int { run_simple_file(f, name, close, flags) }
    fn PyRun_AnyFile(f: *mut libc::FILE, name: Option<CText<'_>>) -> c_int { run_simple_file(f, name, 0, null_mut()) }
    fn PyRun_AnyFileEx(f: *mut libc::FILE, name: Option<CText<'_>>, close: c_int) -> c_int { run_simple_file(f, name, close, null_mut()) }
    fn PyRun_AnyFileFlags(f: *mut libc::FILE, name: Option<CText<'_>>, flags: *mut abi::PyCompilerFlags) -> c_int { run_simple_file(f, name, 0, flags) }
    fn PyRun_AnyFileExFlags(f: *mut libc::FILE, name: Option<CText<'_>>, close: c_int, flags: *mut abi::PyCompilerFlags) -> c_int { run_simple_file(f, name, close, flags) }
    raw fn PyCompile_OpcodeStackEffect(_opcode: c_int, _argument: c_int) -> c_int { fine(c_int::MAX) }
    raw fn PyCompile_OpcodeStackEffectWithJump(_opcode: c_int, _argument: c_int, _jump: c_int) -> c_int { fine(c_int::MAX) }

    fn PyMarshal_ReadObjectFromString(p: *const c_char, len: isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        Ok(runtime::marshal::read(unsafe { crate::unicode::bytes_at(p, len) }, true)?.0)
    }
    fn PyMarshal_WriteObjectToString(o: &Object, version: c_int) -> *mut abi::PyObject {
        Bytes::new(&runtime::marshal::dumps(o, version, true)?)
    }
    fn PyMarshal_WriteObjectToFile(o: &Object, f: *mut libc::FILE, version: c_int) {
        let data = runtime::marshal::dumps(o, version, true)?;
        // SAFETY: C passes an open stream.
        unsafe { libc::fwrite(data.as_ptr().cast(), 1, data.len(), f) };
        Ok(())
    }
    fn PyMarshal_WriteLongToFile(v: c_long, f: *mut libc::FILE, _version: c_int) {
        let data = (v as i32).to_le_bytes();
        // SAFETY: C passes an open stream.
        unsafe { libc::fwrite(data.as_ptr().cast(), 1, 4, f) };
        Ok(())
    }
    fn PyMarshal_ReadLongFromFile(f: *mut libc::FILE) -> c_long {
        Ok(c_long::from(i32::from_le_bytes(exactly(f)?)))
    }
    fn PyMarshal_ReadShortFromFile(f: *mut libc::FILE) -> c_int {
        Ok(c_int::from(i16::from_le_bytes(exactly(f)?)))
    }
    fn PyMarshal_ReadObjectFromFile(f: *mut libc::FILE) -> *mut abi::PyObject {
        // SAFETY: C passes an open stream; it is left after the object.
        unsafe {
            let start = libc::ftell(f);
            let all = read_stream(f, 0);
            let (o, used) = runtime::marshal::read(&all, true)?;
            if start >= 0 {
                libc::fseek(f, start + used as c_long, libc::SEEK_SET);
            }
            Ok(o)
        }
    }
    fn PyMarshal_ReadLastObjectFromFile(f: *mut libc::FILE) -> *mut abi::PyObject {
        // SAFETY: C passes an open stream.
        Ok(runtime::marshal::read(&unsafe { read_stream(f, 0) }, true)?.0)
    }
}

/// A function, a built-in function, or a method of one of these.
fn is_plain_callable(f: &Object) -> bool {
    let f = f.downcast::<runtime::objects::classobject::Method>().map_or(f, |m| m.func());
    f.downcast::<Function>().is_some() || f.downcast::<runtime::objects::methodobject::BuiltinFunction>().is_some()
}

fn exactly<const N: usize>(f: *mut libc::FILE) -> PyResult<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: C passes an open stream.
    if unsafe { libc::fread(bytes.as_mut_ptr().cast(), 1, N, f) } != N {
        return Err(raise!(EOFError, "EOF read where data expected"));
    }
    Ok(bytes)
}

fn frame_variable(f: &Frame, name: &Str) -> PyResult<PyRef> {
    let c = f.code();
    for i in 0..c.nlocalsplus() {
        if c.local_name(i).eq_data(name) {
            if let Some(v) = f.local(i)? {
                return Ok(v);
            }
        }
    }
    Err(raise!(NameError, "variable '{}' does not exist", name.to_string_lossy()))
}

fn run_file(
    f: *mut libc::FILE,
    name: Option<CText<'_>>,
    start: c_int,
    globals: Option<&Object>,
    locals: Option<&Object>,
    close: c_int,
    flags: *mut abi::PyCompilerFlags,
) -> PyResult<PyRef> {
    let (g, l) = namespaces(globals, locals)?;
    // SAFETY: C passes an open stream.
    let source = unsafe { read_stream(f, close) };
    run_bytes(&source, &filename_of(name), start, g, l, flags)
}

fn run_simple_file(
    f: *mut libc::FILE,
    name: Option<CText<'_>>,
    close: c_int,
    flags: *mut abi::PyCompilerFlags,
) -> PyResult<c_int> {
    // SAFETY: C passes an open stream.
    let source = unsafe { read_stream(f, close) };
    run_simple(&source, &filename_of(name), 257, flags, true)
}
