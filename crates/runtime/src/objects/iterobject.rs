//! Sequence iterators (`__getitem__` protocol) and `iter(callable, sentinel)`.

use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, builtin, free_object, track};
use crate::prelude::*;
use core::ffi::c_int;
use core::sync::atomic::AtomicIsize;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;

/// Layout of `iterator`: index and sequence (empty when exhausted).
#[repr(C)]
pub struct SeqIter {
    header: abi::PyObject,
    index: AtomicIsize,
    seq: Slot,
}
/// Layout of `callable_iterator`.
#[repr(C)]
pub struct CallIter {
    header: abi::PyObject,
    callable: Slot,
    sentinel: Slot,
}

#[unsafe(no_mangle)]
pub static mut PySeqIter_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyCallIter_Type: Type = unready_type();
py_layout!(SeqIter, PySeqIter_Type);
py_layout!(CallIter, PyCallIter_Type);

/// `PySeqIter_New`.
pub fn seq_iter(seq: &Object) -> PyResult<PyRef> {
    let it = crate::typeobject::alloc_object::<SeqIter>(SeqIter::type_object())?;
    it.seq.init(seq.to_ref());
    Ok(track(it).upcast())
}

/// `PyCallIter_New`.
pub fn call_iter(callable: &Object, sentinel: &Object) -> PyResult<PyRef> {
    let it = crate::typeobject::alloc_object::<CallIter>(CallIter::type_object())?;
    it.callable.init(callable.to_ref());
    it.sentinel.init(sentinel.to_ref());
    Ok(track(it).upcast())
}

#[pyclass(name = "iterator", type_object = PySeqIter_Type, flags = "HAVE_GC")]
impl SeqIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let Some(seq) = self.seq.get(self) else { return Ok(None) };
        let i = self.index.load(Relaxed);
        if i == isize::MAX {
            return Err(raise!(OverflowError, "iter index too large"));
        }
        match seq.get_item_index(i) {
            Ok(v) => {
                self.index.store(i + 1, Relaxed);
                Ok(Some(v))
            }
            Err(e) if e.matches(exc::IndexError()) || e.matches(exc::StopIteration()) => {
                e.clear();
                drop(self.seq.replace(self, None));
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> PyResult<PyRef> {
        if let Some(seq) = self.seq.get(self) {
            let m = seq.ty().slots();
            // SAFETY: the method tables of a ready type are valid.
            let has_len = unsafe {
                m.tp_as_sequence.as_ref().is_some_and(|s| s.sq_length.is_some())
                    || m.tp_as_mapping.as_ref().is_some_and(|s| s.mp_length.is_some())
            };
            if !has_len {
                return Ok(crate::objects::not_implemented_ref());
            }
            let n = seq.len()? as isize - self.index.load(Relaxed);
            return Ok(Int::from_i64(n.max(0) as i64)?.upcast());
        }
        Ok(Int::from_i64(0)?.upcast())
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let iter = builtin("iter")?;
        match self.seq.get(self) {
            Some(s) => {
                let args = Tuple::from_refs(vec![s])?.upcast();
                Ok(Tuple::from_refs(vec![iter, args, Int::from_i64(self.index.load(Relaxed) as i64)?.upcast()])?
                    .upcast())
            }
            None => Ok(Tuple::pair(iter, Tuple::from_refs(vec![Tuple::empty().upcast()])?.upcast())?.upcast()),
        }
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: isize) {
        if !self.seq.is_empty() {
            self.index.store(state.max(0), Relaxed);
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.seq.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).seq.swap(None));
            free_object(this.cast());
        }
    }
}

#[pyclass(name = "callable_iterator", type_object = PyCallIter_Type, flags = "HAVE_GC")]
impl CallIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let (Some(f), Some(s)) = (self.callable.get(self), self.sentinel.get(self)) else { return Ok(None) };
        match f.call0() {
            Ok(v) => {
                // The call may have exhausted this iterator.
                if self.callable.is_empty() {
                    return Ok(None);
                }
                if !s.eq(&v)? {
                    return Ok(Some(v));
                }
            }
            Err(e) if e.matches(exc::StopIteration()) => e.clear(),
            Err(e) => return Err(e),
        }
        drop(self.callable.replace(self, None));
        drop(self.sentinel.replace(self, None));
        Ok(None)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let iter = builtin("iter")?;
        let args = match (self.callable.get(self), self.sentinel.get(self)) {
            (Some(f), Some(s)) => Tuple::pair(f, s)?,
            _ => Tuple::from_refs(vec![Tuple::empty().upcast()])?,
        };
        Ok(Tuple::pair(iter, args.upcast())?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.callable.ptr());
        if r != 0 { r } else { v.visit_ptr(self.sentinel.ptr()) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).callable.swap(None));
            drop((*this).sentinel.swap(None));
            free_object(this.cast());
        }
    }
}
