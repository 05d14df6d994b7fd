//! The Python faces of `bytes` and `bytearray`: one list of shared methods, and what each has of its own.

use crate::objects::byteops::{self as b, bytes_arg};
use crate::objects::unicode::{StrBuilder, StrData, block, ops, search::count as count_in};
use crate::objects::{ByteArray, codecs};
use crate::prelude::*;
use crate::thread::critical;
use crate::typeobject::{CompareOp, alloc_object};
use core::ffi::c_int;
use core::sync::atomic::{AtomicUsize, Ordering};
use macros::pyclass;

impl Bytes {
    fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.as_slice())
    }
    fn exported<R>(&self, f: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
        f(self.as_slice())
    }
    fn make(data: &[u8]) -> PyResult<PyRef> {
        Ok(Bytes::new(data)?.upcast())
    }
    /// The object itself when it is exactly `bytes`.
    fn unchanged(&self) -> PyResult<PyRef> {
        Ok(self.to_exact()?.upcast())
    }
}

impl ByteArray {
    /// Runs `f`, which may call Python, on the bytes: nobody can resize them meanwhile.
    fn exported<R>(&self, f: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
        self.with(f)
    }
    fn make(data: &[u8]) -> PyResult<PyRef> {
        Ok(ByteArray::new(data)?.upcast())
    }
    fn unchanged(&self) -> PyResult<PyRef> {
        self.with(ByteArray::make)
    }
}

fn opt_none(o: Option<&Object>) -> Option<&Object> {
    o.filter(|o| !o.is_none())
}

