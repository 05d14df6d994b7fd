//! The socket object.

use super::addr::{self, Addr};
use crate::posix::path::{errno, os_error};
use core::sync::atomic::{AtomicI32, AtomicI64, Ordering::Relaxed};
use macros::pyclass;
use runtime::convert::{ByteString, IntoPy};
use runtime::lifecycle::audit::audit;
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::{objects::support, thread};
use std::time::{Duration, Instant};

/// Default timeout of new sockets in nanoseconds; -1 blocks.
pub static DEFAULT_TIMEOUT: AtomicI64 = AtomicI64::new(-1);

/// A socket. The descriptor is kept shifted by one: zero is closed.
#[repr(C)]
pub struct Socket {
    head: abi::PyObject,
    fd_plus_1: AtomicI32,
    family: AtomicI32,
    kind: AtomicI32,
    proto: AtomicI32,
    /// Nanoseconds; negative blocks, zero does not.
    timeout: AtomicI64,
}

/// A timeout argument in nanoseconds.
pub fn parse_timeout(o: &Object) -> PyResult<i64> {
    if o.is_none() {
        return Ok(-1);
    }
    let v = if o.downcast::<Int>().is_some() { o.as_i64()? as f64 } else { o.as_f64()? };
    if v.is_nan() {
        return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
    }
    if v < 0.0 {
        return Err(raise!(ValueError, "Timeout value out of range"));
    }
    if v > 9e9 {
        return Err(raise!(OverflowError, "timeout doesn't fit into C timeval"));
    }
    Ok((v * 1e9).ceil() as i64)
}

pub fn timeout_value(ns: i64) -> PyResult<PyRef> {
    if ns < 0 { Ok(none_ref()) } else { (ns as f64 / 1e9).into_py() }
}

fn timed_out() -> Raised {
    raise!(TimeoutError, "timed out")
}

impl Socket {
    pub fn fd(&self) -> i32 {
        self.fd_plus_1.load(Relaxed) - 1
    }
    /// The timeout in nanoseconds; negative blocks, zero does not.
    pub fn timeout_ns(&self) -> i64 {
        self.timeout.load(Relaxed)
    }
    fn set_fd(&self, fd: i32) {
        self.fd_plus_1.store(fd + 1, Relaxed);
    }

    fn apply_blocking(&self, block: bool) -> PyResult<()> {
        let mut off: libc::c_int = (!block) as _;
        // SAFETY: the number is valid.
        if unsafe { libc::ioctl(self.fd(), libc::FIONBIO, &mut off) } < 0 { Err(os_error()) } else { Ok(()) }
    }

