//! One collection.
//!
//! With the world stopped: everything reachable from the frames of all threads (and from the interpreters' roots) is marked
//! alive first, so that the costlier reference arithmetic is only done for the rest. For each remaining tracked object
//! the true reference count is written into the page's side array, references among these objects are subtracted, and
//! what keeps a positive count, or is reachable from such, is alive too. The others are unreachable: each gets a reference of
//! ours, and weak references to them are cleared.
//!
//! The world runs again: weakref callbacks, then finalizers. It stops once more to find what the finalizers resurrected, and
//! to clear weak references that the finalizers made. What is still unreachable is cleared by `tp_clear` and our references are dropped.
//! Objects with a legacy `tp_del`, and what they reach, are not cleared but put in `gc.garbage`.

use super::debug;
use crate::error;
use crate::mem::heap::{self, Page};
use crate::mem::refcount::{self, DEFERRED_BIAS};
use crate::mem::{brc, plain, qsbr, threadcount};
use crate::object::{self, Object, PyRef, Ref, gc_bits};
use crate::objects::{Dict, Int, Str, weakref};
use crate::thread::state::for_each_thread_locked;
use crate::thread::{InterpreterState, ThreadState, breaker, stop_the_world};
use abi::PyObject;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Instant;

/// Side array values below zero; others are counts.
const UNVISITED: i32 = -1;
const ALIVE: i32 = -2;
const SKIP: i32 = -3;
/// Alive, but not traversed yet: the stack was full.
const PENDING: i32 = -4;

static COLLECTING: AtomicBool = AtomicBool::new(false);

/// The visitor of the subtracting phase (`Visitor::visit_borrowed` must know it).
pub(super) const SUBTRACT: unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int = subtract;

/// The object's entry in the side arrays, if it has one.
#[inline(always)]
fn side(p: *mut PyObject) -> Option<&'static mut i32> {
    let page = heap::gc_page(p)?;
    let s = page.side.get();
    if s.is_null() {
        return None;
    }
    // SAFETY: the array has an entry for every walkable block.
    Some(unsafe { &mut *s.add(page.index_of(p)) })
}

/// Objects that wait to be traversed. One object may refer to millions: beyond the limit they are only marked PENDING,
/// and found again by walking the pages.
#[derive(Default)]
struct Stack {
    objects: Vec<*mut PyObject>,
    pending: bool,
}

impl Stack {
    const LIMIT: usize = 1 << 14;

    #[inline(always)]
    fn push(&mut self, p: *mut PyObject, s: &mut i32) {
        if self.objects.len() < Self::LIMIT {
            *s = ALIVE;
            self.objects.push(p);
        } else {
            *s = PENDING;
            self.pending = true;
        }
    }

    /// Traverses everything that waits on the stack, with a visitor that pushes.
    fn propagate(&mut self, visit: Visit) {
        while let Some(p) = self.objects.pop() {
            traverse(p, visit, (self as *mut Stack).cast());
        }
    }
}

/// Marks what is unvisited, and collects it for traversal.
unsafe extern "C" fn mark(p: *mut PyObject, stack: *mut c_void) -> c_int {
    if let Some(s) = side(p)
        && *s == UNVISITED
    {
        // SAFETY: `propagate` passes its stack.
        unsafe { (*stack.cast::<Stack>()).push(p, s) };
    }
    0
}

unsafe extern "C" fn subtract(p: *mut PyObject, _: *mut c_void) -> c_int {
    if let Some(s) = side(p)
        && *s > 0
    {
        *s -= 1;
    }
    0
}

/// Marks what a live object reaches among the counted ones.
unsafe extern "C" fn revive(p: *mut PyObject, stack: *mut c_void) -> c_int {
    if let Some(s) = side(p)
        && *s >= 0
    {
        // SAFETY: `propagate` passes its stack.
        unsafe { (*stack.cast::<Stack>()).push(p, s) };
    }
    0
}

/// As `subtract` and `revive`, in the second stop: only what carries UNREACHABLE has a valid side entry.
unsafe extern "C" fn subtract_trash(p: *mut PyObject, arg: *mut c_void) -> c_int {
    // SAFETY: a referent is alive.
    unsafe { if is_trash(p) { subtract(p, arg) } else { 0 } }
}

unsafe extern "C" fn revive_trash(p: *mut PyObject, stack: *mut c_void) -> c_int {
    // SAFETY: a referent is alive.
    unsafe { if is_trash(p) { revive(p, stack) } else { 0 } }
}

