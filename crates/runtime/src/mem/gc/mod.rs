//! The cycle collector: when it runs, what the Python side may set and ask, and the entry points of the C API.
//!
//! `collect.rs` holds the collection itself. Collections are process-wide (every interpreter's threads are stopped): pages
//! of the heap are not divided by interpreter. A collection is asked for when the number of GC objects made since the last
//! one, less those freed, passes the threshold and a part of the objects that survived; it runs at the next eval breaker. The
//! part is a quarter where collections find garbage; after one that found next to none (a program that builds up its data:
//! every collection stops all threads to look at all of it again) it is the whole.

mod collect;

use crate::error::PyResult;
use crate::mem::domains;
use crate::mem::heap::{self, Kind};
use crate::mem::refcount::init_header;
use crate::object::{Object, PyRef, Ref, gc_bits};
use crate::objects::List;
use crate::thread::{InterpreterState, ThreadState, breaker, stop_the_world};
use abi::{PyObject, PyTypeObject, PyVarObject};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64};

/// `gc.DEBUG_*`.
pub mod debug {
    pub const STATS: u32 = 1;
    pub const COLLECTABLE: u32 = 2;
    pub const UNCOLLECTABLE: u32 = 4;
    pub const SAVEALL: u32 = 32;
    pub const LEAK: u32 = COLLECTABLE | UNCOLLECTABLE | SAVEALL;
}

#[cfg(feature = "stress")]
const DEFAULT_THRESHOLD: u32 = 50;
#[cfg(not(feature = "stress"))]
const DEFAULT_THRESHOLD: u32 = 2000;

/// `gc.get_stats()`, per generation.
#[derive(Default)]
pub struct Stats {
    pub collections: AtomicU64,
    pub collected: AtomicU64,
    pub uncollectable: AtomicU64,
}

/// Per-interpreter state of the collector.
pub struct GcState {
    pub enabled: AtomicBool,
    collecting: AtomicBool,
    /// Net growth since the last collection.
    pub count: AtomicI64,
    pub thresholds: [AtomicU32; 3],
    /// Objects that survived the last collection.
    pub long_lived: AtomicI64,
    /// The last collection that an allocation asked for found next to nothing.
    fruitless: AtomicBool,
    /// Collections asked for since the next older generation was collected: what `gc.get_count()` shows.
    pub younger: [AtomicU32; 2],
    pub debug: AtomicU32,
    pub stats: [Stats; 3],
    /// `gc.garbage` and `gc.callbacks`: lists, or null before `init`.
    garbage: AtomicPtr<PyObject>,
    callbacks: AtomicPtr<PyObject>,
}

impl Default for GcState {
    fn default() -> Self {
        GcState {
            enabled: AtomicBool::new(true),
            collecting: AtomicBool::new(false),
            count: AtomicI64::new(0),
            thresholds: [AtomicU32::new(DEFAULT_THRESHOLD), AtomicU32::new(10), AtomicU32::new(0)],
            long_lived: AtomicI64::new(0),
            fruitless: AtomicBool::new(false),
            younger: Default::default(),
            debug: AtomicU32::new(0),
            stats: Default::default(),
            garbage: AtomicPtr::new(null_mut()),
            callbacks: AtomicPtr::new(null_mut()),
        }
    }
}

impl GcState {
    /// How much of a growth brings a collection, whatever the threshold says.
    fn patience(&self) -> i64 {
        let survivors = self.long_lived.load(Relaxed);
        if self.fruitless.load(Relaxed) { survivors } else { survivors / 4 }
    }

    fn list(slot: &AtomicPtr<PyObject>) -> PyResult<Ref<List>> {
        let mut p = slot.load(Acquire);
        if p.is_null() {
            let new = List::new()?.into_ptr();
            match slot.compare_exchange(null_mut(), new, AcqRel, Acquire) {
                Ok(_) => p = new,
                Err(old) => {
                    // SAFETY: ours, not published.
                    unsafe { crate::object::decref(new) };
                    p = old;
                }
            }
        }
        // SAFETY: the slot owns a list for the interpreter's life.
        unsafe { Ok(Object::from_ptr(p).to_ref().cast_into()) }
    }

    /// `gc.garbage`.
    pub fn garbage(&self) -> PyResult<Ref<List>> {
        Self::list(&self.garbage)
    }

