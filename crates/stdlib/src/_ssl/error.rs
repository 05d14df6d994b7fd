//! The exceptions of `ssl`, and what errors of the TLS library become.

use macros::pyclass;
use runtime::objects::exceptions::OSError;
use runtime::prelude::*;
use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};
use std::sync::OnceLock;

/// `SSLError`
#[repr(C)]
pub struct SslError {
    base: OSError,
}

/// An error occurred in the SSL implementation.
#[pyclass(name = "SSLError", module = "ssl", base = OSError, flags = "BASETYPE|HAVE_GC")]
impl SslError {
    #[slot]
    fn tp_str(&self) -> PyResult<PyRef> {
        let text = self.getattr(intern!("strerror"))?;
        if text.downcast::<Str>().is_some() {
            return Ok(text);
        }
        self.getattr(intern!("args"))?.str().map(Ref::upcast)
    }
}

/// The kinds of `SSLError`, by the number that OpenSSL gives them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ssl = 1,
    WantRead = 2,
    WantWrite = 3,
    Syscall = 5,
    ZeroReturn = 6,
    Eof = 8,
    Verification = 0,
}

struct Types([PyRef; 6]);
static TYPES: OnceLock<Types> = OnceLock::new();

const NAMES: [(Kind, &str, &str); 6] = [
    (Kind::Verification, "SSLCertVerificationError", "A certificate could not be verified."),
    (
        Kind::WantRead,
        "SSLWantReadError",
        "Non-blocking SSL socket needs to read more data\nbefore the requested operation can be completed.",
    ),
    (
        Kind::WantWrite,
        "SSLWantWriteError",
        "Non-blocking SSL socket needs to write more data\nbefore the requested operation can be completed.",
    ),
    (Kind::Syscall, "SSLSyscallError", "System error when attempting SSL operation."),
    (Kind::ZeroReturn, "SSLZeroReturnError", "SSL/TLS session closed cleanly."),
    (Kind::Eof, "SSLEOFError", "SSL/TLS connection terminated abruptly."),
];

/// Makes the exception types of the module.
pub fn init(m: &Module) -> PyResult<()> {
    m.add_type::<SslError>()?;
    let base: &Object = SslError::type_object();
    if TYPES.get().is_none() {
        let meta: &Object = Type::type_object();
        let mut made = Vec::new();
        for (kind, name, doc) in NAMES {
            let ns = Dict::new()?;
            ns.set(intern!("__module__"), intern!("ssl"))?;
            ns.set(intern!("__doc__"), &*Str::new(doc)?)?;
            let bases = if kind == Kind::Verification {
                Tuple::from_slice(&[base, exc::ValueError()])?
            } else {
                Tuple::from_slice(&[base])?
            };
            made.push(meta.call(&[&*Str::new(name)?, &bases, &ns])?);
        }
        if let Ok(six) = <[PyRef; 6]>::try_from(made) {
            let _ = TYPES.set(Types(six));
        }
    }
    if let Some(types) = TYPES.get() {
        for ((_, name, _), t) in NAMES.iter().zip(&types.0) {
            m.add(name, t.clone())?;
        }
    }
    Ok(())
}

/// What an SSLError tells.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    pub library: Option<&'static str>,
    pub reason: Option<&'static str>,
    pub text: String,
    pub verify: Option<(i32, String)>,
}

impl Failure {
    pub fn new(kind: Kind, text: impl Into<String>) -> Failure {
        Failure { kind, library: None, reason: None, text: text.into(), verify: None }
    }
    /// A failure with a reason of OpenSSL's; the text says the same in small letters.
    pub fn because(reason: &'static str) -> Failure {
        let words = reason.to_ascii_lowercase().replace('_', " ");
        Failure::of("SSL", Some(reason), &words)
    }
    /// A failure in one of OpenSSL's libraries.
    pub fn of(library: &'static str, reason: Option<&'static str>, words: &str) -> Failure {
        let text = match reason {
            Some(reason) => format!("[{library}: {reason}] {words} (_ssl.c:1)"),
            None => format!("[{library}] {words} (_ssl.c:1)"),
        };
        Failure { kind: Kind::Ssl, library: Some(library), reason, text, verify: None }
    }
    pub fn eof() -> Failure {
        Failure {
            kind: Kind::Eof,
            library: Some("SSL"),
            reason: Some("UNEXPECTED_EOF_WHILE_READING"),
            text: "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1)".into(),
            verify: None,
        }
    }
    pub fn want_read() -> Failure {
        Failure::new(Kind::WantRead, "The operation did not complete (read) (_ssl.c:1)")
    }
    pub fn want_write() -> Failure {
        Failure::new(Kind::WantWrite, "The operation did not complete (write) (_ssl.c:1)")
    }
    pub fn verification(code: i32, message: &str) -> Failure {
        Failure {
            kind: Kind::Verification,
            library: Some("SSL"),
            reason: Some("CERTIFICATE_VERIFY_FAILED"),
            text: format!("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message} (_ssl.c:1)"),
            verify: Some((code, message.into())),
        }
    }

