//! `sysmodule.h`, `audit.h`, `fileobject.h`, `fileutils.h`, `pystrcmp.h`, `pymacro.h`, `cpython/monitoring.h`, watchers,
//! and the variables of `cpython/pydebug.h` and `import.h`.

use crate::export::{CText, bad_internal_call, borrowed, fine, text};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::lifecycle::audit;
use runtime::objects::exceptions::display;
use runtime::objects::watchers;
use runtime::prelude::*;

/// The dict of the module `sys`.
pub fn sys_dict() -> &'static Dict {
    ThreadState::current().interp().sys_dict()
}

/// `sys.argv` (and `sys.path[0]`) from C strings.
unsafe fn set_argv(argc: c_int, argv: *mut *mut c_int, update_path: bool) -> PyResult<()> {
    let list = List::new()?;
    for i in 0..argc.max(0) as usize {
        // SAFETY: C passes `argc` terminated strings.
        let chars: Vec<u32> = unsafe {
            let p = *argv.add(i);
            (0..).map(|k| *p.add(k) as u32).take_while(|c| *c != 0).collect()
        };
        list.append(&*Str::from_ucs4(&chars)?)?;
    }
    if list.is_empty() {
        list.append(Str::empty())?;
    }
    sys_dict().set_str("argv", &list)?;
    if update_path {
        let script =
            list.get(0).and_then(|s| s.downcast::<Str>().map(|s| s.to_string_lossy().into_owned())).unwrap_or_default();
        let first = match script.rfind('/') {
            Some(0) => "/".to_owned(),
            Some(at) => script[..at].to_owned(),
            None => String::new(),
        };
        if let Some(path) = sys_dict().get_item_str("path")? {
            if let Some(path) = path.downcast::<List>() {
                path.insert(0, &*Str::new(&first)?)?;
            }
        }
    }
    Ok(())
}

fn wide_text(p: *const c_int) -> PyResult<Ref<Str>> {
    // SAFETY: C passes a terminated string.
    let chars: Vec<u32> = (0..).map(|i| unsafe { *p.add(i) } as u32).take_while(|c| *c != 0).collect();
    Str::from_ucs4(&chars)
}

fn add_warn_option(text: &Object) -> PyResult<()> {
    match sys_dict().get_item_str("warnoptions")? {
        Some(l) if l.downcast::<List>().is_some() => l.downcast::<List>().map_or(Ok(()), |l| l.append(text)),
        _ => {
            let l = List::new()?;
            l.append(text)?;
            sys_dict().set_str("warnoptions", &l)
        }
    }
}

