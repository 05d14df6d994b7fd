//! `range` objects and their iterators.

use crate::objects::not_implemented_ref;
use crate::objects::singletons::unready_type;
use crate::objects::support::{builtin, free_object, py_bool};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::sync::atomic::AtomicI64;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;

/// Layout of `range` objects: immutable, every field an exact `int`.
#[repr(C)]
pub struct Range {
    header: abi::PyObject,
    start: Option<Ref<Int>>,
    stop: Option<Ref<Int>>,
    step: Option<Ref<Int>>,
    length: Option<Ref<Int>>,
}

#[unsafe(no_mangle)]
pub static mut PyRange_Type: Type = unready_type();
py_layout!(Range, PyRange_Type);

fn int(o: PyRef) -> PyResult<Ref<Int>> {
    exact_int(&o)
}

/// `operator.index` as an exact `int`.
fn exact_int(o: &Object) -> PyResult<Ref<Int>> {
    let i = o.index()?;
    if i.downcast_exact::<Int>().is_some() {
        return Ok(i);
    }
    match i.try_i64() {
        Some(v) => Int::from_i64(v),
        None => Int::from_bigint(&i.to_bigint()),
    }
}

/// Number of values of a range of machine integers.
fn count(start: i64, stop: i64, step: i64) -> i128 {
    let (a, b, s) = (start as i128, stop as i128, step as i128);
    if s > 0 && a < b {
        (b - a - 1) / s + 1
    } else if s < 0 && a > b {
        (a - b - 1) / -s + 1
    } else {
        0
    }
}

fn from_i128(v: i128) -> PyResult<Ref<Int>> {
    match i64::try_from(v) {
        Ok(v) => Int::from_i64(v),
        Err(_) => {
            // Two limbs.
            let hi = Int::from_i64((v >> 63) as i64)?;
            let lo = Int::from_i64((v & (i64::MAX as i128)) as i64)?;
            let shift = Int::from_i64(63)?;
            int(hi.lshift(&shift)?.add(&lo)?)
        }
    }
}

fn length_of(start: &Int, stop: &Int, step: &Int) -> PyResult<Ref<Int>> {
    if let (Some(a), Some(b), Some(s)) = (start.try_i64(), stop.try_i64(), step.try_i64()) {
        return from_i128(count(a, b, s));
    }
    let zero = Int::from_i64(0)?;
    let one = Int::from_i64(1)?;
    let negative = step.sign() < 0;
    let (lo, hi) = if negative { (stop, start) } else { (start, stop) };
    if !lo.richcompare_bool(hi, CompareOp::Lt)? {
        return Ok(zero);
    }
    let step_abs = if negative { step.neg()? } else { step.to_ref() };
    let span = hi.sub(lo)?.sub(&one)?;
    int(span.floordiv(&step_abs)?.add(&one)?)
}

impl Range {
    /// `range(start, stop, step)` from exact ints; `step` is not zero.
    pub fn from_ints(start: Ref<Int>, stop: Ref<Int>, step: Ref<Int>) -> PyResult<Ref<Range>> {
        let length = length_of(&start, &stop, &step)?;
        let r = crate::typeobject::alloc_object::<Range>(Range::type_object())?;
        // SAFETY: a new object whose fields are zero.
        unsafe {
            let p = r.as_raw();
            (&raw mut (*p).start).write(Some(start));
            (&raw mut (*p).stop).write(Some(stop));
            (&raw mut (*p).step).write(Some(step));
            (&raw mut (*p).length).write(Some(length));
        }
        Ok(r)
    }

    pub fn new(start: &Object, stop: &Object, step: Option<&Object>) -> PyResult<Ref<Range>> {
        let start = exact_int(start)?;
        let stop = exact_int(stop)?;
        let step = match step {
            Some(s) => exact_int(s)?,
            None => Int::from_i64(1)?,
        };
        if step.sign() == 0 {
            return Err(raise!(ValueError, "range() arg 3 must not be zero"));
        }
        Self::from_ints(start, stop, step)
    }

    fn parts(&self) -> (&Int, &Int, &Int, &Int) {
        match (&self.start, &self.stop, &self.step, &self.length) {
            (Some(a), Some(b), Some(c), Some(d)) => (a, b, c, d),
            _ => unreachable!("a range under construction is not visible"),
        }
    }

    /// start, step and length when start, stop and step fit 64 bits and so does every value.
    pub fn machine(&self) -> Option<(i64, i64, i64)> {
        let (a, b, s, n) = self.parts();
        b.try_i64()?;
        Some((a.try_i64()?, s.try_i64()?, n.try_i64()?))
    }

