//! `_sha3`: SHA-3 and SHAKE without OpenSSL.

use crate::hash_class;
use crate::hashes::Hasher;
use digest::{ExtendableOutput, XofReader};
use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::py_layout;

crate::digest_hasher!(Sha3_224Hash, sha3::Sha3_224, "sha3_224", 144, 28);
crate::digest_hasher!(Sha3_256Hash, sha3::Sha3_256, "sha3_256", 136, 32);
crate::digest_hasher!(Sha3_384Hash, sha3::Sha3_384, "sha3_384", 104, 48);
crate::digest_hasher!(Sha3_512Hash, sha3::Sha3_512, "sha3_512", 72, 64);

macro_rules! shake_hasher {
    ($t:ident, $d:ty, $name:literal, $block:literal) => {
        #[derive(Clone)]
        pub struct $t($d);
        impl Hasher for $t {
            const NAME: &'static str = $name;
            const BLOCK: usize = $block;
            const SIZE: usize = 0;
            fn new() -> $t {
                $t(<$d>::default())
            }
            fn update(&mut self, data: &[u8]) {
                digest::Update::update(&mut self.0, data);
            }
            fn finish(self) -> Vec<u8> {
                Vec::new()
            }
        }
        impl $t {
            fn read(self, n: usize) -> Vec<u8> {
                let mut v = vec![0; n];
                self.0.finalize_xof().read(&mut v);
                v
            }
        }
    };
}
shake_hasher!(Shake128Hash, sha3::Shake128, "shake_128", 168);
shake_hasher!(Shake256Hash, sha3::Shake256, "shake_256", 136);

fn length(n: &Object) -> PyResult<usize> {
    let n = n.as_isize()?;
    if n < 0 {
        return Err(raise!(ValueError, "Cannot convert negative int"));
    }
    if n >= 1 << 29 {
        return Err(raise!(ValueError, "length is too large"));
    }
    Ok(n as usize)
}

hash_class!(fixed Sha3_224, SHA3_224_TYPE, "sha3_224", "_sha3", Sha3_224Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Sha3_224::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Sha3_224Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Sha3_224Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x06")
            }
]);
hash_class!(fixed Sha3_256, SHA3_256_TYPE, "sha3_256", "_sha3", Sha3_256Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Sha3_256::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Sha3_256Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Sha3_256Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x06")
            }
]);
hash_class!(fixed Sha3_384, SHA3_384_TYPE, "sha3_384", "_sha3", Sha3_384Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Sha3_384::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Sha3_384Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Sha3_384Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x06")
            }
]);
hash_class!(fixed Sha3_512, SHA3_512_TYPE, "sha3_512", "_sha3", Sha3_512Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Sha3_512::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Sha3_512Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Sha3_512Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x06")
            }
]);
hash_class!(Shake128, SHAKE128_TYPE, "shake_128", "_sha3", Shake128Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Shake128::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Shake128Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Shake128Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x1f")
            }
            /// Return the digest value as a bytes object.
            #[pymethod(sig = "length")]
            fn digest(&self, length: &Object) -> PyResult<Ref<Bytes>> {
                Bytes::new(&self.snapshot().read(self::length(length)?))
            }
            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod(sig = "length")]
            fn hexdigest(&self, length: &Object) -> PyResult<Ref<Str>> {
                crate::hashes::hex(&self.snapshot().read(self::length(length)?))
            }
            #[pygetset]
            fn digest_size(&self) -> usize {
                0
            }
            #[pygetset]
            fn name(&self) -> &'static str {
                "shake_128"
            }
]);
hash_class!(Shake256, SHAKE256_TYPE, "shake_256", "_sha3", Shake256Hash, [
            #[slot(sig = "data=b'', *, usedforsecurity=True, string=None")]
            fn tp_new(_cls: &Type, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
                let _ = usedforsecurity;
                Ok(Shake256::start(data.into_option(), string)?.upcast())
            }
            #[pygetset]
            fn _capacity_bits(&self) -> usize {
                1600 - 8 * <Shake256Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _rate_bits(&self) -> usize {
                8 * <Shake256Hash as Hasher>::BLOCK
            }
            #[pygetset]
            fn _suffix(&self) -> PyResult<Ref<Bytes>> {
                Bytes::new(b"\x1f")
            }
            /// Return the digest value as a bytes object.
            #[pymethod(sig = "length")]
            fn digest(&self, length: &Object) -> PyResult<Ref<Bytes>> {
                Bytes::new(&self.snapshot().read(self::length(length)?))
            }
            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod(sig = "length")]
            fn hexdigest(&self, length: &Object) -> PyResult<Ref<Str>> {
                crate::hashes::hex(&self.snapshot().read(self::length(length)?))
            }
            #[pygetset]
            fn digest_size(&self) -> usize {
                0
            }
            #[pygetset]
            fn name(&self) -> &'static str {
                "shake_256"
            }
]);

#[pymodule(name = "_sha3")]
pub mod _sha3 {
    use super::*;

    #[pyattr]
    const _GIL_MINSIZE: i64 = crate::hashes::GIL_MINSIZE as i64;
    #[pyattr]
    fn implementation() -> &'static str {
        "sha3"
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Sha3_224>()?;
        m.add_type::<Sha3_256>()?;
        m.add_type::<Sha3_384>()?;
        m.add_type::<Sha3_512>()?;
        m.add_type::<Shake128>()?;
        m.add_type::<Shake256>()?;
        Ok(())
    }
}
