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
    175 COMPARE_OP_INT <- COMPARE_OP;
    176 COMPARE_OP_FLOAT <- COMPARE_OP;
    177 COMPARE_OP_STR <- COMPARE_OP;
    178 COMPARE_OP_GENERIC <- COMPARE_OP;
    180 LOAD_GLOBAL_MODULE <- LOAD_GLOBAL;
    181 LOAD_GLOBAL_BUILTIN <- LOAD_GLOBAL;
    182 LOAD_GLOBAL_GENERIC <- LOAD_GLOBAL;
    184 LOAD_ATTR_INSTANCE <- LOAD_ATTR;
    185 LOAD_ATTR_SLOT <- LOAD_ATTR;
    186 LOAD_ATTR_MODULE <- LOAD_ATTR;
    187 LOAD_ATTR_CLASS <- LOAD_ATTR;
    188 LOAD_ATTR_CLASSVAR <- LOAD_ATTR;
    189 LOAD_ATTR_DICT <- LOAD_ATTR;
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

/// Counts a miss of an instruction whose entry is only a counter: misses in the low half, tries in the high half.
#[cold]
#[inline(never)]
pub unsafe fn miss(word: *const AtomicU32, c: &AtomicU64) {
    let v = c.load(Relaxed).wrapping_add(1);
    if v & 0xffff_ffff >= MAX_MISSES {
        let tries = (v >> 32) + 1;
        c.store(tries << 32, Relaxed);
        // SAFETY: the caller points at an instruction word.
        unsafe {
            let base = base_op((*word).load(Relaxed) as u8);
            set_op(word, if tries >= MAX_TRIES { generic(base) } else { base });
        }
    } else {
        c.store(v, Relaxed);
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
        _ => base,
    }
}

include!("specialize_stubs.rs");
