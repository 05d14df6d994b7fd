//! Raising and handling exceptions from Rust.
//!
//! `Raised` is a token: the exception itself sits in the thread state (`current_exception`), as the C API wants it.

use crate::object::{Object, PyRef, Ref};
use crate::objects::exceptions::BaseException;
use crate::thread::ThreadState;

/// Proof that an exception is set in the current thread state. Zero-sized.
#[derive(Debug)]
#[must_use]
pub struct Raised(());

/// Result of anything that can raise a Python exception.
pub type PyResult<T = PyRef> = Result<T, Raised>;

impl Raised {
    /// An exception is already set (a C function returned its failure value).
    #[inline(always)]
    pub fn already_set() -> Raised {
        debug_assert!(error_occurred(), "a failure without an exception");
        Raised(())
    }

    /// Takes the exception out of the thread state ("fetch"), clearing it.
    pub fn take(self) -> Ref<BaseException> {
        take_error().expect("Raised without an exception")
    }

    /// Whether the set exception is an instance of `exc_type` (a type object, or a tuple of them).
    pub fn matches(&self, exc_type: &Object) -> bool {
        error_matches(exc_type)
    }

    /// Drops the exception.
    pub fn clear(self) {
        drop(take_error());
    }
}

/// Whether an exception is set in the current thread.
#[inline(always)]
pub fn error_occurred() -> bool {
    !ThreadState::current().abi().current_exception.is_null()
}

/// Takes the set exception, if there is one.
#[inline]
pub fn take_error() -> Option<Ref<BaseException>> {
    let slot = &raw mut ThreadState::current().abi_mut().current_exception;
    // SAFETY: the slot belongs to this thread and owns its reference.
    unsafe {
        let p = slot.replace(core::ptr::null_mut());
        PyRef::from_ptr_opt(p).map(|r| r.cast_into())
    }
}

/// Sets an exception instance as it is (no context chaining), replacing one already set.
pub fn restore(exc: Ref<BaseException>) -> Raised {
    let slot = &raw mut ThreadState::current().abi_mut().current_exception;
    // SAFETY: the slot belongs to this thread and owns its reference.
    let old = unsafe { PyRef::from_ptr_opt(slot.replace(exc.into_ptr())) };
    drop(old);
    Raised(())
}

/// Whether the set exception matches (false when none is set).
pub fn error_matches(exc_type: &Object) -> bool {
    // SAFETY: the slot belongs to this thread.
    match unsafe { Object::from_ptr_opt(ThreadState::current().abi().current_exception) } {
        Some(e) => exception_matches(e, exc_type),
        None => false,
    }
}

pub use crate::objects::exceptions::raise::{
    chain_from_cause, exception_matches, normalize, raise_exception, raise_from_errno, raise_key_error, raise_message,
    raise_none, raise_object, raise_os_error, raise_stop_iteration, warn, warn_explicit, write_unraisable,
};

/// The exception types: `exc::TypeError()` gives `&'static Type`.
pub use crate::objects::exceptions::types as exc;

/// Raises an exception with a formatted message: `return Err(raise!(TypeError, "expected {}, got '{}'", a, b))`.
/// The first token names a function of `error::exc`.
#[macro_export]
macro_rules! raise {
    ($exc:ident, $($arg:tt)*) => {
        $crate::error::raise_message($crate::error::exc::$exc(), ::std::format_args!($($arg)*))
    };
}
