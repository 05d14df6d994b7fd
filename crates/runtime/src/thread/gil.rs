//! GIL mode: one lock per interpreter that attached threads hold, when it is switched on.
//!
//! Off by default. When on, attaching takes it and detaching drops it; a waiter that has waited for the switch interval
//! asks the holder to drop it at its next eval breaker, and a lock dropped on request is handed to a waiter.

use super::parking::{self, Park};
use super::state::{ThreadState, breaker};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

/// The lock of an interpreter in GIL mode.
pub struct Gil {
    enabled: AtomicU32,
    locked: AtomicU32,
    holder: AtomicPtr<ThreadState>,
    /// Microseconds.
    pub switch_interval: AtomicU64,
}

impl Default for Gil {
    fn default() -> Self {
        Gil {
            enabled: AtomicU32::new(0),
            locked: AtomicU32::new(0),
            holder: AtomicPtr::new(null_mut()),
            switch_interval: AtomicU64::new(5000),
        }
    }
}

impl Gil {
    #[inline(always)]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Acquire) != 0
    }

    fn key(&self) -> usize {
        &raw const self.locked as usize
    }

    /// Takes the lock if the mode is on; tells whether it was taken. The thread is detached.
    pub(super) fn acquire_if_enabled(&self, ts: &ThreadState) -> bool {
        if !self.is_enabled() {
            return false;
        }
        loop {
            if self.locked.compare_exchange(0, 1, Acquire, Relaxed).is_ok() {
                break;
            }
            let holder = self.holder.load(Relaxed);
            let interval = Duration::from_micros(self.switch_interval.load(Relaxed).max(1));
            match parking::park(self.key(), || self.locked.load(Relaxed) == 1, Some(Instant::now() + interval)) {
                Park::Unparked(1) => break,
                Park::TimedOut if holder == self.holder.load(Relaxed) => {
                    // SAFETY: thread states are never unmapped; a stray bit is harmless.
                    if let Some(h) = unsafe { holder.as_ref() } {
                        h.set_breaker(breaker::GIL_DROP_REQUEST);
                    }
                }
                _ => {}
            }
        }
        self.holder.store((ts as *const ThreadState).cast_mut(), Relaxed);
        ts.abi_mut().holds_gil = 1;
        true
    }

    /// Drops the lock.
    pub(super) fn release(&self, ts: &ThreadState) {
        ts.abi_mut().holds_gil = 0;
        let requested = ts.eval_breaker().load(Relaxed) & breaker::GIL_DROP_REQUEST != 0;
        ts.clear_breaker(breaker::GIL_DROP_REQUEST);
        self.holder.store(null_mut(), Relaxed);
        parking::unpark_one(self.key(), |u| {
            if u.found && requested {
                1
            } else {
                self.locked.store(0, Release);
                0
            }
        });
    }

    /// Switches the mode on; the caller is attached and holds the lock afterwards. False when it was on.
    pub fn enable(&self) -> bool {
        let ts = ThreadState::current();
        super::stop_the_world(|| {
            if self.is_enabled() {
                return false;
            }
            self.locked.store(1, Relaxed);
            self.holder.store((ts as *const ThreadState).cast_mut(), Relaxed);
            ts.abi_mut().holds_gil = 1;
            self.enabled.store(1, Release);
            true
        })
    }

    /// Switches the mode off; the caller is attached. False when it was off.
    pub fn disable(&self) -> bool {
        let ts = ThreadState::current();
        super::stop_the_world(|| {
            if !self.is_enabled() {
                return false;
            }
            self.enabled.store(0, Release);
            ts.abi_mut().holds_gil = 0;
            self.holder.store(null_mut(), Relaxed);
            self.locked.store(0, Release);
            parking::unpark_all(self.key(), 0);
            true
        })
    }

    /// In a forked child: the survivor holds the lock if the mode is on.
    pub(crate) fn after_fork(&self, ts: &ThreadState) {
        if self.is_enabled() {
            self.locked.swap(1, AcqRel);
            self.holder.store((ts as *const ThreadState).cast_mut(), Relaxed);
            ts.abi_mut().holds_gil = 1;
        }
    }
}
