//! `cargo xtask`: the project's own commands.
//!
//!     cargo xtask install --prefix DIR     builds and installs an interpreter that works from DIR
//!     cargo xtask stage                    lays out the build tree again
//!     cargo xtask capi-docs [--check]      writes the generated part of `docs/capi.md`, or checks it

mod capi;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "usage: cargo xtask install --prefix DIR [--profile PROFILE] [--no-build]\n       cargo xtask stage [--profile PROFILE]\n       cargo xtask capi-docs [--check]";

struct Options {
    prefix: Option<PathBuf>,
    profile: String,
    build: bool,
    check: bool,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut o = Options { prefix: None, profile: "release".into(), build: true, check: false };
    while let Some(a) = args.next() {
        let mut value = |name: &str| args.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"));
        match a.as_str() {
            "--prefix" => o.prefix = Some(value("--prefix")?.into()),
            "--profile" => o.profile = value("--profile")?,
            "--no-build" => o.build = false,
            "--check" => o.check = true,
            other => match other.split_once('=') {
                Some(("--prefix", v)) => o.prefix = Some(v.into()),
                Some(("--profile", v)) => o.profile = v.into(),
                _ => return Err(format!("unknown option {other}\n{USAGE}")),
            },
        }
    }
    Ok(o)
}

fn source() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    dir.parent().unwrap_or(dir).to_path_buf()
}

/// The folder of a profile's artefacts.
fn artefacts(profile: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source().join("target"), PathBuf::from);
    target.join(if profile == "dev" { "debug" } else { profile })
}

fn lay_out(prefix: &Path, profile: &str, put: house::Put) -> Result<(), String> {
    let built = artefacts(profile);
    let (source, library, launcher) = (source(), built.join("libfreewheel.so"), built.join("freewheel"));
    for file in [&library, &launcher] {
        if !file.exists() {
            return Err(format!("{} is not there: build first", file.display()));
        }
    }
    // The build tree's links are relative, so that it may be moved.
    let (library, launcher) = match put {
        house::Put::Link => ("../libfreewheel.so".into(), "../freewheel".into()),
        house::Put::Copy => (library, launcher),
    };
    let fail = |e: std::io::Error| format!("{}: {e}", prefix.display());
    let facts = house::Facts::gather(&source, std::env::consts::ARCH).map_err(fail)?;
    house::stage(&prefix.join(format!("lib/python{}", house::LDVERSION))).map_err(fail)?;
    house::Tree { prefix, source: &source, library: &library, launcher: &launcher, put }.lay_out(&facts).map_err(fail)
}

fn install(o: &Options) -> Result<(), String> {
    let prefix = o.prefix.as_ref().ok_or_else(|| format!("install needs --prefix\n{USAGE}"))?;
    if o.build {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let done = Command::new(cargo)
            .args(["build", "--package", "freewheel", "--profile", &o.profile])
            .current_dir(source())
            .status()
            .map_err(|e| format!("cargo: {e}"))?;
        if !done.success() {
            return Err("the build failed".into());
        }
    }
    std::fs::create_dir_all(prefix).map_err(|e| format!("{}: {e}", prefix.display()))?;
    let prefix = std::fs::canonicalize(prefix).map_err(|e| format!("{}: {e}", prefix.display()))?;
    lay_out(&prefix, &o.profile, house::Put::Copy)?;
    println!("installed {}", prefix.join("bin").join(house::PROGRAM).display());
    Ok(())
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let done = options(args).and_then(|o| match command.as_str() {
        "install" => install(&o),
        "stage" => lay_out(&artefacts(&o.profile), &o.profile, house::Put::Link),
        "capi-docs" => capi::write(&source(), o.check),
        _ => Err(USAGE.into()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e}");
            ExitCode::FAILURE
        }
    }
}
