//! The house around the library: where the files of an installation lie, and what build tools are told about it.
//!
//! `build.rs` lays out the build tree with it (links to what cargo builds), `cargo xtask install` a prefix (copies). Both have
//! the same shape and the same texts: everything in them finds its prefix from its own place, so a tree may be moved.
//! `vars` is the one description of the build; `sysconfig`'s data, both `.pc` files, `python3.14t-config`, the `Makefile` and
//! `build-details.json` are written from it.

mod stdlib;
mod vars;
mod write;

pub use stdlib::stage;
pub use vars::{Facts, MULTIARCH_DIR_PREFIX};
pub use write::build_data;

use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Names of the installed files.
pub const VERSION: &str = "3.14";
/// The version with the ABI's letter, as files carry it.
pub const LDVERSION: &str = "3.14t";
/// The library's `SONAME`.
pub const SONAME: &str = "libpython3.14t.so.1.0";
/// The name that `-lpython3.14t` finds.
pub const LDLIBRARY: &str = "libpython3.14t.so";
/// The program.
pub const PROGRAM: &str = "python3.14t";

/// How files come into the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Links to the source and to what cargo builds: the build tree.
    Link,
    /// Copies: an installation.
    Copy,
}

/// What is laid out, and from where.
pub struct Tree<'a> {
    /// The tree's prefix.
    pub prefix: &'a Path,
    /// The source tree's root.
    pub source: &'a Path,
    /// The shared library that cargo built (it need not exist yet when it is linked).
    pub library: &'a Path,
    /// The launcher that cargo built.
    pub launcher: &'a Path,
    /// Links or copies.
    pub put: Put,
}

impl Tree<'_> {
    /// Lays out everything but the standard library.
    pub fn lay_out(&self, facts: &Facts) -> io::Result<()> {
        let lib = self.prefix.join("lib");
        let bin = self.prefix.join("bin");
        std::fs::create_dir_all(&lib)?;
        std::fs::create_dir_all(&bin)?;
        self.put_file(self.library, &lib.join(SONAME))?;
        link(Path::new(SONAME), &lib.join(LDLIBRARY))?;
        self.put_file(self.launcher, &bin.join(PROGRAM))?;
        link(Path::new(PROGRAM), &bin.join("python3.14"))?;
        link(Path::new(PROGRAM), &bin.join("python3"))?;
        let include = self.prefix.join("include");
        std::fs::create_dir_all(&include)?;
        let headers = include.join(format!("python{LDVERSION}"));
        match self.put {
            Put::Link => link(&self.source.join("include"), &headers)?,
            Put::Copy => copy_headers(&self.source.join("include"), &headers)?,
        }
        build_data(self.prefix, self.source, facts)
    }

    fn put_file(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.put {
            Put::Link => link(from, to),
            Put::Copy => {
                // A running program's file cannot be written, but it can be replaced.
                let new = to.with_extension("new");
                std::fs::copy(from, &new)?;
                std::fs::rename(&new, to)
            }
        }
    }
}

/// Makes a symbolic link, in place of what was there; a folder that is no link stays an error.
pub fn link(target: &Path, at: &Path) -> io::Result<()> {
    if std::fs::read_link(at).is_ok_and(|t| t == target) {
        return Ok(());
    }
    match std::fs::remove_file(at) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    symlink(target, at)
}

/// Copies the headers (not what generates them), in folders as they are.
fn copy_headers(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (src, dst) = (entry.path(), to.join(entry.file_name()));
        if src.is_dir() {
            if entry.file_name() != "gen" {
                copy_headers(&src, &dst)?;
            }
        } else if src.extension().is_some_and(|e| e == "h") {
            std::fs::copy(&src, &dst)?;
        }
    }
    Ok(())
}
