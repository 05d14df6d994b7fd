//! Finalisation: threads first, then exit functions, modules, garbage, and what is left of the interpreter.

use super::{init, stdio};
use crate::prelude::*;

/// Ends the main interpreter (`Py_FinalizeEx`): 0, or -1 when buffered output was lost.
pub fn finalize() -> i32 {
    if !init::is_initialized() {
        return 0;
    }
    let ts = ThreadState::current();
    let interp = ts.interp();
    wait_for_threads();
    if let Err(_e) = crate::thread::handle_breaker() {
        crate::error::write_unraisable(None);
    }
    call_atexit();
    if interp.config().gil_mode == crate::import::gil::Mode::Report {
        stdio::flush();
        eprint!("{}", crate::import::gil::report_text());
    }
    let mut status = if stdio::flush() { 0 } else { -1 };
    init::set_initialized(false);
    // From here on other threads hang when they try to attach.
    interp.finalizing.store((ts as *const ThreadState).cast_mut(), core::sync::atomic::Ordering::Release);
    crate::thread::stop_others_for_good();
    crate::thread::signals::finalize();
    drop(crate::error::take_error());
    crate::mem::gc::collect();
    finalize_modules();
    if !stdio_flush_late() {
        status = -1;
    }
    status
}

fn wait_for_threads() {
    let interp = ThreadState::current().interp();
    if let Ok(Some(m)) = interp.import.modules().get(intern!("threading"))
        && let Err(_e) = m.call_method(intern!("_shutdown"), &[])
    {
        crate::error::write_unraisable(Some(&m));
    }
}

fn call_atexit() {
    ThreadState::current().interp().atexit.run();
}

fn stdio_flush_late() -> bool {
    true
}

/// Clears the modules in CPython's order: the interactive leftovers of `sys`, `sys.modules`, then the module dicts, `sys`
/// and `builtins` last.
pub fn finalize_modules() {
    let interp = ThreadState::current().interp();
    let ignore = |r: PyResult<()>| {
        if let Err(e) = r {
            e.clear();
        }
    };
    for name in [
        "path",
        "argv",
        "ps1",
        "ps2",
        "last_exc",
        "last_type",
        "last_value",
        "last_traceback",
        "path_importer_cache",
        "meta_path",
        "path_hooks",
    ] {
        ignore(init::set_sys(name, none()));
    }
    for name in ["stdin", "stdout", "stderr"] {
        if let Ok(Some(v)) = init::get_sys(&format!("__{name}__")) {
            ignore(init::set_sys(name, &v));
        }
    }
    let modules = interp.import.modules();
    let held: Vec<(PyRef, PyRef)> = modules.items_snapshot();
    for (name, m) in &held {
        if m.downcast::<Module>().is_some() {
            ignore(modules.set(name, none()));
        }
    }
    modules.clear();
    crate::mem::gc::collect();
    for (name, m) in held.into_iter().rev() {
        let keep = name.downcast::<Str>().is_some_and(|n| n.eq_str("sys") || n.eq_str("builtins"));
        if keep {
            continue;
        }
        drop(name);
        // A module that nobody else holds dies here, its dict with it; one still referenced loses its names.
        if let Some(module) = m.downcast::<Module>()
            && !m.is_uniquely_referenced()
        {
            clear_dict(module.dict());
        }
        drop(m);
    }
    crate::mem::gc::collect();
}

/// Drops a module's names as CPython does: single-underscore names first, then all but `__builtins__`.
fn clear_dict(d: &Dict) {
    for pass in 0..2 {
        for (k, v) in d.items_snapshot() {
            let Some(name) = k.downcast::<Str>() else { continue };
            let text = name.to_string_lossy();
            let private = text.starts_with('_') && !text[1..].starts_with('_');
            if v.is_none() || (pass == 0 && !private) || text == "__builtins__" {
                continue;
            }
            drop(v);
            if let Err(e) = d.set(&k, none()) {
                e.clear();
            }
        }
    }
}
