//! The prompt: `_pyrepl` where terminal and library can, else a plain loop over lines of standard input.

use super::config::{Config, Run};
use super::init::get_sys;
use super::main::exit_status;
use super::stdio;
use crate::import;
use crate::objects::Code;
use crate::prelude::*;
use std::io::IsTerminal;
use std::sync::Mutex;

/// What was read from standard input and not used yet.
static PENDING: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn to_stderr(text: &str) {
    stdio::flush();
    // SAFETY: bytes to a file descriptor; a failure is nobody's concern here.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

fn report() {
    crate::objects::exceptions::display::print_set_error();
    stdio::flush();
}

fn text_of(name: &str) -> String {
    match get_sys(name) {
        Ok(Some(v)) => v.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(|e| {
            e.clear();
            String::new()
        }),
        Ok(None) => String::new(),
        Err(e) => {
            e.clear();
            String::new()
        }
    }
}

/// Runs the prompt after (or instead of) a program; gives the exit status. `first`: there was no program.
pub fn interactive(config: &Config, first: bool) -> i32 {
    let terminal = std::io::stdin().is_terminal();
    if !config.quiet && (config.verbose > 0 || (matches!(config.run, Run::Stdin) && (terminal || config.interactive))) {
        to_stderr(&format!(
            "Python {} on {}\nType \"help\", \"copyright\", \"credits\" or \"license\" for more information.\n",
            text_of("version"),
            text_of("platform")
        ));
    }
    let r = (|| -> PyResult<i32> {
        let main = import::import_module("__main__")?;
        let dict = main.downcast::<Module>().map(|m| Ref::new_ref(m.dict()));
        let Some(dict) = dict else { return Err(raise!(RuntimeError, "__main__ is no module")) };
        if first && let Some(status) = run_startup(config, &dict) {
            return Ok(status);
        }
        if let Some(hook) = get_sys("__interactivehook__")? {
            crate::lifecycle::audit::audit("cpython.run_interactivehook", &[&hook])?;
            if hook.call0().is_err() {
                to_stderr("Failed calling sys.__interactivehook__\n");
                report();
            }
        }
        let basic = config.use_environment && std::env::var_os("PYTHON_BASIC_REPL").is_some_and(|v| !v.is_empty());
        if !terminal || basic {
            return base_loop(&dict);
        }
        let console = import::import_attr("_pyrepl.main", "interactive_console")?;
        console.call(&[&main])?;
        Ok(0)
    })();
    match r {
        Ok(status) => status,
        Err(e) => exit_status(e),
    }
}

/// The file that PYTHONSTARTUP names. A status: it left with SystemExit.
fn run_startup(config: &Config, main: &Dict) -> Option<i32> {
    if !config.use_environment {
        return None;
    }
    let name = std::env::var_os("PYTHONSTARTUP").filter(|v| !v.is_empty())?;
    let r = (|| -> PyResult<()> {
        let shown = super::fs_decode(&name)?;
        crate::lifecycle::audit::audit("cpython.run_startup", &[&shown])?;
        let bytes = match std::fs::read(&name) {
            Ok(b) => b,
            Err(e) => {
                to_stderr("Could not open PYTHONSTARTUP\n");
                return Err(crate::error::raise_os_error(e.raw_os_error().unwrap_or(0), Some(&shown), None));
            }
        };
        super::main::run_bytes(&bytes, &shown.to_string_lossy(), main)?;
        Ok(())
    })();
    match r {
        Ok(()) => None,
        Err(e) if e.matches(exc::SystemExit()) => Some(exit_status(e)),
        Err(_) => {
            report();
            None
        }
    }
}

/// One line with its end, which the last one may lack; None at the end of input.
fn read_line(prompt: &str) -> PyResult<Option<String>> {
    to_stderr(prompt);
    loop {
        {
            let mut p = PENDING.lock().unwrap_or_else(|e| e.into_inner());
            if let Some(n) = p.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = p.drain(..=n).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
        }
        let mut buf = [0u8; 4096];
        let (n, errno) = crate::thread::detach(|| {
            // SAFETY: reads into our buffer.
            let n = unsafe { libc::read(0, buf.as_mut_ptr().cast(), buf.len()) };
            (n, std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
        });
        if n > 0 {
            PENDING.lock().unwrap_or_else(|e| e.into_inner()).extend_from_slice(&buf[..n as usize]);
        } else if n < 0 && errno == libc::EINTR {
            crate::thread::check_signals()?;
        } else {
            let rest = core::mem::take(&mut *PENDING.lock().unwrap_or_else(|e| e.into_inner()));
            return Ok((!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned()));
        }
    }
}

/// What a statement's lines led to.
enum Input {
    Code(Ref<Code>, String),
    /// A syntax error was shown, or input was interrupted
    Nothing,
    End,
}

/// What the loop remembers: the future statements in force and how many statements were compiled.
#[derive(Default)]
struct Session {
    future: u32,
    count: usize,
}

impl Session {
    fn options(&self, filename: &str, end: bool) -> compiler::Options {
        compiler::Options {
            dont_imply_dedent: !end,
            allow_incomplete: !end,
            ..crate::interp::source_options(filename, compiler::Mode::Single, self.future)
        }
    }

    /// Compiles what was read; `None`: it goes on. Only the parser's word counts for whether it does.
    fn compile(&mut self, text: &str, end: bool) -> PyResult<Option<Ref<Code>>> {
        // A compound statement ends with an empty line: its last line break is left out.
        let asked = if end { text } else { text.strip_suffix('\n').unwrap_or(text) };
        match crate::interp::astobj::parse_to_object(asked, &self.options("<stdin>", end)) {
            Ok(_) => {}
            Err(e) if e.matches(exc::_IncompleteInputError()) => {
                e.clear();
                return Ok(None);
            }
            Err(e) => return Err(e),
        }
        let name = format!("<stdin-{}>", self.count);
        self.count += 1;
        let code = crate::interp::compile(text, &self.options(&name, end))?;
        self.future |= code.flags() & compiler::code::co::FUTURE_MASK;
        Ok(Some(code))
    }
}

/// Reads lines until they are a statement.
fn read_statement(session: &mut Session) -> PyResult<Input> {
    let mut text = String::new();
    // The end of input was met inside the statement: it ends there, whole or not.
    let mut end = false;
    loop {
        let prompt = text_of(if text.is_empty() { "ps1" } else { "ps2" });
        match read_line(&prompt) {
            Ok(Some(line)) => {
                if text.is_empty() && line.trim().is_empty() {
                    return Ok(Input::Nothing);
                }
                text.push_str(&line);
                if !text.ends_with('\n') {
                    // Only the end of input can follow.
                    continue;
                }
            }
            Ok(None) if text.is_empty() => return Ok(Input::End),
            Ok(None) => {
                to_stderr("\n");
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                end = true;
            }
            Err(e) if e.matches(exc::KeyboardInterrupt()) => {
                e.clear();
                to_stderr("\nKeyboardInterrupt\n");
                return Ok(Input::Nothing);
            }
            Err(e) => return Err(e),
        }
        match session.compile(&text, end) {
            Ok(Some(code)) => return Ok(Input::Code(code, text)),
            Ok(None) => {}
            Err(_) => {
                report();
                return Ok(Input::Nothing);
            }
        }
    }
}

/// The plain loop (`sys._baserepl`). SystemExit comes out as an exception.
pub fn base_loop(main: &Dict) -> PyResult<i32> {
    for (name, text) in [("ps1", ">>> "), ("ps2", "... ")] {
        if get_sys(name)?.is_none() {
            import::import_module("sys")?.setattr(Str::intern(name), &*Str::new(text)?)?;
        }
    }
    let mut session = Session::default();
    let register = import::import_attr("linecache", "_register_code")?;
    loop {
        let (code, text) = match read_statement(&mut session)? {
            Input::End => break,
            Input::Nothing => continue,
            Input::Code(c, t) => (c, t),
        };
        let text = Str::new(&text)?;
        let r = register
            .call(&[&code, &text, intern!("<stdin>")])
            .and_then(|_| crate::interp::eval_code(&code, main, main));
        match r {
            Ok(_) => _ = stdio::flush(),
            Err(e) if e.matches(exc::SystemExit()) => return Err(e),
            Err(_) => report(),
        }
    }
    to_stderr("\n");
    Ok(0)
}

/// `sys._baserepl()`
pub fn base_repl() -> PyResult<()> {
    let main = import::import_module("__main__")?;
    match main.downcast::<Module>() {
        Some(m) => base_loop(m.dict()).map(drop),
        None => Err(raise!(RuntimeError, "__main__ is no module")),
    }
}
