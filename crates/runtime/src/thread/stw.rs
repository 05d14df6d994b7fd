//! Stop-the-world: one thread runs, every other one is detached or waits in its eval breaker.
//!
//! The request sets PLEASE_STOP in every thread's eval breaker. A thread that sees it (in the eval loop, or on detaching)
//! becomes SUSPENDED; detached threads are made SUSPENDED by the requester, so that they cannot attach. All changes to
//! or from SUSPENDED happen under `HEAD_LOCK`, except a thread's own wait for the end.

use super::futex;
use super::mutex::RawMutex;
use super::parking::Bell;
use super::state::{HEAD_LOCK, ThreadState, attach_state as st, breaker, for_each_thread_locked};
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::OnceLock;
use std::time::Duration;

/// Held by the requester for the whole stop.
static MUTEX: RawMutex = RawMutex::new();
/// The requester, while a stop is requested or in force.
static OWNER: AtomicPtr<ThreadState> = AtomicPtr::new(null_mut());

fn bell() -> &'static Bell {
    static BELL: OnceLock<Bell> = OnceLock::new();
    BELL.get_or_init(Bell::default)
}

/// Whether a stop is requested or in force.
pub(crate) fn is_requested() -> bool {
    !OWNER.load(Acquire).is_null()
}

/// Whether the running thread has stopped the world.
pub fn is_stopped_by_me() -> bool {
    let me = crate::arch::tstate();
    !me.is_null() && OWNER.load(Relaxed) == me
}

/// Runs `f` while no other thread runs Python code. `f` must not run Python code, detach, or wait for another thread.
/// Nested calls just run `f`.
pub fn stop_the_world<R>(f: impl FnOnce() -> R) -> R {
    if is_stopped_by_me() {
        return f();
    }
    stop();
    struct Start;
    impl Drop for Start {
        fn drop(&mut self) {
            start();
        }
    }
    let _start = Start;
    f()
}

/// Suspends what is detached; whether every thread but `me` has stopped.
fn stop_detached(me: *mut ThreadState) -> bool {
    let mut all = true;
    HEAD_LOCK.with_raw(|| {
        for_each_thread_locked(|t| {
            if core::ptr::eq(t, me) {
                return;
            }
            match t.state().load(Acquire) {
                st::SUSPENDED | st::SHUTTING_DOWN => {}
                st::DETACHED => {
                    if t.state().compare_exchange(st::DETACHED, st::SUSPENDED, Acquire, Relaxed).is_err() {
                        all = false;
                    }
                }
                _ => all = false,
            }
        });
    });
    all
}

/// Stops the world until `start` (fork needs the halves).
pub(crate) fn stop() {
    let ts = ThreadState::current();
    MUTEX.lock();
    let me = (ts as *const ThreadState).cast_mut();
    HEAD_LOCK.with_raw(|| {
        OWNER.store(me, Release);
        for_each_thread_locked(|t| {
            if !core::ptr::eq(t, ts) {
                t.set_breaker(breaker::PLEASE_STOP);
            }
        });
    });
    while !stop_detached(me) {
        bell().wait(Duration::from_millis(1));
    }
}

/// Ends a stop.
pub(crate) fn start() {
    HEAD_LOCK.with_raw(|| {
        OWNER.store(null_mut(), Release);
        for_each_thread_locked(|t| {
            t.clear_breaker(breaker::PLEASE_STOP);
            if t.state().compare_exchange(st::SUSPENDED, st::DETACHED, Release, Relaxed).is_ok() {
                futex::wake(t.state(), i32::MAX);
            }
        });
    });
    MUTEX.unlock();
}

/// Stops the world for a thread without a state (a watchdog), waiting at most for `timeout`: runs `f` with whether all
/// threads have stopped. `f` only looks.
pub fn stop_for_look<R>(timeout: Duration, f: impl FnOnce(bool) -> R) -> R {
    /// Stands for a thread that has no state.
    const NOBODY: *mut ThreadState = core::ptr::without_provenance_mut(1);
    let deadline = std::time::Instant::now() + timeout;
    if MUTEX.lock_timed(Some(deadline), false, false) != super::mutex::LockResult::Acquired {
        return f(false);
    }
    HEAD_LOCK.with_raw(|| {
        OWNER.store(NOBODY, Release);
        for_each_thread_locked(|t| t.set_breaker(breaker::PLEASE_STOP));
    });
    let stopped = loop {
        if stop_detached(NOBODY) {
            break true;
        }
        if std::time::Instant::now() >= deadline {
            break false;
        }
        bell().wait(Duration::from_millis(1));
    };
    let r = f(stopped);
    start();
    r
}

/// At the end of the runtime: every other thread is stopped for good; an attempt to attach hangs.
pub fn stop_others_for_good() {
    stop_the_world(|| {
        let me = ThreadState::current();
        HEAD_LOCK.with_raw(|| {
            for_each_thread_locked(|t| {
                if !core::ptr::eq(t, me) && core::ptr::eq(t.interp(), me.interp()) {
                    t.state().store(st::SHUTTING_DOWN, Release);
                }
            });
        });
    });
}

/// A thread leaves ATTACHED although it is asked to stop: SUSPENDED if the request still stands, else DETACHED.
pub(super) fn suspend_or_detach(ts: &ThreadState) {
    HEAD_LOCK.with_raw(|| {
        let owner = OWNER.load(Relaxed);
        let s = if owner.is_null() || core::ptr::eq(owner, ts) { st::DETACHED } else { st::SUSPENDED };
        ts.state().store(s, Release);
    });
    bell().ring();
}

/// In a forked child (the parent stopped the world before forking).
pub(crate) fn after_fork() {
    OWNER.store(null_mut(), Relaxed);
    MUTEX.reset();
}
