//! `timedelta`.

use super::calendar::US_PER_DAY;
use macros::pyclass;
use runtime::abi;
use runtime::convert::FuncArgs;
use runtime::prelude::*;
use runtime::typeobject::CompareOp;

/// A `timedelta`: days, seconds in a day, microseconds in a second.
#[repr(transparent)]
pub struct Delta(pub abi::PyDateTime_Delta);

const MAX_DAYS: i128 = 999_999_999;

impl Delta {
    /// The whole in microseconds.
    #[inline]
    pub fn us(&self) -> i128 {
        (self.0.days as i128 * 86400 + self.0.seconds as i128) * 1_000_000 + self.0.microseconds as i128
    }
    /// The whole in microseconds, for offsets (less than a day).
    pub fn small_us(&self) -> i64 {
        self.us() as i64
    }
    /// A new delta of microseconds.
    pub fn from_us(us: i128) -> PyResult<Ref<Delta>> {
        Self::from_us_in(Delta::type_object(), us)
    }
    /// The same in a subclass.
    pub fn from_us_in(cls: &Type, us: i128) -> PyResult<Ref<Delta>> {
        let days = us.div_euclid(US_PER_DAY);
        let rest = us.rem_euclid(US_PER_DAY) as i64;
        if days.abs() > MAX_DAYS {
            if i32::try_from(days).is_err() {
                return Err(raise!(OverflowError, "Python int too large to convert to C int"));
            }
            return Err(raise!(OverflowError, "days={}; must have magnitude <= 999999999", days));
        }
        let d: Ref<Delta> = runtime::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            let raw = &raw mut (*d.as_raw()).0;
            (*raw).hashcode = -1;
            (*raw).days = days as i32;
            (*raw).seconds = (rest / 1_000_000) as i32;
            (*raw).microseconds = (rest % 1_000_000) as i32;
        }
        Ok(d)
    }
    fn us_int(&self) -> PyResult<Ref<Int>> {
        Int::from_i128(self.us())
    }
}

fn from_int(us: &Int) -> PyResult<Ref<Delta>> {
    match us.medium() {
        Some(v) => Delta::from_us(v),
        None => Err(raise!(OverflowError, "Python int too large to convert to C int")),
    }
}

/// `a / b` rounded half to even.
fn divide_nearest(a: &Int, b: &Int) -> PyResult<Ref<Int>> {
    if b.is_zero() {
        return Err(zero_division());
    }
    let (q, r) = a.divmod_int(b)?;
    // r has the sign of b; compare twice the remainder with the divisor.
    let twice = r.shl(1)?;
    let order = if b.is_negative() { b.compare(&twice) } else { twice.compare(b) };
    let odd = q.digits().first().is_some_and(|d| d & 1 == 1);
    if order.is_gt() || order.is_eq() && odd { q.add_int(runtime::objects::long::small_int(1)) } else { Ok(q) }
}

/// The argument order of the constructor and microseconds in each unit.
const UNITS: [(&str, i64); 7] = [
    ("days", 86_400_000_000),
    ("seconds", 1_000_000),
    ("microseconds", 1),
    ("milliseconds", 1_000),
    ("minutes", 60_000_000),
    ("hours", 3_600_000_000),
    ("weeks", 604_800_000_000),
];

