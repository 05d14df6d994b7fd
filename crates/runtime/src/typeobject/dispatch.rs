//! Method → slot: the C functions that Python classes carry in their slots. Each looks the special method up on the type
//! and calls it.

use super::cabi::{self, o, obj, oo, opt_obj, size, truth, unit};
use crate::error::Raised;
use crate::prelude::*;
use crate::protocol::call::PY_VECTORCALL_ARGUMENTS_OFFSET;
use crate::typeobject::CompareOp;
use abi::{PyObject, PyTypeObject};
use core::ffi::c_int;

type P = *mut PyObject;

/// Calls a special method found on the type of `slf`; `None` when there is none.
#[inline]
pub fn special(slf: &Object, name: &'static Str, args: &[&Object]) -> PyResult<Option<PyRef>> {
    match slf.ty().lookup(name) {
        Some(f) => call_found(slf, &f, args).map(Some),
        None => Ok(None),
    }
}

/// Calls what a type lookup found, bound to `slf`.
pub fn call_found(slf: &Object, f: &Object, args: &[&Object]) -> PyResult<PyRef> {
    let ft = f.ty();
    if ft.has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
        let mut buf: [P; 6] = [core::ptr::null_mut(); 6];
        if args.len() + 2 <= buf.len() {
            buf[1] = slf.as_ptr();
            for (i, a) in args.iter().enumerate() {
                buf[i + 2] = a.as_ptr();
            }
            return f.vectorcall(
                buf[1..].as_ptr(),
                (args.len() + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                core::ptr::null_mut(),
            );
        }
        let mut v = vec![slf];
        v.extend_from_slice(args);
        return f.call(&v);
    }
    if let Some(get) = ft.slots().tp_descr_get {
        // SAFETY: live objects; a C slot.
        let bound = unsafe { PyRef::from_c_result(get(f.as_ptr(), slf.as_ptr(), slf.ty().as_ptr()))? };
        return bound.call(args);
    }
    f.call(args)
}

/// As `special`; AttributeError when there is none.
pub fn special_req(slf: &Object, name: &'static Str, args: &[&Object]) -> PyResult<PyRef> {
    match special(slf, name, args)? {
        Some(r) => Ok(r),
        None => Err(raise!(AttributeError, "{}", name.to_string_lossy())),
    }
}

macro_rules! unary {
    ($($f:ident $n:literal)*) => {$(
        pub unsafe extern "C" fn $f(slf: P) -> P {
            // SAFETY: slots get live objects.
            obj(|| special_req(unsafe { o(slf) }, intern!($n), &[]))
        }
    )*};
}
unary! {
    slot_nb_negative "__neg__" slot_nb_positive "__pos__" slot_nb_absolute "__abs__" slot_nb_invert "__invert__"
    slot_nb_int "__int__" slot_nb_float "__float__" slot_nb_index "__index__"
}

macro_rules! inplace {
    ($($f:ident $n:literal)*) => {$(
        pub unsafe extern "C" fn $f(slf: P, other: P) -> P {
            // SAFETY: slots get live objects.
            obj(|| unsafe { special_req(o(slf), intern!($n), &[o(other)]) })
        }
    )*};
}
inplace! {
    slot_nb_inplace_add "__iadd__" slot_nb_inplace_subtract "__isub__" slot_nb_inplace_multiply "__imul__"
    slot_nb_inplace_remainder "__imod__" slot_nb_inplace_lshift "__ilshift__" slot_nb_inplace_rshift "__irshift__"
    slot_nb_inplace_and "__iand__" slot_nb_inplace_xor "__ixor__" slot_nb_inplace_or "__ior__"
    slot_nb_inplace_floor_divide "__ifloordiv__" slot_nb_inplace_true_divide "__itruediv__" slot_nb_inplace_matrix_multiply "__imatmul__"
    slot_mp_subscript "__getitem__"
}

pub unsafe extern "C" fn slot_nb_inplace_power(slf: P, other: P, _modulus: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| unsafe { special_req(o(slf), intern!("__ipow__"), &[o(other)]) })
}

