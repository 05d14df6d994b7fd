//! `builtin_function_or_method` and `builtin_method`: C functions as objects, one vectorcall entry per calling convention.

use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::error::Raised;
use crate::prelude::*;
use crate::protocol::call::{enter_recursive_call, kwargs_dict, nargs};
use crate::typeobject::cabi::{self, o, obj, oo, text};
use crate::typeobject::{CompareOp, TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::{PyMethodDef, PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};
use core::mem::transmute;
use core::ptr::null_mut;

type P = *mut PyObject;

/// A builtin function or bound builtin method; with `METH_METHOD` also its defining class.
#[repr(transparent)]
pub struct BuiltinFunction(pub abi::PyCFunctionObject);

/// The type `builtin_function_or_method`.
#[unsafe(no_mangle)]
pub static mut PyCFunction_Type: Type = Type::STATIC;
/// The type `builtin_method` (C functions that know their defining class).
#[unsafe(no_mangle)]
pub static mut PyCMethod_Type: Type = Type::STATIC;
py_layout!(BuiltinFunction, PyCFunction_Type);

/// The calling conventions, as const parameters.
pub const VARARGS: c_int = abi::METH_VARARGS;
pub const VARARGS_KW: c_int = abi::METH_VARARGS | abi::METH_KEYWORDS;
pub const FAST: c_int = abi::METH_FASTCALL;
pub const FAST_KW: c_int = abi::METH_FASTCALL | abi::METH_KEYWORDS;
pub const FAST_KW_METHOD: c_int = abi::METH_METHOD | FAST_KW;
pub const NOARGS: c_int = abi::METH_NOARGS;
pub const ONE: c_int = abi::METH_O;

/// The convention bits of `ml_flags`.
pub fn convention(flags: c_int) -> c_int {
    flags & (VARARGS | FAST | NOARGS | ONE | abi::METH_KEYWORDS | abi::METH_METHOD)
}

/// `qualname()` of a function for messages, with its module when it is not `builtins`.
#[cold]
pub fn function_str(f: &Object) -> String {
    let get = |n| {
        f.getattr_opt(n).unwrap_or_else(|e: Raised| {
            e.clear();
            None
        })
    };
    let Some(q) = get(intern!("__qualname__")) else {
        return f.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    };
    let q = q.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    match get(intern!("__module__")) {
        Some(m) if !m.is_none() => match m.downcast::<Str>() {
            Some(s) if s.eq_str("builtins") => format!("{q}()"),
            Some(s) => format!("{}.{q}()", s.to_string_lossy()),
            None => format!("{q}()"),
        },
        _ => format!("{q}()"),
    }
}

/// Calls a C function of convention `K`. `who` is the callable, for messages.
///
/// # Safety
/// `meth` has the convention; `args` holds `n` values and one for each of `kwnames`.
#[inline(always)]
pub unsafe fn invoke<const K: c_int>(
    meth: abi::PyCFunction,
    who: &Object,
    slf: P,
    cls: *mut PyTypeObject,
    args: *const P,
    n: usize,
    kwnames: P,
) -> P {
    // SAFETY: the caller's promise.
    unsafe {
        if K & abi::METH_KEYWORDS == 0 && !kwnames.is_null() && !(*kwnames.cast::<Tuple>()).is_empty() {
            let _: Raised = raise!(TypeError, "{} takes no keyword arguments", function_str(who));
            return null_mut();
        }
        if enter_recursive_call(" while calling a Python object").is_err() {
            return null_mut();
        }
        let f = meth.unwrap_unchecked();
        let a = args.cast_mut();
        match K {
            NOARGS => {
                if n != 0 {
                    let _: Raised = raise!(TypeError, "{} takes no arguments ({} given)", function_str(who), n);
                    return null_mut();
                }
                f(slf, null_mut())
            }
            ONE => {
                if n != 1 {
                    let _: Raised = raise!(TypeError, "{} takes exactly one argument ({} given)", function_str(who), n);
                    return null_mut();
                }
                f(slf, *a)
            }
            FAST => transmute::<_, abi::PyCFunctionFast>(Some(f)).unwrap_unchecked()(slf, a, n as isize),
            FAST_KW => transmute::<_, abi::PyCFunctionFastWithKeywords>(Some(f)).unwrap_unchecked()(
                slf, a, n as isize, kwnames,
            ),
            FAST_KW_METHOD => {
                transmute::<_, abi::PyCMethod>(Some(f)).unwrap_unchecked()(slf, cls, a, n as isize, kwnames)
            }
            _ => {
                let items: &[&Object] = if n == 0 { &[] } else { core::slice::from_raw_parts(args.cast(), n) };
                let Ok(t) = Tuple::from_slice(items) else { return null_mut() };
                if K == VARARGS {
                    f(slf, t.as_ptr())
                } else {
                    let Ok(kw) = kwargs_dict(args, n, kwnames) else { return null_mut() };
                    transmute::<_, abi::PyCFunctionWithKeywords>(Some(f)).unwrap_unchecked()(
                        slf,
                        t.as_ptr(),
                        kw.as_ref().map_or(null_mut(), |d| d.as_ptr()),
                    )
                }
            }
        }
    }
}

unsafe extern "C" fn entry<const K: c_int>(callable: P, args: *mut P, nargsf: usize, kwnames: P) -> P {
    // SAFETY: installed on builtin functions of this convention.
    unsafe {
        let f = &*callable.cast::<abi::PyCFunctionObject>();
        let slf = if (*f.m_ml).ml_flags & abi::METH_STATIC != 0 { null_mut() } else { f.m_self };
        let cls = if K == FAST_KW_METHOD { (*callable.cast::<abi::PyCMethodObject>()).mm_class } else { null_mut() };
        let r = invoke::<K>((*f.m_ml).ml_meth, o(callable), slf, cls, args, nargs(nargsf), kwnames);
        if !r.is_null() && crate::error::error_occurred() {
            return match crate::protocol::call::check_result(o(callable), r) {
                Ok(v) => v.into_ptr(),
                Err(_) => null_mut(),
            };
        }
        r
    }
}

/// A builtin function over a method definition that outlives it.
///
/// # Safety
/// `ml` is a valid definition.
pub unsafe fn new(
    ml: *mut PyMethodDef,
    slf: Option<&Object>,
    module: Option<&Object>,
    cls: Option<&Type>,
) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let flags = (*ml).ml_flags;
        let vc: abi::vectorcallfunc = match convention(flags) {
            VARARGS => Some(entry::<VARARGS>),
            VARARGS_KW => Some(entry::<VARARGS_KW>),
            FAST => Some(entry::<FAST>),
            FAST_KW => Some(entry::<FAST_KW>),
            NOARGS => Some(entry::<NOARGS>),
            ONE => Some(entry::<ONE>),
            FAST_KW_METHOD => Some(entry::<FAST_KW_METHOD>),
            _ => return Err(raise!(SystemError, "{}() method: bad call flags", text((*ml).ml_name))),
        };
        let p: P = if flags & abi::METH_METHOD != 0 {
            let Some(cls) = cls else {
                return Err(raise!(SystemError, "attempting to create PyCMethod with a METH_METHOD flag but no class"));
            };
            let r = alloc_object::<BuiltinFunction>(Type::from_ptr((&raw mut PyCMethod_Type).cast()))?.into_ptr();
            (*r.cast::<abi::PyCMethodObject>()).mm_class = Ref::new_ref(cls).into_ptr().cast();
            r
        } else {
            if cls.is_some() {
                return Err(raise!(SystemError, "attempting to create PyCFunction with class but no METH_METHOD flag"));
            }
            alloc_object::<BuiltinFunction>(Type::from_ptr((&raw mut PyCFunction_Type).cast()))?.into_ptr()
        };
        let f = p.cast::<abi::PyCFunctionObject>();
        (*f).m_ml = ml;
        (*f).m_self = slf.map_or(null_mut(), |s| s.to_ref().into_ptr());
        (*f).m_module = module.map_or(null_mut(), |s| s.to_ref().into_ptr());
        (*f).vectorcall = vc;
        crate::mem::gc::track(o(p));
        Ok(PyRef::from_raw(p.cast()))
    }
}

