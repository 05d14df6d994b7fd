//! Objects that a native module keeps for its interpreter: its exceptions, tables and helpers of other modules.
//!
//! The main interpreter's are in the statics themselves; those of sub-interpreters in a table. Both are dropped when
//! their interpreter ends, so that the next initialisation begins afresh.

use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use runtime::prelude::*;
use runtime::thread::InterpreterState;
use std::sync::{Mutex, MutexGuard};

/// A place for one such object. Only statics of this type are of use.
pub struct Kept(AtomicPtr<abi::PyObject>);

/// What there is to drop at an interpreter's end.
#[derive(Default)]
struct Registry {
    /// Places of the main interpreter that are set.
    places: Vec<&'static Kept>,
    /// What sub-interpreters keep: (interpreter, place, object).
    others: Vec<(i64, usize, PyRef)>,
    /// Objects whose place got a new one while their interpreter (named first) lived on: others may hold them.
    replaced: Vec<(i64, PyRef)>,
}
// SAFETY: references may be held and dropped by any attached thread.
unsafe impl Send for Registry {}
static REGISTRY: Mutex<Option<Registry>> = Mutex::new(None);

fn registry() -> MutexGuard<'static, Option<Registry>> {
    REGISTRY.lock().unwrap_or_else(|e| e.into_inner())
}

/// Drops what the running interpreter keeps.
fn forget() {
    let interp = InterpreterState::current();
    let mut dead: Vec<PyRef> = Vec::new();
    if let Some(r) = registry().as_mut() {
        if interp.is_main() {
            for k in r.places.drain(..) {
                // SAFETY: the place owned its reference; no other thread of this interpreter runs any more.
                dead.extend(unsafe { PyRef::from_ptr_opt(k.0.swap(core::ptr::null_mut(), AcqRel)) });
            }
        }
        for (id, _, o) in r.others.extract_if(.., |e| e.0 == interp.id) {
            debug_assert_eq!(id, interp.id);
            dead.push(o);
        }
        dead.extend(r.replaced.extract_if(.., |e| e.0 == interp.id).map(|e| e.1));
    }
    drop(dead);
}

impl Kept {
    pub const fn new() -> Kept {
        Kept(AtomicPtr::new(core::ptr::null_mut()))
    }
    /// The object; SystemError before it is set.
    #[inline]
    pub fn get(&'static self) -> PyResult<&'static Object> {
        self.get_opt().ok_or_else(|| raise!(SystemError, "a native module is not initialised"))
    }
    #[inline]
    pub fn get_opt(&'static self) -> Option<&'static Object> {
        if !InterpreterState::current().is_main() {
            return self.get_other();
        }
        // SAFETY: kept until the interpreter's end once set.
        unsafe { Object::from_ptr_opt(self.0.load(Acquire)) }
    }
    #[cold]
    fn get_other(&'static self) -> Option<&'static Object> {
        let (id, place) = (InterpreterState::current().id, self as *const Kept as usize);
        let r = registry();
        let found = r.as_ref()?.others.iter().find(|e| e.0 == id && e.1 == place)?;
        // SAFETY: kept until the interpreter's end.
        Some(unsafe { Object::from_ptr(found.2.as_ptr()) })
    }
    /// Sets the object; an older one stays alive until the interpreter's end, because others may hold it.
    pub fn set(&'static self, o: PyRef) {
        let interp = InterpreterState::current();
        interp.lifecycle.at_end(forget);
        let mut guard = registry();
        let r = guard.get_or_insert_default();
        if interp.is_main() {
            // SAFETY: the place owned its reference.
            match unsafe { PyRef::from_ptr_opt(self.0.swap(o.into_ptr(), AcqRel)) } {
                Some(old) => r.replaced.push((interp.id, old)),
                None => r.places.push(self),
            }
            return;
        }
        let place = self as *const Kept as usize;
        match r.others.iter_mut().find(|e| e.0 == interp.id && e.1 == place) {
            Some(e) => {
                let old = core::mem::replace(&mut e.2, o);
                r.replaced.push((interp.id, old));
            }
            None => r.others.push((interp.id, place, o)),
        }
    }
    pub fn dict(&'static self) -> PyResult<&'static Dict> {
        self.get()?.downcast::<Dict>().ok_or_else(|| raise!(SystemError, "a native module's table is no dict"))
    }
    /// An attribute of a module, looked up once.
    pub fn attr_of(&'static self, module: &str, name: &str) -> PyResult<&'static Object> {
        if let Some(o) = self.get_opt() {
            return Ok(o);
        }
        let o = runtime::import::import_attr(module, name)?;
        self.set(o);
        self.get()
    }
    /// Raises an instance of the kept class.
    #[cold]
    pub fn raise(&'static self, text: core::fmt::Arguments<'_>) -> Raised {
        let made = Str::format(text).and_then(|s| self.get()?.call1(&s));
        raise_made(made)
    }
}

/// Raises what a call of an exception class gave.
#[cold]
pub fn raise_made(made: PyResult<PyRef>) -> Raised {
    match made.map(PyRef::downcast_into::<runtime::objects::BaseException>) {
        Ok(Ok(e)) => runtime::error::raise_exception(e),
        Ok(Err(_)) => raise!(TypeError, "exceptions must derive from BaseException"),
        Err(e) => e,
    }
}
