//! What an interpreter keeps from its start to its end: the configuration, `sys` and `builtins`.

use super::Config;
use crate::prelude::*;
use crate::thread::InterpreterState;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::OnceLock;

/// Lifecycle state of one interpreter.
#[derive(Default)]
pub struct LifecycleState {
    config: OnceLock<Box<Config>>,
    sys: AtomicPtr<abi::PyObject>,
    builtins: AtomicPtr<abi::PyObject>,
    dlopen_flags: AtomicI32,
    no_single_phase: AtomicBool,
    pub audit: super::audit::AuditState,
}

fn module_dict(slot: &AtomicPtr<abi::PyObject>) -> &Dict {
    // SAFETY: set before any code runs, kept until the interpreter ends.
    unsafe { Object::from_ptr(slot.load(Acquire)).cast::<Module>() }.dict()
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
