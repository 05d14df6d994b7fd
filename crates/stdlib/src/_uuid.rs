//! `_uuid`: what `uuid` asks the system for.

use macros::pymodule;

/// DCE compatible Universally Unique Identifier library.
#[pymodule(name = "_uuid")]
pub mod _uuid {
    use runtime::convert::ByteString;
    use runtime::prelude::*;
    use std::sync::Mutex;

    #[pyattr]
    fn has_uuid_generate_time_safe() -> i64 {
        1
    }
    #[pyattr]
    fn has_stable_extractable_node() -> i64 {
        0
    }

    /// Clock sequence and the last timestamp, so that no two calls give the same.
    static LAST: Mutex<(u64, Option<u16>)> = Mutex::new((0, None));

    /// A version 1 UUID: its bytes, and whether it is safe across processes (unknown here: None).
    #[pyfunction]
    fn generate_time_safe() -> PyResult<PyRef> {
        let mut random = [0u8; 8];
        // SAFETY: the buffer's length is given.
        unsafe { libc::getrandom(random.as_mut_ptr().cast(), random.len(), 0) };
        // 100 ns steps since 1582-10-15.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos() / 100)
            as u64
            + 0x01b2_1dd2_1381_4000;
        let (stamp, seq) = {
            let mut last = LAST.lock().unwrap_or_else(|e| e.into_inner());
            let seq = *last.1.get_or_insert(u16::from_le_bytes([random[6], random[7]]) & 0x3fff);
            last.0 = now.max(last.0 + 1);
            (last.0, seq)
        };
        let mut out = Vec::with_capacity(16);
        out.extend((stamp as u32).to_be_bytes());
        out.extend(((stamp >> 32) as u16).to_be_bytes());
        out.extend(((stamp >> 48) as u16 & 0x0fff | 0x1000).to_be_bytes());
        out.extend((seq | 0x8000).to_be_bytes());
        // A random node, marked as no hardware address.
        random[0] |= 1;
        out.extend(&random[..6]);
        let bytes = runtime::convert::IntoPy::into_py(ByteString(out))?;
        Ok(Tuple::from_slice(&[&bytes, none()])?.upcast())
    }
}
