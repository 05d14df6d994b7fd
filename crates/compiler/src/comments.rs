//! Type comments (`ast.parse(..., type_comments=True)`): where the grammar lets them stand, and what they are attached to.
//!
//! Everywhere else a type comment is a syntax error; `# type: ignore` may stand anywhere.

use crate::ast::*;
use crate::error::{CompileError, Result};
use crate::source::LineIndex;
use ruff_python_ast::token::TokenKind as K;
use ruff_text_size::{TextRange, TextSize};
use std::collections::HashMap;

/// A token: kind, start, end.
pub type Token = (K, usize, usize);

struct Comment {
    start: usize,
    end: usize,
    text: String,
}

/// What the comments of a source say, by the place that they belong to.
struct Attacher<'a> {
    src: &'a str,
    index: &'a LineIndex,
    /// By the start of a compound statement: behind its colon
    headers: HashMap<usize, Comment>,
    /// By the start of a `def`: on the line after its colon
    own_line: HashMap<usize, Comment>,
    /// Others, in order
    inline: Vec<Option<Comment>>,
}

/// The text of a type comment.
fn type_comment(comment: &str) -> Option<&str> {
    let rest = comment.strip_prefix('#')?.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix("type:")?;
    Some(rest.trim_start_matches([' ', '\t']))
}

/// Finds the type comments of a source and hangs them on the tree.
pub fn attach(tree: &mut Mod, tokens: &[Token], src: &str, index: &LineIndex) -> Result<()> {
    let mut a = Attacher { src, index, headers: HashMap::new(), own_line: HashMap::new(), inline: Vec::new() };
    let mut ignores = Vec::new();
    let significant = |k: K| !matches!(k, K::NonLogicalNewline | K::Comment);
    for (i, &(k, start, end)) in tokens.iter().enumerate() {
        if k != K::Comment {
            continue;
        }
        let Some(text) = type_comment(&src[start..end]) else { continue };
        if let Some(tag) = text.strip_prefix("ignore")
            && !tag.starts_with(|c: char| c.is_ascii_alphanumeric() || !c.is_ascii())
        {
            ignores.push((index.line_col(start as u32).0 as i32 + 1, tag.to_string()));
            continue;
        }
        let c = Comment { start, end, text: text.to_string() };
        let before = tokens[..i].iter().rposition(|t| significant(t.0));
        let after = tokens[i + 1..].iter().find(|t| t.0 != K::Comment).map(|t| t.0);
        let statement = |colon: usize| -> Option<usize> {
            let line = tokens[..colon].iter().rposition(|t| matches!(t.0, K::Newline | K::Indent | K::Dedent));
            let first = tokens[line.map_or(0, |l| l + 1)..].iter().find(|t| significant(t.0))?;
            matches!(first.0, K::For | K::With | K::Def | K::Async).then_some(first.1)
        };
        match before.map(|b| (b, tokens[b].0)) {
            Some((b, K::Colon)) if after == Some(K::Newline) => match statement(b) {
                Some(s) => drop(a.headers.insert(s, c)),
                None => a.inline.push(Some(c)),
            },
            Some((b, K::Newline))
                if b > 0 && tokens[..b].iter().rfind(|t| significant(t.0)).is_some_and(|t| t.0 == K::Colon) =>
            {
                let colon = tokens[..b].iter().rposition(|t| t.0 == K::Colon).unwrap_or(0);
                let indented = tokens[i + 1..].iter().find(|t| significant(t.0)).is_some_and(|t| t.0 == K::Indent);
                match statement(colon).filter(|_| indented) {
                    Some(s) => drop(a.own_line.insert(s, c)),
                    None => a.inline.push(Some(c)),
                }
            }
            _ => a.inline.push(Some(c)),
        }
    }
    match tree {
        Mod::Module { body, type_ignores } => {
            a.stmts(body)?;
            *type_ignores = ignores;
        }
        Mod::Interactive { body } => a.stmts(body)?,
        _ => {}
    }
    let left = a.headers.into_values().chain(a.own_line.into_values()).chain(a.inline.into_iter().flatten());
    match left.min_by_key(|c| c.start) {
        Some(c) => Err(error(src, index, &c, "invalid syntax")),
        None => Ok(()),
    }
}

fn error(src: &str, index: &LineIndex, c: &Comment, msg: &str) -> CompileError {
    let start = c.end - c.text.len();
    crate::lower::error_at(src, index, TextRange::new(TextSize::new(start as u32), TextSize::new(c.end as u32)), msg)
}