fn as_builtin(x: &Object) -> Option<&abi::PyCFunctionObject> {
    // SAFETY: instances of the type have the layout.
    x.downcast::<BuiltinFunction>().map(|f| &f.0)
}

/// Whether `x` is a builtin function over the C function `f`.
pub fn is_builtin_with(x: &Object, f: *const ()) -> bool {
    // SAFETY: a definition outlives its function objects.
    as_builtin(x)
        .is_some_and(|b| core::ptr::eq(unsafe { (*b.m_ml).ml_meth }.map_or(core::ptr::null(), |g| g as *const ()), f))
}

/// `__self__` of a builtin function.
pub fn self_of(x: &Object) -> Option<&Object> {
    // SAFETY: the function keeps its `self`.
    as_builtin(x).and_then(|b| unsafe { oo(b.m_self) })
}

/// The name of a builtin function.
pub fn name_of(x: &Object) -> Option<String> {
    // SAFETY: a definition outlives its function objects.
    as_builtin(x).map(|b| unsafe { text((*b.m_ml).ml_name) }.into_owned())
}

/// The definition of a builtin function.
pub fn def_of(x: &Object) -> Option<*mut PyMethodDef> {
    as_builtin(x).map(|b| b.m_ml)
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying builtin function.
        unsafe {
            let f = p.cast::<abi::PyCFunctionObject>();
            crate::mem::gc::untrack(o(p));
            crate::typeobject::subtype::clear_weakrefs_of(p, &raw mut (*f).m_weakreflist);
            if (*(*f).m_ml).ml_flags & abi::METH_METHOD != 0 {
                drop(PyRef::from_ptr_opt((*p.cast::<abi::PyCMethodObject>()).mm_class.cast()));
            }
            drop(PyRef::from_ptr_opt((*f).m_self));
            drop(PyRef::from_ptr_opt((*f).m_module));
            free_object(p);
        }
    })
}

unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector.
    unsafe {
        let f = p.cast::<abi::PyCFunctionObject>();
        let cls = if (*(*f).m_ml).ml_flags & abi::METH_METHOD != 0 {
            (*p.cast::<abi::PyCMethodObject>()).mm_class
        } else {
            null_mut()
        };
        visit_fields!(v, arg; (*f).m_self, (*f).m_module, cls)
    }
}

unsafe extern "C" fn repr(p: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let f = &*p.cast::<abi::PyCFunctionObject>();
            let name = text((*f.m_ml).ml_name);
            match oo(f.m_self) {
                Some(s) if s.downcast::<Module>().is_none() => {
                    Str::format(format_args!("<built-in method {} of {} object at {:p}>", name, s.ty().tp_name(), s))
                }
                _ => Str::format(format_args!("<built-in function {}>", name)),
            }
        }
    })
}

unsafe extern "C" fn richcompare(a: P, b: P, op: c_int) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let (Some(x), Some(y), true) = (as_builtin(o(a)), as_builtin(o(b)), op == 2 || op == 3) else {
                return Ok(not_implemented().to_ref());
            };
            let eq =
                x.m_self == y.m_self && (*x.m_ml).ml_meth.map(|f| f as usize) == (*y.m_ml).ml_meth.map(|f| f as usize);
            Ok(Bool::of(eq == (op == CompareOp::Eq as c_int)).to_ref())
        }
    })
}

unsafe extern "C" fn hash(p: P) -> isize {
    // SAFETY: slots get live objects.
    unsafe {
        let f = &*p.cast::<abi::PyCFunctionObject>();
        let h = ((f.m_self as usize).rotate_right(4) ^ (*f.m_ml).ml_meth.map_or(0, |f| f as usize).rotate_right(4))
            as isize;
        if h == -1 { -2 } else { h }
    }
}

unsafe extern "C" fn get_doc(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { doc_of((*p.cast::<abi::PyCFunctionObject>()).m_ml) })
}
unsafe extern "C" fn get_sig(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { signature_of((*p.cast::<abi::PyCFunctionObject>()).m_ml) })
}
unsafe extern "C" fn get_name(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { Str::new(&text((*(*p.cast::<abi::PyCFunctionObject>()).m_ml).ml_name)) })
}
unsafe extern "C" fn get_qualname(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: getters get live objects.
        unsafe {
            let f = &*p.cast::<abi::PyCFunctionObject>();
            let name = text((*f.m_ml).ml_name);
            match oo(f.m_self) {
                Some(s) if s.downcast::<Module>().is_none() => {
                    let t = s.downcast::<Type>().unwrap_or(s.ty());
                    let q = t.getattr(intern!("__qualname__"))?;
                    let Some(q) = q.downcast::<Str>() else {
                        return Err(raise!(TypeError, "<method>.__class__.__qualname__ is not a unicode object"));
                    };
                    Str::format(format_args!("{}.{}", q.to_string_lossy(), name))
                }
                _ => Str::new(&name),
            }
        }
    })
}
unsafe extern "C" fn get_self(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { Ok(oo((*p.cast::<abi::PyCFunctionObject>()).m_self).unwrap_or(none()).to_ref()) })
}

/// `__doc__` of a method definition.
///
/// # Safety
/// `ml` is a valid definition.
pub unsafe fn doc_of(ml: *mut PyMethodDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        if (*ml).ml_doc.is_null() {
            return Ok(none_ref());
        }
        let d = text((*ml).ml_doc);
        let d = crate::typeobject::names::internal_doc(&text((*ml).ml_name), &d).to_owned();
        if d.is_empty() { Ok(none_ref()) } else { Ok(Str::new(&d)?.upcast()) }
    }
}

