//! Slow paths of biased reference counting.
//!
//! The fast paths are inlined by the C headers and by `object.rs`; both sides must agree on this state machine.
//! `ob_ref_shared`'s low bits: 0 = owner counts locally, nobody else looked; MAYBE_WEAKREF = others may `try_incref`;
//! QUEUED = handed to the owner for merging, the queue holds one reference; MERGED = the local count has been added,
//! `ob_tid` is 0 and only the shared count counts. An object dies when it is MERGED with a count of zero, or when the
//! owner's local count reaches zero while the shared word is exactly 0.

use super::word::{self, Dropped};
use crate::arch;
use crate::object::{
    IMMORTAL_LOCAL, Object, PyRef, Ref, SHARED_FLAG_MASK, SHARED_MAYBE_WEAKREF, SHARED_MERGED, SHARED_QUEUED,
    SHARED_SHIFT, decref, gc_bits, incref,
};
use abi::PyObject;
use core::cell::Cell;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const _: () = assert!(
    word::SHIFT == SHARED_SHIFT as u32
        && word::FLAGS == SHARED_FLAG_MASK
        && word::MAYBE_WEAKREF == SHARED_MAYBE_WEAKREF
        && word::QUEUED == SHARED_QUEUED
        && word::MERGED == SHARED_MERGED
);

/// Added to the shared count of deferred objects, so that it never reaches zero outside the collector.
pub const DEFERRED_BIAS: isize = isize::MAX / 8;

/// The owner's local count has reached zero: merge, and free when no other reference is left.
///
/// # Safety
/// Called by the owner, with `ob_ref_local == 0`; the caller gives up its reference.
#[unsafe(export_name = "_Py_MergeZeroLocalRefcount")]
pub unsafe extern "C" fn merge_zero_local(p: *mut PyObject) {
    // SAFETY: the caller's reference keeps the object alive until the merge.
    let o = unsafe { &*p };
    debug_assert_eq!(o.ob_ref_local.load(Relaxed), 0);
    let shared = o.ob_ref_shared.load(Acquire);
    o.ob_tid.store(0, Relaxed);
    if shared == 0 || word::merge_zero(&o.ob_ref_shared, shared) == Dropped::Dead {
        // SAFETY: no reference is left, and no one can make one.
        unsafe { super::py_dealloc(p) };
    }
}

/// Drops a reference from a thread that is not the owner.
///
/// # Safety
/// The caller owns one reference and gives it up.
#[unsafe(export_name = "_Py_DecRefShared")]
pub unsafe extern "C" fn decref_shared(p: *mut PyObject) {
    // SAFETY: the caller's reference keeps the object alive.
    let o = unsafe { &*p };
    match word::drop_shared(&o.ob_ref_shared) {
        Dropped::Alive => {}
        // SAFETY: the queue takes over the reference.
        Dropped::Queue => unsafe { super::brc::queue(p) },
        // SAFETY: merged with a count of zero.
        Dropped::Dead => unsafe { super::py_dealloc(p) },
    }
}

/// `decref_shared` of debug builds of extensions.
///
/// # Safety
/// As `decref_shared`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Py_DecRefSharedDebug(
    p: *mut PyObject,
    _file: *const core::ffi::c_char,
    _line: core::ffi::c_int,
) {
    // SAFETY: the caller's promise.
    unsafe { decref_shared(p) }
}

/// Moves the local count into the shared one and adds `extra`; returns the resulting count.
///
/// # Safety
/// The object is alive (the caller or a queue holds a reference), and its owner is the running thread, is gone, or cannot run.
pub unsafe fn explicit_merge(p: *mut PyObject, extra: isize) -> isize {
    // SAFETY: alive by the caller's promise.
    let o = unsafe { &*p };
    let local = o.ob_ref_local.load(Relaxed);
    debug_assert_ne!(local, IMMORTAL_LOCAL);
    o.ob_ref_local.store(0, Relaxed);
    o.ob_tid.store(0, Relaxed);
    word::merge(&o.ob_ref_shared, local as isize, extra)
}

