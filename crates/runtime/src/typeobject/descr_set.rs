//! `__dict__` and `__weakref__` of instances of Python classes.

use super::cabi::{o, obj, oo, unit};
use crate::convert::{Table, getset_def};
use crate::prelude::*;
use crate::protocol::{attr, done, own};
use abi::PyObject;
use core::ffi::{c_int, c_void};

type P = *mut PyObject;

/// The `__dict__` descriptor of a native base that has a dict of its own (`BaseException`, `module` …).
fn builtin_dict_descr(x: &Object) -> Option<PyRef> {
    let mut t = x.ty();
    while let Some(b) = t.base() {
        if t.slots().tp_dictoffset != 0 && !t.is_heap_type() {
            return t
                .dict_opt()
                .and_then(|d| d.get_str(intern!("__dict__")).ok().flatten())
                .filter(|d| d.ty().slots().tp_descr_set.is_some());
        }
        t = b;
    }
    None
}

unsafe extern "C" fn get_dict(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: getters get live objects.
        let x = unsafe { o(p) };
        if let Some(d) = builtin_dict_descr(x) {
            if let Some(f) = d.ty().slots().tp_descr_get {
                // SAFETY: a C slot.
                return unsafe { own(f(d.as_ptr(), p, x.ty().as_ptr())) };
            }
        }
        attr::generic_dict(x).map(Ref::upcast)
    })
}

unsafe extern "C" fn set_dict(p: P, v: P, _c: *mut c_void) -> c_int {
    unit(|| {
        // SAFETY: setters get live objects.
        let (x, val) = unsafe { (o(p), oo(v)) };
        if let Some(d) = builtin_dict_descr(x) {
            if let Some(f) = d.ty().slots().tp_descr_set {
                // SAFETY: a C slot.
                return done(unsafe { f(d.as_ptr(), p, v) });
            }
        }
        attr::set_generic_dict(x, val)
    })
}

unsafe extern "C" fn get_weak(p: P, _c: *mut c_void) -> P {
    obj(|| {
        // SAFETY: getters get live objects.
        let x = unsafe { o(p) };
        if x.ty().slots().tp_weaklistoffset == 0 {
            return Err(raise!(AttributeError, "This object has no __weakref__"));
        }
        Ok(crate::objects::weakref::list(x).into_iter().next().unwrap_or_else(none_ref))
    })
}

static DICT: Table<abi::PyGetSetDef, 1> =
    Table([getset_def(c"__dict__", Some(get_dict), Some(set_dict), c"dictionary for instance variables".as_ptr())]);
static WEAK: Table<abi::PyGetSetDef, 1> =
    Table([getset_def(c"__weakref__", Some(get_weak), None, c"list of weak references to the object".as_ptr())]);

pub fn dict_def() -> *mut abi::PyGetSetDef {
    DICT.0.as_ptr().cast_mut()
}
pub fn weak_def() -> *mut abi::PyGetSetDef {
    WEAK.0.as_ptr().cast_mut()
}
