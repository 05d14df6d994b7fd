//! `type.__new__`: making a class from its name, bases and namespace.

use super::bases::{best_base, calculate_metaclass};
use super::cabi::{obj, of};
use super::{Type, alloc, attrs, descr_set, object_type, ready, subtype, type_type, update};
use crate::objects::funcobject_static::{new_classmethod, new_staticmethod};
use crate::objects::{Cell, descr};
use crate::prelude::*;
use crate::protocol::own;
use abi::{PyObject, PyTypeObject};
use core::ptr::null_mut;

type P = *mut PyObject;

/// `tp_new` of `type`.
pub unsafe extern "C" fn type_new(meta: *mut PyTypeObject, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            let [name, bases, ns] = a.as_slice() else {
                return Err(raise!(TypeError, "type.__new__() takes exactly 3 arguments ({} given)", a.len()));
            };
            let bad = |i: usize, want: &str, got: &Object| {
                raise!(TypeError, "type.__new__() argument {} must be {}, not {}", i, want, got.ty().tp_name())
            };
            let Some(name) = name.downcast::<Str>() else { return Err(bad(1, "str", name)) };
            let Some(bases) = bases.downcast::<Tuple>() else { return Err(bad(2, "tuple", bases)) };
            let Some(ns) = ns.downcast::<Dict>() else { return Err(bad(3, "dict", ns)) };
            make(Type::from_ptr(meta), name, bases, ns, a, kw.cast::<Dict>().as_ref())
        }
    })
}

/// What `__slots__` and the bases say about the instances.
struct Layout {
    slots: Option<Ref<Tuple>>,
    add_dict: bool,
    add_weak: bool,
}

fn make(meta: &Type, name: &Str, bases: &Tuple, orig: &Dict, args: &Tuple, kw: Option<&Dict>) -> PyResult<PyRef> {
    let owned_bases;
    let meta_ref;
    let (bases, base): (&Tuple, Ref<Type>) = if bases.is_empty() {
        owned_bases = Tuple::from_slice(&[object_type()])?;
        meta_ref = Ref::new_ref(meta);
        (&owned_bases, Ref::new_ref(object_type()))
    } else {
        for b in bases.iter() {
            if b.downcast::<Type>().is_none() && b.getattr_opt(intern!("__mro_entries__"))?.is_some() {
                return Err(raise!(TypeError, "type() doesn't support MRO entry resolution; use types.new_class()"));
            }
        }
        let w = calculate_metaclass(meta, bases)?;
        if !w.ptr_eq(meta) {
            if let Some(f) = w.slots().tp_new {
                if !core::ptr::fn_addr_eq(f, type_new as unsafe extern "C" fn(*mut PyTypeObject, P, P) -> P) {
                    // SAFETY: the winner's own tp_new.
                    return unsafe { own(f((*w).as_raw(), args.as_ptr(), kw.map_or(null_mut(), |k| k.as_ptr()))) };
                }
            } else {
                return Err(raise!(TypeError, "cannot create '{}' instances", w.tp_name()));
            }
        }
        meta_ref = w;
        (bases, best_base(bases)?)
    };
    // A subclass with an order of its own is read through its methods
    let plain =
        orig.ty().slots().tp_iter.map(|f| f as usize) == Dict::type_object().slots().tp_iter.map(|f| f as usize);
    let dict = if plain {
        orig.copy()?
    } else {
        let d = Dict::new()?;
        d.update(&**orig)?;
        d
    };
    let layout = plan(name, bases, &base, &dict)?;
    let ty = allocate(&meta_ref, name, bases, &base, dict, &layout)?;
    set_attributes(&ty, &layout, &base)?;
    // SAFETY: a filled heap type that nobody else sees yet.
    unsafe { ready::ready((*ty).as_raw())? };
    add_layout_getsets(&ty, &layout)?;
    for k in ty.dict().keys_snapshot() {
        if k.downcast::<Str>().is_none() {
            crate::error::warn(
                exc::RuntimeWarning(),
                &format!("non-string key in the __dict__ of class {}", ty.name_str()),
                1,
            )?;
            break;
        }
    }
    update::fixup(&ty)?;
    inline_values(&ty);
    set_names(&ty)?;
    init_subclass(&ty, kw)?;
    Ok(ty.upcast())
}