    /// `gc.callbacks`.
    pub fn callbacks(&self) -> PyResult<Ref<List>> {
        Self::list(&self.callbacks)
    }

    /// `gc.garbage`, if it was ever asked for.
    pub fn garbage_if_any(&self) -> Option<Ref<List>> {
        // SAFETY: the slot owns a list for the interpreter's life.
        unsafe { Object::from_ptr_opt(self.garbage.load(Acquire)) }.map(|o| unsafe { o.to_ref().cast_into() })
    }

    /// At the interpreter's end: drops the lists.
    pub(crate) fn clear(&self) {
        for slot in [&self.garbage, &self.callbacks] {
            // SAFETY: the slot owned its reference.
            drop(unsafe { PyRef::from_ptr_opt(slot.swap(null_mut(), AcqRel)) });
        }
    }

    /// Whether `gc.callbacks` may hold something.
    fn has_callbacks(&self) -> bool {
        !self.callbacks.load(Acquire).is_null()
    }

    /// Visits the objects held here.
    pub(crate) fn visit_roots(&self, visit: &mut dyn FnMut(&Object)) {
        for slot in [&self.garbage, &self.callbacks] {
            // SAFETY: owned references.
            if let Some(o) = unsafe { Object::from_ptr_opt(slot.load(Relaxed)) } {
                visit(o);
            }
        }
    }
}

/// What `tp_traverse` reports its references to.
pub struct Visitor {
    visit: unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int,
    arg: *mut c_void,
}

impl Visitor {
    /// The visitor of a C `tp_traverse` call.
    ///
    /// # Safety
    /// `visit` and `arg` belong together.
    #[inline]
    pub unsafe fn new(visit: abi::visitproc, arg: *mut c_void) -> Visitor {
        Visitor { visit: visit.expect("tp_traverse without a visitor"), arg }
    }

    /// The same.
    ///
    /// # Safety
    /// `visit` and `arg` belong together.
    #[inline]
    pub unsafe fn from_c(visit: abi::visitproc, arg: *mut c_void) -> Visitor {
        // SAFETY: the caller's promise.
        unsafe { Visitor::new(visit, arg) }
    }

    /// For calling another `tp_traverse`.
    #[inline]
    pub fn as_c(&self) -> (abi::visitproc, *mut c_void) {
        (Some(self.visit), self.arg)
    }

    /// Reports a counted reference; null is skipped. Non-zero ends the traversal: return it.
    #[inline]
    pub fn visit_ptr(&mut self, p: *mut PyObject) -> c_int {
        if p.is_null() {
            return 0;
        }
        // SAFETY: the collector gave both.
        unsafe { (self.visit)(p, self.arg) }
    }

    #[inline]
    pub fn visit(&mut self, o: &Object) -> c_int {
        self.visit_ptr(o.as_ptr())
    }

    /// Reports a field that may be empty.
    #[inline]
    pub fn visit_opt<T>(&mut self, o: &Option<Ref<T>>) -> c_int {
        match o {
            Some(r) => self.visit_ptr(r.as_raw().cast()),
            None => 0,
        }
    }

    /// Reports a reference that is not counted (a borrowed frame slot of a generator): it keeps its target alive, but is
    /// no part of the target's count.
    #[inline]
    pub fn visit_borrowed(&mut self, p: *mut PyObject) -> c_int {
        if !p.is_null() {
            // SAFETY: a slot's object is alive.
            unsafe { crate::mem::plain::mark(p) };
        }
        if core::ptr::fn_addr_eq(self.visit, collect::SUBTRACT) { 0 } else { self.visit_ptr(p) }
    }
}

/// Whether the collector looks at the object.
#[inline]
pub fn is_tracked(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::TRACKED != 0
}

/// Makes the object known to the collector: its fields are valid from now on.
#[inline]
pub fn track(o: &Object) {
    // No read-modify-write: a fresh object is nobody else's yet.
    let b = &o.0.ob_gc_bits;
    b.store(b.load(Relaxed) | gc_bits::TRACKED, Relaxed);
}

/// Hides the object from the collector.
#[inline]
pub fn untrack(o: &Object) {
    let b = &o.0.ob_gc_bits;
    if b.load(Relaxed) & gc_bits::TRACKED != 0 {
        b.store(b.load(Relaxed) & !gc_bits::TRACKED, Relaxed);
    }
}

