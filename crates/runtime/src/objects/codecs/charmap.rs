//! The charmap codec: single bytes through a mapping.

use super::errors::{DecodeErrors, EncodeErrors, Replacement};
use crate::objects::unicode::StrBuilder;
use crate::prelude::*;

const UNDEFINED: &str = "character maps to <undefined>";

/// Decodes through a string of up to 256 characters or any mapping of integers.
pub fn decode(data: &[u8], errors: Option<&str>, mapping: Option<&Object>) -> PyResult<Ref<Str>> {
    let Some(mapping) = mapping else { return Str::from_latin1(data) };
    let mut h = DecodeErrors::new("charmap", errors);
    let mut data = data;
    let mut out = StrBuilder::with_capacity(data.len());
    let mut pos = 0;
    if let Some(t) = mapping.downcast::<Str>() {
        let d = t.data();
        while pos < data.len() {
            let b = data[pos] as usize;
            let c = if b < d.len() { d.get(b) } else { 0xFFFE };
            if c != 0xFFFE {
                out.push_u32(c);
                pos += 1;
            } else {
                pos = h.handle(&mut data, pos, pos + 1, UNDEFINED, &mut out)?;
            }
        }
        return out.finish();
    }
    while pos < data.len() {
        let key = Int::from_u64(data[pos] as u64)?;
        let v = match mapping.get_item(&key) {
            Ok(v) => Some(v),
            Err(e) if e.matches(exc::LookupError()) => {
                e.clear();
                None
            }
            Err(e) => return Err(e),
        };
        let mut bad = false;
        match v {
            None => bad = true,
            Some(v) if v.is_none() => bad = true,
            Some(v) => {
                if let Some(i) = v.downcast::<Int>() {
                    match i.try_i64() {
                        Some(0xFFFE) => bad = true,
                        Some(c) if (0..0x110000).contains(&c) => out.push_u32(c as u32),
                        _ => return Err(raise!(TypeError, "character mapping must be in range(0x{:x})", 0x110000)),
                    }
                } else if let Some(s) = v.downcast::<Str>() {
                    if s.len() == 1 && s.char_at(0) == 0xFFFE {
                        bad = true;
                    } else {
                        out.push_obj(s);
                    }
                } else {
                    return Err(raise!(TypeError, "character mapping must return integer, None or str"));
                }
            }
        }
        if bad {
            pos = h.handle(&mut data, pos, pos + 1, UNDEFINED, &mut out)?;
        } else {
            pos += 1;
        }
    }
    out.finish()
}

/// Maps one character; false when it is not mapped.
fn put(c: u32, mapping: &Object, v: &mut Vec<u8>) -> PyResult<bool> {
    let key = Int::from_u64(c as u64)?;
    let x = match mapping.get_item(&key) {
        Ok(x) => x,
        Err(e) if e.matches(exc::LookupError()) => {
            e.clear();
            return Ok(false);
        }
        Err(e) => return Err(e),
    };
    if x.is_none() {
        return Ok(false);
    }
    if let Some(i) = x.downcast::<Int>() {
        return match i.try_i64() {
            Some(b) if (0..256).contains(&b) => {
                v.push(b as u8);
                Ok(true)
            }
            _ => Err(raise!(TypeError, "character mapping must be in range(256)")),
        };
    }
    match x.downcast::<Bytes>() {
        Some(b) => {
            v.extend_from_slice(b.as_slice());
            Ok(true)
        }
        None => {
            Err(raise!(TypeError, "character mapping must return integer, bytes or None, not {}", x.ty().name_str()))
        }
    }
}

/// Encodes through a mapping of code points.
pub fn encode(s: &Str, errors: Option<&str>, mapping: Option<&Object>) -> PyResult<Ref<Bytes>> {
    let Some(mapping) = mapping else { return super::utf::encode_ucs1(s, errors, 256, "latin-1") };
    let mut h = EncodeErrors::new("charmap", errors);
    let d = s.data();
    let mut v = Vec::with_capacity(d.len());
    let mut i = 0;
    while i < d.len() {
        if put(d.get(i), mapping, &mut v)? {
            i += 1;
            continue;
        }
        let mut end = i + 1;
        let mut scratch = Vec::new();
        while end < d.len() && !put(d.get(end), mapping, &mut scratch)? {
            end += 1;
        }
        let (rep, at) = h.handle(s, i, end, UNDEFINED)?;
        match rep {
            Replacement::Nothing => {}
            Replacement::Bytes(b) => v.extend_from_slice(&b),
            Replacement::Text(t) => {
                for c in t.chars() {
                    if !put(c, mapping, &mut v)? {
                        return Err(h.raise(s, i, end, UNDEFINED));
                    }
                }
            }
        }
        i = at;
    }
    Bytes::new(&v)
}

/// `charmap_build(table)`: the encoding map of a decoding table.
pub fn build(table: &Str) -> PyResult<Ref<Dict>> {
    let out = Dict::new()?;
    for (i, c) in table.chars().enumerate() {
        if c != 0xFFFE {
            out.insert(Int::from_u64(c as u64)?.upcast(), Int::from_u64(i as u64)?.upcast())?;
        }
    }
    Ok(out)
}
