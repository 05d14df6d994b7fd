//! What an interpreter starts with: the Rust side of `PyConfig`, filled from the command line, the environment and the
//! file system (PEP 587).
//!
//! Strings are kept as `OsString`: the C side converts from and to `wchar_t` with the surrogateescape rules.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What to run, in the order of precedence of the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    Command(OsString),
    Module(OsString),
    File(OsString),
    Stdin,
}

/// Start-up configuration. Field names and meanings are those of `PyConfig` unless noted.
#[derive(Clone, Debug)]
pub struct Config {
    pub isolated: bool,
    pub use_environment: bool,
    pub dev_mode: bool,
    pub install_signal_handlers: bool,
    /// `None`: a random seed; `Some(0)`: hashing without randomisation.
    pub hash_seed: Option<u32>,
    pub faulthandler: bool,
    pub tracemalloc: i32,
    pub import_time: i32,
    pub code_debug_ranges: bool,
    pub utf8_mode: bool,
    pub pycache_prefix: Option<OsString>,
    pub parse_argv: bool,
    pub orig_argv: Vec<OsString>,
    pub argv: Vec<OsString>,
    pub xoptions: Vec<OsString>,
    pub warnoptions: Vec<OsString>,
    pub site_import: bool,
    pub bytes_warning: i32,
    /// `-R`: PYTHONHASHSEED does not count
    pub force_hash_randomization: bool,
    pub warn_default_encoding: bool,
    pub inspect: bool,
    pub interactive: bool,
    pub optimization_level: i32,
    pub parser_debug: i32,
    pub write_bytecode: bool,
    pub verbose: i32,
    pub quiet: bool,
    pub user_site_directory: bool,
    pub configure_c_stdio: bool,
    pub buffered_stdio: bool,
    pub stdio_encoding: Option<String>,
    pub stdio_errors: Option<String>,
    pub filesystem_encoding: String,
    pub filesystem_errors: String,
    pub check_hash_pycs_mode: String,
    pub safe_path: bool,
    pub int_max_str_digits: i32,
    pub thread_inherit_context: bool,
    pub context_aware_warnings: bool,
    /// `-X gil` / `PYTHON_GIL`: `None` leaves the decision to the imported extensions.
    pub enable_gil: Option<bool>,
    /// `-X gil=report`, `-X gil=error` (or the variable): what happens besides.
    pub gil_mode: crate::import::gil::Mode,
    pub cpu_count: i32,
    /// Whether `sys.remote_exec` of other processes is heard.
    pub remote_debug: bool,
    pub use_frozen_modules: bool,
    pub skip_source_first_line: bool,
    pub program_name: OsString,
    pub pythonpath_env: Option<OsString>,
    pub home: Option<OsString>,
    pub platlibdir: String,
    pub module_search_paths: Option<Vec<OsString>>,
    pub stdlib_dir: Option<OsString>,
    pub executable: Option<OsString>,
    pub base_executable: Option<OsString>,
    pub prefix: Option<OsString>,
    pub base_prefix: Option<OsString>,
    pub exec_prefix: Option<OsString>,
    pub base_exec_prefix: Option<OsString>,
    pub run: Run,
    pub sys_path_0: Option<OsString>,
    pub install_importlib: bool,
    pub init_main: bool,
    /// `-h`, `-V`, `--help-env` … : print and leave.
    pub print_and_exit: Option<PrintAndExit>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PrintAndExit {
    Help,
    HelpEnv,
    HelpXOptions,
    HelpAll,
    Version,
    LongVersion,
}

/// A bad command line: the message for standard error; the exit status is 2.
#[derive(Debug)]
pub struct UsageError(pub String);

impl Default for Config {
    /// The `python` configuration (`PyConfig_InitPythonConfig`).
    fn default() -> Config {
        Config {
            isolated: false,
            use_environment: true,
            dev_mode: false,
            install_signal_handlers: true,
            hash_seed: None,
            faulthandler: false,
            tracemalloc: 0,
            import_time: 0,
            code_debug_ranges: true,
            utf8_mode: false,
            pycache_prefix: None,
            parse_argv: true,
            orig_argv: Vec::new(),
            argv: Vec::new(),
            xoptions: Vec::new(),
            warnoptions: Vec::new(),
            site_import: true,
            bytes_warning: 0,
            force_hash_randomization: false,
            warn_default_encoding: false,
            inspect: false,
            interactive: false,
            optimization_level: 0,
            parser_debug: 0,
            write_bytecode: true,
            verbose: 0,
            quiet: false,
            user_site_directory: true,
            configure_c_stdio: true,
            buffered_stdio: true,
            stdio_encoding: None,
            stdio_errors: None,
            filesystem_encoding: "utf-8".into(),
            filesystem_errors: "surrogateescape".into(),
            check_hash_pycs_mode: "default".into(),
            safe_path: false,
            int_max_str_digits: 4300,
            thread_inherit_context: true,
            context_aware_warnings: true,
            enable_gil: None,
            gil_mode: Default::default(),
            cpu_count: -1,
            remote_debug: true,
            use_frozen_modules: true,
            skip_source_first_line: false,
            program_name: "python3.14t".into(),
            pythonpath_env: None,
            home: None,
            platlibdir: "lib".into(),
            module_search_paths: None,
            stdlib_dir: None,
            executable: None,
            base_executable: None,
            prefix: None,
            base_prefix: None,
            exec_prefix: None,
            base_exec_prefix: None,
            run: Run::Stdin,
            sys_path_0: None,
            install_importlib: true,
            init_main: true,
            print_and_exit: None,
        }
    }
}

impl Config {
    /// The `isolated` configuration (`PyConfig_InitIsolatedConfig`).
    pub fn isolated() -> Config {
        Config {
            isolated: true,
            use_environment: false,
            user_site_directory: false,
            safe_path: true,
            install_signal_handlers: false,
            parse_argv: false,
            configure_c_stdio: false,
            ..Config::default()
        }
    }

