//! `pyerrors.h`, `warnings.h`: raising, fetching, chaining and showing exceptions.

use crate::export::{CText, bad_internal_call, fine, text};
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;
use runtime::abi;
use runtime::error::{restore, take_error};
use runtime::objects::BaseException;
use runtime::objects::exceptions::{display, raise, warnings};
use runtime::prelude::*;

/// Raises a class (or an instance) with a value, as `PyErr_SetObject` does; SystemError for what is no exception.
pub fn raise_any(exception: &Object, value: Option<&Object>) -> Raised {
    match exception.downcast::<Type>() {
        Some(t) if t.is_subtype(exc::BaseException()) => match value {
            Some(v) => {
                if let Some(e) = v.downcast::<BaseException>()
                    && !e.ty().is_subtype(t)
                {
                    // The metaclass may think otherwise.
                    let class: &Object = e.ty();
                    match class.issubclass(t) {
                        Ok(true) => return runtime::error::raise_exception(Ref::new_ref(e)),
                        Ok(false) => {}
                        Err(e) => return e,
                    }
                } else if !t.ty().ptr_eq(Type::type_object())
                    && let Some(e) = v.downcast::<BaseException>()
                {
                    let class: &Object = e.ty();
                    if let Err(e) = class.issubclass(t) {
                        return e;
                    }
                }
                let raised = runtime::error::raise_object(t, v);
                note_failure(t, v);
                raised
            }
            None => runtime::error::raise_none(t),
        },
        _ => {
            let shown = exception.repr().map(|r| r.to_string_lossy().into_owned());
            match shown {
                Ok(shown) => {
                    raise!(SystemError, "_PyErr_SetObject: exception {} is not a BaseException subclass", shown)
                }
                Err(e) => e,
            }
        }
    }
}

/// When making the exception failed, the one that is set instead says so.
fn note_failure(t: &Type, value: &Object) {
    let Some(e) = runtime::error::take_error() else { return };
    if !e.ty().is_subtype(t) {
        let shown = value.repr().map(|r| r.to_string_lossy().into_owned());
        if shown.is_err() {
            drop(runtime::error::take_error());
        }
        let shown = shown.unwrap_or_else(|_| "<unknown>".to_owned());
        let note = Str::format(format_args!("Normalization failed: type={} args={shown}", t.tp_name()));
        if note.and_then(|n| e.call_method(intern!("add_note"), &[&n])).is_err() {
            drop(runtime::error::take_error());
        }
    }
    let _ = runtime::error::restore(e);
}

fn set_message(exception: &Object, message: CText<'_>) -> Raised {
    match text(message) {
        Ok(m) => raise_any(exception, Some(&m)),
        Err(e) => e,
    }
}

fn instance(o: &Object) -> PyResult<&BaseException> {
    o.downcast::<BaseException>().ok_or_else(bad_internal_call)
}

/// The exception as the old triple of type, value and traceback.
fn store_triple(
    e: Option<Ref<BaseException>>,
    ty: *mut *mut abi::PyObject,
    value: *mut *mut abi::PyObject,
    tb: *mut *mut abi::PyObject,
) {
    // SAFETY: C passes three places.
    unsafe {
        match e {
            None => {
                *ty = null_mut();
                *value = null_mut();
                *tb = null_mut();
            }
            Some(e) => {
                let t: &Object = e.ty();
                *ty = t.to_ref().into_ptr();
                *tb = e.traceback().map_or(null_mut(), Ref::into_ptr);
                *value = e.into_ptr();
            }
        }
    }
}

/// The exception that `sys.exception()` shows, set by hand.
fn set_handled(e: Option<PyRef>) {
    let item = ThreadState::current().abi().exc_info;
    // SAFETY: the stack's items belong to this thread and own their references.
    unsafe {
        let old = PyRef::from_ptr_opt((*item).exc_value);
        (*item).exc_value = e.filter(|o| !o.is_none()).map_or(null_mut(), Ref::into_ptr);
        drop(old);
    }
}

