//! Tracing and monitoring.

use crate::objects::Frame;
use crate::prelude::*;

/// `frame.f_lineno = n`
pub fn set_lineno(_f: &Frame, _line: i64) -> PyResult<()> {
    Err(raise!(ValueError, "f_lineno can only be set by a trace function"))
}
