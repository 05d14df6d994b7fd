//! `zlib`: compression with the deflate algorithm, by zlib-rs.

use crate::compressor::boxed_class;
use core::ffi::{CStr, c_int};
use libz_rs_sys as z;
use macros::{pyclass, pymodule};
use runtime::objects::byteops::bytes_arg;
use runtime::prelude::*;
use std::sync::OnceLock;

static ERROR: OnceLock<PyRef> = OnceLock::new();

macro_rules! error {
    ($($arg:tt)*) => {
        match ERROR.get().and_then(|e| e.downcast::<Type>()) {
            Some(t) => runtime::error::raise_message(t, format_args!($($arg)*)),
            None => raise!(SystemError, "zlib is not initialised"),
        }
    };
}

/// A stream of either direction, ended when dropped.
struct Stream {
    s: Box<z::z_stream>,
    inflating: bool,
}
// SAFETY: a stream is used by one thread at a time (it lives under a lock).
unsafe impl Send for Stream {}

const SIZE: c_int = size_of::<z::z_stream>() as c_int;
const VERSION: &CStr = c"1.3.0";

impl Stream {
    fn blank() -> Box<z::z_stream> {
        Box::new(z::z_stream::default())
    }
    fn deflate(level: i32, method: i32, wbits: i32, mem: i32, strategy: i32) -> Result<Stream, c_int> {
        let mut s = Stream::blank();
        // SAFETY: a blank stream.
        match unsafe { z::deflateInit2_(&mut *s, level, method, wbits, mem, strategy, VERSION.as_ptr(), SIZE) } {
            z::Z_OK => Ok(Stream { s, inflating: false }),
            e => Err(e),
        }
    }
    fn inflate(wbits: i32) -> Result<Stream, c_int> {
        let mut s = Stream::blank();
        // SAFETY: a blank stream.
        match unsafe { z::inflateInit2_(&mut *s, wbits, VERSION.as_ptr(), SIZE) } {
            z::Z_OK => Ok(Stream { s, inflating: true }),
            e => Err(e),
        }
    }
    fn set_dictionary(&mut self, d: &[u8]) -> c_int {
        // SAFETY: a live stream and a slice.
        unsafe {
            if self.inflating {
                z::inflateSetDictionary(&mut *self.s, d.as_ptr(), d.len() as u32)
            } else {
                z::deflateSetDictionary(&mut *self.s, d.as_ptr(), d.len() as u32)
            }
        }
    }
    fn duplicate(&mut self) -> Result<Stream, c_int> {
        let mut s = Stream::blank();
        // SAFETY: a live stream and a blank one.
        let r = unsafe {
            if self.inflating { z::inflateCopy(&mut *s, &*self.s) } else { z::deflateCopy(&mut *s, &mut *self.s) }
        };
        if r == z::Z_OK { Ok(Stream { s, inflating: self.inflating }) } else { Err(r) }
    }
    /// Feeds `input`, appends to `out` up to `max` bytes; gives the code and how much input was used.
    fn run(
        &mut self,
        input: &[u8],
        flush: c_int,
        out: &mut Vec<u8>,
        max: usize,
        dict: Option<&[u8]>,
    ) -> (c_int, usize) {
        let limit = out.len().saturating_add(max);
        let mut used = 0;
        let mut chunk = 16 * 1024;
        loop {
            let room = chunk.min(limit - out.len());
            out.reserve(room.max(1));
            let avail_in = (input.len() - used).min(u32::MAX as usize);
            let last = used + avail_in == input.len();
            self.s.next_in = input[used..].as_ptr().cast_mut();
            self.s.avail_in = avail_in as u32;
            self.s.next_out = out.spare_capacity_mut().as_mut_ptr().cast();
            self.s.avail_out = room as u32;
            let f = if last { flush } else { z::Z_NO_FLUSH };
            // SAFETY: a live stream over the input slice and the spare capacity of the output.
            let mut code =
                unsafe { if self.inflating { z::inflate(&mut *self.s, f) } else { z::deflate(&mut *self.s, f) } };
            used += avail_in - self.s.avail_in as usize;
            let made = room - self.s.avail_out as usize;
            // SAFETY: the stream wrote that many bytes.
            unsafe { out.set_len(out.len() + made) };
            if code == z::Z_NEED_DICT
                && let Some(d) = dict
            {
                code = self.set_dictionary(d);
                if code == z::Z_OK {
                    continue;
                }
                return (code, used);
            }
            match code {
                z::Z_OK | z::Z_BUF_ERROR => {}
                c => return (c, used),
            }
            if out.len() >= limit || self.s.avail_out > 0 && last {
                return (code, used);
            }
            chunk = (chunk * 2).min(1 << 26);
        }
    }
    fn message(&self, code: c_int) -> Option<String> {
        let p = self.s.msg;
        if !p.is_null() && code != z::Z_BUF_ERROR && code != z::Z_VERSION_ERROR {
            // SAFETY: a static message of the library.
            return Some(unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned());
        }
        describe(code).map(str::to_string)
    }
    fn raise(&self, code: c_int, doing: &str) -> Raised {
        match self.message(code) {
            Some(m) => error!("Error {} {}: {}", code, doing, m),
            None => error!("Error {} {}", code, doing),
        }
    }
}

