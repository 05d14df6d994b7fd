//! `TextIOWrapper`: text over a buffered binary stream.
//!
//! Text read ahead is kept as one `str` and an index into it; what was written waits as encoded bytes. `snapshot` holds the
//! decoder's state and the bytes it was then given, from which `tell` reconstructs a position. Calls of the buffer and of the
//! codec run outside the critical section that guards the plain fields.

use super::base::{self, TextIoBase, call0, unsupported};
use super::newline::NewlineDecoder;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use macros::pyclass;
use runtime::objects::support::{self, Fields, Slot};
use runtime::prelude::*;
use runtime::thread::critical;

const CHUNK: usize = 8192;

#[derive(Default)]
struct Plain {
    pending: Vec<u8>,
    /// What a line ends with when reading: `None` any (translated or not), else exactly this.
    read_nl: Option<String>,
    read_universal: bool,
    read_translate: bool,
    /// What `\n` becomes when writing.
    write_nl: Option<String>,
}

#[repr(C)]
pub struct TextIoWrapper {
    base: TextIoBase,
    buffer: Slot,
    encoding: Slot,
    errors: Slot,
    encoder: Slot,
    decoder: Slot,
    decoded: Slot,
    /// `(decoder flags, bytes given after them)`.
    snapshot: Slot,
    plain: UnsafeCell<Option<Box<Plain>>>,
    used: AtomicUsize,
    chunk_size: AtomicUsize,
    ready: AtomicBool,
    detached: AtomicBool,
    line_buffering: AtomicBool,
    write_through: AtomicBool,
    seekable: AtomicBool,
    telling: AtomicBool,
    finalizing: AtomicBool,
    /// The native codec functions serve this encoding.
    direct: AtomicBool,
    /// `read1` exists.
    has_read1: AtomicBool,
}

pub static mut TEXT_IO_WRAPPER_TYPE: Type = runtime::objects::singletons::unready_type();
runtime::py_layout!(TextIoWrapper, TEXT_IO_WRAPPER_TYPE);

impl Fields for TextIoWrapper {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.base.fields(f);
        for s in
            [&self.buffer, &self.encoding, &self.errors, &self.encoder, &self.decoder, &self.decoded, &self.snapshot]
        {
            f(s);
        }
    }
    fn release(&self) {
        // SAFETY: the object is dying.
        drop(unsafe { (*self.plain.get()).take() });
    }
}

/// A position in the text, packed into one integer as `_pyio` does.
#[derive(Default)]
struct Cookie {
    start: u64,
    flags: u64,
    bytes_to_feed: u64,
    chars_to_skip: u64,
    need_eof: bool,
}

impl Cookie {
    fn pack(&self) -> PyResult<PyRef> {
        let mut v = num_bigint::BigInt::from(self.need_eof as u8);
        for part in [self.chars_to_skip, self.bytes_to_feed, self.flags, self.start] {
            v = (v << 64) + part;
        }
        Int::from_bigint(&v).map(Ref::upcast)
    }
    fn unpack(o: &Object) -> PyResult<Cookie> {
        let i = o.index()?;
        if i.is_negative() {
            return Err(raise!(ValueError, "negative seek position {}", i.str()?.to_string_lossy()));
        }
        let words = i.to_bigint().to_u64_digits().1;
        let w = |n: usize| words.get(n).copied().unwrap_or(0);
        Ok(Cookie { start: w(0), flags: w(1), bytes_to_feed: w(2), chars_to_skip: w(3), need_eof: w(4) != 0 })
    }
}

fn is_direct(encoding: &str) -> bool {
    matches!(
        encoding.to_ascii_lowercase().replace('_', "-").as_str(),
        "utf-8" | "utf8" | "ascii" | "us-ascii" | "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1"
    )
}

impl TextIoWrapper {
    fn plain<R>(&self, f: impl FnOnce(&mut Plain) -> R) -> PyResult<R> {
        // SAFETY: the critical section is held and `f` runs no Python code.
        critical(self, || unsafe { (*self.plain.get()).as_deref_mut().map(f) })
            .ok_or_else(|| raise!(ValueError, "I/O operation on uninitialized object"))
    }
    fn buffer(&self) -> PyResult<PyRef> {
        if !self.ready.load(Relaxed) {
            if self.detached.load(Relaxed) {
                return Err(raise!(ValueError, "underlying buffer has been detached"));
            }
            return Err(raise!(ValueError, "I/O operation on uninitialized object"));
        }
        self.buffer.get(self).ok_or_else(|| raise!(ValueError, "underlying buffer has been detached"))
    }
    fn open_buffer(&self) -> PyResult<PyRef> {
        let b = self.buffer()?;
        if base::is_closed(&b)? { Err(base::closed_error()) } else { Ok(b) }
    }
    fn errors_text(&self) -> Option<String> {
        self.errors.get(self).and_then(|e| e.downcast::<Str>().map(|s| s.to_string_lossy().to_string()))
    }
    fn encoding_text(&self) -> String {
        self.encoding
            .get(self)
            .and_then(|e| e.downcast::<Str>().map(|s| s.to_string_lossy().to_string()))
            .unwrap_or_default()
    }

