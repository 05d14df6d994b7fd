//! `itertools`: iterator building blocks.
//!
//! References sit in `Slot`s, positions in atomics or in `Locked` state, so that an iterator used by several threads stays
//! sound; what those threads see of each other's steps is not specified, as in CPython.

use macros::pymodule;

#[pymodule(name = "itertools", doc = "Functional tools for creating and using iterators.")]
pub mod itertools {
    use core::sync::atomic::Ordering::Relaxed;
    use core::sync::atomic::{AtomicBool, AtomicIsize};
    use macros::pyclass;
    use runtime::fields;
    use runtime::objects::support::{Locked, Slot, alloc, clear, dealloc, track, traverse};
    use runtime::prelude::*;

    fn py_iter(o: &Object) -> PyRef {
        o.to_ref()
    }

    fn next(it: &Slot, owner: &Object) -> PyResult<Option<PyRef>> {
        match it.get(owner) {
            Some(i) => i.iter_next(),
            None => Ok(None),
        }
    }

    fn made<T: PyClass>(r: Ref<T>) -> PyResult<PyRef> {
        Ok(track(r).upcast())
    }

    fn tuple_of(s: &Slot, owner: &Object) -> PyResult<Ref<Tuple>> {
        match s.get(owner).map(PyRef::downcast_into::<Tuple>) {
            Some(Ok(t)) => Ok(t),
            _ => Tuple::pack(&[]),
        }
    }

    // ------------------------------------------------------------------------------------------ count

    #[repr(C)]
    pub struct Count {
        header: abi::PyObject,
        /// Fast mode: the next value, until it reaches `isize::MAX`.
        cnt: AtomicIsize,
        slow: AtomicBool,
        long_cnt: Slot,
        step: Slot,
    }
    fields!(Count: long_cnt, step);

    /// count(start=0, step=1)
    /// --
    ///
    /// Return a count object whose .__next__() method returns consecutive values.
    #[pyclass(name = "count", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Count>, tp_clear = clear::<Count>, tp_dealloc = dealloc::<Count>))]
    impl Count {
        #[slot(sig = "start=0, step=1")]
        fn tp_new(cls: &Type, start: Arg<&Object>, step: Arg<&Object>) -> PyResult<PyRef> {
            let start = match start {
                Arg::Given(o) => o.to_ref(),
                Arg::Missing => Int::from_i64(0)?.upcast(),
            };
            if !start.number_check() {
                return Err(raise!(TypeError, "a number is required"));
            }
            let step = match step {
                Arg::Given(o) => o.to_ref(),
                Arg::Missing => Int::from_i64(1)?.upcast(),
            };
            if !step.number_check() {
                return Err(raise!(TypeError, "a number is required"));
            }
            let c = alloc::<Count>(cls)?;
            let one = step.downcast_exact::<Int>().and_then(|s| s.try_i64()) == Some(1);
            match start.downcast_exact::<Int>().and_then(|s| s.try_i64()) {
                Some(v) if one && v != i64::MAX => c.cnt.store(v as isize, Relaxed),
                _ => {
                    c.slow.store(true, Relaxed);
                    c.long_cnt.init(start);
                }
            }
            c.step.init(step);
            made(c)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            if !self.slow.load(Relaxed) {
                let v = self.cnt.fetch_add(1, Relaxed);
                if v != isize::MAX {
                    return Ok(Some(Int::from_i64(v as i64)?.upcast()));
                }
                self.cnt.store(isize::MAX, Relaxed);
                self.slow.store(true, Relaxed);
                drop(self.long_cnt.replace(self, Some(Int::from_i64(v as i64)?.upcast())));
            }
            let Some(step) = self.step.get(self) else { return Ok(None) };
            loop {
                let Some(cur) = self.long_cnt.get(self) else { return Ok(None) };
                let new = cur.add(&step)?;
                let old = {
                    runtime::lock!(self);
                    // Another thread may have taken `cur` meanwhile.
                    if self.long_cnt.ptr() != cur.as_ptr() {
                        continue;
                    }
                    self.long_cnt.swap(Some(new))
                };
                drop(old);
                return Ok(Some(cur));
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let name = self.ty().name_str();
            if !self.slow.load(Relaxed) {
                return Str::format(format_args!("{}({})", name, self.cnt.load(Relaxed)));
            }
            let (Some(c), Some(s)) = (self.long_cnt.get(self), self.step.get(self)) else { return Str::new("count()") };
            if s.downcast_exact::<Int>().and_then(|s| s.try_i64()) == Some(1) {
                return Str::format(format_args!("{}({})", name, c.repr()?.to_string_lossy()));
            }
            Str::format(format_args!("{}({}, {})", name, c.repr()?.to_string_lossy(), s.repr()?.to_string_lossy()))
        }
    }

    // ------------------------------------------------------------------------------------------ repeat

    #[repr(C)]
    pub struct Repeat {
        header: abi::PyObject,
        element: Slot,
        /// Negative: for ever.
        cnt: AtomicIsize,
    }
    fields!(Repeat: element);

    /// Create an iterator which returns the object for the specified number of times.
    ///
    /// If not specified, returns the object endlessly.
    #[pyclass(name = "repeat", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Repeat>, tp_clear = clear::<Repeat>, tp_dealloc = dealloc::<Repeat>))]
    impl Repeat {
        #[slot(sig = "object, times=<unrepresentable>")]
        fn tp_new(cls: &Type, object: &Object, times: Arg<isize>) -> PyResult<PyRef> {
            let r = alloc::<Repeat>(cls)?;
            r.element.init(object.to_ref());
            r.cnt.store(
                match times {
                    Arg::Given(n) => n.max(0),
                    Arg::Missing => -1,
                },
                Relaxed,
            );
            made(r)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> Option<PyRef> {
            let n = self.cnt.load(Relaxed);
            if n == 0 {
                return None;
            }
            if n > 0 {
                self.cnt.store(n - 1, Relaxed);
            }
            self.element.get(self)
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let e = self.element.get(self).unwrap_or_else(none_ref).repr()?;
            let name = self.ty().name_str();
            match self.cnt.load(Relaxed) {
                -1 => Str::format(format_args!("{}({})", name, e.to_string_lossy())),
                n => Str::format(format_args!("{}({}, {})", name, e.to_string_lossy(), n)),
            }
        }
        /// Private method returning an estimate of len(list(it)).
        #[pymethod]
        fn __length_hint__(&self) -> PyResult<usize> {
            match self.cnt.load(Relaxed) {
                -1 => Err(raise!(TypeError, "len() of unsized object")),
                n => Ok(n as usize),
            }
        }
    }

