//! Deallocation, bounded in depth.
//!
//! A destructor drops references and so calls destructors. For GC containers the nesting is limited per thread: past
//! the limit an object is put on the thread's `delete_later` chain (linked through `ob_tid`, which is 0 in a dying object;
//! bit 0 remembers that it was tracked) and freed when the nesting has unwound.

use crate::arch;
use crate::object::gc_bits;
use abi::PyObject;
use core::sync::atomic::Ordering::Relaxed;

/// Nested destructor calls of containers before the rest is put off.
const MAX_DEPTH: u32 = 100;

/// Destroys an object whose last reference is gone.
///
/// # Safety
/// The count is zero and nobody else can reach the object.
#[unsafe(export_name = "_Py_Dealloc")]
pub unsafe extern "C" fn py_dealloc(p: *mut PyObject) {
    // SAFETY: a dying object still has its type, which has a destructor.
    unsafe {
        let ty = (*p).ob_type.load(Relaxed);
        let Some(dealloc) = (*ty).tp_dealloc else {
            debug_assert!(false, "type without tp_dealloc");
            return;
        };
        if (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC == 0 {
            return dealloc(p);
        }
        let Some(ts) = arch::tstate().as_ref() else { return dealloc(p) };
        let depth = ts.dealloc_depth.get();
        if depth >= MAX_DEPTH {
            return deposit(p);
        }
        ts.dealloc_depth.set(depth + 1);
        dealloc(p);
        ts.dealloc_depth.set(depth);
        if depth == 0 && !ts.abi().delete_later.is_null() {
            destroy_chain();
        }
    }
}

/// Puts a dying object on the chain.
///
/// # Safety
/// As `py_dealloc`, with a thread state attached.
pub unsafe fn deposit(p: *mut PyObject) {
    let ts = crate::thread::ThreadState::current();
    // SAFETY: nobody else can reach the object.
    unsafe {
        let bits = &(*p).ob_gc_bits;
        let tracked = bits.load(Relaxed) & gc_bits::TRACKED != 0;
        if tracked {
            bits.fetch_and(!gc_bits::TRACKED, Relaxed);
        }
        (*p).ob_tid.store(ts.abi().delete_later as usize | tracked as usize, Relaxed);
        ts.abi_mut().delete_later = p;
    }
}

/// Frees what is on the chain.
///
/// # Safety
/// A thread state is attached.
pub unsafe fn destroy_chain() {
    let ts = crate::thread::ThreadState::current();
    // SAFETY: objects on the chain are dying, each is destroyed once.
    unsafe {
        let depth = ts.dealloc_depth.get();
        ts.dealloc_depth.set(depth + 1);
        loop {
            let p = ts.abi().delete_later;
            if p.is_null() {
                break;
            }
            let link = (*p).ob_tid.load(Relaxed);
            ts.abi_mut().delete_later = (link & !1) as *mut PyObject;
            (*p).ob_tid.store(0, Relaxed);
            if link & 1 != 0 {
                (*p).ob_gc_bits.fetch_or(gc_bits::TRACKED, Relaxed);
            }
            if let Some(dealloc) = (*(*p).ob_type.load(Relaxed)).tp_dealloc {
                dealloc(p);
            }
        }
        ts.dealloc_depth.set(depth);
    }
}

/// Frees the memory of a dying instance through its type's `tp_free`: the last step of a static type's destructor. (A
/// heap subtype's own destructor drops the reference to the type.)
///
/// # Safety
/// The fields have been cleared, the object is not tracked.
pub unsafe fn free_instance(p: *mut PyObject) {
    // SAFETY: the object is dying; its type is alive.
    unsafe {
        let ty = (*p).ob_type.load(Relaxed);
        match (*ty).tp_free {
            Some(free) => free(p.cast()),
            None if (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 => super::gc::PyObject_GC_Del(p.cast()),
            None => super::domains::obj_free(p.cast()),
        }
    }
}

/// Destructor of GC objects whose Rust fields (after the header) own references: untracks, clears weak references, drops the
/// body in place, frees.
///
/// # Safety
/// As `tp_dealloc`; `B` is the type of the body at `offset`.
pub unsafe fn dealloc_body<B>(p: *mut PyObject, body: *mut B) {
    // SAFETY: the object is dying.
    unsafe {
        let o = crate::object::Object::from_ptr(p);
        super::gc::untrack(o);
        if (*(*p).ob_type.load(Relaxed)).tp_weaklistoffset != 0 {
            crate::objects::weakref::clear_weakrefs(p);
        }
        core::ptr::drop_in_place(body);
        free_instance(p);
    }
}
