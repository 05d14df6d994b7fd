//! `_zstd`: Zstandard, by the reference library.

use crate::compressor::{Decode, Refused, Unpacker, boxed_class, limit};
use core::ffi::{CStr, c_int, c_void};
use macros::{pyclass, pymodule};
use runtime::convert::{ByteString, IntoPy};
use runtime::objects::byteops::bytes_arg;
use runtime::objects::support::{Slot, alloc, dealloc};
use runtime::prelude::*;
use std::sync::{Arc, Mutex, OnceLock};
use zstd_sys as z;
use zstd_sys::ZSTD_cParameter as C;

static ERROR: OnceLock<PyRef> = OnceLock::new();
/// The enumerations of the parameters, so that one kind is not taken for the other.
static KINDS: Mutex<Option<(PyRef, PyRef)>> = Mutex::new(None);

/// The parameters of compression: number, name in Python, name in the module.
const PARAMETERS: &[(C, &str, &str)] = &[
    (C::ZSTD_c_compressionLevel, "compression_level", "compressionLevel"),
    (C::ZSTD_c_windowLog, "window_log", "windowLog"),
    (C::ZSTD_c_hashLog, "hash_log", "hashLog"),
    (C::ZSTD_c_chainLog, "chain_log", "chainLog"),
    (C::ZSTD_c_searchLog, "search_log", "searchLog"),
    (C::ZSTD_c_minMatch, "min_match", "minMatch"),
    (C::ZSTD_c_targetLength, "target_length", "targetLength"),
    (C::ZSTD_c_strategy, "strategy", "strategy"),
    (C::ZSTD_c_enableLongDistanceMatching, "enable_long_distance_matching", "enableLongDistanceMatching"),
    (C::ZSTD_c_ldmHashLog, "ldm_hash_log", "ldmHashLog"),
    (C::ZSTD_c_ldmMinMatch, "ldm_min_match", "ldmMinMatch"),
    (C::ZSTD_c_ldmBucketSizeLog, "ldm_bucket_size_log", "ldmBucketSizeLog"),
    (C::ZSTD_c_ldmHashRateLog, "ldm_hash_rate_log", "ldmHashRateLog"),
    (C::ZSTD_c_contentSizeFlag, "content_size_flag", "contentSizeFlag"),
    (C::ZSTD_c_checksumFlag, "checksum_flag", "checksumFlag"),
    (C::ZSTD_c_dictIDFlag, "dict_id_flag", "dictIDFlag"),
    (C::ZSTD_c_nbWorkers, "nb_workers", "nbWorkers"),
    (C::ZSTD_c_jobSize, "job_size", "jobSize"),
    (C::ZSTD_c_overlapLog, "overlap_log", "overlapLog"),
];
const LEVEL: c_int = 100;
const WINDOW_LOG_MAX: c_int = 100;
/// How dictionaries are used: digested ones are 0.
const UNDIGESTED: c_int = 1;
const PREFIX: c_int = 2;
const FLUSH_FRAME: c_int = 2;

#[cold]
fn error(text: &str) -> Raised {
    match ERROR.get().and_then(|e| e.downcast::<Type>()) {
        Some(t) => runtime::error::raise_message(t, format_args!("{text}")),
        None => raise!(SystemError, "_zstd is not initialised"),
    }
}

/// What the library calls a code that is an error.
fn problem(code: usize) -> Option<String> {
    // SAFETY: any code may be asked about; the name is static.
    unsafe {
        if z::ZSTD_isError(code) == 0 {
            return None;
        }
        Some(CStr::from_ptr(z::ZSTD_getErrorName(code)).to_string_lossy().into_owned())
    }
}
fn check(what: &str, code: usize) -> PyResult<usize> {
    match problem(code) {
        None => Ok(code),
        Some(name) => Err(error(&format!("{what}: {name}"))),
    }
}

/// A compression context, freed when dropped.
struct Packer {
    context: *mut z::ZSTD_CCtx,
    mode: c_int,
    digested: *mut z::ZSTD_CDict,
    /// A prefix is not copied by the library.
    _prefix: Option<Arc<Vec<u8>>>,
}
// SAFETY: a context is used by one thread at a time (it lives under a lock).
unsafe impl Send for Packer {}
impl Drop for Packer {
    fn drop(&mut self) {
        // SAFETY: a live context and its dictionary (or null), freed once.
        unsafe {
            z::ZSTD_freeCCtx(self.context);
            z::ZSTD_freeCDict(self.digested);
        }
    }
}

