//! CPython's internal locks: events, reader-writer locks, recursive locks, threads that can be joined.

use crate::export::fine;
use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicU8;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use runtime::prelude::*;
use runtime::thread::mutex::RecursiveMutex;
use runtime::thread::parking;
use std::time::{Duration, Instant};

/// `PyEvent`: a byte, 0 or `SET`, and `PARKED` while threads wait.
struct ByteEvent(AtomicU8);
const SET: u8 = 1;
const PARKED: u8 = 2;

impl ByteEvent {
    fn set(&self) {
        if self.0.swap(SET, Release) & PARKED != 0 {
            parking::unpark_all(self as *const ByteEvent as usize, 0);
        }
    }

    /// False when the deadline passed first.
    fn wait(&self, deadline: Option<Instant>, may_detach: bool) -> bool {
        loop {
            let v = self.0.load(Acquire);
            if v & SET != 0 {
                return true;
            }
            if v == 0 && self.0.compare_exchange(0, PARKED, Relaxed, Relaxed).is_err() {
                continue;
            }
            let key = self as *const ByteEvent as usize;
            let still = || self.0.load(Acquire) == PARKED;
            let end = if may_detach {
                parking::wait(key, deadline, false, still)
            } else {
                parking::park(key, still, deadline)
            };
            if end == parking::Park::TimedOut {
                return self.0.load(Acquire) & SET != 0;
            }
        }
    }
}

/// `_PyRWMutex`: a word. Bit 0: a writer holds it; bit 1: somebody waits; the rest counts readers.
struct ReadWrite(AtomicUsize);
const WRITER: usize = 1;
const WAITERS: usize = 2;
const READER: usize = 4;

impl ReadWrite {
    fn park(&self, seen: usize) {
        if seen & WAITERS == 0 && self.0.compare_exchange(seen, seen | WAITERS, Relaxed, Relaxed).is_err() {
            return;
        }
        parking::wait(self as *const ReadWrite as usize, None, false, || self.0.load(Acquire) == seen | WAITERS);
    }

    fn read(&self) {
        loop {
            let v = self.0.load(Relaxed);
            // Readers do not overtake a writer that waits.
            if v & (WRITER | WAITERS) != 0 {
                self.park(v);
            } else if self.0.compare_exchange(v, v + READER, Acquire, Relaxed).is_ok() {
                return;
            }
        }
    }

    fn end_read(&self) {
        let left = self.0.fetch_sub(READER, Release) - READER;
        // The flag stays until the writer that waits has had its turn.
        if left == WAITERS {
            parking::unpark_all(self as *const ReadWrite as usize, 0);
        }
    }

    fn write(&self) {
        loop {
            let v = self.0.load(Relaxed);
            if v & !WAITERS != 0 {
                self.park(v);
            } else if self.0.compare_exchange(v, v | WRITER, Acquire, Relaxed).is_ok() {
                return;
            }
        }
    }

    fn end_write(&self) {
        let v = self.0.swap(0, Release);
        if v & WAITERS != 0 {
            parking::unpark_all(self as *const ReadWrite as usize, 0);
        }
    }
}

unsafe fn at<'a, T>(p: *mut c_void) -> &'a T {
    // SAFETY: the caller passes a live lock of that kind.
    unsafe { &*p.cast::<T>() }
}

struct Start {
    f: unsafe extern "C" fn(*mut c_void),
    arg: *mut c_void,
}

extern "C" fn run(p: *mut c_void) -> *mut c_void {
    // SAFETY: given by `PyThread_start_joinable_thread`, taken once.
    unsafe {
        let start = Box::from_raw(p.cast::<Start>());
        (start.f)(start.arg);
    }
    core::ptr::null_mut()
}

