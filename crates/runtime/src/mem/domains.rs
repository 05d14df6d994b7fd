//! The three allocator domains of the C API: raw (thread-safe at any time), mem and obj (attached threads only).

use core::ffi::c_void;

macro_rules! domain {
    ($malloc:ident $calloc:ident $realloc:ident $free:ident) => {
        /// Allocates `size` bytes; null when memory is short.
        ///
        /// # Safety
        /// As the C API says.
        pub unsafe fn $malloc(size: usize) -> *mut c_void {
            // SAFETY: libc's malloc.
            unsafe { libc::malloc(size.max(1)) }
        }
        /// Allocates `n` zeroed elements.
        ///
        /// # Safety
        /// As the C API says.
        pub unsafe fn $calloc(n: usize, size: usize) -> *mut c_void {
            // SAFETY: libc's calloc.
            unsafe { if n == 0 || size == 0 { libc::calloc(1, 1) } else { libc::calloc(n, size) } }
        }
        /// Resizes a block.
        ///
        /// # Safety
        /// `p` is null or a block of this domain.
        pub unsafe fn $realloc(p: *mut c_void, size: usize) -> *mut c_void {
            // SAFETY: the caller's promise.
            unsafe { libc::realloc(p, size.max(1)) }
        }
        /// Frees a block.
        ///
        /// # Safety
        /// `p` is null or a block of this domain, not used any more.
        pub unsafe fn $free(p: *mut c_void) {
            // SAFETY: the caller's promise.
            unsafe { libc::free(p) }
        }
    };
}
domain!(raw_malloc raw_calloc raw_realloc raw_free);
domain!(mem_malloc mem_calloc mem_realloc mem_free);
domain!(obj_malloc obj_calloc obj_realloc obj_free);
