//! The object heap: size classes, walkable pages, lock-free reclamation.
//!
//! One range of address space is reserved at start; `in_arena` is a subtraction. It is cut into pages, each described by a
//! `Page` in a table beside it (not in the page: no cache-set crowding, and the collector walks the table). A page holds
//! blocks of one size and one kind; kinds never share a page, so the collector finds every GC object by walking pages of
//! its kinds, and a stale pointer read by a lock-free reader always points to an object header: pages are *type-stable*. An
//! empty page may become something else only after a QSBR grace period.
//!
//! A page is owned by one thread's `Heap`. The owner allocates and frees without atomics; others push freed blocks on the
//! page's `remote` stack, which the owner takes as a whole. When a full page gets its first remote block, the freeing
//! thread puts the page on the owner's `notify` stack (bit 0 of `remote` asks for that). A heap released at thread exit leaves its
//! pages to the abandoned lists, where other heaps adopt them.
//!
//! Plain memory and non-GC objects above `MAX_SMALL` come from the library allocator; big GC objects are spans of
//! pages. Links of free blocks are in their first word: `ob_tid` of an object, which then equals no thread id.
//!
//! Invariant (`check`): carved blocks = used + blocks on `free`, where `used` includes the blocks on `remote`.

use super::qsbr;
use crate::arch;
use crate::thread::mutex::RawMutex;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize};
use std::collections::BTreeMap;

/// What a block is for. Each kind has pages of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Plain memory.
    Mem = 0,
    /// Objects that the collector does not know.
    Obj = 1,
    /// GC objects.
    Gc = 2,
    /// GC objects with 16 bytes before the header: weak references at -16, managed dict at -8.
    GcPre = 3,
}
const KINDS: usize = 4;
/// `Page::kind` of a page without blocks.
const NO_KIND: u8 = 255;

/// Bytes before the header of a `GcPre` object.
pub const PREHEADER: usize = 16;

#[cfg(feature = "stress")]
const PAGE_SHIFT: usize = 13;
#[cfg(not(feature = "stress"))]
const PAGE_SHIFT: usize = 16;
const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
/// Larger blocks come from elsewhere.
pub const MAX_SMALL: usize = PAGE_SIZE / 8;
/// Pages made usable at a time.
const CHUNK_PAGES: usize = (4 << 20) / PAGE_SIZE;
/// Classes: multiples of 16 up to 512, then four per doubling.
const CLASSES: usize = 32 + 4 * (MAX_SMALL.trailing_zeros() as usize - 9);

const fn class_size(class: usize) -> usize {
    if class < 32 {
        (class + 1) * 16
    } else {
        let (step, base) = ((class - 32) % 4 + 1, 512 << ((class - 32) / 4));
        base + base / 4 * step
    }
}

static CLASS_OF: [u8; MAX_SMALL / 16 + 1] = {
    let mut t = [0; MAX_SMALL / 16 + 1];
    let mut class = 0;
    let mut i = 1;
    while i < t.len() {
        if i * 16 > class_size(class) {
            class += 1;
        }
        t[i] = class as u8;
        i += 1;
    }
    t
};

/// A free block. Readers with a stale pointer to the object that was here may look at the link: it is atomic for them.
#[repr(C)]
struct Block {
    next: AtomicPtr<Block>,
}

impl Block {
    #[inline(always)]
    fn next(&self) -> *mut Block {
        self.next.load(Relaxed)
    }
    #[inline(always)]
    fn link(&self, next: *mut Block) {
        self.next.store(next, Relaxed);
    }
}

/// Clears the second word of an object's header (flags, mutex, the collector's bits, the local count).
///
/// # Safety
/// `p` is a block with room for a header.
#[inline(always)]
unsafe fn clear_bits(p: *mut u8) {
    // SAFETY: the caller's promise; stale readers look at parts of the word atomically.
    unsafe { AtomicU64::from_ptr(p.add(8).cast()) }.store(0, Relaxed);
}

/// Description of one page.
#[repr(C, align(128))]
pub struct Page {
    /// Owner only: free blocks.
    free: Cell<*mut Block>,
    /// Freed by other threads; bit 0: tell the owner about the next one.
    remote: AtomicUsize,
    owner: AtomicPtr<Heap>,
    start: Cell<*mut u8>,
    block_size: Cell<usize>,
    capacity: Cell<u32>,
    /// Blocks that have been handed out at least once: the walkable ones.
    carved: Cell<u32>,
    used: Cell<u32>,
    /// Length of a span (1 for pages of small blocks).
    pages: Cell<u32>,
    next: Cell<*mut Page>,
    prev: Cell<*mut Page>,
    notify_next: Cell<*mut Page>,
    goal: Cell<u64>,
    /// The collector's counts for this page's blocks.
    pub(super) side: Cell<*mut i32>,
    kind: AtomicU8,
    class: Cell<u8>,
    in_full: Cell<bool>,
    in_notify: AtomicBool,
    reciprocal: Cell<u32>,
}
const _: () = assert!(size_of::<Page>() == 128);
// SAFETY: see the module's description for who touches what.
unsafe impl Sync for Page {}

