//! Merge queues of biased reference counting.
//!
//! A thread that drops the last shared reference of an object counted elsewhere cannot know whether the object is
//! dead: only the owner may read the local count. The object is queued at its owner, which merges at its next eval
//! breaker. When the owner is gone, or detached (then it cannot touch counts until it attaches), the dropping thread
//! merges at once. A table finds the owner by thread id; its buckets' locks order all of this against thread exit.

use super::qsbr;
use super::refcount::explicit_merge;
use crate::thread::mutex::RawMutex;
use crate::thread::{ThreadState, breaker};
use abi::PyObject;
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::Relaxed;

const BUCKETS: usize = 127;

struct Bucket {
    lock: RawMutex,
    threads: UnsafeCell<Vec<(usize, *const ThreadState)>>,
}

// SAFETY: `threads` is only touched under the lock.
unsafe impl Sync for Bucket {}

static TABLE: [Bucket; BUCKETS] =
    [const { Bucket { lock: RawMutex::new(), threads: UnsafeCell::new(Vec::new()) } }; BUCKETS];

/// Objects waiting to be merged by a thread. Touched under its bucket's lock; in a cache line of its own, away from what
/// the thread itself uses all the time.
#[derive(Default)]
#[repr(align(64))]
pub struct Queue {
    objects: UnsafeCell<Vec<*mut PyObject>>,
}

fn bucket(tid: usize) -> &'static Bucket {
    &TABLE[(tid >> 6) % BUCKETS]
}

/// Registers a thread state under its OS thread's id. Called on the thread when the state is bound.
pub fn register(ts: &ThreadState, tid: usize) {
    let b = bucket(tid);
    b.lock.lock_raw();
    // SAFETY: under the bucket's lock.
    unsafe { (*b.threads.get()).push((tid, ts)) };
    b.lock.unlock();
}

/// Merges what is queued at a thread state, and removes the state once nothing is left: destructors that merging runs may
/// cause more to be queued, and while they run this thread still counts locally, so it must stay known as the owner.
pub fn unregister(ts: &ThreadState, tid: usize) {
    let b = bucket(tid);
    loop {
        b.lock.lock_raw();
        // SAFETY: under the bucket's lock.
        let queued = unsafe {
            let queued = core::mem::take(&mut *ts.brc.objects.get());
            if queued.is_empty() {
                (*b.threads.get()).retain(|&(_, t)| !core::ptr::eq(t, ts));
            }
            queued
        };
        b.lock.unlock();
        if queued.is_empty() {
            return;
        }
        merge_all(queued);
        qsbr::abandon(ts);
    }
}

/// Queues an object in the state QUEUED at its owner, or merges it here.
///
/// # Safety
/// The caller gives the queue one reference.
pub unsafe fn queue(p: *mut PyObject) {
    // SAFETY: the reference keeps the object alive.
    let tid = unsafe { (*p).ob_tid.load(Relaxed) };
    if tid == 0 {
        // The owner merged between the two steps; our reference is an ordinary shared one now.
        // SAFETY: merged, and the reference is ours.
        unsafe { finish(p) };
        return;
    }
    let b = bucket(tid);
    b.lock.lock_raw();
    // SAFETY: under the bucket's lock.
    let threads = unsafe { &*b.threads.get() };
    let mut owners = threads.iter().filter(|&&(t, _)| t == tid).map(|&(_, ts)| ts);
    match (owners.next(), owners.next()) {
        // SAFETY: registered states are alive while the bucket is locked.
        (Some(ts), None) if unsafe { &*ts }.begin_merge() => {
            // SAFETY: the only state of the owner is detached and is held there.
            let count = unsafe { explicit_merge(p, -1) };
            // SAFETY: as above.
            unsafe { &*ts }.end_merge();
            b.lock.unlock();
            if count == 0 {
                // SAFETY: no reference is left.
                unsafe { super::py_dealloc(p) };
            }
        }
        (Some(ts), _) => {
            // SAFETY: under the bucket's lock; the state is alive.
            unsafe {
                let objects = &mut *(*ts).brc.objects.get();
                // Who put the first one there has told the owner, who clears the bit before it takes the lock.
                if objects.is_empty() {
                    (*ts).set_breaker(breaker::EXPLICIT_MERGE);
                }
                objects.push(p);
            }
            b.lock.unlock();
        }
        (None, _) => {
            // SAFETY: the owner is gone; a thread with the same id cannot begin before we unlock.
            let count = unsafe { explicit_merge(p, -1) };
            b.lock.unlock();
            if count == 0 {
                // SAFETY: no reference is left.
                unsafe { super::py_dealloc(p) };
            }
        }
    }
}

/// # Safety
/// The caller gives up one reference of an object whose owner cannot run.
unsafe fn finish(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if explicit_merge(p, -1) == 0 {
            super::py_dealloc(p);
        }
    }
}

/// Merges the running thread's queue (from the eval breaker, before exit).
pub fn merge_queued(ts: &ThreadState) {
    ts.clear_breaker(breaker::EXPLICIT_MERGE);
    merge_all(take(ts));
}

/// Takes the queued objects of a thread.
pub fn take(ts: &ThreadState) -> Vec<*mut PyObject> {
    let b = bucket(ts.bound_tid());
    b.lock.lock_raw();
    // SAFETY: under the bucket's lock.
    let queued = unsafe { core::mem::take(&mut *ts.brc.objects.get()) };
    b.lock.unlock();
    queued
}

fn merge_all(queued: Vec<*mut PyObject>) {
    for p in queued {
        // SAFETY: the queue owned a reference; this thread owns the object, or its owner is gone.
        unsafe { finish(p) };
    }
}

/// In a forked child: unlocks the table and forgets every thread but `keep`.
pub(crate) fn after_fork(keep: &ThreadState) -> Vec<*mut PyObject> {
    let mut orphans = Vec::new();
    for b in &TABLE {
        b.lock.reset();
        // SAFETY: the child has one thread.
        let threads = unsafe { &mut *b.threads.get() };
        for &(_, ts) in threads.iter().filter(|e| !core::ptr::eq(e.1, keep)) {
            // SAFETY: discarded states are freed later.
            orphans.append(unsafe { &mut *(*ts).brc.objects.get() });
        }
        threads.retain(|e| core::ptr::eq(e.1, keep));
    }
    orphans
}

/// Merges objects of threads that do not exist any more.
pub(crate) fn merge_orphans(objects: Vec<*mut PyObject>) {
    merge_all(objects);
}
