//! `_multiprocessing`: semaphores that processes share.

use macros::pymodule;

#[pymodule(name = "_multiprocessing")]
pub mod _multiprocessing {
    use crate::posix::path::{errno, os_error};
    use core::sync::atomic::Ordering::Relaxed;
    use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64};
    use macros::pyclass;
    use runtime::objects::support::{Fields, Slot, alloc, dealloc};
    use runtime::prelude::*;
    use std::ffi::CString;

    const RECURSIVE_MUTEX: i32 = 0;
    const SEMAPHORE: i32 = 1;

    /// A named semaphore (whose name is usually gone already) and what this process holds of it.
    #[repr(C)]
    pub struct SemLock {
        header: abi::PyObject,
        semaphore: AtomicPtr<libc::sem_t>,
        name: Slot,
        /// The thread that acquired last.
        owner: AtomicU64,
        count: AtomicI64,
        max: i32,
        kind: i32,
    }

    impl Fields for SemLock {
        fn fields(&self, f: &mut dyn FnMut(&Slot)) {
            f(&self.name);
        }
        fn release(&self) {
            let s = self.semaphore.load(Relaxed);
            if !s.is_null() {
                // SAFETY: opened by this object, closed once.
                unsafe { libc::sem_close(s) };
            }
        }
    }

    fn this_thread() -> u64 {
        // SAFETY: no preconditions.
        unsafe { libc::pthread_self() }
    }

    impl SemLock {
        fn make(cls: &Type, semaphore: *mut libc::sem_t, kind: i32, max: i32, name: Option<PyRef>) -> PyResult<PyRef> {
            let l = match alloc::<SemLock>(cls) {
                Ok(l) => l,
                Err(e) => {
                    // SAFETY: nobody else knows it.
                    unsafe { libc::sem_close(semaphore) };
                    return Err(e);
                }
            };
            l.semaphore.store(semaphore, Relaxed);
            // SAFETY: a new object that nobody else sees.
            unsafe {
                (*l.as_raw()).kind = kind;
                (*l.as_raw()).max = max;
            }
            if let Some(n) = name {
                l.name.init(n);
            }
            Ok(l.upcast())
        }
        fn mine(&self) -> bool {
            self.count.load(Relaxed) > 0 && self.owner.load(Relaxed) == this_thread()
        }
        fn value(&self) -> PyResult<i32> {
            let mut v = 0;
            // SAFETY: a live semaphore.
            if unsafe { libc::sem_getvalue(self.semaphore.load(Relaxed), &mut v) } < 0 {
                return Err(os_error());
            }
            Ok(v.max(0))
        }
        fn take(&self, block: bool, timeout: Option<&Object>) -> PyResult<bool> {
            if self.kind == RECURSIVE_MUTEX && self.mine() {
                self.count.fetch_add(1, Relaxed);
                return Ok(true);
            }
            let deadline = match timeout {
                Some(t) if block => {
                    let seconds = t.as_f64()?.max(0.0);
                    // SAFETY: the time is written.
                    let mut now: libc::timespec = unsafe { core::mem::zeroed() };
                    // SAFETY: the same.
                    if unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) } < 0 {
                        return Err(os_error());
                    }
                    let whole = seconds.min(1e12).floor();
                    now.tv_sec += whole as i64;
                    now.tv_nsec += ((seconds.min(1e12) - whole) * 1e9) as i64;
                    if now.tv_nsec >= 1_000_000_000 {
                        now.tv_sec += 1;
                        now.tv_nsec -= 1_000_000_000;
                    }
                    Some(now)
                }
                _ => None,
            };
            let s = self.semaphore.load(Relaxed);
            // SAFETY: a live semaphore.
            let mut r = unsafe { libc::sem_trywait(s) };
            let mut e = errno();
            if block {
                while r < 0 && (e == libc::EAGAIN || e == libc::EINTR) {
                    (r, e) = runtime::thread::detach(|| {
                        // SAFETY: a live semaphore, and a time.
                        let r = unsafe {
                            match &deadline {
                                Some(t) => libc::sem_timedwait(s, t),
                                None => libc::sem_wait(s),
                            }
                        };
                        (r, errno())
                    });
                    if r < 0 && e == libc::EINTR {
                        runtime::thread::check_signals()?;
                    }
                }
            }
            if r < 0 {
                return match e {
                    libc::EAGAIN | libc::ETIMEDOUT => Ok(false),
                    libc::EINTR => runtime::thread::check_signals().map(|()| false),
                    e => Err(runtime::error::raise_os_error(e, None, None)),
                };
            }
            self.count.fetch_add(1, Relaxed);
            self.owner.store(this_thread(), Relaxed);
            Ok(true)
        }
    }

    fn c_name(s: &str) -> PyResult<CString> {
        CString::new(s).map_err(|_| raise!(ValueError, "embedded null character"))
    }

    /// A semaphore or a recursive mutex that processes share.
    #[pyclass(name = "SemLock", module = "_multiprocessing", flags = "BASETYPE", slots(tp_dealloc = dealloc::<SemLock>))]
    impl SemLock {
        #[slot(sig = "kind, value, maxvalue, name, unlink")]
        fn tp_new(cls: &Type, kind: i32, value: i32, maxvalue: i32, name: &str, unlink: bool) -> PyResult<PyRef> {
            if kind != RECURSIVE_MUTEX && kind != SEMAPHORE {
                return Err(raise!(ValueError, "unrecognized kind"));
            }
            let c = c_name(name)?;
            let mode: libc::c_uint = 0o600;
            // SAFETY: a null-terminated name and the arguments that O_CREAT asks for.
            let s = unsafe { libc::sem_open(c.as_ptr(), libc::O_CREAT | libc::O_EXCL, mode, value as libc::c_uint) };
            if s == libc::SEM_FAILED {
                return Err(os_error());
            }
            // SAFETY: a null-terminated name.
            if unlink && unsafe { libc::sem_unlink(c.as_ptr()) } < 0 {
                let e = os_error();
                // SAFETY: nobody else knows it.
                unsafe { libc::sem_close(s) };
                return Err(e);
            }
            let kept = if unlink { None } else { Some(Str::new(name)?.upcast()) };
            SemLock::make(cls, s, kind, maxvalue, kept)
        }
        #[pyclassmethod(sig = "handle, kind, maxvalue, name, /")]
        fn _rebuild(cls: &Type, handle: i64, kind: i32, maxvalue: i32, name: Option<&str>) -> PyResult<PyRef> {
            let (s, kept) = match name {
                Some(n) => {
                    let c = c_name(n)?;
                    // SAFETY: a null-terminated name.
                    let s = unsafe { libc::sem_open(c.as_ptr(), 0) };
                    if s == libc::SEM_FAILED {
                        return Err(os_error());
                    }
                    (s, Some(Str::new(n)?.upcast()))
                }
                None => (handle as usize as *mut libc::sem_t, None),
            };
            SemLock::make(cls, s, kind, maxvalue, kept)
        }
        /// Acquires the semaphore or lock.
        #[pymethod(sig = "block=True, timeout=None")]
        fn acquire(&self, block: bool, timeout: Option<&Object>) -> PyResult<bool> {
            self.take(block, timeout)
        }
        /// Releases the semaphore or lock.
        #[pymethod(name = "release")]
        fn give_back(&self) -> PyResult<()> {
            if self.kind == RECURSIVE_MUTEX {
                if !self.mine() {
                    return Err(raise!(AssertionError, "attempt to release recursive lock not owned by thread"));
                }
                if self.count.load(Relaxed) > 1 {
                    self.count.fetch_sub(1, Relaxed);
                    return Ok(());
                }
            } else if self.value()? >= self.max {
                return Err(raise!(ValueError, "semaphore or lock released too many times"));
            }
            self.count.fetch_sub(1, Relaxed);
            // SAFETY: a live semaphore.
            if unsafe { libc::sem_post(self.semaphore.load(Relaxed)) } < 0 {
                self.count.fetch_add(1, Relaxed);
                return Err(os_error());
            }
            Ok(())
        }
        /// Enters the semaphore or lock.
        #[pymethod]
        fn __enter__(&self) -> PyResult<bool> {
            self.take(true, None)
        }
        /// Leaves the semaphore or lock.
        #[pymethod(sig = "exc_type=None, exc_value=None, exc_tb=None, /")]
        fn __exit__(&self, _t: Option<&Object>, _v: Option<&Object>, _tb: Option<&Object>) -> PyResult<()> {
            self.give_back()
        }
        /// How often this process acquired it, less how often it released it.
        #[pymethod]
        fn _count(&self) -> i64 {
            self.count.load(Relaxed)
        }
        /// Whether this thread holds it.
        #[pymethod]
        fn _is_mine(&self) -> bool {
            self.mine()
        }
        /// The semaphore's value.
        #[pymethod]
        fn _get_value(&self) -> PyResult<i32> {
            self.value()
        }
        /// Whether the semaphore's value is zero.
        #[pymethod]
        fn _is_zero(&self) -> PyResult<bool> {
            Ok(self.value()? == 0)
        }
        /// In a child of fork(): nothing is held.
        #[pymethod]
        fn _after_fork(&self) {
            self.count.store(0, Relaxed);
        }
        #[pygetset]
        fn handle(&self) -> usize {
            self.semaphore.load(Relaxed) as usize
        }
        #[pygetset(name = "kind")]
        fn kind_(&self) -> i32 {
            self.kind
        }
        #[pygetset]
        fn maxvalue(&self) -> i32 {
            self.max
        }
        #[pygetset(name = "name")]
        fn name_(&self) -> PyRef {
            self.name.get(self).unwrap_or_else(none_ref)
        }
    }

    /// Removes the name of a semaphore.
    #[pyfunction(sig = "name, /")]
    fn sem_unlink(name: &Str) -> PyResult<()> {
        let c = c_name(name.to_str()?)?;
        // SAFETY: a null-terminated name.
        if unsafe { libc::sem_unlink(c.as_ptr()) } < 0 {
            return Err(runtime::error::raise_os_error(errno(), None, None));
        }
        Ok(())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<SemLock>()?;
        SemLock::type_object().dict().set(intern!("SEM_VALUE_MAX"), &*Int::from_i64(i32::MAX.into())?)?;
        let flags = Dict::new()?;
        flags.set_str("HAVE_SEM_OPEN", &*Int::from_i64(1)?)?;
        flags.set_str("HAVE_SEM_TIMEDWAIT", &*Int::from_i64(1)?)?;
        m.add("flags", flags.upcast())
    }
}
