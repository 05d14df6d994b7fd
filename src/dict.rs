//! `dictobject.h`, `odictobject.h`.

use crate::export::{CText, bad_internal_call, borrowed, fine, text};
use crate::object::store_optional;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::prelude::*;

/// For the lookups that swallow errors: shown, not raised. An exception that was set before stays.
fn quiet(found: PyResult<Option<PyRef>>, what: &str) -> PyResult<*mut abi::PyObject> {
    match found {
        Ok(v) => Ok(v.map_or(null_mut(), borrowed)),
        Err(_) => {
            runtime::objects::exceptions::display::write_unraisable_msg(what, None);
            Ok(null_mut())
        }
    }
}

fn merge_flag(d: &Dict, other: &Object, replace: c_int) -> PyResult<()> {
    d.merge(other, if replace == 0 { 0 } else { 1 })
}

capi! {
    fn PyDict_New() -> *mut abi::PyObject {
        Dict::new()
    }
    fn _PyDict_NewPresized(n: isize) -> *mut abi::PyObject {
        Dict::with_capacity(n.max(0) as usize)
    }
    fn PyDict_Size(d: &Dict) -> isize {
        fine(d.len())
    }
    /// Borrowed; errors are swallowed. Prefer `PyDict_GetItemRef`.
    fn PyDict_GetItem(d: *mut abi::PyObject, key: &Object) -> *mut abi::PyObject {
        // SAFETY: C passes an object.
        let Some(d) = unsafe { Object::from_ptr_opt(d) }.and_then(|o| o.downcast::<Dict>()) else { return Ok(null_mut()) };
        let found = key.hash().and_then(|h| d.get_known_hash(key, h));
        quiet(found, "Exception ignored in PyDict_GetItem(); consider using PyDict_GetItemRef() or PyDict_GetItemWithError()")
    }
    fn PyDict_GetItemWithError(d: &Dict, key: &Object) -> *mut abi::PyObject {
        Ok(d.get(key)?.map_or(null_mut(), borrowed))
    }
    fn PyDict_GetItemString(d: *mut abi::PyObject, key: CText<'_>) -> *mut abi::PyObject {
        // SAFETY: C passes an object.
        let Some(d) = unsafe { Object::from_ptr_opt(d) }.and_then(|o| o.downcast::<Dict>()) else { return Ok(null_mut()) };
        quiet(text(key).and_then(|k| d.get(&k)), "Exception ignored in PyDict_GetItemString(); consider using PyDict_GetItemStringRef()")
    }
    fn _PyDict_GetItemStringWithError(d: &Dict, key: CText<'_>) -> *mut abi::PyObject {
        Ok(d.get(&*text(key)?)?.map_or(null_mut(), borrowed))
    }
    fn _PyDict_GetItem_KnownHash(d: &Dict, key: &Object, hash: isize) -> *mut abi::PyObject {
        Ok(d.get_known_hash(key, hash)?.map_or(null_mut(), borrowed))
    }
    fn PyDict_GetItemRef(d: *mut abi::PyObject, key: &Object, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes an object and a place.
        unsafe {
            let found = match Object::from_ptr_opt(d).and_then(|o| o.downcast::<Dict>()) {
                Some(d) => d.get(key),
                None => Err(bad_internal_call()),
            };
            store_optional(result, found)
        }
    }
    fn PyDict_GetItemStringRef(d: *mut abi::PyObject, key: CText<'_>, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes an object and a place.
        unsafe {
            let found = match Object::from_ptr_opt(d).and_then(|o| o.downcast::<Dict>()) {
                Some(d) => text(key).and_then(|k| d.get(&k)),
                None => Err(bad_internal_call()),
            };
            store_optional(result, found)
        }
    }
    fn PyDict_SetItem(d: &Dict, key: &Object, value: &Object) -> c_int {
        d.set(key, value)
    }
    fn PyDict_SetItemString(d: &Dict, key: CText<'_>, value: &Object) -> c_int {
        let key = crate::object::attr_text(key)?;
        d.set(&key, value)
    }
    fn _PyDict_SetItem_KnownHash(d: &Dict, key: &Object, value: &Object, hash: isize) -> c_int {
        d.insert_known_hash(key.to_ref(), hash, value.to_ref())
    }
    fn PyDict_DelItem(d: &Dict, key: &Object) -> c_int {
        d.del_item(key)
    }
    fn PyDict_DelItemString(d: &Dict, key: CText<'_>) -> c_int {
        d.del_item(&*text(key)?)
    }
    fn PyDict_Contains(d: &Dict, key: &Object) -> c_int {
        d.contains(key)
    }
    fn PyDict_ContainsString(d: &Dict, key: CText<'_>) -> c_int {
        d.contains(&*text(key)?)
    }
    fn PyDict_SetDefault(d: &Dict, key: &Object, default: &Object) -> *mut abi::PyObject {
        d.setdefault(key, default).map(borrowed)
    }
    fn PyDict_SetDefaultRef(d: *mut abi::PyObject, key: &Object, default: &Object, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes an object, and a place or null.
        unsafe {
            if !result.is_null() {
                *result = null_mut();
            }
            let d = Object::from_ptr_opt(d).and_then(|o| o.downcast::<Dict>()).ok_or_else(bad_internal_call)?;
            let (value, found) = d.setdefault_found(key, default)?;
            if !result.is_null() {
                *result = value.into_ptr();
            }
            Ok(found)
        }
    }
    fn PyDict_Pop(d: *mut abi::PyObject, key: Option<&Object>, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes an object, and a place or null.
        unsafe { pop(d, || key.map(Object::to_ref).ok_or_else(bad_internal_call), result) }
    }
    fn PyDict_PopString(d: *mut abi::PyObject, key: CText<'_>, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes an object, and a place or null.
        unsafe { pop(d, || text(key).map(PyRef::from), result) }
    }
    fn _PyDict_Pop(d: &Dict, key: &Object, default: Option<&Object>) -> *mut abi::PyObject {
        match (d.pop(key)?, default) {
            (Some(v), _) => Ok(v),
            (None, Some(v)) => Ok(v.to_ref()),
            (None, None) => Err(runtime::error::raise_key_error(key)),
        }
    }
    fn PyDict_Clear(d: Option<&Object>) {
        if let Some(d) = d.and_then(|o| o.downcast::<Dict>()) {
            d.clear();
        }
        Ok(())
    }
    /// Borrowed keys and values; the caller keeps other threads from changing the dict.
    fn PyDict_Next(d: Option<&Object>, pos: *mut isize, key: *mut *mut abi::PyObject, value: *mut *mut abi::PyObject) -> c_int {
        let Some(d) = d.and_then(|o| o.downcast::<Dict>()) else { return Ok(false) };
        // SAFETY: C passes a position, and places or null.
        unsafe {
            let Some((k, v)) = d.next(&mut *pos) else { return Ok(false) };
            if !key.is_null() {
                *key = borrowed(k);
            }
            if !value.is_null() {
                *value = borrowed(v);
            }
        }
        Ok(true)
    }
    fn PyDict_Keys(d: &Dict) -> *mut abi::PyObject {
        d.keys_list()
    }
    fn PyDict_Values(d: &Dict) -> *mut abi::PyObject {
        d.values_list()
    }
    fn PyDict_Items(d: &Dict) -> *mut abi::PyObject {
        d.items_list()
    }
    fn PyDict_Copy(d: &Dict) -> *mut abi::PyObject {
        d.copy()
    }
    fn PyDict_Update(d: &Dict, other: &Object) -> c_int {
        merge_flag(d, other, 1)
    }
    fn PyDict_Merge(d: &Dict, other: &Object, replace: c_int) -> c_int {
        merge_flag(d, other, replace)
    }
    fn PyDict_MergeFromSeq2(d: &Dict, other: &Object, replace: c_int) -> c_int {
        d.merge_from_seq2(other, replace != 0)
    }
    fn PyDictProxy_New(mapping: &Object) -> *mut abi::PyObject {
        let proxy = runtime::objects::exceptions::display::import("types")?.getattr(intern!("MappingProxyType"))?;
        proxy.call1(mapping)
    }
    fn PyDict_AddWatcher(callback: *mut c_void) -> c_int {
        if callback.is_null() {
            return Err(bad_internal_call());
        }
        // SAFETY: C passes a callback of the watchers' type.
        runtime::objects::dict::watch::add_watcher(unsafe { core::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int, *mut abi::PyObject, *mut abi::PyObject, *mut abi::PyObject) -> c_int>(callback) })
    }
    fn PyDict_ClearWatcher(id: c_int) -> c_int {
        runtime::objects::dict::watch::clear_watcher(id)
    }
    fn PyDict_Watch(id: c_int, d: &Object) -> c_int {
        runtime::objects::dict::watch::watch(id, d, true)
    }
    fn PyDict_Unwatch(id: c_int, d: &Object) -> c_int {
        runtime::objects::dict::watch::watch(id, d, false)
    }

    fn PyODict_New() -> *mut abi::PyObject {
        (**runtime::objects::odict::init()?).call0()
    }
    fn PyODict_SetItem(d: &Object, key: &Object, value: &Object) -> c_int {
        d.set_item(key, value)
    }
    fn PyODict_DelItem(d: &Object, key: &Object) -> c_int {
        d.del_item(key)
    }
}

unsafe fn pop(
    d: *mut abi::PyObject,
    key: impl FnOnce() -> PyResult<PyRef>,
    result: *mut *mut abi::PyObject,
) -> PyResult<c_int> {
    // SAFETY: the caller's promise.
    unsafe {
        if !result.is_null() {
            *result = null_mut();
        }
        let d = Object::from_ptr_opt(d).and_then(|o| o.downcast::<Dict>()).ok_or_else(bad_internal_call)?;
        // An empty dict does not even hash the key.
        if d.is_empty() {
            return Ok(0);
        }
        match d.pop(&*key()?)? {
            None => Ok(0),
            Some(v) => {
                if !result.is_null() {
                    *result = v.into_ptr();
                }
                Ok(1)
            }
        }
    }
}
