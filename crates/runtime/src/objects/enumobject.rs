//! `enumerate` and `reversed`.

use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object};
use crate::prelude::*;
use core::ffi::c_int;
use core::sync::atomic::AtomicIsize;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;

/// Layout of `enumerate`: the next number (in `big` once it leaves `isize`) and the iterator.
#[repr(C)]
pub struct Enumerate {
    header: abi::PyObject,
    index: AtomicIsize,
    it: Slot,
    big: Slot,
}
/// Layout of `reversed`.
#[repr(C)]
pub struct Reversed {
    header: abi::PyObject,
    index: AtomicIsize,
    seq: Slot,
}

#[unsafe(no_mangle)]
pub static mut PyEnum_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyReversed_Type: Type = unready_type();
py_layout!(Enumerate, PyEnum_Type);
py_layout!(Reversed, PyReversed_Type);

impl Enumerate {
    fn create(cls: &Type, iterable: &Object, start: Option<&Object>) -> PyResult<PyRef> {
        let (mut index, mut big) = (0, None);
        if let Some(s) = start {
            let i = s.index()?;
            match i.try_i64() {
                Some(v) => index = v as isize,
                None => {
                    index = isize::MAX;
                    big = Some(i);
                }
            }
        }
        let it = iterable.iter()?;
        let e = crate::typeobject::alloc_object::<Enumerate>(cls)?;
        e.index.store(index, Relaxed);
        e.it.init(it);
        if let Some(b) = big {
            e.big.init(b.upcast());
        }
        crate::mem::gc::track(&e);
        Ok(e.upcast())
    }
}

impl Enumerate {
    /// The iterator, while the numbers fit into an `isize`.
    #[inline]
    pub(crate) fn small(&self) -> Option<&Object> {
        if self.index.load(Relaxed) == isize::MAX {
            return None;
        }
        // SAFETY: set at creation, emptied by dealloc only.
        Some(unsafe { Object::from_ptr(self.it.ptr()) })
    }

    /// The next number.
    #[inline]
    pub(crate) fn count(&self) -> isize {
        let i = self.index.load(Relaxed);
        self.index.store(i.saturating_add(1), Relaxed);
        i
    }
}

/// enumerate(iterable, start=0)
/// --
///
/// Return an enumerate object.
///
///   iterable
///     an object supporting iteration
///
/// The enumerate object yields pairs containing a count (from start, which
/// defaults to zero) and a value yielded by the iterable argument.
///
/// enumerate is useful for obtaining an indexed list:
///     (0, seq[0]), (1, seq[1]), (2, seq[2]), ...
#[pyclass(name = "enumerate", type_object = PyEnum_Type, flags = "BASETYPE|HAVE_GC")]
impl Enumerate {
    #[slot(sig = "iterable, start=0")]
    fn tp_new(cls: &Type, iterable: &Object, start: Arg<&Object>) -> PyResult<PyRef> {
        Self::create(cls, iterable, start.into_option())
    }
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<Ref<Tuple>>> {
        let Some(it) = self.it.get(self) else { return Ok(None) };
        let Some(v) = it.iter_next()? else { return Ok(None) };
        let i = self.index.load(Relaxed);
        let n: PyRef = if i == isize::MAX {
            let n = match self.big.get(self) {
                Some(n) => n,
                None => Int::from_i64(i as i64)?.upcast(),
            };
            let next = n.add(&*Int::from_i64(1)?)?;
            drop(self.big.replace(self, Some(next)));
            n
        } else {
            self.index.store(i + 1, Relaxed);
            Int::from_i64(i as i64)?.upcast()
        };
        Ok(Some(Tuple::pair(n, v)?))
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let n = match self.big.get(self) {
            Some(n) => n,
            None => Int::from_i64(self.index.load(Relaxed) as i64)?.upcast(),
        };
        let it = self.it.get(self).unwrap_or_else(none_ref);
        Ok(Tuple::pair((**self.ty()).to_ref(), Tuple::pair(it, n)?.upcast())?.upcast())
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.it.ptr());
        if r != 0 { r } else { v.visit_ptr(self.big.ptr()) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).it.swap(None));
            drop((*this).big.swap(None));
            free_object(this.cast());
        }
    }
}

/// `reversed(seq)`.
pub fn reversed(cls: &Type, seq: &Object) -> PyResult<PyRef> {
    match seq.lookup_special(intern!("__reversed__"))? {
        Some(m) if m.is_none() => return Err(raise!(TypeError, "'{}' object is not reversible", seq.ty().name_str())),
        Some(m) => return m.call0(),
        None => {}
    }
    if !seq.sequence_check() {
        return Err(raise!(TypeError, "'{}' object is not reversible", seq.ty().name_str()));
    }
    let n = seq.len()?;
    let r = crate::typeobject::alloc_object::<Reversed>(cls)?;
    r.index.store(n as isize - 1, Relaxed);
    r.seq.init(seq.to_ref());
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

/// reversed(sequence, /)
/// --
///
/// Return a reverse iterator over the values of the given sequence.
#[pyclass(name = "reversed", type_object = PyReversed_Type, flags = "BASETYPE|HAVE_GC")]
impl Reversed {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if core::ptr::eq(cls, Reversed::type_object()) {
            args.no_keywords("reversed")?;
        }
        args.check_positional("reversed", 1, 1)?;
        reversed(cls, args.args[0])
    }
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let i = self.index.load(Relaxed);
        if i >= 0 {
            if let Some(seq) = self.seq.get(self) {
                match seq.get_item_index(i) {
                    Ok(v) => {
                        self.index.store(i - 1, Relaxed);
                        return Ok(Some(v));
                    }
                    Err(e) if e.matches(exc::IndexError()) || e.matches(exc::StopIteration()) => e.clear(),
                    Err(e) => return Err(e),
                }
            }
        }
        self.index.store(-1, Relaxed);
        drop(self.seq.replace(self, None));
        Ok(None)
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> PyResult<usize> {
        let Some(seq) = self.seq.get(self) else { return Ok(0) };
        let at = self.index.load(Relaxed) + 1;
        let n = seq.len()? as isize;
        Ok(if n < at { 0 } else { at as usize })
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let ty = (**self.ty()).to_ref();
        match self.seq.get(self) {
            Some(s) => {
                let args = Tuple::from_refs(vec![s])?.upcast();
                Ok(Tuple::from_refs(vec![ty, args, Int::from_i64(self.index.load(Relaxed) as i64)?.upcast()])?.upcast())
            }
            None => Ok(Tuple::pair(ty, Tuple::from_refs(vec![Tuple::empty().upcast()])?.upcast())?.upcast()),
        }
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: isize) -> PyResult<()> {
        if let Some(seq) = self.seq.get(self) {
            let n = seq.len()? as isize;
            self.index.store(state.clamp(-1, n - 1), Relaxed);
        }
        Ok(())
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
