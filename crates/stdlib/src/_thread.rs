//! `_thread`: threads, locks and thread-local data; what `threading` is built on.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_int;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use macros::{pyclass, pymodule};
use runtime::mem::{Visitor, dealloc};
use runtime::prelude::*;
use runtime::thread::mutex::{LockResult, RawMutex, RecursiveMutex};
use runtime::thread::start::Handle;
use runtime::thread::state::AtClear;
use runtime::thread::{InterpreterState, check_signals};
use runtime::typeobject::alloc_object;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Seconds of `TIMEOUT_MAX`.
const TIMEOUT_MAX: f64 = 9223372036.0;

/// A timeout argument in seconds; `None` means "for ever" (-1).
fn timeout_seconds(o: &Object) -> PyResult<f64> {
    let f = if let Some(f) = o.downcast::<Float>() {
        f.value()
    } else if o.index_check() {
        o.as_i64().map(|v| v as f64)?
    } else {
        return Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer", o.ty().tp_name()));
    };
    if f.is_nan() {
        return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
    }
    Ok(f)
}

fn deadline(seconds: f64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_secs_f64(seconds.clamp(0.0, TIMEOUT_MAX)))
}

/// `acquire`'s arguments: `None` = do not block, `Some(None)` = for ever.
fn acquire_args(blocking: bool, timeout: Option<&Object>) -> PyResult<Option<Option<Instant>>> {
    let t = match timeout {
        Some(t) => timeout_seconds(t)?,
        None => -1.0,
    };
    if !blocking && t != -1.0 {
        return Err(raise!(ValueError, "can't specify a timeout for a non-blocking call"));
    }
    if t < 0.0 && t != -1.0 {
        return Err(raise!(ValueError, "timeout value must be a non-negative number"));
    }
    if t > TIMEOUT_MAX {
        return Err(raise!(OverflowError, "timeout value is too large"));
    }
    Ok(if !blocking {
        None
    } else if t == -1.0 {
        Some(None)
    } else {
        Some(deadline(t))
    })
}

/// Waits for a lock; signal handlers run meanwhile and may raise.
fn acquire_loop(
    when: Option<Option<Instant>>,
    try_lock: impl Fn() -> bool,
    lock: impl Fn(Option<Instant>) -> LockResult,
) -> PyResult<bool> {
    if try_lock() {
        return Ok(true);
    }
    let Some(deadline) = when else { return Ok(false) };
    loop {
        match lock(deadline) {
            LockResult::Acquired => return Ok(true),
            LockResult::TimedOut => return Ok(false),
            LockResult::Interrupted => check_signals()?,
        }
    }
}

/// `_thread.lock`.
#[repr(C)]
pub struct Lock {
    ob_base: abi::PyObject,
    weaklist: *mut abi::PyWeakReference,
    mutex: RawMutex,
}
pub static mut LOCK_TYPE: Type = Type::STATIC;
runtime::py_layout!(Lock, LOCK_TYPE);

impl Lock {
    pub fn new() -> PyResult<Ref<Lock>> {
        alloc_object(Lock::type_object())
    }
    fn unlock(&self) -> PyResult<()> {
        if self.mutex.try_unlock() { Ok(()) } else { Err(raise!(RuntimeError, "release unlocked lock")) }
    }
}

