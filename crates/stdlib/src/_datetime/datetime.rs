//! `datetime`.

use super::args::{bind, format_arg, int, state};
use super::calendar::*;
use super::date::{Date, Shown, ctime_text, iso_arg, iso_error, strftime, strptime, struct_time};
use super::delta::{Delta, hash_us};
use super::time::{Hmsu, Time, dealloc};
use super::zone::{check_tz, from_offset, name_of, offset_object, offset_of, utc};
use crate::pytime::{self, Round};
use macros::pyclass;
use runtime::abi;
use runtime::convert::{Arg, FuncArgs};
use runtime::objects::StrBuilder;
use runtime::prelude::*;
use runtime::typeobject::CompareOp;

/// A `datetime`: a date's four bytes, then a time's six.
#[repr(transparent)]
pub struct DateTime(pub abi::PyDateTime_DateTime);

/// Year, month, day.
pub type Ymd = (i64, i64, i64);

/// Longest fold (and gap) of a zone's clock.
const MAX_FOLD: i64 = 24 * 3600;

/// Seconds since the epoch of a clock reading taken as UTC.
fn seconds((y, m, d): Ymd, (h, mi, s): (i64, i64, i64)) -> i64 {
    ((ordinal(y, m, d) - EPOCH) * 24 + h) * 3600 + mi * 60 + s
}

/// The local clock reading at a timestamp, as seconds.
fn local(t: i64) -> PyResult<i64> {
    let tm = pytime::broken_down(t, true)?;
    Ok(seconds(
        (tm.tm_year as i64 + 1900, tm.tm_mon as i64 + 1, tm.tm_mday as i64),
        (tm.tm_hour as i64, tm.tm_min as i64, tm.tm_sec.min(59) as i64),
    ))
}

/// The timestamp at which the local clock reads `t` seconds; `fold` picks the second of two.
fn from_local(t: i64, fold: u8) -> PyResult<i64> {
    let a = local(t)? - t;
    let u1 = t - a;
    let t1 = local(u1)?;
    let b;
    if t1 == t {
        // One solution: the other, if any, lies on the other side of a transition.
        let u2 = if fold != 0 { u1 + MAX_FOLD } else { u1 - MAX_FOLD };
        let c = local(u2)? - u2;
        if c == a {
            return Ok(u1);
        }
        b = c;
    } else {
        b = t1 - u1;
    }
    let u2 = t - b;
    if local(u2)? == t {
        return Ok(u2);
    }
    if t1 == t {
        return Ok(u1);
    }
    // A gap: the clock never showed t.
    Ok(if fold != 0 { u1.min(u2) } else { u1.max(u2) })
}

impl DateTime {
    #[inline]
    pub fn ymd(&self) -> Ymd {
        let d = &self.0.data;
        ((d[0] as i64) << 8 | d[1] as i64, d[2] as i64, d[3] as i64)
    }
    #[inline]
    pub fn hmsu(&self) -> Hmsu {
        let d = &self.0.data;
        (d[4] as i64, d[5] as i64, d[6] as i64, (d[7] as i64) << 16 | (d[8] as i64) << 8 | d[9] as i64)
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

    /// A datetime of checked numbers.
    pub fn alloc(
        cls: &Type,
        (y, m, d): Ymd,
        (h, mi, s, us): Hmsu,
        tz: Option<&Object>,
        fold: u8,
    ) -> PyResult<Ref<DateTime>> {
        let o: Ref<DateTime> = runtime::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            let raw = &raw mut (*o.as_raw()).0;
            (*raw).hashcode = -1;
            (*raw).data = [
                (y >> 8) as u8,
                y as u8,
                m as u8,
                d as u8,
                h as u8,
                mi as u8,
                s as u8,
                (us >> 16) as u8,
                (us >> 8) as u8,
                us as u8,
            ];
            (*raw).fold = fold;
            (*raw).hastzinfo = tz.is_some() as _;
            (*raw).tzinfo = tz.map_or(core::ptr::null_mut(), |t| t.to_ref().into_ptr());
        }
        Ok(o)
    }