fn plan(name: &Str, bases: &Tuple, base: &Type, dict: &Dict) -> PyResult<Layout> {
    let b = base.slots();
    let may_dict = b.tp_dictoffset == 0;
    let may_weak = b.tp_weaklistoffset == 0 && b.tp_itemsize == 0;
    let Some(raw) = dict.get_str(intern!("__slots__"))? else {
        return Ok(Layout { slots: None, add_dict: may_dict, add_weak: may_weak });
    };
    let items: Vec<PyRef> = match raw.downcast::<Str>() {
        Some(s) => vec![s.to_ref()],
        None => raw.to_tuple()?.iter().map(Object::to_ref).collect(),
    };
    if !items.is_empty() && b.tp_itemsize != 0 {
        return Err(raise!(TypeError, "nonempty __slots__ not supported for subtype of '{}'", base.tp_name()));
    }
    let (mut add_dict, mut add_weak) = (false, false);
    let mut out: Vec<Ref<Str>> = Vec::new();
    for s in &items {
        let Some(s) = s.downcast::<Str>() else {
            return Err(raise!(TypeError, "__slots__ items must be strings, not '{}'", s.ty().tp_name()));
        };
        if !is_identifier(s)? {
            return Err(raise!(TypeError, "__slots__ must be identifiers"));
        }
        if s.eq_str("__dict__") {
            if !may_dict || add_dict {
                return Err(raise!(TypeError, "__dict__ slot disallowed: we already got one"));
            }
            add_dict = true;
            continue;
        }
        if s.eq_str("__weakref__") {
            if !may_weak || add_weak {
                return Err(raise!(TypeError, "__weakref__ slot disallowed: we already got one"));
            }
            add_weak = true;
            continue;
        }
        let m = mangle(name, s)?;
        let special = m.eq_str("__qualname__") || m.eq_str("__classcell__") || m.eq_str("__classdictcell__");
        if !special && dict.get_str(&m)?.is_some() {
            return Err(raise!(
                ValueError,
                "{} in __slots__ conflicts with class variable",
                m.repr()?.to_string_lossy()
            ));
        }
        out.push(Str::intern_ref(m));
    }
    let l = List::from_vec(out.into_iter().map(Ref::upcast).collect())?;
    l.sort(None, false)?;
    let slots = l.to_tuple_exact()?;
    // A secondary base may bring a dict or weak references that the layout base lacks.
    if bases.len() > 1 && ((may_dict && !add_dict) || (may_weak && !add_weak)) {
        for x in bases.iter() {
            let Some(x) = x.downcast::<Type>() else { continue };
            if x.ptr_eq(base) {
                continue;
            }
            add_dict |= may_dict && x.slots().tp_dictoffset != 0;
            add_weak |= may_weak && x.slots().tp_weaklistoffset != 0;
        }
    }
    Ok(Layout { slots: Some(slots), add_dict, add_weak })
}

fn is_identifier(s: &Str) -> PyResult<bool> {
    if let Some(a) = s.as_ascii() {
        let mut it = a.bytes();
        return Ok(it.next().is_some_and(|c| c == b'_' || c.is_ascii_alphabetic())
            && it.all(|c| c == b'_' || c.is_ascii_alphanumeric()));
    }
    s.call_method(intern!("isidentifier"), &[])?.is_true()
}

/// `__name` inside class `_C` is `_C__name`.
pub fn mangle(class: &Str, name: &Str) -> PyResult<Ref<Str>> {
    let n = name.to_string_lossy();
    if !n.starts_with("__") || n.ends_with("__") || n.contains('.') {
        return name.to_exact();
    }
    let c = class.to_string_lossy();
    let c = c.trim_start_matches('_');
    if c.is_empty() {
        return name.to_exact();
    }
    Str::new(&format!("_{c}{n}"))
}

fn allocate(meta: &Type, name: &Str, bases: &Tuple, base: &Type, dict: Ref<Dict>, l: &Layout) -> PyResult<Ref<Type>> {
    let n = l.slots.as_ref().map_or(0, |s| s.len());
    let p = meta.alloc(n)?;
    // SAFETY: a new type object; field by field.
    unsafe {
        let ty: Ref<Type> = Ref::from_raw(p.cast());
        crate::mem::gc::untrack(&ty);
        let raw = ty.as_raw().cast::<PyTypeObject>();
        let h = p.cast::<abi::PyHeapTypeObject>();
        let b = base.slots();
        (*raw).tp_flags = abi::Py_TPFLAGS_HEAPTYPE | abi::Py_TPFLAGS_BASETYPE | abi::Py_TPFLAGS_HAVE_GC;
        (*raw).tp_as_async = &raw mut (*h).as_async;
        (*raw).tp_as_number = &raw mut (*h).as_number;
        (*raw).tp_as_sequence = &raw mut (*h).as_sequence;
        (*raw).tp_as_mapping = &raw mut (*h).as_mapping;
        (*raw).tp_as_buffer = &raw mut (*h).as_buffer;
        (*raw).tp_base = Ref::new_ref(base).into_ptr().cast();
        (*raw).tp_bases = Ref::new_ref(bases).into_ptr();
        (*raw).tp_dict = dict.into_ptr();
        attrs::set_heap_name(&ty, &*name.to_exact()?)?;
        (*h).ht_qualname = name.to_exact()?.into_ptr();
        (*raw).tp_basicsize = b.tp_basicsize;
        (*raw).tp_itemsize = b.tp_itemsize;
        (*raw).tp_weaklistoffset = b.tp_weaklistoffset;
        (*raw).tp_dictoffset = b.tp_dictoffset;
        (*raw).tp_dealloc = Some(subtype::subtype_dealloc);
        (*raw).tp_traverse = Some(subtype::subtype_traverse);
        (*raw).tp_clear = Some(subtype::subtype_clear);
        (*raw).tp_alloc = Some(alloc::PyType_GenericAlloc);
        (*raw).tp_free = Some(crate::mem::gc::PyObject_GC_Del);
        (*raw).tp_vectorcall = Some(super::instantiate::class_vectorcall);
        crate::mem::gc::track(&ty);
        crate::mem::threadcount::enable_type(&ty);
        Ok(ty)
    }
}