/// lock()
/// --
///
/// A lock object is a synchronization primitive.  To create a lock,
/// call threading.Lock().  Methods are:
///
/// acquire() -- lock the lock, possibly blocking until it can be obtained
/// release() -- unlock of the lock
/// locked() -- test whether the lock is currently locked
///
/// A lock is not owned by the thread that locked it; another thread may
/// unlock it.  A thread attempting to lock a lock that it has already locked
/// will block until another thread unlocks it.  Deadlocks may ensue.
#[pyclass(name = "lock", module = "_thread", type_object = LOCK_TYPE, weaklistoffset = core::mem::offset_of!(Lock, weaklist))]
impl Lock {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("lock")?;
        args.check_positional("lock", 0, 0)?;
        Ok(alloc_object::<Lock>(cls)?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let me: *const Lock = self;
        let state = if self.mutex.is_locked() { "locked" } else { "unlocked" };
        Str::format(format_args!("<{state} {} object at {me:p}>", self.ty().tp_name()))
    }
    #[slot]
    fn tp_dealloc(this: *mut Lock) {
        // SAFETY: the object is dying.
        unsafe {
            runtime::objects::weakref::clear_weakrefs(this.cast());
            dealloc::free_instance(this.cast());
        }
    }
    /// Lock the lock.  Without argument, this blocks if the lock is already
    /// locked (even by the same thread), waiting for another thread to release
    /// the lock, and return True once the lock is acquired.
    /// With an argument, this will only block if the argument is true,
    /// and the return value reflects whether the lock is acquired.
    /// The blocking operation is interruptible.
    #[pymethod(sig = "blocking=True, timeout=-1")]
    fn acquire(&self, blocking: bool, timeout: Arg<&Object>) -> PyResult<bool> {
        let when = acquire_args(blocking, timeout.into_option())?;
        acquire_loop(when, || self.mutex.try_lock(), |d| self.mutex.lock_timed(d, true, true))
    }
    /// An obsolete synonym of acquire().
    #[pymethod(sig = "blocking=True, timeout=-1")]
    fn acquire_lock(&self, blocking: bool, timeout: Arg<&Object>) -> PyResult<bool> {
        self.acquire(blocking, timeout)
    }
    /// Release the lock, allowing another thread that is blocked waiting for
    /// the lock to acquire the lock.  The lock must be in the locked state,
    /// but it needn't be locked by the same thread that unlocks it.
    #[pymethod]
    fn release(&self) -> PyResult<()> {
        self.unlock()
    }
    /// An obsolete synonym of release().
    #[pymethod]
    fn release_lock(&self) -> PyResult<()> {
        self.unlock()
    }
    /// Return whether the lock is in the locked state.
    #[pymethod]
    fn locked(&self) -> bool {
        self.mutex.is_locked()
    }
    /// An obsolete synonym of locked().
    #[pymethod]
    fn locked_lock(&self) -> bool {
        self.mutex.is_locked()
    }
    /// Lock the lock.
    #[pymethod]
    fn __enter__(&self) -> PyResult<bool> {
        acquire_loop(Some(None), || self.mutex.try_lock(), |d| self.mutex.lock_timed(d, true, true))
    }
    /// Release the lock.
    #[pymethod(sig = "*exc_info")]
    fn __exit__(&self, exc_info: &[&Object]) -> PyResult<()> {
        let _ = exc_info;
        self.unlock()
    }
    #[pymethod]
    fn _at_fork_reinit(&self) {
        self.mutex.reset();
    }
}

/// `_thread.RLock`.
#[repr(C)]
pub struct RLock {
    ob_base: abi::PyObject,
    weaklist: *mut abi::PyWeakReference,
    mutex: RecursiveMutex,
}
pub static mut RLOCK_TYPE: Type = Type::STATIC;
runtime::py_layout!(RLock, RLOCK_TYPE);