    fn item(&self, i: &Int) -> PyResult<PyRef> {
        let (a, _, s, _) = self.parts();
        if let (Some(a), Some(s), Some(i)) = (a.try_i64(), s.try_i64(), i.try_i64()) {
            return Ok(from_i128(a as i128 + s as i128 * i as i128)?.upcast());
        }
        a.add(&*i.mul(s)?)
    }

    fn item_checked(&self, i: &Object) -> PyResult<PyRef> {
        let mut i = i.index()?;
        let n = self.parts().3;
        if i.sign() < 0 {
            i = int(i.add(n)?)?;
        }
        if i.sign() < 0 || !i.richcompare_bool(n, CompareOp::Lt)? {
            return Err(raise!(IndexError, "range object index out of range"));
        }
        self.item(&i)
    }

    fn contains_int(&self, v: &Object) -> PyResult<bool> {
        let (a, b, s, _) = self.parts();
        if let (Some(a), Some(b), Some(s), Some(v)) =
            (a.try_i64(), b.try_i64(), s.try_i64(), v.downcast::<Int>().and_then(|i| i.try_i64()))
        {
            let inside = if s > 0 { a <= v && v < b } else { b < v && v <= a };
            return Ok(inside && (v as i128 - a as i128) % s as i128 == 0);
        }
        let inside = if s.sign() > 0 {
            a.richcompare_bool(v, CompareOp::Le)? && v.richcompare_bool(b, CompareOp::Lt)?
        } else {
            b.richcompare_bool(v, CompareOp::Lt)? && v.richcompare_bool(a, CompareOp::Le)?
        };
        if !inside {
            return Ok(false);
        }
        Ok(!v.sub(a)?.rem(s)?.is_true()?)
    }

    fn is_plain_int(v: &Object) -> bool {
        v.downcast_exact::<Int>().is_some() || v.downcast_exact::<Bool>().is_some()
    }

    fn equals(&self, o: &Range) -> PyResult<bool> {
        if core::ptr::eq(self, o) {
            return Ok(true);
        }
        let ((a, _, s, n), (a2, _, s2, n2)) = (self.parts(), o.parts());
        if !n.eq(n2)? {
            return Ok(false);
        }
        if n.sign() == 0 {
            return Ok(true);
        }
        if !a.eq(a2)? {
            return Ok(false);
        }
        if n.try_i64() == Some(1) {
            return Ok(true);
        }
        s.eq(s2)
    }

    fn iter_of(start: &Int, step: &Int, len: &Int) -> PyResult<PyRef> {
        if let (Some(a), Some(s), Some(n)) = (start.try_i64(), step.try_i64(), len.try_i64()) {
            if (a as i128 + s as i128 * n as i128) == (a.wrapping_add(s.wrapping_mul(n))) as i128 {
                return Ok(RangeIter::create(a, s, n)?.upcast());
            }
        }
        let it = crate::typeobject::alloc_object::<LongRangeIter>(LongRangeIter::type_object())?;
        // SAFETY: a new object whose fields are zero.
        unsafe {
            let p = it.as_raw();
            (&raw mut (*p).start).write(Some(start.to_ref()));
            (&raw mut (*p).step).write(Some(step.to_ref()));
            (&raw mut (*p).len).write(Some(len.to_ref()));
        }
        it.index.init(Int::from_i64(0)?.upcast());
        Ok(it.upcast())
    }
}

