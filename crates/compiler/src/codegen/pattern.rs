//! `match` statements.
//!
//! A pattern is compiled with its subject on top of the stack and consumes it. Captured values wait below, in the order
//! of `stores`, until the whole pattern has matched; when it fails, control goes to the label that pops all that is there.

use super::*;
use crate::ir::JUMP;
use crate::opcode::nb;

/// State of one pattern.
#[derive(Default)]
struct Pat {
    stores: Vec<Ident>,
    allow_irrefutable: bool,
    /// `fail[n]` pops n items
    fail: Vec<Label>,
    on_top: u32,
}

fn is_wildcard(p: &Pattern) -> bool {
    matches!(&p.kind, PatternKind::MatchAs { name: None, .. })
}

fn is_wildcard_star(p: &Pattern) -> bool {
    matches!(&p.kind, PatternKind::MatchStar(None))
}

fn star_of(p: &Pattern) -> bool {
    matches!(&p.kind, PatternKind::MatchStar(_))
}

fn value_ok(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Constant { .. } | ExprKind::Attribute { .. } => true,
        ExprKind::UnaryOp { op: UnaryOp::USub, operand } => matches!(operand.kind, ExprKind::Constant { .. }),
        ExprKind::BinOp { left, op: Operator::Add | Operator::Sub, right } => value_ok(left) && value_ok(right),
        _ => false,
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn match_stmt(&mut self, subject: &'a Expr, cases: &'a [MatchCase]) -> Result<()> {
        self.expr(subject)?;
        let end = self.label();
        let Some(last) = cases.last() else { return Ok(()) };
        let has_default = is_wildcard(&last.pattern) && cases.len() > 1;
        let n = cases.len() - has_default as usize;
        for (i, m) in cases[..n].iter().enumerate() {
            let mut pc = Pat { allow_irrefutable: m.guard.is_some() || i + 1 == cases.len(), ..Pat::default() };
            let keep = i + 1 != n;
            if keep {
                self.op_i(m.pattern.loc, op::COPY, 1);
            }
            self.pattern(&m.pattern, &mut pc)?;
            for name in std::mem::take(&mut pc.stores) {
                self.name_op(m.pattern.loc, &name, Ctx::Store)?;
            }
            if let Some(g) = &m.guard {
                self.ensure_fail(&mut pc, 0);
                self.jump_if(g, pc.fail[0], false)?;
            }
            if keep {
                self.op(m.pattern.loc, op::POP_TOP);
            }
            self.stmts(&m.body)?;
            self.jump(NO_LOC, JUMP, end);
            self.emit_fail(m.pattern.loc, &mut pc);
        }
        if has_default {
            // The subject is gone by now; the case still gets its line.
            self.op(last.pattern.loc, op::NOP);
            if let Some(g) = &last.guard {
                self.jump_if(g, end, false)?;
            }
            self.stmts(&last.body)?;
        }
        self.bind(end);
        Ok(())
    }

    fn ensure_fail(&mut self, pc: &mut Pat, n: usize) {
        while pc.fail.len() <= n {
            let l = self.label();
            pc.fail.push(l);
        }
    }

    fn jump_to_fail(&mut self, loc: Loc, pc: &mut Pat, o: Op) {
        let pops = pc.on_top as usize + pc.stores.len();
        self.ensure_fail(pc, pops);
        self.jump(loc, o, pc.fail[pops]);
    }

    fn emit_fail(&mut self, loc: Loc, pc: &mut Pat) {
        while let Some(l) = pc.fail.pop() {
            self.bind(l);
            if !pc.fail.is_empty() {
                self.op(loc, op::POP_TOP);
            }
        }
    }

    fn rotate(&mut self, loc: Loc, count: usize) {
        for n in (2..=count).rev() {
            self.op_i(loc, op::SWAP, n as u32);
        }
    }

    fn capture(&mut self, loc: Loc, name: Option<&Ident>, pc: &mut Pat) -> Result<()> {
        let Some(n) = name else {
            self.op(loc, op::POP_TOP);
            return Ok(());
        };
        if pc.stores.contains(n) {
            return Err(self.error(loc, format!("multiple assignments to name '{n}' in pattern")));
        }
        self.rotate(loc, pc.on_top as usize + pc.stores.len() + 1);
        pc.stores.push(n.clone());
        Ok(())
    }

    fn pattern(&mut self, p: &'a Pattern, pc: &mut Pat) -> Result<()> {
        self.deeper(|c| c.pattern_inner(p, pc))
    }

    fn subpattern(&mut self, p: &'a Pattern, pc: &mut Pat) -> Result<()> {
        let old = std::mem::replace(&mut pc.allow_irrefutable, true);
        self.pattern(p, pc)?;
        pc.allow_irrefutable = old;
        Ok(())
    }

    fn length_check(&mut self, loc: Loc, size: usize, ge: bool, pc: &mut Pat) {
        self.op(loc, op::GET_LEN);
        self.load_const(loc, Const::Int(size as i64));
        self.op_i(loc, op::COMPARE_OP, if ge { 5 << 5 | 12 } else { 2 << 5 | 8 });
        self.op(loc, op::TO_BOOL);
        self.jump_to_fail(loc, pc, op::POP_JUMP_IF_FALSE as Op);
    }

    fn pattern_inner(&mut self, p: &'a Pattern, pc: &mut Pat) -> Result<()> {
        let loc = p.loc;
        match &p.kind {
            PatternKind::MatchValue(v) => {
                if !value_ok(v) {
                    return Err(self.error(loc, "patterns may only match literals and attribute lookups"));
                }
                self.expr(v)?;
                self.op_i(loc, op::COMPARE_OP, 2 << 5 | 8);
                self.op(loc, op::TO_BOOL);
                self.jump_to_fail(loc, pc, op::POP_JUMP_IF_FALSE as Op);
                Ok(())
            }
            PatternKind::MatchSingleton(c) => {
                self.load_const(loc, c.clone());
                self.op_i(loc, op::IS_OP, 0);
                self.jump_to_fail(loc, pc, op::POP_JUMP_IF_FALSE as Op);
                Ok(())
            }
            PatternKind::MatchSequence(list) => self.sequence_pattern(p, list, pc),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.mapping_pattern(loc, keys, patterns, rest.as_ref(), pc)
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.class_pattern(loc, cls, patterns, kwd_attrs, kwd_patterns, pc)
            }
            PatternKind::MatchStar(n) => self.capture(loc, n.as_ref(), pc),
            PatternKind::MatchAs { pattern: None, name } => {
                if !pc.allow_irrefutable {
                    let msg = match name {
                        Some(n) => format!("name capture '{n}' makes remaining patterns unreachable"),
                        None => "wildcard makes remaining patterns unreachable".into(),
                    };
                    return Err(self.error(loc, msg));
                }
                self.capture(loc, name.as_ref(), pc)
            }
            PatternKind::MatchAs { pattern: Some(inner), name } => {
                pc.on_top += 1;
                self.op_i(loc, op::COPY, 1);
                self.pattern(inner, pc)?;
                pc.on_top -= 1;
                self.capture(loc, name.as_ref(), pc)
            }
            PatternKind::MatchOr(list) => self.or_pattern(p, list, pc),
        }
    }

    fn sequence_pattern(&mut self, p: &'a Pattern, list: &'a [Pattern], pc: &mut Pat) -> Result<()> {
        let loc = p.loc;
        let mut star = None;
        let mut only_wildcard = true;
        let mut star_wildcard = false;
        for (i, q) in list.iter().enumerate() {
            if star_of(q) {
                if star.is_some() {
                    return Err(self.error(loc, "multiple starred names in sequence pattern"));
                }
                star_wildcard = is_wildcard_star(q);
                only_wildcard &= star_wildcard;
                star = Some(i);
            } else {
                only_wildcard &= is_wildcard(q);
            }
        }
        pc.on_top += 1;
        self.op(loc, op::MATCH_SEQUENCE);
        self.jump_to_fail(loc, pc, op::POP_JUMP_IF_FALSE as Op);
        if star.is_none() {
            self.length_check(loc, list.len(), false, pc);
        } else if list.len() > 1 {
            self.length_check(loc, list.len() - 1, true, pc);
        }
        pc.on_top -= 1;
        match star {
            _ if only_wildcard => self.op(loc, op::POP_TOP),
            Some(star) if star_wildcard => {
                // Only single items are wanted.
                pc.on_top += 1;
                for (i, q) in list.iter().enumerate() {
                    if is_wildcard(q) || i == star {
                        continue;
                    }
                    self.op_i(loc, op::COPY, 1);
                    if i < star {
                        self.load_const(loc, Const::Int(i as i64));
                    } else {
                        self.op(loc, op::GET_LEN);
                        self.load_const(loc, Const::Int((list.len() - i) as i64));
                        self.op_i(loc, op::BINARY_OP, nb::SUBTRACT);
                    }
                    self.op_i(loc, op::BINARY_OP, nb::SUBSCR);
                    self.subpattern(q, pc)?;
                }
                pc.on_top -= 1;
                self.op(loc, op::POP_TOP);
            }
            _ => {
                match star {
                    Some(i) if i >= 256 => {
                        return Err(self.error(loc, "too many expressions in star-unpacking sequence pattern"));
                    }
                    Some(i) => self.op_i(loc, op::UNPACK_EX, i as u32 | ((list.len() - i - 1) as u32) << 8),
                    None => self.op_i(loc, op::UNPACK_SEQUENCE, list.len() as u32),
                }
                pc.on_top += list.len() as u32;
                for q in list {
                    pc.on_top -= 1;
                    self.subpattern(q, pc)?;
                }
            }
        }
        Ok(())
    }

    fn mapping_pattern(
        &mut self,
        loc: Loc,
        keys: &'a [Expr],
        patterns: &'a [Pattern],
        rest: Option<&'a Ident>,
        pc: &mut Pat,
    ) -> Result<()> {
        let size = keys.len();
        if size != patterns.len() {
            return Err(self.error(
                loc,
                format!("keys ({size}) / patterns ({}) length mismatch in mapping pattern", patterns.len()),
            ));
        }
        pc.on_top += 1;
        self.op(loc, op::MATCH_MAPPING);
        self.jump_to_fail(loc, pc, op::POP_JUMP_IF_FALSE as Op);
        if size == 0 && rest.is_none() {
            pc.on_top -= 1;
            self.op(loc, op::POP_TOP);
            return Ok(());
        }
        if size > 0 {
            self.length_check(loc, size, true, pc);
        }
        let mut seen = FxHashSet::default();
        for k in keys {
            if let ExprKind::Constant { value, .. } = &k.kind {
                let mut key = Vec::new();
                crate::fold::equality_key(value, &mut key);
                if !seen.insert(key) {
                    return Err(self.error(
                        loc,
                        format!("mapping pattern checks duplicate key ({})", crate::unparse::const_repr(value)),
                    ));
                }
            } else if !value_ok(k) {
                return Err(self.error(loc, "mapping pattern keys may only match literals and attribute lookups"));
            }
            self.expr(k)?;
        }
        self.op_i(loc, op::BUILD_TUPLE, size as u32);
        self.op(loc, op::MATCH_KEYS);
        pc.on_top += 2;
        self.op_i(loc, op::COPY, 1);
        self.jump_to_fail(loc, pc, op::POP_JUMP_IF_NONE as Op);
        self.op_i(loc, op::UNPACK_SEQUENCE, size as u32);
        pc.on_top += size as u32;
        pc.on_top -= 1;
        for q in patterns {
            pc.on_top -= 1;
            self.subpattern(q, pc)?;
        }
        pc.on_top -= 2;
        match rest {
            Some(name) => {
                self.op_i(loc, op::BUILD_MAP, 0);
                self.op_i(loc, op::SWAP, 3);
                self.op_i(loc, op::DICT_UPDATE, 2);
                self.op_i(loc, op::UNPACK_SEQUENCE, size as u32);
                for n in (1..=size).rev() {
                    self.op_i(loc, op::COPY, 1 + n as u32);
                    self.op_i(loc, op::SWAP, 2);
                    self.op(loc, op::DELETE_SUBSCR);
                }
                self.capture(loc, Some(name), pc)
            }
            None => {
                self.op(loc, op::POP_TOP);
                self.op(loc, op::POP_TOP);
                Ok(())
            }
        }
    }

    fn class_pattern(
        &mut self,
        loc: Loc,
        cls: &'a Expr,
        patterns: &'a [Pattern],
        attrs: &'a [Ident],
        kwd_patterns: &'a [Pattern],
        pc: &mut Pat,
    ) -> Result<()> {
        if attrs.len() != kwd_patterns.len() {
            return Err(self.error(
                loc,
                format!(
                    "kwd_attrs ({}) / kwd_patterns ({}) length mismatch in class pattern",
                    attrs.len(),
                    kwd_patterns.len()
                ),
            ));
        }
        for (i, a) in attrs.iter().enumerate() {
            if let Some(j) = attrs[i + 1..].iter().position(|b| b == a) {
                return Err(
                    self.error(kwd_patterns[i + 1 + j].loc, format!("attribute name repeated in class pattern: {a}"))
                );
            }
        }
        self.expr(cls)?;
        self.load_const(loc, Const::Tuple(attrs.iter().map(|a| Const::Str((&**a).into())).collect()));
        self.op_i(loc, op::MATCH_CLASS, patterns.len() as u32);
        self.op_i(loc, op::COPY, 1);
        pc.on_top += 1;
        self.jump_to_fail(loc, pc, op::POP_JUMP_IF_NONE as Op);
        let total = (patterns.len() + attrs.len()) as u32;
        self.op_i(loc, op::UNPACK_SEQUENCE, total);
        pc.on_top += total;
        pc.on_top -= 1;
        for q in patterns.iter().chain(kwd_patterns) {
            pc.on_top -= 1;
            if is_wildcard(q) {
                self.op(loc, op::POP_TOP);
                continue;
            }
            self.subpattern(q, pc)?;
        }
        Ok(())
    }

    fn or_pattern(&mut self, p: &'a Pattern, list: &'a [Pattern], pc: &mut Pat) -> Result<()> {
        let loc = p.loc;
        let end = self.label();
        let mut control: Vec<Ident> = Vec::new();
        for (i, alt) in list.iter().enumerate() {
            let mut sub = Pat { allow_irrefutable: i + 1 == list.len() && pc.allow_irrefutable, ..Pat::default() };
            self.op_i(alt.loc, op::COPY, 1);
            self.pattern(alt, &mut sub)?;
            if i == 0 {
                control = sub.stores.clone();
            } else {
                if sub.stores.len() != control.len() {
                    return Err(self.error(loc, "alternative patterns bind different names"));
                }
                for icontrol in (0..control.len()).rev() {
                    let Some(istores) = sub.stores.iter().position(|n| *n == control[icontrol]) else {
                        return Err(self.error(loc, "alternative patterns bind different names"));
                    };
                    if icontrol != istores {
                        // Bring the captured values into the order of the first alternative.
                        let rotations = istores + 1;
                        let rotated: Vec<Ident> = sub.stores.drain(..rotations).collect();
                        let at = icontrol - istores;
                        sub.stores.splice(at..at, rotated);
                        for _ in 0..rotations {
                            self.rotate(alt.loc, icontrol + 1);
                        }
                    }
                }
            }
            self.jump(alt.loc, JUMP, end);
            self.emit_fail(alt.loc, &mut sub);
        }
        self.op(loc, op::POP_TOP);
        self.jump_to_fail(loc, pc, JUMP);
        self.bind(end);
        let rotations = control.len() + 1 + pc.on_top as usize + pc.stores.len();
        for n in control {
            self.rotate(loc, rotations);
            if pc.stores.contains(&n) {
                return Err(self.error(loc, format!("multiple assignments to name '{n}' in pattern")));
            }
            pc.stores.push(n);
        }
        self.op(loc, op::POP_TOP);
        Ok(())
    }
}
