//! Syntax trees to and from Python objects, node for node.

use super::astobj::{class, single};
use crate::prelude::*;
use compiler::ast::Arg;
use compiler::ast::*;
use compiler::code::{Const, PyStr};
use compiler::{Mode, Options};
use std::sync::Arc;

// ------------------------------------------------------------------------------------------ to objects

type Fields<'a> = &'a [(&'static str, PyRef)];

fn make(name: &str, fields: Fields<'_>) -> PyResult<PyRef> {
    let c = class(name)?;
    // SAFETY: tp_alloc gives an owned reference.
    let o: PyRef = unsafe { Ref::from_raw(c.alloc(0)?.cast()) };
    for (k, v) in fields {
        o.setattr(Str::intern(k), v)?;
    }
    Ok(o)
}

fn int(n: i32) -> PyResult<PyRef> {
    Ok(Int::from_i64(n as i64)?.upcast())
}

fn located(o: PyRef, l: &Loc) -> PyResult<PyRef> {
    o.setattr(intern!("lineno"), &*int(l.lineno)?)?;
    o.setattr(intern!("col_offset"), &*int(l.col)?)?;
    o.setattr(intern!("end_lineno"), &*int(l.end_lineno)?)?;
    o.setattr(intern!("end_col_offset"), &*int(l.end_col)?)?;
    Ok(o)
}

fn list<T>(items: &[T], f: impl Fn(&T) -> PyResult<PyRef>) -> PyResult<PyRef> {
    Ok(List::from_vec(items.iter().map(f).collect::<PyResult<Vec<_>>>()?)?.upcast())
}
fn opt<T>(x: &Option<T>, f: impl Fn(&T) -> PyResult<PyRef>) -> PyResult<PyRef> {
    match x {
        Some(v) => f(v),
        None => Ok(none_ref()),
    }
}
fn ident(s: &Ident) -> PyResult<PyRef> {
    Ok(Str::intern(s).to_ref())
}
fn text(s: &String) -> PyResult<PyRef> {
    Ok(Str::new(s)?.upcast())
}
fn boxed(e: &Box<Expr>) -> PyResult<PyRef> {
    expr(e)
}
fn exprs(v: &[Expr]) -> PyResult<PyRef> {
    list(v, expr)
}
fn stmts(v: &[Stmt]) -> PyResult<PyRef> {
    list(v, stmt)
}
fn constant(c: &Const) -> PyResult<PyRef> {
    crate::objects::code::const_object(c)
}

fn ctx(c: Ctx) -> PyResult<PyRef> {
    single(match c {
        Ctx::Load => "Load",
        Ctx::Store => "Store",
        Ctx::Del => "Del",
    })
}
const OPERATORS: [(Operator, &str); 13] = [
    (Operator::Add, "Add"),
    (Operator::Sub, "Sub"),
    (Operator::Mult, "Mult"),
    (Operator::MatMult, "MatMult"),
    (Operator::Div, "Div"),
    (Operator::Mod, "Mod"),
    (Operator::Pow, "Pow"),
    (Operator::LShift, "LShift"),
    (Operator::RShift, "RShift"),
    (Operator::BitOr, "BitOr"),
    (Operator::BitXor, "BitXor"),
    (Operator::BitAnd, "BitAnd"),
    (Operator::FloorDiv, "FloorDiv"),
];
const UNARY: [(UnaryOp, &str); 4] =
    [(UnaryOp::Invert, "Invert"), (UnaryOp::Not, "Not"), (UnaryOp::UAdd, "UAdd"), (UnaryOp::USub, "USub")];
const BOOL: [(BoolOp, &str); 2] = [(BoolOp::And, "And"), (BoolOp::Or, "Or")];
const COMPARE: [(CmpOp, &str); 10] = [
    (CmpOp::Eq, "Eq"),
    (CmpOp::NotEq, "NotEq"),
    (CmpOp::Lt, "Lt"),
    (CmpOp::LtE, "LtE"),
    (CmpOp::Gt, "Gt"),
    (CmpOp::GtE, "GtE"),
    (CmpOp::Is, "Is"),
    (CmpOp::IsNot, "IsNot"),
    (CmpOp::In, "In"),
    (CmpOp::NotIn, "NotIn"),
];
fn op_object<T: PartialEq + Copy>(table: &[(T, &str)], op: T) -> PyResult<PyRef> {
    single(table.iter().find(|x| x.0 == op).map_or("", |x| x.1))
}

/// A tree as objects.
pub fn to_object(m: &Mod) -> PyResult<PyRef> {
    match m {
        Mod::Module { body, type_ignores } => {
            let ti = list(type_ignores, |(l, t)| make("TypeIgnore", &[("lineno", int(*l)?), ("tag", text(t)?)]))?;
            make("Module", &[("body", stmts(body)?), ("type_ignores", ti)])
        }
        Mod::Interactive { body } => make("Interactive", &[("body", stmts(body)?)]),
        Mod::Expression { body } => make("Expression", &[("body", expr(body)?)]),
        Mod::FunctionType { argtypes, returns } => {
            make("FunctionType", &[("argtypes", exprs(argtypes)?), ("returns", expr(returns)?)])
        }
    }
}

fn stmt(s: &Stmt) -> PyResult<PyRef> {
    use StmtKind as K;
    let o = match &s.kind {
        K::FunctionDef(f) => make(
            if f.is_async { "AsyncFunctionDef" } else { "FunctionDef" },
            &[
                ("name", ident(&f.name)?),
                ("args", arguments(&f.args)?),
                ("body", stmts(&f.body)?),
                ("decorator_list", exprs(&f.decorator_list)?),
                ("returns", opt(&f.returns, expr)?),
                ("type_comment", opt(&f.type_comment, text)?),
                ("type_params", list(&f.type_params, type_param)?),
            ],
        ),
        K::ClassDef(c) => make(
            "ClassDef",
            &[
                ("name", ident(&c.name)?),
                ("bases", exprs(&c.bases)?),
                ("keywords", list(&c.keywords, keyword)?),
                ("body", stmts(&c.body)?),
                ("decorator_list", exprs(&c.decorator_list)?),
                ("type_params", list(&c.type_params, type_param)?),
            ],
        ),
        K::Return(v) => make("Return", &[("value", opt(v, boxed)?)]),
        K::Delete(t) => make("Delete", &[("targets", exprs(t)?)]),
        K::Assign { targets, value, type_comment } => make(
            "Assign",
            &[("targets", exprs(targets)?), ("value", expr(value)?), ("type_comment", opt(type_comment, text)?)],
        ),
        K::TypeAlias { name, type_params, value } => make(
            "TypeAlias",
            &[("name", expr(name)?), ("type_params", list(type_params, type_param)?), ("value", expr(value)?)],
        ),
        K::AugAssign { target, op, value } => make(
            "AugAssign",
            &[("target", expr(target)?), ("op", op_object(&OPERATORS, *op)?), ("value", expr(value)?)],
        ),
        K::AnnAssign { target, annotation, value, simple } => make(
            "AnnAssign",
            &[
                ("target", expr(target)?),
                ("annotation", expr(annotation)?),
                ("value", opt(value, boxed)?),
                ("simple", int(*simple as i32)?),
            ],
        ),
        K::For { is_async, target, iter, body, orelse, type_comment } => make(
            if *is_async { "AsyncFor" } else { "For" },
            &[
                ("target", expr(target)?),
                ("iter", expr(iter)?),
                ("body", stmts(body)?),
                ("orelse", stmts(orelse)?),
                ("type_comment", opt(type_comment, text)?),
            ],
        ),
        K::While { test, body, orelse } => {
            make("While", &[("test", expr(test)?), ("body", stmts(body)?), ("orelse", stmts(orelse)?)])
        }
        K::If { test, body, orelse } => {
            make("If", &[("test", expr(test)?), ("body", stmts(body)?), ("orelse", stmts(orelse)?)])
        }
        K::With { is_async, items, body, type_comment } => make(
            if *is_async { "AsyncWith" } else { "With" },
            &[
                (
                    "items",
                    list(items, |i| {
                        make(
                            "withitem",
                            &[
                                ("context_expr", expr(&i.context_expr)?),
                                ("optional_vars", opt(&i.optional_vars, boxed)?),
                            ],
                        )
                    })?,
                ),
                ("body", stmts(body)?),
                ("type_comment", opt(type_comment, text)?),
            ],
        ),
        K::Match { subject, cases } => make(
            "Match",
            &[
                ("subject", expr(subject)?),
                (
                    "cases",
                    list(cases, |c| {
                        make(
                            "match_case",
                            &[
                                ("pattern", pattern(&c.pattern)?),
                                ("guard", opt(&c.guard, boxed)?),
                                ("body", stmts(&c.body)?),
                            ],
                        )
                    })?,
                ),
            ],
        ),
        K::Raise { exc, cause } => make("Raise", &[("exc", opt(exc, boxed)?), ("cause", opt(cause, boxed)?)]),
        K::Try { is_star, body, handlers, orelse, finalbody } => make(
            if *is_star { "TryStar" } else { "Try" },
            &[
                ("body", stmts(body)?),
                (
                    "handlers",
                    list(handlers, |h| {
                        let o = make(
                            "ExceptHandler",
                            &[("type", opt(&h.typ, boxed)?), ("name", opt(&h.name, ident)?), ("body", stmts(&h.body)?)],
                        )?;
                        located(o, &h.loc)
                    })?,
                ),
                ("orelse", stmts(orelse)?),
                ("finalbody", stmts(finalbody)?),
            ],
        ),
        K::Assert { test, msg } => make("Assert", &[("test", expr(test)?), ("msg", opt(msg, boxed)?)]),
        K::Import(names) => make("Import", &[("names", list(names, alias)?)]),
        K::ImportFrom { module, names, level } => make(
            "ImportFrom",
            &[("module", opt(module, ident)?), ("names", list(names, alias)?), ("level", int(*level as i32)?)],
        ),
        K::Global(n) => make("Global", &[("names", list(n, ident)?)]),
        K::Nonlocal(n) => make("Nonlocal", &[("names", list(n, ident)?)]),
        K::Expr(v) => make("Expr", &[("value", expr(v)?)]),
        K::Pass => make("Pass", &[]),
        K::Break => make("Break", &[]),
        K::Continue => make("Continue", &[]),
    }?;
    located(o, &s.loc)
}

fn comprehension(c: &Comprehension) -> PyResult<PyRef> {
    make(
        "comprehension",
        &[
            ("target", expr(&c.target)?),
            ("iter", expr(&c.iter)?),
            ("ifs", exprs(&c.ifs)?),
            ("is_async", int(c.is_async as i32)?),
        ],
    )
}

fn expr(e: &Expr) -> PyResult<PyRef> {
    use ExprKind as K;
    let o = match &e.kind {
        K::BoolOp { op, values } => make("BoolOp", &[("op", op_object(&BOOL, *op)?), ("values", exprs(values)?)]),
        K::NamedExpr { target, value } => make("NamedExpr", &[("target", expr(target)?), ("value", expr(value)?)]),
        K::BinOp { left, op, right } => {
            make("BinOp", &[("left", expr(left)?), ("op", op_object(&OPERATORS, *op)?), ("right", expr(right)?)])
        }
        K::UnaryOp { op, operand } => make("UnaryOp", &[("op", op_object(&UNARY, *op)?), ("operand", expr(operand)?)]),
        K::Lambda { args, body } => make("Lambda", &[("args", arguments(args)?), ("body", expr(body)?)]),
        K::IfExp { test, body, orelse } => {
            make("IfExp", &[("test", expr(test)?), ("body", expr(body)?), ("orelse", expr(orelse)?)])
        }
        K::Dict { keys, values } => {
            make("Dict", &[("keys", list(keys, |k| opt(k, expr))?), ("values", exprs(values)?)])
        }
        K::Set(v) => make("Set", &[("elts", exprs(v)?)]),
        K::ListComp { elt, generators } => {
            make("ListComp", &[("elt", expr(elt)?), ("generators", list(generators, comprehension)?)])
        }
        K::SetComp { elt, generators } => {
            make("SetComp", &[("elt", expr(elt)?), ("generators", list(generators, comprehension)?)])
        }
        K::DictComp { key, value, generators } => make(
            "DictComp",
            &[("key", expr(key)?), ("value", expr(value)?), ("generators", list(generators, comprehension)?)],
        ),
        K::GeneratorExp { elt, generators } => {
            make("GeneratorExp", &[("elt", expr(elt)?), ("generators", list(generators, comprehension)?)])
        }
        K::Await(v) => make("Await", &[("value", expr(v)?)]),
        K::Yield(v) => make("Yield", &[("value", opt(v, boxed)?)]),
        K::YieldFrom(v) => make("YieldFrom", &[("value", expr(v)?)]),
        K::Compare { left, ops, comparators } => make(
            "Compare",
            &[
                ("left", expr(left)?),
                ("ops", list(ops, |o| op_object(&COMPARE, *o))?),
                ("comparators", exprs(comparators)?),
            ],
        ),
        K::Call { func, args, keywords } => {
            make("Call", &[("func", expr(func)?), ("args", exprs(args)?), ("keywords", list(keywords, keyword)?)])
        }
        K::FormattedValue { value, conversion, format_spec } => make(
            "FormattedValue",
            &[("value", expr(value)?), ("conversion", int(*conversion)?), ("format_spec", opt(format_spec, boxed)?)],
        ),
        K::Interpolation { value, text, conversion, format_spec } => make(
            "Interpolation",
            &[
                ("value", expr(value)?),
                ("str", constant(text)?),
                ("conversion", int(*conversion)?),
                ("format_spec", opt(format_spec, boxed)?),
            ],
        ),
        K::JoinedStr(v) => make("JoinedStr", &[("values", exprs(v)?)]),
        K::TemplateStr(v) => make("TemplateStr", &[("values", exprs(v)?)]),
        K::Constant { value, u_kind } => make(
            "Constant",
            &[("value", constant(value)?), ("kind", if *u_kind { Str::intern("u").to_ref() } else { none_ref() })],
        ),
        K::Attribute { value, attr, ctx: c } => {
            make("Attribute", &[("value", expr(value)?), ("attr", ident(attr)?), ("ctx", ctx(*c)?)])
        }
        K::Subscript { value, slice, ctx: c } => {
            make("Subscript", &[("value", expr(value)?), ("slice", expr(slice)?), ("ctx", ctx(*c)?)])
        }
        K::Starred { value, ctx: c } => make("Starred", &[("value", expr(value)?), ("ctx", ctx(*c)?)]),
        K::Name { id, ctx: c } => make("Name", &[("id", ident(id)?), ("ctx", ctx(*c)?)]),
        K::List { elts, ctx: c } => make("List", &[("elts", exprs(elts)?), ("ctx", ctx(*c)?)]),
        K::Tuple { elts, ctx: c } => make("Tuple", &[("elts", exprs(elts)?), ("ctx", ctx(*c)?)]),
        K::Slice { lower, upper, step } => {
            make("Slice", &[("lower", opt(lower, boxed)?), ("upper", opt(upper, boxed)?), ("step", opt(step, boxed)?)])
        }
    }?;
    located(o, &e.loc)
}

fn arguments(a: &Arguments) -> PyResult<PyRef> {
    make(
        "arguments",
        &[
            ("posonlyargs", list(&a.posonlyargs, arg)?),
            ("args", list(&a.args, arg)?),
            ("vararg", opt(&a.vararg, |x| arg(x))?),
            ("kwonlyargs", list(&a.kwonlyargs, arg)?),
            ("kw_defaults", list(&a.kw_defaults, |d| opt(d, expr))?),
            ("kwarg", opt(&a.kwarg, |x| arg(x))?),
            ("defaults", exprs(&a.defaults)?),
        ],
    )
}
fn arg(a: &Arg) -> PyResult<PyRef> {
    let o = make(
        "arg",
        &[
            ("arg", ident(&a.arg)?),
            ("annotation", opt(&a.annotation, boxed)?),
            ("type_comment", opt(&a.type_comment, text)?),
        ],
    )?;
    located(o, &a.loc)
}
fn keyword(k: &Keyword) -> PyResult<PyRef> {
    located(make("keyword", &[("arg", opt(&k.arg, ident)?), ("value", expr(&k.value)?)])?, &k.loc)
}
fn alias(a: &Alias) -> PyResult<PyRef> {
    located(make("alias", &[("name", ident(&a.name)?), ("asname", opt(&a.asname, ident)?)])?, &a.loc)
}
fn pattern(p: &Pattern) -> PyResult<PyRef> {
    use PatternKind as K;
    let pats = |v: &[Pattern]| list(v, pattern);
    let o = match &p.kind {
        K::MatchValue(v) => make("MatchValue", &[("value", expr(v)?)]),
        K::MatchSingleton(c) => make("MatchSingleton", &[("value", constant(c)?)]),
        K::MatchSequence(v) => make("MatchSequence", &[("patterns", pats(v)?)]),
        K::MatchMapping { keys, patterns, rest } => {
            make("MatchMapping", &[("keys", exprs(keys)?), ("patterns", pats(patterns)?), ("rest", opt(rest, ident)?)])
        }
        K::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => make(
            "MatchClass",
            &[
                ("cls", expr(cls)?),
                ("patterns", pats(patterns)?),
                ("kwd_attrs", list(kwd_attrs, ident)?),
                ("kwd_patterns", pats(kwd_patterns)?),
            ],
        ),
        K::MatchStar(n) => make("MatchStar", &[("name", opt(n, ident)?)]),
        K::MatchAs { pattern: p, name } => {
            make("MatchAs", &[("pattern", opt(p, |x| pattern(x))?), ("name", opt(name, ident)?)])
        }
        K::MatchOr(v) => make("MatchOr", &[("patterns", pats(v)?)]),
    }?;
    located(o, &p.loc)
}
fn type_param(t: &TypeParam) -> PyResult<PyRef> {
    let default = opt(&t.default, boxed)?;
    let o = match &t.kind {
        TypeParamKind::TypeVar { bound } => {
            make("TypeVar", &[("name", ident(&t.name)?), ("bound", opt(bound, boxed)?), ("default_value", default)])
        }
        TypeParamKind::ParamSpec => make("ParamSpec", &[("name", ident(&t.name)?), ("default_value", default)]),
        TypeParamKind::TypeVarTuple => make("TypeVarTuple", &[("name", ident(&t.name)?), ("default_value", default)]),
    }?;
    located(o, &t.loc)
}

// ------------------------------------------------------------------------------------------ from objects

/// A node being read: the object and the name of its class.
struct Node<'a> {
    o: &'a Object,
    depth: usize,
}

const MAX_DEPTH: usize = 6000;

fn is(o: &Object, name: &str) -> PyResult<bool> {
    o.isinstance(class(name)?)
}

impl<'a> Node<'a> {
    fn cls(&self) -> String {
        self.o.ty().name_str().to_string()
    }
    fn get(&self, f: &str) -> PyResult<Option<PyRef>> {
        Ok(self.o.getattr_opt(Str::intern(f))?.filter(|v| !v.is_none()))
    }
    fn missing(&self, f: &str) -> Raised {
        raise!(TypeError, "required field \"{}\" missing from {}", f, self.cls())
    }
    fn raw(&self, f: &str) -> PyResult<PyRef> {
        match self.o.getattr_opt(Str::intern(f))? {
            Some(v) => Ok(v),
            None => Err(self.missing(f)),
        }
    }
    /// A field that may not be None.
    fn required(&self, f: &str) -> PyResult<PyRef> {
        let v = self.raw(f)?;
        if v.is_none() {
            return Err(raise!(ValueError, "field '{}' is required for {}", f, self.cls()));
        }
        Ok(v)
    }
    fn expr(&self, f: &str) -> PyResult<Expr> {
        let v = self.required(f)?;
        read_expr(&v, self.depth + 1)
    }
    fn boxed(&self, f: &str) -> PyResult<Box<Expr>> {
        self.expr(f).map(Box::new)
    }
    fn opt_expr(&self, f: &str) -> PyResult<Option<Box<Expr>>> {
        match self.get(f)? {
            Some(v) => Ok(Some(Box::new(read_expr(&v, self.depth + 1)?))),
            None => Ok(None),
        }
    }
    fn list<T>(&self, f: &str, read: impl Fn(&Object, usize) -> PyResult<T>) -> PyResult<Vec<T>> {
        let Some(v) = self.o.getattr_opt(Str::intern(f))? else { return Ok(Vec::new()) };
        let Some(l) = v.downcast::<List>() else {
            return Err(raise!(
                TypeError,
                "{} field \"{}\" must be a list, not a {}",
                self.cls(),
                f,
                v.ty().name_str()
            ));
        };
        let n = l.len();
        let mut out = Vec::with_capacity(n);
        for (i, x) in l.snapshot().iter().enumerate() {
            out.push(read(x, self.depth + 1)?);
            let _ = i;
            if l.len() != n {
                return Err(raise!(RuntimeError, "{} field \"{}\" changed size during iteration", self.cls(), f));
            }
        }
        Ok(out)
    }
    fn exprs(&self, f: &str) -> PyResult<Vec<Expr>> {
        self.list(f, read_expr)
    }
    fn opt_exprs(&self, f: &str) -> PyResult<Vec<Option<Expr>>> {
        self.list(f, |o, d| if o.is_none() { Ok(None) } else { read_expr(o, d).map(Some) })
    }
    fn stmts(&self, f: &str) -> PyResult<Vec<Stmt>> {
        self.list(f, read_stmt)
    }
    fn ident(&self, f: &str) -> PyResult<Ident> {
        let v = self.required(f)?;
        read_ident(&v)
    }
    fn opt_ident(&self, f: &str) -> PyResult<Option<Ident>> {
        self.get(f)?.map(|v| read_ident(&v)).transpose()
    }
    fn opt_string(&self, f: &str) -> PyResult<Option<String>> {
        match self.get(f)? {
            Some(v) => match v.downcast::<Str>() {
                Some(s) => Ok(Some(s.to_str()?.to_string())),
                None => Err(raise!(TypeError, "AST string must be of type str")),
            },
            None => Ok(None),
        }
    }
    fn int(&self, f: &str) -> PyResult<i32> {
        let v = self.raw(f)?;
        read_int(&v)
    }
    fn opt_int(&self, f: &str) -> PyResult<Option<i32>> {
        self.get(f)?.map(|v| read_int(&v)).transpose()
    }
    /// The place of a node of a sum or product.
    fn loc(&self, sum: &str) -> PyResult<Loc> {
        let required = |f: &str| match self.o.getattr_opt(Str::intern(f))? {
            Some(v) => read_int(&v),
            None => Err(raise!(TypeError, "required field \"{}\" missing from {}", f, sum)),
        };
        let lineno = required("lineno")?;
        let col = required("col_offset")?;
        let end_lineno = self.opt_int("end_lineno")?.unwrap_or(lineno);
        let end_col = self.opt_int("end_col_offset")?.unwrap_or(col);
        if lineno > end_lineno {
            return Err(raise!(ValueError, "AST node line range ({}, {}) is not valid", lineno, end_lineno));
        }
        if (lineno < 0 && end_lineno != lineno) || (col < 0 && col != end_col) {
            return Err(raise!(
                ValueError,
                "AST node column range ({}, {}) for line range ({}, {}) is not valid",
                col,
                end_col,
                lineno,
                end_lineno
            ));
        }
        if lineno == end_lineno && col > end_col {
            return Err(raise!(ValueError, "line {}, column {}-{} is not a valid range", lineno, col, end_col));
        }
        Ok(Loc { lineno, col, end_lineno, end_col })
    }
    fn op<T: Copy>(&self, f: &str, table: &[(T, &str)], sum: &str) -> PyResult<T> {
        let v = self.raw(f)?;
        read_op(&v, table, sum)
    }
    fn ctx(&self) -> PyResult<Ctx> {
        self.op("ctx", &[(Ctx::Load, "Load"), (Ctx::Store, "Store"), (Ctx::Del, "Del")], "expr_context")
    }
    fn arguments(&self) -> PyResult<Arguments> {
        let v = self.raw("args")?;
        if !is(&v, "arguments")? {
            return Err(unexpected("arguments", &v));
        }
        read_arguments(&v, self.depth + 1)
    }
}

fn unexpected(sum: &str, o: &Object) -> Raised {
    match o.repr() {
        Ok(r) => raise!(TypeError, "expected some sort of {}, but got {}", sum, r.to_string_lossy()),
        Err(e) => e,
    }
}

fn read_op<T: Copy>(v: &Object, table: &[(T, &str)], sum: &str) -> PyResult<T> {
    for (t, n) in table {
        if is(v, n)? {
            return Ok(*t);
        }
    }
    Err(unexpected(sum, v))
}

fn read_ident(v: &Object) -> PyResult<Ident> {
    match v.downcast_exact::<Str>() {
        Some(s) => Ok(Arc::from(s.to_str()?)),
        None => Err(raise!(TypeError, "AST identifier must be of type str")),
    }
}

fn read_int(v: &Object) -> PyResult<i32> {
    if v.downcast::<Int>().is_none() {
        return Err(raise!(ValueError, "invalid integer value: {}", v.repr()?.to_string_lossy()));
    }
    match i32::try_from(v.as_i64()?) {
        Ok(n) => Ok(n),
        Err(_) => Err(raise!(OverflowError, "Python int too large to convert to C int")),
    }
}

/// A Python object as a constant of a tree.
pub fn read_const(v: &Object) -> PyResult<Const> {
    if v.is_none() {
        return Ok(Const::None);
    }
    if v.is(true_()) {
        return Ok(Const::True);
    }
    if v.is(false_()) {
        return Ok(Const::False);
    }
    if v.is(ellipsis()) {
        return Ok(Const::Ellipsis);
    }
    if let Some(i) = v.downcast_exact::<Int>() {
        return Ok(match i.try_i64() {
            Some(n) => Const::Int(n),
            None => Const::BigInt(Box::new(i.to_bigint())),
        });
    }
    if let Some(f) = v.downcast_exact::<Float>() {
        return Ok(Const::Float(f.value()));
    }
    if let Some(c) = v.downcast_exact::<crate::objects::Complex>() {
        let c = c.value();
        return Ok(Const::Complex(c.0, c.1));
    }
    if let Some(s) = v.downcast_exact::<Str>() {
        let mut t = PyStr::new();
        for c in s.chars() {
            t.push_code_point(c);
        }
        return Ok(Const::Str(t));
    }
    if let Some(b) = v.downcast_exact::<Bytes>() {
        return Ok(Const::Bytes(b.as_slice().to_vec()));
    }
    if let Some(t) = v.downcast_exact::<Tuple>() {
        return Ok(Const::Tuple(t.iter().map(read_const).collect::<PyResult<_>>()?));
    }
    if let Some(t) = v.downcast_exact::<FrozenSet>() {
        return Ok(Const::FrozenSet(t.snapshot().iter().map(|x| read_const(x)).collect::<PyResult<_>>()?));
    }
    Err(raise!(TypeError, "got an invalid type in Constant: {}", v.ty().name_str()))
}

/// Checks that the root is what the mode wants.
pub fn check_root(o: &Object, mode: Mode) -> PyResult<()> {
    let want = match mode {
        Mode::Exec => "Module",
        Mode::Eval => "Expression",
        Mode::Single => "Interactive",
        Mode::FuncType => "FunctionType",
    };
    if !is(o, want)? {
        return Err(raise!(TypeError, "expected {} node, got {}", want, o.ty().name_str()));
    }
    Ok(())
}

/// Reads a tree for `compile()`; the mode says which root is expected.
pub fn from_object(o: &Object, opts: &Options) -> PyResult<Mod> {
    check_root(o, opts.mode)?;
    let n = Node { o, depth: 0 };
    Ok(match opts.mode {
        Mode::Exec => Mod::Module {
            body: n.stmts("body")?,
            type_ignores: n.list("type_ignores", |t, d| {
                let t = Node { o: t, depth: d };
                Ok((t.int("lineno")?, t.opt_string("tag")?.unwrap_or_default()))
            })?,
        },
        Mode::Eval => Mod::Expression { body: n.boxed("body")? },
        Mode::Single => Mod::Interactive { body: n.stmts("body")? },
        Mode::FuncType => Mod::FunctionType { argtypes: n.exprs("argtypes")?, returns: n.boxed("returns")? },
    })
}

fn check_depth(o: &Object, depth: usize) -> PyResult<()> {
    if depth > MAX_DEPTH || ThreadState::current().stack_left() < 64 << 10 {
        let name = o.ty().name_str().to_string();
        return Err(crate::protocol::call::stack_overflow(&format!(" while traversing '{name}' node")));
    }
    Ok(())
}

fn read_stmt(o: &Object, depth: usize) -> PyResult<Stmt> {
    use StmtKind as K;
    check_depth(o, depth)?;
    let n = Node { o, depth };
    if o.is_none() {
        return Err(raise!(ValueError, "None disallowed in statement list"));
    }
    let loc = n.loc("stmt")?;
    if !is(o, "stmt")? {
        return Err(unexpected("stmt", o));
    }
    let name = node_name(o, "stmt")?;
    let kind = match name.as_str() {
        "FunctionDef" | "AsyncFunctionDef" => K::FunctionDef(Box::new(FunctionDef {
            is_async: name == "AsyncFunctionDef",
            name: n.ident("name")?,
            args: n.arguments()?,
            body: n.stmts("body")?,
            decorator_list: n.exprs("decorator_list")?,
            returns: n.opt_expr("returns")?.map(|b| *b),
            type_comment: n.opt_string("type_comment")?,
            type_params: n.list("type_params", read_type_param)?,
        })),
        "ClassDef" => K::ClassDef(Box::new(ClassDef {
            name: n.ident("name")?,
            bases: n.exprs("bases")?,
            keywords: n.list("keywords", read_keyword)?,
            body: n.stmts("body")?,
            decorator_list: n.exprs("decorator_list")?,
            type_params: n.list("type_params", read_type_param)?,
        })),
        "Return" => K::Return(n.opt_expr("value")?),
        "Delete" => K::Delete(n.exprs("targets")?),
        "Assign" => K::Assign {
            targets: n.exprs("targets")?,
            value: n.boxed("value")?,
            type_comment: n.opt_string("type_comment")?,
        },
        "TypeAlias" => K::TypeAlias {
            name: n.boxed("name")?,
            type_params: n.list("type_params", read_type_param)?,
            value: n.boxed("value")?,
        },
        "AugAssign" => K::AugAssign {
            target: n.boxed("target")?,
            op: n.op("op", &OPERATORS, "operator")?,
            value: n.boxed("value")?,
        },
        "AnnAssign" => K::AnnAssign {
            target: n.boxed("target")?,
            annotation: n.boxed("annotation")?,
            value: n.opt_expr("value")?,
            simple: n.int("simple")? != 0,
        },
        "For" | "AsyncFor" => K::For {
            is_async: name == "AsyncFor",
            target: n.boxed("target")?,
            iter: n.boxed("iter")?,
            body: n.stmts("body")?,
            orelse: n.stmts("orelse")?,
            type_comment: n.opt_string("type_comment")?,
        },
        "While" => K::While { test: n.boxed("test")?, body: n.stmts("body")?, orelse: n.stmts("orelse")? },
        "If" => K::If { test: n.boxed("test")?, body: n.stmts("body")?, orelse: n.stmts("orelse")? },
        "With" | "AsyncWith" => K::With {
            is_async: name == "AsyncWith",
            items: n.list("items", |o, d| {
                let n = Node { o, depth: d };
                Ok(WithItem { context_expr: n.expr("context_expr")?, optional_vars: n.opt_expr("optional_vars")? })
            })?,
            body: n.stmts("body")?,
            type_comment: n.opt_string("type_comment")?,
        },
        "Match" => K::Match {
            subject: n.boxed("subject")?,
            cases: n.list("cases", |o, d| {
                let n = Node { o, depth: d };
                Ok(MatchCase {
                    pattern: read_pattern(&*n.required("pattern")?, d + 1)?,
                    guard: n.opt_expr("guard")?,
                    body: n.stmts("body")?,
                })
            })?,
        },
        "Raise" => K::Raise { exc: n.opt_expr("exc")?, cause: n.opt_expr("cause")? },
        "Try" | "TryStar" => K::Try {
            is_star: name == "TryStar",
            body: n.stmts("body")?,
            handlers: n.list("handlers", |o, d| {
                let n = Node { o, depth: d };
                if !is(o, "excepthandler")? {
                    return Err(unexpected("excepthandler", o));
                }
                Ok(ExceptHandler {
                    loc: n.loc("excepthandler")?,
                    typ: n.opt_expr("type")?,
                    name: n.opt_ident("name")?,
                    body: n.stmts("body")?,
                })
            })?,
            orelse: n.stmts("orelse")?,
            finalbody: n.stmts("finalbody")?,
        },
        "Assert" => K::Assert { test: n.boxed("test")?, msg: n.opt_expr("msg")? },
        "Import" => K::Import(n.list("names", read_alias)?),
        "ImportFrom" => K::ImportFrom {
            module: n.opt_ident("module")?,
            names: n.list("names", read_alias)?,
            level: match n.opt_int("level")?.unwrap_or(0) {
                l if l < 0 => return Err(raise!(ValueError, "Negative ImportFrom level")),
                l => l as u32,
            },
        },
        "Global" => K::Global(n.list("names", |o, _| read_ident(o))?),
        "Nonlocal" => K::Nonlocal(n.list("names", |o, _| read_ident(o))?),
        "Expr" => K::Expr(n.boxed("value")?),
        "Pass" => K::Pass,
        "Break" => K::Break,
        "Continue" => K::Continue,
        _ => return Err(unexpected("stmt", o)),
    };
    Ok(Stmt { loc, kind })
}

/// The name of the node class that the object is an instance of: its type, or the first base that is a node of the sum.
fn node_name(o: &Object, sum: &str) -> PyResult<String> {
    let mro = o.ty().mro();
    let base = class(sum)?;
    let mut last = None;
    for t in mro.iter() {
        let Some(t) = t.downcast::<Type>() else { continue };
        if core::ptr::eq(t, base) {
            break;
        }
        if let Ok(c) = class_opt(t.name_str())
            && core::ptr::eq(c, t)
        {
            last = Some(t.name_str().to_string());
        }
    }
    match last {
        Some(n) => Ok(n),
        None => Err(unexpected(sum, o)),
    }
}

fn class_opt(name: &str) -> Result<&'static Type, ()> {
    match class(name) {
        Ok(t) => Ok(t),
        Err(e) => {
            e.clear();
            Err(())
        }
    }
}

