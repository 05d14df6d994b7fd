//! What happens to a tree before code is generated: `__future__` imports, constant folding, warnings about `finally`.

use crate::ast::*;
use crate::code::{Const, PyStr, SyntaxWarning, WarningKind, co};
use crate::error::Result;
use crate::symtable::Src;
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

/// Appends a key that is equal only for constants that may be merged: same type, same value.
pub fn const_key(c: &Const, out: &mut Vec<u8>) {
    let sized = |out: &mut Vec<u8>, tag: u8, b: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&(b.len() as u64).to_le_bytes());
        out.extend_from_slice(b);
    };
    match c {
        Const::None => out.push(0),
        Const::True => out.push(1),
        Const::False => out.push(2),
        Const::Ellipsis => out.push(3),
        Const::Int(v) => {
            out.push(4);
            out.extend_from_slice(&v.to_le_bytes());
        }
        Const::BigInt(v) => sized(out, 5, &v.to_signed_bytes_le()),
        Const::Float(f) => {
            out.push(6);
            out.extend_from_slice(&f.to_bits().to_le_bytes());
        }
        Const::Complex(a, b) => {
            out.push(7);
            out.extend_from_slice(&a.to_bits().to_le_bytes());
            out.extend_from_slice(&b.to_bits().to_le_bytes());
        }
        Const::Str(s) => sized(out, 8, s.as_bytes()),
        Const::Bytes(b) => sized(out, 9, b),
        Const::Tuple(t) | Const::FrozenSet(t) => {
            out.push(if matches!(c, Const::Tuple(_)) { 10 } else { 11 });
            out.extend_from_slice(&(t.len() as u64).to_le_bytes());
            t.iter().for_each(|x| const_key(x, out));
        }
        Const::Slice(s) => {
            out.push(12);
            s.iter().for_each(|x| const_key(x, out));
        }
        Const::Code(code) => {
            out.push(13);
            out.extend_from_slice(&(&raw const **code as usize as u64).to_le_bytes());
        }
    }
}

/// Appends a key that is equal for constants that compare equal (`1 == 1.0 == True`).
pub fn equality_key(c: &Const, out: &mut Vec<u8>) {
    match c {
        Const::True => const_key(&Const::Int(1), out),
        Const::False => const_key(&Const::Int(0), out),
        Const::Float(f) if f.fract() == 0.0 && f.abs() < 9e18 => const_key(&Const::Int(*f as i64), out),
        Const::Complex(a, b) if *b == 0.0 => equality_key(&Const::Float(*a), out),
        Const::Tuple(t) => {
            out.push(10);
            out.extend_from_slice(&(t.len() as u64).to_le_bytes());
            t.iter().for_each(|x| equality_key(x, out));
        }
        c => const_key(c, out),
    }
}

/// Items without those that equal an earlier one.
pub fn distinct(items: Vec<Const>) -> Vec<Const> {
    let mut seen = rustc_hash::FxHashSet::default();
    items
        .into_iter()
        .filter(|c| {
            let mut k = Vec::new();
            equality_key(c, &mut k);
            seen.insert(k)
        })
        .collect()
}

/// `CO_FUTURE_*` bits of a module's `from __future__` imports, and the place of the last one.
pub fn future(tree: &Mod, src: Src<'_>) -> Result<(u32, (i32, i32))> {
    let (Mod::Module { body, .. } | Mod::Interactive { body }) = tree else { return Ok((0, (-1, -1))) };
    let mut flags = 0;
    let mut line = (-1, -1);
    for (i, s) in body.iter().enumerate() {
        match &s.kind {
            StmtKind::ImportFrom { module: Some(m), names, level: 0 } if &**m == "__future__" => {
                for a in names {
                    flags |= match &*a.name {
                        // These have long been the rule.
                        "nested_scopes" | "generators" | "division" | "absolute_import" | "with_statement"
                        | "print_function" | "unicode_literals" | "generator_stop" => 0,
                        "barry_as_FLUFL" => co::FUTURE_BARRY_AS_BDFL,
                        "annotations" => co::FUTURE_ANNOTATIONS,
                        "braces" => return Err(src.error(a.loc, "not a chance")),
                        other => return Err(src.error(a.loc, format!("future feature {other} is not defined"))),
                    };
                }
                line = (s.loc.lineno, s.loc.col);
            }
            StmtKind::Expr(e) if i == 0 && e.as_str_constant().is_some() => {}
            _ => break,
        }
    }
    Ok((flags, line))
}

