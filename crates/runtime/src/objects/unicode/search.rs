//! Substring search over characters of any width, shared by `str`, `bytes` and `bytearray`.
//!
//! Everything is reduced to a search over bytes (memchr's SIMD and two-way routines, linear in the worst case); a hit
//! that does not start on a character boundary is skipped.

use super::{Kind, StrData};
use memchr::{memchr, memmem, memrchr};
use std::borrow::Cow;

/// `needle` in the width `kind`, or `None` when a character does not fit.
fn widen<'a>(needle: StrData<'a>, kind: Kind) -> Option<Cow<'a, [u8]>> {
    if needle.kind() == kind {
        return Some(Cow::Borrowed(needle.as_bytes()));
    }
    if needle.kind() > kind {
        return None;
    }
    let mut v = vec![0u8; needle.len() * kind as usize];
    // SAFETY: room for all characters, in a wider kind.
    unsafe { super::build::copy_chars(needle, v.as_mut_ptr(), kind) };
    Some(Cow::Owned(v))
}

#[inline]
fn find_char_wide(hay: StrData<'_>, c: u32) -> Option<usize> {
    fn scan<T: Copy + PartialEq>(s: &[T], c: T) -> Option<usize> {
        let mut chunks = s.chunks_exact(16);
        let mut base = 0;
        for ch in &mut chunks {
            // Branch-free inside the chunk, so that it vectorises.
            if ch.iter().fold(false, |f, &x| f | (x == c)) {
                return ch.iter().position(|&x| x == c).map(|i| base + i);
            }
            base += 16;
        }
        chunks.remainder().iter().position(|&x| x == c).map(|i| base + i)
    }
    match hay {
        StrData::One(s) => {
            if c < 256 {
                memchr(c as u8, s)
            } else {
                None
            }
        }
        StrData::Two(s) => {
            if c < 65536 {
                scan(s, c as u16)
            } else {
                None
            }
        }
        StrData::Four(s) => scan(s, c),
    }
}

fn rfind_char(hay: StrData<'_>, c: u32) -> Option<usize> {
    match hay {
        StrData::One(s) => {
            if c < 256 {
                memrchr(c as u8, s)
            } else {
                None
            }
        }
        StrData::Two(s) => s.iter().rposition(|&x| x as u32 == c),
        StrData::Four(s) => s.iter().rposition(|&x| x == c),
    }
}

/// Position of the first occurrence of one character.
#[inline]
pub fn find_char(hay: StrData<'_>, c: u32) -> Option<usize> {
    find_char_wide(hay, c)
}

/// Position of the first occurrence.
pub fn find(hay: StrData<'_>, needle: StrData<'_>) -> Option<usize> {
    let (n, m) = (hay.len(), needle.len());
    if m > n {
        return None;
    }
    match m {
        0 => return Some(0),
        1 => return find_char_wide(hay, needle.get(0)),
        _ => {}
    }
    if let (StrData::One(h), StrData::One(p)) = (hay, needle) {
        return find_bytes(h, p);
    }
    let w = hay.kind() as usize;
    let p = widen(needle, hay.kind())?;
    let f = memmem::Finder::new(&p);
    find_aligned(&f, hay.as_bytes(), 0, w).map(|i| i / w)
}

/// Byte search tuned for short haystacks.
#[inline]
pub fn find_bytes(h: &[u8], p: &[u8]) -> Option<usize> {
    if p.len() > h.len() {
        return None;
    }
    match p.len() {
        0 => Some(0),
        1 => memchr(p[0], h),
        _ if h.len() < 128 => {
            // Building a searcher costs more than looking for the first byte.
            let last = h.len() - p.len();
            let mut from = 0;
            while from <= last {
                let i = memchr(p[0], &h[from..=last])? + from;
                if &h[i..i + p.len()] == p {
                    return Some(i);
                }
                from = i + 1;
            }
            None
        }
        _ => memmem::find(h, p),
    }
}

fn find_aligned(f: &memmem::Finder<'_>, h: &[u8], mut from: usize, w: usize) -> Option<usize> {
    loop {
        let i = f.find(&h[from..])? + from;
        if i % w == 0 {
            return Some(i);
        }
        from = i / w * w + w;
        if from > h.len() {
            return None;
        }
    }
}

/// Position of the last occurrence.
pub fn rfind(hay: StrData<'_>, needle: StrData<'_>) -> Option<usize> {
    let (n, m) = (hay.len(), needle.len());
    if m > n {
        return None;
    }
    match m {
        0 => return Some(n),
        1 => return rfind_char(hay, needle.get(0)),
        _ => {}
    }
    let w = hay.kind() as usize;
    let p = widen(needle, hay.kind())?;
    let f = memmem::FinderRev::new(&p[..]);
    let mut h = hay.as_bytes();
    loop {
        let i = f.rfind(h)?;
        if i % w == 0 {
            return Some(i / w);
        }
        h = &h[..i + p.len() - 1];
    }
}

