//! Instructions before assembly: real opcodes, pseudo opcodes and labels.

use crate::ast::Loc;

/// An opcode: below 256 a real one, else one of the pseudo opcodes here.
pub type Op = u16;

/// Jump in either direction.
pub const JUMP: Op = 256;
/// The same, not interruptible.
pub const JUMP_NO_INTERRUPT: Op = 257;
/// Exceptions from here on go to the target, with the exception on the stack.
pub const SETUP_FINALLY: Op = 258;
/// The same, with the offset below the exception.
pub const SETUP_CLEANUP: Op = 259;
/// The same; the result of `__enter__` on the stack does not count.
pub const SETUP_WITH: Op = 260;
/// Ends the last SETUP_*.
pub const POP_BLOCK: Op = 261;
/// LOAD_FAST of a cell itself; the argument is a cell or free variable number.
pub const LOAD_CLOSURE: Op = 262;
/// STORE_FAST that may store NULL.
pub const STORE_FAST_MAYBE_NULL: Op = 263;
/// Jumps when the top is false, keeping it.
pub const JUMP_IF_FALSE: Op = 264;
/// Jumps when the top is true, keeping it.
pub const JUMP_IF_TRUE: Op = 265;
/// LOAD_FAST_AND_CLEAR of the slot of a cell or free variable (argument: its number).
pub const LOAD_SLOT_AND_CLEAR: Op = 267;
/// STORE_FAST_MAYBE_NULL into such a slot.
pub const STORE_SLOT: Op = 268;
/// Marks the place of a label (argument).
pub const LABEL: Op = 266;

/// No target.
pub const NO_LABEL: u32 = u32::MAX;

/// A place that is not known; it is taken over from the neighbours.
pub const NO_LOC: Loc = Loc { lineno: -1, col: -1, end_lineno: -1, end_col: -1 };

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub struct Ins {
    pub op: Op,
    pub arg: u32,
    /// Label, later block, of jumps and SETUP_*
    pub target: u32,
    pub loc: Loc,
}

/// Whether the op ends straight-line flow for good.
pub fn ends_flow(o: Op) -> bool {
    match o {
        JUMP | JUMP_NO_INTERRUPT => true,
        0..=255 => crate::opcode::is_terminator(o as u8),
        _ => false,
    }
}

/// Whether the op is a SETUP_*.
pub fn is_setup(o: Op) -> bool {
    matches!(o, SETUP_FINALLY | SETUP_CLEANUP | SETUP_WITH)
}

/// Whether the op jumps (SETUP_* does not count).
pub fn is_jump(o: Op) -> bool {
    match o {
        JUMP | JUMP_NO_INTERRUPT | JUMP_IF_FALSE | JUMP_IF_TRUE => true,
        0..=255 => crate::opcode::is_jump(o as u8),
        _ => false,
    }
}

/// Effect on the stack's depth.
pub fn effect(o: Op, arg: u32, jump: bool) -> i32 {
    match o {
        SETUP_FINALLY => jump as i32,
        SETUP_CLEANUP => 2 * jump as i32,
        SETUP_WITH => jump as i32,
        LOAD_CLOSURE | LOAD_SLOT_AND_CLEAR => 1,
        STORE_FAST_MAYBE_NULL | STORE_SLOT => -1,
        0..=255 => crate::opcode::stack_effect(o as u8, arg, jump),
        _ => 0,
    }
}
