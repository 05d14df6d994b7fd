//! `_ssl`: TLS by rustls behind the interface that `ssl` expects of OpenSSL.
//!
//! TLS 1.2 and 1.3 with the suites of the ring provider. What OpenSSL has beyond that is missing and says so: older versions of TLS,
//! PSK, authentication after the handshake, `tls-unique`, DSA, RSA below 2048 bits.
//!
//! `context` holds the settings, `socket` a connection over a socket or a pair of `MemoryBIO`s, `verify` who is trusted,
//! `x509` reads certificates, `keys` PEM files.

mod bio;
mod cert;
mod ciphers;
mod context;
mod error;
mod keys;
mod socket;
mod verify;
mod x509;

use macros::pymodule;

/// Where systems keep the authorities they trust.
const BUNDLES: &[&str] = &[
    "/usr/lib/ssl/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Implementation module for SSL socket operations.  See the socket module
/// for documentation.
#[pymodule(name = "_ssl", gil = not_used)]
pub mod _ssl {
    use super::*;
    use runtime::convert::{ByteString, IntoPy};
    use runtime::prelude::*;

    #[rustfmt::skip]
    const CONSTANTS: &[(&str, i64)] = &[
        ("CERT_NONE", 0), ("CERT_OPTIONAL", 1), ("CERT_REQUIRED", 2), ("ENCODING_PEM", 1), ("ENCODING_DER", 2),
        ("HOSTFLAG_ALWAYS_CHECK_SUBJECT", 1), ("HOSTFLAG_NO_WILDCARDS", 2), ("HOSTFLAG_NO_PARTIAL_WILDCARDS", 4),
        ("HOSTFLAG_MULTI_LABEL_WILDCARDS", 8), ("HOSTFLAG_SINGLE_LABEL_SUBDOMAINS", 16), ("HOSTFLAG_NEVER_CHECK_SUBJECT", 32),
        ("OP_ALL", 0x8000_0050), ("OP_CIPHER_SERVER_PREFERENCE", 1 << 22), ("OP_ENABLE_KTLS", 8), ("OP_ENABLE_MIDDLEBOX_COMPAT", 1 << 20),
        ("OP_IGNORE_UNEXPECTED_EOF", 128), ("OP_LEGACY_SERVER_CONNECT", 4), ("OP_NO_COMPRESSION", 1 << 17), ("OP_NO_RENEGOTIATION", 1 << 30),
        ("OP_NO_SSLv2", 0), ("OP_NO_SSLv3", 1 << 25), ("OP_NO_TICKET", 1 << 14), ("OP_NO_TLSv1", 1 << 26), ("OP_NO_TLSv1_1", 1 << 28),
        ("OP_NO_TLSv1_2", 1 << 27), ("OP_NO_TLSv1_3", 1 << 29), ("OP_SINGLE_DH_USE", 0), ("OP_SINGLE_ECDH_USE", 0),
        ("PROTOCOL_SSLv23", 2), ("PROTOCOL_TLS", 2), ("PROTOCOL_TLS_CLIENT", 16), ("PROTOCOL_TLS_SERVER", 17), ("PROTOCOL_TLSv1", 3),
        ("PROTOCOL_TLSv1_1", 4), ("PROTOCOL_TLSv1_2", 5), ("PROTO_MAXIMUM_SUPPORTED", -1), ("PROTO_MINIMUM_SUPPORTED", -2),
        ("PROTO_SSLv3", 0x300), ("PROTO_TLSv1", 0x301), ("PROTO_TLSv1_1", 0x302), ("PROTO_TLSv1_2", 0x303), ("PROTO_TLSv1_3", 0x304),
        ("SSL_ERROR_EOF", 8), ("SSL_ERROR_INVALID_ERROR_CODE", 10), ("SSL_ERROR_SSL", 1), ("SSL_ERROR_SYSCALL", 5),
        ("SSL_ERROR_WANT_CONNECT", 7), ("SSL_ERROR_WANT_READ", 2), ("SSL_ERROR_WANT_WRITE", 3), ("SSL_ERROR_WANT_X509_LOOKUP", 4),
        ("SSL_ERROR_ZERO_RETURN", 6), ("VERIFY_ALLOW_PROXY_CERTS", 64), ("VERIFY_CRL_CHECK_CHAIN", 12), ("VERIFY_CRL_CHECK_LEAF", 4),
        ("VERIFY_DEFAULT", 0), ("VERIFY_X509_PARTIAL_CHAIN", 1 << 19), ("VERIFY_X509_STRICT", 32), ("VERIFY_X509_TRUSTED_FIRST", 1 << 15),
    ];
    #[rustfmt::skip]
    const ALERTS: &[(&str, i64)] = &[
        ("CLOSE_NOTIFY", 0), ("UNEXPECTED_MESSAGE", 10), ("BAD_RECORD_MAC", 20), ("RECORD_OVERFLOW", 22), ("DECOMPRESSION_FAILURE", 30),
        ("HANDSHAKE_FAILURE", 40), ("BAD_CERTIFICATE", 42), ("UNSUPPORTED_CERTIFICATE", 43), ("CERTIFICATE_REVOKED", 44),
        ("CERTIFICATE_EXPIRED", 45), ("CERTIFICATE_UNKNOWN", 46), ("ILLEGAL_PARAMETER", 47), ("UNKNOWN_CA", 48), ("ACCESS_DENIED", 49),
        ("DECODE_ERROR", 50), ("DECRYPT_ERROR", 51), ("PROTOCOL_VERSION", 70), ("INSUFFICIENT_SECURITY", 71), ("INTERNAL_ERROR", 80),
        ("USER_CANCELLED", 90), ("NO_RENEGOTIATION", 100), ("UNSUPPORTED_EXTENSION", 110), ("CERTIFICATE_UNOBTAINABLE", 111),
        ("UNRECOGNIZED_NAME", 112), ("BAD_CERTIFICATE_STATUS_RESPONSE", 113), ("BAD_CERTIFICATE_HASH_VALUE", 114),
        ("UNKNOWN_PSK_IDENTITY", 115),
    ];
    const FEATURES: &[(&str, bool)] = &[
        ("HAS_SNI", true),
        ("HAS_ECDH", true),
        ("HAS_NPN", false),
        ("HAS_ALPN", true),
        ("HAS_SSLv2", false),
        ("HAS_SSLv3", false),
        ("HAS_TLSv1", false),
        ("HAS_TLSv1_1", false),
        ("HAS_TLSv1_2", true),
        ("HAS_TLSv1_3", true),
        ("HAS_PSK", false),
        ("HAS_PHA", false),
        ("HAS_TLS_UNIQUE", false),
    ];

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        error::init(m)?;
        m.add_type::<context::SslContext>()?;
        m.add_type::<socket::SslSocket>()?;
        m.add_type::<socket::SslSession>()?;
        m.add_type::<bio::MemoryBio>()?;
        m.add_type::<cert::Certificate>()?;
        for (n, v) in CONSTANTS {
            m.add(n, v.into_py()?)?;
        }
        for (n, v) in ALERTS {
            m.add(&format!("ALERT_DESCRIPTION_{n}"), v.into_py()?)?;
        }
        for (n, v) in FEATURES {
            m.add(n, v.into_py()?)?;
        }
        // Programs look for "OpenSSL" and for a version that speaks TLS 1.3.
        m.add("OPENSSL_VERSION", "OpenSSL 3.0.0 (rustls 0.23)".into_py()?)?;
        m.add("OPENSSL_VERSION_NUMBER", 0x3000_0000i64.into_py()?)?;
        m.add("OPENSSL_VERSION_INFO", (3, 0, 0, 0, 0).into_py()?)?;
        m.add("_OPENSSL_API_VERSION", (3, 0, 0, 0, 0).into_py()?)?;
        m.add("_DEFAULT_CIPHERS", "ECDHE+AESGCM:ECDHE+CHACHA20".into_py()?)
    }

    /// Mix string into the PRNG state.
    #[pyfunction]
    fn RAND_add(string: &Object, entropy: f64) -> PyResult<()> {
        let _ = (string, entropy);
        Ok(())
    }
    /// Returns True if the OpenSSL PRNG has been seeded with enough data.
    #[pyfunction]
    fn RAND_status() -> bool {
        true
    }
    /// Generate n cryptographically strong pseudo-random bytes.
    #[pyfunction]
    fn RAND_bytes(n: i32) -> PyResult<ByteString> {
        if n < 0 {
            return Err(raise!(ValueError, "num must be positive"));
        }
        let mut v = vec![0; n as usize];
        match rustls::crypto::ring::default_provider().secure_random.fill(&mut v) {
            Ok(()) => Ok(ByteString(v)),
            Err(_) => Err(error::ssl("no randomness")),
        }
    }
    type Found = (i32, &'static str, &'static str, &'static str);
    /// Lookup NID, short name, long name and OID of an ASN1_OBJECT.
    ///
    /// By default objects are looked up by OID. With name=True short and
    /// long name are also matched.
    #[pyfunction(sig = "txt, name=False")]
    fn txt2obj(txt: &str, name: Arg<bool>) -> PyResult<PyRef> {
        let by_name = name.unwrap_or(false);
        let found: Option<&Found> = x509::OBJECTS.iter().find(|o| o.3 == txt || by_name && (o.1 == txt || o.2 == txt));
        match found {
            Some(o) => o.into_py(),
            None => Err(raise!(ValueError, "unknown object '{}'", txt.chars().take(100).collect::<String>())),
        }
    }
    /// Lookup NID, short name, long name and OID of an ASN1_OBJECT by NID.
    #[pyfunction]
    fn nid2obj(nid: i32) -> PyResult<PyRef> {
        if nid < 0 {
            return Err(raise!(ValueError, "NID must be positive"));
        }
        match x509::OBJECTS.iter().find(|o| o.0 == nid) {
            Some(o) => o.into_py(),
            None => Err(raise!(ValueError, "unknown NID {}", nid)),
        }
    }
    /// Return search paths and environment vars that are used by SSLContext's set_default_verify_paths() to load default CAs.
    #[pyfunction]
    fn get_default_verify_paths() -> (&'static str, &'static str, &'static str, &'static str) {
        let file = BUNDLES.iter().find(|p| std::path::Path::new(p).is_file()).unwrap_or(&BUNDLES[0]);
        ("SSL_CERT_FILE", file, "SSL_CERT_DIR", "/etc/ssl/certs")
    }
    #[pyfunction]
    fn _test_decode_cert(path: &Object) -> PyResult<Ref<Dict>> {
        let text = context::read_file(std::path::Path::new(&runtime::lifecycle::fs_path(path)?))?;
        match keys::blocks(&text).certificates.first().and_then(|c| x509::read(c)) {
            Some(f) => cert::dictionary(&f),
            None => Err(error::ssl("Error decoding PEM-encoded file")),
        }
    }
}
