//! `slice` objects.

use crate::mem::Visitor;
use crate::objects::not_implemented_ref;
use crate::objects::singletons::unready_type;
use crate::objects::support::{begin_dealloc, free_object, track};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use macros::pyclass;

/// Layout of `slice` objects: immutable.
#[repr(C)]
pub struct Slice {
    header: abi::PyObject,
    start: Option<PyRef>,
    stop: Option<PyRef>,
    step: Option<PyRef>,
}
const _: () = assert!(size_of::<Slice>() == size_of::<abi::PySliceObject>());

#[unsafe(no_mangle)]
pub static mut PySlice_Type: Type = unready_type();
py_layout!(Slice, PySlice_Type);

/// A slice resolved against a length: the indices are in range, `count` items.
#[derive(Clone, Copy, Debug)]
pub struct SliceIndices {
    pub start: isize,
    pub stop: isize,
    pub step: isize,
    pub count: usize,
}

/// `__index__` clamped to `isize`.
pub fn clamp_index(o: &Object) -> PyResult<isize> {
    if let Some(v) = o.downcast_exact::<Int>().and_then(|i| i.try_i64()) {
        return Ok(v as isize);
    }
    let i = o.index()?;
    Ok(match i.try_i64() {
        Some(v) => v as isize,
        None if i.sign() < 0 => isize::MIN,
        None => isize::MAX,
    })
}

