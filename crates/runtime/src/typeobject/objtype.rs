//! `object`: construction, comparison, formatting, `__class__`, and copying/pickling (`__reduce_ex__`, `__getstate__`).

use super::cabi::{NO_DOC, o, obj, of, oo, size, unit};
use super::{Type, TypeSpec, alloc, subtype};
use crate::convert::{getset_def, getset_end, method_def, method_end};
use crate::prelude::*;
use crate::type_slots;
use crate::typeobject::CompareOp;
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};

type P = *mut PyObject;

/// A function of `builtins`.
pub fn builtin(name: &'static str) -> PyResult<PyRef> {
    import("builtins")?.getattr(Str::intern(name))
}

/// Imports a module by its dotted name.
pub fn import(name: &str) -> PyResult<PyRef> {
    crate::import::import_module(name)
}

fn same(f: Option<*const ()>, g: *const ()) -> bool {
    f.is_some_and(|f| core::ptr::eq(f, g))
}

fn excess(args: P, kw: P) -> bool {
    // SAFETY: a tuple and a dict or null.
    unsafe { !of::<Tuple>(args).is_empty() || kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) }
}

pub unsafe extern "C" fn object_init(p: P, args: P, kw: P) -> c_int {
    unit(|| {
        if excess(args, kw) {
            // SAFETY: slots get live objects.
            let ty = unsafe { o(p) }.ty();
            let s = ty.slots();
            if !same(s.tp_init.map(|f| f as *const ()), object_init as *const ()) {
                return Err(raise!(
                    TypeError,
                    "object.__init__() takes exactly one argument (the instance to initialize)"
                ));
            }
            if same(s.tp_new.map(|f| f as *const ()), object_new as *const ()) {
                return Err(raise!(
                    TypeError,
                    "{}.__init__() takes exactly one argument (the instance to initialize)",
                    ty.tp_name()
                ));
            }
        }
        Ok(())
    })
}

pub unsafe extern "C" fn object_new(ty: *mut PyTypeObject, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a type.
        let t = unsafe { Type::from_ptr(ty) };
        if excess(args, kw) {
            let s = t.slots();
            if !same(s.tp_new.map(|f| f as *const ()), object_new as *const ()) {
                return Err(raise!(TypeError, "object.__new__() takes exactly one argument (the type to instantiate)"));
            }
            if same(s.tp_init.map(|f| f as *const ()), object_init as *const ()) {
                return Err(raise!(TypeError, "{}() takes no arguments", t.tp_name()));
            }
        }
        if t.has_feature(abi::Py_TPFLAGS_IS_ABSTRACT) {
            return Err(abstract_error(t)?);
        }
        // SAFETY: an owned new object.
        Ok(unsafe { PyRef::from_raw(t.alloc(0)?.cast()) })
    })
}

#[cold]
fn abstract_error(t: &Type) -> PyResult<crate::error::Raised> {
    let names = t.getattr(intern!("__abstractmethods__"))?;
    let l = names.to_list()?;
    l.sort(None, false)?;
    let v: Vec<String> =
        l.snapshot().iter().map(|n| n.str().map(|s| format!("'{}'", s.to_string_lossy()))).collect::<PyResult<_>>()?;
    Ok(raise!(
        TypeError,
        "Can't instantiate abstract class {} without an implementation for abstract method{} {}",
        t.tp_name(),
        if v.len() > 1 { "s" } else { "" },
        v.join(", ")
    ))
}

unsafe extern "C" fn object_repr(p: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let x = unsafe { o(p) };
        let ty = x.ty();
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
                Str::format(format_args!("<{}.{} object at {:p}>", m.to_string_lossy(), q.to_string_lossy(), x))
            }
            _ => Str::format(format_args!("<{} object at {:p}>", ty.tp_name(), x)),
        }
    })
}

unsafe extern "C" fn object_str(p: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| unsafe { o(p) }.repr())
}

unsafe extern "C" fn object_hash(p: P) -> isize {
    size(|| Ok((p as usize).rotate_right(4) as isize))
}