impl Page {
    /// Whether the page holds objects that the collector must see.
    #[inline(always)]
    pub fn is_gc(&self) -> bool {
        let k = self.kind.load(Relaxed);
        k == Kind::Gc as u8 || k == Kind::GcPre as u8
    }

    #[inline(always)]
    fn pre(&self) -> usize {
        if self.kind.load(Relaxed) == Kind::GcPre as u8 { PREHEADER } else { 0 }
    }

    /// Number of blocks to walk.
    #[inline(always)]
    pub fn carved(&self) -> usize {
        self.carved.get() as usize
    }

    /// Number of blocks in use (those that other threads have just freed included).
    #[inline(always)]
    pub fn used(&self) -> usize {
        self.used.get() as usize
    }

    /// The object in block `i` (which may be free: look at its `ob_gc_bits`).
    #[inline(always)]
    pub fn object(&self, i: usize) -> *mut abi::PyObject {
        // SAFETY: within the page.
        unsafe { self.start.get().add(i * self.block_size.get() + self.pre()).cast() }
    }

    /// Which block an object is in.
    #[inline(always)]
    pub fn index_of(&self, p: *mut abi::PyObject) -> usize {
        let off = (p as usize - self.pre()).wrapping_sub(self.start.get() as usize);
        // Offsets are below 2^16 and multiples of the block size: a rounded-up reciprocal is exact.
        if self.pages.get() > 1 { 0 } else { ((off as u64 * self.reciprocal.get() as u64) >> 32) as usize }
    }

    #[inline(always)]
    fn remote_blocks(&self) -> *mut Block {
        (self.remote.load(Acquire) & !1) as *mut Block
    }
}

/// A thread's heap.
pub struct Heap {
    /// Per kind and class: pages with free blocks; the first is allocated from.
    avail: [[Cell<*mut Page>; CLASSES]; KINDS],
    full: Cell<*mut Page>,
    notify: AtomicPtr<Page>,
    /// GC objects allocated less freed, not yet told to the collector.
    gc_balance: Cell<i32>,
}
// SAFETY: only `notify` is touched by other threads.
unsafe impl Sync for Heap {}

struct Pool {
    /// Empty pages and when they may be reused for something else.
    pages: Vec<*mut Page>,
    /// Free spans: first page → (length, goal).
    spans: BTreeMap<usize, (usize, u64)>,
    abandoned: [[Vec<*mut Page>; CLASSES]; KINDS],
    heaps: Vec<*mut Heap>,
    chunk_end: usize,
}

struct Global {
    lock: RawMutex,
    pool: UnsafeCell<Pool>,
    /// The heap of threads without a thread state, under its own lock.
    shared_lock: RawMutex,
    shared: AtomicPtr<Heap>,
}
// SAFETY: `pool` is only touched under the lock.
unsafe impl Sync for Global {}

static GLOBAL: Global = Global {
    lock: RawMutex::new(),
    pool: UnsafeCell::new(Pool {
        pages: Vec::new(),
        spans: BTreeMap::new(),
        abandoned: [const { [const { Vec::new() }; CLASSES] }; KINDS],
        heaps: Vec::new(),
        chunk_end: 0,
    }),
    shared_lock: RawMutex::new(),
    shared: AtomicPtr::new(null_mut()),
};

static BASE: AtomicUsize = AtomicUsize::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicPtr<Page> = AtomicPtr::new(null_mut());
/// Pages in use so far.
static END: AtomicUsize = AtomicUsize::new(0);

#[inline(always)]
fn in_arena(p: usize) -> bool {
    p.wrapping_sub(BASE.load(Relaxed)) < SIZE.load(Relaxed)
}

/// The page of a pointer into the arena.
#[inline(always)]
fn page_of(p: usize) -> &'static Page {
    // SAFETY: pages below END are described.
    unsafe { &*TABLE.load(Relaxed).add((p - BASE.load(Relaxed)) >> PAGE_SHIFT) }
}

/// The page of an object, if it is a GC object of this heap.
#[inline(always)]
pub fn gc_page(p: *mut abi::PyObject) -> Option<&'static Page> {
    if !in_arena(p as usize) {
        return None;
    }
    let page = page_of(p as usize);
    if page.is_gc() { Some(page) } else { None }
}

