//! `_tracemalloc`: traces of memory blocks, by hooks in the allocator domains.
//!
//! While tracing, each block of the three domains has an entry in a table: its size and the Python frames that allocated it.
//! GC objects do not come from a domain here, so that their memory is not traced.

use abi::PyMemAllocatorEx;
use core::cell::Cell;
use core::ffi::c_void;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicUsize};
use macros::pymodule;
use runtime::mem::domains::{self, Domain};
use runtime::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// One frame: file name and line.
type Frame = (Ref<Str>, u32);

struct Trace {
    size: usize,
    frames: Box<[Frame]>,
    total: usize,
}

#[derive(Default)]
struct State {
    traces: HashMap<usize, Trace>,
    bases: Vec<PyMemAllocatorEx>,
    current: usize,
    peak: usize,
}
// SAFETY: the allocator tables are functions and context pointers, valid on every thread.
unsafe impl Send for State {}

static STATE: Mutex<Option<State>> = Mutex::new(None);
static TRACING: AtomicBool = AtomicBool::new(false);
static LIMIT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    /// Inside a hook: what the hook allocates is not traced.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    f(STATE.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert_default())
}

fn stack() -> (Box<[Frame]>, usize) {
    let mut out = Vec::new();
    let mut total = 0;
    if ThreadState::try_current().is_some() {
        let limit = LIMIT.load(Relaxed);
        let mut f = runtime::interp::current_frame();
        while let Some(p) = f {
            if out.len() < limit {
                // SAFETY: frames of this thread are live.
                let (name, line) = unsafe { ((*p).code().filename(), (*p).lineno().unwrap_or(0)) };
                out.push((Ref::new_ref(name), line));
            }
            total += 1;
            f = runtime::interp::caller_of(p);
        }
    }
    (out.into_boxed_slice(), total)
}

fn record(p: *mut c_void, size: usize) {
    if p.is_null() || !TRACING.load(Acquire) || BUSY.replace(true) {
        return;
    }
    let (frames, total) = stack();
    let old = with(|s| {
        s.current += size;
        let old = s.traces.insert(p as usize, Trace { size, frames, total });
        if let Some(o) = &old {
            s.current = s.current.saturating_sub(o.size);
        }
        s.peak = s.peak.max(s.current);
        old
    });
    drop(old);
    BUSY.set(false);
}

fn forget(p: *mut c_void) {
    if p.is_null() || !TRACING.load(Acquire) || BUSY.replace(true) {
        return;
    }
    let old = with(|s| {
        let old = s.traces.remove(&(p as usize));
        if let Some(o) = &old {
            s.current = s.current.saturating_sub(o.size);
        }
        old
    });
    drop(old);
    BUSY.set(false);
}

/// The table under the hooks; `ctx` is the domain's number.
fn base(ctx: *mut c_void) -> PyMemAllocatorEx {
    with(|s| {
        let b = &s.bases[ctx as usize];
        PyMemAllocatorEx { ctx: b.ctx, malloc: b.malloc, calloc: b.calloc, realloc: b.realloc, free: b.free }
    })
}

unsafe extern "C" fn hook_malloc(ctx: *mut c_void, n: usize) -> *mut c_void {
    let b = base(ctx);
    // SAFETY: a complete table.
    let p = unsafe { (b.malloc.unwrap())(b.ctx, n) };
    record(p, n);
    p
}
unsafe extern "C" fn hook_calloc(ctx: *mut c_void, n: usize, size: usize) -> *mut c_void {
    let b = base(ctx);
    // SAFETY: a complete table.
    let p = unsafe { (b.calloc.unwrap())(b.ctx, n, size) };
    record(p, n.saturating_mul(size));
    p
}
unsafe extern "C" fn hook_realloc(ctx: *mut c_void, old: *mut c_void, n: usize) -> *mut c_void {
    let b = base(ctx);
    // SAFETY: a complete table.
    let p = unsafe { (b.realloc.unwrap())(b.ctx, old, n) };
    if !p.is_null() {
        if p != old {
            forget(old);
        }
        record(p, n);
    }
    p
}
unsafe extern "C" fn hook_free(ctx: *mut c_void, p: *mut c_void) {
    forget(p);
    let b = base(ctx);
    // SAFETY: a complete table.
    unsafe { (b.free.unwrap())(b.ctx, p) }
}

const DOMAINS: [Domain; 3] = [Domain::Raw, Domain::Mem, Domain::Obj];

/// References of discarded traces are dropped outside the lock.
fn take_traces() -> HashMap<usize, Trace> {
    with(|s| {
        s.current = 0;
        s.peak = 0;
        core::mem::take(&mut s.traces)
    })
}

fn quietly<R>(f: impl FnOnce() -> R) -> R {
    let was = BUSY.replace(true);
    let r = f();
    BUSY.set(was);
    r
}

