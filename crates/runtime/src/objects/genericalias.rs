//! `types.GenericAlias`.

use crate::prelude::*;

/// `cls[args]` for `__class_getitem__`.
pub fn alias(cls: &Type, args: &Object) -> PyResult<PyRef> {
    let _ = (cls, args);
    Err(raise!(NotImplementedError, "generic aliases"))
}
