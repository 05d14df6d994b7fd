//! Raising from Rust: building the instance, chaining it to the exception being handled, storing it in the thread state.

use super::base::{is_plain, new_instance};
use super::{BaseException, types};
use crate::error::{PyResult, Raised, restore, take_error};
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Int, Str, Tuple, none};
use crate::raise;
use crate::thread::ThreadState;
use core::fmt;
use core::sync::atomic::{AtomicPtr, Ordering};

pub use super::display::write_unraisable;
pub use super::warnings::{warn, warn_explicit};

/// The instance raised when there is no memory for another one.
static LAST_RESORT: AtomicPtr<BaseException> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the last-resort MemoryError.
pub(super) fn init_memory_error() -> PyResult<()> {
    let e = new_instance(types::MemoryError(), Tuple::empty())?;
    crate::mem::refcount::set_immortal(&e);
    LAST_RESORT.store(e.into_raw(), Ordering::Release);
    Ok(())
}

/// The exception being handled (`sys.exception()`): the innermost one of the thread's `exc_info` stack.
pub fn handled_exception() -> Option<Ref<BaseException>> {
    handled_by(ThreadState::current())
}

/// The same of any thread: the running one, or one that is stopped.
pub fn handled_by(ts: &ThreadState) -> Option<Ref<BaseException>> {
    let mut item = ts.abi().exc_info;
    while !item.is_null() {
        // SAFETY: the stack's items live in generators and the thread state, and belong to this thread.
        unsafe {
            if let Some(o) = Object::from_ptr_opt((*item).exc_value) {
                if !o.is_none() {
                    return Some(Ref::new_ref(o.cast::<BaseException>()));
                }
            }
            item = (*item).previous_item;
        }
    }
    None
}

/// Makes `exc.__context__` the exception being handled, without making a cycle.
fn chain_context(exc: &BaseException) {
    if let Some(handled) = handled_exception() {
        chain_to(exc, handled);
    }
}

/// Makes `context` the `__context__` of `exc`; cuts the chain where it would come back to `exc`.
pub fn chain_to(exc: &BaseException, context: Ref<BaseException>) {
    if core::ptr::eq(exc, &*context) {
        return;
    }
    // Walk the chain with a second, slower walker that finds cycles made by hand.
    let mut o = context.clone();
    let mut slow = context.clone();
    let mut step = false;
    while let Some(next) = o.context() {
        if core::ptr::eq(&*next, exc) {
            o.set_context(None);
            break;
        }
        o = next;
        if core::ptr::eq(&*o, &*slow) {
            break;
        }
        if step {
            if let Some(s) = slow.context() {
                slow = s;
            }
        }
        step = !step;
    }
    exc.set_context(Some(context));
}

/// `ty(*args)`, which must give an exception.
fn instantiate(ty: &Type, args: &[&Object]) -> PyResult<Ref<BaseException>> {
    if is_plain(ty) {
        return new_instance(ty, Tuple::from_slice(args)?);
    }
    let o = ty.call(args)?;
    o.downcast_into::<BaseException>().map_err(|o| {
        raise!(
            TypeError,
            "calling {} should have returned an instance of BaseException, not {}",
            ty.repr().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
            o.ty().name_str()
        )
    })
}

/// Raises what was made, or what making it raised.
fn finish(made: PyResult<Ref<BaseException>>) -> Raised {
    match made {
        Ok(e) => raise_exception(e),
        Err(e) => {
            let e = e.take();
            chain_context(&e);
            restore(e)
        }
    }
}

/// Takes an error that is set out of the way while the new exception is made.
fn drop_pending() {
    drop(take_error());
}

/// Raises `ty(message)`.
#[cold]
pub fn raise_message(ty: &Type, message: fmt::Arguments<'_>) -> Raised {
    drop_pending();
    let text = match message.as_str() {
        Some(s) => Str::new(s),
        None => Str::format(message),
    };
    finish(text.and_then(|t| instantiate(ty, &[&t])))
}

/// Raises `ty` with `value` as `PyErr_SetObject` does: an instance of `ty` as it is, a tuple as its arguments, None as
/// no arguments, anything else as the only argument.
#[cold]
pub fn raise_object(ty: &Type, value: &Object) -> Raised {
    if !ty.is_subtype(types::BaseException()) {
        return raise!(SystemError, "_PyErr_SetObject: exception {} is not a BaseException subclass", ty.name_str());
    }
    if let Some(e) = value.downcast::<BaseException>() {
        if e.ty().is_subtype(ty) {
            return raise_exception(Ref::new_ref(e));
        }
    }
    drop_pending();
    finish(from_value(ty, Some(value)))
}

fn from_value(ty: &Type, value: Option<&Object>) -> PyResult<Ref<BaseException>> {
    match value {
        None => instantiate(ty, &[]),
        Some(v) if v.is_none() => instantiate(ty, &[]),
        Some(v) => match v.downcast::<Tuple>() {
            Some(t) => instantiate(ty, t.as_slice()),
            None => instantiate(ty, &[v]),
        },
    }
}

