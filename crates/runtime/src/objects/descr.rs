//! Descriptors of native types: methods, class methods, members, getsets and slot wrappers; bound slot wrappers.

use super::methodobject::{self as mo, convention, doc_of, invoke, signature_of};
use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::prelude::*;
use crate::protocol::call::nargs;
use crate::protocol::{done, own};
use crate::typeobject::cabi::{self, NO_DOC, o, obj, oo, text, unit};
use crate::typeobject::names::{internal_doc, text_signature};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::{PyDescrObject, PyMethodDef, PyObject};
use core::ffi::{c_int, c_void};
use core::mem::{offset_of, transmute};
use core::ptr::null_mut;

type P = *mut PyObject;

macro_rules! layouts {
    ($($(#[$d:meta])* $name:ident $l:ident $t:ident;)*) => {$(
        $(#[$d])*
        #[repr(transparent)]
        pub struct $name(pub abi::$l);
        #[unsafe(no_mangle)]
        pub static mut $t: Type = Type::STATIC;
        py_layout!($name, $t);
    )*};
}
layouts! {
    /// `method_descriptor`.
    MethodDescr PyMethodDescrObject PyMethodDescr_Type;
    /// `classmethod_descriptor`.
    ClassMethodDescr PyMethodDescrObject PyClassMethodDescr_Type;
    /// `member_descriptor`.
    MemberDescr PyMemberDescrObject PyMemberDescr_Type;
    /// `getset_descriptor`.
    GetSetDescr PyGetSetDescrObject PyGetSetDescr_Type;
    /// `wrapper_descriptor`.
    WrapperDescr PyWrapperDescrObject PyWrapperDescr_Type;
}

/// `method-wrapper`: a slot wrapper bound to an instance.
#[repr(C)]
pub struct MethodWrapper {
    ob_base: PyObject,
    descr: *mut abi::PyWrapperDescrObject,
    slf: P,
}
#[unsafe(no_mangle)]
pub static mut _PyMethodWrapper_Type: Type = Type::STATIC;
py_layout!(MethodWrapper, _PyMethodWrapper_Type);

fn common<T: PyClass>(ty: &Type, name: &str) -> PyResult<Ref<T>> {
    let r = alloc_object::<T>(T::type_object())?;
    // SAFETY: every descriptor begins with the common part; the object is new.
    unsafe {
        let d = r.as_raw().cast::<PyDescrObject>();
        (*d).d_type = Ref::new_ref(ty).into_ptr().cast();
        (*d).d_name = Str::intern(name).to_ref().into_ptr();
    }
    Ok(r)
}

fn finish<T: PyClass>(r: Ref<T>) -> PyRef {
    crate::mem::gc::track(&r);
    crate::mem::refcount::set_deferred(&r);
    r.upcast()
}

/// A method descriptor.
///
/// # Safety
/// `ml` outlives the descriptor.
pub unsafe fn new_method(ty: &Type, ml: *mut PyMethodDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let vc: abi::vectorcallfunc = match convention((*ml).ml_flags) {
            mo::VARARGS => Some(entry::<{ mo::VARARGS }>),
            mo::VARARGS_KW => Some(entry::<{ mo::VARARGS_KW }>),
            mo::FAST => Some(entry::<{ mo::FAST }>),
            mo::FAST_KW => Some(entry::<{ mo::FAST_KW }>),
            mo::NOARGS => Some(entry::<{ mo::NOARGS }>),
            mo::ONE => Some(entry::<{ mo::ONE }>),
            mo::FAST_KW_METHOD => Some(entry::<{ mo::FAST_KW_METHOD }>),
            _ => return Err(raise!(SystemError, "{}() method: bad call flags", text((*ml).ml_name))),
        };
        let r = common::<MethodDescr>(ty, &text((*ml).ml_name))?;
        let p = r.as_raw().cast::<abi::PyMethodDescrObject>();
        (*p).d_method = ml;
        (*p).vectorcall = vc;
        Ok(finish(r))
    }
}

/// A class method descriptor.
///
/// # Safety
/// `ml` outlives the descriptor.
pub unsafe fn new_classmethod(ty: &Type, ml: *mut PyMethodDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let r = common::<ClassMethodDescr>(ty, &text((*ml).ml_name))?;
        (*r.as_raw().cast::<abi::PyMethodDescrObject>()).d_method = ml;
        Ok(finish(r))
    }
}

