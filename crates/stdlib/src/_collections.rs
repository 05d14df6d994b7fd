//! `_collections`: `deque`, `defaultdict`, and the helpers of `collections`.

use macros::pymodule;

#[pymodule(
    name = "_collections",
    doc = "High performance data structures.\n- deque:        ordered collection accessible from endpoints only\n- defaultdict:  dict subclass with a default value factory\n"
)]
pub mod _collections {
    use core::ffi::c_int;
    use core::mem::offset_of;
    use core::sync::atomic::AtomicIsize;
    use core::sync::atomic::Ordering::Relaxed;
    use macros::pyclass;
    use runtime::fields;
    use runtime::mem::Visitor;
    use runtime::objects::list::sort::quick_cmp;
    use runtime::objects::reprguard::{repr_enter, repr_leave};
    use runtime::objects::support::{
        Locked, Slot, alloc, begin_dealloc, clear, dealloc, free_object, py_bool, track, traverse,
    };
    use runtime::objects::{StrBuilder, not_implemented_ref};
    use runtime::prelude::*;
    use runtime::protocol::CompareOp;
    use std::collections::VecDeque;

    /// Content of a deque. `state` counts the changes that iterators must notice.
    #[derive(Default)]
    pub struct Content {
        items: VecDeque<PyRef>,
        state: usize,
    }

    #[repr(C)]
    pub struct Deque {
        header: abi::PyObject,
        content: Locked<Content>,
        /// -1: unbounded.
        maxlen: AtomicIsize,
        weakreflist: Slot,
    }

    impl Deque {
        fn create(cls: &Type, maxlen: isize) -> PyResult<Ref<Deque>> {
            let d = alloc::<Deque>(cls)?;
            d.content.set(Content::default());
            d.maxlen.store(maxlen, Relaxed);
            Ok(track(d))
        }
        fn like(&self) -> PyResult<PyRef> {
            let max = self.maxlen.load(Relaxed);
            if core::ptr::eq(self.ty(), Deque::type_object()) {
                return Ok(Deque::create(self.ty(), max)?.upcast());
            }
            let cls = (**self.ty()).to_ref();
            if max < 0 { cls.call1(self) } else { cls.call(&[self, &*Int::from_i64(max as i64)?]) }
        }
        fn with<R>(&self, f: impl FnOnce(&mut Content) -> R) -> Option<R> {
            self.content.with(f)
        }
        fn size(&self) -> usize {
            self.with(|c| c.items.len()).unwrap_or(0)
        }
        fn at(&self, i: usize) -> Option<PyRef> {
            self.with(|c| c.items.get(i).cloned()).flatten()
        }
        fn snapshot(&self) -> Vec<PyRef> {
            self.with(|c| c.items.iter().cloned().collect()).unwrap_or_default()
        }
        fn state(&self) -> usize {
            self.with(|c| c.state).unwrap_or(0)
        }
        fn push_back(&self, v: PyRef) {
            let max = self.maxlen.load(Relaxed);
            let dropped = self.with(|c| {
                c.items.push_back(v);
                c.state += 1;
                if max >= 0 && c.items.len() > max as usize { c.items.pop_front() } else { None }
            });
            drop(dropped);
        }
        fn push_front(&self, v: PyRef) {
            let max = self.maxlen.load(Relaxed);
            let dropped = self.with(|c| {
                c.items.push_front(v);
                c.state += 1;
                if max >= 0 && c.items.len() > max as usize { c.items.pop_back() } else { None }
            });
            drop(dropped);
        }
        fn extend_with(&self, iterable: &Object, left: bool) -> PyResult<()> {
            let me: &Object = self;
            if me.is(iterable) {
                for v in self.snapshot() {
                    if left { self.push_front(v) } else { self.push_back(v) }
                }
                return Ok(());
            }
            let it = iterable.iter()?;
            while let Some(v) = it.iter_next()? {
                if left { self.push_front(v) } else { self.push_back(v) }
            }
            Ok(())
        }
        fn empty(&self) {
            let old = self.with(|c| {
                c.state += 1;
                core::mem::take(&mut c.items)
            });
            drop(old);
        }
        fn index_error() -> Raised {
            raise!(IndexError, "deque index out of range")
        }
        fn normal(&self, i: isize) -> PyResult<usize> {
            let n = self.size() as isize;
            let i = if i < 0 { i + n } else { i };
            if i < 0 || i >= n { Err(Self::index_error()) } else { Ok(i as usize) }
        }
        fn mutated() -> Raised {
            raise!(RuntimeError, "deque mutated during iteration")
        }
        fn repeat_in_place(&self, n: isize) -> PyResult<()> {
            if n <= 0 {
                self.empty();
                return Ok(());
            }
            let items = self.snapshot();
            if items.is_empty() || n == 1 {
                return Ok(());
            }
            let max = self.maxlen.load(Relaxed);
            if max < 0 && items.len().checked_mul(n as usize).is_none_or(|t| t > isize::MAX as usize / 8) {
                return Err(runtime::objects::support::no_memory());
            }
            let mut rounds = n as usize - 1;
            if max >= 0 {
                rounds = rounds.min(max as usize / items.len() + 1);
            }
            runtime::objects::support::ensure_room::<PyRef>(items.len().saturating_mul(rounds).saturating_mul(2))?;
            for _ in 0..rounds {
                for v in &items {
                    self.push_back(v.clone());
                }
            }
            Ok(())
        }
    }

