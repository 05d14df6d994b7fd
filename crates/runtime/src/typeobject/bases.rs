//! Layouts: which base a class extends in memory, and when `__bases__` and `__class__` may change.

use super::{Type, mro, object_type, update};
use crate::mem::qsbr;
use crate::prelude::*;
use core::sync::atomic::Ordering::*;

fn shape_differs(a: &Type, b: &Type) -> bool {
    let (a, b) = (a.slots(), b.slots());
    a.tp_basicsize != b.tp_basicsize || a.tp_itemsize != b.tp_itemsize
}

/// The nearest ancestor (or the type itself) that adds fields to the layout.
pub fn solid_base(ty: &Type) -> &Type {
    let base = ty.base().map_or(object_type(), |b| solid_base(b));
    if shape_differs(ty, base) { ty } else { base }
}

/// The base whose layout a class with these bases extends.
pub fn best_base(bases: &Tuple) -> PyResult<Ref<Type>> {
    let mut winner: Option<&Type> = None;
    let mut best: Option<&Type> = None;
    for b in bases.as_slice() {
        let Some(t) = b.downcast::<Type>() else {
            return Err(raise!(TypeError, "bases must be types"));
        };
        if !t.has_feature(abi::Py_TPFLAGS_READY) {
            // SAFETY: a filled type object.
            unsafe { super::ready::ready(t.as_raw())? };
        }
        if !t.has_feature(abi::Py_TPFLAGS_BASETYPE) {
            return Err(raise!(TypeError, "type '{}' is not an acceptable base type", t.tp_name()));
        }
        let cand = solid_base(t);
        match winner {
            None => (winner, best) = (Some(cand), Some(t)),
            Some(w) if w.is_subtype(cand) => {}
            Some(w) if cand.is_subtype(w) => (winner, best) = (Some(cand), Some(t)),
            _ => return Err(raise!(TypeError, "multiple bases have instance lay-out conflict")),
        }
    }
    match best {
        Some(b) => Ok(Ref::new_ref(b)),
        None => Err(raise!(TypeError, "a class needs at least one base")),
    }
}

/// The most derived metatype among `meta` and the bases' metatypes.
pub fn calculate_metaclass(meta: &Type, bases: &Tuple) -> PyResult<Ref<Type>> {
    let mut w = Ref::new_ref(meta);
    for b in bases.iter() {
        let t = b.ty();
        if w.is_subtype(t) {
            continue;
        }
        if t.is_subtype(&w) {
            w = Ref::new_ref(t);
            continue;
        }
        return Err(raise!(
            TypeError,
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
        ));
    }
    Ok(w)
}

/// Whether a slot-only class and another add the same fields.
fn same_slots_added(a: &Type, b: &Type) -> bool {
    if !a.is_heap_type() || !b.is_heap_type() || a.slots().tp_basicsize != b.slots().tp_basicsize {
        return false;
    }
    // SAFETY: heap types; the slot names are tuples or null.
    unsafe {
        let (x, y) = ((*a.heap()).ht_slots, (*b.heap()).ht_slots);
        let empty = |p: *mut abi::PyObject| p.is_null() || (*p.cast::<Tuple>()).is_empty();
        if empty(x) || empty(y) {
            return empty(x) && empty(y);
        }
        Object::from_ptr(x).eq(Object::from_ptr(y)).unwrap_or_else(|e| {
            e.clear();
            false
        })
    }
}

const PRE: u64 = abi::Py_TPFLAGS_PREHEADER;

