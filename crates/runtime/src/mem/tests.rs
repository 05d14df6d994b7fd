//! Tests of heap, counts, reclamation, collector and locks on objects of two made-up types.
//!
//! What their unsafe blocks lean on is the same everywhere: objects of the two types made here, in a runtime of these tests.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::heap::{self, Kind};
use super::{gc, qsbr, refcount};
use crate::object::{Object, decref, gc_bits, incref};
use crate::thread::mutex::RawMutex;
use crate::thread::{InterpreterState, ThreadState, attach_new, critical2, detach, handle_breaker, stop_the_world};
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicPtr, AtomicUsize};
use std::sync::{Once, OnceLock};

static FREED: AtomicUsize = AtomicUsize::new(0);

/// Tests that count objects, stop the world, turn the GIL on or hold a reader attached while it waits: one at a time. A test
/// beside them may run threads of its own, but must wait for them detached: whoever waits attached holds up the stop that
/// the awaited thread is waiting for.
static SERIAL: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn interp() -> &'static InterpreterState {
    static I: OnceLock<usize> = OnceLock::new();
    let p = *I.get_or_init(|| InterpreterState::new() as *const _ as usize);
    // SAFETY: leaked.
    unsafe { &*(p as *const InterpreterState) }
}

/// Attaches the test's thread while it lives.
struct Attached(&'static ThreadState);
impl Attached {
    fn new() -> Attached {
        Attached(attach_new(interp()).unwrap())
    }
}
impl Drop for Attached {
    fn drop(&mut self) {
        // SAFETY: the test is over.
        unsafe {
            self.0.clear();
            self.0.delete_current();
        }
    }
}

static mut PLAIN: PyTypeObject = unsafe { core::mem::zeroed() };
static mut NODE: PyTypeObject = unsafe { core::mem::zeroed() };

#[repr(C)]
struct Node {
    ob: PyObject,
    next: AtomicPtr<PyObject>,
}

unsafe extern "C" fn plain_dealloc(p: *mut PyObject) {
    FREED.fetch_add(1, SeqCst);
    unsafe { super::domains::obj_free(p.cast()) }
}
unsafe extern "C" fn node_dealloc(p: *mut PyObject) {
    unsafe {
        gc::untrack(Object::from_ptr(p));
        node_clear(p);
        FREED.fetch_add(1, SeqCst);
        gc::PyObject_GC_Del(p.cast());
    }
}
unsafe extern "C" fn node_traverse(p: *mut PyObject, visit: abi::visitproc, arg: *mut c_void) -> c_int {
    let n = unsafe { (*p.cast::<Node>()).next.load(Relaxed) };
    if n.is_null() { 0 } else { unsafe { visit.unwrap()(n, arg) } }
}
unsafe extern "C" fn node_clear(p: *mut PyObject) -> c_int {
    let n = unsafe { (*p.cast::<Node>()).next.swap(null_mut(), Relaxed) };
    if !n.is_null() {
        unsafe { decref(n) };
    }
    0
}

fn types() -> (*mut PyTypeObject, *mut PyTypeObject) {
    static ONCE: Once = Once::new();
    let (plain, node) = (&raw mut PLAIN, &raw mut NODE);
    ONCE.call_once(|| unsafe {
        (*plain).tp_basicsize = 32;
        (*plain).tp_dealloc = Some(plain_dealloc);
        (*node).tp_basicsize = 40;
        (*node).tp_flags = abi::Py_TPFLAGS_HAVE_GC;
        (*node).tp_dealloc = Some(node_dealloc);
        (*node).tp_traverse = Some(node_traverse);
        (*node).tp_clear = Some(node_clear);
    });
    (plain, node)
}

fn plain() -> *mut PyObject {
    let (t, _) = types();
    unsafe {
        let p = gc::alloc_for_type(t, 32);
        refcount::init_header(p, t);
        p
    }
}

fn node(next: *mut PyObject) -> *mut PyObject {
    let (_, t) = types();
    unsafe {
        let p = gc::new_object(t, 40);
        (*p.cast::<Node>()).next = AtomicPtr::new(next);
        gc::track(Object::from_ptr(p));
        p
    }
}

#[test]
fn sizes_and_reuse() {
    let _a = Attached::new();
    let mut all = Vec::new();
    for n in 1..3000usize {
        for kind in [Kind::Mem, Kind::Obj, Kind::Gc, Kind::GcPre] {
            let size = n.max(32);
            let p = heap::alloc(size, kind).cast::<u8>();
            assert_eq!(p as usize % 16, 0);
            unsafe {
                assert!(heap::usable_size(p.cast()) >= size);
                core::ptr::write_bytes(p.add(12), 0xab, size - 12);
            }
            all.push((p, kind));
        }
    }
    heap::check();
    for (p, kind) in all.drain(..) {
        unsafe { heap::free(p.cast(), kind) };
    }
    heap::check();
    for size in [20_000, 100_000, 1_000_000] {
        for kind in [Kind::Mem, Kind::Obj, Kind::Gc, Kind::GcPre] {
            let p = heap::alloc(size, kind).cast::<u8>();
            unsafe {
                core::ptr::write_bytes(p.add(12), 0xab, size - 12);
                heap::free(p.cast(), kind);
            }
        }
    }
    qsbr::checkpoint(ThreadState::current());
}

#[test]
fn blocks_freed_elsewhere_come_back() {
    let _a = Attached::new();
    for _ in 0..20 {
        let blocks: Vec<usize> = (0..5000).map(|_| heap::alloc(48, Kind::Obj) as usize).collect();
        let t = std::thread::spawn(move || {
            let _a = Attached::new();
            for b in blocks {
                unsafe { heap::free(b as *mut c_void, Kind::Obj) };
            }
        });
        detach(|| t.join().unwrap());
    }
    heap::check();
}

#[test]
fn counts_across_threads() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    let before = FREED.load(SeqCst);
    let objs: Vec<usize> = (0..1000).map(|_| plain() as usize).collect();
    for &p in &objs {
        // A second reference for the other thread.
        unsafe { incref(p as *mut PyObject) };
    }
    let theirs = objs.clone();
    let t = std::thread::spawn(move || {
        let _a = Attached::new();
        for p in theirs {
            let p = p as *mut PyObject;
            unsafe {
                incref(p);
                decref(p);
                decref(p);
            }
        }
    });
    for &p in &objs {
        unsafe { decref(p as *mut PyObject) };
    }
    detach(|| t.join().unwrap());
    handle_breaker().unwrap();
    assert_eq!(FREED.load(SeqCst) - before, 1000);
    // Objects of a thread that has ended.
    let p = std::thread::spawn(|| {
        let _a = Attached::new();
        plain() as usize
    });
    let p = detach(|| p.join().unwrap()) as *mut PyObject;
    unsafe { decref(p) };
    assert_eq!(FREED.load(SeqCst) - before, 1001);
}

