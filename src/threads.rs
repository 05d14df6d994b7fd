//! `pystate.h`, `pythread.h`, `intrcheck.h`, `cpython/pytime.h`, and the thread part of `ceval.h`.

use crate::export::{CText, fine};
use core::ffi::{c_int, c_longlong, c_ulong, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::Relaxed;
use runtime::abi;
use runtime::prelude::*;
use runtime::thread::{self, InterpreterState, RawMutex, mutex::LockResult};
use std::time::{Duration, Instant};

type Interp = *mut c_void;

fn interp_ptr(i: &'static InterpreterState) -> Interp {
    (i as *const InterpreterState).cast_mut().cast()
}

/// The interpreter behind a C pointer; null is the main one.
fn interp(p: Interp) -> &'static InterpreterState {
    // SAFETY: interpreters live as long as the process.
    unsafe { p.cast::<InterpreterState>().as_ref() }.unwrap_or_else(InterpreterState::main)
}

fn state<'a>(p: *mut abi::PyThreadState) -> &'a ThreadState {
    // SAFETY: C passes a live thread state.
    unsafe { ThreadState::from_abi(p) }
}

fn current_ptr() -> *mut abi::PyThreadState {
    ThreadState::try_current().map_or(null_mut(), ThreadState::as_abi)
}

const UNATTACHED: &str = "the function must be called with an active thread state, after Python initialization and before Python finalization, but it was called without an active thread state. Are you trying to call the C API inside of a Py_BEGIN_ALLOW_THREADS block?";

#[cold]
fn fatal(message: &str) -> ! {
    crate::lifecycle::fatal("", message)
}

