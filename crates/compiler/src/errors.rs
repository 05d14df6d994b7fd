//! What CPython would say about a source that does not parse.
//!
//! CPython parses a second time with extra rules that recognise common mistakes; its tokenizer's errors, wherever they
//! are, go first, and a bracket that is never closed goes before a mistake behind it. Here: [`crate::tokens`] finds the
//! tokenizer's error; ruff's first error tells where the parser gave up; [`Tokens`] holds small recognisers that walk the
//! tokens around that place and tell the known mistakes apart. What is not known is "invalid syntax" at that token.

use crate::Options;
use crate::error::{CompileError, ErrorKind};
use crate::lower::error_at;
use crate::recognise::{T, Tokens, expr_name, range};
use crate::source::LineIndex;
use crate::tokens;
use ruff_python_ast as r;
use ruff_python_ast::token::TokenKind as K;
use ruff_python_parser as rp;
use ruff_python_parser::{InterpolatedStringErrorType as F, LexicalErrorType as L, ParseErrorType as P};
use ruff_text_size::{Ranged, TextRange};

mod displays;

struct Finder<'a> {
    src: &'a str,
    index: &'a LineIndex,
    tk: Tokens<'a>,
    opts: &'a Options,
}

type Found = Option<(ErrorKind, TextRange, String)>;

/// The error of a source that ruff refused.
pub fn translate(src: &str, index: &LineIndex, parsed: &rp::Parsed<r::Mod>, opts: &Options) -> CompileError {
    let mut e = find(src, index, parsed, opts);
    // The line as the parser has it: in a module the last one ends with a newline, too.
    if let Some(t) = &mut e.text {
        if e.exact_text {
            t.truncate(t.trim_end_matches('\n').len());
        } else if opts.mode == crate::Mode::Exec && !t.ends_with('\n') {
            t.push('\n');
        }
    }
    e
}

/// Whether the parser gave up before the place of an error that only the tokenizer's caller reports.
fn parser_first(src: &str, parsed: &rp::Parsed<r::Mod>, t: &tokens::TokenError) -> bool {
    parsed.errors().iter().any(|p| {
        let at = p.location.start().to_usize();
        let indent = matches!(p.error, P::UnexpectedIndentation);
        let lexical = matches!(p.error, P::Lexical(_)) || p.error.to_string().contains("nterminated");
        // Indentation is judged before the first token of its line is seen.
        let line = src[..t.start].rfind('\n').map_or(0, |n| n + 1);
        let start = if t.kind == ErrorKind::Syntax { t.start } else { line };
        at < start && !lexical && (t.soft || indent)
    })
}

/// Where the indentation of the first line with code ends, if it has one.
fn leading_indent(src: &str) -> Option<usize> {
    let mut start = 0;
    for line in src.split_inclusive('\n') {
        let code = line.trim_start_matches([' ', '\t']);
        let blank = code.is_empty() && line.ends_with('\n') || code.starts_with(['\n', '#', '\x0c']);
        if !blank {
            return (code.len() < line.len()).then(|| start + line.len() - code.len());
        }
        start += line.len();
    }
    None
}

fn find(src: &str, index: &LineIndex, parsed: &rp::Parsed<r::Mod>, opts: &Options) -> CompileError {
    if opts.mode == crate::Mode::Eval
        && let Some(end) = leading_indent(src)
    {
        let mut e = error_at(src, index, range(end, end), "unexpected indent");
        e.kind = ErrorKind::Indentation;
        e.offset -= 1;
        e.end_offset = u32::MAX;
        return e;
    }
    let mut scan = tokens::scan(src, true, opts.mode == crate::Mode::Exec);
    if scan.error.as_ref().is_some_and(|e| parser_first(src, parsed, e)) {
        scan.error = None;
        scan.open.clear();
    }
    // With a bracket open, the end of the text is the bracket's fault.
    let exec = opts.mode == crate::Mode::Exec;
    scan.error = scan.error.filter(|e| !exec || scan.open.is_empty() || !e.msg.starts_with("unexpected EOF"));
    if let Some(e) = scan.error {
        let exec = opts.mode == crate::Mode::Exec;
        let goes_on = e.msg.starts_with("unterminated triple-quoted")
            || e.msg.starts_with("unexpected EOF")
            || e.msg.starts_with("unterminated") && !exec && !src[e.start..].contains('\n');
        if opts.allow_incomplete && goes_on {
            return incomplete(src, index);
        }
        return token_error(src, index, &e);
    }
    let t = parsed
        .tokens()
        .iter()
        .filter(|t| !matches!(t.kind(), K::Comment | K::NonLogicalNewline))
        .map(|t| T { k: t.kind(), s: t.start().to_usize(), e: t.end().to_usize() })
        .collect();
    let f = Finder { src, index, tk: Tokens { t, src }, opts };
    // A bad annotation target covers what it was guessed from: mistakes inside go first.
    let place = |e: &&rp::ParseError| match &e.error {
        P::InvalidAnnotatedAssignmentTarget => e.location.end(),
        P::OtherError(m) if m.starts_with("Only single target") => e.location.end(),
        P::UnparenthesizedGeneratorExpression => e.location.end(),
        _ => e.location.start(),
    };
    let err = parsed.errors().iter().min_by_key(place).unwrap_or(&parsed.errors()[0]);
    let mut i = f.tk.at(err.location.start().to_usize());
    while f.tk.k(i) == K::Dedent && !matches!(f.tk.k(i + 1), K::EndOfFile | K::Newline) {
        i += 1;
    }
    // Nothing is said of the order of patterns before all of them are there.
    if err.error.to_string().starts_with("Positional patterns")
        && f.tk.enclosing(i).is_some_and(|o| f.tk.brackets(o).is_none())
    {
        i = f.tk.t.len().saturating_sub(1);
    }
    let known = if opts.mode == crate::Mode::Eval { f.statement_only(err, &mut i) } else { None };
    let known = known.or_else(|| f.known(err, i));
    let tok = f.tk.t.get(i).copied().unwrap_or(T { k: K::EndOfFile, s: src.len(), e: src.len() });
    if opts.allow_incomplete {
        let indent = known.as_ref().is_some_and(|k| k.2.starts_with("expected an indented block"));
        if f.at_end(i, indent) {
            return incomplete(src, index);
        }
    }
    // A bracket that is never closed goes before what is wrong behind its line.
    let field = known
        .as_ref()
        .is_some_and(|k| k.2.contains("-string: expecting a valid expression") && !src[k.1].trim().is_empty());
    if let Some((at, c)) = scan.open.last().copied().filter(|(_, c)| *c != b'{' || !field) {
        let line = |o: usize| index.line_col(o as u32).0;
        let at_end = matches!(tok.k, K::EndOfFile | K::Newline | K::Dedent) || tok.s >= src.trim_end().len();
        if at_end && opts.allow_incomplete {
            return incomplete(src, index);
        }
        if at_end || line(tok.s) > line(at) || tok.s == at {
            let mut e = error_at(src, index, range(at, at), format!("'{}' was never closed", c as char));
            e.end_offset = 0;
            // The tokenizer has gone on: lines behind it are shown without their end.
            e.exact_text = line(src.trim_end().len()) > line(at);
            return e;
        }
    }
    let warnings = f.escape_warnings(tok.s);
    let (kind, at, msg) = known.unwrap_or_else(|| f.generic(i));
    let mut e = error_at(src, index, at, msg);
    e.kind = kind;
    e.warnings = warnings;
    e.warnings.splice(0..0, crate::parse::number_warnings(&scan.warnings, index.line_col(tok.s as u32).0 + 1));
    // The line that the tokenizer is at is shown with its end, earlier ones are not.
    let reached =
        if e.msg.ends_with("forgot a comma?") { f.tok(f.tk.at(at.end().to_usize())).start().to_usize() } else { tok.s };
    e.exact_text = e.lineno as usize <= index.line_col(reached.min(src.len()) as u32).0 && reached < src.len();
    if e.msg.starts_with("':' expected after") {
        e.end_offset = 0;
    }
    if e.msg.starts_with("cannot mix bytes") && (at.is_empty() || &src[at] == "\n") {
        (e.end_lineno, e.end_offset) = (e.lineno, e.offset + 1);
        return e;
    }
    let exec = matches!(opts.mode, crate::Mode::Exec);
    let past_end = at.start().to_usize() >= src.len() && !src.ends_with('\n');
    if kind == ErrorKind::Indentation && at.is_empty() {
        e.end_offset = if e.msg == "unexpected indent" { u32::MAX } else { 0 };
        if e.msg == "unexpected indent" || (past_end && !exec) {
            e.offset -= 1;
        }
    } else if e.msg == "invalid syntax" && past_end && !exec {
        // Without the newline that `exec` adds, the end has no column.
        e.offset = 0;
        e.end_offset = 0;
    } else if at.is_empty() && matches!(tok.k, K::Newline | K::EndOfFile) {
        e.end_offset = e.offset + 1;
    }
    if e.msg.starts_with("Expected one or more names") {
        e.end_offset = e.offset;
        return e;
    }
    if kind != ErrorKind::Indentation && (tok.k == K::Newline && at == range(tok.s, tok.e) || &src[at] == "\n") {
        (e.end_lineno, e.end_offset) = (e.lineno, e.offset + if e.offset > 0 { 1 } else { 0 });
    }
    e
}

