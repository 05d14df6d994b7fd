//! `pystate.h`, `ceval.h` (threads), `pythread.h`, `intrcheck.h`, signals and pending calls.

use crate::capi;
use crate::export::fine;
use core::ffi::{c_char, c_int, c_longlong, c_ulong, c_void};
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use runtime::abi;
use runtime::abi::{PyInterpreterState, PyThreadState};
use runtime::arch;
use runtime::prelude::*;
use runtime::thread::mutex::{LockResult, RawMutex};
use runtime::thread::{self, InterpreterState, gilstate, signals, tss};
use std::time::{Duration, Instant};

fn tstate_ptr(ts: Option<&ThreadState>) -> *mut PyThreadState {
    ts.map_or(core::ptr::null_mut(), |t| t.as_abi())
}

fn interp_ptr(i: Option<&InterpreterState>) -> *mut PyInterpreterState {
    i.map_or(core::ptr::null_mut(), |i| (i as *const InterpreterState).cast_mut().cast())
}

/// # Safety
/// `p` is a live thread state.
unsafe fn ts<'a>(p: *mut PyThreadState) -> &'a ThreadState {
    // SAFETY: the caller's promise.
    unsafe { ThreadState::from_abi(p) }
}

fn fatal(func: &str, message: &str) -> ! {
    eprintln!("Fatal Python error: {func}: {message}");
    std::process::abort()
}

