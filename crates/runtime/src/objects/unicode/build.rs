//! Making strings: constructors, the builder, conversions to Rust text.

use super::block;
use super::layout::{ASCII, COMPACT, INTERNED_NOT, KIND_MASK, PyUnicode_Type};
use super::{Kind, Str, StrData};
use crate::error::raise_none;
use crate::prelude::*;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;
use std::borrow::Cow;

const ASCII_HEADER: usize = size_of::<abi::PyASCIIObject>();
const COMPACT_HEADER: usize = size_of::<abi::PyCompactUnicodeObject>();

/// The largest number of characters a string may have.
pub const MAX_LEN: usize = (isize::MAX as usize - COMPACT_HEADER) / 4 - 1;

/// Copies characters into another width. The caller knows that they fit.
///
/// # Safety
/// `dst` has room for `src.len()` characters of `kind`.
#[inline]
pub unsafe fn copy_chars(src: StrData<'_>, dst: *mut u8, kind: Kind) {
    // SAFETY: every arm writes `src.len()` characters of the destination's width.
    unsafe {
        match (src, kind) {
            (StrData::One(s), Kind::One) => core::ptr::copy_nonoverlapping(s.as_ptr(), dst, s.len()),
            (StrData::Two(s), Kind::Two) => core::ptr::copy_nonoverlapping(s.as_ptr(), dst.cast(), s.len()),
            (StrData::Four(s), Kind::Four) => core::ptr::copy_nonoverlapping(s.as_ptr(), dst.cast(), s.len()),
            (StrData::One(s), Kind::Two) => {
                s.iter().enumerate().for_each(|(i, &c)| dst.cast::<u16>().add(i).write(c as u16))
            }
            (StrData::One(s), Kind::Four) => {
                s.iter().enumerate().for_each(|(i, &c)| dst.cast::<u32>().add(i).write(c as u32))
            }
            (StrData::Two(s), Kind::Four) => {
                s.iter().enumerate().for_each(|(i, &c)| dst.cast::<u32>().add(i).write(c as u32))
            }
            (StrData::Two(s), Kind::One) => s.iter().enumerate().for_each(|(i, &c)| dst.add(i).write(c as u8)),
            (StrData::Four(s), Kind::One) => s.iter().enumerate().for_each(|(i, &c)| dst.add(i).write(c as u8)),
            (StrData::Four(s), Kind::Two) => {
                s.iter().enumerate().for_each(|(i, &c)| dst.cast::<u16>().add(i).write(c as u16))
            }
        }
    }
}

/// Whether all bytes are ASCII, so that callers name it once.
#[inline]
pub fn bytes_are_ascii(s: &[u8]) -> bool {
    s.is_ascii()
}

/// The bits and the header size of a compact string with this largest character.
#[inline(always)]
fn shape(max_char: u32) -> (u8, usize, usize) {
    if max_char < 0x80 {
        (1 | COMPACT | ASCII, ASCII_HEADER, 1)
    } else if max_char < 0x100 {
        (1 | COMPACT, COMPACT_HEADER, 1)
    } else if max_char < 0x10000 {
        (2 | COMPACT, COMPACT_HEADER, 2)
    } else {
        (4 | COMPACT, COMPACT_HEADER, 4)
    }
}

/// Writes everything of a compact string but its characters.
///
/// # Safety
/// `p` is a block with its object header, of at least the shape's size.
#[inline(always)]
unsafe fn init_compact(p: *mut Str, len: usize, bits: u8, header: usize, width: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        (*p).base.length = len as isize;
        (*p).base.hash = -1;
        (*p).base.state.interned.store(INTERNED_NOT, Ordering::Relaxed);
        (*p).base.state.bits.store(bits, Ordering::Relaxed);
        (*p).base.state._pad = 0;
        if bits & ASCII == 0 {
            let c = p.cast::<abi::PyCompactUnicodeObject>();
            (*c).utf8 = core::ptr::null_mut();
            (*c).utf8_length = 0;
        }
        // The terminating zero character.
        core::ptr::write_bytes(p.cast::<u8>().add(header + len * width), 0, width);
    }
}