macro_rules! bytes_like {
    ($t:ident, [$($opt:tt)*], { $($own:tt)* }) => {
        impl $t {
            fn list_of(s: &[u8], ranges: Vec<(usize, usize)>) -> PyResult<Ref<List>> {
                let mut v: Vec<PyRef> = Vec::with_capacity(ranges.len());
                for (a, z) in ranges {
                    v.push($t::make(&s[a..z])?);
                }
                List::from_vec(v)
            }
            fn make_or_same(&self, v: Option<Vec<u8>>) -> PyResult<PyRef> {
                match v {
                    Some(v) => $t::make(&v),
                    None => self.unchanged(),
                }
            }
            fn partition_at(&self, sep: &Object, last: bool) -> PyResult<Ref<Tuple>> {
                let p = bytes_arg(sep)?;
                if p.is_empty() {
                    return Err(raise!(ValueError, "empty separator"));
                }
                self.with(|s| {
                    let n = s.len() as isize;
                    let at = if last { b::rfind(s, &p, 0, n) } else { b::find(s, &p, 0, n) };
                    Tuple::from_refs(match at {
                        Some(i) => vec![$t::make(&s[..i])?, if sep.downcast_exact::<$t>().is_some() && $t::IMMUTABLE { sep.to_ref() } else { $t::make(&p)? }, $t::make(&s[i + p.len()..])?],
                        None if last => vec![$t::make(b"")?, $t::make(b"")?, $t::make(s)?],
                        None => vec![$t::make(s)?, $t::make(b"")?, $t::make(b"")?],
                    })
                })
            }
            fn stripped(&self, chars: Option<&Object>, left: bool, right: bool) -> PyResult<PyRef> {
                let set = opt_none(chars).map(bytes_arg).transpose()?;
                self.with(|s| {
                    let (a, z) = b::strip(s, set.as_deref(), left, right);
                    if $t::IMMUTABLE && z - a == s.len() { self.unchanged() } else { $t::make(&s[a..z]) }
                })
            }
            fn just(&self, width: isize, fill: u8, how: u8) -> PyResult<PyRef> {
                self.with(|s| {
                    let n = s.len() as isize;
                    if width <= n {
                        return self.unchanged();
                    }
                    if width > 1 << 36 {
                        return Err(crate::error::raise_none(exc::MemoryError()));
                    }
                    let total = width - n;
                    let left = match how {
                        b'l' => 0,
                        b'r' => total,
                        _ => total / 2 + (total & width & 1),
                    };
                    $t::make(&b::pad(s, left as usize, (total - left) as usize, fill))
                })
            }
            fn item_or_slice(&self, key: &Object) -> PyResult<PyRef> {
                if let Some(sl) = key.downcast::<Slice>() {
                    // The bounds may run Python code: resolve them before looking at the bytes.
                    let (start, stop, step) = sl.unpack()?;
                    return self.with(|s| {
                        let ix = Slice::adjust(s.len(), start, stop, step);
                        if ix.step == 1 {
                            if ix.count == s.len() {
                                return self.unchanged();
                            }
                            let a = ix.start as usize;
                            return $t::make(if ix.count == 0 { b"" } else { &s[a..a + ix.count] });
                        }
                        let v: Vec<u8> = (0..ix.count).map(|k| s[(ix.start + k as isize * ix.step) as usize]).collect();
                        $t::make(&v)
                    });
                }
                if !key.index_check() {
                    return Err(raise!(TypeError, "{} indices must be integers or slices, not {}", $t::INDEX_NAME, key.ty().name_str()));
                }
                let i = key.as_isize_or(exc::IndexError())?;
                let got = self.with(|s| {
                    let i = if i < 0 { i + s.len() as isize } else { i };
                    if i < 0 { None } else { s.get(i as usize).copied() }
                });
                match got {
                    Some(x) => Ok(Int::from_i64(x as i64)?.upcast()),
                    None => Err(raise!(IndexError, "{}index out of range", $t::RANGE_NAME)),
                }
            }
        }

        #[pyclass($($opt)*)]
        impl $t {
            $($own)*

            #[slot]
            fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
                // bytes compare with bytes only; what else has a buffer is asked from its side
                if !b::has_buffer(other) || (core::ptr::eq($t::type_object(), Bytes::type_object()) && other.downcast::<Bytes>().is_none()) {
                    if matches!(op, CompareOp::Eq | CompareOp::Ne) {
                        let bytes = core::ptr::eq($t::type_object(), Bytes::type_object());
                        codecs::compared_bytes(if bytes { "bytes" } else { "bytearray" }, other)?;
                    }
                    return Ok(not_implemented().to_ref());
                }
                let o = match bytes_arg(other) {
                    Ok(o) => o,
                    Err(e) if e.matches(exc::BufferError()) => {
                        e.clear();
                        return Ok(not_implemented().to_ref());
                    }
                    Err(e) => return Err(e),
                };
                let r = self.with(|s| match op {
                    CompareOp::Eq => *s == *o,
                    CompareOp::Ne => *s != *o,
                    _ => op.holds(s.cmp(&o)),
                });
                Ok(Bool::of(r).to_ref())
            }
            #[slot]
            fn nb_remainder(a: &Object, args: &Object) -> PyResult<PyRef> {
                match a.downcast::<$t>() {
                    Some(s) => {
                        s.exported(|s| $t::make(&crate::format::percent::format_bytes(&s.to_vec(), args)?))
                    }
                    None => Ok(not_implemented().to_ref()),
                }
            }
            #[slot]
            fn sq_length(&self) -> PyResult<usize> {
                Ok($t::len(self))
            }
            #[slot]
            fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
                self.with(|s| {
                    if n == 1 {
                        return self.unchanged();
                    }
                    let n = n.max(0) as usize;
                    match s.len().checked_mul(n) {
                        Some(t) if t < isize::MAX as usize - 64 => {
                            let mut v: Vec<u8> = Vec::new();
                            if v.try_reserve_exact(t).is_err() {
                                return Err(crate::error::raise_none(exc::MemoryError()));
                            }
                            if s.len() == 1 {
                                v.resize(t, s[0]);
                            } else {
                                for _ in 0..n {
                                    v.extend_from_slice(s);
                                }
                            }
                            $t::make(&v)
                        }
                        _ => Err(raise!(OverflowError, "repeated bytes are too long")),
                    }
                })
            }
            #[slot]
            fn sq_item(&self, i: isize) -> PyResult<PyRef> {
                match self.with(|s| if i < 0 { None } else { s.get(i as usize).copied() }) {
                    Some(x) => Ok(Int::from_i64(x as i64)?.upcast()),
                    None => Err(raise!(IndexError, "{}index out of range", $t::RANGE_NAME)),
                }
            }
            #[slot]
            fn sq_contains(&self, sub: &Object) -> PyResult<bool> {
                self.exported(|s| {
                    if sub.index_check() && !b::has_buffer(sub) {
                        let c = b::byte_arg(sub, false)?;
                        return Ok(memchr::memchr(c, s).is_some());
                    }
                    let p = bytes_arg(sub)?;
                    Ok(b::find(s, &p, 0, s.len() as isize).is_some())
                })
            }
            #[slot]
            fn mp_length(&self) -> PyResult<usize> {
                Ok($t::len(self))
            }
            #[slot]
            fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
                self.item_or_slice(key)
            }

            /// Return a copy of B with only its first character capitalized (ASCII) and the rest lower-cased.
            #[pymethod]
            fn capitalize(&self) -> PyResult<PyRef> {
                self.with(|s| $t::make(&b::capitalize(s)))
            }
            /// Return a centered string of length width.
            #[pymethod(sig = "width, fillchar=b' ', /")]
            fn center(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<PyRef> {
                self.just(width, b::fill_arg(fillchar.into_option(), "center")?, b'c')
            }
            /// Return a left-justified string of length width.
            #[pymethod(sig = "width, fillchar=b' ', /")]
            fn ljust(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<PyRef> {
                self.just(width, b::fill_arg(fillchar.into_option(), "ljust")?, b'l')
            }
            /// Return a right-justified string of length width.
            #[pymethod(sig = "width, fillchar=b' ', /")]
            fn rjust(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<PyRef> {
                self.just(width, b::fill_arg(fillchar.into_option(), "rjust")?, b'r')
            }
            /// Return the number of non-overlapping occurrences of subsection 'sub' in bytes B[start:end].
            #[pymethod(sig = "sub, start=None, end=None, /")]
            fn count(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<usize> {
                let (x, y) = (ops::slice_bound(start, 0)?, ops::slice_bound(end, isize::MAX)?);
                self.exported(|s| {
                    let p = b::sub_arg(sub)?;
                    let (x, y) = ops::adjust_range(x, y, s.len());
                    if y < x {
                        return Ok(0);
                    }
                    Ok(count_in(StrData::One(&s[x as usize..y as usize]), StrData::One(&p), usize::MAX))
                })
            }
            /// Decode the bytes using the codec registered for encoding.
            #[pymethod(sig = "encoding='utf-8', errors='strict'")]
            fn decode(&self, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
                codecs::decode_any(self, encoding.into_option(), errors.into_option())
            }
            /// Return True if the bytes end with the specified suffix, False otherwise.
            #[pymethod(sig = "suffix, start=None, end=None, /")]
            fn endswith(&self, suffix: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<bool> {
                self.with(|s| b::tail_match(s, suffix, start, end, "endswith", true))
            }
            /// Return True if the bytes starts with the specified prefix, False otherwise.
            #[pymethod(sig = "prefix, start=None, end=None, /")]
            fn startswith(&self, prefix: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<bool> {
                self.with(|s| b::tail_match(s, prefix, start, end, "startswith", false))
            }
            /// Return a copy where all tab characters are expanded using spaces.
            #[pymethod(sig = "tabsize=8")]
            fn expandtabs(&self, tabsize: Arg<i32>) -> PyResult<PyRef> {
                self.with(|s| $t::make(&b::expandtabs(s, tabsize.unwrap_or(8) as isize)?))
            }
            /// Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            #[pymethod(sig = "sub, start=None, end=None, /")]
            fn find(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
                let (x, y) = (ops::slice_bound(start, 0)?, ops::slice_bound(end, isize::MAX)?);
                self.exported(|s| {
                    let p = b::sub_arg(sub)?;
                    let (x, y) = ops::adjust_range(x, y, s.len());
                    Ok(b::find(s, &p, x, y).map_or(-1, |i| i as isize))
                })
            }
            /// Return the highest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            #[pymethod(sig = "sub, start=None, end=None, /")]
            fn rfind(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
                let (x, y) = (ops::slice_bound(start, 0)?, ops::slice_bound(end, isize::MAX)?);
                self.exported(|s| {
                    let p = b::sub_arg(sub)?;
                    let (x, y) = ops::adjust_range(x, y, s.len());
                    Ok(b::rfind(s, &p, x, y).map_or(-1, |i| i as isize))
                })
            }
            /// Return the lowest index in B where subsection 'sub' is found; raises ValueError when it is not.
            #[pymethod(sig = "sub, start=None, end=None, /")]
            fn index(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
                match self.find(sub, start, end)? {
                    -1 => Err(raise!(ValueError, "subsection not found")),
                    i => Ok(i),
                }
            }
            /// Return the highest index in B where subsection 'sub' is found; raises ValueError when it is not.
            #[pymethod(sig = "sub, start=None, end=None, /")]
            fn rindex(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
                match self.rfind(sub, start, end)? {
                    -1 => Err(raise!(ValueError, "subsection not found")),
                    i => Ok(i),
                }
            }
            /// Create a bytes object from a string of hexadecimal numbers.
            #[pyclassmethod(sig = "string, /")]
            fn fromhex(cls: &Type, string: &Object) -> PyResult<PyRef> {
                let v = $t::make(&b::fromhex(string)?)?;
                if core::ptr::eq(cls, $t::type_object()) { Ok(v) } else { cls.call1(&v) }
            }
            /// Create a string of hexadecimal numbers from a bytes object.
            #[pymethod(sig = "sep=<unrepresentable>, bytes_per_sep=1")]
            fn hex(&self, sep: Arg<&Object>, bytes_per_sep: Arg<isize>) -> PyResult<Ref<Str>> {
                self.with(|s| b::hex(s, sep.into_option(), bytes_per_sep.unwrap_or(1)))
            }
            /// Return True if B is empty or all characters in B are ASCII, False otherwise.
            #[pymethod]
            fn isascii(&self) -> bool {
                self.with(|s| s.is_ascii())
            }
            /// Return True if all characters in B are alphanumeric and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isalnum(&self) -> bool {
                self.with(|s| !s.is_empty() && s.iter().all(|c| c.is_ascii_alphanumeric()))
            }
            /// Return True if all characters in B are alphabetic and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isalpha(&self) -> bool {
                self.with(|s| !s.is_empty() && s.iter().all(|c| c.is_ascii_alphabetic()))
            }
            /// Return True if all characters in B are digits and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isdigit(&self) -> bool {
                self.with(|s| !s.is_empty() && s.iter().all(|c| c.is_ascii_digit()))
            }
            /// Return True if all cased characters in B are lowercase and there is at least one cased character in B, False otherwise.
            #[pymethod]
            fn islower(&self) -> bool {
                self.with(|s| s.iter().any(|c| c.is_ascii_lowercase()) && !s.iter().any(|c| c.is_ascii_uppercase()))
            }
            /// Return True if all cased characters in B are uppercase and there is at least one cased character in B, False otherwise.
            #[pymethod]
            fn isupper(&self) -> bool {
                self.with(|s| s.iter().any(|c| c.is_ascii_uppercase()) && !s.iter().any(|c| c.is_ascii_lowercase()))
            }
            /// Return True if all characters in B are whitespace and there is at least one character in B, False otherwise.
            #[pymethod]
            fn isspace(&self) -> bool {
                self.with(|s| !s.is_empty() && s.iter().all(|&c| b::is_space(c)))
            }
            /// Return True if B is a titlecased string and there is at least one character in B.
            #[pymethod]
            fn istitle(&self) -> bool {
                self.with(b::is_title)
            }
            /// Concatenate any number of bytes objects.
            #[pymethod(sig = "iterable_of_bytes, /")]
            fn join(&self, iterable_of_bytes: &Object) -> PyResult<PyRef> {
                if $t::IMMUTABLE
                    && let Some(l) = iterable_of_bytes.downcast_exact::<List>()
                    && l.len() == 1
                    && let Some(x) = l.get(0)
                    && x.downcast_exact::<$t>().is_some()
                {
                    return Ok(x);
                }
                let sep = self.with(|s| s.to_vec());
                $t::make(&b::join(&sep, iterable_of_bytes)?)
            }
            /// Return a copy of B with all ASCII characters converted to lowercase.
            #[pymethod]
            fn lower(&self) -> PyResult<PyRef> {
                self.with(|s| $t::make(&s.to_ascii_lowercase()))
            }
            /// Return a copy of B with all ASCII characters converted to uppercase.
            #[pymethod]
            fn upper(&self) -> PyResult<PyRef> {
                self.with(|s| $t::make(&s.to_ascii_uppercase()))
            }
            /// Return a copy of B with uppercase ASCII characters converted to lowercase ASCII and vice versa.
            #[pymethod]
            fn swapcase(&self) -> PyResult<PyRef> {
                self.with(|s| $t::make(&b::swapcase(s)))
            }
            /// Return a titlecased version of B.
            #[pymethod]
            fn title(&self) -> PyResult<PyRef> {
                self.with(|s| $t::make(&b::title(s)))
            }
            /// Strip leading bytes contained in the argument.
            #[pymethod(sig = "bytes=None, /")]
            fn lstrip(&self, bytes: Option<&Object>) -> PyResult<PyRef> {
                self.stripped(bytes, true, false)
            }
            /// Strip trailing bytes contained in the argument.
            #[pymethod(sig = "bytes=None, /")]
            fn rstrip(&self, bytes: Option<&Object>) -> PyResult<PyRef> {
                self.stripped(bytes, false, true)
            }
            /// Strip leading and trailing bytes contained in the argument.
            #[pymethod(sig = "bytes=None, /")]
            fn strip(&self, bytes: Option<&Object>) -> PyResult<PyRef> {
                self.stripped(bytes, true, true)
            }
            /// Return a translation table usable for the bytes or bytearray translate method.
            #[pystaticmethod(sig = "frm, to, /")]
            fn maketrans(frm: &Object, to: &Object) -> PyResult<Ref<Bytes>> {
                b::maketrans(&bytes_arg(frm)?, &bytes_arg(to)?)
            }
            /// Partition the bytes into three parts using the given separator.
            #[pymethod]
            fn partition(&self, sep: &Object) -> PyResult<Ref<Tuple>> {
                self.partition_at(sep, false)
            }
            /// Partition the bytes into three parts using the given separator, searching from the end.
            #[pymethod]
            fn rpartition(&self, sep: &Object) -> PyResult<Ref<Tuple>> {
                self.partition_at(sep, true)
            }
            /// Return a bytes object with the given prefix string removed if present.
            #[pymethod]
            fn removeprefix(&self, prefix: &Object) -> PyResult<PyRef> {
                let p = bytes_arg(prefix)?;
                self.with(|s| match s.strip_prefix(&*p) {
                    Some(r) if !p.is_empty() => $t::make(r),
                    _ => self.unchanged(),
                })
            }
            /// Return a bytes object with the given suffix string removed if present.
            #[pymethod]
            fn removesuffix(&self, suffix: &Object) -> PyResult<PyRef> {
                let p = bytes_arg(suffix)?;
                self.with(|s| match s.strip_suffix(&*p) {
                    Some(r) if !p.is_empty() => $t::make(r),
                    _ => self.unchanged(),
                })
            }
            /// Return a copy with all occurrences of substring old replaced by new.
            #[pymethod(sig = "old, new, count=-1, /")]
            fn replace(&self, old: &Object, new: &Object, count: Arg<isize>) -> PyResult<PyRef> {
                let (o, n) = (bytes_arg(old)?, bytes_arg(new)?);
                let v = self.with(|s| b::replace(s, &o, &n, count.unwrap_or(-1)))?;
                self.make_or_same(v)
            }
            /// Return a list of the sections in the bytes, using sep as the delimiter.
            #[pymethod(sig = "sep=None, maxsplit=-1")]
            fn split(&self, sep: Option<&Object>, maxsplit: Arg<isize>) -> PyResult<Ref<List>> {
                self.exported(|s| {
                    let p = sep.map(bytes_arg).transpose()?;
                    $t::list_of(s, b::split(s, p.as_deref(), maxsplit.unwrap_or(-1), false)?)
                })
            }
            /// Return a list of the sections in the bytes, using sep as the delimiter, from the end.
            #[pymethod(sig = "sep=None, maxsplit=-1")]
            fn rsplit(&self, sep: Option<&Object>, maxsplit: Arg<isize>) -> PyResult<Ref<List>> {
                self.exported(|s| {
                    let p = sep.map(bytes_arg).transpose()?;
                    $t::list_of(s, b::split(s, p.as_deref(), maxsplit.unwrap_or(-1), true)?)
                })
            }
            /// Return a list of the lines in the bytes, breaking at line boundaries.
            #[pymethod(sig = "keepends=False")]
            fn splitlines(&self, keepends: Arg<bool>) -> PyResult<Ref<List>> {
                self.with(|s| $t::list_of(s, b::splitlines(s, keepends.unwrap_or(false))))
            }
            /// Return a copy with each character mapped by the given translation table.
            #[pymethod(sig = "table, /, delete=b''")]
            fn translate(&self, table: &Object, delete: Arg<&Object>) -> PyResult<PyRef> {
                let t = if table.is_none() { None } else { Some(bytes_arg(table)?) };
                if t.as_deref().is_some_and(|t| t.len() != 256) {
                    return Err(raise!(ValueError, "translation table must be 256 characters long"));
                }
                let d = match delete {
                    Arg::Given(d) => Some(bytes_arg(d)?),
                    Arg::Missing => None,
                };
                self.with(|s| $t::make(&b::translate(s, t.as_deref(), d.as_deref().unwrap_or(b""))?))
            }
            /// Pad a numeric string with zeros on the left, to fill a field of the given width.
            #[pymethod]
            fn zfill(&self, width: isize) -> PyResult<PyRef> {
                if width > 1 << 36 {
                    return Err(crate::error::raise_none(exc::MemoryError()));
                }
                let v = self.with(|s| b::zfill(s, width));
                self.make_or_same(v)
            }
        }
    };
}