capi! {
    raw fn PyEval_SaveThread() -> *mut PyThreadState {
        let p = arch::tstate();
        // SAFETY: an attached state is alive.
        match unsafe { p.as_ref() } {
            Some(t) => thread::detach_state(t),
            None => fatal("PyEval_SaveThread", "the function must be called with an active thread state"),
        }
        Ok(p.cast())
    }
    raw fn PyEval_RestoreThread(p: *mut PyThreadState) {
        if p.is_null() {
            fatal("PyEval_RestoreThread", "NULL tstate");
        }
        // SAFETY: the caller's state.
        let t = unsafe { ts(p) };
        gilstate::ensure_bound(t);
        // Must not change errno: extensions look at it after the call that they made detached.
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        thread::attach(t);
        // SAFETY: errno of this thread.
        unsafe { *libc::__errno_location() = errno };
        fine(())
    }
    raw fn PyEval_AcquireThread(p: *mut PyThreadState) {
        // SAFETY: the caller's state.
        let t = unsafe { ts(p) };
        gilstate::ensure_bound(t);
        thread::attach(t);
        fine(())
    }
    raw fn PyEval_ReleaseThread(p: *mut PyThreadState) {
        if arch::tstate().cast() != p {
            fatal("PyEval_ReleaseThread", "wrong thread state");
        }
        // SAFETY: the attached state.
        thread::detach_state(unsafe { ts(p) });
        fine(())
    }
    raw fn PyEval_InitThreads() {
        fine(())
    }
    raw fn PyEval_ThreadsInitialized() -> c_int {
        Ok(InterpreterState::try_main().is_some())
    }
    raw fn PyEval_AcquireLock() {
        fine(())
    }
    raw fn PyEval_ReleaseLock() {
        fine(())
    }

    raw fn PyGILState_Ensure() -> c_int {
        Ok(gilstate::ensure())
    }
    raw fn PyGILState_Release(was: c_int) {
        gilstate::release(was);
        fine(())
    }
    raw fn PyGILState_Check() -> c_int {
        Ok(!arch::tstate().is_null())
    }
    raw fn PyGILState_GetThisThreadState() -> *mut PyThreadState {
        Ok(tstate_ptr(thread::gilstate()))
    }

    raw fn PyThreadState_Get() -> *mut PyThreadState {
        let p = arch::tstate();
        if p.is_null() {
            fatal("PyThreadState_Get", "the function must be called with the GIL held, after Python initialization and before Python finalization, but the GIL is released (the current Python thread state is NULL)");
        }
        Ok(p.cast())
    }
    raw fn _PyThreadState_GetCurrent() -> *mut PyThreadState {
        Ok(arch::tstate().cast())
    }
    raw fn PyThreadState_GetUnchecked() -> *mut PyThreadState {
        Ok(arch::tstate().cast())
    }
    raw fn _PyThreadState_UncheckedGet() -> *mut PyThreadState {
        Ok(arch::tstate().cast())
    }
    raw fn PyThreadState_New(i: *mut PyInterpreterState) -> *mut PyThreadState {
        // SAFETY: a live interpreter.
        let i: &'static InterpreterState = unsafe { &*i.cast() };
        let p = ThreadState::new(i);
        // A thread without a state gets this one as its own.
        // SAFETY: fresh.
        if let Some(t) = unsafe { p.as_ref() }
            && thread::gilstate().is_none()
        {
            gilstate::ensure_bound(t);
        }
        Ok(p.cast())
    }
    raw fn PyThreadState_Clear(p: *mut PyThreadState) {
        // SAFETY: the caller's state.
        unsafe { ts(p) }.clear();
        fine(())
    }
    raw fn PyThreadState_Delete(p: *mut PyThreadState) {
        // SAFETY: the caller's state, cleared and not attached.
        unsafe { ts(p).delete() };
        fine(())
    }
    raw fn PyThreadState_DeleteCurrent() {
        // SAFETY: the attached state, cleared.
        unsafe { ThreadState::current().delete_current() };
        fine(())
    }
    raw fn PyThreadState_Swap(p: *mut PyThreadState) -> *mut PyThreadState {
        // SAFETY: the caller's state.
        Ok(unsafe { gilstate::swap(p.cast()) }.cast())
    }
    raw fn PyThreadState_GetInterpreter(p: *mut PyThreadState) -> *mut PyInterpreterState {
        // SAFETY: the caller's state.
        Ok(unsafe { (*p).interp })
    }
    raw fn PyThreadState_Next(p: *mut PyThreadState) -> *mut PyThreadState {
        // SAFETY: the caller's state.
        Ok(tstate_ptr(unsafe { ts(p) }.next()))
    }
    fn PyThreadState_GetDict() -> *mut abi::PyObject {
        Ok(state_dict(ThreadState::current()))
    }
    fn _PyThreadState_GetDict(p: *mut PyThreadState) -> *mut abi::PyObject {
        // SAFETY: the caller's state.
        Ok(state_dict(unsafe { ts(p) }))
    }
    fn PyThreadState_GetFrame(p: *mut PyThreadState) -> *mut abi::PyObject {
        let _ = p;
        let f = runtime::interp::frame_object(0)?;
        Ok(f.map(|f| f.upcast()))
    }
    fn PyThreadState_EnterTracing(p: *mut PyThreadState) {
        // SAFETY: the caller's state.
        unsafe { (*p).tracing += 1 };
        fine(())
    }
    fn PyThreadState_LeaveTracing(p: *mut PyThreadState) {
        // SAFETY: the caller's state.
        unsafe { (*p).tracing -= 1 };
        fine(())
    }
    fn PyThreadState_SetAsyncExc(ident: c_ulong, exc: Option<&Object>) -> c_int {
        Ok(signals::set_async_exc(ident as usize, exc) as c_int)
    }
    raw fn PyUnstable_ThreadState_SetStackProtection(p: *mut PyThreadState, start: *mut c_void, size: usize) -> c_int {
        // SAFETY: the caller's state.
        let t = unsafe { ts(p) };
        if size < 3 * thread::STACK_MARGIN {
            return Err(raise!(ValueError, "stack_size must be at least {} bytes", 3 * thread::STACK_MARGIN));
        }
        t.c_stack_top.set(start as usize + size);
        t.c_stack_limit.set(start as usize + thread::STACK_MARGIN);
        Ok(0)
    }
    raw fn PyUnstable_ThreadState_ResetStackProtection(p: *mut PyThreadState) {
        // SAFETY: the caller's state.
        unsafe { ts(p) }.reset_stack_limits();
        fine(())
    }

    raw fn PyInterpreterState_Get() -> *mut PyInterpreterState {
        match ThreadState::try_current() {
            Some(t) => Ok(interp_ptr(Some(t.interp()))),
            None => fatal("PyInterpreterState_Get", "the function must be called with the GIL held, after Python initialization and before Python finalization, but the GIL is released (the current Python thread state is NULL)"),
        }
    }
    raw fn PyInterpreterState_Main() -> *mut PyInterpreterState {
        Ok(interp_ptr(InterpreterState::try_main()))
    }
    raw fn PyInterpreterState_Head() -> *mut PyInterpreterState {
        Ok(interp_ptr(InterpreterState::head()))
    }
    raw fn PyInterpreterState_Next(i: *mut PyInterpreterState) -> *mut PyInterpreterState {
        // SAFETY: a live interpreter.
        Ok(interp_ptr(unsafe { &*i.cast::<InterpreterState>() }.next_interp()))
    }
    raw fn PyInterpreterState_ThreadHead(i: *mut PyInterpreterState) -> *mut PyThreadState {
        // SAFETY: a live interpreter.
        Ok(tstate_ptr(unsafe { &*i.cast::<InterpreterState>() }.thread_head()))
    }
    raw fn _PyInterpreterState_RequiresIDRef(i: *mut PyInterpreterState) -> c_int {
        let _ = i;
        Ok(0)
    }
    raw fn _PyInterpreterState_RequireIDRef(i: *mut PyInterpreterState, required: c_int) {
        let _ = (i, required);
        fine(())
    }

    raw fn PyOS_InterruptOccurred() -> c_int {
        Ok(signals::take_interrupt())
    }
    raw fn Py_AddPendingCall(f: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, arg: *mut c_void) -> c_int {
        let ok = match (InterpreterState::try_main(), f) {
            (Some(i), Some(f)) => i.pending.add(f, arg),
            _ => false,
        };
        Ok(if ok { 0 } else { -1 })
    }
    fn Py_MakePendingCalls() -> c_int {
        thread::check_signals()?;
        ThreadState::current().interp().pending.run()
    }
    raw fn PyOS_getsig(signum: c_int) -> *mut c_void {
        Ok(signals::get_c_handler(signum) as *mut c_void)
    }
    raw fn PyOS_setsig(signum: c_int, handler: *mut c_void) -> *mut c_void {
        Ok(signals::set_c_handler(signum, handler as usize) as *mut c_void)
    }

    raw fn PyThread_init_thread() {
        fine(())
    }
    raw fn PyThread_get_thread_ident_ex() -> c_ulong {
        Ok(thread::ident() as c_ulong)
    }
    raw fn PyThread_get_thread_ident() -> c_ulong {
        Ok(thread::ident() as c_ulong)
    }
    raw fn PyThread_get_thread_native_id() -> c_ulong {
        Ok(thread::native_id() as c_ulong)
    }
    raw fn PyThread_get_stacksize() -> usize {
        Ok(ThreadState::try_current().map_or(0, |t| t.interp().threading.stack_size.load(Relaxed)))
    }
    raw fn PyThread_set_stacksize(n: usize) -> c_int {
        if n != 0 && n < 32768 {
            return Ok(-1);
        }
        if let Some(t) = ThreadState::try_current() {
            t.interp().threading.stack_size.store(n, Relaxed);
        }
        Ok(0)
    }
    raw fn PyThread_start_new_thread(f: Option<unsafe extern "C" fn(*mut c_void)>, arg: *mut c_void) -> c_ulong {
        let Some(f) = f else { return Ok(c_ulong::MAX) };
        let size = ThreadState::try_current().map_or(0, |t| t.interp().threading.stack_size.load(Relaxed));
        let boxed = Box::into_raw(Box::new((f, arg)));
        match thread::start::spawn(trampoline, boxed.cast(), size) {
            Some(id) => {
                // SAFETY: just created, not joined.
                unsafe { libc::pthread_detach(id) };
                Ok(id as c_ulong)
            }
            None => {
                // SAFETY: the thread did not begin.
                drop(unsafe { Box::from_raw(boxed) });
                Ok(c_ulong::MAX)
            }
        }
    }
    raw fn PyThread_exit_thread() {
        // SAFETY: the C API's contract.
        unsafe { libc::pthread_exit(core::ptr::null_mut()) };
        #[allow(unreachable_code)]
        fine(())
    }
    raw fn PyThread_ReInitTLS() {
        fine(())
    }
    fn PyThread_GetInfo() -> *mut abi::PyObject {
        runtime::import::import_attr("sys", "thread_info")
    }

    raw fn PyThread_allocate_lock() -> *mut c_void {
        Ok(Box::into_raw(Box::new(RawMutex::new())).cast())
    }
    raw fn PyThread_free_lock(lock: *mut c_void) {
        if !lock.is_null() {
            // SAFETY: from `PyThread_allocate_lock`.
            drop(unsafe { Box::from_raw(lock.cast::<RawMutex>()) });
        }
        fine(())
    }
    raw fn PyThread_acquire_lock(lock: *mut c_void, wait: c_int) -> c_int {
        // SAFETY: from `PyThread_allocate_lock`.
        let m: &RawMutex = unsafe { &*lock.cast() };
        if m.try_lock() {
            return Ok(1);
        }
        if wait != 0 {
            // The caller has detached if it wanted to.
            m.lock_raw();
            return Ok(1);
        }
        Ok(0)
    }
    raw fn PyThread_acquire_lock_timed(lock: *mut c_void, micros: c_longlong, intr: c_int) -> c_int {
        // SAFETY: from `PyThread_allocate_lock`.
        let m: &RawMutex = unsafe { &*lock.cast() };
        if m.try_lock() {
            return Ok(1);
        }
        let deadline = match micros {
            0 => return Ok(0),
            n if n < 0 => None,
            n => Instant::now().checked_add(Duration::from_micros(n as u64)),
        };
        Ok(match m.lock_timed(deadline, false, intr != 0) {
            LockResult::TimedOut => 0,
            LockResult::Acquired => 1,
            LockResult::Interrupted => 2,
        })
    }
    raw fn PyThread_release_lock(lock: *mut c_void) {
        // SAFETY: from `PyThread_allocate_lock`.
        unsafe { &*lock.cast::<RawMutex>() }.unlock();
        fine(())
    }

    raw fn PyThread_tss_alloc() -> *mut abi::Py_tss_t {
        Ok(Box::into_raw(Box::new(abi::Py_tss_t { _is_initialized: 0, _key: [0; 4] })))
    }
    raw fn PyThread_tss_free(key: *mut abi::Py_tss_t) {
        if !key.is_null() {
            // SAFETY: from `PyThread_tss_alloc`.
            unsafe {
                tss::delete(key);
                drop(Box::from_raw(key));
            }
        }
        fine(())
    }
    raw fn PyThread_tss_is_created(key: *mut abi::Py_tss_t) -> c_int {
        // SAFETY: the caller's key.
        Ok(unsafe { (*key)._is_initialized } != 0)
    }
    raw fn PyThread_tss_create(key: *mut abi::Py_tss_t) -> c_int {
        // SAFETY: the caller's key.
        Ok(unsafe { tss::create(key) })
    }
    raw fn PyThread_tss_delete(key: *mut abi::Py_tss_t) {
        // SAFETY: the caller's key.
        unsafe { tss::delete(key) };
        fine(())
    }
    raw fn PyThread_tss_set(key: *mut abi::Py_tss_t, value: *mut c_void) -> c_int {
        // SAFETY: the caller's key.
        Ok(unsafe { tss::set(key, value) })
    }
    raw fn PyThread_tss_get(key: *mut abi::Py_tss_t) -> *mut c_void {
        // SAFETY: the caller's key.
        Ok(unsafe { tss::get(key) })
    }
    raw fn PyThread_create_key() -> c_int {
        let mut k = 0;
        // SAFETY: plain pthread call.
        Ok(if unsafe { libc::pthread_key_create(&mut k, None) } == 0 { k as c_int } else { -1 })
    }
    raw fn PyThread_delete_key(key: c_int) {
        // SAFETY: the caller's key.
        unsafe { libc::pthread_key_delete(key as libc::pthread_key_t) };
        fine(())
    }
    raw fn PyThread_set_key_value(key: c_int, value: *mut c_void) -> c_int {
        // SAFETY: the caller's key.
        Ok(if unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, value) } == 0 { 0 } else { -1 })
    }
    raw fn PyThread_get_key_value(key: c_int) -> *mut c_void {
        // SAFETY: the caller's key.
        Ok(unsafe { libc::pthread_getspecific(key as libc::pthread_key_t) })
    }
    raw fn PyThread_delete_key_value(key: c_int) {
        // SAFETY: the caller's key.
        unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, core::ptr::null()) };
        fine(())
    }
    raw fn _PyOS_IsMainThread() -> c_int {
        Ok(signals::can_handle_signals())
    }
    raw fn _Py_IsInterpreterFinalizing(i: *mut PyInterpreterState) -> c_int {
        // SAFETY: a live interpreter.
        Ok(!unsafe { &*i.cast::<InterpreterState>() }.finalizing.load(Acquire).is_null())
    }
    raw fn PyUnstable_AtExit(i: *mut PyInterpreterState, f: Option<unsafe extern "C" fn(*mut c_void)>, data: *mut c_void) -> c_int {
        if let Some(f) = f {
            // SAFETY: a live interpreter.
            unsafe { &*i.cast::<InterpreterState>() }.atexit.register_c((f, data));
        }
        Ok(0)
    }
}