/// The statics of the empty string and the Latin-1 characters.
#[repr(C)]
pub struct StaticAscii {
    base: abi::PyASCIIObject,
    data: [u8; 8],
}
#[repr(C)]
struct StaticLatin1 {
    base: abi::PyCompactUnicodeObject,
    data: [u8; 8],
}

const fn static_base(len: isize, bits: u8) -> abi::PyASCIIObject {
    use core::sync::atomic::AtomicU8;
    abi::PyASCIIObject {
        ob_base: crate::objects::long::immortal_header((&raw mut PyUnicode_Type).cast()),
        length: len,
        hash: -1,
        state: abi::UnicodeState {
            interned: AtomicU8::new(3),
            bits: AtomicU8::new(bits | super::layout::STATIC),
            _pad: 0,
        },
    }
}

/// The static string of one ASCII character.
pub const fn static_char(c: u8) -> StaticAscii {
    StaticAscii { base: static_base(1, 1 | COMPACT | ASCII), data: [c, 0, 0, 0, 0, 0, 0, 0] }
}

struct Statics {
    empty: MaybeUninit<StaticAscii>,
    ascii: [MaybeUninit<StaticAscii>; 128],
    latin1: [MaybeUninit<StaticLatin1>; 128],
}
// SAFETY: immortal strings; the fields that change are accessed atomically.
unsafe impl Sync for Statics {}

// A mutable static, for the cached hash and UTF-8 copy are written into it.
static mut STATICS: Statics = {
    let mut s = Statics {
        empty: MaybeUninit::new(StaticAscii { base: static_base(0, 1 | COMPACT | ASCII), data: [0; 8] }),
        ascii: [const { MaybeUninit::uninit() }; 128],
        latin1: [const { MaybeUninit::uninit() }; 128],
    };
    let mut i = 0;
    while i < 128 {
        s.ascii[i] = MaybeUninit::new(static_char(i as u8));
        s.latin1[i] = MaybeUninit::new(StaticLatin1 {
            base: abi::PyCompactUnicodeObject {
                _base: static_base(1, 1 | COMPACT),
                utf8_length: 0,
                utf8: core::ptr::null_mut(),
            },
            data: [i as u8 + 128, 0, 0, 0, 0, 0, 0, 0],
        });
        i += 1;
    }
    s
};

