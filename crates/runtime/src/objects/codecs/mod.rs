//! Encodings: the built-in codecs, their error handling, and the codec registry.
//!
//! `str.encode` and `bytes.decode` go straight to the built-in codecs for the common encodings; everything else is looked
//! up in the registry of the interpreter.

pub mod charmap;
pub mod errors;
pub mod escapes;
pub mod registry;
pub mod utf;
pub mod utf7;

pub use errors::{DecodeErrors, EncodeErrors, raise_encode_error};
pub use registry::{CodecState, lookup, lookup_error, register, register_error, unregister};

use crate::prelude::*;
use utf::Order;

/// The encodings that need no lookup.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Utf8,
    Utf16,
    Utf32,
    Latin1,
    Ascii,
}

fn known(name: &str) -> Option<Known> {
    let mut buf = [0u8; 12];
    if name.len() > buf.len() {
        return None;
    }
    for (i, c) in name.bytes().enumerate() {
        buf[i] = match c {
            b'_' | b' ' => b'-',
            c => c.to_ascii_lowercase(),
        };
    }
    Some(match &buf[..name.len()] {
        b"utf-8" | b"utf8" => Known::Utf8,
        b"utf-16" | b"utf16" => Known::Utf16,
        b"utf-32" | b"utf32" => Known::Utf32,
        b"latin-1" | b"latin1" | b"iso-8859-1" | b"iso8859-1" | b"l1" | b"latin" => Known::Latin1,
        b"ascii" | b"us-ascii" => Known::Ascii,
        _ => return None,
    })
}

fn encode_known(s: &Str, k: Known, errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    match k {
        Known::Utf8 => utf::encode_utf8(s, errors),
        Known::Utf16 => utf::encode_utf16(s, errors, Order::Bom, "utf-16"),
        Known::Utf32 => utf::encode_utf32(s, errors, Order::Bom, "utf-32"),
        Known::Latin1 => utf::encode_ucs1(s, errors, 256, "latin-1"),
        Known::Ascii => utf::encode_ucs1(s, errors, 128, "ascii"),
    }
}

fn decode_known(data: &[u8], k: Known, errors: Option<&str>) -> PyResult<Ref<Str>> {
    Ok(match k {
        Known::Utf8 => utf::decode_utf8(data, errors, true, "utf-8")?.0,
        Known::Utf16 => utf::decode_utf16(data, errors, Order::Bom, true, "utf-16")?.0,
        Known::Utf32 => utf::decode_utf32(data, errors, Order::Bom, true, "utf-32")?.0,
        Known::Latin1 => Str::from_latin1(data)?,
        Known::Ascii => utf::decode_ascii(data, errors)?,
    })
}

/// `s.encode(encoding, errors)`; `None` means UTF-8 and strict.
pub fn encode(s: &Str, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    let encoding = encoding.unwrap_or("utf-8");
    if let Some(k) = known(encoding) {
        return encode_known(s, k, errors);
    }
    let v = registry::encode_text(s, encoding, errors)?;
    if let Some(b) = v.downcast::<crate::objects::ByteArray>() {
        crate::error::warn(
            exc::RuntimeWarning(),
            &format!(
                "encoder {encoding} returned bytearray instead of bytes; use codecs.encode() to encode to arbitrary types"
            ),
            1,
        )?;
        return Bytes::new(&b.to_vec());
    }
    match v.downcast_into::<Bytes>() {
        Ok(b) => Ok(b),
        Err(v) => Err(raise!(
            TypeError,
            "'{}' encoder returned '{}' instead of 'bytes'; use codecs.encode() to encode to arbitrary types",
            encoding,
            v.ty().name_str()
        )),
    }
}

