//! `_SSLContext`: what connections have in common.

use super::bio::MemoryBio;
use super::ciphers::{self, CIPHERS};
use super::error::{self, Failure};
use super::keys;
use super::socket::{SslSocket, Transport};
use super::verify::{Store, Verifier};
use super::{cert, x509};
use crate::_socket::Socket;
use macros::pyclass;
use runtime::convert::{ArgBytes, IntoPy};
use runtime::objects::exceptions::warnings;
use runtime::objects::support::{Fields, Locked, Slot, alloc, track};
use runtime::objects::weakref;
use runtime::prelude::*;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, DistinguishedName, KeyLog, ServerConfig, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub const TLS: i32 = 2;
pub const TLS_CLIENT: i32 = 16;
pub const TLS_SERVER: i32 = 17;
const MINIMUM: i32 = -2;
const MAXIMUM: i32 = -1;
const TLS1_2: i32 = 0x303;
const TLS1_3: i32 = 0x304;
pub const NO_TLS1_2: u64 = 1 << 27;
pub const NO_TLS1_3: u64 = 1 << 29;
const NO_TICKET: u64 = 1 << 14;
const DEFAULT_OPTIONS: u64 = 2_186_412_112;
pub const NEVER_CHECK_SUBJECT: u32 = 32;
/// The `OP_NO_*` of versions; setting one of them anew is deprecated.
const VERSION_OPTIONS: u64 = 0x0400_0000 | 0x1000_0000 | NO_TLS1_2 | NO_TLS1_3;

/// How often connections of a context did something.
#[derive(Default, Clone, Copy)]
pub struct Stats {
    pub connect: u64,
    pub connect_good: u64,
    pub accept: u64,
    pub accept_good: u64,
    pub hits: u64,
}

pub struct Settings {
    pub protocol: i32,
    pub options: u64,
    pub verify_mode: i32,
    pub check_hostname: bool,
    verify_flags: u32,
    host_flags: u32,
    minimum: i32,
    maximum: i32,
    pub alpn: Vec<Vec<u8>>,
    ciphers: Vec<CipherSuite>,
    store: Arc<Store>,
    folders: Vec<PathBuf>,
    keys: Arc<Keys>,
    tickets: usize,
    post_handshake_auth: bool,
    keylog: Option<Arc<KeyFile>>,
    sessions: Arc<dyn StoresServerSessions>,
    ticketer: Option<Arc<dyn rustls::server::ProducesTickets>>,
    provider: Arc<CryptoProvider>,
    pub stats: Stats,
}

/// The certificates of a server: the first whose key fits the client is used.
#[derive(Default, Clone, Debug)]
pub struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|k| k.key.choose_scheme(hello.signature_schemes()).is_some()).cloned()
    }
}

impl rustls::client::ResolvesClientCert for Keys {
    fn resolve(&self, _: &[&[u8]], schemes: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.iter().find(|k| k.key.choose_scheme(schemes).is_some()).cloned()
    }
    fn has_certs(&self) -> bool {
        !self.0.is_empty()
    }
}

/// `keylog_filename`
#[derive(Debug)]
struct KeyFile(Mutex<std::fs::File>);

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        use std::io::Write;
        let hex = |b: &[u8]| b.iter().map(|x| format!("{x:02x}")).collect::<String>();
        let mut f = self.0.lock().unwrap_or_else(|e| e.into_inner());
        let _ = writeln!(f, "{label} {} {}", hex(client_random), hex(secret));
    }
}

#[repr(C)]
pub struct SslContext {
    head: abi::PyObject,
    settings: Locked<Settings>,
    pub sni_callback: Slot,
    msg_callback: Slot,
    keylog_name: Slot,
    weaklist: *mut abi::PyObject,
}
impl Fields for SslContext {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.sni_callback);
        f(&self.msg_callback);
        f(&self.keylog_name);
    }
    fn release(&self) {
        drop(self.settings.take());
    }
}

