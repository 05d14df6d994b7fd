//! The types `set`, `frozenset` and their iterator.

use super::{FrozenSet, PyFrozenSet_Type, PySet_Type, Set};
use crate::mem::Visitor;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, builtin, free_object, py_bool, track};
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::AtomicIsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use macros::pyclass;

fn repr_of(s: &Set) -> PyResult<Ref<Str>> {
    let name = s.ty().name_str().to_string();
    if repr_enter(s)? {
        return Str::format(format_args!("{name}(...)"));
    }
    let r = (|| {
        // All at one moment: another thread may clear the set.
        let items = s.snapshot();
        if items.is_empty() {
            return Str::format(format_args!("{name}()"));
        }
        let plain = core::ptr::eq(s.ty(), Set::type_object());
        let mut b = StrBuilder::new();
        if !plain {
            b.push_str(&name);
            b.push_char('(');
        }
        b.push_char('{');
        for (i, o) in items.iter().enumerate() {
            if i > 0 {
                b.push_str(", ");
            }
            b.push_repr_of(o)?;
        }
        b.push_char('}');
        if !plain {
            b.push_char(')');
        }
        b.finish()
    })();
    repr_leave(s);
    r
}

fn compare(a: &Set, other: &Object, op: CompareOp) -> PyResult<PyRef> {
    let Some(b) = Set::any(other) else { return Ok(not_implemented_ref()) };
    Ok(py_bool(match op {
        CompareOp::Eq => a.equals(b)?,
        CompareOp::Ne => !a.equals(b)?,
        CompareOp::Le => a.is_subset(b)?,
        CompareOp::Ge => b.is_subset(a)?,
        CompareOp::Lt => a.len() < b.len() && a.is_subset(b)?,
        CompareOp::Gt => b.len() < a.len() && b.is_subset(a)?,
    }))
}

fn both<'a>(a: &'a Object, b: &'a Object) -> Option<(&'a Set, &'a Set)> {
    Some((Set::any(a)?, Set::any(b)?))
}

fn copy(s: &Set) -> PyResult<PyRef> {
    if s.downcast_exact::<FrozenSet>().is_some() {
        return Ok(s.to_ref());
    }
    Ok(s.copy_as(s.base_type())?.upcast())
}

fn union_all(s: &Set, others: &[&Object]) -> PyResult<PyRef> {
    let out = s.copy_as(s.base_type())?;
    for o in others {
        out.update(o)?;
    }
    Ok(out.upcast())
}

fn intersection_all(s: &Set, others: &[&Object]) -> PyResult<PyRef> {
    if others.is_empty() {
        return Ok(s.copy_as(s.base_type())?.upcast());
    }
    let mut out: Ref<Set> = Ref::new_ref(s);
    for o in others {
        out = out.intersection_as(s.base_type(), o)?;
    }
    Ok(out.upcast())
}

fn difference_all(s: &Set, others: &[&Object]) -> PyResult<PyRef> {
    let Some((first, rest)) = others.split_first() else { return Ok(s.copy_as(s.base_type())?.upcast()) };
    let out = s.difference_as(s.base_type(), first)?;
    for o in rest {
        out.difference_update(o)?;
    }
    Ok(out.upcast())
}

fn symmetric_difference(s: &Set, other: &Object) -> PyResult<PyRef> {
    let out = s.copy_as(s.base_type())?;
    out.symmetric_difference_update(other)?;
    Ok(out.upcast())
}

fn reduce(s: &Set) -> PyResult<PyRef> {
    let items = List::from_vec(s.snapshot())?;
    let args = Tuple::from_refs(vec![items.upcast()])?.upcast();
    let state = s.call_method(intern!("__getstate__"), &[])?;
    Ok(Tuple::from_refs(vec![(**s.ty()).to_ref(), args, state])?.upcast())
}

unsafe fn dealloc(this: *mut Set) {
    // SAFETY: a dying set.
    unsafe {
        begin_dealloc(this);
        if !(*this).weakreflist.load(Acquire).is_null() {
            crate::objects::weakref::clear_weakrefs(this.cast());
        }
        (*this).release_content();
        free_object(this.cast());
    }
}

