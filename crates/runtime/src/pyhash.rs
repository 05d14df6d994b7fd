//! Hashing: SipHash-1-3 for strings and bytes, keyed per process; numbers and pointers.
//!
//! The key comes from the system, or from `PYTHONHASHSEED`; it is set before the first string is hashed. Equal content
//! must hash alike whatever holds it: str hashes the bytes of its storage, so `kind` must be canonical.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

static KEY: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Whether hashes are randomised.
#[unsafe(no_mangle)]
pub static mut Py_HashRandomizationFlag: core::ffi::c_int = 0;

/// Modulus of numeric hashes: 2**61 - 1.
pub const MODULUS: u64 = (1 << 61) - 1;
/// Hash of infinity.
pub const INF: isize = 314159;
/// Multiplier for imaginary parts.
pub const IMAG: isize = 1000003;

/// Sets the key: `None` takes it from the system, `Some(0)` turns randomisation off, another seed derives it.
pub fn init(seed: Option<u32>) {
    let (a, b) = match seed {
        Some(0) => (0, 0),
        Some(s) => {
            // A linear congruential generator, as documented for PYTHONHASHSEED: reproducible, not secret.
            let mut x = s;
            let mut next = || {
                let mut v = 0u64;
                for i in 0..8 {
                    x = x.wrapping_mul(214013).wrapping_add(2531011);
                    v |= ((x >> 16 & 0xff) as u64) << (8 * i);
                }
                v
            };
            (next(), next())
        }
        None => {
            let mut buf = [0u8; 16];
            // SAFETY: the buffer's length is given.
            let got = unsafe { libc::getrandom(buf.as_mut_ptr().cast(), buf.len(), libc::GRND_NONBLOCK) };
            if got != 16 {
                let t = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(1, |d| d.as_nanos() as u64);
                buf[..8].copy_from_slice(&t.to_le_bytes());
                buf[8..].copy_from_slice(&(std::process::id() as u64 ^ t.rotate_left(32)).to_le_bytes());
            }
            let half = |i: usize| buf[i..i + 8].iter().rev().fold(0u64, |v, b| v << 8 | *b as u64);
            (half(0), half(8))
        }
    };
    KEY[0].store(a, Relaxed);
    KEY[1].store(b, Relaxed);
    // SAFETY: start-up runs alone.
    unsafe { Py_HashRandomizationFlag = (seed != Some(0)) as _ };
}

/// The key, for those who need the same randomisation (`pyexpat`, `_elementtree`).
pub fn key() -> (u64, u64) {
    (KEY[0].load(Relaxed), KEY[1].load(Relaxed))
}

/// SipHash-1-3.
pub fn siphash13(k0: u64, k1: u64, data: &[u8]) -> u64 {
    let mut v0 = k0 ^ 0x736f_6d65_7073_6575;
    let mut v1 = k1 ^ 0x646f_7261_6e64_6f6d;
    let mut v2 = k0 ^ 0x6c79_6765_6e65_7261;
    let mut v3 = k1 ^ 0x7465_6462_7974_6573;
    macro_rules! round {
        () => {
            v0 = v0.wrapping_add(v1);
            v2 = v2.wrapping_add(v3);
            v1 = v1.rotate_left(13) ^ v0;
            v3 = v3.rotate_left(16) ^ v2;
            v0 = v0.rotate_left(32);
            v2 = v2.wrapping_add(v1);
            v0 = v0.wrapping_add(v3);
            v1 = v1.rotate_left(17) ^ v2;
            v3 = v3.rotate_left(21) ^ v0;
            v2 = v2.rotate_left(32);
        };
    }
    let (chunks, tail) = data.as_chunks::<8>();
    for c in chunks {
        let m = u64::from_le_bytes(*c);
        v3 ^= m;
        round!();
        v0 ^= m;
    }
    let mut last = (data.len() as u64) << 56;
    for (i, b) in tail.iter().enumerate() {
        last |= (*b as u64) << (8 * i);
    }
    v3 ^= last;
    round!();
    v0 ^= last;
    v2 ^= 0xff;
    round!();
    round!();
    round!();
    (v0 ^ v1) ^ (v2 ^ v3)
}

/// Hash of the bytes that a `str`, `bytes` or `memoryview` holds; empty content hashes to 0, never -1.
#[inline]
pub fn hash_bytes(data: &[u8]) -> isize {
    if data.is_empty() {
        return 0;
    }
    let h = siphash13(KEY[0].load(Relaxed), KEY[1].load(Relaxed), data) as isize;
    if h == -1 { -2 } else { h }
}

/// Hash of an address (`object.__hash__`): the low bits, always zero, go to the top.
#[inline]
pub fn hash_pointer<T>(p: *const T) -> isize {
    let h = (p as usize).rotate_right(4) as isize;
    if h == -1 { -2 } else { h }
}

/// Hash of a float's value; a NaN hashes by the identity of `owner`.
pub fn hash_double<T>(owner: *const T, v: f64) -> isize {
    crate::objects::float::hash_f64(v).unwrap_or_else(|| hash_pointer(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_differs_by_content_and_key() {
        assert_ne!(siphash13(0, 0, b"a"), siphash13(0, 0, b"b"));
        assert_ne!(siphash13(0, 0, b"a"), siphash13(1, 0, b"a"));
        assert_eq!(hash_bytes(b""), 0);
    }
}
