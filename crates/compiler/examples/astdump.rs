//! Prints the tree of a file as `ast.dump(tree, include_attributes=True)` does, to compare with CPython's.

use compiler::ast::*;
use compiler::{Const, Options};

struct D(String);

fn strs(s: &str) -> String {
    compiler::const_repr(&Const::Str(s.into()))
}

type F = (&'static str, Option<String>);

fn node(name: &str, fields: Vec<F>, loc: Option<&Loc>) -> String {
    let mut parts: Vec<String> = fields.into_iter().filter_map(|(n, v)| v.map(|v| format!("{n}={v}"))).collect();
    if let Some(l) = loc {
        parts.push(format!("lineno={}", l.lineno));
        parts.push(format!("col_offset={}", l.col));
        parts.push(format!("end_lineno={}", l.end_lineno));
        parts.push(format!("end_col_offset={}", l.end_col));
    }
    format!("{name}({})", parts.join(", "))
}

fn list<T>(l: &[T], f: impl Fn(&T) -> String) -> Option<String> {
    if l.is_empty() { None } else { Some(format!("[{}]", l.iter().map(f).collect::<Vec<_>>().join(", "))) }
}

fn exprs(l: &[Expr]) -> Option<String> {
    list(l, expr)
}

fn ob(e: &Option<Box<Expr>>) -> Option<String> {
    e.as_ref().map(|e| expr(e))
}

fn ctx(c: Ctx) -> Option<String> {
    Some(format!("{c:?}()"))
}

fn args(a: &Arguments) -> String {
    let arg = |p: &Arg| node("arg", vec![("arg", Some(strs(&p.arg))), ("annotation", ob(&p.annotation))], Some(&p.loc));
    node(
        "arguments",
        vec![
            ("posonlyargs", list(&a.posonlyargs, arg)),
            ("args", list(&a.args, arg)),
            ("vararg", a.vararg.as_ref().map(|p| arg(p))),
            ("kwonlyargs", list(&a.kwonlyargs, arg)),
            ("kw_defaults", list(&a.kw_defaults, |d| d.as_ref().map_or("None".into(), expr))),
            ("kwarg", a.kwarg.as_ref().map(|p| arg(p))),
            ("defaults", exprs(&a.defaults)),
        ],
        None,
    )
}

fn keyword(k: &Keyword) -> String {
    node("keyword", vec![("arg", k.arg.as_ref().map(|a| strs(a))), ("value", Some(expr(&k.value)))], Some(&k.loc))
}

fn comp(g: &Comprehension) -> String {
    node(
        "comprehension",
        vec![
            ("target", Some(expr(&g.target))),
            ("iter", Some(expr(&g.iter))),
            ("ifs", exprs(&g.ifs)),
            ("is_async", Some((g.is_async as u8).to_string())),
        ],
        None,
    )
}

fn expr(e: &Expr) -> String {
    let l = Some(&e.loc);
    let b = |e: &Expr| Some(expr(e));
    match &e.kind {
        ExprKind::BoolOp { op, values } => {
            node("BoolOp", vec![("op", Some(format!("{op:?}()"))), ("values", exprs(values))], l)
        }
        ExprKind::NamedExpr { target, value } => node("NamedExpr", vec![("target", b(target)), ("value", b(value))], l),
        ExprKind::BinOp { left, op, right } => {
            node("BinOp", vec![("left", b(left)), ("op", Some(format!("{op:?}()"))), ("right", b(right))], l)
        }
        ExprKind::UnaryOp { op, operand } => {
            node("UnaryOp", vec![("op", Some(format!("{op:?}()"))), ("operand", b(operand))], l)
        }
        ExprKind::Lambda { args: a, body } => node("Lambda", vec![("args", Some(args(a))), ("body", b(body))], l),
        ExprKind::IfExp { test, body, orelse } => {
            node("IfExp", vec![("test", b(test)), ("body", b(body)), ("orelse", b(orelse))], l)
        }
        ExprKind::Dict { keys, values } => node(
            "Dict",
            vec![("keys", list(keys, |k| k.as_ref().map_or("None".into(), expr))), ("values", exprs(values))],
            l,
        ),
        ExprKind::Set(x) => node("Set", vec![("elts", exprs(x))], l),
        ExprKind::ListComp { elt, generators } => {
            node("ListComp", vec![("elt", b(elt)), ("generators", list(generators, comp))], l)
        }
        ExprKind::SetComp { elt, generators } => {
            node("SetComp", vec![("elt", b(elt)), ("generators", list(generators, comp))], l)
        }
        ExprKind::GeneratorExp { elt, generators } => {
            node("GeneratorExp", vec![("elt", b(elt)), ("generators", list(generators, comp))], l)
        }
        ExprKind::DictComp { key, value, generators } => {
            node("DictComp", vec![("key", b(key)), ("value", b(value)), ("generators", list(generators, comp))], l)
        }
        ExprKind::Await(v) => node("Await", vec![("value", b(v))], l),
        ExprKind::Yield(v) => node("Yield", vec![("value", ob(v))], l),
        ExprKind::YieldFrom(v) => node("YieldFrom", vec![("value", b(v))], l),
        ExprKind::Compare { left, ops, comparators } => node(
            "Compare",
            vec![("left", b(left)), ("ops", list(ops, |o| format!("{o:?}()"))), ("comparators", exprs(comparators))],
            l,
        ),
        ExprKind::Call { func, args, keywords } => {
            node("Call", vec![("func", b(func)), ("args", exprs(args)), ("keywords", list(keywords, keyword))], l)
        }
        ExprKind::FormattedValue { value, conversion, format_spec } => node(
            "FormattedValue",
            vec![("value", b(value)), ("conversion", Some(conversion.to_string())), ("format_spec", ob(format_spec))],
            l,
        ),
        ExprKind::Interpolation { value, text, conversion, format_spec } => node(
            "Interpolation",
            vec![
                ("value", b(value)),
                ("str", Some(compiler::const_repr(text))),
                ("conversion", Some(conversion.to_string())),
                ("format_spec", ob(format_spec)),
            ],
            l,
        ),
        ExprKind::JoinedStr(v) => node("JoinedStr", vec![("values", exprs(v))], l),
        ExprKind::TemplateStr(v) => node("TemplateStr", vec![("values", exprs(v))], l),
        ExprKind::Constant { value, u_kind } => {
            let kind = u_kind.then(|| "'u'".to_string());
            node("Constant", vec![("value", Some(compiler::const_repr(value))), ("kind", kind)], l)
        }
        ExprKind::Attribute { value, attr, ctx: c } => {
            node("Attribute", vec![("value", b(value)), ("attr", Some(strs(attr))), ("ctx", ctx(*c))], l)
        }
        ExprKind::Subscript { value, slice, ctx: c } => {
            node("Subscript", vec![("value", b(value)), ("slice", b(slice)), ("ctx", ctx(*c))], l)
        }
        ExprKind::Starred { value, ctx: c } => node("Starred", vec![("value", b(value)), ("ctx", ctx(*c))], l),
        ExprKind::Name { id, ctx: c } => node("Name", vec![("id", Some(strs(id))), ("ctx", ctx(*c))], l),
        ExprKind::List { elts, ctx: c } => node("List", vec![("elts", exprs(elts)), ("ctx", ctx(*c))], l),
        ExprKind::Tuple { elts, ctx: c } => node("Tuple", vec![("elts", exprs(elts)), ("ctx", ctx(*c))], l),
        ExprKind::Slice { lower, upper, step } => {
            node("Slice", vec![("lower", ob(lower)), ("upper", ob(upper)), ("step", ob(step))], l)
        }
    }
}

fn pattern(p: &Pattern) -> String {
    let l = Some(&p.loc);
    let n = |n: &Option<Ident>| n.as_ref().map(|n| strs(n));
    match &p.kind {
        PatternKind::MatchValue(e) => node("MatchValue", vec![("value", Some(expr(e)))], l),
        PatternKind::MatchSingleton(c) => node("MatchSingleton", vec![("value", Some(compiler::const_repr(c)))], l),
        PatternKind::MatchSequence(x) => node("MatchSequence", vec![("patterns", list(x, pattern))], l),
        PatternKind::MatchMapping { keys, patterns, rest } => node(
            "MatchMapping",
            vec![("keys", exprs(keys)), ("patterns", list(patterns, pattern)), ("rest", n(rest))],
            l,
        ),
        PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => node(
            "MatchClass",
            vec![
                ("cls", Some(expr(cls))),
                ("patterns", list(patterns, pattern)),
                ("kwd_attrs", list(kwd_attrs, |a| strs(a))),
                ("kwd_patterns", list(kwd_patterns, pattern)),
            ],
            l,
        ),
        PatternKind::MatchStar(x) => node("MatchStar", vec![("name", n(x))], l),
        PatternKind::MatchAs { pattern: q, name } => {
            node("MatchAs", vec![("pattern", q.as_ref().map(|q| pattern(q))), ("name", n(name))], l)
        }
        PatternKind::MatchOr(x) => node("MatchOr", vec![("patterns", list(x, pattern))], l),
    }
}

fn type_param(p: &TypeParam) -> String {
    let l = Some(&p.loc);
    let name = ("name", Some(strs(&p.name)));
    let d = ("default_value", ob(&p.default));
    match &p.kind {
        TypeParamKind::TypeVar { bound } => node("TypeVar", vec![name, ("bound", ob(bound)), d], l),
        TypeParamKind::ParamSpec => node("ParamSpec", vec![name, d], l),
        TypeParamKind::TypeVarTuple => node("TypeVarTuple", vec![name, d], l),
    }
}

fn stmts(l: &[Stmt]) -> Option<String> {
    list(l, stmt)
}

fn stmt(s: &Stmt) -> String {
    let l = Some(&s.loc);
    let b = |e: &Expr| Some(expr(e));
    let alias = |a: &Alias| {
        node("alias", vec![("name", Some(strs(&a.name))), ("asname", a.asname.as_ref().map(|n| strs(n)))], Some(&a.loc))
    };
    let names = |n: &[Ident]| list(n, |n| strs(n));
    match &s.kind {
        StmtKind::FunctionDef(f) => node(
            if f.is_async { "AsyncFunctionDef" } else { "FunctionDef" },
            vec![
                ("name", Some(strs(&f.name))),
                ("args", Some(args(&f.args))),
                ("body", stmts(&f.body)),
                ("decorator_list", exprs(&f.decorator_list)),
                ("returns", f.returns.as_ref().map(expr)),
                ("type_params", list(&f.type_params, type_param)),
            ],
            l,
        ),
        StmtKind::ClassDef(c) => node(
            "ClassDef",
            vec![
                ("name", Some(strs(&c.name))),
                ("bases", exprs(&c.bases)),
                ("keywords", list(&c.keywords, keyword)),
                ("body", stmts(&c.body)),
                ("decorator_list", exprs(&c.decorator_list)),
                ("type_params", list(&c.type_params, type_param)),
            ],
            l,
        ),
        StmtKind::Return(v) => node("Return", vec![("value", ob(v))], l),
        StmtKind::Delete(t) => node("Delete", vec![("targets", exprs(t))], l),
        StmtKind::Assign { targets, value, .. } => {
            node("Assign", vec![("targets", exprs(targets)), ("value", b(value))], l)
        }
        StmtKind::TypeAlias { name, type_params, value } => node(
            "TypeAlias",
            vec![("name", b(name)), ("type_params", list(type_params, type_param)), ("value", b(value))],
            l,
        ),
        StmtKind::AugAssign { target, op, value } => {
            node("AugAssign", vec![("target", b(target)), ("op", Some(format!("{op:?}()"))), ("value", b(value))], l)
        }
        StmtKind::AnnAssign { target, annotation, value, simple } => node(
            "AnnAssign",
            vec![
                ("target", b(target)),
                ("annotation", b(annotation)),
                ("value", ob(value)),
                ("simple", Some((*simple as u8).to_string())),
            ],
            l,
        ),
        StmtKind::For { is_async, target, iter, body, orelse, .. } => node(
            if *is_async { "AsyncFor" } else { "For" },
            vec![("target", b(target)), ("iter", b(iter)), ("body", stmts(body)), ("orelse", stmts(orelse))],
            l,
        ),
        StmtKind::While { test, body, orelse } => {
            node("While", vec![("test", b(test)), ("body", stmts(body)), ("orelse", stmts(orelse))], l)
        }
        StmtKind::If { test, body, orelse } => {
            node("If", vec![("test", b(test)), ("body", stmts(body)), ("orelse", stmts(orelse))], l)
        }
        StmtKind::With { is_async, items, body, .. } => node(
            if *is_async { "AsyncWith" } else { "With" },
            vec![
                (
                    "items",
                    list(items, |i| {
                        node(
                            "withitem",
                            vec![("context_expr", b(&i.context_expr)), ("optional_vars", ob(&i.optional_vars))],
                            None,
                        )
                    }),
                ),
                ("body", stmts(body)),
            ],
            l,
        ),
        StmtKind::Match { subject, cases } => node(
            "Match",
            vec![
                ("subject", b(subject)),
                (
                    "cases",
                    list(cases, |c| {
                        node(
                            "match_case",
                            vec![
                                ("pattern", Some(pattern(&c.pattern))),
                                ("guard", ob(&c.guard)),
                                ("body", stmts(&c.body)),
                            ],
                            None,
                        )
                    }),
                ),
            ],
            l,
        ),
        StmtKind::Raise { exc, cause } => node("Raise", vec![("exc", ob(exc)), ("cause", ob(cause))], l),
        StmtKind::Try { is_star, body, handlers, orelse, finalbody } => node(
            if *is_star { "TryStar" } else { "Try" },
            vec![
                ("body", stmts(body)),
                (
                    "handlers",
                    list(handlers, |h| {
                        node(
                            "ExceptHandler",
                            vec![
                                ("type", ob(&h.typ)),
                                ("name", h.name.as_ref().map(|n| strs(n))),
                                ("body", stmts(&h.body)),
                            ],
                            Some(&h.loc),
                        )
                    }),
                ),
                ("orelse", stmts(orelse)),
                ("finalbody", stmts(finalbody)),
            ],
            l,
        ),
        StmtKind::Assert { test, msg } => node("Assert", vec![("test", b(test)), ("msg", ob(msg))], l),
        StmtKind::Import(n) => node("Import", vec![("names", list(n, alias))], l),
        StmtKind::ImportFrom { module, names, level } => node(
            "ImportFrom",
            vec![
                ("module", module.as_ref().map(|m| strs(m))),
                ("names", list(names, alias)),
                ("level", Some(level.to_string())),
            ],
            l,
        ),
        StmtKind::Global(n) => node("Global", vec![("names", names(n))], l),
        StmtKind::Nonlocal(n) => node("Nonlocal", vec![("names", names(n))], l),
        StmtKind::Expr(e) => node("Expr", vec![("value", b(e))], l),
        StmtKind::Pass => node("Pass", vec![], l),
        StmtKind::Break => node("Break", vec![], l),
        StmtKind::Continue => node("Continue", vec![], l),
    }
}

fn main() {
    let mut d = D(String::new());
    for path in std::env::args().skip(1) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let Ok((Mod::Module { body, .. }, _)) = compiler::parse(text, &Options::default()) else { continue };
        d.0.clear();
        for s in &body {
            d.0.push_str(&stmt(s));
            d.0.push('\n');
        }
        print!("FILE {path}\n{}", d.0);
    }
}
