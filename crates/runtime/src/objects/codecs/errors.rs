//! What happens when a codec meets something it cannot convert: the built-in error handlers, and calling registered ones.

use super::registry::lookup_error;
use crate::objects::unicode::{StrBuilder, StrData, ops, ucd};
use crate::prelude::*;

/// The handlers that run without a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Strict,
    Ignore,
    Replace,
    Backslash,
    XmlCharRef,
    NameReplace,
    SurrogateEscape,
    SurrogatePass,
    Custom,
}

impl Mode {
    pub fn of(name: Option<&str>) -> Mode {
        match name {
            None | Some("strict") => Mode::Strict,
            Some("ignore") => Mode::Ignore,
            Some("replace") => Mode::Replace,
            Some("backslashreplace") => Mode::Backslash,
            Some("xmlcharrefreplace") => Mode::XmlCharRef,
            Some("namereplace") => Mode::NameReplace,
            Some("surrogateescape") => Mode::SurrogateEscape,
            Some("surrogatepass") => Mode::SurrogatePass,
            Some(_) => Mode::Custom,
        }
    }
}

/// Raises UnicodeEncodeError.
#[cold]
pub fn raise_encode_error(encoding: &str, s: &Str, start: usize, end: usize, reason: &str) -> Raised {
    match encode_exception(encoding, s, start, end, reason) {
        Ok(e) => raise_instance(e),
        Err(e) => e,
    }
}

fn raise_instance(e: PyRef) -> Raised {
    match e.downcast_into::<crate::objects::BaseException>() {
        Ok(e) => crate::error::raise_exception(e),
        Err(_) => raise!(SystemError, "an exception class made no exception"),
    }
}

fn encode_exception(encoding: &str, s: &Str, start: usize, end: usize, reason: &str) -> PyResult<PyRef> {
    let (enc, a, b, r) = (Str::new(encoding)?, Int::from_usize(start)?, Int::from_usize(end)?, Str::new(reason)?);
    exc::UnicodeEncodeError().call(&[&enc, s, &a, &b, &r])
}

fn decode_exception(encoding: &str, data: &[u8], start: usize, end: usize, reason: &str) -> PyResult<PyRef> {
    let (enc, a, b, r) = (Str::new(encoding)?, Int::from_usize(start)?, Int::from_usize(end)?, Str::new(reason)?);
    let d = Bytes::new(data)?;
    exc::UnicodeDecodeError().call(&[&enc, &d, &a, &b, &r])
}

/// Raises UnicodeDecodeError.
#[cold]
pub fn raise_decode_error(encoding: &str, data: &[u8], start: usize, end: usize, reason: &str) -> Raised {
    match decode_exception(encoding, data, start, end, reason) {
        Ok(e) => raise_instance(e),
        Err(e) => e,
    }
}

/// The Unicode encoding form a name stands for, for `surrogatepass`: bytes per unit and whether big-endian.
pub fn standard_form(encoding: &str) -> Option<(usize, bool)> {
    let mut n = encoding.to_ascii_lowercase().replace('_', "-");
    let rest = n.split_off(n.len().min(3));
    if n != "utf" {
        return None;
    }
    let rest = rest.strip_prefix('-').unwrap_or(&rest);
    let (unit, tail) = if let Some(t) = rest.strip_prefix('8') {
        return if t.is_empty() { Some((1, false)) } else { None };
    } else if let Some(t) = rest.strip_prefix("16") {
        (2, t)
    } else if let Some(t) = rest.strip_prefix("32") {
        (4, t)
    } else {
        return None;
    };
    match tail {
        "" => Some((unit, cfg!(target_endian = "big"))),
        "be" | "-be" => Some((unit, true)),
        "le" | "-le" => Some((unit, false)),
        _ => None,
    }
}

/// The surrogate encoded at the start of `data`, for `surrogatepass`; with its length.
pub fn decode_surrogate(data: &[u8], form: (usize, bool)) -> Option<(u32, usize)> {
    let (c, n) = match (form.0, data) {
        (1, [a, b, c, ..]) if a & 0xF0 == 0xE0 && b & 0xC0 == 0x80 && c & 0xC0 == 0x80 => {
            ((*a as u32 & 15) << 12 | (*b as u32 & 63) << 6 | (*c as u32 & 63), 3)
        }
        (2, [a, b, ..]) => (if form.1 { (*a as u32) << 8 | *b as u32 } else { (*b as u32) << 8 | *a as u32 }, 2),
        (4, [a, b, c, d, ..]) => {
            let x = [*a, *b, *c, *d];
            (if form.1 { u32::from_be_bytes(x) } else { u32::from_le_bytes(x) }, 4)
        }
        _ => return None,
    };
    (0xD800..0xE000).contains(&c).then_some((c, n))
}

