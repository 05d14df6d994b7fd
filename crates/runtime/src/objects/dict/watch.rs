//! Dict watchers (`PyDict_AddWatcher`): callbacks called before a watched dict changes.

use super::Dict;
use crate::prelude::*;
use core::ffi::c_int;
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// The first two are reserved for the engine, as in CPython.
const MAX_WATCHERS: usize = 8;
type Callback = unsafe extern "C" fn(c_int, *mut abi::PyObject, *mut abi::PyObject, *mut abi::PyObject) -> c_int;
/// Process-wide: a watcher is a plain C function, and a dict may be seen by any thread.
static WATCHERS: [AtomicPtr<()>; MAX_WATCHERS] = [const { AtomicPtr::new(null_mut()) }; MAX_WATCHERS];

/// Registers a callback; its id.
pub fn add_watcher(callback: Callback) -> PyResult<c_int> {
    for (i, w) in WATCHERS.iter().enumerate().skip(2) {
        if w.compare_exchange(null_mut(), callback as *mut (), AcqRel, Acquire).is_ok() {
            return Ok(i as c_int);
        }
    }
    Err(raise!(RuntimeError, "no more dict watcher IDs available"))
}

fn valid(id: c_int) -> PyResult<usize> {
    if id < 0 || id as usize >= MAX_WATCHERS {
        return Err(raise!(ValueError, "Invalid dict watcher ID {}", id));
    }
    if WATCHERS[id as usize].load(Acquire).is_null() {
        return Err(raise!(ValueError, "No dict watcher set for ID {}", id));
    }
    Ok(id as usize)
}

/// Forgets a callback.
pub fn clear_watcher(id: c_int) -> PyResult<()> {
    WATCHERS[valid(id)?].store(null_mut(), Relaxed);
    Ok(())
}

/// Starts (or stops) sending the dict's changes to a watcher.
pub fn watch(id: c_int, dict: &Object, on: bool) -> PyResult<()> {
    let Some(d) = dict.downcast::<Dict>() else { return Err(raise!(ValueError, "Cannot watch non-dictionary")) };
    let bit = 1u64 << valid(id)?;
    if on {
        d.ma_tag.fetch_or(bit, AcqRel);
    } else {
        d.ma_tag.fetch_and(!bit, AcqRel);
    }
    Ok(())
}

impl Dict {
    /// Tells the watchers what is about to happen.
    #[inline(always)]
    pub(crate) fn notify(&self, event: i32, key: Option<&Object>, value: Option<&Object>) {
        if self.ma_tag.load(Relaxed) & 0xff != 0 {
            self.notify_slow(event, key, value);
        }
    }

    #[cold]
    fn notify_slow(&self, event: i32, key: Option<&Object>, value: Option<&Object>) {
        let bits = self.ma_tag.load(Relaxed) & 0xff;
        let ptr = |o: Option<&Object>| o.map_or(null_mut(), Object::as_ptr);
        for (i, w) in WATCHERS.iter().enumerate() {
            let p = w.load(Acquire);
            if bits & (1 << i) != 0 && !p.is_null() {
                // SAFETY: only callbacks are stored in the table.
                let r =
                    unsafe { transmute::<*mut (), Callback>(p)(event as c_int, self.as_ptr(), ptr(key), ptr(value)) };
                if r < 0 {
                    let name = match event {
                        abi::PyDict_EVENT_ADDED => "PyDict_EVENT_ADDED",
                        abi::PyDict_EVENT_MODIFIED => "PyDict_EVENT_MODIFIED",
                        abi::PyDict_EVENT_DELETED => "PyDict_EVENT_DELETED",
                        abi::PyDict_EVENT_CLONED => "PyDict_EVENT_CLONED",
                        abi::PyDict_EVENT_CLEARED => "PyDict_EVENT_CLEARED",
                        _ => "PyDict_EVENT_DEALLOCATED",
                    };
                    crate::objects::exceptions::display::write_unraisable_msg(
                        &format!("Exception ignored in {name} watcher callback for <dict at {:p}>", self.as_ptr()),
                        None,
                    );
                }
            }
        }
    }
}
