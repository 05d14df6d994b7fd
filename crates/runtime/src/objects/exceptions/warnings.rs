//! Warnings: the filters, registries and the way from `warn()` to `warnings._showwarnmsg`.
//!
//! The native module `_warnings` and the engine itself are clients. State belongs to the interpreter; the Python module
//! `warnings` shares its `filters` list, the once registry and the lock.

use super::display::sys_get;
use super::types;
use crate::error::{PyResult, Raised};
use crate::interp::frame::InterpFrame;
use crate::object::{Object, PyRef, Ref, Type};
use crate::objects::{Dict, Int, List, Str, Tuple, none, true_};
use crate::thread::InterpreterState;
use crate::thread::mutex::RecursiveMutex;
use crate::{intern, raise};
use core::sync::atomic::{AtomicI64, AtomicPtr, Ordering};
use std::sync::OnceLock;

/// Warning state of one interpreter.
#[derive(Default)]
pub struct WarningsState {
    objects: AtomicPtr<Shared>,
    version: AtomicI64,
    /// Held across Python code by `with warnings._lock`.
    lock: RecursiveMutex,
}

/// Objects shared with the Python module.
struct Shared {
    filters: PyRef,
    once_registry: PyRef,
    default_action: PyRef,
    context: OnceLock<PyRef>,
}

/// Lets the lock go.
struct Held<'a>(&'a RecursiveMutex);
impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.try_unlock();
    }
}

impl WarningsState {
    /// At the interpreter's end.
    pub(crate) fn clear(&self) {
        let p = self.objects.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if !p.is_null() {
            // SAFETY: made by `shared`; no other thread of the interpreter runs any more.
            let s = unsafe { Box::from_raw(p) };
            if let Some(l) = s.filters.downcast::<List>() {
                l.clear();
            }
            if let Some(d) = s.once_registry.downcast::<Dict>() {
                d.clear();
            }
        }
    }

    /// In a forked child: a lock of another thread is let go.
    pub(crate) fn after_fork(&self) {
        if !self.lock.is_owned() {
            self.lock.reset();
        }
    }
}

fn state() -> &'static WarningsState {
    &InterpreterState::current().warnings
}

fn shared() -> PyResult<&'static Shared> {
    let s = state();
    // SAFETY: set once, and there until the interpreter's end.
    if let Some(o) = unsafe { s.objects.load(Ordering::Acquire).as_ref() } {
        return Ok(o);
    }
    let rule = |action: &str, category: &Type, module: Option<&str>| -> PyResult<PyRef> {
        let module: PyRef = match module {
            Some(m) => Str::new(m)?.upcast(),
            None => none().to_ref(),
        };
        let zero = Int::from_i64(0)?;
        Ok(Tuple::from_slice(&[&**Str::new(action)?, none(), category, &module, &zero])?.upcast())
    };
    let filters = vec![
        rule("default", types::DeprecationWarning(), Some("__main__"))?,
        rule("ignore", types::DeprecationWarning(), None)?,
        rule("ignore", types::PendingDeprecationWarning(), None)?,
        rule("ignore", types::ImportWarning(), None)?,
        rule("ignore", types::ResourceWarning(), None)?,
    ];
    let made = Shared {
        filters: List::from_vec(filters)?.upcast(),
        once_registry: Dict::new()?.upcast(),
        default_action: Str::new("default")?.upcast(),
        context: OnceLock::new(),
    };
    let made = Box::into_raw(Box::new(made));
    let null = core::ptr::null_mut();
    match s.objects.compare_exchange(null, made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published just now.
        Ok(_) => Ok(unsafe { &*made }),
        Err(other) => {
            // SAFETY: ours alone; the other thread's are published.
            unsafe {
                drop(Box::from_raw(made));
                Ok(&*other)
            }
        }
    }
}

