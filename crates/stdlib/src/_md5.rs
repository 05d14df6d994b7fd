//! `_md5`: hash functions without OpenSSL.

use crate::{digest_hasher, hash_class};
use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::py_layout;

digest_hasher!(Md5Hash, md5::Md5, "md5", 64, 16);
hash_class!(fixed Md5, MD5_TYPE, "md5", "_md5", Md5Hash, []);

#[pymodule(name = "_md5")]
pub mod _md5 {
    use super::*;
    use runtime::convert::HasSpec;

    #[pyattr]
    const _GIL_MINSIZE: i64 = crate::hashes::GIL_MINSIZE as i64;

    /// Return a new MD5 hash object; optionally initialized with a string.
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn md5(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<Ref<Md5>> {
        let _ = usedforsecurity;
        Md5::start(data.into_option(), string)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(Md5::spec())?;
        m.add("MD5Type", Md5::type_object().to_ref())?;
        Ok(())
    }
}
