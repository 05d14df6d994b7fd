//! A unit's instructions → code: control flow graph, clean-up, analyses of locals, layout.
//!
//! Order of the passes matters:
//! 1. blocks are cut; a walk from the entry finds what is reachable, the depth of the stack everywhere (and that all
//!    paths agree about it) and the handler of every instruction; SETUP_* and POP_BLOCK become NOPs;
//! 2. instructions without a line get one, copies of small exits make lines exact;
//! 3. jumps are threaded, peepholes applied, NOPs that carry no line of their own dropped;
//! 4. locals: LOAD_FAST_CHECK where a local may be unbound, LOAD_FAST_BORROW where the local outlives the value,
//!    then pairs of instructions;
//! 5. handlers move to the end, jumps get their direction, `asm` lays out the words.

use crate::ast::Loc;
use crate::code::CodeData;
use crate::codegen::Unit;
use crate::error::{CompileError, ErrorKind, Result};
use crate::ir::{self, NO_LABEL, Op};
use crate::opcode::{op, pair};
use crate::symtable::SymbolTable;

/// Number of a block.
pub type BlockId = usize;

/// No block.
pub const NONE: u32 = u32::MAX;

/// An instruction of a block.
#[derive(Clone, Copy, Debug)]
pub struct I {
    pub op: Op,
    pub arg: u32,
    /// Block jumped to
    pub target: u32,
    /// Block that handles its exceptions
    pub handler: u32,
    pub loc: Loc,
}

impl I {
    fn is(&self, o: u8) -> bool {
        self.op == o as Op
    }
    fn nop(&mut self) {
        self.op = op::NOP as Op;
        self.arg = 0;
        self.target = NONE;
    }
    fn line(&self) -> i32 {
        self.loc.lineno
    }
}

/// A straight run of instructions.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub ins: Vec<I>,
    /// Block that follows when the last instruction does not jump away
    pub next: Option<BlockId>,
    pub reachable: bool,
    /// Depth at the start; -1: unknown
    pub depth: i32,
    /// Entered by an exception
    pub is_handler: bool,
    /// The handler wants the offset
    pub lasti: bool,
    pub cold: bool,
}

impl Block {
    fn falls_through(&self) -> bool {
        self.ins.last().is_none_or(|i| !ir::ends_flow(i.op))
    }
    fn exits(&self) -> bool {
        self.ins.last().is_some_and(|i| i.is(op::RETURN_VALUE) || i.is(op::RAISE_VARARGS) || i.is(op::RERAISE))
    }
}

/// The graph of a unit.
pub struct Graph {
    pub blocks: Vec<Block>,
    /// Layout
    pub order: Vec<BlockId>,
    pub max_depth: i32,
}

fn bug(unit: &Unit, what: &str) -> CompileError {
    CompileError::plain(ErrorKind::System, format!("compiler: {what} in {} (line {})", unit.qualname, unit.firstlineno))
}

/// Optimises and assembles a unit.
pub fn assemble(unit: Unit<'_>, flags: u32, filename: &str, table: &SymbolTable) -> Result<CodeData> {
    let mut g = build(&unit)?;
    walk(&mut g, &unit)?;
    g.order.retain(|b| g.blocks[*b].reachable);
    relink(&mut g);
    // A jump to a jump to an exit needs several rounds.
    for _ in 0..8 {
        if !inline_exits(&mut g) {
            break;
        }
    }
    prune(&mut g);
    lines(&mut g);
    thread(&mut g);
    for b in g.order.clone() {
        peephole(&mut g.blocks[b].ins);
    }
    expand_pseudo(&mut g);
    drop_nops(&mut g);
    inline_exits(&mut g);
    prune(&mut g);
    thread(&mut g);
    prune(&mut g);
    to_fallthrough(&mut g);
    merge(&mut g);
    drop_nops(&mut g);
    mark_cold(&mut g);
    let slots = crate::asm::Slots::new(&unit, table);
    slots.apply(&mut g);
    let nargs = slots.nargs;
    crate::locals::check_unbound(&mut g, slots.list.len(), nargs);
    crate::locals::borrow(&mut g);
    pairs(&mut g);
    drop_nops(&mut g);
    layout(&mut g);
    crate::asm::emit(unit, g, slots, flags, filename)
}

