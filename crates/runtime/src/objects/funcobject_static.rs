//! `staticmethod` and `classmethod`.

use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::prelude::*;
use crate::protocol::own;
use crate::typeobject::cabi::{self, NO_DOC, o, obj, of, oo, set_field, unit};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::PyObject;
use core::ffi::{c_int, c_void};
use core::mem::offset_of;

type P = *mut PyObject;

/// Layout of both.
#[repr(C)]
pub struct StaticMethod {
    ob_base: PyObject,
    callable: P,
    dict: P,
}
/// The same layout for `classmethod`.
#[repr(transparent)]
pub struct ClassMethod(StaticMethod);

#[unsafe(no_mangle)]
pub static mut PyStaticMethod_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut PyClassMethod_Type: Type = Type::STATIC;
py_layout!(StaticMethod, PyStaticMethod_Type);
py_layout!(ClassMethod, PyClassMethod_Type);

fn new_of<T: PyClass>(f: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<T>(T::type_object())?;
    // SAFETY: a new object.
    unsafe { (*r.as_raw().cast::<StaticMethod>()).callable = f.to_ref().into_ptr() };
    crate::mem::gc::track(&r);
    crate::mem::refcount::set_deferred(&r);
    wrap_attributes(&r, f)?;
    Ok(r.upcast())
}

/// `staticmethod(f)`.
pub fn new_staticmethod(f: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<StaticMethod>(StaticMethod::type_object())?;
    // SAFETY: a new object.
    unsafe { (*r.as_raw()).callable = f.to_ref().into_ptr() };
    crate::mem::gc::track(&r);
    crate::mem::refcount::set_deferred(&r);
    Ok(r.upcast())
}

/// `classmethod(f)`.
pub fn new_classmethod(f: &Object) -> PyResult<PyRef> {
    new_of::<ClassMethod>(f)
}

/// `staticmethod(f)` with the attributes of `f` copied (`PyStaticMethod_New`).
pub fn new_staticmethod_wrapping(f: &Object) -> PyResult<PyRef> {
    new_of::<StaticMethod>(f)
}

/// What an exact `staticmethod` gives for any instance and class: it stays as long as the object does.
pub fn static_function(x: &Object) -> Option<&Object> {
    if x.downcast_exact::<StaticMethod>().is_none() {
        return None;
    }
    // SAFETY: a live field.
    unsafe { oo(s(x.as_ptr()).callable) }
}

/// The Python function that an exact `classmethod` binds to the class.
pub fn class_function(x: &Object) -> Option<&Object> {
    x.downcast_exact::<ClassMethod>()?;
    // SAFETY: a live field.
    unsafe { oo(s(x.as_ptr()).callable) }.filter(|f| f.downcast_exact::<crate::objects::Function>().is_some())
}

/// The wrapped function.
pub fn wrapped(x: &Object) -> Option<&Object> {
    if x.downcast::<StaticMethod>().is_some() || x.downcast::<ClassMethod>().is_some() {
        // SAFETY: a live field.
        Some(s(x.as_ptr()).callable).and_then(|p| unsafe { oo(p) })
    } else {
        None
    }
}

fn wrap_attributes(r: &Object, f: &Object) -> PyResult<()> {
    for n in [intern!("__module__"), intern!("__name__"), intern!("__qualname__"), intern!("__doc__")] {
        if let Some(v) = f.getattr_opt(n)? {
            r.setattr(n, &v)?;
        }
    }
    Ok(())
}

