//! `date` and the tuple that `isocalendar` gives.

use super::args::{bind, format_arg, int, state};
use super::calendar::*;
use super::datetime::DateTime;
use super::delta::Delta;
use macros::pyclass;
use runtime::abi;
use runtime::convert::{FuncArgs, IntoPy};
use runtime::prelude::*;
use runtime::typeobject::CompareOp;

/// A `date`: two bytes of year, month, day.
#[repr(transparent)]
pub struct Date(pub abi::PyDateTime_Date);

impl Date {
    #[inline]
    pub fn ymd(&self) -> (i64, i64, i64) {
        let d = &self.0.data;
        ((d[0] as i64) << 8 | d[1] as i64, d[2] as i64, d[3] as i64)
    }

    /// A date of checked numbers.
    pub fn alloc(cls: &Type, (y, m, d): (i64, i64, i64)) -> PyResult<Ref<Date>> {
        let o: Ref<Date> = runtime::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            let raw = &raw mut (*o.as_raw()).0;
            (*raw).hashcode = -1;
            (*raw).hastzinfo = 0;
            (*raw).data = [(y >> 8) as u8, y as u8, m as u8, d as u8];
        }
        Ok(o)
    }

    /// A date of a class: made directly, or by calling a subclass.
    pub fn make(cls: &Type, ymd: (i64, i64, i64)) -> PyResult<PyRef> {
        check_date(ymd.0, ymd.1, ymd.2)?;
        if core::ptr::eq(cls, Date::type_object()) {
            return Ok(Date::alloc(cls, ymd)?.upcast());
        }
        let (y, m, d) = (Int::from_i64(ymd.0)?, Int::from_i64(ymd.1)?, Int::from_i64(ymd.2)?);
        cls.call(&[&**y, &**m, &**d])
    }

    fn plus_days(&self, days: i64) -> PyResult<PyRef> {
        let (y, m, d) = self.ymd();
        let n = ordinal(y, m, d) + days;
        if !(1..=MAX_ORDINAL).contains(&n) {
            return Err(raise!(OverflowError, "date value out of range"));
        }
        Date::make(self.ty(), from_ordinal(n))
    }
}

/// "Wed Jan  1 00:00:00 2020".
pub fn ctime_text((y, m, d): (i64, i64, i64), (h, mi, s): (i64, i64, i64)) -> PyResult<Ref<Str>> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    Str::format(format_args!(
        "{} {} {:2} {:02}:{:02}:{:02} {:04}",
        DAYS[weekday(y, m, d) as usize],
        MONTHS[m as usize - 1],
        d,
        h,
        mi,
        s,
        y
    ))
}

/// `time.struct_time` of calendar fields.
pub fn struct_time((y, m, d): (i64, i64, i64), (h, mi, s): (i64, i64, i64), dst: i64) -> PyResult<PyRef> {
    let yday = days_before_month(y, m) + d;
    let mut v = Vec::with_capacity(9);
    for n in [y, m, d, h, mi, s, weekday(y, m, d), yday, dst] {
        v.push(Int::from_i64(n)?.upcast());
    }
    let fields = Tuple::from_refs(v)?;
    runtime::import::import_attr("time", "struct_time")?.call1(&fields)
}

/// What strftime shows of an object beyond its calendar fields.
pub struct Shown<'a> {
    pub object: &'a Object,
    pub ymd: (i64, i64, i64),
    pub hms: (i64, i64, i64),
    pub us: i64,
    pub dst: i32,
}