/// What a verification needs to know from its connection.
pub struct Peer {
    pub host: Option<String>,
    pub failure: Arc<Mutex<Option<Failure>>>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Settings {
    fn new(protocol: i32) -> Settings {
        let client = protocol == TLS_CLIENT;
        Settings {
            protocol,
            options: DEFAULT_OPTIONS,
            verify_mode: if client { 2 } else { 0 },
            check_hostname: client,
            verify_flags: 32768,
            host_flags: 4,
            minimum: if protocol == 5 { TLS1_2 } else { 771 },
            maximum: if protocol == 5 { TLS1_2 } else { MAXIMUM },
            alpn: Vec::new(),
            ciphers: CIPHERS.iter().map(|c| c.suite).collect(),
            store: Arc::default(),
            folders: Vec::new(),
            keys: Arc::default(),
            tickets: 2,
            post_handshake_auth: false,
            keylog: None,
            sessions: rustls::server::ServerSessionMemoryCache::new(256),
            ticketer: rustls::crypto::ring::Ticketer::new().ok(),
            provider: provider(),
            stats: Stats::default(),
        }
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, Failure> {
        let low = if self.minimum == MINIMUM { 0 } else { self.minimum };
        let high = if self.maximum == MAXIMUM { i32::MAX } else { self.maximum };
        let mut v: Vec<&'static SupportedProtocolVersion> = Vec::new();
        if low <= TLS1_3 && TLS1_3 <= high && self.options & NO_TLS1_3 == 0 {
            v.push(&rustls::version::TLS13);
        }
        if low <= TLS1_2 && TLS1_2 <= high && self.options & NO_TLS1_2 == 0 {
            v.push(&rustls::version::TLS12);
        }
        if v.is_empty() { Err(Failure::because("NO_PROTOCOLS_AVAILABLE")) } else { Ok(v) }
    }

    fn chosen_provider(&self) -> Arc<CryptoProvider> {
        let mut p = (*self.provider).clone();
        p.cipher_suites = ciphers::supported(&self.ciphers, &p.cipher_suites);
        Arc::new(p)
    }

    /// The store with what lies in the folders.
    fn whole_store(&self) -> Arc<Store> {
        if self.folders.is_empty() {
            return self.store.clone();
        }
        let mut s = Store { authorities: self.store.authorities.clone(), lists: self.store.lists.clone() };
        for folder in &self.folders {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let hashed = name.to_str().and_then(|n| n.split_once('.')).is_some_and(|(h, n)| {
                    h.len() == 8
                        && h.bytes().all(|b| b.is_ascii_hexdigit())
                        && n.trim_start_matches('r').bytes().all(|b| b.is_ascii_digit())
                });
                if hashed && let Ok(text) = std::fs::read(entry.path()) {
                    let found = keys::blocks(&text);
                    found.certificates.into_iter().for_each(|c| s.add(c));
                    s.lists.extend(found.lists);
                }
            }
        }
        Arc::new(s)
    }

    fn verifier(&self, peer: &Peer, provider: &Arc<CryptoProvider>, server: bool) -> Verifier {
        let store = if self.verify_mode == 0 { self.store.clone() } else { self.whole_store() };
        let hints = if server {
            let subject = |a: &CertificateDer<'_>| x509::read(a).map(|f| DistinguishedName::from(f.raw_subject));
            store.authorities.iter().filter_map(subject).collect()
        } else {
            Vec::new()
        };
        Verifier {
            store,
            provider: provider.clone(),
            check: self.verify_mode != 0,
            required: self.verify_mode == 2,
            host: if self.check_hostname && !server { peer.host.clone() } else { None },
            use_common_name: self.host_flags & NEVER_CHECK_SUBJECT == 0,
            flags: self.verify_flags,
            failure: peer.failure.clone(),
            hints,
        }
    }

    pub fn client(
        &self,
        peer: &Peer,
        session: Arc<dyn rustls::client::ClientSessionStore>,
    ) -> Result<ClientConfig, Failure> {
        let provider = self.chosen_provider();
        let versions = self.versions()?;
        let verifier = self.verifier(peer, &provider, false);
        let mut c = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|e| error::failure(&e, b"", false))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(self.keys.clone());
        c.alpn_protocols = self.alpn.clone();
        c.resumption = Resumption::store(session);
        if let Some(k) = &self.keylog {
            c.key_log = k.clone();
        }
        Ok(c)
    }

