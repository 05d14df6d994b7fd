//! `datetime.time`.

use super::args::{bind, format_arg, int, state};
use super::calendar::{check_time, format_offset, format_time, parse_time};
use super::date::{Shown, format_object, iso_arg, iso_error, strftime, strptime};
use super::delta::{Delta, hash_us};
use super::zone::{check_tz, from_offset, name_of, offset_object, offset_of};
use macros::pyclass;
use runtime::abi;
use runtime::convert::{Arg, FuncArgs};
use runtime::prelude::*;
use runtime::typeobject::CompareOp;

/// A `time`: hour, minute, second, three bytes of microseconds.
#[repr(transparent)]
pub struct Time(pub abi::PyDateTime_Time);

/// Hour, minute, second, microsecond.
pub type Hmsu = (i64, i64, i64, i64);

impl Time {
    #[inline]
    pub fn hmsu(&self) -> Hmsu {
        let d = &self.0.data;
        (d[0] as i64, d[1] as i64, d[2] as i64, (d[3] as i64) << 16 | (d[4] as i64) << 8 | d[5] as i64)
    }
    pub fn fold(&self) -> u8 {
        self.0.fold
    }
    pub fn tz(&self) -> Option<&Object> {
        if self.0.hastzinfo == 0 {
            return None;
        }
        // SAFETY: with the flag set the field owns a tzinfo.
        unsafe { Object::from_ptr_opt(self.0.tzinfo) }
    }

    /// A time of checked numbers.
    pub fn alloc(cls: &Type, (h, m, s, us): Hmsu, tz: Option<&Object>, fold: u8) -> PyResult<Ref<Time>> {
        let o: Ref<Time> = runtime::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            let raw = &raw mut (*o.as_raw()).0;
            (*raw).hashcode = -1;
            (*raw).data = [h as u8, m as u8, s as u8, (us >> 16) as u8, (us >> 8) as u8, us as u8];
            (*raw).fold = fold;
            (*raw).hastzinfo = tz.is_some() as _;
            (*raw).tzinfo = tz.map_or(core::ptr::null_mut(), |t| t.to_ref().into_ptr());
        }
        Ok(o)
    }

    /// A time of a class: made directly, or by calling a subclass.
    pub fn make(cls: &Type, t: Hmsu, tz: Option<&Object>, fold: i64) -> PyResult<PyRef> {
        check_time(t.0, t.1, t.2, t.3, fold)?;
        if core::ptr::eq(cls, Time::type_object()) {
            return Ok(Time::alloc(cls, t, tz, fold as u8)?.upcast());
        }
        let v = [Int::from_i64(t.0)?, Int::from_i64(t.1)?, Int::from_i64(t.2)?, Int::from_i64(t.3)?];
        let r = cls.call(&[&**v[0], &**v[1], &**v[2], &**v[3], tz.unwrap_or(none())])?;
        if let (Some(o), true) = (r.downcast::<Time>(), fold != 0) {
            // SAFETY: one byte of an object just made.
            unsafe { (&raw const o.0.fold).cast_mut().write(1) };
        }
        Ok(r)
    }

    /// Microseconds since midnight.
    fn us(&self) -> i64 {
        let (h, m, s, us) = self.hmsu();
        ((h * 60 + m) * 60 + s) * 1_000_000 + us
    }

    fn offset(&self) -> PyResult<Option<i64>> {
        offset_of(self.tz(), "utcoffset", none())
    }

    fn iso(&self, timespec: Option<&str>) -> PyResult<String> {
        let (h, m, s, us) = self.hmsu();
        let mut text =
            format_time(h, m, s, us, timespec).ok_or_else(|| raise!(ValueError, "Unknown timespec value"))?;
        let off = self.call_method(intern!("utcoffset"), &[])?;
        if let Some(d) = off.downcast::<Delta>() {
            text.push_str(&format_offset(d.small_us(), ":"));
        }
        Ok(text)
    }
}

/// Drops the tzinfo and frees a `time` or `datetime`.
///
/// # Safety
/// `tz` is the field of the dead object `o`.
pub unsafe fn dealloc(o: &Object, has: bool, tz: *mut abi::PyObject) {
    // SAFETY: the field owns its reference when the flag is set.
    unsafe {
        if has {
            drop(PyRef::from_ptr_opt(tz));
        }
        if let Some(free) = o.ty().slots().tp_free {
            free(o.as_ptr().cast());
        }
    }
}

