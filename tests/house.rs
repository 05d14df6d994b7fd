//! The examples, built and run as the interpreter of the build tree says; and an environment of it.

use std::path::Path;
use std::process::{Command, Output};

fn interpreter() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_freewheel"))
}

fn check(o: &Output) {
    assert!(
        o.status.success(),
        "{:?}\n{}\n{}",
        o.status,
        String::from_utf8_lossy(&o.stdout),
        String::from_utf8_lossy(&o.stderr)
    );
}

#[test]
fn examples_work_as_sysconfig_and_pkg_config_say() {
    let o = Command::new(interpreter())
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("ext-examples/try.py"))
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .output()
        .expect("the interpreter starts");
    check(&o);
    assert_eq!(String::from_utf8_lossy(&o.stdout), "modules ok\nhost.c ok\nhost.cpp ok\n");
}

#[test]
fn environments_have_pip() {
    let dir = std::env::temp_dir().join(format!("freewheel-venv-{}", std::process::id()));
    let o =
        Command::new(interpreter()).args(["-m", "venv"]).arg(&dir).env_remove("PYTHONHOME").output().expect("starts");
    check(&o);
    let o = Command::new(dir.join("bin/python")).args(["-m", "pip", "--version"]).output().expect("starts");
    check(&o);
    assert!(String::from_utf8_lossy(&o.stdout).contains("/lib/python3.14t/site-packages/pip"), "{o:?}");
    let _ = std::fs::remove_dir_all(&dir);
}