fn read_comprehension(o: &Object, depth: usize) -> PyResult<Comprehension> {
    let n = Node { o, depth };
    Ok(Comprehension {
        target: n.expr("target")?,
        iter: n.expr("iter")?,
        ifs: n.exprs("ifs")?,
        is_async: n.int("is_async")? != 0,
    })
}

fn read_expr(o: &Object, depth: usize) -> PyResult<Expr> {
    use ExprKind as K;
    check_depth(o, depth)?;
    let n = Node { o, depth };
    if o.is_none() {
        return Err(raise!(ValueError, "None disallowed in expression list"));
    }
    let loc = n.loc("expr")?;
    if !is(o, "expr")? {
        return Err(unexpected("expr", o));
    }
    let kind = match node_name(o, "expr")?.as_str() {
        "BoolOp" => K::BoolOp { op: n.op("op", &BOOL, "boolop")?, values: n.exprs("values")? },
        "NamedExpr" => K::NamedExpr { target: n.boxed("target")?, value: n.boxed("value")? },
        "BinOp" => {
            K::BinOp { left: n.boxed("left")?, op: n.op("op", &OPERATORS, "operator")?, right: n.boxed("right")? }
        }
        "UnaryOp" => K::UnaryOp { op: n.op("op", &UNARY, "unaryop")?, operand: n.boxed("operand")? },
        "Lambda" => K::Lambda { args: Box::new(n.arguments()?), body: n.boxed("body")? },
        "IfExp" => K::IfExp { test: n.boxed("test")?, body: n.boxed("body")?, orelse: n.boxed("orelse")? },
        "Dict" => K::Dict { keys: n.opt_exprs("keys")?, values: n.exprs("values")? },
        "Set" => K::Set(n.exprs("elts")?),
        "ListComp" => K::ListComp { elt: n.boxed("elt")?, generators: n.list("generators", read_comprehension)? },
        "SetComp" => K::SetComp { elt: n.boxed("elt")?, generators: n.list("generators", read_comprehension)? },
        "DictComp" => K::DictComp {
            key: n.boxed("key")?,
            value: n.boxed("value")?,
            generators: n.list("generators", read_comprehension)?,
        },
        "GeneratorExp" => {
            K::GeneratorExp { elt: n.boxed("elt")?, generators: n.list("generators", read_comprehension)? }
        }
        "Await" => K::Await(n.boxed("value")?),
        "Yield" => K::Yield(n.opt_expr("value")?),
        "YieldFrom" => K::YieldFrom(n.boxed("value")?),
        "Compare" => K::Compare {
            left: n.boxed("left")?,
            ops: n.list("ops", |o, _| read_op(o, &COMPARE, "cmpop"))?,
            comparators: n.exprs("comparators")?,
        },
        "Call" => {
            K::Call { func: n.boxed("func")?, args: n.exprs("args")?, keywords: n.list("keywords", read_keyword)? }
        }
        "FormattedValue" => K::FormattedValue {
            value: n.boxed("value")?,
            conversion: n.int("conversion")?,
            format_spec: n.opt_expr("format_spec")?,
        },
        "Interpolation" => K::Interpolation {
            value: n.boxed("value")?,
            text: read_const(&*n.raw("str")?)?,
            conversion: n.int("conversion")?,
            format_spec: n.opt_expr("format_spec")?,
        },
        "JoinedStr" => K::JoinedStr(n.exprs("values")?),
        "TemplateStr" => K::TemplateStr(n.exprs("values")?),
        "Constant" => {
            K::Constant { value: read_const(&*n.raw("value")?)?, u_kind: n.opt_string("kind")?.as_deref() == Some("u") }
        }
        "Attribute" => K::Attribute { value: n.boxed("value")?, attr: n.ident("attr")?, ctx: n.ctx()? },
        "Subscript" => K::Subscript { value: n.boxed("value")?, slice: n.boxed("slice")?, ctx: n.ctx()? },
        "Starred" => K::Starred { value: n.boxed("value")?, ctx: n.ctx()? },
        "Name" => K::Name { id: n.ident("id")?, ctx: n.ctx()? },
        "List" => K::List { elts: n.exprs("elts")?, ctx: n.ctx()? },
        "Tuple" => K::Tuple { elts: n.exprs("elts")?, ctx: n.ctx()? },
        "Slice" => K::Slice { lower: n.opt_expr("lower")?, upper: n.opt_expr("upper")?, step: n.opt_expr("step")? },
        _ => return Err(unexpected("expr", o)),
    };
    Ok(Expr { loc, kind })
}