impl Bytes {
    const IMMUTABLE: bool = true;
    const INDEX_NAME: &'static str = "byte";
    const RANGE_NAME: &'static str = "";
}
impl ByteArray {
    const IMMUTABLE: bool = false;
    const INDEX_NAME: &'static str = "bytearray";
    const RANGE_NAME: &'static str = "bytearray ";
}

bytes_like!(
    Bytes,
    [
        name = "bytes",
        type_object = crate::objects::bytes::PyBytes_Type,
        flags = "BASETYPE|BYTES_SUBCLASS|_MATCH_SELF",
        basicsize = crate::objects::bytes::HEADER + 1,
        itemsize = 1,
        doc = "bytes(iterable_of_ints) -> bytes\nbytes(string, encoding[, errors]) -> bytes\nbytes(bytes_or_buffer) -> immutable copy of bytes_or_buffer\nbytes(int) -> bytes object of size given by the parameter initialized with null bytes\nbytes() -> empty bytes object\n\nConstruct an immutable array of bytes from:\n  - an iterable yielding integers in range(256)\n  - a text string encoded using the specified encoding\n  - any object implementing the buffer API.\n  - an integer"
    ],
    {
        #[slot(sig = "source=b'', encoding='utf-8', errors='strict'")]
        fn tp_new(cls: &Type, source: Arg<&Object>, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
            let (source, encoding, errors) = (source.into_option(), encoding.into_option(), errors.into_option());
            let exact = core::ptr::eq(cls, Bytes::type_object());
            if let (Some(o), None, None) = (source, encoding, errors) {
                if exact && let Some(x) = o.downcast_exact::<Bytes>() {
                    return Ok(x.to_ref());
                }
                if o.downcast_exact::<Bytes>().is_none()
                    && let Some(f) = o.lookup_special(intern!("__bytes__"))?
                {
                    let r = f.call0()?;
                    let Some(x) = r.downcast::<Bytes>() else {
                        return Err(raise!(TypeError, "__bytes__ returned non-bytes (type {})", r.ty().name_str()));
                    };
                    return if exact { Ok(r) } else { Bytes::new_subclass(cls, x.as_slice()) };
                }
            }
            let v = b::construct(source, encoding, errors, "bytes")?;
            if exact { Bytes::make(&v) } else { Bytes::new_subclass(cls, &v) }
        }
        #[slot]
        fn tp_dealloc(this: *mut Bytes) {
            // SAFETY: the last reference is gone.
            unsafe {
                if core::ptr::eq((*this).ty(), Bytes::type_object()) {
                    block::free(this.cast());
                } else if let Some(free) = (*this).ty().slots().tp_free {
                    free(this.cast());
                }
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let mut out = StrBuilder::with_capacity(Bytes::len(self) + 3);
            out.push_ascii(b"b");
            b::repr_into(self.as_slice(), &mut out, false);
            out.finish()
        }
        #[slot]
        fn tp_str(&self) -> PyResult<Ref<Str>> {
            codecs::bytes_warning("str() on a bytes instance")?;
            self.tp_repr()
        }
        #[slot]
        fn tp_hash(&self) -> PyResult<isize> {
            Ok(self.hash_value())
        }
        #[slot]
        fn tp_iter(&self) -> PyResult<PyRef> {
            new_iter(self, false)
        }
        #[slot]
        fn sq_concat(a: &Object, o: &Object) -> PyResult<PyRef> {
            if let (Some(x), Some(y)) = (a.downcast_exact::<Bytes>(), o.downcast_exact::<Bytes>()) {
                if x.is_empty() {
                    return Ok(o.to_ref());
                }
                if y.is_empty() {
                    return Ok(a.to_ref());
                }
            }
            if !b::has_buffer(a) || !b::has_buffer(o) {
                return Err(raise!(TypeError, "can't concat {} to {}", o.ty().name_str(), a.ty().name_str()));
            }
            let (x, y) = (bytes_arg(a)?, bytes_arg(o)?);
            let out = Bytes::alloc(x.len() + y.len())?;
            if !out.is_empty() {
                // SAFETY: fresh bytes with room for both.
                unsafe {
                    core::ptr::copy_nonoverlapping(x.as_ptr(), out.data_ptr(), x.len());
                    core::ptr::copy_nonoverlapping(y.as_ptr(), out.data_ptr().add(x.len()), y.len());
                }
            }
            Ok(out.upcast())
        }
        #[slot]
        fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
            // SAFETY: the caller's view; the data lives as long as the object.
            unsafe { crate::objects::memory::fill_info(view, self, self.data_ptr(), Bytes::len(self), true, flags) }
        }
        #[pymethod]
        fn __bytes__(&self) -> PyResult<PyRef> {
            self.unchanged()
        }
        #[pymethod]
        fn __getnewargs__(&self) -> PyResult<Ref<Tuple>> {
            Tuple::from_refs(vec![Bytes::make(self.as_slice())?])
        }
    }
);

