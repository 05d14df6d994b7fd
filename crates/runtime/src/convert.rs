//! Between C calling conventions and Rust: argument parsing, conversions, and the guards of every C entry point.
//!
//! `FromPy` turns an argument into a Rust value, `IntoPy` a result into an object. `Signature::parse` binds arguments to
//! parameters with CPython's wording of the errors. `guard_*` run a Rust body behind a C function: a panic becomes a
//! SystemError, an error becomes the failure value of the C return type.

use crate::error::{PyResult, Raised};
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Bool, Bytes, Dict, Float, Int, List, Module, Str, Tuple, none};
use crate::raise;
use crate::typeobject::TypeSpec;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

// ---------------------------------------------------------------------------------------------- guards

/// Raises SystemError for a panic that was caught.
#[cold]
#[inline(never)]
pub fn panicked(payload: Box<dyn std::any::Any + Send>) -> Raised {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into());
    raise!(SystemError, "internal error: {}", text)
}

#[inline(always)]
fn guard<T>(fail: T, body: impl FnOnce() -> PyResult<T>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(v)) => v,
        Ok(Err(_)) => fail,
        Err(p) => {
            let _ = panicked(p);
            fail
        }
    }
}

/// Body of a C function that returns a new reference or null.
#[inline(always)]
pub fn guard_object(body: impl FnOnce() -> PyResult<PyRef>) -> *mut abi::PyObject {
    guard(core::ptr::null_mut(), || body().map(Ref::into_ptr))
}

/// Body of `tp_iternext`: null without an exception ends the iteration.
#[inline(always)]
pub fn guard_iternext(body: impl FnOnce() -> PyResult<Option<PyRef>>) -> *mut abi::PyObject {
    guard(core::ptr::null_mut(), || body().map(|o| o.map_or(core::ptr::null_mut(), Ref::into_ptr)))
}

/// Body of a C function that returns 0 or -1.
#[inline(always)]
pub fn guard_int(body: impl FnOnce() -> PyResult<()>) -> c_int {
    guard(-1, || body().map(|()| 0))
}

/// Body of a C function that returns 0, 1 or -1.
#[inline(always)]
pub fn guard_bool(body: impl FnOnce() -> PyResult<bool>) -> c_int {
    guard(-1, || body().map(|b| b as c_int))
}

/// Body of a C function that returns a length or -1.
#[inline(always)]
pub fn guard_len(body: impl FnOnce() -> PyResult<isize>) -> isize {
    guard(-1, body)
}

/// Body of `tp_hash`: -1 is reserved for errors.
#[inline(always)]
pub fn guard_hash(body: impl FnOnce() -> PyResult<isize>) -> isize {
    guard(-1, || body().map(|h| if h == -1 { -2 } else { h }))
}

/// Body of a C function without a result (deallocators): keeps a pending exception as it was.
#[inline(always)]
pub fn guard_void(body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        eprintln!("freewheel: internal error in a deallocator or finalizer");
    }
}

// ---------------------------------------------------------------------------------------------- arguments

/// The arguments of one call, borrowed from the caller: positional ones, and keywords by name.
#[derive(Clone, Copy)]
pub struct FuncArgs<'a> {
    pub args: &'a [&'a Object],
    /// Exact or subclass `str` objects, as many as `kwvalues`.
    pub kwnames: &'a [&'a Object],
    pub kwvalues: &'a [&'a Object],
}

impl<'a> FuncArgs<'a> {
    pub const EMPTY: FuncArgs<'static> = FuncArgs { args: &[], kwnames: &[], kwvalues: &[] };