/// A tokenizer error as a CompileError.
pub fn token_error(src: &str, index: &LineIndex, t: &tokens::TokenError) -> CompileError {
    let mut e = error_at(src, index, range(t.start, t.end.unwrap_or(t.start)), t.msg.clone());
    e.kind = t.kind;
    e.exact_text = (!t.soft || t.in_fstring) && !t.msg.ends_with("format specs");
    match t.kind {
        ErrorKind::Tab => {
            e.offset = 1;
            e.end_offset = 0;
        }
        ErrorKind::Indentation => e.end_offset = if t.msg.starts_with("unindent") { u32::MAX } else { 0 },
        _ if t.msg.starts_with("unexpected EOF") => {
            e.offset += 1;
            e.end_offset = u32::MAX;
        }
        _ if t.msg.starts_with("unexpected character after") => e.end_offset = 0,
        _ => {}
    }
    e
}

/// The error of a source that goes on (only with `allow_incomplete`).
pub fn incomplete(src: &str, index: &LineIndex) -> CompileError {
    let end = src.trim_end_matches('\n').len();
    let mut e = error_at(src, index, range(end, end), "incomplete input");
    e.kind = ErrorKind::Incomplete;
    e
}

/// What ruff takes and 3.14 does not.
pub fn unsupported(src: &str, index: &LineIndex, e: &rp::UnsupportedSyntaxError, opts: &Options) -> CompileError {
    use rp::UnsupportedSyntaxErrorKind as U;
    let at = e.range;
    let (s, end) = (at.start().to_usize(), at.end().to_usize());
    let mut e = match e.kind {
        U::ParenthesizedKeywordArgumentName => {
            let eq = src[end..].find('=').map_or(end, |p| end + p + 1);
            error_at(src, index, range(s + 1, eq), "expression cannot contain assignment, perhaps you meant \"==\"?")
        }
        U::UnpackingInComprehension(_) if src[s..].starts_with("**") => {
            error_at(src, index, range(s, s + 2), "dict unpacking cannot be used in dict comprehension")
        }
        U::UnpackingInComprehension(_) => {
            error_at(src, index, at, "iterable unpacking cannot be used in comprehension")
        }
        _ => error_at(src, index, at, "invalid syntax"),
    };
    if let Some(t) = e.text.as_mut().filter(|t| opts.mode == crate::Mode::Exec && !t.ends_with('\n')) {
        t.push('\n');
    }
    e
}

/// `=` and the augmented assignments.
pub fn is_assignment(k: K) -> bool {
    format!("{k:?}").ends_with("Equal")
        && !matches!(k, K::EqEqual | K::NotEqual | K::LessEqual | K::GreaterEqual | K::ColonEqual)
}

/// Whether a bracketed part of the arguments between `o` and `e` does not parse.
fn parsed_errors_inside(f: &Finder<'_>, o: usize, e: usize) -> bool {
    (o + 1..e).any(|j| {
        matches!(f.tk.k(j), K::Lpar | K::Lsqb | K::Lbrace)
            && matches!(f.tk.k(j - 1), K::Comma | K::Lpar | K::Equal)
            && f.tk.brackets(j).is_some_and(|end| f.reparse(f.span(j, end)).is_none())
    })
}

