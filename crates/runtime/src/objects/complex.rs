//! `complex`: C99 Annex G arithmetic, mixed operations with real numbers, parsing.

use crate::convert::{Arg, FuncArgs};
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::float::{decimal_to_ascii, hash_f64, text};
use crate::objects::long::ZEROED_TYPE;
use crate::objects::{Bool, Float, Int, Str, Tuple, not_implemented};
use crate::typeobject::CompareOp;
use crate::{intern, py_layout, raise};
use macros::pyclass;

/// A `complex`.
#[repr(transparent)]
pub struct Complex(pub abi::PyComplexObject);
py_layout!(Complex, crate::objects::complex::PyComplex_Type);

/// The type `complex`.
#[unsafe(no_mangle)]
pub static mut PyComplex_Type: Type = ZEROED_TYPE;

/// Real and imaginary part.
pub type Pair = (f64, f64);

impl Complex {
    /// A new complex.
    pub fn new(real: f64, imag: f64) -> PyResult<Ref<Complex>> {
        Self::new_in(Complex::type_object(), (real, imag))
    }

    fn new_in(cls: &Type, v: Pair) -> PyResult<Ref<Complex>> {
        let c: Ref<Complex> = crate::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*c.as_raw()).0.cval = abi::Py_complex { real: v.0, imag: v.1 } };
        Ok(c)
    }

    #[inline(always)]
    pub fn real(&self) -> f64 {
        self.0.cval.real
    }

    #[inline(always)]
    pub fn imag(&self) -> f64 {
        self.0.cval.imag
    }

    /// Both parts.
    #[inline(always)]
    pub fn value(&self) -> Pair {
        (self.0.cval.real, self.0.cval.imag)
    }
}

/// An operand: a real number keeps its imaginary part absent, which matters for signed zeros and infinities.
#[derive(Clone, Copy)]
enum Operand {
    Real(f64),
    Complex(Pair),
}
use Operand::Real;

fn operand(o: &Object) -> PyResult<Option<Operand>> {
    if let Some(c) = o.downcast::<Complex>() {
        return Ok(Some(Operand::Complex(c.value())));
    }
    Ok(crate::objects::float::operand(o)?.map(Real))
}

fn unit(x: f64) -> f64 {
    f64::copysign(if x.is_infinite() { 1.0 } else { 0.0 }, x)
}

fn nan_to_zero(x: f64) -> f64 {
    if x.is_nan() { f64::copysign(0.0, x) } else { x }
}

/// The product, with infinities recovered from NaNs as C99 Annex G tells.
pub fn mul(x: Pair, y: Pair) -> Pair {
    let ((mut a, mut b), (mut c, mut d)) = (x, y);
    let (ac, bd, ad, bc) = (a * c, b * d, a * d, b * c);
    let r = (ac - bd, ad + bc);
    if !(r.0.is_nan() && r.1.is_nan()) {
        return r;
    }
    let mut recalc = false;
    if a.is_infinite() || b.is_infinite() {
        (a, b, c, d) = (unit(a), unit(b), nan_to_zero(c), nan_to_zero(d));
        recalc = true;
    }
    if c.is_infinite() || d.is_infinite() {
        (c, d, a, b) = (unit(c), unit(d), nan_to_zero(a), nan_to_zero(b));
        recalc = true;
    }
    if !recalc && [ac, bd, ad, bc].iter().any(|v| v.is_infinite()) {
        (a, b, c, d) = (nan_to_zero(a), nan_to_zero(b), nan_to_zero(c), nan_to_zero(d));
        recalc = true;
    }
    if recalc { (f64::INFINITY * (a * c - b * d), f64::INFINITY * (a * d + b * c)) } else { r }
}

