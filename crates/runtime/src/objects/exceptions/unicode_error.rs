//! `UnicodeEncodeError`, `UnicodeDecodeError` and `UnicodeTranslateError`.

use super::base::none_obj;
use super::simple::base;
use super::{UnicodeError, slot, types};
use crate::convert::FuncArgs;
use crate::error::{PyResult, Raised};
use crate::object::{Object, PyRef, Ref, Type};
use crate::objects::{Bytes, Int, Str, StrBuilder};
use crate::{py_layout, raise};
use macros::pyclass;

/// `UnicodeEncodeError`.
#[repr(transparent)]
pub struct Encode(pub abi::PyUnicodeErrorObject);
py_layout!(Encode, crate::objects::exceptions::types::TYPE_UnicodeEncodeError);
/// `UnicodeDecodeError`.
#[repr(transparent)]
pub struct Decode(pub abi::PyUnicodeErrorObject);
py_layout!(Decode, crate::objects::exceptions::types::TYPE_UnicodeDecodeError);
/// `UnicodeTranslateError`.
#[repr(transparent)]
pub struct Translate(pub abi::PyUnicodeErrorObject);
py_layout!(Translate, crate::objects::exceptions::types::TYPE_UnicodeTranslateError);

fn arg_count(n: usize, want: usize) -> PyResult<()> {
    if n == want {
        return Ok(());
    }
    Err(raise!(TypeError, "function takes exactly {} arguments ({} given)", want, n))
}

fn str_arg(o: &Object, i: usize) -> PyResult<PyRef> {
    if o.downcast::<Str>().is_some() {
        return Ok(o.to_ref());
    }
    Err(raise!(TypeError, "argument {} must be str, not {}", i, o.ty().name_str()))
}

impl UnicodeError {
    fn set_range(&self, start: isize, end: isize) {
        // SAFETY: aligned words.
        unsafe {
            (&raw const self.0.start).cast_mut().write_volatile(start);
            (&raw const self.0.end).cast_mut().write_volatile(end);
        }
    }

    /// `encoding`, `object`, `start`, `end`, `reason` as they are.
    pub fn encoding(&self) -> PyResult<PyRef> {
        slot!(self, encoding).get().ok_or_else(|| raise!(TypeError, "UnicodeError 'encoding' attribute is not set"))
    }
    pub fn object(&self) -> PyResult<PyRef> {
        slot!(self, object).get().ok_or_else(|| raise!(TypeError, "UnicodeError 'object' attribute is not set"))
    }
    pub fn reason(&self) -> PyResult<PyRef> {
        slot!(self, reason).get().ok_or_else(|| raise!(TypeError, "UnicodeError 'reason' attribute is not set"))
    }
    pub fn start(&self) -> isize {
        self.0.start
    }
    pub fn end(&self) -> isize {
        self.0.end
    }
    pub fn set_start(&self, v: isize) {
        self.set_range(v, self.0.end);
    }
    pub fn set_end(&self, v: isize) {
        self.set_range(self.0.start, v);
    }
    pub fn set_reason(&self, v: &Object) {
        slot!(self, reason).set(Some(v.to_ref()));
    }

    fn object_len(&self) -> PyResult<isize> {
        let o = self.object()?;
        Ok(match (o.downcast::<Str>(), o.downcast::<Bytes>()) {
            (Some(s), _) => s.len() as isize,
            (_, Some(b)) => b.as_slice().len() as isize,
            _ => return Err(raise!(TypeError, "object attribute must be str or bytes")),
        })
    }

    /// `start` moved into the object, as `PyUnicodeEncodeError_GetStart` gives it.
    pub fn clamped_start(&self) -> PyResult<isize> {
        let n = self.object_len()?;
        Ok(self.0.start.max(0).min((n - 1).max(0)))
    }

    /// `end` moved into the object.
    pub fn clamped_end(&self) -> PyResult<isize> {
        let n = self.object_len()?;
        Ok(self.0.end.max(1).min(n))
    }
}

fn family(o: &Object) -> &UnicodeError {
    // SAFETY: the three types share one layout.
    unsafe { o.cast() }
}

/// "character '\\x62' in position 1" or "characters in position 1-2".
fn characters(b: &mut StrBuilder, object: &Str, start: isize, end: isize) {
    if start >= 0 && (start as usize) < object.len() && end == start + 1 {
        let c = object.char_at(start as usize);
        let esc = match c {
            0..=0xff => format!("\\x{c:02x}"),
            0x100..=0xffff => format!("\\u{c:04x}"),
            _ => format!("\\U{c:08x}"),
        };
        b.push_str(&format!("character '{esc}' in position {start}: "));
    } else {
        b.push_str(&format!("characters in position {start}-{}: ", end - 1));
    }
}

fn field_str(o: Option<PyRef>) -> PyResult<Ref<Str>> {
    o.unwrap_or_else(none_obj).str()
}

#[pyclass(name = "UnicodeEncodeError", type_object = types::TYPE_UnicodeEncodeError, flags = "BASETYPE|HAVE_GC",
    members = "encoding: object@0.encoding; object: object@0.object; start: isize@0.start; end: isize@0.end; reason: object@0.reason")]
