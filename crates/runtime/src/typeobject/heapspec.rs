//! Heap types from descriptions: `PyType_FromMetaclass` for C's `PyType_Spec`, `from_spec` for our `TypeSpec`.

use super::cabi::text;
use super::spec::{slot_field, slot_place};
use super::{Type, TypeSpec, attrs, bases, object_type, ready, subtype, type_type};
use crate::objects::descr;
use crate::prelude::*;
use abi::{PyObject, PyTypeObject};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null_mut;

/// What a heap type is made from.
struct Parts<'a> {
    name: &'a CStr,
    basicsize: isize,
    itemsize: isize,
    flags: u64,
    slots: Vec<(c_int, *mut c_void)>,
}

/// `PyType_FromMetaclass`.
///
/// # Safety
/// `spec` is a valid `PyType_Spec`.
pub unsafe fn from_metaclass(
    meta: Option<&Type>,
    module: Option<&Object>,
    spec: *mut abi::PyType_Spec,
    bases: Option<&Object>,
) -> PyResult<Ref<Type>> {
    // SAFETY: the caller's promise.
    unsafe {
        let s = &*spec;
        if s.name.is_null() {
            return Err(raise!(SystemError, "Type spec does not define the name field."));
        }
        let mut slots = Vec::new();
        let mut p = s.slots;
        while !p.is_null() && (*p).slot != 0 {
            slots.push(((*p).slot, (*p).pfunc));
            p = p.add(1);
        }
        build(
            meta,
            module,
            bases,
            Parts {
                name: CStr::from_ptr(s.name),
                basicsize: s.basicsize as isize,
                itemsize: s.itemsize as isize,
                flags: s.flags as u64,
                slots,
            },
            spec.cast(),
        )
    }
}

/// A heap type from a static description, belonging to a module.
pub fn from_spec(spec: &'static TypeSpec, module: Option<&Object>, bases: Option<&Tuple>) -> PyResult<Ref<Type>> {
    let mut slots: Vec<(c_int, *mut c_void)> = spec.slots.iter().map(|s| (s.0, s.1.cast_mut().cast())).collect();
    if let Some(d) = spec.doc {
        slots.push((abi::Py_tp_doc, d.as_ptr().cast_mut().cast()));
    }
    for (id, p) in [
        (abi::Py_tp_methods, spec.methods.as_ptr().cast::<c_void>()),
        (abi::Py_tp_getset, spec.getset.as_ptr().cast()),
        (abi::Py_tp_members, spec.members.as_ptr().cast()),
    ] {
        let empty = match id {
            abi::Py_tp_methods => spec.methods.is_empty(),
            abi::Py_tp_getset => spec.getset.is_empty(),
            _ => spec.members.is_empty(),
        };
        if !empty {
            slots.push((id, p.cast_mut()));
        }
    }
    let mut flags = spec.flags & !abi::_Py_TPFLAGS_STATIC_BUILTIN;
    if spec.dictoffset == -1 {
        flags |= abi::Py_TPFLAGS_MANAGED_DICT;
    }
    if spec.weaklistoffset == -1 {
        flags |= abi::Py_TPFLAGS_MANAGED_WEAKREF;
    }
    let base_tuple;
    let bases: Option<&Object> = match (bases, spec.base) {
        (Some(b), _) => Some(b),
        (None, Some(b)) => {
            base_tuple = Tuple::from_slice(&[b()])?;
            Some(&base_tuple)
        }
        _ => None,
    };
    // SAFETY: the description's tables are static and well-formed.
    let t = unsafe {
        build(
            None,
            module,
            bases,
            Parts {
                name: spec.name,
                basicsize: spec.basicsize as isize,
                itemsize: spec.itemsize as isize,
                flags,
                slots,
            },
            (&raw const *spec).cast_mut().cast(),
        )?
    };
    // SAFETY: a new heap type.
    unsafe {
        let raw = (*t).as_raw();
        if spec.dictoffset > 0 {
            (*raw).tp_dictoffset = spec.dictoffset;
        }
        if spec.weaklistoffset > 0 {
            (*raw).tp_weaklistoffset = spec.weaklistoffset;
        }
        if spec.vectorcalloffset > 0 {
            (*raw).tp_vectorcall_offset = spec.vectorcalloffset;
            (*raw).tp_flags |= abi::Py_TPFLAGS_HAVE_VECTORCALL;
        }
    }
    Ok(t)
}

