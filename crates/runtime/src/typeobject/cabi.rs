//! The border between C function pointers in slots and Rust bodies: results, exceptions, panics.

use crate::error::{PyResult, Raised};
use crate::object::{Object, PyRef, Ref};
use crate::raise;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Turns a panic into SystemError.
#[cold]
pub fn panicked(payload: Box<dyn core::any::Any + Send>) -> Raised {
    let msg =
        payload.downcast_ref::<&str>().map(|s| s.to_string()).or_else(|| payload.downcast_ref::<String>().cloned());
    raise!(SystemError, "internal error: {}", msg.unwrap_or_default())
}

/// Runs `f`, giving a panic back as an exception.
#[inline]
pub fn guard<R>(f: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(r) => r,
        Err(p) => Err(panicked(p)),
    }
}

/// Body of a C function that returns a new reference.
#[inline]
pub fn obj<T>(f: impl FnOnce() -> PyResult<Ref<T>>) -> *mut abi::PyObject {
    match guard(f) {
        Ok(r) => r.into_ptr(),
        Err(_) => core::ptr::null_mut(),
    }
}

/// Body of a C function whose result may be absent without an exception (`tp_iternext`).
#[inline]
pub fn opt_obj(f: impl FnOnce() -> PyResult<Option<PyRef>>) -> *mut abi::PyObject {
    match guard(f) {
        Ok(Some(r)) => r.into_ptr(),
        _ => core::ptr::null_mut(),
    }
}

/// Body of a C function that returns 0 or -1.
#[inline]
pub fn unit(f: impl FnOnce() -> PyResult<()>) -> c_int {
    match guard(f) {
        Ok(()) => 0,
        Err(_) => -1,
    }
}

/// Body of a C function that returns a truth value or -1.
#[inline]
pub fn truth(f: impl FnOnce() -> PyResult<bool>) -> c_int {
    match guard(f) {
        Ok(b) => b as c_int,
        Err(_) => -1,
    }
}

/// Body of a C function that returns a size or a hash, -1 being failure.
#[inline]
pub fn size(f: impl FnOnce() -> PyResult<isize>) -> isize {
    guard(f).unwrap_or(-1)
}

/// Body of a C function that cannot fail; a panic is reported as unraisable.
#[inline]
pub fn void(f: impl FnOnce()) {
    if let Err(p) = catch_unwind(AssertUnwindSafe(f)) {
        let _ = panicked(p);
        crate::error::write_unraisable(None);
    }
}

/// Borrows an argument.
///
/// # Safety
/// `p` is a live object.
#[inline(always)]
pub unsafe fn o<'a>(p: *mut abi::PyObject) -> &'a Object {
    // SAFETY: the caller's promise.
    unsafe { Object::from_ptr(p) }
}

/// Borrows a nullable argument.
///
/// # Safety
/// A non-null `p` is a live object.
#[inline(always)]
pub unsafe fn oo<'a>(p: *mut abi::PyObject) -> Option<&'a Object> {
    // SAFETY: the caller's promise.
    unsafe { Object::from_ptr_opt(p) }
}

/// Borrows an argument as `T`.
///
/// # Safety
/// `p` is a live object laid out as `T`.
#[inline(always)]
pub unsafe fn of<'a, T>(p: *mut abi::PyObject) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &*p.cast::<T>() }
}

/// Text of a C string of ours or of an extension; empty when null, lossless replacement when not UTF-8.
///
/// # Safety
/// A non-null `p` is a NUL-terminated string alive for `'a`.
pub unsafe fn text<'a>(p: *const c_char) -> std::borrow::Cow<'a, str> {
    if p.is_null() {
        return "".into();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(p) }.to_string_lossy()
}

/// A reference kept in a raw field: replaces it, dropping the old one.
///
/// # Safety
/// `slot` owns its reference; no other thread touches it meanwhile.
pub unsafe fn set_field(slot: *mut *mut abi::PyObject, v: Option<PyRef>) {
    // SAFETY: the caller's promise.
    unsafe {
        let old = slot.replace(v.map_or(core::ptr::null_mut(), Ref::into_ptr));
        drop(PyRef::from_ptr_opt(old));
    }
}

/// Visits a nullable field from `tp_traverse`.
///
/// # Safety
/// As for `tp_traverse`.
#[inline(always)]
pub unsafe fn visit(p: *mut abi::PyObject, v: abi::visitproc, arg: *mut c_void) -> c_int {
    match v {
        // SAFETY: the caller's promise.
        Some(f) if !p.is_null() => unsafe { f(p, arg) },
        _ => 0,
    }
}

/// Visits each expression in a `tp_traverse`, returning early.
#[macro_export]
macro_rules! visit_fields {
    ($v:expr, $arg:expr; $($p:expr),* $(,)?) => {{
        $(
            // SAFETY: called from a tp_traverse with its own arguments.
            let r = unsafe { $crate::typeobject::cabi::visit(($p).cast(), $v, $arg) };
            if r != 0 { return r; }
        )*
        0
    }};
}

/// A slot table: `type_slots![Py_tp_repr = repr, …]`.
#[macro_export]
macro_rules! type_slots {
    ($($id:ident = $f:expr),* $(,)?) => { &[$($crate::typeobject::SlotDef(abi::$id, $f as *const ())),*] };
}

/// A nullable `name` for C tables.
pub const NO_DOC: *const c_char = core::ptr::null();

/// A copy for `tp_doc`, which extensions replace by blocks of `PyMem_Malloc`.
pub fn doc_copy(text: &CStr) -> *mut core::ffi::c_char {
    let bytes = text.to_bytes_with_nul();
    // SAFETY: the copy fills a new block of that size.
    unsafe {
        let p = crate::mem::domains::mem_malloc(bytes.len());
        if !p.is_null() {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), p.cast(), bytes.len());
        }
        p.cast()
    }
}