/// Encodes a surrogate, for `surrogatepass`.
pub fn encode_surrogate(c: u32, form: (usize, bool), out: &mut Vec<u8>) {
    match form {
        (1, _) => crate::objects::unicode::build::push_wtf8(out, c),
        (2, true) => out.extend_from_slice(&(c as u16).to_be_bytes()),
        (2, false) => out.extend_from_slice(&(c as u16).to_le_bytes()),
        (_, true) => out.extend_from_slice(&c.to_be_bytes()),
        (_, false) => out.extend_from_slice(&c.to_le_bytes()),
    }
}

/// The state of one decoding call.
pub struct DecodeErrors<'a> {
    encoding: &'a str,
    errors: Option<&'a str>,
    pub mode: Mode,
    handler: Option<PyRef>,
    /// Inputs that handlers put in place of the original.
    hold: Vec<Ref<Bytes>>,
}

impl<'a> DecodeErrors<'a> {
    pub fn new(encoding: &'a str, errors: Option<&'a str>) -> DecodeErrors<'a> {
        DecodeErrors { encoding, errors, mode: Mode::of(errors), handler: None, hold: Vec::new() }
    }

    /// Deals with `data[start..end]`; gives the position to go on from. A handler may replace the input.
    pub fn handle(
        &mut self,
        data: &mut &[u8],
        start: usize,
        end: usize,
        reason: &str,
        out: &mut StrBuilder,
    ) -> PyResult<usize> {
        match self.mode {
            Mode::Ignore => return Ok(end),
            Mode::Replace => {
                out.push_u32(0xFFFD);
                return Ok(end);
            }
            Mode::Backslash => {
                for &b in &data[start..end] {
                    ops::push_escape(out, b as u32);
                }
                return Ok(end);
            }
            Mode::SurrogateEscape => {
                let n = data[start..end].iter().take(4).take_while(|b| **b >= 128).count();
                if n > 0 {
                    data[start..start + n].iter().for_each(|&b| out.push_u32(0xDC00 + b as u32));
                    return Ok(start + n);
                }
            }
            Mode::SurrogatePass => {
                if let Some(form) = standard_form(self.encoding)
                    && let Some((c, n)) = decode_surrogate(&data[start..], form)
                {
                    out.push_u32(c);
                    return Ok(start + n);
                }
            }
            Mode::XmlCharRef | Mode::NameReplace => {
                return Err(raise!(TypeError, "don't know how to handle UnicodeDecodeError in error callback"));
            }
            Mode::Custom => return self.call_handler(data, start, end, reason, out),
            Mode::Strict => {}
        }
        Err(raise_decode_error(self.encoding, data, start, end, reason))
    }

    fn call_handler(
        &mut self,
        data: &mut &[u8],
        start: usize,
        end: usize,
        reason: &str,
        out: &mut StrBuilder,
    ) -> PyResult<usize> {
        if self.handler.is_none() {
            self.handler = Some(lookup_error(self.errors.unwrap_or("strict"))?);
        }
        let e = decode_exception(self.encoding, data, start, end, reason)?;
        let r = match &self.handler {
            Some(h) => h.call1(&e)?,
            None => return Err(raise!(SystemError, "no error handler")),
        };
        let bad = || raise!(TypeError, "decoding error handler must return (str, int) tuple");
        let Some(t) = r.downcast::<Tuple>() else { return Err(bad()) };
        if t.len() != 2 {
            return Err(bad());
        }
        let Some(text) = t.get(0).downcast::<Str>() else { return Err(bad()) };
        let pos = t.get(1).as_isize()?;
        let obj = e.getattr(intern!("object"))?;
        let Ok(b) = obj.downcast_into::<Bytes>() else {
            return Err(raise!(TypeError, "exception attribute object must be bytes"));
        };
        if b.as_slice() != *data {
            // SAFETY: `hold` keeps the bytes alive for the rest of the call.
            *data = unsafe { core::slice::from_raw_parts(b.data_ptr(), b.len()) };
            self.hold.push(b);
        }
        let at = if pos < 0 { pos + data.len() as isize } else { pos };
        if at < 0 || at as usize > data.len() {
            return Err(raise!(IndexError, "position {} from error handler out of bounds", pos));
        }
        out.push_obj(text);
        Ok(at as usize)
    }
}

