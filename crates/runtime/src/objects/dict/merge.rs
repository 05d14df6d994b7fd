//! Copying and merging dicts, and comparing them.

use super::keys::{empty_keys, log2_for_entries};
use super::{Dict, DictKeys, Displaced, GENERAL, hash_of};
use crate::objects::support::{ensure_shared_on_replace, lock, no_memory, take_ref_locked};
use crate::prelude::*;
use core::sync::atomic::Ordering::{Relaxed, Release};

/// What to do with a key that is already there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OnDuplicate {
    Keep,
    Replace,
    /// KeyError with the key.
    Raise,
}

impl Dict {
    /// A copy as an exact `dict`.
    pub fn copy(&self) -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        lock!(self);
        d.clone_from_locked(self)?;
        Ok(d)
    }

    /// Fills an empty dict nobody else sees with the entries of another (whose lock is held).
    fn clone_from_locked(&self, other: &Dict) -> PyResult<()> {
        let n = other.len();
        if n == 0 {
            return Ok(());
        }
        let mut general = false;
        if other.ma_values.load(Relaxed).is_null() {
            general = other.keys().is_general();
        }
        let kp = DictKeys::alloc(log2_for_entries(n), if general { GENERAL } else { super::UNICODE });
        if kp.is_null() {
            return Err(no_memory());
        }
        // SAFETY: a fresh table with room for `n` entries; the lock keeps the other's entries.
        unsafe {
            let k = &*kp;
            let mut i = 0usize;
            other.for_each_locked(|key, hash, value| {
                let (key, value) = (take_ref_locked(key).into_ptr(), take_ref_locked(value).into_ptr());
                if general {
                    let e = k.g(i);
                    e.hash.store(hash, Relaxed);
                    e.key.store(key, Relaxed);
                    e.value.store(value, Relaxed);
                } else {
                    let e = k.u(i);
                    e.key.store(key, Relaxed);
                    e.value.store(value, Relaxed);
                }
                k.set_index(k.free_slot(hash), i as isize);
                i += 1;
            });
            k.usable.store(k.usable.load(Relaxed) - i as isize, Relaxed);
            k.nentries.store(i as isize, Relaxed);
            let old = self.ma_keys.load(Relaxed);
            let shared = ensure_shared_on_replace(self);
            self.ma_keys.store(kp, Release);
            self.ma_used.store(i as isize, Relaxed);
            super::free_keys_block(old, shared);
        }
        Ok(())
    }

    /// As `dict.update(other)` with a mapping or an iterable of pairs.
    pub fn update(&self, other: &Object) -> PyResult<()> {
        if other.downcast_exact::<Dict>().is_some() || other.hasattr(intern!("keys"))? {
            self.merge_on(other, OnDuplicate::Replace)
        } else {
            self.merge_from_seq2(other, true)
        }
    }

    /// Merges a mapping. `override_`: 0 keeps present keys, 1 replaces them, 2 raises KeyError on a duplicate.
    pub fn merge(&self, other: &Object, override_: i32) -> PyResult<()> {
        self.merge_on(
            other,
            match override_ {
                0 => OnDuplicate::Keep,
                1 => OnDuplicate::Replace,
                _ => OnDuplicate::Raise,
            },
        )
    }

    fn merge_on(&self, other: &Object, dup: OnDuplicate) -> PyResult<()> {
        if let Some(o) = other.downcast::<Dict>() {
            // A subclass with its own iteration or item access is treated as any mapping.
            let t = o.ty();
            let plain = core::ptr::eq(t, Dict::type_object())
                || t.slots().tp_iter.map(|f| f as usize) == Dict::type_object().slots().tp_iter.map(|f| f as usize);
            if plain {
                return self.merge_dict(o, dup);
            }
        }
        let keys = other.call_method(intern!("keys"), &[])?;
        let it = keys.iter()?;
        while let Some(k) = it.iter_next()? {
            if dup != OnDuplicate::Replace && self.contains(&k)? {
                if dup == OnDuplicate::Raise {
                    return Err(crate::error::raise_key_error(&k));
                }
                continue;
            }
            let v = other.get_item(&k)?;
            self.insert(k, v)?;
        }
        Ok(())
    }

    /// Merges the entries of another dict.
    pub fn merge_dict(&self, other: &Dict, dup: OnDuplicate) -> PyResult<()> {
        if core::ptr::eq(self, other) || other.is_empty() {
            return Ok(());
        }
        let mut displaced: Vec<Displaced> = Vec::new();
        let r = crate::thread::critical2(self, other, || {
            if self.is_empty() && self.ma_keys.load(Relaxed) == empty_keys() && self.ma_tag.load(Relaxed) & 0xff == 0 {
                return self.clone_from_locked(other);
            }
            // A clone is one event, not one for each entry.
            let cloned = self.is_empty() && self.ma_tag.load(Relaxed) & 0xff != 0;
            if cloned {
                self.notify(abi::PyDict_EVENT_CLONED, Some(other), None);
                if self.ma_keys.load(Relaxed) == empty_keys() {
                    return self.clone_from_locked(other);
                }
            }
            // Make room once.
            if self.ma_values.load(Relaxed).is_null() {
                let k = self.keys();
                if (k.usable.load(Relaxed) as usize).saturating_mul(3) < other.len() * 2 {
                    let general = k.is_general() || other.keys().is_general();
                    self.resize(log2_for_entries(self.len() + other.len()), general)?;
                }
            }
            let before = other.len();
            let mut items = Vec::with_capacity(before);
            // SAFETY: the lock keeps the entries.
            other.for_each_locked(|k, h, v| items.push(unsafe { (take_ref_locked(k), h, take_ref_locked(v)) }));
            for (k, h, v) in items {
                if dup == OnDuplicate::Replace {
                    displaced.push(self.insert_locked(k, h, v)?);
                } else {
                    let there = match self.find_locked(&k, h)? {
                        Some(ix) => !self.slot_locked(ix).load(Relaxed).is_null(),
                        None => false,
                    };
                    if !there {
                        displaced.push(self.insert_locked(k, h, v)?);
                    } else if dup == OnDuplicate::Raise {
                        return Err(crate::error::raise_key_error(&k));
                    }
                }
                if other.len() != before {
                    return Err(raise!(RuntimeError, "dict mutated during update"));
                }
            }
            Ok(())
        });
        drop(displaced);
        r
    }

    /// Merges an iterable of pairs.
    pub fn merge_from_seq2(&self, seq: &Object, replace: bool) -> PyResult<()> {
        let it = seq.iter()?;
        let mut i = 0usize;
        while let Some(item) = it.iter_next()? {
            let pair = match item.downcast_exact::<Tuple>() {
                Some(t) => Ref::new_ref(t),
                None => match crate::objects::list::sequence_items(&item, "object is not iterable") {
                    Ok(v) => Tuple::from_refs(v)?,
                    Err(e) => {
                        if e.matches(exc::TypeError()) {
                            return Err(add_note(
                                e,
                                format_args!("Cannot convert dictionary update sequence element #{i} to a sequence"),
                            ));
                        }
                        return Err(e);
                    }
                },
            };
            if pair.len() != 2 {
                return Err(raise!(
                    ValueError,
                    "dictionary update sequence element #{} has length {}; 2 is required",
                    i,
                    pair.len()
                ));
            }
            if replace {
                self.set(pair.get(0), pair.get(1))?;
            } else {
                self.setdefault(pair.get(0), pair.get(1))?;
            }
            i += 1;
        }
        Ok(())
    }

    /// Whether two dicts have equal items.
    pub(crate) fn equal(&self, other: &Dict) -> PyResult<bool> {
        if core::ptr::eq(self, other) {
            // Even so, an item that differs from itself (NaN) compares equal by identity.
            return Ok(true);
        }
        if self.len() != other.len() {
            return Ok(false);
        }
        let mut pos = 0isize;
        while let Some((k, v)) = self.next(&mut pos) {
            let hash = hash_of(&k)?;
            let Some(w) = other.get_known_hash(&k, hash)? else { return Ok(false) };
            if !v.eq(&w)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Adds a note (`__notes__`) to the exception that is set.
fn add_note(e: Raised, text: core::fmt::Arguments<'_>) -> Raised {
    let exc = e.take();
    let added = Str::format(text).and_then(|s| exc.call_method(intern!("add_note"), &[&s]));
    match added {
        Ok(_) => crate::error::restore(exc),
        Err(e) => {
            e.clear();
            crate::error::restore(exc)
        }
    }
}
