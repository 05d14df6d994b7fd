//! Instance attributes: inline values with shared keys, the managed `__dict__` in the pre-header, and moving between them.
//!
//! An object of a type with `Py_TPFLAGS_INLINE_VALUES` has a `DictValues` right after `tp_basicsize`, laid out by the type's
//! `ht_cached_keys`. A type with `Py_TPFLAGS_MANAGED_DICT` has a dict pointer at `MANAGED_DICT_OFFSET` before the object.

use super::{DictKeys, DictValues};
use crate::prelude::*;
use core::sync::atomic::AtomicPtr;

/// Where the managed `__dict__` pointer lies, relative to the object.
pub const MANAGED_DICT_OFFSET: isize = -8;
/// Where the managed weak reference list lies, relative to the object.
pub const MANAGED_WEAKREF_OFFSET: isize = -16;

/// New shared keys for a heap type's instances.
pub fn new_shared_keys() -> *mut DictKeys { todo!() }
/// Gives up a type's reference to its shared keys.
/// # Safety
/// The caller owns one reference.
pub unsafe fn release_keys(keys: *mut DictKeys) { let _ = keys; todo!() }
/// Bytes to add to `tp_basicsize` for inline values laid out by `keys`.
pub fn inline_values_size(keys: *mut DictKeys) -> usize { let _ = keys; todo!() }
/// The inline values of an object of a type with `Py_TPFLAGS_INLINE_VALUES`.
pub fn inline_values(obj: &Object) -> &DictValues { let _ = obj; todo!() }
/// Initialises the inline values area of a new object.
/// # Safety
/// The object is new, of a type with `Py_TPFLAGS_INLINE_VALUES`, allocated with room for the values.
pub unsafe fn init_inline_values(obj: &Object) { let _ = obj; todo!() }
/// The managed dict slot.
pub fn managed_dict_slot(obj: &Object) -> &AtomicPtr<Dict> { let _ = obj; todo!() }
/// The materialised `__dict__`, if there is one.
pub fn managed_dict(obj: &Object) -> Option<Ref<Dict>> { let _ = obj; todo!() }
/// The `__dict__` of an object with a managed dict, materialised when needed.
pub fn materialize_dict(obj: &Object) -> PyResult<Ref<Dict>> { let _ = obj; todo!() }
/// Reads an instance attribute (inline values or managed dict). The object's type has `Py_TPFLAGS_MANAGED_DICT`.
pub fn object_getattr_inline(obj: &Object, name: &Str) -> PyResult<Option<PyRef>> { let _ = (obj, name); todo!() }
/// Sets (`Some`) or deletes (`None`) an instance attribute; `Ok(false)`: delete of an absent attribute.
pub fn object_setattr_inline(obj: &Object, name: &Str, value: Option<&Object>) -> PyResult<bool> { let _ = (obj, name, value); todo!() }
/// Value index of `name` in the type's shared keys, for caches.
pub fn shared_key_index(ty: &Type, name: &Str) -> Option<usize> { let _ = (ty, name); todo!() }
/// Keys version of a type's shared keys (0: none).
pub fn shared_keys_version(ty: &Type) -> u32 { let _ = ty; todo!() }
/// Cache hit path: the inline value at `index`, lock-free; `None`: empty or not valid (slow path).
#[inline(always)]
pub fn inline_value_at(obj: &Object, index: usize) -> Option<PyRef> { let _ = (obj, index); todo!() }
/// Cache hit path of a store: replaces or sets the inline value; gives the value back when the slow path must do it.
#[inline(always)]
pub fn store_inline_value_at(obj: &Object, index: usize, value: PyRef) -> Result<(), PyRef> { let _ = index; let _ = obj; Err(value) }
/// `obj.__dict__ = new` / `del obj.__dict__` for a managed dict.
pub fn set_managed_dict(obj: &Object, new: Option<&Dict>) -> PyResult<()> { let _ = (obj, new); todo!() }
/// `PyObject_VisitManagedDict`.
/// # Safety
/// As for `tp_traverse`.
pub unsafe fn visit_managed_dict(obj: *mut abi::PyObject, visit: abi::visitproc, arg: *mut core::ffi::c_void) -> core::ffi::c_int { let _ = (obj, visit, arg); todo!() }
/// `PyObject_ClearManagedDict`: drops the instance attributes; on deallocation a dict that lives on gets the values.
/// # Safety
/// As for `tp_clear`.
pub unsafe fn clear_managed_dict(obj: *mut abi::PyObject) { let _ = obj; todo!() }
