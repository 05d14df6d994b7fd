//! Writes the files that build tools read, all from `vars`.

use super::vars::{Facts, PREFIX, Value};
use super::{LDLIBRARY, LDVERSION, PROGRAM, SONAME, VERSION, link, vars};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// Writes `_sysconfigdata`, its JSON twin, the `Makefile`, `build-details.json`, both `.pc` files and `python3.14t-config` below `prefix`.
pub fn build_data(prefix: &Path, source: &Path, facts: &Facts) -> io::Result<()> {
    let lib = prefix.join("lib");
    let stdlib = lib.join(format!("python{LDVERSION}"));
    let config = stdlib.join(format!("{}{}", vars::MULTIARCH_DIR_PREFIX, facts.multiarch));
    let pc = lib.join("pkgconfig");
    let bin = prefix.join("bin");
    for dir in [&config, &pc, &bin] {
        std::fs::create_dir_all(dir)?;
    }
    let here = prefix.display().to_string();
    put(&stdlib.join(format!("_sysconfigdata_t_linux_{}.py", facts.multiarch)), &sysconfigdata(facts, &here))?;
    put(&stdlib.join(format!("_sysconfig_vars_t_linux_{}.json", facts.multiarch)), &vars_json(facts, &here))?;
    put(&stdlib.join("build-details.json"), &build_details(facts))?;
    put(&config.join("Makefile"), &makefile(facts, &here))?;
    for (name, alias) in [("python-3.14t", "python3"), ("python-3.14t-embed", "python3-embed")] {
        let template = std::fs::read_to_string(source.join(format!("pkgconfig/{name}.pc.in")))?;
        put(&pc.join(format!("{name}.pc")), &fill(&template, facts))?;
        link(Path::new(&format!("{name}.pc")), &pc.join(format!("{alias}.pc")))?;
    }
    let script = bin.join(format!("{PROGRAM}-config"));
    put(&script, &fill(&std::fs::read_to_string(source.join("pkgconfig/python3.14t-config.in"))?, facts))?;
    make_executable(&script)?;
    for alias in ["python3.14-config", "python3-config"] {
        link(Path::new(&format!("{PROGRAM}-config")), &bin.join(alias))?;
    }
    Ok(())
}

/// Writes a file unless it holds the text already.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|t| t == text) { Ok(()) } else { std::fs::write(path, text) }
}

fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// A Python string literal (also a JSON one: only ASCII comes out, and both know these escapes).
fn quoted(s: &str) -> String {
    let mut out = String::from("\"");
    for c in s.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            ' '..='~' => out.push(c),
            c => {
                let mut units = [0u16; 2];
                for u in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{u:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

/// The module that `sysconfig` imports. It finds the prefix from its own place, so that the tree may be moved; a tool that runs its text
/// elsewhere gets the prefix of the build.
fn sysconfigdata(facts: &Facts, here: &str) -> String {
    let mut t = format!(
        "# What the build was made with; written by the build.\n\
         import os.path as _path\n\
         try:\n    _prefix = _path.dirname(_path.dirname(_path.dirname(_path.abspath(__file__))))\n\
         except NameError:\n    _prefix = {}\n\
         build_time_vars = {{\n",
        quoted(here)
    );
    for (name, value) in &facts.vars {
        let v = match value {
            Value::Int(i) => i.to_string(),
            Value::Text(s) => {
                let parts: Vec<&str> = s.split(PREFIX).collect();
                let pieces: Vec<String> = parts
                    .iter()
                    .enumerate()
                    .flat_map(|(i, p)| {
                        let prefix = (i > 0).then(|| "_prefix".to_string());
                        prefix.into_iter().chain((!p.is_empty() || parts.len() == 1).then(|| quoted(p)))
                    })
                    .collect();
                pieces.join(" + ")
            }
        };
        let _ = writeln!(t, "    {}: {v},", quoted(name));
    }
    t.push_str("}\n");
    t
}

/// The variables with what `sysconfig` adds to them when it runs from this prefix.
fn vars_json(facts: &Facts, here: &str) -> String {
    let (major, minor, micro, ..) = facts.version;
    let mut all = facts.vars.clone();
    let mut add = |name: &str, value: String| all.insert(name.into(), Value::Text(value));
    for name in ["base", "installed_base", "installed_platbase", "platbase"] {
        add(name, PREFIX.into());
    }
    add("abiflags", "t".into());
    add("abi_thread", "t".into());
    add("implementation", "Python".into());
    add("implementation_lower", "python".into());
    add("platlibdir", "lib".into());
    add("projectbase", format!("{PREFIX}/bin"));
    add("py_version", format!("{major}.{minor}.{micro}"));
    add("py_version_nodot", format!("{major}{minor}"));
    add("py_version_nodot_plat", String::new());
    add("py_version_short", format!("{major}.{minor}"));
    let rows: Vec<String> = all
        .iter()
        .map(|(name, value)| match value {
            Value::Int(i) => format!("  {}: {i}", quoted(name)),
            Value::Text(s) => format!("  {}: {}", quoted(name), quoted(&s.replace(PREFIX, here))),
        })
        .collect();
    format!("{{\n{}\n}}\n", rows.join(",\n"))
}

fn makefile(facts: &Facts, here: &str) -> String {
    let mut t = String::from(
        "# The variables of the build, for sysconfig.get_makefile_filename(); nothing is built with this file.\n",
    );
    for (name, value) in &facts.vars {
        let v = match value {
            Value::Int(i) => i.to_string(),
            Value::Text(s) => s.replace(PREFIX, here).replace('$', "$$"),
        };
        let _ = writeln!(t, "{name}=\t{v}");
    }
    t
}

/// PEP 739, with paths relative to the file and to the prefix.
fn build_details(facts: &Facts) -> String {
    let (major, minor, micro, level, serial) = facts.version;
    let digit = match level {
        "alpha" => 10,
        "beta" => 11,
        "candidate" => 12,
        _ => 15,
    };
    let hex = major << 24 | minor << 16 | micro << 8 | digit << 4 | serial;
    let info = format!(
        "{{\"major\": {major}, \"minor\": {minor}, \"micro\": {micro}, \"releaselevel\": {}, \"serial\": {serial}}}",
        quoted(level)
    );
    let arch = facts.multiarch.split('-').next().unwrap_or_default();
    format!(
        r#"{{
  "schema_version": "1.0",
  "base_prefix": "../..",
  "base_interpreter": "bin/{PROGRAM}",
  "platform": "linux-{arch}",
  "language": {{
    "version": "{VERSION}",
    "version_info": {info}
  }},
  "implementation": {{
    "name": "cpython",
    "cache_tag": "freewheel-314",
    "version": {info},
    "hexversion": {hex},
    "_multiarch": "{multiarch}",
    "supports_isolated_interpreters": true
  }},
  "abi": {{
    "flags": ["t"],
    "extension_suffix": {suffix}
  }},
  "suffixes": {{
    "source": [".py"],
    "bytecode": [".pyc"],
    "extensions": [{suffix}, ".so"]
  }},
  "libpython": {{
    "dynamic": "lib/{SONAME}",
    "link_extensions": false
  }},
  "c_api": {{
    "headers": "include/python{LDVERSION}",
    "pkgconfig_path": "lib/pkgconfig"
  }}
}}
"#,
        multiarch = facts.multiarch,
        suffix = quoted(facts.text("EXT_SUFFIX")),
    )
}

/// Fills `@NAME@` in a template: a variable of the description, or one of the file names.
fn fill(template: &str, facts: &Facts) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('@') {
        let Some(end) = rest[at + 1..].find('@') else { break };
        let name = &rest[at + 1..at + 1 + end];
        out.push_str(&rest[..at]);
        match name {
            "LINKNAME" => out.push_str(LDLIBRARY.trim_start_matches("lib").trim_end_matches(".so")),
            _ => out.push_str(&facts.text(name).replace(PREFIX, "${prefix}")),
        }
        rest = &rest[at + 2 + end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_for_both_languages() {
        assert_eq!(quoted("a\"b\\é😀\n"), "\"a\\\"b\\\\\\u00e9\\ud83d\\ude00\\n\"");
    }

    #[test]
    fn the_data_finds_its_prefix() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let facts = Facts::gather(&source, "x86_64").expect("the headers of this source tree");
        let text = sysconfigdata(&facts, "/built/here");
        assert!(text.contains("    \"LIBDIR\": _prefix + \"/lib\",\n"));
        assert!(text.contains("    \"prefix\": _prefix,\n"));
        assert!(text.contains("    \"BLDLIBRARY\": \"-L\" + _prefix + \"/lib -lpython3.14t\",\n"));
        assert_eq!(fill("a @LINKNAME@ @INCLUDEPY@ b", &facts), "a python3.14t ${prefix}/include/python3.14t b");
    }
}
