//! ruff's tree → ours.
//!
//! Here names are interned, literals decoded from their source text (ruff loses lone surrogates), places computed,
//! `elif` chains nested and f-string parts joined, so that what comes out is what Python's `ast` shows.

use crate::ast::*;
use crate::code::{Const, PyStr, SyntaxWarning, WarningKind};
use crate::error::{CompileError, ErrorKind, Result};
use crate::source::{LineIndex, char_col};
use crate::strings::{self, BadEscape};
use num_bigint::BigInt;
use ruff_python_ast as r;
use ruff_python_ast::StringFlags;
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashSet;

/// Deepest nesting of a tree.
pub const MAX_DEPTH: u32 = 20_000;
/// Replacement fields in format specs in replacement fields…
const MAX_SPECS: u32 = 3;

/// State of the conversion.
pub struct Lower<'a> {
    /// Source text
    pub source: &'a str,
    /// Its lines
    pub index: &'a LineIndex,
    /// Warnings found
    pub warnings: Vec<SyntaxWarning>,
    /// Longest decimal int literal
    pub max_digits: usize,
    names: FxHashSet<Ident>,
    depth: u32,
    /// Format specs around
    spec_depth: u32,
}

type LResult<T> = Result<T>;

fn range_of(start: u32, end: u32) -> TextRange {
    TextRange::new(TextSize::new(start), TextSize::new(end))
}

impl<'a> Lower<'a> {
    /// For a source.
    pub fn new(source: &'a str, index: &'a LineIndex) -> Self {
        Lower {
            source,
            index,
            warnings: Vec::new(),
            max_digits: 4300,
            names: FxHashSet::default(),
            depth: 0,
            spec_depth: 0,
        }
    }

    fn loc(&self, r: TextRange) -> Loc {
        self.index.loc(r)
    }

    fn name(&mut self, s: &str) -> Ident {
        if let Some(n) = self.names.get(s) {
            return n.clone();
        }
        let n: Ident = s.into();
        self.names.insert(n.clone());
        n
    }

    /// A SyntaxError at a range.
    pub fn error(&self, range: TextRange, msg: impl Into<String>) -> CompileError {
        error_at(self.source, self.index, range, msg)
    }

    fn warn(&mut self, at: u32, end: u32, msg: String) {
        let (l, c) = self.index.line_col(at);
        let (el, ec) = self.index.line_col(end);
        let text = self.index.line_text(self.source, l);
        let etext = self.index.line_text(self.source, el);
        self.warnings.push(SyntaxWarning {
            kind: WarningKind::Syntax,
            msg,
            lineno: l as u32 + 1,
            offset: char_col(text, c as usize) + 1,
            end_lineno: el as u32 + 1,
            end_offset: char_col(etext, ec as usize) + 1,
        });
    }

    fn warn_escapes(&mut self, base: u32, bad: &[BadEscape]) {
        // CPython warns once per literal, for its first bad escape.
        if let Some(e) = bad.first() {
            let at = base + e.at as u32;
            self.warn(at, at + e.text.len() as u32, strings::bad_escape_message(e));
        }
    }

    /// Warnings about the escapes of a string token.
    pub fn token_warnings(&mut self, start: usize, end: usize) {
        let text = &self.source[start..end];
        let Some(q) = text.find(['"', '\'']) else { return };
        let prefix = text[..q].to_ascii_lowercase();
        if prefix.contains('r') {
            return;
        }
        let n = if text[q..].starts_with("\"\"\"") || text[q..].starts_with("'''") { 3 } else { 1 };
        let body = text.get(q + n..text.len().saturating_sub(n)).unwrap_or("");
        let mut bad = Vec::new();
        let failed = if prefix.contains('b') {
            strings::decode_bytes(body, false, &mut Vec::new(), &mut bad).is_err()
        } else {
            strings::decode_str(body, false, false, &mut PyStr::new(), &mut bad).is_err()
        };
        if !failed {
            self.warn_escapes((start + q + n) as u32, &bad);
        }
    }

    /// A suite.
    pub fn body(&mut self, stmts: &[r::Stmt]) -> LResult<Vec<Stmt>> {
        let mut out = Vec::with_capacity(stmts.len());
        for s in stmts {
            out.push(self.stmt(s)?);
        }
        Ok(out)
    }

