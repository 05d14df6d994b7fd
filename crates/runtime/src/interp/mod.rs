//! The interpreter: frames, the eval loop, calls, specialisation, monitoring.
//!
//! - `slot`: what a local or a stack entry is
//! - `frame`, `stack`: activation records and where they lie
//! - `call`: entering Python functions from C and Rust; `callops`: calls as instructions
//! - `fast`: the frequent case of the hot instructions; `eval`: the loop that knows all of all of them; `ops`, `genops`, `matchops`: what instructions do out of line
//! - `unwind`: leaving frames
//! - `specialize`: quickening and inline caches
//! - `trace`: settrace, setprofile, reporting events; `monitoring`: the tools of `sys.monitoring`; `jump`: setting `f_lineno`
#![allow(missing_docs, clippy::missing_safety_doc)]

pub mod astconv;
pub mod astobj;
pub mod call;
pub mod callops;
pub mod eval;
pub mod exgroup;
pub mod fast;
pub mod frame;
pub mod genops;
pub mod jump;
pub mod matchops;
pub mod monitoring;
pub mod ops;
pub mod pending;
pub mod pin;
pub mod slot;
pub mod specialize;
pub mod stack;
pub mod suggest;
pub mod syntax;
pub mod trace;
pub mod unwind;

pub use frame::InterpFrame;
pub use syntax::{compile, raise_compile_error};

use crate::convert::HasSpec;
use crate::objects::{Code, Frame, Function};
use crate::prelude::*;
use crate::typeobject::TypeSpec;
use slot::Slot;

/// The static types that the interpreter owns.
pub fn type_specs() -> Vec<&'static TypeSpec> {
    use crate::objects::*;
    vec![
        <Function as HasSpec>::spec(),
        <Code as HasSpec>::spec(),
        <Cell as HasSpec>::spec(),
        <Frame as HasSpec>::spec(),
        <FrameLocalsProxy as HasSpec>::spec(),
        <Generator as HasSpec>::spec(),
        <Coroutine as HasSpec>::spec(),
        <AsyncGenerator as HasSpec>::spec(),
        <r#gen::CoroWrapper as HasSpec>::spec(),
        <asyncgen::WrappedValue as HasSpec>::spec(),
        <asyncgen::AsyncGenASend as HasSpec>::spec(),
        <asyncgen::AsyncGenAThrow as HasSpec>::spec(),
        <asyncgen::AnextAwaitable as HasSpec>::spec(),
        <Template as HasSpec>::spec(),
        <template::TemplateIter as HasSpec>::spec(),
        <Interpolation as HasSpec>::spec(),
        <typevar::TypeVar as HasSpec>::spec(),
        <typevar::ParamSpec as HasSpec>::spec(),
        <typevar::TypeVarTuple as HasSpec>::spec(),
        <typevar::ParamSpecArgs as HasSpec>::spec(),
        <typevar::ParamSpecKwargs as HasSpec>::spec(),
        <typevar::TypeAliasType as HasSpec>::spec(),
        <typevar::NoDefaultType as HasSpec>::spec(),
        <typevar::ConstEvaluator as HasSpec>::spec(),
        <astobj::Ast as HasSpec>::spec(),
    ]
}

/// What the interpreter's types need after they are ready.
pub fn init_statics() -> PyResult<()> {
    use crate::objects::*;
    let names = |v: &[&str]| Tuple::from_refs(v.iter().map(|n| Str::intern(n).to_ref()).collect());
    let t = Interpolation::type_object();
    t.dict().set(intern!("__match_args__"), &*names(&["value", "expression", "conversion", "format_spec"])?)?;
    t.modified();
    Ok(())
}

/// Runs module or class-body code: `exec(code, globals, locals)`.
pub fn eval_code(code: &Code, globals: &Dict, locals: &Object) -> PyResult<PyRef> {
    eval_code_closure(code, globals, locals, None)
}

