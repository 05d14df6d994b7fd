//! `time`: clocks, sleeping, calendar fields.

use macros::pymodule;

/// This module provides various functions to manipulate time values.
///
/// There are two standard representations of time.  One is the number
/// of seconds since the Epoch, in UTC (a.k.a. GMT).  The other is a tuple
/// of nine integers giving local time: see struct_time.
#[pymodule(name = "time")]
pub mod time {
    use crate::pytime::{self, NS, Round};
    use runtime::convert::{FuncArgs, check_positional};
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use std::sync::OnceLock;

    static STRUCT_TIME: OnceLock<Ref<Type>> = OnceLock::new();

    const FIELDS: [(&str, &str); 11] = [
        ("tm_year", "year, for example, 1993"),
        ("tm_mon", "month of year, range [1, 12]"),
        ("tm_mday", "day of month, range [1, 31]"),
        ("tm_hour", "hours, range [0, 23]"),
        ("tm_min", "minutes, range [0, 59]"),
        ("tm_sec", "seconds, range [0, 61])"),
        ("tm_wday", "day of week, range [0, 6], Monday is 0"),
        ("tm_yday", "day of year, range [1, 366]"),
        ("tm_isdst", "1 if summer time is in effect, 0 if not, and -1 if unknown"),
        ("tm_zone", "abbreviation of timezone name"),
        ("tm_gmtoff", "offset from UTC in seconds"),
    ];

