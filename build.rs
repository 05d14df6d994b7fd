//! Builds the C bodies of the variadic functions and sets how the library is linked.

use std::path::Path;

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
    }
}
