//! `unicodeobject.h`: making, reading, comparing and searching strings. Encodings are in `codecs.rs`.

use crate::export::{CText, bad_internal_call, fine, text};
use core::ffi::{c_char, c_int, c_uchar, c_uint, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::objects::codecs;
use runtime::objects::unicode::{Kind, search, ucd};
use runtime::prelude::*;

/// Wide characters are UCS-4 here.
type Wide = c_int;

/// File system encoding → str.
pub fn fs_decode(bytes: &[u8]) -> PyResult<Ref<Str>> {
    codecs::fs_decode(bytes)
}

/// "bad argument type for built-in operation".
pub fn bad_argument() -> Raised {
    raise!(TypeError, "bad argument type for built-in operation")
}

/// A str, or the TypeError of functions that read one.
pub fn str_arg(o: Option<&Object>) -> PyResult<&Str> {
    o.and_then(|o| o.downcast::<Str>()).ok_or_else(bad_argument)
}

/// `len` bytes at `p`.
///
/// # Safety
/// They are readable.
pub unsafe fn bytes_at<'a>(p: *const c_char, len: isize) -> &'a [u8] {
    if len <= 0 || p.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(p.cast(), len as usize) }
}

fn utf8(bytes: &[u8]) -> PyResult<Ref<Str>> {
    match core::str::from_utf8(bytes) {
        Ok(s) => Str::new(s),
        Err(_) => Ok(codecs::utf::decode_utf8(bytes, None, true, "utf-8")?.0),
    }
}

/// A search range as Python gives it.
fn range(s: &Str, start: isize, end: isize) -> (usize, usize) {
    let (a, b) = runtime::objects::unicode::ops::adjust_range(start, end, s.len());
    (a.max(0) as usize, b.max(0) as usize)
}

/// MemoryError for a length that no memory can have.
pub fn sane_length(len: isize) -> PyResult<()> {
    if len >= isize::MAX / 4 { Err(runtime::error::raise_none(exc::MemoryError())) } else { Ok(()) }
}

/// A buffer from the "mem" domain.
fn mem_alloc(size: usize) -> PyResult<*mut c_void> {
    // SAFETY: no precondition.
    let p = unsafe { runtime::mem::domains::mem_malloc(size) };
    if p.is_null() { Err(runtime::error::raise_none(exc::MemoryError())) } else { Ok(p) }
}

/// A fresh string under construction may be written to.
fn writable(s: &Str) -> PyResult<()> {
    if s.ty().ptr_eq(Str::type_object()) && s.is_uniquely_referenced() && !s.is_interned() {
        return Ok(());
    }
    Err(raise!(SystemError, "Cannot modify a string currently used"))
}

unsafe fn put(s: &Str, i: usize, c: u32) {
    // SAFETY: the caller checked index and width.
    unsafe {
        match s.kind() {
            Kind::One => *s.data_ptr().add(i) = c as u8,
            Kind::Two => *s.data_ptr().cast::<u16>().add(i) = c as u16,
            Kind::Four => *s.data_ptr().cast::<u32>().add(i) = c,
        }
    }
}

