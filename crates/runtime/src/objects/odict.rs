//! `collections.OrderedDict`, its views and its iterator.
//!
//! A dict keeps its order already; what the class adds is moving entries to either end, taking them from either end, a
//! comparison that minds the order, and iterators that notice every change of it: `state` counts these.

use crate::mem::Visitor;
use crate::objects::dict::iter::{Part, item};
use crate::objects::dict::views::{DictItemsView, DictKeysView, DictValuesView, DictView};
use crate::objects::dict::{Dict, hash_of};
use crate::objects::not_implemented_ref;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object, track};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicIsize, AtomicU8, AtomicUsize};
use macros::pyclass;

#[unsafe(no_mangle)]
pub static mut PyODict_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictIter_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictKeys_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictItems_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictValues_Type: Type = unready_type();

/// Layout of `OrderedDict` objects.
#[repr(C)]
pub struct ODict {
    dict: Dict,
    state: AtomicUsize,
    inst_dict: Slot,
    weakreflist: Slot,
}
py_layout!(ODict, PyODict_Type);

impl ODict {
    fn is_exact(&self) -> bool {
        core::ptr::eq(self.ty(), ODict::type_object())
    }

    fn changed(&self) {
        self.state.store(self.state.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn store(&self, key: &Object, value: &Object) -> PyResult<()> {
        let n = self.dict.len();
        let r = self.dict.set(key, value);
        if self.dict.len() != n {
            self.changed();
        }
        r
    }

    fn remove(&self, key: &Object) -> PyResult<Option<PyRef>> {
        let r = self.dict.pop(key);
        self.changed();
        r
    }

    /// `self[key] = value`, as the class of the object does it.
    fn store_by_class(&self, key: &Object, value: &Object) -> PyResult<()> {
        if self.is_exact() { self.store(key, value) } else { self.set_item(key, value) }
    }

    fn add_pairs(&self, pairs: &Object) -> PyResult<()> {
        let it = pairs.iter()?;
        while let Some(pair) = it.iter_next()? {
            let parts = pair.iter()?;
            let Some(k) = parts.iter_next()? else {
                return Err(raise!(ValueError, "need more than 0 values to unpack"));
            };
            let Some(v) = parts.iter_next()? else {
                return Err(raise!(ValueError, "need more than 1 value to unpack"));
            };
            if parts.iter_next()?.is_some() {
                return Err(raise!(ValueError, "too many values to unpack (expected 2)"));
            }
            self.store_by_class(&k, &v)?;
        }
        Ok(())
    }

    fn update_from(&self, other: &Object) -> PyResult<()> {
        if let Some(d) = other.downcast_exact::<Dict>() {
            for (k, v) in d.items_snapshot() {
                self.store_by_class(&k, &v)?;
            }
            return Ok(());
        }
        if let Some(f) = other.getattr_opt(intern!("keys"))? {
            let it = f.call0()?.iter()?;
            while let Some(k) = it.iter_next()? {
                self.store_by_class(&k, &*other.get_item(&k)?)?;
            }
            return Ok(());
        }
        if let Some(f) = other.getattr_opt(intern!("items"))? {
            return self.add_pairs(&*f.call0()?);
        }
        self.add_pairs(other)
    }

    fn update_common(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if let Some(o) = args.get(0) {
            self.update_from(o)?;
        }
        for (k, v) in args.keywords() {
            self.store_by_class(k, v)?;
        }
        Ok(())
    }

    /// Whether both have the same keys in the same order.
    fn same_order(&self, other: &ODict) -> PyResult<bool> {
        let (a, b) = (self.dict.keys_snapshot(), other.dict.keys_snapshot());
        for (x, y) in a.iter().zip(&b) {
            if !x.eq(y)? {
                return Ok(false);
            }
        }
        Ok(a.len() == b.len())
    }

    fn equal(&self, other: &Object) -> PyResult<bool> {
        let Some(d) = other.downcast::<Dict>() else { return Ok(false) };
        let mut same = self.dict.equal(d)?;
        let (state, theirs) = (self.state.load(Relaxed), other.downcast::<ODict>().map(|o| o.state.load(Relaxed)));
        if let Some(o) = other.downcast::<ODict>()
            && same
        {
            same = self.same_order(o)?;
            if Some(o.state.load(Relaxed)) != theirs || self.state.load(Relaxed) != state {
                return Err(raise!(RuntimeError, "OrderedDict mutated during iteration"));
            }
        }
        Ok(same)
    }
}

/// Dictionary that remembers insertion order
#[pyclass(
    name = "OrderedDict",
    module = "collections",
    type_object = PyODict_Type,
    base = Dict,
    flags = "BASETYPE|HAVE_GC",
    dictoffset = offset_of!(ODict, inst_dict),
    weaklistoffset = offset_of!(ODict, weakreflist)
)]
impl ODict {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if args.args.len() > 1 {
            return Err(raise!(TypeError, "expected at most 1 argument, got {}", args.args.len()));
        }
        self.update_common(args)
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        if self.dict.is_empty() {
            return Str::format(format_args!("{}()", self.ty().name_str()));
        }
        if repr_enter(self)? {
            return Str::new("...");
        }
        let r = (|| {
            let plain = Dict::new()?;
            if self.is_exact() {
                for (k, v) in self.dict.items_snapshot() {
                    plain.set(&k, &v)?;
                }
            } else {
                let items = self.call_method(intern!("items"), &[])?;
                plain.update(&*items.to_list()?)?;
            }
            Str::format(format_args!("{}({})", self.ty().name_str(), plain.repr()?.to_string_lossy()))
        })();
        repr_leave(self);
        r
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        ODictIter::create(self, Part::Keys, false)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        if other.downcast::<Dict>().is_none() || !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented_ref());
        }
        let same = self.equal(other)?;
        Ok((**Bool::of(same == (op == CompareOp::Eq))).to_ref())
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(v) => self.store(key, v),
            None => match self.remove(key)? {
                Some(_) => Ok(()),
                None => Err(crate::error::raise_key_error(key)),
            },
        }
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        if a.downcast::<Dict>().is_none() || b.downcast::<Dict>().is_none() {
            return Ok(not_implemented_ref());
        }
        let class = if a.downcast::<ODict>().is_some() { a.ty() } else { b.ty() };
        let new = (**class).call1(a)?;
        match new.downcast::<ODict>() {
            Some(d) => d.update_from(b)?,
            None => return Err(raise!(TypeError, "OrderedDict expected, got {}", new.ty().name_str())),
        }
        Ok(new)
    }
    #[slot]
    fn nb_inplace_or(&self, other: &Object) -> PyResult<PyRef> {
        self.update_from(other)?;
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.inst_dict.ptr());
        if r != 0 { r } else { self.dict.visit_content(v) }
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.inst_dict.replace(self, None));
        self.changed();
        self.dict.clear();
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying dict: nobody else reaches it.
        unsafe {
            begin_dealloc(this);
            if !(*this).weakreflist.is_empty() {
                crate::objects::weakref::clear_weakrefs(this.cast());
            }
            drop((*this).inst_dict.swap(None));
            crate::objects::dict::methods::dealloc(this.cast());
        }
    }

    /// Create a new ordered dictionary with keys from iterable and values set to value.
    #[pyclassmethod(sig = "iterable, value=None")]
    fn fromkeys(cls: &Type, iterable: &Object, value: &Object) -> PyResult<PyRef> {
        let d = (**cls).call0()?;
        iterable.for_each(|k| d.set_item(&k, value))?;
        Ok(d)
    }
    /// od.pop(key[,default]) -> v, remove specified key and return the corresponding value.
    ///
    /// If the key is not found, return the default if given; otherwise,
    /// raise a KeyError.
    #[pymethod(name = "pop", sig = "key, default=<unrepresentable>")]
    fn py_pop(&self, key: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        match (self.remove(key)?, default) {
            (Some(v), _) => Ok(v),
            (None, Arg::Given(d)) => Ok(d.to_ref()),
            (None, Arg::Missing) => Err(crate::error::raise_key_error(key)),
        }
    }
    /// Remove and return a (key, value) pair from the dictionary.
    ///
    /// Pairs are returned in LIFO order if last is true or FIFO order if
    /// false.
    #[pymethod(name = "popitem", sig = "last=True")]
    fn py_popitem(&self, last: bool) -> PyResult<Ref<Tuple>> {
        self.changed();
        match if last { self.dict.popitem()? } else { self.dict.pop_first()? } {
            Some((k, v)) => Tuple::pair(k, v),
            None => Err(raise!(KeyError, "dictionary is empty")),
        }
    }
    /// Move an existing element to the end (or beginning if last is false).
    ///
    /// Raise KeyError if the element does not exist.
    #[pymethod(name = "move_to_end", sig = "key, last=True")]
    fn py_move_to_end(&self, key: &Object, last: bool) -> PyResult<()> {
        let hash = hash_of(key)?;
        if !self.dict.move_to_end(key, hash, last)? {
            return Err(crate::error::raise_key_error(key));
        }
        self.changed();
        Ok(())
    }
    /// Insert key with a value of default if key is not in the dictionary.
    ///
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(name = "setdefault", sig = "key, default=None")]
    fn py_setdefault(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        if self.is_exact() {
            let (v, found) = self.dict.setdefault_found(key, default)?;
            if !found {
                self.changed();
            }
            return Ok(v);
        }
        let me: &Object = self;
        if Object::contains(me, key)? {
            return me.get_item(key);
        }
        me.set_item(key, default)?;
        Ok(default.to_ref())
    }
    #[pymethod(name = "update", raw)]
    fn py_update(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if args.args.len() > 1 {
            return Err(raise!(TypeError, "update() takes at most 1 positional argument ({} given)", args.args.len()));
        }
        self.update_common(args)
    }
    /// Remove all items from ordered dict.
    #[pymethod(name = "clear")]
    fn py_clear(&self) {
        self.changed();
        self.dict.clear();
    }
    /// A shallow copy of ordered dict.
    #[pymethod(name = "copy")]
    fn py_copy(&self) -> PyResult<PyRef> {
        let new = (**self.ty()).call0()?;
        let state = self.state.load(Relaxed);
        for (k, v) in self.dict.items_snapshot() {
            match new.downcast_exact::<ODict>() {
                Some(d) if self.is_exact() => d.dict.insert(k, v)?,
                _ => new.set_item(&k, &*self.get_item(&k)?)?,
            }
            if self.state.load(Relaxed) != state {
                return Err(raise!(RuntimeError, "OrderedDict mutated during iteration"));
            }
        }
        Ok(new)
    }
    #[pymethod(name = "keys")]
    fn py_keys(&self) -> PyResult<PyRef> {
        DictView::create_of(ODictKeysView::type_object(), &self.dict)
    }
    #[pymethod(name = "values")]
    fn py_values(&self) -> PyResult<PyRef> {
        DictView::create_of(ODictValuesView::type_object(), &self.dict)
    }
    #[pymethod(name = "items")]
    fn py_items(&self) -> PyResult<PyRef> {
        DictView::create_of(ODictItemsView::type_object(), &self.dict)
    }
    /// od.__reversed__() <==> reversed(od)
    #[pymethod]
    fn __reversed__(&self) -> PyResult<PyRef> {
        ODictIter::create(self, Part::Keys, true)
    }
    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let mut state = self.call_method(intern!("__getstate__"), &[])?;
        if state.downcast_exact::<Dict>().is_some_and(Dict::is_empty) {
            state = none_ref();
        }
        let items = self.call_method(intern!("items"), &[])?.iter()?;
        let parts = vec![(**self.ty()).to_ref(), Tuple::empty().upcast(), state, none_ref(), items];
        Ok(Tuple::from_refs(parts)?.upcast())
    }
    #[pygetset]
    fn __dict__(&self) -> PyResult<PyRef> {
        if let Some(d) = self.inst_dict.get(self) {
            return Ok(d);
        }
        let d: PyRef = Dict::new()?.upcast();
        if self.inst_dict.is_empty() {
            drop(self.inst_dict.replace(self, Some(d.clone())));
        }
        Ok(self.inst_dict.get(self).unwrap_or(d))
    }
    #[pysetter(name = "__dict__")]
    fn set_inst_dict(&self, value: Option<&Object>) -> PyResult<()> {
        let Some(v) = value else { return Err(raise!(TypeError, "cannot delete __dict__")) };
        if v.downcast::<Dict>().is_none() {
            return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().name_str()));
        }
        drop(self.inst_dict.replace(self, Some(v.to_ref())));
        Ok(())
    }
}

