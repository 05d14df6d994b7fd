//! `re.Pattern`, scanners and the iterator of `finditer`.

use super::engine::{self, State, Subject};
use super::matchobj::{Match, Template};
use super::program::{Program, translate};
use macros::pyclass;
use runtime::objects::byteops;
use runtime::objects::unicode::{StrBuilder, StrData};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::typeobject::{CompareOp, alloc_object};
use runtime::{py_layout, with_data};
use std::sync::Mutex;

/// What a pattern is made of.
pub struct PatternData {
    pub pattern: PyRef,
    pub flags: i32,
    pub groups: usize,
    pub groupindex: Ref<Dict>,
    pub indexgroup: Ref<Tuple>,
    /// `None` for patterns compiled from a parse tree: they take both kinds of subject.
    is_bytes: Option<bool>,
    code: Vec<u32>,
    pub prog: Program,
}

/// `re.Pattern`.
#[repr(C)]
pub struct Pattern {
    ob_base: abi::PyObject,
    data: *mut PatternData,
    weakrefs: *mut abi::PyObject,
}
static mut PATTERN_TYPE: Type = Type::STATIC;
py_layout!(Pattern, PATTERN_TYPE);

/// The subject of a match, held for the time of an operation.
pub struct Input {
    pub obj: PyRef,
    buf: Option<Buffer>,
}

impl Input {
    pub fn new(obj: &Object, is_bytes: Option<bool>) -> PyResult<Input> {
        if obj.downcast::<Str>().is_some() {
            if is_bytes == Some(true) {
                return Err(raise!(TypeError, "cannot use a bytes pattern on a string-like object"));
            }
            return Ok(Input { obj: obj.to_ref(), buf: None });
        }
        if !byteops::has_buffer(obj) {
            return Err(raise!(TypeError, "expected string or bytes-like object, got '{}'", obj.ty().name_str()));
        }
        let buf = if obj.downcast::<Bytes>().is_some() { None } else { Some(Buffer::get(obj, abi::PyBUF_SIMPLE)?) };
        if is_bytes == Some(false) {
            return Err(raise!(TypeError, "cannot use a string pattern on a bytes-like object"));
        }
        Ok(Input { obj: obj.to_ref(), buf })
    }

    #[inline]
    pub fn data(&self) -> StrData<'_> {
        if let Some(s) = self.obj.downcast::<Str>() {
            return s.data();
        }
        match &self.buf {
            Some(b) => StrData::One(b.as_slice()),
            None => StrData::One(self.obj.downcast::<Bytes>().map_or(&[][..], |b| b.as_slice())),
        }
    }

    pub fn len(&self) -> usize {
        self.data().len()
    }

    /// `subject[a:b]`.
    pub fn slice(&self, a: usize, b: usize) -> PyResult<PyRef> {
        let n = self.len();
        let (a, b) = (a.min(n), b.min(n).max(a.min(n)));
        if let Some(s) = self.obj.downcast::<Str>() {
            return Ok(s.substring(a, b)?.upcast());
        }
        if a == 0 && b == n && self.obj.downcast_exact::<Bytes>().is_some() {
            return Ok(self.obj.clone());
        }
        match self.data() {
            StrData::One(s) => Ok(Bytes::new(&s[a..b])?.upcast()),
            _ => Err(raise!(SystemError, "a bytes subject with wide characters")),
        }
    }

    pub fn is_text(&self) -> bool {
        self.obj.downcast::<Str>().is_some()
    }
}

fn bounds(n: usize, pos: isize, endpos: isize) -> (usize, usize) {
    let start = (pos.max(0) as usize).min(n);
    let end = (endpos.max(0) as usize).min(n);
    (start, end)
}

/// How a subject is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    Search,
    Match,
    Full,
}

impl Pattern {
    pub fn data(&self) -> &PatternData {
        // SAFETY: set at creation, owned, immutable.
        unsafe { &*self.data }
    }

