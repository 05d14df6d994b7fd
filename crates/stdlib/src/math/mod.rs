//! `math`: real functions through the C library's libm (the results users know), integer functions through `int`'s kernels.
//!
//! `sums` has the accurate sums and norms, `integer` the combinatorial functions.

mod integer;
mod sums;

use macros::pymodule;

/// libm.
pub(crate) mod c {
    unsafe extern "C" {
        pub safe fn acos(x: f64) -> f64;
        pub safe fn acosh(x: f64) -> f64;
        pub safe fn asin(x: f64) -> f64;
        pub safe fn asinh(x: f64) -> f64;
        pub safe fn atan(x: f64) -> f64;
        pub safe fn atan2(y: f64, x: f64) -> f64;
        pub safe fn atanh(x: f64) -> f64;
        pub safe fn cbrt(x: f64) -> f64;
        pub safe fn cos(x: f64) -> f64;
        pub safe fn cosh(x: f64) -> f64;
        pub safe fn erf(x: f64) -> f64;
        pub safe fn erfc(x: f64) -> f64;
        pub safe fn exp(x: f64) -> f64;
        pub safe fn exp2(x: f64) -> f64;
        pub safe fn expm1(x: f64) -> f64;
        pub safe fn fma(x: f64, y: f64, z: f64) -> f64;
        pub safe fn fmod(x: f64, y: f64) -> f64;
        pub safe fn hypot(x: f64, y: f64) -> f64;
        pub safe fn lgamma_r(x: f64, sign: &mut i32) -> f64;
        pub safe fn log(x: f64) -> f64;
        pub safe fn log10(x: f64) -> f64;
        pub safe fn log1p(x: f64) -> f64;
        pub safe fn log2(x: f64) -> f64;
        pub safe fn nextafter(x: f64, y: f64) -> f64;
        pub safe fn pow(x: f64, y: f64) -> f64;
        pub safe fn remainder(x: f64, y: f64) -> f64;
        pub safe fn sin(x: f64) -> f64;
        pub safe fn sinh(x: f64) -> f64;
        pub safe fn tan(x: f64) -> f64;
        pub safe fn tanh(x: f64) -> f64;
        pub safe fn tgamma(x: f64) -> f64;
    }
}

/// This module provides access to the mathematical functions
/// defined by the C standard.
#[pymodule(name = "math")]
pub mod math {
    use super::{c, integer, sums};
    use runtime::convert::{Arg, FuncArgs, check_positional};
    use runtime::objects::float::{frexp as split, ldexp as scale};
    use runtime::objects::long::number_index;
    use runtime::prelude::*;

    #[pyattr]
    fn pi() -> f64 {
        std::f64::consts::PI
    }
    #[pyattr]
    fn e() -> f64 {
        std::f64::consts::E
    }
    #[pyattr]
    fn tau() -> f64 {
        std::f64::consts::TAU
    }
    #[pyattr]
    fn inf() -> f64 {
        f64::INFINITY
    }
    #[pyattr]
    fn nan() -> f64 {
        f64::NAN
    }

    fn domain() -> Raised {
        raise!(ValueError, "math domain error")
    }
    fn range() -> Raised {
        raise!(OverflowError, "math range error")
    }
    fn shown(x: f64) -> String {
        runtime::format::float_repr(x)
    }

    /// A result outside the function's domain or range raises; `hint` is the domain in words.
    #[inline(always)]
    fn check(x: f64, r: f64, can_overflow: bool, hint: &str) -> PyResult<f64> {
        if r.is_nan() && !x.is_nan() {
            return Err(raise!(ValueError, "{}, got {}", hint, shown(x)));
        }
        if r.is_infinite() && x.is_finite() {
            return Err(if can_overflow { range() } else { raise!(ValueError, "{}, got {}", hint, shown(x)) });
        }
        Ok(r)
    }

    const FINITE: &str = "expected a finite input";
    const UNIT: &str = "expected a number in range from -1 up to 1";

