//! `list`: growable array. Reads take no lock; writers hold the object's critical section.

use crate::objects::singletons::unready_type;
use crate::prelude::*;
use core::sync::atomic::{AtomicIsize, AtomicPtr};

/// Layout of `list` objects.
#[repr(C)]
pub struct List {
    header: abi::PyObject,
    ob_size: AtomicIsize,
    ob_item: AtomicPtr<AtomicPtr<abi::PyObject>>,
    allocated: AtomicIsize,
}
const _: () = assert!(size_of::<List>() == size_of::<abi::PyListObject>());

#[unsafe(no_mangle)]
pub static mut PyList_Type: Type = unready_type();
py_layout!(List, PyList_Type, abi::Py_TPFLAGS_LIST_SUBCLASS);

impl List {
    pub fn new() -> PyResult<Ref<List>> { todo!() }
    pub fn with_capacity(n: usize) -> PyResult<Ref<List>> { let _ = n; todo!() }
    /// A list that takes over the references.
    pub fn from_vec(items: Vec<PyRef>) -> PyResult<Ref<List>> { let _ = items; todo!() }
    pub fn from_slice(items: &[&Object]) -> PyResult<Ref<List>> { let _ = items; todo!() }
    pub fn len(&self) -> usize { todo!() }
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    pub fn append(&self, v: &Object) -> PyResult<()> { self.push(v.to_ref()) }
    /// Appends, taking over the reference.
    pub fn push(&self, v: PyRef) -> PyResult<()> { let _ = v; todo!() }
    pub fn get(&self, i: usize) -> Option<PyRef> { let _ = i; todo!() }
    /// Replaces an item; IndexError when out of range.
    pub fn set(&self, i: usize, v: PyRef) -> PyResult<()> { let _ = (i, v); todo!() }
    /// Inserts before `i` (clamped, negative counts from the end).
    pub fn insert(&self, i: isize, v: &Object) -> PyResult<()> { let _ = (i, v); todo!() }
    pub fn extend(&self, iterable: &Object) -> PyResult<()> { let _ = iterable; todo!() }
    pub fn pop(&self, i: isize) -> PyResult<PyRef> { let _ = i; todo!() }
    pub fn snapshot(&self) -> Vec<PyRef> { todo!() }
    pub fn clear(&self) { todo!() }
    pub fn reverse(&self) { todo!() }
    pub fn sort(&self, key: Option<&Object>, reverse: bool) -> PyResult<()> { let _ = (key, reverse); todo!() }
    pub fn get_slice(&self, lo: isize, hi: isize) -> PyResult<Ref<List>> { let _ = (lo, hi); todo!() }
    pub fn set_slice(&self, lo: isize, hi: isize, v: Option<&Object>) -> PyResult<()> { let _ = (lo, hi, v); todo!() }
    pub fn to_tuple_exact(&self) -> PyResult<Ref<Tuple>> { todo!() }
}
