//! Iterators over dicts and their views, forwards and backwards.

use super::{Dict, SPLIT};
use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, ensure_shared_on_read, free_object, lock, take_ref_locked, track};
use crate::prelude::*;
use crate::thread::load_ref;
use core::ffi::c_int;
use core::sync::atomic::AtomicIsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use macros::pyclass;

/// Layout of every dict iterator.
#[repr(C)]
pub struct DictIter {
    header: abi::PyObject,
    dict: Slot,
    /// Size of the dict when the iteration began; -1 once it changed.
    used: AtomicIsize,
    pos: AtomicIsize,
    len: AtomicIsize,
}

/// What an iterator yields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Keys,
    Values,
    Items,
}

/// What comes out of an iterator or view.
pub(crate) fn item(part: Part, k: Option<PyRef>, v: Option<PyRef>) -> PyResult<Option<PyRef>> {
    Ok(match (part, k, v) {
        (Part::Keys, Some(k), _) => Some(k),
        (Part::Values, _, Some(v)) => Some(v),
        (Part::Items, Some(k), Some(v)) => Some(Tuple::pair(k, v)?.upcast()),
        _ => None,
    })
}

impl Dict {
    /// The next entry at or after `pos`: the key and the value as wanted.
    #[inline]
    pub(crate) fn next_part(
        &self,
        pos: &mut isize,
        want_k: bool,
        want_v: bool,
    ) -> Option<(Option<PyRef>, Option<PyRef>)> {
        ensure_shared_on_read(self);
        let kp = self.ma_keys.load(Acquire);
        // SAFETY: the keys live until this thread is quiescent; no Python code runs here.
        unsafe {
            let keys = &*kp;
            if keys.kind != SPLIT {
                let n = keys.len_entries();
                let mut i = *pos as usize;
                while i < n {
                    let vs = keys.value_slot(i);
                    if vs.load(Acquire).is_null() {
                        i += 1;
                        continue;
                    }
                    let ks = keys.key_slot(i);
                    let k = if want_k { load_ref(ks) } else { None };
                    let v = if want_v { load_ref(vs) } else { None };
                    if k.is_some() == want_k
                        && v.is_some() == want_v
                        && k.as_ref().is_none_or(|k| ks.load(Acquire) == k.as_ptr())
                        && self.ma_keys.load(Acquire) == kp
                    {
                        *pos = i as isize + 1;
                        return Some((k, v));
                    }
                    return self.next_locked(pos).map(|(k, v)| (Some(k), Some(v)));
                }
                if self.ma_keys.load(Acquire) == kp {
                    *pos = i as isize;
                    return None;
                }
            }
        }
        self.next_locked(pos).map(|(k, v)| (Some(k), Some(v)))
    }

    /// The entry at or before `pos`, which counts down.
    pub(crate) fn prev_part(&self, pos: &mut isize) -> Option<(PyRef, PyRef)> {
        lock!(self);
        let keys = self.keys();
        let vp = self.ma_values.load(Relaxed);
        // SAFETY: the lock keeps table and entries.
        unsafe {
            if vp.is_null() && *pos >= keys.len_entries() as isize {
                return None;
            }
            while *pos >= 0 {
                let i = *pos as usize;
                *pos -= 1;
                if !vp.is_null() {
                    let Some(ix) = (*vp).order(i) else { continue };
                    let v = (*vp).slot(ix).load(Relaxed);
                    if !v.is_null() {
                        return Some((take_ref_locked(keys.u(ix).key.load(Acquire)), take_ref_locked(v)));
                    }
                    continue;
                }
                let v = keys.value_slot(i).load(Relaxed);
                if !v.is_null() {
                    return Some((take_ref_locked(keys.key_slot(i).load(Relaxed)), take_ref_locked(v)));
                }
            }
        }
        None
    }
}

impl DictIter {
    pub(crate) fn create(dict: &Dict, part: Part, reverse: bool) -> PyResult<PyRef> {
        let ty = match (part, reverse) {
            (Part::Keys, false) => DictKeyIter::type_object(),
            (Part::Values, false) => DictValueIter::type_object(),
            (Part::Items, false) => DictItemIter::type_object(),
            (Part::Keys, true) => DictRevKeyIter::type_object(),
            (Part::Values, true) => DictRevValueIter::type_object(),
            (Part::Items, true) => DictRevItemIter::type_object(),
        };
        let it = crate::typeobject::alloc_object::<DictKeyIter>(ty)?;
        let d = &it.0;
        d.dict.init(dict.to_ref());
        let used = dict.len() as isize;
        d.used.store(used, Relaxed);
        d.len.store(used, Relaxed);
        if reverse {
            let last = if dict.ma_values.load(Relaxed).is_null() { dict.keys().len_entries() as isize } else { used };
            d.pos.store(last - 1, Relaxed);
        }
        Ok(track(it).upcast())
    }

    #[inline]
    fn step(&self, me: &Object, part: Part, reverse: bool) -> PyResult<Option<PyRef>> {
        match self.step_parts(me, part, reverse)? {
            Some((k, v)) => item(part, k, v),
            None => Ok(None),
        }
    }