    /// A datetime of a class: made directly, or by calling a subclass.
    pub fn make(cls: &Type, ymd: Ymd, t: Hmsu, tz: Option<&Object>, fold: i64) -> PyResult<PyRef> {
        check_date(ymd.0, ymd.1, ymd.2)?;
        check_time(t.0, t.1, t.2, t.3, fold)?;
        if core::ptr::eq(cls, DateTime::type_object()) {
            return Ok(DateTime::alloc(cls, ymd, t, tz, fold as u8)?.upcast());
        }
        let mut v: Vec<PyRef> = Vec::with_capacity(8);
        for n in [ymd.0, ymd.1, ymd.2, t.0, t.1, t.2, t.3] {
            v.push(Int::from_i64(n)?.upcast());
        }
        v.push(tz.unwrap_or(none()).to_ref());
        let args: Vec<&Object> = v.iter().map(|o| &**o).collect();
        let r = cls.call(&args)?;
        if let (Some(o), true) = (r.downcast::<DateTime>(), fold != 0) {
            // SAFETY: one byte of an object just made.
            unsafe { (&raw const o.0.fold).cast_mut().write(1) };
        }
        Ok(r)
    }

    /// Microseconds since 0001-01-01 (as day 1).
    fn us(&self) -> i128 {
        let (y, m, d) = self.ymd();
        let (h, mi, s, us) = self.hmsu();
        ordinal(y, m, d) as i128 * US_PER_DAY + (((h * 60 + mi) * 60 + s) * 1_000_000 + us) as i128
    }

    fn from_us(cls: &Type, us: i128, tz: Option<&Object>) -> PyResult<PyRef> {
        let days = us.div_euclid(US_PER_DAY);
        let rest = us.rem_euclid(US_PER_DAY) as i64;
        if !(1..=MAX_ORDINAL as i128).contains(&days) {
            return Err(raise!(OverflowError, "date value out of range"));
        }
        let s = rest / 1_000_000;
        DateTime::make(cls, from_ordinal(days as i64), (s / 3600, s / 60 % 60, s % 60, rest % 1_000_000), tz, 0)
    }

    /// This moved by microseconds, in the same class and zone.
    pub fn shifted(&self, us: i128) -> PyResult<PyRef> {
        DateTime::from_us(self.ty(), self.us() + us, self.tz())
    }

    /// The UTC offset in microseconds.
    fn offset(&self) -> PyResult<Option<i64>> {
        offset_of(self.tz(), "utcoffset", self)
    }

    /// The offset that the other fold would have.
    fn offset_other_fold(&self) -> PyResult<Option<i64>> {
        let other = DateTime::alloc(DateTime::type_object(), self.ymd(), self.hmsu(), self.tz(), 1 - self.fold())?;
        other.offset()
    }

    /// A datetime in a fold or gap of its zone equals nothing in another zone (PEP 495).
    fn problematic(&self, offset: Option<i64>) -> PyResult<bool> {
        Ok(self.offset_other_fold()? != offset)
    }

    /// From a timestamp: the clock of `localtime` or `gmtime`, whole seconds and microseconds.
    fn from_stamp(cls: &Type, t: i64, us: i64, use_local: bool, tz: Option<&Object>) -> PyResult<PyRef> {
        let tm = pytime::broken_down(t, use_local)?;
        let ymd = (tm.tm_year as i64 + 1900, tm.tm_mon as i64 + 1, tm.tm_mday as i64);
        let hms = (tm.tm_hour as i64, tm.tm_min as i64, tm.tm_sec.min(59) as i64);
        let mut fold = 0;
        // The second of two equal readings?
        if tz.is_none() && use_local && t > MAX_FOLD {
            let here = seconds(ymd, hms);
            let before = local(t - MAX_FOLD)?;
            let transition = here - before - MAX_FOLD;
            if transition < 0 && local(t + transition)? == here {
                fold = 1;
            }
        }
        DateTime::make(cls, ymd, (hms.0, hms.1, hms.2, us), tz, fold)
    }

