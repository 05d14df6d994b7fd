//! Expressions.

use super::*;
use crate::ir::{JUMP, JUMP_IF_FALSE, JUMP_IF_TRUE, JUMP_NO_INTERRUPT, POP_BLOCK, SETUP_FINALLY};
use crate::opcode::{intrinsic, nb};

/// `NB_*` number of an operator.
pub(super) fn binary_number(o: Operator) -> u32 {
    match o {
        Operator::Add => nb::ADD,
        Operator::Sub => nb::SUBTRACT,
        Operator::Mult => nb::MULTIPLY,
        Operator::MatMult => nb::MATRIX_MULTIPLY,
        Operator::Div => nb::TRUE_DIVIDE,
        Operator::Mod => nb::REMAINDER,
        Operator::Pow => nb::POWER,
        Operator::LShift => nb::LSHIFT,
        Operator::RShift => nb::RSHIFT,
        Operator::BitOr => nb::OR,
        Operator::BitXor => nb::XOR,
        Operator::BitAnd => nb::AND,
        Operator::FloorDiv => nb::FLOOR_DIVIDE,
    }
}

/// Place of an attribute access: on the line of the attribute's name, when that is not where the expression starts.
pub(super) fn attr_loc(mut loc: Loc, attribute: &Expr, name: &Ident) -> Loc {
    if loc.lineno != attribute.loc.end_lineno {
        loc.lineno = attribute.loc.end_lineno;
        let len = name.chars().count() as i32;
        if len <= attribute.loc.end_col {
            loc.col = attribute.loc.end_col - len;
            loc.end_col = loc.end_col.max(loc.col);
            if loc.end_lineno < loc.lineno {
                loc.end_lineno = loc.lineno;
            }
            if loc.end_lineno == loc.lineno && loc.end_col < attribute.loc.end_col {
                loc.end_col = attribute.loc.end_col;
            }
        } else {
            loc.col = -1;
            loc.end_col = -1;
        }
    }
    loc
}

type Bound<'a> = Option<&'a Expr>;

/// `lower:upper` without a step, not constant.
pub(super) fn two_part_slice(e: &Expr) -> Option<(Bound<'_>, Bound<'_>)> {
    match &e.kind {
        ExprKind::Slice { lower, upper, step: None } => {
            let constant =
                |x: &Option<Box<Expr>>| x.as_ref().is_none_or(|x| matches!(x.kind, ExprKind::Constant { .. }));
            if constant(lower) && constant(upper) { None } else { Some((lower.as_deref(), upper.as_deref())) }
        }
        _ => None,
    }
}

fn is_starred(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Starred { .. })
}

fn constant(e: &Expr) -> Option<&Const> {
    match &e.kind {
        ExprKind::Constant { value, .. } => Some(value),
        _ => None,
    }
}

/// Whether an expression's last instruction can be turned into its opposite: `is`, `in` and their negations.
fn invertible(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Compare { ops, .. } => matches!(ops[..], [CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn]),
        _ => false,
    }
}

/// Truth of a constant.
pub(super) fn truth(c: &Const) -> bool {
    match c {
        Const::None | Const::False => false,
        Const::Int(v) => *v != 0,
        Const::Float(f) => *f != 0.0,
        Const::Complex(a, b) => *a != 0.0 || *b != 0.0,
        Const::Str(s) => !s.is_empty(),
        Const::Bytes(b) => !b.is_empty(),
        Const::Tuple(t) | Const::FrozenSet(t) => !t.is_empty(),
        _ => true,
    }
}

/// Type name of an expression whose type is certain.
fn certain_type(e: &Expr) -> Option<&'static str> {
    Some(match &e.kind {
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::List { .. } | ExprKind::ListComp { .. } => "list",
        ExprKind::Dict { .. } | ExprKind::DictComp { .. } => "dict",
        ExprKind::Set(_) | ExprKind::SetComp { .. } => "set",
        ExprKind::GeneratorExp { .. } => "generator",
        ExprKind::Lambda { .. } => "function",
        ExprKind::JoinedStr(_) | ExprKind::FormattedValue { .. } => "str",
        ExprKind::TemplateStr(_) | ExprKind::Interpolation { .. } => "string.templatelib.Template",
        ExprKind::Constant { value, .. } => const_type(value),
        _ => return None,
    })
}

