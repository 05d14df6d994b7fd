//! Values on their way from one interpreter to another, for `_interpreters` and `_interpqueues`.
//!
//! The heap is one, so an immutable value of a built-in type can simply be handed over. Everything else is rebuilt in the
//! other interpreter: tuples item by item, memory views over the same buffer, queues by their id, functions that need
//! nothing of their module from their code, the rest through `pickle` where the caller allows it.

use runtime::lifecycle::subinterp;
use runtime::objects::namespace::Namespace;
use runtime::objects::{Code, Function, MemoryView};
use runtime::prelude::*;
use runtime::thread::InterpreterState;
use std::sync::{Mutex, OnceLock};

/// A value outside of any interpreter.
pub enum Data {
    Same(PyRef),
    Tuple(Vec<Data>),
    View(PyRef),
    Queue(i64),
    Function(PyRef, PyRef),
    /// Anything that `marshal` takes.
    Marshal(Vec<u8>),
    /// A pickle, and the script of the sender's `__main__`, which the receiver may have to run to find what it names.
    Pickle(Vec<u8>, Option<String>),
}

/// The exception classes: one set for the process.
pub struct Errors {
    pub interpreter: PyRef,
    pub not_found: PyRef,
    pub not_shareable: PyRef,
}

fn class(module: &str, name: &str, base: &Object) -> PyResult<PyRef> {
    let d = Dict::new()?;
    d.set(intern!("__module__"), &*Str::new(module)?)?;
    runtime::typeobject::type_type().call(&[&*Str::new(name)?, &*Tuple::pack(&[base])?, &d])
}

/// The classes of `concurrent.interpreters`.
pub fn errors() -> PyResult<&'static Errors> {
    static MADE: OnceLock<Errors> = OnceLock::new();
    if let Some(e) = MADE.get() {
        return Ok(e);
    }
    let module = "concurrent.interpreters";
    let interpreter = class(module, "InterpreterError", exc::Exception())?;
    let not_found = class(module, "InterpreterNotFoundError", &interpreter)?;
    let not_shareable = class(module, "NotShareableError", exc::TypeError())?;
    let e = Errors { interpreter, not_found, not_shareable };
    let made = MADE.get_or_init(|| e);
    // SAFETY: pointers that C code reads; the classes live as long as the process.
    unsafe {
        PyExc_InterpreterError = made.interpreter.as_ptr();
        PyExc_InterpreterNotFoundError = made.not_found.as_ptr();
    }
    Ok(made)
}

/// The same for C code; null until they are made.
#[unsafe(no_mangle)]
pub static mut PyExc_InterpreterError: *mut runtime::abi::PyObject = core::ptr::null_mut();
#[unsafe(no_mangle)]
pub static mut PyExc_InterpreterNotFoundError: *mut runtime::abi::PyObject = core::ptr::null_mut();

/// Sets an exception of a class made at run time.
pub fn raise_class(class: &Object, text: &str) -> Raised {
    match Str::new(text).and_then(|t| class.call1(&t)) {
        Ok(e) => match e.downcast_into::<runtime::objects::BaseException>() {
            Ok(e) => runtime::error::raise_exception(e),
            Err(_) => raise!(SystemError, "not an exception class"),
        },
        Err(e) => e,
    }
}

pub fn interpreter_error(text: &str) -> Raised {
    match errors() {
        Ok(e) => raise_class(&e.interpreter, text),
        Err(e) => e,
    }
}

fn not_shareable(text: &str) -> Raised {
    match errors() {
        Ok(e) => raise_class(&e.not_shareable, text),
        Err(e) => e,
    }
}

fn caused(text: &str, cause: &str) -> Raised {
    let _ = raise!(ValueError, "{}", cause);
    let cause = runtime::error::take_error();
    let e = not_shareable(text).take();
    e.set_cause(cause);
    runtime::error::restore(e)
}

/// Classes that `_interpqueues` registered: interpreter, queue class, QueueEmpty, QueueFull.
pub static QUEUE_TYPES: Mutex<Vec<(i64, PyRef, PyRef, PyRef)>> = Mutex::new(Vec::new());

fn queue_class() -> Option<PyRef> {
    let id = InterpreterState::current().id;
    let types = QUEUE_TYPES.lock().unwrap_or_else(|e| e.into_inner());
    types.iter().find(|t| t.0 == id).map(|t| t.1.clone())
}

