//! Universal newlines: `IncrementalNewlineDecoder` and the translation it shares with `StringIO` and `TextIOWrapper`.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use macros::pyclass;
use runtime::objects::support::{self, Slot};
use runtime::prelude::*;

pub const SEEN_CR: u8 = 1;
pub const SEEN_LF: u8 = 2;
pub const SEEN_CRLF: u8 = 4;

/// Notes the newlines of `s` in `seen` and, if asked to, makes them all `\n`.
pub fn translate_text(s: &Str, translate: bool, seen: &AtomicU8) -> PyResult<Ref<Str>> {
    // Text without a carriage return needs nothing but a note of its line feeds.
    let data = s.data();
    let (mut cr, mut lf) = (false, false);
    if let Some(a) = s.as_ascii() {
        cr = a.as_bytes().contains(&b'\r');
        lf = a.as_bytes().contains(&b'\n');
    } else {
        for c in data.chars() {
            cr |= c == 13;
            lf |= c == 10;
        }
    }
    if !cr {
        if lf {
            seen.fetch_or(SEEN_LF, Relaxed);
        }
        return Ok(Ref::new_ref(s));
    }
    let mut out = if translate { Some(runtime::objects::StrBuilder::with_capacity(s.len())) } else { None };
    let mut kinds = 0;
    let mut i = 0;
    let n = s.len();
    while i < n {
        let c = s.char_at(i);
        i += 1;
        let c = match c {
            10 => {
                kinds |= SEEN_LF;
                10
            }
            13 if i < n && s.char_at(i) == 10 => {
                kinds |= SEEN_CRLF;
                i += 1;
                if !translate {
                    continue;
                }
                10
            }
            13 => {
                kinds |= SEEN_CR;
                10
            }
            c => c,
        };
        if let Some(b) = &mut out {
            b.push_u32(c);
        }
    }
    seen.fetch_or(kinds, Relaxed);
    match out {
        Some(b) => b.finish(),
        None => Ok(Ref::new_ref(s)),
    }
}

/// The `newlines` attribute for what was seen.
pub fn newlines_value(seen: u8) -> PyResult<PyRef> {
    let mut v = Vec::new();
    for (bit, text) in [(SEEN_CR, "\r"), (SEEN_LF, "\n"), (SEEN_CRLF, "\r\n")] {
        if seen & bit != 0 {
            v.push((**Str::intern(text)).to_ref());
        }
    }
    match v.len() {
        0 => Ok(none_ref()),
        1 => Ok(v.remove(0)),
        _ => Tuple::from_refs(v).map(Ref::upcast),
    }
}

/// A decoder that translates newlines, around another decoder (or none, for text).
#[repr(C)]
pub struct NewlineDecoder {
    head: abi::PyObject,
    decoder: Slot,
    errors: Slot,
    translate: AtomicBool,
    pending_cr: AtomicBool,
    seen: AtomicU8,
}
pub static mut NEWLINE_DECODER_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(NewlineDecoder, NEWLINE_DECODER_TYPE);
runtime::fields!(NewlineDecoder: decoder, errors);

impl NewlineDecoder {
    pub fn create(decoder: &Object, translate: bool) -> PyResult<Ref<NewlineDecoder>> {
        let d = support::alloc::<NewlineDecoder>(NewlineDecoder::type_object())?;
        d.decoder.init(decoder.to_ref());
        d.translate.store(translate, Relaxed);
        Ok(support::track(d))
    }
    /// Decodes `input` (bytes, or text when there is no inner decoder).
    pub fn decode_input(&self, input: &Object, last: bool) -> PyResult<PyRef> {
        let inner = self.decoder.get(self);
        let Some(inner) = inner else {
            return Err(raise!(ValueError, "IncrementalNewlineDecoder.__init__() not called"));
        };
        let out = if inner.is_none() {
            input.to_ref()
        } else {
            inner.call_method(intern!("decode"), &[input, Bool::of(last)])?
        };
        let Some(text) = out.downcast::<Str>() else {
            return Err(raise!(TypeError, "decoder should return a string result, not '{}'", out.ty().name_str()));
        };
        let mut text = Ref::new_ref(text);
        // A carriage return at the end waits: a line feed may follow.
        if self.pending_cr.load(Relaxed) && (last || text.len() > 0) {
            text = Str::new("\r")?.concat(&text)?;
            self.pending_cr.store(false, Relaxed);
        }
        let n = text.len();
        if !last && n > 0 && text.char_at(n - 1) == 13 {
            text = text.substring(0, n - 1)?;
            self.pending_cr.store(true, Relaxed);
        }
        translate_text(&text, self.translate.load(Relaxed), &self.seen).map(Ref::upcast)
    }
}