capi! {
    raw fn PyThreadState_Get() -> *mut abi::PyThreadState {
        if ThreadState::try_current().is_none() {
            fatal(&format!("PyThreadState_Get: {UNATTACHED}"));
        }
        fine(current_ptr())
    }
    raw fn PyThreadState_GetUnchecked() -> *mut abi::PyThreadState {
        fine(current_ptr())
    }
    raw fn _PyThreadState_GetCurrent() -> *mut abi::PyThreadState {
        fine(current_ptr())
    }
    raw fn PyThreadState_New(i: Interp) -> *mut abi::PyThreadState {
        fine(ThreadState::new(interp(i)).cast::<abi::PyThreadState>())
    }
    raw fn _PyThreadState_Prealloc(i: Interp) -> *mut abi::PyThreadState {
        fine(ThreadState::new(interp(i)).cast::<abi::PyThreadState>())
    }
    raw fn _PyThreadState_Init(_ts: *mut abi::PyThreadState) {
        Ok(())
    }
    fn PyThreadState_Clear(ts: *mut abi::PyThreadState) {
        state(ts).clear();
        Ok(())
    }
    raw fn PyThreadState_Delete(ts: *mut abi::PyThreadState) {
        // SAFETY: C passes a cleared state that no thread uses.
        unsafe { state(ts).delete() };
        Ok(())
    }
    raw fn PyThreadState_DeleteCurrent() {
        // SAFETY: C has cleared the state.
        unsafe { ThreadState::current().delete_current() };
        Ok(())
    }
    raw fn PyThreadState_Swap(new: *mut abi::PyThreadState) -> *mut abi::PyThreadState {
        let old = current_ptr();
        if let Some(ts) = ThreadState::try_current() {
            thread::detach_state(ts);
        }
        if !new.is_null() {
            attach(state(new));
        }
        fine(old)
    }
    fn PyThreadState_GetDict() -> *mut abi::PyObject {
        let Some(ts) = ThreadState::try_current() else { return Ok(null_mut()) };
        if ts.abi().dict.is_null() {
            ts.abi_mut().dict = Dict::new()?.into_ptr();
        }
        Ok(ts.abi().dict)
    }
    fn _PyThreadState_GetDict(ts: *mut abi::PyThreadState) -> *mut abi::PyObject {
        let ts = state(ts);
        if ts.abi().dict.is_null() {
            ts.abi_mut().dict = Dict::new()?.into_ptr();
        }
        Ok(ts.abi().dict)
    }
    raw fn PyThreadState_GetID(ts: *mut abi::PyThreadState) -> u64 {
        fine(state(ts).abi().id)
    }
    raw fn PyThreadState_GetInterpreter(ts: *mut abi::PyThreadState) -> Interp {
        fine(interp_ptr(state(ts).interp()))
    }
    fn PyThreadState_GetFrame(ts: *mut abi::PyThreadState) -> *mut abi::PyObject {
        if !core::ptr::eq(state(ts), ThreadState::current()) {
            return Ok(None);
        }
        runtime::interp::frame_object(0).map(|f| f.map(|f| f.upcast()))
    }
    raw fn PyThreadState_Next(ts: *mut abi::PyThreadState) -> *mut abi::PyThreadState {
        fine(state(ts).next().map_or(null_mut(), ThreadState::as_abi))
    }
    fn PyThreadState_SetAsyncExc(ident: c_ulong, e: Option<&Object>) -> c_int {
        fine(thread::signals::set_async_exc(ident as usize, e) as c_int)
    }
    fn PyThreadState_EnterTracing(ts: *mut abi::PyThreadState) {
        state(ts).abi_mut().tracing += 1;
        Ok(())
    }
    fn PyThreadState_LeaveTracing(ts: *mut abi::PyThreadState) {
        state(ts).abi_mut().tracing -= 1;
        Ok(())
    }
    /// The thread runs on another native stack from now on.
    fn PyUnstable_ThreadState_SetStackProtection(ts: *mut abi::PyThreadState, start: *mut c_void, size: usize) -> c_int {
        const LEAST: usize = 3 * 16 * 1024;
        if size < LEAST {
            return Err(raise!(ValueError, "stack_size must be at least {} bytes", LEAST));
        }
        let ts = state(ts);
        ts.face().stack_base.set(start as usize);
        ts.face().stack_top.set(start as usize + size);
        ts.reset_stack_limits();
        Ok(())
    }
    raw fn PyUnstable_ThreadState_ResetStackProtection(ts: *mut abi::PyThreadState) {
        let ts = state(ts);
        ts.face().stack_base.set(0);
        ts.face().stack_top.set(0);
        ts.reset_stack_limits();
        Ok(())
    }
    fn _PyThread_CurrentFrames() -> *mut abi::PyObject {
        runtime::objects::exceptions::display::import("sys")?.call_method(intern!("_current_frames"), &[])
    }

    raw fn PyInterpreterState_Get() -> Interp {
        match ThreadState::try_current() {
            Some(ts) => fine(interp_ptr(ts.interp())),
            None => fatal("PyInterpreterState_Get: no current thread state"),
        }
    }
    raw fn PyInterpreterState_Main() -> Interp {
        fine(InterpreterState::try_main().map_or(null_mut(), interp_ptr))
    }
    raw fn PyInterpreterState_Head() -> Interp {
        fine(InterpreterState::head().map_or(null_mut(), interp_ptr))
    }
    raw fn PyInterpreterState_Next(i: Interp) -> Interp {
        fine(interp(i).next_interp().map_or(null_mut(), interp_ptr))
    }
    raw fn PyInterpreterState_ThreadHead(i: Interp) -> *mut abi::PyThreadState {
        fine(interp(i).thread_head().map_or(null_mut(), ThreadState::as_abi))
    }
    raw fn PyInterpreterState_New() -> Interp {
        fine(interp_ptr(InterpreterState::new()))
    }
    raw fn PyInterpreterState_Clear(_i: Interp) {
        Ok(())
    }
    raw fn PyInterpreterState_Delete(i: Interp) {
        interp(i).unlink();
        Ok(())
    }
    fn PyInterpreterState_GetID(i: Interp) -> i64 {
        if i.is_null() {
            return Err(raise!(RuntimeError, "no interpreter provided"));
        }
        Ok(interp(i).id)
    }
    /// Data of extensions that have no module state: a dict per interpreter, kept in its `builtins`.
    fn PyInterpreterState_GetDict(_i: Interp) -> *mut abi::PyObject {
        let sys = ThreadState::current().interp().sys_dict();
        let (dict, _) = sys.setdefault_found(intern!("_freewheel_interpreter_dict"), &*Dict::new()?)?;
        Ok(crate::export::borrowed(dict))
    }
    /// There is one frame evaluator: asking gives its name's address, setting another is refused silently.
    raw fn _PyInterpreterState_GetEvalFrameFunc(_i: Interp) -> *mut c_void {
        fine(crate::frame::_PyEval_EvalFrameDefault as *mut c_void)
    }
    raw fn _PyInterpreterState_SetEvalFrameFunc(_i: Interp, _f: *mut c_void) {
        Ok(())
    }

    raw fn PyGILState_Ensure() -> c_int {
        match thread::gilstate_ensure() {
            Ok(true) => Ok(abi::PyGILState_LOCKED as c_int),
            Ok(false) => Ok(abi::PyGILState_UNLOCKED as c_int),
            Err(thread::NotEntered::NotInitialized) => fatal("PyGILState_Ensure: Python is not initialized"),
            Err(thread::NotEntered::NoState) => fatal("PyGILState_Ensure: Couldn't create thread-state for new thread"),
        }
    }
    raw fn PyGILState_Release(old: c_int) {
        let Some(ts) = ThreadState::try_current() else {
            fatal("PyGILState_Release: thread state must be current when releasing");
        };
        thread::gilstate_release(ts, old == abi::PyGILState_LOCKED as c_int);
        Ok(())
    }
    raw fn PyGILState_GetThisThreadState() -> *mut abi::PyThreadState {
        fine(thread::gilstate().map_or(null_mut(), ThreadState::as_abi))
    }
    raw fn PyGILState_Check() -> c_int {
        fine(ThreadState::try_current().is_some())
    }

    raw fn PyEval_SaveThread() -> *mut abi::PyThreadState {
        let Some(ts) = ThreadState::try_current() else {
            fatal(&format!("PyEval_SaveThread: {UNATTACHED}"));
        };
        thread::detach_state(ts);
        fine(ts.as_abi())
    }
    raw fn PyEval_RestoreThread(ts: *mut abi::PyThreadState) {
        attach(state(ts));
        Ok(())
    }
    raw fn PyEval_AcquireThread(ts: *mut abi::PyThreadState) {
        attach(state(ts));
        Ok(())
    }
    raw fn PyEval_ReleaseThread(ts: *mut abi::PyThreadState) {
        thread::detach_state(state(ts));
        Ok(())
    }
    raw fn PyEval_InitThreads() {
        Ok(())
    }
    raw fn PyEval_ThreadsInitialized() -> c_int {
        fine(1)
    }
    raw fn Py_AddPendingCall(f: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, arg: *mut c_void) -> c_int {
        match (f, InterpreterState::try_main()) {
            (Some(f), Some(i)) if i.pending.add(f, arg) => Ok(0),
            _ => Ok(-1),
        }
    }
    fn Py_MakePendingCalls() -> c_int {
        runtime::thread::handle_breaker()?;
        ThreadState::current().interp().pending.run()
    }
    fn Py_EnterRecursiveCall(place: Option<CText<'_>>) -> c_int {
        match place {
            Some(p) => runtime::protocol::call::enter_recursive_call(&p.to_string_lossy()),
            None => runtime::protocol::call::enter_recursive_call(""),
        }
    }
    fn Py_LeaveRecursiveCall() {
        runtime::protocol::call::leave_recursive_call();
        Ok(())
    }
    fn Py_GetRecursionLimit() -> c_int {
        fine(ThreadState::current().interp().recursion_limit.load(Relaxed) as c_int)
    }
    fn Py_SetRecursionLimit(n: c_int) {
        let i = ThreadState::current().interp();
        i.recursion_limit.store(n.max(1) as u32, Relaxed);
        thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), i) {
                let a = ts.abi_mut();
                let depth = a.py_recursion_limit - a.py_recursion_remaining;
                a.py_recursion_limit = n;
                a.py_recursion_remaining = n - depth;
            }
        });
        Ok(())
    }

    raw fn PyOS_BeforeFork() {
        thread::fork::before();
        Ok(())
    }
    raw fn PyOS_AfterFork_Parent() {
        thread::fork::after_parent();
        Ok(())
    }
    raw fn PyOS_AfterFork_Child() {
        thread::fork::after_child();
        Ok(())
    }
    raw fn PyOS_AfterFork() {
        thread::fork::after_child();
        Ok(())
    }
    fn PyOS_InterruptOccurred() -> c_int {
        match thread::check_signals() {
            Ok(()) => Ok(false),
            Err(e) if e.matches(exc::KeyboardInterrupt()) => {
                e.clear();
                Ok(true)
            }
            Err(e) => {
                e.clear();
                Ok(false)
            }
        }
    }
    raw fn PyOS_getsig(signum: c_int) -> *mut c_void {
        fine(thread::signals::get_c_handler(signum) as *mut c_void)
    }
    raw fn PyOS_setsig(signum: c_int, handler: *mut c_void) -> *mut c_void {
        fine(thread::signals::set_c_handler(signum, handler as usize) as *mut c_void)
    }

    raw fn PyThread_init_thread() {
        Ok(())
    }
    raw fn PyThread_get_thread_ident() -> c_ulong {
        fine(thread::ident() as c_ulong)
    }
    raw fn PyThread_get_thread_native_id() -> c_ulong {
        fine(thread::native_id())
    }
    raw fn PyThread_exit_thread() {
        // SAFETY: ends the calling thread, as asked.
        let () = unsafe { libc::pthread_exit(null_mut()) };
        Ok(())
    }
    raw fn PyThread_start_new_thread(f: Option<unsafe extern "C" fn(*mut c_void) -> ()>, arg: *mut c_void) -> c_ulong {
        let Some(f) = f else { return Ok(c_ulong::MAX) };
        let start = Box::into_raw(Box::new(Start { f, arg }));
        let size = ThreadState::try_current().map_or(0, |ts| ts.interp().threading.stack_size.load(Relaxed));
        match thread::start::spawn(run, start.cast(), size) {
            Some(t) => Ok(t as c_ulong),
            None => {
                // SAFETY: the thread did not start and did not take it.
                drop(unsafe { Box::from_raw(start) });
                Ok(c_ulong::MAX)
            }
        }
    }
    raw fn PyThread_allocate_lock() -> *mut c_void {
        fine(Box::into_raw(Box::new(RawMutex::default())).cast::<c_void>())
    }
    raw fn PyThread_free_lock(lock: *mut c_void) {
        if !lock.is_null() {
            // SAFETY: made by `PyThread_allocate_lock`, freed once.
            drop(unsafe { Box::from_raw(lock.cast::<RawMutex>()) });
        }
        Ok(())
    }
    raw fn PyThread_acquire_lock(lock: *mut c_void, wait: c_int) -> c_int {
        fine(acquire(lock, if wait != 0 { -1 } else { 0 }, false) == LOCK_ACQUIRED)
    }
    raw fn PyThread_acquire_lock_timed(lock: *mut c_void, microseconds: c_longlong, interruptible: c_int) -> c_int {
        fine(acquire(lock, microseconds, interruptible != 0))
    }
    raw fn PyThread_release_lock(lock: *mut c_void) {
        // SAFETY: C passes a lock that is held.
        unsafe { (*lock.cast::<RawMutex>()).unlock() };
        Ok(())
    }
    raw fn PyThread_get_stacksize() -> usize {
        fine(ThreadState::try_current().map_or(0, |ts| ts.interp().threading.stack_size.load(Relaxed)))
    }
    raw fn PyThread_set_stacksize(size: usize) -> c_int {
        if size != 0 && size < 32768 {
            return Ok(-1);
        }
        if let Some(ts) = ThreadState::try_current() {
            ts.interp().threading.stack_size.store(size, Relaxed);
        }
        Ok(0)
    }
    fn PyThread_GetInfo() -> *mut abi::PyObject {
        runtime::objects::exceptions::display::sys_get("thread_info").ok_or_else(|| raise!(RuntimeError, "lost sys.thread_info"))
    }

    raw fn PyThread_tss_alloc() -> *mut abi::Py_tss_t {
        // SAFETY: zero is the state before creation.
        fine(unsafe { runtime::mem::domains::raw_calloc(1, size_of::<abi::Py_tss_t>()) }.cast::<abi::Py_tss_t>())
    }
    raw fn PyThread_tss_free(key: *mut abi::Py_tss_t) {
        if !key.is_null() {
            // SAFETY: made by `PyThread_tss_alloc`.
            unsafe {
                thread::tss::delete(key);
                runtime::mem::domains::raw_free(key.cast());
            }
        }
        Ok(())
    }
    raw fn PyThread_tss_is_created(key: *mut abi::Py_tss_t) -> c_int {
        // SAFETY: C passes a key.
        fine(unsafe { (*key)._is_initialized })
    }
    raw fn PyThread_tss_create(key: *mut abi::Py_tss_t) -> c_int {
        // SAFETY: C passes a key.
        fine(unsafe { thread::tss::create(key) })
    }
    raw fn PyThread_tss_delete(key: *mut abi::Py_tss_t) {
        // SAFETY: C passes a key.
        unsafe { thread::tss::delete(key) };
        Ok(())
    }
    raw fn PyThread_tss_set(key: *mut abi::Py_tss_t, value: *mut c_void) -> c_int {
        // SAFETY: C passes a key that was created.
        fine(unsafe { thread::tss::set(key, value) })
    }
    raw fn PyThread_tss_get(key: *mut abi::Py_tss_t) -> *mut c_void {
        // SAFETY: C passes a key that was created.
        fine(unsafe { thread::tss::get(key) })
    }
    raw fn PyThread_create_key() -> c_int {
        let mut k = 0;
        // SAFETY: a place for the key.
        fine(if unsafe { libc::pthread_key_create(&mut k, None) } == 0 { k as c_int } else { -1 })
    }
    raw fn PyThread_delete_key(key: c_int) {
        // SAFETY: C passes a key that was created.
        unsafe { libc::pthread_key_delete(key as libc::pthread_key_t) };
        Ok(())
    }
    raw fn PyThread_set_key_value(key: c_int, value: *mut c_void) -> c_int {
        // SAFETY: C passes a key that was created.
        fine(if unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, value) } == 0 { 0 } else { -1 })
    }
    raw fn PyThread_get_key_value(key: c_int) -> *mut c_void {
        // SAFETY: C passes a key that was created.
        fine(unsafe { libc::pthread_getspecific(key as libc::pthread_key_t) })
    }
    raw fn PyThread_delete_key_value(key: c_int) {
        // SAFETY: C passes a key that was created.
        unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, core::ptr::null()) };
        Ok(())
    }
    raw fn PyThread_ReInitTLS() {
        Ok(())
    }

    fn PyTime_Time(result: *mut i64) -> c_int { clock(libc::CLOCK_REALTIME, result) }
    fn PyTime_Monotonic(result: *mut i64) -> c_int { clock(libc::CLOCK_MONOTONIC, result) }
    fn PyTime_PerfCounter(result: *mut i64) -> c_int { clock(libc::CLOCK_MONOTONIC, result) }
    raw fn PyTime_TimeRaw(result: *mut i64) -> c_int { fine(raw_clock(libc::CLOCK_REALTIME, result)) }
    raw fn PyTime_MonotonicRaw(result: *mut i64) -> c_int { fine(raw_clock(libc::CLOCK_MONOTONIC, result)) }
    raw fn PyTime_PerfCounterRaw(result: *mut i64) -> c_int { fine(raw_clock(libc::CLOCK_MONOTONIC, result)) }
    raw fn PyTime_AsSecondsDouble(t: i64) -> f64 {
        fine(t as f64 / 1e9)
    }
    raw fn _PyOnceFlag_CallOnceSlow(flag: *mut u8, f: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, arg: *mut c_void) -> c_int {
        static RUNNING: RawMutex = RawMutex::new();
        // SAFETY: C passes a flag, which is 4 when its function has run.
        unsafe {
            let flag = core::sync::atomic::AtomicU8::from_ptr(flag);
            RUNNING.lock();
            let result = if flag.load(core::sync::atomic::Ordering::Acquire) == 4 {
                0
            } else {
                let r = f.map_or(0, |f| f(arg));
                if r == 0 {
                    flag.store(4, core::sync::atomic::Ordering::Release);
                }
                r
            };
            RUNNING.unlock();
            fine(result)
        }
    }
}

