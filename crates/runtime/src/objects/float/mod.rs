//! `float`: arithmetic with Python's rules, parsing, hexadecimal text, rounding.

pub mod methods;
pub mod text;

use crate::error::{PyResult, Raised};
use crate::object::{Object, Ref, Type};
use crate::objects::long::{Int, ZEROED_TYPE};
use crate::{py_layout, raise};

pub use methods::{as_f64, from_string, number_float, real_number};
pub use text::{decimal_to_ascii, from_hex, parse_float, to_hex};

/// A `float`.
#[repr(transparent)]
pub struct Float(pub abi::PyFloatObject);
py_layout!(Float, crate::objects::float::PyFloat_Type);

/// The type `float`.
#[unsafe(no_mangle)]
pub static mut PyFloat_Type: Type = ZEROED_TYPE;

mod c {
    unsafe extern "C" {
        pub safe fn frexp(x: f64, e: &mut i32) -> f64;
        pub safe fn ldexp(x: f64, e: i32) -> f64;
        pub safe fn fmod(x: f64, y: f64) -> f64;
        pub safe fn pow(x: f64, y: f64) -> f64;
    }
}

/// `x == m * 2**e` with `m` in [0.5, 1).
#[inline]
pub fn frexp(x: f64) -> (f64, i32) {
    let mut e = 0;
    let m = c::frexp(x, &mut e);
    (m, e)
}

/// `x * 2**e`, rounded once.
#[inline]
pub fn ldexp(x: f64, e: i32) -> f64 {
    c::ldexp(x, e)
}

impl Float {
    /// A new float.
    #[inline]
    pub fn new(value: f64) -> PyResult<Ref<Float>> {
        // SAFETY: the exact type's size; the value is set below.
        let f: Ref<Float> = unsafe {
            crate::objects::long::alloc_number((&raw mut PyFloat_Type).cast(), size_of::<abi::PyFloatObject>())?
        };
        // SAFETY: nobody else sees the object yet.
        unsafe { (*f.as_raw()).0.ob_fval = value };
        Ok(f)
    }

    /// Its value.
    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.0.ob_fval
    }
}

#[cold]
fn zero_division() -> Raised {
    raise!(ZeroDivisionError, "division by zero")
}

/// An operand of float arithmetic: a float or an int; None is NotImplemented.
#[inline(always)]
pub fn operand(o: &Object) -> PyResult<Option<f64>> {
    if let Some(f) = o.downcast_exact::<Float>() {
        return Ok(Some(f.value()));
    }
    if let Some(i) = o.downcast::<Int>() {
        return i.to_f64().map(Some);
    }
    Ok(o.downcast::<Float>().map(Float::value))
}

/// `a / b`.
#[inline]
pub fn div(a: f64, b: f64) -> PyResult<f64> {
    if b == 0.0 {
        return Err(zero_division());
    }
    Ok(a / b)
}

/// `a % b`: the sign of the result is that of `b`.
#[inline]
pub fn modulo(a: f64, b: f64) -> PyResult<f64> {
    if b == 0.0 {
        return Err(zero_division());
    }
    let m = c::fmod(a, b);
    Ok(if m == 0.0 {
        f64::copysign(0.0, b)
    } else if (b < 0.0) != (m < 0.0) {
        m + b
    } else {
        m
    })
}

/// `divmod(a, b)`.
pub fn div_mod(a: f64, b: f64) -> PyResult<(f64, f64)> {
    if b == 0.0 {
        return Err(zero_division());
    }
    let mut m = c::fmod(a, b);
    let mut d = (a - m) / b;
    if m == 0.0 {
        m = f64::copysign(0.0, b);
    } else if (b < 0.0) != (m < 0.0) {
        m += b;
        d -= 1.0;
    }
    let q = if d == 0.0 {
        f64::copysign(0.0, a / b)
    } else {
        let f = d.floor();
        if d - f > 0.5 { f + 1.0 } else { f }
    };
    Ok((q, m))
}

/// What `a ** b` is.
pub enum Power {
    Real(f64),
    /// A negative number to a fractional power: complex arithmetic has the answer.
    Complex,
}

/// `a ** b`.
pub fn power(a: f64, b: f64) -> PyResult<Power> {
    use Power::Real;
    if b == 0.0 || a == 1.0 {
        return Ok(Real(1.0));
    }
    if a.is_nan() || b.is_nan() {
        return Ok(Real(f64::NAN));
    }
    if b.is_infinite() {
        let m = a.abs();
        return Ok(Real(if m == 1.0 {
            1.0
        } else if (b > 0.0) == (m > 1.0) {
            f64::INFINITY
        } else {
            0.0
        }));
    }
    let odd = || c::fmod(b.abs(), 2.0) == 1.0;
    if a.is_infinite() {
        let m: f64 = if b > 0.0 { f64::INFINITY } else { 0.0 };
        return Ok(Real(if odd() { m.copysign(a) } else { m }));
    }
    if a == 0.0 {
        if b < 0.0 {
            return Err(raise!(ZeroDivisionError, "zero to a negative power"));
        }
        return Ok(Real(if odd() { a } else { 0.0 }));
    }
    if a < 0.0 && b != b.floor() {
        return Ok(Power::Complex);
    }
    if a == -1.0 {
        return Ok(Real(if odd() { -1.0 } else { 1.0 }));
    }
    let r = c::pow(a, b);
    if r.is_infinite() {
        return Err(overflow_error());
    }
    Ok(Real(r))
}