fn set_attributes(ty: &Type, l: &Layout, base: &Type) -> PyResult<()> {
    let d = ty.dict();
    let raw = ty.as_raw();
    // Module, qualname, doc.
    if d.get_str(intern!("__module__"))?.is_none() {
        if let Some(g) = crate::interp::current_globals() {
            if let Some(m) = g.get_str(intern!("__name__"))? {
                d.set(intern!("__module__"), &m)?;
            }
        }
    }
    if let Some(q) = d.get_str(intern!("__qualname__"))? {
        if q.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "type __qualname__ must be a str, not {}", q.ty().tp_name()));
        }
        d.del(intern!("__qualname__"))?;
        // SAFETY: a heap type.
        unsafe { super::cabi::set_field(&raw mut (*ty.heap()).ht_qualname, Some(q)) };
    }
    if let Some(doc) = d.get_str(intern!("__doc__"))? {
        if let Some(s) = doc.downcast::<Str>() {
            let bytes = std::ffi::CString::new(s.to_str()?.split('\0').next().unwrap_or("")).unwrap_or_default();
            // SAFETY: a heap type owns its doc.
            unsafe { (*raw).tp_doc = super::cabi::doc_copy(&bytes) };
        }
    }
    let is_func = |f: &Object| f.ty().ptr_eq(crate::objects::Function::type_object());
    if let Some(f) = d.get_str(intern!("__new__"))? {
        if is_func(&f) {
            d.set(intern!("__new__"), &*new_staticmethod(&f)?)?;
        }
    }
    for n in [intern!("__init_subclass__"), intern!("__class_getitem__")] {
        if let Some(f) = d.get_str(n)? {
            if is_func(&f) {
                d.set(n, &*new_classmethod(&f)?)?;
            }
        }
    }
    // Slots become members behind the base's fields.
    if let Some(slots) = &l.slots {
        // SAFETY: a new heap type with room for its members.
        unsafe {
            let (m, n) = subtype::slot_members(raw);
            let mut off = base.slots().tp_basicsize;
            for (i, s) in slots.iter().enumerate().take(n) {
                let s = s.cast::<Str>();
                let c =
                    std::ffi::CString::new(s.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))?;
                *m.add(i) = abi::PyMemberDef {
                    name: c.into_raw(),
                    type_: abi::Py_T_OBJECT_EX,
                    offset: off,
                    flags: 0,
                    doc: null_mut(),
                };
                off += size_of::<P>() as isize;
            }
            (*raw).tp_basicsize = off;
            (*ty.heap()).ht_slots = slots.clone().into_ptr();
        }
    }
    // SAFETY: a new heap type.
    unsafe {
        if l.add_dict {
            (*raw).tp_flags |= abi::Py_TPFLAGS_MANAGED_DICT;
            (*raw).tp_dictoffset = -1;
        }
        if l.add_weak {
            (*raw).tp_flags |= abi::Py_TPFLAGS_MANAGED_WEAKREF;
            (*raw).tp_weaklistoffset = crate::objects::dict::instance::MANAGED_WEAKREF_OFFSET;
        }
    }
    if let Some(c) = d.get_str(intern!("__classcell__"))? {
        let Some(cell) = c.downcast::<Cell>() else {
            return Err(raise!(
                TypeError,
                "__classcell__ must be a nonlocal cell, not {}",
                c.ty().repr()?.to_string_lossy()
            ));
        };
        drop(cell.replace(Some(ty.to_ref())));
        d.del(intern!("__classcell__"))?;
    }
    if let Some(c) = d.get_str(intern!("__classdictcell__"))? {
        let Some(cell) = c.downcast::<Cell>() else {
            return Err(raise!(
                TypeError,
                "__classdictcell__ must be a nonlocal cell, not {}",
                c.ty().repr()?.to_string_lossy()
            ));
        };
        drop(cell.replace(Some(d.to_ref())));
        d.del(intern!("__classdictcell__"))?;
    }
    if l.slots.is_some() {
        // SAFETY: the members were filled above.
        unsafe {
            let (m, n) = subtype::slot_members(raw);
            for i in 0..n {
                let name = Str::intern(&super::cabi::text((*m.add(i)).name));
                d.set(name, &*descr::new_member(ty, m.add(i))?)?;
            }
        }
    }
    Ok(())
}