    pub fn compile(
        pattern: &Object,
        flags: i32,
        code: &List,
        groups: isize,
        groupindex: &Dict,
        indexgroup: &Tuple,
    ) -> PyResult<PyRef> {
        let items = code.snapshot();
        let mut words = Vec::with_capacity(items.len());
        for o in &items {
            match o.downcast::<Int>().map(|i| i.try_i64().unwrap_or(-1)) {
                Some(v) if (0..=u32::MAX as i64).contains(&v) => words.push(v as u32),
                Some(_) => return Err(raise!(OverflowError, "regular expression code size limit exceeded")),
                None => return Err(raise!(TypeError, "an integer is required")),
            }
        }
        let is_bytes = if pattern.is_none() {
            None
        } else {
            let i = Input::new(pattern, None)?;
            Some(!i.is_text())
        };
        if groups < 0 || groups > u32::MAX as isize / 2 {
            return Err(raise!(RuntimeError, "invalid SRE code"));
        }
        let prog = translate(&words, groups as u32).map_err(|_| raise!(RuntimeError, "invalid SRE code"))?;
        let data = Box::new(PatternData {
            pattern: pattern.to_ref(),
            flags,
            groups: groups as usize,
            groupindex: Ref::new_ref(groupindex),
            indexgroup: Ref::new_ref(indexgroup),
            is_bytes,
            code: words,
            prog,
        });
        let p = alloc_object::<Pattern>(Pattern::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*p.as_raw()).data = Box::into_raw(data) };
        Ok(p.upcast())
    }

    /// One attempt from `start`; gives the bounds of the match, the groups are in `st`.
    pub fn attempt(
        &self,
        st: &mut State,
        input: &Input,
        how: How,
        start: usize,
        end: usize,
        must_advance: usize,
    ) -> PyResult<Option<(usize, usize)>> {
        let prog = &self.data().prog;
        with_data!(input.data(), text => {
            let sub = Subject { text, end };
            match how {
                How::Search => engine::search(prog, st, &sub, start, must_advance),
                _ => Ok(engine::match_at(prog, st, &sub, start, how == How::Full, must_advance)?.map(|e| (start, e))),
            }
        })
    }

    pub fn state(&self) -> State {
        State::new(&self.data().prog, self.data().groups)
    }

    fn simple(&self, string: &Object, pos: isize, endpos: isize, how: How) -> PyResult<PyRef> {
        let input = Input::new(string, self.data().is_bytes)?;
        let (start, end) = bounds(input.len(), pos, endpos);
        let mut st = self.state();
        match self.attempt(&mut st, &input, how, start, end, usize::MAX)? {
            Some(m) => Match::make(self, &input, &st, m, start, end),
            None => Ok(none_ref()),
        }
    }

    /// Calls `f` for every match in turn until it says false.
    fn each(
        &self,
        input: &Input,
        start: usize,
        end: usize,
        mut f: impl FnMut(&State, usize, usize) -> PyResult<bool>,
    ) -> PyResult<()> {
        let mut st = self.state();
        let (mut at, mut advance) = (start, usize::MAX);
        while at <= end {
            let Some((a, b)) = self.attempt(&mut st, input, How::Search, at, end, advance)? else { break };
            if !f(&st, a, b)? {
                break;
            }
            advance = if a == b { b } else { usize::MAX };
            at = b;
        }
        Ok(())
    }

    /// The text of group `g` (from 0), or `None` when it took no part.
    pub fn group_range(st: &State, g: usize) -> Option<(usize, usize)> {
        let (a, b) = (st.marks[g * 2], st.marks[g * 2 + 1]);
        if a == engine::UNSET || b == engine::UNSET { None } else { Some((a, b.max(a))) }
    }

    fn substitute(&self, repl: &Object, string: &Object, count: isize, subn: bool) -> PyResult<PyRef> {
        enum Repl {
            Literal(PyRef),
            Template(PyRef),
            Call,
        }
        let d = self.data();
        let how = if repl.is_callable() {
            Repl::Call
        } else {
            let plain = {
                let i = Input::new(repl, None)?;
                runtime::objects::unicode::search::find_char(i.data(), 92).is_none()
            };
            if plain {
                Repl::Literal(repl.to_ref())
            } else {
                let f = runtime::interp::current_builtins()?
                    .get_item(intern!("__import__"))?
                    .call1(intern!("re"))?
                    .getattr(intern!("_compile_template"))?;
                let t = f.call(&[self, repl])?;
                match t.downcast::<Template>() {
                    Some(x) if x.is_literal() => Repl::Literal(x.literal()),
                    Some(_) => Repl::Template(t),
                    None => Repl::Literal(t),
                }
            }
        };
        let input = Input::new(string, d.is_bytes)?;
        let end = input.len();
        let mut out = Output::new(input.is_text());
        let mut last = 0;
        let mut n = 0isize;
        self.each(&input, 0, end, |st, a, b| {
            out.push_slice(&input, last, a);
            match &how {
                Repl::Literal(l) => out.push_object(l)?,
                Repl::Template(t) => {
                    if let Some(t) = t.downcast::<Template>() {
                        t.expand_into(&mut out, &input, |g| {
                            if g == 0 { Some((a, b)) } else { Pattern::group_range(st, g - 1) }
                        })?;
                    }
                }
                Repl::Call => {
                    let m = Match::make(self, &input, st, (a, b), 0, end)?;
                    let r = repl.call1(&m)?;
                    if !r.is_none() {
                        out.push_object(&r)?;
                    }
                }
            }
            last = b;
            n += 1;
            Ok(count == 0 || n < count)
        })?;
        let result = if n == 0 {
            input.slice(0, end)?
        } else {
            out.push_slice(&input, last, end);
            out.finish()?
        };
        if subn { Ok(Tuple::from_refs(vec![result, Int::from_i64(n as i64)?.upcast()])?.upcast()) } else { Ok(result) }
    }
}