/// `OverflowError(34, "Numerical result out of range")`, what C's ERANGE becomes.
#[cold]
pub fn overflow_error() -> Raised {
    let make = || -> PyResult<Ref<crate::objects::Tuple>> {
        let code = Int::from_i64(34)?;
        let text = crate::objects::Str::new("Numerical result out of range")?;
        crate::objects::Tuple::from_slice(&[&**code, &**text])
    };
    match make() {
        Ok(args) => crate::error::raise_object(crate::error::exc::OverflowError(), &args),
        Err(e) => e,
    }
}

/// `hash(float)` of a number; None for a NaN, whose hash is its identity.
pub fn hash_f64(v: f64) -> Option<isize> {
    const P: u64 = (1 << 61) - 1;
    if !v.is_finite() {
        return if v.is_nan() { None } else { Some(if v > 0.0 { 314159 } else { -314159 }) };
    }
    if v == v.trunc() && v.abs() < (1u64 << 60) as f64 {
        let h = v as isize;
        return Some(if h == -1 { -2 } else { h });
    }
    let (m, e) = frexp(v.abs());
    // 53 bits of mantissa, then times 2**(e - 53) modulo P: a rotation by the exponent modulo 61.
    let mant = (m * (1u64 << 53) as f64) as u64 % P;
    let rot = (e - 53).rem_euclid(61) as u32;
    let h = if rot == 0 { mant } else { (mant << rot & P) | mant >> (61 - rot) };
    let h = if v < 0.0 { -(h as isize) } else { h as isize };
    Some(if h == -1 { -2 } else { h })
}

/// `round(v, ndigits)`: correctly rounded, ties to even.
pub fn round_digits(v: f64, ndigits: i64) -> PyResult<f64> {
    if !v.is_finite() || v == 0.0 {
        return Ok(v);
    }
    // Beyond these the value is already round, or rounds to zero.
    if ndigits > 323 {
        return Ok(v);
    }
    if ndigits < -308 {
        return Ok(f64::copysign(0.0, v));
    }
    let r = if ndigits >= 0 {
        format!("{:.*}", ndigits as usize, v).parse().unwrap_or(v)
    } else {
        let drop = (-ndigits) as usize;
        let int = v.abs().trunc();
        let mut digits = format!("{int:.0}").into_bytes();
        if digits.len() < drop {
            return Ok(f64::copysign(0.0, v));
        }
        let cut = digits.len() - drop;
        let tail = &digits[cut..];
        let rest_zero = tail[1..].iter().all(|d| *d == b'0') && v.abs() == int;
        let odd = cut > 0 && digits[cut - 1] & 1 == 1;
        let up = tail[0] > b'5' || tail[0] == b'5' && (!rest_zero || odd);
        digits.truncate(cut);
        if up {
            let mut i = cut;
            loop {
                if i == 0 {
                    digits.insert(0, b'1');
                    break;
                }
                i -= 1;
                if digits[i] != b'9' {
                    digits[i] += 1;
                    break;
                }
                digits[i] = b'0';
            }
        }
        let text =
            format!("{}e{}", if digits.is_empty() { "0" } else { core::str::from_utf8(&digits).unwrap_or("0") }, drop);
        f64::copysign(text.parse().unwrap_or(v.abs()), v)
    };
    if r.is_infinite() {
        return Err(raise!(OverflowError, "rounded value too large to represent"));
    }
    Ok(r)
}

/// `round(v)` as a float: half to even.
#[inline]
pub fn round_half_even(v: f64) -> f64 {
    v.round_ties_even()
}

/// `float.as_integer_ratio()`.
pub fn integer_ratio(v: f64) -> PyResult<(Ref<Int>, Ref<Int>)> {
    if v.is_nan() {
        return Err(raise!(ValueError, "cannot convert NaN to integer ratio"));
    }
    if v.is_infinite() {
        return Err(raise!(OverflowError, "cannot convert Infinity to integer ratio"));
    }
    let (m, e) = frexp(v);
    let mut n = (m * (1u64 << 53) as f64) as i64;
    let mut e = e - 53;
    if n == 0 {
        return Ok((Int::from_i64(0)?, Int::from_i64(1)?));
    }
    let z = n.trailing_zeros() as i32;
    if e < 0 {
        let z = z.min(-e);
        n >>= z;
        e += z;
    }
    let num = Int::from_i64(n)?;
    if e >= 0 {
        Ok((num.shl(e as usize)?, Int::from_i64(1)?))
    } else {
        Ok((num, Int::from_i64(1)?.shl((-e) as usize)?))
    }
}
