//! Debug hooks of the allocators: `PyMem_SetupDebugHooks`, `PYTHONMALLOC=debug`, `-X dev`.
//!
//! A block made through the hooks has 16 bytes before it (its size, big-endian, the letter of its domain, pad bytes) and 8 pad
//! bytes behind it. New memory is filled with one byte, freed memory with another. A damaged pad, a block freed through
//! another domain and an allocation by a thread that is not attached end the process with a report.
//!
//! Only blocks that C asks for are dressed like this: the engine's own objects are not made through the hooks. Freeing and
//! resizing is hooked for everybody, since C's blocks may be freed by the engine; a block that is not in `LIVE` was not dressed.

use abi::PyMemAllocatorEx;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use runtime::abi;
use runtime::mem::domains::{self, Domain};
use runtime::prelude::ThreadState;
use runtime::thread::RawMutex;
use std::collections::HashSet;
use std::fmt::Write;

const CLEAN: u8 = 0xcd;
const DEAD: u8 = 0xdd;
const FORBIDDEN: u8 = 0xfd;
const HEAD: usize = 16;
const TAIL: usize = 8;
const SHARDS: usize = 64;
/// The header of an object is never filled: threads without a lock may still look at its counts.
const OBJECT_HEADER: usize = 24;

struct Shard {
    lock: RawMutex,
    blocks: UnsafeCell<Option<HashSet<usize>>>,
}
// SAFETY: the set is only touched under the lock.
unsafe impl Sync for Shard {}
static LIVE: [Shard; SHARDS] = [const { Shard { lock: RawMutex::new(), blocks: UnsafeCell::new(None) } }; SHARDS];

fn live<R>(p: usize, f: impl FnOnce(&mut HashSet<usize>) -> R) -> R {
    let s = &LIVE[(p >> 4) % SHARDS];
    // SAFETY: under the lock.
    s.lock.with_raw(|| f(unsafe { (*s.blocks.get()).get_or_insert_default() }))
}

extern "C" fn after_fork() {
    for s in &LIVE {
        s.lock.reset();
    }
}

struct Bases(UnsafeCell<[PyMemAllocatorEx; 3]>);
// SAFETY: written once, before the hooks are put in force.
unsafe impl Sync for Bases {}
static BASES: Bases = Bases(UnsafeCell::new(
    [const { PyMemAllocatorEx { ctx: null_mut(), malloc: None, calloc: None, realloc: None, free: None } }; 3],
));
static INSTALLED: AtomicBool = AtomicBool::new(false);

const LETTERS: [u8; 3] = [b'r', b'm', b'o'];

fn base(domain: usize) -> &'static PyMemAllocatorEx {
    // SAFETY: written before the hooks came into force.
    unsafe { &(*BASES.0.get())[domain] }
}

fn check_attached(domain: usize, function: &str) {
    if domain != Domain::Raw as usize && ThreadState::try_current().is_none() {
        crate::lifecycle::fatal(
            function,
            "Python memory allocator called without an active thread state. Are you trying to call it inside of a Py_BEGIN_ALLOW_THREADS block?",
        );
    }
}

unsafe fn fill(domain: usize, p: *mut u8, from: usize, n: usize, byte: u8) {
    let from = if domain == Domain::Obj as usize { from.max(OBJECT_HEADER) } else { from };
    if from < n {
        // SAFETY: within a block of `n` bytes.
        unsafe { core::ptr::write_bytes(p.add(from), byte, n - from) };
    }
}

unsafe fn dress(domain: usize, block: *mut u8, n: usize) -> *mut c_void {
    // SAFETY: a block with room for head and tail.
    unsafe {
        block.cast::<[u8; 8]>().write(n.to_be_bytes());
        *block.add(8) = LETTERS[domain];
        core::ptr::write_bytes(block.add(9), FORBIDDEN, 7);
        let p = block.add(HEAD);
        core::ptr::write_bytes(p.add(n), FORBIDDEN, TAIL);
        live(p as usize, |s| s.insert(p as usize));
        p.cast()
    }
}

unsafe fn size_of_block(p: *mut c_void) -> usize {
    // SAFETY: a live block of ours.
    usize::from_be_bytes(unsafe { p.cast::<u8>().sub(HEAD).cast::<[u8; 8]>().read() })
}