#[test]
fn try_incref_fails_on_the_dead() {
    let _a = Attached::new();
    let p = plain();
    unsafe {
        assert!(refcount::try_incref(p));
        refcount::set_maybe_weakref(p);
        let q = p as usize;
        let ok = detach(|| {
            std::thread::spawn(move || {
                let _a = Attached::new();
                refcount::try_incref(q as *mut PyObject)
            })
            .join()
            .unwrap()
        });
        assert!(ok);
        assert_eq!(refcount::refcnt(Object::from_ptr(p)), 3);
        refcount::explicit_merge(p, -3);
        assert!(!refcount::try_incref(p));
    }
}

#[test]
fn cycles_are_collected_and_the_living_are_not() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    gc::collect();
    let before = FREED.load(SeqCst);
    let live = node(null_mut());
    let live_cycle = node(live);
    unsafe {
        incref(live_cycle);
        (*live.cast::<Node>()).next.store(live_cycle, Relaxed);
        incref(live);
    }
    for _ in 0..10_000 {
        let a = node(null_mut());
        let b = node(a);
        unsafe { (*a.cast::<Node>()).next.store(b, Relaxed) };
        // `b` holds `a`, `a` holds `b`: nobody else does.
    }
    let selfish = node(null_mut());
    unsafe { (*selfish.cast::<Node>()).next.store(selfish, Relaxed) };
    assert_eq!(gc::collect(), 20_001);
    assert_eq!(FREED.load(SeqCst) - before, 20_001);
    unsafe {
        decref(live);
        decref(live_cycle);
    }
    assert_eq!(gc::collect(), 2);
}

