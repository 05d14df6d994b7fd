//! `errno`: the system's error numbers by name.

use macros::pymodule;

macro_rules! codes {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

#[rustfmt::skip]
static CODES: &[(&str, i32)] = codes! {
    E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY EBADE EBADF EBADFD EBADMSG EBADR EBADRQC EBADSLT EBFONT
    EBUSY ECANCELED ECHILD ECHRNG ECOMM ECONNABORTED ECONNREFUSED ECONNRESET EDEADLK EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT
    EEXIST EFAULT EFBIG EHOSTDOWN EHOSTUNREACH EHWPOISON EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR EISNAM EKEYEXPIRED
    EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN ELNRNG ELOOP EMEDIUMTYPE EMFILE
    EMLINK EMSGSIZE EMULTIHOP ENAMETOOLONG ENAVAIL ENETDOWN ENETRESET ENETUNREACH ENFILE ENOANO ENOBUFS ENOCSI ENODATA ENODEV ENOENT
    ENOEXEC ENOKEY ENOLCK ENOLINK ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT ENOSPC ENOSR ENOSTR ENOSYS ENOTBLK ENOTCONN ENOTDIR
    ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ ENXIO EOPNOTSUPP EOVERFLOW EOWNERDEAD EPERM EPFNOSUPPORT EPIPE
    EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EREMCHG EREMOTE EREMOTEIO ERESTART ERFKILL EROFS ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH
    ESRMNT ESTALE ESTRPIPE ETIME ETIMEDOUT ETOOMANYREFS ETXTBSY EUCLEAN EUNATCH EUSERS EWOULDBLOCK EXDEV EXFULL
};

/// This module makes available standard errno system symbols.
#[pymodule(name = "errno")]
pub mod errno {
    use super::CODES;
    use runtime::convert::IntoPy;
    use runtime::prelude::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let names = Dict::new()?;
        for (name, code) in CODES {
            let value = code.into_py()?;
            // Where two names share a number, the last in this order is the one `errorcode` knows (EAGAIN, EDEADLOCK, ENOTSUP).
            if !matches!(*name, "EWOULDBLOCK" | "EDEADLK" | "EOPNOTSUPP") {
                names.set(&value, Str::intern(name))?;
            }
            m.add(name, value)?;
        }
        m.add("errorcode", names.upcast())
    }

    #[pyfunction(sig = "x, y=1, /, *, z=2.5")]
    fn _test(x: &Object, y: i64, z: f64) -> PyResult<f64> {
        let _ = x;
        Ok(y as f64 + z)
    }
}
