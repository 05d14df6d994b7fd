//! `tuple`: immutable sequence, items inline, hash cached in the object.

use crate::mem::Visitor;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::singletons::{immortal_header, unready_type};
use crate::objects::support::{Slot, begin_dealloc, free_object, track};
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::sync::atomic::Ordering::{Relaxed, Release};
use core::sync::atomic::{AtomicIsize, AtomicPtr};
use macros::pyclass;

/// Layout of `tuple` objects; `ob_size` items follow.
#[repr(C)]
pub struct Tuple {
    header: abi::PyObject,
    ob_size: AtomicIsize,
    /// -1 until computed.
    ob_hash: AtomicIsize,
    ob_item: [AtomicPtr<abi::PyObject>; 0],
}
const _: () = assert!(core::mem::offset_of!(Tuple, ob_item) == core::mem::offset_of!(abi::PyTupleObject, ob_item));

#[unsafe(no_mangle)]
pub static mut PyTuple_Type: Type = unready_type();
py_layout!(Tuple, PyTuple_Type, abi::Py_TPFLAGS_TUPLE_SUBCLASS);

/// `()`.
static mut EMPTY_TUPLE: Tuple = Tuple {
    header: immortal_header(&raw mut PyTuple_Type),
    ob_size: AtomicIsize::new(0),
    ob_hash: AtomicIsize::new(-1),
    ob_item: [],
};

impl Tuple {
    /// The empty tuple.
    #[inline]
    pub fn empty() -> Ref<Tuple> {
        // SAFETY: immortal static.
        unsafe { Ref::from_raw(&raw mut EMPTY_TUPLE) }
    }

