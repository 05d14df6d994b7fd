//! Analyses of local variables: which may be unbound, which outlive the values loaded from them.

use crate::flow::{Graph, I, NONE};
use crate::ir::{self, Op};
use crate::opcode::op;

fn is(i: &I, o: u8) -> bool {
    i.op == o as Op
}

/// LOAD_FAST of a local that may be unbound becomes LOAD_FAST_CHECK.
pub fn check_unbound(g: &mut Graph, nlocals: usize, nargs: usize) {
    if nlocals == 0 {
        return;
    }
    let words = nlocals.div_ceil(64);
    // Per block: locals that may be unbound at its start; None: not reached yet.
    let mut state: Vec<Option<Vec<u64>>> = vec![None; g.blocks.len()];
    let mut start = vec![0u64; words];
    for v in nargs..nlocals {
        start[v / 64] |= 1 << (v % 64);
    }
    let Some(first) = g.order.first().copied() else { return };
    state[first] = Some(start);
    let mut work = vec![first];
    fn flow(state: &mut [Option<Vec<u64>>], work: &mut Vec<usize>, to: usize, s: &[u64]) {
        match &mut state[to] {
            Some(old) => {
                let mut changed = false;
                for (o, n) in old.iter_mut().zip(s) {
                    changed |= *n & !*o != 0;
                    *o |= n;
                }
                if changed {
                    work.push(to);
                }
            }
            none => {
                *none = Some(s.to_vec());
                work.push(to);
            }
        }
    }
    /// Effect of an instruction; whether it loads something that may be unbound.
    fn step(i: &I, s: &mut [u64]) -> bool {
        let v = i.arg as usize;
        let (w, bit) = (v / 64, 1u64 << (v % 64));
        if is(i, op::STORE_FAST) {
            s[w] &= !bit;
        } else if is(i, op::DELETE_FAST) || is(i, op::LOAD_FAST_AND_CLEAR) || i.op == ir::STORE_FAST_MAYBE_NULL {
            if is(i, op::DELETE_FAST) {
                s[w] |= bit;
                return false;
            }
            s[w] |= bit;
        } else if is(i, op::LOAD_FAST) || is(i, op::LOAD_FAST_CHECK) {
            let unsafe_ = s[w] & bit != 0;
            s[w] &= !bit;
            return unsafe_;
        }
        false
    }
    while let Some(b) = work.pop() {
        let mut s = state[b].clone().unwrap_or_else(|| vec![0; words]);
        let n = g.blocks[b].ins.len();
        let mut last_handler = NONE;
        let mut dirty = true;
        for k in 0..n {
            let i = g.blocks[b].ins[k];
            if i.handler != NONE && (dirty || i.handler != last_handler) {
                flow(&mut state, &mut work, i.handler as usize, &s);
                last_handler = i.handler;
                dirty = false;
            }
            let before_unbinds =
                is(&i, op::DELETE_FAST) || is(&i, op::LOAD_FAST_AND_CLEAR) || i.op == ir::STORE_FAST_MAYBE_NULL;
            step(&i, &mut s);
            dirty |= before_unbinds;
            if i.target != NONE {
                flow(&mut state, &mut work, i.target as usize, &s);
            }
        }
        if dirty && last_handler != NONE {
            flow(&mut state, &mut work, last_handler as usize, &s);
        }
        if let Some(next) = g.blocks[b].next {
            flow(&mut state, &mut work, next, &s);
        }
    }
    for b in g.order.clone() {
        let Some(mut s) = state[b].clone() else { continue };
        for i in &mut g.blocks[b].ins {
            // A closure's cell is there from the start.
            if step(i, &mut s) && is(i, op::LOAD_FAST) {
                i.op = op::LOAD_FAST_CHECK as Op;
            }
        }
    }
}

