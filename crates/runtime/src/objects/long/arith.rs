//! The operators of `int`: add, multiply, divide, power, shift, bitwise.
//!
//! Each has a path for machine words, one for digits, and hands very long operands to `dashu-int`.

use super::{Fresh, Int, MASK, SHIFT, cmp_digits, heavy, kernel, low_bits_nonzero, shl_digits, shr_to_u64, small_ref};
use crate::error::PyResult;
use crate::object::Ref;
use crate::raise;
use core::cmp::Ordering;
use dashu_int::UBig;
use dashu_int::ops::BitTest;

/// Operands with more digits than this multiply in the library (64-bit words, Karatsuba, Toom-3, NTT).
const MUL_LIBRARY: usize = 24;
/// More bits than this cannot be allocated: MemoryError before trying.
const MAX_BITS: u128 = 1 << 40;

fn add_magnitudes(a: &[u32], b: &[u32], negative: bool) -> PyResult<Ref<Int>> {
    let (a, b) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut f = Fresh::new(a.len() + 1)?;
    kernel::add(a, b, f.digits());
    Ok(f.finish(negative))
}

/// `|a| - |b|`, negated if `negative`.
fn sub_magnitudes(a: &[u32], b: &[u32], negative: bool) -> PyResult<Ref<Int>> {
    let (a, b, negative) = match cmp_digits(a, b) {
        Ordering::Equal => return Ok(small_ref(0)),
        Ordering::Greater => (a, b, negative),
        Ordering::Less => (b, a, !negative),
    };
    let mut f = Fresh::new(a.len())?;
    kernel::sub(a, b, f.digits());
    Ok(f.finish(negative))
}

/// Divides by one digit; gives the remainder.
fn div_digit(a: &[u32], d: u32, out: &mut [u32]) -> u32 {
    let mut rem = 0u64;
    for i in (0..a.len()).rev() {
        let v = rem << SHIFT | a[i] as u64;
        out[i] = (v / d as u64) as u32;
        rem = v % d as u64;
    }
    rem as u32
}

#[cold]
fn div_by_zero() -> crate::error::Raised {
    raise!(ZeroDivisionError, "division by zero")
}

#[cold]
pub(crate) fn no_memory() -> crate::error::Raised {
    crate::error::raise_none(crate::error::exc::MemoryError())
}

