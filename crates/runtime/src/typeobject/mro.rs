//! Method resolution order and the registry of subclasses.

use super::Type;
use super::lock::with_type_lock;
use crate::interp::pin::Pinned;
use crate::interp::slot::Slot;
use crate::objects::Tuple;
use crate::prelude::*;

type Subclasses = Vec<*mut abi::PyTypeObject>;

fn list(t: &Type) -> *mut Subclasses {
    t.slots().tp_subclasses.cast()
}

/// Visits the direct subclasses. The type lock is held.
pub(super) fn each_subclass(t: &Type, f: &mut dyn FnMut(&Type)) {
    let l = list(t);
    if l.is_null() {
        return;
    }
    // SAFETY: a dying type leaves the list under the type lock before its memory goes.
    for s in unsafe { (*l).iter() } {
        // SAFETY: what the list holds are types.
        f(unsafe { Type::from_ptr(*s) });
    }
}

/// The direct subclasses that are still alive.
pub fn subclasses(t: &Type) -> Vec<Ref<Type>> {
    let mut out = Vec::new();
    with_type_lock(|| {
        each_subclass(t, &mut |s| {
            // SAFETY: in the list, so its memory is there; a dead one refuses.
            if unsafe { crate::mem::refcount::try_incref(s.as_ptr()) } {
                // SAFETY: the count was just taken.
                out.push(unsafe { Ref::from_raw(s.as_raw().cast::<Type>()) });
            }
        });
    });
    out
}

/// Enters `t` in the subclass lists of its bases.
pub fn add_to_bases(t: &Type, bases: &Tuple) {
    // SAFETY: marks a live object as one that others may try to reach.
    unsafe {
        if !t.is_immortal() {
            crate::mem::refcount::set_maybe_weakref(t.as_ptr())
        }
    };
    with_type_lock(|| {
        for b in bases.iter() {
            let Some(b) = b.downcast::<Type>() else { continue };
            // SAFETY: the list belongs to the type and is touched under the type lock only.
            unsafe {
                if list(b).is_null() {
                    (*b.as_raw()).tp_subclasses = Box::into_raw(Box::<Subclasses>::default()).cast();
                }
                let l = &mut *list(b);
                if !l.contains(&t.as_raw()) {
                    l.push(t.as_raw());
                }
            }
        }
    });
}

/// Takes `t` out of the subclass lists of its bases.
pub fn remove_from_bases(t: &Type, bases: &Tuple) {
    with_type_lock(|| {
        for b in bases.iter() {
            let Some(b) = b.downcast::<Type>() else { continue };
            let l = list(b);
            if !l.is_null() {
                // SAFETY: as above.
                unsafe { (*l).retain(|p| *p != t.as_raw()) };
            }
        }
    });
}

/// Frees the list itself when a type dies.
pub fn drop_list(t: &Type) {
    let l = list(t);
    if !l.is_null() {
        // SAFETY: nobody reaches the dying type any more.
        unsafe {
            (*t.as_raw()).tp_subclasses = core::ptr::null_mut();
            drop(Box::from_raw(l));
        }
    }
}

impl Type {
    pub(super) fn is_subtype_slow(&self, other: &Type) -> bool {
        let mro = self.slots().tp_mro;
        if mro.is_null() {
            let mut t = self.base();
            while let Some(b) = t {
                if b.ptr_eq(other) {
                    return true;
                }
                t = b.base();
            }
            return other.ptr_eq(super::object_type());
        }
        // SAFETY: a tuple of types; an old one is released only after a grace period, and this runs no Python code.
        unsafe { &*mro.cast::<Tuple>() }.iter().any(|b| core::ptr::eq(b, &**other))
    }

    /// `tp_mro`.
    pub fn mro(&self) -> Ref<Tuple> {
        let m = self.slots().tp_mro;
        if m.is_null() {
            return Tuple::empty();
        }
        // SAFETY: a live tuple of the type.
        Ref::new_ref(unsafe { &*m.cast::<Tuple>() })
    }

    /// `mro()`, counted only if need be.
    pub(crate) fn mro_pinned(&self) -> Option<Pinned> {
        // SAFETY: null, or a live tuple of the type; one that was replaced is freed after a grace period.
        let m = unsafe { Object::from_ptr_opt(self.slots().tp_mro.cast()) }?;
        Some(Pinned::new(Slot::new_shared(m)))
    }

