//! Finding the installation: prefix, standard library and `sys.path`, by CPython's rules (executable, `pyvenv.cfg`,
//! landmark, `PYTHONHOME`).

use super::config::Config;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Folder of the standard library below `PREFIX/lib`; a library that another build laid out is accepted too.
const STDLIB_NAMES: &[&str] = &["python3.14t", "python3.14"];

fn is_executable(p: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The program's absolute path, found as a shell finds it.
fn find_program(name: &OsStr) -> Option<PathBuf> {
    if let Some(p) = std::env::var_os("PYTHONEXECUTABLE").filter(|p| !p.is_empty()) {
        return Some(absolute(Path::new(&p)));
    }
    if name.is_empty() {
        return None;
    }
    if name.as_bytes().contains(&b'/') {
        return Some(absolute(Path::new(name)));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|d| d.join(name)).find(|p| is_executable(p)).map(|p| absolute(&p))
}

/// Absolute without resolving links; `.` and `..` at the front are removed as `normpath` does.
pub fn absolute(p: &Path) -> PathBuf {
    let joined = if p.is_absolute() { p.to_path_buf() } else { std::env::current_dir().unwrap_or_default().join(p) };
    let mut out = PathBuf::new();
    for c in joined.components() {
        match c {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            c => out.push(c),
        }
    }
    out
}

/// `key = value` of a `pyvenv.cfg`.
fn venv_value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|l| {
        let (k, v) = l.split_once('=')?;
        (k.trim().eq_ignore_ascii_case(key)).then(|| v.trim().to_string())
    })
}

fn stdlib_in(prefix: &Path, platlibdir: &str) -> Option<PathBuf> {
    let mut dirs = vec![platlibdir];
    if platlibdir != "lib" {
        dirs.push("lib");
    }
    for d in dirs {
        for n in STDLIB_NAMES {
            let dir = prefix.join(d).join(n);
            if dir.join("os.py").is_file() || dir.join("os.pyc").is_file() {
                return Some(dir);
            }
        }
    }
    None
}

/// Folder of the shared library that runs this code.
fn library_folder() -> Option<PathBuf> {
    // SAFETY: dladdr only fills the struct for an address of this library.
    unsafe {
        let mut info: libc::Dl_info = core::mem::zeroed();
        if libc::dladdr(library_folder as *const () as *const _, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let name = OsStr::from_bytes(std::ffi::CStr::from_ptr(info.dli_fname).to_bytes());
        std::fs::canonicalize(name).ok()?.parent().map(Path::to_path_buf)
    }
}

/// Fills every path of the configuration that the caller has left open.
pub fn calculate(c: &mut Config) {
    let program = c.executable.clone().map(PathBuf::from).or_else(|| find_program(&c.program_name));
    if c.executable.is_none() {
        c.executable = Some(program.clone().map(PathBuf::into_os_string).unwrap_or_default());
    }
    let exe = program.unwrap_or_default();
    let exe_dir = exe.parent().map(Path::to_path_buf);

    // PEP 405: `pyvenv.cfg` beside the executable or one folder up names the base installation.
    let mut venv_prefix = None;
    let mut base_exe = c.base_executable.clone().map(PathBuf::from);
    let mut home_dir = None;
    if let Some(dir) = &exe_dir {
        for d in [Some(dir.as_path()), dir.parent()].into_iter().flatten() {
            let Ok(text) = std::fs::read_to_string(d.join("pyvenv.cfg")) else { continue };
            if let Some(home) = venv_value(&text, "home") {
                venv_prefix = Some(dir.parent().unwrap_or(dir).to_path_buf());
                home_dir = Some(PathBuf::from(&home));
                if base_exe.is_none() {
                    let named = venv_value(&text, "executable").map(PathBuf::from).filter(|p| p.exists());
                    let same = exe.file_name().map(|n| Path::new(&home).join(n)).filter(|p| p.exists());
                    base_exe = named.or(same);
                }
            }
            break;
        }
    }
    let base_exe = base_exe.unwrap_or_else(|| exe.clone());
    if c.base_executable.is_none() {
        c.base_executable = Some(base_exe.clone().into_os_string());
    }

    let mut stdlib = c.stdlib_dir.clone().map(PathBuf::from);
    let mut prefix = None;
    if let Some(home) = &c.home {
        // PREFIX[:EXEC_PREFIX]
        let b = home.as_bytes();
        let first = b.split(|c| *c == b':').next().unwrap_or(b);
        let p = PathBuf::from(OsStr::from_bytes(first));
        stdlib = stdlib
            .or_else(|| stdlib_in(&p, &c.platlibdir))
            .or_else(|| Some(p.join(&c.platlibdir).join(STDLIB_NAMES[0])));
        prefix = Some(p);
    } else {
        let real = std::fs::canonicalize(&base_exe).ok();
        let starts = [
            home_dir.clone(),
            base_exe.parent().map(Path::to_path_buf),
            real.and_then(|r| r.parent().map(Path::to_path_buf)),
            library_folder(),
        ];
        'search: for start in starts.into_iter().flatten() {
            for d in start.ancestors() {
                if let Some(dir) = stdlib_in(d, &c.platlibdir) {
                    stdlib = stdlib.or(Some(dir));
                    prefix = Some(d.to_path_buf());
                    break 'search;
                }
            }
        }
    }
    let prefix = prefix.unwrap_or_else(|| PathBuf::from("/usr/local"));
    let os = |p: &Path| Some(p.as_os_str().to_os_string());
    c.base_prefix = c.base_prefix.take().or_else(|| os(&prefix));
    c.base_exec_prefix = c.base_exec_prefix.take().or_else(|| os(&prefix));
    let shown = venv_prefix.unwrap_or(prefix.clone());
    c.prefix = c.prefix.take().or_else(|| os(&shown));
    c.exec_prefix = c.exec_prefix.take().or_else(|| os(&shown));
    let stdlib = stdlib.unwrap_or_else(|| prefix.join("lib").join(STDLIB_NAMES[0]));
    if c.stdlib_dir.is_none() {
        c.stdlib_dir = os(&stdlib);
    }
    if c.module_search_paths.is_none() {
        let mut paths: Vec<OsString> = Vec::new();
        if let Some(p) = &c.pythonpath_env {
            for part in p.as_bytes().split(|c| *c == b':') {
                paths.push(absolute(Path::new(OsStr::from_bytes(part))).into_os_string());
            }
        }
        paths.push(prefix.join(&c.platlibdir).join("python314t.zip").into_os_string());
        paths.push(stdlib.clone().into_os_string());
        paths.push(stdlib.join("lib-dynload").into_os_string());
        c.module_search_paths = Some(paths);
    }
}

