//! Functions that CPython keeps to itself but exports, for its test extension `_testinternalcapi`: that module loads only
//! when all of them are there. Some do what they say; those about CPython's own insides say that they do not exist here.

mod hashtable;
pub mod interp;
mod locks;
mod text;
mod time;
mod xidata;

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
    _PyInstructionSequence_New _PyStaticType_GetBuiltins _PyTraceMalloc_GetTraceback _PyType_GetSlotWrapperNames
     _Py_Get_Getpath_CodeObject
}
absent! { c_int:
        _PyCode_SetUnboundVarCounts
      _PyImport_ClearExtension

}
absent! { (): _PyCode_GetVarCounts  _PyType_SetVersion _PyPathConfig_ClearGlobal }

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
    raw fn _PyEval_AddPendingCall(interp: *mut c_void, f: Option<unsafe extern "C" fn(*mut c_void) -> c_int>, arg: *mut c_void, flags: c_int) -> c_int {
        const MAIN_THREAD_ONLY: c_int = 1;
        // SAFETY: C passes an interpreter, which lives as long as the process.
        let interp = unsafe { &*interp.cast::<runtime::thread::InterpreterState>() };
        let Some(f) = f else { return Ok(-1) };
        let ok = if flags & MAIN_THREAD_ONLY != 0 { interp.pending.add(f, arg) } else { interp.pending.add_for_any(interp, f, arg) };
        fine(if ok { 0 } else { -1 })
    }
    raw fn _PyEval_StopTheWorld(_interp: *mut c_void) { Ok(()) }
    raw fn _PyEval_StartTheWorld(_interp: *mut c_void) { Ok(()) }
    raw fn _PyMem_GetCurrentAllocatorName() -> *const c_char { fine(crate::debug_alloc::name().map_or(core::ptr::null(), |n| n.as_ptr())) }
    fn _PyErr_SetKeyError(key: &Object) { Err::<(), _>(runtime::error::raise_key_error(key)) }
    fn _PySet_NextEntryRef(set: &Object, pos: *mut isize, key: *mut *mut abi::PyObject, hash: *mut isize) -> c_int {
        let set = set.downcast::<Set>().ok_or_else(crate::export::bad_internal_call)?;
        // SAFETY: C passes three places.
        unsafe {
            match set.next(&mut *pos) {
                Some((k, h)) => {
                    *key = k.into_ptr();
                    *hash = h;
                    Ok(1)
                }
                None => Ok(0),
            }
        }
    }
    fn _Py_CheckRecursiveCall(_ts: *mut abi::PyThreadState, place: Option<crate::export::CText<'_>>) -> c_int {
        let ts = ThreadState::current();
        if ts.stack_left() > 0 {
            return Ok(());
        }
        Err(runtime::protocol::call::stack_overflow(&place.map_or_else(String::new, |p| p.to_string_lossy().into_owned())))
    }
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