    pub fn new(args: &'a [&'a Object]) -> FuncArgs<'a> {
        FuncArgs { args, kwnames: &[], kwvalues: &[] }
    }

    /// From `METH_FASTCALL | METH_KEYWORDS` arguments.
    ///
    /// # Safety
    /// The arrays are as that convention promises and outlive `'a`.
    #[inline(always)]
    pub unsafe fn from_fastcall(
        args: *const *mut abi::PyObject,
        nargs: isize,
        kwnames: *mut abi::PyObject,
    ) -> FuncArgs<'a> {
        let n = nargs as usize;
        // SAFETY: `&Object` and `*mut PyObject` have the same representation; the caller vouches for the pointers.
        unsafe {
            let args: *const &'a Object = args.cast();
            if kwnames.is_null() {
                let args = if n == 0 { &[][..] } else { core::slice::from_raw_parts(args, n) };
                return FuncArgs { args, kwnames: &[], kwvalues: &[] };
            }
            let names = Object::from_ptr(kwnames).cast::<Tuple>().as_slice();
            let values = if names.is_empty() { &[][..] } else { core::slice::from_raw_parts(args.add(n), names.len()) };
            FuncArgs {
                args: if n == 0 { &[] } else { core::slice::from_raw_parts(args, n) },
                kwnames: names,
                kwvalues: values,
            }
        }
    }

    /// From vectorcall arguments (`nargsf` may carry `PY_VECTORCALL_ARGUMENTS_OFFSET`).
    ///
    /// # Safety
    /// As `from_fastcall`.
    #[inline(always)]
    pub unsafe fn from_vectorcall(
        args: *const *mut abi::PyObject,
        nargsf: usize,
        kwnames: *mut abi::PyObject,
    ) -> FuncArgs<'a> {
        // SAFETY: the caller's promise.
        unsafe { Self::from_fastcall(args, (nargsf & !(1usize << 63)) as isize, kwnames) }
    }

    pub fn len(&self) -> usize {
        self.args.len()
    }
    pub fn has_keywords(&self) -> bool {
        !self.kwnames.is_empty()
    }
    pub fn get(&self, i: usize) -> Option<&'a Object> {
        self.args.get(i).copied()
    }
    /// Positional arguments from `i` on.
    pub fn rest(&self, i: usize) -> &'a [&'a Object] {
        self.args.get(i..).unwrap_or(&[])
    }
    pub fn keywords(&self) -> impl Iterator<Item = (&'a Object, &'a Object)> + use<'a> {
        self.kwnames.iter().copied().zip(self.kwvalues.iter().copied())
    }
    /// The arguments of a `tp_new` (or `tp_init`, `new` is false) that takes no keywords: a subclass that overrides the
    /// other one of the two may be called with keywords, which are for that one.
    #[inline]
    pub fn for_subclass(self, cls: &Type, own: &Type, new: bool) -> FuncArgs<'a> {
        if self.kwnames.is_empty() || core::ptr::eq(cls, own) {
            return self;
        }
        let other = |t: &Type| {
            let s = t.slots();
            if new { s.tp_init.map_or(0, |f| f as usize) } else { s.tp_new.map_or(0, |f| f as usize) }
        };
        if other(cls) == other(own) { self } else { FuncArgs { args: self.args, kwnames: &[], kwvalues: &[] } }
    }
    /// Raises "NAME() takes no keyword arguments" if there are any.
    pub fn no_keywords(&self, name: &str) -> PyResult<()> {
        if self.kwnames.is_empty() { Ok(()) } else { Err(raise!(TypeError, "{}() takes no keyword arguments", name)) }
    }
    /// Checks the number of positional arguments with the wording of `PyArg_UnpackTuple`.
    pub fn check_positional(&self, name: &str, min: usize, max: usize) -> PyResult<()> {
        check_positional(name, self.args.len(), min, max)
    }
    pub fn to_tuple(&self) -> PyResult<Ref<Tuple>> {
        Tuple::from_slice(self.args)
    }
    /// The keywords as a new dict, `None` when there are none.
    pub fn kwargs_dict(&self) -> PyResult<Option<Ref<Dict>>> {
        if self.kwnames.is_empty() {
            return Ok(None);
        }
        let d = Dict::new()?;
        for (k, v) in self.keywords() {
            d.set(k, v)?;
        }
        Ok(Some(d))
    }
}

/// "f expected at least 1 argument, got 0" and its variants.
pub fn check_positional(name: &str, n: usize, min: usize, max: usize) -> PyResult<()> {
    if n >= min && n <= max {
        return Ok(());
    }
    let (bound, want) = if min == max {
        ("", min)
    } else if n < min {
        ("at least ", min)
    } else {
        ("at most ", max)
    };
    Err(raise!(
        TypeError,
        "{} expected {}{} argument{}, got {}",
        name,
        bound,
        want,
        if want == 1 { "" } else { "s" },
        n
    ))
}

