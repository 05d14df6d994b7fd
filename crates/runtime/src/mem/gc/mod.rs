//! The cycle collector.

use crate::mem::heap::{self, Kind};
use crate::mem::refcount::init_header;
use crate::object::{Object, PyRef, Ref, gc_bits};
use abi::{PyObject, PyTypeObject, PyVarObject};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

/// Per-interpreter state of the collector.
pub struct GcState {
    pub enabled: AtomicBool,
}

impl Default for GcState {
    fn default() -> Self {
        GcState { enabled: AtomicBool::new(true) }
    }
}

/// What `tp_traverse` reports its references to.
pub struct Visitor {
    visit: unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int,
    arg: *mut c_void,
}

impl Visitor {
    /// The visitor of a C `tp_traverse` call.
    ///
    /// # Safety
    /// `visit` and `arg` belong together.
    pub unsafe fn from_c(visit: abi::visitproc, arg: *mut c_void) -> Visitor {
        Visitor { visit: visit.expect("tp_traverse without a visitor"), arg }
    }

    pub fn as_c(&self) -> (abi::visitproc, *mut c_void) {
        (Some(self.visit), self.arg)
    }

    /// Reports a counted reference; null is skipped. Non-zero ends the traversal: return it.
    #[inline]
    pub fn visit_ptr(&mut self, p: *mut PyObject) -> c_int {
        if p.is_null() {
            return 0;
        }
        // SAFETY: the collector gave both.
        unsafe { (self.visit)(p, self.arg) }
    }

    #[inline]
    pub fn visit(&mut self, o: &Object) -> c_int {
        self.visit_ptr(o.as_ptr())
    }

    /// Reports a field that may be empty.
    #[inline]
    pub fn visit_opt<T>(&mut self, o: &Option<Ref<T>>) -> c_int {
        match o {
            Some(r) => self.visit_ptr(r.as_raw().cast()),
            None => 0,
        }
    }

    /// Reports a reference that is not counted (a borrowed frame slot of a generator): it keeps its target alive, but is
    /// no part of the target's count.
    #[inline]
    pub fn visit_borrowed(&mut self, p: *mut PyObject) -> c_int {
        self.visit_ptr(p)
    }
}

/// Whether the collector looks at the object.
#[inline]
pub fn is_tracked(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::TRACKED != 0
}

/// Makes the object known to the collector: its fields are valid from now on.
#[inline]
pub fn track(o: &Object) {
    let b = &o.0.ob_gc_bits;
    b.store(b.load(Relaxed) | gc_bits::TRACKED, Relaxed);
}

/// Hides the object from the collector.
#[inline]
pub fn untrack(o: &Object) {
    let b = &o.0.ob_gc_bits;
    b.store(b.load(Relaxed) & !gc_bits::TRACKED, Relaxed);
}

pub fn is_finalized(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::FINALIZED != 0
}

pub fn set_finalized(o: &Object) {
    o.0.ob_gc_bits.fetch_or(gc_bits::FINALIZED, Relaxed);
}

