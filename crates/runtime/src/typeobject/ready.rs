//! `PyType_Ready`: completing a type object — bases, MRO, dict, inherited slots — for static, heap and extension types.

use super::cabi::text;
use super::slotdefs::SLOTS;
use super::spec::{Group, slot_field};
use super::{Type, alloc, dispatch, mro, object_type, type_type};
use crate::objects::descr;
use crate::prelude::*;
use abi::PyTypeObject;
use core::ffi::c_void;
use core::ptr::{self, null_mut};
use core::sync::atomic::Ordering::Relaxed;

type T = *mut PyTypeObject;

fn addr(f: Option<*const ()>) -> *const () {
    f.unwrap_or(ptr::null())
}

/// Completes a type object. Idempotent.
///
/// # Safety
/// `t` is a filled type object that no other thread touches yet.
pub unsafe fn ready(t: T) -> PyResult<()> {
    // SAFETY: the caller's promise; field by field.
    unsafe {
        let ty = Type::from_ptr(t);
        if (*t).tp_flags & abi::Py_TPFLAGS_READY != 0 {
            return Ok(());
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_READYING != 0 {
            return Ok(());
        }
        if (*t).tp_name.is_null() {
            return Err(raise!(SystemError, "Type does not define the tp_name field."));
        }
        // A type that speaks vectorcall is called through it, unless it says otherwise.
        if (*t).tp_vectorcall_offset != 0
            && (*t).tp_call.is_none()
            && (*t).tp_flags & abi::Py_TPFLAGS_HAVE_VECTORCALL != 0
        {
            (*t).tp_call = Some(crate::protocol::call::PyVectorcall_Call);
        }
        (*t).tp_flags |= abi::Py_TPFLAGS_READYING;
        let r = ready_inner(t, ty);
        (*t).tp_flags &= !abi::Py_TPFLAGS_READYING;
        r?;
        (*t).tp_flags |= abi::Py_TPFLAGS_READY;
        Ok(())
    }
}

unsafe fn ready_inner(t: T, ty: &Type) -> PyResult<()> {
    // SAFETY: as `ready`.
    unsafe {
        let name = text((*t).tp_name);
        if !ty.is_heap_type() {
            (*t).tp_flags |= abi::Py_TPFLAGS_IMMUTABLETYPE;
            let h = &(*t).ob_base.ob_base;
            h.ob_ref_local.store(crate::object::IMMORTAL_LOCAL, Relaxed);
        }
        if (*t).tp_vectorcall_offset != 0
            && (*t).tp_call.is_none()
            && (*t).tp_flags & abi::Py_TPFLAGS_HAVE_VECTORCALL == 0
        {
            (*t).tp_vectorcall_offset = 0;
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
            && (*t).tp_traverse.is_none()
            && (*t).tp_base.is_null()
            && !ty.is_heap_type()
        {
            return Err(raise!(
                SystemError,
                "type {} has the Py_TPFLAGS_HAVE_GC flag but has no traverse function",
                name
            ));
        }
        // Base, metatype, bases.
        if (*t).tp_base.is_null() && !ty.ptr_eq(object_type()) {
            (*t).tp_base = object_type().as_raw();
        }
        if let Some(b) = ty.base() {
            if !b.has_feature(abi::Py_TPFLAGS_READY) {
                ready(b.as_raw())?;
            }
            if ty.is_heap_type() {
                // tp_base of a heap type owns a reference; whoever made it took it.
            }
        }
        if ty.0.get().cast::<abi::PyObject>().as_ref().is_some_and(|o| o.ob_type.load(Relaxed).is_null()) {
            let meta = ty.base().map_or(type_type(), |b| b.ty());
            (*t).ob_base.ob_base.ob_type.store(meta.as_raw(), Relaxed);
        }
        if (*t).tp_bases.is_null() {
            let b = match ty.base() {
                None => Tuple::empty(),
                Some(b) => Tuple::from_slice(&[b])?,
            };
            (*t).tp_bases = b.into_ptr();
        }
        if !ty.is_heap_type() {
            for b in ty.bases().iter() {
                if b.downcast::<Type>().is_some_and(|b| b.is_heap_type())
                    && b.downcast::<Type>().is_some_and(|x| !x.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE))
                {
                    return Err(raise!(
                        TypeError,
                        "type '{}' is not dynamically allocated but its base type '{}' is dynamically allocated",
                        name,
                        b.downcast::<Type>().map_or("?", |b| b.tp_name())
                    ));
                }
            }
        }
        if (*t).tp_dict.is_null() {
            (*t).tp_dict = Dict::new()?.into_ptr();
        }
        // Static types take sizes from the base before their members are described.
        fill_dict(t, ty)?;
        let bases = ty.bases();
        if (*t).tp_mro.is_null() {
            (*t).tp_mro = if ty.ptr_eq(object_type()) {
                Tuple::from_slice(&[ty])?.into_ptr()
            } else {
                mro::compute(ty, &bases)?.into_ptr()
            };
        }
        set_new(t, ty)?;
        inherit(t, ty)?;
        set_hash(t, ty)?;
        if (*t).tp_alloc.is_none() {
            (*t).tp_alloc = Some(alloc::PyType_GenericAlloc);
        }
        if (*t).tp_free.is_none() {
            (*t).tp_free = Some(if ty.is_gc() { crate::mem::gc::PyObject_GC_Del } else { alloc::PyObject_Free });
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
            && (*t)
                .tp_free
                .is_some_and(|f| ptr::fn_addr_eq(f, alloc::PyObject_Free as unsafe extern "C" fn(*mut c_void)))
        {
            (*t).tp_free = Some(crate::mem::gc::PyObject_GC_Del);
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            (*t).tp_dictoffset = -1;
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_MANAGED_WEAKREF != 0 {
            (*t).tp_weaklistoffset = crate::objects::dict::instance::MANAGED_WEAKREF_OFFSET;
        }
        mro::add_to_bases(ty, &bases);
        Ok(())
    }
}

/// Puts slot wrappers, methods, members, getsets and the doc into the type's dict.
unsafe fn fill_dict(t: T, ty: &Type) -> PyResult<()> {
    // SAFETY: as `ready`.
    unsafe {
        let d = ty.dict();
        for e in &SLOTS {
            if e.base.wrapper.is_none() {
                continue;
            }
            let (g, off) = e.place();
            let p = slot_field(t, g, off, false);
            if p.is_null() || (*p).is_null() || d.get_str(e.name())?.is_some() {
                continue;
            }
            if ptr::eq((*p) as *const (), alloc::PyObject_HashNotImplemented as *const ()) && e.id == abi::Py_tp_hash {
                d.set(e.name(), none())?;
                continue;
            }
            // Heap types made by `type()` get their slots from methods, never the other way round.
            if is_dispatcher(*p as *const ()) {
                continue;
            }
            let w = descr::new_wrapper(ty, e.base_ptr(), *p)?;
            d.set(e.name(), &w)?;
        }
        let mut m = (*t).tp_methods;
        while !m.is_null() && !(*m).ml_name.is_null() {
            add_method(ty, m)?;
            m = m.add(1);
        }
        // Only members described by the type itself: those of `__slots__` are added by `type.__new__` the same way.
        let mut m = (*t).tp_members;
        while !m.is_null() && !(*m).name.is_null() {
            let n = Str::intern(&text((*m).name));
            d.setdefault(n, &*descr::new_member(ty, m)?)?;
            m = m.add(1);
        }
        let mut g = (*t).tp_getset;
        while !g.is_null() && !(*g).name.is_null() {
            let n = Str::intern(&text((*g).name));
            d.setdefault(n, &*descr::new_getset(ty, g)?)?;
            g = g.add(1);
        }
        let doc = intern!("__doc__");
        if d.get_str(doc)?.is_none() {
            if (*t).tp_doc.is_null() {
                d.set(doc, none())?;
            } else {
                let s = text((*t).tp_doc);
                // By `tp_name`: a static type may carry the heap flag while it is made ready (Cython does that).
                d.set(doc, &*Str::new(super::names::internal_doc(ty.tp_name(), &s))?)?;
            }
        }
        Ok(())
    }
}

fn is_dispatcher(p: *const ()) -> bool {
    SLOTS.iter().any(|e| !e.dispatcher().is_null() && ptr::eq(e.dispatcher() as *const (), p))
}

/// Adds one `PyMethodDef` to a type's dict.
pub unsafe fn add_method(ty: &Type, m: *mut abi::PyMethodDef) -> PyResult<()> {
    // SAFETY: an entry of the type's method table.
    unsafe {
        let flags = (*m).ml_flags;
        let name = Str::intern(&text((*m).ml_name));
        let v: PyRef = if flags & abi::METH_CLASS != 0 {
            if flags & abi::METH_STATIC != 0 {
                return Err(raise!(ValueError, "method cannot be both class and static"));
            }
            descr::new_classmethod(ty, m)?
        } else if flags & abi::METH_STATIC != 0 {
            let f = crate::objects::methodobject::new(m, Some(ty), None, None)?;
            crate::objects::funcobject_static::new_staticmethod(&f)?
        } else {
            descr::new_method(ty, m)?
        };
        if flags & abi::METH_COEXIST != 0 { ty.dict().set(name, &v) } else { ty.dict().setdefault(name, &v).map(drop) }
    }
}

/// `tp_new`: inherited, or made visible as `__new__`.
unsafe fn set_new(t: T, ty: &Type) -> PyResult<()> {
    // SAFETY: as `ready`.
    unsafe {
        let base = ty.base();
        if (*t).tp_new.is_none() && base.is_some_and(|b| b.ptr_eq(object_type())) && !ty.is_heap_type() {
            (*t).tp_flags |= abi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_DISALLOW_INSTANTIATION != 0 {
            (*t).tp_new = None;
            return Ok(());
        }
        match (*t).tp_new {
            Some(f) if !ptr::eq(f as *const (), dispatch::slot_tp_new as *const ()) => super::new_wrapper::add(ty),
            Some(_) => Ok(()),
            None => {
                if let Some(b) = base {
                    (*t).tp_new = b.slots().tp_new;
                }
                Ok(())
            }
        }
    }
}

unsafe fn set_hash(t: T, ty: &Type) -> PyResult<()> {
    // SAFETY: as `ready`.
    unsafe {
        if (*t).tp_hash.is_some() || ty.dict().get_str(intern!("__hash__"))?.is_some() {
            return Ok(());
        }
        ty.dict().set(intern!("__hash__"), none())?;
        (*t).tp_hash = Some(alloc::PyObject_HashNotImplemented);
        Ok(())
    }
}

unsafe fn inherit(t: T, ty: &Type) -> PyResult<()> {
    // SAFETY: as `ready`; bases are ready types.
    unsafe {
        if let Some(b) = ty.base() {
            inherit_special(t, b);
        }
        let m = ty.mro();
        for b in m.iter().skip(1) {
            if let Some(b) = b.downcast::<Type>() {
                inherit_slots(t, ty, b)?;
            }
        }
        // Groups that the type lacks whole are shared with the base.
        if let Some(b) = ty.base() {
            let b = b.as_raw();
            macro_rules! share { ($($f:ident)*) => { $( if (*t).$f.is_null() { (*t).$f = (*b).$f; } )* }; }
            share!(tp_as_async tp_as_number tp_as_sequence tp_as_mapping tp_as_buffer);
        }
        Ok(())
    }
}

/// Sizes, offsets and flags that come from the layout base.
unsafe fn inherit_special(t: T, base: &Type) {
    // SAFETY: as `ready`.
    unsafe {
        let b = base.as_raw();
        if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC == 0
            && (*b).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
            && (*t).tp_traverse.is_none()
            && (*t).tp_clear.is_none()
        {
            (*t).tp_flags |= abi::Py_TPFLAGS_HAVE_GC;
            (*t).tp_traverse = (*b).tp_traverse;
            (*t).tp_clear = (*b).tp_clear;
        } else if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
            && (*t).tp_traverse.is_none()
            && (*b).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
        {
            (*t).tp_traverse = (*b).tp_traverse;
            if (*t).tp_clear.is_none() {
                (*t).tp_clear = (*b).tp_clear;
            }
        }
        (*t).tp_flags |= (*b).tp_flags & abi::Py_TPFLAGS_PREHEADER;
        macro_rules! copy { ($($f:ident)*) => { $( if (*t).$f == 0 { (*t).$f = (*b).$f; } )* }; }
        copy!(tp_basicsize tp_itemsize tp_weaklistoffset tp_dictoffset);
        const SUB: u64 = abi::Py_TPFLAGS_LONG_SUBCLASS
            | abi::Py_TPFLAGS_LIST_SUBCLASS
            | abi::Py_TPFLAGS_TUPLE_SUBCLASS
            | abi::Py_TPFLAGS_BYTES_SUBCLASS
            | abi::Py_TPFLAGS_UNICODE_SUBCLASS
            | abi::Py_TPFLAGS_DICT_SUBCLASS
            | abi::Py_TPFLAGS_BASE_EXC_SUBCLASS
            | abi::Py_TPFLAGS_TYPE_SUBCLASS
            | abi::_Py_TPFLAGS_MATCH_SELF
            | abi::Py_TPFLAGS_ITEMS_AT_END;
        (*t).tp_flags |= (*b).tp_flags & SUB;
        const PAT: u64 = abi::Py_TPFLAGS_SEQUENCE | abi::Py_TPFLAGS_MAPPING;
        if (*t).tp_flags & PAT == 0 {
            (*t).tp_flags |= (*b).tp_flags & PAT;
        }
    }
}

unsafe fn inherit_slots(t: T, ty: &Type, base: &Type) -> PyResult<()> {
    // SAFETY: as `ready`; slot groups are arrays of words.
    unsafe {
        let b = base.as_raw();
        let bb = base.base().map_or(null_mut(), Type::as_raw);
        // A slot counts as defined by `base` when its own base has another value there.
        macro_rules! copy {
            ($($f:ident)*) => { $(
                if (*t).$f.is_none() {
                    if let Some(f) = (*b).$f {
                        if bb.is_null() || addr((*bb).$f.map(|g| g as *const ())) != f as *const () { (*t).$f = (*b).$f; }
                    }
                }
            )* };
        }
        for (g, size) in [
            (Group::Number, size_of::<abi::PyNumberMethods>()),
            (Group::Async, size_of::<abi::PyAsyncMethods>()),
            (Group::Sequence, size_of::<abi::PySequenceMethods>()),
            (Group::Mapping, size_of::<abi::PyMappingMethods>()),
            (Group::Buffer, size_of::<abi::PyBufferProcs>()),
        ] {
            let (tg, bg) = (slot_field(t, g, 0, false), slot_field(b, g, 0, false));
            if tg.is_null() || bg.is_null() || tg == bg {
                continue;
            }
            let bbg = if bb.is_null() { null_mut() } else { slot_field(bb, g, 0, false) };
            for i in 0..size / 8 {
                let v = *bg.add(i);
                if (*tg.add(i)).is_null() && !v.is_null() && (bbg.is_null() || *bbg.add(i) != v) {
                    *tg.add(i) = v;
                }
            }
        }
        if (*t).tp_getattr.is_none() && (*t).tp_getattro.is_none() {
            (*t).tp_getattr = (*b).tp_getattr;
            (*t).tp_getattro = (*b).tp_getattro;
        }
        if (*t).tp_setattr.is_none() && (*t).tp_setattro.is_none() {
            (*t).tp_setattr = (*b).tp_setattr;
            (*t).tp_setattro = (*b).tp_setattro;
        }
        copy!(tp_dealloc tp_repr tp_str);
        if (*t).tp_call.is_none() && (*b).tp_call.is_some() {
            copy!(tp_call);
        }
        if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_VECTORCALL == 0
            && (*b).tp_flags & abi::Py_TPFLAGS_HAVE_VECTORCALL != 0
            && addr((*t).tp_call.map(|f| f as *const ())) == addr((*b).tp_call.map(|f| f as *const ()))
        {
            if (*t).tp_vectorcall_offset == 0 {
                (*t).tp_vectorcall_offset = (*b).tp_vectorcall_offset;
            }
            (*t).tp_flags |= abi::Py_TPFLAGS_HAVE_VECTORCALL;
        }
        if (*t).tp_richcompare.is_none() && (*t).tp_hash.is_none() {
            let d = ty.dict();
            if d.get_str(intern!("__eq__"))?.is_none() && d.get_str(intern!("__hash__"))?.is_none() {
                (*t).tp_richcompare = (*b).tp_richcompare;
                (*t).tp_hash = (*b).tp_hash;
            }
        }
        copy!(tp_iter tp_iternext tp_descr_get);
        if (*b).tp_descr_get.is_some()
            && (*b).tp_flags & abi::Py_TPFLAGS_METHOD_DESCRIPTOR != 0
            && (*t).tp_flags & abi::Py_TPFLAGS_IMMUTABLETYPE != 0
            && addr((*t).tp_descr_get.map(|f| f as *const ())) == addr((*b).tp_descr_get.map(|f| f as *const ()))
        {
            (*t).tp_flags |= abi::Py_TPFLAGS_METHOD_DESCRIPTOR;
        }
        copy!(tp_descr_set tp_init tp_alloc tp_is_gc tp_finalize tp_del);
        if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC == (*b).tp_flags & abi::Py_TPFLAGS_HAVE_GC {
            copy!(tp_free);
        } else if (*t).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 && (*t).tp_free.is_none() {
            (*t).tp_free = Some(crate::mem::gc::PyObject_GC_Del);
        }
        Ok(())
    }
}

/// The C API's entry.
///
/// # Safety
/// `t` is a filled type object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyType_Ready(t: *mut PyTypeObject) -> core::ffi::c_int {
    // SAFETY: the caller's promise.
    super::cabi::unit(|| unsafe { ready(t) })
}
