//! Checks of trees that did not come from the parser: code generation relies on what is checked here.

use crate::ast::*;
use crate::code::Const;
use crate::error::{CompileError, ErrorKind, Result};

fn value_error<T>(msg: impl Into<String>) -> Result<T> {
    Err(CompileError::plain(ErrorKind::Value, msg))
}

/// Checks a tree.
pub fn validate(tree: &Mod) -> Result<()> {
    let mut v = Validator { depth: 0 };
    match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => v.stmts(body),
        Mod::Expression { body } => v.expr(body, Ctx::Load),
        Mod::FunctionType { argtypes, returns } => {
            v.exprs(argtypes, Ctx::Load)?;
            v.expr(returns, Ctx::Load)
        }
    }
}

struct Validator {
    depth: u32,
}

fn place(l: &Loc) -> Result<()> {
    if l.lineno > l.end_lineno {
        return value_error(format!("AST node line range ({}, {}) is not valid", l.lineno, l.end_lineno));
    }
    if (l.lineno < 0 && l.end_lineno != l.lineno) || (l.col < 0 && l.col != l.end_col) {
        return value_error(format!(
            "AST node column range ({}, {}) for line range ({}, {}) is not valid",
            l.col, l.end_col, l.lineno, l.end_lineno
        ));
    }
    if l.lineno == l.end_lineno && l.col > l.end_col {
        return value_error(format!("line {}, column {}-{} is not a valid range", l.lineno, l.col, l.end_col));
    }
    Ok(())
}

fn nonempty<T>(l: &[T], what: &str, owner: &str) -> Result<()> {
    if l.is_empty() { value_error(format!("empty {what} on {owner}")) } else { Ok(()) }
}

fn name(n: &str) -> Result<()> {
    match n {
        "None" | "True" | "False" => value_error(format!("identifier field can't represent '{n}' constant")),
        _ => Ok(()),
    }
}

fn aliases(list: &[Alias], owner: &str) -> Result<()> {
    nonempty(list, "names", owner)?;
    list.iter().try_for_each(|a| {
        name(&a.name)?;
        a.asname.as_deref().map_or(Ok(()), name)
    })
}

fn ctx_name(c: Ctx) -> &'static str {
    match c {
        Ctx::Load => "Load",
        Ctx::Store => "Store",
        Ctx::Del => "Del",
    }
}