/// Whether instances of `ty` are GC objects in principle.
#[inline]
pub unsafe fn type_is_gc(ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe { (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 }
}

/// Whether the object is a GC object (`PyObject_IS_GC`).
pub fn is_gc(o: &Object) -> bool {
    // SAFETY: an object's type is alive.
    unsafe {
        let ty = o.0.ob_type.load(Relaxed);
        type_is_gc(ty) && (*ty).tp_is_gc.is_none_or(|f| f(o.as_ptr()) != 0)
    }
}

/// Memory for an instance of `ty` with `size` bytes from the header on: from the right heap, not tracked, nothing initialised
/// but the pre-header and `ob_gc_bits`. Null when memory is short.
pub unsafe fn alloc_for_type(ty: *mut PyTypeObject, size: usize) -> *mut PyObject {
    // SAFETY: a live type.
    let flags = unsafe { (*ty).tp_flags };
    let kind = if flags & abi::Py_TPFLAGS_HAVE_GC == 0 {
        Kind::Obj
    } else if flags & abi::Py_TPFLAGS_PREHEADER != 0 {
        Kind::GcPre
    } else {
        Kind::Gc
    };
    heap::alloc(size, kind).cast()
}

/// Collects now; the number of unreachable objects found.
pub fn collect() -> usize {
    0
}

/// The collection that an allocation asked for through the eval breaker.
pub(crate) fn run_scheduled() {
    collect();
}

pub fn enable() {
    crate::thread::InterpreterState::current().gc.enabled.store(true, Relaxed);
}
pub fn disable() {
    crate::thread::InterpreterState::current().gc.enabled.store(false, Relaxed);
}
pub fn is_enabled() -> bool {
    crate::thread::InterpreterState::current().gc.enabled.load(Relaxed)
}

unsafe fn new_object(ty: *mut PyTypeObject, size: usize) -> *mut PyObject {
    // SAFETY: fresh memory; a heap type gets a reference from each instance.
    unsafe {
        let p = alloc_for_type(ty, size);
        if p.is_null() {
            return null_mut();
        }
        init_header(p, ty);
        if (*ty).tp_flags & abi::Py_TPFLAGS_HEAPTYPE != 0 {
            crate::object::incref(ty.cast());
        }
        p
    }
}

/// `_PyObject_GC_New`: memory and header of a GC object, not tracked. Null without an exception when memory is short.
///
/// # Safety
/// `ty` is a live GC type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_GC_New(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: the caller's promise.
    unsafe { new_object(ty, (*ty).tp_basicsize as usize) }
}

/// `_PyObject_GC_NewVar`.
///
/// # Safety
/// `ty` is a live GC type with items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_GC_NewVar(ty: *mut PyTypeObject, n: isize) -> *mut PyVarObject {
    // SAFETY: the caller's promise.
    unsafe {
        let p: *mut PyVarObject = new_object(ty, var_size(ty, n)).cast();
        if !p.is_null() {
            (*p).ob_size = n;
        }
        p
    }
}

/// Size of an instance with `n` items, rounded up to pointers.
pub unsafe fn var_size(ty: *mut PyTypeObject, n: isize) -> usize {
    // SAFETY: a live type.
    unsafe { ((*ty).tp_basicsize as usize).saturating_add((n.max(0) as usize).saturating_mul((*ty).tp_itemsize as usize)).saturating_add(7) & !7 }
}

/// `PyObject_GC_Track`.
///
/// # Safety
/// `p` is a GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_Track(p: *mut c_void) {
    // SAFETY: the caller's promise.
    track(unsafe { Object::from_ptr(p.cast()) })
}

/// `PyObject_GC_UnTrack`.
///
/// # Safety
/// `p` is a GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_UnTrack(p: *mut c_void) {
    // SAFETY: the caller's promise.
    untrack(unsafe { Object::from_ptr(p.cast()) })
}

/// `PyObject_GC_Del`: frees a GC object's memory.
///
/// # Safety
/// `p` is a dying GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_Del(p: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe {
        let op = p.cast::<PyObject>();
        let pre = (*(*op).ob_type.load(Relaxed)).tp_flags & abi::Py_TPFLAGS_PREHEADER != 0;
        heap::free(p, if pre { Kind::GcPre } else { Kind::Gc })
    }
}

/// `PyObject_GC_IsTracked`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_IsTracked(p: *mut PyObject) -> c_int {
    // SAFETY: the caller's promise.
    let o = unsafe { Object::from_ptr(p) };
    (is_gc(o) && is_tracked(o)) as c_int
}

/// `PyObject_GC_IsFinalized`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_IsFinalized(p: *mut PyObject) -> c_int {
    // SAFETY: the caller's promise.
    let o = unsafe { Object::from_ptr(p) };
    (is_gc(o) && is_finalized(o)) as c_int
}

/// An object of the garbage list and the like: a new strong reference.
#[allow(dead_code)]
pub(crate) unsafe fn owned(p: *mut PyObject) -> PyRef {
    // SAFETY: the caller's promise.
    unsafe { Object::from_ptr(p).to_ref() }
}
