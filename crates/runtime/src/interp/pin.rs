//! Uncounted references that native code holds while Python code may run.
//!
//! A deferred object is freed by the collector only, which looks for uncounted references in frames. Native code that keeps one
//! across anything that may run Python code shows it to the collector by pinning it.

use super::slot::Slot;
use crate::object::{Object, PyRef};
use crate::thread::ThreadState;
use abi::PyObject;
use core::cell::Cell;

const PINS: usize = 32;

/// What a thread has pinned.
#[derive(Default)]
pub struct Pins {
    objects: [Cell<Option<&'static Object>>; PINS],
    n: Cell<usize>,
}

impl Pins {
    /// Calls `visit` for every pinned object. The thread is stopped.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&Object)) {
        self.objects[..self.n.get()].iter().filter_map(Cell::get).for_each(visit);
    }
}

/// A value read from a shared place: counted, or pinned as long as this lives.
pub struct Pinned {
    slot: Slot,
    pinned: bool,
}

impl Pinned {
    /// Takes over a slot with an object.
    #[inline]
    pub fn new(slot: Slot) -> Pinned {
        if slot.is_counted() || slot.obj().is_immortal() {
            return Pinned { slot, pinned: false };
        }
        let pins = &ThreadState::current().pins;
        let n = pins.n.get();
        if n == PINS {
            return Pinned { slot: slot.counted(), pinned: false };
        }
        pins.objects[n].set(Some(slot.obj()));
        pins.n.set(n + 1);
        Pinned { slot, pinned: true }
    }

    /// The object, as a counted reference.
    pub fn into_ref(mut self) -> PyRef {
        let counted = core::mem::replace(&mut self.slot, Slot::NULL);
        let o: &Object = counted.obj();
        if counted.is_counted() {
            // SAFETY: the slot's own reference.
            return unsafe { PyRef::from_raw(o.as_ptr().cast()) };
        }
        let r = o.to_ref();
        self.slot = counted;
        r
    }
}

impl core::ops::Deref for Pinned {
    type Target = Object;
    #[inline(always)]
    fn deref(&self) -> &Object {
        self.slot.obj()
    }
}

impl Drop for Pinned {
    #[inline]
    fn drop(&mut self) {
        if !self.pinned {
            return self.slot.drop();
        }
        let pins = &ThreadState::current().pins;
        let n = pins.n.get() - 1;
        // As a rule it is the last one.
        let p: *mut PyObject = self.slot.ptr();
        let at = (0..=n).rev().find(|&i| pins.objects[i].get().is_some_and(|o| o.as_ptr() == p));
        if let Some(at) = at {
            pins.objects[at].set(pins.objects[n].get());
            pins.n.set(n);
        }
    }
}
