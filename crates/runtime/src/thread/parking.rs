//! Parking on addresses: the queues behind every lock that is smaller than a queue.
//!
//! Like `parking_lot_core`, but a forked child can reset it (its other threads are gone, their queue entries with them),
//! a wait ends early when a signal handler ran, and each waiter tells the unparker whether it has waited long enough to
//! be handed the lock.

use super::futex;
use core::cell::UnsafeCell;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, fence};
use std::time::{Duration, Instant};

const BUCKETS: usize = 257;
/// A waiter this old is handed the lock.
const FAIR_AFTER: Duration = Duration::from_millis(1);

/// Result of `park`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Park {
    /// Woken by an unparker, with its token.
    Unparked(usize),
    TimedOut,
    Interrupted,
    /// `validate` said no.
    Invalid,
}

struct Waiter {
    key: usize,
    next: *mut Waiter,
    prev: *mut Waiter,
    /// `WAITING`, `WOKEN` or `SIGNALLED`: in the waiter's frame, or `MAIN_WORD`.
    word: *const AtomicU32,
    token: usize,
    since: Instant,
}

const WAITING: u32 = 0;
const WOKEN: u32 = 1;
const SIGNALLED: u32 = 2;

/// The word that the main thread waits on. Signal handlers change it, so that a signal that arrives just before the thread
/// goes to sleep wakes it like one that arrives later; it is static because a handler may run on any thread, at any time.
static MAIN_WORD: AtomicU32 = AtomicU32::new(WOKEN);

/// A signal has arrived, and its flags are set. Async-signal-safe.
pub(super) fn interrupt_main() {
    fence(SeqCst);
    if MAIN_WORD.compare_exchange(WAITING, SIGNALLED, AcqRel, Relaxed).is_ok() {
        futex::wake(&MAIN_WORD, 1);
    }
}

struct Queue {
    head: *mut Waiter,
    tail: *mut Waiter,
}

#[repr(align(64))]
struct Bucket {
    lock: AtomicU32,
    queue: UnsafeCell<Queue>,
}
// SAFETY: the queue is only touched under the lock.
unsafe impl Sync for Bucket {}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket { lock: AtomicU32::new(0), queue: UnsafeCell::new(Queue { head: null_mut(), tail: null_mut() }) }
}; BUCKETS];

impl Bucket {
    #[allow(clippy::mut_from_ref)]
    fn lock(&self) -> &mut Queue {
        if self.lock.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            while self.lock.swap(2, Acquire) != 0 {
                futex::wait(&self.lock, 2, None);
            }
        }
        // SAFETY: the lock is held.
        unsafe { &mut *self.queue.get() }
    }

    fn unlock(&self) {
        if self.lock.swap(0, Release) == 2 {
            futex::wake(&self.lock, 1);
        }
    }
}

impl Queue {
    unsafe fn push(&mut self, w: *mut Waiter) {
        // SAFETY: queued waiters are alive, and the bucket is locked.
        unsafe {
            (*w).prev = self.tail;
            (*w).next = null_mut();
            if self.tail.is_null() {
                self.head = w;
            } else {
                (*self.tail).next = w;
            }
            self.tail = w;
        }
    }

    unsafe fn remove(&mut self, w: *mut Waiter) {
        // SAFETY: queued waiters are alive, and the bucket is locked.
        unsafe {
            let (prev, next) = ((*w).prev, (*w).next);
            if prev.is_null() {
                self.head = next
            } else {
                (*prev).next = next
            }
            if next.is_null() { self.tail = prev } else { (*next).prev = prev }
        }
    }

    unsafe fn find(&self, key: usize, from: *mut Waiter) -> *mut Waiter {
        let mut w = from;
        // SAFETY: queued waiters are alive, and the bucket is locked.
        unsafe {
            while !w.is_null() && (*w).key != key {
                w = (*w).next;
            }
        }
        w
    }
}

fn bucket(key: usize) -> &'static Bucket {
    &TABLE[(key ^ (key >> 12)) % BUCKETS]
}

/// Blocks on `key` if `validate` (run under the queue's lock) agrees, until unparked, the deadline or a signal.
/// Does not detach: see `thread::mutex` for the attached forms.
pub fn park(key: usize, validate: impl FnOnce() -> bool, deadline: Option<Instant>) -> Park {
    park_since(key, validate, deadline, Instant::now())
}

/// `park` for a thread that has been waiting since `since` (it may have been woken in vain meanwhile).
pub fn park_since(key: usize, validate: impl FnOnce() -> bool, deadline: Option<Instant>, since: Instant) -> Park {
    let own = AtomicU32::new(WAITING);
    let word = if super::signals::is_main_thread() {
        MAIN_WORD.store(WAITING, Release);
        // `validate` may look for signals: those that it does not see will see the word.
        fence(SeqCst);
        &MAIN_WORD
    } else {
        &own
    };
    let b = bucket(key);
    let q = b.lock();
    if !validate() {
        b.unlock();
        return Park::Invalid;
    }
    let w = UnsafeCell::new(Waiter { key, next: null_mut(), prev: null_mut(), word, token: 0, since });
    let wp = w.get();
    // SAFETY: the waiter stays on this frame until it has been removed from the queue.
    unsafe { q.push(wp) };
    b.unlock();
    loop {
        let mut state = word.load(Acquire);
        if state == WOKEN {
            // SAFETY: the unparker is done with the waiter.
            return Park::Unparked(unsafe { (*wp).token });
        }
        let mut why = futex::Wait::Interrupted;
        if state == WAITING {
            why = futex::wait(word, WAITING, deadline);
            if why == futex::Wait::Woken {
                continue;
            }
        }
        let q = b.lock();
        state = word.load(Acquire);
        if state != WOKEN {
            // SAFETY: still queued; nobody will touch it after this.
            unsafe { q.remove(wp) };
            b.unlock();
            return if why == futex::Wait::TimedOut { Park::TimedOut } else { Park::Interrupted };
        }
        b.unlock();
    }
}

