//! Decimal arithmetic without Python objects: General Decimal Arithmetic, with contexts and conditions.

use super::coef::{Coef, Cut};
use core::cmp::Ordering;

/// Conditions, by the bits that libmpdec made known.
pub mod st {
    pub const CLAMPED: u32 = 1;
    pub const CONVERSION_SYNTAX: u32 = 2;
    pub const DIVISION_BY_ZERO: u32 = 4;
    pub const DIVISION_IMPOSSIBLE: u32 = 8;
    pub const DIVISION_UNDEFINED: u32 = 0x10;
    pub const INEXACT: u32 = 0x40;
    pub const INVALID_CONTEXT: u32 = 0x80;
    pub const INVALID_OPERATION: u32 = 0x100;
    pub const MALLOC_ERROR: u32 = 0x200;
    pub const FLOAT_OPERATION: u32 = 0x400;
    pub const OVERFLOW: u32 = 0x800;
    pub const ROUNDED: u32 = 0x1000;
    pub const SUBNORMAL: u32 = 0x2000;
    pub const UNDERFLOW: u32 = 0x4000;
    /// Everything that the signal InvalidOperation stands for.
    pub const IEEE_INVALID: u32 = CONVERSION_SYNTAX
        | DIVISION_IMPOSSIBLE
        | DIVISION_UNDEFINED
        | INVALID_CONTEXT
        | INVALID_OPERATION
        | MALLOC_ERROR;
    pub const ERRORS: u32 = IEEE_INVALID | DIVISION_BY_ZERO;
}

pub const MAX_PREC: i64 = 999_999_999_999_999_999;
pub const MAX_EMAX: i64 = 999_999_999_999_999_999;
pub const MIN_EMIN: i64 = -999_999_999_999_999_999;
pub const MIN_ETINY: i64 = MIN_EMIN - (MAX_PREC - 1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Round {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    R05Up,
}

/// What arithmetic needs of a context.
#[derive(Clone, Copy, Debug)]
pub struct Ctx {
    pub prec: i64,
    pub emin: i64,
    pub emax: i64,
    pub round: Round,
    pub clamp: bool,
}

impl Ctx {
    /// The widest context: exact conversions.
    pub const MAX: Ctx = Ctx { prec: MAX_PREC, emin: MIN_EMIN, emax: MAX_EMAX, round: Round::HalfEven, clamp: false };
    pub fn etiny(&self) -> i64 {
        self.emin - (self.prec - 1)
    }
    pub fn etop(&self) -> i64 {
        self.emax - (self.prec - 1)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Finite,
    Inf,
    NaN,
    SNaN,
}

#[derive(Clone, Debug)]
pub struct Dec {
    pub neg: bool,
    pub kind: Kind,
    pub exp: i64,
    /// The coefficient, or the payload of a NaN.
    pub coef: Coef,
}

impl Dec {
    pub fn finite(neg: bool, coef: Coef, exp: i64) -> Dec {
        Dec { neg, kind: Kind::Finite, exp, coef }
    }
    pub fn from_i64(v: i64) -> Dec {
        Dec::finite(v < 0, Coef::of(v.unsigned_abs() as u128), 0)
    }
    pub fn zero(neg: bool, exp: i64) -> Dec {
        Dec::finite(neg, Coef::ZERO, exp)
    }
    pub fn inf(neg: bool) -> Dec {
        Dec { neg, kind: Kind::Inf, exp: 0, coef: Coef::ZERO }
    }
    pub fn nan() -> Dec {
        Dec { neg: false, kind: Kind::NaN, exp: 0, coef: Coef::ZERO }
    }
    #[inline]
    pub fn is_finite(&self) -> bool {
        self.kind == Kind::Finite
    }
    #[inline]
    pub fn is_special(&self) -> bool {
        self.kind != Kind::Finite
    }
    pub fn is_inf(&self) -> bool {
        self.kind == Kind::Inf
    }
    pub fn is_nan(&self) -> bool {
        matches!(self.kind, Kind::NaN | Kind::SNaN)
    }
    pub fn is_snan(&self) -> bool {
        self.kind == Kind::SNaN
    }
    #[inline]
    pub fn is_zero(&self) -> bool {
        self.is_finite() && self.coef.is_zero()
    }
    pub fn digits(&self) -> i64 {
        self.coef.digits()
    }
    /// Exponent of the most significant digit.
    pub fn adjusted(&self) -> i64 {
        self.exp + self.coef.digits() - 1
    }
    pub fn is_integer(&self) -> bool {
        if !self.is_finite() {
            return false;
        }
        self.exp >= 0 || self.coef.is_zero() || self.coef.scale_down(-self.exp).1 == Cut::Zero
    }
    /// Whether an integral number is odd.
    pub fn is_odd(&self) -> bool {
        if !self.is_finite() || self.exp > 0 {
            return false;
        }
        let (q, r) = self.coef.scale_down(-self.exp);
        r == Cut::Zero && q.is_odd()
    }
    /// The value as an integer of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        if !self.is_integer() {
            return None;
        }
        let c = if self.exp >= 0 {
            if self.coef.is_zero() {
                return Some(0);
            }
            if self.adjusted() > 19 {
                return None;
            }
            self.coef.scale_up(self.exp)?
        } else {
            self.coef.scale_down(-self.exp).0
        };
        let v = i128::try_from(c.small()?).ok()?;
        i64::try_from(if self.neg { -v } else { v }).ok()
    }
    pub fn with_sign(mut self, neg: bool) -> Dec {
        self.neg = neg;
        self
    }
}