/// Cuts the instructions into blocks.
fn build(unit: &Unit) -> Result<Graph> {
    let mut blocks = vec![Block { depth: -1, ..Block::default() }];
    let mut label_block = vec![NONE; unit.labels as usize];
    let mut fresh = true;
    for i in &unit.code {
        if i.op == ir::LABEL {
            if !fresh {
                blocks.push(Block { depth: -1, ..Block::default() });
                fresh = true;
            }
            label_block[i.arg as usize] = blocks.len() as u32 - 1;
            continue;
        }
        let cut = ir::is_jump(i.op) || ir::ends_flow(i.op);
        let last = blocks.len() - 1;
        blocks[last].ins.push(I { op: i.op, arg: i.arg, target: i.target, handler: NONE, loc: i.loc });
        fresh = false;
        if cut {
            blocks.push(Block { depth: -1, ..Block::default() });
            fresh = true;
        }
    }
    let n = blocks.len();
    for (id, b) in blocks.iter_mut().enumerate() {
        for i in &mut b.ins {
            if i.target != NO_LABEL {
                i.target = label_block[i.target as usize];
                if i.target == NONE {
                    return Err(bug(unit, "unbound label"));
                }
            }
        }
        if b.falls_through() && id + 1 < n {
            b.next = Some(id + 1);
        }
    }
    Ok(Graph { order: (0..n).collect(), blocks, max_depth: 0 })
}

/// Finds what is reachable, depths and handlers.
fn walk(g: &mut Graph, unit: &Unit) -> Result<()> {
    // Stacks of handlers, shared tails: (handler, parent, depth of the stack of handlers).
    let mut stacks: Vec<(u32, usize, u32)> = vec![(NONE, 0, 0)];
    let mut work: Vec<(BlockId, i32, usize)> = vec![(0, 0, 0)];
    g.blocks[0].depth = 0;
    g.blocks[0].reachable = true;
    let mut seen_stack = vec![0usize; g.blocks.len()];
    let mut max = 0;
    while let Some((id, depth, stack)) = work.pop() {
        let mut depth = depth;
        let mut stack = stack;
        let mut yield_depth = 0;
        let mut visit = |blocks: &mut Vec<Block>, to: BlockId, d: i32, s: usize, work: &mut Vec<_>| -> Result<()> {
            let b = &mut blocks[to];
            if b.depth < 0 {
                b.depth = d;
                b.reachable = true;
                seen_stack[to] = s;
                work.push((to, d, s));
            } else if b.depth != d {
                return Err(bug(unit, &format!("stack depths {} and {d} at block {to}", b.depth)));
            }
            Ok(())
        };
        let mut pos = 0;
        while pos < g.blocks[id].ins.len() {
            let mut i = g.blocks[id].ins[pos];
            i.handler = stacks[stack].0;
            if ir::is_setup(i.op) {
                let target = i.target as usize;
                let d = depth + ir::effect(i.op, i.arg, true);
                max = max.max(d);
                let lasti = i.op != ir::SETUP_FINALLY;
                visit(&mut g.blocks, target, d, stack, &mut work)?;
                g.blocks[target].is_handler = true;
                g.blocks[target].lasti = lasti;
                stacks.push((target as u32, stack, stacks[stack].2 + 1));
                stack = stacks.len() - 1;
                i.nop();
                // The NOP belongs to the code before.
                i.handler = stacks[stacks[stack].1].0;
            } else if i.op == ir::POP_BLOCK {
                if stack == 0 {
                    return Err(bug(unit, "POP_BLOCK without a block"));
                }
                stack = stacks[stack].1;
                i.nop();
                i.handler = stacks[stack].0;
            } else {
                if ir::is_jump(i.op) {
                    let d = depth + ir::effect(i.op, i.arg, true);
                    max = max.max(d);
                    visit(&mut g.blocks, i.target as usize, d, stack, &mut work)?;
                }
                if i.is(op::YIELD_VALUE) {
                    yield_depth = stacks[stack].2;
                }
                if i.is(op::RESUME) && i.arg != 0 && yield_depth == 1 {
                    i.arg |= 4;
                }
                if matches!(i.op, ir::JUMP_IF_FALSE | ir::JUMP_IF_TRUE) {
                    max = max.max(depth + 1);
                }
                depth += ir::effect(i.op, i.arg, false);
                if depth < 0 {
                    return Err(bug(unit, &format!("stack underflow at {:?}", crate::opcode::name(i.op as u8))));
                }
                max = max.max(depth);
            }
            g.blocks[id].ins[pos] = i;
            pos += 1;
        }
        match g.blocks[id].next {
            Some(n) => visit(&mut g.blocks, n, depth, stack, &mut work)?,
            None if g.blocks[id].falls_through() => return Err(bug(unit, "control runs off the end")),
            None => {}
        }
    }
    g.max_depth = max;
    Ok(())
}

