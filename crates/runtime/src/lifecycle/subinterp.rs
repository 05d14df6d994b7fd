//! Sub-interpreters: making, entering and ending them.
//!
//! All interpreters of the process share one heap, one collector, the static types and the interned strings; reference counts
//! are safe between threads whatever interpreter these run. What an interpreter has of its own: its modules (`sys.modules`,
//! `sys`, `builtins`, `__main__`, importlib), codec and warning registries, exit functions, audit hooks, threads, GIL mode,
//! configuration. So isolation is one of names, not of memory: objects are copied between interpreters because the
//! documented semantics ask for it (`_interpreters`), never because sharing them would be unsafe.
//!
//! A thread that enters another interpreter gets a new thread state there and puts its old one aside, detached.

use super::{finalize, init};
use crate::prelude::*;
use crate::thread::state::{HEAD_LOCK, ThreadState as State};
use crate::thread::{InterpreterState, attach, detach_state};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr};
use std::sync::OnceLock;

/// What an interpreter may do (`PyInterpreterConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub use_main_obmalloc: bool,
    pub allow_fork: bool,
    pub allow_exec: bool,
    pub allow_threads: bool,
    pub allow_daemon_threads: bool,
    pub check_multi_interp_extensions: bool,
    /// `PyInterpreterConfig_*_GIL`.
    pub gil: i32,
}

impl Settings {
    /// `_PyInterpreterConfig_INIT`.
    pub const ISOLATED: Settings = Settings {
        use_main_obmalloc: false,
        allow_fork: false,
        allow_exec: false,
        allow_threads: true,
        allow_daemon_threads: false,
        check_multi_interp_extensions: true,
        gil: 2,
    };
    /// `_PyInterpreterConfig_LEGACY_INIT`.
    pub const LEGACY: Settings = Settings {
        use_main_obmalloc: true,
        allow_fork: true,
        allow_exec: true,
        allow_threads: true,
        allow_daemon_threads: true,
        check_multi_interp_extensions: true,
        gil: 1,
    };
    /// Nothing allowed.
    pub const EMPTY: Settings = Settings {
        use_main_obmalloc: false,
        allow_fork: false,
        allow_exec: false,
        allow_threads: false,
        allow_daemon_threads: false,
        check_multi_interp_extensions: false,
        gil: 0,
    };
    /// The main interpreter's.
    pub const MAIN: Settings = Settings {
        use_main_obmalloc: true,
        allow_fork: true,
        allow_exec: true,
        allow_threads: true,
        allow_daemon_threads: true,
        check_multi_interp_extensions: false,
        gil: 2,
    };

    /// Whether the parts go together.
    pub fn check(&self) -> Result<(), &'static str> {
        if !self.use_main_obmalloc && !self.check_multi_interp_extensions {
            return Err("per-interpreter obmalloc does not support single-phase init extension modules");
        }
        if !(0..=2).contains(&self.gil) {
            return Err("invalid interpreter config 'gil' value");
        }
        if !self.check_multi_interp_extensions {
            return Err(
                "the free-threaded build does not support single-phase init extension modules in subinterpreters",
            );
        }
        Ok(())
    }

    /// The bits of `Py_RTFLAGS_*`.
    pub fn features(&self) -> u64 {
        u64::from(self.use_main_obmalloc) << 5
            | u64::from(self.check_multi_interp_extensions) << 8
            | u64::from(self.allow_threads) << 10
            | u64::from(self.allow_daemon_threads) << 11
            | u64::from(self.allow_fork) << 15
            | u64::from(self.allow_exec) << 16
    }
}

/// Where an interpreter came from (`_PyInterpreterState_WHENCE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Whence {
    Unknown = 0,
    Runtime = 1,
    LegacyCapi = 2,
    Capi = 3,
    Xi = 4,
    Stdlib = 5,
}

/// Part of an interpreter's record.
#[derive(Default)]
pub struct SubState {
    settings: OnceLock<Settings>,
    whence: AtomicI32,
    ready: AtomicBool,
    ending: AtomicBool,
    /// The state that runs the `__main__` module's code just now.
    running: AtomicPtr<State>,
}

impl SubState {
    pub fn settings(&self) -> &Settings {
        self.settings.get().unwrap_or(&Settings::MAIN)
    }
    pub fn whence(&self) -> i32 {
        match self.settings.get() {
            Some(_) => self.whence.load(Relaxed),
            None => Whence::Runtime as i32,
        }
    }
    /// Whether initialisation is complete.
    pub fn is_ready(&self) -> bool {
        self.settings.get().is_none() || self.ready.load(Acquire)
    }
    /// Whether code runs in its `__main__`.
    pub fn is_running(&self) -> bool {
        !self.running.load(Acquire).is_null()
    }
    /// Claims `__main__`; false when somebody runs it.
    pub fn begin_running(&self) -> bool {
        let me = ThreadState::current() as *const State;
        self.running.compare_exchange(core::ptr::null_mut(), me.cast_mut(), AcqRel, Acquire).is_ok()
    }
    pub fn end_running(&self) {
        self.running.store(core::ptr::null_mut(), Release);
    }
}

impl InterpreterState {
    /// The interpreter ends when its last reference by id goes.
    pub fn link_refs(&self, linked: bool) {
        self.linked.store(linked.into(), Release);
    }
    pub fn incref_id(&self) {
        self.id_refs.fetch_add(1, AcqRel);
    }
    /// True when the caller has to end the interpreter.
    pub fn decref_id(&self) -> bool {
        self.id_refs.fetch_sub(1, AcqRel) == 1 && self.linked.load(Acquire) != 0
    }
}