fn invalid(s: &mut u32, cond: u32) -> Dec {
    *s |= cond;
    Dec::nan()
}
pub fn malloc(s: &mut u32) -> Dec {
    invalid(s, st::MALLOC_ERROR)
}

/// Whether the digits kept grow by one.
fn rounds_up(mode: Round, neg: bool, kept: &Coef, cut: Cut) -> bool {
    if cut == Cut::Zero {
        return false;
    }
    match mode {
        Round::Up => true,
        Round::Down => false,
        Round::Ceiling => !neg,
        Round::Floor => neg,
        Round::HalfUp => matches!(cut, Cut::Half | Cut::AboveHalf),
        Round::HalfDown => cut == Cut::AboveHalf,
        Round::HalfEven => cut == Cut::AboveHalf || (cut == Cut::Half && kept.is_odd()),
        Round::R05Up => matches!(kept.last_digit(), 0 | 5),
    }
}

/// The coefficient without its last `n` digits, rounded; whether something was lost.
pub fn drop_digits(c: &Coef, n: i64, neg: bool, mode: Round) -> (Coef, bool) {
    let (q, cut) = c.scale_down(n);
    let q = if rounds_up(mode, neg, &q, cut) { q.add1() } else { q };
    (q, cut != Cut::Zero)
}

fn overflow(neg: bool, c: &Ctx, s: &mut u32) -> Dec {
    *s |= st::OVERFLOW | st::INEXACT | st::ROUNDED;
    let to_inf = match c.round {
        Round::HalfUp | Round::HalfEven | Round::HalfDown | Round::Up => true,
        Round::Down | Round::R05Up => false,
        Round::Ceiling => !neg,
        Round::Floor => neg,
    };
    if to_inf {
        return Dec::inf(neg);
    }
    match Coef::ones(c.prec) {
        Some(n) => Dec::finite(neg, n, c.etop()),
        None => malloc(s),
    }
}

/// Fits a number into the context: rounding, overflow, underflow, clamping.
pub fn finalize(mut d: Dec, c: &Ctx, s: &mut u32) -> Dec {
    match d.kind {
        Kind::Inf => return d,
        Kind::NaN | Kind::SNaN => {
            let room = c.prec - c.clamp as i64;
            if d.coef.digits() > room {
                d.coef = d.coef.low_digits(room);
            }
            return d;
        }
        Kind::Finite => {}
    }
    if d.coef.is_zero() {
        let (lo, hi) = (c.etiny(), if c.clamp { c.etop() } else { c.emax });
        let e = d.exp.clamp(lo, hi);
        if e != d.exp {
            *s |= st::CLAMPED;
            d.exp = e;
        }
        return d;
    }
    let digits = d.coef.digits();
    let adj = d.exp + digits - 1;
    if adj > c.emax {
        return overflow(d.neg, c, s);
    }
    if adj < c.emin {
        *s |= st::SUBNORMAL;
        let etiny = c.etiny();
        if d.exp < etiny {
            let (q, lost) = drop_digits(&d.coef, etiny - d.exp, d.neg, c.round);
            d.coef = q;
            d.exp = etiny;
            *s |= st::ROUNDED;
            if lost {
                *s |= st::INEXACT | st::UNDERFLOW;
            }
            if d.coef.is_zero() {
                *s |= st::CLAMPED;
            }
        }
        return fold_down(d, c, s);
    }
    if digits > c.prec {
        let n = digits - c.prec;
        let (q, lost) = drop_digits(&d.coef, n, d.neg, c.round);
        d.coef = q;
        d.exp += n;
        *s |= st::ROUNDED;
        if lost {
            *s |= st::INEXACT;
        }
        if d.coef.digits() > c.prec {
            d.coef = d.coef.scale_down(1).0;
            d.exp += 1;
            if d.exp + c.prec - 1 > c.emax {
                return overflow(d.neg, c, s);
            }
        }
    }
    fold_down(d, c, s)
}

