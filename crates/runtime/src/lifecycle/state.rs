//! What an interpreter keeps from its start to its end: the configuration, `sys` and `builtins`.

use super::Config;
use crate::prelude::*;
use crate::thread::InterpreterState;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// Lifecycle state of one interpreter.
#[derive(Default)]
pub struct LifecycleState {
    config: OnceLock<Box<Config>>,
    sys: AtomicPtr<abi::PyObject>,
    builtins: AtomicPtr<abi::PyObject>,
    dlopen_flags: AtomicI32,
    no_single_phase: AtomicBool,
    pub audit: super::audit::AuditState,
    /// What native modules want done at the interpreter's end.
    cleanups: Mutex<Vec<fn()>>,
    /// Sub-interpreters: where it came from, what it may do, who refers to it.
    pub sub: super::subinterp::SubState,
}

/// The number of processors that `PyConfig_Set` was told of; 0 when it was not.
pub static CPU_COUNT: core::sync::atomic::AtomicI32 = core::sync::atomic::AtomicI32::new(0);

fn module_dict(slot: &AtomicPtr<abi::PyObject>) -> &Dict {
    // SAFETY: set before any code runs, kept until the interpreter's last moments.
    match unsafe { Object::from_ptr_opt(slot.load(Acquire)) } {
        // SAFETY: only modules are stored.
        Some(m) => unsafe { m.cast::<Module>() }.dict(),
        None => nothing(),
    }
}

/// Stands for the dicts of `sys` and `builtins` when they are gone.
#[cold]
fn nothing() -> &'static Dict {
    static EMPTY: OnceLock<Ref<Dict>> = OnceLock::new();
    EMPTY.get_or_init(|| Dict::new().expect("memory for an empty dict"))
}

fn set(slot: &AtomicPtr<abi::PyObject>, m: Option<PyRef>) {
    let old = slot.swap(m.map_or(core::ptr::null_mut(), Ref::into_ptr), AcqRel);
    // SAFETY: the slot owned its reference.
    drop(unsafe { PyRef::from_ptr_opt(old) });
}

impl LifecycleState {
    pub fn set_config(&self, c: Config) {
        let _ = self.config.set(Box::new(c));
    }
    /// With the interpreter's record.
    pub(crate) fn drop_config(&mut self) {
        drop(self.config.take());
    }
    /// Single-phase modules are refused in isolated sub-interpreters.
    pub fn allow_single_phase(&self) -> bool {
        !self.no_single_phase.load(Relaxed)
    }
    pub fn set_allow_single_phase(&self, v: bool) {
        self.no_single_phase.store(!v, Relaxed);
    }
    pub fn set_sys(&self, m: PyRef) -> PyResult<()> {
        set(&self.sys, Some(m));
        Ok(())
    }
    pub fn set_builtins(&self, m: PyRef) -> PyResult<()> {
        set(&self.builtins, Some(m));
        Ok(())
    }
    /// Registers a function of a native module that drops what it keeps for this interpreter outside of its module. Runs once,
    /// attached, near the interpreter's end.
    pub fn at_end(&self, f: fn()) {
        let mut list = self.cleanups.lock().unwrap_or_else(|e| e.into_inner());
        if !list.iter().any(|&g| core::ptr::fn_addr_eq(f, g)) {
            list.push(f);
        }
    }
    pub(super) fn run_cleanups(&self) {
        let list = core::mem::take(&mut *self.cleanups.lock().unwrap_or_else(|e| e.into_inner()));
        for f in list {
            f();
        }
    }
    pub fn clear(&self) {
        set(&self.sys, None);
        set(&self.builtins, None);
    }
}

impl InterpreterState {
    /// The configuration the interpreter was started with.
    pub fn config(&self) -> &Config {
        self.lifecycle.config.get_or_init(|| Box::new(Config::default()))
    }
    /// Dict of the module `sys`.
    pub fn sys_dict(&self) -> &Dict {
        module_dict(&self.lifecycle.sys)
    }
    pub fn has_sys(&self) -> bool {
        !self.lifecycle.sys.load(Relaxed).is_null()
    }
    /// Dict of the module `builtins`.
    pub fn builtins_dict(&self) -> &Dict {
        module_dict(&self.lifecycle.builtins)
    }
    /// Flags for opening extension modules (`sys.setdlopenflags`).
    pub fn dlopen_flags(&self) -> i32 {
        match self.lifecycle.dlopen_flags.load(Relaxed) {
            0 => libc::RTLD_NOW,
            f => f,
        }
    }
    pub fn set_dlopen_flags(&self, f: i32) {
        self.lifecycle.dlopen_flags.store(f, Relaxed);
    }
}