fn describe(code: c_int) -> Option<&'static str> {
    match code {
        z::Z_BUF_ERROR => Some("incomplete or truncated stream"),
        z::Z_STREAM_ERROR => Some("inconsistent stream state"),
        z::Z_DATA_ERROR => Some("invalid input data"),
        z::Z_VERSION_ERROR => Some("library version mismatch"),
        _ => None,
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a live stream, ended once.
        unsafe {
            if self.inflating {
                z::inflateEnd(&mut *self.s);
            } else {
                z::deflateEnd(&mut *self.s);
            }
        }
    }
}

struct Packer {
    stream: Option<Stream>,
}

struct Unpacker {
    stream: Option<Stream>,
    zdict: Option<Vec<u8>>,
    unused: Vec<u8>,
    tail: Vec<u8>,
    eof: bool,
    /// `_ZlibDecompressor` only.
    needs_input: bool,
}

boxed_class!(Compress, COMPRESS_TYPE, Packer);
boxed_class!(Decompress, DECOMPRESS_TYPE, Unpacker);
boxed_class!(ZlibDecompressor, ZLIB_DECOMPRESSOR_TYPE, Unpacker);

fn failed(code: c_int, message: Option<String>, doing: &str) -> Raised {
    match message {
        Some(m) => error!("Error {} {}: {}", code, doing, m),
        None => error!("Error {} {}", code, doing),
    }
}

#[pyclass(name = "Compress", module = "zlib", type_object = COMPRESS_TYPE, flags = "DISALLOW_INSTANTIATION")]
impl Compress {
    #[slot]
    fn tp_dealloc(this: *mut Compress) {
        // SAFETY: the last reference is gone.
        unsafe { Compress::destroy(this) }
    }
    /// Returns a bytes object containing compressed data.
    #[pymethod(sig = "data, /")]
    fn compress(&self, data: &Object) -> PyResult<Ref<Bytes>> {
        let d = bytes_arg(data)?;
        let r = self.with(|p| {
            let Some(s) = &mut p.stream else { return Err((z::Z_STREAM_ERROR, None)) };
            let mut out = Vec::new();
            match s.run(&d, z::Z_NO_FLUSH, &mut out, usize::MAX >> 1, None).0 {
                z::Z_OK | z::Z_BUF_ERROR => Ok(out),
                c => Err((c, s.message(c))),
            }
        });
        match r {
            Ok(v) => Bytes::new(&v),
            Err((c, m)) => Err(failed(c, m, "while compressing data")),
        }
    }
    /// Return a bytes object containing any remaining compressed data.
    #[pymethod(sig = "mode=zlib.Z_FINISH, /")]
    fn flush(&self, mode: Arg<i32>) -> PyResult<Ref<Bytes>> {
        let mode = mode.unwrap_or(z::Z_FINISH);
        if mode == z::Z_NO_FLUSH {
            return Bytes::new(b"");
        }
        let r = self.with(|p| {
            let Some(s) = &mut p.stream else { return Err((z::Z_STREAM_ERROR, None)) };
            let mut out = Vec::new();
            let c = s.run(b"", mode, &mut out, usize::MAX >> 1, None).0;
            match c {
                z::Z_STREAM_END if mode == z::Z_FINISH => {
                    p.stream = None;
                    Ok(out)
                }
                z::Z_OK | z::Z_BUF_ERROR => Ok(out),
                c => Err((c, s.message(c))),
            }
        });
        match r {
            Ok(v) => Bytes::new(&v),
            Err((c, m)) => Err(failed(c, m, "while flushing")),
        }
    }
    /// Return a copy of the compression object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Compress>> {
        let r = self.with(|p| match &mut p.stream {
            Some(s) => s.duplicate().map(Some),
            None => Ok(None),
        });
        match r {
            Ok(Some(s)) => Compress::wrap(Packer { stream: Some(s) }),
            Ok(None) => Err(raise!(ValueError, "Inconsistent stream state")),
            Err(c) => Err(failed(c, None, "while copying compression object")),
        }
    }
    #[pymethod]
    fn __copy__(&self) -> PyResult<Ref<Compress>> {
        self.copy()
    }
    #[pymethod]
    fn __deepcopy__(&self, memo: &Object) -> PyResult<Ref<Compress>> {
        let _ = memo;
        self.copy()
    }
}