/// Lets `next` and jumps skip empty blocks, and drops those.
fn relink(g: &mut Graph) {
    let resolve = |blocks: &[Block], mut b: BlockId| {
        while blocks[b].ins.is_empty() {
            match blocks[b].next {
                Some(n) => b = n,
                None => break,
            }
        }
        b
    };
    for k in 0..g.order.len() {
        let b = g.order[k];
        if let Some(n) = g.blocks[b].next {
            g.blocks[b].next = Some(resolve(&g.blocks, n));
        }
        let count = g.blocks[b].ins.len();
        for j in 0..count {
            let i = g.blocks[b].ins[j];
            if i.target != NONE {
                g.blocks[b].ins[j].target = resolve(&g.blocks, i.target as usize) as u32;
            }
            if i.handler != NONE {
                let h = resolve(&g.blocks, i.handler as usize);
                if h != i.handler as usize {
                    let (l, d) = (g.blocks[i.handler as usize].lasti, g.blocks[i.handler as usize].depth);
                    g.blocks[h].is_handler = true;
                    g.blocks[h].lasti = l;
                    g.blocks[h].depth = d;
                    g.blocks[b].ins[j].handler = h as u32;
                }
            }
        }
    }
    let entry = resolve(&g.blocks, 0);
    let blocks = &g.blocks;
    g.order.retain(|b| !blocks[*b].ins.is_empty());
    if let Some(p) = g.order.iter().position(|b| *b == entry) {
        let e = g.order.remove(p);
        g.order.insert(0, e);
    }
}

/// Forgets blocks that nothing leads to any more.
fn prune(g: &mut Graph) {
    relink(g);
    for b in &mut g.blocks {
        b.reachable = false;
    }
    let Some(first) = g.order.first().copied() else { return };
    let mut work = vec![first];
    g.blocks[first].reachable = true;
    while let Some(b) = work.pop() {
        let mut to: Vec<usize> = g.blocks[b].next.into_iter().collect();
        for i in &g.blocks[b].ins {
            to.extend([i.target, i.handler].iter().filter(|t| **t != NONE).map(|t| *t as usize));
        }
        for t in to {
            if !g.blocks[t].reachable {
                g.blocks[t].reachable = true;
                work.push(t);
            }
        }
    }
    let blocks = &g.blocks;
    g.order.retain(|b| blocks[*b].reachable);
}

