//! `repr`, `str`, `hash`, comparison, truth, `format`, `dir`, `isinstance` and `issubclass`.

use super::call::enter_recursive_call;
use super::{failed, own};
use crate::prelude::*;
use crate::typeobject::CompareOp;
use core::ptr::fn_addr_eq;

impl Object {
    pub fn repr(&self) -> PyResult<Ref<Str>> {
        enter_recursive_call(" while getting the repr of an object")?;
        let r = match self.ty().slots().tp_repr {
            // SAFETY: a C slot.
            Some(f) => unsafe { own(f(self.as_ptr()))? },
            None => return Str::format(format_args!("<{} object at {:p}>", self.ty().tp_name(), self)),
        };
        r.downcast_into::<Str>()
            .map_err(|r| raise!(TypeError, "__repr__ returned non-string (type {})", r.ty().tp_name()))
    }

    pub fn str(&self) -> PyResult<Ref<Str>> {
        if let Some(s) = self.downcast_exact::<Str>() {
            return Ok(Ref::new_ref(s));
        }
        let Some(f) = self.ty().slots().tp_str else {
            return self.repr();
        };
        enter_recursive_call(" while getting the str of an object")?;
        // SAFETY: a C slot.
        let r = unsafe { own(f(self.as_ptr()))? };
        r.downcast_into::<Str>()
            .map_err(|r| raise!(TypeError, "__str__ returned non-string (type {})", r.ty().tp_name()))
    }

    /// `repr` with everything outside ASCII escaped.
    pub fn ascii(&self) -> PyResult<Ref<Str>> {
        let r = self.repr()?;
        if r.is_ascii() {
            return Ok(r);
        }
        let mut out = String::with_capacity(r.len() * 2);
        for c in r.chars() {
            match c {
                0..0x80 => out.push(c as u8 as char),
                0x80..0x100 => out.push_str(&format!("\\x{c:02x}")),
                0x100..0x10000 => out.push_str(&format!("\\u{c:04x}")),
                _ => out.push_str(&format!("\\U{c:08x}")),
            }
        }
        Str::new(&out)
    }

    /// `bytes(self)` for an object with `__bytes__` or a buffer.
    pub fn bytes(&self) -> PyResult<Ref<Bytes>> {
        if let Some(b) = self.downcast_exact::<Bytes>() {
            return Ok(Ref::new_ref(b));
        }
        let r = match self.lookup_special(intern!("__bytes__"))? {
            Some(f) => f.call0()?,
            None => Bytes::type_object().call1(self)?,
        };
        r.downcast_into::<Bytes>()
            .map_err(|r| raise!(TypeError, "__bytes__ returned non-bytes (type {})", r.ty().tp_name()))
    }

    /// `format(self, spec)`.
    pub fn format(&self, spec: &Str) -> PyResult<Ref<Str>> {
        if spec.is_empty() {
            if let Some(s) = self.downcast_exact::<Str>() {
                return Ok(Ref::new_ref(s));
            }
            if self.downcast_exact::<Int>().is_some() {
                return self.str();
            }
        }
        let Some(f) = self.lookup_special(intern!("__format__"))? else {
            return Err(raise!(TypeError, "Type {} doesn't define __format__", self.ty().tp_name()));
        };
        f.call1(spec)?
            .downcast_into::<Str>()
            .map_err(|r| raise!(TypeError, "__format__ must return a str, not {}", r.ty().tp_name()))
    }

    #[inline]
    pub fn hash(&self) -> PyResult<isize> {
        match self.ty().slots().tp_hash {
            Some(f) => {
                enter_recursive_call(" while hashing an object")?;
                // SAFETY: a C slot.
                let h = unsafe { f(self.as_ptr()) };
                if h == -1 { Err(failed()) } else { Ok(h) }
            }
            None => Err(raise!(TypeError, "unhashable type: '{}'", self.ty().tp_name())),
        }
    }