/// Raises `ty()`.
#[cold]
pub fn raise_none(ty: &Type) -> Raised {
    if core::ptr::eq(ty, types::MemoryError()) {
        return raise_memory_error();
    }
    drop_pending();
    finish(instantiate(ty, &[]))
}

/// Raises MemoryError; when even that cannot be allocated, a preallocated instance.
fn raise_memory_error() -> Raised {
    thread_local!(static BUSY: core::cell::Cell<bool> = const { core::cell::Cell::new(false) });
    if !BUSY.replace(true) {
        let made = new_instance(types::MemoryError(), Tuple::empty());
        BUSY.set(false);
        if let Ok(e) = made {
            return raise_exception(e);
        }
    }
    // SAFETY: set at start-up to an immortal instance; before that there is nothing to fall back on.
    match unsafe { LAST_RESORT.load(Ordering::Acquire).as_ref() } {
        Some(e) => restore(Ref::new_ref(e)),
        None => {
            eprintln!("freewheel: out of memory during start-up");
            std::process::exit(1)
        }
    }
}

/// Raises an instance: sets its context to the exception being handled, and stores it.
#[cold]
pub fn raise_exception(exc: Ref<BaseException>) -> Raised {
    chain_context(&exc);
    restore(exc)
}

/// Makes an exception instance of a class and a value, as `PyErr_SetObject` and `throw()` do.
pub fn normalize(ty: &Object, value: Option<PyRef>) -> PyResult<Ref<BaseException>> {
    if let Some(e) = ty.downcast::<BaseException>() {
        return Ok(Ref::new_ref(e));
    }
    let Some(t) = ty.downcast::<Type>().filter(|t| t.is_subtype(types::BaseException())) else {
        return Err(raise!(
            TypeError,
            "exceptions must be classes or instances deriving from BaseException, not {}",
            ty.ty().name_str()
        ));
    };
    if let Some(v) = &value {
        if let Some(e) = v.downcast::<BaseException>() {
            if e.ty().is_subtype(t) {
                return Ok(Ref::new_ref(e));
            }
        }
    }
    from_value(t, value.as_deref())
}

/// Whether `exc` (an instance or a class) matches `exc_type` (a class or a tuple of classes, nested).
pub fn exception_matches(exc: &Object, exc_type: &Object) -> bool {
    if let Some(t) = exc_type.downcast::<Tuple>() {
        if let Err(e) = crate::protocol::enter_recursive_call(" in PyErr_GivenExceptionMatches") {
            // Nobody is told of failures here.
            let overflow = e.take();
            let pending = take_error();
            let _: Raised = restore(overflow);
            write_unraisable(Some(exc));
            if let Some(p) = pending {
                let _: Raised = restore(p);
            }
            return false;
        }
        return t.as_slice().iter().any(|o| exception_matches(exc, o));
    }
    matches_class(exc, exc_type)
}

fn matches_class(exc: &Object, exc_type: &Object) -> bool {
    let class: &Object = if exc.downcast::<BaseException>().is_some() { exc.ty() } else { exc };
    if class.is(exc_type) {
        return true;
    }
    let base = BaseException::type_object();
    match (class.downcast::<Type>(), exc_type.downcast::<Type>()) {
        (Some(c), Some(t)) => c.is_subtype(t) && t.is_subtype(base),
        _ => false,
    }
}

/// Raises `KeyError(key)`; a tuple key stays one argument.
#[cold]
pub fn raise_key_error(key: &Object) -> Raised {
    drop_pending();
    finish(instantiate(types::KeyError(), &[key]))
}

/// Raises the `OSError` subclass for `errno` with up to two file names.
#[cold]
pub fn raise_os_error(errno: i32, filename: Option<&Object>, filename2: Option<&Object>) -> Raised {
    raise_os_error_as(types::OSError(), errno, filename, filename2)
}

/// The same for another type that takes `(errno, text, filename…)`.
#[cold]
pub fn raise_os_error_as(ty: &Type, errno: i32, filename: Option<&Object>, filename2: Option<&Object>) -> Raised {
    drop_pending();
    let make = || -> PyResult<Ref<BaseException>> {
        let code = Int::from_i64(errno as i64)?;
        let text = Str::new(&strerror(errno))?;
        let zero = Int::from_i64(0)?;
        let args: Vec<&Object> = match (filename, filename2) {
            (None, None) => vec![&code, &text],
            (Some(f), None) => vec![&code, &text, f],
            (f, Some(f2)) => vec![&code, &text, f.unwrap_or(none()), &zero, f2],
        };
        instantiate(ty, &args)
    };
    finish(make())
}

