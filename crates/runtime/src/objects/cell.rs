//! Cells: the variables that closures share.

use crate::objects::r#gen::free;
use crate::objects::support::Exchange;
use crate::prelude::*;
use crate::typeobject::CompareOp;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use macros::pyclass;

/// `PyCellObject`: one nullable owned reference, read without a lock.
#[repr(C)]
pub struct Cell {
    pub ob_base: abi::PyObject,
    pub ob_ref: AtomicPtr<abi::PyObject>,
}
const _: () = assert!(size_of::<Cell>() == size_of::<abi::PyCellObject>());

#[unsafe(no_mangle)]
pub static mut PyCell_Type: Type = Type::STATIC;
py_layout!(Cell, PyCell_Type);

impl Cell {
    /// A new cell; empty without a value.
    pub fn new(value: Option<PyRef>) -> PyResult<Ref<Cell>> {
        let c = crate::typeobject::alloc_object::<Cell>(Cell::type_object())?;
        c.ob_ref.store(value.map_or(null_mut(), |v| v.into_ptr()), Ordering::Relaxed);
        crate::interp::pending::track(&c);
        Ok(c)
    }
    /// The contents.
    #[inline(always)]
    pub fn get(&self) -> Option<PyRef> {
        crate::interp::pending::load_ref(self, &self.ob_ref)
    }
    /// `get` for a frame slot, counted only if need be.
    #[inline(always)]
    pub(crate) fn get_slot(&self) -> Option<crate::interp::slot::Slot> {
        use crate::interp::slot::Slot;
        Slot::load(&self.ob_ref).or_else(|| self.get().map(Slot::owned))
    }
    /// The short form of `replace`, for a value whose reference is taken over; `None`: the lock is not free.
    #[inline(always)]
    pub fn try_replace(&self, new: *mut abi::PyObject) -> Option<*mut abi::PyObject> {
        // SAFETY: every object has a mutex; it is held for a few instructions.
        let m = unsafe { crate::thread::mutex::RawMutex::from_ptr((&raw const self.ob_base.ob_mutex).cast_mut()) };
        if !m.try_lock() {
            return None;
        }
        let old = self.ob_ref.load(Ordering::Relaxed);
        self.ob_ref.store(new, Ordering::Release);
        m.unlock();
        Some(old)
    }
    /// Replaces the contents and gives the old ones back.
    #[inline]
    pub fn replace(&self, value: Option<PyRef>) -> Option<PyRef> {
        let new = value.map_or(null_mut(), |v| v.into_ptr());
        let old = crate::thread::critical(self, || self.ob_ref.exchange(new));
        // SAFETY: the swap took over the reference that the cell owned.
        unsafe { PyRef::from_ptr_opt(old) }
    }
}

/// cell([contents])
/// --
///
#[pyclass(name = "cell", type_object = PyCell_Type, flags = "HAVE_GC")]
impl Cell {
    /// Create a new cell object.
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        args.no_keywords("cell")?;
        args.check_positional("cell", 0, 1)?;
        Ok(Cell::new(args.get(0).map(Object::to_ref))?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        match self.get() {
            None => Str::format(format_args!("<cell at {:p}: empty>", self)),
            Some(v) => Str::format(format_args!("<cell at {:p}: {} object at {:p}>", self, v.ty().name_str(), &*v)),
        }
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Cell>() else { return Ok(not_implemented().to_ref()) };
        match (self.get(), o.get()) {
            (Some(a), Some(b)) => a.richcompare(&b, op),
            (a, b) => Ok(op.result(&a.is_some(), &b.is_some())),
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.ob_ref.load(Ordering::Relaxed))
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.replace(None));
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).ob_ref.exchange(null_mut())));
            free(this.cast());
        }
    }
    #[pygetset]
    fn cell_contents(&self) -> PyResult<PyRef> {
        match self.get() {
            Some(v) => Ok(v),
            None => Err(raise!(ValueError, "cell is empty")),
        }
    }
    #[pysetter]
    fn set_cell_contents(&self, v: Option<&Object>) -> PyResult<()> {
        drop(self.replace(v.map(Object::to_ref)));
        Ok(())
    }
}
