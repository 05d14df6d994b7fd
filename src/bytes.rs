//! `bytesobject.h`, `bytearrayobject.h`.

use crate::export::{CText, bad_internal_call, fine};
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;
use runtime::abi;
use runtime::objects::{ByteArray, byteops};
use runtime::prelude::*;

/// `len` bytes at `p`; uninitialised ones when `p` is null.
unsafe fn from_memory(p: *const c_char, len: isize, what: &str) -> PyResult<Ref<Bytes>> {
    if len < 0 {
        return Err(raise!(SystemError, "Negative size passed to {}", what));
    }
    if p.is_null() {
        return if len == 0 { Ok(Bytes::empty()) } else { Bytes::alloc(len as usize) };
    }
    // SAFETY: the caller passes `len` readable bytes.
    Bytes::new(unsafe { core::slice::from_raw_parts(p.cast(), len as usize) })
}

fn bytes_of(o: &Object) -> PyResult<&Bytes> {
    o.downcast::<Bytes>().ok_or_else(|| raise!(TypeError, "expected bytes, {} found", o.ty().tp_name()))
}

/// Concatenation in place: `*left` becomes the sum, or null with an exception.
unsafe fn concat_in_place(left: *mut *mut abi::PyObject, right: Option<&Object>) -> PyResult<()> {
    // SAFETY: C passes a place that owns a reference or is null.
    unsafe {
        let Some(l) = PyRef::from_ptr_opt(*left) else { return Ok(()) };
        *left = null_mut();
        let Some(r) = right else { return Ok(()) };
        let cannot = |e: Raised| {
            e.clear();
            raise!(TypeError, "can't concat {} to {}", r.ty().tp_name(), l.ty().tp_name())
        };
        let (a, b) = (byteops::bytes_arg(&l).map_err(cannot)?, byteops::bytes_arg(r).map_err(cannot)?);
        let sum = Bytes::alloc(a.len() + b.len())?;
        core::ptr::copy_nonoverlapping(a.as_ptr(), sum.data_ptr(), a.len());
        core::ptr::copy_nonoverlapping(b.as_ptr(), sum.data_ptr().add(a.len()), b.len());
        *left = sum.into_ptr();
    }
    Ok(())
}