capi! {
    fn PyUnicode_New(len: isize, max_char: c_uint) -> *mut abi::PyObject {
        if len < 0 {
            return Err(raise!(SystemError, "Negative size passed to PyUnicode_New"));
        }
        if len > 0 && max_char > 0x10ffff {
            return Err(raise!(SystemError, "invalid maximum character passed to PyUnicode_New"));
        }
        if len == 0 { Ok(Str::empty_ref()) } else { Str::alloc(len as usize, max_char) }
    }
    fn PyUnicode_FromString(s: CText<'_>) -> *mut abi::PyObject {
        utf8(s.to_bytes())
    }
    fn PyUnicode_FromStringAndSize(p: *const c_char, len: isize) -> *mut abi::PyObject {
        if len < 0 {
            return Err(raise!(SystemError, "Negative size passed to PyUnicode_FromStringAndSize"));
        }
        if p.is_null() && len > 0 {
            return Err(raise!(SystemError, "NULL string with positive size with NULL passed to PyUnicode_FromStringAndSize"));
        }
        sane_length(len)?;
        // SAFETY: C passes that many bytes.
        utf8(unsafe { bytes_at(p, len) })
    }
    fn PyUnicode_FromKindAndData(kind: c_int, data: *const c_void, len: isize) -> *mut abi::PyObject {
        if len < 0 {
            return Err(raise!(ValueError, "size must be positive"));
        }
        let n = if data.is_null() { 0 } else { len as usize };
        if ![1, 2, 4].contains(&kind) {
            return Err(raise!(SystemError, "invalid kind"));
        }
        if n == 0 {
            return Ok(Str::empty_ref());
        }
        // SAFETY: C passes that many characters of the kind.
        unsafe {
            match kind {
                1 => Str::from_latin1(core::slice::from_raw_parts(data.cast(), n)),
                2 => Str::from_ucs2(core::slice::from_raw_parts(data.cast(), n)),
                4 => Str::from_ucs4(core::slice::from_raw_parts(data.cast(), n)),
                _ => Err(raise!(SystemError, "invalid kind")),
            }
        }
    }
    fn PyUnicode_FromOrdinal(ordinal: c_int) -> *mut abi::PyObject {
        if !(0..=0x10ffff).contains(&ordinal) {
            return Err(raise!(ValueError, "chr() arg not in range(0x110000)"));
        }
        Str::from_char(ordinal as u32)
    }
    fn PyUnicode_FromObject(o: &Object) -> *mut abi::PyObject {
        match o.downcast::<Str>() {
            Some(s) => s.to_exact(),
            None => Err(raise!(TypeError, "Can't convert '{}' object to str implicitly", o.ty().tp_name())),
        }
    }
    fn PyUnicode_FromWideChar(w: *const Wide, len: isize) -> *mut abi::PyObject {
        if w.is_null() {
            return if len == 0 { Ok(Str::empty_ref()) } else { Err(bad_internal_call()) };
        }
        // SAFETY: C passes that many characters, or a terminated string.
        unsafe {
            if len < -1 {
                return Err(bad_internal_call());
            }
            let n = if len < 0 { (0..).take_while(|&i| *w.add(i) != 0).count() } else { len as usize };
            let chars = core::slice::from_raw_parts(w.cast::<u32>(), n);
            if let Some(bad) = chars.iter().find(|c| **c > 0x10ffff) {
                return Err(raise!(ValueError, "character U+{:x} is not in range [U+0000; U+10ffff]", bad));
            }
            Str::from_ucs4(chars)
        }
    }
    fn PyUnicode_InternFromString(s: CText<'_>) -> *mut abi::PyObject {
        Ok(Str::intern_ref(text(s)?))
    }
    fn PyUnicode_InternInPlace(place: *mut *mut abi::PyObject) {
        // SAFETY: C passes a place that owns a string.
        unsafe {
            if let Some(s) = PyRef::from_ptr_opt(*place) {
                *place = match s.downcast_into::<Str>() {
                    Ok(s) if s.ty().ptr_eq(Str::type_object()) => Str::intern_ref(s).into_ptr(),
                    Ok(s) => s.into_ptr(),
                    Err(o) => o.into_ptr(),
                };
            }
        }
        Ok(())
    }
    fn PyUnicode_InternImmortal(place: *mut *mut abi::PyObject) {
        // SAFETY: as for `PyUnicode_InternInPlace`, which it calls.
        unsafe { PyUnicode_InternInPlace(place) };
        Ok(())
    }
    fn PyUnicode_GetLength(s: Option<&Object>) -> isize {
        Ok(str_arg(s)?.len())
    }
    fn PyUnicode_ReadChar(s: Option<&Object>, i: isize) -> c_uint {
        let s = str_arg(s)?;
        if i < 0 || i as usize >= s.len() {
            return Err(raise!(IndexError, "string index out of range"));
        }
        Ok(s.char_at(i as usize))
    }
    fn PyUnicode_WriteChar(s: Option<&Object>, i: isize, c: c_uint) -> c_int {
        let s = str_arg(s)?;
        if i < 0 || i as usize >= s.len() {
            return Err(raise!(IndexError, "string index out of range"));
        }
        writable(s)?;
        if c > s.max_char_bound() {
            return Err(raise!(ValueError, "character out of range"));
        }
        // SAFETY: checked above; nobody else sees the string.
        unsafe { put(s, i as usize, c) };
        Ok(())
    }
    fn PyUnicode_KIND(s: &Object) -> c_int {
        // SAFETY: C passes a string.
        fine(unsafe { s.cast::<Str>() }.kind() as c_int)
    }
    fn PyUnicode_DATA(s: &Object) -> *mut c_void {
        // SAFETY: C passes a string.
        fine(unsafe { s.cast::<Str>() }.data_ptr().cast::<c_void>())
    }
    fn PyUnicode_CopyCharacters(to: &Object, to_start: isize, from: &Object, from_start: isize, n: isize) -> isize {
        let (Some(to), Some(from)) = (to.downcast::<Str>(), from.downcast::<Str>()) else { return Err(bad_internal_call()) };
        if to_start < 0 || from_start < 0 || to_start as usize > to.len() || from_start as usize > from.len() {
            return Err(raise!(IndexError, "string index out of range"));
        }
        if n < 0 {
            return Err(raise!(SystemError, "how_many cannot be negative"));
        }
        let n = (n as usize).min(from.len() - from_start as usize);
        if to_start as usize + n > to.len() {
            return Err(raise!(SystemError, "Cannot write {} characters at {} in a string of {} characters", n, to_start, to.len()));
        }
        if n == 0 {
            return Ok(0);
        }
        writable(to)?;
        let source = from.data().slice(from_start as usize, from_start as usize + n);
        if source.max_char() > to.max_char_bound() {
            return Err(raise!(
                SystemError,
                "Cannot copy {} characters into a string of {} characters",
                if from.is_ascii() { "ascii" } else { "UCS" },
                if to.is_ascii() { "ascii" } else { "UCS" }
            ));
        }
        for (i, c) in source.chars().enumerate() {
            // SAFETY: checked above; nobody else sees the string.
            unsafe { put(to, to_start as usize + i, c) };
        }
        Ok(n as isize)
    }
    fn PyUnicode_Fill(s: &Object, start: isize, n: isize, c: c_uint) -> isize {
        let Some(s) = s.downcast::<Str>() else { return Err(bad_internal_call()) };
        writable(s)?;
        if start < 0 {
            return Err(raise!(IndexError, "string index out of range"));
        }
        if c > s.max_char_bound() {
            return Err(raise!(ValueError, "fill character is bigger than the string maximum character"));
        }
        let n = n.min(s.len() as isize - start);
        for i in 0..n.max(0) {
            // SAFETY: checked above; nobody else sees the string.
            unsafe { put(s, (start + i) as usize, c) };
        }
        Ok(n.max(0))
    }
    fn PyUnicode_Resize(place: *mut *mut abi::PyObject, len: isize) -> c_int {
        // SAFETY: C passes a place that owns a string.
        unsafe {
            if place.is_null() {
                return Err(bad_internal_call());
            }
            let s = Object::from_ptr_opt(*place).and_then(|o| o.downcast::<Str>()).ok_or_else(bad_internal_call)?;
            if len < 0 {
                return Err(bad_internal_call());
            }
            let len = len as usize;
            if s.len() == len {
                return Ok(());
            }
            let new = if len == 0 {
                Str::empty_ref()
            } else {
                let new = Str::alloc(len, s.max_char_bound())?;
                let width = s.kind() as usize;
                let keep = len.min(s.len());
                core::ptr::copy_nonoverlapping(s.data_ptr(), new.data_ptr(), keep * width);
                core::ptr::write_bytes(new.data_ptr().add(keep * width), 0, (len - keep) * width);
                new
            };
            let old = PyRef::from_ptr_opt(core::mem::replace(&mut *place, new.into_ptr()));
            drop(old);
        }
        Ok(())
    }

    fn PyUnicode_AsUTF8(s: Option<&Object>) -> *const c_char {
        Ok(str_arg(s)?.to_str()?.as_ptr().cast::<c_char>())
    }
    fn PyUnicode_AsUTF8AndSize(s: Option<&Object>, len: *mut isize) -> *const c_char {
        let found = str_arg(s).and_then(|s| s.to_str());
        // SAFETY: C passes a place, or null.
        unsafe {
            if !len.is_null() {
                *len = found.as_ref().map_or(-1, |t| t.len() as isize);
            }
        }
        Ok(found?.as_ptr().cast::<c_char>())
    }
    fn PyUnicode_AsUCS4(s: Option<&Object>, buffer: *mut u32, len: isize, copy_null: c_int) -> *mut u32 {
        let s = str_arg(s)?;
        if len < 0 || (len as usize) < s.len() + usize::from(copy_null != 0) {
            return Err(raise!(SystemError, "string is longer than the buffer"));
        }
        // SAFETY: C passes a buffer of that length.
        unsafe { copy_ucs4(s, buffer, copy_null != 0) };
        Ok(buffer)
    }
    fn PyUnicode_AsUCS4Copy(s: Option<&Object>) -> *mut u32 {
        let s = str_arg(s)?;
        let p = mem_alloc((s.len() + 1) * 4)?.cast::<u32>();
        // SAFETY: a fresh block of that size.
        unsafe { copy_ucs4(s, p, true) };
        Ok(p)
    }
    fn PyUnicode_AsWideChar(s: Option<&Object>, w: *mut Wide, len: isize) -> isize {
        let Some(s) = s else { return Err(bad_internal_call()) };
        let s = s.downcast::<Str>().ok_or_else(bad_argument)?;
        if w.is_null() {
            return Ok(s.len() as isize + 1);
        }
        let n = (len.max(0) as usize).min(s.len() + 1);
        for i in 0..n {
            // SAFETY: C passes a buffer of that length.
            unsafe { *w.add(i) = if i < s.len() { s.char_at(i) as Wide } else { 0 } };
        }
        // Without the zero, unless it does not fit.
        Ok(n.min(s.len()) as isize)
    }
    fn PyUnicode_AsWideCharString(s: Option<&Object>, len: *mut isize) -> *mut Wide {
        let Some(s) = s else { return Err(bad_internal_call()) };
        let s = s.downcast::<Str>().ok_or_else(bad_argument)?;
        if len.is_null() && s.chars().any(|c| c == 0) {
            return Err(raise!(ValueError, "embedded null character"));
        }
        let p = mem_alloc((s.len() + 1) * 4)?.cast::<u32>();
        // SAFETY: a fresh block of that size; C passes a place, or null.
        unsafe {
            copy_ucs4(s, p, true);
            if !len.is_null() {
                *len = s.len() as isize;
            }
        }
        Ok(p.cast::<Wide>())
    }

    fn PyUnicode_Concat(a: &Str, b: &Object) -> *mut abi::PyObject {
        let b = b.downcast::<Str>().ok_or_else(|| raise!(TypeError, "can only concatenate str (not \"{}\") to str", b.ty().tp_name()))?;
        a.concat(b)
    }
    fn PyUnicode_Append(place: *mut *mut abi::PyObject, right: Option<&Object>) {
        // SAFETY: C passes a place.
        unsafe { append(place, right) }
    }
    fn PyUnicode_AppendAndDel(place: *mut *mut abi::PyObject, right: Option<PyRef>) {
        // SAFETY: C passes a place.
        unsafe { append(place, right.as_deref()) }
    }
    fn PyUnicode_Substring(s: &Str, start: isize, end: isize) -> *mut abi::PyObject {
        if start < 0 || end < 0 {
            return Err(raise!(IndexError, "string index out of range"));
        }
        let end = (end as usize).min(s.len());
        let start = (start as usize).min(end);
        if start == 0 && end == s.len() {
            return s.to_exact();
        }
        s.substring(start, end)
    }
    fn PyUnicode_Join(sep: Option<&Object>, seq: &Object) -> *mut abi::PyObject {
        let own;
        let sep = match sep {
            None => {
                own = Str::new(" ")?;
                &*own
            }
            Some(s) => s.downcast::<Str>().ok_or_else(|| raise!(TypeError, "separator: expected str instance, {} found", s.ty().tp_name()))?,
        };
        sep.call_method(intern!("join"), &[seq])
    }
    fn PyUnicode_Split(s: &Str, sep: Option<&Object>, max: isize) -> *mut abi::PyObject {
        s.split_list(opt_str(sep)?, max, false)
    }
    fn PyUnicode_RSplit(s: &Str, sep: Option<&Object>, max: isize) -> *mut abi::PyObject {
        s.split_list(opt_str(sep)?, max, true)
    }
    fn PyUnicode_Splitlines(s: &Str, keep: c_int) -> *mut abi::PyObject {
        s.splitlines_list(keep != 0)
    }
    fn PyUnicode_Partition(s: &Str, sep: &Str) -> *mut abi::PyObject {
        s.call_method(intern!("partition"), &[sep])
    }
    fn PyUnicode_RPartition(s: &Str, sep: &Str) -> *mut abi::PyObject {
        s.call_method(intern!("rpartition"), &[sep])
    }
    fn PyUnicode_Replace(s: &Str, old: &Str, new: &Str, max: isize) -> *mut abi::PyObject {
        s.replace(old, new, max)
    }
    fn PyUnicode_Translate(s: &Str, table: Option<&Object>, errors: Option<CText<'_>>) -> *mut abi::PyObject {
        let table = table.ok_or_else(|| raise!(TypeError, "bad argument type for built-in operation"))?;
        let errors = errors.map_or(c"strict", |e| e);
        if errors.to_bytes() == b"ignore" { s.translate_with(table) } else { crate::codecs::translate(s, table, &errors.to_string_lossy()) }
    }
    fn PyUnicode_Format(format: &Str, args: &Object) -> *mut abi::PyObject {
        runtime::format::percent::format_str(format, args)
    }
    fn PyUnicode_Count(s: &Str, sub: &Str, start: isize, end: isize) -> isize {
        let (a, b) = range(s, start, end);
        if a > b {
            return Ok(0);
        }
        Ok(search::count(s.data().slice(a, b), sub.data(), usize::MAX))
    }
    fn PyUnicode_Find(s: *mut abi::PyObject, sub: *mut abi::PyObject, start: isize, end: isize, direction: c_int) -> isize {
        // SAFETY: C passes objects. An error is -2 here, as -1 says "not found".
        let (s, sub) = unsafe { (Object::from_ptr_opt(s), Object::from_ptr_opt(sub)) };
        let (Some(s), Some(sub)) = (s.and_then(|s| s.downcast::<Str>()), sub.and_then(|s| s.downcast::<Str>())) else {
            let _ = bad_argument();
            return Ok(-2);
        };
        let (a, b) = range(s, start, end);
        if a > b {
            return Ok(-1);
        }
        let (a, b) = (a as isize, b as isize);
        let found = if direction > 0 { s.find_in(sub, a, b) } else { s.rfind_in(sub, a, b) };
        Ok(found.map_or(-1, |i| i as isize))
    }
    fn PyUnicode_FindChar(s: &Object, c: c_uint, start: isize, end: isize, direction: c_int) -> isize {
        let Some(s) = s.downcast::<Str>() else { return Ok(-2) };
        let (a, b) = range(s, start, end);
        let mut places = a..b.max(a);
        let at = if direction > 0 { places.find(|&i| s.char_at(i) == c) } else { places.rfind(|&i| s.char_at(i) == c) };
        Ok(at.map_or(-1, |i| i as isize))
    }
    fn PyUnicode_Tailmatch(s: &Str, sub: &Str, start: isize, end: isize, direction: c_int) -> isize {
        let (a, b) = range(s, start, end);
        if a > b || b - a < sub.len() {
            return Ok(0);
        }
        let at = if direction > 0 { b - sub.len() } else { a };
        Ok(isize::from(search::matches_at(s.data(), at, sub.data())))
    }
    fn PyUnicode_Contains(s: &Object, sub: &Object) -> c_int {
        let sub = sub.downcast::<Str>().ok_or_else(|| raise!(TypeError, "'in <string>' requires string as left operand, not {}", sub.ty().tp_name()))?;
        let s = s.downcast::<Str>().ok_or_else(|| raise!(TypeError, "must be str, not {}", s.ty().tp_name()))?;
        Ok(s.contains_str(sub))
    }
    fn PyUnicode_Compare(a: &Object, b: &Object) -> c_int {
        match (a.downcast::<Str>(), b.downcast::<Str>()) {
            (Some(a), Some(b)) => Ok(a.cmp_str(b) as c_int),
            _ => Err(raise!(TypeError, "Can't compare {} and {}", a.ty().tp_name(), b.ty().tp_name())),
        }
    }
    fn PyUnicode_CompareWithASCIIString(s: &Object, other: CText<'_>) -> c_int {
        // SAFETY: C passes a string.
        let s = unsafe { s.cast::<Str>() };
        fine(s.chars().cmp(other.to_bytes().iter().map(|b| u32::from(*b))) as c_int)
    }
    fn PyUnicode_RichCompare(a: &Object, b: &Object, op: c_int) -> *mut abi::PyObject {
        let op = CompareOp::from_raw(op).ok_or_else(bad_internal_call)?;
        Ok(match (a.downcast::<Str>(), b.downcast::<Str>()) {
            (Some(a), Some(b)) => Bool::of(op.holds(a.cmp_str(b))).to_ref(),
            _ => not_implemented().to_ref(),
        })
    }
    fn PyUnicode_Equal(a: &Object, b: &Object) -> c_int {
        let a = a.downcast::<Str>().ok_or_else(|| raise!(TypeError, "first argument must be str, not {}", a.ty().tp_name()))?;
        let b = b.downcast::<Str>().ok_or_else(|| raise!(TypeError, "second argument must be str, not {}", b.ty().tp_name()))?;
        Ok(a.eq_data(b))
    }
    fn PyUnicode_EqualToUTF8(s: &Object, other: CText<'_>) -> c_int {
        // SAFETY: C passes a string.
        fine(unsafe { s.cast::<Str>() }.as_str().is_some_and(|t| t.as_bytes() == other.to_bytes()))
    }
    fn PyUnicode_EqualToUTF8AndSize(s: &Object, other: *const c_char, len: isize) -> c_int {
        // SAFETY: C passes a string and that many bytes.
        unsafe { fine(s.cast::<Str>().as_str().is_some_and(|t| t.as_bytes() == bytes_at(other, len))) }
    }
    fn PyUnicode_IsIdentifier(s: &Object) -> c_int {
        // SAFETY: C passes a string.
        fine(unsafe { s.cast::<Str>() }.is_identifier())
    }
    raw fn PyUnicode_GetDefaultEncoding() -> *const c_char {
        fine(c"utf-8".as_ptr())
    }
    fn PyUnicode_GetSize(s: Option<&Object>) -> isize {
        Ok(str_arg(s)?.len())
    }
    fn _PyUnicode_FromId(id: *mut abi::_Py_Identifier) -> *mut abi::PyObject {
        // SAFETY: C passes a live identifier; interned strings stay.
        let name = unsafe { core::ffi::CStr::from_ptr((*id).string.cast()) };
        let s: &Object = Str::intern(&name.to_string_lossy());
        fine(s.as_ptr())
    }

    raw fn _PyUnicode_IsLowercase(c: c_uint) -> c_int { fine(ucd::is_lower(c)) }
    raw fn _PyUnicode_IsUppercase(c: c_uint) -> c_int { fine(ucd::is_upper(c)) }
    raw fn _PyUnicode_IsTitlecase(c: c_uint) -> c_int { fine(ucd::is_title(c)) }
    raw fn _PyUnicode_IsWhitespace(c: c_uint) -> c_int { fine(ucd::is_space(c)) }
    raw fn _PyUnicode_IsLinebreak(c: c_uint) -> c_int { fine(ucd::is_linebreak(c)) }
    raw fn _PyUnicode_IsDecimalDigit(c: c_uint) -> c_int { fine(ucd::decimal_value(c).is_some()) }
    raw fn _PyUnicode_IsDigit(c: c_uint) -> c_int { fine(ucd::digit_value(c).is_some()) }
    raw fn _PyUnicode_IsNumeric(c: c_uint) -> c_int { fine(ucd::numeric_value(c).is_some()) }
    raw fn _PyUnicode_IsPrintable(c: c_uint) -> c_int { fine(ucd::is_printable(c)) }
    raw fn _PyUnicode_IsAlpha(c: c_uint) -> c_int { fine(ucd::is_alpha(c)) }
    raw fn _PyUnicode_ToLowercase(c: c_uint) -> c_uint { fine(ucd::to_lower(c)) }
    raw fn _PyUnicode_ToUppercase(c: c_uint) -> c_uint { fine(ucd::to_upper(c)) }
    raw fn _PyUnicode_ToTitlecase(c: c_uint) -> c_uint { fine(ucd::to_title(c)) }
    raw fn _PyUnicode_ToDecimalDigit(c: c_uint) -> c_int { fine(ucd::decimal_value(c).map_or(-1, |v| v as c_int)) }
    raw fn _PyUnicode_ToDigit(c: c_uint) -> c_int { fine(ucd::digit_value(c).map_or(-1, |v| v as c_int)) }
    raw fn _PyUnicode_ToNumeric(c: c_uint) -> f64 { fine(ucd::numeric_value(c).unwrap_or(-1.0)) }
}

