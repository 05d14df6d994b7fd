//! Reading X.509 certificates: what `getpeercert()` shows, and whether a certificate belongs to a host.
//!
//! Signatures and chains are the business of webpki; this reads the fields that people look at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One element of DER: its tag, its content, and the whole of it.
#[derive(Clone, Copy)]
pub struct Der<'a> {
    pub tag: u8,
    pub body: &'a [u8],
    pub whole: &'a [u8],
}

/// The first element of `d` and what follows it.
pub fn element(d: &[u8]) -> Option<(Der<'_>, &[u8])> {
    let (&tag, rest) = d.split_first()?;
    if tag & 31 == 31 {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..0x80 => (first as usize, rest),
        0x81..=0x84 => {
            let n = (first & 0x7f) as usize;
            (rest.get(..n)?.iter().fold(0usize, |v, b| v << 8 | *b as usize), &rest[n..])
        }
        _ => return None,
    };
    let body = rest.get(..len)?;
    let after = &rest[len..];
    Some((Der { tag, body, whole: &d[..d.len() - after.len()] }, after))
}

/// The elements of a constructed value; stops at what cannot be read.
pub fn elements(mut d: &[u8]) -> impl Iterator<Item = Der<'_>> {
    core::iter::from_fn(move || {
        let (e, rest) = element(d)?;
        d = rest;
        Some(e)
    })
}