#[derive(Clone, Copy)]
struct Finally {
    in_finally: bool,
    in_function: bool,
    in_loop: bool,
}

/// The folding pass.
pub struct Folder<'a> {
    src: Src<'a>,
    optimize: u8,
    future_annotations: bool,
    finally: Vec<Finally>,
    interactive: bool,
    depth: u32,
    /// Warnings found
    pub warnings: Vec<SyntaxWarning>,
}

/// Folds a tree in place.
pub fn fold(tree: &mut Mod, src: Src<'_>, optimize: u8, future_annotations: bool) -> Result<Vec<SyntaxWarning>> {
    let interactive = matches!(tree, Mod::Interactive { .. });
    let mut f =
        Folder { src, optimize, future_annotations, finally: Vec::new(), interactive, depth: 0, warnings: Vec::new() };
    match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => f.stmts(body)?,
        Mod::Expression { body } => f.expr(body)?,
        Mod::FunctionType { .. } => {}
    }
    Ok(f.warnings)
}

/// Folds a tree that is kept as a tree: docstrings go too when `optimize` says so.
pub fn optimized(tree: &mut Mod, src: Src<'_>, optimize: u8, future_annotations: bool) -> Result<Vec<SyntaxWarning>> {
    if optimize >= 2 {
        if let Mod::Module { body, .. } = tree {
            drop_docstring(body);
            drop_docstrings(body);
        }
    }
    fold(tree, src, optimize, future_annotations)
}

fn drop_docstring(body: &mut Vec<Stmt>) {
    let Some(Stmt { loc, kind: StmtKind::Expr(e) }) = body.first() else { return };
    if e.as_str_constant().is_none() {
        return;
    }
    if body.len() == 1 {
        // As wide as the word that takes its place.
        let loc = Loc { end_lineno: loc.lineno, end_col: loc.col + 4, ..*loc };
        body[0] = Stmt { loc, kind: StmtKind::Pass };
    } else {
        body.remove(0);
    }
}

fn drop_docstrings(body: &mut [Stmt]) {
    for s in body {
        match &mut s.kind {
            StmtKind::FunctionDef(f) => {
                drop_docstring(&mut f.body);
                drop_docstrings(&mut f.body);
            }
            StmtKind::ClassDef(c) => {
                drop_docstring(&mut c.body);
                drop_docstrings(&mut c.body);
            }
            StmtKind::For { body, orelse, .. }
            | StmtKind::While { body, orelse, .. }
            | StmtKind::If { body, orelse, .. } => {
                drop_docstrings(body);
                drop_docstrings(orelse);
            }
            StmtKind::With { body, .. } => drop_docstrings(body),
            StmtKind::Match { cases, .. } => cases.iter_mut().for_each(|c| drop_docstrings(&mut c.body)),
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                drop_docstrings(body);
                handlers.iter_mut().for_each(|h| drop_docstrings(&mut h.body));
                drop_docstrings(orelse);
                drop_docstrings(finalbody);
            }
            _ => {}
        }
    }
}

