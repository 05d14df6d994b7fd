//! Builds the C bodies of the variadic functions and sets how the library is linked.

use std::path::{Path, PathBuf};

fn main() {
    let shims = Path::new("src/capi_variadic");
    let mut build = cc::Build::new();
    build.include("include").include(shims).std("c11").warnings(true).flag_if_supported("-fno-semantic-interposition");
    for entry in std::fs::read_dir(shims).expect("the shims are part of the source") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|e| e == "c") {
            build.file(&path);
        }
        println!("cargo:rerun-if-changed={}", path.display());
    }
    println!("cargo:rerun-if-changed=include");
    println!("cargo:rerun-if-changed={}", shims.display());
    build.compile("freewheel_shims");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libpython3.14t.so.1.0");
        // Functions are bound on first use, as in CPython's library: start-up does not pay for two thousand exports.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,lazy");
    }
    stage_library();
}

/// Lays the pure-Python standard library beside the library that is being built, where the launcher looks for it.
fn stage_library() {
    let from = Path::new(rustpython_pylib::LIB_PATH);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by cargo"));
    // OUT_DIR is PROFILE/build/PACKAGE-HASH/out.
    let Some(profile) = out.ancestors().nth(3) else { return };
    let to = profile.join("lib/python3.14t");
    let stamp = to.join(".staged");
    let version = format!("{} {}", from.display(), env!("CARGO_PKG_VERSION"));
    if std::fs::read_to_string(&stamp).is_ok_and(|s| s == version) {
        return;
    }
    copy_tree(from, &to);
    std::fs::create_dir_all(to.join("lib-dynload")).expect("a writable target folder");
    std::fs::write(&stamp, version).expect("a writable target folder");
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a writable target folder");
    for entry in std::fs::read_dir(from).expect("the standard library's package") {
        let entry = entry.expect("a readable folder");
        let (src, dst) = (entry.path(), to.join(entry.file_name()));
        if src.is_dir() {
            if entry.file_name() != "__pycache__" {
                copy_tree(&src, &dst);
            }
        } else {
            std::fs::copy(&src, &dst).expect("a writable target folder");
        }
    }
}
