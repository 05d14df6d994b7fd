//! Inline caches of attributes.

use super::*;

fn names_of(ty: &Type) -> Option<u32> {
    let f = ty.flags();
    if f & abi::Py_TPFLAGS_INLINE_VALUES != 0 {
        return crate::objects::dict::instance::cached_keys(ty).map(|k| k.nentries.load(Relaxed) as u32);
    }
    if f & abi::Py_TPFLAGS_MANAGED_DICT != 0 || ty.slots().tp_dictoffset != 0 {
        return None;
    }
    Some(NO_DICT)
}

/// Whether the instance cannot hide an attribute of its type, as far as the record knows.
#[inline(always)]
fn not_hidden(o: &Object, ty: &Type, names: u32) -> bool {
    if names == NO_DICT {
        return true;
    }
    use crate::objects::dict::instance as inst;
    if inst::inline_values(o).valid.load(Acquire) == 0 {
        return false;
    }
    // SAFETY: a type with inline values has shared keys.
    let keys = unsafe { inst::cached_keys(ty).unwrap_unchecked() };
    keys.nentries.load(Relaxed) as u32 == names
}

/// Bits 24 to 31 of an attribute instruction's first entry count how often it had to be specialised again.
const TRIES: u64 = 0xff00_0000;

/// Packs the first entry, keeping the count.
fn store_attr_entry(c: &AtomicU64, version: u32, index: usize, kind: u64) {
    c.store((version as u64) << 32 | c.load(Relaxed) & TRIES | (index as u64) << 8 | kind, Relaxed);
}

/// Counts one more attempt; after too many the instruction becomes generic (true).
unsafe fn give_up(w: *const AtomicU32, c: &AtomicU64) -> bool {
    let v = c.load(Relaxed);
    let n = (v & TRIES) >> 24;
    if n >= 50 {
        // SAFETY: the caller points at an instruction word.
        unsafe { set_op(w, generic(base_op((*w).load(Relaxed) as u8))) };
        return true;
    }
    c.store(v & !TRIES | (n + 1) << 24, Relaxed);
    false
}

/// Specialises LOAD_ATTR.
#[cold]
#[inline(never)]
pub unsafe fn load_attr(w: *const AtomicU32, c0: &AtomicU64, c1: &AtomicU64, o: Slot, name: &Str, method: bool) {
    // SAFETY: `w` is an instruction word.
    unsafe {
        let held;
        let obj = match o.try_obj() {
            Some(x) => x,
            None => {
                // methods of unboxed numbers: through their type
                held = match o.to_ref() {
                    Ok(r) => r,
                    Err(e) => return e.clear(),
                };
                &*held
            }
        };
        if !try_load_attr(w, c0, c1, obj, name, method) {
            give_up(w, c0);
        }
    }
}