/// Arguments given as a tuple and a dict (`tp_new`, `tp_init`, `tp_call`), held for the time of the call.
pub struct CallArgs {
    args: Option<Ref<Tuple>>,
    /// Keyword names, then their values.
    kw: Vec<PyRef>,
}

impl CallArgs {
    /// # Safety
    /// `args` is null or a tuple, `kwargs` null or a dict.
    pub unsafe fn new(args: *mut abi::PyObject, kwargs: *mut abi::PyObject) -> PyResult<CallArgs> {
        // SAFETY: the caller's promise.
        let (args, kwargs) = unsafe {
            (Object::from_ptr_opt(args).map(|o| Ref::new_ref(o.cast::<Tuple>())), Object::from_ptr_opt(kwargs))
        };
        let mut kw = Vec::new();
        if let Some(d) = kwargs {
            // SAFETY: the caller's promise.
            let d = unsafe { d.cast::<Dict>() };
            if d.len() != 0 {
                let items = d.items_snapshot();
                let mut values = Vec::with_capacity(items.len());
                for (k, v) in items {
                    if k.downcast::<Str>().is_none() {
                        return Err(raise!(TypeError, "keywords must be strings"));
                    }
                    kw.push(k);
                    values.push(v);
                }
                kw.append(&mut values);
            }
        }
        Ok(CallArgs { args, kw })
    }

    pub fn args(&self) -> FuncArgs<'_> {
        let n = self.kw.len() / 2;
        // SAFETY: `PyRef` and `&Object` have the same representation (one non-null pointer).
        let kw: &[&Object] = unsafe { core::slice::from_raw_parts(self.kw.as_ptr().cast(), self.kw.len()) };
        FuncArgs { args: self.args.as_ref().map_or(&[], |t| t.as_slice()), kwnames: &kw[..n], kwvalues: &kw[n..] }
    }
}

/// One named parameter of a `Signature`.
pub struct Param {
    pub name: &'static str,
    pub required: bool,
}

/// The Python signature of a native function.
pub struct Signature {
    pub name: &'static str,
    /// Positional parameters first, then keyword-only ones.
    pub params: &'static [Param],
    pub posonly: usize,
    /// Number of positional parameters, positional-only ones included.
    pub pos: usize,
    /// Number of required positional parameters.
    pub min_pos: usize,
    pub varargs: bool,
    pub varkw: bool,
}

