//! Character classes of XML 1.0 and the scanners of single tokens.
//!
//! A scanner works on UTF-8 text from a position and says `Ok(None)` when the text ends before the token does, `Err((code, at))` where
//! the offending character is.

use super::engine::Code;

/// Result of a scanner.
pub type Scan<T> = Result<Option<T>, (Code, usize)>;

/// Cuts a scanner short when the text ends.
macro_rules! more {
    ($e:expr) => {
        match $e {
            Some(v) => v,
            None => return Ok(None),
        }
    };
}
pub(super) use more;

/// The character at `p` and its length; the text is valid UTF-8 and `p` a boundary.
pub fn char_at(t: &[u8], p: usize) -> Option<(char, usize)> {
    let b = *t.get(p)?;
    if b < 0x80 {
        return Some((b as char, 1));
    }
    let n = if b < 0xE0 {
        2
    } else if b < 0xF0 {
        3
    } else {
        4
    };
    let s = core::str::from_utf8(t.get(p..p + n)?).ok()?;
    s.chars().next().map(|c| (c, n))
}

pub fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

pub fn is_name_start(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '_' | ':' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

pub fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Characters that a document may hold.
pub fn is_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Position behind spaces.
pub fn skip_space(t: &[u8], mut p: usize) -> usize {
    while t.get(p).is_some_and(|b| is_space(*b)) {
        p += 1;
    }
    p
}

/// Steps over one allowed character.
pub fn step(t: &[u8], p: usize) -> Scan<usize> {
    let (c, n) = more!(char_at(t, p));
    if is_char(c) { Ok(Some(p + n)) } else { Err((Code::InvalidToken, p)) }
}

/// End of the name that starts at `p`; the character behind it must be there.
pub fn name(t: &[u8], p: usize) -> Scan<usize> {
    let (c, n) = more!(char_at(t, p));
    if !is_name_start(c) {
        return Err((Code::InvalidToken, p));
    }
    let mut p = p + n;
    loop {
        let (c, n) = more!(char_at(t, p));
        if !is_name_char(c) {
            return Ok(Some(p));
        }
        p += n;
    }
}

/// What `&…;` stands for.
#[derive(Debug)]
pub enum Reference {
    Char(char),
    Entity(usize, usize),
}

/// A reference from its `&`: what it is and its end.
pub fn reference(t: &[u8], p: usize) -> Scan<(Reference, usize)> {
    if *more!(t.get(p + 1)) != b'#' {
        let e = more!(name(t, p + 1)?);
        return if t[e] == b';' {
            Ok(Some((Reference::Entity(p + 1, e), e + 1)))
        } else {
            Err((Code::InvalidToken, e))
        };
    }
    let hex = *more!(t.get(p + 2)) == b'x';
    let mut q = p + 2 + usize::from(hex);
    let first = q;
    let mut value: u32 = 0;
    loop {
        let b = *more!(t.get(q));
        if b == b';' && q > first {
            break;
        }
        let digit = (b as char).to_digit(if hex { 16 } else { 10 });
        let Some(d) = digit else { return Err((Code::InvalidToken, q)) };
        value = value.saturating_mul(if hex { 16 } else { 10 }).saturating_add(d).min(0x0011_0000);
        q += 1;
    }
    match char::from_u32(value).filter(|c| is_char(*c)) {
        Some(c) => Ok(Some((Reference::Char(c), q + 1))),
        None => Err((Code::BadCharRef, p)),
    }
}

/// The pieces of a start tag: name, attributes (name and raw value), whether it is empty, end.
#[derive(Default)]
pub struct StartTag {
    pub name: (usize, usize),
    pub attrs: Vec<((usize, usize), (usize, usize))>,
    pub empty: bool,
    pub end: usize,
}

/// A start tag from its `<`.
pub fn start_tag(t: &[u8], p: usize) -> Scan<StartTag> {
    let mut tag = StartTag::default();
    let mut q = more!(name(t, p + 1)?);
    tag.name = (p + 1, q);
    loop {
        let spaced = is_space(t[q]);
        q = skip_space(t, q);
        match *more!(t.get(q)) {
            b'>' => {
                tag.end = q + 1;
                return Ok(Some(tag));
            }
            b'/' => {
                if *more!(t.get(q + 1)) != b'>' {
                    return Err((Code::InvalidToken, q + 1));
                }
                (tag.empty, tag.end) = (true, q + 2);
                return Ok(Some(tag));
            }
            _ if !spaced => return Err((Code::InvalidToken, q)),
            _ => {}
        }
        let start = q;
        q = more!(name(t, q)?);
        let named = (start, q);
        q = skip_space(t, q);
        if *more!(t.get(q)) != b'=' {
            return Err((Code::InvalidToken, q));
        }
        q = skip_space(t, q + 1);
        let quote = *more!(t.get(q));
        if quote != b'"' && quote != b'\'' {
            return Err((Code::InvalidToken, q));
        }
        let from = q + 1;
        q = from;
        loop {
            match *more!(t.get(q)) {
                b if b == quote => break,
                b'<' => return Err((Code::InvalidToken, q)),
                b'&' => q = more!(reference(t, q)?).1,
                _ => q = more!(step(t, q)?),
            }
        }
        tag.attrs.push((named, (from, q)));
        q += 1;
        more!(t.get(q));
    }
}

/// An end tag from its `<`: the name and the end.
pub fn end_tag(t: &[u8], p: usize) -> Scan<((usize, usize), usize)> {
    let e = more!(name(t, p + 2)?);
    let q = skip_space(t, e);
    if *more!(t.get(q)) != b'>' {
        return Err((Code::InvalidToken, q));
    }
    Ok(Some(((p + 2, e), q + 1)))
}

/// A comment from its `<!--`: the text and the end.
pub fn comment(t: &[u8], p: usize) -> Scan<((usize, usize), usize)> {
    let mut q = p + 4;
    loop {
        if *more!(t.get(q)) == b'-' && *more!(t.get(q + 1)) == b'-' {
            if *more!(t.get(q + 2)) != b'>' {
                return Err((Code::InvalidToken, q + 2));
            }
            return Ok(Some(((p + 4, q), q + 3)));
        }
        q = more!(step(t, q)?);
    }
}

/// A processing instruction from its `<?`: the target, the data and the end.
pub fn instruction(t: &[u8], p: usize) -> Scan<((usize, usize), (usize, usize), usize)> {
    let e = more!(name(t, p + 2)?);
    let mut q = e;
    if t[q] == b'?' {
        if *more!(t.get(q + 1)) != b'>' {
            return Err((Code::InvalidToken, q + 1));
        }
    } else if !is_space(t[q]) {
        return Err((Code::InvalidToken, q));
    }
    q = skip_space(t, q);
    let from = q;
    loop {
        if *more!(t.get(q)) == b'?' && *more!(t.get(q + 1)) == b'>' {
            return Ok(Some(((p + 2, e), (from, q), q + 2)));
        }
        q = more!(step(t, q)?);
    }
}

/// Whether the text at `p` is `what`: `None` when it ends before that is known.
pub fn starts(t: &[u8], p: usize, what: &[u8]) -> Option<bool> {
    let have = &t[p.min(t.len())..];
    let n = have.len().min(what.len());
    if have[..n] != what[..n] { Some(false) } else { (n == what.len()).then_some(true) }
}
