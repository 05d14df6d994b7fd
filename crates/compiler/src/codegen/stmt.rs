//! Statements.

use super::*;
use crate::ir::{JUMP, POP_BLOCK, SETUP_CLEANUP, SETUP_FINALLY, SETUP_WITH};
use crate::opcode::intrinsic;

impl<'a> Compiler<'a> {
    pub(super) fn module_body(&mut self, body: &'a [Stmt]) -> Result<()> {
        let at = self.unit().code.len();
        let has_annotations = self.scope().annotation_block.is_some();
        if self.future_annotations() && has_annotations {
            let loc = body.first().map_or(NO_LOC, |s| s.loc);
            self.op(loc, op::SETUP_ANNOTATIONS);
        }
        let body = self.doc_statement(body)?;
        for s in body {
            self.stmt(s)?;
        }
        if has_annotations && !self.future_annotations() {
            // The function is there before the body runs: its code goes to the front.
            let rest = self.u().code.split_off(at);
            let conditional = self.scope().has_conditional_annotations;
            let loc = Loc { lineno: 1, end_lineno: 1, col: 0, end_col: 0 };
            let loc = rest.iter().find(|i| i.loc.lineno > 0).map_or(loc, |i| i.loc);
            self.deferred_annotations(loc)?;
            if conditional {
                self.op_i(loc, op::BUILD_SET, 0);
                self.store_name(loc, "__conditional_annotations__")?;
            }
            self.u().code.extend(rest);
        }
        Ok(())
    }