capi! {
    /// Borrowed, and without an exception when it is missing.
    fn PySys_GetObject(name: CText<'_>) -> *mut abi::PyObject {
        // An exception that is set already stays.
        let pending = runtime::error::take_error();
        let found = match text(name).and_then(|n| sys_dict().get(&n)) {
            Ok(v) => v.map_or(null_mut(), borrowed),
            Err(_) => {
                display::write_unraisable_msg("Exception ignored in PySys_GetObject()", None);
                null_mut()
            }
        };
        if let Some(e) = pending {
            let _ = runtime::error::restore(e);
        }
        Ok(found)
    }
    fn PySys_SetObject(name: CText<'_>, value: Option<&Object>) -> c_int {
        let name = crate::object::attr_text(name)?;
        match value {
            Some(v) => sys_dict().set(&name, v),
            None => sys_dict().del(&name).map(drop),
        }
    }
    fn PySys_GetXOptions() -> *mut abi::PyObject {
        match sys_dict().get_item_str("_xoptions")? {
            Some(d) if d.downcast::<Dict>().is_some() => Ok(borrowed(d)),
            _ => {
                let d = Dict::new()?.upcast();
                sys_dict().set_str("_xoptions", &d)?;
                Ok(borrowed(d))
            }
        }
    }
    fn PySys_ResetWarnOptions() {
        if let Some(list) = sys_dict().get_item_str("warnoptions")? {
            if let Some(list) = list.downcast::<List>() {
                list.clear();
            }
        }
        Ok(())
    }
    fn PySys_HasWarnOptions() -> c_int {
        Ok(sys_dict().get_item_str("warnoptions")?.is_some_and(|l| l.downcast::<List>().is_some_and(|l| !l.is_empty())))
    }
    fn PySys_SetArgv(argc: c_int, argv: *mut *mut c_int) {
        // SAFETY: C passes `argc` strings.
        unsafe { set_argv(argc, argv, true) }
    }
    fn PySys_SetArgvEx(argc: c_int, argv: *mut *mut c_int, update_path: c_int) {
        // SAFETY: C passes `argc` strings.
        unsafe { set_argv(argc, argv, update_path != 0) }
    }
    fn PySys_AddWarnOption(text: *const c_int) {
        let text = wide_text(text)?;
        add_warn_option(&text)
    }
    fn PySys_AddWarnOptionUnicode(text: &Object) {
        add_warn_option(text)
    }
    /// `-X name[=value]`.
    fn PySys_AddXOption(text: *const c_int) {
        let text = wide_text(text)?.to_string_lossy().into_owned();
        let options = sys_dict().get_item_str("_xoptions")?;
        let Some(d) = options.as_ref().and_then(|d| d.downcast::<Dict>()) else { return Ok(()) };
        match text.split_once('=') {
            Some((name, value)) => d.set_str(name, &*Str::new(value)?),
            None => d.set_str(&text, Bool::of(true)),
        }
    }
    fn PySys_SetPath(text: *const c_int) {
        let text = wide_text(text)?.to_string_lossy().into_owned();
        let list = List::new()?;
        for p in text.split(':') {
            list.append(&*Str::new(p)?)?;
        }
        sys_dict().set_str("path", &list)
    }
    raw fn PySys_AddAuditHook(hook: *mut c_void, data: *mut c_void) -> c_int {
        if !hook.is_null() {
            // SAFETY: C passes a hook.
            audit::add_native(unsafe { core::mem::transmute::<*mut c_void, audit::NativeHook>(hook) }, data);
        }
        fine(0)
    }
    fn PySys_AuditTuple(event: CText<'_>, args: Option<&Object>) -> c_int {
        let event = text(event)?;
        match args {
            None => audit::audit_objects(&event, &[]),
            Some(a) => match a.downcast::<Tuple>() {
                Some(t) => audit::audit_objects(&event, t.as_slice()),
                None => Err(raise!(TypeError, "args must be tuple, got {}", a.ty().tp_name())),
            },
        }
    }

    fn PyFile_FromFd(fd: c_int, _name: *const c_char, mode: Option<CText<'_>>, buffering: c_int, encoding: Option<CText<'_>>, errors: Option<CText<'_>>, newline: Option<CText<'_>>, closefd: c_int) -> *mut abi::PyObject {
        let open = display::import("io")?.getattr(intern!("open"))?;
        let opt = |t: Option<CText<'_>>| -> PyResult<PyRef> { t.map_or_else(|| Ok(none_ref()), |t| text(t).map(PyRef::from)) };
        let mode = match mode {
            Some(m) => text(m)?,
            None => Str::new("r")?,
        };
        open.call(&[&*Int::from_i64(fd.into())?, &mode, &*Int::from_i64(buffering.into())?, &*opt(encoding)?, &*opt(errors)?, &*opt(newline)?, Bool::of(closefd != 0)])
    }
    fn PyFile_GetLine(f: &Object, n: c_int) -> *mut abi::PyObject {
        let readline = f.getattr(intern!("readline"))?;
        let line = if n <= 0 { readline.call0()? } else { readline.call1(&*Int::from_i64(n.into())?)? };
        let (empty, ends) = match (line.downcast::<Str>(), line.downcast::<Bytes>()) {
            (Some(s), _) => (s.is_empty(), s.as_str().is_some_and(|t| t.ends_with('\n'))),
            (_, Some(b)) => (b.is_empty(), b.as_slice().ends_with(b"\n")),
            _ => return Err(raise!(TypeError, "object.readline() returned non-string")),
        };
        if n < 0 && empty {
            return Err(raise!(EOFError, "EOF when reading a line"));
        }
        if n < 0 && ends {
            let len = line.len()? as isize;
            return line.get_slice(0, len - 1);
        }
        Ok(line)
    }
    fn PyFile_WriteObject(o: Option<&Object>, f: Option<&Object>, flags: c_int) -> c_int {
        let f = f.ok_or_else(|| raise!(TypeError, "writeobject with NULL file"))?;
        let shown = match o {
            None => Str::new("<NULL>")?,
            Some(o) if flags & 1 != 0 => o.str()?,
            Some(o) => o.repr()?,
        };
        f.call_method(intern!("write"), &[&shown]).map(drop)
    }
    fn PyFile_WriteString(s: CText<'_>, f: Option<&Object>) -> c_int {
        let f = f.ok_or_else(|| raise!(SystemError, "null file for PyFile_WriteString"))?;
        f.call_method(intern!("write"), &[&*text(s)?]).map(drop)
    }
    fn PyFile_OpenCode(path: CText<'_>) -> *mut abi::PyObject {
        let path = crate::unicode::fs_decode(path.to_bytes())?;
        display::import("io")?.call_method(intern!("open_code"), &[&path])
    }
    fn PyFile_OpenCodeObject(path: &Object) -> *mut abi::PyObject {
        display::import("io")?.call_method(intern!("open_code"), &[path])
    }
    raw fn PyFile_SetOpenCodeHook(_hook: *mut c_void, _data: *mut c_void) -> c_int {
        fine(0)
    }
    fn PyFile_NewStdPrinter(fd: c_int) -> *mut abi::PyObject {
        if fd != 1 && fd != 2 {
            return Err(bad_internal_call());
        }
        runtime::objects::stdprinter::new(fd)
    }
    fn Py_fopen(path: &Object, mode: *const c_char) -> *mut libc::FILE {
        let encoded = runtime::lifecycle::fspath(path)?;
        let bytes = match encoded.downcast::<Bytes>() {
            Some(b) => Ref::new_ref(b),
            None => runtime::objects::codecs::fs_encode(crate::unicode::str_arg(Some(&encoded))?)?,
        };
        let name = std::ffi::CString::new(bytes.as_slice()).map_err(|_| raise!(ValueError, "embedded null byte"))?;
        // SAFETY: terminated strings.
        let f = unsafe { libc::fopen(name.as_ptr(), mode) };
        if f.is_null() {
            return Err(runtime::error::raise_from_errno(Some(path)));
        }
        Ok(f)
    }
    raw fn Py_fclose(f: *mut libc::FILE) -> c_int {
        // SAFETY: C passes an open stream.
        fine(unsafe { libc::fclose(f) })
    }
    raw fn Py_UniversalNewlineFgets(buffer: *mut c_char, n: c_int, f: *mut libc::FILE, _o: *mut abi::PyObject) -> *mut c_char {
        // SAFETY: C passes a buffer of `n` bytes and an open stream.
        unsafe {
            let mut i = 0;
            while i + 1 < n {
                let mut c = libc::fgetc(f);
                if c == libc::EOF {
                    break;
                }
                if c == c_int::from(b'\r') {
                    let next = libc::fgetc(f);
                    if next != c_int::from(b'\n') && next != libc::EOF {
                        libc::ungetc(next, f);
                    }
                    c = c_int::from(b'\n');
                }
                *buffer.offset(i as isize) = c as c_char;
                i += 1;
                if c == c_int::from(b'\n') {
                    break;
                }
            }
            *buffer.offset(i as isize) = 0;
            fine(if i == 0 { null_mut() } else { buffer })
        }
    }
    fn PyOS_Readline(_in: *mut libc::FILE, _out: *mut libc::FILE, prompt: Option<CText<'_>>) -> *mut c_char {
        use std::io::Write;
        if let Some(p) = prompt {
            let _ = std::io::stderr().write_all(p.to_bytes());
        }
        let mut line = Vec::new();
        runtime::thread::detach(|| {
            use std::io::BufRead;
            let _ = std::io::stdin().lock().read_until(b'\n', &mut line);
        });
        // SAFETY: a fresh block, filled whole.
        unsafe {
            let p = runtime::mem::domains::mem_malloc(line.len() + 1).cast::<c_char>();
            if p.is_null() {
                return Err(runtime::error::raise_none(exc::MemoryError()));
            }
            core::ptr::copy_nonoverlapping(line.as_ptr().cast(), p, line.len());
            *p.add(line.len()) = 0;
            Ok(p)
        }
    }
    raw fn Py_GETENV(name: CText<'_>) -> *mut c_char {
        if runtime::thread::InterpreterState::try_main().is_some_and(|i| !i.config().use_environment) {
            return fine(null_mut::<c_char>());
        }
        // SAFETY: a terminated string.
        fine(unsafe { libc::getenv(name.as_ptr()) })
    }
    raw fn PyOS_mystricmp(a: CText<'_>, b: CText<'_>) -> c_int {
        fine(compare(a.to_bytes_with_nul(), b.to_bytes_with_nul()))
    }
    raw fn PyOS_mystrnicmp(a: CText<'_>, b: CText<'_>, n: isize) -> c_int {
        let n = n.max(0) as usize;
        let cut = |t: &[u8]| t[..t.len().min(n)].to_vec();
        fine(compare(&cut(a.to_bytes_with_nul()), &cut(b.to_bytes_with_nul())))
    }
    raw fn Py_PACK_VERSION(major: c_int, minor: c_int) -> c_uint {
        fine(pack_version(major, minor, 0, 0, 0))
    }
    raw fn Py_PACK_FULL_VERSION(major: c_int, minor: c_int, micro: c_int, level: c_int, serial: c_int) -> c_uint {
        fine(pack_version(major, minor, micro, level, serial))
    }
    raw fn _Py_GetBuiltWithAssert() -> c_int { fine(cfg!(debug_assertions)) }
    raw fn _Py_IsValidFD(fd: c_int) -> c_int {
        // SAFETY: only asks.
        fine(unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0)
    }

    fn PyMonitoring_EnterScope(states: *mut MonitoringState, version: *mut u64, events: *const u8, n: isize) -> c_int {
        let now = runtime::interp::monitoring::global_version();
        // SAFETY: C passes `n` states and events, and its version number.
        unsafe {
            if *version == now {
                return Ok(());
            }
            for i in 0..n.max(0) as usize {
                (*states.add(i)).active = runtime::interp::monitoring::global_tools(u32::from(*events.add(i)));
            }
            *version = now;
        }
        Ok(())
    }
    fn PyMonitoring_ExitScope() -> c_int {
        Ok(())
    }
    fn PyCode_AddWatcher(f: Option<unsafe extern "C" fn(c_int, *mut abi::PyObject) -> c_int>) -> c_int {
        watchers::add_code(f.ok_or_else(bad_internal_call)?)
    }
    fn PyCode_ClearWatcher(id: c_int) -> c_int {
        watchers::clear_code(id)
    }
    fn PyFunction_AddWatcher(f: Option<unsafe extern "C" fn(c_int, *mut abi::PyObject, *mut abi::PyObject) -> c_int>) -> c_int {
        watchers::add_function(f.ok_or_else(bad_internal_call)?)
    }
    fn PyFunction_ClearWatcher(id: c_int) -> c_int {
        watchers::clear_function(id)
    }
    fn PyFunction_SetVectorcall(f: *mut abi::PyFunctionObject, vectorcall: abi::vectorcallfunc) {
        if f.is_null() {
            return Err(bad_internal_call());
        }
        // SAFETY: C passes a function; its slot is read at each call.
        unsafe { (*f).vectorcall = vectorcall };
        Ok(())
    }
    fn PyUnstable_Eval_RequestCodeExtraIndex(free: Option<unsafe extern "C" fn(*mut c_void)>) -> isize {
        fine(runtime::objects::code::request_extra_index(free))
    }
    fn PyUnstable_Code_GetExtra(code: &Object, index: isize, value: *mut *mut c_void) -> c_int {
        let code = code.downcast::<runtime::objects::Code>().ok_or_else(bad_internal_call)?;
        // SAFETY: C passes a place.
        unsafe { *value = usize::try_from(index).map_or(null_mut(), |i| code.get_extra(i)) };
        Ok(())
    }
    fn PyUnstable_Code_SetExtra(code: &Object, index: isize, value: *mut c_void) -> c_int {
        let code = code.downcast::<runtime::objects::Code>().ok_or_else(bad_internal_call)?;
        match usize::try_from(index).is_ok_and(|i| code.set_extra(i, value)) {
            true => Ok(()),
            false => Err(bad_internal_call()),
        }
    }
    raw fn PyUnstable_PerfMapState_Init() -> c_int { fine(0) }
    raw fn PyUnstable_PerfMapState_Fini() { Ok(()) }
    raw fn PyUnstable_WritePerfMapEntry(_code: *const c_void, _size: c_uint, _name: *const c_char) -> c_int { fine(0) }
    raw fn PyUnstable_CopyPerfMapFile(_name: *const c_char) -> c_int { fine(0) }
    raw fn PyUnstable_PerfTrampoline_CompileCode(_code: *mut c_void) -> c_int { fine(0) }
    raw fn PyUnstable_PerfTrampoline_SetPersistAfterFork(_on: c_int) -> c_int { fine(0) }
}