    #[cold]
    pub fn raise(self) -> Raised {
        match self.exception() {
            Ok(e) => e,
            Err(e) => e,
        }
    }
    fn exception(self) -> PyResult<Raised> {
        let place = NAMES.iter().position(|n| n.0 == self.kind);
        let ty = match (place, TYPES.get()) {
            (Some(i), Some(types)) => types.0[i].clone(),
            _ => {
                let t: &Object = SslError::type_object();
                t.to_ref()
            }
        };
        let number = if self.kind == Kind::Verification { 1 } else { self.kind as i64 };
        let e = ty.call(&[&*Int::from_i64(number)?, &*Str::new(&self.text)?])?;
        let named = |s: Option<&str>| s.map_or_else(|| Ok(none_ref()), |s| Str::new(s).map(Ref::upcast));
        let (library, reason) = (named(self.library)?, named(self.reason)?);
        e.setattr(intern!("reason"), &reason)?;
        e.setattr(intern!("library"), &library)?;
        if self.kind == Kind::Verification {
            let (code, message) = self.verify.unwrap_or((1, "unspecified certificate verification error".into()));
            e.setattr(intern!("verify_code"), &*Int::from_i64(code as i64)?)?;
            e.setattr(intern!("verify_message"), &*Str::new(&message)?)?;
        }
        match e.downcast_into::<runtime::objects::BaseException>() {
            Ok(e) => Ok(runtime::error::raise_exception(e)),
            Err(_) => Ok(raise!(SystemError, "SSLError is no exception")),
        }
    }
}

/// An SSLError with a text only.
#[cold]
pub fn ssl(text: &str) -> Raised {
    let t: &Object = SslError::type_object();
    let made = Str::new(text).and_then(|s| t.call1(&s)).and_then(|e| {
        e.setattr(intern!("reason"), none())?;
        e.setattr(intern!("library"), none())?;
        Ok(e)
    });
    match made {
        Ok(e) => match e.downcast_into::<runtime::objects::BaseException>() {
            Ok(e) => runtime::error::raise_exception(e),
            Err(_) => raise!(SystemError, "SSLError is no exception"),
        },
        Err(e) => e,
    }
}

fn alert(a: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match a {
        A::UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        A::BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        A::HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        A::NoCertificate => "SSLV3_ALERT_NO_CERTIFICATE",
        A::BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        A::UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        A::CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        A::CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        A::CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        A::IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        A::RecordOverflow => "TLSV1_ALERT_RECORD_OVERFLOW",
        A::UnknownCA => "TLSV1_ALERT_UNKNOWN_CA",
        A::AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        A::DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        A::DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        A::ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        A::InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        A::InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        A::UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        A::NoRenegotiation => "TLSV1_ALERT_NO_RENEGOTIATION",
        A::UnrecognisedName => "TLSV1_UNRECOGNIZED_NAME",
        A::CertificateRequired => "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        A::MissingExtension => "TLSV13_ALERT_MISSING_EXTENSION",
        A::NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => "TLSV1_ALERT_INTERNAL_ERROR",
    }
}

/// What an error of the TLS library is called; `start` are the first bytes that came from the peer.
pub fn failure(e: &rustls::Error, start: &[u8], server: bool) -> Failure {
    use rustls::Error as E;
    match e {
        E::AlertReceived(a) => Failure::because(alert(*a)),
        E::NoCertificatesPresented => Failure::because("PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        E::InvalidMessage(_)
            if server && [&b"GET "[..], b"POST", b"HEAD", b"PUT "].iter().any(|m| start.starts_with(m)) =>
        {
            Failure::because("HTTP_REQUEST")
        }
        E::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            Failure::because("WRONG_VERSION_NUMBER")
        }
        E::InvalidMessage(InvalidMessage::MessageTooLarge) => Failure::because("RECORD_LAYER_FAILURE"),
        E::InvalidMessage(_) => Failure::because("BAD_RECORD_TYPE"),
        E::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => Failure::because("NO_SHARED_CIPHER"),
        E::PeerIncompatible(_) => Failure::because("UNSUPPORTED_PROTOCOL"),
        E::DecryptError => Failure::because("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
        E::PeerMisbehaved(_) | E::InappropriateMessage { .. } | E::InappropriateHandshakeMessage { .. } => {
            let mut f = Failure::because("UNEXPECTED_MESSAGE");
            f.text = format!("[SSL: UNEXPECTED_MESSAGE] {e} (_ssl.c:1)");
            f
        }
        E::NoApplicationProtocol => Failure::because("NO_APPLICATION_PROTOCOL"),
        E::InvalidCertificate(c) => Failure::verification(1, &format!("{c:?}")),
        e => Failure::new(Kind::Ssl, format!("[SSL] {e} (_ssl.c:1)")),
    }
}

/// `TimeoutError` of a blocking operation.
pub fn timed_out(what: &str) -> Raised {
    raise!(TimeoutError, "The {} operation timed out", what)
}
