//! Pattern matching.

use super::slot::Slot;
use crate::prelude::*;

/// Whether the value's type has a flag.
pub fn has_flag(s: Slot, flag: u64) -> bool {
    s.try_obj().is_some_and(|o| o.ty().flags() & flag != 0)
}

/// MATCH_KEYS: the values under all keys, or None.
#[inline(never)]
pub unsafe fn match_keys(subject: Slot, keys: Slot) -> PyResult<Slot> {
    let map = subject.obj();
    // SAFETY: the compiler puts a tuple here.
    let keys = unsafe { keys.obj().cast::<Tuple>() };
    if keys.is_empty() {
        return Ok(Slot::owned(Tuple::empty().upcast()));
    }
    let get = map.getattr(intern!("get"))?;
    let dummy = map_sentinel()?;
    let seen = Set::new()?;
    let mut values = Vec::with_capacity(keys.len());
    for k in keys.iter() {
        if seen.contains(k)? {
            return Err(raise!(ValueError, "mapping pattern checks duplicate key ({})", k.repr()?.to_string_lossy()));
        }
        seen.add(k)?;
        let v = get.call(&[k, &dummy])?;
        if v.is(&dummy) {
            return Ok(Slot::none());
        }
        values.push(v);
    }
    Ok(Slot::owned(Tuple::from_refs(values)?.upcast()))
}

fn map_sentinel() -> PyResult<PyRef> {
    crate::typeobject::object_type().call0()
}

/// MATCH_CLASS: the attributes that the sub-patterns look at, or None.
#[inline(never)]
pub unsafe fn match_class(subject: Slot, ty: Slot, names: Slot, npos: usize) -> PyResult<Slot> {
    let subject = subject.obj();
    let t = ty.obj();
    // SAFETY: the compiler puts a tuple here.
    let names = unsafe { names.obj().cast::<Tuple>() };
    let Some(cls) = t.downcast::<Type>() else {
        return Err(raise!(TypeError, "called match pattern must be a class"));
    };
    if !subject.isinstance(t)? {
        return Ok(Slot::none());
    }
    let seen = Set::new()?;
    let mut attrs = Vec::with_capacity(npos + names.len());
    if npos > 0 {
        let match_args = t.getattr_opt(intern!("__match_args__"))?;
        let mut match_self = false;
        let args: Ref<Tuple> = match match_args {
            Some(a) => match a.downcast_into::<Tuple>() {
                Ok(t) if core::ptr::eq(t.ty(), Tuple::type_object()) => t,
                Ok(x) => return Err(bad_match_args(cls, &x)),
                Err(x) => return Err(bad_match_args(cls, &x)),
            },
            None => {
                match_self = cls.flags() & abi::_Py_TPFLAGS_MATCH_SELF != 0;
                Tuple::empty()
            }
        };
        let allowed = if match_self { 1 } else { args.len() };
        if allowed < npos {
            return Err(raise!(
                TypeError,
                "{}() accepts {} positional sub-pattern{} ({} given)",
                cls.name_str(),
                allowed,
                if allowed == 1 { "" } else { "s" },
                npos
            ));
        }
        if match_self {
            attrs.push(subject.to_ref());
        } else {
            for i in 0..npos {
                let n = args.get(i);
                if n.downcast::<Str>().is_none() {
                    return Err(raise!(
                        TypeError,
                        "__match_args__ elements must be strings (got {})",
                        n.ty().name_str()
                    ));
                }
                match match_attr(subject, cls, n, &seen)? {
                    Some(v) => attrs.push(v),
                    None => return Ok(Slot::none()),
                }
            }
        }
    }
    for n in names.iter() {
        match match_attr(subject, cls, n, &seen)? {
            Some(v) => attrs.push(v),
            None => return Ok(Slot::none()),
        }
    }
    Ok(Slot::owned(Tuple::from_refs(attrs)?.upcast()))
}

fn bad_match_args(cls: &Type, x: &Object) -> Raised {
    raise!(TypeError, "{}.__match_args__ must be a tuple (got {})", cls.name_str(), x.ty().name_str())
}

fn match_attr(subject: &Object, cls: &Type, name: &Object, seen: &Set) -> PyResult<Option<PyRef>> {
    if seen.contains(name)? {
        return Err(raise!(
            TypeError,
            "{}() got multiple sub-patterns for attribute {}",
            cls.name_str(),
            name.repr()?.to_string_lossy()
        ));
    }
    seen.add(name)?;
    // SAFETY: names are strings.
    subject.getattr_opt(unsafe { name.cast::<Str>() })
}
