//! Text of floats: the shortest repr and the printf-like forms.

use crate::prelude::*;

/// Flags of `format_float`.
pub mod float_flags {
    /// Always a sign.
    pub const SIGN: u32 = 1;
    /// Add ".0" when the text would look like an integer.
    pub const ADD_DOT_0: u32 = 2;
    /// Alternate form (`#`).
    pub const ALT: u32 = 4;
    /// No negative zero (`z`).
    pub const NO_NEG_0: u32 = 8;
}
use float_flags::*;

/// Digits beyond this are zeros for every double, in every form.
const EXACT: usize = 1100;

/// `float.__repr__`'s text.
pub fn float_repr(v: f64) -> String {
    format_float(v, b'r', 0, ADD_DOT_0)
}

/// Significant digits (no trailing zeros) and the decimal exponent of the first one of the shortest text of `v > 0`.
fn shortest(v: f64) -> (Vec<u8>, i32) {
    let mut buf = ryu::Buffer::new();
    let s = buf.format_finite(v).as_bytes();
    let (mant, exp) = match s.iter().position(|&c| c == b'e') {
        Some(i) => (&s[..i], core::str::from_utf8(&s[i + 1..]).ok().and_then(|t| t.parse::<i32>().ok()).unwrap_or(0)),
        None => (s, 0),
    };
    let point = mant.iter().position(|&c| c == b'.').unwrap_or(mant.len());
    let mut digits: Vec<u8> = Vec::with_capacity(20);
    let mut lead = 0;
    for &c in mant {
        if c == b'.' {
            continue;
        }
        if digits.is_empty() && c == b'0' {
            lead += 1;
            continue;
        }
        digits.push(c);
    }
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    (digits, exp + point as i32 - 1 - lead)
}

fn push_exponent(out: &mut String, exp: i32) {
    use core::fmt::Write;
    let _ = write!(out, "e{}{:02}", if exp < 0 { '-' } else { '+' }, exp.unsigned_abs());
}

/// Digits and exponent of `v > 0` rounded to `n >= 1` significant digits.
fn rounded(v: f64, n: usize) -> (Vec<u8>, i32) {
    let k = n.min(EXACT);
    let s = format!("{:.*e}", k - 1, v);
    let (m, e) = s.split_once('e').unwrap_or((&s, "0"));
    let mut digits: Vec<u8> = m.bytes().filter(|c| *c != b'.').collect();
    digits.resize(n, b'0');
    (digits, e.parse().unwrap_or(0))
}

/// Lays digits out: with an exponent or plainly.
fn layout(out: &mut String, digits: &[u8], exp: i32, use_exp: bool, alt: bool) {
    let put = |out: &mut String, d: &[u8]| d.iter().for_each(|&c| out.push(c as char));
    if use_exp {
        put(out, &digits[..1]);
        if digits.len() > 1 || alt {
            out.push('.');
        }
        put(out, &digits[1..]);
        push_exponent(out, exp);
    } else if exp < 0 {
        out.push_str("0.");
        (0..-exp - 1).for_each(|_| out.push('0'));
        put(out, digits);
    } else {
        let k = exp as usize + 1;
        put(out, &digits[..k.min(digits.len())]);
        (digits.len()..k).for_each(|_| out.push('0'));
        if digits.len() > k {
            out.push('.');
            put(out, &digits[k..]);
        } else if alt {
            out.push('.');
        }
    }
}

/// Refuses precisions that no buffer can hold: the text is built by code that cannot fail.
pub fn check_precision(precision: isize) -> PyResult<()> {
    if precision > i32::MAX as isize - 1024 {
        return Err(raise!(ValueError, "precision too big"));
    }
    if precision > 1 << 20 && Vec::<u8>::new().try_reserve_exact(4 * precision as usize).is_err() {
        return Err(crate::error::raise_none(exc::MemoryError()));
    }
    Ok(())
}

/// `PyOS_double_to_string`: code is one of `e E f F g G r`.
pub fn format_float(v: f64, code: u8, precision: usize, flags: u32) -> String {
    let upper = code.is_ascii_uppercase();
    let mut out = String::with_capacity(24);
    if !v.is_finite() {
        if v.is_nan() {
            if flags & SIGN != 0 {
                out.push('+');
            }
            out.push_str("nan");
        } else {
            out.push_str(if v < 0.0 {
                "-"
            } else if flags & SIGN != 0 {
                "+"
            } else {
                ""
            });
            out.push_str("inf");
        }
        return if upper { out.to_ascii_uppercase() } else { out };
    }
    let alt = flags & ALT != 0;
    let a = v.abs();
    let mut body = String::with_capacity(24);
    match code.to_ascii_lowercase() {
        b'r' => {
            let (digits, exp) = if a == 0.0 { (vec![b'0'], 0) } else { shortest(a) };
            layout(&mut body, &digits, exp, !(-4..16).contains(&exp), alt);
        }
        b'e' => {
            let (digits, exp) = if a == 0.0 { (vec![b'0'; precision + 1], 0) } else { rounded(a, precision + 1) };
            layout(&mut body, &digits, exp, true, alt);
        }
        b'f' => {
            use core::fmt::Write;
            let k = precision.min(EXACT);
            let _ = write!(body, "{a:.k$}");
            (k..precision).for_each(|_| body.push('0'));
            if alt && precision == 0 {
                body.push('.');
            }
        }
        _ => {
            let p = precision.max(1);
            let (mut digits, exp) = if a == 0.0 { (vec![b'0'; p], 0) } else { rounded(a, p) };
            if !alt {
                while digits.len() > 1 && digits.last() == Some(&b'0') {
                    digits.pop();
                }
            }
            let limit = p as i64 - (flags & ADD_DOT_0 != 0) as i64;
            let use_exp = exp < -4 || exp as i64 >= limit;
            // A one-digit precision leaves room for the added ".0" at exponent 0 only with an exponent.
            layout(&mut body, &digits, exp, use_exp, alt);
        }
    }
    if flags & ADD_DOT_0 != 0 && !body.contains(['.', 'e']) {
        body.push_str(".0");
    }
    let zero = body.bytes().take_while(|&c| c != b'e').all(|c| matches!(c, b'0' | b'.'));
    if v.is_sign_negative() && !(flags & NO_NEG_0 != 0 && zero) {
        out.push('-');
    } else if flags & SIGN != 0 {
        out.push('+');
    }
    if upper {
        body.make_ascii_uppercase();
    }
    out.push_str(&body);
    out
}
