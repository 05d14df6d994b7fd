//! `Certificate`, and certificates as the dictionaries of `getpeercert()`.

use super::x509::{self, Fields, General, Name};
use macros::pyclass;
use runtime::convert::IntoPy;
use runtime::objects::support::{Slot, alloc, dealloc};
use runtime::prelude::*;

fn name(n: &Name) -> PyResult<PyRef> {
    let parts: Vec<PyRef> = n
        .iter()
        .map(|set| {
            let pairs: Vec<PyRef> =
                set.iter().map(|(k, v)| (k.as_str(), v.as_str()).into_py()).collect::<PyResult<_>>()?;
            Tuple::from_refs(pairs).map(Ref::upcast)
        })
        .collect::<PyResult<_>>()?;
    Tuple::from_refs(parts).map(Ref::upcast)
}

fn strings(v: &[String]) -> PyResult<PyRef> {
    let items = v.iter().map(|s| s.as_str().into_py()).collect::<PyResult<Vec<PyRef>>>()?;
    Tuple::from_refs(items).map(Ref::upcast)
}

/// What `getpeercert()` tells about a certificate.
pub fn dictionary(f: &Fields) -> PyResult<Ref<Dict>> {
    let d = Dict::new()?;
    d.set(intern!("subject"), &*name(&f.subject)?)?;
    d.set(intern!("issuer"), &*name(&f.issuer)?)?;
    d.set(intern!("version"), &*f.version.into_py()?)?;
    d.set(intern!("serialNumber"), &*Str::new(&f.serial)?)?;
    d.set(intern!("notBefore"), &*Str::new(&x509::moment_text(f.not_before))?)?;
    d.set(intern!("notAfter"), &*Str::new(&x509::moment_text(f.not_after))?)?;
    if !f.alternatives.is_empty() {
        let items: Vec<PyRef> = f
            .alternatives
            .iter()
            .map(|g| match g {
                General::Dns(s) => ("DNS", s.as_str()).into_py(),
                General::Email(s) => ("email", s.as_str()).into_py(),
                General::Uri(s) => ("URI", s.as_str()).into_py(),
                General::Ip(b) => ("IP Address", x509::ip_text(b)).into_py(),
                General::Directory(n) => ("DirName", &*name(n)?).into_py(),
                General::Registered(s) => ("Registered ID", s.as_str()).into_py(),
                General::Other => ("othername", "<unsupported>").into_py(),
            })
            .collect::<PyResult<_>>()?;
        d.set(intern!("subjectAltName"), &*Tuple::from_refs(items)?)?;
    }
    for (key, v) in [("OCSP", &f.ocsp), ("caIssuers", &f.ca_issuers), ("crlDistributionPoints", &f.crls)] {
        if !v.is_empty() {
            d.set(&*Str::new(key)?, &*strings(v)?)?;
        }
    }
    Ok(d)
}

/// A certificate of a chain.
#[repr(C)]
pub struct Certificate {
    head: abi::PyObject,
    der: Slot,
}
runtime::fields!(Certificate: der);

impl Certificate {
    pub fn make(der: &[u8]) -> PyResult<PyRef> {
        let c = alloc::<Certificate>(Certificate::type_object())?;
        c.der.init(Bytes::new(der)?.upcast());
        Ok(c.upcast())
    }
    fn bytes(&self) -> PyResult<PyRef> {
        self.der.get(self).ok_or_else(|| raise!(SystemError, "the certificate is gone"))
    }
    fn fields_of(&self) -> PyResult<Fields> {
        let der = self.bytes()?;
        let read = der.downcast::<Bytes>().and_then(|b| x509::read(b.as_slice()));
        read.ok_or_else(|| super::error::ssl("the certificate cannot be read"))
    }
}

#[pyclass(name = "Certificate", module = "_ssl", flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Certificate {
    #[slot]
    fn tp_dealloc(this: *mut Certificate) {
        // SAFETY: the last reference is gone.
        unsafe { dealloc::<Certificate>(this.cast()) }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let f = self.fields_of()?;
        let parts: Vec<String> = f
            .subject
            .iter()
            .flatten()
            .map(|(k, v)| {
                let short = x509::OBJECTS.iter().find(|o| o.2 == k).map_or(k.as_str(), |o| o.1);
                format!("{short}={v}")
            })
            .collect();
        Str::format(format_args!("<_ssl.Certificate '{}'>", parts.join(", ")))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        self.bytes()?.hash()
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        match other.downcast::<Certificate>() {
            Some(o) if matches!(op, CompareOp::Eq | CompareOp::Ne) => self.bytes()?.richcompare(&*o.bytes()?, op),
            _ => Ok(not_implemented().to_ref()),
        }
    }
    #[pymethod(sig = "format=1")]
    fn public_bytes(&self, format: Arg<i32>) -> PyResult<PyRef> {
        match format.unwrap_or(1) {
            2 => self.bytes(),
            1 => {
                let der = self.bytes()?;
                let codec = runtime::objects::support::import("binascii")?;
                let text = codec.call_method(intern!("b2a_base64"), &[&der])?;
                let text = text.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default();
                let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
                for line in text.trim_ascii().chunks(64) {
                    out.push_str(&String::from_utf8_lossy(line));
                    out.push('\n');
                }
                out.push_str("-----END CERTIFICATE-----\n");
                Str::new(&out).map(Ref::upcast)
            }
            _ => Err(raise!(ValueError, "Unsupported format")),
        }
    }
    #[pymethod]
    fn get_info(&self) -> PyResult<Ref<Dict>> {
        dictionary(&self.fields_of()?)
    }
}