    /// `offered` are the protocols that the client offers: without a common one there is no negotiation.
    pub fn server(&self, peer: &Peer, offered: &[Vec<u8>]) -> Result<ServerConfig, Failure> {
        let provider = self.chosen_provider();
        let versions = self.versions()?;
        let verifier = self.verifier(peer, &provider, true);
        let mut c = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|e| error::failure(&e, b"", true))?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(self.keys.clone());
        if self.alpn.iter().any(|p| offered.contains(p)) {
            c.alpn_protocols = self.alpn.clone();
        }
        c.session_storage = self.sessions.clone();
        c.send_tls13_tickets = self.tickets;
        if let Some(t) = &self.ticketer
            && self.options & NO_TICKET == 0
        {
            c.ticketer = t.clone();
        }
        if let Some(k) = &self.keylog {
            c.key_log = k.clone();
        }
        Ok(c)
    }

    pub fn no_keys(&self) -> bool {
        self.keys.0.is_empty()
    }
    pub fn authorities(&self) -> Arc<Store> {
        self.whole_store()
    }
}

impl SslContext {
    /// Runs `f`, which must not touch Python objects, on the settings.
    pub fn with<R>(&self, f: impl FnOnce(&mut Settings) -> R) -> PyResult<R> {
        self.settings.with(f).ok_or_else(|| raise!(SystemError, "SSLContext is not initialised"))
    }

    fn add_to_store(&self, found: keys::Found) -> PyResult<usize> {
        let n = found.certificates.len() + found.lists.len();
        self.with(|s| {
            let mut store = Store { authorities: s.store.authorities.clone(), lists: s.store.lists.clone() };
            found.certificates.into_iter().for_each(|c| store.add(c));
            store.lists.extend(found.lists);
            s.store = Arc::new(store);
        })?;
        Ok(n)
    }
}

#[cold]
fn undeletable(name: &str) -> Raised {
    raise!(AttributeError, "attribute '{}' of 'SSLContext' objects cannot be deleted", name)
}

fn deprecated(what: &str) -> PyResult<()> {
    warnings::warn(exc::DeprecationWarning(), &format!("{what} is deprecated"), 2)
}

#[pyclass(name = "_SSLContext", module = "_ssl", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE", weaklistoffset = core::mem::offset_of!(SslContext, weaklist))]
impl SslContext {
    #[slot(sig = "protocol, /")]
    fn tp_new(cls: &Type, protocol: i32) -> PyResult<Ref<SslContext>> {
        match protocol {
            TLS => deprecated("ssl.PROTOCOL_TLS")?,
            3 => deprecated("ssl.PROTOCOL_TLSv1")?,
            4 => deprecated("ssl.PROTOCOL_TLSv1_1")?,
            5 => deprecated("ssl.PROTOCOL_TLSv1_2")?,
            TLS_CLIENT | TLS_SERVER => {}
            _ => return Err(raise!(ValueError, "invalid or unsupported protocol version")),
        }
        if matches!(protocol, 3 | 4) {
            return Err(raise!(ValueError, "invalid or unsupported protocol version"));
        }
        let c = alloc::<SslContext>(cls)?;
        c.settings.set(Settings::new(protocol));
        Ok(track(c))
    }
    #[slot]
    fn tp_dealloc(this: *mut SslContext) {
        // SAFETY: the last reference is gone; references first, then the memory.
        unsafe {
            if !(*this).weaklist.is_null() {
                weakref::clear_weakrefs(this.cast());
            }
            runtime::objects::support::dealloc::<SslContext>(this.cast());
        }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        let mut r = 0;
        self.fields(&mut |s| {
            if r == 0 {
                r = visit.visit_ptr(s.ptr());
            }
        });
        r
    }
    #[slot]
    fn tp_clear(&self) {
        let mut out = Vec::new();
        self.fields(&mut |s| out.extend(s.swap(None)));
        drop(out);
    }