/// With clamping, the exponent is brought down into its range by zeros.
fn fold_down(mut d: Dec, c: &Ctx, s: &mut u32) -> Dec {
    if c.clamp && d.exp > c.etop() {
        match d.coef.scale_up(d.exp - c.etop()) {
            Some(q) => {
                d.coef = q;
                d.exp = c.etop();
                *s |= st::CLAMPED;
            }
            None => return malloc(s),
        }
    }
    d
}

/// The NaN that operands propagate; `None` when there is none.
fn nans(ops: &[&Dec], c: &Ctx, s: &mut u32) -> Option<Dec> {
    let pick = ops.iter().find(|d| d.is_snan()).or_else(|| ops.iter().find(|d| d.is_nan()))?;
    if pick.is_snan() {
        *s |= st::INVALID_OPERATION;
    }
    let mut r = (*pick).clone();
    r.kind = Kind::NaN;
    Some(finalize(r, c, s))
}

// ---------------------------------------------------------------------------------------------- sums and products

pub fn add(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    add_signed(a, b, b.neg, c, s)
}
pub fn sub(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    add_signed(a, b, !b.neg, c, s)
}

fn add_signed(a: &Dec, b: &Dec, b_neg: bool, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_inf() {
            if b.is_inf() && a.neg != b_neg {
                return invalid(s, st::INVALID_OPERATION);
            }
            return Dec::inf(a.neg);
        }
        return Dec::inf(b_neg);
    }
    match exact_sum(a, b, b_neg, c) {
        Some(r) => finalize(r, c, s),
        None => malloc(s),
    }
}

/// The sum, exact or with digits beyond the precision that round as the exact ones do.
fn exact_sum(a: &Dec, b: &Dec, b_neg: bool, c: &Ctx) -> Option<Dec> {
    // `x` has the higher exponent.
    let (x, x_neg, y, y_neg) = if a.exp >= b.exp { (a, a.neg, b, b_neg) } else { (b, b_neg, a, a.neg) };
    let mut low_exp = y.exp;
    let far;
    let mut low_ref = &y.coef;
    if !x.coef.is_zero() {
        // Digits of `y` this far below `x` only say that there is something.
        let floor = x.exp + (-1i64).min(x.coef.digits() - c.prec - 2);
        if y.adjusted() < floor && low_exp < floor {
            far = if y.coef.is_zero() { Coef::ZERO } else { Coef::of(1) };
            low_ref = &far;
            low_exp = floor;
        }
    }
    if x.coef.is_zero() {
        let neg = if y.coef.is_zero() { if x_neg == y_neg { x_neg } else { c.round == Round::Floor } } else { y_neg };
        return Some(Dec::finite(neg, y.coef.clone(), y.exp));
    }
    let high = x.coef.scale_up(x.exp - low_exp)?;
    if x_neg == y_neg {
        return Some(Dec::finite(x_neg, high.add(low_ref), low_exp));
    }
    Some(match high.cmp(low_ref) {
        Ordering::Greater => Dec::finite(x_neg, high.sub(low_ref), low_exp),
        Ordering::Less => Dec::finite(y_neg, low_ref.sub(&high), low_exp),
        Ordering::Equal => Dec::zero(c.round == Round::Floor, low_exp),
    })
}

pub fn mul(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    let neg = a.neg != b.neg;
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_zero() || b.is_zero() {
            return invalid(s, st::INVALID_OPERATION);
        }
        return Dec::inf(neg);
    }
    finalize(Dec::finite(neg, a.coef.mul(&b.coef), a.exp + b.exp), c, s)
}