/// An OSError from errno with up to two file names.
fn os_error(exception: &Object, errno: c_int, filename: Option<&Object>, filename2: Option<&Object>) -> Raised {
    if errno == libc::EINTR {
        if let Err(e) = runtime::thread::check_signals() {
            return e;
        }
    }
    let made = (|| {
        let number = Int::from_i64(errno.into())?;
        // SAFETY: strerror gives a C string; copied at once.
        let message = unsafe { core::ffi::CStr::from_ptr(libc::strerror(errno)) }.to_string_lossy().into_owned();
        let message = Str::new(if errno == 0 { "Error" } else { &message })?;
        let args = match (filename, filename2) {
            (Some(f), Some(f2)) => {
                let zero = Int::from_i64(0)?;
                Tuple::from_slice(&[&number, &message, f, &zero, f2])?
            }
            (Some(f), None) => Tuple::from_slice(&[&number, &message, f])?,
            _ => Tuple::from_slice(&[&number, &message])?,
        };
        exception.call_dict(&args, None)
    })();
    match made {
        Ok(e) => {
            let t: &Object = e.ty();
            raise_any(t, Some(&e))
        }
        Err(e) => e,
    }
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn import_error(ty: &Object, message: Option<&Object>, name: Option<&Object>, path: Option<&Object>) -> Raised {
    let made = (|| {
        let is_import_error = ty.downcast::<Type>().is_some_and(|t| t.is_subtype(exc::ImportError()));
        if !is_import_error {
            return Err(raise!(TypeError, "expected a subclass of ImportError"));
        }
        let Some(message) = message else { return Err(raise!(TypeError, "expected a message argument")) };
        let kwargs = Dict::new()?;
        kwargs.set_str("name", name.unwrap_or(none()))?;
        kwargs.set_str("path", path.unwrap_or(none()))?;
        ty.call_dict(&*Tuple::from_slice(&[message])?, Some(&kwargs))
    })();
    match made {
        Ok(e) => {
            let t: &Object = e.ty();
            raise_any(t, Some(&e))
        }
        Err(e) => e,
    }
}

/// A new exception class from "module.Name".
fn new_exception(
    name: CText<'_>,
    doc: Option<CText<'_>>,
    base: Option<&Object>,
    dict: Option<&Object>,
) -> PyResult<PyRef> {
    let whole = name.to_string_lossy();
    let Some((module, name)) = whole.rsplit_once('.') else {
        return Err(raise!(SystemError, "PyErr_NewException: name must be module.class"));
    };
    let own;
    let dict = match dict {
        Some(d) => d.downcast::<Dict>().ok_or_else(bad_internal_call)?,
        None => {
            own = Dict::new()?;
            &own
        }
    };
    if dict.get_item_str("__module__")?.is_none() {
        dict.set_str("__module__", &*Str::new(module)?)?;
    }
    if let Some(doc) = doc {
        dict.set_str("__doc__", &*text(doc)?)?;
    }
    let exception: &Object = exc::Exception();
    let bases = match base.unwrap_or(exception) {
        b if b.downcast::<Tuple>().is_some() => b.to_tuple()?,
        b => Tuple::from_slice(&[b])?,
    };
    let meta: &Object = Type::type_object();
    let name = Str::new(name)?;
    meta.call(&[&name, &bases, dict])
}

capi! {
    fn PyErr_Occurred() -> *mut abi::PyObject {
        let p = ThreadState::current().abi().current_exception;
        // SAFETY: the thread's own exception.
        fine(unsafe { Object::from_ptr_opt(p) }.map_or(null_mut(), |e| e.ty().as_raw().cast()))
    }
    fn PyErr_Clear() {
        drop(take_error());
        Ok(())
    }
    fn PyErr_SetString(exception: &Object, message: CText<'_>) {
        Err::<(), _>(set_message(exception, message))
    }
    fn PyErr_SetObject(exception: &Object, value: Option<&Object>) {
        Err::<(), _>(raise_any(exception, value))
    }
    fn PyErr_SetNone(exception: &Object) {
        Err::<(), _>(raise_any(exception, None))
    }
    fn PyErr_GetRaisedException() -> *mut abi::PyObject {
        fine(take_error())
    }
    fn PyErr_SetRaisedException(e: Option<PyRef>) {
        match e {
            None => drop(take_error()),
            Some(e) => match e.downcast_into::<BaseException>() {
                Ok(e) => drop(restore(e)),
                Err(_) => return Err(bad_internal_call()),
            },
        }
        Ok(())
    }
    fn PyErr_Fetch(ty: *mut *mut abi::PyObject, value: *mut *mut abi::PyObject, tb: *mut *mut abi::PyObject) {
        store_triple(take_error(), ty, value, tb);
        Ok(())
    }
    fn PyErr_Restore(ty: Option<PyRef>, value: Option<PyRef>, tb: Option<PyRef>) {
        let Some(ty) = ty else {
            drop(take_error());
            return Ok(());
        };
        let tb = tb.filter(|t| !t.is_none());
        if tb.as_ref().is_some_and(|t| t.downcast::<runtime::objects::Traceback>().is_none()) {
            return Err(raise!(TypeError, "traceback must be a Traceback or None"));
        }
        let e = runtime::error::normalize(&ty, value)?;
        if tb.is_some() {
            e.set_traceback(tb);
        }
        let _ = restore(e);
        Ok(())
    }
    fn PyErr_NormalizeException(ty: *mut *mut abi::PyObject, value: *mut *mut abi::PyObject, _tb: *mut *mut abi::PyObject) {
        // SAFETY: C passes owned references in its places.
        unsafe {
            let Some(t) = PyRef::from_ptr_opt(*ty) else { return Ok(()) };
            let v = PyRef::from_ptr_opt(*value);
            let e = match runtime::error::normalize(&t, v) {
                Ok(e) => e,
                Err(e) => e.take(),
            };
            let real: &Object = e.ty();
            *ty = real.to_ref().into_ptr();
            *value = e.into_ptr();
        }
        Ok(())
    }
    fn PyErr_GivenExceptionMatches(e: Option<&Object>, class: Option<&Object>) -> c_int {
        let (Some(e), Some(class)) = (e, class) else { return Ok(false) };
        fine(runtime::error::exception_matches(e, class))
    }
    fn PyErr_ExceptionMatches(class: Option<&Object>) -> c_int {
        fine(class.is_some_and(runtime::error::error_matches))
    }
    fn PyErr_BadArgument() -> c_int {
        Err::<c_int, _>(raise!(TypeError, "bad argument type for built-in operation"))
    }
    fn PyErr_BadInternalCall() {
        Err::<(), _>(bad_internal_call())
    }
    fn _PyErr_BadInternalCall(file: CText<'_>, line: c_int) {
        Err::<(), _>(raise!(SystemError, "{}:{}: bad argument to internal function", file.to_string_lossy(), line))
    }
    fn PyErr_NoMemory() -> *mut abi::PyObject {
        Err::<PyRef, _>(runtime::error::raise_none(exc::MemoryError()))
    }
    fn PyErr_SetFromErrno(exception: &Object) -> *mut abi::PyObject {
        Err::<PyRef, _>(os_error(exception, errno(), None, None))
    }
    fn PyErr_SetFromErrnoWithFilename(exception: &Object, filename: Option<CText<'_>>) -> *mut abi::PyObject {
        let code = errno();
        let name = match filename {
            Some(f) => Some(crate::unicode::fs_decode(f.to_bytes())?),
            None => None,
        };
        let name: Option<&Object> = name.as_ref().map(|n| n as &Object);
        Err::<PyRef, _>(os_error(exception, code, name, None))
    }
    fn PyErr_SetFromErrnoWithFilenameObject(exception: &Object, filename: Option<&Object>) -> *mut abi::PyObject {
        Err::<PyRef, _>(os_error(exception, errno(), filename, None))
    }
    fn PyErr_SetFromErrnoWithFilenameObjects(exception: &Object, filename: Option<&Object>, filename2: Option<&Object>) -> *mut abi::PyObject {
        Err::<PyRef, _>(os_error(exception, errno(), filename, filename2))
    }
    fn PyErr_SetImportError(message: Option<&Object>, name: Option<&Object>, path: Option<&Object>) -> *mut abi::PyObject {
        Err::<PyRef, _>(import_error(exc::ImportError(), message, name, path))
    }
    fn PyErr_SetImportErrorSubclass(class: &Object, message: Option<&Object>, name: Option<&Object>, path: Option<&Object>) -> *mut abi::PyObject {
        Err::<PyRef, _>(import_error(class, message, name, path))
    }
    fn PyErr_NewException(name: CText<'_>, base: Option<&Object>, dict: Option<&Object>) -> *mut abi::PyObject {
        new_exception(name, None, base, dict)
    }
    fn PyErr_NewExceptionWithDoc(name: CText<'_>, doc: Option<CText<'_>>, base: Option<&Object>, dict: Option<&Object>) -> *mut abi::PyObject {
        new_exception(name, doc, base, dict)
    }
    fn PyErr_CheckSignals() -> c_int {
        runtime::thread::handle_breaker()?;
        runtime::thread::check_signals()
    }
    raw fn PyErr_SetInterrupt() {
        runtime::thread::signals::simulate(libc::SIGINT);
        Ok(())
    }
    raw fn PyErr_SetInterruptEx(signum: c_int) -> c_int {
        fine(if runtime::thread::signals::simulate(signum) { 0 } else { -1 })
    }
    fn PySignal_SetWakeupFd(fd: c_int) -> c_int {
        fine(runtime::thread::signals::set_wakeup_fd(fd.max(-1), true))
    }

    fn PyErr_GetHandledException() -> *mut abi::PyObject {
        fine(raise::handled_exception())
    }
    fn PyErr_SetHandledException(e: Option<&Object>) {
        set_handled(e.map(Object::to_ref));
        Ok(())
    }
    fn PyErr_GetExcInfo(ty: *mut *mut abi::PyObject, value: *mut *mut abi::PyObject, tb: *mut *mut abi::PyObject) {
        store_triple(raise::handled_exception(), ty, value, tb);
        Ok(())
    }
    fn PyErr_SetExcInfo(_ty: Option<PyRef>, value: Option<PyRef>, _tb: Option<PyRef>) {
        set_handled(value);
        Ok(())
    }
    fn _PyErr_ChainExceptions1(earlier: Option<PyRef>) {
        let Some(earlier) = earlier.and_then(|e| e.downcast_into::<BaseException>().ok()) else { return Ok(()) };
        match take_error() {
            None => drop(restore(earlier)),
            Some(now) => {
                now.set_context(Some(earlier));
                let _ = restore(now);
            }
        }
        Ok(())
    }

    fn PyException_GetTraceback(e: &BaseException) -> *mut abi::PyObject {
        fine(e.traceback())
    }
    fn PyException_SetTraceback(e: &BaseException, tb: Option<&Object>) -> c_int {
        match tb {
            Some(t) if !t.is_none() && t.downcast::<runtime::objects::Traceback>().is_none() => {
                return Err(raise!(TypeError, "__traceback__ must be a traceback or None"));
            }
            _ => e.set_traceback(tb.filter(|t| !t.is_none()).map(Object::to_ref)),
        }
        Ok(())
    }
    fn PyException_GetCause(e: &BaseException) -> *mut abi::PyObject {
        fine(e.cause())
    }
    fn PyException_SetCause(e: &BaseException, cause: Option<PyRef>) {
        e.set_cause(cause.and_then(|c| c.downcast_into::<BaseException>().ok()));
        e.set_suppress_context(true);
        Ok(())
    }
    fn PyException_GetContext(e: &BaseException) -> *mut abi::PyObject {
        fine(e.context())
    }
    fn PyException_SetContext(e: &BaseException, context: Option<PyRef>) {
        e.set_context(context.and_then(|c| c.downcast_into::<BaseException>().ok()));
        Ok(())
    }
    fn PyException_GetArgs(e: &BaseException) -> *mut abi::PyObject {
        e.args()
    }
    fn PyException_SetArgs(e: &BaseException, args: &Tuple) {
        e.set_args(Ref::new_ref(args));
        Ok(())
    }
    fn PyExceptionClass_Name(class: &Type) -> *const c_char {
        fine(class.slots().tp_name.cast_const())
    }

    fn PyErr_Print() {
        print_error(true)
    }
    fn PyErr_PrintEx(set_last: c_int) {
        print_error(set_last != 0)
    }
    fn PyErr_Display(_ty: Option<&Object>, value: Option<&Object>, tb: Option<&Object>) {
        let Some(value) = value else { return Ok(()) };
        let Some(e) = value.downcast::<BaseException>() else {
            return display::default_excepthook(value, none());
        };
        if e.traceback().is_none() {
            e.set_traceback(tb.filter(|t| !t.is_none()).map(Object::to_ref));
        }
        display::display(e);
        Ok(())
    }
    fn PyErr_DisplayException(e: &Object) {
        display::default_excepthook(e, none())
    }
    fn PyErr_WriteUnraisable(o: Option<&Object>) {
        display::write_unraisable(o);
        Ok(())
    }
    /// For the variadic shims: an unraisable exception with a message of its own.
    fn fw_write_unraisable(message: Option<&Object>, o: Option<&Object>) {
        match message.and_then(|m| m.downcast::<Str>()) {
            Some(m) => display::write_unraisable_msg(&m.to_string_lossy(), o),
            None => display::write_unraisable(o),
        }
        Ok(())
    }

    fn PyErr_WarnEx(category: Option<&Object>, message: CText<'_>, stack_level: isize) -> c_int {
        warnings::warn_object(&*text(message)?, Some(category.unwrap_or(exc::RuntimeWarning())), stack_level as i64, None, None)
    }
    fn PyErr_WarnExplicitObject(category: Option<&Object>, message: &Object, filename: &Object, lineno: c_int, module: Option<&Object>, registry: Option<&Object>) -> c_int {
        explicit(category, message, filename, lineno, module, registry)
    }
    fn PyErr_WarnExplicit(category: Option<&Object>, message: CText<'_>, filename: CText<'_>, lineno: c_int, module: Option<CText<'_>>, registry: Option<&Object>) -> c_int {
        let message = text(message)?;
        let filename = crate::unicode::fs_decode(filename.to_bytes())?;
        let module = module.map(text).transpose()?;
        let module: Option<&Object> = module.as_ref().map(|m| m as &Object);
        explicit(category, &message, &filename, lineno, module, registry)
    }

    fn PyErr_SyntaxLocation(filename: Option<CText<'_>>, lineno: c_int) {
        syntax_location(filename, lineno, -1)
    }
    fn PyErr_SyntaxLocationEx(filename: Option<CText<'_>>, lineno: c_int, column: c_int) {
        syntax_location(filename, lineno, column)
    }
    fn PyErr_SyntaxLocationObject(filename: Option<&Object>, lineno: c_int, column: c_int) {
        syntax_location_object(filename, lineno, column, lineno, -1)
    }
    fn PyErr_RangedSyntaxLocationObject(filename: Option<&Object>, lineno: c_int, column: c_int, end_lineno: c_int, end_column: c_int) {
        syntax_location_object(filename, lineno, column, end_lineno, end_column)
    }
    fn PyErr_ProgramText(filename: Option<CText<'_>>, lineno: c_int) -> *mut abi::PyObject {
        use std::os::unix::ffi::OsStrExt;
        fine(filename.and_then(|f| program_line(std::ffi::OsStr::from_bytes(f.to_bytes()).as_ref(), lineno)))
    }
    fn PyErr_ProgramTextObject(filename: Option<&Object>, lineno: c_int) -> *mut abi::PyObject {
        let Some(f) = filename.and_then(|f| f.downcast::<Str>()) else { return Ok(None) };
        fine(program_line(f.to_string_lossy().as_ref().as_ref(), lineno))
    }
}

fn explicit(
    category: Option<&Object>,
    message: &Object,
    filename: &Object,
    lineno: c_int,
    module: Option<&Object>,
    registry: Option<&Object>,
) -> PyResult<()> {
    let function = display::import("_warnings")?.getattr(intern!("warn_explicit"))?;
    let category = category.unwrap_or(exc::RuntimeWarning());
    let lineno = Int::from_i64(lineno.into())?;
    function.call(&[message, category, filename, &lineno, module.unwrap_or(none()), registry.unwrap_or(none())])?;
    Ok(())
}

fn print_error(set_last: bool) -> PyResult<()> {
    if set_last {
        // SAFETY: the thread's own exception.
        if let Some(e) = unsafe { Object::from_ptr_opt(ThreadState::current().abi().current_exception) } {
            if let Some(sys) = display::sys_dict() {
                let e = e.to_ref();
                let pending = take_error();
                let t: &Object = e.ty();
                let tb = e.downcast::<BaseException>().and_then(|e| e.traceback()).unwrap_or_else(none_ref);
                for (name, value) in
                    [("last_exc", &*e), ("last_type", t), ("last_value", &*e), ("last_traceback", &*tb)]
                {
                    if let Err(problem) = sys.set_str(name, value) {
                        problem.clear();
                    }
                }
                if let Some(p) = pending {
                    let _ = restore(p);
                }
            }
        }
    }
    display::print_set_error();
    Ok(())
}

fn syntax_location(filename: Option<CText<'_>>, lineno: c_int, column: c_int) -> PyResult<()> {
    let name = match filename {
        Some(f) => Some(crate::unicode::fs_decode(f.to_bytes())?),
        None => None,
    };
    let name: Option<&Object> = name.as_ref().map(|n| n as &Object);
    syntax_location_object(name, lineno, column, lineno, -1)
}

/// Adds a place to the SyntaxError that is set. Errors on the way are dropped.
fn syntax_location_object(
    filename: Option<&Object>,
    lineno: c_int,
    column: c_int,
    end_lineno: c_int,
    end_column: c_int,
) -> PyResult<()> {
    let Some(e) = take_error() else { return Ok(()) };
    let done: PyResult<()> = (|| {
        let number = |n: c_int| -> PyResult<PyRef> {
            if n < 0 { Ok(none_ref()) } else { Ok(Int::from_i64(n.into())?.upcast()) }
        };
        e.setattr(intern!("lineno"), &*number(lineno)?)?;
        e.setattr(intern!("offset"), &*number(if column >= 0 { column + 1 } else { -1 })?)?;
        e.setattr(intern!("end_lineno"), &*number(if end_column >= 0 { end_lineno } else { -1 })?)?;
        e.setattr(intern!("end_offset"), &*number(if end_column >= 0 { end_column + 1 } else { -1 })?)?;
        if let Some(f) = filename {
            e.setattr(intern!("filename"), f)?;
            if let Some(line) =
                f.downcast::<Str>().and_then(|f| program_line(f.to_string_lossy().as_ref().as_ref(), lineno))
            {
                e.setattr(intern!("text"), &line)?;
            }
        }
        if !e.ty().ptr_eq(exc::SyntaxError()) {
            for name in ["msg", "print_file_and_line"] {
                let name = Str::intern(name);
                if e.getattr_opt(name)?.is_none() {
                    let value = if name.eq_str("msg") { e.str()?.upcast() } else { none_ref() };
                    e.setattr(name, &value)?;
                }
            }
        }
        Ok(())
    })();
    if let Err(problem) = done {
        problem.clear();
    }
    let _ = restore(e);
    Ok(())
}

/// Line `lineno` of a file, if it can be read.
fn program_line(path: &std::path::Path, lineno: c_int) -> Option<PyRef> {
    let source = std::fs::read(path).ok()?;
    let index = usize::try_from(lineno).ok()?.checked_sub(1)?;
    let line = source.split_inclusive(|b| *b == b'\n').nth(index)?;
    Str::new(&String::from_utf8_lossy(line)).ok().map(PyRef::from)
}