/// `strftime` with what C does not know: `%f`, `%z`, `%:z`, `%Z` of the object, and years before 1000.
pub fn strftime(x: &Shown<'_>, format: &Str) -> PyResult<Ref<Str>> {
    let text = format.to_wtf8();
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = &*text;
    let offset = |sep: &str| -> PyResult<String> {
        let Some(f) = x.object.getattr_opt(intern!("utcoffset"))? else { return Ok(String::new()) };
        let o = f.call0()?;
        match o.downcast::<Delta>() {
            Some(d) => Ok(format_offset(d.small_us(), sep)),
            None => Ok(String::new()),
        }
    };
    while let Some(i) = rest.iter().position(|c| *c == b'%') {
        out.extend(&rest[..i]);
        rest = &rest[i..];
        let mut taken = rest.len().min(2);
        let (y, m, d) = x.ymd;
        let shown = match rest.get(1) {
            Some(b'f') => Some(format!("{:06}", x.us)),
            Some(b'z') => Some(offset("")?),
            Some(b':') if rest.get(2) == Some(&b'z') => {
                taken = 3;
                Some(offset(":")?)
            }
            Some(b'Z') => {
                let mut name = Vec::new();
                if let Some(f) = x.object.getattr_opt(intern!("tzname"))? {
                    let n = f.call0()?;
                    if n.downcast_exact::<Str>().is_none() && n.downcast::<Str>().is_some() {
                        let r = n.call_method(intern!("replace"), &[intern!("%"), intern!("%%")])?;
                        if r.downcast::<Str>().is_none() {
                            return Err(raise!(TypeError, "tzname.replace() did not return a string"));
                        }
                    }
                    if let Some(n) = n.downcast::<Str>() {
                        name = n.to_wtf8().into_owned();
                    }
                }
                for c in name {
                    out.push(c);
                    if c == b'%' {
                        out.push(c);
                    }
                }
                Some(String::new())
            }
            Some(b'Y') if y < 1000 => Some(format!("{y:04}")),
            Some(b'C') if y < 1000 => Some(format!("{:02}", y / 100)),
            Some(b'F') if y < 1000 => Some(format!("{y:04}-{m:02}-{d:02}")),
            Some(b'G') if y < 1001 => Some(format!("{:04}", iso_calendar(y, m, d).0)),
            _ => None,
        };
        match shown {
            Some(s) => out.extend(s.as_bytes()),
            None => out.extend(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    out.extend(rest);
    // SAFETY: an all-zero tm is valid.
    let mut tm: libc::tm = unsafe { core::mem::zeroed() };
    let (y, m, d) = x.ymd;
    tm.tm_year = y as i32 - 1900;
    tm.tm_mon = m as i32 - 1;
    tm.tm_mday = d as i32;
    tm.tm_hour = x.hms.0 as i32;
    tm.tm_min = x.hms.1 as i32;
    tm.tm_sec = x.hms.2 as i32;
    tm.tm_wday = ((weekday(y, m, d) + 1) % 7) as i32;
    tm.tm_yday = (days_before_month(y, m) + d - 1) as i32;
    tm.tm_isdst = x.dst;
    let mut bytes = Vec::new();
    for (i, piece) in out.split(|c| *c == 0).enumerate() {
        if i > 0 {
            bytes.push(0);
        }
        bytes.extend(crate::pytime::c_strftime(piece, &tm));
    }
    Str::from_wtf8(&bytes)
}

/// `__format__`: `str()` for an empty spec, else `strftime`.
pub fn format_object(o: &Object, spec: &Object) -> PyResult<PyRef> {
    let spec = format_arg("__format__", spec)?;
    if spec.len() == 0 {
        return Ok(o.str()?.upcast());
    }
    o.call_method(intern!("strftime"), &[spec])
}

/// The str argument of `fromisoformat`, and the error for a bad one.
pub fn iso_arg(o: &Object) -> PyResult<&Str> {
    o.downcast::<Str>().ok_or_else(|| raise!(TypeError, "fromisoformat: argument must be str"))
}
pub fn iso_error(s: &Str) -> Raised {
    match s.repr() {
        Ok(r) => raise!(ValueError, "Invalid isoformat string: {}", r.to_string_lossy()),
        Err(e) => e,
    }
}

/// Calls `_strptime.NAME(cls, string, format)`.
pub fn strptime(name: &str, cls: &Type, args: &FuncArgs<'_>) -> PyResult<PyRef> {
    args.no_keywords("strptime")?;
    let [s, f] = args.args else {
        return Err(raise!(TypeError, "strptime() takes exactly 2 arguments ({} given)", args.len()));
    };
    for (i, o) in [s, f].iter().enumerate() {
        if o.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "strptime() argument {} must be str, not {}", i + 1, o.ty().name_str()));
        }
    }
    runtime::import::import_attr("_strptime", name)?.call(&[cls, s, f])
}

