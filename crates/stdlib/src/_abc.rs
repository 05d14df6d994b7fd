//! `_abc`: the machinery of abstract base classes.
//!
//! A class's registry and caches hold weak references to classes, hashed like their referents.

use macros::pymodule;

#[pymodule(name = "_abc", doc = "Module contains faster C implementation of abc.ABCMeta")]
pub mod _abc {
    use core::sync::atomic::AtomicU64;
    use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
    use macros::pyclass;
    use runtime::fields;
    use runtime::objects::support::{Slot, alloc, clear, dealloc, track, traverse};
    use runtime::objects::weakref;
    use runtime::prelude::*;

    /// Grows with every registration: older negative caches are void.
    static COUNTER: AtomicU64 = AtomicU64::new(0);

    #[repr(C)]
    pub struct AbcData {
        header: abi::PyObject,
        registry: Slot,
        cache: Slot,
        negative: Slot,
        negative_version: AtomicU64,
    }
    fields!(AbcData: registry, cache, negative);

    /// Internal state held by ABC machinery.
    #[pyclass(name = "_abc_data", module = "_abc", flags = "HAVE_GC", slots(tp_traverse = traverse::<AbcData>, tp_clear = clear::<AbcData>, tp_dealloc = dealloc::<AbcData>))]
    impl AbcData {
        #[slot]
        fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
            let d = alloc::<AbcData>(cls)?;
            d.negative_version.store(COUNTER.load(Acquire), Relaxed);
            Ok(track(d).upcast())
        }
    }

    impl AbcData {
        fn set(&self, s: &Slot) -> PyResult<Ref<Set>> {
            if let Some(Ok(set)) = s.get(self).map(PyRef::downcast_into::<Set>) {
                return Ok(set);
            }
            let new = Set::new()?;
            if s.is_empty() {
                drop(s.replace(self, Some(new.clone().upcast())));
            }
            match s.get(self).map(PyRef::downcast_into::<Set>) {
                Some(Ok(set)) => Ok(set),
                _ => Ok(new),
            }
        }
        fn has(&self, s: &Slot, o: &Object) -> PyResult<bool> {
            let Some(set) = s.get(self) else { return Ok(false) };
            let Some(set) = set.downcast::<Set>() else { return Ok(false) };
            if set.is_empty() {
                return Ok(false);
            }
            match weakref::new_ref(o, None) {
                Ok(r) => set.contains(&r),
                Err(e) if e.matches(exc::TypeError()) => {
                    e.clear();
                    Ok(false)
                }
                Err(e) => Err(e),
            }
        }
        fn add(&self, s: &Slot, o: &Object) -> PyResult<()> {
            let set = self.set(s)?;
            // Now and then forget the dead.
            let n = set.len();
            if n >= 32 && n.is_power_of_two() {
                for r in set.snapshot() {
                    if weakref::is_dead(&r) {
                        set.discard(&r)?;
                    }
                }
            }
            set.add(&*weakref::new_ref(o, None)?)
        }
    }

    fn data(cls: &Object) -> PyResult<Ref<AbcData>> {
        match cls.getattr(intern!("_abc_impl"))?.downcast_into::<AbcData>() {
            Ok(d) => Ok(d),
            Err(_) => Err(raise!(TypeError, "_abc_impl is set to a wrong type")),
        }
    }

    fn is_type(o: &Object) -> Option<&Type> {
        if o.ty().flags() & (abi::Py_TPFLAGS_TYPE_SUBCLASS as u64) != 0 {
            // SAFETY: the flag marks type objects.
            Some(unsafe { o.cast::<Type>() })
        } else {
            None
        }
    }

    fn is_abstract(o: &Object) -> PyResult<bool> {
        match o.getattr_opt(intern!("__isabstractmethod__"))? {
            Some(f) => f.is_true(),
            None => Ok(false),
        }
    }

    const COLLECTION: u64 = abi::Py_TPFLAGS_SEQUENCE as u64 | abi::Py_TPFLAGS_MAPPING as u64;

    /// Returns the current ABC cache token.
    ///
    /// The token is an opaque object (supporting equality testing) identifying the
    /// current version of the ABC cache for virtual subclasses. The token changes
    /// with every call to register() on any ABC.
    #[pyfunction]
    fn get_cache_token() -> u64 {
        COUNTER.load(Acquire)
    }

    /// Internal ABC helper for class set-up. Should be never used outside abc module.
    #[pyfunction]
    fn _abc_init(slf: &Object) -> PyResult<()> {
        let found = Set::new()?;
        let ns = slf.getattr(intern!("__dict__"))?;
        let items = ns.call_method(intern!("items"), &[])?.to_list()?;
        for pair in items.snapshot() {
            let Some(pair) = pair.downcast::<Tuple>() else { continue };
            if pair.len() == 2 && is_abstract(pair.get(1))? {
                found.add(pair.get(0))?;
            }
        }
        let bases = slf.getattr(intern!("__bases__"))?;
        let Some(bases) = bases.downcast::<Tuple>() else { return Err(raise!(TypeError, "__bases__ is not tuple")) };
        for b in Tuple::iter(bases) {
            let Some(names) = b.getattr_opt(intern!("__abstractmethods__"))? else { continue };
            let it = names.iter()?;
            while let Some(name) = it.iter_next()? {
                let Some(s) = name.downcast::<Str>() else { continue };
                if let Some(v) = slf.getattr_opt(s)? {
                    if is_abstract(&v)? {
                        found.add(&name)?;
                    }
                }
            }
        }
        let frozen = FrozenSet::from_iterable(&found)?;
        slf.setattr(intern!("__abstractmethods__"), &frozen)?;
        let d = alloc::<AbcData>(AbcData::type_object())?;
        d.negative_version.store(COUNTER.load(Acquire), Relaxed);
        slf.setattr(intern!("_abc_impl"), &*track(d))?;
        if let Some(t) = is_type(slf) {
            if let Some(v) = t.dict().get_str(intern!("__abc_tpflags__"))? {
                if let Some(i) = v.downcast_exact::<Int>() {
                    let flags = i.as_i64()? as u64;
                    if flags & COLLECTION == COLLECTION {
                        return Err(raise!(
                            TypeError,
                            "__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING"
                        ));
                    }
                    set_flags(t, flags & COLLECTION);
                }
                slf.delattr(intern!("__abc_tpflags__"))?;
            }
        }
        Ok(())
    }

    /// Marks a class (and what derives from it) as a sequence or a mapping for pattern matching.
    fn set_flags(t: &Type, flags: u64) {
        if flags == 0 || !t.is_heap_type() {
            return;
        }
        // SAFETY: a heap type's flags; only these two bits change.
        unsafe {
            let f = &raw mut (*t.as_raw()).tp_flags;
            *f = (*f & !COLLECTION) | flags;
        }
    }

    fn set_flags_recursive(t: &Type, flags: u64) -> PyResult<()> {
        if flags == 0 || !t.is_heap_type() || t.flags() & COLLECTION == flags {
            return Ok(());
        }
        set_flags(t, flags);
        let subs = t.call_method(intern!("__subclasses__"), &[])?.to_list()?;
        for s in subs.snapshot() {
            if let Some(s) = is_type(&s) {
                set_flags_recursive(s, flags)?;
            }
        }
        Ok(())
    }

    /// Internal ABC helper for subclasss registration. Should be never used outside abc module.
    #[pyfunction]
    fn _abc_register(slf: &Object, subclass: &Object) -> PyResult<PyRef> {
        let Some(sub) = is_type(subclass) else { return Err(raise!(TypeError, "Can only register classes")) };
        if subclass.issubclass(slf)? {
            return Ok(subclass.to_ref());
        }
        if slf.issubclass(subclass)? {
            return Err(raise!(RuntimeError, "Refusing to create an inheritance cycle"));
        }
        let d = data(slf)?;
        d.add(&d.registry, subclass)?;
        COUNTER.fetch_add(1, AcqRel);
        if let Some(t) = is_type(slf) {
            set_flags_recursive(sub, t.flags() & COLLECTION)?;
        }
        Ok(subclass.to_ref())
    }

    /// Internal ABC helper for instance checks. Should be never used outside abc module.
    #[pyfunction]
    fn _abc_instancecheck(slf: &Object, instance: &Object) -> PyResult<PyRef> {
        let d = data(slf)?;
        let subclass = instance.getattr(intern!("__class__"))?;
        if d.has(&d.cache, &subclass)? {
            return Ok((**Bool::of(true)).to_ref());
        }
        let subtype: &Object = instance.ty();
        if subtype.is(&subclass) {
            if d.negative_version.load(Acquire) == COUNTER.load(Acquire) && d.has(&d.negative, &subclass)? {
                return Ok((**Bool::of(false)).to_ref());
            }
            return slf.call_method(intern!("__subclasscheck__"), &[&subclass]);
        }
        let r = slf.call_method(intern!("__subclasscheck__"), &[&subclass])?;
        if r.is_true()? {
            return Ok(r);
        }
        slf.call_method(intern!("__subclasscheck__"), &[subtype])
    }

    /// Internal ABC helper for subclasss checks. Should be never used outside abc module.
    #[pyfunction]
    fn _abc_subclasscheck(slf: &Object, subclass: &Object) -> PyResult<bool> {
        let Some(sub) = is_type(subclass) else { return Err(raise!(TypeError, "issubclass() arg 1 must be a class")) };
        let d = data(slf)?;
        if d.has(&d.cache, subclass)? {
            return Ok(true);
        }
        let now = COUNTER.load(Acquire);
        if d.negative_version.load(Acquire) < now {
            // What is in the negative cache may be a subclass by now.
            if let Some(n) = d.negative.get(&d) {
                if let Some(n) = n.downcast::<Set>() {
                    n.clear();
                }
            }
            d.negative_version.store(now, Release);
        } else if d.has(&d.negative, subclass)? {
            return Ok(false);
        }
        // The hook decides if it wants to.
        let ok = slf.call_method(intern!("__subclasshook__"), &[subclass])?;
        if ok.as_ptr() == (**Bool::of(true)).as_ptr() {
            d.add(&d.cache, subclass)?;
            return Ok(true);
        }
        if ok.as_ptr() == (**Bool::of(false)).as_ptr() {
            d.add(&d.negative, subclass)?;
            return Ok(false);
        }
        if !ok.is(runtime::objects::not_implemented()) {
            return Err(raise!(AssertionError, "__subclasshook__ must return either False, True, or NotImplemented"));
        }
        // A real subclass.
        if Tuple::iter(&*sub.mro()).any(|b| b.is(slf)) {
            d.add(&d.cache, subclass)?;
            return Ok(true);
        }
        // A registered class, or a subclass of one.
        if let Some(r) = d.registry.get(&d) {
            if let Some(r) = r.downcast::<Set>() {
                for w in r.snapshot() {
                    let Some(c) = weakref::get_referent(&w) else { continue };
                    if subclass.issubclass(&c)? {
                        d.add(&d.cache, subclass)?;
                        return Ok(true);
                    }
                }
            }
        }
        // A subclass of a subclass.
        let subs = slf.call_method(intern!("__subclasses__"), &[])?;
        let Some(subs) = subs.downcast::<List>() else {
            return Err(raise!(TypeError, "__subclasses__() must return a list"));
        };
        for c in subs.snapshot() {
            if subclass.issubclass(&c)? {
                d.add(&d.cache, subclass)?;
                return Ok(true);
            }
        }
        d.add(&d.negative, subclass)?;
        Ok(false)
    }

    /// Internal ABC helper for cache and registry debugging.
    ///
    /// Return shallow copies of registry, of both caches, and
    /// negative cache version. Don't call this function directly,
    /// instead use ABC._dump_registry() for a nice repr.
    #[pyfunction]
    fn _get_dump(slf: &Object) -> PyResult<Ref<Tuple>> {
        let d = data(slf)?;
        let copy = |s: &Slot| -> PyResult<PyRef> {
            let out = Set::new()?;
            out.update(&*d.set(s)?)?;
            Ok(out.upcast())
        };
        Tuple::from_refs(vec![
            copy(&d.registry)?,
            copy(&d.cache)?,
            copy(&d.negative)?,
            Int::from_u64(d.negative_version.load(Acquire))?.upcast(),
        ])
    }

    /// Internal ABC helper to reset registry of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction]
    fn _reset_registry(slf: &Object) -> PyResult<()> {
        let d = data(slf)?;
        d.set(&d.registry)?.clear();
        Ok(())
    }

    /// Internal ABC helper to reset both caches of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction]
    fn _reset_caches(slf: &Object) -> PyResult<()> {
        let d = data(slf)?;
        d.set(&d.cache)?.clear();
        d.set(&d.negative)?.clear();
        Ok(())
    }

    #[exec]
    fn init(_m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(<AbcData as runtime::convert::HasSpec>::spec())
    }
}
