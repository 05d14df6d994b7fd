//! Quiescent-state based reclamation: memory that lock-free readers may still look at is freed after every attached
//! thread has passed a quiescent point (eval breaker, detach).
//!
//! The numbers behind this are in `epochs`; here are the threads' slots and the queues of what waits.

use super::epochs::{Epochs, Seq};
use crate::thread::ThreadState;
use crate::thread::breaker;
use crate::thread::mutex::RawMutex;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
use std::collections::VecDeque;

static EPOCHS: Epochs = Epochs::new();

/// One thread's progress. Slots live for ever and are reused.
#[repr(align(64))]
pub struct Slot {
    seq: Seq,
    in_use: Cell<bool>,
}
// SAFETY: `in_use` is only touched under the registry's lock.
unsafe impl Sync for Slot {}

struct Registry {
    lock: RawMutex,
    slots: UnsafeCell<Vec<&'static Slot>>,
}
// SAFETY: `slots` is only touched under the lock.
unsafe impl Sync for Registry {}
static REGISTRY: Registry = Registry { lock: RawMutex::new(), slots: UnsafeCell::new(Vec::new()) };

/// Frees `ptr`.
pub type FreeFn = unsafe fn(*mut c_void);

/// What a thread has retired.
pub struct Delayed {
    queue: UnsafeCell<VecDeque<(*mut c_void, FreeFn, u64)>>,
    bytes: Cell<usize>,
    since_advance: Cell<usize>,
}

impl Default for Delayed {
    fn default() -> Self {
        Delayed { queue: UnsafeCell::new(VecDeque::new()), bytes: Cell::new(0), since_advance: Cell::new(0) }
    }
}

/// Work of threads that have exited.
static ORPHANS: Orphans =
    Orphans { len: AtomicUsize::new(0), lock: RawMutex::new(), queue: UnsafeCell::new(VecDeque::new()) };
struct Orphans {
    /// Length of the queue, for a look without the lock.
    len: AtomicUsize,
    lock: RawMutex,
    queue: UnsafeCell<VecDeque<(*mut c_void, FreeFn, u64)>>,
}
// SAFETY: `queue` is only touched under the lock.
unsafe impl Sync for Orphans {}
impl Orphans {
    fn extend(&self, more: impl IntoIterator<Item = (*mut c_void, FreeFn, u64)>) {
        self.lock.with_raw(|| {
            // SAFETY: under the lock.
            let q = unsafe { &mut *self.queue.get() };
            q.extend(more);
            self.len.store(q.len(), Relaxed);
        });
    }
}

pub fn new_slot() -> &'static Slot {
    REGISTRY.lock.lock_raw();
    // SAFETY: under the lock.
    let slots = unsafe { &mut *REGISTRY.slots.get() };
    let slot = match slots.iter().find(|s| !s.in_use.get()) {
        Some(s) => *s,
        None => {
            let s: &'static Slot = Box::leak(Box::new(Slot { seq: Seq::new(), in_use: Cell::new(false) }));
            slots.push(s);
            s
        }
    };
    slot.in_use.set(true);
    REGISTRY.lock.unlock();
    slot
}

pub fn release_slot(slot: &'static Slot) {
    slot.seq.offline();
    REGISTRY.lock.lock_raw();
    slot.in_use.set(false);
    REGISTRY.lock.unlock();
}

/// The thread attaches: it may read from now on.
#[inline]
pub fn online(slot: &Slot) {
    EPOCHS.online(&slot.seq);
}

/// The thread detaches.
#[inline]
pub fn offline(slot: &Slot) {
    slot.seq.offline();
}

/// Starts a grace period; it is over when `poll(goal)` is true.
pub fn advance() -> u64 {
    EPOCHS.advance()
}

/// A goal for the next `advance`, for batching.
pub fn next_goal() -> u64 {
    EPOCHS.next_goal()
}

/// Whether every reader that could have seen memory retired at `goal` is gone.
pub fn poll(goal: u64) -> bool {
    EPOCHS.passed(goal, |look| {
        REGISTRY.lock.lock_raw();
        // SAFETY: under the lock.
        for s in unsafe { &*REGISTRY.slots.get() } {
            look(&s.seq);
        }
        REGISTRY.lock.unlock();
    })
}

/// The running thread is at a quiescent point: it holds no pointer that it read without a lock.
#[inline]
pub fn quiescent(ts: &ThreadState) {
    EPOCHS.quiescent(&ts.qsbr_slot().seq);
}

