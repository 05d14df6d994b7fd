//! What `bytes` and `bytearray` share: arguments, and the algorithms over slices.

use crate::objects::ByteArray;
use crate::objects::unicode::{StrBuilder, StrData, ops, search};
use crate::prelude::*;
use crate::protocol::buffer::Buffer;

/// A bytes-like argument, held for the time of a call.
pub enum BytesArg<'a> {
    Bytes(&'a [u8]),
    Buffer(Buffer),
    Byte([u8; 1]),
}

impl core::ops::Deref for BytesArg<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            BytesArg::Bytes(b) => b,
            BytesArg::Buffer(b) => b.as_slice(),
            BytesArg::Byte(b) => b,
        }
    }
}

/// Any object with the buffer protocol.
#[inline]
pub fn bytes_arg(o: &Object) -> PyResult<BytesArg<'_>> {
    if let Some(b) = o.downcast::<Bytes>() {
        return Ok(BytesArg::Bytes(b.as_slice()));
    }
    Ok(BytesArg::Buffer(Buffer::get(o, abi::PyBUF_SIMPLE)?))
}

/// Whether the type has the buffer protocol.
pub fn has_buffer(o: &Object) -> bool {
    let p = o.ty().slots().tp_as_buffer;
    // SAFETY: a type's slot table, when there is one.
    !p.is_null() && unsafe { (*p).bf_getbuffer.is_some() }
}

/// A byte value argument.
pub fn byte_arg(o: &Object, plural: bool) -> PyResult<u8> {
    let v = o.index()?;
    match v.try_i64() {
        Some(x) if (0..256).contains(&x) => Ok(x as u8),
        _ if plural => Err(raise!(ValueError, "bytes must be in range(0, 256)")),
        _ => Err(raise!(ValueError, "byte must be in range(0, 256)")),
    }
}

/// A subsequence argument: an integer or a bytes-like object.
pub fn sub_arg(o: &Object) -> PyResult<BytesArg<'_>> {
    if let Some(b) = o.downcast::<Bytes>() {
        return Ok(BytesArg::Bytes(b.as_slice()));
    }
    if has_buffer(o) {
        return Ok(BytesArg::Buffer(Buffer::get(o, abi::PyBUF_SIMPLE)?));
    }
    if o.index_check() {
        return Ok(BytesArg::Byte([byte_arg(o, false)?]));
    }
    Err(raise!(TypeError, "argument should be integer or bytes-like object, not '{}'", o.ty().name_str()))
}

/// The fill byte of `center` and its like.
pub fn fill_arg(o: Option<&Object>, func: &str) -> PyResult<u8> {
    let Some(o) = o else { return Ok(b' ') };
    let one = |s: &[u8], what: &str| match s {
        [b] => Ok(*b),
        _ => Err(raise!(
            TypeError,
            "{}(): argument 2 must be a byte string of length 1, not a {} object of length {}",
            func,
            what,
            s.len()
        )),
    };
    if let Some(b) = o.downcast::<Bytes>() {
        return one(b.as_slice(), "bytes");
    }
    if let Some(b) = o.downcast::<ByteArray>() {
        return one(&b.to_vec(), "bytearray");
    }
    Err(raise!(TypeError, "{}() argument 2 must be a byte string of length 1, not {}", func, o.ty().name_str()))
}

#[inline]
pub fn is_space(c: u8) -> bool {
    matches!(c, 9..=13 | 32)
}

pub fn find(hay: &[u8], needle: &[u8], start: isize, end: isize) -> Option<usize> {
    if end - start < needle.len() as isize {
        return None;
    }
    search::find_bytes(&hay[start as usize..end as usize], needle).map(|i| i + start as usize)
}

pub fn rfind(hay: &[u8], needle: &[u8], start: isize, end: isize) -> Option<usize> {
    if end - start < needle.len() as isize {
        return None;
    }
    search::rfind(StrData::One(&hay[start as usize..end as usize]), StrData::One(needle)).map(|i| i + start as usize)
}

