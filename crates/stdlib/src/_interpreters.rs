//! `_interpreters`: what `concurrent.interpreters` is built on.

use crate::xidata::{Data, Snapshot, errors, interpreter_error, is_shareable, lookup, pack, pack_shareable};
use macros::pymodule;
use runtime::convert::IntoPy;
use runtime::lifecycle::subinterp::{self, Settings, Whence};
use runtime::objects::namespace::Namespace;
use runtime::objects::{Code, Function, MemoryView};
use runtime::prelude::*;
use runtime::thread::InterpreterState;

const GILS: [&str; 3] = ["default", "shared", "own"];

fn named_config(name: &str) -> PyResult<Settings> {
    match name {
        "" | "default" | "isolated" => Ok(Settings::ISOLATED),
        "legacy" => Ok(Settings::LEGACY),
        "empty" => Ok(Settings::EMPTY),
        _ => Err(raise!(ValueError, "unsupported config name '{}'", name)),
    }
}

pub fn config_to_py(s: &Settings) -> PyResult<PyRef> {
    let d = Dict::new()?;
    for (k, v) in [
        ("use_main_obmalloc", s.use_main_obmalloc),
        ("allow_fork", s.allow_fork),
        ("allow_exec", s.allow_exec),
        ("allow_threads", s.allow_threads),
        ("allow_daemon_threads", s.allow_daemon_threads),
        ("check_multi_interp_extensions", s.check_multi_interp_extensions),
    ] {
        d.set(Str::intern(k), Bool::of(v))?;
    }
    d.set(intern!("gil"), &*Str::new(GILS[s.gil.clamp(0, 2) as usize])?)?;
    Ok(Namespace::new(Some(&d))?.upcast())
}

/// Takes the fields of `d` over; all of them must be known, and all present unless `partial`.
pub fn config_from_dict(s: &mut Settings, d: &Dict, partial: bool) -> PyResult<()> {
    let d = d.copy()?;
    let mut flag = |name: &str, to: &mut bool| -> PyResult<()> {
        match d.get(&*Str::new(name)?)? {
            Some(v) => {
                if v.downcast::<Bool>().is_none() {
                    return Err(raise!(TypeError, "invalid config type: {}", name));
                }
                *to = v.is_true()?;
                d.del(&*Str::new(name)?)?;
            }
            None if partial => {}
            None => return Err(raise!(ValueError, "missing config key: {}", name)),
        }
        Ok(())
    };
    flag("use_main_obmalloc", &mut s.use_main_obmalloc)?;
    flag("allow_fork", &mut s.allow_fork)?;
    flag("allow_exec", &mut s.allow_exec)?;
    flag("allow_threads", &mut s.allow_threads)?;
    flag("allow_daemon_threads", &mut s.allow_daemon_threads)?;
    flag("check_multi_interp_extensions", &mut s.check_multi_interp_extensions)?;
    match d.get(intern!("gil"))? {
        Some(v) => {
            let Some(text) = v.downcast::<Str>() else { return Err(raise!(TypeError, "invalid config type: gil")) };
            let text = text.to_string_lossy();
            s.gil = match GILS.iter().position(|g| *g == text) {
                Some(i) => i as i32,
                None => return Err(raise!(ValueError, "unsupported interpreter config .gil value '{}'", text)),
            };
            d.del(intern!("gil"))?;
        }
        None if partial => {}
        None => return Err(raise!(ValueError, "missing config key: gil")),
    }
    match d.len() {
        0 => Ok(()),
        n => {
            let shown = d.repr()?;
            let items = if n == 1 { "item" } else { "items" };
            Err(raise!(ValueError, "config dict has {} extra {} ({})", n, items, shown.to_string_lossy()))
        }
    }
}

fn config_arg(o: Option<&Object>) -> PyResult<Settings> {
    let Some(o) = o.filter(|o| !o.is_none()) else { return Ok(Settings::ISOLATED) };
    if let Some(s) = o.downcast::<Str>() {
        return named_config(&s.to_string_lossy());
    }
    match o.getattr_opt(intern!("__dict__"))?.as_ref().and_then(|d| d.downcast::<Dict>()) {
        Some(d) => {
            let mut s = Settings::EMPTY;
            config_from_dict(&mut s, d, false)?;
            Ok(s)
        }
        None => {
            let shown = o.repr()?;
            Err(raise!(TypeError, "bad config {}", shown.to_string_lossy()))
        }
    }
}