impl Validator {
    fn deeper(&mut self, f: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        if self.depth > crate::lower::MAX_DEPTH {
            return Err(crate::lower::recursion_error());
        }
        let r = stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || f(self));
        self.depth -= 1;
        r
    }

    fn stmts(&mut self, body: &[Stmt]) -> Result<()> {
        body.iter().try_for_each(|s| self.deeper(|v| v.stmt(s)))
    }

    fn body(&mut self, body: &[Stmt], owner: &str) -> Result<()> {
        nonempty(body, "body", owner)?;
        self.stmts(body)
    }

    fn exprs(&mut self, list: &[Expr], ctx: Ctx) -> Result<()> {
        list.iter().try_for_each(|e| self.expr(e, ctx))
    }

    fn opt(&mut self, e: &Option<Box<Expr>>) -> Result<()> {
        e.as_ref().map_or(Ok(()), |e| self.expr(e, Ctx::Load))
    }

    fn targets(&mut self, list: &[Expr], ctx: Ctx, owner: &str) -> Result<()> {
        nonempty(list, "targets", owner)?;
        self.exprs(list, ctx)
    }

    fn type_params(&mut self, list: &[TypeParam]) -> Result<()> {
        for p in list {
            place(&p.loc)?;
            name(&p.name)?;
            if let TypeParamKind::TypeVar { bound } = &p.kind {
                self.opt(bound)?;
            }
            self.opt(&p.default)?;
        }
        Ok(())
    }

    fn arguments(&mut self, a: &Arguments) -> Result<()> {
        let all = a
            .posonlyargs
            .iter()
            .chain(&a.args)
            .chain(a.vararg.as_deref())
            .chain(&a.kwonlyargs)
            .chain(a.kwarg.as_deref());
        for p in all {
            place(&p.loc)?;
            name(&p.arg)?;
            self.opt(&p.annotation)?;
        }
        if a.defaults.len() > a.posonlyargs.len() + a.args.len() {
            return value_error("more positional defaults than args on arguments");
        }
        if a.kw_defaults.len() != a.kwonlyargs.len() {
            return value_error("length of kwonlyargs is not the same as kw_defaults on arguments");
        }
        self.exprs(&a.defaults, Ctx::Load)?;
        a.kw_defaults.iter().flatten().try_for_each(|d| self.expr(d, Ctx::Load))
    }

    fn keywords(&mut self, list: &[Keyword]) -> Result<()> {
        list.iter().try_for_each(|k| self.expr(&k.value, Ctx::Load))
    }

    fn stmt(&mut self, s: &Stmt) -> Result<()> {
        place(&s.loc)?;
        match &s.kind {
            StmtKind::FunctionDef(f) => {
                name(&f.name)?;
                self.body(&f.body, if f.is_async { "AsyncFunctionDef" } else { "FunctionDef" })?;
                self.type_params(&f.type_params)?;
                self.arguments(&f.args)?;
                self.exprs(&f.decorator_list, Ctx::Load)?;
                f.returns.as_ref().map_or(Ok(()), |r| self.expr(r, Ctx::Load))
            }
            StmtKind::ClassDef(c) => {
                name(&c.name)?;
                self.body(&c.body, "ClassDef")?;
                self.type_params(&c.type_params)?;
                self.exprs(&c.bases, Ctx::Load)?;
                self.keywords(&c.keywords)?;
                self.exprs(&c.decorator_list, Ctx::Load)
            }
            StmtKind::Return(v) => self.opt(v),
            StmtKind::Delete(t) => self.targets(t, Ctx::Del, "Delete"),
            StmtKind::Assign { targets, value, .. } => {
                self.targets(targets, Ctx::Store, "Assign")?;
                self.expr(value, Ctx::Load)
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                if !matches!(name.kind, ExprKind::Name { .. }) {
                    return Err(CompileError::plain(ErrorKind::Type, "TypeAlias with non-Name name"));
                }
                self.expr(name, Ctx::Store)?;
                self.type_params(type_params)?;
                self.expr(value, Ctx::Load)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target, Ctx::Store)?;
                self.expr(value, Ctx::Load)
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                if *simple && !matches!(target.kind, ExprKind::Name { .. }) {
                    return Err(CompileError::plain(ErrorKind::Type, "AnnAssign with simple non-Name target"));
                }
                self.expr(target, Ctx::Store)?;
                self.opt(value)?;
                self.expr(annotation, Ctx::Load)
            }
            StmtKind::For { is_async, target, iter, body, orelse, .. } => {
                self.expr(target, Ctx::Store)?;
                self.expr(iter, Ctx::Load)?;
                self.body(body, if *is_async { "AsyncFor" } else { "For" })?;
                self.stmts(orelse)
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test, Ctx::Load)?;
                self.body(body, "While")?;
                self.stmts(orelse)
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test, Ctx::Load)?;
                self.body(body, "If")?;
                self.stmts(orelse)
            }
            StmtKind::With { is_async, items, body, .. } => {
                let owner = if *is_async { "AsyncWith" } else { "With" };
                nonempty(items, "items", owner)?;
                for i in items {
                    self.expr(&i.context_expr, Ctx::Load)?;
                    if let Some(v) = &i.optional_vars {
                        self.expr(v, Ctx::Store)?;
                    }
                }
                self.body(body, owner)
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject, Ctx::Load)?;
                nonempty(cases, "cases", "Match")?;
                for c in cases {
                    self.pattern(&c.pattern, false)?;
                    self.opt(&c.guard)?;
                    self.body(&c.body, "match_case")?;
                }
                Ok(())
            }
            StmtKind::Raise { exc, cause } => {
                if exc.is_none() && cause.is_some() {
                    return value_error("Raise with cause but no exception");
                }
                self.opt(exc)?;
                self.opt(cause)
            }
            StmtKind::Try { is_star, body, handlers, orelse, finalbody } => {
                let owner = if *is_star { "TryStar" } else { "Try" };
                self.body(body, owner)?;
                if handlers.is_empty() && finalbody.is_empty() {
                    return value_error(format!("{owner} has neither except handlers nor finalbody"));
                }
                if handlers.is_empty() && !orelse.is_empty() {
                    return value_error(format!("{owner} has orelse but no except handlers"));
                }
                for h in handlers {
                    place(&h.loc)?;
                    h.name.as_deref().map_or(Ok(()), name)?;
                    self.opt(&h.typ)?;
                    self.body(&h.body, "ExceptHandler")?;
                }
                self.stmts(finalbody)?;
                self.stmts(orelse)
            }
            StmtKind::Assert { test, msg } => {
                self.expr(test, Ctx::Load)?;
                self.opt(msg)
            }
            StmtKind::Import(n) => aliases(n, "Import"),
            StmtKind::ImportFrom { names, .. } => aliases(names, "ImportFrom"),
            StmtKind::Global(n) => nonempty(n, "names", "Global"),
            StmtKind::Nonlocal(n) => nonempty(n, "names", "Nonlocal"),
            StmtKind::Expr(e) => self.expr(e, Ctx::Load),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
        }
    }

    fn expr(&mut self, e: &Expr, ctx: Ctx) -> Result<()> {
        self.deeper(|v| v.expr_inner(e, ctx))
    }

    fn generators(&mut self, list: &[Comprehension]) -> Result<()> {
        if list.is_empty() {
            return value_error("comprehension with no generators");
        }
        for g in list {
            self.expr(&g.target, Ctx::Store)?;
            self.expr(&g.iter, Ctx::Load)?;
            self.exprs(&g.ifs, Ctx::Load)?;
        }
        Ok(())
    }

    fn expr_inner(&mut self, e: &Expr, ctx: Ctx) -> Result<()> {
        place(&e.loc)?;
        let own = match &e.kind {
            ExprKind::Attribute { ctx, .. }
            | ExprKind::Subscript { ctx, .. }
            | ExprKind::Starred { ctx, .. }
            | ExprKind::List { ctx, .. }
            | ExprKind::Tuple { ctx, .. } => Some(*ctx),
            ExprKind::Name { id, ctx } => {
                name(id)?;
                Some(*ctx)
            }
            _ => None,
        };
        match own {
            Some(own) if own != ctx => {
                return value_error(format!(
                    "expression must have {} context but has {} instead",
                    ctx_name(ctx),
                    ctx_name(own)
                ));
            }
            None if ctx != Ctx::Load => {
                return value_error(format!("expression which can't be assigned to in {} context", ctx_name(ctx)));
            }
            _ => {}
        }
        match &e.kind {
            ExprKind::BoolOp { values, .. } => {
                if values.len() < 2 {
                    return value_error("BoolOp with less than 2 values");
                }
                self.exprs(values, Ctx::Load)
            }
            ExprKind::NamedExpr { target, value } => {
                if !matches!(target.kind, ExprKind::Name { .. }) {
                    return Err(CompileError::plain(ErrorKind::Type, "NamedExpr target must be a Name"));
                }
                self.expr(target, Ctx::Store)?;
                self.expr(value, Ctx::Load)
            }
            ExprKind::BinOp { left, right, .. } => {
                self.expr(left, Ctx::Load)?;
                self.expr(right, Ctx::Load)
            }
            ExprKind::UnaryOp { operand, .. } => self.expr(operand, Ctx::Load),
            ExprKind::Lambda { args, body } => {
                self.arguments(args)?;
                self.expr(body, Ctx::Load)
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test, Ctx::Load)?;
                self.expr(body, Ctx::Load)?;
                self.expr(orelse, Ctx::Load)
            }
            ExprKind::Dict { keys, values } => {
                if keys.len() != values.len() {
                    return value_error("Dict doesn't have the same number of keys as values");
                }
                keys.iter().flatten().try_for_each(|k| self.expr(k, Ctx::Load))?;
                self.exprs(values, Ctx::Load)
            }
            ExprKind::Set(l) | ExprKind::JoinedStr(l) | ExprKind::TemplateStr(l) => self.exprs(l, Ctx::Load),
            ExprKind::ListComp { elt, generators }
            | ExprKind::SetComp { elt, generators }
            | ExprKind::GeneratorExp { elt, generators } => {
                self.generators(generators)?;
                self.expr(elt, Ctx::Load)
            }
            ExprKind::DictComp { key, value, generators } => {
                self.generators(generators)?;
                self.expr(key, Ctx::Load)?;
                self.expr(value, Ctx::Load)
            }
            ExprKind::Await(v) | ExprKind::YieldFrom(v) => self.expr(v, Ctx::Load),
            ExprKind::Yield(v) => self.opt(v),
            ExprKind::Compare { left, ops, comparators } => {
                if comparators.is_empty() {
                    return value_error("Compare has no comparators");
                }
                if comparators.len() != ops.len() {
                    return value_error("Compare has a different number of comparators and operands");
                }
                self.exprs(comparators, Ctx::Load)?;
                self.expr(left, Ctx::Load)
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func, Ctx::Load)?;
                self.exprs(args, Ctx::Load)?;
                self.keywords(keywords)
            }
            ExprKind::FormattedValue { value, format_spec, .. }
            | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expr(value, Ctx::Load)?;
                self.opt(format_spec)
            }
            ExprKind::Constant { value, .. } => constant(value),
            ExprKind::Attribute { value, .. } => self.expr(value, Ctx::Load),
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(slice, Ctx::Load)?;
                self.expr(value, Ctx::Load)
            }
            ExprKind::Starred { value, .. } => self.expr(value, ctx),
            ExprKind::Name { .. } => Ok(()),
            ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => self.exprs(elts, ctx),
            ExprKind::Slice { lower, upper, step } => {
                self.opt(lower)?;
                self.opt(upper)?;
                self.opt(step)
            }
        }
    }

    fn pattern(&mut self, p: &Pattern, star_ok: bool) -> Result<()> {
        self.deeper(|v| v.pattern_inner(p, star_ok))
    }

    fn capture(&self, n: &Option<Ident>) -> Result<()> {
        match n.as_deref() {
            Some("_") => value_error("can't capture name '_' in patterns"),
            Some(n) => name(n),
            None => Ok(()),
        }
    }

    fn pattern_inner(&mut self, p: &Pattern, star_ok: bool) -> Result<()> {
        place(&p.loc)?;
        match &p.kind {
            PatternKind::MatchValue(e) => {
                self.expr(e, Ctx::Load)?;
                self.pattern_value(e)
            }
            PatternKind::MatchSingleton(c) => match c {
                Const::None | Const::True | Const::False => Ok(()),
                _ => value_error("MatchSingleton can only contain True, False and None"),
            },
            PatternKind::MatchSequence(l) => l.iter().try_for_each(|p| self.pattern(p, true)),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                if keys.len() != patterns.len() {
                    return value_error("MatchMapping doesn't have the same number of keys as patterns");
                }
                self.capture(rest)?;
                for k in keys {
                    self.expr(k, Ctx::Load)?;
                    if !matches!(k.kind, ExprKind::Constant { value: Const::None | Const::True | Const::False, .. }) {
                        self.pattern_value(k)?;
                    }
                }
                patterns.iter().try_for_each(|p| self.pattern(p, false))
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                if kwd_attrs.len() != kwd_patterns.len() {
                    return value_error("MatchClass doesn't have the same number of keyword attributes as patterns");
                }
                self.expr(cls, Ctx::Load)?;
                let mut c = &**cls;
                loop {
                    match &c.kind {
                        ExprKind::Name { .. } => break,
                        ExprKind::Attribute { value, .. } => c = value,
                        _ => return value_error("MatchClass cls field can only contain Name or Attribute nodes."),
                    }
                }
                kwd_attrs.iter().try_for_each(|a| name(a))?;
                patterns.iter().chain(kwd_patterns).try_for_each(|p| self.pattern(p, false))
            }
            PatternKind::MatchStar(n) => {
                if !star_ok {
                    return value_error("can't use MatchStar here");
                }
                self.capture(n)
            }
            PatternKind::MatchAs { pattern, name } => {
                self.capture(name)?;
                match pattern {
                    None => Ok(()),
                    Some(_) if name.is_none() => {
                        value_error("MatchAs must specify a target name if a pattern is given")
                    }
                    Some(p) => self.pattern(p, false),
                }
            }
            PatternKind::MatchOr(l) => {
                if l.len() < 2 {
                    return value_error("MatchOr requires at least 2 patterns");
                }
                l.iter().try_for_each(|p| self.pattern(p, false))
            }
        }
    }

    fn pattern_value(&self, e: &Expr) -> Result<()> {
        let number = |e: &Expr, complex: bool| match &e.kind {
            ExprKind::Constant { value, .. } => {
                matches!(value, Const::Int(_) | Const::BigInt(_) | Const::Float(_)) && !complex
                    || matches!(value, Const::Complex(..)) && complex
            }
            _ => false,
        };
        let signed = |e: &Expr| match &e.kind {
            ExprKind::UnaryOp { op: UnaryOp::USub, operand } => number(operand, false) || number(operand, true),
            _ => number(e, false),
        };
        let ok = match &e.kind {
            ExprKind::Constant { value, .. } => matches!(
                value,
                Const::Int(_)
                    | Const::BigInt(_)
                    | Const::Float(_)
                    | Const::Complex(..)
                    | Const::Str(_)
                    | Const::Bytes(_)
            ),
            ExprKind::Attribute { value, .. } => {
                let mut v = &**value;
                loop {
                    match &v.kind {
                        ExprKind::Name { .. } => break true,
                        ExprKind::Attribute { value, .. } => v = value,
                        _ => break false,
                    }
                }
            }
            ExprKind::UnaryOp { .. } => signed(e),
            ExprKind::BinOp { left, op: Operator::Add | Operator::Sub, right } => signed(left) && number(right, true),
            ExprKind::JoinedStr(_) | ExprKind::TemplateStr(_) => true,
            _ => false,
        };
        if ok { Ok(()) } else { value_error("patterns may only match literals and attribute lookups") }
    }
}

fn constant(c: &Const) -> Result<()> {
    match c {
        Const::Code(_) => Err(CompileError::plain(ErrorKind::Type, "got an invalid type in Constant: code")),
        Const::Tuple(t) | Const::FrozenSet(t) => t.iter().try_for_each(constant),
        _ => Ok(()),
    }
}
