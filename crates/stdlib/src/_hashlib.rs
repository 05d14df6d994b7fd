//! `_hashlib`: what CPython takes from OpenSSL: hash objects by name, HMAC, PBKDF2 and scrypt. Here over the same hash functions as `_sha2`
//! and its relatives.

use crate::hashes::{GIL_MINSIZE, data_arg, hex, maybe_detached, pick};
use crate::kept::Kept;
use digest::{Digest, ExtendableOutput, XofReader};
use macros::{pyclass, pymodule};
use runtime::objects::support::free_object;
use runtime::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

static UNSUPPORTED: Kept = Kept::new();
static CONSTRUCTORS: Kept = Kept::new();

macro_rules! algorithms {
    (fixed [$($v:ident($t:ty) $name:literal $block:literal $size:literal;)*] xof [$($x:ident($xt:ty) $xname:literal $xblock:literal;)*]) => {
        /// A running hash of any kind.
        #[derive(Clone)]
        pub enum Any {
            $($v($t),)*
            $($x($xt),)*
        }
        const NAMES: &[&str] = &[$($name,)* $($xname,)*];
        impl Any {
            fn by_name(name: &str) -> Option<Any> {
                let lower = name.to_ascii_lowercase();
                Some(match lower.as_str() {
                    $($name => Any::$v(<$t>::default()),)*
                    $($xname => Any::$x(<$xt>::default()),)*
                    _ => return None,
                })
            }
            fn name(&self) -> &'static str {
                match self { $(Any::$v(_) => $name,)* $(Any::$x(_) => $xname,)* }
            }
            fn block(&self) -> usize {
                match self { $(Any::$v(_) => $block,)* $(Any::$x(_) => $xblock,)* }
            }
            fn size(&self) -> usize {
                match self { $(Any::$v(_) => $size,)* $(Any::$x(_) => 0,)* }
            }
            fn is_xof(&self) -> bool {
                match self { $(Any::$v(_) => false,)* $(Any::$x(_) => true,)* }
            }
            fn update(&mut self, data: &[u8]) {
                match self { $(Any::$v(h) => Digest::update(h, data),)* $(Any::$x(h) => digest::Update::update(h, data),)* }
            }
            /// The digest; of extendable functions `n` bytes of it.
            fn finish(self, n: usize) -> Vec<u8> {
                match self {
                    $(Any::$v(h) => Digest::finalize(h).to_vec(),)*
                    $(Any::$x(h) => {
                        let mut v = vec![0; n];
                        h.finalize_xof().read(&mut v);
                        v
                    })*
                }
            }
        }
    };
}
algorithms! {
    fixed [
    Md5(md5::Md5) "md5" 64 16;
    Sha1(sha1::Sha1) "sha1" 64 20;
    Sha224(sha2::Sha224) "sha224" 64 28;
    Sha256(sha2::Sha256) "sha256" 64 32;
    Sha384(sha2::Sha384) "sha384" 128 48;
    Sha512(sha2::Sha512) "sha512" 128 64;
    Sha512w224(sha2::Sha512_224) "sha512_224" 128 28;
    Sha512w256(sha2::Sha512_256) "sha512_256" 128 32;
    Sha3w224(sha3::Sha3_224) "sha3_224" 144 28;
    Sha3w256(sha3::Sha3_256) "sha3_256" 136 32;
    Sha3w384(sha3::Sha3_384) "sha3_384" 104 48;
    Sha3w512(sha3::Sha3_512) "sha3_512" 72 64;
    ]
    xof [
    Shake128(sha3::Shake128) "shake_128" 168;
    Shake256(sha3::Shake256) "shake_256" 136;
    ]
}

/// A running HMAC.
#[derive(Clone)]
pub struct Mac {
    inner: Any,
    outer: Any,
}
impl Mac {
    fn new(hash: &Any, key: &[u8]) -> Mac {
        let mut k = if key.len() > hash.block() {
            let mut h = hash.clone();
            h.update(key);
            h.finish(0)
        } else {
            key.to_vec()
        };
        k.resize(hash.block(), 0);
        let (mut inner, mut outer) = (hash.clone(), hash.clone());
        inner.update(&k.iter().map(|b| b ^ 0x36).collect::<Vec<u8>>());
        outer.update(&k.iter().map(|b| b ^ 0x5c).collect::<Vec<u8>>());
        Mac { inner, outer }
    }
    fn finish(self) -> Vec<u8> {
        let mut outer = self.outer;
        outer.update(&self.inner.finish(0));
        outer.finish(0)
    }
}

