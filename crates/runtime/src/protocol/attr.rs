//! Attributes: `getattr` and friends, and the generic implementation behind most types.

use super::{done, failed, own};
use crate::interp::pin::Pinned;
use crate::objects::dict::instance;
use crate::prelude::*;
use crate::typeobject::subtype::dict_slot;
use abi::PyObject;
use core::ffi::{c_int, c_void};

type P = *mut PyObject;
type GetAttrO = unsafe extern "C" fn(P, P) -> P;

#[cold]
pub fn name_type_error(name: &Object) -> Raised {
    raise!(TypeError, "attribute name must be string, not '{}'", name.ty().tp_name())
}

#[cold]
pub fn no_attribute(o: &Object, name: &Str) -> Raised {
    let r = raise!(AttributeError, "'{}' object has no attribute '{}'", o.ty().tp_name(), name.to_string_lossy());
    with_context(r, o, name)
}

/// The same without `name` and `obj`, as assignment and deletion raise it.
#[cold]
fn plain_no_attribute(o: &Object, name: &Str) -> Raised {
    raise!(AttributeError, "'{}' object has no attribute '{}'", o.ty().tp_name(), name.to_string_lossy())
}

/// Fills `name` and `obj` of a fresh AttributeError.
#[cold]
pub fn with_context(r: Raised, o: &Object, name: &Str) -> Raised {
    // SAFETY: the current exception belongs to this thread.
    unsafe {
        let e = ThreadState::current().abi().current_exception;
        if let Some(e) = Object::from_ptr_opt(e) {
            if e.downcast::<crate::objects::exceptions::AttributeError>().is_some() {
                let a = e.as_ptr().cast::<abi::PyAttributeErrorObject>();
                if (*a).name.is_null() && (*a).obj.is_null() {
                    (*a).name = name.to_ref().into_ptr();
                    (*a).obj = o.to_ref().into_ptr();
                }
            }
        }
    }
    r
}

#[inline]
fn descr_get(d: &Object, f: unsafe extern "C" fn(P, P, P) -> P, o: &Object, ty: &Type) -> PyResult<PyRef> {
    super::enter_recursive_call("")?;
    // SAFETY: a C slot.
    unsafe { own(f(d.as_ptr(), o.as_ptr(), ty.as_ptr())) }
}

/// An attribute of the instance itself.
#[inline]
pub fn instance_get(o: &Object, name: &Str) -> PyResult<Option<PyRef>> {
    let ty = o.ty();
    if ty.has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
        return instance::object_getattr_inline(o, name);
    }
    if ty.slots().tp_dictoffset == 0 {
        return Ok(None);
    }
    match plain_dict(o) {
        Some(d) => d.get_str(name),
        None => Ok(None),
    }
}

/// The `__dict__` that a non-managed dict slot holds.
pub fn plain_dict(o: &Object) -> Option<Ref<Dict>> {
    // SAFETY: the slot of a live object; the dict lives as long as the object unless `__dict__` is replaced.
    unsafe {
        let s = dict_slot(o.as_ptr());
        if s.is_null() {
            return None;
        }
        let a = core::sync::atomic::AtomicPtr::from_ptr(s);
        let d = Object::from_ptr_opt(a.load(core::sync::atomic::Ordering::Acquire))?;
        Some(d.to_ref().cast_into())
    }
}

/// Generic lookup; `None` when there is no such attribute.
#[inline]
fn generic_find(o: &Object, name: &Str) -> PyResult<Option<PyRef>> {
    let ty = o.ty();
    let d = ty.lookup_slot(name).map(Pinned::new);
    let mut get = None;
    if let Some(d) = &d {
        let dt = d.ty().slots();
        get = dt.tp_descr_get;
        if let (Some(f), true) = (get, dt.tp_descr_set.is_some()) {
            return descr_get(d, f, o, ty).map(Some);
        }
    }
    if let Some(v) = instance_get(o, name)? {
        return Ok(Some(v));
    }
    match (d, get) {
        (Some(d), Some(f)) => descr_get(&d, f, o, ty).map(Some),
        (d, _) => Ok(d.map(Pinned::into_ref)),
    }
}

