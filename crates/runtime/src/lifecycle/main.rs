//! Running the main program: `-c`, `-m`, a file, a folder or zip, standard input, the prompt; and its exit status.

use super::config::{Config, Run};
use super::init::get_sys;
use super::{finalize_for_exit, fs_decode, path};
use crate::import;
use crate::prelude::*;
use compiler::Mode;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// The program ended in an uncaught KeyboardInterrupt.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A process that SIGINT ended tells its parent so, by dying of the signal.
fn exit_if_interrupted(status: i32) -> i32 {
    if INTERRUPTED.load(Relaxed) {
        // SAFETY: the default action, then the signal to ourselves.
        unsafe {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            libc::kill(libc::getpid(), libc::SIGINT);
        }
        return 130;
    }
    status
}

/// Runs what the configuration says, ends the interpreter and gives the exit status (`Py_RunMain`).
pub fn run_main() -> i32 {
    let config = ThreadState::current().interp().config().clone();
    let mut status = run(&config);
    // PYTHONINSPECT may have been set by the program.
    let inspect =
        config.inspect || (config.use_environment && std::env::var_os("PYTHONINSPECT").is_some_and(|v| !v.is_empty()));
    let can_ask = std::io::stdin().is_terminal() || config.interactive;
    if inspect && can_ask && !matches!(config.run, Run::Stdin) {
        status = super::repl::interactive(&config, false);
    }
    if finalize_for_exit() < 0 {
        status = 120;
    }
    exit_if_interrupted(status)
}

fn run(config: &Config) -> i32 {
    let r: PyResult<i32> = prepare(config).and_then(|main| run_target(config, &main));
    match r {
        Ok(code) => code,
        Err(e) => exit_status(e),
    }
}

fn prepare(config: &Config) -> PyResult<Ref<Dict>> {
    let interp = ThreadState::current().interp();
    let Some(main) = interp.import.modules().get(intern!("__main__"))? else {
        return Err(raise!(RuntimeError, "lost __main__"));
    };
    let main = main.downcast_into::<Module>().map_err(|_| raise!(RuntimeError, "__main__ is no module"))?;
    if let Run::File(f) = &config.run {
        let p = Path::new(f);
        if path::is_path_entry(p) {
            // Importable: sys.path[0] is the file itself.
            let own = fs_decode(path::absolute(p).as_os_str())?;
            insert_path(&own)?;
            return Ok(Ref::new_ref(main.dict()));
        }
    }
    if let Some(p) = &config.sys_path_0
        && !config.safe_path
    {
        let first = fs_decode(p)?;
        insert_path(&first)?;
    }
    Ok(Ref::new_ref(main.dict()))
}

fn insert_path(p: &Str) -> PyResult<()> {
    if let Some(paths) = get_sys("path")?
        && let Some(l) = paths.downcast::<List>()
    {
        l.insert(0, p)?;
    }
    Ok(())
}

fn run_target(config: &Config, main: &Dict) -> PyResult<i32> {
    match &config.run {
        Run::Command(c) => {
            let text = fs_decode(c)?;
            let source = match text.to_str() {
                Ok(s) => s,
                Err(e) => {
                    let _ = writeln!(std::io::stderr(), "Unable to decode the command from the command line:");
                    return Err(e);
                }
            };
            let dedented = crate::lifecycle::main::dedent(source);
            crate::audit_event!("cpython.run_command", dedented.as_str())?;
            let code = crate::interp::compile(&dedented, &crate::interp::source_options("<string>", Mode::Exec, 0))?;
            // Tracebacks show the lines of the command.
            let registered = import::import_module("linecache").and_then(|m| {
                let register = m.getattr(intern!("_register_code"))?;
                register.call(&[&code, &*Str::new(&dedented)?, intern!("<string>")])
            });
            if let Err(e) = registered {
                e.clear();
            }
            crate::interp::eval_code(&code, main, main)?;
            Ok(0)
        }
        Run::Module(m) => {
            crate::audit_event!("cpython.run_module", &*fs_decode(m)?)?;
            run_module(m, true)
        }
        Run::File(f) => {
            let p = Path::new(f);
            if path::is_path_entry(p) {
                return run_module(&OsString::from("__main__"), false);
            }
            run_file(config, f, main)
        }
        Run::Stdin => {
            if config.interactive || std::io::stdin().is_terminal() {
                return Ok(super::repl::interactive(config, true));
            }
            crate::audit_event!("cpython.run_stdin")?;
            let mut bytes = Vec::new();
            use std::io::Read;
            if std::io::stdin().lock().read_to_end(&mut bytes).is_err() {
                return Ok(1);
            }
            run_bytes(&bytes, "<stdin>", main)?;
            Ok(0)
        }
    }
}