    /// Stores the docstring of a module or class, if there is one.
    pub(super) fn doc_statement(&mut self, body: &'a [Stmt]) -> Result<&'a [Stmt]> {
        if self.interactive && self.units.len() == 1 {
            return Ok(body);
        }
        let Some(doc) = docstring(body) else { return Ok(body) };
        if self.opts.optimize < 2 {
            let loc = match &body[0].kind {
                StmtKind::Expr(e) => e.loc,
                _ => body[0].loc,
            };
            self.load_const(loc, Const::Str(doc));
            self.store_name(NO_LOC, "__doc__")?;
        }
        Ok(&body[1..])
    }

    pub(super) fn stmts(&mut self, body: &'a [Stmt]) -> Result<()> {
        for s in body {
            self.stmt(s)?;
        }
        Ok(())
    }

    pub(super) fn stmt(&mut self, s: &'a Stmt) -> Result<()> {
        self.deeper(|c| {
            let block = matches!(
                s.kind,
                StmtKind::For { .. }
                    | StmtKind::While { .. }
                    | StmtKind::If { .. }
                    | StmtKind::With { .. }
                    | StmtKind::Try { .. }
                    | StmtKind::Match { .. }
            );
            c.u().conditional += block as u32;
            c.stmt_inner(s)?;
            c.u().conditional -= block as u32;
            Ok(())
        })
    }

    fn stmt_inner(&mut self, s: &'a Stmt) -> Result<()> {
        let loc = s.loc;
        match &s.kind {
            StmtKind::FunctionDef(f) => self.function(s, f),
            StmtKind::ClassDef(c) => self.class(s, c),
            StmtKind::TypeAlias { name, type_params, value } => self.type_alias(s, name, type_params, value),
            StmtKind::Return(v) => self.return_stmt(loc, v.as_deref()),
            StmtKind::Delete(targets) => targets.iter().try_for_each(|t| self.expr(t)),
            StmtKind::Assign { targets, value, .. } => {
                self.expr(value)?;
                for (i, t) in targets.iter().enumerate() {
                    if i + 1 < targets.len() {
                        self.op_i(loc, op::COPY, 1);
                    }
                    self.expr(t)?;
                }
                Ok(())
            }
            StmtKind::AugAssign { target, op, value } => self.aug_assign(loc, target, *op, value),
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.ann_assign(loc, target, annotation, value.as_deref(), *simple)
            }
            StmtKind::For { is_async: false, target, iter, body, orelse, .. } => {
                self.for_stmt(target, iter, body, orelse)
            }
            StmtKind::For { target, iter, body, orelse, .. } => self.async_for(loc, target, iter, body, orelse),
            StmtKind::While { test, body, orelse } => {
                let start = self.label();
                let end = self.label();
                let anchor = self.label();
                self.bind(start);
                self.push_block(loc, FBlock::While { start, end })?;
                self.jump_if(test, anchor, false)?;
                self.stmts(body)?;
                self.jump(NO_LOC, JUMP, start);
                self.u().fblocks.pop();
                self.bind(anchor);
                self.stmts(orelse)?;
                self.bind(end);
                Ok(())
            }
            StmtKind::If { test, body, orelse } => self.if_stmt(test, body, orelse),
            StmtKind::With { is_async, items, body, .. } => {
                if *is_async && !self.is_async_unit() {
                    return Err(self.error(loc, "'async with' outside async function"));
                }
                self.with(*is_async, items, body)
            }
            StmtKind::Match { subject, cases } => self.match_stmt(subject, cases),
            StmtKind::Raise { exc, cause } => {
                let mut n = 0;
                if let Some(e) = exc {
                    self.expr(e)?;
                    n = 1;
                    if let Some(c) = cause {
                        self.expr(c)?;
                        n = 2;
                    }
                }
                self.op_i(loc, op::RAISE_VARARGS, n);
                Ok(())
            }
            StmtKind::Try { is_star, body, handlers, orelse, finalbody } => {
                self.try_stmt(loc, *is_star, body, handlers, orelse, finalbody)
            }
            StmtKind::Assert { test, msg } => {
                if let ExprKind::Tuple { elts, .. } = &test.kind
                    && !elts.is_empty()
                {
                    self.warn(loc, "assertion is always true, perhaps remove parentheses?");
                } else if let ExprKind::Constant { value: Const::Tuple(t), .. } = &test.kind
                    && !t.is_empty()
                {
                    self.warn(loc, "assertion is always true, perhaps remove parentheses?");
                }
                if self.opts.optimize > 0 {
                    return Ok(());
                }
                let end = self.label();
                self.jump_if(test, end, true)?;
                self.op_i(loc, op::LOAD_COMMON_CONSTANT, 0);
                if let Some(m) = msg {
                    self.expr(m)?;
                    self.op_i(loc, op::CALL, 0);
                }
                self.op_i(test.loc, op::RAISE_VARARGS, 1);
                self.bind(end);
                Ok(())
            }
            StmtKind::Import(names) => self.import(loc, names),
            StmtKind::ImportFrom { module, names, level } => self.import_from(loc, module.as_ref(), names, *level),
            StmtKind::Global(_) | StmtKind::Nonlocal(_) => Ok(()),
            StmtKind::Expr(e) => {
                if self.interactive && self.units.len() == 1 {
                    self.expr(e)?;
                    self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::PRINT);
                    self.op(NO_LOC, op::POP_TOP);
                } else if matches!(e.kind, ExprKind::Constant { .. }) {
                    self.op(loc, op::NOP);
                } else {
                    self.expr(e)?;
                    self.op(NO_LOC, op::POP_TOP);
                }
                Ok(())
            }
            StmtKind::Pass => {
                self.op(loc, op::NOP);
                Ok(())
            }
            StmtKind::Break | StmtKind::Continue => self.loop_exit(loc, matches!(s.kind, StmtKind::Break)),
        }
    }

    /// `elif` chains are walked, not recursed into.
    fn if_stmt(&mut self, test: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt]) -> Result<()> {
        let end = self.label();
        let (mut test, mut body, mut orelse) = (test, body, orelse);
        loop {
            let next = if orelse.is_empty() { end } else { self.label() };
            self.jump_if(test, next, false)?;
            self.stmts(body)?;
            if orelse.is_empty() {
                break;
            }
            self.jump(NO_LOC, JUMP, end);
            self.bind(next);
            if let [Stmt { kind: StmtKind::If { test: t, body: b, orelse: o }, .. }] = orelse {
                (test, body, orelse) = (t, b, o);
                continue;
            }
            self.stmts(orelse)?;
            break;
        }
        self.bind(end);
        Ok(())
    }

    fn return_stmt(&mut self, loc: Loc, value: Option<&'a Expr>) -> Result<()> {
        let s = self.scope();
        if !s.is_function_like() {
            return Err(self.error(loc, "'return' outside function"));
        }
        if value.is_some() && s.coroutine && s.generator {
            return Err(self.error(loc, "'return' with value in async generator"));
        }
        let constant = value.and_then(|v| match &v.kind {
            ExprKind::Constant { value, .. } => Some(value),
            _ => None,
        });
        let preserve = value.is_some() && constant.is_none();
        let mut at = loc;
        if let Some(v) = value {
            if preserve {
                self.expr(v)?;
            } else {
                self.op(v.loc, op::NOP);
                at = v.loc;
            }
        }
        if value.is_none_or(|v| v.loc.lineno != loc.lineno) {
            at = loc;
            self.op(loc, op::NOP);
        }
        self.unwind(&mut at, preserve, false)?;
        if let Some(c) = constant {
            self.load_const(at, c.clone());
        } else if value.is_none() {
            self.none(at);
        }
        self.op(at, op::RETURN_VALUE);
        Ok(())
    }

    fn loop_exit(&mut self, loc: Loc, is_break: bool) -> Result<()> {
        let origin = loc;
        let mut loc = loc;
        self.op(loc, op::NOP);
        let Some((start, end, is_for)) = self.unwind(&mut loc, false, true)? else {
            let msg = if is_break { "'break' outside loop" } else { "'continue' not properly in loop" };
            return Err(self.error(origin, msg));
        };
        if is_break {
            if is_for {
                self.op(loc, op::POP_ITER);
            }
            self.jump(loc, JUMP, end);
        } else {
            self.jump(loc, JUMP, start);
        }
        Ok(())
    }

    /// Unwinds blocks from the inside out, up to a loop if `to_loop` (which stays): its labels.
    fn unwind(&mut self, loc: &mut Loc, preserve: bool, to_loop: bool) -> Result<Option<(Label, Label, bool)>> {
        let mut popped = Vec::new();
        let mut found = None;
        let mut failed = Ok(());
        while let Some(top) = self.u().fblocks.pop() {
            match top {
                FBlock::ExceptionGroupHandler => {
                    failed =
                        Err(self.error(*loc, "'break', 'continue' and 'return' cannot appear in an except* block"));
                    popped.push(top);
                    break;
                }
                FBlock::While { start, end } if to_loop => found = Some((start, end, false)),
                FBlock::For { start, end } if to_loop => found = Some((start, end, true)),
                _ => {
                    popped.push(top.clone());
                    failed = self.unwind_one(loc, &top, preserve);
                    if failed.is_err() {
                        break;
                    }
                    continue;
                }
            }
            popped.push(top);
            break;
        }
        while let Some(b) = popped.pop() {
            self.u().fblocks.push(b);
        }
        failed.map(|_| found)
    }

    fn unwind_one(&mut self, loc: &mut Loc, b: &FBlock<'a>, preserve: bool) -> Result<()> {
        let swap = |c: &mut Self, loc: Loc| {
            if preserve {
                c.op_i(loc, op::SWAP, 2);
            }
        };
        match b {
            FBlock::While { .. }
            | FBlock::ExceptionHandler
            | FBlock::ExceptionGroupHandler
            | FBlock::AsyncComprehension => {}
            FBlock::For { .. } => {
                swap(self, *loc);
                self.op(*loc, op::POP_ITER);
            }
            FBlock::Try => self.pseudo(*loc, POP_BLOCK),
            FBlock::FinallyTry { body } => {
                self.pseudo(*loc, POP_BLOCK);
                if preserve {
                    self.u().fblocks.push(FBlock::PopValue);
                }
                self.stmts(body)?;
                if preserve {
                    self.u().fblocks.pop();
                }
                *loc = NO_LOC;
            }
            FBlock::FinallyEnd => {
                swap(self, *loc);
                self.op(*loc, op::POP_TOP);
                swap(self, *loc);
                self.pseudo(*loc, POP_BLOCK);
                self.op(*loc, op::POP_EXCEPT);
            }
            FBlock::With { is_async, loc: at } => {
                *loc = *at;
                self.pseudo(*loc, POP_BLOCK);
                if preserve {
                    self.op_i(*loc, op::SWAP, 3);
                    self.op_i(*loc, op::SWAP, 2);
                }
                self.call_exit(*loc, *is_async);
                self.op(*loc, op::POP_TOP);
                *loc = NO_LOC;
            }
            FBlock::HandlerCleanup { name } => {
                if name.is_some() {
                    self.pseudo(*loc, POP_BLOCK);
                }
                swap(self, *loc);
                self.pseudo(*loc, POP_BLOCK);
                self.op(*loc, op::POP_EXCEPT);
                if let Some(n) = name {
                    self.unbind(*loc, n)?;
                }
            }
            FBlock::PopValue => {
                swap(self, *loc);
                self.op(*loc, op::POP_TOP);
            }
        }
        Ok(())
    }

    /// `name = None; del name`
    fn unbind(&mut self, loc: Loc, name: &Ident) -> Result<()> {
        self.none(loc);
        self.name_op(loc, name, Ctx::Store)?;
        self.name_op(loc, name, Ctx::Del)
    }

    fn call_exit(&mut self, loc: Loc, is_async: bool) {
        for _ in 0..3 {
            self.none(loc);
        }
        self.op_i(loc, op::CALL, 3);
        if is_async {
            self.op_i(loc, op::GET_AWAITABLE, 2);
            self.none(loc);
            self.yield_from(loc, true);
        }
    }

    fn for_stmt(&mut self, target: &'a Expr, iter: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt]) -> Result<()> {
        let start = self.label();
        let cleanup = self.label();
        let end = self.label();
        self.push_block(iter.loc, FBlock::For { start, end })?;
        self.expr(iter)?;
        let loc = iter.loc;
        self.op(loc, op::GET_ITER);
        self.bind(start);
        self.jump_op(loc, op::FOR_ITER, cleanup);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(NO_LOC, JUMP, start);
        self.bind(cleanup);
        self.op(loc, op::END_FOR);
        self.op(loc, op::POP_ITER);
        self.u().fblocks.pop();
        self.stmts(orelse)?;
        self.bind(end);
        Ok(())
    }

    fn async_for(
        &mut self,
        stmt: Loc,
        target: &'a Expr,
        iter: &'a Expr,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
    ) -> Result<()> {
        if !self.is_async_unit() {
            return Err(self.error(stmt, "'async for' outside async function"));
        }
        let start = self.label();
        let except = self.label();
        let end = self.label();
        self.expr(iter)?;
        let loc = iter.loc;
        self.op(loc, op::GET_AITER);
        self.bind(start);
        self.push_block(iter.loc, FBlock::For { start, end })?;
        self.jump(loc, SETUP_FINALLY, except);
        self.op(loc, op::GET_ANEXT);
        self.none(loc);
        self.yield_from(loc, true);
        self.pseudo(loc, POP_BLOCK);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(NO_LOC, JUMP, start);
        self.u().fblocks.pop();
        self.bind(except);
        self.op(loc, op::END_ASYNC_FOR);
        self.stmts(orelse)?;
        self.bind(end);
        Ok(())
    }

    fn with(&mut self, is_async: bool, items: &'a [WithItem], body: &'a [Stmt]) -> Result<()> {
        let item = &items[0];
        let final_ = self.label();
        let exit = self.label();
        let cleanup = self.label();
        self.expr(&item.context_expr)?;
        let loc = item.context_expr.loc;
        self.op_i(loc, op::COPY, 1);
        self.op_i(loc, op::LOAD_SPECIAL, if is_async { 3 } else { 1 });
        self.op_i(loc, op::SWAP, 2);
        self.op_i(loc, op::SWAP, 3);
        self.op_i(loc, op::LOAD_SPECIAL, if is_async { 2 } else { 0 });
        self.op_i(loc, op::CALL, 0);
        if is_async {
            self.op_i(loc, op::GET_AWAITABLE, 1);
            self.none(loc);
            self.yield_from(loc, true);
        }
        self.jump(loc, SETUP_WITH, final_);
        self.push_block(loc, FBlock::With { is_async, loc })?;
        match &item.optional_vars {
            Some(v) => self.expr(v)?,
            None => self.op(loc, op::POP_TOP),
        }
        if items.len() > 1 {
            self.deeper(|c| c.with(is_async, &items[1..], body))?;
        } else {
            self.stmts(body)?;
        }
        self.u().fblocks.pop();
        self.pseudo(NO_LOC, POP_BLOCK);
        self.call_exit(loc, is_async);
        self.op(loc, op::POP_TOP);
        self.jump(loc, JUMP, exit);

        self.bind(final_);
        self.jump(loc, SETUP_CLEANUP, cleanup);
        self.op(loc, op::PUSH_EXC_INFO);
        self.op(loc, op::WITH_EXCEPT_START);
        if is_async {
            self.op_i(loc, op::GET_AWAITABLE, 2);
            self.none(loc);
            self.yield_from(loc, true);
        }
        let suppress = self.label();
        self.op(NO_LOC, op::TO_BOOL);
        self.jump_op(NO_LOC, op::POP_JUMP_IF_TRUE, suppress);
        self.op_i(NO_LOC, op::RERAISE, 2);
        self.bind(suppress);
        self.op(NO_LOC, op::POP_TOP);
        self.pseudo(NO_LOC, POP_BLOCK);
        self.op(NO_LOC, op::POP_EXCEPT);
        self.op(NO_LOC, op::POP_TOP);
        self.op(NO_LOC, op::POP_TOP);
        self.op(NO_LOC, op::POP_TOP);
        self.jump(NO_LOC, JUMP, exit);
        self.bind(cleanup);
        self.pop_except_and_reraise();
        self.bind(exit);
        Ok(())
    }

    fn pop_except_and_reraise(&mut self) {
        self.op_i(NO_LOC, op::COPY, 3);
        self.op(NO_LOC, op::POP_EXCEPT);
        self.op_i(NO_LOC, op::RERAISE, 1);
    }

    fn try_stmt(
        &mut self,
        loc: Loc,
        is_star: bool,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        finalbody: &'a [Stmt],
    ) -> Result<()> {
        if finalbody.is_empty() {
            return self.try_except(loc, is_star, body, handlers, orelse);
        }
        let end = self.label();
        let exit = self.label();
        let cleanup = self.label();
        self.jump(loc, SETUP_FINALLY, end);
        self.push_block(loc, FBlock::FinallyTry { body: finalbody })?;
        if handlers.is_empty() {
            self.stmts(body)?;
        } else {
            self.try_except(loc, is_star, body, handlers, orelse)?;
        }
        self.pseudo(NO_LOC, POP_BLOCK);
        self.u().fblocks.pop();
        self.stmts(finalbody)?;
        self.jump(NO_LOC, JUMP, exit);

        self.bind(end);
        self.push_block(loc, FBlock::FinallyEnd)?;
        self.jump(NO_LOC, SETUP_CLEANUP, cleanup);
        self.op(NO_LOC, op::PUSH_EXC_INFO);
        self.stmts(finalbody)?;
        self.op_i(NO_LOC, op::RERAISE, 0);
        self.u().fblocks.pop();
        self.bind(cleanup);
        self.pop_except_and_reraise();
        self.bind(exit);
        Ok(())
    }

    fn try_except(
        &mut self,
        loc: Loc,
        is_star: bool,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
    ) -> Result<()> {
        let except = self.label();
        let end = self.label();
        let cleanup = self.label();
        self.jump(loc, SETUP_FINALLY, except);
        self.push_block(loc, FBlock::Try)?;
        self.stmts(body)?;
        self.u().fblocks.pop();
        self.pseudo(NO_LOC, POP_BLOCK);
        self.stmts(orelse)?;
        self.jump(NO_LOC, JUMP, end);

        self.bind(except);
        self.jump(NO_LOC, SETUP_CLEANUP, cleanup);
        self.op(NO_LOC, op::PUSH_EXC_INFO);
        if is_star {
            self.star_handlers(handlers, end)?;
        } else {
            self.push_block(loc, FBlock::ExceptionHandler)?;
            for (i, h) in handlers.iter().enumerate() {
                if h.typ.is_none() && i + 1 < handlers.len() {
                    return Err(self.error(h.loc, "default 'except:' must be last"));
                }
                self.handler(h, end)?;
            }
            self.u().fblocks.pop();
            self.op_i(NO_LOC, op::RERAISE, 0);
        }
        self.bind(cleanup);
        self.pop_except_and_reraise();
        self.bind(end);
        Ok(())
    }

    fn handler(&mut self, h: &'a ExceptHandler, end: Label) -> Result<()> {
        let loc = h.loc;
        let next = self.label();
        if let Some(t) = &h.typ {
            self.expr(t)?;
            self.op(loc, op::CHECK_EXC_MATCH);
            self.jump_op(loc, op::POP_JUMP_IF_FALSE, next);
        }
        match &h.name {
            Some(name) => {
                let cleanup_end = self.label();
                self.name_op(loc, name, Ctx::Store)?;
                self.jump(loc, SETUP_CLEANUP, cleanup_end);
                self.push_block(h.loc, FBlock::HandlerCleanup { name: Some(name.clone()) })?;
                self.stmts(&h.body)?;
                self.u().fblocks.pop();
                self.pseudo(NO_LOC, POP_BLOCK);
                self.pseudo(NO_LOC, POP_BLOCK);
                self.op(NO_LOC, op::POP_EXCEPT);
                self.unbind(NO_LOC, name)?;
                self.jump(NO_LOC, JUMP, end);
                self.bind(cleanup_end);
                self.unbind(NO_LOC, name)?;
                self.op_i(NO_LOC, op::RERAISE, 1);
            }
            None => {
                self.op(loc, op::POP_TOP);
                self.push_block(h.loc, FBlock::HandlerCleanup { name: None })?;
                self.stmts(&h.body)?;
                self.u().fblocks.pop();
                self.pseudo(NO_LOC, POP_BLOCK);
                self.op(NO_LOC, op::POP_EXCEPT);
                self.jump(NO_LOC, JUMP, end);
            }
        }
        self.bind(next);
        Ok(())
    }

    /// `except*`: a list collects what is raised or left over; the interpreter decides what to raise at the end.
    fn star_handlers(&mut self, handlers: &'a [ExceptHandler], end: Label) -> Result<()> {
        self.u().fblocks.push(FBlock::ExceptionGroupHandler);
        for (i, h) in handlers.iter().enumerate() {
            let loc = h.loc;
            let no_match = self.label();
            let joined = self.label();
            let cleanup_end = self.label();
            if i == 0 {
                self.op_i(loc, op::BUILD_LIST, 0);
                self.op_i(loc, op::COPY, 2);
            }
            if let Some(t) = &h.typ {
                self.expr(t)?;
                self.op(loc, op::CHECK_EG_MATCH);
                self.op_i(loc, op::COPY, 1);
                self.jump_op(loc, op::POP_JUMP_IF_NONE, no_match);
            }
            match &h.name {
                Some(n) => self.name_op(loc, n, Ctx::Store)?,
                None => self.op(loc, op::POP_TOP),
            }
            self.jump(loc, SETUP_CLEANUP, cleanup_end);
            self.push_block(h.loc, FBlock::HandlerCleanup { name: h.name.clone() })?;
            self.stmts(&h.body)?;
            self.u().fblocks.pop();
            self.pseudo(NO_LOC, POP_BLOCK);
            if let Some(n) = &h.name {
                self.unbind(NO_LOC, n)?;
            }
            self.jump(NO_LOC, JUMP, joined);
            self.bind(cleanup_end);
            if let Some(n) = &h.name {
                self.unbind(NO_LOC, n)?;
            }
            self.op_i(NO_LOC, op::LIST_APPEND, 3);
            self.op(NO_LOC, op::POP_TOP);
            self.jump(NO_LOC, JUMP, joined);
            self.bind(no_match);
            self.op(loc, op::POP_TOP);
            self.bind(joined);
        }
        self.u().fblocks.pop();
        self.op_i(NO_LOC, op::LIST_APPEND, 1);
        self.op_i(NO_LOC, op::CALL_INTRINSIC_2, intrinsic::PREP_RERAISE_STAR);
        self.op_i(NO_LOC, op::COPY, 1);
        let reraise = self.label();
        self.jump_op(NO_LOC, op::POP_JUMP_IF_NOT_NONE, reraise);
        self.op(NO_LOC, op::POP_TOP);
        self.pseudo(NO_LOC, POP_BLOCK);
        self.op(NO_LOC, op::POP_EXCEPT);
        self.jump(NO_LOC, JUMP, end);
        self.bind(reraise);
        self.pseudo(NO_LOC, POP_BLOCK);
        self.op_i(NO_LOC, op::SWAP, 2);
        self.op(NO_LOC, op::POP_EXCEPT);
        self.op_i(NO_LOC, op::RERAISE, 0);
        Ok(())
    }

    fn import(&mut self, loc: Loc, names: &'a [Alias]) -> Result<()> {
        for a in names {
            self.load_const(loc, Const::Int(0));
            self.none(loc);
            let i = self.mangled_index(&a.name);
            self.op_i(loc, op::IMPORT_NAME, i);
            match &a.asname {
                Some(n) => {
                    let mut parts = a.name.split('.').skip(1).peekable();
                    let dotted = parts.peek().is_some();
                    while let Some(p) = parts.next() {
                        let i = self.mangled_index(&p.into());
                        self.op_i(loc, op::IMPORT_FROM, i);
                        if parts.peek().is_some() {
                            self.op_i(loc, op::SWAP, 2);
                            self.op(loc, op::POP_TOP);
                        }
                    }
                    self.name_op(loc, n, Ctx::Store)?;
                    if dotted {
                        self.op(loc, op::POP_TOP);
                    }
                }
                None => {
                    let first: Ident = a.name.split('.').next().unwrap_or(&a.name).into();
                    self.name_op(loc, &first, Ctx::Store)?;
                }
            }
        }
        Ok(())
    }

    fn import_from(&mut self, loc: Loc, module: Option<&'a Ident>, names: &'a [Alias], level: u32) -> Result<()> {
        if level == 0 && module.is_some_and(|m| &**m == "__future__") && (loc.lineno, loc.col) > self.future_line {
            return Err(self.error(loc, "from __future__ imports must occur at the beginning of the file"));
        }
        self.load_const(loc, Const::Int(level as i64));
        self.load_const(loc, Const::Tuple(names.iter().map(|a| Const::Str((&*a.name).into())).collect()));
        let empty: Ident = "".into();
        let i = self.mangled_index(module.unwrap_or(&empty));
        self.op_i(loc, op::IMPORT_NAME, i);
        for a in names {
            if &*a.name == "*" {
                self.op_i(loc, op::CALL_INTRINSIC_1, intrinsic::IMPORT_STAR);
                break;
            }
            let i = self.mangled_index(&a.name);
            self.op_i(loc, op::IMPORT_FROM, i);
            self.name_op(loc, a.asname.as_ref().unwrap_or(&a.name), Ctx::Store)?;
        }
        self.op(loc, op::POP_TOP);
        Ok(())
    }

    fn aug_assign(&mut self, loc: Loc, target: &'a Expr, operator: Operator, value: &'a Expr) -> Result<()> {
        use crate::opcode::nb;
        let inplace = expr::binary_number(operator) + nb::INPLACE;
        let at = target.loc;
        match &target.kind {
            ExprKind::Attribute { value: obj, attr, .. } => {
                self.expr(obj)?;
                self.op_i(at, op::COPY, 1);
                let at = expr::attr_loc(at, target, attr);
                self.load_attr(at, attr, false);
                self.expr(value)?;
                self.op_i(loc, op::BINARY_OP, inplace);
                self.op_i(at, op::SWAP, 2);
                let i = self.mangled_index(attr);
                self.op_i(at, op::STORE_ATTR, i);
            }
            ExprKind::Subscript { value: obj, slice, .. } => {
                self.expr(obj)?;
                if let Some((lower, upper)) = expr::two_part_slice(slice) {
                    self.slice_bounds(slice.loc, lower, upper)?;
                    for _ in 0..3 {
                        self.op_i(at, op::COPY, 3);
                    }
                    self.op(at, op::BINARY_SLICE);
                    self.expr(value)?;
                    self.op_i(loc, op::BINARY_OP, inplace);
                    self.op_i(at, op::SWAP, 4);
                    self.op_i(at, op::SWAP, 3);
                    self.op_i(at, op::SWAP, 2);
                    self.op(at, op::STORE_SLICE);
                } else {
                    self.expr(slice)?;
                    self.op_i(at, op::COPY, 2);
                    self.op_i(at, op::COPY, 2);
                    self.op_i(at, op::BINARY_OP, nb::SUBSCR);
                    self.expr(value)?;
                    self.op_i(loc, op::BINARY_OP, inplace);
                    self.op_i(at, op::SWAP, 3);
                    self.op_i(at, op::SWAP, 2);
                    self.op(at, op::STORE_SUBSCR);
                }
            }
            ExprKind::Name { id, .. } => {
                self.name_op(at, id, Ctx::Load)?;
                self.expr(value)?;
                self.op_i(loc, op::BINARY_OP, inplace);
                self.name_op(at, id, Ctx::Store)?;
            }
            _ => return Err(CompileError::plain(ErrorKind::System, "invalid node type for augmented assignment")),
        }
        Ok(())
    }

    fn ann_assign(
        &mut self,
        loc: Loc,
        target: &'a Expr,
        annotation: &'a Expr,
        value: Option<&'a Expr>,
        simple: bool,
    ) -> Result<()> {
        if let Some(v) = value {
            self.expr(v)?;
            self.expr(target)?;
        }
        let in_body = matches!(self.unit().kind, UnitKind::Module | UnitKind::Class);
        match &target.kind {
            ExprKind::Name { id, .. } => {
                if simple && in_body {
                    let name = self.mangle(id);
                    if self.future_annotations() {
                        self.load_str(loc, &crate::unparse::unparse(annotation));
                        let i = self.name_index(&"__annotations__".into());
                        self.op_i(loc, op::LOAD_NAME, i);
                        self.load_str(loc, &name);
                        self.op(loc, op::STORE_SUBSCR);
                    } else {
                        let conditional = self.unit().kind == UnitKind::Module || self.unit().conditional > 0;
                        let index = conditional.then(|| {
                            let u = self.u();
                            u.next_conditional += 1;
                            u.next_conditional - 1
                        });
                        self.u().deferred.push(Deferred { name, annotation, loc, index });
                        if let Some(i) = index {
                            let n: Ident = "__conditional_annotations__".into();
                            if self.unit().kind == UnitKind::Module {
                                let k = self.name_index(&n);
                                self.op_i(loc, op::LOAD_NAME, k);
                            } else {
                                let k = self.cell_index(&n)?;
                                self.op_i(loc, op::LOAD_DEREF, k);
                            }
                            self.load_const(loc, Const::Int(i as i64));
                            self.op_i(loc, op::SET_ADD, 1);
                            self.op(loc, op::POP_TOP);
                        }
                    }
                }
            }
            ExprKind::Attribute { value: obj, .. } => {
                if value.is_none() {
                    self.expr(obj)?;
                    self.op(obj.loc, op::POP_TOP);
                }
            }
            ExprKind::Subscript { value: obj, slice, .. } => {
                if value.is_none() {
                    self.expr(obj)?;
                    self.op(obj.loc, op::POP_TOP);
                    self.check_subscript(slice)?;
                }
            }
            _ => return Err(CompileError::plain(ErrorKind::System, "invalid node type for annotated assignment")),
        }
        Ok(())
    }

    /// Evaluates a subscript for its side effects.
    fn check_subscript(&mut self, e: &'a Expr) -> Result<()> {
        match &e.kind {
            ExprKind::Slice { lower, upper, step } => {
                for x in [lower, upper, step].into_iter().flatten() {
                    self.expr(x)?;
                    self.op(x.loc, op::POP_TOP);
                }
                Ok(())
            }
            ExprKind::Tuple { elts, .. } => elts.iter().try_for_each(|x| self.check_subscript(x)),
            _ => {
                self.expr(e)?;
                self.op(e.loc, op::POP_TOP);
                Ok(())
            }
        }
    }
}

