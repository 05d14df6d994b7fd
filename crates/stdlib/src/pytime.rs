//! Times as numbers: seconds given as ints or floats, rounding, calendar fields through the C library.

use runtime::prelude::*;

/// Nanoseconds per second.
pub const NS: i64 = 1_000_000_000;

/// How a value between two nanoseconds (microseconds, seconds) is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Round {
    Floor,
    Ceiling,
    HalfEven,
    /// Away from zero: timeouts.
    Up,
}

/// Rounds a float to an integral one.
pub fn round_f64(x: f64, how: Round) -> f64 {
    match how {
        Round::Floor => x.floor(),
        Round::Ceiling => x.ceil(),
        Round::HalfEven => x.round_ties_even(),
        Round::Up => {
            if x >= 0.0 {
                x.ceil()
            } else {
                x.floor()
            }
        }
    }
}

fn nan_error() -> Raised {
    raise!(ValueError, "Invalid value NaN (not a number)")
}

/// Seconds (an int or float) as nanoseconds.
pub fn seconds_to_ns(o: &Object, how: Round) -> PyResult<i64> {
    if let Some(f) = o.downcast::<Float>() {
        let v = f.value();
        if v.is_nan() {
            return Err(nan_error());
        }
        let ns = round_f64(v * NS as f64, how);
        if !(-9.223372036854775808e18..9.223372036854775808e18).contains(&ns) {
            return Err(raise!(OverflowError, "timestamp out of range for C PyTime_t"));
        }
        return Ok(ns as i64);
    }
    if o.downcast::<Int>().is_none() && !o.index_check() {
        return Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer or float", o.ty().name_str()));
    }
    let i = runtime::objects::long::number_index(o)?;
    i.try_i64()
        .and_then(|s| s.checked_mul(NS))
        .ok_or_else(|| raise!(OverflowError, "timestamp out of range for C PyTime_t"))
}

/// A timestamp (an int or float) as whole seconds.
pub fn to_time_t(o: &Object, how: Round) -> PyResult<i64> {
    let out_of_range = || raise!(OverflowError, "timestamp out of range for platform time_t");
    if let Some(f) = o.downcast::<Float>() {
        let v = f.value();
        if v.is_nan() {
            return Err(nan_error());
        }
        let s = round_f64(v, how);
        if !(-9.223372036854775808e18..9.223372036854775808e18).contains(&s) {
            return Err(out_of_range());
        }
        return Ok(s as i64);
    }
    runtime::objects::long::number_index(o)?.try_i64().ok_or_else(out_of_range)
}

/// A timestamp as whole seconds and a fraction in `1/unit` seconds.
pub fn to_time_t_and_fraction(o: &Object, unit: i64, how: Round) -> PyResult<(i64, i64)> {
    if let Some(f) = o.downcast::<Float>() {
        let v = f.value();
        if v.is_nan() {
            return Err(nan_error());
        }
        let mut whole = v.trunc();
        let mut part = round_f64((v - whole) * unit as f64, how);
        if part >= unit as f64 {
            part -= unit as f64;
            whole += 1.0;
        } else if part < 0.0 {
            part += unit as f64;
            whole -= 1.0;
        }
        if !(-9.223372036854775808e18..9.223372036854775808e18).contains(&whole) {
            return Err(raise!(OverflowError, "timestamp out of range for platform time_t"));
        }
        return Ok((whole as i64, part as i64));
    }
    Ok((to_time_t(o, how)?, 0))
}

/// Reads a clock in nanoseconds.
pub fn clock_ns(id: libc::clockid_t) -> Option<i64> {
    // SAFETY: an all-zero timespec is valid, and the call fills it.
    unsafe {
        let mut ts: libc::timespec = core::mem::zeroed();
        if libc::clock_gettime(id, &mut ts) != 0 { None } else { Some(ts.tv_sec as i64 * NS + ts.tv_nsec as i64) }
    }
}

/// Nanoseconds as seconds.
pub fn ns_to_f64(ns: i64) -> f64 {
    if ns % NS == 0 { (ns / NS) as f64 } else { ns as f64 / 1e9 }
}

unsafe extern "C" {
    fn tzset();
}

/// `tzset()`.
pub fn set_zone() {
    // SAFETY: reads the environment only.
    unsafe { tzset() }
}

/// Calendar fields of a timestamp, local or UTC.
pub fn broken_down(secs: i64, local: bool) -> PyResult<libc::tm> {
    // SAFETY: an all-zero tm is valid, and the call fills it.
    unsafe {
        let mut tm: libc::tm = core::mem::zeroed();
        let t: libc::time_t = secs;
        let ok = if local { libc::localtime_r(&t, &mut tm) } else { libc::gmtime_r(&t, &mut tm) };
        if ok.is_null() {
            let e = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EOVERFLOW);
            return Err(runtime::error::raise_os_error(if e == 0 { libc::EINVAL } else { e }, None, None));
        }
        Ok(tm)
    }
}

/// The abbreviation of a tm's zone.
pub fn zone_name(tm: &libc::tm) -> String {
    if tm.tm_zone.is_null() {
        return String::new();
    }
    // SAFETY: the C library's strings of zone names live on.
    unsafe { core::ffi::CStr::from_ptr(tm.tm_zone) }.to_string_lossy().into_owned()
}

/// `strftime` of the C library for one format without NUL.
pub fn c_strftime(format: &[u8], tm: &libc::tm) -> Vec<u8> {
    if format.is_empty() {
        return Vec::new();
    }
    // A trailing mark tells an empty result from a buffer that is too small.
    let mut f = format.to_vec();
    f.push(b' ');
    f.push(0);
    let mut size = 256 + format.len() * 4;
    loop {
        let mut buf = vec![0u8; size];
        // SAFETY: the buffer's length is given, the format is terminated.
        let n = unsafe { libc::strftime(buf.as_mut_ptr().cast(), size, f.as_ptr().cast(), tm) };
        if n > 0 {
            buf.truncate(n - 1);
            return buf;
        }
        if size > (256 + format.len()) * 1024 {
            return Vec::new();
        }
        size *= 4;
    }
}
