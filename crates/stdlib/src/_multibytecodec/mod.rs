//! `_multibytecodec` and the modules that name its codecs: the multibyte encodings of East Asia.
//!
//! `codec` converts one character at a time, `tables` holds the mappings; here are the objects that `codecs` builds on, which
//! deal with errors and with what is left over between two calls.

mod codec;
mod tables;

use codec::{Codec, Decoded, Encoded, State};
use macros::{pyclass, pymodule};
use num_bigint::BigInt;
use runtime::convert::{ByteString, IntoPy};
use runtime::objects::byteops::bytes_arg;
use runtime::objects::codecs::errors::{DecodeErrors, EncodeErrors, Replacement, raise_decode_error};
use runtime::objects::support::{Locked, Slot, alloc, track};
use runtime::objects::unicode::StrBuilder;
use runtime::prelude::*;

const ILLEGAL: &str = "illegal multibyte sequence";
const INCOMPLETE: &str = "incomplete multibyte sequence";
/// As much may be left over between two calls.
const MOST_CHARS: usize = 2;
const MOST_BYTES: usize = 8;

/// A position that no text has is out of bounds, however large.
fn position<T>(r: PyResult<T>) -> PyResult<T> {
    r.map_err(|e| {
        if !e.matches(exc::OverflowError()) {
            return e;
        }
        e.clear();
        raise!(IndexError, "position from error handler out of bounds")
    })
}

/// Decodes; how many bytes were taken. What is incomplete at the end is left unless this is the `last` piece.
fn decode_all(
    codec: &Codec,
    state: &mut State,
    data: &[u8],
    errors: Option<&str>,
    last: bool,
    out: &mut StrBuilder,
) -> PyResult<usize> {
    let mut h = DecodeErrors::new(codec.name, errors);
    let mut data = data;
    let mut pos = 0;
    while pos < data.len() {
        match codec.decode(state, &data[pos..]) {
            Decoded::Chars(n, c, count) => {
                c[..count].iter().for_each(|c| out.push_u32(*c));
                pos += n;
            }
            Decoded::Short if !last => break,
            Decoded::Short => {
                let end = data.len();
                pos = position(h.handle(&mut data, pos, end, INCOMPLETE, out))?;
            }
            Decoded::Wrong(n) => {
                let end = data.len().min(pos + n);
                pos = position(h.handle(&mut data, pos, end, ILLEGAL, out))?;
            }
        }
    }
    Ok(pos)
}

/// Encodes; how many characters were taken. Without `flush` what the next character may change is left.
fn encode_all(
    codec: &Codec,
    state: &mut State,
    s: &Str,
    errors: Option<&str>,
    flush: bool,
    out: &mut Vec<u8>,
) -> PyResult<usize> {
    let mut h = EncodeErrors::new(codec.name, errors);
    let chars: Vec<u32> = s.chars().collect();
    let mut pos = 0;
    while pos < chars.len() {
        match codec.encode(state, &chars[pos..], flush, out) {
            Encoded::Done(n) => pos += n,
            Encoded::Short => break,
            Encoded::Unknown => {
                let (replacement, at) = position(h.handle(s, pos, pos + 1, ILLEGAL))?;
                match replacement {
                    Replacement::Nothing => {}
                    Replacement::Bytes(b) => out.extend_from_slice(&b),
                    Replacement::Text(t) => drop(encode_all(codec, state, &t, None, true, out)?),
                }
                pos = at;
            }
        }
    }
    Ok(pos)
}

fn error_name(errors: &Option<PyRef>) -> PyResult<Option<String>> {
    match errors.as_ref().and_then(|e| e.downcast::<Str>()) {
        None => Ok(None),
        Some(s) => s.to_str().map(|s| Some(s.to_string())),
    }
}

// ---------------------------------------------------------------------------------------------- the codec

/// A codec.
#[repr(C)]
pub struct MultibyteCodec {
    head: abi::PyObject,
    codec: Option<&'static Codec>,
}

