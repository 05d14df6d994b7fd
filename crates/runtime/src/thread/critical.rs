//! Critical sections: per-object locks that are given up while the thread is detached.
//!
//! Sections form a stack per thread, linked through `_cs_prev` (bit 0: suspended; bit 1: a section of two mutexes; CPython's inline code looks at both).
//! Detaching unlocks every active section of the stack; attaching locks only the topmost again, and ending a section resumes the
//! next. So a thread never waits for one lock while holding others: no deadlocks, but what a section protects may
//! change across anything that can block.

use super::ThreadState;
use super::mutex::RawMutex;
use crate::object::Object;
use abi::{PyCriticalSection, PyCriticalSection2, PyMutex, PyObject};
use core::ptr::null_mut;

const INACTIVE: usize = 1;
const TWO: usize = 2;
const MASK: usize = 3;

fn mutex_of(o: &Object) -> *mut PyMutex {
    (&raw const o.0.ob_mutex).cast_mut()
}

/// Begins a section on `m`. `c` must stay where it is until `end`.
///
/// # Safety
/// `c` is writable and lives until `end`; `m` is a live mutex; the thread is attached.
#[inline]
pub unsafe fn begin_mutex(c: *mut PyCriticalSection, m: *mut PyMutex) {
    // SAFETY: the caller's promise.
    unsafe {
        if RawMutex::from_ptr(m).try_lock() {
            let ts = ThreadState::current().abi_mut();
            (*c)._cs_mutex = m;
            (*c)._cs_prev = ts.critical_section;
            ts.critical_section = c as usize;
        } else {
            begin_slow(c, m);
        }
    }
}

#[cold]
unsafe fn begin_slow(c: *mut PyCriticalSection, m: *mut PyMutex) {
    let ts = ThreadState::current().abi_mut();
    // SAFETY: the caller's promise; pointers on the section stack are live sections of this thread.
    unsafe {
        // The topmost section holds this mutex already: nothing to do.
        if ts.critical_section != 0 && ts.critical_section & INACTIVE == 0 {
            let top = (ts.critical_section & !MASK) as *mut PyCriticalSection;
            let second = ts.critical_section & TWO != 0 && (*top.cast::<PyCriticalSection2>())._cs_mutex2 == m;
            if (*top)._cs_mutex == m || second {
                (*c)._cs_mutex = null_mut();
                (*c)._cs_prev = 0;
                return;
            }
        }
        (*c)._cs_mutex = null_mut();
        (*c)._cs_prev = ts.critical_section;
        ts.critical_section = c as usize;
        RawMutex::from_ptr(m).lock();
        (*c)._cs_mutex = m;
    }
}

/// Ends a section.
///
/// # Safety
/// `c` is the topmost section of this thread.
#[inline]
pub unsafe fn end(c: *mut PyCriticalSection) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*c)._cs_mutex.is_null() {
            return;
        }
        RawMutex::from_ptr((*c)._cs_mutex).unlock();
        pop(c);
    }
}

unsafe fn pop(c: *mut PyCriticalSection) {
    let ts = ThreadState::current();
    // SAFETY: the topmost section is alive.
    unsafe {
        let prev = (*c)._cs_prev;
        ts.abi_mut().critical_section = prev;
        if prev & INACTIVE != 0 {
            resume(ts);
        }
    }
}

/// Begins a section on two mutexes, locked in address order.
///
/// # Safety
/// As `begin_mutex`.
pub unsafe fn begin2_mutex(c: *mut PyCriticalSection2, m1: *mut PyMutex, m2: *mut PyMutex) {
    // SAFETY: the caller's promise.
    unsafe {
        if m1 == m2 {
            (*c)._cs_mutex2 = null_mut();
            begin_mutex(&raw mut (*c)._cs_base, m1);
            return;
        }
        let (m1, m2) = if m1 < m2 { (m1, m2) } else { (m2, m1) };
        let ts = ThreadState::current().abi_mut();
        if RawMutex::from_ptr(m1).try_lock() {
            if RawMutex::from_ptr(m2).try_lock() {
                (*c)._cs_base._cs_mutex = m1;
                (*c)._cs_mutex2 = m2;
                (*c)._cs_base._cs_prev = ts.critical_section;
                ts.critical_section = c as usize | TWO;
                return;
            }
            RawMutex::from_ptr(m1).unlock();
        }
        begin2_slow(c, m1, m2);
    }
}