impl Attacher<'_> {
    fn offset(&self, line: i32, col: i32) -> usize {
        self.index.line_start(line as usize - 1) as usize + col as usize
    }

    fn start(&self, l: Loc) -> usize {
        self.offset(l.lineno, l.col)
    }

    fn end(&self, l: Loc) -> usize {
        self.offset(l.end_lineno, l.end_col)
    }

    fn header(&mut self, l: Loc) -> Option<String> {
        self.headers.remove(&self.start(l)).map(|c| c.text)
    }

    /// The comment that follows `end` with nothing but what `between` allows before it.
    fn inline_after(&mut self, end: usize, between: impl Fn(&str) -> bool) -> Option<Comment> {
        let i = self.inline.iter().position(|c| c.as_ref().is_some_and(|c| c.start >= end))?;
        let start = self.inline[i].as_ref().map_or(0, |c| c.start);
        if between(&self.src[end..start]) { self.inline[i].take() } else { None }
    }

    fn stmts(&mut self, body: &mut [Stmt]) -> Result<()> {
        body.iter_mut().try_for_each(|s| self.stmt(s))
    }

    fn stmt(&mut self, s: &mut Stmt) -> Result<()> {
        let loc = s.loc;
        match &mut s.kind {
            StmtKind::FunctionDef(f) => {
                self.parameters(
                    &mut f.args,
                    self.start(loc),
                    f.body.first().map_or(usize::MAX, |b| self.start(b.loc)),
                )?;
                f.type_comment = self.header(loc);
                if let Some(c) = self.own_line.remove(&self.start(loc)) {
                    if f.type_comment.is_some() {
                        return Err(error(self.src, self.index, &c, "Cannot have two type comments on def"));
                    }
                    f.type_comment = Some(c.text);
                }
                self.stmts(&mut f.body)
            }
            StmtKind::ClassDef(c) => self.stmts(&mut c.body),
            StmtKind::Assign { type_comment, .. } => {
                let end = self.end(loc);
                *type_comment =
                    self.inline_after(end, |t| t.bytes().all(|b| matches!(b, b' ' | b'\t'))).map(|c| c.text);
                Ok(())
            }
            StmtKind::For { body, orelse, type_comment, .. } => {
                *type_comment = self.header(loc);
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::With { body, type_comment, .. } => {
                *type_comment = self.header(loc);
                self.stmts(body)
            }
            StmtKind::While { body, orelse, .. } | StmtKind::If { body, orelse, .. } => {
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::Match { cases, .. } => cases.iter_mut().try_for_each(|c| self.stmts(&mut c.body)),
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                self.stmts(body)?;
                handlers.iter_mut().try_for_each(|h| self.stmts(&mut h.body))?;
                self.stmts(orelse)?;
                self.stmts(finalbody)
            }
            _ => Ok(()),
        }
    }

    fn parameters(&mut self, a: &mut Arguments, from: usize, to: usize) -> Result<()> {
        let star = self.inline.iter().flatten().find(|c| {
            c.start > from && c.start < to && {
                let before = self.src[from..c.start].trim_end().trim_end_matches(',').trim_end();
                before.ends_with('*') && !before.ends_with("**")
            }
        });
        if let Some(c) = star {
            return Err(error(self.src, self.index, c, "bare * has associated type comment"));
        }
        let plain = a.posonlyargs.len() + a.args.len();
        let with_default = plain - a.defaults.len();
        let ends: Vec<Option<Loc>> = (0..plain)
            .map(|i| i.checked_sub(with_default).and_then(|d| a.defaults.get(d)).map(|d| d.loc))
            .chain(a.kw_defaults.iter().map(|d| d.as_ref().map(|d| d.loc)))
            .collect();
        let named = a.posonlyargs.iter_mut().chain(&mut a.args).chain(&mut a.kwonlyargs).zip(ends);
        let others = [&mut a.vararg, &mut a.kwarg].into_iter().flatten().map(|p| (&mut **p, None));
        for (p, default) in named.chain(others) {
            let end = self.end(default.unwrap_or(p.loc)).max(self.end(p.loc));
            let found = self.inline_after(end, |t| {
                let t = t.trim_matches([' ', '\t', ')']);
                t.is_empty() || t == ","
            });
            p.type_comment = found.map(|c| c.text);
        }
        Ok(())
    }
}
