//! Text and bytes of ints: `int("…")`, `str(int)`, `to_bytes`, `from_bytes`, and the limit on decimal digits.

use super::{Fresh, Int, MASK, SHIFT, heavy, small_ref};
use crate::error::{PyResult, Raised};
use crate::object::{Object, Ref};
use crate::objects::{Bytes, Str};
use crate::raise;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// Conversions of fewer digits are never limited.
pub const STR_DIGITS_THRESHOLD: usize = 640;
/// The limit at start-up.
pub const DEFAULT_MAX_STR_DIGITS: i32 = 4300;

static MAX_STR_DIGITS: AtomicI32 = AtomicI32::new(DEFAULT_MAX_STR_DIGITS);

/// `sys.get_int_max_str_digits()`; 0 is no limit.
pub fn max_str_digits() -> i32 {
    MAX_STR_DIGITS.load(Relaxed)
}

/// `sys.set_int_max_str_digits(n)` after its checks.
pub fn set_max_str_digits(n: i32) {
    MAX_STR_DIGITS.store(n, Relaxed);
}

fn digit_value(c: u8) -> u32 {
    match c {
        b'0'..=b'9' => (c - b'0') as u32,
        b'a'..=b'z' => (c - b'a') as u32 + 10,
        b'A'..=b'Z' => (c - b'A') as u32 + 10,
        _ => 99,
    }
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// What went wrong while parsing.
pub enum ParseError {
    /// Not a literal.
    Invalid,
    /// A Python exception is set (too many digits).
    Raised(Raised),
}

/// Parses what `int(text, base)` accepts, in ASCII: blanks around, sign, prefix, underscores. Base 0 guesses.
pub fn parse_ascii(text: &[u8], base: u32) -> Result<Ref<Int>, ParseError> {
    use ParseError::Invalid;
    let mut s = text;
    while let [c, rest @ ..] = s {
        if !is_space(*c) {
            break;
        }
        s = rest;
    }
    while let [rest @ .., c] = s {
        if !is_space(*c) {
            break;
        }
        s = rest;
    }
    let negative = match s {
        [b'-', rest @ ..] => {
            s = rest;
            true
        }
        [b'+', rest @ ..] => {
            s = rest;
            false
        }
        _ => false,
    };
    let mut base = base;
    let mut zero_only = false;
    let prefix = match s {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    if base == 0 {
        if prefix != 0 {
            base = prefix;
        } else {
            base = 10;
            // "0", "000" and "0_0" are fine, "012" is not.
            zero_only = s.first() == Some(&b'0');
        }
    }
    if prefix == base {
        s = &s[2..];
        if s.first() == Some(&b'_') {
            s = &s[1..];
        }
    }
    if s.is_empty() || s[0] == b'_' || s[s.len() - 1] == b'_' {
        return Err(Invalid);
    }
    let mut digits = 0usize;
    let mut underscores = false;
    let mut last = 0;
    for c in s {
        if *c == b'_' {
            if last == b'_' {
                return Err(Invalid);
            }
            underscores = true;
        } else if digit_value(*c) >= base || zero_only && *c != b'0' {
            return Err(Invalid);
        } else {
            digits += 1;
        }
        last = *c;
    }
    // Fits a machine word?
    let bits_per = 32 - (base - 1).leading_zeros();
    if digits * bits_per as usize <= 63 {
        let v = s.iter().filter(|c| **c != b'_').fold(0i64, |v, c| v * base as i64 + digit_value(*c) as i64);
        return Int::from_i64(if negative { -v } else { v }).map_err(ParseError::Raised);
    }
    if !base.is_power_of_two() {
        let limit = max_str_digits();
        if limit > 0 && digits > STR_DIGITS_THRESHOLD && digits > limit as usize {
            return Err(ParseError::Raised(raise!(
                ValueError,
                "Exceeds the limit ({limit} digits) for integer string conversion: value has {digits} digits; use sys.set_int_max_str_digits() to increase the limit"
            )));
        }
    }
    if base.is_power_of_two() {
        // Straight bit packing.
        let per = base.trailing_zeros();
        let mut f = Fresh::new((digits * per as usize).div_ceil(SHIFT as usize)).map_err(ParseError::Raised)?;
        let (mut acc, mut have) = (0u64, 0);
        let mut chars = s.iter().rev().filter(|c| **c != b'_');
        for d in f.digits() {
            while have < SHIFT {
                let Some(c) = chars.next() else { break };
                acc |= (digit_value(*c) as u64) << have;
                have += per;
            }
            *d = acc as u32 & MASK;
            acc >>= SHIFT;
            have = have.saturating_sub(SHIFT);
        }
        return Ok(f.finish(negative));
    }
    let cleaned: Vec<u8>;
    let body = if underscores {
        cleaned = s.iter().copied().filter(|c| *c != b'_').collect();
        &cleaned[..]
    } else {
        s
    };
    let body = core::str::from_utf8(body).map_err(|_| Invalid)?;
    let long = body.len() * bits_per as usize;
    let v = if long < heavy::LONG_BITS {
        dashu_int::UBig::from_str_radix(body, base)
    } else {
        let mut own = String::new();
        if own.try_reserve_exact(body.len()).is_err() {
            return Err(ParseError::Raised(super::arith::no_memory()));
        }
        own.push_str(body);
        heavy::compute(long, move || dashu_int::UBig::from_str_radix(&own, base)).map_err(ParseError::Raised)?
    };
    let v = v.map_err(|_| Invalid)?;
    Int::from_ubig(&v, negative).map_err(ParseError::Raised)
}

#[cold]
fn invalid_literal(base: u32, shown: &Object) -> Raised {
    match shown.repr() {
        Ok(r) => {
            let text = r.to_string_lossy();
            let text: String = text.chars().take(200).collect();
            raise!(ValueError, "invalid literal for int() with base {}: {}", base, text)
        }
        Err(e) => e,
    }
}

impl Int {
    /// Parses a Rust string as `int(s, base)` does.
    pub fn from_str_radix(s: &str, base: u32) -> PyResult<Ref<Int>> {
        match parse_ascii(s.as_bytes(), base) {
            Ok(v) => Ok(v),
            Err(ParseError::Raised(e)) => Err(e),
            Err(ParseError::Invalid) => Err(invalid_literal(base, &*Str::new(s)?)),
        }
    }

    /// `int(str, base)`.
    pub fn from_str_object(s: &Str, base: u32) -> PyResult<Ref<Int>> {
        let parsed = match s.as_ascii() {
            Some(a) => parse_ascii(a.as_bytes(), base),
            None => parse_ascii(crate::objects::float::decimal_to_ascii(s).as_bytes(), base),
        };
        match parsed {
            Ok(v) => Ok(v),
            Err(ParseError::Raised(e)) => Err(e),
            Err(ParseError::Invalid) => Err(invalid_literal(base, s)),
        }
    }

    /// `int(bytes, base)`; `shown` is what the error message shows.
    pub fn from_bytes_text(b: &[u8], base: u32, shown: Option<&Object>) -> PyResult<Ref<Int>> {
        match parse_ascii(b, base) {
            Ok(v) => Ok(v),
            Err(ParseError::Raised(e)) => Err(e),
            Err(ParseError::Invalid) => match shown {
                Some(o) => Err(invalid_literal(base, o)),
                None => Err(invalid_literal(base, &*Bytes::new(b)?)),
            },
        }
    }

    /// The text in a base of 2 to 36, lower case, with a minus sign but no prefix. Decimal text is subject to the limit.
    pub fn to_string_radix(&self, base: u32) -> PyResult<String> {
        if let Some(v) = self.small() {
            return Ok(match base {
                10 => v.to_string(),
                16 => signed(v, format_args!("{:x}", v.unsigned_abs())),
                8 => signed(v, format_args!("{:o}", v.unsigned_abs())),
                2 => signed(v, format_args!("{:b}", v.unsigned_abs())),
                _ => return self.to_string_big(base),
            });
        }
        if !base.is_power_of_two() {
            let limit = max_str_digits();
            if limit > 0 {
                let too_long = || {
                    raise!(
                        ValueError,
                        "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
                    )
                };
                // A lower bound of the number of digits first, so that a huge number costs nothing.
                let digits = ((self.bit_length() - 1) as f64 * core::f64::consts::LOG10_2) as usize + 1;
                if digits > STR_DIGITS_THRESHOLD && digits > limit as usize + 1 {
                    return Err(too_long());
                }
                if digits + 1 > STR_DIGITS_THRESHOLD {
                    let s = self.to_string_big(base)?;
                    if s.len() - self.is_negative() as usize > limit as usize {
                        return Err(too_long());
                    }
                    return Ok(s);
                }
            }
        }
        self.to_string_big(base)
    }

    fn to_string_big(&self, base: u32) -> PyResult<String> {
        use dashu_int::ops::BitTest;
        let m = self.to_ubig()?;
        let mut s = String::new();
        if s.try_reserve_exact(m.bit_len() / base.ilog2() as usize + 3).is_err() {
            return Err(super::arith::no_memory());
        }
        if self.is_negative() {
            s.push('-');
        }
        heavy::compute(m.bit_len(), move || {
            use core::fmt::Write;
            let _ = if base == 10 { write!(s, "{m}") } else { write!(s, "{}", m.in_radix(base as u8)) };
            s
        })
    }

    /// `str(int)`.
    pub fn to_str_object(&self) -> PyResult<Ref<Str>> {
        match self.small() {
            Some(v) => {
                let mut buf = itoa::Buffer::new();
                Str::new(buf.format(v))
            }
            None => Str::new(&self.to_string_radix(10)?),
        }
    }

    /// With the prefix that `bin`, `oct` and `hex` give.
    pub fn to_prefixed(&self, base: u32) -> PyResult<Ref<Str>> {
        let s = self.to_string_radix(base)?;
        let prefix = match base {
            2 => "0b",
            8 => "0o",
            _ => "0x",
        };
        match s.strip_prefix('-') {
            Some(m) => Str::format(format_args!("-{prefix}{m}")),
            None => Str::format(format_args!("{prefix}{s}")),
        }
    }

    /// Writes two's complement (or unsigned) bytes into `out`, least significant first if `little`.
    pub fn write_bytes(&self, out: &mut [u8], little: bool, signed: bool) -> PyResult<()> {
        if self.is_negative() && !signed {
            return Err(raise!(OverflowError, "can't convert negative int to unsigned"));
        }
        let too_big = || raise!(OverflowError, "int too big to convert");
        // How many bits the value needs.
        let bits = self.bit_length();
        let fits = if !signed {
            bits <= out.len() * 8
        } else if self.is_negative() {
            // -2**(n-1) fits.
            let exact = self.bit_count() == 1;
            bits + 1 - exact as usize <= out.len() * 8
        } else {
            self.is_zero() || bits < out.len() * 8
        };
        if !fits {
            return Err(too_big());
        }
        let (mut acc, mut have, mut digits) = (0u64, 0u32, self.digits().iter());
        let mut carry = self.is_negative() as u32;
        let negative = self.is_negative();
        let n = out.len();
        for i in 0..n {
            if have < 8 {
                let d = digits.next().copied().unwrap_or(0);
                acc |= (d as u64) << have;
                have += SHIFT;
            }
            let mut byte = acc as u8;
            acc >>= 8;
            have -= 8;
            if negative {
                let v = (!byte) as u32 + carry;
                carry = v >> 8;
                byte = v as u8;
            }
            out[if little { i } else { n - 1 - i }] = byte;
        }
        Ok(())
    }

    /// The int that bytes hold.
    pub fn from_byte_slice(bytes: &[u8], little: bool, signed: bool) -> PyResult<Ref<Int>> {
        let n = bytes.len();
        if n == 0 {
            return Ok(small_ref(0));
        }
        let at = |i: usize| bytes[if little { i } else { n - 1 - i }];
        let negative = signed && at(n - 1) & 0x80 != 0;
        if n <= 8 {
            let mut v = if negative { u64::MAX } else { 0 };
            for i in (0..n).rev() {
                v = v << 8 | at(i) as u64;
            }
            return if negative { Int::from_i64(v as i64) } else { Int::from_u64(v) };
        }
        let mut f = Fresh::new((n * 8).div_ceil(SHIFT as usize))?;
        let (mut acc, mut have, mut i) = (0u64, 0u32, 0);
        let mut carry = 1u32;
        for d in f.digits() {
            while have < SHIFT && i < n {
                let mut b = at(i);
                if negative {
                    let v = (!b) as u32 + carry;
                    carry = v >> 8;
                    b = v as u8;
                }
                acc |= (b as u64) << have;
                have += 8;
                i += 1;
            }
            *d = acc as u32 & MASK;
            acc >>= SHIFT;
            have = have.saturating_sub(SHIFT);
        }
        Ok(f.finish(negative))
    }
}

fn signed(v: i64, magnitude: core::fmt::Arguments<'_>) -> String {
    if v < 0 { format!("-{magnitude}") } else { magnitude.to_string() }
}
