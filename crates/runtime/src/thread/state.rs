//! Thread states and interpreter states.
//!
//! A `ThreadState` begins with the ABI's public `PyThreadState`; what is ours follows it. It belongs to one thread: only
//! that thread touches its plain fields while attached; other threads may touch the atomics, or anything while the world
//! is stopped. `abi.state` is the attach state (`attach_state`); an attached thread is the only one that leaves ATTACHED,
//! everything else is a compare-and-swap. Thread states are recycled, never unmapped, so that a late `set_breaker` is harmless.

use super::futex;
use super::mutex::RawMutex;
use crate::arch;
use crate::mem::{brc, heap, qsbr, refcount, threadcount};
use core::cell::{Cell, UnsafeCell};
use core::ptr::{null, null_mut};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

/// Values of `abi.state`.
pub mod attach_state {
    pub const DETACHED: u32 = 0;
    pub const ATTACHED: u32 = 1;
    /// Stopped by a stop-the-world request; may not attach.
    pub const SUSPENDED: u32 = 2;
    /// The runtime is finalizing: an attempt to attach hangs for ever.
    pub const SHUTTING_DOWN: u32 = 3;
    /// Detached, and held there for a moment while another thread merges counts.
    pub const MERGING: u32 = 4;
    /// The same, and the thread waits to attach.
    pub const MERGING_AWAITED: u32 = 5;
}

/// Bits of `ThreadState::eval_breaker`: reasons to leave the fast path of the eval loop and call `thread::handle_breaker`.
pub mod breaker {
    pub const GIL_DROP_REQUEST: usize = 1;
    pub const SIGNALS_PENDING: usize = 2;
    pub const CALLS_TO_DO: usize = 4;
    pub const ASYNC_EXCEPTION: usize = 8;
    pub const GC_SCHEDULED: usize = 16;
    pub const PLEASE_STOP: usize = 32;
    pub const EXPLICIT_MERGE: usize = 64;
    pub const QSBR: usize = 128;
    /// All of the above; byte 2 belongs to `lifecycle::remote`, higher bits are free for the interpreter (instrumentation version).
    pub const MASK: usize = 255;
}

/// Memory for frames: one region per thread, reserved on first use and committed by the kernel as it is touched.
pub struct DataStack {
    pub base: Cell<*mut u64>,
    pub top: Cell<*mut u64>,
    pub limit: Cell<*mut u64>,
}

/// Entries of the cache of boxed ints.
pub(crate) const BOXED_INTS: usize = 8;

/// Slots reserved for each thread's data stack (16 MiB: address space is limited where RLIMIT_AS is).
pub const DATA_STACK_SLOTS: usize = 2 << 20;

impl DataStack {
    const fn new() -> DataStack {
        DataStack { base: Cell::new(null_mut()), top: Cell::new(null_mut()), limit: Cell::new(null_mut()) }
    }

