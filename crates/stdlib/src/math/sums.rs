//! Accurate sums: `fsum`, `hypot`, `dist`, `sumprod`, `prod`.

use super::c;
use runtime::prelude::*;

/// Exact sum as a list of non-overlapping partial sums, rounded once at the end (Shewchuk).
pub fn fsum(seq: &Object) -> PyResult<f64> {
    let mut partials: Vec<f64> = Vec::with_capacity(32);
    let (mut special, mut infinities) = (0.0, 0.0);
    let it = seq.iter()?;
    while let Some(item) = it.iter_next()? {
        let given = item.as_f64()?;
        let mut x = given;
        let mut kept = 0;
        for j in 0..partials.len() {
            let mut y = partials[j];
            if x.abs() < y.abs() {
                (x, y) = (y, x);
            }
            let hi = x + y;
            let lo = y - (hi - x);
            if lo != 0.0 {
                partials[kept] = lo;
                kept += 1;
            }
            x = hi;
        }
        partials.truncate(kept);
        if x != 0.0 {
            if !x.is_finite() {
                if given.is_finite() {
                    return Err(raise!(OverflowError, "intermediate overflow in fsum"));
                }
                if given.is_infinite() {
                    infinities += given;
                }
                special += given;
                partials.clear();
            } else {
                partials.push(x);
            }
        }
    }
    if special != 0.0 {
        if f64::is_nan(infinities) {
            return Err(raise!(ValueError, "-inf + inf in fsum"));
        }
        return Ok(special);
    }
    let Some(mut hi) = partials.pop() else { return Ok(0.0) };
    let mut lo = 0.0;
    while let Some(y) = partials.pop() {
        let x = hi;
        hi = x + y;
        lo = y - (hi - x);
        if lo != 0.0 {
            break;
        }
    }
    // A half-way case: the next partial decides the rounding.
    if let Some(next) = partials.last() {
        if (lo < 0.0 && *next < 0.0) || (lo > 0.0 && *next > 0.0) {
            let y = lo * 2.0;
            let x = hi + y;
            if y == x - hi {
                hi = x;
            }
        }
    }
    Ok(hi)
}

/// Sum in double-double arithmetic.
#[derive(Clone, Copy, Default)]
struct Double {
    hi: f64,
    lo: f64,
}

impl Double {
    fn add(&mut self, x: f64) {
        let s = self.hi + x;
        let b = s - self.hi;
        self.lo += (self.hi - (s - b)) + (x - b);
        self.hi = s;
    }
    fn add_product(&mut self, x: f64, y: f64) {
        let p = x * y;
        let e = c::fma(x, y, -p);
        self.add(p);
        self.lo += e;
    }
    fn value(self) -> f64 {
        self.hi + self.lo
    }
}

/// The Euclidean norm of non-negative numbers.
pub fn norm(v: Vec<f64>) -> f64 {
    let mut max = 0.0f64;
    let mut nan = false;
    for x in &v {
        if x.is_infinite() {
            return f64::INFINITY;
        }
        nan |= x.is_nan();
        max = max.max(*x);
    }
    if nan {
        return f64::NAN;
    }
    if max == 0.0 || v.len() <= 1 {
        return max;
    }
    let (_, e) = runtime::objects::float::frexp(max);
    let scale = |x: f64| runtime::objects::float::ldexp(x, -e);
    let mut sum = Double::default();
    for x in &v {
        let x = scale(*x);
        sum.add_product(x, x);
    }
    let h = sum.value().sqrt();
    // One correction step with the exact residual.
    sum.add_product(-h, h);
    let r = h + sum.value() / (2.0 * h);
    runtime::objects::float::ldexp(r, e)
}

fn coordinates(o: &Object) -> PyResult<Ref<Tuple>> {
    match o.downcast::<Tuple>() {
        Some(t) => Ok(Ref::new_ref(t)),
        None => o.to_tuple(),
    }
}

/// `dist(p, q)`.
pub fn dist(p: &Object, q: &Object) -> PyResult<f64> {
    let (p, q) = (coordinates(p)?, coordinates(q)?);
    if p.as_slice().len() != q.as_slice().len() {
        return Err(raise!(ValueError, "both points must have the same number of dimensions"));
    }
    let mut v = Vec::with_capacity(p.as_slice().len());
    for (a, b) in p.as_slice().iter().zip(q.as_slice()) {
        v.push((a.as_f64()? - b.as_f64()?).abs());
    }
    Ok(norm(v))
}

