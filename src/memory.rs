//! `pymem.h`, `objimpl.h`, `refcount.h`: memory, object headers, counting.

use crate::debug_alloc;
use crate::export::fine;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::Relaxed;
use runtime::abi;
use runtime::mem::{domains, gc, refcount};
use runtime::prelude::*;

macro_rules! domain {
    ($($domain:ident: $malloc:ident $calloc:ident $realloc:ident $free:ident => $m:ident $c:ident $r:ident $f:ident);* $(;)?) => {
        capi! {$(
            raw fn $malloc(size: usize) -> *mut c_void {
                if size > isize::MAX as usize {
                    return Ok(null_mut());
                }
                if debug_alloc::is_active() {
                    return fine(debug_alloc::malloc(domains::Domain::$domain, size));
                }
                // SAFETY: no precondition.
                fine(unsafe { domains::$m(size) })
            }
            raw fn $calloc(n: usize, size: usize) -> *mut c_void {
                if size != 0 && n > isize::MAX as usize / size {
                    return Ok(null_mut());
                }
                if debug_alloc::is_active() {
                    return fine(debug_alloc::calloc(domains::Domain::$domain, n * size));
                }
                // SAFETY: the product does not overflow.
                fine(unsafe { domains::$c(n, size) })
            }
            raw fn $realloc(p: *mut c_void, size: usize) -> *mut c_void {
                if size > isize::MAX as usize {
                    return Ok(null_mut());
                }
                if p.is_null() && debug_alloc::is_active() {
                    return fine(debug_alloc::malloc(domains::Domain::$domain, size));
                }
                // SAFETY: C passes a block of this domain, or null.
                fine(unsafe { if p.is_null() { domains::$m(size) } else { domains::$r(p, size) } })
            }
        )*}
        $(domain!(@free $free $f);)*
    };
    (@free PyObject_Free $f:ident) => {};
    (@free $free:ident $f:ident) => {
        capi! {
            raw fn $free(p: *mut c_void) {
                if !p.is_null() {
                    // SAFETY: C passes a block of this domain.
                    unsafe { domains::$f(p) };
                }
                Ok(())
            }
        }
    };
}

domain! {
    Raw: PyMem_RawMalloc PyMem_RawCalloc PyMem_RawRealloc PyMem_RawFree => raw_malloc raw_calloc raw_realloc raw_free;
    Mem: PyMem_Malloc PyMem_Calloc PyMem_Realloc PyMem_Free => mem_malloc mem_calloc mem_realloc mem_free;
    Obj: PyObject_Malloc PyObject_Calloc PyObject_Realloc PyObject_Free => obj_malloc obj_calloc obj_realloc obj_free;
}

fn no_memory() -> Raised {
    runtime::error::raise_none(exc::MemoryError())
}

/// A fresh object of a type without GC: `size` bytes, header set.
unsafe fn new_object(ty: &Type, size: usize) -> PyResult<*mut abi::PyObject> {
    // SAFETY: fresh memory; a heap type gets a reference from each instance.
    unsafe {
        let p = domains::obj_malloc(size).cast::<abi::PyObject>();
        if p.is_null() {
            return Err(no_memory());
        }
        refcount::init_header(p, ty.as_raw());
        if ty.is_heap_type() {
            runtime::object::incref(ty.as_ptr());
        }
        Ok(p)
    }
}

/// The arena allocator's table is kept and given back; the heap has no arenas.
struct Arenas(core::cell::UnsafeCell<abi::PyObjectArenaAllocator>);
// SAFETY: set before threads start, by the C API's rule.
unsafe impl Sync for Arenas {}
// SAFETY: null pointers and absent functions.
static ARENAS: Arenas = Arenas(core::cell::UnsafeCell::new(unsafe { core::mem::zeroed() }));

