//! `_PyRuntime`: CPython's process state, as far as anybody outside it looks at it.
//!
//! Our own state is elsewhere. CPython's compiled test extensions read the number of the next interpreter and pass the
//! strings of single characters from it; those fields lie where CPython 3.14 has them, the rest is zero.

use crate::objects::unicode::build::{StaticAscii, static_char};
use core::mem::{MaybeUninit, offset_of};

const SIZE: usize = 0x58780;
const NEXT_ID: usize = 0x338;
const ASCII: usize = 0x17b10;
const ASCII_SIZE: usize = 128 * size_of::<StaticAscii>();

/// The block, with the fields that are read.
#[repr(C)]
pub struct RuntimeBlock {
    before: [u8; NEXT_ID],
    next_interpreter: i64,
    between: [u8; ASCII - NEXT_ID - 8],
    ascii: [MaybeUninit<StaticAscii>; 128],
    after: [u8; SIZE - ASCII - ASCII_SIZE],
}

const _: () = {
    assert!(size_of::<RuntimeBlock>() == SIZE);
    assert!(offset_of!(RuntimeBlock, next_interpreter) == NEXT_ID);
    assert!(offset_of!(RuntimeBlock, ascii) == ASCII);
};

/// The process state under CPython's name.
#[unsafe(no_mangle)]
pub static mut _PyRuntime: RuntimeBlock = {
    let mut ascii = [const { MaybeUninit::uninit() }; 128];
    let mut i = 0;
    while i < 128 {
        ascii[i] = MaybeUninit::new(static_char(i as u8));
        i += 1;
    }
    RuntimeBlock {
        before: [0; NEXT_ID],
        next_interpreter: 1,
        between: [0; ASCII - NEXT_ID - 8],
        ascii,
        after: [0; SIZE - ASCII - ASCII_SIZE],
    }
};

/// The number that the next interpreter gets.
pub fn set_next_interpreter(id: i64) {
    // SAFETY: aligned, and only ever written so.
    unsafe { core::sync::atomic::AtomicI64::from_ptr(&raw mut _PyRuntime.next_interpreter) }
        .fetch_max(id, core::sync::atomic::Ordering::Relaxed);
}