impl Signature {
    /// Says which argument could not be converted: the parameter `i`, which may be None if `or_none`.
    #[cold]
    #[inline(never)]
    pub fn in_argument(&self, e: Raised, i: usize, or_none: bool) -> Raised {
        let function = self.name;
        let which = if i >= self.posonly {
            format!("{function}() argument '{}'", self.params[i].name)
        } else if self.params.len() == 1 {
            format!("{function}() argument")
        } else {
            format!("{function}() argument {}", i + 1)
        };
        rename_argument(e, &which, or_none)
    }
    /// Binds the arguments: one entry per parameter, `None` where it was left out. `N` is `params.len()`.
    #[inline]
    pub fn parse<'a, const N: usize>(&self, a: &FuncArgs<'a>) -> PyResult<[Option<&'a Object>; N]> {
        let mut out = [None; N];
        let n = a.args.len();
        if n <= self.pos {
            for (slot, v) in out.iter_mut().zip(a.args) {
                *slot = Some(*v);
            }
            if a.kwnames.is_empty() && n >= self.min_pos && self.pos == N {
                return Ok(out);
            }
        } else if !self.varargs {
            return Err(self.too_many(a));
        } else {
            for (slot, v) in out[..self.pos].iter_mut().zip(a.args) {
                *slot = Some(*v);
            }
        }
        self.bind_keywords(a, &mut out)?;
        Ok(out)
    }

    #[inline(never)]
    fn bind_keywords<'a>(&self, a: &FuncArgs<'a>, out: &mut [Option<&'a Object>]) -> PyResult<()> {
        let total = a.args.len() + a.kwnames.len();
        if !self.varargs && !self.varkw && total > self.params.len() {
            return Err(self.too_many(a));
        }
        let mut unknown = None;
        for (k, v) in a.keywords() {
            match self.find(k) {
                Some(i) if out[i].is_some() => {
                    return Err(raise!(
                        TypeError,
                        "argument for {}() given by name ('{}') and position ({})",
                        self.name,
                        self.params[i].name,
                        i + 1
                    ));
                }
                Some(i) => out[i] = Some(v),
                None => unknown = unknown.or(Some(k)),
            }
        }
        for (i, p) in self.params.iter().enumerate() {
            if p.required && out[i].is_none() {
                if i < self.posonly {
                    let min = self.params[..self.posonly].iter().filter(|p| p.required).count();
                    let bound = if self.varargs || min < self.params.len() { "at least" } else { "exactly" };
                    return Err(raise!(
                        TypeError,
                        "{}() takes {} {} positional argument{} ({} given)",
                        self.name,
                        bound,
                        min,
                        if min == 1 { "" } else { "s" },
                        a.args.len()
                    ));
                }
                if i < self.pos {
                    return Err(raise!(
                        TypeError,
                        "{}() missing required argument '{}' (pos {})",
                        self.name,
                        p.name,
                        i + 1
                    ));
                }
                return Err(raise!(TypeError, "{}() missing required keyword-only argument '{}'", self.name, p.name));
            }
        }
        if let (Some(k), false) = (unknown, self.varkw) {
            if let Some(i) =
                self.params[..self.posonly].iter().position(|p| k.downcast::<Str>().is_some_and(|k| k.eq_str(p.name)))
            {
                let _ = i;
                return Err(raise!(
                    TypeError,
                    "{}() got some positional-only arguments passed as keyword arguments: '{}'",
                    self.name,
                    k.downcast::<Str>().map(|s| s.to_string_lossy()).unwrap_or_default()
                ));
            }
            return Err(raise!(
                TypeError,
                "{}() got an unexpected keyword argument '{}'",
                self.name,
                k.downcast::<Str>().map(|s| s.to_string_lossy()).unwrap_or_default()
            ));
        }
        Ok(())
    }

    fn find(&self, k: &Object) -> Option<usize> {
        let k = k.downcast::<Str>()?;
        (self.posonly..self.params.len()).find(|&i| k.eq_str(self.params[i].name))
    }

    #[cold]
    fn too_many(&self, a: &FuncArgs<'_>) -> Raised {
        let (n, nkw) = (a.args.len(), a.kwnames.len());
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        if self.posonly == self.params.len() {
            // Positional-only functions speak as `_PyArg_CheckPositional` does.
            if nkw != 0 {
                return raise!(TypeError, "{}() takes no keyword arguments", self.name);
            }
            return check_positional(self.name, n, self.min_pos, self.pos)
                .err()
                .unwrap_or_else(|| raise!(TypeError, "bad arguments"));
        }
        if n > self.pos {
            if self.pos == 0 {
                return raise!(TypeError, "{}() takes no positional arguments", self.name);
            }
            let bound = if self.min_pos < self.pos { "at most" } else { "exactly" };
            return raise!(
                TypeError,
                "{}() takes {} {} positional argument{} ({} given)",
                self.name,
                bound,
                self.pos,
                plural(self.pos),
                n
            );
        }
        let max = self.params.len();
        let required = self.params.iter().filter(|p| p.required).count();
        let bound = if required < max { "at most" } else { "exactly" };
        raise!(
            TypeError,
            "{}() takes {} {} {}argument{} ({} given)",
            self.name,
            bound,
            max,
            if n == 0 { "keyword " } else { "" },
            plural(max),
            n + nkw
        )
    }

    /// The keywords that name no parameter, for `**kwargs`.
    pub fn extra_keywords(&self, a: &FuncArgs<'_>) -> PyResult<Option<Ref<Dict>>> {
        let mut d = None;
        for (k, v) in a.keywords() {
            if self.find(k).is_none() {
                if d.is_none() {
                    d = Some(Dict::new()?);
                }
                if let Some(d) = &d {
                    d.set(k, v)?;
                }
            }
        }
        Ok(d)
    }
}

