//! `_socket`: sockets and name resolution.

mod addr;
mod sock;

pub use sock::Socket;

use macros::pymodule;

/// Implementation module for socket operations.
#[pymodule(name = "_socket")]
pub mod _socket {
    use super::addr::{self, Addr};
    use super::sock::{self, Socket};
    use crate::posix::path::{c_bytes, detached, os_error};
    use core::sync::atomic::Ordering::Relaxed;
    use runtime::convert::{ArgBytes, ByteString, IntoPy};
    use runtime::lifecycle::fs_decode_bytes;
    use runtime::prelude::*;
    use std::ffi::CString;

    macro_rules! constants {
        ($($n:ident)*) => { &[$((stringify!($n), libc::$n as i64)),*] };
    }
    #[rustfmt::skip]
    const CONSTANTS: &[(&str, i64)] = constants! {
        AF_INET AF_INET6 AF_UNIX AF_UNSPEC AF_NETLINK AF_PACKET AF_VSOCK AF_CAN AF_ALG AI_ADDRCONFIG AI_ALL AI_CANONNAME AI_NUMERICHOST
        AI_NUMERICSERV AI_PASSIVE AI_V4MAPPED EAI_AGAIN EAI_BADFLAGS EAI_FAIL EAI_FAMILY EAI_MEMORY EAI_NODATA EAI_NONAME EAI_OVERFLOW
        EAI_SERVICE EAI_SOCKTYPE EAI_SYSTEM INADDR_ANY INADDR_BROADCAST INADDR_LOOPBACK INADDR_NONE IPPROTO_AH IPPROTO_DSTOPTS IPPROTO_EGP
        IPPROTO_ESP IPPROTO_FRAGMENT IPPROTO_GRE IPPROTO_HOPOPTS IPPROTO_ICMP IPPROTO_ICMPV6 IPPROTO_IDP IPPROTO_IGMP IPPROTO_IP IPPROTO_IPIP
        IPPROTO_IPV6 IPPROTO_NONE IPPROTO_PIM IPPROTO_PUP IPPROTO_RAW IPPROTO_ROUTING IPPROTO_RSVP IPPROTO_SCTP IPPROTO_TCP IPPROTO_TP
        IPPROTO_UDP IPPROTO_UDPLITE IPV6_CHECKSUM IPV6_DONTFRAG IPV6_DSTOPTS IPV6_HOPLIMIT IPV6_HOPOPTS
        IPV6_MULTICAST_HOPS IPV6_MULTICAST_IF IPV6_MULTICAST_LOOP IPV6_PKTINFO IPV6_RECVHOPLIMIT IPV6_RECVPKTINFO IPV6_RECVTCLASS IPV6_RTHDR
        IPV6_TCLASS IPV6_UNICAST_HOPS IPV6_V6ONLY IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP IP_HDRINCL IP_MULTICAST_IF IP_MULTICAST_LOOP
        IP_MULTICAST_TTL IP_OPTIONS IP_PKTINFO IP_RECVTOS IP_TOS IP_TTL IP_TRANSPARENT MSG_CMSG_CLOEXEC MSG_CONFIRM MSG_CTRUNC MSG_DONTROUTE
        MSG_DONTWAIT MSG_EOR MSG_ERRQUEUE MSG_MORE MSG_NOSIGNAL MSG_OOB MSG_PEEK MSG_TRUNC MSG_WAITALL NI_DGRAM NI_MAXHOST NI_NAMEREQD
        NI_NOFQDN NI_NUMERICHOST NI_NUMERICSERV SCM_CREDENTIALS SCM_RIGHTS SHUT_RD SHUT_RDWR SHUT_WR SOCK_CLOEXEC SOCK_DGRAM SOCK_NONBLOCK
        SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_STREAM SOL_SOCKET SOMAXCONN SO_ACCEPTCONN SO_BINDTODEVICE SO_BROADCAST SO_BUSY_POLL SO_DEBUG
        SO_DOMAIN SO_DONTROUTE SO_ERROR SO_INCOMING_CPU SO_KEEPALIVE SO_LINGER SO_MARK SO_OOBINLINE SO_PASSCRED SO_PASSSEC SO_PEERCRED
        SO_PEERSEC SO_PRIORITY SO_PROTOCOL SO_RCVBUF SO_RCVLOWAT SO_RCVTIMEO SO_REUSEADDR SO_REUSEPORT SO_SNDBUF SO_SNDLOWAT SO_SNDTIMEO
        SO_TYPE TCP_CONGESTION TCP_CORK TCP_DEFER_ACCEPT TCP_FASTOPEN TCP_INFO TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_LINGER2 TCP_MAXSEG
        TCP_NODELAY TCP_QUICKACK TCP_SYNCNT TCP_USER_TIMEOUT TCP_WINDOW_CLAMP
    };

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        for (n, v) in [
            ("SOL_IP", 0i64),
            ("IPV6_JOIN_GROUP", 20),
            ("IPV6_LEAVE_GROUP", 21),
            ("SOL_TCP", 6),
            ("SOL_UDP", 17),
            ("NI_MAXSERV", 32),
            ("INADDR_ALLHOSTS_GROUP", 0xe000_0001),
            ("INADDR_UNSPEC_GROUP", 0xe000_0000),
            ("INADDR_MAX_LOCAL_GROUP", 0xe000_00ff),
            ("IPPORT_RESERVED", 1024),
            ("IPPORT_USERRESERVED", 5000),
        ] {
            m.add(n, v.into_py()?)?;
        }
        m.add("has_ipv6", true.into_py()?)?;
        m.add_type::<Socket>()?;
        let t: &Object = Socket::type_object();
        m.add("SocketType", t.to_ref())?;
        m.add("error", (**exc::OSError()).to_ref())?;
        m.add("timeout", (**exc::TimeoutError()).to_ref())?;
        for name in ["herror", "gaierror"] {
            let ty: &Object = Type::type_object();
            let bases = Tuple::from_slice(&[exc::OSError()])?;
            let ns = Dict::new()?;
            ns.set(intern!("__module__"), intern!("socket"))?;
            let e = ty.call(&[Str::intern(name), &bases, &ns])?;
            m.add(name, e)?;
        }
        Ok(())
    }

    #[pyfunction]
    fn close(fd: i32) -> PyResult<()> {
        sock::close_fd(fd)
    }
    #[pyfunction]
    fn dup(fd: i32) -> PyResult<i32> {
        // SAFETY: no memory is involved.
        let r = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
        if r < 0 { Err(os_error()) } else { Ok(r) }
    }
    #[pyfunction]
    fn getdefaulttimeout() -> PyResult<PyRef> {
        sock::timeout_value(sock::DEFAULT_TIMEOUT.load(Relaxed))
    }
    #[pyfunction]
    fn setdefaulttimeout(timeout: &Object) -> PyResult<()> {
        sock::DEFAULT_TIMEOUT.store(sock::parse_timeout(timeout)?, Relaxed);
        Ok(())
    }
    #[pyfunction(sig = "family=<unrepresentable>, type=1, proto=0, /")]
    fn socketpair(family: Arg<i32>, kind: i32, proto: i32) -> PyResult<(PyRef, PyRef)> {
        let family = family.unwrap_or(libc::AF_UNIX);
        let mut fds = [0; 2];
        // SAFETY: two descriptors are written.
        if unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, proto, fds.as_mut_ptr()) } < 0 {
            return Err(os_error());
        }
        let t: &Object = Socket::type_object();
        let make = |fd: i32| -> PyResult<PyRef> {
            t.call(&[&*family.into_py()?, &*kind.into_py()?, &*proto.into_py()?, &*fd.into_py()?])
        };
        Ok((make(fds[0])?, make(fds[1])?))
    }
    #[pyfunction]
    fn gethostname() -> PyResult<Ref<Str>> {
        runtime::audit_event!("socket.gethostname")?;
        let mut b = [0u8; 1025];
        // SAFETY: the buffer is as long as said, its last byte stays zero.
        if unsafe { libc::gethostname(b.as_mut_ptr().cast(), 1024) } < 0 {
            return Err(os_error());
        }
        // SAFETY: null-terminated.
        fs_decode_bytes(unsafe { c_bytes(b.as_ptr().cast()) })
    }
    #[pyfunction]
    fn sethostname(name: &Object) -> PyResult<()> {
        runtime::audit_event!("socket.sethostname", name)?;
        let n = runtime::lifecycle::fs_path(name)?;
        use std::os::unix::ffi::OsStrExt;
        // SAFETY: the name is as long as said.
        if unsafe { libc::sethostname(n.as_bytes().as_ptr().cast(), n.len()) } < 0 { Err(os_error()) } else { Ok(()) }
    }
    #[pyfunction]
    fn gethostbyname(hostname: &Object) -> PyResult<PyRef> {
        let a = addr::resolve(hostname, libc::AF_INET, "gethostbyname")?;
        let t = a.to_py()?;
        t.get_item_index(0)
    }
    #[pyfunction]
    fn gethostbyname_ex(hostname: &Object) -> PyResult<(PyRef, PyRef, PyRef)> {
        let a = gethostbyname(hostname)?;
        Ok((hostname.to_ref(), List::from_vec(Vec::new())?.upcast(), List::from_vec(vec![a])?.upcast()))
    }
    #[pyfunction]
    fn gethostbyaddr(ip_address: &Object) -> PyResult<(PyRef, PyRef, PyRef)> {
        let a = addr::resolve(ip_address, libc::AF_UNSPEC, "gethostbyaddr")?;
        let (name, _) = name_info(&a, libc::NI_NAMEREQD)?;
        let ip = a.to_py()?.get_item_index(0)?;
        Ok((name.into_py()?, List::from_vec(Vec::new())?.upcast(), List::from_vec(vec![ip])?.upcast()))
    }
    fn name_info(a: &Addr, flags: i32) -> PyResult<(String, String)> {
        let (mut host, mut serv) = ([0u8; 1025], [0u8; 64]);
        // SAFETY: buffers are as long as said, the address is valid.
        let r = detached(|| unsafe {
            libc::getnameinfo(
                a.ptr(),
                a.len,
                host.as_mut_ptr().cast(),
                host.len() as _,
                serv.as_mut_ptr().cast(),
                serv.len() as _,
                flags,
            )
        });
        if r != 0 {
            return Err(addr::gai_error(r));
        }
        // SAFETY: null-terminated on success.
        unsafe {
            Ok((
                String::from_utf8_lossy(c_bytes(host.as_ptr().cast())).into_owned(),
                String::from_utf8_lossy(c_bytes(serv.as_ptr().cast())).into_owned(),
            ))
        }
    }
    #[pyfunction]
    fn getnameinfo(sockaddr: &Object, flags: i32) -> PyResult<(String, String)> {
        let Some(t) = sockaddr.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "getnameinfo() argument 1 must be a tuple"));
        };
        if t.len() < 2 {
            return Err(raise!(TypeError, "getnameinfo(): illegal sockaddr argument"));
        }
        let v6 = t.get(0).downcast::<Str>().is_some_and(|s| s.to_string_lossy().contains(':'));
        let a = addr::from_py(sockaddr, if v6 { libc::AF_INET6 } else { libc::AF_INET }, "getnameinfo")?;
        name_info(&a, flags)
    }
    /// getaddrinfo(host, port [, family, type, proto, flags])
    #[pyfunction(sig = "host, port, family=0, type=0, proto=0, flags=0")]
    fn getaddrinfo(host: &Object, port: &Object, family: i32, kind: i32, proto: i32, flags: i32) -> PyResult<PyRef> {
        let to_c = |o: &Object| -> PyResult<Option<CString>> {
            if o.is_none() {
                return Ok(None);
            }
            let b = if let Some(s) = o.downcast::<Str>() {
                match s.as_ascii() {
                    Some(a) => a.as_bytes().to_vec(),
                    None => {
                        let e = s.call_method(intern!("encode"), &[intern!("idna")])?;
                        e.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default()
                    }
                }
            } else if let Some(b) = o.downcast::<Bytes>() {
                b.as_slice().to_vec()
            } else if o.index_check() {
                o.as_i64()?.to_string().into_bytes()
            } else {
                return Err(raise!(TypeError, "getaddrinfo() argument 1 must be string or None"));
            };
            CString::new(b).map(Some).map_err(|_| raise!(ValueError, "embedded null character"))
        };
        if !port.is_none()
            && port.downcast::<Str>().is_none()
            && port.downcast::<Bytes>().is_none()
            && !port.index_check()
        {
            return Err(raise!(OSError, "Int or String expected"));
        }
        let (h, p) = (to_c(host)?, to_c(port)?);
        // SAFETY: all-zero hints are valid; the list is copied and freed.
        unsafe {
            let mut hints: libc::addrinfo = core::mem::zeroed();
            hints.ai_family = family;
            hints.ai_socktype = kind;
            hints.ai_protocol = proto;
            hints.ai_flags = flags;
            let mut list = core::ptr::null_mut();
            let ptr = |s: &Option<CString>| s.as_ref().map_or(core::ptr::null(), |s| s.as_ptr());
            let r = detached(|| libc::getaddrinfo(ptr(&h), ptr(&p), &hints, &mut list));
            if r != 0 {
                return Err(addr::gai_error(r));
            }
            let result = (|| -> PyResult<PyRef> {
                let mut out = Vec::new();
                let mut i = list;
                while !i.is_null() {
                    let mut a = Addr::empty();
                    let n = ((*i).ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
                    core::ptr::copy_nonoverlapping((*i).ai_addr.cast::<u8>(), (&raw mut a.storage).cast::<u8>(), n);
                    a.len = n as _;
                    let canon = if (*i).ai_canonname.is_null() {
                        String::new()
                    } else {
                        String::from_utf8_lossy(c_bytes((*i).ai_canonname)).into_owned()
                    };
                    out.push(((*i).ai_family, (*i).ai_socktype, (*i).ai_protocol, canon, a.to_py()?).into_py()?);
                    i = (*i).ai_next;
                }
                List::from_vec(out).map(Ref::upcast)
            })();
            libc::freeaddrinfo(list);
            result
        }
    }
    #[pyfunction]
    fn inet_aton(ip_addr: &str) -> PyResult<ByteString> {
        let c = CString::new(ip_addr).map_err(|_| raise!(ValueError, "embedded null character"))?;
        let mut a = libc::in_addr { s_addr: 0 };
        unsafe extern "C" {
            fn inet_aton(cp: *const libc::c_char, inp: *mut libc::in_addr) -> libc::c_int;
        }
        // SAFETY: the string is null-terminated, the address is written.
        if unsafe { inet_aton(c.as_ptr(), &mut a) } == 0 {
            return Err(raise!(OSError, "illegal IP address string passed to inet_aton"));
        }
        Ok(ByteString(a.s_addr.to_ne_bytes().to_vec()))
    }
    #[pyfunction]
    fn inet_ntoa(packed_ip: ArgBytes) -> PyResult<String> {
        match <[u8; 4]>::try_from(&packed_ip[..]) {
            Ok(b) => Ok(std::net::Ipv4Addr::from(b).to_string()),
            Err(_) => Err(raise!(OSError, "packed IP wrong length")),
        }
    }
    #[pyfunction]
    fn inet_pton(af: i32, ip: &str) -> PyResult<ByteString> {
        let bad = || raise!(OSError, "illegal IP address string passed to inet_pton");
        match af {
            libc::AF_INET => {
                ip.parse::<std::net::Ipv4Addr>().map(|a| ByteString(a.octets().to_vec())).map_err(|_| bad())
            }
            libc::AF_INET6 => {
                ip.parse::<std::net::Ipv6Addr>().map(|a| ByteString(a.octets().to_vec())).map_err(|_| bad())
            }
            _ => Err(runtime::error::raise_os_error(libc::EAFNOSUPPORT, None, None)),
        }
    }
    #[pyfunction]
    fn inet_ntop(af: i32, packed_ip: ArgBytes) -> PyResult<String> {
        match af {
            libc::AF_INET => <[u8; 4]>::try_from(&packed_ip[..])
                .map(|b| std::net::Ipv4Addr::from(b).to_string())
                .map_err(|_| raise!(ValueError, "invalid length of packed IP address string")),
            libc::AF_INET6 => <[u8; 16]>::try_from(&packed_ip[..])
                .map(|b| std::net::Ipv6Addr::from(b).to_string())
                .map_err(|_| raise!(ValueError, "invalid length of packed IP address string")),
            _ => Err(raise!(ValueError, "unknown address family {}", af)),
        }
    }
    fn short(o: &Object, what: &str) -> PyResult<u16> {
        let v = o.as_i64()?;
        if v < 0 {
            return Err(raise!(
                OverflowError,
                "{}: can't convert negative Python int to C 16-bit unsigned integer",
                what
            ));
        }
        u16::try_from(v).map_err(|_| {
            raise!(OverflowError, "{}: Python int too large to convert to C 16-bit unsigned integer", what)
        })
    }
    #[pyfunction]
    fn htons(x: &Object) -> PyResult<u16> {
        short(x, "htons").map(u16::to_be)
    }
    #[pyfunction]
    fn ntohs(x: &Object) -> PyResult<u16> {
        short(x, "ntohs").map(u16::from_be)
    }
    fn long(o: &Object) -> PyResult<u32> {
        let v = o.as_u64()?;
        u32::try_from(v).map_err(|_| raise!(OverflowError, "int larger than 32 bits"))
    }
    #[pyfunction]
    fn htonl(x: &Object) -> PyResult<u32> {
        long(x).map(u32::to_be)
    }
    #[pyfunction]
    fn ntohl(x: &Object) -> PyResult<u32> {
        long(x).map(u32::from_be)
    }
    #[pyfunction(sig = "servicename, protocolname=None, /")]
    fn getservbyname(servicename: &str, protocolname: Option<&str>) -> PyResult<u16> {
        let s = CString::new(servicename).unwrap_or_default();
        let p = protocolname.map(|p| CString::new(p).unwrap_or_default());
        // SAFETY: null-terminated strings; the entry is read at once.
        unsafe {
            let e = libc::getservbyname(s.as_ptr(), p.as_ref().map_or(core::ptr::null(), |p| p.as_ptr()));
            if e.is_null() {
                return Err(raise!(OSError, "service/proto not found"));
            }
            Ok(u16::from_be((*e).s_port as u16))
        }
    }
    #[pyfunction(sig = "port, protocolname=None, /")]
    fn getservbyport(port: &Object, protocolname: Option<&str>) -> PyResult<String> {
        let n = port.as_i64()?;
        let Ok(n) = u16::try_from(n) else { return Err(raise!(OverflowError, "getservbyport: port must be 0-65535.")) };
        let p = protocolname.map(|p| CString::new(p).unwrap_or_default());
        // SAFETY: null-terminated strings; the entry is read at once.
        unsafe {
            let e = libc::getservbyport(n.to_be() as i32, p.as_ref().map_or(core::ptr::null(), |p| p.as_ptr()));
            if e.is_null() {
                return Err(raise!(OSError, "port/proto not found"));
            }
            Ok(String::from_utf8_lossy(c_bytes((*e).s_name)).into_owned())
        }
    }
    #[pyfunction]
    fn getprotobyname(name: &str) -> PyResult<i32> {
        let n = CString::new(name).unwrap_or_default();
        // SAFETY: null-terminated string; the entry is read at once.
        unsafe {
            let e = libc::getprotobyname(n.as_ptr());
            if e.is_null() { Err(raise!(OSError, "protocol not found")) } else { Ok((*e).p_proto) }
        }
    }
    #[pyfunction]
    fn if_nametoindex(name: &str) -> PyResult<u32> {
        let n = CString::new(name).unwrap_or_default();
        // SAFETY: null-terminated string.
        match unsafe { libc::if_nametoindex(n.as_ptr()) } {
            0 => Err(raise!(OSError, "no interface with this name")),
            i => Ok(i),
        }
    }
    #[pyfunction]
    fn if_indextoname(index: u32) -> PyResult<String> {
        let mut b = [0u8; 32];
        // SAFETY: the buffer is larger than IF_NAMESIZE.
        unsafe {
            if libc::if_indextoname(index, b.as_mut_ptr().cast()).is_null() {
                return Err(os_error());
            }
            Ok(String::from_utf8_lossy(c_bytes(b.as_ptr().cast())).into_owned())
        }
    }
    #[pyfunction]
    fn if_nameindex() -> PyResult<Vec<(u32, String)>> {
        let mut out = Vec::new();
        // SAFETY: the table ends with a zero entry and is freed after the copy.
        unsafe {
            let list = libc::if_nameindex();
            if list.is_null() {
                return Err(os_error());
            }
            let mut i = list;
            while (*i).if_index != 0 {
                out.push(((*i).if_index, String::from_utf8_lossy(c_bytes((*i).if_name)).into_owned()));
                i = i.add(1);
            }
            libc::if_freenameindex(list);
        }
        Ok(out)
    }
    #[pyfunction(name = "CMSG_LEN", sig = "length")]
    fn cmsg_len(length: u32) -> u32 {
        // SAFETY: a size computation.
        unsafe { libc::CMSG_LEN(length) }
    }
    #[pyfunction(name = "CMSG_SPACE", sig = "length")]
    fn cmsg_space(length: u32) -> u32 {
        // SAFETY: a size computation.
        unsafe { libc::CMSG_SPACE(length) }
    }
}
