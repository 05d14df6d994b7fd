//! `_blake2`: BLAKE2b and BLAKE2s with all parameters (RFC 7693 and the tree mode of its specification).
//!
//! Written here because the digest crates leave out the tree parameters.

use crate::hash_class;
use crate::hashes::Hasher;
use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::py_layout;

const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The parameters of a hash, checked.
struct Params<'a> {
    size: usize,
    key: &'a [u8],
    salt: &'a [u8],
    person: &'a [u8],
    fanout: u8,
    depth: u8,
    leaf_size: u32,
    node_offset: u64,
    node_depth: u8,
    inner_size: u8,
    last_node: bool,
}

macro_rules! blake2 {
    ($t:ident, $w:ty, $name:literal, $block:literal, $max:literal, $rounds:literal, $iv:expr, [$r1:literal, $r2:literal, $r3:literal, $r4:literal]) => {
        #[derive(Clone)]
        pub struct $t {
            h: [$w; 8],
            total: u128,
            buf: [u8; $block],
            len: usize,
            size: usize,
            last_node: bool,
        }
        impl $t {
            const IV: [$w; 8] = $iv;
            fn with(p: &Params<'_>) -> $t {
                const W: usize = size_of::<$w>();
                let mut b = [0u8; 8 * W];
                b[0] = p.size as u8;
                b[1] = p.key.len() as u8;
                b[2] = p.fanout;
                b[3] = p.depth;
                b[4..8].copy_from_slice(&p.leaf_size.to_le_bytes());
                if W == 8 {
                    b[8..16].copy_from_slice(&p.node_offset.to_le_bytes());
                    b[16] = p.node_depth;
                    b[17] = p.inner_size;
                } else {
                    b[8..14].copy_from_slice(&p.node_offset.to_le_bytes()[..6]);
                    b[14] = p.node_depth;
                    b[15] = p.inner_size;
                }
                b[4 * W..4 * W + p.salt.len()].copy_from_slice(p.salt);
                b[6 * W..6 * W + p.person.len()].copy_from_slice(p.person);
                let mut h = $t::IV;
                for (i, c) in b.chunks_exact(W).enumerate() {
                    h[i] ^= <$w>::from_le_bytes(c.try_into().expect("a word"));
                }
                let mut s = $t { h, total: 0, buf: [0; $block], len: 0, size: p.size, last_node: p.last_node };
                if !p.key.is_empty() {
                    let mut block = [0u8; $block];
                    block[..p.key.len()].copy_from_slice(p.key);
                    Hasher::update(&mut s, &block);
                }
                s
            }
            fn compress(&mut self, last: bool) {
                let mut m = [0 as $w; 16];
                for (i, c) in self.buf.chunks_exact(size_of::<$w>()).enumerate() {
                    m[i] = <$w>::from_le_bytes(c.try_into().expect("a word"));
                }
                let mut v = [0 as $w; 16];
                v[..8].copy_from_slice(&self.h);
                v[8..].copy_from_slice(&$t::IV);
                v[12] ^= self.total as $w;
                v[13] ^= (self.total >> (8 * size_of::<$w>())) as $w;
                if last {
                    v[14] = !v[14];
                    if self.last_node {
                        v[15] = !v[15];
                    }
                }
                for r in 0..$rounds {
                    let s = &SIGMA[r % 10];
                    let mut g = |a: usize, b: usize, c: usize, d: usize, x: $w, y: $w| {
                        v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
                        v[d] = (v[d] ^ v[a]).rotate_right($r1);
                        v[c] = v[c].wrapping_add(v[d]);
                        v[b] = (v[b] ^ v[c]).rotate_right($r2);
                        v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
                        v[d] = (v[d] ^ v[a]).rotate_right($r3);
                        v[c] = v[c].wrapping_add(v[d]);
                        v[b] = (v[b] ^ v[c]).rotate_right($r4);
                    };
                    g(0, 4, 8, 12, m[s[0]], m[s[1]]);
                    g(1, 5, 9, 13, m[s[2]], m[s[3]]);
                    g(2, 6, 10, 14, m[s[4]], m[s[5]]);
                    g(3, 7, 11, 15, m[s[6]], m[s[7]]);
                    g(0, 5, 10, 15, m[s[8]], m[s[9]]);
                    g(1, 6, 11, 12, m[s[10]], m[s[11]]);
                    g(2, 7, 8, 13, m[s[12]], m[s[13]]);
                    g(3, 4, 9, 14, m[s[14]], m[s[15]]);
                }
                for i in 0..8 {
                    self.h[i] ^= v[i] ^ v[i + 8];
                }
            }
        }
        impl Hasher for $t {
            const NAME: &'static str = $name;
            const BLOCK: usize = $block;
            const SIZE: usize = $max;
            fn new() -> $t {
                $t::with(&Params {
                    size: $max,
                    key: &[],
                    salt: &[],
                    person: &[],
                    fanout: 1,
                    depth: 1,
                    leaf_size: 0,
                    node_offset: 0,
                    node_depth: 0,
                    inner_size: 0,
                    last_node: false,
                })
            }
            fn update(&mut self, mut data: &[u8]) {
                while !data.is_empty() {
                    if self.len == $block {
                        self.total += $block;
                        self.compress(false);
                        self.len = 0;
                    }
                    let n = ($block - self.len).min(data.len());
                    self.buf[self.len..self.len + n].copy_from_slice(&data[..n]);
                    self.len += n;
                    data = &data[n..];
                }
            }
            fn finish(mut self) -> Vec<u8> {
                self.total += self.len as u128;
                self.buf[self.len..].fill(0);
                self.compress(true);
                let mut v: Vec<u8> = self.h.iter().flat_map(|w| w.to_le_bytes()).collect();
                v.truncate(self.size);
                v
            }
        }
    };
}
blake2!(
    Blake2bHash,
    u64,
    "blake2b",
    128,
    64,
    12,
    [
        0x6a09e667f3bcc908,
        0xbb67ae8584caa73b,
        0x3c6ef372fe94f82b,
        0xa54ff53a5f1d36f1,
        0x510e527fade682d1,
        0x9b05688c2b3e6c1f,
        0x1f83d9abfb41bd6b,
        0x5be0cd19137e2179,
    ],
    [32, 24, 16, 63]
);
blake2!(
    Blake2sHash,
    u32,
    "blake2s",
    64,
    32,
    10,
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,],
    [16, 12, 8, 7]
);

