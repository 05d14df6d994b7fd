//! Expressions → text, for annotations under `from __future__ import annotations`.

use crate::ast::*;
use crate::code::{Const, PyStr};

/// Text of an expression.
pub fn unparse(e: &Expr) -> String {
    let mut w = Writer { out: String::new() };
    w.expr(e, TEST);
    w.out
}

// Precedence levels, loosest first.
const NAMED: u8 = 0;
const TUPLE: u8 = 1;
const TEST: u8 = 2;
const OR: u8 = 3;
const AND: u8 = 4;
const NOT: u8 = 5;
const CMP: u8 = 6;
const BOR: u8 = 7;
const BXOR: u8 = 8;
const BAND: u8 = 9;
const SHIFT: u8 = 10;
const ARITH: u8 = 11;
const TERM: u8 = 12;
const FACTOR: u8 = 13;
const POWER: u8 = 14;
const AWAIT: u8 = 15;
const ATOM: u8 = 16;

struct Writer {
    out: String,
}

/// `repr()` of a constant.
pub fn const_repr(c: &Const) -> String {
    match c {
        Const::None => "None".into(),
        Const::True => "True".into(),
        Const::False => "False".into(),
        Const::Ellipsis => "Ellipsis".into(),
        Const::Int(v) => v.to_string(),
        Const::BigInt(v) => v.to_string(),
        Const::Float(f) => float_repr(*f),
        Const::Complex(a, b) => {
            let part = |f: f64| {
                let r = float_repr(f);
                r.strip_suffix(".0").map_or(r.clone(), str::to_string)
            };
            if *a == 0.0 && !a.is_sign_negative() {
                format!("{}j", part(*b))
            } else {
                let im = part(*b);
                let sign = if im.starts_with('-') { "" } else { "+" };
                format!("({}{sign}{im}j)", part(*a))
            }
        }
        Const::Str(s) => str_repr(s),
        Const::Bytes(b) => bytes_repr(b),
        Const::Tuple(t) => match t.len() {
            1 => format!("({},)", const_repr(&t[0])),
            _ => format!("({})", t.iter().map(const_repr).collect::<Vec<_>>().join(", ")),
        },
        Const::FrozenSet(t) => format!("frozenset({{{}}})", t.iter().map(const_repr).collect::<Vec<_>>().join(", ")),
        Const::Slice(s) => format!("slice({}, {}, {})", const_repr(&s[0]), const_repr(&s[1]), const_repr(&s[2])),
        Const::Code(c) => format!("<code object {}>", c.name),
    }
}

/// Shortest text of a float that reads back the same, as Python writes it.
fn float_repr(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.into();
    }
    let s = format!("{f:e}");
    let (mantissa, exp) = s.split_once('e').unwrap_or((&s, "0"));
    let exp: i32 = exp.parse().unwrap_or(0);
    if (-4..16).contains(&exp) {
        let plain = format!("{f}");
        if plain.contains('.') { plain } else { format!("{plain}.0") }
    } else {
        format!("{mantissa}e{}{:02}", if exp < 0 { '-' } else { '+' }, exp.abs())
    }
}

fn str_repr(s: &PyStr) -> String {
    let cps: Vec<u32> = s.code_points().collect();
    let quote = if cps.contains(&39) && !cps.contains(&34) { '"' } else { '\'' };
    let mut out = String::new();
    out.push(quote);
    for cp in cps {
        match (cp, char::from_u32(cp)) {
            (10, _) => out.push_str("\\n"),
            (13, _) => out.push_str("\\r"),
            (9, _) => out.push_str("\\t"),
            (92, _) => out.push_str("\\\\"),
            (_, Some(c)) if c == quote => {
                out.push('\\');
                out.push(c);
            }
            (_, Some(c)) if c == ' ' || crate::tokens::printable(c) => out.push(c),
            (0..=0xff, _) => out.push_str(&format!("\\x{cp:02x}")),
            (0..=0xffff, _) => out.push_str(&format!("\\u{cp:04x}")),
            _ => out.push_str(&format!("\\U{cp:08x}")),
        }
    }
    out.push(quote);
    out
}