fn predecessors(g: &Graph) -> Vec<u32> {
    let mut n = vec![0; g.blocks.len()];
    if let Some(f) = g.order.first() {
        n[*f] += 1;
    }
    for b in &g.order {
        let b = &g.blocks[*b];
        if let Some(x) = b.next {
            n[x] += 1;
        }
        for i in &b.ins {
            if i.target != NONE {
                n[i.target as usize] += 1;
            }
        }
    }
    for b in &g.order {
        if g.blocks[*b].is_handler {
            n[*b] += 1;
        }
    }
    n
}

/// Appends blocks to the one block that leads to them.
fn merge(g: &mut Graph) {
    relink(g);
    let preds = predecessors(g);
    let mut gone = vec![false; g.blocks.len()];
    for k in 0..g.order.len() {
        let b = g.order[k];
        if gone[b] {
            continue;
        }
        while let Some(n) = g.blocks[b].next {
            let jumps = g.blocks[b].ins.last().is_some_and(|i| i.target != NONE);
            if jumps || preds[n] != 1 || g.blocks[n].is_handler || n == b {
                break;
            }
            let mut moved = std::mem::take(&mut g.blocks[n]);
            g.blocks[b].ins.append(&mut moved.ins);
            g.blocks[b].next = moved.next;
            gone[n] = true;
        }
    }
    g.order.retain(|b| !gone[*b]);
}

/// A jump to a block that only it leads to is no jump: that block moves behind it (handlers keep their place).
fn to_fallthrough(g: &mut Graph) {
    let preds = predecessors(g);
    for k in 0..g.order.len() {
        let b = g.order[k];
        let Some(last) = g.blocks[b].ins.last().copied() else { continue };
        if last.op != ir::JUMP && last.op != ir::JUMP_NO_INTERRUPT {
            continue;
        }
        let t = last.target as usize;
        if g.order.get(k + 1) == Some(&t) && preds[t] == 1 && !g.blocks[t].is_handler {
            let n = g.blocks[b].ins.len() - 1;
            g.blocks[b].ins[n].nop();
            g.blocks[b].next = Some(t);
        }
    }
}

/// Copies small blocks that leave the function to the jumps that lead to them.
fn inline_exits(g: &mut Graph) -> bool {
    let mut changed = false;
    for k in 0..g.order.len() {
        let b = g.order[k];
        let Some(last) = g.blocks[b].ins.last().copied() else { continue };
        if last.op != ir::JUMP && last.op != ir::JUMP_NO_INTERRUPT {
            continue;
        }
        let t = last.target as usize;
        if t == b || !g.blocks[t].exits() || g.blocks[t].is_handler {
            continue;
        }
        let small = g.blocks[t].ins.len() <= 4;
        let no_line = g.blocks[t].ins.iter().all(|i| i.line() < 0);
        if !small && !no_line {
            continue;
        }
        changed = true;
        let copy = g.blocks[t].ins.clone();
        let at = g.blocks[b].ins.len() - 1;
        g.blocks[b].ins[at].nop();
        g.blocks[b].ins.extend(copy);
        if last.line() >= 0 && no_line {
            let loc = last.loc;
            for i in &mut g.blocks[b].ins[at + 1..] {
                if i.line() < 0 {
                    i.loc = loc;
                }
            }
        }
    }
    changed
}

/// A small block without a line that leaves the function or jumps (back): each way to it may have its own copy.
fn lineless_exit(b: &Block) -> bool {
    let jumps = b.ins.last().is_some_and(|i| i.op == ir::JUMP) && b.ins.len() <= 4;
    (b.exits() || jumps) && !b.is_handler && b.ins.iter().all(|i| i.line() < 0)
}