    /// Reserves the region; false when the system refuses.
    pub fn reserve(&self) -> bool {
        if !self.base.get().is_null() {
            return true;
        }
        let bytes = DATA_STACK_SLOTS * 8;
        // SAFETY: a fresh anonymous mapping.
        let p = unsafe {
            libc::mmap(
                null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if p == libc::MAP_FAILED {
            return false;
        }
        self.base.set(p.cast());
        self.top.set(p.cast());
        // SAFETY: the end of the mapping.
        self.limit.set(unsafe { p.cast::<u64>().add(DATA_STACK_SLOTS) });
        true
    }

    fn release(&self) {
        if !self.base.get().is_null() {
            // SAFETY: mapped by `reserve`; no frame is left.
            unsafe { libc::munmap(self.base.get().cast(), DATA_STACK_SLOTS * 8) };
        }
        self.base.set(null_mut());
        self.top.set(null_mut());
        self.limit.set(null_mut());
    }
}

/// Something to do when a thread state is cleared.
pub trait AtClear {
    /// Nothing is left to do.
    fn is_stale(&self) -> bool;
    /// Does it, while the thread is attached.
    fn run(self: Box<Self>);
}

/// Per-thread state of one interpreter.
#[repr(C)]
pub struct ThreadState {
    abi: abi::PyThreadState,
    /// Frames' memory (the interpreter's).
    pub stack: DataStack,
    /// What the interpreter's fast engine returned last, a slot.
    pub result: Cell<u64>,
    pub(crate) heap: Cell<*mut heap::Heap>,
    qsbr: Cell<*const qsbr::Slot>,
    pub(crate) brc: brc::Queue,
    pub(crate) delayed: qsbr::Delayed,
    /// Counts of shared types, code and namespaces.
    pub(crate) counts: threadcount::Counts,
    /// Counted references that this thread took to shared objects of others (`refcount::shared_read`).
    pub(crate) shared_reads: refcount::SharedReads,
    /// Uncounted references of native code.
    pub(crate) pins: crate::interp::pin::Pins,
    /// Ints that were boxed lately (`Int::cached`), owned.
    pub(crate) boxed_ints: [Cell<*mut abi::PyObject>; BOXED_INTS],
    /// Nested container destructors.
    pub(crate) dealloc_depth: Cell<u32>,
    /// What `fs:0` is on the bound thread; 0 while unbound.
    tid: Cell<usize>,
    /// Lowest address the native stack may be used down to (soft limit).
    pub c_stack_limit: Cell<usize>,
    pub c_stack_top: Cell<usize>,
    /// Exception set by `PyThreadState_SetAsyncExc`, an owned reference or null.
    pub(crate) async_exc: AtomicPtr<abi::PyObject>,
    pub daemon: Cell<bool>,
    /// Run when the state is cleared: what native modules keep per thread (`_thread._local`).
    at_clear: UnsafeCell<Vec<Box<dyn AtClear>>>,
    /// Length of `at_clear` at which stale entries are looked for.
    at_clear_limit: Cell<usize>,
}

// SAFETY: see the module's description.
unsafe impl Sync for ThreadState {}

/// What compiled test extensions read behind the public part of a thread state.
#[repr(C)]
pub struct ThreadFace {
    tlbc_index: i32,
    /// The native stack that `PyUnstable_ThreadState_SetStackProtection` was told of; 0 for the system's.
    pub stack_base: Cell<usize>,
    pub stack_top: Cell<usize>,
}

/// A thread state as it is allocated.
#[repr(C)]
struct Whole {
    state: ThreadState,
    _pad: [u8; 0x3ca0 - size_of::<ThreadState>()],
    face: ThreadFace,
}
const _: () = assert!(core::mem::offset_of!(Whole, face) == 0x3ca0);

static NEXT_THREAD_ID: AtomicU64 = AtomicU64::new(1);
static NEXT_INTERP_ID: AtomicI64 = AtomicI64::new(1);

/// Lock of the lists of interpreters and threads, and of `stw`'s request.
pub(crate) static HEAD_LOCK: RawMutex = RawMutex::new();
static INTERPRETERS: AtomicPtr<InterpreterState> = AtomicPtr::new(null_mut());
static MAIN: AtomicPtr<InterpreterState> = AtomicPtr::new(null_mut());
/// A main interpreter has ended at some time.
static ENDED: AtomicBool = AtomicBool::new(false);

struct Pool(UnsafeCell<Vec<*mut ThreadState>>);
// SAFETY: touched under HEAD_LOCK.
unsafe impl Sync for Pool {}
static POOL: Pool = Pool(UnsafeCell::new(Vec::new()));

impl ThreadState {
    /// The attached thread state. The thread must be attached.
    #[inline(always)]
    pub fn current() -> &'static ThreadState {
        let p = arch::tstate();
        debug_assert!(!p.is_null(), "no thread state attached");
        // SAFETY: an attached thread state stays alive while attached.
        unsafe { &*p }
    }

    /// The attached thread state, if any.
    #[inline(always)]
    pub fn try_current() -> Option<&'static ThreadState> {
        // SAFETY: an attached thread state stays alive while attached.
        unsafe { arch::tstate().as_ref() }
    }

    /// The part that compiled extensions may read.
    #[inline(always)]
    pub fn abi(&self) -> &abi::PyThreadState {
        &self.abi
    }