fn traverse(s: &Set, v: &mut Visitor) -> c_int {
    let mut r = 0;
    s.for_each_raw(|k, _| {
        if r == 0 {
            r = v.visit_ptr(k);
        }
    });
    r
}

macro_rules! set_type {
    ($(#[$doc:meta])* $t:ident, $ty:ident, $name:literal, |$me:ident| $set:expr, { $($extra:tt)* }) => {
        $(#[$doc])*
        #[pyclass(name = $name, type_object = $ty, flags = "BASETYPE|HAVE_GC|_MATCH_SELF", weaklistoffset = offset_of!(Set, weakreflist))]
        impl $t {
            #[slot]
            fn tp_repr(&self) -> PyResult<Ref<Str>> {
                let $me = self;
                repr_of($set)
            }
            #[slot]
            fn tp_iter(&self) -> PyResult<PyRef> {
                let $me = self;
                SetIter::create($set)
            }
            #[slot]
            fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
                let $me = self;
                compare($set, other, op)
            }
            #[slot]
            fn sq_length(&self) -> usize {
                let $me = self;
                $set.len()
            }
            #[slot]
            fn sq_contains(&self, key: &Object) -> PyResult<bool> {
                let $me = self;
                $set.contains(key)
            }
            #[slot]
            fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
                let Some((x, _)) = both(a, b) else { return Ok(not_implemented_ref()) };
                union_all(x, &[b])
            }
            #[slot]
            fn nb_and(a: &Object, b: &Object) -> PyResult<PyRef> {
                let Some((x, _)) = both(a, b) else { return Ok(not_implemented_ref()) };
                intersection_all(x, &[b])
            }
            #[slot]
            fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
                let Some((x, _)) = both(a, b) else { return Ok(not_implemented_ref()) };
                difference_all(x, &[b])
            }
            #[slot]
            fn nb_xor(a: &Object, b: &Object) -> PyResult<PyRef> {
                let Some((x, _)) = both(a, b) else { return Ok(not_implemented_ref()) };
                symmetric_difference(x, b)
            }
            #[slot]
            fn tp_traverse(&self, v: &mut Visitor) -> c_int {
                let $me = self;
                traverse($set, v)
            }
            #[slot]
            fn tp_dealloc(this: *mut Self) {
                // SAFETY: a dying set; both types share the layout.
                unsafe { dealloc(this.cast()) }
            }
            /// Return a shallow copy of a set.
            #[pymethod(name = "copy")]
            fn py_copy(&self) -> PyResult<PyRef> {
                let $me = self;
                copy($set)
            }
            /// Return a new set with elements from the set and all others.
            #[pymethod(name = "union", sig = "*others")]
            fn py_union(&self, others: &[&Object]) -> PyResult<PyRef> {
                let $me = self;
                union_all($set, others)
            }
            /// Return a new set with elements common to the set and all others.
            #[pymethod(name = "intersection", sig = "*others")]
            fn py_intersection(&self, others: &[&Object]) -> PyResult<PyRef> {
                let $me = self;
                intersection_all($set, others)
            }
            /// Return a new set with elements in the set that are not in the others.
            #[pymethod(name = "difference", sig = "*others")]
            fn py_difference(&self, others: &[&Object]) -> PyResult<PyRef> {
                let $me = self;
                difference_all($set, others)
            }
            /// Return a new set with elements in either the set or other but not both.
            #[pymethod(name = "symmetric_difference")]
            fn py_symmetric_difference(&self, other: &Object) -> PyResult<PyRef> {
                let $me = self;
                symmetric_difference($set, other)
            }
            /// Report whether another set contains this set.
            #[pymethod(name = "issubset")]
            fn py_issubset(&self, other: &Object) -> PyResult<bool> {
                let $me = self;
                $set.is_subset(other)
            }
            /// Report whether this set contains another set.
            #[pymethod(name = "issuperset")]
            fn py_issuperset(&self, other: &Object) -> PyResult<bool> {
                let $me = self;
                $set.is_superset(other)
            }
            /// Return True if two sets have a null intersection.
            #[pymethod(name = "isdisjoint")]
            fn py_isdisjoint(&self, other: &Object) -> PyResult<bool> {
                let $me = self;
                $set.is_disjoint(other)
            }
            /// x.__contains__(y) <==> y in x.
            #[pymethod(coexist)]
            fn __contains__(&self, object: &Object) -> PyResult<bool> {
                let $me = self;
                $set.contains(object)
            }
            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(&self) -> PyResult<PyRef> {
                let $me = self;
                reduce($set)
            }
            /// S.__sizeof__() -> size of S in memory, in bytes.
            #[pymethod]
            fn __sizeof__(&self) -> usize {
                let $me = self;
                $set.byte_size()
            }
            /// See PEP 585
            #[pyclassmethod]
            fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
                crate::objects::genericalias::alias(cls, args)
            }
            $($extra)*
        }
    };
}

