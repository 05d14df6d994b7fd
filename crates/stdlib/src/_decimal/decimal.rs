//! The type `Decimal`.

use super::coef::Coef;
use super::context::{Context, context_arg, current, round_of};
use super::num::{self, Ctx, Dec, Kind, Round, st};
use super::{DECIMAL_TUPLE, LOCALECONV, RATIONAL, text, trans};
use core::cmp::Ordering as Order;
use core::mem::ManuallyDrop;
use macros::pyclass;
use num_bigint::{BigInt, BigUint, Sign};
use runtime::objects::Complex;
use runtime::objects::support::free_object;
use runtime::prelude::*;
use runtime::typeobject::Type as PyType;

#[repr(C)]
pub struct Decimal {
    header: abi::PyObject,
    dec: ManuallyDrop<Dec>,
}

/// A new object of the type or of a subclass.
pub fn make_of(cls: &PyType, d: Dec) -> PyResult<Ref<Decimal>> {
    let o = runtime::typeobject::alloc_object::<Decimal>(cls)?;
    // SAFETY: a new object with a zeroed body.
    unsafe { (&raw mut (*o.as_raw()).dec).write(ManuallyDrop::new(d)) };
    Ok(o)
}
pub fn make(d: Dec) -> PyResult<PyRef> {
    Ok(make_of(Decimal::type_object(), d)?.upcast())
}

/// The number of an int.
pub fn of_int(i: &Int) -> Dec {
    if let Some(v) = i.try_i64() {
        return Dec::from_i64(v);
    }
    let b = i.to_bigint();
    Dec::finite(b.sign() == Sign::Minus, Coef::from_big(b.into_parts().1), 0)
}

/// The exact value of a float.
pub fn of_float(f: f64) -> Dec {
    let neg = f.is_sign_negative();
    if f.is_nan() {
        return Dec::nan().with_sign(neg);
    }
    if f.is_infinite() {
        return Dec::inf(neg);
    }
    if f == 0.0 {
        return Dec::zero(neg, 0);
    }
    let bits = f.to_bits();
    let e = (bits >> 52 & 0x7ff) as i64;
    let frac = bits & ((1 << 52) - 1);
    let (mut m, mut e) = if e == 0 { (frac, -1074) } else { (frac | 1 << 52, e - 1075) };
    while m & 1 == 0 && e < 0 {
        m >>= 1;
        e += 1;
    }
    if e >= 0 {
        return Dec::finite(neg, Coef::from_big(BigUint::from(m) << e as u64), 0);
    }
    // m / 2^k = m * 5^k / 10^k
    Dec::finite(neg, Coef::from_big(BigUint::from(m) * BigUint::from(5u32).pow(-e as u32)), e)
}

/// Text as the parser wants it: `None` when a character has no place in a number.
fn ascii_number(s: &Str, lenient: bool) -> Option<Vec<u8>> {
    use runtime::objects::unicode::ucd;
    let mut out = Vec::with_capacity(s.len());
    let (mut start, mut end) = (0, s.len());
    if lenient {
        while start < end && ucd::is_space(s.char_at(start)) {
            start += 1;
        }
        while end > start && ucd::is_space(s.char_at(end - 1)) {
            end -= 1;
        }
    }
    for i in start..end {
        let c = s.char_at(i);
        if c == '_' as u32 && lenient {
            continue;
        }
        if c < 128 {
            out.push(c as u8);
        } else {
            out.push(b'0' + ucd::decimal_value(c)? as u8);
        }
    }
    Some(out)
}

/// A number without loss, or InvalidOperation.
fn exact(d: Option<Dec>, ctx: &Context) -> PyResult<Dec> {
    let Some(d) = d else {
        ctx.raise(st::CONVERSION_SYNTAX)?;
        return Ok(Dec::nan());
    };
    let mut s = 0;
    let d = num::finalize(d, &Ctx::MAX, &mut s);
    if s & (st::INEXACT | st::ROUNDED | st::CLAMPED) != 0 {
        ctx.raise(st::INVALID_OPERATION)?;
        return Ok(Dec::nan());
    }
    ctx.raise(s & st::ERRORS)?;
    Ok(d)
}
/// A number rounded to the context.
fn rounded(d: Option<Dec>, ctx: &Context) -> PyResult<Dec> {
    let c = ctx.ctx();
    let Some(d) = d.filter(|d| !d.is_nan() || d.coef.is_zero() || d.coef.digits() <= c.prec - c.clamp as i64) else {
        ctx.raise(st::CONVERSION_SYNTAX)?;
        return Ok(Dec::nan());
    };
    let mut s = 0;
    let d = num::finalize(d, &c, &mut s);
    ctx.raise(s)?;
    Ok(d)
}