/// A value that can be handed over without pickling; `None` when it is of another type.
fn shareable(o: &Object) -> PyResult<Option<Data>> {
    if o.is_none()
        || o.downcast::<Bool>().is_some()
        || o.downcast_exact::<Int>().is_some()
        || o.downcast_exact::<Str>().is_some()
        || o.downcast_exact::<Float>().is_some()
        || o.downcast_exact::<Bytes>().is_some()
    {
        return Ok(Some(Data::Same(o.to_ref())));
    }
    if let Some(t) = o.downcast_exact::<Tuple>() {
        let mut items = Vec::with_capacity(t.len());
        for x in t.as_slice() {
            match shareable(x)? {
                Some(d) => items.push(d),
                None => return Ok(None),
            }
        }
        return Ok(Some(Data::Tuple(items)));
    }
    if o.downcast_exact::<MemoryView>().is_some() {
        return Ok(Some(Data::View(o.to_ref())));
    }
    if let Some(class) = queue_class()
        && core::ptr::eq(o.ty().as_raw().cast(), class.as_ptr())
    {
        return Ok(Some(Data::Queue(o.getattr(intern!("_id"))?.as_i64()?)));
    }
    Ok(None)
}

/// `is_shareable`: by the value's type.
pub fn is_shareable(o: &Object) -> bool {
    o.is_none()
        || o.downcast::<Bool>().is_some()
        || o.downcast_exact::<Int>().is_some()
        || o.downcast_exact::<Str>().is_some()
        || o.downcast_exact::<Float>().is_some()
        || o.downcast_exact::<Bytes>().is_some()
        || o.downcast_exact::<Tuple>().is_some()
        || o.downcast_exact::<MemoryView>().is_some()
        || queue_class().is_some_and(|c| core::ptr::eq(o.ty().as_raw().cast(), c.as_ptr()))
}

/// The same for those who want machine words only.
pub fn pack_native(o: &Object) -> PyResult<Data> {
    if let Some(i) = o.downcast_exact::<Int>()
        && i.try_i64().is_none()
    {
        let shown = o.repr()?;
        let e = raise!(OverflowError, "try sending as bytes");
        return Err(because(e, |_| format!("{} does not support cross-interpreter data", shown.to_string_lossy())));
    }
    pack_shareable(o)
}

/// The value without pickling; NotShareableError otherwise.
pub fn pack_shareable(o: &Object) -> PyResult<Data> {
    match shareable(o)? {
        Some(d) => Ok(d),
        None => {
            let shown = o.repr()?;
            let shown = shown.to_string_lossy();
            Err(not_shareable(&format!("{shown} does not support cross-interpreter data")))
        }
    }
}

/// Global names that a code object uses and that are no builtins.
fn uses_globals(code: &Code) -> PyResult<bool> {
    use compiler::opcode::{has_cache, op};
    let builtins = InterpreterState::current().builtins_dict();
    let words = code.original_words();
    let mut i = 0;
    while i < words.len() {
        let (o, arg) = (words[i] as u8, (words[i] >> 8) as usize);
        match o {
            op::STORE_GLOBAL | op::DELETE_GLOBAL => return Ok(true),
            op::LOAD_GLOBAL if builtins.get_str(code.name_at(arg >> 1))?.is_none() => return Ok(true),
            _ => {}
        }
        i += 1 + has_cache(o) as usize;
    }
    Ok(false)
}

fn has_free(code: &Code) -> bool {
    (0..code.nlocalsplus()).any(|i| code.kind(i) & compiler::code::fast::FREE != 0)
}

/// Why code cannot live without its module; `None` when it can.
pub fn code_is_stateful(code: &Code) -> PyResult<Option<&'static str>> {
    if has_free(code) {
        return Ok(Some("closures not supported"));
    }
    Ok(if uses_globals(code)? { Some("globals not supported") } else { None })
}

/// Whether every `return` of the code gives None.
pub fn returns_only_none(code: &Code) -> bool {
    use compiler::code::co;
    use compiler::opcode::{has_cache, op};
    if code.flags() & (co::GENERATOR | co::COROUTINE | co::ASYNC_GENERATOR) != 0 {
        return false;
    }
    let words = code.original_words();
    let (mut i, mut none_loaded) = (0, false);
    while i < words.len() {
        let (o, arg) = (words[i] as u8, (words[i] >> 8) as usize);
        match o {
            op::LOAD_CONST => none_loaded = code.consts().as_slice().get(arg).is_some_and(|c| c.is_none()),
            op::NOP => {}
            op::RETURN_VALUE if !none_loaded => return false,
            _ => none_loaded = false,
        }
        i += 1 + has_cache(o) as usize;
    }
    true
}