fn const_type(c: &Const) -> &'static str {
    match c {
        Const::None => "NoneType",
        Const::True | Const::False => "bool",
        Const::Ellipsis => "ellipsis",
        Const::Int(_) | Const::BigInt(_) => "int",
        Const::Float(_) => "float",
        Const::Complex(..) => "complex",
        Const::Str(_) => "str",
        Const::Bytes(_) => "bytes",
        Const::Tuple(_) => "tuple",
        Const::FrozenSet(_) => "frozenset",
        Const::Slice(_) => "slice",
        Const::Code(_) => "code",
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn expr(&mut self, e: &'a Expr) -> Result<()> {
        match &e.kind {
            // The commonest leaves, without the guard.
            ExprKind::Name { id, ctx } => self.name_op(e.loc, id, *ctx),
            ExprKind::Constant { value, .. } => {
                self.load_const(e.loc, value.clone());
                Ok(())
            }
            _ => self.deeper(|c| c.expr_inner(e)),
        }
    }

    fn exprs(&mut self, list: &'a [Expr]) -> Result<()> {
        list.iter().try_for_each(|e| self.expr(e))
    }

    fn expr_inner(&mut self, e: &'a Expr) -> Result<()> {
        let loc = e.loc;
        match &e.kind {
            ExprKind::BoolOp { op: o, values } => {
                let end = self.label();
                let jump = if *o == BoolOp::And { JUMP_IF_FALSE } else { JUMP_IF_TRUE };
                // A constant decides, or does not count.
                let known = |v: &Expr| constant(v).map(|c| truth(c) == (*o == BoolOp::Or));
                let deciding = values.iter().position(|v| known(v) == Some(true));
                let values = &values[..deciding.map_or(values.len(), |n| n + 1)];
                let (last, first) = values.split_last().expect("BoolOp has values");
                for v in first.iter().filter(|v| known(v) != Some(false)) {
                    self.expr(v)?;
                    self.jump(loc, jump, end);
                    self.op(loc, op::POP_TOP);
                }
                self.expr(last)?;
                self.bind(end);
            }
            ExprKind::NamedExpr { target, value } => {
                self.expr(value)?;
                self.op_i(loc, op::COPY, 1);
                self.expr(target)?;
            }
            ExprKind::BinOp { left, op: o, right } => {
                self.expr(left)?;
                self.expr(right)?;
                self.op_i(loc, op::BINARY_OP, binary_number(*o));
            }
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } if invertible(operand) => {
                self.expr(operand)?;
                self.invert_last();
            }
            ExprKind::UnaryOp { op: o, operand } => {
                self.expr(operand)?;
                match o {
                    UnaryOp::Invert => self.op(loc, op::UNARY_INVERT),
                    UnaryOp::Not => {
                        self.op(loc, op::TO_BOOL);
                        self.op(loc, op::UNARY_NOT);
                    }
                    UnaryOp::UAdd => self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::UNARY_POSITIVE),
                    UnaryOp::USub => self.op(loc, op::UNARY_NEGATIVE),
                }
            }
            ExprKind::Lambda { args, body } => self.lambda(e, args, body)?,
            ExprKind::IfExp { test, body, orelse } => {
                let end = self.label();
                let next = self.label();
                self.jump_if(test, next, false)?;
                self.expr(body)?;
                self.jump(NO_LOC, JUMP, end);
                self.bind(next);
                self.expr(orelse)?;
                self.bind(end);
            }
            ExprKind::Dict { keys, values } => self.dict(loc, keys, values)?,
            ExprKind::Set(elts) => self.star_unpack(loc, elts, 0, op::BUILD_SET)?,
            ExprKind::ListComp { elt, generators } => {
                self.comprehension(e, CompKind::List, "<listcomp>", generators, elt, None)?
            }
            ExprKind::SetComp { elt, generators } => {
                self.comprehension(e, CompKind::Set, "<setcomp>", generators, elt, None)?
            }
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension(e, CompKind::Dict, "<dictcomp>", generators, key, Some(value))?
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.comprehension(e, CompKind::Generator, "<genexpr>", generators, elt, None)?
            }
            ExprKind::Await(v) => {
                if !self.top_level_await() {
                    if !self.scope().is_function_like() {
                        return Err(self.error(loc, "'await' outside function"));
                    }
                    if self.unit().kind != UnitKind::AsyncFunction && self.unit().kind != UnitKind::Comprehension {
                        return Err(self.error(loc, "'await' outside async function"));
                    }
                    if self.unit().kind == UnitKind::Comprehension && !self.scope().coroutine {
                        return Err(self.error(loc, "'await' outside async function"));
                    }
                }
                self.expr(v)?;
                self.op_i(loc, op::GET_AWAITABLE, 0);
                self.none(loc);
                self.yield_from(loc, true);
            }
            ExprKind::Yield(v) => {
                if !self.scope().is_function_like() {
                    return Err(self.error(loc, "'yield' outside function"));
                }
                match v {
                    Some(v) => self.expr(v)?,
                    None => self.none(loc),
                }
                self.yield_value(loc);
            }
            ExprKind::YieldFrom(v) => {
                if !self.scope().is_function_like() {
                    return Err(self.error(loc, "'yield from' outside function"));
                }
                if self.unit().kind == UnitKind::AsyncFunction {
                    return Err(self.error(loc, "'yield from' inside async function"));
                }
                self.expr(v)?;
                self.op(loc, op::GET_YIELD_FROM_ITER);
                self.none(loc);
                self.yield_from(loc, false);
            }
            ExprKind::Compare { left, ops, comparators } => self.compare(e, left, ops, comparators)?,
            ExprKind::Call { func, args, keywords } => self.call(e, func, args, keywords)?,
            ExprKind::JoinedStr(values) => self.joined_str(loc, values)?,
            ExprKind::TemplateStr(values) => self.template(loc, values)?,
            ExprKind::FormattedValue { value, conversion, format_spec } => {
                self.expr(value)?;
                match conversion {
                    115 => self.op_i(loc, op::CONVERT_VALUE, 1),
                    114 => self.op_i(loc, op::CONVERT_VALUE, 2),
                    97 => self.op_i(loc, op::CONVERT_VALUE, 3),
                    _ => {}
                }
                match format_spec {
                    Some(f) => {
                        self.expr(f)?;
                        self.op(loc, op::FORMAT_WITH_SPEC);
                    }
                    None => self.op(loc, op::FORMAT_SIMPLE),
                }
            }
            ExprKind::Interpolation { .. } => self.interpolation(e)?,
            ExprKind::Constant { value, .. } => self.load_const(loc, value.clone()),
            ExprKind::Attribute { value, attr, ctx } => self.attribute(e, value, attr, *ctx)?,
            ExprKind::Subscript { value, slice, ctx } => self.subscript(loc, value, slice, *ctx)?,
            ExprKind::Starred { ctx, .. } => {
                let msg = if *ctx == Ctx::Store {
                    "starred assignment target must be in a list or tuple"
                } else {
                    "can't use starred expression here"
                };
                return Err(self.error(loc, msg));
            }
            ExprKind::Name { id, ctx } => self.name_op(loc, id, *ctx)?,
            ExprKind::List { elts, ctx } => self.sequence(loc, elts, *ctx, false)?,
            ExprKind::Tuple { elts, ctx } => self.sequence(loc, elts, *ctx, true)?,
            ExprKind::Slice { lower, upper, step } => {
                for x in [lower, upper] {
                    match x {
                        Some(x) => self.expr(x)?,
                        None => self.none(loc),
                    }
                }
                if let Some(s) = step {
                    self.expr(s)?;
                }
                self.op_i(loc, op::BUILD_SLICE, 2 + step.is_some() as u32);
            }
        }
        Ok(())
    }

    fn sequence(&mut self, loc: Loc, elts: &'a [Expr], ctx: Ctx, tuple: bool) -> Result<()> {
        match ctx {
            Ctx::Load => self.star_unpack(loc, elts, 0, if tuple { op::BUILD_TUPLE } else { op::BUILD_LIST }),
            Ctx::Del => self.exprs(elts),
            Ctx::Store => {
                self.unpack(loc, elts)?;
                for e in elts {
                    match &e.kind {
                        ExprKind::Starred { value, .. } => self.expr(value)?,
                        _ => self.expr(e)?,
                    }
                }
                Ok(())
            }
        }
    }

    fn unpack(&mut self, loc: Loc, elts: &'a [Expr]) -> Result<()> {
        let mut seen = None;
        for (i, e) in elts.iter().enumerate() {
            if is_starred(e) {
                if seen.is_some() {
                    return Err(self.error(loc, "multiple starred expressions in assignment"));
                }
                if i >= 256 || elts.len() - i > 1 << 15 {
                    return Err(self.error(loc, "too many expressions in star-unpacking assignment"));
                }
                seen = Some(i);
            }
        }
        match seen {
            Some(i) => self.op_i(loc, op::UNPACK_EX, i as u32 | ((elts.len() - i - 1) as u32) << 8),
            None => self.op_i(loc, op::UNPACK_SEQUENCE, elts.len() as u32),
        }
        Ok(())
    }

    /// Builds a tuple, list or set of items, some of them starred, on top of `pushed` items that are there already.
    pub(super) fn star_unpack(&mut self, loc: Loc, elts: &'a [Expr], pushed: u32, build: u8) -> Result<()> {
        let (list, add, extend) = match build {
            op::BUILD_SET => (op::BUILD_SET, op::SET_ADD, op::SET_UPDATE),
            _ => (op::BUILD_LIST, op::LIST_APPEND, op::LIST_EXTEND),
        };
        let tuple = build == op::BUILD_TUPLE;
        let n = elts.len();
        if n > 2 && pushed == 0 && elts.iter().all(|e| constant(e).is_some()) {
            let items: Vec<Const> = elts.iter().filter_map(constant).cloned().collect();
            if tuple {
                self.load_const(loc, Const::Tuple(items));
            } else {
                self.op_i(loc, list, 0);
                let c = if build == op::BUILD_SET {
                    Const::FrozenSet(crate::fold::distinct(items))
                } else {
                    Const::Tuple(items)
                };
                self.load_const(loc, c);
                self.op_i(loc, extend, 1);
            }
            return Ok(());
        }
        let big = n + pushed as usize > STACK_USE_GUIDELINE;
        if !big && !elts.iter().any(is_starred) {
            self.exprs(elts)?;
            self.op_i(loc, build, n as u32 + pushed);
            return Ok(());
        }
        let mut built = big;
        if big {
            self.op_i(loc, list, pushed);
        }
        for (i, e) in elts.iter().enumerate() {
            match &e.kind {
                ExprKind::Starred { value, .. } => {
                    if !built {
                        self.op_i(loc, list, i as u32 + pushed);
                        built = true;
                    }
                    self.expr(value)?;
                    self.op_i(loc, extend, 1);
                }
                _ => {
                    self.expr(e)?;
                    if built {
                        self.op_i(loc, add, 1);
                    }
                }
            }
        }
        if tuple {
            self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::LIST_TO_TUPLE);
        }
        Ok(())
    }

    fn dict(&mut self, loc: Loc, keys: &'a [Option<Expr>], values: &'a [Expr]) -> Result<()> {
        let mut have = false;
        let mut start = 0;
        let flush = |c: &mut Self, start: usize, end: usize, have: &mut bool| -> Result<()> {
            if start == end {
                return Ok(());
            }
            let big = (end - start) * 2 > STACK_USE_GUIDELINE;
            if big {
                c.op_i(loc, op::BUILD_MAP, 0);
            }
            for (k, v) in keys[start..end].iter().flatten().zip(&values[start..end]) {
                c.expr(k)?;
                c.expr(v)?;
                if big {
                    c.op_i(loc, op::MAP_ADD, 1);
                }
            }
            if !big {
                c.op_i(loc, op::BUILD_MAP, (end - start) as u32);
            }
            if *have {
                c.op_i(loc, op::DICT_UPDATE, 1);
            }
            *have = true;
            Ok(())
        };
        for (i, k) in keys.iter().enumerate() {
            if k.is_none() {
                flush(self, start, i, &mut have)?;
                start = i + 1;
                if !have {
                    self.op_i(loc, op::BUILD_MAP, 0);
                    have = true;
                }
                self.expr(&values[i])?;
                self.op_i(loc, op::DICT_UPDATE, 1);
            } else if (i - start) * 2 > STACK_USE_GUIDELINE && have {
                flush(self, start, i + 1, &mut have)?;
                start = i + 1;
            }
        }
        flush(self, start, keys.len(), &mut have)?;
        if !have {
            self.op_i(loc, op::BUILD_MAP, 0);
        }
        Ok(())
    }

    // ---- conditions and comparisons ----

    fn compare_op(&mut self, loc: Loc, o: CmpOp) {
        let (n, mask) = match o {
            CmpOp::Lt => (0, 2),
            CmpOp::LtE => (1, 2 | 8),
            CmpOp::Eq => (2, 8),
            CmpOp::NotEq => (3, 1 | 2 | 4),
            CmpOp::Gt => (4, 4),
            CmpOp::GtE => (5, 4 | 8),
            CmpOp::Is => return self.op_i(loc, op::IS_OP, 0),
            CmpOp::IsNot => return self.op_i(loc, op::IS_OP, 1),
            CmpOp::In => return self.op_i(loc, op::CONTAINS_OP, 0),
            CmpOp::NotIn => return self.op_i(loc, op::CONTAINS_OP, 1),
        };
        self.op_i(loc, op::COMPARE_OP, n << 5 | mask);
    }

    fn check_compare(&mut self, e: &'a Expr, left: &'a Expr, ops: &[CmpOp], comparators: &'a [Expr]) {
        let bad = |x: &Expr| match &x.kind {
            ExprKind::Constant { value, .. } => {
                !matches!(value, Const::None | Const::True | Const::False | Const::Ellipsis)
            }
            _ => false,
        };
        let typ = |x: &Expr| constant(x).map(const_type);
        let mut prev = left;
        for (o, c) in ops.iter().zip(comparators) {
            if matches!(o, CmpOp::Is | CmpOp::IsNot) && (bad(prev) || bad(c)) {
                let t = if bad(prev) { typ(prev) } else { typ(c) }.unwrap_or("");
                let msg = if *o == CmpOp::Is {
                    format!("\"is\" with '{t}' literal. Did you mean \"==\"?")
                } else {
                    format!("\"is not\" with '{t}' literal. Did you mean \"!=\"?")
                };
                self.warn(e.loc, msg);
                return;
            }
            prev = c;
        }
    }

    fn compare(&mut self, e: &'a Expr, left: &'a Expr, ops: &'a [CmpOp], comparators: &'a [Expr]) -> Result<()> {
        self.check_compare(e, left, ops, comparators);
        let loc = e.loc;
        self.expr(left)?;
        let (last, first) = comparators.split_last().expect("Compare has comparators");
        if first.is_empty() {
            self.expr(last)?;
            self.compare_op(loc, ops[0]);
            return Ok(());
        }
        let cleanup = self.label();
        let end = self.label();
        for (c, o) in first.iter().zip(ops) {
            self.expr(c)?;
            self.op_i(loc, op::SWAP, 2);
            self.op_i(loc, op::COPY, 2);
            self.compare_op(loc, *o);
            self.jump(loc, JUMP_IF_FALSE, cleanup);
            self.op(loc, op::POP_TOP);
        }
        self.expr(last)?;
        self.compare_op(loc, ops[ops.len() - 1]);
        self.jump(NO_LOC, JUMP, end);
        self.bind(cleanup);
        self.op_i(loc, op::SWAP, 2);
        self.op(loc, op::POP_TOP);
        self.bind(end);
        Ok(())
    }

    fn branch(&mut self, loc: Loc, target: Label, when: bool) {
        self.op(loc, op::TO_BOOL);
        self.jump_op(loc, if when { op::POP_JUMP_IF_TRUE } else { op::POP_JUMP_IF_FALSE }, target);
    }

    /// Jumps to `target` if the truth of `e` is `when`.
    pub(super) fn jump_if(&mut self, e: &'a Expr, target: Label, when: bool) -> Result<()> {
        self.deeper(|c| c.jump_if_inner(e, target, when))
    }

    fn jump_if_inner(&mut self, e: &'a Expr, target: Label, when: bool) -> Result<()> {
        let loc = e.loc;
        match &e.kind {
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => return self.jump_if(operand, target, !when),
            ExprKind::BoolOp { op: o, values } => {
                let short = *o == BoolOp::Or;
                let (last, first) = values.split_last().expect("BoolOp has values");
                let inner = if short != when { self.label() } else { target };
                for v in first {
                    self.jump_if(v, inner, short)?;
                }
                self.jump_if(last, target, when)?;
                if inner != target {
                    self.bind(inner);
                }
                return Ok(());
            }
            ExprKind::IfExp { test, body, orelse } => {
                let end = self.label();
                let next = self.label();
                self.jump_if(test, next, false)?;
                self.jump_if(body, target, when)?;
                self.jump(NO_LOC, JUMP, end);
                self.bind(next);
                self.jump_if(orelse, target, when)?;
                self.bind(end);
                return Ok(());
            }
            ExprKind::Compare { left, ops, comparators } if ops.len() > 1 => {
                self.check_compare(e, left, ops, comparators);
                let cleanup = self.label();
                let end = self.label();
                self.expr(left)?;
                let (last, first) = comparators.split_last().expect("Compare has comparators");
                for (c, o) in first.iter().zip(ops) {
                    self.expr(c)?;
                    self.op_i(loc, op::SWAP, 2);
                    self.op_i(loc, op::COPY, 2);
                    self.compare_op(loc, *o);
                    self.branch(loc, cleanup, false);
                }
                self.expr(last)?;
                self.compare_op(loc, ops[ops.len() - 1]);
                self.branch(loc, target, when);
                self.jump(NO_LOC, JUMP, end);
                self.bind(cleanup);
                self.op(loc, op::POP_TOP);
                if !when {
                    self.jump(NO_LOC, JUMP, target);
                }
                self.bind(end);
                return Ok(());
            }
            // `x is None` and `x is not None` have jumps of their own.
            ExprKind::Compare { left, ops, comparators }
                if matches!(ops[0], CmpOp::Is | CmpOp::IsNot)
                    && matches!(constant(&comparators[0]), Some(Const::None)) =>
            {
                self.check_compare(e, left, ops, comparators);
                self.expr(left)?;
                let none = (ops[0] == CmpOp::Is) == when;
                self.jump_op(loc, if none { op::POP_JUMP_IF_NONE } else { op::POP_JUMP_IF_NOT_NONE }, target);
                return Ok(());
            }
            ExprKind::Constant { value, .. } => {
                self.op(loc, op::NOP);
                if truth(value) == when {
                    self.jump(loc, JUMP, target);
                }
                return Ok(());
            }
            _ => {}
        }
        self.expr(e)?;
        self.branch(loc, target, when);
        Ok(())
    }

    // ---- suspension ----

    pub(super) fn yield_value(&mut self, loc: Loc) {
        let s = self.scope();
        if s.generator && s.coroutine {
            self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::ASYNC_GEN_WRAP);
        }
        self.op_i(loc, op::YIELD_VALUE, 0);
        self.op_i(loc, op::RESUME, 1);
    }

    /// Sends until the receiver below the top is exhausted; leaves its result.
    pub(super) fn yield_from(&mut self, loc: Loc, is_await: bool) {
        let send = self.label();
        let fail = self.label();
        let exit = self.label();
        self.bind(send);
        self.jump_op(loc, op::SEND, exit);
        self.jump(loc, SETUP_FINALLY, fail);
        self.op_i(loc, op::YIELD_VALUE, 1);
        self.pseudo(NO_LOC, POP_BLOCK);
        self.op_i(loc, op::RESUME, if is_await { 3 } else { 2 });
        self.jump(loc, JUMP_NO_INTERRUPT, send);
        self.bind(fail);
        self.op(loc, op::CLEANUP_THROW);
        self.bind(exit);
        self.op(loc, op::END_SEND);
    }

    // ---- calls ----

    fn is_super_call(&self, e: &Expr, attr: &str) -> bool {
        let ExprKind::Call { func, args, keywords } = &e.kind else { return false };
        if self.unit().kind != UnitKind::Function
            && self.unit().kind != UnitKind::AsyncFunction
            && self.unit().kind != UnitKind::Lambda
        {
            return false;
        }
        if !matches!(&func.kind, ExprKind::Name { id, .. } if &**id == "super") || attr == "__class__" {
            return false;
        }
        if !keywords.is_empty() || args.iter().any(is_starred) {
            return false;
        }
        if self.scope().place("super") != Where::GlobalImplicit {
            return false;
        }
        if self.table.scopes[0].place("super") != Where::Unknown {
            return false;
        }
        match args.len() {
            0 => self.unit().argcount > 0 && self.scope().place("__class__") == Where::Free,
            2 => true,
            _ => false,
        }
    }

    /// `super`, the class and the object for LOAD_SUPER_ATTR; whether they were written out.
    fn super_args(&mut self, e: &'a Expr) -> Result<bool> {
        let ExprKind::Call { func, args, .. } = &e.kind else { return Ok(false) };
        self.expr(func)?;
        if !args.is_empty() {
            self.exprs(args)?;
            return Ok(true);
        }
        self.name_op(e.loc, &"__class__".into(), Ctx::Load)?;
        let first = self.unit().varnames.list[0].clone();
        self.name_op(e.loc, &first, Ctx::Load)?;
        Ok(false)
    }

    fn attribute(&mut self, e: &'a Expr, value: &'a Expr, attr: &'a Ident, ctx: Ctx) -> Result<()> {
        if ctx == Ctx::Load && self.is_super_call(value, attr) {
            let explicit = self.super_args(value)?;
            let at = attr_loc(value.loc, e, attr);
            let i = self.mangled_index(attr);
            self.op_i(at, op::LOAD_SUPER_ATTR, i << 2 | (explicit as u32) << 1);
            self.op(at, op::NOP);
            return Ok(());
        }
        self.expr(value)?;
        let at = attr_loc(e.loc, e, attr);
        match ctx {
            Ctx::Load => self.load_attr(at, attr, false),
            Ctx::Store => {
                if matches!(&value.kind, ExprKind::Name { id, .. } if &**id == "self") {
                    self.static_attribute(attr);
                }
                let i = self.mangled_index(attr);
                self.op_i(at, op::STORE_ATTR, i);
            }
            Ctx::Del => {
                let i = self.mangled_index(attr);
                self.op_i(at, op::DELETE_ATTR, i);
            }
        }
        Ok(())
    }

    fn static_attribute(&mut self, attr: &Ident) {
        let n = self.units.len();
        if let Some(u) = self.units[..n - 1].iter_mut().rev().find(|u| u.kind == UnitKind::Class) {
            u.static_attributes.insert(attr.clone());
        }
    }

    fn subscript(&mut self, loc: Loc, value: &'a Expr, slice: &'a Expr, ctx: Ctx) -> Result<()> {
        if ctx == Ctx::Load {
            self.check_subscripter(value);
            self.check_index(value, slice);
        }
        self.expr(value)?;
        if ctx != Ctx::Del
            && let Some((lower, upper)) = two_part_slice(slice)
        {
            self.slice_bounds(slice.loc, lower, upper)?;
            self.op(loc, if ctx == Ctx::Load { op::BINARY_SLICE } else { op::STORE_SLICE });
            return Ok(());
        }
        self.expr(slice)?;
        match ctx {
            Ctx::Load => self.op_i(loc, op::BINARY_OP, nb::SUBSCR),
            Ctx::Store => self.op(loc, op::STORE_SUBSCR),
            Ctx::Del => self.op(loc, op::DELETE_SUBSCR),
        }
        Ok(())
    }

    pub(super) fn slice_bounds(&mut self, loc: Loc, lower: Bound<'a>, upper: Bound<'a>) -> Result<()> {
        for x in [lower, upper] {
            match x {
                Some(x) => self.expr(x)?,
                None => self.none(loc),
            }
        }
        Ok(())
    }

    fn check_subscripter(&mut self, e: &'a Expr) {
        let bad = match &e.kind {
            ExprKind::Constant { value, .. } => !matches!(value, Const::Str(_) | Const::Bytes(_) | Const::Tuple(_)),
            ExprKind::Set(_)
            | ExprKind::SetComp { .. }
            | ExprKind::GeneratorExp { .. }
            | ExprKind::TemplateStr(_)
            | ExprKind::Interpolation { .. }
            | ExprKind::Lambda { .. } => true,
            _ => false,
        };
        if bad && let Some(t) = certain_type(e) {
            self.warn(e.loc, format!("'{t}' object is not subscriptable; perhaps you missed a comma?"));
        }
    }

    fn check_index(&mut self, e: &'a Expr, slice: &'a Expr) {
        let Some(index) = certain_type(slice) else { return };
        if matches!(slice.kind, ExprKind::Slice { .. }) || matches!(index, "int" | "bool" | "slice") {
            return;
        }
        let bad = match &e.kind {
            ExprKind::Constant { value, .. } => matches!(value, Const::Str(_) | Const::Bytes(_) | Const::Tuple(_)),
            ExprKind::Tuple { .. }
            | ExprKind::List { .. }
            | ExprKind::ListComp { .. }
            | ExprKind::JoinedStr(_)
            | ExprKind::FormattedValue { .. } => true,
            _ => false,
        };
        if bad && let Some(t) = certain_type(e) {
            self.warn(
                e.loc,
                format!("{t} indices must be integers or slices, not {index}; perhaps you missed a comma?"),
            );
        }
    }

    fn check_caller(&mut self, e: &'a Expr) {
        let bad = matches!(
            &e.kind,
            ExprKind::Constant { .. }
                | ExprKind::Tuple { .. }
                | ExprKind::List { .. }
                | ExprKind::ListComp { .. }
                | ExprKind::Dict { .. }
                | ExprKind::DictComp { .. }
                | ExprKind::Set(_)
                | ExprKind::SetComp { .. }
                | ExprKind::GeneratorExp { .. }
                | ExprKind::JoinedStr(_)
                | ExprKind::FormattedValue { .. }
                | ExprKind::TemplateStr(_)
                | ExprKind::Interpolation { .. }
        );
        if bad && let Some(t) = certain_type(e) {
            self.warn(e.loc, format!("'{t}' object is not callable; perhaps you missed a comma?"));
        }
    }

    fn is_import(&self, e: &Expr) -> bool {
        let ExprKind::Name { id, .. } = &e.kind else { return false };
        self.table.scopes[0].symbols.get(id).is_some_and(|s| s.flags & def::IMPORT != 0)
    }

    fn call(&mut self, e: &'a Expr, func: &'a Expr, args: &'a [Expr], keywords: &'a [Keyword]) -> Result<()> {
        if let Some(()) = self.method_call(e, func, args, keywords)? {
            return Ok(());
        }
        self.check_caller(func);
        self.expr(func)?;
        self.op(func.loc, op::PUSH_NULL);
        self.call_args(e.loc, 0, args, keywords, None)
    }

    fn method_call(
        &mut self,
        e: &'a Expr,
        func: &'a Expr,
        args: &'a [Expr],
        keywords: &'a [Keyword],
    ) -> Result<Option<()>> {
        let ExprKind::Attribute { value, attr, ctx: Ctx::Load } = &func.kind else { return Ok(None) };
        let count = args.len() + keywords.len() + !keywords.is_empty() as usize;
        if self.is_import(value)
            || count >= STACK_USE_GUIDELINE
            || args.iter().any(is_starred)
            || keywords.iter().any(|k| k.arg.is_none())
        {
            return Ok(None);
        }
        if self.is_super_call(value, attr) {
            let explicit = self.super_args(value)?;
            let at = attr_loc(value.loc, func, attr);
            let i = self.mangled_index(attr);
            self.op_i(at, op::LOAD_SUPER_ATTR, i << 2 | (explicit as u32) << 1 | 1);
            self.op(at, op::NOP);
        } else {
            self.expr(value)?;
            let at = attr_loc(func.loc, func, attr);
            self.load_attr(at, attr, true);
        }
        self.exprs(args)?;
        let at = attr_loc(e.loc, func, attr);
        self.finish_call(at, args.len() as u32, keywords)?;
        Ok(Some(()))
    }

    /// Keyword values, their names, and the call; `n` positional arguments are on the stack.
    fn finish_call(&mut self, loc: Loc, n: u32, keywords: &'a [Keyword]) -> Result<()> {
        if keywords.is_empty() {
            self.op_i(loc, op::CALL, n);
            return Ok(());
        }
        self.check_keywords(keywords)?;
        for k in keywords {
            self.expr(&k.value)?;
        }
        let names = keywords.iter().filter_map(|k| k.arg.as_ref()).map(|a| Const::Str((&**a).into())).collect();
        self.load_const(loc, Const::Tuple(names));
        self.op_i(loc, op::CALL_KW, n + keywords.len() as u32);
        Ok(())
    }

    fn check_keywords(&self, keywords: &[Keyword]) -> Result<()> {
        let mut seen = FxHashSet::default();
        for k in keywords {
            if let Some(a) = &k.arg
                && !seen.insert(a)
            {
                return Err(self.error(k.loc, format!("keyword argument repeated: {a}")));
            }
        }
        Ok(())
    }

    /// The arguments and the call, on top of callable, self_or_null and `pushed` arguments. `extra` is one more
    /// positional argument, a name (the generic base of a class).
    pub(super) fn call_args(
        &mut self,
        loc: Loc,
        pushed: u32,
        args: &'a [Expr],
        keywords: &'a [Keyword],
        extra: Option<&Ident>,
    ) -> Result<()> {
        self.check_keywords(keywords)?;
        let n = args.len() + keywords.len() * 2;
        let unpacking = args.iter().any(is_starred) || keywords.iter().any(|k| k.arg.is_none());
        if !unpacking && n + pushed as usize <= STACK_USE_GUIDELINE {
            self.exprs(args)?;
            let mut count = pushed + args.len() as u32;
            if let Some(x) = extra {
                self.name_op(loc, x, Ctx::Load)?;
                count += 1;
            }
            return self.finish_call(loc, count, keywords);
        }
        match args {
            [Expr { kind: ExprKind::Starred { value, .. }, .. }] if pushed == 0 && extra.is_none() => {
                self.expr(value)?
            }
            _ if extra.is_none() => self.star_unpack(loc, args, pushed, op::BUILD_TUPLE)?,
            _ => {
                self.op_i(loc, op::BUILD_LIST, pushed);
                for a in args {
                    match &a.kind {
                        ExprKind::Starred { value, .. } => {
                            self.expr(value)?;
                            self.op_i(loc, op::LIST_EXTEND, 1);
                        }
                        _ => {
                            self.expr(a)?;
                            self.op_i(loc, op::LIST_APPEND, 1);
                        }
                    }
                }
                if let Some(x) = extra {
                    self.name_op(loc, x, Ctx::Load)?;
                    self.op_i(loc, op::LIST_APPEND, 1);
                }
                self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::LIST_TO_TUPLE);
            }
        }
        if keywords.is_empty() {
            self.op(loc, op::PUSH_NULL);
        } else {
            let mut have = false;
            let mut i = 0;
            while i < keywords.len() {
                if keywords[i].arg.is_none() {
                    if !have {
                        self.op_i(loc, op::BUILD_MAP, 0);
                        have = true;
                    }
                    self.expr(&keywords[i].value)?;
                    self.op_i(loc, op::DICT_MERGE, 1);
                    i += 1;
                    continue;
                }
                let run = keywords[i..].iter().take_while(|k| k.arg.is_some()).count();
                let big = run * 2 > STACK_USE_GUIDELINE;
                if big {
                    self.op_i(NO_LOC, op::BUILD_MAP, 0);
                }
                for k in &keywords[i..i + run] {
                    if let Some(a) = &k.arg {
                        self.load_str(loc, a);
                    }
                    self.expr(&k.value)?;
                    if big {
                        self.op_i(NO_LOC, op::MAP_ADD, 1);
                    }
                }
                if !big {
                    self.op_i(loc, op::BUILD_MAP, run as u32);
                }
                if have {
                    self.op_i(loc, op::DICT_MERGE, 1);
                }
                have = true;
                i += run;
            }
        }
        self.op(loc, op::CALL_FUNCTION_EX);
        Ok(())
    }

    // ---- strings ----

    fn joined_str(&mut self, loc: Loc, values: &'a [Expr]) -> Result<()> {
        if values.len() > STACK_USE_GUIDELINE {
            self.load_str(loc, "");
            self.load_attr(loc, &"join".into(), true);
            self.op_i(loc, op::BUILD_LIST, 0);
            for v in values {
                self.expr(v)?;
                self.op_i(loc, op::LIST_APPEND, 1);
            }
            self.op_i(loc, op::CALL, 1);
            return Ok(());
        }
        self.exprs(values)?;
        match values.len() {
            0 => self.load_str(loc, ""),
            1 => {}
            n => self.op_i(loc, op::BUILD_STRING, n as u32),
        }
        Ok(())
    }

    fn template(&mut self, loc: Loc, values: &'a [Expr]) -> Result<()> {
        let mut strings = Vec::new();
        let mut pending = crate::code::PyStr::new();
        let mut interpolations = Vec::new();
        for v in values {
            match &v.kind {
                ExprKind::Interpolation { .. } => {
                    strings.push(Const::Str(std::mem::take(&mut pending)));
                    interpolations.push(v);
                }
                _ => {
                    if let Some(s) = v.as_str_constant() {
                        pending.push(s);
                    }
                }
            }
        }
        strings.push(Const::Str(pending));
        self.load_const(loc, Const::Tuple(strings));
        if interpolations.len() > STACK_USE_GUIDELINE {
            self.op_i(loc, op::BUILD_LIST, 0);
            for i in interpolations {
                self.expr(i)?;
                self.op_i(loc, op::LIST_APPEND, 1);
            }
            self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::LIST_TO_TUPLE);
        } else {
            let n = interpolations.len() as u32;
            for i in interpolations {
                self.expr(i)?;
            }
            self.op_i(loc, op::BUILD_TUPLE, n);
        }
        self.op(loc, op::BUILD_TEMPLATE);
        Ok(())
    }

    fn interpolation(&mut self, e: &'a Expr) -> Result<()> {
        let ExprKind::Interpolation { value, text, conversion, format_spec } = &e.kind else { return Ok(()) };
        self.expr(value)?;
        self.load_const(e.loc, text.clone());
        let mut arg = 2;
        if let Some(f) = format_spec {
            self.expr(f)?;
            arg += 1;
        }
        arg |= match conversion {
            115 => 1 << 2,
            114 => 2 << 2,
            97 => 3 << 2,
            _ => 0,
        };
        self.op_i(e.loc, op::BUILD_INTERPOLATION, arg);
        Ok(())
    }
}
