//! `abstract.h`, sequences and mappings.

use crate::export::{CText, fine, null_error, text};
use crate::object::store_optional;
use core::ffi::c_int;
use runtime::abi;
use runtime::prelude::*;

/// KeyError and IndexError mean "absent".
fn optional_item(o: &Object, key: &Object) -> PyResult<Option<PyRef>> {
    if let Some(d) = o.downcast_exact::<Dict>() {
        return d.get(key);
    }
    match o.get_item(key) {
        Ok(v) => Ok(Some(v)),
        Err(e) if e.matches(exc::KeyError()) => {
            e.clear();
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

fn ignored(found: PyResult<bool>, what: &str) -> PyResult<c_int> {
    match found {
        Ok(b) => Ok(b.into()),
        Err(_) => {
            runtime::objects::exceptions::display::write_unraisable_msg(what, None);
            Ok(0)
        }
    }
}

/// `keys`, `items` or `values` of a mapping, as a list.
fn mapping_list(o: &Object, name: &'static Str) -> PyResult<Ref<List>> {
    let found = o.call_method(name, &[])?;
    match found.downcast_into::<List>() {
        Ok(list) if list.ty().ptr_eq(List::type_object()) => Ok(list),
        Ok(list) => list.to_list(),
        Err(other) => match other.iter() {
            Ok(it) => it.to_list(),
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                Err(raise!(
                    TypeError,
                    "{}.{}() returned a non-iterable (type {})",
                    o.ty().tp_name(),
                    name.to_string_lossy(),
                    other.ty().tp_name()
                ))
            }
            Err(e) => Err(e),
        },
    }
}

fn slice_object(a: isize, b: isize) -> PyResult<Ref<Slice>> {
    let (a, b) = (Int::from_isize(a)?, Int::from_isize(b)?);
    Slice::new(Some(&a), Some(&b), None)
}

capi! {
    fn PySequence_Check(o: Option<&Object>) -> c_int {
        fine(o.is_some_and(Object::sequence_check))
    }
    fn PySequence_Size(o: &Object) -> isize {
        sequence_len(o)
    }
    fn PySequence_Length(o: &Object) -> isize {
        sequence_len(o)
    }
    fn PySequence_Concat(a: &Object, b: &Object) -> *mut abi::PyObject {
        a.seq_concat(b)
    }
    fn PySequence_InPlaceConcat(a: &Object, b: &Object) -> *mut abi::PyObject {
        a.seq_inplace_concat(b)
    }
    fn PySequence_Repeat(o: &Object, n: isize) -> *mut abi::PyObject {
        o.repeat(n)
    }
    fn PySequence_InPlaceRepeat(o: &Object, n: isize) -> *mut abi::PyObject {
        o.inplace_repeat(n)
    }
    fn PySequence_GetItem(o: &Object, i: isize) -> *mut abi::PyObject {
        o.get_item_index(i)
    }
    fn PySequence_SetItem(o: &Object, i: isize, v: Option<&Object>) -> c_int {
        match v {
            Some(v) => o.set_item_index(i, v),
            None => o.del_item_index(i),
        }
    }
    fn PySequence_DelItem(o: &Object, i: isize) -> c_int {
        o.del_item_index(i)
    }
    fn PySequence_GetSlice(o: &Object, a: isize, b: isize) -> *mut abi::PyObject {
        o.get_slice(a, b)
    }
    fn PySequence_SetSlice(o: &Object, a: isize, b: isize, v: Option<&Object>) -> c_int {
        let slice = slice_object(a, b)?;
        match v {
            Some(v) => o.set_item(&slice, v),
            None => o.del_item(&slice),
        }
    }
    fn PySequence_DelSlice(o: &Object, a: isize, b: isize) -> c_int {
        let slice = slice_object(a, b)?;
        o.del_item(&slice)
    }
    fn PySequence_Contains(o: &Object, item: Option<&Object>) -> c_int {
        match item {
            Some(item) => o.contains(item),
            // Nothing is compared in an empty list.
            None if o.downcast::<List>().is_some_and(|l| l.is_empty()) => Ok(false),
            None => Err(null_error()),
        }
    }
    fn PySequence_In(o: &Object, item: &Object) -> c_int {
        o.contains(item)
    }
    fn PySequence_Count(o: &Object, item: &Object) -> isize {
        o.count(item)
    }
    fn PySequence_Index(o: &Object, item: &Object) -> isize {
        o.index_of(item)
    }
    fn PySequence_List(o: &Object) -> *mut abi::PyObject {
        o.to_list()
    }
    fn PySequence_Tuple(o: &Object) -> *mut abi::PyObject {
        o.to_tuple()
    }
    fn PySequence_Fast(o: &Object, message: CText<'_>) -> *mut abi::PyObject {
        o.seq_fast(&message.to_string_lossy())
    }

    fn PyMapping_Check(o: Option<&Object>) -> c_int {
        fine(o.is_some_and(Object::mapping_check))
    }
    fn PyMapping_Size(o: &Object) -> isize {
        mapping_len(o)
    }
    fn PyMapping_Length(o: &Object) -> isize {
        mapping_len(o)
    }
    fn PyMapping_Keys(o: &Object) -> *mut abi::PyObject {
        match o.downcast_exact::<Dict>() {
            Some(d) => d.keys_list(),
            None => mapping_list(o, intern!("keys")),
        }
    }
    fn PyMapping_Values(o: &Object) -> *mut abi::PyObject {
        match o.downcast_exact::<Dict>() {
            Some(d) => d.values_list(),
            None => mapping_list(o, intern!("values")),
        }
    }
    fn PyMapping_Items(o: &Object) -> *mut abi::PyObject {
        match o.downcast_exact::<Dict>() {
            Some(d) => d.items_list(),
            None => mapping_list(o, intern!("items")),
        }
    }
    fn PyMapping_GetItemString(o: &Object, key: CText<'_>) -> *mut abi::PyObject {
        o.get_item(&*text(key)?)
    }
    fn PyMapping_SetItemString(o: &Object, key: CText<'_>, value: &Object) -> c_int {
        o.set_item(&*text(key)?, value)
    }
    fn PyMapping_GetOptionalItem(o: Option<&Object>, key: Option<&Object>, result: *mut *mut abi::PyObject) -> c_int {
        let found = match (o, key) {
            (Some(o), Some(key)) => optional_item(o, key),
            _ => Err(crate::export::null_error()),
        };
        // SAFETY: C passes a place for the result.
        unsafe { store_optional(result, found) }
    }
    fn PyMapping_GetOptionalItemString(o: Option<&Object>, key: Option<CText<'_>>, result: *mut *mut abi::PyObject) -> c_int {
        let found = match (o, key) {
            (Some(o), Some(key)) => text(key).and_then(|k| optional_item(o, &k)),
            _ => Err(crate::export::null_error()),
        };
        // SAFETY: C passes a place for the result.
        unsafe { store_optional(result, found) }
    }
    fn PyMapping_HasKeyWithError(o: &Object, key: &Object) -> c_int {
        Ok(optional_item(o, key)?.is_some())
    }
    fn PyMapping_HasKeyStringWithError(o: &Object, key: CText<'_>) -> c_int {
        Ok(optional_item(o, &*text(key)?)?.is_some())
    }
    fn PyMapping_HasKey(o: Option<&Object>, key: Option<&Object>) -> c_int {
        let found = match (o, key) {
            (Some(o), Some(key)) => optional_item(o, key).map(|v| v.is_some()),
            _ => Err(null_error()),
        };
        ignored(found, "Exception ignored in PyMapping_HasKey(); consider using PyMapping_HasKeyWithError(), PyMapping_GetOptionalItem() or PyObject_GetItem()")
    }
    fn PyMapping_HasKeyString(o: Option<&Object>, key: Option<CText<'_>>) -> c_int {
        let found = match (o, key) {
            (Some(o), Some(key)) => text(key).and_then(|k| optional_item(o, &k)).map(|v| v.is_some()),
            _ => Err(null_error()),
        };
        ignored(found, "Exception ignored in PyMapping_HasKeyString(); consider using PyMapping_HasKeyStringWithError(), PyMapping_GetOptionalItemString() or PyMapping_GetItemString()")
    }
}

fn sequence_len(o: &Object) -> PyResult<usize> {
    let slots = o.ty().slots();
    // SAFETY: a type's slot tables live as long as the type.
    unsafe {
        let sequence = slots.tp_as_sequence.as_ref().is_some_and(|s| s.sq_length.is_some());
        if (!sequence || o.downcast::<Dict>().is_some())
            && slots.tp_as_mapping.as_ref().is_some_and(|m| m.mp_length.is_some())
        {
            return Err(raise!(TypeError, "{} is not a sequence", o.ty().tp_name()));
        }
    }
    o.len()
}

fn mapping_len(o: &Object) -> PyResult<usize> {
    let slots = o.ty().slots();
    // SAFETY: a type's slot tables live as long as the type.
    unsafe {
        if slots.tp_as_mapping.as_ref().is_none_or(|m| m.mp_length.is_none()) {
            let sequence = slots.tp_as_sequence.as_ref().is_some_and(|s| s.sq_length.is_some());
            return Err(if sequence {
                raise!(TypeError, "{} is not a mapping", o.ty().tp_name())
            } else {
                raise!(TypeError, "object of type '{}' has no len()", o.ty().tp_name())
            });
        }
    }
    o.len()
}
