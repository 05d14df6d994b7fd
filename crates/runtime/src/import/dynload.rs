//! Extension modules in shared objects: opening, finding `PyInit_NAME`, single- and multi-phase initialisation.

use super::gil::{self, Entry, Reason};
use crate::objects::module;
use crate::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::Mutex;

type InitFn = unsafe extern "C" fn() -> *mut abi::PyObject;

/// Suffixes of extension modules, the preferred one first.
pub const SUFFIXES: &[&str] = &[".cpython-314t-x86_64-linux-gnu.so", ".so"];

/// What a second import of a single-phase module needs; process-wide because shared objects are.
#[derive(Clone, Copy)]
struct SinglePhase {
    def: usize,
    init: Option<InitFn>,
}
static SINGLE_PHASE: Mutex<Option<HashMap<(String, String), SinglePhase>>> = Mutex::new(None);

thread_local! {
    /// The full name of the module being initialised: `PyModule_Create` in package `a` makes `a.b` of `b`.
    static PACKAGE_CONTEXT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Resolves a module's own name against the import that runs (`_Py_PackageContext`); consumed by the first match.
pub fn resolve_module_name(name: &str) -> String {
    PACKAGE_CONTEXT.with(|c| {
        let mut c = c.borrow_mut();
        if c.as_deref().is_some_and(|full| full.rsplit_once('.').is_some_and(|(_, last)| last == name)) {
            return c.take().unwrap_or_default();
        }
        name.to_string()
    })
}

/// The name of the init function: `PyInit_x`, or `PyInitU_` and punycode for other than ASCII names.
fn init_symbol(full: &str) -> PyResult<CString> {
    let last = full.rsplit('.').next().unwrap_or(full);
    let sym = if last.is_ascii() {
        format!("PyInit_{last}")
    } else {
        let key = Str::new(last)?;
        let encoded = key.call_method(intern!("encode"), &[intern!("punycode")])?;
        let bytes = encoded.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default();
        format!("PyInitU_{}", String::from_utf8_lossy(&bytes).replace('-', "_"))
    };
    CString::new(sym).map_err(|_| raise!(ImportError, "invalid module name"))
}

fn import_error(msg: &str, name: &Object, path: Option<&Object>) -> Raised {
    match crate::objects::exceptions::raise::import_error(msg, Some(name), path) {
        Ok(e) => crate::error::raise_exception(e),
        Err(e) => e,
    }
}

/// `_imp.create_dynamic(spec)`.
pub fn create_dynamic(spec: &Object) -> PyResult<PyRef> {
    let name = spec.getattr(intern!("name"))?;
    let Some(name) = name.downcast::<Str>() else { return Err(raise!(TypeError, "spec.name must be a string")) };
    let origin = spec.getattr(intern!("origin"))?;
    let full = name.to_string_lossy().to_string();
    let Some(path_str) = origin.downcast::<Str>() else {
        return Err(raise!(TypeError, "spec.origin must be a string"));
    };
    let path = path_str.to_string_lossy().to_string();

    if let Some(m) = reload_single_phase(name, &full, &path)? {
        return Ok(m);
    }
    refuse_foreign_abi(&path, name, &origin)?;
    let c_path =
        CString::new(crate::lifecycle::fs_encode(path_str)?).map_err(|_| raise!(ValueError, "embedded null byte"))?;
    let sym = init_symbol(&full)?;
    let flags = ThreadState::current().interp().dlopen_flags();
    // A path without a slash would be searched for: make it relative to the current folder, as CPython does.
    let opened = if c_path.to_bytes().contains(&b'/') {
        c_path
    } else {
        CString::new([b"./", c_path.to_bytes()].concat()).map_err(|_| raise!(ValueError, "embedded null byte"))?
    };
    // SAFETY: dlopen runs the constructors of a shared object the user asked to load; strings are null-terminated.
    let handle = unsafe { libc::dlopen(opened.as_ptr(), flags) };
    if handle.is_null() {
        // SAFETY: dlerror returns null or a string valid until the next dl call of this thread.
        let text = unsafe {
            let e = libc::dlerror();
            if e.is_null() { "unknown dlopen() error".into() } else { CStr::from_ptr(e).to_string_lossy().into_owned() }
        };
        return Err(import_error(&text, name, Some(&origin)));
    }
    // SAFETY: the handle is open.
    let f = unsafe { libc::dlsym(handle, sym.as_ptr()) };
    if f.is_null() {
        let text = format!("dynamic module does not define module export function ({})", sym.to_string_lossy());
        return Err(import_error(&text, name, Some(&origin)));
    }
    // SAFETY: a module's export function has this signature by contract.
    let f = unsafe { core::mem::transmute::<*mut core::ffi::c_void, InitFn>(f) };
    run_init(f, name, spec, Some(&origin))
}

/// What is wrong with a file that was built for another interpreter, by its name.
fn foreign_abi(file: &str) -> Option<String> {
    if file.ends_with(".abi3.so") {
        return Some(format!(
            "{file} was built for the stable ABI (abi3) of the build with the GIL, which free-threaded Python 3.14 cannot load; install a cp314t build"
        ));
    }
    let i = file.find(".cpython-")?;
    let tag = file[i + 1..].split('.').next().unwrap_or("");
    (!tag.starts_with("cpython-314t"))
        .then(|| format!("{file} was built for {tag}; this is cpython-314t (free-threaded Python 3.14)"))
}

/// Such a file is refused with a message that says what it is.
fn refuse_foreign_abi(path: &str, name: &Str, origin: &Object) -> PyResult<()> {
    match foreign_abi(path.rsplit('/').next().unwrap_or(path)) {
        Some(text) => Err(import_error(&text, name, Some(origin))),
        None => Ok(()),
    }
}

/// Looks for a file that would have been the missing module `full` in another interpreter: importlib passes it over. What
/// it says, with the folder.
pub fn explain_missing(full: &str) -> PyResult<Option<String>> {
    if matches!(full, "sitecustomize" | "usercustomize") {
        return Ok(None);
    }
    let interp = ThreadState::current().interp();
    let (path, last) = match full.rsplit_once('.') {
        None => (interp.sys_dict().get_item_str("path")?, full),
        Some((parent, last)) => match interp.import.modules().get(&*Str::new(parent)?)? {
            Some(m) => (m.getattr_opt(intern!("__path__"))?, last),
            None => return Ok(None),
        },
    };
    let Some(path) = path else { return Ok(None) };
    let Some(path) = path.downcast::<List>() else { return Ok(None) };
    let start = format!("{last}.");
    for entry in path.snapshot() {
        let Some(dir) = entry.downcast::<Str>().map(|s| s.to_string_lossy().into_owned()) else { continue };
        // The standard library holds no such files.
        if dir.ends_with("/lib-dynload") || dir.ends_with(".zip") || std::path::Path::new(&dir).join("os.py").exists() {
            continue;
        }
        let Ok(files) = std::fs::read_dir(if dir.is_empty() { "." } else { &dir }) else { continue };
        for file in files.flatten() {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(&start)
                && name.ends_with(".so")
                && let Some(text) = foreign_abi(name)
            {
                return Ok(Some(format!("{dir}/{text}")));
            }
        }
    }
    Ok(None)
}

/// Calls an init function and turns its result into a module (executed, when single-phase).
pub fn run_init(f: InitFn, name: &Str, spec: &Object, path: Option<&Object>) -> PyResult<PyRef> {
    let full = name.to_string_lossy().to_string();
    let interp = ThreadState::current().interp();
    let extension = path.is_some();
    // Until the module has said what it is, it may be one that relies on the GIL.
    if extension {
        gil::enable_transient();
    }
    let saved = PACKAGE_CONTEXT.with(|c| c.replace(Some(full.clone())));
    // SAFETY: the init function of a module, called attached.
    let result = unsafe { f() };
    PACKAGE_CONTEXT.with(|c| c.replace(saved));
    // Whether the transient GIL of this import is still to be ended.
    let mut transient = extension;
    let r = (|| {
        if result.is_null() {
            if !crate::error::error_occurred() {
                return Err(raise!(SystemError, "initialization of {} failed without raising an exception", full));
            }
            return Err(Raised::already_set());
        }
        if crate::error::error_occurred() {
            // SAFETY: the init function returned an owned or (for a definition) borrowed object; definitions are static.
            let text = format!("initialization of {full} raised unreported exception");
            return Err(crate::error::chain_from_cause(exc::SystemError(), format_args!("{text}")));
        }
        // SAFETY: the result of a module's init function; a definition that was not initialised has no type.
        if unsafe { (*result).ob_type.load(core::sync::atomic::Ordering::Relaxed).is_null() } {
            return Err(raise!(SystemError, "init function of {} returned uninitialized object", full));
        }
        // SAFETY: the result of a module's init function: a definition (borrowed) or a module (owned).
        let is_def = unsafe { module::is_module_def(Object::from_ptr(result)) };
        if is_def {
            let def = result.cast::<abi::PyModuleDef>();
            // SAFETY: definitions are static.
            let m = unsafe { module::from_def_and_spec(def, spec)? };
            if extension {
                check_gil(&m, &full, path, Some(def), &mut transient)?;
            }
            return Ok(m);
        }
        // SAFETY: an owned reference.
        let m = unsafe { PyRef::from_ptr_opt(result) }.ok_or_else(Raised::already_set)?;
        let Some(module) = m.downcast::<Module>() else {
            return Err(raise!(SystemError, "initialization of {} did not return an extension module", full));
        };
        if !interp.lifecycle.allow_single_phase() {
            return Err(import_error(
                &format!("module {full} does not support loading in subinterpreters"),
                name,
                path,
            ));
        }
        if extension {
            check_gil(&m, &full, path, None, &mut transient)?;
        }
        let def = module.md_def;
        if let Some(p) = path
            && m.setattr(intern!("__file__"), p).is_err()
        {
            crate::error::take_error();
        }
        if !def.is_null() {
            // SAFETY: the module keeps its definition, whose m_base is ours to fill.
            unsafe {
                (*def).m_base.m_init = core::mem::transmute::<Option<InitFn>, _>(Some(f));
                module::state_add(&m, def)?;
                if (*def).m_size == -1 && (*def).m_base.m_copy.is_null() {
                    let copy = module.dict().copy()?;
                    (*def).m_base.m_copy = copy.into_ptr();
                }
            }
            let key = (
                path.and_then(|p| p.downcast::<Str>()).map(|s| s.to_string_lossy().to_string()).unwrap_or_default(),
                full.clone(),
            );
            let mut map = SINGLE_PHASE.lock().unwrap_or_else(|e| e.into_inner());
            map.get_or_insert_default().insert(key, SinglePhase { def: def as usize, init: Some(f) });
        }
        interp.import.modules().set(name, &m)?;
        Ok(m)
    })();
    if transient {
        gil::disable_transient();
    }
    r
}

/// A single-phase module imported before: re-created from its copied dict, or by calling its init function again.
fn reload_single_phase(name: &Str, full: &str, path: &str) -> PyResult<Option<PyRef>> {
    let found = {
        let map = SINGLE_PHASE.lock().unwrap_or_else(|e| e.into_inner());
        map.as_ref().and_then(|m| m.get(&(path.to_string(), full.to_string())).copied())
    };
    let Some(found) = found else { return Ok(None) };
    let def = found.def as *mut abi::PyModuleDef;
    let interp = ThreadState::current().interp();
    // SAFETY: definitions of loaded shared objects are static: they are never unloaded.
    let (size, copy) = unsafe { ((*def).m_size, (*def).m_base.m_copy) };
    if size == -1 {
        // SAFETY: the copy is a dict kept by the definition.
        let Some(copy) = (unsafe { Object::from_ptr_opt(copy) }) else { return Ok(None) };
        let m = match interp.import.modules().get(name)? {
            Some(m) => m,
            None => {
                let m = Module::new(full)?.upcast();
                interp.import.modules().set(name, &m)?;
                m
            }
        };
        if let Some(module) = m.downcast::<Module>() {
            module.dict().update(copy)?;
        }
        // SAFETY: as above.
        unsafe { module::state_add(&m, def)? };
        return Ok(Some(m));
    }
    let Some(init) = found.init else { return Ok(None) };
    let saved = PACKAGE_CONTEXT.with(|c| c.replace(Some(full.to_string())));
    // SAFETY: the init function of a module, called attached.
    let result = unsafe { init() };
    PACKAGE_CONTEXT.with(|c| c.replace(saved));
    // SAFETY: an owned reference or null with an exception.
    let m = unsafe { PyRef::from_c_result(result)? };
    interp.import.modules().set(name, &m)?;
    Ok(Some(m))
}

/// Applies the GIL policy to a freshly loaded extension (`_PyImport_CheckGIL`).
fn check_gil(
    m: &Object,
    full: &str,
    path: Option<&Object>,
    def: Option<*mut abi::PyModuleDef>,
    transient: &mut bool,
) -> PyResult<()> {
    let Some(module) = m.downcast::<Module>() else { return Ok(()) };
    // `Py_MOD_GIL_USED` is 0, the default of a module that says nothing.
    if !module.md_gil.is_null() {
        return Ok(());
    }
    let reason = match def {
        None => Reason::SinglePhase,
        // SAFETY: the slots of a definition end with a zero entry.
        Some(d) => unsafe {
            let mut s = (*d).m_slots;
            let mut says = false;
            while !s.is_null() && (*s).slot != 0 {
                says |= (*s).slot == abi::Py_mod_gil;
                s = s.add(1);
            }
            if says { Reason::SlotSaysUsed } else { Reason::NoSlot }
        },
    };
    let file = path.and_then(|p| p.downcast::<Str>()).map(|s| s.to_string_lossy().to_string());
    let interp = ThreadState::current().interp();
    let mut entry = Entry { module: full.to_string(), file, reason, enabled: false, chain: gil::import_chain() };
    if interp.config().gil_mode == gil::Mode::Error {
        // The caller ends the transient GIL of a failed import.
        let text = format!("import refused by -X gil=error, the module needs the GIL: {}", entry.describe());
        return Err(import_error(&text, &*Str::new(full)?, path));
    }
    *transient = false;
    entry.enabled = gil::enable_permanent();
    let enabled = entry.enabled;
    interp.import.gil.add(entry);
    if enabled {
        crate::error::warn(
            exc::RuntimeWarning(),
            &format!(
                "The global interpreter lock (GIL) has been enabled to load module '{full}', which has not declared that it can run safely \
                 without the GIL. To override this behavior and keep the GIL disabled (at your own risk), run with PYTHON_GIL=0 or -Xgil=0."
            ),
            1,
        )?;
    }
    Ok(())
}