/// The same for a function.
fn stateful(f: &Function) -> PyResult<Option<&'static str>> {
    use core::sync::atomic::Ordering::Relaxed;
    if !f.closure.is_null() {
        return Ok(Some("closures not supported"));
    }
    if !f.defaults.load(Relaxed).is_null() || !f.kwdefaults.load(Relaxed).is_null() {
        return Ok(Some("defaults not supported"));
    }
    Ok(if uses_globals(f.code())? { Some("globals not supported") } else { None })
}

fn main_script() -> Option<String> {
    let modules = InterpreterState::current().import.modules();
    let main = modules.get(intern!("__main__")).ok().flatten()?;
    let file = main.downcast::<Module>()?.dict().get(intern!("__file__")).ok().flatten()?;
    file.downcast::<Str>().map(|s| s.to_string_lossy().into_owned())
}

/// Any value: shared, as a stateless function, or pickled.
pub fn pack(o: &Object) -> PyResult<Data> {
    if let Some(d) = shareable(o)? {
        return Ok(d);
    }
    let mut why = None;
    if let Some(f) = o.downcast_exact::<Function>() {
        why = stateful(f)?;
        if why.is_none() {
            return Ok(Data::Function(f.code().to_ref(), o.getattr(intern!("__qualname__"))?));
        }
    }
    match pickled(o) {
        Ok(d) => Ok(d),
        Err(e) => {
            if let Some(why) = why {
                e.clear();
                return Err(caused("only stateless functions are shareable", why));
            }
            let shown = o.repr();
            Err(because(e, |_| match shown {
                Ok(s) => format!("{} does not support cross-interpreter data", s.to_string_lossy()),
                Err(e) => {
                    e.clear();
                    "object does not support cross-interpreter data".into()
                }
            }))
        }
    }
}

/// NotShareableError with the set exception as its cause.
fn because(e: Raised, text: impl FnOnce(&Object) -> String) -> Raised {
    let cause = e.take();
    let text = text(&cause);
    let e = not_shareable(&text).take();
    e.set_cause(Some(cause));
    runtime::error::restore(e)
}

fn pickled(o: &Object) -> PyResult<Data> {
    let bytes = runtime::import::import_attr("pickle", "dumps").and_then(|dumps| dumps.call1(o)).and_then(|b| {
        match b.downcast::<Bytes>() {
            Some(b) => Ok(b.as_slice().to_vec()),
            None => Err(raise!(TypeError, "pickle.dumps() gave no bytes")),
        }
    })?;
    Ok(Data::Pickle(bytes, main_script()))
}

/// By `pickle` alone.
pub fn pack_pickle(o: &Object) -> PyResult<Data> {
    pickled(o).map_err(|e| because(e, |_| "object could not be pickled".into()))
}

/// By `marshal` alone.
pub fn pack_marshal(o: &Object) -> PyResult<Data> {
    match runtime::marshal::dumps(o, runtime::marshal::VERSION, true) {
        Ok(b) => Ok(Data::Marshal(b)),
        Err(e) => Err(because(e, |_| "object could not be marshalled".into())),
    }
}

/// A code object.
pub fn pack_code(o: &Object) -> PyResult<Data> {
    if o.downcast::<Code>().is_none() {
        return Err(not_shareable(&format!("expected code, got {}", o.repr()?.to_string_lossy())));
    }
    pack_marshal(o)
}

/// A function that needs nothing of its module.
pub fn pack_function(o: &Object) -> PyResult<Data> {
    let Some(f) = o.downcast_exact::<Function>() else {
        return Err(not_shareable(&format!("expected a function, got {}", o.repr()?.to_string_lossy())));
    };
    match stateful(f)? {
        Some(why) => Err(caused("object is not a stateless function", why)),
        None => Ok(Data::Function(f.code().to_ref(), o.getattr(intern!("__qualname__"))?)),
    }
}

/// Why code is no script; `None` when it is one.
fn no_script(code: &Code, pure: bool) -> PyResult<Option<&'static str>> {
    use compiler::code::co;
    if code.flags() & (co::GENERATOR | co::COROUTINE | co::ASYNC_GENERATOR) != 0 {
        return Ok(Some("generators not supported"));
    }
    if has_free(code) {
        return Ok(Some("closures not supported"));
    }
    if code.argcount() + code.kwonlyargcount() > 0 || code.flags() & (co::VARARGS | co::VARKEYWORDS) != 0 {
        return Ok(Some("code with args not supported"));
    }
    if !returns_only_none(code) {
        return Ok(Some("code that returns a value is not a script"));
    }
    if pure { code_is_stateful(code) } else { Ok(None) }
}