/// The interpreter, which must have been made here when `restrict` is set.
fn resolve(id: &Object, restrict: bool, what: &str) -> PyResult<&'static InterpreterState> {
    let i = lookup(id)?;
    if restrict && i.lifecycle.sub.whence() != Whence::Stdlib as i32 {
        return Err(interpreter_error(&format!("cannot {what} unrecognized interpreter {}", i.id)));
    }
    Ok(i)
}

fn main_dict() -> PyResult<Ref<Dict>> {
    let main = InterpreterState::current().import.modules().get(intern!("__main__"))?;
    match main.as_ref().and_then(|m| m.downcast::<Module>()) {
        Some(m) => Ok(Ref::new_ref(m.dict())),
        None => Err(interpreter_error("failed to get __main__ namespace")),
    }
}

/// How code in another interpreter ended.
enum Outcome<T> {
    Done(T),
    Uncaught(Snapshot),
    /// Failed before or after the code itself: the caller raises this.
    NotShareable(Snapshot, &'static str),
}

/// Runs `f` in `interp` with its `__main__` claimed. An exception of `f` comes back as a snapshot.
fn run_in<T>(interp: &'static InterpreterState, f: impl FnOnce() -> PyResult<Outcome<T>>) -> PyResult<Outcome<T>> {
    let sub = &interp.lifecycle.sub;
    if interp.is_main() || !sub.begin_running() {
        return Err(interpreter_error("interpreter already running"));
    }
    let result = subinterp::enter(interp, || match f() {
        Ok(v) => v,
        Err(e) => Outcome::Uncaught(Snapshot::of(&*e.take())),
    });
    sub.end_running();
    result
}

fn pack_attrs(shared: Option<&Object>, what: &str) -> PyResult<Vec<(String, Data)>> {
    let Some(o) = shared else { return Ok(Vec::new()) };
    let Some(d) = o.downcast::<Dict>() else {
        let name = if o.is_none() { "None" } else { o.ty().tp_name() };
        return Err(raise!(TypeError, "_interpreters.{} must be dict, not {}", what, name));
    };
    let mut out = Vec::new();
    for (k, v) in d.items_snapshot() {
        let Some(k) = k.downcast::<Str>() else {
            return Err(raise!(TypeError, "bad argument type for built-in operation"));
        };
        out.push((k.to_str()?.to_owned(), pack_shareable(&v)?));
    }
    Ok(out)
}

fn bind_attrs(attrs: &[(String, Data)]) -> PyResult<Ref<Dict>> {
    let ns = main_dict()?;
    for (k, v) in attrs {
        ns.set(&*Str::new(k)?, &*v.unpack()?)?;
    }
    Ok(ns)
}

/// Checks that a code object can be run as a script.
fn check_script(code: &Code) -> PyResult<()> {
    if code.argcount() + code.kwonlyargcount() > 0 || code.flags() & 0xc != 0 {
        return Err(raise!(ValueError, "code with args not supported"));
    }
    // Only `return None` may be there.
    use compiler::opcode::{has_cache, op};
    let words = code.original_words();
    let (mut i, mut none_loaded) = (0, false);
    while i < words.len() {
        let (o, arg) = (words[i] as u8, (words[i] >> 8) as usize);
        if o == op::RETURN_VALUE && !none_loaded {
            return Err(raise!(ValueError, "code that returns a value is not a script"));
        }
        none_loaded = o == op::LOAD_CONST && code.consts().get(arg).is_none();
        i += 1 + has_cache(o) as usize;
    }
    Ok(())
}

fn script_code(o: &Object) -> PyResult<PyRef> {
    if let Some(s) = o.downcast::<Str>() {
        let compile = InterpreterState::current().builtins_dict().get(intern!("compile"))?;
        let Some(compile) = compile else { return Err(raise!(RuntimeError, "lost compile()")) };
        return compile.call(&[s, &*Str::new("<script>")?, intern!("exec")]);
    }
    if let Some(f) = o.downcast::<Function>() {
        if !f.closure.is_null() {
            return Err(raise!(ValueError, "closures not supported"));
        }
        check_script(f.code())?;
        return Ok(f.code().to_ref());
    }
    if let Some(c) = o.downcast::<Code>() {
        check_script(c)?;
        return Ok(o.to_ref());
    }
    let shown = o.repr()?;
    Err(raise!(TypeError, "unsupported script {}", shown.to_string_lossy()))
}

fn exec_code(interp: &'static InterpreterState, code: PyRef, shared: Option<&Object>, what: &str) -> PyResult<PyRef> {
    let attrs = pack_attrs(shared, what)?;
    let outcome = run_in(interp, || {
        let ns = bind_attrs(&attrs)?;
        let Some(code) = code.downcast::<Code>() else { return Err(raise!(SystemError, "lost code")) };
        runtime::interp::eval_code(code, &ns, &ns)?;
        runtime::lifecycle::stdio::flush();
        Ok(Outcome::Done(()))
    })?;
    match outcome {
        Outcome::Done(()) => Ok(none_ref()),
        Outcome::Uncaught(s) | Outcome::NotShareable(s, _) => s.to_py(),
    }
}

/// The error for data that did not survive the way: what went wrong on the other side is its cause.
fn lost(s: &Snapshot, text: &str) -> Raised {
    let raise = || -> PyResult<Raised> {
        let _ = raise!(Exception, "{}", s.text());
        let cause = runtime::error::take_error();
        let e = crate::xidata::raise_class(&errors()?.not_shareable, text).take();
        e.set_cause(cause);
        Ok(runtime::error::restore(e))
    };
    raise().unwrap_or_else(|e| e)
}

/// This module provides primitive operations to manage Python interpreters.
/// The 'interpreters' module provides a more convenient interface.
#[pymodule(name = "_interpreters")]
pub mod _interpreters {
    use super::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let e = errors()?;
        m.add("InterpreterError", e.interpreter.clone())?;
        m.add("InterpreterNotFoundError", e.not_found.clone())?;
        m.add("NotShareableError", e.not_shareable.clone())?;
        m.add("CrossInterpreterBufferView", MemoryView::type_object().to_ref())?;
        for (name, w) in [
            ("WHENCE_UNKNOWN", Whence::Unknown),
            ("WHENCE_RUNTIME", Whence::Runtime),
            ("WHENCE_LEGACY_CAPI", Whence::LegacyCapi),
            ("WHENCE_CAPI", Whence::Capi),
            ("WHENCE_XI", Whence::Xi),
            ("WHENCE_STDLIB", Whence::Stdlib),
        ] {
            m.add(name, (w as i32).into_py()?)?;
        }
        Ok(())
    }

