//! A scan of the source for what CPython's tokenizer refuses, and for nesting that would be too deep for a parser.
//!
//! It runs in two ways: before every parse for its limits only, and after a failed parse for the first error, as the
//! tokenizer's errors go before the parser's. It keeps no tokens.

use crate::error::ErrorKind;

/// An error of the tokenizer: byte offsets in the source.
#[derive(Clone, Debug)]
pub struct TokenError {
    pub kind: ErrorKind,
    pub msg: String,
    pub start: usize,
    /// `None`: CPython gives no end
    pub end: Option<usize>,
    /// Goes behind a mistake that the parser finds before it
    pub soft: bool,
    /// Inside an f-string
    pub in_fstring: bool,
}

/// What the scan found.
#[derive(Default, Debug)]
pub struct Scan {
    pub error: Option<TokenError>,
    /// Brackets open at the end: offset, character
    pub open: Vec<(usize, u8)>,
    /// Deepest nesting of prefix operators and the like
    pub prefixes: usize,
    /// Longest chain of operators
    pub chain: usize,
    /// Numbers that a keyword follows without a space: line, message
    pub warnings: Vec<(usize, String)>,
}

const MAX_LEVEL: usize = 200;
const MAX_INDENT: usize = 100;

struct Scanner<'a> {
    src: &'a str,
    b: &'a [u8],
    i: usize,
    full: bool,
    /// Numbers and brackets may be wrong
    lenient: bool,
    /// A newline follows the text
    exec: bool,
    scan: Scan,
    open: Vec<(usize, u8)>,
    /// f-strings around: quote, triple, raw, template, start, bracket level, in format spec
    fstrings: Vec<FString>,
    prefixes: usize,
    chain: usize,
}

#[derive(Clone)]
struct FString {
    quote: u8,
    triple: bool,
    raw: bool,
    template: bool,
    start: usize,
    level: usize,
    in_spec: bool,
}

type R = Result<(), TokenError>;

/// Scans a source for `tokenize`, which is more liberal about numbers and brackets when it wants `extra` tokens.
pub fn scan_tokens(src: &str, extra: bool) -> Scan {
    run(src, true, false, extra)
}

/// Scans a source; `full` looks for all errors, else only for limits.
pub fn scan(src: &str, full: bool, exec: bool) -> Scan {
    run(src, full, exec, false)
}

fn run(src: &str, full: bool, exec: bool, lenient: bool) -> Scan {
    let mut s = Scanner {
        lenient,
        src,
        b: src.as_bytes(),
        i: 0,
        full,
        exec,
        scan: Scan::default(),
        open: Vec::new(),
        fstrings: Vec::new(),
        prefixes: 0,
        chain: 0,
    };
    if let Err(e) = s.run() {
        s.scan.error = Some(e);
    }
    s.scan.open = s.open;
    s.scan
}

fn ident_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || (!c.is_ascii() && unicode_ident_start(c))
}

fn unicode_ident_start(c: char) -> bool {
    // What NFKC and XID say, near enough: letters and marks that `char` knows.
    c.is_alphabetic()
        || matches!(c, '\u{1885}' | '\u{1886}' | '\u{2118}' | '\u{212e}' | '\u{309b}' | '\u{309c}')
        || c.is_numeric() && c.is_alphabetic()
}

fn ident_continue(c: char) -> bool {
    ident_start(c) || c.is_ascii_digit() || (!c.is_ascii() && (c.is_alphanumeric() || is_mark(c)))
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{b7}' | '\u{387}' | '\u{203f}' | '\u{2040}' | '\u{200c}' | '\u{200d}')
}

/// Whether `repr` shows a character as it is.
pub fn printable(c: char) -> bool {
    !(c.is_control()
        || c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0001}'..='\u{e007f}' | '\u{f0000}'..))
}