    fn make_codecs(&self, buffer: &Object) -> PyResult<()> {
        let encoding = self.encoding_text();
        let errors = self.errors.get(self).unwrap_or_else(none_ref);
        self.direct.store(is_direct(&encoding), Relaxed);
        let info = runtime::objects::codecs::registry::lookup(&encoding)?;
        if let Some(t) = info.getattr_opt(intern!("_is_text_encoding"))?
            && !t.is_true()?
        {
            return Err(raise!(
                LookupError,
                "'{}' is not a text encoding; use codecs.open() to handle arbitrary codecs",
                encoding
            ));
        }
        if call0(buffer, intern!("readable"))?.is_true()? {
            let d = info.getattr(intern!("incrementaldecoder"))?.call1(&errors)?;
            let (universal, translate) = self.plain(|p| (p.read_universal, p.read_translate))?;
            let d = if universal { NewlineDecoder::create(&d, translate)?.upcast() } else { d };
            drop(self.decoder.replace(self, Some(d)));
        } else {
            drop(self.decoder.replace(self, None));
        }
        if call0(buffer, intern!("writable"))?.is_true()? {
            let e = info.getattr(intern!("incrementalencoder"))?.call1(&errors)?;
            drop(self.encoder.replace(self, Some(e)));
            if self.seekable.load(Relaxed) && !self.direct.load(Relaxed) {
                let at = call0(buffer, intern!("tell"))?.as_i64()?;
                if at != 0
                    && let Some(e) = self.encoder.get(self)
                {
                    // Appending: no byte order mark in the middle of the file.
                    e.call_method(intern!("setstate"), &[&*Int::from_i64(0)?]).or_else(|e| {
                        e.clear();
                        Ok::<PyRef, Raised>(none_ref())
                    })?;
                }
            }
        } else {
            drop(self.encoder.replace(self, None));
        }
        Ok(())
    }

    fn set_newline(&self, newline: Option<&str>) {
        let p = Plain {
            pending: Vec::new(),
            read_universal: newline.is_none_or(str::is_empty),
            read_translate: newline.is_none(),
            read_nl: newline.filter(|n| !n.is_empty()).map(str::to_string),
            write_nl: newline.filter(|n| *n == "\r" || *n == "\r\n").map(str::to_string),
        };
        // SAFETY: the critical section is held.
        let old = critical(self, || unsafe { (*self.plain.get()).replace(Box::new(p)) });
        drop(old);
    }

    fn write_pending(&self) -> PyResult<()> {
        let data = self.plain(|p| core::mem::take(&mut p.pending))?;
        if data.is_empty() {
            return Ok(());
        }
        let b = Bytes::new(&data)?;
        let buffer = self.buffer()?;
        buffer.call_method(intern!("write"), &[&b]).map(drop)
    }

    fn take_decoded(&self, n: Option<usize>) -> PyResult<Ref<Str>> {
        let Some(d) = self.decoded.get(self) else { return Ok(Str::empty_ref()) };
        // SAFETY: only text is ever put there.
        let s: Ref<Str> = unsafe { d.cast_into() };
        let used = self.used.load(Relaxed).min(s.len());
        let end = n.map_or(s.len(), |n| (used + n).min(s.len()));
        self.used.store(end, Relaxed);
        if used == 0 && end == s.len() {
            return Ok(s);
        }
        s.substring(used, end)
    }
    fn set_decoded(&self, s: Option<Ref<Str>>) {
        self.used.store(0, Relaxed);
        drop(self.decoded.replace(self, s.map(Ref::upcast)));
    }
    fn decoder(&self) -> PyResult<PyRef> {
        self.decoder.get(self).ok_or_else(|| unsupported("not readable"))
    }
    fn decode(&self, d: &Object, input: &Object, last: bool) -> PyResult<Ref<Str>> {
        let out = match d.downcast_exact::<NewlineDecoder>() {
            Some(n) => n.decode_input(input, last)?,
            None => d.call_method(intern!("decode"), &[input, Bool::of(last)])?,
        };
        match out.downcast_into::<Str>() {
            Ok(s) => Ok(s),
            Err(o) => Err(raise!(TypeError, "decoder should return a string result, not '{}'", o.ty().name_str())),
        }
    }

