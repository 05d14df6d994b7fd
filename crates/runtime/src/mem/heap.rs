//! The object heap (first version: the library allocator behind the final interface).

use core::ffi::c_void;

/// What a block is for. Each kind has pages of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Plain memory.
    Mem,
    /// Objects that the collector does not know.
    Obj,
    /// GC objects.
    Gc,
    /// GC objects with 16 bytes before the header: weak references at -16, managed dict at -8.
    GcPre,
}

/// A thread's heap.
pub struct Heap(());

/// A heap for a new thread.
pub fn acquire() -> *mut Heap {
    core::ptr::dangling_mut()
}

/// Gives a thread's heap back.
pub fn release(_: *mut Heap) {}

/// Bytes before the header of a `GcPre` object.
pub const PREHEADER: usize = 16;

/// Allocates `size` bytes (from the header on, for objects); null when memory is short. The content is undefined, except
/// that GC objects have zero `ob_gc_bits` and a zeroed pre-header.
pub fn alloc(size: usize, kind: Kind) -> *mut c_void {
    let pre = if kind == Kind::GcPre { PREHEADER } else { 0 };
    let Some(n) = size.checked_add(pre) else { return core::ptr::null_mut() };
    // SAFETY: libc's calloc.
    unsafe {
        let p = libc::calloc(1, n.max(1)).cast::<u8>();
        if p.is_null() { p.cast() } else { p.add(pre).cast() }
    }
}

/// Frees a block of any kind.
///
/// # Safety
/// `p` came from `alloc(_, kind)` and is not used any more.
pub unsafe fn free(p: *mut c_void, kind: Kind) {
    if p.is_null() {
        return;
    }
    let pre = if kind == Kind::GcPre { PREHEADER } else { 0 };
    // SAFETY: the caller's promise.
    unsafe { libc::free(p.cast::<u8>().sub(pre).cast()) }
}
