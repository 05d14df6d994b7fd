//! Comprehensions and generator expressions. All but the latter are compiled into the block around them (PEP 709).

use super::*;
use crate::ir::{JUMP, JUMP_NO_INTERRUPT, POP_BLOCK, SETUP_FINALLY, STORE_FAST_MAYBE_NULL};
use crate::symtable::Key;

struct Inlined {
    /// Names saved, and whether in the slot of a free variable
    pushed: Vec<(Ident, bool)>,
    symbols: Vec<(Ident, Option<Symbol>)>,
    hidden: Vec<Ident>,
    cleanup: Option<(Label, Label)>,
}

impl<'a> Compiler<'a> {
    #[allow(clippy::too_many_arguments)]
    pub(super) fn comprehension(
        &mut self,
        e: &'a Expr,
        kind: CompKind,
        name: &str,
        generators: &'a [Comprehension],
        elt: &'a Expr,
        value: Option<&'a Expr>,
    ) -> Result<()> {
        let loc = e.loc;
        let id = self
            .table
            .find(e, Key::Body)
            .ok_or_else(|| CompileError::plain(ErrorKind::System, "no block for comprehension"))?;
        let inlined = self.table.scopes[id].comp_inlined;
        let is_async = self.table.scopes[id].coroutine;
        let first = &generators[0];
        if is_async && kind != CompKind::Generator && !self.is_async_unit() {
            return Err(self.error(loc, "asynchronous comprehension outside of an asynchronous function"));
        }
        let get_iter = if first.is_async { op::GET_AITER } else { op::GET_ITER };
        let build = match kind {
            CompKind::List => Some(op::BUILD_LIST),
            CompKind::Set => Some(op::BUILD_SET),
            CompKind::Dict => Some(op::BUILD_MAP),
            _ => None,
        };
        if inlined {
            self.expr(&first.iter)?;
            self.op(first.iter.loc, get_iter);
            let state = self.enter_inlined(loc, id)?;
            if let Some(b) = build {
                self.op_i(loc, b, 0);
            }
            self.op_i(loc, op::SWAP, 2);
            self.generator(kind, generators, 0, 0, elt, value, loc)?;
            self.leave_inlined(loc, state);
            return Ok(());
        }
        self.enter(name.into(), UnitKind::Comprehension, id, loc.lineno, None)?;
        self.u().argcount = 1;
        let guard = (kind == CompKind::Generator).then(|| self.label());
        if let Some(l) = guard {
            self.jump(NO_LOC, crate::ir::SETUP_CLEANUP, l);
        }
        if let Some(b) = build {
            self.op_i(loc, b, 0);
        }
        self.op_i(loc, op::LOAD_FAST, 0);
        self.generator(kind, generators, 0, 0, elt, value, loc)?;
        if build.is_some() {
            self.op(loc, op::RETURN_VALUE);
        } else {
            self.none(NO_LOC);
            self.op(NO_LOC, op::RETURN_VALUE);
        }
        if let Some(l) = guard {
            self.stopiteration_handler(l);
        }
        let code = self.leave(false)?;
        self.make_closure(loc, code, 0)?;
        self.expr(&first.iter)?;
        self.op(first.iter.loc, get_iter);
        self.op_i(loc, op::CALL, 0);
        if is_async && kind != CompKind::Generator {
            self.op_i(loc, op::GET_AWAITABLE, 0);
            self.none(loc);
            self.yield_from(loc, true);
        }
        Ok(())
    }

    /// StopIteration must not leave a generator.
    pub(super) fn stopiteration_handler(&mut self, l: Label) {
        self.bind(l);
        self.op_i(NO_LOC, op::CALL_INTRINSIC_1, crate::opcode::intrinsic::STOPITERATION_ERROR);
        self.op_i(NO_LOC, op::RERAISE, 1);
    }