/// `'... %s ...' % (a, ...)` as the parts of an f-string, where it is one.
fn format_values(left: &Expr, right: &mut Expr) -> Option<Vec<Expr>> {
    let text: Vec<char> = left.as_str_constant()?.as_str()?.chars().collect();
    let ExprKind::Tuple { elts, .. } = &mut right.kind else { return None };
    if elts.iter().any(|e| matches!(e.kind, ExprKind::Starred { .. })) {
        return None;
    }
    /// A part: text, or a conversion with its format spec.
    enum Part {
        Text(String),
        Value(char, String),
    }
    let mut parts = Vec::new();
    let (mut literal, mut i, mut used) = (String::new(), 0, 0);
    while i < text.len() {
        let c = text[i];
        i += 1;
        if c != '%' {
            literal.push(c);
            continue;
        }
        if text.get(i) == Some(&'%') {
            literal.push('%');
            i += 1;
            continue;
        }
        let number = |i: &mut usize| {
            let start = *i;
            while text.get(*i).is_some_and(char::is_ascii_digit) {
                *i += 1;
            }
            text[start..*i].iter().collect::<String>()
        };
        let left_aligned = text.get(i) == Some(&'-');
        i += left_aligned as usize;
        let width = number(&mut i);
        let mut spec = if width.is_empty() || left_aligned { width.clone() } else { format!(">{width}") };
        if width.starts_with('0') {
            return None;
        }
        let mut precision = String::new();
        if text.get(i) == Some(&'.') {
            i += 1;
            precision = number(&mut i);
            spec += &format!(".{}", if precision.is_empty() { "0" } else { &precision });
        }
        let conversion = *text.get(i)?;
        if width.len() > 3 || precision.len() > 3 || !matches!(conversion, 's' | 'r' | 'a') {
            return None;
        }
        i += 1;
        used += 1;
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Value(conversion, spec));
    }
    if used != elts.len() {
        return None;
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    let constant = |loc: Loc, text: String| Expr {
        loc,
        kind: ExprKind::Constant { value: Const::Str(text.as_str().into()), u_kind: false },
    };
    let mut values = std::mem::take(elts).into_iter();
    let part = |p| match p {
        Part::Text(t) => Some(constant(left.loc, t)),
        Part::Value(conversion, spec) => {
            let value = Box::new(values.next()?);
            let loc = value.loc;
            let format_spec = (!spec.is_empty()).then(|| Box::new(constant(loc, spec)));
            Some(Expr { loc, kind: ExprKind::FormattedValue { value, conversion: conversion as i32, format_spec } })
        }
    };
    Some(parts.into_iter().filter_map(part).collect())
}

