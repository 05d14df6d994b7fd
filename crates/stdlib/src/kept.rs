//! Objects that a native module keeps for the life of the process: its exceptions, tables and helpers of other modules.

use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use runtime::prelude::*;

/// A place for one such object.
pub struct Kept(AtomicPtr<abi::PyObject>);

impl Kept {
    pub const fn new() -> Kept {
        Kept(AtomicPtr::new(core::ptr::null_mut()))
    }
    /// The object; SystemError before it is set.
    #[inline]
    pub fn get(&self) -> PyResult<&'static Object> {
        self.get_opt().ok_or_else(|| raise!(SystemError, "a native module is not initialised"))
    }
    #[inline]
    pub fn get_opt(&self) -> Option<&'static Object> {
        // SAFETY: kept for ever once set.
        unsafe { Object::from_ptr_opt(self.0.load(Acquire)) }
    }
    /// Sets the object; an older one stays alive, because others may hold it.
    pub fn set(&self, o: PyRef) {
        self.0.swap(o.into_ptr(), AcqRel);
    }
    pub fn dict(&self) -> PyResult<&'static Dict> {
        self.get()?.downcast::<Dict>().ok_or_else(|| raise!(SystemError, "a native module's table is no dict"))
    }
    /// An attribute of a module, looked up once.
    pub fn attr_of(&self, module: &str, name: &str) -> PyResult<&'static Object> {
        if let Some(o) = self.get_opt() {
            return Ok(o);
        }
        let o = runtime::import::import_attr(module, name)?;
        self.set(o);
        self.get()
    }
    /// Raises an instance of the kept class.
    #[cold]
    pub fn raise(&self, text: core::fmt::Arguments<'_>) -> Raised {
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
