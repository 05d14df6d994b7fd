//! Interpreters by id, their configurations as dicts, and what `_testinternalcapi` needs to run code in one.

use crate::export::{bad_internal_call, fine};
use core::ffi::{c_int, c_long, c_void};
use core::sync::atomic::Ordering::Acquire;
use runtime::abi;
use runtime::lifecycle::subinterp::{self, Settings, Whence};
use runtime::prelude::*;
use runtime::thread::{self, InterpreterState};

type Interp = *mut c_void;

fn interp<'a>(p: Interp) -> &'a InterpreterState {
    // SAFETY: C passes an interpreter; these live as long as the process.
    unsafe { &*p.cast::<InterpreterState>() }
}

fn pointer(i: &InterpreterState) -> Interp {
    (i as *const InterpreterState).cast_mut().cast()
}

/// The parts of a C configuration.
pub fn settings_of(c: &abi::PyInterpreterConfig) -> Settings {
    Settings {
        use_main_obmalloc: c.use_main_obmalloc != 0,
        allow_fork: c.allow_fork != 0,
        allow_exec: c.allow_exec != 0,
        allow_threads: c.allow_threads != 0,
        allow_daemon_threads: c.allow_daemon_threads != 0,
        check_multi_interp_extensions: c.check_multi_interp_extensions != 0,
        gil: c.gil,
    }
}

fn store(s: &Settings, c: &mut abi::PyInterpreterConfig) {
    c.use_main_obmalloc = s.use_main_obmalloc.into();
    c.allow_fork = s.allow_fork.into();
    c.allow_exec = s.allow_exec.into();
    c.allow_threads = s.allow_threads.into();
    c.allow_daemon_threads = s.allow_daemon_threads.into();
    c.check_multi_interp_extensions = s.check_multi_interp_extensions.into();
    c.gil = s.gil;
}

fn from_dict(config: *mut abi::PyInterpreterConfig, d: &Object, partial: bool) -> PyResult<()> {
    let d = d.downcast::<Dict>().ok_or_else(|| raise!(TypeError, "dict expected"))?;
    // SAFETY: C passes a configuration.
    let config = unsafe { &mut *config };
    let mut s = if partial { settings_of(config) } else { Settings::EMPTY };
    stdlib::_interpreters::config_from_dict(&mut s, d, partial)?;
    store(&s, config);
    Ok(())
}

/// An id given as an object: a non-negative 64-bit int.
fn id_of(o: &Object) -> PyResult<i64> {
    if !o.index_check() || o.downcast::<Float>().is_some() {
        return Err(raise!(TypeError, "interpreter ID must be an int, got {}", o.ty().tp_name()));
    }
    let id = o.index()?;
    let Some(n) = id.try_i64() else {
        if id.sign() > 0 {
            return Err(raise!(
                OverflowError,
                "max interpreter ID is {}, got {}",
                i64::MAX,
                id.str()?.to_string_lossy()
            ));
        }
        return Err(raise!(
            ValueError,
            "interpreter ID must be a non-negative int, got {}",
            id.str()?.to_string_lossy()
        ));
    };
    if n < 0 {
        return Err(raise!(ValueError, "interpreter ID must be a non-negative int, got {}", n));
    }
    Ok(n)
}

fn find(id: i64) -> PyResult<&'static InterpreterState> {
    if let Some(i) = subinterp::find(id) {
        return Ok(i);
    }
    Err(stdlib::xidata::raise_class(&stdlib::xidata::errors()?.not_found, &format!("unrecognized interpreter ID {id}")))
}