    /// The empty tuple, borrowed.
    #[inline]
    pub fn empty_static() -> &'static Tuple {
        // SAFETY: immortal static.
        unsafe { &*(&raw const EMPTY_TUPLE) }
    }

    /// A tuple of `n` items whose slots are still null: fill them with `init_item`, then make it known to the collector with
    /// `finish`. (An unfinished tuple that is dropped is fine.)
    #[inline]
    pub fn with_len(n: usize) -> PyResult<Ref<Tuple>> {
        Self::with_len_of(Tuple::type_object(), n)
    }

    /// The same for a subclass.
    #[inline]
    pub fn with_len_of(ty: &Type, n: usize) -> PyResult<Ref<Tuple>> {
        if n == 0 && core::ptr::eq(ty, Tuple::type_object()) {
            return Ok(Self::empty());
        }
        if n > isize::MAX as usize / 8 - 16 {
            return Err(super::support::no_memory());
        }
        let t = crate::typeobject::alloc_var_object::<Tuple>(ty, n)?;
        t.ob_size.store(n as isize, Relaxed);
        t.ob_hash.store(-1, Relaxed);
        Ok(t)
    }

    /// Fills a slot of a tuple not yet shared.
    /// # Safety
    /// The tuple is new, the slot is null and in range.
    #[inline(always)]
    pub unsafe fn init_item(&self, i: usize, v: PyRef) {
        // SAFETY: the caller's promise.
        unsafe { (*self.slots().add(i)).store(v.into_ptr(), Release) }
    }

    #[inline(always)]
    fn slots(&self) -> *mut AtomicPtr<abi::PyObject> {
        self.ob_item.as_ptr().cast_mut()
    }

    /// A tuple that takes over the references.
    pub fn new(items: Vec<PyRef>) -> PyResult<Ref<Tuple>> {
        let t = Self::with_len(items.len())?;
        if items.is_empty() {
            return Ok(t);
        }
        for (i, v) in items.into_iter().enumerate() {
            // SAFETY: new, in range.
            unsafe { t.init_item(i, v) };
        }
        Ok(track(t))
    }

    /// Same as `new`.
    pub fn from_refs(items: Vec<PyRef>) -> PyResult<Ref<Tuple>> {
        Self::new(items)
    }

    /// A tuple of `n` items that `item` gives one after the other. After an error the remaining items are still asked for
    /// (and dropped): they may own something.
    #[inline]
    pub fn build(n: usize, mut item: impl FnMut(usize) -> PyResult<PyRef>) -> PyResult<Ref<Tuple>> {
        if n == 0 {
            return Ok(Self::empty());
        }
        let t = Self::with_len(n);
        let mut error = None;
        for i in 0..n {
            match (item(i), &t) {
                // SAFETY: new, in range.
                (Ok(v), Ok(t)) => unsafe { t.init_item(i, v) },
                (Ok(_), Err(_)) => {}
                (Err(e), _) => error = Some(e),
            }
        }
        match error {
            Some(e) => Err(e),
            None => Ok(track(t?)),
        }
    }

    /// A tuple of two.
    #[inline]
    pub fn pair(a: PyRef, b: PyRef) -> PyResult<Ref<Tuple>> {
        let t = Self::with_len(2)?;
        // SAFETY: new, in range.
        unsafe {
            t.init_item(0, a);
            t.init_item(1, b);
        }
        Ok(track(t))
    }

    /// A tuple of new references to the items.
    pub fn from_slice(items: &[&Object]) -> PyResult<Ref<Tuple>> {
        Self::from_slice_of(Tuple::type_object(), items)
    }

    /// The same for a subclass.
    pub fn from_slice_of(ty: &Type, items: &[&Object]) -> PyResult<Ref<Tuple>> {
        let t = Self::with_len_of(ty, items.len())?;
        for (i, v) in items.iter().enumerate() {
            // SAFETY: new, in range.
            unsafe { t.init_item(i, v.to_ref()) };
        }
        if t.is_immortal() { Ok(t) } else { Ok(track(t)) }
    }

    /// Same as `from_slice`.
    pub fn pack(items: &[&Object]) -> PyResult<Ref<Tuple>> {
        Self::from_slice(items)
    }

    /// Makes a tuple filled with `init_item` known to the collector.
    pub fn finish(t: Ref<Tuple>) -> Ref<Tuple> {
        if t.is_immortal() { t } else { track(t) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.ob_size.load(Relaxed) as usize
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items.
    #[inline(always)]
    pub fn as_slice(&self) -> &[&Object] {
        // SAFETY: a published tuple has no null item and never changes; `&Object` is one non-null pointer.
        unsafe { core::slice::from_raw_parts(self.slots().cast(), self.len()) }
    }

    /// The item at an index in range.
    #[inline(always)]
    pub fn get(&self, i: usize) -> &Object {
        self.as_slice()[i]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.as_slice().iter().copied()
    }

    /// Items as the C API sees them.
    #[inline(always)]
    pub fn items_ptr(&self) -> *mut *mut abi::PyObject {
        self.slots().cast()
    }

    /// `t[lo:hi]` with bounds clamped to the length.
    pub fn slice(&self, lo: usize, hi: usize) -> PyResult<Ref<Tuple>> {
        let hi = hi.min(self.len());
        let lo = lo.min(hi);
        if lo == 0 && hi == self.len() && core::ptr::eq(self.ty(), Tuple::type_object()) {
            return Ok(Ref::new_ref(self));
        }
        Self::from_slice(&self.as_slice()[lo..hi])
    }

    /// An exact tuple with the items of any iterable.
    pub fn from_iterable(o: &Object) -> PyResult<Ref<Tuple>> {
        if let Some(t) = o.downcast_exact::<Tuple>() {
            return Ok(Ref::new_ref(t));
        }
        if let Some(l) = o.downcast_exact::<List>() {
            return Self::new(l.snapshot());
        }
        let it = o.iter()?;
        let mut v = Vec::with_capacity(o.length_hint(8)?.min(1 << 20));
        while let Some(x) = it.iter_next()? {
            v.push(x);
        }
        Self::new(v)
    }

    fn compute_hash(&self) -> PyResult<isize> {
        hash_items(self.iter(), Some(self.len()))
    }

    /// `repr` of the items between parentheses.
    fn repr_items(&self) -> PyResult<Ref<Str>> {
        if self.is_empty() {
            return Str::new("()");
        }
        if repr_enter(self)? {
            return Str::new("(...)");
        }
        let r = (|| {
            let mut b = StrBuilder::new();
            b.push_char('(');
            for i in 0..self.len() {
                if i > 0 {
                    b.push_str(", ");
                }
                // SAFETY: in range; a tuple that C code is still filling has null items.
                match unsafe { Object::from_ptr_opt(*self.items_ptr().add(i)) } {
                    Some(o) => b.push_repr_of(o)?,
                    None => b.push_str("<NULL>"),
                }
            }
            b.push_str(if self.len() == 1 { ",)" } else { ")" });
            b.finish()
        })();
        repr_leave(self);
        r
    }

    fn index_in(&self, i: isize) -> PyResult<PyRef> {
        if i < 0 || i as usize >= self.len() {
            return Err(raise!(IndexError, "tuple index out of range"));
        }
        Ok(self.get(i as usize).to_ref())
    }
}

/// xxHash's round over the items' hashes; a tuple's hash also takes its length in.
pub(crate) fn hash_items<'a>(items: impl Iterator<Item = &'a Object>, len: Option<usize>) -> PyResult<isize> {
    const P1: u64 = 11400714785074694791;
    const P2: u64 = 14029467366897019727;
    const P5: u64 = 2870177450012600261;
    let mut acc = P5;
    for o in items {
        let h = super::dict::raw_hash(o)?;
        acc = acc.wrapping_add((h as u64).wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1);
    }
    if let Some(n) = len {
        acc = acc.wrapping_add(n as u64 ^ (P5 ^ 3527539));
    }
    Ok(if acc == u64::MAX { 1546275796 } else { acc as isize })
}

