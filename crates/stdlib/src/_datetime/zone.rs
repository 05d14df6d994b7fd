//! `tzinfo` and `timezone`, and how dates ask them.

use super::calendar::format_offset;
use super::datetime::DateTime;
use super::delta::Delta;
use macros::pyclass;
use runtime::abi;
use runtime::convert::FuncArgs;
use runtime::prelude::*;
use runtime::typeobject::CompareOp;
use std::sync::OnceLock;

/// `tzinfo`, the abstract base.
#[repr(transparent)]
pub struct TzInfo(pub abi::PyDateTime_TZInfo);

/// `timezone`: a fixed offset.
#[repr(C)]
pub struct TimeZone {
    ob_base: abi::PyObject,
    pub offset: Option<Ref<Delta>>,
    name: Option<PyRef>,
}

static UTC: OnceLock<Ref<TimeZone>> = OnceLock::new();

/// `timezone.utc`.
pub fn utc() -> PyResult<&'static Ref<TimeZone>> {
    if let Some(u) = UTC.get() {
        return Ok(u);
    }
    let zero = Delta::from_us(0)?;
    let u = alloc(TimeZone::type_object(), zero, None)?;
    runtime::mem::refcount::set_immortal(&u);
    Ok(UTC.get_or_init(|| u))
}

fn alloc(cls: &Type, offset: Ref<Delta>, name: Option<PyRef>) -> PyResult<Ref<TimeZone>> {
    let t: Ref<TimeZone> = runtime::typeobject::alloc_object(cls)?;
    // SAFETY: nobody else sees the object yet; zeroed fields are None.
    unsafe {
        (*t.as_raw()).offset = Some(offset);
        (*t.as_raw()).name = name;
    }
    Ok(t)
}

/// A `timezone` of an offset; UTC itself for zero without a name.
pub fn from_offset(offset: &Delta, name: Option<&Object>) -> PyResult<PyRef> {
    let us = offset.us();
    if us == 0 && name.is_none() {
        return Ok(utc()?.clone().upcast());
    }
    if us.abs() >= super::calendar::US_PER_DAY {
        return Err(raise!(
            ValueError,
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {}",
            offset.repr()?.to_string_lossy()
        ));
    }
    Ok(alloc(TimeZone::type_object(), Ref::new_ref(offset), name.map(|n| n.to_ref()))?.upcast())
}

/// Raises unless `tz` is None or a tzinfo; gives the tzinfo.
pub fn check_tz(tz: &Object) -> PyResult<Option<&Object>> {
    if tz.is_none() {
        return Ok(None);
    }
    if tz.downcast::<TzInfo>().is_some() {
        return Ok(Some(tz));
    }
    Err(raise!(TypeError, "tzinfo argument must be None or of a tzinfo subclass, not type '{}'", tz.ty().name_str()))
}

/// `tz.utcoffset(arg)` or `tz.dst(arg)` in microseconds; None when the zone does not know.
pub fn offset_of(tz: Option<&Object>, method: &'static str, arg: &Object) -> PyResult<Option<i64>> {
    let Some(tz) = tz else { return Ok(None) };
    if let (Some(t), "utcoffset") = (tz.downcast_exact::<TimeZone>(), method) {
        return Ok(t.offset.as_ref().map(|o| o.small_us()));
    }
    let r = tz.call_method(Str::intern(method), &[arg])?;
    if r.is_none() {
        return Ok(None);
    }
    let Some(d) = r.downcast::<Delta>() else {
        return Err(raise!(
            TypeError,
            "tzinfo.{}() must return None or a timedelta, not '{}'",
            method,
            r.ty().name_str()
        ));
    };
    if d.us().abs() >= super::calendar::US_PER_DAY {
        return Err(raise!(
            ValueError,
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24)."
        ));
    }
    Ok(Some(d.small_us()))
}

/// The same as the object that Python code sees.
pub fn offset_object(tz: Option<&Object>, method: &'static str, arg: &Object) -> PyResult<PyRef> {
    match offset_of(tz, method, arg)? {
        Some(us) => Ok(Delta::from_us(us as i128)?.upcast()),
        None => Ok(none_ref()),
    }
}