    fn struct_time() -> PyResult<&'static Ref<Type>> {
        if let Some(t) = STRUCT_TIME.get() {
            return Ok(t);
        }
        let doc = "The time value as returned by gmtime(), localtime(), and strptime(), and\naccepted by asctime(), mktime() and strftime().  May be considered as a\nsequence of 9 integers.";
        let t = structseq::make_type("time.struct_time", doc, &FIELDS, 9)?;
        Ok(STRUCT_TIME.get_or_init(|| t))
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add("struct_time", struct_time()?.clone().upcast())?;
        let ints = [
            ("CLOCK_REALTIME", libc::CLOCK_REALTIME as i64),
            ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC as i64),
            ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID as i64),
            ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID as i64),
            #[cfg(target_os = "linux")]
            ("CLOCK_MONOTONIC_RAW", libc::CLOCK_MONOTONIC_RAW as i64),
            #[cfg(target_os = "linux")]
            ("CLOCK_BOOTTIME", libc::CLOCK_BOOTTIME as i64),
            #[cfg(target_os = "linux")]
            ("CLOCK_TAI", libc::CLOCK_TAI as i64),
            ("_STRUCT_TM_ITEMS", 11),
        ];
        for (name, v) in ints {
            m.add(name, Int::from_i64(v)?.upcast())?;
        }
        zone_attributes(m)
    }

    /// `timezone`, `altzone`, `daylight`, `tzname`, from the zone's offsets in January and July of this year.
    fn zone_attributes(m: &Module) -> PyResult<()> {
        pytime::set_zone();
        const YEAR: i64 = (365 * 24 + 6) * 3600;
        let now = pytime::clock_ns(libc::CLOCK_REALTIME).unwrap_or(0) / NS;
        let start = now / YEAR * YEAR;
        let (jan, jul) = (pytime::broken_down(start, true)?, pytime::broken_down(start + YEAR / 2, true)?);
        let (jan_zone, jul_zone) = (-(jan.tm_gmtoff as i64), -(jul.tm_gmtoff as i64));
        let (std, dst) = if jan_zone < jul_zone {
            ((jul_zone, &jul), (jan_zone, &jan))
        } else {
            ((jan_zone, &jan), (jul_zone, &jul))
        };
        m.add("timezone", Int::from_i64(std.0)?.upcast())?;
        m.add("altzone", Int::from_i64(dst.0)?.upcast())?;
        m.add("daylight", Int::from_i64((jan_zone != jul_zone) as i64)?.upcast())?;
        let names = Tuple::from_refs(vec![
            Str::new(&pytime::zone_name(std.1))?.upcast(),
            Str::new(&pytime::zone_name(dst.1))?.upcast(),
        ])?;
        m.add("tzname", names.upcast())
    }

    fn os_error() -> Raised {
        runtime::error::raise_from_errno(None)
    }
    fn read(id: libc::clockid_t) -> PyResult<i64> {
        pytime::clock_ns(id).ok_or_else(os_error)
    }

    /// Return the current time in seconds since the Epoch.
    ///
    /// Fractions of a second may be present if the system clock provides them.
    #[pyfunction]
    fn time() -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(libc::CLOCK_REALTIME)?))
    }
    /// Return the current time in nanoseconds since the Epoch.
    #[pyfunction]
    fn time_ns() -> PyResult<i64> {
        read(libc::CLOCK_REALTIME)
    }
    /// Monotonic clock, cannot go backward.
    #[pyfunction]
    fn monotonic() -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(libc::CLOCK_MONOTONIC)?))
    }
    /// Monotonic clock, cannot go backward, as nanoseconds.
    #[pyfunction]
    fn monotonic_ns() -> PyResult<i64> {
        read(libc::CLOCK_MONOTONIC)
    }
    /// Performance counter for benchmarking.
    #[pyfunction]
    fn perf_counter() -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(libc::CLOCK_MONOTONIC)?))
    }
    /// Performance counter for benchmarking as nanoseconds.
    #[pyfunction]
    fn perf_counter_ns() -> PyResult<i64> {
        read(libc::CLOCK_MONOTONIC)
    }
    /// Process time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction]
    fn process_time() -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(libc::CLOCK_PROCESS_CPUTIME_ID)?))
    }
    /// Process time for profiling as nanoseconds.
    #[pyfunction]
    fn process_time_ns() -> PyResult<i64> {
        read(libc::CLOCK_PROCESS_CPUTIME_ID)
    }
    /// Thread time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction]
    fn thread_time() -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(libc::CLOCK_THREAD_CPUTIME_ID)?))
    }
    /// Thread time for profiling as nanoseconds.
    #[pyfunction]
    fn thread_time_ns() -> PyResult<i64> {
        read(libc::CLOCK_THREAD_CPUTIME_ID)
    }

    fn clock_id(o: &Object) -> PyResult<libc::clockid_t> {
        if o.downcast::<Int>().is_none() && !o.index_check() {
            return Err(raise!(TypeError, "clk_id should be integer, not {}", o.ty().name_str()));
        }
        Ok(o.as_i64()? as libc::clockid_t)
    }

    /// Return the time of the specified clock clk_id as a float.
    #[pyfunction]
    fn clock_gettime(clk_id: &Object) -> PyResult<f64> {
        Ok(pytime::ns_to_f64(read(clock_id(clk_id)?)?))
    }
    /// Return the time of the specified clock clk_id as nanoseconds (int).
    #[pyfunction]
    fn clock_gettime_ns(clk_id: &Object) -> PyResult<i64> {
        read(clock_id(clk_id)?)
    }
    fn set_clock(id: libc::clockid_t, ns: i64) -> PyResult<()> {
        let ts = libc::timespec { tv_sec: ns.div_euclid(NS), tv_nsec: ns.rem_euclid(NS) };
        // SAFETY: a valid timespec.
        if unsafe { libc::clock_settime(id, &ts) } != 0 { Err(os_error()) } else { Ok(()) }
    }
    /// clock_settime(clk_id, time)
    ///
    /// Set the time of the specified clock clk_id.
    #[pyfunction(text_signature = None)]
    fn clock_settime(clk_id: &Object, time: &Object) -> PyResult<()> {
        set_clock(clock_id(clk_id)?, pytime::seconds_to_ns(time, Round::Floor)?)
    }
    /// clock_settime_ns(clk_id, time)
    ///
    /// Set the time of the specified clock clk_id with nanoseconds.
    #[pyfunction(text_signature = None)]
    fn clock_settime_ns(clk_id: &Object, time: i64) -> PyResult<()> {
        set_clock(clock_id(clk_id)?, time)
    }
    fn resolution(id: libc::clockid_t) -> PyResult<f64> {
        // SAFETY: an all-zero timespec is valid, and the call fills it.
        unsafe {
            let mut ts: libc::timespec = core::mem::zeroed();
            if libc::clock_getres(id, &mut ts) != 0 {
                return Err(os_error());
            }
            Ok(ts.tv_sec as f64 + ts.tv_nsec as f64 * 1e-9)
        }
    }
    /// clock_getres(clk_id) -> floating-point number
    ///
    /// Return the resolution (precision) of the specified clock clk_id.
    #[pyfunction(text_signature = None)]
    fn clock_getres(clk_id: &Object) -> PyResult<f64> {
        resolution(clock_id(clk_id)?)
    }
    /// pthread_getcpuclockid(thread_id) -> int
    ///
    /// Return the clk_id of a thread's CPU time clock.
    #[pyfunction(text_signature = None)]
    fn pthread_getcpuclockid(thread_id: u64) -> PyResult<i64> {
        let mut id: libc::clockid_t = 0;
        // SAFETY: the caller names a live thread, as with the C function.
        let e = unsafe { libc::pthread_getcpuclockid(thread_id as libc::pthread_t, &mut id) };
        if e != 0 { Err(runtime::error::raise_os_error(e, None, None)) } else { Ok(id as i64) }
    }

    /// sleep(seconds)
    ///
    /// Delay execution for a given number of seconds.  The argument may be
    /// a floating-point number for subsecond precision.
    #[pyfunction]
    fn sleep(object: &Object) -> PyResult<()> {
        runtime::audit_event!("time.sleep", object)?;
        let ns = pytime::seconds_to_ns(object, Round::Up)?;
        if ns < 0 {
            return Err(raise!(ValueError, "sleep length must be non-negative"));
        }
        let deadline = read(libc::CLOCK_MONOTONIC)?
            .checked_add(ns)
            .ok_or_else(|| raise!(OverflowError, "timestamp out of range for C PyTime_t"))?;
        let ts = libc::timespec { tv_sec: deadline / NS, tv_nsec: deadline % NS };
        loop {
            // SAFETY: a valid timespec; the remaining time is not asked for.
            let e = runtime::thread::detach(|| unsafe {
                libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &ts, core::ptr::null_mut())
            });
            match e {
                0 => return Ok(()),
                libc::EINTR => runtime::thread::check_signals()?,
                e => return Err(runtime::error::raise_os_error(e, None, None)),
            }
        }
    }

    fn to_struct(tm: &libc::tm) -> PyResult<PyRef> {
        let mut v: Vec<PyRef> = Vec::with_capacity(11);
        for n in [
            tm.tm_year as i64 + 1900,
            tm.tm_mon as i64 + 1,
            tm.tm_mday as i64,
            tm.tm_hour as i64,
            tm.tm_min as i64,
            tm.tm_sec as i64,
            (tm.tm_wday as i64 + 6) % 7,
            tm.tm_yday as i64 + 1,
            tm.tm_isdst as i64,
        ] {
            v.push(Int::from_i64(n)?.upcast());
        }
        v.push(Str::new(&pytime::zone_name(tm))?.upcast());
        v.push(Int::from_i64(tm.tm_gmtoff as i64)?.upcast());
        structseq::new(struct_time()?, v)
    }

    /// The timestamp argument of gmtime and its relatives; now when it is missing or None.
    fn stamp(name: &str, args: &FuncArgs<'_>) -> PyResult<i64> {
        args.no_keywords(name)?;
        if args.len() > 1 {
            return Err(raise!(TypeError, "{}() takes at most 1 argument ({} given)", name, args.len()));
        }
        match args.get(0).filter(|o| !o.is_none()) {
            Some(o) => pytime::to_time_t(o, Round::Floor),
            None => Ok(read(libc::CLOCK_REALTIME)?.div_euclid(NS)),
        }
    }

    /// gmtime([seconds]) -> (tm_year, tm_mon, tm_mday, tm_hour, tm_min,
    ///                        tm_sec, tm_wday, tm_yday, tm_isdst)
    ///
    /// Convert seconds since the Epoch to a time tuple expressing UTC (a.k.a.
    /// GMT).  When 'seconds' is not passed in, convert the current time instead.
    #[pyfunction(raw, text_signature = None)]
    fn gmtime(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let mut tm = pytime::broken_down(stamp("gmtime", &args)?, false)?;
        tm.tm_zone = c"UTC".as_ptr();
        to_struct(&tm)
    }

    /// localtime([seconds]) -> (tm_year,tm_mon,tm_mday,tm_hour,tm_min,
    ///                           tm_sec,tm_wday,tm_yday,tm_isdst)
    ///
    /// Convert seconds since the Epoch to a time tuple expressing local time.
    /// When 'seconds' is not passed in, convert the current time instead.
    #[pyfunction(raw, text_signature = None)]
    fn localtime(args: FuncArgs<'_>) -> PyResult<PyRef> {
        to_struct(&pytime::broken_down(stamp("localtime", &args)?, true)?)
    }

    /// Calendar fields from a time tuple.
    fn from_tuple(name: &str, o: &Object) -> PyResult<(libc::tm, Option<std::ffi::CString>)> {
        let Some(t) = o.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "Tuple or struct_time argument required"));
        };
        if t.as_slice().len() != 9 {
            return Err(raise!(TypeError, "{}(): illegal time tuple argument", name));
        }
        let mut f = [0i64; 9];
        for (v, o) in f.iter_mut().zip(t.as_slice()) {
            let n = o.as_i64()?;
            if i32::try_from(n).is_err() {
                return Err(if n > 0 {
                    raise!(OverflowError, "signed integer is greater than maximum")
                } else {
                    raise!(OverflowError, "signed integer is less than minimum")
                });
            }
            *v = n;
        }
        if f[0] < i32::MIN as i64 + 1900 {
            return Err(raise!(OverflowError, "year out of range"));
        }
        // SAFETY: an all-zero tm is valid.
        let mut tm: libc::tm = unsafe { core::mem::zeroed() };
        tm.tm_year = (f[0] - 1900) as i32;
        tm.tm_mon = f[1] as i32 - 1;
        tm.tm_mday = f[2] as i32;
        tm.tm_hour = f[3] as i32;
        tm.tm_min = f[4] as i32;
        tm.tm_sec = f[5] as i32;
        tm.tm_wday = ((f[6] + 1) % 7) as i32;
        tm.tm_yday = f[7] as i32 - 1;
        tm.tm_isdst = f[8] as i32;
        let mut zone = None;
        if o.ty().ptr_eq(struct_time()?) {
            if let Some(z) = o.getattr(intern!("tm_zone"))?.downcast::<Str>() {
                zone = std::ffi::CString::new(z.to_string_lossy().as_bytes()).ok();
            }
            if let Some(off) = o.getattr(intern!("tm_gmtoff"))?.downcast::<Int>() {
                tm.tm_gmtoff = off.as_i64()?;
            }
        }
        if let Some(z) = &zone {
            tm.tm_zone = z.as_ptr();
        }
        Ok((tm, zone))
    }

    /// Checks the ranges; zero months and days stand for the first.
    fn check(tm: &mut libc::tm) -> PyResult<()> {
        if tm.tm_mon == -1 {
            tm.tm_mon = 0;
        } else if !(0..=11).contains(&tm.tm_mon) {
            return Err(raise!(ValueError, "month out of range"));
        }
        if tm.tm_mday == 0 {
            tm.tm_mday = 1;
        } else if !(0..=31).contains(&tm.tm_mday) {
            return Err(raise!(ValueError, "day of month out of range"));
        }
        if !(0..=23).contains(&tm.tm_hour) {
            return Err(raise!(ValueError, "hour out of range"));
        }
        if !(0..=59).contains(&tm.tm_min) {
            return Err(raise!(ValueError, "minute out of range"));
        }
        if !(0..=61).contains(&tm.tm_sec) {
            return Err(raise!(ValueError, "seconds out of range"));
        }
        if tm.tm_wday < 0 {
            return Err(raise!(ValueError, "day of week out of range"));
        }
        if tm.tm_yday == -1 {
            tm.tm_yday = 0;
        } else if !(0..=365).contains(&tm.tm_yday) {
            return Err(raise!(ValueError, "day of year out of range"));
        }
        Ok(())
    }

    fn ascii_time(tm: &libc::tm) -> PyResult<Ref<Str>> {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        Str::format(format_args!(
            "{} {} {:>2} {:02}:{:02}:{:02} {}",
            DAYS[tm.tm_wday as usize % 7],
            MONTHS[tm.tm_mon as usize % 12],
            tm.tm_mday,
            tm.tm_hour,
            tm.tm_min,
            tm.tm_sec,
            tm.tm_year as i64 + 1900
        ))
    }

    /// asctime([tuple]) -> string
    ///
    /// Convert a time tuple to a string, e.g. 'Sat Jun 06 16:26:11 1998'.
    /// When the time tuple is not present, current time as returned by localtime()
    /// is used.
    #[pyfunction(raw, text_signature = None)]
    fn asctime(args: FuncArgs<'_>) -> PyResult<Ref<Str>> {
        args.no_keywords("asctime")?;
        check_positional("asctime", args.len(), 0, 1)?;
        match args.get(0) {
            Some(o) => {
                let (mut tm, _zone) = from_tuple("asctime", o)?;
                check(&mut tm)?;
                ascii_time(&tm)
            }
            None => ascii_time(&pytime::broken_down(read(libc::CLOCK_REALTIME)?.div_euclid(NS), true)?),
        }
    }

    /// ctime([seconds]) -> string
    ///
    /// Convert a time in seconds since the Epoch to a string in local time.
    /// This is equivalent to asctime(localtime(seconds)). When the time tuple is
    /// not present, current time as returned by localtime() is used.
    #[pyfunction(raw, text_signature = None)]
    fn ctime(args: FuncArgs<'_>) -> PyResult<Ref<Str>> {
        ascii_time(&pytime::broken_down(stamp("ctime", &args)?, true)?)
    }

    /// mktime(tuple) -> floating-point number
    ///
    /// Convert a time tuple in local time to seconds since the Epoch.
    #[pyfunction]
    fn mktime(object: &Object) -> PyResult<f64> {
        let (mut tm, _zone) = from_tuple("mktime", object)?;
        tm.tm_wday = -1;
        // SAFETY: a filled tm.
        let t = unsafe { libc::mktime(&mut tm) };
        if t == -1 && tm.tm_wday == -1 {
            return Err(raise!(OverflowError, "mktime argument out of range"));
        }
        Ok(t as f64)
    }

    /// strftime(format[, tuple]) -> string
    ///
    /// Convert a time tuple to a string according to a format specification.
    #[pyfunction(raw, text_signature = None)]
    fn strftime(args: FuncArgs<'_>) -> PyResult<Ref<Str>> {
        args.no_keywords("strftime")?;
        if args.len() == 0 || args.len() > 2 {
            return Err(if args.len() == 0 {
                raise!(TypeError, "strftime() takes at least 1 argument (0 given)")
            } else {
                raise!(TypeError, "strftime() takes at most 2 arguments ({} given)", args.len())
            });
        }
        let Some(format) = args.args[0].downcast::<Str>() else {
            return Err(raise!(TypeError, "strftime() argument 1 must be str, not {}", args.args[0].ty().name_str()));
        };
        let (mut tm, _zone) = match args.get(1) {
            Some(o) => from_tuple("strftime", o)?,
            None => (pytime::broken_down(read(libc::CLOCK_REALTIME)?.div_euclid(NS), true)?, None),
        };
        check(&mut tm)?;
        tm.tm_isdst = tm.tm_isdst.clamp(-1, 1);
        let text = format.to_wtf8();
        let mut out = Vec::new();
        for (i, piece) in text.split(|c| *c == 0).enumerate() {
            if i > 0 {
                out.push(0);
            }
            out.extend(pytime::c_strftime(piece, &tm));
        }
        Str::from_wtf8(&out)
    }

    /// strptime(string, format) -> struct_time
    ///
    /// Parse a string to a time tuple according to a format specification.
    #[pyfunction(raw, text_signature = None)]
    fn strptime(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let f = runtime::import::import_module("_strptime")?.getattr(intern!("_strptime_time"))?;
        let tuple = args.to_tuple()?;
        let kw = args.kwargs_dict()?;
        f.call_dict(&tuple, kw.as_deref())
    }

    /// tzset()
    ///
    /// Initialize, or reinitialize, the local timezone to the value stored in
    /// os.environ['TZ'].
    #[pyfunction(module)]
    fn tzset(m: &Module) -> PyResult<()> {
        zone_attributes(m)
    }

    /// get_clock_info(name: str) -> dict
    ///
    /// Get information of the specified clock.
    #[pyfunction(text_signature = None)]
    fn get_clock_info(name: &str) -> PyResult<PyRef> {
        let (clock, id, monotonic, adjustable) = match name {
            "time" => ("CLOCK_REALTIME", libc::CLOCK_REALTIME, false, true),
            "monotonic" | "perf_counter" => ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC, true, false),
            "process_time" => ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID, true, false),
            "thread_time" => ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID, true, false),
            _ => return Err(raise!(ValueError, "unknown clock")),
        };
        let text = Str::new(&format!("clock_gettime({clock})"))?;
        let res = Float::new(resolution(id)?)?;
        runtime::import::namespace_with(&[
            ("implementation", &text),
            ("monotonic", Bool::of(monotonic)),
            ("adjustable", Bool::of(adjustable)),
            ("resolution", &res),
        ])
    }
}
