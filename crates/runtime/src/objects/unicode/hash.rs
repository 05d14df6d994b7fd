//! Hashing of `str`, `bytes` and other byte strings: SipHash-1-3 keyed with the process secret.
//!
//! The secret comes from `PYTHONHASHSEED` (a number: reproducible, 0: no secret) or from the system; start-up may set it
//! before the first hash is taken, later it cannot change.

use std::sync::OnceLock;

static SECRET: OnceLock<[u64; 3]> = OnceLock::new();

/// Fixes the secret: `Some(seed)` as `PYTHONHASHSEED=seed`, `None` for a random one. False when it was fixed before.
pub fn set_hash_seed(seed: Option<u32>) -> bool {
    SECRET.set(make_secret(seed)).is_ok()
}

/// The secret as 24 bytes, for other keyed hashes (`_Py_HashSecret`).
pub fn secret() -> [u64; 3] {
    *SECRET.get_or_init(|| {
        make_secret(match std::env::var("PYTHONHASHSEED") {
            Ok(v) if !v.is_empty() && v != "random" => v.parse::<u32>().ok(),
            _ => None,
        })
    })
}

fn make_secret(seed: Option<u32>) -> [u64; 3] {
    let mut bytes = [0u8; 24];
    match seed {
        Some(0) => {}
        Some(seed) => {
            // The linear congruential generator that makes seeded runs reproducible.
            let mut x = seed;
            for b in &mut bytes {
                x = x.wrapping_mul(214013).wrapping_add(2531011);
                *b = (x >> 16) as u8;
            }
        }
        None => {
            // SAFETY: the buffer is 24 bytes long.
            let n = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), 24, libc::GRND_NONBLOCK) };
            if n != 24 {
                use core::hash::{BuildHasher, Hasher};
                for (i, chunk) in bytes.chunks_mut(8).enumerate() {
                    let mut h = std::collections::hash_map::RandomState::new().build_hasher();
                    h.write_usize(i);
                    chunk.copy_from_slice(&h.finish().to_le_bytes());
                }
            }
        }
    }
    core::array::from_fn(|i| u64::from_le_bytes(bytes[i * 8..i * 8 + 8].try_into().expect("eight bytes")))
}

#[inline(always)]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

/// SipHash-1-3 of `data`.
#[inline]
pub fn siphash13(k0: u64, k1: u64, data: &[u8]) -> u64 {
    let mut v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573];
    let mut chunks = data.chunks_exact(8);
    for c in &mut chunks {
        let m = u64::from_le_bytes(c.try_into().expect("eight bytes"));
        v[3] ^= m;
        round(&mut v);
        v[0] ^= m;
    }
    let mut m = (data.len() as u64) << 56;
    for (i, &b) in chunks.remainder().iter().enumerate() {
        m |= (b as u64) << (8 * i);
    }
    v[3] ^= m;
    round(&mut v);
    v[0] ^= m;
    v[2] ^= 0xff;
    round(&mut v);
    round(&mut v);
    round(&mut v);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// The Python hash of a byte string (`Py_HashBuffer`): 0 when empty, never -1.
#[inline]
pub fn hash_bytes(data: &[u8]) -> isize {
    if data.is_empty() {
        return 0;
    }
    let s = secret();
    match siphash13(s[0], s[1], data) as isize {
        -1 => -2,
        h => h,
    }
}
