//! `sum`, `min`, `max`, `round`.

use runtime::convert::FuncArgs;
use runtime::objects::{ByteArray, Complex};
use runtime::prelude::*;
use runtime::typeobject::CompareOp;

/// Kahan-Babuska-Neumaier summation: the sum and what was lost.
#[derive(Clone, Copy)]
struct Neumaier {
    hi: f64,
    lo: f64,
}

impl Neumaier {
    fn new(v: f64) -> Neumaier {
        Neumaier { hi: v, lo: 0.0 }
    }
    #[inline(always)]
    fn add(&mut self, x: f64) {
        let t = self.hi + x;
        if self.hi.abs() >= x.abs() {
            self.lo += (self.hi - t) + x;
        } else {
            self.lo += (x - t) + self.hi;
        }
        self.hi = t;
    }
    fn value(self) -> f64 {
        // The correction of an infinite or NaN sum is meaningless.
        if self.lo != 0.0 && self.lo.is_finite() { self.hi + self.lo } else { self.hi }
    }
}

/// `sum(iterable, start)`.
pub fn sum(iterable: &Object, start: Option<&Object>) -> PyResult<PyRef> {
    if let Some(s) = start {
        let refuse =
            |what: &str, how: &str| Err(raise!(TypeError, "sum() can't sum {} [use {}.join(seq) instead]", what, how));
        if s.downcast::<Str>().is_some() {
            return refuse("strings", "''");
        }
        if s.downcast::<Bytes>().is_some() {
            return refuse("bytes", "b''");
        }
        if s.downcast::<ByteArray>().is_some() {
            return refuse("bytearray", "b''");
        }
    }
    let it = iterable.iter()?;
    let mut result: PyRef = match start {
        Some(s) => s.to_ref(),
        None => Int::from_i64(0)?.upcast(),
    };
    let mut pending: Option<PyRef> = None;
    // Machine words while everything is an int.
    if let Some(mut acc) = result.downcast_exact::<Int>().and_then(Int::small).map(|v| v as i128) {
        loop {
            let Some(item) = it.iter_next()? else { return Ok(Int::from_i128(acc)?.upcast()) };
            let small = item.downcast_exact::<Int>().and_then(Int::small);
            let small = small.or_else(|| item.downcast_exact::<Bool>().map(|b| b.value() as i64));
            match small {
                Some(v) if acc.unsigned_abs() < 1 << 120 => acc += v as i128,
                _ => {
                    result = Int::from_i128(acc)?.upcast();
                    pending = Some(item);
                    break;
                }
            }
        }
    }
    // Big ints, until something else comes.
    while result.downcast_exact::<Int>().is_some() {
        let Some(item) = (match pending.take() {
            Some(p) => Some(p),
            None => it.iter_next()?,
        }) else {
            return Ok(result);
        };
        result = result.add(&item)?;
    }
    if let Some(f) = result.downcast_exact::<Float>() {
        let mut acc = Neumaier::new(f.value());
        loop {
            let Some(item) = it.iter_next()? else { return Ok(Float::new(acc.value())?.upcast()) };
            if let Some(f) = item.downcast_exact::<Float>() {
                acc.add(f.value());
            } else if let Some(i) = item.downcast::<Int>() {
                acc.add(i.to_f64()?);
            } else {
                result = Float::new(acc.value())?.upcast().add(&item)?;
                break;
            }
        }
    }
    if let Some(c) = result.downcast_exact::<Complex>() {
        let (mut re, mut im) = (Neumaier::new(c.real()), Neumaier::new(c.imag()));
        loop {
            let Some(item) = it.iter_next()? else { return Ok(Complex::new(re.value(), im.value())?.upcast()) };
            if let Some(c) = item.downcast_exact::<Complex>() {
                re.add(c.real());
                im.add(c.imag());
            } else if let Some(f) = item.downcast_exact::<Float>() {
                re.add(f.value());
            } else if let Some(i) = item.downcast::<Int>() {
                re.add(i.to_f64()?);
            } else {
                result = Complex::new(re.value(), im.value())?.upcast().add(&item)?;
                break;
            }
        }
    }
    while let Some(item) = it.iter_next()? {
        result = result.add(&item)?;
    }
    Ok(result)
}

/// `min` and `max`: `op` says which of two is preferred.
pub fn min_max(args: &FuncArgs<'_>, name: &str, op: CompareOp) -> PyResult<PyRef> {
    runtime::convert::check_positional(name, args.len(), 1, usize::MAX)?;
    let (mut key, mut default) = (None, None);
    for (k, v) in args.keywords() {
        match k.downcast::<Str>() {
            Some(k) if k.eq_str("key") => key = if v.is_none() { None } else { Some(v) },
            Some(k) if k.eq_str("default") => default = Some(v),
            _ => {
                return Err(raise!(
                    TypeError,
                    "{}() got an unexpected keyword argument '{}'",
                    name,
                    k.str()?.to_string_lossy()
                ));
            }
        }
    }
    let mut best: Option<(PyRef, PyRef)> = None;
    let mut consider = |item: PyRef| -> PyResult<()> {
        let rank = match key {
            Some(f) => f.call1(&item)?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((_, r)) => rank.richcompare_bool_strict(r, op)?,
        };
        if better {
            best = Some((item, rank));
        }
        Ok(())
    };
    if args.len() > 1 {
        if default.is_some() {
            return Err(raise!(
                TypeError,
                "Cannot specify a default for {}() with multiple positional arguments",
                name
            ));
        }
        for o in args.args {
            consider(o.to_ref())?;
        }
    } else {
        let it = args.args[0].iter()?;
        while let Some(item) = it.iter_next()? {
            consider(item)?;
        }
    }
    match (best, default) {
        (Some((item, _)), _) => Ok(item),
        (None, Some(d)) => Ok(d.to_ref()),
        (None, None) => Err(raise!(ValueError, "{}() iterable argument is empty", name)),
    }
}

/// Comparison without the identity shortcut (a NaN is not equal to itself, and never greater).
trait Strict {
    fn richcompare_bool_strict(&self, other: &Object, op: CompareOp) -> PyResult<bool>;
}
impl Strict for Object {
    fn richcompare_bool_strict(&self, other: &Object, op: CompareOp) -> PyResult<bool> {
        if let (Some(a), Some(b)) =
            (self.downcast_exact::<Int>().and_then(Int::small), other.downcast_exact::<Int>().and_then(Int::small))
        {
            return Ok(op.holds(a.cmp(&b)));
        }
        self.richcompare(other, op)?.is_true()
    }
}

/// `round(number, ndigits)`.
pub fn round(number: &Object, ndigits: Option<&Object>) -> PyResult<PyRef> {
    let Some(f) = number.lookup_special(intern!("__round__"))? else {
        return Err(raise!(TypeError, "type {} doesn't define __round__ method", number.ty().name_str()));
    };
    match ndigits {
        Some(n) => f.call1(n),
        None => f.call0(),
    }
}