/// Gives every instruction a line that can have one.
fn lines(g: &mut Graph) {
    // Exits without a line are copied for each way that leads to them.
    let preds = predecessors(g);
    let mut extra: Vec<(usize, BlockId)> = Vec::new();
    let mut left = preds.clone();
    for k in 0..g.order.len() {
        let b = g.order[k];
        let Some(last) = g.blocks[b].ins.last().copied() else { continue };
        if last.target == NONE {
            continue;
        }
        let t = last.target as usize;
        let block = &g.blocks[t];
        if lineless_exit(block) && left[t] > 1 {
            let mut copy = block.clone();
            for i in &mut copy.ins {
                i.loc = last.loc;
            }
            left[t] -= 1;
            let id = g.blocks.len();
            g.blocks.push(copy);
            left.push(1);
            let n = g.blocks[b].ins.len();
            g.blocks[b].ins[n - 1].target = id as u32;
            extra.push((t, id));
        }
    }
    if !extra.is_empty() {
        // Every copy goes behind its original.
        let mut copies: rustc_hash::FxHashMap<usize, Vec<BlockId>> = rustc_hash::FxHashMap::default();
        for (t, id) in extra {
            copies.entry(t).or_default().push(id);
        }
        let old = std::mem::take(&mut g.order);
        for b in old {
            g.order.push(b);
            g.order.extend(copies.remove(&b).unwrap_or_default());
        }
    }
    // What falls through to such a block lends it its line.
    for k in 0..g.order.len() {
        let b = g.order[k];
        if let Some(n) = g.blocks[b].next
            && lineless_exit(&g.blocks[n])
            && let Some(last) = g.blocks[b].ins.last().copied()
            && last.line() >= 0
        {
            g.blocks[n].ins[0].loc = last.loc;
        }
    }
    let preds = predecessors(g);
    for k in 0..g.order.len() {
        let b = g.order[k];
        let mut prev: Option<Loc> = None;
        for i in &mut g.blocks[b].ins {
            match prev {
                Some(l) if i.line() < 0 => i.loc = l,
                _ if i.line() >= 0 => prev = Some(i.loc),
                _ => {}
            }
        }
        let Some(l) = prev else { continue };
        let give = |g: &mut Graph, to: BlockId| {
            if preds[to] == 1
                && let Some(f) = g.blocks[to].ins.first_mut()
                && f.line() < 0
            {
                f.loc = l;
            }
        };
        if let Some(n) = g.blocks[b].next {
            give(g, n);
        }
        let t = g.blocks[b].ins.last().map_or(NONE, |i| i.target);
        if t != NONE {
            give(g, t as usize);
        }
    }
}

/// Lets jumps to jumps go straight to where those lead.
fn thread(g: &mut Graph) {
    for k in 0..g.order.len() {
        let b = g.order[k];
        for _ in 0..16 {
            let Some(last) = g.blocks[b].ins.last().copied() else { break };
            if last.target == NONE {
                break;
            }
            let t = last.target as usize;
            let Some(to) =
                g.blocks[t].ins.iter().find(|i| !i.is(op::NOP) || i.line() >= 0 && i.line() != last.line()).copied()
            else {
                break;
            };
            let same_line = to.line() < 0 || to.line() == last.line();
            if to.target == NONE || to.target as usize == t {
                break;
            }
            let n = g.blocks[b].ins.len() - 1;
            let last_mut = &mut g.blocks[b].ins[n];
            let changed = match (last.op, to.op) {
                (o, ir::JUMP) if o != op::FOR_ITER as Op && o != op::SEND as Op && same_line => {
                    if o == ir::JUMP_NO_INTERRUPT {
                        last_mut.op = ir::JUMP;
                    }
                    last_mut.target = to.target;
                    true
                }
                (ir::JUMP | ir::JUMP_NO_INTERRUPT, ir::JUMP_NO_INTERRUPT) if same_line => {
                    last_mut.target = to.target;
                    true
                }
                // a and b or c: false goes past the `or` test of the same value
                (x @ (ir::JUMP_IF_FALSE | ir::JUMP_IF_TRUE), y) if x == y => {
                    last_mut.target = to.target;
                    true
                }
                (ir::JUMP_IF_FALSE, ir::JUMP_IF_TRUE) | (ir::JUMP_IF_TRUE, ir::JUMP_IF_FALSE) => match g.blocks[t].next
                {
                    // The second test fails for sure: go on after it.
                    Some(after) => {
                        g.blocks[b].ins[n].target = after as u32;
                        true
                    }
                    None => false,
                },
                _ => false,
            };
            if !changed {
                break;
            }
        }
    }
}

