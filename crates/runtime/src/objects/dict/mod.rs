//! `dict`: compact, insertion-ordered hash table. Reads take no lock; writers hold the object's critical section.

use crate::objects::singletons::unready_type;
use crate::prelude::*;
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU64};

pub mod instance;
pub mod keys;

pub use keys::{DictKeys, DictValues};

/// Layout of `dict` objects.
#[repr(C)]
pub struct Dict {
    header: abi::PyObject,
    ma_used: AtomicIsize,
    /// Low byte: the watchers of this dict.
    ma_tag: AtomicU64,
    ma_keys: AtomicPtr<DictKeys>,
    /// Non-null for a split table: the values; the keys are shared.
    ma_values: AtomicPtr<DictValues>,
}
const _: () = assert!(size_of::<Dict>() == size_of::<abi::PyDictObject>());

#[unsafe(no_mangle)]
pub static mut PyDict_Type: Type = unready_type();
py_layout!(Dict, PyDict_Type, abi::Py_TPFLAGS_DICT_SUBCLASS);

impl Dict {
    pub fn new() -> PyResult<Ref<Dict>> { todo!() }
    pub fn with_capacity(n: usize) -> PyResult<Ref<Dict>> { let _ = n; todo!() }
    pub fn len(&self) -> usize { todo!() }
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    pub fn get(&self, key: &Object) -> PyResult<Option<PyRef>> { let _ = key; todo!() }
    pub fn get_known_hash(&self, key: &Object, hash: isize) -> PyResult<Option<PyRef>> { let _ = (key, hash); todo!() }
    pub fn get_str(&self, key: &Str) -> PyResult<Option<PyRef>> { self.get(key) }
    pub fn contains(&self, key: &Object) -> PyResult<bool> { let _ = key; todo!() }
    pub fn set(&self, key: &Object, value: &Object) -> PyResult<()> { self.insert(key.to_ref(), value.to_ref()) }
    /// Sets, taking over both references.
    pub fn insert(&self, key: PyRef, value: PyRef) -> PyResult<()> { let _ = (key, value); todo!() }
    /// Sets under an interned copy of `key`.
    pub fn set_str(&self, key: &str, value: &Object) -> PyResult<()> { self.set(Str::intern(key), value) }
    /// Deletes; whether the key was there.
    pub fn del(&self, key: &Object) -> PyResult<bool> { Ok(self.pop(key)?.is_some()) }
    /// Deletes; KeyError when absent.
    pub fn del_item(&self, key: &Object) -> PyResult<()> { let _ = key; todo!() }
    pub fn pop(&self, key: &Object) -> PyResult<Option<PyRef>> { let _ = key; todo!() }
    /// The value under `key`, setting it to `default` first when absent.
    pub fn setdefault(&self, key: &Object, default: &Object) -> PyResult<PyRef> { let _ = (key, default); todo!() }
    /// As `dict.update(other)` with a mapping or an iterable of pairs.
    pub fn update(&self, other: &Object) -> PyResult<()> { let _ = other; todo!() }
    /// Merges a mapping. `override_`: 0 keeps present keys, 1 replaces them, 2 raises KeyError on a duplicate.
    pub fn merge(&self, other: &Object, override_: i32) -> PyResult<()> { let _ = (other, override_); todo!() }
    pub fn copy(&self) -> PyResult<Ref<Dict>> { todo!() }
    pub fn clear(&self) { todo!() }
    /// Iterates: `pos` starts at 0. Safe against concurrent changes, which it may or may not see.
    pub fn next(&self, pos: &mut isize) -> Option<(PyRef, PyRef)> { let _ = pos; todo!() }
    pub fn items_snapshot(&self) -> Vec<(PyRef, PyRef)> { todo!() }
    pub fn keys_snapshot(&self) -> Vec<PyRef> { todo!() }
    pub fn keys_list(&self) -> PyResult<Ref<List>> { todo!() }
    pub fn values_list(&self) -> PyResult<Ref<List>> { todo!() }
    pub fn items_list(&self) -> PyResult<Ref<List>> { todo!() }
    /// Version of the current keys table for caches, assigned on first use; 0 = cannot be cached. It changes whenever a key
    /// is added, moved or removed (not when a value is replaced). Only for tables whose keys are all exact `str`.
    pub fn keys_version(&self) -> u32 { todo!() }
    /// The version as it is, without assigning one: the check of a cache hit.
    #[inline(always)]
    pub fn current_keys_version(&self) -> u32 { todo!() }
    /// Index of an interned/exact `str` key in the entries, for caches.
    pub fn index_of(&self, key: &Str) -> Option<usize> { let _ = key; todo!() }
    /// The value at an entry index, lock-free; `None` when the entry is empty, out of range or just changing (take the slow path).
    #[inline(always)]
    pub fn value_at(&self, index: usize) -> Option<PyRef> { let _ = index; todo!() }
}