/// `park` for an attached thread (or one without a state), which is detached meanwhile. With `signals`, a signal that the
/// thread can handle ends the wait or keeps it from beginning (`Interrupted`: the caller checks for signals).
pub fn wait(key: usize, deadline: Option<Instant>, signals: bool, validate: impl Fn() -> bool) -> Park {
    let watch = signals && super::signals::can_handle_signals();
    match super::detach(|| park(key, || validate() && !(watch && super::signals::has_arrived()), deadline)) {
        Park::Invalid if watch && super::signals::has_arrived() && validate() => Park::Interrupted,
        r => r,
    }
}

/// What `unpark_one`'s callback learns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpark {
    /// A waiter is about to be woken.
    pub found: bool,
    /// Others remain.
    pub more: bool,
    /// It has waited long: hand the lock over.
    pub fair: bool,
}

/// Wakes the first waiter on `key`. `token` runs under the queue's lock, whether or not there is a waiter; its result is
/// what the waiter's `park` returns.
pub fn unpark_one(key: usize, token: impl FnOnce(Unpark) -> usize) {
    let b = bucket(key);
    let q = b.lock();
    // SAFETY: the bucket is locked.
    unsafe {
        let w = q.find(key, q.head);
        if w.is_null() {
            token(Unpark::default());
            b.unlock();
            return;
        }
        let more = !q.find(key, (*w).next).is_null();
        q.remove(w);
        (*w).token = token(Unpark { found: true, more, fair: (*w).since.elapsed() >= FAIR_AFTER });
        let word = (*w).word;
        (*word).store(WOKEN, Release);
        // The waiter may be gone from here on; a wake-up on a stale address is harmless.
        b.unlock();
        futex::wake(word, 1);
    }
}

/// Wakes every waiter on `key`.
pub fn unpark_all(key: usize, token: usize) {
    let b = bucket(key);
    let q = b.lock();
    let mut woken = Vec::new();
    // SAFETY: the bucket is locked.
    unsafe {
        let mut w = q.find(key, q.head);
        while !w.is_null() {
            let next = q.find(key, (*w).next);
            q.remove(w);
            (*w).token = token;
            let word = (*w).word;
            woken.push(word);
            (*word).store(WOKEN, Release);
            w = next;
        }
    }
    b.unlock();
    for word in woken {
        futex::wake(word, 1);
    }
}

/// In a forked child: no other thread waits any more.
pub(crate) fn after_fork() {
    for b in &TABLE {
        b.lock.store(0, Relaxed);
        // SAFETY: the child has one thread.
        unsafe { *b.queue.get() = Queue { head: null_mut(), tail: null_mut() } };
    }
}

/// A flag that threads wait for; set once.
#[derive(Default)]
pub struct Event {
    state: AtomicU32,
}

impl Event {
    pub const fn new() -> Event {
        Event { state: AtomicU32::new(0) }
    }

    pub fn is_set(&self) -> bool {
        self.state.load(Acquire) == 1
    }

    pub fn set(&self) {
        self.state.store(1, Release);
        unpark_all(self as *const _ as usize, 0);
    }

    pub fn reset(&self) {
        self.state.store(0, Release);
    }

    /// Waits without detaching.
    pub fn wait_raw(&self) {
        while !self.is_set() {
            park(self as *const _ as usize, || self.state.load(Acquire) == 0, None);
        }
    }

    /// Waits, detached if this thread is attached; false when the deadline passed. A signal wakes it: with `signals`
    /// it returns `Interrupted`, else it goes on waiting.
    pub fn wait(&self, deadline: Option<Instant>, signals: bool) -> Park {
        loop {
            if self.is_set() {
                return Park::Unparked(0);
            }
            match wait(self as *const _ as usize, deadline, signals, || self.state.load(Acquire) == 0) {
                Park::Interrupted if !signals => {}
                Park::Unparked(_) | Park::Invalid => {}
                r => return r,
            }
        }
    }
}

/// A counting barrier of one word, for the stop-the-world code: `wake` ends the current or the next `wait`.
#[derive(Default)]
pub struct Bell {
    word: AtomicU32,
}

impl Bell {
    pub fn ring(&self) {
        self.word.swap(1, AcqRel);
        futex::wake(&self.word, 1);
    }

    pub fn wait(&self, timeout: Duration) {
        // Running threads answer within a microsecond or two: going to sleep takes longer.
        for _ in 0..100 {
            if self.word.load(Relaxed) != 0 {
                break;
            }
            core::hint::spin_loop();
        }
        if self.word.swap(0, AcqRel) == 0 {
            futex::wait(&self.word, 0, Some(Instant::now() + timeout));
            self.word.store(0, Release);
        }
    }
}
