//! `_lzma`: the formats of xz, by liblzma.

use crate::compressor::{Decode, Refused, Unpacker, boxed_class, limit};
use core::ffi::c_void;
use liblzma_sys as lz;
use macros::{pyclass, pymodule};
use runtime::convert::FromPy;
use runtime::objects::byteops::bytes_arg;
use runtime::prelude::*;
use std::sync::OnceLock;

static ERROR: OnceLock<PyRef> = OnceLock::new();

const FORMAT_AUTO: i32 = 0;
const FORMAT_XZ: i32 = 1;
const FORMAT_ALONE: i32 = 2;
const FORMAT_RAW: i32 = 3;
const CHECK_UNKNOWN: u32 = 16;

fn error(text: &str) -> Raised {
    match ERROR.get().and_then(|e| e.downcast::<Type>()) {
        Some(t) => runtime::error::raise_message(t, format_args!("{text}")),
        None => raise!(SystemError, "_lzma is not initialised"),
    }
}

fn failed(code: lz::lzma_ret) -> Raised {
    match code {
        lz::LZMA_UNSUPPORTED_CHECK => error("Unsupported integrity check"),
        lz::LZMA_MEM_ERROR => raise!(MemoryError, "out of memory"),
        lz::LZMA_MEMLIMIT_ERROR => error("Memory usage limit exceeded"),
        lz::LZMA_FORMAT_ERROR => error("Input format not supported by decoder"),
        lz::LZMA_OPTIONS_ERROR => error("Invalid or unsupported options"),
        lz::LZMA_DATA_ERROR => error("Corrupt input data"),
        lz::LZMA_BUF_ERROR => error("Insufficient buffer space"),
        lz::LZMA_PROG_ERROR => error("Internal error"),
        c => error(&format!("Unrecognized error from liblzma: {c}")),
    }
}

/// `lzma_options_delta`
#[repr(C)]
#[derive(Clone, Copy)]
struct Delta {
    kind: u32,
    dist: u32,
    reserved: [u32; 8],
    pointers: [usize; 2],
}

/// The options of one filter, in memory that `lzma_filter` points to.
enum Options {
    None,
    Lzma(Box<lz::lzma_options_lzma>),
    Delta(Box<Delta>),
    Bcj(Box<lz::lzma_options_bcj>),
}

/// A chain of filters that lives as long as it is used.
struct Chain {
    filters: Vec<lz::lzma_filter>,
    _options: Vec<Options>,
}

fn integer<T: TryFrom<i64>>(o: &Object) -> PyResult<T> {
    let i = o.index()?;
    match i.try_i64() {
        Some(v) if v < 0 => Err(raise!(ValueError, "value must be positive")),
        Some(v) => T::try_from(v).map_err(|_| raise!(OverflowError, "Value too large for uint32_t type")),
        None if i.sign() < 0 => Err(raise!(ValueError, "value must be positive")),
        None => Err(raise!(OverflowError, "Python int too large for C uint32_t")),
    }
}