impl Packer {
    fn run(&mut self, input: &[u8], mode: c_int) -> Result<Vec<u8>, usize> {
        let directive = match mode {
            0 => z::ZSTD_EndDirective::ZSTD_e_continue,
            1 => z::ZSTD_EndDirective::ZSTD_e_flush,
            _ => z::ZSTD_EndDirective::ZSTD_e_end,
        };
        let mut out: Vec<u8> = Vec::new();
        let mut source = z::ZSTD_inBuffer { src: input.as_ptr().cast(), size: input.len(), pos: 0 };
        let mut chunk = 32 * 1024;
        loop {
            out.reserve(chunk);
            let spare = out.spare_capacity_mut();
            let mut target = z::ZSTD_outBuffer { dst: spare.as_mut_ptr().cast(), size: spare.len(), pos: 0 };
            // SAFETY: a live context, the input slice and the spare capacity of the output.
            let left = unsafe { z::ZSTD_compressStream2(self.context, &mut target, &mut source, directive) };
            let made = target.pos;
            // SAFETY: so many bytes were written.
            unsafe { out.set_len(out.len() + made) };
            if problem(left).is_some() {
                self.mode = FLUSH_FRAME;
                // SAFETY: a live context.
                unsafe { z::ZSTD_CCtx_reset(self.context, z::ZSTD_ResetDirective::ZSTD_reset_session_only) };
                return Err(left);
            }
            if left == 0 || mode == 0 && source.pos == source.size {
                self.mode = mode;
                return Ok(out);
            }
            chunk = (chunk * 2).min(1 << 25);
        }
    }
}

/// A decompression context, freed when dropped.
struct Stream {
    context: *mut z::ZSTD_DCtx,
    digested: *mut z::ZSTD_DDict,
    _prefix: Option<Arc<Vec<u8>>>,
}
// SAFETY: as `Packer`.
unsafe impl Send for Stream {}
impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a live context and its dictionary (or null), freed once.
        unsafe {
            z::ZSTD_freeDCtx(self.context);
            z::ZSTD_freeDDict(self.digested);
        }
    }
}

impl Decode for Stream {
    type Error = usize;
    const HOLDS_BACK: bool = true;
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(usize, bool), usize> {
        let mut source = z::ZSTD_inBuffer { src: input.as_ptr().cast(), size: input.len(), pos: 0 };
        let mut chunk = 32 * 1024;
        loop {
            let room = chunk.min(limit - out.len());
            out.reserve(room.max(1));
            let mut target =
                z::ZSTD_outBuffer { dst: out.spare_capacity_mut().as_mut_ptr().cast(), size: room, pos: 0 };
            // SAFETY: a live context, the input slice and the spare capacity of the output.
            let left = unsafe { z::ZSTD_decompressStream(self.context, &mut target, &mut source) };
            let made = target.pos;
            // SAFETY: so many bytes were written.
            unsafe { out.set_len(out.len() + made) };
            if problem(left).is_some() {
                return Err(left);
            }
            if left == 0 {
                return Ok((source.pos, true));
            }
            if out.len() >= limit || source.pos == source.size && made < room {
                return Ok((source.pos, false));
            }
            chunk = (chunk * 2).min(1 << 25);
        }
    }
}

fn c_int_of(o: &Object) -> PyResult<c_int> {
    i32::from_py(o).map_err(|e| {
        if e.matches(exc::OverflowError()) {
            e.clear();
            return raise!(OverflowError, "Python int too large to convert to C int");
        }
        e
    })
}

fn bounds_of(parameter: c_int, compress: bool) -> Option<(c_int, c_int)> {
    let b = if compress {
        let p = PARAMETERS.iter().find(|p| p.0 as c_int == parameter)?;
        // SAFETY: a known parameter.
        unsafe { z::ZSTD_cParam_getBounds(p.0) }
    } else if parameter == WINDOW_LOG_MAX {
        // SAFETY: a known parameter.
        unsafe { z::ZSTD_dParam_getBounds(z::ZSTD_dParameter::ZSTD_d_windowLogMax) }
    } else {
        return None;
    };
    Some((b.lowerBound, b.upperBound))
}

