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

/// `sumprod(p, q)`.
pub fn sumprod(p: &Object, q: &Object) -> PyResult<PyRef> {
    let (pi, qi) = (p.iter()?, q.iter()?);
    let mut total: PyRef = Int::from_i64(0)?.upcast();
    // Machine-word and float sums that are pending beside `total`.
    let (mut ints, mut floats, mut in_floats) = (0i128, Double::default(), false);
    let flush_ints = |total: &mut PyRef, ints: &mut i128| -> PyResult<()> {
        if *ints != 0 {
            *total = total.add(&*Int::from_i128(core::mem::take(ints))?)?;
        }
        Ok(())
    };
    loop {
        let (a, b) = (pi.iter_next()?, qi.iter_next()?);
        let (a, b) = match (a, b) {
            (Some(a), Some(b)) => (a, b),
            (None, None) => break,
            _ => return Err(raise!(ValueError, "Inputs are not the same length")),
        };
        let int = |o: &Object| o.downcast_exact::<Int>().and_then(Int::small);
        if let (Some(x), Some(y), false) = (int(&a), int(&b), in_floats) {
            if ints.unsigned_abs() > 1 << 124 {
                flush_ints(&mut total, &mut ints)?;
            }
            ints += x as i128 * y as i128;
            continue;
        }
        let any_float = a.downcast_exact::<Float>().is_some() || b.downcast_exact::<Float>().is_some();
        let plain = |o: &Object| o.downcast_exact::<Float>().is_some() || o.downcast_exact::<Int>().is_some() || o.downcast_exact::<Bool>().is_some();
        if (any_float || in_floats) && plain(&a) && plain(&b) {
            if let (Some(x), Some(y)) = (as_float_term(&a), as_float_term(&b)) {
                let mut next = floats;
                next.add_product(x, y);
                if next.value().is_finite() {
                    floats = next;
                    in_floats = true;
                    continue;
                }
            }
        }
        flush_ints(&mut total, &mut ints)?;
        if in_floats {
            total = total.add(&*Float::new(floats.value())?)?;
            (floats, in_floats) = (Double::default(), false);
        }
        total = total.add(&*a.mul(&b)?)?;
    }
    flush_ints(&mut total, &mut ints)?;
    if in_floats {
        if let Some(v) = as_float_term(&total) {
            floats.add(v);
            return Ok(Float::new(floats.value())?.upcast());
        }
        total = total.add(&*Float::new(floats.value())?)?;
    }
    Ok(total)
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