/// range(stop) -> range object
/// range(start, stop[, step]) -> range object
///
/// Return an object that produces a sequence of integers from start (inclusive)
/// to stop (exclusive) by step.  range(i, j) produces i, i+1, i+2, ..., j-1.
/// start defaults to 0, and stop is omitted!  range(4) produces 0, 1, 2, 3.
/// These are exactly the valid indices for a list of 4 elements.
/// When step is given, it specifies the increment (or decrement).
#[pyclass(name = "range", type_object = PyRange_Type, flags = "SEQUENCE", members = "start: object@start readonly; stop: object@stop readonly; step: object@step readonly")]
impl Range {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("range")?;
        Self::tp_vectorcall(_cls, args)
    }
    #[slot]
    fn tp_vectorcall(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("range")?;
        let r = match args.args {
            [stop] => Range::from_ints(Int::from_i64(0)?, exact_int(stop)?, Int::from_i64(1)?)?,
            [start, stop] => Range::new(start, stop, None)?,
            [start, stop, step] => Range::new(start, stop, Some(step))?,
            [] => return Err(raise!(TypeError, "range expected at least 1 argument, got 0")),
            more => return Err(raise!(TypeError, "range expected at most 3 arguments, got {}", more.len())),
        };
        Ok(r.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let (a, b, s, _) = self.parts();
        let (a, b) = (a.repr()?, b.repr()?);
        if s.try_i64() == Some(1) {
            return Str::format(format_args!("range({}, {})", a.to_string_lossy(), b.to_string_lossy()));
        }
        Str::format(format_args!(
            "range({}, {}, {})",
            a.to_string_lossy(),
            b.to_string_lossy(),
            s.repr()?.to_string_lossy()
        ))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let (a, _, s, n) = self.parts();
        let none = none();
        let t = match n.try_i64() {
            Some(0) => Tuple::pack(&[n, none, none])?,
            Some(1) => Tuple::pack(&[n, a, none])?,
            _ => Tuple::pack(&[n, a, s])?,
        };
        t.hash()
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Range>() else { return Ok(not_implemented_ref()) };
        match op {
            CompareOp::Eq => Ok(py_bool(self.equals(o)?)),
            CompareOp::Ne => Ok(py_bool(!self.equals(o)?)),
            _ => Ok(not_implemented_ref()),
        }
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let (a, _, s, n) = self.parts();
        Range::iter_of(a, s, n)
    }
    #[slot]
    fn nb_bool(&self) -> bool {
        self.parts().3.sign() != 0
    }
    #[slot]
    fn sq_length(&self) -> PyResult<isize> {
        match self.parts().3.try_i64() {
            Some(n) => Ok(n as isize),
            None => Err(raise!(OverflowError, "Python int too large to convert to C ssize_t")),
        }
    }
    #[slot]
    fn mp_length(&self) -> PyResult<isize> {
        Self::sq_length(self)
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        self.item_checked(&*Int::from_i64(i as i64)?)
    }
    #[slot]
    fn sq_contains(&self, v: &Object) -> PyResult<bool> {
        if Self::is_plain_int(v) {
            return self.contains_int(v);
        }
        let it = self.iter()?;
        while let Some(x) = it.iter_next()? {
            if x.eq(v)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        if key.index_check() {
            return self.item_checked(key);
        }
        let Some(s) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "range indices must be integers or slices, not {}", key.ty().name_str()));
        };
        let (_, _, step, n) = self.parts();
        let (start, stop, sub) = s.long_indices(n)?;
        let new_step = int(step.mul(&sub)?)?;
        let new_start = int(self.item(&*int(start)?)?)?;
        let new_stop = int(self.item(&*int(stop)?)?)?;
        Ok(Range::from_ints(new_start, new_stop, new_step)?.upcast())
    }
    #[pymethod]
    fn __reversed__(&self) -> PyResult<PyRef> {
        let (_, _, s, n) = self.parts();
        if n.sign() == 0 {
            return Range::iter_of(&*Int::from_i64(0)?, &*Int::from_i64(1)?, n);
        }
        let one = Int::from_i64(1)?;
        let last = int(self.item(&*int(n.sub(&one)?)?)?)?;
        Range::iter_of(&last, &*int(s.neg()?)?, n)
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let (a, b, s, _) = self.parts();
        let args = Tuple::pack(&[a, b, s])?.upcast();
        Ok(Tuple::pair((**self.ty()).to_ref(), args)?.upcast())
    }
    /// rangeobject.count(value) -> integer -- return number of occurrences of value
    #[pymethod(name = "count")]
    fn py_count(&self, value: &Object) -> PyResult<usize> {
        if Self::is_plain_int(value) {
            return Ok(self.contains_int(value)? as usize);
        }
        let (it, mut n) = (self.iter()?, 0);
        while let Some(x) = it.iter_next()? {
            n += x.eq(value)? as usize;
        }
        Ok(n)
    }
    /// rangeobject.index(value) -> integer -- return index of value.
    /// Raise ValueError if the value is not present.
    #[pymethod(name = "index")]
    fn py_index(&self, value: &Object) -> PyResult<PyRef> {
        if Self::is_plain_int(value) {
            if !self.contains_int(value)? {
                return Err(raise!(ValueError, "{} is not in range", value.repr()?.to_string_lossy()));
            }
            let (a, _, s, _) = self.parts();
            return value.sub(a)?.floordiv(s);
        }
        let (it, mut n) = (self.iter()?, 0);
        while let Some(x) = it.iter_next()? {
            if x.eq(value)? {
                return Ok(Int::from_i64(n)?.upcast());
            }
            n += 1;
        }
        Err(raise!(ValueError, "sequence.index(x): x not in sequence"))
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying range.
        unsafe {
            drop((*this).start.take());
            drop((*this).stop.take());
            drop((*this).step.take());
            drop((*this).length.take());
            free_object(this.cast());
        }
    }
}