    fn fill(&self, fd: i32, family: i32, kind: i32, proto: i32) -> PyResult<()> {
        self.set_fd(fd);
        self.family.store(family, Relaxed);
        let nonblock = kind & libc::SOCK_NONBLOCK != 0;
        self.kind.store(kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC), Relaxed);
        self.proto.store(proto, Relaxed);
        if nonblock {
            self.timeout.store(0, Relaxed);
            return Ok(());
        }
        let t = DEFAULT_TIMEOUT.load(Relaxed);
        self.timeout.store(t, Relaxed);
        if t >= 0 { self.apply_blocking(false) } else { Ok(()) }
    }

    /// Runs a call with the socket's timeout: waits for `events` first where the call would block, again after signals.
    fn call<T: Copy + PartialOrd + From<i8>>(&self, events: i16, mut f: impl FnMut(i32) -> T) -> PyResult<T> {
        let timeout = self.timeout.load(Relaxed);
        let deadline = (timeout > 0).then(|| Instant::now() + Duration::from_nanos(timeout as u64));
        loop {
            if let Some(d) = deadline {
                self.wait(events, Some(d))?;
            }
            let fd = self.fd();
            let mut e = 0;
            let r = thread::detach(|| {
                let r = f(fd);
                e = errno();
                r
            });
            if r >= T::from(0) {
                return Ok(r);
            }
            match e {
                libc::EINTR => thread::check_signals()?,
                libc::EAGAIN if timeout > 0 => {}
                e => return Err(runtime::error::raise_os_error(e, None, None)),
            }
        }
    }

    fn wait(&self, events: i16, deadline: Option<Instant>) -> PyResult<()> {
        loop {
            let ms = match deadline {
                None => -1,
                Some(d) => {
                    d.saturating_duration_since(Instant::now()).as_nanos().div_ceil(1_000_000).min(i32::MAX as u128)
                        as i32
                }
            };
            let mut p = libc::pollfd { fd: self.fd(), events, revents: 0 };
            let mut e = 0;
            // SAFETY: one descriptor.
            let r = thread::detach(|| unsafe {
                let r = libc::poll(&mut p, 1, ms);
                e = errno();
                r
            });
            match r {
                0 => return Err(timed_out()),
                r if r > 0 => return Ok(()),
                _ if e == libc::EINTR => thread::check_signals()?,
                _ => return Err(runtime::error::raise_os_error(e, None, None)),
            }
        }
    }

    /// 0, or the errno of the failure.
    fn connect_now(&self, a: &Addr) -> PyResult<i32> {
        let fd = self.fd();
        let mut e = 0;
        // SAFETY: the address is valid.
        let r = thread::detach(|| unsafe {
            let r = libc::connect(fd, a.ptr(), a.len);
            e = errno();
            r
        });
        if r == 0 {
            return Ok(0);
        }
        let timeout = self.timeout.load(Relaxed);
        let go_on = match e {
            libc::EINTR => {
                thread::check_signals()?;
                timeout != 0
            }
            libc::EINPROGRESS => timeout > 0,
            _ => false,
        };
        if !go_on {
            return Ok(e);
        }
        let deadline = (timeout > 0).then(|| Instant::now() + Duration::from_nanos(timeout as u64));
        self.wait(libc::POLLOUT, deadline)?;
        let (mut err, mut n) = (0i32, 4 as libc::socklen_t);
        // SAFETY: an int is written.
        if unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut err).cast(), &mut n) } < 0 {
            return Ok(errno());
        }
        Ok(err)
    }

    fn recv_vec(&self, n: isize, flags: i32) -> PyResult<Vec<u8>> {
        if n < 0 {
            return Err(raise!(ValueError, "negative buffersize in recv"));
        }
        let mut v: Vec<u8> = Vec::new();
        if v.try_reserve_exact(n as usize).is_err() {
            return Err(raise!(MemoryError, "out of memory"));
        }
        let p = v.as_mut_ptr() as usize;
        // SAFETY: the buffer has room for `n` bytes.
        let got = self.call(libc::POLLIN, |fd| unsafe { libc::recv(fd, p as *mut _, n as usize, flags) })?;
        // SAFETY: `got` bytes were written.
        unsafe { v.set_len(got as usize) };
        Ok(v)
    }
    fn close_now(&self) -> PyResult<()> {
        let fd = self.fd_plus_1.swap(0, Relaxed) - 1;
        if fd >= 0 {
            let mut e = 0;
            // SAFETY: closing a number is safe.
            let r = thread::detach(|| unsafe {
                let r = libc::close(fd);
                e = errno();
                r
            });
            if r < 0 && e != libc::ECONNRESET && e != libc::EINTR {
                return Err(runtime::error::raise_os_error(e, None, None));
            }
        }
        Ok(())
    }
}

/// socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object
impl Socket {
    /// `recvmsg(2)` into the given places: number of bytes, ancillary data, message flags, sender.
    fn receive_message(
        &self,
        iov: &mut [libc::iovec],
        ancbufsize: isize,
        flags: i32,
        who: &str,
    ) -> PyResult<(usize, PyRef, i32, PyRef)> {
        if ancbufsize < 0 {
            return Err(raise!(ValueError, "invalid ancillary data buffer length"));
        }
        if iov.len() > 1024 {
            return Err(raise!(OSError, "{}() argument 1 is too long", who));
        }
        let mut control = vec![0u64; (ancbufsize as usize).div_ceil(8)];
        let mut a = Addr::empty();
        // SAFETY: all-zero is a valid header; what it points to outlives the call.
        unsafe {
            let mut m: libc::msghdr = core::mem::zeroed();
            m.msg_name = a.ptr_mut().cast();
            m.msg_namelen = a.len;
            m.msg_iov = iov.as_mut_ptr();
            m.msg_iovlen = iov.len() as _;
            if ancbufsize > 0 {
                m.msg_control = control.as_mut_ptr().cast();
                m.msg_controllen = ancbufsize as _;
            }
            let p = &raw mut m as usize;
            let n = self.call(libc::POLLIN, |fd| libc::recvmsg(fd, p as *mut _, flags | libc::MSG_CMSG_CLOEXEC))?;
            let anc = List::from_vec(Vec::new())?;
            let end = m.msg_control as usize + m.msg_controllen as usize;
            let mut h = if ancbufsize > 0 { libc::CMSG_FIRSTHDR(&m) } else { core::ptr::null_mut() };
            while !h.is_null() {
                let data = libc::CMSG_DATA(h);
                let len = ((*h).cmsg_len as usize).saturating_sub(data as usize - h as usize);
                // A cut-off message says its full length.
                let len = len.min(end.saturating_sub(data as usize));
                let bytes = core::slice::from_raw_parts(data, len).to_vec();
                anc.append(&*((*h).cmsg_level, (*h).cmsg_type, ByteString(bytes)).into_py()?)?;
                h = libc::CMSG_NXTHDR(&m, h);
            }
            a.len = m.msg_namelen;
            let address = if m.msg_namelen == 0 { none_ref() } else { a.to_py()? };
            Ok((n as usize, anc.upcast(), m.msg_flags & !libc::MSG_CMSG_CLOEXEC, address))
        }
    }
}