fn level_refused(v: impl std::fmt::Display) -> Raised {
    let (low, high) = bounds_of(LEVEL, true).unwrap_or((0, 0));
    raise!(ValueError, "illegal compression level {}; the valid range is [{}, {}]", v, low, high)
}

/// Reads an options dictionary and gives each parameter to `set`, which says whether it was taken.
fn options(o: &Object, compress: bool, mut set: impl FnMut(c_int, c_int) -> bool) -> PyResult<()> {
    let what = if compress { "compression" } else { "decompression" };
    let Some(d) = o.downcast::<Dict>() else {
        let class = if compress { "ZstdCompressor" } else { "ZstdDecompressor" };
        return Err(raise!(TypeError, "{}() argument 'options' must be dict, not {}", class, o.ty().name_str()));
    };
    let kinds = KINDS.lock().unwrap_or_else(|e| e.into_inner()).clone();
    for (k, v) in d.items_snapshot() {
        if let Some((c, d)) = &kinds {
            let (other, name) = if compress { (d, "DecompressionParameter") } else { (c, "CompressionParameter") };
            let ty: &Object = k.ty();
            if ty.is(other) {
                return Err(raise!(TypeError, "{} options dictionary key must not be a {} attribute", what, name));
            }
        }
        let (key, value) = (c_int_of(&k)?, c_int_of(&v)?);
        let bounds = bounds_of(key, compress);
        if compress && key == LEVEL && bounds.is_some_and(|(a, b)| value < a || value > b) {
            return Err(level_refused(value));
        }
        if set(key, value) {
            continue;
        }
        let name = if compress {
            PARAMETERS.iter().find(|p| p.0 as c_int == key).map(|p| p.1)
        } else {
            (key == WINDOW_LOG_MAX).then_some("window_log_max")
        };
        return Err(match (name, bounds) {
            (Some(name), Some((low, high))) => raise!(
                ValueError,
                "{} parameter '{}' received an illegal value {}; the valid range is [{}, {}]",
                what,
                name,
                value,
                low,
                high
            ),
            _ => raise!(ValueError, "invalid {} parameter 'unknown parameter (key {})'", what, key),
        });
    }
    Ok(())
}

/// A dictionary argument: the content, and how it is used; `usual` when the dictionary comes alone.
fn dictionary(o: &Object, usual: c_int) -> PyResult<(Arc<Vec<u8>>, c_int)> {
    let wrong = || raise!(TypeError, "zstd_dict argument should be a ZstdDict object.");
    if let Some(d) = o.downcast::<ZstdDict>() {
        return Ok((d.bytes()?, usual));
    }
    let Some(t) = o.downcast::<Tuple>().filter(|t| t.len() == 2) else { return Err(wrong()) };
    let Some(d) = t.get(0).downcast::<ZstdDict>() else { return Err(wrong()) };
    if t.get(1).downcast::<Int>().is_none() {
        return Err(wrong());
    }
    match c_int_of(t.get(1))? {
        mode @ 0..=2 => Ok((d.bytes()?, mode)),
        _ => Err(wrong()),
    }
}

/// A dictionary that frames are compressed with.
#[repr(C)]
pub struct ZstdDict {
    head: abi::PyObject,
    content: Slot,
    id: u32,
}
runtime::fields!(ZstdDict: content);

impl ZstdDict {
    fn content(&self) -> PyResult<PyRef> {
        self.content.get(self).ok_or_else(|| raise!(SystemError, "the dictionary is empty"))
    }
    fn bytes(&self) -> PyResult<Arc<Vec<u8>>> {
        let c = self.content()?;
        Ok(Arc::new(c.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default()))
    }
    fn with_mode(&self, mode: i32) -> PyResult<PyRef> {
        let me: &Object = self;
        (me, mode).into_py()
    }
}