/// `_warnings.filters`.
pub fn filters() -> PyResult<PyRef> {
    Ok(shared()?.filters.clone())
}
/// `_warnings._onceregistry`.
pub fn once_registry() -> PyResult<PyRef> {
    Ok(shared()?.once_registry.clone())
}
/// `_warnings._defaultaction`.
pub fn default_action() -> PyResult<PyRef> {
    Ok(shared()?.default_action.clone())
}
/// Says which context variable holds the context's filters (`_warnings._warnings_context`).
pub fn set_context_var(var: PyRef) -> PyResult<()> {
    let _ = shared()?.context.set(var);
    Ok(())
}
/// The context variable, if it has been made.
pub fn context_var() -> PyResult<Option<PyRef>> {
    Ok(shared()?.context.get().cloned())
}
/// `_warnings._acquire_lock()`.
pub fn acquire_lock() {
    state().lock.lock();
}
/// `_warnings._release_lock()`.
pub fn release_lock() -> PyResult<()> {
    if state().lock.try_unlock() { Ok(()) } else { Err(raise!(RuntimeError, "cannot release un-acquired lock")) }
}
/// `_warnings._filters_mutated_lock_held()`.
pub fn filters_mutated() -> PyResult<()> {
    if !state().lock.is_owned() {
        return Err(raise!(RuntimeError, "warnings lock is not held"));
    }
    state().version.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// An attribute of the Python module `warnings`, if that is imported.
fn warnings_attr(name: &str, import: bool) -> PyResult<Option<PyRef>> {
    let module = match sys_get("modules") {
        Some(m) => match m.downcast::<Dict>() {
            Some(d) => d.get(intern!("warnings"))?,
            None => None,
        },
        None => None,
    };
    let module = match module {
        Some(m) => m,
        None if import => match super::display::import("warnings") {
            Ok(m) => m,
            Err(e) if e.matches(types::ImportError()) => {
                e.clear();
                return Ok(None);
            }
            Err(e) => return Err(e),
        },
        None => return Ok(None),
    };
    module.getattr_opt(Str::intern(name))
}

fn matches(pattern: &Object, text: &Object) -> PyResult<bool> {
    if pattern.is_none() {
        return Ok(true);
    }
    if pattern.downcast_exact::<Str>().is_some() {
        return pattern.eq(text);
    }
    pattern.call_method(intern!("match"), &[text])?.is_true()
}

/// Looks for a rule that matches; gives its action and the rule.
fn search(
    filters: &Object,
    category: &Object,
    text: &Object,
    lineno: i64,
    module: &Object,
) -> PyResult<Option<(PyRef, PyRef)>> {
    let Some(list) = filters.downcast::<List>() else {
        return Err(raise!(ValueError, "warnings.filters must be a list"));
    };
    for (i, item) in list.snapshot().into_iter().enumerate() {
        let Some([action, msg, cat, module_pattern, line]) = item.downcast::<Tuple>().map(Tuple::as_slice) else {
            return Err(raise!(ValueError, "warnings.filters item {} isn't a 5-tuple", i));
        };
        if action.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "action must be a string, not '{}'", action.ty().name_str()));
        }
        if !matches(msg, text)? || !category.issubclass(cat)? || !matches(module_pattern, module)? {
            continue;
        }
        let line = line.as_i64()?;
        if line == 0 || line == lineno {
            return Ok(Some((action.to_ref(), item.clone())));
        }
    }
    Ok(None)
}

/// The filters of the running context, when filters follow the context.
fn context_filters() -> PyResult<Option<PyRef>> {
    let aware = match sys_get("flags") {
        Some(f) => match f.getattr_opt(intern!("context_aware_warnings"))? {
            Some(v) => v.is_true()?,
            None => false,
        },
        None => false,
    };
    if !aware {
        return Ok(None);
    }
    let Some(var) = shared()?.context.get() else { return Ok(None) };
    let ctx = var.call_method(intern!("get"), &[none()])?;
    if ctx.is_none() {
        return Ok(None);
    }
    ctx.getattr_opt(intern!("_filters"))
}

