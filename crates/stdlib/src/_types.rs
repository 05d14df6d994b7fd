//! `_types`: the types that have no name in `builtins`.

use macros::pymodule;

#[pymodule(name = "_types", doc = "Define names for built-in types.")]
pub mod _types {
    use runtime::objects::{
        capsule, cell, classobject, code, descr, frame, func, r#gen, genericalias, mappingproxy, methodobject, module,
        namespace, singletons, traceback, union,
    };
    use runtime::prelude::*;

    macro_rules! types {
        ($m:ident: $($name:literal = $path:path),* $(,)?) => {$(
            // SAFETY: static type objects live as long as the process.
            $m.add($name, unsafe { (**(&raw const $path).cast::<Type>().as_ref().unwrap_unchecked()).to_ref() })?;
        )*};
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        types! { m:
            "AsyncGeneratorType" = r#gen::PyAsyncGen_Type,
            "BuiltinFunctionType" = methodobject::PyCFunction_Type,
            "BuiltinMethodType" = methodobject::PyCFunction_Type,
            "CapsuleType" = capsule::PyCapsule_Type,
            "CellType" = cell::PyCell_Type,
            "ClassMethodDescriptorType" = descr::PyClassMethodDescr_Type,
            "CodeType" = code::PyCode_Type,
            "CoroutineType" = r#gen::PyCoro_Type,
            "EllipsisType" = singletons::PyEllipsis_Type,
            "FrameType" = frame::PyFrame_Type,
            "FunctionType" = func::PyFunction_Type,
            "GeneratorType" = r#gen::PyGen_Type,
            "GenericAlias" = genericalias::Py_GenericAliasType,
            "GetSetDescriptorType" = descr::PyGetSetDescr_Type,
            "LambdaType" = func::PyFunction_Type,
            "MappingProxyType" = mappingproxy::PyDictProxy_Type,
            "MemberDescriptorType" = descr::PyMemberDescr_Type,
            "MethodDescriptorType" = descr::PyMethodDescr_Type,
            "MethodType" = classobject::PyMethod_Type,
            "MethodWrapperType" = descr::_PyMethodWrapper_Type,
            "ModuleType" = module::PyModule_Type,
            "NoneType" = singletons::_PyNone_Type,
            "NotImplementedType" = singletons::_PyNotImplemented_Type,
            "SimpleNamespace" = namespace::_PyNamespace_Type,
            "TracebackType" = traceback::PyTraceBack_Type,
            "UnionType" = union::_PyUnion_Type,
            "WrapperDescriptorType" = descr::PyWrapperDescr_Type,
        }
        Ok(())
    }
}