impl Str {
    /// The empty string.
    #[inline(always)]
    pub fn empty() -> &'static Str {
        // SAFETY: a complete immortal string.
        unsafe { &*(&raw const STATICS.empty).cast::<Str>() }
    }

    /// An owned reference to the empty string.
    #[inline(always)]
    pub fn empty_ref() -> Ref<Str> {
        Ref::new_ref(Str::empty())
    }

    /// The immortal one-character string of a Latin-1 character.
    #[inline(always)]
    pub fn latin1_char(c: u8) -> &'static Str {
        // SAFETY: complete immortal strings, indexed in range.
        unsafe {
            if c < 128 {
                &*(&raw const STATICS.ascii).cast::<StaticAscii>().add(c as usize).cast::<Str>()
            } else {
                &*(&raw const STATICS.latin1).cast::<StaticLatin1>().add(c as usize - 128).cast::<Str>()
            }
        }
    }

    /// An exact, compact string of `len` characters for which `max_char` is the bound (`PyUnicode_New`); the characters
    /// are uninitialised, the terminator is set. Fill it through `data_ptr` before anyone sees it.
    #[inline]
    pub fn alloc(len: usize, max_char: u32) -> PyResult<Ref<Str>> {
        if len > MAX_LEN {
            return Err(raise_none(exc::MemoryError()));
        }
        let (bits, header, width) = shape(max_char);
        // SAFETY: a fresh block of the shape's size, at least of a whole layout.
        unsafe {
            let p = block::new_object(Str::type_object(), header + (len + 1) * width)?.cast::<Str>();
            init_compact(p, len, bits, header, width);
            Ok(Ref::from_raw(p))
        }
    }

    /// As `alloc`, immortal and outside the heap.
    pub(crate) fn alloc_immortal(data: StrData<'_>) -> &'static Str {
        let max =
            if let StrData::One(s) = data { if bytes_are_ascii(s) { 0x7F } else { 0xFF } } else { data.max_char() };
        let (bits, header, width) = shape(max);
        let len = data.len();
        // SAFETY: as in `alloc`; never freed.
        unsafe {
            let p = block::new_immortal(Str::type_object(), header + (len + 1) * width).cast::<Str>();
            init_compact(p, len, bits, header, width);
            copy_chars(data, (*p).data_ptr(), (*p).kind());
            &*p
        }
    }

    /// From storage data that is canonical already but for ASCII (`max_char` is a tight bound).
    #[inline]
    pub(crate) fn from_data_max(d: StrData<'_>, max_char: u32) -> PyResult<Ref<Str>> {
        let n = d.len();
        if n == 0 {
            return Ok(Str::empty_ref());
        }
        if n == 1 && max_char < 0x100 {
            return Ok(Ref::new_ref(Str::latin1_char(d.get(0) as u8)));
        }
        let s = Str::alloc(n, max_char)?;
        // SAFETY: fresh string with room for `n` characters.
        unsafe { copy_chars(d, s.data_ptr(), s.kind()) };
        Ok(s)
    }

    /// From storage data (narrowed to the canonical kind).
    pub fn from_data(d: StrData<'_>) -> PyResult<Ref<Str>> {
        match d {
            StrData::One(s) => Str::from_latin1(s),
            _ => Str::from_data_max(d, d.max_char()),
        }
    }

    /// From bytes known to be ASCII.
    #[inline]
    pub fn from_ascii(s: &[u8]) -> PyResult<Ref<Str>> {
        debug_assert!(s.is_ascii());
        Str::from_data_max(StrData::One(s), 0x7F)
    }

    /// From Latin-1.
    pub fn from_latin1(s: &[u8]) -> PyResult<Ref<Str>> {
        Str::from_data_max(StrData::One(s), if bytes_are_ascii(s) { 0x7F } else { 0xFF })
    }

    /// From UTF-16 code units, each a character of its own.
    pub fn from_ucs2(s: &[u16]) -> PyResult<Ref<Str>> {
        Str::from_data(StrData::Two(s))
    }

    /// From code points (each at most 0x10FFFF).
    pub fn from_ucs4(s: &[u32]) -> PyResult<Ref<Str>> {
        Str::from_data(StrData::Four(s))
    }

    /// From one code point.
    #[inline]
    pub fn from_char(c: u32) -> PyResult<Ref<Str>> {
        if c < 0x100 {
            return Ok(Ref::new_ref(Str::latin1_char(c as u8)));
        }
        Str::from_data_max(StrData::Four(&[c]), c)
    }

    /// A new string of Rust text.
    #[inline]
    pub fn new(s: &str) -> PyResult<Ref<Str>> {
        if s.is_ascii() { Str::from_ascii(s.as_bytes()) } else { Str::from_wtf8(s.as_bytes()) }
    }

    /// From UTF-8 that may encode lone surrogates; otherwise well-formed.
    pub fn from_wtf8(s: &[u8]) -> PyResult<Ref<Str>> {
        let (len, max) = wtf8_extent(s);
        if max < 0x80 {
            return Str::from_ascii(s);
        }
        if len == 1 && max < 0x100 {
            return Ok(Ref::new_ref(Str::latin1_char(max as u8)));
        }
        let out = Str::alloc(len, max)?;
        let p = out.data_ptr();
        let chars = Wtf8Chars(s);
        // SAFETY: room for `len` characters of the kind; each fits.
        unsafe {
            match out.kind() {
                Kind::One => chars.enumerate().for_each(|(i, c)| p.add(i).write(c as u8)),
                Kind::Two => chars.enumerate().for_each(|(i, c)| p.cast::<u16>().add(i).write(c as u16)),
                Kind::Four => chars.enumerate().for_each(|(i, c)| p.cast::<u32>().add(i).write(c)),
            }
        }
        Ok(out)
    }

    /// Formats Rust arguments: `Str::format(format_args!(…))`.
    pub fn format(args: core::fmt::Arguments<'_>) -> PyResult<Ref<Str>> {
        if let Some(s) = args.as_str() {
            return Str::new(s);
        }
        Str::new(&std::fmt::format(args))
    }

    /// The UTF-8 text, computed once and kept; `None` when there are lone surrogates.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        if let Some(s) = self.as_ascii() {
            return Some(s);
        }
        self.as_str_slow()
    }

    fn as_str_slow(&self) -> Option<&str> {
        let (ptr, len) = self.utf8_slots();
        let mut p = ptr.load(Ordering::Acquire);
        if p.is_null() {
            let text = utf8_of(self.data())?;
            let q = block::side_alloc(text.len() + 1);
            if q.is_null() {
                return None;
            }
            // SAFETY: a fresh buffer of that size.
            unsafe {
                core::ptr::copy_nonoverlapping(text.as_ptr(), q, text.len());
                q.add(text.len()).write(0);
            }
            // Every racing thread stores the same length; the pointer publishes it.
            len.store(text.len() as isize, Ordering::Relaxed);
            match ptr.compare_exchange(core::ptr::null_mut(), q, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => p = q,
                Err(other) => {
                    // SAFETY: never published.
                    unsafe { block::side_free(q) };
                    p = other;
                }
            }
        }
        // SAFETY: published with its length; lives as long as the string.
        Some(unsafe {
            core::str::from_utf8_unchecked(core::slice::from_raw_parts(p, len.load(Ordering::Relaxed) as usize))
        })
    }

    /// The UTF-8 text, or UnicodeEncodeError.
    pub fn to_str(&self) -> PyResult<&str> {
        match self.as_str() {
            Some(s) => Ok(s),
            None => {
                let start = self.chars().position(|c| (0xD800..0xE000).contains(&c)).unwrap_or(0);
                let end = start
                    + self.data().slice(start, self.len()).chars().take_while(|c| (0xD800..0xE000).contains(c)).count();
                Err(crate::objects::codecs::raise_encode_error("utf-8", self, start, end, "surrogates not allowed"))
            }
        }
    }

    /// The text with U+FFFD for lone surrogates.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        match self.as_str() {
            Some(s) => Cow::Borrowed(s),
            None => Cow::Owned(self.chars().map(|c| char::from_u32(c).unwrap_or('\u{FFFD}')).collect()),
        }
    }

    /// UTF-8 in which lone surrogates are encoded like other characters.
    pub fn to_wtf8(&self) -> Cow<'_, [u8]> {
        match self.as_str() {
            Some(s) => Cow::Borrowed(s.as_bytes()),
            None => {
                let mut v = Vec::with_capacity(self.len() * 3);
                for c in self.chars() {
                    push_wtf8(&mut v, c);
                }
                Cow::Owned(v)
            }
        }
    }

    /// The Python hash.
    #[inline(always)]
    pub fn hash_value(&self) -> isize {
        let h = self.hash_slot().load(Ordering::Relaxed);
        if h != -1 { h } else { self.compute_hash() }
    }

    #[cold]
    fn compute_hash(&self) -> isize {
        let h = super::hash::hash_bytes(self.data().as_bytes());
        self.hash_slot().store(h, Ordering::Relaxed);
        h
    }

    /// The bound `alloc` takes for strings of this one's shape: 0x7F, 0xFF, 0xFFFF or 0x10FFFF.
    #[inline(always)]
    pub fn max_char_bound(&self) -> u32 {
        let b = self.bits();
        if b & ASCII != 0 {
            return 0x7F;
        }
        match b & KIND_MASK {
            1 => 0xFF,
            2 => 0xFFFF,
            _ => 0x10FFFF,
        }
    }

    /// `self + other`.
    pub fn concat(&self, other: &Str) -> PyResult<Ref<Str>> {
        if self.is_empty() {
            return other.to_exact();
        }
        if other.is_empty() {
            return self.to_exact();
        }
        let out = Str::alloc(self.len() + other.len(), self.max_char_bound().max(other.max_char_bound()))?;
        let kind = out.kind();
        // SAFETY: the fresh string has room for both.
        unsafe {
            copy_chars(self.data(), out.data_ptr(), kind);
            copy_chars(other.data(), out.data_ptr().add(self.len() * kind as usize), kind);
        }
        Ok(out)
    }

    /// Whether this thread may change the string in place: nobody else can see it.
    #[inline]
    fn is_modifiable(&self) -> bool {
        self.is_uniquely_referenced()
            && self.is_compact()
            && !self.is_interned()
            && core::ptr::eq(self.ty(), Str::type_object())
    }

    /// `left + right`, reusing `left`'s memory when nobody else refers to it (`s += x`).
    pub fn append(left: Ref<Str>, right: &Str) -> PyResult<Ref<Str>> {
        if right.is_empty() && core::ptr::eq(left.ty(), Str::type_object()) {
            return Ok(left);
        }
        if left.is_empty() || !left.is_modifiable() || right.max_char_bound() > left.max_char_bound() {
            return left.concat(right);
        }
        let (old_len, new_len) = (left.len(), left.len() + right.len());
        if new_len > MAX_LEN {
            return Err(raise_none(exc::MemoryError()));
        }
        let (bits, header, width) = shape(left.max_char_bound());
        let need = header + (new_len + 1) * width;
        let mut p = left.into_raw();
        // SAFETY: this thread owns the only reference, so that nobody sees the string move and grow. `right` is another
        // object, or else there would be two references.
        unsafe {
            if block::capacity(p.cast()) < need {
                match block::resize(p.cast(), need + need / 4 + 16) {
                    Some(q) => p = q.cast(),
                    None => {
                        drop(Ref::from_raw(p));
                        return Err(raise_none(exc::MemoryError()));
                    }
                }
            }
            if bits & ASCII == 0 {
                let c = p.cast::<abi::PyCompactUnicodeObject>();
                block::side_free((*c).utf8.cast());
            }
            init_compact(p, new_len, bits, header, width);
            copy_chars(right.data(), p.cast::<u8>().add(header + old_len * width), (*p).kind());
            Ok(Ref::from_raw(p))
        }
    }

    /// `self[a:b]` for `a <= b <= len`.
    #[inline]
    pub fn substring(&self, a: usize, b: usize) -> PyResult<Ref<Str>> {
        if b - a == self.len() {
            return self.to_exact();
        }
        let d = self.data().slice(a, b);
        if self.is_ascii() { Str::from_data_max(d, 0x7F) } else { Str::from_data(d) }
    }

    /// An exact `str` of the same content (`self` itself when it is one).
    #[inline]
    pub fn to_exact(&self) -> PyResult<Ref<Str>> {
        if core::ptr::eq(self.ty(), Str::type_object()) {
            return Ok(Ref::new_ref(self));
        }
        Str::from_data_max(self.data(), self.max_char_bound())
    }

    /// `self[i]` for `i < len`.
    #[inline]
    pub fn index_str(&self, i: usize) -> PyResult<Ref<Str>> {
        Str::from_char(self.char_at(i))
    }

    /// `self.join(items)`; the items must be strings.
    pub fn join(&self, items: &[&Object]) -> PyResult<Ref<Str>> {
        if items.is_empty() {
            return Ok(Str::empty_ref());
        }
        let mut max = if items.len() > 1 { self.max_char_bound() } else { 0 };
        if self.is_empty() {
            max = 0;
        }
        let mut total = self.len().saturating_mul(items.len() - 1);
        for (i, o) in items.iter().enumerate() {
            let Some(s) = o.downcast::<Str>() else {
                return Err(raise!(
                    TypeError,
                    "sequence item {}: expected str instance, {} found",
                    i,
                    o.ty().name_str()
                ));
            };
            total = total.saturating_add(s.len());
            max = max.max(s.max_char_bound());
        }
        if total > MAX_LEN {
            return Err(raise!(OverflowError, "join() result is too long for a Python string"));
        }
        if items.len() == 1 && core::ptr::eq(items[0].ty(), Str::type_object()) {
            // SAFETY: checked above.
            return Ok(Ref::new_ref(unsafe { items[0].cast::<Str>() }));
        }
        if total == 0 {
            return Ok(Str::empty_ref());
        }
        let out = Str::alloc(total, max)?;
        let (kind, mut p) = (out.kind(), out.data_ptr());
        let (sep, sep_size) = (self.data(), self.len() * kind as usize);
        for (i, o) in items.iter().enumerate() {
            // SAFETY: all are strings, and the sizes were summed above (strings do not change).
            unsafe {
                if i > 0 && sep_size > 0 {
                    copy_chars(sep, p, kind);
                    p = p.add(sep_size);
                }
                let s = o.cast::<Str>();
                copy_chars(s.data(), p, kind);
                p = p.add(s.len() * kind as usize);
            }
        }
        Ok(out)
    }
}

