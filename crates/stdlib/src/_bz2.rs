//! `_bz2`: compression by Burrows-Wheeler blocks, by libbz2-rs.

use crate::compressor::{Decode, Refused, Unpacker, boxed_class, limit};
use core::ffi::c_int;
use libbz2_rs_sys as bz;
use macros::{pyclass, pymodule};
use runtime::objects::byteops::bytes_arg;
use runtime::prelude::*;

const RUN: c_int = 0;
const FINISH: c_int = 2;
const STREAM_END: c_int = 4;
/// Our own code: an error came before.
const AFTER_ERROR: c_int = -1000;

/// A stream of either direction, ended when dropped.
struct Stream {
    s: Box<bz::bz_stream>,
    packing: bool,
    broken: bool,
}
// SAFETY: a stream is used by one thread at a time (it lives under a lock).
unsafe impl Send for Stream {}

impl Stream {
    fn blank() -> Box<bz::bz_stream> {
        // SAFETY: null pointers, zeros and absent allocators are a blank stream.
        Box::new(unsafe { core::mem::zeroed() })
    }
    fn packer(level: c_int) -> Result<Stream, c_int> {
        let mut s = Stream::blank();
        // SAFETY: a blank stream.
        match unsafe { bz::BZ2_bzCompressInit(&mut *s, level, 0, 0) } {
            0 => Ok(Stream { s, packing: true, broken: false }),
            e => Err(e),
        }
    }
    fn unpacker() -> Result<Stream, c_int> {
        let mut s = Stream::blank();
        // SAFETY: a blank stream.
        match unsafe { bz::BZ2_bzDecompressInit(&mut *s, 0, 0) } {
            0 => Ok(Stream { s, packing: false, broken: false }),
            e => Err(e),
        }
    }
    /// Reads `input` and appends to `out`, at most `max` bytes; the code and how much was read.
    fn run(&mut self, input: &[u8], action: c_int, out: &mut Vec<u8>, max: usize) -> (c_int, usize) {
        let most = out.len().saturating_add(max);
        let mut used = 0;
        let mut chunk = 16 * 1024;
        loop {
            let room = chunk.min(most - out.len());
            out.reserve(room.max(1));
            let given = (input.len() - used).min(u32::MAX as usize);
            let last = used + given == input.len();
            self.s.next_in = input[used..].as_ptr().cast();
            self.s.avail_in = given as u32;
            self.s.next_out = out.spare_capacity_mut().as_mut_ptr().cast();
            self.s.avail_out = room as u32;
            let a = if last { action } else { RUN };
            // The library takes an empty step for a mistake.
            if self.packing && given == 0 && a == RUN {
                return (0, used);
            }
            // SAFETY: a live stream over the input slice and the spare capacity of the output.
            let code = unsafe {
                if self.packing { bz::BZ2_bzCompress(&mut *self.s, a) } else { bz::BZ2_bzDecompress(&mut *self.s) }
            };
            used += given - self.s.avail_in as usize;
            let made = room - self.s.avail_out as usize;
            // SAFETY: the stream wrote that many bytes.
            unsafe { out.set_len(out.len() + made) };
            if code < 0 || code == STREAM_END {
                return (code, used);
            }
            let all_read = used == input.len();
            if out.len() >= most || all_read && self.s.avail_out > 0 && a != FINISH {
                return (code, used);
            }
            chunk = (chunk * 2).min(1 << 26);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a live stream, ended once.
        unsafe {
            if self.packing {
                bz::BZ2_bzCompressEnd(&mut *self.s);
            } else {
                bz::BZ2_bzDecompressEnd(&mut *self.s);
            }
        }
    }
}

impl Decode for Stream {
    type Error = c_int;
    const HOLDS_BACK: bool = false;
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(usize, bool), c_int> {
        if self.broken {
            return Err(AFTER_ERROR);
        }
        match self.run(input, RUN, out, limit) {
            (code, _) if code < 0 => {
                self.broken = true;
                Err(code)
            }
            (code, used) => Ok((used, code == STREAM_END)),
        }
    }
}

fn failed(code: c_int) -> Raised {
    match code {
        -2 => raise!(ValueError, "Internal error - invalid parameters passed to libbzip2"),
        -3 => raise!(MemoryError, "out of memory"),
        -4 | -5 => raise!(OSError, "Invalid data stream"),
        AFTER_ERROR => raise!(ValueError, "Decompressor is unusable after a previous error"),
        -6 => raise!(OSError, "Unknown I/O error"),
        -7 => raise!(EOFError, "Compressed file ended before the logical end-of-stream was detected"),
        -1 => raise!(RuntimeError, "Internal error - Invalid sequence of commands sent to libbzip2"),
        c => raise!(OSError, "Unrecognized error from libbzip2: {}", c),
    }
}

boxed_class!(Bz2Compressor, BZ2_COMPRESSOR_TYPE, Option<Stream>);
boxed_class!(Bz2Decompressor, BZ2_DECOMPRESSOR_TYPE, Unpacker<Stream>);

/// Create a compressor object for compressing data incrementally.
///
/// compresslevel is a number from 1 to 9. For one-shot compression there is the compress() function.
#[pyclass(name = "BZ2Compressor", module = "_bz2", type_object = BZ2_COMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl Bz2Compressor {
    #[slot(sig = "compresslevel=9, /")]
    fn tp_new(cls: &Type, compresslevel: Arg<i32>) -> PyResult<PyRef> {
        let level = compresslevel.unwrap_or(9);
        if !(1..=9).contains(&level) {
            return Err(raise!(ValueError, "compresslevel must be between 1 and 9"));
        }
        let s = Stream::packer(level).map_err(failed)?;
        Ok(Bz2Compressor::wrap_as(cls, Some(s))?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Bz2Compressor) {
        // SAFETY: the last reference is gone.
        unsafe { Bz2Compressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '_bz2.BZ2Compressor' object"))
    }
    /// Takes data and returns what is packed so far, maybe nothing; flush() gives the rest.
    #[pymethod(sig = "data, /")]
    fn compress(&self, data: &Object) -> PyResult<Ref<Bytes>> {
        let d = bytes_arg(data)?;
        let r = self.with(|s| {
            let s = s.as_mut()?;
            let mut out = Vec::new();
            let (code, _) = s.run(&d, RUN, &mut out, usize::MAX >> 1);
            Some(if code < 0 { Err(code) } else { Ok(out) })
        });
        match r {
            Some(Ok(v)) => Bytes::new(&v),
            Some(Err(code)) => Err(failed(code)),
            None => Err(raise!(ValueError, "Compressor has been flushed")),
        }
    }
    /// Ends the stream and returns what is left of it; the compressor cannot be used any more.
    #[pymethod]
    fn flush(&self) -> PyResult<Ref<Bytes>> {
        let r = self.with(|slot| {
            let mut s = slot.take()?;
            let mut out = Vec::new();
            let (code, _) = s.run(b"", FINISH, &mut out, usize::MAX >> 1);
            Some(if code < 0 { Err(code) } else { Ok(out) })
        });
        match r {
            Some(Ok(v)) => Bytes::new(&v),
            Some(Err(code)) => Err(failed(code)),
            None => Err(raise!(ValueError, "Repeated call to flush()")),
        }
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// For one-shot decompression there is the decompress() function.
#[pyclass(name = "BZ2Decompressor", module = "_bz2", type_object = BZ2_DECOMPRESSOR_TYPE, flags = "IMMUTABLETYPE")]
impl Bz2Decompressor {
    #[slot(sig = "")]
    fn tp_new(cls: &Type) -> PyResult<PyRef> {
        let s = Stream::unpacker().map_err(failed)?;
        Ok(Bz2Decompressor::wrap_as(cls, Unpacker::new(s))?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Bz2Decompressor) {
        // SAFETY: the last reference is gone.
        unsafe { Bz2Decompressor::destroy(this) }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '_bz2.BZ2Decompressor' object"))
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
            Err(Refused::Ended) => Err(raise!(EOFError, "End of stream already reached")),
            Err(Refused::Failed(code)) => Err(failed(code)),
        }
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

#[pymodule(name = "_bz2")]
pub mod _bz2 {
    use super::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Bz2Compressor>()?;
        m.add_type::<Bz2Decompressor>()
    }
}
