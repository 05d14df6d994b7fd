//! The three allocator domains of the C API: raw (thread-safe at any time), mem and obj (attached threads only).
//!
//! Without hooks, mem and obj are the heap and raw is the library allocator. `PyMem_SetAllocator` puts a table in the way;
//! the flag is checked on every call, so hooks see every allocation of a domain from then on.

use super::heap::{self, Kind};
use abi::PyMemAllocatorEx;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The domains, with the C API's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    Raw = 0,
    Mem = 1,
    Obj = 2,
}

impl Domain {
    pub fn from_raw(n: u32) -> Option<Domain> {
        [Domain::Raw, Domain::Mem, Domain::Obj].get(n as usize).copied()
    }
}

struct Hooks([UnsafeCell<PyMemAllocatorEx>; 3]);
// SAFETY: written while the process has one thread that allocates, as the C API demands.
unsafe impl Sync for Hooks {}
static HOOKS: Hooks = Hooks(
    [const { UnsafeCell::new(PyMemAllocatorEx { ctx: null_mut(), malloc: None, calloc: None, realloc: None, free: None }) };
        3],
);
static HOOKED: [AtomicU8; 3] = [const { AtomicU8::new(0) }; 3];

macro_rules! domain {
    ($d:expr, $malloc:ident $calloc:ident $realloc:ident $free:ident, $pm:ident $pc:ident $pr:ident $pf:ident,
     $base_malloc:expr, $base_calloc:expr, $base_realloc:expr, $base_free:expr) => {
        unsafe extern "C" fn $pm(_: *mut c_void, size: usize) -> *mut c_void {
            $base_malloc(size)
        }
        unsafe extern "C" fn $pc(_: *mut c_void, n: usize, size: usize) -> *mut c_void {
            $base_calloc(n, size)
        }
        unsafe extern "C" fn $pr(_: *mut c_void, p: *mut c_void, size: usize) -> *mut c_void {
            // SAFETY: a block of this domain.
            unsafe { $base_realloc(p, size) }
        }
        unsafe extern "C" fn $pf(_: *mut c_void, p: *mut c_void) {
            // SAFETY: a block of this domain.
            unsafe { $base_free(p) }
        }
        /// Allocates `size` bytes; null when memory is short.
        ///
        /// # Safety
        /// As the C API says.
        #[inline]
        pub unsafe fn $malloc(size: usize) -> *mut c_void {
            if size > isize::MAX as usize {
                return null_mut();
            }
            if HOOKED[$d as usize].load(Relaxed) != 0 {
                // SAFETY: an installed table is complete.
                return unsafe {
                    let h = hook($d);
                    (h.malloc.unwrap())(h.ctx, size)
                };
            }
            $base_malloc(size)
        }
        /// Allocates `n` zeroed elements.
        ///
        /// # Safety
        /// As the C API says.
        #[inline]
        pub unsafe fn $calloc(n: usize, size: usize) -> *mut c_void {
            if n.checked_mul(size).is_none_or(|t| t > isize::MAX as usize) {
                return null_mut();
            }
            if HOOKED[$d as usize].load(Relaxed) != 0 {
                // SAFETY: an installed table is complete.
                return unsafe {
                    let h = hook($d);
                    (h.calloc.unwrap())(h.ctx, n, size)
                };
            }
            $base_calloc(n, size)
        }
        /// Resizes a block.
        ///
        /// # Safety
        /// `p` is null or a block of this domain.
        #[inline]
        pub unsafe fn $realloc(p: *mut c_void, size: usize) -> *mut c_void {
            if size > isize::MAX as usize {
                return null_mut();
            }
            // SAFETY: the caller's promise; an installed table is complete.
            unsafe {
                if HOOKED[$d as usize].load(Relaxed) != 0 {
                    let h = hook($d);
                    return (h.realloc.unwrap())(h.ctx, p, size);
                }
                $base_realloc(p, size)
            }
        }
        /// Frees a block.
        ///
        /// # Safety
        /// `p` is null or a block of this domain, not used any more.
        #[inline]
        pub unsafe fn $free(p: *mut c_void) {
            // SAFETY: the caller's promise; an installed table is complete.
            unsafe {
                if HOOKED[$d as usize].load(Relaxed) != 0 {
                    let h = hook($d);
                    return (h.free.unwrap())(h.ctx, p);
                }
                $base_free(p)
            }
        }
    };
}

