//! Audit hooks (PEP 578): native ones for the process, Python ones for the interpreter.

use crate::prelude::*;
use crate::thread::InterpreterState;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::ffi::CString;
use std::sync::{Mutex, RwLock};

/// `Py_AuditHookFunction`.
pub type NativeHook = unsafe extern "C" fn(*const c_char, *mut abi::PyObject, *mut c_void) -> c_int;

static NATIVE: RwLock<Vec<(NativeHook, usize)>> = RwLock::new(Vec::new());
/// Whether any hook exists: auditing costs one load otherwise.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Python hooks of an interpreter, each an owned reference.
#[derive(Default)]
pub struct AuditState(Mutex<Vec<PyRef>>);

impl AuditState {
    /// At the interpreter's end.
    pub(crate) fn clear(&self) {
        let old = core::mem::take(&mut *self.0.lock().unwrap_or_else(|e| e.into_inner()));
        drop(old);
    }
}

/// `PySys_AddAuditHook`.
pub fn add_native(hook: NativeHook, data: *mut c_void) {
    NATIVE.write().unwrap_or_else(|e| e.into_inner()).push((hook, data as usize));
    ACTIVE.store(true, Relaxed);
}

/// `sys.addaudithook`: existing hooks are asked first and may refuse with a RuntimeError.
pub fn add_hook(hook: &Object) -> PyResult<()> {
    if let Err(e) = audit("sys.addaudithook", &[]) {
        if e.matches(exc::RuntimeError()) {
            e.clear();
            return Ok(());
        }
        return Err(e);
    }
    InterpreterState::current().lifecycle.audit.0.lock().unwrap_or_else(|e| e.into_inner()).push(hook.to_ref());
    ACTIVE.store(true, Relaxed);
    Ok(())
}

/// Whether anybody listens: what an event is made of need not be built otherwise.
#[inline(always)]
pub fn active() -> bool {
    ACTIVE.load(Relaxed)
}

/// Raises an auditing event whose arguments are made only when somebody listens; anything `IntoPy` takes.
#[macro_export]
macro_rules! audit_event {
    ($event:expr $(, $arg:expr)* $(,)?) => {
        if $crate::lifecycle::audit::active() {
            $crate::lifecycle::audit::audit($event, &[$(&*$crate::convert::IntoPy::into_py($arg)?),*])
        } else {
            Ok(())
        }
    };
}

/// Raises an auditing event.
#[inline]
pub fn audit(event: &str, args: &[&Object]) -> PyResult<()> {
    if !ACTIVE.load(Relaxed) {
        return Ok(());
    }
    audit_objects(&*Str::new(event)?, args)
}

/// The same with the event's name as an object.
pub fn audit_objects(event: &Str, args: &[&Object]) -> PyResult<()> {
    if !ACTIVE.load(Relaxed) {
        return Ok(());
    }
    let tuple = Tuple::from_slice(args)?;
    let native = NATIVE.read().unwrap_or_else(|e| e.into_inner()).clone();
    if !native.is_empty() {
        let name = CString::new(event.to_string_lossy().as_bytes()).unwrap_or_default();
        let name: &CStr = &name;
        for (hook, data) in native {
            // SAFETY: the hook was registered with its data; the arguments live for the call.
            if unsafe { hook(name.as_ptr(), tuple.as_ptr(), data as *mut c_void) } < 0 {
                return Err(Raised::already_set());
            }
        }
    }
    let hooks: Vec<PyRef> =
        InterpreterState::current().lifecycle.audit.0.lock().unwrap_or_else(|e| e.into_inner()).clone();
    if hooks.is_empty() {
        return Ok(());
    }
    // Hooks run untraced, but for those that say `__cantrace__`.
    let ts = crate::thread::ThreadState::current();
    ts.abi_mut().tracing += 1;
    let done = hooks.iter().try_for_each(|h| {
        let traced = match h.getattr_opt(intern!("__cantrace__"))? {
            Some(v) => v.is_true()?,
            None => false,
        };
        let e: &Object = event;
        if traced {
            ts.abi_mut().tracing -= 1;
        }
        let r = h.call(&[e, &tuple]);
        if traced {
            ts.abi_mut().tracing += 1;
        }
        r.map(drop)
    });
    ts.abi_mut().tracing -= 1;
    done
}
