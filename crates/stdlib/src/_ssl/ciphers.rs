//! The cipher suites under OpenSSL's names, and its language for choosing among them.

use rustls::{CipherSuite, SupportedCipherSuite};

pub struct Cipher {
    pub suite: CipherSuite,
    pub name: &'static str,
    pub tls13: bool,
    pub bits: u32,
    pub key_exchange: &'static str,
    pub auth: &'static str,
    pub symmetric: &'static str,
    /// Words of the cipher language that it answers to.
    tags: &'static [&'static str],
}

macro_rules! tls13 {
    ($suite:ident, $name:literal, $bits:literal, $symmetric:literal) => {
        Cipher {
            suite: CipherSuite::$suite,
            name: $name,
            tls13: true,
            bits: $bits,
            key_exchange: "kx-any",
            auth: "auth-any",
            symmetric: $symmetric,
            tags: &[],
        }
    };
}
macro_rules! tls12 {
    ($suite:ident, $name:literal, $bits:literal, $symmetric:literal, $auth:literal, $($tag:literal)*) => {
        Cipher {
            suite: CipherSuite::$suite,
            name: $name,
            tls13: false,
            bits: $bits,
            key_exchange: "kx-ecdhe",
            auth: $auth,
            symmetric: $symmetric,
            tags: &["ALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "TLSV1.2", "ECDH", "ECDHE", "EECDH", "KECDHE", "KEECDH", "AEAD", "FIPS", $($tag),*],
        }
    };
}

/// In the order of preference.
pub const CIPHERS: &[Cipher] = &[
    tls13!(TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256, "aes-256-gcm"),
    tls13!(TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256, "chacha20-poly1305"),
    tls13!(TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", 128, "aes-128-gcm"),
    tls12!(TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", 256, "aes-256-gcm", "auth-ecdsa", "AES" "AES256" "AESGCM" "ECDSA" "AECDSA" "SHA384"),
    tls12!(TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", 256, "aes-256-gcm", "auth-rsa", "AES" "AES256" "AESGCM" "RSA" "ARSA" "SHA384"),
    tls12!(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", 128, "aes-128-gcm", "auth-ecdsa", "AES" "AES128" "AESGCM" "ECDSA" "AECDSA" "SHA256"),
    tls12!(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", 128, "aes-128-gcm", "auth-rsa", "AES" "AES128" "AESGCM" "RSA" "ARSA" "SHA256"),
    tls12!(TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", 256, "chacha20-poly1305", "auth-ecdsa", "CHACHA20" "ECDSA" "AECDSA" "SHA256"),
    tls12!(TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", 256, "chacha20-poly1305", "auth-rsa", "CHACHA20" "RSA" "ARSA" "SHA256"),
];

pub fn find(suite: CipherSuite) -> Option<&'static Cipher> {
    CIPHERS.iter().find(|c| c.suite == suite)
}

impl Cipher {
    pub fn version(&self) -> &'static str {
        if self.tls13 { "TLSv1.3" } else { "TLSv1.2" }
    }
    fn answers(&self, words: &str) -> bool {
        !self.tls13
            && words.split('+').all(|w| {
                let w = w.to_ascii_uppercase();
                self.name == w || self.tags.contains(&w.as_str())
            })
    }
}

/// The suites that a list in OpenSSL's language names, best first; those of TLS 1.3 are always there. `None` when it names none of TLS 1.2.
pub fn select(list: &str) -> Option<Vec<CipherSuite>> {
    let mut chosen: Vec<&Cipher> = Vec::new();
    let mut banned: Vec<&Cipher> = Vec::new();
    for word in list.split([':', ',', ' ', ';']).filter(|w| !w.is_empty()) {
        let all = |pattern: &str| CIPHERS.iter().filter(|c| c.answers(pattern)).collect::<Vec<_>>();
        let same = |a: &&Cipher, b: &[&Cipher]| b.iter().any(|c| c.suite == a.suite);
        match word.split_at(1) {
            ("@", _) => {}
            ("!", rest) => banned.extend(all(rest)),
            ("-", rest) => {
                let gone = all(rest);
                chosen.retain(|c| !same(c, &gone));
            }
            ("+", rest) => {
                let moved = all(rest);
                let (last, mut first): (Vec<_>, Vec<_>) = chosen.iter().partition(|c| same(c, &moved));
                first.extend(last);
                chosen = first;
            }
            _ => {
                for c in all(word) {
                    if !same(&c, &chosen) {
                        chosen.push(c);
                    }
                }
            }
        }
        chosen.retain(|c| !same(c, &banned));
    }
    if chosen.is_empty() {
        return None;
    }
    Some(CIPHERS.iter().filter(|c| c.tls13).chain(chosen).map(|c| c.suite).collect())
}

/// The library's suites for a choice, in its order.
pub fn supported(chosen: &[CipherSuite], all: &[SupportedCipherSuite]) -> Vec<SupportedCipherSuite> {
    chosen.iter().filter_map(|s| all.iter().find(|a| a.suite() == *s).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language() {
        assert_eq!(select("ALL").map(|v| v.len()), Some(9));
        assert_eq!(select("ECDHE+AESGCM:!aRSA").map(|v| v.len()), Some(5));
        assert_eq!(select("ECDHE-RSA-AES128-GCM-SHA256").map(|v| v.len()), Some(4));
        assert_eq!(select("no such cipher"), None);
        assert_eq!(select("ALL:!ALL"), None);
    }
}
