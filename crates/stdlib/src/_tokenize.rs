//! `_tokenize`: Python's tokens as `tokenize` wants them.
//!
//! The whole source is read and split by the parser's lexer when the first token is asked for; what is done here is to
//! give CPython's token numbers, rows and columns, and the line text of each token.

use macros::pymodule;
use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{LexicalErrorType, Mode, ParseErrorType, ParseOptions, parse_unchecked};

/// Token numbers of `token.py`.
mod number {
    pub const ENDMARKER: i64 = 0;
    pub const NAME: i64 = 1;
    pub const NUMBER: i64 = 2;
    pub const STRING: i64 = 3;
    pub const NEWLINE: i64 = 4;
    pub const INDENT: i64 = 5;
    pub const DEDENT: i64 = 6;
    pub const OP: i64 = 55;
    pub const FSTRING_START: i64 = 59;
    pub const FSTRING_MIDDLE: i64 = 60;
    pub const FSTRING_END: i64 = 61;
    pub const TSTRING_START: i64 = 62;
    pub const TSTRING_MIDDLE: i64 = 63;
    pub const TSTRING_END: i64 = 64;
    pub const COMMENT: i64 = 65;
    pub const NL: i64 = 66;
}

/// Operators with their exact numbers, which are given when no extra tokens are wanted.
#[rustfmt::skip]
const OPERATORS: [(&str, i64); 48] = [
    ("(", 7), (")", 8), ("[", 9), ("]", 10), (":", 11), (",", 12), (";", 13), ("+", 14), ("-", 15), ("*", 16), ("/", 17), ("|", 18),
    ("&", 19), ("<", 20), (">", 21), ("=", 22), (".", 23), ("%", 24), ("{", 25), ("}", 26), ("==", 27), ("!=", 28), ("<=", 29),
    (">=", 30), ("~", 31), ("^", 32), ("<<", 33), (">>", 34), ("**", 35), ("+=", 36), ("-=", 37), ("*=", 38), ("/=", 39), ("%=", 40),
    ("&=", 41), ("|=", 42), ("^=", 43), ("<<=", 44), (">>=", 45), ("**=", 46), ("//", 47), ("//=", 48), ("@", 49), ("@=", 50),
    ("->", 51), ("...", 52), (":=", 53), ("!", 54),
];

/// One token: kind, text, start, end, line.
pub struct Token {
    pub kind: i64,
    pub text: String,
    pub start: (i64, i64),
    pub end: (i64, i64),
    pub line: String,
}

/// What stops the tokenizer: kind, message, row, column, line.
pub struct Failure {
    pub kind: compiler::ErrorKind,
    pub msg: String,
    pub row: i64,
    pub col: i64,
    pub line: String,
}

/// Line starts, to turn offsets into rows and columns (in characters).
struct Lines<'a> {
    src: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(src: &'a str) -> Lines<'a> {
        let mut starts = vec![0];
        starts.extend(src.bytes().enumerate().filter(|(_, c)| *c == b'\n').map(|(i, _)| i + 1));
        Lines { src, starts }
    }
    fn row(&self, at: usize) -> usize {
        self.starts.partition_point(|s| *s <= at) - 1
    }
    fn place(&self, at: usize) -> (i64, i64) {
        let row = self.row(at);
        let col = self.src[self.starts[row]..at].chars().count();
        (row as i64 + 1, col as i64)
    }
    /// The text of the lines from that of `a` to that of `b`.
    fn text(&self, a: usize, b: usize) -> &'a str {
        let (first, last) = (self.row(a), self.row(b));
        let end = self.starts.get(last + 1).copied().unwrap_or(self.src.len());
        &self.src[self.starts[first]..end]
    }
}

