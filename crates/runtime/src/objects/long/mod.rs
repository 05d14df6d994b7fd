//! `int`: the 30-bit digits of the ABI, static small ints, compact fast paths, big kernels through num-bigint.

use crate::object::{Object, Ref, Type};
use crate::prelude::PyResult;
use crate::py_layout;
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize};
use num_bigint::BigInt;

/// An `int` (or an instance of a subclass, `bool` included).
#[repr(transparent)]
pub struct Int(pub abi::PyLongObject);
py_layout!(Int, crate::objects::long::PyLong_Type, abi::Py_TPFLAGS_LONG_SUBCLASS);

/// The type `int`.
#[unsafe(no_mangle)]
pub static mut PyLong_Type: Type = ZEROED_TYPE;

/// A type object before it is made ready.
// SAFETY: all-zero bytes are a valid, not yet ready type.
pub const ZEROED_TYPE: Type = unsafe { core::mem::zeroed() };

/// Bits per digit.
pub const SHIFT: u32 = 30;
/// The digit's mask.
pub const MASK: u32 = (1 << SHIFT) - 1;
/// `lv_tag`: the digit count starts above these bits; the low two are 0 positive, 1 zero, 2 negative.
pub const TAG_SHIFT: u32 = 3;

/// The header of an immortal static object of type `ty`.
pub const fn immortal_header(ty: *mut Type) -> abi::PyObject {
    abi::PyObject {
        ob_tid: AtomicUsize::new(0),
        ob_flags: AtomicU16::new(0),
        ob_mutex: abi::PyMutex { _bits: AtomicU8::new(0) },
        ob_gc_bits: AtomicU8::new(0),
        ob_ref_local: AtomicU32::new(u32::MAX),
        ob_ref_shared: AtomicIsize::new(0),
        ob_type: AtomicPtr::new(ty.cast()),
    }
}

/// A static one-digit int of type `ty`.
pub const fn static_int(value: i32, ty: *mut Type) -> abi::PyLongObject {
    let tag = match value {
        0 => 1,
        1.. => 1 << TAG_SHIFT,
        _ => 1 << TAG_SHIFT | 2,
    };
    abi::PyLongObject {
        ob_base: immortal_header(ty),
        long_value: abi::_PyLongValue { lv_tag: tag, ob_digit: [value.unsigned_abs()] },
    }
}

/// The smallest and the largest preallocated int.
pub const SMALL_MIN: i64 = -5;
pub const SMALL_MAX: i64 = 1024;
const SMALL_COUNT: usize = (SMALL_MAX - SMALL_MIN + 1) as usize;

struct SmallInts([core::mem::MaybeUninit<abi::PyLongObject>; SMALL_COUNT]);
// SAFETY: immortal objects that nobody writes.
unsafe impl Sync for SmallInts {}

static SMALL_INTS: SmallInts = {
    let mut table = [const { core::mem::MaybeUninit::uninit() }; SMALL_COUNT];
    let mut i = 0;
    while i < SMALL_COUNT {
        table[i] = core::mem::MaybeUninit::new(static_int(i as i32 + SMALL_MIN as i32, &raw mut PyLong_Type));
        i += 1;
    }
    SmallInts(table)
};

/// The preallocated int of `value`, which must lie in `SMALL_MIN..=SMALL_MAX`.
#[inline(always)]
pub fn small_int(value: i64) -> &'static Int {
    debug_assert!((SMALL_MIN..=SMALL_MAX).contains(&value));
    // SAFETY: the table is initialised and Int is transparent over its entries.
    unsafe { &*SMALL_INTS.0.as_ptr().add((value - SMALL_MIN) as usize).cast::<Int>() }
}

impl Int {
    pub fn from_i64(v: i64) -> PyResult<Ref<Int>> {
        let _ = v;
        todo!()
    }
    pub fn from_u64(v: u64) -> PyResult<Ref<Int>> {
        let _ = v;
        todo!()
    }
    pub fn from_usize(v: usize) -> PyResult<Ref<Int>> {
        Self::from_u64(v as u64)
    }
    pub fn from_bigint(v: &BigInt) -> PyResult<Ref<Int>> {
        let _ = v;
        todo!()
    }
    pub fn to_bigint(&self) -> BigInt {
        todo!()
    }
    pub fn try_i64(&self) -> Option<i64> {
        todo!()
    }
    pub fn as_i64(&self) -> PyResult<i64> {
        todo!()
    }
    pub fn sign(&self) -> i32 {
        todo!()
    }
    pub fn bit_length(&self) -> usize {
        todo!()
    }
    pub fn from_str_radix(s: &str, base: u32) -> PyResult<Ref<Int>> {
        let _ = (s, base);
        todo!()
    }
    pub fn to_string_radix(&self, base: u32) -> PyResult<String> {
        let _ = base;
        todo!()
    }
    #[allow(dead_code)]
    fn object(&self) -> &Object {
        self
    }
}
