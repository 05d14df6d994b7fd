//! Biased counts: an object is freed once, and by nobody who has a reference.

use crate::word::{self, Dropped};
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed};
use loom::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize};
use loom::sync::{Arc, Mutex};
use loom::thread;

struct Object {
    tid: AtomicUsize,
    local: AtomicIsize,
    shared: AtomicIsize,
    /// Written by who frees it; read by who has a reference.
    body: UnsafeCell<u32>,
    dead: AtomicBool,
    /// The owner's queue, and whether the owner is still there (`brc`: under the bucket's lock).
    queue: Mutex<(u32, bool)>,
}
const OWNER: usize = 1;

impl Object {
    /// Owned, with `local` references counted by the owner.
    fn new(local: isize) -> Arc<Object> {
        Arc::new(Object {
            tid: AtomicUsize::new(OWNER),
            local: AtomicIsize::new(local),
            shared: AtomicIsize::new(0),
            body: UnsafeCell::new(7),
            dead: AtomicBool::new(false),
            queue: Mutex::new((0, true)),
        })
    }
    fn free(&self) {
        assert!(!self.dead.swap(true, Relaxed), "freed twice");
        self.body.with_mut(|p| unsafe { *p = 0 });
    }
    fn touch(&self) {
        self.body.with(|p| assert_eq!(unsafe { *p }, 7));
    }
    /// The owner drops one of its references (`merge_zero_local`).
    fn owner_drops(&self) {
        if self.tid.load(Relaxed) != OWNER {
            return self.other_drops();
        }
        let local = self.local.load(Relaxed) - 1;
        self.local.store(local, Relaxed);
        if local == 0 {
            let shared = self.shared.load(Acquire);
            self.tid.store(0, Relaxed);
            if shared == 0 || word::merge_zero(&self.shared, shared) == Dropped::Dead {
                self.free();
            }
        }
    }
    /// `explicit_merge` and what follows it.
    fn merge(&self) {
        let local = self.local.load(Relaxed);
        self.local.store(0, Relaxed);
        self.tid.store(0, Relaxed);
        if word::merge(&self.shared, local, -1) == 0 {
            self.free();
        }
    }
    /// Another thread drops a reference (`decref_shared`, `brc::queue`).
    fn other_drops(&self) {
        match word::drop_shared(&self.shared) {
            Dropped::Alive => {}
            Dropped::Dead => self.free(),
            Dropped::Queue => {
                if self.tid.load(Relaxed) == 0 {
                    return self.merge();
                }
                let mut q = self.queue.lock().unwrap();
                if q.1 {
                    q.0 += 1;
                } else {
                    drop(q);
                    self.merge();
                }
            }
        }
    }
    /// The owner's eval breaker.
    fn owner_merges(&self) {
        let n = core::mem::take(&mut self.queue.lock().unwrap().0);
        (0..n).for_each(|_| self.merge());
    }
    /// The owner's end (`brc::unregister`).
    fn owner_leaves(&self) {
        loop {
            let mut q = self.queue.lock().unwrap();
            let n = core::mem::take(&mut q.0);
            q.1 = n != 0;
            drop(q);
            if n == 0 {
                return;
            }
            (0..n).for_each(|_| self.merge());
        }
    }
}

/// Two references of the owner's; one is given to another thread, which drops it.
#[test]
fn a_reference_is_given_away() {
    loom::model(|| {
        let o = Object::new(2);
        let other = {
            let o = o.clone();
            thread::spawn(move || {
                o.touch();
                o.other_drops();
            })
        };
        o.touch();
        o.owner_drops();
        o.owner_merges();
        o.owner_leaves();
        other.join().unwrap();
        assert!(o.dead.load(Relaxed), "leaked");
    });
}

/// A reader with a stale pointer tries to take a reference while the owner lets go.
#[test]
fn a_stale_reader() {
    loom::model(|| {
        let o = Object::new(1);
        word::allow_takers(&o.shared);
        let other = {
            let o = o.clone();
            thread::spawn(move || {
                if word::try_take(&o.shared) {
                    o.touch();
                    o.other_drops();
                }
            })
        };
        o.touch();
        o.owner_drops();
        o.owner_merges();
        o.owner_leaves();
        other.join().unwrap();
        assert!(o.dead.load(Relaxed), "leaked");
    });
}

/// A reader and a thread that was given a reference.
#[test]
fn a_stale_reader_and_a_reference_given_away() {
    let mut b = loom::model::Builder::new();
    b.preemption_bound = Some(3);
    b.check(|| {
        let o = Object::new(2);
        word::allow_takers(&o.shared);
        let given = {
            let o = o.clone();
            thread::spawn(move || {
                o.touch();
                o.other_drops();
            })
        };
        let stale = {
            let o = o.clone();
            thread::spawn(move || {
                if word::try_take(&o.shared) {
                    o.touch();
                    o.other_drops();
                }
            })
        };
        o.touch();
        o.owner_drops();
        o.owner_leaves();
        given.join().unwrap();
        stale.join().unwrap();
        assert!(o.dead.load(Relaxed), "leaked");
    });
}
