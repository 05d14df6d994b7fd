//! How a function of the C API is declared: `capi!`.
//!
//! ```ignore
//! capi! {
//!     /// One line of what it does.
//!     fn PyList_Append(list: &List, item: &Object) -> c_int {
//!         list.append(item)
//!     }
//! }
//! ```
//!
//! The parameters are Rust types that a C value converts to (`FromC`): a null or an object of the wrong type raises
//! SystemError ("bad argument to internal function") before the body runs. The body gives a `PyResult`, or with `-> T =>`
//! syntax a plain value; its success converts to the declared C type (`ToC`), its failure to the failure value of that type
//! (`Failure`). A panic becomes SystemError; none crosses into C. In debug builds the caller's thread must be attached.

use core::ffi::{c_char, c_double, c_int, c_long, c_uint, c_ulong};
use runtime::abi;
use runtime::prelude::*;

/// A parameter of an API function, made from what C passes.
pub trait FromC: Sized {
    /// The C type.
    type Raw;
    /// # Safety
    /// `raw` is valid by the C contract of the function.
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self>;
}

/// What a failed call returns.
pub trait Failure {
    const FAILURE: Self;
}

/// A result, as C wants it.
pub trait ToC<R> {
    fn to_c(self) -> R;
}

/// SystemError for a null or ill-typed argument.
#[cold]
pub fn bad_internal_call() -> Raised {
    runtime::raise!(SystemError, "bad argument to internal function")
}

impl<'a> FromC for &'a Object {
    type Raw = *mut abi::PyObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a live object.
        match unsafe { Object::from_ptr_opt(raw) } {
            Some(o) => Ok(o),
            None => Err(null_error()),
        }
    }
}

/// A null where an object is needed: an exception that is set already explains it.
#[cold]
pub fn null_error() -> Raised {
    if runtime::error::error_occurred() {
        Raised::already_set()
    } else {
        runtime::raise!(SystemError, "null argument to internal routine")
    }
}

impl<'a> FromC for Option<&'a Object> {
    type Raw = *mut abi::PyObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a live object.
        Ok(unsafe { Object::from_ptr_opt(raw) })
    }
}

/// A stolen reference: dropped if the body does not keep it.
impl FromC for Option<PyRef> {
    type Raw = *mut abi::PyObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: the caller gives its reference away.
        Ok(unsafe { PyRef::from_ptr_opt(raw) })
    }
}

impl<'a> FromC for &'a Type {
    type Raw = *mut abi::PyTypeObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a live type.
        if raw.is_null() { Err(null_error()) } else { Ok(unsafe { Type::from_ptr(raw) }) }
    }
}

impl<'a> FromC for Option<&'a Type> {
    type Raw = *mut abi::PyTypeObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a live type.
        Ok(if raw.is_null() { None } else { Some(unsafe { Type::from_ptr(raw) }) })
    }
}

impl<'a> FromC for &'a Str {
    type Raw = *mut abi::PyObject;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a live object.
        match unsafe { Object::from_ptr_opt(raw) } {
            Some(o) => match o.downcast::<Str>() {
                Some(s) => Ok(s),
                None => Err(runtime::raise!(TypeError, "must be str, not {}", o.ty().tp_name())),
            },
            None => Err(if runtime::error::error_occurred() { Raised::already_set() } else { bad_internal_call() }),
        }
    }
}

macro_rules! from_c_layouts {
    ($($t:ty),*) => {$(
        impl<'a> FromC for &'a $t {
            type Raw = *mut abi::PyObject;
            #[inline(always)]
            unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
                // SAFETY: a non-null pointer is a live object.
                match unsafe { Object::from_ptr_opt(raw) }.and_then(|o| o.downcast::<$t>()) {
                    Some(o) => Ok(o),
                    None => Err(if runtime::error::error_occurred() { Raised::already_set() } else { bad_internal_call() }),
                }
            }
        }
    )*};
}
from_c_layouts!(
    Dict,
    List,
    Tuple,
    Slice,
    runtime::objects::ByteArray,
    Module,
    runtime::objects::Cell,
    runtime::objects::BaseException
);

/// A C string: bytes up to its zero.
pub type CText<'a> = &'a core::ffi::CStr;

impl<'a> FromC for CText<'a> {
    type Raw = *const c_char;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a C string.
        if raw.is_null() { Err(bad_internal_call()) } else { Ok(unsafe { core::ffi::CStr::from_ptr(raw) }) }
    }
}