capi! {
    fn PyBytes_FromStringAndSize(p: *const c_char, len: isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many bytes, or null.
        unsafe { from_memory(p, len, "PyBytes_FromStringAndSize") }
    }
    fn PyBytes_FromString(s: CText<'_>) -> *mut abi::PyObject {
        Bytes::new(s.to_bytes())
    }
    fn PyBytes_FromObject(o: &Object) -> *mut abi::PyObject {
        if let Some(b) = o.downcast_exact::<Bytes>() {
            return Ok(Ref::new_ref(b));
        }
        Bytes::new(&byteops::from_object(o, "bytes")?)
    }
    fn PyBytes_Size(o: &Object) -> isize {
        Ok(bytes_of(o)?.len())
    }
    fn PyBytes_AsString(o: &Object) -> *mut c_char {
        Ok(bytes_of(o)?.data_ptr().cast::<c_char>())
    }
    fn PyBytes_AsStringAndSize(o: &Object, data: *mut *mut c_char, len: *mut isize) -> c_int {
        if data.is_null() {
            return Err(bad_internal_call());
        }
        let b = bytes_of(o)?;
        if len.is_null() && b.as_slice().contains(&0) {
            return Err(raise!(ValueError, "embedded null byte"));
        }
        // SAFETY: C passes places for the results.
        unsafe {
            *data = b.data_ptr().cast();
            if !len.is_null() {
                *len = b.len() as isize;
            }
        }
        Ok(())
    }
    fn PyBytes_Repr(o: &Object, smart_quotes: c_int) -> *mut abi::PyObject {
        let data = bytes_of(o)?.as_slice();
        if smart_quotes != 0 || !data.contains(&b'\'') || data.contains(&b'"') {
            return o.repr();
        }
        // The repr in double quotes, with single ones instead.
        let inner = o.repr()?;
        let inner = inner.to_string_lossy();
        Str::new(&format!("b'{}'", inner[2..inner.len() - 1].replace('\'', "\\'")))
    }
    fn PyBytes_Concat(left: *mut *mut abi::PyObject, right: Option<&Object>) {
        // SAFETY: C passes a place.
        unsafe { concat_in_place(left, right) }
    }
    fn PyBytes_ConcatAndDel(left: *mut *mut abi::PyObject, right: Option<PyRef>) {
        // SAFETY: C passes a place.
        unsafe { concat_in_place(left, right.as_deref()) }
    }
    fn PyBytes_Join(sep: &Object, iterable: &Object) -> *mut abi::PyObject {
        let sep = sep.downcast::<Bytes>().ok_or_else(|| raise!(TypeError, "sep: expected bytes, got {}", sep.ty().tp_name()))?;
        Bytes::new(&byteops::join(sep.as_slice(), iterable)?)
    }
    /// Only for an object that nobody else has seen. On failure `*place` becomes null.
    fn _PyBytes_Resize(place: *mut *mut abi::PyObject, len: isize) -> c_int {
        // SAFETY: C passes a place that owns the bytes.
        unsafe {
            let Some(o) = PyRef::from_ptr_opt(*place) else { return Err(bad_internal_call()) };
            *place = null_mut();
            let b = o.downcast_into::<Bytes>().map_err(|_| bad_internal_call())?;
            if len < 0 {
                return Err(bad_internal_call());
            }
            *place = Bytes::resize(b, len as usize)?.into_ptr();
        }
        Ok(())
    }
    fn PyBytes_DecodeEscape(s: *const c_char, len: isize, errors: Option<CText<'_>>, _unicode: isize, _encoding: *const c_char) -> *mut abi::PyObject {
        let codecs = runtime::objects::exceptions::display::import("_codecs")?;
        // SAFETY: C passes that many bytes.
        let data = unsafe { from_memory(s, len, "PyBytes_DecodeEscape") }?;
        let decode = codecs.getattr(intern!("escape_decode"))?;
        let pair = match errors {
            Some(e) => {
                let e = crate::export::text(e)?;
                decode.call(&[&data, &e])?
            }
            None => decode.call1(&data)?,
        };
        pair.get_item_index(0)
    }

    fn PyByteArray_FromObject(o: &Object) -> *mut abi::PyObject {
        let t: &Object = ByteArray::type_object();
        t.call1(o)
    }
    fn PyByteArray_FromStringAndSize(p: *const c_char, len: isize) -> *mut abi::PyObject {
        if len < 0 {
            return Err(raise!(SystemError, "Negative size passed to PyByteArray_FromStringAndSize"));
        }
        if p.is_null() {
            let mut zeros = Vec::new();
            if zeros.try_reserve_exact(len as usize).is_err() {
                return Err(runtime::error::raise_none(exc::MemoryError()));
            }
            zeros.resize(len as usize, 0);
            return ByteArray::new(&zeros);
        }
        // SAFETY: C passes that many bytes.
        ByteArray::new(unsafe { core::slice::from_raw_parts(p.cast(), len as usize) })
    }
    fn PyByteArray_Concat(a: &Object, b: &Object) -> *mut abi::PyObject {
        let cannot = |e: Raised| {
            e.clear();
            raise!(TypeError, "can't concat {} to {}", b.ty().tp_name(), a.ty().tp_name())
        };
        let mut data = byteops::bytes_arg(a).map_err(cannot)?.to_vec();
        data.extend_from_slice(&byteops::bytes_arg(b).map_err(cannot)?);
        ByteArray::new(&data)
    }
    fn PyByteArray_Resize(o: &ByteArray, len: isize) -> c_int {
        if len < 0 {
            return Err(raise!(ValueError, "Can only resize to positive sizes, got {}", len));
        }
        runtime::thread::critical(o, || o.resize(len as usize))
    }
    fn PyByteArray_AsString(o: &ByteArray) -> *mut c_char {
        fine(o.start().cast::<c_char>())
    }
    fn PyByteArray_Size(o: &ByteArray) -> isize {
        fine(o.len())
    }
}
