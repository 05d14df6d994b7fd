//! `tuple`: immutable sequence, items inline, hash cached in the object.

use crate::objects::singletons::unready_type;
use crate::prelude::*;
use core::sync::atomic::{AtomicIsize, AtomicPtr};

/// Layout of `tuple` objects; `ob_size` items follow.
#[repr(C)]
pub struct Tuple {
    header: abi::PyObject,
    ob_size: AtomicIsize,
    ob_hash: AtomicIsize,
    ob_item: [AtomicPtr<abi::PyObject>; 0],
}
const _: () = assert!(core::mem::offset_of!(Tuple, ob_item) == core::mem::offset_of!(abi::PyTupleObject, ob_item));

#[unsafe(no_mangle)]
pub static mut PyTuple_Type: Type = unready_type();
py_layout!(Tuple, PyTuple_Type, abi::Py_TPFLAGS_TUPLE_SUBCLASS);

impl Tuple {
    /// The empty tuple.
    pub fn empty() -> Ref<Tuple> { todo!() }
    /// A tuple that takes over the references.
    pub fn new(items: Vec<PyRef>) -> PyResult<Ref<Tuple>> { let _ = items; todo!() }
    /// Same as `new`.
    pub fn from_refs(items: Vec<PyRef>) -> PyResult<Ref<Tuple>> { Self::new(items) }
    /// A tuple of new references to the items.
    pub fn from_slice(items: &[&Object]) -> PyResult<Ref<Tuple>> { let _ = items; todo!() }
    /// Same as `from_slice`.
    pub fn pack(items: &[&Object]) -> PyResult<Ref<Tuple>> { Self::from_slice(items) }
    /// A tuple of `n` items whose slots are still null: fill them with `init_item` before anyone sees it.
    pub fn with_len(n: usize) -> PyResult<Ref<Tuple>> { let _ = n; todo!() }
    /// Fills a slot of a tuple not yet shared.
    /// # Safety
    /// The tuple is new, the slot is null and in range.
    pub unsafe fn init_item(&self, i: usize, v: PyRef) { let _ = (i, v); todo!() }
    pub fn len(&self) -> usize { todo!() }
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    pub fn as_slice(&self) -> &[&Object] { todo!() }
    /// The item at an index in range.
    pub fn get(&self, i: usize) -> &Object { self.as_slice()[i] }
    pub fn iter(&self) -> impl Iterator<Item = &Object> { self.as_slice().iter().copied() }
    /// Items as the C API sees them.
    pub fn items_ptr(&self) -> *mut *mut abi::PyObject { todo!() }
    pub fn slice(&self, lo: usize, hi: usize) -> PyResult<Ref<Tuple>> { let _ = (lo, hi); todo!() }
}