/// LOAD_FAST becomes LOAD_FAST_BORROW when its value is consumed in the same block, before the local changes, and not by
/// being stored into a local.
pub fn borrow(g: &mut Graph) {
    const OTHER: u32 = u32::MAX;
    for b in g.order.clone() {
        let block = &mut g.blocks[b];
        let n = block.ins.len();
        // Instruction that loaded each stack entry, or OTHER.
        let mut stack: Vec<u32> = vec![OTHER; block.depth.max(0) as usize];
        let mut keep = vec![false; n];
        for k in 0..n {
            let i = block.ins[k];
            let loads = is(&i, op::LOAD_FAST);
            let kills = |stack: &[u32], keep: &mut [bool], v: u32| {
                for r in stack {
                    if *r != OTHER && block.ins[*r as usize].arg == v {
                        keep[*r as usize] = true;
                    }
                }
            };
            if loads {
                stack.push(k as u32);
                continue;
            }
            match i.op {
                ir::STORE_FAST_MAYBE_NULL => {
                    if let Some(r) = stack.pop()
                        && r != OTHER
                    {
                        keep[r as usize] = true;
                    }
                    kills(&stack, &mut keep, i.arg);
                    continue;
                }
                ir::LOAD_CLOSURE => {
                    stack.push(OTHER);
                    continue;
                }
                o if o > 255 => continue,
                _ => {}
            }
            match i.op as u8 {
                op::STORE_FAST => {
                    if let Some(r) = stack.pop()
                        && r != OTHER
                    {
                        keep[r as usize] = true;
                    }
                    kills(&stack, &mut keep, i.arg);
                }
                op::DELETE_FAST | op::MAKE_CELL => kills(&stack, &mut keep, i.arg),
                op::LOAD_FAST_AND_CLEAR => {
                    kills(&stack, &mut keep, i.arg);
                    stack.push(OTHER);
                }
                op::COPY => {
                    let r = stack.len().checked_sub(i.arg as usize).map_or(OTHER, |p| stack[p]);
                    stack.push(r);
                }
                op::SWAP => {
                    let top = stack.len() - 1;
                    let other = stack.len() - i.arg as usize;
                    stack.swap(top, other);
                }
                // The result may be the operand itself.
                op::GET_ITER
                | op::GET_YIELD_FROM_ITER
                | op::GET_AITER
                | op::FORMAT_SIMPLE
                | op::GET_AWAITABLE
                | op::CONVERT_VALUE => {}
                // These keep their operands.
                op::GET_LEN
                | op::MATCH_KEYS
                | op::MATCH_MAPPING
                | op::MATCH_SEQUENCE
                | op::IMPORT_FROM
                | op::GET_ANEXT
                | op::WITH_EXCEPT_START
                | op::FOR_ITER => stack.push(OTHER),
                op::CHECK_EXC_MATCH => {
                    stack.pop();
                    stack.push(OTHER);
                }
                op::LOAD_ATTR if i.arg & 1 != 0 => {
                    // [callable, self]
                    let r = stack.pop().unwrap_or(OTHER);
                    stack.push(OTHER);
                    stack.push(r);
                }
                op::LOAD_SPECIAL => {
                    let r = stack.pop().unwrap_or(OTHER);
                    stack.push(OTHER);
                    stack.push(r);
                }
                op::LOAD_SUPER_ATTR => {
                    let r = stack.pop().unwrap_or(OTHER);
                    stack.pop();
                    stack.pop();
                    stack.push(OTHER);
                    if i.arg & 1 != 0 {
                        stack.push(r);
                    } else if r != OTHER {
                        keep[r as usize] = true;
                    }
                }
                op::END_SEND | op::SET_FUNCTION_ATTRIBUTE => {
                    let r = stack.pop().unwrap_or(OTHER);
                    stack.pop();
                    stack.push(r);
                }
                op::LIST_APPEND | op::LIST_EXTEND | op::SET_ADD | op::SET_UPDATE | op::DICT_UPDATE | op::DICT_MERGE => {
                    stack.pop();
                }
                op::MAP_ADD => {
                    stack.pop();
                    stack.pop();
                }
                op::CALL_INTRINSIC_2 => {
                    // The result may be either operand.
                    let a = stack.pop().unwrap_or(OTHER);
                    let b = stack.pop().unwrap_or(OTHER);
                    for r in [a, b] {
                        if r != OTHER {
                            keep[r as usize] = true;
                        }
                    }
                    stack.push(OTHER);
                }
                // Whatever is on the stack stays there while others run.
                op::YIELD_VALUE | op::SEND => {
                    for r in &stack {
                        if *r != OTHER {
                            keep[*r as usize] = true;
                        }
                    }
                }
                o => {
                    let popped = pops(o, i.arg);
                    let effect = crate::opcode::stack_effect(o, i.arg, false);
                    let pushed = (effect + popped).max(0) as usize;
                    let len = stack.len().saturating_sub(popped as usize);
                    stack.truncate(len);
                    stack.extend(std::iter::repeat_n(OTHER, pushed));
                }
            }
        }
        for r in stack {
            if r != OTHER {
                keep[r as usize] = true;
            }
        }
        for (i, keep) in block.ins.iter_mut().zip(keep) {
            if is(i, op::LOAD_FAST) && !keep {
                i.op = op::LOAD_FAST_BORROW as Op;
            }
        }
    }
}

/// How many entries an instruction takes (those with special handling above excepted).
fn pops(o: u8, arg: u32) -> i32 {
    let n = arg as i32;
    match o {
        op::BINARY_SLICE => 3,
        op::BUILD_TEMPLATE | op::DELETE_SUBSCR | op::FORMAT_WITH_SPEC | op::CHECK_EG_MATCH => 2,
        op::CALL_FUNCTION_EX => 4,
        op::CLEANUP_THROW => 3,
        op::STORE_SLICE => 4,
        op::STORE_SUBSCR | op::MATCH_CLASS => 3,
        op::BINARY_OP
        | op::COMPARE_OP
        | op::CONTAINS_OP
        | op::IS_OP
        | op::STORE_ATTR
        | op::IMPORT_NAME
        | op::END_ASYNC_FOR => 2,
        op::BUILD_INTERPOLATION => 2 + (n & 1),
        op::BUILD_LIST | op::BUILD_SET | op::BUILD_STRING | op::BUILD_TUPLE | op::BUILD_SLICE => n,
        op::BUILD_MAP => 2 * n,
        op::CALL => n + 2,
        op::CALL_KW => n + 3,
        op::RAISE_VARARGS => n,
        op::NOP
        | op::RESUME
        | op::COPY_FREE_VARS
        | op::SETUP_ANNOTATIONS
        | op::DELETE_DEREF
        | op::DELETE_GLOBAL
        | op::DELETE_NAME
        | op::PUSH_NULL
        | op::LOAD_BUILD_CLASS
        | op::LOAD_LOCALS
        | op::LOAD_CONST
        | op::LOAD_SMALL_INT
        | op::LOAD_COMMON_CONSTANT
        | op::LOAD_DEREF
        | op::LOAD_FAST_CHECK
        | op::LOAD_GLOBAL
        | op::LOAD_NAME
        | op::JUMP_BACKWARD
        | op::JUMP_BACKWARD_NO_INTERRUPT
        | op::JUMP_FORWARD
        | op::RETURN_GENERATOR => 0,
        _ => 1,
    }
}
