//! Thread-specific storage of the C API: `Py_tss_t` and the old integer keys.

use abi::Py_tss_t;
use core::ffi::{c_int, c_void};

/// `PyThread_tss_create`: 0, or -1.
///
/// # Safety
/// `key` points to a `Py_tss_t`.
pub unsafe fn create(key: *mut Py_tss_t) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if (*key)._is_initialized != 0 {
            return 0;
        }
        let mut k = 0;
        if libc::pthread_key_create(&mut k, None) != 0 {
            return -1;
        }
        (*key)._key = k.to_ne_bytes();
        (*key)._is_initialized = 1;
        0
    }
}

/// `PyThread_tss_delete`.
///
/// # Safety
/// `key` points to a `Py_tss_t`.
pub unsafe fn delete(key: *mut Py_tss_t) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*key)._is_initialized != 0 {
            libc::pthread_key_delete(u32::from_ne_bytes((*key)._key));
            (*key)._is_initialized = 0;
        }
    }
}

/// `PyThread_tss_set`: 0, or -1.
///
/// # Safety
/// `key` has been created.
pub unsafe fn set(key: *mut Py_tss_t, value: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    if unsafe { libc::pthread_setspecific(u32::from_ne_bytes((*key)._key), value) } == 0 { 0 } else { -1 }
}

/// `PyThread_tss_get`.
///
/// # Safety
/// `key` has been created.
pub unsafe fn get(key: *mut Py_tss_t) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_getspecific(u32::from_ne_bytes((*key)._key)) }
}
