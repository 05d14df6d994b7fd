//! `method` (a function bound to an instance) and `instancemethod`.

use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::prelude::*;
use crate::protocol::call::{PY_VECTORCALL_ARGUMENTS_OFFSET, nargs};
use crate::typeobject::cabi::{self, NO_DOC, o, obj, of, oo};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};
use core::mem::offset_of;
use core::ptr::null_mut;

type P = *mut PyObject;

/// A bound method.
#[repr(transparent)]
pub struct Method(pub abi::PyMethodObject);
#[unsafe(no_mangle)]
pub static mut PyMethod_Type: Type = Type::STATIC;
py_layout!(Method, PyMethod_Type);

/// An `instancemethod`.
#[repr(C)]
pub struct InstanceMethod {
    ob_base: PyObject,
    func: P,
}
#[unsafe(no_mangle)]
pub static mut PyInstanceMethod_Type: Type = Type::STATIC;
py_layout!(InstanceMethod, PyInstanceMethod_Type);

/// Binds `f` to `slf` (`PyMethod_New`).
#[inline]
pub fn new(f: &Object, slf: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<Method>(Method::type_object())?;
    // SAFETY: a new object.
    unsafe {
        let m = r.as_raw().cast::<abi::PyMethodObject>();
        (*m).im_func = f.to_ref().into_ptr();
        (*m).im_self = slf.to_ref().into_ptr();
        (*m).vectorcall = Some(vectorcall);
    }
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

impl Method {
    pub fn func(&self) -> &Object {
        // SAFETY: the method keeps its function.
        unsafe { o(self.0.im_func) }
    }
    pub fn slf(&self) -> &Object {
        // SAFETY: the method keeps its receiver.
        unsafe { o(self.0.im_self) }
    }
}

/// `PyInstanceMethod_New`.
pub fn new_instancemethod(f: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<InstanceMethod>(InstanceMethod::type_object())?;
    // SAFETY: a new object.
    unsafe { (*r.as_raw()).func = f.to_ref().into_ptr() };
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

fn m<'a>(p: P) -> &'a Method {
    // SAFETY: slots of methods get methods.
    unsafe { &*p.cast::<Method>() }
}

unsafe extern "C" fn vectorcall(callable: P, args: *mut P, nargsf: usize, kwnames: P) -> P {
    // SAFETY: the entry of bound methods; arguments as the convention says.
    unsafe {
        let me = m(callable);
        let (f, slf) = (me.func(), me.0.im_self);
        let n = nargs(nargsf);
        let r = if nargsf & PY_VECTORCALL_ARGUMENTS_OFFSET != 0 {
            let a = args.sub(1);
            let saved = *a;
            *a = slf;
            let r = f.vectorcall(a, n + 1, kwnames);
            *a = saved;
            r
        } else {
            let nk = if kwnames.is_null() { 0 } else { (*kwnames.cast::<Tuple>()).len() };
            let total = n + nk;
            let mut small = [null_mut::<PyObject>(); 8];
            if total == 0 {
                small[1] = slf;
                f.vectorcall(small[1..].as_ptr(), 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut())
            } else if total + 2 <= small.len() {
                small[1] = slf;
                core::ptr::copy_nonoverlapping(args, small[2..].as_mut_ptr(), total);
                f.vectorcall(small[1..].as_ptr(), (n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames)
            } else {
                let mut v = Vec::with_capacity(total + 1);
                v.push(slf);
                v.extend_from_slice(core::slice::from_raw_parts(args, total));
                f.vectorcall(v.as_ptr(), n + 1, kwnames)
            }
        };
        r.map_or(null_mut(), Ref::into_ptr)
    }
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying method.
        unsafe {
            let x = p.cast::<abi::PyMethodObject>();
            crate::mem::gc::untrack(o(p));
            crate::typeobject::subtype::clear_weakrefs_of(p, &raw mut (*x).im_weakreflist);
            drop(PyRef::from_ptr_opt((*x).im_func));
            drop(PyRef::from_ptr_opt((*x).im_self));
            free_object(p);
        }
    })
}
unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; m(p).0.im_func, m(p).0.im_self)
}

