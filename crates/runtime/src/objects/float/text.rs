//! Text of floats: `float("…")`, `float.hex`, `float.fromhex`.

use crate::error::PyResult;
use crate::objects::Str;
use crate::raise;

/// The zeros of Unicode's decimal digits beyond ASCII; the nine other digits follow each.
static ZEROS: &[u32] = &[
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50,
    0x11d50, 0x11da0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce, 0x1d7d8, 0x1d7e2,
    0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// The value of a decimal digit (category Nd).
pub fn decimal_value(c: u32) -> Option<u32> {
    match c {
        0x30..=0x39 => Some(c - 0x30),
        0..0x80 => None,
        _ => {
            let i = ZEROS.partition_point(|z| *z <= c);
            let d = c - ZEROS[..i].last()?;
            (d < 10).then_some(d)
        }
    }
}

/// Number text in ASCII: decimal digits of every script become ASCII digits, blanks become spaces, the rest `?`.
pub fn decimal_to_ascii(s: &Str) -> String {
    s.chars()
        .map(|c| match c {
            0..0x80 => c as u8 as char,
            _ if char::from_u32(c).is_some_and(char::is_whitespace) => ' ',
            _ => decimal_value(c).map_or('?', |d| (b'0' + d as u8) as char),
        })
        .collect()
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r' | 0x1c..=0x1f)
}

fn trim(mut s: &[u8]) -> &[u8] {
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
    s
}

/// Removes the underscores of a number literal; None if one does not stand between digits.
pub(crate) fn strip_underscores(s: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(s.len());
    for (i, c) in s.iter().enumerate() {
        if *c == b'_' {
            let before = i > 0 && s[i - 1].is_ascii_digit();
            let after = s.get(i + 1).is_some_and(u8::is_ascii_digit);
            if !before || !after {
                return None;
            }
        } else {
            out.push(*c);
        }
    }
    Some(out)
}

/// The longest prefix that is a decimal number, `inf`, `infinity` or `nan`, with a sign; gives its value and length.
pub fn parse_prefix(s: &[u8]) -> Option<(f64, usize)> {
    let mut i = 0;
    let negative = s.first() == Some(&b'-');
    if matches!(s.first(), Some(b'+' | b'-')) {
        i = 1;
    }
    let word = |w: &[u8]| s.len() >= i + w.len() && s[i..i + w.len()].eq_ignore_ascii_case(w);
    for (w, v) in [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)] {
        if word(w) {
            return Some((if negative { -v } else { v }, i + w.len()));
        }
    }
    let start = i;
    while s.get(i).is_some_and(u8::is_ascii_digit) {
        i += 1;
    }
    let mut digits = i - start;
    if s.get(i) == Some(&b'.') {
        i += 1;
        while s.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
            digits += 1;
        }
    }
    if digits == 0 {
        return None;
    }
    if matches!(s.get(i), Some(b'e' | b'E')) {
        let mut j = i + 1;
        if matches!(s.get(j), Some(b'+' | b'-')) {
            j += 1;
        }
        if s.get(j).is_some_and(u8::is_ascii_digit) {
            while s.get(j).is_some_and(u8::is_ascii_digit) {
                j += 1;
            }
            i = j;
        }
    }
    let v = core::str::from_utf8(&s[..i]).ok()?.parse().ok()?;
    Some((v, i))
}

/// Parses what `float(text)` accepts, in ASCII: blanks around, sign, underscores, `inf`, `nan`.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let s = trim(text);
    let cleaned;
    let s = if s.contains(&b'_') {
        cleaned = strip_underscores(s)?;
        &cleaned[..]
    } else {
        s
    };
    match parse_prefix(s)? {
        (v, n) if n == s.len() => Some(v),
        _ => None,
    }
}