/// `__text_signature__` of a method definition.
///
/// # Safety
/// `ml` is a valid definition.
pub unsafe fn signature_of(ml: *mut PyMethodDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let d = text((*ml).ml_doc);
        match crate::typeobject::names::text_signature(&text((*ml).ml_name), &d) {
            Some(s) => Ok(Str::new(s)?.upcast()),
            None => match inferred_signature((*ml).ml_flags) {
                Some(s) => Ok(Str::new(s)?.upcast()),
                None => Ok(none_ref()),
            },
        }
    }
}

/// The signature that the calling convention tells where the documentation has none.
fn inferred_signature(flags: c_int) -> Option<&'static str> {
    let (class, fixed) = (flags & abi::METH_CLASS != 0, flags & abi::METH_STATIC != 0);
    match flags & (abi::METH_VARARGS | abi::METH_FASTCALL | abi::METH_KEYWORDS | abi::METH_NOARGS | abi::METH_O) {
        abi::METH_NOARGS => Some(if class {
            "($type, /)"
        } else if fixed {
            "()"
        } else {
            "($self, /)"
        }),
        abi::METH_O if class => Some("($type, object, /)"),
        abi::METH_O => Some(if fixed { "(object, /)" } else { "($self, object, /)" }),
        _ => None,
    }
}

unsafe extern "C" fn reduce(p: P, _a: P) -> P {
    obj(|| {
        // SAFETY: methods get live objects.
        unsafe {
            let f = &*p.cast::<abi::PyCFunctionObject>();
            let name = Str::new(&text((*f.m_ml).ml_name))?;
            match oo(f.m_self) {
                Some(s) if s.downcast::<Module>().is_none() => {
                    let g = crate::typeobject::objtype::builtin("getattr")?;
                    Ok(Tuple::from_slice(&[&g, &*Tuple::from_slice(&[s, &name])?])?.upcast())
                }
                _ => Ok(name.upcast()),
            }
        }
    })
}

static SPEC: TypeSpec = TypeSpec {
    name: c"builtin_function_or_method",
    type_object: &raw mut PyCFunction_Type,
    basicsize: size_of::<abi::PyCFunctionObject>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    vectorcalloffset: core::mem::offset_of!(abi::PyCFunctionObject, vectorcall) as isize,
    weaklistoffset: core::mem::offset_of!(abi::PyCFunctionObject, m_weakreflist) as isize,
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = repr,
        Py_tp_richcompare = richcompare,
        Py_tp_hash = hash,
        Py_tp_call = crate::protocol::call::PyVectorcall_Call,
        Py_tp_getattro = crate::protocol::attr::PyObject_GenericGetAttr,
    ],
    methods: &[
        method_def(c"__reduce__", reduce as *const (), NOARGS, c"__reduce__($self, /)\n--\n\n".as_ptr()),
        method_end(),
    ],
    getset: &[
        getset_def(c"__doc__", Some(get_doc), None, cabi::NO_DOC),
        getset_def(c"__name__", Some(get_name), None, cabi::NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, cabi::NO_DOC),
        getset_def(c"__self__", Some(get_self), None, cabi::NO_DOC),
        getset_def(c"__text_signature__", Some(get_sig), None, cabi::NO_DOC),
        getset_end(),
    ],
    members: &[
        member_def(
            c"__module__",
            abi::_Py_T_OBJECT,
            core::mem::offset_of!(abi::PyCFunctionObject, m_module) as isize,
            0,
        ),
        member_end(),
    ],
    ..TypeSpec::EMPTY
};

fn cfunction_type() -> &'static Type {
    BuiltinFunction::type_object()
}

static METHOD_SPEC: TypeSpec = TypeSpec {
    name: c"builtin_method",
    type_object: &raw mut PyCMethod_Type,
    basicsize: size_of::<abi::PyCMethodObject>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    base: Some(cfunction_type),
    vectorcalloffset: core::mem::offset_of!(abi::PyCFunctionObject, vectorcall) as isize,
    weaklistoffset: core::mem::offset_of!(abi::PyCFunctionObject, m_weakreflist) as isize,
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_call = crate::protocol::call::PyVectorcall_Call,
    ],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 2] = [&SPEC, &METHOD_SPEC];

/// Same as `new`.
///
/// # Safety
/// `def` outlives the function.
pub unsafe fn new_builtin(
    def: *mut PyMethodDef,
    slf: Option<&Object>,
    module: Option<&Object>,
    cls: Option<&Type>,
) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe { new(def, slf, module, cls) }
}
