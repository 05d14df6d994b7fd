//! The one description of the build: what `sysconfig.get_config_vars()` answers, and what every file for build tools is
//! written from. The platform's facts come from `include/pyconfig.h`, the version from `include/patchlevel.h`.

use super::{LDLIBRARY, LDVERSION, PROGRAM, SONAME, VERSION};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Start of the folder that holds the `Makefile`; the multiarch name follows.
pub const MULTIARCH_DIR_PREFIX: &str = "config-3.14t-";

/// Stands for the prefix in a value; writers put in how their file finds it.
pub(crate) const PREFIX: &str = "\u{1}";

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    /// Text, in which `PREFIX` stands for the tree's prefix.
    Text(String),
}

/// What is known about the build.
pub struct Facts {
    /// `x86_64-linux-gnu`
    pub multiarch: String,
    /// (major, minor, micro, level, serial)
    pub version: (u32, u32, u32, &'static str, u32),
    /// Every variable, sorted by name.
    pub vars: BTreeMap<String, Value>,
}

/// `#define NAME VALUE` and `/* #undef NAME */` of a generated header, by the rules of `sysconfig.parse_config_h`.
fn defines(text: &str) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#define ") {
            let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
            if name.contains('(') {
                continue;
            }
            let value = value.trim();
            let v = value.parse().map_or_else(|_| Value::Text(value.to_string()), Value::Int);
            out.insert(name.to_string(), v);
        } else if let Some(name) = line.strip_prefix("/* #undef ").and_then(|r| r.strip_suffix(" */")) {
            out.insert(name.to_string(), Value::Int(0));
        }
    }
    out
}

impl Facts {
    /// Reads the headers below `source` and puts the description together for an architecture (`x86_64`).
    pub fn gather(source: &Path, arch: &str) -> io::Result<Facts> {
        let read = |name: &str| std::fs::read_to_string(source.join("include").join(name)).map(|t| defines(&t));
        let patch = read("patchlevel.h")?;
        let number = |n: &str| match patch.get(n) {
            Some(Value::Int(i)) => u32::try_from(*i).map_err(io::Error::other),
            _ => Err(io::Error::other(format!("patchlevel.h does not define {n}"))),
        };
        let level = match number("PY_RELEASE_LEVEL")? {
            10 => "alpha",
            11 => "beta",
            12 => "candidate",
            _ => "final",
        };
        let version = (
            number("PY_MAJOR_VERSION")?,
            number("PY_MINOR_VERSION")?,
            number("PY_MICRO_VERSION")?,
            level,
            number("PY_RELEASE_SERIAL")?,
        );
        let multiarch = format!("{arch}-linux-gnu");
        let mut vars = read("pyconfig.h")?;
        vars.remove("Py_PYCONFIG_H");
        for (name, value) in texts(&multiarch) {
            vars.insert(name.into(), Value::Text(value));
        }
        for (name, value) in NUMBERS {
            vars.entry((*name).into()).or_insert(Value::Int(*value));
        }
        Ok(Facts { multiarch, version, vars })
    }

    /// A text variable.
    pub fn text(&self, name: &str) -> &str {
        match self.vars.get(name) {
            Some(Value::Text(t)) => t,
            _ => "",
        }
    }
}

/// Numbers that `pyconfig.h` does not hold: what a configure run would have found absent, and file modes.
const NUMBERS: &[(&str, i64)] = &[
    ("DIRMODE", 755),
    ("EXEMODE", 755),
    ("FILEMODE", 644),
    ("Py_DEBUG", 0),
    ("Py_ENABLE_SHARED", 1),
    ("Py_GIL_DISABLED", 1),
    ("Py_TRACE_REFS", 0),
    ("Py_STATS", 0),
    ("Py_TAIL_CALL_INTERP", 0),
    ("PY_ENABLE_SHARED", 1),
    ("STATIC_LIBPYTHON", 0),
    ("WITH_VALGRIND", 0),
    ("HAVE_KQUEUE", 0),
    ("HAVE_CHFLAGS", 0),
    ("HAVE_LCHFLAGS", 0),
    ("HAVE_LCHMOD", 0),
    ("HAVE_BROKEN_PIPE_BUF", 0),
    ("HAVE_BROKEN_POLL", 0),
    ("HAVE_BROKEN_SEM_GETVALUE", 0),
    ("HAVE_BROKEN_UNSETENV", 0),
    ("HAVE_STRUCT_STAT_ST_FLAGS", 0),
    ("POSIX_SEMAPHORES_NOT_ENABLED", 0),
    ("THREAD_STACK_SIZE", 0),
];