fn opt_str(o: Option<&Object>) -> PyResult<Option<&Str>> {
    match o {
        None => Ok(None),
        Some(o) => {
            o.downcast::<Str>().map(Some).ok_or_else(|| raise!(TypeError, "must be str, not {}", o.ty().tp_name()))
        }
    }
}

unsafe fn copy_ucs4(s: &Str, p: *mut u32, terminate: bool) {
    // SAFETY: the caller's buffer has room.
    unsafe {
        for (i, c) in s.chars().enumerate() {
            *p.add(i) = c;
        }
        if terminate {
            *p.add(s.len()) = 0;
        }
    }
}

/// `*place += right`; null with an exception on failure.
unsafe fn append(place: *mut *mut abi::PyObject, right: Option<&Object>) -> PyResult<()> {
    if place.is_null() {
        return if crate::export::pending() { Ok(()) } else { Err(bad_internal_call()) };
    }
    // SAFETY: C passes a place that owns a string.
    unsafe {
        let left = PyRef::from_ptr_opt(*place);
        *place = null_mut();
        let (Some(left), Some(right)) = (left, right) else {
            return if crate::export::pending() { Ok(()) } else { Err(bad_internal_call()) };
        };
        let left = left.downcast_into::<Str>().map_err(|_| bad_internal_call())?;
        let right = right.downcast::<Str>().ok_or_else(bad_internal_call)?;
        *place = Str::append(left, right)?.into_ptr();
    }
    Ok(())
}

