//! PEP 741's `PyConfig_Get` and `PyConfig_Set`: options of a running interpreter by name.

use crate::export::CText;
use crate::sys::sys_dict;
use core::ffi::c_int;
use core::sync::atomic::Ordering::Relaxed;
use runtime::abi;
use runtime::lifecycle::Config;
use runtime::lifecycle::config::Run;
use runtime::objects::structseq;
use runtime::prelude::*;
use std::ffi::OsString;

/// What an attribute of `sys` may be.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    OptText,
    List,
    Dict,
}

/// Where an option is found.
enum Where {
    /// An attribute of `sys`, which can be set.
    Sys(&'static str, Kind),
    /// A field of `sys.flags`: whether it says the opposite, whether it is a truth value, and the global variable that follows
    /// it if the option can be set.
    Flag(&'static str, bool, bool, Option<&'static str>),
    Int(fn(&Config) -> i64),
    Bool(fn(&Config) -> bool),
    Str(fn(&Config) -> Option<OsString>),
    Sum(fn() -> i64),
}
use Kind::{Dict as Map, List as Texts, OptText, Text};
use Where::{Bool as B, Flag, Int as I, Str as S, Sum, Sys};

fn text_of(o: &Option<String>, or: &str) -> Option<OsString> {
    Some(o.as_deref().unwrap_or(or).into())
}

fn allocator() -> i64 {
    // PYMEM_ALLOCATOR_MIMALLOC_DEBUG, PYMEM_ALLOCATOR_MIMALLOC
    if crate::debug_alloc::name().is_some_and(|n| n == c"mimalloc_debug") { 8 } else { 7 }
}

const OPTIONS: &[(&str, Where)] = &[
    ("allocator", Sum(allocator)),
    ("argv", Sys("argv", Texts)),
    ("base_exec_prefix", Sys("base_exec_prefix", OptText)),
    ("base_executable", Sys("_base_executable", OptText)),
    ("base_prefix", Sys("base_prefix", OptText)),
    ("buffered_stdio", B(|c| c.buffered_stdio)),
    ("bytes_warning", Flag("bytes_warning", false, false, Some("Py_BytesWarningFlag"))),
    ("check_hash_pycs_mode", S(|c| Some(c.check_hash_pycs_mode.clone().into()))),
    ("code_debug_ranges", B(|c| c.code_debug_ranges)),
    ("coerce_c_locale", B(|_| false)),
    ("coerce_c_locale_warn", B(|_| false)),
    ("configure_c_stdio", B(|c| c.configure_c_stdio)),
    ("configure_locale", B(|_| true)),
    ("context_aware_warnings", I(|c| c.context_aware_warnings.into())),
    (
        "cpu_count",
        I(|c| match runtime::lifecycle::state::CPU_COUNT.load(Relaxed) {
            0 => c.cpu_count.into(),
            n => n.into(),
        }),
    ),
    ("dev_mode", Flag("dev_mode", false, true, None)),
    ("dump_refs", B(|_| false)),
    ("dump_refs_file", S(|_| None)),
    ("enable_gil", I(|c| c.enable_gil.map_or(-1, i64::from))),
    ("exec_prefix", Sys("exec_prefix", OptText)),
    ("executable", Sys("executable", OptText)),
    ("faulthandler", B(|c| c.faulthandler)),
    ("filesystem_encoding", S(|c| Some(c.filesystem_encoding.clone().into()))),
    ("filesystem_errors", S(|c| Some(c.filesystem_errors.clone().into()))),
    ("hash_seed", I(|c| c.hash_seed.unwrap_or(0).into())),
    ("home", S(|c| c.home.clone())),
    ("import_time", I(|c| c.import_time.into())),
    ("inspect", Flag("inspect", false, true, Some("Py_InspectFlag"))),
    ("install_signal_handlers", B(|c| c.install_signal_handlers)),
    ("int_max_str_digits", Flag("int_max_str_digits", false, false, Some(""))),
    ("interactive", Flag("interactive", false, true, Some("Py_InteractiveFlag"))),
    ("isolated", Flag("isolated", false, true, None)),
    ("malloc_stats", B(|_| false)),
    ("module_search_paths", Sys("path", Texts)),
    ("optimization_level", Flag("optimize", false, false, Some("Py_OptimizeFlag"))),
    ("orig_argv", Sys("orig_argv", Texts)),
    ("parse_argv", B(|c| c.parse_argv)),
    ("parser_debug", Flag("debug", false, true, Some("Py_DebugFlag"))),
    ("pathconfig_warnings", B(|_| true)),
    ("perf_profiling", I(|_| 0)),
    ("platlibdir", Sys("platlibdir", Text)),
    ("prefix", Sys("prefix", OptText)),
    ("program_name", S(|c| Some(c.program_name.clone()))),
    ("pycache_prefix", Sys("pycache_prefix", OptText)),
    ("quiet", Flag("quiet", false, true, Some("Py_QuietFlag"))),
    ("remote_debug", I(|_| 0)),
    ("run_command", S(|c| if let Run::Command(t) = &c.run { Some(t.clone()) } else { None })),
    ("run_filename", S(|c| if let Run::File(t) = &c.run { Some(t.clone()) } else { None })),
    ("run_module", S(|c| if let Run::Module(t) = &c.run { Some(t.clone()) } else { None })),
    ("safe_path", Flag("safe_path", false, true, None)),
    ("show_ref_count", B(|_| false)),
    ("site_import", Flag("no_site", true, true, None)),
    ("skip_source_first_line", B(|c| c.skip_source_first_line)),
    ("stdio_encoding", S(|c| text_of(&c.stdio_encoding, "utf-8"))),
    ("stdio_errors", S(|c| text_of(&c.stdio_errors, "strict"))),
    ("stdlib_dir", Sys("_stdlib_dir", OptText)),
    ("thread_inherit_context", I(|c| c.thread_inherit_context.into())),
    ("tlbc_enabled", I(|_| 0)),
    ("tracemalloc", I(|c| c.tracemalloc.into())),
    ("use_environment", Flag("ignore_environment", true, true, Some("Py_IgnoreEnvironmentFlag"))),
    ("use_frozen_modules", B(|c| c.use_frozen_modules)),
    ("use_hash_seed", B(|c| c.hash_seed.is_some())),
    ("user_site_directory", Flag("no_user_site", true, true, None)),
    ("utf8_mode", Flag("utf8_mode", false, true, None)),
    ("verbose", Flag("verbose", false, false, Some("Py_VerboseFlag"))),
    ("warn_default_encoding", Flag("warn_default_encoding", false, true, None)),
    ("warnoptions", Sys("warnoptions", Texts)),
    ("write_bytecode", Flag("dont_write_bytecode", true, true, Some("Py_DontWriteBytecodeFlag"))),
    ("xoptions", Sys("_xoptions", Map)),
];

/// The fields of `sys.flags` that options can change, by their places.
const FLAG_PLACES: &[(&str, usize)] = &[
    ("debug", 0),
    ("inspect", 1),
    ("interactive", 2),
    ("optimize", 3),
    ("dont_write_bytecode", 4),
    ("ignore_environment", 7),
    ("verbose", 8),
    ("bytes_warning", 9),
    ("quiet", 10),
    ("int_max_str_digits", 17),
];

fn find(name: &str) -> PyResult<&'static Where> {
    match OPTIONS.iter().find(|(n, _)| *n == name) {
        Some((_, w)) => Ok(w),
        None => Err(raise!(ValueError, "unknown config option name: {}", name)),
    }
}

