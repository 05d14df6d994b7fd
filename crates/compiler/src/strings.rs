//! Decoding of string and bytes literals: escapes, their warnings and errors.
//!
//! Text becomes WTF-8, as `'\ud800'` is a valid literal.

use crate::code::PyStr;

/// A dubious escape at a byte offset of the literal's body.
pub struct BadEscape {
    /// Offset of the backslash
    pub at: usize,
    /// Octal escape above 0o377 (else: unknown escape)
    pub octal: bool,
    /// The escape's text, backslash included
    pub text: String,
}

/// An error of decoding: CPython's text.
pub struct DecodeError(pub String);

fn hex(b: &[u8], n: usize) -> (usize, u32) {
    let mut v = 0u32;
    let mut i = 0;
    while i < n && i < b.len() {
        let Some(d) = (b[i] as char).to_digit(16) else { break };
        v = v << 4 | d;
        i += 1;
    }
    (i, v)
}

fn unicode_error(start: usize, end: usize, what: &str) -> DecodeError {
    let at = if end <= start + 1 {
        format!("byte 0x5c in position {start}")
    } else {
        format!("bytes in position {start}-{}", end - 1)
    };
    DecodeError(format!("(unicode error) 'unicodeescape' codec can't decode {at}: {what}"))
}

/// Character of a Unicode name or alias.
pub fn unicode_name(name: &str) -> Option<char> {
    unicode_names2::character(name)
}

/// Decodes the body of a str literal (or of the literal part of an f-string, whose `{{` are collapsed when `fstring`).
pub fn decode_str(
    body: &str,
    raw: bool,
    fstring: bool,
    out: &mut PyStr,
    bad: &mut Vec<BadEscape>,
) -> Result<(), DecodeError> {
    let b = body.as_bytes();
    let needs = |c: u8| (c == b'\\' && !raw) || (fstring && (c == b'{' || c == b'}'));
    // CPython's codec sees non-ASCII characters as \UXXXXXXXX: its error positions count ten bytes for each.
    let codec_pos = |i: usize| body[..i].chars().map(|c| if c.is_ascii() { 1 } else { 10 }).sum::<usize>();
    let mut i = 0;
    while i < b.len() {
        let run = b[i..].iter().position(|c| needs(*c)).unwrap_or(b.len() - i);
        if run > 0 {
            out.push_str(&body[i..i + run]);
            i += run;
            continue;
        }
        if b[i] != b'\\' {
            out.push_code_point(b[i] as u32);
            i += if b.get(i + 1) == Some(&b[i]) { 2 } else { 1 };
            continue;
        }
        let start = i;
        i += 1;
        let Some(&c) = b.get(i) else {
            // Only in f-strings, before a replacement field.
            out.push_code_point(0x5c);
            bad.push(BadEscape { at: start, octal: false, text: "\\{".into() });
            break;
        };
        if fstring && (c == b'{' || c == b'}') {
            out.push_code_point(0x5c);
            bad.push(BadEscape { at: start, octal: false, text: format!("\\{}", c as char) });
            continue;
        }
        i += 1;
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push_code_point(c as u32),
            b'a' => out.push_code_point(7),
            b'b' => out.push_code_point(8),
            b'f' => out.push_code_point(12),
            b'n' => out.push_code_point(10),
            b'r' => out.push_code_point(13),
            b't' => out.push_code_point(9),
            b'v' => out.push_code_point(11),
            b'0'..=b'7' => {
                let mut v = (c - b'0') as u32;
                let mut n = 1;
                while n < 3 && i < b.len() && (b'0'..=b'7').contains(&b[i]) {
                    v = v * 8 + (b[i] - b'0') as u32;
                    i += 1;
                    n += 1;
                }
                if v > 0o377 {
                    bad.push(BadEscape { at: start, octal: true, text: body[start..i].into() });
                }
                out.push_code_point(v);
            }
            b'x' | b'u' | b'U' => {
                let want = match c {
                    b'x' => 2,
                    b'u' => 4,
                    _ => 8,
                };
                let (n, v) = hex(&b[i..], want);
                if n < want {
                    let form = match c {
                        b'x' => "truncated \\xXX escape",
                        b'u' => "truncated \\uXXXX escape",
                        _ => "truncated \\UXXXXXXXX escape",
                    };
                    let p = codec_pos(start);
                    return Err(unicode_error(p, p + 2 + n, form));
                }
                i += n;
                if v > 0x10ffff {
                    let p = codec_pos(start);
                    return Err(unicode_error(p, p + 2 + n, "illegal Unicode character"));
                }
                out.push_code_point(v);
            }
            b'N' => {
                let p = codec_pos(start);
                if b.get(i) != Some(&b'{') {
                    return Err(unicode_error(p, p + 2, "malformed \\N character escape"));
                }
                let Some(len) = b[i..].iter().position(|x| *x == b'}') else {
                    return Err(unicode_error(p, p + 2 + body[i..].chars().count(), "malformed \\N character escape"));
                };
                if len <= 1 {
                    return Err(unicode_error(p, p + 3, "malformed \\N character escape"));
                }
                match unicode_name(&body[i + 1..i + len]) {
                    Some(ch) => out.push_code_point(ch as u32),
                    None => return Err(unicode_error(p, p + 2 + len + 1, "unknown Unicode character name")),
                }
                i += len + 1;
            }
            _ => {
                out.push_code_point(0x5c);
                i -= 1;
                let ch = body[i..].chars().next().unwrap_or('\\');
                bad.push(BadEscape { at: start, octal: false, text: format!("\\{ch}") });
            }
        }
    }
    Ok(())
}

/// Decodes the body of a bytes literal.
pub fn decode_bytes(body: &str, raw: bool, out: &mut Vec<u8>, bad: &mut Vec<BadEscape>) -> Result<(), DecodeError> {
    let b = body.as_bytes();
    if raw {
        out.extend_from_slice(b);
        return Ok(());
    }
    let mut i = 0;
    while i < b.len() {
        if b[i] != b'\\' || i + 1 >= b.len() {
            out.push(b[i]);
            i += 1;
            continue;
        }
        let start = i;
        let c = b[i + 1];
        i += 2;
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(c),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(10),
            b'r' => out.push(13),
            b't' => out.push(9),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let mut v = (c - b'0') as u32;
                let mut n = 1;
                while n < 3 && i < b.len() && (b'0'..=b'7').contains(&b[i]) {
                    v = v * 8 + (b[i] - b'0') as u32;
                    i += 1;
                    n += 1;
                }
                if v > 0o377 {
                    bad.push(BadEscape { at: start, octal: true, text: body[start..i].into() });
                }
                out.push(v as u8);
            }
            b'x' => {
                let (n, v) = hex(&b[i..], 2);
                if n < 2 {
                    return Err(DecodeError(format!("(value error) invalid \\x escape at position {start}")));
                }
                i += 2;
                out.push(v as u8);
            }
            _ => {
                out.push(b'\\');
                i -= 1;
                bad.push(BadEscape { at: start, octal: false, text: format!("\\{}", c as char) });
            }
        }
    }
    Ok(())
}

/// The warning's text for a dubious escape.
pub fn bad_escape_message(e: &BadEscape) -> String {
    let what = if e.octal { "an invalid octal escape sequence" } else { "an invalid escape sequence" };
    format!(
        "\"{0}\" is {what}. Such sequences will not work in the future. Did you mean \"\\{0}\"? A raw string is also an option.",
        e.text
    )
}
