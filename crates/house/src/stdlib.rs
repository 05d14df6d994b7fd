//! Staging the pure-Python standard library: copied from the package `rustpython-pylib`, with what was changed there for
//! another runtime put right, and without the files that only that runtime needs.

use std::io;
use std::path::Path;

/// One place that is put right while copying: file, text that is there, text that belongs there. A text that is not found fails
/// the build: a newer package needs another look.
const EDITS: &[(&str, &str, &str)] = &[
    // The names of folders follow from the implementation's name, which is part of the platform's contract.
    ("sysconfig/__init__.py", "    return 'RustPython'", "    return 'Python'"),
    ("site.py", "    return 'RustPython'", "    return 'Python'"),
    ("site.py", "/lib/rustpython{version[0]}", "/lib/python{version[0]}"),
];

/// Files and folders of the package that are not part of the library.
const LEFT_OUT: &[&str] =
    &["_dummy_os.py", "_dummy_thread.py", "dummy_threading.py", "_pycodecs.py", "README.md", "__pycache__", "test"];

/// Our own files that replace or complete the package's: name below the library's folder, text.
const OWN: &[(&str, &str)] = &[("cProfile.py", include_str!("../lib/cProfile.py"))];

/// Copies the library to `to` unless `to` holds this version of it already; `true` when it was copied.
pub fn stage(to: &Path) -> io::Result<bool> {
    let from = Path::new(rustpython_pylib::LIB_PATH);
    let stamp = to.join(".staged");
    let version = format!("{} {} {:016x}\n", from.display(), env!("CARGO_PKG_VERSION"), fingerprint());
    if std::fs::read_to_string(&stamp).is_ok_and(|s| s == version) {
        return Ok(false);
    }
    copy_tree(from, to)?;
    for (file, there, belongs) in EDITS {
        let path = to.join(file);
        let text = std::fs::read_to_string(&path)?;
        if !text.contains(there) {
            return Err(io::Error::other(format!(
                "{file} of the standard library's package no longer holds {there:?}"
            )));
        }
        std::fs::write(&path, text.replacen(there, belongs, 1))?;
    }
    for (file, text) in OWN {
        std::fs::write(to.join(file), text)?;
    }
    for dir in ["lib-dynload", "site-packages"] {
        std::fs::create_dir_all(to.join(dir))?;
    }
    std::fs::write(&stamp, version)?;
    Ok(true)
}

/// Changes whenever the tables above do (FNV-1a).
fn fingerprint() -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |s: &str| {
        for b in s.bytes().chain([0]) {
            h = (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (a, b, c) in EDITS {
        eat(a);
        eat(b);
        eat(c);
    }
    for (a, b) in OWN {
        eat(a);
        eat(b);
    }
    LEFT_OUT.iter().for_each(|s| eat(s));
    h
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if LEFT_OUT.iter().any(|n| entry.file_name() == *n) {
            continue;
        }
        let (src, dst) = (entry.path(), to.join(entry.file_name()));
        if src.is_dir() {
            copy_tree(&src, &dst)?;
        } else {
            // The package's files may be read-only; ours are not, so that a later staging can replace them.
            let _ = std::fs::remove_file(&dst);
            std::fs::write(&dst, std::fs::read(&src)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edits_apply_to_the_package() {
        for (file, there, _) in EDITS {
            let text = std::fs::read_to_string(Path::new(rustpython_pylib::LIB_PATH).join(file)).expect(file);
            assert!(text.contains(there), "{file}: {there:?}");
        }
    }
}