/// `begin2_mutex` after the inlined attempt of an extension failed, which may hold the first mutex already.
///
/// # Safety
/// As `begin_mutex`.
pub unsafe fn begin2_after_try(c: *mut PyCriticalSection2, m1: *mut PyMutex, m2: *mut PyMutex, holds_first: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        if holds_first {
            RawMutex::from_ptr(m1).unlock();
        }
        begin2_mutex(c, m1, m2);
    }
}

#[cold]
unsafe fn begin2_slow(c: *mut PyCriticalSection2, m1: *mut PyMutex, m2: *mut PyMutex) {
    let ts = ThreadState::current().abi_mut();
    // SAFETY: the caller's promise; pointers on the section stack are live sections of this thread.
    unsafe {
        if ts.critical_section & MASK == TWO {
            let top = (ts.critical_section & !MASK) as *mut PyCriticalSection2;
            if (*top)._cs_base._cs_mutex == m1 && (*top)._cs_mutex2 == m2 {
                (*c)._cs_base._cs_mutex = null_mut();
                (*c)._cs_mutex2 = null_mut();
                (*c)._cs_base._cs_prev = 0;
                return;
            }
        }
        (*c)._cs_base._cs_mutex = null_mut();
        (*c)._cs_mutex2 = null_mut();
        (*c)._cs_base._cs_prev = ts.critical_section;
        ts.critical_section = c as usize | TWO;
        // Waiting for the second mutex would suspend this section if it held the first: take the second only by trying.
        loop {
            RawMutex::from_ptr(m1).lock();
            if RawMutex::from_ptr(m2).try_lock() {
                break;
            }
            RawMutex::from_ptr(m1).unlock();
            RawMutex::from_ptr(m2).lock();
            if RawMutex::from_ptr(m1).try_lock() {
                break;
            }
            RawMutex::from_ptr(m2).unlock();
        }
        (*c)._cs_base._cs_mutex = m1;
        (*c)._cs_mutex2 = m2;
    }
}

/// Ends a section of two mutexes.
///
/// # Safety
/// `c` is the topmost section of this thread.
pub unsafe fn end2(c: *mut PyCriticalSection2) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*c)._cs_base._cs_mutex.is_null() {
            return;
        }
        if !(*c)._cs_mutex2.is_null() {
            RawMutex::from_ptr((*c)._cs_mutex2).unlock();
        }
        RawMutex::from_ptr((*c)._cs_base._cs_mutex).unlock();
        pop(&raw mut (*c)._cs_base);
    }
}

/// Detaching: unlocks every active section of the thread.
pub(crate) fn suspend_all(ts: &ThreadState) {
    let mut link = &raw mut ts.abi_mut().critical_section;
    // SAFETY: the stack holds live sections of the running thread.
    unsafe {
        while *link != 0 && *link & INACTIVE == 0 {
            let c = (*link & !MASK) as *mut PyCriticalSection;
            if !(*c)._cs_mutex.is_null() {
                if *link & TWO != 0 {
                    let m2 = (*c.cast::<PyCriticalSection2>())._cs_mutex2;
                    if !m2.is_null() {
                        RawMutex::from_ptr(m2).unlock();
                    }
                }
                RawMutex::from_ptr((*c)._cs_mutex).unlock();
            }
            *link |= INACTIVE;
            link = &raw mut (*c)._cs_prev;
        }
    }
}

/// Locks the topmost section again.
pub(crate) fn resume(ts: &ThreadState) {
    let top = ts.abi().critical_section;
    if top == 0 || top & INACTIVE == 0 {
        return;
    }
    // SAFETY: the stack holds live sections of the running thread. While we wait for a mutex here the section looks like one
    // that is still beginning (its mutexes null), so that detaching does not unlock what is not locked.
    unsafe {
        let c = (top & !MASK) as *mut PyCriticalSection;
        let (m1, m2) =
            ((*c)._cs_mutex, if top & TWO != 0 { (*c.cast::<PyCriticalSection2>())._cs_mutex2 } else { null_mut() });
        (*c)._cs_mutex = null_mut();
        if top & TWO != 0 {
            (*c.cast::<PyCriticalSection2>())._cs_mutex2 = null_mut();
        }
        ts.abi_mut().critical_section = top & !INACTIVE;
        if !m1.is_null() {
            loop {
                RawMutex::from_ptr(m1).lock();
                if m2.is_null() || RawMutex::from_ptr(m2).try_lock() {
                    break;
                }
                RawMutex::from_ptr(m1).unlock();
                RawMutex::from_ptr(m2).lock();
                if RawMutex::from_ptr(m1).try_lock() {
                    break;
                }
                RawMutex::from_ptr(m2).unlock();
            }
        }
        (*c)._cs_mutex = m1;
        if top & TWO != 0 {
            (*c.cast::<PyCriticalSection2>())._cs_mutex2 = m2;
        }
    }
}