#[pyclass(name = "ZstdDict", module = "compression.zstd", flags = "IMMUTABLETYPE")]
impl ZstdDict {
    #[slot(sig = "dict_content, /, *, is_raw=False")]
    fn tp_new(cls: &Type, dict_content: &Object, is_raw: Arg<bool>) -> PyResult<Ref<ZstdDict>> {
        let b = bytes_arg(dict_content)?;
        if b.len() < 8 {
            return Err(raise!(ValueError, "Zstandard dictionary content too short (must have at least eight bytes)"));
        }
        // SAFETY: the content is as long as said.
        let id = unsafe { z::ZDICT_getDictID(b.as_ptr().cast(), b.len()) };
        if id == 0 && !is_raw.unwrap_or(false) {
            return Err(raise!(ValueError, "invalid Zstandard dictionary"));
        }
        let d = alloc::<ZstdDict>(cls)?;
        d.content.init(Bytes::new(&b)?.upcast());
        // SAFETY: nobody else has the object yet.
        unsafe { (*d.as_raw().cast::<ZstdDict>()).id = id };
        Ok(d)
    }
    #[slot]
    fn tp_dealloc(this: *mut ZstdDict) {
        // SAFETY: the last reference is gone.
        unsafe { dealloc::<ZstdDict>(this.cast()) }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!("<ZstdDict dict_id={} dict_size={}>", self.id, self.content()?.len()?))
    }
    #[slot]
    fn sq_length(&self) -> PyResult<usize> {
        self.content()?.len()
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle 'compression.zstd.ZstdDict' object"))
    }
    /// The content of the dictionary, as bytes.
    #[pygetset]
    fn dict_content(&self) -> PyResult<PyRef> {
        self.content()
    }
    /// The Zstandard dictionary, an int between 0 and 2**32.
    #[pygetset]
    fn dict_id(&self) -> u32 {
        self.id
    }
    /// Load as a digested dictionary to compressor.
    #[pygetset]
    fn as_digested_dict(&self) -> PyResult<PyRef> {
        self.with_mode(0)
    }
    /// Load as an undigested dictionary to compressor.
    #[pygetset]
    fn as_undigested_dict(&self) -> PyResult<PyRef> {
        self.with_mode(1)
    }
    /// Load as a prefix to compressor/decompressor.
    #[pygetset]
    fn as_prefix(&self) -> PyResult<PyRef> {
        self.with_mode(PREFIX)
    }
}

boxed_class!(ZstdCompressor, ZSTD_COMPRESSOR_TYPE, Packer);
boxed_class!(ZstdDecompressor, ZSTD_DECOMPRESSOR_TYPE, Unpacker<Stream>);

fn packed(r: Result<Vec<u8>, usize>) -> PyResult<ByteString> {
    match r {
        Ok(v) => Ok(ByteString(v)),
        Err(code) => Err(error(&format!("Unable to compress Zstandard data: {}", problem(code).unwrap_or_default()))),
    }
}