/// Quiescent point of the eval breaker: also frees what has become free.
pub fn checkpoint(ts: &ThreadState) {
    ts.clear_breaker(breaker::QSBR);
    quiescent(ts);
    process(ts);
}

/// Retires memory: `free(ptr)` runs after a grace period, on some thread. It must not run Python code.
///
/// # Safety
/// No new reader can find `ptr`.
pub unsafe fn retire(ptr: *mut c_void, free: FreeFn) {
    // SAFETY: the caller's promise.
    unsafe { retire_sized(ptr, free, 0) }
}

/// `retire` for memory of a known size: much of it hurries the next checkpoint.
///
/// # Safety
/// As `retire`.
pub unsafe fn retire_sized(ptr: *mut c_void, free: FreeFn, size: usize) {
    let Some(ts) = ThreadState::try_current() else {
        let goal = advance();
        ORPHANS.extend([(ptr, free, goal)]);
        return;
    };
    let d = &ts.delayed;
    // SAFETY: the queue belongs to the running thread, and nothing runs while it is borrowed.
    unsafe { (*d.queue.get()).push_back((ptr, free, next_goal())) };
    d.bytes.set(d.bytes.get() + size);
    d.since_advance.set(d.since_advance.get() + 1);
    if d.since_advance.get() >= 128 || d.bytes.get() >= 1 << 20 {
        d.since_advance.set(0);
        d.bytes.set(0);
        advance();
        ts.set_breaker(breaker::QSBR);
    }
}

unsafe fn mem_free(p: *mut c_void) {
    // SAFETY: retired once, by `free_delayed`.
    unsafe { super::domains::mem_free(p) }
}

/// Frees a block of the mem domain (`domains::mem_malloc`) after a grace period: list arrays, dict keys.
///
/// # Safety
/// No new reader can find `ptr`.
pub unsafe fn free_delayed(ptr: *mut c_void, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { retire_sized(ptr, mem_free, size) }
}

unsafe fn xdecref(p: *mut c_void) {
    // SAFETY: retired once, with its reference.
    unsafe { crate::object::decref(p.cast()) }
}

/// Drops a reference after a grace period.
///
/// # Safety
/// The caller gives up one reference.
pub unsafe fn decref_delayed(p: *mut abi::PyObject) {
    if !p.is_null() {
        // SAFETY: the caller's promise.
        unsafe { retire(p.cast(), xdecref) }
    }
}

/// Frees the running thread's retired memory whose grace period is over.
pub fn process(ts: &ThreadState) {
    loop {
        // SAFETY: the queue belongs to the running thread; the borrow ends before the free function runs.
        let next = unsafe {
            let q = &mut *ts.delayed.queue.get();
            match q.front() {
                Some(&(_, _, goal)) => {
                    if EPOCHS.is_ahead(goal) {
                        advance();
                        quiescent(ts);
                    }
                    if poll(goal) { q.pop_front() } else { None }
                }
                None => None,
            }
        };
        let Some((p, free, _)) = next else { break };
        // SAFETY: retired once, and nobody can see it any more.
        unsafe { free(p) };
    }
    process_orphans();
}

fn process_orphans() {
    if ORPHANS.len.load(Relaxed) == 0 || !ORPHANS.lock.try_lock() {
        return;
    }
    let mut ready = Vec::new();
    // SAFETY: under the lock.
    let q = unsafe { &mut *ORPHANS.queue.get() };
    while let Some(&(p, f, goal)) = q.front() {
        if !poll(goal) {
            break;
        }
        q.pop_front();
        ready.push((p, f));
    }
    ORPHANS.len.store(q.len(), Relaxed);
    ORPHANS.lock.unlock();
    for (p, f) in ready {
        // SAFETY: retired once, and nobody can see it any more.
        unsafe { f(p) };
    }
}

/// A thread exits: what it could not free yet is left to the others.
pub fn abandon(ts: &ThreadState) {
    process(ts);
    // SAFETY: the queue belongs to the running thread.
    let rest = unsafe { core::mem::take(&mut *ts.delayed.queue.get()) };
    if !rest.is_empty() {
        ORPHANS.extend(rest);
        advance();
    }
}

/// In a forked child: only the slot of `ts` is alive.
pub(crate) fn after_fork(ts: &ThreadState) {
    REGISTRY.lock.reset();
    ORPHANS.lock.reset();
    // SAFETY: the child has one thread.
    for s in unsafe { &*REGISTRY.slots.get() } {
        if !core::ptr::eq(*s, ts.qsbr_slot()) {
            s.seq.offline();
            s.in_use.set(false);
        }
    }
}
