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
    let version = format!("{} {} 2", from.display(), env!("CARGO_PKG_VERSION"));
    if std::fs::read_to_string(&stamp).is_ok_and(|s| s == version) {
        return;
    }
    copy_tree(from, &to);
    std::fs::create_dir_all(to.join("lib-dynload")).expect("a writable target folder");
    write_build_data(&to, profile);
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

/// The variables that `sysconfig` reads, for the build tree: the headers are the source tree's, the library is beside the launcher.
fn write_build_data(stdlib: &Path, prefix: &Path) {
    let source = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_else(|_| "x86_64".into());
    let multiarch = format!("{arch}-linux-gnu");
    let include = source.join("include").display().to_string();
    let prefix = prefix.display().to_string();
    let vars: Vec<(&str, String)> = vec![
        ("ABIFLAGS", "'t'".into()),
        ("AR", "'ar'".into()),
        ("ARFLAGS", "'rcs'".into()),
        ("BINDIR", format!("{prefix:?}")),
        ("BLDSHARED", "'cc -shared'".into()),
        ("CC", "'cc'".into()),
        ("CCSHARED", "'-fPIC'".into()),
        ("CFLAGS", "'-fno-strict-overflow -Wsign-compare -DNDEBUG -O2 -Wall'".into()),
        ("CONFIGINCLUDEPY", format!("{include:?}")),
        ("CONFIG_ARGS", "\"'--enable-shared' '--disable-gil'\"".into()),
        ("CXX", "'c++'".into()),
        ("EXE", "''".into()),
        ("EXT_SUFFIX", format!("'.cpython-314t-{multiarch}.so'")),
        ("HAVE_FORK", "1".into()),
        ("INCLUDEDIR", format!("{include:?}")),
        ("INCLUDEPY", format!("{include:?}")),
        ("INSTSONAME", "'libpython3.14t.so.1.0'".into()),
        ("LDFLAGS", "''".into()),
        ("LDLIBRARY", "'libpython3.14t.so'".into()),
        ("LDSHARED", "'cc -shared'".into()),
        ("LDVERSION", "'3.14t'".into()),
        ("LIBDIR", format!("{prefix:?}")),
        ("LIBPL", format!("{prefix:?}")),
        ("LIBS", "'-ldl -lm'".into()),
        ("LIBRARY", "'libpython3.14t.so'".into()),
        ("LINKFORSHARED", "'-Xlinker -export-dynamic'".into()),
        ("MACHDEP", "'linux'".into()),
        ("MULTIARCH", format!("{multiarch:?}")),
        ("OPT", "'-DNDEBUG -O2 -Wall'".into()),
        ("PY_CFLAGS", "'-fno-strict-overflow -Wsign-compare -DNDEBUG -O2 -Wall'".into()),
        ("Py_DEBUG", "0".into()),
        ("Py_ENABLE_SHARED", "1".into()),
        ("Py_GIL_DISABLED", "1".into()),
        ("SHLIB_SUFFIX", "'.so'".into()),
        ("SOABI", format!("'cpython-314t-{multiarch}'")),
        ("SIZEOF_VOID_P", "8".into()),
        ("TZPATH", "'/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo'".into()),
        ("VERSION", "'3.14'".into()),
        ("exec_prefix", format!("{prefix:?}")),
        ("prefix", format!("{prefix:?}")),
    ];
    let mut text = String::from("# Generated by the build.\nbuild_time_vars = {\n");
    for (k, v) in vars {
        text.push_str(&format!("    {k:?}: {v},\n"));
    }
    text.push_str("}\n");
    std::fs::write(stdlib.join(format!("_sysconfigdata_t_linux_{multiarch}.py")), text)
        .expect("a writable target folder");
}