/// A bound of a slice: clamped, with the message of slices for what is no index.
fn eval_bound(o: &Object) -> PyResult<isize> {
    if !o.index_check() {
        return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    clamp_index(o)
}

impl Slice {
    /// `slice(start, stop, step)`; `None` stands for Python's None.
    pub fn new(start: Option<&Object>, stop: Option<&Object>, step: Option<&Object>) -> PyResult<Ref<Slice>> {
        let own = |o: Option<&Object>| o.unwrap_or(none()).to_ref();
        Self::from_owned(own(start), own(stop), own(step))
    }

    /// The same from owned objects.
    pub fn from_owned(start: PyRef, stop: PyRef, step: PyRef) -> PyResult<Ref<Slice>> {
        let s = crate::typeobject::alloc_object::<Slice>(Slice::type_object())?;
        // SAFETY: a new object; its fields are zero and are written before it is shared.
        unsafe {
            let p = s.as_raw();
            (&raw mut (*p).start).write(Some(start));
            (&raw mut (*p).stop).write(Some(stop));
            (&raw mut (*p).step).write(Some(step));
        }
        Ok(track(s))
    }

    pub fn start(&self) -> &Object {
        self.start.as_deref().unwrap_or(none())
    }
    pub fn stop(&self) -> &Object {
        self.stop.as_deref().unwrap_or(none())
    }
    pub fn step(&self) -> &Object {
        self.step.as_deref().unwrap_or(none())
    }

    /// The raw bounds clamped to `isize` (`PySlice_Unpack`): start, stop, step.
    #[inline]
    pub fn unpack(&self) -> PyResult<(isize, isize, isize)> {
        let step = match self.step() {
            s if s.is_none() => 1,
            s => {
                let v = eval_bound(s)?;
                if v == 0 {
                    return Err(raise!(ValueError, "slice step cannot be zero"));
                }
                v.max(-isize::MAX)
            }
        };
        let start = match self.start() {
            s if s.is_none() => {
                if step < 0 {
                    isize::MAX
                } else {
                    0
                }
            }
            s => eval_bound(s)?,
        };
        let stop = match self.stop() {
            s if s.is_none() => {
                if step < 0 {
                    isize::MIN
                } else {
                    isize::MAX
                }
            }
            s => eval_bound(s)?,
        };
        Ok((start, stop, step))
    }

    /// Unpacks and adjusts to a sequence of `len` items.
    #[inline]
    pub fn indices(&self, len: usize) -> PyResult<SliceIndices> {
        let (start, stop, step) = self.unpack()?;
        Ok(Self::adjust(len, start, stop, step))
    }

    /// `PySlice_AdjustIndices`.
    #[inline]
    pub fn adjust(len: usize, start: isize, stop: isize, step: isize) -> SliceIndices {
        Self::adjust_to(len as isize, start, stop, step)
    }

    /// The same for any length: a negative one gives an empty range (`PySlice_AdjustIndices`).
    pub fn adjust_to(n: isize, start: isize, stop: isize, step: isize) -> SliceIndices {
        let low = if step < 0 { -1 } else { 0 };
        let high = if step < 0 { n - 1 } else { n };
        let fix = |v: isize| if v < 0 { v.saturating_add(n).max(low) } else { v.min(high) };
        let (start, stop) = (fix(start), fix(stop));
        let count = if step < 0 {
            if stop < start { (start - stop - 1) / -step + 1 } else { 0 }
        } else if start < stop {
            (stop - start - 1) / step + 1
        } else {
            0
        };
        SliceIndices { start, stop, step, count: count as usize }
    }

    /// `slice.indices` with integers of any size: start, stop, step.
    pub fn long_indices(&self, len: &Int) -> PyResult<(PyRef, PyRef, PyRef)> {
        let zero = Int::from_i64(0)?;
        let one = Int::from_i64(1)?;
        let bound = |o: &Object| -> PyResult<Ref<Int>> {
            if !o.index_check() {
                return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
            }
            o.index()
        };
        let step = if self.step().is_none() { one.clone() } else { bound(self.step())? };
        if step.sign() == 0 {
            return Err(raise!(ValueError, "slice step cannot be zero"));
        }
        let negative = step.sign() < 0;
        let (lower, upper): (PyRef, PyRef) =
            if negative { (Int::from_i64(-1)?.upcast(), len.sub(&one)?) } else { (zero.upcast(), len.to_ref()) };
        let fit = |o: &Object, default: &PyRef| -> PyResult<PyRef> {
            if o.is_none() {
                return Ok(default.clone());
            }
            let v = bound(o)?;
            if v.sign() < 0 {
                let w = v.add(len)?;
                return Ok(if w.richcompare_bool(&lower, CompareOp::Lt)? { lower.clone() } else { w });
            }
            Ok(if v.richcompare_bool(&upper, CompareOp::Gt)? { upper.clone() } else { v.upcast() })
        };
        let start = fit(self.start(), if negative { &upper } else { &lower })?;
        let stop = fit(self.stop(), if negative { &lower } else { &upper })?;
        Ok((start, stop, step.upcast()))
    }
}

/// slice(stop)
/// slice(start, stop[, step])
///
/// Create a slice object.  This is used for extended slicing (e.g. a[0:10:2]).
#[pyclass(name = "slice", type_object = PySlice_Type, flags = "HAVE_GC", members = "start: object@start readonly; stop: object@stop readonly; step: object@step readonly")]
impl Slice {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("slice")?;
        args.check_positional("slice", 1, 3)?;
        let s = match args.args {
            [stop] => Slice::new(None, Some(stop), None)?,
            _ => Slice::new(args.get(0), args.get(1), args.get(2))?,
        };
        Ok(s.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!(
            "slice({}, {}, {})",
            self.start().repr()?.to_string_lossy(),
            self.stop().repr()?.to_string_lossy(),
            self.step().repr()?.to_string_lossy()
        ))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        crate::objects::tuple::hash_items([self.start(), self.stop(), self.step()].into_iter(), None)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Slice>() else { return Ok(not_implemented_ref()) };
        crate::objects::tuple::compare_slices(
            &[self.start(), self.stop(), self.step()],
            &[o.start(), o.stop(), o.step()],
            op,
        )
    }
    /// S.indices(len) -> (start, stop, stride)
    ///
    /// Assuming a sequence of length len, calculate the start and stop
    /// indices, and the stride length of the extended slice described by
    /// S. Out of bounds indices are clipped in a manner consistent with the
    /// handling of normal slices.
    #[pymethod(name = "indices")]
    fn py_indices(&self, len: &Object) -> PyResult<(PyRef, PyRef, PyRef)> {
        let n = len.index()?;
        if n.sign() < 0 {
            return Err(raise!(ValueError, "length should not be negative"));
        }
        self.long_indices(&n)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let args = Tuple::pack(&[self.start(), self.stop(), self.step()])?.upcast();
        Ok(Tuple::pair((**self.ty()).to_ref(), args)?.upcast())
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for o in [&self.start, &self.stop, &self.step] {
            let r = v.visit_opt(o);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying slice.
        unsafe {
            begin_dealloc(this);
            drop((*this).start.take());
            drop((*this).stop.take());
            drop((*this).step.take());
            free_object(this.cast());
        }
    }
}