/// The same with a tuple of cells for the free variables.
pub fn eval_code_closure(code: &Code, globals: &Dict, locals: &Object, closure: Option<&Tuple>) -> PyResult<PyRef> {
    let f = Function::new(code, globals)?;
    if let Some(c) = closure {
        // SAFETY: the object is fresh and ours alone.
        unsafe { (*f.as_raw()).closure = c.to_ref().into_ptr() };
    }
    call::run_code(&f, if locals.is_none() { Some(globals) } else { Some(locals) })
}

/// Runs a function's code as a class body with `locals` as its namespace (`__build_class__`); gives the `__class__` cell.
pub fn eval_class_body(f: &Function, locals: &Object) -> PyResult<PyRef> {
    call::run_code(f, Some(locals))
}

/// Runs a function's code without arguments in a namespace (`PyEval_EvalCodeEx` on a module's or a class's code).
pub fn eval_function_in(f: &Function, locals: &Object) -> PyResult<PyRef> {
    call::run_code(f, Some(locals))
}

/// How source text is compiled when nobody says more: the configuration's optimisation, the limit of int literals.
pub fn source_options(filename: &str, mode: compiler::Mode, flags: u32) -> compiler::Options {
    let digits = crate::objects::long::text::max_str_digits();
    compiler::Options {
        filename: filename.into(),
        mode,
        future_flags: flags,
        optimize: ThreadState::current().interp().config().optimization_level as u8,
        int_max_str_digits: if digits == 0 { u32::MAX } else { digits as u32 },
        ..Default::default()
    }
}

/// Compiles and runs source text (`PyRun_String`). `flags` are `CO_FUTURE_*` bits to inherit.
pub fn run_source(
    source: &str,
    filename: &str,
    mode: compiler::Mode,
    globals: &Dict,
    locals: &Object,
    flags: u32,
) -> PyResult<PyRef> {
    crate::audit_event!("compile", source, filename)?;
    let code = compile(source, &source_options(filename, mode, flags))?;
    crate::audit_event!("exec", &*code)?;
    eval_code(&code, globals, locals)
}

/// The innermost Python frame of this thread that has begun to run.
pub fn current_frame() -> Option<*mut InterpFrame> {
    current_frame_of(ThreadState::current())
}

/// The innermost complete frame of a thread: the running one, or a stopped one.
pub fn current_frame_of(ts: &ThreadState) -> Option<*mut InterpFrame> {
    let mut f = ts.abi().current_frame.cast::<InterpFrame>();
    // SAFETY: frames of a thread are live while it is inside them.
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
    match current_frame() {
        // SAFETY: the frame is live.
        Some(f) => Ok(unsafe { (*f).builtins() }.to_ref()),
        None => interp_builtins(),
    }
}

/// `locals()` of the innermost frame.
pub fn current_locals() -> PyResult<PyRef> {
    let Some(f) = current_frame() else { return Err(raise!(SystemError, "frame does not exist")) };
    // SAFETY: the frame is live.
    unsafe {
        if (*f).code().flags() & compiler::code::co::OPTIMIZED == 0
            && let Some(l) = Object::from_ptr_opt((*f).locals)
        {
            let kinds = &(*f).code().extra().kinds;
            if kinds.iter().all(|k| k & compiler::code::fast::HIDDEN == 0)
                || !InterpFrame::frame_object(f)?.has_hidden()
            {
                return Ok(l.to_ref());
            }
        }
    }
    Ok(InterpFrame::frame_object(f)?.locals_snapshot()?.upcast())
}

/// `f_locals` of the innermost frame: the mapping, or the write-through proxy.
pub fn current_frame_locals() -> PyResult<PyRef> {
    match current_frame() {
        Some(f) => InterpFrame::frame_object(f)?.locals(),
        None => Err(raise!(SystemError, "frame does not exist")),
    }
}

/// `CO_FUTURE_*` flags of the innermost frame's code: what `compile` and `exec` inherit.
pub fn current_future_flags() -> u32 {
    // SAFETY: the frame is live.
    current_frame().map_or(0, |f| unsafe { (*f).code() }.flags() & compiler::code::co::FUTURE_MASK)
}

