//! What the hash modules share: argument checks, releasing the thread for long inputs, and the class of a digest.

use runtime::objects::byteops::{BytesArg, bytes_arg, has_buffer};
use runtime::prelude::*;

/// Inputs at least this long are hashed with the thread state released.
pub const GIL_MINSIZE: usize = 2048;

/// A running hash.
pub trait Hasher: Clone + Send + 'static {
    const NAME: &'static str;
    const BLOCK: usize;
    const SIZE: usize;
    fn new() -> Self;
    fn update(&mut self, data: &[u8]);
    fn finish(self) -> Vec<u8>;
}

/// The data of a hash function's call.
pub fn data_arg(o: &Object) -> PyResult<BytesArg<'_>> {
    if o.downcast::<Str>().is_some() {
        return Err(raise!(TypeError, "Strings must be encoded before hashing"));
    }
    if !has_buffer(o) {
        return Err(raise!(TypeError, "object supporting the buffer API required"));
    }
    bytes_arg(o)
}

/// `data` and its old name `string` exclude each other.
pub fn pick<'a>(data: Option<&'a Object>, string: Option<&'a Object>) -> PyResult<Option<&'a Object>> {
    match (data, string.filter(|s| !s.is_none())) {
        (Some(_), Some(_)) => Err(raise!(
            TypeError,
            "'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a future version."
        )),
        (d, s) => Ok(d.or(s)),
    }
}

/// Runs `f`, without the thread state when the input is long.
pub fn maybe_detached<R>(len: usize, f: impl FnOnce() -> R) -> R {
    if len >= GIL_MINSIZE { runtime::thread::detach(f) } else { f() }
}

/// Hexadecimal text.
pub fn hex(v: &[u8]) -> PyResult<Ref<Str>> {
    runtime::objects::byteops::hex(v, None, 1)
}

/// Declares the class of a digest: layout, type object and methods.
#[macro_export]
macro_rules! hash_class {
    ($t:ident, $static:ident, $name:literal, $module:literal, $h:ty, [$($extra:tt)*]) => {
        #[doc = concat!("`", $name, "`.")]
        #[repr(C)]
        pub struct $t {
            ob_base: abi::PyObject,
            state: *mut std::sync::Mutex<$h>,
        }
        static mut $static: Type = Type::STATIC;
        py_layout!($t, $static);

        impl $t {
            fn state(&self) -> &std::sync::Mutex<$h> {
                // SAFETY: set at creation, owned.
                unsafe { &*self.state }
            }
            fn wrap(h: $h) -> PyResult<Ref<$t>> {
                let o = runtime::typeobject::alloc_object::<$t>($t::type_object())?;
                // SAFETY: nobody else sees the object yet.
                unsafe { (*o.as_raw()).state = Box::into_raw(Box::new(std::sync::Mutex::new(h))) };
                Ok(o)
            }
            /// A copy of the running hash.
            fn snapshot(&self) -> $h {
                // The lock is held for short copies, or by a thread that is hashing: wait without blocking the world.
                match self.state().try_lock() {
                    Ok(g) => g.clone(),
                    Err(_) => runtime::thread::detach(|| self.state().lock().unwrap_or_else(|e| e.into_inner()).clone()),
                }
            }
            fn feed(&self, data: &[u8]) {
                use $crate::hashes::Hasher;
                let run = || self.state().lock().unwrap_or_else(|e| e.into_inner()).update(data);
                if data.len() >= $crate::hashes::GIL_MINSIZE {
                    return runtime::thread::detach(run);
                }
                match self.state().try_lock() {
                    Ok(mut g) => g.update(data),
                    Err(_) => runtime::thread::detach(run),
                }
            }
            /// A hash of the data of a call.
            fn start(data: Option<&Object>, string: Option<&Object>) -> PyResult<Ref<$t>> {
                use $crate::hashes::Hasher;
                let o = $t::wrap(<$h>::new())?;
                if let Some(d) = $crate::hashes::pick(data, string)? {
                    o.feed(&$crate::hashes::data_arg(d)?);
                }
                Ok(o)
            }
        }

        #[pyclass(name = $name, module = $module, type_object = $static, flags = "IMMUTABLETYPE")]
        impl $t {
            #[slot]
            fn tp_dealloc(this: *mut $t) {
                // SAFETY: the last reference is gone.
                unsafe {
                    if !(*this).state.is_null() {
                        drop(Box::from_raw((*this).state));
                    }
                    if let Some(free) = (*this).ty().slots().tp_free {
                        free(this.cast());
                    }
                }
            }
            #[slot]
            fn tp_repr(&self) -> PyResult<Ref<Str>> {
                use $crate::hashes::Hasher;
                Str::format(format_args!("<{} {} object at {:p}>", <$h>::NAME, self.ty().tp_name(), self as *const $t))
            }
            /// Return a copy of the hash object.
            #[pymethod]
            fn copy(&self) -> PyResult<Ref<$t>> {
                $t::wrap(self.snapshot())
            }
            /// Update this hash object's state with the provided string.
            #[pymethod]
            fn update(&self, obj: &Object) -> PyResult<()> {
                self.feed(&$crate::hashes::data_arg(obj)?);
                Ok(())
            }
            #[pygetset]
            fn block_size(&self) -> usize {
                <$h as $crate::hashes::Hasher>::BLOCK
            }
            $($extra)*
        }
    };
    (fixed $t:ident, $static:ident, $name:literal, $module:literal, $h:ty, [$($extra:tt)*]) => {
        $crate::hash_class!($t, $static, $name, $module, $h, [
            /// Return the digest value as a bytes object.
            #[pymethod]
            fn digest(&self) -> PyResult<Ref<Bytes>> {
                use $crate::hashes::Hasher;
                Bytes::new(&self.snapshot().finish())
            }
            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod]
            fn hexdigest(&self) -> PyResult<Ref<Str>> {
                use $crate::hashes::Hasher;
                $crate::hashes::hex(&self.snapshot().finish())
            }
            #[pygetset]
            fn digest_size(&self) -> usize {
                <$h as $crate::hashes::Hasher>::SIZE
            }
            #[pygetset]
            fn name(&self) -> &'static str {
                <$h as $crate::hashes::Hasher>::NAME
            }
            $($extra)*
        ]);
    };
}

/// A hasher over a type of the digest crates.
#[macro_export]
macro_rules! digest_hasher {
    ($t:ident, $d:ty, $name:literal, $block:literal, $size:literal) => {
        #[derive(Clone)]
        pub struct $t($d);
        impl $crate::hashes::Hasher for $t {
            const NAME: &'static str = $name;
            const BLOCK: usize = $block;
            const SIZE: usize = $size;
            fn new() -> $t {
                $t(<$d as digest::Digest>::new())
            }
            fn update(&mut self, data: &[u8]) {
                digest::Digest::update(&mut self.0, data);
            }
            fn finish(self) -> Vec<u8> {
                digest::Digest::finalize(self.0).to_vec()
            }
        }
    };
}