fn ranged(o: Arg<&Object>, default: u64, max: u64, what: &str) -> PyResult<u64> {
    let Arg::Given(o) = o else { return Ok(default) };
    let v = o.index()?;
    match v.try_i64() {
        Some(x) if x >= 0 && x as u64 <= max => Ok(x as u64),
        None if v.sign() > 0 && max == u64::MAX => {
            u64::try_from(v.to_bigint()).map_err(|_| raise!(OverflowError, "{} is too large", what))
        }
        Some(x) if x < 0 && what.ends_with("offset") => Err(raise!(ValueError, "value must be positive")),
        _ if what.ends_with("offset") || what.ends_with("leaf_size") => {
            Err(raise!(OverflowError, "{} is too large", what))
        }
        _ => Err(raise!(ValueError, "{} must be between 0 and {}", what, max)),
    }
}

hash_class!(Blake2b, BLAKE2B_TYPE, "blake2b", "_blake2", Blake2bHash, [
    #[slot(sig = "data=b'', *, digest_size=64, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None")]
    #[allow(clippy::too_many_arguments)]
    fn tp_new(_cls: &Type, data: Arg<&Object>, digest_size: Arg<isize>, key: Arg<&Object>, salt: Arg<&Object>, person: Arg<&Object>, fanout: Arg<&Object>, depth: Arg<&Object>, leaf_size: Arg<&Object>, node_offset: Arg<&Object>, node_depth: Arg<&Object>, inner_size: Arg<&Object>, last_node: Arg<bool>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        let bytes = |o: Arg<&Object>, max: usize, what: &str| -> PyResult<Vec<u8>> {
            let Arg::Given(o) = o else { return Ok(Vec::new()) };
            let v = runtime::objects::byteops::bytes_arg(o)?.to_vec();
            if v.len() > max {
                return Err(raise!(ValueError, "maximum {} length is {} bytes", what, max));
            }
            Ok(v)
        };
        let data = crate::hashes::pick(data.into_option(), string)?;
        let size = digest_size.unwrap_or(64);
        if size <= 0 || size > 64 {
            return Err(raise!(ValueError, "digest_size for Blake2b must be between 1 and 64 bytes, here it is {}", size));
        }
        let (key, salt, person) = (bytes(key, 64, "key")?, bytes(salt, 16, "salt")?, bytes(person, 16, "person")?);
        let fanout = ranged(fanout, 1, 255, "fanout")?;
        let depth = ranged(depth, 1, 255, "depth")?;
        if depth == 0 {
            return Err(raise!(ValueError, "depth must be between 1 and 255"));
        }
        let p = Params {
            size: size as usize,
            key: &key,
            salt: &salt,
            person: &person,
            fanout: fanout as u8,
            depth: depth as u8,
            leaf_size: ranged(leaf_size, 0, u32::MAX as u64, "leaf_size")? as u32,
            node_offset: ranged(node_offset, 0, u64::MAX, "node_offset")?,
            node_depth: ranged(node_depth, 0, 255, "node_depth")? as u8,
            inner_size: ranged(inner_size, 0, 64, "inner_size")? as u8,
            last_node: last_node.unwrap_or(false),
        };
        let o = Blake2b::wrap(Blake2bHash::with(&p))?;
        if let Some(d) = data {
            o.feed(&crate::hashes::data_arg(d)?);
        }
        Ok(o.upcast())
    }
    /// Return the digest value as a bytes object.
    #[pymethod]
    fn digest(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.snapshot().finish())
    }
    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod]
    fn hexdigest(&self) -> PyResult<Ref<Str>> {
        crate::hashes::hex(&self.snapshot().finish())
    }
    #[pygetset]
    fn digest_size(&self) -> usize {
        self.snapshot().size
    }
    #[pygetset]
    fn name(&self) -> &'static str {
        "blake2b"
    }
]);
hash_class!(Blake2s, BLAKE2S_TYPE, "blake2s", "_blake2", Blake2sHash, [
    #[slot(sig = "data=b'', *, digest_size=32, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None")]
    #[allow(clippy::too_many_arguments)]
    fn tp_new(_cls: &Type, data: Arg<&Object>, digest_size: Arg<isize>, key: Arg<&Object>, salt: Arg<&Object>, person: Arg<&Object>, fanout: Arg<&Object>, depth: Arg<&Object>, leaf_size: Arg<&Object>, node_offset: Arg<&Object>, node_depth: Arg<&Object>, inner_size: Arg<&Object>, last_node: Arg<bool>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        let bytes = |o: Arg<&Object>, max: usize, what: &str| -> PyResult<Vec<u8>> {
            let Arg::Given(o) = o else { return Ok(Vec::new()) };
            let v = runtime::objects::byteops::bytes_arg(o)?.to_vec();
            if v.len() > max {
                return Err(raise!(ValueError, "maximum {} length is {} bytes", what, max));
            }
            Ok(v)
        };
        let data = crate::hashes::pick(data.into_option(), string)?;
        let size = digest_size.unwrap_or(32);
        if size <= 0 || size > 32 {
            return Err(raise!(ValueError, "digest_size for Blake2s must be between 1 and 32 bytes, here it is {}", size));
        }
        let (key, salt, person) = (bytes(key, 32, "key")?, bytes(salt, 8, "salt")?, bytes(person, 8, "person")?);
        let fanout = ranged(fanout, 1, 255, "fanout")?;
        let depth = ranged(depth, 1, 255, "depth")?;
        if depth == 0 {
            return Err(raise!(ValueError, "depth must be between 1 and 255"));
        }
        let p = Params {
            size: size as usize,
            key: &key,
            salt: &salt,
            person: &person,
            fanout: fanout as u8,
            depth: depth as u8,
            leaf_size: ranged(leaf_size, 0, u32::MAX as u64, "leaf_size")? as u32,
            node_offset: ranged(node_offset, 0, (1 << 48) - 1, "node_offset")?,
            node_depth: ranged(node_depth, 0, 255, "node_depth")? as u8,
            inner_size: ranged(inner_size, 0, 32, "inner_size")? as u8,
            last_node: last_node.unwrap_or(false),
        };
        let o = Blake2s::wrap(Blake2sHash::with(&p))?;
        if let Some(d) = data {
            o.feed(&crate::hashes::data_arg(d)?);
        }
        Ok(o.upcast())
    }
    /// Return the digest value as a bytes object.
    #[pymethod]
    fn digest(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.snapshot().finish())
    }
    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod]
    fn hexdigest(&self) -> PyResult<Ref<Str>> {
        crate::hashes::hex(&self.snapshot().finish())
    }
    #[pygetset]
    fn digest_size(&self) -> usize {
        self.snapshot().size
    }
    #[pygetset]
    fn name(&self) -> &'static str {
        "blake2s"
    }
]);

#[pymodule(name = "_blake2")]
pub mod _blake2 {
    use super::*;

    #[pyattr]
    const _GIL_MINSIZE: i64 = crate::hashes::GIL_MINSIZE as i64;
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Blake2b>()?;
        m.add_type::<Blake2s>()?;
        for (t, prefix, size, salt) in
            [(Blake2b::type_object(), "BLAKE2B", 64, 16), (Blake2s::type_object(), "BLAKE2S", 32, 8)]
        {
            for (name, v) in
                [("MAX_DIGEST_SIZE", size), ("MAX_KEY_SIZE", size), ("PERSON_SIZE", salt), ("SALT_SIZE", salt)]
            {
                let v = Int::from_i64(v)?;
                m.add(&format!("{prefix}_{name}"), v.to_ref())?;
                t.dict().set(Str::intern(name), &v)?;
            }
        }
        Ok(())
    }
}
