//! Life's end of instances of Python classes: `tp_dealloc`, `tp_traverse`, `tp_clear`, and finalizers with resurrection.

use super::cabi::{self, o, visit};
use super::{Type, alloc};
use crate::arch;
use crate::mem::{gc, refcount};
use crate::objects::dict::instance;
use crate::prelude::*;
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};
use core::ptr::fn_addr_eq;
use core::sync::atomic::Ordering::Relaxed;

/// Clears the weak references of a dying object whose list is `list`.
pub unsafe fn clear_weakrefs_of(p: *mut PyObject, list: *mut *mut PyObject) {
    // SAFETY: the object's own list.
    unsafe {
        if !(*list).is_null() {
            crate::objects::weakref::clear_weakrefs(p);
        }
    }
}

type Dealloc = unsafe extern "C" fn(*mut PyObject);
type Traverse = unsafe extern "C" fn(*mut PyObject, abi::visitproc, *mut c_void) -> c_int;
type Clear = unsafe extern "C" fn(*mut PyObject) -> c_int;

/// The member table of a Python class, stored in the items of its type object.
pub fn slot_members(t: *mut PyTypeObject) -> (*mut abi::PyMemberDef, usize) {
    // SAFETY: a heap type; its item area starts at its metatype's basic size.
    unsafe {
        let n = (*t).ob_base.ob_size.max(0) as usize;
        let meta = o(t.cast()).ty().slots();
        (t.cast::<u8>().add(meta.tp_basicsize as usize).cast(), n)
    }
}

unsafe fn each_slot(t: *mut PyTypeObject, p: *mut PyObject, f: &mut dyn FnMut(*mut *mut PyObject) -> c_int) -> c_int {
    // SAFETY: members of `__slots__` are object pointers inside the instance.
    unsafe {
        if (*t).tp_flags & abi::Py_TPFLAGS_HEAPTYPE == 0 {
            return 0;
        }
        let (m, n) = slot_members(t);
        for i in 0..n {
            let d = &*m.add(i);
            if d.type_ == abi::Py_T_OBJECT_EX && d.flags & abi::Py_READONLY == 0 {
                let r = f(p.cast::<u8>().offset(d.offset).cast());
                if r != 0 {
                    return r;
                }
            }
        }
        0
    }
}

unsafe fn clear_slots(t: *mut PyTypeObject, p: *mut PyObject) {
    // SAFETY: a dying (or unreachable) instance.
    unsafe {
        each_slot(t, p, &mut |s| {
            let v = s.replace(core::ptr::null_mut());
            drop(PyRef::from_ptr_opt(v));
            0
        });
    }
}

/// Where a non-managed `__dict__` pointer lies, following negative offsets from the end.
pub unsafe fn dict_slot(p: *mut PyObject) -> *mut *mut PyObject {
    // SAFETY: a live object.
    unsafe {
        let t = o(p).ty().as_raw();
        let off = (*t).tp_dictoffset;
        if off == 0 || (*t).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            return core::ptr::null_mut();
        }
        if off > 0 {
            return p.cast::<u8>().offset(off).cast();
        }
        let n = (*p.cast::<abi::PyVarObject>()).ob_size.unsigned_abs() as isize;
        let size = gc::var_size(t, n) as isize;
        p.cast::<u8>().offset(size + off).cast()
    }
}

/// `tp_dealloc` of Python classes.
pub unsafe extern "C" fn subtype_dealloc(p: *mut PyObject) {
    // SAFETY: the object is dying.
    cabi::void(|| unsafe {
        let ty = o(p).ty().as_raw();
        let is_gc = (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0;
        let me = subtype_dealloc as Dealloc;
        // The nearest base with a destructor of its own.
        let mut base = ty;
        while (*base).tp_dealloc.is_some_and(|d| fn_addr_eq(d, me)) {
            base = (*base).tp_base;
        }
        if is_gc {
            gc::untrack(o(p));
        }
        if (*ty).tp_finalize.is_some() {
            if is_gc {
                gc::track(o(p));
            }
            if call_finalizer_from_dealloc(p) {
                return;
            }
            if is_gc {
                gc::untrack(o(p));
            }
        }
        if (*ty).tp_weaklistoffset != 0 && (*base).tp_weaklistoffset == 0 {
            crate::objects::weakref::clear_weakrefs(p);
        }
        if let Some(del) = (*ty).tp_del {
            if is_gc {
                gc::track(o(p));
            }
            del(p);
            if crate::mem::refcount::refcnt(o(p)) > 0 {
                return;
            }
            if is_gc {
                gc::untrack(o(p));
            }
        }
        if (*ty).tp_del.is_some() && (*ty).tp_weaklistoffset != 0 && (*base).tp_weaklistoffset == 0 {
            // Those that it has made.
            crate::objects::weakref::clear_weakrefs(p);
        }
        let mut t = ty;
        while t != base {
            if (*t).ob_base.ob_size != 0 {
                clear_slots(t, p);
            }
            t = (*t).tp_base;
        }
        if (*ty).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            if (*base).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT == 0 {
                instance::clear_managed_dict(p);
            }
        } else if (*ty).tp_dictoffset != 0 && (*base).tp_dictoffset == 0 {
            let s = dict_slot(p);
            if !s.is_null() {
                drop(PyRef::from_ptr_opt(s.replace(core::ptr::null_mut())));
            }
        }
        let needs_decref =
            (*ty).tp_flags & abi::Py_TPFLAGS_HEAPTYPE != 0 && (*base).tp_flags & abi::Py_TPFLAGS_HEAPTYPE == 0;
        if is_gc && (*base).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 {
            gc::track(o(p));
        }
        if let Some(d) = (*base).tp_dealloc {
            d(p);
        }
        if needs_decref {
            crate::mem::threadcount::decref_type(ty);
        }
    })
}

