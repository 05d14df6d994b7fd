//! Exponential, logarithms and powers: computed in binary fixed point with a few digits more than asked for, and again with more
//! digits as long as the error could change the rounding.

use super::coef::{Coef, pow10};
use super::num::{Ctx, Dec, Kind, Round, div, finalize, malloc, order, propagate, st};
use core::cmp::Ordering;
use num_bigint::{BigInt, BigUint, Sign};
use std::cell::RefCell;

/// Precisions beyond which these functions do not try.
const MAX_WORK: i64 = 4_000_000;

fn bits_of(digits: i64) -> u64 {
    (digits.max(1) as u64) * 3322 / 1000 + 16
}

/// atanh(1/n) with `b` bits after the point.
fn atanh_inv(n: u32, b: u64) -> BigInt {
    let n2 = n as u64 * n as u64;
    let mut t: BigUint = (BigUint::from(1u32) << b) / n;
    let mut sum = t.clone();
    let mut k = 1u64;
    loop {
        t /= n2;
        if t.bits() == 0 {
            break;
        }
        k += 2;
        sum += &t / k;
    }
    BigInt::from(sum)
}

/// ln 2 and ln 10 with `b` bits after the point (a few of the last ones are wrong).
fn constants(b: u64) -> (BigInt, BigInt) {
    thread_local! {
        static KEPT: RefCell<Option<(u64, BigInt, BigInt)>> = const { RefCell::new(None) };
    }
    let have: Option<(BigInt, BigInt)> = KEPT.with(|k| {
        k.borrow().as_ref().filter(|(kb, _, _)| *kb >= b && *kb <= b * 2 + 512).map(|(kb, l2, l10)| {
            let d = kb - b;
            (l2 >> d, l10 >> d)
        })
    });
    if let Some(v) = have {
        return v;
    }
    let w = b + 64;
    let (x, y, z) = (atanh_inv(31, w), atanh_inv(49, w), atanh_inv(161, w));
    let l2: BigInt = (&x * 14 + &y * 10 + &z * 6) >> 32u32;
    let l10: BigInt = (x * 46 + y * 34 + z * 20) >> 32u32;
    KEPT.with(|k| *k.borrow_mut() = Some((b + 32, l2.clone(), l10.clone())));
    (l2 >> 32u32, l10 >> 32u32)
}

/// e^r for |r| < 2 with `b` bits after the point.
fn exp_fixed(r: &BigInt, b: u64) -> BigInt {
    // e^r = (e^(r / 2^j))^(2^j)
    let j = ((b as f64).sqrt() / 1.5) as u64 + 2;
    let w = b + 2 * j + 24;
    let x = (r << (w - b)) >> j;
    let one = BigInt::from(1) << w;
    let mut sum = &one + &x;
    let mut t = x.clone();
    let mut k = 1u64;
    loop {
        k += 1;
        t = ((t * &x) >> w) / k;
        // Shifts of negative numbers round down, so that -1 may stay.
        if t.magnitude().bits() <= 1 {
            break;
        }
        sum += &t;
    }
    for _ in 0..j {
        sum = (&sum * &sum) >> w;
    }
    sum >> (w - b)
}

/// ln of `m` (fixed point, between 0.3 and 3.2) with `b` bits after the point.
fn ln_fixed(m: &BigInt, b: u64) -> BigInt {
    // A few square roots make the series short.
    let roots = if b > 400 { ((b as f64).sqrt() / 6.0) as u64 } else { 0 };
    let guard = 24 + 2 * roots;
    let w = b + guard;
    let (l2, _) = constants(w);
    let mut m: BigInt = m << guard;
    let mut twos = 0i64;
    let one = BigInt::from(1) << w;
    let root = &one + (&one >> 1) - (&one >> 4);
    while m > root {
        m >>= 1;
        twos += 1;
    }
    while &m + &m <= root {
        m <<= 1;
        twos -= 1;
    }
    for _ in 0..roots {
        m = BigInt::from((m << w).magnitude().sqrt());
    }
    let z = ((&m - &one) << w) / (&m + &one);
    let z2 = (&z * &z) >> w;
    let mut sum = z.clone();
    let mut t = z;
    let mut k = 1u64;
    loop {
        t = (t * &z2) >> w;
        if t.magnitude().bits() <= 1 {
            break;
        }
        k += 2;
        sum += &t / k;
    }
    ((sum << (1 + roots)) + l2 * twos) >> guard
}