pub fn fma(a: &Dec, b: &Dec, t: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_nan() || b.is_nan() {
        return nans(&[a, b, t], c, s).unwrap_or_else(Dec::nan);
    }
    if a.is_special() || b.is_special() {
        // An invalid product counts more than a NaN to add.
        if a.is_zero() || b.is_zero() {
            return invalid(s, st::INVALID_OPERATION);
        }
        return add(&Dec::inf(a.neg != b.neg), t, c, s);
    }
    let p = Dec::finite(a.neg != b.neg, a.coef.mul(&b.coef), a.exp + b.exp);
    add(&p, t, c, s)
}

// ---------------------------------------------------------------------------------------------- division

pub fn div(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    let neg = a.neg != b.neg;
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_inf() {
            return if b.is_inf() { invalid(s, st::INVALID_OPERATION) } else { Dec::inf(neg) };
        }
        *s |= st::CLAMPED;
        return Dec::zero(neg, c.etiny());
    }
    if b.coef.is_zero() {
        if a.coef.is_zero() {
            return invalid(s, st::DIVISION_UNDEFINED);
        }
        *s |= st::DIVISION_BY_ZERO;
        return Dec::inf(neg);
    }
    let ideal = a.exp - b.exp;
    if a.coef.is_zero() {
        return finalize(Dec::zero(neg, ideal), c, s);
    }
    let shift = b.coef.digits() - a.coef.digits() + c.prec + 1;
    let (num, den) = if shift >= 0 {
        (a.coef.scale_up(shift), Some(b.coef.clone()))
    } else {
        (Some(a.coef.clone()), b.coef.scale_up(-shift))
    };
    let (Some(num), Some(den)) = (num, den) else { return malloc(s) };
    let (mut q, r) = num.divrem(&den);
    let mut exp = ideal - shift;
    if r.is_zero() {
        if exp < ideal {
            let (z, n) = q.strip_zeros(ideal - exp);
            q = z;
            exp += n;
        }
    } else if q.last_digit() % 5 == 0 {
        // What is left makes the number a little larger than it looks.
        q = q.add1();
    }
    finalize(Dec::finite(neg, q, exp), c, s)
}

/// Integral quotient and remainder of finite numbers; `None` when the quotient has too many digits.
fn quotient(a: &Dec, b: &Dec, c: &Ctx) -> Option<(Coef, Dec)> {
    let exp = a.exp.min(b.exp);
    if a.coef.is_zero() || a.adjusted() < b.adjusted() {
        let r = a.coef.scale_up(a.exp - exp)?;
        return Some((Coef::ZERO, Dec::finite(a.neg, r, exp)));
    }
    if a.adjusted() - b.adjusted() > c.prec {
        return None;
    }
    let (x, y) = (a.coef.scale_up(a.exp - exp)?, b.coef.scale_up(b.exp - exp)?);
    let (q, r) = x.divrem(&y);
    if q.digits() > c.prec {
        return None;
    }
    Some((q, Dec::finite(a.neg, r, exp)))
}

pub fn divint(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    let neg = a.neg != b.neg;
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_inf() {
            return if b.is_inf() { invalid(s, st::INVALID_OPERATION) } else { Dec::inf(neg) };
        }
        return Dec::zero(neg, 0);
    }
    if b.coef.is_zero() {
        if a.coef.is_zero() {
            return invalid(s, st::DIVISION_UNDEFINED);
        }
        *s |= st::DIVISION_BY_ZERO;
        return Dec::inf(neg);
    }
    match quotient(a, b, c) {
        Some((q, _)) => finalize(Dec::finite(neg, q, 0), c, s),
        None => invalid(s, st::DIVISION_IMPOSSIBLE),
    }
}

pub fn rem(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_inf() {
            return invalid(s, st::INVALID_OPERATION);
        }
        return finalize(a.clone(), c, s);
    }
    if b.coef.is_zero() {
        return invalid(s, if a.coef.is_zero() { st::DIVISION_UNDEFINED } else { st::INVALID_OPERATION });
    }
    match quotient(a, b, c) {
        Some((_, r)) => finalize(r, c, s),
        None => invalid(s, st::DIVISION_IMPOSSIBLE),
    }
}

