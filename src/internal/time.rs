//! CPython's internal functions on times: int64 nanoseconds from and to Python numbers and C structures.

use crate::export::fine;
use core::ffi::{c_int, c_long, c_void};
use runtime::abi;
use runtime::prelude::*;
use stdlib::pytime::{self, NS, Round};

fn round(how: c_int) -> Round {
    match how {
        0 => Round::Floor,
        1 => Round::Ceiling,
        2 => Round::HalfEven,
        _ => Round::Up,
    }
}

/// `t / k`, rounded.
fn divide(t: i64, k: i64, how: Round) -> i64 {
    let (q, r) = (t.div_euclid(k), t.rem_euclid(k));
    if r == 0 {
        return q;
    }
    match how {
        Round::Floor => q,
        Round::Ceiling => q + 1,
        Round::Up => q + i64::from(t > 0),
        Round::HalfEven => q + i64::from(2 * r > k || 2 * r == k && q & 1 == 1),
    }
}

fn timeval(t: i64, how: c_int) -> libc::timeval {
    let us = divide(t, 1000, round(how));
    libc::timeval { tv_sec: us.div_euclid(1_000_000), tv_usec: us.rem_euclid(1_000_000) }
}

fn timespec(t: i64) -> libc::timespec {
    libc::timespec { tv_sec: t.div_euclid(NS), tv_nsec: t.rem_euclid(NS) }
}

/// Stores whole seconds and the fraction in C's places.
fn store(parts: (i64, i64), sec: *mut i64, part: *mut c_long) {
    // SAFETY: C passes two places.
    unsafe {
        *sec = parts.0;
        *part = parts.1;
    }
}

fn out_of_range() -> Raised {
    raise!(OverflowError, "timestamp out of range for C PyTime_t")
}

capi! {
    fn _PyLong_FromTime_t(t: i64) -> *mut abi::PyObject { Int::from_i64(t) }
    fn _PyLong_AsTime_t(o: &Object) -> i64 { pytime::to_time_t(o, Round::Floor) }
    raw fn _PyTime_FromSeconds(seconds: c_int) -> i64 { fine(i64::from(seconds) * NS) }
    fn _PyTime_AsLong(t: i64) -> *mut abi::PyObject { Int::from_i64(t) }
    fn _PyTime_FromLong(t: *mut i64, o: &Object) -> c_int {
        let Some(i) = o.downcast::<Int>() else {
            return Err(raise!(TypeError, "expect int, got {}", o.ty().tp_name()));
        };
        let ns = i.try_i64().ok_or_else(out_of_range)?;
        // SAFETY: C passes a place.
        unsafe { *t = ns };
        Ok(())
    }
    fn _PyTime_FromSecondsObject(t: *mut i64, o: &Object, how: c_int) -> c_int {
        let ns = pytime::seconds_to_ns(o, round(how))?;
        // SAFETY: C passes a place.
        unsafe { *t = ns };
        Ok(())
    }
    fn _PyTime_FromMillisecondsObject(t: *mut i64, o: &Object, how: c_int) -> c_int {
        let ns = if let Some(f) = o.downcast::<Float>() {
            let v = f.value();
            if v.is_nan() {
                return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
            }
            let ns = pytime::round_f64(v * 1e6, round(how));
            if !(-9.223372036854775808e18..9.223372036854775808e18).contains(&ns) {
                return Err(out_of_range());
            }
            ns as i64
        } else {
            o.index()?.try_i64().and_then(|ms| ms.checked_mul(1_000_000)).ok_or_else(out_of_range)?
        };
        // SAFETY: C passes a place.
        unsafe { *t = ns };
        Ok(())
    }
    raw fn _PyTime_AsMilliseconds(t: i64, how: c_int) -> i64 { fine(divide(t, 1_000_000, round(how))) }
    raw fn _PyTime_AsMicroseconds(t: i64, how: c_int) -> i64 { fine(divide(t, 1000, round(how))) }
    raw fn _PyTime_AsTimeval(t: i64, tv: *mut libc::timeval, how: c_int) -> c_int {
        // SAFETY: C passes a place.
        unsafe { *tv = timeval(t, how) };
        Ok(0)
    }
    raw fn _PyTime_AsTimeval_clamp(t: i64, tv: *mut libc::timeval, how: c_int) {
        // SAFETY: C passes a place.
        unsafe { *tv = timeval(t, how) };
        Ok(())
    }
    raw fn _PyTime_AsTimevalTime_t(t: i64, sec: *mut i64, us: *mut c_int, how: c_int) -> c_int {
        let tv = timeval(t, how);
        // SAFETY: C passes two places.
        unsafe {
            *sec = tv.tv_sec;
            *us = tv.tv_usec as c_int;
        }
        Ok(0)
    }
    raw fn _PyTime_AsTimespec(t: i64, ts: *mut libc::timespec) -> c_int {
        // SAFETY: C passes a place.
        unsafe { *ts = timespec(t) };
        Ok(0)
    }
    raw fn _PyTime_AsTimespec_clamp(t: i64, ts: *mut libc::timespec) {
        // SAFETY: C passes a place.
        unsafe { *ts = timespec(t) };
        Ok(())
    }
    fn _PyTime_ObjectToTime_t(o: &Object, sec: *mut i64, how: c_int) -> c_int {
        let s = pytime::to_time_t(o, round(how))?;
        // SAFETY: C passes a place.
        unsafe { *sec = s };
        Ok(())
    }
    fn _PyTime_ObjectToTimeval(o: &Object, sec: *mut i64, us: *mut c_long, how: c_int) -> c_int {
        store(pytime::to_time_t_and_fraction(o, 1_000_000, round(how))?, sec, us);
        Ok(())
    }
    fn _PyTime_ObjectToTimespec(o: &Object, sec: *mut i64, ns: *mut c_long, how: c_int) -> c_int {
        store(pytime::to_time_t_and_fraction(o, NS, round(how))?, sec, ns);
        Ok(())
    }
    fn _PyTime_localtime(t: i64, tm: *mut c_void) -> c_int {
        let fields = pytime::broken_down(t, true)?;
        // SAFETY: C passes a place for a `struct tm`.
        unsafe { tm.cast::<libc::tm>().write(fields) };
        Ok(())
    }
    fn _PyTime_gmtime(t: i64, tm: *mut c_void) -> c_int {
        let fields = pytime::broken_down(t, false)?;
        // SAFETY: C passes a place for a `struct tm`.
        unsafe { tm.cast::<libc::tm>().write(fields) };
        Ok(())
    }
    raw fn _PyDeadline_Init(timeout: i64) -> i64 {
        fine(pytime::clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0).saturating_add(timeout))
    }
    raw fn _PyDeadline_Get(deadline: i64) -> i64 {
        fine(deadline.saturating_sub(pytime::clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0)))
    }
}
