//! Calling a Python class without argument tuples: `object.__new__` and a Python `__init__`.

use super::cabi::obj;
use super::{Type, alloc, attrs, dispatch, objtype};
use crate::prelude::*;
use crate::protocol::call::{PY_VECTORCALL_ARGUMENTS_OFFSET, kwargs_dict, nargs};
use abi::PyObject;
use core::ptr::{fn_addr_eq, null_mut};

type P = *mut PyObject;
type New = unsafe extern "C" fn(*mut abi::PyTypeObject, P, P) -> P;
type Init = unsafe extern "C" fn(P, P, P) -> core::ffi::c_int;
type Alloc = unsafe extern "C" fn(*mut abi::PyTypeObject, isize) -> P;

/// `tp_vectorcall` of classes made by `type.__new__`.
pub unsafe extern "C" fn class_vectorcall(callable: P, args: *mut P, nargsf: usize, kwnames: P) -> P {
    obj(|| {
        // SAFETY: installed on classes only; arguments as the convention says.
        unsafe {
            let ty = Type::from_ptr(callable.cast());
            let n = nargs(nargsf);
            let nk = if kwnames.is_null() { 0 } else { (*kwnames.cast::<Tuple>()).len() };
            let s = ty.slots();
            let plain_new = s.tp_new.is_some_and(|f| fn_addr_eq(f, objtype::object_new as New))
                && s.tp_alloc.is_some_and(|f| fn_addr_eq(f, alloc::PyType_GenericAlloc as Alloc))
                && !ty.has_feature(abi::Py_TPFLAGS_IS_ABSTRACT);
            if plain_new && s.tp_init.is_some_and(|f| fn_addr_eq(f, objtype::object_init as Init)) && n + nk == 0 {
                return Ok(PyRef::from_raw(ty.alloc(0)?.cast()));
            }
            if plain_new && s.tp_init.is_some_and(|f| fn_addr_eq(f, dispatch::slot_tp_init as Init)) {
                if let Some(init) =
                    ty.lookup(intern!("__init__")).filter(|f| f.ty().has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR))
                {
                    let o: PyRef = PyRef::from_raw(ty.alloc(0)?.cast());
                    let r = if nargsf & PY_VECTORCALL_ARGUMENTS_OFFSET != 0 {
                        let a = args.sub(1);
                        let saved = core::mem::replace(&mut *a, o.as_ptr());
                        let r = init.vectorcall(a, n + 1, kwnames);
                        *a = saved;
                        r?
                    } else {
                        let mut small = [null_mut::<PyObject>(); 10];
                        let mut big;
                        let total = n + nk;
                        let buf: &mut [P] = if total + 2 <= small.len() {
                            &mut small
                        } else {
                            big = vec![null_mut::<PyObject>(); total + 2];
                            &mut big
                        };
                        buf[1] = o.as_ptr();
                        if total > 0 {
                            core::ptr::copy_nonoverlapping(args, buf[2..].as_mut_ptr(), total);
                        }
                        init.vectorcall(buf[1..].as_ptr(), (n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames)?
                    };
                    if !r.is_none() {
                        return Err(raise!(TypeError, "__init__() should return None, not '{}'", r.ty().tp_name()));
                    }
                    return Ok(o);
                }
            }
            let items: &[&Object] = if n == 0 { &[] } else { core::slice::from_raw_parts(args.cast(), n) };
            let t = Tuple::from_slice(items)?;
            let kw = kwargs_dict(args, n, kwnames)?;
            crate::protocol::call::enter_recursive_call(" while calling a Python object")?;
            crate::protocol::own(attrs::type_call(callable, t.as_ptr(), kw.as_ref().map_or(null_mut(), |d| d.as_ptr())))
        }
    })
}