/// A member descriptor.
///
/// # Safety
/// `m` outlives the descriptor.
pub unsafe fn new_member(ty: &Type, m: *mut abi::PyMemberDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        if (*m).flags & abi::Py_RELATIVE_OFFSET != 0 {
            return Err(raise!(SystemError, "PyDescr_NewMember used with Py_RELATIVE_OFFSET"));
        }
        let r = common::<MemberDescr>(ty, &text((*m).name))?;
        (*r.as_raw().cast::<abi::PyMemberDescrObject>()).d_member = m;
        Ok(finish(r))
    }
}

/// A getset descriptor.
///
/// # Safety
/// `g` outlives the descriptor.
pub unsafe fn new_getset(ty: &Type, g: *mut abi::PyGetSetDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let r = common::<GetSetDescr>(ty, &text((*g).name))?;
        (*r.as_raw().cast::<abi::PyGetSetDescrObject>()).d_getset = g;
        Ok(finish(r))
    }
}

/// A slot wrapper.
///
/// # Safety
/// `base` outlives the descriptor; `wrapped` is a function that `base.wrapper` can call.
pub unsafe fn new_wrapper(ty: &Type, base: *mut abi::wrapperbase, wrapped: *mut c_void) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        let r = common::<WrapperDescr>(ty, &text((*base).name))?;
        let p = r.as_raw().cast::<abi::PyWrapperDescrObject>();
        (*p).d_base = base;
        (*p).d_wrapped = wrapped;
        Ok(finish(r))
    }
}

impl WrapperDescr {
    pub fn base_entry(&self) -> &abi::wrapperbase {
        // SAFETY: the table entry outlives the descriptor.
        unsafe { &*self.0.d_base }
    }
    pub fn wrapped(&self) -> *mut c_void {
        self.0.d_wrapped
    }
    pub fn wrapper_addr(&self) -> *const () {
        self.base_entry().wrapper.map_or(core::ptr::null(), |f| f as *const ())
    }
    pub fn owner(&self) -> &Type {
        // SAFETY: the descriptor keeps its type.
        unsafe { Type::from_ptr(self.0.d_common.d_type) }
    }
}

/// Sees a slot wrapper.
pub fn as_wrapper(x: &Object) -> Option<&WrapperDescr> {
    x.downcast_exact::<WrapperDescr>()
}

pub fn is_slot_wrapper(x: &Object) -> bool {
    as_wrapper(x).is_some()
}

/// Whether `x` wraps the C function `f`.
pub fn is_wrapper_of(x: &Object, f: *const ()) -> bool {
    as_wrapper(x).is_some_and(|w| core::ptr::eq(w.wrapped() as *const (), f))
}

/// Whether `x` is a data descriptor.
#[inline]
pub fn is_data_descr(x: &Object) -> bool {
    x.ty().slots().tp_descr_set.is_some()
}

fn d<'a>(p: P) -> &'a PyDescrObject {
    // SAFETY: slots of descriptors get descriptors.
    unsafe { &*p.cast::<PyDescrObject>() }
}
fn owner<'a>(p: P) -> &'a Type {
    // SAFETY: a descriptor keeps its type.
    unsafe { Type::from_ptr(d(p).d_type) }
}
fn name(p: P) -> String {
    // SAFETY: a descriptor keeps its name.
    unsafe { (*d(p).d_name.cast::<Str>()).to_string_lossy().into_owned() }
}

/// The receiver must be an instance of the descriptor's type.
fn check(p: P, inst: &Object) -> PyResult<()> {
    if inst.ty().is_subtype(owner(p)) {
        return Ok(());
    }
    Err(raise!(
        TypeError,
        "descriptor '{}' for '{}' objects doesn't apply to a '{}' object",
        name(p),
        owner(p).tp_name(),
        inst.ty().tp_name()
    ))
}