unsafe fn build(
    meta: Option<&Type>,
    module: Option<&Object>,
    bases_in: Option<&Object>,
    p: Parts<'_>,
    default_token: *mut c_void,
) -> PyResult<Ref<Type>> {
    // SAFETY: slots as the C API says.
    unsafe {
        let full = text(p.name.as_ptr()).into_owned();
        for (id, name) in
            [(abi::Py_tp_members, "Py_tp_members"), (abi::Py_tp_doc, "Py_tp_doc"), (abi::Py_tp_token, "Py_tp_token")]
        {
            if p.slots.iter().filter(|s| s.0 == id).count() > 1 {
                return Err(raise!(SystemError, "Multiple {} slots are not supported.", name));
            }
        }
        let find = |id: c_int| p.slots.iter().find(|s| s.0 == id).map(|s| s.1);
        // Bases: the argument, `Py_tp_bases`, `Py_tp_base`, `object`.
        let bases: Ref<Tuple> = match bases_in {
            Some(b) => match b.downcast::<Tuple>() {
                Some(t) => Ref::new_ref(t),
                None => Tuple::from_slice(&[b])?,
            },
            None => match (find(abi::Py_tp_bases), find(abi::Py_tp_base)) {
                (Some(b), _) if !b.is_null() => {
                    let b = Object::from_ptr(b.cast());
                    match b.downcast::<Tuple>() {
                        Some(t) => Ref::new_ref(t),
                        None => return Err(raise!(SystemError, "Py_tp_bases is not a tuple")),
                    }
                }
                (_, Some(b)) if !b.is_null() => Tuple::from_slice(&[Object::from_ptr(b.cast())])?,
                _ => Tuple::from_slice(&[object_type()])?,
            },
        };
        let base = bases::best_base(&bases)?;
        if p.flags & abi::Py_TPFLAGS_IMMUTABLETYPE != 0 {
            for b in bases.iter() {
                if let Some(t) = b.downcast::<Type>() {
                    if !t.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE) {
                        return Err(raise!(
                            TypeError,
                            "Creating immutable type {} from mutable base {}",
                            full,
                            t.tp_name()
                        ));
                    }
                }
            }
        }
        let meta = bases::calculate_metaclass(meta.unwrap_or(type_type()), &bases)?;
        if meta.slots().tp_new.is_some_and(|f| {
            !core::ptr::fn_addr_eq(
                f,
                super::new::type_new
                    as unsafe extern "C" fn(*mut PyTypeObject, *mut PyObject, *mut PyObject) -> *mut PyObject,
            )
        }) {
            return Err(raise!(TypeError, "Metaclasses with custom tp_new are not supported."));
        }
        // Sizes: 0 inherits, negative extends.
        let bs = base.slots();
        let align = |n: isize| (n + 15) & !15;
        let (basicsize, data_offset) = match p.basicsize {
            0 => (bs.tp_basicsize, bs.tp_basicsize),
            n if n < 0 => {
                let at_end = (p.flags | base.flags()) & abi::Py_TPFLAGS_ITEMS_AT_END;
                if bs.tp_itemsize != 0 && at_end == 0 {
                    return Err(raise!(
                        SystemError,
                        "Cannot extend variable-size class without Py_TPFLAGS_ITEMS_AT_END."
                    ));
                }
                let off = align(bs.tp_basicsize);
                (align(off - n), off)
            }
            n => (n, bs.tp_basicsize),
        };
        let itemsize = if p.itemsize == 0 { bs.tp_itemsize } else { p.itemsize };
        // Members.
        let members: *mut abi::PyMemberDef = find(abi::Py_tp_members).unwrap_or(null_mut()).cast();
        let mut n = 0;
        while !members.is_null() && !(*members.add(n)).name.is_null() {
            check_member(&*members.add(n), p.basicsize)?;
            n += 1;
        }
        if p.basicsize > 0 && p.basicsize < bs.tp_basicsize {
            return Err(raise!(
                TypeError,
                "tp_basicsize for type '{}' ({}) is too small for base '{}' ({})",
                full,
                basicsize,
                base.tp_name(),
                bs.tp_basicsize
            ));
        }
        let obj = meta.alloc(n)?;
        let ty: Ref<Type> = Ref::from_raw(obj.cast());
        crate::mem::gc::untrack(&ty);
        let raw: *mut PyTypeObject = obj.cast();
        let h: *mut abi::PyHeapTypeObject = obj.cast();
        (*raw).tp_flags = p.flags | abi::Py_TPFLAGS_HEAPTYPE;
        (*raw).tp_as_async = &raw mut (*h).as_async;
        (*raw).tp_as_number = &raw mut (*h).as_number;
        (*raw).tp_as_sequence = &raw mut (*h).as_sequence;
        (*raw).tp_as_mapping = &raw mut (*h).as_mapping;
        (*raw).tp_as_buffer = &raw mut (*h).as_buffer;
        (*raw).tp_base = base.clone().into_ptr().cast();
        (*raw).tp_bases = bases.clone().into_ptr();
        (*raw).tp_basicsize = basicsize;
        (*raw).tp_itemsize = itemsize;
        let short = full.rsplit('.').next().unwrap_or(&full).to_owned();
        let name = Str::intern(&short);
        let dup = libc::strdup(p.name.as_ptr());
        (*raw).tp_name = dup;
        (*h)._ht_tpname = dup;
        (*h).ht_name = name.to_ref().into_ptr();
        (*h).ht_qualname = name.to_ref().into_ptr();
        if let Some(m) = module {
            (*h).ht_module = m.to_ref().into_ptr();
        }
        let (dst, _) = subtype::slot_members(raw);
        for i in 0..n {
            *dst.add(i) = core::ptr::read(members.add(i));
            let m = &mut *dst.add(i);
            if m.flags & abi::Py_RELATIVE_OFFSET != 0 {
                m.flags &= !abi::Py_RELATIVE_OFFSET;
                m.offset += data_offset;
            }
            match text(m.name).as_ref() {
                "__weaklistoffset__" => (*raw).tp_weaklistoffset = m.offset,
                "__dictoffset__" => (*raw).tp_dictoffset = m.offset,
                "__vectorcalloffset__" => {
                    (*raw).tp_vectorcall_offset = m.offset;
                }
                _ => {}
            }
        }
        // Slots.
        let mut token: *mut c_void = null_mut();
        for (id, f) in &p.slots {
            match *id {
                abi::Py_tp_base | abi::Py_tp_bases | abi::Py_tp_members => {}
                abi::Py_tp_doc => {
                    if !f.is_null() {
                        (*raw).tp_doc = super::cabi::doc_copy(CStr::from_ptr((*f).cast::<c_char>()));
                    }
                }
                abi::Py_tp_token => token = if f.is_null() { default_token } else { *f },
                id => match slot_place(id) {
                    Some((g, off)) => *slot_field(raw, g, off, true) = *f,
                    None => return Err(raise!(RuntimeError, "invalid slot offset")),
                },
            }
        }
        (*h).ht_token = token;
        if (*raw).tp_dealloc.is_none() {
            (*raw).tp_dealloc = Some(subtype::subtype_dealloc);
        }
        if (*raw).tp_vectorcall_offset > 0 && (*raw).tp_call.is_none() {
            (*raw).tp_call = Some(crate::protocol::call::PyVectorcall_Call);
        }
        if p.flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            (*raw).tp_dictoffset = -1;
        }
        if p.flags & abi::Py_TPFLAGS_HAVE_GC != 0 && (*raw).tp_traverse.is_none() {
            (*raw).tp_traverse = Some(subtype::subtype_traverse);
            if (*raw).tp_clear.is_none() {
                (*raw).tp_clear = Some(subtype::subtype_clear);
            }
        }
        (*raw).tp_dict = Dict::new()?.into_ptr();
        ready::ready(raw)?;
        if n > 0 {
            (*raw).tp_members = dst;
        }
        let d = ty.dict();
        for i in 0..n {
            let m = dst.add(i);
            let nm = text((*m).name);
            if matches!(nm.as_ref(), "__weaklistoffset__" | "__dictoffset__" | "__vectorcalloffset__") {
                continue;
            }
            d.setdefault(Str::intern(&nm), &*descr::new_member(&ty, m)?)?;
        }
        if d.get_str(intern!("__module__"))?.is_none() {
            match full.rsplit_once('.') {
                Some((m, _)) => d.set(intern!("__module__"), Str::intern(m))?,
                None => {
                    let _ = crate::error::warn(
                        exc::DeprecationWarning(),
                        &format!("builtin type {full} has no __module__ attribute"),
                        1,
                    )?;
                }
            }
        }
        if d.get_str(intern!("__doc__"))?.is_none() {
            d.set(intern!("__doc__"), none())?;
        }
        crate::mem::gc::track(&ty);
        crate::mem::threadcount::enable_type(&ty);
        Ok(ty)
    }
}