/// `c * 10^e` in fixed point.
fn to_fixed(neg: bool, c: &BigUint, e: i64, b: u64) -> BigInt {
    let v = if e >= 0 { (c * pow10(e as u64)) << b } else { (c << b) / pow10(-e as u64) };
    BigInt::from_biguint(if neg { Sign::Minus } else { Sign::Plus }, v)
}

/// ln x for a positive finite number, absolute error below 2^-(b - 4).
fn ln_of(x: &Dec, b: u64) -> BigInt {
    let guard = 64 + (64 - (x.adjusted().unsigned_abs() | 1).leading_zeros() as u64);
    let w = b + guard + if x.coef.digits() > 60 { 0 } else { 8 };
    let c = x.coef.big();
    let n = x.coef.digits();
    let mut adj = x.exp + n - 1;
    let mut m = to_fixed(false, &c, 1 - n, w);
    if m > (BigInt::from(316) << w) / 100 {
        m = to_fixed(false, &c, -n, w);
        adj += 1;
    }
    let (_, l10) = constants(w);
    (ln_fixed(&m, w) + l10 * adj) >> (w - b)
}

/// Whether digits below the precision leave no doubt about the rounding, given an error of a few units.
fn decided(n: &BigUint, extra: i64) -> bool {
    let p = pow10(extra as u64);
    let low = n % &p;
    let err = BigUint::from(16u32);
    let half = &p >> 1;
    let near = |a: &BigUint, b: &BigUint| if a > b { a - b <= err } else { b - a <= err };
    low > err && !near(&low, &half) && !near(&low, &p)
}

/// Rounds `v / 2^b * 10^k` to the context. `None`: more bits are needed.
fn round_fixed(v: &BigInt, b: u64, k: i64, neg: bool, extra: i64, last: bool, c: &Ctx, s: &mut u32) -> Option<Dec> {
    let m = v.magnitude();
    // How many digits stand before the point.
    let lead = ((m.bits() as i64 - b as i64) as f64 * core::f64::consts::LOG10_2).floor() as i64;
    let d = c.prec + extra - lead - 1;
    let n = if d >= 0 { (m * pow10(d as u64)) >> b } else { (m >> b) / pow10(-d as u64) };
    let have = Coef::from_big(n.clone()).digits() - c.prec;
    if have < 1 || (!last && !decided(&n, have)) {
        return None;
    }
    let mut t = 0;
    let mut v = Dec::finite(neg, Coef::from_big(n), k - d);
    if last {
        // Still in doubt after all these digits: the result is exact, and the last digits are errors.
        let (q, _) = super::num::drop_digits(&v.coef, have / 2, false, Round::HalfEven);
        v.coef = q;
        v.exp += have / 2;
    }
    let r = finalize(v, c, &mut t);
    *s |= t | st::INEXACT | st::ROUNDED;
    if t & st::SUBNORMAL != 0 {
        *s |= st::UNDERFLOW;
    }
    Some(r)
}

/// 1 plus or minus something too small to see.
fn near_one(up: bool, c: &Ctx, s: &mut u32) -> Dec {
    let k = c.prec + 3;
    let Some(one) = Coef::of(1).scale_up(k) else { return malloc(s) };
    let n = if up { one.add1() } else { one.sub(&Coef::of(1)) };
    finalize(Dec::finite(false, n, -k), c, s)
}
fn far_out(large: bool, neg: bool, c: &Ctx, s: &mut u32) -> Dec {
    let e = if large { c.emax + 1 } else { c.etiny() - 2 };
    finalize(Dec::finite(neg, Coef::of(1), e), c, s)
}