/// `-c` text is dedented as of 3.14.
pub fn dedent(s: &str) -> String {
    let indent_of = |l: &str| l.len() - l.trim_start_matches([' ', '\t']).len();
    let mut common: Option<&str> = None;
    for l in s.lines().filter(|l| !l.trim().is_empty()) {
        let ind = &l[..indent_of(l)];
        common = Some(match common {
            None => ind,
            Some(c) => {
                let n = c.bytes().zip(ind.bytes()).take_while(|(a, b)| a == b).count();
                &c[..n]
            }
        });
    }
    match common {
        Some(c) if !c.is_empty() => s
            .split('\n')
            .map(|l| if l.trim().is_empty() { "" } else { l.strip_prefix(c).unwrap_or(l) })
            .collect::<Vec<_>>()
            .join("\n"),
        _ => s.to_string(),
    }
}

/// Decodes source bytes (BOM, PEP 263 cookie) and runs them as `__main__`.
pub fn run_bytes(bytes: &[u8], filename: &str, main: &Dict) -> PyResult<PyRef> {
    let source = super::source::decode_source(bytes, super::source::Origin::File(filename))?;
    crate::interp::run_source(&source, filename, Mode::Exec, main, main, 0)
}

fn run_file(config: &Config, f: &OsString, main: &Dict) -> PyResult<i32> {
    let absolute = std::env::current_dir().map_or_else(|_| f.clone(), |d| d.join(f).into_os_string());
    let name = fs_decode(&absolute)?;
    crate::audit_event!("cpython.run_file", &*fs_decode(f)?)?;
    let mut bytes = match std::fs::read(f) {
        Ok(b) => b,
        Err(e) => {
            let code = e.raw_os_error().unwrap_or(0);
            // SAFETY: strerror of any number gives a valid string.
            let text = unsafe { std::ffi::CStr::from_ptr(libc::strerror(code)) }.to_string_lossy().into_owned();
            let _ = writeln!(
                std::io::stderr(),
                "{}: can't open file '{}': [Errno {}] {}",
                config.program_name.to_string_lossy(),
                path::absolute(Path::new(f)).display(),
                code,
                text
            );
            return Ok(2);
        }
    };
    if config.skip_source_first_line {
        let end = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
        bytes.drain(..end);
    }
    main.set(intern!("__file__"), &name)?;
    main.set(intern!("__cached__"), none())?;
    let external = import::import_module("importlib.machinery")?;
    let pyc = name.to_string_lossy().ends_with(".pyc");
    let loader = external.getattr(if pyc { intern!("SourcelessFileLoader") } else { intern!("SourceFileLoader") })?;
    let loader = loader.call(&[intern!("__main__"), &name])?;
    main.set(intern!("__loader__"), &loader)?;
    if pyc {
        if bytes.len() < 4 {
            return Err(raise!(EOFError, "EOF read where not expected"));
        }
        if bytes[..4] != crate::PYC_MAGIC {
            return Err(raise!(RuntimeError, "Bad magic number in .pyc file"));
        }
        if bytes.len() < 16 {
            return Err(raise!(EOFError, "EOF read where not expected"));
        }
        let bad = |_| raise!(RuntimeError, "Bad code object in .pyc file");
        let code = crate::marshal::read(&bytes[16..], true).map_err(|e| {
            e.clear();
            bad(none_ref())
        })?;
        let code = code.0.downcast_into::<crate::objects::Code>().map_err(bad)?;
        crate::interp::eval_code(&code, main, main)?;
        return Ok(0);
    }
    run_bytes(&bytes, &name.to_string_lossy(), main)?;
    Ok(0)
}

fn run_module(name: &OsString, set_argv0: bool) -> PyResult<i32> {
    let runpy = import::import_module("runpy")?;
    let f = runpy.getattr(intern!("_run_module_as_main"))?;
    let name = fs_decode(name)?;
    f.call(&[&name, Bool::of(set_argv0)])?;
    Ok(0)
}

/// Prints the set exception as an uncaught one and gives the exit status; SystemExit decides it itself.
pub fn exit_status(e: Raised) -> i32 {
    if !e.matches(exc::SystemExit()) {
        let interrupted = e.matches(exc::KeyboardInterrupt());
        crate::objects::exceptions::display::print_set_error();
        if interrupted {
            INTERRUPTED.store(true, Relaxed);
            return 130;
        }
        return 1;
    }
    let exit = e.take();
    let code = match exit.getattr_opt(intern!("code")) {
        Ok(Some(c)) => c,
        Ok(None) => none_ref(),
        Err(e) => {
            e.clear();
            none_ref()
        }
    };
    if code.is_none() {
        return 0;
    }
    if code.downcast::<Int>().is_some() {
        return match code.as_i64() {
            Ok(v) => (v & 0xff) as i32,
            Err(e) => {
                e.clear();
                255
            }
        };
    }
    // Anything else is a message for standard error.
    let text = code.str().or_else(|e| {
        e.clear();
        Str::new("")
    });
    let Ok(text) = text.map_err(Raised::clear) else { return 1 };
    let written = match get_sys("stderr") {
        Ok(Some(f)) if !f.is_none() => {
            let lines: [&Object; 2] = [&text, intern!("\n")];
            lines.iter().try_for_each(|t| f.call_method(intern!("write"), &[t]).map(drop)).is_ok()
        }
        _ => false,
    };
    if !written {
        drop(crate::error::take_error());
        let _ = writeln!(std::io::stderr(), "{}", text.to_string_lossy());
    }
    1
}
