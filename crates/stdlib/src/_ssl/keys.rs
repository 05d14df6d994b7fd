//! Certificates and private keys in files.

use super::error::{Failure, Kind};
use super::x509;
use runtime::prelude::*;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the PEM blocks of a file hold.
#[derive(Default)]
pub struct Found {
    pub certificates: Vec<CertificateDer<'static>>,
    pub lists: Vec<Vec<u8>>,
    /// A block could not be decoded.
    pub broken: bool,
}

struct Block {
    label: String,
    encrypted: bool,
    der: Option<Vec<u8>>,
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut n, mut padding) = (Vec::with_capacity(text.len() * 3 / 4), 0u32, 0, 0);
    for &c in text.iter().filter(|c| !c.is_ascii_whitespace()) {
        let v = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | v as u32;
        n += 6;
        if n >= 8 {
            n -= 8;
            out.push((bits >> n) as u8);
        }
    }
    (padding <= 2).then_some(out)
}

fn pem(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut current: Option<(String, Vec<u8>, bool)> = None;
    for line in text.split(|c| *c == b'\n') {
        let line = line.trim_ascii();
        if let Some(label) = line.strip_prefix(b"-----BEGIN ").and_then(|l| l.strip_suffix(b"-----")) {
            current = Some((String::from_utf8_lossy(label).into_owned(), Vec::new(), false));
        } else if line.starts_with(b"-----END ") {
            if let Some((label, body, encrypted)) = current.take() {
                blocks.push(Block { label, encrypted, der: base64(&body) });
            }
        } else if let Some((_, body, encrypted)) = &mut current {
            if line.contains(&b':') {
                *encrypted |= line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED");
            } else {
                body.extend_from_slice(line);
            }
        }
    }
    blocks
}

/// The certificates and revocation lists among the PEM blocks of `text`.
pub fn blocks(text: &[u8]) -> Found {
    let mut found = Found::default();
    for b in pem(text) {
        match (b.label.as_str(), b.der) {
            ("CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE", Some(der)) => match x509::element(&der) {
                // A trusted certificate is followed by what it is trusted for.
                Some((whole, _)) if x509::read(whole.whole).is_some() => {
                    found.certificates.push(CertificateDer::from(whole.whole.to_vec()));
                }
                _ => found.broken = true,
            },
            ("X509 CRL", Some(der)) => found.lists.push(der),
            (_, None) => found.broken = true,
            _ => {}
        }
    }
    found
}

/// Certificates in DER, one after the other.
pub fn der_certificates(mut data: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut v = Vec::new();
    while !data.is_empty() {
        match x509::element(data) {
            Some((e, rest)) if x509::read(e.whole).is_some() => {
                v.push(CertificateDer::from(e.whole.to_vec()));
                data = rest;
            }
            _ if v.is_empty() => return Err("not enough data: cadata does not contain a certificate".into()),
            _ => return Err("[ASN1] not enough data (_ssl.c:1)".into()),
        }
    }
    if v.is_empty() { Err("not enough data: cadata does not contain a certificate".into()) } else { Ok(v) }
}

/// An error while reading PEM.
pub fn pem_error(text: &str) -> Raised {
    Failure::of("SSL", None, text).raise()
}

/// The password argument as bytes: text, bytes, or what a function gives.
fn password_bytes(password: &Object) -> PyResult<Option<Vec<u8>>> {
    if password.is_none() {
        return Ok(None);
    }
    let plain = |o: &Object| -> PyResult<Option<Vec<u8>>> {
        if let Some(s) = o.downcast::<Str>() {
            return Ok(Some(s.to_str()?.as_bytes().to_vec()));
        }
        if o.downcast::<Bytes>().is_some() || o.downcast::<runtime::objects::ByteArray>().is_some() {
            let b = runtime::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE)?;
            return Ok(Some(b.as_slice().to_vec()));
        }
        Ok(None)
    };
    let found = if password.is_callable() {
        let given = password.call0()?;
        plain(&given)?.ok_or_else(|| raise!(TypeError, "password callback must return a string"))?
    } else {
        plain(password)?.ok_or_else(|| raise!(TypeError, "password should be a string or callable"))?
    };
    if found.len() > 1024 {
        return Err(raise!(ValueError, "password cannot be longer than 1024 bytes"));
    }
    Ok(Some(found))
}

/// The first private key of a PEM file.
pub fn private_key(text: &[u8], password: &Object) -> PyResult<PrivateKeyDer<'static>> {
    if !password.is_none()
        && !password.is_callable()
        && password.downcast::<Str>().is_none()
        && password.downcast::<Bytes>().is_none()
        && password.downcast::<runtime::objects::ByteArray>().is_none()
    {
        return Err(raise!(TypeError, "password should be a string or callable"));
    }
    for b in pem(text) {
        let label = b.label.as_str();
        if !label.ends_with("PRIVATE KEY") {
            continue;
        }
        let Some(der) = b.der else { return Err(pem_error("PEM lib")) };
        if label == "ENCRYPTED PRIVATE KEY" {
            let secret = password_bytes(password)?.unwrap_or_default();
            let opened = runtime::thread::detach(|| {
                let info = pkcs8::EncryptedPrivateKeyInfo::try_from(der.as_slice()).ok()?;
                Some(info.decrypt(secret).ok()?.as_bytes().to_vec())
            });
            return match opened {
                Some(key) => Ok(PrivateKeyDer::Pkcs8(key.into())),
                None => Err(pem_error("PEM lib")),
            };
        }
        if b.encrypted {
            password_bytes(password)?;
            return Err(Failure::new(
                Kind::Ssl,
                "[SSL] keys encrypted in the old form of OpenSSL are not supported (_ssl.c:1)",
            )
            .raise());
        }
        return match label {
            "PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs8(der.into())),
            "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(der.into())),
            "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(der.into())),
            _ => Err(pem_error("PEM lib")),
        };
    }
    Err(pem_error("PEM lib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        assert_eq!(base64(b"aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(base64(b"aGV=sbG8"), None);
        let b = pem(b"junk\n-----BEGIN X-----\naGVs\nbG8=\n-----END X-----\n");
        assert_eq!(b.len(), 1);
        assert_eq!((b[0].label.as_str(), b[0].der.as_deref()), ("X", Some(&b"hello"[..])));
    }
}