fn compare(a: &[u8], b: &[u8]) -> c_int {
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x.to_ascii_lowercase(), y.to_ascii_lowercase());
        if x != y || x == 0 {
            return c_int::from(x) - c_int::from(y);
        }
    }
    0
}

fn pack_version(major: c_int, minor: c_int, micro: c_int, level: c_int, serial: c_int) -> c_uint {
    ((major & 0xff) << 24 | (minor & 0xff) << 16 | (micro & 0xff) << 8 | (level & 0xf) << 4 | serial & 0xf) as c_uint
}

/// `PyMonitoringState`: the tools that listen to one event of a scope.
#[repr(C)]
pub struct MonitoringState {
    active: u8,
    opaque: u8,
}

/// Tells the tools of a state of an event in native code.
fn fire_event(state: *mut MonitoringState, e: u32, code: &Object, offset: c_int, what: &[&Object]) -> PyResult<()> {
    if state.is_null() {
        return Ok(());
    }
    // SAFETY: C passes a state of a scope that it entered.
    runtime::interp::monitoring::fire_native(unsafe { &mut (*state).active }, e, code, offset, what)
}

/// The same for an event about the exception that is set, which stays set.
fn fire_exception(state: *mut MonitoringState, e: u32, code: &Object, offset: c_int) -> PyResult<()> {
    let Some(x) = runtime::error::take_error() else {
        return Err(raise!(ValueError, "Firing event {} with no exception set", e));
    };
    fire_event(state, e, code, offset, &[&x])?;
    let _ = runtime::error::restore(x);
    Ok(())
}

