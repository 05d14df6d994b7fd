//! Set algebra.

use super::{FrozenSet, Set, element_hash};
use crate::objects::support::{lock, take_ref_locked};
use crate::prelude::*;
use core::sync::atomic::Ordering::Relaxed;

impl Set {
    /// Adds the elements of any iterable.
    pub fn update(&self, iterable: &Object) -> PyResult<()> {
        if let Some(s) = Set::any(iterable) {
            if core::ptr::eq(s, self) {
                return Ok(());
            }
            let items = s.hashed_snapshot();
            lock!(self);
            // Room for all at once.
            if (self.len() + items.len()) * 5 >= (self.mask_now() * 3) {
                self.resize_locked((self.len() + items.len()) * 2)?;
            }
            if self.is_fresh() {
                // Different elements of one set: none is here yet.
                for (k, h) in items {
                    self.add_new_locked(k, h)?;
                }
                return Ok(());
            }
            for (k, h) in items {
                self.add_locked(k, h)?;
            }
            return Ok(());
        }
        if let Some(d) = iterable.downcast_exact::<Dict>() {
            for (k, h, _) in d.hashed_snapshot() {
                self.add_hash(k, h)?;
            }
            return Ok(());
        }
        let it = iterable.iter()?;
        while let Some(k) = it.iter_next()? {
            self.insert(k)?;
        }
        Ok(())
    }

    fn mask_now(&self) -> usize {
        self.table().1
    }

    /// A copy with the type of `ty` (`set` or `frozenset`, or a subclass).
    pub(crate) fn copy_as(&self, ty: &Type) -> PyResult<Ref<Set>> {
        let s = Set::new_of(ty)?;
        s.update(self)?;
        Ok(s)
    }

    /// Removes the elements of any iterable.
    pub fn difference_update(&self, other: &Object) -> PyResult<()> {
        if let Some(s) = Set::any(other) {
            if core::ptr::eq(s, self) {
                self.clear();
                return Ok(());
            }
            for (k, h) in s.hashed_snapshot() {
                self.discard_hash(&k, h)?;
            }
            return Ok(());
        }
        let it = other.iter()?;
        while let Some(k) = it.iter_next()? {
            let h = element_hash(&k)?;
            self.discard_hash(&k, h)?;
        }
        Ok(())
    }

    /// `self - other` as a set of type `ty`.
    pub(crate) fn difference_as(&self, ty: &Type, other: &Object) -> PyResult<Ref<Set>> {
        let out;
        if let Some(s) = Set::any(other) {
            out = Set::new_of(ty)?;
            for (k, h) in self.hashed_snapshot() {
                if !s.contains_hash(&k, h)? {
                    out.add_distinct(k, h)?;
                }
            }
        } else if let Some(d) = other.downcast_exact::<Dict>() {
            out = Set::new_of(ty)?;
            for (k, h) in self.hashed_snapshot() {
                if d.get_known_hash(&k, h)?.is_none() {
                    out.add_distinct(k, h)?;
                }
            }
        } else {
            out = self.copy_as(ty)?;
            out.difference_update(other)?;
        }
        Ok(out)
    }

    /// `self & other` as a set of type `ty`.
    pub(crate) fn intersection_as(&self, ty: &Type, other: &Object) -> PyResult<Ref<Set>> {
        let out = Set::new_of(ty)?;
        if let Some(s) = Set::any(other) {
            let (small, big) = if s.len() > self.len() { (self, s) } else { (s, self) };
            for (k, h) in small.hashed_snapshot() {
                if big.contains_hash(&k, h)? {
                    out.add_distinct(k, h)?;
                }
            }
            return Ok(out);
        }
        let it = other.iter()?;
        while let Some(k) = it.iter_next()? {
            let h = element_hash(&k)?;
            if self.contains_hash(&k, h)? {
                out.add_hash(k, h)?;
            }
        }
        Ok(out)
    }

    /// Replaces the content by that of `other`, which is ours alone.
    pub(crate) fn replace_with(&self, other: &Set) -> PyResult<()> {
        let items = other.hashed_snapshot();
        let old;
        {
            lock!(self);
            old = self.take_all_locked();
            for (k, h) in items {
                self.add_locked(k, h)?;
            }
        }
        drop(old);
        Ok(())
    }