    /// `tp_bases`.
    pub fn bases(&self) -> Ref<Tuple> {
        let m = self.slots().tp_bases;
        if m.is_null() {
            return Tuple::empty();
        }
        // SAFETY: a live tuple of the type.
        Ref::new_ref(unsafe { &*m.cast::<Tuple>() })
    }
}

/// The C3 linearisation of `ty` over `bases`.
pub fn c3(ty: &Type, bases: &Tuple) -> PyResult<Vec<PyRef>> {
    let n = bases.len();
    for (i, a) in bases.iter().enumerate() {
        let Some(bt) = a.downcast::<Type>() else {
            return Err(raise!(TypeError, "bases must be types"));
        };
        if bt.slots().tp_mro.is_null() {
            return Err(raise!(TypeError, "Cannot extend an incomplete type '{}'", bt.tp_name()));
        }
        if bases.iter().take(i).any(|b| b.is(a)) {
            return Err(raise!(TypeError, "duplicate base class {}", bt.name_str()));
        }
    }
    let mut seqs: Vec<Vec<PyRef>> = Vec::with_capacity(n + 1);
    for b in bases.iter() {
        // SAFETY: checked above.
        seqs.push(unsafe { b.cast::<Type>() }.mro().iter().map(Object::to_ref).collect());
    }
    seqs.push(bases.iter().map(Object::to_ref).collect());
    let mut pos = vec![0usize; seqs.len()];
    let mut out = vec![ty.to_ref()];
    'next: loop {
        let mut empty = 0;
        for i in 0..seqs.len() {
            let Some(cand) = seqs[i].get(pos[i]) else {
                empty += 1;
                continue;
            };
            let in_tail = |j: usize| seqs[j].iter().skip(pos[j] + 1).any(|x| x.is(cand));
            if (0..seqs.len()).any(in_tail) {
                continue;
            }
            let cand = cand.clone();
            for j in 0..seqs.len() {
                if seqs[j].get(pos[j]).is_some_and(|x| x.is(&cand)) {
                    pos[j] += 1;
                }
            }
            out.push(cand);
            continue 'next;
        }
        if empty == seqs.len() {
            return Ok(out);
        }
        let mut names: Vec<String> = Vec::new();
        let mut seen: Vec<*const Object> = Vec::new();
        for (s, p) in seqs.iter().zip(&pos) {
            if let Some(c) = s.get(*p) {
                if !seen.contains(&(&raw const **c)) {
                    seen.push(&raw const **c);
                    names.push(c.downcast::<Type>().map_or_else(|| "?".into(), |t| t.name_str().to_owned()));
                }
            }
        }
        return Err(raise!(
            TypeError,
            "Cannot create a consistent method resolution order (MRO) for bases {}",
            names.join(", ")
        ));
    }
}

/// Computes the MRO of a type: `mro()` of its metatype when overridden, else C3.
pub fn compute(ty: &Type, bases: &Tuple) -> PyResult<Ref<Tuple>> {
    let meta = ty.ty();
    if meta.ptr_eq(super::type_type()) || !ty.is_heap_type() {
        return Tuple::new(c3(ty, bases)?);
    }
    let name = intern!("mro");
    let meth = meta.lookup(name);
    let own = super::type_type().dict_opt().and_then(|d| d.get_str(name).ok().flatten());
    match (&meth, &own) {
        (Some(m), Some(o)) if m.is(o) => return Tuple::new(c3(ty, bases)?),
        _ => {}
    }
    ty.never_version();
    let Some(m) = ty.lookup_special(name)? else {
        return Tuple::new(c3(ty, bases)?);
    };
    let res = m.call0()?.to_tuple()?;
    let solid = super::bases::solid_base(ty);
    for b in res.iter() {
        let Some(bt) = b.downcast::<Type>() else {
            return Err(raise!(TypeError, "mro() returned a non-class ('{}')", b.ty().tp_name()));
        };
        if !solid.is_subtype(super::bases::solid_base(bt)) {
            return Err(raise!(TypeError, "mro() returned base with unsuitable layout ('{}')", bt.tp_name()));
        }
    }
    Ok(res)
}