/// `float.hex()`.
pub fn to_hex(v: f64) -> String {
    if !v.is_finite() {
        return if v.is_nan() {
            "nan"
        } else if v > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let bits = v.to_bits();
    let sign = if bits >> 63 != 0 { "-" } else { "" };
    let mant = bits & ((1 << 52) - 1);
    let exp = (bits >> 52 & 0x7ff) as i32;
    if exp == 0 && mant == 0 {
        return format!("{sign}0x0.0p+0");
    }
    let (lead, exp) = if exp == 0 { (0, -1022) } else { (1, exp - 1023) };
    format!("{sign}0x{lead}.{mant:013x}p{exp:+}")
}

/// `float.fromhex(text)`.
pub fn from_hex(text: &[u8]) -> PyResult<f64> {
    let invalid = || raise!(ValueError, "invalid hexadecimal floating-point string");
    let too_large = || raise!(OverflowError, "hexadecimal value too large to represent as a float");
    let mut s = trim(text);
    let mut negative = false;
    if let [c @ (b'+' | b'-'), rest @ ..] = s {
        negative = *c == b'-';
        s = rest;
    }
    let signed = |v: f64| if negative { -v } else { v };
    if s.eq_ignore_ascii_case(b"inf") || s.eq_ignore_ascii_case(b"infinity") {
        return Ok(signed(f64::INFINITY));
    }
    if s.eq_ignore_ascii_case(b"nan") {
        return Ok(signed(f64::NAN));
    }
    if let [b'0', b'x' | b'X', rest @ ..] = s {
        s = rest;
    }
    // Digits up to the exponent, with an optional point.
    let mut digits: Vec<u8> = Vec::new();
    let (mut point, mut i) = (None, 0);
    while i < s.len() {
        match s[i] {
            b'.' if point.is_none() => point = Some(digits.len()),
            c if c.is_ascii_hexdigit() => digits.push((c as char).to_digit(16).unwrap_or(0) as u8),
            _ => break,
        }
        i += 1;
    }
    if digits.is_empty() {
        return Err(invalid());
    }
    let fraction = point.map_or(0, |p| digits.len() - p) as i64;
    let mut exp = 0i64;
    if matches!(s.get(i), Some(b'p' | b'P')) {
        i += 1;
        let mut eneg = false;
        if let Some(c @ (b'+' | b'-')) = s.get(i) {
            eneg = *c == b'-';
            i += 1;
        }
        if !s.get(i).is_some_and(u8::is_ascii_digit) {
            return Err(invalid());
        }
        while let Some(c) = s.get(i).filter(|c| c.is_ascii_digit()) {
            exp = (exp * 10 + (c - b'0') as i64).min(1 << 40);
            i += 1;
        }
        if eneg {
            exp = -exp;
        }
    }
    if i != s.len() {
        return Err(invalid());
    }
    let first = digits.iter().position(|d| *d != 0);
    let Some(first) = first else { return Ok(signed(0.0)) };
    let digits = &digits[first..];
    // value = 0xDIGITS * 2**(exp - 4*fraction)
    let low = exp - 4 * fraction;
    let bits = digits.len() as i64 * 4 - (digits[0].leading_zeros() as i64 - 4);
    let top = bits + low;
    if top > 1024 {
        return Err(too_large());
    }
    if top < -1075 {
        return Ok(signed(0.0));
    }
    // Collect up to 64 bits and a sticky bit.
    let (mut m, mut taken, mut sticky) = (0u64, 0usize, false);
    for d in digits {
        if taken < 15 {
            m = m << 4 | *d as u64;
            taken += 1;
        } else {
            sticky |= *d != 0;
        }
    }
    let mut e = low + 4 * (digits.len() - taken) as i64;
    let mbits = 64 - m.leading_zeros() as i64;
    let drop = (mbits - 53).max(-1074 - e);
    if drop > 0 {
        if drop > 63 {
            return Ok(signed(0.0));
        }
        let rest = m & ((1 << drop) - 1);
        let half = 1u64 << (drop - 1);
        m >>= drop;
        e += drop;
        if rest > half || rest == half && (sticky || m & 1 == 1) {
            m += 1;
        }
    }
    let v = super::ldexp(m as f64, e as i32);
    if v.is_infinite() {
        return Err(too_large());
    }
    Ok(signed(v))
}
