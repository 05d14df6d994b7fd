//! The `dict` type: its slots and methods.

use super::iter::{DictIter, Part};
use super::keys::empty_keys;
use super::merge::OnDuplicate;
use super::views::{DictView, repr_of};
use super::{Dict, PyDict_Type, hash_of, instance};
use crate::mem::Visitor;
use crate::objects::not_implemented_ref;
use crate::objects::support::Exchange;
use crate::objects::support::{begin_dealloc, free_object};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use macros::pyclass;

impl Dict {
    /// `dict(*args, **kwargs)` into an existing dict; `name` is the callable in messages.
    pub fn update_common(&self, args: FuncArgs<'_>, name: &str) -> PyResult<()> {
        args.check_positional(name, 0, 1)?;
        if let Some(src) = args.get(0) {
            self.update(src)?;
        }
        for (k, v) in args.keywords() {
            self.set(k, v)?;
        }
        Ok(())
    }

    fn missing(&self, key: &Object) -> PyResult<PyRef> {
        if !core::ptr::eq(self.ty(), Dict::type_object()) {
            if let Some(m) = self.lookup_special(intern!("__missing__"))? {
                return m.call1(key);
            }
        }
        Err(crate::error::raise_key_error(key))
    }

    /// `self[key]`, `__missing__` included.
    #[inline]
    pub fn subscript(&self, key: &Object) -> PyResult<PyRef> {
        match self.get(key)? {
            Some(v) => Ok(v),
            None => self.missing(key),
        }
    }

