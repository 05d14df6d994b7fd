//! The proleptic Gregorian calendar in plain numbers, and the ISO 8601 texts.

use runtime::prelude::*;

pub const MIN_YEAR: i64 = 1;
pub const MAX_YEAR: i64 = 9999;
/// Ordinal of 9999-12-31.
pub const MAX_ORDINAL: i64 = 3652059;
/// Ordinal of 1970-01-01.
pub const EPOCH: i64 = 719163;
pub const US_PER_DAY: i128 = 86_400_000_000;

pub fn is_leap(y: i64) -> bool {
    y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)
}

pub fn days_in_month(y: i64, m: i64) -> i64 {
    match m {
        2 => 28 + is_leap(y) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before the first of the month in its year.
pub fn days_before_month(y: i64, m: i64) -> i64 {
    const BEFORE: [i64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[m as usize] + (m > 2 && is_leap(y)) as i64
}

/// Days before January 1st.
pub fn days_before_year(y: i64) -> i64 {
    let y = y - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

/// 1 is 0001-01-01.
pub fn ordinal(y: i64, m: i64, d: i64) -> i64 {
    days_before_year(y) + days_before_month(y, m) + d
}

/// Year, month and day of an ordinal.
pub fn from_ordinal(n: i64) -> (i64, i64, i64) {
    // Shift to years that begin in March, so that the leap day comes last.
    let z = n + 305;
    let era = z.div_euclid(146097);
    let doe = z.rem_euclid(146097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + (m <= 2) as i64, m, d)
}

/// 0 is Monday.
pub fn weekday(y: i64, m: i64, d: i64) -> i64 {
    (ordinal(y, m, d) + 6) % 7
}

/// Ordinal of the Monday of ISO week 1.
pub fn iso_week1_monday(y: i64) -> i64 {
    let first = ordinal(y, 1, 1);
    let wd = (first + 6).rem_euclid(7);
    let monday = first - wd;
    if wd > 3 { monday + 7 } else { monday }
}

/// ISO year, week and weekday.
pub fn iso_calendar(y: i64, m: i64, d: i64) -> (i64, i64, i64) {
    let today = ordinal(y, m, d);
    let mut year = y;
    let mut week1 = iso_week1_monday(year);
    let mut week = (today - week1).div_euclid(7);
    let day = (today - week1).rem_euclid(7);
    if week < 0 {
        year -= 1;
        week1 = iso_week1_monday(year);
        week = (today - week1).div_euclid(7);
    } else if week >= 52 && today >= iso_week1_monday(year + 1) {
        year += 1;
        week = 0;
    }
    (year, week + 1, day + 1)
}

/// What is wrong with an ISO week date.
pub enum IsoError {
    Year,
    Week,
    Day,
}

/// The date of an ISO week date.
pub fn from_iso_calendar(year: i64, week: i64, day: i64) -> Result<(i64, i64, i64), IsoError> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(IsoError::Year);
    }
    if !(1..=52).contains(&week) {
        let long = week == 53 && {
            let wd = weekday(year, 1, 1);
            wd == 3 || wd == 2 && is_leap(year)
        };
        if !long {
            return Err(IsoError::Week);
        }
    }
    if !(1..=7).contains(&day) {
        return Err(IsoError::Day);
    }
    Ok(from_ordinal(iso_week1_monday(year) + (week - 1) * 7 + day - 1))
}

pub fn check_date(y: i64, m: i64, d: i64) -> PyResult<()> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&y) {
        return Err(raise!(ValueError, "year must be in 1..9999, not {}", y));
    }
    if !(1..=12).contains(&m) {
        return Err(raise!(ValueError, "month must be in 1..12, not {}", m));
    }
    let n = days_in_month(y, m);
    if !(1..=n).contains(&d) {
        return Err(raise!(ValueError, "day {} must be in range 1..{} for month {} in year {}", d, n, m, y));
    }
    Ok(())
}

pub fn check_time(h: i64, m: i64, s: i64, us: i64, fold: i64) -> PyResult<()> {
    let range = |name: &str, v: i64, max: i64| {
        if (0..=max).contains(&v) {
            Ok(())
        } else {
            Err(raise!(ValueError, "{} must be in 0..{}, not {}", name, max, v))
        }
    };
    range("hour", h, 23)?;
    range("minute", m, 59)?;
    range("second", s, 59)?;
    range("microsecond", us, 999999)?;
    if fold != 0 && fold != 1 {
        return Err(raise!(ValueError, "fold must be either 0 or 1, not {}", fold));
    }
    Ok(())
}

/// Exactly `n` decimal digits at the start.
fn digits(s: &[u8], n: usize) -> Option<(i64, &[u8])> {
    if s.len() < n || !s[..n].iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((s[..n].iter().fold(0, |v, c| v * 10 + (c - b'0') as i64), &s[n..]))
}

/// Parses `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-Www[-D]`, `YYYYWww[D]`. None for a malformed text; an impossible week is malformed.
pub fn parse_date(s: &[u8]) -> Option<(i64, i64, i64)> {
    let (year, s) = digits(s, 4)?;
    let (dashed, s) = match s {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, s),
    };
    if let [b'W', rest @ ..] = s {
        let (week, s) = digits(rest, 2)?;
        let day = match s {
            [] => 1,
            [b'-', d] if dashed && d.is_ascii_digit() => (d - b'0') as i64,
            [d] if !dashed && d.is_ascii_digit() => (d - b'0') as i64,
            _ => return None,
        };
        return from_iso_calendar(year, week, day).ok();
    }
    let (month, s) = digits(s, 2)?;
    let s = match s {
        [b'-', rest @ ..] if dashed => rest,
        _ if dashed => return None,
        _ => s,
    };
    let (day, s) = digits(s, 2)?;
    if s.is_empty() { Some((year, month, day)) } else { None }
}