impl Unpacker {
    fn new(wbits: i32, zdict: Option<Vec<u8>>) -> Result<Unpacker, c_int> {
        let mut s = Stream::inflate(wbits)?;
        if wbits < 0
            && let Some(d) = &zdict
        {
            match s.set_dictionary(d) {
                z::Z_OK => {}
                e => return Err(e),
            }
        }
        Ok(Unpacker { stream: Some(s), zdict, unused: Vec::new(), tail: Vec::new(), eof: false, needs_input: true })
    }
}

#[pyclass(name = "Decompress", module = "zlib", type_object = DECOMPRESS_TYPE, flags = "DISALLOW_INSTANTIATION")]
impl Decompress {
    #[slot]
    fn tp_dealloc(this: *mut Decompress) {
        // SAFETY: the last reference is gone.
        unsafe { Decompress::destroy(this) }
    }
    /// Return a bytes object containing the decompressed version of the data.
    #[pymethod(sig = "data, /, max_length=0")]
    fn decompress(&self, data: &Object, max_length: Arg<isize>) -> PyResult<Ref<Bytes>> {
        let max = max_length.unwrap_or(0);
        if max < 0 {
            return Err(raise!(ValueError, "max_length must be non-negative"));
        }
        let d = bytes_arg(data)?;
        let limit = if max == 0 { usize::MAX >> 1 } else { max as usize };
        let r = self.with(|u| {
            let dict = u.zdict.clone();
            let Some(s) = &mut u.stream else { return Err((z::Z_STREAM_ERROR, None)) };
            let mut out = Vec::new();
            if u.eof {
                u.unused.extend_from_slice(&d);
                return Ok(out);
            }
            let (c, used) = s.run(&d, z::Z_SYNC_FLUSH, &mut out, limit, dict.as_deref());
            match c {
                z::Z_STREAM_END => {
                    u.eof = true;
                    u.unused.extend_from_slice(&d[used..]);
                    u.tail.clear();
                    Ok(out)
                }
                z::Z_OK | z::Z_BUF_ERROR => {
                    u.tail = d[used..].to_vec();
                    Ok(out)
                }
                c => {
                    u.tail = d[used..].to_vec();
                    Err((c, s.message(c)))
                }
            }
        });
        match r {
            Ok(v) => Bytes::new(&v),
            Err((c, m)) => Err(failed(c, m, "while decompressing data")),
        }
    }
    /// Return a bytes object containing any remaining decompressed data.
    #[pymethod(sig = "length=zlib.DEF_BUF_SIZE, /")]
    fn flush(&self, length: Arg<isize>) -> PyResult<Ref<Bytes>> {
        if length.unwrap_or(16384) <= 0 {
            return Err(raise!(ValueError, "length must be greater than zero"));
        }
        let r = self.with(|u| {
            let dict = u.zdict.clone();
            let mut out = Vec::new();
            if u.eof {
                return Ok(out);
            }
            let Some(s) = &mut u.stream else { return Ok(out) };
            let tail = core::mem::take(&mut u.tail);
            let (c, used) = s.run(&tail, z::Z_FINISH, &mut out, usize::MAX >> 1, dict.as_deref());
            match c {
                z::Z_STREAM_END => {
                    u.eof = true;
                    u.unused.extend_from_slice(&tail[used..]);
                    Ok(out)
                }
                z::Z_OK | z::Z_BUF_ERROR => {
                    u.tail = tail[used..].to_vec();
                    Ok(out)
                }
                c => Err((c, s.message(c))),
            }
        });
        match r {
            Ok(v) => Bytes::new(&v),
            Err((c, m)) => Err(failed(c, m, "while decompressing data")),
        }
    }
    /// Return a copy of the decompression object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Decompress>> {
        let r = self.with(|u| {
            let s = match &mut u.stream {
                Some(s) => Some(s.duplicate()?),
                None => None,
            };
            Ok(Unpacker {
                stream: s,
                zdict: u.zdict.clone(),
                unused: u.unused.clone(),
                tail: u.tail.clone(),
                eof: u.eof,
                needs_input: u.needs_input,
            })
        });
        match r {
            Ok(u) => Decompress::wrap(u),
            Err(c) => Err(failed(c, None, "while copying decompression object")),
        }
    }
    #[pymethod]
    fn __copy__(&self) -> PyResult<Ref<Decompress>> {
        self.copy()
    }
    #[pymethod]
    fn __deepcopy__(&self, memo: &Object) -> PyResult<Ref<Decompress>> {
        let _ = memo;
        self.copy()
    }
    #[pygetset]
    fn unused_data(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|u| u.unused.clone()))
    }
    #[pygetset]
    fn unconsumed_tail(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|u| u.tail.clone()))
    }
    #[pygetset]
    fn eof(&self) -> bool {
        self.with(|u| u.eof)
    }
}

