//! Hashing: SipHash-1-3 for strings and bytes, keyed per process; numbers and pointers.
//!
//! The key comes from the system, or from `PYTHONHASHSEED`; it is set before the first string is hashed. Equal content
//! must hash alike whatever holds it: str hashes the bytes of its storage, so `kind` must be canonical.

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
    crate::objects::unicode::hash::set_hash_seed(seed);
    let [a, b, c] = crate::objects::unicode::hash::secret();
    // SAFETY: start-up runs alone.
    unsafe {
        Py_HashRandomizationFlag = (seed != Some(0)) as _;
        _Py_HashSecret = [a, b, c];
    }
}

/// The key as C modules with hashes of their own read it (`pyexpat`, `_elementtree`).
#[unsafe(no_mangle)]
pub static mut _Py_HashSecret: [u64; 3] = [0; 3];

pub use crate::objects::unicode::hash::siphash13;

/// Hash of the bytes that a `str`, `bytes` or `memoryview` holds; empty content hashes to 0, never -1.
#[inline]
pub fn hash_bytes(data: &[u8]) -> isize {
    if data.is_empty() {
        return 0;
    }
    crate::objects::unicode::hash::hash_bytes(data)
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