/// The text or the bytes being put together.
pub enum Output {
    Text(StrBuilder, usize),
    Bytes(Vec<u8>, usize),
}

impl Output {
    pub fn new(text: bool) -> Output {
        if text { Output::Text(StrBuilder::new(), 0) } else { Output::Bytes(Vec::new(), 0) }
    }
    pub fn push_slice(&mut self, input: &Input, a: usize, b: usize) {
        if a >= b {
            return;
        }
        match self {
            Output::Text(s, n) => {
                s.push_data(input.data().slice(a, b));
                *n += 1;
            }
            Output::Bytes(v, n) => {
                v.extend_from_slice(input.data().slice(a, b).as_bytes());
                *n += 1;
            }
        }
    }
    pub fn push_object(&mut self, o: &Object) -> PyResult<()> {
        match self {
            Output::Text(s, n) => {
                let Some(x) = o.downcast::<Str>() else {
                    return Err(raise!(
                        TypeError,
                        "sequence item {}: expected str instance, {} found",
                        n,
                        o.ty().name_str()
                    ));
                };
                s.push_obj(x);
                *n += 1;
            }
            Output::Bytes(v, n) => {
                if !byteops::has_buffer(o) {
                    return Err(raise!(
                        TypeError,
                        "sequence item {}: expected a bytes-like object, {} found",
                        n,
                        o.ty().name_str()
                    ));
                }
                v.extend_from_slice(&byteops::bytes_arg(o)?);
                *n += 1;
            }
        }
        Ok(())
    }
    pub fn finish(self) -> PyResult<PyRef> {
        Ok(match self {
            Output::Text(s, _) => s.finish()?.upcast(),
            Output::Bytes(v, _) => Bytes::new(&v)?.upcast(),
        })
    }
}