unsafe fn is_trash(p: *mut PyObject) -> bool {
    // SAFETY: a referent is alive.
    unsafe { (*p).ob_gc_bits.load(Relaxed) & gc_bits::UNREACHABLE != 0 }
}

type Visit = unsafe extern "C" fn(*mut PyObject, *mut c_void) -> c_int;

#[inline]
fn traverse(p: *mut PyObject, visit: Visit, arg: *mut c_void) {
    // SAFETY: tracked objects can be traversed while the world is stopped.
    unsafe {
        if let Some(t) = (*(*p).ob_type.load(Relaxed)).tp_traverse {
            t(p, Some(visit), arg);
        }
    }
}

fn true_count(o: &PyObject) -> isize {
    let n = o.ob_ref_local.load(Relaxed) as isize + (o.ob_ref_shared.load(Relaxed) >> object::SHARED_SHIFT);
    if o.ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED != 0 { n - DEFERRED_BIAS } else { n }
}

/// A new reference, with the world stopped; false for an object that is about to die.
pub(super) unsafe fn try_incref_stopped(o: &Object) -> bool {
    if !o.is_immortal() && refcount::refcnt(o) <= 0 {
        return false;
    }
    // SAFETY: alive.
    unsafe { object::incref(o.as_ptr()) };
    true
}

/// Untracks a tuple that can never be part of a cycle: its items are no GC objects, or tuples of that kind.
fn untrack_tuple(p: *mut PyObject) -> bool {
    // SAFETY: a tracked tuple is complete or has null items; items are alive.
    unsafe {
        let tuple_type = <crate::objects::Tuple as object::PyClass>::type_object().as_raw();
        if (*p).ob_type.load(Relaxed) != tuple_type {
            return false;
        }
        if (*p).ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED != 0 {
            // Only the collector frees it.
            return false;
        }
        let t = p.cast::<abi::PyTupleObject>();
        let items = (&raw const (*t).ob_item).cast::<*mut PyObject>();
        for i in 0..(*t).ob_base.ob_size.max(0) as usize {
            let Some(x) = (*items.add(i)).as_ref() else { return false };
            let ty = x.ob_type.load(Relaxed);
            let may_be_tracked = (*ty).tp_flags & abi::Py_TPFLAGS_HAVE_GC != 0
                && (ty != tuple_type || x.ob_gc_bits.load(Relaxed) & gc_bits::TRACKED != 0);
            if may_be_tracked {
                return false;
            }
        }
        (*p).ob_gc_bits.fetch_and(!gc_bits::TRACKED, Relaxed);
        true
    }
}

/// The pages that are being looked at, with their side arrays.
struct Pages {
    pages: Vec<(&'static Page, *mut i32, usize)>,
    sides: *mut i32,
    bytes: usize,
    /// Objects in the pages, those that are not tracked included: they grew the count that asks for collections too.
    used: usize,
}

impl Pages {
    fn begin() -> Pages {
        let mut pages = Vec::new();
        let (mut total, mut used) = (0, 0);
        heap::for_each_gc_page(|page| {
            pages.push((page, null_mut(), page.carved()));
            total += page.carved();
            used += page.used();
        });
        // One mapping for all side arrays, which goes back to the system: the heap of the process stays small.
        let bytes = (total * size_of::<i32>()).max(1);
        let (rw, anon) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a fresh mapping.
        let sides: *mut i32 = unsafe { libc::mmap(null_mut(), bytes, rw, anon, -1, 0).cast() };
        if sides.cast() == libc::MAP_FAILED {
            // No memory to look for garbage: there is none.
            return Pages { pages: Vec::new(), sides: null_mut(), bytes: 0, used };
        }
        let mut next = sides;
        for (page, side, n) in &mut pages {
            *side = next;
            for i in 0..*n {
                // SAFETY: a block of a GC page has a readable header; the arrays have an entry for each.
                unsafe {
                    let bits = (*page.object(i)).ob_gc_bits.load(Relaxed);
                    let looked_at = bits & (gc_bits::TRACKED | gc_bits::FROZEN) == gc_bits::TRACKED;
                    *next = if looked_at && !untrack_tuple(page.object(i)) { UNVISITED } else { SKIP };
                    next = next.add(1);
                }
            }
            page.side.set(*side);
        }
        Pages { pages, sides, bytes, used }
    }