#[pyclass(name = "RLock", module = "_thread", type_object = RLOCK_TYPE, flags = "BASETYPE", weaklistoffset = core::mem::offset_of!(RLock, weaklist))]
impl RLock {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        Ok(alloc_object::<RLock>(cls)?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let me: *const RLock = self;
        let state = if self.mutex.is_locked() { "locked" } else { "unlocked" };
        let (owner, count) = (self.mutex.owner(), self.mutex.count());
        Str::format(format_args!("<{state} {} object owner={owner} count={count} at {me:p}>", self.ty().tp_name()))
    }
    #[slot]
    fn tp_dealloc(this: *mut RLock) {
        // SAFETY: the object is dying.
        unsafe {
            runtime::objects::weakref::clear_weakrefs(this.cast());
            dealloc::free_instance(this.cast());
        }
    }
    /// Lock the lock.  `blocking` indicates whether we should wait
    /// for the lock to be available or not.  If `blocking` is False
    /// and another thread holds the lock, the method will return False
    /// immediately.  If `blocking` is True and another thread holds
    /// the lock, the method will wait for the lock to be released,
    /// take it and then return True.
    /// (note: the blocking operation is interruptible.)
    ///
    /// In all other cases, the method will return True immediately.
    /// Precisely, if the current thread already holds the lock, its
    /// internal counter is simply incremented. If nobody holds the lock,
    /// the lock is taken and its internal counter initialized to 1.
    #[pymethod(sig = "blocking=True, timeout=-1")]
    fn acquire(&self, blocking: bool, timeout: Arg<&Object>) -> PyResult<bool> {
        let when = acquire_args(blocking, timeout.into_option())?;
        acquire_loop(when, || self.mutex.try_lock(), |d| self.mutex.lock_timed(d, true, true))
    }
    /// Release the lock, allowing another thread that is blocked waiting for
    /// the lock to acquire the lock.  The lock must be in the locked state,
    /// and must be locked by the same thread that unlocks it; otherwise a
    /// `RuntimeError` is raised.
    ///
    /// Do note that if the lock was acquire()d several times in a row by the
    /// current thread, release() needs to be called as many times for the lock
    /// to be available for other threads.
    #[pymethod]
    fn release(&self) -> PyResult<()> {
        if self.mutex.try_unlock() { Ok(()) } else { Err(raise!(RuntimeError, "cannot release un-acquired lock")) }
    }
    /// Return a boolean indicating whether this object is locked right now.
    #[pymethod]
    fn locked(&self) -> bool {
        self.mutex.is_locked()
    }
    /// For internal use by `threading.Condition`.
    #[pymethod]
    fn _is_owned(&self) -> bool {
        self.mutex.is_owned()
    }
    /// For internal use by `threading.Condition`.
    #[pymethod]
    fn _acquire_restore(&self, state: &Tuple) -> PyResult<()> {
        if state.len() != 2 {
            return Err(raise!(
                TypeError,
                "_acquire_restore() argument 1 must be sequence of length 2, not {}",
                state.len()
            ));
        }
        let n = state.get(0).as_isize()?;
        self.mutex.lock();
        self.mutex.set_count(n.max(1) as usize);
        Ok(())
    }
    /// For internal use by `threading.Condition`.
    #[pymethod]
    fn _release_save(&self) -> PyResult<(usize, usize)> {
        let owner = self.mutex.owner();
        match self.mutex.release_all() {
            0 => Err(raise!(RuntimeError, "cannot release un-acquired lock")),
            n => Ok((n, owner)),
        }
    }
    /// For internal use by reentrancy checks.
    #[pymethod]
    fn _recursion_count(&self) -> usize {
        if self.mutex.is_owned() { self.mutex.count() } else { 0 }
    }
    /// Lock the lock.
    #[pymethod]
    fn __enter__(&self) -> PyResult<bool> {
        acquire_loop(Some(None), || self.mutex.try_lock(), |d| self.mutex.lock_timed(d, true, true))
    }
    /// Release the lock.
    #[pymethod(sig = "*exc_info")]
    fn __exit__(&self, exc_info: &[&Object]) -> PyResult<()> {
        let _ = exc_info;
        self.release()
    }
    #[pymethod]
    fn _at_fork_reinit(&self) {
        self.mutex.reset();
    }
}

/// `_thread._ThreadHandle`.
#[repr(C)]
pub struct ThreadHandle {
    ob_base: abi::PyObject,
    handle: ManuallyDrop<Arc<Handle>>,
}
pub static mut THREADHANDLE_TYPE: Type = Type::STATIC;
runtime::py_layout!(ThreadHandle, THREADHANDLE_TYPE);

impl ThreadHandle {
    fn with(h: Arc<Handle>) -> PyResult<Ref<ThreadHandle>> {
        let o: Ref<ThreadHandle> = alloc_object(ThreadHandle::type_object())?;
        // SAFETY: a new object.
        unsafe { (&raw mut (*o.as_raw()).handle).write(ManuallyDrop::new(h)) };
        Ok(o)
    }
}

#[pyclass(name = "_ThreadHandle", module = "_thread", type_object = THREADHANDLE_TYPE)]
impl ThreadHandle {
    #[slot]
    fn tp_new(_cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(ThreadHandle::with(Handle::new())?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!("<_ThreadHandle object: ident={}>", self.handle.ident()))
    }
    #[slot]
    fn tp_dealloc(this: *mut ThreadHandle) {
        // SAFETY: the object is dying.
        unsafe {
            ManuallyDrop::drop(&mut (*this).handle);
            dealloc::free_instance(this.cast());
        }
    }
    #[pygetset]
    fn ident(&self) -> usize {
        self.handle.ident()
    }
    #[pymethod(sig = "timeout=None, /")]
    fn join(&self, timeout: Option<&Object>) -> PyResult<()> {
        let d = match timeout {
            Some(t) => {
                let s = timeout_seconds(t)?;
                if s < 0.0 { None } else { deadline(s) }
            }
            None => None,
        };
        self.handle.join(d)
    }
    #[pymethod]
    fn _set_done(&self) -> PyResult<()> {
        self.handle.set_done()
    }
    #[pymethod]
    fn is_done(&self) -> bool {
        self.handle.is_done()
    }
}

type LocalDicts = std::sync::Mutex<Vec<(u64, PyRef)>>;

