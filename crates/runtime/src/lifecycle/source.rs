//! Decoding source files: byte order mark, encoding cookie (PEP 263), newlines.

use crate::prelude::*;

/// The encoding a source file declares: a BOM or a cookie in its first two lines.
fn declared(bytes: &[u8]) -> Option<String> {
    for (n, line) in bytes.split(|b| *b == b'\n').take(2).enumerate() {
        let trimmed: &[u8] =
            &line[line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\x0c')).unwrap_or(line.len())..];
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
    let end =
        rest.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))).unwrap_or(rest.len());
    if end == 0 { None } else { String::from_utf8(rest[..end].to_vec()).ok() }
}

fn normal(name: &str) -> String {
    let n = name.to_ascii_lowercase().replace('_', "-");
    match n.as_str() {
        "utf-8" => "utf-8".into(),
        n if n.starts_with("utf-8-") => "utf-8".into(),
        "latin-1" | "iso-8859-1" | "iso-latin-1" => "iso-8859-1".into(),
        n if n.starts_with("latin-1-") || n.starts_with("iso-8859-1-") || n.starts_with("iso-latin-1-") => {
            "iso-8859-1".into()
        }
        n => n.to_string(),
    }
}

fn syntax_error(msg: &str, filename: &str) -> Raised {
    syntax_error_at(msg, filename, None)
}

/// The same at a place: row and column from 1, and the line.
fn syntax_error_at(msg: &str, filename: &str, at: Option<(usize, usize, String)>) -> Raised {
    match (|| -> PyResult<PyRef> {
        let m = Str::new(msg)?;
        let name: PyRef = Str::new(filename)?.upcast();
        let place = match at {
            None => Tuple::from_refs(vec![name, Int::from_i64(0)?.upcast(), none_ref(), none_ref()])?,
            Some((row, col, line)) => {
                let (row, col) = (Int::from_usize(row)?, Int::from_usize(col)?);
                Tuple::from_refs(vec![
                    name,
                    row.clone().upcast(),
                    col.clone().upcast(),
                    Str::new(&line)?.upcast(),
                    row.upcast(),
                    col.upcast(),
                ])?
            }
        };
        let t: &Object = exc::SyntaxError();
        t.call(&[&m, &place])
    })() {
        // SAFETY: an instance of SyntaxError.
        Ok(e) => crate::error::raise_exception(unsafe { e.cast_into() }),
        Err(e) => e,
    }
}

/// The error for bytes that are not UTF-8.
fn not_utf8(body: &[u8], at: usize, filename: &str, declared: bool) -> Raised {
    let start = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let row = body[..at].iter().filter(|b| **b == b'\n').count() + 1;
    let end = body[at..].iter().position(|b| *b == b'\n').map_or(body.len(), |i| at + i);
    let col = String::from_utf8_lossy(&body[start..at]).chars().count() + 1;
    let line = String::from_utf8_lossy(&body[start..end]).into_owned();
    if declared {
        let why = if body[at] & 0xc0 == 0x80 || body[at] >= 0xf8 {
            "invalid start byte"
        } else {
            "invalid continuation byte"
        };
        return syntax_error(
            &format!("'utf-8' codec can't decode byte 0x{:02x} in position {at}: {why}", body[at]),
            filename,
        );
    }
    let file = if filename.starts_with('<') { String::new() } else { format!(" in file {filename}") };
    let msg = format!(
        "Non-UTF-8 code starting with '\\x{:02x}'{file} on line {row}, but no encoding declared; see https://peps.python.org/pep-0263/ for details",
        body[at]
    );
    syntax_error_at(&msg, filename, Some((row, col, line)))
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
            Err(e) => Err(not_utf8(body, e.valid_up_to(), filename, false)),
        },
        Some((n, _)) if n == "utf-8" => match core::str::from_utf8(body) {
            Ok(s) => Ok(s.to_string()),
            Err(e) => Err(not_utf8(body, e.valid_up_to(), filename, true)),
        },
        Some((n, _)) if n == "iso-8859-1" => Ok(body.iter().map(|b| *b as char).collect()),
        Some((_, shown)) => {
            let b = Bytes::new(body)?;
            match b.call_method(intern!("decode"), &[&*Str::new(&shown)?]) {
                Ok(t) => {
                    let Some(s) = t.downcast::<Str>() else {
                        return Err(raise!(TypeError, "decoder should return a string result"));
                    };
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
