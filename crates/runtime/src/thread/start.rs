//! Starting, joining and ending threads: the engine of `_thread`.

use super::mutex::RawMutex;
use super::parking::{Event, Park};
use super::state::ThreadState;
use super::{attach, set_gilstate};
use crate::error::{self, PyResult};
use crate::object::PyRef;
use crate::objects::{Dict, Tuple};
use crate::raise;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU8, AtomicUsize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

const NOT_STARTED: u8 = 0;
const STARTING: u8 = 1;
const RUNNING: u8 = 2;
const DONE: u8 = 3;

/// A joinable thread (`_thread._ThreadHandle`).
pub struct Handle {
    state: AtomicU8,
    ident: AtomicUsize,
    /// The pthread has not been joined or detached.
    joinable: AtomicU8,
    exiting: Event,
    join_lock: RawMutex,
}

/// Addresses of all handles, so that a forked child can mark those of lost threads as done.
static HANDLES: Handles = Handles { lock: RawMutex::new(), all: UnsafeCell::new(BTreeSet::new()) };
struct Handles {
    lock: RawMutex,
    all: UnsafeCell<BTreeSet<usize>>,
}
// SAFETY: `all` is only touched under the lock.
unsafe impl Sync for Handles {}

impl Handle {
    pub fn new() -> Arc<Handle> {
        let h = Arc::new(Handle {
            state: AtomicU8::new(NOT_STARTED),
            ident: AtomicUsize::new(0),
            joinable: AtomicU8::new(0),
            exiting: Event::new(),
            join_lock: RawMutex::new(),
        });
        // SAFETY: under the lock.
        HANDLES.lock.with_raw(|| unsafe { (*HANDLES.all.get()).insert(Arc::as_ptr(&h) as usize) });
        h
    }

    /// A handle of a thread that runs already and cannot be joined by the system (`_make_thread_handle`).
    pub fn of_running(ident: usize) -> Arc<Handle> {
        let h = Handle::new();
        h.ident.store(ident, Relaxed);
        h.state.store(RUNNING, Release);
        h
    }

    pub fn ident(&self) -> usize {
        self.ident.load(Acquire)
    }

    pub fn is_done(&self) -> bool {
        self.exiting.is_set()
    }

    pub fn has_ident(&self) -> bool {
        self.state.load(Acquire) >= RUNNING
    }

    /// Marks the thread as ended, without waiting (`_set_done`).
    pub fn set_done(&self) -> PyResult<()> {
        if self.state.load(Acquire) < RUNNING {
            return Err(raise!(RuntimeError, "thread not started"));
        }
        self.finish();
        Ok(())
    }

    fn finish(&self) {
        self.state.store(DONE, Release);
        self.exiting.set();
    }

    /// Waits for the end of the thread; returns silently when the deadline passes. Signals are handled meanwhile.
    pub fn join(&self, deadline: Option<Instant>) -> PyResult<()> {
        if self.state.load(Acquire) < RUNNING {
            return Err(raise!(RuntimeError, "thread not started"));
        }
        if self.ident() == super::ident() && !self.exiting.is_set() {
            return Err(raise!(RuntimeError, "Cannot join current thread"));
        }
        if !self.exiting.is_set() && ThreadState::current().interp().is_finalizing() {
            // Other threads do not run any more.
            return Err(raise!(PythonFinalizationError, "cannot join thread at interpreter shutdown"));
        }
        loop {
            match self.exiting.wait(deadline, true) {
                Park::TimedOut => return Ok(()),
                Park::Interrupted => super::check_signals()?,
                _ => break,
            }
        }
        // The system's thread may still be on its way out.
        let _guard = self.join_lock.guard();
        if self.joinable.swap(0, AcqRel) != 0 {
            let id = self.ident();
            // SAFETY: joined once, and not detached.
            let r = super::detach(|| unsafe { libc::pthread_join(id as libc::pthread_t, core::ptr::null_mut()) });
            if r != 0 {
                return Err(raise!(RuntimeError, "Failed joining thread"));
            }
        }
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let me: *const Handle = self;
        // SAFETY: under the lock.
        HANDLES.lock.with_raw(|| unsafe { (*HANDLES.all.get()).remove(&(me as usize)) });
        if self.joinable.load(Acquire) != 0 {
            // SAFETY: never joined.
            unsafe { libc::pthread_detach(self.ident() as libc::pthread_t) };
        }
    }
}

/// Handles of non-daemon threads, for `_thread._shutdown`.
#[derive(Default)]
pub struct ShutdownHandles {
    lock: RawMutex,
    list: UnsafeCell<Vec<Arc<Handle>>>,
}
// SAFETY: `list` is only touched under the lock.
unsafe impl Sync for ShutdownHandles {}

impl ShutdownHandles {
    fn add(&self, h: &Arc<Handle>) {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.list.get()).push(h.clone()) });
    }

    fn remove(&self, h: &Arc<Handle>) {
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.list.get()).retain(|x| !Arc::ptr_eq(x, h)) });
    }

    /// Whether no other thread has to be waited for.
    pub fn is_idle(&self) -> bool {
        let me = super::ident();
        // SAFETY: under the lock.
        self.lock.with_raw(|| unsafe { (*self.list.get()).iter().all(|h| h.ident() == me) })
    }

    /// Waits for every non-daemon thread (`threading._shutdown`). The calling thread is not waited for.
    pub fn join_all(&self) -> PyResult<()> {
        loop {
            let me = super::ident();
            // SAFETY: under the lock.
            let next =
                self.lock.with_raw(|| unsafe { (*self.list.get()).iter().rev().find(|h| h.ident() != me).cloned() });
            let Some(h) = next else { return Ok(()) };
            if h.has_ident() {
                h.join(None)?;
            } else {
                super::detach(|| std::thread::sleep(std::time::Duration::from_millis(1)));
            }
            self.remove(&h);
        }
    }
}

