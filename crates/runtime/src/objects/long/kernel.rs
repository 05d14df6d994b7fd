//! Loops over the digits of magnitudes: sum, difference, product by schoolbook, quotients that fit a machine word.
//!
//! Sum and difference are computed without their carries first, four or more digits at a time, and the carries added in a
//! second pass; only a digit that overflows from its neighbour's carry alone (one in a thousand million) needs the chain.

use super::{MASK, SHIFT};

/// `out = a + b` with `a` at least as long as `b`, and `out` one digit longer than `a`.
pub(super) fn add(a: &[u32], b: &[u32], out: &mut [u32]) {
    let (n, m) = (a.len(), b.len());
    debug_assert!(n >= m && out.len() == n + 1);
    let (low, high) = out.split_at_mut(m);
    for ((o, x), y) in low.iter_mut().zip(a).zip(b) {
        *o = x + y;
    }
    high[..n - m].copy_from_slice(&a[m..]);
    high[n - m] = 0;
    // Above `m` a carry can only ripple.
    let mut over = 0;
    let mut before = 0;
    for o in low.iter_mut() {
        let s = *o;
        *o = (s & MASK) + (before >> SHIFT);
        over |= *o;
        before = s;
    }
    let mut carry = before >> SHIFT;
    if over > MASK {
        let mut c = 0;
        for o in low.iter_mut() {
            c += *o;
            *o = c & MASK;
            c >>= SHIFT;
        }
        carry += c;
    }
    for o in high {
        if carry == 0 {
            break;
        }
        carry += *o;
        *o = carry & MASK;
        carry >>= SHIFT;
    }
}

/// `out = a - b` with `a >= b`, and `out` as long as `a`.
pub(super) fn sub(a: &[u32], b: &[u32], out: &mut [u32]) {
    let m = b.len();
    debug_assert!(a.len() >= m && out.len() == a.len());
    let (low, high) = out.split_at_mut(m);
    for ((o, x), y) in low.iter_mut().zip(a).zip(b) {
        *o = x.wrapping_sub(*y);
    }
    high.copy_from_slice(&a[m..]);
    let mut over = 0;
    let mut before = 0u32;
    for o in low.iter_mut() {
        let s = *o;
        *o = (s & MASK).wrapping_sub(before >> 31);
        over |= *o;
        before = s;
    }
    let mut borrow = before >> 31;
    if over > MASK {
        // A digit of zero was borrowed from: it is -1 now.
        let mut c = 0;
        for o in low.iter_mut() {
            let v = o.wrapping_sub(c);
            *o = v & MASK;
            c = v >> 31;
        }
        borrow += c;
    }
    for o in high {
        if borrow == 0 {
            break;
        }
        let v = o.wrapping_sub(borrow);
        *o = v & MASK;
        borrow = v >> 31;
    }
}

/// Two digits as one of 60 bits.
#[inline(always)]
fn pair(d: &[u32]) -> u64 {
    d[0] as u64 | (d[1] as u64) << SHIFT
}

const PAIR_MASK: u64 = (1 << (2 * SHIFT)) - 1;

/// `out = b * x`, `out` one digit longer than `b`.
fn mul_digit(b: &[u32], x: u32, out: &mut [u32]) {
    let x = x as u64;
    let (mut high, mut carry) = (0u64, 0u64);
    let pairs = b.chunks_exact(2);
    let rest = pairs.remainder();
    let (low, end) = out.split_at_mut(b.len() & !1);
    for (o, y) in low.chunks_exact_mut(2).zip(pairs) {
        // The product's halves do not depend on the carry, which stays a single bit.
        let p = x as u128 * pair(y) as u128;
        let s = (p as u64 & PAIR_MASK) + high + carry;
        high = (p >> (2 * SHIFT)) as u64;
        o[0] = s as u32 & MASK;
        o[1] = (s >> SHIFT) as u32 & MASK;
        carry = s >> (2 * SHIFT);
    }
    let mut v = high + carry;
    if let [y] = rest {
        v += x * *y as u64;
        end[0] = v as u32 & MASK;
        v >>= SHIFT;
    }
    end[rest.len()] = v as u32;
}

