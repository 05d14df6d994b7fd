//! The `list` type: its slots and methods.

use super::iter::ListIter;
use super::{List, PyList_Type, sequence_items};
use crate::mem::Visitor;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::support::Exchange;
use crate::objects::support::{begin_dealloc, free_object, lock, no_memory};
use crate::objects::tuple::index_bound;
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Relaxed, Release};
use macros::pyclass;

impl List {
    fn repr_items(&self) -> PyResult<Ref<Str>> {
        if self.is_empty() {
            return Str::new("[]");
        }
        if repr_enter(self)? {
            return Str::new("[...]");
        }
        let r = (|| {
            let mut b = StrBuilder::new();
            b.push_char('[');
            let mut i = 0;
            while i < self.len() {
                if i > 0 {
                    b.push_str(", ");
                }
                match self.get(i) {
                    Some(o) => b.push_repr_of(&o)?,
                    // Null in a list that C code is still filling; else the list has shrunk.
                    None if i < self.len() => b.push_str("<NULL>"),
                    None => break,
                }
                i += 1;
            }
            b.push_char(']');
            b.finish()
        })();
        repr_leave(self);
        r
    }

    /// Deletes the item at `i`.
    pub fn remove_index(&self, i: isize) -> PyResult<()> {
        let old;
        {
            lock!(self);
            if i < 0 || i as usize >= self.len() {
                return Err(raise!(IndexError, "list assignment index out of range"));
            }
            old = self.splice_locked(i as usize, i as usize + 1, Vec::new())?;
        }
        drop(old);
        Ok(())
    }

    fn assign_slice(&self, s: &Slice, value: Option<&Object>) -> PyResult<()> {
        let (start, stop, step) = s.unpack()?;
        if step == 1 {
            let new = match value {
                Some(v) => sequence_items(v, "must assign iterable to extended slice")?,
                None => Vec::new(),
            };
            let old;
            {
                lock!(self);
                let ix = Slice::adjust(self.len(), start, stop, 1);
                let lo = ix.start as usize;
                let hi = (ix.stop.max(ix.start)) as usize;
                old = self.splice_locked(lo, hi, new)?;
            }
            drop(old);
            return Ok(());
        }
        let Some(v) = value else {
            let mut out = Vec::new();
            {
                lock!(self);
                let ix = Slice::adjust(self.len(), start, stop, step);
                if ix.count == 0 {
                    return Ok(());
                }
                // Ascending positions.
                let (first, stride) = if step < 0 {
                    ((ix.start + (ix.count as isize - 1) * step) as usize, (-step) as usize)
                } else {
                    (ix.start as usize, step as usize)
                };
                let n = self.len();
                let a = self.items();
                let mut next = first;
                let mut left = ix.count;
                let mut to = first;
                // SAFETY: positions in range; references move.
                unsafe {
                    for i in first..n {
                        let p = (*a.add(i)).load(Relaxed);
                        if left > 0 && i == next {
                            out.push(PyRef::from_raw(p.cast()));
                            left -= 1;
                            next = next.saturating_add(stride);
                        } else {
                            (*a.add(to)).store(p, Release);
                            to += 1;
                        }
                    }
                    self.ob_size.store(to as isize, Release);
                    for i in to..n {
                        (*a.add(i)).store(null_mut(), Release);
                    }
                }
                self.shrink_locked();
            }
            drop(out);
            return Ok(());
        };
        let new = sequence_items(v, "must assign iterable to extended slice")?;
        let mut out = Vec::with_capacity(new.len());
        {
            lock!(self);
            let ix = Slice::adjust(self.len(), start, stop, step);
            if ix.count != new.len() {
                return Err(raise!(
                    ValueError,
                    "attempt to assign sequence of size {} to extended slice of size {}",
                    new.len(),
                    ix.count
                ));
            }
            let a = self.items();
            for (k, v) in new.into_iter().enumerate() {
                let i = (ix.start + k as isize * step) as usize;
                // SAFETY: in range; the slot owned its item.
                unsafe { out.push(PyRef::from_raw((*a.add(i)).exchange(v.into_ptr()).cast())) };
            }
        }
        drop(out);
        Ok(())
    }

    fn repeated(&self, n: isize) -> PyResult<Vec<PyRef>> {
        let n = n.max(0) as usize;
        let items = self.snapshot();
        let total = items.len().checked_mul(n).filter(|t| *t < isize::MAX as usize / 8).ok_or_else(no_memory)?;
        let mut out = Vec::new();
        out.try_reserve_exact(total).map_err(|_| no_memory())?;
        for _ in 0..if items.is_empty() { 0 } else { n } {
            out.extend(items.iter().cloned());
        }
        Ok(out)
    }

    /// `list(iterable)` as an exact list.
    pub fn from_iterable(o: &Object) -> PyResult<Ref<List>> {
        let l = List::new()?;
        l.extend(o)?;
        Ok(l)
    }
}