unsafe extern "C" fn entry<const K: c_int>(callable: P, args: *mut P, nargsf: usize, kwnames: P) -> P {
    // SAFETY: installed on method descriptors of this convention.
    unsafe {
        let m = &*callable.cast::<abi::PyMethodDescrObject>();
        let n = nargs(nargsf);
        if n < 1 {
            let _: Raised = raise!(TypeError, "unbound method {} needs an argument", mo::function_str(o(callable)));
            return null_mut();
        }
        let slf = *args;
        if check(callable, o(slf)).is_err() {
            return null_mut();
        }
        invoke::<K>((*m.d_method).ml_meth, o(callable), slf, m.d_common.d_type, args.add(1), n - 1, kwnames)
    }
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying descriptor.
        unsafe {
            crate::mem::gc::untrack(o(p));
            let d = p.cast::<PyDescrObject>();
            for f in [(*d).d_type.cast(), (*d).d_name, (*d).d_qualname] {
                drop(PyRef::from_ptr_opt(f));
            }
            free_object(p);
        }
    })
}

unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; d(p).d_type)
}

fn repr_as(p: P, what: &str) -> P {
    obj(|| Str::format(format_args!("<{} '{}' of '{}' objects>", what, name(p), owner(p).tp_name())))
}
unsafe extern "C" fn method_repr(p: P) -> P {
    repr_as(p, "method")
}
unsafe extern "C" fn member_repr(p: P) -> P {
    repr_as(p, "member")
}
unsafe extern "C" fn getset_repr(p: P) -> P {
    repr_as(p, "attribute")
}
unsafe extern "C" fn wrapper_repr(p: P) -> P {
    repr_as(p, "slot wrapper")
}

unsafe extern "C" fn method_get(p: P, inst: P, ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let Some(i) = oo(inst) else { return Ok(o(p).to_ref()) };
            check(p, i)?;
            let m = &*p.cast::<abi::PyMethodDescrObject>();
            let mut cls = None;
            if (*m.d_method).ml_flags & abi::METH_METHOD != 0 {
                let t = oo(ty).unwrap_or(none());
                if t.downcast::<Type>().is_none() {
                    return Err(raise!(
                        TypeError,
                        "descriptor '{}' needs a type, not '{}', as arg 2",
                        name(p),
                        t.ty().tp_name()
                    ));
                }
                cls = Some(owner(p));
            }
            mo::new(m.d_method, Some(i), None, cls)
        }
    })
}

unsafe extern "C" fn classmethod_get(p: P, inst: P, ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let t: &Object = match (oo(ty), oo(inst)) {
                (Some(t), _) => t,
                (None, Some(i)) => i.ty(),
                _ => {
                    return Err(raise!(
                        TypeError,
                        "descriptor '{}' for type '{}' needs either an object or a type",
                        name(p),
                        owner(p).tp_name()
                    ));
                }
            };
            let Some(tt) = t.downcast::<Type>() else {
                return Err(raise!(
                    TypeError,
                    "descriptor '{}' for type '{}' needs a type, not a '{}' as arg 2",
                    name(p),
                    owner(p).tp_name(),
                    t.ty().tp_name()
                ));
            };
            if !tt.is_subtype(owner(p)) {
                return Err(raise!(
                    TypeError,
                    "descriptor '{}' requires a subtype of '{}' but received '{}'",
                    name(p),
                    owner(p).tp_name(),
                    tt.tp_name()
                ));
            }
            let m = &*p.cast::<abi::PyMethodDescrObject>();
            let cls = if (*m.d_method).ml_flags & abi::METH_METHOD != 0 { Some(owner(p)) } else { None };
            mo::new(m.d_method, Some(t), None, cls)
        }
    })
}