    /// Reads the command line (`argv[0]` is the program) and leaves in `argv` what the program sees as `sys.argv`.
    pub fn parse_command_line(&mut self, argv: &[OsString]) -> Result<(), UsageError> {
        self.orig_argv = argv.to_vec();
        if let Some(p) = argv.first() {
            self.program_name = p.clone();
        }
        let mut i = 1;
        let mut version = 0;
        'args: while i < argv.len() {
            let arg = argv[i].as_bytes();
            if arg.len() < 2 || arg[0] != b'-' {
                break;
            }
            if arg == b"--" {
                i += 1;
                break;
            }
            if arg[1] == b'-' {
                match &arg[2..] {
                    b"help" => self.print_and_exit = Some(PrintAndExit::Help),
                    b"help-env" => self.print_and_exit = Some(PrintAndExit::HelpEnv),
                    b"help-xoptions" => self.print_and_exit = Some(PrintAndExit::HelpXOptions),
                    b"help-all" => self.print_and_exit = Some(PrintAndExit::HelpAll),
                    b"version" => version += 1,
                    b"check-hash-based-pycs" => {
                        i += 1;
                        let Some(v) = argv.get(i) else {
                            return Err(UsageError("Argument expected for the --check-hash-based-pycs option".into()));
                        };
                        let v = v.to_string_lossy().into_owned();
                        if !matches!(v.as_str(), "always" | "never" | "default") {
                            return Err(UsageError(
                                "--check-hash-based-pycs must be one of 'default', 'always', or 'never'".into(),
                            ));
                        }
                        self.check_hash_pycs_mode = v;
                    }
                    other => return Err(UsageError(format!("Unknown option: --{}", String::from_utf8_lossy(other)))),
                }
                i += 1;
                continue;
            }
            let mut j = 1;
            while j < arg.len() {
                let c = arg[j];
                j += 1;
                // Options with a value take the rest of the word, or the next word.
                let mut value = |name: char| -> Result<OsString, UsageError> {
                    if j < arg.len() {
                        return Ok(OsString::from_vec(arg[j..].to_vec()));
                    }
                    i += 1;
                    argv.get(i).cloned().ok_or_else(|| UsageError(format!("Argument expected for the -{name} option")))
                };
                match c {
                    b'c' => {
                        let mut command = value('c')?.into_vec();
                        command.push(b'\n');
                        self.run = Run::Command(OsString::from_vec(command));
                        i += 1;
                        break 'args;
                    }
                    b'm' => {
                        self.run = Run::Module(value('m')?);
                        i += 1;
                        break 'args;
                    }
                    b'W' => {
                        let v = value('W')?;
                        self.warnoptions.push(v);
                        break;
                    }
                    b'X' => {
                        let v = value('X')?;
                        self.xoptions.push(v);
                        break;
                    }
                    b'b' => self.bytes_warning += 1,
                    b'd' => self.parser_debug += 1,
                    b'i' => {
                        self.inspect = true;
                        self.interactive = true;
                    }
                    b'I' => self.isolated = true,
                    b'E' => self.use_environment = false,
                    b'O' => self.optimization_level += 1,
                    b'B' => self.write_bytecode = false,
                    b's' => self.user_site_directory = false,
                    b'S' => self.site_import = false,
                    b't' => {}
                    b'R' => self.force_hash_randomization = true,
                    b'u' => self.buffered_stdio = false,
                    b'v' => self.verbose += 1,
                    b'x' => self.skip_source_first_line = true,
                    b'h' | b'?' => self.print_and_exit = Some(PrintAndExit::Help),
                    b'P' => self.safe_path = true,
                    b'q' => self.quiet = true,
                    b'V' => version += 1,
                    b'J' => return Err(UsageError("-J is reserved for Jython".into())),
                    other => return Err(UsageError(format!("Unknown option: -{}", other as char))),
                }
            }
            i += 1;
        }
        match version {
            0 => {}
            1 => self.print_and_exit = Some(PrintAndExit::Version),
            _ => self.print_and_exit = Some(PrintAndExit::LongVersion),
        }
        let rest = argv.get(i..).unwrap_or(&[]);
        self.argv = match &self.run {
            Run::Command(_) => std::iter::once("-c".into()).chain(rest.iter().cloned()).collect(),
            Run::Module(_) => std::iter::once("-m".into()).chain(rest.iter().cloned()).collect(),
            _ => match rest.first() {
                Some(f) if f != "-" => {
                    self.run = Run::File(f.clone());
                    rest.to_vec()
                }
                Some(_) => rest.to_vec(),
                None => vec!["".into()],
            },
        };
        if self.isolated {
            self.use_environment = false;
            self.user_site_directory = false;
            self.safe_path = true;
        }
        Ok(())
    }