/// Takes a thread's dict out of a local object when the thread ends.
struct Forget {
    dicts: Weak<LocalDicts>,
    thread: u64,
}

impl AtClear for Forget {
    fn is_stale(&self) -> bool {
        self.dicts.strong_count() == 0
    }
    fn run(self: Box<Self>) {
        if let Some(dicts) = self.dicts.upgrade() {
            let gone = locked(&dicts, |v| v.iter().position(|e| e.0 == self.thread).map(|i| v.swap_remove(i)));
            drop(gone);
        }
    }
}

/// Numbers local objects; never used twice.
static NEXT_LOCAL: AtomicU64 = AtomicU64::new(1);

const CACHED: usize = 16;
thread_local! {
    /// The dicts that this thread looked up last: number of the local object, thread state, dict. An entry is good as long as
    /// the numbers agree: the local object, which the reader keeps alive, owns the dict until the thread state is cleared.
    static CACHE: [Cell<(u64, u64, *mut abi::PyObject)>; CACHED] =
        const { [const { Cell::new((0, 0, core::ptr::null_mut())) }; CACHED] };
}

struct LocalBody {
    /// Number in the threads' caches; replaced when the dicts are dropped.
    number: AtomicU64,
    args: PyRef,
    kwargs: Option<PyRef>,
    /// Thread state id → that thread's dict. Locked for a few instructions only.
    dicts: Arc<LocalDicts>,
}

/// `_thread._local`.
#[repr(C)]
pub struct Local {
    ob_base: abi::PyObject,
    weaklist: *mut abi::PyWeakReference,
    body: ManuallyDrop<UnsafeCell<LocalBody>>,
}
pub static mut LOCAL_TYPE: Type = Type::STATIC;
runtime::py_layout!(Local, LOCAL_TYPE);

fn locked<R>(d: &LocalDicts, f: impl FnOnce(&mut Vec<(u64, PyRef)>) -> R) -> R {
    f(&mut d.lock().unwrap_or_else(|e| e.into_inner()))
}

impl Local {
    fn body(&self) -> &LocalBody {
        // SAFETY: only `tp_clear` changes the body, when nobody can reach it.
        unsafe { &*self.body.get() }
    }

    /// The running thread's dict; on first use it is made and `__init__` is called.
    fn dict(&self) -> PyResult<Ref<Dict>> {
        let ts = ThreadState::current();
        let id = ts.abi().id;
        let body = self.body();
        let number = body.number.load(Relaxed);
        let (n, t, p) = CACHE.with(|c| c[number as usize % CACHED].get());
        if n == number && t == id {
            // SAFETY: see `CACHE`; only dicts are stored.
            return Ok(unsafe { Object::from_ptr(p).to_ref().cast_into() });
        }
        let found = locked(&body.dicts, |v| v.iter().find(|e| e.0 == id).map(|e| e.1.clone()));
        if let Some(d) = found {
            CACHE.with(|c| c[number as usize % CACHED].set((number, id, d.as_ptr())));
            // SAFETY: only dicts are stored.
            return Ok(unsafe { d.cast_into() });
        }
        let d = Dict::new()?;
        let r: PyRef = d.clone().upcast();
        locked(&body.dicts, |v| v.push((id, r)));
        ts.on_clear(Box::new(Forget { dicts: Arc::downgrade(&body.dicts), thread: id }));
        let init = self.ty().slots().tp_init;
        // SAFETY: a slot of the type, called with what `__new__` got.
        let base_init = unsafe { (*runtime::typeobject::object_type().as_raw()).tp_init };
        if let Some(init) = init
            && base_init.is_none_or(|b| !core::ptr::fn_addr_eq(b, init))
        {
            let kw = body.kwargs.as_ref().map_or(core::ptr::null_mut(), |k| k.as_raw().cast());
            // SAFETY: as above.
            if unsafe { init(self.as_ptr(), body.args.as_ptr(), kw) } < 0 {
                CACHE.with(|c| c[number as usize % CACHED].set((0, 0, core::ptr::null_mut())));
                let gone = locked(&body.dicts, |v| v.iter().position(|e| e.0 == id).map(|i| v.swap_remove(i)));
                let e = Raised::already_set();
                let saved = e.take();
                drop(gone);
                return Err(runtime::error::restore(saved));
            }
        }
        Ok(d)
    }
}