impl MultibyteCodec {
    fn codec(&self) -> PyResult<&'static Codec> {
        self.codec.ok_or_else(|| raise!(SystemError, "the codec is none"))
    }
}

#[pyclass(name = "MultibyteCodec", module = "_multibytecodec", flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl MultibyteCodec {
    /// Return an encoded string version of 'input'.
    ///
    /// 'errors' may be given to set a different error handling scheme. Default is
    /// 'strict' meaning that encoding errors raise a UnicodeEncodeError. Other possible
    /// values are 'ignore', 'replace' and 'xmlcharrefreplace' as well as any other name
    /// registered with codecs.register_error that can handle UnicodeEncodeErrors.
    #[pymethod(sig = "input, errors=None")]
    fn encode(&self, input: &Object, errors: Option<&str>) -> PyResult<(ByteString, usize)> {
        let codec = self.codec()?;
        let text = match input.downcast::<Str>() {
            Some(s) => Ref::new_ref(s),
            None => input.str()?,
        };
        let (mut state, mut out) = (codec.start(), Vec::with_capacity(text.len()));
        encode_all(codec, &mut state, &text, errors, true, &mut out)?;
        codec.end(&mut state, &mut out);
        Ok((ByteString(out), text.len()))
    }
    /// Decodes 'input'.
    ///
    /// 'errors' may be given to set a different error handling scheme. Default is
    /// 'strict' meaning that encoding errors raise a UnicodeDecodeError. Other possible
    /// values are 'ignore' and 'replace' as well as any other name registered with
    /// codecs.register_error that is able to handle UnicodeDecodeErrors.
    #[pymethod(sig = "input, errors=None")]
    fn decode(&self, input: &Object, errors: Option<&str>) -> PyResult<(Ref<Str>, usize)> {
        let codec = self.codec()?;
        let data = bytes_arg(input)?;
        let (mut state, mut out) = (codec.start(), StrBuilder::with_capacity(data.len()));
        decode_all(codec, &mut state, &data, errors, true, &mut out)?;
        Ok((out.finish()?, data.len()))
    }
}

// ---------------------------------------------------------------------------------------------- what has a state

/// What is left over between two calls, and the codec's state.
#[derive(Clone, Default)]
struct Rest {
    chars: Vec<u32>,
    bytes: Vec<u8>,
    state: State,
}

/// The part that the four classes share.
#[repr(C)]
pub struct Stateful {
    head: abi::PyObject,
    codec: Option<&'static Codec>,
    errors: Slot,
    stream: Slot,
    rest: Locked<Rest>,
}

