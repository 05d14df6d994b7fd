//! Decoding source files: byte order mark, encoding cookie (PEP 263), newlines.

use crate::prelude::*;

/// The encoding a source file declares: a BOM or a cookie in its first two lines.
fn declared(bytes: &[u8]) -> Option<String> {
    for (n, line) in bytes.split(|b| *b == b'\n').take(2).enumerate() {
        let trimmed: &[u8] = &line[line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\x0c')).unwrap_or(line.len())..];
        if trimmed.first() == Some(&b'#') {
            if let Some(name) = cookie(trimmed) {
                return Some(name);
            }
        } else if n == 0 && !trimmed.iter().all(|b| b.is_ascii_whitespace()) {
            // Code on the first line: a cookie on the second does not count.
            return None;
        }
    }
    None
}

fn cookie(line: &[u8]) -> Option<String> {
    let at = line.windows(6).position(|w| w == b"coding")? + 6;
    let rest = &line[at..];
    let rest = match rest.first()? {
        b':' | b'=' => &rest[1..],
        _ => return None,
    };
    let rest = &rest[rest.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(rest.len())..];
    let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))).unwrap_or(rest.len());
    if end == 0 { None } else { String::from_utf8(rest[..end].to_vec()).ok() }
}

fn normal(name: &str) -> String {
    let n = name.to_ascii_lowercase().replace('_', "-");
    match n.as_str() {
        "utf-8" => "utf-8".into(),
        n if n.starts_with("utf-8-") => "utf-8".into(),
        "latin-1" | "iso-8859-1" | "iso-latin-1" => "iso-8859-1".into(),
        n if n.starts_with("latin-1-") || n.starts_with("iso-8859-1-") || n.starts_with("iso-latin-1-") => "iso-8859-1".into(),
        n => n.to_string(),
    }
}

fn syntax_error(msg: &str, filename: &str) -> Raised {
    match (|| -> PyResult<PyRef> {
        let m = Str::new(msg)?;
        let place = Tuple::from_refs(vec![Str::new(filename)?.upcast(), Int::from_i64(0)?.upcast(), none_ref(), none_ref()])?;
        let t: &Object = exc::SyntaxError();
        t.call(&[&m, &place])
    })() {
        // SAFETY: an instance of SyntaxError.
        Ok(e) => crate::error::raise_exception(unsafe { e.cast_into() }),
        Err(e) => e,
    }
}

/// Text of a source file: decoded as it declares, newlines as they are.
pub fn decode_source(bytes: &[u8], filename: &str) -> PyResult<String> {
    let (body, bom) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(b) => (b, true),
        None => (bytes, false),
    };
    if body.contains(&0) {
        return Err(syntax_error("source code string cannot contain null bytes", filename));
    }
    let encoding = declared(body).map(|n| (normal(&n), n));
    if let (true, Some((n, shown))) = (bom, &encoding)
        && n != "utf-8"
    {
        return Err(syntax_error(&format!("encoding problem: {shown} with BOM"), filename));
    }
    match encoding {
        None => match core::str::from_utf8(body) {
            Ok(s) => Ok(s.to_string()),
            Err(e) => {
                let at = e.valid_up_to();
                let line = body[..at].iter().filter(|b| **b == b'\n').count() + 1;
                Err(syntax_error(
                    &format!(
                        "Non-UTF-8 code starting with '\\x{:02x}' on line {line}, but no encoding declared; see https://peps.python.org/pep-0263/ for details",
                        body[at]
                    ),
                    filename,
                ))
            }
        },
        Some((n, _)) if n == "utf-8" => match core::str::from_utf8(body) {
            Ok(s) => Ok(s.to_string()),
            Err(e) => {
                let at = e.valid_up_to();
                Err(syntax_error(&format!("(unicode error) 'utf-8' codec can't decode byte 0x{:02x} in position {at}: invalid start byte", body[at]), filename))
            }
        },
        Some((n, _)) if n == "iso-8859-1" => Ok(body.iter().map(|b| *b as char).collect()),
        Some((_, shown)) => {
            let b = Bytes::new(body)?;
            match b.call_method(intern!("decode"), &[&*Str::new(&shown)?]) {
                Ok(t) => {
                    let Some(s) = t.downcast::<Str>() else { return Err(raise!(TypeError, "decoder should return a string result")) };
                    Ok(s.to_str()?.to_string())
                }
                Err(e) if e.matches(exc::LookupError()) => {
                    e.clear();
                    Err(syntax_error(&format!("unknown encoding: {shown}"), filename))
                }
                Err(e) => Err(e),
            }
        }
    }
}