/// What an error handler puts in place of characters.
pub enum Replacement {
    Nothing,
    Text(Ref<Str>),
    Bytes(Vec<u8>),
}

/// The state of one encoding call.
pub struct EncodeErrors<'a> {
    encoding: &'a str,
    errors: Option<&'a str>,
    pub mode: Mode,
    handler: Option<PyRef>,
}

impl<'a> EncodeErrors<'a> {
    pub fn new(encoding: &'a str, errors: Option<&'a str>) -> EncodeErrors<'a> {
        EncodeErrors { encoding, errors, mode: Mode::of(errors), handler: None }
    }

    pub fn raise(&self, s: &Str, start: usize, end: usize, reason: &str) -> Raised {
        raise_encode_error(self.encoding, s, start, end, reason)
    }

    /// Deals with `s[start..end]`; gives the replacement and the position to go on from.
    pub fn handle(&mut self, s: &Str, start: usize, end: usize, reason: &str) -> PyResult<(Replacement, usize)> {
        let d = s.data();
        match self.mode {
            Mode::Ignore => return Ok((Replacement::Nothing, end)),
            Mode::Replace => {
                return Ok((Replacement::Text(Str::from_ascii(&vec![b'?'; end - start])?), end));
            }
            Mode::Backslash | Mode::XmlCharRef | Mode::NameReplace => {
                let mut b = StrBuilder::new();
                escape_into(self.mode, d, start, end, &mut b);
                return Ok((Replacement::Text(b.finish()?), end));
            }
            Mode::SurrogateEscape => {
                let v: Vec<u8> = (start..end)
                    .map(|i| d.get(i))
                    .take_while(|c| (0xDC80..0xDD00).contains(c))
                    .map(|c| c as u8)
                    .collect();
                if !v.is_empty() {
                    let n = v.len();
                    return Ok((Replacement::Bytes(v), start + n));
                }
            }
            Mode::SurrogatePass => {
                if let Some(form) = standard_form(self.encoding)
                    && (start..end).all(|i| (0xD800..0xE000).contains(&d.get(i)))
                {
                    let mut v = Vec::new();
                    (start..end).for_each(|i| encode_surrogate(d.get(i), form, &mut v));
                    return Ok((Replacement::Bytes(v), end));
                }
            }
            Mode::Custom => return self.call_handler(s, start, end, reason),
            Mode::Strict => {}
        }
        Err(self.raise(s, start, end, reason))
    }

    fn call_handler(&mut self, s: &Str, start: usize, end: usize, reason: &str) -> PyResult<(Replacement, usize)> {
        if self.handler.is_none() {
            self.handler = Some(lookup_error(self.errors.unwrap_or("strict"))?);
        }
        let e = encode_exception(self.encoding, s, start, end, reason)?;
        let r = match &self.handler {
            Some(h) => h.call1(&e)?,
            None => return Err(raise!(SystemError, "no error handler")),
        };
        let bad = || raise!(TypeError, "encoding error handler must return (str/bytes, int) tuple");
        let Some(t) = r.downcast::<Tuple>() else { return Err(bad()) };
        if t.len() != 2 {
            return Err(bad());
        }
        let rep = if let Some(x) = t.get(0).downcast::<Str>() {
            Replacement::Text(Ref::new_ref(x))
        } else if let Some(x) = t.get(0).downcast::<Bytes>() {
            Replacement::Bytes(x.as_slice().to_vec())
        } else {
            return Err(bad());
        };
        let pos = t.get(1).as_isize()?;
        let at = if pos < 0 { pos + s.len() as isize } else { pos };
        if at < 0 || at as usize > s.len() {
            return Err(raise!(IndexError, "position {} from error handler out of bounds", pos));
        }
        Ok((rep, at as usize))
    }
}

/// The text that `backslashreplace`, `xmlcharrefreplace` and `namereplace` put in place of characters.
pub fn escape_into(mode: Mode, d: StrData<'_>, start: usize, end: usize, b: &mut StrBuilder) {
    for i in start..end {
        let c = d.get(i);
        match mode {
            Mode::XmlCharRef => b.push_str(&format!("&#{c};")),
            Mode::NameReplace => match crate::objects::unicode::names::name(c) {
                Some(n) => b.push_str(&format!("\\N{{{n}}}")),
                None => ops::push_escape(b, c),
            },
            _ => ops::push_escape(b, c),
        }
    }
    let _ = ucd::ALPHA;
}