/// Compares two item slices as sequences do.
pub(crate) fn compare_slices(a: &[&Object], b: &[&Object], op: CompareOp) -> PyResult<PyRef> {
    let n = a.len().min(b.len());
    for i in 0..n {
        if !a[i].eq(b[i])? {
            return match op {
                CompareOp::Eq => Ok((**Bool::of(false)).to_ref()),
                CompareOp::Ne => Ok((**Bool::of(true)).to_ref()),
                _ => a[i].richcompare(b[i], op),
            };
        }
    }
    Ok(op.result(&a.len(), &b.len()))
}

/// tuple(iterable=(), /)
/// --
///
/// Built-in immutable sequence.
///
/// If no argument is given, the constructor returns an empty tuple.
/// If iterable is specified the tuple is initialized from iterable's items.
///
/// If the argument is a tuple, the return value is the same object.
#[pyclass(
    name = "tuple",
    type_object = PyTuple_Type,
    flags = "BASETYPE|HAVE_GC|TUPLE_SUBCLASS|SEQUENCE|_MATCH_SELF",
    basicsize = core::mem::offset_of!(Tuple, ob_item),
    itemsize = 8
)]
impl Tuple {
    #[slot(sig = "iterable=(), /")]
    fn tp_new(cls: &Type, iterable: Arg<&Object>) -> PyResult<PyRef> {
        let exact = core::ptr::eq(cls, Tuple::type_object());
        let t = match iterable {
            Arg::Missing => Tuple::empty(),
            Arg::Given(o) => Tuple::from_iterable(o)?,
        };
        if exact {
            return Ok(t.upcast());
        }
        Ok(Tuple::from_slice_of(cls, t.as_slice())?.upcast())
    }
    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("tuple")?;
        args.check_positional("tuple", 0, 1)?;
        Self::tp_new(cls, args.get(0).map_or(Arg::Missing, Arg::Given))
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        self.repr_items()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let h = self.ob_hash.load(Relaxed);
        if h != -1 {
            return Ok(h);
        }
        crate::protocol::enter_recursive_call(" while hashing a tuple")?;
        let h = self.compute_hash();
        crate::protocol::leave_recursive_call();
        let h = h?;
        self.ob_hash.store(h, Relaxed);
        Ok(h)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Tuple>() else { return Ok(not_implemented_ref()) };
        compare_slices(self.as_slice(), o.as_slice(), op)
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<TupleIter>(TupleIter::type_object())?;
        it.seq.init(self.to_ref());
        Ok(track(it).upcast())
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
        self.index_in(i)
    }
    #[slot]
    fn sq_contains(&self, v: &Object) -> PyResult<bool> {
        for o in self.iter() {
            if o.eq(v)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
    #[slot]
    fn sq_concat(&self, other: &Object) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "can only concatenate tuple (not \"{}\") to tuple", other.ty().name_str()));
        };
        if o.is_empty() && core::ptr::eq(self.ty(), Tuple::type_object()) {
            return Ok(self.to_ref());
        }
        if self.is_empty() && core::ptr::eq(o.ty(), Tuple::type_object()) {
            return Ok(o.to_ref());
        }
        let t = Tuple::with_len(self.len() + o.len())?;
        for (i, x) in self.iter().chain(o.iter()).enumerate() {
            // SAFETY: new, in range.
            unsafe { t.init_item(i, x.to_ref()) };
        }
        Ok(Tuple::finish(t).upcast())
    }
    #[slot]
    fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
        let n = n.max(0) as usize;
        if (self.is_empty() || n == 1) && core::ptr::eq(self.ty(), Tuple::type_object()) {
            return Ok(self.to_ref());
        }
        let total =
            self.len().checked_mul(n).filter(|t| *t < isize::MAX as usize / 8).ok_or_else(super::support::no_memory)?;
        let t = Tuple::with_len(total)?;
        let mut i = 0;
        for _ in 0..n {
            for x in self.iter() {
                // SAFETY: new, in range.
                unsafe { t.init_item(i, x.to_ref()) };
                i += 1;
            }
        }
        Ok(Tuple::finish(t).upcast())
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        if key.index_check() {
            let mut i = crate::objects::support::to_index(key, exc::IndexError())?;
            if i < 0 {
                i += self.len() as isize;
            }
            return self.index_in(i);
        }
        let Some(s) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "tuple indices must be integers or slices, not {}", key.ty().name_str()));
        };
        let ix = s.indices(self.len())?;
        if ix.step == 1 {
            return Ok(self.slice(ix.start as usize, ix.start as usize + ix.count)?.upcast());
        }
        let items: Vec<&Object> = (0..ix.count).map(|k| self.get((ix.start + k as isize * ix.step) as usize)).collect();
        Ok(Tuple::from_slice(&items)?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for i in 0..self.len() {
            // SAFETY: in range; a tuple under construction may hold nulls, which are skipped.
            let r = v.visit_ptr(unsafe { (*self.slots().add(i)).load(Relaxed) });
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying tuple.
        unsafe {
            begin_dealloc(this);
            let t = &*this;
            for i in 0..t.len() {
                let p = (*t.slots().add(i)).load(Relaxed);
                if !p.is_null() {
                    crate::object::decref(p);
                }
            }
            free_object(this.cast());
        }
    }
    #[pymethod]
    fn __getnewargs__(&self) -> PyResult<Ref<Tuple>> {
        Tuple::from_refs(vec![Tuple::from_slice(self.as_slice())?.upcast()])
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
        let (lo, hi) = (index_bound(start, 0, n)?, index_bound(stop, n, n)?);
        for i in lo..hi {
            if self.get(i as usize).eq(value)? {
                return Ok(i as usize);
            }
        }
        Err(raise!(ValueError, "tuple.index(x): x not in tuple"))
    }
    /// Return number of occurrences of value.
    #[pymethod(name = "count")]
    fn py_count(&self, value: &Object) -> PyResult<usize> {
        let mut n = 0;
        for o in self.iter() {
            n += o.eq(value)? as usize;
        }
        Ok(n)
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
}

/// A `start`/`stop` argument of `index`: clamped into `0..=n`.
pub(crate) fn index_bound(o: Option<&Object>, default: isize, n: isize) -> PyResult<isize> {
    let Some(o) = o else { return Ok(default) };
    if !o.index_check() {
        return Err(raise!(TypeError, "slice indices must be integers or have an __index__ method"));
    }
    let i = super::slice::clamp_index(o)?;
    Ok(if i < 0 { (i + n).max(0) } else { i.min(n) })
}

/// Layout of `tuple_iterator`.
#[repr(C)]
pub struct TupleIter {
    header: abi::PyObject,
    index: AtomicIsize,
    seq: Slot,
}
#[unsafe(no_mangle)]
pub static mut PyTupleIter_Type: Type = unready_type();
py_layout!(TupleIter, PyTupleIter_Type);

impl TupleIter {
    /// The next item; the fast path of a `for` loop.
    #[inline(always)]
    pub fn next(&self) -> Option<PyRef> {
        self.advance().map(Object::to_ref)
    }

    /// `next`, counted only if need be.
    #[inline(always)]
    pub(crate) fn next_slot(&self) -> Option<crate::interp::slot::Slot> {
        self.advance().map(crate::interp::slot::Slot::new_shared)
    }

    /// The next item, which the tuple keeps.
    #[inline(always)]
    fn advance(&self) -> Option<&Object> {
        let i = self.index.load(Relaxed);
        if i < 0 {
            return None;
        }
        // SAFETY: the tuple stays in its slot until the index says that the iteration is over, and then until dealloc.
        let t = unsafe { &*self.seq.ptr().cast::<Tuple>() };
        if (i as usize) < t.len() {
            self.index.store(i + 1, Relaxed);
            return Some(t.get(i as usize));
        }
        self.index.store(-1, Relaxed);
        None
    }
}

#[pyclass(name = "tuple_iterator", type_object = PyTupleIter_Type, flags = "HAVE_GC")]
impl TupleIter {
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
        // SAFETY: as above.
        if i < 0 { 0 } else { unsafe { &*self.seq.ptr().cast::<Tuple>() }.len().saturating_sub(i as usize) }
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let iter = crate::objects::support::builtin("iter")?;
        let i = self.index.load(Relaxed);
        if i < 0 {
            return Ok(Tuple::pair(iter, Tuple::from_refs(vec![Tuple::empty().upcast()])?.upcast())?.upcast());
        }
        // SAFETY: as above.
        let t = unsafe { Object::from_ptr(self.seq.ptr()) }.to_ref();
        let args = Tuple::from_refs(vec![t])?.upcast();
        Ok(Tuple::from_refs(vec![iter, args, Int::from_i64(i as i64)?.upcast()])?.upcast())
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: isize) {
        if self.index.load(Relaxed) >= 0 {
            // SAFETY: as above.
            let n = unsafe { &*self.seq.ptr().cast::<Tuple>() }.len() as isize;
            self.index.store(state.clamp(0, n), Relaxed);
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