/// Local rewrites.
fn peephole(ins: &mut [I]) {
    let n = ins.len();
    for k in 0..n {
        let i = ins[k];
        let Some(next) = ins.get(k + 1).copied() else { break };
        let gives_bool = i.is(op::IS_OP) || i.is(op::CONTAINS_OP) || i.is(op::UNARY_NOT) || i.is(op::TO_BOOL);
        if next.is(op::TO_BOOL) {
            if i.is(op::COMPARE_OP) {
                ins[k + 1] = I { op: op::COMPARE_OP as Op, arg: i.arg | 16, loc: i.loc, ..next };
                ins[k].nop();
            } else if gives_bool {
                ins[k + 1] = I { loc: i.loc, ..i };
                ins[k].nop();
            }
        } else if i.is(op::LOAD_GLOBAL) && next.is(op::PUSH_NULL) {
            ins[k].arg |= 1;
            ins[k + 1].nop();
        } else if (i.is(op::LOAD_CONST) || i.is(op::LOAD_SMALL_INT) || i.is(op::COPY) && i.arg == 1)
            && next.is(op::POP_TOP)
        {
            ins[k].nop();
            ins[k + 1].nop();
        } else if i.is(op::BUILD_TUPLE) && next.is(op::UNPACK_SEQUENCE) && i.arg == next.arg {
            match i.arg {
                1 => {
                    ins[k].nop();
                    ins[k + 1].nop();
                }
                2 | 3 => {
                    ins[k].nop();
                    ins[k + 1].op = op::SWAP as Op;
                }
                _ => {}
            }
        }
    }
    // SWAP before stores: exchange the stores instead.
    for k in 0..n {
        if !ins[k].is(op::SWAP) {
            continue;
        }
        let count = ins[k].arg as usize;
        if count < 2 || k + count >= n {
            continue;
        }
        let line = ins[k + 1].line();
        let storing = |i: &I| i.is(op::STORE_FAST) || i.is(op::POP_TOP) || i.op == ir::STORE_FAST_MAYBE_NULL;
        let run = &ins[k + 1..=k + count];
        if !run.iter().all(|i| storing(i) && (i.line() == line || i.line() < 0)) {
            continue;
        }
        let (a, b) = (run[0], run[count - 1]);
        let touches = |i: &I| if i.is(op::POP_TOP) { None } else { Some(i.arg) };
        let clash = |x: &I, y: &I| touches(x).is_some() && touches(x) == touches(y);
        if run.iter().enumerate().any(|(p, i)| (p != 0 && clash(&a, i)) || (p != count - 1 && clash(&b, i))) {
            continue;
        }
        ins.swap(k + 1, k + count);
        ins[k].nop();
    }
}

/// JUMP_IF_* become real instructions.
fn expand_pseudo(g: &mut Graph) {
    for b in &g.order {
        let block = &mut g.blocks[*b];
        let Some(last) = block.ins.last().copied() else { continue };
        let o = match last.op {
            ir::JUMP_IF_FALSE => op::POP_JUMP_IF_FALSE,
            ir::JUMP_IF_TRUE => op::POP_JUMP_IF_TRUE,
            _ => continue,
        };
        block.ins.pop();
        block.ins.push(I { op: op::COPY as Op, arg: 1, target: NONE, ..last });
        block.ins.push(I { op: op::TO_BOOL as Op, arg: 0, target: NONE, ..last });
        block.ins.push(I { op: o as Op, ..last });
    }
}