/// The quotient by Smith's method; None for a zero divisor.
pub fn quot(x: Pair, y: Pair) -> Option<Pair> {
    let ((a, b), (c, d)) = (x, y);
    let mut r = if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denom = c + d * ratio;
        ((a + b * ratio) / denom, (b - a * ratio) / denom)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denom = c * ratio + d;
        ((a * ratio + b) / denom, (b * ratio - a) / denom)
    } else {
        (f64::NAN, f64::NAN)
    };
    if r.0.is_nan() && r.1.is_nan() {
        if (a.is_infinite() || b.is_infinite()) && c.is_finite() && d.is_finite() {
            let (p, q) = (unit(a), unit(b));
            r = (f64::INFINITY * (p * c + q * d), f64::INFINITY * (q * c - p * d));
        } else if (c.is_infinite() || d.is_infinite()) && a.is_finite() && b.is_finite() {
            let (p, q) = (unit(c), unit(d));
            r = (0.0 * (a * p + b * q), 0.0 * (b * p - a * q));
        }
    }
    Some(r)
}

/// A real number divided by a complex one.
fn real_quot(a: f64, y: Pair) -> Option<Pair> {
    let (c, d) = y;
    let mut r = if c.abs() >= d.abs() {
        if c == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denom = c + d * ratio;
        (a / denom, -a * ratio / denom)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denom = c * ratio + d;
        (a * ratio / denom, -a / denom)
    } else {
        (f64::NAN, f64::NAN)
    };
    if r.0.is_nan() && r.1.is_nan() && (c.is_infinite() || d.is_infinite()) && a.is_finite() {
        r = (0.0 * (a * unit(c)), 0.0 * (-a * unit(d)));
    }
    Some(r)
}

/// `x ** y`.
pub fn pow(x: Pair, y: Pair) -> PyResult<Ref<Complex>> {
    let r = raw_pow(x, y).ok_or_else(|| raise!(ZeroDivisionError, "zero to a negative or complex power"))?;
    if r.0.is_infinite() || r.1.is_infinite() {
        return Err(raise!(OverflowError, "complex exponentiation"));
    }
    Complex::new(r.0, r.1)
}

/// `x ** y`, infinite where it is too large; None for zero to a negative or complex power.
pub fn raw_pow(x: Pair, y: Pair) -> Option<Pair> {
    let r = if y.1 == 0.0 && y.0 == y.0.floor() && y.0.abs() <= 100.0 {
        let n = y.0 as i32;
        let (mut acc, mut p, mut k) = ((1.0, 0.0), x, n.unsigned_abs());
        while k > 0 {
            if k & 1 == 1 {
                acc = mul(acc, p);
            }
            k >>= 1;
            if k > 0 {
                p = mul(p, p);
            }
        }
        if n >= 0 { acc } else { quot((1.0, 0.0), acc)? }
    } else if x == (0.0, 0.0) {
        if y.1 != 0.0 || y.0 < 0.0 {
            return None;
        }
        (0.0, 0.0)
    } else {
        let abs = x.0.hypot(x.1);
        let at = x.1.atan2(x.0);
        let (mut len, mut phase) = (abs.powf(y.0), at * y.0);
        if y.1 != 0.0 {
            len *= (-at * y.1).exp();
            phase += y.1 * abs.ln();
        }
        (len * phase.cos(), len * phase.sin())
    };
    Some(r)
}

/// Parses what `complex(text)` accepts, in ASCII.
pub fn parse(text: &[u8]) -> Option<Pair> {
    let blank = |c: &u8| matches!(c, b' ' | b'\t'..=b'\r' | 0x1c..=0x1f);
    let trim = |mut s: Vec<u8>| {
        while s.last().is_some_and(|c| blank(c)) {
            s.pop();
        }
        let lead = s.iter().take_while(|c| blank(c)).count();
        s.drain(..lead);
        s
    };
    let mut s = trim(text::strip_underscores(text)?);
    if s.first() == Some(&b'(') {
        if s.last() != Some(&b')') || s.len() < 2 {
            return None;
        }
        s.pop();
        s.remove(0);
        s = trim(s);
    }
    let is_j = |c: Option<&u8>| matches!(c, Some(b'j' | b'J'));
    // A bare sign in front of j means one.
    let unit_imag = |s: &[u8]| match s {
        [b'+', j] if is_j(Some(j)) => Some(1.0),
        [b'-', j] if is_j(Some(j)) => Some(-1.0),
        [j] if is_j(Some(j)) => Some(1.0),
        _ => None,
    };
    if let Some(v) = unit_imag(&s) {
        return Some((0.0, v));
    }
    let (first, n) = text::parse_prefix(&s)?;
    let rest = &s[n..];
    match rest {
        [] => Some((first, 0.0)),
        [j] if is_j(Some(j)) => Some((0.0, first)),
        [b'+' | b'-', ..] => {
            if let Some(v) = unit_imag(rest) {
                return Some((first, v));
            }
            let (second, m) = text::parse_prefix(rest)?;
            if m + 1 == rest.len() && is_j(rest.last()) { Some((first, second)) } else { None }
        }
        _ => None,
    }
}