/// `replace`; `None` means unchanged.
pub fn replace(s: &[u8], old: &[u8], new: &[u8], count: isize) -> PyResult<Option<Vec<u8>>> {
    let max = if count < 0 { usize::MAX } else { count as usize };
    if max == 0 || old.len() > s.len() || old == new {
        return Ok(None);
    }
    if old.is_empty() {
        let times = max.min(s.len() + 1);
        let mut v = Vec::with_capacity(s.len() + times * new.len());
        for (i, &c) in s.iter().enumerate() {
            if i < times {
                v.extend_from_slice(new);
            }
            v.push(c);
        }
        if times == s.len() + 1 {
            v.extend_from_slice(new);
        }
        return Ok(Some(v));
    }
    let hits = search::count(StrData::One(s), StrData::One(old), max);
    if hits == 0 {
        return Ok(None);
    }
    let size = (s.len() as isize).checked_add((new.len() as isize - old.len() as isize).saturating_mul(hits as isize));
    let Some(size) = size.filter(|&z| z < isize::MAX - 64) else {
        return Err(raise!(OverflowError, "replace bytes is too long"));
    };
    let mut v: Vec<u8> = Vec::new();
    if v.try_reserve_exact(size as usize).is_err() {
        return Err(crate::error::raise_none(exc::MemoryError()));
    }
    let mut at = 0;
    search::for_each_match(StrData::One(s), StrData::One(old), max, |i| {
        v.extend_from_slice(&s[at..i]);
        v.extend_from_slice(new);
        at = i + old.len();
    });
    v.extend_from_slice(&s[at..]);
    Ok(Some(v))
}

/// Ranges of `split`/`rsplit`.
pub fn split(s: &[u8], sep: Option<&[u8]>, maxsplit: isize, from_right: bool) -> PyResult<Vec<(usize, usize)>> {
    let max = if maxsplit < 0 { usize::MAX } else { maxsplit as usize };
    let mut out = Vec::new();
    let push = |a, b| out.push((a, b));
    match sep {
        Some([]) => return Err(raise!(ValueError, "empty separator")),
        Some(p) if from_right => search::rsplit(StrData::One(s), StrData::One(p), max, push),
        Some(p) => search::split(StrData::One(s), StrData::One(p), max, push),
        None if from_right => search::rsplit_space(s, max, is_space, push),
        None => search::split_space(s, max, is_space, push),
    }
    if from_right {
        out.reverse();
    }
    Ok(out)
}

pub fn splitlines(s: &[u8], keepends: bool) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < s.len() {
        let start = i;
        let (end, next) = match memchr::memchr2(b'\n', b'\r', &s[i..]) {
            None => (s.len(), s.len()),
            Some(k) if s[i + k] == b'\r' && s.get(i + k + 1) == Some(&b'\n') => (i + k, i + k + 2),
            Some(k) => (i + k, i + k + 1),
        };
        out.push((start, if keepends { next } else { end }));
        i = next;
    }
    out
}

pub fn strip(s: &[u8], chars: Option<&[u8]>, left: bool, right: bool) -> (usize, usize) {
    let (mut a, mut b) = (0, s.len());
    let drop = |c: u8| match chars {
        None => is_space(c),
        Some(set) => set.contains(&c),
    };
    while left && a < b && drop(s[a]) {
        a += 1;
    }
    while right && b > a && drop(s[b - 1]) {
        b -= 1;
    }
    (a, b)
}

pub fn expandtabs(s: &[u8], tabsize: isize) -> PyResult<Vec<u8>> {
    let mut v = Vec::with_capacity(s.len());
    let mut col = 0isize;
    for &c in s {
        if c == b'\t' {
            if tabsize > 0 {
                let n = tabsize - col % tabsize;
                if v.len() as isize > (1 << 36) - n {
                    return Err(raise!(OverflowError, "result too long"));
                }
                col += n;
                v.resize(v.len() + n as usize, b' ');
            }
        } else {
            col = if c == b'\n' || c == b'\r' { 0 } else { col + 1 };
            v.push(c);
        }
    }
    Ok(v)
}

