//! `complex`.

use crate::object::{Ref, Type};
use crate::prelude::PyResult;
use crate::objects::long::ZEROED_TYPE;
use crate::py_layout;

/// A `complex`.
#[repr(transparent)]
pub struct Complex(pub abi::PyComplexObject);
py_layout!(Complex, crate::objects::complex::PyComplex_Type);

/// The type `complex`.
#[unsafe(no_mangle)]
pub static mut PyComplex_Type: Type = ZEROED_TYPE;

impl Complex {
    /// A new complex.
    pub fn new(real: f64, imag: f64) -> PyResult<Ref<Complex>> {
        let _ = (real, imag);
        todo!()
    }

    #[inline(always)]
    pub fn real(&self) -> f64 {
        self.0.cval.real
    }

    #[inline(always)]
    pub fn imag(&self) -> f64 {
        self.0.cval.imag
    }
}
