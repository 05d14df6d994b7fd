//! Encodings: the codec registry and error handlers.

use crate::prelude::*;

/// `s.encode(encoding, errors)`; `None` means UTF-8 and strict.
pub fn encode(_s: &Str, _encoding: Option<&str>, _errors: Option<&str>) -> PyResult<Ref<Bytes>> {
    todo!()
}

/// `str(data, encoding, errors)`.
pub fn decode(_data: &[u8], _encoding: Option<&str>, _errors: Option<&str>) -> PyResult<Ref<Str>> {
    todo!()
}
