//! `codecs.h`, the encodings of `unicodeobject.h`, the string writers, and the Unicode errors of `pyerrors.h`.

use crate::export::{CText, bad_internal_call, fine, text};
use crate::unicode::{bytes_at, str_arg};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::objects::codecs::{self, charmap, escapes, registry, utf, utf7};
use runtime::objects::exceptions::UnicodeError;
use runtime::objects::unicode::ops::{Translated, translate_char};
use runtime::objects::unicode::{StrBuilder, StrData};
use runtime::prelude::*;

/// An encoding's or handler's name.
fn name(s: Option<CText<'_>>) -> Option<std::borrow::Cow<'_, str>> {
    s.map(|s| s.to_string_lossy())
}

/// How much of the input was decoded, when C asks for it.
unsafe fn consumed(place: *mut isize, n: usize) {
    if !place.is_null() {
        // SAFETY: C passes a place.
        unsafe { *place = n as isize };
    }
}

/// The byte order of UTF-16 and UTF-32 functions: -1 little, 0 by mark, 1 big.
fn order(place: *mut c_int) -> utf::Order {
    // SAFETY: C passes a place, or null.
    match if place.is_null() { 0 } else { unsafe { *place } } {
        n if n < 0 => utf::Order::Little,
        0 => utf::Order::Bom,
        _ => utf::Order::Big,
    }
}

/// What `PyErr_BadArgument` raises.
fn bad_argument() -> Raised {
    raise!(TypeError, "bad argument type for built-in operation")
}

fn encode_with(s: &Object, encoding: &str, errors: Option<&str>) -> PyResult<PyRef> {
    codecs::encode(str_arg(Some(s))?, Some(encoding), errors).map(PyRef::from)
}

capi! {
    fn PyUnicode_Decode(p: *const c_char, len: isize, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        codecs::decode(unsafe { bytes_at(p, len) }, name(encoding).as_deref(), name(errors).as_deref())
    }
    fn PyUnicode_FromEncodedObject(o: &Object, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        codecs::decode_object(o, name(encoding).as_deref(), name(errors).as_deref())
    }
    fn PyUnicode_AsEncodedString(s: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        codecs::encode(str_arg(s)?, name(encoding).as_deref(), name(errors).as_deref())
    }
    fn PyUnicode_AsEncodedObject(s: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::encode(str_arg(s)?, name(encoding).as_deref().unwrap_or("utf-8"), name(errors).as_deref())
    }
    fn PyUnicode_AsEncodedUnicode(s: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::encode(str_arg(s)?, name(encoding).as_deref().unwrap_or("utf-8"), name(errors).as_deref())
    }
    fn PyUnicode_AsDecodedObject(s: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::decode(str_arg(s)?, name(encoding).as_deref().unwrap_or("utf-8"), name(errors).as_deref())
    }
    fn PyUnicode_AsDecodedUnicode(s: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::decode(str_arg(s)?, name(encoding).as_deref().unwrap_or("utf-8"), name(errors).as_deref())
    }
    fn PyUnicode_AsUTF8String(s: Option<&Object>) -> *mut abi::PyObject {
        utf::encode_utf8(str_arg(s)?, None)
    }
    fn PyUnicode_AsASCIIString(s: Option<&Object>) -> *mut abi::PyObject {
        codecs::encode(str_arg(s)?, Some("ascii"), None)
    }
    fn PyUnicode_AsLatin1String(s: Option<&Object>) -> *mut abi::PyObject {
        codecs::encode(str_arg(s)?, Some("latin-1"), None)
    }
    fn PyUnicode_AsUTF16String(s: &Object) -> *mut abi::PyObject {
        encode_with(s, "utf-16", None)
    }
    fn PyUnicode_AsUTF32String(s: &Object) -> *mut abi::PyObject {
        encode_with(s, "utf-32", None)
    }
    fn PyUnicode_AsUnicodeEscapeString(s: Option<&Object>) -> *mut abi::PyObject {
        escapes::encode_unicode_escape(str_arg(s)?)
    }
    fn PyUnicode_AsRawUnicodeEscapeString(s: Option<&Object>) -> *mut abi::PyObject {
        escapes::encode_raw_unicode_escape(str_arg(s)?)
    }
    fn PyUnicode_AsCharmapString(s: Option<&Object>, mapping: Option<&Object>) -> *mut abi::PyObject {
        charmap::encode(str_arg(s)?, None, Some(mapping.ok_or_else(bad_argument)?))
    }
    fn PyUnicode_BuildEncodingMap(s: &Str) -> *mut abi::PyObject {
        charmap::build(s)
    }
    fn PyUnicode_EncodeFSDefault(s: Option<&Object>) -> *mut abi::PyObject {
        codecs::fs_encode(str_arg(s)?)
    }
    fn PyUnicode_EncodeLocale(s: Option<&Object>, _errors: *const c_char) -> *mut abi::PyObject {
        codecs::fs_encode(str_arg(s)?)
    }

    fn PyUnicode_DecodeUTF8(p: *const c_char, len: isize, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        crate::unicode::sane_length(len)?;
        // SAFETY: C passes that many bytes.
        Ok(utf::decode_utf8(unsafe { bytes_at(p, len) }, name(errors).as_deref(), true, "utf-8")?.0)
    }
    fn PyUnicode_DecodeUTF8Stateful(p: *const c_char, len: isize, errors: Option<CText<'_>>, done: *mut isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and a place or null.
        unsafe {
            let (s, n) = utf::decode_utf8(bytes_at(p, len), name(errors).as_deref(), done.is_null(), "utf-8")?;
            consumed(done, n);
            Ok(s)
        }
    }
    fn PyUnicode_DecodeUTF7(p: *const c_char, len: isize, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        Ok(utf7::decode(unsafe { bytes_at(p, len) }, name(errors).as_deref(), true)?.0)
    }
    fn PyUnicode_DecodeUTF7Stateful(p: *const c_char, len: isize, errors: Option<CText<'_>>, done: *mut isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and a place or null.
        unsafe {
            let (s, n) = utf7::decode(bytes_at(p, len), name(errors).as_deref(), done.is_null())?;
            consumed(done, n);
            Ok(s)
        }
    }
    fn PyUnicode_DecodeUTF16(p: *const c_char, len: isize, errors: Option<CText<'_>>, byteorder: *mut c_int) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and a place or null.
        unsafe { decode_wide(true, bytes_at(p, len), name(errors).as_deref(), byteorder, null_mut()) }
    }
    fn PyUnicode_DecodeUTF16Stateful(p: *const c_char, len: isize, errors: Option<CText<'_>>, byteorder: *mut c_int, done: *mut isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and places or null.
        unsafe { decode_wide(true, bytes_at(p, len), name(errors).as_deref(), byteorder, done) }
    }
    fn PyUnicode_DecodeUTF32(p: *const c_char, len: isize, errors: Option<CText<'_>>, byteorder: *mut c_int) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and a place or null.
        unsafe { decode_wide(false, bytes_at(p, len), name(errors).as_deref(), byteorder, null_mut()) }
    }
    fn PyUnicode_DecodeUTF32Stateful(p: *const c_char, len: isize, errors: Option<CText<'_>>, byteorder: *mut c_int, done: *mut isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, and places or null.
        unsafe { decode_wide(false, bytes_at(p, len), name(errors).as_deref(), byteorder, done) }
    }
    fn PyUnicode_DecodeASCII(p: *const c_char, len: isize, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        utf::decode_ascii(unsafe { bytes_at(p, len) }, name(errors).as_deref())
    }
    fn PyUnicode_DecodeLatin1(p: *const c_char, len: isize, _errors: *const c_char) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        Str::from_latin1(unsafe { bytes_at(p, len) })
    }
    fn PyUnicode_DecodeUnicodeEscape(p: *const c_char, len: isize, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        Ok(escapes::decode_unicode_escape(unsafe { bytes_at(p, len) }, name(errors).as_deref(), true)?.0)
    }
    fn PyUnicode_DecodeRawUnicodeEscape(p: *const c_char, len: isize, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        Ok(escapes::decode_raw_unicode_escape(unsafe { bytes_at(p, len) }, name(errors).as_deref(), true)?.0)
    }
    fn PyUnicode_DecodeCharmap(p: *const c_char, len: isize, mapping: Option<&Object>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        charmap::decode(unsafe { bytes_at(p, len) }, name(errors).as_deref(), mapping)
    }
    fn PyUnicode_DecodeFSDefault(s: CText<'_>) -> *mut abi::PyObject {
        codecs::fs_decode(s.to_bytes())
    }
    fn PyUnicode_DecodeFSDefaultAndSize(p: *const c_char, len: isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        codecs::fs_decode(unsafe { bytes_at(p, len) })
    }
    fn PyUnicode_DecodeLocale(s: CText<'_>, _errors: *const c_char) -> *mut abi::PyObject {
        codecs::fs_decode(s.to_bytes())
    }
    fn PyUnicode_DecodeLocaleAndSize(p: *const c_char, len: isize, _errors: *const c_char) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes.
        codecs::fs_decode(unsafe { bytes_at(p, len) })
    }
    /// A converter for "O&": a path as bytes. With a null object it undoes itself.
    fn PyUnicode_FSConverter(o: Option<&Object>, result: *mut c_void) -> c_int {
        // SAFETY: C passes a place that owns a reference, or null.
        unsafe {
            let place = result.cast::<*mut abi::PyObject>();
            let Some(o) = o else {
                drop(PyRef::from_ptr_opt(core::mem::replace(&mut *place, null_mut())));
                return Ok(1);
            };
            match fs_bytes(o) {
                Ok(b) => {
                    *place = b.into_ptr();
                    Ok(abi::Py_CLEANUP_SUPPORTED as c_int)
                }
                Err(_) => Ok(0),
            }
        }
    }
    fn PyUnicode_FSDecoder(o: Option<&Object>, result: *mut c_void) -> c_int {
        // SAFETY: C passes a place that owns a reference, or null.
        unsafe {
            let place = result.cast::<*mut abi::PyObject>();
            let Some(o) = o else {
                drop(PyRef::from_ptr_opt(core::mem::replace(&mut *place, null_mut())));
                return Ok(1);
            };
            match fs_text(o) {
                Ok(s) => {
                    *place = s.into_ptr();
                    Ok(abi::Py_CLEANUP_SUPPORTED as c_int)
                }
                Err(_) => Ok(0),
            }
        }
    }

    fn PyCodec_Register(f: &Object) -> c_int {
        registry::register(f)
    }
    fn PyCodec_Unregister(f: &Object) -> c_int {
        registry::unregister(f)
    }
    fn PyCodec_KnownEncoding(encoding: CText<'_>) -> c_int {
        match registry::lookup(&encoding.to_string_lossy()) {
            Ok(_) => Ok(true),
            Err(e) => {
                e.clear();
                Ok(false)
            }
        }
    }
    fn PyCodec_Encode(o: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::encode(o.ok_or_else(bad_argument)?, &encoding.ok_or_else(bad_argument)?.to_string_lossy(), name(errors).as_deref())
    }
    fn PyCodec_Decode(o: Option<&Object>, encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::decode(o.ok_or_else(bad_argument)?, &encoding.ok_or_else(bad_argument)?.to_string_lossy(), name(errors).as_deref())
    }
    fn PyCodec_Encoder(encoding: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::lookup(&encoding.ok_or_else(bad_argument)?.to_string_lossy())?.get_item_index(0)
    }
    fn PyCodec_Decoder(encoding: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::lookup(&encoding.ok_or_else(bad_argument)?.to_string_lossy())?.get_item_index(1)
    }
    fn PyCodec_IncrementalEncoder(encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        incremental(encoding.ok_or_else(bad_argument)?, "incrementalencoder", errors)
    }
    fn PyCodec_IncrementalDecoder(encoding: Option<CText<'_>>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        incremental(encoding.ok_or_else(bad_argument)?, "incrementaldecoder", errors)
    }
    fn PyCodec_StreamReader(encoding: Option<CText<'_>>, stream: &Object, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        stream_codec(encoding.ok_or_else(bad_argument)?, 2, stream, errors)
    }
    fn PyCodec_StreamWriter(encoding: Option<CText<'_>>, stream: &Object, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        stream_codec(encoding.ok_or_else(bad_argument)?, 3, stream, errors)
    }
    fn PyCodec_RegisterError(handler: CText<'_>, f: &Object) -> c_int {
        registry::register_error(&*text(handler)?, f)
    }
    fn PyCodec_LookupError(handler: Option<CText<'_>>) -> *mut abi::PyObject {
        registry::lookup_error(name(handler).as_deref().unwrap_or("strict"))
    }
    fn PyCodec_StrictErrors(e: &Object) -> *mut abi::PyObject { handler("strict", e) }
    fn PyCodec_IgnoreErrors(e: &Object) -> *mut abi::PyObject { handler("ignore", e) }
    fn PyCodec_ReplaceErrors(e: &Object) -> *mut abi::PyObject { handler("replace", e) }
    fn PyCodec_XMLCharRefReplaceErrors(e: &Object) -> *mut abi::PyObject { handler("xmlcharrefreplace", e) }
    fn PyCodec_BackslashReplaceErrors(e: &Object) -> *mut abi::PyObject { handler("backslashreplace", e) }
    fn PyCodec_NameReplaceErrors(e: &Object) -> *mut abi::PyObject { handler("namereplace", e) }

    fn PyUnicodeDecodeError_Create(encoding: CText<'_>, p: *const c_char, len: isize, start: isize, end: isize, reason: CText<'_>) -> *mut abi::PyObject {
        let (encoding, reason) = (text(encoding)?, text(reason)?);
        // SAFETY: C passes that many bytes.
        let data = Bytes::new(unsafe { bytes_at(p, len) })?;
        let (start, end) = (Int::from_isize(start)?, Int::from_isize(end)?);
        let class: &Object = exc::UnicodeDecodeError();
        class.call(&[&encoding, &data, &start, &end, &reason])
    }
    fn PyUnicodeEncodeError_GetEncoding(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.encoding() }
    fn PyUnicodeDecodeError_GetEncoding(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.encoding() }
    fn PyUnicodeEncodeError_GetObject(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.object() }
    fn PyUnicodeDecodeError_GetObject(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.object() }
    fn PyUnicodeTranslateError_GetObject(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.object() }
    fn PyUnicodeEncodeError_GetReason(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.reason() }
    fn PyUnicodeDecodeError_GetReason(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.reason() }
    fn PyUnicodeTranslateError_GetReason(e: &Object) -> *mut abi::PyObject { unicode_error(e)?.reason() }
    fn PyUnicodeEncodeError_SetReason(e: &Object, r: CText<'_>) -> c_int { set_reason(e, r) }
    fn PyUnicodeDecodeError_SetReason(e: &Object, r: CText<'_>) -> c_int { set_reason(e, r) }
    fn PyUnicodeTranslateError_SetReason(e: &Object, r: CText<'_>) -> c_int { set_reason(e, r) }
    fn PyUnicodeEncodeError_GetStart(e: &Object, p: *mut isize) -> c_int { bound(e, p, true) }
    fn PyUnicodeDecodeError_GetStart(e: &Object, p: *mut isize) -> c_int { bound(e, p, true) }
    fn PyUnicodeTranslateError_GetStart(e: &Object, p: *mut isize) -> c_int { bound(e, p, true) }
    fn PyUnicodeEncodeError_GetEnd(e: &Object, p: *mut isize) -> c_int { bound(e, p, false) }
    fn PyUnicodeDecodeError_GetEnd(e: &Object, p: *mut isize) -> c_int { bound(e, p, false) }
    fn PyUnicodeTranslateError_GetEnd(e: &Object, p: *mut isize) -> c_int { bound(e, p, false) }
    fn PyUnicodeEncodeError_SetStart(e: &Object, v: isize) -> c_int { set_bound(e, v, true) }
    fn PyUnicodeDecodeError_SetStart(e: &Object, v: isize) -> c_int { set_bound(e, v, true) }
    fn PyUnicodeTranslateError_SetStart(e: &Object, v: isize) -> c_int { set_bound(e, v, true) }
    fn PyUnicodeEncodeError_SetEnd(e: &Object, v: isize) -> c_int { set_bound(e, v, false) }
    fn PyUnicodeDecodeError_SetEnd(e: &Object, v: isize) -> c_int { set_bound(e, v, false) }
    fn PyUnicodeTranslateError_SetEnd(e: &Object, v: isize) -> c_int { set_bound(e, v, false) }
}

unsafe fn decode_wide(
    utf16: bool,
    data: &[u8],
    errors: Option<&str>,
    byteorder: *mut c_int,
    done: *mut isize,
) -> PyResult<Ref<Str>> {
    let decode = if utf16 { utf::decode_utf16 } else { utf::decode_utf32 };
    let encoding = if utf16 { "utf-16" } else { "utf-32" };
    let (s, n, found) = decode(data, errors, order(byteorder), done.is_null(), encoding)?;
    // SAFETY: C passes places or null.
    unsafe {
        if !byteorder.is_null() {
            *byteorder = found;
        }
        consumed(done, n);
    }
    Ok(s)
}

/// A path as bytes in the file system's encoding, without zeros.
fn fs_bytes(o: &Object) -> PyResult<Ref<Bytes>> {
    let path = runtime::lifecycle::fspath(o)?;
    let bytes = match path.downcast::<Bytes>() {
        Some(b) => Ref::new_ref(b),
        None => codecs::fs_encode(str_arg(Some(&path))?)?,
    };
    if bytes.as_slice().contains(&0) {
        return Err(raise!(ValueError, "embedded null byte"));
    }
    Ok(bytes)
}

fn fs_text(o: &Object) -> PyResult<Ref<Str>> {
    let path = runtime::lifecycle::fspath(o)?;
    let s = match path.downcast::<Bytes>() {
        Some(b) => codecs::fs_decode(b.as_slice())?,
        None => Ref::new_ref(str_arg(Some(&path))?),
    };
    if s.chars().any(|c| c == 0) {
        return Err(raise!(ValueError, "embedded null character"));
    }
    Ok(s)
}

fn incremental(encoding: CText<'_>, attr: &str, errors: Option<CText<'_>>) -> PyResult<PyRef> {
    let factory = registry::lookup(&encoding.to_string_lossy())?.getattr(Str::intern(attr))?;
    match errors {
        Some(e) => factory.call1(&*text(e)?),
        None => factory.call0(),
    }
}

fn stream_codec(encoding: CText<'_>, index: isize, stream: &Object, errors: Option<CText<'_>>) -> PyResult<PyRef> {
    let factory = registry::lookup(&encoding.to_string_lossy())?.get_item_index(index)?;
    match errors {
        Some(e) => factory.call(&[stream, &*text(e)?]),
        None => factory.call1(stream),
    }
}

fn handler(name: &str, e: &Object) -> PyResult<PyRef> {
    registry::lookup_error(name)?.call1(e)
}

fn unicode_error(e: &Object) -> PyResult<&UnicodeError> {
    let known = [exc::UnicodeEncodeError(), exc::UnicodeDecodeError(), exc::UnicodeTranslateError()];
    if known.iter().any(|t| e.ty().is_subtype(t)) {
        // SAFETY: these classes have the layout.
        return Ok(unsafe { e.cast() });
    }
    Err(raise!(TypeError, "expecting a UnicodeError object, got {}", e.ty().tp_name()))
}

fn set_reason(e: &Object, reason: CText<'_>) -> PyResult<()> {
    unicode_error(e)?.set_reason(&*text(reason)?);
    Ok(())
}

fn bound(e: &Object, place: *mut isize, start: bool) -> PyResult<()> {
    let e = unicode_error(e)?;
    let v = if start { e.clamped_start()? } else { e.clamped_end()? };
    // SAFETY: C passes a place.
    unsafe { *place = v };
    Ok(())
}

fn set_bound(e: &Object, v: isize, start: bool) -> PyResult<()> {
    let e = unicode_error(e)?;
    if start {
        e.set_start(v)
    } else {
        e.set_end(v)
    }
    Ok(())
}

/// `str.translate` with an error handler for the characters that the table maps to None.
pub fn translate(s: &Str, table: &Object, errors: &str) -> PyResult<Ref<Str>> {
    let mut out = StrBuilder::with_capacity(s.len());
    let mut at = 0;
    while at < s.len() {
        let c = s.char_at(at);
        match translate_char(table, c)? {
            Translated::Same => out.push_u32(c),
            Translated::Char(x) => out.push_u32(x),
            Translated::Text(t) => out.push_obj(&t),
            Translated::Delete => {
                let mut end = at + 1;
                while end < s.len() && matches!(translate_char(table, s.char_at(end))?, Translated::Delete) {
                    end += 1;
                }
                let class: &Object = exc::UnicodeTranslateError();
                let (start, stop) = (Int::from_usize(at)?, Int::from_usize(end)?);
                let e = class.call(&[s, &start, &stop, &*Str::new("character maps to <undefined>")?])?;
                if errors == "strict" {
                    let e = e.downcast_into::<runtime::objects::BaseException>().map_err(|_| bad_internal_call())?;
                    return Err(runtime::error::raise_exception(e));
                }
                let answer = registry::lookup_error(errors)?.call1(&e)?;
                let wrong = || raise!(TypeError, "translating error handler must return (str, int) tuple");
                let t = answer.downcast::<Tuple>().filter(|t| t.as_slice().len() == 2).ok_or_else(wrong)?;
                let (text, next) = (t.get(0).downcast::<Str>().ok_or_else(wrong)?, t.get(1).as_isize()?);
                out.push_obj(text);
                let next = if next < 0 { next + s.len() as isize } else { next };
                if next < 0 || next as usize > s.len() {
                    return Err(raise!(IndexError, "position {} from error handler out of bounds", next));
                }
                at = next as usize;
                continue;
            }
        }
        at += 1;
    }
    out.finish()
}

// -- writers ------------------------------------------------------------------------------------

/// A `PyUnicodeWriter` is the private `_PyUnicodeWriter` on the heap: `buffer` is a string with room, `pos` of whose characters
/// are written. Callers may mix the functions of both.
type Writer = abi::_PyUnicodeWriter;

fn too_large(c: u32) -> Raised {
    raise!(ValueError, "character U+{:x} is not in range [U+0000; U+10ffff]", c)
}

capi! {
    fn PyUnicodeWriter_Create(len: isize) -> *mut c_void {
        if len < 0 {
            return Err(raise!(ValueError, "length must be positive"));
        }
        // SAFETY: a fresh block, filled whole.
        unsafe {
            let w = runtime::mem::domains::mem_malloc(size_of::<Writer>()).cast::<Writer>();
            if w.is_null() {
                return Err(runtime::error::raise_none(exc::MemoryError()));
            }
            _PyUnicodeWriter_Init(w);
            if let Err(e) = old_prepare(w, len, 127) {
                runtime::mem::domains::mem_free(w.cast());
                return Err(e);
            }
            (*w).overallocate = 1;
            Ok(w.cast::<c_void>())
        }
    }
    fn PyUnicodeWriter_Discard(w: *mut Writer) {
        if !w.is_null() {
            // SAFETY: made by `PyUnicodeWriter_Create`, dropped once.
            unsafe {
                _PyUnicodeWriter_Dealloc(w);
                runtime::mem::domains::mem_free(w.cast());
            }
        }
        Ok(())
    }
    fn PyUnicodeWriter_Finish(w: *mut Writer) -> *mut abi::PyObject {
        // SAFETY: made by `PyUnicodeWriter_Create`, finished once.
        unsafe {
            let s = old_finish(w);
            runtime::mem::domains::mem_free(w.cast());
            s
        }
    }
    fn PyUnicodeWriter_WriteChar(w: *mut Writer, c: c_uint) -> c_int {
        if c > 0x10ffff {
            return Err(raise!(ValueError, "character must be in range(0x110000)"));
        }
        // SAFETY: a live writer.
        unsafe { old_write(w, StrData::Four(&[c])) }
    }
    fn PyUnicodeWriter_WriteStr(w: *mut Writer, o: &Object) -> c_int {
        let s = o.str()?;
        // SAFETY: a live writer.
        unsafe { old_write(w, s.data()) }
    }
    fn PyUnicodeWriter_WriteRepr(w: *mut Writer, o: Option<&Object>) -> c_int {
        // SAFETY: a live writer.
        unsafe {
            match o {
                Some(o) => old_write(w, o.repr()?.data()),
                None => old_write(w, StrData::One(b"<NULL>")),
            }
        }
    }
    fn PyUnicodeWriter_WriteSubstring(w: *mut Writer, s: &Object, start: isize, end: isize) -> c_int {
        let s = s.downcast::<Str>().ok_or_else(|| raise!(TypeError, "expect str, not {}", s.ty().tp_name()))?;
        if start < 0 || start > end {
            return Err(raise!(ValueError, "{}", if start < 0 { "start must be positive" } else { "end must be greater than start" }));
        }
        if end as usize > s.len() {
            return Err(raise!(ValueError, "end is larger than the string length"));
        }
        // SAFETY: a live writer.
        unsafe { old_write(w, s.data().slice(start as usize, end as usize)) }
    }
    fn PyUnicodeWriter_WriteASCII(w: *mut Writer, p: *const c_char, len: isize) -> c_int {
        // SAFETY: a live writer, and that many bytes.
        unsafe { old_write(w, StrData::One(counted(p, len))) }
    }
    fn PyUnicodeWriter_WriteUTF8(w: *mut Writer, p: *const c_char, len: isize) -> c_int {
        // SAFETY: a live writer, and that many bytes.
        unsafe { write_utf8(w, counted(p, len), None, null_mut()) }
    }
    fn PyUnicodeWriter_DecodeUTF8Stateful(w: *mut Writer, p: *const c_char, len: isize, errors: Option<CText<'_>>, done: *mut isize) -> c_int {
        // SAFETY: a live writer, that many bytes, and a place or null.
        unsafe { write_utf8(w, counted(p, len), name(errors).as_deref(), done) }
    }
    fn PyUnicodeWriter_WriteUCS4(w: *mut Writer, p: *const u32, len: isize) -> c_int {
        if len < 0 {
            return Err(raise!(ValueError, "size must be positive"));
        }
        if len == 0 {
            return Ok(());
        }
        // SAFETY: a live writer, and that many characters.
        unsafe {
            let chars = core::slice::from_raw_parts(p, len as usize);
            match chars.iter().find(|c| **c > 0x10ffff) {
                Some(c) => Err(too_large(*c)),
                None => old_write(w, StrData::Four(chars)),
            }
        }
    }
    fn PyUnicodeWriter_WriteWideChar(w: *mut Writer, p: *const c_int, len: isize) -> c_int {
        // SAFETY: a live writer, and that many characters or a terminated string.
        unsafe {
            let n = if len < 0 { (0..).take_while(|&i| *p.offset(i) != 0).count() as isize } else { len };
            PyUnicodeWriter_WriteUCS4(w, p.cast(), n);
        }
        if crate::export::pending() { Err(Raised::already_set()) } else { Ok(()) }
    }
}

unsafe fn counted<'a>(p: *const c_char, len: isize) -> &'a [u8] {
    // SAFETY: C passes that many bytes, or a terminated string.
    unsafe { if len < 0 { core::ffi::CStr::from_ptr(p).to_bytes() } else { bytes_at(p, len) } }
}

unsafe fn write_utf8(w: *mut Writer, data: &[u8], errors: Option<&str>, done: *mut isize) -> PyResult<()> {
    // SAFETY: C passes a writer, and a place or null.
    unsafe {
        consumed(done, 0);
        if data.is_ascii() {
            old_write(w, StrData::One(data))?;
            consumed(done, data.len());
            return Ok(());
        }
        let (s, n) = utf::decode_utf8(data, errors, done.is_null(), "utf-8")?;
        old_write(w, s.data())?;
        consumed(done, n);
        Ok(())
    }
}

unsafe fn old_finish(w: *mut Writer) -> PyResult<Ref<Str>> {
    // SAFETY: C passes an initialised writer, finished once.
    unsafe {
        let w = &mut *w;
        let Some(buffer) = PyRef::from_ptr_opt(core::mem::replace(&mut w.buffer, null_mut())) else {
            return Ok(Str::empty_ref());
        };
        let s = buffer.downcast_into::<Str>().map_err(|_| bad_internal_call())?;
        if w.pos > 1 && s.len() as isize == w.pos && s.data().max_char() > s.max_char_bound() / 2 {
            return Ok(s);
        }
        Str::from_data(s.data().slice(0, w.pos as usize))
    }
}

/// Makes room for `more` characters up to `max_char`.
unsafe fn old_prepare(w: *mut abi::_PyUnicodeWriter, more: isize, max_char: u32) -> PyResult<()> {
    // SAFETY: C passes an initialised writer.
    unsafe {
        let w = &mut *w;
        if more == 0 && w.min_length == 0 && max_char <= w.maxchar {
            return Ok(());
        }
        let needed = w.pos.checked_add(more).ok_or_else(|| runtime::error::raise_none(exc::MemoryError()))?;
        let max_char = max_char.max(w.min_char).max(w.maxchar);
        if !w.buffer.is_null() && w.readonly == 0 && needed <= w.size && max_char <= w.maxchar {
            return Ok(());
        }
        let room = if w.overallocate != 0 { needed + needed / 4 } else { needed }.max(w.min_length);
        let new = Str::alloc((room as usize).max(1), max_char)?;
        let old = PyRef::from_ptr_opt(w.buffer);
        if let Some(old) = old.as_ref().and_then(|o| o.downcast::<Str>()) {
            let kind = new.kind();
            runtime::objects::unicode::build::copy_chars(old.data().slice(0, w.pos as usize), new.data_ptr(), kind);
        }
        w.maxchar = new.max_char_bound();
        w.kind = new.kind() as c_int;
        w.data = new.data_ptr().cast();
        w.size = new.len() as isize;
        w.readonly = 0;
        w.buffer = new.into_ptr();
        drop(old);
    }
    Ok(())
}

unsafe fn old_write(w: *mut abi::_PyUnicodeWriter, data: StrData<'_>) -> PyResult<()> {
    if data.is_empty() {
        return Ok(());
    }
    // SAFETY: C passes an initialised writer; the room is made first.
    unsafe {
        old_prepare(w, data.len() as isize, data.max_char())?;
        let w = &mut *w;
        let s = Object::from_ptr(w.buffer).cast::<Str>();
        let kind = s.kind();
        runtime::objects::unicode::build::copy_chars(data, s.data_ptr().add(w.pos as usize * kind as usize), kind);
        w.pos += data.len() as isize;
    }
    Ok(())
}

capi! {
    fn _PyUnicodeWriter_Init(w: *mut abi::_PyUnicodeWriter) {
        // SAFETY: C passes a place for a writer.
        unsafe {
            core::ptr::write_bytes(w, 0, 1);
            (*w).min_char = 127;
        }
        Ok(())
    }
    fn _PyUnicodeWriter_PrepareInternal(w: *mut abi::_PyUnicodeWriter, len: isize, max_char: c_uint) -> c_int {
        // SAFETY: C passes an initialised writer.
        unsafe { old_prepare(w, len, max_char) }
    }
    fn _PyUnicodeWriter_PrepareKindInternal(w: *mut abi::_PyUnicodeWriter, kind: c_int) -> c_int {
        let max_char = match kind {
            1 => 0xff,
            2 => 0xffff,
            _ => 0x10ffff,
        };
        // SAFETY: C passes an initialised writer.
        unsafe { old_prepare(w, 0, max_char) }
    }
    fn _PyUnicodeWriter_WriteChar(w: *mut abi::_PyUnicodeWriter, c: c_uint) -> c_int {
        // SAFETY: C passes an initialised writer.
        unsafe { old_write(w, StrData::Four(&[c])) }
    }
    fn _PyUnicodeWriter_WriteStr(w: *mut abi::_PyUnicodeWriter, s: &Str) -> c_int {
        // SAFETY: C passes an initialised writer.
        unsafe { old_write(w, s.data()) }
    }
    fn _PyUnicodeWriter_WriteSubstring(w: *mut abi::_PyUnicodeWriter, s: &Str, start: isize, end: isize) -> c_int {
        // SAFETY: C passes an initialised writer, and a range of the string.
        unsafe { old_write(w, s.data().slice(start as usize, end as usize)) }
    }
    fn _PyUnicodeWriter_WriteASCIIString(w: *mut abi::_PyUnicodeWriter, p: *const c_char, len: isize) -> c_int {
        // SAFETY: C passes an initialised writer and that many bytes.
        unsafe { old_write(w, StrData::One(counted(p, len))) }
    }
    fn _PyUnicodeWriter_WriteLatin1String(w: *mut abi::_PyUnicodeWriter, p: *const c_char, len: isize) -> c_int {
        // SAFETY: C passes an initialised writer and that many bytes.
        unsafe { old_write(w, StrData::One(counted(p, len))) }
    }
    fn _PyUnicodeWriter_Finish(w: *mut abi::_PyUnicodeWriter) -> *mut abi::PyObject {
        // SAFETY: C passes an initialised writer, finished once.
        unsafe { old_finish(w) }
    }
    fn _PyUnicodeWriter_Dealloc(w: *mut abi::_PyUnicodeWriter) {
        // SAFETY: C passes an initialised writer.
        drop(unsafe { PyRef::from_ptr_opt(core::mem::replace(&mut (*w).buffer, null_mut())) });
        Ok(())
    }
}

// Text in the locale's encoding, which is UTF-8 here; bytes that are not become lone surrogates.

capi! {
    raw fn Py_DecodeLocale(arg: CText<'_>, size: *mut usize) -> *mut c_int {
        let decoded = surrogate_escape(arg.to_bytes());
        if !size.is_null() {
            // SAFETY: C passes a place.
            unsafe { *size = decoded.len() };
        }
        // SAFETY: a fresh block of that size.
        unsafe {
            let p = runtime::mem::domains::raw_malloc((decoded.len() + 1) * 4).cast::<c_int>();
            if p.is_null() {
                return fine(p);
            }
            for (i, c) in decoded.iter().enumerate() {
                *p.add(i) = *c as c_int;
            }
            *p.add(decoded.len()) = 0;
            fine(p)
        }
    }
    raw fn Py_EncodeLocale(arg: *const c_int, error: *mut usize) -> *mut c_char {
        // SAFETY: C passes a terminated string.
        unsafe {
            let chars: Vec<u32> = (0..).map(|i| *arg.add(i) as u32).take_while(|c| *c != 0).collect();
            let mut out = Vec::new();
            for (i, &c) in chars.iter().enumerate() {
                if (0xdc80..=0xdcff).contains(&c) {
                    out.push(c as u8);
                } else if let Some(ch) = char::from_u32(c) {
                    out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
                } else {
                    if !error.is_null() {
                        *error = i;
                    }
                    return fine(null_mut::<c_char>());
                }
            }
            if !error.is_null() {
                *error = usize::MAX;
            }
            let p = runtime::mem::domains::mem_malloc(out.len() + 1).cast::<c_char>();
            if !p.is_null() {
                core::ptr::copy_nonoverlapping(out.as_ptr().cast(), p, out.len());
                *p.add(out.len()) = 0;
            }
            fine(p)
        }
    }
}

/// UTF-8 with `surrogateescape`, without a Python object.
pub fn surrogate_escape(bytes: &[u8]) -> Vec<u32> {
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.extend(chunk.valid().chars().map(u32::from));
        out.extend(chunk.invalid().iter().map(|b| 0xdc00 + u32::from(*b)));
    }
    out
}