pub fn pad(s: &[u8], left: usize, right: usize, fill: u8) -> Vec<u8> {
    let mut v = Vec::with_capacity(left + s.len() + right);
    v.resize(left, fill);
    v.extend_from_slice(s);
    v.resize(left + s.len() + right, fill);
    v
}

pub fn zfill(s: &[u8], width: isize) -> Option<Vec<u8>> {
    if width <= s.len() as isize {
        return None;
    }
    let fill = width as usize - s.len();
    let mut v = pad(s, fill, 0, b'0');
    if matches!(s.first(), Some(b'+' | b'-')) {
        v[0] = s[0];
        v[fill] = b'0';
    }
    Some(v)
}

pub fn title(s: &[u8]) -> Vec<u8> {
    let mut prev = false;
    s.iter()
        .map(|&c| {
            let r = if prev { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            prev = c.is_ascii_alphabetic();
            r
        })
        .collect()
}

pub fn swapcase(s: &[u8]) -> Vec<u8> {
    s.iter().map(|&c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }).collect()
}

pub fn capitalize(s: &[u8]) -> Vec<u8> {
    let mut v = s.to_ascii_lowercase();
    if let Some(c) = v.first_mut() {
        *c = c.to_ascii_uppercase();
    }
    v
}

pub fn is_title(s: &[u8]) -> bool {
    let (mut cased, mut prev) = (false, false);
    for &c in s {
        if c.is_ascii_uppercase() {
            if prev {
                return false;
            }
            prev = true;
            cased = true;
        } else if c.is_ascii_lowercase() {
            if !prev {
                return false;
            }
            cased = true;
        } else {
            prev = false;
        }
    }
    cased
}

/// `translate(table, delete)`.
pub fn translate(s: &[u8], table: Option<&[u8]>, delete: &[u8]) -> PyResult<Vec<u8>> {
    if table.is_some_and(|t| t.len() != 256) {
        return Err(raise!(ValueError, "translation table must be 256 characters long"));
    }
    let mut drop = [false; 256];
    delete.iter().for_each(|&c| drop[c as usize] = true);
    Ok(s.iter().filter(|&&c| !drop[c as usize]).map(|&c| table.map_or(c, |t| t[c as usize])).collect())
}

/// `maketrans(frm, to)`.
pub fn maketrans(from: &[u8], to: &[u8]) -> PyResult<Ref<Bytes>> {
    if from.len() != to.len() {
        return Err(raise!(ValueError, "maketrans arguments must have same length"));
    }
    let mut t: [u8; 256] = core::array::from_fn(|i| i as u8);
    from.iter().zip(to).for_each(|(&a, &b)| t[a as usize] = b);
    Bytes::new(&t)
}

/// `fromhex(string)`.
pub fn fromhex(o: &Object) -> PyResult<Vec<u8>> {
    let hold;
    let s: &[u8] = if let Some(t) = o.downcast::<Str>() {
        if !t.is_ascii() {
            let at = t.chars().position(|c| c > 127).unwrap_or(0);
            return Err(raise!(ValueError, "non-hexadecimal number found in fromhex() arg at position {}", at));
        }
        t.data().as_bytes()
    } else if has_buffer(o) {
        hold = bytes_arg(o)?;
        &hold
    } else {
        return Err(raise!(TypeError, "fromhex() argument must be str or bytes-like, not {}", o.ty().name_str()));
    };
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    let mut v = Vec::with_capacity(s.len() / 2);
    let mut i = 0;
    while i < s.len() {
        if is_space(s[i]) {
            i += 1;
            continue;
        }
        let bad = |at: usize| raise!(ValueError, "non-hexadecimal number found in fromhex() arg at position {}", at);
        let hi = digit(s[i]).ok_or_else(|| bad(i))?;
        if i + 1 >= s.len() {
            return Err(raise!(ValueError, "fromhex() arg must contain an even number of hexadecimal digits"));
        }
        let lo = digit(s[i + 1]).ok_or_else(|| bad(i + 1))?;
        v.push(hi << 4 | lo);
        i += 2;
    }
    Ok(v)
}