impl Stateful {
    fn fields_of(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.errors);
        f(&self.stream);
    }
    fn codec(&self) -> PyResult<&'static Codec> {
        self.codec.ok_or_else(|| raise!(SystemError, "the codec is none"))
    }
    fn error_name(&self, owner: &Object) -> PyResult<Option<String>> {
        error_name(&self.errors.get(owner))
    }
    fn take(&self) -> Rest {
        self.rest.with(|r| r.clone()).unwrap_or_default()
    }
    fn keep(&self, rest: Rest) {
        self.rest.set(rest);
    }

    /// Encodes a piece together with what was left; the state changes only when all went well.
    fn encode_piece(&self, owner: &Object, input: &Object, last: bool) -> PyResult<Vec<u8>> {
        let codec = self.codec()?;
        let text = match input.downcast::<Str>() {
            Some(s) => Ref::new_ref(s),
            None => input.str()?,
        };
        let errors = self.error_name(owner)?;
        let mut rest = self.take();
        let mut chars = std::mem::take(&mut rest.chars);
        chars.extend(text.chars());
        let whole = Str::from_ucs4(&chars)?;
        let mut out = Vec::new();
        let n = encode_all(codec, &mut rest.state, &whole, errors.as_deref(), last, &mut out)?;
        rest.chars = chars.split_off(n.min(chars.len()));
        if rest.chars.len() > MOST_CHARS {
            return Err(raise!(UnicodeError, "pending buffer overflow"));
        }
        if last {
            codec.end(&mut rest.state, &mut out);
        }
        self.keep(rest);
        Ok(out)
    }
    fn reset_encoder(&self) -> PyResult<Vec<u8>> {
        let codec = self.codec()?;
        let mut rest = self.take();
        let mut out = Vec::new();
        if !rest.chars.is_empty() {
            let left = Str::from_ucs4(&std::mem::take(&mut rest.chars))?;
            encode_all(codec, &mut rest.state, &left, None, true, &mut out)?;
        }
        codec.end(&mut rest.state, &mut out);
        self.keep(Rest { state: codec.start(), ..Rest::default() });
        Ok(out)
    }
    fn decode_piece(&self, owner: &Object, data: &[u8], last: bool) -> PyResult<Ref<Str>> {
        let codec = self.codec()?;
        let errors = self.error_name(owner)?;
        let mut rest = self.take();
        let mut bytes = std::mem::take(&mut rest.bytes);
        bytes.extend_from_slice(data);
        let mut out = StrBuilder::with_capacity(bytes.len());
        let n = decode_all(codec, &mut rest.state, &bytes, errors.as_deref(), last, &mut out)?;
        rest.bytes = bytes.split_off(n.min(bytes.len()));
        if rest.bytes.len() > MOST_BYTES {
            return Err(raise!(UnicodeError, "pending buffer overflow"));
        }
        self.keep(rest);
        out.finish()
    }
    fn reset_decoder(&self) -> PyResult<()> {
        let codec = self.codec()?;
        self.keep(Rest { state: codec.start(), ..Rest::default() });
        Ok(())
    }
    fn set_errors(&self, owner: &Object, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        if v.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "errors must be a string"));
        }
        drop(self.errors.replace(owner, Some(v.to_ref())));
        Ok(())
    }
}

macro_rules! stateful {
    ($($t:ident)*) => {$(
        #[repr(C)]
        pub struct $t {
            inner: Stateful,
        }
        impl runtime::objects::support::Fields for $t {
            fn fields(&self, f: &mut dyn FnMut(&Slot)) {
                self.inner.fields_of(f);
            }
            fn release(&self) {
                drop(self.inner.rest.take());
            }
        }
        impl $t {
            /// A new object of a class whose attribute `codec` says which codec it is for.
            fn make(cls: &Type, stream: Option<&Object>, errors: Option<&Object>) -> PyResult<Ref<$t>> {
                let o = alloc::<$t>(cls)?;
                match errors {
                    Some(e) if e.downcast::<Str>().is_some() => o.inner.errors.init(e.to_ref()),
                    Some(e) => return Err(raise!(TypeError, "errors must be a string, not {}", e.ty().name_str())),
                    None => o.inner.errors.init((**intern!("strict")).to_ref()),
                }
                if let Some(s) = stream {
                    o.inner.stream.init(s.to_ref());
                }
                let o = track(o);
                let codec = o.getattr(intern!("codec"))?;
                let Some(c) = codec.downcast::<MultibyteCodec>() else {
                    return Err(raise!(TypeError, "codec is unexpected type"));
                };
                let codec = c.codec()?;
                // SAFETY: nobody else has the object yet.
                unsafe { (*o.as_raw().cast::<$t>()).inner.codec = Some(codec) };
                o.inner.keep(Rest { state: codec.start(), ..Rest::default() });
                Ok(o)
            }
            fn visit(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
                match visit.visit_ptr(self.inner.errors.ptr()) {
                    0 => visit.visit_ptr(self.inner.stream.ptr()),
                    r => r,
                }
            }
            fn forget(&self) {
                drop((self.inner.errors.swap(None), self.inner.stream.swap(None)));
            }
        }
    )*};
}
stateful!(IncrementalEncoder IncrementalDecoder StreamReader StreamWriter);

fn state_number(bytes: &[u8]) -> PyResult<Ref<Int>> {
    Int::from_bigint(&BigInt::from_bytes_le(num_bigint::Sign::Plus, bytes))
}

