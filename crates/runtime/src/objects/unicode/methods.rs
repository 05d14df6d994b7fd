//! The Python face of `str`.

use super::layout::{COMPACT, INTERNED_NOT, KIND_MASK};
use super::{Str, StrData, block, build, iter, ops, search, ucd};
use crate::objects::codecs;
use crate::prelude::*;
use crate::typeobject::CompareOp;
use core::sync::atomic::Ordering;
use macros::pyclass;

/// Prefix or suffix test of `startswith`/`endswith`: a string or a tuple of them.
fn tail_match(
    s: &Str,
    arg: &Object,
    start: Option<&Object>,
    end: Option<&Object>,
    func: &str,
    at_end: bool,
) -> PyResult<bool> {
    let (a, b) = ops::range_args(start, end, s.len())?;
    let test = |p: &Str| {
        let n = p.len() as isize;
        if b - a < n {
            return false;
        }
        search::matches_at(s.data(), if at_end { b - n } else { a } as usize, p.data())
    };
    if let Some(t) = arg.downcast::<Tuple>() {
        for item in t.iter() {
            let Some(p) = item.downcast::<Str>() else {
                return Err(raise!(
                    TypeError,
                    "tuple for {} must only contain str, not {}",
                    func,
                    item.ty().name_str()
                ));
            };
            if test(p) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match arg.downcast::<Str>() {
        Some(p) => Ok(test(p)),
        None => Err(raise!(TypeError, "{} first arg must be str or a tuple of str, not {}", func, arg.ty().name_str())),
    }
}

fn strip_arg<'a>(o: Option<&'a Object>, func: &str) -> PyResult<Option<&'a Str>> {
    match o {
        None => Ok(None),
        Some(o) if o.is_none() => Ok(None),
        Some(o) => match o.downcast::<Str>() {
            Some(s) => Ok(Some(s)),
            None => Err(raise!(TypeError, "{} arg must be None or str", func)),
        },
    }
}

fn sep_arg(o: Option<&Object>) -> PyResult<Option<&Str>> {
    match o {
        None => Ok(None),
        Some(o) => match o.downcast::<Str>() {
            Some(s) => Ok(Some(s)),
            None => Err(raise!(TypeError, "must be str or None, not {}", o.ty().name_str())),
        },
    }
}

