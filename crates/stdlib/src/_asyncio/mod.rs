//! `_asyncio`: futures, tasks and the state of event loops.
//!
//! What CPython keeps in the thread state (the running loop and task) is kept in one `ThreadSlots` per thread, which other threads find
//! through a list; the tasks themselves are listed, weakly, in shards, so that threads that run loops of their own do not meet.

pub mod future;
pub mod task;

use crate::kept::Kept;
use core::cell::Cell;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicUsize};
use macros::pymodule;
use runtime::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

macro_rules! kept {
    ($($name:ident)*) => { $(pub static $name: Kept = Kept::new();)* };
}
kept! {
    CANCELLED_ERROR INVALID_STATE_ERROR POLICY ISCOROUTINE FUTURE_REPR TASK_REPR GET_STACK PRINT_STACK EXTRACT_STACK
    SCHEDULED_TASKS EAGER_TASKS
}

/// What a thread's event loop is doing.
pub struct ThreadSlots {
    /// Owned references.
    running_loop: AtomicPtr<abi::PyObject>,
    running_task: AtomicPtr<abi::PyObject>,
    /// Which list of tasks the thread uses.
    shard: usize,
}

thread_local! {
    static SLOTS: Cell<*const ThreadSlots> = const { Cell::new(core::ptr::null()) };
}
struct All(Vec<&'static ThreadSlots>);
static THREADS: Mutex<All> = Mutex::new(All(Vec::new()));
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a thread's slots to the next thread when it ends.
struct GiveBack(&'static ThreadSlots);
static FREE: Mutex<Vec<&'static ThreadSlots>> = Mutex::new(Vec::new());
impl Drop for GiveBack {
    fn drop(&mut self) {
        if self.0.running_loop.load(Acquire).is_null() && self.0.running_task.load(Acquire).is_null() {
            lock(&FREE).push(self.0);
        }
    }
}
thread_local! {
    static GIVE_BACK: Cell<Option<GiveBack>> = const { Cell::new(None) };
}

#[cold]
fn make_slots() -> &'static ThreadSlots {
    let old = lock(&FREE).pop();
    let s: &'static ThreadSlots = match old {
        Some(s) => s,
        None => {
            let s = Box::leak(Box::new(ThreadSlots {
                running_loop: AtomicPtr::new(core::ptr::null_mut()),
                running_task: AtomicPtr::new(core::ptr::null_mut()),
                shard: NEXT_SHARD.fetch_add(1, Relaxed) % SHARDS,
            }));
            lock(&THREADS).0.push(s);
            s
        }
    };
    GIVE_BACK.with(|g| g.set(Some(GiveBack(s))));
    SLOTS.with(|c| c.set(s));
    s
}

#[inline]
pub fn slots() -> &'static ThreadSlots {
    let p = SLOTS.with(Cell::get);
    // SAFETY: slots are never freed.
    unsafe { p.as_ref() }.unwrap_or_else(make_slots)
}

impl ThreadSlots {
    #[inline]
    pub fn current_loop(&self) -> Option<&Object> {
        // SAFETY: only this thread replaces its slot.
        unsafe { Object::from_ptr_opt(self.running_loop.load(Relaxed)) }
    }
    #[inline]
    pub fn current_task(&self) -> Option<&Object> {
        // SAFETY: as above.
        unsafe { Object::from_ptr_opt(self.running_task.load(Relaxed)) }
    }
    fn put(slot: &AtomicPtr<abi::PyObject>, o: Option<PyRef>) -> Option<PyRef> {
        let old = slot.load(Relaxed);
        slot.store(o.map_or(core::ptr::null_mut(), Ref::into_ptr), Release);
        // SAFETY: the slot owned its reference; other threads look only while the world is stopped.
        unsafe { PyRef::from_ptr_opt(old) }
    }
}

/// In a forked child no loop runs.
extern "C" fn after_fork() {
    let p = SLOTS.with(Cell::get);
    // SAFETY: slots are never freed.
    if let Some(s) = unsafe { p.as_ref() } {
        s.running_loop.store(core::ptr::null_mut(), Relaxed);
        s.running_task.store(core::ptr::null_mut(), Relaxed);
    }
}

