//! The traceback type and the building of tracebacks while an exception unwinds.

use crate::object::Type;
use crate::objects::long::ZEROED_TYPE;
use crate::py_layout;

/// A traceback entry.
#[repr(transparent)]
pub struct Traceback(pub abi::PyTracebackObject);
py_layout!(Traceback, crate::objects::traceback::PyTraceBack_Type);

/// The type `traceback`.
#[unsafe(no_mangle)]
pub static mut PyTraceBack_Type: Type = ZEROED_TYPE;