/// Takes a reference to an object that may be dying, through a pointer read without a lock. The memory must be
/// type-stable or protected by QSBR. Fails for dying objects and for objects of other threads that were never shared.
///
/// # Safety
/// `p` points to memory that was an object when the pointer was read and has not been given back since.
#[inline]
pub unsafe fn try_incref(p: *mut PyObject) -> bool {
    // SAFETY: readable by the caller's promise.
    let o = unsafe { &*p };
    let local = o.ob_ref_local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return true;
    }
    if o.ob_tid.load(Relaxed) == arch::thread_id() {
        o.ob_ref_local.store(local, Relaxed);
        return true;
    }
    // SAFETY: as above.
    unsafe { try_incref_shared(p) }
}

/// The shared half of `try_incref`.
///
/// # Safety
/// As `try_incref`.
pub unsafe fn try_incref_shared(p: *mut PyObject) -> bool {
    // SAFETY: readable by the caller's promise.
    let o = unsafe { &*p };
    word::try_take(&o.ob_ref_shared)
}

/// Marks the object as one that other threads may `try_incref` from now on.
///
/// # Safety
/// The caller holds a reference.
pub unsafe fn set_maybe_weakref(p: *mut PyObject) {
    // SAFETY: alive by the caller's promise.
    let o = unsafe { &*p };
    if o.ob_ref_local.load(Relaxed) == IMMORTAL_LOCAL {
        return;
    }
    word::allow_takers(&o.ob_ref_shared);
}

/// A new reference for another thread's container slot, taken while a lock keeps the object in its place: afterwards
/// lock-free readers succeed on it.
///
/// # Safety
/// `p` is alive.
#[inline]
pub unsafe fn new_ref_with_lock(p: *mut PyObject) -> PyRef {
    // SAFETY: alive by the caller's promise.
    unsafe {
        let o = &*p;
        let local = o.ob_ref_local.load(Relaxed);
        if local != IMMORTAL_LOCAL {
            if o.ob_tid.load(Relaxed) == arch::thread_id() {
                o.ob_ref_local.store(local + 1, Relaxed);
            } else {
                incref_maybe_weakref(o);
            }
        }
        Ref::from_raw(p.cast())
    }
}

fn incref_maybe_weakref(o: &PyObject) {
    let mut shared = o.ob_ref_shared.load(Relaxed);
    loop {
        let mut new = shared + (1 << SHARED_SHIFT);
        if shared & SHARED_FLAG_MASK == 0 {
            new |= SHARED_MAYBE_WEAKREF;
        }
        match o.ob_ref_shared.compare_exchange_weak(shared, new, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(s) => shared = s,
        }
    }
}

/// The number of references, as `Py_REFCNT` tells it (the deferred bias included).
pub fn refcnt(o: &Object) -> isize {
    let local = o.0.ob_ref_local.load(Relaxed);
    if local == IMMORTAL_LOCAL {
        return IMMORTAL_LOCAL as isize;
    }
    local as isize + (o.0.ob_ref_shared.load(Relaxed) >> SHARED_SHIFT)
}

/// The number of references without the deferred bias (what `sys.getrefcount` shows, less its own).
pub fn true_refcnt(o: &Object) -> isize {
    let n = refcnt(o);
    if is_deferred(o) { n - DEFERRED_BIAS + super::threadcount::local_part(o) } else { n }
}

/// Makes the object live for ever.
pub fn set_immortal(o: &Object) {
    if o.0.ob_gc_bits.load(Relaxed) & gc_bits::TRACKED != 0 {
        crate::mem::gc::untrack(o);
    }
    o.0.ob_tid.store(0, Relaxed);
    o.0.ob_ref_shared.store(0, Relaxed);
    o.0.ob_ref_local.store(IMMORTAL_LOCAL, Release);
}

#[inline]
pub fn is_deferred(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED != 0
}

/// Switches an object to deferred counting: only the collector frees it. False when it does not support that
/// (no GC type, not tracked, not the owner, already deferred).
pub fn set_deferred(o: &Object) -> bool {
    // SAFETY: a type object outlives its instances.
    let flags = unsafe { (*o.0.ob_type.load(Relaxed)).tp_flags };
    let bits = o.0.ob_gc_bits.load(Relaxed);
    if flags & abi::Py_TPFLAGS_HAVE_GC == 0 || o.is_immortal() || bits & gc_bits::DEFERRED != 0 {
        return false;
    }
    if o.0.ob_gc_bits.fetch_or(gc_bits::DEFERRED, AcqRel) & gc_bits::DEFERRED != 0 {
        return false;
    }
    o.0.ob_ref_shared.fetch_add(DEFERRED_BIAS << SHARED_SHIFT, AcqRel);
    true
}

