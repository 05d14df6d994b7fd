//! `range` objects.

use crate::objects::singletons::unready_type;
use crate::prelude::*;

/// Layout of `range` objects: immutable.
#[repr(C)]
pub struct Range {
    header: abi::PyObject,
    start: PyRef,
    stop: PyRef,
    step: PyRef,
    length: PyRef,
}

#[unsafe(no_mangle)]
pub static mut PyRange_Type: Type = unready_type();
py_layout!(Range, PyRange_Type);