pub fn divmod(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> (Dec, Dec) {
    let neg = a.neg != b.neg;
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return (n.clone(), n);
        }
        if a.is_inf() {
            let q = if b.is_inf() { Dec::nan() } else { Dec::inf(neg) };
            return (q, invalid(s, st::INVALID_OPERATION));
        }
        return (Dec::zero(neg, 0), finalize(a.clone(), c, s));
    }
    if b.coef.is_zero() {
        if a.coef.is_zero() {
            let n = invalid(s, st::DIVISION_UNDEFINED);
            return (n.clone(), n);
        }
        *s |= st::DIVISION_BY_ZERO | st::INVALID_OPERATION;
        return (Dec::inf(neg), Dec::nan());
    }
    match quotient(a, b, c) {
        Some((q, r)) => (finalize(Dec::finite(neg, q, 0), c, s), finalize(r, c, s)),
        None => {
            let n = invalid(s, st::DIVISION_IMPOSSIBLE);
            (n.clone(), n)
        }
    }
}

pub fn rem_near(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        if a.is_inf() {
            return invalid(s, st::INVALID_OPERATION);
        }
        return finalize(a.clone(), c, s);
    }
    if b.coef.is_zero() {
        return invalid(s, if a.coef.is_zero() { st::DIVISION_UNDEFINED } else { st::INVALID_OPERATION });
    }
    let Some((q, mut r)) = quotient(a, b, c) else { return invalid(s, st::DIVISION_IMPOSSIBLE) };
    let Some(y) = b.coef.scale_up(b.exp - r.exp) else { return finalize(r, c, s) };
    let twice = r.coef.add(&r.coef);
    let mut q1 = q.clone();
    let up = match twice.cmp(&y) {
        Ordering::Greater => true,
        Ordering::Equal => q.is_odd(),
        Ordering::Less => false,
    };
    if up {
        q1 = q1.add1();
        r = Dec::finite(!r.neg, y.sub(&r.coef), r.exp);
    }
    if q1.digits() > c.prec {
        return invalid(s, st::DIVISION_IMPOSSIBLE);
    }
    finalize(r, c, s)
}

// ---------------------------------------------------------------------------------------------- one operand

pub fn plus(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    let mut r = a.clone();
    if a.is_zero() {
        r.neg = a.neg && c.round == Round::Floor;
    }
    finalize(r, c, s)
}
pub fn minus(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    let mut r = a.clone();
    r.neg = !a.neg;
    if a.is_zero() {
        r.neg = r.neg && c.round == Round::Floor;
    }
    finalize(r, c, s)
}
pub fn abs(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    finalize(a.clone().with_sign(false), c, s)
}

/// Without trailing zeros.
pub fn reduce(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    let mut d = finalize(a.clone(), c, s);
    if d.is_special() {
        return d;
    }
    if d.coef.is_zero() {
        d.exp = 0;
        return d;
    }
    let top = if c.clamp { c.etop() } else { c.emax };
    let (q, n) = d.coef.strip_zeros((top - d.exp).max(0));
    d.coef = q;
    d.exp += n;
    d
}

pub fn quantize(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_special() || b.is_special() {
        if let Some(n) = nans(&[a, b], c, s) {
            return n;
        }
        return if a.is_inf() && b.is_inf() { a.clone() } else { invalid(s, st::INVALID_OPERATION) };
    }
    if b.exp > c.emax || b.exp < c.etiny() {
        return invalid(s, st::INVALID_OPERATION);
    }
    if a.coef.is_zero() {
        return finalize(Dec::zero(a.neg, b.exp), c, s);
    }
    let shift = a.exp - b.exp;
    if a.coef.digits() + shift > c.prec {
        return invalid(s, st::INVALID_OPERATION);
    }
    let r = if shift >= 0 {
        match a.coef.scale_up(shift) {
            Some(q) => Dec::finite(a.neg, q, b.exp),
            None => return malloc(s),
        }
    } else {
        let (q, lost) = drop_digits(&a.coef, -shift, a.neg, c.round);
        if q.digits() > c.prec {
            return invalid(s, st::INVALID_OPERATION);
        }
        *s |= st::ROUNDED | if lost { st::INEXACT } else { 0 };
        Dec::finite(a.neg, q, b.exp)
    };
    if r.adjusted() > c.emax {
        return invalid(s, st::INVALID_OPERATION);
    }
    finalize(r, c, s)
}

/// Rounds to an exponent without regard to the precision.
pub fn rescale(a: &Dec, exp: i64, mode: Round) -> Option<Dec> {
    if a.is_special() {
        return Some(a.clone());
    }
    if a.coef.is_zero() {
        return Some(Dec::zero(a.neg, exp));
    }
    if a.exp >= exp {
        return Some(Dec::finite(a.neg, a.coef.scale_up(a.exp - exp)?, exp));
    }
    Some(Dec::finite(a.neg, drop_digits(&a.coef, exp - a.exp, a.neg, mode).0, exp))
}