#[inline]
fn set_bits(o: &Object, bits: u8) {
    let b = &o.0.ob_gc_bits;
    if b.load(Relaxed) & bits != bits {
        b.fetch_or(bits, Relaxed);
    }
}

pub fn is_finalized(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::FINALIZED != 0
}

pub fn set_finalized(o: &Object) {
    set_bits(o, gc_bits::FINALIZED);
}

/// Whether instances of `ty` are GC objects in principle.
///
/// # Safety
/// `ty` is a live type.
#[inline]
pub unsafe fn type_is_gc(ty: *mut PyTypeObject) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0 }
}

/// Whether the object is a GC object (`PyObject_IS_GC`).
pub fn is_gc(o: &Object) -> bool {
    // SAFETY: an object's type is alive.
    unsafe {
        let ty = o.0.ob_type.load(Relaxed);
        type_is_gc(ty) && (*ty).tp_is_gc.is_none_or(|f| f(o.as_ptr()) != 0)
    }
}

/// Memory for an instance of `ty` with `size` bytes from the header on: from the right heap, not tracked, nothing initialised
/// but the pre-header and `ob_gc_bits`. Null when memory is short.
///
/// # Safety
/// `ty` is a live type.
#[inline]
pub unsafe fn alloc_for_type(ty: *mut PyTypeObject, size: usize) -> *mut PyObject {
    // SAFETY: the caller's promise.
    let flags = unsafe { (*ty).tp_flags };
    if flags & abi::Py_TPFLAGS_HAVE_GC == 0 {
        // SAFETY: attached, as for everything that makes objects.
        unsafe { domains::obj_malloc(size).cast() }
    } else if flags & abi::Py_TPFLAGS_PREHEADER != 0 {
        heap::alloc(size, Kind::GcPre).cast()
    } else {
        heap::alloc(size, Kind::Gc).cast()
    }
}

/// A heap's balance of GC objects: remembers it, and schedules a collection when there are enough new ones.
pub(super) fn count_objects(ts: &ThreadState, n: i32) {
    let gc = &ts.interp().gc;
    let count = gc.count.fetch_add(n as i64, Relaxed) + n as i64;
    let threshold = gc.thresholds[0].load(Relaxed) as i64;
    if n > 0
        && threshold != 0
        && count > threshold
        && (count > gc.patience() || gc.thresholds[1].load(Relaxed) == 0)
        && gc.enabled.load(Relaxed)
        && !gc.collecting.load(Relaxed)
    {
        ts.set_breaker(breaker::GC_SCHEDULED);
    }
}

/// Brings the next collection closer, as a sixteenth of the objects it waits for would.
pub(crate) fn charge(ts: &ThreadState) {
    let gc = &ts.interp().gc;
    let wait = (gc.thresholds[0].load(Relaxed) as i64).max(gc.patience());
    count_objects(ts, (wait / 16).clamp(1, i32::MAX as i64) as i32);
}

/// Collects everything now; the number of unreachable objects found.
pub fn collect() -> usize {
    collect_generation(2)
}

/// `gc.collect(generation)`: there is one generation, the number only selects the statistics and what callbacks are told.
pub fn collect_generation(generation: usize) -> usize {
    let younger = &InterpreterState::current().gc.younger;
    for (i, n) in younger.iter().enumerate() {
        if i < generation {
            n.store(0, Relaxed);
        } else if i == generation {
            n.fetch_add(1, Relaxed);
        }
    }
    collect::run(generation.min(2)).0
}

/// The collection that an allocation asked for through the eval breaker.
pub(crate) fn run_scheduled() {
    if is_enabled() {
        let gc = &InterpreterState::current().gc;
        let grown = gc.count.load(Relaxed);
        let found = collect::run(0).0 as i64;
        gc.fruitless.store(found < grown / 16, Relaxed);
    }
}

pub fn enable() {
    InterpreterState::current().gc.enabled.store(true, Release);
}

/// Runs `f`, whose objects live as long as the interpreter: no collection looks for garbage meanwhile.
pub(crate) fn building<R>(f: impl FnOnce() -> R) -> R {
    let gc = &InterpreterState::current().gc;
    let was = gc.enabled.swap(false, AcqRel);
    let r = f();
    gc.long_lived.fetch_add(gc.count.swap(0, Relaxed), Relaxed);
    gc.enabled.store(was, Release);
    r
}

