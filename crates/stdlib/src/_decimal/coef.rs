//! Coefficients of decimal numbers: natural numbers seen in base ten. Up to 38 digits they are one `u128`.

use core::cmp::Ordering;
use num_bigint::BigUint;
use std::cell::RefCell;

/// A natural number. `Big` only for values of at least 10^38.
#[derive(Clone, Debug)]
pub enum Coef {
    Small(u64, u64),
    Big(Box<BigUint>),
}

/// Digits beyond which no attempt is made: the result would not fit any memory.
pub const MAX_DIGITS: i64 = 400_000_000;

const SMALL_LIMIT: u128 = 100_000_000_000_000_000_000_000_000_000_000_000_000;

static POW10: [u128; 39] = {
    let mut t = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        t[i] = t[i - 1] * 10;
        i += 1;
    }
    t
};

thread_local! {
    /// Powers of ten met lately, by exponent.
    static CACHE: RefCell<Vec<(u64, BigUint)>> = const { RefCell::new(Vec::new()) };
}

/// 10^n.
pub fn pow10(n: u64) -> BigUint {
    if n < 39 {
        return BigUint::from(POW10[n as usize]);
    }
    if let Some(v) = CACHE.with(|c| c.borrow().iter().find(|(k, _)| *k == n).map(|(_, v)| v.clone())) {
        return v;
    }
    let v = BigUint::from(10u32).pow(n as u32);
    if n < 20_000 {
        CACHE.with(|c| {
            let mut c = c.borrow_mut();
            if c.len() >= 16 {
                c.remove(0);
            }
            c.push((n, v.clone()));
        });
    }
    v
}

/// How what was cut off compares with half a unit of the last digit kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    Zero,
    BelowHalf,
    Half,
    AboveHalf,
}

impl Coef {
    pub const ZERO: Coef = Coef::Small(0, 0);
    #[inline]
    pub fn of(v: u128) -> Coef {
        if v < SMALL_LIMIT { Coef::Small((v >> 64) as u64, v as u64) } else { Coef::Big(Box::new(BigUint::from(v))) }
    }
    pub fn from_big(v: BigUint) -> Coef {
        if v.bits() <= 127 {
            let d = v.to_u64_digits();
            let lo = d.first().copied().unwrap_or(0) as u128;
            let hi = d.get(1).copied().unwrap_or(0) as u128;
            return Coef::of(hi << 64 | lo);
        }
        Coef::Big(Box::new(v))
    }
    #[inline]
    pub fn small(&self) -> Option<u128> {
        match self {
            Coef::Small(h, l) => Some((*h as u128) << 64 | *l as u128),
            Coef::Big(_) => None,
        }
    }
    pub fn big(&self) -> BigUint {
        match self {
            Coef::Big(b) => (**b).clone(),
            Coef::Small(h, l) => BigUint::from((*h as u128) << 64 | *l as u128),
        }
    }
    #[inline]
    pub fn is_zero(&self) -> bool {
        matches!(self, Coef::Small(0, 0))
    }
    pub fn is_odd(&self) -> bool {
        match self {
            Coef::Small(_, l) => l & 1 == 1,
            Coef::Big(b) => b.bit(0),
        }
    }
    /// Number of decimal digits; 1 for zero.
    pub fn digits(&self) -> i64 {
        match self {
            Coef::Small(0, l) => l.checked_ilog10().map_or(1, |n| n as i64 + 1),
            Coef::Small(..) => self.small().and_then(u128::checked_ilog10).map_or(1, |n| n as i64 + 1),
            Coef::Big(b) => big_digits(b),
        }
    }
    /// The value modulo ten.
    pub fn last_digit(&self) -> u8 {
        match self.small() {
            Some(v) => (v % 10) as u8,
            None => (self.big() % 10u32).to_u64_digits().first().copied().unwrap_or(0) as u8,
        }
    }
    pub fn cmp(&self, o: &Coef) -> Ordering {
        match (self.small(), o.small()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => self.big().cmp(&o.big()),
        }
    }
    pub fn add(&self, o: &Coef) -> Coef {
        match (self.small(), o.small()) {
            (Some(a), Some(b)) => Coef::of(a + b),
            _ => Coef::from_big(self.big() + o.big()),
        }
    }
    /// `self - o`, which must not be negative.
    pub fn sub(&self, o: &Coef) -> Coef {
        match (self.small(), o.small()) {
            (Some(a), Some(b)) => Coef::of(a - b),
            _ => Coef::from_big(self.big() - o.big()),
        }
    }
    pub fn add1(&self) -> Coef {
        self.add(&Coef::Small(0, 1))
    }
    pub fn mul(&self, o: &Coef) -> Coef {
        if let (Some(a), Some(b)) = (self.small(), o.small()) {
            if let Some(v) = a.checked_mul(b) {
                return Coef::of(v);
            }
        }
        Coef::from_big(self.big() * o.big())
    }
    pub fn divrem(&self, o: &Coef) -> (Coef, Coef) {
        match (self.small(), o.small()) {
            (Some(a), Some(b)) => (Coef::of(a / b), Coef::of(a % b)),
            (Some(_), None) => (Coef::ZERO, self.clone()),
            _ => {
                let (a, b) = (self.big(), o.big());
                let q = &a / &b;
                let r = a - &q * b;
                (Coef::from_big(q), Coef::from_big(r))
            }
        }
    }
    /// `self * 10^n`; `None` when that is out of all bounds.
    pub fn scale_up(&self, n: i64) -> Option<Coef> {
        if n <= 0 || self.is_zero() {
            return Some(self.clone());
        }
        if n < 39 {
            if let Some(v) = self.small().and_then(|v| v.checked_mul(POW10[n as usize])) {
                return Some(Coef::of(v));
            }
        }
        if n > MAX_DIGITS {
            return None;
        }
        Some(Coef::from_big(self.big() * pow10(n as u64)))
    }
    /// `self / 10^n` and what became of the rest.
    pub fn scale_down(&self, n: i64) -> (Coef, Cut) {
        if n <= 0 {
            return (self.clone(), Cut::Zero);
        }
        if let Some(v) = self.small() {
            if n > 38 {
                return (Coef::ZERO, if v == 0 { Cut::Zero } else { Cut::BelowHalf });
            }
            let p = POW10[n as usize];
            let (q, r) = if v >> 64 == 0 && n < 20 {
                let (v, p) = (v as u64, p as u64);
                ((v / p) as u128, (v % p) as u128)
            } else {
                (v / p, v % p)
            };
            return (Coef::of(q), cut(r.cmp(&0), r.cmp(&(p / 2))));
        }
        if n > self.digits() {
            return (Coef::ZERO, Cut::BelowHalf);
        }
        let b = self.big();
        let p = pow10(n as u64);
        let q = &b / &p;
        let r = b - &q * &p;
        let c = cut(r.cmp(&BigUint::ZERO), r.cmp(&(p >> 1)));
        (Coef::from_big(q), c)
    }
    /// The value modulo 10^n.
    pub fn low_digits(&self, n: i64) -> Coef {
        if n <= 0 {
            return Coef::ZERO;
        }
        if n >= self.digits() {
            return self.clone();
        }
        match self.small() {
            Some(v) => Coef::of(v % POW10[n as usize]),
            None => Coef::from_big(self.big() % pow10(n as u64)),
        }
    }
    /// Without its trailing zeros, at most `limit` of them; how many went.
    pub fn strip_zeros(&self, limit: i64) -> (Coef, i64) {
        if self.is_zero() || limit <= 0 {
            return (self.clone(), 0);
        }
        if let Some(mut v) = self.small() {
            let mut n = 0;
            while n < limit && v % 10 == 0 {
                v /= 10;
                n += 1;
            }
            return (Coef::of(v), n);
        }
        // In steps that halve: cut as many zeros at once as there are.
        let mut n = 0;
        let mut c = self.clone();
        let mut step = 1i64;
        while step * 2 < c.digits() {
            step *= 2;
        }
        while step > 0 && n < limit {
            let s = step.min(limit - n);
            let (q, r) = c.scale_down(s);
            if r == Cut::Zero {
                c = q;
                n += s;
                if s < step {
                    break;
                }
            } else {
                step /= 2;
            }
        }
        (c, n)
    }
    pub fn to_text(&self) -> String {
        match self.small() {
            Some(v) => v.to_string(),
            None => big_text(&self.big()),
        }
    }
    /// From decimal digits.
    pub fn parse(digits: &[u8]) -> Coef {
        let lead = digits.iter().take_while(|d| **d == b'0').count();
        let d = &digits[lead..];
        if d.len() <= 38 {
            return Coef::of(d.iter().fold(0u128, |a, c| a * 10 + (c - b'0') as u128));
        }
        Coef::from_big(big_parse(d))
    }
    pub fn ones(n: i64) -> Option<Coef> {
        Coef::of(1).scale_up(n).map(|c| c.sub(&Coef::of(1)))
    }
    pub fn isqrt(&self) -> Coef {
        Coef::from_big(self.big().sqrt())
    }
    pub fn memory(&self) -> usize {
        match self {
            Coef::Small(..) => 0,
            Coef::Big(b) => b.bits().div_ceil(8) as usize,
        }
    }
}