unsafe extern "C" fn classmethod_call(p: P, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let a = cabi::of::<Tuple>(args);
            let Some(first) = a.as_slice().first() else {
                return Err(raise!(
                    TypeError,
                    "descriptor '{}' of '{}' object needs an argument",
                    name(p),
                    owner(p).tp_name()
                ));
            };
            let b = own(classmethod_get(p, null_mut(), first.as_ptr()))?;
            crate::protocol::call::call_positional_dict(&b, &a.as_slice()[1..], kw.cast::<Dict>().as_ref())
        }
    })
}

unsafe extern "C" fn member_get(p: P, inst: P, _ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let Some(i) = oo(inst) else { return Ok(o(p).to_ref()) };
            check(p, i)?;
            super::members::get_one(i.as_ptr().cast(), &*(*p.cast::<abi::PyMemberDescrObject>()).d_member)
        }
    })
}

unsafe extern "C" fn member_set(p: P, inst: P, v: P) -> c_int {
    unit(|| {
        // SAFETY: slots get live objects.
        unsafe {
            check(p, o(inst))?;
            super::members::set_one(inst.cast(), &*(*p.cast::<abi::PyMemberDescrObject>()).d_member, oo(v))
        }
    })
}

unsafe extern "C" fn getset_get(p: P, inst: P, _ty: P) -> P {
    // SAFETY: slots get live objects.
    unsafe {
        let Some(i) = oo(inst) else { return o(p).to_ref().into_ptr() };
        if check(p, i).is_err() {
            return null_mut();
        }
        let g = &*(*p.cast::<abi::PyGetSetDescrObject>()).d_getset;
        match g.get {
            Some(f) => f(inst, g.closure),
            None => obj::<Object>(|| {
                Err(raise!(
                    AttributeError,
                    "attribute '{}' of '{}' objects is not readable",
                    name(p),
                    owner(p).tp_name()
                ))
            }),
        }
    }
}

unsafe extern "C" fn getset_set(p: P, inst: P, v: P) -> c_int {
    unit(|| {
        // SAFETY: slots get live objects.
        unsafe {
            check(p, o(inst))?;
            let g = &*(*p.cast::<abi::PyGetSetDescrObject>()).d_getset;
            match g.set {
                Some(f) => done(f(inst, v, g.closure)),
                None => Err(raise!(
                    AttributeError,
                    "attribute '{}' of '{}' objects is not writable",
                    name(p),
                    owner(p).tp_name()
                )),
            }
        }
    })
}

/// Calls a slot wrapper on an explicit receiver.
unsafe fn raw_call(w: *mut abi::PyWrapperDescrObject, slf: P, args: P, kw: P) -> PyResult<PyRef> {
    // SAFETY: a live slot wrapper; the table pairs wrapper and flags.
    unsafe {
        let b = &*(*w).d_base;
        let f = b.wrapper.unwrap_unchecked();
        if b.flags & 1 != 0 {
            let f = transmute::<*const (), abi::wrapperfunc_kwds>(f as *const ()).unwrap_unchecked();
            return own(f(slf, args, (*w).d_wrapped, kw));
        }
        if kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() != 0) {
            return Err(raise!(TypeError, "wrapper {}() takes no keyword arguments", text(b.name)));
        }
        own(f(slf, args, (*w).d_wrapped))
    }
}

unsafe extern "C" fn wrapper_call(p: P, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let a = cabi::of::<Tuple>(args);
            let Some(first) = a.as_slice().first() else {
                return Err(raise!(
                    TypeError,
                    "descriptor '{}' of '{}' object needs an argument",
                    name(p),
                    owner(p).tp_name()
                ));
            };
            if !first.ty().is_subtype(owner(p)) {
                return Err(raise!(
                    TypeError,
                    "descriptor '{}' requires a '{}' object but received a '{}'",
                    name(p),
                    owner(p).tp_name(),
                    first.ty().tp_name()
                ));
            }
            let rest = Tuple::from_slice(&a.as_slice()[1..])?;
            raw_call(p.cast(), first.as_ptr(), rest.as_ptr(), kw)
        }
    })
}