    /// The same, for this thread to write: a raw view, use it field by field.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub fn abi_mut(&self) -> &mut abi::PyThreadState {
        // SAFETY: plain fields are written by the owning thread only; the borrow never outlives one statement.
        unsafe { &mut *(&raw const self.abi).cast_mut() }
    }

    /// # Safety
    /// `p` is a live thread state.
    #[inline(always)]
    pub unsafe fn from_abi<'a>(p: *mut abi::PyThreadState) -> &'a ThreadState {
        // SAFETY: every PyThreadState of ours begins a ThreadState.
        unsafe { &*p.cast() }
    }

    #[inline(always)]
    pub fn as_abi(&self) -> *mut abi::PyThreadState {
        (&raw const self.abi).cast_mut()
    }

    #[inline(always)]
    pub fn interp(&self) -> &'static InterpreterState {
        // SAFETY: an interpreter outlives its threads.
        unsafe { &*self.abi.interp.cast() }
    }

    /// Bits of `breaker`; the eval loop checks it for non-zero.
    #[inline(always)]
    pub fn eval_breaker(&self) -> &AtomicUsize {
        // SAFETY: the field is only accessed atomically.
        unsafe { &*(&raw const self.abi.eval_breaker).cast() }
    }

    #[inline]
    pub fn set_breaker(&self, bits: usize) {
        self.eval_breaker().fetch_or(bits, AcqRel);
    }

    #[inline]
    pub fn clear_breaker(&self, bits: usize) {
        self.eval_breaker().fetch_and(!bits, AcqRel);
    }

    /// The attach state word.
    #[inline(always)]
    pub(crate) fn state(&self) -> &AtomicU32 {
        // SAFETY: the field is only accessed atomically.
        unsafe { &*(&raw const self.abi.state).cast() }
    }

    #[inline(always)]
    pub(crate) fn qsbr_slot(&self) -> &'static qsbr::Slot {
        // SAFETY: slots live for ever; a bound state has one.
        unsafe { &*self.qsbr.get() }
    }

    pub fn bound_tid(&self) -> usize {
        self.tid.get()
    }

    /// Holds a detached thread where it is; false when it is not detached.
    pub(crate) fn begin_merge(&self) -> bool {
        self.state().compare_exchange(attach_state::DETACHED, attach_state::MERGING, Acquire, Relaxed).is_ok()
    }

    pub(crate) fn end_merge(&self) {
        if self.state().swap(attach_state::DETACHED, AcqRel) == attach_state::MERGING_AWAITED {
            futex::wake(self.state(), i32::MAX);
        }
    }

    /// A new state of `interp`, not bound to a thread. Null when memory is short.
    pub fn new(interp: &'static InterpreterState) -> *mut ThreadState {
        let id = NEXT_THREAD_ID.fetch_add(1, Relaxed);
        // SAFETY: a fresh allocation of the right layout, or a recycled one; zero bytes are valid for the ABI part.
        let p: *mut ThreadState = unsafe {
            let pooled = HEAD_LOCK.with_raw(|| (*POOL.0.get()).pop());
            let p = match pooled {
                Some(p) => p,
                None => std::alloc::alloc(core::alloc::Layout::new::<Whole>()).cast(),
            };
            if p.is_null() {
                return p;
            }
            core::ptr::write_bytes(p, 0, 1);
            core::ptr::write_bytes(&raw mut (*p.cast::<Whole>()).face, 0, 1);
            (&raw mut (*p).stack).write(DataStack::new());
            (&raw mut (*p).brc).write(Default::default());
            (&raw mut (*p).delayed).write(Default::default());
            (&raw mut (*p).counts).write(Default::default());
            (&raw mut (*p).at_clear).write(Default::default());
            p
        };
        // SAFETY: initialised above.
        let ts = unsafe { &*p };
        let a = ts.abi_mut();
        a.interp = (interp as *const InterpreterState).cast_mut().cast();
        a.id = id;
        a.py_recursion_limit = interp.recursion_limit.load(Relaxed) as _;
        a.py_recursion_remaining = a.py_recursion_limit;
        a.exc_info = &raw mut a.exc_state;
        a.what_event = -1;
        a.gilstate_counter = 1;
        HEAD_LOCK.with_raw(|| {
            let head = interp.threads.load(Relaxed);
            let a = ts.abi_mut();
            a.next = head.cast();
            a.prev = null_mut();
            // SAFETY: list members are alive under the lock.
            if let Some(h) = unsafe { head.as_ref() } {
                h.abi_mut().prev = p.cast();
            }
            interp.threads.store(p, Release);
            interp.thread_count.fetch_add(1, Relaxed);
            // A thread that is born while the world is stopped waits for it like the others.
            let s = if interp.is_finalizing() {
                attach_state::SHUTTING_DOWN
            } else if super::stw::is_requested() {
                attach_state::SUSPENDED
            } else {
                attach_state::DETACHED
            };
            ts.state().store(s, Release);
            ts.eval_breaker().store(super::signals::initial_breaker(), Release);
        });
        p
    }

    /// Binds the state to the running OS thread: identity, heap, reclamation slot. Before the first attach.
    pub fn bind(&self) {
        let tid = arch::thread_id();
        self.tid.set(tid);
        let a = self.abi_mut();
        // SAFETY: no preconditions.
        a.thread_id = unsafe { libc::pthread_self() } as _;
        a.native_thread_id = super::native_id() as _;
        self.qsbr.set(qsbr::new_slot());
        self.heap.set(heap::acquire());
        self.reset_stack_limits();
        brc::register(self, tid);
    }

    /// The part that test extensions read.
    pub fn face(&self) -> &ThreadFace {
        // SAFETY: every state lies in a `Whole`.
        unsafe { &(*(self as *const ThreadState).cast::<Whole>()).face }
    }

    /// Sets the native stack's limits to those of the running thread, or to what `face` says.
    pub fn reset_stack_limits(&self) {
        let face = self.face();
        let (low, high) = match face.stack_top.get() {
            0 => super::stack_bounds(),
            top => (face.stack_base.get(), top),
        };
        self.c_stack_limit.set(low + super::STACK_MARGIN.min((high - low) / 4));
        self.c_stack_top.set(high);
    }

    /// Gives up what binding took. On the bound thread, attached (or in a place where nobody can stop it).
    fn unbind(&self) {
        if self.tid.get() == 0 {
            return;
        }
        qsbr::abandon(self);
        brc::unregister(self, self.tid.get());
        heap::release(self.heap.replace(null_mut()));
        qsbr::release_slot(self.qsbr_slot());
        self.qsbr.set(null());
        // Last: what was freed above has counted.
        threadcount::merge(self);
        self.tid.set(0);
    }

    /// Drops every reference the state holds (`PyThreadState_Clear`). Attached, on any thread of the interpreter.
    pub fn clear(&self) {
        let a = self.abi_mut();
        let mut refs = Vec::new();
        {
            let mut take = |slot: *mut *mut abi::PyObject| {
                // SAFETY: the slots belong to this state and own their references.
                let p = unsafe { slot.replace(null_mut()) };
                if !p.is_null() {
                    refs.push(p);
                }
            };
            take(&raw mut a.dict);
            take(&raw mut a.current_exception);
            take(&raw mut a.exc_state.exc_value);
            take(&raw mut a.c_profileobj);
            take(&raw mut a.c_traceobj);
            take(&raw mut a.async_gen_firstiter);
            take(&raw mut a.async_gen_finalizer);
            take(&raw mut a.context);
            take(&raw mut a.threading_local_key);
            take(&raw mut a.threading_local_sentinel);
            for c in &self.boxed_ints {
                take(c.as_ptr());
            }
        }
        a.c_profilefunc = None;
        a.c_tracefunc = None;
        let p = self.async_exc.swap(null_mut(), AcqRel);
        if !p.is_null() {
            refs.push(p);
        }
        for p in refs {
            // SAFETY: owned by the slots until now.
            unsafe { crate::object::decref(p) };
        }
        loop {
            // SAFETY: the list belongs to this state; the borrow ends before the function runs.
            let Some(f) = (unsafe { (*self.at_clear.get()).pop() }) else { break };
            f.run();
        }
    }

    /// Runs `f` when the running thread's state is cleared.
    pub fn on_clear(&self, f: Box<dyn AtClear>) {
        // SAFETY: the list belongs to the running thread; dropping a stale entry runs no Python code.
        let list = unsafe { &mut *self.at_clear.get() };
        if list.len() >= self.at_clear_limit.get().max(64) {
            list.retain(|f| !f.is_stale());
            self.at_clear_limit.set(list.len() * 2);
        }
        list.push(f);
    }

    fn unlink(&self) {
        HEAD_LOCK.with_raw(|| {
            let interp = self.interp();
            let a = self.abi();
            // SAFETY: list members are alive under the lock.
            unsafe {
                match a.prev.as_mut() {
                    Some(prev) => prev.next = a.next,
                    None => interp.threads.store(a.next.cast(), Release),
                }
                if let Some(next) = a.next.as_mut() {
                    next.prev = a.prev;
                }
            }
            interp.thread_count.fetch_sub(1, Relaxed);
        });
    }

    fn recycle(&self) {
        self.stack.release();
        // SAFETY: nobody uses the state any more; a late `set_breaker` hits mapped memory.
        unsafe {
            core::ptr::drop_in_place((&raw const self.brc).cast_mut());
            core::ptr::drop_in_place((&raw const self.delayed).cast_mut());
            core::ptr::drop_in_place((&raw const self.counts).cast_mut());
            core::ptr::drop_in_place((&raw const self.at_clear).cast_mut());
        }
        let p = (self as *const ThreadState).cast_mut();
        HEAD_LOCK.with_raw(|| {
            // SAFETY: under the lock.
            unsafe { (*POOL.0.get()).push(p) }
        });
    }

    /// Deletes the attached state (`PyThreadState_DeleteCurrent`): the thread is detached afterwards.
    ///
    /// # Safety
    /// The state was cleared, no frame is left on it and nobody keeps a pointer to it.
    pub unsafe fn delete_current(&self) {
        debug_assert!(core::ptr::eq(self, arch::tstate()));
        super::gilstate_forget(self);
        self.unbind();
        super::detach_final(self);
        self.unlink();
        self.recycle();
    }

    /// Deletes a state that is not attached anywhere (`PyThreadState_Delete`).
    ///
    /// # Safety
    /// As `delete_current`; its thread has ended or will not use it.
    pub unsafe fn delete(&self) {
        super::gilstate_forget(self);
        if self.tid.get() != 0 {
            self.unbind_elsewhere();
        }
        self.unlink();
        self.recycle();
    }

    /// `unbind` from another thread: the owner will not run any more.
    fn unbind_elsewhere(&self) {
        qsbr::abandon(self);
        brc::unregister(self, self.tid.get());
        heap::release(self.heap.replace(null_mut()));
        qsbr::release_slot(self.qsbr_slot());
        self.qsbr.set(null());
        // Last: what was freed above has counted.
        threadcount::merge(self);
        self.tid.set(0);
    }

    /// Drops an unlinked state of a thread that does not exist (forked child).
    ///
    /// # Safety
    /// Nobody else uses it.
    pub(crate) unsafe fn discard(&self) {
        self.clear();
        if self.tid.get() != 0 {
            self.unbind_elsewhere();
        }
        self.recycle();
    }

    /// The next state of the same interpreter (`PyThreadState_Next`).
    pub fn next(&self) -> Option<&'static ThreadState> {
        HEAD_LOCK.with_raw(|| {
            // SAFETY: list members are alive under the lock; the caller keeps them from going away.
            unsafe { self.abi.next.cast::<ThreadState>().as_ref() }
        })
    }

    /// Bytes of native stack left before the soft limit.
    #[inline(always)]
    pub fn stack_left(&self) -> isize {
        let here = 0u8;
        (&raw const here as usize).wrapping_sub(self.c_stack_limit.get()) as isize
    }
}