    // ------------------------------------------------------------------------------------------ cycle

    #[repr(C)]
    pub struct Cycle {
        header: abi::PyObject,
        it: Slot,
        saved: Slot,
        /// -1 while the iterator is read.
        index: AtomicIsize,
    }
    fields!(Cycle: it, saved);

    /// cycle(iterable, /)
    /// --
    ///
    /// Return elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.
    #[pyclass(name = "cycle", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Cycle>, tp_clear = clear::<Cycle>, tp_dealloc = dealloc::<Cycle>))]
    impl Cycle {
        #[slot(sig = "iterable, /")]
        fn tp_new(cls: &Type, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let c = alloc::<Cycle>(cls)?;
            c.saved.init(List::new()?.upcast());
            c.it.init(it);
            c.index.store(-1, Relaxed);
            made(c)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(saved) = self.saved.get(self) else { return Ok(None) };
            let Some(list) = saved.downcast::<List>() else { return Ok(None) };
            if self.index.load(Relaxed) < 0 {
                if let Some(v) = next(&self.it, self)? {
                    list.append(&v)?;
                    return Ok(Some(v));
                }
                drop(self.it.replace(self, None));
                self.index.store(0, Relaxed);
            }
            let i = self.index.load(Relaxed).max(0) as usize;
            match list.get(i) {
                Some(v) => {
                    self.index.store(if i + 1 >= list.len() { 0 } else { i as isize + 1 }, Relaxed);
                    Ok(Some(v))
                }
                None => Ok(None),
            }
        }
    }

    // ------------------------------------------------------------------------------------------ accumulate

    #[repr(C)]
    pub struct Accumulate {
        header: abi::PyObject,
        total: Slot,
        it: Slot,
        binop: Slot,
        initial: Slot,
    }
    fields!(Accumulate: total, it, binop, initial);

    /// accumulate(iterable, func=None, *, initial=None)
    /// --
    ///
    /// Return series of accumulated sums (or other binary function results).
    #[pyclass(name = "accumulate", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Accumulate>, tp_clear = clear::<Accumulate>, tp_dealloc = dealloc::<Accumulate>))]
    impl Accumulate {
        #[slot(sig = "iterable, func=None, *, initial=None")]
        fn tp_new(cls: &Type, iterable: &Object, func: Option<&Object>, initial: Option<&Object>) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let a = alloc::<Accumulate>(cls)?;
            a.it.init(it);
            if let Some(f) = func {
                a.binop.init(f.to_ref());
            }
            if let Some(i) = initial {
                a.initial.init(i.to_ref());
            }
            made(a)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            if let Some(i) = self.initial.replace(self, None) {
                drop(self.total.replace(self, Some(i.clone())));
                return Ok(Some(i));
            }
            let Some(v) = next(&self.it, self)? else { return Ok(None) };
            let new = match self.total.get(self) {
                None => v,
                Some(t) => match self.binop.get(self) {
                    None => t.add(&v)?,
                    Some(f) => f.call(&[&t, &v])?,
                },
            };
            drop(self.total.replace(self, Some(new.clone())));
            Ok(Some(new))
        }
    }

    // ------------------------------------------------------------------------------------------ batched

    #[repr(C)]
    pub struct Batched {
        header: abi::PyObject,
        it: Slot,
        size: AtomicIsize,
        strict: AtomicBool,
    }
    fields!(Batched: it);

    /// batched(iterable, n, *, strict=False)
    /// --
    ///
    /// Batch data into tuples of length n. The last batch may be shorter than n.
    ///
    /// Loops over the input iterable and accumulates data into tuples
    /// up to size n.  The input is consumed lazily, just enough to
    /// fill a batch.  The result is yielded as soon as a batch is full
    /// or when the input iterable is exhausted.
    ///
    /// If "strict" is True, raises a ValueError if the final batch is shorter
    /// than n.
    #[pyclass(name = "batched", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Batched>, tp_clear = clear::<Batched>, tp_dealloc = dealloc::<Batched>))]
    impl Batched {
        #[slot(sig = "iterable, n, *, strict=False")]
        fn tp_new(cls: &Type, iterable: &Object, n: isize, strict: bool) -> PyResult<PyRef> {
            if n < 1 {
                return Err(raise!(ValueError, "n must be at least one"));
            }
            let it = iterable.iter()?;
            let b = alloc::<Batched>(cls)?;
            b.it.init(it);
            b.size.store(n, Relaxed);
            b.strict.store(strict, Relaxed);
            made(b)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(it) = self.it.get(self) else { return Ok(None) };
            let n = self.size.load(Relaxed) as usize;
            let mut out = Vec::with_capacity(n.min(1024));
            while out.len() < n {
                match it.iter_next()? {
                    Some(v) => out.push(v),
                    None => {
                        drop(self.it.replace(self, None));
                        break;
                    }
                }
            }
            if out.is_empty() {
                return Ok(None);
            }
            if out.len() < n && self.strict.load(Relaxed) {
                return Err(raise!(ValueError, "batched(): incomplete batch"));
            }
            Ok(Some(Tuple::from_refs(out)?.upcast()))
        }
    }

    // ------------------------------------------------------------------------------------------ chain

    #[repr(C)]
    pub struct Chain {
        header: abi::PyObject,
        source: Slot,
        active: Slot,
    }
    fields!(Chain: source, active);

    fn new_chain(cls: &Type, source: PyRef) -> PyResult<PyRef> {
        let c = alloc::<Chain>(cls)?;
        c.source.init(source);
        made(c)
    }