/// PBKDF2 (RFC 8018).
fn pbkdf2(hash: &Any, password: &[u8], salt: &[u8], rounds: u64, len: usize) -> Vec<u8> {
    let mac = Mac::new(hash, password);
    let mut out = Vec::with_capacity(len);
    let mut block = 1u32;
    while out.len() < len {
        let mut m = mac.clone();
        m.inner.update(salt);
        m.inner.update(&block.to_be_bytes());
        let mut u = m.finish();
        let mut t = u.clone();
        for _ in 1..rounds {
            let mut m = mac.clone();
            m.inner.update(&u);
            u = m.finish();
            t.iter_mut().zip(&u).for_each(|(a, b)| *a ^= b);
        }
        out.extend_from_slice(&t);
        block += 1;
    }
    out.truncate(len);
    out
}

/// Salsa20/8 on sixteen words.
fn salsa8(b: &mut [u32; 16]) {
    let mut x = *b;
    let quarter = |x: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize| {
        x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
        x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
        x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
        x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
    };
    for _ in 0..4 {
        quarter(&mut x, 0, 4, 8, 12);
        quarter(&mut x, 5, 9, 13, 1);
        quarter(&mut x, 10, 14, 2, 6);
        quarter(&mut x, 15, 3, 7, 11);
        quarter(&mut x, 0, 1, 2, 3);
        quarter(&mut x, 5, 6, 7, 4);
        quarter(&mut x, 10, 11, 8, 9);
        quarter(&mut x, 15, 12, 13, 14);
    }
    b.iter_mut().zip(x).for_each(|(a, v)| *a = a.wrapping_add(v));
}

/// BlockMix of scrypt (RFC 7914) on 32 * r words.
fn block_mix(b: &mut [u32], r: usize) {
    let mut x = [0u32; 16];
    x.copy_from_slice(&b[(2 * r - 1) * 16..]);
    let mut y = vec![0u32; 32 * r];
    for i in 0..2 * r {
        x.iter_mut().zip(&b[i * 16..i * 16 + 16]).for_each(|(a, v)| *a ^= v);
        salsa8(&mut x);
        let to = (i / 2 + (i % 2) * r) * 16;
        y[to..to + 16].copy_from_slice(&x);
    }
    b.copy_from_slice(&y);
}

fn scrypt_key(password: &[u8], salt: &[u8], n: usize, r: usize, p: usize, len: usize) -> Option<Vec<u8>> {
    let hash = Any::by_name("sha256")?;
    let mut b = pbkdf2(&hash, password, salt, 1, p * 128 * r);
    let words = 32 * r;
    let mut v: Vec<u32> = Vec::new();
    v.try_reserve_exact(n.checked_mul(words)?).ok()?;
    for chunk in b.chunks_exact_mut(128 * r) {
        let mut x: Vec<u32> = chunk.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect();
        v.clear();
        for _ in 0..n {
            v.extend_from_slice(&x);
            block_mix(&mut x, r);
        }
        for _ in 0..n {
            let j = x[(2 * r - 1) * 16] as usize & (n - 1);
            x.iter_mut().zip(&v[j * words..(j + 1) * words]).for_each(|(a, w)| *a ^= w);
            block_mix(&mut x, r);
        }
        for (w, out) in x.iter().zip(chunk.chunks_exact_mut(4)) {
            out.copy_from_slice(&w.to_le_bytes());
        }
    }
    Some(pbkdf2(&hash, password, &b, 1, len))
}

