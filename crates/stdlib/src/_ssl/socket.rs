//! `_SSLSocket`: one connection, over a socket or over a pair of `MemoryBIO`s, and `SSLSession`.
//!
//! The connection's state lies behind a lock of its own. Steps are taken with the lock held and never block: they read and write
//! without waiting and say what they need; waiting, callbacks and exceptions happen between the steps, without the lock.
//! Of the transport no byte is read beyond the record in work, so that plain text that follows the end of TLS stays where it is.

use super::bio::MemoryBio;
use super::context::{Peer, SslContext, TLS_CLIENT, TLS_SERVER, server_name};
use super::error::{self, Failure, Kind};
use super::{cert, ciphers, x509};
use crate::_socket::Socket;
use crate::posix::path::errno;
use macros::pyclass;
use runtime::convert::{ArgBytes, ByteString, IntoPy};
use runtime::objects::support::{Locked, Slot, alloc, track};
use runtime::objects::weakref;
use runtime::prelude::*;
use runtime::thread;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore};
use rustls::pki_types::CertificateDer;
use rustls::server::{Accepted, Acceptor};
use rustls::{CipherSuite, ClientConfig, ClientConnection, Connection, HandshakeKind, ServerConfig};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As much plain text goes into a record.
const CHUNK: usize = 16 * 1024;

/// What a connection is made over.
pub enum Transport {
    /// A weak reference to the socket
    Socket(PyRef),
    /// Incoming, outgoing
    Bio(Ref<MemoryBio>, Ref<MemoryBio>),
}

/// The transport during one operation.
enum Io {
    /// The descriptor and the timeout in nanoseconds
    Fd(i32, i64),
    Bio(Ref<MemoryBio>, Ref<MemoryBio>),
}

enum Fill {
    Got,
    Empty,
    End,
}

/// How far a step came.
enum Step<R> {
    Done(R),
    NeedRead,
    NeedWrite,
    /// A server has the client's greeting and must choose its context.
    NeedContext,
    Fail(Trouble),
}

enum Trouble {
    Tls(Failure),
    Errno(i32),
}
impl From<Failure> for Trouble {
    fn from(f: Failure) -> Trouble {
        Trouble::Tls(f)
    }
}

enum Stage {
    /// A client that has not begun.
    Client,
    /// A server that waits for the greeting.
    Accepting(Box<Acceptor>),
    Accepted(Box<Accepted>),
    Open(Box<Connection>),
    Broken,
}

struct State {
    stage: Stage,
    /// The record in work, as far as it was read
    record: Vec<u8>,
    plain: VecDeque<u8>,
    out: Vec<u8>,
    /// How much of the plain text of a repeated write is on its way already.
    accepted: usize,
    peer_closed: bool,
    sent_close: bool,
    handshaken: bool,
    broken: Option<Failure>,
    failure: Arc<Mutex<Option<Failure>>>,
    server: bool,
    start: Vec<u8>,
    offered_alpn: Vec<Vec<u8>>,
    offered_suites: Vec<CipherSuite>,
    asked_name: Option<String>,
    session: Session,
}

#[derive(Clone)]
struct Session {
    store: Arc<dyn ClientSessionStore>,
    id: [u8; 32],
    time: u64,
}

impl Session {
    fn new() -> Session {
        let mut id = [0; 32];
        let _ = rustls::crypto::ring::default_provider().secure_random.fill(&mut id);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        Session { store: Arc::new(ClientSessionMemoryCache::new(8)), id, time }
    }
}