/// Splits a source; the tokens before a failure are kept.
pub fn tokens(src: &str, extra: bool) -> (Vec<Token>, Option<Failure>) {
    use number::*;
    let lines = Lines::new(src);
    let mut out: Vec<Token> = Vec::new();
    // The parser recurses; brackets beyond this depth are refused anyway.
    let (mut depth, mut deepest) = (0i64, 0);
    for c in src.bytes() {
        match c {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > 1000 {
        return (out, Some(failure_at("too many nested parentheses", 1, 0)));
    }
    let parsed = parse_unchecked(src, ParseOptions::from(Mode::Module));
    let failure = parsed.errors().iter().find_map(|e| match &e.error {
        // `$`, `?` and the like are tokens of their own.
        ParseErrorType::Lexical(LexicalErrorType::UnrecognizedToken { tok }) if tok.is_ascii_punctuation() => None,
        ParseErrorType::Lexical(LexicalErrorType::UnrecognizedToken { tok }) => {
            Some((format!("invalid character '{tok}' (U+{:04X})", *tok as u32), usize::from(e.location.start())))
        }
        ParseErrorType::Lexical(LexicalErrorType::Eof) => None,
        ParseErrorType::Lexical(l) => Some((l.to_string(), usize::from(e.location.start()))),
        _ => None,
    });
    // The compiler's own scan knows CPython's words; the lexer's errors are what it does not find.
    let scan = compiler::tokens::scan_tokens(src, extra);
    let mut error_kind = compiler::ErrorKind::Syntax;
    let lenient = extra && scan.error.is_none() && !parsed.errors().is_empty();
    let failure = match scan.error {
        Some(e) if e.msg.starts_with("unexpected EOF") => None,
        Some(e) => {
            error_kind = e.kind;
            Some((e.msg, e.start))
        }
        None if lenient => failure.filter(|f| !f.0.contains("literal") && !f.0.contains("octal")),
        None => failure,
    };
    let mut stop = failure.as_ref().map_or(usize::MAX, |(_, at)| *at);
    if let Some((msg, at)) = &failure {
        let words = src.as_bytes();
        stop = *at;
        if msg.contains(" literal") && !msg.starts_with("unterminated") {
            // The whole number is lost.
            let part = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.');
            while stop > 0 && part(words[stop.min(words.len()) - 1]) {
                stop -= 1;
            }
        } else if error_kind != compiler::ErrorKind::Syntax {
            stop = src[..stop].rfind('\n').map_or(0, |p| p + 1);
        }
    }
    // Replacement fields: whether a brace opened one, and whether its format spec was reached.
    let mut fields: Vec<(bool, bool)> = Vec::new();
    let mut before = TokenKind::EndOfFile;
    let mut field_end = false;
    let mut open: Vec<usize> = Vec::new();
    for t in parsed.tokens().iter() {
        let (kind, range) = t.as_tuple();
        let (a, b) = (usize::from(range.start()), usize::from(range.end()));
        if a >= stop {
            break;
        }
        let text = &src[a..b];
        let number = match kind {
            TokenKind::EndOfFile => break,
            TokenKind::Name => NAME,
            TokenKind::Int | TokenKind::Float | TokenKind::Complex => NUMBER,
            TokenKind::String => STRING,
            TokenKind::FStringStart => FSTRING_START,
            TokenKind::FStringMiddle => FSTRING_MIDDLE,
            TokenKind::FStringEnd => FSTRING_END,
            TokenKind::TStringStart => TSTRING_START,
            TokenKind::TStringMiddle => TSTRING_MIDDLE,
            TokenKind::TStringEnd => TSTRING_END,
            TokenKind::Comment => COMMENT,
            TokenKind::Newline => NEWLINE,
            TokenKind::NonLogicalNewline => NL,
            TokenKind::Indent => INDENT,
            TokenKind::Dedent => DEDENT,
            TokenKind::Unknown if text.starts_with(|c: char| c.is_ascii_digit()) => NUMBER,
            TokenKind::Unknown | TokenKind::Question | TokenKind::IpyEscapeCommand => OP,
            k if k.is_keyword() => NAME,
            _ => OP,
        };
        match kind {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => open.push(a),
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                open.pop();
            }
            _ => {}
        }
        let after_field = std::mem::take(&mut field_end);
        let mut empty_spec = false;
        match kind {
            TokenKind::Lbrace => {
                let text_before = matches!(
                    before,
                    TokenKind::FStringStart
                        | TokenKind::FStringMiddle
                        | TokenKind::TStringStart
                        | TokenKind::TStringMiddle
                );
                fields.push((text_before || after_field || fields.last().is_some_and(|f| f.0 && f.1), false));
            }
            TokenKind::Lpar | TokenKind::Lsqb => fields.push((false, false)),
            TokenKind::Rpar | TokenKind::Rsqb => drop(fields.pop()),
            TokenKind::Rbrace => {
                empty_spec = after_field && fields.last().is_some_and(|f| f.0 && f.1);
                field_end = fields.pop().is_some_and(|f| f.0);
            }
            TokenKind::Colon => {
                if let Some(f) = fields.last_mut() {
                    f.1 = true;
                }
            }
            _ => {}
        }
        before = kind;
        if !extra && matches!(number, COMMENT | NL) {
            continue;
        }
        let (start, end) = (lines.place(a), lines.place(b));
        let line = match number {
            FSTRING_MIDDLE | TSTRING_MIDDLE => lines.text(a, b.min(src.len())),
            _ => lines.text(a, b.max(a + 1) - 1),
        };
        if empty_spec {
            let kind = FSTRING_MIDDLE;
            out.push(Token { kind, text: String::new(), start, end: start, line: line.to_owned() });
        }
        match number {
            NEWLINE | NL => {
                // At the end of a source without a final newline the token is empty and one column wide.
                let at_end = text.is_empty();
                let text = if at_end {
                    ""
                } else if extra {
                    text
                } else {
                    ""
                };
                let width = if text.len() > 1 { 2 } else { (!at_end || number == NEWLINE) as i64 };
                let end = (start.0, start.1 + if extra { width } else { 0 });
                out.push(Token { kind: number, text: text.to_owned(), start, end, line: lines.text(a, a).to_owned() });
            }
            FSTRING_MIDDLE | TSTRING_MIDDLE if text.contains(['{', '}']) => {
                middles(&mut out, number, a, text, &lines, line)
            }
            COMMENT if b == src.len() => {
                out.push(Token { kind: number, text: text.to_owned(), start, end, line: line.to_owned() });
                let after = (end.0, end.1 + 1);
                out.push(Token { kind: NL, text: String::new(), start: end, end: after, line: line.to_owned() });
            }
            INDENT if !extra => {
                let (place, line) = ((end.0, -1), lines.text(b, b).to_owned());
                out.push(Token { kind: number, text: String::new(), start: place, end: place, line });
            }
            DEDENT if !extra => {
                let last = b >= src.len();
                let (place, line) =
                    if last { last_row(src, &lines) } else { ((end.0, -1), lines.text(b, b).to_owned()) };
                out.push(Token { kind: number, text: String::new(), start: place, end: place, line });
            }
            INDENT => {
                out.push(Token { kind: number, text: text.to_owned(), start, end, line: lines.text(b, b).to_owned() })
            }
            DEDENT => {
                let at_eof = b >= src.len();
                let place = if at_eof { end_place(src, &lines) } else { end };
                let line = if at_eof { String::new() } else { lines.text(b, b).to_owned() };
                out.push(Token { kind: number, text: String::new(), start: place, end: place, line });
            }
            OP => {
                let exact = OPERATORS.iter().find(|(s, _)| *s == text).map_or(OP, |(_, n)| *n);
                let kind = if extra { OP } else { exact };
                out.push(Token { kind, text: text.to_owned(), start, end, line: line.to_owned() });
            }
            _ => out.push(Token { kind: number, text: text.to_owned(), start, end, line: line.to_owned() }),
        }
    }
    if let Some((msg, at)) = failure {
        let (row, col) = lines.place(at.min(src.len()));
        let msg = if msg.contains("triple-quoted")
            || msg.contains("unterminated") && src[at.min(src.len())..].contains("\"\"\"")
        {
            format!("unterminated triple-quoted string literal (detected at line {})", lines.starts.len())
        } else {
            msg
        };
        if error_kind != compiler::ErrorKind::Syntax {
            let line = lines.text(at.min(src.len()), at.min(src.len())).trim_end_matches('\n').to_owned();
            let col = line.chars().count() as i64 + 1;
            return (out, Some(Failure { kind: error_kind, msg, row, col, line }));
        }
        return (out, Some(failure_at(&msg, row, col + 1)));
    }
    if !open.is_empty() || src.ends_with('\\') {
        if extra && !src.is_empty() && !src.ends_with(['\n', '\\']) {
            let (row, col) = lines.place(src.len());
            let line = lines.text(src.len(), src.len()).to_owned();
            out.push(Token { kind: NL, text: String::new(), start: (row, col), end: (row, col + 1), line });
        }
        return (out, Some(failure_at("unexpected EOF in multi-line statement", 1, 0)));
    }
    if !extra {
        if !src.is_empty() {
            let (place, line) = last_row(src, &lines);
            out.push(Token { kind: ENDMARKER, text: String::new(), start: place, end: place, line });
        }
        return (out, None);
    }
    // A last line of blanks that nothing ends.
    let last = &src[lines.starts[lines.starts.len() - 1]..];
    if !last.is_empty() && last.trim_matches([' ', '\t', '\x0c']).is_empty() {
        let (row, col) = lines.place(src.len());
        let at = out.iter().rposition(|t| t.kind != DEDENT).map_or(0, |n| n + 1);
        let (start, end) = ((row, col), (row, col + 1));
        out.insert(at, Token { kind: NL, text: String::new(), start, end, line: last.to_owned() });
    }
    let place = end_place(src, &lines);
    out.push(Token { kind: ENDMARKER, text: String::new(), start: place, end: place, line: String::new() });
    (out, None)
}

fn failure_at(msg: &str, row: i64, col: i64) -> Failure {
    Failure { kind: compiler::ErrorKind::Syntax, msg: msg.to_owned(), row, col, line: String::new() }
}

/// Where tokens without text stand at the end when no extra tokens are wanted.
fn last_row(src: &str, lines: &Lines<'_>) -> ((i64, i64), String) {
    let end = src.trim_end_matches('\n').len();
    let row = lines.place(end).0;
    let line = lines.text(end, end);
    let shown = if line.trim_start().starts_with('#') || line.trim().is_empty() { "" } else { line };
    ((row, -1), shown.to_owned())
}

/// A doubled brace in a literal part is one brace, and ends its token.
fn middles(out: &mut Vec<Token>, kind: i64, at: usize, text: &str, lines: &Lines<'_>, line: &str) {
    let b = text.as_bytes();
    let (mut from, mut i) = (0, 0);
    let mut push = |from: usize, to: usize| {
        if from < to {
            let (start, end) = (lines.place(at + from), lines.place(at + to));
            out.push(Token { kind, text: text[from..to].to_owned(), start, end, line: line.to_owned() });
        }
    };
    while i < b.len() {
        // `\N{NAME}` keeps its braces.
        if b[i..].starts_with(b"\\\\") {
            i += 2;
        } else if b[i..].starts_with(b"\\N{") {
            i += b[i..].iter().position(|c| *c == b'}').map_or(b.len() - i, |n| n + 1);
        } else if matches!(b[i], b'{' | b'}') && b.get(i + 1) == Some(&b[i]) {
            push(from, i + 1);
            i += 2;
            from = i;
        } else {
            i += 1;
        }
    }
    push(from, b.len());
}

/// Where the end marker stands: the start of the row after the last one.
fn end_place(src: &str, lines: &Lines<'_>) -> (i64, i64) {
    let rows = lines.starts.len() as i64;
    if src.is_empty() || src.ends_with('\n') { (rows.max(1), 0) } else { (rows + 1, 0) }
}

/// Python's tokenizer.
#[pymodule(name = "_tokenize")]
pub mod _tokenize {
    use super::{Failure, Token};
    use core::cell::RefCell;
    use macros::pyclass;
    use runtime::convert::{FuncArgs, IntoPy};
    use runtime::mem::gc::Visitor;
    use runtime::prelude::*;
    use runtime::thread::critical;
    use std::collections::VecDeque;

    /// What is left to give.
    struct Pending {
        tokens: VecDeque<Token>,
        failure: Option<Failure>,
    }

    /// An iterator of tokens.
    #[repr(C)]
    pub struct TokenizerIter {
        ob_base: runtime::abi::PyObject,
        readline: Option<PyRef>,
        encoding: Option<PyRef>,
        extra: bool,
        pending: RefCell<Option<Box<Pending>>>,
    }

    fn read_all(t: &TokenizerIter) -> PyResult<String> {
        let mut src = String::new();
        let Some(readline) = &t.readline else { return Ok(src) };
        loop {
            let line = match readline.call0() {
                Ok(l) => l,
                Err(e) if e.matches(exc::StopIteration()) => {
                    e.clear();
                    break;
                }
                Err(e) => return Err(e),
            };
            let text = match (&t.encoding, line.downcast::<Bytes>()) {
                (Some(enc), Some(b)) => {
                    let s = b.call_method(intern!("decode"), &[enc, intern!("replace")])?;
                    s.str()?
                }
                (Some(_), None) => return Err(raise!(TypeError, "readline() returned a non-bytes object")),
                (None, _) => match line.downcast::<Str>() {
                    Some(s) => Ref::new_ref(s),
                    None => return Err(raise!(TypeError, "readline() returned a non-string object")),
                },
            };
            if text.len() == 0 {
                break;
            }
            src.push_str(&text.to_string_lossy());
        }
        Ok(src)
    }

    /// Splits Python source that `readline` gives.
    #[pyclass(name = "TokenizerIter", module = "_tokenize", flags = "HAVE_GC")]
    impl TokenizerIter {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let Some(readline) = args.get(0) else {
                return Err(raise!(TypeError, "tokenizeriter() missing required argument 'readline' (pos 1)"));
            };
            let (mut encoding, mut extra) = (None, None);
            for (k, v) in args.keywords() {
                match k.downcast::<Str>() {
                    Some(k) if k.eq_str("encoding") => encoding = Some(v),
                    Some(k) if k.eq_str("extra_tokens") => extra = Some(v),
                    _ => {
                        return Err(raise!(
                            TypeError,
                            "tokenizeriter() got an unexpected keyword argument '{}'",
                            k.str()?.to_string_lossy()
                        ));
                    }
                }
            }
            let Some(extra) = extra else {
                return Err(raise!(TypeError, "tokenizeriter() missing required argument 'extra_tokens' (pos 2)"));
            };
            let extra = extra.is_true()?;
            let t: Ref<TokenizerIter> = runtime::typeobject::alloc_object(cls)?;
            // SAFETY: nobody else sees the object yet.
            unsafe {
                let raw = t.as_raw();
                (&raw mut (*raw).readline).write(Some(readline.to_ref()));
                (&raw mut (*raw).encoding).write(encoding.filter(|e| !e.is_none()).map(|e| e.to_ref()));
                (&raw mut (*raw).extra).write(extra);
                (&raw mut (*raw).pending).write(RefCell::new(None));
            }
            runtime::mem::gc::track(&t);
            Ok(t.upcast())
        }

        #[slot]
        fn tp_traverse(&self, visit: &mut Visitor) -> core::ffi::c_int {
            let r = visit.visit_opt(&self.readline);
            if r != 0 {
                return r;
            }
            visit.visit_opt(&self.encoding)
        }

        #[slot]
        fn tp_dealloc(this: *mut Self) {
            // SAFETY: the object is dead; its memory goes back through `tp_free`.
            unsafe {
                runtime::mem::gc::untrack(&*this);
                drop((*this).readline.take());
                drop((*this).encoding.take());
                core::ptr::drop_in_place(&raw mut (*this).pending);
                if let Some(free) = (*this).ty().slots().tp_free {
                    free(this.cast());
                }
            }
        }

        #[slot]
        fn tp_iter(&self) -> PyResult<PyRef> {
            Ok(self.to_ref())
        }

        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            // One thread reads, the others wait for it: lines must not be shared out among them.
            critical(self, || {
                let ready = self.pending.borrow().is_some();
                if !ready {
                    let src = read_all(self)?;
                    let (tokens, failure) = super::tokens(&src, self.extra);
                    let new = Box::new(Pending { tokens: tokens.into(), failure });
                    let mut p = self.pending.borrow_mut();
                    if p.is_none() {
                        *p = Some(new);
                    }
                }
                Ok(())
            })?;
            let (token, failure) = critical(self, || match self.pending.borrow_mut().as_mut() {
                Some(p) => match p.tokens.pop_front() {
                    Some(t) => (Some(t), None),
                    None => (None, p.failure.take()),
                },
                None => (None, None),
            });
            if let Some(f) = failure {
                let (name, text) = (Str::new("<string>")?, Str::new(&f.line)?);
                let ty = match f.kind {
                    compiler::ErrorKind::Indentation => exc::IndentationError(),
                    compiler::ErrorKind::Tab => exc::TabError(),
                    _ => exc::SyntaxError(),
                };
                let place = runtime::objects::exceptions::syntax::Place {
                    filename: &name,
                    lineno: f.row,
                    offset: f.col,
                    end_lineno: if f.kind == compiler::ErrorKind::Syntax { f.row } else { 0 },
                    end_offset: f.col,
                    text: Some(&text),
                };
                return Err(runtime::objects::exceptions::syntax::raise_syntax_error(ty, &f.msg, &place));
            }
            match token {
                Some(t) => (t.kind, t.text, t.start, t.end, t.line).into_py().map(Some),
                None => Ok(None),
            }
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<TokenizerIter>()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn small_source() {
        let (t, e) = super::tokens("if x:\n    y = 1 # c\n", true);
        assert!(e.is_none());
        let kinds: Vec<i64> = t.iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [1, 1, 55, 4, 5, 1, 55, 2, 65, 4, 6, 0]);
    }
}