/// UTF-8 of storage data, or `None` when there is a lone surrogate.
pub fn utf8_of(d: StrData<'_>) -> Option<Vec<u8>> {
    match d {
        StrData::One(s) => {
            let mut v = Vec::with_capacity(s.len() + s.len() / 2 + 2);
            for &b in s {
                if b < 0x80 {
                    v.push(b);
                } else {
                    v.extend_from_slice(&[0xC0 | b >> 6, 0x80 | b & 0x3F]);
                }
            }
            Some(v)
        }
        StrData::Two(s) => {
            let mut v = Vec::with_capacity(s.len() * 3);
            for &c in s {
                if c < 0x80 {
                    v.push(c as u8);
                } else if c < 0x800 {
                    v.extend_from_slice(&[0xC0 | (c >> 6) as u8, 0x80 | (c & 0x3F) as u8]);
                } else if (0xD800..0xE000).contains(&c) {
                    return None;
                } else {
                    v.extend_from_slice(&[
                        0xE0 | (c >> 12) as u8,
                        0x80 | (c >> 6 & 0x3F) as u8,
                        0x80 | (c & 0x3F) as u8,
                    ]);
                }
            }
            Some(v)
        }
        StrData::Four(s) => {
            let mut v = Vec::with_capacity(s.len() * 4);
            for &c in s {
                if (0xD800..0xE000).contains(&c) {
                    return None;
                }
                push_wtf8(&mut v, c);
            }
            Some(v)
        }
    }
}