    /// Reads and decodes one chunk; false at the end of the file.
    fn read_chunk(&self, hint: usize) -> PyResult<bool> {
        let decoder = self.decoder()?;
        let buffer = self.buffer()?;
        let state =
            if self.telling.load(Relaxed) { Some(decoder.call_method(intern!("getstate"), &[])?) } else { None };
        let size = self.chunk_size.load(Relaxed).max(hint);
        let method = if self.has_read1.load(Relaxed) { intern!("read1") } else { intern!("read") };
        let input = buffer.call_method(method, &[&*Int::from_usize(size)?])?;
        let Some(bytes) = runtime::protocol::buffer::Buffer::get(&input, abi::PyBUF_SIMPLE).ok() else {
            drop(runtime::error::take_error());
            return Err(raise!(
                TypeError,
                "underlying {}() should have returned a bytes-like object, not '{}'",
                method.to_string_lossy(),
                input.ty().name_str()
            ));
        };
        let eof = bytes.is_empty();
        let text = self.decode(&decoder, &input, eof)?;
        let some = text.len() > 0;
        self.set_decoded(Some(text));
        if let Some(state) = state {
            let Some(t) = state.downcast::<Tuple>().filter(|t| t.len() == 2) else {
                return Err(raise!(TypeError, "illegal decoder state"));
            };
            let Some(before) = t.get(0).downcast::<Bytes>() else {
                return Err(raise!(
                    TypeError,
                    "illegal decoder state: the first item should be a bytes object, not '{}'",
                    t.get(0).ty().name_str()
                ));
            };
            let mut all = before.as_slice().to_vec();
            all.extend_from_slice(bytes.as_slice());
            let snap = Tuple::from_refs(vec![t.get(1).to_ref(), Bytes::new(&all)?.upcast()])?;
            drop(self.snapshot.replace(self, Some(snap.upcast())));
        }
        Ok(!eof || some)
    }

    fn read_text(&self, n: isize) -> PyResult<Ref<Str>> {
        let buffer = self.open_buffer()?;
        let decoder = self.decoder()?;
        self.write_pending()?;
        if n < 0 {
            let bytes = call0(&buffer, intern!("read"))?;
            let head = self.take_decoded(None)?;
            let rest = self.decode(&decoder, &bytes, true)?;
            drop(self.snapshot.replace(self, None));
            self.set_decoded(None);
            return if head.len() == 0 { Ok(rest) } else { head.concat(&rest) };
        }
        let n = n as usize;
        let mut out = self.take_decoded(Some(n))?;
        if out.len() == n {
            return Ok(out);
        }
        let mut b = runtime::objects::StrBuilder::new();
        b.push_obj(&out);
        while b.len() < n {
            if !self.read_chunk(n - b.len())? {
                break;
            }
            out = self.take_decoded(Some(n - b.len()))?;
            b.push_obj(&out);
        }
        b.finish()
    }

    /// Where the first line ends in `s[from..]`: the index after its end, or `None`.
    fn find_line_end(s: &Str, from: usize, universal: bool, translated: bool, nl: Option<&str>) -> Option<usize> {
        if let Some(a) = s.as_ascii() {
            let b = &a.as_bytes()[from..];
            return match nl {
                _ if translated => b.iter().position(|c| *c == b'\n').map(|p| from + p + 1),
                _ if universal => {
                    let p = b.iter().position(|c| *c == b'\n' || *c == b'\r')?;
                    Some(from + if b[p] == b'\r' && b.get(p + 1) == Some(&b'\n') { p + 2 } else { p + 1 })
                }
                Some("\r\n") => b.windows(2).position(|w| w == b"\r\n").map(|p| from + p + 2),
                Some("\r") => b.iter().position(|c| *c == b'\r').map(|p| from + p + 1),
                _ => b.iter().position(|c| *c == b'\n').map(|p| from + p + 1),
            };
        }
        let n = s.len();
        let at = |i: usize| if i < n { s.char_at(i) } else { 0 };
        for i in from..n {
            let c = at(i);
            match nl {
                _ if translated => {
                    if c == 10 {
                        return Some(i + 1);
                    }
                }
                _ if universal => {
                    if c == 10 {
                        return Some(i + 1);
                    }
                    if c == 13 {
                        return Some(if at(i + 1) == 10 { i + 2 } else { i + 1 });
                    }
                }
                Some("\r\n") => {
                    if c == 13 && at(i + 1) == 10 {
                        return Some(i + 2);
                    }
                }
                Some("\r") => {
                    if c == 13 {
                        return Some(i + 1);
                    }
                }
                _ => {
                    if c == 10 {
                        return Some(i + 1);
                    }
                }
            }
        }
        None
    }