fn from_str(s: &Str) -> PyResult<Pair> {
    let parsed = match s.as_ascii() {
        Some(a) => parse(a.as_bytes()),
        None => parse(decimal_to_ascii(s).as_bytes()),
    };
    parsed.ok_or_else(|| raise!(ValueError, "complex() arg is a malformed string"))
}

/// What `__complex__` gives, if the type has it.
fn special_complex(o: &Object) -> PyResult<Option<Pair>> {
    if let Some(c) = o.downcast_exact::<Complex>() {
        return Ok(Some(c.value()));
    }
    let Some(f) = o.lookup_special(intern!("__complex__"))? else { return Ok(None) };
    let r = f.call0()?;
    let Some(c) = r.downcast::<Complex>() else {
        return Err(raise!(
            TypeError,
            "{}.__complex__() must return a complex, not {}",
            o.ty().name_str(),
            r.ty().name_str()
        ));
    };
    if r.downcast_exact::<Complex>().is_none() {
        crate::error::warn(
            crate::error::exc::DeprecationWarning(),
            &format!(
                "{}.__complex__() must return a complex, not {}.  The ability to return an instance of a strict subclass of complex is deprecated, and may not be supported in a future version of Python.",
                o.ty().name_str(),
                r.ty().name_str()
            ),
            1,
        )?;
    }
    Ok(Some(c.value()))
}

/// The value of a number as a complex (`PyComplex_AsCComplex`).
pub fn as_complex(o: &Object) -> PyResult<Pair> {
    if let Some(c) = o.downcast::<Complex>() {
        return Ok(c.value());
    }
    match special_complex(o)? {
        Some(v) => Ok(v),
        None => Ok((crate::objects::float::as_f64(o)?, 0.0)),
    }
}

fn bad_part(part: &str, o: &Object) -> crate::error::Raised {
    raise!(TypeError, "complex() argument '{}' must be a real number, not {}", part, o.ty().name_str())
}

fn warn_part(part: &str, o: &Object) -> PyResult<()> {
    crate::error::warn(
        crate::error::exc::DeprecationWarning(),
        &format!("complex() argument '{}' must be a real number, not {}", part, o.ty().name_str()),
        1,
    )
}

fn construct(cls: &Type, real: Option<&Object>, imag: Option<&Object>, by_name: bool) -> PyResult<PyRef> {
    let exact = core::ptr::eq(cls, Complex::type_object());
    let value = match (real, imag) {
        (None, None) => (0.0, 0.0),
        (Some(x), None) if !by_name => {
            if exact && x.downcast_exact::<Complex>().is_some() {
                return Ok(x.to_ref());
            }
            if let Some(s) = x.downcast::<Str>() {
                from_str(s)?
            } else if let Some(v) = special_complex(x)? {
                v
            } else {
                match crate::objects::float::real_number(x)? {
                    Some(v) => (v, 0.0),
                    None => {
                        return Err(raise!(
                            TypeError,
                            "complex() argument must be a string or a number, not {}",
                            x.ty().name_str()
                        ));
                    }
                }
            }
        }
        (real, imag) => {
            let (mut re, mut re_imag) = (0.0, None);
            if let Some(x) = real {
                match special_complex(x)? {
                    Some(v) => {
                        warn_part("real", x)?;
                        (re, re_imag) = (v.0, Some(v.1));
                    }
                    None => re = crate::objects::float::real_number(x)?.ok_or_else(|| bad_part("real", x))?,
                }
            }
            let mut im = 0.0;
            if let Some(y) = imag {
                if let Some(c) = y.downcast::<Complex>() {
                    warn_part("imag", y)?;
                    re -= c.imag();
                    im = c.real();
                } else {
                    im = crate::objects::float::real_number(y)?.ok_or_else(|| bad_part("imag", y))?;
                }
            }
            (re, if let Some(i) = re_imag { im + i } else { im })
        }
    };
    Ok(Complex::new_in(cls, value)?.upcast())
}