/// The firing functions of `cpython/monitoring.h`, by what they pass on.
macro_rules! monitoring {
    (plain $($name:ident $event:ident)*) => {
        capi! {$(
            fn $name(state: *mut MonitoringState, code: &Object, offset: c_int) -> c_int {
                fire_event(state, runtime::interp::monitoring::event::$event, code, offset, &[])
            }
        )*}
    };
    (value $($name:ident $event:ident)*) => {
        capi! {$(
            fn $name(state: *mut MonitoringState, code: &Object, offset: c_int, value: Option<&Object>) -> c_int {
                let v = value.unwrap_or(none());
                fire_event(state, runtime::interp::monitoring::event::$event, code, offset, &[v])
            }
        )*}
    };
    (place $($name:ident $event:ident)*) => {
        capi! {$(
            fn $name(state: *mut MonitoringState, code: &Object, offset: c_int, place: c_int) -> c_int {
                let n = Int::from_i64(i64::from(place))?;
                fire_event(state, runtime::interp::monitoring::event::$event, code, offset, &[&n])
            }
        )*}
    };
    (exception $($name:ident $event:ident)*) => {
        capi! {$(
            fn $name(state: *mut MonitoringState, code: &Object, offset: c_int) -> c_int {
                fire_exception(state, runtime::interp::monitoring::event::$event, code, offset)
            }
        )*}
    };
}
monitoring! { plain _PyMonitoring_FirePyStartEvent PY_START _PyMonitoring_FirePyResumeEvent PY_RESUME }
monitoring! { value _PyMonitoring_FirePyReturnEvent PY_RETURN _PyMonitoring_FirePyYieldEvent PY_YIELD _PyMonitoring_FireCReturnEvent C_RETURN
_PyMonitoring_FireJumpEvent JUMP _PyMonitoring_FireBranchEvent BRANCH_RIGHT _PyMonitoring_FireBranchLeftEvent BRANCH_LEFT
_PyMonitoring_FireBranchRightEvent BRANCH_RIGHT }
monitoring! { place _PyMonitoring_FireLineEvent LINE }
monitoring! {
    exception _PyMonitoring_FireRaiseEvent RAISE _PyMonitoring_FireReraiseEvent RERAISE _PyMonitoring_FirePyThrowEvent PY_THROW
    _PyMonitoring_FirePyUnwindEvent PY_UNWIND _PyMonitoring_FireCRaiseEvent C_RAISE
    _PyMonitoring_FireExceptionHandledEvent EXCEPTION_HANDLED
}
capi! {
    fn _PyMonitoring_FireCallEvent(state: *mut MonitoringState, code: &Object, offset: c_int, callable: &Object, arg0: Option<&Object>) -> c_int {
        let (_, missing) = runtime::interp::monitoring::sentinels()?;
        fire_event(state, runtime::interp::monitoring::event::CALL, code, offset, &[callable, arg0.unwrap_or(&missing)])
    }
    fn _PyMonitoring_FireStopIterationEvent(state: *mut MonitoringState, code: &Object, offset: c_int, value: &Object) -> c_int {
        let x = exc::StopIteration().call1(value)?;
        fire_event(state, runtime::interp::monitoring::event::STOP_ITERATION, code, offset, &[&x])
    }
}