    #[pymethod(sig = "sock, server_side, server_hostname=None, *, owner=None, session=None")]
    fn _wrap_socket(
        &self,
        sock: &Object,
        server_side: bool,
        server_hostname: Option<&str>,
        owner: &Object,
        session: &Object,
    ) -> PyResult<PyRef> {
        if sock.downcast::<Socket>().is_none() {
            return Err(raise!(
                TypeError,
                "_wrap_socket() argument 'sock' must be _socket.socket, not {}",
                sock.ty().name_str()
            ));
        }
        SslSocket::make(
            self,
            Transport::Socket(weakref::new_ref(sock, None)?),
            server_side,
            server_hostname,
            owner,
            session,
        )
    }
    #[pymethod(sig = "incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None")]
    fn _wrap_bio(
        &self,
        incoming: &MemoryBio,
        outgoing: &MemoryBio,
        server_side: bool,
        server_hostname: Option<&str>,
        owner: &Object,
        session: &Object,
    ) -> PyResult<PyRef> {
        let t = Transport::Bio(Ref::new_ref(incoming), Ref::new_ref(outgoing));
        SslSocket::make(self, t, server_side, server_hostname, owner, session)
    }

    #[pymethod(sig = "certfile, keyfile=None, password=None")]
    fn load_cert_chain(&self, certfile: &Object, keyfile: &Object, password: &Object) -> PyResult<()> {
        let path = |o: &Object, what: &str| -> PyResult<PathBuf> {
            match runtime::lifecycle::fs_path(o) {
                Ok(p) => Ok(PathBuf::from(p)),
                Err(e) if e.matches(exc::TypeError()) => {
                    e.clear();
                    Err(raise!(TypeError, "{} should be a valid filesystem path", what))
                }
                Err(e) => Err(e),
            }
        };
        let certs = path(certfile, "certfile")?;
        let key = if keyfile.is_none() { certs.clone() } else { path(keyfile, "keyfile")? };
        let (cert_text, key_text) = (read_file(&certs)?, read_file(&key)?);
        let found = keys::blocks(&cert_text);
        if found.certificates.is_empty() {
            return Err(keys::pem_error("PEM lib"));
        }
        let key = keys::private_key(&key_text, password)?;
        let provider = provider();
        let signer = provider.key_provider.load_private_key(key).map_err(|_| keys::pem_error("PEM lib"))?;
        let pair = CertifiedKey::new(found.certificates, signer);
        if pair
            .keys_match()
            .is_err_and(|e| matches!(e, rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)))
        {
            return Err(Failure::of("X509", Some("KEY_VALUES_MISMATCH"), "key values mismatch").raise());
        }
        let algorithm = pair.key.algorithm();
        self.with(|s| {
            let mut v = s.keys.0.clone();
            v.retain(|k| k.key.algorithm() != algorithm);
            v.push(Arc::new(pair));
            s.keys = Arc::new(Keys(v));
        })
    }

    #[pymethod(sig = "cafile=None, capath=None, cadata=None")]
    fn load_verify_locations(&self, cafile: &Object, capath: &Object, cadata: &Object) -> PyResult<()> {
        if cafile.is_none() && capath.is_none() && cadata.is_none() {
            return Err(raise!(TypeError, "cafile, capath and cadata cannot be all omitted"));
        }
        let path = |o: &Object, what: &str| -> PyResult<Option<PathBuf>> {
            if o.is_none() {
                return Ok(None);
            }
            match runtime::lifecycle::fs_path(o) {
                Ok(p) => Ok(Some(PathBuf::from(p))),
                Err(e) if e.matches(exc::TypeError()) => {
                    e.clear();
                    Err(raise!(TypeError, "{} should be a valid filesystem path", what))
                }
                Err(e) => Err(e),
            }
        };
        let (file, folder) = (path(cafile, "cafile")?, path(capath, "capath")?);
        if !cadata.is_none() {
            let found = match cadata.downcast::<Str>() {
                Some(s) => {
                    if !s.is_ascii() {
                        return Err(raise!(TypeError, "cadata should be an ASCII string or a bytes-like object"));
                    }
                    let text = s.to_string_lossy();
                    let found = keys::blocks(text.as_bytes());
                    if found.broken {
                        return Err(keys::pem_error("bad base64 decode"));
                    }
                    if found.certificates.is_empty() {
                        return Err(Failure::new(
                            error::Kind::Ssl,
                            "no start line: cadata does not contain a certificate",
                        )
                        .raise());
                    }
                    found
                }
                None => {
                    let data = runtime::protocol::buffer::Buffer::get(cadata, abi::PyBUF_SIMPLE).map_err(|e| {
                        if e.matches(exc::TypeError()) {
                            e.clear();
                            return raise!(TypeError, "cadata should be an ASCII string or a bytes-like object");
                        }
                        e
                    })?;
                    match keys::der_certificates(data.as_slice()) {
                        Ok(v) => keys::Found { certificates: v, ..Default::default() },
                        Err(text) => return Err(Failure::new(error::Kind::Ssl, text).raise()),
                    }
                }
            };
            self.add_to_store(found)?;
        }
        if let Some(file) = file {
            let text = read_file(&file)?;
            let found = keys::blocks(&text);
            if found.broken {
                return Err(Failure::of("X509", None, "PEM lib").raise());
            }
            if self.add_to_store(found)? == 0 {
                let reason = Some("NO_CERTIFICATE_OR_CRL_FOUND");
                return Err(Failure::of("X509", reason, "no certificate or crl found").raise());
            }
        }
        if let Some(folder) = folder {
            self.with(|s| s.folders.push(folder))?;
        }
        Ok(())
    }
    #[pymethod]
    fn set_default_verify_paths(&self) -> PyResult<()> {
        let file = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let folder = std::env::var_os("SSL_CERT_DIR").map(PathBuf::from);
        let bundle = file.or_else(|| super::BUNDLES.iter().map(PathBuf::from).find(|p| p.is_file()));
        if let Some(text) = bundle.and_then(|p| std::fs::read(p).ok()) {
            self.add_to_store(keys::blocks(&text))?;
        }
        if let Some(folder) = folder {
            self.with(|s| s.folders.push(folder))?;
        }
        Ok(())
    }
    /// Returns a list of dicts with information of loaded CA certs.
    ///
    /// If the optional argument is True, returns a DER-encoded copy of the CA
    /// certificate.
    #[pymethod(sig = "binary_form=False")]
    fn get_ca_certs(&self, binary_form: Arg<bool>) -> PyResult<PyRef> {
        let store = self.with(|s| s.store.clone())?;
        let out = List::from_vec(Vec::new())?;
        for der in &store.authorities {
            let Some(f) = x509::read(der) else { continue };
            if !f.is_ca && f.version == 3 {
                continue;
            }
            match binary_form {
                Arg::Given(true) => out.append(&*Bytes::new(der)?)?,
                _ => out.append(&*cert::dictionary(&f)?)?,
            }
        }
        Ok(out.upcast())
    }
    /// Returns quantities of loaded X.509 certificates.
    #[pymethod]
    fn cert_store_stats(&self) -> PyResult<PyRef> {
        let store = self.with(|s| s.store.clone())?;
        let ca = store.authorities.iter().filter(|a| x509::read(a).is_some_and(|f| f.is_ca || f.version == 1)).count();
        counts(&[("x509", store.authorities.len() as u64), ("crl", store.lists.len() as u64), ("x509_ca", ca as u64)])
    }
    #[pymethod]
    fn session_stats(&self) -> PyResult<PyRef> {
        let s = self.with(|s| s.stats)?;
        counts(&[
            ("number", 0),
            ("connect", s.connect),
            ("connect_good", s.connect_good),
            ("connect_renegotiate", 0),
            ("accept", s.accept),
            ("accept_good", s.accept_good),
            ("accept_renegotiate", 0),
            ("hits", s.hits),
            ("misses", 0),
            ("timeouts", 0),
            ("cache_full", 0),
        ])
    }
    #[pymethod(sig = "cipherlist, /")]
    fn set_ciphers(&self, cipherlist: &str) -> PyResult<()> {
        match ciphers::select(cipherlist) {
            Some(v) => self.with(|s| s.ciphers = v),
            None => Err(error::ssl("No cipher can be selected.")),
        }
    }
    #[pymethod]
    fn get_ciphers(&self) -> PyResult<PyRef> {
        let chosen = self.with(|s| s.ciphers.clone())?;
        let out = List::from_vec(Vec::new())?;
        for c in chosen.iter().filter_map(|s| ciphers::find(*s)) {
            let d = Dict::new()?;
            let id = 0x0300_0000u32 | u16::from(c.suite) as u32;
            let about =
                format!("{:<30} {} Kx=ECDH     Au=any   Enc={}({}) Mac=AEAD", c.name, c.version(), c.symmetric, c.bits);
            d.set(intern!("id"), &*id.into_py()?)?;
            for (k, v) in [("name", c.name), ("protocol", c.version()), ("description", &about)] {
                d.set(&*Str::new(k)?, &*Str::new(v)?)?;
            }
            d.set(intern!("strength_bits"), &*c.bits.into_py()?)?;
            d.set(intern!("alg_bits"), &*c.bits.into_py()?)?;
            d.set(intern!("aead"), &**Bool::of(true))?;
            d.set(intern!("symmetric"), &*Str::new(c.symmetric)?)?;
            d.set(intern!("digest"), none())?;
            d.set(intern!("kea"), &*Str::new(c.key_exchange)?)?;
            d.set(intern!("auth"), &*Str::new(c.auth)?)?;
            out.append(&d)?;
        }
        Ok(out.upcast())
    }
    #[pymethod(sig = "protos, /")]
    fn _set_alpn_protocols(&self, protos: ArgBytes) -> PyResult<()> {
        let mut rest: &[u8] = &protos;
        let mut v = Vec::new();
        while let Some((&n, after)) = rest.split_first() {
            let Some(p) = after.get(..n as usize) else { break };
            v.push(p.to_vec());
            rest = &after[n as usize..];
        }
        self.with(|s| s.alpn = v)
    }
    #[pymethod(sig = "filepath, /")]
    fn load_dh_params(&self, filepath: &Object) -> PyResult<()> {
        let text = read_file(Path::new(&runtime::lifecycle::fs_path(filepath)?))?;
        if text.windows(13).any(|w| w == b"DH PARAMETERS") {
            Ok(())
        } else {
            Err(Failure::of("PEM", Some("NO_START_LINE"), "no start line").raise())
        }
    }
    #[pymethod(sig = "name, /")]
    fn set_ecdh_curve(&self, name: &Object) -> PyResult<()> {
        let name = runtime::lifecycle::fs_path(name)?;
        match name.to_str() {
            Some("prime256v1" | "secp256r1" | "P-256" | "secp384r1" | "P-384" | "X25519") => Ok(()),
            n => Err(raise!(
                ValueError,
                "unknown elliptic curve name {}",
                format!("{:?}", n.unwrap_or("")).replace('"', "'")
            )),
        }
    }
    #[pymethod(sig = "callback")]
    fn set_psk_client_callback(&self, callback: &Object) -> PyResult<()> {
        let _ = callback;
        Err(raise!(NotImplementedError, "PSK callbacks are not supported by your OpenSSL version."))
    }
    #[pymethod(sig = "callback, identity_hint=None")]
    fn set_psk_server_callback(&self, callback: &Object, identity_hint: &Object) -> PyResult<()> {
        let _ = (callback, identity_hint);
        Err(raise!(NotImplementedError, "PSK callbacks are not supported by your OpenSSL version."))
    }

    #[pygetset]
    fn protocol(&self) -> PyResult<i32> {
        self.with(|s| s.protocol)
    }
    #[pygetset]
    fn options(&self) -> PyResult<u64> {
        self.with(|s| s.options)
    }
    #[pysetter]
    fn set_options(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("options")) };
        let new = v.index()?;
        if new.sign() < 0 {
            return Err(raise!(ValueError, "can't convert negative value to unsigned int"));
        }
        let new = new.as_u64()?;
        let old = self.with(|s| s.options)?;
        if new & !old & VERSION_OPTIONS != 0 {
            let text = "ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated";
            warnings::warn(exc::DeprecationWarning(), text, 2)?;
        }
        self.with(|s| s.options = new)
    }
    #[pygetset]
    fn verify_mode(&self) -> PyResult<i32> {
        self.with(|s| s.verify_mode)
    }
    #[pysetter]
    fn set_verify_mode(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("verify_mode")) };
        let mode = i32::from_py(v)?;
        if !(0..3).contains(&mode) {
            return Err(raise!(ValueError, "invalid value for verify_mode"));
        }
        let refused = self.with(|s| {
            if mode == 0 && s.check_hostname {
                return true;
            }
            s.verify_mode = mode;
            false
        })?;
        if refused {
            return Err(raise!(ValueError, "Cannot set verify_mode to CERT_NONE when check_hostname is enabled."));
        }
        Ok(())
    }
    #[pygetset]
    fn check_hostname(&self) -> PyResult<bool> {
        self.with(|s| s.check_hostname)
    }
    #[pysetter]
    fn set_check_hostname(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("check_hostname")) };
        let on = v.is_true()?;
        self.with(|s| {
            s.check_hostname = on;
            if on && s.verify_mode == 0 {
                s.verify_mode = 2;
            }
        })
    }
    #[pygetset]
    fn verify_flags(&self) -> PyResult<u32> {
        self.with(|s| s.verify_flags)
    }
    #[pysetter]
    fn set_verify_flags(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("verify_flags")) };
        let flags = u32::from_py(v)?;
        self.with(|s| s.verify_flags = flags)
    }
    #[pygetset]
    fn _host_flags(&self) -> PyResult<u32> {
        self.with(|s| s.host_flags)
    }
    #[pysetter]
    fn set__host_flags(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("_host_flags")) };
        let flags = u32::from_py(v)?;
        self.with(|s| s.host_flags = flags)
    }
    #[pygetset]
    fn minimum_version(&self) -> PyResult<i32> {
        self.with(|s| s.minimum)
    }
    #[pysetter]
    fn set_minimum_version(&self, v: Option<&Object>) -> PyResult<()> {
        let version = self.version_argument(v, "minimum_version")?;
        self.with(|s| s.minimum = if version == MAXIMUM { TLS1_3 } else { version })
    }
    #[pygetset]
    fn maximum_version(&self) -> PyResult<i32> {
        self.with(|s| s.maximum)
    }
    #[pysetter]
    fn set_maximum_version(&self, v: Option<&Object>) -> PyResult<()> {
        let version = self.version_argument(v, "maximum_version")?;
        self.with(|s| s.maximum = if version == MINIMUM { TLS1_2 } else { version })
    }
    #[pygetset]
    fn num_tickets(&self) -> PyResult<usize> {
        self.with(|s| s.tickets)
    }
    #[pysetter]
    fn set_num_tickets(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("num_tickets")) };
        let n = v.as_i64()?;
        if n < 0 {
            return Err(raise!(ValueError, "value must be non-negative"));
        }
        if self.with(|s| s.protocol)? != TLS_SERVER {
            return Err(raise!(ValueError, "SSLContext is not a server context."));
        }
        self.with(|s| s.tickets = n as usize)
    }
    #[pygetset]
    fn post_handshake_auth(&self) -> PyResult<bool> {
        self.with(|s| s.post_handshake_auth)
    }
    #[pysetter]
    fn set_post_handshake_auth(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(undeletable("post_handshake_auth")) };
        let on = v.is_true()?;
        self.with(|s| s.post_handshake_auth = on)
    }
    #[pygetset]
    fn security_level(&self) -> i32 {
        2
    }
    #[pygetset]
    fn keylog_filename(&self) -> PyRef {
        self.keylog_name.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_keylog_filename(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("keylog_filename"));
        }
        let log = match v {
            Some(v) if !v.is_none() => {
                let path = PathBuf::from(runtime::lifecycle::fs_path(v)?);
                match std::fs::OpenOptions::new().append(true).create(true).open(&path) {
                    Ok(f) => {
                        use std::io::Write;
                        let empty = f.metadata().is_ok_and(|m| m.len() == 0);
                        let mut f = f;
                        if empty {
                            let _ = f.write_all(b"# TLS secrets log file, generated by OpenSSL / Python\n");
                        }
                        Some(Arc::new(KeyFile(Mutex::new(f))))
                    }
                    Err(e) => {
                        return Err(runtime::error::raise_os_error(
                            e.raw_os_error().unwrap_or(libc::EIO),
                            Some(v),
                            None,
                        ));
                    }
                }
            }
            _ => None,
        };
        let name = if log.is_some() { v.map(|v| v.to_ref()) } else { None };
        let old = self.with(|s| std::mem::replace(&mut s.keylog, log))?;
        drop((old, self.keylog_name.replace(self, name)));
        Ok(())
    }
    #[pygetset]
    fn sni_callback(&self) -> PyRef {
        self.sni_callback.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_sni_callback(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("sni_callback"));
        }
        if self.with(|s| s.protocol)? == TLS_CLIENT {
            return Err(raise!(ValueError, "sni_callback cannot be set on TLS_CLIENT context"));
        }
        let new = match v {
            Some(v) if v.is_none() => None,
            Some(v) if v.is_callable() => Some(v.to_ref()),
            _ => {
                drop(self.sni_callback.replace(self, None));
                return Err(raise!(TypeError, "not a callable object"));
            }
        };
        drop(self.sni_callback.replace(self, new));
        Ok(())
    }
    #[pygetset]
    fn _msg_callback(&self) -> PyRef {
        self.msg_callback.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set__msg_callback(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("_msg_callback"));
        }
        let new = match v {
            Some(v) if v.is_callable() => Some(v.to_ref()),
            Some(v) if !v.is_none() => {
                return Err(raise!(TypeError, "{} is not callable.", v.repr()?.to_string_lossy()));
            }
            _ => None,
        };
        drop(self.msg_callback.replace(self, new));
        Ok(())
    }
}

