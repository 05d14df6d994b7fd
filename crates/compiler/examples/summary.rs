//! Prints one line per code object of files, to compare with another compiler.

use compiler::code::fast;
use compiler::{CodeData, Const};

fn one(c: &CodeData, out: &mut Vec<String>) {
    let pick = |f: u8| c.localsplus.iter().filter(|l| l.1 & f != 0).map(|l| l.0.as_str()).collect::<Vec<_>>().join(",");
    let vars =
        c.localsplus.iter().filter(|l| l.1 & fast::LOCAL != 0).map(|l| l.0.as_str()).collect::<Vec<_>>().join(",");
    let mut names = c.names.clone();
    names.sort();
    let mut lines: Vec<i32> = c.positions.iter().map(|p| p.line).filter(|l| *l >= 0).collect();
    lines.sort();
    lines.dedup();
    let mut pos: Vec<String> = Vec::new();
    let mut k = 0;
    while k < c.instrs.len() {
        let o = compiler::opcode::op_of(c.instrs[k]);
        let n = compiler::opcode::name(o).unwrap_or("?");
        if [
            "CALL",
            "CALL_KW",
            "LOAD_ATTR",
            "BINARY_OP",
            "STORE_ATTR",
            "COMPARE_OP",
            "RAISE_VARARGS",
            "STORE_SUBSCR",
            "LOAD_GLOBAL",
            "IMPORT_NAME",
            "RETURN_VALUE",
        ]
        .contains(&n)
        {
            let p = c.positions[k];
            pos.push(format!("{n}@{}:{}-{}:{}", p.line, p.col, p.end_line, p.end_col));
        }
        k += 1 + compiler::opcode::has_cache(o) as usize;
    }
    pos.sort();
    pos.dedup();
    out.push(format!(
        "{}|{}|{},{},{}|{:#x}|v={}|c={}|f={}|n={}|L={:?}|P={}",
        c.qualname,
        c.firstlineno,
        c.argcount,
        c.posonlyargcount,
        c.kwonlyargcount,
        c.flags,
        vars,
        pick(fast::CELL),
        pick(fast::FREE),
        names.join(","),
        lines,
        pos.join(" ")
    ));
    for k in &c.consts {
        if let Const::Code(k) = k {
            one(k, out);
        }
    }
}

fn main() {
    for path in std::env::args().skip(1) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let opts = compiler::Options { filename: path.clone(), ..Default::default() };
        if let Ok(c) = compiler::compile_source(text, &opts) {
            let mut out = Vec::new();
            one(&c, &mut out);
            out.sort();
            println!("FILE {path}");
            for l in out {
                println!("{l}");
            }
        }
    }
}
