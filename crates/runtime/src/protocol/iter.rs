//! Iteration.

use super::{failed, own};
use crate::prelude::*;
use crate::typeobject::alloc::_PyObject_NextNotImplemented;
use abi::PyObject;
use core::ptr::fn_addr_eq;

type P = *mut PyObject;

/// The iterator that counts indices for an object with `__getitem__` only.
pub fn seq_iter(o: &Object) -> PyResult<PyRef> {
    crate::objects::iterobject::seq_iter(o)
}

impl Object {
    pub fn iter(&self) -> PyResult<PyRef> {
        let ty = self.ty();
        let Some(f) = ty.slots().tp_iter else {
            if self.sequence_check() {
                return seq_iter(self);
            }
            return Err(raise!(TypeError, "'{}' object is not iterable", ty.tp_name()));
        };
        super::enter_recursive_call("")?;
        // SAFETY: a C slot.
        let r = unsafe { own(f(self.as_ptr()))? };
        if !r.is_iter() {
            return Err(raise!(TypeError, "iter() returned non-iterator of type '{}'", r.ty().tp_name()));
        }
        Ok(r)
    }

    /// The next item; `None` at the end.
    #[inline]
    pub fn iter_next(&self) -> PyResult<Option<PyRef>> {
        let Some(f) = self.ty().slots().tp_iternext else {
            return Err(raise!(TypeError, "'{}' object is not an iterator", self.ty().tp_name()));
        };
        super::enter_recursive_call("")?;
        // SAFETY: a C slot.
        let r = unsafe { PyRef::from_ptr_opt(f(self.as_ptr())) };
        if r.is_none() && crate::error::error_occurred() {
            let e = failed();
            if e.matches(exc::StopIteration()) {
                e.clear();
                return Ok(None);
            }
            return Err(e);
        }
        Ok(r)
    }

    /// Calls `f` with every item of the iterable.
    pub fn for_each(&self, mut f: impl FnMut(PyRef) -> PyResult<()>) -> PyResult<()> {
        if let Some(t) = self.downcast_exact::<Tuple>() {
            for x in t.iter() {
                f(x.to_ref())?;
            }
            return Ok(());
        }
        let it = self.iter()?;
        while let Some(x) = it.iter_next()? {
            f(x)?;
        }
        Ok(())
    }

    #[inline]
    pub fn is_iter(&self) -> bool {
        self.ty()
            .slots()
            .tp_iternext
            .is_some_and(|f| !fn_addr_eq(f, _PyObject_NextNotImplemented as unsafe extern "C" fn(P) -> P))
    }
}