    fn read_line(&self, limit: isize) -> PyResult<Ref<Str>> {
        self.open_buffer()?;
        self.decoder()?;
        self.write_pending()?;
        let (universal, translated, nl) = self.plain(|p| (p.read_universal, p.read_translate, p.read_nl.clone()))?;
        let mut acc: Option<Ref<Str>> = None;
        loop {
            let have = match self.decoded.get(self) {
                // SAFETY: only text is ever put there.
                Some(d) => Some(unsafe { d.cast_into::<Str>() }),
                None => None,
            };
            let used = self.used.load(Relaxed);
            let have = have.filter(|s| used < s.len());
            let Some(cur) = have else {
                // A two-character end may be split between chunks: the search starts one character back.
                if !self.read_chunk(0)? {
                    self.set_decoded(None);
                    drop(self.snapshot.replace(self, None));
                    return acc.map_or_else(|| Ok(Str::empty_ref()), Ok);
                }
                continue;
            };
            let (line_src, start) = match acc.take() {
                Some(a) => {
                    let rest = if used == 0 { cur.clone() } else { cur.substring(used, cur.len())? };
                    (a.concat(&rest)?, a.len())
                }
                None => (cur.clone(), usize::MAX),
            };
            if start == usize::MAX {
                // Still in the first chunk: search where it lies.
                let end = Self::find_line_end(&line_src, used, universal, translated, nl.as_deref());
                let stop = if limit >= 0 { (used + limit as usize).min(line_src.len()) } else { line_src.len() };
                if let Some(e) = end.filter(|e| limit < 0 || *e <= stop) {
                    self.used.store(e, Relaxed);
                    return line_src.substring(used, e);
                }
                if limit >= 0 && stop - used == limit as usize {
                    self.used.store(stop, Relaxed);
                    return line_src.substring(used, stop);
                }
                acc = Some(if used == 0 { line_src } else { line_src.substring(used, cur.len())? });
                self.set_decoded(None);
                continue;
            }
            let from = start.saturating_sub(1);
            let end = Self::find_line_end(&line_src, from, universal, translated, nl.as_deref());
            let stop = if limit >= 0 { (limit as usize).min(line_src.len()) } else { line_src.len() };
            let cut = match end.filter(|e| limit < 0 || *e <= stop) {
                Some(e) => Some(e),
                None if limit >= 0 && stop == limit as usize => Some(stop),
                None => None,
            };
            match cut {
                Some(e) => {
                    self.used.store(used + (e - start.min(e)), Relaxed);
                    return line_src.substring(0, e);
                }
                None => {
                    acc = Some(line_src);
                    self.set_decoded(None);
                }
            }
        }
    }