/// Appends one code point as UTF-8, a surrogate like any other.
#[inline]
pub fn push_wtf8(v: &mut Vec<u8>, c: u32) {
    if c < 0x80 {
        v.push(c as u8);
    } else if c < 0x800 {
        v.extend_from_slice(&[0xC0 | (c >> 6) as u8, 0x80 | (c & 0x3F) as u8]);
    } else if c < 0x10000 {
        v.extend_from_slice(&[0xE0 | (c >> 12) as u8, 0x80 | (c >> 6 & 0x3F) as u8, 0x80 | (c & 0x3F) as u8]);
    } else {
        v.extend_from_slice(&[
            0xF0 | (c >> 18) as u8,
            0x80 | (c >> 12 & 0x3F) as u8,
            0x80 | (c >> 6 & 0x3F) as u8,
            0x80 | (c & 0x3F) as u8,
        ]);
    }
}

/// The characters of well-formed (generalised) UTF-8.
#[derive(Clone)]
pub struct Wtf8Chars<'a>(pub &'a [u8]);

impl Iterator for Wtf8Chars<'_> {
    type Item = u32;
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let s = self.0;
        let b = *s.first()? as u32;
        let at = |i: usize| s.get(i).map_or(0, |&x| x as u32 & 0x3F);
        let (c, n) = if b < 0x80 {
            (b, 1)
        } else if b < 0xE0 {
            ((b & 0x1F) << 6 | at(1), 2)
        } else if b < 0xF0 {
            ((b & 0xF) << 12 | at(1) << 6 | at(2), 3)
        } else {
            ((b & 7) << 18 | at(1) << 12 | at(2) << 6 | at(3), 4)
        };
        self.0 = &s[n.min(s.len())..];
        Some(c)
    }
}