const NAMES: [&str; 6] = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"];

#[pyclass(
    name = "time",
    module = "datetime",
    flags = "BASETYPE",
    doc = "time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object\n\nAll arguments are optional. tzinfo may be None, or an instance of\na tzinfo subclass. The remaining arguments may be ints."
)]
impl Time {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if let (Some(s), true) = (args.get(0), (1..=2).contains(&args.len()) && args.kwnames.is_empty()) {
            if let Some(v) = state(s, 6).filter(|v| v[0] & 0x7f < 24) {
                let tz = match args.get(1) {
                    Some(t) => check_tz(t).map_err(|e| {
                        e.clear();
                        raise!(TypeError, "bad tzinfo state arg")
                    })?,
                    None => None,
                };
                let us = (v[3] as i64) << 16 | (v[4] as i64) << 8 | v[5] as i64;
                return Ok(
                    Time::alloc(cls, ((v[0] & 0x7f) as i64, v[1] as i64, v[2] as i64, us), tz, v[0] >> 7)?.upcast()
                );
            }
        }
        let [h, m, s, us, tz, fold] = bind(&args, NAMES, 5, 0)?;
        let t = (int(h, 0)?, int(m, 0)?, int(s, 0)?, int(us, 0)?);
        let fold = int(fold, 0)?;
        check_time(t.0, t.1, t.2, t.3, fold)?;
        let tz = match tz {
            Some(t) => check_tz(t)?,
            None => None,
        };
        Ok(Time::alloc(cls, t, tz, fold as u8)?.upcast())
    }

    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dead.
        unsafe { dealloc(&*this, (*this).0.hastzinfo != 0, (*this).0.tzinfo) }
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let (h, m, s, us) = self.hmsu();
        let mut out = format!("{}({h}, {m}", self.ty().tp_name());
        if us != 0 {
            out.push_str(&format!(", {s}, {us}"));
        } else if s != 0 {
            out.push_str(&format!(", {s}"));
        }
        if let Some(tz) = self.tz() {
            out.push_str(&format!(", tzinfo={}", tz.repr()?.to_string_lossy()));
        }
        if self.fold() != 0 {
            out.push_str(", fold=1");
        }
        out.push(')');
        Str::new(&out)
    }

    #[slot]
    fn tp_str(&self) -> PyResult<PyRef> {
        self.call_method(intern!("isoformat"), &[])
    }

    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        if self.0.hashcode != -1 {
            return Ok(self.0.hashcode);
        }
        let offset = if self.fold() != 0 {
            let flat = Time::alloc(Time::type_object(), self.hmsu(), self.tz(), 0)?;
            flat.offset()?
        } else {
            self.offset()?
        };
        let h = match offset {
            None => runtime::pyhash::hash_bytes(&self.0.data),
            Some(o) => hash_us(&*Delta::from_us((self.us() - o) as i128)?)?,
        };
        // SAFETY: one aligned word; racing threads write the same value.
        unsafe { (&raw const self.0.hashcode).cast_mut().write_volatile(h) };
        Ok(h)
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Time>() else { return Ok(not_implemented().to_ref()) };
        let same = match (self.tz(), o.tz()) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is(b),
            _ => false,
        };
        if same {
            return Ok(op.result(&self.0.data, &o.0.data));
        }
        match (self.offset()?, o.offset()?) {
            (None, None) => Ok(op.result(&self.0.data, &o.0.data)),
            (Some(a), Some(b)) => Ok(op.result(&(self.us() - a), &(o.us() - b))),
            _ => match op {
                CompareOp::Eq => Ok(false_().to_ref()),
                CompareOp::Ne => Ok(true_().to_ref()),
                _ => Err(raise!(TypeError, "can't compare offset-naive and offset-aware times")),
            },
        }
    }

    #[pygetset]
    fn hour(&self) -> i64 {
        self.hmsu().0
    }
    #[pygetset]
    fn minute(&self) -> i64 {
        self.hmsu().1
    }
    #[pygetset]
    fn second(&self) -> i64 {
        self.hmsu().2
    }
    #[pygetset]
    fn microsecond(&self) -> i64 {
        self.hmsu().3
    }
    #[pygetset]
    fn tzinfo(&self) -> PyRef {
        self.tz().unwrap_or(none()).to_ref()
    }
    #[pygetset(name = "fold")]
    fn get_fold(&self) -> i64 {
        self.fold() as i64
    }

    /// string, format -> new time parsed from a string (like time.strptime()).
    #[pyclassmethod(raw, name = "strptime", text_signature = None)]
    fn strptime_time(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        strptime("_strptime_datetime_time", cls, &args)
    }

    /// Return string in ISO 8601 format, [HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    ///
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(sig = "timespec=None", text_signature = None)]
    fn isoformat(&self, timespec: Option<&str>) -> PyResult<String> {
        self.iso(timespec)
    }

    /// format -> strftime() style string.
    #[pymethod(name = "strftime", sig = "format", text_signature = None)]
    fn strftime_time(&self, format: &Object) -> PyResult<Ref<Str>> {
        let f = format_arg("strftime", format)?;
        let (h, m, s, us) = self.hmsu();
        strftime(&Shown { object: self, ymd: (1900, 1, 1), hms: (h, m, s), us, dst: -1 }, f)
    }

    /// Formats self with strftime.
    #[pymethod(name = "__format__", text_signature = None)]
    fn format_(&self, spec: &Object) -> PyResult<PyRef> {
        format_object(self, spec)
    }

    /// Return the timezone offset as timedelta positive east of UTC (negative west of UTC).
    #[pymethod]
    fn utcoffset(&self) -> PyResult<PyRef> {
        offset_object(self.tz(), "utcoffset", none())
    }
    /// Return the timezone name associated with the time.
    #[pymethod]
    fn tzname(&self) -> PyResult<PyRef> {
        name_of(self.tz(), none())
    }
    /// Return daylight saving time offset.
    #[pymethod]
    fn dst(&self) -> PyResult<PyRef> {
        offset_object(self.tz(), "dst", none())
    }

    /// Return time with new specified fields.
    #[pymethod(
        sig = "hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged"
    )]
    fn replace(
        &self,
        hour: Option<&Object>,
        minute: Option<&Object>,
        second: Option<&Object>,
        microsecond: Option<&Object>,
        tzinfo: Arg<&Object>,
        fold: Option<&Object>,
    ) -> PyResult<PyRef> {
        let (h, m, s, us) = self.hmsu();
        let tz = match tzinfo {
            Arg::Given(t) => check_tz(t)?,
            Arg::Missing => self.tz(),
        };
        Time::make(
            self.ty(),
            (int(hour, h)?, int(minute, m)?, int(second, s)?, int(microsecond, us)?),
            tz,
            int(fold, self.fold() as i64)?,
        )
    }

    /// The same as replace().
    #[pymethod(name = "__replace__", raw, text_signature = "**changes")]
    fn replace2(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let [h, m, s, us, tz, fold] = bind(&args, NAMES, 5, 0)?;
        self.replace(h, m, s, us, tz.map_or(Arg::Missing, Arg::Given), fold)
    }

    /// Construct a time from a string in ISO 8601 format.
    #[pyclassmethod(sig = "object, /")]
    fn fromisoformat(cls: &Type, object: &Object) -> PyResult<PyRef> {
        let s = iso_arg(object)?;
        let text = s.to_string_lossy();
        let body = text.strip_prefix('T').unwrap_or(&text);
        let Some((h, m, sec, us, offset)) = parse_time(body.as_bytes()) else { return Err(iso_error(s)) };
        let midnight = h == 24;
        if midnight && (m, sec, us) != (0, 0, 0) {
            return Err(raise!(ValueError, "minute, second, and microsecond must be 0 when hour is 24"));
        }
        let tz = match offset {
            Some(o) => Some(from_offset(&*Delta::from_us(o as i128)?, None)?),
            None => None,
        };
        Time::make(cls, (if midnight { 0 } else { h }, m, sec, us), tz.as_deref(), 0)
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(name = "__reduce_ex__", text_signature = None)]
    fn reduce_ex(&self, protocol: i32) -> PyResult<PyRef> {
        let mut data = self.0.data;
        if protocol > 3 && self.fold() != 0 {
            data[0] |= 0x80;
        }
        let state = Bytes::new(&data)?;
        let args = match self.tz() {
            Some(t) => Tuple::from_slice(&[&**state, t])?,
            None => Tuple::from_slice(&[&**state])?,
        };
        let ty: &Object = self.ty();
        Ok(Tuple::from_slice(&[ty, &args])?.upcast())
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        self.reduce_ex(2)
    }
}