/// Whether the right operand's class overrides the left one's reflected method.
fn overloaded(left: &Object, right: &Object, name: &'static Str) -> PyResult<bool> {
    let Some(b) = right.ty().getattr_opt(name)? else { return Ok(false) };
    let Some(a) = left.ty().getattr_opt(name)? else { return Ok(true) };
    if a.is(&b) {
        return Ok(false);
    }
    Ok(!a.eq(&b)?)
}

fn binary(
    slf: &Object,
    other: &Object,
    mine: bool,
    theirs: bool,
    name: &'static Str,
    rname: &'static Str,
    extra: Option<&Object>,
) -> PyResult<PyRef> {
    let call = |a: &Object, n: &'static Str, b: &Object| -> PyResult<Option<PyRef>> {
        let r = match extra {
            Some(m) => special(a, n, &[b, m])?,
            None => special(a, n, &[b])?,
        };
        Ok(r.filter(|r| !r.is(not_implemented())))
    };
    let mut try_other = !slf.ty().ptr_eq(other.ty()) && theirs;
    if mine {
        if try_other && other.ty().is_subtype(slf.ty()) && overloaded(slf, other, rname)? {
            if let Some(r) = call(other, rname, slf)? {
                return Ok(r);
            }
            try_other = false;
        }
        if let Some(r) = call(slf, name, other)? {
            return Ok(r);
        }
    }
    if try_other {
        if let Some(r) = call(other, rname, slf)? {
            return Ok(r);
        }
    }
    Ok(not_implemented().to_ref())
}

macro_rules! number_slot {
    ($x:expr, $slot:ident) => {{
        let n = $x.ty().slots().tp_as_number;
        if n.is_null() {
            core::ptr::null()
        } else {
            // SAFETY: a type's number table lives as long as the type.
            unsafe { (*n).$slot }.map_or(core::ptr::null(), |f| f as *const ())
        }
    }};
}

macro_rules! binary {
    ($($f:ident $slot:ident $n:literal $r:literal)*) => {$(
        pub unsafe extern "C" fn $f(slf: P, other: P) -> P {
            obj(|| {
                // SAFETY: slots get live objects.
                let (a, b) = unsafe { (o(slf), o(other)) };
                let me = $f as *const ();
                binary(a, b, core::ptr::eq(number_slot!(a, $slot), me), core::ptr::eq(number_slot!(b, $slot), me), intern!($n), intern!($r), None)
            })
        }
    )*};
}
binary! {
    slot_nb_add nb_add "__add__" "__radd__"
    slot_nb_subtract nb_subtract "__sub__" "__rsub__"
    slot_nb_multiply nb_multiply "__mul__" "__rmul__"
    slot_nb_matrix_multiply nb_matrix_multiply "__matmul__" "__rmatmul__"
    slot_nb_remainder nb_remainder "__mod__" "__rmod__"
    slot_nb_divmod nb_divmod "__divmod__" "__rdivmod__"
    slot_nb_lshift nb_lshift "__lshift__" "__rlshift__"
    slot_nb_rshift nb_rshift "__rshift__" "__rrshift__"
    slot_nb_and nb_and "__and__" "__rand__"
    slot_nb_xor nb_xor "__xor__" "__rxor__"
    slot_nb_or nb_or "__or__" "__ror__"
    slot_nb_floor_divide nb_floor_divide "__floordiv__" "__rfloordiv__"
    slot_nb_true_divide nb_true_divide "__truediv__" "__rtruediv__"
}

pub unsafe extern "C" fn slot_nb_power(slf: P, other: P, modulus: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let (a, b, m) = unsafe { (o(slf), o(other), o(modulus)) };
        let me = slot_nb_power as *const ();
        let extra = if m.is_none() { None } else { Some(m) };
        binary(
            a,
            b,
            core::ptr::eq(number_slot!(a, nb_power), me),
            core::ptr::eq(number_slot!(b, nb_power), me),
            intern!("__pow__"),
            intern!("__rpow__"),
            extra,
        )
    })
}

pub unsafe extern "C" fn slot_nb_bool(slf: P) -> c_int {
    truth(|| {
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        if let Some(r) = special(s, intern!("__bool__"), &[])? {
            if r.is(true_()) {
                return Ok(true);
            }
            if r.is(false_()) {
                return Ok(false);
            }
            return Err(raise!(TypeError, "__bool__ should return bool, returned {}", r.ty().tp_name()));
        }
        match special(s, intern!("__len__"), &[])? {
            None => Ok(true),
            Some(r) => Ok(length(&r)? != 0),
        }
    })
}