pub fn disable() {
    InterpreterState::current().gc.enabled.store(false, Release);
}

pub fn is_enabled() -> bool {
    InterpreterState::current().gc.enabled.load(Acquire)
}

fn for_each_tracked(mut f: impl FnMut(&Object)) {
    heap::for_each_gc_page(|page| {
        for i in 0..page.carved() {
            // SAFETY: a block of a GC page has a readable header.
            let o = unsafe { Object::from_ptr(page.object(i)) };
            if is_tracked(o) {
                f(o);
            }
        }
    });
}

/// Every tracked object for which `keep` says yes, as new references. `keep` runs with the world stopped.
fn select(mut keep: impl FnMut(&Object) -> bool) -> Vec<PyRef> {
    stop_the_world(|| {
        let mut out = Vec::new();
        for_each_tracked(|o| {
            // SAFETY: tracked objects are alive, unless they are about to die.
            if keep(o) && unsafe { collect::try_incref_stopped(o) } {
                // SAFETY: the reference was just taken.
                out.push(unsafe { Ref::from_raw(o.as_ptr().cast()) });
            }
        });
        out
    })
}

/// `gc.get_objects()`.
pub fn get_objects() -> Vec<PyRef> {
    select(|_| true)
}

unsafe extern "C" fn is_among(p: *mut PyObject, arg: *mut c_void) -> c_int {
    // SAFETY: `get_referrers` passes a slice.
    let targets = unsafe { &*arg.cast::<&[&Object]>() };
    targets.iter().any(|t| t.as_ptr() == p) as c_int
}

/// `gc.get_referrers(*targets)`.
pub fn get_referrers(targets: &[&Object]) -> Vec<PyRef> {
    let mut arg = targets;
    let arg = &raw mut arg;
    select(|o| {
        // SAFETY: a tracked object can be traversed while the world is stopped.
        unsafe { o.ty().slots().tp_traverse.is_some_and(|t| t(o.as_ptr(), Some(is_among), arg.cast()) != 0) }
    })
}

unsafe extern "C" fn collect_referent(p: *mut PyObject, arg: *mut c_void) -> c_int {
    // SAFETY: `get_referents` passes a vector; a referent is alive.
    unsafe { (*arg.cast::<Vec<PyRef>>()).push(Object::from_ptr(p).to_ref()) };
    0
}

/// `gc.get_referents(*objs)`.
pub fn get_referents(objs: &[&Object]) -> Vec<PyRef> {
    let mut out: Vec<PyRef> = Vec::new();
    stop_the_world(|| {
        for o in objs.iter().filter(|o| is_gc(o)) {
            if let Some(t) = o.ty().slots().tp_traverse {
                // SAFETY: the world is stopped.
                unsafe { t(o.as_ptr(), Some(collect_referent), (&raw mut out).cast()) };
            }
        }
    });
    out
}

/// `gc.freeze()`: what exists now is not looked at by later collections.
pub fn freeze() {
    stop_the_world(|| for_each_tracked(|o| set_bits(o, gc_bits::FROZEN)));
}

/// `gc.unfreeze()`.
pub fn unfreeze() {
    stop_the_world(|| {
        for_each_tracked(|o| {
            o.0.ob_gc_bits.fetch_and(!gc_bits::FROZEN, Relaxed);
        })
    });
}

/// `gc.get_freeze_count()`.
pub fn freeze_count() -> usize {
    let mut n = 0;
    stop_the_world(|| for_each_tracked(|o| n += (o.0.ob_gc_bits.load(Relaxed) & gc_bits::FROZEN != 0) as usize));
    n
}

/// `PyUnstable_GC_VisitObjects`: calls `f` for every tracked object until it returns false.
pub fn visit_objects(mut f: impl FnMut(&Object) -> bool) {
    for o in get_objects() {
        if !f(&o) {
            break;
        }
    }
}

/// Memory and header of an instance of `size` bytes, not tracked; null without an exception when memory is short.
///
/// # Safety
/// `ty` is a live GC type.
pub unsafe fn new_object(ty: *mut PyTypeObject, size: usize) -> *mut PyObject {
    // SAFETY: fresh memory; a heap type gets a reference from each instance.
    unsafe {
        let p = alloc_for_type(ty, size);
        if p.is_null() {
            return null_mut();
        }
        init_header(p, ty);
        if (*ty).tp_flags & abi::Py_TPFLAGS_HEAPTYPE != 0 {
            crate::mem::threadcount::incref_type(ty);
        }
        p
    }
}