fn s<'a>(p: P) -> &'a StaticMethod {
    // SAFETY: slots get these objects.
    unsafe { &*p.cast::<StaticMethod>() }
}
fn callable<'a>(p: P) -> PyResult<&'a Object> {
    // SAFETY: a live field.
    match unsafe { oo(s(p).callable) } {
        Some(f) => Ok(f),
        // SAFETY: slots get live objects.
        None => Err(raise!(RuntimeError, "uninitialized {} object", unsafe { o(p) }.ty().tp_name())),
    }
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying object.
        unsafe {
            crate::mem::gc::untrack(o(p));
            let x = p.cast::<StaticMethod>();
            set_field(&raw mut (*x).callable, None);
            set_field(&raw mut (*x).dict, None);
            free_object(p);
        }
    })
}
unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; s(p).callable, s(p).dict)
}
unsafe extern "C" fn clear(p: P) -> c_int {
    // SAFETY: called by the collector.
    unsafe {
        let x = p.cast::<StaticMethod>();
        set_field(&raw mut (*x).callable, None);
        set_field(&raw mut (*x).dict, None);
    }
    0
}
unsafe extern "C" fn init(p: P, args: P, kw: P) -> c_int {
    unit(|| {
        // SAFETY: `tp_init` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            let n = o(p).ty().tp_name();
            if kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) {
                return Err(raise!(TypeError, "{}() takes no keyword arguments", n));
            }
            if a.len() != 1 {
                return Err(raise!(TypeError, "{} expected 1 argument, got {}", n, a.len()));
            }
            let slot = &raw mut (*p.cast::<StaticMethod>()).callable;
            let old = slot.replace(a.get(0).to_ref().into_ptr());
            // Inline caches may know the callable of an object that is initialised twice: it is never freed.
            core::mem::forget(PyRef::from_ptr_opt(old));
            wrap_attributes(o(p), a.get(0))
        }
    })
}
unsafe extern "C" fn tp_new(ty: *mut abi::PyTypeObject, _args: P, _kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a type; the object is new.
        unsafe {
            let p = Type::from_ptr(ty).alloc(0)?;
            (*p.cast::<StaticMethod>()).callable = none_ref().into_ptr();
            crate::mem::refcount::set_deferred(o(p));
            Ok(PyRef::from_raw(p.cast::<Object>()))
        }
    })
}
unsafe extern "C" fn static_get(p: P, _i: P, _t: P) -> P {
    obj(|| Ok(callable(p)?.to_ref()))
}
unsafe extern "C" fn static_call(p: P, args: P, kw: P) -> P {
    // SAFETY: a tuple and a dict or null.
    obj(|| unsafe { callable(p)?.call_dict(of::<Tuple>(args), kw.cast::<Dict>().as_ref()) })
}
unsafe extern "C" fn class_get(p: P, inst: P, ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let f = callable(p)?;
            let t: &Object = match oo(ty) {
                Some(t) => t,
                None => match oo(inst) {
                    Some(i) => i.ty(),
                    None => return Err(raise!(TypeError, "__get__(None, None) is invalid")),
                },
            };
            crate::objects::classobject::new(f, t)
        }
    })
}
fn repr_as(p: P, n: &str) -> P {
    obj(|| Str::format(format_args!("<{}({})>", n, callable(p)?.repr()?.to_string_lossy())))
}
unsafe extern "C" fn static_repr(p: P) -> P {
    repr_as(p, "staticmethod")
}
unsafe extern "C" fn class_repr(p: P) -> P {
    repr_as(p, "classmethod")
}
unsafe extern "C" fn isabstract(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: a live field.
        Ok(Bool::of(match unsafe { oo(s(p).callable) } {
            Some(f) => is_abstract(f)?,
            None => false,
        })
        .to_ref())
    })
}
unsafe extern "C" fn get_annotations(p: P, _c: *mut c_void) -> P {
    from_wrapped(p, intern!("__annotations__"))
}
unsafe extern "C" fn set_annotations(p: P, v: P, _c: *mut c_void) -> c_int {
    to_dict(p, intern!("__annotations__"), v)
}
unsafe extern "C" fn get_annotate(p: P, _c: *mut c_void) -> P {
    from_wrapped(p, intern!("__annotate__"))
}
unsafe extern "C" fn set_annotate(p: P, v: P, _c: *mut c_void) -> c_int {
    to_dict(p, intern!("__annotate__"), v)
}
fn from_wrapped(p: P, n: &'static Str) -> P {
    obj(|| {
        // SAFETY: a live object.
        let d = crate::protocol::attr::generic_dict(unsafe { o(p) })?;
        if let Some(v) = d.get_str(n)? {
            return Ok(v);
        }
        let v = callable(p)?.getattr(n)?;
        d.set(n, &v)?;
        Ok(v)
    })
}
fn to_dict(p: P, n: &'static Str, v: P) -> c_int {
    unit(|| {
        // SAFETY: live objects.
        let (d, v) = unsafe { (crate::protocol::attr::generic_dict(o(p))?, oo(v)) };
        match v {
            Some(v) => d.set(n, v),
            None => {
                if d.del(n)? {
                    return Ok(());
                }
                Err(raise!(AttributeError, "{}", n.to_string_lossy()))
            }
        }
    })
}