/// Whether instances of the two types have the same layout, so that one can become the other.
fn compatible_for_assignment(new: &Type, old: &Type, attr: &str) -> PyResult<()> {
    let free = |t: &Type| t.slots().tp_free.map_or(0, |f| f as usize);
    if free(new) != free(old) {
        return Err(raise!(
            TypeError,
            "{} assignment: '{}' deallocator differs from '{}'",
            attr,
            new.tp_name(),
            old.tp_name()
        ));
    }
    let compatible = |a: &Type, b: &Type| {
        let (x, y) = (a.slots(), b.slots());
        x.tp_basicsize == y.tp_basicsize
            && x.tp_itemsize == y.tp_itemsize
            && x.tp_dictoffset == y.tp_dictoffset
            && x.tp_weaklistoffset == y.tp_weaklistoffset
            && a.flags() & abi::Py_TPFLAGS_HAVE_GC == b.flags() & abi::Py_TPFLAGS_HAVE_GC
            && a.flags() & PRE == b.flags() & PRE
    };
    let fail = || {
        Err(raise!(
            TypeError,
            "{} assignment: '{}' object layout differs from '{}'",
            attr,
            new.tp_name(),
            old.tp_name()
        ))
    };
    if new.flags() & PRE != old.flags() & PRE {
        return fail();
    }
    let mut n = new;
    let mut o = old;
    while let Some(b) = n.base().filter(|b| compatible(n, b)) {
        n = b;
    }
    while let Some(b) = o.base().filter(|b| compatible(o, b)) {
        o = b;
    }
    if n.ptr_eq(o) {
        return Ok(());
    }
    let nb = n.base().map(|b| b.as_raw());
    if nb != o.base().map(|b| b.as_raw()) || !same_slots_added(n, o) {
        return fail();
    }
    Ok(())
}

/// `obj.__class__ = value`.
pub fn set_class(o: &Object, value: Option<&Object>) -> PyResult<()> {
    let Some(v) = value else {
        return Err(raise!(TypeError, "can't delete __class__ attribute"));
    };
    crate::audit_event!("object.__setattr__", o, intern!("__class__"), v)?;
    let Some(new) = v.downcast::<Type>() else {
        return Err(raise!(TypeError, "__class__ must be set to a class, not '{}' object", v.ty().tp_name()));
    };
    let old = Ref::new_ref(o.ty());
    if old.ptr_eq(new) {
        return Ok(());
    }
    let module = Module::type_object();
    if !(new.is_subtype(module) && old.is_subtype(module))
        && (new.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE) || old.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE))
    {
        return Err(raise!(
            TypeError,
            "__class__ assignment only supported for mutable types or ModuleType subclasses"
        ));
    }
    compatible_for_assignment(new, &old, "__class__")?;
    if old.has_feature(abi::Py_TPFLAGS_INLINE_VALUES) {
        // The inline values are laid out by the old type's keys: move them out first.
        crate::objects::dict::instance::detach_inline_values(o)?;
    }
    if new.is_heap_type() {
        // SAFETY: the instance owns a reference to its heap type from now on.
        unsafe { crate::object::incref(new.as_ptr()) };
    }
    let store = || o.0.ob_type.store(new.as_raw(), Release);
    if o.is_uniquely_referenced() && o.0.ob_ref_shared.load(Relaxed) == 0 {
        // No other thread can come by it, not even through a weak reference.
        store();
    } else {
        crate::thread::stop_the_world(store);
    }
    if old.is_heap_type() {
        // SAFETY: the reference the instance owned.
        unsafe { qsbr::decref_delayed(old.as_ptr()) };
    }
    Ok(())
}