/// Whether `p` is an object in a block of this heap of at most `size` bytes.
pub fn is_small_block(p: *mut abi::PyObject, size: usize) -> bool {
    in_arena(p as usize) && {
        let page = page_of(p as usize);
        page.kind.load(Relaxed) == Kind::Obj as u8 && page.pages.get() == 1 && page.block_size.get() <= size
    }
}

fn map(bytes: usize) -> *mut u8 {
    // SAFETY: a fresh anonymous mapping.
    let p = unsafe {
        libc::mmap(
            null_mut(),
            bytes,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if p == libc::MAP_FAILED { null_mut() } else { p.cast() }
}

/// Reserves the arena. Under the pool's lock.
#[cold]
fn reserve() -> bool {
    if !TABLE.load(Relaxed).is_null() {
        return true;
    }
    // ThreadSanitizer keeps shadows of every address.
    let mut size: usize = if cfg!(freewheel_tsan) { 1 << 36 } else { 1 << 40 };
    while size >= 1 << 28 {
        let base = map(size + PAGE_SIZE);
        if !base.is_null() {
            let table = map((size >> PAGE_SHIFT) * size_of::<Page>());
            if !table.is_null() {
                let aligned = (base as usize + PAGE_SIZE - 1) & !(PAGE_SIZE - 1);
                BASE.store(aligned, Relaxed);
                TABLE.store(table.cast(), Release);
                SIZE.store(size, Release);
                return true;
            }
            // SAFETY: mapped above.
            unsafe { libc::munmap(base.cast(), size + PAGE_SIZE) };
        }
        size /= 2;
    }
    false
}

/// Fresh pages from the end of the arena. Under the pool's lock.
fn fresh(pool: &mut Pool, n: usize) -> *mut Page {
    if !reserve() {
        return null_mut();
    }
    let first = END.load(Relaxed);
    let end = first + n;
    if end > SIZE.load(Relaxed) >> PAGE_SHIFT {
        return null_mut();
    }
    let table = TABLE.load(Relaxed);
    if end > pool.chunk_end {
        let new_end = end.next_multiple_of(CHUNK_PAGES).min(SIZE.load(Relaxed) >> PAGE_SHIFT);
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        let row = size_of::<Page>();
        let (t0, t1) = ((table as usize + pool.chunk_end * row) & !4095, table as usize + new_end * row);
        // SAFETY: inside the reserved ranges.
        let ok = unsafe {
            libc::mprotect(
                (BASE.load(Relaxed) + (pool.chunk_end << PAGE_SHIFT)) as *mut c_void,
                (new_end - pool.chunk_end) << PAGE_SHIFT,
                rw,
            ) == 0
                && libc::mprotect(t0 as *mut c_void, (t1 - t0 + 4095) & !4095, rw) == 0
        };
        if !ok {
            return null_mut();
        }
        pool.chunk_end = new_end;
    }
    // SAFETY: described and writable now; zero bytes are a valid Page.
    unsafe {
        let p = table.add(first);
        for i in 0..n {
            (*p.add(i)).kind.store(NO_KIND, Relaxed);
        }
        END.store(end, Release);
        p
    }
}

fn page_address(p: *mut Page) -> *mut u8 {
    let i = (p as usize - TABLE.load(Relaxed) as usize) / size_of::<Page>();
    (BASE.load(Relaxed) + (i << PAGE_SHIFT)) as *mut u8
}

fn set_up(p: *mut Page, owner: *mut Heap, kind: Kind, class: usize) {
    // SAFETY: an empty page that nobody else uses.
    let page = unsafe { &*p };
    let size = class_size(class);
    let same =
        page.kind.load(Relaxed) == kind as u8 && page.class.get() as usize == class && page.block_size.get() == size;
    page.remote.store(0, Relaxed);
    page.next.set(null_mut());
    page.prev.set(null_mut());
    page.in_full.set(false);
    page.used.set(0);
    if !same {
        page.free.set(null_mut());
        page.start.set(page_address(p));
        page.block_size.set(size);
        page.capacity.set((PAGE_SIZE / size) as u32);
        page.carved.set(0);
        page.pages.set(1);
        page.class.set(class as u8);
        page.reciprocal.set(((1u64 << 32).div_ceil(size as u64)) as u32);
        page.kind.store(kind as u8, Release);
    }
    page.owner.store(owner, Release);
}

fn with_pool<R>(f: impl FnOnce(&mut Pool) -> R) -> R {
    // SAFETY: under the lock.
    GLOBAL.lock.with_raw(|| f(unsafe { &mut *GLOBAL.pool.get() }))
}

fn new_page(owner: *mut Heap, kind: Kind, class: usize) -> *mut Page {
    let p = with_pool(|pool| {
        let n = pool.pages.len();
        for i in (n.saturating_sub(16)..n).rev() {
            // SAFETY: pooled pages are empty and ours.
            let page = unsafe { &*pool.pages[i] };
            let same =
                page.kind.load(Relaxed) == kind as u8 && page.class.get() as usize == class && page.pages.get() == 1;
            if same || page.goal.get() == 0 || qsbr::poll(page.goal.get()) {
                return pool.pages.swap_remove(i);
            }
        }
        if n > 8
            && let Some(ts) = crate::thread::ThreadState::try_current()
        {
            // Empty pages wait for a grace period: hurry this thread's part of it.
            ts.set_breaker(crate::thread::breaker::QSBR);
        }
        fresh(pool, 1)
    });
    if !p.is_null() {
        set_up(p, owner, kind, class);
    }
    p
}

impl Heap {
    const fn new() -> Heap {
        Heap {
            avail: [const { [const { Cell::new(null_mut()) }; CLASSES] }; KINDS],
            full: Cell::new(null_mut()),
            notify: AtomicPtr::new(null_mut()),
            gc_balance: Cell::new(0),
        }
    }

    fn me(&self) -> *mut Heap {
        (self as *const Heap).cast_mut()
    }

    fn list(&self, page: &Page) -> &Cell<*mut Page> {
        if page.in_full.get() {
            &self.full
        } else {
            &self.avail[page.kind.load(Relaxed) as usize][page.class.get() as usize]
        }
    }

    fn link(&self, page: &Page, front: bool) {
        let list = self.list(page);
        let p = (page as *const Page).cast_mut();
        let head = list.get();
        // SAFETY: list members are pages of this heap.
        unsafe {
            match head.as_ref() {
                // Behind the page that is being allocated from.
                Some(h) if !front => {
                    page.prev.set(head);
                    page.next.set(h.next.get());
                    if let Some(n) = h.next.get().as_ref() {
                        n.prev.set(p);
                    }
                    h.next.set(p);
                }
                _ => {
                    page.prev.set(null_mut());
                    page.next.set(head);
                    if let Some(h) = head.as_ref() {
                        h.prev.set(p);
                    }
                    list.set(p);
                }
            }
        }
    }

    fn unlink(&self, page: &Page) {
        let list = self.list(page);
        // SAFETY: list members are pages of this heap.
        unsafe {
            match page.prev.get().as_ref() {
                Some(prev) => prev.next.set(page.next.get()),
                None => list.set(page.next.get()),
            }
            if let Some(next) = page.next.get().as_ref() {
                next.prev.set(page.prev.get());
            }
        }
        page.next.set(null_mut());
        page.prev.set(null_mut());
    }

    #[inline(always)]
    fn alloc_block(&self, kind: Kind, class: usize) -> *mut u8 {
        let p = self.avail[kind as usize][class].get();
        // SAFETY: the page and its free blocks belong to this heap.
        unsafe {
            if let Some(page) = p.as_ref() {
                let b = page.free.get();
                if !b.is_null() {
                    page.free.set((*b).next());
                    page.used.set(page.used.get() + 1);
                    return b.cast();
                }
            }
        }
        self.alloc_slow(kind, class)
    }

    /// Puts the blocks that others freed on the page's own list; whether it has free blocks now.
    fn collect_remote(page: &Page) -> bool {
        if !page.remote_blocks().is_null() {
            let mut b = (page.remote.fetch_and(1, AcqRel) & !1) as *mut Block;
            let mut n = 0;
            // SAFETY: the stack's blocks are free blocks of this page, ours now.
            unsafe {
                while !b.is_null() {
                    let next = (*b).next();
                    (*b).link(page.free.get());
                    page.free.set(b);
                    b = next;
                    n += 1;
                }
            }
            page.used.set(page.used.get() - n);
        }
        !page.free.get().is_null()
    }

    /// Cuts more blocks off a page that was never used to its end.
    fn carve(page: &Page) -> bool {
        let (mut i, cap) = (page.carved.get(), page.capacity.get());
        if i >= cap {
            return false;
        }
        let size = page.block_size.get();
        let n = ((4096 / size) as u32).clamp(1, cap - i);
        let end = i + n;
        let gc = page.is_gc();
        let pre = page.pre();
        let mut last: *mut Block = null_mut();
        // SAFETY: blocks within the page that nobody has seen.
        unsafe {
            while i < end {
                let b = page.start.get().add(i as usize * size);
                if gc {
                    // Not tracked, whatever the page held before.
                    clear_bits(b.add(pre));
                }
                let b = b.cast::<Block>();
                (*b).link(null_mut());
                match last.as_mut() {
                    Some(l) => l.link(b),
                    None => page.free.set(b),
                }
                last = b;
                i += 1;
            }
        }
        page.carved.set(end);
        true
    }

    #[cold]
    fn alloc_slow(&self, kind: Kind, class: usize) -> *mut u8 {
        let list = &self.avail[kind as usize][class];
        let mut drained = false;
        loop {
            // SAFETY: list members are pages of this heap.
            while let Some(page) = unsafe { list.get().as_ref() } {
                if !page.free.get().is_null() || Self::collect_remote(page) || Self::carve(page) {
                    let b = page.free.get();
                    // SAFETY: a free block of this page.
                    page.free.set(unsafe { (*b).next() });
                    page.used.set(page.used.get() + 1);
                    return b.cast();
                }
                if page.remote.load(Relaxed) == 1 || page.remote.compare_exchange(0, 1, AcqRel, Acquire).is_ok() {
                    self.unlink(page);
                    page.in_full.set(true);
                    self.link(page, true);
                }
            }
            if !drained {
                drained = true;
                self.drain_notified();
                continue;
            }
            let adopted = with_pool(|pool| pool.abandoned[kind as usize][class].pop());
            if let Some(p) = adopted {
                // SAFETY: taken off the abandoned list: ours.
                let page = unsafe { &*p };
                page.in_full.set(false);
                page.owner.store(self.me(), Release);
                self.link(page, true);
                continue;
            }
            let p = new_page(self.me(), kind, class);
            if p.is_null() {
                return null_mut();
            }
            // SAFETY: a new page of this heap.
            self.link(unsafe { &*p }, true);
        }
    }

    /// Pages that were full and have got blocks back.
    fn drain_notified(&self) {
        let mut p = self.notify.swap(null_mut(), AcqRel);
        // SAFETY: pages live for ever; a page on the stack is on no other one.
        while let Some(page) = unsafe { p.as_ref() } {
            p = page.notify_next.get();
            page.in_notify.store(false, Release);
            let owner = page.owner.load(Acquire);
            if owner == self.me() {
                if page.in_full.get() && Self::collect_remote(page) {
                    self.leave_full(page);
                }
            } else if !owner.is_null() && page.kind.load(Relaxed) != NO_KIND {
                notify(page, owner);
            }
        }
    }

    fn leave_full(&self, page: &Page) {
        self.unlink(page);
        page.in_full.set(false);
        page.remote.fetch_and(!1, AcqRel);
        self.link(page, false);
    }

    #[inline(always)]
    fn free_local(&self, page: &'static Page, b: *mut Block) {
        // SAFETY: the block is the caller's to free.
        unsafe { (*b).link(page.free.get()) };
        page.free.set(b);
        page.used.set(page.used.get() - 1);
        if page.in_full.get() {
            self.leave_full(page);
        } else if page.used.get() == 0 {
            self.page_empty(page);
        }
    }

    #[cold]
    fn page_empty(&self, page: &'static Page) {
        // Keep the page that is being allocated from.
        if core::ptr::eq(self.list(page).get(), page) || !page.remote_blocks().is_null() {
            return;
        }
        self.unlink(page);
        give_page(page);
    }

    #[inline(always)]
    fn count_gc(&self, by: i32) {
        let n = self.gc_balance.get() + by;
        self.gc_balance.set(n);
        if !(-256..256).contains(&n) {
            self.flush_gc();
        }
    }

    #[cold]
    pub(crate) fn flush_gc(&self) {
        let n = self.gc_balance.replace(0);
        if let Some(ts) = crate::thread::ThreadState::try_current() {
            super::gc::count_objects(ts, n);
        }
    }
}

fn give_page(page: &Page) {
    page.owner.store(null_mut(), Release);
    page.goal.set(if page.kind.load(Relaxed) == Kind::Mem as u8 { 0 } else { qsbr::advance() });
    with_pool(|pool| pool.pages.push((page as *const Page).cast_mut()));
}

fn notify(page: &Page, owner: *mut Heap) {
    if page.in_notify.swap(true, AcqRel) {
        return;
    }
    // SAFETY: heaps live for ever.
    let stack = unsafe { &(*owner).notify };
    let p = (page as *const Page).cast_mut();
    let mut head = stack.load(Relaxed);
    loop {
        page.notify_next.set(head);
        match stack.compare_exchange_weak(head, p, AcqRel, Relaxed) {
            Ok(_) => return,
            Err(h) => head = h,
        }
    }
}

#[cold]
fn free_remote(page: &Page, b: *mut Block) {
    let mut old = page.remote.load(Relaxed);
    loop {
        // SAFETY: the block is the caller's to free.
        unsafe { (*b).link((old & !1) as *mut Block) };
        match page.remote.compare_exchange_weak(old, b as usize, AcqRel, Relaxed) {
            Ok(_) => break,
            Err(o) => old = o,
        }
    }
    if old & 1 != 0 {
        let owner = page.owner.load(Acquire);
        if !owner.is_null() {
            notify(page, owner);
        }
    }
}

/// The running thread's heap, or null without a thread state.
#[inline(always)]
fn local() -> *mut Heap {
    let ts = arch::tstate();
    if ts.is_null() {
        return null_mut();
    }
    // SAFETY: an attached state is alive; the field belongs to this thread.
    unsafe { (*ts).heap.get() }
}

#[cold]
fn shared_alloc(kind: Kind, class: usize) -> *mut u8 {
    GLOBAL.shared_lock.with_raw(|| {
        let mut h = GLOBAL.shared.load(Relaxed);
        if h.is_null() {
            h = acquire();
            GLOBAL.shared.store(h, Release);
        }
        // SAFETY: under its lock this heap has one user.
        unsafe { (*h).alloc_block(kind, class) }
    })
}

/// A heap for a new thread.
pub fn acquire() -> *mut Heap {
    with_pool(|pool| pool.heaps.pop()).unwrap_or_else(|| Box::into_raw(Box::new(Heap::new())))
}

/// Gives a thread's heap back: its pages are abandoned to the others.
pub fn release(h: *mut Heap) {
    // SAFETY: the caller gives the heap up, nobody else uses it as an owner.
    let heap = unsafe { &*h };
    heap.flush_gc();
    heap.drain_notified();
    let mut pages = Vec::new();
    let lists = heap.avail.iter().flatten().chain([&heap.full]);
    for list in lists {
        let mut p = list.replace(null_mut());
        // SAFETY: list members are pages of this heap.
        while let Some(page) = unsafe { p.as_ref() } {
            pages.push(p);
            p = page.next.get();
        }
    }
    for p in pages {
        // SAFETY: as above.
        let page = unsafe { &*p };
        Heap::collect_remote(page);
        page.next.set(null_mut());
        page.prev.set(null_mut());
        page.in_full.set(false);
        if page.used.get() == 0 {
            give_page(page);
            continue;
        }
        page.owner.store(null_mut(), Release);
        page.remote.fetch_and(!1, AcqRel);
        let (k, c) = (page.kind.load(Relaxed) as usize, page.class.get() as usize);
        with_pool(|pool| pool.abandoned[k][c].push(p));
    }
    with_pool(|pool| pool.heaps.push(h));
}

/// Bytes really available in a block of `size` bytes.
#[inline]
pub fn good_size(size: usize) -> usize {
    if size <= MAX_SMALL { class_size(CLASS_OF[size.div_ceil(16)] as usize) } else { size }
}

/// Allocates `size` bytes (from the header on, for objects); null when memory is short. The content is undefined, except
/// that GC objects have zero `ob_gc_bits` and a zeroed pre-header.
#[inline]
pub fn alloc(size: usize, kind: Kind) -> *mut c_void {
    let pre = if kind == Kind::GcPre { PREHEADER } else { 0 };
    let total = size.wrapping_add(pre);
    if total > MAX_SMALL || total < size {
        return alloc_large(size, kind);
    }
    let class = CLASS_OF[total.div_ceil(16)] as usize;
    let h = local();
    let b = if h.is_null() {
        shared_alloc(kind, class)
    } else {
        // SAFETY: the running thread's heap.
        unsafe { (*h).alloc_block(kind, class) }
    };
    if b.is_null() || kind == Kind::Mem || kind == Kind::Obj {
        return b.cast();
    }
    // SAFETY: a fresh block with room for a header.
    unsafe {
        let p = b.add(pre);
        if pre != 0 {
            b.cast::<[usize; 2]>().write([0; 2]);
        }
        clear_bits(p);
        if !h.is_null() {
            (*h).count_gc(1);
        }
        p.cast()
    }
}

#[cold]
fn alloc_large(size: usize, kind: Kind) -> *mut c_void {
    if size > isize::MAX as usize - PAGE_SIZE {
        return null_mut();
    }
    if kind == Kind::Mem || kind == Kind::Obj {
        // SAFETY: libc's malloc.
        return unsafe { libc::malloc(size) };
    }
    let pre = if kind == Kind::GcPre { PREHEADER } else { 0 };
    let n = (size + pre).div_ceil(PAGE_SIZE);
    if n > u32::MAX as usize {
        return null_mut();
    }
    let p = with_pool(|pool| {
        let found = pool.spans.iter().find(|&(_, &(len, goal))| len >= n && qsbr::poll(goal)).map(|(&s, &v)| (s, v));
        if let Some((start, (len, goal))) = found {
            pool.spans.remove(&start);
            if len > n {
                pool.spans.insert(start + n, (len - n, goal));
            }
            // SAFETY: a span of described pages.
            return unsafe { TABLE.load(Relaxed).add(start) };
        }
        fresh(pool, n)
    });
    if p.is_null() {
        return null_mut();
    }
    // SAFETY: the span is ours; only its first page is described as holding an object.
    unsafe {
        for i in 1..n {
            (*p.add(i)).kind.store(NO_KIND, Relaxed);
            (*p.add(i)).carved.set(0);
        }
        let page = &*p;
        let start = page_address(p);
        page.free.set(null_mut());
        page.remote.store(0, Relaxed);
        page.owner.store(null_mut(), Relaxed);
        page.start.set(start);
        page.block_size.set(n << PAGE_SHIFT);
        page.capacity.set(1);
        page.used.set(1);
        page.pages.set(n as u32 | LARGE);
        if pre != 0 {
            start.cast::<[usize; 2]>().write([0; 2]);
        }
        let op = start.add(pre);
        clear_bits(op);
        page.carved.set(1);
        page.kind.store(kind as u8, Release);
        let h = local();
        if !h.is_null() {
            (*h).count_gc(1);
        }
        op.cast()
    }
}

/// Mark of spans in `Page::pages` (a span may be one page long).
const LARGE: u32 = 1 << 31;

unsafe fn free_span(p: *mut c_void) {
    let page = page_of(p as usize);
    let n = (page.pages.get() & !LARGE) as usize;
    page.carved.set(0);
    page.kind.store(NO_KIND, Relaxed);
    // SAFETY: the span is free, and no reader is left.
    unsafe { libc::madvise(page.start.get().cast(), n << PAGE_SHIFT, libc::MADV_DONTNEED) };
    let mut start = (page as *const Page as usize - TABLE.load(Relaxed) as usize) / size_of::<Page>();
    let mut len = n;
    with_pool(|pool| {
        if let Some((&s, &(l, _))) = pool.spans.range(..start).next_back()
            && s + l == start
        {
            pool.spans.remove(&s);
            start = s;
            len += l;
        }
        if let Some(&(l, _)) = pool.spans.get(&(start + len)) {
            pool.spans.remove(&(start + len));
            len += l;
        }
        pool.spans.insert(start, (len, 0));
    });
}

unsafe fn libc_free(p: *mut c_void) {
    // SAFETY: retired once, by `free`.
    unsafe { libc::free(p) }
}

/// Overwrites a block that is being freed: all of plain memory, of an object what follows the header, which stale readers
/// may look at.
///
/// # Safety
/// `p` is a block of the page that nobody uses any more.
#[cfg(feature = "stress")]
unsafe fn poison(p: *mut u8, page: &Page) {
    if page.pages.get() & LARGE != 0 {
        return;
    }
    let keep = if page.kind.load(Relaxed) == Kind::Mem as u8 { 0 } else { size_of::<abi::PyObject>() };
    let end = page.block_size.get() - page.pre();
    // SAFETY: within the block.
    unsafe { p.add(keep).write_bytes(0xDB, end - keep) };
}

/// Frees a block of any kind.
///
/// # Safety
/// `p` came from `alloc(_, kind)` and is not used any more.
#[inline]
pub unsafe fn free(p: *mut c_void, kind: Kind) {
    let addr = p as usize;
    if !in_arena(addr) {
        // SAFETY: a big block of the library allocator.
        unsafe { free_foreign(p, kind) };
        return;
    }
    let page = page_of(addr);
    #[cfg(feature = "stress")]
    // SAFETY: the block is the caller's to free.
    unsafe {
        poison(p.cast(), page)
    };
    // SAFETY: the block is the caller's to free.
    unsafe {
        let h = local();
        let mut b = p.cast::<u8>();
        if page.is_gc() {
            (*p.cast::<abi::PyObject>()).ob_gc_bits.store(0, Relaxed);
            if page.kind.load(Relaxed) == Kind::GcPre as u8 {
                // The link goes before the header: make sure that the object has no owner.
                (*p.cast::<abi::PyObject>()).ob_tid.store(0, Relaxed);
                b = b.sub(PREHEADER);
            }
            if !h.is_null() {
                (*h).count_gc(-1);
            }
            if page.pages.get() & LARGE != 0 {
                qsbr::retire_sized(p, free_span, page.block_size.get());
                return;
            }
        }
        if page.owner.load(Relaxed) == h && !h.is_null() {
            (*h).free_local(page, b.cast());
        } else {
            free_remote(page, b.cast());
        }
    }
}

#[cold]
unsafe fn free_foreign(p: *mut c_void, kind: Kind) {
    if p.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        if kind == Kind::Mem {
            libc::free(p);
        } else {
            // A lock-free reader may be about to look at the header.
            qsbr::retire_sized(p, libc_free, libc::malloc_usable_size(p));
        }
    }
}

/// Bytes a block offers, from `p` on.
///
/// # Safety
/// `p` is a live block.
pub unsafe fn usable_size(p: *mut c_void) -> usize {
    if in_arena(p as usize) {
        let page = page_of(p as usize);
        page.block_size.get() - page.pre()
    } else {
        // SAFETY: a live block of the library allocator.
        unsafe { libc::malloc_usable_size(p) }
    }
}

/// Resizes a block of kind `Mem` or `Obj`.
///
/// # Safety
/// `p` is null or a live block of that kind, which nobody else uses.
pub unsafe fn realloc(p: *mut c_void, size: usize, kind: Kind) -> *mut c_void {
    if p.is_null() {
        return alloc(size, kind);
    }
    // SAFETY: the caller's promise.
    unsafe {
        if !in_arena(p as usize) && size > MAX_SMALL {
            return libc::realloc(p, size);
        }
        let old = usable_size(p);
        if in_arena(p as usize) && size <= old && size * 2 >= old {
            return p;
        }
        let q = alloc(size, kind);
        if !q.is_null() {
            core::ptr::copy_nonoverlapping(p.cast::<u8>(), q.cast::<u8>(), old.min(size));
            free(p, kind);
        }
        q
    }
}

/// Calls `f` for every page of GC objects. The world is stopped.
pub(super) fn for_each_gc_page(mut f: impl FnMut(&'static Page)) {
    let (table, end) = (TABLE.load(Acquire), END.load(Acquire));
    for i in 0..end {
        // SAFETY: pages below END are described.
        let page = unsafe { &*table.add(i) };
        if page.is_gc() && page.carved.get() > 0 && (page.used.get() > 0 || !page.owner.load(Relaxed).is_null()) {
            f(page);
        }
    }
}

/// Blocks in use, of all kinds (`sys.getallocatedblocks`). Only approximate while other threads run.
pub fn allocated_blocks() -> usize {
    let (table, end) = (TABLE.load(Acquire), END.load(Acquire));
    (0..end)
        .map(|i| {
            // SAFETY: pages below END are described.
            let page = unsafe { &*table.add(i) };
            if page.kind.load(Relaxed) == NO_KIND { 0 } else { page.used.get() as usize }
        })
        .sum()
}

/// `sys._debugmallocstats`: what the heap holds, on standard error. There are no free lists by type.
pub fn print_stats() {
    eprintln!("Small block threshold = {MAX_SMALL}, in {CLASSES} size classes.\n");
    let end = END.load(Acquire);
    let pooled = with_pool(|pool| pool.pages.len());
    eprintln!("{} pages of {PAGE_SIZE} bytes used, {pooled} free", end - pooled);
    eprintln!("{} blocks allocated", allocated_blocks());
    for name in ["PyDictObjects", "PyFloatObjects", "PyListObjects", "PyTupleObjects"] {
        eprintln!("0 free {name}");
    }
}

/// Gives memory of long-empty pages back to the system. After a collection.
pub(super) fn trim() {
    with_pool(|pool| {
        // As many as are in use may be wanted again.
        let in_use = END.load(Relaxed) - pool.pages.len();
        let keep = in_use.max((32 << 20) / PAGE_SIZE);
        let n = pool.pages.len().saturating_sub(keep);
        for &p in &pool.pages[..n] {
            // SAFETY: pooled pages are empty; past their goal nobody reads them.
            unsafe {
                let page = &*p;
                if page.kind.load(Relaxed) != NO_KIND && (page.goal.get() == 0 || qsbr::poll(page.goal.get())) {
                    libc::madvise(page.start.get().cast(), PAGE_SIZE, libc::MADV_DONTNEED);
                    page.carved.set(0);
                    page.free.set(null_mut());
                    page.kind.store(NO_KIND, Relaxed);
                    page.goal.set(0);
                }
            }
        }
    });
}

/// Checks the invariant of every page that the running thread owns.
#[cfg(any(test, feature = "stress"))]
pub fn check() {
    let h = local();
    for i in 0..END.load(Acquire) {
        // SAFETY: pages below END are described; ours do not change meanwhile.
        unsafe {
            let page = &*TABLE.load(Acquire).add(i);
            if page.owner.load(Relaxed) != h || h.is_null() {
                continue;
            }
            let mut n = 0;
            let mut b = page.free.get();
            while !b.is_null() {
                n += 1;
                b = (*b).next();
            }
            assert_eq!(page.carved.get(), page.used.get() + n, "page {i}");
        }
    }
}

/// In a forked child: the locks may have been held by threads that are gone.
pub(crate) fn after_fork() {
    GLOBAL.lock.reset();
    GLOBAL.shared_lock.reset();
}