impl Folder<'_> {
    fn deeper(&mut self, f: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        if self.depth > crate::lower::MAX_DEPTH {
            return Err(crate::lower::recursion_error());
        }
        stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || f(self))?;
        self.depth -= 1;
        Ok(())
    }

    fn stmts(&mut self, body: &mut [Stmt]) -> Result<()> {
        body.iter_mut().try_for_each(|s| self.deeper(|f| f.stmt(s)))
    }

    fn exprs(&mut self, list: &mut [Expr]) -> Result<()> {
        list.iter_mut().try_for_each(|e| self.expr(e))
    }

    fn opt(&mut self, e: &mut Option<Box<Expr>>) -> Result<()> {
        e.as_mut().map_or(Ok(()), |e| self.expr(e))
    }

    fn within(&mut self, state: Finally, body: &mut [Stmt]) -> Result<()> {
        self.finally.push(state);
        let r = self.stmts(body);
        self.finally.pop();
        r
    }

    fn warn_finally(&mut self, what: &str, loc: Loc, loops: bool) {
        let Some(f) = self.finally.last() else { return };
        if !f.in_finally || f.in_function || (loops && f.in_loop) {
            return;
        }
        let (offset, end_offset) = self.src.char_cols(loc);
        self.warnings.push(SyntaxWarning {
            kind: WarningKind::Syntax,
            msg: format!("'{what}' in a 'finally' block"),
            lineno: loc.lineno as u32,
            offset,
            end_lineno: loc.end_lineno as u32,
            end_offset,
        });
    }

    fn looped(&mut self, body: &mut [Stmt]) -> Result<()> {
        self.within(Finally { in_finally: false, in_function: false, in_loop: true }, body)
    }

    fn annotation(&mut self, e: &mut Option<Box<Expr>>) -> Result<()> {
        if self.future_annotations { Ok(()) } else { self.opt(e) }
    }

    fn arguments(&mut self, a: &mut Arguments) -> Result<()> {
        for p in a.posonlyargs.iter_mut().chain(&mut a.args).chain(&mut a.kwonlyargs) {
            self.annotation(&mut p.annotation)?;
        }
        for p in [&mut a.vararg, &mut a.kwarg].into_iter().flatten() {
            self.annotation(&mut p.annotation)?;
        }
        self.exprs(&mut a.defaults)?;
        a.kw_defaults.iter_mut().flatten().try_for_each(|d| self.expr(d))
    }

    fn type_params(&mut self, list: &mut [TypeParam]) -> Result<()> {
        for p in list {
            if let TypeParamKind::TypeVar { bound } = &mut p.kind {
                self.opt(bound)?;
            }
            self.opt(&mut p.default)?;
        }
        Ok(())
    }

    fn stmt(&mut self, s: &mut Stmt) -> Result<()> {
        let loc = s.loc;
        match &mut s.kind {
            StmtKind::FunctionDef(f) => {
                self.exprs(&mut f.decorator_list)?;
                self.type_params(&mut f.type_params)?;
                self.arguments(&mut f.args)?;
                if !self.future_annotations
                    && let Some(r) = &mut f.returns
                {
                    self.expr(r)?;
                }
                self.within(Finally { in_finally: false, in_function: true, in_loop: false }, &mut f.body)
            }
            StmtKind::ClassDef(c) => {
                self.exprs(&mut c.decorator_list)?;
                self.type_params(&mut c.type_params)?;
                self.exprs(&mut c.bases)?;
                c.keywords.iter_mut().try_for_each(|k| self.expr(&mut k.value))?;
                self.stmts(&mut c.body)
            }
            StmtKind::Return(v) => {
                self.warn_finally("return", loc, false);
                self.opt(v)
            }
            StmtKind::Delete(t) => self.exprs(t),
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets)?;
                self.expr(value)
            }
            StmtKind::TypeAlias { type_params, value, .. } => {
                self.type_params(type_params)?;
                self.expr(value)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)
            }
            StmtKind::AnnAssign { target, annotation, value, .. } => {
                self.expr(target)?;
                if !self.future_annotations {
                    self.expr(annotation)?;
                }
                self.opt(value)
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.expr(target)?;
                self.expr(iter)?;
                fold_iter(iter);
                self.looped(body)?;
                self.stmts(orelse)
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                self.looped(body)?;
                self.stmts(orelse)
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test)?;
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::With { items, body, .. } => {
                for i in items {
                    self.expr(&mut i.context_expr)?;
                    self.opt(&mut i.optional_vars)?;
                }
                self.stmts(body)
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject)?;
                for c in cases {
                    self.pattern(&mut c.pattern)?;
                    self.opt(&mut c.guard)?;
                    self.stmts(&mut c.body)?;
                }
                Ok(())
            }
            StmtKind::Raise { exc, cause } => {
                self.opt(exc)?;
                self.opt(cause)
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                self.stmts(body)?;
                for h in handlers {
                    self.opt(&mut h.typ)?;
                    self.stmts(&mut h.body)?;
                }
                self.stmts(orelse)?;
                self.within(Finally { in_finally: true, in_function: false, in_loop: false }, finalbody)
            }
            StmtKind::Assert { test, msg } => {
                self.expr(test)?;
                self.opt(msg)
            }
            StmtKind::Expr(e) => {
                let literal = matches!(e.kind, ExprKind::Constant { .. });
                self.expr(e)?;
                // What folding made is no docstring (and nobody sees its value, unless at the prompt).
                if !literal && !self.interactive && e.as_str_constant().is_some() {
                    set(e, Const::None);
                }
                Ok(())
            }
            StmtKind::Break => {
                self.warn_finally("break", loc, true);
                Ok(())
            }
            StmtKind::Continue => {
                self.warn_finally("continue", loc, true);
                Ok(())
            }
            StmtKind::Import(_)
            | StmtKind::ImportFrom { .. }
            | StmtKind::Global(_)
            | StmtKind::Nonlocal(_)
            | StmtKind::Pass => Ok(()),
        }
    }

    fn pattern(&mut self, p: &mut Pattern) -> Result<()> {
        match &mut p.kind {
            PatternKind::MatchValue(e) => self.expr(e),
            PatternKind::MatchSequence(l) | PatternKind::MatchOr(l) => {
                l.iter_mut().try_for_each(|p| self.deeper(|f| f.pattern(p)))
            }
            PatternKind::MatchMapping { keys, patterns, .. } => {
                self.exprs(keys)?;
                patterns.iter_mut().try_for_each(|p| self.deeper(|f| f.pattern(p)))
            }
            PatternKind::MatchClass { cls, patterns, kwd_patterns, .. } => {
                self.expr(cls)?;
                patterns.iter_mut().chain(kwd_patterns).try_for_each(|p| self.deeper(|f| f.pattern(p)))
            }
            PatternKind::MatchAs { pattern: Some(p), .. } => self.deeper(|f| f.pattern(p)),
            _ => Ok(()),
        }
    }

    fn expr(&mut self, e: &mut Expr) -> Result<()> {
        match &e.kind {
            ExprKind::Constant { .. } => Ok(()),
            ExprKind::Name { id, ctx } => {
                if *ctx == Ctx::Load && &**id == "__debug__" {
                    set(e, if self.optimize == 0 { Const::True } else { Const::False });
                }
                Ok(())
            }
            _ => self.deeper(|f| f.expr_inner(e)),
        }
    }

    fn generators(&mut self, list: &mut [Comprehension]) -> Result<()> {
        for g in list {
            self.expr(&mut g.target)?;
            self.expr(&mut g.iter)?;
            fold_iter(&mut g.iter);
            self.exprs(&mut g.ifs)?;
        }
        Ok(())
    }

    fn expr_inner(&mut self, e: &mut Expr) -> Result<()> {
        let folded = match &mut e.kind {
            ExprKind::BoolOp { values, .. } => {
                self.exprs(values)?;
                None
            }
            ExprKind::NamedExpr { target, value } => {
                self.expr(target)?;
                self.expr(value)?;
                None
            }
            ExprKind::BinOp { left, op, right } => {
                self.expr(left)?;
                if *op == Operator::Mod
                    && let Some(values) = format_values(left, right)
                {
                    e.kind = ExprKind::JoinedStr(values);
                    let ExprKind::JoinedStr(values) = &mut e.kind else { return Ok(()) };
                    return self.exprs(values);
                }
                self.expr(right)?;
                match (&left.kind, &right.kind) {
                    (ExprKind::Constant { value: a, .. }, ExprKind::Constant { value: b, .. }) => binary(*op, a, b),
                    _ => None,
                }
            }
            ExprKind::UnaryOp { op, operand } => {
                self.expr(operand)?;
                match &operand.kind {
                    ExprKind::Constant { value, .. } => unary(*op, value),
                    _ => None,
                }
            }
            ExprKind::Lambda { args, body } => {
                self.arguments(args)?;
                self.expr(body)?;
                None
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)?;
                None
            }
            ExprKind::Dict { keys, values } => {
                keys.iter_mut().flatten().try_for_each(|k| self.expr(k))?;
                self.exprs(values)?;
                None
            }
            ExprKind::Set(l) | ExprKind::JoinedStr(l) | ExprKind::TemplateStr(l) => {
                self.exprs(l)?;
                None
            }
            ExprKind::ListComp { elt, generators }
            | ExprKind::SetComp { elt, generators }
            | ExprKind::GeneratorExp { elt, generators } => {
                self.expr(elt)?;
                self.generators(generators)?;
                None
            }
            ExprKind::DictComp { key, value, generators } => {
                self.expr(key)?;
                self.expr(value)?;
                self.generators(generators)?;
                None
            }
            ExprKind::Await(v)
            | ExprKind::YieldFrom(v)
            | ExprKind::Starred { value: v, .. }
            | ExprKind::Attribute { value: v, .. } => {
                self.expr(v)?;
                None
            }
            ExprKind::Yield(v) => {
                self.opt(v)?;
                None
            }
            ExprKind::Compare { left, ops, comparators } => {
                self.expr(left)?;
                self.exprs(comparators)?;
                for (o, c) in ops.iter().zip(comparators) {
                    if matches!(o, CmpOp::In | CmpOp::NotIn) {
                        fold_iter(c);
                    }
                }
                None
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func)?;
                self.exprs(args)?;
                keywords.iter_mut().try_for_each(|k| self.expr(&mut k.value))?;
                None
            }
            ExprKind::FormattedValue { value, format_spec, .. }
            | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expr(value)?;
                self.opt(format_spec)?;
                None
            }
            ExprKind::Subscript { value, slice, ctx } => {
                self.expr(value)?;
                self.expr(slice)?;
                match (&value.kind, &slice.kind) {
                    (ExprKind::Constant { value: v, .. }, ExprKind::Constant { value: i, .. }) if *ctx == Ctx::Load => {
                        subscript(v, i)
                    }
                    _ => None,
                }
            }
            ExprKind::List { elts, .. } => {
                self.exprs(elts)?;
                None
            }
            ExprKind::Tuple { elts, ctx } => {
                self.exprs(elts)?;
                if *ctx == Ctx::Load { constants(elts).map(Const::Tuple) } else { None }
            }
            ExprKind::Slice { lower, upper, step } => {
                self.opt(lower)?;
                self.opt(upper)?;
                self.opt(step)?;
                let part = |x: &Option<Box<Expr>>| match x.as_deref() {
                    None => Some(Const::None),
                    Some(Expr { kind: ExprKind::Constant { value, .. }, .. }) => Some(value.clone()),
                    _ => None,
                };
                match (part(lower), part(upper), part(step)) {
                    (Some(a), Some(b), Some(c)) => Some(Const::Slice(Box::new([a, b, c]))),
                    _ => None,
                }
            }
            ExprKind::Constant { .. } | ExprKind::Name { .. } => None,
        };
        if let Some(c) = folded {
            set(e, c);
        }
        Ok(())
    }
}