/// `tp_traverse` of Python classes.
pub unsafe extern "C" fn subtype_traverse(p: *mut PyObject, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector.
    unsafe {
        let ty = o(p).ty().as_raw();
        let me = subtype_traverse as Traverse;
        let mut base = ty;
        while (*base).tp_traverse.is_some_and(|t| fn_addr_eq(t, me)) {
            if (*base).ob_base.ob_size != 0 {
                let r = each_slot(base, p, &mut |s| visit(*s, v, arg));
                if r != 0 {
                    return r;
                }
            }
            base = (*base).tp_base;
        }
        if (*ty).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            if (*base).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT == 0 {
                let r = instance::visit_managed_dict(p, v, arg);
                if r != 0 {
                    return r;
                }
            }
        } else if (*ty).tp_dictoffset != (*base).tp_dictoffset {
            let s = dict_slot(p);
            if !s.is_null() {
                let r = visit(*s, v, arg);
                if r != 0 {
                    return r;
                }
            }
        }
        if (*ty).tp_flags & abi::Py_TPFLAGS_HEAPTYPE != 0
            && ((*base).tp_traverse.is_none() || (*base).tp_flags & abi::Py_TPFLAGS_HEAPTYPE == 0)
        {
            let r = visit(ty.cast(), v, arg);
            if r != 0 {
                return r;
            }
        }
        match (*base).tp_traverse {
            Some(f) => f(p, v, arg),
            None => 0,
        }
    }
}

/// `tp_clear` of Python classes.
pub unsafe extern "C" fn subtype_clear(p: *mut PyObject) -> c_int {
    // SAFETY: called by the collector on unreachable objects.
    unsafe {
        let ty = o(p).ty().as_raw();
        let me = subtype_clear as Clear;
        let mut base = ty;
        while (*base).tp_clear.is_some_and(|t| fn_addr_eq(t, me)) {
            if (*base).ob_base.ob_size != 0 {
                clear_slots(base, p);
            }
            base = (*base).tp_base;
        }
        if (*ty).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
            if (*base).tp_flags & abi::Py_TPFLAGS_MANAGED_DICT == 0 {
                instance::clear_managed_dict(p);
            }
        } else if (*ty).tp_dictoffset != (*base).tp_dictoffset {
            let s = dict_slot(p);
            if !s.is_null() {
                drop(PyRef::from_ptr_opt(s.replace(core::ptr::null_mut())));
            }
        }
        match (*base).tp_clear {
            Some(f) => f(p),
            None => 0,
        }
    }
}

/// Calls `tp_finalize` unless it already ran.
pub fn call_finalizer(x: &Object) {
    let ty = x.ty();
    let Some(f) = ty.slots().tp_finalize else { return };
    if ty.is_gc() && gc::is_finalized(x) {
        return;
    }
    // SAFETY: a C slot.
    unsafe { f(x.as_ptr()) };
    if ty.is_gc() {
        gc::set_finalized(x);
    }
}

/// Calls the finalizer of a dying object; true when it was brought back to life.
///
/// # Safety
/// `p` is dying: its count is zero.
pub unsafe fn call_finalizer_from_dealloc(p: *mut PyObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { while_alive(p, || call_finalizer(o(p))) }
}

/// Runs `f` while the dying object has a reference again; whether `f` kept one.
///
/// # Safety
/// `p` is an object whose last reference is gone.
pub unsafe fn while_alive(p: *mut PyObject, f: impl FnOnce()) -> bool {
    // SAFETY: nobody else reaches the object until `f` publishes it.
    unsafe {
        let h = &*p;
        h.ob_tid.store(arch::thread_id(), Relaxed);
        h.ob_ref_local.store(1, Relaxed);
        h.ob_ref_shared.store(0, Relaxed);
        f();
        if o(p).is_uniquely_referenced() {
            h.ob_ref_local.store(0, Relaxed);
            return false;
        }
        if o(p).is_owned_by_current_thread() {
            let local = h.ob_ref_local.load(Relaxed);
            if local > 1 {
                h.ob_ref_local.store(local - 1, Relaxed);
                return true;
            }
        }
        refcount::explicit_merge(p, -1) > 0
    }
}

/// `PyObject_CallFinalizer`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_CallFinalizer(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    cabi::void(|| call_finalizer(unsafe { o(p) }))
}

/// `PyObject_CallFinalizerFromDealloc`: -1 when the object lives on.
///
/// # Safety
/// `p` is dying.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_CallFinalizerFromDealloc(p: *mut PyObject) -> c_int {
    // SAFETY: the caller's promise.
    if unsafe { call_finalizer_from_dealloc(p) } { -1 } else { 0 }
}

/// `tp_dealloc` of `object` and of native types without one of their own.
pub unsafe extern "C" fn object_dealloc(p: *mut PyObject) {
    // SAFETY: the object is dying.
    cabi::void(|| unsafe {
        match o(p).ty().slots().tp_free {
            Some(f) => f(p.cast()),
            None => alloc::PyObject_Free(p.cast()),
        }
    })
}

/// Visits the type from a native `tp_traverse` when it is a heap type.
pub unsafe fn visit_type(p: *mut PyObject, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called from a tp_traverse.
    unsafe {
        let t: &Type = o(p).ty();
        if t.is_heap_type() { visit(t.as_ptr(), v, arg) } else { 0 }
    }
}