fn length(r: &Object) -> PyResult<isize> {
    let n = r.index()?;
    if n.sign() < 0 {
        return Err(raise!(ValueError, "__len__() should return >= 0"));
    }
    n.as_isize()
}

fn len_slot(slf: P) -> isize {
    // SAFETY: slots get live objects.
    size(|| length(&*special_req(unsafe { o(slf) }, intern!("__len__"), &[])?))
}
pub unsafe extern "C" fn slot_sq_length(slf: P) -> isize {
    len_slot(slf)
}
pub unsafe extern "C" fn slot_mp_length(slf: P) -> isize {
    len_slot(slf)
}

pub unsafe extern "C" fn slot_sq_item(slf: P, i: isize) -> P {
    // SAFETY: slots get live objects.
    obj(|| special_req(unsafe { o(slf) }, intern!("__getitem__"), &[&*Int::from_i64(i as i64)?]))
}

fn ass_item(slf: P, key: &Object, v: P) -> PyResult<()> {
    // SAFETY: slots get live objects.
    unsafe {
        match oo(v) {
            Some(v) => special_req(o(slf), intern!("__setitem__"), &[key, v])?,
            None => special_req(o(slf), intern!("__delitem__"), &[key])?,
        };
    }
    Ok(())
}
pub unsafe extern "C" fn slot_sq_ass_item(slf: P, i: isize, v: P) -> c_int {
    unit(|| ass_item(slf, &*Int::from_i64(i as i64)?, v))
}
pub unsafe extern "C" fn slot_mp_ass_subscript(slf: P, k: P, v: P) -> c_int {
    // SAFETY: slots get live objects.
    unit(|| ass_item(slf, unsafe { o(k) }, v))
}

pub unsafe extern "C" fn slot_sq_contains(slf: P, v: P) -> c_int {
    truth(|| {
        // SAFETY: slots get live objects.
        let (s, v) = unsafe { (o(slf), o(v)) };
        match s.ty().lookup(intern!("__contains__")) {
            Some(f) if f.is_none() => Err(raise!(TypeError, "'{}' object is not a container", s.ty().tp_name())),
            Some(f) => call_found(s, &f, &[v])?.is_true(),
            None => crate::protocol::sequence::contains_by_iteration(s, v),
        }
    })
}

pub unsafe extern "C" fn slot_tp_repr(slf: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        match special(s, intern!("__repr__"), &[])? {
            Some(r) => Ok(r),
            None => Ok(Str::format(format_args!("<{} object at {:p}>", s.ty().tp_name(), s))?.upcast()),
        }
    })
}

pub unsafe extern "C" fn slot_tp_str(slf: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| special_req(unsafe { o(slf) }, intern!("__str__"), &[]))
}

pub unsafe extern "C" fn slot_tp_hash(slf: P) -> isize {
    size(|| {
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        let f = s.ty().lookup(intern!("__hash__")).filter(|f| !f.is_none());
        let Some(f) = f else {
            return Err(raise!(TypeError, "unhashable type: '{}'", s.ty().tp_name()));
        };
        let r = call_found(s, &f, &[])?;
        let Some(i) = r.downcast::<Int>() else {
            return Err(raise!(TypeError, "__hash__ method should return an integer"));
        };
        let h = match i.try_i64() {
            Some(h) => h as isize,
            None => {
                let f = Int::type_object().slots().tp_hash.expect("int hashes");
                // SAFETY: `int`'s own hash.
                unsafe { f(i.as_ptr()) }
            }
        };
        Ok(if h == -1 { -2 } else { h })
    })
}