pub unsafe extern "C" fn object_richcompare(a: P, b: P, op: c_int) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let (x, y) = unsafe { (o(a), o(b)) };
        match CompareOp::from_raw(op) {
            Some(CompareOp::Eq) if x.is(y) => Ok(true_().to_ref()),
            Some(CompareOp::Ne) => {
                // By default `!=` inverts `==`.
                let Some(f) = x.ty().slots().tp_richcompare else { return Ok(not_implemented().to_ref()) };
                // SAFETY: a C slot.
                let r = unsafe { crate::protocol::own(f(a, b, CompareOp::Eq as c_int))? };
                if r.is(not_implemented()) {
                    return Ok(r);
                }
                Ok(Bool::of(!r.is_true()?).to_ref())
            }
            _ => Ok(not_implemented().to_ref()),
        }
    })
}

unsafe extern "C" fn get_class(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    unsafe { o(p) }.ty().to_ref().into_ptr()
}
unsafe extern "C" fn set_class(p: P, v: P, _c: *mut c_void) -> c_int {
    // SAFETY: setters get live objects.
    unit(|| unsafe { super::bases::set_class(o(p), oo(v)) })
}

unsafe extern "C" fn format(p: P, spec: P) -> P {
    obj(|| {
        // SAFETY: methods get live objects.
        let (x, s) = unsafe { (o(p), o(spec)) };
        let Some(s) = s.downcast::<Str>() else {
            return Err(raise!(TypeError, "__format__() argument must be str, not {}", s.ty().tp_name()));
        };
        if !s.is_empty() {
            return Err(raise!(TypeError, "unsupported format string passed to {}.__format__", x.ty().tp_name()));
        }
        x.str()
    })
}

unsafe extern "C" fn sizeof(p: P, _a: P) -> P {
    obj(|| {
        // SAFETY: methods get live objects.
        unsafe {
            let t = o(p).ty().slots();
            let mut n = t.tp_basicsize;
            if t.tp_itemsize > 0 {
                n += (*p.cast::<abi::PyVarObject>()).ob_size.abs() * t.tp_itemsize;
            }
            Int::from_i64(n as i64)
        }
    })
}

unsafe extern "C" fn dir(p: P, _a: P) -> P {
    obj(|| {
        // SAFETY: methods get live objects.
        let x = unsafe { o(p) };
        let d = match x.getattr_opt(intern!("__dict__"))? {
            Some(v) => match v.downcast::<Dict>() {
                Some(d) => d.copy()?,
                None => Dict::new()?,
            },
            None => Dict::new()?,
        };
        if let Some(c) = x.getattr_opt(intern!("__class__"))? {
            super::attrs::merge_class_dict(&d, &c)?;
        }
        d.keys_list()
    })
}

unsafe extern "C" fn init_subclass(_cls: P, _a: P) -> P {
    none_ref().into_ptr()
}
unsafe extern "C" fn subclasshook(_cls: P, _args: P) -> P {
    not_implemented().to_ref().into_ptr()
}

/// `copyreg._slotnames(cls)`, cached in the class.
fn slotnames(cls: &Type) -> PyResult<Option<Ref<List>>> {
    if let Some(v) = cls.dict().get_str(intern!("__slotnames__"))? {
        if v.is_none() {
            return Ok(None);
        }
        return match v.downcast_into::<List>() {
            Ok(l) => Ok(Some(l)),
            Err(v) => Err(raise!(
                TypeError,
                "{}.__slotnames__ should be a list or None, not {}",
                cls.tp_name(),
                v.ty().tp_name()
            )),
        };
    }
    let r = import("copyreg")?.call_method(intern!("_slotnames"), &[cls])?;
    if r.is_none() {
        return Ok(None);
    }
    r.downcast_into::<List>()
        .map(Some)
        .map_err(|_| raise!(TypeError, "copyreg._slotnames didn't return a list or None"))
}

