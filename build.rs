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
        // What runs at every start lies together: a process maps a quarter of the code (`link/order.py` writes the list).
        let order = std::path::absolute("link/startup.ld").expect("a current folder");
        println!("cargo:rerun-if-changed={}", order.display());
        println!("cargo:rustc-cdylib-link-arg=-Wl,-T,{}", order.display());
        if packs_relocations() {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,pack-relative-relocs");
        }
    }
    stage_library();
}

/// Whether the C library here, and with it those that the result will meet, reads packed relocations (glibc 2.36 and later).
fn packs_relocations() -> bool {
    let version = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let Ok(text) = version.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()) else { return false };
    let mut parts = text.trim().trim_start_matches("glibc ").split('.').map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (2, 36)
}

/// Lays out the build tree as an installation: the standard library and build data around links to what cargo is about to build.
fn stage_library() {
    let source = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by cargo"));
    // OUT_DIR is PROFILE/build/PACKAGE-HASH/out.
    let Some(prefix) = out.ancestors().nth(3) else { return };
    println!("cargo:rerun-if-changed=pkgconfig");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").expect("set by cargo");
    let facts = house::Facts::gather(&source, &arch).expect("the headers of this source tree");
    house::stage(&prefix.join(format!("lib/python{}", house::LDVERSION))).expect("a writable target folder");
    let (library, launcher) = (Path::new("../libfreewheel.so"), Path::new("../freewheel"));
    house::Tree { prefix, source: &source, library, launcher, put: house::Put::Link }
        .lay_out(&facts)
        .expect("a writable target folder");
}