fn zdict_arg(o: Arg<&Object>) -> PyResult<Option<Vec<u8>>> {
    match o {
        Arg::Given(o) if !o.is_none() => {
            if !runtime::objects::byteops::has_buffer(o) {
                return Err(raise!(TypeError, "zdict argument must support the buffer protocol"));
            }
            let v = bytes_arg(o)?.to_vec();
            Ok(if v.is_empty() { None } else { Some(v) })
        }
        _ => Ok(None),
    }
}

fn init_failed(c: c_int, doing: &str) -> Raised {
    match c {
        z::Z_STREAM_ERROR => raise!(ValueError, "Invalid initialization option"),
        z::Z_MEM_ERROR => raise!(MemoryError, "Can't allocate memory for {}", doing),
        c => failed(c, describe(c).map(str::to_string), "while creating an object"),
    }
}

/// _ZlibDecompressor(wbits=15, zdict=b'')
/// --
///
#[pyclass(
    name = "_ZlibDecompressor",
    module = "zlib",
    type_object = ZLIB_DECOMPRESSOR_TYPE,
    doc = "Create a decompressor object for decompressing data incrementally."
)]
impl ZlibDecompressor {
    #[slot(sig = "wbits=15, zdict=b''")]
    fn tp_new(_cls: &Type, wbits: Arg<i32>, zdict: Arg<&Object>) -> PyResult<PyRef> {
        let zdict = zdict_arg(zdict)?;
        match Unpacker::new(wbits.unwrap_or(15), zdict) {
            Ok(u) => Ok(ZlibDecompressor::wrap(u)?.upcast()),
            Err(c) => Err(init_failed(c, "decompression object")),
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut ZlibDecompressor) {
        // SAFETY: the last reference is gone.
        unsafe { ZlibDecompressor::destroy(this) }
    }
    /// Decompress *data*, returning uncompressed data as bytes.
    #[pymethod(sig = "data, max_length=-1")]
    fn decompress(&self, data: &Object, max_length: Arg<isize>) -> PyResult<Ref<Bytes>> {
        let d = bytes_arg(data)?;
        let max = max_length.unwrap_or(-1);
        let limit = if max < 0 { usize::MAX >> 1 } else { max as usize };
        let r = self.with(|u| {
            if u.eof {
                return Err((z::Z_STREAM_END, None));
            }
            let dict = u.zdict.clone();
            let mut input = core::mem::take(&mut u.tail);
            input.extend_from_slice(&d);
            let Some(s) = &mut u.stream else { return Err((z::Z_STREAM_ERROR, None)) };
            let mut out = Vec::new();
            let (c, used) = s.run(&input, z::Z_SYNC_FLUSH, &mut out, limit, dict.as_deref());
            match c {
                z::Z_STREAM_END => {
                    u.eof = true;
                    u.needs_input = false;
                    u.unused = input[used..].to_vec();
                    Ok(out)
                }
                z::Z_OK | z::Z_BUF_ERROR => {
                    u.tail = input[used..].to_vec();
                    u.needs_input = u.tail.is_empty() && out.len() < limit;
                    Ok(out)
                }
                c => Err((c, s.message(c))),
            }
        });
        match r {
            Ok(v) => Bytes::new(&v),
            Err((z::Z_STREAM_END, _)) => Err(raise!(EOFError, "End of stream already reached")),
            Err((c, m)) => Err(failed(c, m, "while decompressing data")),
        }
    }
    #[pygetset]
    fn unused_data(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|u| u.unused.clone()))
    }
    #[pygetset]
    fn needs_input(&self) -> bool {
        self.with(|u| u.needs_input)
    }
    #[pygetset]
    fn eof(&self) -> bool {
        self.with(|u| u.eof)
    }
}