fn no_memory() {
    let _ = crate::raise!(MemoryError, "");
}

/// `_PyObject_GC_New`: memory and header of a GC object, not tracked.
///
/// # Safety
/// `ty` is a live GC type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_GC_New(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: the caller's promise.
    let p = unsafe { new_object(ty, (*ty).tp_basicsize as usize) };
    if p.is_null() {
        no_memory();
    }
    p
}

/// `_PyObject_GC_NewVar`.
///
/// # Safety
/// `ty` is a live GC type with items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_GC_NewVar(ty: *mut PyTypeObject, n: isize) -> *mut PyVarObject {
    // SAFETY: the caller's promise.
    unsafe {
        let p: *mut PyVarObject = new_object(ty, var_size(ty, n)).cast();
        if p.is_null() {
            no_memory();
        } else {
            (*p).ob_size = n;
        }
        p
    }
}

/// `_PyObject_GC_Resize`: changes the number of items of an untracked object that only the caller knows.
///
/// # Safety
/// `p` is such an object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyObject_GC_Resize(p: *mut PyVarObject, n: isize) -> *mut PyVarObject {
    // SAFETY: the caller's promise.
    unsafe {
        let ty = (*p).ob_base.ob_type.load(Relaxed);
        let (old, new) = (var_size(ty, (*p).ob_size), var_size(ty, n));
        let kind = if (*ty).tp_flags & abi::Py_TPFLAGS_PREHEADER != 0 { Kind::GcPre } else { Kind::Gc };
        if new <= heap::usable_size(p.cast()) && new.saturating_mul(2) >= heap::usable_size(p.cast()) {
            (*p).ob_size = n;
            return p;
        }
        let q: *mut PyVarObject = heap::alloc(new, kind).cast();
        if q.is_null() {
            no_memory();
            return q;
        }
        let pre = if kind == Kind::GcPre { heap::PREHEADER } else { 0 };
        core::ptr::copy_nonoverlapping(p.cast::<u8>().sub(pre), q.cast::<u8>().sub(pre), old.min(new) + pre);
        (*q).ob_size = n;
        heap::free(p.cast(), kind);
        q
    }
}

/// Size of an instance with `n` items, rounded up to pointers.
///
/// # Safety
/// `ty` is a live type.
#[inline]
pub unsafe fn var_size(ty: *mut PyTypeObject, n: isize) -> usize {
    // SAFETY: the caller's promise.
    let (basic, item) = unsafe { ((*ty).tp_basicsize as usize, (*ty).tp_itemsize as usize) };
    basic.saturating_add((n.max(0) as usize).saturating_mul(item)).saturating_add(7) & !7
}

/// `PyObject_GC_Track`.
///
/// # Safety
/// `p` is a GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_Track(p: *mut c_void) {
    // SAFETY: the caller's promise.
    track(unsafe { Object::from_ptr(p.cast()) })
}

/// `PyObject_GC_UnTrack`.
///
/// # Safety
/// `p` is a GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_UnTrack(p: *mut c_void) {
    // SAFETY: the caller's promise.
    untrack(unsafe { Object::from_ptr(p.cast()) })
}

/// `PyObject_GC_Del`: frees a GC object's memory.
///
/// # Safety
/// `p` is a dying GC object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_Del(p: *mut c_void) {
    // SAFETY: the caller's promise; the page knows whether there is a pre-header.
    unsafe { heap::free(p, Kind::Gc) }
}

/// `PyObject_GC_IsTracked`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_IsTracked(p: *mut PyObject) -> c_int {
    // SAFETY: the caller's promise.
    let o = unsafe { Object::from_ptr(p) };
    (is_gc(o) && is_tracked(o)) as c_int
}

/// `PyObject_GC_IsFinalized`.
///
/// # Safety
/// `p` is a live object.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyObject_GC_IsFinalized(p: *mut PyObject) -> c_int {
    // SAFETY: the caller's promise.
    let o = unsafe { Object::from_ptr(p) };
    (is_gc(o) && is_finalized(o)) as c_int
}