    fn from_timestamp(cls: &Type, stamp: &Object, tz: Option<&Object>, use_local: bool) -> PyResult<PyRef> {
        let (t, us) = pytime::to_time_t_and_fraction(stamp, 1_000_000, Round::HalfEven)?;
        Self::from_stamp(cls, t, us, use_local, tz)
    }

    fn now_in(cls: &Type, use_local: bool, tz: Option<&Object>) -> PyResult<PyRef> {
        let ns = pytime::clock_ns(libc::CLOCK_REALTIME).ok_or_else(|| runtime::error::raise_from_errno(None))?;
        Self::from_stamp(cls, ns.div_euclid(pytime::NS), ns.rem_euclid(pytime::NS) / 1000, use_local, tz)
    }

    /// The system's zone at this local clock reading, as a fixed offset.
    fn local_zone(t: i64) -> PyResult<PyRef> {
        let tm = pytime::broken_down(t, true)?;
        let offset = Delta::from_us(tm.tm_gmtoff as i128 * 1_000_000)?;
        let name = Str::new(&pytime::zone_name(&tm))?;
        from_offset(&offset, Some(&name))
    }

    fn iso(&self, sep: &Str, timespec: Option<&str>) -> PyResult<Ref<Str>> {
        let ((y, m, d), (h, mi, s, us)) = (self.ymd(), self.hmsu());
        let time = format_time(h, mi, s, us, timespec).ok_or_else(|| raise!(ValueError, "Unknown timespec value"))?;
        let mut text = StrBuilder::new();
        text.push_str(&format!("{y:04}-{m:02}-{d:02}"));
        text.push_obj(sep);
        text.push_str(&time);
        let off = self.call_method(intern!("utcoffset"), &[])?;
        if let Some(d) = off.downcast::<Delta>() {
            text.push_str(&format_offset(d.small_us(), ":"));
        }
        text.finish()
    }
}

const NAMES: [&str; 9] = ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];

fn same_tz(a: Option<&Object>, b: Option<&Object>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.is(b),
        _ => false,
    }
}

#[pyclass(name = "datetime", module = "datetime", base = Date, flags = "BASETYPE",
    doc = "datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])\n\nThe year, month and day arguments are required. tzinfo may be None, or an\ninstance of a tzinfo subclass. The remaining arguments may be ints.")]
