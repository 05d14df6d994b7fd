//! Static descriptions of types: what `#[pyclass]` produces.

use super::Type;
use core::ffi::{CStr, c_int};

/// One slot: its `Py_tp_*`/`Py_nb_*`/… number and the C function (`f as *const ()`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SlotDef(pub c_int, pub *const ());

// SAFETY: function addresses.
unsafe impl Sync for SlotDef {}
// SAFETY: function addresses.
unsafe impl Send for SlotDef {}

/// The description of a built-in type. Tables end with an all-zero entry; an empty slice is allowed.
pub struct TypeSpec {
    /// `"module.name"`, or the bare name for a type of `builtins`.
    pub name: &'static CStr,
    /// The static type object to fill.
    pub type_object: *mut Type,
    pub basicsize: usize,
    pub itemsize: usize,
    /// `Py_TPFLAGS_*`; READY is added, HAVE_GC brings no inheritance of traverse (give `Py_tp_traverse`).
    pub flags: u64,
    /// `None` is `object`.
    pub base: Option<fn() -> &'static Type>,
    pub doc: Option<&'static CStr>,
    pub slots: &'static [SlotDef],
    pub methods: &'static [abi::PyMethodDef],
    pub getset: &'static [abi::PyGetSetDef],
    pub members: &'static [abi::PyMemberDef],
    /// Offsets in the instance; 0 is none, -1 (dict, weaklist) asks for a managed one before the header.
    pub dictoffset: isize,
    pub weaklistoffset: isize,
    pub vectorcalloffset: isize,
}

// SAFETY: the tables are immutable, the type object has its own rules.
unsafe impl Sync for TypeSpec {}
// SAFETY: as above.
unsafe impl Send for TypeSpec {}