bytes_like!(
    ByteArray,
    [
        name = "bytearray",
        type_object = crate::objects::bytearray::PyByteArray_Type,
        flags = "BASETYPE|_MATCH_SELF",
        doc = "bytearray(iterable_of_ints) -> bytearray\nbytearray(string, encoding[, errors]) -> bytearray\nbytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer\nbytearray(int) -> bytes array of size given by the parameter initialized with null bytes\nbytearray() -> empty bytes array\n\nConstruct a mutable bytearray object from:\n  - an iterable yielding integers in range(256)\n  - a text string encoded using the specified encoding\n  - a bytes or a buffer object\n  - any object implementing the buffer API.\n  - an integer"
    ],
    {
        #[slot(raw)]
        fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
            Ok(ByteArray::new_of(cls, b"")?.upcast())
        }
        #[slot(sig = "source=b'', encoding='utf-8', errors='strict'")]
        fn tp_init(&self, source: Arg<&Object>, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<()> {
            if ByteArray::len(self) != 0 {
                critical(self, || self.set_len(0))?;
            }
            let (source, encoding, errors) = (source.into_option(), encoding.into_option(), errors.into_option());
            // An iterator's items are there as they come.
            if let (Some(it), None, None) = (source, encoding, errors)
                && it.is_iter()
                && !b::has_buffer(it)
                && !it.index_check()
            {
                while let Some(x) = it.iter_next()? {
                    self.extend_from_slice(&[b::byte_arg(&x, false)?])?;
                }
                return Ok(());
            }
            let v = b::construct(source, encoding, errors, "bytearray")?;
            critical(self, || self.splice(0, ByteArray::len(self), &v))
        }
        #[slot]
        fn tp_dealloc(this: *mut ByteArray) {
            // SAFETY: the last reference is gone.
            unsafe {
                if (*this).base.ob_exports > 0 {
                    let _ = raise!(SystemError, "deallocated bytearray object has exported buffers");
                    crate::error::write_unraisable(None);
                }
                block::side_free((*this).base.ob_bytes.cast());
                if let Some(free) = (*this).ty().slots().tp_free {
                    free(this.cast());
                }
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let mut out = StrBuilder::with_capacity(ByteArray::len(self) + 16);
            out.push_str(self.ty().name_str());
            out.push_ascii(b"(b");
            self.with(|s| b::repr_into(s, &mut out, true));
            out.push_ascii(b")");
            out.finish()
        }
        #[slot]
        fn tp_str(&self) -> PyResult<Ref<Str>> {
            codecs::bytes_warning("str() on a bytearray instance")?;
            self.tp_repr()
        }
        #[slot]
        fn tp_iter(&self) -> PyResult<PyRef> {
            new_iter(self, true)
        }
        #[slot]
        fn sq_concat(a: &Object, o: &Object) -> PyResult<PyRef> {
            if !b::has_buffer(a) || !b::has_buffer(o) {
                return Err(raise!(TypeError, "can't concat {} to {}", o.ty().name_str(), a.ty().name_str()));
            }
            let (x, y) = (bytes_arg(a)?, bytes_arg(o)?);
            ByteArray::make(&[&x[..], &y[..]].concat())
        }
        #[slot]
        fn sq_inplace_concat(&self, o: &Object) -> PyResult<PyRef> {
            if !b::has_buffer(o) {
                return Err(raise!(TypeError, "can't concat {} to {}", o.ty().name_str(), self.ty().name_str()));
            }
            let v = if core::ptr::eq(o.as_ptr(), self.as_ptr()) { self.to_vec() } else { bytes_arg(o)?.to_vec() };
            self.extend_from_slice(&v)?;
            Ok(self.to_ref())
        }
        #[slot]
        fn sq_inplace_repeat(&self, n: isize) -> PyResult<PyRef> {
            critical(self, || {
                let old = self.as_slice().to_vec();
                let n = n.max(0) as usize;
                let Some(total) = old.len().checked_mul(n).filter(|&t| t < isize::MAX as usize / 2) else {
                    return Err(crate::error::raise_none(exc::MemoryError()));
                };
                self.set_len(total)?;
                for k in 0..if old.is_empty() { 0 } else { n } {
                    // SAFETY: resized to `n` copies, under the lock.
                    unsafe { core::ptr::copy_nonoverlapping(old.as_ptr(), self.start().add(k * old.len()), old.len()) };
                }
                Ok(())
            })?;
            Ok(self.to_ref())
        }
        #[slot]
        fn sq_ass_item(&self, i: isize, value: Option<&Object>) -> PyResult<()> {
            self.assign_index(i, value)
        }
        #[slot]
        fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
            self.assign(key, value)
        }
        #[slot]
        fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
            critical(self, || {
                // SAFETY: the caller's view; the export keeps the bytes in place.
                unsafe {
                    crate::objects::memory::fill_info(view, self, self.start(), ByteArray::len(self), false, flags)?;
                    (*self.raw()).ob_exports += 1;
                }
                Ok(())
            })
        }
        #[slot]
        fn bf_releasebuffer(&self, _view: *mut abi::Py_buffer) {
            // SAFETY: matches the export of `bf_getbuffer`, under the lock.
            critical(self, || unsafe { (*self.raw()).ob_exports -= 1 });
        }
        /// Append a single item to the end of the bytearray.
        #[pymethod]
        fn append(&self, item: &Object) -> PyResult<()> {
            let c = b::byte_arg(item, false)?;
            self.extend_from_slice(&[c])
        }
        /// Remove all items from the bytearray.
        #[pymethod]
        fn clear(&self) -> PyResult<()> {
            critical(self, || self.set_len(0))
        }
        /// Return a copy of B.
        #[pymethod]
        fn copy(&self) -> PyResult<PyRef> {
            self.with(ByteArray::make)
        }
        /// Append all the items from the iterator or sequence to the end of the bytearray.
        #[pymethod(sig = "iterable_of_ints, /")]
        fn extend(&self, iterable_of_ints: &Object) -> PyResult<()> {
            let o = iterable_of_ints;
            if b::has_buffer(o) {
                // At the end as it is now; getting the buffer may change it.
                let end = ByteArray::len(self);
                let v = bytes_arg(o)?.to_vec();
                return critical(self, || {
                    let end = end.min(ByteArray::len(self));
                    self.splice(end, end, &v)
                });
            }
            let it = match o.iter() {
                Ok(it) => it,
                Err(e) if e.matches(exc::TypeError()) => {
                    e.clear();
                    return Err(raise!(TypeError, "can't extend bytearray with {}", o.ty().name_str()));
                }
                Err(e) => return Err(e),
            };
            let mut v = Vec::with_capacity(o.length_hint(32)?.min(1 << 20));
            while let Some(x) = it.iter_next()? {
                match b::byte_arg(&x, false) {
                    Ok(c) => v.push(c),
                    Err(e) if e.matches(exc::TypeError()) && o.downcast::<Str>().is_some() => {
                        e.clear();
                        return Err(raise!(TypeError, "expected iterable of integers; got: 'str'"));
                    }
                    Err(e) => return Err(e),
                }
            }
            self.extend_from_slice(&v)
        }
        /// Insert a single item into the bytearray before the given index.
        #[pymethod]
        fn insert(&self, index: isize, item: &Object) -> PyResult<()> {
            let c = b::byte_arg(item, false)?;
            critical(self, || {
                let n = ByteArray::len(self) as isize;
                let i = if index < 0 { (index + n).max(0) } else { index.min(n) } as usize;
                self.splice(i, i, &[c])
            })
        }
        /// Remove and return a single item from B.
        #[pymethod(sig = "index=-1, /")]
        fn pop(&self, index: Arg<isize>) -> PyResult<i64> {
            critical(self, || {
                let n = ByteArray::len(self) as isize;
                if n == 0 {
                    return Err(raise!(IndexError, "pop from empty bytearray"));
                }
                let i = index.unwrap_or(-1);
                let i = if i < 0 { i + n } else { i };
                if i < 0 || i >= n {
                    return Err(raise!(IndexError, "pop index out of range"));
                }
                self.check_resizable()?;
                let c = self.as_slice()[i as usize];
                self.splice(i as usize, i as usize + 1, b"")?;
                Ok(c as i64)
            })
        }
        /// Remove the first occurrence of a value in the bytearray.
        #[pymethod]
        fn remove(&self, value: &Object) -> PyResult<()> {
            let c = b::byte_arg(value, false)?;
            critical(self, || match memchr::memchr(c, self.as_slice()) {
                Some(i) => self.splice(i, i + 1, b""),
                None => Err(raise!(ValueError, "value not found in bytearray")),
            })
        }
        /// Resize the internal buffer of bytearray to len.
        #[pymethod(name = "resize")]
        fn py_resize(&self, size: isize) -> PyResult<()> {
            if size < 0 {
                return Err(raise!(ValueError, "Can only resize to positive sizes, got {}", size));
            }
            critical(self, || {
                let old = ByteArray::len(self);
                self.set_len(size as usize)?;
                if size as usize > old {
                    // SAFETY: the part that is new.
                    unsafe { core::ptr::write_bytes(self.start().add(old), 0, size as usize - old) };
                }
                Ok(())
            })
        }
        /// Reverse the order of the values in B in place.
        #[pymethod]
        fn reverse(&self) {
            critical(self, || {
                // SAFETY: under the lock.
                unsafe { core::slice::from_raw_parts_mut(self.start(), ByteArray::len(self)) }.reverse();
            });
        }
        /// B.__alloc__() -> int: the number of bytes actually allocated.
        #[pymethod]
        fn __alloc__(&self) -> isize {
            self.base.ob_alloc
        }
        #[pymethod]
        fn __sizeof__(&self) -> isize {
            size_of::<abi::PyByteArrayObject>() as isize + self.base.ob_alloc
        }
        /// Return state information for pickling.
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            self.reduce(2)
        }
        /// Return state information for pickling.
        #[pymethod(sig = "proto=0, /")]
        fn __reduce_ex__(&self, proto: Arg<i32>) -> PyResult<PyRef> {
            self.reduce(proto.unwrap_or(0))
        }
    }
);