/// What `object.__getstate__` gives; `required`: the object cannot be recreated without more help.
fn default_state(x: &Object, required: bool) -> PyResult<PyRef> {
    let ty = x.ty();
    if required && ty.slots().tp_itemsize != 0 {
        return Err(raise!(TypeError, "cannot pickle '{}' object", ty.tp_name()));
    }
    let state: PyRef = match x.getattr_opt(intern!("__dict__"))? {
        // An empty dict is no state
        Some(d) if d.downcast_exact::<Dict>().is_some_and(|d| d.is_empty()) => none_ref(),
        Some(d) => d,
        None => none_ref(),
    };
    let names = slotnames(ty)?.map(|l| l.snapshot()).unwrap_or_default();
    if required {
        let mut basic = super::object_type().slots().tp_basicsize;
        let s = ty.slots();
        if s.tp_dictoffset != 0 && !ty.has_feature(abi::Py_TPFLAGS_MANAGED_DICT) {
            basic += 8;
        }
        if s.tp_weaklistoffset > 0 {
            basic += 8;
        }
        basic += 8 * names.len() as isize;
        if s.tp_basicsize > basic {
            return Err(raise!(TypeError, "cannot pickle '{}' object", ty.tp_name()));
        }
    }
    if !names.is_empty() {
        let slots = Dict::new()?;
        for n in &names {
            let Some(n) = n.downcast::<Str>() else { continue };
            if let Some(v) = x.getattr_opt(n)? {
                slots.set(n, &v)?;
            }
        }
        if slots.len() > 0 {
            return Ok(Tuple::from_slice(&[&state, &slots])?.upcast());
        }
    }
    Ok(state)
}

fn get_state(x: &Object, required: bool) -> PyResult<PyRef> {
    let f = x.getattr(intern!("__getstate__"))?;
    let is_default = crate::objects::methodobject::is_builtin_with(&f, getstate as *const ())
        && crate::objects::methodobject::self_of(&f).is_some_and(|s| s.is(x));
    if is_default { default_state(x, required) } else { f.call0() }
}

unsafe extern "C" fn getstate(p: P, _a: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| default_state(unsafe { o(p) }, false))
}

/// Arguments for `__new__` from `__getnewargs_ex__` or `__getnewargs__`.
fn newargs(x: &Object) -> PyResult<(Option<Ref<Tuple>>, Option<Ref<Dict>>)> {
    if let Some(f) = x.lookup_special(intern!("__getnewargs_ex__"))? {
        let r = f.call0()?;
        let Some(t) = r.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "__getnewargs_ex__ should return a tuple, not '{}'", r.ty().tp_name()));
        };
        let [a, k] = t.as_slice() else {
            return Err(raise!(ValueError, "__getnewargs_ex__ should return a tuple of length 2, not {}", t.len()));
        };
        let Some(a) = a.downcast::<Tuple>() else {
            return Err(raise!(
                TypeError,
                "first item of the tuple returned by __getnewargs_ex__ must be a tuple, not '{}'",
                a.ty().tp_name()
            ));
        };
        let Some(k) = k.downcast::<Dict>() else {
            return Err(raise!(
                TypeError,
                "second item of the tuple returned by __getnewargs_ex__ must be a dict, not '{}'",
                k.ty().tp_name()
            ));
        };
        return Ok((Some(Ref::new_ref(a)), Some(Ref::new_ref(k))));
    }
    if let Some(f) = x.lookup_special(intern!("__getnewargs__"))? {
        let r = f.call0()?;
        return match r.downcast_into::<Tuple>() {
            Ok(t) => Ok((Some(t), None)),
            Err(r) => Err(raise!(TypeError, "__getnewargs__ should return a tuple, not '{}'", r.ty().tp_name())),
        };
    }
    Ok((None, None))
}

fn reduce_newobj(x: &Object) -> PyResult<PyRef> {
    let ty = x.ty();
    if ty.slots().tp_new.is_none() {
        return Err(raise!(TypeError, "cannot pickle '{}' object", ty.tp_name()));
    }
    let (args, kwargs) = newargs(x)?;
    let copyreg = import("copyreg")?;
    let has_args = args.is_some();
    let (new, newargs): (PyRef, Ref<Tuple>) = match &kwargs {
        Some(k) if k.len() > 0 => {
            let args = args.clone().unwrap_or_else(Tuple::empty);
            (copyreg.getattr(intern!("__newobj_ex__"))?, Tuple::from_slice(&[ty, &args, k])?)
        }
        _ => {
            let mut v: Vec<&Object> = vec![ty];
            if let Some(a) = &args {
                v.extend_from_slice(a.as_slice());
            }
            (copyreg.getattr(intern!("__newobj__"))?, Tuple::from_slice(&v)?)
        }
    };
    let state = get_state(x, !(has_args || x.downcast::<List>().is_some() || x.downcast::<Dict>().is_some()))?;
    let list_items = if x.downcast::<List>().is_some() { x.iter()? } else { none_ref() };
    let dict_items =
        if x.downcast::<Dict>().is_some() { x.call_method(intern!("items"), &[])?.iter()? } else { none_ref() };
    Ok(Tuple::from_slice(&[&new, &newargs, &state, &list_items, &dict_items])?.upcast())
}

