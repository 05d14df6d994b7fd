//! Quickening: which opcodes are specialised forms of which.

/// The opcode that the compiler wrote for a (possibly specialised) opcode.
#[inline]
pub const fn base_op(op: u8) -> u8 {
    op
}