fn set(e: &mut Expr, c: Const) {
    e.kind = ExprKind::Constant { value: c, u_kind: false };
}

fn constants(elts: &[Expr]) -> Option<Vec<Const>> {
    if !elts.iter().all(|e| matches!(e.kind, ExprKind::Constant { .. })) {
        return None;
    }
    Some(
        elts.iter()
            .filter_map(|e| match &e.kind {
                ExprKind::Constant { value, .. } => Some(value.clone()),
                _ => None,
            })
            .collect(),
    )
}

/// A list or set that is only iterated or searched may be a constant.
fn fold_iter(e: &mut Expr) {
    let c = match &e.kind {
        ExprKind::List { elts, ctx: Ctx::Load } => constants(elts).map(Const::Tuple),
        ExprKind::Set(elts) => constants(elts).map(|c| Const::FrozenSet(distinct(c))),
        _ => None,
    };
    if let Some(c) = c {
        set(e, c);
    }
}

fn int_of(c: &Const) -> Option<BigInt> {
    Some(match c {
        Const::Int(v) => BigInt::from(*v),
        Const::BigInt(v) => (**v).clone(),
        Const::True => BigInt::from(1),
        Const::False => BigInt::from(0),
        _ => return None,
    })
}

/// A constant of an int, in its smallest form.
pub fn int_const(v: BigInt) -> Const {
    match v.to_i64() {
        Some(v) => Const::Int(v),
        None => Const::BigInt(Box::new(v)),
    }
}