/// `str(data, encoding, errors)`.
pub fn decode(data: &[u8], encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Str>> {
    let encoding = encoding.unwrap_or("utf-8");
    if let Some(k) = known(encoding) {
        return decode_known(data, k, errors);
    }
    let b = Bytes::new(data)?;
    decode_registry(&b, encoding, errors)
}

fn decode_registry(o: &Object, encoding: &str, errors: Option<&str>) -> PyResult<Ref<Str>> {
    let v = registry::decode_text(o, encoding, errors)?;
    match v.downcast_into::<Str>() {
        Ok(s) => Ok(s),
        Err(v) => Err(raise!(
            TypeError,
            "'{}' decoder returned '{}' instead of 'str'; use codecs.decode() to decode to arbitrary types",
            encoding,
            v.ty().name_str()
        )),
    }
}

/// `str(o, encoding, errors)`: decodes any object with the buffer protocol.
pub fn decode_object(o: &Object, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Str>> {
    check_names(encoding, errors)?;
    if let Some(b) = o.downcast::<Bytes>() {
        return if b.is_empty() { Ok(Str::empty_ref()) } else { decode_bytes_object(o, encoding, errors) };
    }
    if o.downcast::<Str>().is_some() {
        return Err(raise!(TypeError, "decoding str is not supported"));
    }
    if !crate::objects::byteops::has_buffer(o) {
        return Err(raise!(TypeError, "decoding to str: need a bytes-like object, {} found", o.ty().name_str()));
    }
    decode_bytes_object(o, encoding, errors)
}

fn decode_bytes_object(o: &Object, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Str>> {
    let enc = encoding.unwrap_or("utf-8");
    match known(enc) {
        Some(k) => {
            let b = crate::objects::byteops::bytes_arg(o)?;
            decode_known(&b, k, errors)
        }
        None if o.downcast::<Bytes>().is_some() => decode_registry(o, enc, errors),
        None => {
            let v = crate::objects::byteops::bytes_arg(o)?.to_vec();
            let b = Bytes::new(&v)?;
            decode_registry(&b, enc, errors)
        }
    }
}

/// In development mode the names are looked up also where they are not needed.
fn check_names(encoding: Option<&str>, errors: Option<&str>) -> PyResult<()> {
    if encoding.is_none() && errors.is_none() || !ThreadState::current().interp().config().dev_mode {
        return Ok(());
    }
    if let Some(e) = encoding.filter(|e| known(e).is_none()) {
        registry::lookup(e)?;
    }
    if let Some(e) = errors {
        registry::lookup_error(e)?;
    }
    Ok(())
}

/// `s.encode(encoding, errors)`: the result is `bytes`.
pub fn encode_object(s: &Str, encoding: Option<&str>, errors: Option<&str>) -> PyResult<PyRef> {
    check_names(encoding, errors)?;
    Ok(encode(s, encoding, errors)?.upcast())
}

/// `o.decode(encoding, errors)` for any bytes-like object; the result is `str`.
pub fn decode_any(o: &Object, encoding: Option<&str>, errors: Option<&str>) -> PyResult<PyRef> {
    check_names(encoding, errors)?;
    Ok(decode_bytes_object(o, encoding, errors)?.upcast())
}

/// File names and the like: UTF-8 with surrogateescape.
pub fn fs_decode(data: &[u8]) -> PyResult<Ref<Str>> {
    utf::decode_utf8(data, Some("surrogateescape"), true, "utf-8").map(|r| r.0)
}

/// The inverse of `fs_decode`.
pub fn fs_encode(s: &Str) -> PyResult<Ref<Bytes>> {
    utf::encode_utf8(s, Some("surrogateescape"))
}

/// The BytesWarning of `-b`.
pub fn bytes_warning(message: &str) -> PyResult<()> {
    if ThreadState::current().interp().config().bytes_warning == 0 {
        return Ok(());
    }
    crate::error::warn(exc::BytesWarning(), message, 1)
}

/// The BytesWarning of comparing bytes (`what`) for equality with text or a number.
#[cold]
pub fn compared_bytes(what: &str, other: &Object) -> PyResult<()> {
    let with = if other.downcast::<Str>().is_some() {
        "string"
    } else if other.downcast::<Int>().is_some() {
        "int"
    } else {
        return Ok(());
    };
    bytes_warning(&format!("Comparison between {what} and {with}"))
}