fn frames_to_py(frames: &[Frame]) -> PyResult<PyRef> {
    let mut out = Vec::new();
    for (name, line) in frames {
        out.push(Tuple::new(vec![name.clone().upcast(), Int::from_i64(*line as i64)?.upcast()])?.upcast());
    }
    Ok(Tuple::new(out)?.upcast())
}

/// Debug module to trace memory blocks allocated by Python.
#[pymodule(name = "_tracemalloc")]
pub mod _tracemalloc {
    use super::*;

    /// Start tracing Python memory allocations.
    ///
    /// Also set the maximum number of frames stored in the traceback of a
    /// trace to nframe.
    #[pyfunction(sig = "nframe=1, /")]
    fn start(nframe: isize) -> PyResult<()> {
        if !(1..=65535).contains(&nframe) {
            return Err(raise!(ValueError, "the number of frames must be in range [1; {}]", 65535));
        }
        LIMIT.store(nframe as usize, Relaxed);
        if TRACING.load(Acquire) {
            return Ok(());
        }
        runtime::thread::stop_the_world(|| {
            with(|s| {
                if s.bases.is_empty() {
                    s.bases = DOMAINS.iter().map(|&d| domains::get_allocator(d)).collect();
                }
            });
            for d in DOMAINS {
                let table = PyMemAllocatorEx {
                    ctx: d as usize as *mut c_void,
                    malloc: Some(hook_malloc),
                    calloc: Some(hook_calloc),
                    realloc: Some(hook_realloc),
                    free: Some(hook_free),
                };
                // SAFETY: a complete table over the ones in force.
                unsafe { domains::set_allocator(d, table) };
            }
            TRACING.store(true, Release);
        });
        Ok(())
    }
    /// Stop tracing Python memory allocations.
    ///
    /// Also clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn stop() {
        if !TRACING.swap(false, Acquire) {
            return;
        }
        // The hooks stay, and pass everything on: another thread may be inside them.
        quietly(|| drop(take_traces()));
    }
    /// Return True if the tracemalloc module is tracing Python memory allocations.
    #[pyfunction]
    fn is_tracing() -> bool {
        TRACING.load(Relaxed)
    }
    /// Clear traces of memory blocks allocated by Python.
    #[pyfunction]
    fn clear_traces() {
        quietly(|| drop(take_traces()));
    }
    /// Get the maximum number of frames stored in the traceback of a trace.
    ///
    /// By default, a trace of an allocated memory block only stores
    /// the most recent frame: the limit is 1.
    #[pyfunction]
    fn get_traceback_limit() -> usize {
        LIMIT.load(Relaxed)
    }
    /// Get the current size and peak size of memory blocks traced by tracemalloc.
    ///
    /// Returns a tuple: (current: int, peak: int).
    #[pyfunction]
    fn get_traced_memory() -> (usize, usize) {
        if !TRACING.load(Relaxed) { (0, 0) } else { with(|s| (s.current, s.peak)) }
    }
    /// Set the peak size of memory blocks traced by tracemalloc to the current size.
    ///
    /// Do nothing if the tracemalloc module is not tracing memory allocations.
    #[pyfunction]
    fn reset_peak() {
        with(|s| s.peak = s.current);
    }
    /// Get the memory usage in bytes of the tracemalloc module.
    ///
    /// This memory is used internally to trace memory allocations.
    #[pyfunction]
    fn get_tracemalloc_memory() -> usize {
        with(|s| s.traces.capacity() * (size_of::<Trace>() + 16))
    }
    /// Get traces of all memory blocks allocated by Python.
    ///
    /// Return a list of (size: int, traceback: tuple) tuples.
    /// traceback is a tuple of (filename: str, lineno: int) tuples.
    ///
    /// Return an empty list if the tracemalloc module is disabled.
    #[pyfunction]
    fn _get_traces() -> PyResult<PyRef> {
        quietly(|| {
            let all: Vec<(usize, Vec<Frame>, usize)> = if TRACING.load(Relaxed) {
                with(|s| s.traces.values().map(|t| (t.size, t.frames.to_vec(), t.total)).collect())
            } else {
                Vec::new()
            };
            let mut out = Vec::new();
            for (size, frames, total) in all {
                let row = vec![
                    Int::from_i64(0)?.upcast(),
                    Int::from_usize(size)?.upcast(),
                    frames_to_py(&frames)?,
                    Int::from_usize(total)?.upcast(),
                ];
                out.push(Tuple::new(row)?.upcast());
            }
            Ok(List::from_vec(out)?.upcast())
        })
    }
    /// Get the traceback where the Python object obj was allocated.
    ///
    /// Return a tuple of (filename: str, lineno: int) tuples.
    /// Return None if the tracemalloc module is disabled or did not
    /// trace the allocation of the object.
    #[pyfunction]
    fn _get_object_traceback(obj: &Object) -> PyResult<PyRef> {
        let frames = quietly(|| with(|s| s.traces.get(&(obj.as_ptr() as usize)).map(|t| t.frames.to_vec())));
        match frames {
            Some(f) => frames_to_py(&f),
            None => Ok(none_ref()),
        }
    }
}
