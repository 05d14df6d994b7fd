//! Prints the bytecode of files; with `--check`, only compiles and verifies them.

use std::time::Instant;

fn main() {
    let mut check = false;
    let mut failed = 0;
    let mut count = 0;
    let mut total = 0.0;
    for path in std::env::args().skip(1) {
        if path == "--check" {
            check = true;
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let opts = compiler::Options { filename: path.clone(), ..Default::default() };
        let start = Instant::now();
        let result = compiler::compile_source(text, &opts);
        total += start.elapsed().as_secs_f64();
        count += 1;
        match result {
            Err(e) => {
                failed += 1;
                println!("{path}: {:?} {e}", e.kind);
            }
            Ok(code) => {
                if let Err(e) = compiler::dis::verify(&code) {
                    failed += 1;
                    println!("{path}: VERIFY {e}");
                }
                if !check {
                    print!("{}", compiler::dis::disassemble(&code));
                    for w in &code.warnings {
                        println!("{}:{}: {}", w.lineno, w.offset, w.msg);
                    }
                }
            }
        }
    }
    if check {
        println!("{count} files, {failed} failed, {total:.2} s");
    }
}
