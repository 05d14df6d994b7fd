//! `_contextvars`: the engine of `contextvars`.

use macros::pymodule;

/// Context Variables
#[pymodule(name = "_contextvars")]
pub mod _contextvars {
    use runtime::objects::context::{self, Context, ContextVar, Token};
    use runtime::prelude::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add("Context", Context::type_object().to_ref())?;
        m.add("ContextVar", ContextVar::type_object().to_ref())?;
        m.add("Token", Token::type_object().to_ref())
    }

    #[pyfunction]
    fn copy_context() -> PyResult<PyRef> {
        Ok(context::copy_current()?.upcast())
    }
}