/// The bytes of a state as a number that must not need more than `n` of them.
fn number_bytes(v: &Object, n: usize) -> PyResult<Vec<u8>> {
    let Some(i) = v.downcast::<Int>() else {
        return Err(raise!(TypeError, "setstate() argument must be int, not {}", v.ty().name_str()));
    };
    if i.sign() < 0 {
        return Err(raise!(OverflowError, "can't convert negative int to unsigned"));
    }
    let (_, mut bytes) = i.to_bigint().to_bytes_le();
    if bytes.len() > n {
        return Err(raise!(OverflowError, "int too big to convert"));
    }
    bytes.resize(n, 0);
    Ok(bytes)
}

#[pyclass(name = "MultibyteIncrementalEncoder", module = "_multibytecodec", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE")]
impl IncrementalEncoder {
    #[slot(sig = "errors='strict'")]
    fn tp_new(cls: &Type, errors: Arg<&Object>) -> PyResult<Ref<IncrementalEncoder>> {
        IncrementalEncoder::make(cls, None, errors.into_option())
    }
    #[slot(raw)]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let _ = args;
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut IncrementalEncoder) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<IncrementalEncoder>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        self.visit(visit)
    }
    #[slot]
    fn tp_clear(&self) {
        self.forget();
    }
    #[pymethod(sig = "input, final=False")]
    fn encode(&self, input: &Object, r#final: Arg<bool>) -> PyResult<ByteString> {
        self.inner.encode_piece(self, input, r#final.unwrap_or(false)).map(ByteString)
    }
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        let codec = self.inner.codec()?;
        self.inner.keep(Rest { state: codec.start(), ..Rest::default() });
        Ok(())
    }
    #[pymethod]
    fn getstate(&self) -> PyResult<Ref<Int>> {
        let rest = self.inner.take();
        let text = Str::from_ucs4(&rest.chars)?;
        let left = text.to_str()?.as_bytes();
        let mut bytes = vec![left.len() as u8];
        bytes.extend_from_slice(left);
        bytes.extend_from_slice(&rest.state);
        state_number(&bytes)
    }
    #[pymethod(sig = "state, /")]
    fn setstate(&self, state: &Object) -> PyResult<()> {
        let bytes = number_bytes(state, 1 + MOST_BYTES + 8)?;
        let n = bytes[0] as usize;
        if n > MOST_BYTES {
            return Err(raise!(UnicodeError, "pending buffer too large"));
        }
        let left = runtime::objects::codecs::utf::decode_utf8(&bytes[1..1 + n], None, true, "utf-8")?.0;
        let mut s = State::default();
        s.copy_from_slice(&bytes[1 + n..9 + n]);
        self.inner.keep(Rest { chars: left.chars().collect(), bytes: Vec::new(), state: s });
        Ok(())
    }
    #[pygetset]
    fn errors(&self) -> PyRef {
        self.inner.errors.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_errors(&self, v: Option<&Object>) -> PyResult<()> {
        self.inner.set_errors(self, v)
    }
}