    /// The next key and value, as far as wanted.
    #[inline]
    #[allow(clippy::type_complexity)]
    fn step_parts(&self, me: &Object, part: Part, reverse: bool) -> PyResult<Option<(Option<PyRef>, Option<PyRef>)>> {
        let Some(owner) = self.dict.get(me) else { return Ok(None) };
        // SAFETY: the slot holds a dict.
        let d = unsafe { owner.cast::<Dict>() };
        let used = self.used.load(Relaxed);
        if used != d.len() as isize {
            self.used.store(-1, Relaxed);
            return Err(raise!(RuntimeError, "dictionary changed size during iteration"));
        }
        let mut pos = self.pos.load(Relaxed);
        let (want_k, want_v) = (part != Part::Values, part != Part::Keys);
        let found = if reverse {
            d.prev_part(&mut pos).map(|(k, v)| (Some(k), Some(v)))
        } else {
            d.next_part(&mut pos, want_k, want_v)
        };
        self.pos.store(pos, Relaxed);
        if found.is_some() {
            let len = self.len.load(Relaxed);
            if len == 0 {
                self.used.store(-1, Relaxed);
                return Err(raise!(RuntimeError, "dictionary keys changed during iteration"));
            }
            self.len.store(len - 1, Relaxed);
        } else {
            drop(self.dict.replace(me, None));
        }
        Ok(found)
    }

    fn length_hint(&self, me: &Object) -> usize {
        match self.dict.get(me) {
            // SAFETY: the slot holds a dict.
            Some(d) if self.used.load(Relaxed) == unsafe { d.cast::<Dict>() }.len() as isize => {
                self.len.load(Relaxed).max(0) as usize
            }
            _ => 0,
        }
    }

    /// `(iter, ([remaining items],))`.
    fn reduce(&self, me: &Object, part: Part, reverse: bool) -> PyResult<PyRef> {
        let iter = crate::objects::support::builtin("iter")?;
        let out = List::new()?;
        if let Some(owner) = self.dict.get(me) {
            // A copy of the iterator's state: reducing does not advance it.
            // SAFETY: the slot holds a dict.
            let d = unsafe { owner.cast::<Dict>() };
            if self.used.load(Relaxed) != d.len() as isize {
                return Err(raise!(RuntimeError, "dictionary changed size during iteration"));
            }
            let mut pos = self.pos.load(Relaxed);
            loop {
                let next = if reverse {
                    d.prev_part(&mut pos).map(|(k, v)| (Some(k), Some(v)))
                } else {
                    d.next_part(&mut pos, true, true)
                };
                let Some((k, v)) = next else { break };
                if let Some(x) = item(part, k, v)? {
                    out.push(x)?;
                }
            }
        }
        let args = Tuple::from_refs(vec![out.upcast()])?;
        Ok(Tuple::pair(iter, args.upcast())?.upcast())
    }
}

macro_rules! iter_types {
    ($($t:ident $ty:ident $name:literal $part:ident $rev:literal;)*) => {$(
        /// A dict iterator.
        #[repr(transparent)]
        pub struct $t(pub(crate) DictIter);
        #[unsafe(no_mangle)]
        pub static mut $ty: Type = unready_type();
        py_layout!($t, $ty);

        #[pyclass(name = $name, type_object = $ty, flags = "HAVE_GC")]
        impl $t {
            #[slot]
            fn tp_iter(&self) -> PyRef {
                self.to_ref()
            }
            #[slot]
            fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
                self.0.step(self, Part::$part, $rev)
            }
            /// Private method returning an estimate of len(list(it)).
            #[pymethod]
            fn __length_hint__(&self) -> usize {
                self.0.length_hint(self)
            }
            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(&self) -> PyResult<PyRef> {
                self.0.reduce(self, Part::$part, $rev)
            }
            #[slot]
            fn tp_traverse(&self, v: &mut Visitor) -> c_int {
                v.visit_ptr(self.0.dict.ptr())
            }
            #[slot]
            fn tp_dealloc(this: *mut Self) {
                // SAFETY: a dying iterator.
                unsafe {
                    begin_dealloc(this);
                    drop((*this).0.dict.swap(None));
                    free_object(this.cast());
                }
            }
        }
    )*};
}

iter_types! {
    DictKeyIter PyDictIterKey_Type "dict_keyiterator" Keys false;
    DictValueIter PyDictIterValue_Type "dict_valueiterator" Values false;
    DictItemIter PyDictIterItem_Type "dict_itemiterator" Items false;
    DictRevKeyIter PyDictRevIterKey_Type "dict_reversekeyiterator" Keys true;
    DictRevValueIter PyDictRevIterValue_Type "dict_reversevalueiterator" Values true;
    DictRevItemIter PyDictRevIterItem_Type "dict_reverseitemiterator" Items true;
}

impl DictItemIter {
    /// The next key and value.
    #[inline]
    pub(crate) fn pair(&self) -> PyResult<Option<(PyRef, PyRef)>> {
        Ok(match self.0.step_parts(self, Part::Items, false)? {
            Some((Some(k), Some(v))) => Some((k, v)),
            _ => None,
        })
    }
}
