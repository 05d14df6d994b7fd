//! `_codecs`: the codec registry and the built-in codecs as functions.

use macros::pymodule;

#[pymodule(name = "_codecs")]
pub mod _codecs {
    use runtime::objects::byteops::{BytesArg, bytes_arg};
    use runtime::objects::codecs::errors::{Mode, builtin_handler};
    use runtime::objects::codecs::utf::{self, Order};
    use runtime::objects::codecs::{charmap, escapes, registry, utf7};
    use runtime::prelude::*;

    type Pair = PyResult<(PyRef, usize)>;

    /// Text decoders take any bytes-like object; the escape ones take text, too.
    fn text_or_bytes(o: &Object) -> PyResult<BytesArg<'_>> {
        match o.downcast::<Str>() {
            Some(s) => Ok(BytesArg::Bytes(s.to_str()?.as_bytes())),
            None => bytes_arg(o),
        }
    }
    fn text(r: PyResult<(Ref<Str>, usize)>) -> Pair {
        r.map(|(s, n)| (s.upcast(), n))
    }
    fn encoded(s: &Str, r: PyResult<Ref<Bytes>>) -> Pair {
        Ok((r?.upcast(), s.len()))
    }

    /// Register a codec search function.
    #[pyfunction]
    fn register(search_function: &Object) -> PyResult<()> {
        registry::register(search_function)
    }
    /// Unregister a codec search function and clear the registry's cache.
    #[pyfunction]
    fn unregister(search_function: &Object) -> PyResult<()> {
        registry::unregister(search_function)
    }
    /// Looks up a codec tuple in the Python codec registry and returns a CodecInfo object.
    #[pyfunction]
    fn lookup(encoding: &str) -> PyResult<PyRef> {
        registry::lookup(encoding)
    }
    /// Encodes obj using the codec registered for encoding.
    #[pyfunction(sig = "obj, encoding='utf-8', errors='strict'")]
    fn encode(obj: &Object, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
        registry::encode(obj, encoding.unwrap_or("utf-8"), errors.into_option())
    }
    /// Decodes obj using the codec registered for encoding.
    #[pyfunction(sig = "obj, encoding='utf-8', errors='strict'")]
    fn decode(obj: &Object, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
        registry::decode(obj, encoding.unwrap_or("utf-8"), errors.into_option())
    }
    /// Register the specified error handler under the name errors.
    #[pyfunction]
    fn register_error(errors: &Str, handler: &Object) -> PyResult<()> {
        registry::register_error(errors, handler)
    }
    /// Un-register the specified error handler for the error handling `errors'.
    #[pyfunction]
    fn _unregister_error(errors: &Str) -> PyResult<bool> {
        registry::unregister_error(errors)
    }
    /// lookup_error(errors) -> handler
    #[pyfunction]
    fn lookup_error(name: &str) -> PyResult<PyRef> {
        registry::lookup_error(name)
    }

    #[pyfunction]
    fn utf_8_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_utf8(str, errors))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_8_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        text(utf::decode_utf8(&bytes_arg(data)?, errors, r#final.unwrap_or(false), "utf-8"))
    }
    #[pyfunction]
    fn utf_7_encode(str: &Str, errors: Option<&str>) -> Pair {
        let _ = errors;
        encoded(str, utf7::encode(str))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_7_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        text(utf7::decode(&bytes_arg(data)?, errors, r#final.unwrap_or(false)))
    }
    #[pyfunction]
    fn ascii_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_ucs1(str, errors, 128, "ascii"))
    }
    #[pyfunction]
    fn ascii_decode(data: &Object, errors: Option<&str>) -> Pair {
        let d = bytes_arg(data)?;
        Ok((utf::decode_ascii(&d, errors)?.upcast(), d.len()))
    }
    #[pyfunction]
    fn latin_1_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_ucs1(str, errors, 256, "latin-1"))
    }
    #[pyfunction]
    fn latin_1_decode(data: &Object, errors: Option<&str>) -> Pair {
        let _ = errors;
        let d = bytes_arg(data)?;
        Ok((Str::from_latin1(&d)?.upcast(), d.len()))
    }

    fn order(n: i32) -> Order {
        match n {
            0 => Order::Bom,
            i32::MIN..0 => Order::Little,
            _ => Order::Big,
        }
    }
    #[pyfunction(sig = "str, errors=None, byteorder=0, /")]
    fn utf_16_encode(str: &Str, errors: Option<&str>, byteorder: Arg<i32>) -> Pair {
        encoded(str, utf::encode_utf16(str, errors, order(byteorder.unwrap_or(0)), "utf-16"))
    }
    #[pyfunction]
    fn utf_16_le_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_utf16(str, errors, Order::Little, "utf-16-le"))
    }
    #[pyfunction]
    fn utf_16_be_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_utf16(str, errors, Order::Big, "utf-16-be"))
    }
    #[pyfunction(sig = "str, errors=None, byteorder=0, /")]
    fn utf_32_encode(str: &Str, errors: Option<&str>, byteorder: Arg<i32>) -> Pair {
        encoded(str, utf::encode_utf32(str, errors, order(byteorder.unwrap_or(0)), "utf-32"))
    }
    #[pyfunction]
    fn utf_32_le_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_utf32(str, errors, Order::Little, "utf-32-le"))
    }
    #[pyfunction]
    fn utf_32_be_encode(str: &Str, errors: Option<&str>) -> Pair {
        encoded(str, utf::encode_utf32(str, errors, Order::Big, "utf-32-be"))
    }
    type Wide = PyResult<(Ref<Str>, usize, i32)>;
    fn wide(r: Wide) -> Pair {
        r.map(|(s, n, _)| (s.upcast(), n))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_16_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf16(&bytes_arg(data)?, errors, Order::Bom, r#final.unwrap_or(false), "utf-16"))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_16_le_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf16(&bytes_arg(data)?, errors, Order::Little, r#final.unwrap_or(false), "utf-16-le"))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_16_be_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf16(&bytes_arg(data)?, errors, Order::Big, r#final.unwrap_or(false), "utf-16-be"))
    }
    #[pyfunction(sig = "data, errors=None, byteorder=0, final=False, /")]
    fn utf_16_ex_decode(
        data: &Object,
        errors: Option<&str>,
        byteorder: Arg<i32>,
        r#final: Arg<bool>,
    ) -> PyResult<(PyRef, usize, i32)> {
        let (s, n, o) = utf::decode_utf16(
            &bytes_arg(data)?,
            errors,
            order(byteorder.unwrap_or(0)),
            r#final.unwrap_or(false),
            "utf-16",
        )?;
        Ok((s.upcast(), n, o))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_32_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf32(&bytes_arg(data)?, errors, Order::Bom, r#final.unwrap_or(false), "utf-32"))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_32_le_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf32(&bytes_arg(data)?, errors, Order::Little, r#final.unwrap_or(false), "utf-32-le"))
    }
    #[pyfunction(sig = "data, errors=None, final=False, /")]
    fn utf_32_be_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        wide(utf::decode_utf32(&bytes_arg(data)?, errors, Order::Big, r#final.unwrap_or(false), "utf-32-be"))
    }
    #[pyfunction(sig = "data, errors=None, byteorder=0, final=False, /")]
    fn utf_32_ex_decode(
        data: &Object,
        errors: Option<&str>,
        byteorder: Arg<i32>,
        r#final: Arg<bool>,
    ) -> PyResult<(PyRef, usize, i32)> {
        let (s, n, o) = utf::decode_utf32(
            &bytes_arg(data)?,
            errors,
            order(byteorder.unwrap_or(0)),
            r#final.unwrap_or(false),
            "utf-32",
        )?;
        Ok((s.upcast(), n, o))
    }
    #[pyfunction]
    fn unicode_escape_encode(str: &Str, errors: Option<&str>) -> Pair {
        let _ = errors;
        encoded(str, escapes::encode_unicode_escape(str))
    }
    #[pyfunction(sig = "data, errors=None, final=True, /")]
    fn unicode_escape_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        text(escapes::decode_unicode_escape(&text_or_bytes(data)?, errors, r#final.unwrap_or(true)))
    }
    #[pyfunction]
    fn raw_unicode_escape_encode(str: &Str, errors: Option<&str>) -> Pair {
        let _ = errors;
        encoded(str, escapes::encode_raw_unicode_escape(str))
    }
    #[pyfunction(sig = "data, errors=None, final=True, /")]
    fn raw_unicode_escape_decode(data: &Object, errors: Option<&str>, r#final: Arg<bool>) -> Pair {
        text(escapes::decode_raw_unicode_escape(&text_or_bytes(data)?, errors, r#final.unwrap_or(true)))
    }
    #[pyfunction]
    fn escape_decode(data: &Object, errors: Option<&str>) -> Pair {
        let d = text_or_bytes(data)?;
        Ok((escapes::decode_escape(&d, errors)?.upcast(), d.len()))
    }
    #[pyfunction]
    fn escape_encode(data: &Bytes, errors: Option<&str>) -> Pair {
        let _ = errors;
        let mut v = Vec::with_capacity(data.len() * 2);
        for &c in data.as_slice() {
            match c {
                b'\t' => v.extend_from_slice(b"\\t"),
                b'\n' => v.extend_from_slice(b"\\n"),
                b'\r' => v.extend_from_slice(b"\\r"),
                b'\\' | b'\'' => v.extend_from_slice(&[b'\\', c]),
                0x20..0x7F => v.push(c),
                _ => v.extend_from_slice(format!("\\x{c:02x}").as_bytes()),
            }
        }
        Ok((Bytes::new(&v)?.upcast(), data.len()))
    }
    #[pyfunction]
    fn readbuffer_encode(data: &Object, errors: Option<&str>) -> Pair {
        let _ = errors;
        let d = text_or_bytes(data)?;
        Ok((Bytes::new(&d)?.upcast(), d.len()))
    }
    #[pyfunction]
    fn charmap_encode(str: &Str, errors: Option<&str>, mapping: Option<&Object>) -> Pair {
        encoded(str, charmap::encode(str, errors, mapping))
    }
    #[pyfunction]
    fn charmap_decode(data: &Object, errors: Option<&str>, mapping: Option<&Object>) -> Pair {
        let d = bytes_arg(data)?;
        Ok((charmap::decode(&d, errors, mapping)?.upcast(), d.len()))
    }
    #[pyfunction]
    fn charmap_build(map: &Str) -> PyResult<Ref<Dict>> {
        charmap::build(map)
    }

    // The built-in error handlers: registered by `init`, and not left in the module.

    /// Implements the 'strict' error handling, which raises a UnicodeError on coding errors.
    #[pyfunction]
    fn strict_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::Strict, exception)
    }
    /// Implements the 'ignore' error handling, which ignores malformed data and continues.
    #[pyfunction]
    fn ignore_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::Ignore, exception)
    }
    /// Implements the 'replace' error handling, which replaces malformed data with a replacement marker.
    #[pyfunction]
    fn replace_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::Replace, exception)
    }
    /// Implements the 'xmlcharrefreplace' error handling, which replaces an unencodable character with an XML character reference.
    #[pyfunction]
    fn xmlcharrefreplace_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::XmlCharRef, exception)
    }
    /// Implements the 'backslashreplace' error handling, which replaces malformed data with a backslashed escape sequence.
    #[pyfunction]
    fn backslashreplace_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::Backslash, exception)
    }
    /// Implements the 'namereplace' error handling, which replaces an unencodable character with a \N{...} escape sequence.
    #[pyfunction]
    fn namereplace_errors(exception: &Object) -> Pair {
        builtin_handler(Mode::NameReplace, exception)
    }
    #[pyfunction]
    fn surrogatepass(exception: &Object) -> Pair {
        builtin_handler(Mode::SurrogatePass, exception)
    }
    #[pyfunction]
    fn surrogateescape(exception: &Object) -> Pair {
        builtin_handler(Mode::SurrogateEscape, exception)
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let names = [
            ("strict", "strict_errors"),
            ("ignore", "ignore_errors"),
            ("replace", "replace_errors"),
            ("xmlcharrefreplace", "xmlcharrefreplace_errors"),
            ("backslashreplace", "backslashreplace_errors"),
            ("namereplace", "namereplace_errors"),
            ("surrogatepass", "surrogatepass"),
            ("surrogateescape", "surrogateescape"),
        ];
        for (name, function) in names {
            let f = m.getattr(Str::intern(function))?;
            registry::register_error(Str::intern(name), &f)?;
            m.delattr(Str::intern(function))?;
        }
        Ok(())
    }
}
