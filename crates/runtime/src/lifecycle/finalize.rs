//! Finalisation: threads first, then exit functions, modules, garbage, and what is left of the interpreter.

use super::{init, stdio};
use crate::prelude::*;
use crate::thread::InterpreterState;
use core::sync::atomic::Ordering::{Relaxed, Release};

/// Ends the main interpreter and gives back what it holds, so that it can be initialised again (`Py_FinalizeEx`): 0, or -1
/// when buffered output was lost. The thread has no state afterwards.
pub fn finalize() -> i32 {
    end_main(true)
}

/// Ends the main interpreter of a process that is about to exit: as `finalize`, but what no Python code can see any more is
/// left to the system.
pub fn finalize_for_exit() -> i32 {
    end_main(false)
}

fn end_main(give_back: bool) -> i32 {
    if !init::is_initialized() {
        return 0;
    }
    let Some(ts) = ThreadState::try_current() else { return -1 };
    let interp = ts.interp();
    settle(interp);
    super::subinterp::end_all();
    if interp.config().gil_mode == crate::import::gil::Mode::Report {
        stdio::flush();
        eprint!("{}", crate::import::gil::report_text());
    }
    if interp.config().use_environment && std::env::var_os("PYTHONMALLOCSTATS").is_some_and(|v| !v.is_empty()) {
        crate::mem::heap::print_stats();
    }
    init::set_initialized(false);
    // From here on other threads hang when they try to attach.
    interp.finalizing.store((ts as *const ThreadState).cast_mut(), Release);
    crate::thread::stop_others_for_good();
    let mut status = if stdio::flush() { 0 } else { -1 };
    crate::thread::signals::finalize();
    drop(crate::error::take_error());
    if crate::mem::gc::is_enabled() {
        crate::mem::gc::collect();
    }
    finalize_modules();
    if !stdio::flush() {
        status = -1;
    }
    if give_back {
        release(interp, ts);
        InterpreterState::forget_main();
    }
    crate::thread::atexit::run_after_end();
    status
}

/// Waits for threads, makes pending calls and calls exit functions, as long as these make more of each other.
pub(super) fn settle(interp: &'static InterpreterState) {
    for _ in 0..16 {
        wait_for_threads();
        if let Err(_e) = crate::thread::handle_breaker().and_then(|()| interp.pending.run()) {
            crate::error::write_unraisable(None);
        }
        interp.atexit.run();
        if interp.atexit.len() == 0 && interp.threading.shutdown.is_idle() {
            break;
        }
    }
}

fn wait_for_threads() {
    let interp = ThreadState::current().interp();
    let result = match interp.import.modules().get(intern!("threading")) {
        Ok(Some(m)) => m.call_method(intern!("_shutdown"), &[]).map(drop),
        _ => Ok(()),
    };
    // Threads that the module does not know, or that began since it closed down.
    if let Err(_e) = result.and_then(|()| interp.threading.shutdown.join_all()) {
        crate::objects::exceptions::display::write_unraisable_msg("Exception ignored on threading shutdown", None);
    }
}

/// The last part of an interpreter's end: what is left of its objects, its state of this thread, and its place in the list.
/// The interpreter's own record stays: a late thread may still look at it.
pub(super) fn release(interp: &'static InterpreterState, ts: &'static ThreadState) {
    interp.lifecycle.run_cleanups();
    interp.import.clear();
    interp.codecs.clear();
    interp.warnings.clear();
    interp.lifecycle.audit.clear();
    interp.atexit.clear();
    clear_dict(interp.builtins_dict());
    interp.builtins_dict().clear();
    interp.sys_dict().clear();
    crate::mem::gc::collect();
    interp.gc.clear();
    interp.lifecycle.clear();
    drop(crate::error::take_error());
    ts.clear();
    // SAFETY: cleared, no frame is left, and this thread's own.
    unsafe { ts.delete_current() };
    interp.unlink();
}

/// Tells of uncollectable objects that nobody looked at.
fn report_garbage(interp: &InterpreterState) {
    use crate::mem::gc::debug;
    let flags = interp.gc.debug.load(Relaxed);
    let Some(garbage) = interp.gc.garbage_if_any() else { return };
    let n = garbage.len();
    if n == 0 || flags & debug::SAVEALL != 0 {
        return;
    }
    let hint = match flags & debug::UNCOLLECTABLE {
        0 => "; use gc.set_debug(gc.DEBUG_UNCOLLECTABLE) to list them",
        _ => "",
    };
    let warn = || -> PyResult<()> {
        let message = Str::new(&format!("gc: {n} uncollectable objects at shutdown{hint}"))?;
        let place = intern!("gc");
        crate::objects::exceptions::warnings::warn_explicit(
            exc::ResourceWarning(),
            &message,
            place,
            0,
            Some(place),
            None,
        )
    };
    if let Err(_e) = warn() {
        crate::error::write_unraisable(None);
    }
    if flags & debug::UNCOLLECTABLE != 0 {
        match garbage.repr() {
            Ok(r) => eprint!("      {}\n    ", r.to_string_lossy()),
            Err(_e) => crate::error::write_unraisable(Some(&garbage)),
        }
    }
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
    // Modules that only `sys.modules` holds die with it, or as garbage with their dicts whole; the others are remembered
    // weakly, and lose their names afterwards.
    let modules = interp.import.modules();
    let mut left: Vec<PyRef> = Vec::new();
    for (name, m) in modules.items_snapshot() {
        if m.downcast::<Module>().is_none() {
            continue;
        }
        let keep = name.downcast::<Str>().is_some_and(|n| n.eq_str("sys") || n.eq_str("builtins"));
        if !keep {
            match crate::objects::weakref::new_ref(&m, None) {
                Ok(w) => left.push(w),
                Err(e) => e.clear(),
            }
        }
        ignore(modules.set(&name, none()));
    }
    modules.clear();
    crate::mem::gc::collect();
    report_garbage(interp);
    for w in left.into_iter().rev() {
        if let Some(m) = crate::objects::weakref::get_referent(&w)
            && let Some(m) = m.downcast::<Module>()
        {
            clear_dict(m.dict());
        }
    }
    crate::mem::gc::collect();
}

/// Drops a module's names as CPython does: single-underscore names first, then all but `__builtins__`.
fn clear_dict(d: &Dict) {
    for pass in 0..2 {
        for (k, v) in d.items_snapshot() {
            let Some(name) = k.downcast::<Str>() else { continue };
            let starts = |i: usize| i < name.len() && name.char_at(i) == '_' as u32;
            let private = starts(0) && !starts(1);
            if v.is_none() || (pass == 0 && !private) || name.eq_str("__builtins__") {
                continue;
            }
            drop(v);
            if let Err(e) = d.set(&k, none()) {
                e.clear();
            }
        }
    }
}
