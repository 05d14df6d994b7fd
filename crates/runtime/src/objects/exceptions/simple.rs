//! The exception types with a field or two: `StopIteration`, `SystemExit`, `ImportError`, `NameError`, `AttributeError`,
//! `KeyError`.

use super::base::{no_keywords, none_obj};
use super::{AttributeError, BaseException, ImportError, NameError, StopIteration, SystemExit, slot, types};
use crate::convert::FuncArgs;
use crate::error::PyResult;
use crate::object::{Object, PyRef, Ref};
use crate::objects::{Dict, Str, Tuple};
use crate::{intern, raise};
use macros::pyclass;

/// Sees an instance as its base layout.
#[inline(always)]
pub(crate) fn base(o: &Object) -> &BaseException {
    // SAFETY: every exception layout begins with BaseException's.
    unsafe { o.cast() }
}

/// The only keyword names that a constructor takes; raises for any other.
fn keywords<'a, const N: usize>(
    this: &Object,
    name: &str,
    args: &FuncArgs<'a>,
    names: [&str; N],
) -> PyResult<[Option<&'a Object>; N]> {
    let _ = this;
    let mut out = [None; N];
    for (k, v) in args.keywords() {
        let i = k.downcast::<Str>().and_then(|k| names.iter().position(|n| k.eq_str(n)));
        match i {
            Some(i) => out[i] = Some(v),
            None => {
                return Err(raise!(
                    TypeError,
                    "{}() got an unexpected keyword argument '{}'",
                    name,
                    k.str()?.to_string_lossy()
                ));
            }
        }
    }
    Ok(out)
}

#[pyclass(name = "StopIteration", type_object = types::TYPE_StopIteration, flags = "BASETYPE|HAVE_GC", members = "value: object@0.value")]
impl StopIteration {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        no_keywords(self, &args)?;
        base(self).set_args(args.to_tuple()?);
        slot!(self, value).set(Some(args.get(0).map_or_else(none_obj, Object::to_ref)));
        Ok(())
    }
}

#[pyclass(name = "SystemExit", type_object = types::TYPE_SystemExit, flags = "BASETYPE|HAVE_GC", members = "code: object@0.code")]
impl SystemExit {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        no_keywords(self, &args)?;
        let tuple = args.to_tuple()?;
        base(self).set_args(tuple.clone());
        let code = match args.args {
            [] => None,
            [one] => Some(one.to_ref()),
            _ => Some(tuple.upcast()),
        };
        slot!(self, code).set(code);
        Ok(())
    }
}

#[pyclass(name = "ImportError", type_object = types::TYPE_ImportError, flags = "BASETYPE|HAVE_GC", members = "msg: object@0.msg; name: object@0.name; path: object@0.path; name_from: object@0.name_from")]
impl ImportError {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let [name, path, name_from] = keywords(self, "ImportError", &args, ["name", "path", "name_from"])?;
        base(self).set_args(args.to_tuple()?);
        slot!(self, name).set(name.map(Object::to_ref));
        slot!(self, path).set(path.map(Object::to_ref));
        slot!(self, name_from).set(name_from.map(Object::to_ref));
        slot!(self, msg).set(if let [msg] = args.args { Some(msg.to_ref()) } else { None });
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        match slot!(self, msg).get().map(PyRef::downcast_into::<Str>) {
            Some(Ok(s)) if core::ptr::eq(s.ty(), <Str as crate::object::PyClass>::type_object()) => Ok(s),
            _ => base(self).str_of_args(),
        }
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let ty: &Object = self.ty();
        let args = base(self).args()?;
        let fields = [
            ("name", slot!(self, name).get()),
            ("path", slot!(self, path).get()),
            ("name_from", slot!(self, name_from).get()),
        ];
        let dict = slot!(self, dict).get();
        if fields.iter().all(|(_, v)| v.is_none()) {
            return match dict {
                Some(d) => Ok(Tuple::from_slice(&[ty, &args, &d])?.upcast()),
                None => Ok(Tuple::from_slice(&[ty, &args])?.upcast()),
            };
        }
        let state = Dict::new()?;
        if let Some(d) = dict {
            state.update(&d)?;
        }
        for (k, v) in fields {
            if let Some(v) = v {
                state.set(Str::intern(k), &v)?;
            }
        }
        Ok(Tuple::from_slice(&[ty, &args, &state])?.upcast())
    }
}

#[pyclass(name = "NameError", type_object = types::TYPE_NameError, flags = "BASETYPE|HAVE_GC", members = "name: object@0.name")]
impl NameError {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let [name] = keywords(self, "NameError", &args, ["name"])?;
        base(self).set_args(args.to_tuple()?);
        slot!(self, name).set(name.map(Object::to_ref));
        Ok(())
    }
}

#[pyclass(name = "AttributeError", type_object = types::TYPE_AttributeError, flags = "BASETYPE|HAVE_GC", members = "name: object@0.name; obj: object@0.obj")]
impl AttributeError {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let [name, obj] = keywords(self, "AttributeError", &args, ["name", "obj"])?;
        base(self).set_args(args.to_tuple()?);
        slot!(self, name).set(name.map(Object::to_ref));
        slot!(self, obj).set(obj.map(Object::to_ref));
        Ok(())
    }

    /// The state to pickle: `obj` is left out.
    #[pymethod(name = "__getstate__")]
    fn getstate(&self) -> PyResult<PyRef> {
        let dict = slot!(self, dict).get();
        let name = slot!(self, name).get();
        let args = slot!(self, args).get();
        if name.is_none() && args.is_none() {
            return Ok(dict.unwrap_or_else(none_obj));
        }
        let state = Dict::new()?;
        if let Some(d) = dict {
            state.update(&d)?;
        }
        if let Some(n) = name {
            state.set(intern!("name"), &n)?;
        }
        if let Some(a) = args {
            state.set(intern!("args"), &a)?;
        }
        Ok(state.upcast())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let state = self.getstate()?;
        let ty: &Object = self.ty();
        Ok(Tuple::from_slice(&[ty, &**base(self).args()?, &state])?.upcast())
    }
}

/// `KeyError`: its text is the repr of a single argument.
#[repr(transparent)]
pub struct KeyError(pub abi::PyBaseExceptionObject);
crate::py_layout!(KeyError, crate::objects::exceptions::types::TYPE_KeyError);

#[pyclass(name = "KeyError", type_object = types::TYPE_KeyError, flags = "BASETYPE|HAVE_GC")]
impl KeyError {
    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let args = base(self).args()?;
        if let [one] = args.as_slice() { one.repr() } else { base(self).str_of_args() }
    }
}

impl BaseException {
    /// `BaseException.__str__`.
    pub(crate) fn str_of_args(&self) -> PyResult<Ref<Str>> {
        let args = self.args()?;
        match args.as_slice() {
            [] => Ok(Ref::new_ref(Str::empty())),
            [one] => one.str(),
            _ => args.str(),
        }
    }
}
