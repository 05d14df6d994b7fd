//! `Py_BytesMain` and `Py_Main`: the `python` program as a function.

use runtime::lifecycle::config::{Config, PrintAndExit};
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

const USAGE: &str = "usage: {prog} [option] ... [-c cmd | -m mod | file | -] [arg] ...";
const TRY: &str = "Try `python -h' for more information.";

const HELP: &str = "Options (and corresponding environment variables):
-b     : issue warnings about converting bytes/bytearray to str and comparing
         bytes/bytearray with str or bytes with int; also PYTHONBYTESWARNING=x
         (-bb: issue errors)
-B     : don't write .pyc files on import; also PYTHONDONTWRITEBYTECODE=x
-c cmd : program passed in as string (terminates option list)
-d     : turn on parser debugging output; also PYTHONDEBUG=x
-E     : ignore PYTHON* environment variables (such as PYTHONPATH)
-h     : print this help message and exit (also -? or --help)
-i     : inspect interactively after running script; also PYTHONINSPECT=x
-I     : isolate Python from the user's environment (implies -E, -P and -s)
-m mod : run library module as a script (terminates option list)
-O     : remove assert and __debug__-dependent statements; also PYTHONOPTIMIZE=x
-OO    : do -O changes and also discard docstrings
-P     : don't prepend a potentially unsafe path to sys.path; also PYTHONSAFEPATH
-q     : don't print version and copyright messages on interactive startup
-s     : don't add user site directory to sys.path; also PYTHONNOUSERSITE=x
-S     : don't imply 'import site' on initialization
-u     : force the stdout and stderr streams to be unbuffered; also
         PYTHONUNBUFFERED=x
-v     : verbose (trace import statements); also PYTHONVERBOSE=x
-V     : print the Python version number and exit (also --version)
         when given twice, print more information about the build
-W arg : warning control; arg is action:message:category:module:lineno
         also PYTHONWARNINGS=arg
-x     : skip first line of source, allowing use of non-Unix forms of #!cmd
-X opt : set implementation-specific option
--check-hash-based-pycs always|default|never:
         control how Python invalidates hash-based .pyc files
--help-env: print help about Python environment variables and exit
--help-xoptions: print help about implementation-specific -X options and exit
--help-all: print complete help information and exit

Arguments:
file   : program read from script file
-      : program read from stdin (default; interactive mode if a tty)
arg ...: arguments passed to program in sys.argv[1:]
";

const HELP_ENV: &str = "Environment variables that change behavior:
PYTHONASYNCIODEBUG, PYTHONBREAKPOINT, PYTHONBYTESWARNING, PYTHONCOERCECLOCALE, PYTHONDEBUG,
PYTHONDEVMODE, PYTHONDONTWRITEBYTECODE, PYTHONEXECUTABLE, PYTHONFAULTHANDLER, PYTHON_GIL,
PYTHONHASHSEED, PYTHONHOME, PYTHONINSPECT, PYTHONINTMAXSTRDIGITS, PYTHONIOENCODING, PYTHONMALLOC,
PYTHONNODEBUGRANGES, PYTHONNOUSERSITE, PYTHONOPTIMIZE, PYTHONPATH, PYTHONPLATLIBDIR,
PYTHONPROFILEIMPORTTIME, PYTHONPYCACHEPREFIX, PYTHONSAFEPATH, PYTHONSTARTUP, PYTHONTRACEMALLOC,
PYTHONUNBUFFERED, PYTHONUSERBASE, PYTHONUTF8, PYTHONVERBOSE, PYTHONWARNDEFAULTENCODING,
PYTHONWARNINGS, PYTHON_CPU_COUNT, PYTHON_THREAD_INHERIT_CONTEXT, PYTHON_CONTEXT_AWARE_WARNINGS
";

const HELP_X: &str = "The following implementation-specific options are available:
-X context_aware_warnings=[0|1], -X cpu_count=N, -X dev, -X faulthandler, -X frozen_modules=[on|off],
-X gil=[0|1|report|error], -X importtime[=2], -X int_max_str_digits=N, -X no_debug_ranges,
-X pycache_prefix=PATH, -X showrefcount, -X thread_inherit_context=[0|1], -X tracemalloc[=N],
-X utf8[=0|1], -X warn_default_encoding
";

/// Runs the program `argv` describes and gives its exit status.
pub fn bytes_main(argv: Vec<OsString>) -> i32 {
    let mut config = Config::default();
    let prog = argv.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_else(|| "python3.14t".into());
    let parsed = config.parse_command_line(&argv);
    if let Err(e) = parsed {
        eprintln!("{}\n{}\n{}", e.0, USAGE.replace("{prog}", &prog), TRY);
        return 2;
    }
    match config.print_and_exit {
        Some(PrintAndExit::Version) => {
            println!("Python {}", runtime::PY_VERSION);
            return 0;
        }
        Some(PrintAndExit::LongVersion) => {
            println!("Python {}", stdlib::sys::version());
            return 0;
        }
        Some(p) => {
            print!(
                "{}\n{}",
                USAGE.replace("{prog}", &prog),
                match p {
                    PrintAndExit::HelpEnv => HELP_ENV.to_string(),
                    PrintAndExit::HelpXOptions => HELP_X.to_string(),
                    PrintAndExit::HelpAll => format!("{HELP}\n{HELP_ENV}\n{HELP_X}"),
                    _ => HELP.to_string(),
                }
            );
            return 0;
        }
        None => {}
    }
    if let Err(e) = config.read_environment() {
        eprintln!("Fatal Python error: {}\nPython runtime state: preinitialized\n", e.0);
        return 1;
    }
    let allocator = if config.use_environment { std::env::var_os("PYTHONMALLOC") } else { None };
    if let Err(e) = crate::debug_alloc::configure(allocator.as_deref().map(OsStr::as_bytes), config.dev_mode) {
        eprintln!("Fatal Python error: preconfig_init_allocator: {e}\nPython runtime state: preinitialized\n");
        return 1;
    }
    if let Err(e) = runtime::lifecycle::initialize(config, stdlib::INITTAB) {
        eprintln!("Fatal Python error: {}\nPython runtime state: core initialized", e.0);
        // The streams do not exist yet: the exception goes to file descriptor 2 as plain text.
        if let Some(e) = runtime::error::take_error() {
            let text = e.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            eprintln!("{}: {text}", e.ty().name_str());
        }
        return 1;
    }
    runtime::lifecycle::run_main()
}

/// `Py_BytesMain`.
///
/// # Safety
/// `argv` holds `argc` null-terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Py_BytesMain(argc: core::ffi::c_int, argv: *mut *mut core::ffi::c_char) -> core::ffi::c_int {
    // SAFETY: the caller's promise.
    let args = (0..argc.max(0) as usize)
        .map(|i| unsafe { OsStr::from_bytes(CStr::from_ptr(*argv.add(i)).to_bytes()).to_os_string() })
        .collect();
    match std::panic::catch_unwind(|| bytes_main(args)) {
        Ok(status) => status,
        Err(_) => {
            eprintln!("Fatal Python error: internal error in the main program");
            1
        }
    }
}
