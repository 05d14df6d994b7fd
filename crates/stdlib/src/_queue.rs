//! `_queue`: `SimpleQueue`, an unbounded FIFO whose `put` is re-entrant.
//!
//! The lock is a leaf: held for a few instructions by attached threads only, so that a forked child never finds it locked.
//! Threads that wait for an item are parked on the queue's address; whoever puts one wakes one of them.

use macros::pymodule;

#[pymodule(
    name = "_queue",
    doc = "C implementation of the Python queue module.\nThis module is an implementation detail, please do not use it directly."
)]
pub mod _queue {
    use core::cell::UnsafeCell;
    use core::ffi::c_int;
    use core::mem::offset_of;
    use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};
    use core::sync::atomic::{AtomicPtr, AtomicUsize};
    use macros::pyclass;
    use runtime::mem::Visitor;
    use runtime::objects::support::{Slot, alloc, begin_dealloc, free_object, track};
    use runtime::prelude::*;
    use runtime::thread::RawMutex;
    use runtime::thread::parking::{self, Park};
    use std::collections::VecDeque;
    use std::time::{Duration, Instant};

    /// The items, and how many threads wait for one.
    #[derive(Default)]
    struct Inner {
        lock: RawMutex,
        items: UnsafeCell<VecDeque<PyRef>>,
        len: AtomicUsize,
        waiting: AtomicUsize,
    }

    impl Inner {
        /// `f` neither runs Python code nor drops an item.
        fn with<R>(&self, f: impl FnOnce(&mut VecDeque<PyRef>) -> R) -> R {
            self.lock.with_raw(|| {
                // SAFETY: under the lock.
                let items = unsafe { &mut *self.items.get() };
                let r = f(items);
                self.len.store(items.len(), SeqCst);
                r
            })
        }

        fn key(&self) -> usize {
            self as *const Inner as usize
        }
    }

    #[repr(C)]
    pub struct SimpleQueue {
        header: abi::PyObject,
        /// Set at creation, freed by dealloc.
        inner: Option<Box<Inner>>,
        weakreflist: Slot,
    }

    /// The module's exception: one for the process, so that copies of the module agree on it.
    static EMPTY: AtomicPtr<abi::PyObject> = AtomicPtr::new(core::ptr::null_mut());

    fn empty() -> Raised {
        let p = EMPTY.load(Acquire);
        // SAFETY: kept for ever once the module is initialised.
        let made = if p.is_null() { none_ref().call0() } else { unsafe { Object::from_ptr(p) }.call0() };
        match made.map(PyRef::downcast_into::<runtime::objects::BaseException>) {
            Ok(Ok(e)) => runtime::error::restore(e),
            Ok(Err(_)) => raise!(SystemError, "_queue.Empty is no exception"),
            Err(e) => e,
        }
    }

    impl SimpleQueue {
        fn inner(&self) -> PyResult<&Inner> {
            self.inner.as_deref().ok_or_else(|| raise!(SystemError, "queue was cleared"))
        }

        fn take(&self, block: bool, timeout: Option<&Object>) -> PyResult<PyRef> {
            let inner = self.inner()?;
            if !block {
                return match inner.with(VecDeque::pop_front) {
                    Some(v) => Ok(v),
                    None => Err(empty()),
                };
            }
            let deadline = match timeout {
                None => None,
                Some(t) => {
                    let s = t.as_f64()?;
                    if s < 0.0 {
                        return Err(raise!(ValueError, "'timeout' must be a non-negative number"));
                    }
                    if s > 9.2e9 {
                        return Err(raise!(OverflowError, "timeout value is too large"));
                    }
                    Some(Instant::now() + Duration::from_secs_f64(s))
                }
            };
            loop {
                if let Some(v) = inner.with(VecDeque::pop_front) {
                    return Ok(v);
                }
                // Counted before the length is looked at again: who puts an item sees the one or is seen by the other.
                inner.waiting.fetch_add(1, SeqCst);
                let why = parking::wait(inner.key(), deadline, true, || inner.len.load(SeqCst) == 0);
                inner.waiting.fetch_sub(1, SeqCst);
                match why {
                    Park::Interrupted => runtime::thread::check_signals()?,
                    Park::TimedOut => return inner.with(VecDeque::pop_front).ok_or_else(empty),
                    _ => {}
                }
            }
        }
        fn add(&self, v: &Object) -> PyResult<()> {
            let inner = self.inner()?;
            let v = v.to_ref();
            inner.with(|items| items.push_back(v));
            if inner.waiting.load(SeqCst) > 0 {
                parking::unpark_one(inner.key(), |_| 0);
            }
            Ok(())
        }
    }

    /// SimpleQueue()
    /// --
    ///
    /// Simple, unbounded, reentrant FIFO queue.
    #[pyclass(name = "SimpleQueue", module = "_queue", flags = "BASETYPE|HAVE_GC", weaklistoffset = offset_of!(SimpleQueue, weakreflist))]
    impl SimpleQueue {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            if core::ptr::eq(cls, SimpleQueue::type_object()) {
                args.no_keywords("SimpleQueue")?;
                args.check_positional("SimpleQueue", 0, 0)?;
            }
            let q = alloc::<SimpleQueue>(cls)?;
            // SAFETY: a new object whose fields are zero.
            unsafe { (&raw mut (*q.as_raw()).inner).write(Some(Box::default())) };
            Ok(track(q).upcast())
        }
        /// Put the item on the queue.
        ///
        /// The optional 'block' and 'timeout' arguments are ignored, as this method
        /// never blocks.  They are provided for compatibility with the Queue class.
        #[pymethod(sig = "item, block=True, timeout=None")]
        fn put(&self, item: &Object, _block: bool, _timeout: Option<&Object>) -> PyResult<()> {
            self.add(item)
        }
        /// Put an item into the queue without blocking.
        ///
        /// This is exactly equivalent to `put(item)` and is only provided
        /// for compatibility with the Queue class.
        #[pymethod(sig = "item")]
        fn put_nowait(&self, item: &Object) -> PyResult<()> {
            self.add(item)
        }
        /// Remove and return an item from the queue.
        ///
        /// If optional args 'block' is true and 'timeout' is None (the default),
        /// block if necessary until an item is available. If 'timeout' is
        /// a non-negative number, it blocks at most 'timeout' seconds and raises
        /// the Empty exception if no item was available within that time.
        /// Otherwise ('block' is false), return an item if one is immediately
        /// available, else raise the Empty exception ('timeout' is ignored
        /// in that case).
        #[pymethod(sig = "block=True, timeout=None")]
        fn get(&self, block: bool, timeout: Option<&Object>) -> PyResult<PyRef> {
            self.take(block, timeout)
        }
        /// Remove and return an item from the queue without blocking.
        ///
        /// Only get an item if one is immediately available. Otherwise
        /// raise the Empty exception.
        #[pymethod]
        fn get_nowait(&self) -> PyResult<PyRef> {
            self.take(false, None)
        }
        /// Return True if the queue is empty, False otherwise (not reliable!).
        #[pymethod(name = "empty")]
        fn is_empty(&self) -> PyResult<bool> {
            Ok(self.inner()?.len.load(SeqCst) == 0)
        }
        /// Return the approximate size of the queue (not reliable!).
        #[pymethod]
        fn qsize(&self) -> PyResult<usize> {
            Ok(self.inner()?.len.load(SeqCst))
        }
        #[pymethod]
        fn __sizeof__(&self) -> PyResult<usize> {
            Ok(core::mem::size_of::<SimpleQueue>() + self.inner()?.with(|items| items.capacity()) * 8)
        }
        /// See PEP 585
        #[pyclassmethod]
        fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
            runtime::objects::genericalias::alias(cls, args)
        }
        #[slot]
        fn tp_traverse(&self, v: &mut Visitor) -> c_int {
            let Some(inner) = &self.inner else { return 0 };
            // SAFETY: the world is stopped, and the lock is only held between safe points.
            for x in unsafe { &*inner.items.get() } {
                let r = v.visit(x);
                if r != 0 {
                    return r;
                }
            }
            0
        }
        #[slot]
        fn tp_clear(&self) {
            if let Some(inner) = &self.inner {
                let old = inner.with(core::mem::take);
                drop(old);
            }
        }
        #[slot]
        fn tp_dealloc(this: *mut Self) {
            // SAFETY: a dying queue.
            unsafe {
                begin_dealloc(this);
                if !(*this).weakreflist.is_empty() {
                    runtime::objects::weakref::clear_weakrefs(this.cast());
                }
                drop((*this).inner.take());
                free_object(this.cast());
            }
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<SimpleQueue>()?;
        let p = EMPTY.load(Acquire);
        if !p.is_null() {
            // SAFETY: kept for ever.
            return m.add("Empty", unsafe { Object::from_ptr(p) }.to_ref());
        }
        // class Empty(Exception)
        let ns = Dict::new()?;
        ns.set_str("__module__", &*Str::new("_queue")?)?;
        ns.set_str("__doc__", &*Str::new("Exception raised by Queue.get(block=0)/get_nowait().")?)?;
        let bases = Tuple::pack(&[exc::Exception()])?;
        let meta: &Object = exc::Exception().ty();
        let empty = meta.call(&[&*Str::new("Empty")?, &bases, &ns])?;
        EMPTY.store(empty.clone().into_ptr(), Release);
        m.add("Empty", empty)
    }
}