struct Boot {
    ts: *mut ThreadState,
    func: PyRef,
    args: PyRef,
    kwargs: Option<PyRef>,
    handle: Arc<Handle>,
    daemon: bool,
    ready: Arc<Event>,
}

/// Starts `func(*args, **kwargs)` in a new thread. Errors: RuntimeError when the system or the runtime refuses.
pub fn start(handle: &Arc<Handle>, func: PyRef, args: PyRef, kwargs: Option<PyRef>, daemon: bool) -> PyResult<usize> {
    let cur = ThreadState::current();
    let interp = cur.interp();
    if interp.is_finalizing() {
        return Err(raise!(PythonFinalizationError, "can't create new thread at interpreter shutdown"));
    }
    if !interp.lifecycle.sub.settings().allow_threads {
        return Err(raise!(RuntimeError, "thread is not supported for isolated subinterpreters"));
    }
    if handle.state.compare_exchange(NOT_STARTED, STARTING, AcqRel, Acquire).is_err() {
        return Err(raise!(RuntimeError, "thread already started"));
    }
    let ts = ThreadState::new(interp);
    if ts.is_null() {
        handle.state.store(NOT_STARTED, Release);
        return Err(raise!(MemoryError, ""));
    }
    // SAFETY: fresh, ours until the thread takes it.
    unsafe { (*ts).daemon.set(daemon) };
    if !daemon {
        interp.threading.shutdown.add(handle);
    }
    let ready = Arc::new(Event::new());
    let boot = Box::new(Boot { ts, func, args, kwargs, handle: handle.clone(), daemon, ready: ready.clone() });
    let boot = Box::into_raw(boot);
    match spawn(run, boot.cast(), interp.threading.stack_size.load(Relaxed)) {
        Some(id) => {
            handle.ident.store(id as usize, Release);
            handle.joinable.store(1, Release);
            handle.state.compare_exchange(STARTING, RUNNING, AcqRel, Acquire).ok();
            ready.set();
            Ok(id as usize)
        }
        None => {
            // SAFETY: the thread did not begin, so both are still ours.
            unsafe {
                drop(Box::from_raw(boot));
                (*ts).delete();
            }
            if !daemon {
                interp.threading.shutdown.remove(handle);
            }
            handle.state.store(NOT_STARTED, Release);
            Err(raise!(RuntimeError, "can't start new thread"))
        }
    }
}

/// Starts a bare system thread.
pub fn spawn(
    f: extern "C" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
    stack_size: usize,
) -> Option<libc::pthread_t> {
    // SAFETY: a plain pthread_create with initialised attributes.
    unsafe {
        let mut attr = MaybeUninit::<libc::pthread_attr_t>::uninit();
        if libc::pthread_attr_init(attr.as_mut_ptr()) != 0 {
            return None;
        }
        if stack_size != 0 && libc::pthread_attr_setstacksize(attr.as_mut_ptr(), stack_size) != 0 {
            libc::pthread_attr_destroy(attr.as_mut_ptr());
            return None;
        }
        let mut id = MaybeUninit::uninit();
        let r = libc::pthread_create(id.as_mut_ptr(), attr.as_ptr(), f, arg);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        if r == 0 { Some(id.assume_init()) } else { None }
    }
}

extern "C" fn run(arg: *mut c_void) -> *mut c_void {
    // SAFETY: passed by `start`.
    let boot = unsafe { *Box::from_raw(arg.cast::<Boot>()) };
    // SAFETY: the state is this thread's from now on.
    let ts = unsafe { &*boot.ts };
    ts.bind();
    set_gilstate(ts);
    let Boot { func, args, kwargs, handle, daemon, ready, .. } = boot;
    // The starter must have recorded the ident before this thread can look at its handle.
    ready.wait_raw();
    attach(ts);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        // SAFETY: `start`'s callers pass a tuple and a dict.
        let r = unsafe { func.call_dict(args.cast::<Tuple>(), kwargs.as_ref().map(|k| k.cast::<Dict>())) };
        if let Err(e) = r {
            if e.matches(error::exc::SystemExit()) {
                e.clear();
            } else {
                crate::objects::exceptions::display::write_unraisable_repr(
                    "Exception ignored in thread started by",
                    &func,
                );
            }
        }
        drop((func, args, kwargs));
    }));
    let interp = ts.interp();
    ts.clear();
    // SAFETY: cleared; this thread's frames are gone.
    unsafe { ts.delete_current() };
    handle.finish();
    if !daemon {
        interp.threading.shutdown.remove(&handle);
    }
    core::ptr::null_mut()
}

/// In a forked child: the other threads have ended.
pub(super) fn after_fork(ts: &ThreadState) {
    let s = &ts.interp().threading.shutdown;
    s.lock.reset();
    HANDLES.lock.reset();
    let me = super::ident();
    // SAFETY: the child has one thread; registered handles are alive.
    unsafe {
        for h in (*HANDLES.all.get()).iter().map(|&h| &*(h as *const Handle)) {
            h.join_lock.reset();
            if h.state.load(Relaxed) == NOT_STARTED || h.ident() == me {
                continue;
            }
            h.joinable.store(0, Relaxed);
            h.finish();
        }
        (*s.list.get()).retain(|h| h.ident() == me);
    }
}
