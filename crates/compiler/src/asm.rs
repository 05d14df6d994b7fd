//! Slots of locals, and the last step: words, positions, exception table.

use crate::code::{CodeData, ExcEntry, Position, fast};
use crate::codegen::{Unit, UnitKind, position};
use crate::error::{CompileError, ErrorKind, Result};
use crate::flow::{Graph, NONE};
use crate::ir::{self, NO_LOC, Op};
use crate::opcode::{self, op, word};
use crate::symtable::SymbolTable;

/// The layout of `localsplus`.
pub struct Slots {
    /// Names and kinds
    pub list: Vec<(String, u8)>,
    /// Slot of each cell or free variable number
    cell: Vec<u32>,
    nfree: u32,
    /// Slots bound from the start
    pub nargs: usize,
}

impl Slots {
    /// Locals first, then cells that are no locals, then free variables.
    pub fn new(unit: &Unit<'_>, table: &SymbolTable) -> Self {
        let scope = &table.scopes[unit.scope];
        let pos = unit.argcount as usize;
        let kw = unit.kwonlyargcount as usize;
        let nargs = pos + kw + scope.varargs as usize + scope.varkeywords as usize;
        let mut list: Vec<(String, u8)> = Vec::new();
        for (i, n) in unit.varnames.list.iter().enumerate() {
            let mut k = fast::LOCAL;
            if i < nargs {
                k |= if i < unit.posonlyargcount as usize {
                    fast::ARG_POS
                } else if i < pos {
                    fast::ARG_POS | fast::ARG_KW
                } else if i < pos + kw {
                    fast::ARG_KW
                } else if scope.varargs && i == pos + kw {
                    fast::ARG_VAR | fast::ARG_POS
                } else {
                    fast::ARG_VAR | fast::ARG_KW
                };
            }
            if unit.hidden.contains_key(n) {
                k |= fast::HIDDEN;
            }
            let shown =
                if unit.kind == UnitKind::Annotations && &**n == ".format" && unit.name.as_ref() == "__annotate__" {
                    "format"
                } else {
                    n
                };
            list.push((shown.to_string(), k));
        }
        let mut cell = Vec::new();
        for n in &unit.cellvars.list {
            match unit.varnames.get(n) {
                Some(i) => {
                    list[i as usize].1 |= fast::CELL;
                    cell.push(i);
                }
                None => {
                    cell.push(list.len() as u32);
                    list.push((n.to_string(), fast::CELL));
                }
            }
        }
        for n in &unit.freevars.list {
            cell.push(list.len() as u32);
            list.push((n.to_string(), fast::FREE));
        }
        Slots { list, cell, nfree: unit.freevars.list.len() as u32, nargs: nargs.min(unit.varnames.list.len()) }
    }

    /// Replaces numbers of cells by slots.
    pub fn apply(&self, g: &mut Graph) {
        for b in &g.order {
            for i in &mut g.blocks[*b].ins {
                match i.op {
                    ir::LOAD_CLOSURE => {
                        i.arg = self.cell[i.arg as usize];
                        // A cell's slot is bound from the start, which the analyses do not know.
                    }
                    ir::LOAD_SLOT_AND_CLEAR => {
                        i.op = op::LOAD_FAST_AND_CLEAR as Op;
                        i.arg = self.cell[i.arg as usize];
                    }
                    ir::STORE_SLOT => {
                        i.op = ir::STORE_FAST_MAYBE_NULL;
                        i.arg = self.cell[i.arg as usize];
                    }
                    o if o < 256 => match o as u8 {
                        op::LOAD_DEREF
                        | op::STORE_DEREF
                        | op::DELETE_DEREF
                        | op::MAKE_CELL
                        | op::LOAD_FROM_DICT_OR_DEREF => {
                            i.arg = self.cell[i.arg as usize];
                        }
                        _ => {}
                    },
                    _ => {}
                }
            }
        }
    }
}

struct Out {
    words: Vec<u32>,
    positions: Vec<Position>,
    ncaches: u32,
}

impl Out {
    fn push(&mut self, o: u8, arg: u32, p: Position) {
        self.words.push(word(o, arg));
        self.positions.push(p);
        let n = opcode::cache_entries(o);
        if n > 0 {
            self.words.push(self.ncaches);
            self.positions.push(p);
            self.ncaches += n;
        }
    }
}