    /// deque([iterable[, maxlen]])
    /// --
    ///
    /// A list-like sequence optimized for data accesses near its endpoints.
    #[pyclass(name = "deque", module = "collections", flags = "BASETYPE|HAVE_GC|SEQUENCE", weaklistoffset = offset_of!(Deque, weakreflist))]
    impl Deque {
        #[slot]
        fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
            Ok(Deque::create(cls, -1)?.upcast())
        }
        #[slot(sig = "iterable=<unrepresentable>, maxlen=None")]
        fn tp_init(&self, iterable: Arg<&Object>, maxlen: Option<&Object>) -> PyResult<()> {
            let mut max = -1;
            if let Some(m) = maxlen {
                max = m.as_isize()?;
                if max < 0 {
                    return Err(raise!(ValueError, "maxlen must be non-negative"));
                }
            }
            self.maxlen.store(max, Relaxed);
            if self.size() > 0 {
                self.empty();
            }
            match iterable {
                Arg::Given(it) => self.extend_with(it, false),
                Arg::Missing => Ok(()),
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            if repr_enter(self)? {
                return Str::new("[...]");
            }
            let r = (|| {
                let mut b = StrBuilder::new();
                b.push_str(self.ty().name_str());
                b.push_str("([");
                for (i, v) in self.snapshot().iter().enumerate() {
                    if i > 0 {
                        b.push_str(", ");
                    }
                    b.push_repr_of(v)?;
                }
                b.push_char(']');
                let max = self.maxlen.load(Relaxed);
                if max >= 0 {
                    b.push_str(&format!(", maxlen={max}"));
                }
                b.push_char(')');
                b.finish()
            })();
            repr_leave(self);
            r
        }
        #[slot]
        fn tp_iter(&self) -> PyResult<PyRef> {
            DequeIter::create(DequeIter::type_object(), self, false)
        }
        #[slot]
        fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
            let Some(o) = other.downcast::<Deque>() else { return Ok(not_implemented_ref()) };
            let (a, b) = (self.snapshot(), o.snapshot());
            if core::ptr::eq(self, o) {
                return Ok(py_bool(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge)));
            }
            if a.len() != b.len() && matches!(op, CompareOp::Eq | CompareOp::Ne) {
                return Ok(py_bool(op == CompareOp::Ne));
            }
            for (x, y) in a.iter().zip(&b) {
                if !x.eq(y)? {
                    return match op {
                        CompareOp::Eq => Ok(py_bool(false)),
                        CompareOp::Ne => Ok(py_bool(true)),
                        _ => x.richcompare(y, op),
                    };
                }
            }
            Ok(op.result(&a.len(), &b.len()))
        }
        #[slot]
        fn sq_length(&self) -> usize {
            self.size()
        }
        #[slot]
        fn sq_item(&self, i: isize) -> PyResult<PyRef> {
            if i >= 0 {
                if let Some(v) = self.at(i as usize) {
                    return Ok(v);
                }
            }
            Err(Self::index_error())
        }
        #[slot]
        fn sq_ass_item(&self, i: isize, v: Option<&Object>) -> PyResult<()> {
            let n = self.size();
            if i < 0 || i as usize >= n {
                return Err(Self::index_error());
            }
            let new = v.map(Object::to_ref);
            let old = self.with(|c| match new {
                Some(v) => c.items.get_mut(i as usize).map(|slot| core::mem::replace(slot, v)),
                None => {
                    c.state += 1;
                    c.items.remove(i as usize)
                }
            });
            drop(old);
            Ok(())
        }
        #[slot]
        fn sq_contains(&self, v: &Object) -> PyResult<bool> {
            let state = self.state();
            let mut i = 0;
            while let Some(x) = self.at(i) {
                if x.eq(v)? {
                    return Ok(true);
                }
                if self.state() != state {
                    return Err(Self::mutated());
                }
                i += 1;
            }
            Ok(false)
        }
        #[slot]
        fn sq_concat(&self, other: &Object) -> PyResult<PyRef> {
            if other.downcast::<Deque>().is_none() {
                return Err(raise!(
                    TypeError,
                    "can only concatenate deque (not \"{}\") to deque",
                    other.ty().name_str()
                ));
            }
            let new = Self::py_copy(self)?;
            if let Some(d) = new.downcast::<Deque>() {
                d.extend_with(other, false)?;
            }
            Ok(new)
        }
        #[slot]
        fn sq_inplace_concat(&self, other: &Object) -> PyResult<PyRef> {
            self.extend_with(other, false)?;
            Ok(self.to_ref())
        }
        #[slot]
        fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
            let new = Self::py_copy(self)?;
            if let Some(d) = new.downcast::<Deque>() {
                d.repeat_in_place(n)?;
            }
            Ok(new)
        }
        #[slot]
        fn sq_inplace_repeat(&self, n: isize) -> PyResult<PyRef> {
            self.repeat_in_place(n)?;
            Ok(self.to_ref())
        }
        /// Add an element to the right side of the deque.
        #[pymethod]
        fn append(&self, item: &Object) {
            self.push_back(item.to_ref());
        }
        /// Add an element to the left side of the deque.
        #[pymethod]
        fn appendleft(&self, item: &Object) {
            self.push_front(item.to_ref());
        }
        /// Remove all elements from the deque.
        #[pymethod(name = "clear")]
        fn py_clear(&self) {
            self.empty();
        }
        /// Return a shallow copy of a deque.
        #[pymethod(name = "copy")]
        fn py_copy(&self) -> PyResult<PyRef> {
            let new = self.like()?;
            if core::ptr::eq(self.ty(), Deque::type_object()) {
                if let Some(d) = new.downcast::<Deque>() {
                    // As it is at one moment: other threads may go on changing it.
                    self.snapshot().into_iter().for_each(|v| d.push_back(v));
                }
            }
            Ok(new)
        }
        /// Return a shallow copy of a deque.
        #[pymethod]
        fn __copy__(&self) -> PyResult<PyRef> {
            Self::py_copy(self)
        }
        /// Return number of occurrences of value.
        #[pymethod]
        fn count(&self, value: &Object) -> PyResult<usize> {
            let state = self.state();
            let (mut i, mut n) = (0, 0);
            while let Some(x) = self.at(i) {
                n += x.eq(value)? as usize;
                if self.state() != state {
                    return Err(Self::mutated());
                }
                i += 1;
            }
            Ok(n)
        }
        /// Extend the right side of the deque with elements from the iterable.
        #[pymethod]
        fn extend(&self, iterable: &Object) -> PyResult<()> {
            self.extend_with(iterable, false)
        }
        /// Extend the left side of the deque with elements from the iterable.
        #[pymethod]
        fn extendleft(&self, iterable: &Object) -> PyResult<()> {
            self.extend_with(iterable, true)
        }
        /// Return first index of value.
        ///
        /// Raises ValueError if the value is not present.
        #[pymethod(sig = "value, start=<0>, stop=<end>, /", text_signature = None)]
        fn index(&self, value: &Object, start: Option<&Object>, stop: Option<&Object>) -> PyResult<usize> {
            let n = self.size() as isize;
            let bound = |o: Option<&Object>, d: isize| -> PyResult<isize> {
                let Some(o) = o else { return Ok(d) };
                if !o.index_check() {
                    return Err(raise!(TypeError, "slice indices must be integers or have an __index__ method"));
                }
                let i = runtime::objects::slice::clamp_index(o)?;
                Ok(if i < 0 { (i + n).max(0) } else { i.min(n) })
            };
            let (lo, hi) = (bound(start, 0)?, bound(stop, n)?);
            // As far as comparisons need no Python code, at once.
            let (found, lo, state) = self
                .with(|c| {
                    for i in lo..hi {
                        let Some(x) = c.items.get(i as usize) else { break };
                        match quick_cmp(x, value) {
                            _ if x.is(value) => return (Some(i), i, c.state),
                            Some(o) if o.is_eq() => return (Some(i), i, c.state),
                            Some(_) => {}
                            None => return (None, i, c.state),
                        }
                    }
                    (None, hi, c.state)
                })
                .unwrap_or((None, hi, 0));
            if let Some(i) = found {
                return Ok(i as usize);
            }
            for i in lo..hi {
                let Some(x) = self.at(i as usize) else { break };
                if x.eq(value)? {
                    return Ok(i as usize);
                }
                if self.state() != state {
                    return Err(Self::mutated());
                }
            }
            Err(raise!(ValueError, "deque.index(x): x not in deque"))
        }
        /// Insert value before index.
        #[pymethod]
        fn insert(&self, index: isize, value: &Object) -> PyResult<()> {
            let max = self.maxlen.load(Relaxed);
            let v = value.to_ref();
            let full = self.with(|c| {
                let n = c.items.len();
                if max >= 0 && n >= max as usize {
                    return true;
                }
                let i = if index < 0 { (index + n as isize).max(0) as usize } else { (index as usize).min(n) };
                c.items.insert(i, v);
                c.state += 1;
                false
            });
            if full == Some(true) {
                return Err(raise!(IndexError, "deque already at its maximum size"));
            }
            Ok(())
        }
        /// Remove and return the rightmost element.
        #[pymethod]
        fn pop(&self) -> PyResult<PyRef> {
            match self.with(|c| {
                c.state += 1;
                c.items.pop_back()
            }) {
                Some(Some(v)) => Ok(v),
                _ => Err(raise!(IndexError, "pop from an empty deque")),
            }
        }
        /// Remove and return the leftmost element.
        #[pymethod]
        fn popleft(&self) -> PyResult<PyRef> {
            match self.with(|c| {
                c.state += 1;
                c.items.pop_front()
            }) {
                Some(Some(v)) => Ok(v),
                _ => Err(raise!(IndexError, "pop from an empty deque")),
            }
        }
        /// Remove first occurrence of value.
        #[pymethod]
        fn remove(&self, value: &Object) -> PyResult<()> {
            let n = self.size();
            for i in 0..n {
                let Some(x) = self.at(i) else { return Err(raise!(IndexError, "deque mutated during remove().")) };
                let same = x.eq(value)?;
                if self.size() != n {
                    return Err(raise!(IndexError, "deque mutated during remove()."));
                }
                if same {
                    let old = self.with(|c| {
                        c.state += 1;
                        c.items.remove(i)
                    });
                    drop(old);
                    return Ok(());
                }
            }
            Err(raise!(ValueError, "deque.remove(x): x not in deque"))
        }
        /// Reverse *IN PLACE*.
        #[pymethod]
        fn reverse(&self) {
            self.with(|c| c.items.make_contiguous().reverse());
        }
        /// Rotate the deque n steps to the right.  If n is negative, rotates left.
        #[pymethod(sig = "n=1, /")]
        fn rotate(&self, n: isize) {
            self.with(|c| {
                let len = c.items.len() as isize;
                if len > 1 {
                    c.state += 1;
                    c.items.rotate_right(n.rem_euclid(len) as usize);
                }
            });
        }
        /// Return a reverse iterator over the deque.
        #[pymethod]
        fn __reversed__(&self) -> PyResult<PyRef> {
            DequeIter::create(DequeRevIter::type_object(), self, true)
        }
        /// Return state information for pickling.
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            let state = self.call_method(intern!("__getstate__"), &[])?;
            let me: &Object = self;
            let it = me.iter()?;
            let max = self.maxlen.load(Relaxed);
            let args = if max < 0 {
                Tuple::empty()
            } else {
                Tuple::from_refs(vec![Tuple::empty().upcast(), Int::from_i64(max as i64)?.upcast()])?
            };
            Ok(Tuple::from_refs(vec![(**self.ty()).to_ref(), args.upcast(), state, it])?.upcast())
        }
        /// Return the size of the deque in memory, in bytes.
        #[pymethod]
        fn __sizeof__(&self) -> usize {
            self.ty().slots().tp_basicsize as usize + self.with(|c| c.items.capacity() * 8).unwrap_or(0)
        }
        /// See PEP 585
        #[pyclassmethod]
        fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
            runtime::objects::genericalias::alias(cls, args)
        }
        /// maximum size of a deque or None if unbounded
        #[pygetset]
        fn maxlen(&self) -> Option<isize> {
            Some(self.maxlen.load(Relaxed)).filter(|m| *m >= 0)
        }
        #[slot]
        fn tp_traverse(&self, v: &mut Visitor) -> c_int {
            self.with(|c| {
                for x in &c.items {
                    let r = v.visit(x);
                    if r != 0 {
                        return r;
                    }
                }
                0
            })
            .unwrap_or(0)
        }
        #[slot]
        fn tp_clear(&self) {
            self.empty();
        }
        #[slot]
        fn tp_dealloc(this: *mut Self) {
            // SAFETY: a dying deque.
            unsafe {
                begin_dealloc(this);
                if !(*this).weakreflist.is_empty() {
                    runtime::objects::weakref::clear_weakrefs(this.cast());
                }
                drop((*this).content.take());
                free_object(this.cast());
            }
        }
    }

    #[repr(C)]
    pub struct DequeIter {
        header: abi::PyObject,
        deque: Slot,
        pos: AtomicIsize,
        state: AtomicIsize,
        counter: AtomicIsize,
    }
    #[repr(transparent)]
    pub struct DequeRevIter(DequeIter);
    fields!(DequeIter: deque);
    impl runtime::objects::support::Fields for DequeRevIter {
        fn fields(&self, f: &mut dyn FnMut(&Slot)) {
            f(&self.0.deque);
        }
    }

    impl DequeIter {
        fn create(ty: &Type, d: &Deque, reverse: bool) -> PyResult<PyRef> {
            let it = alloc::<DequeIter>(ty)?;
            it.deque.init(d.to_ref());
            let n = d.size() as isize;
            it.pos.store(if reverse { n - 1 } else { 0 }, Relaxed);
            it.state.store(d.state() as isize, Relaxed);
            it.counter.store(n, Relaxed);
            Ok(track(it).upcast())
        }
        fn step(&self, me: &Object, by: isize) -> PyResult<Option<PyRef>> {
            let Some(d) = self.deque.get(me) else { return Ok(None) };
            let Some(d) = d.downcast::<Deque>() else { return Ok(None) };
            if d.state() as isize != self.state.load(Relaxed) {
                self.counter.store(0, Relaxed);
                return Err(Deque::mutated());
            }
            let n = self.counter.load(Relaxed);
            if n <= 0 {
                return Ok(None);
            }
            let i = self.pos.load(Relaxed);
            let Some(v) = d.at(i as usize) else { return Ok(None) };
            self.pos.store(i + by, Relaxed);
            self.counter.store(n - 1, Relaxed);
            Ok(Some(v))
        }
        fn new_from(cls: &Type, d: &Deque, index: isize, reverse: bool) -> PyResult<PyRef> {
            let it = DequeIter::create(cls, d, reverse)?;
            for _ in 0..index {
                if it.iter_next()?.is_none() {
                    break;
                }
            }
            Ok(it)
        }
        fn reduce(&self, me: &Object) -> PyResult<PyRef> {
            let d = self.deque.get(me).unwrap_or_else(none_ref);
            let n = d.downcast::<Deque>().map_or(0, |d| d.size() as isize) - self.counter.load(Relaxed);
            let args = Tuple::from_refs(vec![d, Int::from_i64(n as i64)?.upcast()])?.upcast();
            Ok(Tuple::pair((**me.ty()).to_ref(), args)?.upcast())
        }
    }

    #[pyclass(name = "_deque_iterator", module = "_collections", flags = "HAVE_GC", slots(tp_traverse = traverse::<DequeIter>, tp_clear = clear::<DequeIter>, tp_dealloc = dealloc::<DequeIter>))]
    impl DequeIter {
        #[slot(sig = "deque, index=0, /")]
        fn tp_new(cls: &Type, deque: &Deque, index: isize) -> PyResult<PyRef> {
            DequeIter::new_from(cls, deque, index, false)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            self.to_ref()
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            self.step(self, 1)
        }
        /// Private method returning an estimate of len(list(it)).
        #[pymethod]
        fn __length_hint__(&self) -> isize {
            self.counter.load(Relaxed)
        }
        /// Return state information for pickling.
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            self.reduce(self)
        }
    }

    #[pyclass(name = "_deque_reverse_iterator", module = "_collections", flags = "HAVE_GC", slots(tp_traverse = traverse::<DequeRevIter>, tp_clear = clear::<DequeRevIter>, tp_dealloc = dealloc::<DequeRevIter>))]
    impl DequeRevIter {
        #[slot(sig = "deque, index=0, /")]
        fn tp_new(cls: &Type, deque: &Deque, index: isize) -> PyResult<PyRef> {
            DequeIter::new_from(cls, deque, index, true)
        }
        #[slot]
        fn tp_iter(&self) -> PyRef {
            self.to_ref()
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            self.0.step(self, -1)
        }
        /// Private method returning an estimate of len(list(it)).
        #[pymethod]
        fn __length_hint__(&self) -> isize {
            self.0.counter.load(Relaxed)
        }
        /// Return state information for pickling.
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            self.0.reduce(self)
        }
    }

    // ------------------------------------------------------------------------------------------ defaultdict

    #[repr(C)]
    pub struct DefaultDict {
        dict: Dict,
        default_factory: Slot,
    }

    impl DefaultDict {
        fn factory(&self) -> Option<PyRef> {
            self.default_factory.get(self).filter(|f| !f.is_none())
        }
        fn copied(&self) -> PyResult<PyRef> {
            let f = self.factory().unwrap_or_else(none_ref);
            (**self.ty()).call(&[&f, self])
        }
    }

    /// defaultdict(default_factory=None, /, [...]) --> dict with default factory
    ///
    /// The default factory is called without arguments to produce
    /// a new value when a key is not present, in __getitem__ only.
    /// A defaultdict compares equal to a dict with the same items.
    /// All remaining arguments are treated the same as if they were
    /// passed to the dict constructor, including keyword arguments.
    #[pyclass(name = "defaultdict", module = "collections", base = Dict, flags = "BASETYPE|HAVE_GC", members = "default_factory: object@default_factory")]
    impl DefaultDict {
        #[slot]
        fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let mut rest = args;
            let mut factory = None;
            if let Some((first, others)) = args.args.split_first() {
                if !first.is_none() && !first.is_callable() {
                    return Err(raise!(TypeError, "first argument must be callable or None"));
                }
                factory = Some(first.to_ref());
                rest.args = others;
            }
            drop(self.default_factory.replace(self, factory));
            self.dict.update_common(rest, "dict")
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let base = runtime::objects::dict::views::repr_of(&self.dict)?;
            let f = match self.factory() {
                None => Str::new("None")?,
                Some(f) => {
                    if repr_enter(&f)? {
                        Str::new("...")?
                    } else {
                        let r = f.repr();
                        repr_leave(&f);
                        r?
                    }
                }
            };
            Str::format(format_args!("{}({}, {})", self.ty().name_str(), f.to_string_lossy(), base.to_string_lossy()))
        }
        #[slot]
        fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
            let (owner, other) = match a.downcast::<DefaultDict>() {
                Some(d) => (d, b),
                None => match b.downcast::<DefaultDict>() {
                    Some(d) => (d, a),
                    None => return Ok(not_implemented_ref()),
                },
            };
            if other.downcast::<Dict>().is_none() {
                return Ok(not_implemented_ref());
            }
            let f = owner.factory().unwrap_or_else(none_ref);
            let new = (**owner.ty()).call(&[&f, a])?;
            if let Some(d) = new.downcast::<Dict>() {
                d.update(b)?;
            }
            Ok(new)
        }
        /// __missing__(key) # Called by __getitem__ for missing key; pseudo-code:
        ///   if self.default_factory is None: raise KeyError((key,))
        ///   self[key] = value = self.default_factory()
        ///   return value
        #[pymethod]
        fn __missing__(&self, key: &Object) -> PyResult<PyRef> {
            let Some(f) = self.factory() else { return Err(runtime::error::raise_key_error(key)) };
            let v = f.call0()?;
            self.dict.setdefault(key, &v)
        }
        /// D.copy() -> a shallow copy of D.
        #[pymethod(name = "copy")]
        fn py_copy(&self) -> PyResult<PyRef> {
            self.copied()
        }
        /// D.copy() -> a shallow copy of D.
        #[pymethod]
        fn __copy__(&self) -> PyResult<PyRef> {
            self.copied()
        }
        /// Return state information for pickling.
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            let args = match self.factory() {
                Some(f) => Tuple::from_refs(vec![f])?,
                None => Tuple::empty(),
            };
            let items = self.call_method(intern!("items"), &[])?.iter()?;
            Ok(Tuple::from_refs(vec![(**self.ty()).to_ref(), args.upcast(), none_ref(), none_ref(), items])?.upcast())
        }
        /// See PEP 585
        #[pyclassmethod]
        fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
            runtime::objects::genericalias::alias(cls, args)
        }
        #[slot]
        fn tp_traverse(&self, v: &mut Visitor) -> c_int {
            let r = v.visit_ptr(self.default_factory.ptr());
            if r != 0 { r } else { self.dict.visit_content(v) }
        }
        #[slot]
        fn tp_clear(&self) {
            drop(self.default_factory.replace(self, None));
            self.dict.clear();
        }
        #[slot]
        fn tp_dealloc(this: *mut Self) {
            // SAFETY: a dying dict.
            unsafe {
                begin_dealloc(this);
                drop((*this).default_factory.swap(None));
                runtime::objects::dict::methods::dealloc(this.cast());
            }
        }
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// Count elements in the iterable, updating the mapping
    #[pyfunction]
    fn _count_elements(mapping: &Object, iterable: &Object) -> PyResult<()> {
        let it = iterable.iter()?;
        let one = Int::from_i64(1)?;
        let zero = Int::from_i64(0)?;
        let get = mapping.ty().lookup(intern!("get"));
        let plain = match mapping.downcast::<Dict>() {
            Some(d) => {
                let base = Dict::type_object();
                let same = |name: &Str| match (mapping.ty().lookup(name), base.lookup(name)) {
                    (Some(a), Some(b)) => a.is(&b),
                    _ => false,
                };
                if same(intern!("get")) && same(intern!("__setitem__")) { Some(d) } else { None }
            }
            None => None,
        };
        let _ = get;
        while let Some(k) = it.iter_next()? {
            match plain {
                Some(d) => {
                    let new = match d.get(&k)? {
                        Some(v) => v.add(&one)?,
                        None => one.clone().upcast(),
                    };
                    d.insert(k, new)?;
                }
                None => {
                    let old = mapping.call_method(intern!("get"), &[&k, &zero])?;
                    mapping.set_item(&k, &*old.add(&one)?)?;
                }
            }
        }
        Ok(())
    }

    #[repr(C)]
    pub struct TupleGetter {
        header: abi::PyObject,
        index: AtomicIsize,
        doc: Slot,
    }
    fields!(TupleGetter: doc);

    #[pyclass(name = "_tuplegetter", module = "_collections", flags = "HAVE_GC", members = "__doc__: object@doc", slots(tp_traverse = traverse::<TupleGetter>, tp_clear = clear::<TupleGetter>, tp_dealloc = dealloc::<TupleGetter>))]
    impl TupleGetter {
        #[slot(sig = "index, doc, /")]
        fn tp_new(cls: &Type, index: isize, doc: &Object) -> PyResult<PyRef> {
            let t = alloc::<TupleGetter>(cls)?;
            t.index.store(index, Relaxed);
            t.doc.init(doc.to_ref());
            Ok(track(t).upcast())
        }
        #[slot]
        fn tp_descr_get(&self, obj: Option<&Object>, _ty: Option<&Object>) -> PyResult<PyRef> {
            let i = self.index.load(Relaxed);
            let Some(obj) = obj else { return Ok(self.to_ref()) };
            let Some(t) = obj.downcast::<Tuple>() else {
                if obj.is_none() {
                    return Ok(self.to_ref());
                }
                return Err(raise!(
                    TypeError,
                    "descriptor for index '{}' for tuple subclasses doesn't apply to '{}' object",
                    i,
                    obj.ty().name_str()
                ));
            };
            if i < 0 || i as usize >= t.len() {
                return Err(raise!(IndexError, "tuple index out of range"));
            }
            Ok(t.get(i as usize).to_ref())
        }
        #[slot]
        fn tp_descr_set(&self, _obj: &Object, value: Option<&Object>) -> PyResult<()> {
            Err(match value {
                None => raise!(AttributeError, "can't delete attribute"),
                Some(_) => raise!(AttributeError, "can't set attribute"),
            })
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let doc = self.doc.get(self).unwrap_or_else(none_ref);
            Str::format(format_args!(
                "{}({}, {})",
                self.ty().name_str(),
                self.index.load(Relaxed),
                doc.repr()?.to_string_lossy()
            ))
        }
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            let doc = self.doc.get(self).unwrap_or_else(none_ref);
            let args = Tuple::from_refs(vec![Int::from_i64(self.index.load(Relaxed) as i64)?.upcast(), doc])?.upcast();
            Ok(Tuple::pair((**self.ty()).to_ref(), args)?.upcast())
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Deque>()?;
        m.add_type::<DefaultDict>()?;
        m.add_type::<DequeIter>()?;
        m.add_type::<DequeRevIter>()?;
        m.add_type::<TupleGetter>()?;
        m.add("OrderedDict", (**runtime::objects::odict::init()?).to_ref())
    }
}