// ---------------------------------------------------------------------------------------------- FromPy

/// A Rust value taken from a Python argument.
pub trait FromPy<'a>: Sized {
    fn from_py(o: &'a Object) -> PyResult<Self>;
    /// The same for an argument that may be left out.
    #[inline(always)]
    fn from_arg(o: Option<&'a Object>) -> PyResult<Self> {
        match o {
            Some(o) => Self::from_py(o),
            None => Err(raise!(TypeError, "missing argument")),
        }
    }
}

/// An optional argument for which `None` is a value like any other.
#[derive(Clone, Copy, Debug)]
pub enum Arg<T> {
    Missing,
    Given(T),
}

impl<T> Arg<T> {
    pub fn into_option(self) -> Option<T> {
        match self {
            Arg::Missing => None,
            Arg::Given(v) => Some(v),
        }
    }
    pub fn is_missing(&self) -> bool {
        matches!(self, Arg::Missing)
    }
    pub fn unwrap_or(self, v: T) -> T {
        self.into_option().unwrap_or(v)
    }
}

impl<'a, T: FromPy<'a>> FromPy<'a> for Arg<T> {
    #[inline(always)]
    fn from_py(o: &'a Object) -> PyResult<Self> {
        T::from_py(o).map(Arg::Given)
    }
    #[inline(always)]
    fn from_arg(o: Option<&'a Object>) -> PyResult<Self> {
        match o {
            Some(o) => T::from_py(o).map(Arg::Given),
            None => Ok(Arg::Missing),
        }
    }
}

impl<'a, T: FromPy<'a>> FromPy<'a> for Option<T> {
    #[inline(always)]
    fn from_py(o: &'a Object) -> PyResult<Self> {
        if o.is_none() { Ok(None) } else { T::from_py(o).map(Some) }
    }
    #[inline(always)]
    fn from_arg(o: Option<&'a Object>) -> PyResult<Self> {
        o.map_or(Ok(None), Self::from_py)
    }
}

impl<'a> FromPy<'a> for &'a Object {
    #[inline(always)]
    fn from_py(o: &'a Object) -> PyResult<Self> {
        Ok(o)
    }
}

impl FromPy<'_> for PyRef {
    #[inline(always)]
    fn from_py(o: &Object) -> PyResult<Self> {
        Ok(o.to_ref())
    }
}

/// Names the argument in the message of a failed conversion: "argument must be str, not int" becomes `{which} must be …`. Other
/// exceptions stay as they are.
#[cold]
fn rename_argument(e: Raised, which: &str, or_none: bool) -> Raised {
    const START: &str = "argument must be ";
    let Some(error) = crate::error::take_error() else { return e };
    if error.ty().is(crate::prelude::exc::TypeError())
        && let Ok(text) = error.str()
        && let Some(rest) = text.to_string_lossy().strip_prefix(START)
        && let Some((wanted, got)) = rest.split_once(", not ")
    {
        let or_none = if or_none { " or None" } else { "" };
        return raise!(TypeError, "{} must be {}{}, not {}", which, wanted, or_none, got);
    }
    crate::error::restore(error)
}

/// [`rename_argument`] for a function of one positional parameter.
#[cold]
#[inline(never)]
pub fn in_only_argument(e: Raised, function: &str) -> Raised {
    rename_argument(e, &format!("{function}() argument"), false)
}

#[cold]
#[inline(never)]
fn wrong_type(expected: &Type, got: &Object) -> Raised {
    if got.is_none() {
        return raise!(TypeError, "argument must be {}, not None", expected.name_str());
    }
    raise!(TypeError, "argument must be {}, not {}", expected.name_str(), got.ty().name_str())
}

impl<'a, T: PyClass> FromPy<'a> for &'a T {
    #[inline(always)]
    fn from_py(o: &'a Object) -> PyResult<Self> {
        match o.downcast::<T>() {
            Some(v) => Ok(v),
            None => Err(wrong_type(T::type_object(), o)),
        }
    }
}

impl<'a, T: PyClass> FromPy<'a> for Ref<T> {
    #[inline(always)]
    fn from_py(o: &'a Object) -> PyResult<Self> {
        <&T>::from_py(o).map(Ref::new_ref)
    }
}