/// `sys.path[0]` for what is run, or `None` when nothing is to be put in front (PEP 587 `sys_path_0`).
pub fn sys_path_0(c: &Config) -> Option<OsString> {
    use super::config::Run;
    match &c.run {
        Run::Command(_) | Run::Stdin => Some(OsString::new()),
        Run::Module(_) => std::env::current_dir().ok().map(PathBuf::into_os_string),
        Run::File(f) => {
            let p = Path::new(f);
            let target = std::fs::canonicalize(p).unwrap_or_else(|_| absolute(p));
            if is_path_entry(&target) {
                return None;
            }
            Some(OsString::from_vec(target.parent().map(|d| d.as_os_str().as_bytes().to_vec()).unwrap_or_default()))
        }
    }
}

/// Whether the import system can look for modules in `p`: a directory, a zip archive, or a folder inside one.
pub fn is_path_entry(p: &Path) -> bool {
    p.is_dir() || is_zip(p) || (!p.exists() && p.ancestors().skip(1).any(|a| a.is_file() && is_zip(a)))
}

/// Whether the file ends like a zip archive (an end-of-central-directory record in its last 64 KiB).
fn is_zip(p: &Path) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut f) = std::fs::File::open(p) else { return false };
    let Ok(len) = f.metadata().map(|m| m.len()) else { return false };
    let tail = len.min(65_557);
    if f.seek(SeekFrom::End(-(tail as i64))).is_err() {
        return false;
    }
    let mut buf = Vec::new();
    f.read_to_end(&mut buf).is_ok() && buf.windows(4).any(|w| w == b"PK\x05\x06")
}

/// Says on standard error where the library was looked for: the start has failed for want of it.
pub fn report(config: &Config) {
    let path = |p: &Option<OsString>| match p {
        Some(p) => format!("'{}'", p.to_string_lossy()),
        None => "(not set)".into(),
    };
    let paths = config.module_search_paths.as_deref().unwrap_or(&[]);
    eprintln!("Python path configuration:");
    eprintln!("  PYTHONHOME = {}", path(&config.home));
    eprintln!("  PYTHONPATH = {}", path(&config.pythonpath_env));
    eprintln!("  program name = '{}'", config.program_name.to_string_lossy());
    for (name, on) in [
        ("isolated", config.isolated),
        ("environment", config.use_environment),
        ("user site", config.user_site_directory),
        ("safe_path", config.safe_path),
        ("import site", config.site_import),
    ] {
        eprintln!("  {name} = {}", i32::from(on));
    }
    eprintln!("  stdlib dir = {}", path(&config.stdlib_dir));
    for (name, p) in [
        ("_base_executable", &config.base_executable),
        ("base_prefix", &config.base_prefix),
        ("base_exec_prefix", &config.base_exec_prefix),
        ("executable", &config.executable),
        ("prefix", &config.prefix),
        ("exec_prefix", &config.exec_prefix),
    ] {
        eprintln!("  sys.{name} = {}", path(p));
    }
    eprintln!("  sys.platlibdir = '{}'", config.platlibdir);
    eprintln!("  sys.path = [");
    for p in paths {
        eprintln!("    '{}',", p.to_string_lossy());
    }
    eprintln!("  ]");
}