impl Io {
    /// What was read; `None` when nothing is there yet, nothing at the end.
    fn read(&self, n: usize) -> Result<Option<Vec<u8>>, Trouble> {
        match self {
            Io::Bio(incoming, _) => Ok(incoming.take(n)),
            Io::Fd(fd, _) => {
                let mut v = vec![0u8; n];
                loop {
                    // SAFETY: the buffer has room for `n` bytes.
                    let r = unsafe { libc::recv(*fd, v.as_mut_ptr().cast(), n, libc::MSG_DONTWAIT) };
                    if r >= 0 {
                        v.truncate(r as usize);
                        return Ok(Some(v));
                    }
                    match errno() {
                        libc::EINTR => {}
                        libc::EAGAIN => return Ok(None),
                        e => return Err(Trouble::Errno(e)),
                    }
                }
            }
        }
    }
    /// How much was written; `None` when there is no room.
    fn write(&self, b: &[u8]) -> Result<Option<usize>, Trouble> {
        match self {
            Io::Bio(_, outgoing) => {
                outgoing.put(b);
                Ok(Some(b.len()))
            }
            Io::Fd(fd, _) => loop {
                // SAFETY: the slice is readable.
                let r = unsafe { libc::send(*fd, b.as_ptr().cast(), b.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
                if r >= 0 {
                    return Ok(Some(r as usize));
                }
                match errno() {
                    libc::EINTR => {}
                    libc::EAGAIN => return Ok(None),
                    e => return Err(Trouble::Errno(e)),
                }
            },
        }
    }
}

impl State {
    fn new(server: bool) -> State {
        State {
            stage: if server { Stage::Accepting(Box::default()) } else { Stage::Client },
            record: Vec::new(),
            plain: VecDeque::new(),
            out: Vec::new(),
            accepted: 0,
            peer_closed: false,
            sent_close: false,
            handshaken: false,
            broken: None,
            failure: Arc::default(),
            server,
            start: Vec::new(),
            offered_alpn: Vec::new(),
            offered_suites: Vec::new(),
            asked_name: None,
            session: Session::new(),
        }
    }
    fn open(&mut self) -> Option<&mut Connection> {
        match &mut self.stage {
            Stage::Open(c) => Some(c),
            _ => None,
        }
    }
    /// The connection cannot be used any more: the alert goes out as far as it can.
    fn fail(&mut self, e: &rustls::Error, io: &Io) -> Trouble {
        let told = self.failure.lock().unwrap_or_else(|e| e.into_inner()).take();
        let missing = matches!(e, rustls::Error::General(s) if s.contains("no server certificate"));
        let f = match told {
            Some(f) if matches!(e, rustls::Error::InvalidCertificate(_)) => f,
            _ if missing => Failure::because("NO_SHARED_CIPHER"),
            _ => error::failure(e, &self.start, self.server),
        };
        self.broken = Some(f.clone());
        let _ = self.flush(io);
        f.into()
    }
    /// Sends what waits; whether all of it went.
    fn flush(&mut self, io: &Io) -> Result<bool, Trouble> {
        loop {
            if let Stage::Open(c) = &mut self.stage {
                while c.wants_write() {
                    if c.write_tls(&mut self.out).is_err() {
                        break;
                    }
                }
            }
            if self.out.is_empty() {
                return Ok(true);
            }
            match io.write(&self.out)? {
                Some(n) => drop(self.out.drain(..n)),
                None => return Ok(false),
            }
        }
    }
    /// Reads one record, or what is there of it, and works it off.
    fn fill(&mut self, io: &Io) -> Result<Fill, Trouble> {
        loop {
            let need = match self.record.as_slice() {
                r if r.len() < 5 => 5 - r.len(),
                // What is no record goes on to be refused.
                [t, v, ..] if !(20..=24).contains(t) || *v != 3 => 0,
                r => (5 + u16::from_be_bytes([r[3], r[4]]) as usize).saturating_sub(r.len()),
            };
            if need == 0 {
                break;
            }
            match io.read(need)? {
                None => return Ok(Fill::Empty),
                Some(v) if v.is_empty() => {
                    self.broken = Some(Failure::eof());
                    return Ok(Fill::End);
                }
                Some(v) => self.record.extend_from_slice(&v),
            }
        }
        let record = std::mem::take(&mut self.record);
        if self.start.is_empty() {
            self.start = record[..5].to_vec();
        }
        self.work(&record, io)?;
        Ok(Fill::Got)
    }

    fn work(&mut self, record: &[u8], io: &Io) -> Result<(), Trouble> {
        let mut rest = record;
        match &mut self.stage {
            Stage::Accepting(a) => {
                while !rest.is_empty() {
                    if a.read_tls(&mut rest).is_err() {
                        break;
                    }
                }
                match a.accept() {
                    Ok(None) => {}
                    Ok(Some(accepted)) => {
                        let hello = accepted.client_hello();
                        self.asked_name = hello.server_name().map(str::to_string);
                        self.offered_alpn = hello.alpn().map(|p| p.map(<[u8]>::to_vec).collect()).unwrap_or_default();
                        self.offered_suites = hello.cipher_suites().to_vec();
                        self.stage = Stage::Accepted(Box::new(accepted));
                    }
                    Err((e, mut alert)) => {
                        let _ = alert.write_all(&mut self.out);
                        self.stage = Stage::Broken;
                        return Err(self.fail(&e, io));
                    }
                }
                Ok(())
            }
            Stage::Open(c) => {
                let mut result = Ok(());
                while !rest.is_empty() {
                    if c.read_tls(&mut rest).is_err() {
                        break;
                    }
                    match c.process_new_packets() {
                        Ok(state) => self.peer_closed |= state.peer_has_closed(),
                        Err(e) => {
                            result = Err(e);
                            break;
                        }
                    }
                    let mut buffer = [0u8; CHUNK];
                    while let Ok(n @ 1..) = c.reader().read(&mut buffer) {
                        self.plain.extend(&buffer[..n]);
                    }
                }
                match result {
                    Ok(()) => Ok(()),
                    Err(e) => Err(self.fail(&e, io)),
                }
            }
            _ => Ok(()),
        }
    }

    fn handshake(&mut self, io: &Io) -> Step<()> {
        if let Some(f) = &self.broken {
            return Step::Fail(f.clone().into());
        }
        loop {
            match self.flush(io) {
                Ok(true) => {}
                Ok(false) => return Step::NeedWrite,
                Err(e) => return Step::Fail(e),
            }
            match &self.stage {
                Stage::Accepted(_) => return Step::NeedContext,
                Stage::Open(c) if !c.is_handshaking() => {
                    self.handshaken = true;
                    return Step::Done(());
                }
                Stage::Client | Stage::Broken => {
                    return Step::Fail(Failure::new(Kind::Ssl, "the connection has not begun").into());
                }
                _ => {}
            }
            match self.fill(io) {
                Ok(Fill::Got) => {}
                Ok(Fill::Empty) => return Step::NeedRead,
                Ok(Fill::End) => return Step::Fail(Failure::eof().into()),
                Err(e) => return Step::Fail(e),
            }
        }
    }

    fn read(&mut self, io: &Io, n: usize) -> Step<Vec<u8>> {
        loop {
            if !self.plain.is_empty() {
                let n = n.min(self.plain.len());
                return Step::Done(self.plain.drain(..n).collect());
            }
            if self.peer_closed {
                if self.sent_close {
                    let f = Failure::new(Kind::ZeroReturn, "TLS/SSL connection has been closed (EOF) (_ssl.c:1)");
                    return Step::Fail(f.into());
                }
                return Step::Done(Vec::new());
            }
            if let Some(f) = &self.broken {
                return Step::Fail(f.clone().into());
            }
            if !self.handshaken {
                match self.handshake(io) {
                    Step::Done(()) => continue,
                    Step::NeedRead => return Step::NeedRead,
                    Step::NeedWrite => return Step::NeedWrite,
                    Step::NeedContext => return Step::NeedContext,
                    Step::Fail(f) => return Step::Fail(f),
                }
            }
            // Answers to the peer must not keep the reader waiting.
            let _ = self.flush(io);
            match self.fill(io) {
                Ok(Fill::Got) => {}
                Ok(Fill::Empty) => return Step::NeedRead,
                Ok(Fill::End) => return Step::Fail(Failure::eof().into()),
                Err(e) => return Step::Fail(e),
            }
        }
    }

    /// Writes on from `done`; what is in flight is remembered between the steps.
    fn write(&mut self, io: &Io, data: &[u8], done: &mut usize) -> Step<()> {
        if self.sent_close {
            return Step::Fail(Failure::because("PROTOCOL_IS_SHUTDOWN").into());
        }
        if !self.handshaken {
            match self.handshake(io) {
                Step::Done(()) => {}
                other => return other,
            }
        }
        if let Some(f) = &self.broken {
            return Step::Fail(f.clone().into());
        }
        loop {
            match self.flush(io) {
                Ok(true) => *done += std::mem::take(&mut self.accepted).min(data.len() - *done),
                Ok(false) => return Step::NeedWrite,
                Err(e) => return Step::Fail(e),
            }
            if *done >= data.len() {
                return Step::Done(());
            }
            let chunk = &data[*done..data.len().min(*done + CHUNK)];
            let Some(c) = self.open() else {
                return Step::Fail(Failure::new(Kind::Ssl, "the connection has not begun").into());
            };
            match c.writer().write(chunk) {
                Ok(n) => self.accepted = n,
                Err(e) => return Step::Fail(Failure::new(Kind::Ssl, e.to_string()).into()),
            }
        }
    }

    fn shutdown(&mut self, io: &Io) -> Step<()> {
        if !self.handshaken {
            return Step::Fail(Failure::because("SHUTDOWN_WHILE_IN_INIT").into());
        }
        if let Some(f) = &self.broken {
            return Step::Fail(f.clone().into());
        }
        if !self.sent_close {
            self.sent_close = true;
            if let Some(c) = self.open() {
                c.send_close_notify();
            }
        }
        loop {
            match self.flush(io) {
                Ok(true) => {}
                Ok(false) => return Step::NeedWrite,
                Err(e) => return Step::Fail(e),
            }
            if self.peer_closed {
                return Step::Done(());
            }
            if !self.plain.is_empty() {
                return Step::Fail(Failure::because("APPLICATION_DATA_AFTER_CLOSE_NOTIFY").into());
            }
            match self.fill(io) {
                Ok(Fill::Got) => {}
                Ok(Fill::Empty) => return Step::NeedRead,
                Ok(Fill::End) => return Step::Fail(Failure::eof().into()),
                Err(e) => return Step::Fail(e),
            }
        }
    }

    fn begin_client(&mut self, config: ClientConfig, host: Option<&str>) -> Result<(), Failure> {
        let (name, known) = server_name(host);
        let mut config = config;
        config.enable_sni = known;
        match ClientConnection::new(Arc::new(config), name) {
            Ok(mut c) => {
                c.set_buffer_limit(None);
                self.stage = Stage::Open(Box::new(c.into()));
                Ok(())
            }
            Err(e) => Err(error::failure(&e, b"", false)),
        }
    }
    fn begin_server(&mut self, config: ServerConfig) {
        let Stage::Accepted(a) = std::mem::replace(&mut self.stage, Stage::Broken) else { return };
        match a.into_connection(Arc::new(config)) {
            Ok(mut c) => {
                c.set_buffer_limit(None);
                self.stage = Stage::Open(Box::new(c.into()));
            }
            Err((e, mut alert)) => {
                let _ = alert.write_all(&mut self.out);
                let missing = matches!(&e, rustls::Error::General(s) if s.contains("no server certificate"));
                self.broken = Some(if missing {
                    Failure::because("NO_SHARED_CIPHER")
                } else {
                    error::failure(&e, &self.start, true)
                });
            }
        }
    }
    /// Refuses the client with an alert of the program's choice.
    fn refuse(&mut self, alert: u8, why: Failure) {
        self.stage = Stage::Broken;
        self.out.extend_from_slice(&[21, 3, 3, 0, 2, 2, alert]);
        self.broken = Some(why);
    }
}

#[repr(C)]
pub struct SslSocket {
    head: abi::PyObject,
    context: Slot,
    owner: Slot,
    sock: Slot,
    incoming: Slot,
    outgoing: Slot,
    host: Slot,
    state: Locked<State>,
}
impl runtime::objects::support::Fields for SslSocket {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        for s in [&self.context, &self.owner, &self.sock, &self.incoming, &self.outgoing, &self.host] {
            f(s);
        }
    }
    fn release(&self) {
        drop(self.state.take());
    }
}

impl SslSocket {
    pub fn make(
        context: &SslContext,
        transport: Transport,
        server: bool,
        host: Option<&str>,
        owner: &Object,
        session: &Object,
    ) -> PyResult<PyRef> {
        let protocol = context.with(|s| s.protocol)?;
        if server && protocol == TLS_CLIENT {
            return Err(error::ssl("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context"));
        }
        if !server && protocol == TLS_SERVER {
            return Err(error::ssl("Cannot create a client socket with a PROTOCOL_TLS_SERVER context"));
        }
        if host.is_some_and(|h| h.is_empty() || h.starts_with('.')) {
            return Err(raise!(ValueError, "server_hostname cannot be an empty string or start with a leading dot."));
        }
        if host.is_some_and(|h| h.contains('\0')) {
            return Err(raise!(TypeError, "argument must be encoded string without null bytes, not str"));
        }
        let s = alloc::<SslSocket>(SslSocket::type_object())?;
        s.state.set(State::new(server));
        let c: &Object = context;
        s.context.init(c.to_ref());
        if !owner.is_none() {
            s.owner.init(weakref::new_ref(owner, None)?);
        }
        match transport {
            Transport::Socket(weak) => s.sock.init(weak),
            Transport::Bio(incoming, outgoing) => {
                s.incoming.init(incoming.upcast());
                s.outgoing.init(outgoing.upcast());
            }
        }
        if let Some(h) = host {
            s.host.init(Str::new(h)?.upcast());
        }
        let s = track(s);
        if !session.is_none() {
            s.use_session(session)?;
        }
        Ok(s.upcast())
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> PyResult<R> {
        self.state.with(f).ok_or_else(|| raise!(SystemError, "SSLSocket is gone"))
    }
    fn ssl_context(&self) -> PyResult<Ref<SslContext>> {
        let c = self.context.get(self).and_then(|c| c.downcast_into::<SslContext>().ok());
        c.ok_or_else(|| raise!(SystemError, "the SSLSocket has no context"))
    }
    /// The socket below; an error when it is gone.
    fn socket(&self) -> PyResult<Option<PyRef>> {
        match self.sock.get(self) {
            None => Ok(None),
            Some(weak) => match weakref::get_referent(&weak) {
                Some(s) => Ok(Some(s)),
                None => Err(error::ssl("Underlying socket connection gone")),
            },
        }
    }
    fn io(&self) -> PyResult<Io> {
        if let Some(s) = self.socket()? {
            let Some(s) = s.downcast::<Socket>() else { return Err(raise!(TypeError, "the socket is none")) };
            if s.fd() < 0 {
                return Err(error::ssl("Underlying socket has been closed."));
            }
            return Ok(Io::Fd(s.fd(), s.timeout_ns()));
        }
        let bio = |slot: &Slot| slot.get(self).and_then(|b| b.downcast_into::<MemoryBio>().ok());
        match (bio(&self.incoming), bio(&self.outgoing)) {
            (Some(i), Some(o)) => Ok(Io::Bio(i, o)),
            _ => Err(raise!(SystemError, "the SSLSocket has no transport")),
        }
    }
    fn host_name(&self) -> Option<String> {
        let h = self.host.get(self)?;
        h.downcast::<Str>().map(|s| s.to_string_lossy().into_owned())
    }

    /// Makes the client's connection when there is none yet.
    fn begin(&self) -> PyResult<()> {
        let (fresh, failure, store) =
            self.with(|s| (matches!(s.stage, Stage::Client), s.failure.clone(), s.session.store.clone()))?;
        if !fresh {
            return Ok(());
        }
        let host = self.host_name();
        let context = self.ssl_context()?;
        let peer = Peer { host: host.clone(), failure };
        let config = context.with(|c| {
            c.stats.connect += 1;
            c.client(&peer, store)
        })?;
        let begun = match config {
            Ok(config) => self.with(|s| match s.stage {
                Stage::Client => s.begin_client(config, host.as_deref()),
                _ => Ok(()),
            })?,
            Err(f) => Err(f),
        };
        begun.map_err(Failure::raise)
    }

    /// A server chooses its context, with the help of the callback.
    fn choose_context(&self) -> PyResult<()> {
        let context = self.ssl_context()?;
        context.with(|c| c.stats.accept += 1)?;
        if let Some(callback) = context.sni_callback.get(&context) {
            let name = self.with(|s| s.asked_name.clone())?;
            let name = name.into_py()?;
            let me: &Object = self;
            let owner = match self.owner.get(self) {
                None => me.to_ref(),
                Some(weak) => match weakref::get_referent(&weak) {
                    Some(owner) => owner,
                    // Nobody is there to be asked about.
                    None => return self.with(|s| s.refuse(80, Failure::because("CALLBACK_FAILED"))),
                },
            };
            let alert = match callback.call(&[&owner, &name, &context]) {
                Err(_) => {
                    runtime::error::write_unraisable(Some(&callback));
                    Some(40)
                }
                Ok(r) if r.is_none() => None,
                Ok(r) => match r.as_i64() {
                    Ok(n) => Some(n as u8),
                    Err(_) => {
                        runtime::error::write_unraisable(Some(&callback));
                        Some(80)
                    }
                },
            };
            if let Some(alert) = alert {
                return self.with(|s| s.refuse(alert, Failure::because("CALLBACK_FAILED")));
            }
        }
        // The callback may have set another one.
        let context = self.ssl_context()?;
        let (failure, offered) = self.with(|s| (s.failure.clone(), s.offered_alpn.clone()))?;
        let peer = Peer { host: None, failure };
        let config = context.with(|c| {
            if c.no_keys() { Err(Failure::because("NO_SHARED_CIPHER")) } else { c.server(&peer, &offered) }
        })?;
        self.with(|s| match config {
            Ok(config) => s.begin_server(config),
            Err(f) => s.refuse(40, f),
        })
    }

    /// Takes steps until one is the last, waiting in between as the socket's timeout allows.
    fn drive<R>(&self, what: &str, mut step: impl FnMut(&mut State, &Io) -> Step<R>) -> PyResult<R> {
        self.begin()?;
        let mut deadline = None;
        loop {
            let io = self.io()?;
            let before = self.with(|s| s.handshaken)?;
            let r = thread::detach(|| self.state.with(|s| step(s, &io)));
            if !before && self.with(|s| s.handshaken)? {
                self.finished()?;
            }
            let event = match r {
                None => return Err(raise!(SystemError, "SSLSocket is gone")),
                Some(Step::Done(v)) => return Ok(v),
                Some(Step::NeedRead) => libc::POLLIN,
                Some(Step::NeedWrite) => libc::POLLOUT,
                Some(Step::NeedContext) => {
                    self.choose_context()?;
                    continue;
                }
                Some(Step::Fail(Trouble::Tls(f))) => return Err(f.raise()),
                Some(Step::Fail(Trouble::Errno(e))) => return Err(runtime::error::raise_os_error(e, None, None)),
            };
            let Io::Fd(fd, timeout) = io else { return Err(Failure::want_read().raise()) };
            if timeout == 0 {
                return Err(if event == libc::POLLIN { Failure::want_read() } else { Failure::want_write() }.raise());
            }
            if timeout > 0 && deadline.is_none() {
                deadline = Some(Instant::now() + Duration::from_nanos(timeout as u64));
            }
            if !wait(fd, event, deadline)? {
                return Err(error::timed_out(what));
            }
        }
    }

    fn finished(&self) -> PyResult<()> {
        let (server, resumed) = self.with(|s| {
            let server = s.server;
            let resumed = s.open().is_some_and(|c| c.handshake_kind() == Some(HandshakeKind::Resumed));
            (server, resumed)
        })?;
        self.ssl_context()?.with(|c| {
            if server {
                c.stats.accept_good += 1;
            } else {
                c.stats.connect_good += 1;
            }
            c.stats.hits += resumed as u64;
        })
    }

    fn use_session(&self, v: &Object) -> PyResult<()> {
        let Some(session) = v.downcast::<SslSession>() else {
            return Err(raise!(TypeError, "Value is not a SSLSession."));
        };
        if session.context.get(session).map(|c| c.as_raw()) != self.context.get(self).map(|c| c.as_raw()) {
            return Err(raise!(ValueError, "Session refers to a different SSLContext."));
        }
        let Some(kept) = session.inner.with(|s| s.clone()) else {
            return Err(raise!(ValueError, "the session is empty"));
        };
        let (server, fresh) = self.with(|s| (s.server, matches!(s.stage, Stage::Client)))?;
        if server {
            return Err(raise!(ValueError, "Cannot set session for server-side SSLSocket."));
        }
        if !fresh {
            return Err(raise!(ValueError, "Cannot set session after handshake."));
        }
        self.with(|s| s.session = kept)
    }

    fn peer_chain(&self) -> PyResult<Option<Vec<CertificateDer<'static>>>> {
        self.with(|s| s.open()?.peer_certificates().map(<[CertificateDer<'static>]>::to_vec))
    }
    fn done(&self) -> PyResult<bool> {
        self.with(|s| s.handshaken)
    }
    fn list_of(chain: &[CertificateDer<'static>]) -> PyResult<PyRef> {
        let v = chain.iter().map(|c| cert::Certificate::make(c)).collect::<PyResult<Vec<_>>>()?;
        List::from_vec(v).map(Ref::upcast)
    }
}

#[cold]
fn undeletable(name: &str) -> Raised {
    raise!(AttributeError, "attribute '{}' of '_ssl._SSLSocket' objects cannot be deleted", name)
}

/// Waits for an event; whether it came before the deadline.
fn wait(fd: i32, events: i16, deadline: Option<Instant>) -> PyResult<bool> {
    loop {
        let ms = match deadline {
            None => -1,
            Some(d) => {
                let left = d.saturating_duration_since(Instant::now());
                left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32
            }
        };
        let mut p = libc::pollfd { fd, events, revents: 0 };
        let mut e = 0;
        let r = thread::detach(|| {
            // SAFETY: one descriptor.
            let r = unsafe { libc::poll(&mut p, 1, ms) };
            e = errno();
            r
        });
        match r {
            0 => return Ok(false),
            1.. => return Ok(true),
            _ if e == libc::EINTR => thread::check_signals()?,
            _ => return Err(runtime::error::raise_os_error(e, None, None)),
        }
    }
}

#[pyclass(name = "_SSLSocket", module = "_ssl", flags = "HAVE_GC|IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl SslSocket {
    #[slot]
    fn tp_dealloc(this: *mut SslSocket) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<SslSocket>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        use runtime::objects::support::Fields;
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
        use runtime::objects::support::Fields;
        let mut out = Vec::new();
        self.fields(&mut |s| out.extend(s.swap(None)));
        drop(out);
    }

    #[pymethod]
    fn do_handshake(&self) -> PyResult<()> {
        self.drive("handshake", |s, io| s.handshake(io))
    }
    /// Writes the bytes-like object b into the SSL object.
    ///
    /// Returns the number of bytes written.
    #[pymethod(sig = "b, /")]
    fn write(&self, b: ArgBytes) -> PyResult<usize> {
        let mut done = 0;
        self.drive("write", |s, io| match s.write(io, &b, &mut done) {
            // What went is told first; the rest is tried again.
            Step::NeedWrite if done > 0 && matches!(io, Io::Fd(_, 0)) => Step::Done(()),
            step => step,
        })?;
        Ok(done)
    }
    /// read(size, [buffer])
    /// Read up to size bytes from the SSL socket.
    #[pymethod(sig = "size, buffer=<unrepresentable>, /")]
    fn read(&self, size: isize, buffer: Arg<&Object>) -> PyResult<PyRef> {
        match buffer {
            Arg::Missing => {
                let n = usize::try_from(size).map_err(|_| raise!(ValueError, "size should not be negative"))?;
                if n == 0 {
                    return ByteString(Vec::new()).into_py();
                }
                ByteString(self.drive("read", |s, io| s.read(io, n))?).into_py()
            }
            Arg::Given(o) => {
                let view = runtime::protocol::buffer::Buffer::get(o, abi::PyBUF_CONTIG)?;
                let room = view.len();
                let n = if size <= 0 || size as usize > room { room } else { size as usize };
                if n == 0 {
                    return 0.into_py();
                }
                let got = self.drive("read", |s, io| s.read(io, n))?;
                // SAFETY: the buffer is writable and has room for `n` bytes.
                unsafe { core::ptr::copy_nonoverlapping(got.as_ptr(), view.as_mut_ptr(), got.len()) };
                got.len().into_py()
            }
        }
    }
    /// Returns the number of already decrypted bytes available for read, pending on the connection.
    #[pymethod]
    fn pending(&self) -> PyResult<usize> {
        self.with(|s| s.plain.len())
    }
    /// Does the SSL shutdown handshake with the remote end.
    #[pymethod]
    fn shutdown(&self) -> PyResult<PyRef> {
        let sock = self.socket()?;
        self.drive("read", |s, io| s.shutdown(io))?;
        Ok(sock.unwrap_or_else(none_ref))
    }
    /// Returns the certificate for the peer.
    ///
    /// If no certificate was provided, returns None.  If a certificate was
    /// provided, but not validated, returns an empty dictionary.  Otherwise
    /// returns a dict containing information about the peer certificate.
    ///
    /// If the optional argument is True, returns a DER-encoded copy of the
    /// peer certificate, or None if no certificate was provided.  This will
    /// return the certificate even if it wasn't validated.
    #[pymethod(sig = "binary_mode=False, /")]
    fn getpeercert(&self, binary_mode: Arg<bool>) -> PyResult<PyRef> {
        if !self.done()? {
            return Err(raise!(ValueError, "handshake not done yet"));
        }
        let chain = self.peer_chain()?;
        let Some(leaf) = chain.as_ref().and_then(|c| c.first()) else { return Ok(none_ref()) };
        if binary_mode.unwrap_or(false) {
            return Bytes::new(leaf).map(Ref::upcast);
        }
        if self.ssl_context()?.with(|c| c.verify_mode)? == 0 {
            return Dict::new().map(Ref::upcast);
        }
        match x509::read(leaf) {
            Some(f) => cert::dictionary(&f).map(Ref::upcast),
            None => Err(error::ssl("the certificate cannot be read")),
        }
    }
    #[pymethod]
    fn get_unverified_chain(&self) -> PyResult<PyRef> {
        match self.peer_chain()? {
            Some(chain) => SslSocket::list_of(&chain),
            None => Ok(none_ref()),
        }
    }
    #[pymethod]
    fn get_verified_chain(&self) -> PyResult<PyRef> {
        let Some(sent) = self.peer_chain()? else { return Ok(none_ref()) };
        let (mode, store) = self.ssl_context()?.with(|c| (c.verify_mode, c.authorities()))?;
        if mode == 0 {
            return SslSocket::list_of(&sent);
        }
        let mut chain: Vec<CertificateDer<'static>> = sent.first().cloned().into_iter().collect();
        while let Some(last) = chain.last().and_then(|c| x509::read(c)) {
            if last.raw_issuer == last.raw_subject || chain.len() > 16 {
                break;
            }
            let issuer = store
                .authorities
                .iter()
                .chain(&sent)
                .find(|c| x509::read(c).is_some_and(|f| f.raw_subject == last.raw_issuer) && !chain.contains(c));
            match issuer {
                Some(c) => chain.push(c.clone()),
                None => break,
            }
        }
        SslSocket::list_of(&chain)
    }
    #[pymethod]
    fn cipher(&self) -> PyResult<PyRef> {
        let suite = self.with(|s| s.open()?.negotiated_cipher_suite().map(|s| s.suite()))?;
        match suite.and_then(ciphers::find) {
            Some(c) => (c.name, c.version(), c.bits).into_py(),
            None => Ok(none_ref()),
        }
    }
    #[pymethod]
    fn shared_ciphers(&self) -> PyResult<PyRef> {
        let (server, offered) = self.with(|s| (s.server, s.offered_suites.clone()))?;
        if !server || offered.is_empty() {
            return Ok(none_ref());
        }
        let items = offered
            .iter()
            .filter_map(|s| ciphers::find(*s))
            .map(|c| (c.name, c.version(), c.bits).into_py())
            .collect::<PyResult<Vec<_>>>()?;
        List::from_vec(items).map(Ref::upcast)
    }
    #[pymethod]
    fn selected_alpn_protocol(&self) -> PyResult<Option<String>> {
        self.with(|s| s.open()?.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()))
    }
    #[pymethod]
    fn compression(&self) {}
    #[pymethod]
    fn version(&self) -> PyResult<Option<&'static str>> {
        self.with(|s| {
            if !s.handshaken {
                return None;
            }
            match s.open()?.protocol_version()? {
                rustls::ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
                _ => Some("TLSv1.2"),
            }
        })
    }
    /// Get channel binding data for current connection.
    ///
    /// Raise ValueError if the requested `cb_type` is not supported.  Return bytes
    /// of the data or None if the data is not available (e.g. before the handshake).
    /// The library does not give out what 'tls-unique' is made of.
    #[pymethod(sig = "cb_type=\"tls-unique\"")]
    fn get_channel_binding(&self, cb_type: Arg<&str>) -> PyResult<()> {
        match cb_type.unwrap_or("tls-unique") {
            "tls-unique" => Ok(()),
            other => Err(raise!(ValueError, "'{}' channel binding type not implemented", other)),
        }
    }
    /// Initiate TLS 1.3 post-handshake authentication
    #[pymethod]
    fn verify_client_post_handshake(&self) -> PyResult<()> {
        Err(raise!(NotImplementedError, "Post-handshake auth is not supported by your OpenSSL version."))
    }

