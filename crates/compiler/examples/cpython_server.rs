//! Compiles sources for a CPython 3.14 process, which runs the result: a check of our code generation by theirs.
//!
//! On stdin: a line `mode flags optimize filename_len source_len`, then both texts. On stdout: a line `O len` and a
//! marshalled code object in CPython's own encoding, or `E len` and `kind \x01 msg \x01 positions \x01 text`; then
//! a line `W len` and the warnings.

use compiler::opcode::{self, ArgKind, arg_of, op, op_of};
use compiler::{CodeData, Const, Mode, Options, Position};
use std::io::{Read, Write};

/// CPython's number of cache words.
fn caches(o: u8) -> usize {
    match o {
        op::TO_BOOL => 3,
        op::BINARY_OP => 5,
        op::STORE_SUBSCR
        | op::SEND
        | op::UNPACK_SEQUENCE
        | op::COMPARE_OP
        | op::CONTAINS_OP
        | op::FOR_ITER
        | op::JUMP_BACKWARD => 1,
        op::LOAD_GLOBAL | op::STORE_ATTR => 4,
        op::LOAD_SUPER_ATTR => 1,
        op::LOAD_ATTR => 9,
        op::CALL | op::CALL_KW => 3,
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::POP_JUMP_IF_NONE | op::POP_JUMP_IF_NOT_NONE => 1,
        _ => 0,
    }
}

struct Ins {
    op: u8,
    arg: u32,
    target: Option<usize>,
    pos: Position,
    old: usize,
}

fn convert(c: &CodeData) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let mut ins = Vec::new();
    let mut k = 0;
    while k < c.instrs.len() {
        let (o, arg) = (op_of(c.instrs[k]), arg_of(c.instrs[k]));
        let after = k + 1 + opcode::has_cache(o) as usize;
        let target = match opcode::arg_kind(o) {
            ArgKind::Forward => Some(after + arg as usize),
            ArgKind::Backward => Some(after - arg as usize),
            _ => None,
        };
        let pos = c.positions[k];
        if opcode::arg_kind(o) == ArgKind::Local2 {
            let (a, b) = opcode::unpair(arg);
            let (x, y) = match o {
                op::LOAD_FAST_LOAD_FAST => (op::LOAD_FAST, op::LOAD_FAST),
                op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => (op::LOAD_FAST_BORROW, op::LOAD_FAST_BORROW),
                op::STORE_FAST_LOAD_FAST => (op::STORE_FAST, op::LOAD_FAST),
                _ => (op::STORE_FAST, op::STORE_FAST),
            };
            ins.push(Ins { op: x, arg: a, target: None, pos, old: k });
            ins.push(Ins { op: y, arg: b, target: None, pos, old: usize::MAX });
        } else {
            ins.push(Ins { op: o, arg, target, pos, old: k });
        }
        k = after;
    }
    let mut place = vec![0usize; c.instrs.len() + 1];
    let mut size = vec![1usize; ins.len()];
    loop {
        let mut at = 0;
        for (i, s) in ins.iter().zip(&size) {
            if i.old != usize::MAX {
                place[i.old] = at;
            }
            at += s + caches(i.op);
        }
        place[c.instrs.len()] = at;
        let mut changed = false;
        let mut at = 0;
        for (i, s) in ins.iter_mut().zip(size.iter_mut()) {
            let after = at + *s + caches(i.op);
            if let Some(t) = i.target {
                i.arg = (place[t] as i64 - after as i64).unsigned_abs() as u32;
            }
            let need = match i.arg {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                0x1_0000..=0xff_ffff => 3,
                _ => 4,
            };
            if need > *s {
                *s = need;
                changed = true;
            }
            at = after;
        }
        if !changed {
            break;
        }
    }
    let mut code = Vec::new();
    let mut table = Vec::new();
    let mut line = c.firstlineno as i32;
    for (i, s) in ins.iter().zip(&size) {
        for n in (1..*s).rev() {
            code.extend([69, (i.arg >> (8 * n)) as u8]);
        }
        code.extend([i.op, i.arg as u8]);
        for _ in 0..caches(i.op) {
            code.extend([0, 0]);
        }
        let mut units = s + caches(i.op);
        while units > 0 {
            let n = units.min(8);
            units -= n;
            let p = i.pos;
            if p.line < 0 {
                table.push(0x80 | 15 << 3 | (n as u8 - 1));
                continue;
            }
            table.push(0x80 | 14 << 3 | (n as u8 - 1));
            let d = p.line - line;
            line = p.line;
            let sv = if d < 0 { ((-d) as u32) << 1 | 1 } else { (d as u32) << 1 };
            varint(&mut table, sv);
            varint(&mut table, (p.end_line - p.line).max(0) as u32);
            varint(&mut table, (p.col + 1).max(0) as u32);
            varint(&mut table, (p.end_col + 1).max(0) as u32);
        }
    }
    let mut exc = Vec::new();
    for e in &c.exception_table {
        let start = place[e.start as usize];
        let end = place[e.end as usize];
        let mut first = exc.len();
        for v in [start as u32, (end - start) as u32, place[e.target as usize] as u32, e.depth << 1 | e.lasti as u32] {
            let n = (0..5).rev().find(|n| v >> (6 * n) != 0).unwrap_or(0);
            for j in (0..=n).rev() {
                exc.push((v >> (6 * j) & 0x3f) as u8 | if j > 0 { 0x40 } else { 0 });
            }
            if first != usize::MAX {
                exc[first] |= 0x80;
                first = usize::MAX;
            }
        }
    }
    (code, table, exc)
}