/// The keys that a filter's options may have, read into place.
fn options<'a>(
    spec: &Object,
    known: &[&'a str],
    mut set: impl FnMut(&'a str, &Object) -> PyResult<()>,
) -> PyResult<()> {
    for pair in spec.call_method(intern!("items"), &[])?.to_list()?.snapshot() {
        let pair = pair.to_tuple()?;
        let name = match pair.get(0).downcast::<Str>() {
            Some(s) => s.to_string_lossy(),
            None => return Err(raise!(ValueError, "Invalid filter specifier for LZMA filter")),
        };
        if name == "id" || name == "preset" && known.contains(&"preset") {
            continue;
        }
        match known.iter().find(|k| **k == name) {
            Some(k) => set(k, pair.get(1))?,
            None => {
                return Err(raise!(
                    ValueError,
                    "Invalid filter specifier for {} filter",
                    if known.contains(&"dist") {
                        "delta"
                    } else if known.contains(&"start_offset") {
                        "BCJ"
                    } else {
                        "LZMA"
                    }
                ));
            }
        }
    }
    Ok(())
}

fn entry(spec: &Object, key: &str) -> PyResult<Option<PyRef>> {
    match spec.get_item(&*Str::new(key)?) {
        Ok(v) => Ok(Some(v)),
        Err(e) if e.matches(exc::KeyError()) => {
            e.clear();
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// One filter of a chain from its dictionary.
fn filter(spec: &Object) -> PyResult<(lz::lzma_filter, Options)> {
    let is_mapping = spec.downcast::<Dict>().is_some() || spec.getattr_opt(intern!("keys"))?.is_some();
    if !is_mapping {
        return Err(raise!(TypeError, "Filter specifier must be a dict or dict-like object"));
    }
    let Some(id) = entry(spec, "id")? else {
        return Err(raise!(ValueError, "Filter specifier must have an \"id\" entry"));
    };
    let id: u64 = u64::from_py(&id)?;
    let mut made = match id {
        lz::LZMA_FILTER_LZMA1 | lz::LZMA_FILTER_LZMA2 => {
            let preset = match entry(spec, "preset")? {
                Some(p) => integer::<u32>(&p)?,
                None => lz::LZMA_PRESET_DEFAULT,
            };
            // SAFETY: all-zero is a valid struct, which the call fills.
            let mut o: Box<lz::lzma_options_lzma> = Box::new(unsafe { core::mem::zeroed() });
            // SAFETY: the same.
            if unsafe { lz::lzma_lzma_preset(&mut *o, preset) } != 0 {
                return Err(error(&format!("Invalid compression preset: {preset}")));
            }
            let known = ["preset", "dict_size", "lc", "lp", "pb", "mode", "nice_len", "mf", "depth"];
            options(spec, &known, |k, v| {
                match k {
                    "dict_size" => o.dict_size = integer(v)?,
                    "lc" => o.lc = integer(v)?,
                    "lp" => o.lp = integer(v)?,
                    "pb" => o.pb = integer(v)?,
                    "mode" => o.mode = integer(v)?,
                    "nice_len" => o.nice_len = integer(v)?,
                    "mf" => o.mf = integer(v)?,
                    _ => o.depth = integer(v)?,
                }
                Ok(())
            })?;
            Options::Lzma(o)
        }
        lz::LZMA_FILTER_DELTA => {
            let mut o = Box::new(Delta { kind: 0, dist: 1, reserved: [0; 8], pointers: [0; 2] });
            options(spec, &["dist"], |_, v| {
                o.dist = integer(v)?;
                Ok(())
            })?;
            Options::Delta(o)
        }
        lz::LZMA_FILTER_X86..=lz::LZMA_FILTER_SPARC => {
            // SAFETY: all-zero is a valid struct.
            let mut o: Box<lz::lzma_options_bcj> = Box::new(unsafe { core::mem::zeroed() });
            options(spec, &["start_offset"], |_, v| {
                o.start_offset = integer(v)?;
                Ok(())
            })?;
            Options::Bcj(o)
        }
        id => return Err(raise!(ValueError, "Invalid filter ID: {}", id)),
    };
    let options: *mut c_void = match &mut made {
        Options::None => core::ptr::null_mut(),
        Options::Lzma(o) => (&raw mut **o).cast(),
        Options::Delta(o) => (&raw mut **o).cast(),
        Options::Bcj(o) => (&raw mut **o).cast(),
    };
    Ok((lz::lzma_filter { id, options }, made))
}

const END: lz::lzma_filter = lz::lzma_filter { id: u64::MAX, options: core::ptr::null_mut() };

fn chain(specs: &Object) -> PyResult<Chain> {
    if specs.downcast::<Dict>().is_some() {
        return Err(raise!(TypeError, "object of type 'dict' is not a sequence"));
    }
    let specs = specs.to_list()?.snapshot();
    if specs.len() > 4 {
        return Err(raise!(ValueError, "Too many filters - liblzma supports a maximum of 4"));
    }
    let mut c = Chain { filters: Vec::new(), _options: Vec::new() };
    for s in specs {
        let (f, o) = filter(&s)?;
        c.filters.push(f);
        c._options.push(o);
    }
    c.filters.push(END);
    Ok(c)
}

/// A stream, ended when dropped.
struct Stream {
    s: Box<lz::lzma_stream>,
    check: u32,
    raw: bool,
}
// SAFETY: a stream is used by one thread at a time (it lives under a lock).
unsafe impl Send for Stream {}

impl Stream {
    fn new(start: impl FnOnce(*mut lz::lzma_stream) -> lz::lzma_ret) -> PyResult<Stream> {
        // SAFETY: null pointers and zeros are a blank stream.
        let mut s = Stream { s: Box::new(unsafe { core::mem::zeroed() }), check: CHECK_UNKNOWN, raw: false };
        match start(&mut *s.s) {
            lz::LZMA_OK => Ok(s),
            code => Err(failed(code)),
        }
    }
    /// Reads `input` and appends to `out`, at most `max` bytes; the code and how much was read.
    fn run(&mut self, input: &[u8], action: lz::lzma_action, out: &mut Vec<u8>, max: usize) -> (lz::lzma_ret, usize) {
        let most = out.len().saturating_add(max);
        let mut chunk = 16 * 1024;
        self.s.next_in = input.as_ptr();
        self.s.avail_in = input.len();
        loop {
            let room = chunk.min(most - out.len());
            out.reserve(room.max(1));
            self.s.next_out = out.spare_capacity_mut().as_mut_ptr().cast();
            self.s.avail_out = room;
            // SAFETY: a live stream over the input slice and the spare capacity of the output.
            let mut code = unsafe { lz::lzma_code(&mut *self.s, action) };
            let made = room - self.s.avail_out;
            // SAFETY: the stream wrote that many bytes.
            unsafe { out.set_len(out.len() + made) };
            // An empty step is no error: more input or room may come.
            if code == lz::LZMA_BUF_ERROR && self.s.avail_in == 0 && self.s.avail_out > 0 {
                code = lz::LZMA_OK;
            }
            if code == lz::LZMA_GET_CHECK || code == lz::LZMA_NO_CHECK {
                // SAFETY: a live stream.
                self.check = unsafe { lz::lzma_get_check(&*self.s) } as u32;
            }
            let used = input.len() - self.s.avail_in;
            match code {
                lz::LZMA_OK | lz::LZMA_GET_CHECK | lz::LZMA_NO_CHECK => {}
                c => return (c, used),
            }
            if out.len() >= most || self.s.avail_out > 0 && self.s.avail_in == 0 && action == lz::LZMA_RUN {
                return (lz::LZMA_OK, used);
            }
            chunk = (chunk * 2).min(1 << 26);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a stream, ended once.
        unsafe { lz::lzma_end(&mut *self.s) };
    }
}

impl Decode for Stream {
    type Error = lz::lzma_ret;
    const HOLDS_BACK: bool = true;
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(usize, bool), lz::lzma_ret> {
        match self.run(input, lz::LZMA_RUN, out, limit) {
            (lz::LZMA_OK, used) => Ok((used, false)),
            (lz::LZMA_STREAM_END, used) => Ok((used, true)),
            (code, _) => Err(code),
        }
    }
}

boxed_class!(LzmaCompressor, LZMA_COMPRESSOR_TYPE, Option<Stream>);
boxed_class!(LzmaDecompressor, LZMA_DECOMPRESSOR_TYPE, Unpacker<Stream>);

fn given<'a>(a: &Arg<&'a Object>) -> Option<&'a Object> {
    match a {
        Arg::Given(o) if !o.is_none() => Some(*o),
        _ => None,
    }
}

/// LZMACompressor(format=FORMAT_XZ, check=-1, preset=None, filters=None)
///
/// Create a compressor object for compressing data incrementally: with a preset (0 to 9, maybe with PRESET_EXTREME), or with a chain of
/// filters (dictionaries with an "id" and the filter's options), which FORMAT_RAW needs.
#[pyclass(name = "LZMACompressor", module = "_lzma", type_object = LZMA_COMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl LzmaCompressor {
    #[slot(sig = "format=1, check=-1, preset=None, filters=None")]
    fn tp_new(
        cls: &Type,
        format: Arg<i32>,
        check: Arg<i32>,
        preset: Arg<&Object>,
        filters: Arg<&Object>,
    ) -> PyResult<PyRef> {
        let (format, check) = (format.unwrap_or(FORMAT_XZ), check.unwrap_or(-1));
        let (preset, filters) = (given(&preset), given(&filters));
        if preset.is_some() && filters.is_some() {
            return Err(raise!(ValueError, "Cannot specify both preset and filter chain"));
        }
        let level = match preset {
            Some(p) => integer::<u32>(p)?,
            None => lz::LZMA_PRESET_DEFAULT,
        };
        if format != FORMAT_XZ && check != -1 && check != 0 {
            return Err(raise!(ValueError, "Integrity checks are only supported by FORMAT_XZ"));
        }
        let chain = filters.map(chain).transpose()?;
        let s = match (format, &chain) {
            (FORMAT_XZ, _) => {
                let check = if check == -1 { lz::LZMA_CHECK_CRC64 } else { check as lz::lzma_check };
                Stream::new(|s| {
                    // SAFETY: a blank stream and a chain that ends.
                    unsafe {
                        match &chain {
                            Some(c) => lz::lzma_stream_encoder(s, c.filters.as_ptr(), check),
                            None => lz::lzma_easy_encoder(s, level, check),
                        }
                    }
                })?
            }
            (FORMAT_ALONE, None) => {
                // SAFETY: all-zero is a valid struct, which the call fills.
                let mut o: lz::lzma_options_lzma = unsafe { core::mem::zeroed() };
                // SAFETY: the same.
                if unsafe { lz::lzma_lzma_preset(&mut o, level) } != 0 {
                    return Err(error(&format!("Invalid compression preset: {level}")));
                }
                // SAFETY: a blank stream and filled options.
                Stream::new(|s| unsafe { lz::lzma_alone_encoder(s, &o) })?
            }
            (FORMAT_ALONE, Some(c)) => {
                if c.filters.len() != 2 || c.filters[0].id != lz::LZMA_FILTER_LZMA1 {
                    return Err(raise!(
                        ValueError,
                        "Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter"
                    ));
                }
                let o: *const lz::lzma_options_lzma = c.filters[0].options.cast_const().cast();
                // SAFETY: a blank stream and the filter's options.
                Stream::new(|s| unsafe { lz::lzma_alone_encoder(s, o) })?
            }
            (FORMAT_RAW, None) => return Err(raise!(ValueError, "Must specify filters for FORMAT_RAW")),
            // SAFETY: a blank stream and a chain that ends.
            (FORMAT_RAW, Some(c)) => Stream::new(|s| unsafe { lz::lzma_raw_encoder(s, c.filters.as_ptr()) })?,
            _ => return Err(raise!(ValueError, "Invalid container format: {}", format)),
        };
        Ok(LzmaCompressor::wrap_as(cls, Some(s))?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut LzmaCompressor) {
        // SAFETY: the last reference is gone.
        unsafe { LzmaCompressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '_lzma.LZMACompressor' object"))
    }
    /// Takes data and returns what is packed so far, maybe nothing; flush() gives the rest.
    #[pymethod(sig = "data, /")]
    fn compress(&self, data: &Object) -> PyResult<Ref<Bytes>> {
        let d = bytes_arg(data)?;
        let r = self.with(|s| {
            let mut out = Vec::new();
            Some((s.as_mut()?.run(&d, lz::LZMA_RUN, &mut out, usize::MAX >> 1).0, out))
        });
        match r {
            Some((lz::LZMA_OK | lz::LZMA_STREAM_END, v)) => Bytes::new(&v),
            Some((code, _)) => Err(failed(code)),
            None => Err(raise!(ValueError, "Compressor has been flushed")),
        }
    }
    /// Ends the stream and returns what is left of it; the compressor cannot be used any more.
    #[pymethod]
    fn flush(&self) -> PyResult<Ref<Bytes>> {
        let r = self.with(|slot| {
            let mut out = Vec::new();
            Some((slot.take()?.run(b"", lz::LZMA_FINISH, &mut out, usize::MAX >> 1).0, out))
        });
        match r {
            Some((lz::LZMA_OK | lz::LZMA_STREAM_END, v)) => Bytes::new(&v),
            Some((code, _)) => Err(failed(code)),
            None => Err(raise!(ValueError, "Repeated call to flush()")),
        }
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// FORMAT_AUTO finds out between FORMAT_XZ and FORMAT_ALONE; FORMAT_RAW needs a chain of filters. memlimit is the memory that may be
/// used, in bytes.
#[pyclass(name = "LZMADecompressor", module = "_lzma", type_object = LZMA_DECOMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl LzmaDecompressor {
    #[slot(sig = "format=0, memlimit=None, filters=None")]
    fn tp_new(cls: &Type, format: Arg<i32>, memlimit: Arg<&Object>, filters: Arg<&Object>) -> PyResult<PyRef> {
        let format = format.unwrap_or(FORMAT_AUTO);
        let filters = given(&filters);
        let memory = match given(&memlimit) {
            Some(_) if format == FORMAT_RAW => {
                return Err(raise!(ValueError, "Cannot specify memory limit with FORMAT_RAW"));
            }
            Some(m) => u64::from_py(m)?,
            None => u64::MAX,
        };
        match (format, filters.is_some()) {
            (FORMAT_RAW, false) => return Err(raise!(ValueError, "Must specify filters for FORMAT_RAW")),
            (FORMAT_RAW, true) | (_, false) => {}
            (_, true) => return Err(raise!(ValueError, "Cannot specify filters except with FORMAT_RAW")),
        }
        let flags = lz::LZMA_TELL_ANY_CHECK | lz::LZMA_TELL_NO_CHECK;
        let mut s = match format {
            // SAFETY: a blank stream.
            FORMAT_AUTO => Stream::new(|s| unsafe { lz::lzma_auto_decoder(s, memory, flags) })?,
            // SAFETY: the same.
            FORMAT_XZ => Stream::new(|s| unsafe { lz::lzma_stream_decoder(s, memory, flags) })?,
            // SAFETY: the same.
            FORMAT_ALONE => Stream::new(|s| unsafe { lz::lzma_alone_decoder(s, memory) })?,
            FORMAT_RAW => {
                let c = chain(filters.unwrap_or(none()))?;
                // SAFETY: a blank stream and a chain that ends.
                Stream::new(|s| unsafe { lz::lzma_raw_decoder(s, c.filters.as_ptr()) })?
            }
            _ => return Err(raise!(ValueError, "Invalid container format: {}", format)),
        };
        s.raw = format == FORMAT_RAW;
        if matches!(format, FORMAT_ALONE | FORMAT_RAW) {
            s.check = 0;
        }
        Ok(LzmaDecompressor::wrap_as(cls, Unpacker::new(s))?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut LzmaDecompressor) {
        // SAFETY: the last reference is gone.
        unsafe { LzmaDecompressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '_lzma.LZMADecompressor' object"))
    }
    /// Unpacks data, at most max_length bytes when it is not negative; the rest waits for the next call.
    ///
    /// When needs_input is true more data must be given, otherwise data may be empty.
    #[pymethod(sig = "data, max_length=-1")]
    fn decompress(&self, data: &Object, max_length: Arg<isize>) -> PyResult<Ref<Bytes>> {
        let d = bytes_arg(data)?;
        let most = limit(max_length.unwrap_or(-1));
        match self.with(|u| u.feed(&d, most)) {
            Ok(v) => Bytes::new(&v),
            Err(Refused::Ended) => Err(raise!(EOFError, "Already at end of stream")),
            Err(Refused::Failed(code)) => Err(failed(code)),
        }
    }
    /// ID of the integrity check used by the input stream.
    #[pygetset]
    fn check(&self) -> u32 {
        self.with(|u| u.codec.check)
    }
    /// True if the end-of-stream marker has been reached.
    #[pygetset]
    fn eof(&self) -> bool {
        self.with(|u| u.eof)
    }
    /// Data found after the end of the compressed stream.
    #[pygetset]
    fn unused_data(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|u| u.unused.clone()))
    }
    /// True if more input is needed before more decompressed data can be produced.
    #[pygetset]
    fn needs_input(&self) -> bool {
        self.with(|u| u.needs_input)
    }
}

#[pymodule(name = "_lzma")]
pub mod _lzma {
    use super::*;

    /// Test whether the given integrity check is supported.
    #[pyfunction(sig = "check_id, /")]
    fn is_check_supported(check_id: i32) -> bool {
        // SAFETY: no pointers.
        unsafe { lz::lzma_check_is_supported(check_id as lz::lzma_check) != 0 }
    }
    /// Return a bytes object encoding the options (properties) of the filter, without its ID.
    #[pyfunction(sig = "filter, /")]
    fn _encode_filter_properties(filter: &Object) -> PyResult<Ref<Bytes>> {
        let (f, _options) = super::filter(filter)?;
        let mut size = 0;
        // SAFETY: a filter with its options.
        let code = unsafe { lz::lzma_properties_size(&mut size, &f) };
        if code != lz::LZMA_OK {
            return Err(failed(code));
        }
        let mut out = vec![0; size as usize];
        // SAFETY: room for what the library said.
        match unsafe { lz::lzma_properties_encode(&f, out.as_mut_ptr()) } {
            lz::LZMA_OK => Bytes::new(&out),
            code => Err(failed(code)),
        }
    }
    /// Return a dictionary of the options that encoded_props hold, for the filter with the given ID.
    #[pyfunction(sig = "filter_id, encoded_props, /")]
    fn _decode_filter_properties(filter_id: u64, encoded_props: &Object) -> PyResult<Ref<Dict>> {
        let d = bytes_arg(encoded_props)?;
        let mut f = lz::lzma_filter { id: filter_id, options: core::ptr::null_mut() };
        // SAFETY: a slice; the options are allocated by the C library.
        let code = unsafe { lz::lzma_properties_decode(&mut f, core::ptr::null(), d.as_ptr(), d.len()) };
        if code != lz::LZMA_OK {
            return Err(failed(code));
        }
        let mut found: Vec<(&str, u64)> = vec![("id", filter_id)];
        if !f.options.is_null() {
            // SAFETY: the options of the filter's kind, freed once.
            unsafe {
                match filter_id {
                    lz::LZMA_FILTER_LZMA1 => {
                        let o = &*f.options.cast::<lz::lzma_options_lzma>();
                        found.extend(
                            [("dict_size", o.dict_size), ("lc", o.lc), ("lp", o.lp), ("pb", o.pb)]
                                .map(|(k, v)| (k, v.into())),
                        );
                    }
                    lz::LZMA_FILTER_LZMA2 => {
                        found.push(("dict_size", (*f.options.cast::<lz::lzma_options_lzma>()).dict_size.into()));
                    }
                    lz::LZMA_FILTER_DELTA => found.push(("dist", (*f.options.cast::<Delta>()).dist.into())),
                    _ => found.push(("start_offset", (*f.options.cast::<lz::lzma_options_bcj>()).start_offset.into())),
                }
                libc::free(f.options);
            }
        }
        let r = Dict::new()?;
        for (k, v) in found {
            r.set_str(k, &*Int::from_u64(v)?)?;
        }
        Ok(r)
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(crate::_struct::new_exception("_lzma", "LZMAError", exc::Exception())?);
        }
        if let Some(e) = ERROR.get() {
            m.add("LZMAError", e.clone())?;
        }
        m.add_type::<LzmaCompressor>()?;
        m.add_type::<LzmaDecompressor>()?;
        for (k, v) in [
            ("FORMAT_AUTO", FORMAT_AUTO as u64),
            ("FORMAT_XZ", FORMAT_XZ as u64),
            ("FORMAT_ALONE", FORMAT_ALONE as u64),
            ("FORMAT_RAW", FORMAT_RAW as u64),
            ("CHECK_NONE", 0),
            ("CHECK_CRC32", 1),
            ("CHECK_CRC64", 4),
            ("CHECK_SHA256", 10),
            ("CHECK_ID_MAX", 15),
            ("CHECK_UNKNOWN", CHECK_UNKNOWN.into()),
            ("FILTER_LZMA1", lz::LZMA_FILTER_LZMA1),
            ("FILTER_LZMA2", lz::LZMA_FILTER_LZMA2),
            ("FILTER_DELTA", lz::LZMA_FILTER_DELTA),
            ("FILTER_X86", lz::LZMA_FILTER_X86),
            ("FILTER_IA64", lz::LZMA_FILTER_IA64),
            ("FILTER_ARM", lz::LZMA_FILTER_ARM),
            ("FILTER_ARMTHUMB", lz::LZMA_FILTER_ARMTHUMB),
            ("FILTER_SPARC", lz::LZMA_FILTER_SPARC),
            ("FILTER_POWERPC", lz::LZMA_FILTER_POWERPC),
            ("MF_HC3", 3),
            ("MF_HC4", 4),
            ("MF_BT2", 18),
            ("MF_BT3", 19),
            ("MF_BT4", 20),
            ("MODE_FAST", 1),
            ("MODE_NORMAL", 2),
            ("PRESET_DEFAULT", lz::LZMA_PRESET_DEFAULT.into()),
            ("PRESET_EXTREME", lz::LZMA_PRESET_EXTREME.into()),
        ] {
            m.add(k, Int::from_u64(v)?.upcast())?;
        }
        Ok(())
    }
}