// ------------------------------------------------------------------------------------------ views

macro_rules! views {
    ($($t:ident $base:ident $ty:ident $name:literal $part:ident;)*) => {$(
        /// A view of an ordered dict.
        #[repr(transparent)]
        pub struct $t($base);
        py_layout!($t, $ty);

        #[pyclass(name = $name, type_object = $ty, base = $base, flags = "HAVE_GC")]
        impl $t {
            #[slot]
            fn tp_iter(&self) -> PyResult<PyRef> {
                ODictIter::over(self.0.0.dict(), Part::$part, false)
            }
            #[pymethod]
            fn __reversed__(&self) -> PyResult<PyRef> {
                ODictIter::over(self.0.0.dict(), Part::$part, true)
            }
        }
    )*};
}

views! {
    ODictKeysView DictKeysView PyODictKeys_Type "odict_keys" Keys;
    ODictValuesView DictValuesView PyODictValues_Type "odict_values" Values;
    ODictItemsView DictItemsView PyODictItems_Type "odict_items" Items;
}

// ------------------------------------------------------------------------------------------ iterator

/// Layout of `odict_iterator`.
#[repr(C)]
pub struct ODictIter {
    header: abi::PyObject,
    dict: Slot,
    state: AtomicUsize,
    size: AtomicUsize,
    pos: AtomicIsize,
    /// Bit 0: backwards; the rest: which part.
    kind: AtomicU8,
}
py_layout!(ODictIter, PyODictIter_Type);

