//! `_sha2`: hash functions without OpenSSL.

use crate::{digest_hasher, hash_class};
use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::py_layout;

digest_hasher!(Sha224Hash, sha2::Sha224, "sha224", 64, 28);
hash_class!(fixed Sha224, SHA224_TYPE, "SHA224Type", "_sha2", Sha224Hash, []);
digest_hasher!(Sha256Hash, sha2::Sha256, "sha256", 64, 32);
hash_class!(fixed Sha256, SHA256_TYPE, "SHA256Type", "_sha2", Sha256Hash, []);
digest_hasher!(Sha384Hash, sha2::Sha384, "sha384", 128, 48);
hash_class!(fixed Sha384, SHA384_TYPE, "SHA384Type", "_sha2", Sha384Hash, []);
digest_hasher!(Sha512Hash, sha2::Sha512, "sha512", 128, 64);
hash_class!(fixed Sha512, SHA512_TYPE, "SHA512Type", "_sha2", Sha512Hash, []);

#[pymodule(name = "_sha2")]
pub mod _sha2 {
    use super::*;
    use runtime::convert::HasSpec;

    #[pyattr]
    const _GIL_MINSIZE: i64 = crate::hashes::GIL_MINSIZE as i64;

    /// Return a new SHA224 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn sha224(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Sha224>> {
        let _ = usedforsecurity;
        Sha224::start(data.into_option(), string)
    }
    /// Return a new SHA256 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn sha256(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Sha256>> {
        let _ = usedforsecurity;
        Sha256::start(data.into_option(), string)
    }
    /// Return a new SHA384 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn sha384(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Sha384>> {
        let _ = usedforsecurity;
        Sha384::start(data.into_option(), string)
    }
    /// Return a new SHA512 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn sha512(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Sha512>> {
        let _ = usedforsecurity;
        Sha512::start(data.into_option(), string)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(Sha224::spec())?;
        m.add("SHA224Type", Sha224::type_object().to_ref())?;
        runtime::typeobject::init_static(Sha256::spec())?;
        m.add("SHA256Type", Sha256::type_object().to_ref())?;
        runtime::typeobject::init_static(Sha384::spec())?;
        m.add("SHA384Type", Sha384::type_object().to_ref())?;
        runtime::typeobject::init_static(Sha512::spec())?;
        m.add("SHA512Type", Sha512::type_object().to_ref())?;
        Ok(())
    }
}
