//! Grace periods: what is freed after one is in no reader's hands.

use crate::epochs::{Epochs, Seq};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire};
use loom::thread;

struct World {
    epochs: Epochs,
    seqs: [Seq; 2],
    /// Index of the block that readers find.
    current: AtomicUsize,
    /// Two blocks; freeing one writes to it, which loom reports if a reader still looks.
    blocks: [UnsafeCell<usize>; 2],
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            epochs: Epochs::new(),
            seqs: [Seq::new(), Seq::new()],
            current: AtomicUsize::new(0),
            blocks: [UnsafeCell::new(1), UnsafeCell::new(1)],
        })
    }
    fn read(&self) {
        let i = self.current.load(Acquire);
        let v = self.blocks[i].with(|p| unsafe { *p });
        assert_eq!(v, 1, "a freed block was read");
    }
    fn passed(&self, goal: u64) -> bool {
        self.epochs.passed(goal, |look| self.seqs.iter().for_each(look))
    }
    /// Takes block 0 out of reach; the goal after which it may be freed.
    fn retire(&self) -> u64 {
        self.current.swap(1, AcqRel);
        self.epochs.next_goal()
    }
    fn free(&self) {
        self.blocks[0].with_mut(|p| unsafe { *p = 0 });
    }
}

/// The reader detaches between its reads; the writer is the second reader, online itself.
#[test]
fn readers_that_detach() {
    loom::model(|| {
        let w = World::new();
        let r = {
            let w = w.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    w.epochs.online(&w.seqs[0]);
                    w.read();
                    w.seqs[0].offline();
                }
            })
        };
        w.epochs.online(&w.seqs[1]);
        let goal = w.retire();
        if w.epochs.is_ahead(goal) {
            w.epochs.advance();
            w.epochs.quiescent(&w.seqs[1]);
        }
        if w.passed(goal) {
            w.free();
        }
        r.join().unwrap();
    });
}

/// The reader stays online and passes a quiescent point.
#[test]
fn readers_that_check() {
    loom::model(|| {
        let w = World::new();
        let r = {
            let w = w.clone();
            thread::spawn(move || {
                w.epochs.online(&w.seqs[0]);
                w.read();
                w.epochs.quiescent(&w.seqs[0]);
                w.read();
                w.seqs[0].offline();
            })
        };
        w.epochs.online(&w.seqs[1]);
        let goal = w.retire();
        w.epochs.advance();
        w.epochs.quiescent(&w.seqs[1]);
        if w.passed(goal) {
            w.free();
        }
        r.join().unwrap();
    });
}

/// One thread retires, another one polls: what it learns holds for everybody.
#[test]
fn goals_of_others() {
    let mut b = loom::model::Builder::new();
    b.preemption_bound = Some(3);
    b.check(|| {
        let w = World::new();
        let r = {
            let w = w.clone();
            thread::spawn(move || {
                w.epochs.online(&w.seqs[0]);
                w.read();
                w.seqs[0].offline();
            })
        };
        let p = {
            let w = w.clone();
            thread::spawn(move || {
                w.passed(3);
            })
        };
        let goal = w.retire();
        w.epochs.advance();
        if w.passed(goal) {
            w.free();
        }
        r.join().unwrap();
        p.join().unwrap();
    });
}
