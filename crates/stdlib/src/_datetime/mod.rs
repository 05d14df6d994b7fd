//! `_datetime`: dates, times and zones in the layouts that `datetime.h` promises, and the capsule with its functions.

mod args;
mod calendar;
mod capi;
mod date;
mod datetime;
mod delta;
mod time;
mod zone;

use macros::pymodule;

/// Fast implementation of the datetime module.
#[pymodule(name = "_datetime")]
pub mod _datetime {
    use super::date::{Date, IsoDate};
    use super::datetime::DateTime;
    use super::delta::Delta;
    use super::time::Time;
    use super::zone::{TimeZone, TzInfo, from_offset, utc};
    use runtime::convert::HasSpec;
    use runtime::prelude::*;
    use runtime::typeobject::init_static;

    #[pyattr]
    #[allow(non_snake_case)]
    fn MINYEAR() -> i64 {
        super::calendar::MIN_YEAR
    }
    #[pyattr]
    #[allow(non_snake_case)]
    fn MAXYEAR() -> i64 {
        super::calendar::MAX_YEAR
    }

    fn set(ty: &Type, name: &str, value: &Object) -> PyResult<()> {
        ty.dict().set(Str::intern(name), value)?;
        ty.modified();
        Ok(())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        init_static(IsoDate::spec())?;
        m.add_type::<Date>()?;
        m.add_type::<DateTime>()?;
        m.add_type::<Time>()?;
        m.add_type::<Delta>()?;
        m.add_type::<TzInfo>()?;
        m.add_type::<TimeZone>()?;
        const DAY: i128 = super::calendar::US_PER_DAY;
        let us = Delta::from_us(1)?;
        set(Delta::type_object(), "resolution", &us)?;
        set(Delta::type_object(), "min", &*Delta::from_us(-999_999_999 * DAY)?)?;
        set(Delta::type_object(), "max", &*Delta::from_us(1_000_000_000 * DAY - 1)?)?;
        let t = Date::type_object();
        set(t, "min", &*Date::alloc(t, (1, 1, 1))?)?;
        set(t, "max", &*Date::alloc(t, (9999, 12, 31))?)?;
        set(t, "resolution", &*Delta::from_us(DAY)?)?;
        let last = (23, 59, 59, 999_999);
        let t = Time::type_object();
        set(t, "min", &*Time::alloc(t, (0, 0, 0, 0), None, 0)?)?;
        set(t, "max", &*Time::alloc(t, last, None, 0)?)?;
        set(t, "resolution", &us)?;
        let t = DateTime::type_object();
        set(t, "min", &*DateTime::alloc(t, (1, 1, 1), (0, 0, 0, 0), None, 0)?)?;
        set(t, "max", &*DateTime::alloc(t, (9999, 12, 31), last, None, 0)?)?;
        set(t, "resolution", &us)?;
        let t = TimeZone::type_object();
        set(t, "utc", &**utc()?)?;
        set(t, "min", &*from_offset(&*Delta::from_us(-DAY + 60_000_000)?, None)?)?;
        set(t, "max", &*from_offset(&*Delta::from_us(DAY - 60_000_000)?, None)?)?;
        m.add("UTC", utc()?.clone().upcast())?;
        m.add("datetime_CAPI", super::capi::capsule()?)
    }
}