fn float_of(c: &Const) -> Option<f64> {
    match c {
        Const::Float(f) => Some(*f),
        Const::Int(v) if v.unsigned_abs() <= 1 << 53 => Some(*v as f64),
        Const::True => Some(1.0),
        Const::False => Some(0.0),
        _ => None,
    }
}

fn complex_of(c: &Const) -> Option<(f64, f64)> {
    match c {
        Const::Complex(a, b) => Some((*a, *b)),
        _ => float_of(c).map(|f| (f, 0.0)),
    }
}

fn unary(op: UnaryOp, c: &Const) -> Option<Const> {
    match op {
        UnaryOp::Not => {
            let t = match c {
                Const::None | Const::False => false,
                Const::Int(v) => *v != 0,
                Const::Float(f) => *f != 0.0,
                Const::Complex(a, b) => *a != 0.0 || *b != 0.0,
                Const::Str(s) => !s.is_empty(),
                Const::Bytes(b) => !b.is_empty(),
                Const::Tuple(t) | Const::FrozenSet(t) => !t.is_empty(),
                _ => true,
            };
            Some(if t { Const::False } else { Const::True })
        }
        UnaryOp::USub => match c {
            Const::Float(f) => Some(Const::Float(-f)),
            Const::Complex(a, b) => Some(Const::Complex(-a, -b)),
            _ => Some(int_const(-int_of(c)?)),
        },
        UnaryOp::UAdd => match c {
            Const::Float(_) | Const::Complex(..) => Some(c.clone()),
            _ => Some(int_const(int_of(c)?)),
        },
        UnaryOp::Invert => match c {
            Const::True | Const::False => None,
            _ => Some(int_const(-int_of(c)? - 1)),
        },
    }
}