/// Drops NOPs that carry no line of their own, and jumps to what comes next anyway.
fn drop_nops(g: &mut Graph) {
    for k in 0..g.order.len() {
        let b = g.order[k];
        // Line of what follows this block.
        let next_line = {
            let mut n = g.blocks[b].next;
            let mut line = -1;
            while let Some(x) = n {
                match g.blocks[x].ins.iter().find(|i| i.line() >= 0) {
                    Some(i) => {
                        line = i.line();
                        break;
                    }
                    None if g.blocks[x].ins.is_empty() => n = g.blocks[x].next,
                    None => break,
                }
            }
            line
        };
        let ins = std::mem::take(&mut g.blocks[b].ins);
        let mut out: Vec<I> = Vec::with_capacity(ins.len());
        let mut prev_line = -1;
        let n = ins.len();
        let mut pending: Option<Loc> = None;
        for j in 0..n {
            let mut i = ins[j];
            if let Some(l) = pending.take()
                && i.line() < 0
            {
                i.loc = l;
            }
            if i.is(op::NOP) {
                if i.line() < 0 || i.line() == prev_line {
                    continue;
                }
                // Look ahead for the first instruction that is no empty NOP.
                let next = ins[j + 1..].iter().find(|x| !(x.is(op::NOP) && x.line() < 0));
                match next {
                    Some(x) if x.line() == i.line() => continue,
                    Some(x) if x.line() < 0 => {
                        pending = Some(i.loc);
                        continue;
                    }
                    Some(_) => {}
                    None if next_line == i.line() => continue,
                    None => {}
                }
            }
            if i.line() >= 0 {
                prev_line = i.line();
            }
            out.push(i);
        }
        g.blocks[b].ins = out;
    }
    relink(g);
}

/// Handlers and what only they lead to are cold.
fn mark_cold(g: &mut Graph) {
    let Some(first) = g.order.first().copied() else { return };
    let mut warm = vec![false; g.blocks.len()];
    let mut work = vec![first];
    warm[first] = true;
    while let Some(b) = work.pop() {
        let mut to: Vec<usize> = g.blocks[b].next.into_iter().collect();
        to.extend(g.blocks[b].ins.iter().filter(|i| i.target != NONE).map(|i| i.target as usize));
        for t in to {
            if !warm[t] {
                warm[t] = true;
                work.push(t);
            }
        }
    }
    for b in &g.order {
        g.blocks[*b].cold = !warm[*b];
    }
}

/// Joins pairs of instructions that often follow each other.
fn pairs(g: &mut Graph) {
    for b in &g.order {
        let ins = &mut g.blocks[*b].ins;
        let mut k = 0;
        while k + 1 < ins.len() {
            let (i, j) = (ins[k], ins[k + 1]);
            let joined =
                if i.arg < 4096 && j.arg < 4096 && (j.line() < 0 || i.line() == j.line()) && i.handler == j.handler {
                    let two = |a: u8, b: u8| i.is(a) && j.is(b);
                    if two(op::LOAD_FAST, op::LOAD_FAST) {
                        Some(op::LOAD_FAST_LOAD_FAST)
                    } else if two(op::LOAD_FAST_BORROW, op::LOAD_FAST_BORROW) {
                        Some(op::LOAD_FAST_BORROW_LOAD_FAST_BORROW)
                    } else if two(op::STORE_FAST, op::LOAD_FAST) {
                        Some(op::STORE_FAST_LOAD_FAST)
                    } else if two(op::STORE_FAST, op::STORE_FAST) {
                        Some(op::STORE_FAST_STORE_FAST)
                    } else {
                        None
                    }
                } else {
                    None
                };
            if let Some(o) = joined {
                ins[k].op = o as Op;
                ins[k].arg = pair(i.arg, j.arg);
                ins.remove(k + 1);
            }
            k += 1;
        }
    }
}