impl ODictIter {
    fn create(d: &ODict, part: Part, reverse: bool) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<ODictIter>(ODictIter::type_object())?;
        it.dict.init(d.to_ref());
        it.state.store(d.state.load(Relaxed), Relaxed);
        it.size.store(d.dict.len(), Relaxed);
        it.kind.store((part as u8) << 1 | reverse as u8, Relaxed);
        if reverse {
            it.pos.store(d.dict.entry_end() as isize - 1, Relaxed);
        }
        Ok(track(it).upcast())
    }

    fn over(d: &Dict, part: Part, reverse: bool) -> PyResult<PyRef> {
        match d.downcast::<ODict>() {
            Some(d) => Self::create(d, part, reverse),
            None => crate::objects::dict::iter::DictIter::create(d, part, reverse),
        }
    }

    fn part(&self) -> Part {
        match self.kind.load(Relaxed) >> 1 {
            0 => Part::Keys,
            1 => Part::Values,
            _ => Part::Items,
        }
    }

    /// The next item, `pos` being moved on.
    fn step(&self, d: &ODict, pos: &mut isize) -> PyResult<Option<PyRef>> {
        if self.state.load(Relaxed) != d.state.load(Relaxed) {
            return Err(raise!(RuntimeError, "OrderedDict mutated during iteration"));
        }
        if self.size.load(Relaxed) != d.dict.len() {
            return Err(raise!(RuntimeError, "OrderedDict changed size during iteration"));
        }
        let found = if self.kind.load(Relaxed) & 1 != 0 { d.dict.prev_part(pos) } else { d.dict.next(pos) };
        match found {
            Some((k, v)) => item(self.part(), Some(k), Some(v)),
            None => Ok(None),
        }
    }
}