/// Ended interpreters whose memory is still there.
struct Dead(UnsafeCell<Vec<*mut InterpreterState>>);
// SAFETY: only touched under `HEAD_LOCK`.
unsafe impl Sync for Dead {}
static DEAD: Dead = Dead(UnsafeCell::new(Vec::new()));

/// Per-interpreter state. Each subsystem adds one field of a type of its own that implements `Default` (mutable parts
/// behind locks or atomics, as everything here is shared by the interpreter's threads). Objects in it must be visited by
/// `visit_roots`, or stay reachable some other way.
///
/// CPython's compiled test extensions read a few fields without asking; those lie where CPython 3.14 has them (`_PLACES`),
/// and what is between reads as zero.
#[repr(C)]
pub struct InterpreterState {
    _0: [u8; 0x18],
    /// Whether it has a GIL of its own (`PyInterpreterConfig.gil`).
    pub own_gil: AtomicI32,
    _1: [u8; 0x1c68 - 0x1c],
    next: AtomicPtr<InterpreterState>,
    pub id: i64,
    /// References by id; the interpreter ends with the last one if it is `linked`.
    pub id_refs: AtomicI64,
    pub linked: AtomicI32,
    _2: [u8; 0x1cb0 - 0x1c84],
    pub(crate) threads: AtomicPtr<ThreadState>,
    _3: [u8; 0x2150 - 0x1cb8],
    /// What it may do: `Py_RTFLAGS_*`.
    pub features: AtomicU64,
    _4: [u8; 0x38000 - 0x2158],
    pub thread_count: AtomicUsize,
    pub recursion_limit: AtomicU32,
    pub gil: super::gil::Gil,
    pub gc: crate::mem::gc::GcState,
    pub pending: super::signals::PendingCalls,
    pub threading: super::ThreadingState,
    pub atexit: super::atexit::AtExit,
    pub warnings: crate::objects::exceptions::warnings::WarningsState,
    pub codecs: crate::objects::codecs::CodecState,
    pub import: crate::import::ImportState,
    pub lifecycle: crate::lifecycle::LifecycleState,
    /// Set when the interpreter begins to shut down.
    pub finalizing: AtomicPtr<ThreadState>,
}