    fn guard<T>(&mut self, f: impl FnOnce(&mut Self) -> LResult<T>) -> LResult<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(recursion_error());
        }
        let v = stacker::maybe_grow(96 * 1024, 4 * 1024 * 1024, || f(self));
        self.depth -= 1;
        v
    }

    fn stmt(&mut self, s: &r::Stmt) -> LResult<Stmt> {
        self.guard(|l| l.stmt_inner(s))
    }

    /// Where `def`, `async` or `class` starts after decorators.
    fn after_decorators(&self, range: TextRange, decorators: &[r::Decorator]) -> TextRange {
        let Some(last) = decorators.last() else { return range };
        let b = self.source.as_bytes();
        let mut i = last.range.end().to_usize();
        loop {
            while i < b.len() && matches!(b[i], b' ' | b'\t' | b'\n' | b'\x0c' | b'\r' | b'\\') {
                i += 1;
            }
            if i < b.len() && b[i] == b'#' {
                while i < b.len() && b[i] != b'\n' {
                    i += 1;
                }
            } else if i < b.len() && b[i] == b')' {
                // The decorator's expression was in parentheses.
                i += 1;
            } else {
                break;
            }
        }
        TextRange::new(TextSize::new(i as u32), range.end())
    }

    fn decorators(&mut self, list: &[r::Decorator]) -> LResult<Vec<Expr>> {
        list.iter().map(|d| self.expr(&d.expression)).collect()
    }

    fn boxed(&mut self, e: &r::Expr) -> LResult<Box<Expr>> {
        Ok(Box::new(self.expr(e)?))
    }

    fn opt(&mut self, e: &Option<Box<r::Expr>>) -> LResult<Option<Box<Expr>>> {
        e.as_ref().map(|e| self.boxed(e)).transpose()
    }

    fn exprs(&mut self, list: &[r::Expr]) -> LResult<Vec<Expr>> {
        let mut out = Vec::with_capacity(list.len());
        for e in list {
            out.push(self.expr(e)?);
        }
        Ok(out)
    }

    /// A compound statement ends after the semicolon of its last simple one.
    fn with_semicolon(&self, range: TextRange) -> TextRange {
        let b = self.source.as_bytes();
        let mut i = range.end().to_usize();
        while matches!(b.get(i), Some(b' ' | b'\t' | b'\x0c')) {
            i += 1;
        }
        if b.get(i) == Some(&b';') { TextRange::new(range.start(), TextSize::new(i as u32 + 1)) } else { range }
    }

    fn stmt_inner(&mut self, s: &r::Stmt) -> LResult<Stmt> {
        let compound = matches!(
            s,
            r::Stmt::FunctionDef(_)
                | r::Stmt::ClassDef(_)
                | r::Stmt::For(_)
                | r::Stmt::While(_)
                | r::Stmt::If(_)
                | r::Stmt::With(_)
                | r::Stmt::Match(_)
                | r::Stmt::Try(_)
        );
        let range = if compound { self.with_semicolon(s.range()) } else { s.range() };
        let mut loc = self.loc(range);
        let kind = match s {
            r::Stmt::FunctionDef(f) => {
                loc = self.loc(self.after_decorators(range, &f.decorator_list));
                StmtKind::FunctionDef(Box::new(FunctionDef {
                    is_async: f.is_async,
                    decorator_list: self.decorators(&f.decorator_list)?,
                    name: self.name(&f.name.id),
                    type_params: self.type_params(f.type_params.as_deref())?,
                    args: self.parameters(&f.parameters)?,
                    returns: f.returns.as_ref().map(|e| self.expr(e)).transpose()?,
                    body: self.body(&f.body)?,
                    type_comment: None,
                }))
            }
            r::Stmt::ClassDef(c) => {
                loc = self.loc(self.after_decorators(range, &c.decorator_list));
                let decorator_list = self.decorators(&c.decorator_list)?;
                let type_params = self.type_params(c.type_params.as_deref())?;
                let (bases, keywords) = match &c.arguments {
                    Some(a) => (self.call_args(a)?, self.keywords(&a.keywords)?),
                    None => (Vec::new(), Vec::new()),
                };
                if let Some(a) = &c.arguments
                    && let Some(r::Expr::Generator(g)) =
                        a.args.iter().find(|e| matches!(e, r::Expr::Generator(g) if !g.parenthesized))
                {
                    let at = g.generators[0].range;
                    let end =
                        self.source[at.start().to_usize()..].find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0);
                    return Err(self.error(TextRange::at(at.start(), TextSize::new(end as u32)), "invalid syntax"));
                }
                StmtKind::ClassDef(Box::new(ClassDef {
                    name: self.name(&c.name.id),
                    bases,
                    keywords,
                    body: self.body(&c.body)?,
                    decorator_list,
                    type_params,
                }))
            }
            r::Stmt::Return(s) => StmtKind::Return(self.opt(&s.value)?),
            r::Stmt::Delete(s) => StmtKind::Delete(self.exprs(&s.targets)?),
            r::Stmt::TypeAlias(s) => StmtKind::TypeAlias {
                name: self.boxed(&s.name)?,
                type_params: self.type_params(s.type_params.as_deref())?,
                value: self.boxed(&s.value)?,
            },
            r::Stmt::Assign(s) => {
                StmtKind::Assign { targets: self.exprs(&s.targets)?, value: self.boxed(&s.value)?, type_comment: None }
            }
            r::Stmt::AugAssign(s) => {
                StmtKind::AugAssign { target: self.boxed(&s.target)?, op: operator(s.op), value: self.boxed(&s.value)? }
            }
            r::Stmt::AnnAssign(s) => StmtKind::AnnAssign {
                target: self.boxed(&s.target)?,
                annotation: self.boxed(&s.annotation)?,
                value: self.opt(&s.value)?,
                simple: s.simple,
            },
            r::Stmt::For(s) => StmtKind::For {
                is_async: s.is_async,
                target: self.boxed(&s.target)?,
                iter: self.boxed(&s.iter)?,
                body: self.body(&s.body)?,
                orelse: self.body(&s.orelse)?,
                type_comment: None,
            },
            r::Stmt::While(s) => {
                StmtKind::While { test: self.boxed(&s.test)?, body: self.body(&s.body)?, orelse: self.body(&s.orelse)? }
            }
            r::Stmt::If(s) => {
                let test = self.boxed(&s.test)?;
                let body = self.body(&s.body)?;
                let mut orelse = Vec::new();
                for clause in s.elif_else_clauses.iter().rev() {
                    let body = self.body(&clause.body)?;
                    match &clause.test {
                        None => orelse = body,
                        Some(t) => {
                            let test = self.boxed(t)?;
                            let loc = self.loc(TextRange::new(clause.range.start(), range.end()));
                            self.depth += 1;
                            orelse = vec![Stmt { loc, kind: StmtKind::If { test, body, orelse } }];
                        }
                    }
                }
                self.depth -= s.elif_else_clauses.iter().filter(|c| c.test.is_some()).count() as u32;
                StmtKind::If { test, body, orelse }
            }
            r::Stmt::With(s) => StmtKind::With {
                is_async: s.is_async,
                items: s
                    .items
                    .iter()
                    .map(|i| {
                        Ok(WithItem {
                            context_expr: self.expr(&i.context_expr)?,
                            optional_vars: self.opt(&i.optional_vars)?,
                        })
                    })
                    .collect::<LResult<_>>()?,
                body: self.body(&s.body)?,
                type_comment: None,
            },
            r::Stmt::Match(s) => StmtKind::Match {
                subject: self.boxed(&s.subject)?,
                cases: s
                    .cases
                    .iter()
                    .map(|c| {
                        Ok(MatchCase {
                            pattern: self.pattern(&c.pattern)?,
                            guard: self.opt(&c.guard)?,
                            body: self.body(&c.body)?,
                        })
                    })
                    .collect::<LResult<_>>()?,
            },
            r::Stmt::Raise(s) => StmtKind::Raise { exc: self.opt(&s.exc)?, cause: self.opt(&s.cause)? },
            r::Stmt::Try(s) => StmtKind::Try {
                is_star: s.is_star,
                body: self.body(&s.body)?,
                handlers: s
                    .handlers
                    .iter()
                    .map(|h| {
                        let r::ExceptHandler::ExceptHandler(h) = h;
                        Ok(ExceptHandler {
                            loc: self.loc(self.with_semicolon(h.range)),
                            typ: self.opt(&h.type_)?,
                            name: h.name.as_ref().map(|n| self.name(&n.id)),
                            body: self.body(&h.body)?,
                        })
                    })
                    .collect::<LResult<_>>()?,
                orelse: self.body(&s.orelse)?,
                finalbody: self.body(&s.finalbody)?,
            },
            r::Stmt::Assert(s) => StmtKind::Assert { test: self.boxed(&s.test)?, msg: self.opt(&s.msg)? },
            r::Stmt::Import(s) => StmtKind::Import(self.aliases(&s.names)),
            r::Stmt::ImportFrom(s) => StmtKind::ImportFrom {
                module: s.module.as_ref().map(|m| self.name(&m.id)),
                names: self.aliases(&s.names),
                level: s.level,
            },
            r::Stmt::Global(s) => StmtKind::Global(s.names.iter().map(|n| self.name(&n.id)).collect()),
            r::Stmt::Nonlocal(s) => StmtKind::Nonlocal(s.names.iter().map(|n| self.name(&n.id)).collect()),
            r::Stmt::Expr(s) => StmtKind::Expr(self.boxed(&s.value)?),
            r::Stmt::Pass(_) => StmtKind::Pass,
            r::Stmt::Break(_) => StmtKind::Break,
            r::Stmt::Continue(_) => StmtKind::Continue,
            r::Stmt::IpyEscapeCommand(s) => return Err(self.error(s.range, "invalid syntax")),
        };
        Ok(Stmt { loc, kind })
    }

    fn aliases(&mut self, names: &[r::Alias]) -> Vec<Alias> {
        names
            .iter()
            .map(|a| Alias {
                loc: self.loc(a.range),
                name: self.name(&a.name.id),
                asname: a.asname.as_ref().map(|n| self.name(&n.id)),
            })
            .collect()
    }

    fn type_params(&mut self, p: Option<&r::TypeParams>) -> LResult<Vec<TypeParam>> {
        let Some(p) = p else { return Ok(Vec::new()) };
        p.type_params
            .iter()
            .map(|p| {
                Ok(match p {
                    r::TypeParam::TypeVar(t) => TypeParam {
                        loc: self.loc(t.range),
                        name: self.name(&t.name.id),
                        kind: TypeParamKind::TypeVar { bound: self.opt(&t.bound)? },
                        default: self.opt(&t.default)?,
                    },
                    r::TypeParam::TypeVarTuple(t) => TypeParam {
                        loc: self.loc(t.range),
                        name: self.name(&t.name.id),
                        kind: TypeParamKind::TypeVarTuple,
                        default: self.opt(&t.default)?,
                    },
                    r::TypeParam::ParamSpec(t) => TypeParam {
                        loc: self.loc(t.range),
                        name: self.name(&t.name.id),
                        kind: TypeParamKind::ParamSpec,
                        default: self.opt(&t.default)?,
                    },
                })
            })
            .collect()
    }

    fn arg(&mut self, p: &r::Parameter) -> LResult<Arg> {
        let range = TextRange::new(
            p.name.range.start(),
            p.annotation.as_ref().map_or(p.name.range.end(), |a| a.range().end().max(p.range.end())),
        );
        Ok(Arg {
            loc: self.loc(range),
            arg: self.name(&p.name.id),
            annotation: self.opt(&p.annotation)?,
            type_comment: None,
        })
    }

    fn parameters(&mut self, p: &r::Parameters) -> LResult<Arguments> {
        let mut a = Arguments::default();
        for (i, x) in p.posonlyargs.iter().chain(&p.args).enumerate() {
            let arg = self.arg(&x.parameter)?;
            if i < p.posonlyargs.len() {
                a.posonlyargs.push(arg)
            } else {
                a.args.push(arg)
            }
            if let Some(d) = &x.default {
                a.defaults.push(self.expr(d)?);
            }
        }
        if let Some(v) = &p.vararg {
            a.vararg = Some(Box::new(self.arg(v)?));
        }
        for x in &p.kwonlyargs {
            a.kwonlyargs.push(self.arg(&x.parameter)?);
            let d = x.default.as_ref().map(|d| self.expr(d)).transpose()?;
            a.kw_defaults.push(d);
        }
        if let Some(v) = &p.kwarg {
            a.kwarg = Some(Box::new(self.arg(v)?));
        }
        Ok(a)
    }

    fn call_args(&mut self, a: &r::Arguments) -> LResult<Vec<Expr>> {
        let mut out = Vec::with_capacity(a.args.len());
        for e in &a.args {
            let mut e2 = self.expr(e)?;
            if let r::Expr::Generator(g) = e
                && !g.parenthesized
            {
                e2.loc = self.loc(a.range);
            }
            out.push(e2);
        }
        Ok(out)
    }

    fn keywords(&mut self, list: &[r::Keyword]) -> LResult<Vec<Keyword>> {
        list.iter()
            .map(|k| {
                Ok(Keyword {
                    loc: self.loc(k.range),
                    arg: k.arg.as_ref().map(|n| self.name(&n.id)),
                    value: self.expr(&k.value)?,
                })
            })
            .collect()
    }

    fn generators(&mut self, list: &[r::Comprehension]) -> LResult<Vec<Comprehension>> {
        list.iter()
            .map(|g| {
                Ok(Comprehension {
                    target: self.expr(&g.target)?,
                    iter: self.expr(&g.iter)?,
                    ifs: self.exprs(&g.ifs)?,
                    is_async: g.is_async,
                })
            })
            .collect()
    }

    /// An expression.
    pub fn expr(&mut self, e: &r::Expr) -> LResult<Expr> {
        self.guard(|l| l.expr_inner(e))
    }

    fn expr_inner(&mut self, e: &r::Expr) -> LResult<Expr> {
        let loc = self.loc(e.range());
        let kind = match e {
            r::Expr::BoolOp(x) => ExprKind::BoolOp {
                op: if x.op == r::BoolOp::And { BoolOp::And } else { BoolOp::Or },
                values: self.exprs(&x.values)?,
            },
            r::Expr::Named(x) => ExprKind::NamedExpr { target: self.boxed(&x.target)?, value: self.boxed(&x.value)? },
            r::Expr::BinOp(x) => {
                ExprKind::BinOp { left: self.boxed(&x.left)?, op: operator(x.op), right: self.boxed(&x.right)? }
            }
            r::Expr::UnaryOp(x) => ExprKind::UnaryOp {
                op: match x.op {
                    r::UnaryOp::Invert => UnaryOp::Invert,
                    r::UnaryOp::Not => UnaryOp::Not,
                    r::UnaryOp::UAdd => UnaryOp::UAdd,
                    r::UnaryOp::USub => UnaryOp::USub,
                },
                operand: self.boxed(&x.operand)?,
            },
            r::Expr::Lambda(x) => ExprKind::Lambda {
                args: Box::new(match &x.parameters {
                    Some(p) => self.parameters(p)?,
                    None => Arguments::default(),
                }),
                body: self.boxed(&x.body)?,
            },
            r::Expr::If(x) => ExprKind::IfExp {
                test: self.boxed(&x.test)?,
                body: self.boxed(&x.body)?,
                orelse: self.boxed(&x.orelse)?,
            },
            r::Expr::Dict(x) => {
                let mut keys = Vec::with_capacity(x.items.len());
                let mut values = Vec::with_capacity(x.items.len());
                for i in &x.items {
                    keys.push(i.key.as_ref().map(|k| self.expr(k)).transpose()?);
                    values.push(self.expr(&i.value)?);
                }
                ExprKind::Dict { keys, values }
            }
            r::Expr::Set(x) => ExprKind::Set(self.exprs(&x.elts)?),
            r::Expr::ListComp(x) => {
                ExprKind::ListComp { elt: self.boxed(&x.elt)?, generators: self.generators(&x.generators)? }
            }
            r::Expr::SetComp(x) => {
                ExprKind::SetComp { elt: self.boxed(&x.elt)?, generators: self.generators(&x.generators)? }
            }
            r::Expr::DictComp(x) => {
                let Some(key) = &x.key else {
                    return Err(self.error(x.range, "dict unpacking cannot be used in dict comprehension"));
                };
                ExprKind::DictComp {
                    key: self.boxed(key)?,
                    value: self.boxed(&x.value)?,
                    generators: self.generators(&x.generators)?,
                }
            }
            r::Expr::Generator(x) => {
                ExprKind::GeneratorExp { elt: self.boxed(&x.elt)?, generators: self.generators(&x.generators)? }
            }
            r::Expr::Await(x) => ExprKind::Await(self.boxed(&x.value)?),
            r::Expr::Yield(x) => ExprKind::Yield(self.opt(&x.value)?),
            r::Expr::YieldFrom(x) => ExprKind::YieldFrom(self.boxed(&x.value)?),
            r::Expr::Compare(x) => ExprKind::Compare {
                left: self.boxed(&x.left)?,
                ops: x.ops.iter().map(|o| cmp_op(*o)).collect(),
                comparators: self.exprs(&x.comparators)?,
            },
            r::Expr::Call(x) => ExprKind::Call {
                func: self.boxed(&x.func)?,
                args: self.call_args(&x.arguments)?,
                keywords: self.keywords(&x.arguments.keywords)?,
            },
            r::Expr::FString(x) => {
                let mut parts = Parts::default();
                for p in x.value.iter() {
                    match p {
                        r::FStringPart::Literal(s) => {
                            let text = self.string_literal(s)?;
                            parts.text(text, s.range);
                        }
                        r::FStringPart::FString(f) => {
                            let raw = f.flags.prefix().is_raw();
                            self.elements(&f.elements, raw, false, &mut parts)?;
                        }
                    }
                }
                ExprKind::JoinedStr(parts.finish(self))
            }
            r::Expr::TString(x) => {
                let mut parts = Parts::default();
                for t in x.value.iter() {
                    let raw = t.flags.prefix().is_raw();
                    self.elements(&t.elements, raw, true, &mut parts)?;
                }
                ExprKind::TemplateStr(parts.finish(self))
            }
            r::Expr::StringLiteral(x) => {
                let mut out = PyStr::new();
                for s in x.value.iter() {
                    let t = self.string_literal(s)?;
                    if out.is_empty() { out = t } else { out.push(&t) }
                }
                ExprKind::Constant { value: Const::Str(out), u_kind: x.value.is_unicode() }
            }
            r::Expr::BytesLiteral(x) => {
                let mut out = Vec::new();
                for s in x.value.iter() {
                    let range = self.content(s.range, s.flags.is_triple_quoted(), s.flags.is_unclosed());
                    let body = &self.source[range];
                    let raw = s.flags.prefix().is_raw();
                    let mut bad = Vec::new();
                    strings::decode_bytes(body, raw, &mut out, &mut bad).map_err(|m| self.error(s.range, m.0))?;
                    self.warn_escapes(range.start().to_u32(), &bad);
                }
                ExprKind::Constant { value: Const::Bytes(out), u_kind: false }
            }
            r::Expr::NumberLiteral(x) => {
                let value = match &x.value {
                    r::Number::Float(f) => Const::Float(*f),
                    r::Number::Complex { real, imag } => Const::Complex(*real, *imag),
                    r::Number::Int(i) => match i.as_i64() {
                        Some(v) => Const::Int(v),
                        None => self.big_int(x.range)?,
                    },
                };
                ExprKind::Constant { value, u_kind: false }
            }
            r::Expr::BooleanLiteral(x) => {
                ExprKind::Constant { value: if x.value { Const::True } else { Const::False }, u_kind: false }
            }
            r::Expr::NoneLiteral(_) => ExprKind::Constant { value: Const::None, u_kind: false },
            r::Expr::EllipsisLiteral(_) => ExprKind::Constant { value: Const::Ellipsis, u_kind: false },
            r::Expr::Attribute(x) => {
                ExprKind::Attribute { value: self.boxed(&x.value)?, attr: self.name(&x.attr.id), ctx: context(x.ctx) }
            }
            r::Expr::Subscript(x) => {
                ExprKind::Subscript { value: self.boxed(&x.value)?, slice: self.boxed(&x.slice)?, ctx: context(x.ctx) }
            }
            r::Expr::Starred(x) => ExprKind::Starred { value: self.boxed(&x.value)?, ctx: context(x.ctx) },
            // Only a name that became one when it was normalised.
            r::Expr::Name(x) if matches!(&*x.id, "True" | "False" | "None") => {
                let msg = format!("identifier field can't represent '{}' constant", x.id);
                return Err(CompileError::plain(crate::ErrorKind::Value, msg));
            }
            r::Expr::Name(x) => ExprKind::Name { id: self.name(&x.id), ctx: context(x.ctx) },
            r::Expr::List(x) => ExprKind::List { elts: self.exprs(&x.elts)?, ctx: context(x.ctx) },
            r::Expr::Tuple(x) => ExprKind::Tuple { elts: self.exprs(&x.elts)?, ctx: context(x.ctx) },
            r::Expr::Slice(x) => {
                ExprKind::Slice { lower: self.opt(&x.lower)?, upper: self.opt(&x.upper)?, step: self.opt(&x.step)? }
            }
            r::Expr::IpyEscapeCommand(x) => return Err(self.error(x.range, "invalid syntax")),
        };
        Ok(Expr { loc, kind })
    }

    fn big_int(&mut self, range: TextRange) -> LResult<Const> {
        let text: String = self.source[range].chars().filter(|c| *c != '_').collect();
        let (digits, radix) = match text.get(..2) {
            Some("0x" | "0X") => (&text[2..], 16),
            Some("0o" | "0O") => (&text[2..], 8),
            Some("0b" | "0B") => (&text[2..], 2),
            _ => (&text[..], 10),
        };
        if radix == 10 && digits.len() > self.max_digits {
            return Err(self.error(
                range,
                format!(
                    "Exceeds the limit ({} digits) for integer string conversion: value has {} digits; use \
                     sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge integer literals \
                     to avoid decimal conversion limits.",
                    self.max_digits,
                    digits.len()
                ),
            ));
        }
        match BigInt::parse_bytes(digits.as_bytes(), radix) {
            Some(v) => Ok(Const::BigInt(Box::new(v))),
            None => Err(self.error(range, "invalid decimal literal")),
        }
    }

    /// The text between a literal's quotes.
    fn content(&self, range: TextRange, triple: bool, unclosed: bool) -> TextRange {
        let b = self.source.as_bytes();
        let mut start = range.start().to_usize();
        while !matches!(b[start], b'\'' | b'"') {
            start += 1;
        }
        let q = if triple { 3 } else { 1 };
        let end = range.end().to_usize() - if unclosed { 0 } else { q };
        range_of((start + q) as u32, end.max(start + q) as u32)
    }

    fn string_literal(&mut self, s: &r::StringLiteral) -> LResult<PyStr> {
        let range = self.content(s.range, s.flags.is_triple_quoted(), s.flags.is_unclosed());
        let body = &self.source[range];
        let mut out = PyStr::new();
        let mut bad = Vec::new();
        strings::decode_str(body, s.flags.prefix().is_raw(), false, &mut out, &mut bad)
            .map_err(|m| self.error(s.range, m.0))?;
        self.warn_escapes(range.start().to_u32(), &bad);
        Ok(out)
    }

    fn elements(
        &mut self,
        elements: &[r::InterpolatedStringElement],
        raw: bool,
        template: bool,
        parts: &mut Parts,
    ) -> LResult<()> {
        for e in elements {
            match e {
                r::InterpolatedStringElement::Interpolation(i) if self.spec_depth >= MAX_SPECS => {
                    let (at, name) = (i.range.start(), if template { "t-string" } else { "f-string" });
                    return Err(self.error(TextRange::empty(at), format!("{name}: expressions nested too deeply")));
                }
                r::InterpolatedStringElement::Literal(l) => {
                    let mut out = PyStr::new();
                    let mut bad = Vec::new();
                    strings::decode_str(&self.source[l.range], raw, true, &mut out, &mut bad)
                        .map_err(|m| self.error(l.range, m.0))?;
                    self.warn_escapes(l.range.start().to_u32(), &bad);
                    parts.text(out, l.range);
                }
                r::InterpolatedStringElement::Interpolation(i) => {
                    let start = i.range.start().to_u32() + 1;
                    if let Some(d) = &i.debug_text {
                        let end = start + d.as_str().len() as u32;
                        parts.text(strip_comments(d.as_str()).into(), range_of(start, end));
                    }
                    let depth = std::mem::take(&mut self.spec_depth);
                    let value = self.boxed(&i.expression)?;
                    self.spec_depth = depth + 1;
                    let format_spec = match &i.format_spec {
                        None => None,
                        Some(spec) => {
                            let mut p = Parts::default();
                            self.elements(&spec.elements, raw, false, &mut p)?;
                            // The colon belongs to the format spec.
                            let s = spec.range.start() - TextSize::new(1);
                            let loc = self.loc(TextRange::new(s, i.range.end() - TextSize::new(1)));
                            Some(Box::new(Expr { loc, kind: ExprKind::JoinedStr(p.finish(self)) }))
                        }
                    };
                    self.spec_depth = depth;
                    let mut conversion = match i.conversion {
                        r::ConversionFlag::None => -1,
                        r::ConversionFlag::Str => b's' as i32,
                        r::ConversionFlag::Repr => b'r' as i32,
                        r::ConversionFlag::Ascii => b'a' as i32,
                    };
                    if i.debug_text.is_some() && conversion == -1 && format_spec.is_none() {
                        conversion = b'r' as i32;
                    }
                    let kind = if template {
                        let text = self.interpolation_text(i);
                        ExprKind::Interpolation { value, text: Const::Str(text.into()), conversion, format_spec }
                    } else {
                        ExprKind::FormattedValue { value, conversion, format_spec }
                    };
                    let loc = self.loc(i.range);
                    parts.push(Expr { loc, kind }, self);
                }
            }
        }
        Ok(())
    }

    /// The text of a t-string's expression: all that stands between the brace and `=`, `!`, `:` or the closing brace.
    fn interpolation_text(&self, i: &r::InterpolatedElement) -> String {
        let start = i.range.start().to_usize() + 1;
        let b = self.source.as_bytes();
        let mut end = i.expression.range().end().to_usize();
        let limit = i.range.end().to_usize().saturating_sub(1).max(end);
        while end < limit && !matches!(b[end], b'=' | b'!' | b':' | b'}') {
            if b[end] == b'#' {
                while end < limit && b[end] != b'\n' {
                    end += 1;
                }
            } else {
                end += 1;
            }
        }
        strip_comments(&self.source[start..end])
    }

    fn patterns(&mut self, list: &[r::Pattern]) -> LResult<Vec<Pattern>> {
        list.iter().map(|p| self.pattern(p)).collect()
    }

    fn pattern(&mut self, p: &r::Pattern) -> LResult<Pattern> {
        self.guard(|l| l.pattern_inner(p))
    }

    fn pattern_inner(&mut self, p: &r::Pattern) -> LResult<Pattern> {
        let loc = self.loc(p.range());
        let kind = match p {
            r::Pattern::MatchValue(x) => PatternKind::MatchValue(self.boxed(&x.value)?),
            r::Pattern::MatchSingleton(x) => PatternKind::MatchSingleton(match x.value {
                r::Singleton::None => Const::None,
                r::Singleton::True => Const::True,
                r::Singleton::False => Const::False,
            }),
            r::Pattern::MatchSequence(x) => PatternKind::MatchSequence(self.patterns(&x.patterns)?),
            r::Pattern::MatchMapping(x) => PatternKind::MatchMapping {
                keys: self.exprs(&x.keys)?,
                patterns: self.patterns(&x.patterns)?,
                rest: x.rest.as_ref().map(|n| self.name(&n.id)),
            },
            r::Pattern::MatchClass(x) => PatternKind::MatchClass {
                cls: self.boxed(&x.cls)?,
                patterns: self.patterns(&x.arguments.patterns)?,
                kwd_attrs: x.arguments.keywords.iter().map(|k| self.name(&k.attr.id)).collect(),
                kwd_patterns: x.arguments.keywords.iter().map(|k| self.pattern(&k.pattern)).collect::<LResult<_>>()?,
            },
            r::Pattern::MatchStar(x) => PatternKind::MatchStar(x.name.as_ref().map(|n| self.name(&n.id))),
            r::Pattern::MatchAs(x) => PatternKind::MatchAs {
                pattern: x.pattern.as_ref().map(|p| self.pattern(p)).transpose()?.map(Box::new),
                name: x.name.as_ref().map(|n| self.name(&n.id)),
            },
            r::Pattern::MatchOr(x) => PatternKind::MatchOr(self.patterns(&x.patterns)?),
        };
        Ok(Pattern { loc, kind })
    }
}