    fn write_text(&self, text: &Str) -> PyResult<usize> {
        self.open_buffer()?;
        let Some(encoder) = self.encoder.get(self) else { return Err(unsupported("not writable")) };
        let len = text.len();
        let write_nl = self.plain(|p| p.write_nl.clone())?;
        let has = |c: u32| match text.as_ascii() {
            Some(a) => a.as_bytes().contains(&(c as u8)),
            None => text.chars().any(|x| x == c),
        };
        let lf = has(10);
        let flush_line = self.line_buffering.load(Relaxed) && (lf || has(13));
        let out: Ref<Str> = match write_nl {
            Some(nl) if lf => {
                let mut b = runtime::objects::StrBuilder::with_capacity(len + 16);
                for c in text.chars() {
                    if c == 10 { b.push_str(&nl) } else { b.push_u32(c) }
                }
                b.finish()?
            }
            _ => Ref::new_ref(text),
        };
        let direct = self.direct.load(Relaxed);
        let pushed = if direct && let Some(a) = out.as_ascii() {
            self.plain(|p| {
                p.pending.extend_from_slice(a.as_bytes());
                p.pending.len()
            })?
        } else {
            let b = if direct {
                runtime::objects::codecs::encode(&out, Some(&self.encoding_text()), self.errors_text().as_deref())?
                    .upcast()
            } else {
                encoder.call_method(intern!("encode"), &[&out])?
            };
            let Some(bytes) = b.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "encoder should return a bytes object, not '{}'", b.ty().name_str()));
            };
            self.plain(|p| {
                p.pending.extend_from_slice(bytes.as_slice());
                p.pending.len()
            })?
        };
        if pushed >= self.chunk_size.load(Relaxed) || flush_line || self.write_through.load(Relaxed) {
            self.write_pending()?;
        }
        if flush_line {
            call0(&*self.buffer()?, intern!("flush"))?;
        }
        if self.decoded.get(self).is_some() {
            self.set_decoded(None);
        }
        drop(self.snapshot.replace(self, None));
        if let Some(d) = self.decoder.get(self) {
            d.call_method(intern!("reset"), &[])?;
        }
        Ok(len)
    }

    fn tell_(&self) -> PyResult<PyRef> {
        let buffer = self.open_buffer()?;
        if !self.seekable.load(Relaxed) {
            return Err(unsupported("underlying stream is not seekable"));
        }
        if !self.telling.load(Relaxed) {
            return Err(raise!(OSError, "telling position disabled by next() call"));
        }
        self.flush_()?;
        let at = call0(&buffer, intern!("tell"))?;
        let (Some(decoder), Some(snap)) = (self.decoder.get(self), self.snapshot.get(self)) else { return Ok(at) };
        let Some(t) = snap.downcast::<Tuple>() else { return Ok(at) };
        let flags = t.get(0).to_ref();
        let next = t.get(1).downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default();
        let position = at.as_i64()? - next.len() as i64;
        let mut c = Cookie { start: position as u64, flags: flags.as_u64()?, ..Default::default() };
        let used = self.used.load(Relaxed);
        if used == 0 {
            return c.pack();
        }
        // Feed the decoder from the snapshot until it has given the characters that were used; a point where it holds
        // nothing back is where a reader can start again.
        let saved = decoder.call_method(intern!("getstate"), &[])?;
        let result = (|| -> PyResult<PyRef> {
            let st = Tuple::from_refs(vec![Bytes::new(b"")?.upcast(), flags.clone()])?;
            decoder.call_method(intern!("setstate"), &[&st])?;
            let (mut chars, mut fed) = (0usize, 0u64);
            let mut done = false;
            for (i, byte) in next.iter().enumerate() {
                fed += 1;
                chars += self.decode(&decoder, &*Bytes::new(&[*byte])?, false)?.len();
                let s = decoder.call_method(intern!("getstate"), &[])?;
                let Some(s) = s.downcast::<Tuple>() else { return Err(raise!(TypeError, "illegal decoder state")) };
                let empty = s.get(0).downcast::<Bytes>().is_some_and(|b| b.is_empty());
                if empty && chars <= used {
                    c.start = (position + i as i64 + 1) as u64;
                    c.chars_to_skip = 0;
                    c.flags = s.get(1).as_u64()?;
                    fed = 0;
                    c.chars_to_skip = (used - chars) as u64;
                }
                if chars >= used {
                    done = true;
                    break;
                }
            }
            if !done {
                chars += self.decode(&decoder, &*Bytes::new(b"")?, true)?.len();
                c.need_eof = true;
                if chars < used {
                    return Err(raise!(OSError, "can't reconstruct logical file position"));
                }
            }
            if fed > 0 && c.chars_to_skip == 0 && c.start == position as u64 {
                c.chars_to_skip = used as u64;
            }
            c.bytes_to_feed = fed;
            c.pack()
        })();
        let err = if result.is_err() { runtime::error::take_error() } else { None };
        decoder.call_method(intern!("setstate"), &[&saved])?;
        match err {
            Some(e) => Err(runtime::error::restore(e)),
            None => result,
        }
    }

    fn flush_(&self) -> PyResult<()> {
        let buffer = self.open_buffer()?;
        self.telling.store(self.seekable.load(Relaxed), Relaxed);
        self.write_pending()?;
        call0(&buffer, intern!("flush")).map(drop)
    }

    fn seek_(&self, cookie: &Object, whence: i32) -> PyResult<PyRef> {
        let buffer = self.open_buffer()?;
        if !self.seekable.load(Relaxed) {
            return Err(unsupported("underlying stream is not seekable"));
        }
        let mut cookie: PyRef = cookie.to_ref();
        match whence {
            1 => {
                if cookie.is_true()? {
                    return Err(unsupported("can't do nonzero cur-relative seeks"));
                }
                cookie = call0(self, intern!("tell"))?;
            }
            2 => {
                if cookie.is_true()? {
                    return Err(unsupported("can't do nonzero end-relative seeks"));
                }
                self.flush_()?;
                self.set_decoded(None);
                drop(self.snapshot.replace(self, None));
                if let Some(d) = self.decoder.get(self) {
                    d.call_method(intern!("reset"), &[])?;
                }
                return buffer.call_method(intern!("seek"), &[&*Int::from_i64(0)?, &*Int::from_i64(2)?]);
            }
            0 => {}
            w => return Err(raise!(ValueError, "invalid whence ({}, should be 0, 1 or 2)", w)),
        }
        let c = Cookie::unpack(&cookie)?;
        self.flush_()?;
        buffer.call_method(intern!("seek"), &[&*Int::from_u64(c.start)?])?;
        self.set_decoded(None);
        drop(self.snapshot.replace(self, None));
        if let Some(d) = self.decoder.get(self) {
            if c.start == 0 && c.flags == 0 {
                d.call_method(intern!("reset"), &[])?;
            } else {
                let st = Tuple::from_refs(vec![Bytes::new(b"")?.upcast(), Int::from_u64(c.flags)?.upcast()])?;
                d.call_method(intern!("setstate"), &[&st])?;
            }
            let flags = Int::from_u64(c.flags)?;
            if c.chars_to_skip > 0 {
                let input = buffer.call_method(intern!("read"), &[&*Int::from_u64(c.bytes_to_feed)?])?;
                let snap = Tuple::from_slice(&[&flags, &input])?;
                let text = self.decode(&d, &input, c.need_eof)?;
                if (text.len() as u64) < c.chars_to_skip {
                    return Err(raise!(OSError, "can't restore logical file position"));
                }
                self.set_decoded(Some(text));
                self.used.store(c.chars_to_skip as usize, Relaxed);
                drop(self.snapshot.replace(self, Some(snap.upcast())));
            } else {
                let snap = Tuple::from_slice(&[&flags, &*Bytes::new(b"")?])?;
                drop(self.snapshot.replace(self, Some(snap.upcast())));
            }
        }
        if let Some(e) = self.encoder.get(self) {
            if c.start == 0 {
                e.call_method(intern!("reset"), &[])?;
            } else {
                e.call_method(intern!("setstate"), &[&*Int::from_i64(0)?])?;
            }
        }
        Ok(cookie)
    }
}

