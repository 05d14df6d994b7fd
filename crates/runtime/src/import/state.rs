//! Import state of one interpreter.

use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// `sys.modules`, importlib and the import lock.
#[derive(Default)]
pub struct ImportState {
    modules: AtomicPtr<abi::PyObject>,
    importlib: AtomicPtr<abi::PyObject>,
    importlib_external: AtomicPtr<abi::PyObject>,
    /// The lock of `_imp.acquire_lock`.
    pub lock: crate::thread::mutex::RecursiveMutex,
    /// How many single-phase initialisations are under way.
    pub single_phase: AtomicUsize,
    /// Single-phase modules by the index of their definition (`PyState_*`).
    by_index: std::sync::Mutex<Vec<Option<PyRef>>>,
    /// Extension modules that need the GIL.
    pub gil: super::gil::GilReport,
}

fn swap(slot: &AtomicPtr<abi::PyObject>, v: Option<PyRef>) {
    let old = slot.swap(v.map_or(core::ptr::null_mut(), Ref::into_ptr), AcqRel);
    // SAFETY: the slot owned its reference.
    drop(unsafe { PyRef::from_ptr_opt(old) });
}

impl ImportState {
    /// `sys.modules` as a dict. (A replaced `sys.modules` of another type is not followed, as in CPython.)
    pub fn modules(&self) -> &Dict {
        // SAFETY: set before anything is imported, kept until the interpreter ends.
        unsafe { Object::from_ptr(self.modules.load(Acquire)).cast() }
    }
    pub fn has_modules(&self) -> bool {
        !self.modules.load(Relaxed).is_null()
    }
    pub fn set_modules(&self, d: Option<Ref<Dict>>) {
        swap(&self.modules, d.map(Ref::upcast));
    }
    /// `importlib._bootstrap`.
    pub fn importlib(&self) -> PyResult<&Object> {
        // SAFETY: kept until the interpreter ends.
        match unsafe { Object::from_ptr_opt(self.importlib.load(Acquire)) } {
            Some(m) => Ok(m),
            None => Err(raise!(ImportError, "import machinery is not initialized")),
        }
    }
    pub fn set_importlib(&self, m: Option<PyRef>) {
        swap(&self.importlib, m);
    }
    pub fn importlib_external(&self) -> Option<&Object> {
        // SAFETY: as above.
        unsafe { Object::from_ptr_opt(self.importlib_external.load(Acquire)) }
    }
    /// At the interpreter's end: forgets importlib and the single-phase modules. `sys.modules` stays, empty.
    pub(crate) fn clear(&self) {
        self.set_importlib(None);
        self.set_importlib_external(None);
        let old = core::mem::take(&mut *self.by_index.lock().unwrap_or_else(|e| e.into_inner()));
        drop(old);
        self.modules().clear();
    }
    pub fn set_importlib_external(&self, m: Option<PyRef>) {
        swap(&self.importlib_external, m);
    }
}

/// Runs `f` on the current interpreter's single-phase modules by definition index; what it returns is dropped outside the lock.
pub fn by_index<R>(f: impl FnOnce(&mut Vec<Option<PyRef>>) -> R) -> R {
    let mut v = ThreadState::current().interp().import.by_index.lock().unwrap_or_else(|e| e.into_inner());
    let r = f(&mut v);
    drop(v);
    r
}