#[pyclass(name = "MultibyteIncrementalDecoder", module = "_multibytecodec", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE")]
impl IncrementalDecoder {
    #[slot(sig = "errors='strict'")]
    fn tp_new(cls: &Type, errors: Arg<&Object>) -> PyResult<Ref<IncrementalDecoder>> {
        IncrementalDecoder::make(cls, None, errors.into_option())
    }
    #[slot(raw)]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let _ = args;
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut IncrementalDecoder) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<IncrementalDecoder>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        self.visit(visit)
    }
    #[slot]
    fn tp_clear(&self) {
        self.forget();
    }
    #[pymethod(sig = "input, final=False")]
    fn decode(&self, input: &Object, r#final: Arg<bool>) -> PyResult<Ref<Str>> {
        let data = bytes_arg(input)?;
        self.inner.decode_piece(self, &data, r#final.unwrap_or(false))
    }
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        self.inner.reset_decoder()
    }
    #[pymethod]
    fn getstate(&self) -> PyResult<(ByteString, Ref<Int>)> {
        let rest = self.inner.take();
        Ok((ByteString(rest.bytes), state_number(&rest.state)?))
    }
    #[pymethod(sig = "state, /")]
    fn setstate(&self, state: &Object) -> PyResult<()> {
        let Some(t) = state.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "setstate() argument must be tuple, not {}", state.ty().name_str()));
        };
        if t.len() != 2 {
            return Err(raise!(TypeError, "setstate(): illegal state argument"));
        }
        let (Some(left), true) = (t.get(0).downcast::<Bytes>(), t.get(1).downcast::<Int>().is_some()) else {
            return Err(raise!(TypeError, "setstate(): illegal state argument"));
        };
        let mut s = State::default();
        s.copy_from_slice(&number_bytes(t.get(1), 8)?);
        let left = left.as_slice();
        if left.len() > MOST_BYTES {
            let name = self.inner.codec()?.name;
            return Err(raise_decode_error(name, left, 0, left.len(), "pending buffer too large"));
        }
        self.inner.keep(Rest { chars: Vec::new(), bytes: left.to_vec(), state: s });
        Ok(())
    }
    #[pygetset]
    fn errors(&self) -> PyRef {
        self.inner.errors.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_errors(&self, v: Option<&Object>) -> PyResult<()> {
        self.inner.set_errors(self, v)
    }
}

impl StreamReader {
    /// Reads from the stream by a method of it and decodes; negative sizes read all.
    fn fetch(&self, method: &Str, size: isize) -> PyResult<Ref<Str>> {
        if size == 0 {
            return Str::new("");
        }
        let stream = self.inner.stream.get(self).unwrap_or_else(none_ref);
        let mut size = size;
        loop {
            let got = if size < 0 {
                stream.call_method(method, &[])?
            } else {
                stream.call_method(method, &[&*size.into_py()?])?
            };
            let Some(b) = got.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "stream function returned a non-bytes object ({})", got.ty().name_str()));
            };
            let ended = b.len() == 0;
            let text = self.inner.decode_piece(self, b.as_slice(), ended || size < 0)?;
            if ended || size < 0 || text.len() > 0 {
                return Ok(text);
            }
            size = 1;
        }
    }
    fn size(o: &Object) -> PyResult<isize> {
        if o.is_none() {
            return Ok(-1);
        }
        if o.downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "integer argument expected, got '{}'", o.ty().name_str()));
        }
        o.as_isize()
    }
}