/// Largest ints, sequences and strings that folding makes.
const MAX_INT_BITS: u64 = 128;
const MAX_COLLECTION: usize = 256;
const MAX_STR: usize = 4096;

fn binary(op: Operator, a: &Const, b: &Const) -> Option<Const> {
    if let (Some(x), Some(y)) = (int_of(a), int_of(b)) {
        return int_binary(op, &x, &y, matches!((a, b), (Const::True | Const::False, Const::True | Const::False)));
    }
    if let (Some(x), Some(y)) = (float_of(a), float_of(b)) {
        return float_binary(op, x, y);
    }
    if let (Some(x), Some(y)) = (complex_of(a), complex_of(b)) {
        return complex_binary(op, a, b, x, y);
    }
    match (op, a, b) {
        (Operator::Add, Const::Str(x), Const::Str(y)) => {
            let mut s = x.clone();
            s.push(y);
            Some(Const::Str(s))
        }
        (Operator::Add, Const::Bytes(x), Const::Bytes(y)) => Some(Const::Bytes([&x[..], y].concat())),
        (Operator::Add, Const::Tuple(x), Const::Tuple(y)) => Some(Const::Tuple([&x[..], y].concat())),
        (Operator::Mult, seq, n) | (Operator::Mult, n, seq)
            if matches!(n, Const::Int(_)) && !matches!(seq, Const::Int(_)) =>
        {
            let Const::Int(n) = n else { return None };
            let n = usize::try_from((*n).max(0)).ok()?;
            match seq {
                Const::Str(s) if s.as_bytes().len().checked_mul(n)? <= MAX_STR => {
                    Some(Const::Str(PyStr::from_wtf8(s.as_bytes().repeat(n))))
                }
                Const::Bytes(s) if s.len().checked_mul(n)? <= MAX_STR => Some(Const::Bytes(s.repeat(n))),
                Const::Tuple(t) if t.len().checked_mul(n)? <= MAX_COLLECTION => {
                    Some(Const::Tuple(t.iter().cloned().cycle().take(t.len() * n).collect()))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn int_binary(op: Operator, x: &BigInt, y: &BigInt, bools: bool) -> Option<Const> {
    use num_bigint::Sign;
    let floor_div = |x: &BigInt, y: &BigInt| {
        let q = x / y;
        let r = x % y;
        if !r.is_zero() && (r.sign() == Sign::Minus) != (y.sign() == Sign::Minus) { q - 1 } else { q }
    };
    let v = match op {
        Operator::Add => x + y,
        Operator::Sub => x - y,
        Operator::Mult => {
            if x.bits() + y.bits() > MAX_INT_BITS {
                return None;
            }
            x * y
        }
        Operator::FloorDiv if !y.is_zero() => floor_div(x, y),
        Operator::Mod if !y.is_zero() => x - floor_div(x, y) * y,
        Operator::Div if !y.is_zero() => {
            let (a, b) = (x.to_i64()?, y.to_i64()?);
            if a.unsigned_abs() > 1 << 53 || b.unsigned_abs() > 1 << 53 {
                return None;
            }
            return Some(Const::Float(a as f64 / b as f64));
        }
        Operator::Pow => {
            if y.is_negative() {
                return float_binary(op, x.to_f64()?, y.to_f64()?);
            }
            let n = y.to_u32()?;
            if x.bits().saturating_mul(n as u64) > MAX_INT_BITS {
                return None;
            }
            x.pow(n)
        }
        Operator::LShift => {
            let n = y.to_u64()?;
            if n > MAX_INT_BITS || x.bits() + n > MAX_INT_BITS {
                return None;
            }
            x << n
        }
        Operator::RShift => x >> y.to_u64()?.min(1 << 20),
        Operator::BitAnd | Operator::BitOr | Operator::BitXor => {
            let v = match op {
                Operator::BitAnd => x & y,
                Operator::BitOr => x | y,
                _ => x ^ y,
            };
            if bools {
                return Some(if v.is_zero() { Const::False } else { Const::True });
            }
            v
        }
        _ => return None,
    };
    Some(int_const(v))
}

fn float_binary(op: Operator, x: f64, y: f64) -> Option<Const> {
    let v = match op {
        Operator::Add => x + y,
        Operator::Sub => x - y,
        Operator::Mult => x * y,
        Operator::Div if y != 0.0 => x / y,
        Operator::Pow => {
            if (x == 0.0 && y < 0.0) || (x < 0.0 && y.fract() != 0.0) || !x.is_finite() || !y.is_finite() {
                return None;
            }
            let v = x.powf(y);
            if !v.is_finite() {
                return None;
            }
            v
        }
        Operator::FloorDiv | Operator::Mod if y != 0.0 && x.is_finite() && y.is_finite() => {
            let mut m = x % y;
            let mut d = (x - m) / y;
            if m != 0.0 {
                if (y < 0.0) != (m < 0.0) {
                    m += y;
                    d -= 1.0;
                }
            } else {
                m = 0f64.copysign(y);
            }
            if op == Operator::Mod {
                m
            } else if d != 0.0 {
                let f = d.floor();
                if d - f > 0.5 { f + 1.0 } else { f }
            } else {
                0f64.copysign(x / y)
            }
        }
        _ => return None,
    };
    Some(Const::Float(v))
}

/// Only what `1 + 2j` literals need: mixed real and imaginary sums keep the signs of zeros as Python does.
fn complex_binary(op: Operator, a: &Const, b: &Const, x: (f64, f64), y: (f64, f64)) -> Option<Const> {
    let (ca, cb) = (matches!(a, Const::Complex(..)), matches!(b, Const::Complex(..)));
    match op {
        Operator::Add => {
            let im = match (ca, cb) {
                (true, true) => x.1 + y.1,
                (true, false) => x.1,
                _ => y.1,
            };
            Some(Const::Complex(x.0 + y.0, im))
        }
        Operator::Sub => {
            let im = match (ca, cb) {
                (true, true) => x.1 - y.1,
                (true, false) => x.1,
                _ => -y.1,
            };
            Some(Const::Complex(x.0 - y.0, im))
        }
        _ => None,
    }
}

fn subscript(v: &Const, i: &Const) -> Option<Const> {
    let Const::Int(i) = i else { return None };
    let at = |len: usize| {
        let k = if *i < 0 { *i + len as i64 } else { *i };
        usize::try_from(k).ok().filter(|k| *k < len)
    };
    match v {
        Const::Tuple(t) => Some(t[at(t.len())?].clone()),
        Const::Bytes(b) => Some(Const::Int(b[at(b.len())?] as i64)),
        Const::Str(s) => {
            let cps: Vec<u32> = s.code_points().collect();
            let mut out = PyStr::new();
            out.push_code_point(cps[at(cps.len())?]);
            Some(Const::Str(out))
        }
        _ => None,
    }
}