impl Finder<'_> {
    /// In an expression there are no assignments: the sign is the mistake.
    fn statement_only(&self, err: &rp::ParseError, i: &mut usize) -> Found {
        let tk = &self.tk;
        if tk.t.iter().all(|t| matches!(t.k, K::Newline | K::Indent | K::Dedent | K::EndOfFile))
            && self.src.trim_start_matches('\n').starts_with([' ', '\t'])
        {
            let end = self.src.len();
            return Some((ErrorKind::Indentation, range(end, end), "unexpected indent".into()));
        }
        let known = matches!(
            err.error,
            P::InvalidAssignmentTarget | P::InvalidAugmentedAssignmentTarget | P::InvalidAnnotatedAssignmentTarget
        );
        let at = tk.star_expressions(0)?;
        if tk.k(at) == K::Colon && known || is_assignment(tk.k(at)) && (known || *i == at) {
            *i = at;
            return self.syntax(self.tok(at), "invalid syntax");
        }
        None
    }

    /// Warnings about escapes in the literals before an error.
    fn escape_warnings(&self, until: usize) -> Vec<crate::SyntaxWarning> {
        let mut lower = crate::lower::Lower::new(self.src, self.index);
        for t in &self.tk.t {
            if t.e > until {
                break;
            }
            if t.k == K::String {
                lower.token_warnings(t.s, t.e);
            }
        }
        lower.warnings
    }

    /// Whether the tokenizer has seen the end of the text when the parser stops at token `i`.
    fn at_end(&self, i: usize, indent: bool) -> bool {
        let tk = &self.tk;
        let exec = self.opts.mode == crate::Mode::Exec;
        let mut j = i;
        if indent && tk.k(j) == K::Newline {
            j += 1;
        }
        while tk.k(j) == K::Dedent {
            j += 1;
        }
        let Some(t) = tk.t.get(j) else { return true };
        match t.k {
            K::EndOfFile => true,
            K::Newline => t.s == t.e && !exec,
            K::Name | K::Int | K::Float | K::Complex => t.e == self.src.len() && !exec,
            k if k.is_keyword() => t.e == self.src.len() && !exec,
            _ => false,
        }
    }

    fn span(&self, i: usize, j: usize) -> TextRange {
        range(self.tk.t[i].s, self.tk.t[j.max(i + 1) - 1].e)
    }

    fn tok(&self, i: usize) -> TextRange {
        self.tk.t.get(i).map_or(range(self.src.len(), self.src.len()), |t| range(t.s, t.e))
    }

    fn syntax(&self, at: TextRange, msg: impl Into<String>) -> Found {
        Some((ErrorKind::Syntax, at, msg.into()))
    }

    fn line(&self, offset: usize) -> usize {
        self.index.line_col(offset as u32).0 + 1
    }

    fn generic(&self, i: usize) -> (ErrorKind, TextRange, String) {
        // `raise X, Y`: the comma is what does not fit.
        let s = self.tk.stmt_start(i);
        if self.tk.k(s) == K::Raise
            && s + 1 == i
            && let Some(e) = self.tk.expression(i)
            && self.tk.k(e) == K::Comma
        {
            return (ErrorKind::Syntax, self.tok(e), "invalid syntax".into());
        }
        // `x not y`, `from a import *, b`: the token behind is the one that does not fit.
        let behind = match self.tk.k(i) {
            K::Not => i > s && self.tk.k(i + 1) != K::In && self.tk.disjunction(self.tk.boundary(i)) == Some(i),
            K::Star => i > 0 && self.tk.k(i - 1) == K::Import,
            _ => false,
        };
        let i = if behind { i + 1 } else { i };
        match self.tk.k(i) {
            K::Indent => {
                let e = self.tk.t[i].e;
                (ErrorKind::Indentation, range(e, e), "unexpected indent".into())
            }
            K::Dedent => (ErrorKind::Indentation, self.tok(i), "unexpected unindent".into()),
            _ => (ErrorKind::Syntax, self.tok(i), "invalid syntax".into()),
        }
    }

    /// The expression of a range, parsed for itself.
    fn reparse(&self, at: TextRange) -> Option<r::Expr> {
        rp::parse_expression_range(self.src, at).ok().map(|p| *p.into_syntax().body)
    }

    /// Mistakes that can be told apart.
    fn known(&self, err: &rp::ParseError, i: usize) -> Found {
        let text = err.error.to_string();
        let at = err.location;
        let tk = &self.tk;
        match &err.error {
            P::Lexical(l) => return self.lexical(l, at, i),
            P::FStringError(k) => return self.interpolated(k, at, i, "f-string"),
            P::TStringError(k) => return self.interpolated(k, at, i, "t-string"),
            P::UnexpectedIndentation => {
                let j = tk.at(at.start().to_usize());
                let e = tk.t.get(j).map_or(0, |t| t.e);
                return Some((ErrorKind::Indentation, range(e, e), "unexpected indent".into()));
            }
            P::OtherError(m) if m.starts_with("Expected an indented block") => return self.indented_block(i),
            _ => {}
        }
        if text.starts_with("Cannot mix t-string") || text.starts_with("Bytes literal cannot be mixed") {
            return self.mixed(i, &text);
        }
        if let Some(f) = self.in_fstring(i) {
            return Some(f);
        }
        if let Some(f) = self.deletion(i) {
            return Some(f);
        }
        if let Some(f) = self.legacy(i).or_else(|| self.params(err, i, &text)).or_else(|| self.imports(i, &text)) {
            return Some(f);
        }
        if let Some(f) = self.targets(err, i).or_else(|| self.arguments(err, i)).or_else(|| self.conditional(i)) {
            return Some(f);
        }
        if let Some(f) =
            self.blocks(i, &text).or_else(|| self.patterns(err, i, &text)).or_else(|| self.displays(err, i))
        {
            return Some(f);
        }
        if tk.k(i) != K::Equal
            && is_assignment(tk.k(i))
            && let s = tk.stmt_start(i)
            && tk.star_expressions(s) == Some(i)
            && let Some(e) = self.reparse(self.span(s, i))
            && !matches!(e, r::Expr::Name(_) | r::Expr::Attribute(_) | r::Expr::Subscript(_))
        {
            return self.syntax(
                self.span(s, i),
                format!("'{}' is an illegal expression for augmented assignment", expr_name(&e)),
            );
        }
        if let Some(f) = self.broken_string(i).or_else(|| self.equal_sign(i)).or_else(|| self.forgotten_comma(i)) {
            return Some(f);
        }
        if tk.k(i) == K::Colon
            && i >= 2
            && tk.is_name(i - 1)
            && matches!(tk.k(i - 2), K::Star | K::DoubleStar)
            && tk.enclosing(i).is_some_and(|o| tk.k(o) == K::Lsqb)
            && let Some(e) = tk.expression(i + 1)
        {
            let kind = if tk.k(i - 2) == K::Star { "TypeVarTuple" } else { "ParamSpec" };
            let what = match self.reparse(self.span(i + 1, e)) {
                Some(r::Expr::Tuple(_)) => "constraints",
                _ => "bound",
            };
            return self.syntax(self.span(i, e), format!("cannot use {what} with {kind}"));
        }
        match &err.error {
            P::EmptyTypeParams => {
                let j = if tk.k(i) == K::Rsqb { i } else { i + 1 };
                let (s, e) = (tk.t[j.saturating_sub(1)].s, tk.t.get(j).map_or(0, |t| t.e));
                let _ = s;
                self.syntax(range(e.saturating_sub(1), e.saturating_sub(1)), "Type parameter list cannot be empty")
            }
            P::OtherError(m) if m.starts_with("Boolean 'not'") => {
                let j = (0..=i).rev().find(|j| tk.k(*j) == K::Not).unwrap_or(i);
                match tk.inversion(j) {
                    Some(e) => self.syntax(self.span(j, e), "'not' after an operator must be parenthesized"),
                    None => None,
                }
            }
            _ => None,
        }
    }

    /// Literals of different kinds side by side.
    fn mixed(&self, i: usize, text: &str) -> Found {
        let tk = &self.tk;
        let string = |k: K| matches!(k, K::String | K::FStringEnd | K::TStringEnd);
        let mut s = i;
        while s > 0 && string(tk.k(s - 1)) {
            s -= 1;
            if tk.k(s) != K::String {
                let mut depth = 1;
                while s > 0 && depth > 0 {
                    s -= 1;
                    depth += match tk.k(s) {
                        K::FStringEnd | K::TStringEnd => 1,
                        K::FStringStart | K::TStringStart => -1,
                        _ => 0,
                    };
                }
            }
        }
        let e = tk.atom(s)?;
        if text.starts_with("Cannot mix") {
            return self.syntax(self.span(s, e), "cannot mix t-string literals with string or bytes literals");
        }
        self.syntax(self.tok(e), "cannot mix bytes and nonbytes literals")
    }

    fn lexical(&self, l: &L, at: TextRange, i: usize) -> Found {
        let tk = &self.tk;
        match l {
            L::UnicodeError
            | L::MissingUnicodeLbrace
            | L::MissingUnicodeRbrace
            | L::InvalidByteLiteral
            | L::StringError => {
                let o = at.start().to_usize();
                let j = tk.t.iter().position(|t| {
                    t.s <= o && o <= t.e && matches!(t.k, K::String | K::FStringMiddle | K::TStringMiddle)
                })?;
                let t = tk.t[j];
                let raw = &self.src[t.s..t.e];
                if *l == L::InvalidByteLiteral {
                    return self.syntax(self.tok(j), "bytes can only contain ASCII literal characters");
                }
                let middle = t.k != K::String;
                let body = if middle {
                    raw
                } else {
                    let q = raw.find(['"', '\''])?;
                    let quote = &raw[q..q + 1];
                    let n = if raw[q..].starts_with(&quote.repeat(3)) { 3 } else { 1 };
                    &raw[q + n..raw.len().saturating_sub(n).max(q + n)]
                };
                let bytes = !middle && raw[..raw.find(['"', '\'']).unwrap_or(0)].to_ascii_lowercase().contains('b');
                let mut bad = Vec::new();
                let msg = if bytes {
                    crate::strings::decode_bytes(body, false, &mut Vec::new(), &mut bad).err()
                } else {
                    crate::strings::decode_str(body, false, middle, &mut crate::code::PyStr::new(), &mut bad).err()
                };
                self.syntax(self.tok(j), msg?.0)
            }
            L::FStringError(k) => self.interpolated(k, at, i, "f-string"),
            L::TStringError(k) => self.interpolated(k, at, i, "t-string"),
            L::OtherError(m) if m.contains("cannot mix") => None,
            L::UnrecognizedToken { .. } => self.in_fstring(i),
            _ => None,
        }
    }

    fn interpolated(&self, k: &F, at: TextRange, i: usize, name: &str) -> Found {
        let tk = &self.tk;
        match k {
            F::LambdaWithoutParentheses => {
                let j = (0..=i).rev().find(|j| tk.k(*j) == K::Lambda)?;
                let c = (j..tk.t.len()).find(|c| tk.k(*c) == K::Colon)?;
                self.syntax(
                    self.span(j, c + 1),
                    format!("{name}: lambda expressions are not allowed without parentheses"),
                )
            }
            F::InvalidConversionFlag | F::ConversionFlagNotImmediatelyAfterExclamation => {
                self.in_fstring(i).or_else(|| self.syntax(at, "invalid syntax"))
            }
            _ => self.in_fstring(i),
        }
    }

    /// Mistakes in a replacement field.
    fn in_fstring(&self, i: usize) -> Found {
        let tk = &self.tk;
        // The brace that opened the field: nothing but the f-string's own tokens around it.
        let open = tk.enclosing(i).or_else(|| tk.enclosing(i + 1))?;
        if tk.k(open) != K::Lbrace {
            return None;
        }
        let before = open.checked_sub(1)?;
        let start = match tk.k(before) {
            K::FStringStart | K::FStringMiddle => "f-string",
            K::TStringStart | K::TStringMiddle => "t-string",
            // A field right after another one, or inside a format spec.
            K::Rbrace | K::Colon => {
                let mut depth = 0;
                let mut found = None;
                for j in (0..open).rev() {
                    match tk.k(j) {
                        K::FStringEnd | K::TStringEnd => depth += 1,
                        K::FStringStart | K::TStringStart if depth > 0 => depth -= 1,
                        K::FStringStart => {
                            found = Some("f-string");
                            break;
                        }
                        K::TStringStart => {
                            found = Some("t-string");
                            break;
                        }
                        K::Newline => break,
                        _ => {}
                    }
                }
                found?
            }
            _ => return None,
        };
        let a = open + 1;
        let first = tk.k(a);
        let sign = match first {
            K::Exclamation => Some("!"),
            K::Colon => Some(":"),
            K::Equal => Some("="),
            K::Rbrace => Some("}"),
            K::NotEqual => Some("!"),
            K::ColonEqual => Some(":"),
            K::EqEqual => None,
            _ => None,
        };
        if let Some(s) = sign {
            let t = tk.t[a];
            return self.syntax(range(t.s, t.s + 1), format!("{start}: valid expression required before '{s}'"));
        }
        if first == K::Lambda {
            if let Some(c) = (a..tk.t.len()).find(|c| matches!(tk.k(*c), K::Colon | K::FStringEnd | K::TStringEnd))
                && tk.k(c) == K::Colon
            {
                return self.syntax(
                    self.span(a, c + 1),
                    format!("{start}: lambda expressions are not allowed without parentheses"),
                );
            }
        }
        let starts = |j: usize| {
            tk.star_expressions(j)
                .or_else(|| (tk.k(j) == K::Yield).then(|| tk.star_expressions(j + 1).unwrap_or(j + 1)))
        };
        let Some(mut j) = starts(a) else {
            return self.syntax(self.tok(a), format!("{start}: expecting a valid expression after '{{'"));
        };
        if i < j && j > a {
            // The mistake is inside the expression.
            return None;
        }
        let end = |j: usize| matches!(tk.k(j), K::Rbrace);
        let mut eq = false;
        if tk.k(j) == K::Equal {
            eq = true;
            j += 1;
        }
        let spec = |f: &Self, j: usize| -> Found {
            let what = if tk.k(j) == K::FStringEnd || tk.k(j) == K::TStringEnd {
                "expecting '}'"
            } else {
                "expecting ':' or '}'"
            };
            f.syntax(f.tok(j), format!("{start}: {what}"))
        };
        if tk.k(j) == K::Exclamation {
            let c = j + 1;
            if matches!(tk.k(c), K::Rbrace | K::Colon) {
                return self.syntax(self.tok(c), format!("{start}: missing conversion character"));
            }
            if !tk.is_name(c) {
                return self.syntax(self.tok(c), format!("{start}: invalid conversion character"));
            }
            if tk.t[c].s != tk.t[j].e {
                return self.syntax(
                    self.span(j, c + 1),
                    format!("{start}: conversion type must come right after the exclamation mark"),
                );
            }
            let name = tk.text(c);
            if !matches!(name, "s" | "r" | "a") {
                return self.syntax(
                    self.tok(c),
                    format!("{start}: invalid conversion character '{name}': expected 's', 'r', or 'a'"),
                );
            }
            j = c + 1;
            if !end(j) && tk.k(j) != K::Colon {
                return spec(self, j);
            }
            return None;
        }
        if end(j) || tk.k(j) == K::Colon {
            return None;
        }
        if !eq
            && tk.disjunction(a) == Some(j)
            && !matches!(tk.k(j), K::Exclamation)
            && let Some(n) = tk.expression(j)
        {
            return self.syntax(self.span(a, n), "invalid syntax. Perhaps you forgot a comma?");
        }
        if tk.k(j) == K::Lambda
            && let Some(c) = (j..tk.t.len()).find(|c| matches!(tk.k(*c), K::Colon | K::FStringEnd | K::TStringEnd))
            && tk.k(c) == K::Colon
        {
            let msg = format!("{start}: lambda expressions are not allowed without parentheses");
            return self.syntax(self.span(j, c + 1), msg);
        }
        let what = if eq { "expecting '!', or ':', or '}'" } else { "expecting '=', or '!', or ':', or '}'" };
        self.syntax(self.tok(j), format!("{start}: {what}"))
    }

    fn indented_block(&self, i: usize) -> Found {
        let tk = &self.tk;
        // The header's last token is a newline before the error's token.
        let nl = (0..=i.min(tk.t.len() - 1)).rev().find(|j| tk.k(*j) == K::Newline)?;
        let start = tk.line_start(nl);
        let head = if tk.k(start) == K::Async { start + 1 } else { start };
        let name = match tk.k(head) {
            K::If => "'if' statement",
            K::Elif => "'elif' statement",
            K::Else => "'else' statement",
            K::For => "'for' statement",
            K::While => "'while' statement",
            K::With => "'with' statement",
            K::Try => "'try' statement",
            K::Except if tk.k(head + 1) == K::Star => "'except*' statement",
            K::Except => "'except' statement",
            K::Finally => "'finally' statement",
            K::Def => "function definition",
            K::Class => "class definition",
            _ if tk.text(head) == "match" => "'match' statement",
            _ if tk.text(head) == "case" => "'case' statement",
            _ => return None,
        };
        let line = self.line(tk.t[head].s);
        let mut j = nl + 1;
        while tk.k(j) == K::Dedent {
            j += 1;
        }
        let at = if matches!(tk.k(j), K::EndOfFile) {
            // Where the header's line ends.
            let e = tk.t[nl].s;
            range(e, e)
        } else {
            self.tok(j)
        };
        Some((ErrorKind::Indentation, at, format!("expected an indented block after {name} on line {line}")))
    }

    /// `print "x"`, `exec "x"`.
    fn legacy(&self, i: usize) -> Found {
        let tk = &self.tk;
        let p = i.checked_sub(1)?;
        let name = tk.text(p);
        if !matches!(name, "print" | "exec") || tk.k(i) == K::Lpar {
            return None;
        }
        let end = tk.star_expressions(i)?;
        self.reparse(self.span(i, end))?;
        self.syntax(self.span(p, end), format!("Missing parentheses in call to '{name}'. Did you mean {name}(...)?"))
    }

    fn params(&self, err: &rp::ParseError, i: usize, text: &str) -> Found {
        let tk = &self.tk;
        let at = err.location;
        let here = self.tok(i);
        match &err.error {
            P::NonDefaultParamAfterDefaultParam => {
                let empty = (tk.line_start(i)..tk.t.len())
                    .take_while(|j| !matches!(tk.k(*j), K::Newline))
                    .find(|j| tk.k(*j) == K::Equal && matches!(tk.k(j + 1), K::Comma | K::Rpar));
                if let Some(j) = empty {
                    return self.syntax(self.tok(j), "expected default value expression");
                }
                return self.syntax(here, "parameter without a default follows parameter with a default");
            }
            P::ExpectedKeywordParam => {
                let star = (0..=i).rev().find(|j| tk.k(*j) == K::Star)?;
                if self.param_list(star).is_some_and(|(_, lambda)| lambda) {
                    // A lambda's is told by the token that shows it.
                    let e = if tk.k(star + 1) == K::Comma { star + 2 } else { star + 1 };
                    let known = matches!(tk.k(e), K::Colon) || e == star + 2 && tk.k(e) == K::DoubleStar;
                    return if known { self.syntax(self.tok(e), "named arguments must follow bare *") } else { None };
                }
                if tk.k(star + 1) == K::Comma && !matches!(tk.k(star + 2), K::Rpar | K::Colon) {
                    return None;
                }
                if !matches!(tk.k(star + 1), K::Comma | K::Rpar | K::Colon) {
                    return None;
                }
                return self.syntax(self.tok(star), "named arguments must follow bare *");
            }
            P::ParamAfterVarKeywordParam => {
                let j = if tk.is_name(i) || matches!(tk.k(i), K::Star | K::DoubleStar | K::Slash) {
                    i
                } else {
                    tk.at(at.start().to_usize())
                };
                return self.syntax(self.tok(j), "arguments cannot follow var-keyword argument");
            }
            P::VarParameterWithDefault => {
                let eq = (i..tk.t.len()).find(|j| tk.k(*j) == K::Equal)?;
                let star = (0..eq).rev().find(|j| matches!(tk.k(*j), K::Star | K::DoubleStar))?;
                if tk.k(star.saturating_sub(1)) == K::Colon {
                    return self.syntax(self.tok(eq), "invalid syntax");
                }
                let what = if tk.k(star) == K::Star { "var-positional" } else { "var-keyword" };
                return self.syntax(self.tok(eq), format!("{what} argument cannot have default value"));
            }
            _ => {}
        }
        if text.starts_with("Only one '/' separator") {
            return self.syntax(here, "/ may appear only once");
        }
        if text.starts_with("'/' parameter must appear before") {
            if i > 0 && tk.k(i) == K::Slash && tk.k(i + 1) == K::Star {
                return self.syntax(self.tok(i + 1), "expected comma between / and *");
            }
            return self.syntax(here, "/ must be ahead of *");
        }
        if text.starts_with("Position-only parameter separator not allowed as first") {
            let star =
                (0..i).rev().take_while(|j| !matches!(tk.k(*j), K::Lpar | K::Lambda)).any(|j| tk.k(j) == K::Star);
            if star {
                return self.syntax(here, "/ must be ahead of *");
            }
            return if tk.k(i + 1) == K::Comma {
                self.syntax(here, "at least one argument must precede /")
            } else {
                None
            };
        }
        if text.starts_with("Only one '*'") || text.starts_with("Keyword-only parameter separator not allowed") {
            return self.syntax(here, "* argument may appear only once");
        }
        // Inside a parameter list from here on.
        let (open, lambda) = self.param_list(i)?;
        if tk.k(i) == K::Lpar
            && matches!(tk.k(i - 1), K::Comma | K::Lpar | K::Lambda)
            && (i - 1 == open || tk.k(i - 1) == K::Comma)
        {
            let e = tk.brackets(i)?;
            let names = (i + 1..e - 1).all(|j| tk.is_name(j) || tk.k(j) == K::Comma);
            // (x) and (x, y), not (x,) nor anything after `*`.
            let trailing = tk.k(e - 2) == K::Comma;
            let after_star = (open + 1..i).any(|j| matches!(tk.k(j), K::Star | K::DoubleStar));
            if names && !trailing && e > i + 2 && !after_star {
                let what = if lambda { "Lambda expression parameters" } else { "Function parameters" };
                return self.syntax(self.span(i, e), format!("{what} cannot be parenthesized"));
            }
        }
        if tk.k(i) == K::Star && i > 0 && tk.k(i - 1) == K::Slash {
            return self.syntax(here, "expected comma between / and *");
        }
        if i > 0
            && tk.k(i - 1) == K::Equal
            && matches!(tk.k(i), K::Comma | K::Rpar | K::Colon)
            && (lambda || tk.k(i) != K::Colon)
        {
            return self.syntax(self.tok(i - 1), "expected default value expression");
        }
        None
    }

    /// Opening of the parameter list around token `i`, and whether it is a lambda's.
    fn param_list(&self, i: usize) -> Option<(usize, bool)> {
        let tk = &self.tk;
        if let Some(o) = tk.enclosing(i)
            && tk.k(o) == K::Lpar
            && o >= 2
            && (tk.k(o - 2) == K::Def || (tk.k(o - 1) == K::Rsqb && tk.k(tk.line_start(o)) == K::Def))
        {
            return Some((o, false));
        }
        let mut depth = 0;
        for j in (0..i).rev() {
            match tk.k(j) {
                K::Rpar | K::Rsqb | K::Rbrace => depth += 1,
                K::Lpar | K::Lsqb | K::Lbrace => {
                    depth -= 1;
                    if depth < 0 {
                        return None;
                    }
                }
                K::Lambda if depth == 0 => return Some((j, true)),
                K::Colon | K::Newline if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    fn imports(&self, i: usize, text: &str) -> Found {
        let tk = &self.tk;
        let s = tk.stmt_start(i);
        let (from, import) = match tk.k(s) {
            K::Import => (false, s),
            K::From => (true, (s..i + 1).find(|j| tk.k(*j) == K::Import)?),
            _ => return None,
        };
        if !from && tk.k(i) == K::From && i > import + 1 {
            // import a from b: the range covers all of it
            let e = (i + 1..tk.t.len()).find(|j| !(tk.is_name(*j) || tk.k(*j) == K::Dot || tk.k(*j) == K::As))?;
            let mut e2 = i + 1;
            while e2 < e && tk.k(e2) != K::As {
                e2 += 1;
            }
            if e2 > i + 1 {
                return self.syntax(self.span(s, e2), "Did you mean to use 'from ... import ...' instead?");
            }
        }
        if i == import + 1 && matches!(tk.k(i), K::Newline | K::EndOfFile | K::Semi) {
            return self.syntax(self.tok(i), "Expected one or more names after 'import'");
        }
        if text.starts_with("Trailing comma") && from {
            let j = (import..tk.t.len()).find(|j| matches!(tk.k(*j), K::Newline | K::Semi | K::EndOfFile))?;
            return self.syntax(self.tok(j), "trailing comma not allowed without surrounding parentheses");
        }
        // import a as <no name>
        let as_ = (import..i + 1).rev().find(|j| tk.k(*j) == K::As)?;
        if as_ + 1 > i && tk.k(i) != K::As {
            return None;
        }
        let e = tk.expression(as_ + 1)?;
        if e == as_ + 2 && tk.is_name(as_ + 1) {
            return None;
        }
        let at = self.span(as_ + 1, e);
        let expr = self.reparse(at)?;
        self.syntax(at, format!("cannot use {} as import target", expr_name(&expr)))
    }

    /// `del` of what cannot be deleted, where ruff stops earlier.
    fn deletion(&self, i: usize) -> Found {
        let tk = &self.tk;
        let s = tk.stmt_start(i);
        if tk.k(s) != K::Del {
            return None;
        }
        if tk.k(i) == K::ColonEqual
            && i >= 2
            && tk.is_name(i - 1)
            && tk.k(i - 2) == K::Lpar
            && let Some(e) = tk.expression(i + 1)
            && tk.k(e) == K::Rpar
        {
            return self.syntax(self.span(i - 1, e), "cannot delete named expression");
        }
        let star = if tk.k(i) == K::Star { i } else { i.checked_sub(1).filter(|j| tk.k(*j) == K::Star)? };
        let e = tk.bitwise_or(star + 1)?;
        match tk.enclosing(star) {
            None => self.syntax(self.span(star, e), "cannot delete starred"),
            Some(o) if tk.k(o) == K::Lpar && star == o + 1 && tk.k(e) == K::Rpar && !self.is_call(o) => {
                self.syntax(self.span(star, e), "cannot use starred expression here")
            }
            Some(o) if matches!(tk.k(o), K::Lpar | K::Lsqb) && !self.is_call(o) => {
                self.syntax(self.span(star, e), "cannot delete starred")
            }
            _ => None,
        }
    }

    // ---- targets ----

    fn targets(&self, err: &rp::ParseError, i: usize) -> Found {
        let tk = &self.tk;
        let at = err.location;
        match &err.error {
            P::InvalidDeleteTarget => {
                let e = self.reparse(at)?;
                return self.syntax(at, format!("cannot delete {}", expr_name(&e)));
            }
            P::InvalidNamedAssignmentTarget => {
                let e = self.reparse(at)?;
                return self.syntax(at, format!("cannot use assignment expressions with {}", expr_name(&e)));
            }
            P::InvalidAugmentedAssignmentTarget => {
                let e = self.reparse(at)?;
                return self
                    .syntax(at, format!("'{}' is an illegal expression for augmented assignment", expr_name(&e)));
            }
            P::InvalidAnnotatedAssignmentTarget => return self.syntax(at, "illegal target for annotation"),
            P::OtherError(m) if m.starts_with("Only single target") => {
                let what = if m.contains("tuple") { "tuple" } else { "list" };
                // An unparenthesised tuple is shown by its first item.
                let at = match self.reparse(at) {
                    Some(r::Expr::Tuple(t)) if !t.parenthesized && !t.elts.is_empty() => t.elts[0].range(),
                    _ => at,
                };
                return self.syntax(at, format!("only single target (not {what}) can be annotated"));
            }
            P::InvalidAssignmentTarget => {}
            _ => return None,
        }
        let e = self.reparse(at)?;
        if let r::Expr::Compare(c) = &e
            && tk.k(tk.stmt_start(i)) == K::For
            && c.ops.first() != Some(&r::CmpOp::In)
        {
            let op = tk.at(c.left.range().end().to_usize());
            return self.syntax(self.tok(op), "invalid syntax");
        }
        let name = expr_name(&e);
        let literal = matches!(name, "True" | "False" | "None");
        let plain = self.syntax(at, format!("cannot assign to {name}"));
        let s = tk.stmt_start(i);
        if matches!(tk.k(s), K::For | K::Async | K::With) || literal {
            return plain;
        }
        // A whole target, followed by the last `=`, may be a mistaken comparison.
        let j = tk.at(at.start().to_usize());
        if matches!(e, r::Expr::Yield(_) | r::Expr::YieldFrom(_)) {
            if j > 0 && tk.k(j - 1) == K::Lpar {
                return self.syntax(at, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"));
            }
            return self.syntax(at, "assignment to yield expression not possible");
        }
        let inside = tk.enclosing(j).is_some();
        if inside || matches!(e, r::Expr::List(_) | r::Expr::Tuple(_) | r::Expr::Generator(_)) {
            return plain;
        }
        let end = tk.bitwise_or(j);
        if let Some(end) = end
            && tk.t[end - 1].e == at.end().to_usize()
            && tk.k(end) == K::Equal
            && let Some(v) = tk.bitwise_or(end + 1)
            && !matches!(tk.k(v), K::Equal | K::ColonEqual)
            && (j == s || tk.k(j - 1) == K::Equal || matches!(tk.k(j - 1), K::Colon))
        {
            return self.syntax(at, format!("cannot assign to {name} here. Maybe you meant '==' instead of '='?"));
        }
        plain
    }

    /// `=` where an expression stands.
    fn equal_sign(&self, i: usize) -> Found {
        let tk = &self.tk;
        if tk.k(i) == K::Yield || i > 0 && tk.k(i - 1) == K::Yield {
            let y = if tk.k(i) == K::Yield { i } else { i - 1 };
            let e = tk.star_expressions(y + 1).unwrap_or(y + 1);
            if tk.k(e) == K::Equal {
                return self.syntax(self.span(y, e), "assignment to yield expression not possible");
            }
            if tk.k(e) == K::Rpar
                && tk.k(e + 1) != K::Equal
                && is_assignment(tk.k(e + 1))
                && y > 0
                && tk.k(y - 1) == K::Lpar
            {
                let msg = "'yield expression' is an illegal expression for augmented assignment";
                return self.syntax(self.span(y, e), msg);
            }
            if tk.k(e) == K::Rpar && tk.k(e + 1) == K::Equal && y > 0 && tk.k(y - 1) == K::Lpar {
                let msg = "cannot assign to yield expression here. Maybe you meant '==' instead of '='?";
                return self.syntax(self.span(y, e), msg);
            }
        }
        if tk.k(i) != K::Equal {
            return None;
        }
        let b = tk.bitwise_or(i + 1)?;
        if matches!(tk.k(b), K::Equal | K::ColonEqual) {
            return None;
        }
        let start = tk.boundary(i);
        if start == i
            || tk.bitwise_or(start) != Some(i)
            || tk.k(tk.stmt_start(i)) == K::Assert && tk.enclosing(i).is_none()
        {
            return None;
        }
        if start > 0
            && matches!(
                tk.k(start - 1),
                K::Def | K::Class | K::Import | K::Del | K::Raise | K::Return | K::As | K::For | K::Yield | K::Assert
            )
        {
            return None;
        }
        // A keyword argument of a call is judged elsewhere.
        if let Some(o) = tk.enclosing(i)
            && tk.k(o) == K::Lpar
            && o > 0
            && (tk.is_name(o - 1) || matches!(tk.k(o - 1), K::Rpar | K::Rsqb | K::String))
        {
            return None;
        }
        if i == start + 1 && tk.is_name(start) {
            return self.syntax(self.span(start, b), "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
        }
        if tk.k(tk.stmt_start(i)) == K::Assert && tk.enclosing(i).is_none() {
            return None;
        }
        if matches!(tk.k(start), K::True | K::False | K::None) && i == start + 1 {
            return self.syntax(self.tok(start), format!("cannot assign to {}", tk.text(start)));
        }
        let at = self.span(start, i);
        let e = self.reparse(at)?;
        if matches!(e, r::Expr::List(_) | r::Expr::Tuple(_) | r::Expr::Generator(_)) {
            return None;
        }
        self.syntax(at, format!("cannot assign to {} here. Maybe you meant '==' instead of '='?", expr_name(&e)))
    }

    fn forgotten_comma(&self, i: usize) -> Found {
        let tk = &self.tk;
        tk.enclosing(i)?;
        if matches!(tk.k(i), K::Lpar | K::Lsqb | K::Lbrace | K::Plus | K::Minus | K::Star) && i == 0 {
            return None;
        }
        let b = tk.expression(i)?;
        let start = tk.boundary(i);
        if start == i || tk.disjunction(start) != Some(i) {
            return None;
        }
        // NAME STRING is more likely a wrong prefix; soft keywords are statements.
        if tk.is_name(start) && tk.k(start + 1) == K::String
            || matches!(tk.k(start), K::Match | K::Case | K::Type) && start + 1 == i
        {
            return None;
        }
        if tk.k(i) == K::String && tk.k(i - 1) != K::String && i == start + 1 && tk.is_name(start) {
            return None;
        }
        self.syntax(self.span(start, b), "invalid syntax. Perhaps you forgot a comma?")
    }

    // ---- calls ----

    fn arguments(&self, err: &rp::ParseError, i: usize) -> Found {
        let tk = &self.tk;
        let at = err.location;
        match &err.error {
            P::PositionalAfterKeywordArgument | P::PositionalAfterKeywordUnpacking => {
                let o = tk.enclosing(i)?;
                let e = tk.brackets(o)?;
                // A generator expression without its brackets is seen first.
                let bare = (o + 1..e).find_map(|j| {
                    let end = matches!(tk.k(j - 1), K::Comma).then(|| tk.expression(j)).flatten()?;
                    let whole = matches!(tk.k(end), K::For | K::Async).then(|| tk.for_clauses(end)).flatten()?;
                    (tk.enclosing(j) == Some(o)).then_some((j, whole))
                });
                if let Some((s, end)) = bare {
                    return self.syntax(self.span(s, end), "Generator expression must be parenthesized");
                }
                // All arguments must be expressions for that.
                let broken = parsed_errors_inside(self, o, e);
                if broken {
                    return None;
                }
                let what = if matches!(err.error, P::PositionalAfterKeywordUnpacking) { " unpacking" } else { "" };
                return self.syntax(self.tok(e - 1), format!("positional argument follows keyword argument{what}"));
            }
            P::InvalidArgumentUnpackingOrder => {
                // From the comma before the `*` to the end of its value.
                let star = tk.at(at.start().to_usize());
                if tk.expression(star + 1).is_none() {
                    return self.syntax(self.tok(star + 1), "Invalid star expression");
                }
                let e = tk.expression(star + 1).unwrap_or(star + 1);
                let s = if star > 0 && tk.k(star - 1) == K::Comma {
                    (0..star)
                        .rev()
                        .find(|j| tk.k(*j) == K::DoubleStar)
                        .and_then(|d| tk.expression(d + 1))
                        .unwrap_or(star)
                } else {
                    star
                };
                let _ = s;
                return self.syntax(
                    self.span(star.saturating_sub(1), e),
                    "iterable argument unpacking follows keyword argument unpacking",
                );
            }
            P::UnparenthesizedGeneratorExpression => {
                if let Some(o) = tk.enclosing(i).filter(|o| tk.k(tk.line_start(*o)) == K::Class && *o >= 2)
                    && tk.k(o - 2) == K::Class
                {
                    let j = (o..tk.t.len()).find(|j| tk.k(*j) == K::For)?;
                    return self.syntax(self.tok(j), "invalid syntax");
                }
                return self.syntax(at, "Generator expression must be parenthesized");
            }
            P::IterableUnpackingInComprehension => {
                return self.syntax(at, "iterable unpacking cannot be used in comprehension");
            }
            _ => {}
        }
        // name= without a value, or what is no name before `=`
        let o = tk.enclosing(i)?;
        let call = tk.k(o) == K::Lpar
            && o > 0
            && (tk.is_name(o - 1) || matches!(tk.k(o - 1), K::Rpar | K::Rsqb | K::String | K::Rbrace));
        if !call || self.param_list(i).is_some() {
            return None;
        }
        if o >= 2 && tk.k(o - 2) == K::Def {
            return None;
        }
        if i > 0 && tk.k(i - 1) == K::Equal && matches!(tk.k(i), K::Comma | K::Rpar) {
            let s = tk.boundary(i - 1);
            return self.syntax(self.span(s, i), "expected argument value expression");
        }
        if matches!(tk.k(i), K::For | K::Async) {
            let b = tk.boundary(i);
            if b >= 2
                && tk.k(b - 1) == K::Equal
                && tk.is_name(b - 2)
                && (b - 2 == o + 1 || tk.k(b - 3) == K::Comma)
                && tk.for_clauses(i).is_some()
            {
                let msg = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";
                return self.syntax(self.span(b - 2, b), msg);
            }
        }
        let eq = if tk.k(i) == K::Equal {
            i
        } else {
            (i..tk.t.len()).find(|j| tk.k(*j) == K::Equal && tk.enclosing(*j) == Some(o)).filter(|j| *j < i + 40)?
        };
        let s = tk.boundary(eq);
        if s >= 1 && tk.k(s) == K::Star {
            if let Some(e) = tk.expression(eq + 1) {
                return self.syntax(self.span(s, e), "cannot assign to iterable argument unpacking");
            }
        }
        if tk.k(s) == K::DoubleStar
            && let Some(e) = tk.expression(eq + 1)
        {
            return self.syntax(self.span(s, e), "cannot assign to keyword argument unpacking");
        }
        if tk.k(eq + 1) == K::Equal || tk.expression(eq + 1).is_none() {
            return None;
        }
        if eq == s + 1 && matches!(tk.k(s), K::True | K::False | K::None) {
            return self.syntax(self.span(s, eq + 1), format!("cannot assign to {}", tk.text(s)));
        }
        if eq == s + 1 && tk.is_name(s) {
            let v = tk.expression(eq + 1)?;
            if tk.for_clauses(v).is_some() {
                return self
                    .syntax(self.span(s, eq + 1), "invalid syntax. Maybe you meant '==' or ':=' instead of '='?");
            }
            return None;
        }
        // `lambda x: y = 1` and ternaries count as one expression.
        let mut first = s;
        if let Some(l) = (o + 1..eq).rev().find(|j| tk.k(*j) == K::Lambda)
            && tk.expression(l) == Some(eq)
        {
            first = l;
        } else if tk.expression(first) != Some(eq) {
            let c = (o..eq).rev().find(|j| *j == o || tk.k(*j) == K::Comma && tk.enclosing(*j) == Some(o))?;
            if tk.expression(c + 1) != Some(eq) {
                return None;
            }
            first = c + 1;
        }
        self.syntax(self.span(first, eq + 1), "expression cannot contain assignment, perhaps you meant \"==\"?")
    }

    /// `a if b` without `else`, statements in a conditional expression.
    fn conditional(&self, i: usize) -> Found {
        let tk = &self.tk;
        let statement = |k: K| {
            matches!(
                k,
                K::Pass
                    | K::Break
                    | K::Continue
                    | K::Return
                    | K::Raise
                    | K::Global
                    | K::Nonlocal
                    | K::Del
                    | K::Assert
                    | K::Import
                    | K::From
            )
        };
        let guard = |s: usize| tk.text(tk.line_start(s)) == "case" && tk.enclosing(s).is_none();
        if statement(tk.k(i)) || matches!(tk.k(i), K::Yield | K::Newline | K::EndOfFile) {
            if i > 0 && tk.k(i - 1) == K::Else && tk.line_start(i) != i - 1 {
                // a if b else <statement>
                let s = tk.boundary(i - 1);
                if s > 0 && tk.k(s - 1) == K::If {
                    return self.syntax(self.tok(i), "expected expression after 'else', but statement is given");
                }
            }
            if !statement(tk.k(i)) && tk.k(i) == K::Yield {
                return None;
            }
            if matches!(tk.k(i), K::Pass | K::Break | K::Continue) && tk.k(i + 1) == K::If {
                if let Some(n) = tk.disjunction(i + 2)
                    && tk.k(n) == K::Else
                {
                    return self.syntax(self.tok(i), "expected expression before 'if', but statement is given");
                }
            }
            if statement(tk.k(i)) {
                return None;
            }
        }
        if tk.k(i) == K::If
            && i > 0
            && tk.stmt_start(i) == i - 1
            && matches!(tk.k(i - 1), K::Pass | K::Break | K::Continue)
            && tk.disjunction(i + 1).is_some_and(|n| tk.k(n) == K::Else)
        {
            return self.syntax(self.tok(i - 1), "expected expression before 'if', but statement is given");
        }
        // The error is where `else` should be.
        let s = tk.boundary(i);
        if s > 0
            && tk.k(s - 1) == K::If
            && tk.disjunction(s) == Some(i)
            && !matches!(tk.k(i), K::Else | K::Colon)
            && !guard(s - 1)
        {
            let a = tk.boundary(s - 1);
            let a = if tk.k(a) == K::Star { a + 1 } else { a };
            if a < s - 1 && tk.disjunction(a) == Some(s - 1) {
                return self.syntax(self.span(a, i), "expected 'else' after 'if' expression");
            }
        }
        None
    }

    // ---- compound statements ----

    fn blocks(&self, i: usize, text: &str) -> Found {
        let tk = &self.tk;
        let here = self.tok(i);
        let start = tk.line_start(i);
        let head = if tk.k(start) == K::Async { start + 1 } else { start };
        let newline = matches!(tk.k(i), K::Newline | K::EndOfFile);
        if text.starts_with("Expected `except` or `finally`") {
            if newline || tk.k(i) == K::Dedent || tk.k(i) == K::EndOfFile {
                let j = (0..=i).rev().find(|j| tk.k(*j) == K::Newline).unwrap_or(i);
                let e = tk.t[j].s;
                return self.syntax(range(e, e), "expected 'except' or 'finally' block");
            }
            return self.syntax(here, "expected 'except' or 'finally' block");
        }
        if text.starts_with("Cannot have both 'except'") {
            // The second kind of handler.
            let i = (i..i + 3).find(|j| tk.k(*j) == K::Except).unwrap_or(i);
            let n = if tk.k(i + 1) == K::Star { i + 2 } else { i + 1 };
            return self.syntax(self.span(i, n), "cannot have both 'except' and 'except*' on the same 'try'");
        }
        if text.starts_with("Multiple exception types") {
            let s = if tk.k(head + 1) == K::Star { head + 2 } else { head + 1 };
            let a = (s..tk.t.len()).find(|j| tk.k(*j) == K::As)?;
            let e = tk.expression(a + 1).unwrap_or(a + 2);
            return self.syntax(self.span(s, e), "multiple exception types must be parenthesized when using 'as'");
        }
        if text.starts_with("Expected one or more exception types") {
            return self.syntax(here, "expected one or more exception types");
        }
        if tk.k(head) == K::Except && tk.k(i) != K::Newline {
            // except E as <no name>
            if let Some(a) = (head..=i).rev().find(|j| tk.k(*j) == K::As)
                && let Some(e) = tk.expression(a + 1)
                && tk.k(e) == K::Colon
                && !(e == a + 2 && (tk.is_name(a + 1) || matches!(tk.k(a + 1), K::None | K::True | K::False)))
            {
                let at = self.span(a + 1, e);
                let star = if tk.k(head + 1) == K::Star { "except*" } else { "except" };
                let expr = self.reparse(at)?;
                return self.syntax(at, format!("cannot use {star} statement with {}", expr_name(&expr)));
            }
        }
        if tk.k(i) == K::Elif && i == start {
            // After an `else` of the same depth.
            let mut depth = 0;
            for j in (0..i).rev() {
                match tk.k(j) {
                    K::Dedent => depth += 1,
                    K::Indent => depth -= 1,
                    K::Else if depth == 0 && j == tk.line_start(j) => {
                        return self.syntax(here, "'elif' block follows an 'else' block");
                    }
                    _ if depth < 0 => break,
                    _ => {}
                }
            }
        }
        if tk.k(head) == K::For
            && i > head + 1
            && tk.enclosing(i).is_none()
            && !(head..i).any(|j| tk.k(j) == K::In)
            && newline
        {
            return None;
        }
        if tk.k(head) == K::Def && i == head + 2 && tk.is_name(head + 1) && tk.k(i) != K::Lpar && tk.k(i) != K::Lsqb {
            return self.syntax(here, "expected '('");
        }
        if tk.k(head) == K::Def
            && i > head + 2
            && tk.k(i) != K::Lpar
            && tk.k(i - 1) == K::Rsqb
            && tk.enclosing(i).is_none()
            && text.contains("Expected `(`")
        {
            return self.syntax(here, "expected '('");
        }
        let colon = text.starts_with("Expected `:`") || text.contains("expected `:`");
        let compound = matches!(
            tk.k(head),
            K::If
                | K::Elif
                | K::Else
                | K::For
                | K::While
                | K::With
                | K::Try
                | K::Except
                | K::Finally
                | K::Def
                | K::Class
        ) || matches!(tk.text(head), "match" | "case");
        if colon && compound && tk.enclosing(i).is_none() {
            let forced = matches!(tk.k(head), K::Try | K::Finally | K::Else | K::Def);
            if newline || forced {
                return self.syntax(here, "expected ':'");
            }
        }
        if tk.text(head) == "match"
            && newline
            && tk.enclosing(i).is_none()
            && i > head + 1
            && !(head..i).any(|j| tk.k(j) == K::Equal)
        {
            if tk.star_expressions(head + 1) == Some(i) && text.contains("separated by newlines") {
                return self.syntax(here, "expected ':'");
            }
        }
        None
    }

    fn patterns(&self, err: &rp::ParseError, i: usize, text: &str) -> Found {
        let tk = &self.tk;
        let at = err.location;
        match &err.error {
            P::ExpectedRealNumber => return self.syntax(at, "real number required in complex literal"),
            P::ExpectedImaginaryNumber => return self.syntax(at, "imaginary number required in complex literal"),
            P::InvalidMatchPatternTarget if i > 0 && tk.k(i - 1) == K::DoubleStar => {
                return self.syntax(self.tok(i + 1), "invalid syntax");
            }
            P::InvalidMatchPatternTarget => return self.syntax(at, "cannot use '_' as a target"),
            _ => {}
        }
        if text.starts_with("Positional patterns cannot follow") {
            // All the positional patterns after the first keyword one.
            let o = tk.enclosing(i)?;
            let e = tk.brackets(o)?;
            let kw = (o..e).find(|j| tk.k(*j) == K::Equal && tk.enclosing(*j) == Some(o))?;
            let s = (kw..e).find(|j| {
                tk.k(*j) == K::Comma && tk.enclosing(*j) == Some(o) && tk.k(j + 1) != K::Rpar && tk.k(j + 2) != K::Equal
            })? + 1;
            let mut end = s;
            let mut j = s;
            while j < e - 1 {
                let n = (j..e).find(|n| *n == e - 1 || tk.k(*n) == K::Comma && tk.enclosing(*n) == Some(o))?;
                if (j..n).any(|x| tk.k(x) == K::Equal && tk.enclosing(x) == Some(o)) {
                    break;
                }
                end = n;
                j = n + 1;
            }
            return self.syntax(self.span(s, end), "positional patterns follow keyword patterns");
        }
        let start = tk.line_start(i);
        if tk.text(start) == "case"
            && let Some((a, e)) = (start..tk.t.len()).take_while(|j| tk.k(*j) != K::Newline).find_map(|a| {
                let e = (tk.k(a) == K::As).then(|| tk.expression(a + 1)).flatten()?;
                let ends = matches!(tk.k(e), K::Colon | K::If | K::Rpar | K::Rsqb | K::Comma | K::Vbar);
                (ends && !(e == a + 2 && tk.is_name(a + 1))).then_some((a, e))
            })
        {
            let at = self.span(a + 1, e);
            let expr = self.reparse(at)?;
            // A name that starts an expression without brackets is taken for the target.
            if tk.is_name(a + 1) && !matches!(expr, r::Expr::Attribute(_) | r::Expr::Call(_) | r::Expr::Subscript(_)) {
                return None;
            }
            let at = expr.range();
            return self.syntax(at, format!("cannot use {} as pattern target", expr_name(&expr)));
        }
        None
    }
}