/// Generic lookup; also an AttributeError of a descriptor counts as absent.
pub fn generic_getattr_opt(o: &Object, name: &Str) -> PyResult<Option<PyRef>> {
    match generic_find(o, name) {
        Err(e) if e.matches(exc::AttributeError()) => {
            e.clear();
            Ok(None)
        }
        r => r,
    }
}

/// Looks a method up for a call: `true` when the function found wants `o` as its first argument.
pub fn get_method(o: &Object, name: &Str) -> PyResult<(PyRef, bool)> {
    let ty = o.ty();
    if !is_generic(ty) {
        return Ok((o.getattr(name)?, false));
    }
    let d = ty.lookup(name);
    let mut get = None;
    let mut method = false;
    if let Some(d) = &d {
        if d.ty().has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
            method = true;
        } else {
            get = d.ty().slots().tp_descr_get;
            if let (Some(f), true) = (get, d.ty().slots().tp_descr_set.is_some()) {
                return Ok((descr_get(d, f, o, ty)?, false));
            }
        }
    }
    if let Some(v) = instance_get(o, name)? {
        return Ok((v, false));
    }
    match (d, get) {
        (Some(d), _) if method => Ok((d, true)),
        (Some(d), Some(f)) => Ok((descr_get(&d, f, o, ty)?, false)),
        (Some(d), None) => Ok((d, false)),
        (None, _) => Err(no_attribute(o, name)),
    }
}

#[inline(always)]
fn is_generic(ty: &Type) -> bool {
    ty.slots().tp_getattro.is_some_and(|f| core::ptr::fn_addr_eq(f, PyObject_GenericGetAttr as GetAttrO))
}