pub unsafe extern "C" fn slot_tp_call(slf: P, args: P, kw: P) -> P {
    // SAFETY: slots get live objects; `tp_call` gets a tuple and a dict or null.
    unsafe {
        obj(|| {
            let s = o(slf);
            let Some(f) = s.ty().lookup(intern!("__call__")) else {
                return Err(raise!(AttributeError, "__call__"));
            };
            let args = cabi::of::<Tuple>(args);
            let kw = kw.cast::<Dict>().as_ref();
            if f.ty().has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
                let mut v = Vec::with_capacity(args.len() + 1);
                v.push(s);
                v.extend_from_slice(args.as_slice());
                return crate::protocol::call::call_positional_dict(&f, &v, kw);
            }
            match f.ty().slots().tp_descr_get {
                Some(get) => PyRef::from_c_result(get(f.as_ptr(), slf, s.ty().as_ptr()))?.call_dict(args, kw),
                None => f.call_dict(args, kw),
            }
        })
    }
}

/// `tp_getattro` of a class with `__getattribute__` but no `__getattr__`, and of one with either.
pub unsafe extern "C" fn slot_tp_getattr_hook(slf: P, name: P) -> P {
    opt_obj(|| {
        // SAFETY: slots get live objects.
        let (s, n) = unsafe { (o(slf), o(name)) };
        let ty = s.ty();
        let hook = ty.lookup(intern!("__getattr__"));
        let Some(hook) = hook else {
            return special_req(s, intern!("__getattribute__"), &[n]).map(Some);
        };
        let ga = ty.lookup(intern!("__getattribute__"));
        let found = match &ga {
            Some(g)
                if !crate::objects::descr::is_wrapper_of(
                    g,
                    crate::protocol::attr::PyObject_GenericGetAttr as *const (),
                ) =>
            {
                match call_found(s, g, &[n]) {
                    Ok(r) => Some(r),
                    Err(e) if e.matches(exc::AttributeError()) => {
                        e.clear();
                        None
                    }
                    Err(e) => return Err(e),
                }
            }
            _ => match n.downcast::<Str>() {
                Some(n) => crate::protocol::attr::generic_getattr_opt(s, n)?,
                None => return Err(crate::protocol::attr::name_type_error(n)),
            },
        };
        match found {
            Some(r) => Ok(Some(r)),
            None => call_found(s, &hook, &[n]).map(Some),
        }
    })
}

pub unsafe extern "C" fn slot_tp_setattro(slf: P, name: P, v: P) -> c_int {
    // SAFETY: slots get live objects.
    unit(|| unsafe {
        match oo(v) {
            Some(v) => special_req(o(slf), intern!("__setattr__"), &[o(name), v])?,
            None => special_req(o(slf), intern!("__delattr__"), &[o(name)])?,
        };
        Ok(())
    })
}

pub unsafe extern "C" fn slot_tp_richcompare(slf: P, other: P, op: c_int) -> P {
    obj(|| {
        let name = match CompareOp::from_raw(op) {
            Some(CompareOp::Lt) => intern!("__lt__"),
            Some(CompareOp::Le) => intern!("__le__"),
            Some(CompareOp::Eq) => intern!("__eq__"),
            Some(CompareOp::Ne) => intern!("__ne__"),
            Some(CompareOp::Gt) => intern!("__gt__"),
            _ => intern!("__ge__"),
        };
        // SAFETY: slots get live objects.
        match unsafe { special(o(slf), name, &[o(other)])? } {
            Some(r) => Ok(r),
            None => Ok(not_implemented().to_ref()),
        }
    })
}

pub unsafe extern "C" fn slot_tp_iter(slf: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        match s.ty().lookup(intern!("__iter__")) {
            Some(f) if !f.is_none() => return call_found(s, &f, &[]),
            None if s.ty().lookup(intern!("__getitem__")).is_some() => return crate::protocol::iter::seq_iter(s),
            _ => {}
        }
        Err(raise!(TypeError, "'{}' object is not iterable", s.ty().tp_name()))
    })
}

pub unsafe extern "C" fn slot_tp_iternext(slf: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| special_req(unsafe { o(slf) }, intern!("__next__"), &[]))
}

pub unsafe extern "C" fn slot_tp_descr_get(slf: P, inst: P, ty: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        let Some(get) = s.ty().lookup(intern!("__get__")) else {
            return Ok(s.to_ref());
        };
        // SAFETY: as above.
        unsafe { call_found_plain(s, &get, &[oo(inst).unwrap_or(none()), oo(ty).unwrap_or(none())]) }
    })
}