impl<'a> FromC for Option<CText<'a>> {
    type Raw = *const c_char;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        // SAFETY: a non-null pointer is a C string.
        Ok(if raw.is_null() { None } else { Some(unsafe { core::ffi::CStr::from_ptr(raw) }) })
    }
}

/// UTF-8 text of a C string as a str.
pub fn text(s: CText<'_>) -> PyResult<Ref<Str>> {
    match s.to_str() {
        Ok(t) => Str::new(t),
        Err(e) => Err(runtime::objects::exceptions::unicode_error::raise_decode_error(
            "utf-8",
            s.to_bytes(),
            e.valid_up_to(),
            e.valid_up_to() + e.error_len().unwrap_or(s.to_bytes().len() - e.valid_up_to()),
            "invalid start byte",
        )),
    }
}

/// What `rust` has no conversion for: numbers, pointers.
macro_rules! plain {
    ($($t:ty => $fail:expr),* $(,)?) => {$(
        impl FromC for $t {
            type Raw = $t;
            #[inline(always)]
            unsafe fn from_c(raw: $t) -> PyResult<$t> {
                Ok(raw)
            }
        }
        impl Failure for $t {
            const FAILURE: $t = $fail;
        }
        impl ToC<$t> for $t {
            #[inline(always)]
            fn to_c(self) -> $t {
                self
            }
        }
    )*};
}
plain! {
    c_int => -1,
    c_uint => u32::MAX,
    c_long => -1,
    c_ulong => u64::MAX,
    isize => -1,
    usize => usize::MAX,
    c_char => -1,
    u8 => u8::MAX,
    c_double => -1.0,
    f32 => -1.0,
}
impl FromC for abi::Py_complex {
    type Raw = abi::Py_complex;
    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> PyResult<Self> {
        Ok(raw)
    }
}
impl Failure for abi::Py_complex {
    const FAILURE: Self = abi::Py_complex { real: -1.0, imag: 0.0 };
}
impl ToC<abi::Py_complex> for abi::Py_complex {
    #[inline(always)]
    fn to_c(self) -> Self {
        self
    }
}
impl Failure for () {
    const FAILURE: () = ();
}
impl ToC<()> for () {
    #[inline(always)]
    fn to_c(self) {}
}

impl<T> FromC for *mut T {
    type Raw = *mut T;
    #[inline(always)]
    unsafe fn from_c(raw: *mut T) -> PyResult<*mut T> {
        Ok(raw)
    }
}
impl<T> FromC for *const T {
    type Raw = *const T;
    #[inline(always)]
    unsafe fn from_c(raw: *const T) -> PyResult<*const T> {
        Ok(raw)
    }
}
impl<T> Failure for *mut T {
    const FAILURE: *mut T = core::ptr::null_mut();
}
impl<T> Failure for *const T {
    const FAILURE: *const T = core::ptr::null();
}
impl<T> ToC<*mut T> for *mut T {
    #[inline(always)]
    fn to_c(self) -> *mut T {
        self
    }
}
impl<T> ToC<*const T> for *const T {
    #[inline(always)]
    fn to_c(self) -> *const T {
        self
    }
}
/// C functions as values.
impl<T> FromC for Option<T>
where
    T: CFunction,
{
    type Raw = Option<T>;
    #[inline(always)]
    unsafe fn from_c(raw: Option<T>) -> PyResult<Option<T>> {
        Ok(raw)
    }
}
impl<T: CFunction> Failure for Option<T> {
    const FAILURE: Option<T> = None;
}
impl<T: CFunction> ToC<Option<T>> for Option<T> {
    #[inline(always)]
    fn to_c(self) -> Option<T> {
        self
    }
}
/// Pointers to C functions.
pub trait CFunction {}
macro_rules! c_functions {
    ($(($($a:ident),*)),*) => {$(impl<R $(, $a)*> CFunction for unsafe extern "C" fn($($a),*) -> R {})*};
}
c_functions!((), (A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E));

