//! `sys`: the interpreter as Python sees it.

mod flags;
mod info;
mod jit;
pub use info::version;
mod trace;

use macros::pymodule;

/// This module provides access to some objects used or maintained by the
/// interpreter and to functions that interact strongly with the interpreter.
#[pymodule(name = "sys")]
pub mod sys {
    use super::{flags, info, trace};
    use runtime::import;
    use runtime::lifecycle::{fs_decode, init};
    use runtime::prelude::*;
    use runtime::{interp, mem, objects, thread};

    #[pyattr]
    fn version() -> &'static str {
        info::version()
    }
    #[pyattr(name = "hexversion")]
    const HEXVERSION: u32 = runtime::PY_VERSION_HEX;
    #[pyattr(name = "api_version")]
    const API_VERSION: i32 = 1013;
    #[pyattr(name = "copyright")]
    const COPYRIGHT: &str = "Freewheel is copyright (c) 2026 the Freewheel developers, under the MIT licence.\nThe Python standard library is copyright (c) 2001 Python Software Foundation, under the PSF licence.";
    #[pyattr(name = "platform")]
    const PLATFORM: &str = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    #[pyattr(name = "byteorder")]
    const BYTEORDER: &str = if cfg!(target_endian = "little") { "little" } else { "big" };
    #[pyattr(name = "maxsize")]
    const MAXSIZE: isize = isize::MAX;
    #[pyattr(name = "maxunicode")]
    const MAXUNICODE: i32 = 0x10FFFF;
    #[pyattr(name = "platlibdir")]
    fn platlibdir() -> String {
        ThreadState::current().interp().config().platlibdir.clone()
    }
    #[pyattr(name = "abiflags")]
    const ABIFLAGS: &str = "t";
    #[pyattr(name = "float_repr_style")]
    const FLOAT_REPR_STYLE: &str = "short";
    #[pyattr(name = "_git")]
    fn git() -> (&'static str, &'static str, &'static str) {
        ("Freewheel", "", "")
    }
    #[pyattr(name = "_framework")]
    const FRAMEWORK: &str = "";

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        let config = ThreadState::current().interp().config();
        let path = |p: &Option<std::ffi::OsString>| -> PyResult<PyRef> {
            match p {
                Some(p) => fs_decode(p).map(Ref::upcast),
                None => Ok(none_ref()),
            }
        };
        let list = |v: &[std::ffi::OsString]| -> PyResult<PyRef> {
            let items = v.iter().map(|s| fs_decode(s).map(Ref::upcast)).collect::<PyResult<Vec<_>>>()?;
            List::from_vec(items).map(Ref::upcast)
        };
        m.add("executable", path(&config.executable)?)?;
        m.add("_base_executable", path(&config.base_executable)?)?;
        m.add("prefix", path(&config.prefix)?)?;
        m.add("base_prefix", path(&config.base_prefix)?)?;
        m.add("exec_prefix", path(&config.exec_prefix)?)?;
        m.add("base_exec_prefix", path(&config.base_exec_prefix)?)?;
        m.add("_stdlib_dir", path(&config.stdlib_dir)?)?;
        m.add("pycache_prefix", path(&config.pycache_prefix)?)?;
        m.add("path", list(config.module_search_paths.as_deref().unwrap_or(&[]))?)?;
        m.add("argv", list(&config.argv)?)?;
        m.add("orig_argv", list(&config.orig_argv)?)?;
        m.add("warnoptions", list(&config.warnoptions)?)?;
        m.add("_xoptions", info::xoptions(config)?)?;
        m.add("dont_write_bytecode", (**Bool::of(!config.write_bytecode)).to_ref())?;
        m.add("meta_path", List::from_vec(Vec::new())?.upcast())?;
        m.add("path_hooks", List::from_vec(Vec::new())?.upcast())?;
        m.add("path_importer_cache", Dict::new()?.upcast())?;
        let names = import::builtin_names();
        let names = names.iter().map(|n| (**Str::intern(n)).to_ref()).collect::<Vec<_>>();
        m.add("builtin_module_names", Tuple::from_refs(names)?.upcast())?;
        m.add("stdlib_module_names", info::stdlib_module_names()?)?;
        info::add_structs(m)?;
        objects::long::text::set_max_str_digits(config.int_max_str_digits);
        flags::add(m)?;
        let jit = Module::new("sys._jit")?;
        jit.add_functions(&super::jit::jit::__METHODS.0)?;
        m.add("_jit", jit.upcast())?;
        let monitoring = Module::new("sys.monitoring")?;
        monitoring.add_functions(&crate::_monitoring::_monitoring::__METHODS.0)?;
        crate::_monitoring::_monitoring::fill(&monitoring)?;
        m.add("monitoring", monitoring.upcast())?;
        // Replaced hooks are compared with and restored from these.
        for (name, saved) in [
            ("displayhook", "__displayhook__"),
            ("excepthook", "__excepthook__"),
            ("unraisablehook", "__unraisablehook__"),
            ("breakpointhook", "__breakpointhook__"),
        ] {
            let f = m.getattr(Str::intern(name))?;
            m.add(saved, f)?;
        }
        Ok(())
    }

    /// Print an object to sys.stdout and also save it in builtins._
    #[pyfunction(sig = "object, /")]
    fn displayhook(o: &Object) -> PyResult<()> {
        let interp = ThreadState::current().interp();
        if o.is_none() {
            return Ok(());
        }
        interp.builtins_dict().set(intern!("_"), none())?;
        let out = match init::get_sys("stdout")? {
            Some(f) if !f.is_none() => f,
            _ => return Err(raise!(RuntimeError, "lost sys.stdout")),
        };
        let text = o.repr()?;
        if let Err(e) = out.call_method(intern!("write"), &[&text]) {
            if !e.matches(exc::UnicodeEncodeError()) {
                return Err(e);
            }
            e.clear();
            let enc = out.getattr(intern!("encoding"))?;
            let b = text.call_method(intern!("encode"), &[&enc, intern!("backslashreplace")])?;
            match out.getattr_opt(intern!("buffer"))? {
                Some(buffer) => {
                    buffer.call_method(intern!("write"), &[&b])?;
                }
                None => {
                    let t = b.call_method(intern!("decode"), &[&enc, intern!("strict")])?;
                    out.call_method(intern!("write"), &[&t])?;
                }
            }
        }
        out.call_method(intern!("write"), &[intern!("\n")])?;
        interp.builtins_dict().set(intern!("_"), o)
    }

    /// Handle an exception by displaying it with a traceback on sys.stderr.
    #[pyfunction(sig = "exctype, value, traceback, /")]
    fn excepthook(exctype: &Object, value: &Object, traceback: &Object) -> PyResult<()> {
        let _ = exctype;
        objects::exceptions::display::default_excepthook(value, traceback)
    }

    /// Handle an unraisable exception.
    #[pyfunction(sig = "unraisable, /")]
    fn unraisablehook(unraisable: &Object) -> PyResult<()> {
        objects::exceptions::display::default_unraisablehook(unraisable)
    }

    /// This hook function is called by built-in breakpoint().
    #[pyfunction(sig = "*args, **kws")]
    fn breakpointhook(args: &[&Object], kws: Option<&Dict>) -> PyResult<PyRef> {
        let name = std::env::var("PYTHONBREAKPOINT").unwrap_or_default();
        if name == "0" {
            return Ok(none_ref());
        }
        let name = if name.is_empty() { "pdb.set_trace".to_string() } else { name };
        let (module, attr) = name.rsplit_once('.').unwrap_or(("builtins", &name));
        let found =
            if module.is_empty() { Err(raise!(ImportError, "no module")) } else { import::import_module(module) };
        let hook = match found.and_then(|m| m.getattr(&*Str::new(attr)?)) {
            Ok(h) => h,
            Err(e) if e.matches(exc::ImportError()) || e.matches(exc::AttributeError()) => {
                e.clear();
                runtime::error::warn(
                    exc::RuntimeWarning(),
                    &format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{name}\""),
                    1,
                )?;
                return Ok(none_ref());
            }
            Err(e) => return Err(e),
        };
        hook.call_dict(&*Tuple::from_slice(args)?, kws)
    }

    /// Return current exception information: (type, value, traceback).
    #[pyfunction]
    fn exc_info() -> PyResult<(PyRef, PyRef, PyRef)> {
        Ok(match objects::exceptions::raise::handled_exception() {
            Some(e) => {
                let tb = e.getattr(intern!("__traceback__"))?;
                ((**e.ty()).to_ref(), e.upcast(), tb)
            }
            None => (none_ref(), none_ref(), none_ref()),
        })
    }

    /// Return the current exception.
    #[pyfunction]
    fn exception() -> Option<PyRef> {
        objects::exceptions::raise::handled_exception().map(Ref::upcast)
    }

    /// Exit the interpreter by raising SystemExit(status).
    #[pyfunction(sig = "status=None, /")]
    fn exit(status: &Object) -> PyResult<()> {
        Err(runtime::error::raise_object(exc::SystemExit(), status))
    }

    #[pyfunction]
    fn getdefaultencoding() -> &'static str {
        "utf-8"
    }
    #[pyfunction]
    fn getfilesystemencoding() -> String {
        ThreadState::current().interp().config().filesystem_encoding.clone()
    }
    #[pyfunction]
    fn getfilesystemencodeerrors() -> String {
        ThreadState::current().interp().config().filesystem_errors.clone()
    }

    /// ``Intern'' the given string.
    #[pyfunction(sig = "string, /")]
    fn intern(s: &Object) -> PyResult<PyRef> {
        let Some(text) = s.downcast_exact::<Str>() else {
            if s.downcast::<Str>().is_some() {
                return Err(raise!(TypeError, "can't intern {}", s.ty().name_str()));
            }
            return Err(raise!(TypeError, "intern() argument must be str, not {}", s.ty().name_str()));
        };
        Ok(Str::intern_ref(Ref::new_ref(text)).upcast())
    }
    #[pyfunction]
    fn _is_interned(string: &Str) -> bool {
        string.is_interned()
    }
    #[pyfunction]
    fn _is_immortal(op: &Object) -> bool {
        op.is_immortal()
    }

    /// Return the reference count of object.
    #[pyfunction(sig = "object, /")]
    fn getrefcount(o: &Object) -> isize {
        mem::refcount::refcnt(o)
    }
    #[pyfunction]
    fn getallocatedblocks() -> usize {
        mem::heap::allocated_blocks()
    }
    #[pyfunction(sig = "*, _only_immortal=False")]
    fn getunicodeinternedsize(_only_immortal: bool) -> usize {
        0
    }

    /// Bytes in front of the object: the managed dict and weak reference list.
    fn preheader(o: &Object) -> isize {
        if o.ty().flags() & abi::Py_TPFLAGS_PREHEADER != 0 { 16 } else { 0 }
    }

    /// Return the size of object in bytes.
    #[pyfunction(sig = "object, default=<unrepresentable>")]
    fn getsizeof(o: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        let size = (|| -> PyResult<u64> {
            let Some(f) = o.lookup_special(intern!("__sizeof__"))? else {
                return Err(raise!(TypeError, "Type {} doesn't define __sizeof__", o.ty().name_str()));
            };
            let n = f.call0()?.as_isize()?;
            if n < 0 {
                return Err(raise!(ValueError, "__sizeof__() should return >= 0"));
            }
            Ok(n as u64 + preheader(o) as u64)
        })();
        match (size, default) {
            (Ok(n), _) => runtime::convert::IntoPy::into_py(n),
            (Err(e), Arg::Given(d)) if e.matches(exc::TypeError()) => {
                e.clear();
                Ok(d.to_ref())
            }
            (Err(e), _) => Err(e),
        }
    }

    #[pyfunction]
    fn getrecursionlimit() -> u32 {
        ThreadState::current().interp().recursion_limit.load(core::sync::atomic::Ordering::Relaxed)
    }

    /// Set the maximum depth of the Python interpreter stack to n.
    #[pyfunction(sig = "limit, /")]
    fn setrecursionlimit(limit: i32) -> PyResult<()> {
        if limit < 1 {
            return Err(raise!(ValueError, "recursion limit must be greater or equal than 1"));
        }
        let ts = ThreadState::current();
        let a = ts.abi_mut();
        let depth = a.py_recursion_limit - a.py_recursion_remaining;
        if depth >= limit {
            return Err(raise!(
                RecursionError,
                "cannot set the recursion limit to {} at the recursion depth {}: the limit is too low",
                limit,
                depth
            ));
        }
        ts.interp().recursion_limit.store(limit as u32, core::sync::atomic::Ordering::Relaxed);
        thread::stop_the_world(|| {
            thread::state::for_each_thread(|t| {
                let a = t.abi_mut();
                let depth = a.py_recursion_limit - a.py_recursion_remaining;
                a.py_recursion_limit = limit;
                a.py_recursion_remaining = limit - depth;
            });
        });
        Ok(())
    }

    #[pyfunction]
    fn getswitchinterval() -> f64 {
        ThreadState::current().interp().gil.switch_interval.load(core::sync::atomic::Ordering::Relaxed) as f64 / 1e6
    }
    #[pyfunction(sig = "interval, /")]
    fn setswitchinterval(interval: f64) -> PyResult<()> {
        if interval <= 0.0 || interval.is_nan() {
            return Err(raise!(ValueError, "switch interval must be strictly positive"));
        }
        ThreadState::current()
            .interp()
            .gil
            .switch_interval
            .store((interval * 1e6) as u64, core::sync::atomic::Ordering::Relaxed);
        Ok(())
    }

    #[pyfunction]
    fn getdlopenflags() -> i32 {
        ThreadState::current().interp().dlopen_flags()
    }
    #[pyfunction(sig = "flags, /")]
    fn setdlopenflags(flags: i32) {
        ThreadState::current().interp().set_dlopen_flags(flags);
    }

    #[pyfunction]
    fn is_finalizing() -> bool {
        ThreadState::current().interp().is_finalizing()
    }
    #[pyfunction]
    fn _is_gil_enabled() -> bool {
        ThreadState::current().interp().gil.is_enabled()
    }

    /// Return a frame object from the call stack.
    #[pyfunction(sig = "depth=0, /")]
    fn _getframe(depth: i64) -> PyResult<PyRef> {
        match interp::frame_object(depth.max(0) as usize)? {
            Some(f) => {
                runtime::audit_event!("sys._getframe", &*f)?;
                Ok(f.upcast())
            }
            None => Err(raise!(ValueError, "call stack is not deep enough")),
        }
    }
    /// Return the name of the module for the calling frame.
    #[pyfunction(sig = "depth=0")]
    fn _getframemodulename(depth: i64) -> PyResult<Option<PyRef>> {
        runtime::audit_event!("sys._getframemodulename", depth)?;
        let mut f = interp::current_frame();
        for _ in 0..depth.max(0) {
            f = f.and_then(interp::caller_of);
        }
        match f {
            // SAFETY: frames of this thread are live while it is inside them.
            Some(f) => unsafe { (*f).globals() }.get_str(intern!("__name__")),
            None => Ok(None),
        }
    }
    /// Return a dict mapping each thread's thread id to its current stack frame.
    #[pyfunction]
    fn _current_frames() -> PyResult<Ref<Dict>> {
        trace::current_frames()
    }
    /// Return a dict mapping each thread's identifier to its current raised exception.
    #[pyfunction]
    fn _current_exceptions() -> PyResult<Ref<Dict>> {
        trace::current_exceptions()
    }

    /// Call func(*args), while tracing is enabled.
    #[pyfunction]
    fn call_tracing(func: &Object, args: &Tuple) -> PyResult<PyRef> {
        trace::call_tracing(func, args)
    }

    #[pyfunction]
    fn get_int_max_str_digits() -> i64 {
        objects::long::text::max_str_digits() as i64
    }
    #[pyfunction(sig = "maxdigits")]
    fn set_int_max_str_digits(maxdigits: i64) -> PyResult<()> {
        if maxdigits != 0 && maxdigits < 640 {
            return Err(raise!(ValueError, "maxdigits must be >= 640 or 0 for unlimited"));
        }
        objects::long::text::set_max_str_digits(maxdigits as i32);
        Ok(())
    }

    /// Adds a new audit hook callback.
    #[pyfunction(sig = "hook")]
    fn addaudithook(hook: &Object) -> PyResult<()> {
        runtime::lifecycle::audit::add_hook(hook)
    }
    /// Passes the event to any hooks that are attached.
    #[pyfunction(sig = "event, /, *args")]
    fn audit(event: &Str, args: &[&Object]) -> PyResult<()> {
        runtime::lifecycle::audit::audit_objects(event, args)
    }

    /// Clear the internal type lookup cache.
    #[pyfunction]
    fn _clear_type_cache() -> PyResult<()> {
        runtime::error::warn(
            exc::DeprecationWarning(),
            "sys._clear_type_cache() is deprecated and may be removed in a future version of Python. Use sys._clear_internal_caches() instead.",
            1,
        )
    }
    /// Private function for clearing certain descriptors from a type's dictionary (used by dataclasses with slots).
    #[pyfunction(sig = "type, /")]
    fn _clear_type_descriptors(ty: &Type) -> PyResult<()> {
        if ty.flags() & abi::Py_TPFLAGS_IMMUTABLETYPE != 0 {
            return Err(raise!(TypeError, "argument is immutable"));
        }
        for name in [intern!("__dict__"), intern!("__weakref__")] {
            ty.dict().del(name)?;
        }
        ty.modified();
        Ok(())
    }
    #[pyfunction]
    fn _clear_internal_caches() {}
    #[pyfunction]
    fn _debugmallocstats() {
        runtime::mem::heap::print_stats();
    }
    #[pyfunction]
    fn is_stack_trampoline_active() -> bool {
        false
    }
    #[pyfunction]
    fn activate_stack_trampoline(backend: &Str) -> PyResult<()> {
        let _ = backend;
        Err(raise!(ValueError, "perf trampoline not available"))
    }
    #[pyfunction]
    fn deactivate_stack_trampoline() {}
    /// Return True if remote debugging is enabled, False otherwise.
    #[pyfunction]
    fn is_remote_debug_enabled() -> bool {
        runtime::lifecycle::remote::is_enabled()
    }
    /// Executes a file containing Python code in a given remote Python process.
    ///
    /// This function returns immediately, and the code will be executed by the
    /// target process's main thread at the next available opportunity, similarly
    /// to how signals are handled.  There is no interface to determine when the
    /// code has been executed.  The caller is responsible for making sure that
    /// the file still exists whenever the remote process tries to read it and
    /// that it hasn't been overwritten.
    #[pyfunction(sig = "pid, script")]
    fn remote_exec(pid: i32, script: &Object) -> PyResult<()> {
        let path = runtime::lifecycle::fs_path(script)?;
        runtime::audit_event!("sys.remote_exec", pid, script)?;
        if let Err(e) = std::fs::File::open(&path) {
            return Err(runtime::error::raise_os_error(e.raw_os_error().unwrap_or(0), Some(script), None));
        }
        runtime::lifecycle::remote::request(pid, &path)?;
        // A request to oneself is seen at once.
        if pid as u32 == std::process::id() { thread::handle_breaker() } else { Ok(()) }
    }
    #[pyfunction]
    fn _get_cpu_count_config() -> i32 {
        ThreadState::current().interp().config().cpu_count
    }

    #[pyfunction]
    fn get_coroutine_origin_tracking_depth() -> i32 {
        ThreadState::current().abi().coroutine_origin_tracking_depth
    }
    /// Enable or disable origin tracking for coroutine objects in this thread.
    #[pyfunction(sig = "depth")]
    fn set_coroutine_origin_tracking_depth(depth: i32) -> PyResult<()> {
        if depth < 0 {
            return Err(raise!(ValueError, "depth must be >= 0"));
        }
        ThreadState::current().abi_mut().coroutine_origin_tracking_depth = depth;
        Ok(())
    }

    /// Set a finalizer and first-iteration hooks for async generators.
    #[pyfunction(sig = "firstiter=<unrepresentable>, finalizer=<unrepresentable>")]
    fn set_asyncgen_hooks(firstiter: Arg<&Object>, finalizer: Arg<&Object>) -> PyResult<()> {
        let check = |what: &str, o: &Object| -> PyResult<()> {
            if o.is_none() || o.is_callable() {
                return Ok(());
            }
            Err(raise!(TypeError, "callable {} expected, got {}", what, o.ty().name_str()))
        };
        let a = ThreadState::current().abi_mut();
        let mut old = Vec::new();
        let mut put = |slot: *mut *mut abi::PyObject, o: &Object| {
            let new = if o.is_none() { core::ptr::null_mut() } else { o.to_ref().into_ptr() };
            // SAFETY: the slot belongs to this thread and owns its reference.
            old.extend(unsafe { PyRef::from_ptr_opt(slot.replace(new)) });
        };
        if let Arg::Given(o) = finalizer {
            check("finalizer", o)?;
        }
        if let Arg::Given(o) = firstiter {
            check("firstiter", o)?;
            put(&raw mut a.async_gen_firstiter, o);
        }
        if let Arg::Given(o) = finalizer {
            put(&raw mut a.async_gen_finalizer, o);
        }
        Ok(())
    }
    #[pyfunction]
    fn get_asyncgen_hooks() -> PyResult<PyRef> {
        let a = ThreadState::current().abi();
        // SAFETY: the slots belong to this thread.
        let get = |p: *mut abi::PyObject| unsafe { Object::from_ptr_opt(p) }.unwrap_or(none()).to_ref();
        info::asyncgen_hooks(get(a.async_gen_firstiter), get(a.async_gen_finalizer))
    }

    /// Private function for getting PyREPL to work
    #[pyfunction]
    fn _baserepl() -> PyResult<()> {
        runtime::lifecycle::repl::base_repl()
    }

    #[pyfunction(sig = "function, /")]
    fn settrace(function: &Object) -> PyResult<()> {
        trace::settrace(function)
    }
    #[pyfunction]
    fn gettrace() -> PyRef {
        trace::gettrace()
    }
    #[pyfunction(sig = "function, /")]
    fn setprofile(function: &Object) -> PyResult<()> {
        trace::setprofile(function)
    }
    #[pyfunction]
    fn getprofile() -> PyRef {
        trace::getprofile()
    }
    #[pyfunction(sig = "function, /")]
    fn _settraceallthreads(function: &Object) -> PyResult<()> {
        trace::settrace_all(function)
    }
    #[pyfunction(sig = "function, /")]
    fn _setprofileallthreads(function: &Object) -> PyResult<()> {
        trace::setprofile_all(function)
    }

    /// `sys.getandroidapilevel` and the like do not exist here; `thread_info` is in `info`.
    #[pyfunction]
    fn _thread_count() -> usize {
        let _ = thread::ident();
        ThreadState::current().interp().thread_count.load(core::sync::atomic::Ordering::Relaxed)
    }
}