/// `globals['__builtins__']` (a module gives its dict), else the interpreter's builtins.
pub fn builtins_of(globals: &Dict) -> PyResult<PyRef> {
    match globals.get_str(intern!("__builtins__"))? {
        Some(b) => match b.downcast::<Module>() {
            Some(m) => Ok(module_dict(m)),
            None => Ok(b),
        },
        None => current_builtins(),
    }
}

fn module_dict(m: &Module) -> PyRef {
    // SAFETY: a module always has a dict.
    unsafe { Object::from_ptr(m.md_dict) }.to_ref()
}

/// The dict of the module `builtins`.
pub fn interp_builtins() -> PyResult<PyRef> {
    match sys_modules_get(intern!("builtins"))? {
        Some(m) => match m.downcast::<Module>() {
            Some(m) => Ok(module_dict(m)),
            None => m.getattr(intern!("__dict__")),
        },
        None => Ok(Dict::new()?.upcast()),
    }
}

/// `sys.modules.get(name)`
pub fn sys_modules_get(name: &Str) -> PyResult<Option<PyRef>> {
    let import = &ThreadState::current().interp().import;
    if !import.has_modules() {
        return Ok(None);
    }
    import.modules().get(name)
}

/// An attribute of `sys`.
pub fn sys_attr(name: &str) -> PyResult<Option<PyRef>> {
    match sys_modules_get(intern!("sys"))? {
        Some(m) => m.getattr_opt(Str::intern(name)),
        None => Ok(None),
    }
}

/// `importlib.import_module(name)` through the builtins' `__import__`.
pub fn import_module(name: &str) -> PyResult<PyRef> {
    let n = Str::intern(name);
    if let Some(m) = sys_modules_get(n)? {
        return Ok(m);
    }
    let b = interp_builtins()?;
    let Some(f) = ops::mapping_get(&b, intern!("__import__"))? else {
        return Err(raise!(ImportError, "__import__ not found"));
    };
    f.call1(n)?;
    match sys_modules_get(n)? {
        Some(m) => Ok(m),
        None => Err(raise!(ImportError, "No module named '{}'", name)),
    }
}