    /// Keeps only what is also in `other`.
    pub fn intersection_update(&self, other: &Object) -> PyResult<()> {
        let t = self.intersection_as(Set::type_object(), other)?;
        self.replace_with(&t)
    }

    /// Toggles the elements of `other`.
    pub fn symmetric_difference_update(&self, other: &Object) -> PyResult<()> {
        let mut items: Vec<(PyRef, isize)> = Vec::new();
        if let Some(s) = Set::any(other) {
            if core::ptr::eq(s, self) {
                self.clear();
                return Ok(());
            }
            items = s.hashed_snapshot();
        } else if let Some(d) = other.downcast_exact::<Dict>() {
            items.extend(d.hashed_snapshot().into_iter().map(|(k, h, _)| (k, h)));
        } else {
            let s = Set::new()?;
            s.update(other)?;
            items.extend(s.hashed_snapshot());
        }
        for (k, h) in items {
            if self.discard_hash(&k, h)?.is_none() {
                self.add_hash(k, h)?;
            }
        }
        Ok(())
    }

    /// Whether every element of `self` is in `other`.
    pub fn is_subset(&self, other: &Object) -> PyResult<bool> {
        let Some(s) = Set::any(other) else {
            let t = self.intersection_as(Set::type_object(), other)?;
            return Ok(t.len() == self.len());
        };
        if self.len() > s.len() {
            return Ok(false);
        }
        self.all_elements(|k, h| s.contains_hash(k, h))
    }

    /// Whether `f` says yes for every element; the first no ends the search.
    fn all_elements(&self, mut f: impl FnMut(&Object, isize) -> PyResult<bool>) -> PyResult<bool> {
        lock!(self);
        let mut pos = 0;
        loop {
            // A comparison may have changed the table.
            let (t, mask) = self.table();
            if pos > mask {
                return Ok(true);
            }
            // SAFETY: masked; the lock keeps the element.
            let held = unsafe {
                let e = &*t.add(pos);
                pos += 1;
                let k = e.key.load(Relaxed);
                if k.is_null() || k == super::dummy() {
                    continue;
                }
                (take_ref_locked(k), e.hash.load(Relaxed))
            };
            if !f(&held.0, held.1)? {
                return Ok(false);
            }
        }
    }

    /// Whether every element of `other` is in `self`.
    pub fn is_superset(&self, other: &Object) -> PyResult<bool> {
        if let Some(s) = Set::any(other) {
            return s.is_subset(self);
        }
        let it = other.iter()?;
        while let Some(k) = it.iter_next()? {
            let h = element_hash(&k)?;
            if !self.contains_hash(&k, h)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether no element is in both.
    pub fn is_disjoint(&self, other: &Object) -> PyResult<bool> {
        if let Some(s) = Set::any(other) {
            if core::ptr::eq(s, self) {
                return Ok(self.is_empty());
            }
            let (small, big) = if s.len() > self.len() { (self, s) } else { (s, self) };
            return small.all_elements(|k, h| Ok(!big.contains_hash(k, h)?));
        }
        let it = other.iter()?;
        while let Some(k) = it.iter_next()? {
            let h = element_hash(&k)?;
            if self.contains_hash(&k, h)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether both have the same elements.
    pub fn equals(&self, other: &Set) -> PyResult<bool> {
        if self.len() != other.len() {
            return Ok(false);
        }
        let (a, b) = (self.hash_if_known(), other.hash_if_known());
        if a != -1 && b != -1 && a != b {
            return Ok(false);
        }
        self.is_subset(other)
    }

    fn hash_if_known(&self) -> isize {
        self.hash.load(Relaxed)
    }

    /// The base type of a result: `set` or `frozenset`, never a subclass.
    pub(crate) fn base_type(&self) -> &'static Type {
        if self.downcast::<FrozenSet>().is_some() { FrozenSet::type_object() } else { Set::type_object() }
    }
}