/// Makes an interpreter and attaches the running thread to it, with a new state; its old state is detached. On failure the
/// old state is attached again, without an exception, and the text says what went wrong.
pub fn create(settings: Settings, whence: Whence) -> Result<&'static ThreadState, String> {
    let Some(main) = InterpreterState::try_main() else { return Err("the runtime is not initialized".into()) };
    let config = main.config().clone();
    let old = ThreadState::try_current();
    if let Some(ts) = old {
        detach_state(ts);
    }
    let interp = InterpreterState::new();
    interp.lifecycle.set_config(config.clone());
    let _ = interp.lifecycle.sub.settings.set(settings);
    interp.features.store(settings.features(), Release);
    interp.own_gil.store((settings.gil == 2).into(), Release);
    interp.lifecycle.sub.whence.store(whence as i32, Relaxed);
    interp.lifecycle.set_allow_single_phase(!settings.check_multi_interp_extensions);
    let restore = || {
        interp.unlink();
        if let Some(ts) = old {
            reattach(ts);
        }
    };
    let Some(ts) = new_state(interp) else {
        restore();
        return Err("can't make a thread state".into());
    };
    match init::init_interpreter(&config) {
        Ok(()) => {
            interp.lifecycle.sub.ready.store(true, Release);
            Ok(ts)
        }
        Err(e) => {
            drop(crate::error::take_error());
            ts.clear();
            // SAFETY: cleared, and this thread's own.
            unsafe { ts.delete_current() };
            restore();
            Err(e.0)
        }
    }
}

/// A new attached state of the running thread, which has none attached.
fn new_state(interp: &'static InterpreterState) -> Option<&'static ThreadState> {
    // SAFETY: a fresh state, alive until deleted.
    let ts = unsafe { ThreadState::new(interp).as_ref()? };
    ts.bind();
    attach(ts);
    crate::thread::switch_gilstate(ts);
    Some(ts)
}

/// The thread goes on with a state that it has used before.
fn reattach(ts: &ThreadState) {
    attach(ts);
    crate::thread::switch_gilstate(ts);
}

/// Runs `f` in another interpreter. No exception may be set afterwards; the caller's own state is back when this returns.
pub fn enter<R>(interp: &'static InterpreterState, f: impl FnOnce() -> R) -> PyResult<R> {
    let old = ThreadState::current();
    if core::ptr::eq(old.interp(), interp) {
        return Ok(f());
    }
    detach_state(old);
    let Some(ts) = new_state(interp) else {
        reattach(old);
        return Err(raise!(MemoryError, ""));
    };
    let r = f();
    drop(crate::error::take_error());
    ts.clear();
    // SAFETY: cleared, `f`'s frames are gone, and this thread's own.
    unsafe { ts.delete_current() };
    reattach(old);
    Ok(r)
}

/// The state that was attached when `create` made `ts` is attached again; `ts` goes.
pub fn leave(ts: &'static ThreadState, old: &'static ThreadState) {
    drop(crate::error::take_error());
    ts.clear();
    // SAFETY: cleared, and this thread's own.
    unsafe { ts.delete_current() };
    reattach(old);
}

/// Ends the sub-interpreter of the attached state `ts`, which goes with it (`Py_EndInterpreter`).
pub fn end(ts: &'static ThreadState) {
    let interp = ts.interp();
    interp.lifecycle.sub.ending.store(true, Release);
    finalize::settle(interp);
    interp.finalizing.store((ts as *const State).cast_mut(), Release);
    crate::thread::stop_others_for_good();
    super::stdio::flush();
    drop(crate::error::take_error());
    finalize::finalize_modules();
    super::stdio::flush();
    finalize::release(interp, ts);
}

/// Ends an interpreter that no thread runs, from outside. False when another thread has begun to end it.
pub fn destroy(interp: &'static InterpreterState) -> PyResult<bool> {
    if interp.lifecycle.sub.ending.swap(true, AcqRel) {
        return Ok(false);
    }
    let old = ThreadState::current();
    detach_state(old);
    let made = new_state(interp);
    if let Some(ts) = made {
        end(ts);
    }
    reattach(old);
    match made {
        Some(_) => Ok(true),
        None => Err(raise!(MemoryError, "")),
    }
}

/// At the end of the main interpreter: sub-interpreters that are left end first, with a warning.
pub(super) fn end_all() {
    let mut warned = false;
    while let Some(interp) = list().into_iter().find(|i| !i.is_main() && !i.lifecycle.sub.ending.load(Acquire)) {
        if !warned {
            warned = true;
            let text = "remaining subinterpreters; close them with Interpreter.close()";
            if let Err(_e) = crate::error::warn(exc::RuntimeWarning(), text, 0) {
                crate::error::write_unraisable(None);
            }
        }
        if let Err(e) = destroy(interp) {
            e.clear();
            return;
        }
    }
}

/// All interpreters, newest first.
pub fn list() -> Vec<&'static InterpreterState> {
    let mut all = Vec::with_capacity(8);
    HEAD_LOCK.with_raw(|| {
        let mut next = InterpreterState::head();
        while let Some(i) = next {
            all.push(i);
            next = i.next_interp();
        }
    });
    all
}

/// The interpreter with that id.
pub fn find(id: i64) -> Option<&'static InterpreterState> {
    list().into_iter().find(|i| i.id == id)
}
