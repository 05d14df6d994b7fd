//! Tables behind `dict`: keys objects (index and entries) and the value arrays of split tables.

use core::sync::atomic::{AtomicIsize, AtomicU32};

/// A hash table: header, then the index, then the entries.
#[repr(C)]
pub struct DictKeys {
    pub(crate) refcnt: AtomicIsize,
    pub(crate) log2_size: u8,
    pub(crate) log2_index_bytes: u8,
    pub(crate) kind: u8,
    pub(crate) mutex: abi::PyMutex,
    pub(crate) version: AtomicU32,
    pub(crate) usable: AtomicIsize,
    pub(crate) nentries: AtomicIsize,
}

/// Values of a split table: a header of four bytes, `capacity` values, then insertion-order bytes.
#[repr(C)]
pub struct DictValues {
    pub(crate) capacity: u8,
    pub(crate) size: core::sync::atomic::AtomicU8,
    /// Whether the array lies inside an instance (inline values).
    pub(crate) embedded: u8,
    /// Whether the inline values are in use (cleared when a `__dict__` took them over).
    pub(crate) valid: core::sync::atomic::AtomicU8,
}