/// How many counted reads of others' objects there are between two that are looked at: this many on average.
const SAMPLE: u32 = 64;
/// How many of those that were looked at last are remembered.
const SAMPLES: usize = 32;

/// What a thread knows about its reads of others' objects.
#[derive(Default)]
pub struct SharedReads {
    /// Reads until the next sample.
    left: Cell<u32>,
    /// Samples so far, and what spreads them: a loop over a shared table must not meet the same few entries each time.
    count: Cell<u32>,
    /// Addresses; the objects may be gone.
    last: [Cell<usize>; SAMPLES],
}

/// A counted reference to `o` was read from a place that threads share: a global, an attribute of a class or of an object.
/// Objects for which other threads than their owner do that all the time become deferred, so that these threads stop
/// fighting for the count. A sample decides: every so many reads of a thread, the object at hand, if it is not the first time
/// (one of many objects that another thread made, each read a few times, must not outlive its last reference).
#[inline(always)]
pub fn shared_read(o: &Object) {
    if !o.is_owned_by_current_thread() {
        sample(o);
    }
}

#[inline(never)]
fn sample(o: &Object) {
    let reads = &crate::thread::ThreadState::current().shared_reads;
    match reads.left.get() {
        0 => look_at(reads, o),
        n => reads.left.set(n - 1),
    }
}

#[cold]
fn look_at(reads: &SharedReads, o: &Object) {
    let n = reads.count.get().wrapping_add(1);
    reads.count.set(n);
    reads.left.set(SAMPLE / 2 + (n.wrapping_mul(0x9e37_79b9) >> 26));
    if o.ty().slots().tp_flags & abi::Py_TPFLAGS_HAVE_GC == 0 {
        return super::plain::sampled(o);
    }
    let address = o.as_ptr().addr();
    if reads.last.iter().any(|a| a.get() == address) {
        defer_shared(o);
    } else {
        reads.last[n as usize % SAMPLES].set(address);
    }
}

/// Defers an object that is already in use. Not for objects whose end does something, and at a price: each one brings
/// the next collection closer, which alone can free it.
#[cold]
fn defer_shared(o: &Object) {
    let ty = o.ty().slots();
    if ty.tp_finalize.is_some() || ty.tp_del.is_some() {
        return;
    }
    if o.0.ob_gc_bits.load(Relaxed) & gc_bits::TRACKED == 0 {
        // The collector has lost interest in tuples of plain values.
        if o.downcast_exact::<crate::objects::Tuple>().is_none() {
            return;
        }
        o.0.ob_gc_bits.fetch_or(gc_bits::TRACKED, Relaxed);
    }
    if set_deferred(o) {
        crate::mem::gc::charge(crate::thread::ThreadState::current());
    }
}

/// `Py_IncRef`: null is allowed.
///
/// # Safety
/// `p` is null or a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Py_IncRef(p: *mut PyObject) {
    if !p.is_null() {
        // SAFETY: the caller's promise.
        unsafe { incref(p) }
    }
}

/// `Py_DecRef`: null is allowed.
///
/// # Safety
/// `p` is null or a reference that the caller gives up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn Py_DecRef(p: *mut PyObject) {
    if !p.is_null() {
        // SAFETY: the caller's promise.
        unsafe { decref(p) }
    }
}

/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Py_IncRef(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe { incref(p) }
}

/// # Safety
/// `p` is a reference that the caller gives up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Py_DecRef(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe { decref(p) }
}

/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Py_SetImmortal(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    set_immortal(unsafe { Object::from_ptr(p) })
}

/// Initialises the header of a fresh object: owned by this thread, one reference.
///
/// # Safety
/// `p` is at least a header long and not yet visible to others; `ty` outlives it (the caller adds the type's reference).
#[inline]
pub unsafe fn init_header(p: *mut PyObject, ty: *mut abi::PyTypeObject) {
    // SAFETY: fresh memory.
    unsafe {
        let o = &*p;
        o.ob_flags.store(0, Relaxed);
        o.ob_mutex._bits.store(0, Relaxed);
        o.ob_gc_bits.store(0, Relaxed);
        o.ob_ref_local.store(1, Relaxed);
        o.ob_ref_shared.store(0, Relaxed);
        o.ob_type.store(ty, Relaxed);
        o.ob_tid.store(arch::thread_id(), Release);
    }
}
