//! `pylifecycle.h`, `cpython/initconfig.h`: starting and stopping, configurations.

use crate::codecs::surrogate_escape;
use crate::export::{CText, fine};
use core::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use core::ptr::{null, null_mut};
use runtime::abi::{self, PyConfig, PyPreConfig, PyStatus, PyWideStringList};
use runtime::lifecycle::config::{Config, Run};
use runtime::lifecycle::subinterp::{Settings, Whence};
use runtime::mem::domains;
use runtime::prelude::*;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

type Wide = c_int;

const OK: [u8; 4] = 0u32.to_ne_bytes();
const ERROR: [u8; 4] = 1u32.to_ne_bytes();
const EXIT: [u8; 4] = 2u32.to_ne_bytes();

fn status_ok() -> PyStatus {
    PyStatus { _type: OK, func: null_mut(), err_msg: null_mut(), exitcode: 0 }
}

/// An error; the message lives as long as the process.
fn status_error(message: &str) -> PyStatus {
    let text = std::ffi::CString::new(message.replace('\0', " ")).unwrap_or_default();
    PyStatus { _type: ERROR, func: null_mut(), err_msg: text.into_raw(), exitcode: 0 }
}

fn no_memory() -> PyStatus {
    status_error("memory allocation failed")
}

/// Ends the process with the fatal-error report.
pub fn fatal(function: &str, message: &str) -> ! {
    let place = if function.is_empty() { String::new() } else { format!("{function}: ") };
    eprintln!("Fatal Python error: {place}{message}");
    let state = if runtime::lifecycle::is_initialized() { "initialized" } else { "unknown" };
    eprintln!("Python runtime state: {state}\n");
    runtime::thread::dump::stack(2, ThreadState::try_current().or_else(runtime::thread::gilstate));
    eprintln!();
    runtime::thread::dump::c_stack(2);
    std::process::abort()
}

// -- wide strings -----------------------------------------------------------------------------

/// A wide string in the raw domain.
fn wide(chars: &[u32]) -> *mut Wide {
    // SAFETY: a fresh block, filled whole.
    unsafe {
        let p = domains::raw_malloc((chars.len() + 1) * 4).cast::<Wide>();
        if !p.is_null() {
            for (i, c) in chars.iter().enumerate() {
                *p.add(i) = *c as Wide;
            }
            *p.add(chars.len()) = 0;
        }
        p
    }
}

fn wide_os(s: &OsStr) -> *mut Wide {
    wide(&surrogate_escape(s.as_bytes()))
}

unsafe fn wide_chars(p: *const Wide) -> Vec<u32> {
    // SAFETY: C passes a terminated string.
    (0..).map(|i| unsafe { *p.add(i) } as u32).take_while(|c| *c != 0).collect()
}

