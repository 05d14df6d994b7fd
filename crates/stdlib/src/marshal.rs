//! `marshal`.

use macros::pymodule;

/// This module contains functions that can read and write Python values in
/// a binary format.
#[pymodule(name = "marshal")]
pub mod marshal {
    use runtime::convert::{ArgBytes, ByteString};
    use runtime::marshal as engine;
    use runtime::prelude::*;

    #[pyattr(name = "version")]
    const VERSION: i32 = engine::VERSION;

    /// Return the bytes object that would be written to a file by dump(value, file).
    #[pyfunction(sig = "value, version=5, /, *, allow_code=True")]
    fn dumps(value: &Object, version: i32, allow_code: bool) -> PyResult<ByteString> {
        runtime::audit_event!("marshal.dumps", value, version)?;
        engine::dumps(value, version, allow_code).map(ByteString)
    }
    /// Convert the bytes-like object to a value.
    #[pyfunction(sig = "bytes, /, *, allow_code=True")]
    fn loads(bytes: ArgBytes, allow_code: bool) -> PyResult<PyRef> {
        runtime::audit_event!("marshal.loads", ByteString(bytes.to_vec()))?;
        engine::read(&bytes, allow_code).map(|(o, _)| o)
    }
    /// Write the value on the open file.
    #[pyfunction(sig = "value, file, version=5, /, *, allow_code=True")]
    fn dump(value: &Object, file: &Object, version: i32, allow_code: bool) -> PyResult<PyRef> {
        runtime::audit_event!("marshal.dumps", value, version)?;
        let b = Bytes::new(&engine::dumps(value, version, allow_code)?)?;
        file.call_method(intern!("write"), &[&b])
    }
    /// Read one value from the open file and return it.
    #[pyfunction(sig = "file, /, *, allow_code=True")]
    fn load(file: &Object, allow_code: bool) -> PyResult<PyRef> {
        // The value's end is not known before it is read: read all there is, then put back what was not used.
        runtime::audit_event!("marshal.load")?;
        let start = file.call_method(intern!("tell"), &[]);
        let data = file.call_method(intern!("read"), &[])?;
        let Some(b) = data.downcast::<Bytes>() else {
            return Err(raise!(TypeError, "file.read() returned not bytes but {}", data.ty().name_str()));
        };
        let (o, used) = engine::read(b.as_slice(), allow_code)?;
        match start {
            Ok(p) => {
                let to = Int::from_i64(p.as_i64()? + used as i64)?;
                file.call_method(intern!("seek"), &[&to])?;
            }
            Err(e) => e.clear(),
        }
        Ok(o)
    }
}
