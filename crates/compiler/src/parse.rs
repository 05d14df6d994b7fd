//! Source text → our tree: ruff's parser behind guards, and its errors in CPython's words.

use crate::ast::{self, Stmt};
use crate::code::SyntaxWarning;
use crate::error::{CompileError, Result};
use crate::lower::Lower;
use crate::source::LineIndex;
use crate::{Mode, Options};
use ruff_python_ast as r;
use ruff_python_parser as rp;
use ruff_text_size::Ranged;
use std::borrow::Cow;

/// What an interactive prompt should do with its text so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedResult {
    /// It is a complete statement
    Complete,
    /// More lines are needed
    Incomplete,
}

/// Line ends become `\n`, as CPython's tokenizer sees them.
pub fn normalize(source: &str) -> Cow<'_, str> {
    if source.contains('\r') {
        Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(source)
    }
}

/// Parses source text to a tree, with the warnings of the tokenizer (invalid escapes and the like).
pub fn parse(source: &str, opts: &Options) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    let source = normalize(source);
    let (mut tree, mut warnings) = parse_normalized(&source, opts)?;
    if opts.optimized_ast {
        let index = LineIndex::new(&source);
        let src = crate::symtable::Src(Some((&source, &index)));
        let future = opts.future_flags & crate::code::co::FUTURE_ANNOTATIONS != 0;
        warnings.extend(crate::fold::optimized(&mut tree, src, opts.optimize, future)?);
    }
    Ok((tree, warnings))
}

/// The same for a source without `\r`.
pub fn parse_normalized(source: &str, opts: &Options) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    let scan = crate::tokens::scan(source, false, true);
    if let Some(e) = &scan.error
        && e.msg.starts_with("too many")
    {
        return Err(crate::errors::token_error(source, &LineIndex::new(source), e));
    }
    if scan.prefixes > MAX_PREFIXES {
        return Err(CompileError::plain(
            crate::ErrorKind::Memory,
            "Parser stack overflowed - Python source too complex to parse",
        ));
    }
    let inherited = opts.future_flags & crate::code::co::FUTURE_BARRY_AS_BDFL != 0;
    let changed =
        if inherited || source.contains("barry_as_FLUFL") { friendly_language_uncle(source, inherited)? } else { None };
    let source = changed.as_deref().unwrap_or(source);
    // The parser and the tree's destructor recurse; untouched stack costs nothing.
    let need = (64 << 20) + scan.chain.saturating_mul(512).min(2 << 30);
    let (tree, mut warnings) =
        stacker::grow(if scan.prefixes + scan.open.len() + scan.chain < 500 { 8 << 20 } else { need }, || {
            parse_inner(source, opts)
        })?;
    warnings.splice(0..0, number_warnings(&scan.warnings, usize::MAX));
    Ok((tree, warnings))
}

/// The tokenizer's warnings about numbers, up to a line.
pub fn number_warnings(list: &[(usize, String)], last: usize) -> Vec<SyntaxWarning> {
    let one = |(line, msg): &(usize, String)| SyntaxWarning {
        kind: crate::WarningKind::Syntax,
        msg: msg.clone(),
        lineno: *line as u32,
        offset: 0,
        end_lineno: *line as u32,
        end_offset: 0,
    };
    list.iter().filter(|w| w.0 <= last).map(one).collect()
}