#[pyclass(name = "socket", module = "_socket", flags = "BASETYPE|HAVE_FINALIZE")]
impl Socket {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<Socket>> {
        let _ = args;
        let s = support::alloc::<Socket>(cls)?;
        s.timeout.store(DEFAULT_TIMEOUT.load(Relaxed), Relaxed);
        Ok(s)
    }
    #[slot(sig = "family=-1, type=-1, proto=-1, fileno=None")]
    fn tp_init(&self, family: i32, kind: i32, proto: i32, fileno: &Object) -> PyResult<()> {
        audit("socket.__new__", &[self, &*family.into_py()?, &*kind.into_py()?, &*proto.into_py()?])?;
        if !fileno.is_none() {
            if fileno.downcast::<Float>().is_some() {
                return Err(raise!(TypeError, "integer argument expected, got float"));
            }
            let fd = i32::from_py(fileno)?;
            if fd < 0 {
                return Err(raise!(ValueError, "negative file descriptor"));
            }
            let mut a = Addr::empty();
            // SAFETY: the address is written.
            let r = unsafe { libc::getsockname(fd, a.ptr_mut(), &mut a.len) };
            let mut fam = family;
            if r < 0 {
                if family == -1 || errno() == libc::EBADF || errno() == libc::ENOTSOCK {
                    return Err(os_error());
                }
            } else if family == -1 {
                fam = a.storage.ss_family as i32;
            }
            let opt = |name: i32| -> PyResult<i32> {
                let (mut v, mut n) = (0i32, 4 as libc::socklen_t);
                // SAFETY: an int is written.
                if unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut v).cast(), &mut n) } < 0 {
                    Err(os_error())
                } else {
                    Ok(v)
                }
            };
            let kind = if kind == -1 { opt(libc::SO_TYPE)? } else { kind };
            let proto = if proto == -1 { opt(libc::SO_PROTOCOL)? } else { proto };
            return self.fill(fd, fam, kind, proto);
        }
        let family = if family == -1 { libc::AF_INET } else { family };
        let kind = if kind == -1 { libc::SOCK_STREAM } else { kind };
        let proto = if proto == -1 { 0 } else { proto };
        // SAFETY: no memory is involved.
        let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, proto) };
        if fd < 0 {
            return Err(os_error());
        }
        self.fill(fd, family, kind, proto)
    }
    #[slot]
    fn tp_finalize(&self) {
        if self.fd() < 0 {
            return;
        }
        let saved = runtime::error::take_error();
        let text = self.repr().map(|r| r.to_string_lossy().to_string()).unwrap_or_default();
        if let Err(e) = runtime::objects::exceptions::warnings::warn_resource(self, &format!("unclosed {text}")) {
            if e.matches(exc::Warning()) {
                runtime::error::write_unraisable(Some(self));
            } else {
                e.clear();
            }
        }
        if let Err(e) = self.close_now() {
            e.clear();
        }
        if let Some(e) = saved {
            let _ = runtime::error::restore(e);
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut Socket) {
        // SAFETY: the last reference is gone, unless the finalizer keeps the object.
        unsafe {
            if runtime::typeobject::subtype::call_finalizer_from_dealloc(this.cast()) {
                return;
            }
            runtime::mem::dealloc::free_instance(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::new(&format!(
            "<socket object, fd={}, family={}, type={}, proto={}>",
            self.fd(),
            self.family.load(Relaxed),
            self.kind.load(Relaxed),
            self.proto.load(Relaxed)
        ))
    }
    #[pygetset]
    fn family(&self) -> i32 {
        self.family.load(Relaxed)
    }
    #[pygetset(name = "type")]
    fn type_(&self) -> i32 {
        self.kind.load(Relaxed)
    }
    #[pygetset]
    fn proto(&self) -> i32 {
        self.proto.load(Relaxed)
    }
    #[pygetset]
    fn timeout(&self) -> PyResult<PyRef> {
        timeout_value(self.timeout.load(Relaxed))
    }
    #[pymethod]
    fn fileno(&self) -> i32 {
        self.fd()
    }
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        self.close_now()
    }
    #[pymethod]
    fn detach(&self) -> i32 {
        self.fd_plus_1.swap(0, Relaxed) - 1
    }
    #[pymethod]
    fn setblocking(&self, flag: bool) -> PyResult<()> {
        self.timeout.store(if flag { -1 } else { 0 }, Relaxed);
        self.apply_blocking(flag)
    }
    #[pymethod]
    fn getblocking(&self) -> bool {
        self.timeout.load(Relaxed) != 0
    }
    #[pymethod]
    fn settimeout(&self, timeout: &Object) -> PyResult<()> {
        let t = parse_timeout(timeout)?;
        self.timeout.store(t, Relaxed);
        self.apply_blocking(t < 0)
    }
    #[pymethod]
    fn gettimeout(&self) -> PyResult<PyRef> {
        timeout_value(self.timeout.load(Relaxed))
    }
    #[pymethod]
    fn _accept(&self) -> PyResult<(i32, PyRef)> {
        let mut a = Addr::empty();
        let (p, n) = (a.ptr_mut() as usize, &raw mut a.len as usize);
        // SAFETY: the address is written.
        let fd =
            self.call(libc::POLLIN, |fd| unsafe { libc::accept4(fd, p as *mut _, n as *mut _, libc::SOCK_CLOEXEC) })?;
        Ok((fd, a.to_py()?))
    }
    #[pymethod]
    fn bind(&self, address: &Object) -> PyResult<()> {
        let a = addr::from_py(address, self.family(), "bind")?;
        audit("socket.bind", &[self, address])?;
        // SAFETY: the address is valid.
        if unsafe { libc::bind(self.fd(), a.ptr(), a.len) } < 0 { Err(os_error()) } else { Ok(()) }
    }
    #[pymethod]
    fn connect(&self, address: &Object) -> PyResult<()> {
        let a = addr::from_py(address, self.family(), "connect")?;
        audit("socket.connect", &[self, address])?;
        match self.connect_now(&a)? {
            0 => Ok(()),
            e => Err(runtime::error::raise_os_error(e, None, None)),
        }
    }
    #[pymethod]
    fn connect_ex(&self, address: &Object) -> PyResult<i32> {
        let a = addr::from_py(address, self.family(), "connect_ex")?;
        match self.connect_now(&a) {
            Ok(e) => Ok(e),
            Err(e) if e.matches(exc::TimeoutError()) => {
                e.clear();
                Ok(libc::EWOULDBLOCK)
            }
            Err(e) => Err(e),
        }
    }
    #[pymethod(sig = "backlog=128, /")]
    fn listen(&self, backlog: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        if unsafe { libc::listen(self.fd(), backlog.max(0)) } < 0 { Err(os_error()) } else { Ok(()) }
    }
    #[pymethod]
    fn getsockname(&self) -> PyResult<PyRef> {
        let mut a = Addr::empty();
        // SAFETY: the address is written.
        if unsafe { libc::getsockname(self.fd(), a.ptr_mut(), &mut a.len) } < 0 { Err(os_error()) } else { a.to_py() }
    }
    #[pymethod]
    fn getpeername(&self) -> PyResult<PyRef> {
        let mut a = Addr::empty();
        // SAFETY: the address is written.
        if unsafe { libc::getpeername(self.fd(), a.ptr_mut(), &mut a.len) } < 0 { Err(os_error()) } else { a.to_py() }
    }
    #[pymethod]
    fn shutdown(&self, flag: i32) -> PyResult<()> {
        // SAFETY: no memory is involved.
        if unsafe { libc::shutdown(self.fd(), flag) } < 0 { Err(os_error()) } else { Ok(()) }
    }
    #[pymethod(sig = "bufsize, flags=0, /")]
    fn recv(&self, bufsize: isize, flags: i32) -> PyResult<ByteString> {
        self.recv_vec(bufsize, flags).map(ByteString)
    }
    #[pymethod(sig = "buffer, nbytes=0, flags=0")]
    fn recv_into(&self, buffer: &Object, nbytes: isize, flags: i32) -> PyResult<isize> {
        let b = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        if nbytes < 0 {
            return Err(raise!(ValueError, "negative buffersize in recv_into"));
        }
        let n = if nbytes == 0 { b.len() } else { nbytes as usize };
        if n > b.len() {
            return Err(raise!(ValueError, "buffer too small for requested bytes"));
        }
        let p = b.as_mut_ptr() as usize;
        // SAFETY: the buffer is held and has room.
        self.call(libc::POLLIN, |fd| unsafe { libc::recv(fd, p as *mut _, n, flags) })
    }
    #[pymethod(sig = "bufsize, flags=0, /")]
    fn recvfrom(&self, bufsize: isize, flags: i32) -> PyResult<(ByteString, PyRef)> {
        if bufsize < 0 {
            return Err(raise!(ValueError, "negative buffersize in recvfrom"));
        }
        runtime::objects::support::ensure_room::<u8>(bufsize as usize)?;
        let mut v = vec![0u8; bufsize as usize];
        let mut a = Addr::empty();
        let (p, ap, an) = (v.as_mut_ptr() as usize, a.ptr_mut() as usize, &raw mut a.len as usize);
        // SAFETY: buffer and address are written.
        let n = self.call(libc::POLLIN, |fd| unsafe {
            libc::recvfrom(fd, p as *mut _, bufsize as usize, flags, ap as *mut _, an as *mut _)
        })?;
        v.truncate(n as usize);
        Ok((ByteString(v), a.to_py()?))
    }
    #[pymethod(sig = "buffer, nbytes=0, flags=0")]
    fn recvfrom_into(&self, buffer: &Object, nbytes: isize, flags: i32) -> PyResult<(isize, PyRef)> {
        let b = Buffer::get(buffer, abi::PyBUF_WRITABLE)?;
        let n = if nbytes == 0 { b.len() } else { nbytes.max(0) as usize };
        if nbytes < 0 {
            return Err(raise!(ValueError, "negative buffersize in recvfrom_into"));
        }
        if n > b.len() {
            return Err(raise!(ValueError, "nbytes is greater than the length of the buffer"));
        }
        let mut a = Addr::empty();
        let (p, ap, an) = (b.as_mut_ptr() as usize, a.ptr_mut() as usize, &raw mut a.len as usize);
        // SAFETY: buffer and address are written.
        let got = self.call(libc::POLLIN, |fd| unsafe {
            libc::recvfrom(fd, p as *mut _, n, flags, ap as *mut _, an as *mut _)
        })?;
        Ok((got, a.to_py()?))
    }
    #[pymethod(sig = "data, flags=0, /")]
    fn send(&self, data: &Object, flags: i32) -> PyResult<isize> {
        let b = Buffer::get(data, abi::PyBUF_SIMPLE)?;
        let (p, n) = (b.as_mut_ptr() as usize, b.len());
        // SAFETY: the buffer is held.
        self.call(libc::POLLOUT, |fd| unsafe { libc::send(fd, p as *const _, n, flags | libc::MSG_NOSIGNAL) })
    }
    #[pymethod(sig = "data, flags=0, /")]
    fn sendall(&self, data: &Object, flags: i32) -> PyResult<()> {
        let b = Buffer::get(data, abi::PyBUF_SIMPLE)?;
        let total = b.len();
        let mut done = 0;
        while done < total {
            let (p, n) = (b.as_mut_ptr() as usize + done, total - done);
            // SAFETY: the buffer is held.
            done += self
                .call(libc::POLLOUT, |fd| unsafe { libc::send(fd, p as *const _, n, flags | libc::MSG_NOSIGNAL) })?
                as usize;
            thread::check_signals()?;
        }
        Ok(())
    }
    #[pymethod(raw)]
    fn sendto(&self, args: FuncArgs<'_>) -> PyResult<isize> {
        args.check_positional("sendto", 2, 3)?;
        let (data, flags, address) = match args.args {
            [d, a] => (*d, 0, *a),
            [d, f, a] => (*d, i32::from_py(f)?, *a),
            _ => return Err(raise!(TypeError, "sendto() takes 2 or 3 arguments")),
        };
        let b = Buffer::get(data, abi::PyBUF_SIMPLE)?;
        let a = addr::from_py(address, self.family(), "sendto")?;
        let (p, n) = (b.as_mut_ptr() as usize, b.len());
        // SAFETY: buffer and address are valid.
        self.call(libc::POLLOUT, |fd| unsafe {
            libc::sendto(fd, p as *const _, n, flags | libc::MSG_NOSIGNAL, a.ptr(), a.len)
        })
    }
    #[pymethod(raw)]
    fn sendmsg(&self, args: FuncArgs<'_>) -> PyResult<isize> {
        args.check_positional("sendmsg", 1, 4)?;
        let items = args.args[0].to_list()?.snapshot();
        let bufs = items.iter().map(|b| Buffer::get(b, abi::PyBUF_SIMPLE)).collect::<PyResult<Vec<_>>>()?;
        let mut iov: Vec<libc::iovec> =
            bufs.iter().map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        let mut control: Vec<u64> = Vec::new();
        let mut used = 0usize;
        if let Some(anc) = args.get(1) {
            for item in anc.to_list()?.snapshot() {
                let t = item.to_tuple()?;
                if t.len() != 3 {
                    return Err(raise!(TypeError, "[sendmsg() ancillary data items] must be a 3-tuple"));
                }
                let data = Buffer::get(t.get(2), abi::PyBUF_SIMPLE)?;
                // SAFETY: sizes only.
                let (space, len) = unsafe {
                    (libc::CMSG_SPACE(data.len() as u32) as usize, libc::CMSG_LEN(data.len() as u32) as usize)
                };
                control.resize((used + space).div_ceil(8), 0);
                // SAFETY: the control buffer has room for the header and the data.
                unsafe {
                    let h = control.as_mut_ptr().cast::<u8>().add(used).cast::<libc::cmsghdr>();
                    (*h).cmsg_level = i32::from_py(t.get(0))?;
                    (*h).cmsg_type = i32::from_py(t.get(1))?;
                    (*h).cmsg_len = len as _;
                    core::ptr::copy_nonoverlapping(data.as_mut_ptr(), libc::CMSG_DATA(h), data.len());
                }
                used += space;
            }
        }
        let flags = match args.get(2) {
            Some(f) => i32::from_py(f)?,
            None => 0,
        };
        let mut a = match args.get(3) {
            Some(a) if !a.is_none() => Some(addr::from_py(a, self.family(), "sendmsg")?),
            _ => None,
        };
        // SAFETY: all-zero is a valid header; what it points to outlives the call.
        unsafe {
            let mut m: libc::msghdr = core::mem::zeroed();
            m.msg_iov = iov.as_mut_ptr();
            m.msg_iovlen = iov.len() as _;
            if let Some(a) = &mut a {
                m.msg_name = a.ptr_mut().cast();
                m.msg_namelen = a.len;
            }
            if used > 0 {
                m.msg_control = control.as_mut_ptr().cast();
                m.msg_controllen = used as _;
            }
            let p = &raw const m as usize;
            self.call(libc::POLLOUT, |fd| libc::sendmsg(fd, p as *const _, flags | libc::MSG_NOSIGNAL))
        }
    }
    #[pymethod(sig = "bufsize, ancbufsize=0, flags=0, /")]
    fn recvmsg(&self, bufsize: isize, ancbufsize: isize, flags: i32) -> PyResult<(ByteString, PyRef, i32, PyRef)> {
        if bufsize < 0 {
            return Err(raise!(ValueError, "negative buffer size in recvmsg()"));
        }
        runtime::objects::support::ensure_room::<u8>(bufsize as usize)?;
        let mut v = vec![0u8; bufsize as usize];
        let mut iov = [libc::iovec { iov_base: v.as_mut_ptr().cast(), iov_len: v.len() }];
        let (n, anc, flags, address) = self.receive_message(&mut iov, ancbufsize, flags, "recvmsg")?;
        v.truncate(n);
        Ok((ByteString(v), anc, flags, address))
    }
    #[pymethod(sig = "buffers, ancbufsize=0, flags=0, /")]
    fn recvmsg_into(&self, buffers: &Object, ancbufsize: isize, flags: i32) -> PyResult<(usize, PyRef, i32, PyRef)> {
        let items = buffers.seq_fast("recvmsg_into() argument 1 must be an iterable")?.to_tuple()?;
        let mut held = Vec::new();
        for b in items.as_slice() {
            held.push(Buffer::get(b, abi::PyBUF_WRITABLE)?);
        }
        let mut iov: Vec<libc::iovec> =
            held.iter().map(|b| libc::iovec { iov_base: b.as_mut_ptr().cast(), iov_len: b.len() }).collect();
        self.receive_message(&mut iov, ancbufsize, flags, "recvmsg_into")
    }
    #[pymethod(sig = "level, optname, buflen=0, /")]
    fn getsockopt(&self, level: i32, optname: i32, buflen: i32) -> PyResult<PyRef> {
        if buflen == 0 {
            let (mut v, mut n) = (0i32, 4 as libc::socklen_t);
            // SAFETY: an int is written.
            if unsafe { libc::getsockopt(self.fd(), level, optname, (&raw mut v).cast(), &mut n) } < 0 {
                return Err(os_error());
            }
            return v.into_py();
        }
        if !(1..=1024).contains(&buflen) {
            return Err(raise!(OSError, "getsockopt buflen out of range"));
        }
        let mut buf = vec![0u8; buflen as usize];
        let mut n = buflen as libc::socklen_t;
        // SAFETY: the buffer is as long as said.
        if unsafe { libc::getsockopt(self.fd(), level, optname, buf.as_mut_ptr().cast(), &mut n) } < 0 {
            return Err(os_error());
        }
        Bytes::new(&buf[..n as usize]).map(Ref::upcast)
    }
    #[pymethod(raw)]
    fn setsockopt(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.check_positional("setsockopt", 3, 4)?;
        let (level, name) = (i32::from_py(args.args[0])?, i32::from_py(args.args[1])?);
        let v = args.args[2];
        let r = if v.index_check() {
            let n = i32::from_py(v)?;
            // SAFETY: an int is read.
            unsafe { libc::setsockopt(self.fd(), level, name, (&raw const n).cast(), 4) }
        } else if v.is_none() {
            let n = match args.get(3) {
                Some(n) => n.as_u64()? as libc::socklen_t,
                None => return Err(raise!(TypeError, "socket.setsockopt() takes 4 arguments when the third is None")),
            };
            // SAFETY: a null option of a given length.
            unsafe { libc::setsockopt(self.fd(), level, name, core::ptr::null(), n) }
        } else {
            let b = Buffer::get(v, abi::PyBUF_SIMPLE)?;
            // SAFETY: the buffer is held.
            unsafe { libc::setsockopt(self.fd(), level, name, b.as_mut_ptr().cast(), b.len() as _) }
        };
        if r < 0 { Err(os_error()) } else { Ok(()) }
    }
}

/// `_socket.close(fd)`.
pub fn close_fd(fd: i32) -> PyResult<()> {
    // SAFETY: closing a number is safe.
    let r = crate::posix::path::detached(|| unsafe { libc::close(fd) });
    if r < 0 && errno() != libc::ECONNRESET { Err(os_error()) } else { Ok(()) }
}