unsafe extern "C" fn tp_new(ty: *mut PyTypeObject, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            let n = Type::from_ptr(ty).tp_name();
            if kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) {
                return Err(raise!(TypeError, "{}() takes no keyword arguments", n));
            }
            let [f, s] = a.as_slice() else {
                return Err(raise!(TypeError, "{} expected 2 arguments, got {}", n, a.len()));
            };
            if !f.is_callable() {
                return Err(raise!(TypeError, "first argument must be callable"));
            }
            if s.is_none() {
                return Err(raise!(TypeError, "instance must not be None"));
            }
            new(f, s)
        }
    })
}

unsafe extern "C" fn getattro(p: P, name: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let n = unsafe { o(name) };
        let Some(n) = n.downcast::<Str>() else { return Err(crate::protocol::attr::name_type_error(n)) };
        if let Some(d) = Method::type_object().lookup(n) {
            // SAFETY: slots get live objects.
            return crate::objects::funcobject_static::descr_get(
                &d,
                Some(unsafe { o(p) }),
                Some(Method::type_object()),
            );
        }
        m(p).func().getattr(n)
    })
}

unsafe extern "C" fn repr(p: P) -> P {
    obj(|| {
        let me = m(p);
        let mut name = me.func().getattr_opt(intern!("__qualname__"))?;
        if name.as_ref().is_none_or(|n| n.downcast::<Str>().is_none()) {
            name = me.func().getattr_opt(intern!("__name__"))?;
        }
        let n = name
            .as_ref()
            .and_then(|n| n.downcast::<Str>())
            .map_or_else(|| "?".to_owned(), |s| s.to_string_lossy().into_owned());
        Str::format(format_args!("<bound method {} of {}>", n, me.slf().repr()?.to_string_lossy()))
    })
}

unsafe extern "C" fn richcompare(a: P, b: P, op: c_int) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let (Some(x), Some(y), true) =
            (unsafe { o(a) }.downcast::<Method>(), unsafe { o(b) }.downcast::<Method>(), op == 2 || op == 3)
        else {
            return Ok(not_implemented().to_ref());
        };
        let eq = x.func().eq(y.func())? && x.slf().is(y.slf());
        Ok(Bool::of(eq == (op == 2)).to_ref())
    })
}

unsafe extern "C" fn hash(p: P) -> isize {
    cabi::size(|| {
        let h = (m(p).0.im_self as usize).rotate_right(4) as isize ^ m(p).func().hash()?;
        Ok(if h == -1 { -2 } else { h })
    })
}

unsafe extern "C" fn descr_get(p: P, _i: P, _t: P) -> P {
    // SAFETY: slots get live objects.
    unsafe { o(p) }.to_ref().into_ptr()
}

unsafe extern "C" fn get_doc(p: P, _c: *mut c_void) -> P {
    obj(|| m(p).func().getattr(intern!("__doc__")))
}

unsafe extern "C" fn reduce(p: P, _a: P) -> P {
    obj(|| {
        let me = m(p);
        let g = crate::typeobject::objtype::builtin("getattr")?;
        let n = me.func().getattr(intern!("__name__"))?;
        Tuple::from_slice(&[&g, &*Tuple::from_slice(&[me.slf(), &n])?])
    })
}

static SPEC: TypeSpec = TypeSpec {
    name: c"method",
    type_object: &raw mut PyMethod_Type,
    basicsize: size_of::<abi::PyMethodObject>(),
    flags: abi::Py_TPFLAGS_HAVE_GC,
    doc: Some(c"method(function, instance, /)\n--\n\nCreate a bound instance method object."),
    vectorcalloffset: offset_of!(abi::PyMethodObject, vectorcall) as isize,
    weaklistoffset: offset_of!(abi::PyMethodObject, im_weakreflist) as isize,
    slots: type_slots![
        Py_tp_new = tp_new,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_getattro = getattro,
        Py_tp_setattro = crate::protocol::attr::PyObject_GenericSetAttr,
        Py_tp_repr = repr,
        Py_tp_richcompare = richcompare,
        Py_tp_hash = hash,
        Py_tp_descr_get = descr_get,
        Py_tp_call = crate::protocol::call::PyVectorcall_Call,
    ],
    methods: &[
        method_def(c"__reduce__", reduce as *const (), abi::METH_NOARGS, c"__reduce__($self, /)\n--\n\n".as_ptr()),
        method_end(),
    ],
    getset: &[getset_def(c"__doc__", Some(get_doc), None, NO_DOC), getset_end()],
    members: &[
        member_def(c"__func__", abi::_Py_T_OBJECT, offset_of!(abi::PyMethodObject, im_func) as isize, abi::Py_READONLY),
        member_def(c"__self__", abi::_Py_T_OBJECT, offset_of!(abi::PyMethodObject, im_self) as isize, abi::Py_READONLY),
        member_end(),
    ],
    ..TypeSpec::EMPTY
};

