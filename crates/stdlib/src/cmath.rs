//! `cmath`: functions of complex numbers.
//!
//! The C library's complex functions follow C99 Annex G in signed zeros, infinities and NaNs. Where they signal an invalid
//! operation or a pole for finite arguments, Python raises.

use macros::pymodule;

/// This module provides access to mathematical functions for complex
/// numbers.
#[pymodule(name = "cmath")]
pub mod cmath {
    use runtime::convert::Arg;
    use runtime::objects::Complex;
    use runtime::objects::complex::{Pair, as_complex, quot};
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
    #[pyattr]
    fn infj() -> PyResult<Ref<Complex>> {
        Complex::new(0.0, f64::INFINITY)
    }
    #[pyattr]
    fn nanj() -> PyResult<Ref<Complex>> {
        Complex::new(0.0, f64::NAN)
    }

    /// `double complex` as the System V ABI passes it: two doubles.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct C {
        re: f64,
        im: f64,
    }
    unsafe extern "C" {
        safe fn cacos(z: C) -> C;
        safe fn cacosh(z: C) -> C;
        safe fn casin(z: C) -> C;
        safe fn casinh(z: C) -> C;
        safe fn catan(z: C) -> C;
        safe fn catanh(z: C) -> C;
        safe fn ccos(z: C) -> C;
        safe fn ccosh(z: C) -> C;
        safe fn cexp(z: C) -> C;
        safe fn clog(z: C) -> C;
        safe fn csin(z: C) -> C;
        safe fn csinh(z: C) -> C;
        safe fn csqrt(z: C) -> C;
        safe fn ctan(z: C) -> C;
        safe fn ctanh(z: C) -> C;
    }

    fn domain() -> Raised {
        raise!(ValueError, "math domain error")
    }
    fn range() -> Raised {
        raise!(OverflowError, "math range error")
    }

    fn apply(z: &Object, f: extern "C" fn(C) -> C, overflows: bool) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        let r = f(C { re, im });
        let finite = re.is_finite() && im.is_finite();
        if finite && (r.re.is_infinite() || r.im.is_infinite()) {
            return Err(if overflows { range() } else { domain() });
        }
        // No NaN went in, yet some came out where the function is undefined.
        if overflows
            && !re.is_nan()
            && !im.is_nan()
            && im.is_infinite() != re.is_infinite()
            && r.re.is_nan()
            && r.im.is_nan()
        {
            return Err(domain());
        }
        Complex::new(r.re, r.im)
    }

    /// sinh, cosh, exp (and their rotations): an infinite angle is invalid unless the radius makes the result definite.
    fn hyperbolic(re: f64, im: f64) -> PyResult<()> {
        if im.is_infinite() && !re.is_nan() && (re.is_finite() || re > 0.0) {
            return Err(domain());
        }
        Ok(())
    }

    /// Return the arc cosine of z.
    #[pyfunction]
    fn acos(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, cacos, false)
    }
    /// Return the inverse hyperbolic cosine of z.
    #[pyfunction]
    fn acosh(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, cacosh, false)
    }
    /// Return the arc sine of z.
    #[pyfunction]
    fn asin(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, casin, false)
    }
    /// Return the inverse hyperbolic sine of z.
    #[pyfunction]
    fn asinh(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, casinh, false)
    }
    /// Return the arc tangent of z.
    #[pyfunction]
    fn atan(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, catan, false)
    }
    /// Return the inverse hyperbolic tangent of z.
    #[pyfunction]
    fn atanh(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, catanh, false)
    }
    /// Return the cosine of z.
    #[pyfunction]
    fn cos(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if re.is_infinite() && !im.is_nan() {
            return Err(domain());
        }
        apply(z, ccos, true)
    }
    /// Return the hyperbolic cosine of z.
    #[pyfunction]
    fn cosh(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if im.is_infinite() && !re.is_nan() {
            return Err(domain());
        }
        apply(z, ccosh, true)
    }
    /// Return the exponential value e**z.
    #[pyfunction]
    fn exp(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        hyperbolic(re, im)?;
        apply(z, cexp, true)
    }
    /// Return the sine of z.
    #[pyfunction]
    fn sin(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if re.is_infinite() && !im.is_nan() {
            return Err(domain());
        }
        apply(z, csin, true)
    }
    /// Return the hyperbolic sine of z.
    #[pyfunction]
    fn sinh(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if im.is_infinite() && !re.is_nan() {
            return Err(domain());
        }
        apply(z, csinh, true)
    }
    /// Return the square root of z.
    #[pyfunction]
    fn sqrt(z: &Object) -> PyResult<Ref<Complex>> {
        apply(z, csqrt, false)
    }
    /// Return the tangent of z.
    #[pyfunction]
    fn tan(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if re.is_infinite() && im.is_finite() {
            return Err(domain());
        }
        apply(z, ctan, false)
    }
    /// Return the hyperbolic tangent of z.
    #[pyfunction]
    fn tanh(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = as_complex(z)?;
        if im.is_infinite() && re.is_finite() {
            return Err(domain());
        }
        apply(z, ctanh, false)
    }

    fn log_of(z: &Object) -> PyResult<Pair> {
        let (re, im) = as_complex(z)?;
        if re == 0.0 && im == 0.0 {
            return Err(domain());
        }
        let r = clog(C { re, im });
        Ok((r.re, r.im))
    }

    /// log(z[, base]) -> the logarithm of z to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of z.
    #[pyfunction(sig = "z, base=<unrepresentable>, /")]
    fn log(z: &Object, base: Arg<&Object>) -> PyResult<Ref<Complex>> {
        let x = log_of(z)?;
        let r = match base {
            Arg::Missing => x,
            Arg::Given(b) => quot(x, log_of(b)?).ok_or_else(|| raise!(ZeroDivisionError, "division by zero"))?,
        };
        Complex::new(r.0, r.1)
    }
    /// Return the base-10 logarithm of z.
    #[pyfunction]
    fn log10(z: &Object) -> PyResult<Ref<Complex>> {
        let (re, im) = log_of(z)?;
        Complex::new(re / std::f64::consts::LN_10, im / std::f64::consts::LN_10)
    }

    /// Return argument, also known as the phase angle, of a complex.
    #[pyfunction]
    fn phase(z: &Object) -> PyResult<f64> {
        let (re, im) = as_complex(z)?;
        Ok(im.atan2(re))
    }
    /// Convert a complex from rectangular coordinates to polar coordinates.
    ///
    /// r is the distance from 0 and phi the phase angle.
    #[pyfunction]
    fn polar(z: &Object) -> PyResult<(f64, f64)> {
        let (re, im) = as_complex(z)?;
        let r = re.hypot(im);
        if r.is_infinite() && re.is_finite() && im.is_finite() {
            return Err(range());
        }
        Ok((r, im.atan2(re)))
    }
    /// Convert from polar coordinates to rectangular coordinates.
    #[pyfunction]
    fn rect(r: f64, phi: f64) -> PyResult<Ref<Complex>> {
        if phi.is_infinite() && r != 0.0 && !r.is_nan() {
            return Err(domain());
        }
        if r == 0.0 && !phi.is_finite() {
            return Complex::new(0.0, 0.0);
        }
        if phi.is_infinite() {
            return Complex::new(r, f64::NAN);
        }
        if r.is_infinite() {
            if phi == 0.0 {
                return Complex::new(r, if r > 0.0 { phi } else { -phi });
            }
            if phi.is_nan() {
                return Complex::new(r, phi);
            }
            return Complex::new(r * phi.cos(), r * phi.sin());
        }
        if phi == 0.0 {
            // No rotation: a NaN radius leaves the imaginary part zero.
            return Complex::new(r, if r.is_nan() { phi } else { r * phi });
        }
        Complex::new(r * phi.cos(), r * phi.sin())
    }
    /// Return True if both the real and imaginary parts of z are finite, else False.
    #[pyfunction]
    fn isfinite(z: &Object) -> PyResult<bool> {
        let (re, im) = as_complex(z)?;
        Ok(re.is_finite() && im.is_finite())
    }
    /// Checks if the real or imaginary part of z is infinite.
    #[pyfunction]
    fn isinf(z: &Object) -> PyResult<bool> {
        let (re, im) = as_complex(z)?;
        Ok(re.is_infinite() || im.is_infinite())
    }
    /// Checks if the real or imaginary part of z not a number (NaN).
    #[pyfunction]
    fn isnan(z: &Object) -> PyResult<bool> {
        let (re, im) = as_complex(z)?;
        Ok(re.is_nan() || im.is_nan())
    }
    /// Determine whether two complex numbers are close in value.
    ///
    ///   rel_tol
    ///     maximum difference for being considered "close", relative to the
    ///     magnitude of the input values
    ///   abs_tol
    ///     maximum difference for being considered "close", regardless of the
    ///     magnitude of the input values
    #[pyfunction(sig = "a, b, *, rel_tol=1e-09, abs_tol=0.0")]
    fn isclose(a: &Object, b: &Object, rel_tol: Arg<f64>, abs_tol: Arg<f64>) -> PyResult<bool> {
        let (rel, abs) = (rel_tol.unwrap_or(1e-9), abs_tol.unwrap_or(0.0));
        let (a, b) = (as_complex(a)?, as_complex(b)?);
        if rel < 0.0 || abs < 0.0 {
            return Err(raise!(ValueError, "tolerances must be non-negative"));
        }
        if a == b {
            return Ok(true);
        }
        if a.0.is_infinite() || a.1.is_infinite() || b.0.is_infinite() || b.1.is_infinite() {
            return Ok(false);
        }
        let diff = (a.0 - b.0).hypot(a.1 - b.1);
        Ok(diff <= rel * b.0.hypot(b.1) || diff <= rel * a.0.hypot(a.1) || diff <= abs)
    }
}