fn bytes_repr(b: &[u8]) -> String {
    let quote = if b.contains(&b'\'') && !b.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for c in b {
        match *c {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            c if c as char == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(*c as char),
            c => out.push_str(&format!("\\x{c:02x}")),
        }
    }
    out.push(quote);
    out
}

impl Writer {
    fn p(&mut self, s: &str) {
        self.out.push_str(s);
    }

    fn open(&mut self, level: u8, mine: u8) -> bool {
        if level > mine {
            self.p("(");
        }
        level > mine
    }

    fn close(&mut self, opened: bool) {
        if opened {
            self.p(")");
        }
    }

    fn list(&mut self, l: &[Expr]) {
        for (i, e) in l.iter().enumerate() {
            if i > 0 {
                self.p(", ");
            }
            self.expr(e, TEST);
        }
    }

    fn binary(o: Operator) -> (&'static str, u8, bool) {
        match o {
            Operator::Add => (" + ", ARITH, false),
            Operator::Sub => (" - ", ARITH, false),
            Operator::Mult => (" * ", TERM, false),
            Operator::MatMult => (" @ ", TERM, false),
            Operator::Div => (" / ", TERM, false),
            Operator::Mod => (" % ", TERM, false),
            Operator::LShift => (" << ", SHIFT, false),
            Operator::RShift => (" >> ", SHIFT, false),
            Operator::BitOr => (" | ", BOR, false),
            Operator::BitXor => (" ^ ", BXOR, false),
            Operator::BitAnd => (" & ", BAND, false),
            Operator::FloorDiv => (" // ", TERM, false),
            Operator::Pow => (" ** ", POWER, true),
        }
    }

    fn generators(&mut self, list: &[Comprehension]) {
        for g in list {
            self.p(if g.is_async { " async for " } else { " for " });
            self.expr(&g.target, TUPLE);
            self.p(" in ");
            self.expr(&g.iter, TEST + 1);
            for i in &g.ifs {
                self.p(" if ");
                self.expr(i, TEST + 1);
            }
        }
    }

    fn args(&mut self, a: &Arguments) {
        let mut first = true;
        let mut sep = |w: &mut Self| {
            if !first {
                w.p(", ");
            }
            first = false;
        };
        let n = a.posonlyargs.len() + a.args.len();
        let skip = n - a.defaults.len().min(n);
        for (i, p) in a.posonlyargs.iter().chain(&a.args).enumerate() {
            sep(self);
            self.p(&p.arg);
            if i >= skip {
                self.p("=");
                self.expr(&a.defaults[i - skip], TEST);
            }
            if i + 1 == a.posonlyargs.len() {
                self.p(", /");
            }
        }
        if a.vararg.is_some() || !a.kwonlyargs.is_empty() {
            sep(self);
            self.p("*");
            if let Some(v) = &a.vararg {
                self.p(&v.arg);
            }
        }
        for (p, d) in a.kwonlyargs.iter().zip(&a.kw_defaults) {
            sep(self);
            self.p(&p.arg);
            if let Some(d) = d {
                self.p("=");
                self.expr(d, TEST);
            }
        }
        if let Some(k) = &a.kwarg {
            sep(self);
            self.p("**");
            self.p(&k.arg);
        }
    }