/// `tz.tzname(arg)`.
pub fn name_of(tz: Option<&Object>, arg: &Object) -> PyResult<PyRef> {
    let Some(tz) = tz else { return Ok(none_ref()) };
    let r = tz.call_method(intern!("tzname"), &[arg])?;
    if r.is_none() || r.downcast::<Str>().is_some() {
        return Ok(r);
    }
    Err(raise!(TypeError, "tzinfo.tzname() must return None or a string, not '{}'", r.ty().name_str()))
}

/// tzinfo: abstract base of time zones.
#[pyclass(
    name = "tzinfo",
    module = "datetime",
    flags = "BASETYPE",
    doc = "Abstract base class for time zone info objects."
)]
impl TzInfo {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        let t: Ref<TzInfo> = runtime::typeobject::alloc_object(cls)?;
        Ok(t.upcast())
    }

    /// datetime -> string name of time zone.
    #[pymethod(sig = "object, /")]
    fn tzname(&self, object: &Object) -> PyResult<PyRef> {
        let _ = object;
        Err(raise!(NotImplementedError, "a tzinfo subclass must implement tzname()"))
    }

    /// datetime -> timedelta showing offset from UTC, negative values indicating West of UTC
    #[pymethod(sig = "object, /")]
    fn utcoffset(&self, object: &Object) -> PyResult<PyRef> {
        let _ = object;
        Err(raise!(NotImplementedError, "a tzinfo subclass must implement utcoffset()"))
    }

    /// datetime -> DST offset as timedelta positive east of UTC.
    #[pymethod(sig = "object, /")]
    fn dst(&self, object: &Object) -> PyResult<PyRef> {
        let _ = object;
        Err(raise!(NotImplementedError, "a tzinfo subclass must implement dst()"))
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "object, /")]
    fn fromutc(&self, object: &Object) -> PyResult<PyRef> {
        let Some(dt) = object.downcast::<DateTime>() else {
            return Err(raise!(TypeError, "fromutc: argument must be a datetime"));
        };
        if !dt.tz().is_some_and(|t| t.is(self)) {
            return Err(raise!(ValueError, "fromutc: dt.tzinfo is not self"));
        }
        let Some(off) = offset_of(dt.tz(), "utcoffset", dt)? else {
            return Err(raise!(ValueError, "fromutc: non-None utcoffset() result required"));
        };
        let Some(dst) = offset_of(dt.tz(), "dst", dt)? else {
            return Err(raise!(ValueError, "fromutc: non-None dst() result required"));
        };
        let delta = off - dst;
        let mut result: PyRef = dt.to_ref();
        let mut dst2 = dst;
        if delta != 0 {
            result = result.add(&*Delta::from_us(delta as i128)?)?;
            let moved =
                result.downcast::<DateTime>().ok_or_else(|| raise!(TypeError, "fromutc: a datetime is required"))?;
            dst2 = match offset_of(moved.tz(), "dst", &result)? {
                Some(d) => d,
                None => return Err(raise!(ValueError, "fromutc: tz.dst() gave inconsistent results; cannot convert")),
            };
        }
        if dst2 != 0 {
            result = result.add(&*Delta::from_us(dst2 as i128)?)?;
        }
        Ok(result)
    }

    /// -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let args = match self.getattr_opt(intern!("__getinitargs__"))? {
            Some(f) => f.call0()?,
            None => Tuple::empty().upcast(),
        };
        let state = self.call_method(intern!("__getstate__"), &[])?;
        let ty: &Object = self.ty();
        Ok(Tuple::from_slice(&[ty, &args, &state])?.upcast())
    }
}

fn check_dt(o: &Object, what: &str) -> PyResult<()> {
    if o.is_none() || o.downcast::<DateTime>().is_some() {
        return Ok(());
    }
    Err(raise!(TypeError, "{}(dt) argument must be a datetime instance or None, not {}", what, o.ty().name_str()))
}

impl TimeZone {
    fn delta(&self) -> PyResult<&Ref<Delta>> {
        self.offset.as_ref().ok_or_else(|| raise!(SystemError, "a timezone without offset"))
    }
}

