//! Cells: the variables that closures share.

use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, Ordering};

/// `PyCellObject`: one nullable owned reference, read without a lock.
#[repr(C)]
pub struct Cell {
    pub ob_base: abi::PyObject,
    pub ob_ref: AtomicPtr<abi::PyObject>,
}
const _: () = assert!(size_of::<Cell>() == size_of::<abi::PyCellObject>());

impl Cell {
    /// A new cell; empty without a value.
    pub fn new(value: Option<PyRef>) -> PyResult<Ref<Cell>> {
        let c = crate::typeobject::alloc_object::<Cell>(Cell::type_object())?;
        drop(c.replace(value));
        crate::interp::pending::track(&c);
        Ok(c)
    }
    /// The contents.
    #[inline(always)]
    pub fn get(&self) -> Option<PyRef> {
        crate::interp::pending::load_ref(&self.ob_ref)
    }
    /// Replaces the contents and gives the old ones back.
    #[inline]
    pub fn replace(&self, value: Option<PyRef>) -> Option<PyRef> {
        let new = value.map_or(core::ptr::null_mut(), |v| v.into_ptr());
        // Readers may be looking at the new object: it must be safe to try-incref.
        if !new.is_null() {
            crate::interp::pending::set_maybe_shared(new);
        }
        let old = self.ob_ref.swap(new, Ordering::AcqRel);
        // SAFETY: the swap took over the reference that the cell owned.
        unsafe { PyRef::from_ptr_opt(old) }
    }
}

#[unsafe(no_mangle)]
pub static mut PyCell_Type: Type = Type::STATIC;
py_layout!(Cell, PyCell_Type);