#[pyclass(name = "date", module = "datetime", flags = "BASETYPE", doc = "date(year, month, day) --> date object")]
impl Date {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if let (Some(s), true) = (args.get(0), args.len() == 1 && args.kwnames.is_empty()) {
            if let Some(v) = state(s, 4).filter(|v| (1..=12).contains(&v[2])) {
                return Ok(Date::alloc(cls, ((v[0] as i64) << 8 | v[1] as i64, v[2] as i64, v[3] as i64))?.upcast());
            }
        }
        let [y, m, d] = bind(&args, ["year", "month", "day"], 3, 3)?;
        let ymd = (int(y, 0)?, int(m, 0)?, int(d, 0)?);
        check_date(ymd.0, ymd.1, ymd.2)?;
        Ok(Date::alloc(cls, ymd)?.upcast())
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let (y, m, d) = self.ymd();
        Str::format(format_args!("{}({y}, {m}, {d})", self.ty().tp_name()))
    }

    #[slot]
    fn tp_str(&self) -> PyResult<PyRef> {
        self.call_method(intern!("isoformat"), &[])
    }

    #[slot]
    fn tp_hash(&self) -> isize {
        runtime::pyhash::hash_bytes(&self.0.data)
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        // A datetime is a date, but the two do not compare.
        match other.downcast::<Date>() {
            Some(o) if other.downcast::<DateTime>().is_none() => Ok(op.result(&self.0.data, &o.0.data)),
            _ => Ok(not_implemented().to_ref()),
        }
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        if a.downcast::<DateTime>().is_some() || b.downcast::<DateTime>().is_some() {
            return Ok(not_implemented().to_ref());
        }
        match (a.downcast::<Date>(), a.downcast::<Delta>(), b.downcast::<Date>(), b.downcast::<Delta>()) {
            (Some(d), _, _, Some(t)) | (_, Some(t), Some(d), _) => d.plus_days(t.0.days as i64),
            _ => Ok(not_implemented().to_ref()),
        }
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        if a.downcast::<DateTime>().is_some() || b.downcast::<DateTime>().is_some() {
            return Ok(not_implemented().to_ref());
        }
        let Some(d) = a.downcast::<Date>() else { return Ok(not_implemented().to_ref()) };
        if let Some(o) = b.downcast::<Date>() {
            let ord = |d: &Date| {
                let (y, m, d) = d.ymd();
                ordinal(y, m, d)
            };
            return Ok(Delta::from_us((ord(d) - ord(o)) as i128 * US_PER_DAY)?.upcast());
        }
        match b.downcast::<Delta>() {
            Some(t) => d.plus_days(-(t.0.days as i64)),
            None => Ok(not_implemented().to_ref()),
        }
    }

    #[pygetset]
    fn year(&self) -> i64 {
        self.ymd().0
    }
    #[pygetset]
    fn month(&self) -> i64 {
        self.ymd().1
    }
    #[pygetset]
    fn day(&self) -> i64 {
        self.ymd().2
    }

    /// Create a date from a POSIX timestamp.
    ///
    /// The timestamp is a number, e.g. created via time.time(), that is interpreted
    /// as local time.
    #[pyclassmethod(sig = "timestamp, /")]
    fn fromtimestamp(cls: &Type, timestamp: &Object) -> PyResult<PyRef> {
        let t = crate::pytime::to_time_t(timestamp, crate::pytime::Round::Floor)?;
        let tm = crate::pytime::broken_down(t, true)?;
        Date::make(cls, (tm.tm_year as i64 + 1900, tm.tm_mon as i64 + 1, tm.tm_mday as i64))
    }

    /// int -> date corresponding to a proleptic Gregorian ordinal.
    #[pyclassmethod(text_signature = None)]
    fn fromordinal(cls: &Type, n: &Object) -> PyResult<PyRef> {
        let n = int(Some(n), 0)?;
        if n < 1 {
            return Err(raise!(ValueError, "ordinal must be >= 1"));
        }
        Date::make(cls, from_ordinal(n))
    }

    /// Construct a date from a string in ISO 8601 format.
    #[pyclassmethod(sig = "object, /")]
    fn fromisoformat(cls: &Type, object: &Object) -> PyResult<PyRef> {
        let s = iso_arg(object)?;
        let text = s.to_string_lossy();
        match parse_date(text.as_bytes()) {
            Some(ymd) if matches!(text.len(), 7 | 8 | 10) => Date::make(cls, ymd),
            _ => Err(iso_error(s)),
        }
    }

    /// int, int, int -> Construct a date from the ISO year, week number and weekday.
    ///
    /// This is the inverse of the function date.isocalendar()
    #[pyclassmethod(sig = "year, week, day", text_signature = None)]
    fn fromisocalendar(cls: &Type, year: &Object, week: &Object, day: &Object) -> PyResult<PyRef> {
        let part = |o: &Object| match int(Some(o), 0) {
            Err(e) if e.matches(exc::OverflowError()) => {
                e.clear();
                Err(raise!(ValueError, "ISO calendar component out of range"))
            }
            r => r,
        };
        let (y, w, d) = (part(year)?, part(week)?, part(day)?);
        match from_iso_calendar(y, w, d) {
            Ok(ymd) => Date::make(cls, ymd),
            Err(IsoError::Year) => Err(raise!(ValueError, "year must be in 1..9999, not {}", y)),
            Err(IsoError::Week) => Err(raise!(ValueError, "Invalid week: {}", w)),
            Err(IsoError::Day) => Err(raise!(ValueError, "Invalid weekday: {} (range is [1, 7])", d)),
        }
    }

    /// string, format -> new date parsed from a string (like time.strptime()).
    #[pyclassmethod(raw, name = "strptime", text_signature = None)]
    fn strptime_date(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        strptime("_strptime_datetime_date", cls, &args)
    }

    /// Current date or datetime.
    ///
    /// Equivalent to fromtimestamp(time.time()).
    #[pyclassmethod]
    fn today(cls: &Type) -> PyResult<PyRef> {
        let now = runtime::import::import_attr("time", "time")?.call0()?;
        cls.call_method(intern!("fromtimestamp"), &[&now])
    }

    /// Return ctime() style string.
    #[pymethod]
    fn ctime(&self) -> PyResult<Ref<Str>> {
        ctime_text(self.ymd(), (0, 0, 0))
    }

    /// format -> strftime() style string.
    #[pymethod(name = "strftime", sig = "format", text_signature = None)]
    fn strftime_date(&self, format: &Object) -> PyResult<Ref<Str>> {
        let f = format_arg("strftime", format)?;
        strftime(&Shown { object: self, ymd: self.ymd(), hms: (0, 0, 0), us: 0, dst: -1 }, f)
    }

    /// Formats self with strftime.
    #[pymethod(name = "__format__", text_signature = None)]
    fn format_(&self, spec: &Object) -> PyResult<PyRef> {
        format_object(self, spec)
    }

    /// Return time tuple, compatible with time.localtime().
    #[pymethod]
    fn timetuple(&self) -> PyResult<PyRef> {
        struct_time(self.ymd(), (0, 0, 0), -1)
    }

    /// Return a named tuple containing ISO year, week number, and weekday.
    #[pymethod]
    fn isocalendar(&self) -> PyResult<PyRef> {
        let (y, m, d) = self.ymd();
        let (y, w, d) = iso_calendar(y, m, d);
        let items = [Int::from_i64(y)?, Int::from_i64(w)?, Int::from_i64(d)?];
        Ok(Tuple::from_slice_of(IsoDate::type_object(), &[&**items[0], &**items[1], &**items[2]])?.upcast())
    }

    /// Return string in ISO 8601 format, YYYY-MM-DD.
    #[pymethod]
    fn isoformat(&self) -> PyResult<Ref<Str>> {
        let (y, m, d) = self.ymd();
        Str::format(format_args!("{y:04}-{m:02}-{d:02}"))
    }

    /// Return the day of the week represented by the date.
    ///
    /// Monday == 1 ... Sunday == 7
    #[pymethod]
    fn isoweekday(&self) -> i64 {
        let (y, m, d) = self.ymd();
        weekday(y, m, d) + 1
    }

    /// Return proleptic Gregorian ordinal.
    ///
    /// January 1 of year 1 is day 1.  Only the year, month and day values contribute
    /// to the result.
    #[pymethod]
    fn toordinal(&self) -> i64 {
        let (y, m, d) = self.ymd();
        ordinal(y, m, d)
    }

    /// Return the day of the week represented by the date.
    ///
    /// Monday == 0 ... Sunday == 6
    #[pymethod]
    fn weekday(&self) -> i64 {
        let (y, m, d) = self.ymd();
        weekday(y, m, d)
    }

    /// Return date with new specified fields.
    #[pymethod(sig = "year=unchanged, month=unchanged, day=unchanged")]
    fn replace(&self, year: Option<&Object>, month: Option<&Object>, day: Option<&Object>) -> PyResult<PyRef> {
        let (y, m, d) = self.ymd();
        Date::make(self.ty(), (int(year, y)?, int(month, m)?, int(day, d)?))
    }

    /// The same as replace().
    #[pymethod(
        name = "__replace__",
        sig = "year=unchanged, month=unchanged, day=unchanged",
        text_signature = "**changes"
    )]
    fn replace2(&self, year: Option<&Object>, month: Option<&Object>, day: Option<&Object>) -> PyResult<PyRef> {
        self.replace(year, month, day)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let state = Bytes::new(&self.0.data)?;
        let args = Tuple::from_slice(&[&**state])?;
        let ty: &Object = self.ty();
        Ok(Tuple::from_slice(&[ty, &args])?.upcast())
    }
}

