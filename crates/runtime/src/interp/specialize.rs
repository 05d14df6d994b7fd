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

mod attr;
mod calls;
mod operators;
mod pairs;

pub use attr::*;
pub use calls::*;
pub use operators::*;
pub use pairs::*;

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
    209 CALL_DICT_GET <- CALL;
    212 FOR_ITER_RANGE <- FOR_ITER;
    213 FOR_ITER_LIST <- FOR_ITER;
    214 FOR_ITER_TUPLE <- FOR_ITER;
    215 FOR_ITER_GEN <- FOR_ITER;
    216 FOR_ITER_GENERIC <- FOR_ITER;
    217 FOR_ITER_PAIR <- FOR_ITER;
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
    pub const CLASS_METHOD: u8 = 9;
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
    let instrs = &c.extra().instrs;
    let word = |i: usize| instrs[i].load(Relaxed);
    let mut i = 0;
    while i + 1 < instrs.len() {
        let o = base_op(word(i) as u8);
        if !compiler::opcode::has_cache(o) {
            i += 1;
            continue;
        }
        let first = word(i + 1) as usize;
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
            // Freed while the world is stopped only; and this object, if the version still holds.
            return if ty.version() == version { Some(Slot::borrowed(o)) } else { None };
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

/// `d[key]`; a miss: there is none. (Apart, and with a result that fits in registers, so that the handler's own calls stay
/// tail calls.)
#[inline(never)]
pub fn dict_item(d: &Dict, key: &Object) -> Hit {
    match d.get_slot(key) {
        Ok(Some(v)) => Hit::Done(v),
        Ok(None) => Hit::Miss,
        Err(_) => Hit::Raised,
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
        // Freed while the world is stopped only; and this object, if it is still there.
        return if d.value_ptr_at_version(version, index) == p { Some(Slot::borrowed(o)) } else { None };
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