    #[inline]
    pub fn is_true(&self) -> PyResult<bool> {
        if self.is(true_()) {
            return Ok(true);
        }
        if self.is(false_()) || self.is_none() {
            return Ok(false);
        }
        let t = self.ty().slots();
        enter_recursive_call("")?;
        // SAFETY: C slots of a live type.
        let n = unsafe {
            if let Some(f) = t.tp_as_number.as_ref().and_then(|n| n.nb_bool) {
                f(self.as_ptr()) as isize
            } else if let Some(f) = t.tp_as_mapping.as_ref().and_then(|n| n.mp_length) {
                f(self.as_ptr())
            } else if let Some(f) = t.tp_as_sequence.as_ref().and_then(|n| n.sq_length) {
                f(self.as_ptr())
            } else {
                return Ok(true);
            }
        };
        if n < 0 { Err(failed()) } else { Ok(n > 0) }
    }

    /// `dir(self)`, sorted.
    pub fn dir(&self) -> PyResult<Ref<List>> {
        let Some(f) = self.lookup_special(intern!("__dir__"))? else {
            return Err(raise!(TypeError, "object does not provide __dir__"));
        };
        let l = f.call0()?.to_list()?;
        l.sort(None, false)?;
        Ok(l)
    }

    /// The rich comparison, any result.
    pub fn richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        enter_recursive_call(" in comparison")?;
        let (a, b) = (self.ty(), other.ty());
        let mut checked = false;
        // SAFETY: C slots.
        unsafe {
            if !a.ptr_eq(b) && b.is_subtype(a) {
                if let Some(f) = b.slots().tp_richcompare {
                    checked = true;
                    let r = own(f(other.as_ptr(), self.as_ptr(), op.swapped() as i32))?;
                    if !r.is(not_implemented()) {
                        return Ok(r);
                    }
                }
            }
            if let Some(f) = a.slots().tp_richcompare {
                let r = own(f(self.as_ptr(), other.as_ptr(), op as i32))?;
                if !r.is(not_implemented()) {
                    return Ok(r);
                }
            }
            if !checked {
                if let Some(f) = b.slots().tp_richcompare {
                    let r = own(f(other.as_ptr(), self.as_ptr(), op.swapped() as i32))?;
                    if !r.is(not_implemented()) {
                        return Ok(r);
                    }
                }
            }
        }
        match op {
            CompareOp::Eq => Ok(Bool::of(self.is(other)).to_ref()),
            CompareOp::Ne => Ok(Bool::of(!self.is(other)).to_ref()),
            _ => Err(raise!(
                TypeError,
                "'{}' not supported between instances of '{}' and '{}'",
                op.symbol(),
                a.tp_name(),
                b.tp_name()
            )),
        }
    }

    /// The comparison as a truth value; identical objects are equal.
    #[inline]
    pub fn richcompare_bool(&self, other: &Object, op: CompareOp) -> PyResult<bool> {
        if self.is(other) {
            match op {
                CompareOp::Eq => return Ok(true),
                CompareOp::Ne => return Ok(false),
                _ => {}
            }
        }
        let (a, b) = (self.ty(), other.ty());
        if a.ptr_eq(b) {
            // SAFETY: exact instances of the types.
            unsafe {
                if a.ptr_eq(Int::type_object()) {
                    return Ok(op.holds(self.cast::<Int>().compare(other.cast::<Int>())));
                }
                if a.ptr_eq(Str::type_object()) && matches!(op, CompareOp::Eq | CompareOp::Ne) {
                    return Ok(self.cast::<Str>().eq_data(other.cast::<Str>()) == (op == CompareOp::Eq));
                }
            }
        }
        let r = self.richcompare(other, op)?;
        r.is_true()
    }

    #[inline]
    pub fn eq(&self, other: &Object) -> PyResult<bool> {
        self.richcompare_bool(other, CompareOp::Eq)
    }

    pub fn isinstance(&self, cls: &Object) -> PyResult<bool> {
        if core::ptr::eq::<Object>(&**self.ty(), cls) {
            return Ok(true);
        }
        if cls.ty().ptr_eq(Type::type_object()) {
            return real_isinstance(self, cls);
        }
        if let Some(args) = union_args(cls) {
            return args.iter().try_fold(false, |acc, c| Ok(acc || self.isinstance(c)?));
        }
        if let Some(t) = cls.downcast::<Tuple>() {
            enter_recursive_call(" in __instancecheck__")?;
            for c in t.iter() {
                if self.isinstance(c)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some(f) = cls.lookup_special(intern!("__instancecheck__"))? {
            enter_recursive_call(" in __instancecheck__")?;
            return f.call1(self)?.is_true();
        }
        real_isinstance(self, cls)
    }

    pub fn issubclass(&self, cls: &Object) -> PyResult<bool> {
        if cls.ty().ptr_eq(Type::type_object()) {
            if self.is(cls) {
                return Ok(true);
            }
            return real_issubclass(self, cls);
        }
        if let Some(args) = union_args(cls) {
            return args.iter().try_fold(false, |acc, c| Ok(acc || self.issubclass(c)?));
        }
        if let Some(t) = cls.downcast::<Tuple>() {
            enter_recursive_call(" in __subclasscheck__")?;
            for c in t.iter() {
                if self.issubclass(c)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some(f) = cls.lookup_special(intern!("__subclasscheck__"))? {
            enter_recursive_call(" in __subclasscheck__")?;
            return f.call1(self)?.is_true();
        }
        real_issubclass(self, cls)
    }
}

/// The `__bases__` of something class-like; `None` when it has no tuple there.
fn abstract_bases(cls: &Object) -> PyResult<Option<Ref<Tuple>>> {
    Ok(cls.getattr_opt(intern!("__bases__"))?.and_then(|b| b.downcast_into::<Tuple>().ok()))
}

fn abstract_issubclass(derived: &Object, cls: &Object) -> PyResult<bool> {
    enter_recursive_call(" in __subclasscheck__")?;
    if derived.is(cls) {
        return Ok(true);
    }
    let Some(b) = abstract_bases(derived)? else { return Ok(false) };
    for x in b.iter() {
        if abstract_issubclass(x, cls)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `isinstance` without the hooks.
pub fn real_isinstance(o: &Object, cls: &Object) -> PyResult<bool> {
    if let Some(c) = cls.downcast::<Type>() {
        if o.ty().is_subtype(c) {
            return Ok(true);
        }
        return Ok(match o.getattr_opt(intern!("__class__"))? {
            Some(k) if !core::ptr::eq::<Object>(&*k, &**o.ty()) => {
                k.downcast::<Type>().is_some_and(|k| k.is_subtype(c))
            }
            _ => false,
        });
    }
    if abstract_bases(cls)?.is_none() {
        return Err(raise!(TypeError, "isinstance() arg 2 must be a type, a tuple of types, or a union"));
    }
    match o.getattr_opt(intern!("__class__"))? {
        Some(k) => abstract_issubclass(&k, cls),
        None => Ok(false),
    }
}

/// `issubclass` without the hooks.
pub fn real_issubclass(derived: &Object, cls: &Object) -> PyResult<bool> {
    if let (Some(d), Some(c)) = (derived.downcast::<Type>(), cls.downcast::<Type>()) {
        return Ok(d.is_subtype(c));
    }
    if abstract_bases(derived)?.is_none() {
        return Err(raise!(TypeError, "issubclass() arg 1 must be a class"));
    }
    if union_args(cls).is_none() && abstract_bases(cls)?.is_none() {
        return Err(raise!(TypeError, "issubclass() arg 2 must be a class, a tuple of classes, or a union"));
    }
    abstract_issubclass(derived, cls)
}

/// Whether the object's hash says "unhashable".
pub fn is_hashable(o: &Object) -> bool {
    o.ty().slots().tp_hash.is_some_and(|f| {
        !fn_addr_eq(
            f,
            crate::typeobject::alloc::PyObject_HashNotImplemented as unsafe extern "C" fn(*mut abi::PyObject) -> isize,
        )
    })
}

/// The members of a `typing.Union` object.
fn union_args(o: &Object) -> Option<Ref<Tuple>> {
    if o.ty().is_heap_type() || o.ty().tp_name() != "typing.Union" {
        return None;
    }
    o.getattr_opt(intern!("__args__")).ok().flatten().and_then(|a| a.downcast_into::<Tuple>().ok())
}