/// What can be run as a script: source text, code or a function without arguments and results.
pub fn pack_script(o: &Object, pure: bool) -> PyResult<Data> {
    let code = if o.downcast::<Code>().is_some() {
        o.to_ref()
    } else if let Some(f) = o.downcast_exact::<Function>() {
        if let Some(why) = if pure { stateful(f)? } else { None } {
            return Err(caused("object not a valid script", why));
        }
        f.code().to_ref()
    } else if o.downcast::<Str>().is_some() || o.downcast::<Bytes>().is_some() {
        let compile = runtime::import::import_attr("builtins", "compile")?;
        match compile.call(&[o, intern!("<script>"), intern!("exec")]) {
            Ok(c) => return pack_marshal(&c),
            Err(e) => return Err(because(e, |_| "object not a valid script".into())),
        }
    } else {
        return Err(not_shareable("unsupported script"));
    };
    let Some(c) = code.downcast::<Code>() else { return Err(raise!(SystemError, "lost code")) };
    match no_script(c, pure)? {
        Some(why) => Err(caused("object not a valid script", why)),
        None => pack_marshal(&code),
    }
}

/// Interpreters that have run the sender's script.
static LOADED: Mutex<Vec<i64>> = Mutex::new(Vec::new());

fn forget_loaded() {
    let id = InterpreterState::current().id;
    LOADED.lock().unwrap_or_else(|e| e.into_inner()).retain(|&i| i != id);
}

/// Runs the sender's script in this interpreter's `__main__` under another name, as `multiprocessing` does, so that what it
/// defines can be found. False when that was done before.
fn load_main(script: &str) -> PyResult<bool> {
    let interp = InterpreterState::current();
    {
        let mut loaded = LOADED.lock().unwrap_or_else(|e| e.into_inner());
        if loaded.contains(&interp.id) || interp.is_main() {
            return Ok(false);
        }
        loaded.push(interp.id);
    }
    interp.lifecycle.at_end(forget_loaded);
    let fake = Str::new("<fake __main__>")?;
    let run_path = runtime::import::import_attr("runpy", "run_path")?;
    let found = run_path.call(&[&*Str::new(script)?, none(), &fake])?;
    let Some(found) = found.downcast::<Dict>() else { return Ok(false) };
    let Some(main) = interp.import.modules().get(intern!("__main__"))? else { return Ok(false) };
    let Some(main) = main.downcast::<Module>() else { return Ok(false) };
    for (k, v) in found.items_snapshot() {
        let Some(name) = k.downcast::<Str>() else { continue };
        let text = name.to_string_lossy();
        if (text.starts_with("__") && text.ends_with("__")) || main.dict().contains(name)? {
            continue;
        }
        // Classes and functions are found again under the name they get here.
        if v.downcast::<Function>().is_some() || v.downcast::<Type>().is_some() {
            let module = v.getattr_opt(intern!("__module__"))?;
            if module.is_some_and(|m| m.eq(&fake).unwrap_or(false)) {
                v.setattr(intern!("__module__"), intern!("__main__"))?;
            }
        }
        main.dict().set(name, &v)?;
    }
    Ok(true)
}

impl Data {
    /// The value in the current interpreter.
    pub fn unpack(&self) -> PyResult<PyRef> {
        Ok(match self {
            Data::Same(o) => o.clone(),
            Data::Tuple(items) => {
                let items = items.iter().map(Data::unpack).collect::<PyResult<Vec<_>>>()?;
                Tuple::from_refs(items)?.upcast()
            }
            Data::View(v) => MemoryView::type_object().call1(v)?,
            Data::Queue(id) => {
                let class = match queue_class() {
                    Some(c) => c,
                    None => runtime::import::import_attr("concurrent.interpreters._queues", "Queue")?,
                };
                class.call1(&*Int::from_i64(*id)?)?
            }
            Data::Function(code, name) => {
                let main = runtime::import::import_module("__main__")?;
                let Some(m) = main.downcast::<Module>() else {
                    return Err(raise!(TypeError, "__main__ is no module"));
                };
                let Some(code) = code.downcast::<Code>() else { return Err(raise!(SystemError, "lost code")) };
                let f = Function::new(code, m.dict())?;
                f.setattr(intern!("__qualname__"), name)?;
                f.upcast()
            }
            Data::Marshal(bytes) => match runtime::marshal::read(bytes, true) {
                Ok((o, _)) => o,
                Err(e) => return Err(because(e, |_| "object could not be unmarshalled".into())),
            },
            Data::Pickle(bytes, script) => {
                let loads = runtime::import::import_attr("pickle", "loads")?;
                let bytes = Bytes::new(bytes)?;
                match (loads.call1(&bytes), script) {
                    (Ok(v), _) => v,
                    (Err(e), Some(script)) if e.matches(exc::AttributeError()) => {
                        let saved = e.take();
                        if !load_main(script)? {
                            return Err(unpicklable(runtime::error::restore(saved)));
                        }
                        loads.call1(&bytes).map_err(unpicklable)?
                    }
                    (Err(e), _) => return Err(unpicklable(e)),
                }
            }
        })
    }
}