/// The built-in handlers as functions of an exception: replacement and position, or the exception raised again.
pub fn builtin_handler(mode: Mode, e: &Object) -> PyResult<(PyRef, usize)> {
    let Some(ex) = e.downcast::<crate::objects::BaseException>() else {
        return Err(if mode == Mode::Strict {
            raise!(TypeError, "codec must pass exception instance")
        } else {
            wrong(e)
        });
    };
    let again = || crate::error::raise_exception(Ref::new_ref(ex));
    if mode == Mode::Strict {
        return Err(again());
    }
    let is = |t: &Type| e.ty().is_subtype(t);
    let (enc, dec, tr) =
        (is(exc::UnicodeEncodeError()), is(exc::UnicodeDecodeError()), is(exc::UnicodeTranslateError()));
    if !(enc || dec || tr) {
        return Err(wrong(e));
    }
    let obj = e.getattr(intern!("object"))?;
    let len = obj.len()? as isize;
    let clamp = |o: PyRef, low: isize, high: isize| -> PyResult<usize> {
        Ok(o.as_isize()?.max(low).min(high.max(low)) as usize)
    };
    let start = clamp(e.getattr(intern!("start"))?, 0, len - 1)?;
    let end = clamp(e.getattr(intern!("end"))?, 1.min(len), len)?;
    let end = end.max(start);
    let text = |b: StrBuilder| -> PyResult<(PyRef, usize)> { Ok((b.finish()?.upcast(), end)) };
    let mut b = StrBuilder::new();
    match mode {
        Mode::Ignore => text(b),
        Mode::Replace => {
            if enc {
                b.push_fill('?' as u32, end - start);
            } else if dec {
                b.push_u32(0xFFFD);
            } else {
                b.push_fill(0xFFFD, end - start);
            }
            text(b)
        }
        Mode::Backslash if dec => {
            if let Some(d) = obj.downcast::<Bytes>() {
                d.as_slice()[start..end].iter().for_each(|&x| ops::push_escape(&mut b, x as u32));
            }
            text(b)
        }
        Mode::Backslash | Mode::XmlCharRef | Mode::NameReplace => {
            if mode != Mode::Backslash && !enc {
                return Err(wrong(e));
            }
            if let Some(s) = obj.downcast::<Str>() {
                escape_into(mode, s.data(), start, end, &mut b);
            }
            text(b)
        }
        Mode::SurrogateEscape if enc => {
            let Some(s) = obj.downcast::<Str>() else { return Err(again()) };
            let v: Vec<u8> = (start..end)
                .map(|i| s.char_at(i))
                .take_while(|c| (0xDC80..0xDD00).contains(c))
                .map(|c| c as u8)
                .collect();
            if v.len() != end - start { Err(again()) } else { Ok((Bytes::new(&v)?.upcast(), end)) }
        }
        Mode::SurrogateEscape if dec => {
            let Some(d) = obj.downcast::<Bytes>() else { return Err(again()) };
            let n = d.as_slice()[start..end].iter().take(4).take_while(|x| **x >= 128).count();
            if n == 0 {
                return Err(again());
            }
            d.as_slice()[start..start + n].iter().for_each(|&x| b.push_u32(0xDC00 + x as u32));
            Ok((b.finish()?.upcast(), start + n))
        }
        Mode::SurrogatePass if enc || dec => {
            let encoding = e.getattr(intern!("encoding"))?.str()?;
            let Some(form) = standard_form(&encoding.to_string_lossy()) else { return Err(again()) };
            if let Some(s) = obj.downcast::<Str>() {
                if !(start..end).all(|i| (0xD800..0xE000).contains(&s.char_at(i))) {
                    return Err(again());
                }
                let mut v = Vec::new();
                (start..end).for_each(|i| encode_surrogate(s.char_at(i), form, &mut v));
                return Ok((Bytes::new(&v)?.upcast(), end));
            }
            let Some(d) = obj.downcast::<Bytes>() else { return Err(again()) };
            match decode_surrogate(&d.as_slice()[start..], form) {
                Some((c, n)) => Ok((Str::from_char(c)?.upcast(), start + n)),
                None => Err(again()),
            }
        }
        _ => Err(wrong(e)),
    }
}

fn wrong(e: &Object) -> Raised {
    raise!(TypeError, "don't know how to handle {} in error callback", e.ty().name_str())
}