unsafe fn try_load_attr(
    w: *const AtomicU32,
    c0: &AtomicU64,
    c1: &AtomicU64,
    obj: &Object,
    name: &Str,
    method: bool,
) -> bool {
    use super::super::ops::is_generic_getattr;
    use crate::objects::dict::instance as inst;
    let ty = obj.ty();
    // SAFETY: `w` is an instruction word; descriptors are what their types say.
    unsafe {
        if let Some(m) = obj.downcast_exact::<Module>() {
            let Some(d) = exact_dict(m.md_dict) else { return false };
            let v = d.keys_version();
            let Some(i) = d.index_of(name) else { return false };
            if v == 0 || i >= 1 << 16 || ty.lookup(name).is_some_and(|x| x.ty().slots().tp_descr_set.is_some()) {
                return false;
            }
            store_attr_entry(c0, v, i, kind::MODULE);
            set_op(w, sop::LOAD_ATTR_MODULE);
            return true;
        }
        if let Some(cls) = obj.downcast::<Type>() {
            if !core::ptr::eq(ty, Type::type_object()) || ty.lookup(name).is_some() {
                return false;
            }
            let (v, version) = cls.lookup_with_version(name);
            let Some(v) = v else { return false };
            if let Some(f) = crate::objects::funcobject_static::static_function(&v)
                && version != 0
            {
                publish(
                    c1,
                    Record {
                        kind: kind::CLASS,
                        version,
                        names: 0,
                        index: 0,
                        value: f.as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_CLASS);
                return true;
            }
            if method
                && version != 0
                && let Some(f) = crate::objects::funcobject_static::class_function(&v)
            {
                crate::mem::refcount::set_deferred(f);
                publish_chained(
                    c1,
                    Record {
                        kind: kind::CLASS_METHOD,
                        version,
                        names: 0,
                        index: 0,
                        value: f.as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_METHOD);
                return true;
            }
            if version == 0 || (v.ty().slots().tp_descr_get.is_some() && v.downcast_exact::<Function>().is_none()) {
                return false;
            }
            publish(
                c1,
                Record {
                    kind: kind::CLASS,
                    version,
                    names: 0,
                    index: 0,
                    value: v.as_ptr(),
                    next: core::ptr::null_mut(),
                },
            );
            set_op(w, sop::LOAD_ATTR_CLASS);
            return true;
        }
        if !is_generic_getattr(ty) {
            return false;
        }
        let (descr, version) = ty.lookup_with_version(name);
        if version == 0 {
            return false;
        }
        if let Some(d) = &descr {
            let dt = d.ty().slots();
            if !method
                && name.eq_str("__class__")
                && crate::typeobject::object_type().lookup(name).is_some_and(|c| c.is(d))
            {
                store_attr_entry(c0, version, 0, kind::DUNDER_CLASS);
                set_op(w, sop::LOAD_ATTR_DUNDER_CLASS);
                return true;
            }
            if dt.tp_flags & abi::Py_TPFLAGS_METHOD_DESCRIPTOR != 0 {
                if !method {
                    return false;
                }
                let Some(names) = names_of(ty) else { return false };
                if !not_hidden(obj, ty, names) {
                    return false;
                }
                if names != NO_DICT && inst::shared_key_index(ty, name).is_some() {
                    return false;
                }
                crate::mem::refcount::set_deferred(d);
                publish_chained(
                    c1,
                    Record {
                        kind: kind::METHOD,
                        version,
                        names,
                        index: 0,
                        value: d.as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_METHOD);
                return true;
            }
            if core::ptr::addr_eq(d.ty(), &raw const super::super::pending::PyMemberDescr_Type) {
                let m = (*d.as_ptr().cast::<abi::PyMemberDescrObject>()).d_member;
                if (*m).type_ != 16 || (*m).flags & 8 != 0 || (*m).offset < 0 || (*m).offset >= 1 << 16 {
                    return false;
                }
                store_attr_entry(c0, version, (*m).offset as usize, kind::SLOT);
                let v = (*obj
                    .as_ptr()
                    .byte_add((*m).offset as usize)
                    .cast::<core::sync::atomic::AtomicPtr<abi::PyObject>>())
                .load(Acquire);
                set_op(w, if feeds_arithmetic(w, v) { sop::LOAD_ATTR_SLOT_NUM } else { sop::LOAD_ATTR_SLOT });
                return true;
            }
            if core::ptr::addr_eq(d.ty(), &raw const super::super::pending::PyProperty_Type) {
                if method {
                    return false;
                }
                let fget = *d.as_ptr().add(1).cast::<*mut abi::PyObject>();
                if fget.is_null() {
                    return false;
                }
                let Some(f) = Object::from_ptr(fget).downcast_exact::<Function>() else { return false };
                if !f.code().extra().simple_args || f.code().argcount() != 1 {
                    return false;
                }
                publish(
                    c1,
                    Record {
                        kind: kind::PROPERTY,
                        version,
                        names: 0,
                        index: 0,
                        value: fget,
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_PROPERTY);
                return true;
            }
            let f = crate::objects::funcobject_static::static_function(d);
            if dt.tp_descr_get.is_some() && f.is_none() {
                return false;
            }
            if dt.tp_descr_set.is_none()
                && let Some(names) = names_of(ty)
                && not_hidden(obj, ty, names)
                && (names == NO_DICT || inst::shared_key_index(ty, name).is_none())
            {
                publish(
                    c1,
                    Record {
                        kind: kind::CLASSVAR,
                        version,
                        names,
                        index: 0,
                        value: f.unwrap_or(d).as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_CLASSVAR);
                return true;
            }
        }
        if ty.flags() & abi::Py_TPFLAGS_INLINE_VALUES != 0
            && inst::inline_values(obj).valid.load(Acquire) != 0
            && let Some(i) = inst::shared_key_index(ty, name)
        {
            store_attr_entry(c0, version, i, kind::INSTANCE);
            let before = c0.load(Relaxed);
            if before & TRIES != 0
                && (before & 15 == kind::INSTANCE || record(c1.load(Acquire), kind::INSTANCE_POLY).is_some())
            {
                // Objects of several types pass here
                let index = i as u32;
                publish_chained(
                    c1,
                    Record {
                        kind: kind::INSTANCE_POLY,
                        version,
                        names: 0,
                        index,
                        value: core::ptr::null_mut(),
                        next: core::ptr::null_mut(),
                    },
                );
                set_op(w, sop::LOAD_ATTR_INSTANCE_POLY);
                return true;
            }
            let num = feeds_arithmetic(w, inst::inline_value_ptr(obj, i));
            set_op(w, if num { sop::LOAD_ATTR_INSTANCE_NUM } else { sop::LOAD_ATTR_INSTANCE });
            return true;
        }
        false
    }
}

/// Whether `v`, which the instruction at `w` is about to push, is a number whose next use is as an operand of arithmetic or
/// of a comparison: then it is best read without an object.
pub(super) unsafe fn feeds_arithmetic(w: *const AtomicU32, v: *mut abi::PyObject) -> bool {
    use compiler::opcode::nb;
    // SAFETY: the caller read `v` just now (type-stable memory); instructions follow `w` up to the end of the code.
    unsafe {
        let Some(o) = Object::from_ptr_opt(v) else { return false };
        let int = super::super::eval::type_is!(o, crate::objects::long::PyLong_Type);
        if !int && !super::super::eval::type_is!(o, crate::objects::float::PyFloat_Type) {
            return false;
        }
        let mut p = w.add(2);
        // How many entries lie above the value
        let mut above = 0;
        for _ in 0..12 {
            let word = (*p).load(Relaxed);
            let (o, arg) = (base_op(word as u8), word >> 8);
            p = p.add(1 + compiler::opcode::has_cache(o) as usize);
            match o {
                op::LOAD_FAST | op::LOAD_FAST_BORROW | op::LOAD_CONST | op::LOAD_SMALL_INT | op::LOAD_DEREF => {
                    above += 1
                }
                op::LOAD_FAST_LOAD_FAST | op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => above += 2,
                op::LOAD_GLOBAL if arg & 1 == 0 => above += 1,
                op::LOAD_ATTR if arg & 1 == 0 && above > 0 => {}
                op::BINARY_OP if arg == nb::SUBSCR && above >= 2 => above -= 1,
                op::BINARY_OP if arg == nb::SUBSCR => return false,
                op::BINARY_OP if above <= 1 => {
                    return match if arg >= nb::INPLACE { arg - nb::INPLACE } else { arg } {
                        nb::ADD | nb::SUBTRACT | nb::MULTIPLY | nb::TRUE_DIVIDE => true,
                        nb::POWER | nb::MATRIX_MULTIPLY => false,
                        _ => int,
                    };
                }
                op::COMPARE_OP if above <= 1 => return true,
                op::BINARY_OP | op::COMPARE_OP => above -= 1,
                op::UNARY_NEGATIVE => return above == 0,
                _ => return false,
            }
        }
    }
    false
}

/// A new reference to an object of this thread. It cannot go away between the read of the pointer and here, because only this
/// thread frees it (others queue their last reference), so no second look at the container is needed.
///
/// # Safety
/// `p` is not null and was read from a live container just now.
#[inline(always)]
pub unsafe fn own_ref(p: *mut abi::PyObject) -> Option<Slot> {
    // SAFETY: type-stable memory until this thread's next quiescent point.
    let o = unsafe { &*p };
    if o.ob_tid.load(Relaxed) != crate::arch::thread_id() {
        return None;
    }
    o.ob_ref_local.store(o.ob_ref_local.load(Relaxed) + 1, Relaxed);
    Some(Slot::steal(p))
}

/// The number in an object that cannot go away while this thread looks: its own, or an immortal one. (An object of this
/// thread is freed by this thread only.)
///
/// # Safety
/// `p` was read from a live container just now.
#[inline(always)]
pub(super) unsafe fn unboxed_value(p: *mut abi::PyObject) -> Option<Slot> {
    if p.is_null() {
        return None;
    }
    // SAFETY: type-stable memory until this thread's next quiescent point.
    let o = unsafe { Object::from_ptr(p) };
    if !o.is_owned_by_current_thread() && !o.is_immortal() {
        return None;
    }
    if super::super::eval::type_is!(o, crate::objects::float::PyFloat_Type) {
        // SAFETY: an exact float.
        return Slot::float(unsafe { o.cast::<Float>() }.value());
    }
    super::super::eval::slot_i64(Slot::borrowed(o)).and_then(Slot::int)
}

#[inline(always)]
pub unsafe fn hit_attr_instance_num(o: Slot, c: u64) -> Option<Slot> {
    let (obj, i) = guard(o, c, kind::INSTANCE)?;
    // SAFETY: read just now.
    unsafe { unboxed_value(crate::objects::dict::instance::inline_value_ptr(obj, i)) }
}

#[inline(always)]
pub unsafe fn hit_attr_slot_num(o: Slot, c: u64) -> Option<Slot> {
    let (obj, off) = guard(o, c, kind::SLOT)?;
    // SAFETY: the version vouches for the member's place.
    unsafe {
        let p = &*obj.as_ptr().byte_add(off).cast::<core::sync::atomic::AtomicPtr<abi::PyObject>>();
        unboxed_value(p.load(Acquire))
    }
}

/// The number at an index of a list.
#[inline(always)]
pub unsafe fn list_number(l: &List, i: usize) -> Option<Slot> {
    // SAFETY: read just now.
    unsafe { unboxed_value(l.peek(i)) }
}

#[inline(always)]
fn guard<'a>(o: Slot, c: u64, k: u64) -> Option<(&'a Object, usize)> {
    let obj = o.try_obj()?;
    let want = (obj.ty().version() as u64) << 32 | k;
    if c & 0xffff_ffff_0000_000f != want { None } else { Some((obj, (c as u32 >> 8 & 0xffff) as usize)) }
}

#[inline(always)]
pub unsafe fn hit_attr_instance(o: Slot, c: u64) -> Option<Slot> {
    let (obj, i) = guard(o, c, kind::INSTANCE)?;
    let p = crate::objects::dict::instance::inline_value_ptr(obj, i);
    if p.is_null() {
        return None;
    }
    // SAFETY: read just now; type-stable memory until this thread's next quiescent point.
    let v = unsafe {
        if let Some(s) = own_ref(p) {
            return Some(s);
        }
        Object::from_ptr(p)
    };
    let again = || crate::objects::dict::instance::inline_value_ptr(obj, i);
    shared_value(v, again, || crate::objects::dict::instance::inline_value_at(obj, i))
}

/// An attribute of instances of several types.
#[inline(always)]
pub unsafe fn hit_attr_instance_poly(o: Slot, c: u64) -> Option<Slot> {
    let mut r = record(c, kind::INSTANCE_POLY)?;
    let version = o.try_obj()?.ty().version();
    while r.version != version {
        // SAFETY: a published chain lives until this thread is quiescent.
        r = unsafe { r.next.as_ref() }?;
    }
    // SAFETY: the version vouches for the index.
    unsafe { hit_attr_instance(o, (version as u64) << 32 | (r.index as u64) << 8 | kind::INSTANCE) }
}

/// `o.__class__` of an ordinary type.
#[inline(always)]
pub unsafe fn hit_attr_dunder_class(o: Slot, c: u64) -> Option<Slot> {
    let (obj, _) = guard(o, c, kind::DUNDER_CLASS)?;
    Some(Slot::new(obj.ty()))
}

/// A slot for another thread's object that was just read from a shared place: uncounted where possible, else counted by
/// `read`, which reads once more. `again` reads without counting.
#[inline(always)]
fn shared_value(
    v: &Object,
    again: impl FnOnce() -> *mut abi::PyObject,
    read: impl FnOnce() -> Option<PyRef>,
) -> Option<Slot> {
    // Deferred objects are freed while the world is stopped only: this one is alive, if it was this one that was read.
    if super::super::slot::is_uncounted(v) {
        return if again() == v.as_ptr() { Some(Slot::borrowed(v)) } else { None };
    }
    let r = read()?;
    crate::mem::refcount::shared_read(&r);
    Some(Slot::owned(r))
}

#[inline(always)]
pub unsafe fn hit_attr_slot(o: Slot, c: u64) -> Option<Slot> {
    let (obj, off) = guard(o, c, kind::SLOT)?;
    // SAFETY: the version vouches for the member's place.
    let p = unsafe { &*obj.as_ptr().byte_add(off).cast::<core::sync::atomic::AtomicPtr<abi::PyObject>>() };
    let v = p.load(Acquire);
    if v.is_null() {
        return None;
    }
    // SAFETY: read just now; type-stable memory until this thread's next quiescent point.
    let v = unsafe {
        if let Some(s) = own_ref(v) {
            return Some(s);
        }
        Object::from_ptr(v)
    };
    shared_value(v, || p.load(Acquire), || super::super::pending::load_ref(obj, p))
}

#[inline(always)]
pub unsafe fn hit_attr_module(o: Slot, c: u64) -> Option<Slot> {
    let obj = o.try_obj()?;
    if c & 15 != kind::MODULE || !super::super::eval::type_is!(obj, crate::objects::module::PyModule_Type) {
        return None;
    }
    // SAFETY: a module's dict is a dict as long as it is one of the recorded version.
    unsafe {
        dict_slot(&*obj.cast::<Module>().md_dict.cast::<Dict>(), (c >> 32) as u32, (c as u32 >> 8 & 0xffff) as usize)
    }
}

#[inline(always)]
pub unsafe fn hit_attr_class(o: Slot, c: u64) -> Option<Slot> {
    let r = record(c, kind::CLASS)?;
    let t = o.try_obj()?;
    if !core::ptr::eq(t.ty(), Type::type_object()) {
        return None;
    }
    // SAFETY: an exact `type` instance.
    unsafe {
        let t = t.cast::<Type>();
        if t.version() != r.version {
            return None;
        }
        versioned_value(t, r.version, r.value)
    }
}

#[inline(always)]
pub unsafe fn hit_attr_classvar(o: Slot, c: u64) -> Option<Slot> {
    let r = record(c, kind::CLASSVAR)?;
    let obj = o.try_obj()?;
    let ty = obj.ty();
    if ty.version() != r.version || !not_hidden(obj, ty, r.names) {
        return None;
    }
    // SAFETY: the version vouches for the value.
    unsafe { versioned_value(ty, r.version, r.value) }
}

#[inline(always)]
pub unsafe fn hit_attr_method(o: Slot, c: u64) -> Option<Slot> {
    let Some(mut r) = record(c, kind::METHOD) else {
        // SAFETY: as here.
        return unsafe { hit_attr_class_method(o, c) };
    };
    let ty = if o.is_int() {
        Int::type_object()
    } else if o.is_float() {
        Float::type_object()
    } else {
        o.obj().ty()
    };
    while ty.version() != r.version {
        // SAFETY: a published chain lives until this thread is quiescent.
        r = unsafe { r.next.as_ref() }?;
    }
    if !(o.is_unboxed() || not_hidden(o.obj(), ty, r.names)) {
        return None;
    }
    // SAFETY: the version vouches for the value.
    unsafe { versioned_value(ty, r.version, r.value) }
}

/// The function of a class method, called on the class.
#[inline(never)]
unsafe fn hit_attr_class_method(o: Slot, c: u64) -> Option<Slot> {
    let mut r = record(c, kind::CLASS_METHOD)?;
    let t = o.try_obj()?;
    if !core::ptr::eq(t.ty(), Type::type_object()) {
        return None;
    }
    // SAFETY: an exact `type` instance; a published chain lives until this thread is quiescent; the version vouches for the value.
    unsafe {
        let t = t.cast::<Type>();
        while t.version() != r.version {
            r = r.next.as_ref()?;
        }
        versioned_value(t, r.version, r.value)
    }
}

#[inline(always)]
pub unsafe fn hit_attr_property<'a>(o: Slot, c: u64) -> Option<(Slot, &'a Function, &'a Code)> {
    let r = record(c, kind::PROPERTY)?;
    let obj = o.try_obj()?;
    if obj.ty().version() != r.version {
        return None;
    }
    // SAFETY: the version vouches for the property; its getter is read once more through the slot.
    unsafe {
        let s = versioned_value(obj.ty(), r.version, r.value)?;
        let f = &*s.ptr().cast::<Function>();
        let code = &*f.code.load(Acquire);
        if !code.extra().simple_args || code.argcount() != 1 {
            s.drop();
            return None;
        }
        Some((s, f, code))
    }
}

/// A hit failed: true when the instruction went back to its adaptive form (or became generic) and should run again.
#[cold]
#[inline(never)]
pub unsafe fn attr_miss(w: *const AtomicU32, c: &AtomicU64) -> bool {
    // SAFETY: the caller points at an instruction word.
    unsafe {
        if !give_up(w, c) {
            set_op(w, base_op((*w).load(Relaxed) as u8));
        }
    }
    true
}

// ------------------------------------------------------------------------------------------ STORE_ATTR

/// Specialises STORE_ATTR.
#[cold]
#[inline(never)]
pub unsafe fn store_attr(w: *const AtomicU32, c: &AtomicU64, o: Slot, name: &Str) {
    use crate::objects::dict::instance as inst;
    // SAFETY: `w` is an instruction word.
    unsafe {
        let ok = (|| {
            let obj = o.try_obj()?;
            let ty = obj.ty();
            let set = ty.slots().tp_setattro?;
            if set as usize != super::super::pending::PyObject_GenericSetAttr as *const () as usize {
                return None;
            }
            let (descr, version) = ty.lookup_with_version(name);
            if version == 0 {
                return None;
            }
            if let Some(d) = &descr {
                if core::ptr::addr_eq(d.ty(), &raw const super::super::pending::PyMemberDescr_Type) {
                    let m = (*d.as_ptr().cast::<abi::PyMemberDescrObject>()).d_member;
                    if (*m).type_ != 16 || (*m).flags & 9 != 0 || (*m).offset < 0 || (*m).offset >= 1 << 16 {
                        return None;
                    }
                    store_attr_entry(c, version, (*m).offset as usize, kind::STORE_SLOT);
                    set_op(w, sop::STORE_ATTR_SLOT);
                    return Some(());
                }
                if d.ty().slots().tp_descr_set.is_some() {
                    return None;
                }
            }
            if ty.flags() & abi::Py_TPFLAGS_INLINE_VALUES == 0 || inst::inline_values(obj).valid.load(Acquire) == 0 {
                return None;
            }
            let i = inst::shared_key_index_or_insert(ty, name)?;
            store_attr_entry(c, version, i, kind::STORE_INSTANCE);
            set_op(w, sop::STORE_ATTR_INSTANCE);
            Some(())
        })();
        if ok.is_none() {
            give_up(w, c);
        }
    }
}

/// The object and the place of its value, if the entry fits.
#[inline(always)]
pub fn guard_store_instance<'a>(o: Slot, c: u64) -> Option<(&'a Object, usize)> {
    guard(o, c, kind::STORE_INSTANCE)
}

/// `[value, object]` at `p`: moves the value into the object.
#[inline(always)]
pub unsafe fn hit_store_instance(p: *mut Slot, c: u64) -> bool {
    // SAFETY: two live entries.
    unsafe {
        let Some((obj, i)) = guard(*p.add(1), c, kind::STORE_INSTANCE) else { return false };
        if super::super::slot::materialize(p).is_err() {
            drop(crate::error::take_error());
            return false;
        }
        let Ok(v) = (*p).into_ref() else { return false };
        *p = Slot::NULL;
        match crate::objects::dict::instance::store_inline_value_at(obj, i, v) {
            Ok(()) => true,
            Err(v) => {
                *p = Slot::owned(v);
                false
            }
        }
    }
}

#[inline(always)]
pub unsafe fn hit_store_slot(p: *mut Slot, c: u64) -> bool {
    // SAFETY: two live entries; the version vouches for the member's place.
    unsafe {
        let Some((obj, off)) = guard(*p.add(1), c, kind::STORE_SLOT) else { return false };
        if super::super::slot::materialize(p).is_err() {
            drop(crate::error::take_error());
            return false;
        }
        let Ok(v) = (*p).into_ref() else { return false };
        *p = Slot::NULL;
        let slot = &*obj.as_ptr().byte_add(off).cast::<core::sync::atomic::AtomicPtr<abi::PyObject>>();
        let old = {
            crate::lock!(obj);
            crate::objects::support::Exchange::exchange(slot, v.into_ptr())
        };
        drop(PyRef::from_ptr_opt(old));
        true
    }
}
