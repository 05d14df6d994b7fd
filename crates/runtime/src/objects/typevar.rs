//! TypeVar, ParamSpec, TypeVarTuple, TypeAliasType, Generic: the objects behind type parameters (PEP 695, 696).

