//! `RawMutex`: the ABI's one-byte mutex (`PyMutex`, `ob_mutex`), and what is built on it.
//!
//! Bit 0: locked; bit 1: there are parked waiters. The headers inline 0 → 1 and 1 → 0; everything else is here. An
//! unlocker normally lets the lock go and wakes one waiter, who competes; a waiter older than a millisecond is handed
//! the lock instead.

use super::parking::{self, Park};
use super::{ThreadState, detach, signals};
use abi::PyMutex;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU8, AtomicUsize};
use std::time::Instant;

const UNLOCKED: u8 = 0;
const LOCKED: u8 = 1;
const PARKED: u8 = 2;
const HANDED_OFF: usize = 1;
/// Where the rounds end that a thread looks again before it goes to sleep; each waits twice as long as the one before (`backoff`).
/// A few microseconds in all: waiting for a result of another thread takes longer as a rule, and that thread may need the core.
const ROUNDS: u32 = 8;
/// The round to begin with. A thread that takes a contended lock at the first chance gets it, and everything under it, torn out
/// of the other's cache each time; one that waits a little longer lets the other do several turns.
const FIRST: u32 = 4;
/// The same for locks of Python code: what they protect takes longer than what the engine's own do.
const COARSE: u32 = 5;

/// Lets `round` pass: 2 to that power pauses of the processor, which is then offered to other threads.
fn backoff(round: u32) {
    for _ in 0..1u32 << round {
        core::hint::spin_loop();
    }
    std::thread::yield_now();
}

/// How a timed lock ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockResult {
    Acquired,
    TimedOut,
    /// A signal handler ran while waiting.
    Interrupted,
}

/// One-byte mutex over the ABI's byte.
#[repr(transparent)]
#[derive(Debug)]
pub struct RawMutex(AtomicU8);

impl Default for RawMutex {
    fn default() -> Self {
        RawMutex::new()
    }
}

impl RawMutex {
    pub const fn new() -> RawMutex {
        RawMutex(AtomicU8::new(0))
    }

    #[inline(always)]
    pub fn from_abi(m: &PyMutex) -> &RawMutex {
        // SAFETY: both are one atomic byte.
        unsafe { &*(m as *const PyMutex).cast() }
    }

    /// # Safety
    /// `m` points to a live mutex.
    #[inline(always)]
    pub unsafe fn from_ptr<'a>(m: *mut PyMutex) -> &'a RawMutex {
        // SAFETY: the caller's promise.
        unsafe { &*m.cast() }
    }