impl FromPy<'_> for bool {
    #[inline(always)]
    fn from_py(o: &Object) -> PyResult<Self> {
        o.is_true()
    }
}

impl FromPy<'_> for f64 {
    #[inline(always)]
    fn from_py(o: &Object) -> PyResult<Self> {
        o.as_f64()
    }
}

impl FromPy<'_> for f32 {
    fn from_py(o: &Object) -> PyResult<Self> {
        Ok(o.as_f64()? as f32)
    }
}

impl FromPy<'_> for i64 {
    #[inline]
    fn from_py(o: &Object) -> PyResult<Self> {
        o.as_i64()
    }
}

impl FromPy<'_> for u64 {
    #[inline]
    fn from_py(o: &Object) -> PyResult<Self> {
        o.as_u64()
    }
}

impl FromPy<'_> for isize {
    #[inline]
    fn from_py(o: &Object) -> PyResult<Self> {
        o.as_isize()
    }
}

impl FromPy<'_> for usize {
    #[inline]
    fn from_py(o: &Object) -> PyResult<Self> {
        Ok(o.as_u64()? as usize)
    }
}

macro_rules! small_int {
    ($($t:ty, $name:literal);*) => {$(
        impl FromPy<'_> for $t {
            fn from_py(o: &Object) -> PyResult<Self> {
                let v = o.as_i64()?;
                match <$t>::try_from(v) {
                    Ok(v) => Ok(v),
                    Err(_) if v < <$t>::MIN as i64 => Err(raise!(OverflowError, concat!($name, " is less than minimum"))),
                    Err(_) => Err(raise!(OverflowError, concat!($name, " is greater than maximum"))),
                }
            }
        }
    )*};
}
small_int!(i8, "signed byte integer"; i16, "signed short integer"; i32, "signed integer"; u8, "unsigned byte integer"; u16, "unsigned short integer"; u32, "unsigned integer");

impl<'a> FromPy<'a> for &'a str {
    fn from_py(o: &'a Object) -> PyResult<Self> {
        <&Str>::from_py(o)?.to_str()
    }
}

impl FromPy<'_> for String {
    fn from_py(o: &Object) -> PyResult<Self> {
        Ok(<&str>::from_py(o)?.to_string())
    }
}

/// Contiguous bytes of any object with the buffer protocol, held for the time of the call.
pub struct ArgBytes(pub crate::protocol::buffer::Buffer);

impl core::ops::Deref for ArgBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl FromPy<'_> for ArgBytes {
    fn from_py(o: &Object) -> PyResult<Self> {
        crate::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE).map(ArgBytes)
    }
}

/// The receiver of a slot or method written without `&self`.
///
/// # Safety
/// `p` points to a live object of layout `T`.
#[inline(always)]
pub unsafe fn receiver<'a, T>(p: *mut abi::PyObject) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &*p.cast::<T>() }
}

// ---------------------------------------------------------------------------------------------- IntoPy

/// A Rust value as a new Python object.
pub trait IntoPy {
    fn into_py(self) -> PyResult<PyRef>;
}

impl IntoPy for () {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        Ok(none().to_ref())
    }
}
impl IntoPy for bool {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        Ok((**Bool::of(self)).to_ref())
    }
}
impl<T> IntoPy for Ref<T> {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        Ok(self.upcast())
    }
}
impl IntoPy for &Object {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
}
impl<T: PyClass> IntoPy for &T {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        let o: &Object = self;
        Ok(o.to_ref())
    }
}
impl IntoPy for f64 {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        Float::new(self).map(Ref::upcast)
    }
}
macro_rules! into_int {
    ($($t:ty => $f:ident as $w:ty),*) => {$(impl IntoPy for $t {
        #[inline(always)]
        fn into_py(self) -> PyResult<PyRef> {
            Int::$f(self as $w).map(Ref::upcast)
        }
    })*};
}
into_int!(i8 => from_i64 as i64, i16 => from_i64 as i64, i32 => from_i64 as i64, i64 => from_i64 as i64, isize => from_i64 as i64,
          u8 => from_i64 as i64, u16 => from_i64 as i64, u32 => from_i64 as i64, u64 => from_u64 as u64, usize => from_u64 as u64);