/// The comparison that says the same with its sides exchanged.
#[unsafe(no_mangle)]
pub static _Py_SwappedOp: [c_int; 6] = [4, 5, 2, 3, 0, 1];

/// Variables that C code reads or sets before initialisation.
macro_rules! variables {
    ($($name:ident = $value:expr;)*) => {$(
        #[unsafe(no_mangle)]
        pub static mut $name: c_int = $value;
    )*
    /// These variables with their values.
    pub fn globals() -> Vec<(&'static str, c_int)> {
        // SAFETY: plain numbers, which C sets by its own rules.
        unsafe { vec![$((stringify!($name), (&raw const $name).read())),*] }
    }
    /// Sets one of them.
    pub fn set_global(name: &str, value: c_int) {
        // SAFETY: plain numbers, which C sets by its own rules.
        unsafe {
            match name {
                $(stringify!($name) => (&raw mut $name).write(value),)*
                _ => {}
            }
        }
    }
    };
}
variables! {
    Py_BytesWarningFlag = 0;
    Py_DebugFlag = 0;
    Py_DontWriteBytecodeFlag = 0;
    Py_FrozenFlag = 0;
    Py_IgnoreEnvironmentFlag = 0;
    Py_InspectFlag = 0;
    Py_InteractiveFlag = 0;
    Py_IsolatedFlag = 0;
    Py_NoSiteFlag = 0;
    Py_NoUserSiteDirectory = 0;
    Py_OptimizeFlag = 0;
    Py_QuietFlag = 0;
    Py_UnbufferedStdioFlag = 0;
    Py_VerboseFlag = 0;
    Py_UTF8Mode = 0;
    Py_HasFileSystemDefaultEncoding = 1;
}