    fn or(a: &Object, b: &Object) -> PyResult<PyRef> {
        let (Some(x), Some(_)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else { return Ok(not_implemented_ref()) };
        let new = x.copy()?;
        new.update(b)?;
        Ok(new.upcast())
    }
}

/// dict() -> new empty dictionary
/// dict(mapping) -> new dictionary initialized from a mapping object's
///     (key, value) pairs
/// dict(iterable) -> new dictionary initialized as if via:
///     d = {}
///     for k, v in iterable:
///         d[k] = v
/// dict(**kwargs) -> new dictionary initialized with the name=value pairs
///     in the keyword argument list.  For example:  dict(one=1, two=2)
#[pyclass(name = "dict", type_object = PyDict_Type, flags = "BASETYPE|HAVE_GC|DICT_SUBCLASS|MAPPING|_MATCH_SELF")]
impl Dict {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(Dict::new_of(cls)?.upcast())
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        self.update_common(args, "dict")
    }
    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let d = Dict::new_of(cls)?;
        d.update_common(args, "dict")?;
        Ok(d.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        repr_of(self)
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        DictIter::create(self, Part::Keys, false)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Dict>() else { return Ok(not_implemented_ref()) };
        match op {
            CompareOp::Eq => Ok((**Bool::of(self.equal(o)?)).to_ref()),
            CompareOp::Ne => Ok((**Bool::of(!self.equal(o)?)).to_ref()),
            _ => Ok(not_implemented_ref()),
        }
    }
    #[slot]
    fn sq_contains(&self, key: &Object) -> PyResult<bool> {
        self.contains(key)
    }
    #[slot]
    fn mp_length(&self) -> usize {
        self.len()
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        self.subscript(key)
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(v) => self.set(key, v),
            None => self.del_item(key),
        }
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        Self::or(a, b)
    }
    #[slot]
    fn nb_inplace_or(&self, other: &Object) -> PyResult<PyRef> {
        self.update(other)?;
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        self.visit_content(v)
    }
    #[slot]
    fn tp_clear(&self) {
        self.clear();
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying dict: nobody else reaches it.
        unsafe {
            dealloc(this);
        }
    }

    /// Create a new dictionary with keys from iterable and values set to value.
    #[pyclassmethod(sig = "iterable, value=None, /")]
    fn fromkeys(cls: &Type, iterable: &Object, value: &Object) -> PyResult<PyRef> {
        let d = (**cls).call0()?;
        if let Some(exact) = d.downcast_exact::<Dict>() {
            // Sets and dicts know the hashes.
            if let Some(src) = iterable.downcast_exact::<Dict>() {
                for (k, h, _) in src.hashed_snapshot() {
                    exact.insert_known_hash(k, h, value.to_ref())?;
                }
            } else if let Some(src) = Set::any(iterable).filter(|s| {
                core::ptr::eq(s.ty(), Set::type_object()) || core::ptr::eq(s.ty(), FrozenSet::type_object())
            }) {
                for (k, h) in src.hashed_snapshot() {
                    exact.insert_known_hash(k, h, value.to_ref())?;
                }
            } else {
                iterable.for_each(|k| exact.insert(k, value.to_ref()))?;
            }
        } else {
            iterable.for_each(|k| d.set_item(&k, value))?;
        }
        Ok(d)
    }
    /// True if the dictionary has the specified key, else False.
    #[pymethod(coexist)]
    fn __contains__(&self, key: &Object) -> PyResult<bool> {
        self.contains(key)
    }
    /// Return self[key].
    #[pymethod(coexist)]
    fn __getitem__(&self, key: &Object) -> PyResult<PyRef> {
        self.subscript(key)
    }
    /// Return the size of the dict in memory.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        let basic = self.ty().slots().tp_basicsize as usize;
        let keys = self.keys();
        let kp = self.ma_keys.load(Relaxed);
        let mut n = basic;
        if !self.ma_values.load(Relaxed).is_null() {
            n += instance::inline_values_size(kp);
        } else if kp != empty_keys() {
            n += keys.byte_size();
        }
        n
    }
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(name = "get", sig = "key, default=None, /")]
    fn py_get(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        Ok(self.get(key)?.unwrap_or_else(|| default.to_ref()))
    }
    /// Insert key with a value of default if key is not in the dictionary.
    ///
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(name = "setdefault", sig = "key, default=None, /")]
    fn py_setdefault(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        self.setdefault(key, default)
    }
    /// D.pop(k[,d]) -> v, remove specified key and return the corresponding value.
    ///
    /// If the key is not found, return the default if given; otherwise,
    /// raise a KeyError.
    #[pymethod(name = "pop", sig = "key, default=<unrepresentable>, /")]
    fn py_pop(&self, key: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        if self.is_empty() {
            return match default {
                Arg::Given(d) => Ok(d.to_ref()),
                Arg::Missing => Err(crate::error::raise_key_error(key)),
            };
        }
        match (self.pop(key)?, default) {
            (Some(v), _) => Ok(v),
            (None, Arg::Given(d)) => Ok(d.to_ref()),
            (None, Arg::Missing) => Err(crate::error::raise_key_error(key)),
        }
    }
    /// Remove and return a (key, value) pair as a 2-tuple.
    ///
    /// Pairs are returned in LIFO (last-in, first-out) order.
    /// Raises KeyError if the dict is empty.
    #[pymethod(name = "popitem")]
    fn py_popitem(&self) -> PyResult<Ref<Tuple>> {
        match self.popitem()? {
            Some((k, v)) => Tuple::pair(k, v),
            None => Err(raise!(KeyError, "popitem(): dictionary is empty")),
        }
    }
    /// Return a set-like object providing a view on the dict's keys.
    #[pymethod(name = "keys")]
    fn py_keys(&self) -> PyResult<PyRef> {
        DictView::create(self, Part::Keys)
    }
    /// Return a set-like object providing a view on the dict's items.
    #[pymethod(name = "items")]
    fn py_items(&self) -> PyResult<PyRef> {
        DictView::create(self, Part::Items)
    }
    /// Return an object providing a view on the dict's values.
    #[pymethod(name = "values")]
    fn py_values(&self) -> PyResult<PyRef> {
        DictView::create(self, Part::Values)
    }
    /// D.update([E, ]**F) -> None.  Update D from mapping/iterable E and F.
    #[pymethod(name = "update", raw)]
    fn py_update(&self, args: FuncArgs<'_>) -> PyResult<()> {
        self.update_common(args, "update")
    }
    /// Remove all items from the dict.
    #[pymethod(name = "clear")]
    fn py_clear(&self) {
        self.clear();
    }
    /// Return a shallow copy of the dict.
    #[pymethod(name = "copy")]
    fn py_copy(&self) -> PyResult<Ref<Dict>> {
        self.copy()
    }
    /// Return a reverse iterator over the dict keys.
    #[pymethod]
    fn __reversed__(&self) -> PyResult<PyRef> {
        DictIter::create(self, Part::Keys, true)
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
}

