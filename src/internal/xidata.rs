//! `_PyXIData_*`: values on their way to another interpreter, as `_testinternalcapi` asks for them. The work is
//! `stdlib::xidata`'s.

use crate::export::{bad_internal_call, fine};
use core::ffi::{c_int, c_void};
use runtime::objects::Code;
use runtime::prelude::*;
use stdlib::xidata::{self, Data};

/// `_PyXIData_t`: the size is CPython's or more; C code only passes it on.
#[repr(C)]
pub struct XiData {
    unused: [usize; 8],
    data: Option<Data>,
}

/// Keeps what `pack` gives.
///
/// # Safety
/// `xid` comes from `_PyXIData_New`.
unsafe fn keep(xid: *mut XiData, pack: impl FnOnce() -> PyResult<Data>) -> PyResult<()> {
    if xid.is_null() {
        return Err(bad_internal_call());
    }
    let data = pack()?;
    // SAFETY: the caller's promise.
    let old = unsafe { (*xid).data.replace(data) };
    drop(old);
    Ok(())
}

capi! {
    raw fn _PyXIData_New() -> *mut XiData {
        fine(Box::into_raw(Box::new(XiData { unused: [0; 8], data: None })))
    }
    raw fn _PyXIData_Free(xid: *mut XiData) {
        if !xid.is_null() {
            // SAFETY: made by `_PyXIData_New`.
            drop(unsafe { Box::from_raw(xid) });
        }
        Ok(())
    }
    fn _PyXIData_Release(xid: *mut XiData) -> c_int {
        // SAFETY: null, or made by `_PyXIData_New`.
        if let Some(x) = unsafe { xid.as_mut() } {
            let old = x.data.take();
            drop(old);
        }
        Ok(())
    }
    fn _PyXIData_NewObject(xid: *mut XiData) -> *mut runtime::abi::PyObject {
        // SAFETY: as above.
        match unsafe { xid.as_ref() }.and_then(|x| x.data.as_ref()) {
            Some(d) => d.unpack(),
            None => Err(bad_internal_call()),
        }
    }
    fn _PyObject_GetXIDataNoFallback(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_native(o)) }
    }
    fn _PyObject_GetXIData(_ts: *mut c_void, o: &Object, fallback: c_int, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || if fallback == 0 { xidata::pack_native(o) } else { xidata::pack(o) }) }
    }
    fn _PyPickle_GetXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_pickle(o)) }
    }
    fn _PyMarshal_GetXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_marshal(o)) }
    }
    fn _PyCode_GetXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_code(o)) }
    }
    fn _PyCode_GetScriptXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_script(o, false)) }
    }
    fn _PyCode_GetPureScriptXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_script(o, true)) }
    }
    fn _PyFunction_GetXIData(_ts: *mut c_void, o: &Object, xid: *mut XiData) -> c_int {
        // SAFETY: as above.
        unsafe { keep(xid, || xidata::pack_function(o)) }
    }
    raw fn _PyCode_ReturnsOnlyNone(code: *mut runtime::abi::PyObject) -> c_int {
        // SAFETY: C passes a code object.
        let code = unsafe { Object::from_ptr(code) }.downcast::<Code>();
        fine(c_int::from(code.is_some_and(xidata::returns_only_none)))
    }
    fn _PyCode_VerifyStateless(_ts: *mut c_void, code: &Object, _names: *mut c_void, globals: Option<&Object>, builtins: Option<&Object>) -> c_int {
        let _ = (globals, builtins);
        let Some(code) = code.downcast::<Code>() else { return Err(bad_internal_call()) };
        match xidata::code_is_stateful(code)? {
            Some(why) => Err(raise!(ValueError, "{}", why)),
            None => Ok(()),
        }
    }
}
