//! Quickening and inline caches.
//!
//! A specialised opcode replaces the op byte of its instruction word by one relaxed store; its cache entries hold either
//! packed numbers whose low four bits tag their kind, or the address of an immutable record. A hit checks version and tag
//! in one compare, so it does not matter which of several threads wrote the op and which the entry.

use super::frame::InterpFrame;
use super::slot::Slot;
use crate::objects::{Code, Function};
use crate::prelude::*;
use compiler::opcode::op;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

macro_rules! specialised {
    ($($num:literal $name:ident <- $base:ident;)*) => {
        /// Opcodes of specialised instructions.
        pub mod sop {
            $(pub const $name: u8 = $num;)*
        }
        /// The opcode that the compiler wrote for a (possibly specialised) opcode.
        #[inline]
        pub const fn base_op(o: u8) -> u8 {
            match o {
                $($num => op::$base,)*
                _ => o,
            }
        }
        /// Name of a specialised opcode.
        pub const fn special_name(o: u8) -> Option<&'static str> {
            match o {
                $($num => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

specialised! {
    160 BINARY_OP_ADD_INT <- BINARY_OP;
    161 BINARY_OP_SUB_INT <- BINARY_OP;
    162 BINARY_OP_MUL_INT <- BINARY_OP;
    163 BINARY_OP_INT <- BINARY_OP;
    164 BINARY_OP_ADD_FLOAT <- BINARY_OP;
    165 BINARY_OP_SUB_FLOAT <- BINARY_OP;
    166 BINARY_OP_MUL_FLOAT <- BINARY_OP;
    167 BINARY_OP_DIV_FLOAT <- BINARY_OP;
    168 BINARY_OP_ADD_STR <- BINARY_OP;
    169 BINARY_OP_SUBSCR_LIST_INT <- BINARY_OP;
    170 BINARY_OP_SUBSCR_TUPLE_INT <- BINARY_OP;
    171 BINARY_OP_SUBSCR_DICT <- BINARY_OP;
    172 BINARY_OP_SUBSCR_STR_INT <- BINARY_OP;
    173 BINARY_OP_SUBSCR_GETITEM <- BINARY_OP;
    174 BINARY_OP_GENERIC <- BINARY_OP;
    179 BINARY_OP_SUBSCR_LIST_NUM <- BINARY_OP;
    175 COMPARE_OP_INT <- COMPARE_OP;
    176 COMPARE_OP_FLOAT <- COMPARE_OP;
    177 COMPARE_OP_STR <- COMPARE_OP;
    178 COMPARE_OP_GENERIC <- COMPARE_OP;
    180 LOAD_GLOBAL_MODULE <- LOAD_GLOBAL;
    181 LOAD_GLOBAL_BUILTIN <- LOAD_GLOBAL;
    182 LOAD_GLOBAL_GENERIC <- LOAD_GLOBAL;
    184 LOAD_ATTR_INSTANCE <- LOAD_ATTR;
    185 LOAD_ATTR_SLOT <- LOAD_ATTR;
    183 LOAD_ATTR_SLOT_NUM <- LOAD_ATTR;
    193 LOAD_ATTR_INSTANCE_NUM <- LOAD_ATTR;
    197 LOAD_ATTR_INSTANCE_POLY <- LOAD_ATTR;
    198 LOAD_ATTR_DUNDER_CLASS <- LOAD_ATTR;
    186 LOAD_ATTR_MODULE <- LOAD_ATTR;
    187 LOAD_ATTR_CLASS <- LOAD_ATTR;
    188 LOAD_ATTR_CLASSVAR <- LOAD_ATTR;
    190 LOAD_ATTR_METHOD <- LOAD_ATTR;
    191 LOAD_ATTR_PROPERTY <- LOAD_ATTR;
    192 LOAD_ATTR_GENERIC <- LOAD_ATTR;
    194 STORE_ATTR_INSTANCE <- STORE_ATTR;
    195 STORE_ATTR_SLOT <- STORE_ATTR;
    196 STORE_ATTR_GENERIC <- STORE_ATTR;
    200 CALL_PY_EXACT <- CALL;
    201 CALL_GENERIC <- CALL;
    202 CALL_CFUNC <- CALL;
    203 CALL_LEN <- CALL;
    204 CALL_LIST_APPEND <- CALL;
    205 CALL_ISINSTANCE <- CALL;
    206 CALL_TYPE_1 <- CALL;
    207 CALL_CLASS_INIT <- CALL;
    208 CALL_PY_GENERAL <- CALL;
    212 FOR_ITER_RANGE <- FOR_ITER;
    213 FOR_ITER_LIST <- FOR_ITER;
    214 FOR_ITER_TUPLE <- FOR_ITER;
    215 FOR_ITER_GEN <- FOR_ITER;
    216 FOR_ITER_GENERIC <- FOR_ITER;
}

/// Result of a specialised call.
pub enum Hit {
    Done(Slot),
    Raised,
    Miss,
}

/// Rewrites the op byte of an instruction word.
#[inline(always)]
pub unsafe fn set_op(word: *const AtomicU32, new: u8) {
    // SAFETY: the caller points at an instruction word; the argument bits never change.
    unsafe {
        let w = (*word).load(Relaxed);
        (*word).store(w & !0xff | new as u32, Relaxed);
    }
}

/// Misses after which a specialised instruction goes back to being adaptive.
const MAX_MISSES: u64 = 16;
/// Re-specialisations after which it is made generic.
const MAX_TRIES: u64 = 6;

/// Tag of entries that are counters: tries in the high half, misses above the low byte.
const COUNTER: u64 = 15;

/// How often the instruction was specialised and gave up again.
fn tries(c: &AtomicU64) -> u64 {
    let v = c.load(Relaxed);
    if v & 15 == COUNTER { v >> 32 } else { 0 }
}

/// Counts a miss of an instruction whose entry is a counter.
#[cold]
#[inline(never)]
pub unsafe fn miss(word: *const AtomicU32, c: &AtomicU64) {
    let v = c.load(Relaxed);
    let v = if v & 15 == COUNTER { v } else { COUNTER };
    let misses = (v >> 8 & 0xff_ffff) + 1;
    if misses >= MAX_MISSES {
        let tries = (v >> 32) + 1;
        c.store(tries << 32 | COUNTER, Relaxed);
        // SAFETY: the caller points at an instruction word.
        unsafe {
            let base = base_op((*word).load(Relaxed) as u8);
            set_op(word, if tries >= MAX_TRIES { generic(base) } else { base });
        }
    } else {
        c.store(v & !0xffff_ffff | misses << 8 | COUNTER, Relaxed);
    }
}

const fn generic(base: u8) -> u8 {
    match base {
        op::BINARY_OP => sop::BINARY_OP_GENERIC,
        op::COMPARE_OP => sop::COMPARE_OP_GENERIC,
        op::LOAD_GLOBAL => sop::LOAD_GLOBAL_GENERIC,
        op::LOAD_ATTR => sop::LOAD_ATTR_GENERIC,
        op::STORE_ATTR => sop::STORE_ATTR_GENERIC,
        op::CALL => sop::CALL_GENERIC,
        op::FOR_ITER => sop::FOR_ITER_GENERIC,
        _ => base,
    }
}

// ------------------------------------------------------------------------------------------ records

/// An immutable cache record: what does not fit into one entry. Never freed while threads may read it.
#[repr(align(16))]
pub struct Record {
    kind: u8,
    /// Version of the type (attributes, class calls) or of the globals' keys
    version: u32,
    /// Number of names in the type's shared keys; `NO_DICT`: instances have no dict; or the version of the builtins' keys
    names: u32,
    index: u32,
    /// Borrowed: alive as long as the version holds
    value: *mut abi::PyObject,
    /// Owned: the record of another type (polymorphic attributes), or null
    next: *mut Record,
}

/// Most records in a chain.
const MAX_CHAIN: usize = 4;

const NO_DICT: u32 = u32::MAX;

mod kind {
    pub const GLOBAL_MODULE: u64 = 1;
    pub const INSTANCE: u64 = 2;
    pub const SLOT: u64 = 4;
    pub const MODULE: u64 = 5;
    pub const STORE_INSTANCE: u64 = 8;
    pub const STORE_SLOT: u64 = 9;
    pub const DUNDER_CLASS: u64 = 10;
    // kinds of records
    pub const BUILTIN: u8 = 1;
    pub const METHOD: u8 = 2;
    pub const CLASS: u8 = 3;
    pub const CLASSVAR: u8 = 4;
    pub const PROPERTY: u8 = 5;
    pub const CLASS_INIT: u8 = 6;
    pub const GETITEM: u8 = 7;
    pub const INSTANCE_POLY: u8 = 8;
}

fn publish(c: &AtomicU64, r: Record) {
    let new = Box::into_raw(Box::new(r)) as u64;
    let old = c.swap(new, AcqRel);
    if old != 0 && old & 15 == 0 {
        unsafe fn free(p: *mut core::ffi::c_void) {
            // SAFETY: made by `publish`.
            unsafe { free_chain(p.cast()) };
        }
        // SAFETY: readers may hold it until they pass a quiescent point.
        unsafe { crate::mem::qsbr::retire(old as *mut core::ffi::c_void, free) };
    }
}

/// Frees a record and those chained to it.
unsafe fn free_chain(mut p: *mut Record) {
    while !p.is_null() {
        // SAFETY: records are boxes, and a chain owns what it links.
        let r = unsafe { Box::from_raw(p) };
        p = r.next;
    }
}

/// Publishes a record in front of those of other types, as long as they are few.
fn publish_chained(c: &AtomicU64, mut r: Record) {
    let old = c.load(Acquire);
    let mut n = 0;
    let mut p = record(old, r.kind).map_or(core::ptr::null(), |x| &raw const *x);
    while !p.is_null() {
        // SAFETY: a published chain lives until this thread is quiescent.
        unsafe {
            if (*p).version == r.version {
                n = MAX_CHAIN;
            }
            p = (*p).next;
        }
        n += 1;
    }
    if n == 0 || n >= MAX_CHAIN {
        return publish(c, r);
    }
    r.next = old as *mut Record;
    let new = Box::into_raw(Box::new(r));
    if c.compare_exchange(old, new as u64, AcqRel, Relaxed).is_err() {
        // Another thread was faster
        // SAFETY: never published; the rest of the chain is not ours.
        drop(unsafe { Box::from_raw(new) });
    }
}

#[inline(always)]
fn record<'a>(entry: u64, kind: u8) -> Option<&'a Record> {
    if entry == 0 || entry & 15 != 0 {
        return None;
    }
    // SAFETY: such an entry is the address of a published record.
    let r = unsafe { &*(entry as *const Record) };
    if r.kind == kind { Some(r) } else { None }
}

/// Frees the records of a dying code object.
pub fn free_records(c: &Code) {
    if c.extra.is_null() {
        return;
    }
    let words = c.original_words();
    let mut i = 0;
    while i < words.len() {
        let o = words[i] as u8;
        if !compiler::opcode::has_cache(o) {
            i += 1;
            continue;
        }
        let first = words[i + 1] as usize;
        let slots: &[usize] = match o {
            op::LOAD_ATTR | op::CALL => &[1],
            op::LOAD_GLOBAL | op::BINARY_OP => &[0],
            _ => &[],
        };
        for s in slots {
            if let Some(e) = c.extra().caches.get(first + s) {
                let v = e.swap(0, AcqRel);
                if v != 0 && v & 15 == 0 {
                    // SAFETY: nobody runs the code any more.
                    unsafe { free_chain(v as *mut Record) };
                }
            }
        }
        i += 2;
    }
}

/// A slot for a borrowed object that a version keeps alive: uncounted where possible, else counted and checked again.
#[inline(always)]
unsafe fn versioned_value(ty: &Type, version: u32, p: *mut abi::PyObject) -> Option<Slot> {
    // SAFETY: type-stable memory until this thread's next quiescent point.
    unsafe {
        let o = Object::from_ptr(p);
        if super::slot::is_uncounted(o) {
            return Some(Slot::borrowed(o));
        }
        if !crate::mem::refcount::try_incref(p) {
            return None;
        }
        let s = Slot::steal(p);
        if ty.version() == version {
            crate::mem::refcount::shared_read(o);
            return Some(s);
        }
        s.drop();
        None
    }
}

// ------------------------------------------------------------------------------------------ LOAD_GLOBAL

fn exact_dict(p: *mut abi::PyObject) -> Option<&'static Dict> {
    // SAFETY: a live object.
    unsafe { Object::from_ptr(p) }.downcast_exact::<Dict>()
}

/// Specialises LOAD_GLOBAL.
#[cold]
#[inline(never)]
pub unsafe fn load_global(w: *const AtomicU32, c: &AtomicU64, frame: *mut InterpFrame, name: &Str) {
    // SAFETY: the frame is live, `w` is an instruction word.
    unsafe {
        let Some(g) = exact_dict((*frame).globals) else { return };
        let gv = g.keys_version();
        if gv == 0 {
            return;
        }
        if let Some(i) = g.index_of(name) {
            if i >= 1 << 24 {
                return;
            }
            retire_entry(c);
            c.store((gv as u64) << 32 | (i as u64) << 8 | kind::GLOBAL_MODULE, Relaxed);
            set_op(w, sop::LOAD_GLOBAL_MODULE);
            return;
        }
        let Some(b) = exact_dict((*frame).builtins) else { return };
        let bv = b.keys_version();
        let Some(i) = b.index_of(name) else { return };
        if bv == 0 {
            return;
        }
        publish(
            c,
            Record {
                kind: kind::BUILTIN,
                version: gv,
                names: bv,
                index: i as u32,
                value: core::ptr::null_mut(),
                next: core::ptr::null_mut(),
            },
        );
        set_op(w, sop::LOAD_GLOBAL_BUILTIN);
    }
}

fn retire_entry(c: &AtomicU64) {
    let old = c.load(Relaxed);
    if old != 0 && old & 15 == 0 {
        publish(
            c,
            Record {
                kind: 0,
                version: 0,
                names: 0,
                index: 0,
                value: core::ptr::null_mut(),
                next: core::ptr::null_mut(),
            },
        );
    }
}

#[inline(always)]
unsafe fn dict_slot(d: &Dict, version: u32, index: usize) -> Option<Slot> {
    let p = d.value_ptr_at_version(version, index);
    if p.is_null() {
        return None;
    }
    // SAFETY: type-stable memory until this thread's next quiescent point.
    let o = unsafe { Object::from_ptr(p) };
    if super::slot::is_uncounted(o) {
        return Some(Slot::borrowed(o));
    }
    let v = d.value_at_version(version, index)?;
    crate::mem::refcount::shared_read(&v);
    Some(Slot::owned(v))
}

#[inline(always)]
pub unsafe fn hit_global_module(frame: *mut InterpFrame, c: u64) -> Option<Slot> {
    if c & 15 != kind::GLOBAL_MODULE {
        return None;
    }
    // SAFETY: the frame is live; the form is chosen for exact dicts, and a dict subclass has other keys versions.
    unsafe { dict_slot((*frame).globals(), (c >> 32) as u32, (c as u32 >> 8) as usize) }
}

#[inline(always)]
pub unsafe fn hit_global_builtin(frame: *mut InterpFrame, c: u64) -> Option<Slot> {
    let r = record(c, kind::BUILTIN)?;
    // SAFETY: the frame is live.
    unsafe {
        if (*frame).globals().current_keys_version() != r.version {
            return None;
        }
        let b = (*frame).builtins();
        if !super::eval::type_is!(b, crate::objects::dict::PyDict_Type) {
            return None;
        }
        dict_slot(b.cast::<Dict>(), r.names, r.index as usize)
    }
}

// ------------------------------------------------------------------------------------------ LOAD_ATTR

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
    use super::ops::is_generic_getattr;
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
            if core::ptr::addr_eq(d.ty(), &raw const super::pending::PyMemberDescr_Type) {
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
            if core::ptr::addr_eq(d.ty(), &raw const super::pending::PyProperty_Type) {
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
unsafe fn feeds_arithmetic(w: *const AtomicU32, v: *mut abi::PyObject) -> bool {
    use compiler::opcode::nb;
    // SAFETY: the caller read `v` just now (type-stable memory); instructions follow `w` up to the end of the code.
    unsafe {
        let Some(o) = Object::from_ptr_opt(v) else { return false };
        let int = super::eval::type_is!(o, crate::objects::long::PyLong_Type);
        if !int && !super::eval::type_is!(o, crate::objects::float::PyFloat_Type) {
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
unsafe fn unboxed_value(p: *mut abi::PyObject) -> Option<Slot> {
    if p.is_null() {
        return None;
    }
    // SAFETY: type-stable memory until this thread's next quiescent point.
    let o = unsafe { Object::from_ptr(p) };
    if !o.is_owned_by_current_thread() && !o.is_immortal() {
        return None;
    }
    if super::eval::type_is!(o, crate::objects::float::PyFloat_Type) {
        // SAFETY: an exact float.
        return Slot::float(unsafe { o.cast::<Float>() }.value());
    }
    super::eval::slot_i64(Slot::borrowed(o)).and_then(Slot::int)
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
    shared_value(v, || crate::objects::dict::instance::inline_value_at(obj, i))
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
/// `read`, which reads once more.
#[inline(always)]
fn shared_value(v: &Object, read: impl FnOnce() -> Option<PyRef>) -> Option<Slot> {
    // Deferred objects are freed while the world is stopped only: this one is alive.
    if super::slot::is_uncounted(v) {
        return Some(Slot::borrowed(v));
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
    shared_value(v, || super::pending::load_ref(obj, p))
}

#[inline(always)]
pub unsafe fn hit_attr_module(o: Slot, c: u64) -> Option<Slot> {
    let obj = o.try_obj()?;
    if c & 15 != kind::MODULE || !super::eval::type_is!(obj, crate::objects::module::PyModule_Type) {
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
    let mut r = record(c, kind::METHOD)?;
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
            if set as usize != super::pending::PyObject_GenericSetAttr as *const () as usize {
                return None;
            }
            let (descr, version) = ty.lookup_with_version(name);
            if version == 0 {
                return None;
            }
            if let Some(d) = &descr {
                if core::ptr::addr_eq(d.ty(), &raw const super::pending::PyMemberDescr_Type) {
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
        if super::slot::materialize(p).is_err() {
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
        if super::slot::materialize(p).is_err() {
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

// ------------------------------------------------------------------------------------------ calls

/// Specialises CALL; the stack holds `[callable, self_or_null, n args]` below `sp`.
#[cold]
#[inline(never)]
pub unsafe fn call(w: *const AtomicU32, c0: &AtomicU64, c1: &AtomicU64, sp: *mut Slot, n: usize) {
    use super::eval::type_is;
    use super::pending as p;
    // SAFETY: `w` is an instruction word, the stack holds the call.
    unsafe {
        let bottom = sp.sub(n + 2);
        let Some(callable) = (*bottom).try_obj() else { return };
        let has_self = !(*bottom.add(1)).is_null();
        let total = n + has_self as usize;
        if type_is!(callable, crate::objects::func::PyFunction_Type) {
            let f = &*callable.as_ptr().cast::<Function>();
            let code = f.code();
            if code.extra().simple_args && code.argcount() == total {
                let v = f.get_version();
                if v != 0 {
                    c0.store(v as u64, Relaxed);
                    set_op(w, sop::CALL_PY_EXACT);
                    return;
                }
            }
            set_op(w, sop::CALL_PY_GENERAL);
            return;
        }
        if type_is!(callable, p::PyMethod_Type) {
            set_op(w, sop::CALL_PY_GENERAL);
            return;
        }
        if let Some(cls) = callable.downcast::<Type>() {
            if has_self {
                set_op(w, sop::CALL_GENERIC);
                return;
            }
            if core::ptr::eq(cls, Type::type_object()) {
                set_op(w, if n == 1 { sop::CALL_TYPE_1 } else { sop::CALL_GENERIC });
                return;
            }
            if class_init(c1, cls, n) {
                set_op(w, sop::CALL_CLASS_INIT);
            } else {
                set_op(w, sop::CALL_GENERIC);
            }
            return;
        }
        let def = method_def(callable, has_self);
        if let Some(def) = def {
            let f = (*def).ml_meth.map_or(0, |f| f as usize as u64);
            let name = core::ffi::CStr::from_ptr((*def).ml_name).to_bytes();
            let is_function = type_is!(callable, p::PyCFunction_Type);
            let builtin = is_function && (*callable.as_ptr().cast::<abi::PyCFunctionObject>()).m_module as usize != 0;
            c0.store(f, Relaxed);
            if builtin && name == b"len" && n == 1 && is_builtin(callable, "len") {
                set_op(w, sop::CALL_LEN);
            } else if builtin && name == b"isinstance" && n == 2 && is_builtin(callable, "isinstance") {
                set_op(w, sop::CALL_ISINSTANCE);
            } else if !is_function
                && has_self
                && name == b"append"
                && n == 1
                && (*bottom.add(1)).try_obj().is_some_and(|l| type_is!(l, crate::objects::list::PyList_Type))
            {
                set_op(w, sop::CALL_LIST_APPEND);
            } else {
                set_op(w, sop::CALL_CFUNC);
            }
            return;
        }
        set_op(w, sop::CALL_GENERIC);
    }
}

fn is_builtin(o: &Object, name: &str) -> bool {
    let r = (|| -> PyResult<bool> {
        let b = super::interp_builtins()?;
        Ok(super::ops::mapping_get(&b, Str::intern(name))?.is_some_and(|v| v.is(o)))
    })();
    r.unwrap_or_else(|e| {
        e.clear();
        false
    })
}

/// The definition behind a native function or method whose calling convention `call_cfunc` knows.
unsafe fn method_def(callable: &Object, has_self: bool) -> Option<*mut abi::PyMethodDef> {
    use super::eval::type_is;
    use super::pending as p;
    // SAFETY: the type says the layout.
    unsafe {
        let def = if type_is!(callable, p::PyCFunction_Type) {
            if has_self {
                return None;
            }
            (*callable.as_ptr().cast::<abi::PyCFunctionObject>()).m_ml
        } else if type_is!(callable, p::PyMethodDescr_Type) {
            if !has_self {
                return None;
            }
            (*callable.as_ptr().cast::<abi::PyMethodDescrObject>()).d_method
        } else {
            return None;
        };
        let flags = (*def).ml_flags
            & (abi::METH_VARARGS
                | abi::METH_FASTCALL
                | abi::METH_NOARGS
                | abi::METH_O
                | abi::METH_KEYWORDS
                | abi::METH_METHOD);
        const FAST_KW: i32 = abi::METH_FASTCALL | abi::METH_KEYWORDS;
        matches!(flags, abi::METH_FASTCALL | abi::METH_NOARGS | abi::METH_O | FAST_KW).then_some(def)
    }
}

/// Calls a native function directly.
#[inline(never)]
pub unsafe fn call_cfunc(bottom: *mut Slot, n: usize, _c: u64) -> Hit {
    use super::eval::type_is;
    use super::pending as p;
    // SAFETY: `[callable, self_or_null, n args]`
    unsafe {
        let Some(callable) = (*bottom).try_obj() else { return Hit::Miss };
        let has_self = !(*bottom.add(1)).is_null();
        let (def, me, first, n) = if type_is!(callable, p::PyCFunction_Type) {
            let f = &*callable.as_ptr().cast::<abi::PyCFunctionObject>();
            let me = if (*f.m_ml).ml_flags & abi::METH_STATIC != 0 { core::ptr::null_mut() } else { f.m_self };
            let first = bottom.add(if has_self { 1 } else { 2 });
            (f.m_ml, me, first, n + has_self as usize)
        } else if type_is!(callable, p::PyMethodDescr_Type) && has_self {
            let d = &*callable.as_ptr().cast::<abi::PyMethodDescrObject>();
            if super::slot::materialize(bottom.add(1)).is_err() {
                return Hit::Raised;
            }
            let me = (*bottom.add(1)).obj();
            if !me.ty().is_subtype(Type::from_ptr(d.d_common.d_type)) {
                return Hit::Miss;
            }
            (d.d_method, me.as_ptr(), bottom.add(2), n)
        } else {
            return Hit::Miss;
        };
        let flags = (*def).ml_flags
            & (abi::METH_VARARGS
                | abi::METH_FASTCALL
                | abi::METH_NOARGS
                | abi::METH_O
                | abi::METH_KEYWORDS
                | abi::METH_METHOD);
        let Some(meth) = (*def).ml_meth else { return Hit::Miss };
        let r = match flags {
            abi::METH_NOARGS if n == 0 => meth(me, core::ptr::null_mut()),
            abi::METH_O if n == 1 => {
                if super::slot::materialize(first).is_err() {
                    return Hit::Raised;
                }
                meth(me, (*first).ptr())
            }
            abi::METH_FASTCALL | 130 if n <= 8 => {
                let mut buf = [core::ptr::null_mut::<abi::PyObject>(); 8];
                for i in 0..n {
                    if super::slot::materialize(first.add(i)).is_err() {
                        return Hit::Raised;
                    }
                    buf[i] = (*first.add(i)).ptr();
                }
                if flags == abi::METH_FASTCALL {
                    let f: unsafe extern "C" fn(
                        *mut abi::PyObject,
                        *mut *mut abi::PyObject,
                        isize,
                    ) -> *mut abi::PyObject = core::mem::transmute(meth);
                    f(me, buf.as_mut_ptr(), n as isize)
                } else {
                    let f: unsafe extern "C" fn(
                        *mut abi::PyObject,
                        *mut *mut abi::PyObject,
                        isize,
                        *mut abi::PyObject,
                    ) -> *mut abi::PyObject = core::mem::transmute(meth);
                    f(me, buf.as_mut_ptr(), n as isize, core::ptr::null_mut())
                }
            }
            _ => {
                return match super::callops::call_object(
                    bottom,
                    if has_self && type_is!(callable, p::PyCFunction_Type) { n - 1 } else { n },
                    None,
                ) {
                    Ok(v) => Hit::Done(v),
                    Err(_) => Hit::Raised,
                };
            }
        };
        if r.is_null() {
            let _ = super::callops::null_result(callable);
            return Hit::Raised;
        }
        Hit::Done(Slot::steal(r))
    }
}

#[inline(always)]
unsafe fn is_cfunction(s: Slot, meth: u64) -> bool {
    // SAFETY: the type says the layout.
    unsafe {
        s.try_obj().is_some_and(|o| {
            super::eval::type_is!(o, super::pending::PyCFunction_Type)
                && (*(*o.as_ptr().cast::<abi::PyCFunctionObject>()).m_ml).ml_meth.map_or(0, |f| f as usize as u64)
                    == meth
        })
    }
}

#[inline(never)]
pub unsafe fn call_len(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[len, NULL, object]`
    unsafe {
        if !is_cfunction(*b, c) || !(*b.add(1)).is_null() {
            return Hit::Miss;
        }
        let Some(o) = (*b.add(2)).try_obj() else { return Hit::Miss };
        match o.len() {
            Ok(n) => match Slot::from_i64(n as i64) {
                Ok(s) => Hit::Done(s),
                Err(_) => Hit::Raised,
            },
            Err(_) => Hit::Raised,
        }
    }
}

#[inline(never)]
pub unsafe fn call_list_append(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[list.append, list, value]`
    unsafe {
        let ok = (*b).try_obj().is_some_and(|o| {
            super::eval::type_is!(o, super::pending::PyMethodDescr_Type)
                && (*(*o.as_ptr().cast::<abi::PyMethodDescrObject>()).d_method).ml_meth.map_or(0, |f| f as usize as u64)
                    == c
        });
        if !ok {
            return Hit::Miss;
        }
        let l = *b.add(1);
        if l.is_null() || l.is_unboxed() || !super::eval::type_is!(l.obj(), crate::objects::list::PyList_Type) {
            return Hit::Miss;
        }
        if super::slot::materialize(b.add(2)).is_err() {
            return Hit::Raised;
        }
        let Ok(v) = (*b.add(2)).into_ref() else { return Hit::Raised };
        *b.add(2) = Slot::NULL;
        match l.obj().cast::<List>().push(v) {
            Ok(()) => Hit::Done(Slot::NULL),
            Err(_) => Hit::Raised,
        }
    }
}

#[inline(never)]
pub unsafe fn call_isinstance(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[isinstance, NULL, object, class]`
    unsafe {
        if !is_cfunction(*b, c) || !(*b.add(1)).is_null() {
            return Hit::Miss;
        }
        let Some(cls) = (*b.add(3)).try_obj() else { return Hit::Miss };
        let o = *b.add(2);
        let ty = if o.is_int() {
            Int::type_object()
        } else if o.is_float() {
            Float::type_object()
        } else {
            o.obj().ty()
        };
        if core::ptr::addr_eq(ty, cls) {
            return Hit::Done(Slot::bool(true));
        }
        if super::slot::materialize(b.add(2)).is_err() {
            return Hit::Raised;
        }
        match (*b.add(2)).obj().isinstance(cls) {
            Ok(r) => Hit::Done(Slot::bool(r)),
            Err(_) => Hit::Raised,
        }
    }
}

unsafe fn class_init(c1: &AtomicU64, cls: &Type, n: usize) -> bool {
    if !core::ptr::eq(cls.ty(), Type::type_object()) || !cls.is_heap_type() {
        return false;
    }
    let (s, base) = (cls.slots(), crate::typeobject::object_type().slots());
    if s.tp_new.map(|f| f as usize) != base.tp_new.map(|f| f as usize) || cls.flags() & abi::Py_TPFLAGS_IS_ABSTRACT != 0
    {
        return false;
    }
    let (init, version) = cls.lookup_with_version(intern!("__init__"));
    let Some(init) = init else { return false };
    let Some(f) = init.downcast_exact::<Function>() else { return false };
    if version == 0 || !f.code().extra().simple_args || f.code().argcount() != n + 1 || f.code().extra().is_generator {
        return false;
    }
    publish(
        c1,
        Record {
            kind: kind::CLASS_INIT,
            version,
            names: 0,
            index: 0,
            value: init.as_ptr(),
            next: core::ptr::null_mut(),
        },
    );
    true
}

#[inline(always)]
pub unsafe fn hit_class_init<'a>(
    c: Slot,
    s: Slot,
    n: usize,
    e: u64,
) -> Option<(&'a Type, Slot, &'a Function, &'a Code)> {
    let r = record(e, kind::CLASS_INIT)?;
    if !s.is_null() {
        return None;
    }
    let t = c.try_obj()?;
    if !core::ptr::eq(t.ty(), Type::type_object()) {
        return None;
    }
    // SAFETY: an exact `type` instance; the version vouches for `__init__`.
    unsafe {
        let t: &Type = &*t.as_ptr().cast::<Type>();
        if t.version() != r.version {
            return None;
        }
        let fs = versioned_value(t, r.version, r.value)?;
        let f = &*fs.ptr().cast::<Function>();
        let code = &*f.code.load(Acquire);
        if !code.extra().simple_args || code.argcount() != n + 1 {
            fs.drop();
            return None;
        }
        Some((t, fs, f, code))
    }
}

/// A Python `__getitem__` behind a subscription.
#[inline(always)]
pub unsafe fn hit_getitem<'a>(o: Slot, c: u64) -> Option<(Slot, &'a Function, &'a Code)> {
    let r = record(c, kind::GETITEM)?;
    let obj = o.try_obj()?;
    if obj.ty().version() != r.version {
        return None;
    }
    // SAFETY: the version vouches for the function.
    unsafe {
        let fs = versioned_value(obj.ty(), r.version, r.value)?;
        let f = &*fs.ptr().cast::<Function>();
        let code = &*f.code.load(Acquire);
        if !code.extra().simple_args || code.argcount() != 2 {
            fs.drop();
            return None;
        }
        Some((fs, f, code))
    }
}

// ------------------------------------------------------------------------------------------ operators

/// Chooses a form for BINARY_OP from its operands.
pub unsafe fn binary_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot, arg: u32) {
    // SAFETY: the caller points at an instruction word.
    unsafe {
        if !choose_binary(w, c, a, b, arg) {
            miss(w, c);
        }
    }
}

/// False: nothing fits these operands.
unsafe fn choose_binary(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot, arg: u32) -> bool {
    use super::eval::{slot_f64, slot_i64, type_is};
    use compiler::opcode::nb;
    if tries(c) >= MAX_TRIES {
        return false;
    }
    let base = if (nb::INPLACE..nb::SUBSCR).contains(&arg) { arg - nb::INPLACE } else { arg };
    let new = if arg == nb::SUBSCR {
        let Some(o) = a.try_obj() else { return false };
        let index = slot_i64(b).is_some();
        if type_is!(o, crate::objects::list::PyList_Type) && index {
            // SAFETY: the type was just checked.
            let v = slot_i64(b).map_or(core::ptr::null_mut(), |i| unsafe { o.cast::<List>() }.peek(i as usize));
            // SAFETY: the caller points at an instruction word; the item was just read.
            if unsafe { feeds_arithmetic(w, v) } {
                sop::BINARY_OP_SUBSCR_LIST_NUM
            } else {
                sop::BINARY_OP_SUBSCR_LIST_INT
            }
        } else if type_is!(o, crate::objects::tuple::PyTuple_Type) && index {
            sop::BINARY_OP_SUBSCR_TUPLE_INT
        } else if type_is!(o, crate::objects::unicode::PyUnicode_Type) && index {
            sop::BINARY_OP_SUBSCR_STR_INT
        } else if type_is!(o, crate::objects::dict::PyDict_Type) {
            sop::BINARY_OP_SUBSCR_DICT
        } else {
            if let (Some(f), version) = o.ty().lookup_with_version(intern!("__getitem__"))
                && version != 0
                && o.ty().is_heap_type()
                && let Some(func) = f.downcast_exact::<Function>()
                && func.code().extra().simple_args
                && func.code().argcount() == 2
            {
                publish(
                    c,
                    Record {
                        kind: kind::GETITEM,
                        version,
                        names: 0,
                        index: 0,
                        value: f.as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                // SAFETY: the caller points at an instruction word.
                unsafe { set_op(w, sop::BINARY_OP_SUBSCR_GETITEM) };
                return true;
            }
            return false;
        }
    } else if slot_i64(a).is_some() && slot_i64(b).is_some() {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_INT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_INT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_INT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            nb::MATRIX_MULTIPLY | nb::POWER => return false,
            _ => sop::BINARY_OP_INT,
        }
    } else if (slot_f64(a).is_some() && (slot_f64(b).is_some() || b.is_int())) || (slot_f64(b).is_some() && a.is_int())
    {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_FLOAT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_FLOAT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_FLOAT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            _ => return false,
        }
    } else if base == nb::ADD
        && let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
        && type_is!(x, crate::objects::unicode::PyUnicode_Type)
        && type_is!(y, crate::objects::unicode::PyUnicode_Type)
    {
        sop::BINARY_OP_ADD_STR
    } else {
        return false;
    };
    // SAFETY: the caller points at an instruction word.
    unsafe { set_op(w, new) };
    true
}

/// Chooses a form for COMPARE_OP from its operands.
pub unsafe fn compare_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot) {
    use super::eval::{slot_i64, slot_num, type_is};
    if tries(c) >= MAX_TRIES {
        return;
    }
    // SAFETY: the caller points at an instruction word.
    unsafe {
        let new = if slot_i64(a).is_some() && slot_i64(b).is_some() {
            sop::COMPARE_OP_INT
        } else if slot_num(a).is_some() && slot_num(b).is_some() {
            sop::COMPARE_OP_FLOAT
        } else if let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
            && type_is!(x, crate::objects::unicode::PyUnicode_Type)
            && type_is!(y, crate::objects::unicode::PyUnicode_Type)
            && matches!((*w).load(Relaxed) >> 13, 2 | 3)
        {
            sop::COMPARE_OP_STR
        } else {
            return miss(w, c);
        };
        set_op(w, new);
    }
}

/// Chooses a form for FOR_ITER from its iterator.
#[cold]
#[inline(never)]
pub unsafe fn for_iter(w: *const AtomicU32, c: &AtomicU64, it: &Object) {
    use super::eval::type_is;
    let new = if tries(c) >= MAX_TRIES {
        sop::FOR_ITER_GENERIC
    } else if type_is!(it, super::pending::PyRangeIter_Type) {
        sop::FOR_ITER_RANGE
    } else if type_is!(it, crate::objects::list::iter::PyListIter_Type) {
        sop::FOR_ITER_LIST
    } else if type_is!(it, crate::objects::tuple::PyTupleIter_Type) {
        sop::FOR_ITER_TUPLE
    } else if type_is!(it, crate::objects::r#gen::PyGen_Type) {
        sop::FOR_ITER_GEN
    } else {
        sop::FOR_ITER_GENERIC
    };
    // SAFETY: the caller points at an instruction word.
    unsafe { set_op(w, new) };
}

/// Outcome of advancing a range iterator.
pub enum RangeNext {
    Value(Slot),
    End,
    Slow,
}

/// Advances a range iterator without making an object.
#[inline(always)]
pub unsafe fn range_next(it: &Object) -> RangeNext {
    // SAFETY: an exact range iterator.
    let it = unsafe { it.cast::<crate::objects::range::RangeIter>() };
    let n = it.len.load(Relaxed);
    if n <= 0 {
        return RangeNext::End;
    }
    let v = it.start.load(Relaxed);
    let Some(s) = Slot::int(v) else { return RangeNext::Slow };
    it.start.store(v.wrapping_add(it.step.load(Relaxed)), Relaxed);
    it.len.store(n - 1, Relaxed);
    RangeNext::Value(s)
}