impl<T> ToC<*mut abi::PyObject> for Ref<T> {
    #[inline(always)]
    fn to_c(self) -> *mut abi::PyObject {
        self.into_ptr()
    }
}
impl<T> ToC<*mut abi::PyObject> for Option<Ref<T>> {
    #[inline(always)]
    fn to_c(self) -> *mut abi::PyObject {
        self.map_or(core::ptr::null_mut(), Ref::into_ptr)
    }
}
/// A borrowed result.
impl ToC<*mut abi::PyObject> for &Object {
    #[inline(always)]
    fn to_c(self) -> *mut abi::PyObject {
        self.as_ptr()
    }
}
impl ToC<*mut abi::PyObject> for Option<&Object> {
    #[inline(always)]
    fn to_c(self) -> *mut abi::PyObject {
        self.map_or(core::ptr::null_mut(), Object::as_ptr)
    }
}
impl ToC<*mut abi::PyTypeObject> for &Type {
    #[inline(always)]
    fn to_c(self) -> *mut abi::PyTypeObject {
        self.as_raw()
    }
}
impl ToC<c_int> for () {
    #[inline(always)]
    fn to_c(self) -> c_int {
        0
    }
}
impl ToC<c_int> for bool {
    #[inline(always)]
    fn to_c(self) -> c_int {
        self.into()
    }
}
impl ToC<isize> for usize {
    #[inline(always)]
    fn to_c(self) -> isize {
        self as isize
    }
}

/// Gives a borrowed pointer to an object that something else keeps alive, dropping our own reference.
#[inline]
pub fn borrowed<T>(r: Ref<T>) -> *mut abi::PyObject {
    let p = r.as_raw().cast();
    drop(r);
    p
}

/// Whether an exception is set.
#[inline]
pub fn pending() -> bool {
    runtime::error::error_occurred()
}

/// A plain value is a body that cannot fail.
#[inline(always)]
pub fn fine<T>(value: T) -> PyResult<T> {
    Ok(value)
}

/// Runs a body behind the boundary.
#[inline(always)]
pub fn enter<R: Failure, T: ToC<R>>(body: impl FnOnce() -> PyResult<T>) -> R {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value.to_c(),
        Ok(Err(_)) => R::FAILURE,
        Err(panic) => {
            report_panic(panic);
            R::FAILURE
        }
    }
}

/// A bug of ours: SystemError where there is a thread state to hold it, else a line on stderr.
#[cold]
fn report_panic(panic: Box<dyn core::any::Any + Send>) {
    let what = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned());
    if ThreadState::try_current().is_some() {
        let _ = std::panic::catch_unwind(|| {
            let _ = runtime::error::raise_message(exc::SystemError(), format_args!("internal error: {what}"));
        });
    } else {
        eprintln!("freewheel: internal error: {what}");
    }
}

/// The function can be called by a thread that is not attached.
#[inline(always)]
pub fn check_attached() {
    debug_assert!(ThreadState::try_current().is_some(), "the function must be called with an attached thread state");
}

/// Declares exports. `raw fn` leaves out the check that the thread is attached.
#[macro_export]
macro_rules! capi {
    () => {};
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block $($rest:tt)*) => {
        $crate::capi!(@one [$(#[$meta])*] $name ($($arg: $ty),*) [$($ret)?] { $crate::export::check_attached(); } $body);
        $crate::capi!($($rest)*);
    };
    ($(#[$meta:meta])* raw fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block $($rest:tt)*) => {
        $crate::capi!(@one [$(#[$meta])*] $name ($($arg: $ty),*) [$($ret)?] {} $body);
        $crate::capi!($($rest)*);
    };
    (@one [$(#[$meta:meta])*] $name:ident ($($arg:ident: $ty:ty),*) [] $check:block $body:block) => {
        $crate::capi!(@one [$(#[$meta])*] $name ($($arg: $ty),*) [()] $check $body);
    };
    (@one [$(#[$meta:meta])*] $name:ident ($($arg:ident: $ty:ty),*) [$ret:ty] $check:block $body:block) => {
        $(#[$meta])*
        ///
        /// # Safety
        /// The arguments are valid by the function's C contract.
        #[unsafe(no_mangle)]
        #[allow(clippy::missing_safety_doc, non_snake_case, unused_unsafe)]
        pub unsafe extern "C" fn $name($($arg: <$ty as $crate::export::FromC>::Raw),*) -> $ret {
            $crate::export::enter::<$ret, _>(|| {
                $check
                $(
                    // SAFETY: the caller's promise.
                    let $arg = unsafe { <$ty as $crate::export::FromC>::from_c($arg) }?;
                )*
                $body
            })
        }
    };
}