    /// Return the arc cosine (measured in radians) of x.
    ///
    /// The result is between 0 and pi.
    #[pyfunction]
    fn acos(x: f64) -> PyResult<f64> {
        check(x, c::acos(x), false, UNIT)
    }
    /// Return the inverse hyperbolic cosine of x.
    #[pyfunction]
    fn acosh(x: f64) -> PyResult<f64> {
        check(x, c::acosh(x), false, "expected argument value not less than 1")
    }
    /// Return the arc sine (measured in radians) of x.
    ///
    /// The result is between -pi/2 and pi/2.
    #[pyfunction]
    fn asin(x: f64) -> PyResult<f64> {
        check(x, c::asin(x), false, UNIT)
    }
    /// Return the inverse hyperbolic sine of x.
    #[pyfunction]
    fn asinh(x: f64) -> PyResult<f64> {
        check(x, c::asinh(x), false, FINITE)
    }
    /// Return the arc tangent (measured in radians) of x.
    ///
    /// The result is between -pi/2 and pi/2.
    #[pyfunction]
    fn atan(x: f64) -> PyResult<f64> {
        check(x, c::atan(x), false, FINITE)
    }
    /// Return the arc tangent (measured in radians) of y/x.
    ///
    /// Unlike atan(y/x), the signs of both x and y are considered.
    #[pyfunction]
    fn atan2(y: f64, x: f64) -> f64 {
        c::atan2(y, x)
    }
    /// Return the inverse hyperbolic tangent of x.
    #[pyfunction]
    fn atanh(x: f64) -> PyResult<f64> {
        check(x, c::atanh(x), false, "expected a number between -1 and 1")
    }
    /// Return the cube root of x.
    #[pyfunction]
    fn cbrt(x: f64) -> PyResult<f64> {
        check(x, c::cbrt(x), false, FINITE)
    }
    /// Return a float with the magnitude (absolute value) of x but the sign of y.
    ///
    /// On platforms that support signed zeros, copysign(1.0, -0.0)
    /// returns -1.0.
    #[pyfunction]
    fn copysign(x: f64, y: f64) -> f64 {
        x.copysign(y)
    }
    /// Return the cosine of x (measured in radians).
    #[pyfunction]
    fn cos(x: f64) -> PyResult<f64> {
        check(x, c::cos(x), false, FINITE)
    }
    /// Return the hyperbolic cosine of x.
    #[pyfunction]
    fn cosh(x: f64) -> PyResult<f64> {
        check(x, c::cosh(x), true, FINITE)
    }
    /// Convert angle x from radians to degrees.
    #[pyfunction]
    fn degrees(x: f64) -> f64 {
        x * (180.0 / std::f64::consts::PI)
    }
    /// Error function at x.
    #[pyfunction]
    fn erf(x: f64) -> f64 {
        c::erf(x)
    }
    /// Complementary error function at x.
    #[pyfunction]
    fn erfc(x: f64) -> f64 {
        c::erfc(x)
    }
    /// Return e raised to the power of x.
    #[pyfunction]
    fn exp(x: f64) -> PyResult<f64> {
        check(x, c::exp(x), true, FINITE)
    }
    /// Return 2 raised to the power of x.
    #[pyfunction]
    fn exp2(x: f64) -> PyResult<f64> {
        check(x, c::exp2(x), true, FINITE)
    }
    /// Return exp(x)-1.
    ///
    /// This function avoids the loss of precision involved in the direct evaluation of exp(x)-1 for small x.
    #[pyfunction]
    fn expm1(x: f64) -> PyResult<f64> {
        check(x, c::expm1(x), true, FINITE)
    }
    /// Return the absolute value of the float x.
    #[pyfunction]
    fn fabs(x: f64) -> f64 {
        x.abs()
    }
    /// Fused multiply-add operation.
    ///
    /// Compute (x * y) + z with a single round.
    #[pyfunction]
    fn fma(x: f64, y: f64, z: f64) -> PyResult<f64> {
        let r = c::fma(x, y, z);
        if r.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
            return Err(raise!(ValueError, "invalid operation in fma"));
        }
        if r.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
            return Err(raise!(OverflowError, "overflow in fma"));
        }
        Ok(r)
    }
    /// Return fmod(x, y), according to platform C.
    ///
    /// x % y may differ.
    #[pyfunction]
    fn fmod(x: f64, y: f64) -> PyResult<f64> {
        if y.is_infinite() && x.is_finite() {
            return Ok(x);
        }
        let r = c::fmod(x, y);
        if r.is_nan() && !x.is_nan() && !y.is_nan() { Err(domain()) } else { Ok(r) }
    }
    /// Return the mantissa and exponent of x, as pair (m, e).
    ///
    /// m is a float and e is an int, such that x = m * 2.**e.
    /// If x is 0, m and e are both 0.  Else 0.5 <= abs(m) < 1.0.
    #[pyfunction]
    fn frexp(x: f64) -> (f64, i32) {
        if x == 0.0 || !x.is_finite() { (x, 0) } else { split(x) }
    }
    /// Return x * (2**i).
    ///
    /// This is essentially the inverse of frexp().
    #[pyfunction]
    fn ldexp(x: f64, i: &Object) -> PyResult<f64> {
        let Some(i) = i.downcast::<Int>() else {
            return Err(raise!(TypeError, "Expected an int as second argument to ldexp."));
        };
        if x == 0.0 || !x.is_finite() {
            return Ok(x);
        }
        let n = i.try_i64().unwrap_or(if i.is_negative() { i64::MIN } else { i64::MAX });
        if n > i32::MAX as i64 {
            return Err(range());
        }
        if n < i32::MIN as i64 {
            return Ok(f64::copysign(0.0, x));
        }
        let r = scale(x, n as i32);
        if r.is_infinite() { Err(range()) } else { Ok(r) }
    }
    /// Gamma function at x.
    #[pyfunction]
    fn gamma(x: f64) -> PyResult<f64> {
        const HINT: &str = "expected a noninteger or positive integer";
        if x == f64::NEG_INFINITY || x == 0.0 || (x < 0.0 && x == x.floor()) {
            return Err(raise!(ValueError, "{}, got {}", HINT, shown(x)));
        }
        // Small integers are exact.
        if x == x.floor() && x <= 23.0 {
            return Ok((1..x as u64).fold(1.0, |r, i| r * i as f64));
        }
        check(x, c::tgamma(x), true, HINT)
    }
    /// Natural logarithm of absolute value of Gamma function at x.
    #[pyfunction]
    fn lgamma(x: f64) -> PyResult<f64> {
        if x.is_infinite() {
            return Ok(f64::INFINITY);
        }
        if x == x.floor() && x <= 2.0 {
            if x <= 0.0 {
                return Err(raise!(ValueError, "expected a noninteger or positive integer, got {}", shown(x)));
            }
            return Ok(0.0);
        }
        let r = c::lgamma_r(x, &mut 0);
        if r.is_infinite() { Err(range()) } else { Ok(r) }
    }
    /// Return True if x is neither an infinity nor a NaN, and False otherwise.
    #[pyfunction]
    fn isfinite(x: f64) -> bool {
        x.is_finite()
    }
    /// Return True if x is a positive or negative infinity, and False otherwise.
    #[pyfunction]
    fn isinf(x: f64) -> bool {
        x.is_infinite()
    }
    /// Return True if x is a NaN (not a number), and False otherwise.
    #[pyfunction]
    fn isnan(x: f64) -> bool {
        x.is_nan()
    }
    /// Determine whether two floating-point numbers are close in value.
    ///
    ///   rel_tol
    ///     maximum difference for being considered "close", relative to the
    ///     magnitude of the input values
    ///   abs_tol
    ///     maximum difference for being considered "close", regardless of the
    ///     magnitude of the input values
    ///
    /// -inf, inf and NaN behave similarly to the IEEE 754 Standard. That
    /// is, NaN is not close to anything, even itself. inf and -inf are
    /// only close to themselves.
    #[pyfunction(sig = "a, b, *, rel_tol=1e-09, abs_tol=0.0")]
    fn isclose(a: f64, b: f64, rel_tol: Arg<f64>, abs_tol: Arg<f64>) -> PyResult<bool> {
        let (rel, abs) = (rel_tol.unwrap_or(1e-9), abs_tol.unwrap_or(0.0));
        if rel < 0.0 || abs < 0.0 {
            return Err(raise!(ValueError, "tolerances must be non-negative"));
        }
        if a == b {
            return Ok(true);
        }
        if a.is_infinite() || b.is_infinite() {
            return Ok(false);
        }
        let diff = (b - a).abs();
        Ok(diff <= (rel * b).abs() || diff <= (rel * a).abs() || diff <= abs)
    }

    /// A logarithm of any real number: ints of any size.
    fn log_of(x: &Object, f: extern "C" fn(f64) -> f64, per_two: f64) -> PyResult<f64> {
        if let Some(i) = x.downcast::<Int>() {
            if i.sign() <= 0 {
                return Err(raise!(ValueError, "expected a positive input"));
            }
            if let Some(v) = i.try_f64() {
                return Ok(f(v));
            }
            let (m, e) = i.frexp_int();
            return Ok(f(m) + per_two * e as f64);
        }
        let v = x.as_f64()?;
        if v.is_nan() || v == f64::INFINITY {
            return Ok(v);
        }
        if v > 0.0 {
            return Ok(f(v));
        }
        Err(raise!(ValueError, "expected a positive input, got {}", shown(v)))
    }

    /// log(x, [base=math.e])
    /// Return the logarithm of x to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of x.
    #[pyfunction(raw, text_signature = None)]
    fn log(args: FuncArgs<'_>) -> PyResult<f64> {
        args.no_keywords("math.log")?;
        check_positional("log", args.len(), 1, 2)?;
        let num = log_of(args.args[0], c::log, std::f64::consts::LN_2)?;
        match args.get(1) {
            None => Ok(num),
            Some(base) => {
                let den = log_of(base, c::log, std::f64::consts::LN_2)?;
                if den == 0.0 {
                    return Err(raise!(ZeroDivisionError, "division by zero"));
                }
                Ok(num / den)
            }
        }
    }
    /// Return the base 2 logarithm of x.
    #[pyfunction]
    fn log2(x: &Object) -> PyResult<f64> {
        log_of(x, c::log2, 1.0)
    }
    /// Return the base 10 logarithm of x.
    #[pyfunction]
    fn log10(x: &Object) -> PyResult<f64> {
        log_of(x, c::log10, std::f64::consts::LOG10_2)
    }
    /// Return the natural logarithm of 1+x (base e).
    ///
    /// The result is computed in a way which is accurate for x near zero.
    #[pyfunction]
    fn log1p(x: f64) -> PyResult<f64> {
        check(x, if x == 0.0 { x } else { c::log1p(x) }, false, "expected argument value > -1")
    }
    /// Return the fractional and integer parts of x.
    ///
    /// Both results carry the sign of x and are floats.
    #[pyfunction]
    fn modf(x: f64) -> (f64, f64) {
        if x.is_infinite() {
            return (f64::copysign(0.0, x), x);
        }
        if x.is_nan() {
            return (x, x);
        }
        let t = x.trunc();
        ((x - t).copysign(x), t)
    }
    /// Return x**y (x to the power of y).
    #[pyfunction]
    fn pow(x: f64, y: f64) -> PyResult<f64> {
        if !x.is_finite() || !y.is_finite() {
            if x.is_nan() {
                return Ok(if y == 0.0 { 1.0 } else { x });
            }
            if y.is_nan() {
                return Ok(if x == 1.0 { 1.0 } else { y });
            }
            return Ok(c::pow(x, y));
        }
        let r = c::pow(x, y);
        if r.is_nan() {
            return Err(domain());
        }
        if r.is_infinite() {
            return Err(if x == 0.0 { domain() } else { range() });
        }
        Ok(r)
    }
    /// Convert angle x from degrees to radians.
    #[pyfunction]
    fn radians(x: f64) -> f64 {
        x * (std::f64::consts::PI / 180.0)
    }
    /// Difference between x and the closest integer multiple of y.
    ///
    /// Return x - n*y where n*y is the closest integer multiple of y.
    /// In the case where x is exactly halfway between two multiples of
    /// y, the nearest even value of n is used. The result is always exact.
    #[pyfunction]
    fn remainder(x: f64, y: f64) -> PyResult<f64> {
        let r = c::remainder(x, y);
        if r.is_nan() && !x.is_nan() && !y.is_nan() { Err(domain()) } else { Ok(r) }
    }
    /// Return the sine of x (measured in radians).
    #[pyfunction]
    fn sin(x: f64) -> PyResult<f64> {
        check(x, c::sin(x), false, FINITE)
    }
    /// Return the hyperbolic sine of x.
    #[pyfunction]
    fn sinh(x: f64) -> PyResult<f64> {
        check(x, c::sinh(x), true, FINITE)
    }
    /// Return the square root of x.
    #[pyfunction]
    fn sqrt(x: f64) -> PyResult<f64> {
        check(x, x.sqrt(), false, "expected a nonnegative input")
    }
    /// Return the tangent of x (measured in radians).
    #[pyfunction]
    fn tan(x: f64) -> PyResult<f64> {
        check(x, c::tan(x), false, FINITE)
    }
    /// Return the hyperbolic tangent of x.
    #[pyfunction]
    fn tanh(x: f64) -> PyResult<f64> {
        check(x, c::tanh(x), false, FINITE)
    }
    /// Return the value of the least significant bit of the float x.
    #[pyfunction]
    fn ulp(x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let x = x.abs();
        if x.is_infinite() {
            return x;
        }
        let up = c::nextafter(x, f64::INFINITY);
        if up.is_infinite() { x - c::nextafter(x, f64::NEG_INFINITY) } else { up - x }
    }
    /// Return the floating-point value the given number of steps after x towards y.
    ///
    /// If steps is not specified or is None, it defaults to 1.
    ///
    /// Raises a TypeError, if x or y is not a double, or if steps is not an integer.
    /// Raises ValueError if steps is negative.
    #[pyfunction(sig = "x, y, /, *, steps=None")]
    fn nextafter(x: f64, y: f64, steps: Option<&Object>) -> PyResult<f64> {
        let Some(steps) = steps else { return Ok(c::nextafter(x, y)) };
        let n = number_index(steps)?;
        if n.is_negative() {
            return Err(raise!(ValueError, "steps must be a non-negative integer"));
        }
        let n = n.try_u64().unwrap_or(u64::MAX);
        if n == 0 || x == y {
            return Ok(if x == y && n != 0 { y } else { x });
        }
        if x.is_nan() || y.is_nan() {
            return Ok(x + y);
        }
        // Floats in order are integers in order.
        let key = |v: f64| {
            let b = v.to_bits() as i64;
            if b < 0 { i64::MIN.wrapping_sub(b) } else { b }
        };
        let back = |k: i64| f64::from_bits(if k < 0 { i64::MIN.wrapping_sub(k) as u64 } else { k as u64 });
        let (a, b) = (key(x) as i128, key(y) as i128);
        let r = if b > a { (a + n as i128).min(b) } else { (a - n as i128).max(b) };
        if r == b {
            return Ok(y);
        }
        let v = back(r as i64);
        Ok(if v == 0.0 { f64::copysign(0.0, x) } else { v })
    }

    fn to_integral(x: &Object, method: &'static Str, f: fn(f64) -> f64) -> PyResult<PyRef> {
        if let Some(v) = x.downcast_exact::<Float>() {
            return Ok(Int::from_f64(f(v.value()))?.upcast());
        }
        if let Some(m) = x.lookup_special(method)? {
            return m.call0();
        }
        Ok(Int::from_f64(f(x.as_f64()?))?.upcast())
    }

    /// Return the ceiling of x as an Integral.
    ///
    /// This is the smallest integer >= x.
    #[pyfunction]
    fn ceil(x: &Object) -> PyResult<PyRef> {
        to_integral(x, intern!("__ceil__"), f64::ceil)
    }
    /// Return the floor of x as an Integral.
    ///
    /// This is the largest integer <= x.
    #[pyfunction]
    fn floor(x: &Object) -> PyResult<PyRef> {
        to_integral(x, intern!("__floor__"), f64::floor)
    }
    /// Truncates the Real x to the nearest Integral toward 0.
    ///
    /// Uses the __trunc__ magic method.
    #[pyfunction]
    fn trunc(x: &Object) -> PyResult<PyRef> {
        if let Some(v) = x.downcast_exact::<Float>() {
            return Ok(Int::from_f64(v.value())?.upcast());
        }
        match x.lookup_special(intern!("__trunc__"))? {
            Some(m) => m.call0(),
            None => Err(raise!(TypeError, "type {} doesn't define __trunc__ method", x.ty().name_str())),
        }
    }

    /// Return an accurate floating-point sum of values in the iterable seq.
    ///
    /// Assumes IEEE-754 floating-point arithmetic.
    #[pyfunction]
    fn fsum(seq: &Object) -> PyResult<f64> {
        sums::fsum(seq)
    }
    /// Return the Euclidean distance between two points p and q.
    ///
    /// The points should be specified as sequences (or iterables) of
    /// coordinates.  Both inputs must have the same dimension.
    #[pyfunction]
    fn dist(p: &Object, q: &Object) -> PyResult<f64> {
        sums::dist(p, q)
    }
    /// Multidimensional Euclidean distance from the origin to a point.
    #[pyfunction(sig = "*coordinates")]
    fn hypot(coordinates: &[&Object]) -> PyResult<f64> {
        let mut v = Vec::with_capacity(coordinates.len());
        for o in coordinates {
            v.push(o.as_f64()?.abs());
        }
        Ok(sums::norm(v))
    }
    /// Return the sum of products of values from two iterables p and q.
    ///
    /// For float and mixed int/float inputs, the intermediate products
    /// and sums are computed with extended precision.
    #[pyfunction]
    fn sumprod(p: &Object, q: &Object) -> PyResult<PyRef> {
        sums::sumprod(p, q)
    }
    /// Calculate the product of all the elements in the input iterable.
    ///
    /// The default start value for the product is 1.
    ///
    /// When the iterable is empty, return the start value.  This function is
    /// intended specifically for use with numeric values and may reject
    /// non-numeric types.
    #[pyfunction(sig = "iterable, /, *, start=1")]
    fn prod(iterable: &Object, start: Arg<&Object>) -> PyResult<PyRef> {
        sums::prod(iterable, start.into_option())
    }

    /// Find n!.
    #[pyfunction]
    fn factorial(n: &Object) -> PyResult<Ref<Int>> {
        integer::factorial(n)
    }
    /// Return the integer part of the square root of the input.
    #[pyfunction]
    fn isqrt(n: &Object) -> PyResult<Ref<Int>> {
        let n = number_index(n)?;
        if n.is_negative() {
            return Err(raise!(ValueError, "isqrt() argument must be nonnegative"));
        }
        n.isqrt_int()
    }
    /// Greatest Common Divisor.
    #[pyfunction(sig = "*integers")]
    fn gcd(integers: &[&Object]) -> PyResult<Ref<Int>> {
        integer::gcd(integers)
    }
    /// Least Common Multiple.
    #[pyfunction(sig = "*integers")]
    fn lcm(integers: &[&Object]) -> PyResult<Ref<Int>> {
        integer::lcm(integers)
    }
    /// Number of ways to choose k items from n items without repetition and without order.
    #[pyfunction]
    fn comb(n: &Object, k: &Object) -> PyResult<Ref<Int>> {
        integer::comb(n, k)
    }
    /// Number of ways to choose k items from n items without repetition and with order.
    #[pyfunction(sig = "n, k=None, /")]
    fn perm(n: &Object, k: Option<&Object>) -> PyResult<Ref<Int>> {
        integer::perm(n, k)
    }
}
