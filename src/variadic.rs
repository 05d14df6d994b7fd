//! The variadic functions of the API, exported as jumps to their C bodies in `capi_variadic/`.
//!
//! A naked function leaves every register and the stack as the caller made them, so the arguments pass through untouched.

/// Exports `$name` as a jump to the C function `$shim`.
macro_rules! variadic {
    ($($name:ident => $shim:ident),* $(,)?) => {
        unsafe extern "C" {
            $(fn $shim();)*
        }
        $(
            #[doc = concat!("`", stringify!($name), "`: see the C body.")]
            ///
            /// # Safety
            /// To be called from C, by its prototype in the headers.
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            pub unsafe extern "C" fn $name() {
                #[cfg(target_arch = "x86_64")]
                core::arch::naked_asm!("jmp {}", sym $shim);
                #[cfg(target_arch = "aarch64")]
                core::arch::naked_asm!("b {}", sym $shim);
            }
        )*
    };
}

variadic! {
    PyArg_Parse => fw_shim_PyArg_Parse,
    PyArg_ParseTuple => fw_shim_PyArg_ParseTuple,
    PyArg_ParseTupleAndKeywords => fw_shim_PyArg_ParseTupleAndKeywords,
    PyArg_UnpackTuple => fw_shim_PyArg_UnpackTuple,
    PyArg_VaParse => fw_shim_PyArg_VaParse,
    PyArg_VaParseTupleAndKeywords => fw_shim_PyArg_VaParseTupleAndKeywords,
    PyBytes_FromFormat => fw_shim_PyBytes_FromFormat,
    PyBytes_FromFormatV => fw_shim_PyBytes_FromFormatV,
    PyErr_Format => fw_shim_PyErr_Format,
    PyErr_FormatUnraisable => fw_shim_PyErr_FormatUnraisable,
    PyErr_FormatV => fw_shim_PyErr_FormatV,
    PyErr_ResourceWarning => fw_shim_PyErr_ResourceWarning,
    PyErr_WarnExplicitFormat => fw_shim_PyErr_WarnExplicitFormat,
    PyErr_WarnFormat => fw_shim_PyErr_WarnFormat,
    PyEval_CallFunction => fw_shim_PyEval_CallFunction,
    PyEval_CallMethod => fw_shim_PyEval_CallMethod,
    PyOS_snprintf => fw_shim_PyOS_snprintf,
    PyOS_vsnprintf => fw_shim_PyOS_vsnprintf,
    PyObject_CallFunction => fw_shim_PyObject_CallFunction,
    PyObject_CallFunctionObjArgs => fw_shim_PyObject_CallFunctionObjArgs,
    PyObject_CallMethod => fw_shim_PyObject_CallMethod,
    PyObject_CallMethodObjArgs => fw_shim_PyObject_CallMethodObjArgs,
    PySys_Audit => fw_shim_PySys_Audit,
    PySys_FormatStderr => fw_shim_PySys_FormatStderr,
    PySys_FormatStdout => fw_shim_PySys_FormatStdout,
    PySys_WriteStderr => fw_shim_PySys_WriteStderr,
    PySys_WriteStdout => fw_shim_PySys_WriteStdout,
    PyTuple_Pack => fw_shim_PyTuple_Pack,
    PyUnicodeWriter_Format => fw_shim_PyUnicodeWriter_Format,
    PyUnicode_FromFormat => fw_shim_PyUnicode_FromFormat,
    PyUnicode_FromFormatV => fw_shim_PyUnicode_FromFormatV,
    Py_BuildValue => fw_shim_Py_BuildValue,
    Py_VaBuildValue => fw_shim_Py_VaBuildValue,
    _PyArg_BadArgument => fw_shim__PyArg_BadArgument,
    _PyArg_CheckPositional => fw_shim__PyArg_CheckPositional,
    _PyArg_NoKeywords => fw_shim__PyArg_NoKeywords,
    _PyArg_NoPositional => fw_shim__PyArg_NoPositional,
    _PyArg_ParseStack => fw_shim__PyArg_ParseStack,
    _PyArg_ParseStackAndKeywords => fw_shim__PyArg_ParseStackAndKeywords,
    _PyArg_ParseTupleAndKeywordsFast => fw_shim__PyArg_ParseTupleAndKeywordsFast,
    _PyArg_ParseTupleAndKeywords_SizeT => fw_shim__PyArg_ParseTupleAndKeywords_SizeT,
    _PyArg_ParseTuple_SizeT => fw_shim__PyArg_ParseTuple_SizeT,
    _PyArg_Parse_SizeT => fw_shim__PyArg_Parse_SizeT,
    _PyArg_UnpackKeywords => fw_shim__PyArg_UnpackKeywords,
    _PyArg_VaParseTupleAndKeywords_SizeT => fw_shim__PyArg_VaParseTupleAndKeywords_SizeT,
    _PyArg_VaParse_SizeT => fw_shim__PyArg_VaParse_SizeT,
    _PyErr_Format => fw_shim__PyErr_Format,
    _PyErr_FormatFromCause => fw_shim__PyErr_FormatFromCause,
    _PyErr_FormatNote => fw_shim__PyErr_FormatNote,
    _PyErr_FormatV => fw_shim__PyErr_FormatV,
    _PyObject_CallFunction_SizeT => fw_shim__PyObject_CallFunction_SizeT,
    _PyObject_CallMethod => fw_shim__PyObject_CallMethod,
    _PyObject_CallMethodId => fw_shim__PyObject_CallMethodId,
    _PyObject_CallMethod_SizeT => fw_shim__PyObject_CallMethod_SizeT,
    _Py_BuildValue_SizeT => fw_shim__Py_BuildValue_SizeT,
    _Py_VaBuildValue_SizeT => fw_shim__Py_VaBuildValue_SizeT,
}