fn of_tuple(t: &Tuple) -> PyResult<Option<Dec>> {
    let bad = |m: &str| raise!(ValueError, "{}", m);
    if t.len() != 3 {
        return Err(bad("argument must be a sequence of length 3"));
    }
    let neg = match t.get(0).downcast::<Int>().and_then(|i| i.try_i64()) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(bad("sign must be an integer with the value 0 or 1")),
    };
    let mut kind = Kind::Finite;
    let mut exp = 0;
    if let Some(s) = t.get(2).downcast::<Str>() {
        kind = match () {
            _ if s.eq_str("F") => Kind::Inf,
            _ if s.eq_str("n") => Kind::NaN,
            _ if s.eq_str("N") => Kind::SNaN,
            _ => return Err(bad("string argument in the third position must be 'F', 'n' or 'N'")),
        };
    } else {
        match t.get(2).downcast::<Int>() {
            Some(i) => exp = i.as_isize()? as i64,
            None => return Err(bad("exponent must be an integer")),
        }
    }
    let no_digits = || bad("coefficient must be a tuple of digits");
    let d = match t.get(1).downcast::<List>() {
        Some(l) => l.to_tuple()?,
        None => match t.get(1).downcast::<Tuple>() {
            Some(d) => Ref::new_ref(d),
            None => return Err(no_digits()),
        },
    };
    let mut digits = Vec::with_capacity(d.len());
    for x in d.as_slice() {
        match x.downcast::<Int>().and_then(|i| i.try_i64()) {
            Some(v @ 0..=9) => digits.push(b'0' + v as u8),
            _ => return Err(no_digits()),
        }
    }
    if kind == Kind::Inf {
        return Ok(Some(Dec::inf(neg)));
    }
    Ok(Some(Dec {
        neg,
        kind,
        exp: exp.clamp(-4_000_000_000_000_000_000, 4_000_000_000_000_000_000),
        coef: Coef::parse(&digits),
    }))
}

/// `Decimal(value)`: exact.
pub fn from_value(cls: &PyType, v: &Object, ctx: &Context) -> PyResult<PyRef> {
    convert_value(cls, v, ctx, true)
}
/// `context.create_decimal(value)`: rounded.
pub fn from_value_rounded(v: &Object, ctx: &Context) -> PyResult<PyRef> {
    convert_value(Decimal::type_object(), v, ctx, false)
}
fn convert_value(cls: &PyType, v: &Object, ctx: &Context, is_exact: bool) -> PyResult<PyRef> {
    let finish = |d: Option<Dec>| -> PyResult<PyRef> {
        let d = if is_exact { exact(d, ctx)? } else { rounded(d, ctx)? };
        Ok(make_of(cls, d)?.upcast())
    };
    if let Some(d) = v.downcast::<Decimal>() {
        if !is_exact {
            let c = ctx.ctx();
            if d.dec.is_nan() && d.dec.coef.digits() > c.prec - c.clamp as i64 {
                ctx.raise(st::CONVERSION_SYNTAX)?;
                return make(Dec::nan());
            }
            let mut s = 0;
            let r = num::finalize(d.dec().clone(), &c, &mut s);
            ctx.raise(s)?;
            return make(r);
        }
        if core::ptr::eq(cls, Decimal::type_object()) && core::ptr::eq(v.ty(), cls) {
            return Ok(v.to_ref());
        }
        return Ok(make_of(cls, d.dec().clone())?.upcast());
    }
    if let Some(s) = v.downcast::<Str>() {
        return finish(ascii_number(s, is_exact).and_then(|t| text::parse(&t)));
    }
    if let Some(i) = v.downcast::<Int>() {
        return finish(Some(of_int(i)));
    }
    if v.downcast::<Tuple>().is_some() || v.downcast::<List>().is_some() {
        return finish(of_tuple(&*v.to_tuple()?)?);
    }
    if let Some(f) = v.downcast::<Float>() {
        ctx.raise(st::FLOAT_OPERATION)?;
        return finish(Some(of_float(f.value())));
    }
    Err(raise!(TypeError, "conversion from {} to Decimal is not supported", v.ty().name_str()))
}

/// A Decimal or an int as a Decimal.
pub fn convert(v: &Object) -> PyResult<Option<Ref<Decimal>>> {
    if let Some(d) = v.downcast::<Decimal>() {
        return Ok(Some(Ref::new_ref(d)));
    }
    match v.downcast::<Int>() {
        Some(i) => Ok(Some(make_of(Decimal::type_object(), of_int(i))?)),
        None => Ok(None),
    }
}
pub fn must_convert(v: &Object, _ctx: &Context) -> PyResult<Ref<Decimal>> {
    convert(v)?.ok_or_else(|| raise!(TypeError, "conversion from {} to Decimal is not supported", v.ty().name_str()))
}

pub type Op1 = fn(&Dec, &Ctx, &mut u32) -> Dec;
pub type Op2 = fn(&Dec, &Dec, &Ctx, &mut u32) -> Dec;

