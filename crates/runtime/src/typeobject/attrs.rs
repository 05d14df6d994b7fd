//! `type` as a type: attribute access on classes, its getsets and methods, calling a class.

use super::bases::{check_mutable, set_bases};
use super::cabi::{self, NO_DOC, o, obj, of, oo, unit};
use super::{Type, TypeSpec, mro, new, subtype, type_type, update};
use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::prelude::*;
use crate::protocol::attr::{name_type_error, with_context};
use crate::protocol::{done, own};
use crate::{type_slots, visit_fields};
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};
use core::mem::offset_of;

type P = *mut PyObject;

fn t<'a>(p: P) -> &'a Type {
    // SAFETY: slots of `type` get types.
    unsafe { Type::from_ptr(p.cast()) }
}

/// Whether classes of this metatype use `type.__getattribute__` itself.
pub fn has_plain_getattro(meta: &Type) -> bool {
    meta.slots().tp_getattro.is_some_and(|f| core::ptr::fn_addr_eq(f, type_getattro as unsafe extern "C" fn(P, P) -> P))
}

fn find(ty: &Type, name: &Str) -> PyResult<Option<PyRef>> {
    let meta = ty.ty();
    let m = meta.lookup(name);
    let mut mget = None;
    if let Some(m) = &m {
        let s = m.ty().slots();
        mget = s.tp_descr_get;
        if let (Some(f), true) = (mget, s.tp_descr_set.is_some()) {
            // SAFETY: a C slot.
            return unsafe { own(f(m.as_ptr(), ty.as_ptr(), meta.as_ptr())).map(Some) };
        }
    }
    if let Some(a) = ty.lookup(name) {
        return match a.ty().slots().tp_descr_get {
            // SAFETY: a C slot.
            Some(f) => unsafe { own(f(a.as_ptr(), core::ptr::null_mut(), ty.as_ptr())).map(Some) },
            None => Ok(Some(a)),
        };
    }
    match (m, mget) {
        // SAFETY: a C slot.
        (Some(m), Some(f)) => unsafe { own(f(m.as_ptr(), ty.as_ptr(), meta.as_ptr())).map(Some) },
        (m, _) => Ok(m),
    }
}

/// `getattr(cls, name, <absent>)` by `type.__getattribute__`.
pub fn type_getattr_opt(ty: &Type, name: &Str) -> PyResult<Option<PyRef>> {
    match find(ty, name) {
        Err(e) if e.matches(exc::AttributeError()) => {
            e.clear();
            Ok(None)
        }
        r => r,
    }
}

pub unsafe extern "C" fn type_getattro(p: P, name: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let n = unsafe { o(name) };
        let Some(n) = n.downcast::<Str>() else { return Err(name_type_error(n)) };
        match find(t(p), n)? {
            Some(v) => Ok(v),
            None => Err(with_context(
                raise!(AttributeError, "type object '{}' has no attribute '{}'", t(p).tp_name(), n.to_string_lossy()),
                t(p),
                n,
            )),
        }
    })
}

/// `type.__setattr__` / `type.__delattr__`.
pub fn type_setattr(ty: &Type, name: &Str, value: Option<&Object>) -> PyResult<()> {
    if ty.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE) {
        return Err(raise!(
            TypeError,
            "cannot set '{}' attribute of immutable type '{}'",
            name.to_string_lossy(),
            ty.tp_name()
        ));
    }
    let name: Ref<Str> = Str::intern_ref(name.to_exact()?);
    if let Some(m) = ty.ty().lookup(&name) {
        if let Some(f) = m.ty().slots().tp_descr_set {
            // SAFETY: a C slot.
            return done(unsafe { f(m.as_ptr(), ty.as_ptr(), value.map_or(core::ptr::null_mut(), |v| v.as_ptr())) });
        }
    }
    if !ty.replace_in_dict(&name, value)? {
        return Err(with_context(
            raise!(AttributeError, "type object '{}' has no attribute '{}'", ty.tp_name(), name.to_string_lossy()),
            ty,
            &name,
        ));
    }
    if update::is_slot_name(&name) {
        update::update(ty, &name)?;
    }
    Ok(())
}