/// Where compiled extensions look.
const _PLACES: () = {
    assert!(core::mem::offset_of!(InterpreterState, own_gil) == 0x18);
    assert!(core::mem::offset_of!(InterpreterState, next) == 0x1c68);
    assert!(core::mem::offset_of!(InterpreterState, id) == 0x1c70);
    assert!(core::mem::offset_of!(InterpreterState, id_refs) == 0x1c78);
    assert!(core::mem::offset_of!(InterpreterState, linked) == 0x1c80);
    assert!(core::mem::offset_of!(InterpreterState, threads) == 0x1cb0);
    assert!(core::mem::offset_of!(InterpreterState, features) == 0x2150);
};

// SAFETY: fields are atomics or carry their own locks.
unsafe impl Sync for InterpreterState {}
// SAFETY: as above.
unsafe impl Send for InterpreterState {}

impl InterpreterState {
    /// A new interpreter, linked into the list. The first one is the main interpreter.
    pub fn new() -> &'static InterpreterState {
        let first = MAIN.load(Acquire).is_null();
        let layout = core::alloc::Layout::new::<InterpreterState>();
        // SAFETY: fresh zeroed memory, which is valid for the plain fields; the others are written one by one.
        let i: &'static InterpreterState = unsafe {
            let p = std::alloc::alloc_zeroed(layout).cast::<InterpreterState>();
            if p.is_null() {
                std::alloc::handle_alloc_error(layout);
            }
            (&raw mut (*p).id).write(if first { 0 } else { NEXT_INTERP_ID.fetch_add(1, Relaxed) });
            (&raw mut (*p).recursion_limit).write(AtomicU32::new(1000));
            macro_rules! defaults {
                ($($f:ident)*) => { $((&raw mut (*p).$f).write(Default::default());)* };
            }
            defaults!(gil gc pending threading atexit warnings codecs import lifecycle);
            &*p
        };
        crate::lifecycle::runtime_block::set_next_interpreter(NEXT_INTERP_ID.load(Relaxed));
        HEAD_LOCK.with_raw(|| {
            let p = (i as *const InterpreterState).cast_mut();
            i.next.store(INTERPRETERS.load(Relaxed), Relaxed);
            INTERPRETERS.store(p, Release);
            if first {
                MAIN.store(p, Release);
            }
        });
        i
    }

    /// The interpreter of the attached thread.
    #[inline]
    pub fn current() -> &'static InterpreterState {
        ThreadState::current().interp()
    }

    /// The main interpreter. The runtime must have been initialised.
    pub fn main() -> &'static InterpreterState {
        Self::try_main().expect("the runtime is not initialised")
    }

    pub fn try_main() -> Option<&'static InterpreterState> {
        // SAFETY: interpreters are leaked.
        unsafe { MAIN.load(Acquire).as_ref() }
    }

    pub fn is_main(&self) -> bool {
        core::ptr::eq(self, MAIN.load(Acquire))
    }

    /// The first thread state of the interpreter, newest first (`PyInterpreterState_ThreadHead`).
    pub fn thread_head(&self) -> Option<&'static ThreadState> {
        // SAFETY: list members stay mapped.
        unsafe { self.threads.load(Acquire).as_ref() }
    }

    /// The most recent interpreter (`PyInterpreterState_Head`).
    pub fn head() -> Option<&'static InterpreterState> {
        // SAFETY: interpreters are leaked.
        unsafe { INTERPRETERS.load(Acquire).as_ref() }
    }

    pub fn next_interp(&self) -> Option<&'static InterpreterState> {
        // SAFETY: interpreters are leaked.
        unsafe { self.next.load(Acquire).as_ref() }
    }

    /// After the end of the main interpreter: the next interpreter is the main one. Threads that come from outside hang
    /// until then.
    pub(crate) fn forget_main() {
        super::signals::forget_main_thread();
        MAIN.store(null_mut(), Release);
        ENDED.store(true, Release);
        // Records of interpreters without a (hanging) thread: nobody looks at them any more.
        // SAFETY: under the lock.
        let dead = HEAD_LOCK.with_raw(|| unsafe { core::mem::take(&mut *DEAD.0.get()) });
        for p in dead {
            // SAFETY: made by `new`, ended, in no list.
            unsafe {
                if (*p).thread_count.load(Relaxed) == 0 {
                    (*p).lifecycle.drop_config();
                    std::alloc::dealloc(p.cast(), core::alloc::Layout::new::<InterpreterState>());
                }
            }
        }
    }

    /// Whether a main interpreter has ended, and none has begun since.
    pub fn has_ended() -> bool {
        ENDED.load(Acquire) && MAIN.load(Acquire).is_null()
    }

    /// Removes an ended interpreter from the list. Its memory stays until the main interpreter has ended.
    pub fn unlink(&self) {
        HEAD_LOCK.with_raw(|| {
            let me = (self as *const InterpreterState).cast_mut();
            // SAFETY: under the lock.
            unsafe { (*DEAD.0.get()).push(me) };
            let mut link = &INTERPRETERS;
            loop {
                let p = link.load(Relaxed);
                if p == me {
                    link.store(self.next.load(Relaxed), Release);
                    break;
                }
                // SAFETY: list members are alive under the lock.
                match unsafe { p.as_ref() } {
                    Some(i) => link = &i.next,
                    None => break,
                }
            }
        });
    }

    /// Visits objects that the interpreter keeps alive: a head start for the collector's marking. Counted references need not
    /// be here for correctness.
    pub(crate) fn visit_roots(&self, visit: &mut dyn FnMut(&crate::object::Object)) {
        self.gc.visit_roots(visit);
        if self.import.has_modules() {
            visit(self.import.modules());
        }
    }

    /// Whether `sys.is_finalizing()`.
    pub fn is_finalizing(&self) -> bool {
        !self.finalizing.load(Relaxed).is_null()
    }
}

/// Calls `f` for every thread state of the process, with the list locked: `f` must be short and run no Python code.
pub fn for_each_thread_locked(mut f: impl FnMut(&'static ThreadState)) {
    let mut i = InterpreterState::head();
    while let Some(interp) = i {
        let mut t = interp.thread_head();
        while let Some(ts) = t {
            // SAFETY: list members are alive under the lock.
            t = unsafe { ts.abi().next.cast::<ThreadState>().as_ref() };
            f(ts);
        }
        i = interp.next_interp();
    }
}

/// `for_each_thread_locked`, taking the lock.
pub fn for_each_thread(f: impl FnMut(&'static ThreadState)) {
    HEAD_LOCK.with_raw(|| for_each_thread_locked(f));
}

/// In a forked child: every state but `keep` is discarded. Returns those of discarded threads, for `clear`.
pub(crate) fn after_fork(keep: &ThreadState) -> Vec<&'static ThreadState> {
    HEAD_LOCK.reset();
    let mut dead = Vec::new();
    for_each_thread_locked(|ts| {
        if !core::ptr::eq(ts, keep) {
            dead.push(ts);
        }
    });
    for ts in &dead {
        ts.unlink();
    }
    dead
}
