//! `frame.f_lineno = n`: a debugger moves a suspended frame to another line.
//!
//! A jump is allowed where the evaluation stack of the target can be made from the present one by popping. So the stack
//! of every instruction is worked out first, as a sequence of kinds, by following all paths through the code.

use super::frame::InterpFrame;
use super::monitoring::event as ev;
use crate::objects::{Code, Frame};
use crate::prelude::*;
use compiler::opcode::{self as o, op};

/// What a stack entry is, as far as jumping cares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Object,
    Null,
    Iterator,
    Except,
    Lasti,
}

type Stack = Vec<Kind>;

/// The stack before each instruction; None where no path leads.
fn stacks(code: &Code) -> Vec<Option<Stack>> {
    let words = code.original_words();
    let mut at: Vec<Option<Stack>> = vec![None; words.len() + 2];
    let mut work: Vec<(usize, Stack)> = vec![(0, Stack::new())];
    loop {
        while let Some((mut i, mut s)) = work.pop() {
            while i < words.len() && at[i].is_none() {
                at[i] = Some(s.clone());
                let (opcode, arg) = (o::op_of(words[i]), o::arg_of(words[i]));
                let next = i + 1 + o::has_cache(opcode) as usize;
                step(opcode, arg, &mut s);
                if o::is_jump(opcode) {
                    let target = match o::arg_kind(opcode) {
                        o::ArgKind::Backward => next.wrapping_sub(arg as usize),
                        _ => next + arg as usize,
                    };
                    // FOR_ITER's target sees the iterator and what a generator returned
                    work.push((target, s.clone()));
                    if opcode == op::FOR_ITER {
                        let mut t = s.clone();
                        t.pop();
                        work.push((target + 1, t));
                    }
                }
                if o::is_terminator(opcode) {
                    break;
                }
                i = next;
            }
        }
        // Handlers whose covered instructions are known by now
        for e in &code.extra().exception_table {
            if at[e.target as usize].is_some() {
                continue;
            }
            if let Some(Some(s)) = at[e.start as usize..e.end as usize].iter().find(|s| s.is_some()) {
                let mut s = s.clone();
                s.truncate(e.depth as usize);
                if e.lasti {
                    s.push(Kind::Lasti);
                }
                s.push(Kind::Except);
                work.push((e.target as usize, s));
            }
        }
        if work.is_empty() {
            return at;
        }
    }
}

fn step(opcode: u8, arg: u32, s: &mut Stack) {
    let n = arg as usize;
    match opcode {
        op::GET_ITER | op::GET_AITER => {
            s.pop();
            s.push(Kind::Iterator);
        }
        op::PUSH_EXC_INFO => s.push(Kind::Except),
        op::PUSH_NULL => s.push(Kind::Null),
        op::LOAD_FAST_AND_CLEAR => s.push(Kind::Object),
        op::LOAD_GLOBAL => {
            s.push(Kind::Object);
            if arg & 1 != 0 {
                s.push(Kind::Null);
            }
        }
        op::LOAD_ATTR if arg & 1 != 0 => {
            s.pop();
            s.extend([Kind::Object, Kind::Null]);
        }
        op::COPY => {
            let k = s.len().checked_sub(n).and_then(|i| s.get(i)).copied().unwrap_or(Kind::Object);
            s.push(k);
        }
        op::SWAP => {
            if let Some(b) = s.len().checked_sub(n) {
                let a = s.len() - 1;
                s.swap(a, b);
            }
        }
        _ => {
            // What an instruction leaves is plain objects, except that it may look at entries without changing them
            let d = o::stack_effect(opcode, arg, false);
            if d < 0 {
                s.truncate(s.len().saturating_sub(d.unsigned_abs() as usize));
                if matches!(opcode, op::CALL | op::CALL_KW | op::CALL_FUNCTION_EX | op::LOAD_SUPER_ATTR) {
                    s.pop();
                    s.push(Kind::Object);
                }
            } else {
                s.extend((0..d).map(|_| Kind::Object));
            }
        }
    }
}

/// Whether the target's stack can be had by popping.
fn compatible(from: &Stack, to: &Stack) -> bool {
    from.len() >= to.len()
        && to.iter().zip(from).all(|(t, f)| {
            t == f || (*t == Kind::Object && *f == Kind::Iterator) || (*t == Kind::Null && *f == Kind::Object)
        })
}

/// Why a jump to a place with this stack is refused.
fn explain(to: Option<&Stack>) -> &'static str {
    let Some(to) = to else { return "can't jump into an exception handler, or code may be unreachable" };
    match to.last() {
        Some(Kind::Except) => "can't jump into an 'except' block as there's no exception",
        Some(Kind::Lasti) => "can't jump into a re-raising block as there's no location",
        Some(Kind::Iterator) => "can't jump into the body of a for loop",
        _ => "incompatible stacks",
    }
}

