//! Deferred counting of small objects that the collector does not walk: strings, bytes, numbers.
//!
//! Threads that read the same table all the time fight for the counts of the keys and values in it. What is seen to be
//! read so becomes deferred, like functions and classes: references from frame slots are not counted, so the count in
//! the header is left alone. The objects are remembered here, since no page walk finds them; at each collection those that
//! neither a counted reference nor a slot holds go back to ordinary counting, and die.
//!
//! Slots are seen in two ways: those of running frames are roots, those of suspended generators (also of such that are
//! garbage themselves) are reported by `Visitor::visit_borrowed`.

use super::heap;
use super::refcount::{DEFERRED_BIAS, explicit_merge, refcnt};
use crate::object::{Object, gc_bits};
use crate::thread::ThreadState;
use crate::thread::mutex::RawMutex;
use abi::PyObject;
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

/// No more objects than this are deferred at a time: each collection looks at all of them.
const MOST: usize = 1 << 16;
/// Larger objects are not kept until a collection.
const LARGEST: usize = 512;

struct Table {
    lock: RawMutex,
    objects: UnsafeCell<Vec<*mut PyObject>>,
}
// SAFETY: `objects` is only touched under the lock.
unsafe impl Sync for Table {}
static TABLE: Table = Table { lock: RawMutex::new(), objects: UnsafeCell::new(Vec::new()) };

/// Whether delaying the object's death until a collection does no harm.
fn is_plain(o: &Object) -> bool {
    use crate::objects::{Bytes, Float, Int, Str};
    let exact = o.downcast_exact::<Str>().is_some()
        || o.downcast_exact::<Bytes>().is_some()
        || o.downcast_exact::<Int>().is_some()
        || o.downcast_exact::<Float>().is_some();
    exact && heap::is_small_block(o.as_ptr(), LARGEST)
}

/// Looks at an object of another thread to which the caller has just taken a counted reference. The second time it is deferred.
#[cold]
pub(super) fn sampled(o: &Object) {
    let bits = &o.0.ob_gc_bits;
    if o.is_immortal() || !is_plain(o) {
        return;
    }
    if bits.fetch_or(gc_bits::SEEN, Relaxed) & gc_bits::SEEN == 0 {
        return;
    }
    let deferred = TABLE.lock.with_raw(|| {
        // SAFETY: under the lock.
        let objects = unsafe { &mut *TABLE.objects.get() };
        if objects.len() >= MOST || bits.fetch_or(gc_bits::DEFERRED, AcqRel) & gc_bits::DEFERRED != 0 {
            return false;
        }
        // The caller's reference keeps the object until the bias does.
        o.0.ob_ref_shared.fetch_add(DEFERRED_BIAS << crate::object::SHARED_SHIFT, AcqRel);
        objects.push(o.as_ptr());
        true
    });
    if deferred {
        super::gc::count_objects(ThreadState::current(), 4);
    }
}

/// A frame slot holds `p`, perhaps uncounted. The world is stopped.
///
/// # Safety
/// `p` is a live object.
#[inline]
pub(super) unsafe fn mark(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    let bits = unsafe { &(*p).ob_gc_bits };
    let b = bits.load(Relaxed);
    if b & gc_bits::DEFERRED != 0 && heap::gc_page(p).is_none() {
        bits.store(b | gc_bits::ALIVE, Relaxed);
    }
}

/// Ends the deferral of what is held neither by a counted reference nor by a marked slot. The caller gets a reference to each,
/// to be dropped when the world runs again.
pub(super) fn sweep() -> Vec<*mut PyObject> {
    let mut dead = Vec::new();
    TABLE.lock.with_raw(|| {
        // SAFETY: under the lock.
        let objects = unsafe { &mut *TABLE.objects.get() };
        objects.retain(|&p| {
            // SAFETY: the bias keeps the object alive; the world is stopped.
            let o = unsafe { Object::from_ptr(p) };
            let bits = &o.0.ob_gc_bits;
            let b = bits.load(Relaxed);
            if o.is_immortal() {
                bits.store(b & !(gc_bits::DEFERRED | gc_bits::ALIVE), Relaxed);
                return false;
            }
            bits.store(b & !gc_bits::ALIVE, Relaxed);
            if b & gc_bits::ALIVE != 0 || refcnt(o) > DEFERRED_BIAS {
                return true;
            }
            bits.store(b & !(gc_bits::DEFERRED | gc_bits::SEEN), Relaxed);
            // SAFETY: as above; the owner is stopped or gone.
            unsafe { explicit_merge(p, 1 - DEFERRED_BIAS) };
            dead.push(p);
            false
        });
    });
    dead
}

/// In a forked child.
pub(crate) fn after_fork() {
    TABLE.lock.reset();
}
