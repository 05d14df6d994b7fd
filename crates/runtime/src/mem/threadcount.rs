//! Per-thread counts of references to types, code objects and module namespaces.
//!
//! Every instance counts its class, every function its code, globals and builtins: with a shared word for that, threads that
//! only make objects of their own would still fight for one cache line. A deferred type, code object or dict therefore gets a
//! small number (a field of type and code, the upper half of a dict's tag), and a thread counts in its own array under it.
//! The true count is the header's two counts and all arrays' entries together; single parts may be negative. That is safe
//! because the object is deferred: the bias of its shared count keeps it alive whatever the parts say, and an ordinary
//! `decref` (of compiled extensions, say) may balance an increment made here.
//!
//! The arrays are folded into the shared counts when a thread ends and, with the world stopped, at the beginning of each
//! collection. What the collector then finds unreachable loses its number, and is counted in the ordinary way from there on.
//! A number is only read by attached threads, and only changed while the world is stopped (or before the object is shared).

use crate::object::{Object, SHARED_SHIFT, decref, incref};
use crate::objects::{Code, Dict};
use crate::thread::mutex::RawMutex;
use crate::thread::{ThreadState, state};
use crate::typeobject::Type;
use abi::PyObject;
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};

/// A thread's counts: entry `id - 1` belongs to the object numbered `id`.
pub struct Counts {
    values: Cell<*mut isize>,
    len: Cell<usize>,
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { values: Cell::new(null_mut()), len: Cell::new(0) }
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.set(Vec::new());
    }
}

impl Counts {
    /// Replaces the array.
    fn set(&self, new: Vec<isize>) {
        let (old, n) = (self.values.get(), self.len.get());
        let new = Box::leak(new.into_boxed_slice());
        self.len.set(new.len());
        self.values.set(new.as_mut_ptr());
        if n != 0 {
            // SAFETY: the array that an earlier call leaked.
            drop(unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(old, n)) });
        }
    }

    fn entries(&self) -> &[Cell<isize>] {
        if self.len.get() == 0 {
            return &[];
        }
        // SAFETY: a live array of this length; only the owner, or whoever stopped the world, looks at it.
        unsafe { core::slice::from_raw_parts(self.values.get().cast(), self.len.get()) }
    }
}

struct Table {
    lock: RawMutex,
    /// The object of each number; null: free.
    objects: UnsafeCell<Vec<*mut PyObject>>,
    free: UnsafeCell<Vec<usize>>,
}
// SAFETY: touched under the lock.
unsafe impl Sync for Table {}
static TABLE: Table =
    Table { lock: RawMutex::new(), objects: UnsafeCell::new(Vec::new()), free: UnsafeCell::new(Vec::new()) };

/// Where a dict's number is kept in its tag.
const DICT_SHIFT: u32 = 32;

fn number(p: *mut PyObject) -> usize {
    TABLE.lock.with_raw(|| {
        // SAFETY: under the lock.
        let (objects, free) = unsafe { (&mut *TABLE.objects.get(), &mut *TABLE.free.get()) };
        match free.pop() {
            Some(id) => {
                objects[id - 1] = p;
                id
            }
            None => {
                objects.push(p);
                objects.len()
            }
        }
    })
}

/// Counts a new heap type, which nobody else sees yet, per thread. It must be tracked.
pub fn enable_type(ty: &Type) {
    if super::refcount::set_deferred(ty) {
        // SAFETY: a heap type has the long layout.
        unsafe { (*ty.as_raw().cast::<abi::PyHeapTypeObject>()).unique_id = number(ty.as_ptr()) as isize };
    }
}

/// Counts a new namespace per thread.
pub fn enable_dict(d: &Dict) {
    if super::refcount::set_deferred(d) {
        let id = number(d.as_ptr()) as u64;
        d.ma_tag.fetch_or(id << DICT_SHIFT, AcqRel);
    }
}

/// The number of a code object, or 0.
#[inline(always)]
fn code_id(c: &Code) -> &AtomicUsize {
    // SAFETY: the field is only accessed atomically.
    unsafe { &*(&raw const c.base._co_unique_id).cast() }
}

/// A new reference to code, to be dropped with `decref_code` or `decref`.
#[inline(always)]
pub fn incref_code(c: &Code) -> *mut Code {
    let mut id = code_id(c).load(Relaxed);
    if id == 0 && super::refcount::is_deferred(c) {
        id = number_code(c);
    }
    if !count(id, 1) {
        // SAFETY: alive.
        unsafe { incref(c.as_ptr()) };
    }
    (c as *const Code).cast_mut()
}

#[cold]
#[inline(never)]
fn number_code(c: &Code) -> usize {
    let id = number(c.as_ptr());
    match code_id(c).compare_exchange(0, id, AcqRel, Relaxed) {
        Ok(_) => id,
        Err(other) => {
            free_number(id);
            other
        }
    }
}

/// Drops a reference to code, or nothing if it is null.
///
/// # Safety
/// The caller gives up one reference.
#[inline(always)]
pub unsafe fn decref_code(c: *mut Code) {
    // SAFETY: the caller's promise.
    unsafe {
        if !c.is_null() && !count(code_id(&*c).load(Relaxed), -1) {
            decref(c.cast());
        }
    }
}