const FLAG_NAMES: [(i32, &str); 8] = [
    (2, "re.IGNORECASE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (64, "re.VERBOSE"),
    (128, "re.DEBUG"),
    (256, "re.ASCII"),
    (4, "re.LOCALE"),
    (32, "re.UNICODE"),
];

#[pyclass(
    name = "Pattern",
    module = "re",
    type_object = PATTERN_TYPE,
    flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION",
    weaklistoffset = core::mem::offset_of!(Pattern, weakrefs),
    doc = "Compiled regular expression object."
)]
impl Pattern {
    #[slot]
    fn tp_dealloc(this: *mut Pattern) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).weakrefs.is_null() {
                runtime::objects::weakref::clear_weakrefs(this.cast());
            }
            if !(*this).data.is_null() {
                drop(Box::from_raw((*this).data));
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let d = self.data();
        let mut b = StrBuilder::new();
        b.push_str("re.compile(");
        let r = d.pattern.repr()?;
        let n = r.len().min(200);
        b.push_data(r.data().slice(0, n));
        let mut flags = d.flags;
        // Unicode is the default of text patterns.
        if d.is_bytes != Some(true) && flags & (4 | 32 | 256) == 32 {
            flags &= !32;
        }
        let mut sep = ", ";
        for (bit, name) in FLAG_NAMES {
            if flags & bit != 0 {
                b.push_str(sep);
                b.push_str(name);
                sep = "|";
                flags &= !bit;
            }
        }
        if flags != 0 {
            b.push_str(sep);
            b.push_str(&format!("0x{flags:x}"));
        }
        b.push_str(")");
        b.finish()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let d = self.data();
        // SAFETY: integers viewed as bytes.
        let bytes = unsafe { core::slice::from_raw_parts(d.code.as_ptr().cast::<u8>(), d.code.len() * 4) };
        let h = d.pattern.hash()?
            ^ runtime::objects::unicode::hash::hash_bytes(bytes)
            ^ d.flags as isize
            ^ d.groups as isize;
        Ok(if h == -1 { -2 } else { h })
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let (Some(o), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<Pattern>(), op) else {
            return Ok(not_implemented().to_ref());
        };
        let (a, b) = (self.data(), o.data());
        let same = self.is(other)
            || a.flags == b.flags
                && a.is_bytes == b.is_bytes
                && a.code == b.code
                && a.groups == b.groups
                && a.pattern.eq(&b.pattern)?;
        Ok(Bool::of(same == (op == CompareOp::Eq)).to_ref())
    }
    /// The pattern string from which the RE object was compiled.
    #[pygetset]
    fn pattern(&self) -> PyRef {
        self.data().pattern.clone()
    }
    /// The regex matching flags.
    #[pygetset]
    fn flags(&self) -> i64 {
        self.data().flags as i64
    }
    /// The number of capturing groups in the pattern.
    #[pygetset]
    fn groups(&self) -> i64 {
        self.data().groups as i64
    }
    /// A dictionary mapping group names to group numbers.
    #[pygetset]
    fn groupindex(&self) -> PyResult<PyRef> {
        let proxy = runtime::interp::current_builtins()?.get_item(intern!("__import__"))?.call1(intern!("types"))?;
        proxy.getattr(intern!("MappingProxyType"))?.call1(&self.data().groupindex)
    }
    /// Matches zero or more characters at the beginning of the string.
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn r#match(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<PyRef> {
        self.simple(string, pos.unwrap_or(0), endpos.unwrap_or(isize::MAX), How::Match)
    }
    /// Matches against all of the string.
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn fullmatch(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<PyRef> {
        self.simple(string, pos.unwrap_or(0), endpos.unwrap_or(isize::MAX), How::Full)
    }
    /// Scan through string looking for a match, and return a corresponding match object instance.
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn search(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<PyRef> {
        self.simple(string, pos.unwrap_or(0), endpos.unwrap_or(isize::MAX), How::Search)
    }
    /// Return a list of all non-overlapping matches of pattern in string.
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn findall(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<Ref<List>> {
        let input = Input::new(string, self.data().is_bytes)?;
        let (start, end) = bounds(input.len(), pos.unwrap_or(0), endpos.unwrap_or(isize::MAX));
        let groups = self.data().groups;
        let mut out: Vec<PyRef> = Vec::new();
        let group = |st: &State, g: usize| match Pattern::group_range(st, g) {
            Some((a, b)) => input.slice(a, b),
            None => input.slice(0, 0),
        };
        self.each(&input, start, end, |st, a, b| {
            out.push(match groups {
                0 => input.slice(a, b)?,
                1 => group(st, 0)?,
                n => {
                    let mut v = Vec::with_capacity(n);
                    for g in 0..n {
                        v.push(group(st, g)?);
                    }
                    Tuple::from_refs(v)?.upcast()
                }
            });
            Ok(true)
        })?;
        List::from_vec(out)
    }
    /// Return an iterator over all non-overlapping matches for the RE pattern in string.
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn finditer(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<PyRef> {
        let s = Scan::new(self, string, pos.unwrap_or(0), endpos.unwrap_or(isize::MAX))?;
        let it = alloc_object::<FindIter>(FindIter::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*it.as_raw()).scan = s };
        Ok(it.upcast())
    }
    #[pymethod(sig = "string, pos=0, endpos=sys.maxsize")]
    fn scanner(&self, string: &Object, pos: Arg<isize>, endpos: Arg<isize>) -> PyResult<PyRef> {
        let s = Scan::new(self, string, pos.unwrap_or(0), endpos.unwrap_or(isize::MAX))?;
        let it = alloc_object::<Scanner>(Scanner::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*it.as_raw()).scan = s };
        Ok(it.upcast())
    }
    /// Split string by the occurrences of pattern.
    #[pymethod(sig = "string, maxsplit=0")]
    fn split(&self, string: &Object, maxsplit: Arg<isize>) -> PyResult<Ref<List>> {
        let input = Input::new(string, self.data().is_bytes)?;
        let end = input.len();
        let max = maxsplit.unwrap_or(0);
        let mut out: Vec<PyRef> = Vec::new();
        let (mut last, mut n) = (0, 0);
        if max >= 0 {
            self.each(&input, 0, end, |st, a, b| {
                out.push(input.slice(last, a)?);
                for g in 0..self.data().groups {
                    out.push(match Pattern::group_range(st, g) {
                        Some((x, y)) => input.slice(x, y)?,
                        None => none_ref(),
                    });
                }
                last = b;
                n += 1;
                Ok(max == 0 || n < max)
            })?;
        }
        out.push(input.slice(last, end)?);
        List::from_vec(out)
    }
    /// Return the string obtained by replacing the leftmost non-overlapping occurrences of pattern in string by the replacement repl.
    #[pymethod(sig = "repl, string, count=0")]
    fn sub(&self, repl: &Object, string: &Object, count: Arg<isize>) -> PyResult<PyRef> {
        self.substitute(repl, string, count.unwrap_or(0), false)
    }
    /// Return the tuple (new_string, number_of_subs_made) found by replacing the leftmost non-overlapping occurrences of pattern with the replacement repl.
    #[pymethod(sig = "repl, string, count=0")]
    fn subn(&self, repl: &Object, string: &Object, count: Arg<isize>) -> PyResult<PyRef> {
        self.substitute(repl, string, count.unwrap_or(0), true)
    }
    #[pymethod]
    fn __copy__(&self) -> PyRef {
        self.to_ref()
    }
    #[pymethod]
    fn __deepcopy__(&self, memo: &Object) -> PyRef {
        let _ = memo;
        self.to_ref()
    }
    /// See PEP 585
    #[pyclassmethod(sig = "item, /")]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, item)
    }
}

