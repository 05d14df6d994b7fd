//! `int`: the 30-bit digits of the ABI, static small ints, compact fast paths, big kernels through a library.
//!
//! A value is sign and magnitude: `lv_tag` holds the sign and the digit count, the digits follow, least significant
//! first, without leading zeros. Ints are immutable once they leave `Fresh`. Values of up to two digits (60 bits) are
//! computed in machine words, those of up to four in `i128`; long ones go digit by digit, very long ones to `dashu-int`.
//!
//! `arith` holds the operators, `text` parsing and printing, `methods` the Python-visible type.

pub mod arith;
mod heavy;
mod kernel;
pub mod methods;
pub mod text;

pub use methods::{number_index, number_long};

use crate::error::PyResult;
use crate::object::{Object, Ref, Type};
use crate::{py_layout, raise};
use core::cmp::Ordering;
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

/// The bit of `lv_tag` that marks the preallocated ints, as in CPython 3.14.
pub const SMALL_BIT: usize = 4;

/// The header of an immortal static object of type `ty`.
pub const fn immortal_header(ty: *mut Type) -> abi::PyObject {
    abi::PyObject {
        ob_tid: AtomicUsize::new(0),
        // _Py_STATICALLY_ALLOCATED_FLAG
        ob_flags: AtomicU16::new(4),
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
        let mut int = static_int(i as i32 + SMALL_MIN as i32, &raw mut PyLong_Type);
        // Only up to 256: that is where CPython's own small ints end, and extensions may check it.
        if i as i64 + SMALL_MIN <= 256 {
            int.long_value.lv_tag |= SMALL_BIT;
        }
        table[i] = core::mem::MaybeUninit::new(int);
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

/// An int under construction: nobody else sees it yet, so its digits may be written.
pub struct Fresh {
    int: Ref<Int>,
    len: usize,
}

/// Where the digits begin.
pub const DIGITS_OFFSET: usize = core::mem::offset_of!(abi::PyLongObject, long_value.ob_digit);

/// Memory of an exact number (no collector, no heap type, body unset): the short way through the allocator.
///
/// # Safety
/// `ty` is the static type whose exact instances have layout `T` and `size` bytes.
#[inline(always)]
pub(crate) unsafe fn alloc_number<T>(ty: *mut abi::PyTypeObject, size: usize) -> PyResult<Ref<T>> {
    // SAFETY: attached, as for everything that makes objects; the header is set at once.
    unsafe {
        let p = crate::mem::domains::obj_malloc(size).cast::<abi::PyObject>();
        if p.is_null() {
            return Err(arith::no_memory());
        }
        crate::mem::refcount::init_header(p, ty);
        Ok(Ref::from_raw(p.cast()))
    }
}

/// `tp_dealloc` of `int` and `float`.
pub(crate) unsafe extern "C" fn number_dealloc(p: *mut abi::PyObject) {
    // SAFETY: the object is dead. Exact numbers came from `alloc_number`, instances of subclasses go through `tp_free`.
    unsafe {
        let ty = Object::from_ptr(p).ty();
        let raw = ty.as_raw();
        if raw == (&raw mut PyLong_Type).cast() || raw == (&raw mut crate::objects::float::PyFloat_Type).cast() {
            crate::mem::domains::obj_free(p.cast());
        } else if let Some(free) = (*raw).tp_free {
            free(p.cast());
        }
    }
}

/// The largest number of digits that an int may have.
pub const MAX_DIGITS: usize = (isize::MAX as usize) / 8;

impl Fresh {
    /// Room for `len` digits (unset).
    #[inline]
    pub fn new(len: usize) -> PyResult<Fresh> {
        if len > MAX_DIGITS {
            return Err(raise!(OverflowError, "too many digits in integer"));
        }
        // SAFETY: room for the fixed part and the digits; `finish` sets the tag.
        let int: Ref<Int> = unsafe { alloc_number((&raw mut PyLong_Type).cast(), DIGITS_OFFSET + 4 * len.max(1))? };
        Ok(Fresh { int, len })
    }

    /// The digits to fill.
    #[inline(always)]
    pub fn digits(&mut self) -> &mut [u32] {
        // SAFETY: allocated with `len` digits, and only this handle reaches the object.
        unsafe {
            core::slice::from_raw_parts_mut(
                (&raw mut (*self.int.as_raw()).0.long_value.ob_digit).cast::<u32>(),
                self.len,
            )
        }
    }

    /// Strips leading zeros, sets the sign and hands the int out (a preallocated one when the value is small).
    #[inline]
    pub fn finish(mut self, negative: bool) -> Ref<Int> {
        let mut n = self.len;
        {
            let d = self.digits();
            while n > 0 && d[n - 1] == 0 {
                n -= 1;
            }
            if n <= 1 {
                let v = if n == 0 { 0 } else { d[0] as i64 };
                let v = if negative { -v } else { v };
                if (SMALL_MIN..=SMALL_MAX).contains(&v) {
                    return small_ref(v);
                }
            }
        }
        // SAFETY: still private to this handle.
        unsafe { (*self.int.as_raw()).0.long_value.lv_tag = n << TAG_SHIFT | if negative { 2 } else { 0 } };
        self.int
    }
}

/// A reference to a preallocated int (immortal, so nothing is counted).
#[inline(always)]
pub fn small_ref(value: i64) -> Ref<Int> {
    // SAFETY: immortal objects need no count.
    unsafe { Ref::from_raw((small_int(value) as *const Int).cast_mut()) }
}

impl Int {
    /// An int of `v`.
    #[inline]
    pub fn from_i64(v: i64) -> PyResult<Ref<Int>> {
        if (SMALL_MIN..=SMALL_MAX).contains(&v) {
            return Ok(small_ref(v));
        }
        Self::from_parts(v.unsigned_abs(), v < 0)
    }

    /// An int of `v`, the same object as lately for the same value: an unboxed local that is stored in two places should
    /// not become two objects.
    #[inline]
    pub fn from_i64_cached(v: i64) -> PyResult<Ref<Int>> {
        if (SMALL_MIN..=SMALL_MAX).contains(&v) {
            return Ok(small_ref(v));
        }
        if v.unsigned_abs() > MASK as u64 {
            return Self::from_parts(v.unsigned_abs(), v < 0);
        }
        let cache = &crate::thread::ThreadState::current().boxed_ints;
        let entry = &cache[(v ^ (v >> 3)) as usize % cache.len()];
        // SAFETY: entries are null or own an int of one digit; the cache belongs to this thread.
        if let Some(i) = unsafe { entry.get().cast::<Int>().as_ref() }
            && i.compact_value() == v
        {
            return Ok(Ref::new_ref(i));
        }
        let new = Self::from_parts(v.unsigned_abs(), v < 0)?;
        // SAFETY: as above. Freeing an int runs no Python code.
        drop(unsafe { crate::object::PyRef::from_ptr_opt(entry.replace(new.clone().into_ptr())) });
        Ok(new)
    }

    /// An int of `v`.
    #[inline]
    pub fn from_u64(v: u64) -> PyResult<Ref<Int>> {
        if v <= SMALL_MAX as u64 {
            return Ok(small_ref(v as i64));
        }
        Self::from_parts(v, false)
    }

    #[inline]
    fn from_parts(mut m: u64, negative: bool) -> PyResult<Ref<Int>> {
        let n = if m >> SHIFT == 0 {
            1
        } else if m >> (2 * SHIFT) == 0 {
            2
        } else {
            3
        };
        let mut f = Fresh::new(n)?;
        for d in f.digits() {
            *d = m as u32 & MASK;
            m >>= SHIFT;
        }
        // SAFETY: still private to this function.
        unsafe { (*f.int.as_raw()).0.long_value.lv_tag = n << TAG_SHIFT | if negative { 2 } else { 0 } };
        Ok(f.int)
    }

    /// An int of `v`.
    pub fn from_i128(v: i128) -> PyResult<Ref<Int>> {
        match i64::try_from(v) {
            Ok(v) => Self::from_i64(v),
            Err(_) => {
                let mut m = v.unsigned_abs();
                let mut f = Fresh::new(5)?;
                for d in f.digits() {
                    *d = m as u32 & MASK;
                    m >>= SHIFT;
                }
                Ok(f.finish(v < 0))
            }
        }
    }

    /// An int of `v`.
    pub fn from_u128(v: u128) -> PyResult<Ref<Int>> {
        let mut m = v;
        let mut f = Fresh::new(5)?;
        for d in f.digits() {
            *d = m as u32 & MASK;
            m >>= SHIFT;
        }
        Ok(f.finish(false))
    }

    /// An int of `v`.
    #[inline]
    pub fn from_usize(v: usize) -> PyResult<Ref<Int>> {
        Self::from_u64(v as u64)
    }

    /// An int of `v`.
    #[inline]
    pub fn from_isize(v: isize) -> PyResult<Ref<Int>> {
        Self::from_i64(v as i64)
    }

    /// An int of the integral part of `v`.
    pub fn from_f64(v: f64) -> PyResult<Ref<Int>> {
        if v.is_nan() {
            return Err(raise!(ValueError, "cannot convert float NaN to integer"));
        }
        if v.is_infinite() {
            return Err(raise!(OverflowError, "cannot convert float infinity to integer"));
        }
        if v.abs() < 9.0e18 {
            return Self::from_i64(v as i64);
        }
        let bits = v.to_bits();
        let exp = ((bits >> 52) & 0x7ff) as usize - 1075;
        let mant = bits & ((1 << 52) - 1) | 1 << 52;
        let mut f = Fresh::new((53 + exp).div_ceil(SHIFT as usize))?;
        shl_digits(&[mant as u32 & MASK, (mant >> SHIFT) as u32], exp, f.digits());
        Ok(f.finish(v < 0.0))
    }

    /// An int from little-endian 30-bit digits.
    pub fn from_digits(digits: &[u32], negative: bool) -> PyResult<Ref<Int>> {
        let mut f = Fresh::new(digits.len())?;
        f.digits().copy_from_slice(digits);
        Ok(f.finish(negative))
    }

    /// An int from little-endian 64-bit words.
    pub fn from_words(words: &[u64], negative: bool) -> PyResult<Ref<Int>> {
        let len = words.len() - words.iter().rev().take_while(|w| **w == 0).count();
        let words = &words[..len];
        if len <= 1 {
            let m = words.first().copied().unwrap_or(0);
            return if negative { Self::from_i128(-(m as i128)) } else { Self::from_u64(m) };
        }
        let bits = len * 64 - words[len - 1].leading_zeros() as usize;
        let mut f = Fresh::new(bits.div_ceil(SHIFT as usize))?;
        let (mut acc, mut have, mut next) = (0u128, 0u32, words.iter());
        for d in f.digits() {
            if have < SHIFT {
                if let Some(w) = next.next() {
                    acc |= (*w as u128) << have;
                    have += 64;
                }
            }
            *d = acc as u32 & MASK;
            acc >>= SHIFT;
            have = have.saturating_sub(SHIFT);
        }
        Ok(f.finish(negative))
    }

    /// An int of a `num-bigint` number.
    pub fn from_bigint(v: &BigInt) -> PyResult<Ref<Int>> {
        let (sign, words) = v.to_u64_digits();
        Self::from_words(&words, sign == num_bigint::Sign::Minus)
    }

    /// An int of a library number.
    pub(crate) fn from_ubig(v: &dashu_int::UBig, negative: bool) -> PyResult<Ref<Int>> {
        Self::from_words(v.as_words(), negative)
    }

    /// The magnitude as a library number.
    pub(crate) fn to_ubig(&self) -> PyResult<dashu_int::UBig> {
        let mut words = Vec::new();
        if words.try_reserve_exact((self.digits().len() * 30).div_ceil(64)).is_err() {
            return Err(arith::no_memory());
        }
        self.words_into(&mut words);
        Ok(dashu_int::UBig::from_words(&words))
    }

    /// The magnitude as little-endian 64-bit words.
    pub fn words(&self) -> Vec<u64> {
        let mut out = Vec::with_capacity((self.digits().len() * 30).div_ceil(64));
        self.words_into(&mut out);
        out
    }

    fn words_into(&self, out: &mut Vec<u64>) {
        let (mut acc, mut have) = (0u128, 0);
        for d in self.digits() {
            acc |= (*d as u128) << have;
            have += SHIFT;
            if have >= 64 {
                out.push(acc as u64);
                acc >>= 64;
                have -= 64;
            }
        }
        if acc != 0 {
            out.push(acc as u64);
        }
    }

    /// As a `num-bigint` number.
    pub fn to_bigint(&self) -> BigInt {
        if let Some(v) = self.small() {
            return BigInt::from(v);
        }
        let halves: Vec<u32> = self.words().iter().flat_map(|w| [*w as u32, (*w >> 32) as u32]).collect();
        BigInt::from_slice(if self.is_negative() { num_bigint::Sign::Minus } else { num_bigint::Sign::Plus }, &halves)
    }

    #[inline(always)]
    fn tag(&self) -> usize {
        self.0.long_value.lv_tag
    }

    /// The number of digits (0 for zero).
    #[inline(always)]
    pub fn ndigits(&self) -> usize {
        self.tag() >> TAG_SHIFT
    }

    /// The digits of the magnitude, least significant first.
    #[inline(always)]
    pub fn digits(&self) -> &[u32] {
        // SAFETY: the tag tells how many digits follow.
        unsafe { core::slice::from_raw_parts((&raw const self.0.long_value.ob_digit).cast::<u32>(), self.ndigits()) }
    }

    /// Whether the value has at most one digit.
    #[inline(always)]
    pub fn is_compact(&self) -> bool {
        self.tag() < 2 << TAG_SHIFT
    }

    /// The value of a compact int.
    #[inline(always)]
    pub fn compact_value(&self) -> i64 {
        (1 - (self.tag() & 3) as i64) * self.0.long_value.ob_digit[0] as i64
    }

    /// The value if it has at most two digits (60 bits), where sums and differences cannot overflow.
    #[inline(always)]
    pub fn small(&self) -> Option<i64> {
        let n = self.tag() >> TAG_SHIFT;
        if n <= 1 {
            Some(self.compact_value())
        } else if n == 2 {
            let d = self.digits();
            Some((1 - (self.tag() & 3) as i64) * (d[0] as i64 | (d[1] as i64) << SHIFT))
        } else {
            None
        }
    }

    /// The value if it has at most four digits (120 bits).
    #[inline]
    pub fn medium(&self) -> Option<i128> {
        if self.ndigits() > 4 {
            return None;
        }
        let m = self.digits().iter().rev().fold(0i128, |m, d| m << SHIFT | *d as i128);
        Some(if self.is_negative() { -m } else { m })
    }

    #[inline(always)]
    pub fn is_negative(&self) -> bool {
        self.tag() & 3 == 2
    }

    #[inline(always)]
    pub fn is_zero(&self) -> bool {
        self.tag() & 3 == 1
    }

    /// -1, 0 or 1.
    #[inline(always)]
    pub fn sign(&self) -> i32 {
        1 - (self.tag() & 3) as i32
    }

    /// The value if it fits.
    #[inline]
    pub fn try_i64(&self) -> Option<i64> {
        match self.small() {
            Some(v) => Some(v),
            None if self.ndigits() == 3 => i64::try_from(self.medium()?).ok(),
            None => None,
        }
    }

    /// The value if it fits.
    #[inline]
    pub fn try_u64(&self) -> Option<u64> {
        if self.is_negative() || self.ndigits() > 3 {
            return None;
        }
        u64::try_from(self.medium()?).ok()
    }

    /// The value, or OverflowError.
    #[inline]
    pub fn as_i64(&self) -> PyResult<i64> {
        self.try_i64().ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C long"))
    }

    /// The value, or OverflowError.
    #[inline]
    pub fn as_u64(&self) -> PyResult<u64> {
        if self.is_negative() {
            return Err(raise!(OverflowError, "can't convert negative value to unsigned int"));
        }
        self.try_u64().ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C unsigned long"))
    }

    /// The value, or OverflowError.
    #[inline]
    pub fn as_isize(&self) -> PyResult<isize> {
        self.try_i64()
            .map(|v| v as isize)
            .ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C ssize_t"))
    }

    /// The value, or OverflowError.
    #[inline]
    pub fn as_usize(&self) -> PyResult<usize> {
        if self.is_negative() {
            return Err(raise!(OverflowError, "can't convert negative value to size_t"));
        }
        self.try_u64()
            .map(|v| v as usize)
            .ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C size_t"))
    }

    /// The low 64 bits in two's complement.
    pub fn as_u64_mask(&self) -> u64 {
        let m = self.digits().iter().take(3).rev().fold(0u64, |m, d| m << SHIFT | *d as u64);
        if self.is_negative() { m.wrapping_neg() } else { m }
    }

    /// The value as a float, rounded half to even; None when it is too large.
    pub fn try_f64(&self) -> Option<f64> {
        if let Some(v) = self.small() {
            return Some(v as f64);
        }
        let bits = self.bit_length();
        if bits > 1024 {
            return None;
        }
        // The top 64 bits, with a sticky lowest bit for what is cut off.
        let digits = self.digits();
        let shift = bits.saturating_sub(64);
        let mut top = shr_to_u64(digits, shift);
        if shift > 0 && low_bits_nonzero(digits, shift) {
            top |= 1;
        }
        let m = top as f64 * 2f64.powi((shift / 2) as i32) * 2f64.powi((shift - shift / 2) as i32);
        if m.is_infinite() {
            return None;
        }
        Some(if self.is_negative() { -m } else { m })
    }

    /// The value as a float, or OverflowError.
    #[inline]
    pub fn to_f64(&self) -> PyResult<f64> {
        if self.is_compact() {
            return Ok(self.compact_value() as f64);
        }
        self.try_f64().ok_or_else(|| raise!(OverflowError, "int too large to convert to float"))
    }

    /// The number of bits of the magnitude.
    #[inline]
    pub fn bit_length(&self) -> usize {
        match self.digits() {
            [] => 0,
            d => (d.len() - 1) * SHIFT as usize + (32 - d[d.len() - 1].leading_zeros() as usize),
        }
    }

    /// The number of ones in the magnitude.
    pub fn bit_count(&self) -> usize {
        self.digits().iter().map(|d| d.count_ones() as usize).sum()
    }

    /// `hash(int)`: the value modulo 2**61 - 1, with the sign; -1 becomes -2.
    #[inline]
    pub fn hash_value(&self) -> isize {
        let h = match self.small() {
            Some(v) => v as isize,
            None => {
                const P: u64 = (1 << 61) - 1;
                let m = self.digits().iter().rev().fold(0u64, |m, d| {
                    let m = ((m << SHIFT) & P | m >> (61 - SHIFT)) + *d as u64;
                    if m >= P { m - P } else { m }
                });
                if self.is_negative() { -(m as isize) } else { m as isize }
            }
        };
        if h == -1 { -2 } else { h }
    }

    /// Orders two ints.
    #[inline]
    pub fn compare(&self, other: &Int) -> Ordering {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return a.cmp(&b);
        }
        match self.sign().cmp(&other.sign()) {
            Ordering::Equal if self.is_negative() => cmp_digits(other.digits(), self.digits()),
            Ordering::Equal => cmp_digits(self.digits(), other.digits()),
            o => o,
        }
    }

    /// Orders an int and a float exactly; None for a NaN.
    pub fn compare_f64(&self, f: f64) -> Option<Ordering> {
        if f.is_nan() {
            return None;
        }
        if let Some(v) = self.small() {
            if v.unsigned_abs() < 1 << 53 {
                return (v as f64).partial_cmp(&f);
            }
        }
        if f.is_infinite() {
            return Some(if f > 0.0 { Ordering::Less } else { Ordering::Greater });
        }
        let fs = if f > 0.0 {
            1
        } else if f < 0.0 {
            -1
        } else {
            0
        };
        if self.sign() != fs {
            return Some(self.sign().cmp(&fs));
        }
        // Same sign: compare bit lengths, then the integral parts, then the fraction.
        let (m, exp) = crate::objects::float::frexp(f.abs());
        let by_magnitude = if (self.bit_length() as i64) != exp as i64 {
            (self.bit_length() as i64).cmp(&(exp as i64))
        } else {
            let mant = (m * 2f64.powi(64)) as u64;
            // f == mant * 2**(exp - 64), exact; both have `exp` bits before the point.
            let exp = exp as usize;
            if exp >= 64 {
                match shr_to_u64(self.digits(), exp - 64).cmp(&mant) {
                    Ordering::Equal if low_bits_nonzero(self.digits(), exp - 64) => Ordering::Greater,
                    o => o,
                }
            } else {
                match shr_to_u64(self.digits(), 0).cmp(&(mant >> (64 - exp))) {
                    Ordering::Equal if mant << exp != 0 => Ordering::Less,
                    o => o,
                }
            }
        };
        Some(if fs < 0 { by_magnitude.reverse() } else { by_magnitude })
    }

    /// An exact `int` of the same value (itself if it is one).
    #[inline]
    pub fn to_exact(&self) -> PyResult<Ref<Int>> {
        if core::ptr::eq(self.ty(), <Int as crate::object::PyClass>::type_object()) {
            return Ok(Ref::new_ref(self));
        }
        Self::from_digits(self.digits(), self.is_negative())
    }

    /// Sees any object as an int if it is one.
    #[inline(always)]
    pub fn of(o: &Object) -> Option<&Int> {
        o.downcast::<Int>()
    }
}

/// Compares two normalised magnitudes.
#[inline]
pub(crate) fn cmp_digits(a: &[u32], b: &[u32]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// The 64 bits of `digits >> shift`.
pub(crate) fn shr_to_u64(digits: &[u32], shift: usize) -> u64 {
    let (skip, bits) = (shift / SHIFT as usize, (shift % SHIFT as usize) as u32);
    let mut out = 0u128;
    for (i, d) in digits.iter().skip(skip).take(4).enumerate() {
        out |= (*d as u128) << (i as u32 * SHIFT);
    }
    (out >> bits) as u64
}

/// Whether any of the low `n` bits is set.
pub(crate) fn low_bits_nonzero(digits: &[u32], n: usize) -> bool {
    let (whole, bits) = (n / SHIFT as usize, n % SHIFT as usize);
    digits.iter().take(whole).any(|d| *d != 0) || digits.get(whole).is_some_and(|d| d & ((1 << bits) - 1) != 0)
}

/// `out = digits << shift`; `out` has room for every bit.
pub(crate) fn shl_digits(digits: &[u32], shift: usize, out: &mut [u32]) {
    let (skip, bits) = (shift / SHIFT as usize, shift % SHIFT as usize);
    out.fill(0);
    let mut carry = 0u64;
    for (i, d) in digits.iter().enumerate() {
        let v = (*d as u64) << bits | carry;
        if let Some(o) = out.get_mut(skip + i) {
            *o = v as u32 & MASK;
        }
        carry = v >> SHIFT;
    }
    if let Some(o) = out.get_mut(skip + digits.len()) {
        *o = carry as u32;
    }
}