impl ByteArray {
    fn reduce(&self, proto: i32) -> PyResult<PyRef> {
        let state = self.call_method(intern!("__getstate__"), &[])?;
        let args = self.with(|s| {
            if proto < 3 {
                Tuple::from_refs(vec![Str::from_latin1(s)?.upcast(), Str::intern("latin-1").to_ref()])
            } else if s.is_empty() {
                Ok(Tuple::empty())
            } else {
                Tuple::from_refs(vec![Bytes::new(s)?.upcast()])
            }
        })?;
        Ok(Tuple::from_refs(vec![self.ty().to_ref(), args.upcast(), state])?.upcast())
    }

    fn assign_index(&self, i: isize, value: Option<&Object>) -> PyResult<()> {
        let c = value.map(|v| b::byte_arg(v, false)).transpose()?;
        critical(self, || {
            let n = ByteArray::len(self) as isize;
            if i < 0 || i >= n {
                return Err(raise!(IndexError, "bytearray index out of range"));
            }
            match c {
                // SAFETY: in range, under the lock.
                Some(c) => unsafe { self.start().add(i as usize).write(c) },
                None => self.splice(i as usize, i as usize + 1, b"")?,
            }
            Ok(())
        })
    }

    fn assign(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let Some(sl) = key.downcast::<Slice>() else {
            if !key.index_check() {
                return Err(raise!(
                    TypeError,
                    "bytearray indices must be integers or slices, not {}",
                    key.ty().name_str()
                ));
            }
            let i = key.as_isize()?;
            return self.assign_index(if i < 0 { i + ByteArray::len(self) as isize } else { i }, value);
        };
        let (start, stop, step) = sl.unpack()?;
        let data: Vec<u8> = match value {
            None => Vec::new(),
            Some(v) => {
                if let Some(x) = v.downcast::<ByteArray>() {
                    x.to_vec()
                } else if b::has_buffer(v) {
                    bytes_arg(v)?.to_vec()
                } else {
                    if v.number_check() || v.downcast::<Str>().is_some() {
                        return Err(raise!(
                            TypeError,
                            "can assign only bytes, buffers, or iterables of ints in range(0, 256)"
                        ));
                    }
                    b::from_object(v, "bytearray")?
                }
            }
        };
        critical(self, || {
            let ix = Slice::adjust(ByteArray::len(self), start, stop, step);
            if ix.step == 1 {
                let a = ix.start as usize;
                return self.splice(a, a + ix.count, &data);
            }
            let at = |k: usize| (ix.start + k as isize * ix.step) as usize;
            // Nothing, too, put in place of items deletes them.
            if value.is_none() || data.is_empty() {
                self.check_resizable()?;
                if ix.count == 0 {
                    return Ok(());
                }
                let mut drop = vec![false; ByteArray::len(self)];
                (0..ix.count).for_each(|k| drop[at(k)] = true);
                let kept: Vec<u8> = self.as_slice().iter().zip(&drop).filter(|(_, d)| !**d).map(|(c, _)| *c).collect();
                return self.splice(0, ByteArray::len(self), &kept);
            }
            if data.len() != ix.count {
                return Err(raise!(
                    ValueError,
                    "attempt to assign bytes of size {} to extended slice of size {}",
                    data.len(),
                    ix.count
                ));
            }
            for (k, &c) in data.iter().enumerate() {
                // SAFETY: indices of the adjusted slice are in range, under the lock.
                unsafe { self.start().add(at(k)).write(c) };
            }
            Ok(())
        })
    }
}