/// `from __future__ import barry_as_FLUFL`: from there on `<>` is the operator, and `!=` a mistake.
fn friendly_language_uncle(source: &str, inherited: bool) -> Result<Option<String>> {
    use ruff_python_ast::token::TokenKind as K;
    let parsed = rp::parse_unchecked(source, rp::ParseOptions::from(rp::Mode::Module));
    let mut out: Option<String> = None;
    let mut last = None;
    let mut on = inherited;
    // `from __future__ import`: how much of it was just seen.
    let mut seen = 0;
    for t in parsed.tokens().iter() {
        let (s, e) = (t.start().to_usize(), t.end().to_usize());
        seen = match (seen, t.kind(), &source[s..e]) {
            (_, K::From, _) => 1,
            (1, K::Name, "__future__") => 2,
            (2, K::Import, _) => 3,
            (3, K::Name, "barry_as_FLUFL") => {
                on = true;
                3
            }
            (3, K::Name | K::Comma | K::Lpar | K::As, _) => 3,
            _ => 0,
        };
        if !on {
            continue;
        }
        if t.kind() == K::NotEqual {
            let index = LineIndex::new(source);
            let msg = "with Barry as BDFL, use '<>' instead of '!='";
            let mut e = crate::lower::error_at(source, &index, t.range(), msg);
            if let Some(t) = e.text.as_mut().filter(|t| !t.ends_with('\n')) {
                t.push('\n');
            }
            return Err(e);
        }
        if t.kind() == K::Greater && last == Some((K::Less, s)) {
            out.get_or_insert_with(|| source.to_string()).replace_range(s - 1..e, "!=");
        }
        last = Some((t.kind(), e));
    }
    Ok(out)
}

/// Nesting of prefix operators that a parser should stand.
const MAX_PREFIXES: usize = 4000;

fn parse_inner(source: &str, opts: &Options) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    if opts.mode == Mode::FuncType {
        return function_type(source);
    }
    let index = LineIndex::new(source);
    let mode = match opts.mode {
        Mode::Eval => rp::Mode::Expression,
        _ => rp::Mode::Module,
    };
    let options = rp::ParseOptions::from(mode).with_target_version(r::PythonVersion { major: 3, minor: 14 });
    let parsed = rp::parse_unchecked(source, options);
    if !parsed.errors().is_empty() {
        return Err(crate::errors::translate(source, &index, &parsed, opts));
    }
    if let Some(e) = parsed.unsupported_syntax_errors().first() {
        return Err(crate::errors::unsupported(source, &index, e, opts));
    }
    let mut lower = Lower::new(source, &index);
    if opts.int_max_str_digits > 0 {
        lower.max_digits = opts.int_max_str_digits as usize;
    }
    let tree = match parsed.syntax() {
        r::Mod::Module(m) => {
            let body = lower.body(&m.body)?;
            if opts.mode == Mode::Single {
                ast::Mod::Interactive { body: single(body, source, &index, opts)? }
            } else {
                ast::Mod::Module { body, type_ignores: Vec::new() }
            }
        }
        r::Mod::Expression(e) => ast::Mod::Expression { body: Box::new(lower.expr(&e.body)?) },
    };
    let warnings = std::mem::take(&mut lower.warnings);
    let mut tree = tree;
    if opts.type_comments || opts.feature_version.is_some() {
        let tokens: Vec<crate::comments::Token> =
            parsed.tokens().iter().map(|t| (t.kind(), t.start().to_usize(), t.end().to_usize())).collect();
        if opts.type_comments {
            crate::comments::attach(&mut tree, &tokens, source, &index)?;
        }
        if let Some(v) = opts.feature_version {
            let src = crate::symtable::Src(Some((source, &index)));
            crate::versions::check(&tree, &tokens, source, src, v)?;
        }
    }
    Ok((tree, warnings))
}

