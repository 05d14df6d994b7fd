//! UTF-7 (RFC 2152).

use super::errors::DecodeErrors;
use crate::objects::unicode::StrBuilder;
use crate::prelude::*;

fn from_base64(c: u8) -> Option<u32> {
    Some(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    } as u32)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Characters that stand for themselves in output: set D, set O, white space.
fn is_direct(c: u32) -> bool {
    match u8::try_from(c) {
        Ok(c) => {
            c == b'\t' || c == b'\n' || c == b'\r' || (32..126).contains(&c) && c != b'+' && c != b'\\' && c != b'~'
        }
        Err(_) => false,
    }
}

/// Decodes; gives the text and the bytes used.
pub fn decode(data: &[u8], errors: Option<&str>, last: bool) -> PyResult<(Ref<Str>, usize)> {
    let mut h = DecodeErrors::new("utf7", errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let (mut pos, mut shift) = (0, false);
    let (mut bits, mut buffer, mut surrogate) = (0u32, 0u32, 0u32);
    // Where the shift sequence began, and how long the output was then.
    let (mut start, mut mark) = (0, 0);
    let mut pending: Vec<u32> = Vec::new();
    while pos < data.len() {
        let c = data[pos];
        if shift {
            if let Some(v) = from_base64(c) {
                buffer = buffer << 6 | v;
                bits += 6;
                pos += 1;
                if bits >= 16 {
                    let unit = buffer >> (bits - 16) & 0xFFFF;
                    bits -= 16;
                    buffer &= (1 << bits) - 1;
                    if surrogate != 0 {
                        if (0xDC00..0xE000).contains(&unit) {
                            pending.push(0x10000 + ((surrogate - 0xD800) << 10) + (unit - 0xDC00));
                            surrogate = 0;
                            continue;
                        }
                        pending.push(surrogate);
                        surrogate = 0;
                    }
                    if (0xD800..0xDC00).contains(&unit) {
                        surrogate = unit;
                    } else {
                        pending.push(unit);
                    }
                }
                continue;
            }
            shift = false;
            pending.drain(..).for_each(|c| out.push_u32(c));
            let reason = if bits >= 6 {
                Some("partial character in shift sequence")
            } else if bits > 0 && buffer != 0 {
                Some("non-zero padding bits in shift sequence")
            } else {
                None
            };
            if let Some(r) = reason {
                pos += 1;
                (bits, buffer, surrogate) = (0, 0, 0);
                pos = h.handle(&mut data, start, pos, r, &mut out)?;
                continue;
            }
            if surrogate != 0 && (c <= 127 && c != b'+') {
                out.push_u32(surrogate);
            }
            surrogate = 0;
            (bits, buffer) = (0, 0);
            if c == b'-' {
                pos += 1;
            }
        } else if c == b'+' {
            start = pos;
            pos += 1;
            match data.get(pos) {
                Some(b'-') => {
                    pos += 1;
                    out.push_u32('+' as u32);
                }
                Some(&n) if from_base64(n).is_none() => {
                    pos += 1;
                    pos = h.handle(&mut data, start, pos, "ill-formed sequence", &mut out)?;
                }
                _ => {
                    shift = true;
                    (bits, buffer, surrogate) = (0, 0, 0);
                    mark = out.len();
                }
            }
        } else if c < 128 {
            out.push_u32(c as u32);
            pos += 1;
        } else {
            start = pos;
            pos = h.handle(&mut data, start, pos + 1, "unexpected special character", &mut out)?;
        }
        if pos >= data.len() && shift && last {
            break;
        }
    }
    let _ = mark;
    if shift {
        if !last {
            return Ok((out.finish()?, start));
        }
        if surrogate != 0 || bits >= 6 || bits > 0 && buffer != 0 || pending.is_empty() || last {
            let bad = surrogate != 0 || bits >= 6 || bits > 0 && buffer != 0;
            pending.drain(..).for_each(|c| out.push_u32(c));
            if bad {
                let end = data.len();
                let at = h.handle(&mut data, start, end, "unterminated shift sequence", &mut out)?;
                if at < data.len() {
                    let (rest, _) = decode(&data[at..], errors, last)?;
                    out.push_obj(&rest);
                }
            }
        }
    }
    Ok((out.finish()?, data.len()))
}

/// Encodes.
pub fn encode(s: &Str) -> PyResult<Ref<Bytes>> {
    let mut v = Vec::with_capacity(s.len() * 2);
    let (mut shift, mut bits, mut buffer) = (false, 0u32, 0u32);
    for c in s.chars() {
        if is_direct(c) || !shift && c == '+' as u32 {
            if shift {
                if bits > 0 {
                    v.push(BASE64[(buffer << (6 - bits) & 63) as usize]);
                    (bits, buffer) = (0, 0);
                }
                shift = false;
                // A character of the alphabet, or a hyphen, needs the explicit end.
                if from_base64(c as u8).is_some() || c == '-' as u32 {
                    v.push(b'-');
                }
            }
            if c == '+' as u32 {
                v.extend_from_slice(b"+-");
            } else {
                v.push(c as u8);
            }
            continue;
        }
        if !shift {
            v.push(b'+');
            shift = true;
        }
        let mut unit = |u: u32| {
            buffer = buffer << 16 | u;
            bits += 16;
            while bits >= 6 {
                v.push(BASE64[(buffer >> (bits - 6) & 63) as usize]);
                bits -= 6;
            }
            buffer &= (1 << bits) - 1;
        };
        if c >= 0x10000 {
            unit(0xD800 + ((c - 0x10000) >> 10));
            unit(0xDC00 + ((c - 0x10000) & 0x3FF));
        } else {
            unit(c);
        }
    }
    if bits > 0 {
        v.push(BASE64[(buffer << (6 - bits) & 63) as usize]);
    }
    if shift {
        v.push(b'-');
    }
    Bytes::new(&v)
}