fn find_action(category: &Object, text: &Object, lineno: i64, module: &Object) -> PyResult<(PyRef, PyRef)> {
    let found = match context_filters()? {
        Some(f) => search(&f, category, text, lineno, module)?,
        None => {
            let f = match warnings_attr("filters", false)? {
                Some(f) => f,
                None => filters()?,
            };
            search(&f, category, text, lineno, module)?
        }
    };
    match found {
        Some(f) => Ok(f),
        None => {
            let action = match warnings_attr("defaultaction", false)? {
                Some(a) if a.downcast::<Str>().is_some() => a,
                Some(a) => {
                    return Err(raise!(
                        TypeError,
                        "_warnings.defaultaction must be a string, not '{}'",
                        a.ty().name_str()
                    ));
                }
                None => default_action()?,
            };
            Ok((action, none().to_ref()))
        }
    }
}

/// Whether the key was registered already; registers it if `set`.
fn already_warned(registry: &Object, key: &Object, set: bool) -> PyResult<bool> {
    let Some(d) = registry.downcast::<Dict>() else {
        return Err(raise!(TypeError, "'registry' must be a dict or None"));
    };
    let now = state().version.load(Ordering::Relaxed);
    let version = d.get(intern!("version"))?;
    let current = version.as_ref().and_then(|v| v.downcast::<Int>()).and_then(Int::try_i64) == Some(now);
    if !current {
        d.clear();
        d.set(intern!("version"), &**Int::from_i64(now)?)?;
    } else if let Some(v) = d.get(key)? {
        if v.is_true()? {
            return Ok(true);
        }
    }
    if set {
        d.set(key, true_())?;
    }
    Ok(false)
}

fn default_module(filename: &Str) -> PyResult<PyRef> {
    let name = filename.to_string_lossy();
    Ok(if name.is_empty() {
        Str::new("<unknown>")?.upcast()
    } else if let Some(stem) = name.strip_suffix(".py") {
        Str::new(stem)?.upcast()
    } else {
        filename.to_ref()
    })
}

/// Prints a warning when the Python module `warnings` is not there.
fn show_natively(filename: &Str, lineno: i64, text: &Object, category: &Object) -> PyResult<()> {
    let Some(err) = sys_get("stderr").filter(|e| !e.is_none()) else { return Ok(()) };
    let name = category.getattr(intern!("__name__"))?.str()?;
    let line = format!(
        "{}:{}: {}: {}\n",
        filename.to_string_lossy(),
        lineno,
        name.to_string_lossy(),
        text.str()?.to_string_lossy()
    );
    super::display::write_text(&err, &line)?;
    super::display::print_source_line(&err, filename, lineno, 2)
}

/// Everything that is known about a warning.
pub struct Warning<'a> {
    pub category: Option<&'a Object>,
    pub message: &'a Object,
    pub filename: &'a Str,
    pub lineno: i64,
    pub module: Option<&'a Object>,
    pub registry: Option<&'a Object>,
    pub source_line: Option<PyRef>,
    pub source: Option<&'a Object>,
}

