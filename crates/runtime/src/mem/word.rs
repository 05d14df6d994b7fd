//! The transitions of `ob_ref_shared`, apart from objects, so that loom can try all their interleavings (`tests/loom`).
//! What the states mean is in `refcount`.

use Ordering::{AcqRel, Acquire, Relaxed};
#[cfg(not(loom))]
use core::sync::atomic::{AtomicIsize, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicIsize, Ordering};

pub const SHIFT: u32 = 2;
pub const FLAGS: isize = 3;
pub const MAYBE_WEAKREF: isize = 1;
pub const QUEUED: isize = 2;
pub const MERGED: isize = 3;

/// What somebody who dropped a reference has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Dropped {
    /// Nothing: others hold the object.
    Alive,
    /// Hand the reference to the owner's queue.
    Queue,
    /// No reference is left.
    Dead,
}

/// A thread that is not the owner drops a reference.
#[inline(always)]
pub fn drop_shared(word: &AtomicIsize) -> Dropped {
    let mut shared = word.load(Relaxed);
    loop {
        // The count is zero and not merged: the reference we drop is counted locally. Hand it to the owner.
        let queue = shared == 0 || shared == MAYBE_WEAKREF;
        let new = if queue { QUEUED } else { shared - (1 << SHIFT) };
        match word.compare_exchange_weak(shared, new, AcqRel, Relaxed) {
            Ok(_) if queue => return Dropped::Queue,
            Ok(_) if new == MERGED => return Dropped::Dead,
            Ok(_) => return Dropped::Alive,
            Err(s) => shared = s,
        }
    }
}

/// A reader with a stale pointer takes a reference; false if the object is dead or was never shared.
#[inline(always)]
pub fn try_take(word: &AtomicIsize) -> bool {
    let mut shared = word.load(Relaxed);
    loop {
        if shared == 0 || shared == MERGED {
            return false;
        }
        match word.compare_exchange_weak(shared, shared + (1 << SHIFT), AcqRel, Relaxed) {
            Ok(_) => return true,
            Err(s) => shared = s,
        }
    }
}

/// The owner's local count is zero, and `ob_tid` says that nobody owns the object. `shared` was read before that.
#[inline(always)]
pub fn merge_zero(word: &AtomicIsize, mut shared: isize) -> Dropped {
    loop {
        let new = (shared & !FLAGS) | MERGED;
        match word.compare_exchange_weak(shared, new, AcqRel, Acquire) {
            Ok(_) if new == MERGED => return Dropped::Dead,
            Ok(_) => return Dropped::Alive,
            Err(s) => shared = s,
        }
    }
}

/// Adds the local count and `extra`; the resulting count.
#[inline(always)]
pub fn merge(word: &AtomicIsize, local: isize, extra: isize) -> isize {
    let mut shared = word.load(Relaxed);
    loop {
        let count = (shared >> SHIFT) + local + extra;
        match word.compare_exchange_weak(shared, (count << SHIFT) | MERGED, AcqRel, Relaxed) {
            Ok(_) => return count,
            Err(s) => shared = s,
        }
    }
}

/// Other threads may take references from now on.
#[inline(always)]
pub fn allow_takers(word: &AtomicIsize) {
    let mut shared = word.load(Relaxed);
    while shared & FLAGS == 0 {
        match word.compare_exchange_weak(shared, shared | MAYBE_WEAKREF, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(s) => shared = s,
        }
    }
}
