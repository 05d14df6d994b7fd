//! Memory of variable-size text objects (`str`, `bytes`): whole blocks that can grow in place.

use crate::arch;
use crate::error::raise_none;
use crate::mem::{domains, heap};
use crate::prelude::*;
use core::sync::atomic::Ordering::Relaxed;

/// A new block of `size` bytes with its header set (owned by this thread, one reference); the rest is uninitialised.
///
/// # Safety
/// `ty` is the static type of the object the caller builds there.
#[inline]
pub unsafe fn new_object(ty: &Type, size: usize) -> PyResult<*mut abi::PyObject> {
    // SAFETY: attached, as for everything that makes objects.
    let p = unsafe { domains::obj_malloc(size) }.cast::<abi::PyObject>();
    if p.is_null() {
        return Err(raise_none(exc::MemoryError()));
    }
    // SAFETY: fresh memory of at least a header.
    unsafe { init_header(p, ty, arch::thread_id(), 1) };
    Ok(p)
}

/// Writes a header.
///
/// # Safety
/// `p` points to writable memory of at least a header.
#[inline(always)]
pub unsafe fn init_header(p: *mut abi::PyObject, ty: &Type, tid: usize, refs: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        p.cast::<u64>().write(tid as u64);
        p.cast::<u64>().add(1).write(0);
        (*p).ob_ref_local.store(refs, Relaxed);
        (*p).ob_ref_shared.store(0, Relaxed);
        (*p).ob_type.store((ty as *const Type).cast_mut().cast(), Relaxed);
    }
}

/// An immortal block outside the object heap, usable before any thread state exists.
///
/// # Safety
/// As `new_object`.
pub unsafe fn new_immortal(ty: &Type, size: usize) -> *mut abi::PyObject {
    let layout = std::alloc::Layout::from_size_align(size, 16).expect("a sane size");
    // SAFETY: the size is not zero; the header fits.
    unsafe {
        let p = std::alloc::alloc(layout).cast::<abi::PyObject>();
        if p.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        init_header(p, ty, 0, u32::MAX);
        p
    }
}

/// Bytes that fit into the block without moving it.
///
/// # Safety
/// `p` came from `new_object` or `resize`.
#[inline]
pub unsafe fn capacity(p: *mut abi::PyObject) -> usize {
    // SAFETY: a live block of the object heap.
    unsafe { heap::usable_size(p.cast()) }
}

/// Resizes a block that only the caller refers to; it may move.
///
/// # Safety
/// As `capacity`, and nobody else uses the object.
pub unsafe fn resize(p: *mut abi::PyObject, size: usize) -> Option<*mut abi::PyObject> {
    // SAFETY: the caller's promise. The old block goes the way of every object, for a reader of a stale pointer may still be
    // looking at its header.
    unsafe {
        let old = heap::usable_size(p.cast());
        if size <= old && size * 2 >= old {
            return Some(p);
        }
        let q = domains::obj_malloc(size).cast::<abi::PyObject>();
        if q.is_null() {
            return None;
        }
        core::ptr::copy_nonoverlapping(p.cast::<u8>(), q.cast::<u8>(), old.min(size));
        domains::obj_free(p.cast());
        Some(q)
    }
}

/// Frees a block.
///
/// # Safety
/// As `capacity`, and nobody uses the object any more.
#[inline]
pub unsafe fn free(p: *mut abi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe { domains::obj_free(p.cast()) }
}

/// Memory for an object's side buffers (the PyMem domain).
pub fn side_alloc(size: usize) -> *mut u8 {
    // SAFETY: attached, as for everything that makes objects.
    unsafe { domains::mem_malloc(size) }.cast()
}

/// Resizes a side buffer.
///
/// # Safety
/// `p` is null or came from `side_alloc`/`side_realloc`.
pub unsafe fn side_realloc(p: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { domains::mem_realloc(p.cast(), size).cast() }
}

/// Frees a side buffer.
///
/// # Safety
/// As `side_realloc`.
pub unsafe fn side_free(p: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { domains::mem_free(p.cast()) }
}