/// `warnings.warn_explicit`.
pub fn issue(w: &Warning<'_>) -> PyResult<()> {
    let registry = w.registry.filter(|r| !r.is_none());
    if registry.is_some_and(|r| r.downcast::<Dict>().is_none()) {
        return Err(raise!(TypeError, "'registry' must be a dict or None"));
    }
    if w.module.is_some_and(Object::is_none) {
        return Ok(());
    }
    let module = match w.module {
        Some(m) => m.to_ref(),
        None => default_module(w.filename)?,
    };
    let (message, text, category): (PyRef, PyRef, PyRef) = if w.message.isinstance(types::Warning())? {
        let class: &Object = w.message.ty();
        (w.message.to_ref(), w.message.str()?.upcast(), class.to_ref())
    } else {
        let category = w.category.unwrap_or(types::UserWarning());
        (category.call1(w.message)?, w.message.to_ref(), category.to_ref())
    };
    let lineno = Int::from_i64(w.lineno)?;
    let key = Tuple::from_slice(&[&text, &category, &**lineno])?;
    let action = {
        state().lock.lock();
        let _held = Held(&state().lock);
        if let Some(r) = registry {
            if already_warned(r, &key, false)? {
                return Ok(());
            }
        }
        let (action, rule) = find_action(&category, &text, w.lineno, &module)?;
        let name = action.downcast::<Str>().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
        match &*name {
            "error" | "ignore" | "always" | "all" => {}
            _ => {
                if let Some(r) = registry.and_then(|r| r.downcast::<Dict>()) {
                    r.set(&key, true_())?;
                }
                let again = match &*name {
                    "once" => {
                        let alt = Tuple::from_slice(&[&text, &category])?;
                        match registry {
                            Some(r) => already_warned(r, &alt, true)?,
                            None => {
                                let reg = match warnings_attr("onceregistry", false)? {
                                    Some(r) => r,
                                    None => once_registry()?,
                                };
                                already_warned(&reg, &alt, true)?
                            }
                        }
                    }
                    "module" => match registry {
                        Some(r) => already_warned(r, &*Tuple::from_slice(&[&text, &category])?, true)?,
                        None => false,
                    },
                    "default" => false,
                    _ => {
                        return Err(raise!(
                            RuntimeError,
                            "Unrecognized action ({}) in warnings.filters:\n {}",
                            action.repr()?.to_string_lossy(),
                            rule.repr()?.to_string_lossy()
                        ));
                    }
                };
                if again {
                    return Ok(());
                }
            }
        }
        name
    };
    match &*action {
        "ignore" => return Ok(()),
        "error" => {
            let ty = category.downcast::<Type>().unwrap_or(types::UserWarning());
            return Err(crate::error::raise_object(ty, &message));
        }
        _ => {}
    }
    let Some(show) = warnings_attr("_showwarnmsg", w.source.is_some())? else {
        return show_natively(w.filename, w.lineno, &text, &category);
    };
    if !show.is_callable() {
        return Err(raise!(TypeError, "warnings._showwarnmsg() must be set to a callable"));
    }
    let Some(class) = warnings_attr("WarningMessage", false)? else {
        return Err(raise!(RuntimeError, "unable to get warnings.WarningMessage"));
    };
    let source = w.source.unwrap_or(none());
    let line = w.source_line.as_deref().unwrap_or(none());
    let msg = class.call(&[&message, &category, w.filename, &**lineno, none(), line, source])?;
    show.call1(&msg)?;
    Ok(())
}

fn is_internal(frame: *mut InterpFrame) -> bool {
    // SAFETY: a frame of this thread's stack.
    let name = unsafe { (*frame).code() }.filename().to_string_lossy();
    name.contains("importlib") && name.contains("_bootstrap")
}

fn is_skipped(frame: *mut InterpFrame, prefixes: Option<&Tuple>) -> bool {
    // SAFETY: a frame of this thread's stack.
    let name = unsafe { (*frame).code() }.filename().to_string_lossy();
    name.contains("importlib") && name.contains("_bootstrap")
        || prefixes.is_some_and(|p| {
            p.as_slice().iter().any(|p| p.downcast::<Str>().is_some_and(|p| name.starts_with(&*p.to_string_lossy())))
        })
}