/// A pointer that C may read from any thread.
#[repr(transparent)]
pub struct Shared<T>(pub T);
// SAFETY: constants, or variables that C sets by its own rules.
unsafe impl<T> Sync for Shared<T> {}

#[unsafe(no_mangle)]
pub static Py_FileSystemDefaultEncoding: Shared<*const c_char> = Shared(c"utf-8".as_ptr());
#[unsafe(no_mangle)]
pub static Py_FileSystemDefaultEncodeErrors: Shared<*const c_char> = Shared(c"surrogateescape".as_ptr());
#[unsafe(no_mangle)]
pub static Py_hexdigits: Shared<*const c_char> = Shared(c"0123456789abcdef".as_ptr());
#[unsafe(no_mangle)]
pub static PyStructSequence_UnnamedField: Shared<*const c_char> = Shared(c"unnamed field".as_ptr());
#[unsafe(no_mangle)]
pub static mut PyOS_InputHook: Option<unsafe extern "C" fn() -> c_int> = None;
#[unsafe(no_mangle)]
pub static mut PyOS_ReadlineFunctionPointer: *mut c_void = null_mut();
#[unsafe(no_mangle)]
pub static mut PyImport_FrozenModules: *mut c_void = null_mut();
#[unsafe(no_mangle)]
pub static mut PyImport_Inittab: *mut c_void = null_mut();
