//! Compiles many sources and prints the error of each: `mode \x01 flags \x01 source \x00 ...` from a file.

use compiler::{Mode, Options};

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let data = std::fs::read_to_string(path).expect("readable");
    for case in data.split('\0') {
        let mut parts = case.splitn(3, '\x01');
        let mode = match parts.next() {
            Some("eval") => Mode::Eval,
            Some("single") => Mode::Single,
            Some("func_type") => Mode::FuncType,
            _ => Mode::Exec,
        };
        let flags = parts.next().and_then(|f| f.parse().ok()).unwrap_or(0);
        let source = parts.next().unwrap_or("");
        let opts = Options { filename: "<test>".into(), mode, future_flags: flags, ..Options::default() };
        match compiler::compile_source(source, &opts) {
            Ok(_) => println!("OK"),
            Err(e) => println!(
                "{:?}\x01{}\x01{},{},{},{}\x01{:?}",
                e.kind,
                e.msg.replace('\n', "\\n"),
                e.lineno,
                e.offset,
                e.end_lineno,
                e.end_offset,
                e.text
            ),
        }
    }
}