#[pyclass(name = "MultibyteStreamReader", module = "_multibytecodec", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE")]
impl StreamReader {
    #[slot(sig = "stream, errors='strict'")]
    fn tp_new(cls: &Type, stream: &Object, errors: Arg<&Object>) -> PyResult<Ref<StreamReader>> {
        StreamReader::make(cls, Some(stream), errors.into_option())
    }
    #[slot(raw)]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let _ = args;
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut StreamReader) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<StreamReader>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        self.visit(visit)
    }
    #[slot]
    fn tp_clear(&self) {
        self.forget();
    }
    #[pymethod(sig = "sizeobj=None, /")]
    fn read(&self, sizeobj: &Object) -> PyResult<Ref<Str>> {
        self.fetch(intern!("read"), StreamReader::size(sizeobj)?)
    }
    #[pymethod(sig = "sizeobj=None, /")]
    fn readline(&self, sizeobj: &Object) -> PyResult<Ref<Str>> {
        self.fetch(intern!("readline"), StreamReader::size(sizeobj)?)
    }
    #[pymethod(sig = "sizehintobj=None, /")]
    fn readlines(&self, sizehintobj: &Object) -> PyResult<PyRef> {
        let text = self.fetch(intern!("read"), StreamReader::size(sizehintobj)?)?;
        text.call_method(intern!("splitlines"), &[&**Bool::of(true)])
    }
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        self.inner.reset_decoder()
    }
    #[pygetset]
    fn stream(&self) -> PyRef {
        self.inner.stream.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn errors(&self) -> PyRef {
        self.inner.errors.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_errors(&self, v: Option<&Object>) -> PyResult<()> {
        self.inner.set_errors(self, v)
    }
}

impl StreamWriter {
    fn put(&self, text: &Object) -> PyResult<()> {
        let bytes = Bytes::new(&self.inner.encode_piece(self, text, false)?)?;
        self.stream().call_method(intern!("write"), &[&bytes]).map(drop)
    }
}

#[pyclass(name = "MultibyteStreamWriter", module = "_multibytecodec", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE")]
impl StreamWriter {
    #[slot(sig = "stream, errors='strict'")]
    fn tp_new(cls: &Type, stream: &Object, errors: Arg<&Object>) -> PyResult<Ref<StreamWriter>> {
        StreamWriter::make(cls, Some(stream), errors.into_option())
    }
    #[slot(raw)]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        let _ = args;
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut StreamWriter) {
        // SAFETY: the last reference is gone.
        unsafe { runtime::objects::support::dealloc::<StreamWriter>(this.cast()) }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut runtime::mem::Visitor) -> core::ffi::c_int {
        self.visit(visit)
    }
    #[slot]
    fn tp_clear(&self) {
        self.forget();
    }
    #[pymethod(sig = "strobj, /")]
    fn write(&self, strobj: &Object) -> PyResult<()> {
        self.put(strobj)
    }
    #[pymethod(sig = "lines, /")]
    fn writelines(&self, lines: &Object) -> PyResult<()> {
        for line in lines.to_list()?.snapshot() {
            self.put(&line)?;
        }
        Ok(())
    }
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        let left = self.inner.reset_encoder()?;
        if left.is_empty() {
            return Ok(());
        }
        self.stream().call_method(intern!("write"), &[&*Bytes::new(&left)?]).map(drop)
    }
    #[pygetset]
    fn stream(&self) -> PyRef {
        self.inner.stream.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn errors(&self) -> PyRef {
        self.inner.errors.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_errors(&self, v: Option<&Object>) -> PyResult<()> {
        self.inner.set_errors(self, v)
    }
}

#[pymodule(name = "_multibytecodec", gil = not_used)]
pub mod _multibytecodec {
    use super::*;

    #[exec]
    fn setup(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(<MultibyteCodec as runtime::convert::HasSpec>::spec())?;
        m.add_type::<IncrementalEncoder>()?;
        m.add_type::<IncrementalDecoder>()?;
        m.add_type::<StreamReader>()?;
        m.add_type::<StreamWriter>()
    }
}

fn getcodec(name: &Object, module: &str) -> PyResult<PyRef> {
    let Some(s) = name.downcast::<Str>() else {
        return Err(raise!(TypeError, "codec name must be a string."));
    };
    let Some(codec) = codec::find(&s.to_string_lossy(), module) else {
        return Err(raise!(LookupError, "no such codec is supported."));
    };
    runtime::objects::support::import("_multibytecodec")?;
    let o = alloc::<MultibyteCodec>(MultibyteCodec::type_object())?;
    // SAFETY: nobody else has the object yet.
    unsafe { (*o.as_raw().cast::<MultibyteCodec>()).codec = Some(codec) };
    Ok(o.upcast())
}

macro_rules! modules {
    ($($m:ident $name:literal)*) => {$(
        pub mod $m {
            use macros::pymodule;

            #[pymodule(name = $name, gil = not_used)]
            pub mod $m {
                use runtime::prelude::*;

                /// The codec of a name.
                #[pyfunction]
                fn getcodec(name: &Object) -> PyResult<PyRef> {
                    super::super::getcodec(name, $name)
                }
            }
        }
    )*};
}
modules! {
    _codecs_cn "_codecs_cn"
    _codecs_hk "_codecs_hk"
    _codecs_iso2022 "_codecs_iso2022"
    _codecs_jp "_codecs_jp"
    _codecs_kr "_codecs_kr"
    _codecs_tw "_codecs_tw"
}
