//! Making strings: constructors, the builder, conversions to Rust text.

use super::{Kind, Str, StrData};
use crate::prelude::*;
use std::borrow::Cow;

impl Str {
    /// A new string of Rust text.
    pub fn new(_s: &str) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From UTF-8 that may encode lone surrogates (WTF-8, generalised).
    pub fn from_wtf8(_s: &[u8]) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From Latin-1.
    pub fn from_latin1(_s: &[u8]) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From UTF-16 code units, each a character of its own.
    pub fn from_ucs2(_s: &[u16]) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From code points (each at most 0x10FFFF).
    pub fn from_ucs4(_s: &[u32]) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From one code point.
    pub fn from_char(_c: u32) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// From storage data (narrowed to the canonical kind).
    pub fn from_data(_d: StrData<'_>) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// The empty string.
    pub fn empty() -> &'static Str {
        todo!()
    }
    /// An exact, uninitialised, compact string of `len` characters for which `max_char` is the bound (`PyUnicode_New`).
    pub fn alloc(_len: usize, _max_char: u32) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// Formats Rust arguments: `Str::format(format_args!(…))`.
    pub fn format(_args: core::fmt::Arguments<'_>) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// The UTF-8 text, computed once and kept; `None` when there are lone surrogates.
    pub fn as_str(&self) -> Option<&str> {
        todo!()
    }
    /// The UTF-8 text, or UnicodeEncodeError.
    pub fn to_str(&self) -> PyResult<&str> {
        todo!()
    }
    /// The text with U+FFFD for lone surrogates.
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        todo!()
    }
    /// The Python hash.
    pub fn hash_value(&self) -> isize {
        todo!()
    }
    /// `self + other`.
    pub fn concat(&self, _other: &Str) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// `left + right`, reusing `left`'s memory when nobody else refers to it (`s += x`).
    pub fn append(_left: Ref<Str>, _right: &Str) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// `self[a:b]` for `a <= b <= len`.
    pub fn substring(&self, _a: usize, _b: usize) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// `self.join(items)`.
    pub fn join(&self, _items: &[&Object]) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// An exact `str` of the same content (`self` itself when it is one).
    pub fn to_exact(&self) -> PyResult<Ref<Str>> {
        todo!()
    }
    /// `self[i]` for `i < len`.
    pub fn index_str(&self, _i: usize) -> PyResult<Ref<Str>> {
        todo!()
    }
}

/// Builds a string piece by piece, widening as needed.
pub struct StrBuilder {
    pub(crate) buf: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) len: usize,
    pub(crate) max: u32,
}

/// The builder's other name (C API `PyUnicodeWriter`).
pub type StrWriter = StrBuilder;

impl StrBuilder {
    pub fn new() -> StrBuilder {
        StrBuilder { buf: Vec::new(), kind: Kind::One, len: 0, max: 0 }
    }
    pub fn with_capacity(n: usize) -> StrBuilder {
        StrBuilder { buf: Vec::with_capacity(n), kind: Kind::One, len: 0, max: 0 }
    }
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    pub fn push_str(&mut self, _s: &str) {
        todo!()
    }
    pub fn push_char(&mut self, _c: char) {
        todo!()
    }
    /// Appends a code point, which may be a surrogate.
    pub fn push_u32(&mut self, _c: u32) {
        todo!()
    }
    pub fn push_obj(&mut self, _s: &Str) {
        todo!()
    }
    pub fn push_data(&mut self, _d: StrData<'_>) {
        todo!()
    }
    /// Appends `str(o)`.
    pub fn push_str_of(&mut self, _o: &Object) -> PyResult<()> {
        todo!()
    }
    /// Appends `repr(o)`.
    pub fn push_repr_of(&mut self, _o: &Object) -> PyResult<()> {
        todo!()
    }
    pub fn finish(self) -> PyResult<Ref<Str>> {
        todo!()
    }
}

impl core::fmt::Write for StrBuilder {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        self.push_str(s);
        Ok(())
    }
}