    fn expr(&mut self, e: &Expr, level: u8) {
        stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || self.expr_inner(e, level));
    }

    fn expr_inner(&mut self, e: &Expr, level: u8) {
        match &e.kind {
            ExprKind::BoolOp { op, values } => {
                let (s, pr) = if *op == BoolOp::And { (" and ", AND) } else { (" or ", OR) };
                let o = self.open(level, pr);
                for (i, v) in values.iter().enumerate() {
                    if i > 0 {
                        self.p(s);
                    }
                    self.expr(v, pr + 1);
                }
                self.close(o);
            }
            ExprKind::NamedExpr { target, value } => {
                let o = self.open(level, NAMED);
                self.expr(target, ATOM);
                self.p(" := ");
                self.expr(value, ATOM);
                self.close(o);
            }
            ExprKind::BinOp { left, op, right } => {
                let (s, pr, rassoc) = Self::binary(*op);
                let o = self.open(level, pr);
                self.expr(left, pr + rassoc as u8);
                self.p(s);
                self.expr(right, pr + !rassoc as u8);
                self.close(o);
            }
            ExprKind::UnaryOp { op, operand } => {
                let (s, pr) = match op {
                    UnaryOp::Invert => ("~", FACTOR),
                    UnaryOp::Not => ("not ", NOT),
                    UnaryOp::UAdd => ("+", FACTOR),
                    UnaryOp::USub => ("-", FACTOR),
                };
                let o = self.open(level, pr);
                self.p(s);
                self.expr(operand, pr);
                self.close(o);
            }
            ExprKind::Lambda { args, body } => {
                let o = self.open(level, TEST);
                self.p("lambda");
                if !(args.posonlyargs.is_empty()
                    && args.args.is_empty()
                    && args.vararg.is_none()
                    && args.kwonlyargs.is_empty()
                    && args.kwarg.is_none())
                {
                    self.p(" ");
                }
                self.args(args);
                self.p(": ");
                self.expr(body, TEST);
                self.close(o);
            }
            ExprKind::IfExp { test, body, orelse } => {
                let o = self.open(level, TEST);
                self.expr(body, TEST + 1);
                self.p(" if ");
                self.expr(test, TEST + 1);
                self.p(" else ");
                self.expr(orelse, TEST);
                self.close(o);
            }
            ExprKind::Dict { keys, values } => {
                self.p("{");
                for (i, (k, v)) in keys.iter().zip(values).enumerate() {
                    if i > 0 {
                        self.p(", ");
                    }
                    match k {
                        Some(k) => {
                            self.expr(k, TEST);
                            self.p(": ");
                            self.expr(v, TEST);
                        }
                        None => {
                            self.p("**");
                            self.expr(v, BOR);
                        }
                    }
                }
                self.p("}");
            }
            ExprKind::Set(l) => {
                self.p("{");
                self.list(l);
                self.p("}");
            }
            ExprKind::ListComp { elt, generators } => {
                self.p("[");
                self.expr(elt, TEST);
                self.generators(generators);
                self.p("]");
            }
            ExprKind::SetComp { elt, generators } => {
                self.p("{");
                self.expr(elt, TEST);
                self.generators(generators);
                self.p("}");
            }
            ExprKind::DictComp { key, value, generators } => {
                self.p("{");
                self.expr(key, TEST);
                self.p(": ");
                self.expr(value, TEST);
                self.generators(generators);
                self.p("}");
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.p("(");
                self.expr(elt, TEST);
                self.generators(generators);
                self.p(")");
            }
            ExprKind::Await(v) => {
                let o = self.open(level, AWAIT);
                self.p("await ");
                self.expr(v, ATOM);
                self.close(o);
            }
            ExprKind::Yield(v) => {
                self.p("(yield");
                if let Some(v) = v {
                    self.p(" ");
                    self.expr(v, TUPLE);
                }
                self.p(")");
            }
            ExprKind::YieldFrom(v) => {
                self.p("(yield from ");
                self.expr(v, TEST);
                self.p(")");
            }
            ExprKind::Compare { left, ops, comparators } => {
                let o = self.open(level, CMP);
                self.expr(left, CMP + 1);
                for (op, c) in ops.iter().zip(comparators) {
                    self.p(match op {
                        CmpOp::Eq => " == ",
                        CmpOp::NotEq => " != ",
                        CmpOp::Lt => " < ",
                        CmpOp::LtE => " <= ",
                        CmpOp::Gt => " > ",
                        CmpOp::GtE => " >= ",
                        CmpOp::Is => " is ",
                        CmpOp::IsNot => " is not ",
                        CmpOp::In => " in ",
                        CmpOp::NotIn => " not in ",
                    });
                    self.expr(c, CMP + 1);
                }
                self.close(o);
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func, ATOM);
                if let ([Expr { kind: ExprKind::GeneratorExp { .. }, .. }], []) = (&args[..], &keywords[..]) {
                    self.expr(&args[0], TEST);
                    return;
                }
                self.p("(");
                self.list(args);
                for (i, k) in keywords.iter().enumerate() {
                    if i > 0 || !args.is_empty() {
                        self.p(", ");
                    }
                    match &k.arg {
                        Some(n) => {
                            self.p(n);
                            self.p("=");
                        }
                        None => self.p("**"),
                    }
                    self.expr(&k.value, TEST);
                }
                self.p(")");
            }
            ExprKind::JoinedStr(_) | ExprKind::FormattedValue { .. } => self.fstring(e, "f"),
            ExprKind::TemplateStr(_) | ExprKind::Interpolation { .. } => self.fstring(e, "t"),
            ExprKind::Constant { value: Const::Ellipsis, .. } => self.p("..."),
            ExprKind::Constant { value, u_kind } => {
                if *u_kind {
                    self.p("u");
                }
                let r = const_repr(value);
                // inf is not a literal.
                let r =
                    if matches!(value, Const::Float(_) | Const::Complex(..)) { r.replace("inf", "1e309") } else { r };
                self.p(&r);
            }
            ExprKind::Attribute { value, attr, .. } => {
                self.expr(value, ATOM);
                if matches!(value.kind, ExprKind::Constant { value: Const::Int(_) | Const::BigInt(_), .. }) {
                    self.p(" ");
                }
                self.p(".");
                self.p(attr);
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value, ATOM);
                self.p("[");
                self.expr(slice, TUPLE);
                self.p("]");
            }
            ExprKind::Starred { value, .. } => {
                self.p("*");
                self.expr(value, BOR);
            }
            ExprKind::Name { id, .. } => self.p(id),
            ExprKind::List { elts, .. } => {
                self.p("[");
                self.list(elts);
                self.p("]");
            }
            ExprKind::Tuple { elts, .. } => {
                if elts.is_empty() {
                    self.p("()");
                    return;
                }
                let o = self.open(level, TUPLE);
                self.list(elts);
                if elts.len() == 1 {
                    self.p(",");
                }
                self.close(o);
            }
            ExprKind::Slice { lower, upper, step } => {
                if let Some(l) = lower {
                    self.expr(l, TEST);
                }
                self.p(":");
                if let Some(u) = upper {
                    self.expr(u, TEST);
                }
                if let Some(s) = step {
                    self.p(":");
                    self.expr(s, TEST);
                }
            }
        }
    }

    fn fstring(&mut self, e: &Expr, prefix: &str) {
        let body = fstring_body(e, false);
        self.p(prefix);
        let r = str_repr(&body.as_str().into());
        self.p(&r);
    }
}

fn fstring_body(e: &Expr, spec: bool) -> String {
    match &e.kind {
        ExprKind::JoinedStr(l) | ExprKind::TemplateStr(l) => l.iter().map(|x| fstring_body(x, spec)).collect(),
        ExprKind::Constant { value: Const::Str(s), .. } => {
            String::from_utf8_lossy(s.as_bytes()).replace('{', "{{").replace('}', "}}")
        }
        ExprKind::FormattedValue { value, conversion, format_spec }
        | ExprKind::Interpolation { value, conversion, format_spec, .. } => {
            let mut w = Writer { out: String::new() };
            w.expr(value, TEST + 1);
            let mut out = String::from("{");
            if w.out.starts_with('{') {
                out.push(' ');
            }
            out.push_str(&w.out);
            if let Ok(c) = u8::try_from(*conversion) {
                out.push('!');
                out.push(c as char);
            }
            if let Some(f) = format_spec {
                out.push(':');
                out.push_str(&fstring_body(f, true));
            }
            out.push('}');
            out
        }
        _ => {
            let mut w = Writer { out: String::new() };
            w.expr(e, TEST);
            w.out
        }
    }
}