fn construct(cls: &Type, args: &FuncArgs<'_>) -> PyResult<PyRef> {
    if args.len() + args.kwnames.len() > 7 {
        return Err(raise!(
            TypeError,
            "__new__() takes at most 7 arguments ({} given)",
            args.len() + args.kwnames.len()
        ));
    }
    let mut given: [Option<&Object>; 7] = [None; 7];
    for (slot, v) in given.iter_mut().zip(args.args) {
        *slot = Some(v);
    }
    for (k, v) in args.keywords() {
        let i = k.downcast::<Str>().and_then(|k| UNITS.iter().position(|(n, _)| k.eq_str(n)));
        match i {
            Some(i) if given[i].is_none() => given[i] = Some(v),
            Some(i) => {
                return Err(raise!(
                    TypeError,
                    "argument for __new__() given by name ('{}') and position ({})",
                    UNITS[i].0,
                    i + 1
                ));
            }
            None => {
                return Err(raise!(
                    TypeError,
                    "__new__() got an unexpected keyword argument '{}'",
                    k.str()?.to_string_lossy()
                ));
            }
        }
    }
    let mut total = Int::from_i64(0)?;
    let mut leftover = 0.0f64;
    // Fractions are collected and rounded once.
    for i in [2, 3, 1, 4, 5, 0, 6] {
        let Some(v) = given[i] else { continue };
        let (name, factor) = UNITS[i];
        let factor_int = Int::from_i64(factor)?;
        if let Some(n) = v.downcast::<Int>() {
            total = total.add_int(&*n.mul_int(&factor_int)?)?;
        } else if let Some(f) = v.downcast::<Float>() {
            let whole = f.value().trunc();
            let fraction = f.value() - whole;
            total = total.add_int(&*Int::from_f64(whole)?.mul_int(&factor_int)?)?;
            if fraction == 0.0 {
                continue;
            }
            let part = fraction * factor as f64;
            let whole = part.trunc();
            total = total.add_int(&*Int::from_f64(whole)?)?;
            leftover += part - whole;
        } else {
            return Err(raise!(TypeError, "unsupported type for timedelta {} component: {}", name, v.ty().name_str()));
        }
    }
    if leftover != 0.0 {
        let mut whole = leftover.round();
        if (whole - leftover).abs() == 0.5 {
            // A tie: make the sum even, not the fraction.
            let odd = total.digits().first().is_some_and(|d| d & 1 == 1) as i32 as f64;
            whole = 2.0 * ((leftover + odd) * 0.5).round() - odd;
        }
        total = total.add_int(&*Int::from_f64(whole)?)?;
    }
    match total.medium() {
        Some(us) => Ok(Delta::from_us_in(cls, us)?.upcast()),
        None => Err(raise!(OverflowError, "Python int too large to convert to C int")),
    }
}

/// `f.as_integer_ratio()`, which a subclass may have changed.
fn ratio(f: &Float) -> PyResult<(Ref<Int>, Ref<Int>)> {
    if f.downcast_exact::<Float>().is_some() {
        return runtime::objects::float::integer_ratio(f.value());
    }
    let r = f.call_method(intern!("as_integer_ratio"), &[])?;
    let Some(t) = r.downcast::<Tuple>() else {
        return Err(raise!(
            TypeError,
            "unexpected return type from as_integer_ratio(): expected tuple, not '{}'",
            r.ty().name_str()
        ));
    };
    let [n, d] = t.as_slice() else {
        return Err(raise!(ValueError, "as_integer_ratio() must return a 2-tuple"));
    };
    match (n.downcast::<Int>(), d.downcast::<Int>()) {
        (Some(n), Some(d)) => Ok((n.to_exact()?, d.to_exact()?)),
        _ => Err(raise!(TypeError, "unexpected return type from as_integer_ratio(): expected ints")),
    }
}

fn pair<'a>(a: &'a Object, b: &'a Object) -> Option<(&'a Delta, &'a Delta)> {
    Some((a.downcast::<Delta>()?, b.downcast::<Delta>()?))
}

fn ni() -> PyResult<PyRef> {
    Ok(not_implemented().to_ref())
}

fn zero_division() -> Raised {
    raise!(ZeroDivisionError, "division by zero")
}