fn im<'a>(p: P) -> &'a Object {
    // SAFETY: slots of instance methods get instance methods.
    unsafe { o((*p.cast::<InstanceMethod>()).func) }
}
unsafe extern "C" fn im_new(_ty: *mut PyTypeObject, args: P, _kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a tuple.
        let a = unsafe { of::<Tuple>(args) };
        match a.as_slice() {
            [f] if f.is_callable() => new_instancemethod(f),
            [_] => Err(raise!(TypeError, "first argument must be callable")),
            s => Err(raise!(TypeError, "instancemethod expected 1 argument, got {}", s.len())),
        }
    })
}
unsafe extern "C" fn im_dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying object.
        unsafe {
            crate::mem::gc::untrack(o(p));
            drop(PyRef::from_ptr_opt((*p.cast::<InstanceMethod>()).func));
            free_object(p);
        }
    })
}
unsafe extern "C" fn im_traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector.
    visit_fields!(v, arg; unsafe { (*p.cast::<InstanceMethod>()).func })
}
unsafe extern "C" fn im_get(p: P, inst: P, _t: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        match unsafe { oo(inst) } {
            Some(i) => new(im(p), i),
            None => Ok(im(p).to_ref()),
        }
    })
}
unsafe extern "C" fn im_call(p: P, args: P, kw: P) -> P {
    // SAFETY: a tuple and a dict or null.
    obj(|| unsafe { im(p).call_dict(of::<Tuple>(args), kw.cast::<Dict>().as_ref()) })
}
unsafe extern "C" fn im_repr(p: P) -> P {
    obj(|| {
        let n = im(p).getattr_opt(intern!("__name__"))?;
        let n = n
            .as_ref()
            .and_then(|n| n.downcast::<Str>())
            .map_or_else(|| "?".to_owned(), |s| s.to_string_lossy().into_owned());
        Str::format(format_args!("<instancemethod {} at {:p}>", n, p))
    })
}
unsafe extern "C" fn im_getattro(p: P, name: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let n = unsafe { o(name) };
        let Some(n) = n.downcast::<Str>() else { return Err(crate::protocol::attr::name_type_error(n)) };
        if let Some(d) = InstanceMethod::type_object().lookup(n) {
            // SAFETY: slots get live objects.
            return crate::objects::funcobject_static::descr_get(
                &d,
                Some(unsafe { o(p) }),
                Some(InstanceMethod::type_object()),
            );
        }
        im(p).getattr(n)
    })
}
unsafe extern "C" fn im_doc(p: P, _c: *mut c_void) -> P {
    obj(|| im(p).getattr(intern!("__doc__")))
}

static IM_SPEC: TypeSpec = TypeSpec {
    name: c"instancemethod",
    type_object: &raw mut PyInstanceMethod_Type,
    basicsize: size_of::<InstanceMethod>(),
    flags: abi::Py_TPFLAGS_HAVE_GC,
    doc: Some(c"instancemethod(function)\n\nBind a function to a class."),
    slots: type_slots![
        Py_tp_new = im_new,
        Py_tp_dealloc = im_dealloc,
        Py_tp_traverse = im_traverse,
        Py_tp_getattro = im_getattro,
        Py_tp_repr = im_repr,
        Py_tp_call = im_call,
        Py_tp_descr_get = im_get,
    ],
    getset: &[getset_def(c"__doc__", Some(im_doc), None, NO_DOC), getset_end()],
    members: &[
        member_def(c"__func__", abi::_Py_T_OBJECT, offset_of!(InstanceMethod, func) as isize, abi::Py_READONLY),
        member_end(),
    ],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 2] = [&SPEC, &IM_SPEC];