/// `bytes_iterator` and `bytearray_iterator`.
#[repr(C)]
pub struct BytesIter {
    ob_base: abi::PyObject,
    index: AtomicUsize,
    /// Owned.
    seq: *mut abi::PyObject,
}
#[repr(C)]
pub struct ByteArrayIter {
    ob_base: abi::PyObject,
    index: AtomicUsize,
    /// Owned.
    seq: *mut abi::PyObject,
}

/// The type object.
#[unsafe(no_mangle)]
pub static mut PyBytesIter_Type: Type = Type::STATIC;
py_layout!(BytesIter, PyBytesIter_Type);
/// The type object.
#[unsafe(no_mangle)]
pub static mut PyByteArrayIter_Type: Type = Type::STATIC;
py_layout!(ByteArrayIter, PyByteArrayIter_Type);

fn new_iter(o: &Object, array: bool) -> PyResult<PyRef> {
    if array {
        let it = alloc_object::<ByteArrayIter>(ByteArrayIter::type_object())?;
        // SAFETY: nobody else sees the iterator yet.
        unsafe { (*it.as_raw()).seq = o.to_ref().into_ptr() };
        return Ok(it.upcast());
    }
    let it = alloc_object::<BytesIter>(BytesIter::type_object())?;
    // SAFETY: as above.
    unsafe { (*it.as_raw()).seq = o.to_ref().into_ptr() };
    Ok(it.upcast())
}