impl Int {
    /// `self + other`.
    #[inline]
    pub fn add_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i64(a + b);
        }
        if self.is_negative() == other.is_negative() {
            add_magnitudes(self.digits(), other.digits(), self.is_negative())
        } else {
            sub_magnitudes(self.digits(), other.digits(), self.is_negative())
        }
    }

    /// `self - other`.
    #[inline]
    pub fn sub_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i64(a - b);
        }
        if self.is_negative() == other.is_negative() {
            sub_magnitudes(self.digits(), other.digits(), self.is_negative())
        } else {
            let negative = if self.is_zero() { !other.is_negative() } else { self.is_negative() };
            add_magnitudes(self.digits(), other.digits(), negative)
        }
    }

    /// `self * other`.
    #[inline]
    pub fn mul_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if self.is_compact() && other.is_compact() {
            return Int::from_i64(self.compact_value() * other.compact_value());
        }
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i128(a as i128 * b as i128);
        }
        self.mul_long(other)
    }

    fn mul_long(&self, other: &Int) -> PyResult<Ref<Int>> {
        let negative = self.is_negative() != other.is_negative();
        let (a, b) = (self.digits(), other.digits());
        if a.is_empty() || b.is_empty() {
            return Ok(small_ref(0));
        }
        if a.len().min(b.len()) <= MUL_LIBRARY {
            let mut f = Fresh::new(a.len() + b.len())?;
            if a.len() <= b.len() {
                kernel::mul(a, b, f.digits())
            } else {
                kernel::mul(b, a, f.digits())
            }
            return Ok(f.finish(negative));
        }
        let x = self.to_ubig()?;
        let y = if core::ptr::eq(self, other) { None } else { Some(other.to_ubig()?) };
        let product = heavy::compute((a.len() + b.len()) * SHIFT as usize, move || match y {
            Some(y) => x * y,
            None => x.sqr(),
        })?;
        Int::from_ubig(&product, negative)
    }

    /// `-self`.
    pub fn neg_int(&self) -> PyResult<Ref<Int>> {
        match self.small() {
            Some(v) => Int::from_i64(-v),
            None => Int::from_digits(self.digits(), !self.is_negative()),
        }
    }

    /// `abs(self)`.
    pub fn abs_int(&self) -> PyResult<Ref<Int>> {
        if self.is_negative() { self.neg_int() } else { self.to_exact() }
    }

    /// `~self`.
    pub fn invert_int(&self) -> PyResult<Ref<Int>> {
        match self.small() {
            Some(v) => Int::from_i64(!v),
            None if self.is_negative() => sub_magnitudes(self.digits(), &[1], false),
            None => add_magnitudes(self.digits(), &[1], true),
        }
    }

    /// Quotient and remainder, both rounded towards negative infinity.
    pub fn divmod_int(&self, other: &Int) -> PyResult<(Ref<Int>, Ref<Int>)> {
        if other.is_zero() {
            return Err(div_by_zero());
        }
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            let (q, r) = floor_divmod(a, b);
            return Ok((Int::from_i64(q)?, Int::from_i64(r)?));
        }
        let (q, r) = self.divrem_trunc(other)?;
        if !r.is_zero() && r.is_negative() != other.is_negative() {
            return Ok((q.sub_int(super::small_int(1))?, r.add_int(other)?));
        }
        Ok((q, r))
    }

    /// `self // other`.
    #[inline]
    pub fn floordiv_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            if b == 0 {
                return Err(div_by_zero());
            }
            return Int::from_i64(floor_divmod(a, b).0);
        }
        if !self.is_negative()
            && !other.is_negative()
            && let Some(q) = kernel::small_quotient(self.digits(), other.digits())
        {
            return Int::from_u64(q);
        }
        Ok(self.divmod_int(other)?.0)
    }

    /// `self % other`.
    #[inline]
    pub fn mod_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            if b == 0 {
                return Err(div_by_zero());
            }
            return Int::from_i64(floor_divmod(a, b).1);
        }
        Ok(self.divmod_int(other)?.1)
    }

    /// Quotient and remainder, rounded towards zero; `other` is not zero.
    pub(crate) fn divrem_trunc(&self, other: &Int) -> PyResult<(Ref<Int>, Ref<Int>)> {
        let (a, b) = (self.digits(), other.digits());
        let qneg = self.is_negative() != other.is_negative();
        if cmp_digits(a, b).is_lt() {
            return Ok((small_ref(0), self.to_exact()?));
        }
        if let [d] = b {
            let mut f = Fresh::new(a.len())?;
            let r = div_digit(a, *d, f.digits()) as i64;
            return Ok((f.finish(qneg), Int::from_i64(if self.is_negative() { -r } else { r })?));
        }
        if let (Some(x), Some(y)) = (self.medium(), other.medium()) {
            return Ok((Int::from_i128(x / y)?, Int::from_i128(x % y)?));
        }
        if let Some(q) = kernel::small_quotient(a, b)
            && q <= MASK as u64
        {
            let mut f = Fresh::new(a.len())?;
            kernel::sub_product(a, b, q as u32, f.digits());
            let q = q as i64;
            return Ok((Int::from_i64(if qneg { -q } else { q })?, f.finish(self.is_negative())));
        }
        use dashu_int::ops::DivRem;
        let (x, y) = (self.to_ubig()?, other.to_ubig()?);
        let (q, r) = heavy::compute(a.len() * SHIFT as usize, move || x.div_rem(y))?;
        Ok((Int::from_ubig(&q, qneg)?, Int::from_ubig(&r, self.is_negative())?))
    }

    /// `self / other`, correctly rounded.
    pub fn truediv_int(&self, other: &Int) -> PyResult<f64> {
        const EXACT: u64 = 1 << 53;
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            if b == 0 {
                return Err(div_by_zero());
            }
            if a.unsigned_abs() <= EXACT && b.unsigned_abs() <= EXACT {
                return Ok(a as f64 / b as f64);
            }
        }
        if other.is_zero() {
            return Err(div_by_zero());
        }
        let negative = self.is_negative() != other.is_negative();
        if self.is_zero() {
            return Ok(if negative { -0.0 } else { 0.0 });
        }
        let too_large = || raise!(OverflowError, "integer division result too large for a float");
        let diff = self.bit_length() as i64 - other.bit_length() as i64;
        if diff > 1024 {
            return Err(too_large());
        }
        if diff < -1076 {
            return Ok(if negative { -0.0 } else { 0.0 });
        }
        // Scale so that the quotient has 64 or 65 bits, or fewer where the result is subnormal; the remainder sticks.
        use dashu_int::ops::DivRem;
        let shift = (64 - diff).min(1076);
        let (mut a, mut b) = (self.to_ubig()?, other.to_ubig()?);
        if shift >= 0 {
            a <<= shift as usize;
        } else {
            b <<= (-shift) as usize;
        }
        let (q, r) = a.div_rem(b);
        let words = q.as_words();
        let (mut m, mut shift) = match words {
            [] => (0, shift),
            [w] => (*w as u128, shift),
            [lo, hi, ..] => (*lo as u128 | (*hi as u128) << 64, shift),
        };
        // The last place that survives: 53 bits, or 2**-1074.
        let bits = 128 - m.leading_zeros() as i64;
        let drop = (bits - 53).max(shift - 1074).max(0);
        let sticky = r != UBig::ZERO;
        if drop > 0 {
            let rest = m & ((1u128 << drop) - 1);
            let half = 1u128 << (drop - 1);
            m >>= drop;
            if rest > half || rest == half && (sticky || m & 1 == 1) {
                m += 1;
            }
            shift -= drop;
        }
        let v = crate::objects::float::ldexp(m as u64 as f64, -shift as i32);
        if v.is_infinite() {
            return Err(too_large());
        }
        Ok(if negative { -v } else { v })
    }

    /// `self << n`.
    pub fn lshift_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if other.is_negative() {
            return Err(raise!(ValueError, "negative shift count"));
        }
        if self.is_zero() {
            return Ok(small_ref(0));
        }
        let Some(n) = other.try_i64() else {
            return Err(raise!(OverflowError, "too many digits in integer"));
        };
        self.shl(n as usize)
    }

    /// `self << n`.
    pub fn shl(&self, n: usize) -> PyResult<Ref<Int>> {
        if let Some(v) = self.small() {
            if n < 64 {
                return Int::from_i128((v as i128) << n);
            }
        }
        if n as u128 + self.bit_length() as u128 > MAX_BITS {
            return Err(no_memory());
        }
        let mut f = Fresh::new(self.ndigits() + n / SHIFT as usize + 1)?;
        shl_digits(self.digits(), n, f.digits());
        Ok(f.finish(self.is_negative()))
    }

    /// `self >> n`.
    pub fn rshift_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if other.is_negative() {
            return Err(raise!(ValueError, "negative shift count"));
        }
        match other.try_i64() {
            Some(n) => self.shr(n as usize),
            None => Ok(small_ref(if self.is_negative() { -1 } else { 0 })),
        }
    }

    /// `self >> n`, rounded towards negative infinity.
    pub fn shr(&self, n: usize) -> PyResult<Ref<Int>> {
        if let Some(v) = self.small() {
            return Int::from_i64(v >> n.min(63));
        }
        if n >= self.bit_length() {
            return Ok(small_ref(if self.is_negative() { -1 } else { 0 }));
        }
        let (skip, bits) = (n / SHIFT as usize, n % SHIFT as usize);
        let d = &self.digits()[skip..];
        let round = self.is_negative() && low_bits_nonzero(self.digits(), n);
        let mut f = Fresh::new(d.len() + 1)?;
        let out = f.digits();
        for i in 0..d.len() {
            let hi = d.get(i + 1).copied().unwrap_or(0) as u64;
            out[i] = ((hi << SHIFT | d[i] as u64) >> bits) as u32 & MASK;
        }
        out[d.len()] = 0;
        if round {
            for o in out.iter_mut() {
                *o = (*o + 1) & MASK;
                if *o != 0 {
                    break;
                }
            }
        }
        Ok(f.finish(self.is_negative()))
    }

    /// Digits in two's complement, sign-extended to `n`.
    fn twos_complement(&self, n: usize) -> Vec<u32> {
        let mut v = self.digits().to_vec();
        v.resize(n, 0);
        if self.is_negative() {
            negate_digits(&mut v);
        }
        v
    }

    fn bitop(&self, other: &Int, op: impl Fn(u32, u32) -> u32, negative: bool) -> PyResult<Ref<Int>> {
        let n = self.ndigits().max(other.ndigits()) + 1;
        let (a, b) = (self.twos_complement(n), other.twos_complement(n));
        let mut f = Fresh::new(n)?;
        for (o, (x, y)) in f.digits().iter_mut().zip(a.iter().zip(&b)) {
            *o = op(*x, *y) & MASK;
        }
        if negative {
            negate_digits(f.digits());
        }
        Ok(f.finish(negative))
    }

    /// `self & other`.
    pub fn and_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i64(a & b);
        }
        if !self.is_negative() && !other.is_negative() {
            let n = self.ndigits().min(other.ndigits());
            let mut f = Fresh::new(n)?;
            for (o, (x, y)) in f.digits().iter_mut().zip(self.digits().iter().zip(other.digits())) {
                *o = x & y;
            }
            return Ok(f.finish(false));
        }
        self.bitop(other, |a, b| a & b, self.is_negative() && other.is_negative())
    }

    /// `self | other`.
    pub fn or_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i64(a | b);
        }
        self.bitop(other, |a, b| a | b, self.is_negative() || other.is_negative())
    }

    /// `self ^ other`.
    pub fn xor_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_i64(a ^ b);
        }
        self.bitop(other, |a, b| a ^ b, self.is_negative() != other.is_negative())
    }

    /// `self ** exp` for a non-negative exponent.
    pub fn pow_int(&self, exp: &Int) -> PyResult<Ref<Int>> {
        debug_assert!(!exp.is_negative());
        if exp.is_zero() {
            return Ok(small_ref(1));
        }
        match self.small() {
            Some(v @ (0 | 1)) => return Ok(small_ref(v)),
            Some(-1) => return Ok(small_ref(if exp.digits()[0] & 1 == 1 { -1 } else { 1 })),
            _ => {}
        }
        let Some(e) = exp.try_i64() else { return Err(no_memory()) };
        if let Some(v) = self.small() {
            if e < 128 {
                if let Some(r) = (v as i128).checked_pow(e as u32) {
                    return Int::from_i128(r);
                }
            }
        }
        if (self.bit_length() as u128 - 1) * e as u128 > MAX_BITS {
            return Err(no_memory());
        }
        let negative = self.is_negative() && e & 1 == 1;
        let base = self.to_ubig()?;
        let bits = self.bit_length() * e as usize;
        let power = heavy::compute(bits, move || {
            let zeros = base.trailing_zeros().unwrap_or(0);
            let odd = base >> zeros;
            odd.pow(e as usize) << (zeros * e as usize)
        })?;
        Int::from_ubig(&power, negative)
    }

    /// `pow(self, exp, modulus)`.
    pub fn pow_mod(&self, exp: &Int, modulus: &Int) -> PyResult<Ref<Int>> {
        if modulus.is_zero() {
            return Err(raise!(ValueError, "pow() 3rd argument cannot be 0"));
        }
        let m = modulus.abs_int()?;
        let mut base = self.mod_int(&m)?;
        let not_invertible = || raise!(ValueError, "base is not invertible for the given modulus");
        if m.small() == Some(1) {
            return Ok(small_ref(0));
        }
        let exp = if exp.is_negative() {
            base = base.mod_inverse(&m)?.ok_or_else(not_invertible)?;
            exp.neg_int()?
        } else {
            exp.to_exact()?
        };
        let r = match (base.try_u64(), m.try_u64()) {
            (Some(b), Some(n)) => {
                let (mut acc, b, n) = (1u128 % n as u128, b as u128, n as u128);
                for d in exp.digits().iter().rev() {
                    for i in (0..SHIFT).rev() {
                        acc = acc * acc % n;
                        if d >> i & 1 == 1 {
                            acc = acc * b % n;
                        }
                    }
                }
                Int::from_u64(acc as u64)?
            }
            _ => {
                let (base, exp, m) = (base.to_ubig()?, exp.to_ubig()?, m.to_ubig()?);
                let work = exp.bit_len().saturating_mul(m.bit_len()) >> 9;
                let v = heavy::compute(work, move || {
                    dashu_int::fast_div::ConstDivisor::new(m).reduce(base).pow(&exp).residue()
                })?;
                Int::from_ubig(&v, false)?
            }
        };
        if modulus.is_negative() && !r.is_zero() { r.add_int(modulus) } else { Ok(r) }
    }

    /// The inverse of `self` (reduced, non-negative) modulo `m` > 1.
    fn mod_inverse(&self, m: &Int) -> PyResult<Option<Ref<Int>>> {
        let (mut r0, mut r1) = (m.to_exact()?, self.to_exact()?);
        let (mut t0, mut t1) = (small_ref(0), small_ref(1));
        while !r1.is_zero() {
            let (q, r) = r0.divrem_trunc(&r1)?;
            let t = t0.sub_int(&*q.mul_int(&t1)?)?;
            (r0, r1) = (r1, r);
            (t0, t1) = (t1, t);
        }
        if r0.small() != Some(1) {
            return Ok(None);
        }
        Ok(Some(t0.mod_int(m)?))
    }

    /// The greatest common divisor of the magnitudes.
    pub fn gcd_int(&self, other: &Int) -> PyResult<Ref<Int>> {
        if let (Some(a), Some(b)) = (self.small(), other.small()) {
            return Int::from_u64(num_integer::gcd(a.unsigned_abs(), b.unsigned_abs()));
        }
        if self.is_zero() {
            return other.abs_int();
        }
        if other.is_zero() {
            return self.abs_int();
        }
        use dashu_int::ops::Gcd;
        let (x, y) = (self.to_ubig()?, other.to_ubig()?);
        // The algorithm takes quadratic time.
        let work = x.bit_len().saturating_mul(y.bit_len()) >> 17;
        Int::from_ubig(&heavy::compute(work, move || x.gcd(y))?, false)
    }

    /// The floor of the square root of a non-negative int.
    pub fn isqrt_int(&self) -> PyResult<Ref<Int>> {
        if let Some(v) = self.small() {
            return Int::from_u64((v as u64).isqrt());
        }
        use dashu_int::ops::SquareRoot;
        let x = self.to_ubig()?;
        Int::from_ubig(&heavy::compute(x.bit_len(), move || x.sqrt())?, false)
    }

    /// Mantissa in [0.5, 1) with the sign, and the exponent: `self == m * 2**e`, rounded half to even.
    pub fn frexp_int(&self) -> (f64, i64) {
        if self.is_zero() {
            return (0.0, 0);
        }
        let bits = self.bit_length();
        let shift = bits.saturating_sub(64);
        let mut top = shr_to_u64(self.digits(), shift);
        if low_bits_nonzero(self.digits(), shift) {
            top |= 1;
        }
        let (m, e) = crate::objects::float::frexp(top as f64);
        (if self.is_negative() { -m } else { m }, e as i64 + shift as i64)
    }
}

#[inline(always)]
fn floor_divmod(a: i64, b: i64) -> (i64, i64) {
    // Machine division of 32-bit operands is much faster on common processors.
    let (q, r) = if (a | b) as u64 >> 32 == 0 {
        ((a as u32 / b as u32) as i64, (a as u32 % b as u32) as i64)
    } else {
        (a / b, a % b)
    };
    if r != 0 && (r ^ b) < 0 { (q - 1, r + b) } else { (q, r) }
}

/// Two's complement negation over the digits.
fn negate_digits(d: &mut [u32]) {
    let mut carry = 1;
    for x in d {
        carry += !*x & MASK;
        *x = carry & MASK;
        carry >>= SHIFT;
    }
}