impl Object {
    pub fn getattr(&self, name: &Str) -> PyResult<PyRef> {
        let t = self.ty().slots();
        if let Some(f) = t.tp_getattro {
            if core::ptr::fn_addr_eq(f, PyObject_GenericGetAttr as GetAttrO) {
                return self.generic_getattr(name);
            }
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            let r = unsafe { f(self.as_ptr(), name.as_ptr()) };
            if r.is_null() {
                return Err(with_context(failed(), self, name));
            }
            // SAFETY: an owned result.
            return unsafe { own(r) };
        }
        if let Some(f) = t.tp_getattr {
            let n =
                std::ffi::CString::new(name.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))?;
            // SAFETY: a C slot.
            return unsafe { own(f(self.as_ptr(), n.as_ptr().cast_mut())) }.map_err(|e| with_context(e, self, name));
        }
        Err(no_attribute(self, name))
    }

    /// `getattr` with any object as the name (checked).
    pub fn getattr_obj(&self, name: &Object) -> PyResult<PyRef> {
        match name.downcast::<Str>() {
            Some(n) => self.getattr(n),
            None => Err(name_type_error(name)),
        }
    }

    /// `None` when the attribute is absent (AttributeError).
    pub fn getattr_opt(&self, name: &Str) -> PyResult<Option<PyRef>> {
        let ty = self.ty();
        if is_generic(ty) {
            return generic_getattr_opt(self, name);
        }
        if self.downcast::<Type>().is_some() && crate::typeobject::attrs::has_plain_getattro(ty) {
            // SAFETY: a type object.
            return crate::typeobject::attrs::type_getattr_opt(unsafe { self.cast::<Type>() }, name);
        }
        match self.getattr(name) {
            Ok(v) => Ok(Some(v)),
            Err(e) if e.matches(exc::AttributeError()) => {
                e.clear();
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    pub fn setattr(&self, name: &Str, value: &Object) -> PyResult<()> {
        set_or_del(self, name, Some(value))
    }

    pub fn delattr(&self, name: &Str) -> PyResult<()> {
        set_or_del(self, name, None)
    }

    pub fn hasattr(&self, name: &Str) -> PyResult<bool> {
        Ok(self.getattr_opt(name)?.is_some())
    }

    /// What `object.__getattribute__` does.
    pub fn generic_getattr(&self, name: &Str) -> PyResult<PyRef> {
        match generic_find(self, name) {
            Ok(Some(v)) => Ok(v),
            Ok(None) => Err(no_attribute(self, name)),
            Err(e) => Err(with_context(e, self, name)),
        }
    }

    /// What `object.__setattr__` (`Some`) and `object.__delattr__` (`None`) do.
    pub fn generic_setattr(&self, name: &Str, value: Option<&Object>) -> PyResult<()> {
        let ty = self.ty();
        let d = ty.lookup(name);
        if let Some(d) = &d {
            if let Some(f) = d.ty().slots().tp_descr_set {
                // SAFETY: a C slot.
                return done(unsafe {
                    f(d.as_ptr(), self.as_ptr(), value.map_or(core::ptr::null_mut(), |v| v.as_ptr()))
                });
            }
        }
        if ty.has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
            return if instance::object_setattr_inline(self, name, value)? {
                Ok(())
            } else {
                Err(plain_no_attribute(self, name))
            };
        }
        // SAFETY: the slot of a live object.
        let slot = unsafe { dict_slot(self.as_ptr()) };
        if slot.is_null() {
            return Err(match d {
                None if ty.slots().tp_setattro.is_some_and(|f| {
                    core::ptr::fn_addr_eq(f, PyObject_GenericSetAttr as unsafe extern "C" fn(P, P, P) -> c_int)
                }) =>
                {
                    with_context(
                        raise!(
                            AttributeError,
                            "'{}' object has no attribute '{}' and no __dict__ for setting new attributes",
                            ty.tp_name(),
                            name.to_string_lossy()
                        ),
                        self,
                        name,
                    )
                }
                None => plain_no_attribute(self, name),
                Some(_) => raise!(
                    AttributeError,
                    "'{}' object attribute '{}' is read-only",
                    ty.tp_name(),
                    name.to_string_lossy()
                ),
            });
        }
        match value {
            Some(v) => generic_dict(self)?.set(name, v),
            None => match plain_dict(self) {
                Some(d) if d.del(name)? => Ok(()),
                _ => Err(plain_no_attribute(self, name)),
            },
        }
    }

    /// A special method, looked up on the type and bound.
    pub fn lookup_special(&self, name: &Str) -> PyResult<Option<PyRef>> {
        let ty = self.ty();
        let Some(d) = ty.lookup(name) else { return Ok(None) };
        match d.ty().slots().tp_descr_get {
            Some(f) => descr_get(&d, f, self, ty).map(Some),
            None => Ok(Some(d)),
        }
    }
}

fn set_or_del(o: &Object, name: &Str, value: Option<&Object>) -> PyResult<()> {
    let t = o.ty().slots();
    let v = value.map_or(core::ptr::null_mut(), |v| v.as_ptr());
    if let Some(f) = t.tp_setattro {
        if core::ptr::fn_addr_eq(f, PyObject_GenericSetAttr as unsafe extern "C" fn(P, P, P) -> c_int) {
            return o.generic_setattr(name, value);
        }
        // SAFETY: a C slot.
        return done(unsafe { f(o.as_ptr(), name.as_ptr(), v) });
    }
    if let Some(f) = t.tp_setattr {
        let n = std::ffi::CString::new(name.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))?;
        // SAFETY: a C slot.
        return done(unsafe { f(o.as_ptr(), n.as_ptr().cast_mut(), v) });
    }
    let how = if value.is_none() { "del" } else { "assign to" };
    let what = if t.tp_getattr.is_none() && t.tp_getattro.is_none() { "no" } else { "only read-only" };
    Err(raise!(
        TypeError,
        "'{}' object has {} attributes ({} .{})",
        o.ty().tp_name(),
        what,
        how,
        name.to_string_lossy()
    ))
}

