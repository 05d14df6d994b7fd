//! `float`.

use crate::object::{Ref, Type};
use crate::prelude::PyResult;
use crate::objects::long::ZEROED_TYPE;
use crate::py_layout;

/// A `float`.
#[repr(transparent)]
pub struct Float(pub abi::PyFloatObject);
py_layout!(Float, crate::objects::float::PyFloat_Type);

/// The type `float`.
#[unsafe(no_mangle)]
pub static mut PyFloat_Type: Type = ZEROED_TYPE;

impl Float {
    /// A new float.
    pub fn new(value: f64) -> PyResult<Ref<Float>> {
        let _ = value;
        todo!()
    }

    /// Its value.
    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.0.ob_fval
    }
}
