//! Runs every program of `tests/programs` with the built interpreter: it must exit with 0 and print what `NAME.expected` holds
//! (or, where there is no such file, its last line must be `ok`).

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

fn interpreter() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_freewheel"))
}

/// Runs a program with a time limit: exit status (`None`: killed by a signal or the limit), standard output, standard error.
fn run(program: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(interpreter());
    // SAFETY: `signal` may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // A shell's background jobs ignore the signal, and the interpreter would leave it so; programs here test it.
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        })
    };
    let mut child = command
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("PYTHONPATH")
        .env_remove("PYTHONHOME")
        .spawn()
        .expect("the interpreter starts");
    let read = |mut s: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut v = Vec::new();
            let _ = s.read_to_end(&mut v);
            String::from_utf8_lossy(&v).into_owned()
        })
    };
    let out = read(Box::new(child.stdout.take().expect("piped")));
    let err = read(Box::new(child.stderr.take().expect("piped")));
    let start = Instant::now();
    let status = loop {
        if let Some(s) = child.try_wait().expect("a child of ours") {
            break s.code();
        }
        if start.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    (status, out.join().expect("reader"), err.join().expect("reader"))
}

#[test]
fn programs_print_what_is_expected() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut programs: Vec<PathBuf> = std::fs::read_dir(&dir)
        .expect("tests/programs")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "py"))
        .collect();
    programs.sort();
    assert!(!programs.is_empty());
    let mut failed = Vec::new();
    for p in &programs {
        let (status, out, err) = run(p);
        let expected = std::fs::read_to_string(p.with_extension("expected")).ok();
        let good = status == Some(0)
            && match &expected {
                Some(e) => out == *e,
                None => out.lines().last() == Some("ok"),
            };
        if !good {
            failed.push(format!("{}: status {status:?}\n--- output\n{out}\n--- errors\n{err}", p.display()));
        }
    }
    assert!(failed.is_empty(), "{} of {} programs failed:\n{}", failed.len(), programs.len(), failed.join("\n"));
}