/// The number of characters and a tight bound of the largest one.
fn wtf8_extent(s: &[u8]) -> (usize, u32) {
    let mut n = 0;
    let mut lead = 0u8;
    for &b in s {
        n += (b & 0xC0 != 0x80) as usize;
        lead = lead.max(b);
    }
    let max = match lead {
        0..0x80 => 0x7F,
        0x80..0xC4 => 0xFF,
        0xC4..0xF0 => 0xFFFF,
        _ => 0x10FFFF,
    };
    if n == 1 && max == 0xFF {
        return (1, Wtf8Chars(s).next().unwrap_or(0));
    }
    (n, max)
}

/// Builds a string piece by piece, widening as needed. When memory is short, it forgets what it has and takes no more;
/// `finish` tells.
pub struct StrBuilder {
    pub(crate) buf: Vec<u8>,
    pub(crate) failed: bool,
    pub(crate) kind: Kind,
    pub(crate) len: usize,
    pub(crate) max: u32,
}

/// The builder's other name (C API `PyUnicodeWriter`).
pub type StrWriter = StrBuilder;

impl StrBuilder {
    pub fn new() -> StrBuilder {
        StrBuilder { buf: Vec::new(), failed: false, kind: Kind::One, len: 0, max: 0 }
    }
    pub fn with_capacity(n: usize) -> StrBuilder {
        let mut b = StrBuilder::new();
        b.failed = b.buf.try_reserve_exact(n).is_err();
        b
    }
    #[cold]
    fn fail(&mut self) {
        *self = StrBuilder { failed: true, ..StrBuilder::new() };
    }
    /// Room for `bytes` more; false when memory is short.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: usize) -> bool {
        if self.failed {
            return false;
        }
        let ok = self.buf.try_reserve(bytes).is_ok();
        if !ok {
            self.fail();
        }
        ok
    }
    /// The number of characters so far.
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The characters so far.
    pub fn data(&self) -> StrData<'_> {
        // SAFETY: the buffer holds `len` characters of the kind; the allocator aligns to eight bytes or more (see `reserve`).
        unsafe {
            let p = self.buf.as_ptr();
            match self.kind {
                Kind::One => StrData::One(&self.buf),
                Kind::Two => StrData::Two(core::slice::from_raw_parts(p.cast(), self.len)),
                Kind::Four => StrData::Four(core::slice::from_raw_parts(p.cast(), self.len)),
            }
        }
    }

    fn widen(&mut self, kind: Kind) {
        let mut buf: Vec<u8> = Vec::new();
        if buf.try_reserve_exact((self.len + self.len / 2 + 16) * kind as usize).is_err() {
            return self.fail();
        }
        // SAFETY: enough capacity for `len` characters of the wider kind.
        unsafe {
            copy_chars(self.data(), buf.as_mut_ptr(), kind);
            buf.set_len(self.len * kind as usize);
        }
        self.buf = buf;
        self.kind = kind;
    }

    /// Room for `n` more characters of which `max` is the largest; gives where to write them, `None` when memory is short.
    #[inline]
    fn reserve(&mut self, n: usize, max: u32) -> Option<*mut u8> {
        if max > self.max {
            self.max = max;
            let k = Kind::of_char(max);
            if k > self.kind {
                self.widen(k);
            }
        }
        let w = self.kind as usize;
        if (self.buf.capacity() - self.buf.len() < n * w || self.failed) && !self.grow(n * w) {
            return None;
        }
        // SAFETY: within the reserved capacity.
        Some(unsafe { self.buf.as_mut_ptr().add(self.len * w) })
    }

    #[inline]
    fn grew(&mut self, n: usize) {
        self.len += n;
        // SAFETY: the caller wrote these characters after `reserve`.
        unsafe { self.buf.set_len(self.len * self.kind as usize) };
    }

    #[inline]
    pub fn push_ascii(&mut self, s: &[u8]) {
        self.push_data_max(StrData::One(s), 0x7F);
    }

    pub fn push_str(&mut self, s: &str) {
        if s.is_ascii() {
            self.push_ascii(s.as_bytes());
        } else {
            self.push_wtf8(s.as_bytes());
        }
    }

    /// Appends well-formed generalised UTF-8.
    pub fn push_wtf8(&mut self, s: &[u8]) {
        let (_, max) = wtf8_extent(s);
        if self.reserve(0, max).is_none() {
            return;
        }
        for c in Wtf8Chars(s) {
            self.push_u32(c);
        }
    }

    #[inline]
    pub fn push_char(&mut self, c: char) {
        self.push_u32(c as u32);
    }

    /// Appends a code point, which may be a surrogate.
    #[inline]
    pub fn push_u32(&mut self, c: u32) {
        let Some(p) = self.reserve(1, c) else { return };
        // SAFETY: reserved above; the kind holds `c`.
        unsafe {
            match self.kind {
                Kind::One => p.write(c as u8),
                Kind::Two => p.cast::<u16>().write(c as u16),
                Kind::Four => p.cast::<u32>().write(c),
            }
        }
        self.grew(1);
    }

    /// Appends `n` copies of a code point.
    pub fn push_fill(&mut self, c: u32, n: usize) {
        if n == 0 {
            return;
        }
        if self.reserve(n, c).is_none() {
            return;
        }
        for _ in 0..n {
            self.push_u32(c);
        }
    }

    #[inline]
    pub fn push_obj(&mut self, s: &Str) {
        self.push_data_max(s.data(), s.max_char_bound());
    }

    /// Appends characters; the bound is found by looking at them.
    pub fn push_data(&mut self, d: StrData<'_>) {
        let max = match d {
            StrData::One(s) => {
                if bytes_are_ascii(s) {
                    0x7F
                } else {
                    0xFF
                }
            }
            _ => d.max_char(),
        };
        self.push_data_max(d, max);
    }

    /// Appends characters of which `max` is a tight bound.
    #[inline]
    pub fn push_data_max(&mut self, d: StrData<'_>, max: u32) {
        if d.is_empty() {
            return;
        }
        let Some(p) = self.reserve(d.len(), max) else { return };
        // SAFETY: reserved above.
        unsafe { copy_chars(d, p, self.kind) };
        self.grew(d.len());
    }

    /// Appends `str(o)`.
    pub fn push_str_of(&mut self, o: &Object) -> PyResult<()> {
        match o.downcast_exact::<Str>() {
            Some(s) => self.push_obj(s),
            None => {
                let s = o.str()?;
                self.push_obj(&s);
            }
        }
        Ok(())
    }

    /// Appends `repr(o)`.
    pub fn push_repr_of(&mut self, o: &Object) -> PyResult<()> {
        let s = o.repr()?;
        self.push_obj(&s);
        Ok(())
    }

    pub fn finish(self) -> PyResult<Ref<Str>> {
        if self.failed {
            return Err(crate::objects::support::no_memory());
        }
        Str::from_data_max(self.data(), self.max)
    }
}

impl Default for StrBuilder {
    fn default() -> StrBuilder {
        StrBuilder::new()
    }
}

impl core::fmt::Write for StrBuilder {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        self.push_str(s);
        Ok(())
    }
}