/// Sets `f_lineno`.
pub fn set_lineno(f: &Frame, line: i64) -> PyResult<()> {
    let ts = ThreadState::current();
    let a = ts.abi();
    if a.tracing == 0 {
        return Err(raise!(ValueError, "f_lineno can only be set in a trace function"));
    }
    match a.what_event as u32 {
        ev::PY_START => return Err(raise!(ValueError, "can't jump from the 'call' trace event of a new frame")),
        ev::CALL | ev::C_RETURN => return Err(raise!(ValueError, "can't jump during a call")),
        ev::PY_YIELD
        | ev::LINE
        | ev::INSTRUCTION
        | ev::JUMP
        | ev::BRANCH
        | ev::BRANCH_LEFT
        | ev::BRANCH_RIGHT
        | ev::STOP_ITERATION
        | ev::PY_RESUME => {}
        _ => return Err(raise!(ValueError, "can only jump from a 'line' trace event")),
    }
    let code = f.code();
    if line > i64::from(i32::MAX) || line < i64::from(i32::MIN) {
        return Err(raise!(OverflowError, "Python int too large to convert to C int"));
    }
    if line < code.firstlineno() as i64 {
        return Err(raise!(ValueError, "line {} comes before the current code block", line));
    }
    let positions = code.extra().positions.to_vec();
    let starts = |i: usize| {
        let l = positions[i].line;
        (l >= 0 && (i == 0 || positions[i - 1].line != l)).then_some(l as i64)
    };
    // The nearest line at or after the wanted one that has code
    let Some(wanted) = (0..positions.len()).filter_map(starts).filter(|l| *l >= line).min() else {
        return Err(raise!(ValueError, "line {} comes after the current code block", line));
    };
    let all = stacks(code);
    // SAFETY: the frame is suspended in the hook.
    let here = unsafe { (*f.raw()).lasti().max(0) as usize };
    let empty = Stack::new();
    let start = all.get(here).and_then(Option::as_ref).unwrap_or(&empty);
    let mut best: Option<(usize, &Stack)> = None;
    let mut why = "cannot find bytecode for specified line";
    for i in (0..positions.len()).filter(|i| starts(*i) == Some(wanted)) {
        match &all[i] {
            Some(s) if compatible(start, s) => {
                if best.is_none_or(|(_, b)| s.len() > b.len()) {
                    best = Some((i, s));
                }
            }
            s => {
                if best.is_none() {
                    why = explain(s.as_ref());
                }
            }
        }
    }
    let Some((target, stack)) = best else { return Err(raise!(ValueError, "{}", why)) };
    bind_unbound(f)?;
    // SAFETY: the frame is suspended in the hook; its stack has the depth of `start`, and each entry is popped as its
    // kind asks.
    unsafe {
        let frame = f.raw();
        for k in start[stack.len()..].iter().rev() {
            let base = InterpFrame::stack_base(frame);
            if (*frame).sp <= base {
                break;
            }
            (*frame).sp = (*frame).sp.sub(1);
            let s = *(*frame).sp;
            if *k == Kind::Except {
                // What was being handled before
                let info = ts.abi().exc_info;
                let new = if s.is_obj(none()) { core::ptr::null_mut() } else { s.into_ref()?.into_ptr() };
                let old = core::mem::replace(&mut (*info).exc_value, new);
                drop(PyRef::from_ptr_opt(old));
            } else {
                s.drop();
            }
        }
        (*frame).pc = code.instrs.add(target + 1);
    }
    Ok(())
}

/// A jump may lead past the first assignment of a local: those that are unbound become None, with a warning.
fn bind_unbound(f: &Frame) -> PyResult<()> {
    use compiler::code::fast;
    let code = f.code();
    // SAFETY: the frame is suspended in the hook; locals are always below its stack.
    let unbound: Vec<usize> = (0..code.nlocalsplus())
        .filter(|i| code.kind(*i) & fast::LOCAL != 0 && code.kind(*i) & (fast::HIDDEN | fast::CELL) == 0)
        .filter(|i| unsafe { (*InterpFrame::localsplus(f.raw()).add(*i)).is_null() })
        .collect();
    if unbound.is_empty() {
        return Ok(());
    }
    let n = unbound.len();
    let text = format!("assigning None to {n} unbound local{}", if n == 1 { "" } else { "s" });
    crate::error::warn(exc::RuntimeWarning(), &text, 0)?;
    for i in unbound {
        f.set_local(i, none())?;
    }
    Ok(())
}