// ---------------------------------------------------------------------------------------------- types

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    match m.try_lock() {
        Ok(g) => g,
        // A thread that hashes without its thread state holds the lock: wait as it does.
        Err(_) => runtime::thread::detach(|| m.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

#[repr(C)]
pub struct Hash {
    header: abi::PyObject,
    state: Option<Box<Mutex<Any>>>,
}
impl Hash {
    fn wrap(h: Any) -> PyResult<PyRef> {
        let cls = if h.is_xof() { HashXof::type_object() } else { Hash::type_object() };
        let o = runtime::typeobject::alloc_object::<Hash>(cls)?;
        // SAFETY: a new object with a zeroed body.
        unsafe { (&raw mut (*o.as_raw()).state).write(Some(Box::new(Mutex::new(h)))) };
        Ok(o.upcast())
    }
    fn with<R>(&self, f: impl FnOnce(&mut Any) -> R) -> PyResult<R> {
        match &self.state {
            Some(s) => Ok(f(&mut locked(s))),
            None => Err(raise!(SystemError, "an uninitialised hash object")),
        }
    }
    fn feed(&self, data: &[u8]) -> PyResult<()> {
        let Some(s) = &self.state else { return Err(raise!(SystemError, "an uninitialised hash object")) };
        if data.len() >= GIL_MINSIZE {
            maybe_detached(data.len(), || s.lock().unwrap_or_else(PoisonError::into_inner).update(data));
        } else {
            locked(s).update(data);
        }
        Ok(())
    }
}

/// A hash is an object used to calculate a checksum of a string of information.
///
/// Methods:
///
/// update() -- updates the current digest with an additional string
/// digest() -- return the current digest value
/// hexdigest() -- return the current digest as a string of hexadecimal digits
/// copy() -- return a copy of the current hash object
///
/// Attributes:
///
/// name -- the hash algorithm being used by this object
/// digest_size -- number of bytes in digest() output
#[pyclass(name = "HASH", module = "_hashlib", flags = "BASETYPE|IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Hash {
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            drop((*this).state.take());
            free_object(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let name = self.with(|h| h.name())?;
        Str::format(format_args!("<{} {} object @ {:p}>", name, self.ty().tp_name(), self))
    }
    /// Return a copy of the hash object.
    #[pymethod]
    fn copy(&self) -> PyResult<PyRef> {
        Hash::wrap(self.with(|h| h.clone())?)
    }
    /// Return the digest value as a bytes object.
    #[pymethod]
    fn digest(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|h| h.clone())?.finish(0))
    }
    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod]
    fn hexdigest(&self) -> PyResult<Ref<Str>> {
        hex(&self.with(|h| h.clone())?.finish(0))
    }
    /// Update this hash object's state with the provided string.
    #[pymethod(sig = "obj, /")]
    fn update(&self, obj: &Object) -> PyResult<()> {
        self.feed(&data_arg(obj)?)
    }
    #[pygetset]
    fn digest_size(&self) -> PyResult<usize> {
        self.with(|h| h.size())
    }
    #[pygetset]
    fn block_size(&self) -> PyResult<usize> {
        self.with(|h| h.block())
    }
    #[pygetset]
    fn name(&self) -> PyResult<&'static str> {
        self.with(|h| h.name())
    }
}

/// The same for functions whose digest has any length.
#[repr(C)]
pub struct HashXof {
    base: Hash,
}

fn length(n: &Object) -> PyResult<usize> {
    let n = n.as_isize()?;
    if n < 0 {
        return Err(raise!(ValueError, "Cannot convert negative int"));
    }
    if n >= 1 << 29 {
        return Err(raise!(ValueError, "length is too large"));
    }
    Ok(n as usize)
}

/// A hash is an object used to calculate a checksum of a string of information.
#[pyclass(name = "HASHXOF", module = "_hashlib", base = Hash, flags = "BASETYPE|IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl HashXof {
    /// Return the digest value as a bytes object.
    #[pymethod(sig = "length")]
    fn digest(&self, length: &Object) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.base.with(|h| h.clone())?.finish(self::length(length)?))
    }
    /// Return the digest value as a string of hexadecimal digits.
    #[pymethod(sig = "length")]
    fn hexdigest(&self, length: &Object) -> PyResult<Ref<Str>> {
        hex(&self.base.with(|h| h.clone())?.finish(self::length(length)?))
    }
    #[pygetset]
    fn digest_size(&self) -> usize {
        0
    }
}

