//! Recursion guard of `repr`: containers that contain themselves print `[...]`.

use crate::prelude::*;

/// `Py_ReprEnter`: `Ok(true)` when `o` is already being printed by this thread.
pub fn repr_enter(o: &Object) -> PyResult<bool> { let _ = o; todo!() }
/// `Py_ReprLeave`.
pub fn repr_leave(o: &Object) { let _ = o; todo!() }