/// The docstring of a body, cleaned as 3.13 does it.
pub(super) fn docstring(body: &[Stmt]) -> Option<crate::code::PyStr> {
    match &body.first()?.kind {
        StmtKind::Expr(e) => Some(clean_doc(e.as_str_constant()?)),
        _ => None,
    }
}

/// Expands tabs and takes the common indentation off all lines but the first, whose own is stripped.
fn clean_doc(doc: &crate::code::PyStr) -> crate::code::PyStr {
    let b = doc.as_bytes();
    // Expand tabs of 8 columns.
    let mut text = Vec::with_capacity(b.len());
    if b.contains(&b'\t') {
        let mut col = 0;
        for c in b {
            match c {
                b'\t' => {
                    let n = 8 - col % 8;
                    text.resize(text.len() + n, b' ');
                    col += n;
                }
                b'\n' | b'\r' => {
                    text.push(*c);
                    col = 0;
                }
                _ => {
                    text.push(*c);
                    col += (*c & 0xc0 != 0x80) as usize;
                }
            }
        }
    } else {
        text.extend_from_slice(b);
    }
    let lines: Vec<&[u8]> = text.split(|c| *c == b'\n').collect();
    let indent = |l: &[u8]| l.iter().take_while(|c| **c == b' ').count();
    let margin = lines[1..].iter().filter(|l| indent(l) < l.len()).map(|l| indent(l)).min().unwrap_or(0);
    let mut out = Vec::with_capacity(text.len());
    for (i, l) in lines.iter().enumerate() {
        if i == 0 {
            out.extend_from_slice(&l[indent(l)..]);
        } else {
            out.push(b'\n');
            out.extend_from_slice(&l[indent(l).min(margin)..]);
        }
    }
    crate::code::PyStr::from_wtf8(out)
}