/// `out = a * b`, `a` being the shorter one; `out` is as long as both together.
pub(super) fn mul(a: &[u32], b: &[u32], out: &mut [u32]) {
    let n = b.len();
    mul_digit(b, a[0], &mut out[..n + 1]);
    out[n + 1..].fill(0);
    let mut i = 1;
    // Two digits of `a` at a time: 60 by 30 bits.
    while i + 1 < a.len() {
        let x = pair(&a[i..]);
        let mut carry = 0u128;
        for (o, y) in out[i..].iter_mut().zip(b) {
            let v = x as u128 * *y as u128 + *o as u128 + carry;
            *o = v as u32 & MASK;
            carry = v >> SHIFT;
        }
        for o in &mut out[i + n..i + n + 2] {
            let v = carry + *o as u128;
            *o = v as u32 & MASK;
            carry = v >> SHIFT;
        }
        i += 2;
    }
    if i < a.len() {
        let x = a[i] as u64;
        let mut carry = 0u64;
        for (o, y) in out[i..].iter_mut().zip(b) {
            let v = x * *y as u64 + *o as u64 + carry;
            *o = v as u32 & MASK;
            carry = v >> SHIFT;
        }
        out[i + n] = carry as u32;
    }
}

/// `out = a - b * q`, which is not negative; `out` is as long as `a`.
pub(super) fn sub_product(a: &[u32], b: &[u32], q: u32, out: &mut [u32]) {
    let q = q as u64;
    let mut borrow = 0u64;
    for (i, o) in out.iter_mut().enumerate() {
        let p = q * b.get(i).copied().unwrap_or(0) as u64 + borrow;
        let v = a[i].wrapping_sub(p as u32 & MASK);
        *o = v & MASK;
        borrow = (p >> SHIFT) + (v >> 31) as u64;
    }
}

fn bit_length(d: &[u32]) -> usize {
    match d {
        [] => 0,
        [.., top] => d.len() * SHIFT as usize - (top << 2).leading_zeros() as usize,
    }
}

/// Bits from `shift` on; there are at most 128.
fn top(d: &[u32], shift: usize) -> u128 {
    let (skip, bits) = (shift / SHIFT as usize, shift % SHIFT as usize);
    let mut v = 0u128;
    let mut at = 0;
    for (i, x) in d.iter().skip(skip).enumerate() {
        if i == 0 {
            v = (*x >> bits) as u128;
            at = SHIFT as usize - bits;
        } else {
            v |= (*x as u128) << at;
            at += SHIFT as usize;
        }
    }
    v
}

/// `a / b` rounded down, when the leading bits of both tell and it is below 2**54. `b` is not zero.
pub(super) fn small_quotient(a: &[u32], b: &[u32]) -> Option<u64> {
    let (la, lb) = (bit_length(a), bit_length(b));
    if la < lb {
        return Some(0);
    }
    if la - lb > 52 || la <= 126 {
        return None;
    }
    // What lies below the leading bits changes the quotient of these only between the two bounds.
    let shift = la - 126;
    let (x, y) = (top(a, shift), top(b, shift));
    let q = x / y;
    if q == x / (y + 1) { Some(q as u64) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dashu_int::UBig;

    fn big(d: &[u32]) -> UBig {
        d.iter().rev().fold(UBig::ZERO, |v, d| (v << SHIFT as usize) + UBig::from(*d))
    }

    fn numbers() -> Vec<Vec<u32>> {
        let mut seed = 12345u64;
        let mut all = vec![vec![1], vec![MASK], vec![MASK; 7], vec![0, 0, 0, 1], vec![MASK, 0, MASK, 0, 1]];
        for n in [1usize, 2, 3, 5, 8, 13, 21] {
            for _ in 0..4 {
                let mut v: Vec<u32> = (0..n)
                    .map(|_| {
                        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        match seed >> 61 {
                            0 => 0,
                            1 => MASK,
                            _ => (seed >> 30) as u32 & MASK,
                        }
                    })
                    .collect();
                if v[n - 1] == 0 {
                    v[n - 1] = 1;
                }
                all.push(v);
            }
        }
        all
    }

    #[test]
    fn kernels_agree_with_the_library() {
        for a in numbers() {
            for b in numbers() {
                let (x, y) = (big(&a), big(&b));
                let (long, short) = if a.len() >= b.len() { (&a, &b) } else { (&b, &a) };
                let mut out = vec![7; long.len() + 1];
                add(long, short, &mut out);
                assert_eq!(big(&out), &x + &y);
                let mut out = vec![7; a.len() + b.len()];
                mul(short, long, &mut out);
                assert_eq!(big(&out), &x * &y);
                if x >= y {
                    let mut out = vec![7; a.len()];
                    sub(&a, &b, &mut out);
                    assert_eq!(big(&out), &x - &y);
                }
                if let Some(q) = small_quotient(&a, &b) {
                    assert_eq!(UBig::from(q), &x / &y);
                    if q <= MASK as u64 && x >= y {
                        let mut out = vec![7; a.len()];
                        sub_product(&a, &b, q as u32, &mut out);
                        assert_eq!(big(&out), &x % &y);
                    }
                }
            }
        }
    }
}