/// Fixed offset from UTC implementation of tzinfo.
#[pyclass(name = "timezone", module = "datetime", base = TzInfo)]
impl TimeZone {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        let mut given = [args.get(0), args.get(1)];
        if args.len() > 2 {
            return Err(raise!(TypeError, "timezone() takes at most 2 arguments ({} given)", args.len()));
        }
        for (k, v) in args.keywords() {
            match k.downcast::<Str>() {
                Some(k) if k.eq_str("offset") => given[0] = Some(v),
                Some(k) if k.eq_str("name") => given[1] = Some(v),
                _ => {
                    return Err(raise!(
                        TypeError,
                        "timezone() got an unexpected keyword argument '{}'",
                        k.str()?.to_string_lossy()
                    ));
                }
            }
        }
        let Some(offset) = given[0] else {
            return Err(raise!(TypeError, "timezone() missing required argument 'offset' (pos 1)"));
        };
        let Some(d) = offset.downcast::<Delta>() else {
            return Err(raise!(
                TypeError,
                "timezone() argument 1 must be datetime.timedelta, not {}",
                offset.ty().name_str()
            ));
        };
        if let Some(n) = given[1] {
            if n.downcast::<Str>().is_none() {
                return Err(raise!(TypeError, "timezone() argument 2 must be str, not {}", n.ty().name_str()));
            }
        }
        from_offset(d, given[1])
    }

    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dead; its memory goes back through `tp_free`.
        unsafe {
            drop((*this).offset.take());
            drop((*this).name.take());
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }

    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        super::delta::hash_us(self.delta()?)
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<TimeZone>() else { return Ok(not_implemented().to_ref()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented().to_ref());
        }
        Ok(op.result(&self.delta()?.us(), &o.delta()?.us()))
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        if core::ptr::eq(self, &**utc()?) {
            return Str::new("datetime.timezone.utc");
        }
        let off = self.delta()?.repr()?;
        match &self.name {
            None => Str::format(format_args!("{}({})", self.ty().tp_name(), off.to_string_lossy())),
            Some(n) => Str::format(format_args!(
                "{}({}, {})",
                self.ty().tp_name(),
                off.to_string_lossy(),
                n.repr()?.to_string_lossy()
            )),
        }
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        if let Some(n) = self.name.as_ref().and_then(|n| n.downcast::<Str>()) {
            return Ok(Ref::new_ref(n));
        }
        let us = self.delta()?.small_us();
        if us == 0 {
            return Str::new("UTC");
        }
        Str::format(format_args!("UTC{}", format_offset(us, ":")))
    }

    /// If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'.
    #[pymethod(sig = "object, /")]
    fn tzname(&self, object: &Object) -> PyResult<Ref<Str>> {
        check_dt(object, "tzname")?;
        self.tp_str()
    }

    /// Return fixed offset.
    #[pymethod(sig = "object, /")]
    fn utcoffset(&self, object: &Object) -> PyResult<Ref<Delta>> {
        check_dt(object, "utcoffset")?;
        Ok(self.delta()?.clone())
    }

    /// Return None.
    #[pymethod(sig = "object, /")]
    fn dst(&self, object: &Object) -> PyResult<()> {
        check_dt(object, "dst")
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "object, /")]
    fn fromutc(&self, object: &Object) -> PyResult<PyRef> {
        let Some(dt) = object.downcast::<DateTime>() else {
            return Err(raise!(TypeError, "fromutc: argument must be a datetime"));
        };
        if !dt.tz().is_some_and(|t| t.is(self)) {
            return Err(raise!(ValueError, "fromutc: dt.tzinfo is not self"));
        }
        dt.shifted(self.delta()?.us())
    }

    /// pickle support
    #[pymethod(name = "__getinitargs__")]
    fn getinitargs(&self) -> PyResult<PyRef> {
        let off: &Object = self.delta()?;
        match &self.name {
            None => Ok(Tuple::from_slice(&[off])?.upcast()),
            Some(n) => Ok(Tuple::from_slice(&[off, n])?.upcast()),
        }
    }
}