fn varint(out: &mut Vec<u8>, mut v: u32) {
    while v >= 64 {
        out.push(0x40 | (v & 0x3f) as u8);
        v >>= 6;
    }
    out.push(v as u8);
}

fn long(out: &mut Vec<u8>, v: u32) {
    out.extend(v.to_le_bytes());
}

fn text(out: &mut Vec<u8>, s: &[u8]) {
    out.push(b'u');
    long(out, s.len() as u32);
    out.extend(s);
}

fn bytes(out: &mut Vec<u8>, s: &[u8]) {
    out.push(b's');
    long(out, s.len() as u32);
    out.extend(s);
}

fn marshal(out: &mut Vec<u8>, c: &Const) {
    match c {
        Const::None => out.push(b'N'),
        Const::True => out.push(b'T'),
        Const::False => out.push(b'F'),
        Const::Ellipsis => out.push(b'.'),
        Const::Int(v) => big(out, &(*v).into()),
        Const::BigInt(v) => big(out, v),
        Const::Float(f) => {
            out.push(b'g');
            out.extend(f.to_le_bytes());
        }
        Const::Complex(a, b) => {
            out.push(b'y');
            out.extend(a.to_le_bytes());
            out.extend(b.to_le_bytes());
        }
        Const::Str(s) => text(out, s.as_bytes()),
        Const::Bytes(b) => bytes(out, b),
        Const::Tuple(t) | Const::FrozenSet(t) => {
            out.push(if matches!(c, Const::Tuple(_)) { b'(' } else { b'>' });
            long(out, t.len() as u32);
            t.iter().for_each(|x| marshal(out, x));
        }
        Const::Slice(s) => {
            out.push(b':');
            s.iter().for_each(|x| marshal(out, x));
        }
        Const::Code(c) => code(out, c),
    }
}

fn big(out: &mut Vec<u8>, v: &num_bigint::BigInt) {
    let (sign, mut digits) = (v.sign(), Vec::new());
    let mut m = v.magnitude().clone();
    while m != 0u32.into() {
        digits.push((&m % 32768u32).to_u32_digits().first().copied().unwrap_or(0) as u16);
        m >>= 15;
    }
    out.push(b'l');
    let n = digits.len() as i32;
    out.extend((if sign == num_bigint::Sign::Minus { -n } else { n }).to_le_bytes());
    digits.iter().for_each(|d| out.extend(d.to_le_bytes()));
}

fn code(out: &mut Vec<u8>, c: &CodeData) {
    let (words, table, exc) = convert(c);
    out.push(b'c');
    for v in [c.argcount, c.posonlyargcount, c.kwonlyargcount, c.stacksize + 1, c.flags] {
        long(out, v);
    }
    bytes(out, &words);
    out.push(b'(');
    long(out, c.consts.len() as u32);
    c.consts.iter().for_each(|x| marshal(out, x));
    out.push(b'(');
    long(out, c.names.len() as u32);
    c.names.iter().for_each(|x| text(out, x.as_bytes()));
    out.push(b'(');
    long(out, c.localsplus.len() as u32);
    c.localsplus.iter().for_each(|x| text(out, x.0.as_bytes()));
    bytes(out, &c.localsplus.iter().map(|x| x.1).collect::<Vec<_>>());
    text(out, c.filename.as_bytes());
    text(out, c.name.as_bytes());
    text(out, c.qualname.as_bytes());
    long(out, c.firstlineno);
    bytes(out, &table);
    bytes(out, &exc);
}

fn main() {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    loop {
        let mut head = Vec::new();
        let mut b = [0];
        loop {
            if input.read(&mut b).unwrap_or(0) == 0 {
                return;
            }
            if b[0] == b'\n' {
                break;
            }
            head.push(b[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let f: Vec<&str> = head.split(' ').collect();
        let num = |i: usize| f[i].parse::<usize>().unwrap_or(0);
        let mut name = vec![0; num(3)];
        input.read_exact(&mut name).expect("filename");
        let mut source = vec![0; num(4)];
        input.read_exact(&mut source).expect("source");
        let flags = num(1) as u32;
        let opts = Options {
            filename: String::from_utf8_lossy(&name).into_owned(),
            mode: match f[0] {
                "eval" => Mode::Eval,
                "single" => Mode::Single,
                _ => Mode::Exec,
            },
            optimize: num(2) as u8,
            future_flags: flags,
            dont_imply_dedent: flags & 0x200 != 0,
            allow_incomplete: flags & 0x4000 != 0,
            allow_top_level_await: flags & 0x2000 != 0,
            ..Options::default()
        };
        let (tag, body, warnings) = match compiler::compile_source(&String::from_utf8_lossy(&source), &opts) {
            Ok(c) => {
                let mut out = Vec::new();
                code(&mut out, &c);
                ("O", out, c.warnings)
            }
            Err(e) => {
                let s = format!(
                    "{:?}\x01{}\x01{},{},{},{}\x01{}",
                    e.kind,
                    e.msg,
                    e.lineno,
                    e.offset,
                    e.end_lineno,
                    e.end_offset,
                    e.text.unwrap_or_default()
                );
                ("E", s.into_bytes(), e.warnings)
            }
        };
        let w: String = warnings.iter().map(|w| format!("{}\x02{}\x01", w.lineno, w.msg)).collect();
        let _ = write!(output, "{tag} {}\n", body.len());
        let _ = output.write_all(&body);
        let _ = write!(output, "W {}\n{w}", w.len());
        let _ = output.flush();
    }
}
