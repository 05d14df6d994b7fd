//! Sequences and mappings.

use super::{done, failed, own};
use crate::prelude::*;

macro_rules! sq {
    ($o:expr, $f:ident) => {
        // SAFETY: a type's sequence table lives as long as the type.
        unsafe { $o.ty().slots().tp_as_sequence.as_ref() }.and_then(|n| n.$f)
    };
}
macro_rules! mp {
    ($o:expr, $f:ident) => {
        // SAFETY: a type's mapping table lives as long as the type.
        unsafe { $o.ty().slots().tp_as_mapping.as_ref() }.and_then(|n| n.$f)
    };
}

/// `item in o` by comparing every item.
pub fn contains_by_iteration(o: &Object, item: &Object) -> PyResult<bool> {
    let it = match o.iter() {
        Ok(it) => it,
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            return Err(raise!(TypeError, "argument of type '{}' is not a container or iterable", o.ty().tp_name()));
        }
        Err(e) => return Err(e),
    };
    while let Some(x) = it.iter_next()? {
        if x.eq(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Object {
    /// `len(self)`.
    pub fn len(&self) -> PyResult<usize> {
        let Some(f) = sq!(self, sq_length).or(mp!(self, mp_length)) else {
            return Err(raise!(TypeError, "object of type '{}' has no len()", self.ty().tp_name()));
        };
        super::enter_recursive_call("")?;
        // SAFETY: a C slot.
        let n = unsafe { f(self.as_ptr()) };
        if n < 0 { Err(failed()) } else { Ok(n as usize) }
    }

    /// `operator.length_hint`.
    pub fn length_hint(&self, default: usize) -> PyResult<usize> {
        if sq!(self, sq_length).is_some() || mp!(self, mp_length).is_some() {
            match self.len() {
                Ok(n) => return Ok(n),
                Err(e) if e.matches(exc::TypeError()) => e.clear(),
                Err(e) => return Err(e),
            }
        }
        let Some(f) = self.lookup_special(intern!("__length_hint__"))? else {
            return Ok(default);
        };
        let r = match f.call0() {
            Ok(r) => r,
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                return Ok(default);
            }
            Err(e) => return Err(e),
        };
        if r.is(not_implemented()) {
            return Ok(default);
        }
        let Some(i) = r.downcast::<Int>() else {
            return Err(raise!(TypeError, "__length_hint__ must be an integer, not {}", r.ty().tp_name()));
        };
        let n = i.as_isize()?;
        if n < 0 {
            return Err(raise!(ValueError, "__length_hint__() should return >= 0"));
        }
        Ok(n as usize)
    }

    /// `self[key]`.
    pub fn get_item(&self, key: &Object) -> PyResult<PyRef> {
        if let Some(f) = mp!(self, mp_subscript) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), key.as_ptr())) };
        }
        if sq!(self, sq_item).is_some() {
            if key.index_check() {
                return self.get_item_index(key.as_isize_or(exc::IndexError())?);
            }
            return Err(raise!(TypeError, "sequence index must be integer, not '{}'", key.ty().tp_name()));
        }
        if let Some(t) = self.downcast::<Type>() {
            if t.ptr_eq(Type::type_object()) {
                return crate::objects::genericalias::new(t, key);
            }
            if let Some(m) = self.getattr_opt(intern!("__class_getitem__"))? {
                if !m.is_none() {
                    return m.call1(key);
                }
            }
            return Err(raise!(TypeError, "type '{}' is not subscriptable", t.tp_name()));
        }
        Err(raise!(TypeError, "'{}' object is not subscriptable", self.ty().tp_name()))
    }

    /// `self[key] = value`.
    pub fn set_item(&self, key: &Object, value: &Object) -> PyResult<()> {
        if let Some(f) = mp!(self, mp_ass_subscript) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            return done(unsafe { f(self.as_ptr(), key.as_ptr(), value.as_ptr()) });
        }
        if sq!(self, sq_ass_item).is_some() {
            if key.index_check() {
                return self.set_item_index(key.as_isize_or(exc::IndexError())?, value);
            }
            return Err(raise!(TypeError, "sequence index must be integer, not '{}'", key.ty().tp_name()));
        }
        Err(raise!(TypeError, "'{}' object does not support item assignment", self.ty().tp_name()))
    }

    /// `del self[key]`.
    pub fn del_item(&self, key: &Object) -> PyResult<()> {
        if let Some(f) = mp!(self, mp_ass_subscript) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            return done(unsafe { f(self.as_ptr(), key.as_ptr(), core::ptr::null_mut()) });
        }
        if sq!(self, sq_ass_item).is_some() {
            if key.index_check() {
                return self.del_item_index(key.as_isize_or(exc::IndexError())?);
            }
            return Err(raise!(TypeError, "sequence index must be integer, not '{}'", key.ty().tp_name()));
        }
        Err(raise!(TypeError, "'{}' object does not support item deletion", self.ty().tp_name()))
    }

    fn adjusted(&self, i: isize) -> PyResult<isize> {
        if i < 0 {
            if let Some(f) = sq!(self, sq_length) {
                // SAFETY: a C slot.
                let n = unsafe { f(self.as_ptr()) };
                if n < 0 {
                    return Err(failed());
                }
                return Ok(i + n);
            }
        }
        Ok(i)
    }

    /// `PySequence_GetItem`.
    pub fn get_item_index(&self, i: isize) -> PyResult<PyRef> {
        if let Some(f) = sq!(self, sq_item) {
            let i = self.adjusted(i)?;
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), i)) };
        }
        if mp!(self, mp_subscript).is_some() {
            return Err(raise!(TypeError, "{} is not a sequence", self.ty().tp_name()));
        }
        Err(raise!(TypeError, "'{}' object does not support indexing", self.ty().tp_name()))
    }

    /// `PySequence_SetItem`.
    pub fn set_item_index(&self, i: isize, value: &Object) -> PyResult<()> {
        if let Some(f) = sq!(self, sq_ass_item) {
            let i = self.adjusted(i)?;
            // SAFETY: a C slot.
            return done(unsafe { f(self.as_ptr(), i, value.as_ptr()) });
        }
        if mp!(self, mp_ass_subscript).is_some() {
            return Err(raise!(TypeError, "{} is not a sequence", self.ty().tp_name()));
        }
        Err(raise!(TypeError, "'{}' object does not support item assignment", self.ty().tp_name()))
    }

    /// `PySequence_DelItem`.
    pub fn del_item_index(&self, i: isize) -> PyResult<()> {
        if let Some(f) = sq!(self, sq_ass_item) {
            let i = self.adjusted(i)?;
            // SAFETY: a C slot.
            return done(unsafe { f(self.as_ptr(), i, core::ptr::null_mut()) });
        }
        if mp!(self, mp_ass_subscript).is_some() {
            return Err(raise!(TypeError, "{} is not a sequence", self.ty().tp_name()));
        }
        Err(raise!(TypeError, "'{}' object doesn't support item deletion", self.ty().tp_name()))
    }

    /// `self[a:b]`.
    pub fn get_slice(&self, a: isize, b: isize) -> PyResult<PyRef> {
        let Some(f) = mp!(self, mp_subscript) else {
            return Err(raise!(TypeError, "'{}' object is unsliceable", self.ty().tp_name()));
        };
        let s = Slice::new(Some(&*Int::from_i64(a as i64)?), Some(&*Int::from_i64(b as i64)?), None)?;
        // SAFETY: a C slot.
        unsafe { own(f(self.as_ptr(), s.as_ptr())) }
    }

    /// `item in self`.
    pub fn contains(&self, item: &Object) -> PyResult<bool> {
        if let Some(f) = sq!(self, sq_contains) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            let r = unsafe { f(self.as_ptr(), item.as_ptr()) };
            return if r < 0 { Err(failed()) } else { Ok(r > 0) };
        }
        contains_by_iteration(self, item)
    }

    /// `PySequence_Concat`.
    pub fn seq_concat(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(f) = sq!(self, sq_concat) {
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), other.as_ptr())) };
        }
        if self.sequence_check() && other.sequence_check() {
            return self.add(other);
        }
        Err(raise!(TypeError, "'{}' object can't be concatenated", self.ty().tp_name()))
    }

    /// `PySequence_Repeat`.
    pub fn repeat(&self, n: isize) -> PyResult<PyRef> {
        if let Some(f) = sq!(self, sq_repeat) {
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), n)) };
        }
        if self.sequence_check() {
            return self.mul(&*Int::from_i64(n as i64)?);
        }
        Err(raise!(TypeError, "'{}' object can't be repeated", self.ty().tp_name()))
    }

    /// `PySequence_InPlaceConcat`.
    pub fn seq_inplace_concat(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(f) = sq!(self, sq_inplace_concat).or(sq!(self, sq_concat)) {
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), other.as_ptr())) };
        }
        if self.sequence_check() && other.sequence_check() {
            return self.inplace_add(other);
        }
        Err(raise!(TypeError, "'{}' object can't be concatenated", self.ty().tp_name()))
    }

    /// `PySequence_InPlaceRepeat`.
    pub fn inplace_repeat(&self, n: isize) -> PyResult<PyRef> {
        if let Some(f) = sq!(self, sq_inplace_repeat).or(sq!(self, sq_repeat)) {
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), n)) };
        }
        if self.sequence_check() {
            return self.inplace_mul(&*Int::from_i64(n as i64)?);
        }
        Err(raise!(TypeError, "'{}' object can't be repeated", self.ty().tp_name()))
    }

    fn iter_for_search(&self) -> PyResult<PyRef> {
        match self.iter() {
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                Err(raise!(TypeError, "argument of type '{}' is not iterable", self.ty().tp_name()))
            }
            r => r,
        }
    }

    /// How often `item` occurs.
    pub fn count(&self, item: &Object) -> PyResult<usize> {
        let it = self.iter_for_search()?;
        let mut n = 0;
        while let Some(x) = it.iter_next()? {
            n += x.eq(item)? as usize;
        }
        Ok(n)
    }

    /// Where `item` occurs first; ValueError when it does not.
    pub fn index_of(&self, item: &Object) -> PyResult<usize> {
        let it = self.iter_for_search()?;
        let mut n = 0;
        while let Some(x) = it.iter_next()? {
            if x.eq(item)? {
                return Ok(n);
            }
            n += 1;
        }
        Err(raise!(ValueError, "sequence.index(x): x not in sequence"))
    }

    /// `PySequence_Check`.
    pub fn sequence_check(&self) -> bool {
        self.downcast::<Dict>().is_none() && sq!(self, sq_item).is_some()
    }

    /// `PyMapping_Check`.
    pub fn mapping_check(&self) -> bool {
        mp!(self, mp_subscript).is_some()
    }

    /// `list(self)`.
    pub fn to_list(&self) -> PyResult<Ref<List>> {
        let l = List::new()?;
        l.extend(self)?;
        Ok(l)
    }

    /// `tuple(self)`: an exact tuple as it is.
    pub fn to_tuple(&self) -> PyResult<Ref<Tuple>> {
        if let Some(t) = self.downcast_exact::<Tuple>() {
            return Ok(Ref::new_ref(t));
        }
        if let Some(l) = self.downcast_exact::<List>() {
            return l.to_tuple_exact();
        }
        let mut v = Vec::new();
        self.for_each(|x| {
            v.push(x);
            Ok(())
        })?;
        Tuple::new(v)
    }

    /// A list or tuple of the items, the object itself when it is one; `msg` when it is not iterable.
    pub fn seq_fast(&self, msg: &str) -> PyResult<PyRef> {
        if self.downcast_exact::<List>().is_some() || self.downcast_exact::<Tuple>().is_some() {
            return Ok(self.to_ref());
        }
        let it = match self.iter() {
            Ok(it) => it,
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                return Err(raise!(TypeError, "{}", msg));
            }
            Err(e) => return Err(e),
        };
        Ok(it.to_list()?.upcast())
    }
}
