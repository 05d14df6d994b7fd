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

/// Where source bytes come from: messages differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A string handed to `compile` and its like; the name goes only into errors of the codec.
    Text(&'a str),
    /// A file that is run.
    File(&'a str),
}

/// A place in the source: row, column, the line, the last column.
type Place = (usize, usize, String, usize);

fn syntax_error(msg: &str, filename: Option<&str>, at: Option<Place>) -> Raised {
    match (|| -> PyResult<PyRef> {
        let m = Str::new(msg)?;
        let name: PyRef = match filename {
            Some(n) => Str::new(n)?.upcast(),
            None => none_ref(),
        };
        let place = match at {
            None => Tuple::from_refs(vec![name, Int::from_i64(0)?.upcast(), Int::from_i64(-1)?.upcast(), none_ref()])?,
            Some((row, col, line, end)) => {
                let row = Int::from_usize(row)?;
                Tuple::from_refs(vec![
                    name,
                    row.clone().upcast(),
                    Int::from_usize(col)?.upcast(),
                    Str::new(&line)?.upcast(),
                    row.upcast(),
                    Int::from_usize(end)?.upcast(),
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

impl<'a> Origin<'a> {
    /// The name in errors that come before any parsing.
    fn shown(self) -> Option<&'a str> {
        match self {
            Origin::Text(_) => None,
            Origin::File(f) => Some(f),
        }
    }

    fn name(self) -> &'a str {
        match self {
            Origin::Text(f) | Origin::File(f) => f,
        }
    }

    /// The error for bytes that are not UTF-8. `declared`: the file says that it is UTF-8.
    fn not_utf8(self, body: &[u8], at: usize, declared: bool) -> Raised {
        let start = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let row = body[..at].iter().filter(|b| **b == b'\n').count() + 1;
        let end = body[at..].iter().position(|b| *b == b'\n').map_or(body.len(), |i| at + i);
        let col = String::from_utf8_lossy(&body[start..at]).chars().count() + 1;
        let line = String::from_utf8_lossy(&body[start..end]).into_owned();
        let first = body[at];
        if declared && matches!(self, Origin::File(_)) {
            let why = if first & 0xc0 == 0x80 || first >= 0xf8 {
                "invalid start byte"
            } else if end == body.len() && core::str::from_utf8(&body[at..]).is_err_and(|e| e.error_len().is_none()) {
                "unexpected end of data"
            } else {
                "invalid continuation byte"
            };
            let msg = format!(
                "(unicode error) 'utf-8' codec can't decode byte 0x{first:02x} in position {}: {why}",
                at - start
            );
            return syntax_error(&msg, self.shown(), Some((row, 0, line, 0)));
        }
        let file = match self {
            Origin::Text(_) => String::new(),
            Origin::File(f) => format!(" in file {f}"),
        };
        let msg = format!(
            "Non-UTF-8 code starting with '\\x{first:02x}'{file} on line {row}, but no encoding declared; see https://peps.python.org/pep-0263/ for details"
        );
        syntax_error(&msg, self.shown(), Some((row, col, line, col)))
    }

    /// An error of a codec as a SyntaxError with its text.
    fn codec_failed(self, e: Raised) -> Raised {
        if !e.matches(exc::UnicodeError()) && !e.matches(exc::LookupError()) {
            return e;
        }
        let x = e.take();
        match x.str() {
            Ok(text) => syntax_error(&text.to_string_lossy(), Some(self.name()), None),
            Err(e) => e,
        }
    }
}

/// Text of a source: decoded as it declares, newlines as they are.
pub fn decode_source(bytes: &[u8], origin: Origin<'_>) -> PyResult<String> {
    let (body, bom) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(b) => (b, true),
        None => (bytes, false),
    };
    if body.contains(&0) {
        return Err(match origin {
            Origin::Text(_) => raise!(SyntaxError, "source code string cannot contain null bytes"),
            Origin::File(f) => {
                let at = body.iter().position(|b| *b == 0).unwrap_or(0);
                let row = body[..at].iter().filter(|b| **b == b'\n').count() + 1;
                let start = body[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
                let line = String::from_utf8_lossy(&body[start..at]).into_owned();
                syntax_error("source code cannot contain null bytes", Some(f), Some((row, 0, line, 0)))
            }
        });
    }
    let encoding = declared(body).map(|n| (normal(&n), n));
    match encoding {
        Some((n, _)) if bom && n != "utf-8" => {
            let row = usize::from(declared(body.split(|b| *b == b'\n').next().unwrap_or(&[])).is_none()) + 1;
            let line = String::from_utf8_lossy(body).lines().nth(row - 1).unwrap_or("").to_string();
            let end = line.chars().count();
            Err(syntax_error(&format!("encoding problem: {n} with BOM"), origin.shown(), Some((row, 0, line, end))))
        }
        Some((n, _)) if n == "iso-8859-1" => Ok(body.iter().map(|b| *b as char).collect()),
        Some((n, shown)) if n != "utf-8" => {
            let b = Bytes::new(body)?;
            match b.call_method(intern!("decode"), &[&*Str::new(&shown)?]) {
                Ok(t) => {
                    let Some(s) = t.downcast::<Str>() else {
                        return Err(raise!(TypeError, "decoder should return a string result"));
                    };
                    let s = s.to_str()?;
                    Ok(s.strip_prefix('\u{feff}').unwrap_or(s).to_string())
                }
                Err(e) => Err(origin.codec_failed(e)),
            }
        }
        known => match core::str::from_utf8(body) {
            Ok(s) => Ok(s.to_string()),
            Err(e) => Err(origin.not_utf8(body, e.valid_up_to(), bom || known.is_some())),
        },
    }
}