/// Where a warning comes from: file name, line, `__warningregistry__`, module.
fn origin(mut stacklevel: i64, skip: Option<&Tuple>) -> PyResult<(Ref<Str>, i64, PyRef, PyRef)> {
    let skip = skip.filter(|t| !t.as_slice().is_empty());
    if skip.is_some() && stacklevel < 2 {
        stacklevel = 2;
    }
    let mut frame = crate::interp::current_frame();
    let raw = stacklevel <= 0 || frame.is_some_and(is_internal);
    while stacklevel > 1 {
        stacklevel -= 1;
        let Some(f) = frame else { break };
        frame = crate::interp::caller_of(f);
        while !raw && frame.is_some_and(|f| is_skipped(f, skip)) {
            frame = frame.and_then(crate::interp::caller_of);
        }
    }
    let (filename, lineno, globals) = match frame {
        Some(f) => {
            // SAFETY: a frame of this thread's stack.
            let f = unsafe { &*f };
            (Ref::new_ref(f.code().filename()), f.lineno().unwrap_or(0) as i64, Ref::new_ref(f.globals()))
        }
        None => {
            let globals = super::display::sys_dict().unwrap_or(Dict::new()?);
            (Str::new("<sys>")?, 0, globals)
        }
    };
    let registry = match globals.get(intern!("__warningregistry__"))? {
        Some(r) => r,
        None => {
            let d: PyRef = Dict::new()?.upcast();
            globals.set(intern!("__warningregistry__"), &d)?;
            d
        }
    };
    let module = match globals.get(intern!("__name__"))? {
        Some(m) if m.is_none() || m.downcast::<Str>().is_some() => m,
        _ => Str::new("<string>")?.upcast(),
    };
    Ok((filename, lineno, registry, module))
}

/// The category of `warnings.warn(message, category)`.
fn resolve_category(message: &Object, category: Option<&Object>) -> PyResult<PyRef> {
    if message.isinstance(types::Warning())? {
        let t: &Object = message.ty();
        return Ok(t.to_ref());
    }
    let category = match category {
        Some(c) if !c.is_none() => c,
        _ => types::UserWarning(),
    };
    if category.downcast::<Type>().is_some_and(|t| t.is_subtype(types::Warning())) {
        return Ok(category.to_ref());
    }
    Err(raise!(TypeError, "category must be a Warning subclass, not '{}'", category.ty().name_str()))
}

/// `warnings.warn`.
pub fn warn_object(
    message: &Object,
    category: Option<&Object>,
    stacklevel: i64,
    source: Option<&Object>,
    skip: Option<&Tuple>,
) -> PyResult<()> {
    if let Some(bad) = skip.and_then(|t| t.as_slice().iter().find(|o| o.downcast::<Str>().is_none())) {
        return Err(raise!(TypeError, "Found non-str '{}' in skip_file_prefixes.", bad.ty().name_str()));
    }
    let category = resolve_category(message, category)?;
    let (filename, lineno, registry, module) = origin(stacklevel, skip)?;
    issue(&Warning {
        category: Some(&category),
        message,
        filename: &filename,
        lineno,
        module: Some(&module),
        registry: Some(&registry),
        source_line: None,
        source: source.filter(|s| !s.is_none()),
    })
}

/// Issues a warning of `category` at `stacklevel` frames up.
#[cold]
pub fn warn(category: &Type, message: &str, stacklevel: isize) -> PyResult<()> {
    let text = Str::new(message)?;
    warn_object(&text, Some(category), stacklevel as i64, None, None)
}

/// Warns that `source` was not closed (ResourceWarning).
#[cold]
pub fn warn_resource(source: &Object, message: &str) -> PyResult<()> {
    let text = Str::new(message)?;
    warn_object(&text, Some(types::ResourceWarning()), 1, Some(source), None)
}

/// Issues a warning with an explicit origin.
pub fn warn_explicit(
    category: &Object,
    message: &Object,
    filename: &Object,
    lineno: i32,
    module: Option<&Object>,
    registry: Option<&Object>,
) -> PyResult<()> {
    let Some(filename) = filename.downcast::<Str>() else {
        return Err(bad_filename(filename));
    };
    issue(&Warning {
        category: Some(category),
        message,
        filename,
        lineno: lineno as i64,
        module,
        registry,
        source_line: None,
        source: None,
    })
}

#[cold]
fn bad_filename(o: &Object) -> Raised {
    raise!(TypeError, "warn_explicit() argument 'filename' must be str, not {}", o.ty().name_str())
}