/// _local()
/// --
///
/// Thread-local data
#[pyclass(name = "_local", module = "_thread", type_object = LOCAL_TYPE, flags = "BASETYPE|HAVE_GC", weaklistoffset = core::mem::offset_of!(Local, weaklist))]
impl Local {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let plain = {
            let (a, b) = (cls.slots().tp_init, runtime::typeobject::object_type().slots().tp_init);
            match (a, b) {
                (Some(a), Some(b)) => core::ptr::fn_addr_eq(a, b),
                (None, _) => true,
                _ => false,
            }
        };
        if plain && (args.len() > 0 || args.has_keywords()) {
            return Err(raise!(TypeError, "Initialization arguments are not supported"));
        }
        let o: Ref<Local> = alloc_object(cls)?;
        let body = LocalBody {
            args: args.to_tuple()?.upcast(),
            kwargs: args.kwargs_dict()?.map(|d| d.upcast()),
            dicts: Default::default(),
            number: AtomicU64::new(NEXT_LOCAL.fetch_add(1, Relaxed)),
        };
        // SAFETY: a new object.
        unsafe { (&raw mut (*o.as_raw()).body).write(ManuallyDrop::new(UnsafeCell::new(body))) };
        // The creating thread's `__init__` is called by `type.__call__`: its dict must exist before.
        let ts = ThreadState::current();
        let id = ts.abi().id;
        let d: PyRef = Dict::new()?.upcast();
        let dicts = &o.body().dicts;
        locked(dicts, |v| v.push((id, d)));
        ts.on_clear(Box::new(Forget { dicts: Arc::downgrade(dicts), thread: id }));
        if !runtime::mem::gc::is_tracked(&o) {
            runtime::mem::gc::track(&o);
        }
        Ok(o.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let b = self.body();
        let r = v.visit(&b.args);
        if r != 0 {
            return r;
        }
        let r = v.visit_opt(&b.kwargs);
        if r != 0 {
            return r;
        }
        locked(&b.dicts, |d| {
            for (_, x) in d.iter() {
                let r = v.visit(x);
                if r != 0 {
                    return r;
                }
            }
            0
        })
    }
    #[slot]
    fn tp_clear(&self) {
        self.body().number.store(NEXT_LOCAL.fetch_add(1, Relaxed), Relaxed);
        let old = locked(&self.body().dicts, core::mem::take);
        drop(old);
    }
    #[slot]
    fn tp_dealloc(this: *mut Local) {
        // SAFETY: the object is dying.
        unsafe { dealloc::dealloc_body(this.cast(), (&raw mut (*this).body).cast::<LocalBody>()) }
    }
    #[slot]
    fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
        let name = attribute_name(name)?;
        let d = self.dict()?;
        if name.eq_str("__dict__") {
            return Ok(d.upcast());
        }
        let attr = self.ty().lookup(name);
        if let Some(a) = &attr
            && a.ty().slots().tp_descr_set.is_some()
            && let Some(get) = a.ty().slots().tp_descr_get
        {
            // SAFETY: the slot's contract.
            return unsafe { PyRef::from_c_result(get(a.as_ptr(), self.as_ptr(), self.ty().as_raw().cast())) };
        }
        if let Some(v) = d.get(name)? {
            return Ok(v);
        }
        match attr {
            Some(a) => match a.ty().slots().tp_descr_get {
                // SAFETY: the slot's contract.
                Some(get) => unsafe { PyRef::from_c_result(get(a.as_ptr(), self.as_ptr(), self.ty().as_raw().cast())) },
                None => Ok(a),
            },
            // Raises the AttributeError.
            None => self.generic_getattr(name),
        }
    }
    #[slot]
    fn tp_setattro(&self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        let d = self.dict()?;
        if name.richcompare_bool(intern!("__dict__"), runtime::protocol::CompareOp::Eq)? {
            return Err(raise!(AttributeError, "'{}' object attribute '__dict__' is read-only", self.ty().tp_name()));
        }
        let name = attribute_name(name)?;
        if let Some(a) = self.ty().lookup(name)
            && let Some(set) = a.ty().slots().tp_descr_set
        {
            // SAFETY: the slot's contract.
            let r = unsafe { set(a.as_ptr(), self.as_ptr(), value.map_or(core::ptr::null_mut(), |v| v.as_ptr())) };
            return if r < 0 { Err(Raised::already_set()) } else { Ok(()) };
        }
        match value {
            Some(v) => d.set(name, v),
            None if d.del(name)? => Ok(()),
            None => Err(raise!(
                AttributeError,
                "'{}' object has no attribute '{}'",
                self.ty().tp_name(),
                name.to_string_lossy()
            )),
        }
    }
}

static HOOK_ARGS_TYPE: crate::kept::Kept = crate::kept::Kept::new();