/// What `isocalendar()` gives: a tuple with names.
#[repr(transparent)]
pub struct IsoDate(pub abi::PyTupleObject);

impl IsoDate {
    fn item(&self, i: usize) -> PyResult<PyRef> {
        match self.downcast::<Tuple>() {
            Some(t) => Ok(t.get(i).to_ref()),
            None => Err(raise!(SystemError, "not a tuple")),
        }
    }
}

/// The result of date.isocalendar() or datetime.isocalendar()
#[pyclass(name = "IsoCalendarDate", module = "datetime", base = Tuple, flags = "HAVE_GC|TUPLE_SUBCLASS",
    basicsize = core::mem::offset_of!(abi::PyTupleObject, ob_item), itemsize = 8)]
impl IsoDate {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let [y, w, d] = bind(&args, ["year", "week", "weekday"], 3, 3)?;
        let items = [Int::from_i64(int(y, 0)?)?, Int::from_i64(int(w, 0)?)?, Int::from_i64(int(d, 0)?)?];
        Ok(Tuple::from_slice_of(cls, &[&**items[0], &**items[1], &**items[2]])?.upcast())
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let f = |i: usize| -> PyResult<String> { Ok(self.item(i)?.str()?.to_string_lossy().into_owned()) };
        Str::format(format_args!("{}(year={}, week={}, weekday={})", self.ty().tp_name(), f(0)?, f(1)?, f(2)?))
    }

    #[pygetset]
    fn year(&self) -> PyResult<PyRef> {
        self.item(0)
    }
    #[pygetset]
    fn week(&self) -> PyResult<PyRef> {
        self.item(1)
    }
    #[pygetset]
    fn weekday(&self) -> PyResult<PyRef> {
        self.item(2)
    }

    /// Pickles as a plain tuple.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let plain = (self.item(0)?, self.item(1)?, self.item(2)?).into_py()?;
        let args = Tuple::from_slice(&[&plain])?;
        let ty: &Object = Tuple::type_object();
        Ok(Tuple::from_slice(&[ty, &args])?.upcast())
    }
}