    #[inline(always)]
    pub fn as_abi(&self) -> *mut PyMutex {
        self as *const RawMutex as *mut PyMutex
    }

    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        let mut v = self.0.load(Relaxed);
        while v & LOCKED == 0 {
            match self.0.compare_exchange_weak(v, v | LOCKED, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(x) => v = x,
            }
        }
        false
    }

    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.load(Relaxed) & LOCKED != 0
    }

    /// Locks; an attached thread detaches while it waits (its critical sections are suspended).
    #[inline(always)]
    pub fn lock(&self) {
        if self.0.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_err() {
            self.lock_timed(None, true, false);
        }
    }

    /// Locks without detaching: for leaf locks of the engine, held for a few instructions.
    #[inline(always)]
    pub fn lock_raw(&self) {
        if self.0.compare_exchange(UNLOCKED, LOCKED, Acquire, Relaxed).is_err() {
            self.lock_timed(None, false, false);
        }
    }

    /// Locks with a deadline. `may_detach`: an attached thread detaches while waiting. `interruptible`: give up when a signal arrives.
    #[cold]
    pub fn lock_timed(&self, deadline: Option<Instant>, may_detach: bool, interruptible: bool) -> LockResult {
        let mut v = self.0.load(Relaxed);
        if v & LOCKED == 0 && self.try_lock() {
            return LockResult::Acquired;
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            return LockResult::TimedOut;
        }
        let ts = ThreadState::try_current();
        let attached = may_detach && ts.is_some();
        // Only who can handle signals looks for those that have arrived already.
        let watch = interruptible && if attached { signals::can_handle_signals() } else { signals::is_main_thread() };
        let first = match ts {
            // The owner cannot run while we do.
            Some(ts) if ts.abi().holds_gil != 0 => ROUNDS,
            _ if interruptible => COARSE,
            _ => FIRST,
        };
        let mut round = first;
        let mut since = None;
        loop {
            if v & LOCKED == 0 {
                match self.0.compare_exchange_weak(v, v | LOCKED, Acquire, Relaxed) {
                    Ok(_) => return LockResult::Acquired,
                    Err(x) => v = x,
                }
                continue;
            }
            if v & PARKED == 0 && round < ROUNDS {
                backoff(round);
                round += 1;
                v = self.0.load(Relaxed);
                continue;
            }
            let since = *since.get_or_insert_with(Instant::now);
            if v & PARKED == 0 {
                if let Err(x) = self.0.compare_exchange_weak(v, v | PARKED, Relaxed, Relaxed) {
                    v = x;
                    continue;
                }
            }
            let validate = || self.0.load(Relaxed) == LOCKED | PARKED && !(watch && signals::has_arrived());
            let park = || parking::park_since(self as *const _ as usize, validate, deadline, since);
            match if attached { detach(park) } else { park() } {
                Park::Unparked(HANDED_OFF) => return LockResult::Acquired,
                Park::TimedOut => return LockResult::TimedOut,
                Park::Interrupted if interruptible => return LockResult::Interrupted,
                Park::Invalid if watch && signals::has_arrived() => return LockResult::Interrupted,
                _ => {}
            }
            round = first;
            v = self.0.load(Relaxed);
        }
    }

    /// Unlocks; the mutex must be locked.
    #[inline(always)]
    pub fn unlock(&self) {
        if self.0.compare_exchange(LOCKED, UNLOCKED, Release, Relaxed).is_err() {
            self.unlock_slow();
        }
    }

    /// Unlocks; false when it was not locked.
    pub fn try_unlock(&self) -> bool {
        let v = self.0.load(Relaxed);
        if v & LOCKED == 0 {
            return false;
        }
        if v & PARKED != 0 || self.0.compare_exchange(LOCKED, UNLOCKED, Release, Relaxed).is_err() {
            self.unlock_slow();
        }
        true
    }

    #[cold]
    fn unlock_slow(&self) {
        let v = self.0.load(Relaxed);
        if v & LOCKED == 0 {
            eprintln!("Fatal Python error: unlocking mutex that is not locked");
            std::process::abort();
        }
        if v & PARKED == 0 && self.0.compare_exchange(v, UNLOCKED, Release, Relaxed).is_ok() {
            return;
        }
        parking::unpark_one(self as *const _ as usize, |u| {
            let mut v = 0;
            if u.found && u.fair {
                v |= LOCKED;
            }
            if u.more {
                v |= PARKED;
            }
            self.0.store(v, Release);
            if u.found && u.fair { HANDED_OFF } else { 0 }
        });
    }

    /// Makes the mutex unlocked, whatever it was (forked child).
    pub fn reset(&self) {
        self.0.store(UNLOCKED, Relaxed);
    }

    /// Runs `f` with the lock held, without detaching. `f` must not run Python code.
    #[inline]
    pub fn with_raw<R>(&self, f: impl FnOnce() -> R) -> R {
        self.lock_raw();
        let guard = Unlock(self);
        let r = f();
        drop(guard);
        r
    }

    /// Locks and unlocks when the guard is dropped.
    #[inline]
    pub fn guard(&self) -> Unlock<'_> {
        self.lock();
        Unlock(self)
    }
}

/// Unlocks on drop.
pub struct Unlock<'a>(&'a RawMutex);
impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// A mutex that its owner can lock again. `owner` is the OS thread's identity.
#[derive(Default, Debug)]
#[repr(C)]
pub struct RecursiveMutex {
    mutex: RawMutex,
    owner: AtomicUsize,
    /// Locks beyond the first. Written by the owner.
    level: AtomicUsize,
}

impl RecursiveMutex {
    pub const fn new() -> RecursiveMutex {
        RecursiveMutex { mutex: RawMutex::new(), owner: AtomicUsize::new(0), level: AtomicUsize::new(0) }
    }

    pub fn is_owned(&self) -> bool {
        self.owner.load(Relaxed) == crate::arch::thread_id()
    }