macro_rules! operands {
    ($a:ident, $b:ident) => {
        let Some($a) = operand($a)? else { return Ok(not_implemented().to_ref()) };
        let Some($b) = operand($b)? else { return Ok(not_implemented().to_ref()) };
    };
}

fn make(v: Pair) -> PyResult<PyRef> {
    Ok(Complex::new(v.0, v.1)?.upcast())
}

fn part(v: f64, sign: bool) -> String {
    let flags = if sign { crate::format::float_flags::SIGN } else { 0 };
    crate::format::format_float(v, b'r', 0, flags)
}

#[pyclass(name = "complex", type_object = PyComplex_Type, flags = "BASETYPE", members = "real: double@0.cval.real readonly; imag: double@0.cval.imag readonly",
    doc = "complex(real=0, imag=0)\n--\n\nCreate a complex number from a string or numbers.\n\nA single string is parsed; two numbers are the real and the imaginary part.")]
impl Complex {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.len() > 2 {
            return Err(raise!(
                TypeError,
                "complex() takes at most 2 arguments ({} given)",
                args.len() + args.kwnames.len()
            ));
        }
        let mut parts = [args.get(0), args.get(1)];
        for (k, v) in args.keywords() {
            let i = k.downcast::<Str>().and_then(|k| ["real", "imag"].iter().position(|n| k.eq_str(n)));
            match i {
                Some(i) if parts[i].is_none() => parts[i] = Some(v),
                Some(i) => {
                    return Err(raise!(
                        TypeError,
                        "argument for complex() given by name ('{}') and position ({})",
                        ["real", "imag"][i],
                        i + 1
                    ));
                }
                None => {
                    return Err(raise!(
                        TypeError,
                        "complex() got an unexpected keyword argument '{}'",
                        k.str()?.to_string_lossy()
                    ));
                }
            }
        }
        construct(cls, parts[0], parts[1], args.len() == 0)
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let (re, im) = self.value();
        if re == 0.0 && re.is_sign_positive() {
            return Str::format(format_args!("{}j", part(im, false)));
        }
        Str::format(format_args!("({}{}j)", part(re, false), part(im, true)))
    }

    #[slot]
    fn tp_hash(&self) -> isize {
        let h = |v: f64| hash_f64(v).unwrap_or_else(|| crate::pyhash::hash_pointer(self.as_ptr()));
        let (re, im) = (h(self.real()), h(self.imag()));
        re.wrapping_add(im.wrapping_mul(crate::pyhash::IMAG))
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented().to_ref());
        }
        let (re, im) = self.value();
        let equal = if let Some(c) = other.downcast::<Complex>() {
            (re, im) == c.value()
        } else if let Some(f) = other.downcast::<Float>() {
            re == f.value() && im == 0.0
        } else if let Some(i) = Int::of(other) {
            im == 0.0 && i.compare_f64(re) == Some(core::cmp::Ordering::Equal)
        } else {
            return Ok(not_implemented().to_ref());
        };
        Ok(Bool::of(equal == (op == CompareOp::Eq)).to_ref())
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        operands!(a, b);
        make(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => (a.0 + b.0, a.1 + b.1),
            (Operand::Complex(a), Real(b)) | (Real(b), Operand::Complex(a)) => (a.0 + b, a.1),
            (Real(a), Real(b)) => (a + b, 0.0),
        })
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        operands!(a, b);
        make(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => (a.0 - b.0, a.1 - b.1),
            (Operand::Complex(a), Real(b)) => (a.0 - b, a.1),
            (Real(a), Operand::Complex(b)) => (a - b.0, -b.1),
            (Real(a), Real(b)) => (a - b, 0.0),
        })
    }

    #[slot]
    fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> {
        operands!(a, b);
        make(match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => mul(a, b),
            (Operand::Complex(a), Real(b)) | (Real(b), Operand::Complex(a)) => (a.0 * b, a.1 * b),
            (Real(a), Real(b)) => (a * b, 0.0),
        })
    }

    #[slot]
    fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        operands!(a, b);
        let r = match (a, b) {
            (Operand::Complex(a), Operand::Complex(b)) => quot(a, b),
            (Operand::Complex(_), Real(0.0)) => None,
            (Operand::Complex(a), Real(b)) => Some((a.0 / b, a.1 / b)),
            (Real(a), Operand::Complex(b)) => real_quot(a, b),
            (Real(a), Real(b)) => quot((a, 0.0), (b, 0.0)),
        };
        make(r.ok_or_else(|| raise!(ZeroDivisionError, "division by zero"))?)
    }

    #[slot]
    fn nb_power(a: &Object, b: &Object, c: &Object) -> PyResult<PyRef> {
        operands!(a, b);
        if !c.is_none() {
            return Err(raise!(ValueError, "complex modulo"));
        }
        let pair = |o| match o {
            Real(v) => (v, 0.0),
            Operand::Complex(v) => v,
        };
        Ok(pow(pair(a), pair(b))?.upcast())
    }

    #[slot]
    fn nb_negative(&self) -> PyResult<Ref<Complex>> {
        Complex::new(-self.real(), -self.imag())
    }

    #[slot]
    fn nb_positive(&self) -> PyResult<Ref<Complex>> {
        if self.downcast_exact::<Complex>().is_some() {
            Ok(Ref::new_ref(self))
        } else {
            Complex::new(self.real(), self.imag())
        }
    }

    #[slot]
    fn nb_absolute(&self) -> PyResult<Ref<Float>> {
        let (re, im) = self.value();
        let r = re.hypot(im);
        if r.is_infinite() && re.is_finite() && im.is_finite() {
            return Err(raise!(OverflowError, "absolute value too large"));
        }
        Float::new(r)
    }

    #[slot]
    fn nb_bool(&self) -> bool {
        self.value() != (0.0, 0.0)
    }

    /// Convert number to a complex floating-point number.
    #[pyclassmethod(sig = "number, /")]
    fn from_number(cls: &Type, number: &Object) -> PyResult<PyRef> {
        if core::ptr::eq(cls, Complex::type_object()) && number.downcast_exact::<Complex>().is_some() {
            return Ok(number.to_ref());
        }
        let v = as_complex(number)?;
        let c = Complex::new(v.0, v.1)?;
        if core::ptr::eq(cls, Complex::type_object()) { Ok(c.upcast()) } else { cls.call1(&c) }
    }

    /// Return the complex conjugate of its argument. (3-4j).conjugate() == 3+4j.
    #[pymethod]
    fn conjugate(&self) -> PyResult<Ref<Complex>> {
        Complex::new(self.real(), -self.imag())
    }

    /// Convert this value to exact type complex.
    #[pymethod(name = "__complex__")]
    fn complex(&self) -> PyResult<Ref<Complex>> {
        self.nb_positive()
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![Float::new(self.real())?.upcast(), Float::new(self.imag())?.upcast()])?.upcast())
    }

    /// Convert to a string according to format_spec.
    #[pymethod(name = "__format__", sig = "format_spec, /")]
    fn format_(&self, format_spec: Arg<&Object>) -> PyResult<Ref<Str>> {
        let Arg::Given(format_spec) = format_spec else { return self.str() };
        let Some(spec) = format_spec.downcast::<Str>() else {
            return Err(raise!(TypeError, "__format__() argument must be str, not {}", format_spec.ty().name_str()));
        };
        if spec.len() == 0 {
            return self.str();
        }
        crate::format::format_complex_spec(self.real(), self.imag(), spec)
    }
}
