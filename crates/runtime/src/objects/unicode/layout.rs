//! The layout of strings and the primitive views every other part works on.

use crate::object::Object;
use crate::prelude::*;
use core::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};

/// Width of one character in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Kind {
    One = 1,
    Two = 2,
    Four = 4,
}

impl Kind {
    /// The narrowest kind that holds `c`.
    #[inline(always)]
    pub fn of_char(c: u32) -> Kind {
        if c < 0x100 {
            Kind::One
        } else if c < 0x10000 {
            Kind::Two
        } else {
            Kind::Four
        }
    }
}

pub(crate) const KIND_MASK: u8 = 7;
pub(crate) const COMPACT: u8 = 8;
pub(crate) const ASCII: u8 = 16;
pub(crate) const STATIC: u8 = 32;

/// `PyASCIIObject.state.interned` values.
pub(crate) const INTERNED_NOT: u8 = 0;
pub(crate) const INTERNED_IMMORTAL: u8 = 2;

/// A `str` object.
#[repr(C)]
pub struct Str {
    pub(crate) base: abi::PyASCIIObject,
}

py_layout!(Str, PyUnicode_Type, abi::Py_TPFLAGS_UNICODE_SUBCLASS);

/// The type object.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static mut PyUnicode_Type: Type = Type::STATIC;

/// The characters of a string in their storage form. `One` holds Latin-1 (of which ASCII is a part).
#[derive(Clone, Copy, Debug)]
pub enum StrData<'a> {
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

/// Runs `$body` with `$s` bound to the typed slice.
#[macro_export]
macro_rules! with_data {
    ($data:expr, $s:ident => $body:expr) => {
        match $data {
            $crate::objects::unicode::StrData::One($s) => $body,
            $crate::objects::unicode::StrData::Two($s) => $body,
            $crate::objects::unicode::StrData::Four($s) => $body,
        }
    };
}

impl<'a> StrData<'a> {
    #[inline]
    pub fn len(&self) -> usize {
        with_data!(*self, s => s.len())
    }
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            StrData::One(_) => Kind::One,
            StrData::Two(_) => Kind::Two,
            StrData::Four(_) => Kind::Four,
        }
    }
    #[inline(always)]
    pub fn get(&self, i: usize) -> u32 {
        match self {
            StrData::One(s) => s[i] as u32,
            StrData::Two(s) => s[i] as u32,
            StrData::Four(s) => s[i],
        }
    }
    #[inline]
    pub fn slice(&self, a: usize, b: usize) -> StrData<'a> {
        match self {
            StrData::One(s) => StrData::One(&s[a..b]),
            StrData::Two(s) => StrData::Two(&s[a..b]),
            StrData::Four(s) => StrData::Four(&s[a..b]),
        }
    }
    /// The raw bytes of the characters.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        match *self {
            StrData::One(s) => s,
            // SAFETY: integers viewed as bytes.
            StrData::Two(s) => unsafe { core::slice::from_raw_parts(s.as_ptr().cast(), s.len() * 2) },
            // SAFETY: as above.
            StrData::Four(s) => unsafe { core::slice::from_raw_parts(s.as_ptr().cast(), s.len() * 4) },
        }
    }
    #[inline]
    pub fn chars(self) -> CharIter<'a> {
        CharIter { data: self, pos: 0, end: self.len() }
    }
    /// The largest character (0 for the empty string).
    pub fn max_char(&self) -> u32 {
        match self {
            StrData::One(s) => s.iter().fold(0u8, |m, &c| m | c) as u32,
            StrData::Two(s) => s.iter().copied().max().unwrap_or(0) as u32,
            StrData::Four(s) => s.iter().copied().max().unwrap_or(0),
        }
    }
}

/// The code points of a string, lone surrogates included.
#[derive(Clone)]
pub struct CharIter<'a> {
    data: StrData<'a>,
    pos: usize,
    end: usize,
}

impl Iterator for CharIter<'_> {
    type Item = u32;
    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.pos < self.end {
            self.pos += 1;
            Some(self.data.get(self.pos - 1))
        } else {
            None
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.pos, Some(self.end - self.pos))
    }
}
impl DoubleEndedIterator for CharIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<u32> {
        if self.pos < self.end {
            self.end -= 1;
            Some(self.data.get(self.end))
        } else {
            None
        }
    }
}
impl ExactSizeIterator for CharIter<'_> {}