/// Lays out the words.
pub fn emit(unit: Unit<'_>, g: Graph, slots: Slots, flags: u32, filename: &str) -> Result<CodeData> {
    let mut out = Out { words: Vec::new(), positions: Vec::new(), ncaches: 0 };
    let none = Position::NONE;
    if slots.nfree > 0 {
        out.push(op::COPY_FREE_VARS, slots.nfree, none);
    }
    let mut cells: Vec<u32> = slots.cell[..unit.cellvars.list.len()].to_vec();
    cells.sort_unstable();
    for c in cells {
        out.push(op::MAKE_CELL, c, none);
    }
    let generator =
        flags & (crate::code::co::GENERATOR | crate::code::co::COROUTINE | crate::code::co::ASYNC_GENERATOR) != 0;
    if generator {
        let p = Position { line: unit.firstlineno, end_line: unit.firstlineno, col: -1, end_col: -1 };
        out.push(op::RETURN_GENERATOR, 0, p);
        out.push(op::POP_TOP, 0, p);
    }
    // Constants in use, in their order; the docstring stays first.
    let mut used = vec![false; unit.consts.len()];
    if unit.docstring {
        used[0] = true;
    }
    for b in &g.order {
        for i in &g.blocks[*b].ins {
            if i.op == op::LOAD_CONST as Op {
                used[i.arg as usize] = true;
            }
        }
    }
    let mut remap = vec![0u32; unit.consts.len()];
    let mut consts = Vec::new();
    for (k, c) in unit.consts.into_iter().enumerate() {
        if used[k] {
            remap[k] = consts.len() as u32;
            consts.push(c);
        }
    }
    // First pass: where every block starts. Sizes do not depend on directions except for JUMP.
    let prefix = out.words.len();
    let mut place = vec![u32::MAX; g.blocks.len()];
    let mut index = vec![usize::MAX; g.blocks.len()];
    for (k, b) in g.order.iter().enumerate() {
        index[*b] = k;
    }
    let real = |k: usize, i: &crate::flow::I| -> u8 {
        match i.op {
            ir::JUMP if index[i.target as usize] > k => op::JUMP_FORWARD,
            ir::JUMP => op::JUMP_BACKWARD,
            ir::JUMP_NO_INTERRUPT if index[i.target as usize] > k => op::JUMP_FORWARD,
            ir::JUMP_NO_INTERRUPT => op::JUMP_BACKWARD_NO_INTERRUPT,
            ir::LOAD_CLOSURE => op::LOAD_FAST_BORROW,
            ir::STORE_FAST_MAYBE_NULL => op::STORE_FAST,
            o => o as u8,
        }
    };
    let mut at = prefix as u32;
    for (k, b) in g.order.iter().enumerate() {
        place[*b] = at;
        for i in &g.blocks[*b].ins {
            at += 1 + opcode::has_cache(real(k, i)) as u32;
        }
    }
    let mut table: Vec<ExcEntry> = Vec::new();
    for (k, b) in g.order.iter().enumerate() {
        for i in &g.blocks[*b].ins {
            let o = real(k, i);
            let start = out.words.len() as u32;
            let mut arg = i.arg;
            if o == op::LOAD_CONST {
                arg = remap[arg as usize];
            }
            if i.target != NONE {
                let target = place[i.target as usize];
                let after = start + 1 + opcode::has_cache(o) as u32;
                arg = match opcode::arg_kind(o) {
                    opcode::ArgKind::Backward => after.wrapping_sub(target),
                    _ => target.wrapping_sub(after),
                };
            }
            if arg > opcode::MAX_ARG {
                return Err(CompileError::plain(ErrorKind::Overflow, "code is too large"));
            }
            let loc = if i.loc.lineno < 0 { NO_LOC } else { i.loc };
            out.push(o, arg, position(loc));
            let end = out.words.len() as u32;
            if i.handler != NONE {
                let h = &g.blocks[i.handler as usize];
                let target = place[i.handler as usize];
                let depth = (h.depth - 1 - h.lasti as i32).max(0) as u32;
                match table.last_mut() {
                    Some(e) if e.end == start && e.target == target && e.depth == depth && e.lasti == h.lasti => {
                        e.end = end
                    }
                    _ => table.push(ExcEntry { start, end, target, depth, lasti: h.lasti }),
                }
            }
        }
    }
    Ok(CodeData {
        name: unit.name.to_string(),
        qualname: unit.qualname,
        filename: filename.to_string(),
        argcount: unit.argcount,
        posonlyargcount: unit.posonlyargcount,
        kwonlyargcount: unit.kwonlyargcount,
        flags,
        stacksize: (g.max_depth.max(0) as u32).max(1) + generator as u32,
        firstlineno: unit.firstlineno.max(0) as u32,
        instrs: out.words,
        ncaches: out.ncaches,
        consts,
        names: unit.names.list.iter().map(|n| n.to_string()).collect(),
        localsplus: slots.list,
        exception_table: table,
        positions: out.positions,
        warnings: Vec::new(),
    })
}