/// The functions in this module allow compression and decompression using the
/// zlib library, which is based on GNU zip.
#[pymodule(name = "zlib")]
pub mod zlib {
    use super::*;
    use runtime::convert::ByteString;

    /// Returns a bytes object containing compressed data.
    #[pyfunction(sig = "data, /, level=-1, wbits=15")]
    fn compress(data: &Object, level: Arg<i32>, wbits: Arg<i32>) -> PyResult<ByteString> {
        let d = bytes_arg(data)?;
        let mut s = match Stream::deflate(level.unwrap_or(-1), z::Z_DEFLATED, wbits.unwrap_or(15), 8, 0) {
            Ok(s) => s,
            Err(z::Z_MEM_ERROR) => return Err(raise!(MemoryError, "Out of memory while compressing data")),
            Err(z::Z_STREAM_ERROR) => return Err(error!("Bad compression level")),
            Err(c) => return Err(failed(c, describe(c).map(str::to_string), "while compressing data")),
        };
        let mut out = Vec::new();
        let (c, _) = runtime::thread::detach(|| s.run(&d, z::Z_FINISH, &mut out, usize::MAX >> 1, None));
        if c != z::Z_STREAM_END {
            return Err(s.raise(c, "while compressing data"));
        }
        Ok(ByteString(out))
    }
    /// Returns a bytes object containing the uncompressed data.
    #[pyfunction(sig = "data, /, wbits=15, bufsize=16384")]
    fn decompress(data: &Object, wbits: Arg<i32>, bufsize: Arg<isize>) -> PyResult<ByteString> {
        if bufsize.unwrap_or(16384) < 0 {
            return Err(raise!(ValueError, "bufsize must be non-negative"));
        }
        let d = bytes_arg(data)?;
        let mut s = match Stream::inflate(wbits.unwrap_or(15)) {
            Ok(s) => s,
            Err(z::Z_MEM_ERROR) => return Err(raise!(MemoryError, "Out of memory while decompressing data")),
            Err(c) => return Err(failed(c, describe(c).map(str::to_string), "while preparing to decompress data")),
        };
        let mut out = Vec::new();
        let (c, _) = runtime::thread::detach(|| s.run(&d, z::Z_SYNC_FLUSH, &mut out, usize::MAX >> 1, None));
        match c {
            z::Z_STREAM_END => Ok(ByteString(out)),
            z::Z_OK => Err(s.raise(z::Z_BUF_ERROR, "while decompressing data")),
            c => Err(s.raise(c, "while decompressing data")),
        }
    }
    /// Return a compressor object.
    #[pyfunction(sig = "level=-1, method=8, wbits=15, memLevel=8, strategy=0, zdict=None")]
    fn compressobj(
        level: Arg<i32>,
        method: Arg<i32>,
        wbits: Arg<i32>,
        mem_level: Arg<i32>,
        strategy: Arg<i32>,
        zdict: Arg<&Object>,
    ) -> PyResult<Ref<Compress>> {
        let zdict = zdict_arg(zdict)?;
        let mut s = Stream::deflate(
            level.unwrap_or(-1),
            method.unwrap_or(8),
            wbits.unwrap_or(15),
            mem_level.unwrap_or(8),
            strategy.unwrap_or(0),
        )
        .map_err(|c| init_failed(c, "compression object"))?;
        if let Some(d) = zdict
            && s.set_dictionary(&d) != z::Z_OK
        {
            return Err(raise!(ValueError, "Invalid dictionary"));
        }
        Compress::wrap(Packer { stream: Some(s) })
    }
    /// Return a decompressor object.
    #[pyfunction(sig = "wbits=15, zdict=b''")]
    fn decompressobj(wbits: Arg<i32>, zdict: Arg<&Object>) -> PyResult<Ref<Decompress>> {
        let zdict = zdict_arg(zdict)?;
        let u = Unpacker::new(wbits.unwrap_or(15), zdict).map_err(|c| init_failed(c, "decompression object"))?;
        Decompress::wrap(u)
    }
    fn start(o: Arg<&Object>, default: u32) -> PyResult<u32> {
        let Arg::Given(o) = o else { return Ok(default) };
        let i = o.index()?;
        match i.try_i64() {
            Some(x) => Ok(x as u32),
            None => {
                let m = Int::from_u64(u32::MAX as u64)?;
                Ok(i.and(&m)?.downcast::<Int>().and_then(|x| x.try_i64()).unwrap_or(0) as u32)
            }
        }
    }
    /// Compute an Adler-32 checksum of data.
    #[pyfunction(sig = "data, value=1, /")]
    fn adler32(data: &Object, value: Arg<&Object>) -> PyResult<u64> {
        let v = start(value, 1)?;
        let d = bytes_arg(data)?;
        let sum = || {
            let (mut a, mut b) = (v & 0xFFFF, v >> 16);
            for chunk in d.chunks(5552) {
                for &c in chunk {
                    a += c as u32;
                    b += a;
                }
                a %= 65521;
                b %= 65521;
            }
            b << 16 | a
        };
        Ok(crate::hashes::maybe_detached(d.len(), sum) as u64)
    }
    /// Compute a CRC-32 checksum of data.
    #[pyfunction(sig = "data, value=0, /")]
    fn crc32(data: &Object, value: Arg<&Object>) -> PyResult<u64> {
        let v = start(value, 0)?;
        let d = bytes_arg(data)?;
        Ok(crate::hashes::maybe_detached(d.len(), || crate::binascii::crc32(&d, v)) as u64)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(crate::_struct::new_exception("zlib", "error", exc::Exception())?);
        }
        if let Some(e) = ERROR.get() {
            m.add("error", e.clone())?;
        }
        runtime::typeobject::init_static(<Compress as runtime::convert::HasSpec>::spec())?;
        runtime::typeobject::init_static(<Decompress as runtime::convert::HasSpec>::spec())?;
        m.add_type::<ZlibDecompressor>()?;
        for (k, v) in [
            ("MAX_WBITS", 15),
            ("DEFLATED", 8),
            ("DEF_MEM_LEVEL", 8),
            ("DEF_BUF_SIZE", 16384),
            ("Z_BEST_SPEED", 1),
            ("Z_BEST_COMPRESSION", 9),
            ("Z_DEFAULT_COMPRESSION", -1),
            ("Z_NO_COMPRESSION", 0),
            ("Z_FILTERED", 1),
            ("Z_HUFFMAN_ONLY", 2),
            ("Z_RLE", 3),
            ("Z_FIXED", 4),
            ("Z_DEFAULT_STRATEGY", 0),
            ("Z_NO_FLUSH", 0),
            ("Z_PARTIAL_FLUSH", 1),
            ("Z_SYNC_FLUSH", 2),
            ("Z_FULL_FLUSH", 3),
            ("Z_FINISH", 4),
            ("Z_BLOCK", 5),
            ("Z_TREES", 6),
        ] {
            m.add(k, Int::from_i64(v)?.upcast())?;
        }
        m.add("ZLIB_VERSION", Str::intern("1.3.0").to_ref())?;
        m.add("ZLIB_RUNTIME_VERSION", Str::intern("1.3.0").to_ref())
    }
}