impl Str {
    #[inline(always)]
    pub(crate) fn bits(&self) -> u8 {
        self.base.state.bits.load(Ordering::Relaxed)
    }

    /// The number of characters.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.base.length as usize
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.base.length == 0
    }

    #[inline(always)]
    pub fn kind(&self) -> Kind {
        match self.bits() & KIND_MASK {
            1 => Kind::One,
            2 => Kind::Two,
            _ => Kind::Four,
        }
    }

    #[inline(always)]
    pub fn is_ascii(&self) -> bool {
        self.bits() & ASCII != 0
    }

    #[inline(always)]
    pub fn is_compact(&self) -> bool {
        self.bits() & COMPACT != 0
    }

    /// The address of the first character.
    #[inline(always)]
    pub fn data_ptr(&self) -> *mut u8 {
        let b = self.bits();
        let p = (self as *const Str).cast::<u8>().cast_mut();
        // SAFETY: offsets within the object's own block, by its state bits.
        unsafe {
            if b & (COMPACT | ASCII) == COMPACT | ASCII {
                p.add(size_of::<abi::PyASCIIObject>())
            } else if b & COMPACT != 0 {
                p.add(size_of::<abi::PyCompactUnicodeObject>())
            } else {
                (*p.cast::<abi::PyUnicodeObject>()).data.cast()
            }
        }
    }

    /// The characters.
    #[inline(always)]
    pub fn data(&self) -> StrData<'_> {
        let p = self.data_ptr();
        let n = self.len();
        // SAFETY: `n` characters of the kind's width live there and do not change.
        unsafe {
            match self.bits() & KIND_MASK {
                1 => StrData::One(core::slice::from_raw_parts(p, n)),
                2 => StrData::Two(core::slice::from_raw_parts(p.cast(), n)),
                _ => StrData::Four(core::slice::from_raw_parts(p.cast(), n)),
            }
        }
    }

    /// The code point at `i` (which must be in range).
    #[inline(always)]
    pub fn char_at(&self, i: usize) -> u32 {
        self.data().get(i)
    }

    /// The code points.
    #[inline]
    pub fn chars(&self) -> CharIter<'_> {
        self.data().chars()
    }

    /// The ASCII text, when it is all ASCII.
    #[inline(always)]
    pub fn as_ascii(&self) -> Option<&str> {
        if self.is_ascii() {
            // SAFETY: ASCII bytes, immutable.
            Some(unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(self.data_ptr(), self.len())) })
        } else {
            None
        }
    }

    /// The slots of the cached UTF-8 text (not for compact ASCII, whose characters are it).
    pub(crate) fn utf8_slots(&self) -> (&AtomicPtr<u8>, &AtomicIsize) {
        let p = (self as *const Str).cast::<abi::PyCompactUnicodeObject>();
        // SAFETY: only compact ASCII strings lack these fields; the caller checked.
        unsafe {
            (&*(&raw const (*p).utf8).cast::<AtomicPtr<u8>>(), &*(&raw const (*p).utf8_length).cast::<AtomicIsize>())
        }
    }

    #[inline(always)]
    pub(crate) fn hash_slot(&self) -> &AtomicIsize {
        // SAFETY: an aligned isize of this object, accessed atomically everywhere.
        unsafe { &*(&raw const self.base.hash).cast::<AtomicIsize>() }
    }

    /// Compares the content.
    #[inline]
    pub fn eq_data(&self, other: &Str) -> bool {
        core::ptr::eq(self, other)
            || (self.len() == other.len()
                && self.bits() & KIND_MASK == other.bits() & KIND_MASK
                && self.data().as_bytes() == other.data().as_bytes())
    }

    /// Compares with Rust text.
    pub fn eq_str(&self, s: &str) -> bool {
        if let Some(a) = self.as_ascii() {
            return a == s;
        }
        self.chars().eq(s.chars().map(|c| c as u32))
    }
}

impl AsRef<Object> for Str {
    fn as_ref(&self) -> &Object {
        self
    }
}
impl PartialEq for Str {
    fn eq(&self, other: &Str) -> bool {
        self.eq_data(other)
    }
}
impl Eq for Str {}
impl core::fmt::Debug for Str {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.to_string_lossy())
    }
}
impl core::fmt::Display for Str {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.as_ascii() {
            Some(s) => f.write_str(s),
            None => f.write_str(&self.to_string_lossy()),
        }
    }
}
