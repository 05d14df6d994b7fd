//! Small things that several container types share: blocks freed through QSBR, lock-free sharing marks, `tp_free`.

use crate::object::gc_bits;
use crate::prelude::*;
use core::ffi::c_void;
use core::sync::atomic::Ordering::Relaxed;

/// Frees a block of `mem::domains::obj_malloc`: at once, or (when lock-free readers may hold it) after a grace period.
/// # Safety
/// Nobody but lock-free readers reaches the block.
pub(crate) unsafe fn free_block(p: *mut c_void, shared: bool) {
    unsafe extern "C" fn free(p: *mut c_void) {
        // SAFETY: the block came from obj_malloc.
        unsafe { crate::mem::domains::obj_free(p) }
    }
    // SAFETY: the caller's promise.
    unsafe {
        if shared {
            crate::mem::qsbr::retire(p, free);
        } else {
            crate::mem::domains::obj_free(p);
        }
    }
}

/// Whether lock-free readers of other threads may read the object's buffers.
#[inline(always)]
pub(crate) fn is_shared(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::SHARED != 0
}

/// Marks an object whose buffers a thread that does not own it is about to read or replace.
/// The caller holds the object's lock or is about to take it.
#[inline(always)]
pub(crate) fn mark_shared(o: &Object) {
    if !is_shared(o) {
        o.0.ob_gc_bits.fetch_or(gc_bits::SHARED, Relaxed);
    }
}

/// Called by a reader without a lock before it loads a buffer pointer: after it, a replaced buffer lives until this thread
/// is quiescent. The owner thread needs nothing: buffers that others replace are marked by them.
#[inline(always)]
pub(crate) fn ensure_shared_on_read(o: &Object) {
    if !o.is_owned_by_current_thread() && !is_shared(o) {
        share_slow(o);
    }
}

#[cold]
#[inline(never)]
fn share_slow(o: &Object) {
    let _cs = crate::thread::CriticalSection::new(o);
    mark_shared(o);
}

/// Called by a writer (lock held) before it replaces a buffer.
#[inline(always)]
pub(crate) fn ensure_shared_on_replace(o: &Object) -> bool {
    if !o.is_owned_by_current_thread() {
        mark_shared(o);
    }
    is_shared(o)
}

/// Gives an object's memory back through its type's `tp_free`.
/// # Safety
/// Called once, from `tp_dealloc`, with everything the object owned released.
pub(crate) unsafe fn free_object(op: *mut abi::PyObject) {
    // SAFETY: the object's type is alive until its instance is freed.
    unsafe {
        let ty = Object::from_ptr(op).ty().as_raw();
        match (*ty).tp_free {
            Some(f) => f(op.cast()),
            None => crate::mem::heap::free_object(op),
        }
    }
}

/// Raises MemoryError.
#[cold]
pub(crate) fn no_memory() -> Raised {
    crate::error::raise_none(exc::MemoryError())
}

/// Owned references as the borrowed slice that calls take.
#[inline(always)]
pub(crate) fn as_objects(v: &[PyRef]) -> &[&Object] {
    // SAFETY: `PyRef` and `&Object` are both one non-null pointer; the borrow keeps the references alive.
    unsafe { core::slice::from_raw_parts(v.as_ptr().cast(), v.len()) }
}

/// A strong reference to an object that a lock keeps alive, marked so that later lock-free loads by other threads succeed.
/// # Safety
/// `p` points to an object that stays alive while this runs.
#[inline(always)]
pub(crate) unsafe fn take_ref_locked(p: *mut abi::PyObject) -> PyRef {
    use crate::object::{SHARED_FLAG_MASK, SHARED_MAYBE_WEAKREF, SHARED_SHIFT};
    // SAFETY: the caller's promise.
    unsafe {
        let o = Object::from_ptr(p);
        if o.is_immortal() || o.is_owned_by_current_thread() {
            return o.to_ref();
        }
        let c = &o.0.ob_ref_shared;
        let mut s = c.load(Relaxed);
        loop {
            let mut n = s + (1 << SHARED_SHIFT);
            if s & SHARED_FLAG_MASK == 0 {
                n |= SHARED_MAYBE_WEAKREF;
            }
            match c.compare_exchange_weak(s, n, Relaxed, Relaxed) {
                Ok(_) => return PyRef::from_raw(p.cast()),
                Err(v) => s = v,
            }
        }
    }
}
