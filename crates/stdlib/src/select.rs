//! `select`: select, poll and epoll.

use macros::pymodule;

/// This module supports asynchronous I/O on multiple file descriptors.
#[pymodule(name = "select")]
pub mod select {
    use crate::posix::path::{Fd, errno, os_error};
    use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
    use macros::pyclass;
    use runtime::convert::IntoPy;
    use runtime::objects::support::Locked;
    use runtime::prelude::*;
    use runtime::{objects::support, thread};
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    const CONSTANTS: &[(&str, i64)] = &[
        ("POLLIN", 1),
        ("POLLPRI", 2),
        ("POLLOUT", 4),
        ("POLLERR", 8),
        ("POLLHUP", 16),
        ("POLLNVAL", 32),
        ("POLLRDNORM", 64),
        ("POLLRDBAND", 128),
        ("POLLWRNORM", 256),
        ("POLLWRBAND", 512),
        ("POLLMSG", 1024),
        ("POLLRDHUP", 0x2000),
        ("EPOLLIN", 1),
        ("EPOLLPRI", 2),
        ("EPOLLOUT", 4),
        ("EPOLLERR", 8),
        ("EPOLLHUP", 16),
        ("EPOLLRDHUP", 0x2000),
        ("EPOLLRDNORM", 64),
        ("EPOLLRDBAND", 128),
        ("EPOLLWRNORM", 256),
        ("EPOLLWRBAND", 512),
        ("EPOLLMSG", 1024),
        ("EPOLLEXCLUSIVE", 1 << 28),
        ("EPOLLWAKEUP", 1 << 29),
        ("EPOLLONESHOT", 1 << 30),
        ("EPOLLET", 1 << 31),
        ("EPOLL_CLOEXEC", libc::EPOLL_CLOEXEC as i64),
        ("PIPE_BUF", 4096),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        m.add("error", (**exc::OSError()).to_ref())?;
        runtime::typeobject::init_static(<Poll as runtime::convert::HasSpec>::spec())?;
        m.add_type::<Epoll>()
    }

    /// A wait with a deadline: runs `call(milliseconds)` detached, again after a signal, with what is left of the time.
    fn wait(timeout: Option<Duration>, mut call: impl FnMut(i32) -> i32) -> PyResult<i32> {
        let deadline = timeout.map(|t| Instant::now() + t);
        loop {
            let ms = match deadline {
                None => -1,
                Some(d) => {
                    let left = d.saturating_duration_since(Instant::now());
                    // Rounded up, so that a wait is never shorter than asked for.
                    (left.as_nanos().div_ceil(1_000_000)).min(i32::MAX as u128) as i32
                }
            };
            let mut e = 0;
            let r = thread::detach(|| {
                let r = call(ms);
                e = errno();
                r
            });
            if r >= 0 {
                return Ok(r);
            }
            if e != libc::EINTR {
                return Err(runtime::error::raise_os_error(e, None, None));
            }
            thread::check_signals()?;
        }
    }

    fn seconds(o: &Object) -> PyResult<Option<Duration>> {
        if o.is_none() {
            return Ok(None);
        }
        if !o.number_check() {
            return Err(raise!(TypeError, "timeout must be a real number or None"));
        }
        let v = o.as_f64()?;
        if v.is_nan() {
            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
        }
        Ok(Some(Duration::try_from_secs_f64(v.max(0.0)).map_err(|_| raise!(OverflowError, "timeout is too large"))?))
    }

