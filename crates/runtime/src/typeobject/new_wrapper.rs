//! `__new__` of native types: the builtin method that wraps `tp_new`.

use super::cabi::{of, oo};
use super::{Type, dispatch};
use crate::error::Raised;
use crate::prelude::*;
use abi::PyObject;

static DEF: crate::convert::Table<abi::PyMethodDef, 1> = crate::convert::Table([crate::convert::method_def(
    c"__new__",
    call as *const (),
    abi::METH_VARARGS | abi::METH_KEYWORDS,
    c"__new__($type, *args, **kwargs)\n--\n\nCreate and return a new object.  See help(type) for accurate signature."
        .as_ptr(),
)]);

/// Whether `m` is such a wrapper.
pub fn is_new_wrapper(o: &Object) -> bool {
    crate::objects::methodobject::is_builtin_with(o, call as *const ())
}

/// Adds `__new__` to the type's dict unless it is there.
pub fn add(ty: &Type) -> PyResult<()> {
    let n = intern!("__new__");
    if ty.dict().get_str(n)?.is_some() {
        return Ok(());
    }
    // SAFETY: a static definition.
    let f = unsafe { crate::objects::methodobject::new(DEF.0.as_ptr().cast_mut(), Some(ty), None, None)? };
    ty.dict().set(n, &f)
}

unsafe extern "C" fn call(slf: *mut PyObject, args: *mut PyObject, kw: *mut PyObject) -> *mut PyObject {
    super::cabi::obj(|| {
        // SAFETY: a builtin's `self` and its arguments.
        unsafe {
            let Some(ty) = oo(slf).and_then(|s| s.downcast::<Type>()) else {
                return Err(raise!(SystemError, "__new__() called with non-type 'self'"));
            };
            let args = of::<Tuple>(args);
            let Some(first) = args.as_slice().first() else {
                return Err(raise!(TypeError, "{}.__new__(): not enough arguments", ty.tp_name()));
            };
            let Some(sub) = first.downcast::<Type>() else {
                return Err(raise!(
                    TypeError,
                    "{}.__new__(X): X is not a type object ({})",
                    ty.tp_name(),
                    first.ty().tp_name()
                ));
            };
            if !sub.is_subtype(ty) {
                return Err(raise!(
                    TypeError,
                    "{}.__new__({}): {} is not a subtype of {}",
                    ty.tp_name(),
                    sub.tp_name(),
                    sub.tp_name(),
                    ty.tp_name()
                ));
            }
            if sub.slots().tp_new.is_none() {
                return Err(raise!(TypeError, "cannot create '{}' instances", sub.tp_name()));
            }
            // The most derived native base of `sub` must be built by its own `tp_new`.
            let mut s = Some(sub);
            while let Some(b) = s {
                match b.slots().tp_new {
                    Some(f) if core::ptr::eq(f as *const (), dispatch::slot_tp_new as *const ()) => s = b.base(),
                    _ => break,
                }
            }
            let a = |t: &Type| t.slots().tp_new.map_or(core::ptr::null(), |f| f as *const ());
            if let Some(b) = s {
                if b.slots().tp_new.is_none() {
                    return Err(raise!(TypeError, "cannot create '{}' instances", sub.tp_name()));
                }
                if a(b) != a(ty) {
                    return Err(raise!(
                        TypeError,
                        "{}.__new__({}) is not safe, use {}.__new__()",
                        ty.tp_name(),
                        sub.tp_name(),
                        b.tp_name()
                    ));
                }
            }
            let rest = Tuple::from_slice(&args.as_slice()[1..])?;
            match ty.slots().tp_new {
                Some(f) => PyRef::from_c_result(f(sub.as_raw(), rest.as_ptr(), kw)),
                None => Err::<PyRef, Raised>(raise!(TypeError, "cannot create '{}' instances", ty.tp_name())),
            }
        }
    })
}