/// e^(l / 2^b), where l has an error that does not matter.
fn exp_of(l: &BigInt, b: u64, neg: bool, extra: i64, last: bool, c: &Ctx, s: &mut u32) -> Option<Dec> {
    let (_, l10) = constants(b);
    let half = &l10 >> 1;
    let k = {
        let q: BigInt = (l + &half) / &l10;
        // Towards minus infinity, so that the rest is within half of ln 10.
        let rest: BigInt = (l + &half) - &q * &l10;
        if rest.sign() == Sign::Minus { q - 1 } else { q }
    };
    let r = l - &k * &l10;
    let k64 = k.to_u64_digits();
    let k = match k64.1.len() {
        0 => 0,
        1 if k64.1[0] < 4_000_000_000_000_000_000 => {
            if k64.0 == Sign::Minus {
                -(k64.1[0] as i64)
            } else {
                k64.1[0] as i64
            }
        }
        _ => return Some(far_out(k64.0 != Sign::Minus, neg, c, s)),
    };
    round_fixed(&exp_fixed(&r, b), b, k, neg, extra, last, c, s)
}

fn half_even(c: &Ctx) -> Ctx {
    Ctx { round: Round::HalfEven, ..*c }
}

pub fn exp(a: &Dec, ctx: &Ctx, s: &mut u32) -> Dec {
    let c = &half_even(ctx);
    if let Some(n) = propagate(&[a], c, s) {
        return n;
    }
    if a.is_inf() {
        return if a.neg { Dec::zero(false, 0) } else { Dec::inf(false) };
    }
    if a.coef.is_zero() {
        return finalize(Dec::from_i64(1), c, s);
    }
    if a.adjusted() >= 20 {
        return far_out(!a.neg, false, c, s);
    }
    if a.adjusted() < -c.prec - 3 {
        return near_one(!a.neg, c, s);
    }
    if c.prec > MAX_WORK {
        return malloc(s);
    }
    let coef = a.coef.big();
    let mut extra = 8;
    loop {
        // Absolute error of the argument counts, and k * ln 10 is subtracted from it.
        let b = bits_of(c.prec + extra + a.adjusted().max(0) + 4) + 8;
        let l = to_fixed(a.neg, &coef, a.exp, b);
        if let Some(r) = exp_of(&l, b, false, extra, extra > 4 * c.prec + 200, c, s) {
            return r;
        }
        extra += extra.max(c.prec / 2);
    }
}

/// How far the leading digit of ln x lies below the units, for x near one.
fn ln_adjust(x: &Dec) -> i64 {
    let mut t = 0;
    let d = super::num::sub(x, &Dec::from_i64(1), &Ctx::MAX, &mut t);
    if d.is_zero() { 0 } else { d.adjusted().min(0) }
}

fn log(a: &Dec, base10: bool, ctx: &Ctx, s: &mut u32) -> Dec {
    let c = &half_even(ctx);
    if let Some(n) = propagate(&[a], c, s) {
        return n;
    }
    if a.is_zero() {
        return Dec::inf(true);
    }
    if a.neg {
        *s |= st::INVALID_OPERATION;
        return Dec::nan();
    }
    if a.is_inf() {
        return Dec::inf(false);
    }
    if base10 {
        // Powers of ten have exact logarithms.
        let (q, n) = a.coef.strip_zeros(i64::MAX);
        if matches!(q, Coef::Small(0, 1)) {
            return finalize(Dec::from_i64(a.exp + n), c, s);
        }
    } else if order(a, &Dec::from_i64(1)) == Ordering::Equal {
        return Dec::zero(false, 0);
    }
    if c.prec > MAX_WORK {
        return malloc(s);
    }
    let small = if a.adjusted() == 0 || a.adjusted() == -1 { -ln_adjust(a) } else { 0 };
    let mut extra = 8;
    loop {
        let b = bits_of(c.prec + extra + small + 4) + 16;
        let mut l = ln_of(a, b);
        if base10 {
            let (_, l10) = constants(b);
            l = (l << b) / l10;
        }
        let neg = l.sign() == Sign::Minus;
        if let Some(r) = round_fixed(&l, b, 0, neg, extra, extra > 4 * c.prec + 200, c, s) {
            return r;
        }
        extra += extra.max(c.prec / 2);
    }
}
pub fn ln(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    log(a, false, c, s)
}
pub fn log10(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    log(a, true, c, s)
}

