//! Import state of one interpreter.

use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

/// `sys.modules`, importlib and the import lock.
#[derive(Default)]
pub struct ImportState {
    modules: AtomicPtr<abi::PyObject>,
    importlib: AtomicPtr<abi::PyObject>,
    importlib_external: AtomicPtr<abi::PyObject>,
    /// Owner (thread id) and depth of `_imp.acquire_lock`.
    pub lock: parking_lot_lite::Recursive,
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
    pub fn set_importlib_external(&self, m: Option<PyRef>) {
        swap(&self.importlib_external, m);
    }
}

/// The import lock of `_imp`: recursive, owned by a thread.
pub mod parking_lot_lite {
    use crate::arch;
    use core::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

    /// A recursive lock that detaches the thread state while it waits.
    #[derive(Default)]
    pub struct Recursive {
        owner: AtomicUsize,
        depth: AtomicUsize,
    }

    impl Recursive {
        pub fn acquire(&self) {
            let me = arch::thread_id();
            if self.owner.load(Relaxed) == me {
                self.depth.fetch_add(1, Relaxed);
                return;
            }
            while self.owner.compare_exchange(0, me, Acquire, Relaxed).is_err() {
                crate::thread::detach(std::thread::yield_now);
            }
            self.depth.store(1, Relaxed);
        }
        /// `false` when this thread does not hold it.
        pub fn release(&self) -> bool {
            if self.owner.load(Relaxed) != arch::thread_id() {
                return false;
            }
            if self.depth.fetch_sub(1, Relaxed) == 1 {
                self.owner.store(0, Release);
            }
            true
        }
        pub fn held(&self) -> bool {
            self.owner.load(Relaxed) != 0
        }
        /// After fork in the child: only this thread is left.
        pub fn reinit_after_fork(&self) {
            if self.owner.load(Relaxed) != arch::thread_id() {
                self.depth.store(0, Relaxed);
                self.owner.store(0, Release);
            }
        }
    }
}

/// Runs `f` on the current interpreter's single-phase modules by definition index; what it returns is dropped outside the lock.
pub fn by_index<R>(f: impl FnOnce(&mut Vec<Option<PyRef>>) -> R) -> R {
    let mut v = ThreadState::current().interp().import.by_index.lock().unwrap_or_else(|e| e.into_inner());
    let r = f(&mut v);
    drop(v);
    r
}