extern "C" fn trampoline(arg: *mut c_void) -> *mut c_void {
    // SAFETY: boxed by `PyThread_start_new_thread`.
    unsafe {
        let (f, arg) = *Box::from_raw(arg.cast::<(unsafe extern "C" fn(*mut c_void), *mut c_void)>());
        f(arg);
    }
    core::ptr::null_mut()
}

/// The state's dict as a borrowed pointer, made on first use; null when that fails (no exception).
fn state_dict(t: &ThreadState) -> *mut abi::PyObject {
    let a = t.abi_mut();
    if a.dict.is_null() {
        match Dict::new() {
            Ok(d) => a.dict = d.into_ptr(),
            Err(e) => e.clear(),
        }
    }
    a.dict
}

/// `PyThreadState_GetID`, `PyInterpreterState_GetID`: results that are no C type of `capi!`.
///
/// # Safety
/// `p` is a live thread state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyThreadState_GetID(p: *mut PyThreadState) -> u64 {
    // SAFETY: the caller's state.
    unsafe { (*p).id }
}

/// The interpreter's number.
///
/// # Safety
/// `i` is a live interpreter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInterpreterState_GetID(i: *mut PyInterpreterState) -> i64 {
    // SAFETY: a live interpreter.
    unsafe { (*i.cast::<InterpreterState>()).id }
}

/// The name of the thread implementation, for `sys.thread_info`.
pub const THREAD_INFO: (&str, &str) = ("pthread", "pymutex");

#[allow(dead_code)]
type Name = *const c_char;
