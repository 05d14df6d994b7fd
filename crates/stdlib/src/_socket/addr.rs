//! Socket addresses between Python tuples and C structures.

use crate::posix::path::c_bytes;
use runtime::convert::IntoPy;
use runtime::lifecycle::{fs_decode_bytes, fs_path};
use runtime::prelude::*;
use std::ffi::CString;
use std::os::unix::ffi::OsStringExt;

/// A socket address of any family.
pub struct Addr {
    pub storage: libc::sockaddr_storage,
    pub len: libc::socklen_t,
}

impl Addr {
    pub fn empty() -> Addr {
        // SAFETY: all-zero is a valid sockaddr_storage.
        Addr { storage: unsafe { core::mem::zeroed() }, len: size_of::<libc::sockaddr_storage>() as _ }
    }
    pub fn ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }
    pub fn ptr_mut(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    /// As Python sees it.
    pub fn to_py(&self) -> PyResult<PyRef> {
        if self.len == 0 {
            return Ok(none_ref());
        }
        // SAFETY: the family says which structure lies there.
        unsafe {
            match self.storage.ss_family as i32 {
                libc::AF_INET => {
                    let a = &*(&raw const self.storage).cast::<libc::sockaddr_in>();
                    let ip = std::net::Ipv4Addr::from(u32::from_be(a.sin_addr.s_addr)).to_string();
                    (ip, u16::from_be(a.sin_port)).into_py()
                }
                libc::AF_INET6 => {
                    let a = &*(&raw const self.storage).cast::<libc::sockaddr_in6>();
                    let ip = std::net::Ipv6Addr::from(a.sin6_addr.s6_addr).to_string();
                    (ip, u16::from_be(a.sin6_port), u32::from_be(a.sin6_flowinfo), a.sin6_scope_id).into_py()
                }
                libc::AF_UNIX => {
                    let a = &*(&raw const self.storage).cast::<libc::sockaddr_un>();
                    let n = (self.len as usize).saturating_sub(core::mem::offset_of!(libc::sockaddr_un, sun_path));
                    let path: &[u8] = core::slice::from_raw_parts(a.sun_path.as_ptr().cast(), n.min(a.sun_path.len()));
                    if path.first() == Some(&0) {
                        // Abstract name space: all bytes count.
                        return Bytes::new(path).map(Ref::upcast);
                    }
                    let end = path.iter().position(|c| *c == 0).unwrap_or(path.len());
                    fs_decode_bytes(&path[..end]).map(Ref::upcast)
                }
                f => {
                    let raw: &[u8] = core::slice::from_raw_parts(
                        (&raw const self.storage).cast::<u8>().add(2),
                        (self.len as usize).saturating_sub(2),
                    );
                    (f, runtime::convert::ByteString(raw.to_vec())).into_py()
                }
            }
        }
    }
}

/// A host argument as a C string: `str` through IDNA, or bytes.
fn host(o: &Object, what: &str) -> PyResult<CString> {
    let bytes = if let Some(s) = o.downcast::<Str>() {
        match s.as_ascii() {
            Some(a) => a.as_bytes().to_vec(),
            None => {
                let e = s.call_method(intern!("encode"), &[intern!("idna")])?;
                e.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default()
            }
        }
    } else if let Ok(b) = runtime::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE) {
        b.as_slice().to_vec()
    } else {
        drop(runtime::error::take_error());
        return Err(raise!(TypeError, "{}: str, bytes or bytearray expected, not {}", what, o.ty().name_str()));
    };
    CString::new(bytes).map_err(|_| raise!(TypeError, "host name must not contain null character"))
}

/// The exception `socket.gaierror` for a code of `getaddrinfo`.
pub fn gai_error(code: i32) -> Raised {
    if code == libc::EAI_SYSTEM {
        return crate::posix::path::os_error();
    }
    // SAFETY: gives a static string.
    let text = unsafe { String::from_utf8_lossy(c_bytes(libc::gai_strerror(code))).into_owned() };
    let r = (|| -> PyResult<PyRef> {
        let t = runtime::import::import_attr("_socket", "gaierror")?;
        t.call(&[&*code.into_py()?, &*Str::new(&text)?])
    })();
    match r {
        // SAFETY: an instance of an exception type.
        Ok(e) => runtime::error::raise_exception(unsafe { e.cast_into() }),
        Err(e) => e,
    }
}