    fn env(&self, name: &str) -> Option<OsString> {
        if !self.use_environment {
            return None;
        }
        std::env::var_os(name).filter(|v| !v.is_empty())
    }

    fn env_flag(&self, name: &str) -> Option<i32> {
        let v = self.env(name)?;
        // Any text counts as 1, as CPython has it.
        Some(v.to_str().and_then(|s| s.trim().parse::<i32>().ok()).filter(|v| *v >= 0).unwrap_or(1))
    }

    /// The value of `-X name[=value]`: `None` when absent, `Some(None)` without a value.
    pub fn xoption(&self, name: &str) -> Option<Option<&OsStr>> {
        self.xoptions.iter().rev().find_map(|x| {
            let b = x.as_bytes();
            let (key, value) = match b.iter().position(|c| *c == b'=') {
                Some(p) => (&b[..p], Some(OsStr::from_bytes(&b[p + 1..]))),
                None => (b, None),
            };
            (key == name.as_bytes()).then_some(value)
        })
    }

    /// Reads the `PYTHON*` variables and `-X` options.
    pub fn read_environment(&mut self) -> Result<(), UsageError> {
        let fatal = |s: &str| UsageError(s.to_string());
        if let Some(n) = self.env_flag("PYTHONDEBUG") {
            self.parser_debug = self.parser_debug.max(n.min(1));
        }
        if let Some(n) = self.env_flag("PYTHONVERBOSE") {
            self.verbose = self.verbose.max(n);
        }
        if let Some(n) = self.env_flag("PYTHONOPTIMIZE") {
            self.optimization_level = self.optimization_level.max(n);
        }
        self.inspect |= self.env_flag("PYTHONINSPECT").is_some_and(|n| n > 0);
        if self.env_flag("PYTHONDONTWRITEBYTECODE").is_some_and(|n| n > 0) {
            self.write_bytecode = false;
        }
        if self.env_flag("PYTHONNOUSERSITE").is_some_and(|n| n > 0) {
            self.user_site_directory = false;
        }
        if self.env_flag("PYTHONUNBUFFERED").is_some_and(|n| n > 0) {
            self.buffered_stdio = false;
        }
        self.safe_path |= self.env("PYTHONSAFEPATH").is_some();
        self.dev_mode |= self.xoption("dev").is_some() || self.env("PYTHONDEVMODE").is_some();
        self.faulthandler |=
            self.dev_mode || self.xoption("faulthandler").is_some() || self.env("PYTHONFAULTHANDLER").is_some();
        if self.xoption("disable-remote-debug").is_some()
            || self.xoption("disable_remote_debug").is_some()
            || self.env("PYTHON_DISABLE_REMOTE_DEBUG").is_some()
        {
            self.remote_debug = false;
        }
        self.warn_default_encoding |=
            self.xoption("warn_default_encoding").is_some() || self.env("PYTHONWARNDEFAULTENCODING").is_some();
        if self.xoption("no_debug_ranges").is_some() || self.env("PYTHONNODEBUGRANGES").is_some() {
            self.code_debug_ranges = false;
        }
        match self.xoption("importtime") {
            Some(v) => {
                self.import_time = match v.and_then(OsStr::to_str).map(str::parse::<i32>) {
                    Some(Ok(2)) => 2,
                    Some(Ok(n)) if n != 1 => {
                        return Err(fatal(
                            "config_init_import_time: -X importtime: values other than 1 and 2 are reserved for future use.",
                        ));
                    }
                    _ => 1,
                }
            }
            None => self.import_time = self.env_flag("PYTHONPROFILEIMPORTTIME").unwrap_or(self.import_time),
        }
        match self.xoption("tracemalloc") {
            Some(None) => self.tracemalloc = 1,
            Some(Some(v)) => {
                self.tracemalloc = number(v).ok_or_else(|| fatal("-X tracemalloc=NFRAME: invalid number of frames"))?;
            }
            None => {
                if let Some(v) = self.env("PYTHONTRACEMALLOC") {
                    self.tracemalloc =
                        number(&v).ok_or_else(|| fatal("PYTHONTRACEMALLOC: invalid number of frames"))?;
                }
            }
        }
        // There is one copy of the bytecode only: the option is checked and has no effect
        if let Some(v) = self.xoption("tlbc") {
            if !v.is_some_and(|v| v == "0" || v == "1") {
                return Err(fatal("config_init_tlbc: -X tlbc=n: n is missing or invalid"));
            }
        } else if self.env("PYTHON_TLBC").is_some_and(|v| v != "0" && v != "1") {
            return Err(fatal("config_init_tlbc: PYTHON_TLBC=N: N is missing or invalid"));
        }
        match self.xoption("utf8") {
            Some(None) => self.utf8_mode = true,
            Some(Some(v)) => match v.as_bytes() {
                b"1" => self.utf8_mode = true,
                b"0" => self.utf8_mode = false,
                _ => return Err(fatal("invalid -X utf8 option value")),
            },
            None => {
                if let Some(v) = self.env("PYTHONUTF8") {
                    match v.as_bytes() {
                        b"1" => self.utf8_mode = true,
                        b"0" => self.utf8_mode = false,
                        _ => return Err(fatal("invalid PYTHONUTF8 environment variable value")),
                    }
                } else if ["LC_ALL", "LC_CTYPE", "LANG"]
                    .iter()
                    .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()))
                    .is_none_or(|v| v == "C" || v == "POSIX")
                {
                    self.utf8_mode = true;
                }
            }
        }
        match self.xoption("int_max_str_digits") {
            Some(v) => {
                self.int_max_str_digits = v
                    .and_then(number)
                    .filter(|n| *n == 0 || *n >= 640)
                    .ok_or_else(|| fatal("config_init_int_max_str_digits: -X int_max_str_digits: invalid limit; must be >= 640 or 0 for unlimited."))?;
            }
            None => {
                if let Some(v) = self.env("PYTHONINTMAXSTRDIGITS") {
                    self.int_max_str_digits = number(&v).filter(|n| *n == 0 || *n >= 640).ok_or_else(|| {
                        fatal("config_init_int_max_str_digits: PYTHONINTMAXSTRDIGITS: invalid limit; must be >= 640 or 0 for unlimited.")
                    })?;
                }
            }
        }
        let gil = match self.xoption("gil") {
            Some(v) => v.map(|v| (v.to_os_string(), "-X gil")),
            None => self.env("PYTHON_GIL").map(|v| (v, "PYTHON_GIL")),
        };
        if let Some((v, what)) = gil {
            self.enable_gil = match v.as_bytes() {
                b"0" => Some(false),
                b"1" => Some(true),
                b"report" | b"error" => {
                    self.gil_mode = if v.as_bytes() == b"error" {
                        crate::import::gil::Mode::Error
                    } else {
                        crate::import::gil::Mode::Report
                    };
                    None
                }
                _ => return Err(fatal(&format!("{what}: invalid value; must be \"0\" or \"1\""))),
            };
        } else if self.xoption("gil").is_some() {
            return Err(fatal("-X gil: missing value; must be \"0\" or \"1\""));
        }
        for (x, env, field) in [
            ("thread_inherit_context", "PYTHON_THREAD_INHERIT_CONTEXT", 0),
            ("context_aware_warnings", "PYTHON_CONTEXT_AWARE_WARNINGS", 1),
        ] {
            let v = match self.xoption(x) {
                Some(v) => v.map(OsStr::to_os_string),
                None => self.env(env),
            };
            if let Some(v) = v {
                let on = match v.as_bytes() {
                    b"0" => false,
                    b"1" => true,
                    _ => return Err(fatal(&format!("{env}: invalid value; must be \"0\" or \"1\""))),
                };
                if field == 0 { self.thread_inherit_context = on } else { self.context_aware_warnings = on }
            }
        }
        match self
            .xoption("cpu_count")
            .map(|v| v.map(OsStr::to_os_string))
            .unwrap_or_else(|| self.env("PYTHON_CPU_COUNT"))
        {
            Some(v) if v == "default" => self.cpu_count = -1,
            Some(v) => {
                self.cpu_count = number(&v)
                    .filter(|n| *n > 0)
                    .ok_or_else(|| fatal("-X cpu_count=N option: n must be greater than 0 or \"default\""))?;
            }
            None => {}
        }
        if let Some(v) = self.xoption("pycache_prefix") {
            self.pycache_prefix = v.filter(|v| !v.is_empty()).map(OsStr::to_os_string);
        } else if let Some(v) = self.env("PYTHONPYCACHEPREFIX") {
            self.pycache_prefix = Some(v);
        }
        if let Some(v) = self.env("PYTHONHASHSEED") {
            if v != "random" && !self.force_hash_randomization {
                let n = v.to_str().and_then(|s| s.parse::<u32>().ok());
                self.hash_seed = Some(n.ok_or_else(|| {
                    fatal("PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]")
                })?);
            }
        }
        if let Some(v) = self.env("PYTHONIOENCODING") {
            let v = v.to_string_lossy().into_owned();
            let (enc, err) = v.split_once(':').unwrap_or((&v, ""));
            if !enc.is_empty() {
                self.stdio_encoding = Some(enc.to_string());
                self.stdio_errors = Some("strict".into());
            }
            if !err.is_empty() {
                self.stdio_errors = Some(err.to_string());
            }
        }
        if let Some(v) = self.env("PYTHONWARNINGS") {
            let from_env = v.as_bytes().split(|c| *c == b',').map(|w| OsString::from_vec(w.to_vec()));
            let rest = std::mem::take(&mut self.warnoptions);
            self.warnoptions = from_env.chain(rest).collect();
        }
        if self.dev_mode {
            self.warnoptions.insert(0, "default".into());
        }
        if self.bytes_warning > 0 {
            self.warnoptions
                .push(if self.bytes_warning > 1 { "error::BytesWarning" } else { "default::BytesWarning" }.into());
        }
        self.pythonpath_env = self.pythonpath_env.take().or_else(|| self.env("PYTHONPATH"));
        self.home = self.home.take().or_else(|| self.env("PYTHONHOME"));
        if let Some(v) = self.env("PYTHONPLATLIBDIR") {
            self.platlibdir = v.to_string_lossy().into_owned();
        }
        Ok(())
    }
}

fn number(v: &OsStr) -> Option<i32> {
    v.to_str()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Config {
        let mut c = Config::default();
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        c.parse_command_line(&args).unwrap();
        c
    }

    #[test]
    fn command_takes_the_rest() {
        let c = parse(&["python", "-Bc", "pass", "-x", "y"]);
        assert!(!c.write_bytecode);
        assert_eq!(c.run, Run::Command("pass\n".into()));
        assert_eq!(c.argv, ["-c", "-x", "y"]);
    }

    #[test]
    fn isolated_implies_its_parts() {
        let c = parse(&["python", "-I", "prog.py", "-c"]);
        assert!(c.safe_path && !c.use_environment && !c.user_site_directory);
        assert_eq!(c.run, Run::File("prog.py".into()));
        assert_eq!(c.argv, ["prog.py", "-c"]);
    }

    #[test]
    fn unknown_option_is_an_error() {
        assert!(Config::default().parse_command_line(&["python".into(), "-Z".into()]).is_err());
    }
}