    /// Marks all that is reachable from what is on the stack.
    fn propagate(&mut self, stack: &mut Stack, visit: Visit) {
        stack.propagate(visit);
        while core::mem::take(&mut stack.pending) {
            let at: *mut Stack = stack;
            self.for_each(|p, s| {
                if *s == PENDING {
                    // SAFETY: the stack is not borrowed meanwhile.
                    unsafe {
                        (*at).push(p, s);
                        (*at).propagate(visit);
                    }
                }
            });
        }
    }

    #[inline]
    fn for_each(&mut self, mut f: impl FnMut(*mut PyObject, &mut i32)) {
        for &(page, base, n) in &self.pages {
            for i in 0..n {
                // Raw: `f` may change other entries through `side()`.
                // SAFETY: within the array.
                let s = unsafe { &mut *base.add(i) };
                if *s != SKIP {
                    f(page.object(i), s);
                }
            }
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        for (page, ..) in &self.pages {
            page.side.set(null_mut());
        }
        if !self.sides.is_null() {
            // SAFETY: mapped by `begin`; no page knows it any more.
            unsafe { libc::munmap(self.sides.cast(), self.bytes) };
        }
    }
}

/// What the first stop leaves to do.
struct Found {
    pages: Pages,
    unreachable: Vec<*mut PyObject>,
    legacy: Vec<PyRef>,
    callbacks: Vec<PyRef>,
    queued: Vec<*mut PyObject>,
    survivors: usize,
}

fn find_unreachable() -> Found {
    // References that wait in merge queues: merge them now, drop them when the world runs.
    let mut queued = Vec::new();
    let mut threads = Vec::new();
    for_each_thread_locked(|ts| threads.push(ts));
    for ts in &threads {
        if ts.bound_tid() != 0 {
            let q = brc::take(ts);
            for &p in &q {
                // SAFETY: the queue owns a reference; the owner is stopped.
                unsafe { refcount::explicit_merge(p, 0) };
            }
            queued.extend(q);
        }
    }

    threadcount::merge_all();

    let mut pages = Pages::begin();
    let mut stack = Stack::default();
    let arg = &raw mut stack;
    let mut root = |o: &Object| {
        // SAFETY: the stack is alive and not borrowed meanwhile; a root is a live object.
        unsafe {
            plain::mark(o.as_ptr());
            mark(o.as_ptr(), arg.cast());
        }
    };
    for ts in &threads {
        crate::interp::visit_thread_frames(ts, &mut root);
        ts.pins.visit(&mut root);
    }
    let mut interp = InterpreterState::head();
    while let Some(i) = interp {
        i.visit_roots(&mut root);
        interp = i.next_interp();
    }
    pages.propagate(&mut stack, mark);
    // Immortal objects are roots; objects without references are dying.
    let arg = &raw mut stack;
    pages.for_each(|p, s| {
        // SAFETY: tracked objects are readable; the stack is not borrowed meanwhile.
        unsafe {
            let o = &*p;
            if *s == UNVISITED && o.ob_ref_local.load(Relaxed) == object::IMMORTAL_LOCAL {
                (*arg).push(p, s);
            }
        }
    });
    pages.propagate(&mut stack, mark);

    // Counts for the rest.
    pages.for_each(|p, s| {
        if *s != UNVISITED {
            return;
        }
        // SAFETY: tracked objects are readable.
        let o = unsafe { &*p };
        let n = true_count(o);
        let deferred = o.ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED != 0;
        *s = if n < 0 || (n == 0 && !deferred) { SKIP } else { n.min(i32::MAX as isize / 2) as i32 };
    });
    pages.for_each(|p, s| {
        if *s >= 0 {
            traverse(p, subtract, null_mut());
        }
    });
    pages.for_each(|p, s| {
        if *s > 0 {
            stack.push(p, s);
            stack.propagate(revive);
        }
    });
    pages.propagate(&mut stack, revive);

    // Every frame slot has been visited: those of running frames as roots, those of generators above.
    queued.extend(plain::sweep());

    // Legacy finalizers keep what they reach out of the trash.
    let mut legacy = Vec::new();
    let mut any_legacy = false;
    let mut unreachable = Vec::new();
    pages.for_each(|p, s| {
        if *s >= 0 {
            unreachable.push(p);
            // SAFETY: unreachable objects are alive.
            any_legacy |= unsafe { (*(*p).ob_type.load(Relaxed)).tp_del.is_some() };
        }
    });
    if any_legacy {
        for &p in &unreachable {
            // SAFETY: unreachable objects are alive.
            unsafe {
                if (*(*p).ob_type.load(Relaxed)).tp_del.is_some() {
                    revive(p, (&raw mut stack).cast());
                    legacy.push(Object::from_ptr(p).to_ref());
                }
            }
        }
        pages.propagate(&mut stack, revive);
        unreachable.retain(|&p| side(p).is_some_and(|s| *s >= 0));
    }

    for &p in &unreachable {
        // SAFETY: alive; the owner is stopped. From here on the count is shared, and one of the references is ours.
        unsafe {
            let bits = &(*p).ob_gc_bits;
            let b = bits.load(Relaxed);
            let mut extra = 1;
            if b & gc_bits::DEFERRED != 0 {
                extra -= DEFERRED_BIAS;
                threadcount::release(Object::from_ptr(p));
            }
            bits.store((b & !gc_bits::DEFERRED) | gc_bits::UNREACHABLE, Relaxed);
            refcount::explicit_merge(p, extra);
        }
    }
    let mut callbacks = Vec::new();
    for &p in &unreachable {
        // SAFETY: alive, the world is stopped.
        unsafe { weakref::clear_for_collector(Object::from_ptr(p), &mut |w| !is_trash(w.as_ptr()), &mut callbacks) };
    }
    let survivors = pages.used.saturating_sub(unreachable.len());
    Found { pages, unreachable, legacy, callbacks, queued, survivors }
}

/// Takes out of `trash` what has been resurrected, and clears the weak references to the rest.
fn handle_resurrected(trash: &mut Vec<*mut PyObject>) {
    for &p in trash.iter() {
        if let Some(s) = side(p) {
            // SAFETY: we hold a reference; it does not count.
            let n = unsafe { true_count(&*p) } - 1;
            *s = n.clamp(0, i32::MAX as isize / 2) as i32;
        }
    }
    for &p in trash.iter() {
        traverse(p, subtract_trash, null_mut());
    }
    let mut stack = Stack::default();
    let mut begin = |p: *mut PyObject, wanted: fn(i32) -> bool| {
        if let Some(s) = side(p)
            && wanted(*s)
        {
            stack.push(p, s);
            stack.propagate(revive_trash);
        }
        core::mem::take(&mut stack.pending)
    };
    let mut pending = trash.iter().fold(false, |pending, &p| begin(p, |s| s > 0) | pending);
    while pending {
        pending = trash.iter().fold(false, |pending, &p| begin(p, |s| s == PENDING) | pending);
    }
    for &p in trash.iter() {
        // SAFETY: we hold a reference.
        unsafe {
            if side(p).is_some_and(|s| *s == ALIVE) {
                (*p).ob_gc_bits.fetch_and(!gc_bits::UNREACHABLE, Relaxed);
            }
        }
    }
}

fn call_callbacks(phase: &str, generation: usize, collected: usize, uncollectable: usize) {
    if !InterpreterState::current().gc.has_callbacks() {
        return;
    }
    let Ok(list) = InterpreterState::current().gc.callbacks() else { return error::take_error().map_or((), drop) };
    if list.len() == 0 {
        return;
    }
    let info = || -> error::PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        for (k, v) in [("generation", generation), ("collected", collected), ("uncollectable", uncollectable)] {
            d.set(Str::intern(k), &*Int::from_i64(v as i64)?)?;
        }
        Ok(d)
    };
    let args = info().and_then(|i| Ok((Str::new(phase)?, i)));
    let Ok((phase, info)) = args else { return error::take_error().map_or((), drop) };
    for cb in list.snapshot() {
        if cb.call(&[&phase, &info]).is_err() {
            crate::objects::exceptions::display::write_unraisable_call("weakref callback", &cb);
        }
    }
}

/// The second stop: returns what finalizers resurrected, and leaves in `unreachable` what is to be cleared.
fn second_look(unreachable: &mut Vec<*mut PyObject>) -> Vec<*mut PyObject> {
    let mut resurrected = Vec::new();
    handle_resurrected(unreachable);
    // SAFETY: we hold a reference to each.
    unreachable.retain(|&p| unsafe {
        let trash = is_trash(p);
        if !trash {
            resurrected.push(p);
        }
        trash
    });
    for &p in unreachable.iter() {
        // SAFETY: alive, the world is stopped.
        unsafe { weakref::clear_silently(Object::from_ptr(p)) };
        // A weak reference that is garbage itself: its callback must not see what is cleared below.
        // SAFETY: as above.
        if weakref::check(unsafe { Object::from_ptr(p) }) {
            // SAFETY: as above.
            unsafe { weakref::_PyWeakref_ClearRef(p.cast()) };
        }
    }
    resurrected
}

/// Runs a collection; the numbers of collected and of uncollectable objects.
pub(super) fn run(generation: usize) -> (usize, usize) {
    if COLLECTING.swap(true, Acquire) {
        return (0, 0);
    }
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            COLLECTING.store(false, Release);
        }
    }
    let _done = Done;
    let ts = ThreadState::current();
    let gc = &ts.interp().gc;
    ts.clear_breaker(breaker::GC_SCHEDULED);
    let flags = gc.debug.load(Relaxed);
    let begun = Instant::now();
    if flags & debug::STATS != 0 {
        eprintln!("gc: collecting generation {generation}...");
    }
    // A finalizer must not see, or lose, an exception that is set here.
    let saved = error::take_error();
    call_callbacks("start", generation, 0, 0);

    let Found { pages, mut unreachable, legacy, callbacks, queued, survivors } = stop_the_world(find_unreachable);
    gc.count.store(0, Relaxed);
    gc.long_lived.store(survivors as i64, Relaxed);
    for p in queued {
        // SAFETY: the references of the merge queues, and those that sweeping made.
        unsafe { object::decref(p) };
    }
    for w in callbacks {
        weakref::call_callback(&w);
    }
    for &p in &unreachable {
        // SAFETY: we hold a reference.
        unsafe {
            let o = Object::from_ptr(p);
            if let Some(f) = (*(*p).ob_type.load(Relaxed)).tp_finalize
                && !super::is_finalized(o)
            {
                super::set_finalized(o);
                f(p);
            }
        }
    }
    let mut resurrected = Vec::new();
    if !unreachable.is_empty() {
        stop_the_world(|| resurrected = second_look(&mut unreachable));
    }
    drop(pages);
    for p in resurrected {
        // SAFETY: our references.
        unsafe { object::decref(p) };
    }
    let collected = unreachable.len();
    if flags & debug::COLLECTABLE != 0 {
        for &p in &unreachable {
            // SAFETY: we hold a reference.
            eprintln!("gc: collectable <{} {:p}>", unsafe { Object::from_ptr(p) }.ty().name_str(), p);
        }
    }
    for p in unreachable {
        // SAFETY: our reference is dropped at the end of each round.
        unsafe {
            let o = Object::from_ptr(p);
            (*p).ob_gc_bits.fetch_and(!gc_bits::UNREACHABLE, Relaxed);
            if flags & debug::SAVEALL != 0 {
                if let Ok(g) = gc.garbage() {
                    let _ = g.append(o).map_err(|e| e.clear());
                }
            } else if let Some(clear) = (*(*p).ob_type.load(Relaxed)).tp_clear {
                clear(p);
                if error::error_occurred() {
                    error::write_unraisable(Some(o.ty()));
                }
            }
            object::decref(p);
        }
    }
    let uncollectable = legacy.len();
    for o in legacy {
        if flags & debug::UNCOLLECTABLE != 0 {
            eprintln!("gc: uncollectable <{} {:p}>", o.ty().name_str(), o.as_ptr());
        }
        if let Ok(g) = gc.garbage() {
            let _ = g.append(&o).map_err(|e| e.clear());
        }
    }
    let stats = &gc.stats[generation.min(2)];
    stats.collections.fetch_add(1, Relaxed);
    stats.collected.fetch_add(collected as u64, Relaxed);
    stats.uncollectable.fetch_add(uncollectable as u64, Relaxed);
    qsbr::checkpoint(ts);
    heap::trim();
    if flags & debug::STATS != 0 {
        eprintln!(
            "gc: done, {} unreachable, {} uncollectable, {:.4}s elapsed",
            collected + uncollectable,
            uncollectable,
            begun.elapsed().as_secs_f64()
        );
    }
    call_callbacks("stop", generation, collected, uncollectable);
    if let Some(e) = saved {
        let _ = error::restore(e);
    }
    (collected + uncollectable, uncollectable)
}