/// A critical section that ends when dropped. It must not be moved while it lasts: create it through `critical`, or keep
/// the box.
pub struct CriticalSection {
    inner: Box<PyCriticalSection>,
}

impl CriticalSection {
    pub fn new(o: &Object) -> CriticalSection {
        let mut inner = Box::new(PyCriticalSection { _cs_prev: 0, _cs_mutex: null_mut() });
        // SAFETY: boxed, so it stays in place until drop.
        unsafe { begin_mutex(&mut *inner, mutex_of(o)) };
        CriticalSection { inner }
    }
}

impl Drop for CriticalSection {
    fn drop(&mut self) {
        // SAFETY: begun in `new`; sections nest like the values that hold them.
        unsafe { end(&mut *self.inner) }
    }
}

struct End(PyCriticalSection);
impl Drop for End {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the section was begun on this value, in place.
        unsafe { end(&mut self.0) }
    }
}

struct End2(PyCriticalSection2);
impl Drop for End2 {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the section was begun on this value, in place.
        unsafe { end2(&mut self.0) }
    }
}

/// Runs `f` in a critical section on `o`.
#[inline]
pub fn critical<R>(o: &Object, f: impl FnOnce() -> R) -> R {
    let mut c = End(PyCriticalSection { _cs_prev: 0, _cs_mutex: null_mut() });
    // SAFETY: `c` stays in this frame until it ends.
    unsafe { begin_mutex(&raw mut c.0, mutex_of(o)) };
    f()
}

/// Runs `f` in a critical section on a mutex.
#[inline]
pub fn critical_mutex<R>(m: &RawMutex, f: impl FnOnce() -> R) -> R {
    let mut c = End(PyCriticalSection { _cs_prev: 0, _cs_mutex: null_mut() });
    // SAFETY: `c` stays in this frame until it ends.
    unsafe { begin_mutex(&raw mut c.0, m.as_abi()) };
    f()
}

/// Runs `f` in a critical section on both objects (which may be the same).
#[inline]
pub fn critical2<R>(a: &Object, b: &Object, f: impl FnOnce() -> R) -> R {
    let mut c = End2(PyCriticalSection2 {
        _cs_base: PyCriticalSection { _cs_prev: 0, _cs_mutex: null_mut() },
        _cs_mutex2: null_mut(),
    });
    // SAFETY: `c` stays in this frame until it ends.
    unsafe { begin2_mutex(&raw mut c.0, mutex_of(a), mutex_of(b)) };
    f()
}

macro_rules! export {
    ($($name:ident($($arg:ident: $t:ty),*) => $body:expr;)*) => {$(
        /// The function of the C API.
        ///
        /// # Safety
        /// As the C API says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: $t),*) {
            // SAFETY: the caller follows the C API.
            unsafe { $body }
        }
    )*};
}

export! {
    PyCriticalSection_Begin(c: *mut PyCriticalSection, op: *mut PyObject) => begin_mutex(c, &raw mut (*op).ob_mutex);
    PyCriticalSection_BeginMutex(c: *mut PyCriticalSection, m: *mut PyMutex) => begin_mutex(c, m);
    PyCriticalSection_End(c: *mut PyCriticalSection) => end(c);
    PyCriticalSection2_Begin(c: *mut PyCriticalSection2, a: *mut PyObject, b: *mut PyObject) =>
        begin2_mutex(c, &raw mut (*a).ob_mutex, &raw mut (*b).ob_mutex);
    PyCriticalSection2_BeginMutex(c: *mut PyCriticalSection2, m1: *mut PyMutex, m2: *mut PyMutex) => begin2_mutex(c, m1, m2);
    PyCriticalSection2_End(c: *mut PyCriticalSection2) => end2(c);
    _PyCriticalSection_BeginSlow(c: *mut PyCriticalSection, m: *mut PyMutex) => begin_mutex(c, m);
    _PyCriticalSection2_BeginSlow(c: *mut PyCriticalSection2, m1: *mut PyMutex, m2: *mut PyMutex, holds_first: core::ffi::c_int) =>
        begin2_after_try(c, m1, m2, holds_first != 0);
    _PyCriticalSection_Resume(ts: *mut abi::PyThreadState) => resume(ThreadState::from_abi(ts));
    _PyCriticalSection_SuspendAll(ts: *mut abi::PyThreadState) => suspend_all(ThreadState::from_abi(ts));
}