/// Describes a block on stderr.
unsafe fn report(p: *mut c_void) {
    let mut out = String::new();
    // SAFETY: a live block of ours, perhaps with damaged pads.
    unsafe {
        let b = p.cast::<u8>();
        let n = size_of_block(p);
        let _ = writeln!(out, "Debug memory block at address p={p:p}: API '{}'", char::from(*b.sub(8)));
        let _ = writeln!(out, "    {n} bytes originally requested");
        let _ = write!(out, "    The 7 pad bytes at p-7 are ");
        if (1..8).all(|i| *b.sub(i) == FORBIDDEN) {
            out.push_str("FORBIDDENBYTE, as expected.\n");
        } else {
            let _ = writeln!(out, "not all FORBIDDENBYTE (0x{FORBIDDEN:02x}):");
            for i in (1..8).rev() {
                let c = *b.sub(i);
                let _ = writeln!(out, "        at p-{i}: 0x{c:02x}{}", if c == FORBIDDEN { "" } else { " *** OUCH" });
            }
            out.push_str("    Because memory is corrupted at the start, the count of bytes requested\n       may be bogus, and checking the trailing pad bytes may segfault.\n");
        }
        let tail = b.add(n);
        let _ = write!(out, "    The 8 pad bytes at tail={tail:p} are ");
        if (0..TAIL).all(|i| *tail.add(i) == FORBIDDEN) {
            out.push_str("FORBIDDENBYTE, as expected.\n");
        } else {
            let _ = writeln!(out, "not all FORBIDDENBYTE (0x{FORBIDDEN:02x}):");
            for i in 0..TAIL {
                let c = *tail.add(i);
                let _ =
                    writeln!(out, "        at tail+{i}: 0x{c:02x}{}", if c == FORBIDDEN { "" } else { " *** OUCH" });
            }
        }
        out.push_str("    Data at p:");
        for i in 0..n.min(8) {
            let _ = write!(out, " {:02x}", *b.add(i));
        }
        if n > 8 {
            if n > 16 {
                out.push_str(" ...");
            }
            for i in n.saturating_sub(8).max(8)..n {
                let _ = write!(out, " {:02x}", *b.add(i));
            }
        }
        out.push_str("\n\nEnable tracemalloc to get the memory block allocation traceback\n");
    }
    eprintln!("{out}");
}

/// Ends the process when the block was damaged or belongs to another domain.
unsafe fn check(domain: usize, function: &str, p: *mut c_void) {
    // SAFETY: a live block of ours.
    unsafe {
        let b = p.cast::<u8>();
        let message = if *b.sub(8) != LETTERS[domain] {
            format!(
                "bad ID: Allocated using API '{}', verified using API '{}'",
                char::from(*b.sub(8)),
                char::from(LETTERS[domain])
            )
        } else if (1..8).any(|i| *b.sub(i) != FORBIDDEN) {
            "bad leading pad byte".to_owned()
        } else {
            let tail = b.add(size_of_block(p));
            if (0..TAIL).all(|i| *tail.add(i) == FORBIDDEN) {
                return;
            }
            "bad trailing pad byte".to_owned()
        };
        report(p);
        crate::lifecycle::fatal(function, &message);
    }
}

/// Whether the hooks are in force.
#[inline]
pub fn is_active() -> bool {
    INSTALLED.load(Relaxed)
}

unsafe fn plain_malloc(d: Domain, n: usize) -> *mut u8 {
    // SAFETY: no precondition.
    unsafe {
        match d {
            Domain::Raw => domains::raw_malloc(n),
            Domain::Mem => domains::mem_malloc(n),
            Domain::Obj => domains::obj_malloc(n),
        }
        .cast()
    }
}

/// A dressed block.
pub fn malloc(d: Domain, n: usize) -> *mut c_void {
    check_attached(d as usize, "_PyMem_DebugMalloc");
    // SAFETY: room for head and tail.
    unsafe {
        let block = plain_malloc(d, n + HEAD + TAIL);
        if block.is_null() {
            return null_mut();
        }
        fill(d as usize, block.add(HEAD), 0, n, CLEAN);
        dress(d as usize, block, n)
    }
}

/// A dressed block of zeros.
pub fn calloc(d: Domain, total: usize) -> *mut c_void {
    check_attached(d as usize, "_PyMem_DebugCalloc");
    // SAFETY: room for head and tail.
    unsafe {
        let block = plain_malloc(d, total + HEAD + TAIL);
        if block.is_null() {
            return null_mut();
        }
        core::ptr::write_bytes(block.add(HEAD), 0, total);
        dress(d as usize, block, total)
    }
}

