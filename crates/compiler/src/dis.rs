//! Listing and checking of code: for tests and debugging.

use crate::code::{CodeData, Const};
use crate::opcode::{self, ArgKind, arg_of, op, op_of};
use std::fmt::Write;

/// A listing of a code and the ones nested in it.
pub fn disassemble(code: &CodeData) -> String {
    let mut out = String::new();
    one(code, &mut out);
    out
}

fn one(code: &CodeData, out: &mut String) {
    let _ = writeln!(
        out,
        "Code {} args={}/{}/{} flags={:#x} stack={} line={} locals={:?}",
        code.qualname,
        code.argcount,
        code.posonlyargcount,
        code.kwonlyargcount,
        code.flags,
        code.stacksize,
        code.firstlineno,
        code.localsplus
    );
    let mut k = 0;
    let mut line = -2;
    while k < code.instrs.len() {
        let w = code.instrs[k];
        let (o, arg) = (op_of(w), arg_of(w));
        let p = code.positions[k];
        let l = if p.line == line {
            String::new()
        } else if p.line < 0 {
            "--".into()
        } else {
            p.line.to_string()
        };
        line = p.line;
        let cached = opcode::has_cache(o);
        let after = k as u32 + 1 + cached as u32;
        let local = |i: u32| code.localsplus.get(i as usize).map_or("?".to_string(), |x| x.0.clone());
        let detail = match opcode::arg_kind(o) {
            ArgKind::Const => match code.consts.get(arg as usize) {
                Some(c) => crate::const_repr(c),
                None => "?".into(),
            },
            ArgKind::Name => code.names.get(arg as usize).cloned().unwrap_or_default(),
            ArgKind::Name1 => code.names.get(arg as usize >> 1).cloned().unwrap_or_default(),
            ArgKind::Name2 => code.names.get(arg as usize >> 2).cloned().unwrap_or_default(),
            ArgKind::Local => local(arg),
            ArgKind::Local2 => {
                let (a, b) = opcode::unpair(arg);
                format!("{}, {}", local(a), local(b))
            }
            ArgKind::Forward => format!("to {}", after + arg),
            ArgKind::Backward => format!("to {}", after as i64 - arg as i64),
            ArgKind::Binary => opcode::nb::TEXT.get(arg as usize).unwrap_or(&"?").to_string(),
            ArgKind::Compare => ["<", "<=", "==", "!=", ">", ">="].get(arg as usize >> 5).unwrap_or(&"?").to_string(),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "{l:>5} {k:>5} {:<34} {arg:>4} {detail:<24} {}:{}-{}:{}",
            opcode::name(o).unwrap_or("?"),
            p.line,
            p.col,
            p.end_line,
            p.end_col
        );
        k += 1 + cached as usize;
    }
    for e in &code.exception_table {
        let _ = writeln!(
            out,
            "  {}..{} -> {} [{}]{}",
            e.start,
            e.end,
            e.target,
            e.depth,
            if e.lasti { " lasti" } else { "" }
        );
    }
    let _ = writeln!(out);
    for c in &code.consts {
        if let Const::Code(c) = c {
            one(c, out);
        }
    }
}

/// Checks a code and the nested ones: jump targets, argument ranges, agreement of stack depths.
pub fn verify(code: &CodeData) -> Result<(), String> {
    let n = code.instrs.len();
    let fail = |k: usize, what: &str| {
        Err(format!("{}:{} {what} at word {k} of {}", code.filename, code.positions[k].line, code.qualname))
    };
    let mut starts = vec![false; n + 1];
    let mut k = 0;
    let mut caches = 0;
    while k < n {
        starts[k] = true;
        let o = op_of(code.instrs[k]);
        if opcode::name(o).is_none() {
            return fail(k, "unknown opcode");
        }
        if opcode::has_cache(o) {
            if code.instrs.get(k + 1) != Some(&caches) {
                return fail(k, "wrong cache index");
            }
            caches += opcode::cache_entries(o);
            k += 1;
        }
        k += 1;
    }
    if caches != code.ncaches {
        return fail(0, "wrong number of caches");
    }
    if code.positions.len() != n {
        return fail(0, "positions do not match");
    }
    let mut depth = vec![-1i32; n];
    let mut work = vec![(0usize, 0i32)];
    while let Some((at, d)) = work.pop() {
        let (mut k, mut d) = (at, d);
        loop {
            if k >= n {
                return fail(n - 1, "runs off the end");
            }
            if !starts[k] {
                return fail(k, "jump into a cache word");
            }
            if depth[k] >= 0 {
                if depth[k] != d {
                    return fail(k, &format!("depths {} and {d}", depth[k]));
                }
                break;
            }
            depth[k] = d;
            if let Some(e) = code.exception_table.iter().find(|e| (e.start..e.end).contains(&(k as u32))) {
                if (e.depth as i32) > d {
                    return fail(k, &format!("handler depth {} above {d}", e.depth));
                }
                work.push((e.target as usize, e.depth as i32 + 1 + e.lasti as i32));
            }
            let (o, arg) = (op_of(code.instrs[k]), arg_of(code.instrs[k]));
            let after = k + 1 + opcode::has_cache(o) as usize;
            let limit = match opcode::arg_kind(o) {
                ArgKind::Const => code.consts.len(),
                ArgKind::Name => code.names.len(),
                ArgKind::Name1 => code.names.len() << 1,
                ArgKind::Name2 => code.names.len() << 2,
                ArgKind::Local => code.localsplus.len(),
                _ => usize::MAX,
            };
            if arg as usize >= limit {
                return fail(k, "argument out of range");
            }
            let target = match opcode::arg_kind(o) {
                ArgKind::Forward => Some(after + arg as usize),
                ArgKind::Backward => after.checked_sub(arg as usize).or(Some(usize::MAX)),
                _ => None,
            };
            if let Some(t) = target {
                if t >= n {
                    return fail(k, "jump out of the code");
                }
                work.push((t, d + opcode::stack_effect(o, arg, true)));
            }
            if opcode::is_terminator(o) {
                break;
            }
            d += opcode::stack_effect(o, arg, false);
            if d < 0 {
                return fail(k, "stack underflow");
            }
            if d > code.stacksize as i32 {
                return fail(k, &format!("depth {d} above stacksize {}", code.stacksize));
            }
            if o == op::RETURN_GENERATOR && k > 64 {
                return fail(k, "RETURN_GENERATOR not at the start");
            }
            k = after;
        }
    }
    for c in &code.consts {
        if let Const::Code(c) = c {
            verify(c)?;
        }
    }
    Ok(())
}
