//! `_sha1`: hash functions without OpenSSL.

use crate::{digest_hasher, hash_class};
use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::py_layout;

digest_hasher!(Sha1Hash, sha1::Sha1, "sha1", 64, 20);
hash_class!(fixed Sha1, SHA1_TYPE, "sha1", "_sha1", Sha1Hash, []);

#[pymodule(name = "_sha1")]
pub mod _sha1 {
    use super::*;
    use runtime::convert::HasSpec;

    #[pyattr]
    const _GIL_MINSIZE: i64 = crate::hashes::GIL_MINSIZE as i64;

    /// Return a new SHA1 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn sha1(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Sha1>> {
        let _ = usedforsecurity;
        Sha1::start(data.into_option(), string)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(Sha1::spec())?;
        m.add("SHA1Type", Sha1::type_object().to_ref())?;
        Ok(())
    }
}