/// The system's text for an errno.
pub fn strerror(errno: i32) -> String {
    if errno == 0 {
        return "Error".to_owned();
    }
    let mut buf = [0 as core::ffi::c_char; 256];
    // SAFETY: the buffer's length is given; the result is terminated.
    unsafe {
        if libc::strerror_r(errno, buf.as_mut_ptr(), buf.len()) != 0 && buf[0] == 0 {
            return format!("Unknown error {errno}");
        }
        core::ffi::CStr::from_ptr(buf.as_ptr()).to_string_lossy().into_owned()
    }
}

/// Raises `OSError` from the C `errno` (an interrupted call lets signal handlers raise first).
#[cold]
pub fn raise_from_errno(filename: Option<&Object>) -> Raised {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    if errno == libc::EINTR {
        if let Err(e) = crate::thread::check_signals() {
            return e;
        }
    }
    raise_os_error(errno, filename, None)
}

/// Raises `StopIteration(value)`; `None` raises it without arguments.
#[cold]
pub fn raise_stop_iteration(value: Option<&Object>) -> Raised {
    drop_pending();
    match value {
        None => finish(instantiate(types::StopIteration(), &[])),
        Some(v) if v.is_none() => finish(instantiate(types::StopIteration(), &[])),
        // One argument even when it is a tuple or an exception.
        Some(v) => finish(instantiate(types::StopIteration(), &[v])),
    }
}

/// Raises `AttributeError(message)` with `name` and `obj` set, for suggestions.
#[cold]
pub fn raise_attribute_error(obj: &Object, name: &Object, message: fmt::Arguments<'_>) -> Raised {
    let r = raise_message(types::AttributeError(), message);
    let e = r.take();
    if let Some(a) = e.downcast::<super::AttributeError>() {
        super::slot!(a, name).set(Some(name.to_ref()));
        super::slot!(a, obj).set(Some(obj.to_ref()));
    }
    restore(e)
}

/// Raises `NameError(message)` (or a subclass) with `name` set, for suggestions.
#[cold]
pub fn raise_name_error(ty: &Type, name: &Object, message: fmt::Arguments<'_>) -> Raised {
    let e = raise_message(ty, message).take();
    if let Some(n) = e.downcast::<super::NameError>() {
        super::slot!(n, name).set(Some(name.to_ref()));
    }
    restore(e)
}

/// Raises `ImportError` (or a subclass) with its `name` and `path`.
#[cold]
pub fn raise_import_error(
    ty: &Type,
    name: Option<&Object>,
    path: Option<&Object>,
    name_from: Option<&Object>,
    message: fmt::Arguments<'_>,
) -> Raised {
    let e = raise_message(ty, message).take();
    if let Some(i) = e.downcast::<super::ImportError>() {
        super::slot!(i, name).set(name.map(Object::to_ref));
        super::slot!(i, path).set(path.map(Object::to_ref));
        super::slot!(i, name_from).set(name_from.map(Object::to_ref));
    }
    restore(e)
}

/// An ImportError with its `name` and `path`, not raised.
pub fn import_error(msg: &str, name: Option<&Object>, path: Option<&Object>) -> PyResult<Ref<BaseException>> {
    let e = instantiate(types::ImportError(), &[&**Str::new(msg)?])?;
    if let Some(i) = e.downcast::<super::ImportError>() {
        super::slot!(i, name).set(name.map(Object::to_ref));
        super::slot!(i, path).set(path.map(Object::to_ref));
    }
    Ok(e)
}

/// Raises `ty(message)` with the exception that is set as its cause and context.
#[cold]
pub fn chain_from_cause(ty: &Type, message: fmt::Arguments<'_>) -> Raised {
    let cause = take_error();
    let new = raise_message(ty, message).take();
    if let Some(c) = cause {
        new.set_cause(Some(c.clone()));
        new.set_context(Some(c));
    }
    restore(new)
}

/// `raise exc from cause` and `raise exc`: classes are instantiated; no context is set here for what is re-raised.
pub fn do_raise(exc: &Object, cause: Option<&Object>) -> Raised {
    let instance = if let Some(e) = exc.downcast::<BaseException>() {
        Ref::new_ref(e)
    } else if let Some(t) = exc.downcast::<Type>().filter(|t| t.is_subtype(types::BaseException())) {
        match instantiate(t, &[]) {
            Ok(e) => e,
            Err(e) => return finish(Err(e)),
        }
    } else {
        return raise!(TypeError, "exceptions must derive from BaseException");
    };
    if let Some(cause) = cause {
        let fixed = if let Some(c) = cause.downcast::<BaseException>() {
            Some(Ref::new_ref(c))
        } else if cause.is_none() {
            None
        } else if let Some(t) = cause.downcast::<Type>().filter(|t| t.is_subtype(types::BaseException())) {
            match instantiate(t, &[]) {
                Ok(e) => Some(e),
                Err(e) => return finish(Err(e)),
            }
        } else {
            return raise!(TypeError, "exception causes must derive from BaseException");
        };
        instance.set_cause(fixed);
    }
    raise_exception(instance)
}
