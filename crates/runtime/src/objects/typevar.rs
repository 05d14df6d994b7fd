//! TypeVar, ParamSpec, TypeVarTuple, TypeAliasType, Generic: the objects behind type parameters (PEP 695, 696).

use crate::prelude::*;

fn missing<T>() -> PyResult<T> {
    Err(raise!(NotImplementedError, "type parameters"))
}
pub fn make_typevar(_name: &Object, _bound: Option<&Object>, _constraints: Option<&Object>) -> PyResult<PyRef> {
    missing()
}
pub fn make_paramspec(_name: &Object) -> PyResult<PyRef> {
    missing()
}
pub fn make_typevartuple(_name: &Object) -> PyResult<PyRef> {
    missing()
}
pub fn subscript_generic(_params: &Object) -> PyResult<PyRef> {
    missing()
}
pub fn make_typealias(_args: &Object) -> PyResult<PyRef> {
    missing()
}
pub fn set_default(_param: &Object, _evaluator: &Object) -> PyResult<PyRef> {
    missing()
}
