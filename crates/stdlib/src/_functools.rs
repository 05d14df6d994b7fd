//! `_functools`: `partial`, `reduce`, `cmp_to_key` and the wrapper of `lru_cache`.

use macros::pymodule;

#[pymodule(name = "_functools", doc = "Tools that operate on functions.")]
pub mod _functools {
    use core::mem::offset_of;
    use core::sync::atomic::Ordering::Relaxed;
    use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr};
    use macros::pyclass;
    use runtime::fields;
    use runtime::lock;
    use runtime::objects::reprguard::{repr_enter, repr_leave};
    use runtime::objects::singletons::immortal_header;
    use runtime::objects::support::{Fields, Slot, alloc, as_objects, clear, dealloc, track, traverse};
    use runtime::objects::{StrBuilder, classobject};
    use runtime::prelude::*;
    use runtime::protocol::CompareOp;
    use runtime::typeobject::Type as PyType;

    // ------------------------------------------------------------------------------------------ Placeholder

    #[repr(transparent)]
    pub struct PlaceholderObject(Object);
    static mut PLACEHOLDER: PlaceholderObject = PlaceholderObject(Object(immortal_header(&raw mut PLACEHOLDER_TYPE)));
    static mut PLACEHOLDER_TYPE: PyType = PyType::STATIC;
    runtime::py_layout!(PlaceholderObject, PLACEHOLDER_TYPE);

    fn placeholder() -> &'static Object {
        // SAFETY: an immortal static.
        unsafe { &*(&raw const PLACEHOLDER).cast::<Object>() }
    }

    /// The type of the Placeholder singleton.
    ///
    /// Used as a placeholder for partial arguments.
    #[pyclass(name = "_PlaceholderType", module = "functools", type_object = PLACEHOLDER_TYPE, flags = "")]
    impl PlaceholderObject {
        #[slot]
        fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            if args.len() != 0 || args.has_keywords() {
                return Err(raise!(TypeError, "PlaceholderType takes no arguments"));
            }
            Ok(placeholder().to_ref())
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            Str::new("Placeholder")
        }
        #[slot]
        fn tp_dealloc(_this: *mut Self) {
            runtime::mem::refcount::set_immortal(placeholder());
        }
        #[pymethod]
        fn __reduce__(&self) -> &'static str {
            "Placeholder"
        }
    }

    // ------------------------------------------------------------------------------------------ partial

    #[repr(C)]
    pub struct Partial {
        header: abi::PyObject,
        func: Slot,
        args: Slot,
        kw: Slot,
        dict: Slot,
        weakreflist: Slot,
        placeholders: AtomicIsize,
        vectorcall: abi::vectorcallfunc,
    }
    impl Fields for Partial {
        fn fields(&self, f: &mut dyn FnMut(&Slot)) {
            f(&self.func);
            f(&self.args);
            f(&self.kw);
            f(&self.dict);
        }
        fn release(&self) {
            if !self.weakreflist.is_empty() {
                // SAFETY: the object is dying.
                unsafe { runtime::objects::weakref::clear_weakrefs(self.as_ptr()) };
            }
        }
    }

    unsafe extern "C" fn partial_vectorcall(
        slf: *mut abi::PyObject,
        args: *mut *mut abi::PyObject,
        nargsf: usize,
        kwnames: *mut abi::PyObject,
    ) -> *mut abi::PyObject {
        runtime::convert::guard_object(|| {
            // SAFETY: vectorcall's contract.
            unsafe {
                let p = Object::from_ptr(slf).cast::<Partial>();
                p.invoke(FuncArgs::from_vectorcall(args, nargsf, kwnames))
            }
        })
    }

    impl Partial {
        fn parts(&self) -> PyResult<(PyRef, Ref<Tuple>, Ref<Dict>)> {
            let (Some(f), Some(a), Some(k)) = (self.func.get(self), self.args.get(self), self.kw.get(self)) else {
                return Err(raise!(SystemError, "partial object was cleared"));
            };
            match (a.downcast_into::<Tuple>(), k.downcast_into::<Dict>()) {
                (Ok(a), Ok(k)) => Ok((f, a, k)),
                _ => Err(raise!(TypeError, "invalid partial state")),
            }
        }

        fn invoke(&self, call: FuncArgs<'_>) -> PyResult<PyRef> {
            let (f, args, kw) = self.parts()?;
            let ph = self.placeholders.load(Relaxed) as usize;
            if call.args.len() < ph {
                return Err(raise!(
                    TypeError,
                    "missing positional arguments in 'partial' call; expected at least {}, got {}",
                    ph,
                    call.args.len()
                ));
            }
            // Positional: the stored ones with their gaps filled, then what is left.
            let mut all: Vec<&Object> =
                Vec::with_capacity(args.len() + call.args.len() + kw.len() + call.kwnames.len());
            let mut given = call.args.iter();
            if ph == 0 {
                all.extend(args.as_slice());
            } else {
                for a in Tuple::iter(&args) {
                    if a.is(placeholder()) {
                        if let Some(v) = given.next() {
                            all.push(v);
                        }
                    } else {
                        all.push(a);
                    }
                }
            }
            all.extend(given);
            if kw.is_empty() && call.kwnames.is_empty() {
                return f.call(&all);
            }
            // Keywords: the stored ones, replaced by those of the call.
            let n = all.len();
            let stored = kw.items_snapshot();
            let mut names: Vec<&Object> = Vec::with_capacity(stored.len() + call.kwnames.len());
            for (k, v) in &stored {
                names.push(k);
                all.push(v);
            }
            for (k, v) in call.keywords() {
                let mut at = None;
                for (i, name) in names[..stored.len()].iter().enumerate() {
                    if name.eq(k)? {
                        at = Some(i);
                        break;
                    }
                }
                match at {
                    Some(i) => all[n + i] = v,
                    None => {
                        names.push(k);
                        all.push(v);
                    }
                }
            }
            let names = Tuple::from_slice(&names)?;
            f.call_kw(&all, Some(&names))
        }

        fn count_placeholders(args: &Tuple) -> isize {
            Tuple::iter(args).filter(|a| a.is(placeholder())).count() as isize
        }

        fn fill(&self, func: PyRef, args: Ref<Tuple>, kw: PyRef) {
            self.placeholders.store(Self::count_placeholders(&args), Relaxed);
            let old = (
                self.func.replace(self, Some(func)),
                self.args.replace(self, Some(args.upcast())),
                self.kw.replace(self, Some(kw)),
            );
            drop(old);
        }
    }

    /// partial(func, /, *args, **keywords)
    /// --
    ///
    /// Create a new function with partial application of the given arguments and keywords.
    #[pyclass(
        name = "partial",
        module = "functools",
        flags = "BASETYPE|HAVE_GC|HAVE_VECTORCALL|METHOD_DESCRIPTOR",
        dictoffset = offset_of!(Partial, dict),
        weaklistoffset = offset_of!(Partial, weakreflist),
        vectorcalloffset = offset_of!(Partial, vectorcall),
        slots(tp_traverse = traverse::<Partial>, tp_clear = clear::<Partial>, tp_dealloc = dealloc::<Partial>)
    )]
    impl Partial {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let Some((&func, rest)) = args.args.split_first() else {
                return Err(raise!(TypeError, "type 'partial' takes at least one argument"));
            };
            if !func.is_callable() {
                return Err(raise!(TypeError, "the first argument must be callable"));
            }
            if rest.last().is_some_and(|a| a.is(placeholder())) {
                return Err(raise!(TypeError, "trailing Placeholders are not allowed"));
            }
            if args.kwvalues.iter().any(|v| v.is(placeholder())) {
                return Err(raise!(TypeError, "Placeholder cannot be passed as a keyword argument"));
            }
            let mut f = func.to_ref();
            let mut all: Vec<PyRef> = Vec::new();
            let kw = Dict::new()?;
            let mut rest = rest.iter();
            // A plain partial of a partial is folded into one.
            if let Some(inner) = func.downcast_exact::<Partial>().filter(|p| p.dict.is_empty()) {
                let (g, a, k) = inner.parts()?;
                f = g;
                for x in Tuple::iter(&a) {
                    if x.is(placeholder()) {
                        all.push(rest.next().map_or_else(|| x.to_ref(), |o| o.to_ref()));
                    } else {
                        all.push(x.to_ref());
                    }
                }
                kw.update(&k)?;
            }
            all.extend(rest.map(|o| o.to_ref()));
            // A fold may leave gaps at the end only if the outer call had none of its own there.
            for (k, v) in args.keywords() {
                kw.set(k, v)?;
            }
            let p = alloc::<Partial>(cls)?;
            // SAFETY: a new object.
            unsafe { (&raw mut (*p.as_raw()).vectorcall).write(Some(partial_vectorcall)) };
            p.fill(f, Tuple::from_refs(all)?, kw.upcast());
            Ok(track(p).upcast())
        }
        #[slot]
        fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            self.invoke(args)
        }
        #[slot]
        fn tp_descr_get(&self, obj: Option<&Object>, _ty: Option<&Object>) -> PyResult<PyRef> {
            match obj {
                Some(o) if !o.is_none() => classobject::new(self, o),
                _ => Ok(self.to_ref()),
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            if repr_enter(self)? {
                return Str::new("...");
            }
            let r = (|| {
                let (f, args, kw) = self.parts()?;
                let mut b = StrBuilder::new();
                b.push_str_of(&*self.ty().module()?)?;
                b.push_char('.');
                b.push_str_of(&*self.ty().qualname()?)?;
                b.push_char('(');
                b.push_repr_of(&f)?;
                for a in Tuple::iter(&args) {
                    b.push_str(", ");
                    b.push_repr_of(a)?;
                }
                for (k, v) in kw.items_snapshot() {
                    b.push_str(", ");
                    b.push_str_of(&k)?;
                    b.push_char('=');
                    b.push_repr_of(&v)?;
                }
                b.push_char(')');
                b.finish()
            })();
            repr_leave(self);
            r
        }
        /// function object to use in future partial calls
        #[pygetset]
        fn func(&self) -> PyRef {
            self.func.get(self).unwrap_or_else(none_ref)
        }
        /// tuple of arguments to future partial calls
        #[pygetset]
        fn args(&self) -> PyRef {
            self.args.get(self).unwrap_or_else(none_ref)
        }
        /// dictionary of keyword arguments to future partial calls
        #[pygetset]
        fn keywords(&self) -> PyRef {
            self.kw.get(self).unwrap_or_else(none_ref)
        }
        #[pygetset]
        fn __dict__(&self) -> PyResult<PyRef> {
            if let Some(d) = self.dict.get(self) {
                return Ok(d);
            }
            let d: PyRef = Dict::new()?.upcast();
            if self.dict.is_empty() {
                drop(self.dict.replace(self, Some(d.clone())));
            }
            Ok(self.dict.get(self).unwrap_or(d))
        }
        #[pysetter]
        fn set___dict__(&self, value: Option<&Object>) -> PyResult<()> {
            let Some(v) = value else { return Err(raise!(TypeError, "cannot delete __dict__")) };
            if v.downcast::<Dict>().is_none() {
                return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().name_str()));
            }
            drop(self.dict.replace(self, Some(v.to_ref())));
            Ok(())
        }
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            let (f, args, kw) = self.parts()?;
            let dict = self.dict.get(self).unwrap_or_else(none_ref);
            let state = Tuple::from_refs(vec![f.clone(), args.upcast(), kw.upcast(), dict])?;
            Ok(Tuple::from_refs(vec![(**self.ty()).to_ref(), Tuple::from_refs(vec![f])?.upcast(), state.upcast()])?
                .upcast())
        }
        #[pymethod]
        fn __setstate__(&self, state: &Object) -> PyResult<()> {
            let bad = || raise!(TypeError, "invalid partial state");
            let Some(t) = state.downcast::<Tuple>().filter(|t| t.len() == 4) else { return Err(bad()) };
            let (f, a, k, d) = (t.get(0), t.get(1), t.get(2), t.get(3));
            let Some(a) = a.downcast::<Tuple>() else { return Err(bad()) };
            if !f.is_callable() || !(k.is_none() || k.downcast::<Dict>().is_some()) {
                return Err(bad());
            }
            if a.len() > 0 && a.get(a.len() - 1).is(placeholder()) {
                return Err(raise!(TypeError, "trailing Placeholders are not allowed"));
            }
            let args = if core::ptr::eq(a.ty(), Tuple::type_object()) {
                Ref::new_ref(a)
            } else {
                Tuple::from_slice(a.as_slice())?
            };
            let kw: PyRef = match k.downcast_exact::<Dict>() {
                Some(d) => (**d).to_ref(),
                None if k.is_none() => Dict::new()?.upcast(),
                None => {
                    let n = Dict::new()?;
                    n.update(k)?;
                    n.upcast()
                }
            };
            self.fill(f.to_ref(), args, kw);
            drop(self.dict.replace(self, if d.is_none() { None } else { Some(d.to_ref()) }));
            Ok(())
        }
        /// See PEP 585
        #[pyclassmethod]
        fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
            runtime::objects::genericalias::alias(cls, args)
        }
    }

    // ------------------------------------------------------------------------------------------ reduce

    /// Apply a function of two arguments cumulatively to the items of an iterable, from left to right.
    ///
    /// This effectively reduces the iterable to a single value.  If initial is present,
    /// it is placed before the items of the iterable in the calculation, and serves as
    /// a default when the iterable is empty.
    ///
    /// For example, reduce(lambda x, y: x+y, [1, 2, 3, 4, 5])
    /// calculates ((((1 + 2) + 3) + 4) + 5).
    #[pyfunction(sig = "function, iterable, /, initial=<functools._initial_missing>")]
    fn reduce(function: &Object, iterable: &Object, initial: Arg<&Object>) -> PyResult<PyRef> {
        let it = match iterable.iter() {
            Ok(it) => it,
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                return Err(raise!(TypeError, "reduce() arg 2 must support iteration"));
            }
            Err(e) => return Err(e),
        };
        let mut acc = match initial {
            Arg::Given(v) => v.to_ref(),
            Arg::Missing => match it.iter_next()? {
                Some(v) => v,
                None => return Err(raise!(TypeError, "reduce() of empty iterable with no initial value")),
            },
        };
        while let Some(v) = it.iter_next()? {
            acc = function.call(&[&acc, &v])?;
        }
        Ok(acc)
    }

    // ------------------------------------------------------------------------------------------ cmp_to_key

    #[repr(C)]
    pub struct KeyWrapper {
        header: abi::PyObject,
        cmp: Slot,
        obj: Slot,
    }
    fields!(KeyWrapper: cmp, obj);

    #[pyclass(name = "KeyWrapper", module = "functools", flags = "HAVE_GC", members = "obj: object@obj", slots(tp_traverse = traverse::<KeyWrapper>, tp_clear = clear::<KeyWrapper>, tp_dealloc = dealloc::<KeyWrapper>))]
    impl KeyWrapper {
        #[slot(sig = "obj", name = "K")]
        fn tp_call(&self, obj: &Object) -> PyResult<PyRef> {
            let k = alloc::<KeyWrapper>(KeyWrapper::type_object())?;
            if let Some(c) = self.cmp.get(self) {
                k.cmp.init(c);
            }
            k.obj.init(obj.to_ref());
            Ok(track(k).upcast())
        }
        #[slot]
        fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
            let Some(o) = other.downcast_exact::<KeyWrapper>() else {
                return Err(raise!(TypeError, "other argument must be K instance"));
            };
            let (Some(c), Some(a), Some(b)) = (self.cmp.get(self), self.obj.get(self), o.obj.get(o)) else {
                return Err(raise!(AttributeError, "object"));
            };
            let r = c.call(&[&a, &b])?;
            r.richcompare(&*Int::from_i64(0)?, op)
        }
        #[slot]
        fn tp_hash(&self) -> PyResult<isize> {
            Err(raise!(TypeError, "unhashable type: 'functools.KeyWrapper'"))
        }
    }

    /// Convert a cmp= function into a key= function.
    #[pyfunction(sig = "mycmp")]
    fn cmp_to_key(mycmp: &Object) -> PyResult<PyRef> {
        let k = alloc::<KeyWrapper>(KeyWrapper::type_object())?;
        k.cmp.init(mycmp.to_ref());
        Ok(track(k).upcast())
    }

    // ------------------------------------------------------------------------------------------ lru_cache

    /// The cache is a dict from key to value, in order of use (a hit moves its entry to the end when the cache is bounded).
    #[repr(C)]
    pub struct LruCache {
        header: abi::PyObject,
        func: Slot,
        cache: Slot,
        info_type: Slot,
        dict: Slot,
        weakreflist: Slot,
        /// -1: unbounded.
        maxsize: AtomicIsize,
        typed: AtomicBool,
        hits: AtomicIsize,
        misses: AtomicIsize,
        vectorcall: abi::vectorcallfunc,
    }

    unsafe extern "C" fn lru_call(
        callable: *mut abi::PyObject,
        args: *mut *mut abi::PyObject,
        nargsf: usize,
        kwnames: *mut abi::PyObject,
    ) -> *mut abi::PyObject {
        runtime::convert::guard_object(|| {
            // SAFETY: vectorcall's contract; installed on these objects only.
            unsafe {
                let me = Object::from_ptr(callable).cast::<LruCache>();
                me.invoke(FuncArgs::from_vectorcall(args, nargsf, kwnames))
            }
        })
    }

    impl Fields for LruCache {
        fn fields(&self, f: &mut dyn FnMut(&Slot)) {
            f(&self.func);
            f(&self.cache);
            f(&self.info_type);
            f(&self.dict);
        }
        fn release(&self) {
            if !self.weakreflist.is_empty() {
                // SAFETY: the object is dying.
                unsafe { runtime::objects::weakref::clear_weakrefs(self.as_ptr()) };
            }
        }
    }

    /// A list that separates positional from keyword arguments in a key: no user code can make an equal object.
    static KWD_MARK: AtomicPtr<abi::PyObject> = AtomicPtr::new(core::ptr::null_mut());

    fn kwd_mark() -> PyResult<&'static Object> {
        use core::sync::atomic::Ordering::{AcqRel, Acquire};
        let p = KWD_MARK.load(Acquire);
        if !p.is_null() {
            // SAFETY: kept for ever.
            return Ok(unsafe { Object::from_ptr(p) });
        }
        let builtins = runtime::objects::support::builtin("object")?;
        let new = builtins.call0()?.into_ptr();
        let p = match KWD_MARK.compare_exchange(core::ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            Err(other) => other,
        };
        // SAFETY: kept for ever (a loser of the race leaks one object).
        Ok(unsafe { Object::from_ptr(p) })
    }

    impl LruCache {
        fn key(&self, args: &FuncArgs<'_>) -> PyResult<PyRef> {
            let typed = self.typed.load(Relaxed);
            if !typed && args.kwnames.is_empty() {
                // A single int or str stands for itself.
                if let [a] = args.args {
                    if a.downcast_exact::<Int>().is_some() || a.downcast_exact::<Str>().is_some() {
                        return Ok(a.to_ref());
                    }
                }
                return Ok(args.to_tuple()?.upcast());
            }
            let mut v: Vec<PyRef> = args.args.iter().map(|a| a.to_ref()).collect();
            if !args.kwnames.is_empty() {
                v.push(kwd_mark()?.to_ref());
                for (k, x) in args.keywords() {
                    v.push(k.to_ref());
                    v.push(x.to_ref());
                }
            }
            if typed {
                for a in args.args.iter().chain(args.kwvalues) {
                    v.push((**a.ty()).to_ref());
                }
            }
            Ok(Tuple::from_refs(v)?.upcast())
        }

        fn call_function(f: &Object, args: &FuncArgs<'_>) -> PyResult<PyRef> {
            if args.kwnames.is_empty() {
                return f.call(args.args);
            }
            let mut all: Vec<&Object> = args.args.to_vec();
            all.extend(args.kwvalues);
            let names = Tuple::from_slice(args.kwnames)?;
            f.call_kw(&all, Some(&names))
        }

        fn invoke(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let Some(f) = self.func.get(self) else { return Err(raise!(SystemError, "cleared lru_cache")) };
            let max = self.maxsize.load(Relaxed);
            if max == 0 {
                self.misses.fetch_add(1, Relaxed);
                return Self::call_function(&f, &args);
            }
            let key = self.key(&args)?;
            let hash = key.hash()?;
            let Some(cache) = self.cache.get(self) else { return Err(raise!(SystemError, "cleared lru_cache")) };
            let Some(cache) = cache.downcast::<Dict>() else { return Err(raise!(SystemError, "bad lru_cache")) };
            if let Some(v) = cache.get_known_hash(&key, hash)? {
                self.hits.fetch_add(1, Relaxed);
                if max > 0 {
                    // To the end of the order of use, unless another thread has thrown it out.
                    lock!(self);
                    cache.move_to_end(&key, hash, true)?;
                }
                return Ok(v);
            }
            self.misses.fetch_add(1, Relaxed);
            let v = Self::call_function(&f, &args)?;
            if max < 0 {
                cache.insert_known_hash(key, hash, v.clone())?;
                return Ok(v);
            }
            let mut out = None;
            {
                lock!(self);
                if cache.get_known_hash(&key, hash)?.is_none() {
                    if cache.len() as isize >= max {
                        out = cache.pop_first()?;
                    }
                    cache.insert_known_hash(key, hash, v.clone())?;
                }
            }
            drop(out);
            Ok(v)
        }
    }

    /// Create a cached callable that wraps another function.
    ///
    /// user_function:      the function being cached
    ///
    /// maxsize:  0         for no caching
    ///           None      for unlimited cache size
    ///           n         for a bounded cache
    ///
    /// typed:    False     cache f(3) and f(3.0) as identical calls
    ///           True      cache f(3) and f(3.0) as distinct calls
    ///
    /// cache_info_type:    namedtuple class with the fields:
    ///                         hits misses currsize maxsize
    #[pyclass(
        name = "_lru_cache_wrapper",
        module = "functools",
        flags = "BASETYPE|HAVE_GC|METHOD_DESCRIPTOR|HAVE_VECTORCALL",
        vectorcalloffset = offset_of!(LruCache, vectorcall),
        dictoffset = offset_of!(LruCache, dict),
        weaklistoffset = offset_of!(LruCache, weakreflist),
        slots(tp_traverse = traverse::<LruCache>, tp_clear = clear::<LruCache>, tp_dealloc = dealloc::<LruCache>)
    )]
    impl LruCache {
        #[slot(sig = "user_function, maxsize, typed, cache_info_type")]
        fn tp_new(
            cls: &Type,
            user_function: &Object,
            maxsize: &Object,
            typed: &Object,
            cache_info_type: &Object,
        ) -> PyResult<PyRef> {
            if !user_function.is_callable() {
                return Err(raise!(TypeError, "the first argument must be callable"));
            }
            let max = if maxsize.is_none() {
                -1
            } else if maxsize.index_check() {
                maxsize.as_isize()?.max(0)
            } else {
                return Err(raise!(TypeError, "maxsize should be integer or None"));
            };
            let typed = typed.is_true()?;
            let cache = Dict::new()?;
            let c = alloc::<LruCache>(cls)?;
            c.func.init(user_function.to_ref());
            c.cache.init(cache.upcast());
            c.info_type.init(cache_info_type.to_ref());
            c.maxsize.store(max, Relaxed);
            c.typed.store(typed, Relaxed);
            // SAFETY: a new object.
            unsafe { (*c.as_raw()).vectorcall = Some(lru_call) };
            Ok(track(c).upcast())
        }
        #[slot]
        fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            self.invoke(args)
        }
        #[slot]
        fn tp_descr_get(&self, obj: Option<&Object>, _ty: Option<&Object>) -> PyResult<PyRef> {
            match obj {
                Some(o) if !o.is_none() => classobject::new(self, o),
                _ => Ok(self.to_ref()),
            }
        }
        /// Report cache statistics
        #[pymethod]
        fn cache_info(&self) -> PyResult<PyRef> {
            let Some(t) = self.info_type.get(self) else { return Err(raise!(SystemError, "cleared lru_cache")) };
            let max = self.maxsize.load(Relaxed);
            let size = self.cache.get(self).and_then(|c| c.downcast::<Dict>().map(|d| d.len())).unwrap_or(0);
            let int = |v: isize| -> PyResult<PyRef> { Ok(Int::from_i64(v as i64)?.upcast()) };
            let args = [
                int(self.hits.load(Relaxed))?,
                int(self.misses.load(Relaxed))?,
                if max < 0 { none_ref() } else { int(max)? },
                int(size as isize)?,
            ];
            t.call(as_objects(&args))
        }
        /// Clear the cache and cache statistics
        #[pymethod]
        fn cache_clear(&self) {
            self.hits.store(0, Relaxed);
            self.misses.store(0, Relaxed);
            if let Some(c) = self.cache.get(self) {
                if let Some(d) = c.downcast::<Dict>() {
                    d.clear();
                }
            }
        }
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            self.getattr(intern!("__qualname__"))
        }
        #[pymethod]
        fn __copy__(&self) -> PyRef {
            self.to_ref()
        }
        #[pymethod]
        fn __deepcopy__(&self, _memo: &Object) -> PyRef {
            self.to_ref()
        }
        #[pygetset]
        fn __dict__(&self) -> PyResult<PyRef> {
            if let Some(d) = self.dict.get(self) {
                return Ok(d);
            }
            let d: PyRef = Dict::new()?.upcast();
            if self.dict.is_empty() {
                drop(self.dict.replace(self, Some(d.clone())));
            }
            Ok(self.dict.get(self).unwrap_or(d))
        }
        #[pysetter]
        fn set___dict__(&self, value: Option<&Object>) -> PyResult<()> {
            let Some(v) = value else { return Err(raise!(TypeError, "cannot delete __dict__")) };
            if v.downcast::<Dict>().is_none() {
                return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().name_str()));
            }
            drop(self.dict.replace(self, Some(v.to_ref())));
            Ok(())
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(<KeyWrapper as runtime::convert::HasSpec>::spec())?;
        m.add_type::<PlaceholderObject>()?;
        m.add_type::<Partial>()?;
        m.add_type::<LruCache>()?;
        m.add("Placeholder", placeholder().to_ref())
    }
}