impl IntoPy for &str {
    fn into_py(self) -> PyResult<PyRef> {
        Str::new(self).map(Ref::upcast)
    }
}
impl IntoPy for String {
    fn into_py(self) -> PyResult<PyRef> {
        Str::new(&self).map(Ref::upcast)
    }
}
/// Raw bytes as `bytes`.
pub struct ByteString(pub Vec<u8>);
impl IntoPy for ByteString {
    fn into_py(self) -> PyResult<PyRef> {
        Bytes::new(&self.0).map(Ref::upcast)
    }
}
impl<T: IntoPy> IntoPy for Option<T> {
    #[inline(always)]
    fn into_py(self) -> PyResult<PyRef> {
        match self {
            Some(v) => v.into_py(),
            None => ().into_py(),
        }
    }
}
impl<T: IntoPy> IntoPy for Vec<T> {
    fn into_py(self) -> PyResult<PyRef> {
        let items = self.into_iter().map(IntoPy::into_py).collect::<PyResult<Vec<PyRef>>>()?;
        List::from_vec(items).map(Ref::upcast)
    }
}
macro_rules! into_tuple {
    ($($n:ident),*) => {impl<$($n: IntoPy),*> IntoPy for ($($n,)*) {
        #[allow(non_snake_case)]
        fn into_py(self) -> PyResult<PyRef> {
            let ($($n,)*) = self;
            Tuple::from_refs(vec![$($n.into_py()?),*]).map(Ref::upcast)
        }
    }};
}
into_tuple!(A);
into_tuple!(A, B);
into_tuple!(A, B, C);
into_tuple!(A, B, C, D);
into_tuple!(A, B, C, D, E);
into_tuple!(A, B, C, D, E, F);
into_tuple!(A, B, C, D, E, F, G);

/// What a function declared with the macros may return: a value or a `PyResult` of one.
pub trait IntoPyResult {
    fn into_result(self) -> PyResult<PyRef>;
}
impl<T: IntoPy> IntoPyResult for T {
    #[inline(always)]
    fn into_result(self) -> PyResult<PyRef> {
        self.into_py()
    }
}
impl<T: IntoPy> IntoPyResult for PyResult<T> {
    #[inline(always)]
    fn into_result(self) -> PyResult<PyRef> {
        self?.into_py()
    }
}

