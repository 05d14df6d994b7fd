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

/// Raises UnicodeEncodeError.
pub fn raise_encode_error(_encoding: &str, _s: &Str, _start: usize, _end: usize, _reason: &str) -> crate::error::Raised {
    todo!()
}

/// `str(o, encoding, errors)`: decodes any object with the buffer protocol.
pub fn decode_object(_o: &Object, _encoding: Option<&str>, _errors: Option<&str>) -> PyResult<Ref<Str>> {
    todo!()
}

/// `s.encode(encoding, errors)`: the result is `bytes`.
pub fn encode_object(_s: &Str, _encoding: Option<&str>, _errors: Option<&str>) -> PyResult<PyRef> {
    todo!()
}

/// `o.decode(encoding, errors)` for any bytes-like object; the result is `str`.
pub fn decode_any(_o: &Object, _encoding: Option<&str>, _errors: Option<&str>) -> PyResult<PyRef> {
    todo!()
}

/// The BytesWarning of `-b`.
pub fn bytes_warning(_message: &str) -> PyResult<()> {
    Ok(())
}