/// Resolves a host name to the first address of `family`.
pub fn resolve(name: &Object, family: i32, what: &str) -> PyResult<Addr> {
    let c = host(name, what)?;
    let mut out = Addr::empty();
    let b = c.as_bytes();
    if b.is_empty() {
        // The wildcard address.
        out.storage.ss_family = family as _;
        out.len =
            if family == libc::AF_INET6 { size_of::<libc::sockaddr_in6>() } else { size_of::<libc::sockaddr_in>() }
                as _;
        return Ok(out);
    }
    if b == b"<broadcast>" || b == b"255.255.255.255" {
        if family != libc::AF_INET && family != libc::AF_UNSPEC {
            return Err(raise!(OSError, "address family mismatched"));
        }
        // SAFETY: the storage is large enough for any address.
        let a = unsafe { &mut *(&raw mut out.storage).cast::<libc::sockaddr_in>() };
        a.sin_family = libc::AF_INET as _;
        a.sin_addr.s_addr = u32::MAX;
        out.len = size_of::<libc::sockaddr_in>() as _;
        return Ok(out);
    }
    // SAFETY: all-zero hints are valid; the list is freed after the copy.
    unsafe {
        let mut hints: libc::addrinfo = core::mem::zeroed();
        hints.ai_family = family;
        let mut list = core::ptr::null_mut();
        let r = crate::posix::path::detached(|| libc::getaddrinfo(c.as_ptr(), core::ptr::null(), &hints, &mut list));
        if r != 0 {
            return Err(gai_error(r));
        }
        if !list.is_null() {
            let n = ((*list).ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
            core::ptr::copy_nonoverlapping((*list).ai_addr.cast::<u8>(), (&raw mut out.storage).cast::<u8>(), n);
            out.len = n as _;
        }
        libc::freeaddrinfo(list);
    }
    Ok(out)
}

fn port(o: &Object, what: &str) -> PyResult<u16> {
    match o.as_i64() {
        Ok(v) if (0..=0xffff).contains(&v) => Ok(v as u16),
        Ok(_) => Err(raise!(OverflowError, "{}: port must be 0-65535.", what)),
        Err(e) if e.matches(exc::OverflowError()) => {
            e.clear();
            Err(raise!(OverflowError, "{}: port must be 0-65535.", what))
        }
        Err(e) => Err(e),
    }
}

/// From a Python address for a socket of `family`; `what` is the function's name in messages.
pub fn from_py(o: &Object, family: i32, what: &str) -> PyResult<Addr> {
    match family {
        libc::AF_INET => {
            let Some(t) = o.downcast::<Tuple>() else {
                return Err(raise!(TypeError, "{}(): AF_INET address must be tuple, not {}", what, o.ty().name_str()));
            };
            if t.len() != 2 {
                return Err(raise!(TypeError, "AF_INET address must be a pair (host, port)"));
            }
            let mut a = resolve(t.get(0), libc::AF_INET, what)?;
            let p = port(t.get(1), what)?;
            // SAFETY: an AF_INET address lies there.
            unsafe { (*(&raw mut a.storage).cast::<libc::sockaddr_in>()).sin_port = p.to_be() };
            Ok(a)
        }
        libc::AF_INET6 => {
            let Some(t) = o.downcast::<Tuple>() else {
                return Err(raise!(TypeError, "{}(): AF_INET6 address must be tuple, not {}", what, o.ty().name_str()));
            };
            if !(2..=4).contains(&t.len()) {
                return Err(raise!(TypeError, "AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])"));
            }
            let mut a = resolve(t.get(0), libc::AF_INET6, what)?;
            let p = port(t.get(1), what)?;
            let flow = if t.len() > 2 { t.get(2).as_u64()? as u32 } else { 0 };
            let scope = if t.len() > 3 { Some(t.get(3).as_u64()? as u32) } else { None };
            // SAFETY: an AF_INET6 address lies there.
            unsafe {
                let s = &mut *(&raw mut a.storage).cast::<libc::sockaddr_in6>();
                s.sin6_port = p.to_be();
                s.sin6_flowinfo = flow.to_be();
                if let Some(scope) = scope {
                    s.sin6_scope_id = scope;
                }
            }
            Ok(a)
        }
        libc::AF_UNIX => {
            let path: Vec<u8> = match runtime::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE) {
                Ok(b) => b.as_slice().to_vec(),
                Err(e) => {
                    e.clear();
                    // An abstract name may hold null characters.
                    match o.downcast::<Str>() {
                        Some(s) => runtime::lifecycle::fs_encode(s)?,
                        None => fs_path(o)?.into_vec(),
                    }
                }
            };
            let mut a = Addr::empty();
            // SAFETY: the storage is large enough for a Unix address.
            let s = unsafe { &mut *(&raw mut a.storage).cast::<libc::sockaddr_un>() };
            let abstract_name = path.first() == Some(&0);
            if path.len() > s.sun_path.len() - (!abstract_name) as usize {
                return Err(raise!(OSError, "AF_UNIX path too long"));
            }
            s.sun_family = libc::AF_UNIX as _;
            for (d, c) in s.sun_path.iter_mut().zip(&path) {
                *d = *c as _;
            }
            a.len = (core::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + (!abstract_name) as usize) as _;
            Ok(a)
        }
        _ => Err(raise!(OSError, "{}(): bad family", what)),
    }
}
