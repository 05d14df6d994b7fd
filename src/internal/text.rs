//! CPython's internal functions on text: the locale's encoding with an error handler, paths, finding bytes, edit distance.

use crate::export::{CText, bad_internal_call, fine};
use core::ffi::{c_char, c_int};
use runtime::abi;
use runtime::mem::domains;
use runtime::objects::float::text as numbers;
use runtime::prelude::*;

type Wide = c_int;

const STRICT: c_int = 1;
const ESCAPE: c_int = 2;
const PASS: c_int = 6;
const BAD: c_int = -2;
const UNSUPPORTED: c_int = -3;

/// Decodes UTF-8; the offset of the first byte that the handler does not take otherwise.
fn decode(bytes: &[u8], errors: c_int) -> Result<Vec<u32>, usize> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let valid = match core::str::from_utf8(&bytes[at..]) {
            Ok(t) => t,
            // SAFETY: checked up to there.
            Err(e) => unsafe { core::str::from_utf8_unchecked(&bytes[at..at + e.valid_up_to()]) },
        };
        out.extend(valid.chars().map(u32::from));
        at += valid.len();
        match bytes[at..] {
            [] => break,
            [0xed, b @ 0xa0..=0xbf, c @ 0x80..=0xbf, ..] if errors == PASS => {
                out.push(0xd000 | u32::from(b & 0x3f) << 6 | u32::from(c & 0x3f));
                at += 3;
            }
            [b, ..] if errors == ESCAPE => {
                out.push(0xdc00 + u32::from(b));
                at += 1;
            }
            _ => return Err(at),
        }
    }
    Ok(out)
}

fn encode(chars: &[u32], errors: c_int) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(chars.len());
    for (i, &c) in chars.iter().enumerate() {
        match char::from_u32(c) {
            Some(ch) => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
            None if errors == ESCAPE && (0xdc80..=0xdcff).contains(&c) => out.push(c as u8),
            None if errors == PASS && c < 0x10000 => {
                out.extend_from_slice(&[0xe0 | (c >> 12) as u8, 0x80 | (c >> 6 & 0x3f) as u8, 0x80 | (c & 0x3f) as u8]);
            }
            None => return Err(i),
        }
    }
    Ok(out)
}

unsafe fn wide_slice<'a>(p: *const Wide) -> &'a [u32] {
    // SAFETY: C passes a terminated string.
    unsafe {
        let n = (0..).take_while(|i| *p.add(*i) != 0).count();
        core::slice::from_raw_parts(p.cast::<u32>(), n)
    }
}

