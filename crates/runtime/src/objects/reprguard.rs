//! Recursion guard of `repr`: containers that contain themselves print `[...]`.

use crate::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// Addresses of the objects this thread is printing. No borrow outlives one statement.
    static PRINTING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// `Py_ReprEnter`: `Ok(true)` when `o` is already being printed by this thread.
pub fn repr_enter(o: &Object) -> PyResult<bool> {
    let key = o.as_ptr() as usize;
    if PRINTING.with_borrow(|v| v.contains(&key)) {
        return Ok(true);
    }
    PRINTING.with_borrow_mut(|v| v.push(key));
    Ok(false)
}

/// `Py_ReprLeave`.
pub fn repr_leave(o: &Object) {
    let key = o.as_ptr() as usize;
    PRINTING.with_borrow_mut(|v| {
        if let Some(i) = v.iter().rposition(|k| *k == key) {
            v.remove(i);
        }
    });
}