/// Rounds to an integer; the conditions are signalled if `exact`.
pub fn to_integral(a: &Dec, mode: Round, exact: bool, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    if a.is_special() || a.exp >= 0 {
        return a.clone();
    }
    if a.coef.is_zero() {
        return Dec::zero(a.neg, 0);
    }
    let (q, lost) = drop_digits(&a.coef, -a.exp, a.neg, mode);
    if exact {
        *s |= st::ROUNDED | if lost { st::INEXACT } else { 0 };
    }
    Dec::finite(a.neg, q, 0)
}

pub fn sqrt(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    if a.is_zero() {
        return finalize(Dec::zero(a.neg, a.exp.div_euclid(2)), c, s);
    }
    if a.neg {
        return invalid(s, st::INVALID_OPERATION);
    }
    if a.is_inf() {
        return a.clone();
    }
    let ideal = a.exp.div_euclid(2);
    // An even exponent, and enough digits that the root has one more than the precision.
    let mut exp = a.exp;
    let want = 2 * (c.prec + 1);
    let mut shift = want - a.coef.digits();
    if (exp - shift) % 2 != 0 {
        shift += 1;
    }
    exp -= shift;
    let (n, lost) = if shift >= 0 {
        match a.coef.scale_up(shift) {
            Some(n) => (n, false),
            None => return malloc(s),
        }
    } else {
        let (q, cut) = a.coef.scale_down(-shift);
        (q, cut != Cut::Zero)
    };
    let mut root = n.isqrt();
    let exact = !lost && root.mul(&root).cmp(&n) == Ordering::Equal;
    let mut e = exp / 2;
    if exact {
        if e < ideal {
            let (z, k) = root.strip_zeros(ideal - e);
            root = z;
            e += k;
        }
    } else if root.last_digit() % 5 == 0 {
        root = root.add1();
    }
    let half_even = Ctx { round: Round::HalfEven, ..*c };
    finalize(Dec::finite(false, root, e), &half_even, s)
}

// ---------------------------------------------------------------------------------------------- comparison

/// Compares numbers that are no NaNs.
pub fn order(a: &Dec, b: &Dec) -> Ordering {
    let (az, bz) = (a.is_zero(), b.is_zero());
    if az && bz {
        return Ordering::Equal;
    }
    if az {
        return if b.neg { Ordering::Greater } else { Ordering::Less };
    }
    if bz || a.neg != b.neg {
        return if a.neg { Ordering::Less } else { Ordering::Greater };
    }
    let r = order_abs(a, b);
    if a.neg { r.reverse() } else { r }
}

pub fn order_abs(a: &Dec, b: &Dec) -> Ordering {
    match (a.is_inf(), b.is_inf()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        _ => {}
    }
    match (a.coef.is_zero(), b.coef.is_zero()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        _ => {}
    }
    let r = a.adjusted().cmp(&b.adjusted());
    if r != Ordering::Equal {
        return r;
    }
    if a.exp >= b.exp {
        match a.coef.scale_up(a.exp - b.exp) {
            Some(x) => x.cmp(&b.coef),
            None => Ordering::Greater,
        }
    } else {
        match b.coef.scale_up(b.exp - a.exp) {
            Some(y) => a.coef.cmp(&y),
            None => Ordering::Less,
        }
    }
}

fn sign_dec(o: Ordering) -> Dec {
    Dec::from_i64(o as i64)
}

pub fn compare(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    nans(&[a, b], c, s).unwrap_or_else(|| sign_dec(order(a, b)))
}

/// As `compare`, but every NaN signals.
pub fn compare_signal(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a, b], c, s) {
        *s |= st::INVALID_OPERATION;
        return n;
    }
    sign_dec(order(a, b))
}

/// The total order of all representations.
pub fn total(a: &Dec, b: &Dec) -> Ordering {
    if a.neg != b.neg {
        return if a.neg { Ordering::Less } else { Ordering::Greater };
    }
    let r = total_abs(a, b);
    if a.neg { r.reverse() } else { r }
}
pub fn total_abs(a: &Dec, b: &Dec) -> Ordering {
    let class = |d: &Dec| match d.kind {
        Kind::Finite | Kind::Inf => 0,
        Kind::SNaN => 1,
        Kind::NaN => 2,
    };
    let r = class(a).cmp(&class(b));
    if r != Ordering::Equal {
        return r;
    }
    if a.is_nan() {
        return a.coef.cmp(&b.coef);
    }
    let r = order_abs(a, b);
    if r != Ordering::Equal || a.is_inf() {
        return r;
    }
    a.exp.cmp(&b.exp)
}
pub fn compare_total(a: &Dec, b: &Dec) -> Dec {
    sign_dec(total(a, b))
}
pub fn compare_total_mag(a: &Dec, b: &Dec) -> Dec {
    sign_dec(total_abs(a, b))
}

