//! The arithmetic of grace periods, apart from threads and queues, so that loom can try all its interleavings
//! (`tests/loom`).
//!
//! `write` grows when memory is retired. A reader at a quiescent point copies it into its slot; 0 means offline, which is
//! always quiescent. What was retired at goal `g` may be freed once every slot is 0 or at least `g`. `read` remembers how
//! far that was true already.

use Ordering::{Acquire, Release, SeqCst};
#[cfg(not(loom))]
use core::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU64, Ordering, fence};

const STEP: u64 = 2;

/// The two sequence numbers.
pub struct Epochs {
    write: AtomicU64,
    read: AtomicU64,
}

/// A reader's number.
pub struct Seq(AtomicU64);

impl Seq {
    #[cfg(not(loom))]
    pub const fn new() -> Seq {
        Seq(AtomicU64::new(0))
    }
    #[cfg(loom)]
    pub fn new() -> Seq {
        Seq(AtomicU64::new(0))
    }
    /// The reader holds nothing and reads nothing until it is online again.
    #[inline(always)]
    pub fn offline(&self) {
        self.0.store(0, Release);
    }
}

impl Epochs {
    #[cfg(not(loom))]
    pub const fn new() -> Epochs {
        Epochs { write: AtomicU64::new(1), read: AtomicU64::new(1) }
    }
    #[cfg(loom)]
    pub fn new() -> Epochs {
        Epochs { write: AtomicU64::new(1), read: AtomicU64::new(1) }
    }
    /// The reader may read from now on.
    #[inline(always)]
    pub fn online(&self, seq: &Seq) {
        seq.0.store(self.write.load(Acquire), SeqCst);
        // Its reads come after the store, as `passed` sees it.
        fence(SeqCst);
    }
    /// The reader holds nothing that it read before.
    #[inline(always)]
    pub fn quiescent(&self, seq: &Seq) {
        seq.0.store(self.write.load(Acquire), SeqCst);
    }
    /// Starts a grace period; its goal.
    pub fn advance(&self) -> u64 {
        self.write.fetch_add(STEP, SeqCst) + STEP
    }
    /// The goal of the next `advance`, for batching.
    pub fn next_goal(&self) -> u64 {
        self.write.load(SeqCst) + STEP
    }
    /// Whether the period of that goal has not begun.
    pub fn is_ahead(&self, goal: u64) -> bool {
        goal > self.write.load(Ordering::Relaxed)
    }
    /// Whether the readers that `readers` goes through have all passed the goal.
    pub fn passed(&self, goal: u64, readers: impl FnOnce(&mut dyn FnMut(&Seq))) -> bool {
        if self.read.load(Acquire) >= goal {
            return true;
        }
        let mut min = self.write.load(SeqCst);
        // After the load: a reader whose slot still looks offline below sees everything that came before `advance`.
        fence(SeqCst);
        readers(&mut |s| {
            let v = s.0.load(Acquire);
            if v != 0 && v < min {
                min = v;
            }
        });
        self.read.fetch_max(min, SeqCst);
        min >= goal
    }
}
