//! Initialisation, in the order in which things come to need each other.

use super::config::Config;
use super::{frozen, stdio};
use crate::convert::InitTabEntry;
use crate::import;
use crate::prelude::*;
use crate::thread::InterpreterState;
use core::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

/// Why initialisation failed: the message for `Fatal Python error: …`; an exception may be set.
#[derive(Debug)]
pub struct InitError(pub String);

static INITIALIZED: AtomicBool = AtomicBool::new(false);
static CORE: AtomicBool = AtomicBool::new(false);

/// Whether `initialize` has completed and `finalize` has not begun (`Py_IsInitialized`).
pub fn is_initialized() -> bool {
    INITIALIZED.load(Acquire)
}

pub(super) fn set_initialized(v: bool) {
    INITIALIZED.store(v, Release);
}

fn step<T>(what: &str, r: PyResult<T>) -> Result<T, InitError> {
    r.map_err(|e| InitError(format!("{what}: {}", describe(e))))
}

/// The set exception in words, with the places it came through: there is no `sys.stderr` yet.
fn describe(e: crate::error::Raised) -> String {
    if !crate::error::error_occurred() {
        return "no exception set".into();
    }
    let x = e.take();
    let mut text = x.ty().name_str().to_string();
    match x.str() {
        Ok(s) => text.push_str(&format!(": {}", s.to_string_lossy())),
        Err(e) => e.clear(),
    }
    let mut tb = x.getattr(intern!("__traceback__")).ok();
    while let Some(t) = tb.as_ref().and_then(|t| t.downcast::<crate::objects::Traceback>()) {
        let (file, name) = t.place();
        text.push_str(&format!("\n  {}:{} in {}", file.to_string_lossy(), t.lineno(), name.to_string_lossy()));
        tb = t.next().map(|t| t.upcast());
    }
    text
}

/// Creates the main interpreter with `config` and attaches the calling thread to it. `inittab` are the native modules.
pub fn initialize(mut config: Config, inittab: &'static [InitTabEntry]) -> Result<(), InitError> {
    if is_initialized() {
        return Ok(());
    }
    super::path::calculate(&mut config);
    if config.sys_path_0.is_none() && !config.safe_path {
        config.sys_path_0 = super::path::sys_path_0(&config);
    }
    // Hashes of strings that outlive an interpreter were made with the first seed.
    if !CORE.load(Acquire) {
        crate::pyhash::init(config.hash_seed);
    }
    import::extend_inittab(inittab);
    let interp = InterpreterState::new();
    interp.lifecycle.set_config(config.clone());
    let Some(ts) = crate::thread::attach_new(interp) else {
        return Err(InitError("can't make the main thread state".into()));
    };
    super::remote::set_enabled(config.remote_debug);
    crate::thread::signals::set_main_thread(ts);
    if config.enable_gil == Some(true) {
        interp.gil.enable();
    }
    // Static types are process-wide: readied once, kept over finalize and a new initialisation.
    if !CORE.swap(true, AcqRel) {
        step("failed to initialize the built-in types", crate::typeobject::bootstrap(&crate::objects::all_specs()))?;
        step("failed to initialize the static objects", crate::objects::init_statics())?;
    }
    init_interpreter(&config)?;
    set_initialized(true);
    Ok(())
}

/// Everything an interpreter (the main one or a further one) needs after its first thread state is attached.
pub fn init_interpreter(config: &Config) -> Result<(), InitError> {
    let interp = ThreadState::current().interp();
    step("can't make the modules dictionary", Dict::new().map(|d| interp.import.set_modules(Some(d))))?;
    step(
        "can't initialize builtins",
        import::bootstrap_builtin("builtins").and_then(|m| interp.lifecycle.set_builtins(m)),
    )?;
    step("can't initialize sys", import::bootstrap_builtin("sys").and_then(|m| interp.lifecycle.set_sys(m)))?;
    step("can't set sys.modules", set_sys("modules", interp.import.modules()))?;
    // Until sys.stderr exists, messages go to file descriptor 2.
    step("can't set preliminary stderr", stdio::preliminary())?;
    if !config.install_importlib {
        return Ok(());
    }
    step("failed to initialize importlib", crate::mem::gc::building(init_importlib))
        .inspect_err(|_| super::path::report(config))?;
    if config.init_main {
        init_main(config)?;
    }
    Ok(())
}

