//! The native side of import: the modules dict, the fast path of `import` statements, built-in and extension modules.
//!
//! Finding and loading is `importlib._bootstrap`'s work; this file is what it calls (`_imp`) and what calls it.

pub mod dynload;
pub mod gil;
pub mod state;
mod timing;

pub use state::ImportState;

use crate::convert::InitTabEntry;
use crate::prelude::*;
use std::sync::{OnceLock, RwLock};

/// How a native module starts: from our own table, or a C function added with `PyImport_AppendInittab`.
#[derive(Clone, Copy)]
pub enum Init {
    Native(&'static crate::convert::ModuleDefCell),
    C(unsafe extern "C" fn() -> *mut abi::PyObject),
}

/// The inittab: process-wide because `PyImport_AppendInittab` is called before any interpreter exists.
static INITTAB: RwLock<Vec<(String, Init)>> = RwLock::new(Vec::new());

/// Adds the native modules of the standard library; called once, before the first interpreter.
pub fn extend_inittab(entries: &[InitTabEntry]) {
    let mut table = INITTAB.write().unwrap_or_else(|e| e.into_inner());
    for e in entries {
        if !table.iter().any(|(n, _)| n == e.name) {
            table.push((e.name.to_string(), Init::Native(e.def)));
        }
    }
}

/// `PyImport_AppendInittab`.
pub fn append_inittab(name: &str, init: unsafe extern "C" fn() -> *mut abi::PyObject) {
    INITTAB.write().unwrap_or_else(|e| e.into_inner()).push((name.to_string(), Init::C(init)));
}

/// Names of the built-in modules, sorted.
pub fn builtin_names() -> Vec<String> {
    let mut names: Vec<String> =
        INITTAB.read().unwrap_or_else(|e| e.into_inner()).iter().map(|(n, _)| n.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// How to start the built-in module `name`.
pub fn find_builtin(name: &str) -> Option<Init> {
    INITTAB.read().unwrap_or_else(|e| e.into_inner()).iter().find(|(n, _)| n == name).map(|(_, i)| *i)
}

/// `_imp.create_builtin(spec)`: a module of the inittab, created but not executed (single-phase ones are complete).
pub fn create_builtin(name: &Str, spec: &Object) -> PyResult<Option<PyRef>> {
    let Some(init) = find_builtin(&name.to_string_lossy()) else { return Ok(None) };
    let interp = ThreadState::current().interp();
    match init {
        // `sys` and `builtins` exist once; importing them again must give the same module.
        Init::Native(_) if name.eq_str("sys") || name.eq_str("builtins") => {
            if let Some(m) = interp.import.modules().get(name)? {
                return Ok(Some(m));
            }
            create_native(init, spec).map(Some)
        }
        Init::Native(_) => create_native(init, spec).map(Some),
        Init::C(f) => dynload::run_init(f, name, spec, None).map(Some),
    }
}

fn create_native(init: Init, spec: &Object) -> PyResult<PyRef> {
    match init {
        // SAFETY: definitions made by `#[pymodule]` are valid and static.
        Init::Native(def) => unsafe { crate::objects::module::from_def_and_spec(def.as_ptr(), spec) },
        Init::C(_) => Err(raise!(SystemError, "not a native module")),
    }
}

/// Creates and executes a native module without importlib (bootstrap: `sys`, `builtins`, `_imp`, …).
pub fn bootstrap_builtin(name: &str) -> PyResult<PyRef> {
    let Some(init) = find_builtin(name) else {
        return Err(raise!(ImportError, "no built-in module named {}", name));
    };
    let key = Str::intern(name);
    let spec = namespace_with(&[("name", key)])?;
    let m = create_native(init, &spec)?;
    ThreadState::current().interp().import.modules().set(key, &m)?;
    exec_module(&m)?;
    Ok(m)
}

/// A `SimpleNamespace` with these attributes.
pub fn namespace_with(items: &[(&str, &Object)]) -> PyResult<PyRef> {
    let d = Dict::new()?;
    for (k, v) in items {
        d.set(Str::intern(k), v)?;
    }
    crate::objects::namespace::Namespace::new(Some(&d)).map(Ref::upcast)
}

/// `_imp.exec_builtin` / `exec_dynamic`: runs the exec slots of a multi-phase module that has not run yet.
pub fn exec_module(m: &Object) -> PyResult<()> {
    let Some(module) = m.downcast::<Module>() else { return Ok(()) };
    let def = module.md_def;
    if def.is_null() || module.md_executed {
        return Ok(());
    }
    // SAFETY: the module keeps its definition.
    unsafe { crate::objects::module::exec_def(module, def) }
}

/// `import name` with the semantics of `__import__` (PEP 328): `level` 0 is absolute.
///
/// Fast path: the module is in `sys.modules` and not being initialised by this statement's chain.
pub fn import_name(name: &Object, globals: Option<&Object>, fromlist: Option<&Object>, level: i32) -> PyResult<PyRef> {
    let Some(name) = name.downcast::<Str>() else { return Err(raise!(TypeError, "module name must be a string")) };
    if level < 0 {
        return Err(raise!(ValueError, "level must be >= 0"));
    }
    let abs_name: Ref<Str> = if level > 0 {
        resolve_name(name, globals, level)?
    } else {
        if name.len() == 0 {
            return Err(raise!(ValueError, "Empty module name"));
        }
        Ref::new_ref(name)
    };
    let interp = ThreadState::current().interp();
    let module = match interp.import.modules().get(&abs_name)? {
        Some(m) if !m.is_none() && ensure_initialized(&m, &abs_name)? => {
            if interp.config().import_time > 1 {
                timing::report_cached(&abs_name);
            }
            m
        }
        _ => find_and_load(&abs_name)?,
    };
    let has_from = match fromlist {
        Some(f) if !f.is_none() => f.is_true()?,
        _ => false,
    };
    if has_from {
        if let Some(path) = module.getattr_opt(intern!("__path__"))?
            && !path.is_none()
        {
            let importlib = interp.import.importlib()?;
            let func = importlib.getattr(intern!("_handle_fromlist"))?;
            let import_func = importlib.getattr(intern!("_gcd_import"))?;
            return func.call(&[&module, fromlist.unwrap_or(none()), &import_func]);
        }
        return Ok(module);
    }
    // `import a.b.c` binds `a`; a relative import without a list binds the first part of what was named.
    let text = name.to_string_lossy();
    if level == 0 || !text.is_empty() {
        let Some(dot) = text.find('.') else {
            return if level == 0 { Ok(module) } else { Ok(module) };
        };
        if level == 0 {
            let front = Str::new(&text[..dot])?;
            return import_name(&front, None, None, 0);
        }
        let cut = text.len() - dot;
        let full = abs_name.to_string_lossy();
        let front = Str::new(&full[..full.len() - cut])?;
        return match interp.import.modules().get(&front)? {
            Some(m) => Ok(m),
            None => {
                let shown = front.repr()?;
                Err(raise!(KeyError, "{} not in sys.modules as expected", shown.to_string_lossy()))
            }
        };
    }
    Ok(module)
}

/// Imports `name` and returns the module itself (`importlib.import_module`).
pub fn import_module(name: &str) -> PyResult<PyRef> {
    let key = Str::new(name)?;
    let interp = ThreadState::current().interp();
    if let Some(m) = interp.import.modules().get(&key)?
        && !m.is_none()
        && ensure_initialized(&m, &key)?
    {
        return Ok(m);
    }
    import_name(&key, None, None, 0)?;
    match interp.import.modules().get(&key)? {
        Some(m) => Ok(m),
        None => Err(crate::error::raise_key_error(&key)),
    }
}

/// `from name import attr` in one step.
pub fn import_attr(name: &str, attr: &str) -> PyResult<PyRef> {
    import_module(name)?.getattr(&*Str::new(attr)?)
}

/// Waits for a module that another thread is initialising; false when it is not in `sys.modules` afterwards (its import failed).
fn ensure_initialized(m: &Object, name: &Str) -> PyResult<bool> {
    let Some(spec) = m.getattr_opt(intern!("__spec__"))? else { return Ok(true) };
    if spec.is_none() {
        return Ok(true);
    }
    match spec.getattr_opt(intern!("_initializing"))? {
        Some(v) if v.is_true()? => {
            let import = &ThreadState::current().interp().import;
            import.importlib()?.call_method(intern!("_lock_unlock_module"), &[name])?;
            Ok(import.modules().get(name)?.is_some_and(|now| now.is(m)))
        }
        _ => Ok(true),
    }
}

fn find_and_load(name: &Str) -> PyResult<PyRef> {
    let interp = ThreadState::current().interp();
    let importlib = interp.import.importlib()?;
    static NAMES: OnceLock<&'static Str> = OnceLock::new();
    let func = NAMES.get_or_init(|| Str::intern("_find_and_load"));
    let gcd = importlib.getattr(intern!("_gcd_import"))?;
    if crate::lifecycle::audit::active() {
        let sys = |name: &str| interp.sys_dict().get_item_str(name).map(|v| v.unwrap_or_else(none_ref));
        crate::audit_event!("import", name, (), sys("path")?, sys("meta_path")?, sys("path_hooks")?)?;
    }
    let timer = (interp.config().import_time > 0).then(timing::Timer::start);
    let loaded = importlib.call_method(func, &[name, &gcd]);
    if let Some(t) = timer {
        t.report(name);
    }
    match loaded {
        Ok(m) => Ok(m),
        Err(e) => {
            remove_importlib_frames();
            if e.matches(exc::ModuleNotFoundError()) {
                explain_missing(name);
            }
            Err(e)
        }
    }
}

/// Adds to "No module named X" that there is a file for another interpreter.
fn explain_missing(name: &Str) {
    let Some(e) = crate::error::take_error() else { return };
    let done: PyResult<()> = (|| {
        let about = e.getattr(intern!("name"))?;
        if !about.downcast::<Str>().is_some_and(|n| n.eq_data(name)) {
            return Ok(());
        }
        let Some(text) = dynload::explain_missing(&name.to_string_lossy())? else { return Ok(()) };
        let message = Str::new(&format!("{} ({text})", e.getattr(intern!("msg"))?.str()?.to_string_lossy()))?;
        e.setattr(intern!("msg"), &message)?;
        e.setattr(intern!("args"), &*Tuple::from_slice(&[&message])?)
    })();
    if let Err(second) = done {
        second.clear();
    }
    let _ = crate::error::restore(e);
}

/// Takes importlib's own frames out of the traceback of a failed import, as CPython shows it.
fn remove_importlib_frames() {
    if ThreadState::current().interp().config().verbose > 0 {
        return;
    }
    crate::objects::traceback::strip_importlib_frames();
}

/// Absolute name of a relative import.
fn resolve_name(name: &Str, globals: Option<&Object>, level: i32) -> PyResult<Ref<Str>> {
    let globals = match globals {
        None => return Err(raise!(KeyError, "'__name__' not in globals")),
        Some(g) => g.downcast::<Dict>().ok_or_else(|| raise!(TypeError, "globals must be a dict"))?,
    };
    let package = globals.get_str(intern!("__package__"))?.filter(|p| !p.is_none());
    let spec = globals.get_str(intern!("__spec__"))?.filter(|s| !s.is_none());
    let package: Ref<Str> = match (package, spec) {
        (Some(p), _) => p.downcast_into::<Str>().map_err(|_| raise!(TypeError, "package must be a string"))?,
        (None, Some(spec)) => spec
            .getattr(intern!("parent"))?
            .downcast_into::<Str>()
            .map_err(|_| raise!(TypeError, "__spec__.parent must be a string"))?,
        (None, None) => {
            crate::error::warn(
                exc::ImportWarning(),
                "can't resolve package from __spec__ or __package__, falling back on __name__ and __path__",
                1,
            )?;
            let Some(n) = globals.get_str(intern!("__name__"))? else {
                return Err(raise!(KeyError, "'__name__' not in globals"));
            };
            let n = n.downcast_into::<Str>().map_err(|_| raise!(TypeError, "__name__ must be a string"))?;
            if globals.get_str(intern!("__path__"))?.is_some() {
                n
            } else {
                let text = n.to_string_lossy();
                match text.rfind('.') {
                    Some(p) => Str::new(&text[..p])?,
                    None => return Err(raise!(ImportError, "attempted relative import with no known parent package")),
                }
            }
        }
    };
    let text = package.to_string_lossy();
    if text.is_empty() {
        return Err(raise!(ImportError, "attempted relative import with no known parent package"));
    }
    let mut base = &text[..];
    for _ in 1..level {
        match base.rfind('.') {
            Some(p) => base = &base[..p],
            None => return Err(raise!(ImportError, "attempted relative import beyond top-level package")),
        }
    }
    if name.len() == 0 { Str::new(base) } else { Str::new(&format!("{}.{}", base, name.to_string_lossy())) }
}