fn start(handle: &Arc<Handle>, func: &Object, args: PyRef, kwargs: Option<PyRef>, daemon: bool) -> PyResult<usize> {
    runtime::thread::start::start(handle, func.to_ref(), args, kwargs, daemon)
}

fn start_new(function: &Object, args: &Object, kwargs: Option<&Object>) -> PyResult<usize> {
    if !function.is_callable() {
        return Err(raise!(TypeError, "first arg must be callable"));
    }
    if args.downcast::<Tuple>().is_none() {
        return Err(raise!(TypeError, "2nd arg must be a tuple"));
    }
    if kwargs.is_some_and(|k| k.downcast::<Dict>().is_none()) {
        return Err(raise!(TypeError, "optional 3rd arg must be a dictionary"));
    }
    runtime::audit_event!("_thread.start_new_thread", function, args, kwargs)?;
    start(&Handle::new(), function, args.to_ref(), kwargs.map(|k| k.to_ref()), true)
}

fn attribute_name(name: &Object) -> PyResult<&Str> {
    name.downcast::<Str>()
        .ok_or_else(|| raise!(TypeError, "attribute name must be string, not '{}'", name.ty().tp_name()))
}

fn set_thread_name(name: &Str) -> PyResult<()> {
    // What cannot be encoded becomes a question mark; the kernel keeps 15 bytes.
    let mut bytes = Vec::with_capacity(16);
    for i in 0..name.len() {
        match char::from_u32(name.char_at(i)) {
            Some('\0') => break,
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => bytes.push(b'?'),
        }
        if bytes.len() >= 15 {
            break;
        }
    }
    bytes.truncate(15);
    bytes.push(0);
    // SAFETY: a terminated string.
    match unsafe { libc::pthread_setname_np(libc::pthread_self(), bytes.as_ptr().cast()) } {
        0 => Ok(()),
        e => {
            // SAFETY: errno of this thread.
            unsafe { *libc::__errno_location() = e };
            Err(runtime::error::raise_from_errno(None))
        }
    }
}

fn interrupt(signum: i32) -> PyResult<()> {
    if runtime::thread::signals::simulate(signum) {
        Ok(())
    } else {
        Err(raise!(ValueError, "signal number out of range"))
    }
}