fn zeroed(n: usize, size: usize, kind: Kind) -> *mut c_void {
    let total = (n * size).max(1);
    if total > heap::MAX_SMALL {
        // SAFETY: libc's calloc; big blocks of these kinds are the library's.
        return unsafe { libc::calloc(1, total) };
    }
    let p = heap::alloc(total, kind);
    if !p.is_null() {
        // SAFETY: a fresh block of that size.
        unsafe { core::ptr::write_bytes(p.cast::<u8>(), 0, total) };
    }
    p
}

// SAFETY (the bases below): the C API's rules for each domain, passed on to libc or the heap.
domain!(Domain::Raw, raw_malloc raw_calloc raw_realloc raw_free, hook_raw_malloc hook_raw_calloc hook_raw_realloc hook_raw_free,
    // SAFETY: libc's malloc.
    |s: usize| unsafe { libc::malloc(s.max(1)) },
    // SAFETY: libc's calloc.
    |n: usize, s: usize| unsafe { if n == 0 || s == 0 { libc::calloc(1, 1) } else { libc::calloc(n, s) } },
    |p: *mut c_void, s: usize| libc::realloc(p, s.max(1)),
    |p: *mut c_void| libc::free(p));
domain!(Domain::Mem, mem_malloc mem_calloc mem_realloc mem_free, hook_mem_malloc hook_mem_calloc hook_mem_realloc hook_mem_free,
    |s: usize| heap::alloc(s.max(1), Kind::Mem), |n: usize, s: usize| zeroed(n, s, Kind::Mem),
    |p: *mut c_void, s: usize| heap::realloc(p, s.max(1), Kind::Mem), |p: *mut c_void| heap::free(p, Kind::Mem));
domain!(Domain::Obj, obj_malloc obj_calloc obj_realloc obj_free, hook_obj_malloc hook_obj_calloc hook_obj_realloc hook_obj_free,
    |s: usize| heap::alloc(s.max(1), Kind::Obj), |n: usize, s: usize| zeroed(n, s, Kind::Obj),
    |p: *mut c_void, s: usize| heap::realloc(p, s.max(1), Kind::Obj), |p: *mut c_void| heap::free(p, Kind::Obj));

#[cold]
fn hook(d: Domain) -> PyMemAllocatorEx {
    HOOKED[d as usize].load(Acquire);
    // SAFETY: complete since the flag was set.
    unsafe { core::ptr::read(HOOKS.0[d as usize].get()) }
}

/// The table in force for a domain (`PyMem_GetAllocator`).
pub fn get_allocator(d: Domain) -> PyMemAllocatorEx {
    if HOOKED[d as usize].load(Relaxed) != 0 {
        return hook(d);
    }
    let (malloc, calloc, realloc, free): (
        unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
        unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
        unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
        unsafe extern "C" fn(*mut c_void, *mut c_void),
    ) = match d {
        Domain::Raw => (hook_raw_malloc, hook_raw_calloc, hook_raw_realloc, hook_raw_free),
        Domain::Mem => (hook_mem_malloc, hook_mem_calloc, hook_mem_realloc, hook_mem_free),
        Domain::Obj => (hook_obj_malloc, hook_obj_calloc, hook_obj_realloc, hook_obj_free),
    };
    PyMemAllocatorEx {
        ctx: null_mut(),
        malloc: Some(malloc),
        calloc: Some(calloc),
        realloc: Some(realloc),
        free: Some(free),
    }
}

/// Puts a table in force (`PyMem_SetAllocator`).
///
/// # Safety
/// The table is complete and its functions keep the domain's contract.
pub unsafe fn set_allocator(d: Domain, a: PyMemAllocatorEx) {
    // SAFETY: the C API demands that nobody else allocates meanwhile.
    unsafe { HOOKS.0[d as usize].get().write(a) };
    HOOKED[d as usize].store(1, Release);
}

/// Whether `PyMem_SetAllocator` has put a table before the domain.
#[inline]
pub fn is_hooked(d: Domain) -> bool {
    HOOKED[d as usize].load(Relaxed) != 0
}