    /// Return a representation of a new PyInterpreterConfig.
    ///
    /// The name determines the initial values of the config.  Supported named
    /// configs are: default, isolated, legacy, and empty.
    ///
    /// Any keyword arguments are set on the corresponding config fields,
    /// overriding the initial values.
    #[pyfunction(sig = "name='isolated', /, **overrides")]
    fn new_config(name: &str, overrides: Option<&Dict>) -> PyResult<PyRef> {
        let mut s = named_config(name)?;
        if let Some(d) = overrides {
            config_from_dict(&mut s, d, true)?;
        }
        config_to_py(&s)
    }

    /// Create a new interpreter and return a unique generated ID.
    ///
    /// The caller is responsible for destroying the interpreter before exiting,
    /// typically by using _interpreters.destroy().  This can be managed
    /// automatically by passing "reqrefs=True" and then using _incref() and
    /// _decref() appropriately.
    #[pyfunction(sig = "config=None, *, reqrefs=False")]
    fn create(config: Option<&Object>, reqrefs: bool) -> PyResult<i64> {
        let settings = config_arg(config)?;
        if settings.check().is_err() {
            return Err(interpreter_error("interpreter creation failed"));
        }
        let old = ThreadState::current();
        match subinterp::create(settings, Whence::Stdlib) {
            Ok(ts) => {
                let interp = ts.interp();
                if reqrefs {
                    interp.link_refs(true);
                }
                subinterp::leave(ts, old);
                Ok(interp.id)
            }
            Err(_) => Err(interpreter_error("interpreter creation failed")),
        }
    }

    /// Destroy the identified interpreter.
    ///
    /// Attempting to destroy the current interpreter raises InterpreterError.
    /// So does an unrecognized ID.
    #[pyfunction(sig = "id, *, restrict=False")]
    fn destroy(id: &Object, restrict: bool) -> PyResult<()> {
        let interp = resolve(id, restrict, "destroy")?;
        if core::ptr::eq(interp, InterpreterState::current()) {
            return Err(interpreter_error("cannot destroy the current interpreter"));
        }
        if interp.is_main() || !interp.lifecycle.sub.begin_running() {
            return Err(interpreter_error("interpreter running"));
        }
        subinterp::destroy(interp).map(drop)
    }

    /// Return a list containing the ID of every existing interpreter.
    #[pyfunction(sig = "*, require_ready=False")]
    fn list_all(require_ready: bool) -> PyResult<PyRef> {
        let mut all = Vec::new();
        for i in subinterp::list().into_iter().rev() {
            if require_ready && !i.lifecycle.sub.is_ready() {
                continue;
            }
            all.push((i.id, i.lifecycle.sub.whence() as i64).into_py()?);
        }
        Ok(List::from_vec(all)?.upcast())
    }