fn read_arguments(o: &Object, depth: usize) -> PyResult<Arguments> {
    let n = Node { o, depth };
    let one = |f: &str| -> PyResult<Option<Box<Arg>>> {
        n.get(f)?.map(|v| read_arg(&v, depth + 1).map(Box::new)).transpose()
    };
    Ok(Arguments {
        posonlyargs: n.list("posonlyargs", read_arg)?,
        args: n.list("args", read_arg)?,
        vararg: one("vararg")?,
        kwonlyargs: n.list("kwonlyargs", read_arg)?,
        kw_defaults: n.opt_exprs("kw_defaults")?,
        kwarg: one("kwarg")?,
        defaults: n.exprs("defaults")?,
    })
}
fn read_arg(o: &Object, depth: usize) -> PyResult<Arg> {
    let n = Node { o, depth };
    Ok(Arg {
        loc: n.loc("arg")?,
        arg: n.ident("arg")?,
        annotation: n.opt_expr("annotation")?,
        type_comment: n.opt_string("type_comment")?,
    })
}
fn read_keyword(o: &Object, depth: usize) -> PyResult<Keyword> {
    let n = Node { o, depth };
    Ok(Keyword { loc: n.loc("keyword")?, arg: n.opt_ident("arg")?, value: n.expr("value")? })
}
fn read_alias(o: &Object, depth: usize) -> PyResult<Alias> {
    let n = Node { o, depth };
    Ok(Alias { loc: n.loc("alias")?, name: n.ident("name")?, asname: n.opt_ident("asname")? })
}
fn read_pattern(o: &Object, depth: usize) -> PyResult<Pattern> {
    use PatternKind as K;
    check_depth(o, depth)?;
    let n = Node { o, depth };
    let loc = n.loc("pattern")?;
    if !is(o, "pattern")? {
        return Err(unexpected("pattern", o));
    }
    let kind = match node_name(o, "pattern")?.as_str() {
        "MatchValue" => K::MatchValue(n.boxed("value")?),
        "MatchSingleton" => K::MatchSingleton(read_const(&*n.raw("value")?)?),
        "MatchSequence" => K::MatchSequence(n.list("patterns", read_pattern)?),
        "MatchMapping" => K::MatchMapping {
            keys: n.exprs("keys")?,
            patterns: n.list("patterns", read_pattern)?,
            rest: n.opt_ident("rest")?,
        },
        "MatchClass" => K::MatchClass {
            cls: n.boxed("cls")?,
            patterns: n.list("patterns", read_pattern)?,
            kwd_attrs: n.list("kwd_attrs", |o, _| read_ident(o))?,
            kwd_patterns: n.list("kwd_patterns", read_pattern)?,
        },
        "MatchStar" => K::MatchStar(n.opt_ident("name")?),
        "MatchAs" => K::MatchAs {
            pattern: n.get("pattern")?.map(|p| read_pattern(&p, depth + 1).map(Box::new)).transpose()?,
            name: n.opt_ident("name")?,
        },
        "MatchOr" => K::MatchOr(n.list("patterns", read_pattern)?),
        _ => return Err(unexpected("pattern", o)),
    };
    Ok(Pattern { loc, kind })
}
fn read_type_param(o: &Object, depth: usize) -> PyResult<TypeParam> {
    let n = Node { o, depth };
    let kind = match node_name(o, "type_param")?.as_str() {
        "TypeVar" => TypeParamKind::TypeVar { bound: n.opt_expr("bound")? },
        "ParamSpec" => TypeParamKind::ParamSpec,
        _ => TypeParamKind::TypeVarTuple,
    };
    Ok(TypeParam { loc: n.loc("type_param")?, name: n.ident("name")?, kind, default: n.opt_expr("default_value")? })
}