/// A float, or an int that a float holds.
fn as_float_term(o: &Object) -> Option<f64> {
    if let Some(f) = o.downcast_exact::<Float>() {
        return Some(f.value());
    }
    o.downcast::<Int>().and_then(Int::try_f64)
}

/// Sum and its rounding error.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let z = s - a;
    (s, (a - (s - z)) + (b - z))
}

/// A sum of products in triple length.
#[derive(Clone, Copy, Default)]
struct Triple {
    hi: f64,
    lo: f64,
    tiny: f64,
}

impl Triple {
    fn with_product(self, x: f64, y: f64) -> Triple {
        let p = x * y;
        let (hi, e1) = two_sum(self.hi, p);
        let (r1, e2) = two_sum(self.lo, c::fma(x, y, -p));
        let (lo, e3) = two_sum(r1, e1);
        Triple { hi, lo, tiny: self.tiny + e2 + e3 }
    }
    fn value(self) -> f64 {
        let (a, b) = two_sum(self.lo, self.tiny);
        let (hi, rest) = two_sum(self.hi, a);
        hi + (rest + b)
    }
}

/// `sumprod(p, q)`: ints exactly while there are only ints; runs of products with a float in triple length; the rest,
/// and what comes out of range, by the operators of the objects.
pub fn sumprod(p: &Object, q: &Object) -> PyResult<PyRef> {
    let (pi, qi) = (p.iter()?, q.iter()?);
    let mut total: PyRef = Int::from_i64(0)?.upcast();
    let (mut ints, mut only_ints) = (0i128, true);
    let (mut floats, mut float_runs): (Option<Triple>, bool) = (None, true);
    let small = |o: &Object| o.downcast_exact::<Int>().and_then(Int::small);
    let plain_int = |o: &Object| o.downcast_exact::<Int>().is_some() || o.downcast_exact::<Bool>().is_some();
    let is_float = |o: &Object| o.downcast_exact::<Float>().is_some();
    loop {
        let (a, b) = match (pi.iter_next()?, qi.iter_next()?) {
            (Some(a), Some(b)) => (a, b),
            (None, None) => break,
            _ => return Err(raise!(ValueError, "Inputs are not the same length")),
        };
        if only_ints {
            if let (Some(x), Some(y), true) = (small(&a), small(&b), ints.unsigned_abs() < 1 << 124) {
                ints += x as i128 * y as i128;
                continue;
            }
            only_ints = false;
            total = total.add(&*Int::from_i128(ints)?)?;
        }
        let (fa, fb) = (is_float(&a), is_float(&b));
        if float_runs && (fa || fb) && (fa || plain_int(&a)) && (fb || plain_int(&b)) {
            if let (Some(x), Some(y)) = (as_float_term(&a), as_float_term(&b)) {
                let next = floats.unwrap_or_default().with_product(x, y);
                if next.value().is_finite() {
                    floats = Some(next);
                    continue;
                }
            }
        }
        float_runs = false;
        if let Some(f) = floats.take() {
            total = total.add(&*Float::new(f.value())?)?;
        }
        total = total.add(&*a.mul(&b)?)?;
    }
    if only_ints {
        return Ok(Int::from_i128(ints)?.upcast());
    }
    match floats {
        Some(f) => total.add(&*Float::new(f.value())?),
        None => Ok(total),
    }
}

/// `prod(iterable, start=1)`.
pub fn prod(iterable: &Object, start: Option<&Object>) -> PyResult<PyRef> {
    let mut acc = match start {
        Some(s) => s.to_ref(),
        None => Int::from_i64(1)?.upcast(),
    };
    let it = iterable.iter()?;
    while let Some(item) = it.iter_next()? {
        acc = match (acc.downcast_exact::<Float>(), item.downcast_exact::<Float>()) {
            (Some(a), Some(b)) => Float::new(a.value() * b.value())?.upcast(),
            _ => acc.mul(&item)?,
        };
    }
    Ok(acc)
}