    /// Return the ID of current interpreter.
    #[pyfunction]
    fn get_current() -> (i64, i64) {
        let i = InterpreterState::current();
        (i.id, i.lifecycle.sub.whence() as i64)
    }

    /// Return the ID of main interpreter.
    #[pyfunction]
    fn get_main() -> (i64, i64) {
        (0, Whence::Runtime as i64)
    }

    /// Bind the given attributes in the interpreter's __main__ module.
    #[pyfunction(sig = "id, updates, *, restrict=False")]
    fn set___main___attrs(id: &Object, updates: &Object, restrict: bool) -> PyResult<()> {
        let interp = resolve(id, restrict, "update __main__ for")?;
        let attrs = pack_attrs(Some(updates), "set___main___attrs() argument 2")?;
        if attrs.is_empty() {
            return Err(raise!(ValueError, "arg 2 must be a non-empty dict"));
        }
        if core::ptr::eq(interp, InterpreterState::current()) {
            return bind_attrs(&attrs).map(drop);
        }
        match run_in(interp, || bind_attrs(&attrs).map(|_| Outcome::Done(())))? {
            Outcome::Done(()) => Ok(()),
            Outcome::Uncaught(s) | Outcome::NotShareable(s, _) => Err(lost(&s, "attributes not shareable")),
        }
    }

    /// Execute the provided code in the identified interpreter.
    /// This is equivalent to running the builtin exec() under the target
    /// interpreter, using the __dict__ of its __main__ module as both
    /// globals and locals.
    #[pyfunction(sig = "id, code, shared=None, *, restrict=False")]
    fn exec(id: &Object, code: &Object, shared: Arg<&Object>, restrict: bool) -> PyResult<PyRef> {
        let interp = resolve(id, restrict, "exec code for")?;
        exec_code(interp, script_code(code)?, shared.into_option(), "exec() argument 3")
    }

    /// Execute the provided string in the identified interpreter.
    #[pyfunction(sig = "id, script, shared=None, *, restrict=False")]
    fn run_string(id: &Object, script: &Object, shared: Arg<&Object>, restrict: bool) -> PyResult<PyRef> {
        let interp = resolve(id, restrict, "run string for")?;
        if script.downcast::<Str>().is_none() {
            let name = script.ty().tp_name();
            return Err(raise!(TypeError, "_interpreters.run_string() argument 2 must be str, not {}", name));
        }
        exec_code(interp, script_code(script)?, shared.into_option(), "run_string() argument 3")
    }

    /// Execute the body of the provided function in the identified interpreter.
    /// Code objects are also supported.  In both cases, closures and args
    /// are not supported.  Methods and other callables are not supported either.
    #[pyfunction(sig = "id, func, shared=None, *, restrict=False")]
    fn run_func(id: &Object, func: &Object, shared: Arg<&Object>, restrict: bool) -> PyResult<PyRef> {
        let interp = resolve(id, restrict, "run func for")?;
        if func.downcast::<Function>().is_none() && func.downcast::<Code>().is_none() {
            let name = func.ty().tp_name();
            return Err(raise!(TypeError, "_interpreters.run_func() argument 2 must be a function, not {}", name));
        }
        exec_code(interp, script_code(func)?, shared.into_option(), "run_func() argument 3")
    }

