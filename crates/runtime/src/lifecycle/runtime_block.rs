//! `_PyRuntime`: CPython's process state, as far as anybody outside it looks at it.
//!
//! Our own state is elsewhere. CPython's compiled extensions read the number of the next interpreter and pass small ints and
//! the strings of single characters from it; those fields lie where CPython 3.14 has them, the rest is zero. The ints are
//! equal to the ones that our own code uses, but not the same objects.

use crate::objects::long::{PyLong_Type, SMALL_BIT, static_int};
use crate::objects::unicode::build::{StaticAscii, static_char};
use core::mem::{MaybeUninit, offset_of};

const SIZE: usize = 0x58780;
const NEXT_ID: usize = 0x338;
const INTS: usize = 0x36f0;
/// -5 to 256
const INT_COUNT: usize = 262;
const INTS_SIZE: usize = INT_COUNT * size_of::<abi::PyLongObject>();
const ASCII: usize = 0x17b10;
const ASCII_SIZE: usize = 128 * size_of::<StaticAscii>();

/// The block, with the fields that are read.
#[repr(C)]
pub struct RuntimeBlock {
    before: [u8; NEXT_ID],
    next_interpreter: i64,
    between: [u8; INTS - NEXT_ID - 8],
    ints: [MaybeUninit<abi::PyLongObject>; INT_COUNT],
    further: [u8; ASCII - INTS - INTS_SIZE],
    ascii: [MaybeUninit<StaticAscii>; 128],
    after: [u8; SIZE - ASCII - ASCII_SIZE],
}

const _: () = {
    assert!(size_of::<RuntimeBlock>() == SIZE);
    assert!(offset_of!(RuntimeBlock, next_interpreter) == NEXT_ID);
    assert!(offset_of!(RuntimeBlock, ints) == INTS);
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
    let mut ints = [const { MaybeUninit::uninit() }; INT_COUNT];
    i = 0;
    while i < INT_COUNT {
        let mut int = static_int(i as i32 - 5, &raw mut PyLong_Type);
        int.long_value.lv_tag |= SMALL_BIT;
        ints[i] = MaybeUninit::new(int);
        i += 1;
    }
    RuntimeBlock {
        before: [0; NEXT_ID],
        next_interpreter: 1,
        between: [0; INTS - NEXT_ID - 8],
        ints,
        further: [0; ASCII - INTS - INTS_SIZE],
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