    #[pygetset]
    fn context(&self) -> PyResult<PyRef> {
        self.ssl_context().map(Ref::upcast)
    }
    #[pysetter]
    fn set_context(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("context"));
        }
        match v {
            Some(v) if v.downcast::<SslContext>().is_some() => {
                drop(self.context.replace(self, Some(v.to_ref())));
                Ok(())
            }
            _ => Err(raise!(TypeError, "The value must be a SSLContext")),
        }
    }
    #[pygetset]
    fn server_side(&self) -> PyResult<bool> {
        self.with(|s| s.server)
    }
    #[pygetset]
    fn server_hostname(&self) -> PyRef {
        self.host.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn owner(&self) -> PyRef {
        self.owner.get(self).and_then(|w| weakref::get_referent(&w)).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_owner(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("owner"));
        }
        let new = match v {
            Some(v) if !v.is_none() => Some(weakref::new_ref(v, None)?),
            _ => None,
        };
        drop(self.owner.replace(self, new));
        Ok(())
    }
    #[pygetset]
    fn session(&self) -> PyResult<PyRef> {
        if !self.done()? {
            return Ok(none_ref());
        }
        let kept = self.with(|s| s.session.clone())?;
        let o = alloc::<SslSession>(SslSession::type_object())?;
        o.inner.set(kept);
        o.context.init(self.context()?);
        Ok(track(o).upcast())
    }
    #[pysetter]
    fn set_session(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(undeletable("session"));
        }
        self.use_session(v.unwrap_or(none()))
    }
    #[pygetset]
    fn session_reused(&self) -> PyResult<bool> {
        self.with(|s| s.open().is_some_and(|c| c.handshake_kind() == Some(HandshakeKind::Resumed)))
    }
}