fn common_reduce(x: &Object, proto: isize) -> PyResult<PyRef> {
    if proto >= 2 {
        return reduce_newobj(x);
    }
    let f = import("copyreg")?.getattr(intern!("_reduce_ex"))?;
    f.call(&[x, &*Int::from_i64(proto as i64)?])
}

unsafe extern "C" fn reduce(p: P, _a: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| common_reduce(unsafe { o(p) }, 0))
}

unsafe extern "C" fn reduce_ex(p: P, proto: P) -> P {
    obj(|| {
        // SAFETY: methods get live objects.
        let (x, proto) = unsafe { (o(p), o(proto).as_isize()?) };
        if let Some(r) = x.getattr_opt(intern!("__reduce__"))? {
            let own = x.ty().getattr(intern!("__reduce__"))?;
            let base = super::object_type().dict().get_str(intern!("__reduce__"))?;
            if base.is_none_or(|b| !b.is(&own)) {
                return r.call0();
            }
        }
        common_reduce(x, proto)
    })
}

pub static SPEC: TypeSpec = TypeSpec {
    name: c"object",
    type_object: &raw mut super::PyBaseObject_Type,
    basicsize: size_of::<PyObject>(),
    flags: abi::Py_TPFLAGS_BASETYPE,
    doc: Some(c"object()\n--\n\nThe base class of the class hierarchy.\n\nWhen called, it accepts no arguments and returns a new featureless\ninstance that has no instance attributes and cannot be given any.\n"),
    slots: type_slots![
        Py_tp_dealloc = subtype::object_dealloc,
        Py_tp_repr = object_repr,
        Py_tp_hash = object_hash,
        Py_tp_str = object_str,
        Py_tp_getattro = crate::protocol::attr::PyObject_GenericGetAttr,
        Py_tp_setattro = crate::protocol::attr::PyObject_GenericSetAttr,
        Py_tp_richcompare = object_richcompare,
        Py_tp_init = object_init,
        Py_tp_alloc = alloc::PyType_GenericAlloc,
        Py_tp_new = object_new,
        Py_tp_free = alloc::PyObject_Free,
    ],
    methods: &[
        method_def(c"__reduce_ex__", reduce_ex as *const (), abi::METH_O, c"__reduce_ex__($self, protocol, /)\n--\n\nHelper for pickle.".as_ptr()),
        method_def(c"__reduce__", reduce as *const (), abi::METH_NOARGS, c"__reduce__($self, /)\n--\n\nHelper for pickle.".as_ptr()),
        method_def(c"__getstate__", getstate as *const (), abi::METH_NOARGS, c"__getstate__($self, /)\n--\n\nHelper for pickle.".as_ptr()),
        method_def(c"__subclasshook__", subclasshook as *const (), abi::METH_CLASS | abi::METH_O, c"__subclasshook__($type, object, /)\n--\n\nAbstract classes can override this to customize issubclass().\n\nThis is invoked early on by abc.ABCMeta.__subclasscheck__().\nIt should return True, False or NotImplemented.  If it returns\nNotImplemented, the normal algorithm is used.  Otherwise, it\noverrides the normal algorithm (and the outcome is cached).\n".as_ptr()),
        method_def(c"__init_subclass__", init_subclass as *const (), abi::METH_CLASS | abi::METH_NOARGS, c"__init_subclass__($type, /)\n--\n\nThis method is called when a class is subclassed.\n\nThe default implementation does nothing. It may be\noverridden to extend subclasses.\n".as_ptr()),
        method_def(c"__format__", format as *const (), abi::METH_O, c"__format__($self, format_spec, /)\n--\n\nDefault object formatter.\n\nReturn str(self) if format_spec is empty. Raise TypeError otherwise.".as_ptr()),
        method_def(c"__sizeof__", sizeof as *const (), abi::METH_NOARGS, c"__sizeof__($self, /)\n--\n\nSize of object in memory, in bytes.".as_ptr()),
        method_def(c"__dir__", dir as *const (), abi::METH_NOARGS, c"__dir__($self, /)\n--\n\nDefault dir() implementation.".as_ptr()),
        method_end(),
    ],
    getset: &[getset_def(c"__class__", Some(get_class), Some(set_class), NO_DOC), getset_end()],
    ..TypeSpec::EMPTY
};
