//! Who is trusted: the chain of a certificate up to the authorities of a context, in OpenSSL's terms.

use super::error::Failure;
use super::x509::{self, Fields};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::{Arc, Mutex};

/// The authorities and revocation lists of a context.
#[derive(Default)]
pub struct Store {
    pub authorities: Vec<CertificateDer<'static>>,
    pub lists: Vec<Vec<u8>>,
}

impl Store {
    /// Adds an authority, once.
    pub fn add(&mut self, der: CertificateDer<'static>) {
        if !self.authorities.contains(&der) {
            self.authorities.push(der);
        }
    }
}

/// `VERIFY_CRL_CHECK_LEAF`
pub const CRL_CHECK: u32 = 4;
/// `VERIFY_CRL_CHECK_CHAIN` without the leaf
const CRL_CHECK_ALL: u32 = 8;

#[derive(Debug)]
pub struct Verifier {
    pub store: Arc<Store>,
    pub provider: Arc<CryptoProvider>,
    /// Whether the peer is checked at all.
    pub check: bool,
    /// Whether the peer must have a certificate (servers).
    pub required: bool,
    /// The host that the certificate must be for.
    pub host: Option<String>,
    pub use_common_name: bool,
    pub flags: u32,
    /// Why the last check failed.
    pub failure: Arc<Mutex<Option<Failure>>>,
    pub hints: Vec<DistinguishedName>,
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Store({})", self.authorities.len())
    }
}

impl Verifier {
    fn fail(&self, code: i32, message: &str, error: CertificateError) -> Error {
        let f = Failure::verification(code, message);
        *self.failure.lock().unwrap_or_else(|e| e.into_inner()) = Some(f);
        Error::InvalidCertificate(error)
    }

    fn dates(&self, f: &Fields, now: UnixTime) -> Result<(), Error> {
        let now = now.as_secs() as i64;
        if now < x509::moment_seconds(f.not_before) {
            return Err(self.fail(9, "certificate is not yet valid", CertificateError::NotValidYet));
        }
        if now > x509::moment_seconds(f.not_after) {
            return Err(self.fail(10, "certificate has expired", CertificateError::Expired));
        }
        Ok(())
    }

    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        client: bool,
    ) -> Result<(), Error> {
        use webpki::Error as W;
        let Some(fields) = x509::read(leaf) else {
            return Err(self.fail(1, "unspecified certificate verification error", CertificateError::BadEncoding));
        };
        let own = fields.raw_subject == fields.raw_issuer;
        // A certificate that is trusted itself needs nobody else.
        if self.store.authorities.iter().any(|a| **a == **leaf) {
            self.dates(&fields, now)?;
        } else {
            if own {
                self.dates(&fields, now)?;
                return Err(self.fail(18, "self-signed certificate", CertificateError::UnknownIssuer));
            }
            let anchors: Vec<TrustAnchor<'_>> =
                self.store.authorities.iter().filter_map(|a| webpki::anchor_from_trusted_cert(a).ok()).collect();
            let usage = if client { webpki::KeyUsage::client_auth() } else { webpki::KeyUsage::server_auth() };
            let algorithms = self.provider.signature_verification_algorithms.all;
            let end = webpki::EndEntityCert::try_from(leaf).map_err(|_| {
                self.fail(1, "unspecified certificate verification error", CertificateError::BadEncoding)
            })?;
            let lists: Vec<webpki::CertRevocationList<'_>> = self
                .store
                .lists
                .iter()
                .filter_map(|l| webpki::OwnedCertRevocationList::from_der(l).ok().map(webpki::CertRevocationList::from))
                .collect();
            let borrowed: Vec<&webpki::CertRevocationList<'_>> = lists.iter().collect();
            let revocation = if self.flags & CRL_CHECK == 0 {
                None
            } else if borrowed.is_empty() {
                return Err(self.fail(3, "unable to get certificate CRL", CertificateError::UnknownRevocationStatus));
            } else {
                let depth = if self.flags & CRL_CHECK_ALL != 0 {
                    webpki::RevocationCheckDepth::Chain
                } else {
                    webpki::RevocationCheckDepth::EndEntity
                };
                webpki::RevocationOptionsBuilder::new(&borrowed).ok().map(|b| b.with_depth(depth).build())
            };
            let result = end.verify_for_usage(algorithms, &anchors, others, now, usage, revocation, None);
            if let Err(e) = result {
                return Err(match e {
                    W::CertExpired { .. } => self.fail(10, "certificate has expired", CertificateError::Expired),
                    W::CertNotValidYet { .. } => {
                        self.fail(9, "certificate is not yet valid", CertificateError::NotValidYet)
                    }
                    W::CertRevoked => self.fail(23, "certificate revoked", CertificateError::Revoked),
                    W::UnknownRevocationStatus => {
                        self.fail(3, "unable to get certificate CRL", CertificateError::UnknownRevocationStatus)
                    }
                    W::EndEntityUsedAsCa | W::CaUsedAsEndEntity => {
                        self.fail(79, "invalid CA certificate", CertificateError::UnknownIssuer)
                    }
                    W::RequiredEkuNotFoundContext(_) => {
                        self.fail(26, "unsuitable certificate purpose", CertificateError::InvalidPurpose)
                    }
                    W::InvalidSignatureForPublicKey => {
                        self.fail(7, "certificate signature failure", CertificateError::BadSignature)
                    }
                    _ if others.iter().any(|o| x509::read(o).is_some_and(|f| f.raw_subject == f.raw_issuer)) => {
                        self.fail(19, "self-signed certificate in certificate chain", CertificateError::UnknownIssuer)
                    }
                    _ => self.fail(20, "unable to get local issuer certificate", CertificateError::UnknownIssuer),
                });
            }
        }
        if let Some(host) = &self.host
            && !x509::belongs_to(&fields, host, self.use_common_name)
        {
            return Err(if host.parse::<std::net::IpAddr>().is_ok() {
                let text = format!("IP address mismatch, certificate is not valid for '{host}'.");
                self.fail(64, &text, CertificateError::NotValidForName)
            } else {
                let text = format!("Hostname mismatch, certificate is not valid for '{host}'.");
                self.fail(62, &text, CertificateError::NotValidForName)
            });
        }
        Ok(())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.check {
            self.chain(leaf, others, now, false)?;
        }
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.check
    }
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.chain(leaf, others, now, true)?;
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