/// What a member's description must keep to.
fn check_member(m: &abi::PyMemberDef, basicsize: isize) -> PyResult<()> {
    if m.flags & abi::Py_RELATIVE_OFFSET != 0 {
        if basicsize >= 0 {
            return Err(raise!(SystemError, "With Py_RELATIVE_OFFSET, basicsize must be negative."));
        }
        if m.offset < 0 || m.offset >= -basicsize {
            return Err(raise!(SystemError, "Member offset out of range (0..-basicsize)"));
        }
    }
    // SAFETY: a member has a terminated name.
    let name = unsafe { text(m.name) };
    if matches!(name.as_ref(), "__weaklistoffset__" | "__dictoffset__" | "__vectorcalloffset__") {
        if m.type_ != abi::Py_T_PYSSIZET {
            return Err(raise!(SystemError, "type of {} must be Py_T_PYSSIZET", name));
        }
        if m.flags & !abi::Py_RELATIVE_OFFSET != abi::Py_READONLY {
            return Err(raise!(
                SystemError,
                "flags for {} must be Py_READONLY or (Py_READONLY | Py_RELATIVE_OFFSET)",
                name
            ));
        }
    }
    Ok(())
}

/// The module a heap type was made for.
pub fn module_of(ty: &Type) -> Option<&Object> {
    if !ty.is_heap_type() {
        return None;
    }
    // SAFETY: a heap type keeps its module.
    unsafe { Object::from_ptr_opt((*ty.heap()).ht_module) }
}