macro_rules! byte_iter {
    ($t:ident, $seq:ident, [$($opt:tt)*]) => {
        impl $t {
            fn seq(&self) -> &$seq {
                // SAFETY: set at creation, owned by the iterator.
                unsafe { &*self.seq.cast::<$seq>() }
            }
        }
        #[pyclass($($opt)*)]
        impl $t {
            #[slot]
            fn tp_iter(&self) -> PyResult<PyRef> {
                Ok(self.to_ref())
            }
            #[slot]
            fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
                let i = self.index.load(Ordering::Relaxed);
                if i == usize::MAX {
                    return Ok(None);
                }
                match self.seq().with(|s| s.get(i).copied()) {
                    Some(c) => {
                        self.index.store(i + 1, Ordering::Relaxed);
                        Ok(Some(Int::from_i64(c as i64)?.upcast()))
                    }
                    None => {
                        self.index.store(usize::MAX, Ordering::Relaxed);
                        Ok(None)
                    }
                }
            }
            #[slot]
            fn tp_dealloc(this: *mut $t) {
                // SAFETY: the last reference is gone.
                unsafe {
                    drop(PyRef::from_ptr_opt((*this).seq));
                    if let Some(free) = (*this).ty().slots().tp_free {
                        free(this.cast());
                    }
                }
            }
            /// Private method returning an estimate of len(list(it)).
            #[pymethod]
            fn __length_hint__(&self) -> usize {
                self.seq().len().saturating_sub(self.index.load(Ordering::Relaxed))
            }
            /// Return state information for pickling.
            #[pymethod]
            fn __reduce__(&self) -> PyResult<Ref<Tuple>> {
                let iter = crate::interp::current_builtins()?.get_item(intern!("iter"))?;
                let i = self.index.load(Ordering::Relaxed);
                if i == usize::MAX {
                    return Tuple::from_refs(vec![iter, Tuple::from_refs(vec![Tuple::empty().upcast()])?.upcast()]);
                }
                let args = Tuple::from_refs(vec![Ref::new_ref(self.seq()).upcast()])?;
                Tuple::from_refs(vec![iter, args.upcast(), Int::from_usize(i)?.upcast()])
            }
            /// Set state information for unpickling.
            #[pymethod]
            fn __setstate__(&self, state: &Object) -> PyResult<()> {
                let i = state.as_isize()?;
                if self.index.load(Ordering::Relaxed) != usize::MAX {
                    self.index.store((i.max(0) as usize).min(self.seq().len()), Ordering::Relaxed);
                }
                Ok(())
            }
        }
    };
}
byte_iter!(BytesIter, Bytes, [name = "bytes_iterator", type_object = PyBytesIter_Type]);
byte_iter!(ByteArrayIter, ByteArray, [name = "bytearray_iterator", type_object = PyByteArrayIter_Type]);