/// ASCII tables for the character macros: bit sets of `PY_CTF_*`.
const fn ctype() -> [c_uint; 256] {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 128 {
        let c = i as u8;
        t[i] = (if c.is_ascii_lowercase() { 1 } else { 0 })
            | (if c.is_ascii_uppercase() { 2 } else { 0 })
            | (if c.is_ascii_digit() { 4 } else { 0 })
            | (if matches!(c, b' ' | 9..=13) { 8 } else { 0 })
            | (if c.is_ascii_hexdigit() { 16 } else { 0 });
        i += 1;
    }
    t
}
const fn mapped(upper: bool) -> [c_uchar; 256] {
    let mut t = [0; 256];
    let mut i = 0;
    while i < 256 {
        let c = i as u8;
        t[i] = if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        i += 1;
    }
    t
}
const fn spaces() -> [c_uchar; 128] {
    let mut t = [0; 128];
    let mut i = 0;
    while i < 128 {
        t[i] = matches!(i as u8, b' ' | 9..=13 | 28..=31) as c_uchar;
        i += 1;
    }
    t
}

#[unsafe(no_mangle)]
pub static _Py_ctype_table: [c_uint; 256] = ctype();
#[unsafe(no_mangle)]
pub static _Py_ctype_tolower: [c_uchar; 256] = mapped(false);
#[unsafe(no_mangle)]
pub static _Py_ctype_toupper: [c_uchar; 256] = mapped(true);
#[unsafe(no_mangle)]
pub static _Py_ascii_whitespace: [c_uchar; 128] = spaces();
