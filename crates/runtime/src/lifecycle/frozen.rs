//! Modules that must exist before the import system does: compiled from the standard library's source, with a cache of
//! our own beside the other `.pyc` files.

use crate::import;
use crate::objects::Code;
use crate::prelude::*;
use std::path::PathBuf;

/// Name, file below the standard library, whether it is a package.
const FROZEN: &[(&str, &str, bool)] = &[
    ("_frozen_importlib", "importlib/_bootstrap.py", false),
    ("_frozen_importlib_external", "importlib/_bootstrap_external.py", false),
    ("zipimport", "zipimport.py", false),
    ("__hello__", "__hello__.py", false),
    ("__phello__", "__phello__/__init__.py", true),
    ("__phello__.spam", "__phello__/spam.py", false),
];

/// Whether `name` is frozen, and whether it is a package.
pub fn find(name: &str) -> Option<bool> {
    FROZEN.iter().find(|(n, ..)| *n == name).map(|(_, _, p)| *p)
}

/// Names of the frozen modules.
pub fn names() -> impl Iterator<Item = &'static str> {
    FROZEN.iter().map(|(n, ..)| *n)
}

/// The name a frozen module has in the library.
pub fn orig_name(name: &str) -> &str {
    match name {
        "_frozen_importlib" => "importlib._bootstrap",
        "_frozen_importlib_external" => "importlib._bootstrap_external",
        n => n,
    }
}

fn source_path(name: &str) -> Option<PathBuf> {
    let (_, file, _) = FROZEN.iter().find(|(n, ..)| *n == name)?;
    let dir = ThreadState::current().interp().config().stdlib_dir.clone()?;
    Some(PathBuf::from(dir).join(file))
}

/// Size and time of a source file, as the cache records them.
fn stamp(meta: &std::fs::Metadata) -> [u8; 16] {
    use std::os::unix::fs::MetadataExt;
    let mut s = [0; 16];
    s[..8].copy_from_slice(&meta.mtime_nsec().wrapping_add(meta.mtime().wrapping_mul(1_000_000_000)).to_le_bytes());
    s[8..].copy_from_slice(&meta.size().to_le_bytes());
    s
}

/// The code of a frozen module.
pub fn code(name: &str) -> PyResult<Ref<Code>> {
    let Some(path) = source_path(name) else {
        return Err(raise!(ImportError, "No such frozen object named {}", name));
    };
    let shown = format!("<frozen {}>", orig_name(name));
    let Ok(meta) = std::fs::metadata(&path) else {
        return Err(raise!(ImportError, "can't find the standard library: {} is missing", path.display()));
    };
    let stamp = stamp(&meta);
    let cache = path.parent().map(|d| {
        d.join("__pycache__").join(format!(
            "{}.{}-frozen.pyc",
            path.file_stem().unwrap_or_default().to_string_lossy(),
            crate::CACHE_TAG
        ))
    });
    let magic = crate::PYC_MAGIC;
    if let Some(c) = &cache
        && let Ok(data) = std::fs::read(c)
        && data.len() > 20
        && data[..4] == magic
        && data[4..20] == stamp
    {
        match crate::marshal::loads(&data[20..]) {
            Ok(o) => {
                if let Ok(c) = o.downcast_into::<Code>() {
                    return Ok(c);
                }
            }
            Err(e) => e.clear(),
        }
    }
    let Ok(source) = std::fs::read_to_string(&path) else {
        return Err(raise!(ImportError, "can't read {}", path.display()));
    };
    let code = crate::interp::compile(
        &source,
        &compiler::Options { filename: shown, mode: compiler::Mode::Exec, ..Default::default() },
    )?;
    if let Some(c) = cache
        && ThreadState::current().interp().config().write_bytecode
        && let Some(data) = crate::marshal::dumps(&code, 5, true).map_err(Raised::clear).ok()
    {
        // Written beside and renamed, so that another process never reads half a file. Failure only costs time.
        let tmp = c.with_extension(format!("{}.tmp", std::process::id()));
        let _ = c.parent().map(std::fs::create_dir);
        let mut all = magic.to_vec();
        all.extend_from_slice(&stamp);
        all.extend_from_slice(&data);
        if std::fs::write(&tmp, all).is_ok() {
            let _ = std::fs::rename(&tmp, &c);
        } else {
            let _ = std::fs::remove_file(&tmp);
        }
    }
    Ok(code)
}

/// Runs a frozen module without the import system and puts it in `sys.modules`.
pub fn load(name: &str) -> PyResult<PyRef> {
    let interp = ThreadState::current().interp();
    let code = code(name)?;
    let m = Module::new(name)?;
    if let Some(b) = interp.import.modules().get(intern!("builtins"))? {
        m.dict().set(intern!("__builtins__"), &b)?;
    }
    // Taken away again by `FrozenImporter._fix_up_module`.
    m.dict().set(intern!("__origname__"), &*Str::new(orig_name(name))?)?;
    if find(name) == Some(true) {
        m.dict().set(intern!("__path__"), &*List::from_vec(Vec::new())?)?;
    }
    interp.import.modules().set(Str::intern(name), &m)?;
    crate::interp::eval_code(&code, m.dict(), m.dict())?;
    let _ = import::builtin_names;
    Ok(m.upcast())
}