/// Back to bytes: lone surrogates are the bytes that did not decode.
unsafe fn wide_to_os(p: *const Wide) -> Option<OsString> {
    if p.is_null() {
        return None;
    }
    let mut out = Vec::new();
    // SAFETY: C passes a terminated string.
    for c in unsafe { wide_chars(p) } {
        if (0xdc80..=0xdcff).contains(&c) {
            out.push(c as u8);
        } else {
            out.extend_from_slice(char::from_u32(c).unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Some(OsString::from_vec(out))
}

unsafe fn replace_wide(place: *mut *mut Wide, new: *mut Wide) {
    // SAFETY: the place owns a string of the raw domain, or null.
    unsafe {
        let old = core::mem::replace(&mut *place, new);
        if !old.is_null() {
            domains::raw_free(old.cast());
        }
    }
}

unsafe fn list_items(list: &PyWideStringList) -> Vec<OsString> {
    // SAFETY: a valid list.
    (0..list.length.max(0)).filter_map(|i| unsafe { wide_to_os((*list.items.offset(i)).cast()) }).collect()
}

unsafe fn list_insert(list: *mut PyWideStringList, index: isize, item: *mut Wide) -> bool {
    // SAFETY: a valid list, whose array is of the raw domain.
    unsafe {
        let l = &mut *list;
        let n = l.length.max(0);
        let bigger = domains::raw_malloc((n as usize + 1) * 8).cast::<*mut Wide>();
        if bigger.is_null() || item.is_null() {
            return false;
        }
        let at = index.clamp(0, n);
        for i in 0..n {
            *bigger.offset(i + isize::from(i >= at)) = (*l.items.offset(i)).cast();
        }
        *bigger.offset(at) = item;
        if !l.items.is_null() {
            domains::raw_free(l.items.cast());
        }
        l.items = bigger.cast();
        l.length = n + 1;
        true
    }
}

unsafe fn list_clear(list: *mut PyWideStringList) {
    // SAFETY: a valid list.
    unsafe {
        let l = &mut *list;
        for i in 0..l.length.max(0) {
            domains::raw_free((*l.items.offset(i)).cast());
        }
        if !l.items.is_null() {
            domains::raw_free(l.items.cast());
        }
        l.items = null_mut();
        l.length = 0;
    }
}

unsafe fn list_set(list: *mut PyWideStringList, items: &[OsString]) {
    // SAFETY: a valid list.
    unsafe {
        list_clear(list);
        for item in items {
            list_insert(list, isize::MAX, wide_os(item));
        }
    }
}

// -- configuration ------------------------------------------------------------------------------

/// How each option travels: its name, and where it lives on either side.
macro_rules! options {
    ($apply:ident) => {
        $apply! {
            flags: isolated use_environment dev_mode install_signal_handlers faulthandler code_debug_ranges parse_argv site_import
                warn_default_encoding inspect interactive write_bytecode quiet user_site_directory configure_c_stdio buffered_stdio
                safe_path thread_inherit_context context_aware_warnings use_frozen_modules skip_source_first_line;
            ints: tracemalloc import_time bytes_warning optimization_level parser_debug verbose int_max_str_digits cpu_count;
            paths: pycache_prefix pythonpath_env home stdlib_dir executable base_executable prefix base_prefix exec_prefix
                base_exec_prefix sys_path_0;
            texts: filesystem_encoding filesystem_errors check_hash_pycs_mode platlibdir;
            opt_texts: stdio_encoding stdio_errors;
            lists: orig_argv argv xoptions warnoptions;
        }
    };
}

/// Fills a C configuration from ours.
unsafe fn export_config(from: &Config, to: *mut PyConfig) {
    // SAFETY: C passes a configuration whose strings are of the raw domain, or zero.
    unsafe {
        let c = &mut *to;
        macro_rules! apply {
            (flags: $($f:ident)*; ints: $($i:ident)*; paths: $($p:ident)*; texts: $($t:ident)*; opt_texts: $($o:ident)*; lists: $($l:ident)*;) => {
                $(c.$f = from.$f.into();)*
                $(c.$i = from.$i;)*
                $(replace_wide((&raw mut c.$p).cast(), from.$p.as_ref().map_or(null_mut(), |p| wide_os(p)));)*
                $(replace_wide((&raw mut c.$t).cast(), wide_os(OsStr::new(&from.$t)));)*
                $(replace_wide((&raw mut c.$o).cast(), from.$o.as_ref().map_or(null_mut(), |p| wide_os(OsStr::new(p))));)*
                $(list_set(&raw mut c.$l, &from.$l);)*
            };
        }
        options!(apply);
        c.use_hash_seed = from.hash_seed.is_some().into();
        c.hash_seed = from.hash_seed.unwrap_or(0).into();
        c.enable_gil = from.enable_gil.map_or(-1, c_int::from);
        c._install_importlib = from.install_importlib.into();
        c._init_main = from.init_main.into();
        replace_wide((&raw mut c.program_name).cast(), wide_os(&from.program_name));
        c.module_search_paths_set = from.module_search_paths.is_some().into();
        list_set(&raw mut c.module_search_paths, from.module_search_paths.as_deref().unwrap_or(&[]));
        let (mut command, mut module, mut file) = (null_mut(), null_mut(), null_mut());
        match &from.run {
            Run::Command(t) => command = wide_os(t),
            Run::Module(t) => module = wide_os(t),
            Run::File(t) => file = wide_os(t),
            Run::Stdin => {}
        }
        replace_wide((&raw mut c.run_command).cast(), command);
        replace_wide((&raw mut c.run_module).cast(), module);
        replace_wide((&raw mut c.run_filename).cast(), file);
    }
}

/// Reads a C configuration over ours. Numbers that are negative were not set.
unsafe fn import_config(from: *const PyConfig) -> Config {
    let mut to = Config::default();
    // SAFETY: C passes a valid configuration.
    unsafe {
        let c = &*from;
        macro_rules! apply {
            (flags: $($f:ident)*; ints: $($i:ident)*; paths: $($p:ident)*; texts: $($t:ident)*; opt_texts: $($o:ident)*; lists: $($l:ident)*;) => {
                $(if c.$f >= 0 { to.$f = c.$f != 0; })*
                $(if c.$i >= 0 { to.$i = c.$i; })*
                $(to.$p = wide_to_os(c.$p.cast());)*
                $(if let Some(t) = wide_to_os(c.$t.cast()) { to.$t = t.to_string_lossy().into_owned(); })*
                $(to.$o = wide_to_os(c.$o.cast()).map(|t| t.to_string_lossy().into_owned());)*
                $(to.$l = list_items(&c.$l);)*
            };
        }
        options!(apply);
        to.hash_seed = (c.use_hash_seed > 0).then_some(c.hash_seed as u32);
        to.enable_gil = (c.enable_gil >= 0).then_some(c.enable_gil != 0);
        to.install_importlib = c._install_importlib != 0;
        to.init_main = c._init_main != 0;
        if let Some(p) = wide_to_os(c.program_name.cast()) {
            to.program_name = p;
        }
        to.module_search_paths = (c.module_search_paths_set > 0).then(|| list_items(&c.module_search_paths));
        to.run = if let Some(t) = wide_to_os(c.run_command.cast()) {
            Run::Command(t)
        } else if let Some(t) = wide_to_os(c.run_module.cast()) {
            Run::Module(t)
        } else if let Some(t) = wide_to_os(c.run_filename.cast()) {
            Run::File(t)
        } else {
            Run::Stdin
        };
    }
    to
}

/// Parses the command line and reads the environment, as `PyConfig_Read` does.
fn read_config(config: &mut Config) -> Result<(), PyStatus> {
    if config.parse_argv && !config.argv.is_empty() {
        let argv = config.argv.clone();
        config.parse_command_line(&argv).map_err(|e| {
            eprintln!("{}", e.0);
            PyStatus { _type: EXIT, func: null_mut(), err_msg: null_mut(), exitcode: 2 }
        })?;
        config.parse_argv = false;
    }
    if config.orig_argv.is_empty() {
        config.orig_argv = config.argv.clone();
    }
    if config.argv.is_empty() {
        config.argv = vec![OsString::new()];
    }
    if config.use_environment {
        config.read_environment().map_err(|e| status_error(&e.0))?;
    }
    Ok(())
}

fn initialize(mut config: Config) -> PyStatus {
    if runtime::lifecycle::is_initialized() {
        return status_ok();
    }
    if let Err(status) = read_config(&mut config) {
        return status;
    }
    match runtime::lifecycle::initialize(config, stdlib::INITTAB) {
        Ok(()) => status_ok(),
        Err(e) => {
            if ThreadState::try_current().is_some() && runtime::error::error_occurred() {
                runtime::objects::exceptions::display::print_set_error();
            }
            status_error(&e.0)
        }
    }
}

unsafe fn init_c_config(config: *mut PyConfig, kind: c_int, from: &Config) {
    // SAFETY: C passes a place for a configuration.
    unsafe {
        core::ptr::write_bytes(config, 0, 1);
        let c = &mut *config;
        // What is not said here is asked of the environment and the command line.
        export_config(from, config);
        c._config_init = kind;
        c.perf_profiling = -1;
        c.remote_debug = -1;
        c.tlbc_enabled = -1;
        c.pathconfig_warnings = 1;
        c.use_hash_seed = -1;
        replace_wide((&raw mut c.program_name).cast(), null_mut());
        for place in [
            &raw mut c.filesystem_encoding,
            &raw mut c.filesystem_errors,
            &raw mut c.check_hash_pycs_mode,
            &raw mut c.platlibdir,
        ] {
            replace_wide(place.cast(), null_mut());
        }
    }
}

/// An unconverted `PyInitConfig`: a C configuration and the last error.
struct InitConfig {
    config: PyConfig,
    error: Option<std::ffi::CString>,
    exit: Option<c_int>,
}

fn set_status(c: &mut InitConfig, status: PyStatus) -> c_int {
    if status._type == OK {
        return 0;
    }
    if status._type == EXIT {
        c.exit = Some(status.exitcode);
    } else if !status.err_msg.is_null() {
        // SAFETY: a message of ours.
        c.error = Some(unsafe { CStr::from_ptr(status.err_msg) }.to_owned());
    }
    -1
}

/// A member of a C configuration by its name.
enum Member {
    Int(*mut c_int),
    Text(*mut *mut Wide),
    List(*mut PyWideStringList),
}

fn member(c: *mut PyConfig, name: &str) -> Option<Member> {
    // SAFETY: only addresses of fields are taken.
    unsafe {
        macro_rules! find {
            (flags: $($f:ident)*; ints: $($i:ident)*; paths: $($p:ident)*; texts: $($t:ident)*; opt_texts: $($o:ident)*; lists: $($l:ident)*;) => {
                match name {
                    $(stringify!($f) => Some(Member::Int(&raw mut (*c).$f)),)*
                    $(stringify!($i) => Some(Member::Int(&raw mut (*c).$i)),)*
                    $(stringify!($p) => Some(Member::Text((&raw mut (*c).$p).cast())),)*
                    $(stringify!($t) => Some(Member::Text((&raw mut (*c).$t).cast())),)*
                    $(stringify!($o) => Some(Member::Text((&raw mut (*c).$o).cast())),)*
                    $(stringify!($l) => Some(Member::List(&raw mut (*c).$l)),)*
                    "enable_gil" => Some(Member::Int(&raw mut (*c).enable_gil)),
                    "use_hash_seed" => Some(Member::Int(&raw mut (*c).use_hash_seed)),
                    "program_name" => Some(Member::Text((&raw mut (*c).program_name).cast())),
                    "run_command" => Some(Member::Text((&raw mut (*c).run_command).cast())),
                    "run_module" => Some(Member::Text((&raw mut (*c).run_module).cast())),
                    "run_filename" => Some(Member::Text((&raw mut (*c).run_filename).cast())),
                    "module_search_paths" => Some(Member::List(&raw mut (*c).module_search_paths)),
                    _ => None,
                }
            };
        }
        options!(find)
    }
}

fn utf8_copy(s: &OsStr) -> *mut c_char {
    // SAFETY: a fresh block, filled whole; freed with free().
    unsafe {
        let p = libc::malloc(s.len() + 1).cast::<c_char>();
        if !p.is_null() {
            core::ptr::copy_nonoverlapping(s.as_bytes().as_ptr().cast(), p, s.len());
            *p.add(s.len()) = 0;
        }
        p
    }
}

impl crate::export::Failure for PyStatus {
    const FAILURE: PyStatus =
        PyStatus { _type: ERROR, func: null_mut(), err_msg: c"internal error".as_ptr().cast_mut(), exitcode: 0 };
}
impl crate::export::ToC<PyStatus> for PyStatus {
    fn to_c(self) -> PyStatus {
        self
    }
}
impl crate::export::FromC for PyStatus {
    type Raw = PyStatus;
    unsafe fn from_c(raw: PyStatus) -> PyResult<PyStatus> {
        Ok(raw)
    }
}

capi! {
    raw fn PyStatus_Ok() -> PyStatus { fine(status_ok()) }
    raw fn PyStatus_Error(message: *const c_char) -> PyStatus {
        fine(PyStatus { _type: ERROR, func: null_mut(), err_msg: message.cast_mut(), exitcode: 0 })
    }
    raw fn PyStatus_NoMemory() -> PyStatus { fine(no_memory()) }
    raw fn PyStatus_Exit(code: c_int) -> PyStatus {
        fine(PyStatus { _type: EXIT, func: null_mut(), err_msg: null_mut(), exitcode: code })
    }
    raw fn PyStatus_IsError(s: PyStatus) -> c_int { fine(s._type == ERROR) }
    raw fn PyStatus_IsExit(s: PyStatus) -> c_int { fine(s._type == EXIT) }
    raw fn PyStatus_Exception(s: PyStatus) -> c_int { fine(s._type != OK) }
    raw fn Py_ExitStatusException(s: PyStatus) {
        if s._type == EXIT {
            std::process::exit(s.exitcode);
        }
        if s._type == ERROR {
            // SAFETY: messages are C strings.
            let text = |p: *mut c_char| if p.is_null() { String::new() } else { unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned() };
            let place = text(s.func);
            eprintln!("Fatal Python error: {}{}", if place.is_empty() { place } else { format!("{place}: ") }, text(s.err_msg));
            std::process::exit(1);
        }
        let () = fatal("Py_ExitStatusException", "Py_ExitStatusException() must not be called on success");
        Ok(())
    }

    raw fn PyWideStringList_Append(list: *mut PyWideStringList, item: *const Wide) -> PyStatus {
        // SAFETY: C passes a list and a terminated string.
        fine(if unsafe { list_insert(list, isize::MAX, wide(&wide_chars(item))) } { status_ok() } else { no_memory() })
    }
    raw fn PyWideStringList_Insert(list: *mut PyWideStringList, index: isize, item: *const Wide) -> PyStatus {
        if index < 0 {
            return fine(status_error("PyWideStringList_Insert index must be >= 0"));
        }
        // SAFETY: C passes a list and a terminated string.
        fine(if unsafe { list_insert(list, index, wide(&wide_chars(item))) } { status_ok() } else { no_memory() })
    }

    raw fn PyPreConfig_InitPythonConfig(c: *mut PyPreConfig) {
        // SAFETY: C passes a place.
        unsafe {
            *c = PyPreConfig {
                _config_init: 2, parse_argv: 1, isolated: 0, use_environment: 1, configure_locale: 1, coerce_c_locale: -1,
                coerce_c_locale_warn: -1, utf8_mode: -1, dev_mode: -1, allocator: 0,
            };
        }
        Ok(())
    }
    raw fn PyPreConfig_InitIsolatedConfig(c: *mut PyPreConfig) {
        // SAFETY: C passes a place.
        unsafe {
            *c = PyPreConfig {
                _config_init: 3, parse_argv: 0, isolated: 1, use_environment: 0, configure_locale: 0, coerce_c_locale: 0,
                coerce_c_locale_warn: 0, utf8_mode: 0, dev_mode: 0, allocator: 0,
            };
        }
        Ok(())
    }
    raw fn Py_PreInitialize(_c: *const PyPreConfig) -> PyStatus { fine(status_ok()) }
    raw fn Py_PreInitializeFromArgs(_c: *const PyPreConfig, _argc: isize, _argv: *mut *mut Wide) -> PyStatus { fine(status_ok()) }
    raw fn Py_PreInitializeFromBytesArgs(_c: *const PyPreConfig, _argc: isize, _argv: *mut *mut c_char) -> PyStatus { fine(status_ok()) }

    raw fn PyConfig_InitPythonConfig(c: *mut PyConfig) {
        // SAFETY: C passes a place.
        unsafe { init_c_config(c, 2, &Config::default()) };
        Ok(())
    }
    raw fn PyConfig_InitIsolatedConfig(c: *mut PyConfig) {
        // SAFETY: C passes a place.
        unsafe { init_c_config(c, 3, &Config::isolated()) };
        Ok(())
    }
    raw fn PyConfig_Clear(c: *mut PyConfig) {
        // SAFETY: C passes an initialised configuration.
        unsafe {
            let c = &mut *c;
            macro_rules! apply {
                (flags: $($f:ident)*; ints: $($i:ident)*; paths: $($p:ident)*; texts: $($t:ident)*; opt_texts: $($o:ident)*; lists: $($l:ident)*;) => {
                    $(replace_wide((&raw mut c.$p).cast(), null_mut());)*
                    $(replace_wide((&raw mut c.$t).cast(), null_mut());)*
                    $(replace_wide((&raw mut c.$o).cast(), null_mut());)*
                    $(list_clear(&raw mut c.$l);)*
                };
            }
            options!(apply);
            list_clear(&raw mut c.module_search_paths);
            for place in [&raw mut c.program_name, &raw mut c.run_command, &raw mut c.run_module, &raw mut c.run_filename, &raw mut c.dump_refs_file] {
                replace_wide(place.cast(), null_mut());
            }
        }
        Ok(())
    }
    raw fn PyConfig_SetString(_c: *mut PyConfig, place: *mut *mut Wide, text: *const Wide) -> PyStatus {
        // SAFETY: C passes a place of its configuration.
        unsafe {
            let new = if text.is_null() { null_mut() } else { wide(&wide_chars(text)) };
            if new.is_null() && !text.is_null() {
                return fine(no_memory());
            }
            replace_wide(place, new);
        }
        fine(status_ok())
    }
    raw fn PyConfig_SetBytesString(_c: *mut PyConfig, place: *mut *mut Wide, text: Option<CText<'_>>) -> PyStatus {
        // SAFETY: C passes a place of its configuration.
        unsafe { replace_wide(place, text.map_or(null_mut(), |t| wide(&surrogate_escape(t.to_bytes())))) };
        fine(status_ok())
    }
    raw fn PyConfig_SetArgv(c: *mut PyConfig, argc: isize, argv: *const *mut Wide) -> PyStatus {
        // SAFETY: C passes a configuration and `argc` strings.
        unsafe {
            list_clear(&raw mut (*c).argv);
            for i in 0..argc {
                list_insert(&raw mut (*c).argv, isize::MAX, wide(&wide_chars(*argv.offset(i))));
            }
        }
        fine(status_ok())
    }
    raw fn PyConfig_SetBytesArgv(c: *mut PyConfig, argc: isize, argv: *const *mut c_char) -> PyStatus {
        // SAFETY: C passes a configuration and `argc` strings.
        unsafe {
            list_clear(&raw mut (*c).argv);
            for i in 0..argc {
                let arg = CStr::from_ptr(*argv.offset(i));
                list_insert(&raw mut (*c).argv, isize::MAX, wide(&surrogate_escape(arg.to_bytes())));
            }
        }
        fine(status_ok())
    }
    raw fn PyConfig_SetWideStringList(_c: *mut PyConfig, list: *mut PyWideStringList, n: isize, items: *mut *mut Wide) -> PyStatus {
        // SAFETY: C passes a list of its configuration and `n` strings.
        unsafe {
            list_clear(list);
            for i in 0..n {
                list_insert(list, isize::MAX, wide(&wide_chars(*items.offset(i))));
            }
        }
        fine(status_ok())
    }
    raw fn PyConfig_Read(c: *mut PyConfig) -> PyStatus {
        // SAFETY: C passes an initialised configuration.
        unsafe {
            let mut config = import_config(c);
            if let Err(status) = read_config(&mut config) {
                return fine(status);
            }
            runtime::lifecycle::path::calculate(&mut config);
            export_config(&config, c);
        }
        fine(status_ok())
    }
    raw fn Py_InitializeFromConfig(c: *const PyConfig) -> PyStatus {
        if c.is_null() {
            return fine(status_error("initialization config is NULL"));
        }
        // SAFETY: C passes an initialised configuration.
        fine(initialize(unsafe { import_config(c) }))
    }

    raw fn PyInitConfig_Create() -> *mut c_void {
        let mut c = Box::new(InitConfig {
            // SAFETY: filled at once.
            config: unsafe { core::mem::zeroed() },
            error: None,
            exit: None,
        });
        // SAFETY: a place of ours.
        unsafe { init_c_config(&raw mut c.config, 3, &Config::isolated()) };
        fine(Box::into_raw(c).cast::<c_void>())
    }
    raw fn PyInitConfig_Free(p: *mut c_void) {
        if !p.is_null() {
            // SAFETY: made by `PyInitConfig_Create`, freed once.
            unsafe {
                let mut c = Box::from_raw(p.cast::<InitConfig>());
                PyConfig_Clear(&raw mut c.config);
            }
        }
        Ok(())
    }
    raw fn PyInitConfig_GetError(p: *mut c_void, message: *mut *const c_char) -> c_int {
        // SAFETY: C passes a live configuration and a place.
        unsafe {
            let c = &*p.cast::<InitConfig>();
            *message = c.error.as_ref().map_or(null(), |e| e.as_ptr());
            fine(c_int::from(c.error.is_some() || c.exit.is_some()))
        }
    }
    raw fn PyInitConfig_GetExitCode(p: *mut c_void, code: *mut c_int) -> c_int {
        // SAFETY: C passes a live configuration and a place.
        unsafe {
            let c = &*p.cast::<InitConfig>();
            if let Some(e) = c.exit {
                *code = e;
            }
            fine(c_int::from(c.exit.is_some()))
        }
    }
    raw fn PyInitConfig_HasOption(p: *mut c_void, name: CText<'_>) -> c_int {
        // SAFETY: C passes a live configuration.
        fine(member(unsafe { &raw mut (*p.cast::<InitConfig>()).config }, &name.to_string_lossy()).is_some())
    }
    raw fn PyInitConfig_GetInt(p: *mut c_void, name: CText<'_>, value: *mut i64) -> c_int {
        // SAFETY: C passes a live configuration and a place.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::Int(i)) => {
                    *value = (*i).into();
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_SetInt(p: *mut c_void, name: CText<'_>, value: i64) -> c_int {
        // SAFETY: C passes a live configuration.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::Int(i)) => {
                    *i = value as c_int;
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_GetStr(p: *mut c_void, name: CText<'_>, value: *mut *mut c_char) -> c_int {
        // SAFETY: C passes a live configuration and a place.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::Text(t)) => {
                    *value = wide_to_os(*t).map_or(null_mut(), |s| utf8_copy(&s));
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_SetStr(p: *mut c_void, name: CText<'_>, value: CText<'_>) -> c_int {
        // SAFETY: C passes a live configuration.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::Text(t)) => {
                    replace_wide(t, wide(&surrogate_escape(value.to_bytes())));
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_GetStrList(p: *mut c_void, name: CText<'_>, n: *mut usize, items: *mut *mut *mut c_char) -> c_int {
        // SAFETY: C passes a live configuration and places.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::List(l)) => {
                    let all = list_items(&*l);
                    let array = libc::malloc(all.len().max(1) * 8).cast::<*mut c_char>();
                    for (i, s) in all.iter().enumerate() {
                        *array.add(i) = utf8_copy(s);
                    }
                    *n = all.len();
                    *items = array;
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_FreeStrList(n: usize, items: *mut *mut c_char) {
        // SAFETY: made by `PyInitConfig_GetStrList`.
        unsafe {
            for i in 0..n {
                libc::free((*items.add(i)).cast());
            }
            libc::free(items.cast());
        }
        Ok(())
    }
    raw fn PyInitConfig_SetStrList(p: *mut c_void, name: CText<'_>, n: usize, items: *const *mut c_char) -> c_int {
        // SAFETY: C passes a live configuration and `n` strings.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            match member(&raw mut c.config, &name.to_string_lossy()) {
                Some(Member::List(l)) => {
                    list_clear(l);
                    for i in 0..n {
                        list_insert(l, isize::MAX, wide(&surrogate_escape(CStr::from_ptr(*items.add(i)).to_bytes())));
                    }
                    if name.to_bytes() == b"module_search_paths" {
                        c.config.module_search_paths_set = 1;
                    }
                    Ok(0)
                }
                _ => fine(set_status(c, status_error(&format!("unknown config option name: {}", name.to_string_lossy())))),
            }
        }
    }
    raw fn PyInitConfig_AddModule(_p: *mut c_void, name: CText<'_>, init: Option<unsafe extern "C" fn() -> *mut abi::PyObject>) -> c_int {
        let Some(init) = init else { return Ok(-1) };
        runtime::import::append_inittab(&name.to_string_lossy(), init);
        Ok(0)
    }
    raw fn Py_InitializeFromInitConfig(p: *mut c_void) -> c_int {
        // SAFETY: C passes a live configuration.
        unsafe {
            let c = &mut *p.cast::<InitConfig>();
            let status = initialize(import_config(&raw const c.config));
            fine(set_status(c, status))
        }
    }

    raw fn Py_Initialize() {
        start(true)
    }
    raw fn Py_InitializeEx(signals: c_int) {
        start(signals != 0)
    }
    raw fn Py_IsInitialized() -> c_int {
        fine(runtime::lifecycle::is_initialized())
    }
    raw fn Py_IsFinalizing() -> c_int {
        fine(runtime::thread::InterpreterState::try_main().is_some_and(|i| i.is_finalizing()))
    }
    raw fn Py_FinalizeEx() -> c_int {
        fine(runtime::lifecycle::finalize())
    }
    raw fn Py_Finalize() {
        runtime::lifecycle::finalize();
        Ok(())
    }
    raw fn Py_RunMain() -> c_int {
        fine(runtime::lifecycle::run_main())
    }
    raw fn Py_Main(argc: c_int, argv: *mut *mut Wide) -> c_int {
        // SAFETY: C passes `argc` strings.
        let args = (0..argc.max(0) as usize).filter_map(|i| unsafe { wide_to_os(*argv.add(i)) }).collect();
        fine(crate::main_entry::bytes_main(args))
    }
    raw fn Py_FrozenMain(argc: c_int, argv: *mut *mut c_char) -> c_int {
        // SAFETY: C passes `argc` strings.
        fine(unsafe { crate::main_entry::Py_BytesMain(argc, argv) })
    }
    raw fn Py_Exit(code: c_int) {
        let status = if runtime::lifecycle::finalize_for_exit() < 0 { 120 } else { code };
        let () = std::process::exit(status);
        Ok(())
    }
    raw fn Py_AtExit(f: Option<unsafe extern "C" fn()>) -> c_int {
        let Some(f) = f else { return Ok(-1) };
        fine(if runtime::thread::atexit::register_after_end(f) { 0 } else { -1 })
    }
    fn PyUnstable_AtExit(_i: *mut c_void, f: Option<unsafe extern "C" fn(*mut c_void)>, data: *mut c_void) -> c_int {
        let Some(f) = f else { return Err(crate::export::bad_internal_call()) };
        ThreadState::current().interp().atexit.register_c((f, data));
        Ok(())
    }
    raw fn Py_FatalError(message: CText<'_>) {
        let () = fatal("", &message.to_string_lossy());
        Ok(())
    }
    raw fn _Py_FatalErrorFunc(function: Option<CText<'_>>, message: CText<'_>) {
        let () = fatal(&function.map_or(String::new(), |f| f.to_string_lossy().into_owned()), &message.to_string_lossy());
        Ok(())
    }

    raw fn Py_NewInterpreter() -> *mut abi::PyThreadState {
        fine(new_interpreter(Settings::LEGACY, Whence::LegacyCapi).map_or(null_mut(), ThreadState::as_abi))
    }
    raw fn Py_NewInterpreterFromConfig(place: *mut *mut abi::PyThreadState, config: *const abi::PyInterpreterConfig) -> PyStatus {
        // SAFETY: C passes a configuration and a place for the result.
        unsafe {
            *place = null_mut();
            let c = &*config;
            let settings = crate::internal::interp::settings_of(c);
            if let Err(text) = settings.check() {
                return Ok(status_error(text));
            }
            match new_interpreter(settings, Whence::Capi) {
                Some(ts) => {
                    *place = ts.as_abi();
                    fine(status_ok())
                }
                None => fine(status_error("sub-interpreter creation failed")),
            }
        }
    }
    raw fn Py_EndInterpreter(ts: *mut abi::PyThreadState) {
        // SAFETY: C passes the attached state of a sub-interpreter.
        let ts = unsafe { ThreadState::from_abi(ts) };
        runtime::lifecycle::subinterp::end(ts);
        Ok(())
    }

    raw fn Py_GetVersion() -> *const c_char {
        static VERSION: std::sync::OnceLock<std::ffi::CString> = std::sync::OnceLock::new();
        fine(VERSION.get_or_init(|| std::ffi::CString::new(stdlib::sys::version()).unwrap_or_default()).as_ptr())
    }
    raw fn Py_GetPlatform() -> *const c_char { fine(c"linux".as_ptr()) }
    raw fn Py_GetCompiler() -> *const c_char { fine(c"[rustc]".as_ptr()) }
    raw fn Py_GetBuildInfo() -> *const c_char { fine(c"freewheel".as_ptr()) }
    raw fn Py_GetCopyright() -> *const c_char { fine(c"Freewheel is copyright (c) 2026 the Freewheel developers, under the MIT licence.\nThe Python standard library is copyright (c) 2001 Python Software Foundation, under the PSF licence.".as_ptr()) }
    raw fn Py_GetPrefix() -> *const Wide { config_text(|c| c.prefix.clone()) }
    raw fn Py_GetExecPrefix() -> *const Wide { config_text(|c| c.exec_prefix.clone()) }
    raw fn Py_GetPythonHome() -> *const Wide { config_text(|c| c.home.clone()) }
    raw fn Py_GetProgramName() -> *const Wide { config_text(|c| Some(c.program_name.clone())) }
    raw fn Py_GetProgramFullPath() -> *const Wide { config_text(|c| c.executable.clone()) }
    raw fn Py_GetPath() -> *const Wide {
        config_text(|c| c.module_search_paths.as_ref().map(|p| p.join(OsStr::new(":"))))
    }
    raw fn Py_SetProgramName(name: *const Wide) {
        // SAFETY: C passes a terminated string.
        if let Some(n) = unsafe { wide_to_os(name) } {
            EARLY.lock().unwrap_or_else(|e| e.into_inner()).0 = Some(n);
        }
        Ok(())
    }
    raw fn Py_SetPythonHome(home: *const Wide) {
        // SAFETY: C passes a terminated string, or null.
        EARLY.lock().unwrap_or_else(|e| e.into_inner()).1 = unsafe { wide_to_os(home) };
        Ok(())
    }
    /// Removed from the headers: the module search path of a start that follows is computed as always.
    raw fn Py_SetPath(_path: *const Wide) {
        Ok(())
    }
    raw fn Py_GetArgcArgv(argc: *mut c_int, argv: *mut *mut *mut Wide) {
        let config = runtime::thread::InterpreterState::try_main().map(|i| i.config().orig_argv.clone()).unwrap_or_default();
        // SAFETY: C passes places; the array lives as long as the process.
        unsafe {
            *argc = config.len() as c_int;
            let items: Vec<*mut Wide> = config.iter().map(|a| wide_os(a)).chain([null_mut()]).collect();
            *argv = Box::leak(items.into_boxed_slice()).as_mut_ptr();
        }
        Ok(())
    }
    raw fn Py_FdIsInteractive(f: *mut libc::FILE, name: Option<CText<'_>>) -> c_int {
        // SAFETY: C passes an open stream.
        if unsafe { libc::isatty(libc::fileno(f)) } != 0 {
            return Ok(true);
        }
        fine(name.is_none_or(|n| matches!(n.to_bytes(), b"<stdin>" | b"???")) && runtime::thread::InterpreterState::try_main().is_some_and(|i| i.config().interactive))
    }
}

/// What `Py_SetProgramName` and `Py_SetPythonHome` said before initialisation.
static EARLY: std::sync::Mutex<(Option<OsString>, Option<OsString>)> = std::sync::Mutex::new((None, None));

fn start(signals: bool) -> PyResult<()> {
    let mut config = Config { parse_argv: false, install_signal_handlers: signals, ..Config::default() };
    let early = EARLY.lock().unwrap_or_else(|e| e.into_inner()).clone();
    if let Some(n) = early.0 {
        config.program_name = n;
    }
    config.home = early.1;
    let status = initialize(config);
    if status._type != OK {
        // SAFETY: a status of ours.
        unsafe { Py_ExitStatusException(status) };
    }
    Ok(())
}

/// A text of the main interpreter's configuration, which lives as long as the process.
fn config_text(f: impl Fn(&Config) -> Option<OsString>) -> PyResult<*const Wide> {
    let text = runtime::thread::InterpreterState::try_main().and_then(|i| f(i.config()));
    Ok(text.map_or(null(), |t| wide_os(&t).cast_const()))
}

/// A sub-interpreter with the main one's configuration, attached to the calling thread.
fn new_interpreter(settings: Settings, whence: Whence) -> Option<&'static ThreadState> {
    runtime::lifecycle::subinterp::create(settings, whence).map_err(|e| eprintln!("{e}")).ok()
}

/// `unsigned long` of the header's version constant.
#[unsafe(no_mangle)]
pub static Py_Version: c_ulong = 0x030e_0af0;