/// `cls.__bases__ = value`.
pub fn set_bases(ty: &Type, value: Option<&Object>) -> PyResult<()> {
    check_mutable(ty, "__bases__")?;
    let Some(v) = value else {
        return Err(raise!(TypeError, "cannot delete '__bases__' attribute of immutable type '{}'", ty.tp_name()));
    };
    crate::audit_event!("object.__setattr__", ty, intern!("__bases__"), v)?;
    let Some(new) = v.downcast::<Tuple>() else {
        return Err(raise!(TypeError, "can only assign tuple to {}.__bases__, not {}", ty.tp_name(), v.ty().tp_name()));
    };
    if new.is_empty() {
        return Err(raise!(TypeError, "can only assign non-empty tuple to {}.__bases__, not ()", ty.tp_name()));
    }
    for b in new.iter() {
        let Some(b) = b.downcast::<Type>() else {
            return Err(raise!(
                TypeError,
                "{}.__bases__ must be tuple of classes, not '{}'",
                ty.tp_name(),
                b.ty().tp_name()
            ));
        };
        let mut t = Some(b);
        let circular = b.is_subtype(ty)
            || core::iter::from_fn(|| {
                let x = t;
                t = t.and_then(|y| y.base());
                x
            })
            .any(|x| x.ptr_eq(ty));
        if circular {
            return Err(raise!(TypeError, "a __bases__ item causes an inheritance cycle"));
        }
    }
    let best = best_base(new)?;
    let old_base = ty.base().map(Ref::new_ref);
    if let Some(ob) = &old_base {
        compatible_for_assignment(&best, ob, "__bases__")?;
    }
    let old_bases = ty.bases();
    // New MROs of the type and its subclasses, computed while the old ones are in force.
    let raw = ty.as_raw();
    let mut new_mros: Vec<(Ref<Type>, Ref<Tuple>)> = Vec::new();
    let install = |bases: &Tuple, base: &Type| {
        crate::thread::stop_the_world(|| {
            // SAFETY: the world is stopped.
            unsafe {
                (*raw).tp_bases = Ref::new_ref(bases).into_ptr();
                (*raw).tp_base = Ref::new_ref(base).into_ptr().cast();
            }
        })
    };
    install(new, &best);
    fn rebuild(t: &Type, out: &mut Vec<(Ref<Type>, Ref<Tuple>)>) -> PyResult<()> {
        let old = t.mro();
        let m = mro::compute(t, &t.bases())?;
        if !core::ptr::eq(t.slots().tp_mro, old.as_ptr()) {
            // `mro()` assigned `__bases__` itself: that assignment did the work.
            return Ok(());
        }
        out.push((Ref::new_ref(t), old));
        swap_mro(t, m);
        for s in mro::subclasses(t) {
            rebuild(&s, out)?;
        }
        Ok(())
    }
    let r = rebuild(ty, &mut new_mros);
    if let Err(e) = r {
        for (t, m) in new_mros.into_iter().rev() {
            swap_mro(&t, m);
        }
        if let Some(ob) = old_base.as_ref().filter(|_| core::ptr::eq(ty.slots().tp_bases, new.as_ptr())) {
            install(&old_bases, ob);
        }
        return Err(e);
    }
    if !core::ptr::eq(ty.slots().tp_bases, new.as_ptr()) {
        return Ok(());
    }
    mro::remove_from_bases(ty, &old_bases);
    mro::add_to_bases(ty, new);
    ty.modified();
    update::update_all(ty)?;
    // SAFETY: the references the type owned.
    unsafe {
        qsbr::decref_delayed(old_bases.clone().into_ptr());
        if let Some(b) = old_base {
            qsbr::decref_delayed(b.into_ptr());
        }
    }
    Ok(())
}

fn swap_mro(t: &Type, m: Ref<Tuple>) {
    let raw = t.as_raw();
    // SAFETY: an aligned pointer of a live type; the old tuple goes after a grace period.
    unsafe {
        let old = core::sync::atomic::AtomicPtr::from_ptr(&raw mut (*raw).tp_mro).swap(m.into_ptr(), AcqRel);
        t.modified();
        if !old.is_null() {
            qsbr::decref_delayed(old);
        }
    }
}

/// Immutable types refuse attribute changes.
pub fn check_mutable(ty: &Type, name: &str) -> PyResult<()> {
    if ty.has_feature(abi::Py_TPFLAGS_IMMUTABLETYPE) {
        return Err(raise!(TypeError, "cannot set '{}' attribute of immutable type '{}'", name, ty.tp_name()));
    }
    Ok(())
}