/// A position in a subject that moves from match to match.
pub struct Scan {
    pattern: Ref<Pattern>,
    input: Input,
    state: State,
    start: usize,
    end: usize,
    at: usize,
    advance: usize,
    done: bool,
}

/// Shared by threads, therefore under a lock; taken out while a match runs.
type SharedScan = Box<Mutex<Option<Scan>>>;

impl Scan {
    fn new(p: &Pattern, string: &Object, pos: isize, endpos: isize) -> PyResult<*mut Mutex<Option<Scan>>> {
        let input = Input::new(string, p.data().is_bytes)?;
        let (start, end) = bounds(input.len(), pos, endpos);
        let state = p.state();
        let s =
            Scan { pattern: Ref::new_ref(p), input, state, start, end, at: start, advance: usize::MAX, done: false };
        let b: SharedScan = Box::new(Mutex::new(Some(s)));
        Ok(Box::into_raw(b))
    }

    fn step(&mut self, how: How) -> PyResult<Option<PyRef>> {
        if self.done || self.at > self.end {
            return Ok(None);
        }
        let p = self.pattern.clone();
        match p.attempt(&mut self.state, &self.input, how, self.at, self.end, self.advance)? {
            None => {
                self.done = true;
                Ok(None)
            }
            Some((a, b)) => {
                let m = Match::make(&p, &self.input, &self.state, (a, b), self.start, self.end)?;
                self.advance = if a == b { b } else { usize::MAX };
                self.at = b;
                Ok(Some(m))
            }
        }
    }
}