/// Create a compressor object for compressing data incrementally.
///
/// For one-shot compression there is the compress() function.
#[pyclass(name = "ZstdCompressor", module = "compression.zstd", type_object = ZSTD_COMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl ZstdCompressor {
    #[slot(sig = "level=None, options=None, zstd_dict=None")]
    fn tp_new(cls: &Type, level: &Object, options: &Object, zstd_dict: &Object) -> PyResult<PyRef> {
        // SAFETY: no preconditions.
        let context = unsafe { z::ZSTD_createCCtx() };
        if context.is_null() {
            return Err(error("Unable to create ZSTD_CCtx instance."));
        }
        let mut p = Packer { context, mode: FLUSH_FRAME, digested: core::ptr::null_mut(), _prefix: None };
        let mut chosen = 3;
        // SAFETY: a live context and a known parameter.
        let set = |c: C, v: c_int| problem(unsafe { z::ZSTD_CCtx_setParameter(context, c, v) }).is_none();
        if !level.is_none() && !options.is_none() {
            return Err(raise!(TypeError, "Only one of level or options should be used."));
        }
        if !level.is_none() {
            let Some(n) = level.downcast::<Int>() else {
                return Err(raise!(TypeError, "invalid type for level, expected int"));
            };
            let (low, high) = bounds_of(LEVEL, true).unwrap_or((0, 0));
            match n.try_i64() {
                Some(v) if (low as i64..=high as i64).contains(&v) => {
                    chosen = v as c_int;
                    set(C::ZSTD_c_compressionLevel, chosen);
                }
                Some(v) if i32::try_from(v).is_ok() => return Err(level_refused(v)),
                _ => {
                    return Err(raise!(
                        ValueError,
                        "illegal compression level; the valid range is [{}, {}]",
                        low,
                        high
                    ));
                }
            }
        }
        if !options.is_none() {
            self::options(options, true, |k, v| {
                if k == LEVEL {
                    chosen = v;
                }
                PARAMETERS.iter().find(|p| p.0 as c_int == k).is_some_and(|p| set(p.0, v))
            })?;
        }
        if !zstd_dict.is_none() {
            let (bytes, mode) = dictionary(zstd_dict, UNDIGESTED)?;
            let at: *const c_void = bytes.as_ptr().cast();
            // SAFETY: the content is as long as said; a prefix and what was digested are kept with the context, a plain dictionary is
            // copied.
            let code = unsafe {
                match mode {
                    PREFIX => z::ZSTD_CCtx_refPrefix(context, at, bytes.len()),
                    UNDIGESTED => z::ZSTD_CCtx_loadDictionary(context, at, bytes.len()),
                    _ => {
                        p.digested = z::ZSTD_createCDict(at, bytes.len(), chosen);
                        if p.digested.is_null() {
                            return Err(error(
                                "Failed to create a ZSTD_CDict instance from Zstandard dictionary content.",
                            ));
                        }
                        z::ZSTD_CCtx_refCDict(context, p.digested)
                    }
                }
            };
            p._prefix = (mode == PREFIX).then_some(bytes);
            check("Unable to load Zstandard dictionary or prefix for compression", code)?;
        }
        Ok(ZstdCompressor::wrap_as(cls, p)?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut ZstdCompressor) {
        // SAFETY: the last reference is gone.
        unsafe { ZstdCompressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle 'compression.zstd.ZstdCompressor' object"))
    }
    /// Provide data to the compressor object.
    ///
    /// Return a chunk of compressed data if possible, or b'' otherwise. When you have
    /// finished providing data to the compressor, call the flush() method to finish
    /// the compression process.
    #[pymethod(sig = "data, mode=ZstdCompressor.CONTINUE")]
    fn compress(&self, data: &Object, mode: Arg<i32>) -> PyResult<ByteString> {
        let d = bytes_arg(data)?;
        let mode = mode.unwrap_or(0);
        if !(0..=2).contains(&mode) {
            return Err(raise!(
                ValueError,
                "mode argument wrong value, it should be one of ZstdCompressor.CONTINUE, ZstdCompressor.FLUSH_BLOCK, ZstdCompressor.FLUSH_FRAME."
            ));
        }
        packed(self.with(|p| p.run(&d, mode)))
    }
    /// Finish the compression process.
    ///
    /// Flush any remaining data left in internal buffers. Since Zstandard data
    /// consists of one or more independent frames, the compressor object can still
    /// be used after this method is called.
    #[pymethod(sig = "mode=ZstdCompressor.FLUSH_FRAME")]
    fn flush(&self, mode: Arg<i32>) -> PyResult<ByteString> {
        let mode = mode.unwrap_or(FLUSH_FRAME);
        if !(1..=2).contains(&mode) {
            return Err(raise!(
                ValueError,
                "mode argument wrong value, it should be ZstdCompressor.FLUSH_FRAME or ZstdCompressor.FLUSH_BLOCK."
            ));
        }
        packed(self.with(|p| p.run(b"", mode)))
    }
    /// Set the uncompressed content size to be written into the frame header.
    #[pymethod(sig = "size, /")]
    fn set_pledged_input_size(&self, size: &Object) -> PyResult<()> {
        let n = if size.is_none() {
            u64::MAX
        } else {
            let wrong = || raise!(ValueError, "size argument should be a positive int less than {}", u64::MAX - 1);
            let Some(i) = size.downcast::<Int>() else { return Err(wrong()) };
            match i.as_u64() {
                Ok(n) if n < u64::MAX - 1 => n,
                Ok(_) => return Err(wrong()),
                Err(e) => {
                    e.clear();
                    return Err(wrong());
                }
            }
        };
        let set = self.with(|p| {
            // SAFETY: a live context.
            (p.mode == FLUSH_FRAME).then(|| unsafe { z::ZSTD_CCtx_setPledgedSrcSize(p.context, n) })
        });
        match set {
            Some(code) => check("Unable to set pledged uncompressed content size", code).map(drop),
            None => {
                Err(raise!(ValueError, "set_pledged_input_size() method must be called when last_mode == FLUSH_FRAME"))
            }
        }
    }
    /// The last mode used to this compressor object, its value can be .CONTINUE, .FLUSH_BLOCK, or .FLUSH_FRAME.
    #[pygetset]
    fn last_mode(&self) -> c_int {
        self.with(|p| p.mode)
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// For one-shot decompression there is the decompress() function.
#[pyclass(name = "ZstdDecompressor", module = "compression.zstd", type_object = ZSTD_DECOMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl ZstdDecompressor {
    #[slot(sig = "zstd_dict=None, options=None")]
    fn tp_new(cls: &Type, zstd_dict: &Object, options: &Object) -> PyResult<PyRef> {
        // SAFETY: no preconditions.
        let context = unsafe { z::ZSTD_createDCtx() };
        if context.is_null() {
            return Err(error("Unable to create ZSTD_DCtx instance."));
        }
        let mut s = Stream { context, digested: core::ptr::null_mut(), _prefix: None };
        if !zstd_dict.is_none() {
            let (bytes, mode) = dictionary(zstd_dict, 0)?;
            let at: *const c_void = bytes.as_ptr().cast();
            // SAFETY: as for the compressor.
            let code = unsafe {
                match mode {
                    PREFIX => z::ZSTD_DCtx_refPrefix(context, at, bytes.len()),
                    UNDIGESTED => z::ZSTD_DCtx_loadDictionary(context, at, bytes.len()),
                    _ => {
                        s.digested = z::ZSTD_createDDict(at, bytes.len());
                        if s.digested.is_null() {
                            return Err(error(
                                "Failed to create a ZSTD_DDict instance from Zstandard dictionary content.",
                            ));
                        }
                        z::ZSTD_DCtx_refDDict(context, s.digested)
                    }
                }
            };
            s._prefix = (mode == PREFIX).then_some(bytes);
            check("Unable to load Zstandard dictionary or prefix for decompression", code)?;
        }
        if !options.is_none() {
            self::options(options, false, |k, v| {
                let known = z::ZSTD_dParameter::ZSTD_d_windowLogMax;
                // SAFETY: a live context and a known parameter.
                k == WINDOW_LOG_MAX && problem(unsafe { z::ZSTD_DCtx_setParameter(context, known, v) }).is_none()
            })?;
        }
        Ok(ZstdDecompressor::wrap_as(cls, Unpacker::new(s))?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut ZstdDecompressor) {
        // SAFETY: the last reference is gone.
        unsafe { ZstdDecompressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle 'compression.zstd.ZstdDecompressor' object"))
    }
    /// Decompress *data*, returning uncompressed bytes if possible, or b'' otherwise.
    ///
    /// If *max_length* is nonnegative, returns at most *max_length* bytes; the rest waits for the next call.
    #[pymethod(sig = "data, max_length=-1")]
    fn decompress(&self, data: &Object, max_length: Arg<isize>) -> PyResult<ByteString> {
        let d = bytes_arg(data)?;
        let most = limit(max_length.unwrap_or(-1));
        match self.with(|u| u.feed(&d, most)) {
            Ok(v) => Ok(ByteString(v)),
            Err(Refused::Ended) => Err(raise!(EOFError, "Already at the end of a Zstandard frame.")),
            Err(Refused::Failed(code)) => {
                // SAFETY: a live context.
                self.with(|u| unsafe {
                    z::ZSTD_DCtx_reset(u.codec.context, z::ZSTD_ResetDirective::ZSTD_reset_session_only);
                    u.needs_input = true;
                });
                Err(error(&format!("Unable to decompress Zstandard data: {}", problem(code).unwrap_or_default())))
            }
        }
    }
    /// True means the end of the first frame has been reached. If decompress data
    /// after that, an EOFError exception will be raised.
    #[pygetset]
    fn eof(&self) -> bool {
        self.with(|u| u.eof)
    }
    /// A bytes object of un-consumed input data.
    #[pygetset]
    fn unused_data(&self) -> ByteString {
        ByteString(self.with(|u| u.unused.clone()))
    }
    /// If the max_length output limit in .decompress() method has been reached,
    /// and the decompressor has (or may has) unconsumed input data, it will be set to False.
    #[pygetset]
    fn needs_input(&self) -> bool {
        self.with(|u| u.needs_input)
    }
}

#[pymodule(name = "_zstd", gil = not_used)]
pub mod _zstd {
    use super::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let meta: &Object = Type::type_object();
            let ns = Dict::new()?;
            ns.set(intern!("__module__"), intern!("compression.zstd"))?;
            ns.set(intern!("__doc__"), &*Str::new("An error occurred in the zstd library.")?)?;
            let bases = Tuple::from_slice(&[exc::Exception()])?;
            let _ = ERROR.set(meta.call(&[&*Str::new("ZstdError")?, &bases, &ns])?);
        }
        if let Some(e) = ERROR.get() {
            m.add("ZstdError", e.clone())?;
        }
        m.add_type::<ZstdDict>()?;
        m.add_type::<ZstdCompressor>()?;
        m.add_type::<ZstdDecompressor>()?;
        let t = ZstdCompressor::type_object();
        for (name, v) in [("CONTINUE", 0), ("FLUSH_BLOCK", 1), ("FLUSH_FRAME", 2)] {
            t.dict().set(&*Str::new(name)?, &*v.into_py()?)?;
        }
        t.modified();
        for p in PARAMETERS {
            m.add(&format!("ZSTD_c_{}", p.2), (p.0 as c_int).into_py()?)?;
        }
        m.add("ZSTD_d_windowLogMax", WINDOW_LOG_MAX.into_py()?)?;
        let strategies = ["fast", "dfast", "greedy", "lazy", "lazy2", "btlazy2", "btopt", "btultra", "btultra2"];
        for (i, s) in strategies.iter().enumerate() {
            m.add(&format!("ZSTD_{s}"), (i + 1).into_py()?)?;
        }
        m.add("ZSTD_CLEVEL_DEFAULT", 3.into_py()?)?;
        m.add("ZSTD_DStreamOutSize", 131_072.into_py()?)?;
        // SAFETY: no preconditions; the text is static.
        let (number, text) = unsafe { (z::ZSTD_versionNumber(), CStr::from_ptr(z::ZSTD_versionString())) };
        m.add("zstd_version_number", number.into_py()?)?;
        m.add("zstd_version", text.to_string_lossy().into_owned().into_py()?)
    }

    /// The sizes of the samples, whose sum must be the length of all of them.
    fn sizes(samples: &Bytes, sizes: &Tuple, room: isize) -> PyResult<Vec<usize>> {
        if room <= 0 {
            return Err(raise!(ValueError, "dict_size argument should be positive number."));
        }
        let mut v = Vec::new();
        for s in sizes.as_slice() {
            v.push(usize::from_py(s).map_err(|e| {
                if e.matches(exc::TypeError()) {
                    return e;
                }
                e.clear();
                raise!(
                    ValueError,
                    "Items in samples_sizes should be an int object, with a value between 0 and {}.",
                    isize::MAX
                )
            })?);
        }
        if v.iter().try_fold(0usize, |a, b| a.checked_add(*b)) != Some(samples.len()) {
            return Err(raise!(ValueError, "The samples size tuple doesn't match the concatenation's size."));
        }
        Ok(v)
    }
    /// Train a Zstandard dictionary on sample data.
    #[pyfunction(sig = "samples_bytes, samples_sizes, dict_size, /")]
    fn train_dict(samples_bytes: &Bytes, samples_sizes: &Tuple, dict_size: isize) -> PyResult<ByteString> {
        let s = sizes(samples_bytes, samples_sizes, dict_size)?;
        let mut out = vec![0u8; dict_size as usize];
        let samples = samples_bytes.as_slice();
        // SAFETY: buffers and arrays are as long as said.
        let n = runtime::thread::detach(|| unsafe {
            z::ZDICT_trainFromBuffer(
                out.as_mut_ptr().cast(),
                out.len(),
                samples.as_ptr().cast(),
                s.as_ptr(),
                s.len() as u32,
            )
        });
        out.truncate(check("Unable to train the Zstandard dictionary", n)?);
        Ok(ByteString(out))
    }
    /// Finalize a Zstandard dictionary.
    #[pyfunction(sig = "custom_dict_bytes, samples_bytes, samples_sizes, dict_size, compression_level, /")]
    fn finalize_dict(
        custom_dict_bytes: &Bytes,
        samples_bytes: &Bytes,
        samples_sizes: &Tuple,
        dict_size: isize,
        compression_level: i32,
    ) -> PyResult<ByteString> {
        let s = sizes(samples_bytes, samples_sizes, dict_size)?;
        let mut out = vec![0u8; dict_size as usize];
        let (custom, samples) = (custom_dict_bytes.as_slice(), samples_bytes.as_slice());
        let how = z::ZDICT_params_t { compressionLevel: compression_level, notificationLevel: 0, dictID: 0 };
        // SAFETY: buffers and arrays are as long as said.
        let n = runtime::thread::detach(|| unsafe {
            z::ZDICT_finalizeDictionary(
                out.as_mut_ptr().cast(),
                out.len(),
                custom.as_ptr().cast(),
                custom.len(),
                samples.as_ptr().cast(),
                s.as_ptr(),
                s.len() as u32,
                how,
            )
        });
        out.truncate(check("Unable to finalize the Zstandard dictionary", n)?);
        Ok(ByteString(out))
    }
    /// Get CompressionParameter/DecompressionParameter bounds.
    #[pyfunction(sig = "parameter, is_compress")]
    fn get_param_bounds(parameter: i32, is_compress: bool) -> PyResult<(i32, i32)> {
        match bounds_of(parameter, is_compress) {
            Some(b) => Ok(b),
            None => {
                let what = if is_compress { "compression" } else { "decompression" };
                Err(error(&format!("Unable to get zstd {what} parameter bounds: Unsupported parameter")))
            }
        }
    }
    /// Get the size of a Zstandard frame, including the header and optional checksum.
    #[pyfunction(sig = "frame_buffer")]
    fn get_frame_size(frame_buffer: &Object) -> PyResult<usize> {
        let b = bytes_arg(frame_buffer)?;
        // SAFETY: the buffer is as long as said.
        let n = unsafe { z::ZSTD_findFrameCompressedSize(b.as_ptr().cast(), b.len()) };
        match problem(n) {
            None => Ok(n),
            Some(name) => Err(error(&format!(
                "Error when finding the compressed size of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a frame, and its length is not less than this complete frame. Zstd error message: {name}."
            ))),
        }
    }
    /// Get Zstandard frame infomation from a frame header.
    #[pyfunction(sig = "frame_buffer")]
    fn get_frame_info(frame_buffer: &Object) -> PyResult<(Option<u64>, u32)> {
        let b = bytes_arg(frame_buffer)?;
        // SAFETY: the buffer is as long as said.
        let (size, id) = unsafe {
            let at = b.as_ptr().cast();
            (z::ZSTD_getFrameContentSize(at, b.len()), z::ZSTD_getDictID_fromFrame(at, b.len()))
        };
        match size {
            u64::MAX => Ok((None, id)),
            size if size == u64::MAX - 1 => Err(error(
                "Error when getting information from the header of a Zstandard frame. Ensure the frame_buffer argument starts from the beginning of a frame, and its length is not less than the frame header (6~18 bytes).",
            )),
            size => Ok((Some(size), id)),
        }
    }
    /// Set CompressionParameter and DecompressionParameter types for validity check.
    #[pyfunction(sig = "c_parameter_type, d_parameter_type")]
    fn set_parameter_types(c_parameter_type: &Type, d_parameter_type: &Type) {
        let (c, d): (&Object, &Object) = (c_parameter_type, d_parameter_type);
        let new = Some((c.to_ref(), d.to_ref()));
        let old = std::mem::replace(&mut *KINDS.lock().unwrap_or_else(|e| e.into_inner()), new);
        drop(old);
    }
}
