//! Raising from Rust: building the instance, chaining it to the exception being handled, storing it in the thread state.

use crate::error::{PyResult, Raised};
use crate::object::{Object, PyRef, Ref, Type};
use crate::objects::exceptions::BaseException;
use core::fmt;

/// Raises `ty(message)`.
#[cold]
pub fn raise_message(ty: &Type, message: fmt::Arguments<'_>) -> Raised {
    let _ = (ty, message);
    todo!()
}

/// Raises `ty` with `value` as `PyErr_SetObject` does: an instance of `ty` as it is, a tuple as its arguments, None as
/// no arguments, anything else as the only argument.
#[cold]
pub fn raise_object(ty: &Type, value: &Object) -> Raised {
    let _ = (ty, value);
    todo!()
}

/// Raises `ty()`.
#[cold]
pub fn raise_none(ty: &Type) -> Raised {
    let _ = ty;
    todo!()
}

/// Raises an instance: sets its context to the exception being handled, and stores it.
#[cold]
pub fn raise_exception(exc: Ref<BaseException>) -> Raised {
    let _ = exc;
    todo!()
}

/// Makes an exception instance of a class and a value, as `PyErr_SetObject` and `throw()` do.
pub fn normalize(ty: &Object, value: Option<PyRef>) -> PyResult<Ref<BaseException>> {
    let _ = (ty, value);
    todo!()
}

/// Whether `exc` (an instance or a class) matches `exc_type` (a class or a tuple of classes, nested).
pub fn exception_matches(exc: &Object, exc_type: &Object) -> bool {
    let _ = (exc, exc_type);
    todo!()
}

/// Raises `KeyError(key)`; a tuple key stays one argument.
#[cold]
pub fn raise_key_error(key: &Object) -> Raised {
    let _ = key;
    todo!()
}

/// Raises the `OSError` subclass for `errno` with up to two file names.
#[cold]
pub fn raise_os_error(errno: i32, filename: Option<&Object>, filename2: Option<&Object>) -> Raised {
    let _ = (errno, filename, filename2);
    todo!()
}

/// Raises `OSError` from the C `errno` (checks signals first when it is EINTR).
#[cold]
pub fn raise_from_errno(filename: Option<&Object>) -> Raised {
    raise_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(0), filename, None)
}

/// Raises `StopIteration(value)`; `None` raises it without arguments.
#[cold]
pub fn raise_stop_iteration(value: Option<&Object>) -> Raised {
    let _ = value;
    todo!()
}

/// Issues a warning of `category` at `stacklevel` frames up.
pub fn warn(category: &Type, message: &str, stacklevel: isize) -> PyResult<()> {
    let _ = (category, message, stacklevel);
    todo!()
}

/// Issues a warning with an explicit origin.
pub fn warn_explicit(
    category: &Object,
    message: &Object,
    filename: &Object,
    lineno: i32,
    module: Option<&Object>,
    registry: Option<&Object>,
) -> PyResult<()> {
    let _ = (category, message, filename, lineno, module, registry);
    todo!()
}

/// Reports the set exception through `sys.unraisablehook` and clears it.
pub fn write_unraisable(obj: Option<&Object>) {
    let _ = obj;
    todo!()
}

/// Raises `ty(message)` with the exception that is set as its cause and context.
#[cold]
pub fn chain_from_cause(ty: &Type, message: fmt::Arguments<'_>) -> Raised {
    let _ = (ty, message);
    todo!()
}
