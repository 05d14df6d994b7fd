//! (to be written)

/// Placeholder.
pub mod refcount {
    pub unsafe fn merge_zero_local(_p: *mut abi::PyObject) {
        todo!()
    }
    pub unsafe fn decref_shared(_p: *mut abi::PyObject) {
        todo!()
    }
}