    /// Wait until one or more file descriptors are ready for some kind of I/O.
    #[pyfunction(sig = "rlist, wlist, xlist, timeout=None, /", name = "select")]
    fn select_(rlist: &Object, wlist: &Object, xlist: &Object, timeout: &Object) -> PyResult<(PyRef, PyRef, PyRef)> {
        if let Ok(Some(_)) = seconds(timeout)
            && timeout.as_f64()? < 0.0
        {
            return Err(raise!(ValueError, "timeout must be non-negative"));
        }
        let limit = seconds(timeout)?;
        let collect = |o: &Object| -> PyResult<Vec<(i32, PyRef)>> {
            let mut v = Vec::new();
            for i in o.seq_fast("arguments 1-3 must be sequences")?.to_list()?.snapshot() {
                let fd = Fd::from_py(&i)?.0;
                if !(0..1024).contains(&fd) {
                    return Err(raise!(ValueError, "filedescriptor out of range in select()"));
                }
                v.push((fd, i));
            }
            Ok(v)
        };
        let lists = [collect(rlist)?, collect(wlist)?, collect(xlist)?];
        let mut fds: BTreeMap<i32, i16> = BTreeMap::new();
        for (l, ev) in lists.iter().zip([libc::POLLIN | libc::POLLHUP, libc::POLLOUT, libc::POLLPRI]) {
            for (fd, _) in l {
                *fds.entry(*fd).or_default() |= ev;
            }
        }
        let mut polls: Vec<libc::pollfd> =
            fds.iter().map(|(fd, ev)| libc::pollfd { fd: *fd, events: *ev, revents: 0 }).collect();
        // SAFETY: the array is as long as said.
        wait(limit, |ms| unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as _, ms) })?;
        let mut got: BTreeMap<i32, i16> = BTreeMap::new();
        for p in &polls {
            if p.revents & libc::POLLNVAL != 0 {
                return Err(runtime::error::raise_os_error(libc::EBADF, None, None));
            }
            got.insert(p.fd, p.revents);
        }
        let pick = |l: &[(i32, PyRef)], mask: i16| -> PyResult<PyRef> {
            List::from_vec(
                l.iter().filter(|(fd, _)| got.get(fd).is_some_and(|r| r & mask != 0)).map(|(_, o)| o.clone()).collect(),
            )
            .map(Ref::upcast)
        };
        Ok((
            pick(&lists[0], libc::POLLIN | libc::POLLHUP | libc::POLLERR)?,
            pick(&lists[1], libc::POLLOUT | libc::POLLERR)?,
            pick(&lists[2], libc::POLLPRI)?,
        ))
    }

    /// A polling object.
    #[repr(C)]
    pub struct Poll {
        head: abi::PyObject,
        fds: Locked<BTreeMap<i32, i16>>,
        running: AtomicI32,
    }

    /// Returns a polling object.
    #[pyfunction]
    fn poll() -> PyResult<Ref<Poll>> {
        let p = support::alloc::<Poll>(Poll::type_object())?;
        p.fds.set(BTreeMap::new());
        Ok(p)
    }

    /// Events as an unsigned short.
    fn mask(o: &Object) -> PyResult<u16> {
        let i = o.index()?;
        if i.is_negative() {
            return Err(raise!(ValueError, "value must be positive"));
        }
        i.try_u64()
            .and_then(|v| u16::try_from(v).ok())
            .ok_or_else(|| raise!(OverflowError, "Python int too large for C unsigned short"))
    }

    #[pyclass(name = "poll", module = "select", flags = "DISALLOW_INSTANTIATION|IMMUTABLETYPE")]
    impl Poll {
        #[slot]
        fn tp_dealloc(this: *mut Poll) {
            // SAFETY: the last reference is gone.
            unsafe {
                drop((*this).fds.take());
                runtime::mem::dealloc::free_instance(this.cast());
            }
        }
        /// Register a file descriptor with the polling object.
        #[pymethod(sig = "fd, eventmask=7, /")]
        fn register(&self, fd: Fd, eventmask: Arg<&Object>) -> PyResult<()> {
            let eventmask = match eventmask {
                Arg::Given(m) => mask(m)?,
                Arg::Missing => 7,
            };
            self.fds.with(|m| m.insert(fd.0, eventmask as i16));
            Ok(())
        }
        /// Modify an already registered file descriptor.
        #[pymethod]
        fn modify(&self, fd: Fd, eventmask: &Object) -> PyResult<()> {
            let eventmask = mask(eventmask)?;
            match self.fds.with(|m| m.get_mut(&fd.0).map(|e| *e = eventmask as i16)).flatten() {
                Some(()) => Ok(()),
                None => Err(runtime::error::raise_os_error(libc::ENOENT, None, None)),
            }
        }
        /// Remove a file descriptor being tracked by the polling object.
        #[pymethod]
        fn unregister(&self, fd: Fd) -> PyResult<()> {
            match self.fds.with(|m| m.remove(&fd.0)).flatten() {
                Some(_) => Ok(()),
                None => Err(runtime::error::raise_key_error(&*fd.0.into_py()?)),
            }
        }
        /// Polls the set of registered file descriptors.
        #[pymethod]
        fn poll(&self, timeout: Option<&Object>) -> PyResult<PyRef> {
            let limit = match timeout {
                None => None,
                Some(t) => {
                    if !t.number_check() {
                        return Err(raise!(TypeError, "timeout must be a real number or None"));
                    }
                    let v = t.as_f64()?;
                    if v > i32::MAX as f64 {
                        return Err(raise!(OverflowError, "timeout is too large"));
                    }
                    if v < 0.0 { None } else { Some(Duration::from_secs_f64((v / 1000.0).min(1e9))) }
                }
            };
            let mut polls: Vec<libc::pollfd> = self
                .fds
                .with(|m| m.iter().map(|(fd, ev)| libc::pollfd { fd: *fd, events: *ev, revents: 0 }).collect())
                .unwrap_or_default();
            if self.running.swap(1, Relaxed) != 0 {
                return Err(raise!(RuntimeError, "concurrent poll() invocation"));
            }
            // SAFETY: the array is as long as said.
            let r = wait(limit, |ms| unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as _, ms) });
            self.running.store(0, Relaxed);
            r?;
            let mut out = Vec::new();
            for p in polls.iter().filter(|p| p.revents != 0) {
                out.push((p.fd, p.revents as u16).into_py()?);
            }
            List::from_vec(out).map(Ref::upcast)
        }
    }

    /// An edge polling object. The descriptor is kept shifted by one, zero is closed.
    #[repr(C)]
    pub struct Epoll {
        head: abi::PyObject,
        fd_plus_1: AtomicI32,
    }
    impl Epoll {
        fn fd(&self) -> PyResult<i32> {
            match self.fd_plus_1.load(Relaxed) - 1 {
                -1 => Err(raise!(ValueError, "I/O operation on closed epoll object")),
                fd => Ok(fd),
            }
        }
        fn control(&self, op: i32, fd: i32, mask: u32) -> PyResult<()> {
            let ep = self.fd()?;
            let mut ev = libc::epoll_event { events: mask, u64: fd as u64 };
            // SAFETY: the event is valid.
            if unsafe { libc::epoll_ctl(ep, op, fd, &mut ev) } < 0 { Err(os_error()) } else { Ok(()) }
        }
        fn close_now(&self) {
            let fd = self.fd_plus_1.swap(0, Relaxed) - 1;
            if fd >= 0 {
                // SAFETY: closing a number is safe.
                unsafe { libc::close(fd) };
            }
        }
        fn make(cls: &Type, fd: i32) -> PyResult<Ref<Epoll>> {
            let e = support::alloc::<Epoll>(cls)?;
            e.fd_plus_1.store(fd + 1, Relaxed);
            Ok(e)
        }
    }

    /// Returns an epolling object.
    #[pyclass(name = "epoll", module = "select", flags = "BASETYPE")]
    impl Epoll {
        #[slot(sig = "sizehint=-1, flags=0")]
        fn tp_new(cls: &Type, sizehint: i64, flags: i32) -> PyResult<Ref<Epoll>> {
            if sizehint < -1 || sizehint == 0 {
                return Err(raise!(ValueError, "sizehint must be positive or -1"));
            }
            if flags != 0 && flags != libc::EPOLL_CLOEXEC {
                return Err(raise!(OSError, "invalid flags"));
            }
            // SAFETY: no memory is involved.
            let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
            if fd < 0 { Err(os_error()) } else { Epoll::make(cls, fd) }
        }
        #[slot]
        fn tp_dealloc(this: *mut Epoll) {
            // SAFETY: the last reference is gone.
            unsafe {
                (*this).close_now();
                runtime::mem::dealloc::free_instance(this.cast());
            }
        }
        #[pyclassmethod]
        fn fromfd(cls: &Type, fd: i32) -> PyResult<Ref<Epoll>> {
            Epoll::make(cls, fd)
        }
        #[pymethod]
        fn close(&self) {
            self.close_now();
        }
        #[pygetset]
        fn closed(&self) -> bool {
            self.fd_plus_1.load(Relaxed) == 0
        }
        #[pymethod]
        fn fileno(&self) -> PyResult<i32> {
            self.fd()
        }
        #[pymethod(sig = "fd, eventmask=7")]
        fn register(&self, fd: Fd, eventmask: u32) -> PyResult<()> {
            self.control(libc::EPOLL_CTL_ADD, fd.0, eventmask)
        }
        #[pymethod(sig = "fd, eventmask")]
        fn modify(&self, fd: Fd, eventmask: u32) -> PyResult<()> {
            self.control(libc::EPOLL_CTL_MOD, fd.0, eventmask)
        }
        #[pymethod(sig = "fd")]
        fn unregister(&self, fd: Fd) -> PyResult<()> {
            self.control(libc::EPOLL_CTL_DEL, fd.0, 0)
        }
        #[pymethod(sig = "timeout=None, maxevents=-1")]
        fn poll(&self, timeout: &Object, maxevents: i32) -> PyResult<PyRef> {
            let ep = self.fd()?;
            let limit = if timeout.is_none() || timeout.as_f64()? < 0.0 { None } else { seconds(timeout)? };
            let max = match maxevents {
                -1 => libc::FD_SETSIZE - 1,
                n if n > 0 => n as usize,
                n => return Err(raise!(ValueError, "maxevents must be greater than 0, got {}", n)),
            };
            let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; max];
            // SAFETY: the array is as long as said.
            let n = wait(limit, |ms| unsafe { libc::epoll_wait(ep, events.as_mut_ptr(), max as i32, ms) })?;
            let mut out = Vec::with_capacity(n as usize);
            for e in &events[..n as usize] {
                let (fd, ev) = (e.u64 as i32, e.events);
                out.push((fd, ev).into_py()?);
            }
            List::from_vec(out).map(Ref::upcast)
        }
        #[pymethod]
        fn __enter__(&self) -> PyResult<PyRef> {
            self.fd()?;
            let o: &Object = self;
            Ok(o.to_ref())
        }
        #[pymethod(raw)]
        fn __exit__(&self, args: FuncArgs<'_>) {
            let _ = args;
            self.close_now();
        }
    }
}