#[test]
fn deferred_objects_die_by_collection() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    gc::collect();
    let before = FREED.load(SeqCst);
    let p = node(null_mut());
    unsafe {
        assert!(refcount::set_deferred(Object::from_ptr(p)));
        decref(p);
        assert_eq!(FREED.load(SeqCst), before);
        assert_eq!((*p).ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED, gc_bits::DEFERRED);
    }
    assert_eq!(gc::collect(), 1);
    assert_eq!(FREED.load(SeqCst) - before, 1);
}

#[test]
fn a_long_list_dies_without_overflow() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    let before = FREED.load(SeqCst);
    let mut head = null_mut();
    for _ in 0..1_000_000 {
        head = node(head);
    }
    unsafe { decref(head) };
    assert_eq!(FREED.load(SeqCst) - before, 1_000_000);
}

#[test]
fn mutexes_exclude() {
    static M: RawMutex = RawMutex::new();
    static mut N: usize = 0;
    let ts: Vec<_> = (0..8)
        .map(|i| {
            std::thread::spawn(move || {
                let _a = (i % 2 == 0).then(Attached::new);
                for _ in 0..20_000 {
                    M.lock();
                    unsafe { N += 1 };
                    M.unlock();
                }
            })
        })
        .collect();
    for t in ts {
        t.join().unwrap();
    }
    assert_eq!(unsafe { N }, 160_000);
}

#[test]
fn critical_sections_and_stops() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    let (x, y) = (plain() as usize, plain() as usize);
    static mut N: usize = 0;
    let ts: Vec<_> = (0..6)
        .map(|i| {
            std::thread::spawn(move || {
                let _a = Attached::new();
                let (a, b) = if i % 2 == 0 { (x, y) } else { (y, x) };
                let (a, b) = unsafe { (Object::from_ptr(a as *mut PyObject), Object::from_ptr(b as *mut PyObject)) };
                for n in 0..3000 {
                    critical2(a, b, || unsafe { N += 1 });
                    if n % 500 == i * 50 {
                        stop_the_world(|| unsafe { N += 1 });
                    }
                    handle_breaker().unwrap();
                }
            })
        })
        .collect();
    detach(|| {
        for t in ts {
            t.join().unwrap();
        }
    });
    assert_eq!(unsafe { N }, 6 * 3000 + 6 * 6);
}

#[test]
fn gil_mode_excludes() {
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let _a = Attached::new();
    assert!(interp().gil.enable());
    static mut N: usize = 0;
    let ts: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                let _a = Attached::new();
                for _ in 0..20_000 {
                    // Only the GIL protects this.
                    unsafe { N += 1 };
                    handle_breaker().unwrap();
                }
            })
        })
        .collect();
    detach(|| {
        for t in ts {
            t.join().unwrap();
        }
    });
    assert_eq!(unsafe { N }, 80_000);
    assert!(interp().gil.disable());
}

#[test]
fn retired_memory_waits_for_readers() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    unsafe fn free(_: *mut c_void) {
        DONE.fetch_add(1, SeqCst);
    }
    let _s = SERIAL.lock().unwrap_or_else(|e| e.into_inner());
    let a = Attached::new();
    let (tx, rx) = std::sync::mpsc::channel::<()>();
    let (tx2, rx2) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let _a = Attached::new();
        tx2.send(()).unwrap();
        // Attached and not at a quiescent point until told.
        rx.recv().unwrap();
    });
    rx2.recv().unwrap();
    unsafe { qsbr::retire(1 as *mut c_void, free) };
    qsbr::checkpoint(a.0);
    qsbr::checkpoint(a.0);
    assert_eq!(DONE.load(SeqCst), 0);
    tx.send(()).unwrap();
    reader.join().unwrap();
    for _ in 0..100 {
        qsbr::checkpoint(a.0);
        if DONE.load(SeqCst) == 1 {
            break;
        }
        // Readers of other tests may still be in the way.
        detach(|| std::thread::sleep(std::time::Duration::from_millis(20)));
    }
    assert_eq!(DONE.load(SeqCst), 1);
}