struct Start {
    f: unsafe extern "C" fn(*mut c_void),
    arg: *mut c_void,
}

extern "C" fn run(p: *mut c_void) -> *mut c_void {
    // SAFETY: given by `PyThread_start_new_thread`, taken once.
    unsafe {
        let start = Box::from_raw(p.cast::<Start>());
        (start.f)(start.arg);
    }
    null_mut()
}

/// Attaches, keeping errno for the code after `Py_END_ALLOW_THREADS`.
fn attach(ts: &ThreadState) {
    // SAFETY: the thread's own errno.
    unsafe {
        let errno = *libc::__errno_location();
        // A fresh state belongs to the first thread that attaches it.
        if ts.bound_tid() == 0 {
            ts.bind();
        }
        thread::attach(ts);
        thread::switch_gilstate(ts);
        *libc::__errno_location() = errno;
    }
}

const LOCK_FAILURE: c_int = 0;
const LOCK_ACQUIRED: c_int = 1;
const LOCK_INTR: c_int = 2;

/// Takes a C lock; a negative time waits for ever.
fn acquire(lock: *mut c_void, microseconds: c_longlong, interruptible: bool) -> c_int {
    // SAFETY: C passes a lock.
    let lock = unsafe { &*lock.cast::<RawMutex>() };
    if lock.try_lock() {
        return LOCK_ACQUIRED;
    }
    if microseconds == 0 {
        return LOCK_FAILURE;
    }
    let deadline =
        if microseconds < 0 { None } else { Instant::now().checked_add(Duration::from_micros(microseconds as u64)) };
    match lock.lock_timed(deadline, false, interruptible) {
        LockResult::Acquired => LOCK_ACQUIRED,
        LockResult::Interrupted => LOCK_INTR,
        _ => LOCK_FAILURE,
    }
}

fn raw_clock(id: libc::clockid_t, result: *mut i64) -> c_int {
    // SAFETY: C passes a place.
    unsafe {
        let mut t: libc::timespec = core::mem::zeroed();
        if libc::clock_gettime(id, &mut t) != 0 {
            *result = 0;
            return -1;
        }
        *result = t.tv_sec * 1_000_000_000 + t.tv_nsec;
    }
    0
}

fn clock(id: libc::clockid_t, result: *mut i64) -> PyResult<()> {
    if raw_clock(id, result) < 0 { Err(runtime::error::raise_from_errno(None)) } else { Ok(()) }
}

/// Longest timeout that `PyThread_acquire_lock_timed` takes, in microseconds.
#[unsafe(no_mangle)]
pub static PY_TIMEOUT_MAX: c_longlong = i64::MAX / 1000;