/// `tp_dealloc` of dicts, for subclasses with fields of their own.
/// # Safety
/// `this` is a dying dict.
pub unsafe fn dealloc(this: *mut Dict) {
    // SAFETY: nobody else reaches a dying dict.
    unsafe {
        let d = &*this;
        if d.ma_tag.load(Relaxed) & 0xff != 0 {
            d.notify(abi::PyDict_EVENT_DEALLOCATED, None, None);
        }
        begin_dealloc(this);
        d.release_content();
        free_object(this.cast());
    }
}

impl Dict {
    /// `tp_traverse` of dicts, for subclasses with fields of their own.
    pub fn visit_content(&self, v: &mut Visitor) -> c_int {
        let keys = self.keys();
        let vp = self.ma_values.load(Acquire);
        // SAFETY: the world is stopped, or the object is private.
        unsafe {
            if !vp.is_null() {
                for i in 0..(*vp).capacity as usize {
                    let r = v.visit_ptr((*vp).slot(i).load(Relaxed));
                    if r != 0 {
                        return r;
                    }
                }
                return 0;
            }
            for i in 0..keys.len_entries() {
                if keys.is_general() {
                    let r = v.visit_ptr(keys.key_slot(i).load(Relaxed));
                    if r != 0 {
                        return r;
                    }
                }
                let r = v.visit_ptr(keys.value_slot(i).load(Relaxed));
                if r != 0 {
                    return r;
                }
            }
        }
        0
    }

    /// Releases keys and values of a dying dict.
    unsafe fn release_content(&self) {
        let kp = self.ma_keys.exchange(empty_keys());
        let vp = self.ma_values.exchange(null_mut());
        if kp.is_null() {
            return;
        }
        // SAFETY: the dict is dying; what its slots own is released once.
        unsafe {
            let shared = crate::objects::support::is_shared(self);
            if !vp.is_null() {
                let values = &*vp;
                for i in 0..values.capacity as usize {
                    let p = values.slot(i).exchange(null_mut());
                    if !p.is_null() {
                        crate::object::decref(p);
                    }
                }
                if values.embedded != 0 {
                    values.size.store(0, Release);
                } else {
                    crate::objects::support::free_block(vp.cast(), shared);
                }
                instance::release_keys(kp);
                return;
            }
            if kp == empty_keys() {
                return;
            }
            let keys = &*kp;
            for i in 0..keys.len_entries() {
                let k = keys.key_slot(i).load(Relaxed);
                if k.is_null() {
                    continue;
                }
                let v = keys.value_slot(i).load(Relaxed);
                crate::object::decref(k);
                if !v.is_null() {
                    crate::object::decref(v);
                }
            }
            super::free_keys_block(kp, shared);
        }
    }

    /// Raises KeyError for an absent key (used where only a hash is at hand).
    pub fn get_item_or_raise(&self, key: &Object) -> PyResult<PyRef> {
        let hash = hash_of(key)?;
        match self.get_known_hash(key, hash)? {
            Some(v) => Ok(v),
            None => Err(crate::error::raise_key_error(key)),
        }
    }

    /// Merges keeping what is there (`PyDict_Merge` with override 0).
    pub fn merge_keep(&self, other: &Dict) -> PyResult<()> {
        self.merge_dict(other, OnDuplicate::Keep)
    }
}