/// The number of a heap type, or 0.
///
/// # Safety
/// `ty` is a live heap type.
#[inline(always)]
unsafe fn type_id(ty: *mut abi::PyTypeObject) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*ty.cast::<abi::PyHeapTypeObject>()).unique_id as usize }
}

#[inline(always)]
fn count(id: usize, by: isize) -> bool {
    let c = &ThreadState::current().counts;
    let i = id.wrapping_sub(1);
    if i < c.len.get() {
        // SAFETY: below the array's length; the array belongs to the running thread.
        unsafe { *c.values.get().add(i) += by };
        return true;
    }
    id != 0 && grow(c, i, by)
}

#[cold]
#[inline(never)]
fn grow(c: &Counts, i: usize, by: isize) -> bool {
    let mut new: Vec<isize> = c.entries().iter().map(Cell::get).collect();
    new.resize((i + 1).next_multiple_of(64).max(c.len.get() * 2), 0);
    new[i] += by;
    c.set(new);
    true
}

/// A new reference to a heap type.
///
/// # Safety
/// `ty` is a live heap type.
#[inline(always)]
pub unsafe fn incref_type(ty: *mut abi::PyTypeObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if !count(type_id(ty), 1) {
            incref(ty.cast());
        }
    }
}

/// Drops a reference to a heap type.
///
/// # Safety
/// The caller gives up one reference.
#[inline(always)]
pub unsafe fn decref_type(ty: *mut abi::PyTypeObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if !count(type_id(ty), -1) {
            decref(ty.cast());
        }
    }
}

#[inline(always)]
fn dict_id(o: &Object) -> usize {
    match o.downcast_exact::<Dict>() {
        Some(d) => (d.ma_tag.load(Relaxed) >> DICT_SHIFT) as usize,
        None => 0,
    }
}

/// A new reference to a namespace (or any other object), to be dropped with `decref_namespace` or `decref`.
#[inline(always)]
pub fn incref_namespace(o: &Object) -> *mut PyObject {
    if !count(dict_id(o), 1) {
        // SAFETY: alive.
        unsafe { incref(o.as_ptr()) };
    }
    o.as_ptr()
}

/// Drops a reference to a namespace (or any other object, or null).
///
/// # Safety
/// The caller gives up one reference.
#[inline(always)]
pub unsafe fn decref_namespace(p: *mut PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if !p.is_null() && !count(dict_id(Object::from_ptr(p)), -1) {
            decref(p);
        }
    }
}

/// Folds a thread's counts into the objects. On that thread, when it has ended, or while the world is stopped.
pub fn merge(ts: &ThreadState) {
    if ts.counts.entries().iter().all(|c| c.get() == 0) {
        return;
    }
    TABLE.lock.with_raw(|| {
        // SAFETY: under the lock.
        let objects = unsafe { &*TABLE.objects.get() };
        for (c, &p) in ts.counts.entries().iter().zip(objects) {
            let n = c.replace(0);
            if n != 0 && !p.is_null() {
                // SAFETY: numbered objects are alive.
                unsafe { (*p).ob_ref_shared.fetch_add(n << SHARED_SHIFT, AcqRel) };
            }
        }
    });
}

/// The part of an object's count that the running thread holds here.
pub fn local_part(o: &Object) -> isize {
    let i = id_of(o).wrapping_sub(1);
    ThreadState::current().counts.entries().get(i).map_or(0, Cell::get)
}

fn id_of(o: &Object) -> usize {
    if let Some(t) = o.downcast::<Type>() {
        // SAFETY: heap types have the long layout.
        return if t.is_heap_type() { unsafe { type_id(t.as_raw()) } } else { 0 };
    }
    if let Some(c) = o.downcast_exact::<Code>() {
        return code_id(c).load(Relaxed);
    }
    dict_id(o)
}

/// Takes an unreachable object's number away. The world is stopped, and all threads are merged.
pub(super) fn release(o: &Object) {
    let id = id_of(o);
    if id == 0 {
        return;
    }
    if let Some(t) = o.downcast::<Type>() {
        // SAFETY: a heap type, as it has a number.
        unsafe { (*t.as_raw().cast::<abi::PyHeapTypeObject>()).unique_id = 0 };
    } else if let Some(d) = o.downcast_exact::<Dict>() {
        d.ma_tag.fetch_and((1 << DICT_SHIFT) - 1, AcqRel);
    } else if let Some(c) = o.downcast_exact::<Code>() {
        code_id(c).store(0, Relaxed);
    }
    free_number(id);
}

fn free_number(id: usize) {
    TABLE.lock.with_raw(|| {
        // SAFETY: under the lock.
        unsafe {
            (&mut *TABLE.objects.get())[id - 1] = null_mut();
            (*TABLE.free.get()).push(id);
        }
    });
}

/// Merges every thread's counts. The world is stopped.
pub(super) fn merge_all() {
    let mut threads = Vec::new();
    state::for_each_thread_locked(|ts| threads.push(ts));
    for ts in threads {
        merge(ts);
    }
}

/// In a forked child: the lock may have been held by a thread that is gone.
pub(crate) fn after_fork() {
    TABLE.lock.reset();
}