/// The error for trees that are too deep.
pub fn recursion_error() -> CompileError {
    CompileError::plain(ErrorKind::Recursion, "maximum recursion depth exceeded during compilation")
}

/// A SyntaxError at a range of a source.
pub fn error_at(source: &str, index: &LineIndex, range: TextRange, msg: impl Into<String>) -> CompileError {
    let (l, c) = index.line_col(range.start().to_u32());
    let (el, ec) = index.line_col(range.end().to_u32());
    let text = index.line_text(source, l);
    let etext = index.line_text(source, el);
    CompileError {
        kind: ErrorKind::Syntax,
        msg: msg.into(),
        lineno: l as u32 + 1,
        offset: char_col(text, c as usize) + 1,
        end_lineno: el as u32 + 1,
        end_offset: char_col(etext, ec as usize) + 1,
        text: Some(text.to_string()),
        warnings: Vec::new(),
        exact_text: false,
    }
}

/// Comments inside a replacement field are not part of its text.
fn strip_comments(s: &str) -> String {
    if !s.contains('#') {
        return s.to_string();
    }
    let mut out = String::new();
    let mut quote: Option<char> = None;
    let mut comment = false;
    let mut escaped = false;
    for c in s.chars() {
        if comment {
            if c != '\n' {
                continue;
            }
            comment = false;
        }
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' => {
                comment = true;
                continue;
            }
            None => {}
        }
        out.push(c);
    }
    out
}