/// The error of `from m import name`.
#[cold]
fn import_from_error(m: &Object, pkg: Option<&Str>, name: &Str) -> PyResult<Slot> {
    let spec = m.getattr_opt(intern!("__spec__"))?;
    let mut initializing = false;
    if let Some(s) = &spec
        && let Some(v) = s.getattr_opt(intern!("_initializing"))?
    {
        initializing = v.is_true()?;
    }
    let path = m.getattr_opt(intern!("__file__"))?.filter(|p| p.downcast::<Str>().is_some());
    let mod_repr = match pkg {
        Some(p) => p.repr()?.to_string_lossy().into_owned(),
        None => "'<unknown module name>'".into(),
    };
    let n = name.repr()?;
    let n = n.to_string_lossy();
    let suspect = match (&spec, pkg) {
        (Some(s), Some(p)) if !s.is_none() => {
            let origin = crate::objects::module::Origin::of(s, p)?;
            origin.is_suspect().then(|| origin.hint(&p.to_string_lossy())).transpose()?
        }
        _ => None,
    };
    let msg = match (&path, initializing) {
        _ if let Some(hint) = suspect => format!("cannot import name {n} from {mod_repr} ({hint})"),
        (None, _) => format!("cannot import name {n} from {mod_repr} (unknown location)"),
        (Some(p), true) => format!(
            "cannot import name {n} from partially initialized module {mod_repr} (most likely due to a circular import) ({})",
            p.str()?.to_string_lossy()
        ),
        (Some(p), false) => format!("cannot import name {n} from {mod_repr} ({})", p.str()?.to_string_lossy()),
    };
    let text = Str::new(&msg)?;
    let e = exc::ImportError().call1(&text)?;
    if let Some(p) = pkg {
        e.setattr(intern!("name"), p)?;
    }
    if let Some(p) = &path {
        e.setattr(intern!("path"), p)?;
    }
    e.setattr(intern!("name_from"), name)?;
    // SAFETY: calling an exception type gave an exception.
    Err(crate::error::raise_exception(unsafe { e.cast_into() }))
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

/// Adds a traceback entry for the frame's current position to the set exception (`PyTraceBack_Here`).
pub fn traceback_here(frame: *mut InterpFrame) {
    // SAFETY: the frame is live.
    if unsafe { (*frame).is_incomplete() } {
        return;
    }
    crate::objects::traceback::traceback_here(frame);
}

/// Adds an entry for the innermost frame to an exception that is not raised yet.
pub fn attach_traceback_here(e: &Object) {
    if let (Some(f), Some(x)) = (current_frame(), e.downcast::<crate::objects::BaseException>())
        && let Ok(fo) = InterpFrame::frame_object(f)
    {
        let line = fo.line().unwrap_or(0) as i32;
        if let Err(e) = crate::objects::traceback::traceback_add_frame(x, &fo, line) {
            e.clear();
        }
    }
}

/// The type `super`.
pub fn super_type() -> *const abi::PyTypeObject {
    (&raw const crate::objects::superobject::PySuper_Type).cast()
}

/// `super(cls, me).name` without the super object. None: take the general way. True: an unbound method.
pub fn super_lookup(cls: &Type, me: &Object, name: &Str, method: bool) -> PyResult<Option<(Slot, bool)>> {
    if name.eq_str("__class__") {
        return Ok(None);
    }
    // The type whose MRO is searched: that of the object, or the object itself in class methods
    let start = if let Some(t) = me.downcast::<Type>()
        && t.is_subtype(cls)
    {
        t
    } else if me.ty().is_subtype(cls) {
        me.ty()
    } else {
        return Ok(None);
    };
    let Some(mro) = start.mro_pinned() else { return Ok(None) };
    let mut found = None;
    let mut seen = false;
    // SAFETY: `tp_mro` is a tuple.
    for t in unsafe { mro.cast::<Tuple>() }.iter() {
        if seen {
            if let Some(t) = t.downcast::<Type>()
                && let Some(v) = t.dict().get_slot(name)?
            {
                found = Some(slot::Held(v));
                break;
            }
        } else if core::ptr::addr_eq(t, cls) {
            seen = true;
        }
    }
    let Some(held) = found else { return Ok(None) };
    if method && held.0.obj().ty().flags() & abi::Py_TPFLAGS_METHOD_DESCRIPTOR != 0 && !core::ptr::addr_eq(start, me) {
        return Ok(Some((held.into_slot(), true)));
    }
    let v = pin::Pinned::new(held.into_slot());
    if let Some(get) = v.ty().slots().tp_descr_get {
        let obj = if core::ptr::addr_eq(start, me) { core::ptr::null_mut() } else { me.as_ptr() };
        // SAFETY: the slot's contract.
        let r = unsafe { PyRef::from_c_result(get(v.as_ptr(), obj, start.as_ptr()))? };
        return Ok(Some((Slot::owned(r), false)));
    }
    Ok(Some((Slot::owned(v.into_ref()), false)))
}

/// `types.GenericAlias(origin, args)`
pub fn generic_alias(origin: &Object, args: &Object) -> PyResult<PyRef> {
    crate::objects::genericalias::new(origin, args)
}

/// A bound method.
pub fn new_method(func: &Object, obj: &Object) -> PyResult<PyRef> {
    crate::objects::classobject::new(func, obj)
}

/// `func(*args)` for a Python function: what `_PyFunction_Vectorcall` does, in Rust terms.
pub fn call_function(func: &Function, args: &[&Object], kwnames: Option<&Tuple>) -> PyResult<PyRef> {
    let n = args.len() - kwnames.map_or(0, Tuple::len);
    // SAFETY: `&Object` and `*mut PyObject` have the same representation.
    unsafe { call::vectorcall(func, args.as_ptr().cast(), n, kwnames)?.into_ref() }
}