fn add_layout_getsets(ty: &Type, l: &Layout) -> PyResult<()> {
    // SAFETY: the tables are static.
    unsafe {
        if l.add_dict {
            ty.dict().setdefault(intern!("__dict__"), &*descr::new_getset(ty, descr_set::dict_def())?)?;
        }
        if l.add_weak {
            ty.dict().setdefault(intern!("__weakref__"), &*descr::new_getset(ty, descr_set::weak_def())?)?;
        }
    }
    Ok(())
}

/// Names that the methods of the class and of its bases assign on `self`, as the compiler saw them.
fn attribute_count(ty: &Type) -> usize {
    let mut n = 0;
    let mut b = Some(ty);
    while let Some(t) = b.filter(|t| t.is_heap_type()) {
        match t.dict().get_str(intern!("__static_attributes__")) {
            Ok(Some(v)) => n += v.downcast::<Tuple>().map_or(0, |t| t.len()),
            Ok(None) => {}
            Err(e) => e.clear(),
        }
        b = t.base();
    }
    n
}

/// Plain instances keep their first attributes inside the object.
fn inline_values(ty: &Type) {
    let s = ty.slots();
    let plain = s.tp_basicsize as usize == size_of::<PyObject>()
        && s.tp_itemsize == 0
        && s.tp_alloc.is_some_and(|f| {
            core::ptr::fn_addr_eq(f, alloc::PyType_GenericAlloc as unsafe extern "C" fn(*mut PyTypeObject, isize) -> P)
        })
        && ty.has_feature(abi::Py_TPFLAGS_MANAGED_DICT);
    // A native `tp_new` other than `object`'s may allocate on its own.
    let native_ok = {
        let mut b = Some(ty);
        let mut ok = true;
        while let Some(t) = b {
            if !t.is_heap_type() && !t.ptr_eq(object_type()) {
                ok = false;
            }
            b = t.base();
        }
        ok
    };
    if plain && native_ok {
        let keys = crate::objects::dict::instance::new_shared_keys_for(attribute_count(ty) + 2);
        if !keys.is_null() {
            // SAFETY: a new heap type.
            unsafe {
                (*ty.heap()).ht_cached_keys = keys.cast();
                (*ty.as_raw()).tp_flags |= abi::Py_TPFLAGS_INLINE_VALUES;
            }
        }
    }
}

fn set_names(ty: &Type) -> PyResult<()> {
    let n = intern!("__set_name__");
    for (k, v) in ty.dict().items_snapshot() {
        let Some(f) = v.lookup_special(n)? else { continue };
        if let Err(e) = f.call(&[ty, &k]) {
            let exc_ = e.take();
            let note = Str::new(&format!(
                "Error calling __set_name__ on '{}' instance {} in '{}'",
                v.ty().tp_name(),
                k.repr()?.to_string_lossy(),
                ty.tp_name()
            ))?;
            match exc_.call_method(intern!("add_note"), &[&note]) {
                Ok(_) => {}
                Err(e) => e.clear(),
            }
            return Err(crate::error::restore(exc_));
        }
    }
    Ok(())
}

fn init_subclass(ty: &Type, kw: Option<&Dict>) -> PyResult<()> {
    let f = crate::objects::superobject::lookup(ty, ty, ty, intern!("__init_subclass__"))?;
    match f {
        Some(f) => crate::protocol::call::call_positional_dict(&f, &[], kw).map(drop),
        // A custom MRO may put nothing after the class.
        None => Ok(()),
    }
}

/// `type(name, bases, namespace)` from Rust.
pub fn new_class(name: &str, bases: &[&Object], ns: &Dict) -> PyResult<Ref<Type>> {
    let b = Tuple::from_slice(bases)?;
    let r = type_type().call(&[&*Str::new(name)?, &b, ns])?;
    r.downcast_into::<Type>().map_err(|_| raise!(TypeError, "not a type"))
}