#[repr(C)]
pub struct Hmac {
    header: abi::PyObject,
    state: Option<Box<Mutex<Mac>>>,
}
impl Hmac {
    fn wrap(m: Mac) -> PyResult<Ref<Hmac>> {
        let o = runtime::typeobject::alloc_object::<Hmac>(Hmac::type_object())?;
        // SAFETY: a new object with a zeroed body.
        unsafe { (&raw mut (*o.as_raw()).state).write(Some(Box::new(Mutex::new(m)))) };
        Ok(o)
    }
    fn with<R>(&self, f: impl FnOnce(&mut Mac) -> R) -> PyResult<R> {
        match &self.state {
            Some(s) => Ok(f(&mut locked(s))),
            None => Err(raise!(SystemError, "an uninitialised HMAC object")),
        }
    }
    fn feed(&self, data: &[u8]) -> PyResult<()> {
        let Some(s) = &self.state else { return Err(raise!(SystemError, "an uninitialised HMAC object")) };
        if data.len() >= GIL_MINSIZE {
            maybe_detached(data.len(), || s.lock().unwrap_or_else(PoisonError::into_inner).inner.update(data));
        } else {
            locked(s).inner.update(data);
        }
        Ok(())
    }
}

/// The object used to calculate HMAC of a message.
///
/// Methods:
///
/// update() -- updates the current digest with an additional string
/// digest() -- return the current digest value
/// hexdigest() -- return the current digest as a string of hexadecimal digits
/// copy() -- return a copy of the current hash object
///
/// Attributes:
///
/// name -- the name, including the hash algorithm used by this object
/// digest_size -- number of bytes in digest() output
#[pyclass(name = "HMAC", module = "_hashlib", flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Hmac {
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            drop((*this).state.take());
            free_object(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let name = self.with(|h| h.inner.name())?;
        Str::format(format_args!("<{} HMAC object @ {:p}>", name, self))
    }
    /// Return a copy ("clone") of the HMAC object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Hmac>> {
        Hmac::wrap(self.with(|h| h.clone())?)
    }
    /// Update the HMAC object with msg.
    #[pymethod(sig = "msg")]
    fn update(&self, msg: &Object) -> PyResult<()> {
        self.feed(&data_arg(msg)?)
    }
    /// Return the digest of the bytes passed to the update() method so far.
    #[pymethod]
    fn digest(&self) -> PyResult<Ref<Bytes>> {
        Bytes::new(&self.with(|h| h.clone())?.finish())
    }
    /// Return hexadecimal digest of the bytes passed to the update() method so far.
    ///
    /// This may be used to exchange the value safely in email or other non-binary
    /// environments.
    #[pymethod]
    fn hexdigest(&self) -> PyResult<Ref<Str>> {
        hex(&self.with(|h| h.clone())?.finish())
    }
    #[pygetset]
    fn digest_size(&self) -> PyResult<usize> {
        self.with(|h| h.inner.size())
    }
    #[pygetset]
    fn block_size(&self) -> PyResult<usize> {
        self.with(|h| h.inner.block())
    }
    #[pygetset]
    fn name(&self) -> PyResult<String> {
        self.with(|h| format!("hmac-{}", h.inner.name()))
    }
}

// ---------------------------------------------------------------------------------------------- module

fn open(name: &str, data: Option<&Object>, string: Option<&Object>) -> PyResult<PyRef> {
    let data = pick(data, string)?;
    let Some(h) = Any::by_name(name) else {
        return Err(raise!(ValueError, "unsupported hash type {}", name));
    };
    let o = Hash::wrap(h)?;
    if let (Some(d), Some(h)) = (data, o.downcast::<Hash>()) {
        h.feed(&data_arg(d)?)?;
    }
    Ok(o)
}

/// The hash that `digestmod` means: a name, or one of the module's constructors.
fn digest_of(mode: &Object) -> PyResult<Any> {
    let name: Option<PyRef> = if mode.downcast::<Str>().is_some() {
        Some(mode.to_ref())
    } else {
        match CONSTRUCTORS.dict()?.get(mode) {
            Ok(n) => n,
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                None
            }
            Err(e) => return Err(e),
        }
    };
    let shown = |m: &Object| -> Raised {
        match m.repr() {
            Ok(r) => UNSUPPORTED.raise(format_args!("Unsupported digestmod {}", r.to_string_lossy())),
            Err(e) => e,
        }
    };
    let Some(n) = name else { return Err(shown(mode)) };
    let Some(s) = n.downcast::<Str>() else { return Err(shown(mode)) };
    match Any::by_name(&s.to_string_lossy()) {
        Some(h) if !h.is_xof() => Ok(h),
        Some(_) => Err(shown(mode)),
        None if mode.downcast::<Str>().is_some() => {
            Err(UNSUPPORTED.raise(format_args!("unsupported hash type {}", s.to_string_lossy())))
        }
        None => Err(shown(mode)),
    }
}