capi! {
    raw fn _PyEvent_IsSet(e: *mut c_void) -> c_int {
        // SAFETY: C passes an event.
        fine(unsafe { at::<ByteEvent>(e) }.0.load(Acquire) & SET != 0)
    }
    raw fn _PyEvent_Notify(e: *mut c_void) {
        // SAFETY: C passes an event.
        unsafe { at::<ByteEvent>(e) }.set();
        Ok(())
    }
    raw fn PyEvent_Wait(e: *mut c_void) {
        // SAFETY: C passes an event.
        unsafe { at::<ByteEvent>(e) }.wait(None, true);
        Ok(())
    }
    raw fn PyEvent_WaitTimed(e: *mut c_void, ns: i64, detach: c_int) -> c_int {
        let deadline = if ns < 0 { None } else { Instant::now().checked_add(Duration::from_nanos(ns as u64)) };
        // SAFETY: C passes an event.
        fine(unsafe { at::<ByteEvent>(e) }.wait(deadline, detach != 0))
    }
    raw fn _PyRWMutex_RLock(m: *mut c_void) {
        // SAFETY: C passes a lock.
        unsafe { at::<ReadWrite>(m) }.read();
        Ok(())
    }
    raw fn _PyRWMutex_RUnlock(m: *mut c_void) {
        // SAFETY: C passes a lock.
        unsafe { at::<ReadWrite>(m) }.end_read();
        Ok(())
    }
    raw fn _PyRWMutex_Lock(m: *mut c_void) {
        // SAFETY: C passes a lock.
        unsafe { at::<ReadWrite>(m) }.write();
        Ok(())
    }
    raw fn _PyRWMutex_Unlock(m: *mut c_void) {
        // SAFETY: C passes a lock.
        unsafe { at::<ReadWrite>(m) }.end_write();
        Ok(())
    }
    raw fn _PyRecursiveMutex_IsLockedByCurrentThread(m: *mut c_void) -> c_int {
        // SAFETY: C passes a lock, which is laid out as ours.
        fine(unsafe { at::<RecursiveMutex>(m) }.is_owned())
    }
    raw fn _PyRecursiveMutex_Lock(m: *mut c_void) {
        // SAFETY: as above.
        unsafe { at::<RecursiveMutex>(m) }.lock();
        Ok(())
    }
    raw fn _PyRecursiveMutex_Unlock(m: *mut c_void) {
        // SAFETY: as above.
        if !unsafe { at::<RecursiveMutex>(m) }.try_unlock() {
            crate::lifecycle::fatal("_PyRecursiveMutex_Unlock", "unlocking a recursive mutex that is not owned by the current thread");
        }
        Ok(())
    }
    raw fn PyThread_start_joinable_thread(f: Option<unsafe extern "C" fn(*mut c_void) -> ()>, arg: *mut c_void, ident: *mut u64, handle: *mut u64) -> c_int {
        let Some(f) = f else { return Ok(-1) };
        let start = Box::into_raw(Box::new(Start { f, arg }));
        let size = ThreadState::try_current().map_or(0, |ts| ts.interp().threading.stack_size.load(Relaxed));
        match runtime::thread::start::spawn(run, start.cast(), size) {
            Some(t) => {
                // SAFETY: C passes two places.
                unsafe {
                    *ident = t;
                    *handle = t;
                }
                Ok(0)
            }
            None => {
                // SAFETY: the thread did not start and did not take it.
                drop(unsafe { Box::from_raw(start) });
                Ok(-1)
            }
        }
    }
    /// A lock's timeout in nanoseconds: an object in seconds, -1 for none.
    fn PyThread_ParseTimeoutArg(arg: Option<&Object>, blocking: c_int, timeout: *mut i64) -> c_int {
        let ns = match arg.filter(|a| !a.is_none()) {
            None => -1_000_000_000,
            Some(a) => stdlib::pytime::seconds_to_ns(a, stdlib::pytime::Round::Up)?,
        };
        if blocking == 0 && ns != -1_000_000_000 {
            return Err(raise!(ValueError, "can't specify a timeout for a non-blocking call"));
        }
        if ns < 0 && ns != -1_000_000_000 {
            return Err(raise!(ValueError, "timeout value must be a non-negative number"));
        }
        if ns > 0 && ns / 1000 > i64::MAX / 1000 {
            return Err(raise!(OverflowError, "timeout value is too large"));
        }
        // SAFETY: C passes a place.
        unsafe { *timeout = if blocking == 0 { 0 } else { ns.max(-1) } };
        Ok(())
    }
    /// Handles signals that arrive meanwhile; an exception of a handler ends the wait.
    fn PyThread_acquire_lock_timed_with_retries(lock: *mut c_void, microseconds: i64) -> c_int {
        const INTERRUPTED: c_int = 2;
        let deadline = if microseconds < 0 { None } else { Instant::now().checked_add(Duration::from_micros(microseconds as u64)) };
        loop {
            let left = match deadline {
                None => -1,
                Some(d) => d.saturating_duration_since(Instant::now()).as_micros() as i64,
            };
            // SAFETY: C passes a lock.
            let r = unsafe { crate::threads::PyThread_acquire_lock_timed(lock, left, 1) };
            if r != INTERRUPTED {
                return fine(r);
            }
            if runtime::thread::check_signals().is_err() {
                return fine(INTERRUPTED);
            }
        }
    }
    raw fn PyThread_join_thread(handle: u64) -> c_int {
        // SAFETY: C passes a thread that is joined once.
        fine(unsafe { libc::pthread_join(handle as libc::pthread_t, core::ptr::null_mut()) })
    }
    raw fn PyThread_detach_thread(handle: u64) -> c_int {
        // SAFETY: C passes a thread that is not joined.
        fine(unsafe { libc::pthread_detach(handle as libc::pthread_t) })
    }
}