/// `hex(sep, bytes_per_sep)`.
pub fn hex(s: &[u8], sep: Option<&Object>, group: isize) -> PyResult<Ref<Str>> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut sep_byte = None;
    if let Some(o) = sep {
        let b = if let Some(t) = o.downcast::<Str>() {
            if t.len() != 1 {
                return Err(raise!(ValueError, "sep must be length 1."));
            }
            t.char_at(0)
        } else if let Some(b) = o.downcast::<Bytes>() {
            // A subclass has its say about the length
            if o.len()? != 1 {
                return Err(raise!(ValueError, "sep must be length 1."));
            }
            match b.as_slice() {
                [b] => *b as u32,
                _ => return Err(raise!(ValueError, "sep must be length 1.")),
            }
        } else {
            return Err(raise!(TypeError, "sep must be str or bytes."));
        };
        if b > 127 {
            return Err(raise!(ValueError, "sep must be ASCII."));
        }
        sep_byte = Some(b as u8);
    }
    let mut v = Vec::with_capacity(s.len() * 3);
    let n = s.len();
    let g = group.unsigned_abs();
    for (i, &b) in s.iter().enumerate() {
        if let Some(c) = sep_byte
            && i > 0
            && g > 0
            && (if group > 0 { (n - i).is_multiple_of(g) } else { i.is_multiple_of(g) })
        {
            v.push(c);
        }
        v.extend_from_slice(&[HEX[b as usize >> 4], HEX[b as usize & 15]]);
    }
    Str::from_ascii(&v)
}

/// The literal of `s`, without prefix: `'…'`.
pub fn repr_into(s: &[u8], b: &mut StrBuilder, escape_apostrophe: bool) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let quote = if s.contains(&b'\'') && !s.contains(&b'"') { b'"' } else { b'\'' };
    let mut v = Vec::with_capacity(s.len() + 3);
    v.push(quote);
    for &c in s {
        match c {
            b'\t' => v.extend_from_slice(b"\\t"),
            b'\n' => v.extend_from_slice(b"\\n"),
            b'\r' => v.extend_from_slice(b"\\r"),
            _ if c == quote || c == b'\\' || (escape_apostrophe && c == b'\'') => v.extend_from_slice(&[b'\\', c]),
            0x20..0x7F => v.push(c),
            _ => v.extend_from_slice(&[b'\\', b'x', HEX[c as usize >> 4], HEX[c as usize & 15]]),
        }
    }
    v.push(quote);
    b.push_ascii(&v);
}

/// `startswith`/`endswith`.
pub fn tail_match(
    s: &[u8],
    arg: &Object,
    start: Option<&Object>,
    end: Option<&Object>,
    func: &str,
    at_end: bool,
) -> PyResult<bool> {
    let (a, b) = ops::range_args(start, end, s.len())?;
    let test = |o: &Object| -> PyResult<bool> {
        let p = bytes_arg(o)?;
        if b - a < p.len() as isize {
            return Ok(false);
        }
        let w = &s[a as usize..b as usize];
        Ok(if at_end { w.ends_with(&p) } else { w.starts_with(&p) })
    };
    if let Some(t) = arg.downcast::<Tuple>() {
        for item in t.iter() {
            if test(item)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match test(arg) {
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            Err(raise!(TypeError, "{} first arg must be bytes or a tuple of bytes, not {}", func, arg.ty().name_str()))
        }
        r => r,
    }
}

/// `sep.join(iterable)`.
pub fn join(sep: &[u8], iterable: &Object) -> PyResult<Vec<u8>> {
    // What getting an item's buffer does to the sequence is seen: a list is read as it is.
    if let Some(l) = iterable.downcast_exact::<List>() {
        let n = l.len();
        let mut out = Vec::new();
        for i in 0..n {
            let Some(o) = l.get(i) else { return Err(changed_size()) };
            join_item(&mut out, sep, i, &o)?;
            if l.len() != n {
                return Err(changed_size());
            }
        }
        return Ok(out);
    }
    let items: Vec<PyRef> = if let Some(t) = iterable.downcast_exact::<Tuple>() {
        t.iter().map(|o| o.to_ref()).collect()
    } else {
        let it = match iterable.iter() {
            Ok(it) => it,
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                return Err(raise!(TypeError, "can only join an iterable"));
            }
            Err(e) => return Err(e),
        };
        let mut v = Vec::new();
        while let Some(x) = it.iter_next()? {
            v.push(x);
        }
        v
    };
    let mut out = Vec::new();
    for (i, o) in items.iter().enumerate() {
        join_item(&mut out, sep, i, o)?;
    }
    Ok(out)
}