/// `PyType_GetModuleByDef`: the first module in the MRO made from `def`.
pub fn module_by_def(ty: &Type, def: *const abi::PyModuleDef) -> PyResult<PyRef> {
    for b in ty.mro().iter() {
        // SAFETY: items of an MRO are types.
        if let Some(m) = module_of(unsafe { b.cast::<Type>() }) {
            if m.downcast::<Module>().is_some_and(|m| core::ptr::eq(m.md_def, def)) {
                return Ok(m.to_ref());
            }
        }
    }
    Err(raise!(TypeError, "PyType_GetModuleByDef: No superclass of '{}' has the given module", ty.tp_name()))
}

/// `PyType_GetBaseByToken`.
pub fn base_by_token(ty: &Type, token: *const c_void) -> Option<Ref<Type>> {
    if ty.slots().tp_mro.is_null() {
        // A type that is being made: depth first through the bases.
        // SAFETY: a heap type.
        if ty.is_heap_type() && core::ptr::eq(unsafe { (*ty.heap()).ht_token }, token) {
            return Some(Ref::new_ref(ty));
        }
        // SAFETY: items of the bases are types.
        return ty.bases().iter().find_map(|b| base_by_token(unsafe { b.cast::<Type>() }, token));
    }
    ty.mro().iter().find_map(|b| {
        // SAFETY: items of an MRO are types.
        let b = unsafe { b.cast::<Type>() };
        // SAFETY: a heap type.
        (b.is_heap_type() && core::ptr::eq(unsafe { (*b.heap()).ht_token }, token)).then(|| Ref::new_ref(b))
    })
}

/// `PyType_Freeze`.
pub fn freeze(ty: &Type) -> PyResult<()> {
    for b in ty.mro().iter().skip(1) {
        // SAFETY: items of an MRO are types.
        let b = unsafe { b.cast::<Type>() };
        if !b.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE) {
            return Err(raise!(
                TypeError,
                "Creating immutable type {} from mutable base {}",
                ty.tp_name(),
                b.tp_name()
            ));
        }
    }
    attrs::set_flag(ty, abi::Py_TPFLAGS_IMMUTABLETYPE, true);
    ty.modified();
    Ok(())
}

/// `PyType_GetSlot`.
pub fn get_slot(ty: &Type, id: c_int) -> PyResult<*mut c_void> {
    if id == abi::Py_tp_token {
        // SAFETY: a heap type has the field.
        return Ok(if ty.is_heap_type() { unsafe { (*ty.heap()).ht_token } } else { null_mut() });
    }
    let Some((g, off)) = slot_place(id) else {
        return Err(raise!(SystemError, "bad argument to internal function"));
    };
    // SAFETY: a live type.
    unsafe {
        let f = slot_field(ty.as_raw(), g, off, false);
        Ok(if f.is_null() { null_mut() } else { *f })
    }
}