    pub fn owner(&self) -> usize {
        self.owner.load(Relaxed)
    }

    pub fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }

    /// How often the owner has locked it (1 for once).
    pub fn count(&self) -> usize {
        if self.owner.load(Relaxed) == 0 { 0 } else { self.level.load(Relaxed) + 1 }
    }

    pub fn lock(&self) {
        self.lock_timed(None, true, false);
    }

    pub fn lock_timed(&self, deadline: Option<Instant>, may_detach: bool, signals: bool) -> LockResult {
        if self.is_owned() {
            self.level.store(self.level.load(Relaxed) + 1, Relaxed);
            return LockResult::Acquired;
        }
        let r = if self.mutex.try_lock() {
            LockResult::Acquired
        } else {
            self.mutex.lock_timed(deadline, may_detach, signals)
        };
        if r == LockResult::Acquired {
            self.owner.store(crate::arch::thread_id(), Relaxed);
            self.level.store(0, Relaxed);
        }
        r
    }

    pub fn try_lock(&self) -> bool {
        if self.is_owned() {
            self.level.store(self.level.load(Relaxed) + 1, Relaxed);
            return true;
        }
        let ok = self.mutex.try_lock();
        if ok {
            self.owner.store(crate::arch::thread_id(), Relaxed);
            self.level.store(0, Relaxed);
        }
        ok
    }

    /// False when the running thread does not own it.
    pub fn try_unlock(&self) -> bool {
        if !self.is_owned() {
            return false;
        }
        match self.level.load(Relaxed) {
            0 => {
                self.owner.store(0, Relaxed);
                self.mutex.unlock();
            }
            n => self.level.store(n - 1, Relaxed),
        }
        true
    }

    /// Releases all levels; returns how many there were (0 = not owned).
    pub fn release_all(&self) -> usize {
        if !self.is_owned() {
            return 0;
        }
        let n = self.level.load(Relaxed) + 1;
        self.level.store(0, Relaxed);
        self.owner.store(0, Relaxed);
        self.mutex.unlock();
        n
    }

    /// Sets the level after a single lock (`_acquire_restore`).
    pub fn set_count(&self, n: usize) {
        self.level.store(n.saturating_sub(1), Relaxed);
    }

    pub fn reset(&self) {
        self.owner.store(0, Relaxed);
        self.level.store(0, Relaxed);
        self.mutex.reset();
    }
}

/// Runs an initialiser once; later callers see its effects. An initialiser that fails is tried again by the next caller.
#[derive(Default, Debug)]
pub struct Once {
    done: AtomicU8,
    lock: RawMutex,
}

impl Once {
    pub const fn new() -> Once {
        Once { done: AtomicU8::new(0), lock: RawMutex::new() }
    }

    #[inline]
    pub fn is_done(&self) -> bool {
        self.done.load(Acquire) == 1
    }

    #[inline]
    pub fn call<E>(&self, f: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        if self.is_done() {
            return Ok(());
        }
        let _guard = self.lock.guard();
        if !self.is_done() {
            f()?;
            self.done.store(1, Release);
        }
        Ok(())
    }
}

/// `PyMutex_Lock`.
///
/// # Safety
/// `m` points to a live mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyMutex_Lock(m: *mut PyMutex) {
    // SAFETY: the caller's promise.
    unsafe { RawMutex::from_ptr(m) }.lock();
}

/// `PyMutex_Unlock`.
///
/// # Safety
/// `m` points to a live mutex, locked by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyMutex_Unlock(m: *mut PyMutex) {
    // SAFETY: the caller's promise.
    unsafe { RawMutex::from_ptr(m) }.unlock();
}

/// `PyMutex_IsLocked`.
///
/// # Safety
/// `m` points to a live mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyMutex_IsLocked(m: *mut PyMutex) -> core::ffi::c_int {
    // SAFETY: the caller's promise.
    unsafe { RawMutex::from_ptr(m) }.is_locked() as _
}

/// An atomic swap used by callers that keep several flags in a word; kept here so that orderings are in one place.
pub(crate) fn fetch_or(word: &AtomicUsize, bits: usize) -> usize {
    word.fetch_or(bits, AcqRel)
}