    /// chain(*iterables)
    /// --
    ///
    /// Return a chain object whose .__next__() method returns elements from the
    /// first iterable until it is exhausted, then elements from the next
    /// iterable, until all of the iterables are exhausted.
    #[pyclass(name = "chain", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Chain>, tp_clear = clear::<Chain>, tp_dealloc = dealloc::<Chain>))]
    impl Chain {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.for_subclass(cls, Chain::type_object(), true).no_keywords("chain")?;
            {
                let t: PyRef = args.to_tuple()?.upcast();
                new_chain(cls, t.iter()?)
            }
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            loop {
                if let Some(a) = self.active.get(self) {
                    if let Some(v) = a.iter_next()? {
                        return Ok(Some(v));
                    }
                    drop(self.active.replace(self, None));
                }
                let Some(src) = self.source.get(self) else { return Ok(None) };
                let r = match src.iter_next() {
                    Ok(Some(v)) => v.iter(),
                    Ok(None) => {
                        drop(self.source.replace(self, None));
                        return Ok(None);
                    }
                    Err(e) => Err(e),
                };
                match r {
                    Ok(it) => drop(self.active.replace(self, Some(it))),
                    Err(e) => {
                        let src = self.source.replace(self, None);
                        let e = e.take();
                        drop(src);
                        return Err(runtime::error::restore(e));
                    }
                }
            }
        }
        /// Alternative chain() constructor taking a single iterable argument that evaluates lazily.
        #[pyclassmethod]
        fn from_iterable(cls: &Type, iterable: &Object) -> PyResult<PyRef> {
            new_chain(cls, iterable.iter()?)
        }
        /// See PEP 585
        #[pyclassmethod]
        fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
            runtime::objects::genericalias::alias(cls, args)
        }
    }

    // ------------------------------------------------------------------------------------------ compress, dropwhile, takewhile, filterfalse, starmap, pairwise

    #[repr(C)]
    pub struct Compress {
        header: abi::PyObject,
        data: Slot,
        selectors: Slot,
    }
    fields!(Compress: data, selectors);

    /// compress(data, selectors)
    /// --
    ///
    /// Return data elements corresponding to true selector elements.
    ///
    /// Forms a shorter iterator from selected data elements using the selectors to
    /// choose the data elements.
    #[pyclass(name = "compress", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Compress>, tp_clear = clear::<Compress>, tp_dealloc = dealloc::<Compress>))]
    impl Compress {
        #[slot(sig = "data, selectors")]
        fn tp_new(cls: &Type, data: &Object, selectors: &Object) -> PyResult<PyRef> {
            let (d, s) = (data.iter()?, selectors.iter()?);
            let c = alloc::<Compress>(cls)?;
            c.data.init(d);
            c.selectors.init(s);
            made(c)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            loop {
                let Some(v) = next(&self.data, self)? else { return Ok(None) };
                let Some(s) = next(&self.selectors, self)? else { return Ok(None) };
                if s.is_true()? {
                    return Ok(Some(v));
                }
            }
        }
    }

    #[repr(C)]
    pub struct DropWhile {
        header: abi::PyObject,
        func: Slot,
        it: Slot,
        started: AtomicBool,
    }
    fields!(DropWhile: func, it);

    /// dropwhile(predicate, iterable, /)
    /// --
    ///
    /// Drop items from the iterable while predicate(item) is true.
    ///
    /// Afterwards, return every element until the iterable is exhausted.
    #[pyclass(name = "dropwhile", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<DropWhile>, tp_clear = clear::<DropWhile>, tp_dealloc = dealloc::<DropWhile>))]
    impl DropWhile {
        #[slot(sig = "predicate, iterable, /")]
        fn tp_new(cls: &Type, predicate: &Object, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let d = alloc::<DropWhile>(cls)?;
            d.func.init(predicate.to_ref());
            d.it.init(it);
            made(d)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            loop {
                let Some(v) = next(&self.it, self)? else { return Ok(None) };
                if self.started.load(Relaxed) {
                    return Ok(Some(v));
                }
                let Some(f) = self.func.get(self) else { return Ok(None) };
                if !f.call1(&v)?.is_true()? {
                    self.started.store(true, Relaxed);
                    return Ok(Some(v));
                }
            }
        }
    }

    #[repr(C)]
    pub struct TakeWhile {
        header: abi::PyObject,
        func: Slot,
        it: Slot,
        stop: AtomicBool,
    }
    fields!(TakeWhile: func, it);

    /// takewhile(predicate, iterable, /)
    /// --
    ///
    /// Return successive entries from an iterable as long as the predicate evaluates to true for each entry.
    #[pyclass(name = "takewhile", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<TakeWhile>, tp_clear = clear::<TakeWhile>, tp_dealloc = dealloc::<TakeWhile>))]
    impl TakeWhile {
        #[slot(sig = "predicate, iterable, /")]
        fn tp_new(cls: &Type, predicate: &Object, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let d = alloc::<TakeWhile>(cls)?;
            d.func.init(predicate.to_ref());
            d.it.init(it);
            made(d)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            if self.stop.load(Relaxed) {
                return Ok(None);
            }
            let Some(v) = next(&self.it, self)? else { return Ok(None) };
            let Some(f) = self.func.get(self) else { return Ok(None) };
            if f.call1(&v)?.is_true()? {
                return Ok(Some(v));
            }
            self.stop.store(true, Relaxed);
            Ok(None)
        }
    }

    #[repr(C)]
    pub struct FilterFalse {
        header: abi::PyObject,
        func: Slot,
        it: Slot,
    }
    fields!(FilterFalse: func, it);

    /// filterfalse(function, iterable, /)
    /// --
    ///
    /// Return those items of iterable for which function(item) is false.
    ///
    /// If function is None, return the items that are false.
    #[pyclass(name = "filterfalse", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<FilterFalse>, tp_clear = clear::<FilterFalse>, tp_dealloc = dealloc::<FilterFalse>))]
    impl FilterFalse {
        #[slot(sig = "function, iterable, /")]
        fn tp_new(cls: &Type, function: &Object, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let d = alloc::<FilterFalse>(cls)?;
            d.func.init(function.to_ref());
            d.it.init(it);
            made(d)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            loop {
                let Some(v) = next(&self.it, self)? else { return Ok(None) };
                let Some(f) = self.func.get(self) else { return Ok(None) };
                let yes = if f.is_none() || f.as_ptr() == Bool::type_object().as_ptr() {
                    v.is_true()?
                } else {
                    f.call1(&v)?.is_true()?
                };
                if !yes {
                    return Ok(Some(v));
                }
            }
        }
    }

    #[repr(C)]
    pub struct StarMap {
        header: abi::PyObject,
        func: Slot,
        it: Slot,
    }
    fields!(StarMap: func, it);

    /// starmap(function, iterable, /)
    /// --
    ///
    /// Return an iterator whose values are returned from the function evaluated with an argument tuple taken from the given sequence.
    #[pyclass(name = "starmap", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<StarMap>, tp_clear = clear::<StarMap>, tp_dealloc = dealloc::<StarMap>))]
    impl StarMap {
        #[slot(sig = "function, iterable, /")]
        fn tp_new(cls: &Type, function: &Object, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let d = alloc::<StarMap>(cls)?;
            d.func.init(function.to_ref());
            d.it.init(it);
            made(d)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(v) = next(&self.it, self)? else { return Ok(None) };
            let Some(f) = self.func.get(self) else { return Ok(None) };
            let args = v.to_tuple()?;
            Ok(Some(f.call(args.as_slice())?))
        }
    }

    #[repr(C)]
    pub struct Pairwise {
        header: abi::PyObject,
        it: Slot,
        old: Slot,
    }
    fields!(Pairwise: it, old);

    /// pairwise(iterable, /)
    /// --
    ///
    /// Return an iterator of overlapping pairs taken from the input iterator.
    ///
    ///     s -> (s0,s1), (s1,s2), (s2, s3), ...
    #[pyclass(name = "pairwise", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Pairwise>, tp_clear = clear::<Pairwise>, tp_dealloc = dealloc::<Pairwise>))]
    impl Pairwise {
        #[slot(sig = "iterable, /")]
        fn tp_new(cls: &Type, iterable: &Object) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let d = alloc::<Pairwise>(cls)?;
            d.it.init(it);
            made(d)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(it) = self.it.get(self) else { return Ok(None) };
            let old = match self.old.get(self) {
                Some(o) => o,
                None => {
                    let Some(first) = it.iter_next()? else {
                        drop(self.it.replace(self, None));
                        return Ok(None);
                    };
                    drop(self.old.replace(self, Some(first.clone())));
                    // The iterator may have been used up by its own step.
                    if self.it.is_empty() {
                        return Ok(None);
                    }
                    first
                }
            };
            let Some(new) = it.iter_next()? else {
                drop(self.it.replace(self, None));
                drop(self.old.replace(self, None));
                return Ok(None);
            };
            drop(self.old.replace(self, Some(new.clone())));
            Ok(Some(Tuple::pair(old, new)?.upcast()))
        }
    }

    // ------------------------------------------------------------------------------------------ islice

    #[repr(C)]
    pub struct ISlice {
        header: abi::PyObject,
        it: Slot,
        next: AtomicIsize,
        /// -1: no end.
        stop: AtomicIsize,
        step: AtomicIsize,
        cnt: AtomicIsize,
    }
    fields!(ISlice: it);

    fn islice_arg(o: &Object) -> Option<isize> {
        match o.as_isize() {
            Ok(v) if v >= 0 => Some(v),
            Ok(_) => None,
            Err(e) => {
                e.clear();
                None
            }
        }
    }

    /// islice(iterable, stop) --> islice object
    /// islice(iterable, start, stop[, step]) --> islice object
    ///
    /// Return an iterator whose next() method returns selected values from an
    /// iterable.  If start is specified, will skip all preceding elements;
    /// otherwise, start defaults to zero.  Step defaults to one.  If
    /// specified as another value, step determines how many values are
    /// skipped between successive calls.  Works like a slice() on a list
    /// but returns an iterator.
    #[pyclass(name = "islice", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<ISlice>, tp_clear = clear::<ISlice>, tp_dealloc = dealloc::<ISlice>))]
    impl ISlice {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.for_subclass(cls, ISlice::type_object(), true).no_keywords("islice")?;
            args.check_positional("islice", 2, 4)?;
            let a = args.args;
            let (mut start, mut stop, mut step) = (0, -1, 1);
            if a.len() == 2 {
                if !a[1].is_none() {
                    stop = islice_arg(a[1]).ok_or_else(|| {
                        raise!(
                            ValueError,
                            "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize."
                        )
                    })?;
                }
            } else {
                if !a[1].is_none() {
                    start = islice_arg(a[1]).unwrap_or(-1);
                }
                let mut bad = start < 0;
                if !a[2].is_none() {
                    match islice_arg(a[2]) {
                        Some(v) => stop = v,
                        None if !bad && a[2].as_isize().map_err(Raised::clear).is_err() => {
                            return Err(raise!(
                                ValueError,
                                "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize."
                            ));
                        }
                        None => bad = true,
                    }
                }
                if bad {
                    return Err(raise!(
                        ValueError,
                        "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize."
                    ));
                }
                if let Some(s) = a.get(3) {
                    if !s.is_none() {
                        step = islice_arg(s).unwrap_or(-1);
                    }
                    if step < 1 {
                        return Err(raise!(ValueError, "Step for islice() must be a positive integer or None."));
                    }
                }
            }
            let it = a[0].iter()?;
            let s = alloc::<ISlice>(cls)?;
            s.it.init(it);
            s.next.store(start, Relaxed);
            s.stop.store(stop, Relaxed);
            s.step.store(step, Relaxed);
            made(s)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(it) = self.it.get(self) else { return Ok(None) };
            let stop = self.stop.load(Relaxed);
            let target = self.next.load(Relaxed);
            while self.cnt.load(Relaxed) < target {
                match it.iter_next()? {
                    Some(_) => {
                        self.cnt.fetch_add(1, Relaxed);
                    }
                    None => {
                        drop(self.it.replace(self, None));
                        return Ok(None);
                    }
                }
            }
            if stop != -1 && self.cnt.load(Relaxed) >= stop {
                drop(self.it.replace(self, None));
                return Ok(None);
            }
            let Some(v) = it.iter_next()? else {
                drop(self.it.replace(self, None));
                return Ok(None);
            };
            self.cnt.fetch_add(1, Relaxed);
            let mut n = target.saturating_add(self.step.load(Relaxed));
            if stop != -1 && n > stop {
                n = stop;
            }
            self.next.store(n, Relaxed);
            Ok(Some(v))
        }
    }

    // ------------------------------------------------------------------------------------------ product, combinations, permutations

    /// Positions of a combinatoric iterator.
    pub struct Indices {
        idx: Vec<usize>,
        cycles: Vec<usize>,
        started: bool,
        stopped: bool,
    }

    #[repr(C)]
    pub struct Product {
        header: abi::PyObject,
        pools: Slot,
        state: Locked<Indices>,
    }
    fields!(Product: pools; state);

    /// product(*iterables, repeat=1)
    /// --
    ///
    /// Cartesian product of input iterables.  Equivalent to nested for-loops.
    ///
    /// For example, product(A, B) returns the same as:  ((x,y) for x in A for y in B).
    /// The leftmost iterators are in the outermost for-loop, so the output tuples
    /// cycle in a manner similar to an odometer (with the rightmost element changing
    /// on every iteration).
    ///
    /// To compute the product of an iterable with itself, specify the number
    /// of repetitions with the optional repeat keyword argument. For example,
    /// product(A, repeat=4) means the same as product(A, A, A, A).
    #[pyclass(name = "product", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Product>, tp_clear = clear::<Product>, tp_dealloc = dealloc::<Product>))]
    impl Product {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let mut repeat = 1isize;
            for (k, v) in args.keywords() {
                if !k.downcast::<Str>().is_some_and(|k| k.eq_str("repeat")) {
                    return Err(raise!(
                        TypeError,
                        "product() got an unexpected keyword argument '{}'",
                        k.str()?.to_string_lossy()
                    ));
                }
                repeat = v.as_isize()?;
            }
            if repeat < 0 {
                return Err(raise!(ValueError, "repeat argument cannot be negative"));
            }
            let mut pools: Vec<PyRef> = Vec::new();
            if repeat > 0 {
                for a in args.args {
                    pools.push(a.to_tuple()?.upcast());
                }
            }
            let n = pools.len();
            let total = n
                .checked_mul(repeat as usize)
                .filter(|t| *t < 1 << 32)
                .ok_or_else(|| raise!(OverflowError, "repeat argument too large"))?;
            let all: Vec<PyRef> = (0..total).map(|i| pools[i % n.max(1)].clone()).collect();
            let p = alloc::<Product>(cls)?;
            p.pools.init(Tuple::from_refs(all)?.upcast());
            p.state.set(Indices { idx: vec![0; total], cycles: Vec::new(), started: false, stopped: false });
            made(p)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let pools = tuple_of(&self.pools, self)?;
            // SAFETY: the pools are tuples.
            let pool = |i: usize| unsafe { pools.get(i).cast::<Tuple>() };
            let n = pools.len();
            let picked = self.state.with(|s| {
                if s.stopped {
                    return None;
                }
                if !s.started {
                    s.started = true;
                    if (0..n).any(|i| pool(i).is_empty()) {
                        s.stopped = true;
                        return None;
                    }
                } else {
                    let mut i = n;
                    loop {
                        if i == 0 {
                            s.stopped = true;
                            return None;
                        }
                        i -= 1;
                        s.idx[i] += 1;
                        if s.idx[i] < pool(i).len() {
                            break;
                        }
                        s.idx[i] = 0;
                    }
                }
                Some(s.idx.clone())
            });
            match picked.flatten() {
                Some(idx) => {
                    let items: Vec<&Object> = idx.iter().enumerate().map(|(i, j)| pool(i).get(*j)).collect();
                    Ok(Some(Tuple::from_slice(&items)?.upcast()))
                }
                None => Ok(None),
            }
        }
        /// Returns size in memory, in bytes.
        #[pymethod]
        fn __sizeof__(&self) -> usize {
            core::mem::size_of::<Product>() + self.state.with(|s| s.idx.len() * 8).unwrap_or(0)
        }
    }

    fn pick(pool: &Tuple, idx: Option<Vec<usize>>) -> PyResult<Option<PyRef>> {
        match idx {
            Some(idx) => {
                let items: Vec<&Object> = idx.iter().map(|i| pool.get(*i)).collect();
                Ok(Some(Tuple::from_slice(&items)?.upcast()))
            }
            None => Ok(None),
        }
    }

    #[repr(C)]
    pub struct Combinations {
        header: abi::PyObject,
        pool: Slot,
        state: Locked<Indices>,
    }
    fields!(Combinations: pool; state);

    /// combinations(iterable, r)
    /// --
    ///
    /// Return successive r-length combinations of elements in the iterable.
    ///
    /// combinations(range(4), 3) --> (0,1,2), (0,1,3), (0,2,3), (1,2,3)
    #[pyclass(name = "combinations", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Combinations>, tp_clear = clear::<Combinations>, tp_dealloc = dealloc::<Combinations>))]
    impl Combinations {
        #[slot(sig = "iterable, r")]
        fn tp_new(cls: &Type, iterable: &Object, r: isize) -> PyResult<PyRef> {
            let pool = iterable.to_tuple()?;
            if r < 0 {
                return Err(raise!(ValueError, "r must be non-negative"));
            }
            let c = alloc::<Combinations>(cls)?;
            let stopped = r as usize > pool.len();
            c.state.set(Indices {
                idx: if stopped { Vec::new() } else { (0..r as usize).collect() },
                cycles: Vec::new(),
                started: false,
                stopped,
            });
            c.pool.init(pool.upcast());
            made(c)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let pool = tuple_of(&self.pool, self)?;
            let n = pool.len();
            let picked = self.state.with(|s| {
                if s.stopped {
                    return None;
                }
                let r = s.idx.len();
                if !s.started {
                    s.started = true;
                } else {
                    let Some(i) = (0..r).rev().find(|&i| s.idx[i] != i + n - r) else {
                        s.stopped = true;
                        return None;
                    };
                    s.idx[i] += 1;
                    for j in i + 1..r {
                        s.idx[j] = s.idx[j - 1] + 1;
                    }
                }
                Some(s.idx.clone())
            });
            pick(&pool, picked.flatten())
        }
        /// Returns size in memory, in bytes.
        #[pymethod]
        fn __sizeof__(&self) -> usize {
            core::mem::size_of::<Combinations>() + self.state.with(|s| s.idx.len() * 8).unwrap_or(0)
        }
    }

    #[repr(C)]
    pub struct CombinationsR {
        header: abi::PyObject,
        pool: Slot,
        state: Locked<Indices>,
    }
    fields!(CombinationsR: pool; state);

    /// combinations_with_replacement(iterable, r)
    /// --
    ///
    /// Return successive r-length combinations of elements in the iterable allowing individual elements to have successive repeats.
    ///
    /// combinations_with_replacement('ABC', 2) --> ('A','A'), ('A','B'), ('A','C'), ('B','B'), ('B','C'), ('C','C')
    #[pyclass(name = "combinations_with_replacement", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<CombinationsR>, tp_clear = clear::<CombinationsR>, tp_dealloc = dealloc::<CombinationsR>))]
    impl CombinationsR {
        #[slot(sig = "iterable, r")]
        fn tp_new(cls: &Type, iterable: &Object, r: isize) -> PyResult<PyRef> {
            let pool = iterable.to_tuple()?;
            if r < 0 {
                return Err(raise!(ValueError, "r must be non-negative"));
            }
            let c = alloc::<CombinationsR>(cls)?;
            let stopped = pool.is_empty() && r > 0;
            c.state.set(Indices {
                idx: if stopped { Vec::new() } else { vec![0; r as usize] },
                cycles: Vec::new(),
                started: false,
                stopped,
            });
            c.pool.init(pool.upcast());
            made(c)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let pool = tuple_of(&self.pool, self)?;
            let n = pool.len();
            let picked = self.state.with(|s| {
                if s.stopped {
                    return None;
                }
                let r = s.idx.len();
                if !s.started {
                    s.started = true;
                } else {
                    let Some(i) = (0..r).rev().find(|&i| s.idx[i] != n - 1) else {
                        s.stopped = true;
                        return None;
                    };
                    let v = s.idx[i] + 1;
                    s.idx[i..].fill(v);
                }
                Some(s.idx.clone())
            });
            pick(&pool, picked.flatten())
        }
        /// Returns size in memory, in bytes.
        #[pymethod]
        fn __sizeof__(&self) -> usize {
            core::mem::size_of::<CombinationsR>() + self.state.with(|s| s.idx.len() * 8).unwrap_or(0)
        }
    }

    #[repr(C)]
    pub struct Permutations {
        header: abi::PyObject,
        pool: Slot,
        state: Locked<Indices>,
    }
    fields!(Permutations: pool; state);

    /// permutations(iterable, r=None)
    /// --
    ///
    /// Return successive r-length permutations of elements in the iterable.
    ///
    /// permutations(range(3), 2) --> (0,1), (0,2), (1,0), (1,2), (2,0), (2,1)
    #[pyclass(name = "permutations", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Permutations>, tp_clear = clear::<Permutations>, tp_dealloc = dealloc::<Permutations>))]
    impl Permutations {
        #[slot(sig = "iterable, r=None")]
        fn tp_new(cls: &Type, iterable: &Object, r: Option<&Object>) -> PyResult<PyRef> {
            let pool = iterable.to_tuple()?;
            let n = pool.len();
            let r = match r {
                None => n as isize,
                Some(o) if o.downcast::<Int>().is_none() => return Err(raise!(TypeError, "Expected int as r")),
                Some(o) => o.as_isize()?,
            };
            if r < 0 {
                return Err(raise!(ValueError, "r must be non-negative"));
            }
            let r = r as usize;
            let p = alloc::<Permutations>(cls)?;
            let stopped = r > n;
            p.state.set(Indices {
                idx: (0..n).collect(),
                cycles: if stopped { Vec::new() } else { (0..r).map(|i| n - i).collect() },
                started: false,
                stopped,
            });
            p.pool.init(pool.upcast());
            made(p)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let pool = tuple_of(&self.pool, self)?;
            let n = pool.len();
            let picked = self.state.with(|s| {
                if s.stopped {
                    return None;
                }
                let r = s.cycles.len();
                if !s.started {
                    s.started = true;
                    return Some(s.idx[..r].to_vec());
                }
                for i in (0..r).rev() {
                    s.cycles[i] -= 1;
                    if s.cycles[i] == 0 {
                        s.idx[i..].rotate_left(1);
                        s.cycles[i] = n - i;
                    } else {
                        let j = n - s.cycles[i];
                        s.idx.swap(i, j);
                        return Some(s.idx[..r].to_vec());
                    }
                }
                s.stopped = true;
                None
            });
            pick(&pool, picked.flatten())
        }
        /// Returns size in memory, in bytes.
        #[pymethod]
        fn __sizeof__(&self) -> usize {
            core::mem::size_of::<Permutations>() + self.state.with(|s| (s.idx.len() + s.cycles.len()) * 8).unwrap_or(0)
        }
    }

    // ------------------------------------------------------------------------------------------ zip_longest

    #[repr(C)]
    pub struct ZipLongest {
        header: abi::PyObject,
        /// A list: exhausted iterators become None.
        iters: Slot,
        fill: Slot,
        active: AtomicIsize,
    }
    fields!(ZipLongest: iters, fill);

    /// zip_longest(*iterables, fillvalue=None)
    /// --
    ///
    /// Return a zip_longest object whose .__next__() method returns a tuple where
    /// the i-th element comes from the i-th iterable argument.  The .__next__()
    /// method continues until the longest iterable in the argument sequence
    /// is exhausted and then it raises StopIteration.  When the shorter iterables
    /// are exhausted, the fillvalue is substituted in their place.  The fillvalue
    /// defaults to None or can be specified by a keyword argument.
    #[pyclass(name = "zip_longest", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<ZipLongest>, tp_clear = clear::<ZipLongest>, tp_dealloc = dealloc::<ZipLongest>))]
    impl ZipLongest {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let mut fill = none_ref();
            for (k, v) in args.keywords() {
                if !k.downcast::<Str>().is_some_and(|k| k.eq_str("fillvalue")) {
                    return Err(raise!(TypeError, "zip_longest() got an unexpected keyword argument"));
                }
                fill = v.to_ref();
            }
            let its = args.args.iter().map(|o| o.iter()).collect::<PyResult<Vec<PyRef>>>()?;
            let z = alloc::<ZipLongest>(cls)?;
            z.active.store(its.len() as isize, Relaxed);
            z.iters.init(List::from_vec(its)?.upcast());
            z.fill.init(fill);
            made(z)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            if self.active.load(Relaxed) <= 0 {
                return Ok(None);
            }
            let (Some(its), Some(fill)) = (self.iters.get(self), self.fill.get(self)) else { return Ok(None) };
            let Some(its) = its.downcast::<List>() else { return Ok(None) };
            let mut out = Vec::with_capacity(its.len());
            let mut i = 0;
            while let Some(it) = its.get(i) {
                if it.is_none() {
                    out.push(fill.clone());
                } else {
                    match it.iter_next() {
                        Ok(Some(v)) => out.push(v),
                        Ok(None) => {
                            its.set(i, none_ref())?;
                            if self.active.fetch_sub(1, Relaxed) <= 1 {
                                return Ok(None);
                            }
                            out.push(fill.clone());
                        }
                        Err(e) => {
                            self.active.store(0, Relaxed);
                            return Err(e);
                        }
                    }
                }
                i += 1;
            }
            Ok(Some(Tuple::from_refs(out)?.upcast()))
        }
    }

    // ------------------------------------------------------------------------------------------ groupby

    #[repr(C)]
    pub struct GroupBy {
        header: abi::PyObject,
        it: Slot,
        keyfunc: Slot,
        tgtkey: Slot,
        currkey: Slot,
        currvalue: Slot,
        /// Number of the group that may still be read.
        group: AtomicIsize,
    }
    fields!(GroupBy: it, keyfunc, tgtkey, currkey, currvalue);

    impl GroupBy {
        fn step(&self) -> PyResult<bool> {
            let Some(v) = next(&self.it, self)? else { return Ok(false) };
            let key = match self.keyfunc.get(self) {
                Some(f) => f.call1(&v)?,
                None => v.clone(),
            };
            drop(self.currvalue.replace(self, Some(v)));
            drop(self.currkey.replace(self, Some(key)));
            Ok(true)
        }
    }

    /// groupby(iterable, key=None)
    /// --
    ///
    /// make an iterator that returns consecutive keys and groups from the iterable
    ///
    ///   iterable
    ///     Elements to divide into groups according to the key function.
    ///   key
    ///     A function for computing the group category for each element.
    ///     If the key function is not specified or is None, the element itself
    ///     is used for grouping.
    #[pyclass(name = "groupby", module = "itertools", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<GroupBy>, tp_clear = clear::<GroupBy>, tp_dealloc = dealloc::<GroupBy>))]
    impl GroupBy {
        #[slot(sig = "iterable, key=None")]
        fn tp_new(cls: &Type, iterable: &Object, key: Option<&Object>) -> PyResult<PyRef> {
            let it = iterable.iter()?;
            let g = alloc::<GroupBy>(cls)?;
            g.it.init(it);
            if let Some(k) = key {
                g.keyfunc.init(k.to_ref());
            }
            made(g)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let id = self.group.fetch_add(1, Relaxed) + 1;
            // Skip to the next group.
            loop {
                match self.currkey.get(self) {
                    None => {}
                    Some(cur) => match self.tgtkey.get(self) {
                        None => break,
                        Some(tgt) => {
                            if !tgt.eq(&cur)? {
                                break;
                            }
                        }
                    },
                }
                if !self.step()? {
                    return Ok(None);
                }
            }
            let Some(key) = self.currkey.get(self) else { return Ok(None) };
            drop(self.tgtkey.replace(self, Some(key.clone())));
            let g = alloc::<Grouper>(Grouper::type_object())?;
            g.parent.init(self.to_ref());
            g.tgtkey.init(key.clone());
            g.group.store(id, Relaxed);
            Ok(Some(Tuple::pair(key, made(g)?)?.upcast()))
        }
    }

    #[repr(C)]
    pub struct Grouper {
        header: abi::PyObject,
        parent: Slot,
        tgtkey: Slot,
        group: AtomicIsize,
    }
    fields!(Grouper: parent, tgtkey);

    #[pyclass(name = "_grouper", module = "itertools", flags = "HAVE_GC", slots(tp_traverse = traverse::<Grouper>, tp_clear = clear::<Grouper>, tp_dealloc = dealloc::<Grouper>))]
    impl Grouper {
        #[slot(sig = "parent, tgtkey, /")]
        fn tp_new(cls: &Type, parent: &GroupBy, tgtkey: &Object) -> PyResult<PyRef> {
            let g = alloc::<Grouper>(cls)?;
            g.group.store(parent.group.fetch_add(1, Relaxed) + 1, Relaxed);
            g.parent.init(parent.to_ref());
            g.tgtkey.init(tgtkey.to_ref());
            made(g)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(parent) = self.parent.get(self) else { return Ok(None) };
            let Some(g) = parent.downcast::<GroupBy>() else { return Ok(None) };
            if g.group.load(Relaxed) != self.group.load(Relaxed) {
                return Ok(None);
            }
            if g.currvalue.is_empty() && !g.step()? {
                return Ok(None);
            }
            let (Some(tgt), Some(cur)) = (self.tgtkey.get(self), g.currkey.get(g)) else { return Ok(None) };
            if !tgt.eq(&cur)? {
                return Ok(None);
            }
            Ok(g.currvalue.replace(g, None))
        }
    }

    // ------------------------------------------------------------------------------------------ tee

    const LINK: usize = 57;

    /// A piece of the values that tees share: a list of up to `LINK` values and the next piece.
    #[repr(C)]
    pub struct TeeData {
        header: abi::PyObject,
        it: Slot,
        values: Slot,
        next: Slot,
        running: AtomicBool,
    }
    fields!(TeeData: it, values, next);

    impl TeeData {
        fn create(it: PyRef) -> PyResult<Ref<TeeData>> {
            let d = alloc::<TeeData>(TeeData::type_object())?;
            d.it.init(it);
            d.values.init(List::new()?.upcast());
            Ok(track(d))
        }
        fn get(&self, i: usize) -> PyResult<Option<PyRef>> {
            let Some(values) = self.values.get(self) else { return Ok(None) };
            let Some(list) = values.downcast::<List>() else { return Ok(None) };
            if let Some(v) = list.get(i) {
                return Ok(Some(v));
            }
            if self.running.swap(true, Relaxed) {
                return Err(raise!(RuntimeError, "cannot re-enter the tee iterator"));
            }
            let r = next(&self.it, self);
            self.running.store(false, Relaxed);
            match r? {
                Some(v) => {
                    list.append(&v)?;
                    Ok(Some(v))
                }
                None => Ok(None),
            }
        }
        fn link(&self) -> PyResult<PyRef> {
            if let Some(n) = self.next.get(self) {
                return Ok(n);
            }
            let it = self.it.get(self).unwrap_or_else(none_ref);
            let n: PyRef = TeeData::create(it)?.upcast();
            if self.next.is_empty() {
                drop(self.next.replace(self, Some(n.clone())));
                return Ok(n);
            }
            Ok(self.next.get(self).unwrap_or(n))
        }
    }

    /// teedataobject(iterable, values, next, /)
    /// --
    ///
    /// Data container common to multiple tee objects.
    #[pyclass(name = "_tee_dataobject", module = "itertools", flags = "HAVE_GC", slots(tp_traverse = traverse::<TeeData>, tp_clear = clear::<TeeData>, tp_dealloc = dealloc::<TeeData>))]
    impl TeeData {}

    #[repr(C)]
    pub struct Tee {
        header: abi::PyObject,
        data: Slot,
        index: AtomicIsize,
        weakreflist: Slot,
    }
    impl runtime::objects::support::Fields for Tee {
        fn fields(&self, f: &mut dyn FnMut(&Slot)) {
            f(&self.data);
        }
        fn release(&self) {
            if !self.weakreflist.is_empty() {
                // SAFETY: the object is dying.
                unsafe { runtime::objects::weakref::clear_weakrefs(self.as_ptr()) };
            }
        }
    }

    impl Tee {
        fn from_iterable(cls: &Type, iterable: &Object) -> PyResult<Ref<Tee>> {
            let it = iterable.iter()?;
            if let Some(t) = it.downcast::<Tee>() {
                return t.copy(cls);
            }
            let d = TeeData::create(it)?;
            let t = alloc::<Tee>(cls)?;
            t.data.init(d.upcast());
            Ok(track(t))
        }
        fn copy(&self, cls: &Type) -> PyResult<Ref<Tee>> {
            let t = alloc::<Tee>(cls)?;
            if let Some(d) = self.data.get(self) {
                t.data.init(d);
            }
            t.index.store(self.index.load(Relaxed), Relaxed);
            Ok(track(t))
        }
    }

    /// _tee(iterable, /)
    /// --
    ///
    /// Iterator wrapped to make it copyable.
    #[pyclass(name = "_tee", module = "itertools", flags = "HAVE_GC", weaklistoffset = core::mem::offset_of!(Tee, weakreflist), slots(tp_traverse = traverse::<Tee>, tp_clear = clear::<Tee>, tp_dealloc = dealloc::<Tee>))]
    impl Tee {
        #[slot(sig = "iterable, /")]
        fn tp_new(cls: &Type, iterable: &Object) -> PyResult<PyRef> {
            Ok(Tee::from_iterable(cls, iterable)?.upcast())
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            py_iter(self)
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            let Some(mut d) = self.data.get(self) else { return Ok(None) };
            let mut i = self.index.load(Relaxed) as usize;
            if i >= LINK {
                let Some(td) = d.downcast::<TeeData>() else { return Ok(None) };
                let n = td.link()?;
                drop(self.data.replace(self, Some(n.clone())));
                d = n;
                i = 0;
            }
            let Some(td) = d.downcast::<TeeData>() else { return Ok(None) };
            match td.get(i)? {
                Some(v) => {
                    self.index.store(i as isize + 1, Relaxed);
                    Ok(Some(v))
                }
                None => Ok(None),
            }
        }
        /// Returns an independent iterator.
        #[pymethod]
        fn __copy__(&self) -> PyResult<Ref<Tee>> {
            self.copy(Tee::type_object())
        }
    }

    /// Returns a tuple of n independent iterators.
    #[pyfunction(sig = "iterable, n=2, /")]
    fn tee(iterable: &Object, n: isize) -> PyResult<Ref<Tuple>> {
        if n < 0 {
            return Err(raise!(ValueError, "n must be >= 0"));
        }
        if n == 0 {
            return Ok(Tuple::empty());
        }
        let first = Tee::from_iterable(Tee::type_object(), iterable)?;
        let mut out: Vec<PyRef> = Vec::with_capacity(n as usize);
        for _ in 1..n {
            out.push(first.copy(Tee::type_object())?.upcast());
        }
        out.insert(0, first.upcast());
        Tuple::from_refs(out)
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Accumulate>()?;
        m.add_type::<Batched>()?;
        m.add_type::<Chain>()?;
        m.add_type::<Combinations>()?;
        m.add_type::<CombinationsR>()?;
        m.add_type::<Compress>()?;
        m.add_type::<Count>()?;
        m.add_type::<Cycle>()?;
        m.add_type::<DropWhile>()?;
        m.add_type::<FilterFalse>()?;
        m.add_type::<GroupBy>()?;
        m.add_type::<Grouper>()?;
        m.add_type::<ISlice>()?;
        m.add_type::<Pairwise>()?;
        m.add_type::<Permutations>()?;
        m.add_type::<Product>()?;
        m.add_type::<Repeat>()?;
        m.add_type::<StarMap>()?;
        m.add_type::<TakeWhile>()?;
        m.add_type::<Tee>()?;
        m.add_type::<TeeData>()?;
        m.add_type::<ZipLongest>()
    }
}