set_type! {
    /// Build an unordered collection of unique elements.
    Set, PySet_Type, "set", |me| me, {
        #[slot]
        fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
            Ok(Set::new_of(cls)?.upcast())
        }
        #[slot]
        fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
            args.no_keywords("set")?;
            args.check_positional("set", 0, 1)?;
            if !self.is_empty() {
                self.clear();
            }
            match args.get(0) {
                Some(it) => self.update(it),
                None => Ok(()),
            }
        }
        #[slot]
        fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("set")?;
            args.check_positional("set", 0, 1)?;
            let s = Set::new_of(cls)?;
            if let Some(it) = args.get(0) {
                s.update(it)?;
            }
            Ok(s.upcast())
        }
        #[slot]
        fn tp_clear(&self) {
            self.clear();
        }
        #[slot]
        fn nb_inplace_or(&self, other: &Object) -> PyResult<PyRef> {
            if Set::any(other).is_none() {
                return Ok(not_implemented_ref());
            }
            self.update(other)?;
            Ok(self.to_ref())
        }
        #[slot]
        fn nb_inplace_and(&self, other: &Object) -> PyResult<PyRef> {
            if Set::any(other).is_none() {
                return Ok(not_implemented_ref());
            }
            self.intersection_update(other)?;
            Ok(self.to_ref())
        }
        #[slot]
        fn nb_inplace_subtract(&self, other: &Object) -> PyResult<PyRef> {
            if Set::any(other).is_none() {
                return Ok(not_implemented_ref());
            }
            self.difference_update(other)?;
            Ok(self.to_ref())
        }
        #[slot]
        fn nb_inplace_xor(&self, other: &Object) -> PyResult<PyRef> {
            if Set::any(other).is_none() {
                return Ok(not_implemented_ref());
            }
            self.symmetric_difference_update(other)?;
            Ok(self.to_ref())
        }
        /// Add an element to a set.
        ///
        /// This has no effect if the element is already present.
        #[pymethod(name = "add")]
        fn py_add(&self, object: &Object) -> PyResult<()> {
            self.add(object)
        }
        /// Remove an element from a set if it is a member.
        ///
        /// Unlike set.remove(), the discard() method does not raise
        /// an exception when an element is missing from the set.
        #[pymethod(name = "discard")]
        fn py_discard(&self, object: &Object) -> PyResult<()> {
            self.discard(object).map(|_| ())
        }
        /// Remove an element from a set; it must be a member.
        ///
        /// If the element is not a member, raise a KeyError.
        #[pymethod]
        fn remove(&self, object: &Object) -> PyResult<()> {
            if self.discard(object)? { Ok(()) } else { Err(crate::error::raise_key_error(object)) }
        }
        /// Remove and return an arbitrary set element.
        ///
        /// Raises KeyError if the set is empty.
        #[pymethod(name = "pop")]
        fn py_pop(&self) -> PyResult<PyRef> {
            self.pop()
        }
        /// Remove all elements from this set.
        #[pymethod(name = "clear")]
        fn py_clear(&self) {
            self.clear();
        }
        /// Update the set, adding elements from all others.
        #[pymethod(name = "update", sig = "*others")]
        fn py_update(&self, others: &[&Object]) -> PyResult<()> {
            for o in others {
                self.update(o)?;
            }
            Ok(())
        }
        /// Update the set, keeping only elements found in it and all others.
        #[pymethod(name = "intersection_update", sig = "*others")]
        fn py_intersection_update(&self, others: &[&Object]) -> PyResult<()> {
            let mut out: Ref<Set> = Ref::new_ref(self);
            for o in others {
                out = out.intersection_as(Set::type_object(), o)?;
            }
            if core::ptr::eq(&*out, self) { Ok(()) } else { self.replace_with(&out) }
        }
        /// Update the set, removing elements found in others.
        #[pymethod(name = "difference_update", sig = "*others")]
        fn py_difference_update(&self, others: &[&Object]) -> PyResult<()> {
            for o in others {
                self.difference_update(o)?;
            }
            Ok(())
        }
        /// Update the set, keeping only elements found in either set, but not in both.
        #[pymethod(name = "symmetric_difference_update")]
        fn py_symmetric_difference_update(&self, other: &Object) -> PyResult<()> {
            self.symmetric_difference_update(other)
        }
    }
}

