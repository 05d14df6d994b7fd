//! `slice` objects.

use crate::objects::singletons::unready_type;
use crate::prelude::*;

/// Layout of `slice` objects: immutable.
#[repr(C)]
pub struct Slice {
    header: abi::PyObject,
    start: PyRef,
    stop: PyRef,
    step: PyRef,
}
const _: () = assert!(size_of::<Slice>() == size_of::<abi::PySliceObject>());

#[unsafe(no_mangle)]
pub static mut PySlice_Type: Type = unready_type();
py_layout!(Slice, PySlice_Type);

/// A slice resolved against a length: the indices are in range, `count` items.
#[derive(Clone, Copy, Debug)]
pub struct SliceIndices {
    pub start: isize,
    pub stop: isize,
    pub step: isize,
    pub count: usize,
}

impl Slice {
    /// `slice(start, stop, step)`; `None` stands for Python's None.
    pub fn new(start: Option<&Object>, stop: Option<&Object>, step: Option<&Object>) -> PyResult<Ref<Slice>> { let _ = (start, stop, step); todo!() }
    pub fn start(&self) -> &Object { &self.start }
    pub fn stop(&self) -> &Object { &self.stop }
    pub fn step(&self) -> &Object { &self.step }
    /// The raw bounds clamped to `isize` (`PySlice_Unpack`): start, stop, step.
    pub fn unpack(&self) -> PyResult<(isize, isize, isize)> { todo!() }
    /// Unpacks and adjusts to a sequence of `len` items.
    pub fn indices(&self, len: usize) -> PyResult<SliceIndices> { let _ = len; todo!() }
    /// `PySlice_AdjustIndices`.
    pub fn adjust(len: usize, start: isize, stop: isize, step: isize) -> SliceIndices { let _ = (len, start, stop, step); todo!() }
}