impl SslContext {
    fn version_argument(&self, v: Option<&Object>, which: &str) -> PyResult<i32> {
        let Some(v) = v else { return Err(undeletable(which)) };
        let version = i32::from_py(v)?;
        let protocol = self.with(|s| s.protocol)?;
        if !matches!(protocol, TLS | TLS_CLIENT | TLS_SERVER) {
            return Err(raise!(
                ValueError,
                "The context's protocol doesn't support modification of highest and lowest version."
            ));
        }
        match version {
            0x300 => deprecated("ssl.TLSVersion.SSLv3")?,
            0x301 => deprecated("ssl.TLSVersion.TLSv1")?,
            0x302 => deprecated("ssl.TLSVersion.TLSv1_1")?,
            MINIMUM | MAXIMUM | TLS1_2 | TLS1_3 => {}
            _ => return Err(raise!(ValueError, "Unsupported TLS/SSL version 0x{:x}", version)),
        }
        Ok(version)
    }
}

fn counts(of: &[(&str, u64)]) -> PyResult<PyRef> {
    let d = Dict::new()?;
    for (k, n) in of {
        d.set(&*Str::new(k)?, &*n.into_py()?)?;
    }
    Ok(d.upcast())
}

/// A file's content, or its OSError.
pub fn read_file(path: &Path) -> PyResult<Vec<u8>> {
    let read = runtime::thread::detach(|| std::fs::read(path));
    read.map_err(|e| runtime::error::raise_os_error(e.raw_os_error().unwrap_or(libc::EIO), None, None))
}

/// The name that the TLS library is told to connect to; one that it does not take is replaced by an address that is never sent.
pub fn server_name(host: Option<&str>) -> (ServerName<'static>, bool) {
    match host.and_then(|h| ServerName::try_from(h.to_string()).ok()) {
        Some(n) => (n, true),
        None => (ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()), false),
    }
}