capi! {
    raw fn _Py_GetErrorHandler(errors: Option<CText<'_>>) -> c_int {
        fine(match errors.map(|e| e.to_bytes()) {
            None | Some(b"strict") => STRICT,
            Some(b"surrogateescape") => ESCAPE,
            Some(b"replace") => 3,
            Some(b"ignore") => 4,
            Some(b"backslashreplace") => 5,
            Some(b"surrogatepass") => PASS,
            Some(b"xmlcharrefreplace") => 7,
            _ => 8,
        })
    }
    raw fn _Py_DecodeLocaleEx(arg: CText<'_>, text: *mut *mut Wide, len: *mut usize, reason: *mut *const c_char, _current: c_int, errors: c_int) -> c_int {
        if ![STRICT, ESCAPE, PASS].contains(&errors) {
            return Ok(UNSUPPORTED);
        }
        // SAFETY: C passes places, the last two or null; a fresh block, filled whole.
        unsafe {
            match decode(arg.to_bytes(), errors) {
                Ok(chars) => {
                    let p = domains::raw_malloc((chars.len() + 1) * 4).cast::<u32>();
                    if p.is_null() {
                        return Ok(-1);
                    }
                    core::ptr::copy_nonoverlapping(chars.as_ptr(), p, chars.len());
                    *p.add(chars.len()) = 0;
                    *text = p.cast();
                    if let Some(l) = len.as_mut() {
                        *l = chars.len();
                    }
                    Ok(0)
                }
                Err(at) => {
                    if let Some(l) = len.as_mut() {
                        *l = at;
                    }
                    if let Some(r) = reason.as_mut() {
                        *r = c"decoding error".as_ptr();
                    }
                    Ok(BAD)
                }
            }
        }
    }
    raw fn _Py_EncodeLocaleEx(text: *const Wide, result: *mut *mut c_char, error: *mut usize, reason: *mut *const c_char, _current: c_int, errors: c_int) -> c_int {
        if ![STRICT, ESCAPE, PASS].contains(&errors) {
            return Ok(UNSUPPORTED);
        }
        // SAFETY: C passes a terminated string and places, the last two or null; a fresh block, filled whole.
        unsafe {
            match encode(wide_slice(text), errors) {
                Ok(bytes) => {
                    let p = domains::mem_malloc(bytes.len() + 1).cast::<u8>();
                    if p.is_null() {
                        return Ok(-1);
                    }
                    core::ptr::copy_nonoverlapping(bytes.as_ptr(), p, bytes.len());
                    *p.add(bytes.len()) = 0;
                    *result = p.cast();
                    Ok(0)
                }
                Err(at) => {
                    if let Some(e) = error.as_mut() {
                        *e = at;
                    }
                    if let Some(r) = reason.as_mut() {
                        *r = c"encoding error".as_ptr();
                    }
                    Ok(BAD)
                }
            }
        }
    }
    /// In place: no doubled slashes, no `.`, no `..` behind a name.
    raw fn _Py_normpath(path: *mut Wide, size: isize) -> *mut Wide {
        const SLASH: u32 = b'/' as u32;
        const DOT: u32 = b'.' as u32;
        // SAFETY: C passes a string of that size, or a terminated one; the result is never longer.
        unsafe {
            let all = core::slice::from_raw_parts(path.cast::<u32>(), if size >= 0 { size as usize } else { wide_slice(path).len() }).to_vec();
            let lead = all.iter().take_while(|c| **c == SLASH).count();
            let lead = if lead == 2 { 2 } else { lead.min(1) };
            let mut parts: Vec<&[u32]> = Vec::new();
            for p in all.split(|c| *c == SLASH) {
                match p {
                    [] | [DOT] => {}
                    [DOT, DOT] if parts.last().is_some_and(|l| *l != [DOT, DOT]) => {
                        parts.pop();
                    }
                    [DOT, DOT] if lead > 0 => {}
                    _ => parts.push(p),
                }
            }
            let mut out = vec![SLASH; lead];
            out.extend(parts.join(&SLASH));
            if !all.is_empty() || size < 0 {
                core::ptr::copy_nonoverlapping(out.as_ptr(), path.cast(), out.len());
                if out.len() < all.len() {
                    *path.add(out.len()) = 0;
                }
            }
            fine(path)
        }
    }
    raw fn _PyBytes_Find(hay: *const u8, hay_len: isize, needle: *const u8, needle_len: isize, offset: isize) -> isize {
        // SAFETY: C passes that many bytes each.
        let (hay, needle) = unsafe {
            (core::slice::from_raw_parts(hay, hay_len as usize), core::slice::from_raw_parts(needle, needle_len as usize))
        };
        let found = if needle.is_empty() { Some(0) } else { hay.windows(needle.len()).position(|w| w == needle) };
        fine(found.map_or(-1, |i| i as isize + offset))
    }
    raw fn _PyBytes_ReverseFind(hay: *const u8, hay_len: isize, needle: *const u8, needle_len: isize, offset: isize) -> isize {
        // SAFETY: C passes that many bytes each.
        let (hay, needle) = unsafe {
            (core::slice::from_raw_parts(hay, hay_len as usize), core::slice::from_raw_parts(needle, needle_len as usize))
        };
        let found = if needle.is_empty() { Some(hay.len()) } else { hay.windows(needle.len()).rposition(|w| w == needle) };
        fine(found.map_or(-1, |i| i as isize + offset))
    }
    fn _Py_UTF8_Edit_Cost(a: &Object, b: &Object, max: isize) -> isize {
        let (Some(a), Some(b)) = (a.downcast::<Str>(), b.downcast::<Str>()) else { return Err(bad_internal_call()) };
        let (a, b) = (a.to_str()?, b.to_str()?);
        let cost = runtime::interp::suggest::distance(a, b, 1 << 20) as isize;
        fine(if max >= 0 { cost.min(max + 1) } else { cost })
    }
    fn _PyUnicode_TransformDecimalAndSpaceToASCII(s: &Object) -> *mut abi::PyObject {
        let s = s.downcast::<Str>().ok_or_else(bad_internal_call)?;
        if s.is_ascii() {
            return Ok(s.to_ref());
        }
        let text = numbers::decimal_to_ascii(s);
        // What follows a character that is no digit does not matter.
        let bad = s.chars().zip(text.bytes()).position(|(c, t)| c >= 0x80 && t == b'?');
        Ok(Str::new(bad.map_or(&text[..], |i| &text[..=i]))?.upcast())
    }
}
