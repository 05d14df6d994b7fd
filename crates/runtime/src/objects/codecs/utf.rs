//! UTF-8, UTF-16, UTF-32, ASCII and Latin-1.

use super::errors::{DecodeErrors, EncodeErrors, Mode, Replacement};
use crate::objects::unicode::{StrBuilder, StrData, build};
use crate::prelude::*;

/// Byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
    /// By a byte order mark when decoding; a mark and native order when encoding.
    Bom,
}

const NATIVE_BIG: bool = cfg!(target_endian = "big");

/// Decodes UTF-8; gives the text and the number of bytes used (all of them when `last`).
pub fn decode_utf8(data: &[u8], errors: Option<&str>, last: bool, encoding: &str) -> PyResult<(Ref<Str>, usize)> {
    match core::str::from_utf8(data) {
        Ok(s) => Ok((Str::new(s)?, data.len())),
        Err(e) => decode_utf8_slow(data, errors, last, encoding, e),
    }
}

#[cold]
fn decode_utf8_slow(
    data: &[u8],
    errors: Option<&str>,
    last: bool,
    encoding: &str,
    first: core::str::Utf8Error,
) -> PyResult<(Ref<Str>, usize)> {
    let mut h = DecodeErrors::new(encoding, errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let (mut pos, mut err) = (0, Some(first));
    loop {
        let e = match err.take() {
            Some(e) => e,
            None => match core::str::from_utf8(&data[pos..]) {
                Ok(s) => {
                    out.push_str(s);
                    return Ok((out.finish()?, data.len()));
                }
                Err(e) => e,
            },
        };
        let good = pos + e.valid_up_to();
        // SAFETY: `valid_up_to` says so.
        out.push_str(unsafe { core::str::from_utf8_unchecked(&data[pos..good]) });
        let (end, reason) = match e.error_len() {
            None if !last => return Ok((out.finish()?, good)),
            // The beginning of an encoded surrogate, which a handler may want to see whole.
            Some(_)
                if !last && data.len() - good == 2 && data[good] == 0xED && (0xA0..=0xBF).contains(&data[good + 1]) =>
            {
                return Ok((out.finish()?, good));
            }
            None => (data.len(), "unexpected end of data"),
            Some(n) => (
                good + n,
                if (0xC2..=0xF4).contains(&data[good]) { "invalid continuation byte" } else { "invalid start byte" },
            ),
        };
        pos = h.handle(&mut data, good, end, reason, &mut out)?;
    }
}

/// Encodes UTF-8.
pub fn encode_utf8(s: &Str, errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    if let Some(a) = s.as_ascii() {
        return Bytes::new(a.as_bytes());
    }
    if let Some(v) = build::utf8_of(s.data()) {
        return Bytes::new(&v);
    }
    let mut h = EncodeErrors::new("utf-8", errors);
    let reason = "surrogates not allowed";
    let d = s.data();
    let mut v = Vec::with_capacity(d.len() * 3);
    let mut i = 0;
    while i < d.len() {
        let c = d.get(i);
        if !(0xD800..0xE000).contains(&c) {
            build::push_wtf8(&mut v, c);
            i += 1;
            continue;
        }
        let end = (i..d.len()).find(|&k| !(0xD800..0xE000).contains(&d.get(k))).unwrap_or(d.len());
        let (rep, at) = h.handle(s, i, end, reason)?;
        match rep {
            Replacement::Nothing => {}
            Replacement::Bytes(b) => v.extend_from_slice(&b),
            Replacement::Text(t) => match t.as_ascii() {
                Some(a) => v.extend_from_slice(a.as_bytes()),
                None => return Err(h.raise(s, i, end, reason)),
            },
        }
        i = at;
    }
    Bytes::new(&v)
}

/// Decodes ASCII.
pub fn decode_ascii(data: &[u8], errors: Option<&str>) -> PyResult<Ref<Str>> {
    if data.is_ascii() {
        return Str::from_ascii(data);
    }
    let mut h = DecodeErrors::new("ascii", errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let mut pos = 0;
    while pos < data.len() {
        let bad = data[pos..].iter().position(|b| *b >= 128).map_or(data.len(), |i| i + pos);
        out.push_ascii(&data[pos..bad]);
        if bad == data.len() {
            break;
        }
        pos = h.handle(&mut data, bad, bad + 1, "ordinal not in range(128)", &mut out)?;
    }
    out.finish()
}

/// Encodes ASCII (`limit` 128) or Latin-1 (256).
pub fn encode_ucs1(s: &Str, errors: Option<&str>, limit: u32, encoding: &str) -> PyResult<Ref<Bytes>> {
    let d = s.data();
    if let StrData::One(x) = d
        && (limit == 256 || s.is_ascii())
    {
        return Bytes::new(x);
    }
    let reason = if limit == 128 { "ordinal not in range(128)" } else { "ordinal not in range(256)" };
    let mut h = EncodeErrors::new(encoding, errors);
    let mut v = Vec::with_capacity(d.len());
    let mut i = 0;
    while i < d.len() {
        let c = d.get(i);
        if c < limit {
            v.push(c as u8);
            i += 1;
            continue;
        }
        let end = (i..d.len()).find(|&k| d.get(k) < limit).unwrap_or(d.len());
        let (rep, at) = h.handle(s, i, end, reason)?;
        match rep {
            Replacement::Nothing => {}
            Replacement::Bytes(b) => v.extend_from_slice(&b),
            Replacement::Text(t) => {
                for c in t.chars() {
                    if c >= limit {
                        return Err(h.raise(s, i, end, reason));
                    }
                    v.push(c as u8);
                }
            }
        }
        i = at;
    }
    Bytes::new(&v)
}

/// Decodes UTF-16; gives the text, the number of bytes used and the byte order found (-1, 0, 1).
pub fn decode_utf16(
    data: &[u8],
    errors: Option<&str>,
    order: Order,
    last: bool,
    encoding: &str,
) -> PyResult<(Ref<Str>, usize, i32)> {
    let mut data = data;
    let mut pos = 0;
    let (mut big, mut found) = match order {
        Order::Little => (false, -1),
        Order::Big => (true, 1),
        Order::Bom => (NATIVE_BIG, 0),
    };
    if order == Order::Bom && data.len() >= 2 {
        match &data[..2] {
            [0xFF, 0xFE] => (big, found, pos) = (false, -1, 2),
            [0xFE, 0xFF] => (big, found, pos) = (true, 1, 2),
            _ => {}
        }
    }
    let name = if order == Order::Bom { if big { "utf-16-be" } else { "utf-16-le" } } else { encoding };
    let name = if order == Order::Bom && found == 0 { encoding } else { name };
    // Error messages name the form that was decoded.
    let form = match (name, big) {
        ("utf-16", false) if order == Order::Bom => "utf-16-le",
        ("utf-16", true) if order == Order::Bom => "utf-16-be",
        (n, _) => n,
    };
    let mut h = DecodeErrors::new(form, errors);
    let mut out = StrBuilder::with_capacity(data.len() / 2);
    let unit = |d: &[u8], i: usize| if big { u16::from_be_bytes([d[i], d[i + 1]]) } else { u16::from_le_bytes([d[i], d[i + 1]]) } as u32;
    while pos < data.len() {
        let (start, end, reason);
        if pos + 1 >= data.len() {
            if !last {
                break;
            }
            (start, end, reason) = (pos, data.len(), "truncated data");
        } else {
            let c = unit(data, pos);
            if !(0xD800..0xE000).contains(&c) {
                out.push_u32(c);
                pos += 2;
                continue;
            }
            if c >= 0xDC00 {
                (start, end, reason) = (pos, pos + 2, "illegal encoding");
            } else if pos + 3 >= data.len() {
                if !last {
                    break;
                }
                (start, end, reason) = (pos, data.len(), "unexpected end of data");
            } else {
                let d = unit(data, pos + 2);
                if (0xDC00..0xE000).contains(&d) {
                    out.push_u32(0x10000 + ((c - 0xD800) << 10) + (d - 0xDC00));
                    pos += 4;
                    continue;
                }
                (start, end, reason) = (pos, pos + 2, "illegal UTF-16 surrogate");
            }
        }
        pos = h.handle(&mut data, start, end, reason, &mut out)?;
    }
    Ok((out.finish()?, pos, if order == Order::Bom && found == 0 { 0 } else { found }))
}

/// Decodes UTF-32, as `decode_utf16`.
pub fn decode_utf32(
    data: &[u8],
    errors: Option<&str>,
    order: Order,
    last: bool,
    encoding: &str,
) -> PyResult<(Ref<Str>, usize, i32)> {
    let mut data = data;
    let mut pos = 0;
    let (mut big, mut found) = match order {
        Order::Little => (false, -1),
        Order::Big => (true, 1),
        Order::Bom => (NATIVE_BIG, 0),
    };
    if order == Order::Bom && data.len() >= 4 {
        match &data[..4] {
            [0xFF, 0xFE, 0, 0] => (big, found, pos) = (false, -1, 4),
            [0, 0, 0xFE, 0xFF] => (big, found, pos) = (true, 1, 4),
            _ => {}
        }
    }
    let form = if order != Order::Bom {
        encoding
    } else if big {
        "utf-32-be"
    } else {
        "utf-32-le"
    };
    let mut h = DecodeErrors::new(form, errors);
    let mut out = StrBuilder::with_capacity(data.len() / 4);
    while pos < data.len() {
        let (end, reason);
        if pos + 4 > data.len() {
            if !last {
                break;
            }
            (end, reason) = (data.len(), "truncated data");
        } else {
            let x = [data[pos], data[pos + 1], data[pos + 2], data[pos + 3]];
            let c = if big { u32::from_be_bytes(x) } else { u32::from_le_bytes(x) };
            if c < 0xD800 || (0xE000..0x110000).contains(&c) {
                out.push_u32(c);
                pos += 4;
                continue;
            }
            end = pos + 4;
            reason = if c < 0xE000 {
                "code point in surrogate code point range(0xd800, 0xe000)"
            } else {
                "code point not in range(0x110000)"
            };
        }
        pos = h.handle(&mut data, pos, end, reason, &mut out)?;
    }
    Ok((out.finish()?, pos, found))
}

fn wide_errors(
    s: &Str,
    errors: Option<&str>,
    encoding: &str,
    width: usize,
    v: &mut Vec<u8>,
    mut put: impl FnMut(u32, &mut Vec<u8>),
) -> PyResult<()> {
    let mut h = EncodeErrors::new(encoding, errors);
    let reason = "surrogates not allowed";
    let d = s.data();
    let mut i = 0;
    while i < d.len() {
        let c = d.get(i);
        if !(0xD800..0xE000).contains(&c) {
            put(c, v);
            i += 1;
            continue;
        }
        // One surrogate at a time, as the documented positions have it.
        let end = match h.mode {
            Mode::Strict | Mode::Custom => i + 1,
            _ => (i..d.len()).find(|&k| !(0xD800..0xE000).contains(&d.get(k))).unwrap_or(d.len()),
        };
        let (rep, at) = h.handle(s, i, end, reason)?;
        match rep {
            Replacement::Nothing => {}
            Replacement::Bytes(b) => {
                if b.len() % width != 0 {
                    return Err(h.raise(s, i, i + 1, reason));
                }
                v.extend_from_slice(&b);
            }
            Replacement::Text(t) => match t.as_ascii() {
                Some(a) => a.bytes().for_each(|c| put(c as u32, v)),
                None => return Err(h.raise(s, i, i + 1, reason)),
            },
        }
        i = at;
    }
    Ok(())
}

/// Encodes UTF-16.
pub fn encode_utf16(s: &Str, errors: Option<&str>, order: Order, encoding: &str) -> PyResult<Ref<Bytes>> {
    let big = order == Order::Big || order == Order::Bom && NATIVE_BIG;
    let mut v = Vec::with_capacity(s.len() * 2 + 2);
    let unit = |u: u16, v: &mut Vec<u8>| v.extend_from_slice(&if big { u.to_be_bytes() } else { u.to_le_bytes() });
    if order == Order::Bom {
        unit(0xFEFF, &mut v);
    }
    wide_errors(s, errors, encoding, 2, &mut v, |c, v| {
        if c < 0x10000 {
            unit(c as u16, v);
        } else {
            unit(0xD800 + ((c - 0x10000) >> 10) as u16, v);
            unit(0xDC00 + ((c - 0x10000) & 0x3FF) as u16, v);
        }
    })?;
    Bytes::new(&v)
}

/// Encodes UTF-32.
pub fn encode_utf32(s: &Str, errors: Option<&str>, order: Order, encoding: &str) -> PyResult<Ref<Bytes>> {
    let big = order == Order::Big || order == Order::Bom && NATIVE_BIG;
    let mut v = Vec::with_capacity(s.len() * 4 + 4);
    let put = |c: u32, v: &mut Vec<u8>| v.extend_from_slice(&if big { c.to_be_bytes() } else { c.to_le_bytes() });
    if order == Order::Bom {
        put(0xFEFF, &mut v);
    }
    wide_errors(s, errors, encoding, 4, &mut v, put)?;
    Bytes::new(&v)
}