#[pyclass(name = "odict_iterator", type_object = PyODictIter_Type, flags = "HAVE_GC")]
impl ODictIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let Some(owner) = self.dict.get(self) else { return Ok(None) };
        let Some(d) = owner.downcast::<ODict>() else { return Ok(None) };
        let mut pos = self.pos.load(Relaxed);
        let r = self.step(d, &mut pos);
        self.pos.store(pos, Relaxed);
        if !matches!(r, Ok(Some(_))) {
            drop(self.dict.replace(self, None));
        }
        r
    }
    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let out = List::new()?;
        if let Some(owner) = self.dict.get(self)
            && let Some(d) = owner.downcast::<ODict>()
        {
            // Reducing does not advance the iterator.
            let mut pos = self.pos.load(Relaxed);
            while let Some(x) = self.step(d, &mut pos)? {
                out.append(&x)?;
            }
        }
        let args = Tuple::from_refs(vec![out.upcast()])?;
        Ok(Tuple::pair(crate::objects::support::builtin("iter")?, args.upcast())?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.dict.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).dict.swap(None));
            free_object(this.cast());
        }
    }
}

/// Makes the types ready; `OrderedDict` itself.
pub fn init() -> PyResult<&'static Type> {
    use crate::convert::HasSpec;
    use crate::typeobject::init_static;
    if ODict::type_object().has_feature(abi::Py_TPFLAGS_READY) {
        return Ok(ODict::type_object());
    }
    init_static(<ODict as HasSpec>::spec())?;
    init_static(<ODictIter as HasSpec>::spec())?;
    init_static(<ODictKeysView as HasSpec>::spec())?;
    init_static(<ODictValuesView as HasSpec>::spec())?;
    init_static(<ODictItemsView as HasSpec>::spec())?;
    Ok(ODict::type_object())
}