/// Calls `hit` with the position of each of the first `max` occurrences that do not overlap. The needle is not empty.
pub fn for_each_match(hay: StrData<'_>, needle: StrData<'_>, max: usize, mut hit: impl FnMut(usize)) {
    let m = needle.len();
    if max == 0 || m > hay.len() || m == 0 {
        return;
    }
    let mut left = max;
    if m == 1 {
        let c = needle.get(0);
        if let StrData::One(s) = hay {
            if c < 256 {
                memchr::memchr_iter(c as u8, s).take(max).for_each(hit);
            }
            return;
        }
        let mut from = 0;
        while left > 0
            && let Some(i) = find_char_wide(hay.slice(from, hay.len()), c)
        {
            hit(from + i);
            from += i + 1;
            left -= 1;
        }
        return;
    }
    let w = hay.kind() as usize;
    let Some(p) = widen(needle, hay.kind()) else { return };
    let h = hay.as_bytes();
    let f = memmem::Finder::new(&p);
    let mut from = 0;
    while left > 0
        && let Some(i) = find_aligned(&f, h, from, w)
    {
        hit(i / w);
        from = i + p.len();
        left -= 1;
    }
}

/// Number of occurrences that do not overlap (at most `max`); an empty needle occurs `len + 1` times.
pub fn count(hay: StrData<'_>, needle: StrData<'_>, max: usize) -> usize {
    if needle.is_empty() {
        return (hay.len() + 1).min(max);
    }
    if let (StrData::One(h), StrData::One(&[c])) = (hay, needle) {
        return memchr::memchr_iter(c, h).count().min(max);
    }
    let mut n = 0;
    for_each_match(hay, needle, max, |_| n += 1);
    n
}

/// Whether `hay` begins with `needle` at `at`.
#[inline]
pub fn matches_at(hay: StrData<'_>, at: usize, needle: StrData<'_>) -> bool {
    if at + needle.len() > hay.len() {
        return false;
    }
    let h = hay.slice(at, at + needle.len());
    if h.kind() == needle.kind() { h.as_bytes() == needle.as_bytes() } else { h.chars().eq(needle.chars()) }
}

/// The pieces of `split(sep, max)`, as ranges.
pub fn split(hay: StrData<'_>, sep: StrData<'_>, max: usize, mut piece: impl FnMut(usize, usize)) {
    let mut start = 0;
    let m = sep.len();
    for_each_match(hay, sep, max, |i| {
        piece(start, i);
        start = i + m;
    });
    piece(start, hay.len());
}

/// The pieces of `rsplit(sep, max)`, from the last to the first.
pub fn rsplit(hay: StrData<'_>, sep: StrData<'_>, max: usize, mut piece: impl FnMut(usize, usize)) {
    let mut end = hay.len();
    let mut left = max;
    while left > 0
        && let Some(i) = rfind(hay.slice(0, end), sep)
    {
        piece(i + sep.len(), end);
        end = i;
        left -= 1;
    }
    piece(0, end);
}

/// The pieces of `split(None, max)`: runs of characters for which `space` is false.
#[inline]
pub fn split_space<T: Copy>(s: &[T], max: usize, space: impl Fn(T) -> bool, mut piece: impl FnMut(usize, usize)) {
    let n = s.len();
    let (mut i, mut left) = (0, max);
    while i < n {
        while i < n && space(s[i]) {
            i += 1;
        }
        if i == n {
            return;
        }
        if left == 0 {
            piece(i, n);
            return;
        }
        let start = i;
        while i < n && !space(s[i]) {
            i += 1;
        }
        piece(start, i);
        left -= 1;
    }
}

/// The pieces of `rsplit(None, max)`, from the last to the first.
#[inline]
pub fn rsplit_space<T: Copy>(s: &[T], max: usize, space: impl Fn(T) -> bool, mut piece: impl FnMut(usize, usize)) {
    let (mut i, mut left) = (s.len(), max);
    while i > 0 {
        while i > 0 && space(s[i - 1]) {
            i -= 1;
        }
        if i == 0 {
            return;
        }
        if left == 0 {
            piece(0, i);
            return;
        }
        let end = i;
        while i > 0 && !space(s[i - 1]) {
            i -= 1;
        }
        piece(i, end);
        left -= 1;
    }
}