pub fn apply(a: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::finalize(a.clone(), c, s)
}
pub fn max(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::extreme(a, b, true, false, c, s)
}
pub fn max_mag(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::extreme(a, b, true, true, c, s)
}
pub fn min(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::extreme(a, b, false, false, c, s)
}
pub fn min_mag(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::extreme(a, b, false, true, c, s)
}
pub fn logical_and(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::logical(a, b, |x, y| x & y, c, s)
}
pub fn logical_or(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::logical(a, b, |x, y| x | y, c, s)
}
pub fn logical_xor(a: &Dec, b: &Dec, c: &Ctx, s: &mut u32) -> Dec {
    num::logical(a, b, |x, y| x ^ y, c, s)
}
pub fn compare_total(a: &Dec, b: &Dec, _c: &Ctx, _s: &mut u32) -> Dec {
    num::compare_total(a, b)
}
pub fn compare_total_mag(a: &Dec, b: &Dec, _c: &Ctx, _s: &mut u32) -> Dec {
    num::compare_total_mag(a, b)
}

pub fn run1(f: Op1, x: &Object, ctx: &Context) -> PyResult<PyRef> {
    let x = must_convert(x, ctx)?;
    let mut s = 0;
    let r = f(x.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    make(r)
}
pub fn run2(f: Op2, x: &Object, y: &Object, ctx: &Context) -> PyResult<PyRef> {
    let (x, y) = (must_convert(x, ctx)?, must_convert(y, ctx)?);
    let mut s = 0;
    let r = f(x.dec(), y.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    make(r)
}
fn unary(f: Op1, x: &Decimal, context: Option<&Object>) -> PyResult<PyRef> {
    run1(f, x, &*context_arg(context)?)
}
fn binary(f: Op2, x: &Decimal, y: &Object, context: Option<&Object>) -> PyResult<PyRef> {
    run2(f, x, y, &*context_arg(context)?)
}
/// An operator of which one side is a Decimal.
fn operator(f: Op2, a: &Object, b: &Object) -> PyResult<PyRef> {
    let (Some(x), Some(y)) = (convert(a)?, convert(b)?) else { return Ok(not_implemented().to_ref()) };
    let ctx = current()?;
    let mut s = 0;
    let r = f(x.dec(), y.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    make(r)
}
fn unary_operator(f: Op1, a: &Decimal) -> PyResult<PyRef> {
    let ctx = current()?;
    let mut s = 0;
    let r = f(a.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    make(r)
}
/// `pow` with its optional modulus.
pub fn power(a: &Object, b: &Object, m: Option<&Object>, ctx: &Context) -> PyResult<PyRef> {
    let (a, b) = (must_convert(a, ctx)?, must_convert(b, ctx)?);
    let mut s = 0;
    let r = match m {
        None => trans::pow(a.dec(), b.dec(), &ctx.ctx(), &mut s),
        Some(m) => trans::powmod(a.dec(), b.dec(), must_convert(m, ctx)?.dec(), &ctx.ctx(), &mut s),
    };
    ctx.raise(s)?;
    make(r)
}
pub fn divmod_of(a: &Object, b: &Object, ctx: &Context) -> PyResult<PyRef> {
    let (a, b) = (must_convert(a, ctx)?, must_convert(b, ctx)?);
    let mut s = 0;
    let (q, r) = num::divmod(a.dec(), b.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    Ok(Tuple::pair(make(q)?, make(r)?)?.upcast())
}

impl Decimal {
    #[inline]
    pub fn dec(&self) -> &Dec {
        &self.dec
    }
    /// The integral part.
    pub fn to_integer(&self, mode: Round) -> PyResult<Ref<Int>> {
        let d = self.dec();
        if d.is_nan() {
            return Err(raise!(ValueError, "cannot convert NaN to integer"));
        }
        if d.is_inf() {
            return Err(raise!(OverflowError, "cannot convert Infinity to integer"));
        }
        let c = if d.exp >= 0 {
            d.coef.scale_up(d.exp).ok_or_else(runtime::objects::support::no_memory)?
        } else {
            num::drop_digits(&d.coef, -d.exp, d.neg, mode).0
        };
        if let Some(v) = c.small().and_then(|v| i128::try_from(v).ok()) {
            return Int::from_i128(if d.neg { -v } else { v });
        }
        Int::from_bigint(&BigInt::from_biguint(if d.neg { Sign::Minus } else { Sign::Plus }, c.big()))
    }
    pub fn to_f64(&self) -> PyResult<f64> {
        let d = self.dec();
        Ok(match d.kind {
            Kind::SNaN => return Err(raise!(ValueError, "cannot convert signaling NaN to float")),
            Kind::NaN => f64::NAN.copysign(if d.neg { -1.0 } else { 1.0 }),
            Kind::Inf => {
                if d.neg {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }
            }
            Kind::Finite => {
                // Rust reads decimal text with correct rounding.
                if d.coef.is_zero() || d.adjusted() < -400 {
                    0.0f64.copysign(if d.neg { -1.0 } else { 1.0 })
                } else if d.adjusted() > 400 {
                    if d.neg { f64::NEG_INFINITY } else { f64::INFINITY }
                } else {
                    text::to_text(d, true, false).parse().unwrap_or(f64::NAN)
                }
            }
        })
    }
    pub fn is_infinite(&self) -> bool {
        self.dec.is_inf()
    }
    pub fn is_finite(&self) -> bool {
        self.dec.is_finite()
    }
    pub fn is_nan(&self) -> bool {
        self.dec.is_nan()
    }
    pub fn is_qnan(&self) -> bool {
        self.dec.kind == Kind::NaN
    }
    pub fn is_snan(&self) -> bool {
        self.dec.is_snan()
    }
    pub fn is_signed(&self) -> bool {
        self.dec.neg
    }
    pub fn is_zero(&self) -> bool {
        self.dec.is_zero()
    }
    pub fn is_canonical(&self) -> bool {
        true
    }
    pub fn canonical(&self) -> PyRef {
        self.to_ref()
    }
    pub fn copy_abs(&self) -> PyResult<PyRef> {
        make(self.dec().clone().with_sign(false))
    }
    pub fn copy_negate(&self) -> PyResult<PyRef> {
        make(self.dec().clone().with_sign(!self.dec.neg))
    }

    /// The other side of a comparison, and this side as it must be compared with it.
    fn comparable(&self, o: &Object, op: CompareOp, ctx: &Context) -> PyResult<Option<(Dec, Dec)>> {
        if let Some(d) = convert(o)? {
            return Ok(Some((self.dec().clone(), d.dec().clone())));
        }
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        if let Some(f) = o.downcast::<Float>() {
            if equality {
                ctx.note(st::FLOAT_OPERATION)
            } else {
                ctx.raise(st::FLOAT_OPERATION)?
            }
            return Ok(Some((self.dec().clone(), of_float(f.value()))));
        }
        if let Some(z) = o.downcast::<Complex>() {
            if equality {
                let (re, im) = (z.real(), z.imag());
                if im == 0.0 {
                    ctx.note(st::FLOAT_OPERATION);
                    return Ok(Some((self.dec().clone(), of_float(re))));
                }
            }
            return Ok(None);
        }
        if o.isinstance(RATIONAL.attr_of("numbers", "Rational")?)? {
            let n = o.getattr(intern!("numerator"))?;
            let d = o.getattr(intern!("denominator"))?;
            let (Some(n), Some(d)) = (n.downcast::<Int>(), d.downcast::<Int>()) else {
                return Err(raise!(TypeError, "numerator and denominator must be ints"));
            };
            if self.dec.is_special() {
                return Ok(Some((self.dec().clone(), of_int(n))));
            }
            let mut s = 0;
            let left = num::mul(self.dec(), &of_int(d), &Ctx::MAX, &mut s);
            return Ok(Some((left, of_int(n))));
        }
        Ok(None)
    }
}

/// Decimal(value="0", context=None)
/// --
///
/// Construct a new Decimal object.
///
/// value can be an integer, string, tuple, or another Decimal object.  If
/// no value is given, return Decimal('0').  The context does not affect
/// the conversion and is only passed to determine if the InvalidOperation
/// trap is active.
#[pyclass(name = "Decimal", module = "decimal", flags = "BASETYPE|IMMUTABLETYPE")]
impl Decimal {
    #[slot(sig = "value='0', context=None")]
    fn tp_new(cls: &Type, value: Arg<&Object>, context: Option<&Object>) -> PyResult<PyRef> {
        let ctx = context_arg(context)?;
        match value {
            Arg::Given(v) => from_value(cls, v, &ctx),
            Arg::Missing => Ok(make_of(cls, Dec::from_i64(0))?.upcast()),
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            ManuallyDrop::drop(&mut (*this).dec);
            free_object(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let ctx = current()?;
        Str::format(format_args!("Decimal('{}')", text::to_text(self.dec(), ctx.capitals(), false)))
    }
    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let ctx = current()?;
        Str::new(&text::to_text(self.dec(), ctx.capitals(), false))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        const P: u64 = (1 << 61) - 1;
        let d = self.dec();
        match d.kind {
            Kind::SNaN => return Err(raise!(TypeError, "Cannot hash a signaling NaN value")),
            Kind::NaN => return Ok(((self.as_ptr() as usize) >> 4) as isize),
            Kind::Inf => return Ok(if d.neg { -314159 } else { 314159 }),
            Kind::Finite => {}
        }
        let mul = |a: u64, b: u64| ((a as u128 * b as u128) % P as u128) as u64;
        let pow = |mut b: u64, mut e: u64| {
            let mut r = 1;
            while e > 0 {
                if e & 1 == 1 {
                    r = mul(r, b);
                }
                b = mul(b, b);
                e >>= 1;
            }
            r
        };
        let c = match d.coef.small() {
            Some(v) => (v % P as u128) as u64,
            None => (d.coef.big() % P).to_u64_digits().first().copied().unwrap_or(0),
        };
        // The inverse of ten modulo P is 10^(P - 2).
        let ten = if d.exp >= 0 { 10 } else { pow(10, P - 2) };
        let h = mul(c, pow(ten, d.exp.unsigned_abs())) as isize;
        let h = if d.neg { -h } else { h };
        Ok(if h == -1 { -2 } else { h })
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let ctx = current()?;
        let Some((a, b)) = self.comparable(other, op, &ctx)? else { return Ok(not_implemented().to_ref()) };
        if a.is_nan() || b.is_nan() {
            if a.is_snan() || b.is_snan() || !matches!(op, CompareOp::Eq | CompareOp::Ne) {
                ctx.raise(st::INVALID_OPERATION)?;
            }
            return (op == CompareOp::Ne).into_py();
        }
        let o = num::order(&a, &b);
        let r = match op {
            CompareOp::Lt => o == Order::Less,
            CompareOp::Le => o != Order::Greater,
            CompareOp::Eq => o == Order::Equal,
            CompareOp::Ne => o != Order::Equal,
            CompareOp::Gt => o == Order::Greater,
            CompareOp::Ge => o != Order::Less,
        };
        r.into_py()
    }
    #[slot]
    fn nb_bool(&self) -> bool {
        !self.dec.is_zero()
    }
    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::add, a, b)
    }
    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::sub, a, b)
    }
    #[slot]
    fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::mul, a, b)
    }
    #[slot]
    fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::div, a, b)
    }
    #[slot]
    fn nb_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::divint, a, b)
    }
    #[slot]
    fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> {
        operator(num::rem, a, b)
    }
    #[slot]
    fn nb_divmod(a: &Object, b: &Object) -> PyResult<PyRef> {
        if convert(a)?.is_none() || convert(b)?.is_none() {
            return Ok(not_implemented().to_ref());
        }
        divmod_of(a, b, &*current()?)
    }
    #[slot]
    fn nb_power(a: &Object, b: &Object, m: &Object) -> PyResult<PyRef> {
        if convert(a)?.is_none() || convert(b)?.is_none() || (!m.is_none() && convert(m)?.is_none()) {
            return Ok(not_implemented().to_ref());
        }
        power(a, b, if m.is_none() { None } else { Some(m) }, &*current()?)
    }
    #[slot]
    fn nb_negative(&self) -> PyResult<PyRef> {
        unary_operator(num::minus, self)
    }
    #[slot]
    fn nb_positive(&self) -> PyResult<PyRef> {
        unary_operator(num::plus, self)
    }
    #[slot]
    fn nb_absolute(&self) -> PyResult<PyRef> {
        unary_operator(num::abs, self)
    }
    #[slot]
    fn nb_int(&self) -> PyResult<Ref<Int>> {
        self.to_integer(Round::Down)
    }
    #[slot]
    fn nb_float(&self) -> PyResult<f64> {
        self.to_f64()
    }
    /// Return the value of the (natural) exponential function e**x.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "context=None")]
    fn exp(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(trans::exp, self, context)
    }
    /// Return the natural (base e) logarithm of the operand.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "context=None")]
    fn ln(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(trans::ln, self, context)
    }
    /// Return the base ten logarithm of the operand.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "context=None")]
    fn log10(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(trans::log10, self, context)
    }
    /// The operation `next-minus` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn next_minus(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::next_minus, self, context)
    }
    /// The operation `next-plus` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn next_plus(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::next_plus, self, context)
    }
    /// The operation `normalize` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn normalize(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::reduce, self, context)
    }
    /// The operation `sqrt` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn sqrt(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::sqrt, self, context)
    }
    /// The operation `logb` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn logb(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::logb, self, context)
    }
    /// The operation `logical-invert` of the decimal arithmetic specification.
    #[pymethod(sig = "context=None")]
    fn logical_invert(&self, context: Option<&Object>) -> PyResult<PyRef> {
        unary(num::logical_invert, self, context)
    }
    /// The operation `compare` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn compare(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::compare, self, other, context)
    }
    /// The operation `compare-signal` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn compare_signal(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::compare_signal, self, other, context)
    }
    /// The operation `max` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn max(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(max, self, other, context)
    }
    /// The operation `max-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn max_mag(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(max_mag, self, other, context)
    }
    /// The operation `min` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn min(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(min, self, other, context)
    }
    /// The operation `min-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn min_mag(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(min_mag, self, other, context)
    }
    /// The operation `next-toward` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn next_toward(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::next_toward, self, other, context)
    }
    /// The operation `remainder-near` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn remainder_near(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::rem_near, self, other, context)
    }
    /// The operation `logical-and` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn logical_and(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(logical_and, self, other, context)
    }
    /// The operation `logical-or` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn logical_or(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(logical_or, self, other, context)
    }
    /// The operation `logical-xor` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn logical_xor(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(logical_xor, self, other, context)
    }
    /// The operation `rotate` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn rotate(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::rotate, self, other, context)
    }
    /// The operation `scaleb` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn scaleb(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::scaleb, self, other, context)
    }
    /// The operation `shift` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn shift(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(num::shift, self, other, context)
    }
    /// The operation `compare-total` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn compare_total(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(compare_total, self, other, context)
    }
    /// The operation `compare-total-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "other, context=None")]
    fn compare_total_mag(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        binary(compare_total_mag, self, other, context)
    }
    /// Round to the nearest integer without signaling Inexact or Rounded.
    #[pymethod(sig = "rounding=None, context=None")]
    fn to_integral_value(&self, rounding: Option<&Object>, context: Option<&Object>) -> PyResult<PyRef> {
        integral(self, rounding, context, false)
    }
    /// Identical to the to_integral_value() method.
    #[pymethod(sig = "rounding=None, context=None")]
    fn to_integral(&self, rounding: Option<&Object>, context: Option<&Object>) -> PyResult<PyRef> {
        integral(self, rounding, context, false)
    }
    /// Round to the nearest integer, signaling Inexact or Rounded as appropriate.
    #[pymethod(sig = "rounding=None, context=None")]
    fn to_integral_exact(&self, rounding: Option<&Object>, context: Option<&Object>) -> PyResult<PyRef> {
        integral(self, rounding, context, true)
    }
    /// Quantize *self* so its exponent is the same as that of *exp*.
    #[pymethod(sig = "exp, rounding=None, context=None")]
    fn quantize(&self, exp: &Object, rounding: Option<&Object>, context: Option<&Object>) -> PyResult<PyRef> {
        let ctx = context_arg(context)?;
        let mut c = ctx.ctx();
        if let Some(r) = rounding {
            c.round = round_of(r)?;
        }
        let b = must_convert(exp, &ctx)?;
        let mut s = 0;
        let r = num::quantize(self.dec(), b.dec(), &c, &mut s);
        ctx.raise(s)?;
        make(r)
    }
    /// Fused multiply-add.
    #[pymethod(sig = "other, third, context=None")]
    fn fma(&self, other: &Object, third: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        fused(self, other, third, &*context_arg(context)?)
    }
    /// Always True: every Decimal is canonical.
    #[pymethod(name = "is_canonical")]
    fn py_is_canonical(&self) -> bool {
        true
    }
    #[pymethod(name = "is_finite")]
    fn py_is_finite(&self) -> bool {
        self.is_finite()
    }
    #[pymethod(name = "is_infinite")]
    fn py_is_infinite(&self) -> bool {
        self.is_infinite()
    }
    #[pymethod(name = "is_nan")]
    fn py_is_nan(&self) -> bool {
        self.is_nan()
    }
    #[pymethod(name = "is_qnan")]
    fn py_is_qnan(&self) -> bool {
        self.is_qnan()
    }
    #[pymethod(name = "is_snan")]
    fn py_is_snan(&self) -> bool {
        self.is_snan()
    }
    #[pymethod(name = "is_signed")]
    fn py_is_signed(&self) -> bool {
        self.is_signed()
    }
    #[pymethod(name = "is_zero")]
    fn py_is_zero(&self) -> bool {
        self.is_zero()
    }
    #[pymethod(sig = "context=None")]
    fn is_normal(&self, context: Option<&Object>) -> PyResult<bool> {
        Ok(num::is_normal(self.dec(), &context_arg(context)?.ctx()))
    }
    #[pymethod(sig = "context=None")]
    fn is_subnormal(&self, context: Option<&Object>) -> PyResult<bool> {
        Ok(num::is_subnormal(self.dec(), &context_arg(context)?.ctx()))
    }
    /// Return the adjusted exponent of the number.
    #[pymethod]
    fn adjusted(&self) -> i64 {
        if self.dec.is_special() { 0 } else { self.dec.adjusted() }
    }
    #[pymethod(name = "canonical")]
    fn py_canonical(&self) -> PyRef {
        self.to_ref()
    }
    #[pymethod]
    fn conjugate(&self) -> PyRef {
        self.to_ref()
    }
    /// Return Decimal(10), the radix (base) in which all Decimals are.
    #[pymethod]
    fn radix(&self) -> PyResult<PyRef> {
        make(Dec::from_i64(10))
    }
    #[pymethod(name = "copy_abs")]
    fn py_copy_abs(&self) -> PyResult<PyRef> {
        self.copy_abs()
    }
    #[pymethod(name = "copy_negate")]
    fn py_copy_negate(&self) -> PyResult<PyRef> {
        self.copy_negate()
    }
    #[pymethod(sig = "other, context=None")]
    fn copy_sign(&self, other: &Object, context: Option<&Object>) -> PyResult<PyRef> {
        let o = must_convert(other, &*context_arg(context)?)?;
        make(self.dec().clone().with_sign(o.dec.neg))
    }
    #[pymethod(sig = "other, context=None")]
    fn same_quantum(&self, other: &Object, context: Option<&Object>) -> PyResult<bool> {
        let o = must_convert(other, &*context_arg(context)?)?;
        Ok(num::same_quantum(self.dec(), o.dec()))
    }
    #[pymethod(sig = "context=None")]
    fn number_class(&self, context: Option<&Object>) -> PyResult<&'static str> {
        Ok(num::number_class(self.dec(), &context_arg(context)?.ctx()))
    }
    /// Convert to an engineering-type string.
    #[pymethod(sig = "context=None")]
    fn to_eng_string(&self, context: Option<&Object>) -> PyResult<String> {
        Ok(text::to_text(self.dec(), context_arg(context)?.capitals(), true))
    }
    /// Class method that converts a float to a decimal number, exactly.
    #[pyclassmethod(sig = "f, /")]
    fn from_float(cls: &Type, f: &Object) -> PyResult<PyRef> {
        let d = if let Some(i) = f.downcast::<Int>() {
            of_int(i)
        } else if let Some(f) = f.downcast::<Float>() {
            of_float(f.value())
        } else {
            return Err(raise!(TypeError, "argument must be int or float"));
        };
        subclass_of(cls, d)
    }
    /// Class method that converts a real number to a decimal number, exactly.
    #[pyclassmethod(sig = "number, /")]
    fn from_number(cls: &Type, number: &Object) -> PyResult<PyRef> {
        let d = if let Some(i) = number.downcast::<Int>() {
            of_int(i)
        } else if let Some(f) = number.downcast::<Float>() {
            of_float(f.value())
        } else if let Some(d) = number.downcast::<Decimal>() {
            if core::ptr::eq(cls, Decimal::type_object()) && core::ptr::eq(number.ty(), cls) {
                return Ok(number.to_ref());
            }
            d.dec().clone()
        } else {
            return Err(raise!(TypeError, "Cannot convert {} to Decimal", number.repr()?.to_string_lossy()));
        };
        subclass_of(cls, d)
    }
    /// Return a tuple representation of the number.
    #[pymethod]
    fn as_tuple(&self) -> PyResult<PyRef> {
        let d = self.dec();
        let exponent: PyRef = match d.kind {
            Kind::Finite => Int::from_i64(d.exp)?.upcast(),
            Kind::Inf => Str::new("F")?.upcast(),
            Kind::NaN => Str::new("n")?.upcast(),
            Kind::SNaN => Str::new("N")?.upcast(),
        };
        let digits = if d.is_nan() && d.coef.is_zero() { String::new() } else { d.coef.to_text() };
        let digits =
            digits.bytes().map(|b| Ok(Int::from_i64((b - b'0') as i64)?.upcast())).collect::<PyResult<Vec<PyRef>>>()?;
        let sign = Int::from_i64(d.neg as i64)?;
        DECIMAL_TUPLE.get()?.call(&[&sign, &*Tuple::from_refs(digits)?, &exponent])
    }
    /// Return a pair of integers whose ratio is exactly equal to the original.
    ///
    /// The ratio is in lowest terms and with a positive denominator.
    /// Raise OverflowError on infinities and a ValueError on NaNs.
    #[pymethod]
    fn as_integer_ratio(&self) -> PyResult<PyRef> {
        let d = self.dec();
        if d.is_nan() {
            return Err(raise!(ValueError, "cannot convert NaN to integer ratio"));
        }
        if d.is_inf() {
            return Err(raise!(OverflowError, "cannot convert Infinity to integer ratio"));
        }
        let no_memory = runtime::objects::support::no_memory;
        let sign = if d.neg { Sign::Minus } else { Sign::Plus };
        let (mut n, mut q) = (d.coef.big(), BigUint::from(1u32));
        if d.coef.is_zero() {
        } else if d.exp >= 0 {
            n = d.coef.scale_up(d.exp).ok_or_else(no_memory)?.big();
        } else {
            if -d.exp > super::coef::MAX_DIGITS {
                return Err(no_memory());
            }
            q = super::coef::pow10(-d.exp as u64);
            let g = Int::from_bigint(&n.clone().into())?.gcd_int(&*Int::from_bigint(&q.clone().into())?)?;
            let g = g.to_bigint().into_parts().1;
            n /= &g;
            q /= g;
        }
        let n = Int::from_bigint(&BigInt::from_biguint(sign, n))?;
        let q = Int::from_bigint(&q.into())?;
        Ok(Tuple::pair(n.upcast(), q.upcast())?.upcast())
    }
    #[pymethod]
    fn __copy__(&self) -> PyRef {
        self.to_ref()
    }
    #[pymethod(sig = "memo, /")]
    fn __deepcopy__(&self, _memo: &Object) -> PyRef {
        self.to_ref()
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<(PyRef, PyRef)> {
        let args = Tuple::from_refs(vec![self.str()?.upcast()])?;
        Ok(((**self.ty()).to_ref(), args.upcast()))
    }
    /// Formats the Decimal according to fmtarg.
    #[pymethod(sig = "fmtarg, override=None, /")]
    fn __format__(&self, fmtarg: &Object, r#override: Option<&Object>) -> PyResult<PyRef> {
        let Some(f) = fmtarg.downcast::<Str>() else { return Err(raise!(TypeError, "format arg must be str")) };
        let ctx = current()?;
        let Some(mut spec) = text::parse_spec(f.to_str()?) else {
            // What only the Python version knows ('#', fractions with separators), or an error.
            let other = runtime::import::import_attr("_pydecimal", "Decimal")?;
            let d = other.call1(&*Str::new(&text::to_text(self.dec(), true, false))?)?;
            return d.call_method(intern!("__format__"), &[fmtarg, &ctx]);
        };
        if spec.kind == Some('N') {
            runtime::error::warn(
                exc::DeprecationWarning(),
                "Format specifier 'N' is deprecated and slated for removal in Python 3.18",
                1,
            )?;
        }
        let mut locale = None;
        if let Some(o) = r#override {
            if o.downcast::<Dict>().is_none() {
                return Err(raise!(TypeError, "optional argument must be a dict"));
            }
            locale = Some(o.to_ref());
        } else if matches!(spec.kind, Some('n' | 'N')) {
            locale = Some(LOCALECONV.attr_of("_locale", "localeconv")?.call0()?);
        }
        if let Some(l) = locale {
            let get = |name: &'static Str| -> PyResult<Option<String>> {
                match l.downcast::<Dict>() {
                    Some(d) => match d.get_str(name)? {
                        Some(v) => match v.downcast::<Str>() {
                            Some(s) => Ok(Some(s.to_str()?.to_string())),
                            None => Err(raise!(TypeError, "invalid override dict")),
                        },
                        None => Ok(None),
                    },
                    None => Ok(None),
                }
            };
            if let Some(p) = get(intern!("decimal_point"))? {
                if p.chars().count() != 1 {
                    return Err(raise!(ValueError, "invalid override dict"));
                }
                spec.point = p;
            }
            if let Some(p) = get(intern!("thousands_sep"))? {
                if p.chars().count() > 1 {
                    return Err(raise!(ValueError, "invalid override dict"));
                }
                spec.separator = p;
            }
            if let Some(d) = l.downcast::<Dict>() {
                if let Some(g) = d.get_str(intern!("grouping"))? {
                    spec.grouping = if let Some(s) = g.downcast::<Str>() {
                        if s.chars().any(|c| c > 127) {
                            return Err(raise!(ValueError, "invalid override dict"));
                        }
                        s.chars().map(|c| c as u8).collect()
                    } else {
                        let mut v = Vec::new();
                        for x in g.to_list()?.snapshot() {
                            v.push(x.as_i64()? as u8);
                        }
                        v
                    };
                    if spec.grouping.is_empty() {
                        spec.separator.clear();
                    }
                }
            }
        }
        // Nothing to do but `str`.
        if spec.width as u64 > num::MAX_PREC as u64 || spec.precision.is_some_and(|p| p > num::MAX_PREC) {
            return Err(raise!(ValueError, "format specification exceeds internal limits of _decimal"));
        }
        let c = ctx.ctx();
        match text::format(self.dec(), &spec, c.round, ctx.capitals()) {
            Some(s) => Ok(Str::new(&s)?.upcast()),
            None => Err(runtime::objects::support::no_memory()),
        }
    }
    #[pymethod(sig = "ndigits=None, /")]
    fn __round__(&self, ndigits: Arg<&Object>) -> PyResult<PyRef> {
        let Arg::Given(n) = ndigits else { return Ok(self.to_integer(Round::HalfEven)?.upcast()) };
        let Some(n) = n.downcast::<Int>() else { return Err(raise!(TypeError, "optional arg must be an integer")) };
        let n = n.as_isize()? as i64;
        let ctx = current()?;
        let q = Dec::finite(false, Coef::of(1), n.checked_neg().unwrap_or(i64::MAX));
        let mut s = 0;
        let r = num::quantize(self.dec(), &q, &ctx.ctx(), &mut s);
        ctx.raise(s)?;
        make(r)
    }
    #[pymethod]
    fn __ceil__(&self) -> PyResult<Ref<Int>> {
        self.to_integer(Round::Ceiling)
    }
    #[pymethod]
    fn __floor__(&self) -> PyResult<Ref<Int>> {
        self.to_integer(Round::Floor)
    }
    #[pymethod]
    fn __trunc__(&self) -> PyResult<Ref<Int>> {
        self.to_integer(Round::Down)
    }
    #[pymethod]
    fn __complex__(&self) -> PyResult<PyRef> {
        let f = Float::new(self.to_f64()?)?;
        (**Complex::type_object()).call1(&f)
    }
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        core::mem::size_of::<Decimal>() + self.dec.coef.memory()
    }
    #[pygetset]
    fn real(&self) -> PyRef {
        self.to_ref()
    }
    #[pygetset]
    fn imag(&self) -> PyResult<PyRef> {
        make(Dec::from_i64(0))
    }
}

pub fn fused(x: &Object, y: &Object, z: &Object, ctx: &Context) -> PyResult<PyRef> {
    let (a, b, t) = (must_convert(x, ctx)?, must_convert(y, ctx)?, must_convert(z, ctx)?);
    let mut s = 0;
    let r = num::fma(a.dec(), b.dec(), t.dec(), &ctx.ctx(), &mut s);
    ctx.raise(s)?;
    make(r)
}

pub fn integral(x: &Object, rounding: Option<&Object>, context: Option<&Object>, exact: bool) -> PyResult<PyRef> {
    let ctx = context_arg(context)?;
    let x = must_convert(x, &ctx)?;
    let c = ctx.ctx();
    let mode = match rounding {
        Some(r) => round_of(r)?,
        None => c.round,
    };
    let mut s = 0;
    let r = num::to_integral(x.dec(), mode, exact, &c, &mut s);
    ctx.raise(s)?;
    make(r)
}

/// The number as an instance of the class, made by calling a subclass.
fn subclass_of(cls: &PyType, d: Dec) -> PyResult<PyRef> {
    let v = make(d)?;
    if core::ptr::eq(cls, Decimal::type_object()) {
        return Ok(v);
    }
    let cls: &Object = cls;
    cls.call1(&v)
}