fn get(name: &str) -> PyResult<PyRef> {
    let config = ThreadState::current().interp().config();
    let lost = || raise!(RuntimeError, "lost sys.{}", name);
    Ok(match find(name)? {
        Sys(attr, _) => sys_dict().get_item_str(attr)?.ok_or_else(lost)?,
        Flag(attr, negated, truth, _) => {
            // The attribute that programs set counts, not the flag.
            let v = match *attr {
                "dont_write_bytecode" => sys_dict().get_item_str(attr)?,
                _ => match sys_dict().get_item_str("flags")? {
                    Some(flags) => flags.getattr_opt(Str::intern(attr))?,
                    None => None,
                },
            };
            let v = v.ok_or_else(lost)?;
            if *truth { Bool::of(v.is_true()? != *negated).to_ref() } else { v }
        }
        I(f) => Int::from_i64(f(config))?.upcast(),
        Sum(f) => Int::from_i64(f())?.upcast(),
        B(f) => Bool::of(f(config)).to_ref(),
        S(f) => match f(config) {
            Some(t) => {
                use std::os::unix::ffi::OsStrExt;
                crate::unicode::fs_decode(t.as_bytes())?.upcast()
            }
            None => none_ref(),
        },
    })
}

fn wrong(name: &str, what: &str, got: &Object) -> Raised {
    raise!(TypeError, "config option {} must be {}, not {}", name, what, got.ty().tp_name())
}

/// What a `sys` attribute may be set to; containers are copied.
fn checked(name: &str, kind: Kind, v: &Object) -> PyResult<PyRef> {
    let is_text = |o: &Object| o.downcast::<Str>().is_some();
    match kind {
        Kind::Text if is_text(v) => Ok(v.to_ref()),
        Kind::Text => Err(wrong(name, "a str", v)),
        Kind::OptText if v.is_none() || is_text(v) => Ok(v.to_ref()),
        Kind::OptText => Err(wrong(name, "a str or None", v)),
        Kind::List => {
            let Some(l) = v.downcast::<List>() else { return Err(wrong(name, "a list", v)) };
            let items = l.snapshot();
            match items.iter().find(|i| !is_text(i)) {
                Some(i) => Err(wrong(name, "a list of str", i)),
                None => Ok(List::from_vec(items)?.upcast()),
            }
        }
        Kind::Dict => {
            let Some(d) = v.downcast::<Dict>() else { return Err(wrong(name, "a dict", v)) };
            for (k, v) in d.items_snapshot() {
                if !is_text(&k) || !is_text(&v) && v.downcast::<Bool>().is_none() {
                    return Err(wrong(name, "a dict of str", &v));
                }
            }
            Ok(d.copy()?.upcast())
        }
    }
}

