//! `ast.parse(feature_version=...)`: syntax that older versions of Python did not have is refused.

use crate::ast::*;
use crate::comments::Token;
use crate::error::Result;
use crate::symtable::Src;
use ruff_python_ast::token::TokenKind as K;

struct Checker<'a> {
    version: u8,
    src: Src<'a>,
}

/// Checks a tree and its tokens against a minor version.
pub fn check(tree: &Mod, tokens: &[Token], text: &str, src: Src<'_>, version: u8) -> Result<()> {
    let c = Checker { version, src };
    c.tokens(tokens, text)?;
    match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => c.stmts(body),
        Mod::Expression { body } => c.expr(body),
        Mod::FunctionType { .. } => Ok(()),
    }
}

impl Checker<'_> {
    fn since(&self, minor: u8, what: &str, loc: Loc) -> Result<()> {
        if self.version >= minor {
            return Ok(());
        }
        Err(self.src.error(loc, format!("{what} only supported in Python 3.{minor} and greater")))
    }

    fn tokens(&self, tokens: &[Token], text: &str) -> Result<()> {
        let at = |i: usize| {
            let (start, end) = (tokens[i].1, tokens[i].2);
            let line = text[..start].bytes().filter(|b| *b == b'\n').count();
            let begin = text[..start].rfind('\n').map_or(0, |p| p + 1);
            let n = line as i32 + 1;
            Loc { lineno: n, col: (start - begin) as i32, end_lineno: n, end_col: (end - begin) as i32 }
        };
        for (i, &(k, start, end)) in tokens.iter().enumerate() {
            match k {
                K::Int | K::Float | K::Complex if text[start..end].contains('_') => {
                    self.since(6, "Underscores in numeric literals are", at(i))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn stmts(&self, body: &[Stmt]) -> Result<()> {
        body.iter().try_for_each(|s| stacker::maybe_grow(64 << 10, 4 << 20, || self.stmt(s)))
    }

    fn exprs<'e>(&self, list: impl IntoIterator<Item = &'e Expr>) -> Result<()> {
        list.into_iter().try_for_each(|e| self.expr(e))
    }

    fn opt(&self, e: &Option<Box<Expr>>) -> Result<()> {
        self.exprs(e.as_deref())
    }

    fn arguments(&self, a: &Arguments, loc: Loc) -> Result<()> {
        if !a.posonlyargs.is_empty() {
            self.since(8, "Positional-only parameters are", loc)?;
        }
        let all = a.posonlyargs.iter().chain(&a.args).chain(&a.kwonlyargs);
        for p in all.chain(a.vararg.as_deref()).chain(a.kwarg.as_deref()) {
            self.opt(&p.annotation)?;
        }
        self.exprs(&a.defaults)?;
        self.exprs(a.kw_defaults.iter().flatten())
    }

    fn type_params(&self, list: &[TypeParam]) -> Result<()> {
        if let Some(p) = list.first() {
            self.since(12, "Type parameter lists are", p.loc)?;
        }
        for p in list {
            if p.default.is_some() {
                self.since(13, "Type parameter defaults are", p.loc)?;
            }
            if let TypeParamKind::TypeVar { bound } = &p.kind {
                self.opt(bound)?;
            }
            self.opt(&p.default)?;
        }
        Ok(())
    }

    fn operator(&self, op: Operator, loc: Loc) -> Result<()> {
        if op == Operator::MatMult { self.since(5, "The '@' operator is", loc) } else { Ok(()) }
    }

    fn stmt(&self, s: &Stmt) -> Result<()> {
        let loc = s.loc;
        match &s.kind {
            StmtKind::FunctionDef(f) => {
                if f.is_async {
                    self.since(5, "Async functions are", loc)?;
                }
                self.exprs(&f.decorator_list)?;
                self.type_params(&f.type_params)?;
                self.arguments(&f.args, loc)?;
                self.exprs(&f.returns)?;
                self.stmts(&f.body)
            }
            StmtKind::ClassDef(c) => {
                self.exprs(&c.decorator_list)?;
                self.type_params(&c.type_params)?;
                self.exprs(&c.bases)?;
                self.exprs(c.keywords.iter().map(|k| &k.value))?;
                self.stmts(&c.body)
            }
            StmtKind::Return(v) => self.opt(v),
            StmtKind::Delete(t) => self.exprs(t),
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets)?;
                self.expr(value)
            }
            StmtKind::TypeAlias { type_params, value, .. } => {
                self.since(12, "Type statement is", loc)?;
                self.type_params(type_params)?;
                self.expr(value)
            }
            StmtKind::AugAssign { target, op, value } => {
                self.operator(*op, loc)?;
                self.expr(target)?;
                self.expr(value)
            }
            StmtKind::AnnAssign { target, annotation, value, .. } => {
                self.since(6, "Variable annotation syntax is", loc)?;
                self.expr(target)?;
                self.expr(annotation)?;
                self.opt(value)
            }
            StmtKind::For { is_async, target, iter, body, orelse, .. } => {
                if *is_async {
                    self.since(5, "Async for loops are", loc)?;
                }
                self.expr(target)?;
                self.expr(iter)?;
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::While { test, body, orelse } | StmtKind::If { test, body, orelse } => {
                self.expr(test)?;
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::With { is_async, items, body, .. } => {
                if *is_async {
                    self.since(5, "Async with statements are", loc)?;
                }
                for i in items {
                    self.expr(&i.context_expr)?;
                    self.opt(&i.optional_vars)?;
                }
                self.stmts(body)
            }
            StmtKind::Match { subject, cases } => {
                self.since(10, "Pattern matching is", loc)?;
                self.expr(subject)?;
                for c in cases {
                    self.opt(&c.guard)?;
                    self.stmts(&c.body)?;
                }
                Ok(())
            }
            StmtKind::Raise { exc, cause } => {
                self.opt(exc)?;
                self.opt(cause)
            }
            StmtKind::Try { is_star, body, handlers, orelse, finalbody } => {
                if *is_star {
                    self.since(11, "Exception groups are", loc)?;
                }
                self.stmts(body)?;
                for h in handlers {
                    if let Some(t) = &h.typ {
                        if let ExprKind::Tuple { elts, .. } = &t.kind
                            && elts.first().is_some_and(|e| (e.loc.lineno, e.loc.col) == (t.loc.lineno, t.loc.col))
                        {
                            let star = if *is_star { "except*" } else { "except" };
                            self.since(14, &format!("{star} expressions without parentheses are"), t.loc)?;
                        }
                        self.expr(t)?;
                    }
                    self.stmts(&h.body)?;
                }
                self.stmts(orelse)?;
                self.stmts(finalbody)
            }
            StmtKind::Assert { test, msg } => {
                self.expr(test)?;
                self.opt(msg)
            }
            StmtKind::Expr(e) => self.expr(e),
            _ => Ok(()),
        }
    }

    fn comprehension(&self, parts: &[&Expr], generators: &[Comprehension]) -> Result<()> {
        self.exprs(parts.iter().copied())?;
        for g in generators {
            if g.is_async {
                self.since(6, "Async comprehensions are", g.target.loc)?;
            }
            self.expr(&g.target)?;
            self.expr(&g.iter)?;
            self.exprs(&g.ifs)?;
        }
        Ok(())
    }

    fn expr(&self, e: &Expr) -> Result<()> {
        stacker::maybe_grow(64 << 10, 4 << 20, || self.expr_inner(e))
    }

    fn expr_inner(&self, e: &Expr) -> Result<()> {
        use ExprKind as X;
        match &e.kind {
            X::BoolOp { values, .. } => self.exprs(values),
            X::NamedExpr { target, value } => {
                self.since(8, "Assignment expressions are", e.loc)?;
                self.expr(target)?;
                self.expr(value)
            }
            X::BinOp { left, op, right } => {
                self.operator(*op, e.loc)?;
                self.expr(left)?;
                self.expr(right)
            }
            X::UnaryOp { operand, .. } => self.expr(operand),
            X::Lambda { args, body } => {
                self.arguments(args, e.loc)?;
                self.expr(body)
            }
            X::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            X::Dict { keys, values } => {
                self.exprs(keys.iter().flatten())?;
                self.exprs(values)
            }
            X::Set(elts) | X::JoinedStr(elts) => self.exprs(elts),
            X::TemplateStr(elts) => {
                self.since(14, "t-strings are", e.loc)?;
                self.exprs(elts)
            }
            X::ListComp { elt, generators } | X::SetComp { elt, generators } | X::GeneratorExp { elt, generators } => {
                self.comprehension(&[elt], generators)
            }
            X::DictComp { key, value, generators } => self.comprehension(&[key, value], generators),
            X::Await(v) => {
                self.since(5, "Await expressions are", e.loc)?;
                self.expr(v)
            }
            X::Yield(v) => self.opt(v),
            X::YieldFrom(v) => self.expr(v),
            X::Compare { left, comparators, .. } => {
                self.expr(left)?;
                self.exprs(comparators)
            }
            X::Call { func, args, keywords } => {
                self.expr(func)?;
                self.exprs(args)?;
                self.exprs(keywords.iter().map(|k| &k.value))
            }
            X::FormattedValue { value, format_spec, .. } | X::Interpolation { value, format_spec, .. } => {
                self.expr(value)?;
                self.opt(format_spec)
            }
            X::Attribute { value, .. } | X::Starred { value, .. } => self.expr(value),
            X::Subscript { value, slice, .. } => {
                self.expr(value)?;
                self.expr(slice)
            }
            X::List { elts, .. } | X::Tuple { elts, .. } => self.exprs(elts),
            X::Slice { lower, upper, step } => {
                self.opt(lower)?;
                self.opt(upper)?;
                self.opt(step)
            }
            X::Constant { .. } | X::Name { .. } => Ok(()),
        }
    }
}
