//! The escape codecs: `unicode_escape`, `raw_unicode_escape` and the one of bytes literals.

use super::errors::DecodeErrors;
use crate::objects::unicode::{StrBuilder, names};
use crate::prelude::*;

fn hex_value(c: u8) -> Option<u32> {
    (c as char).to_digit(16)
}

/// Decodes `unicode_escape`; gives the text and the bytes used.
pub fn decode_unicode_escape(data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    let mut h = DecodeErrors::new("unicodeescape", errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let mut pos = 0;
    let mut warning: Option<String> = None;
    while pos < data.len() {
        let run = memchr::memchr(b'\\', &data[pos..]).map_or(data.len(), |i| i + pos);
        for &b in &data[pos..run] {
            out.push_u32(b as u32);
        }
        pos = run;
        if pos == data.len() {
            break;
        }
        let start = pos;
        pos += 1;
        let Some(&c) = data.get(pos) else {
            if !last {
                pos = start;
                break;
            }
            pos = h.handle(&mut data, start, start + 1, "\\ at end of string", &mut out)?;
            continue;
        };
        pos += 1;
        let simple = match c {
            b'\n' => continue,
            b'\\' | b'\'' | b'"' => c,
            b'b' => 8,
            b'f' => 12,
            b't' => 9,
            b'n' => 10,
            b'r' => 13,
            b'v' => 11,
            b'a' => 7,
            b'0'..=b'7' => {
                let mut v = (c - b'0') as u32;
                let mut n = 1;
                while n < 3
                    && let Some(&d @ b'0'..=b'7') = data.get(pos)
                {
                    v = v * 8 + (d - b'0') as u32;
                    pos += 1;
                    n += 1;
                }
                if n < 3 && pos == data.len() && !last {
                    pos = start;
                    break;
                }
                if v > 0o377 && warning.is_none() {
                    warning = Some(format!(
                        "\"\\{v:o}\" is an invalid octal escape sequence. Such sequences will not work in the future. "
                    ));
                }
                out.push_u32(v);
                continue;
            }
            b'x' | b'u' | b'U' => {
                let (n, reason) = match c {
                    b'x' => (2, "truncated \\xXX escape"),
                    b'u' => (4, "truncated \\uXXXX escape"),
                    _ => (8, "truncated \\UXXXXXXXX escape"),
                };
                let (mut v, mut k) = (0u32, 0);
                while k < n
                    && let Some(d) = data.get(pos).copied().and_then(hex_value)
                {
                    v = v << 4 | d;
                    pos += 1;
                    k += 1;
                }
                if k == n {
                    if v <= 0x10FFFF {
                        out.push_u32(v);
                        continue;
                    }
                    pos = h.handle(&mut data, start, pos, "illegal Unicode character", &mut out)?;
                    continue;
                }
                if pos == data.len() && !last {
                    pos = start;
                    break;
                }
                pos = h.handle(&mut data, start, pos, reason, &mut out)?;
                continue;
            }
            b'N' => {
                let mut reason = "malformed \\N character escape";
                if data.get(pos) == Some(&b'{') {
                    let from = pos + 1;
                    match memchr::memchr(b'}', &data[from..]) {
                        Some(k) if k > 0 => {
                            let name = String::from_utf8_lossy(&data[from..from + k]).into_owned();
                            pos = from + k + 1;
                            reason = "unknown Unicode character name";
                            if let Some(c) =
                                names::lookup(&name, false).and_then(|v| if v.len() == 1 { Some(v[0]) } else { None })
                            {
                                out.push_u32(c);
                                continue;
                            }
                        }
                        Some(_) => pos = from,
                        None => {
                            if !last {
                                pos = start;
                                break;
                            }
                            pos = data.len();
                        }
                    }
                } else if pos == data.len() && !last {
                    pos = start;
                    break;
                }
                pos = h.handle(&mut data, start, pos, reason, &mut out)?;
                continue;
            }
            _ => {
                if warning.is_none() {
                    warning = Some(format!(
                        "\"\\{}\" is an invalid escape sequence. Such sequences will not work in the future. ",
                        c as char
                    ));
                }
                out.push_u32('\\' as u32);
                c
            }
        };
        out.push_u32(simple as u32);
    }
    if let Some(w) = warning {
        crate::error::warn(exc::DeprecationWarning(), &w, 1)?;
    }
    Ok((out.finish()?, pos))
}

/// Encodes `unicode_escape`.
pub fn encode_unicode_escape(s: &Str) -> PyResult<Ref<Bytes>> {
    let mut v = Vec::with_capacity(s.len() + s.len() / 4);
    for c in s.chars() {
        match c {
            9 => v.extend_from_slice(b"\\t"),
            10 => v.extend_from_slice(b"\\n"),
            13 => v.extend_from_slice(b"\\r"),
            92 => v.extend_from_slice(b"\\\\"),
            32..127 => v.push(c as u8),
            0..256 => v.extend_from_slice(format!("\\x{c:02x}").as_bytes()),
            0..65536 => v.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            _ => v.extend_from_slice(format!("\\U{c:08x}").as_bytes()),
        }
    }
    Bytes::new(&v)
}

/// Decodes `raw_unicode_escape`.
pub fn decode_raw_unicode_escape(data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    let mut h = DecodeErrors::new("rawunicodeescape", errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let mut pos = 0;
    while pos < data.len() {
        let c = data[pos];
        if c != b'\\' {
            out.push_u32(c as u32);
            pos += 1;
            continue;
        }
        let start = pos;
        match data.get(pos + 1) {
            None => {
                if !last {
                    break;
                }
                out.push_u32(92);
                pos += 1;
            }
            Some(&k @ (b'u' | b'U')) => {
                let (n, reason) =
                    if k == b'u' { (4, "truncated \\uXXXX escape") } else { (8, "truncated \\UXXXXXXXX escape") };
                pos += 2;
                let (mut v, mut got) = (0u32, 0);
                while got < n
                    && let Some(d) = data.get(pos).copied().and_then(hex_value)
                {
                    v = v << 4 | d;
                    pos += 1;
                    got += 1;
                }
                if got == n {
                    if v <= 0x10FFFF {
                        out.push_u32(v);
                        continue;
                    }
                    pos = h.handle(&mut data, start, pos, "\\Uxxxxxxxx out of range", &mut out)?;
                    continue;
                }
                if pos == data.len() && !last {
                    pos = start;
                    break;
                }
                pos = h.handle(&mut data, start, pos, reason, &mut out)?;
            }
            Some(&k) => {
                out.push_u32(92);
                out.push_u32(k as u32);
                pos += 2;
            }
        }
    }
    Ok((out.finish()?, pos))
}

/// Encodes `raw_unicode_escape`.
pub fn encode_raw_unicode_escape(s: &Str) -> PyResult<Ref<Bytes>> {
    let mut v = Vec::with_capacity(s.len());
    for c in s.chars() {
        match c {
            0..256 => v.push(c as u8),
            0..65536 => v.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            _ => v.extend_from_slice(format!("\\U{c:08x}").as_bytes()),
        }
    }
    Bytes::new(&v)
}

/// Decodes the escapes of bytes literals.
pub fn decode_escape(data: &[u8], errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    let mut v = Vec::with_capacity(data.len());
    let mut warning: Option<String> = None;
    let mut pos = 0;
    while pos < data.len() {
        let c = data[pos];
        if c != b'\\' {
            v.push(c);
            pos += 1;
            continue;
        }
        let start = pos;
        pos += 1;
        let Some(&c) = data.get(pos) else { return Err(raise!(ValueError, "Trailing \\ in string")) };
        pos += 1;
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => v.push(c),
            b'b' => v.push(8),
            b'f' => v.push(12),
            b't' => v.push(9),
            b'n' => v.push(10),
            b'r' => v.push(13),
            b'v' => v.push(11),
            b'a' => v.push(7),
            b'0'..=b'7' => {
                let mut x = (c - b'0') as u32;
                let mut n = 1;
                while n < 3
                    && let Some(&d @ b'0'..=b'7') = data.get(pos)
                {
                    x = x * 8 + (d - b'0') as u32;
                    pos += 1;
                    n += 1;
                }
                if x > 0o377 && warning.is_none() {
                    warning = Some(format!(
                        "b\"\\{x:o}\" is an invalid octal escape sequence. Such sequences will not work in the future. "
                    ));
                }
                v.push(x as u8);
            }
            b'x' => {
                let (a, b) =
                    (data.get(pos).copied().and_then(hex_value), data.get(pos + 1).copied().and_then(hex_value));
                if let (Some(a), Some(b)) = (a, b) {
                    v.push((a << 4 | b) as u8);
                    pos += 2;
                    continue;
                }
                if a.is_some() {
                    pos += 1;
                }
                match errors {
                    None | Some("strict") => {
                        return Err(raise!(ValueError, "invalid \\x escape at position {}", start));
                    }
                    Some("replace") => v.push(b'?'),
                    Some("ignore") => {}
                    Some(e) => return Err(raise!(ValueError, "decoding error; unknown error handling code: {}", e)),
                }
            }
            _ => {
                if warning.is_none() {
                    warning = Some(format!(
                        "b\"\\{}\" is an invalid escape sequence. Such sequences will not work in the future. ",
                        c as char
                    ));
                }
                v.extend_from_slice(&[b'\\', c]);
            }
        }
    }
    if let Some(w) = warning {
        crate::error::warn(exc::DeprecationWarning(), &w, 1)?;
    }
    Bytes::new(&v)
}