/// An int option's value.
fn number(name: &str, v: &Object) -> PyResult<c_int> {
    let Some(i) = v.downcast::<Int>() else { return Err(wrong(name, "an int", v)) };
    c_int::try_from(i.as_i64()?).map_err(|_| raise!(OverflowError, "config option {} value is out of range", name))
}

/// `sys.flags` with one field changed.
fn replace_flag(attr: &str, v: PyRef) -> PyResult<()> {
    let Some(place) = FLAG_PLACES.iter().find(|(n, _)| *n == attr).map(|p| p.1) else { return Ok(()) };
    let old = sys_dict().get_item_str("flags")?.ok_or_else(|| raise!(RuntimeError, "lost sys.flags"))?;
    let names = ["gil", "thread_inherit_context", "context_aware_warnings"];
    let sequence = old.to_tuple()?;
    let mut values: Vec<PyRef> = sequence.as_slice().iter().map(|o| o.to_ref()).collect();
    for n in names {
        values.push(old.getattr(Str::intern(n))?);
    }
    values[place] = v;
    sys_dict().set_str("flags", &*structseq::new(old.ty(), values)?)
}

fn set(name: &str, v: &Object) -> PyResult<()> {
    let read_only = || raise!(ValueError, "cannot set read-only option {}", name);
    runtime::lifecycle::audit::audit_objects(&*Str::new("cpython.PyConfig_Set")?, &[&*Str::new(name)?, v])?;
    match find(name)? {
        Sys(attr, kind) => sys_dict().set_str(attr, &*checked(name, *kind, v)?),
        Flag(attr, negated, truth, Some(global)) => {
            let n = number(name, v)?;
            if n < 0 {
                return Err(raise!(ValueError, "config option {} must be non-negative", name));
            }
            if *attr == "int_max_str_digits" {
                if n != 0 && n < 640 {
                    return Err(raise!(ValueError, "maxdigits must be >= 640 or 0 for unlimited"));
                }
                runtime::objects::long::text::set_max_str_digits(n);
            }
            let flag = if *truth { c_int::from((n != 0) != *negated) } else { n };
            if *attr == "dont_write_bytecode" {
                sys_dict().set_str(attr, Bool::of(flag != 0))?;
            }
            crate::sys::set_global(global, if *negated { c_int::from(n == 0) } else { n });
            replace_flag(attr, Int::from_i64(flag.into())?.upcast())
        }
        I(_) if name == "cpu_count" => {
            runtime::lifecycle::state::CPU_COUNT.store(number(name, v)?, Relaxed);
            Ok(())
        }
        _ => Err(read_only()),
    }
}

capi! {
    fn PyConfig_Get(name: CText<'_>) -> *mut abi::PyObject {
        get(&name.to_string_lossy())
    }
    fn PyConfig_GetInt(name: CText<'_>, value: *mut c_int) -> c_int {
        let v = get(&name.to_string_lossy())?;
        let Some(i) = v.downcast::<Int>() else {
            return Err(raise!(TypeError, "config option {} is not an int", name.to_string_lossy()));
        };
        let i = i.as_i64()? as c_int;
        // SAFETY: C passes a place.
        unsafe { *value = i };
        Ok(())
    }
    fn PyConfig_Names() -> *mut abi::PyObject {
        let names: Vec<PyRef> = OPTIONS.iter().map(|(n, _)| Str::new(n).map(PyRef::from)).collect::<PyResult<_>>()?;
        let items: Vec<&Object> = names.iter().map(|r| &**r).collect();
        FrozenSet::new(&items)
    }
    fn PyConfig_Set(name: CText<'_>, value: &Object) -> c_int {
        set(&name.to_string_lossy(), value)
    }
    /// The configuration as `_testinternalcapi` shows it.
    fn _Py_GetConfigsAsDict() -> *mut abi::PyObject {
        let (all, globals, pre, config) = (Dict::new()?, Dict::new()?, Dict::new()?, Dict::new()?);
        for (name, v) in crate::sys::globals() {
            globals.set_str(name, &*Int::from_i64(v.into())?)?;
        }
        for (name, _) in OPTIONS {
            let early = matches!(*name, "allocator" | "coerce_c_locale" | "coerce_c_locale_warn" | "configure_locale" | "utf8_mode");
            (if early { &pre } else { &config }).set_str(name, &*get(name)?)?;
        }
        all.set_str("global_config", &globals)?;
        all.set_str("pre_config", &pre)?;
        all.set_str("config", &config)?;
        Ok(all)
    }
}