/// OpenSSL interface for hashlib module
#[pymodule(name = "_hashlib")]
pub mod _hashlib {
    use super::*;
    use runtime::convert::ArgBytes;
    use runtime::objects::support::mapping_proxy;

    #[pyattr]
    const _GIL_MINSIZE: i64 = GIL_MINSIZE as i64;

    /// Return a new hash object using the named algorithm.
    ///
    /// An optional string argument may be provided and will be
    /// automatically hashed.
    ///
    /// The MD5 and SHA1 algorithms are always supported.
    #[pyfunction(sig = "name, data=b'', *, usedforsecurity=True, string=None")]
    fn new(name: &Object, data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        let Some(n) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "name must be a string"));
        };
        open(&n.to_string_lossy(), data.into_option(), string)
    }
    /// Returns a md5 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_md5(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("md5", data.into_option(), string)
    }
    /// Returns a sha1 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha1(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha1", data.into_option(), string)
    }
    /// Returns a sha224 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha224(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha224", data.into_option(), string)
    }
    /// Returns a sha256 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha256(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha256", data.into_option(), string)
    }
    /// Returns a sha384 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha384(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha384", data.into_option(), string)
    }
    /// Returns a sha512 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha512(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha512", data.into_option(), string)
    }
    /// Returns a sha3_224 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha3_224(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha3_224", data.into_option(), string)
    }
    /// Returns a sha3_256 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha3_256(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha3_256", data.into_option(), string)
    }
    /// Returns a sha3_384 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha3_384(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha3_384", data.into_option(), string)
    }
    /// Returns a sha3_512 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_sha3_512(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("sha3_512", data.into_option(), string)
    }
    /// Returns a shake_128 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_shake_128(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("shake_128", data.into_option(), string)
    }
    /// Returns a shake_256 hash object; optionally initialized with a string
    #[pyfunction(sig = "data=b'', *, usedforsecurity=True, string=None")]
    fn openssl_shake_256(data: Arg<&Object>, usedforsecurity: Arg<bool>, string: Option<&Object>) -> PyResult<PyRef> {
        let _ = usedforsecurity;
        open("shake_256", data.into_option(), string)
    }

    /// Return 'a == b'.
    ///
    /// This function uses an approach designed to prevent timing analysis,
    /// making it appropriate for cryptography.
    #[pyfunction(sig = "a, b, /")]
    fn compare_digest(a: &Object, b: &Object) -> PyResult<PyRef> {
        runtime::import::import_attr("_operator", "_compare_digest")?.call(&[a, b])
    }
    /// Determine the OpenSSL FIPS mode of operation.
    #[pyfunction]
    fn get_fips_mode() -> i64 {
        0
    }
    /// Return a new hmac object.
    #[pyfunction(sig = "key, msg=b'', digestmod=None")]
    fn hmac_new(key: ArgBytes, msg: Option<&Object>, digestmod: Option<&Object>) -> PyResult<Ref<Hmac>> {
        let Some(d) = digestmod else {
            return Err(raise!(TypeError, "Missing required parameter 'digestmod'."));
        };
        let h = Hmac::wrap(Mac::new(&digest_of(d)?, &key))?;
        if let Some(m) = msg {
            h.feed(&data_arg(m)?)?;
        }
        Ok(h)
    }
    /// Single-shot HMAC.
    #[pyfunction(sig = "key, msg, digest")]
    fn hmac_digest(key: ArgBytes, msg: ArgBytes, digest: &Object) -> PyResult<Ref<Bytes>> {
        let mut m = Mac::new(&digest_of(digest)?, &key);
        let out = maybe_detached(msg.len(), || {
            m.inner.update(&msg);
            m.finish()
        });
        Bytes::new(&out)
    }
    /// Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function.
    #[pyfunction(sig = "hash_name, password, salt, iterations, dklen=None")]
    fn pbkdf2_hmac(
        hash_name: &str,
        password: ArgBytes,
        salt: ArgBytes,
        iterations: i64,
        dklen: Option<&Object>,
    ) -> PyResult<Ref<Bytes>> {
        let hash = match Any::by_name(hash_name) {
            Some(h) if !h.is_xof() => h,
            _ => return Err(UNSUPPORTED.raise(format_args!("unsupported hash type {hash_name}"))),
        };
        if iterations < 1 {
            return Err(raise!(ValueError, "iteration value must be greater than 0."));
        }
        if iterations > i32::MAX as i64 {
            return Err(raise!(OverflowError, "iteration value is too great."));
        }
        let len = match dklen {
            None => hash.size() as i64,
            Some(n) => n.as_i64()?,
        };
        if len < 1 {
            return Err(raise!(ValueError, "key length must be greater than 0."));
        }
        if len > i32::MAX as i64 {
            return Err(raise!(OverflowError, "key length is too great."));
        }
        runtime::objects::support::ensure_room::<u8>(len as usize)?;
        let key = runtime::thread::detach(|| pbkdf2(&hash, &password, &salt, iterations as u64, len as usize));
        Bytes::new(&key)
    }
    /// scrypt password-based key derivation function.
    #[pyfunction(sig = "password, *, salt, n, r, p, maxmem=0, dklen=64")]
    fn scrypt(
        password: ArgBytes,
        salt: ArgBytes,
        n: u64,
        r: u64,
        p: u64,
        maxmem: Arg<i64>,
        dklen: Arg<i64>,
    ) -> PyResult<Ref<Bytes>> {
        let (maxmem, dklen) = (maxmem.unwrap_or(0), dklen.unwrap_or(64));
        if n < 2 || n & (n - 1) != 0 {
            return Err(raise!(ValueError, "n must be a power of 2."));
        }
        if !(0..=i32::MAX as i64).contains(&maxmem) {
            return Err(raise!(ValueError, "maxmem must be positive and smaller than {}", i32::MAX));
        }
        if !(1..=i32::MAX as i64).contains(&dklen) {
            return Err(raise!(ValueError, "dklen must be greater than 0 and smaller than {}", i32::MAX));
        }
        let limit = if maxmem == 0 { 32 * 1024 * 1024 } else { maxmem as u128 };
        let need = 128 * r as u128 * p as u128 + 32 * r as u128 * (n as u128 + 2) * 4;
        if r == 0 || p == 0 || r as u128 * p as u128 >= 1 << 30 || need > limit {
            return Err(raise!(ValueError, "Invalid parameter combination for n, r, p, maxmem."));
        }
        let key = runtime::thread::detach(|| {
            scrypt_key(&password, &salt, n as usize, r as usize, p as usize, dklen as usize)
        });
        match key {
            Some(k) => Bytes::new(&k),
            None => Err(runtime::objects::support::no_memory()),
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Hash>()?;
        m.add_type::<HashXof>()?;
        m.add_type::<Hmac>()?;
        if UNSUPPORTED.get_opt().is_none() {
            let ns = Dict::new()?;
            ns.set_str("__module__", &*Str::new("_hashlib")?)?;
            let bases = Tuple::pack(&[exc::ValueError()])?;
            let name = Str::new("UnsupportedDigestmodError")?;
            UNSUPPORTED.set((**Type::type_object()).call(&[&name, &bases, &ns])?);
        }
        m.add("UnsupportedDigestmodError", UNSUPPORTED.get()?.to_ref())?;
        let mut names = Vec::new();
        for n in NAMES {
            names.push(Str::intern(n).to_ref());
        }
        m.add("openssl_md_meth_names", FrozenSet::new(runtime::objects::support::as_objects(&names))?.upcast())?;
        let table = Dict::new()?;
        for n in [
            "md5",
            "sha1",
            "sha224",
            "sha256",
            "sha384",
            "sha512",
            "sha3_224",
            "sha3_256",
            "sha3_384",
            "sha3_512",
            "shake_128",
            "shake_256",
        ] {
            table.set(&*m.getattr(Str::intern(&format!("openssl_{n}")))?, Str::intern(n))?;
        }
        m.add("_constructors", mapping_proxy(&table)?)?;
        CONSTRUCTORS.set(table.upcast());
        Ok(())
    }
}