/// IncrementalNewlineDecoder(decoder, translate, errors='strict')
/// --
///
/// Codec used when reading a file in universal newlines mode.
#[pyclass(name = "IncrementalNewlineDecoder", module = "_io", type_object = NEWLINE_DECODER_TYPE, flags = "BASETYPE|HAVE_GC",
    slots(tp_traverse = support::traverse::<NewlineDecoder>, tp_clear = support::clear::<NewlineDecoder>, tp_dealloc = support::dealloc::<NewlineDecoder>))]
impl NewlineDecoder {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<NewlineDecoder>> {
        let _ = args;
        support::alloc::<NewlineDecoder>(cls).map(support::track)
    }
    #[slot(sig = "decoder, translate, errors='strict'")]
    fn tp_init(&self, decoder: &Object, translate: bool, errors: Arg<&Object>) -> PyResult<()> {
        drop(self.decoder.replace(self, Some(decoder.to_ref())));
        let errors = match errors {
            Arg::Given(e) => e.to_ref(),
            Arg::Missing => (**Str::intern("strict")).to_ref(),
        };
        drop(self.errors.replace(self, Some(errors)));
        self.translate.store(translate, Relaxed);
        self.pending_cr.store(false, Relaxed);
        self.seen.store(0, Relaxed);
        Ok(())
    }
    #[pymethod(sig = "input, final=False")]
    fn decode(&self, input: &Object, r#final: bool) -> PyResult<PyRef> {
        self.decode_input(input, r#final)
    }
    #[pymethod]
    fn getstate(&self) -> PyResult<(PyRef, PyRef)> {
        let (buf, flag) = match self.decoder.get(self) {
            Some(d) if !d.is_none() => {
                let s = runtime::import::import_attr("_io", "IncrementalNewlineDecoder").ok();
                let _ = s;
                let st = d.call_method(intern!("getstate"), &[])?;
                match st.downcast::<Tuple>() {
                    Some(t) if t.len() == 2 => (t.get(0).to_ref(), t.get(1).to_ref()),
                    _ => return Err(raise!(TypeError, "illegal decoder state")),
                }
            }
            _ => (Bytes::new(b"")?.upcast(), Int::from_i64(0)?.upcast()),
        };
        let one = Int::from_i64(1)?;
        let mut f = flag.lshift(&one)?;
        if self.pending_cr.load(Relaxed) {
            f = f.or(&one)?;
        }
        Ok((buf, f))
    }
    #[pymethod]
    fn setstate(&self, state: &Object) -> PyResult<()> {
        let Some(t) = state.downcast::<Tuple>().filter(|t| t.len() == 2) else {
            return Err(raise!(TypeError, "state argument must be a tuple"));
        };
        let one = Int::from_i64(1)?;
        self.pending_cr.store(t.get(1).and(&one)?.is_true()?, Relaxed);
        if let Some(d) = self.decoder.get(self)
            && !d.is_none()
        {
            let f = t.get(1).rshift(&one)?;
            let st = Tuple::from_slice(&[t.get(0), &f])?;
            d.call_method(intern!("setstate"), &[&st])?;
        }
        Ok(())
    }
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        self.seen.store(0, Relaxed);
        self.pending_cr.store(false, Relaxed);
        if let Some(d) = self.decoder.get(self)
            && !d.is_none()
        {
            d.call_method(intern!("reset"), &[])?;
        }
        Ok(())
    }
    #[pygetset]
    fn newlines(&self) -> PyResult<PyRef> {
        newlines_value(self.seen.load(Relaxed))
    }
}