set_type! {
    /// Build an immutable unordered collection of unique elements.
    FrozenSet, PyFrozenSet_Type, "frozenset", |me| (&me.0), {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            // A subclass without an `__init__` of its own takes no keywords either.
            let init = |t: &Type| t.slots().tp_init.map(|f| f as usize);
            if init(cls) == init(FrozenSet::type_object()) {
                args.no_keywords("frozenset")?;
            }
            args.check_positional("frozenset", 0, 1)?;
            if core::ptr::eq(cls, FrozenSet::type_object()) {
                return match args.get(0) {
                    Some(it) => Ok(FrozenSet::from_iterable(it)?.upcast()),
                    None => Ok(FrozenSet::new(&[])?.upcast()),
                };
            }
            let s = Set::new_of(cls)?;
            if let Some(it) = args.get(0) {
                s.update(it)?;
            }
            Ok(s.upcast())
        }
        #[slot]
        fn tp_hash(&self) -> isize {
            self.0.frozen_hash()
        }
    }
}

/// Layout of `set_iterator`.
#[repr(C)]
pub struct SetIter {
    header: abi::PyObject,
    set: Slot,
    used: AtomicIsize,
    pos: AtomicIsize,
    len: AtomicIsize,
}
#[unsafe(no_mangle)]
pub static mut PySetIter_Type: Type = unready_type();
py_layout!(SetIter, PySetIter_Type);

impl SetIter {
    fn create(s: &Set) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<SetIter>(SetIter::type_object())?;
        it.set.init(s.to_ref());
        it.used.store(s.len() as isize, Relaxed);
        it.len.store(s.len() as isize, Relaxed);
        Ok(track(it).upcast())
    }
}

#[pyclass(name = "set_iterator", type_object = PySetIter_Type, flags = "HAVE_GC")]
impl SetIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let Some(owner) = self.set.get(self) else { return Ok(None) };
        // SAFETY: the slot holds a set or frozenset.
        let s = unsafe { owner.cast::<Set>() };
        if self.used.load(Relaxed) != s.len() as isize {
            self.used.store(-1, Relaxed);
            return Err(raise!(RuntimeError, "Set changed size during iteration"));
        }
        let mut pos = self.pos.load(Relaxed);
        match s.next(&mut pos) {
            Some((k, _)) => {
                self.pos.store(pos, Relaxed);
                self.len.store(self.len.load(Relaxed) - 1, Relaxed);
                Ok(Some(k))
            }
            None => {
                drop(self.set.replace(self, None));
                Ok(None)
            }
        }
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        match self.set.get(self) {
            // SAFETY: as above.
            Some(s) if self.used.load(Relaxed) == unsafe { s.cast::<Set>() }.len() as isize => {
                self.len.load(Relaxed).max(0) as usize
            }
            _ => 0,
        }
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let out = List::new()?;
        if let Some(owner) = self.set.get(self) {
            // SAFETY: as above.
            let s = unsafe { owner.cast::<Set>() };
            let mut pos = self.pos.load(Relaxed);
            while let Some((k, _)) = s.next(&mut pos) {
                out.push(k)?;
            }
        }
        let args = Tuple::from_refs(vec![out.upcast()])?.upcast();
        Ok(Tuple::pair(builtin("iter")?, args)?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.set.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).set.swap(None));
            free_object(this.cast());
        }
    }
}
