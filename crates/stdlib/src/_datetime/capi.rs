//! The functions behind `PyDateTimeAPI`, in the capsule `datetime.datetime_CAPI`.

use super::calendar::{check_date, check_time};
use super::date::Date;
use super::datetime::DateTime;
use super::delta::Delta;
use super::time::Time;
use super::zone::{TimeZone, TzInfo, check_tz, from_offset, utc};
use core::ffi::c_int;
use runtime::abi;
use runtime::convert::guard_object;
use runtime::prelude::*;

/// # Safety
/// `cls` is null or a type, `default` stands for null.
unsafe fn class<'a>(cls: *mut abi::PyTypeObject, default: &'a Type) -> &'a Type {
    // SAFETY: the caller's promise.
    if cls.is_null() { default } else { unsafe { Type::from_ptr(cls) } }
}

/// # Safety
/// `tz` is null or an object.
unsafe fn zone<'a>(tz: *mut abi::PyObject) -> PyResult<Option<&'a Object>> {
    // SAFETY: the caller's promise.
    match unsafe { Object::from_ptr_opt(tz) } {
        Some(o) => check_tz(o),
        None => Ok(None),
    }
}

unsafe extern "C" fn date_from_date(y: c_int, m: c_int, d: c_int, cls: *mut abi::PyTypeObject) -> *mut abi::PyObject {
    guard_object(|| {
        let ymd = (y as i64, m as i64, d as i64);
        check_date(ymd.0, ymd.1, ymd.2)?;
        // SAFETY: the caller gives a type.
        Ok(Date::alloc(unsafe { class(cls, Date::type_object()) }, ymd)?.upcast())
    })
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn datetime_fold(
    y: c_int,
    m: c_int,
    d: c_int,
    h: c_int,
    mi: c_int,
    s: c_int,
    us: c_int,
    tz: *mut abi::PyObject,
    fold: c_int,
    cls: *mut abi::PyTypeObject,
) -> *mut abi::PyObject {
    guard_object(|| {
        let ymd = (y as i64, m as i64, d as i64);
        let t = (h as i64, mi as i64, s as i64, us as i64);
        check_date(ymd.0, ymd.1, ymd.2)?;
        check_time(t.0, t.1, t.2, t.3, fold as i64)?;
        // SAFETY: the caller gives a type and an object.
        unsafe { Ok(DateTime::alloc(class(cls, DateTime::type_object()), ymd, t, zone(tz)?, fold as u8)?.upcast()) }
    })
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn datetime_from(
    y: c_int,
    m: c_int,
    d: c_int,
    h: c_int,
    mi: c_int,
    s: c_int,
    us: c_int,
    tz: *mut abi::PyObject,
    cls: *mut abi::PyTypeObject,
) -> *mut abi::PyObject {
    // SAFETY: passed on.
    unsafe { datetime_fold(y, m, d, h, mi, s, us, tz, 0, cls) }
}

unsafe extern "C" fn time_fold(
    h: c_int,
    mi: c_int,
    s: c_int,
    us: c_int,
    tz: *mut abi::PyObject,
    fold: c_int,
    cls: *mut abi::PyTypeObject,
) -> *mut abi::PyObject {
    guard_object(|| {
        let t = (h as i64, mi as i64, s as i64, us as i64);
        check_time(t.0, t.1, t.2, t.3, fold as i64)?;
        // SAFETY: the caller gives a type and an object.
        unsafe { Ok(Time::alloc(class(cls, Time::type_object()), t, zone(tz)?, fold as u8)?.upcast()) }
    })
}

unsafe extern "C" fn time_from(
    h: c_int,
    mi: c_int,
    s: c_int,
    us: c_int,
    tz: *mut abi::PyObject,
    cls: *mut abi::PyTypeObject,
) -> *mut abi::PyObject {
    // SAFETY: passed on.
    unsafe { time_fold(h, mi, s, us, tz, 0, cls) }
}

unsafe extern "C" fn delta_from(
    days: c_int,
    s: c_int,
    us: c_int,
    normalize: c_int,
    cls: *mut abi::PyTypeObject,
) -> *mut abi::PyObject {
    let _ = normalize;
    guard_object(|| {
        let total = (days as i128 * 86400 + s as i128) * 1_000_000 + us as i128;
        // SAFETY: the caller gives a type.
        Ok(Delta::from_us_in(unsafe { class(cls, Delta::type_object()) }, total)?.upcast())
    })
}

unsafe extern "C" fn zone_from(offset: *mut abi::PyObject, name: *mut abi::PyObject) -> *mut abi::PyObject {
    guard_object(|| {
        // SAFETY: the caller gives an object, and an object or null.
        let (offset, name) = unsafe { (Object::from_ptr(offset), Object::from_ptr_opt(name)) };
        match offset.downcast::<Delta>() {
            Some(d) => from_offset(d, name),
            None => Err(raise!(
                TypeError,
                "timezone() argument 1 must be datetime.timedelta, not {}",
                offset.ty().name_str()
            )),
        }
    })
}

unsafe extern "C" fn datetime_from_timestamp(
    cls: *mut abi::PyObject,
    args: *mut abi::PyObject,
    kw: *mut abi::PyObject,
) -> *mut abi::PyObject {
    guard_object(|| {
        // SAFETY: the caller gives a class, a tuple, and a dict or null.
        let (cls, args, kw) = unsafe { (Object::from_ptr(cls), Object::from_ptr(args), Object::from_ptr_opt(kw)) };
        let Some(args) = args.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "argument list must be a tuple"));
        };
        cls.getattr(intern!("fromtimestamp"))?.call_dict(args, kw.and_then(|k| k.downcast::<Dict>()))
    })
}

unsafe extern "C" fn date_from_timestamp(cls: *mut abi::PyObject, args: *mut abi::PyObject) -> *mut abi::PyObject {
    // SAFETY: passed on.
    unsafe { datetime_from_timestamp(cls, args, core::ptr::null_mut()) }
}

/// The capsule.
pub fn capsule() -> PyResult<PyRef> {
    fn ptr<T: PyClass>() -> *mut abi::PyTypeObject {
        T::type_object().as_raw()
    }
    let api = abi::PyDateTime_CAPI {
        DateType: ptr::<Date>(),
        DateTimeType: ptr::<DateTime>(),
        TimeType: ptr::<Time>(),
        DeltaType: ptr::<Delta>(),
        TZInfoType: ptr::<TzInfo>(),
        TimeZone_UTC: utc()?.as_ptr(),
        Date_FromDate: Some(date_from_date),
        DateTime_FromDateAndTime: Some(datetime_from),
        Time_FromTime: Some(time_from),
        Delta_FromDelta: Some(delta_from),
        TimeZone_FromTimeZone: Some(zone_from),
        DateTime_FromTimestamp: Some(datetime_from_timestamp),
        Date_FromTimestamp: Some(date_from_timestamp),
        DateTime_FromDateAndTimeAndFold: Some(datetime_fold),
        Time_FromTimeAndFold: Some(time_fold),
    };
    let _ = TimeZone::type_object();
    // Extensions keep the pointer for the life of the process.
    let api: *mut abi::PyDateTime_CAPI = Box::into_raw(Box::new(api));
    runtime::objects::capsule::new(api.cast(), c"datetime.datetime_CAPI".as_ptr(), None)
}