unsafe extern "C" fn wrapper_get(p: P, inst: P, _ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let Some(i) = oo(inst) else { return Ok(o(p).to_ref()) };
            check(p, i)?;
            bind_wrapper(&*p.cast::<WrapperDescr>(), i)
        }
    })
}

/// `PyWrapper_New`.
pub fn bind_wrapper(w: &WrapperDescr, slf: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<MethodWrapper>(MethodWrapper::type_object())?;
    // SAFETY: a new object.
    unsafe {
        let m = r.as_raw();
        (*m).descr = Ref::new_ref(w).into_ptr().cast();
        (*m).slf = slf.to_ref().into_ptr();
    }
    // Not deferred: it lives as long as a call, and so does what it is bound to.
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

fn mw<'a>(p: P) -> &'a MethodWrapper {
    // SAFETY: slots of method wrappers get method wrappers.
    unsafe { &*p.cast::<MethodWrapper>() }
}

unsafe extern "C" fn mw_call(p: P, args: P, kw: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| unsafe { raw_call(mw(p).descr, mw(p).slf, args, kw) })
}
unsafe extern "C" fn mw_dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying method wrapper.
        unsafe {
            crate::mem::gc::untrack(o(p));
            drop(PyRef::from_ptr_opt(mw(p).descr.cast()));
            drop(PyRef::from_ptr_opt(mw(p).slf));
            free_object(p);
        }
    })
}
unsafe extern "C" fn mw_traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; mw(p).descr, mw(p).slf)
}
unsafe extern "C" fn mw_repr(p: P) -> P {
    // SAFETY: a live receiver.
    obj(|| unsafe {
        Str::format(format_args!(
            "<method-wrapper '{}' of {} object at {:p}>",
            name(mw(p).descr.cast()),
            o(mw(p).slf).ty().tp_name(),
            mw(p).slf
        ))
    })
}
unsafe extern "C" fn mw_richcompare(a: P, b: P, op: c_int) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let (Some(x), Some(y), true) = (
            unsafe { o(a) }.downcast::<MethodWrapper>(),
            unsafe { o(b) }.downcast::<MethodWrapper>(),
            op == 2 || op == 3,
        ) else {
            return Ok(not_implemented().to_ref());
        };
        Ok(Bool::of((x.descr == y.descr && x.slf == y.slf) == (op == 2)).to_ref())
    })
}
unsafe extern "C" fn mw_hash(p: P) -> isize {
    let h = ((mw(p).slf as usize).rotate_right(4) ^ (mw(p).descr as usize).rotate_right(4)) as isize;
    if h == -1 { -2 } else { h }
}
unsafe extern "C" fn mw_objclass(p: P, _c: *mut c_void) -> P {
    owner(mw(p).descr.cast()).to_ref().into_ptr()
}
unsafe extern "C" fn mw_name(p: P, _c: *mut c_void) -> P {
    // SAFETY: a live descriptor.
    unsafe { o((*mw(p).descr).d_common.d_name).to_ref().into_ptr() }
}
unsafe extern "C" fn mw_qualname(p: P, c: *mut c_void) -> P {
    // SAFETY: a live descriptor.
    unsafe { get_qualname(mw(p).descr.cast(), c) }
}
unsafe extern "C" fn mw_doc(p: P, c: *mut c_void) -> P {
    // SAFETY: a live descriptor.
    unsafe { wrapper_doc(mw(p).descr.cast(), c) }
}
unsafe extern "C" fn mw_sig(p: P, c: *mut c_void) -> P {
    // SAFETY: a live descriptor.
    unsafe { wrapper_sig(mw(p).descr.cast(), c) }
}
unsafe extern "C" fn mw_reduce(p: P, _a: P) -> P {
    obj(|| {
        let g = crate::typeobject::objtype::builtin("getattr")?;
        // SAFETY: live objects.
        unsafe { Tuple::from_slice(&[&g, &*Tuple::from_slice(&[o(mw(p).slf), o((*mw(p).descr).d_common.d_name)])?]) }
    })
}