impl DateTime {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if let (Some(s), true) = (args.get(0), (1..=2).contains(&args.len()) && args.kwnames.is_empty()) {
            if let Some(v) = state(s, 10).filter(|v| (1..=12).contains(&(v[2] & 0x7f))) {
                let tz = match args.get(1) {
                    Some(t) => check_tz(t).map_err(|e| {
                        e.clear();
                        raise!(TypeError, "bad tzinfo state arg")
                    })?,
                    None => None,
                };
                let ymd = ((v[0] as i64) << 8 | v[1] as i64, (v[2] & 0x7f) as i64, v[3] as i64);
                let us = (v[7] as i64) << 16 | (v[8] as i64) << 8 | v[9] as i64;
                return Ok(
                    DateTime::alloc(cls, ymd, (v[4] as i64, v[5] as i64, v[6] as i64, us), tz, v[2] >> 7)?.upcast()
                );
            }
        }
        let [y, m, d, h, mi, s, us, tz, fold] = bind(&args, NAMES, 8, 3)?;
        let ymd = (int(y, 0)?, int(m, 0)?, int(d, 0)?);
        let t = (int(h, 0)?, int(mi, 0)?, int(s, 0)?, int(us, 0)?);
        let fold = int(fold, 0)?;
        check_date(ymd.0, ymd.1, ymd.2)?;
        check_time(t.0, t.1, t.2, t.3, fold)?;
        let tz = match tz {
            Some(t) => check_tz(t)?,
            None => None,
        };
        Ok(DateTime::alloc(cls, ymd, t, tz, fold as u8)?.upcast())
    }

    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dead.
        unsafe { dealloc(&*this, (*this).0.hastzinfo != 0, (*this).0.tzinfo) }
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let ((y, m, d), (h, mi, s, us)) = (self.ymd(), self.hmsu());
        let mut out = format!("{}({y}, {m}, {d}, {h}, {mi}", self.ty().tp_name());
        if us != 0 {
            out.push_str(&format!(", {s}, {us}"));
        } else if s != 0 {
            out.push_str(&format!(", {s}"));
        }
        if self.fold() != 0 {
            out.push_str(", fold=1");
        }
        if let Some(tz) = self.tz() {
            out.push_str(&format!(", tzinfo={}", tz.repr()?.to_string_lossy()));
        }
        out.push(')');
        Str::new(&out)
    }

    #[slot]
    fn tp_str(&self) -> PyResult<PyRef> {
        self.call_method(intern!("isoformat"), &[intern!(" ")])
    }

    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        if self.0.hashcode != -1 {
            return Ok(self.0.hashcode);
        }
        let offset = if self.fold() != 0 { self.offset_other_fold()? } else { self.offset()? };
        let h = match offset {
            None => runtime::pyhash::hash_bytes(&self.0.data),
            Some(o) => hash_us(&*Delta::from_us(self.us() - o as i128)?)?,
        };
        // SAFETY: one aligned word; racing threads write the same value.
        unsafe { (&raw const self.0.hashcode).cast_mut().write_volatile(h) };
        Ok(h)
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<DateTime>() else { return Ok(not_implemented().to_ref()) };
        if same_tz(self.tz(), o.tz()) {
            return Ok(op.result(&self.0.data, &o.0.data));
        }
        let (a, b) = (self.offset()?, o.offset()?);
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let order = match (a, b) {
            (Some(x), Some(y)) => (self.us() - x as i128).cmp(&(o.us() - y as i128)),
            (None, None) => self.0.data.cmp(&o.0.data),
            _ if equality => return Ok(Bool::of(op == CompareOp::Ne).to_ref()),
            _ => return Err(raise!(TypeError, "can't compare offset-naive and offset-aware datetimes")),
        };
        if equality && order.is_eq() && (self.problematic(a)? || o.problematic(b)?) {
            return Ok(Bool::of(op == CompareOp::Ne).to_ref());
        }
        Ok(Bool::of(op.holds(order)).to_ref())
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        match (a.downcast::<DateTime>(), a.downcast::<Delta>(), b.downcast::<DateTime>(), b.downcast::<Delta>()) {
            (Some(d), _, _, Some(t)) | (_, Some(t), Some(d), _) => d.shifted(t.us()),
            _ => Ok(not_implemented().to_ref()),
        }
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        let Some(x) = a.downcast::<DateTime>() else { return Ok(not_implemented().to_ref()) };
        if let Some(y) = b.downcast::<DateTime>() {
            let mut diff = x.us() - y.us();
            if !same_tz(x.tz(), y.tz()) {
                match (x.offset()?, y.offset()?) {
                    (Some(p), Some(q)) => diff -= (p - q) as i128,
                    (None, None) => {}
                    _ => return Err(raise!(TypeError, "can't subtract offset-naive and offset-aware datetimes")),
                }
            }
            return Ok(Delta::from_us(diff)?.upcast());
        }
        match b.downcast::<Delta>() {
            Some(t) => x.shifted(-t.us()),
            None => Ok(not_implemented().to_ref()),
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

    /// Returns new datetime object representing current time local to tz.
    ///
    ///   tz
    ///     Timezone object.
    ///
    /// If no tz is specified, uses local timezone.
    #[pyclassmethod(sig = "tz=None")]
    fn now(cls: &Type, tz: Option<&Object>) -> PyResult<PyRef> {
        let tz = match tz {
            Some(t) => check_tz(t)?,
            None => None,
        };
        let r = DateTime::now_in(cls, tz.is_none(), tz)?;
        match tz {
            Some(t) => t.call_method(intern!("fromutc"), &[&r]),
            None => Ok(r),
        }
    }

    /// Return a new datetime representing UTC day and time.
    #[pyclassmethod]
    fn utcnow(cls: &Type) -> PyResult<PyRef> {
        runtime::error::warn(
            exc::DeprecationWarning(),
            "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).",
            1,
        )?;
        DateTime::now_in(cls, false, None)
    }

    /// timestamp[, tz] -> tz's local time from POSIX timestamp.
    #[pyclassmethod(sig = "timestamp, tz=None", text_signature = None)]
    fn fromtimestamp(cls: &Type, timestamp: &Object, tz: Option<&Object>) -> PyResult<PyRef> {
        let tz = match tz {
            Some(t) => check_tz(t)?,
            None => None,
        };
        let r = DateTime::from_timestamp(cls, timestamp, tz, tz.is_none())?;
        match tz {
            Some(t) => t.call_method(intern!("fromutc"), &[&r]),
            None => Ok(r),
        }
    }

    /// Construct a naive UTC datetime from a POSIX timestamp.
    #[pyclassmethod(text_signature = None)]
    fn utcfromtimestamp(cls: &Type, timestamp: &Object) -> PyResult<PyRef> {
        runtime::error::warn(
            exc::DeprecationWarning(),
            "datetime.datetime.utcfromtimestamp() is deprecated and scheduled for removal in a future version. Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.fromtimestamp(timestamp, datetime.UTC).",
            1,
        )?;
        DateTime::from_timestamp(cls, timestamp, None, false)
    }

    /// string, format -> new datetime parsed from a string (like time.strptime()).
    #[pyclassmethod(raw, name = "strptime", text_signature = None)]
    fn strptime_datetime(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        strptime("_strptime_datetime_datetime", cls, &args)
    }

    /// date, time -> datetime with same date and time fields
    #[pyclassmethod(sig = "date, time, tzinfo=unchanged", text_signature = None)]
    fn combine(cls: &Type, date: &Object, time: &Object, tzinfo: Arg<&Object>) -> PyResult<PyRef> {
        let Some(d) = date.downcast::<Date>() else {
            return Err(raise!(TypeError, "combine() argument 1 must be datetime.date, not {}", date.ty().name_str()));
        };
        let Some(t) = time.downcast::<Time>() else {
            return Err(raise!(TypeError, "combine() argument 2 must be datetime.time, not {}", time.ty().name_str()));
        };
        let tz = match tzinfo {
            Arg::Given(z) => check_tz(z)?,
            Arg::Missing => t.tz(),
        };
        DateTime::make(cls, d.ymd(), t.hmsu(), tz, t.fold() as i64)
    }

    /// Construct a date from a string in ISO 8601 format.
    #[pyclassmethod(sig = "object, /")]
    fn fromisoformat(cls: &Type, object: &Object) -> PyResult<PyRef> {
        let s = iso_arg(object)?;
        let owned: String;
        let mut text: &str = &s.to_string_lossy();
        // One character separates; any will do, so a wide one is replaced to keep byte offsets simple.
        if !text.is_ascii() {
            owned = text.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
            text = &owned;
        }
        let b = text.as_bytes();
        if b.len() < 7 {
            return Err(iso_error(s));
        }
        let cut = date_length(b).min(b.len());
        let Some(mut ymd) = parse_date(&b[..cut]) else { return Err(iso_error(s)) };
        if b.len() == cut {
            return DateTime::make(cls, ymd, (0, 0, 0, 0), None, 0);
        }
        let Some((mut h, m, sec, us, offset)) = b.get(cut + 1..).and_then(parse_time) else { return Err(iso_error(s)) };
        if h == 24 {
            if (m, sec, us) != (0, 0, 0) {
                return Err(raise!(ValueError, "minute, second, and microsecond must be 0 when hour is 24"));
            }
            check_date(ymd.0, ymd.1, ymd.2)?;
            h = 0;
            ymd = from_ordinal(ordinal(ymd.0, ymd.1, ymd.2) + 1);
        }
        let tz = match offset {
            Some(o) => Some(from_offset(&*Delta::from_us(o as i128)?, None)?),
            None => None,
        };
        DateTime::make(cls, ymd, (h, m, sec, us), tz.as_deref(), 0)
    }

    /// Return date object with same year, month and day.
    #[pymethod]
    fn date(&self) -> PyResult<Ref<Date>> {
        Date::alloc(Date::type_object(), self.ymd())
    }
    /// Return time object with same time but with tzinfo=None.
    #[pymethod]
    fn time(&self) -> PyResult<Ref<Time>> {
        Time::alloc(Time::type_object(), self.hmsu(), None, self.fold())
    }
    /// Return time object with same time and tzinfo.
    #[pymethod]
    fn timetz(&self) -> PyResult<Ref<Time>> {
        Time::alloc(Time::type_object(), self.hmsu(), self.tz(), self.fold())
    }
    /// Return ctime() style string.
    #[pymethod]
    fn ctime(&self) -> PyResult<Ref<Str>> {
        let (h, m, s, _) = self.hmsu();
        ctime_text(self.ymd(), (h, m, s))
    }
    /// format -> strftime() style string.
    #[pymethod(name = "strftime", sig = "format", text_signature = None)]
    fn strftime_datetime(&self, format: &Object) -> PyResult<Ref<Str>> {
        let f = format_arg("strftime", format)?;
        let (h, m, s, us) = self.hmsu();
        let dst = match offset_of(self.tz(), "dst", self)? {
            None => -1,
            Some(d) => (d != 0) as i32,
        };
        strftime(&Shown { object: self, ymd: self.ymd(), hms: (h, m, s), us, dst }, f)
    }
    /// Return time tuple, compatible with time.localtime().
    #[pymethod]
    fn timetuple(&self) -> PyResult<PyRef> {
        let dst = match offset_of(self.tz(), "dst", self)? {
            None => -1,
            Some(d) => (d != 0) as i64,
        };
        let (h, m, s, _) = self.hmsu();
        struct_time(self.ymd(), (h, m, s), dst)
    }
    /// Return UTC time tuple, compatible with time.localtime().
    #[pymethod]
    fn utctimetuple(&self) -> PyResult<PyRef> {
        let off = self.offset()?.unwrap_or(0);
        let total = self.us() - off as i128;
        let days = total.div_euclid(US_PER_DAY) as i64;
        let s = (total.rem_euclid(US_PER_DAY) / 1_000_000) as i64;
        if days < 1 || days > MAX_ORDINAL {
            return Err(raise!(OverflowError, "date value out of range"));
        }
        struct_time(from_ordinal(days), (s / 3600, s / 60 % 60, s % 60), 0)
    }
    /// Return POSIX timestamp as float.
    #[pymethod]
    fn timestamp(&self) -> PyResult<f64> {
        let (h, m, s, us) = self.hmsu();
        if let Some(o) = self.offset()? {
            let total = self.us() - o as i128 - EPOCH as i128 * US_PER_DAY;
            return Int::from_i128(total)?.truediv_int(&*Int::from_i64(1_000_000)?);
        }
        let t = from_local(seconds(self.ymd(), (h, m, s)), self.fold())?;
        Ok(t as f64 + us as f64 / 1e6)
    }
    /// [sep] -> string in ISO 8601 format, YYYY-MM-DDT[HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    ///
    /// sep is used to separate the year from the time, and defaults to 'T'.
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(sig = "sep='T', timespec=None", text_signature = None)]
    fn isoformat(&self, sep: Arg<&Object>, timespec: Option<&str>) -> PyResult<Ref<Str>> {
        match sep {
            Arg::Missing => self.iso(intern!("T"), timespec),
            Arg::Given(o) => match o.downcast::<Str>() {
                Some(s) if s.len() == 1 => self.iso(s, timespec),
                Some(s) => Err(raise!(
                    TypeError,
                    "isoformat() argument 1 must be a unicode character, not a string of length {}",
                    s.len()
                )),
                None => Err(raise!(
                    TypeError,
                    "isoformat() argument 1 must be a unicode character, not {}",
                    o.ty().name_str()
                )),
            },
        }
    }
    /// Return self.tzinfo.utcoffset(self).
    #[pymethod]
    fn utcoffset(&self) -> PyResult<PyRef> {
        offset_object(self.tz(), "utcoffset", self)
    }
    /// Return self.tzinfo.tzname(self).
    #[pymethod]
    fn tzname(&self) -> PyResult<PyRef> {
        name_of(self.tz(), self)
    }
    /// Return self.tzinfo.dst(self).
    #[pymethod]
    fn dst(&self) -> PyResult<PyRef> {
        offset_object(self.tz(), "dst", self)
    }

    /// Return datetime with new specified fields.
    #[pymethod(
        sig = "year=unchanged, month=unchanged, day=unchanged, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged"
    )]
    #[allow(clippy::too_many_arguments)]
    fn replace(
        &self,
        year: Option<&Object>,
        month: Option<&Object>,
        day: Option<&Object>,
        hour: Option<&Object>,
        minute: Option<&Object>,
        second: Option<&Object>,
        microsecond: Option<&Object>,
        tzinfo: Arg<&Object>,
        fold: Option<&Object>,
    ) -> PyResult<PyRef> {
        let ((y, m, d), (h, mi, s, us)) = (self.ymd(), self.hmsu());
        let tz = match tzinfo {
            Arg::Given(t) => check_tz(t)?,
            Arg::Missing => self.tz(),
        };
        DateTime::make(
            self.ty(),
            (int(year, y)?, int(month, m)?, int(day, d)?),
            (int(hour, h)?, int(minute, mi)?, int(second, s)?, int(microsecond, us)?),
            tz,
            int(fold, self.fold() as i64)?,
        )
    }

    /// The same as replace().
    #[pymethod(name = "__replace__", raw, text_signature = "**changes")]
    fn replace2(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let [y, m, d, h, mi, s, us, tz, fold] = bind(&args, NAMES, 8, 0)?;
        self.replace(y, m, d, h, mi, s, us, tz.map_or(Arg::Missing, Arg::Given), fold)
    }

    /// tz -> convert to local time in new timezone tz
    #[pymethod(sig = "tz=None", text_signature = None)]
    fn astimezone(&self, tz: Option<&Object>) -> PyResult<PyRef> {
        let target = match tz {
            Some(t) => check_tz(t)?.map(|t| t.to_ref()),
            None => None,
        };
        let local_stamp = || -> PyResult<i64> {
            let (h, m, s, _) = self.hmsu();
            from_local(seconds(self.ymd(), (h, m, s)), self.fold())
        };
        let offset = match self.tz() {
            Some(own) => {
                if target.as_ref().is_some_and(|t| t.is(own)) {
                    return Ok(self.to_ref());
                }
                self.offset()?
            }
            None => None,
        };
        let offset = match offset {
            Some(o) => o,
            None => {
                let (h, m, s, _) = self.hmsu();
                (seconds(self.ymd(), (h, m, s)) - local_stamp()?) * 1_000_000
            }
        };
        let utc_us = self.us() - offset as i128;
        let target = match target {
            Some(t) => t,
            None => {
                let stamp = (utc_us.div_euclid(1_000_000) - EPOCH as i128 * 86400) as i64;
                DateTime::local_zone(stamp)?
            }
        };
        let in_utc = DateTime::from_us(self.ty(), utc_us, Some(&target))?;
        if target.is(&**utc()?) {
            return Ok(in_utc);
        }
        target.call_method(intern!("fromutc"), &[&in_utc])
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(name = "__reduce_ex__", text_signature = None)]
    fn reduce_ex(&self, protocol: i32) -> PyResult<PyRef> {
        let mut data = self.0.data;
        if protocol > 3 && self.fold() != 0 {
            data[2] |= 0x80;
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