/// list(iterable=(), /)
/// --
///
/// Built-in mutable sequence.
///
/// If no argument is given, the constructor creates a new empty list.
/// The argument must be an iterable if specified.
#[pyclass(name = "list", type_object = PyList_Type, flags = "BASETYPE|HAVE_GC|LIST_SUBCLASS|SEQUENCE|_MATCH_SELF")]
impl List {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        let l = crate::typeobject::alloc_object::<List>(cls)?;
        crate::mem::gc::track(&l);
        Ok(l.upcast())
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let args = args.for_subclass(self.ty(), List::type_object(), false);
        args.no_keywords("list")?;
        args.check_positional("list", 0, 1)?;
        if !self.is_empty() {
            self.clear();
        }
        match args.get(0) {
            Some(it) => self.extend(it),
            None => Ok(()),
        }
    }
    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("list")?;
        args.check_positional("list", 0, 1)?;
        let l = crate::typeobject::alloc_object::<List>(cls)?;
        crate::mem::gc::track(&l);
        if let Some(it) = args.get(0) {
            l.extend(it)?;
        }
        Ok(l.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        self.repr_items()
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        ListIter::create(self)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<List>() else { return Ok(not_implemented_ref()) };
        if self.len() != o.len() && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok((**Bool::of(op == CompareOp::Ne)).to_ref());
        }
        let mut i = 0;
        loop {
            // The same object is equal to itself: no reference is needed to see that.
            let (x, y) = (self.peek(i), o.peek(i));
            if x == y && !x.is_null() {
                i += 1;
                continue;
            }
            let (Some(a), Some(b)) = (self.get(i), o.get(i)) else { break };
            if !a.eq(&b)? {
                if i >= self.len() || i >= o.len() {
                    // The comparison made a list shorter: there are no items to compare any more.
                    break;
                }
                return match op {
                    CompareOp::Eq => Ok((**Bool::of(false)).to_ref()),
                    CompareOp::Ne => Ok((**Bool::of(true)).to_ref()),
                    _ => a.richcompare(&b, op),
                };
            }
            i += 1;
        }
        Ok(op.result(&self.len(), &o.len()))
    }
    #[slot]
    fn sq_length(&self) -> usize {
        self.len()
    }
    #[slot]
    fn mp_length(&self) -> usize {
        self.len()
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        if i >= 0 {
            if let Some(v) = self.get(i as usize) {
                return Ok(v);
            }
        }
        Err(raise!(IndexError, "list index out of range"))
    }
    #[slot]
    fn sq_ass_item(&self, i: isize, v: Option<&Object>) -> PyResult<()> {
        match v {
            Some(v) if i >= 0 => self.set(i as usize, v.to_ref()),
            Some(_) => Err(raise!(IndexError, "list assignment index out of range")),
            None => self.remove_index(i),
        }
    }
    #[slot]
    fn sq_contains(&self, v: &Object) -> PyResult<bool> {
        let mut i = 0;
        while let Some(o) = self.get(i) {
            if o.eq(v)? {
                return Ok(true);
            }
            i += 1;
        }
        Ok(false)
    }
    #[slot]
    fn sq_concat(&self, other: &Object) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<List>() else {
            return Err(raise!(TypeError, "can only concatenate list (not \"{}\") to list", other.ty().name_str()));
        };
        Ok(self.concat(o)?.upcast())
    }
    #[slot]
    fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
        Ok(List::from_vec(self.repeated(n)?)?.upcast())
    }
    #[slot]
    fn sq_inplace_concat(&self, other: &Object) -> PyResult<PyRef> {
        self.extend(other)?;
        Ok(self.to_ref())
    }
    #[slot]
    fn sq_inplace_repeat(&self, n: isize) -> PyResult<PyRef> {
        if n <= 0 {
            self.clear();
        } else if n > 1 {
            let more = self.repeated(n - 1)?;
            self.append_all(more)?;
        }
        Ok(self.to_ref())
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        if key.index_check() {
            let mut i = crate::objects::support::to_index(key, exc::IndexError())?;
            if i < 0 {
                i += self.len() as isize;
            }
            return Self::sq_item(self, i);
        }
        let Some(s) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "list indices must be integers or slices, not {}", key.ty().name_str()));
        };
        let (start, stop, step) = s.unpack()?;
        let items = {
            lock!(self);
            let ix = Slice::adjust(self.len(), start, stop, step);
            if ix.step == 1 {
                self.snapshot_locked(ix.start as usize, ix.start as usize + ix.count)
            } else {
                let a = self.items();
                // SAFETY: adjusted indices are in range, and the lock keeps the items.
                (0..ix.count)
                    .map(|k| unsafe {
                        crate::objects::support::take_ref_locked(
                            (*a.add((ix.start + k as isize * step) as usize)).load(Relaxed),
                        )
                    })
                    .collect()
            }
        };
        Ok(List::from_vec(items)?.upcast())
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        if key.index_check() {
            let mut i = crate::objects::support::to_index(key, exc::IndexError())?;
            if i < 0 {
                i += self.len() as isize;
            }
            return Self::sq_ass_item(self, i, value);
        }
        let Some(s) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "list indices must be integers or slices, not {}", key.ty().name_str()));
        };
        self.assign_slice(s, value)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let a = self.items();
        if a.is_null() {
            return 0;
        }
        for i in (0..self.len()).rev() {
            // SAFETY: in range; the world is stopped.
            let r = v.visit_ptr(unsafe { (*a.add(i)).load(Relaxed) });
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_clear(&self) {
        self.clear();
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying list.
        unsafe {
            begin_dealloc(this);
            (*this).release_content();
            free_object(this.cast());
        }
    }

    /// Return self[index].
    #[pymethod(coexist)]
    fn __getitem__(&self, key: &Object) -> PyResult<PyRef> {
        Self::mp_subscript(self, key)
    }
    /// Return a reverse iterator over the list.
    #[pymethod]
    fn __reversed__(&self) -> PyResult<PyRef> {
        ListIter::create_reversed(self)
    }
    /// Return the size of the list in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        self.ty().slots().tp_basicsize as usize + self.allocated.load(Relaxed).max(0) as usize * 8
    }
    /// Remove all items from list.
    #[pymethod(name = "clear")]
    fn py_clear(&self) {
        self.clear();
    }
    /// Return a shallow copy of the list.
    #[pymethod(name = "copy")]
    fn py_copy(&self) -> PyResult<Ref<List>> {
        List::from_vec(self.snapshot())
    }
    /// Append object to the end of the list.
    #[pymethod(name = "append")]
    fn py_append(&self, object: &Object) -> PyResult<()> {
        self.push(object.to_ref())
    }
    /// Insert object before index.
    #[pymethod(name = "insert")]
    fn py_insert(&self, index: isize, object: &Object) -> PyResult<()> {
        self.insert(index, object)
    }
    /// Extend list by appending elements from the iterable.
    #[pymethod(name = "extend")]
    fn py_extend(&self, iterable: &Object) -> PyResult<()> {
        self.extend(iterable)
    }
    /// Remove and return item at index (default last).
    ///
    /// Raises IndexError if list is empty or index is out of range.
    #[pymethod(name = "pop", sig = "index=-1, /")]
    fn py_pop(&self, index: isize) -> PyResult<PyRef> {
        self.pop(index)
    }
    /// Remove first occurrence of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod]
    fn remove(&self, value: &Object) -> PyResult<()> {
        let mut i = 0;
        while let Some(o) = self.get(i) {
            if o.eq(value)? {
                return self.set_slice(i as isize, i as isize + 1, None);
            }
            i += 1;
        }
        Err(raise!(ValueError, "list.remove(x): x not in list"))
    }
    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(
        name = "index",
        sig = "value, start=<0>, stop=<sys.maxsize>, /",
        text_signature = "value, start=0, stop=sys.maxsize, /"
    )]
    fn py_index(&self, value: &Object, start: Option<&Object>, stop: Option<&Object>) -> PyResult<usize> {
        let n = self.len() as isize;
        let (lo, hi) = (index_bound(start, 0, n)?, index_bound(stop, isize::MAX, n)?);
        let mut i = lo;
        while i < hi {
            let Some(o) = self.get(i as usize) else { break };
            if o.eq(value)? {
                return Ok(i as usize);
            }
            i += 1;
        }
        Err(raise!(ValueError, "list.index(x): x not in list"))
    }
    /// Return number of occurrences of value.
    #[pymethod(name = "count")]
    fn py_count(&self, value: &Object) -> PyResult<usize> {
        let (mut i, mut n) = (0, 0);
        while let Some(o) = self.get(i) {
            n += o.eq(value)? as usize;
            i += 1;
        }
        Ok(n)
    }
    /// Reverse *IN PLACE*.
    #[pymethod(name = "reverse")]
    fn py_reverse(&self) {
        self.reverse();
    }
    /// Sort the list in ascending order and return None.
    ///
    /// The sort is in-place (i.e. the list itself is modified) and stable (i.e. the
    /// order of two equal elements is maintained).
    ///
    /// If a key function is given, apply it once to each list item and sort them,
    /// ascending or descending, according to their function values.
    ///
    /// The reverse flag can be set to sort in descending order.
    #[pymethod(name = "sort", sig = "*, key=None, reverse=False")]
    fn py_sort(&self, key: Option<&Object>, reverse: bool) -> PyResult<()> {
        self.sort(key, reverse)
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
}