// ---------------------------------------------------------------------------------------------- powers

/// A one with all digits of the precision: an inexact result that happens to be one.
fn padded_one(neg: bool, c: &Ctx, s: &mut u32) -> Dec {
    *s |= st::INEXACT | st::ROUNDED;
    match Coef::of(1).scale_up(c.prec - 1) {
        Some(n) => Dec::finite(neg, n, 1 - c.prec),
        None => malloc(s),
    }
}

pub fn pow(x: &Dec, y: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = propagate(&[x, y], c, s) {
        return n;
    }
    let y_int = y.is_integer();
    let neg = x.neg && y_int && y.is_odd();
    if x.is_zero() {
        if y.is_zero() {
            *s |= st::INVALID_OPERATION;
            return Dec::nan();
        }
        return if y.neg { Dec::inf(neg) } else { Dec::zero(neg, 0) };
    }
    if x.neg && !y_int {
        // Also an infinite exponent.
        *s |= st::INVALID_OPERATION;
        return Dec::nan();
    }
    if y.is_zero() {
        return finalize(Dec::from_i64(1), c, s);
    }
    let against_one = super::num::order_abs(x, &Dec::from_i64(1));
    if y.is_inf() {
        return match against_one {
            Ordering::Equal => padded_one(false, c, s),
            Ordering::Greater if !y.neg => Dec::inf(false),
            Ordering::Less if y.neg => Dec::inf(false),
            _ => Dec::zero(false, 0),
        };
    }
    if x.is_inf() {
        return if y.neg { Dec::zero(neg, 0) } else { Dec::inf(neg) };
    }
    if against_one == Ordering::Equal {
        if !y_int {
            return padded_one(neg, c, s);
        }
        // 1.00 ** 3 is 1.000000, as far as the precision goes.
        let places = if y.neg {
            0
        } else {
            let n = y.as_i64().unwrap_or(i64::MAX) as i128 * -(x.exp as i128);
            n.clamp(0, i64::MAX as i128) as i64
        };
        let kept = places.min(c.prec - 1);
        if kept < places {
            *s |= st::ROUNDED;
        }
        return match Coef::of(1).scale_up(kept) {
            Some(n) => finalize(Dec::finite(neg, n, -kept), c, s),
            None => malloc(s),
        };
    }
    if c.prec > MAX_WORK {
        return malloc(s);
    }
    // |ln x| is at least a tenth of 10^m.
    let m = if x.adjusted() == 0 || x.adjusted() == -1 { ln_adjust(&x.clone().with_sign(false)) } else { 0 };
    let grows = (against_one == Ordering::Greater) != y.neg;
    if y.adjusted() + m > 21 {
        return far_out(grows, neg, c, s);
    }
    if x.adjusted() != 0 && x.adjusted() != -1 {
        let e = (x.adjusted() as f64).abs() * 10f64.powi(y.adjusted().min(30) as i32);
        if e > 8e18 {
            return far_out(grows, neg, c, s);
        }
    }
    if y_int {
        if let Some(n) = y.as_i64() {
            if let Some(r) = int_pow(x, n, neg, c, s) {
                return r;
            }
        }
    }
    let base = x.clone().with_sign(false);
    let y_coef = y.coef.big();
    let mut extra = 8;
    loop {
        let b = bits_of(c.prec + extra + (y.adjusted() + 1).max(0) + 24);
        let l = ln_of(&base, b);
        let l = BigInt::from_biguint(l.sign(), l.magnitude() * &y_coef) * if y.neg { -1 } else { 1 };
        let l = if y.exp >= 0 {
            l * BigInt::from(pow10(y.exp as u64))
        } else if -y.exp > super::coef::MAX_DIGITS {
            BigInt::ZERO
        } else {
            l / BigInt::from(pow10(-y.exp as u64))
        };
        if (l.magnitude().bits() as i64) < b as i64 - bits_of(c.prec + 4) as i64 {
            let r = near_one(grows, c, s);
            return r.with_sign(neg);
        }
        if let Some(r) = exp_of(&l, b, neg, extra, extra > 2 * c.prec + 60, c, s) {
            return r;
        }
        extra += extra.max(c.prec / 2);
    }
}