unsafe extern "C" fn get_qualname(p: P, _c: *mut c_void) -> P {
    obj(|| {
        let q = owner(p).getattr(intern!("__qualname__"))?;
        let Some(q) = q.downcast::<Str>() else {
            return Err(raise!(TypeError, "<descriptor>.__objclass__.__qualname__ is not a unicode object"));
        };
        Str::format(format_args!("{}.{}", q.to_string_lossy(), name(p)))
    })
}
unsafe extern "C" fn method_doc(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { doc_of((*p.cast::<abi::PyMethodDescrObject>()).d_method) })
}
unsafe extern "C" fn method_sig(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    obj(|| unsafe { signature_of((*p.cast::<abi::PyMethodDescrObject>()).d_method) })
}
fn doc_str(p: *const core::ffi::c_char) -> P {
    obj(|| {
        if p.is_null() {
            return Ok(none_ref());
        }
        // SAFETY: a C string of a table.
        Ok(Str::new(&unsafe { text(p) })?.upcast())
    })
}
unsafe extern "C" fn member_doc(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    doc_str(unsafe { (*(*p.cast::<abi::PyMemberDescrObject>()).d_member).doc })
}
unsafe extern "C" fn getset_doc(p: P, _c: *mut c_void) -> P {
    // SAFETY: getters get live objects.
    doc_str(unsafe { (*(*p.cast::<abi::PyGetSetDescrObject>()).d_getset).doc })
}
unsafe extern "C" fn wrapper_doc(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: getters get live objects.
        let b = unsafe { &*(*p.cast::<abi::PyWrapperDescrObject>()).d_base };
        // SAFETY: C strings of a table.
        unsafe { Str::new(internal_doc(&text(b.name), &text(b.doc))) }
    })
}
unsafe extern "C" fn wrapper_sig(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: getters get live objects.
        let b = unsafe { &*(*p.cast::<abi::PyWrapperDescrObject>()).d_base };
        // SAFETY: C strings of a table.
        let (n, d) = unsafe { (text(b.name), text(b.doc)) };
        match text_signature(&n, &d) {
            Some(s) => Ok(Str::new(s)?.upcast()),
            None => Ok(none_ref()),
        }
    })
}
unsafe extern "C" fn reduce(p: P, _a: P) -> P {
    obj(|| {
        let g = crate::typeobject::objtype::builtin("getattr")?;
        // SAFETY: live objects.
        unsafe { Tuple::from_slice(&[&g, &*Tuple::from_slice(&[&**owner(p), o(d(p).d_name)])?]) }
    })
}

const MEMBERS: &[abi::PyMemberDef] = &[
    member_def(c"__objclass__", abi::_Py_T_OBJECT, offset_of!(PyDescrObject, d_type) as isize, abi::Py_READONLY),
    member_def(c"__name__", abi::_Py_T_OBJECT, offset_of!(PyDescrObject, d_name) as isize, abi::Py_READONLY),
    member_end(),
];
const REDUCE: &[PyMethodDef] = &[
    method_def(c"__reduce__", reduce as *const (), mo::NOARGS, c"__reduce__($self, /)\n--\n\n".as_ptr()),
    method_end(),
];

const BASE: TypeSpec = TypeSpec {
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    members: MEMBERS,
    methods: REDUCE,
    ..TypeSpec::EMPTY
};

