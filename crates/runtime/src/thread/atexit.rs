//! Functions to call when the interpreter ends: the state of the `atexit` module and of `Py_AtExit`.

use super::mutex::RawMutex;
use crate::object::{Object, PyRef, Ref};
use crate::objects::{Dict, Tuple};
use crate::prelude::PyResult;
use core::cell::UnsafeCell;
use core::ffi::c_void;

/// One registered call.
#[derive(Clone)]
pub struct Entry {
    pub func: PyRef,
    pub args: Ref<Tuple>,
    pub kwargs: Option<Ref<Dict>>,
}

/// `PyUnstable_AtExit`'s functions.
pub type CFunc = (unsafe extern "C" fn(*mut c_void), *mut c_void);

/// Per-interpreter list, run in reverse order.
#[derive(Default)]
pub struct AtExit {
    lock: RawMutex,
    calls: UnsafeCell<Vec<Entry>>,
    c_calls: UnsafeCell<Vec<CFunc>>,
}
// SAFETY: the lists are only touched under the lock.
unsafe impl Sync for AtExit {}

impl AtExit {
    pub fn register(&self, e: Entry) {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.calls.get()).push(e) });
    }

    pub fn register_c(&self, f: CFunc) {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.c_calls.get()).push(f) });
    }

    fn snapshot(&self) -> Vec<Entry> {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.calls.get()).clone() })
    }

    pub fn len(&self) -> usize {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.calls.get()).len() })
    }

    pub fn clear(&self) {
        // SAFETY: under the lock; dropped outside.
        let old = self.lock.with_raw(|| unsafe { core::mem::take(&mut *self.calls.get()) });
        drop(old);
    }

    /// Removes the calls of functions equal to `func`.
    pub fn unregister(&self, func: &Object) -> PyResult<()> {
        for e in self.snapshot() {
            if e.func.eq(func)? {
                // SAFETY: under the lock; dropped outside.
                let gone = self.lock.with_raw(|| unsafe {
                    let v = &mut *self.calls.get();
                    v.iter()
                        .position(|x| x.func.is(&e.func) && core::ptr::eq(x.args.as_raw(), e.args.as_raw()))
                        .map(|i| v.remove(i))
                });
                drop(gone);
            }
        }
        Ok(())
    }

    /// Runs everything, last registered first. Exceptions go to the unraisable hook.
    pub fn run(&self) {
        loop {
            // SAFETY: under the lock.
            let Some(e) = self.lock.with_raw(|| unsafe { (*self.calls.get()).pop() }) else { break };
            if e.func.call_dict(&e.args, e.kwargs.as_deref()).is_err() {
                crate::objects::exceptions::display::write_unraisable_repr(
                    "Exception ignored in atexit callback",
                    &e.func,
                );
            }
        }
        loop {
            // SAFETY: under the lock.
            let Some((f, arg)) = self.lock.with_raw(|| unsafe { (*self.c_calls.get()).pop() }) else { break };
            // SAFETY: registered together.
            unsafe { f(arg) };
        }
    }
}

/// `Py_AtExit`'s functions: called when everything else of the runtime has ended, last registered first.
struct AfterEnd {
    lock: RawMutex,
    calls: UnsafeCell<Vec<unsafe extern "C" fn()>>,
}
// SAFETY: the list is only touched under the lock.
unsafe impl Sync for AfterEnd {}

static AFTER_END: AfterEnd = AfterEnd { lock: RawMutex::new(), calls: UnsafeCell::new(Vec::new()) };
/// As many functions as CPython has room for.
const AFTER_END_LIMIT: usize = 32;

/// Registers a function to call after the end; false when there are too many.
pub fn register_after_end(f: unsafe extern "C" fn()) -> bool {
    AFTER_END.lock.with_raw(|| {
        // SAFETY: under the lock.
        let calls = unsafe { &mut *AFTER_END.calls.get() };
        let room = calls.len() < AFTER_END_LIMIT;
        if room {
            calls.push(f);
        }
        room
    })
}

/// Calls what `register_after_end` was given. No thread state is attached, Python may not be called.
pub fn run_after_end() {
    loop {
        // SAFETY: under the lock.
        let Some(f) = AFTER_END.lock.with_raw(|| unsafe { (*AFTER_END.calls.get()).pop() }) else { break };
        // SAFETY: C's own function without arguments.
        unsafe { f() };
    }
}
