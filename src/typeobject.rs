//! `object.h`, types: making and asking them.

use crate::export::{bad_internal_call, borrowed, fine};
use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::prelude::*;
use runtime::typeobject as types;

/// The module that a type was made for, or TypeError.
fn module_of(ty: &Type) -> PyResult<&Object> {
    if !ty.is_heap_type() {
        return Err(raise!(TypeError, "PyType_GetModule: Type '{}' is not a heap type", ty.tp_name()));
    }
    types::heapspec::module_of(ty)
        .ok_or_else(|| raise!(TypeError, "PyType_GetModule: Type '{}' has no associated module", ty.tp_name()))
}

/// The dict of an instance that has one at an offset or managed; made when missing.
pub fn instance_dict(o: &Object) -> PyResult<Option<Ref<Dict>>> {
    if o.ty().slots().tp_dictoffset == 0 && !o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
        return Ok(None);
    }
    runtime::protocol::attr::generic_dict(o).map(Some)
}

capi! {
    fn PyType_FromMetaclass(meta: Option<&Type>, module: Option<&Object>, spec: *mut abi::PyType_Spec, bases: Option<&Object>) -> *mut abi::PyObject {
        // SAFETY: C passes a specification.
        unsafe { types::from_metaclass(meta, module, spec, bases) }
    }
    fn PyType_FromModuleAndSpec(module: Option<&Object>, spec: *mut abi::PyType_Spec, bases: Option<&Object>) -> *mut abi::PyObject {
        // SAFETY: C passes a specification.
        unsafe { types::from_metaclass(None, module, spec, bases) }
    }
    fn PyType_FromSpecWithBases(spec: *mut abi::PyType_Spec, bases: Option<&Object>) -> *mut abi::PyObject {
        // SAFETY: C passes a specification.
        unsafe { types::from_metaclass(None, None, spec, bases) }
    }
    fn PyType_FromSpec(spec: *mut abi::PyType_Spec) -> *mut abi::PyObject {
        // SAFETY: C passes a specification.
        unsafe { types::from_metaclass(None, None, spec, None) }
    }
    fn PyType_GetFlags(ty: &Type) -> c_ulong {
        fine(ty.flags())
    }
    fn PyType_IsSubtype(a: &Type, b: &Type) -> c_int {
        fine(a.is_subtype(b))
    }
    fn PyType_Modified(ty: &Type) {
        ty.modified();
        Ok(())
    }
    fn PyType_ClearCache() -> c_uint {
        types::cache::clear_cache();
        fine(0u32)
    }
    fn PyType_Freeze(ty: &Type) -> c_int {
        types::heapspec::freeze(ty)
    }
    fn PyType_GetName(ty: &Type) -> *mut abi::PyObject {
        ty.name()
    }
    fn PyType_GetQualName(ty: &Type) -> *mut abi::PyObject {
        ty.qualname()
    }
    fn PyType_GetModuleName(ty: &Type) -> *mut abi::PyObject {
        ty.module()
    }
    fn PyType_GetFullyQualifiedName(ty: &Type) -> *mut abi::PyObject {
        ty.full_name()
    }
    fn PyType_GetModule(ty: &Type) -> *mut abi::PyObject {
        Ok(module_of(ty)?.as_ptr())
    }
    fn PyType_GetModuleState(ty: &Type) -> *mut c_void {
        let m = module_of(ty)?;
        Ok(m.downcast::<Module>().map_or(null_mut(), |m| m.md_state))
    }
    fn PyType_GetModuleByDef(ty: &Type, def: *mut abi::PyModuleDef) -> *mut abi::PyObject {
        types::heapspec::module_by_def(ty, def).map(borrowed)
    }
    fn PyType_GetBaseByToken(ty: *mut abi::PyObject, token: *mut c_void, result: *mut *mut abi::PyTypeObject) -> c_int {
        // SAFETY: C passes an object.
        let o = unsafe { Object::from_ptr_opt(ty) }.ok_or_else(bad_internal_call)?;
        let Some(ty) = o.downcast::<Type>() else {
            if !result.is_null() {
                // SAFETY: C passes a place.
                unsafe { *result = null_mut() };
            }
            return Err(raise!(TypeError, "expected a type, got a '{}' object", o.ty().full_name()?.to_string_lossy()));
        };
        if token.is_null() {
            if !result.is_null() {
                // SAFETY: C passes a place.
                unsafe { *result = null_mut() };
            }
            return Err(raise!(SystemError, "PyType_GetBaseByToken called with token=NULL"));
        }
        let found = types::heapspec::base_by_token(ty, token);
        let any = found.is_some();
        if !result.is_null() {
            // SAFETY: C passes a place.
            unsafe { *result = found.map_or(null_mut(), |t| t.into_ptr().cast()) };
        }
        Ok(any)
    }
    fn PyType_GetSlot(ty: &Type, slot: c_int) -> *mut c_void {
        types::heapspec::get_slot(ty, slot)
    }
    fn PyType_GetDict(ty: &Type) -> *mut abi::PyObject {
        fine(ty.dict_opt().map(Ref::new_ref))
    }
    fn PyType_GetTypeDataSize(ty: &Type) -> isize {
        let base = ty.base().map_or(0, |b| b.slots().tp_basicsize);
        fine((ty.slots().tp_basicsize - align(base)).max(0))
    }
    fn PyObject_GetTypeData(o: &Object, ty: &Type) -> *mut c_void {
        let base = ty.base().map_or(0, |b| b.slots().tp_basicsize);
        // SAFETY: the type's own data follow its base's, aligned.
        fine(unsafe { o.as_ptr().byte_offset(align(base)).cast::<c_void>() })
    }
    fn PyObject_GetItemData(o: &Object) -> *mut c_void {
        if !o.ty().has_feature(abi::Py_TPFLAGS_ITEMS_AT_END) {
            return Err(raise!(TypeError, "type '{}' does not have Py_TPFLAGS_ITEMS_AT_END", o.ty().tp_name()));
        }
        // SAFETY: the flag promises items after the fixed part.
        Ok(unsafe { o.as_ptr().byte_offset(o.ty().slots().tp_basicsize).cast::<c_void>() })
    }
    fn _PyType_Lookup(ty: &Type, name: &Object) -> *mut abi::PyObject {
        let Some(name) = name.downcast::<Str>() else { return Ok(null_mut()) };
        fine(ty.lookup(name).map_or(null_mut(), borrowed))
    }
    fn _PyType_LookupRef(ty: &Type, name: &Object) -> *mut abi::PyObject {
        let Some(name) = name.downcast::<Str>() else { return Ok(None) };
        fine(ty.lookup(name))
    }
    fn _PyType_Name(ty: &Type) -> *const c_char {
        let whole = ty.slots().tp_name;
        if whole.is_null() {
            return Err(bad_internal_call());
        }
        // SAFETY: a C string that lives as long as the type.
        unsafe {
            let text = core::ffi::CStr::from_ptr(whole).to_bytes();
            let at = text.iter().rposition(|b| *b == b'.').map_or(0, |i| i + 1);
            Ok(whole.add(at).cast_const())
        }
    }
    fn PyUnstable_Type_AssignVersionTag(ty: &Type) -> c_int {
        fine(ty.assign_version() != 0)
    }
    fn PyType_AddWatcher(callback: Option<unsafe extern "C" fn(*mut abi::PyTypeObject) -> c_int>) -> c_int {
        types::watch::add(callback.ok_or_else(bad_internal_call)?)
    }
    fn PyType_ClearWatcher(id: c_int) -> c_int {
        types::watch::clear(id)
    }
    fn PyType_Watch(id: c_int, ty: &Object) -> c_int {
        types::watch::set(id, ty, true)
    }
    fn PyType_Unwatch(id: c_int, ty: &Object) -> c_int {
        types::watch::set(id, ty, false)
    }

    /// The place of the instance's dict: null when the type has none (or keeps it elsewhere).
    fn _PyObject_GetDictPtr(o: &Object) -> *mut *mut abi::PyObject {
        if o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
            runtime::objects::dict::instance::materialize_dict(o)?;
            return Ok(runtime::objects::dict::instance::managed_dict_slot(o).as_ptr().cast::<*mut abi::PyObject>());
        }
        let offset = o.ty().slots().tp_dictoffset;
        if offset == 0 {
            return Ok(null_mut());
        }
        let offset = if offset > 0 {
            offset
        } else {
            // Behind the items.
            // SAFETY: a variable-size object.
            let n = unsafe { (*o.as_ptr().cast::<abi::PyVarObject>()).ob_size }.abs();
            // SAFETY: a live type.
            unsafe { runtime::mem::gc::var_size(o.ty().as_raw(), n) as isize + offset }
        };
        // SAFETY: the offset lies within the object.
        Ok(unsafe { o.as_ptr().byte_offset(offset).cast::<*mut abi::PyObject>() })
    }
    fn PyObject_VisitManagedDict(o: &Object, visit: abi::visitproc, arg: *mut c_void) -> c_int {
        if !o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
            return Ok(0);
        }
        // SAFETY: the collector's visitor.
        fine(unsafe { runtime::objects::dict::instance::visit_managed_dict(o.as_ptr(), visit, arg) })
    }
    fn PyObject_ClearManagedDict(o: &Object) {
        if o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
            runtime::objects::dict::instance::set_managed_dict(o, None)?;
        }
        Ok(())
    }
    fn _PyObject_SetManagedDict(o: &Object, dict: Option<&Object>) -> c_int {
        runtime::objects::dict::instance::set_managed_dict(o, dict.and_then(|d| d.downcast::<Dict>()))
    }
    fn _PyObject_GenericGetAttrWithDict(o: &Object, name: &Object, dict: Option<&Object>, suppress: c_int) -> *mut abi::PyObject {
        let name = crate::object::attr_name(name)?;
        let found = match dict.and_then(|d| d.downcast::<Dict>()) {
            None => o.generic_getattr(name).map(Some),
            Some(d) => match o.ty().lookup(name) {
                Some(v) if runtime::objects::descr::is_data_descr(&v) => o.generic_getattr(name).map(Some),
                _ => match d.get_str(name)? {
                    Some(v) => Ok(Some(v)),
                    None => o.generic_getattr(name).map(Some),
                },
            },
        };
        match found {
            Err(e) if suppress != 0 && e.matches(exc::AttributeError()) => {
                e.clear();
                Ok(None)
            }
            other => other,
        }
    }
    fn _PyObject_GenericSetAttrWithDict(o: &Object, name: &Object, value: Option<&Object>, dict: Option<&Object>) -> c_int {
        let name = crate::object::attr_name(name)?;
        let Some(d) = dict.and_then(|d| d.downcast::<Dict>()) else { return o.generic_setattr(name, value) };
        if o.ty().lookup(name).is_some_and(|v| runtime::objects::descr::is_data_descr(&v)) {
            return o.generic_setattr(name, value);
        }
        match value {
            Some(v) => d.set(name, v),
            None => match d.del(name)? {
                true => Ok(()),
                false => Err(runtime::protocol::attr::no_attribute(o, name)),
            },
        }
    }
    fn PyObject_GenericHash(o: &Object) -> isize {
        fine(runtime::pyhash::hash_pointer(o.as_ptr()))
    }
    fn PyDescr_IsData(o: &Object) -> c_int {
        fine(runtime::objects::descr::is_data_descr(o))
    }
    fn Py_GenericAlias(origin: &Object, args: &Object) -> *mut abi::PyObject {
        runtime::objects::genericalias::new(origin, args)
    }
}

fn align(n: isize) -> isize {
    (n + 15) & !15
}
