//! Functions that CPython keeps to itself but exports, for its test extension `_testinternalcapi`: that module loads only
//! when all of them are there. Some do what they say; those about CPython's own insides say that they do not exist here.

use crate::export::fine;
use core::ffi::{c_char, c_int, c_ulong, c_void};
use runtime::abi::{self, Py_complex};
use runtime::prelude::*;

fn absent(name: &str) -> Raised {
    raise!(NotImplementedError, "{}() is internal to CPython", name)
}

macro_rules! absent {
    ($ret:ty: $($name:ident)*) => {
        capi! {$(
            fn $name() -> $ret {
                Err::<$ret, _>(absent(stringify!($name)))
            }
        )*}
    };
}
absent! { *mut c_void:
    _PyCompile_Assemble _PyCompile_CleanDoc _PyCompile_CodeGen _PyCompile_OptimizeCfg _PyContext_NewHamtForTests
    _PyInstructionSequence_New _PyInterpreterState_GetIDObject _PyInterpreterState_LookUpIDObject _PyStaticType_GetBuiltins
    _PyThreadState_NewBound _PyTraceMalloc_GetTraceback _PyType_GetSlotWrapperNames _PyUnicode_TransformDecimalAndSpaceToASCII
    _PyXIData_New _PyXIData_NewObject _PyXI_NewInterpreter _Py_GetConfigsAsDict _Py_Get_Getpath_CodeObject _Py_hashtable_get
    _Py_hashtable_new _Py_hashtable_steal _Py_normpath
}
absent! { c_int:
    PyThread_join_thread PyThread_start_joinable_thread _PyCode_GetPureScriptXIData _PyCode_GetScriptXIData _PyCode_GetXIData
    _PyCode_ReturnsOnlyNone _PyCode_SetUnboundVarCounts _PyCode_VerifyStateless _PyFunction_GetXIData _PyImport_ClearExtension
    _PyInterpreterConfig_InitFromDict _PyInterpreterState_SetRunningMain _PyMarshal_GetXIData _PyObject_GetXIData
    _PyObject_GetXIDataNoFallback _PyPickle_GetXIData _PyRecursiveMutex_IsLockedByCurrentThread _PySet_NextEntryRef
    _PyTime_AsTimespec _PyTime_AsTimeval _PyTime_FromLong _PyTime_FromSecondsObject _PyTime_ObjectToTime_t
    _PyTime_ObjectToTimespec _PyTime_ObjectToTimeval _PyXIData_Release _Py_DecodeLocaleEx _Py_EncodeLocaleEx _Py_GetErrorHandler
    _Py_hashtable_compare_direct _Py_hashtable_foreach _Py_hashtable_set
}
absent! { isize: _PyBytes_Find _PyInterpreterState_ObjectToID _PyTime_AsMicroseconds _PyTime_AsMilliseconds _Py_UTF8_Edit_Cost }
absent! { (): _PyCode_GetVarCounts _PyErr_SetFromPyStatus _PyTime_AsTimespec_clamp _PyTime_AsTimeval_clamp _PyXIData_Free
    _PyXI_EndInterpreter _Py_hashtable_clear _Py_hashtable_destroy _PyInterpreterState_SetNotRunningMain _PyType_SetVersion
    PyEvent_Wait _PyEvent_Notify _PyRWMutex_Lock _PyRWMutex_RLock _PyRWMutex_RUnlock _PyRWMutex_Unlock _PyRecursiveMutex_Lock
    _PyRecursiveMutex_Unlock _PyCriticalSection_BeginSlow _PyCriticalSection2_BeginSlow _PyCriticalSection_Resume
    _PyPathConfig_ClearGlobal
}

fn pair(c: Py_complex) -> (f64, f64) {
    (c.real, c.imag)
}

fn complex(p: (f64, f64)) -> Py_complex {
    Py_complex { real: p.0, imag: p.1 }
}

/// A quotient; zero and errno for a division by zero.
fn quotient(a: (f64, f64), b: (f64, f64)) -> Py_complex {
    match runtime::objects::complex::quot(a, b) {
        Some(q) => complex(q),
        None => {
            // SAFETY: the thread's own errno.
            unsafe { *libc::__errno_location() = libc::EDOM };
            complex((0.0, 0.0))
        }
    }
}

capi! {
    raw fn _Py_cr_sum(a: Py_complex, b: f64) -> Py_complex { fine(complex((a.real + b, a.imag))) }
    raw fn _Py_cr_diff(a: Py_complex, b: f64) -> Py_complex { fine(complex((a.real - b, a.imag))) }
    raw fn _Py_rc_diff(a: f64, b: Py_complex) -> Py_complex { fine(complex((a - b.real, -b.imag))) }
    raw fn _Py_cr_prod(a: Py_complex, b: f64) -> Py_complex { fine(complex((a.real * b, a.imag * b))) }
    raw fn _Py_cr_quot(a: Py_complex, b: f64) -> Py_complex {
        if b == 0.0 {
            return fine(quotient(pair(a), (b, 0.0)));
        }
        fine(complex((a.real / b, a.imag / b)))
    }
    raw fn _Py_rc_quot(a: f64, b: Py_complex) -> Py_complex { fine(quotient((a, 0.0), pair(b))) }
    raw fn PyThread_get_thread_ident_ex() -> c_ulong { fine(runtime::thread::ident() as c_ulong) }
    raw fn _PyInterpreterState_Main() -> *mut c_void {
        // SAFETY: asks only.
        fine(unsafe { crate::threads::PyInterpreterState_Main() })
    }
    raw fn _PyEval_AddPendingCall(_interp: *mut c_void, f: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, arg: *mut c_void, _flags: c_int) -> c_int {
        // SAFETY: the caller's promise.
        fine(unsafe { crate::threads::Py_AddPendingCall(f, arg) })
    }
    raw fn _PyEval_StopTheWorld(_interp: *mut c_void) { Ok(()) }
    raw fn _PyEval_StartTheWorld(_interp: *mut c_void) { Ok(()) }
    raw fn _PyMem_GetCurrentAllocatorName() -> *const c_char { fine(c"mimalloc".as_ptr()) }
    fn _PyErr_SetKeyError(key: &Object) { Err::<(), _>(runtime::error::raise_key_error(key)) }
    fn _PyLong_FromTime_t(t: i64) -> *mut abi::PyObject { Int::from_i64(t) }
    raw fn _PyTime_FromSeconds(seconds: c_int) -> i64 { fine(i64::from(seconds) * 1_000_000_000) }
    fn _PyTime_AsLong(t: i64) -> *mut abi::PyObject { Int::from_i64(t) }
    fn _PySet_Update(set: &Object, iterable: &Object) -> c_int {
        match set.downcast::<Set>() {
            Some(_) => set.call_method(intern!("update"), &[iterable]).map(drop),
            None => Err(crate::export::bad_internal_call()),
        }
    }
    fn _PyObject_XDecRefDelayed(o: Option<PyRef>) {
        drop(o);
        Ok(())
    }
}