capi! {
    fn _PyInterpreterState_ObjectToID(id: &Object) -> i64 {
        id_of(id)
    }
    fn _PyInterpreterState_LookUpID(id: i64) -> *mut c_void {
        find(id).map(pointer)
    }
    fn _PyInterpreterState_LookUpIDObject(id: &Object) -> *mut c_void {
        find(id_of(id)?).map(pointer)
    }
    fn _PyInterpreterState_GetIDObject(i: Interp) -> *mut abi::PyObject {
        Int::from_i64(interp(i).id)
    }
    raw fn _PyInterpreterState_IDIncref(i: Interp) {
        interp(i).incref_id();
        Ok(())
    }
    fn _PyInterpreterState_IDDecref(i: Interp) {
        let i = interp(i);
        if i.decref_id() && !i.is_main() {
            for found in subinterp::list().into_iter().filter(|f| core::ptr::eq(*f, i)) {
                subinterp::destroy(found)?;
            }
        }
        Ok(())
    }
    raw fn _PyInterpreterState_RequiresIDRef(i: Interp) -> c_int {
        fine(interp(i).linked.load(Acquire) != 0)
    }
    raw fn _PyInterpreterState_RequireIDRef(i: Interp, required: c_int) {
        interp(i).link_refs(required != 0);
        Ok(())
    }
    raw fn _PyInterpreterState_IsReady(i: Interp) -> c_int {
        fine(interp(i).lifecycle.sub.is_ready())
    }
    raw fn _PyInterpreterState_GetWhence(i: Interp) -> c_long {
        fine(c_long::from(interp(i).lifecycle.sub.whence()))
    }
    fn _PyInterpreterState_SetRunningMain(i: Interp) -> c_int {
        if interp(i).lifecycle.sub.begin_running() { Ok(()) } else { Err(stdlib::xidata::interpreter_error("interpreter already running")) }
    }
    raw fn _PyInterpreterState_SetNotRunningMain(i: Interp) {
        interp(i).lifecycle.sub.end_running();
        Ok(())
    }
    raw fn _PyInterpreterState_IsRunningMain(i: Interp) -> c_int {
        fine(interp(i).lifecycle.sub.is_running())
    }
    fn _PyErr_SetInterpreterAlreadyRunning() {
        Err::<(), _>(stdlib::xidata::interpreter_error("interpreter already running"))
    }

    fn _PyInterpreterConfig_InitFromDict(config: *mut abi::PyInterpreterConfig, d: &Object) -> c_int {
        from_dict(config, d, false)
    }
    fn _PyInterpreterConfig_UpdateFromDict(config: *mut abi::PyInterpreterConfig, d: &Object) -> c_int {
        from_dict(config, d, true)
    }
    fn _PyInterpreterConfig_InitFromState(config: *mut abi::PyInterpreterConfig, i: Interp) -> c_int {
        // SAFETY: C passes a place.
        store(interp(i).lifecycle.sub.settings(), unsafe { &mut *config });
        Ok(())
    }
    fn _PyInterpreterConfig_AsDict(config: *mut abi::PyInterpreterConfig) -> *mut abi::PyObject {
        // SAFETY: C passes a configuration.
        let namespace = stdlib::_interpreters::config_to_py(&settings_of(unsafe { &*config }))?;
        namespace.getattr(intern!("__dict__"))
    }

    raw fn _PyThreadState_NewBound(i: Interp, _whence: c_int) -> *mut abi::PyThreadState {
        let ts = ThreadState::new(subinterp::list().into_iter().find(|f| core::ptr::eq(pointer(f), i)).unwrap_or_else(InterpreterState::main));
        // SAFETY: fresh, or null.
        if let Some(ts) = unsafe { ts.as_ref() } {
            ts.bind();
        }
        fine(ts.cast::<abi::PyThreadState>())
    }
    fn _PyXI_NewInterpreter(config: *mut abi::PyInterpreterConfig, whence: *mut c_long, place: *mut *mut abi::PyThreadState, saved: *mut *mut abi::PyThreadState) -> *mut c_void {
        // SAFETY: C passes a configuration, and places or null.
        unsafe {
            let settings = settings_of(&*config);
            let old = ThreadState::current();
            let made = match settings.check() {
                Ok(()) => subinterp::create(settings, Whence::Xi),
                Err(text) => Err(text.to_owned()),
            };
            let ts = made.map_err(|_| stdlib::xidata::interpreter_error("interpreter creation failed"))?;
            let i = ts.interp();
            if let Some(w) = whence.as_mut() {
                *w = Whence::Xi as c_long;
            }
            if !place.is_null() {
                // The caller goes on in the new interpreter.
                *place = ts.as_abi();
                if let Some(s) = saved.as_mut() {
                    *s = old.as_abi();
                }
            } else {
                subinterp::leave(ts, old);
            }
            Ok(pointer(i))
        }
    }
    fn _PyXI_EndInterpreter(i: Interp, ts: *mut abi::PyThreadState, saved: *mut *mut abi::PyThreadState) {
        // SAFETY: C passes what `_PyXI_NewInterpreter` gave.
        unsafe {
            if ts.is_null() {
                for found in subinterp::list().into_iter().filter(|f| core::ptr::eq(pointer(f), i)) {
                    subinterp::destroy(found)?;
                }
                return Ok(());
            }
            let current = ThreadState::current();
            let target = &*(ThreadState::from_abi(ts) as *const ThreadState);
            let back = match saved.as_ref() {
                Some(s) if !s.is_null() => ThreadState::from_abi(*s),
                _ => current,
            };
            if !core::ptr::eq(current, target) {
                thread::detach_state(current);
                thread::attach(target);
            }
            subinterp::end(target);
            if !core::ptr::eq(back, target) {
                thread::attach(back);
                thread::switch_gilstate(back);
            }
        }
        Ok(())
    }
}

/// What `_PyErr_SetFromPyStatus` is given must be a failure.
pub fn raise_status(status: abi::PyStatus) -> Raised {
    if status.err_msg.is_null() {
        return bad_internal_call();
    }
    // SAFETY: a terminated message.
    let text = unsafe { core::ffi::CStr::from_ptr(status.err_msg) }.to_string_lossy().into_owned();
    if status.func.is_null() {
        return raise!(RuntimeError, "{}", text);
    }
    // SAFETY: a terminated name.
    let func = unsafe { core::ffi::CStr::from_ptr(status.func) }.to_string_lossy().into_owned();
    raise!(RuntimeError, "{}: {}", func, text)
}

capi! {
    fn _PyErr_SetFromPyStatus(status: abi::PyStatus) {
        Err::<(), _>(raise_status(status))
    }
}