fn unpicklable(e: Raised) -> Raised {
    let cause = e.take();
    let e = not_shareable("object could not be unpickled").take();
    e.set_cause(Some(cause));
    runtime::error::restore(e)
}

/// What is kept of an exception that leaves its interpreter.
pub struct Snapshot {
    name: String,
    qualname: String,
    module: String,
    msg: String,
    formatted: String,
    display: Option<String>,
}

fn text_attr(o: &Object, name: &'static Str) -> String {
    match o.getattr_opt(name) {
        Ok(Some(v)) => v.downcast::<Str>().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
        Ok(None) => String::new(),
        Err(e) => {
            e.clear();
            String::new()
        }
    }
}

impl Snapshot {
    pub fn of(e: &Object) -> Snapshot {
        let t: &Object = e.ty();
        let (name, qualname, module) = (
            text_attr(t, intern!("__name__")),
            text_attr(t, intern!("__qualname__")),
            text_attr(t, intern!("__module__")),
        );
        let msg = e.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(|e| {
            e.clear();
            String::new()
        });
        let full = match &*module {
            "builtins" | "__main__" => qualname.clone(),
            m => format!("{m}.{qualname}"),
        };
        let formatted = format!("{full}: {msg}");
        let render = || -> PyResult<String> {
            let te = runtime::import::import_attr("traceback", "TracebackException")?;
            let te = te.call_method(intern!("from_exception"), &[e])?;
            let mut text = String::new();
            te.call_method(intern!("format"), &[])?.for_each(|line| {
                text.push_str(&line.str()?.to_string_lossy());
                Ok(())
            })?;
            Ok(text.strip_suffix('\n').unwrap_or(&text).to_string())
        };
        let display = render().map_err(|e| e.clear()).ok();
        Snapshot { name, qualname, module, msg, formatted, display }
    }

    /// The traceback, or the last line of it.
    pub fn text(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.formatted)
    }

    /// A `types.SimpleNamespace` of the current interpreter.
    pub fn to_py(&self) -> PyResult<PyRef> {
        let t = Dict::new()?;
        for (k, v) in [("__name__", &self.name), ("__qualname__", &self.qualname), ("__module__", &self.module)] {
            t.set(Str::intern(k), &*Str::new(v)?)?;
        }
        let d = Dict::new()?;
        d.set(intern!("type"), &*Namespace::new(Some(&t))?)?;
        d.set(intern!("msg"), &*Str::new(&self.msg)?)?;
        d.set(intern!("formatted"), &*Str::new(&self.formatted)?)?;
        if let Some(text) = &self.display {
            d.set(intern!("errdisplay"), &*Str::new(text)?)?;
        }
        Ok(Namespace::new(Some(&d))?.upcast())
    }
}

/// The interpreter that an id argument names.
pub fn lookup(id: &Object) -> PyResult<&'static InterpreterState> {
    let Some(n) = id.downcast::<Int>() else {
        if id.index_check() && id.downcast::<Float>().is_none() {
            return lookup(&*id.index()?);
        }
        return Err(raise!(TypeError, "interpreter ID must be an int, got {}", id.ty().tp_name()));
    };
    let n = n.as_i64()?;
    if n < 0 {
        return Err(raise!(ValueError, "interpreter ID must be a non-negative int, got {}", n));
    }
    match subinterp::find(n).filter(|i| i.lifecycle.sub.is_ready()) {
        Some(i) => Ok(i),
        None => Err(raise_class(&errors()?.not_found, &format!("unrecognized interpreter ID {n}"))),
    }
}
