//! The allocator of Rust's own collections, with a reserve.
//!
//! Python objects come from the engine's heap, which reports its failures as MemoryError. Rust's vectors and boxes cannot:
//! the process would abort. So when the system has no memory left, small requests are served from a reserve that lies in
//! the library's data, until the MemoryError that the next Python object causes has unwound and freed something.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::alloc::System;

/// Bytes of the reserve; untouched pages cost nothing.
const SIZE: usize = 16 << 20;
/// What the reserve is for: requests up to this size.
const SMALL: usize = 2 << 20;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; SIZE]>);
// SAFETY: parts are handed out once, through the atomic position.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
/// Position of the free part in the upper half, blocks in use in the lower.
static STATE: AtomicUsize = AtomicUsize::new(0);
const COUNT: usize = (1 << 24) - 1;
const SHIFT: u32 = 24;

/// The global allocator.
pub struct Reserve;

fn start() -> usize {
    ARENA.0.get() as usize
}

fn inside(p: *mut u8) -> bool {
    (p as usize).wrapping_sub(start()) < SIZE
}

/// Takes a block from the reserve; null when it is used up.
#[cold]
#[inline(never)]
fn from_reserve(layout: Layout) -> *mut u8 {
    if layout.size() > SMALL || layout.align() > 4096 {
        return core::ptr::null_mut();
    }
    let mut state = STATE.load(Acquire);
    loop {
        let (at, used) = (state >> SHIFT, state & COUNT);
        let begin = at.next_multiple_of(layout.align().max(16));
        let end = begin + layout.size();
        if end > SIZE || used == COUNT {
            return core::ptr::null_mut();
        }
        match STATE.compare_exchange_weak(state, end << SHIFT | (used + 1), AcqRel, Acquire) {
            Ok(_) => return (start() + begin) as *mut u8,
            Err(s) => state = s,
        }
    }
}

/// Gives a block of the reserve back: when it was the last one, all of the reserve is free again.
#[cold]
#[inline(never)]
fn to_reserve() {
    let mut state = STATE.load(Relaxed);
    loop {
        let left = (state & COUNT) - 1;
        let new = if left == 0 { 0 } else { state & !COUNT | left };
        match STATE.compare_exchange_weak(state, new, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(s) => state = s,
        }
    }
}

// SAFETY: blocks come from the system's allocator or, disjoint, from the reserve, and go back where they came from.
unsafe impl GlobalAlloc for Reserve {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let p = unsafe { System.alloc(layout) };
        if p.is_null() { from_reserve(layout) } else { p }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let p = unsafe { System.alloc_zeroed(layout) };
        if !p.is_null() {
            return p;
        }
        let p = from_reserve(layout);
        if !p.is_null() {
            // SAFETY: a block of that size.
            unsafe { p.write_bytes(0, layout.size()) };
        }
        p
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        if inside(p) {
            return to_reserve();
        }
        // SAFETY: the caller's promise; the block is the system's.
        unsafe { System.dealloc(p, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !inside(p) {
            // SAFETY: the caller's promise; the block is the system's.
            let q = unsafe { System.realloc(p, layout, size) };
            if !q.is_null() {
                return q;
            }
        }
        // SAFETY: the caller's promise: the new size is not zero and does not overflow with the alignment.
        unsafe {
            let q = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !q.is_null() {
                core::ptr::copy_nonoverlapping(p, q, layout.size().min(size));
                self.dealloc(p, layout);
            }
            q
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_whole_again_when_all_is_back() {
        let l = Layout::from_size_align(1000, 64).unwrap();
        let (a, b) = (from_reserve(l), from_reserve(l));
        assert!(inside(a) && inside(b) && b as usize - a as usize >= 1000 && b as usize % 64 == 0);
        to_reserve();
        to_reserve();
        assert_eq!(from_reserve(l), a);
        to_reserve();
        assert!(from_reserve(Layout::from_size_align(SMALL + 1, 8).unwrap()).is_null());
    }
}