/// The larger (or smaller) of two; a quiet NaN gives way to a number.
pub fn extreme(a: &Dec, b: &Dec, max: bool, magnitude: bool, c: &Ctx, s: &mut u32) -> Dec {
    if a.is_nan() || b.is_nan() {
        if a.is_snan() || b.is_snan() || (a.is_nan() && b.is_nan()) {
            return nans(&[a, b], c, s).unwrap_or_else(Dec::nan);
        }
        return finalize(if a.is_nan() { b } else { a }.clone(), c, s);
    }
    let mut o = if magnitude { order_abs(a, b) } else { order(a, b) };
    if o == Ordering::Equal && magnitude {
        o = order(a, b);
    }
    if o == Ordering::Equal {
        o = total(a, b);
    }
    let first = if max { o != Ordering::Less } else { o == Ordering::Less || o == Ordering::Equal };
    finalize(if first { a } else { b }.clone(), c, s)
}

// ---------------------------------------------------------------------------------------------- neighbours

fn largest(neg: bool, c: &Ctx, s: &mut u32) -> Dec {
    match Coef::ones(c.prec) {
        Some(n) => Dec::finite(neg, n, c.etop()),
        None => malloc(s),
    }
}

fn next(a: &Dec, down: bool, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    if a.is_inf() {
        // The infinity that lies in the way gives the largest number.
        return if a.neg == down { a.clone() } else { largest(a.neg, c, s) };
    }
    let w = Ctx { round: if down { Round::Floor } else { Round::Ceiling }, ..*c };
    let tiny = Dec::finite(down, Coef::of(1), c.etiny() - 1);
    let mut t = 0;
    let near = finalize(a.clone(), &w, &mut t);
    let r = if t & (st::INEXACT | st::OVERFLOW) != 0 && !near.is_inf() && order(&near, a) != Ordering::Equal {
        near
    } else {
        let mut t2 = 0;
        add(a, &tiny, &w, &mut t2)
    };
    *s |= t & st::ERRORS;
    r
}
pub fn next_minus(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    next(a, true, c, s)
}
pub fn next_plus(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    next(a, false, c, s)
}
pub fn next_toward(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a, b], c, s) {
        return n;
    }
    let o = order(a, b);
    let r = match o {
        Ordering::Equal => return a.clone().with_sign(b.neg),
        Ordering::Less => next(a, false, c, s),
        Ordering::Greater => next(a, true, c, s),
    };
    if r.is_inf() {
        *s |= st::OVERFLOW | st::ROUNDED | st::INEXACT;
    } else if r.adjusted() < c.emin {
        *s |= st::UNDERFLOW | st::SUBNORMAL | st::ROUNDED | st::INEXACT;
        if r.is_zero() {
            *s |= st::CLAMPED;
        }
    }
    r
}

// ---------------------------------------------------------------------------------------------- exponents and digits

pub fn logb(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a], c, s) {
        return n;
    }
    if a.is_inf() {
        return Dec::inf(false);
    }
    if a.is_zero() {
        *s |= st::DIVISION_BY_ZERO;
        return Dec::inf(true);
    }
    finalize(Dec::from_i64(a.adjusted()), c, s)
}

pub fn scaleb(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a, b], c, s) {
        return n;
    }
    if b.is_inf() || b.exp != 0 {
        return invalid(s, st::INVALID_OPERATION);
    }
    let limit = 2i128 * (c.emax as i128 + c.prec as i128);
    let Some(n) = b.as_i64().filter(|n| (*n as i128).abs() <= limit) else {
        return invalid(s, st::INVALID_OPERATION);
    };
    if a.is_inf() {
        return a.clone();
    }
    let e = (a.exp as i128 + n as i128).clamp(MIN_ETINY as i128 * 2, MAX_EMAX as i128 * 2) as i64;
    finalize(Dec::finite(a.neg, a.coef.clone(), e), c, s)
}