/// Calls a looked-up method with `self` passed explicitly (no binding), as `__get__` is.
fn call_found_plain(slf: &Object, f: &Object, args: &[&Object]) -> PyResult<PyRef> {
    let mut v = vec![slf];
    v.extend_from_slice(args);
    f.call(&v)
}

pub unsafe extern "C" fn slot_tp_descr_set(slf: P, target: P, v: P) -> c_int {
    // SAFETY: slots get live objects.
    unit(|| unsafe {
        match oo(v) {
            Some(v) => special_req(o(slf), intern!("__set__"), &[o(target), v])?,
            None => special_req(o(slf), intern!("__delete__"), &[o(target)])?,
        };
        Ok(())
    })
}

pub unsafe extern "C" fn slot_tp_init(slf: P, args: P, kw: P) -> c_int {
    // SAFETY: slots get live objects; a tuple and a dict or null.
    unit(|| unsafe {
        let s = o(slf);
        let Some(f) = s.ty().lookup(intern!("__init__")) else {
            return Err(raise!(AttributeError, "__init__"));
        };
        let args = cabi::of::<Tuple>(args);
        let kw = kw.cast::<Dict>().as_ref();
        let r = if f.ty().has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
            let mut v = Vec::with_capacity(args.len() + 1);
            v.push(s);
            v.extend_from_slice(args.as_slice());
            crate::protocol::call::call_positional_dict(&f, &v, kw)?
        } else {
            match f.ty().slots().tp_descr_get {
                Some(get) => PyRef::from_c_result(get(f.as_ptr(), slf, s.ty().as_ptr()))?.call_dict(args, kw)?,
                None => f.call_dict(args, kw)?,
            }
        };
        if !r.is_none() {
            return Err(raise!(TypeError, "__init__() should return None, not '{}'", r.ty().tp_name()));
        }
        Ok(())
    })
}

pub unsafe extern "C" fn slot_tp_new(ty: *mut PyTypeObject, args: P, kw: P) -> P {
    // SAFETY: `tp_new` gets a type, a tuple and a dict or null.
    obj(|| unsafe {
        let t = Type::from_ptr(ty);
        let f = t.getattr(intern!("__new__"))?;
        let args = cabi::of::<Tuple>(args);
        let mut v: Vec<&Object> = Vec::with_capacity(args.len() + 1);
        v.push(t);
        v.extend_from_slice(args.as_slice());
        crate::protocol::call::call_positional_dict(&f, &v, kw.cast::<Dict>().as_ref())
    })
}

pub unsafe extern "C" fn slot_tp_finalize(slf: P) {
    cabi::void(|| {
        let saved = crate::error::take_error();
        // SAFETY: slots get live objects.
        let s = unsafe { o(slf) };
        if let Some(f) = s.ty().lookup(intern!("__del__")) {
            if call_found(s, &f, &[]).is_err() {
                crate::objects::exceptions::display::write_unraisable_call("deallocator", &f);
            }
        }
        if let Some(e) = saved {
            let _: Raised = crate::error::restore(e);
        }
    })
}

macro_rules! awaits {
    ($($f:ident $n:literal $msg:literal)*) => {$(
        pub unsafe extern "C" fn $f(slf: P) -> P {
            obj(|| {
                // SAFETY: slots get live objects.
                let s = unsafe { o(slf) };
                match special(s, intern!($n), &[])? {
                    Some(r) => Ok(r),
                    None => Err(raise!(AttributeError, "object {} does not have {} method", s.ty().tp_name(), $msg)),
                }
            })
        }
    )*};
}
awaits! {
    slot_am_await "__await__" "__await__" slot_am_aiter "__aiter__" "__aiter__" slot_am_anext "__anext__" "__anext__"
}

pub unsafe extern "C" fn slot_bf_getbuffer(slf: P, view: *mut abi::Py_buffer, flags: c_int) -> c_int {
    // SAFETY: slots get live objects and a buffer to fill.
    unit(|| unsafe { super::bufslot::get_through_python(o(slf), view, flags) })
}

pub unsafe extern "C" fn slot_bf_releasebuffer(slf: P, view: *mut abi::Py_buffer) {
    // SAFETY: as above.
    cabi::void(|| unsafe { super::bufslot::release_through_python(o(slf), view) })
}
