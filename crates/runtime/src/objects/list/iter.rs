//! List iterators, forwards and backwards.

use super::List;
use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object, track};
use crate::prelude::*;
use core::ffi::c_int;
use core::sync::atomic::AtomicIsize;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;

/// Layout of `list_iterator` and `list_reverseiterator`. The list stays in its slot until the iterator dies; an index of -1 says
/// that the iteration is over.
#[repr(C)]
pub struct ListIter {
    header: abi::PyObject,
    index: AtomicIsize,
    seq: Slot,
}
/// Layout of `list_reverseiterator`.
#[repr(transparent)]
pub struct ListRevIter(ListIter);

#[unsafe(no_mangle)]
pub static mut PyListIter_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyListRevIter_Type: Type = unready_type();
py_layout!(ListIter, PyListIter_Type);
py_layout!(ListRevIter, PyListRevIter_Type);

impl ListIter {
    pub(crate) fn create(list: &List) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<ListIter>(ListIter::type_object())?;
        it.seq.init(list.to_ref());
        Ok(track(it).upcast())
    }

    pub(crate) fn create_reversed(list: &List) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<ListRevIter>(ListRevIter::type_object())?;
        it.0.seq.init(list.to_ref());
        it.0.index.store(list.len() as isize - 1, Relaxed);
        Ok(track(it).upcast())
    }

    #[inline(always)]
    fn list(&self) -> &List {
        // SAFETY: set at creation, released by dealloc only.
        unsafe { &*self.seq.ptr().cast::<List>() }
    }

    /// The next item; the fast path of a `for` loop.
    #[inline(always)]
    pub fn next(&self) -> Option<PyRef> {
        let i = self.index.load(Relaxed);
        if i < 0 {
            return None;
        }
        self.step(i, self.list().get(i as usize))
    }

    /// `next`, counted only if need be.
    #[inline(always)]
    pub(crate) fn next_slot(&self) -> Option<crate::interp::slot::Slot> {
        let i = self.index.load(Relaxed);
        if i < 0 {
            return None;
        }
        self.step(i, self.list().get_slot(i as usize))
    }

    #[inline(always)]
    fn step<T>(&self, i: isize, item: Option<T>) -> Option<T> {
        match item {
            Some(v) => {
                self.index.store(i + 1, Relaxed);
                Some(v)
            }
            None => {
                self.index.store(-1, Relaxed);
                None
            }
        }
    }
}

fn reduced(f: PyRef, list: PyRef, index: Option<isize>) -> PyResult<PyRef> {
    let mut v = vec![f, Tuple::from_refs(vec![list])?.upcast()];
    if let Some(i) = index {
        v.push(Int::from_i64(i as i64)?.upcast());
    }
    Ok(Tuple::from_refs(v)?.upcast())
}

#[pyclass(name = "list_iterator", type_object = PyListIter_Type, flags = "HAVE_GC")]
impl ListIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> Option<PyRef> {
        self.next()
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        let i = self.index.load(Relaxed);
        if i < 0 { 0 } else { self.list().len().saturating_sub(i as usize) }
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        // Looking the function up may run the iterator.
        let f = crate::objects::support::builtin("iter")?;
        let i = self.index.load(Relaxed);
        if i < 0 {
            return reduced(f, List::new()?.upcast(), None);
        }
        reduced(f, self.list().to_ref(), Some(i))
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: isize) {
        if self.index.load(Relaxed) >= 0 {
            self.index.store(state.clamp(0, self.list().len() as isize), Relaxed);
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

#[pyclass(name = "list_reverseiterator", type_object = PyListRevIter_Type, flags = "HAVE_GC")]
impl ListRevIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> Option<PyRef> {
        let i = self.0.index.load(Relaxed);
        if i < 0 {
            return None;
        }
        match self.0.list().get(i as usize) {
            Some(v) => {
                self.0.index.store(i - 1, Relaxed);
                Some(v)
            }
            None => {
                self.0.index.store(-1, Relaxed);
                None
            }
        }
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        let i = self.0.index.load(Relaxed);
        if i < 0 || i as usize >= self.0.list().len() { 0 } else { i as usize + 1 }
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        // Looking the function up may run the iterator.
        let f = crate::objects::support::builtin("reversed")?;
        let i = self.0.index.load(Relaxed);
        if i < 0 {
            return reduced(f, List::new()?.upcast(), None);
        }
        reduced(f, self.0.list().to_ref(), Some(i))
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: isize) {
        self.0.index.store(state.clamp(-1, self.0.list().len() as isize - 1), Relaxed);
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.0.seq.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).0.seq.swap(None));
            free_object(this.cast());
        }
    }
}