/// What follows `_init_main`: the codecs, external importers, standard streams, `__main__` and `site`.
pub fn init_main(config: &Config) -> Result<(), InitError> {
    crate::mem::gc::building(|| init_base(config))?;
    if config.site_import {
        step("failed to import the site module", import::import_module("site").map(drop))?;
    }
    Ok(())
}

/// All of `init_main` but `site`, which may run the user's code.
fn init_base(config: &Config) -> Result<(), InitError> {
    step("failed to install the external importers", init_importlib_external())?;
    step("failed to import encodings", import::import_module("encodings").map(drop))
        .inspect_err(|_| super::path::report(config))?;
    let main = ThreadState::current().interp().is_main();
    if main && config.faulthandler {
        step(
            "failed to enable faulthandler",
            import::import_module("faulthandler")
                .and_then(|m| m.call_method(intern!("enable"), &[&*Int::from_i64(2)?]))
                .map(drop),
        )?;
    }
    if main {
        crate::thread::signals::init(config.install_signal_handlers);
    }
    if main && config.install_signal_handlers {
        step("can't initialize signals", import::import_module("_signal").map(drop))?;
    }
    step("can't initialize the standard streams", stdio::init(config))?;
    step("can't add the __main__ module", add_main())?;
    if main && config.tracemalloc > 0 {
        let n = step("can't start tracemalloc", Int::from_i64(config.tracemalloc as i64))?;
        step(
            "can't start tracemalloc",
            import::import_attr("_tracemalloc", "start").and_then(|f| f.call1(&n)).map(drop),
        )?;
    }
    if !config.warnoptions.is_empty() {
        step("can't import warnings", import::import_module("warnings").map(drop))?;
    }
    Ok(())
}

/// Sets `sys.NAME`.
pub fn set_sys(name: &str, v: &Object) -> PyResult<()> {
    ThreadState::current().interp().sys_dict().set(Str::intern(name), v)
}

/// `sys.NAME`, if it is set.
pub fn get_sys(name: &str) -> PyResult<Option<PyRef>> {
    ThreadState::current().interp().sys_dict().get_str(Str::intern(name))
}

fn init_importlib() -> PyResult<()> {
    let interp = ThreadState::current().interp();
    let m = frozen::load("_frozen_importlib")?;
    let imp = import::bootstrap_builtin("_imp")?;
    let Some(sys) = interp.import.modules().get(intern!("sys"))? else { return Err(raise!(RuntimeError, "lost sys")) };
    // importlib needs these two before it can import anything.
    for name in ["_thread", "_weakref", "_warnings"] {
        import::bootstrap_builtin(name)?;
    }
    m.call_method(intern!("_install"), &[&sys, &imp])?;
    interp.import.set_importlib(Some(m));
    Ok(())
}

fn init_importlib_external() -> PyResult<()> {
    let interp = ThreadState::current().interp();
    interp.import.importlib()?.call_method(intern!("_install_external_importers"), &[])?;
    if let Some(m) = interp.import.modules().get(intern!("_frozen_importlib_external"))? {
        interp.import.set_importlib_external(Some(m));
    }
    // Zip files on sys.path: the importer goes first among the hooks.
    let hooks = get_sys("path_hooks")?;
    match import::import_attr("zipimport", "zipimporter") {
        Ok(z) => {
            if let Some(h) = hooks.as_ref().and_then(|h| h.downcast::<List>()) {
                h.insert(0, &z)?;
            }
        }
        Err(e) => e.clear(),
    }
    Ok(())
}

fn add_main() -> PyResult<()> {
    let interp = ThreadState::current().interp();
    let main = Module::new("__main__")?;
    let d = main.dict();
    if let Some(b) = interp.import.modules().get(intern!("builtins"))? {
        d.set(intern!("__builtins__"), &b)?;
    }
    let machinery = interp.import.importlib()?;
    let loader = machinery.getattr(intern!("BuiltinImporter"))?;
    d.set(intern!("__loader__"), &loader)?;
    d.set(intern!("__spec__"), none())?;
    d.set(intern!("__package__"), none())?;
    interp.import.modules().set(intern!("__main__"), &main)
}