/// The instance dict of an object, made when missing; AttributeError for objects without one.
pub fn generic_dict(o: &Object) -> PyResult<Ref<Dict>> {
    if o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
        return instance::materialize_dict(o);
    }
    // SAFETY: the slot of a live object.
    unsafe {
        let s = dict_slot(o.as_ptr());
        if s.is_null() {
            return Err(raise!(AttributeError, "This object has no __dict__"));
        }
        if let Some(d) = plain_dict(o) {
            return Ok(d);
        }
        use core::sync::atomic::{AtomicPtr, Ordering::*};
        let d = Dict::new()?;
        let a = AtomicPtr::from_ptr(s);
        let p = d.clone().into_ptr();
        if a.compare_exchange(core::ptr::null_mut(), p, AcqRel, Acquire).is_err() {
            drop(PyRef::from_raw(p.cast::<Object>()));
            return plain_dict(o).ok_or_else(|| raise!(RuntimeError, "__dict__ vanished"));
        }
        Ok(d)
    }
}

/// `obj.__dict__ = value` / `del obj.__dict__`.
pub fn set_generic_dict(o: &Object, value: Option<&Object>) -> PyResult<()> {
    let managed = o.ty().has_feature(abi::Py_TPFLAGS_MANAGED_DICT);
    // SAFETY: the slot of a live object.
    let s = unsafe { dict_slot(o.as_ptr()) };
    if !managed && s.is_null() {
        return Err(raise!(AttributeError, "This object has no __dict__"));
    }
    let Some(v) = value else {
        if managed && o.ty().is_heap_type() {
            return instance::set_managed_dict(o, None);
        }
        return Err(raise!(TypeError, "cannot delete __dict__"));
    };
    let Some(d) = v.downcast::<Dict>() else {
        return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().tp_name()));
    };
    if managed {
        return instance::set_managed_dict(o, Some(d));
    }
    use core::sync::atomic::{AtomicPtr, Ordering::*};
    // SAFETY: the slot owns its reference; readers may be between load and incref.
    unsafe {
        let old = AtomicPtr::from_ptr(s).swap(d.to_ref().into_ptr(), AcqRel);
        if !old.is_null() {
            crate::mem::qsbr::decref_delayed(old);
        }
    }
    Ok(())
}

use crate::typeobject::cabi;

/// `PyObject_GenericGetAttr`.
///
/// # Safety
/// Live objects.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericGetAttr(o: P, name: P) -> P {
    cabi::obj(|| {
        // SAFETY: the caller's promise.
        let (o, n) = unsafe { (cabi::o(o), cabi::o(name)) };
        match n.downcast::<Str>() {
            Some(n) => o.generic_getattr(n),
            None => Err(name_type_error(n)),
        }
    })
}

/// `PyObject_GenericSetAttr`.
///
/// # Safety
/// Live objects; `v` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericSetAttr(o: P, name: P, v: P) -> c_int {
    cabi::unit(|| {
        // SAFETY: the caller's promise.
        let (o, n, v) = unsafe { (cabi::o(o), cabi::o(name), cabi::oo(v)) };
        match n.downcast::<Str>() {
            Some(n) => o.generic_setattr(n, v),
            None => Err(name_type_error(n)),
        }
    })
}

/// `PyObject_GenericGetDict`.
///
/// # Safety
/// A live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericGetDict(o: P, _closure: *mut c_void) -> P {
    // SAFETY: the caller's promise.
    cabi::obj(|| generic_dict(unsafe { cabi::o(o) }))
}

/// `PyObject_GenericSetDict`.
///
/// # Safety
/// A live object; `v` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GenericSetDict(o: P, v: P, _closure: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    cabi::unit(|| unsafe { set_generic_dict(cabi::o(o), cabi::oo(v)) })
}