    /// Call the provided object in the identified interpreter.
    /// Pass the given args and kwargs, if possible.
    #[pyfunction(sig = "id, callable, args=None, kwargs=None, *, restrict=False")]
    fn call(
        id: &Object,
        callable: &Object,
        args: Option<&Object>,
        kwargs: Option<&Object>,
        restrict: bool,
    ) -> PyResult<PyRef> {
        let interp = resolve(id, restrict, "make a call for")?;
        if !callable.is_callable() {
            let shown = callable.repr()?;
            return Err(raise!(TypeError, "expected a callable, got {}", shown.to_string_lossy()));
        }
        let args = args.filter(|a| !a.is_none());
        let kwargs = kwargs.filter(|k| !k.is_none());
        if let Some(a) = args.filter(|a| a.downcast::<Tuple>().is_none()) {
            let name = a.ty().tp_name();
            return Err(raise!(TypeError, "_interpreters.call() argument 3 must be tuple, not {}", name));
        }
        if let Some(k) = kwargs.filter(|k| k.downcast::<Dict>().is_none()) {
            let name = k.ty().tp_name();
            return Err(raise!(TypeError, "_interpreters.call() argument 4 must be dict, not {}", name));
        }
        let func = pack(callable)?;
        let args = args.map(pack_items).transpose()?;
        let kwargs = kwargs.filter(|k| k.len().is_ok_and(|n| n > 0)).map(pack).transpose()?;
        let lost_here = |e: Raised, text: &'static str| Outcome::NotShareable(Snapshot::of(&*e.take()), text);
        let outcome = run_in(interp, || {
            let f = match func.unpack() {
                Ok(f) => f,
                Err(e) => return Ok(lost_here(e, "func not shareable")),
            };
            let a = match args.as_ref().map(|a| a.iter().map(Data::unpack).collect::<PyResult<Vec<_>>>()).transpose() {
                Ok(a) => Tuple::from_refs(a.unwrap_or_default())?,
                Err(e) => return Ok(lost_here(e, "args not shareable")),
            };
            let k = match kwargs.as_ref().map(Data::unpack).transpose() {
                Ok(k) => k,
                Err(e) => return Ok(lost_here(e, "kwargs not shareable")),
            };
            let r = f.call_dict(&a, k.as_ref().and_then(|k| k.downcast::<Dict>()));
            runtime::lifecycle::stdio::flush();
            match pack(&*r?) {
                Ok(d) => Ok(Outcome::Done(d)),
                Err(e) => Ok(lost_here(e, "result not shareable")),
            }
        })?;
        match outcome {
            Outcome::Done(d) => Ok(Tuple::from_refs(vec![d.unpack()?, none_ref()])?.upcast()),
            Outcome::Uncaught(s) => Ok(Tuple::from_refs(vec![none_ref(), s.to_py()?])?.upcast()),
            Outcome::NotShareable(s, text) => Err(lost(&s, text)),
        }
    }

    fn pack_items(args: &Object) -> PyResult<Vec<Data>> {
        match args.downcast::<Tuple>() {
            Some(t) => t.as_slice().iter().map(|x| pack(x)).collect(),
            None => Ok(Vec::new()),
        }
    }

    /// Return True if the object's data may be shared between interpreters and
    /// False otherwise.
    #[pyfunction(name = "is_shareable", sig = "obj")]
    fn is_shareable_(obj: &Object) -> bool {
        is_shareable(obj)
    }

    /// Return whether or not the identified interpreter is running.
    #[pyfunction(sig = "id, *, restrict=False")]
    fn is_running(id: &Object, restrict: bool) -> PyResult<bool> {
        let i = resolve(id, restrict, "check if running for")?;
        Ok(i.is_main() || i.lifecycle.sub.is_running())
    }

    /// Return a representation of the config used to initialize the interpreter.
    #[pyfunction(sig = "id, *, restrict=False")]
    fn get_config(id: &Object, restrict: bool) -> PyResult<PyRef> {
        config_to_py(resolve(id, restrict, "get config of")?.lifecycle.sub.settings())
    }

    /// Return an identifier for where the interpreter was created.
    #[pyfunction(sig = "id")]
    fn whence(id: &Object) -> PyResult<i32> {
        Ok(lookup(id)?.lifecycle.sub.whence())
    }

    #[pyfunction(sig = "id, *, implieslink=False, restrict=False")]
    fn incref(id: &Object, implieslink: bool, restrict: bool) -> PyResult<()> {
        let i = resolve(id, restrict, "incref")?;
        if implieslink {
            i.link_refs(true);
        }
        i.incref_id();
        Ok(())
    }

    #[pyfunction(sig = "id, *, restrict=False")]
    fn decref(id: &Object, restrict: bool) -> PyResult<()> {
        let i = resolve(id, restrict, "decref")?;
        if i.decref_id()
            && !i.is_main()
            && !core::ptr::eq(i, InterpreterState::current())
            && i.lifecycle.sub.begin_running()
        {
            subinterp::destroy(i)?;
        }
        Ok(())
    }

    /// Return a snapshot of an exception.  If "exc" is None
    /// then the current exception, if any, is used (but not cleared).
    ///
    /// The returned snapshot is the same as what _interpreters.exec() returns.
    #[pyfunction(sig = "exc=None")]
    fn capture_exception(exc: Option<&Object>) -> PyResult<PyRef> {
        let e = match exc.filter(|e| !e.is_none()) {
            Some(e) => e.to_ref(),
            None => runtime::import::import_attr("sys", "exception")?.call0()?,
        };
        if e.is_none() {
            return Ok(e);
        }
        if e.downcast::<runtime::objects::BaseException>().is_none() {
            let shown = e.repr()?;
            return Err(raise!(TypeError, "expected exception, got {}", shown.to_string_lossy()));
        }
        Snapshot::of(&e).to_py()
    }
}