/// Final order and explicit jumps.
fn layout(g: &mut Graph) {
    let (warm, cold): (Vec<_>, Vec<_>) = g.order.iter().partition(|b| !g.blocks[**b].cold);
    g.order = warm;
    g.order.extend::<Vec<usize>>(cold);
    // Make every fall-through real.
    let mut out = Vec::with_capacity(g.order.len());
    for k in 0..g.order.len() {
        let b = g.order[k];
        out.push(b);
        let following = g.order.get(k + 1).copied();
        // A jump to the next block is no jump.
        if let Some(last) = g.blocks[b].ins.last().copied()
            && (last.op == ir::JUMP || last.op == ir::JUMP_NO_INTERRUPT)
            && Some(last.target as usize) == following
        {
            let n = g.blocks[b].ins.len();
            let next_line = g.blocks[last.target as usize].ins.first().map_or(-1, |i| i.line());
            let prev_line = if n >= 2 { g.blocks[b].ins[n - 2].line() } else { -1 };
            if last.line() < 0 || last.line() == next_line || last.line() == prev_line {
                g.blocks[b].ins.pop();
            } else {
                g.blocks[b].ins[n - 1].nop();
            }
            g.blocks[b].next = Some(last.target as usize);
        }
        if let Some(next) = g.blocks[b].next
            && Some(next) != following
        {
            let cold = g.blocks[b].cold;
            let (handler, loc) = match g.blocks[b].ins.last() {
                Some(i) => (i.handler, i.loc),
                None => (NONE, ir::NO_LOC),
            };
            let jump = I {
                op: if cold { ir::JUMP_NO_INTERRUPT } else { ir::JUMP },
                arg: 0,
                target: next as u32,
                handler,
                loc,
            };
            g.blocks[b].next = None;
            let conditional = g.blocks[b].ins.last().is_some_and(|i| i.target != NONE);
            if conditional {
                let depth = g.blocks[next].depth;
                g.blocks.push(Block { ins: vec![jump], depth, reachable: true, cold, ..Block::default() });
                let id = g.blocks.len() - 1;
                g.blocks[b].next = Some(id);
                out.push(id);
            } else {
                g.blocks[b].ins.push(jump);
            }
        }
    }
    g.order = out;
    // Conditional jumps only go forward: turn the others round.
    let mut place = vec![0; g.blocks.len()];
    for (p, b) in g.order.iter().enumerate() {
        place[*b] = p;
    }
    let mut out = Vec::with_capacity(g.order.len());
    for k in 0..g.order.len() {
        let b = g.order[k];
        out.push(b);
        let Some(last) = g.blocks[b].ins.last().copied() else { continue };
        if last.target == NONE || place[last.target as usize] > k {
            continue;
        }
        let turned = match last.op as u8 {
            _ if last.op > 255 => continue,
            op::POP_JUMP_IF_FALSE => op::POP_JUMP_IF_TRUE,
            op::POP_JUMP_IF_TRUE => op::POP_JUMP_IF_FALSE,
            op::POP_JUMP_IF_NONE => op::POP_JUMP_IF_NOT_NONE,
            op::POP_JUMP_IF_NOT_NONE => op::POP_JUMP_IF_NONE,
            _ => continue,
        };
        let Some(next) = g.blocks[b].next else { continue };
        let jump = I { op: ir::JUMP, arg: 0, target: last.target, handler: last.handler, loc: last.loc };
        let cold = g.blocks[b].cold;
        g.blocks.push(Block { ins: vec![jump], depth: 0, reachable: true, cold, ..Block::default() });
        let id = g.blocks.len() - 1;
        let n = g.blocks[b].ins.len() - 1;
        g.blocks[b].ins[n].op = turned as Op;
        g.blocks[b].ins[n].target = next as u32;
        g.blocks[b].next = Some(id);
        out.push(id);
    }
    g.order = out;
}