    /// One `for` clause and all that is inside it; its iterator is on the stack when `index` is 0.
    #[allow(clippy::too_many_arguments)]
    fn generator(
        &mut self,
        kind: CompKind,
        generators: &'a [Comprehension],
        index: usize,
        depth: u32,
        elt: &'a Expr,
        value: Option<&'a Expr>,
        loc: Loc,
    ) -> Result<()> {
        let g = &generators[index];
        let at = g.iter.loc;
        let start = self.label();
        let if_cleanup = self.label();
        let end = self.label();
        let mut depth = depth;
        let mut looping = true;
        if index > 0 {
            // `for y in [f(x)]` just names a value.
            match &g.iter.kind {
                ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. }
                    if !g.is_async && elts.len() == 1 && !matches!(elts[0].kind, ExprKind::Starred { .. }) =>
                {
                    self.expr(&elts[0])?;
                    looping = false;
                }
                _ => {
                    self.expr(&g.iter)?;
                    self.op(at, if g.is_async { op::GET_AITER } else { op::GET_ITER });
                }
            }
        }
        if looping {
            depth += 1;
            self.bind(start);
            if g.is_async {
                self.u().fblocks.push(FBlock::AsyncComprehension);
                self.jump(loc, SETUP_FINALLY, end);
                self.op(loc, op::GET_ANEXT);
                self.none(loc);
                self.yield_from(loc, true);
                self.pseudo(loc, POP_BLOCK);
            } else {
                self.jump_op(at, op::FOR_ITER, end);
            }
        }
        self.expr(&g.target)?;
        for c in &g.ifs {
            self.jump_if(c, if_cleanup, false)?;
        }
        let mut elt_loc = elt.loc;
        if index + 1 < generators.len() {
            self.deeper(|c| c.generator(kind, generators, index + 1, depth, elt, value, loc))?;
        } else {
            match kind {
                CompKind::Generator => {
                    self.expr(elt)?;
                    self.yield_value(elt_loc);
                    self.op(elt_loc, op::POP_TOP);
                }
                CompKind::List => {
                    self.expr(elt)?;
                    self.op_i(elt_loc, op::LIST_APPEND, depth + 1);
                }
                CompKind::Set => {
                    self.expr(elt)?;
                    self.op_i(elt_loc, op::SET_ADD, depth + 1);
                }
                _ => {
                    let v = value.expect("dict comprehension has a value");
                    self.expr(elt)?;
                    self.expr(v)?;
                    elt_loc = Loc { end_lineno: v.loc.end_lineno, end_col: v.loc.end_col, ..elt_loc };
                    self.op_i(elt_loc, op::MAP_ADD, depth + 1);
                }
            }
        }
        self.bind(if_cleanup);
        if looping {
            self.jump(elt_loc, JUMP, start);
            self.bind(end);
            if g.is_async {
                self.u().fblocks.pop();
                self.op(loc, op::END_ASYNC_FOR);
            } else {
                self.op(at, op::END_FOR);
                self.op(at, op::POP_ITER);
            }
        }
        Ok(())
    }

    /// Isolates the comprehension's names from the block's; the iterator on top stays on top.
    fn enter_inlined(&mut self, loc: Loc, comp: ScopeId) -> Result<Inlined> {
        let in_class = self.scope().kind == BlockKind::Class && self.unit().in_inlined_comp == 0;
        if self.unit().fblocks.len() + self.unit().in_inlined_comp as usize >= 21 {
            return Err(self.error(loc, "too many statically nested blocks"));
        }
        self.u().in_inlined_comp += 1;
        let mut state = Inlined { pushed: Vec::new(), symbols: Vec::new(), hidden: Vec::new(), cleanup: None };
        let list: Vec<(Ident, Symbol)> = self.table.scopes[comp].symbols.iter().map(|(n, s)| (n.clone(), *s)).collect();
        for (n, sym) in list {
            let bound_here = sym.flags & def::LOCAL != 0 && sym.flags & def::NONLOCAL == 0;
            if sym.flags & def::PARAM != 0 {
                continue;
            }
            if !(bound_here || in_class) {
                // Global here, whatever another comprehension made of the name in this block.
                let global = matches!(sym.place, Where::GlobalImplicit | Where::GlobalExplicit);
                if global && self.scope().is_function_like() && self.scope().place(&n) != sym.place {
                    let old = self.swap_symbol(&n, sym);
                    state.symbols.push((n, old));
                }
                continue;
            }
            let outer = self.scope().symbols.get(&n).copied();
            let outer_place = outer.map_or(Where::Unknown, |s| s.place);
            let place = sym.place;
            if (place != outer_place && place != Where::Free && !(place == Where::Cell && outer_place == Where::Free))
                || in_class
            {
                let old = self.swap_symbol(&n, sym);
                state.symbols.push((n.clone(), old));
            }
            if !bound_here {
                continue;
            }
            if !self.scope().is_function_like() {
                // Fast locals for these names, here only.
                if self.unit().hidden.get(&n) != Some(&true) {
                    self.u().hidden.insert(n.clone(), true);
                    state.hidden.push(n.clone());
                }
            }
            let shares_free = place == Where::Cell && outer_place == Where::Free;
            if shares_free {
                // The comprehension's cell takes the place of the free variable's for a while.
                let i = self.cell_index(&n)?;
                self.emit(loc, ir::LOAD_SLOT_AND_CLEAR, i, NO_LABEL);
            } else {
                let slot = self.u().varnames.add(&n);
                self.op_i(loc, op::LOAD_FAST_AND_CLEAR, slot);
            }
            if place == Where::Cell {
                let i = self.cell_index(&n)?;
                self.op_i(loc, op::MAKE_CELL, i);
            }
            state.pushed.push((n, shares_free));
        }
        if !state.pushed.is_empty() {
            self.op_i(loc, op::SWAP, state.pushed.len() as u32 + 1);
            let cleanup = self.label();
            let end = self.label();
            self.jump(loc, SETUP_FINALLY, cleanup);
            state.cleanup = Some((cleanup, end));
        }
        Ok(state)
    }

    fn restore_locals(&mut self, loc: Loc, names: &[(Ident, bool)]) {
        // The result goes below the saved values.
        self.op_i(loc, op::SWAP, names.len() as u32 + 1);
        for (n, free) in names.iter().rev() {
            if *free {
                if let Ok(i) = self.cell_index(n) {
                    self.emit(loc, ir::STORE_SLOT, i, NO_LABEL);
                }
                continue;
            }
            let slot = self.u().varnames.add(n);
            self.emit(loc, STORE_FAST_MAYBE_NULL, slot, NO_LABEL);
        }
    }

    fn leave_inlined(&mut self, loc: Loc, state: Inlined) {
        self.u().in_inlined_comp -= 1;
        if let Some((cleanup, end)) = state.cleanup {
            self.pseudo(NO_LOC, POP_BLOCK);
            self.jump(NO_LOC, JUMP_NO_INTERRUPT, end);
            self.bind(cleanup);
            self.op_i(NO_LOC, op::SWAP, 2);
            self.op(NO_LOC, op::POP_TOP);
            self.restore_locals(loc, &state.pushed);
            self.op_i(loc, op::RERAISE, 0);
            self.bind(end);
            self.restore_locals(loc, &state.pushed);
        }
        let scope = self.unit().scope;
        for (n, old) in state.symbols.into_iter().rev() {
            let s = old.unwrap_or(Symbol { flags: 0, place: Where::Unknown });
            self.table.scopes[scope].symbols.set(&n, s);
        }
        for n in state.hidden {
            self.u().hidden.insert(n, false);
        }
    }
}