unsafe extern "C" fn type_setattro(p: P, name: P, v: P) -> c_int {
    unit(|| {
        // SAFETY: slots get live objects.
        let (n, v) = unsafe { (o(name), oo(v)) };
        match n.downcast::<Str>() {
            Some(n) => type_setattr(t(p), n, v),
            None => Err(name_type_error(n)),
        }
    })
}

unsafe extern "C" fn type_repr(p: P) -> P {
    obj(|| {
        let ty = t(p);
        let m = match ty.module() {
            Ok(m) => Some(m),
            Err(e) => {
                e.clear();
                None
            }
        };
        let q = ty.qualname()?;
        let q = q.str()?;
        match m.as_ref().and_then(|m| m.downcast::<Str>()) {
            Some(m) if !m.eq_str("builtins") => {
                Str::format(format_args!("<class '{}.{}'>", m.to_string_lossy(), q.to_string_lossy()))
            }
            _ => Str::format(format_args!(
                "<class '{}'>",
                if ty.is_heap_type() { q.to_string_lossy() } else { ty.tp_name().into() }
            )),
        }
    })
}

/// Calls a class: `tp_new`, then `tp_init`.
pub unsafe extern "C" fn type_call(p: P, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_call` gets a tuple and a dict or null.
        unsafe {
            let ty = t(p);
            let a = of::<Tuple>(args);
            let nkw = kw.cast::<Dict>().as_ref().map_or(0, |k| k.len());
            if ty.ptr_eq(type_type()) {
                if a.len() == 1 && nkw == 0 {
                    return Ok(a.get(0).ty().to_ref());
                }
                if a.len() != 3 {
                    return Err(raise!(TypeError, "type() takes 1 or 3 arguments"));
                }
            }
            let Some(f) = ty.slots().tp_new else {
                return Err(raise!(TypeError, "cannot create '{}' instances", ty.tp_name()));
            };
            let r = f(ty.as_raw(), args, kw);
            let r = crate::protocol::call::check_result(ty, r)?;
            if !r.ty().is_subtype(ty) {
                return Ok(r);
            }
            let rt = Ref::new_ref(r.ty());
            if let Some(init) = rt.slots().tp_init {
                done(init(r.as_ptr(), args, kw))?;
            }
            Ok(r)
        }
    })
}

unsafe extern "C" fn type_init(_p: P, args: P, kw: P) -> c_int {
    unit(|| {
        // SAFETY: `tp_init` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            if a.len() == 1 && kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) {
                return Err(raise!(TypeError, "type.__init__() takes no keyword arguments"));
            }
            if a.len() != 1 && a.len() != 3 {
                return Err(raise!(TypeError, "type.__init__() takes 1 or 3 arguments"));
            }
            Ok(())
        }
    })
}

unsafe extern "C" fn type_dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying heap type.
        unsafe {
            let ty = t(p);
            let raw = ty.as_raw();
            let h = ty.heap();
            crate::mem::gc::untrack(o(p));
            if !(*raw).tp_bases.is_null() {
                mro::remove_from_bases(ty, &*(*raw).tp_bases.cast::<Tuple>());
            }
            mro::drop_list(ty);
            subtype::clear_weakrefs_of(p, &raw mut (*raw).tp_weaklist);
            if ty.has_feature(abi::Py_TPFLAGS_INLINE_VALUES) && !(*h).ht_cached_keys.is_null() {
                crate::objects::dict::instance::release_keys((*h).ht_cached_keys.cast());
            }
            for f in [
                (*raw).tp_base.cast::<PyObject>(),
                (*raw).tp_dict,
                (*raw).tp_bases,
                (*raw).tp_mro,
                (*h).ht_name,
                (*h).ht_qualname,
                (*h).ht_slots,
                (*h).ht_module,
            ] {
                drop(PyRef::from_ptr_opt(f));
            }
            // Extensions may have put a `PyMem_Malloc` block here.
            crate::mem::domains::mem_free((*raw).tp_doc.cast());
            // `tp_name` points there unless an extension pointed it elsewhere.
            libc::free((*h)._ht_tpname.cast());
            let meta = Ref::new_ref(ty.ty());
            match meta.slots().tp_free {
                Some(f) => f(p.cast()),
                None => crate::mem::gc::PyObject_GC_Del(p.cast()),
            }
        }
    })
}

unsafe extern "C" fn type_traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    let ty = t(p);
    if !ty.is_heap_type() {
        return 0;
    }
    // SAFETY: called by the collector.
    unsafe {
        let raw = ty.as_raw();
        visit_fields!(v, arg; (*raw).tp_dict, (*raw).tp_mro, (*raw).tp_bases, (*raw).tp_base, (*ty.heap()).ht_module, (*ty.heap()).ht_slots)
    }
}

unsafe extern "C" fn type_clear(p: P) -> c_int {
    let ty = t(p);
    // SAFETY: called by the collector on unreachable types.
    unsafe {
        let raw = ty.as_raw();
        ty.modified();
        if let Some(d) = ty.dict_opt() {
            d.clear();
        }
        cabi::set_field(&raw mut (*ty.heap()).ht_module, None);
        let m = Tuple::from_slice(&[]).map(Ref::into_ptr).unwrap_or(core::ptr::null_mut());
        let old = core::mem::replace(&mut (*raw).tp_mro, m);
        drop(PyRef::from_ptr_opt(old));
    }
    0
}

unsafe extern "C" fn type_is_gc(p: P) -> c_int {
    t(p).is_heap_type() as c_int
}

unsafe extern "C" fn type_or(a: P, b: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| unsafe { crate::objects::union::or(o(a), o(b)) })
}

// Getsets.

macro_rules! getters {
    ($($f:ident |$ty:ident| $body:expr;)*) => {$(
        unsafe extern "C" fn $f(p: P, _c: *mut c_void) -> P {
            obj(|| -> PyResult<PyRef> { let $ty = t(p); $body })
        }
    )*};
}
macro_rules! setters {
    ($($f:ident |$ty:ident, $v:ident| $body:expr;)*) => {$(
        unsafe extern "C" fn $f(p: P, v: P, _c: *mut c_void) -> c_int {
            unit(|| -> PyResult<()> {
                let $ty = t(p);
                // SAFETY: setters get live objects.
                let $v = unsafe { oo(v) };
                $body
            })
        }
    )*};
}

fn set_checked<'a>(ty: &Type, name: &str, v: Option<&'a Object>) -> PyResult<&'a Object> {
    check_mutable(ty, name)?;
    match v {
        Some(v) => {
            crate::audit_event!("object.__setattr__", ty, name, v)?;
            Ok(v)
        }
        None => Err(raise!(TypeError, "cannot delete '{}' attribute of immutable type '{}'", name, ty.tp_name())),
    }
}

fn dict_get(ty: &Type, n: &'static Str) -> PyResult<Option<PyRef>> {
    ty.dict().get_str(n)
}

fn no_attr(ty: &Type, n: &str) -> crate::error::Raised {
    raise!(AttributeError, "type object '{}' has no attribute '{}'", ty.tp_name(), n)
}

/// `__annotate__`.
fn annotate(ty: &Type) -> PyResult<PyRef> {
    if !ty.is_heap_type() {
        return Err(no_attr(ty, "__annotate__"));
    }
    let v = match dict_get(ty, intern!("__annotate_func__"))? {
        Some(v) => Some(v),
        None => dict_get(ty, intern!("__annotate__"))?,
    };
    match v {
        Some(a) => crate::objects::funcobject_static::descr_get(&a, None, Some(ty)),
        None => {
            ty.replace_in_dict(intern!("__annotate_func__"), Some(none()))?;
            Ok(none_ref())
        }
    }
}

getters! {
    get_name |ty| ty.name().map(Ref::upcast);
    get_qualname |ty| ty.qualname();
    get_bases |ty| Ok(ty.bases().upcast());
    get_mro |ty| if ty.slots().tp_mro.is_null() { Ok(none_ref()) } else { Ok(ty.mro().upcast()) };
    get_module |ty| ty.module();
    get_dict |ty| match ty.dict_opt() { Some(d) => crate::objects::mappingproxy::of_dict(d), None => Ok(none_ref()) };
    get_abstract |ty| {
        if !ty.ptr_eq(type_type()) {
            if let Some(v) = dict_get(ty, intern!("__abstractmethods__"))? {
                return Ok(v);
            }
        }
        Err(no_attr(ty, "__abstractmethods__"))
    };
    get_doc |ty| {
        if !ty.is_heap_type() && !ty.slots().tp_doc.is_null() {
            // SAFETY: a C string of the type.
            let d = unsafe { cabi::text(ty.slots().tp_doc) };
            return Ok(Str::new(super::names::internal_doc(ty.name_str(), &d))?.upcast());
        }
        match dict_get(ty, intern!("__doc__"))? {
            Some(d) => crate::objects::funcobject_static::descr_get(&d, None, Some(ty)),
            None => Ok(none_ref()),
        }
    };
    get_sig |ty| {
        // SAFETY: a C string of the type.
        let d = unsafe { cabi::text(ty.slots().tp_doc) };
        match super::names::text_signature(ty.name_str(), &d) {
            Some(s) => Ok(Str::new(s)?.upcast()),
            None => Ok(none_ref()),
        }
    };
    get_annotate |ty| annotate(ty);
    get_annotations |ty| {
        if !ty.is_heap_type() {
            return Err(no_attr(ty, "__annotations__"));
        }
        let v = match dict_get(ty, intern!("__annotations__"))? {
            Some(v) => Some(v),
            None => dict_get(ty, intern!("__annotations_cache__"))?,
        };
        if let Some(v) = v {
            return crate::objects::funcobject_static::descr_get(&v, None, Some(ty));
        }
        let a = ty.getattr(intern!("__annotate__"))?;
        let r = if a.is_callable() {
            let r = a.call1(&*Int::from_i64(1)?)?;
            if r.downcast::<Dict>().is_none() {
                return Err(raise!(TypeError, "__annotate__ returned non-dict of type '{}'", r.ty().full_name()?.to_string_lossy()));
            }
            r
        } else {
            Dict::new()?.upcast()
        };
        ty.replace_in_dict(intern!("__annotations_cache__"), Some(&r))?;
        Ok(r)
    };
    get_type_params |ty| match dict_get(ty, intern!("__type_params__"))? { Some(v) if !ty.ptr_eq(type_type()) => Ok(v), _ => Ok(Tuple::empty().upcast()) };
}

unsafe fn free_c(p: *mut c_void) {
    // SAFETY: a block of libc's malloc.
    unsafe { libc::free(p) }
}

/// Installs a new name: `tp_name` points into the string object.
pub fn set_heap_name(ty: &Type, name: &Str) -> PyResult<()> {
    let s = name.to_str()?;
    if s.contains('\0') {
        return Err(raise!(ValueError, "type name must not contain null characters"));
    }
    let Ok(c) = std::ffi::CString::new(s) else {
        return Err(raise!(ValueError, "type name must not contain null characters"));
    };
    // SAFETY: a heap type; the old copy is freed after a grace period.
    unsafe {
        let raw = ty.as_raw();
        let h = ty.heap();
        let dup = libc::strdup(c.as_ptr());
        let old_obj = core::mem::replace(&mut (*h).ht_name, name.to_ref().into_ptr());
        (*raw).tp_name = dup;
        let old = core::mem::replace(&mut (*h)._ht_tpname, dup);
        if !old_obj.is_null() {
            crate::mem::qsbr::decref_delayed(old_obj);
        }
        if !old.is_null() {
            crate::mem::qsbr::retire(old.cast(), free_c);
        }
    }
    Ok(())
}

setters! {
    set_name |ty, v| {
        let v = set_checked(ty, "__name__", v)?;
        let Some(s) = v.downcast::<Str>() else {
            return Err(raise!(TypeError, "can only assign string to {}.__name__, not '{}'", ty.tp_name(), v.ty().tp_name()));
        };
        set_heap_name(ty, s)
    };
    set_qualname |ty, v| {
        let v = set_checked(ty, "__qualname__", v)?;
        if v.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "can only assign string to {}.__qualname__, not '{}'", ty.tp_name(), v.ty().tp_name()));
        }
        // SAFETY: a heap type.
        unsafe {
            let old = core::mem::replace(&mut (*ty.heap()).ht_qualname, v.to_ref().into_ptr());
            if !old.is_null() { crate::mem::qsbr::decref_delayed(old); }
        }
        Ok(())
    };
    set_bases_attr |ty, v| set_bases(ty, v);
    set_module |ty, v| {
        let v = set_checked(ty, "__module__", v)?;
        ty.replace_in_dict(intern!("__module__"), Some(v))?;
        ty.replace_in_dict(intern!("__firstlineno__"), None)?;
        Ok(())
    };
    set_abstract |ty, v| {
        let abstract_ = match v { Some(v) => v.is_true()?, None => false };
        if !ty.replace_in_dict(intern!("__abstractmethods__"), v)? {
            return Err(no_attr(ty, "__abstractmethods__"));
        }
        set_flag(ty, abi::Py_TPFLAGS_IS_ABSTRACT, abstract_);
        Ok(())
    };
    set_doc |ty, v| {
        let v = set_checked(ty, "__doc__", v)?;
        ty.replace_in_dict(intern!("__doc__"), Some(v)).map(drop)
    };
    set_annotate |ty, v| {
        let Some(v) = v else {
            return Err(raise!(TypeError, "cannot delete __annotate__ attribute"));
        };
        check_mutable(ty, "__annotate__")?;
        if !v.is_none() && !v.is_callable() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        ty.replace_in_dict(intern!("__annotate_func__"), Some(v))?;
        if !v.is_none() {
            ty.replace_in_dict(intern!("__annotations_cache__"), None)?;
        }
        Ok(())
    };
    set_annotations |ty, v| {
        check_mutable(ty, "__annotations__")?;
        let mut deleted = false;
        match v {
            Some(v) => {
                let n = if dict_get(ty, intern!("__annotations__"))?.is_some() { intern!("__annotations__") } else { intern!("__annotations_cache__") };
                ty.replace_in_dict(n, Some(v))?;
                deleted = true;
            }
            None => {
                deleted |= ty.replace_in_dict(intern!("__annotations__"), None)?;
                deleted |= ty.replace_in_dict(intern!("__annotations_cache__"), None)?;
            }
        }
        if !deleted {
            return Err(raise!(AttributeError, "__annotations__"));
        }
        ty.replace_in_dict(intern!("__annotate_func__"), None)?;
        ty.replace_in_dict(intern!("__annotate__"), None)?;
        Ok(())
    };
    set_type_params |ty, v| {
        let v = set_checked(ty, "__type_params__", v)?;
        ty.replace_in_dict(intern!("__type_params__"), Some(v)).map(drop)
    };
}

/// Sets or clears a flag of a type that others may be reading, in subclasses too for `IS_ABSTRACT`'s sake not.
pub fn set_flag(ty: &Type, flag: u64, on: bool) {
    // SAFETY: an aligned word of a live type.
    let f = unsafe { core::sync::atomic::AtomicU64::from_ptr(&raw mut (*ty.as_raw()).tp_flags) };
    if on {
        f.fetch_or(flag, core::sync::atomic::Ordering::AcqRel);
    } else {
        f.fetch_and(!flag, core::sync::atomic::Ordering::AcqRel);
    }
}

// Methods.

unsafe extern "C" fn m_mro(p: P, _a: P) -> P {
    obj(|| List::from_vec(mro::c3(t(p), &t(p).bases())?))
}
unsafe extern "C" fn m_subclasses(p: P, _a: P) -> P {
    obj(|| List::from_vec(mro::subclasses(t(p)).into_iter().map(Ref::upcast).collect()))
}
unsafe extern "C" fn m_prepare(_p: P, _args: *const P, _n: isize, _kw: P) -> P {
    obj(Dict::new)
}
unsafe extern "C" fn m_instancecheck(p: P, x: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| Ok(Bool::of(crate::protocol::object::real_isinstance(unsafe { o(x) }, t(p))?).to_ref()))
}
unsafe extern "C" fn m_subclasscheck(p: P, x: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| Ok(Bool::of(crate::protocol::object::real_issubclass(unsafe { o(x) }, t(p))?).to_ref()))
}
unsafe extern "C" fn m_dir(p: P, _a: P) -> P {
    obj(|| {
        let d = Dict::new()?;
        merge_class_dict(&d, t(p))?;
        d.keys_list()
    })
}
unsafe extern "C" fn m_sizeof(p: P, _a: P) -> P {
    obj(|| {
        let ty = t(p);
        let n = if ty.is_heap_type() { size_of::<abi::PyHeapTypeObject>() } else { size_of::<PyTypeObject>() };
        Int::from_usize(n)
    })
}

/// Adds the dicts of a class and its bases, most basic first.
pub fn merge_class_dict(d: &Dict, cls: &Object) -> PyResult<()> {
    if let Some(cd) = cls.getattr_opt(intern!("__dict__"))? {
        d.update(&cd)?;
    }
    if let Some(b) = cls.getattr_opt(intern!("__bases__"))? {
        if let Some(b) = b.downcast::<Tuple>() {
            for x in b.iter() {
                merge_class_dict(d, x)?;
            }
        }
    }
    Ok(())
}

const NOARGS: c_int = abi::METH_NOARGS;

pub static SPEC: TypeSpec = TypeSpec {
    name: c"type",
    type_object: &raw mut super::PyType_Type,
    basicsize: size_of::<abi::PyHeapTypeObject>(),
    itemsize: size_of::<abi::PyMemberDef>(),
    flags: abi::Py_TPFLAGS_HAVE_GC
        | abi::Py_TPFLAGS_BASETYPE
        | abi::Py_TPFLAGS_TYPE_SUBCLASS
        | abi::Py_TPFLAGS_ITEMS_AT_END,
    doc: Some(c"type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type"),
    dictoffset: offset_of!(PyTypeObject, tp_dict) as isize,
    weaklistoffset: offset_of!(PyTypeObject, tp_weaklist) as isize,
    vectorcalloffset: offset_of!(PyTypeObject, tp_vectorcall) as isize,
    slots: type_slots![
        Py_tp_dealloc = type_dealloc,
        Py_tp_repr = type_repr,
        Py_tp_call = type_call,
        Py_tp_getattro = type_getattro,
        Py_tp_setattro = type_setattro,
        Py_tp_traverse = type_traverse,
        Py_tp_clear = type_clear,
        Py_tp_init = type_init,
        Py_tp_new = new::type_new,
        Py_tp_is_gc = type_is_gc,
        Py_nb_or = type_or,
    ],
    methods: &[
        method_def(
            c"mro",
            m_mro as *const (),
            NOARGS,
            c"mro($self, /)\n--\n\nReturn a type's method resolution order.".as_ptr(),
        ),
        method_def(
            c"__subclasses__",
            m_subclasses as *const (),
            NOARGS,
            c"__subclasses__($self, /)\n--\n\nReturn a list of immediate subclasses.".as_ptr(),
        ),
        method_def(
            c"__prepare__",
            m_prepare as *const (),
            abi::METH_FASTCALL | abi::METH_KEYWORDS | abi::METH_CLASS,
            c"__prepare__($cls, name, bases, /, **kwds)\n--\n\nCreate the namespace for the class statement".as_ptr(),
        ),
        method_def(
            c"__instancecheck__",
            m_instancecheck as *const (),
            abi::METH_O,
            c"__instancecheck__($self, instance, /)\n--\n\nCheck if an object is an instance.".as_ptr(),
        ),
        method_def(
            c"__subclasscheck__",
            m_subclasscheck as *const (),
            abi::METH_O,
            c"__subclasscheck__($self, subclass, /)\n--\n\nCheck if a class is a subclass.".as_ptr(),
        ),
        method_def(
            c"__dir__",
            m_dir as *const (),
            NOARGS,
            c"__dir__($self, /)\n--\n\nSpecialized __dir__ implementation for types.".as_ptr(),
        ),
        method_def(
            c"__sizeof__",
            m_sizeof as *const (),
            NOARGS,
            c"__sizeof__($self, /)\n--\n\nReturn memory consumption of the type object.".as_ptr(),
        ),
        method_end(),
    ],
    members: &[
        member_def(
            c"__basicsize__",
            abi::Py_T_PYSSIZET,
            offset_of!(PyTypeObject, tp_basicsize) as isize,
            abi::Py_READONLY,
        ),
        member_def(
            c"__itemsize__",
            abi::Py_T_PYSSIZET,
            offset_of!(PyTypeObject, tp_itemsize) as isize,
            abi::Py_READONLY,
        ),
        member_def(c"__flags__", abi::Py_T_ULONG, offset_of!(PyTypeObject, tp_flags) as isize, abi::Py_READONLY),
        member_def(
            c"__weakrefoffset__",
            abi::Py_T_PYSSIZET,
            offset_of!(PyTypeObject, tp_weaklistoffset) as isize,
            abi::Py_READONLY,
        ),
        member_def(c"__base__", abi::_Py_T_OBJECT, offset_of!(PyTypeObject, tp_base) as isize, abi::Py_READONLY),
        member_def(
            c"__dictoffset__",
            abi::Py_T_PYSSIZET,
            offset_of!(PyTypeObject, tp_dictoffset) as isize,
            abi::Py_READONLY,
        ),
        member_end(),
    ],
    getset: &[
        getset_def(c"__name__", Some(get_name), Some(set_name), NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), Some(set_qualname), NO_DOC),
        getset_def(c"__bases__", Some(get_bases), Some(set_bases_attr), NO_DOC),
        getset_def(c"__mro__", Some(get_mro), None, NO_DOC),
        getset_def(c"__module__", Some(get_module), Some(set_module), NO_DOC),
        getset_def(c"__abstractmethods__", Some(get_abstract), Some(set_abstract), NO_DOC),
        getset_def(c"__dict__", Some(get_dict), None, NO_DOC),
        getset_def(c"__doc__", Some(get_doc), Some(set_doc), NO_DOC),
        getset_def(c"__text_signature__", Some(get_sig), None, NO_DOC),
        getset_def(c"__annotations__", Some(get_annotations), Some(set_annotations), NO_DOC),
        getset_def(c"__annotate__", Some(get_annotate), Some(set_annotate), NO_DOC),
        getset_def(c"__type_params__", Some(get_type_params), Some(set_type_params), NO_DOC),
        getset_end(),
    ],
    ..TypeSpec::EMPTY
};