/// Parses `HH[:MM[:SS[.ffffff]]]` or the same without colons.
pub fn parse_hms(s: &[u8]) -> Option<(i64, i64, i64, i64)> {
    let mut v = [0i64; 3];
    let mut s = s;
    let mut colons = None;
    for (i, f) in v.iter_mut().enumerate() {
        let (n, rest) = digits(s, 2)?;
        *f = n;
        s = rest;
        match s {
            [] => return Some((v[0], v[1], v[2], 0)),
            [b':', rest @ ..] if i < 2 => {
                if colons == Some(false) {
                    return None;
                }
                colons = Some(true);
                s = rest;
            }
            [b'.' | b',', ..] if i == 2 => {}
            _ if i < 2 => {
                if colons == Some(true) {
                    return None;
                }
                colons = Some(false);
            }
            _ => return None,
        }
    }
    let rest = s.get(1..)?;
    if rest.is_empty() || !rest.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Six digits count; further ones are cut off.
    let us = (0..6).fold(0, |v, i| v * 10 + rest.get(i).map_or(0, |c| (c - b'0') as i64));
    Some((v[0], v[1], v[2], us))
}

/// A time with its offset: hours, minutes, seconds, microseconds, and the offset in microseconds.
pub type TimeParts = (i64, i64, i64, i64, Option<i64>);

/// Parses an ISO time with an optional `Z` or `±HH:MM[:SS[.ffffff]]`.
pub fn parse_time(s: &[u8]) -> Option<TimeParts> {
    let at = s.iter().position(|c| matches!(c, b'+' | b'-' | b'Z'));
    let (clock, zone) = match at {
        Some(i) => (&s[..i], Some(&s[i..])),
        None => (s, None),
    };
    let (h, m, sec, us) = parse_hms(clock)?;
    let offset = match zone {
        None => None,
        Some([b'Z']) => Some(0),
        Some([sign @ (b'+' | b'-'), rest @ ..]) => {
            let (oh, om, os, ous) = parse_hms(rest)?;
            let total = ((oh * 60 + om) * 60 + os) * 1_000_000 + ous;
            if om > 59 || os > 59 {
                return None;
            }
            Some(if *sign == b'-' { -total } else { total })
        }
        Some(_) => return None,
    };
    Some((h, m, sec, us, offset))
}

/// Where the date ends in an ISO date-time text.
pub fn date_length(s: &[u8]) -> usize {
    let n = s.len();
    let digit = |i: usize| s.get(i).is_some_and(u8::is_ascii_digit);
    if n < 7 {
        return n;
    }
    if s[4] == b'-' {
        if s.get(5) == Some(&b'W') {
            // YYYY-Www or YYYY-Www-D
            if n > 8 && s[8] == b'-' {
                if n == 9 {
                    return 8;
                }
                // "2020-W01-12:30" is a week with '-' as separator.
                if n > 10 && digit(10) {
                    return 8;
                }
                return 10;
            }
            return 8;
        }
        return 10;
    }
    if s[4] == b'W' {
        // YYYYWww or YYYYWwwD: a run of digits of even length means a day belongs to it.
        let run = s[7..].iter().take_while(|c| c.is_ascii_digit()).count();
        let end = 7 + run;
        if end < 9 {
            return end;
        }
        return if end % 2 == 0 { 7 } else { 8 };
    }
    8
}

/// The time part: `HH:MM[:SS[.ffffff]]` to the precision that `timespec` names; None for an unknown name.
pub fn format_time(h: i64, m: i64, s: i64, us: i64, timespec: Option<&str>) -> Option<String> {
    Some(match timespec.unwrap_or("auto") {
        "auto" if us == 0 => format!("{h:02}:{m:02}:{s:02}"),
        "auto" | "microseconds" => format!("{h:02}:{m:02}:{s:02}.{us:06}"),
        "hours" => format!("{h:02}"),
        "minutes" => format!("{h:02}:{m:02}"),
        "seconds" => format!("{h:02}:{m:02}:{s:02}"),
        "milliseconds" => format!("{h:02}:{m:02}:{s:02}.{:03}", us / 1000),
        _ => return None,
    })
}

/// An offset as `±HH<sep>MM[<sep>SS[.ffffff]]`.
pub fn format_offset(us: i64, sep: &str) -> String {
    let sign = if us < 0 { '-' } else { '+' };
    let a = us.abs();
    let (h, m, s, f) = (a / 3_600_000_000, a / 60_000_000 % 60, a / 1_000_000 % 60, a % 1_000_000);
    let mut out = format!("{sign}{h:02}{sep}{m:02}");
    if s != 0 || f != 0 {
        out.push_str(&format!("{sep}{s:02}"));
    }
    if f != 0 {
        out.push_str(&format!(".{f:06}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_round_trip() {
        for n in (1..MAX_ORDINAL).step_by(97).chain([MAX_ORDINAL]) {
            let (y, m, d) = from_ordinal(n);
            assert_eq!(ordinal(y, m, d), n);
        }
        assert_eq!(from_ordinal(EPOCH), (1970, 1, 1));
    }
}