/// Parts of an f-string: neighbouring texts are joined, empty ones dropped.
#[derive(Default)]
struct Parts {
    out: Vec<Expr>,
    text: Option<(PyStr, TextRange)>,
}

impl Parts {
    fn text(&mut self, s: PyStr, range: TextRange) {
        match &mut self.text {
            Some((t, r)) => {
                t.push(&s);
                *r = r.cover(range);
            }
            None => self.text = Some((s, range)),
        }
    }
    fn flush(&mut self, l: &Lower) {
        if let Some((s, range)) = self.text.take()
            && !s.is_empty()
        {
            self.out.push(Expr { loc: l.loc(range), kind: ExprKind::Constant { value: Const::Str(s), u_kind: false } });
        }
    }
    fn push(&mut self, e: Expr, l: &Lower) {
        self.flush(l);
        self.out.push(e);
    }
    fn finish(mut self, l: &Lower) -> Vec<Expr> {
        self.flush(l);
        self.out
    }
}

fn context(c: r::ExprContext) -> Ctx {
    match c {
        r::ExprContext::Store => Ctx::Store,
        r::ExprContext::Del => Ctx::Del,
        _ => Ctx::Load,
    }
}

fn operator(o: r::Operator) -> Operator {
    match o {
        r::Operator::Add => Operator::Add,
        r::Operator::Sub => Operator::Sub,
        r::Operator::Mult => Operator::Mult,
        r::Operator::MatMult => Operator::MatMult,
        r::Operator::Div => Operator::Div,
        r::Operator::Mod => Operator::Mod,
        r::Operator::Pow => Operator::Pow,
        r::Operator::LShift => Operator::LShift,
        r::Operator::RShift => Operator::RShift,
        r::Operator::BitOr => Operator::BitOr,
        r::Operator::BitXor => Operator::BitXor,
        r::Operator::BitAnd => Operator::BitAnd,
        r::Operator::FloorDiv => Operator::FloorDiv,
    }
}

fn cmp_op(o: r::CmpOp) -> CmpOp {
    match o {
        r::CmpOp::Eq => CmpOp::Eq,
        r::CmpOp::NotEq => CmpOp::NotEq,
        r::CmpOp::Lt => CmpOp::Lt,
        r::CmpOp::LtE => CmpOp::LtE,
        r::CmpOp::Gt => CmpOp::Gt,
        r::CmpOp::GtE => CmpOp::GtE,
        r::CmpOp::Is => CmpOp::Is,
        r::CmpOp::IsNot => CmpOp::IsNot,
        r::CmpOp::In => CmpOp::In,
        r::CmpOp::NotIn => CmpOp::NotIn,
    }
}
