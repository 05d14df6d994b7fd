//! Code and function watchers (`PyCode_AddWatcher`, `PyFunction_AddWatcher`): callbacks at creation, change and end.

use super::{Code, Function};
use crate::prelude::*;
use core::ffi::c_int;
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use core::sync::atomic::{AtomicPtr, AtomicU8};

type CodeCallback = unsafe extern "C" fn(c_int, *mut abi::PyObject) -> c_int;
type FunctionCallback = unsafe extern "C" fn(c_int, *mut abi::PyObject, *mut abi::PyObject) -> c_int;

const MAX_WATCHERS: usize = 8;

/// One kind's callbacks. Process-wide: a watcher is a plain C function, and objects may be seen by any thread.
struct Table {
    callbacks: [AtomicPtr<()>; MAX_WATCHERS],
    /// A bit per callback: the quick test.
    active: AtomicU8,
}

impl Table {
    const fn new() -> Table {
        Table { callbacks: [const { AtomicPtr::new(null_mut()) }; MAX_WATCHERS], active: AtomicU8::new(0) }
    }
    fn add(&self, callback: *mut ()) -> Option<c_int> {
        let i =
            self.callbacks.iter().position(|w| w.compare_exchange(null_mut(), callback, AcqRel, Acquire).is_ok())?;
        self.active.fetch_or(1 << i, AcqRel);
        Some(i as c_int)
    }
    /// `None` for an id that cannot be, `Some(false)` for one that is not taken.
    fn clear(&self, id: c_int) -> Option<bool> {
        let w = self.callbacks.get(usize::try_from(id).ok()?)?;
        self.active.fetch_and(!(1 << id), AcqRel);
        Some(!w.swap(null_mut(), AcqRel).is_null())
    }
    #[inline(always)]
    fn any(&self) -> bool {
        self.active.load(Relaxed) != 0
    }
    fn each(&self, mut call: impl FnMut(*mut ())) {
        for w in &self.callbacks {
            let p = w.load(Acquire);
            if !p.is_null() {
                call(p);
            }
        }
    }
}

static CODE: Table = Table::new();
static FUNCTION: Table = Table::new();

/// `PyCode_AddWatcher`.
pub fn add_code(callback: CodeCallback) -> PyResult<c_int> {
    CODE.add(callback as *mut ()).ok_or_else(|| raise!(RuntimeError, "no more code watcher IDs available"))
}

/// `PyCode_ClearWatcher`.
pub fn clear_code(id: c_int) -> PyResult<()> {
    match CODE.clear(id) {
        None => Err(raise!(ValueError, "Invalid code watcher ID {}", id)),
        Some(false) => Err(raise!(ValueError, "No code watcher set for ID {}", id)),
        Some(true) => Ok(()),
    }
}

/// `PyFunction_AddWatcher`.
pub fn add_function(callback: FunctionCallback) -> PyResult<c_int> {
    FUNCTION.add(callback as *mut ()).ok_or_else(|| raise!(RuntimeError, "no more func watcher IDs available"))
}

/// `PyFunction_ClearWatcher`.
pub fn clear_function(id: c_int) -> PyResult<()> {
    match FUNCTION.clear(id) {
        None => Err(raise!(ValueError, "invalid func watcher ID {}", id)),
        Some(false) => Err(raise!(ValueError, "no func watcher set for ID {}", id)),
        Some(true) => Ok(()),
    }
}

fn failed(event: &str, of: &Object, quoted: bool) {
    let saved = crate::error::take_error();
    let shown = match of.repr() {
        Ok(s) => s.to_string_lossy().into_owned(),
        Err(e) => {
            e.clear();
            "?".into()
        }
    };
    let shown = if quoted { &shown[..] } else { shown.trim_start_matches('<').trim_end_matches('>') };
    if let Some(e) = saved {
        let _ = crate::error::restore(e);
    }
    crate::objects::exceptions::display::write_unraisable_msg(
        &format!("Exception ignored in {event} watcher callback for {shown}"),
        None,
    );
}

/// Tells the code watchers.
#[inline(always)]
pub fn code_event(code: &Code, destroyed: bool) {
    if CODE.any() {
        code_event_slow(code, destroyed);
    }
}

#[cold]
fn code_event_slow(code: &Code, destroyed: bool) {
    let pending = crate::error::take_error();
    CODE.each(|p| {
        // SAFETY: only callbacks of this type are in the table.
        let r = unsafe { transmute::<*mut (), CodeCallback>(p)(destroyed.into(), code.as_ptr()) };
        if r < 0 {
            failed(if destroyed { "PY_CODE_EVENT_DESTROY" } else { "PY_CODE_EVENT_CREATE" }, code, true);
        }
    });
    if let Some(e) = pending {
        let _ = crate::error::restore(e);
    }
}

/// What happens to a function: the numbers of `PyFunction_WatchEvent`.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub enum FunctionEvent {
    Create,
    Destroy,
    ModifyCode,
    ModifyDefaults,
    ModifyKwdefaults,
}

/// Tells the function watchers, before the change.
#[inline(always)]
pub fn function_event(f: &Function, event: FunctionEvent, new: Option<&Object>) {
    if FUNCTION.any() {
        function_event_slow(f, event, new);
    }
}

#[cold]
fn function_event_slow(f: &Function, event: FunctionEvent, new: Option<&Object>) {
    let pending = crate::error::take_error();
    FUNCTION.each(|p| {
        let new = new.map_or(null_mut(), Object::as_ptr);
        // SAFETY: only callbacks of this type are in the table.
        let r = unsafe { transmute::<*mut (), FunctionCallback>(p)(event as c_int, f.as_ptr(), new) };
        if r < 0 {
            let name = match event {
                FunctionEvent::Create => "PyFunction_EVENT_CREATE",
                FunctionEvent::Destroy => "PyFunction_EVENT_DESTROY",
                FunctionEvent::ModifyCode => "PyFunction_EVENT_MODIFY_CODE",
                FunctionEvent::ModifyDefaults => "PyFunction_EVENT_MODIFY_DEFAULTS",
                FunctionEvent::ModifyKwdefaults => "PyFunction_EVENT_MODIFY_KWDEFAULTS",
            };
            failed(name, f, false);
        }
    });
    if let Some(e) = pending {
        let _ = crate::error::restore(e);
    }
}

/// Whether the watchers of a dying code object brought it back to life.
///
/// # Safety
/// `p` is a code object whose last reference is gone.
pub unsafe fn code_destroyed(p: *mut Code) -> bool {
    // SAFETY: the caller's promise.
    CODE.any() && unsafe { crate::typeobject::subtype::while_alive(p.cast(), || code_event_slow(&*p, true)) }
}

/// The same for a function.
///
/// # Safety
/// `p` is a function whose last reference is gone.
pub unsafe fn function_destroyed(p: *mut Function) -> bool {
    FUNCTION.any()
        // SAFETY: the caller's promise.
        && unsafe {
            crate::typeobject::subtype::while_alive(p.cast(), || function_event_slow(&*p, FunctionEvent::Destroy, None))
        }
}