fn cut(zero: Ordering, half: Ordering) -> Cut {
    match (zero, half) {
        (Ordering::Equal, _) => Cut::Zero,
        (_, Ordering::Less) => Cut::BelowHalf,
        (_, Ordering::Equal) => Cut::Half,
        _ => Cut::AboveHalf,
    }
}

fn big_digits(b: &BigUint) -> i64 {
    let bits = b.bits();
    // floor((bits - 1) * log10(2)) + 1 is right or one too small.
    let low = ((bits - 1) as u128 * 30_102_999_566_398_119 / 100_000_000_000_000_000) as i64 + 1;
    let high = (bits as u128 * 30_102_999_566_398_120 / 100_000_000_000_000_000) as i64 + 1;
    if low == high {
        return low;
    }
    if *b >= pow10(low as u64) { low + 1 } else { low }
}

/// Decimal text, by splitting in halves.
fn big_text(b: &BigUint) -> String {
    let n = big_digits(b) as usize;
    if n <= 2000 {
        return b.to_str_radix(10);
    }
    let k = n / 2;
    let p = pow10(k as u64);
    let hi = b / &p;
    let lo = b - &hi * p;
    let mut s = big_text(&hi);
    let low = big_text_or_zero(&lo);
    s.extend(core::iter::repeat_n('0', k - low.len()));
    s.push_str(&low);
    s
}
fn big_text_or_zero(b: &BigUint) -> String {
    if b.bits() == 0 { String::new() } else { big_text(b) }
}

fn big_parse(d: &[u8]) -> BigUint {
    if d.len() <= 2000 {
        return BigUint::parse_bytes(d, 10).unwrap_or_default();
    }
    let k = d.len() / 2;
    let (hi, lo) = d.split_at(d.len() - k);
    big_parse(hi) * pow10(k as u64) + big_parse(lo)
}