/// Layout of `range_iterator`: the next value, the step, and how many values remain.
#[repr(C)]
pub struct RangeIter {
    header: abi::PyObject,
    pub(crate) start: AtomicI64,
    pub(crate) step: AtomicI64,
    pub(crate) len: AtomicI64,
}
#[unsafe(no_mangle)]
pub static mut PyRangeIter_Type: Type = unready_type();
py_layout!(RangeIter, PyRangeIter_Type);

impl RangeIter {
    fn create(start: i64, step: i64, len: i64) -> PyResult<Ref<RangeIter>> {
        let it = crate::typeobject::alloc_object::<RangeIter>(RangeIter::type_object())?;
        it.start.store(start, Relaxed);
        it.step.store(step, Relaxed);
        it.len.store(len, Relaxed);
        Ok(it)
    }

    /// The next value: the fast path of a `for` loop.
    #[inline(always)]
    pub fn next_i64(&self) -> Option<i64> {
        let n = self.len.load(Relaxed);
        if n <= 0 {
            return None;
        }
        let v = self.start.load(Relaxed);
        self.start.store(v.wrapping_add(self.step.load(Relaxed)), Relaxed);
        self.len.store(n - 1, Relaxed);
        Some(v)
    }
}

#[pyclass(name = "range_iterator", type_object = PyRangeIter_Type, flags = "")]
impl RangeIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<Ref<Int>>> {
        self.next_i64().map(Int::from_i64).transpose()
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> i64 {
        self.len.load(Relaxed)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let (a, s, n) = (self.start.load(Relaxed), self.step.load(Relaxed), self.len.load(Relaxed));
        let stop = from_i128(a as i128 + s as i128 * n as i128)?;
        let r = Range::from_ints(Int::from_i64(a)?, stop, Int::from_i64(s)?)?;
        Ok(Tuple::from_refs(vec![builtin("iter")?, Tuple::from_refs(vec![r.upcast()])?.upcast(), none_ref()])?.upcast())
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: i64) {
        let n = self.len.load(Relaxed);
        let k = state.clamp(0, n);
        self.start.store(self.start.load(Relaxed).wrapping_add(self.step.load(Relaxed).wrapping_mul(k)), Relaxed);
        self.len.store(n - k, Relaxed);
    }
}

/// Layout of `longrange_iterator`.
#[repr(C)]
pub struct LongRangeIter {
    header: abi::PyObject,
    index: crate::objects::support::Slot,
    start: Option<PyRef>,
    step: Option<PyRef>,
    len: Option<PyRef>,
}
#[unsafe(no_mangle)]
pub static mut PyLongRangeIter_Type: Type = unready_type();
py_layout!(LongRangeIter, PyLongRangeIter_Type);

impl LongRangeIter {
    fn parts(&self) -> PyResult<(PyRef, &PyRef, &PyRef, &PyRef)> {
        match (self.index.get(self), &self.start, &self.step, &self.len) {
            (Some(i), Some(a), Some(s), Some(n)) => Ok((i, a, s, n)),
            _ => Err(raise!(SystemError, "bad range iterator")),
        }
    }
}

#[pyclass(name = "longrange_iterator", type_object = PyLongRangeIter_Type, flags = "")]
impl LongRangeIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let (i, a, s, n) = self.parts()?;
        if !i.richcompare_bool(n, CompareOp::Lt)? {
            return Ok(None);
        }
        let v = a.add(&*i.mul(s)?)?;
        let next = i.add(&*Int::from_i64(1)?)?;
        drop(self.index.replace(self, Some(next)));
        Ok(Some(v))
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> PyResult<PyRef> {
        let (i, _, _, n) = self.parts()?;
        n.sub(&i)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let (i, a, s, n) = self.parts()?;
        let stop = a.add(&*n.mul(s)?)?;
        let r = Range::new(a, &stop, Some(s))?;
        Ok(Tuple::from_refs(vec![builtin("iter")?, Tuple::from_refs(vec![r.upcast()])?.upcast(), i])?.upcast())
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        let Some(n) = &self.len else { return Ok(()) };
        if state.downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "state must be an int, not {}", state.ty().name_str()));
        }
        let zero = Int::from_i64(0)?;
        let v = if state.richcompare_bool(&zero, CompareOp::Lt)? {
            zero.upcast()
        } else if state.richcompare_bool(n, CompareOp::Gt)? {
            n.clone()
        } else {
            state.to_ref()
        };
        drop(self.index.replace(self, Some(v)));
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            drop((*this).index.swap(None));
            drop((*this).start.take());
            drop((*this).step.take());
            drop((*this).len.take());
            free_object(this.cast());
        }
    }
}
