//! Slot → method: the functions behind slot wrappers (`int.__add__` …). Each unpacks the argument tuple, calls the C slot
//! function it wraps and turns the result into an object.

use super::cabi::{o, obj, of};
use crate::error::Raised;
use crate::prelude::*;
use abi::PyObject;
use core::ffi::{c_int, c_void};
use core::mem::transmute;

type Out = *mut PyObject;

/// The arguments, exactly `N`.
unsafe fn fixed<'a, const N: usize>(args: *mut PyObject) -> PyResult<[&'a Object; N]> {
    // SAFETY: wrappers get a tuple.
    let t = unsafe { of::<Tuple>(args) };
    let s = t.as_slice();
    match <[&Object; N]>::try_from(s) {
        // SAFETY: the caller keeps the tuple alive during the call.
        Ok(a) => Ok(unsafe { transmute::<[&Object; N], [&'a Object; N]>(a) }),
        Err(_) => Err(raise!(TypeError, "expected {} argument{}, got {}", N, if N == 1 { "" } else { "s" }, s.len())),
    }
}

fn own(p: *mut PyObject) -> PyResult<PyRef> {
    // SAFETY: the result of a C slot.
    unsafe { PyRef::from_c_result(p) }
}

fn done(rc: c_int) -> PyResult<PyRef> {
    if rc < 0 { Err(Raised::already_set()) } else { Ok(none_ref()) }
}

fn boolean(rc: c_int) -> PyResult<PyRef> {
    if rc < 0 { Err(Raised::already_set()) } else { Ok(Bool::of(rc != 0).to_ref()) }
}

macro_rules! wrapper {
    ($($name:ident($slf:ident, $args:ident [$($a:ident),*], $f:ident: $ft:ident) $body:expr;)*) => {$(
        pub unsafe extern "C" fn $name($slf: Out, $args: Out, wrapped: *mut c_void) -> Out {
            // Wrappers are told apart by their addresses: the compiler must not fold those with equal bodies.
            core::hint::black_box(stringify!($name).as_ptr());
            // SAFETY: the table pairs each wrapper with slots of its function type; arguments are live objects.
            unsafe {
                obj(|| {
                    let [$($a),*] = fixed($args)?;
                    $(let $a = $a.as_ptr();)*
                    let $f = transmute::<*mut c_void, abi::$ft>(wrapped).unwrap_unchecked();
                    $body
                })
            }
        }
    )*};
}

wrapper! {
    wrap_unaryfunc(slf, args [], f: unaryfunc) own(f(slf));
    wrap_next(slf, args [], f: unaryfunc) {
        let r = f(slf);
        if r.is_null() && !crate::error::error_occurred() {
            return Err(crate::error::raise_none(exc::StopIteration()));
        }
        own(r)
    };
    wrap_binaryfunc(slf, args [a], f: binaryfunc) own(f(slf, a));
    wrap_binaryfunc_l(slf, args [a], f: binaryfunc) own(f(slf, a));
    wrap_binaryfunc_r(slf, args [a], f: binaryfunc) own(f(a, slf));
    wrap_inquirypred(slf, args [], f: inquiry) boolean(f(slf));
    wrap_lenfunc(slf, args [], f: lenfunc) {
        let n = f(slf);
        if n == -1 && crate::error::error_occurred() { return Err(Raised::already_set()); }
        Ok(Int::from_i64(n as i64)?.upcast())
    };
    wrap_hashfunc(slf, args [], f: hashfunc) {
        let n = f(slf);
        if n == -1 && crate::error::error_occurred() { return Err(Raised::already_set()); }
        Ok(Int::from_i64(n as i64)?.upcast())
    };
    wrap_indexargfunc(slf, args [a], f: ssizeargfunc) own(f(slf, o(a).as_isize()?));
    wrap_sq_item(slf, args [a], f: ssizeargfunc) own(f(slf, index(slf, a)?));
    wrap_sq_setitem(slf, args [a, v], f: ssizeobjargproc) done(f(slf, index(slf, a)?, v));
    wrap_sq_delitem(slf, args [a], f: ssizeobjargproc) done(f(slf, index(slf, a)?, core::ptr::null_mut()));
    wrap_objobjproc(slf, args [a], f: objobjproc) boolean(f(slf, a));
    wrap_objobjargproc(slf, args [a, b], f: objobjargproc) done(f(slf, a, b));
    wrap_delitem(slf, args [a], f: objobjargproc) done(f(slf, a, core::ptr::null_mut()));
    wrap_descr_set(slf, args [a, b], f: descrsetfunc) done(f(slf, a, b));
    wrap_descr_delete(slf, args [a], f: descrsetfunc) done(f(slf, a, core::ptr::null_mut()));
    wrap_del(slf, args [], f: destructor) { f(slf); Ok(none_ref()) };
    wrap_setattr(slf, args [n, v], f: setattrofunc) { hackcheck(slf, f as *const () as *mut c_void, "__setattr__")?; done(f(slf, n, v)) };
    wrap_delattr(slf, args [n], f: setattrofunc) { hackcheck(slf, f as *const () as *mut c_void, "__delattr__")?; done(f(slf, n, core::ptr::null_mut())) };
    wrap_lt(slf, args [a], f: richcmpfunc) own(f(slf, a, 0));
    wrap_le(slf, args [a], f: richcmpfunc) own(f(slf, a, 1));
    wrap_eq(slf, args [a], f: richcmpfunc) own(f(slf, a, 2));
    wrap_ne(slf, args [a], f: richcmpfunc) own(f(slf, a, 3));
    wrap_gt(slf, args [a], f: richcmpfunc) own(f(slf, a, 4));
    wrap_ge(slf, args [a], f: richcmpfunc) own(f(slf, a, 5));
}

/// The index argument of `__getitem__` on a sequence: negative ones count from the end.
unsafe fn index(slf: Out, a: Out) -> PyResult<isize> {
    // SAFETY: live objects.
    unsafe {
        let i = o(a).as_isize()?;
        if i < 0 {
            let sq = o(slf).ty().slots().tp_as_sequence;
            if !sq.is_null() {
                if let Some(len) = (*sq).sq_length {
                    let n = len(slf);
                    if n < 0 {
                        return Err(Raised::already_set());
                    }
                    return Ok(i + n);
                }
            }
        }
        Ok(i)
    }
}

/// `object.__setattr__(some_type, …)` must not go around `type.__setattr__`.
unsafe fn hackcheck(slf: Out, func: *mut c_void, what: &str) -> PyResult<()> {
    // SAFETY: a live object.
    let ty = unsafe { o(slf) }.ty();
    let slot = |t: &Type| t.slots().tp_setattro.map_or(core::ptr::null(), |f| f as *const ());
    let python = super::dispatch::slot_tp_setattro as *const ();
    // The most basic type whose native slot is this type's own defines it; a Python class never does.
    let mine = slot(ty);
    let mut defining = Ref::new_ref(ty);
    for b in ty.mro().as_slice().iter().rev() {
        // SAFETY: items of an MRO are types.
        let b = unsafe { b.cast::<Type>() };
        if slot(b) != python && slot(b) == mine {
            defining = Ref::new_ref(b);
            break;
        }
    }
    // From there on no other native override may be jumped over.
    let mut t: Option<&Type> = Some(&defining);
    while let Some(b) = t {
        if core::ptr::eq(slot(b), func as *const ()) {
            break;
        }
        if slot(b) != python {
            return Err(raise!(TypeError, "can't apply this {} to {} object", what, ty.tp_name()));
        }
        t = b.base();
    }
    Ok(())
}

fn pow_args<'a>(args: Out) -> PyResult<(&'a Object, &'a Object)> {
    // SAFETY: wrappers get a tuple that outlives the call.
    let t = unsafe { of::<Tuple>(args) };
    match t.as_slice() {
        [a] => Ok((*a, none())),
        [a, b] => Ok((*a, *b)),
        s => Err(raise!(TypeError, "expected 1 or 2 arguments, got {}", s.len())),
    }
}

pub unsafe extern "C" fn wrap_ternaryfunc(slf: Out, args: Out, wrapped: *mut c_void) -> Out {
    obj(|| {
        let (a, b) = pow_args(args)?;
        // SAFETY: the table pairs this wrapper with ternary slots.
        unsafe {
            own(transmute::<*mut c_void, abi::ternaryfunc>(wrapped).unwrap_unchecked()(slf, a.as_ptr(), b.as_ptr()))
        }
    })
}

pub unsafe extern "C" fn wrap_ternaryfunc_r(slf: Out, args: Out, wrapped: *mut c_void) -> Out {
    obj(|| {
        let (a, b) = pow_args(args)?;
        // SAFETY: as above.
        unsafe {
            own(transmute::<*mut c_void, abi::ternaryfunc>(wrapped).unwrap_unchecked()(a.as_ptr(), slf, b.as_ptr()))
        }
    })
}

pub unsafe extern "C" fn wrap_call(slf: Out, args: Out, wrapped: *mut c_void, kw: Out) -> Out {
    // SAFETY: the table pairs this wrapper with `tp_call`.
    unsafe { transmute::<*mut c_void, abi::ternaryfunc>(wrapped).unwrap_unchecked()(slf, args, kw) }
}

pub unsafe extern "C" fn wrap_init(slf: Out, args: Out, wrapped: *mut c_void, kw: Out) -> Out {
    // SAFETY: the table pairs this wrapper with `tp_init`.
    obj(|| done(unsafe { transmute::<*mut c_void, abi::initproc>(wrapped).unwrap_unchecked()(slf, args, kw) }))
}

pub unsafe extern "C" fn wrap_descr_get(slf: Out, args: Out, wrapped: *mut c_void) -> Out {
    obj(|| {
        // SAFETY: wrappers get a tuple; the table pairs this wrapper with `tp_descr_get`.
        unsafe {
            let t = of::<Tuple>(args);
            let (inst, ty) = match t.as_slice() {
                [a] => (*a, none()),
                [a, b] => (*a, *b),
                s => {
                    return Err(raise!(
                        TypeError,
                        "expected at {} argument{}, got {}",
                        if s.is_empty() { "least 1" } else { "most 2" },
                        if s.is_empty() { "" } else { "s" },
                        s.len()
                    ));
                }
            };
            let p = |x: &Object| if x.is_none() { core::ptr::null_mut() } else { x.as_ptr() };
            if inst.is_none() && ty.is_none() {
                return Err(raise!(TypeError, "__get__(None, None) is invalid"));
            }
            own(transmute::<*mut c_void, abi::descrgetfunc>(wrapped).unwrap_unchecked()(slf, p(inst), p(ty)))
        }
    })
}

pub unsafe extern "C" fn wrap_buffer(slf: Out, args: Out, wrapped: *mut c_void) -> Out {
    obj(|| {
        // SAFETY: a tuple of arguments.
        let [flags] = unsafe { fixed::<1>(args)? };
        let flags = flags.as_isize()?;
        let Ok(flags) = c_int::try_from(flags) else {
            return Err(raise!(OverflowError, "buffer flags out of range"));
        };
        // SAFETY: a live object, and the slot of the class that the wrapper belongs to.
        unsafe {
            let get = core::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(*mut abi::PyObject, *mut abi::Py_buffer, c_int) -> c_int,
            >(wrapped);
            Ok(crate::objects::MemoryView::from_buffer_proc(o(slf), flags, get)?.upcast())
        }
    })
}

pub unsafe extern "C" fn wrap_releasebuffer(slf: Out, args: Out, _wrapped: *mut c_void) -> Out {
    obj(|| {
        // SAFETY: a tuple of arguments.
        let [mv] = unsafe { fixed::<1>(args)? };
        // SAFETY: a live object.
        super::bufslot::release_memoryview_of(unsafe { o(slf) }, mv)?;
        Ok(none_ref())
    })
}