// ---------------------------------------------------------------------------------------------- the lists of tasks

const SHARDS: usize = 64;
/// Tasks that are not done, without references; a dying task takes itself out first.
struct Shard(Vec<*mut task::Task>);
// SAFETY: the pointers are followed under the shard's lock only.
unsafe impl Send for Shard {}
static TASKS: [Mutex<Shard>; SHARDS] = [const { Mutex::new(Shard(Vec::new())) }; SHARDS];

/// Lists a task until `unlist`.
pub fn list(t: &task::Task) {
    // SAFETY: alive, so that other threads may try to take a reference later.
    unsafe { runtime::mem::refcount::set_maybe_weakref(t.as_ptr()) };
    let shard = slots().shard;
    let mut s = lock(&TASKS[shard]);
    if t.listed.load(Relaxed) != 0 {
        return;
    }
    s.0.push((t as *const task::Task).cast_mut());
    t.place.store(s.0.len() - 1, Relaxed);
    t.listed.store(shard + 1, Release);
}

/// Takes a task off the list.
pub fn unlist(t: &task::Task) {
    let shard = t.listed.load(Acquire);
    if shard == 0 {
        return;
    }
    let mut s = lock(&TASKS[shard - 1]);
    if t.listed.swap(0, Relaxed) == 0 {
        return;
    }
    let at = t.place.load(Relaxed);
    s.0.swap_remove(at);
    if let Some(moved) = s.0.get(at) {
        // SAFETY: listed tasks are alive or wait for this lock before they are freed.
        unsafe { (**moved).place.store(at, Relaxed) };
    }
}

/// References to all listed tasks.
fn listed() -> Vec<PyRef> {
    let mut out = Vec::new();
    for shard in &TASKS {
        let s = lock(shard);
        for p in &s.0 {
            // SAFETY: the memory stays an object while the lock is held.
            unsafe {
                if runtime::mem::refcount::try_incref(p.cast()) {
                    out.push(PyRef::from_raw(p.cast()));
                }
            }
        }
    }
    out
}

// ---------------------------------------------------------------------------------------------- loops and tasks

/// `asyncio.get_event_loop()`.
pub fn event_loop() -> PyResult<PyRef> {
    if let Some(l) = slots().current_loop() {
        return Ok(l.to_ref());
    }
    POLICY.attr_of("asyncio.events", "_get_event_loop_policy")?.call0()?.call_method(intern!("get_event_loop"), &[])
}

fn not_running(event_loop: &Object) -> Raised {
    match event_loop.repr() {
        Ok(r) => raise!(RuntimeError, "loop {} is not the running loop", r.to_string_lossy()),
        Err(e) => e,
    }
}

fn check_loop(s: &ThreadSlots, event_loop: &Object) -> PyResult<()> {
    if s.current_loop().is_some_and(|l| l.is(event_loop)) { Ok(()) } else { Err(not_running(event_loop)) }
}

pub fn enter(event_loop: &Object, task: &Object) -> PyResult<()> {
    let s = slots();
    check_loop(s, event_loop)?;
    if let Some(t) = s.current_task() {
        let t = t.to_ref();
        return Err(raise!(
            RuntimeError,
            "Cannot enter into task {} while another task {} is being executed.",
            task.repr()?.to_string_lossy(),
            t.repr()?.to_string_lossy()
        ));
    }
    drop(ThreadSlots::put(&s.running_task, Some(task.to_ref())));
    Ok(())
}

pub fn leave(event_loop: &Object, task: &Object) -> PyResult<()> {
    let s = slots();
    check_loop(s, event_loop)?;
    if !s.current_task().is_some_and(|t| t.is(task)) {
        let t = s.current_task().map_or_else(none_ref, |t| t.to_ref());
        return Err(raise!(
            RuntimeError,
            "Leaving task {} does not match the current task {}.",
            task.repr()?.to_string_lossy(),
            t.repr()?.to_string_lossy()
        ));
    }
    drop(ThreadSlots::put(&s.running_task, None));
    Ok(())
}