/// An object identifier in numbers.
pub fn oid_text(d: &[u8]) -> String {
    let mut parts: Vec<u64> = Vec::new();
    let mut v = 0u64;
    for b in d {
        v = v.wrapping_shl(7) | (b & 0x7f) as u64;
        if b & 0x80 == 0 {
            if parts.is_empty() {
                let first = (v / 40).min(2);
                parts.push(first);
                parts.push(v - first * 40);
            } else {
                parts.push(v);
            }
            v = 0;
        }
    }
    parts.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// OpenSSL's number, short name, long name and the identifier of the objects that `txt2obj` and certificates need.
pub const OBJECTS: &[(i32, &str, &str, &str)] = &[
    (13, "CN", "commonName", "2.5.4.3"),
    (100, "SN", "surname", "2.5.4.4"),
    (105, "serialNumber", "serialNumber", "2.5.4.5"),
    (14, "C", "countryName", "2.5.4.6"),
    (15, "L", "localityName", "2.5.4.7"),
    (16, "ST", "stateOrProvinceName", "2.5.4.8"),
    (660, "street", "streetAddress", "2.5.4.9"),
    (17, "O", "organizationName", "2.5.4.10"),
    (18, "OU", "organizationalUnitName", "2.5.4.11"),
    (106, "title", "title", "2.5.4.12"),
    (107, "description", "description", "2.5.4.13"),
    (860, "businessCategory", "businessCategory", "2.5.4.15"),
    (661, "postalCode", "postalCode", "2.5.4.17"),
    (173, "name", "name", "2.5.4.41"),
    (99, "GN", "givenName", "2.5.4.42"),
    (101, "initials", "initials", "2.5.4.43"),
    (509, "generationQualifier", "generationQualifier", "2.5.4.44"),
    (174, "dnQualifier", "dnQualifier", "2.5.4.46"),
    (510, "pseudonym", "pseudonym", "2.5.4.65"),
    (1089, "organizationIdentifier", "organizationIdentifier", "2.5.4.97"),
    (48, "emailAddress", "emailAddress", "1.2.840.113549.1.9.1"),
    (458, "UID", "userId", "0.9.2342.19200300.100.1.1"),
    (391, "DC", "domainComponent", "0.9.2342.19200300.100.1.25"),
    (955, "jurisdictionL", "jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1"),
    (956, "jurisdictionST", "jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"),
    (957, "jurisdictionC", "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"),
    (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
    (131, "codeSigning", "Code Signing", "1.3.6.1.5.5.7.3.3"),
    (132, "emailProtection", "E-mail Protection", "1.3.6.1.5.5.7.3.4"),
    (133, "timeStamping", "Time Stamping", "1.3.6.1.5.5.7.3.8"),
    (180, "OCSPSigning", "OCSP Signing", "1.3.6.1.5.5.7.3.9"),
    (85, "subjectAltName", "X509v3 Subject Alternative Name", "2.5.29.17"),
    (87, "basicConstraints", "X509v3 Basic Constraints", "2.5.29.19"),
    (126, "extendedKeyUsage", "X509v3 Extended Key Usage", "2.5.29.37"),
    (83, "keyUsage", "X509v3 Key Usage", "2.5.29.15"),
    (6, "rsaEncryption", "rsaEncryption", "1.2.840.113549.1.1.1"),
    (8, "MD5-RSA", "md5WithRSAEncryption", "1.2.840.113549.1.1.4"),
    (4, "MD5", "md5", "1.2.840.113549.2.5"),
    (64, "SHA1", "sha1", "1.3.14.3.2.26"),
    (672, "SHA256", "sha256", "2.16.840.1.101.3.4.2.1"),
];

/// Type and value of each attribute of each part.
pub type Name = Vec<Vec<(String, String)>>;

#[derive(Clone, Debug, PartialEq)]
pub enum General {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(Vec<u8>),
    Directory(Name),
    Registered(String),
    Other,
}

/// Year, month, day, hour, minute, second in UTC.
pub type Moment = [u32; 6];

#[derive(Default, Debug)]
pub struct Fields {
    pub subject: Name,
    pub issuer: Name,
    pub raw_subject: Vec<u8>,
    pub raw_issuer: Vec<u8>,
    pub version: u32,
    pub serial: String,
    pub not_before: Moment,
    pub not_after: Moment,
    pub alternatives: Vec<General>,
    pub ocsp: Vec<String>,
    pub ca_issuers: Vec<String>,
    pub crls: Vec<String>,
    pub is_ca: bool,
}

fn text(e: Der<'_>) -> String {
    match e.tag & 31 {
        30 => {
            let units = e.body.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
        }
        28 => e
            .body
            .chunks_exact(4)
            .filter_map(|c| char::from_u32(u32::from_be_bytes([c[0], c[1], c[2], c[3]])))
            .collect(),
        20 => e.body.iter().map(|b| *b as char).collect(),
        _ => String::from_utf8_lossy(e.body).into_owned(),
    }
}

fn name(d: &[u8]) -> Name {
    elements(d)
        .map(|set| {
            elements(set.body)
                .filter_map(|pair| {
                    let mut parts = elements(pair.body);
                    let oid = oid_text(parts.next()?.body);
                    let known = OBJECTS.iter().find(|o| o.3 == oid).map(|o| o.2.to_string());
                    Some((known.unwrap_or(oid), text(parts.next()?)))
                })
                .collect()
        })
        .collect()
}

fn moment(e: Der<'_>) -> Option<Moment> {
    let s = core::str::from_utf8(e.body).ok()?;
    let number = |a: usize, b: usize| s.get(a..b)?.parse::<u32>().ok();
    let (year, at) = match e.tag {
        0x17 => {
            let y = number(0, 2)?;
            (if y < 50 { 2000 + y } else { 1900 + y }, 2)
        }
        _ => (number(0, 4)?, 4),
    };
    let part = |i: usize| number(at + 2 * i, at + 2 * i + 2);
    Some([year, part(0)?, part(1)?, part(2)?, part(3)?, part(4).unwrap_or(0)])
}

/// The form of OpenSSL: `Aug 29 14:23:16 2018 GMT`.
pub fn moment_text(m: Moment) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.get((m[1] as usize).wrapping_sub(1)).unwrap_or(&"Bad");
    format!("{month} {:2} {:02}:{:02}:{:02} {} GMT", m[2], m[3], m[4], m[5], m[0])
}

/// Seconds since 1970.
pub fn moment_seconds(m: Moment) -> i64 {
    let (y, month) = (m[0] as i64 - (m[1] <= 2) as i64, m[1] as i64);
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let day = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + m[2] as i64 - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719_468;
    days * 86_400 + m[3] as i64 * 3600 + m[4] as i64 * 60 + m[5] as i64
}

fn general(e: Der<'_>) -> General {
    match e.tag & 31 {
        1 => General::Email(text(Der { tag: 22, ..e })),
        2 => General::Dns(text(Der { tag: 22, ..e })),
        4 => General::Directory(element(e.body).map(|(n, _)| name(n.body)).unwrap_or_default()),
        6 => General::Uri(text(Der { tag: 22, ..e })),
        7 => General::Ip(e.body.to_vec()),
        8 => General::Registered(oid_text(e.body)),
        _ => General::Other,
    }
}

fn uris(d: &[u8], into: &mut Vec<String>) {
    into.extend(elements(d).filter(|e| e.tag & 31 == 6 && e.tag & 0x80 != 0).map(text));
}

fn extension(f: &mut Fields, oid: &str, value: &[u8]) -> Option<()> {
    let (content, _) = element(value)?;
    match oid {
        "2.5.29.17" => f.alternatives = elements(content.body).map(general).collect(),
        "2.5.29.19" => {
            f.is_ca = elements(content.body).next().is_some_and(|e| e.tag == 1 && e.body.first() != Some(&0))
        }
        "1.3.6.1.5.5.7.1.1" => {
            for access in elements(content.body) {
                let mut parts = elements(access.body);
                let method = oid_text(parts.next()?.body);
                let place = parts.next()?;
                match method.as_str() {
                    "1.3.6.1.5.5.7.48.1" => uris(place.whole, &mut f.ocsp),
                    "1.3.6.1.5.5.7.48.2" => uris(place.whole, &mut f.ca_issuers),
                    _ => {}
                }
            }
        }
        "2.5.29.31" => {
            for point in elements(content.body) {
                for field in elements(point.body).filter(|e| e.tag == 0xa0) {
                    for full in elements(field.body).filter(|e| e.tag == 0xa0) {
                        uris(full.body, &mut f.crls);
                    }
                }
            }
        }
        _ => {}
    }
    Some(())
}

/// Reads a certificate; `None` when it is none.
pub fn read(der: &[u8]) -> Option<Fields> {
    let (whole, _) = element(der)?;
    let (tbs, _) = element(whole.body)?;
    if whole.tag != 0x30 || tbs.tag != 0x30 {
        return None;
    }
    let mut f = Fields { version: 1, ..Fields::default() };
    let mut parts = elements(tbs.body).peekable();
    if let Some(v) = parts.next_if(|e| e.tag == 0xa0) {
        f.version = *element(v.body)?.0.body.last()? as u32 + 1;
    }
    let serial = parts.next()?;
    let digits = match serial.body {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    f.serial = digits.iter().map(|b| format!("{b:02X}")).collect();
    parts.next()?;
    let issuer = parts.next()?;
    let validity = parts.next()?;
    let subject = parts.next()?;
    (f.issuer, f.raw_issuer) = (name(issuer.body), issuer.whole.to_vec());
    (f.subject, f.raw_subject) = (name(subject.body), subject.whole.to_vec());
    let mut times = elements(validity.body);
    f.not_before = moment(times.next()?)?;
    f.not_after = moment(times.next()?)?;
    parts.next()?;
    for extensions in parts.filter(|e| e.tag == 0xa3) {
        for x in elements(element(extensions.body)?.0.body) {
            let mut it = elements(x.body);
            let (Some(oid), Some(value)) = (it.next(), it.last()) else { continue };
            extension(&mut f, &oid_text(oid.body), value.body);
        }
    }
    Some(f)
}

/// An address as OpenSSL writes it.
pub fn ip_text(b: &[u8]) -> String {
    match b.len() {
        4 => format!("{}.{}.{}.{}", b[0], b[1], b[2], b[3]),
        16 => b.chunks(2).map(|c| format!("{:X}", u16::from_be_bytes([c[0], c[1]]))).collect::<Vec<_>>().join(":"),
        _ => "<invalid>".into(),
    }
}

/// Whether a pattern of a certificate covers a host name: a `*` stands for one whole left label.
fn covers(pattern: &str, host: &str) -> bool {
    let (pattern, host) =
        (pattern.trim_end_matches('.').to_ascii_lowercase(), host.trim_end_matches('.').to_ascii_lowercase());
    if pattern == host {
        return !host.is_empty();
    }
    let Some(rest) = pattern.strip_prefix("*.") else { return false };
    match host.split_once('.') {
        Some((label, tail)) => !label.is_empty() && tail == rest && rest.contains('.') && !rest.contains('*'),
        None => false,
    }
}

/// Whether the certificate was given to `host`, a name or an address.
pub fn belongs_to(f: &Fields, host: &str, use_common_name: bool) -> bool {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let wanted: Vec<u8> = match ip {
            IpAddr::V4(v) => Ipv4Addr::octets(&v).to_vec(),
            IpAddr::V6(v) => Ipv6Addr::octets(&v).to_vec(),
        };
        return f.alternatives.iter().any(|g| matches!(g, General::Ip(b) if *b == wanted));
    }
    let mut names = f.alternatives.iter().filter_map(|g| match g {
        General::Dns(n) => Some(n),
        _ => None,
    });
    if names.clone().next().is_some() {
        return names.any(|n| covers(n, host));
    }
    use_common_name && f.subject.iter().flatten().filter(|(k, _)| k == "commonName").any(|(_, n)| covers(n, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        assert!(covers("example.com", "Example.COM."));
        assert!(covers("*.example.com", "www.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.com", "example.com"));
        assert!(!covers("w*.example.com", "www.example.com"));
    }

    #[test]
    fn moments() {
        assert_eq!(moment_text([2018, 8, 9, 14, 23, 16]), "Aug  9 14:23:16 2018 GMT");
        assert_eq!(moment_seconds([1970, 1, 1, 0, 0, 0]), 0);
        assert_eq!(moment_seconds([2018, 1, 5, 9, 34, 43]), 1_515_144_883);
    }

    #[test]
    fn identifiers() {
        assert_eq!(oid_text(&[0x55, 4, 3]), "2.5.4.3");
        assert_eq!(oid_text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), "1.2.840.113549");
    }
}