/// `(int, *str) -> list`: read as a call's arguments and an expression.
fn function_type(source: &str) -> Result<(ast::Mod, Vec<SyntaxWarning>)> {
    let index = LineIndex::new(source);
    let fail = || {
        let end = ruff_text_size::TextSize::new(source.trim_end().len() as u32);
        crate::lower::error_at(source, &index, ruff_text_size::TextRange::empty(end), "invalid syntax")
    };
    let (args, returns) = source.rsplit_once("->").ok_or_else(fail)?;
    // Keeps the columns: the call's name takes the place of nothing, the result is padded.
    let call = format!("f{}", args.trim());
    let options = || rp::ParseOptions::from(rp::Mode::Expression);
    let parsed = rp::parse(&call, options()).map_err(|_| fail())?;
    let at = |n: usize| ruff_text_size::TextSize::new(n as u32);
    let start = source.len() - returns.trim_start().len();
    let range = ruff_text_size::TextRange::new(at(start), at(start.max(source.trim_end().len())));
    let value = rp::parse_expression_range(source, range).map_err(|_| fail())?;
    let call_index = LineIndex::new(&call);
    let mut lower = Lower::new(&call, &call_index);
    let r::Mod::Expression(e) = parsed.syntax() else { return Err(fail()) };
    let ast::ExprKind::Call { args, keywords, .. } = lower.expr(&e.body)?.kind else { return Err(fail()) };
    let mut argtypes = Vec::new();
    // One `*` and one `**` at most, in this order, after all others.
    let star = args.iter().position(|a| matches!(a.kind, ast::ExprKind::Starred { .. }));
    if star.is_some_and(|s| s + 1 != args.len()) || keywords.len() > 1 {
        return Err(fail());
    }
    for a in args {
        argtypes.push(match a.kind {
            ast::ExprKind::Starred { value, .. } => *value,
            _ => a,
        });
    }
    for k in keywords {
        if k.arg.is_some() {
            return Err(fail());
        }
        argtypes.push(k.value);
    }
    let mut lower = Lower::new(source, &index);
    let returns = Box::new(lower.expr(&value.syntax().body)?);
    Ok((ast::Mod::FunctionType { argtypes, returns }, Vec::new()))
}

/// In `single` mode there is one statement, or several simple ones on one line; a compound one ends with a newline.
fn single(body: Vec<Stmt>, source: &str, index: &LineIndex, opts: &Options) -> Result<Vec<Stmt>> {
    use crate::ast::StmtKind;
    let src = crate::symtable::Src(Some((source, index)));
    let incomplete = |line: usize| {
        if opts.allow_incomplete {
            crate::errors::incomplete(source, index)
        } else {
            let mut e = src
                .error(ast::Loc { lineno: line as i32, end_lineno: line as i32, col: 0, end_col: 0 }, "invalid syntax");
            (e.offset, e.end_offset) = (0, 0);
            e
        }
    };
    let last_line = source.trim_end_matches('\n').matches('\n').count() + 1;
    let Some(first) = body.first() else { return Err(incomplete(if source.is_empty() { 0 } else { last_line })) };
    let compound = matches!(
        first.kind,
        StmtKind::FunctionDef(_)
            | StmtKind::ClassDef(_)
            | StmtKind::For { .. }
            | StmtKind::While { .. }
            | StmtKind::If { .. }
            | StmtKind::With { .. }
            | StmtKind::Match { .. }
            | StmtKind::Try { .. }
    );
    if compound {
        if let Some(s) = body.get(1) {
            let start = index.line_start(s.loc.lineno as usize - 1) as usize + s.loc.col as usize;
            let word =
                source[start..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(source.len() - start);
            if opts.allow_incomplete && start + word == source.len() {
                return Err(crate::errors::incomplete(source, index));
            }
            let at = ast::Loc { end_lineno: s.loc.lineno, end_col: s.loc.col + word.max(1) as i32, ..s.loc };
            return Err(src.error(at, "invalid syntax"));
        }
        let open_end = !source.ends_with('\n');
        let blank_end = source.rsplit('\n').next().is_some_and(|l| l.trim().is_empty());
        if open_end && (first.loc.lineno == first.loc.end_lineno || opts.dont_imply_dedent || blank_end) {
            return Err(incomplete(last_line));
        }
        return Ok(body);
    }
    let line = first.loc.lineno;
    let at_line = body.iter().rposition(|s| s.loc.lineno == line).unwrap_or(0);
    if at_line + 1 < body.len() {
        let end = body[at_line].loc;
        let at =
            ast::Loc { lineno: end.end_lineno, col: end.end_col, end_lineno: end.end_lineno, end_col: end.end_col + 1 };
        return Err(src.error(at, "multiple statements found while compiling a single statement"));
    }
    Ok(body)
}

/// Drops a tree that may be deep.
pub fn drop_deep(tree: ast::Mod) {
    stacker::maybe_grow(1 << 20, 32 << 20, || drop(tree));
}