#[cold]
fn changed_size() -> Raised {
    raise!(RuntimeError, "sequence changed size during iteration")
}

fn join_item(out: &mut Vec<u8>, sep: &[u8], i: usize, o: &Object) -> PyResult<()> {
    if i > 0 {
        out.extend_from_slice(sep);
    }
    if let Some(b) = o.downcast::<Bytes>() {
        out.extend_from_slice(b.as_slice());
    } else if has_buffer(o) {
        out.extend_from_slice(&bytes_arg(o)?);
    } else {
        return Err(raise!(
            TypeError,
            "sequence item {}: expected a bytes-like object, {} found",
            i,
            o.ty().name_str()
        ));
    }
    Ok(())
}

/// The bytes of a constructor's argument that is no string: a buffer or an iterable of integers.
pub fn from_object(o: &Object, what: &str) -> PyResult<Vec<u8>> {
    if let Some(b) = o.downcast::<Bytes>() {
        return Ok(b.as_slice().to_vec());
    }
    if has_buffer(o) {
        return Ok(crate::objects::memory::to_bytes(&Buffer::get(o, abi::PyBUF_FULL_RO)?.info, false));
    }
    let bad = || raise!(TypeError, "cannot convert '{}' object to {}", o.ty().name_str(), what);
    if o.downcast::<Str>().is_some() {
        return Err(bad());
    }
    let plural = what == "bytes";
    if let Some(l) = o.downcast_exact::<List>() {
        let mut v = Vec::with_capacity(l.len());
        let mut i = 0;
        while let Some(x) = l.get(i) {
            v.push(byte_arg(&x, plural)?);
            i += 1;
        }
        return Ok(v);
    }
    let it = match o.iter() {
        Ok(it) => it,
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            return Err(bad());
        }
        Err(e) => return Err(e),
    };
    let mut v = Vec::with_capacity(o.length_hint(64)?);
    while let Some(x) = it.iter_next()? {
        v.push(byte_arg(&x, plural)?);
    }
    Ok(v)
}

/// The arguments of `bytes(…)` and `bytearray(…)`.
pub fn construct(
    source: Option<&Object>,
    encoding: Option<&str>,
    errors: Option<&str>,
    what: &str,
) -> PyResult<Vec<u8>> {
    let Some(o) = source else {
        return if encoding.is_some() || errors.is_some() {
            Err(if encoding.is_some() {
                raise!(TypeError, "encoding without a string argument")
            } else {
                raise!(TypeError, "errors without a string argument")
            })
        } else {
            Ok(Vec::new())
        };
    };
    if let Some(s) = o.downcast::<Str>() {
        if encoding.is_none() {
            return Err(raise!(TypeError, "string argument without an encoding"));
        }
        let b = crate::objects::codecs::encode_object(s, encoding, errors)?;
        return from_object(&b, what);
    }
    if encoding.is_some() {
        return Err(raise!(TypeError, "encoding without a string argument"));
    }
    if errors.is_some() {
        return Err(raise!(TypeError, "errors without a string argument"));
    }
    if o.index_check() && !has_buffer(o) {
        match o.as_isize() {
            Ok(n) if n < 0 => return Err(raise!(ValueError, "negative count")),
            Ok(n) => {
                let mut v = Vec::new();
                if v.try_reserve_exact(n as usize).is_err() {
                    return Err(crate::error::raise_none(exc::MemoryError()));
                }
                v.resize(n as usize, 0);
                return Ok(v);
            }
            Err(e) if e.matches(exc::TypeError()) => e.clear(),
            Err(e) => return Err(e),
        }
    }
    from_object(o, what)
}
