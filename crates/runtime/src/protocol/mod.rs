//! The abstract object protocol: what any object can be asked, by the slots of its type.

pub mod attr;
pub mod buffer;
pub mod call;
pub mod iter;
pub mod number;
pub mod object;
pub mod sequence;

pub use crate::typeobject::CompareOp;
pub use call::{enter_recursive_call, leave_recursive_call};

use crate::error::{PyResult, Raised};
use crate::object::PyRef;

/// The result of a C slot.
///
/// # Safety
/// `p` is an owned reference or null.
#[inline(always)]
pub(crate) unsafe fn own(p: *mut abi::PyObject) -> PyResult<PyRef> {
    if p.is_null() {
        return Err(failed());
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { PyRef::from_raw(p.cast()) })
}

/// A C function said that it failed: makes sure that an exception is set.
#[cold]
pub(crate) fn failed() -> Raised {
    if crate::error::error_occurred() {
        return Raised::already_set();
    }
    crate::raise!(SystemError, "error return without exception set")
}

/// The result of a C function that returns 0 or -1.
#[inline(always)]
pub(crate) fn done(rc: core::ffi::c_int) -> PyResult<()> {
    if rc < 0 { Err(failed()) } else { Ok(()) }
}