unsafe extern "C" fn debug_free(ctx: *mut c_void, p: *mut c_void) {
    let d = ctx as usize;
    if p.is_null() {
        return;
    }
    // SAFETY: a block of ours, or one of the table beneath.
    unsafe {
        if !live(p as usize, |s| s.contains(&(p as usize))) {
            if d == Domain::Obj as usize && runtime::mem::heap::usable_size(p) >= OBJECT_HEADER + 8 {
                // The type of a dead object shows that it is dead.
                core::ptr::write_bytes(p.cast::<u8>().add(OBJECT_HEADER), DEAD, 8);
            }
            (base(d).free.unwrap())(base(d).ctx, p);
            return;
        }
        check_attached(d, "_PyMem_DebugFree");
        check(d, "_PyMem_DebugRawFree", p);
        live(p as usize, |s| s.remove(&(p as usize)));
        fill(d, p.cast(), 0, size_of_block(p), DEAD);
        (base(d).free.unwrap())(base(d).ctx, p.cast::<u8>().sub(HEAD).cast());
    }
}

unsafe extern "C" fn debug_realloc(ctx: *mut c_void, p: *mut c_void, n: usize) -> *mut c_void {
    let d = ctx as usize;
    // SAFETY: a block of ours, one of the table beneath, or null.
    unsafe {
        if p.is_null() {
            return (base(d).malloc.unwrap())(base(d).ctx, n);
        }
        if !live(p as usize, |s| s.contains(&(p as usize))) {
            return (base(d).realloc.unwrap())(base(d).ctx, p, n);
        }
        check_attached(d, "_PyMem_DebugRealloc");
        check(d, "_PyMem_DebugRawRealloc", p);
        let block = (base(d).malloc.unwrap())(base(d).ctx, n + HEAD + TAIL).cast::<u8>();
        if block.is_null() {
            return null_mut();
        }
        fill(d, block.add(HEAD), 0, n, CLEAN);
        let new = dress(d, block, n);
        {
            core::ptr::copy_nonoverlapping(p.cast::<u8>(), new.cast::<u8>(), n.min(size_of_block(p)));
            debug_free(ctx, p);
        }
        new
    }
}

unsafe extern "C" fn base_malloc(ctx: *mut c_void, n: usize) -> *mut c_void {
    let b = base(ctx as usize);
    // SAFETY: a complete table.
    unsafe { (b.malloc.unwrap())(b.ctx, n) }
}

unsafe extern "C" fn base_calloc(ctx: *mut c_void, n: usize, size: usize) -> *mut c_void {
    let b = base(ctx as usize);
    // SAFETY: a complete table.
    unsafe { (b.calloc.unwrap())(b.ctx, n, size) }
}

fn is_ours(a: &PyMemAllocatorEx) -> bool {
    a.free.is_some_and(|f| core::ptr::fn_addr_eq(f, debug_free as unsafe extern "C" fn(*mut c_void, *mut c_void)))
}

/// Puts the hooks in force. A second call does nothing.
pub fn install() {
    if INSTALLED.swap(true, AcqRel) {
        return;
    }
    // SAFETY: plain functions; the C API demands that nobody else allocates meanwhile.
    unsafe {
        libc::pthread_atfork(None, None, Some(after_fork));
        for (i, d) in [Domain::Raw, Domain::Mem, Domain::Obj].into_iter().enumerate() {
            (*BASES.0.get())[i] = domains::get_allocator(d);
            let table = PyMemAllocatorEx {
                ctx: i as *mut c_void,
                malloc: Some(base_malloc),
                calloc: Some(base_calloc),
                realloc: Some(debug_realloc),
                free: Some(debug_free),
            };
            domains::set_allocator(d, table);
        }
    }
}

/// What `PYTHONMALLOC` (or else the development mode) asks for; an error text for a name that is unknown.
pub fn configure(name: Option<&[u8]>, dev_mode: bool) -> Result<(), String> {
    match name {
        None | Some(b"" | b"default") if dev_mode && name.is_none_or(<[u8]>::is_empty) => install(),
        None | Some(b"" | b"default" | b"mimalloc") => {}
        Some(b"debug" | b"mimalloc_debug") => install(),
        Some(_) => return Err("PYTHONMALLOC: unknown allocator".to_owned()),
    }
    Ok(())
}

/// The allocators' name, if they are the interpreter's own.
pub fn name() -> Option<&'static core::ffi::CStr> {
    let all = [Domain::Raw, Domain::Mem, Domain::Obj];
    if INSTALLED.load(Acquire) && all.iter().all(|d| is_ours(&domains::get_allocator(*d))) {
        return Some(c"mimalloc_debug");
    }
    all.iter().all(|d| !domains::is_hooked(*d)).then_some(c"mimalloc")
}

/// Whether a pointer has one of the patterns that the hooks leave in memory.
pub fn looks_freed(p: *const c_void) -> bool {
    let p = p as usize;
    p == 0 || [CLEAN, DEAD, FORBIDDEN].iter().any(|b| p == usize::from_ne_bytes([*b; 8]))
}
