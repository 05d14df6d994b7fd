//! `sys.stdin`, `sys.stdout` and `sys.stderr`.

use super::config::Config;
use super::init::set_sys;
use crate::import;
use crate::prelude::*;

/// Until the real streams exist: `None`, for which messages go to file descriptor 2.
pub fn preliminary() -> PyResult<()> {
    for name in ["stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__"] {
        set_sys(name, none())?;
    }
    Ok(())
}

fn is_open(fd: i32) -> bool {
    // SAFETY: fcntl on any number is safe.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Makes the three streams from file descriptors 0, 1 and 2 and installs `io.open` as `builtins.open`.
pub fn init(config: &Config) -> PyResult<()> {
    let io = import::import_module("io")?;
    let open = io.getattr(intern!("open"))?;
    let interp = ThreadState::current().interp();
    interp.builtins_dict().set(intern!("open"), &open)?;
    for (fd, name, mode) in [(0, "stdin", "rb"), (1, "stdout", "wb"), (2, "stderr", "wb")] {
        let stream = if is_open(fd) {
            match stream(config, &io, &open, fd, name, mode) {
                Ok(s) => s,
                // A directory as standard input and the like: the stream is missing, the program starts.
                Err(e) if e.matches(exc::OSError()) => {
                    e.clear();
                    none_ref()
                }
                Err(e) => return Err(e),
            }
        } else {
            none_ref()
        };
        set_sys(&format!("__{name}__"), &stream)?;
        set_sys(name, &stream)?;
    }
    Ok(())
}

/// The locale's error handler for the standard streams: the C and POSIX locales pass any byte.
fn default_errors(config: &Config) -> &'static str {
    let loc = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()))
        .unwrap_or_default();
    if config.utf8_mode || matches!(loc.as_str(), "" | "C" | "POSIX" | "C.UTF-8" | "C.utf8") {
        "surrogateescape"
    } else {
        "strict"
    }
}

fn stream(config: &Config, io: &Object, open: &Object, fd: i32, name: &str, mode: &str) -> PyResult<PyRef> {
    let write = fd != 0;
    // Unbuffered output still goes through a text layer, over the raw file.
    let buffering: i64 = if !config.buffered_stdio && write { 0 } else { -1 };
    let buf = {
        let args = [
            Int::from_i64(fd as i64)?.upcast(),
            Str::new(mode)?.upcast(),
            Int::from_i64(buffering)?.upcast(),
            none_ref(),
            none_ref(),
            none_ref(),
            (**false_()).to_ref(),
        ];
        let refs: Vec<&Object> = args.iter().map(|a| &**a).collect();
        open.call(&refs)?
    };
    let raw = if buffering == 0 { buf.clone() } else { buf.getattr(intern!("raw"))? };
    let shown = Str::new(&format!("<{name}>"))?;
    raw.setattr(intern!("name"), &shown)?;
    let isatty = raw.call_method(intern!("isatty"), &[])?.is_true()?;
    let write_through = !config.buffered_stdio && write;
    let line_buffering = (config.buffered_stdio && (isatty || fd == 2)) || (config.interactive && isatty);
    let errors = if fd == 2 {
        "backslashreplace".to_string()
    } else {
        config.stdio_errors.clone().unwrap_or_else(|| default_errors(config).to_string())
    };
    let encoding = match &config.stdio_encoding {
        // Known by the codec's own name.
        Some(e) => {
            let codec = import::import_attr("codecs", "lookup")?.call1(&*Str::new(e)?)?;
            codec.getattr(intern!("name"))?.str()?.to_string_lossy().into_owned()
        }
        None => "utf-8".into(),
    };
    let wrapper = io.getattr(intern!("TextIOWrapper"))?;
    let args = [
        buf,
        Str::new(&encoding)?.upcast(),
        Str::new(&errors)?.upcast(),
        if write { Str::new("\n")?.upcast() } else { none_ref() },
        (**Bool::of(line_buffering)).to_ref(),
        (**Bool::of(write_through)).to_ref(),
    ];
    let refs: Vec<&Object> = args.iter().map(|a| &**a).collect();
    let s = wrapper.call(&refs)?;
    s.setattr(intern!("mode"), Str::intern(if write { "w" } else { "r" }))?;
    Ok(s)
}

/// Flushes `sys.stdout` and `sys.stderr`; `false` when stdout could not be flushed (the exit status is then 120).
pub fn flush() -> bool {
    let mut ok = true;
    for name in ["stdout", "stderr"] {
        let Ok(Some(f)) = super::init::get_sys(name) else { continue };
        if f.is_none() {
            continue;
        }
        let closed = match f.getattr_opt(intern!("closed")) {
            Ok(Some(c)) => c.is_true().unwrap_or_else(|e| {
                e.clear();
                false
            }),
            Ok(None) => false,
            Err(e) => {
                e.clear();
                false
            }
        };
        if closed {
            continue;
        }
        if let Err(e) = f.call_method(intern!("flush"), &[]) {
            let _ = e;
            if name == "stdout" {
                crate::objects::exceptions::display::write_unraisable_msg(
                    "Exception ignored while flushing sys.stdout",
                    None,
                );
                ok = false;
            } else {
                drop(crate::error::take_error());
            }
        }
    }
    ok
}