/// This module provides primitive operations to write multi-threaded programs.
/// The 'threading' module provides a more convenient interface.
#[pymodule(name = "_thread")]
pub mod _thread {
    use super::*;
    use runtime::convert::IntoPy;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Lock>()?;
        m.add_type::<RLock>()?;
        m.add_type::<ThreadHandle>()?;
        m.add_type::<Local>()?;
        let fields = [
            ("exc_type", "Exception type"),
            ("exc_value", "Exception value"),
            ("exc_traceback", "Exception traceback"),
            ("thread", "Thread"),
        ];
        let doc = "ExceptHookArgs\n\nType used to pass arguments to threading.excepthook.";
        let ty = runtime::objects::structseq::make_type("_thread._ExceptHookArgs", doc, &fields, 4)?.upcast();
        HOOK_ARGS_TYPE.set(ty.clone());
        m.add("_ExceptHookArgs", ty)?;
        m.add("LockType", Lock::type_object().to_ref())?;
        m.add("error", exc::RuntimeError().to_ref())?;
        m.add("TIMEOUT_MAX", TIMEOUT_MAX.into_py()?)?;
        m.add("_NAME_MAXLEN", 15.into_py()?)
    }

    /// Start a new thread and return its identifier.
    ///
    /// The thread will call the function with positional arguments from the
    /// tuple args and keyword arguments taken from the optional dictionary
    /// kwargs.  The thread exits when the function returns; the return value
    /// is ignored.  The thread will also exit when the function raises an
    /// unhandled exception; a stack trace will be printed unless the exception
    /// is SystemExit.
    #[pyfunction(sig = "function, args, kwargs=None, /", text_signature = "function, args, kwargs={}, /")]
    fn start_new_thread(function: &Object, args: &Object, kwargs: Option<&Object>) -> PyResult<usize> {
        start_new(function, args, kwargs)
    }
    /// An obsolete synonym of start_new_thread().
    #[pyfunction(
        name = "start_new",
        sig = "function, args, kwargs=None, /",
        text_signature = "function, args, kwargs={}, /"
    )]
    fn start_new_(function: &Object, args: &Object, kwargs: Option<&Object>) -> PyResult<usize> {
        start_new(function, args, kwargs)
    }
    /// *For internal use only*: start a new thread.
    ///
    /// Like start_new_thread(), this starts a new thread calling the given function.
    /// Unlike start_new_thread(), this returns a handle object with methods to join
    /// or detach the given thread.
    /// This function is not for third-party code, please use the
    /// `threading` module instead. During finalization the runtime will not wait for
    /// the thread to exit if daemon is True. If handle is provided it must be a
    /// newly created thread._ThreadHandle instance.
    #[pyfunction(sig = "function, handle=None, daemon=True")]
    fn start_joinable_thread(function: &Object, handle: Option<&Object>, daemon: bool) -> PyResult<PyRef> {
        if !function.is_callable() {
            return Err(raise!(TypeError, "thread function must be callable"));
        }
        runtime::audit_event!("_thread.start_joinable_thread", function, i64::from(daemon), handle)?;
        let h = match handle {
            Some(h) => match h.downcast::<ThreadHandle>() {
                Some(h) => Ref::new_ref(h),
                None => return Err(raise!(TypeError, "'handle' must be a _ThreadHandle")),
            },
            None => ThreadHandle::with(Handle::new())?,
        };
        start(&h.handle, function, Tuple::empty().upcast(), None, daemon)?;
        Ok(h.upcast())
    }
    /// Return True if daemon threads are allowed in the current interpreter,
    /// and False otherwise.
    #[pyfunction]
    fn daemon_threads_allowed() -> bool {
        InterpreterState::current().lifecycle.sub.settings().allow_daemon_threads
    }
    /// Create a new lock object. See help(type(threading.Lock())) for
    /// information about locks.
    #[pyfunction]
    fn allocate_lock() -> PyResult<PyRef> {
        Ok(Lock::new()?.upcast())
    }
    /// An obsolete synonym of allocate_lock().
    #[pyfunction]
    fn allocate() -> PyResult<PyRef> {
        Ok(Lock::new()?.upcast())
    }
    /// This is synonymous to ``raise SystemExit''.  It will cause the current
    /// thread to exit silently unless the exception is caught.
    #[pyfunction]
    fn exit() -> PyResult<()> {
        Err(runtime::error::raise_none(exc::SystemExit()))
    }
    /// An obsolete synonym of exit().
    #[pyfunction]
    fn exit_thread() -> PyResult<()> {
        Err(runtime::error::raise_none(exc::SystemExit()))
    }
    /// Simulate the arrival of the given signal in the main thread,
    /// where the corresponding signal handler will be executed.
    /// If *signum* is omitted, SIGINT is assumed.
    /// A subthread can use this function to interrupt the main thread.
    ///
    /// Note: the default signal handler for SIGINT raises ``KeyboardInterrupt``.
    #[pyfunction(sig = "signum=2, /", text_signature = "signum=signal.SIGINT, /")]
    fn interrupt_main(signum: i32) -> PyResult<()> {
        interrupt(signum)?;
        // On the main thread the handler runs before the call returns.
        runtime::thread::check_signals()
    }
    /// Return a non-zero integer that uniquely identifies the current thread
    /// amongst other threads that exist simultaneously.
    /// This may be used to identify per-thread resources.
    /// Even though on some platforms threads identities may appear to be
    /// allocated consecutive numbers starting at 1, this behavior should not
    /// be relied upon, and the number should be seen purely as a magic cookie.
    /// A thread's identity may be reused for another thread after it exits.
    #[pyfunction]
    fn get_ident() -> usize {
        runtime::thread::ident()
    }
    /// Return a non-negative integer identifying the thread as reported
    /// by the OS (kernel). This may be used to uniquely identify a
    /// particular thread within a system.
    #[pyfunction]
    fn get_native_id() -> u64 {
        runtime::thread::native_id()
    }
    /// Return the number of currently running Python threads, excluding
    /// the main thread. The returned number comprises all threads created
    /// through `start_new_thread()` as well as `threading.Thread`, and not
    /// yet finished.
    ///
    /// This function is meant for internal and specialized purposes only.
    /// In most applications `threading.enumerate()` should be used instead.
    #[pyfunction]
    fn _count() -> usize {
        InterpreterState::current().thread_count.load(Relaxed).saturating_sub(1)
    }
    /// Return the thread stack size used when creating new threads.  The
    /// optional size argument specifies the stack size (in bytes) to be used
    /// for subsequently created threads, and must be 0 (use platform or
    /// configured default) or a positive integer value of at least 32,768 (32k).
    /// If changing the thread stack size is unsupported, a ThreadError
    /// exception is raised.  If the specified size is invalid, a ValueError
    /// exception is raised, and the stack size is unmodified.  32k bytes
    ///  currently the minimum supported stack size value to guarantee
    /// sufficient stack space for the interpreter itself.
    ///
    /// Note that some platforms may have particular restrictions on values for
    /// the stack size, such as requiring a minimum stack size larger than 32 KiB or
    /// requiring allocation in multiples of the system memory page size
    /// - platform documentation should be referred to for more information
    /// (4 KiB pages are common; using multiples of 4096 for the stack size is
    /// the suggested approach in the absence of more specific information).
    #[pyfunction(sig = "size=0, /")]
    fn stack_size(size: isize) -> PyResult<usize> {
        if size < 0 {
            return Err(raise!(ValueError, "size must be 0 or a positive value"));
        }
        let slot = &InterpreterState::current().threading.stack_size;
        let old = slot.load(Relaxed);
        if size != 0 && size < 32768 {
            return Err(raise!(ValueError, "size not valid: {} bytes", size));
        }
        slot.store(size as usize, Relaxed);
        Ok(old)
    }
    /// Wait for all non-daemon threads (other than the calling thread) to stop.
    #[pyfunction]
    fn _shutdown() -> PyResult<()> {
        InterpreterState::current().threading.shutdown.join_all()
    }
    /// Internal only. Make a thread handle for threads not spawned
    /// by the _thread or threading module.
    #[pyfunction]
    fn _make_thread_handle(ident: &Object) -> PyResult<PyRef> {
        if ident.downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "ident must be an integer"));
        }
        Ok(ThreadHandle::with(Handle::of_running(ident.as_u64()? as usize))?.upcast())
    }
    /// Internal only. Return a non-zero integer that uniquely identifies the main thread
    /// of the main interpreter.
    #[pyfunction]
    fn _get_main_thread_ident() -> usize {
        runtime::thread::signals::main_thread_ident()
    }
    /// Return True if the current interpreter is the main Python interpreter.
    #[pyfunction]
    fn _is_main_interpreter() -> bool {
        InterpreterState::current().is_main()
    }
    /// Set the name of the current thread.
    #[pyfunction(sig = "name")]
    fn set_name(name: &Str) -> PyResult<()> {
        set_thread_name(name)
    }
    /// Get the name of the current thread.
    #[pyfunction]
    fn _get_name() -> PyResult<Ref<Str>> {
        let mut buf = [0u8; 64];
        // SAFETY: the buffer is long enough and stays terminated.
        unsafe { libc::pthread_getname_np(libc::pthread_self(), buf.as_mut_ptr().cast(), buf.len() - 1) };
        let n = buf.iter().position(|&b| b == 0).unwrap_or(0);
        runtime::lifecycle::fs_decode_bytes(&buf[..n])
    }
    /// Handle uncaught Thread.run() exception.
    #[pyfunction]
    fn _excepthook(args: &Object) -> PyResult<()> {
        let a = match args.downcast::<Tuple>() {
            Some(t) if HOOK_ARGS_TYPE.get_opt().is_some_and(|ty| args.ty().is(ty)) => t,
            _ => return Err(raise!(TypeError, "_thread.excepthook argument type must be ExceptHookArgs")),
        };
        let [exc_type, value, tb, thread] = [0, 1, 2, 3].map(|i| a.get(i).to_ref());
        if exc_type.is(exc::SystemExit()) {
            return Ok(());
        }
        let sys = runtime::import::import_module("sys")?;
        let mut file = sys.getattr_opt(intern!("stderr"))?.filter(|f| !f.is_none());
        if file.is_none() && !thread.is_none() {
            file = thread.getattr_opt(intern!("_stderr"))?.filter(|f| !f.is_none());
        }
        let Some(file) = file else { return Ok(()) };
        let name = match thread.is_none() {
            true => None,
            false => thread.getattr_opt(intern!("_name"))?,
        };
        let name = match name {
            Some(n) => n.str()?.to_string_lossy().to_string(),
            None => runtime::thread::ident().to_string(),
        };
        let head = Str::format(format_args!("Exception in thread {name}:\n"))?;
        file.call_method(intern!("write"), &[&head])?;
        let traceback = runtime::import::import_module("traceback")?;
        let print = traceback.getattr(intern!("print_exception"))?;
        print.call(&[&exc_type, &value, &tb, none(), &file])?;
        if let Some(flush) = file.getattr_opt(intern!("flush"))? {
            flush.call0()?;
        }
        Ok(())
    }
}