pub fn swap_current(event_loop: &Object, task: &Object) -> PyResult<PyRef> {
    let s = slots();
    check_loop(s, event_loop)?;
    let new = if task.is_none() { None } else { Some(task.to_ref()) };
    Ok(ThreadSlots::put(&s.running_task, new).unwrap_or_else(none_ref))
}

/// Adds to a weak set of Python.
fn scheduled() -> PyResult<&'static Object> {
    if let Some(s) = SCHEDULED_TASKS.get_opt() {
        return Ok(s);
    }
    SCHEDULED_TASKS.set(runtime::import::import_attr("weakref", "WeakSet")?.call0()?);
    SCHEDULED_TASKS.get()
}

/// Accelerator module for asyncio
#[pymodule(name = "_asyncio")]
pub mod _asyncio {
    use super::future::{Future, FutureIter};
    use super::task::{Task, TaskStep, TaskWakeup};
    use super::*;
    use runtime::convert::HasSpec;

    /// Return the running event loop or None.
    ///
    /// This is a low-level function intended to be used by event loops.
    /// This function is thread-specific.
    #[pyfunction]
    fn _get_running_loop() -> PyRef {
        slots().current_loop().map_or_else(none_ref, |l| l.to_ref())
    }
    /// Set the running event loop.
    ///
    /// This is a low-level function intended to be used by event loops.
    /// This function is thread-specific.
    #[pyfunction(sig = "loop, /")]
    fn _set_running_loop(r#loop: &Object) {
        let new = if r#loop.is_none() { None } else { Some(r#loop.to_ref()) };
        drop(ThreadSlots::put(&slots().running_loop, new));
    }
    /// Return the running event loop.  Raise a RuntimeError if there is none.
    ///
    /// This function is thread-specific.
    #[pyfunction]
    fn get_running_loop() -> PyResult<PyRef> {
        match slots().current_loop() {
            Some(l) => Ok(l.to_ref()),
            None => Err(raise!(RuntimeError, "no running event loop")),
        }
    }
    /// Return an asyncio event loop.
    ///
    /// When called from a coroutine or a callback (e.g. scheduled with
    /// call_soon or similar API), this function will always return the
    /// running event loop.
    #[pyfunction]
    fn get_event_loop() -> PyResult<PyRef> {
        event_loop()
    }
    /// Register a new task in asyncio as executed by loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "task")]
    fn _register_task(task: &Object) -> PyResult<()> {
        match task.downcast::<Task>() {
            Some(t) => list(t),
            None => drop(scheduled()?.call_method(intern!("add"), &[task])?),
        }
        Ok(())
    }
    /// Unregister a task.
    ///
    /// Returns None.
    #[pyfunction(sig = "task")]
    fn _unregister_task(task: &Object) -> PyResult<()> {
        match task.downcast::<Task>() {
            Some(t) => unlist(t),
            None => drop(scheduled()?.call_method(intern!("discard"), &[task])?),
        }
        Ok(())
    }
    /// Register a new task in asyncio as executed by loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "task")]
    fn _register_eager_task(task: &Object) -> PyResult<()> {
        EAGER_TASKS.get()?.call_method(intern!("add"), &[task]).map(drop)
    }
    /// Unregister a task.
    ///
    /// Returns None.
    #[pyfunction(sig = "task")]
    fn _unregister_eager_task(task: &Object) -> PyResult<()> {
        EAGER_TASKS.get()?.call_method(intern!("discard"), &[task]).map(drop)
    }
    /// Enter into task execution or resume suspended task.
    ///
    /// Task belongs to loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "loop, task")]
    fn _enter_task(r#loop: &Object, task: &Object) -> PyResult<()> {
        enter(r#loop, task)
    }
    /// Leave task execution or suspend a task.
    ///
    /// Task belongs to loop.
    ///
    /// Returns None.
    #[pyfunction(sig = "loop, task")]
    fn _leave_task(r#loop: &Object, task: &Object) -> PyResult<()> {
        leave(r#loop, task)
    }
    /// Temporarily swap in the supplied task and return the original one (or None).
    ///
    /// This is intended for use during eager coroutine execution.
    #[pyfunction(sig = "loop, task")]
    fn _swap_current_task(r#loop: &Object, task: &Object) -> PyResult<PyRef> {
        swap_current(r#loop, task)
    }
    /// Return a currently executed task.
    #[pyfunction(sig = "loop=None")]
    fn current_task(r#loop: Option<&Object>) -> PyResult<PyRef> {
        let s = slots();
        let Some(wanted) = r#loop else {
            if s.current_loop().is_none() {
                return Err(raise!(RuntimeError, "no running event loop"));
            }
            return Ok(s.current_task().map_or_else(none_ref, |t| t.to_ref()));
        };
        if s.current_loop().is_some_and(|l| l.is(wanted)) {
            return Ok(s.current_task().map_or_else(none_ref, |t| t.to_ref()));
        }
        // Some other thread may be running that loop.
        let found = runtime::thread::stop_the_world(|| {
            for t in &lock(&THREADS).0 {
                if t.running_loop.load(Acquire) == wanted.as_ptr() {
                    let p = t.running_task.load(Acquire);
                    // SAFETY: the other thread is stopped while it owns the reference.
                    return unsafe { Object::from_ptr_opt(p) }.map(|o| o.to_ref());
                }
            }
            None
        });
        Ok(found.unwrap_or_else(none_ref))
    }
    /// Return a set of all tasks for the loop.
    #[pyfunction(sig = "loop=None")]
    fn all_tasks(r#loop: Option<&Object>) -> PyResult<Ref<Set>> {
        let wanted = match r#loop {
            Some(l) => l.to_ref(),
            None => get_running_loop()?,
        };
        // Eager tasks first: one that becomes a plain task meanwhile is not missed.
        let mut all: Vec<PyRef> = EAGER_TASKS.get()?.downcast::<Set>().map_or_else(Vec::new, |s| s.snapshot());
        all.extend(listed());
        if let Some(s) = SCHEDULED_TASKS.get_opt() {
            all.extend(s.to_list()?.snapshot());
        }
        let out = Set::new()?;
        for t in all {
            let (its_loop, done) = match t.downcast::<Task>() {
                Some(t) => (t.fut.loop_of()?, t.fut.is_done()),
                None => {
                    let l = match t.getattr_opt(intern!("get_loop"))? {
                        Some(f) => f.call0()?,
                        None => t.getattr(intern!("_loop"))?,
                    };
                    (l, t.call_method(intern!("done"), &[])?.is_true()?)
                }
            };
            if its_loop.is(&wanted) && !done {
                out.add(&t)?;
            }
        }
        Ok(out)
    }
    /// Record that `fut` is awaited on by `waiter`.
    #[pyfunction(sig = "fut, waiter, /")]
    fn future_add_to_awaited_by(fut: &Object, waiter: &Object) -> PyResult<()> {
        match (fut.downcast::<Future>(), waiter.downcast::<Future>()) {
            (Some(f), Some(_)) => f.add_awaited_by(waiter),
            _ => Ok(()),
        }
    }
    /// Record that `fut` is no longer awaited on by `waiter`.
    #[pyfunction(sig = "fut, waiter, /")]
    fn future_discard_from_awaited_by(fut: &Object, waiter: &Object) -> PyResult<()> {
        match (fut.downcast::<Future>(), waiter.downcast::<Future>()) {
            (Some(f), Some(_)) => f.discard_awaited_by(waiter),
            _ => Ok(()),
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Future>()?;
        m.add_type::<Task>()?;
        runtime::typeobject::init_static(FutureIter::spec())?;
        runtime::typeobject::init_static(TaskStep::spec())?;
        runtime::typeobject::init_static(TaskWakeup::spec())?;
        CANCELLED_ERROR.attr_of("asyncio.exceptions", "CancelledError")?;
        INVALID_STATE_ERROR.attr_of("asyncio.exceptions", "InvalidStateError")?;
        if EAGER_TASKS.get_opt().is_none() {
            EAGER_TASKS.set(Set::new()?.upcast());
            // SAFETY: a plain function.
            unsafe { libc::pthread_atfork(None, None, Some(after_fork)) };
        }
        Ok(())
    }
}
