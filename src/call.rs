//! `abstract.h`, calls.

use crate::export::{fine, null_error};
use core::ffi::c_int;
use runtime::abi;
use runtime::prelude::*;

const OFFSET: usize = 1 << (usize::BITS - 1);

fn dict_arg(o: Option<&Object>) -> PyResult<Option<&Dict>> {
    match o {
        None => Ok(None),
        Some(o) => match o.downcast::<Dict>() {
            Some(d) => Ok(Some(d)),
            None => Err(crate::export::bad_internal_call()),
        },
    }
}

capi! {
    fn PyObject_Call(callable: &Object, args: &Tuple, kwargs: Option<&Object>) -> *mut abi::PyObject {
        callable.call_dict(args, dict_arg(kwargs)?)
    }
    fn PyObject_CallObject(callable: &Object, args: Option<&Object>) -> *mut abi::PyObject {
        match args {
            None => callable.call0(),
            Some(a) => match a.downcast::<Tuple>() {
                Some(t) => callable.call_dict(t, None),
                None => Err(raise!(TypeError, "argument list must be a tuple")),
            },
        }
    }
    fn PyObject_CallNoArgs(callable: &Object) -> *mut abi::PyObject {
        callable.call0()
    }
    fn PyObject_CallOneArg(callable: &Object, arg: &Object) -> *mut abi::PyObject {
        callable.call1(arg)
    }
    fn PyObject_Vectorcall(callable: &Object, args: *const *mut abi::PyObject, nargsf: usize, kwnames: *mut abi::PyObject) -> *mut abi::PyObject {
        callable.vectorcall(args, nargsf, kwnames)
    }
    fn PyObject_VectorcallDict(callable: &Object, args: *const *mut abi::PyObject, nargsf: usize, kwargs: Option<&Object>) -> *mut abi::PyObject {
        let count = nargsf & !OFFSET;
        let kwargs = dict_arg(kwargs)?.filter(|d| !d.is_empty());
        let Some(kwargs) = kwargs else { return callable.vectorcall(args, nargsf, core::ptr::null_mut()) };
        let mut stack = Vec::with_capacity(count + kwargs.len());
        for i in 0..count {
            // SAFETY: C passes `count` live objects.
            stack.push(unsafe { Object::from_ptr(*args.add(i)) }.to_ref());
        }
        let mut names = Vec::with_capacity(kwargs.len());
        for (name, value) in kwargs.items_snapshot() {
            if name.downcast::<Str>().is_none() {
                return Err(raise!(TypeError, "keywords must be strings"));
            }
            names.push(name);
            stack.push(value);
        }
        let names = Tuple::from_refs(names)?;
        let borrowed: Vec<&Object> = stack.iter().map(|r| &**r).collect();
        callable.call_kw(&borrowed, Some(&names))
    }
    fn PyObject_VectorcallMethod(name: &Object, args: *const *mut abi::PyObject, nargsf: usize, kwnames: *mut abi::PyObject) -> *mut abi::PyObject {
        if args.is_null() || nargsf & !OFFSET == 0 {
            return Err(null_error());
        }
        let name = crate::object::attr_name(name)?;
        // SAFETY: C passes `self` first.
        let this = unsafe { Object::from_ptr(*args) };
        let count = (nargsf & !OFFSET) - 1;
        if kwnames.is_null() {
            // SAFETY: a reference to an object is its pointer; C passes `count` live objects.
            let rest = unsafe { core::slice::from_raw_parts(args.add(1).cast::<&Object>(), count) };
            return this.call_method(name, rest);
        }
        let method = this.getattr(name)?;
        // SAFETY: the array holds at least `self`; the place before the arguments may be used by the callee.
        method.vectorcall(unsafe { args.add(1) }, count | OFFSET, kwnames)
    }
    fn _PyObject_MakeTpCall(_tstate: *mut abi::PyThreadState, callable: &Object, args: *const *mut abi::PyObject, nargs: isize, keywords: *mut abi::PyObject) -> *mut abi::PyObject {
        callable.vectorcall(args, nargs as usize, keywords)
    }
    fn PyEval_CallObjectWithKeywords(callable: &Object, args: Option<&Object>, kwargs: Option<&Object>) -> *mut abi::PyObject {
        let kwargs = match kwargs {
            Some(k) if k.downcast::<Dict>().is_none() => return Err(raise!(TypeError, "keyword list must be a dictionary")),
            other => dict_arg(other)?,
        };
        match args {
            None => callable.call_dict(&Tuple::empty(), kwargs),
            Some(a) => match a.downcast::<Tuple>() {
                Some(t) => callable.call_dict(t, kwargs),
                None => Err(raise!(TypeError, "argument list must be a tuple")),
            },
        }
    }
    fn PyCFunction_Call(callable: &Object, args: &Tuple, kwargs: Option<&Object>) -> *mut abi::PyObject {
        callable.call_dict(args, dict_arg(kwargs)?)
    }
    raw fn PyVectorcall_NARGS(n: usize) -> isize {
        fine((n & !OFFSET) as isize)
    }
    fn PyVectorcall_Function(callable: &Object) -> abi::vectorcallfunc {
        let t = callable.ty();
        if !t.has_feature(abi::Py_TPFLAGS_HAVE_VECTORCALL) {
            return Ok(None);
        }
        // SAFETY: the flag promises a function pointer at the offset.
        fine(unsafe { *callable.as_ptr().byte_offset(t.slots().tp_vectorcall_offset).cast::<abi::vectorcallfunc>() })
    }
    /// The keyword values after `values`, by their names, as a dict.
    fn _PyStack_AsDict(values: *const *mut abi::PyObject, kwnames: &Tuple) -> *mut abi::PyObject {
        let dict = Dict::new()?;
        for (i, name) in kwnames.as_slice().iter().enumerate() {
            // SAFETY: C passes one value per name.
            dict.set(name, unsafe { Object::from_ptr(*values.add(i)) })?;
        }
        Ok(dict)
    }
    fn PyArg_ValidateKeywordArguments(kwargs: &Object) -> c_int {
        let Some(d) = kwargs.downcast::<Dict>() else { return Err(crate::export::bad_internal_call()) };
        for key in d.keys_snapshot() {
            if key.downcast::<Str>().is_none() {
                let _ = raise!(TypeError, "keywords must be strings");
                return Ok(0);
            }
        }
        Ok(1)
    }
}