static METHOD: TypeSpec = TypeSpec {
    name: c"method_descriptor",
    type_object: &raw mut PyMethodDescr_Type,
    basicsize: size_of::<abi::PyMethodDescrObject>(),
    flags: BASE.flags | abi::Py_TPFLAGS_METHOD_DESCRIPTOR,
    vectorcalloffset: offset_of!(abi::PyMethodDescrObject, vectorcall) as isize,
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = method_repr,
        Py_tp_call = crate::protocol::call::PyVectorcall_Call,
        Py_tp_descr_get = method_get,
    ],
    getset: &[
        getset_def(c"__doc__", Some(method_doc), None, NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, NO_DOC),
        getset_def(c"__text_signature__", Some(method_sig), None, NO_DOC),
        getset_end(),
    ],
    ..BASE
};
static CLASSMETHOD: TypeSpec = TypeSpec {
    name: c"classmethod_descriptor",
    type_object: &raw mut PyClassMethodDescr_Type,
    basicsize: size_of::<abi::PyMethodDescrObject>(),
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = method_repr,
        Py_tp_call = classmethod_call,
        Py_tp_descr_get = classmethod_get,
    ],
    methods: &[crate::convert::method_end()],
    getset: &[
        getset_def(c"__doc__", Some(method_doc), None, NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, NO_DOC),
        getset_def(c"__text_signature__", Some(method_sig), None, NO_DOC),
        getset_end(),
    ],
    ..BASE
};
static MEMBER: TypeSpec = TypeSpec {
    name: c"member_descriptor",
    type_object: &raw mut PyMemberDescr_Type,
    basicsize: size_of::<abi::PyMemberDescrObject>(),
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = member_repr,
        Py_tp_descr_get = member_get,
        Py_tp_descr_set = member_set,
    ],
    getset: &[
        getset_def(c"__doc__", Some(member_doc), None, NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, NO_DOC),
        getset_end(),
    ],
    ..BASE
};
static GETSET: TypeSpec = TypeSpec {
    name: c"getset_descriptor",
    type_object: &raw mut PyGetSetDescr_Type,
    basicsize: size_of::<abi::PyGetSetDescrObject>(),
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = getset_repr,
        Py_tp_descr_get = getset_get,
        Py_tp_descr_set = getset_set,
    ],
    getset: &[
        getset_def(c"__doc__", Some(getset_doc), None, NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, NO_DOC),
        getset_end(),
    ],
    methods: &[],
    ..BASE
};
static WRAPPER: TypeSpec = TypeSpec {
    name: c"wrapper_descriptor",
    type_object: &raw mut PyWrapperDescr_Type,
    basicsize: size_of::<abi::PyWrapperDescrObject>(),
    flags: BASE.flags | abi::Py_TPFLAGS_METHOD_DESCRIPTOR,
    slots: type_slots![
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_repr = wrapper_repr,
        Py_tp_call = wrapper_call,
        Py_tp_descr_get = wrapper_get,
    ],
    getset: &[
        getset_def(c"__doc__", Some(wrapper_doc), None, NO_DOC),
        getset_def(c"__qualname__", Some(get_qualname), None, NO_DOC),
        getset_def(c"__text_signature__", Some(wrapper_sig), None, NO_DOC),
        getset_end(),
    ],
    ..BASE
};
static METHOD_WRAPPER: TypeSpec = TypeSpec {
    name: c"method-wrapper",
    type_object: &raw mut _PyMethodWrapper_Type,
    basicsize: size_of::<MethodWrapper>(),
    slots: type_slots![
        Py_tp_dealloc = mw_dealloc,
        Py_tp_traverse = mw_traverse,
        Py_tp_repr = mw_repr,
        Py_tp_call = mw_call,
        Py_tp_hash = mw_hash,
        Py_tp_richcompare = mw_richcompare,
    ],
    members: &[
        member_def(c"__self__", abi::_Py_T_OBJECT, offset_of!(MethodWrapper, slf) as isize, abi::Py_READONLY),
        member_end(),
    ],
    methods: &[
        method_def(c"__reduce__", mw_reduce as *const (), mo::NOARGS, c"__reduce__($self, /)\n--\n\n".as_ptr()),
        method_end(),
    ],
    getset: &[
        getset_def(c"__objclass__", Some(mw_objclass), None, NO_DOC),
        getset_def(c"__name__", Some(mw_name), None, NO_DOC),
        getset_def(c"__qualname__", Some(mw_qualname), None, NO_DOC),
        getset_def(c"__doc__", Some(mw_doc), None, NO_DOC),
        getset_def(c"__text_signature__", Some(mw_sig), None, NO_DOC),
        getset_end(),
    ],
    ..BASE
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 6] = [&METHOD, &CLASSMETHOD, &MEMBER, &GETSET, &WRAPPER, &METHOD_WRAPPER];