capi! {
    raw fn PyMem_GetAllocator(domain: c_uint, allocator: *mut abi::PyMemAllocatorEx) {
        // SAFETY: C passes a place.
        unsafe {
            match domains::Domain::from_raw(domain) {
                Some(d) => *allocator = domains::get_allocator(d),
                None => *allocator = core::mem::zeroed(),
            }
        }
        Ok(())
    }
    raw fn PyMem_SetAllocator(domain: c_uint, allocator: *mut abi::PyMemAllocatorEx) {
        if let Some(d) = domains::Domain::from_raw(domain) {
            // SAFETY: C passes a complete table.
            unsafe { domains::set_allocator(d, core::ptr::read(allocator)) };
        }
        Ok(())
    }
    raw fn PyMem_SetupDebugHooks() {
        crate::debug_alloc::install();
        Ok(())
    }
    raw fn PyObject_GetArenaAllocator(allocator: *mut abi::PyObjectArenaAllocator) {
        // SAFETY: C passes a place.
        unsafe { core::ptr::copy(ARENAS.0.get(), allocator, 1) };
        Ok(())
    }
    raw fn PyObject_SetArenaAllocator(allocator: *mut abi::PyObjectArenaAllocator) {
        // SAFETY: C passes a table.
        unsafe { core::ptr::copy(allocator, ARENAS.0.get(), 1) };
        Ok(())
    }

    fn PyObject_Init(p: *mut abi::PyObject, ty: &Type) -> *mut abi::PyObject {
        if p.is_null() {
            return Err(no_memory());
        }
        // SAFETY: fresh memory; a heap type gets a reference from each instance.
        unsafe {
            refcount::init_header(p, ty.as_raw());
            if ty.is_heap_type() {
                runtime::object::incref(ty.as_ptr());
            }
        }
        Ok(p)
    }
    fn PyObject_InitVar(p: *mut abi::PyVarObject, ty: &Type, n: isize) -> *mut abi::PyVarObject {
        if p.is_null() {
            return Err(no_memory());
        }
        // SAFETY: as for `PyObject_Init`, of a variable size.
        unsafe {
            (*p).ob_size = n;
            PyObject_Init(p.cast(), ty.as_raw());
        }
        Ok(p)
    }
    fn _PyObject_New(ty: &Type) -> *mut abi::PyObject {
        // SAFETY: the size of the type's instances.
        unsafe { new_object(ty, ty.slots().tp_basicsize as usize) }
    }
    fn _PyObject_NewVar(ty: &Type, n: isize) -> *mut abi::PyVarObject {
        // SAFETY: the size of the type's instances.
        unsafe {
            let p = new_object(ty, gc::var_size(ty.as_raw(), n))?.cast::<abi::PyVarObject>();
            (*p).ob_size = n;
            Ok(p)
        }
    }
    fn PyUnstable_Object_GC_NewWithExtraData(ty: &Type, extra: usize) -> *mut abi::PyObject {
        let size = ty.slots().tp_basicsize as usize;
        // SAFETY: the type's instances have the GC flag by contract.
        unsafe {
            let p = gc::new_object(ty.as_raw(), size + extra);
            if p.is_null() {
                return Err(no_memory());
            }
            core::ptr::write_bytes(p.cast::<u8>().add(size_of::<abi::PyObject>()), 0, size + extra - size_of::<abi::PyObject>());
            Ok(p)
        }
    }
    fn PyObject_IS_GC(o: &Object) -> c_int {
        fine(gc::is_gc(o))
    }
    fn PyType_SUPPORTS_WEAKREFS(ty: &Type) -> c_int {
        fine(runtime::objects::weakref::supports_weakrefs(ty))
    }
    fn PyObject_GET_WEAKREFS_LISTPTR(o: &Object) -> *mut *mut abi::PyObject {
        let offset = o.ty().slots().tp_weaklistoffset;
        if offset == 0 {
            return Ok(null_mut());
        }
        // SAFETY: the offset lies within (or, for managed ones, before) the object.
        fine(unsafe { o.as_ptr().byte_offset(offset).cast::<*mut abi::PyObject>() })
    }
    fn PyGC_Collect() -> isize {
        fine(if gc::is_enabled() { gc::collect() } else { 0 })
    }
    fn PyGC_Enable() -> c_int {
        let was = gc::is_enabled();
        gc::enable();
        fine(was)
    }
    fn PyGC_Disable() -> c_int {
        let was = gc::is_enabled();
        gc::disable();
        fine(was)
    }
    fn PyGC_IsEnabled() -> c_int {
        fine(gc::is_enabled())
    }
    fn PyUnstable_GC_VisitObjects(callback: Option<unsafe extern "C" fn(*mut abi::PyObject, *mut c_void) -> c_int>, arg: *mut c_void) {
        if let Some(f) = callback {
            // SAFETY: C's callback, called as it asks.
            gc::visit_objects(|o| unsafe { f(o.as_ptr(), arg) } != 0);
        }
        Ok(())
    }

    fn Py_NewRef(o: &Object) -> *mut abi::PyObject {
        fine(o.to_ref())
    }
    fn Py_XNewRef(o: Option<&Object>) -> *mut abi::PyObject {
        fine(o.map(Object::to_ref))
    }
    fn Py_REFCNT(o: &Object) -> isize {
        fine(if o.is_immortal() { 3 << 30 } else { refcount::refcnt(o) })
    }
    fn _Py_SetRefcnt(o: &Object, n: isize) {
        if o.is_immortal() {
            return Ok(());
        }
        if n >= abi::_Py_IMMORTAL_REFCNT_LOCAL as isize {
            refcount::set_immortal(o);
        } else if o.is_owned_by_current_thread() {
            // The shared half keeps the flags and drops its count.
            o.0.ob_ref_local.store(n as u32, Relaxed);
            o.0.ob_ref_shared.fetch_and(runtime::object::SHARED_FLAG_MASK, Relaxed);
        } else {
            o.0.ob_tid.store(0, Relaxed);
            o.0.ob_ref_local.store(0, Relaxed);
            o.0.ob_ref_shared.store(n << runtime::object::SHARED_SHIFT | runtime::object::SHARED_MERGED, Relaxed);
        }
        Ok(())
    }
    fn _Py_NewReference(p: *mut abi::PyObject) {
        // SAFETY: C passes a fresh object whose type is set.
        unsafe { refcount::init_header(p, (*p).ob_type.load(Relaxed)) };
        Ok(())
    }
    fn _Py_NewReferenceNoTotal(p: *mut abi::PyObject) {
        // SAFETY: as for `_Py_NewReference`.
        unsafe { refcount::init_header(p, (*p).ob_type.load(Relaxed)) };
        Ok(())
    }
    fn _Py_ForgetReference(_p: *mut abi::PyObject) {
        Ok(())
    }
    fn _Py_ResurrectReference(o: &Object) {
        o.0.ob_tid.store(runtime::arch::thread_id(), Relaxed);
        o.0.ob_ref_local.store(1, Relaxed);
        o.0.ob_ref_shared.store(0, Relaxed);
        Ok(())
    }
    fn PyUnstable_IsImmortal(o: &Object) -> c_int {
        fine(o.is_immortal())
    }
    fn PyUnstable_TryIncRef(p: *mut abi::PyObject) -> c_int {
        // SAFETY: C keeps the memory of the object from being reused.
        fine(unsafe { refcount::try_incref(p) })
    }
    fn PyUnstable_EnableTryIncRef(p: *mut abi::PyObject) {
        // SAFETY: C passes a live object.
        unsafe { refcount::set_maybe_weakref(p) };
        Ok(())
    }
    fn PyUnstable_Object_EnableDeferredRefcount(o: &Object) -> c_int {
        fine(o.is_owned_by_current_thread() && refcount::set_deferred(o))
    }
    fn PyUnstable_Object_IsUniquelyReferenced(o: &Object) -> c_int {
        // A constant of running code is only borrowed by its frame.
        fine(o.is_uniquely_referenced() && o.downcast::<Str>().is_none())
    }
    fn PyUnstable_Object_IsUniqueReferencedTemporary(o: &Object) -> c_int {
        // A temporary on a frame's stack cannot be told from a borrowed one here: say no, which is always safe.
        let _ = o;
        fine(0)
    }
    fn PyUnstable_Object_ClearWeakRefsNoCallbacks(o: &Object) {
        for w in runtime::objects::weakref::list(o) {
            // SAFETY: a live weak reference.
            unsafe { runtime::objects::weakref::_PyWeakref_ClearRef(w.as_ptr().cast()) };
        }
        Ok(())
    }
    raw fn _Py_GetThreadLocal_Addr() -> usize {
        fine(runtime::arch::thread_id())
    }
    raw fn _PyObject_IsFreed(p: *mut abi::PyObject) -> c_int {
        // SAFETY: only the header is looked at, as the caller asks.
        fine(crate::debug_alloc::looks_freed(p.cast()) || crate::debug_alloc::looks_freed(unsafe { (*p).ob_type.load(Relaxed) }.cast()))
    }
    fn _PyTrash_thread_deposit_object(_tstate: *mut abi::PyThreadState, o: *mut abi::PyObject) {
        // SAFETY: C passes a dying object; its destructor runs here, since the engine bounds the depth by itself.
        unsafe {
            if let Some(dealloc) = (*(*o).ob_type.load(Relaxed)).tp_dealloc {
                dealloc(o);
            }
        }
        Ok(())
    }
    fn _PyTrash_thread_destroy_chain(_tstate: *mut abi::PyThreadState) {
        Ok(())
    }
    /// Never: the trashcan macros of extensions then run destructors at once, and ours bound the depth.
    raw fn _Py_ReachedRecursionLimitWithMargin(_tstate: *mut abi::PyThreadState, _margin: c_int) -> c_int {
        fine(0)
    }
    fn PyTraceMalloc_Track(_domain: c_uint, _p: usize, _size: usize) -> c_int {
        fine(-2)
    }
    fn PyTraceMalloc_Untrack(_domain: c_uint, _p: usize) -> c_int {
        fine(-2)
    }
    raw fn PyRefTracer_SetTracer(_tracer: *mut c_void, _data: *mut c_void) -> c_int {
        fine(0)
    }
    raw fn PyRefTracer_GetTracer(data: *mut *mut c_void) -> *mut c_void {
        if !data.is_null() {
            // SAFETY: C passes a place.
            unsafe { *data = null_mut() };
        }
        fine(null_mut::<c_void>())
    }
}