fn step(scan: *mut Mutex<Option<Scan>>, how: How) -> PyResult<Option<PyRef>> {
    // SAFETY: owned by the calling object, which is alive.
    let cell = unsafe { &*scan };
    let taken = cell.lock().unwrap_or_else(|e| e.into_inner()).take();
    let Some(mut s) = taken else { return Err(raise!(ValueError, "scanner already executing")) };
    let r = s.step(how);
    *cell.lock().unwrap_or_else(|e| e.into_inner()) = Some(s);
    r
}

/// `_sre.SRE_Scanner`.
#[repr(C)]
pub struct Scanner {
    ob_base: abi::PyObject,
    scan: *mut Mutex<Option<Scan>>,
}
static mut SCANNER_TYPE: Type = Type::STATIC;
py_layout!(Scanner, SCANNER_TYPE);

/// `callable_iterator` of `finditer`.
#[repr(C)]
pub struct FindIter {
    ob_base: abi::PyObject,
    scan: *mut Mutex<Option<Scan>>,
}
static mut FIND_ITER_TYPE: Type = Type::STATIC;
py_layout!(FindIter, FIND_ITER_TYPE);

#[pyclass(name = "SRE_Scanner", module = "_sre", type_object = SCANNER_TYPE, flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Scanner {
    #[slot]
    fn tp_dealloc(this: *mut Scanner) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).scan.is_null() {
                drop(Box::from_raw((*this).scan));
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[pymethod]
    fn r#match(&self) -> PyResult<PyRef> {
        Ok(step(self.scan, How::Match)?.unwrap_or_else(none_ref))
    }
    #[pymethod]
    fn search(&self) -> PyResult<PyRef> {
        Ok(step(self.scan, How::Search)?.unwrap_or_else(none_ref))
    }
    #[pygetset]
    fn pattern(&self) -> PyResult<PyRef> {
        // SAFETY: owned by this object.
        let cell = unsafe { &*self.scan }.lock().unwrap_or_else(|e| e.into_inner());
        match &*cell {
            Some(s) => Ok(s.pattern.to_ref()),
            None => Err(raise!(ValueError, "scanner already executing")),
        }
    }
}

#[pyclass(name = "callable_iterator", type_object = FIND_ITER_TYPE, flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl FindIter {
    #[slot]
    fn tp_dealloc(this: *mut FindIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).scan.is_null() {
                drop(Box::from_raw((*this).scan));
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        step(self.scan, How::Search)
    }
}
