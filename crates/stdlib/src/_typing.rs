//! `_typing`: the native part of `typing`.

use macros::pymodule;

#[pymodule(name = "_typing", doc = "Primitives and accelerators for the typing module.", gil = not_used)]
pub mod _typing {
    use runtime::objects::typevar::*;
    use runtime::prelude::*;

    /// Internal identity function.
    #[pyfunction]
    fn _idfunc(x: &Object) -> PyRef {
        x.to_ref()
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add("TypeVar", TypeVar::type_object().to_ref())?;
        m.add("ParamSpec", ParamSpec::type_object().to_ref())?;
        m.add("TypeVarTuple", TypeVarTuple::type_object().to_ref())?;
        m.add("ParamSpecArgs", ParamSpecArgs::type_object().to_ref())?;
        m.add("ParamSpecKwargs", ParamSpecKwargs::type_object().to_ref())?;
        m.add("TypeAliasType", TypeAliasType::type_object().to_ref())?;
        m.add("Generic", generic_type()?.to_ref())?;
        m.add("Union", runtime::objects::union::Union::type_object().to_ref())?;
        m.add("NoDefault", no_default().to_ref())?;
        Ok(())
    }
}
pub use _typing::{DEF, INIT};