impl Scanner<'_> {
    fn err(&self, start: usize, end: Option<usize>, msg: impl Into<String>) -> TokenError {
        let msg = msg.into();
        let in_fstring =
            !self.fstrings.is_empty() || msg.starts_with("unterminated f-") || msg.starts_with("unterminated t-");
        let soft = in_fstring
            || msg.starts_with("unexpected EOF")
            || msg.starts_with("unexpected character after")
            || msg.starts_with("too many");
        TokenError { kind: ErrorKind::Syntax, msg, start, end, soft, in_fstring }
    }

    fn at(&self, k: usize) -> u8 {
        self.b.get(self.i + k).copied().unwrap_or(0)
    }

    fn line_of(&self, offset: usize) -> usize {
        self.b[..offset.min(self.b.len())].iter().filter(|c| **c == b'\n').count() + 1
    }

    fn reset(&mut self) {
        self.scan.prefixes = self.scan.prefixes.max(self.prefixes);
        self.scan.chain = self.scan.chain.max(self.chain);
        self.prefixes = 0;
        self.chain = 0;
    }

    fn run(&mut self) -> R {
        let mut indents: Vec<(usize, usize)> = vec![(0, 0)];
        let mut line_start = true;
        // Whether the last token was an operand: then + and - are binary.
        let mut operand = false;
        loop {
            if let Some(f) = self.fstrings.last()
                && (self.open.len() == f.level || f.in_spec && self.open.len() == f.level + 1)
                && (f.in_spec || self.open.len() == f.level)
            {
                let f = f.clone();
                self.fstring_text(&f)?;
                operand = true;
                continue;
            }
            if line_start && self.open.is_empty() {
                line_start = false;
                self.reset();
                operand = false;
                self.indentation(&mut indents)?;
            }
            let Some(c) = self.b.get(self.i).copied() else { break };
            let start = self.i;
            match c {
                b' ' | b'\t' | b'\x0c' => self.i += 1,
                // Line ends that were not normalised.
                b'\r' if self.at(1) == b'\n' => self.i += 1,
                b'\n' => {
                    self.i += 1;
                    line_start = self.open.is_empty();
                }
                b'#' => {
                    while self.i < self.b.len() && self.b[self.i] != b'\n' {
                        self.i += 1;
                    }
                }
                b'\\' => {
                    self.i += 1;
                    if self.at(0) == b'\r' && self.at(1) == b'\n' {
                        self.i += 1;
                    }
                    if self.at(0) == b'\n' {
                        self.i += 1;
                        if self.i >= self.b.len() && self.full {
                            return Err(self.err(start, None, "unexpected EOF while parsing"));
                        }
                    } else if self.i >= self.b.len() && self.exec {
                        return Err(self.err(start, None, "unexpected EOF while parsing"));
                    } else if self.i >= self.b.len() {
                        return Err(self.err(start, None, "unexpected character after line continuation character"));
                    } else {
                        return Err(self.err(self.i, None, "unexpected character after line continuation character"));
                    }
                }
                b'(' | b'[' | b'{' => {
                    if self.open.len() >= MAX_LEVEL {
                        return Err(self.err(start, None, "too many nested parentheses"));
                    }
                    self.open.push((start, c));
                    self.i += 1;
                    self.chain += 1;
                    operand = false;
                }
                b')' | b']' | b'}' => {
                    self.closing(c, start)?;
                    operand = true;
                }
                b'\'' | b'"' => {
                    self.string(start, start)?;
                    operand = true;
                }
                b'0'..=b'9' => {
                    self.number()?;
                    operand = true;
                }
                b'.' if self.at(1).is_ascii_digit() => {
                    self.number()?;
                    operand = true;
                }
                b',' | b';' => {
                    self.reset();
                    self.i += 1;
                    operand = false;
                }
                b':' => {
                    self.i += 1;
                    operand = false;
                    if let Some(f) = self.fstrings.last_mut()
                        && self.open.len() == f.level + 1
                    {
                        f.in_spec = true;
                    }
                }
                b'-' | b'+' | b'~' => {
                    self.i += 1;
                    if operand {
                        self.chain += 1;
                    } else {
                        self.prefixes += 1;
                    }
                    operand = false;
                }
                b'*' if self.at(1) == b'*' => {
                    self.i += 2;
                    self.prefixes += 1;
                    operand = false;
                }
                b'$' | b'?' | b'`' => {
                    if self.full {
                        // No token starts so: the parser will say what it thinks.
                    }
                    self.i += 1;
                    operand = false;
                }
                b'!' | b'%' | b'&' | b'*' | b'/' | b'<' | b'=' | b'>' | b'@' | b'^' | b'|' | b'.' => {
                    self.i += 1;
                    self.chain += 1;
                    operand = false;
                }
                _ => {
                    let ch = self.src[self.i..].chars().next().unwrap_or('\0');
                    if ident_start(ch) {
                        operand = self.name(start)?;
                    } else if self.full {
                        let code = ch as u32;
                        return Err(if printable(ch) {
                            self.err(start, None, format!("invalid character '{ch}' (U+{code:04X})"))
                        } else {
                            self.err(start, None, format!("invalid non-printable character U+{code:04X}"))
                        });
                    } else {
                        self.i += ch.len_utf8();
                    }
                }
            }
        }
        self.reset();
        if let Some(f) = self.fstrings.first().cloned() {
            // An expression of an f-string runs to the end of the text.
            if self.full && !self.open.is_empty() && self.open.len() > f.level {
                return Ok(());
            }
        }
        Ok(())
    }

    fn indentation(&mut self, indents: &mut Vec<(usize, usize)>) -> R {
        // Columns with tabs to 8 and to 1: both must tell the same.
        let (mut col, mut alt) = (0, 0);
        // Columns of the first line, when a backslash continues blank starts of lines.
        let mut first = None;
        let start = self.i;
        loop {
            match self.at(0) {
                b' ' => {
                    col += 1;
                    alt += 1;
                }
                b'\t' => {
                    col = (col / 8 + 1) * 8;
                    alt += 1;
                }
                b'\x0c' => {
                    col = 0;
                    alt = 0;
                }
                b'\\' if self.at(1) == b'\n' && self.i + 2 < self.b.len() => {
                    if col > 0 && first.is_none() {
                        first = Some((col, alt));
                    }
                    self.i += 1;
                }
                _ => break,
            }
            self.i += 1;
        }
        if self.i >= self.b.len() || matches!(self.at(0), b'\n' | b'\r' | b'#') {
            return Ok(());
        }
        let (col, alt) = first.unwrap_or((col, alt));
        let (top, top_alt) = *indents.last().unwrap_or(&(0, 0));
        let tab = |s: &Self| TokenError {
            kind: ErrorKind::Tab,
            msg: "inconsistent use of tabs and spaces in indentation".into(),
            start: s.line_end(start),
            end: None,
            soft: true,
            in_fstring: false,
        };
        if col == top {
            if alt != top_alt && self.full {
                return Err(tab(self));
            }
        } else if col > top {
            if alt <= top_alt && self.full {
                return Err(tab(self));
            }
            if indents.len() >= MAX_INDENT {
                return Err(TokenError {
                    kind: ErrorKind::Indentation,
                    msg: "too many levels of indentation".into(),
                    start: self.i,
                    end: None,
                    soft: true,
                    in_fstring: false,
                });
            }
            indents.push((col, alt));
        } else {
            while indents.last().is_some_and(|t| col < t.0) {
                indents.pop();
            }
            let (top, top_alt) = *indents.last().unwrap_or(&(0, 0));
            if !self.full {
                if col != top {
                    indents.push((col, alt));
                }
                return Ok(());
            }
            if col != top {
                return Err(TokenError {
                    kind: ErrorKind::Indentation,
                    msg: "unindent does not match any outer indentation level".into(),
                    start: self.line_end(self.i),
                    end: None,
                    soft: true,
                    in_fstring: false,
                });
            }
            if alt != top_alt {
                return Err(tab(self));
            }
        }
        Ok(())
    }

    /// End of the line of an offset.
    fn line_end(&self, offset: usize) -> usize {
        self.b[offset..].iter().position(|c| *c == b'\n').map_or(self.b.len(), |p| offset + p)
    }

    fn closing(&mut self, c: u8, start: usize) -> R {
        self.i += 1;
        if let Some(f) = self.fstrings.last()
            && c == b'}'
            && self.open.len() == f.level
        {
            return Err(self.err(start, None, format!("{}: single '}}' is not allowed", kind_name(f))));
        }
        let Some((at, o)) = self.open.pop() else {
            return if self.full && !self.lenient {
                Err(self.err(start, None, format!("unmatched '{}'", c as char)))
            } else {
                Ok(())
            };
        };
        let fits = matches!((o, c), (b'(', b')') | (b'[', b']') | (b'{', b'}'));
        if !fits && self.full && !self.lenient {
            if let Some(f) = self.fstrings.last()
                && o == b'{'
                && self.open.len() == f.level
            {
                return Err(self.err(start, None, format!("{}: unmatched '{}'", kind_name(f), c as char)));
            }
            let (line, here) = (self.line_of(at), self.line_of(start));
            let on = if line != here { format!(" on line {line}") } else { String::new() };
            return Err(self.err(
                start,
                None,
                format!("closing parenthesis '{}' does not match opening parenthesis '{}'{on}", c as char, o as char),
            ));
        }
        if let Some(f) = self.fstrings.last_mut()
            && self.open.len() == f.level
        {
            f.in_spec = false;
        }
        Ok(())
    }

    /// A name or keyword, or a string with a prefix; whether an operand follows it.
    fn name(&mut self, start: usize) -> Result<bool, TokenError> {
        let mut bad = None;
        for (p, ch) in self.src[start..].char_indices() {
            if p == 0 || ident_continue(ch) {
                continue;
            }
            if !ch.is_ascii() && self.full {
                bad = Some((start + p, ch));
            }
            self.i = start + p;
            break;
        }
        if self.i == start {
            self.i = self.b.len();
        }
        if let Some((at, ch)) = bad {
            let code = ch as u32;
            return Err(if printable(ch) {
                self.err(at, None, format!("invalid character '{ch}' (U+{code:04X})"))
            } else {
                self.err(at, None, format!("invalid non-printable character U+{code:04X}"))
            });
        }
        let text = &self.src[start..self.i];
        if matches!(self.at(0), b'\'' | b'"') && text.len() <= 5 && text.bytes().all(|c| b"bBfFrRtTuU".contains(&c)) {
            return self.prefixed(start).map(|_| true);
        }
        Ok(match text {
            "not" | "lambda" | "await" | "else" | "yield" => {
                self.prefixes += 1;
                false
            }
            "and" | "or" | "in" | "is" | "if" | "return" | "for" | "while" | "assert" | "del" | "elif" | "with"
            | "raise" | "from" => {
                self.chain += 1;
                false
            }
            _ => true,
        })
    }

    fn prefixed(&mut self, start: usize) -> R {
        let text = self.src[start..self.i].to_ascii_lowercase();
        let has = |c: char| text.contains(c);
        let count = |c: char| text.matches(c).count();
        let q = self.i;
        if "bfrtu".chars().any(|c| count(c) > 1) {
            // `rr""` is a name before a string.
            return self.string(q, q);
        }
        let clash = if has('u') && has('b') {
            Some(('u', 'b'))
        } else if has('u') && has('r') {
            Some(('u', 'r'))
        } else if has('u') && has('f') {
            Some(('u', 'f'))
        } else if has('u') && has('t') {
            Some(('u', 't'))
        } else if has('b') && has('f') {
            Some(('b', 'f'))
        } else if has('b') && has('t') {
            Some(('b', 't'))
        } else if has('f') && has('t') {
            Some(('f', 't'))
        } else {
            None
        };
        if let Some((a, b)) = clash {
            return if self.full {
                Err(self.err(start, Some(q), format!("'{a}' and '{b}' prefixes are incompatible")))
            } else {
                self.string(start, q)
            };
        }
        if has('f') || has('t') {
            let quote = self.b[q];
            let triple = self.b[q..].starts_with(&[quote; 3]);
            self.i = q + if triple { 3 } else { 1 };
            if self.fstrings.len() >= 150 {
                return Err(self.err(start, None, "too many nested f-strings or t-strings"));
            }
            self.fstrings.push(FString {
                quote,
                triple,
                raw: has('r'),
                template: has('t'),
                start,
                level: self.open.len(),
                in_spec: false,
            });
            return Ok(());
        }
        self.string(start, q)
    }

    /// A string whose opening quote is at `q`.
    fn string(&mut self, start: usize, q: usize) -> R {
        let quote = self.b[q];
        let triple = self.b[q..].starts_with(&[quote; 3]);
        self.i = q + if triple { 3 } else { 1 };
        let mut escaped_quote = false;
        while let Some(c) = self.b.get(self.i).copied() {
            match c {
                b'\\' => {
                    escaped_quote |= self.at(1) == quote;
                    self.i += 2;
                }
                c if c == quote && (!triple || self.b[self.i..].starts_with(&[quote; 3])) => {
                    self.i += if triple { 3 } else { 1 };
                    return Ok(());
                }
                b'\n' if !triple => break,
                _ => self.i += 1,
            }
        }
        if !self.full {
            return Ok(());
        }
        // The string may be the end of an f-string around it that was never closed.
        if let Some(f) = self.fstrings.last()
            && f.quote == quote
            && f.triple == triple
        {
            return Err(self.unclosed_brace_or_string(start));
        }
        let i = self.i.min(self.b.len());
        // A newline that only the end of the text stands for does not count as a line.
        let text_end = if triple && i == self.b.len() && self.b.last() == Some(&b'\n') { i - 1 } else { i };
        let line = self.line_of(text_end);
        let hint = if escaped_quote && !triple { "; perhaps you escaped the end quote?" } else { "" };
        let what = if triple { "unterminated triple-quoted string literal" } else { "unterminated string literal" };
        Err(self.err(start, Some(start), format!("{what} (detected at line {line}){hint}")))
    }

    fn unclosed_brace_or_string(&self, at: usize) -> TokenError {
        let Some(f) = self.fstrings.last() else { return self.err(at, None, "invalid syntax") };
        let name = kind_name(f);
        if self.open.len() > f.level {
            let (_, o) = self.open[self.open.len() - 1];
            if o == b'{' && self.open.len() == f.level + 1 {
                return self.err(at, Some(at), format!("{name}: expecting '}}'"));
            }
            let (p, _) = self.open[self.open.len() - 1];
            return self.err(p, None, format!("'{}' was never closed", o as char));
        }
        self.err(at, None, "invalid syntax")
    }

    /// Text of an f-string, up to a replacement field or its end.
    fn fstring_text(&mut self, f: &FString) -> R {
        while let Some(c) = self.b.get(self.i).copied() {
            match c {
                b'\\' if !f.raw => {
                    if self.at(1) == b'N' && self.at(2) == b'{' && !f.in_spec {
                        // A character's name.
                        while self.i < self.b.len()
                            && !matches!(self.b[self.i], b'}' | b'\n')
                            && (self.b[self.i] != f.quote || f.triple)
                        {
                            self.i += 1;
                        }
                        if self.at(0) == b'}' {
                            self.i += 1;
                        }
                    } else if matches!(self.at(1), b'{' | b'}') {
                        self.i += 1;
                    } else {
                        self.i += 2;
                    }
                }
                b'\\' => {
                    self.i += 1;
                    if self.at(0) == f.quote || matches!(self.at(0), b'\\' | b'\n') {
                        self.i += 1;
                    }
                }
                b'{' => {
                    if self.at(1) == b'{' && !f.in_spec {
                        self.i += 2;
                        continue;
                    }
                    if self.open.len() >= MAX_LEVEL {
                        return Err(self.err(self.i, None, "too many nested parentheses"));
                    }
                    let depth = self.open.len() - f.level;
                    if depth >= 2 && self.full {
                        return Err(self.err(self.i, None, format!("{}: expressions nested too deeply", kind_name(f))));
                    }
                    self.open.push((self.i, b'{'));
                    self.i += 1;
                    if f.in_spec
                        && let Some(top) = self.fstrings.last().cloned()
                    {
                        // A field inside the format spec: its own bracket level.
                        let mut inner = top;
                        inner.level = self.open.len() - 1;
                        inner.in_spec = false;
                        self.nested_field(inner)?;
                    }
                    return Ok(());
                }
                b'}' => {
                    if f.in_spec {
                        self.open.pop();
                        if let Some(top) = self.fstrings.last_mut() {
                            top.in_spec = false;
                        }
                        self.i += 1;
                        return Ok(());
                    }
                    if self.at(1) == b'}' {
                        self.i += 2;
                        continue;
                    }
                    if self.full {
                        return Err(self.err(
                            self.i,
                            Some(self.i),
                            format!("{}: single '}}' is not allowed", kind_name(f)),
                        ));
                    }
                    self.i += 1;
                }
                c if c == f.quote && (!f.triple || self.b[self.i..].starts_with(&[f.quote; 3])) => {
                    if f.in_spec {
                        if self.full {
                            let at = self.i;
                            return Err(self.err(
                                at,
                                Some(at + if f.triple { 3 } else { 1 }),
                                format!("{}: expecting '}}', or format specs", kind_name(f)),
                            ));
                        }
                        self.open.truncate(f.level);
                    }
                    self.i += if f.triple { 3 } else { 1 };
                    self.fstrings.pop();
                    return Ok(());
                }
                b'\n' if !f.triple => {
                    if f.in_spec && !self.full {
                        self.open.truncate(f.level);
                    }
                    if self.full {
                        let line = self.line_of(self.i);
                        let k = if f.template { "t-string" } else { "f-string" };
                        if f.in_spec {
                            return Err(self.err(
                                self.i,
                                None,
                                format!("{k}: newlines are not allowed in format specifiers for single quoted {k}s"),
                            ));
                        }
                        return Err(self.err(
                            f.start,
                            Some(f.start),
                            format!("unterminated {k} literal (detected at line {line})"),
                        ));
                    }
                    self.fstrings.pop();
                    return Ok(());
                }
                _ => self.i += 1,
            }
        }
        self.i = self.b.len();
        let f2 = self.fstrings.pop();
        if self.full
            && let Some(f) = f2
        {
            let k = if f.template { "t-string" } else { "f-string" };
            let end = if self.b.last() == Some(&b'\n') { self.b.len() - 1 } else { self.b.len() };
            let line = self.line_of(end);
            let what = if f.triple {
                format!("unterminated triple-quoted {k} literal")
            } else {
                format!("unterminated {k} literal")
            };
            return Err(self.err(f.start, Some(f.start), format!("{what} (detected at line {line})")));
        }
        Ok(())
    }

    /// Skips a replacement field inside a format spec; its opening brace has been read.
    fn nested_field(&mut self, _f: FString) -> R {
        let level = self.open.len();
        while self.open.len() >= level {
            let Some(c) = self.b.get(self.i).copied() else { return Ok(()) };
            match c {
                b'(' | b'[' | b'{' => {
                    if self.open.len() >= MAX_LEVEL {
                        return Err(self.err(self.i, None, "too many nested parentheses"));
                    }
                    self.open.push((self.i, c));
                    self.i += 1;
                }
                b')' | b']' | b'}' => {
                    self.open.pop();
                    self.i += 1;
                }
                b'\'' | b'"' => {
                    let q = self.i;
                    self.string(q, q)?;
                }
                b'\n' => return Ok(()),
                _ => self.i += 1,
            }
        }
        Ok(())
    }

    // ---- numbers ----

    fn digits(&mut self, ok: impl Fn(u8) -> bool) -> Result<bool, usize> {
        // Digits with single underscores between; Err: where a digit is missing after an underscore.
        let start = self.i;
        loop {
            while ok(self.at(0)) && self.i < self.b.len() {
                self.i += 1;
            }
            if self.at(0) == b'_' {
                if !ok(self.at(1)) {
                    return Err(self.i + 1);
                }
                self.i += 1;
                continue;
            }
            return Ok(self.i > start);
        }
    }

    /// After a number: a letter may only start one of the keywords that may follow.
    fn number_end(&mut self, start: usize, kind: &str) -> R {
        if self.at(0).is_ascii_lowercase() {
            let word: &[u8] = &self.b[self.i..];
            let two = |a: &[u8; 2]| word.starts_with(a);
            if word.starts_with(b"and")
                || word.starts_with(b"else")
                || two(b"in")
                || two(b"is")
                || two(b"if")
                || two(b"or")
                || word.starts_with(b"for")
                || word.starts_with(b"not")
            {
                self.scan.warnings.push((self.line_of(self.i), format!("invalid {kind} literal")));
            }
        }
        if !self.full || self.lenient {
            return Ok(());
        }
        let rest = &self.src[self.i..];
        let Some(c) = rest.chars().next() else { return Ok(()) };
        if !ident_start(c) && !(!c.is_ascii() && !c.is_whitespace()) {
            return Ok(());
        }
        let word: String = rest.chars().take_while(|c| ident_continue(*c)).collect();
        let allowed = ["and", "else", "for", "if", "in", "is", "not", "or"];
        if allowed.iter().any(|k| word.starts_with(k)) {
            return Ok(());
        }
        let _ = start;
        if !ident_start(c) {
            return Ok(());
        }
        let last = self.i - self.src[..self.i].chars().next_back().map_or(1, char::len_utf8);
        Err(self.err(last, Some(last), format!("invalid {kind} literal")))
    }

    fn number(&mut self) -> R {
        let start = self.i;
        let first = self.at(0);
        if first == b'0' && matches!(self.at(1), b'x' | b'X' | b'o' | b'O' | b'b' | b'B') {
            let (kind, base): (&str, u32) = match self.at(1) {
                b'x' | b'X' => ("hexadecimal", 16),
                b'o' | b'O' => ("octal", 8),
                _ => ("binary", 2),
            };
            self.i += 2;
            let ok = move |c: u8| (c as char).is_digit(base);
            loop {
                if self.at(0) == b'_' {
                    self.i += 1;
                }
                if !ok(self.at(0)) {
                    if !self.full {
                        return Ok(());
                    }
                    if self.at(0).is_ascii_digit() {
                        return Err(self.err(
                            self.i,
                            None,
                            format!("invalid digit '{}' in {kind} literal", self.at(0) as char),
                        ));
                    }
                    return Err(self.err(self.i - 1, Some(self.i - 1), format!("invalid {kind} literal")));
                }
                while ok(self.at(0)) {
                    self.i += 1;
                }
                if self.at(0) != b'_' {
                    break;
                }
            }
            if self.at(0).is_ascii_digit() && self.full {
                return Err(self.err(
                    self.i,
                    None,
                    format!("invalid digit '{}' in {kind} literal", self.at(0) as char),
                ));
            }
            return self.number_end(start, kind);
        }
        let dec = |s: &mut Self| -> R {
            match s.digits(|c| c.is_ascii_digit()) {
                Err(at) if s.full => Err(s.err(at - 1, Some(at - 1), "invalid decimal literal")),
                Err(at) => {
                    s.i = at;
                    Ok(())
                }
                Ok(_) => Ok(()),
            }
        };
        if first != b'.' {
            dec(self)?;
        }
        let int_end = self.i;
        let mut float = false;
        if self.at(0) == b'.' {
            float = true;
            self.i += 1;
            if self.at(0).is_ascii_digit() {
                dec(self)?;
            }
        }
        if matches!(self.at(0), b'e' | b'E') {
            let signed = matches!(self.at(1), b'+' | b'-');
            if self.at(1 + signed as usize).is_ascii_digit() {
                float = true;
                self.i += 1 + signed as usize;
                dec(self)?;
            } else if signed && self.full {
                let at = self.i + 1;
                return Err(self.err(at, Some(at), "invalid decimal literal"));
            }
        }
        let mut imaginary = false;
        if matches!(self.at(0), b'j' | b'J') {
            imaginary = true;
            self.i += 1;
        }
        if self.full
            && !self.lenient
            && !float
            && !imaginary
            && first == b'0'
            && self.b[start..int_end].iter().any(|c| matches!(c, b'1'..=b'9'))
        {
            // The error covers the zeros.
            let zeros = self.b[start..int_end].iter().take_while(|c| matches!(c, b'0' | b'_')).count();
            return Err(self.err(
                start,
                Some(start + zeros),
                "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers",
            ));
        }
        self.number_end(start, if imaginary { "imaginary" } else { "decimal" })
    }
}

fn kind_name(f: &FString) -> &'static str {
    if f.template { "t-string" } else { "f-string" }
}