fn newline_arg(o: &Object) -> PyResult<Option<String>> {
    if o.is_none() {
        return Ok(None);
    }
    let Some(s) = o.downcast::<Str>() else {
        return Err(raise!(
            TypeError,
            "TextIOWrapper() argument 'newline' must be str or None, not {}",
            o.ty().name_str()
        ));
    };
    let s = s.to_string_lossy().to_string();
    if !matches!(s.as_str(), "" | "\n" | "\r" | "\r\n") {
        return Err(raise!(ValueError, "illegal newline value: {}", s));
    }
    Ok(Some(s))
}

/// TextIOWrapper(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)
/// --
///
/// Character and line based layer over a BufferedIOBase object, buffer.
#[pyclass(name = "TextIOWrapper", module = "_io", type_object = TEXT_IO_WRAPPER_TYPE, flags = "BASETYPE|HAVE_GC", base = TextIoBase,
    slots(tp_traverse = support::traverse::<TextIoWrapper>, tp_clear = support::clear::<TextIoWrapper>, tp_dealloc = base::dealloc::<TextIoWrapper>))]
impl TextIoWrapper {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<TextIoWrapper>> {
        let _ = args;
        support::alloc::<TextIoWrapper>(cls).map(support::track)
    }
    #[slot(sig = "buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False")]
    fn tp_init(
        &self,
        buffer: &Object,
        encoding: &Object,
        errors: &Object,
        newline: &Object,
        line_buffering: bool,
        write_through: bool,
    ) -> PyResult<()> {
        self.ready.store(false, Relaxed);
        self.detached.store(false, Relaxed);
        let nl = newline_arg(newline)?;
        let encoding: PyRef = match encoding.downcast::<Str>() {
            Some(s) if s.eq_str("locale") => Str::new("utf-8")?.upcast(),
            Some(s) => s.to_ref(),
            None if encoding.is_none() => {
                if ThreadState::current().interp().config().warn_default_encoding {
                    runtime::error::warn(exc::EncodingWarning(), "'encoding' argument not specified", 1)?;
                }
                Str::new("utf-8")?.upcast()
            }
            None => {
                return Err(raise!(
                    TypeError,
                    "TextIOWrapper() argument 'encoding' must be str or None, not {}",
                    encoding.ty().name_str()
                ));
            }
        };
        let errors: PyRef = match errors.downcast::<Str>() {
            Some(s) => s.to_ref(),
            None if errors.is_none() => (**Str::intern("strict")).to_ref(),
            None => {
                return Err(raise!(
                    TypeError,
                    "TextIOWrapper() argument 'errors' must be str or None, not {}",
                    errors.ty().name_str()
                ));
            }
        };
        drop(self.encoding.replace(self, Some(encoding)));
        drop(self.errors.replace(self, Some(errors)));
        self.set_newline(nl.as_deref());
        self.chunk_size.store(CHUNK, Relaxed);
        self.line_buffering.store(line_buffering, Relaxed);
        self.write_through.store(write_through, Relaxed);
        let seekable = call0(buffer, intern!("seekable"))?.is_true()?;
        self.seekable.store(seekable, Relaxed);
        self.telling.store(seekable, Relaxed);
        self.has_read1.store(buffer.getattr_opt(intern!("read1"))?.is_some(), Relaxed);
        self.set_decoded(None);
        drop(self.snapshot.replace(self, None));
        self.make_codecs(buffer)?;
        drop(self.buffer.replace(self, Some(buffer.to_ref())));
        self.ready.store(true, Relaxed);
        Ok(())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let mut s = format!("<{}", self.ty().name_str());
        for (attr, shown) in [("name", "name"), ("mode", "mode")] {
            match self.getattr_opt(Str::intern(attr)) {
                Ok(Some(v)) => s.push_str(&format!(" {shown}={}", v.repr()?.to_string_lossy())),
                Ok(None) => {}
                Err(e) if e.matches(exc::ValueError()) => e.clear(),
                Err(e) => return Err(e),
            }
        }
        let enc = self.encoding.get(self).unwrap_or_else(none_ref).repr()?;
        s.push_str(&format!(" encoding={}>", enc.to_string_lossy()));
        Str::new(&s)
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        self.telling.store(false, Relaxed);
        let line = if core::ptr::eq(self.ty(), TextIoWrapper::type_object()) {
            self.read_line(-1)?.upcast()
        } else {
            call0(self, intern!("readline"))?
        };
        if line.len()? == 0 {
            drop(self.snapshot.replace(self, None));
            self.telling.store(self.seekable.load(Relaxed), Relaxed);
            return Ok(None);
        }
        Ok(Some(line))
    }
    #[pymethod(
        sig = "*, encoding=None, errors=None, newline=<unrepresentable>, line_buffering=None, write_through=None"
    )]
    fn reconfigure(
        &self,
        encoding: &Object,
        errors: &Object,
        newline: Arg<&Object>,
        line_buffering: Option<bool>,
        write_through: Option<bool>,
    ) -> PyResult<()> {
        let buffer = self.buffer()?;
        let changes = !encoding.is_none() || !errors.is_none() || !newline.is_missing();
        if changes && self.decoded.get(self).is_some() {
            return Err(unsupported(
                "It is not possible to set the encoding or newline of stream after the first read",
            ));
        }
        let nl = match newline {
            Arg::Given(o) => Some(newline_arg(o)?),
            Arg::Missing => None,
        };
        self.flush_()?;
        if changes {
            if !encoding.is_none() {
                let e = if encoding.downcast::<Str>().is_some_and(|s| s.eq_str("locale")) {
                    Str::new("utf-8")?.upcast()
                } else {
                    encoding.to_ref()
                };
                drop(self.encoding.replace(self, Some(e)));
                if errors.is_none() {
                    drop(self.errors.replace(self, Some((**Str::intern("strict")).to_ref())));
                }
            }
            if !errors.is_none() {
                drop(self.errors.replace(self, Some(errors.to_ref())));
            }
            if let Some(nl) = nl {
                self.set_newline(nl.as_deref());
            }
            self.make_codecs(&buffer)?;
        }
        if let Some(v) = line_buffering {
            self.line_buffering.store(v, Relaxed);
        }
        if let Some(v) = write_through {
            self.write_through.store(v, Relaxed);
        }
        Ok(())
    }
    #[pymethod]
    fn detach(&self) -> PyResult<PyRef> {
        call0(self, intern!("flush"))?;
        let b = self.buffer()?;
        drop(self.buffer.replace(self, None));
        self.detached.store(true, Relaxed);
        self.ready.store(false, Relaxed);
        Ok(b)
    }
    #[pymethod]
    fn write(&self, text: &Object) -> PyResult<usize> {
        match text.downcast::<Str>() {
            Some(s) => self.write_text(s),
            None => Err(raise!(TypeError, "write() argument must be str, not {}", text.ty().name_str())),
        }
    }
    #[pymethod]
    fn read(&self, size: Option<&Object>) -> PyResult<Ref<Str>> {
        let n = match size {
            Some(s) => s.as_isize()?,
            None => -1,
        };
        self.read_text(n)
    }
    #[pymethod]
    fn readline(&self, size: Option<&Object>) -> PyResult<Ref<Str>> {
        let n = match size {
            Some(s) => s.as_isize()?,
            None => -1,
        };
        self.read_line(n)
    }
    #[pymethod]
    fn flush(&self) -> PyResult<()> {
        self.flush_()
    }
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        let buffer = self.buffer()?;
        if base::is_closed(&buffer)? {
            return Ok(());
        }
        if self.finalizing.load(Relaxed) {
            let this: &Object = self;
            if let Err(e) = buffer.call_method(intern!("_dealloc_warn"), &[this]) {
                e.clear();
            }
        }
        let flushed = call0(self, intern!("flush"));
        let saved = if flushed.is_err() { runtime::error::take_error() } else { None };
        let closed = call0(&buffer, intern!("close"));
        match (saved, closed) {
            (Some(e), Ok(_)) => Err(runtime::error::restore(e)),
            (Some(e), Err(_)) => {
                if let Some(second) = runtime::error::take_error() {
                    second.set_context(Some(e));
                    return Err(runtime::error::restore(second));
                }
                Err(base::closed_error())
            }
            (None, r) => r.map(drop),
        }
    }
    #[pymethod]
    fn fileno(&self) -> PyResult<PyRef> {
        call0(&*self.buffer()?, intern!("fileno"))
    }
    #[pymethod]
    fn seekable(&self) -> PyResult<PyRef> {
        call0(&*self.buffer()?, intern!("seekable"))
    }
    #[pymethod]
    fn readable(&self) -> PyResult<PyRef> {
        call0(&*self.buffer()?, intern!("readable"))
    }
    #[pymethod]
    fn writable(&self) -> PyResult<PyRef> {
        call0(&*self.buffer()?, intern!("writable"))
    }
    #[pymethod]
    fn isatty(&self) -> PyResult<PyRef> {
        call0(&*self.buffer()?, intern!("isatty"))
    }
    #[pymethod(sig = "cookie, whence=0, /")]
    fn seek(&self, cookie: &Object, whence: i32) -> PyResult<PyRef> {
        self.seek_(cookie, whence)
    }
    #[pymethod]
    fn tell(&self) -> PyResult<PyRef> {
        self.tell_()
    }
    #[pymethod]
    fn truncate(&self, pos: Option<&Object>) -> PyResult<PyRef> {
        self.flush_()?;
        self.buffer()?.call_method(intern!("truncate"), &[pos.unwrap_or(none())])
    }
    #[pymethod]
    fn __getstate__(&self) -> PyResult<PyRef> {
        Err(raise!(TypeError, "cannot pickle '{}' instances", self.ty().name_str()))
    }
    #[pygetset]
    fn encoding(&self) -> Option<PyRef> {
        self.encoding.get(self)
    }
    #[pygetset]
    fn errors(&self) -> PyResult<Option<PyRef>> {
        self.buffer()?;
        Ok(self.errors.get(self))
    }
    #[pygetset]
    fn newlines(&self) -> PyResult<PyRef> {
        self.buffer()?;
        match self.decoder.get(self) {
            Some(d) => Ok(d.getattr_opt(intern!("newlines"))?.unwrap_or_else(none_ref)),
            None => Ok(none_ref()),
        }
    }
    #[pygetset]
    fn name(&self) -> PyResult<PyRef> {
        self.buffer()?.getattr(intern!("name"))
    }
    #[pygetset]
    fn closed(&self) -> PyResult<PyRef> {
        self.buffer()?.getattr(intern!("closed"))
    }
    #[pygetset(name = "buffer")]
    fn buffer_(&self) -> PyResult<PyRef> {
        self.buffer()
    }
    #[pygetset(name = "line_buffering")]
    fn line_buffering_(&self) -> bool {
        self.line_buffering.load(Relaxed)
    }
    #[pygetset(name = "write_through")]
    fn write_through_(&self) -> bool {
        self.write_through.load(Relaxed)
    }
    #[pygetset]
    fn _finalizing(&self) -> bool {
        self.finalizing.load(Relaxed)
    }
    #[pysetter]
    fn set__finalizing(&self, v: Option<&Object>) -> PyResult<()> {
        self.finalizing.store(v.unwrap_or(none()).is_true()?, Relaxed);
        Ok(())
    }
    #[pygetset(name = "_CHUNK_SIZE")]
    fn chunk(&self) -> PyResult<usize> {
        self.buffer()?;
        Ok(self.chunk_size.load(Relaxed))
    }
    #[pysetter(name = "_CHUNK_SIZE")]
    fn set_chunk(&self, v: Option<&Object>) -> PyResult<()> {
        let n = v.unwrap_or(none()).as_isize()?;
        if n <= 0 {
            return Err(raise!(ValueError, "a strictly positive integer is required"));
        }
        self.chunk_size.store(n as usize, Relaxed);
        Ok(())
    }
}
