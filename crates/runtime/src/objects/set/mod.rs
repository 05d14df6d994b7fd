//! `set` and `frozenset`: one open-addressing table, the first eight entries inline. Reads take no lock.

use crate::objects::singletons::unready_type;
use crate::prelude::*;
use core::sync::atomic::{AtomicIsize, AtomicPtr};

/// One table entry: null key = empty, `_PySet_Dummy` = deleted.
#[repr(C)]
pub struct SetEntry {
    pub(crate) key: AtomicPtr<abi::PyObject>,
    pub(crate) hash: AtomicIsize,
}

/// Layout of `set` objects (and of `frozenset`).
#[repr(C)]
pub struct Set {
    header: abi::PyObject,
    fill: AtomicIsize,
    used: AtomicIsize,
    mask: AtomicIsize,
    table: AtomicPtr<SetEntry>,
    hash: AtomicIsize,
    finger: AtomicIsize,
    smalltable: [SetEntry; 8],
    weakreflist: AtomicPtr<abi::PyObject>,
}
const _: () = assert!(size_of::<Set>() == size_of::<abi::PySetObject>());

/// Layout of `frozenset` objects: as `Set`.
#[repr(transparent)]
pub struct FrozenSet(Set);

#[unsafe(no_mangle)]
pub static mut PySet_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyFrozenSet_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PySetIter_Type: Type = unready_type();
py_layout!(Set, PySet_Type);
py_layout!(FrozenSet, PyFrozenSet_Type);

impl Set {
    pub fn new() -> PyResult<Ref<Set>> { todo!() }
    /// The table behind a `set` or `frozenset` (or subclass) object.
    pub fn any(o: &Object) -> Option<&Set> { let _ = o; todo!() }
    pub fn len(&self) -> usize { todo!() }
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    pub fn add(&self, key: &Object) -> PyResult<()> { let _ = key; todo!() }
    pub fn contains(&self, key: &Object) -> PyResult<bool> { let _ = key; todo!() }
    /// Removes; whether it was there.
    pub fn discard(&self, key: &Object) -> PyResult<bool> { let _ = key; todo!() }
    /// Removes an arbitrary element; KeyError when empty.
    pub fn pop(&self) -> PyResult<PyRef> { todo!() }
    pub fn clear(&self) { todo!() }
    pub fn update(&self, iterable: &Object) -> PyResult<()> { let _ = iterable; todo!() }
    pub fn snapshot(&self) -> Vec<PyRef> { todo!() }
}

impl FrozenSet {
    pub fn new(items: &[&Object]) -> PyResult<Ref<FrozenSet>> { let _ = items; todo!() }
    pub fn from_iterable(iterable: &Object) -> PyResult<Ref<FrozenSet>> { let _ = iterable; todo!() }
    pub fn as_set(&self) -> &Set { &self.0 }
    pub fn len(&self) -> usize { self.0.len() }
    pub fn contains(&self, key: &Object) -> PyResult<bool> { self.0.contains(key) }
    pub fn snapshot(&self) -> Vec<PyRef> { self.0.snapshot() }
}