fn shift_count(b: &Dec, c: &Ctx) -> Option<i64> {
    if b.is_special() || b.exp != 0 {
        return None;
    }
    b.as_i64().filter(|n| n.abs() <= c.prec)
}

pub fn shift(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a, b], c, s) {
        return n;
    }
    let Some(n) = shift_count(b, c) else { return invalid(s, st::INVALID_OPERATION) };
    if a.is_inf() {
        return a.clone();
    }
    let coef = a.coef.low_digits(c.prec);
    let coef = if n >= 0 {
        // Digits pushed out on the left are gone.
        match coef.low_digits(c.prec - n).scale_up(n) {
            Some(q) => q,
            None => return malloc(s),
        }
    } else {
        coef.scale_down(-n).0
    };
    Dec::finite(a.neg, coef, a.exp)
}

pub fn rotate(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    if let Some(n) = nans(&[a, b], c, s) {
        return n;
    }
    let Some(n) = shift_count(b, c) else { return invalid(s, st::INVALID_OPERATION) };
    if a.is_inf() {
        return a.clone();
    }
    let coef = a.coef.low_digits(c.prec);
    let left = n.rem_euclid(c.prec);
    if left == 0 {
        return Dec::finite(a.neg, coef, a.exp);
    }
    let high = coef.scale_down(c.prec - left).0;
    match coef.low_digits(c.prec - left).scale_up(left) {
        Some(q) => Dec::finite(a.neg, q.add(&high), a.exp),
        None => malloc(s),
    }
}

/// The digits of an operand of a logical operation, least significant first.
fn logical_digits(a: &Dec) -> Option<Vec<u8>> {
    if a.is_special() || a.neg || a.exp != 0 {
        return None;
    }
    let t = a.coef.to_text();
    if !t.bytes().all(|d| d == b'0' || d == b'1') {
        return None;
    }
    Some(t.bytes().rev().map(|d| d - b'0').collect())
}

fn from_logical(mut d: Vec<u8>, prec: i64) -> Dec {
    d.truncate(prec.min(d.len() as i64) as usize);
    let text: Vec<u8> = d.iter().rev().map(|b| b + b'0').collect();
    Dec::finite(false, Coef::parse(&text), 0)
}

pub fn logical(a: &Dec, b: &Dec, f: fn(u8, u8) -> u8, c: &Ctx, s: &mut u32) -> Dec {
    let (Some(mut x), Some(mut y)) = (logical_digits(a), logical_digits(b)) else {
        return invalid(s, st::INVALID_OPERATION);
    };
    let n = x.len().max(y.len());
    x.resize(n, 0);
    y.resize(n, 0);
    from_logical(x.iter().zip(&y).map(|(p, q)| f(*p, *q)).collect(), c.prec)
}

pub fn logical_invert(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    let Some(mut x) = logical_digits(a) else {
        return invalid(s, st::INVALID_OPERATION);
    };
    if c.prec > super::coef::MAX_DIGITS {
        return malloc(s);
    }
    x.resize(x.len().max(c.prec as usize), 0);
    from_logical(x.iter().map(|d| 1 - d).collect(), c.prec)
}

pub fn is_normal(a: &Dec, c: &Ctx) -> bool {
    a.is_finite() && !a.coef.is_zero() && a.adjusted() >= c.emin
}
pub fn is_subnormal(a: &Dec, c: &Ctx) -> bool {
    a.is_finite() && !a.coef.is_zero() && a.adjusted() < c.emin
}
pub fn number_class(a: &Dec, c: &Ctx) -> &'static str {
    let pick = |p: &'static str, n: &'static str| if a.neg { n } else { p };
    match a.kind {
        Kind::NaN => "NaN",
        Kind::SNaN => "sNaN",
        Kind::Inf => pick("+Infinity", "-Infinity"),
        Kind::Finite if a.coef.is_zero() => pick("+Zero", "-Zero"),
        Kind::Finite if is_subnormal(a, c) => pick("+Subnormal", "-Subnormal"),
        Kind::Finite => pick("+Normal", "-Normal"),
    }
}
pub fn same_quantum(a: &Dec, b: &Dec) -> bool {
    if a.is_special() || b.is_special() {
        return (a.is_nan() && b.is_nan()) || (a.is_inf() && b.is_inf());
    }
    a.exp == b.exp
}

/// `nans` for the functions of other files.
pub fn propagate(ops: &[&Dec], c: &Ctx, s: &mut u32) -> Option<Dec> {
    nans(ops, c, s)
}