#[pyclass(
    name = "timedelta",
    module = "datetime",
    flags = "BASETYPE",
    members = "days: int@0.days readonly; seconds: int@0.seconds readonly; microseconds: int@0.microseconds readonly",
    doc = "Difference between two datetime values.\n\ntimedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)\n\nAll arguments are optional and default to 0.\nArguments may be integers or floats, and may be positive or negative."
)]
impl Delta {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        construct(cls, &args)
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let mut parts = Vec::new();
        for (name, v) in [("days", self.0.days), ("seconds", self.0.seconds), ("microseconds", self.0.microseconds)] {
            if v != 0 {
                parts.push(format!("{name}={v}"));
            }
        }
        if parts.is_empty() {
            parts.push("0".into());
        }
        Str::format(format_args!("{}({})", self.ty().tp_name(), parts.join(", ")))
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let (d, s, us) = (self.0.days, self.0.seconds, self.0.microseconds);
        let mut out = String::new();
        if d != 0 {
            out.push_str(&format!("{d} day{}, ", if d == 1 || d == -1 { "" } else { "s" }));
        }
        out.push_str(&format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60));
        if us != 0 {
            out.push_str(&format!(".{us:06}"));
        }
        Str::new(&out)
    }

    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        hash_us(self)
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        match other.downcast::<Delta>() {
            Some(o) => Ok(op.result(&self.us(), &o.us())),
            None => ni(),
        }
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        match pair(a, b) {
            Some((a, b)) => Ok(Delta::from_us(a.us() + b.us())?.upcast()),
            None => ni(),
        }
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        match pair(a, b) {
            Some((a, b)) => Ok(Delta::from_us(a.us() - b.us())?.upcast()),
            None => ni(),
        }
    }

    #[slot]
    fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> {
        let (d, n) = match (a.downcast::<Delta>(), b.downcast::<Delta>()) {
            (Some(d), None) => (d, b),
            (None, Some(d)) => (d, a),
            _ => return ni(),
        };
        if let Some(i) = n.downcast::<Int>() {
            return Ok(from_int(&*d.us_int()?.mul_int(i)?)?.upcast());
        }
        if let Some(f) = n.downcast::<Float>() {
            let (num, den) = ratio(f)?;
            return Ok(from_int(&*divide_nearest(&*d.us_int()?.mul_int(&num)?, &den)?)?.upcast());
        }
        ni()
    }

    #[slot]
    fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        let Some(d) = a.downcast::<Delta>() else { return ni() };
        if let Some(o) = b.downcast::<Delta>() {
            return Ok(Float::new(d.us_int()?.truediv_int(&*o.us_int()?)?)?.upcast());
        }
        if let Some(f) = b.downcast::<Float>() {
            let (num, den) = ratio(f)?;
            if num.is_zero() {
                return Err(zero_division());
            }
            return Ok(from_int(&*divide_nearest(&*d.us_int()?.mul_int(&den)?, &num)?)?.upcast());
        }
        if let Some(i) = b.downcast::<Int>() {
            if i.is_zero() {
                return Err(zero_division());
            }
            return Ok(from_int(&*divide_nearest(&*d.us_int()?, i)?)?.upcast());
        }
        ni()
    }

    #[slot]
    fn nb_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        let Some(d) = a.downcast::<Delta>() else { return ni() };
        if let Some(o) = b.downcast::<Delta>() {
            return Ok(d.us_int()?.floordiv_int(&*o.us_int()?)?.upcast());
        }
        if let Some(i) = b.downcast::<Int>() {
            return Ok(from_int(&*d.us_int()?.floordiv_int(i)?)?.upcast());
        }
        ni()
    }

    #[slot]
    fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> {
        let Some((a, b)) = pair(a, b) else { return ni() };
        Ok(from_int(&*a.us_int()?.mod_int(&*b.us_int()?)?)?.upcast())
    }

    #[slot]
    fn nb_divmod(a: &Object, b: &Object) -> PyResult<PyRef> {
        let Some((a, b)) = pair(a, b) else { return ni() };
        let (q, r) = a.us_int()?.divmod_int(&*b.us_int()?)?;
        Ok(Tuple::from_refs(vec![q.upcast(), from_int(&r)?.upcast()])?.upcast())
    }

    #[slot]
    fn nb_negative(&self) -> PyResult<Ref<Delta>> {
        Delta::from_us(-self.us())
    }

    #[slot]
    fn nb_positive(&self) -> PyResult<Ref<Delta>> {
        Delta::from_us(self.us())
    }

    #[slot]
    fn nb_absolute(&self) -> PyResult<Ref<Delta>> {
        Delta::from_us(self.us().abs())
    }

    #[slot]
    fn nb_bool(&self) -> bool {
        self.us() != 0
    }

    /// Total seconds in the duration.
    #[pymethod]
    fn total_seconds(&self) -> PyResult<f64> {
        self.us_int()?.truediv_int(&*Int::from_i64(1_000_000)?)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let state = (self.0.days as i64, self.0.seconds as i64, self.0.microseconds as i64);
        let state = runtime::convert::IntoPy::into_py(state)?;
        let ty: &Object = self.ty();
        Ok(Tuple::from_slice(&[ty, &state])?.upcast())
    }
}

/// The hash of a delta: that of its three fields.
pub fn hash_us(d: &Delta) -> PyResult<isize> {
    if d.0.hashcode != -1 {
        return Ok(d.0.hashcode);
    }
    let state = (d.0.days as i64, d.0.seconds as i64, d.0.microseconds as i64);
    let h = runtime::convert::IntoPy::into_py(state)?.hash()?;
    // SAFETY: one aligned word; racing threads write the same value.
    unsafe { (&raw const d.0.hashcode).cast_mut().write_volatile(h) };
    Ok(h)
}