/// `__isabstractmethod__` of a callable, as a truth value.
pub fn is_abstract(f: &Object) -> PyResult<bool> {
    match f.getattr_opt(intern!("__isabstractmethod__"))? {
        Some(v) => v.is_true(),
        None => Ok(false),
    }
}

unsafe extern "C" fn class_getitem(cls: P, item: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| unsafe { crate::objects::genericalias::new(&*cls.cast::<Type>(), o(item)) })
}

const GETSET: &[abi::PyGetSetDef] = &[
    getset_def(c"__isabstractmethod__", Some(isabstract), None, NO_DOC),
    getset_def(
        c"__dict__",
        Some(crate::protocol::attr::PyObject_GenericGetDict),
        Some(crate::protocol::attr::PyObject_GenericSetDict),
        NO_DOC,
    ),
    getset_def(c"__annotations__", Some(get_annotations), Some(set_annotations), NO_DOC),
    getset_def(c"__annotate__", Some(get_annotate), Some(set_annotate), NO_DOC),
    getset_end(),
];
const MEMBERS: &[abi::PyMemberDef] = &[
    member_def(c"__func__", abi::_Py_T_OBJECT, offset_of!(StaticMethod, callable) as isize, abi::Py_READONLY),
    member_def(c"__wrapped__", abi::_Py_T_OBJECT, offset_of!(StaticMethod, callable) as isize, abi::Py_READONLY),
    member_end(),
];
const METHODS: &[abi::PyMethodDef] = &[
    method_def(
        c"__class_getitem__",
        class_getitem as *const (),
        abi::METH_O | abi::METH_CLASS,
        c"See PEP 585".as_ptr(),
    ),
    method_end(),
];

static STATIC: TypeSpec = TypeSpec {
    name: c"staticmethod",
    type_object: &raw mut PyStaticMethod_Type,
    basicsize: size_of::<StaticMethod>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_BASETYPE,
    doc: Some(c"staticmethod(function, /)\n--\n\nConvert a function to be a static method.\n\nA static method does not receive an implicit first argument.\nTo declare a static method, use this idiom:\n\n     class C:\n         @staticmethod\n         def f(arg1, arg2, argN):\n             ...\n\nIt can be called either on the class (e.g. C.f()) or on an instance\n(e.g. C().f()). Both the class and the instance are ignored, and\nneither is passed implicitly as the first argument to the method."),
    dictoffset: offset_of!(StaticMethod, dict) as isize,
    slots: type_slots![
        Py_tp_new = tp_new,
        Py_tp_init = init,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_clear = clear,
        Py_tp_repr = static_repr,
        Py_tp_call = static_call,
        Py_tp_descr_get = static_get,
    ],
    members: MEMBERS,
    getset: GETSET,
    methods: METHODS,
    ..TypeSpec::EMPTY
};
static CLASS: TypeSpec = TypeSpec {
    name: c"classmethod",
    type_object: &raw mut PyClassMethod_Type,
    basicsize: size_of::<StaticMethod>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_BASETYPE,
    doc: Some(c"classmethod(function, /)\n--\n\nConvert a function to be a class method.\n\nA class method receives the class as implicit first argument,\njust like an instance method receives the instance.\nTo declare a class method, use this idiom:\n\n  class C:\n      @classmethod\n      def f(cls, arg1, arg2, argN):\n          ...\n\nIt can be called either on the class (e.g. C.f()) or on an instance\n(e.g. C().f()). The instance is ignored except for its class."),
    dictoffset: offset_of!(StaticMethod, dict) as isize,
    slots: type_slots![
        Py_tp_new = tp_new,
        Py_tp_init = init,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_clear = clear,
        Py_tp_repr = class_repr,
        Py_tp_descr_get = class_get,
    ],
    members: MEMBERS,
    getset: GETSET,
    methods: METHODS,
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 2] = [&STATIC, &CLASS];

/// Calls the descriptor protocol of any object: what `type(x).__get__(x, inst, owner)` gives.
pub fn descr_get(x: &Object, inst: Option<&Object>, owner: Option<&Object>) -> PyResult<PyRef> {
    match x.ty().slots().tp_descr_get {
        // SAFETY: a C slot.
        Some(f) => unsafe {
            own(f(
                x.as_ptr(),
                inst.map_or(core::ptr::null_mut(), |i| i.as_ptr()),
                owner.map_or(core::ptr::null_mut(), |i| i.as_ptr()),
            ))
        },
        None => Ok(x.to_ref()),
    }
}