macro_rules! slot_result {
    ($($(#[$m:meta])* $tr:ident::$f:ident -> $r:ty { $($t:ty => |$v:ident| $e:expr),* $(,)? })*) => {$(
        $(#[$m])*
        pub trait $tr {
            fn $f(self) -> PyResult<$r>;
        }
        $(impl $tr for $t {
            #[inline(always)]
            fn $f(self) -> PyResult<$r> {
                let $v = self;
                $e
            }
        })*
    )*};
}
slot_result! {
    /// Results of length slots.
    IntoLen::into_len -> isize {
        usize => |v| Ok(v as isize), isize => |v| Ok(v),
        PyResult<usize> => |v| Ok(v? as isize), PyResult<isize> => |v| v,
    }
    /// Results of `tp_hash`.
    IntoHash::into_hash -> isize { isize => |v| Ok(v), PyResult<isize> => |v| v }
    /// Results of predicate slots.
    IntoBool::into_bool -> bool { bool => |v| Ok(v), PyResult<bool> => |v| v }
    /// Results of slots that only succeed or fail.
    IntoUnit::into_unit -> () { () => |v| Ok(v), PyResult<()> => |v| v }
}

/// Results of `tp_iternext`.
pub trait IntoIterNext {
    fn into_next(self) -> PyResult<Option<PyRef>>;
}
impl<T: IntoPy> IntoIterNext for Option<T> {
    #[inline(always)]
    fn into_next(self) -> PyResult<Option<PyRef>> {
        self.map(IntoPy::into_py).transpose()
    }
}
impl<T: IntoPy> IntoIterNext for PyResult<Option<T>> {
    #[inline(always)]
    fn into_next(self) -> PyResult<Option<PyRef>> {
        self?.map(IntoPy::into_py).transpose()
    }
}

// ---------------------------------------------------------------------------------------------- tables

/// A C table in a Rust static.
#[repr(transparent)]
pub struct Table<T, const N: usize>(pub [T; N]);
// SAFETY: tables are immutable.
unsafe impl<T, const N: usize> Sync for Table<T, N> {}

pub const fn method_def(name: &'static CStr, meth: *const (), flags: c_int, doc: *const c_char) -> abi::PyMethodDef {
    // SAFETY: a function address; the flags say how it is called.
    let ml_meth = unsafe { core::mem::transmute::<*const (), abi::PyCFunction>(meth) };
    abi::PyMethodDef { ml_name: name.as_ptr().cast_mut(), ml_meth, ml_flags: flags, ml_doc: doc.cast_mut() }
}
pub const fn method_end() -> abi::PyMethodDef {
    abi::PyMethodDef { ml_name: core::ptr::null_mut(), ml_meth: None, ml_flags: 0, ml_doc: core::ptr::null_mut() }
}
pub const fn getset_def(
    name: &'static CStr,
    get: abi::getter,
    set: abi::setter,
    doc: *const c_char,
) -> abi::PyGetSetDef {
    abi::PyGetSetDef { name: name.as_ptr().cast_mut(), get, set, doc: doc.cast_mut(), closure: core::ptr::null_mut() }
}
pub const fn getset_end() -> abi::PyGetSetDef {
    abi::PyGetSetDef {
        name: core::ptr::null_mut(),
        get: None,
        set: None,
        doc: core::ptr::null_mut(),
        closure: core::ptr::null_mut(),
    }
}
pub const fn member_def(name: &'static CStr, kind: c_int, offset: isize, flags: c_int) -> abi::PyMemberDef {
    abi::PyMemberDef { name: name.as_ptr().cast_mut(), type_: kind, offset, flags, doc: core::ptr::null_mut() }
}
pub const fn member_end() -> abi::PyMemberDef {
    abi::PyMemberDef { name: core::ptr::null_mut(), type_: 0, offset: 0, flags: 0, doc: core::ptr::null_mut() }
}
pub const fn module_slot(slot: c_int, value: *const ()) -> abi::PyModuleDef_Slot {
    abi::PyModuleDef_Slot { slot, value: value.cast_mut().cast::<c_void>() }
}

/// The `PyModuleDef` of a native module.
#[repr(transparent)]
pub struct ModuleDefCell(UnsafeCell<abi::PyModuleDef>);
// SAFETY: only its header's counts and `m_index` are written, under the import lock.
unsafe impl Sync for ModuleDefCell {}

impl ModuleDefCell {
    pub const fn new(
        name: &'static CStr,
        doc: *const c_char,
        methods: &'static [abi::PyMethodDef],
        slots: &'static [abi::PyModuleDef_Slot],
    ) -> Self {
        // SAFETY: all-zero is a valid PyModuleDef.
        let mut def: abi::PyModuleDef = unsafe { core::mem::zeroed() };
        def.m_name = name.as_ptr().cast_mut();
        def.m_doc = doc.cast_mut();
        def.m_size = 0;
        def.m_methods = methods.as_ptr().cast_mut();
        def.m_slots = slots.as_ptr().cast_mut();
        ModuleDefCell(UnsafeCell::new(def))
    }
    pub fn as_ptr(&self) -> *mut abi::PyModuleDef {
        self.0.get()
    }
}

/// A row of the inittab of native modules.
#[derive(Clone, Copy)]
pub struct InitTabEntry {
    pub name: &'static str,
    pub def: &'static ModuleDefCell,
}

/// Types declared with `#[pyclass]`.
pub trait HasSpec {
    fn spec() -> &'static TypeSpec;
}

impl Module {
    /// Readies a type declared with `#[pyclass]` and adds it under its name.
    pub fn add_type<T: HasSpec + PyClass>(&self) -> PyResult<()> {
        crate::typeobject::init_static(T::spec())?;
        let t = T::type_object();
        let name = t.name_str();
        let short = name.rsplit('.').next().unwrap_or(name);
        self.setattr(Str::intern(short), t)
    }
}