impl Str {
    /// `str(object)`, `str(bytes, encoding, errors)`.
    fn from_call(object: Option<&Object>, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ref<Str>> {
        match object {
            None => Ok(Str::empty_ref()),
            Some(o) if encoding.is_none() && errors.is_none() => o.str(),
            Some(o) => codecs::decode_object(o, encoding, errors),
        }
    }

    /// An instance of a subclass with the content of `s`.
    pub fn new_subclass(cls: &Type, s: &Str) -> PyResult<PyRef> {
        let raw = cls.alloc(0)?;
        // SAFETY: a fresh, zeroed instance of a subclass of `str`, whose layout begins with `PyUnicodeObject`.
        unsafe {
            let obj: PyRef = Ref::from_raw(raw.cast());
            let u = raw.cast::<abi::PyUnicodeObject>();
            let n = s.len();
            let w = s.kind() as usize;
            let data = block::side_alloc((n + 1) * w);
            if data.is_null() {
                return Err(crate::error::raise_none(exc::MemoryError()));
            }
            core::ptr::copy_nonoverlapping(s.data_ptr(), data, (n + 1) * w);
            (*u).data = data.cast();
            let c = &raw mut (*u)._base;
            (*c).utf8 = core::ptr::null_mut();
            (*c).utf8_length = 0;
            let a = &raw mut (*c)._base;
            (*a).length = n as isize;
            (*a).hash = s.hash_slot().load(Ordering::Relaxed);
            (*a).state.interned.store(INTERNED_NOT, Ordering::Relaxed);
            (*a).state.bits.store(s.bits() & (KIND_MASK | super::layout::ASCII), Ordering::Relaxed);
            Ok(obj)
        }
    }
}

#[pyclass(
    name = "str",
    type_object = super::layout::PyUnicode_Type,
    flags = "BASETYPE|UNICODE_SUBCLASS|_MATCH_SELF",
    basicsize = size_of::<abi::PyUnicodeObject>(),
    doc = "str(object='') -> str\nstr(bytes_or_buffer[, encoding[, errors]]) -> str\n\nCreate a new string object from the given object. If encoding or\nerrors is specified, then the object must expose a data buffer\nthat will be decoded using the given encoding and error handler.\nOtherwise, returns the result of object.__str__() (if defined)\nor repr(object).\nencoding defaults to 'utf-8'.\nerrors defaults to 'strict'."
)]
impl Str {
    #[slot(sig = "object='', encoding='utf-8', errors='strict'")]
    fn tp_new(cls: &Type, object: Arg<&Object>, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
        let s = Str::from_call(object.into_option(), encoding.into_option(), errors.into_option())?;
        if core::ptr::eq(cls, Str::type_object()) {
            return Ok(s.upcast());
        }
        Str::new_subclass(cls, &s)
    }
    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        if let (Some(o), 1, false) = (args.get(0), args.len(), args.has_keywords()) {
            return Ok(o.str()?.upcast());
        }
        if args.len() > 3 {
            return Err(raise!(TypeError, "str expected at most 3 arguments, got {}", args.len()));
        }
        static SIG: crate::convert::Signature = crate::convert::Signature {
            name: "str",
            params: &[
                crate::convert::Param { name: "object", required: false },
                crate::convert::Param { name: "encoding", required: false },
                crate::convert::Param { name: "errors", required: false },
            ],
            posonly: 0,
            pos: 3,
            min_pos: 0,
            varargs: false,
            varkw: false,
        };
        let [o, enc, err] = SIG.parse::<3>(&args)?;
        let enc = enc.map(<&str>::from_py).transpose()?;
        let err = err.map(<&str>::from_py).transpose()?;
        Ok(Str::from_call(o, enc, err)?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Str) {
        // SAFETY: the last reference is gone; the blocks belong to the string alone.
        unsafe {
            let s = &*this;
            let bits = s.bits();
            if bits & COMPACT != 0 {
                if bits & super::layout::ASCII == 0 {
                    block::side_free(s.utf8_slots().0.load(Ordering::Relaxed));
                }
                block::free(this.cast());
                return;
            }
            let utf8 = s.utf8_slots().0.load(Ordering::Relaxed);
            let data = s.data_ptr();
            if utf8 != data {
                block::side_free(utf8);
            }
            block::side_free(data);
            if let Some(free) = s.ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        self.repr_str()
    }
    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        self.to_exact()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Ok(self.hash_value())
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Str>() else { return Ok(not_implemented().to_ref()) };
        let r = match op {
            CompareOp::Eq => self.eq_data(o),
            CompareOp::Ne => !self.eq_data(o),
            _ => op.holds(self.cmp_str(o)),
        };
        Ok(Bool::of(r).to_ref())
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        iter::new(self)
    }
    #[slot]
    fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> {
        match a.downcast::<Str>() {
            Some(s) => Ok(crate::format::percent::format_str(s, b)?.upcast()),
            None => Ok(not_implemented().to_ref()),
        }
    }
    #[slot]
    fn sq_length(&self) -> PyResult<usize> {
        Ok(Str::len(self))
    }
    #[slot]
    fn sq_concat(&self, other: &Object) -> PyResult<PyRef> {
        match other.downcast::<Str>() {
            Some(o) => Ok(Str::concat(self, o)?.upcast()),
            None => Err(raise!(TypeError, "can only concatenate str (not \"{}\") to str", other.ty().tp_name())),
        }
    }
    #[slot]
    fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
        Ok(self.repeat_str(n)?.upcast())
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        if i < 0 || i as usize >= Str::len(self) {
            return Err(raise!(IndexError, "string index out of range"));
        }
        Ok(self.index_str(i as usize)?.upcast())
    }
    #[slot]
    fn sq_contains(&self, sub: &Object) -> PyResult<bool> {
        match sub.downcast::<Str>() {
            Some(s) => Ok(self.contains_str(s)),
            None => {
                Err(raise!(TypeError, "'in <string>' requires string as left operand, not {}", sub.ty().name_str()))
            }
        }
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        Ok(Str::len(self))
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        let n = Str::len(self);
        if let Some(s) = key.downcast::<Slice>() {
            let ix = s.indices(n)?;
            if ix.count == 0 {
                return Ok(Str::empty_ref().upcast());
            }
            if ix.step == 1 {
                return Ok(self.substring(ix.start as usize, ix.start as usize + ix.count)?.upcast());
            }
            let at = |k: usize| (ix.start + k as isize * ix.step) as usize;
            return Ok(match self.data() {
                StrData::One(d) => Str::from_latin1(&(0..ix.count).map(|k| d[at(k)]).collect::<Vec<_>>()),
                StrData::Two(d) => Str::from_ucs2(&(0..ix.count).map(|k| d[at(k)]).collect::<Vec<_>>()),
                StrData::Four(d) => Str::from_ucs4(&(0..ix.count).map(|k| d[at(k)]).collect::<Vec<_>>()),
            }?
            .upcast());
        }
        if !key.index_check() {
            return Err(raise!(TypeError, "string indices must be integers, not '{}'", key.ty().name_str()));
        }
        let mut i = key.as_isize()?;
        if i < 0 {
            i += n as isize;
        }
        if i < 0 || i as usize >= n {
            return Err(raise!(IndexError, "string index out of range"));
        }
        Ok(self.index_str(i as usize)?.upcast())
    }

    /// Encode the string using the codec registered for encoding.
    #[pymethod(sig = "encoding='utf-8', errors='strict'")]
    fn encode(&self, encoding: Arg<&str>, errors: Arg<&str>) -> PyResult<PyRef> {
        codecs::encode_object(self, encoding.into_option(), errors.into_option())
    }
    /// Return a copy of the string with all occurrences of substring old replaced by new.
    #[pymethod(name = "replace", sig = "old, new, /, count=-1")]
    fn py_replace(&self, old: &Object, new: &Object, count: Arg<isize>) -> PyResult<Ref<Str>> {
        let (old, new) = (ops::str_arg(old, "replace", "argument 1")?, ops::str_arg(new, "replace", "argument 2")?);
        self.replace(old, new, count.unwrap_or(-1))
    }
    /// Return a list of the substrings in the string, using sep as the separator string.
    #[pymethod(sig = "sep=None, maxsplit=-1")]
    fn split(&self, sep: Option<&Object>, maxsplit: Arg<isize>) -> PyResult<Ref<List>> {
        self.split_list(sep_arg(sep)?, maxsplit.unwrap_or(-1), false)
    }
    /// Return a list of the substrings in the string, using sep as the separator string.
    #[pymethod(sig = "sep=None, maxsplit=-1")]
    fn rsplit(&self, sep: Option<&Object>, maxsplit: Arg<isize>) -> PyResult<Ref<List>> {
        self.split_list(sep_arg(sep)?, maxsplit.unwrap_or(-1), true)
    }
    /// Concatenate any number of strings.
    #[pymethod(name = "join")]
    fn py_join(&self, iterable: &Object) -> PyResult<Ref<Str>> {
        if let Some(t) = iterable.downcast_exact::<Tuple>() {
            return Str::join(self, t.as_slice());
        }
        let items: Vec<PyRef> = if let Some(l) = iterable.downcast_exact::<List>() {
            l.snapshot()
        } else {
            let mut v = Vec::new();
            let it = match iterable.iter() {
                Ok(it) => it,
                Err(e) => {
                    if e.matches(exc::TypeError()) {
                        e.clear();
                        return Err(raise!(TypeError, "can only join an iterable"));
                    }
                    return Err(e);
                }
            };
            while let Some(x) = it.iter_next()? {
                v.push(x);
            }
            v
        };
        // SAFETY: `Ref<Object>` and `&Object` are both one non-null pointer; the vector keeps the objects alive.
        let view = unsafe { core::slice::from_raw_parts(items.as_ptr().cast::<&Object>(), items.len()) };
        Str::join(self, view)
    }
    /// Return a capitalized version of the string.
    #[pymethod]
    fn capitalize(&self) -> PyResult<Ref<Str>> {
        self.to_capitalized()
    }
    /// Return a version of the string suitable for caseless comparisons.
    #[pymethod]
    fn casefold(&self) -> PyResult<Ref<Str>> {
        self.to_casefold()
    }
    /// Return a version of the string where each word is titlecased.
    #[pymethod]
    fn title(&self) -> PyResult<Ref<Str>> {
        Str::to_title(self)
    }
    /// Return a centered string of length width.
    #[pymethod(sig = "width, fillchar=' ', /")]
    fn center(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<Ref<Str>> {
        let fill = ops::fill_arg(fillchar.into_option())?;
        let n = Str::len(self) as isize;
        if width <= n {
            return self.to_exact();
        }
        let marg = width - n;
        let left = marg / 2 + (marg & width & 1);
        self.pad(left as usize, (marg - left) as usize, fill)
    }
    /// Return a left-justified string of length width.
    #[pymethod(sig = "width, fillchar=' ', /")]
    fn ljust(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<Ref<Str>> {
        let fill = ops::fill_arg(fillchar.into_option())?;
        self.pad(0, (width - Str::len(self) as isize).max(0) as usize, fill)
    }
    /// Return a right-justified string of length width.
    #[pymethod(sig = "width, fillchar=' ', /")]
    fn rjust(&self, width: isize, fillchar: Arg<&Object>) -> PyResult<Ref<Str>> {
        let fill = ops::fill_arg(fillchar.into_option())?;
        self.pad((width - Str::len(self) as isize).max(0) as usize, 0, fill)
    }
    /// Pad a numeric string with zeros on the left, to fill a field of the given width.
    #[pymethod]
    fn zfill(&self, width: isize) -> PyResult<Ref<Str>> {
        self.zero_fill(width)
    }
    /// Return a copy where all tab characters are expanded using spaces.
    #[pymethod(sig = "tabsize=8")]
    fn expandtabs(&self, tabsize: Arg<i32>) -> PyResult<Ref<Str>> {
        self.expand_tabs(tabsize.unwrap_or(8) as isize)
    }
    /// Return the number of non-overlapping occurrences of substring sub in string S[start:end].
    #[pymethod(sig = "sub, start=None, end=None, /")]
    fn count(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<usize> {
        let sub = ops::str_arg(sub, "count", "argument 1")?;
        let (a, b) = ops::range_args(start, end, Str::len(self))?;
        if b < a || b - a < Str::len(sub) as isize {
            return Ok(0);
        }
        Ok(search::count(self.data().slice(a as usize, b as usize), sub.data(), usize::MAX))
    }
    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    #[pymethod(sig = "sub, start=None, end=None, /")]
    fn find(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
        let sub = ops::str_arg(sub, "find", "argument 1")?;
        let (a, b) = ops::range_args(start, end, Str::len(self))?;
        Ok(self.find_in(sub, a, b).map_or(-1, |i| i as isize))
    }
    /// Return the highest index in S where substring sub is found, such that sub is contained within S[start:end].
    #[pymethod(sig = "sub, start=None, end=None, /")]
    fn rfind(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<isize> {
        let sub = ops::str_arg(sub, "rfind", "argument 1")?;
        let (a, b) = ops::range_args(start, end, Str::len(self))?;
        Ok(self.rfind_in(sub, a, b).map_or(-1, |i| i as isize))
    }
    /// Return the lowest index in S where substring sub is found; raises ValueError when it is not.
    #[pymethod(sig = "sub, start=None, end=None, /")]
    fn index(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<usize> {
        let sub = ops::str_arg(sub, "index", "argument 1")?;
        let (a, b) = ops::range_args(start, end, Str::len(self))?;
        self.find_in(sub, a, b).ok_or_else(|| raise!(ValueError, "substring not found"))
    }
    /// Return the highest index in S where substring sub is found; raises ValueError when it is not.
    #[pymethod(sig = "sub, start=None, end=None, /")]
    fn rindex(&self, sub: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<usize> {
        let sub = ops::str_arg(sub, "rindex", "argument 1")?;
        let (a, b) = ops::range_args(start, end, Str::len(self))?;
        self.rfind_in(sub, a, b).ok_or_else(|| raise!(ValueError, "substring not found"))
    }
    /// Partition the string into three parts using the given separator.
    #[pymethod]
    fn partition(&self, sep: &Object) -> PyResult<Ref<Tuple>> {
        self.partition_with(ops::str_arg(sep, "partition", "argument")?, false)
    }
    /// Partition the string into three parts using the given separator, searching from the end.
    #[pymethod]
    fn rpartition(&self, sep: &Object) -> PyResult<Ref<Tuple>> {
        self.partition_with(ops::str_arg(sep, "rpartition", "argument")?, true)
    }
    /// Return a copy of the string converted to lowercase.
    #[pymethod]
    fn lower(&self) -> PyResult<Ref<Str>> {
        Str::to_lower(self)
    }
    /// Return a copy of the string converted to uppercase.
    #[pymethod]
    fn upper(&self) -> PyResult<Ref<Str>> {
        Str::to_upper(self)
    }
    /// Convert uppercase characters to lowercase and lowercase characters to uppercase.
    #[pymethod]
    fn swapcase(&self) -> PyResult<Ref<Str>> {
        self.to_swapcase()
    }
    /// Return a copy of the string with leading whitespace removed.
    #[pymethod(sig = "chars=None, /")]
    fn lstrip(&self, chars: Option<&Object>) -> PyResult<Ref<Str>> {
        self.strip_with(strip_arg(chars, "lstrip")?, true, false)
    }
    /// Return a copy of the string with trailing whitespace removed.
    #[pymethod(sig = "chars=None, /")]
    fn rstrip(&self, chars: Option<&Object>) -> PyResult<Ref<Str>> {
        self.strip_with(strip_arg(chars, "rstrip")?, false, true)
    }
    /// Return a copy of the string with leading and trailing whitespace removed.
    #[pymethod(sig = "chars=None, /")]
    fn strip(&self, chars: Option<&Object>) -> PyResult<Ref<Str>> {
        self.strip_with(strip_arg(chars, "strip")?, true, true)
    }
    /// Return a list of the lines in the string, breaking at line boundaries.
    #[pymethod(sig = "keepends=False")]
    fn splitlines(&self, keepends: Arg<bool>) -> PyResult<Ref<List>> {
        self.splitlines_list(keepends.unwrap_or(false))
    }
    /// Replace each character in the string using the given translation table.
    #[pymethod]
    fn translate(&self, table: &Object) -> PyResult<Ref<Str>> {
        self.translate_with(table)
    }
    /// Return a translation table usable for str.translate().
    #[pystaticmethod(sig = "x, y=<unrepresentable>, z=<unrepresentable>, /")]
    fn maketrans(x: &Object, y: Arg<&Object>, z: Arg<&Object>) -> PyResult<Ref<Dict>> {
        iter::maketrans(x, y.into_option(), z.into_option())
    }
    /// Return True if the string starts with the specified prefix, False otherwise.
    #[pymethod(sig = "prefix, start=None, end=None, /")]
    fn startswith(&self, prefix: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<bool> {
        tail_match(self, prefix, start, end, "startswith", false)
    }
    /// Return True if the string ends with the specified suffix, False otherwise.
    #[pymethod(sig = "suffix, start=None, end=None, /")]
    fn endswith(&self, suffix: &Object, start: Option<&Object>, end: Option<&Object>) -> PyResult<bool> {
        tail_match(self, suffix, start, end, "endswith", true)
    }
    /// Return a str with the given prefix string removed if present.
    #[pymethod]
    fn removeprefix(&self, prefix: &Object) -> PyResult<Ref<Str>> {
        let p = ops::str_arg(prefix, "removeprefix", "argument")?;
        if self.starts_with(p) { self.substring(Str::len(p), Str::len(self)) } else { self.to_exact() }
    }
    /// Return a str with the given suffix string removed if present.
    #[pymethod]
    fn removesuffix(&self, suffix: &Object) -> PyResult<Ref<Str>> {
        let p = ops::str_arg(suffix, "removesuffix", "argument")?;
        if self.ends_with(p) { self.substring(0, Str::len(self) - Str::len(p)) } else { self.to_exact() }
    }
    /// Return True if all characters in the string are ASCII, False otherwise.
    #[pymethod]
    fn isascii(&self) -> bool {
        self.is_ascii()
    }
    /// Return True if the string is a lowercase string, False otherwise.
    #[pymethod]
    fn islower(&self) -> bool {
        self.is_lower_case()
    }
    /// Return True if the string is an uppercase string, False otherwise.
    #[pymethod]
    fn isupper(&self) -> bool {
        self.is_upper_case()
    }
    /// Return True if the string is a title-cased string, False otherwise.
    #[pymethod]
    fn istitle(&self) -> bool {
        self.is_title_case()
    }
    /// Return True if the string is a whitespace string, False otherwise.
    #[pymethod]
    fn isspace(&self) -> bool {
        self.all_chars(ucd::is_space)
    }
    /// Return True if the string is a decimal string, False otherwise.
    #[pymethod]
    fn isdecimal(&self) -> bool {
        self.all_chars(ucd::is_decimal)
    }
    /// Return True if the string is a digit string, False otherwise.
    #[pymethod]
    fn isdigit(&self) -> bool {
        self.all_chars(ucd::is_digit)
    }
    /// Return True if the string is a numeric string, False otherwise.
    #[pymethod]
    fn isnumeric(&self) -> bool {
        self.all_chars(ucd::is_numeric)
    }
    /// Return True if the string is an alphabetic string, False otherwise.
    #[pymethod]
    fn isalpha(&self) -> bool {
        self.all_chars(ucd::is_alpha)
    }
    /// Return True if the string is an alpha-numeric string, False otherwise.
    #[pymethod]
    fn isalnum(&self) -> bool {
        self.all_chars(ucd::is_alnum)
    }
    /// Return True if the string is a valid Python identifier, False otherwise.
    #[pymethod]
    fn isidentifier(&self) -> bool {
        self.is_identifier()
    }
    /// Return True if all characters in the string are printable, False otherwise.
    #[pymethod]
    fn isprintable(&self) -> bool {
        self.is_empty() || self.all_chars(ucd::is_printable)
    }
    /// Return a formatted version of the string, using substitutions from args and kwargs.
    #[pymethod(name = "format", raw, text_signature = "*args, **kwargs")]
    fn py_format(&self, args: FuncArgs<'_>) -> PyResult<Ref<Str>> {
        crate::format::fields::format(self, args)
    }
    /// Return a formatted version of the string, using substitutions from mapping.
    #[pymethod]
    fn format_map(&self, mapping: &Object) -> PyResult<Ref<Str>> {
        crate::format::fields::format_map(self, mapping)
    }
    /// Return a formatted version of the string as described by format_spec.
    #[pymethod]
    fn __format__(&self, format_spec: &Object) -> PyResult<Ref<Str>> {
        let spec = ops::str_arg(format_spec, "__format__", "argument")?;
        if spec.is_empty() {
            return if core::ptr::eq(self.ty(), Str::type_object()) { self.to_exact() } else { self.as_ref().str() };
        }
        crate::format::format_str_spec(self, spec)
    }
    /// Return the size of the string in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        let w = self.kind() as usize;
        let n = (Str::len(self) + 1) * w;
        let mut size = if self.is_compact() {
            n + if self.is_ascii() { size_of::<abi::PyASCIIObject>() } else { size_of::<abi::PyCompactUnicodeObject>() }
        } else {
            n + size_of::<abi::PyUnicodeObject>()
        };
        if !(self.is_ascii() && self.is_compact()) {
            let (p, len) = self.utf8_slots();
            if !p.load(Ordering::Acquire).is_null() {
                size += len.load(Ordering::Relaxed) as usize + 1;
            }
        }
        size
    }
    #[pymethod]
    fn __getnewargs__(&self) -> PyResult<Ref<Tuple>> {
        let copy = Str::from_data_max(self.data(), self.max_char_bound())?;
        Tuple::from_refs(vec![copy.upcast()])
    }
}

impl Str {
    /// `partition` and `rpartition`.
    pub fn partition_with(&self, sep: &Str, last: bool) -> PyResult<Ref<Tuple>> {
        if sep.is_empty() {
            return Err(raise!(ValueError, "empty separator"));
        }
        let found = if last { search::rfind(self.data(), sep.data()) } else { search::find(self.data(), sep.data()) };
        let empty = || Str::empty_ref().upcast();
        Tuple::from_refs(match found {
            Some(i) => vec![
                self.substring(0, i)?.upcast(),
                sep.to_exact()?.upcast(),
                self.substring(i + Str::len(sep), Str::len(self))?.upcast(),
            ],
            None if last => vec![empty(), empty(), self.to_exact()?.upcast()],
            None => vec![self.to_exact()?.upcast(), empty(), empty()],
        })
    }

    /// `build::MAX_LEN`, for those who size strings.
    pub const MAX_LEN: usize = build::MAX_LEN;
}