impl Encode {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords(self.ty().name_str())?;
        base(self).set_args(args.to_tuple()?);
        arg_count(args.len(), 5)?;
        let [enc, obj, start, end, reason] = args.args else { return Ok(()) };
        let (enc, obj) = (str_arg(enc, 1)?, str_arg(obj, 2)?);
        let (start, end) = (start.as_isize()?, end.as_isize()?);
        let reason = str_arg(reason, 5)?;
        slot!(self, encoding).set(Some(enc));
        slot!(self, object).set(Some(obj));
        slot!(self, reason).set(Some(reason));
        family(self).set_range(start, end);
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        if slot!(self, object).is_null() {
            return Ok(Ref::new_ref(Str::empty()));
        }
        let reason = field_str(slot!(self, reason).get())?;
        let encoding = field_str(slot!(self, encoding).get())?;
        let mut b = StrBuilder::new();
        b.push_str("'");
        b.push_obj(&encoding);
        b.push_str("' codec can't encode ");
        // str() of the other fields may have changed the object.
        let object = family(self).object()?;
        let Some(object) = object.downcast::<Str>() else {
            return Err(raise!(TypeError, "UnicodeError 'object' attribute must be a string"));
        };
        characters(&mut b, object, self.0.start, self.0.end);
        b.push_obj(&reason);
        b.finish()
    }
}

#[pyclass(name = "UnicodeDecodeError", type_object = types::TYPE_UnicodeDecodeError, flags = "BASETYPE|HAVE_GC",
    members = "encoding: object@0.encoding; object: object@0.object; start: isize@0.start; end: isize@0.end; reason: object@0.reason")]
impl Decode {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords(self.ty().name_str())?;
        base(self).set_args(args.to_tuple()?);
        arg_count(args.len(), 5)?;
        let [enc, obj, start, end, reason] = args.args else { return Ok(()) };
        let enc = str_arg(enc, 1)?;
        let (start, end) = (start.as_isize()?, end.as_isize()?);
        let reason = str_arg(reason, 5)?;
        let obj = if obj.downcast::<Bytes>().is_some() {
            obj.to_ref()
        } else {
            let view = crate::protocol::buffer::Buffer::get(obj, abi::PyBUF_SIMPLE as _)?;
            Bytes::new(view.as_slice())?.upcast()
        };
        slot!(self, encoding).set(Some(enc));
        slot!(self, object).set(Some(obj));
        slot!(self, reason).set(Some(reason));
        family(self).set_range(start, end);
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        if slot!(self, object).is_null() {
            return Ok(Ref::new_ref(Str::empty()));
        }
        let reason = field_str(slot!(self, reason).get())?;
        let encoding = field_str(slot!(self, encoding).get())?;
        let object = family(self).object()?;
        let Some(object) = object.downcast::<Bytes>() else {
            return Err(raise!(TypeError, "UnicodeError 'object' attribute must be a bytes"));
        };
        let (start, end) = (self.0.start, self.0.end);
        let mut b = StrBuilder::new();
        b.push_str("'");
        b.push_obj(&encoding);
        b.push_str("' codec can't decode ");
        match object.as_slice().get(start.max(0) as usize) {
            Some(byte) if start >= 0 && end == start + 1 => {
                b.push_str(&format!("byte 0x{byte:02x} in position {start}: "))
            }
            _ => b.push_str(&format!("bytes in position {start}-{}: ", end - 1)),
        }
        b.push_obj(&reason);
        b.finish()
    }
}

#[pyclass(name = "UnicodeTranslateError", type_object = types::TYPE_UnicodeTranslateError, flags = "BASETYPE|HAVE_GC",
    members = "encoding: object@0.encoding; object: object@0.object; start: isize@0.start; end: isize@0.end; reason: object@0.reason")]
impl Translate {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords(self.ty().name_str())?;
        base(self).set_args(args.to_tuple()?);
        arg_count(args.len(), 4)?;
        let [obj, start, end, reason] = args.args else { return Ok(()) };
        let obj = str_arg(obj, 1)?;
        let (start, end) = (start.as_isize()?, end.as_isize()?);
        let reason = str_arg(reason, 4)?;
        slot!(self, object).set(Some(obj));
        slot!(self, reason).set(Some(reason));
        family(self).set_range(start, end);
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        if slot!(self, object).is_null() {
            return Ok(Ref::new_ref(Str::empty()));
        }
        let reason = field_str(slot!(self, reason).get())?;
        let mut b = StrBuilder::new();
        b.push_str("can't translate ");
        // str() of the other fields may have changed the object.
        let object = family(self).object()?;
        let Some(object) = object.downcast::<Str>() else {
            return Err(raise!(TypeError, "UnicodeError 'object' attribute must be a string"));
        };
        characters(&mut b, object, self.0.start, self.0.end);
        b.push_obj(&reason);
        b.finish()
    }
}

fn make(ty: &Type, args: &[&Object]) -> Raised {
    match ty.call(args) {
        Ok(e) => crate::error::raise_object(ty, &e),
        Err(e) => e,
    }
}

/// Raises `UnicodeEncodeError(encoding, object, start, end, reason)`.
pub fn raise_encode_error(encoding: &str, object: &Str, start: usize, end: usize, reason: &str) -> Raised {
    let build = || -> PyResult<Raised> {
        let (enc, reason) = (Str::new(encoding)?, Str::new(reason)?);
        let (s, e) = (Int::from_usize(start)?, Int::from_usize(end)?);
        Ok(make(types::UnicodeEncodeError(), &[&**enc, object, &**s, &**e, &**reason]))
    };
    build().unwrap_or_else(|e| e)
}

/// Raises `UnicodeDecodeError(encoding, bytes, start, end, reason)`.
pub fn raise_decode_error(encoding: &str, bytes: &[u8], start: usize, end: usize, reason: &str) -> Raised {
    let build = || -> PyResult<Raised> {
        let (enc, reason, object) = (Str::new(encoding)?, Str::new(reason)?, Bytes::new(bytes)?);
        let (s, e) = (Int::from_usize(start)?, Int::from_usize(end)?);
        Ok(make(types::UnicodeDecodeError(), &[&**enc, &**object, &**s, &**e, &**reason]))
    };
    build().unwrap_or_else(|e| e)
}