/// What a later connection may resume.
#[repr(C)]
pub struct SslSession {
    head: abi::PyObject,
    context: Slot,
    inner: Locked<Session>,
}
impl runtime::objects::support::Fields for SslSession {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.context);
    }
    fn release(&self) {
        drop(self.inner.take());
    }
}
impl SslSession {
    fn get<R>(&self, f: impl FnOnce(&mut Session) -> R) -> PyResult<R> {
        self.inner.with(f).ok_or_else(|| raise!(ValueError, "the session is empty"))
    }
}

#[pyclass(name = "SSLSession", module = "_ssl", flags = "HAVE_GC|IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl SslSession {
    #[slot]
    fn tp_dealloc(this: *mut SslSession) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<SslSession>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        visit.visit_ptr(self.context.ptr())
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.context.swap(None));
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        match (other.downcast::<SslSession>(), op) {
            (Some(o), CompareOp::Eq | CompareOp::Ne) => {
                let same = self.get(|s| s.id)? == o.get(|s| s.id)?;
                (same == (op == CompareOp::Eq)).into_py()
            }
            _ => Ok(not_implemented().to_ref()),
        }
    }
    /// Session ID.
    #[pygetset]
    fn id(&self) -> PyResult<ByteString> {
        self.get(|s| ByteString(s.id.to_vec()))
    }
    /// Session creation time (seconds since epoch).
    #[pygetset]
    fn time(&self) -> PyResult<u64> {
        self.get(|s| s.time)
    }
    /// Session timeout (delta in seconds).
    #[pygetset]
    fn timeout(&self) -> u32 {
        7200
    }
    /// Ticket life time hint.
    #[pygetset]
    fn ticket_lifetime_hint(&self) -> u32 {
        7200
    }
    /// Does the session contain a ticket?
    #[pygetset]
    fn has_ticket(&self) -> bool {
        true
    }
}