/// `x ** n` by multiplication. `None`: better done by logarithms.
fn int_pow(x: &Dec, n: i64, neg: bool, c: &Ctx, s: &mut u32) -> Option<Dec> {
    let m = n.unsigned_abs();
    let n_digits = Coef::of(m as u128).digits();
    let mut extra = 6;
    loop {
        let work = c.prec + n_digits + extra + 3;
        let (mut acc, mut acc_exp) = (Coef::of(1), 0i128);
        let mut exact = true;
        let cut = |coef: Coef, exp: &mut i128, exact: &mut bool| {
            let d = coef.digits() - work;
            if d <= 0 {
                return coef;
            }
            let (q, r) = coef.scale_down(d);
            if r != super::coef::Cut::Zero {
                *exact = false;
            }
            *exp += d as i128;
            q
        };
        for bit in (0..64 - m.leading_zeros()).rev() {
            acc_exp *= 2;
            acc = cut(acc.mul(&acc), &mut acc_exp, &mut exact);
            if m >> bit & 1 == 1 {
                acc_exp += x.exp as i128;
                acc = cut(acc.mul(&x.coef), &mut acc_exp, &mut exact);
            }
        }
        let adj = acc_exp + acc.digits() as i128;
        if adj.abs() > 4_000_000_000_000_000_000 {
            return Some(far_out((adj > 0) == (n > 0), neg, c, s));
        }
        let p = Dec::finite(neg, acc, acc_exp as i64);
        if exact {
            return Some(if n < 0 { div(&Dec::from_i64(1), &p, c, s) } else { finalize(p, c, s) });
        }
        let p = if n < 0 {
            let wide = Ctx {
                prec: work,
                emin: super::num::MIN_EMIN,
                emax: super::num::MAX_EMAX,
                clamp: false,
                round: Round::Down,
            };
            let mut t = 0;
            div(&Dec::from_i64(1), &p, &wide, &mut t)
        } else {
            p
        };
        if p.kind != Kind::Finite {
            return None;
        }
        // The last digits count as wrong.
        let (q, _) = p.coef.scale_down(p.coef.digits() - c.prec - extra);
        let exp = p.exp + (p.coef.digits() - c.prec - extra).max(0);
        if decided(&q.big(), extra) || extra > 3 * c.prec + 100 {
            let mut t = 0;
            let r = finalize(Dec::finite(neg, q, exp), c, &mut t);
            *s |= t | st::INEXACT | st::ROUNDED;
            if t & st::SUBNORMAL != 0 {
                *s |= st::UNDERFLOW;
            }
            return Some(r);
        }
        extra += extra.max(c.prec / 2);
    }
}

/// `pow(x, y, m)` of integers.
pub fn powmod(x: &Dec, y: &Dec, m: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = propagate(&[x, y, m], c, s) {
        return n;
    }
    let bad = !x.is_integer()
        || !y.is_integer()
        || !m.is_integer()
        || m.is_zero()
        || y.neg && !y.is_zero()
        || m.adjusted() >= c.prec
        || x.is_zero() && y.is_zero();
    if bad {
        *s |= st::INVALID_OPERATION;
        return Dec::nan();
    }
    let int = |d: &Dec| -> Option<BigUint> {
        if d.exp >= 0 { d.coef.scale_up(d.exp).map(|c| c.big()) } else { Some(d.coef.scale_down(-d.exp).0.big()) }
    };
    let (Some(modulus), Some(e)) = (int(m), int(y)) else { return malloc(s) };
    // A base with a huge exponent is reduced first.
    let base = if x.exp >= 0 {
        x.coef.big() % &modulus * BigUint::from(10u32).modpow(&BigUint::from(x.exp as u64), &modulus) % &modulus
    } else {
        x.coef.scale_down(-x.exp).0.big() % &modulus
    };
    let r = base.modpow(&e, &modulus);
    let neg = x.neg && y.is_odd();
    Dec::finite(neg, Coef::from_big(r), 0)
}