fn texts(multiarch: &str) -> Vec<(&'static str, String)> {
    let p = |tail: &str| format!("{PREFIX}{tail}");
    let base = "-fno-strict-overflow -Wsign-compare";
    let opt = "-DNDEBUG -g -O2 -Wall";
    let cflags = format!("{base} {opt}");
    let stdlib = p(&format!("/lib/python{LDVERSION}"));
    let headers = p(&format!("/include/python{LDVERSION}"));
    let config = format!("{stdlib}/{MULTIARCH_DIR_PREFIX}{multiarch}");
    let s = String::from;
    vec![
        // Names and the ABI.
        ("VERSION", s(VERSION)),
        ("LDVERSION", s(LDVERSION)),
        ("ABIFLAGS", s("t")),
        ("ABI_THREAD", s("t")),
        ("SOABI", format!("cpython-314t-{multiarch}")),
        ("EXT_SUFFIX", format!(".cpython-314t-{multiarch}.so")),
        ("SHLIB_SUFFIX", s(".so")),
        ("EXE", s("")),
        ("MULTIARCH", s(multiarch)),
        ("MULTIARCH_CPPFLAGS", format!("-DMULTIARCH=\\\"{multiarch}\\\"")),
        ("MACHDEP", s("linux")),
        ("PLATLIBDIR", s("lib")),
        ("HOST_GNU_TYPE", multiarch.replacen("-linux", "-pc-linux", 1)),
        ("BUILD_GNU_TYPE", multiarch.replacen("-linux", "-pc-linux", 1)),
        ("CONFIG_ARGS", s("'--enable-shared' '--disable-gil' '--without-static-libpython'")),
        ("PYTHONFRAMEWORK", s("")),
        ("PYTHONFRAMEWORKDIR", s("no-framework")),
        ("PYTHONFRAMEWORKPREFIX", s("")),
        ("PYTHONFRAMEWORKINSTALLDIR", s("")),
        ("TZPATH", s("/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo")),
        // Places.
        ("prefix", p("")),
        ("exec_prefix", p("")),
        ("host_prefix", p("")),
        ("host_exec_prefix", p("")),
        ("datarootdir", p("/share")),
        ("MANDIR", p("/share/man")),
        ("BINDIR", p("/bin")),
        ("LIBDIR", p("/lib")),
        ("SCRIPTDIR", p("/lib")),
        ("INCLUDEDIR", p("/include")),
        ("CONFINCLUDEDIR", p("/include")),
        ("INCLUDEPY", headers.clone()),
        ("CONFINCLUDEPY", headers),
        ("LIBDEST", stdlib.clone()),
        ("BINLIBDEST", stdlib.clone()),
        ("DESTLIB", stdlib.clone()),
        ("MACHDESTLIB", stdlib.clone()),
        ("DESTSHARED", format!("{stdlib}/lib-dynload")),
        ("LIBPL", config.clone()),
        ("LIBPC", p("/lib/pkgconfig")),
        ("srcdir", config.clone()),
        ("abs_srcdir", config.clone()),
        ("abs_builddir", config),
        ("BUILDPYTHON", s(PROGRAM)),
        ("EXENAME", p(&format!("/bin/{PROGRAM}"))),
        ("WHEEL_PKG_DIR", s("")),
        ("ENSUREPIP", s("upgrade")),
        // The library. There is no static one: `LIBRARY` keeps the name that it would have.
        ("LIBRARY", format!("libpython{LDVERSION}.a")),
        ("LDLIBRARY", s(LDLIBRARY)),
        ("DLLLIBRARY", s("")),
        ("PY3LIBRARY", s("")),
        ("INSTSONAME", s(SONAME)),
        ("LDLIBRARYDIR", s("")),
        ("BLDLIBRARY", format!("-L{PREFIX}/lib -lpython{LDVERSION}")),
        ("LIBPYTHON", s("")),
        ("LIBS", s("-ldl")),
        ("SYSLIBS", s("-lm")),
        ("SHLIBS", s("-ldl")),
        ("LIBM", s("-lm")),
        ("LIBC", s("")),
        ("MODLIBS", s("")),
        // Tools and their flags.
        ("CC", s("cc")),
        ("CXX", s("c++")),
        ("LINKCC", s("cc")),
        ("AR", s("ar")),
        ("ARFLAGS", s("rcs")),
        ("LN", s("ln")),
        ("SHELL", s("/bin/sh -e")),
        ("INSTALL", s("/usr/bin/install -c")),
        ("INSTALL_PROGRAM", s("/usr/bin/install -c")),
        ("INSTALL_SCRIPT", s("/usr/bin/install -c")),
        ("INSTALL_SHARED", s("/usr/bin/install -c -m 755")),
        ("INSTALL_DATA", s("/usr/bin/install -c -m 644")),
        ("MKDIR_P", s("/bin/mkdir -p")),
        ("BASECFLAGS", s(base)),
        ("OPT", s(opt)),
        ("CFLAGS", cflags.clone()),
        ("PY_CFLAGS", cflags.clone()),
        ("PY_CORE_CFLAGS", cflags.clone()),
        ("PY_STDMODULE_CFLAGS", cflags.clone()),
        ("PY_BUILTIN_MODULE_CFLAGS", cflags),
        ("EXTRA_CFLAGS", s("")),
        ("CFLAGS_NODIST", s("")),
        ("PY_CFLAGS_NODIST", s("")),
        ("CONFIGURE_CFLAGS", s("")),
        ("CONFIGURE_CPPFLAGS", s("")),
        ("CPPFLAGS", s("")),
        ("PY_CPPFLAGS", s("")),
        ("BASECPPFLAGS", s("")),
        ("CCSHARED", s("-fPIC")),
        ("CFLAGSFORSHARED", s("-fPIC")),
        ("CFLAGS_ALIASING", s("")),
        ("LDFLAGS", s("")),
        ("PY_LDFLAGS", s("")),
        ("PY_CORE_LDFLAGS", s("")),
        ("LDFLAGS_NODIST", s("")),
        ("PY_LDFLAGS_NODIST", s("")),
        ("CONFIGURE_LDFLAGS", s("")),
        ("LDSHARED", s("cc -shared")),
        ("BLDSHARED", s("cc -shared")),
        ("LDCXXSHARED", s("c++ -shared")),
        ("LINKFORSHARED", s("-Xlinker -export-dynamic")),
        ("GNULD", s("yes")),
        ("HOSTRUNNER", s("")),
        ("RUNSHARED", format!("LD_LIBRARY_PATH={PREFIX}/lib")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_sysconfig_reads_them() {
        let d = defines("#define A 1\n#define B \"x y\"\n#define C(x) x\n/* #undef D */\n#define E\n");
        assert_eq!(d["A"], Value::Int(1));
        assert_eq!(d["B"], Value::Text("\"x y\"".into()));
        assert_eq!(d["D"], Value::Int(0));
        assert!(!d.contains_key("C") && !d.keys().any(|k| k.starts_with("C(")));
        assert_eq!(d["E"], Value::Text(String::new()));
    }

    #[test]
    fn the_description_agrees_with_the_headers() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let f = Facts::gather(&source, "x86_64").expect("the headers of this source tree");
        assert_eq!((f.version.0, f.version.1), (3, 14));
        assert_eq!(f.vars["Py_GIL_DISABLED"], Value::Int(1));
        assert_eq!(f.vars["SIZEOF_VOID_P"], Value::Int(8));
        assert_eq!(f.text("SOABI"), "cpython-314t-x86_64-linux-gnu");
    }
}
