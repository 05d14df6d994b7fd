//! Objects and references: the Rust face of the object header.
//!
//! `Ref<T>` owns one strong reference; `&T` borrows. `Object` is the header every layout begins with. Counts follow the
//! `cp314t` scheme (biased reference counting): the owner thread counts in `ob_ref_local` without atomics, every other
//! thread in `ob_ref_shared`, whose two low bits hold the state. Slow paths (merging, queueing, deallocation) live in
//! `mem::refcount`.

use crate::arch;
use crate::error::PyResult;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

pub use crate::typeobject::Type;

/// `ob_ref_local` of an immortal object.
pub const IMMORTAL_LOCAL: u32 = u32::MAX;
/// `ob_ref_shared`: two low bits are the state, the count starts above them.
pub const SHARED_SHIFT: u32 = 2;
pub const SHARED_FLAG_MASK: isize = 3;
pub const SHARED_MAYBE_WEAKREF: isize = 1;
pub const SHARED_QUEUED: isize = 2;
pub const SHARED_MERGED: isize = 3;

/// `ob_gc_bits`.
pub mod gc_bits {
    pub const TRACKED: u8 = 1;
    pub const FINALIZED: u8 = 2;
    pub const UNREACHABLE: u8 = 4;
    pub const FROZEN: u8 = 8;
    /// Memory may be read by lock-free readers: free it through QSBR.
    pub const SHARED: u8 = 16;
    /// A deferred object that the collector does not walk: a frame slot holds it.
    pub const ALIVE: u8 = 32;
    /// Counted lazily: references from frame slots are not counted; only the collector frees it.
    pub const DEFERRED: u8 = 64;
    /// A sample of shared reads has met it once (`mem::plain`).
    pub const SEEN: u8 = 128;
}

/// Any Python object, seen through its header.
#[repr(transparent)]
pub struct Object(pub abi::PyObject);

// SAFETY: the header's fields are atomics, and what follows it is protected by the rules of each layout.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

/// A Rust layout of Python objects: `#[repr(C)]`, beginning with the object header.
///
/// # Safety
/// The type must begin with `abi::PyObject`, and every object for which `is_instance` holds must have this layout.
pub unsafe trait PyClass: Sized + Deref<Target = Object> + 'static {
    /// The type object whose instances (subclasses included) have this layout.
    fn type_object() -> &'static Type;
    /// Whether `o` has this layout (an instance of the type or of a subclass).
    #[inline]
    fn is_instance(o: &Object) -> bool {
        let t = o.ty();
        core::ptr::eq(t, Self::type_object()) || t.is_subtype(Self::type_object())
    }
}

/// Declares `$t` as the layout of the static type `$type_object`: implements `PyClass` and `Deref` to `Object`.
/// A third argument names the `Py_TPFLAGS_*_SUBCLASS` constant for a fast instance check.
#[macro_export]
macro_rules! py_layout {
    ($t:ty, $type_object:path) => {
        $crate::py_layout!(@deref $t);
        // SAFETY: the layout begins with the header and the type object creates instances of it only.
        unsafe impl $crate::object::PyClass for $t {
            #[inline(always)]
            fn type_object() -> &'static $crate::object::Type {
                // SAFETY: static type objects live as long as the process.
                unsafe { &*(&raw const $type_object).cast() }
            }
        }
    };
    ($t:ty, $type_object:path, $flag:expr) => {
        $crate::py_layout!(@deref $t);
        // SAFETY: the layout begins with the header and the flag marks exactly the subclasses of the type.
        unsafe impl $crate::object::PyClass for $t {
            #[inline(always)]
            fn type_object() -> &'static $crate::object::Type {
                // SAFETY: static type objects live as long as the process.
                unsafe { &*(&raw const $type_object).cast() }
            }
            #[inline(always)]
            fn is_instance(o: &$crate::object::Object) -> bool {
                o.ty().flags() & ($flag as u64) != 0
            }
        }
    };
    (@deref $t:ty) => {
        impl core::ops::Deref for $t {
            type Target = $crate::object::Object;
            #[inline(always)]
            fn deref(&self) -> &$crate::object::Object {
                // SAFETY: the layout begins with the object header.
                unsafe { &*(self as *const $t).cast() }
            }
        }
        // SAFETY: access to the fields follows the layout's own locking rules.
        unsafe impl Send for $t {}
        // SAFETY: as above.
        unsafe impl Sync for $t {}
    };
}

impl Object {
    /// The header as the C API sees it.
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut abi::PyObject {
        self as *const Object as *mut abi::PyObject
    }

    /// Borrows from a non-null C pointer.
    ///
    /// # Safety
    /// `p` points to a live object that stays alive for `'a`.
    #[inline(always)]
    pub unsafe fn from_ptr<'a>(p: *mut abi::PyObject) -> &'a Object {
        debug_assert!(!p.is_null());
        // SAFETY: the caller's promise.
        unsafe { &*p.cast::<Object>() }
    }

    /// Borrows from a C pointer, null being `None`.
    ///
    /// # Safety
    /// As `from_ptr`, for a non-null `p`.
    #[inline(always)]
    pub unsafe fn from_ptr_opt<'a>(p: *mut abi::PyObject) -> Option<&'a Object> {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<Object>().as_ref() }
    }

    /// The object's type.
    #[inline(always)]
    pub fn ty(&self) -> &Type {
        // SAFETY: an object keeps its type alive; types are type-stable and freed only by the collector.
        unsafe { &*self.0.ob_type.load(Relaxed).cast::<Type>() }
    }

    /// Whether both are the same object (`is`).
    #[inline(always)]
    pub fn is(&self, other: &Object) -> bool {
        core::ptr::eq(self, other)
    }

    #[inline(always)]
    pub fn is_none(&self) -> bool {
        core::ptr::eq(self, crate::objects::none())
    }

    /// Sees this object as `T` if it is an instance of `T`'s type or of a subclass.
    #[inline(always)]
    pub fn downcast<T: PyClass>(&self) -> Option<&T> {
        // SAFETY: `is_instance` vouches for the layout.
        if T::is_instance(self) { Some(unsafe { self.cast::<T>() }) } else { None }
    }

    /// Sees this object as `T` if its type is exactly `T`'s.
    #[inline(always)]
    pub fn downcast_exact<T: PyClass>(&self) -> Option<&T> {
        // SAFETY: the exact type has the layout.
        if core::ptr::eq(self.ty(), T::type_object()) { Some(unsafe { self.cast::<T>() }) } else { None }
    }

    /// Sees this object as `T` without a check.
    ///
    /// # Safety
    /// The object has the layout `T`.
    #[inline(always)]
    pub unsafe fn cast<T>(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { &*(self as *const Object).cast::<T>() }
    }

    /// A new strong reference.
    #[inline(always)]
    pub fn to_ref(&self) -> PyRef {
        // SAFETY: `self` is alive; the count is taken before the Ref exists.
        unsafe {
            incref(self.as_ptr());
            Ref::from_raw(self.as_ptr().cast())
        }
    }

    #[inline(always)]
    pub fn is_immortal(&self) -> bool {
        self.0.ob_ref_local.load(Relaxed) == IMMORTAL_LOCAL
    }

    /// Whether the running thread owns the object (counts in `ob_ref_local`).
    #[inline(always)]
    pub fn is_owned_by_current_thread(&self) -> bool {
        self.0.ob_tid.load(Relaxed) == arch::thread_id()
    }

    /// Whether the caller's reference is the only one (owned by this thread, no shared count).
    #[inline(always)]
    pub fn is_uniquely_referenced(&self) -> bool {
        self.is_owned_by_current_thread()
            && self.0.ob_ref_local.load(Relaxed) == 1
            && self.0.ob_ref_shared.load(Relaxed) >> SHARED_SHIFT == 0
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object at {:p}>", self.ty().name_str(), self)
    }
}

/// Adds one reference.
///
/// # Safety
/// `p` points to a live object.
#[inline(always)]
pub unsafe fn incref(p: *mut abi::PyObject) {
    // SAFETY: the caller's promise.
    let o = unsafe { &*p };
    let local = o.ob_ref_local.load(Relaxed).wrapping_add(1);
    if local == 0 {
        return;
    }
    if o.ob_tid.load(Relaxed) == arch::thread_id() {
        o.ob_ref_local.store(local, Relaxed);
    } else {
        o.ob_ref_shared.fetch_add(1 << SHARED_SHIFT, Relaxed);
    }
}

/// Drops one reference; may run arbitrary Python code.
///
/// # Safety
/// The caller owns one reference to `p`.
#[inline(always)]
pub unsafe fn decref(p: *mut abi::PyObject) {
    // SAFETY: the caller's promise.
    let o = unsafe { &*p };
    let local = o.ob_ref_local.load(Relaxed);
    if local == IMMORTAL_LOCAL {
        return;
    }
    if o.ob_tid.load(Relaxed) == arch::thread_id() {
        o.ob_ref_local.store(local - 1, Relaxed);
        if local == 1 {
            // SAFETY: the local count reached zero on the owner thread.
            unsafe { crate::mem::refcount::merge_zero_local(p) };
        }
    } else {
        // SAFETY: the caller owns a shared reference.
        unsafe { crate::mem::refcount::decref_shared(p) };
    }
}

/// An owned strong reference to a `T`. Dropping it drops the reference (and may run arbitrary Python code).
#[repr(transparent)]
pub struct Ref<T = Object> {
    ptr: NonNull<T>,
    _own: PhantomData<T>,
}

/// An owned reference to any object.
pub type PyRef = Ref<Object>;

// SAFETY: reference counts are thread-safe by construction.
unsafe impl<T> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ref<T> {}

impl<T> Ref<T> {
    /// Takes over one reference.
    ///
    /// # Safety
    /// `p` is non-null, has the layout `T`, and the caller owns one reference that it gives away.
    #[inline(always)]
    pub unsafe fn from_raw(p: *mut T) -> Ref<T> {
        debug_assert!(!p.is_null());
        // SAFETY: non-null by the caller's promise.
        Ref { ptr: unsafe { NonNull::new_unchecked(p) }, _own: PhantomData }
    }

    /// Gives the reference away as a raw pointer.
    #[inline(always)]
    pub fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).ptr.as_ptr()
    }

    /// Gives the reference away as the pointer C code expects.
    #[inline(always)]
    pub fn into_ptr(self) -> *mut abi::PyObject {
        self.into_raw().cast()
    }

    /// The address, still owned by `self`.
    #[inline(always)]
    pub fn as_raw(&self) -> *mut T {
        self.ptr.as_ptr()
    }

    /// Forgets the static type.
    #[inline(always)]
    pub fn upcast(self) -> PyRef {
        // SAFETY: every layout begins with the header.
        unsafe { Ref::from_raw(self.into_raw().cast()) }
    }

    /// Changes the static type.
    ///
    /// # Safety
    /// The object has the layout `U`.
    #[inline(always)]
    pub unsafe fn cast_into<U>(self) -> Ref<U> {
        // SAFETY: the caller's promise.
        unsafe { Ref::from_raw(self.into_raw().cast()) }
    }
}

impl<T: PyClass> Ref<T> {
    /// A new strong reference to a borrowed object.
    #[inline(always)]
    pub fn new_ref(o: &T) -> Ref<T> {
        // SAFETY: `o` is alive.
        unsafe {
            incref((o as *const T).cast_mut().cast());
            Ref::from_raw((o as *const T).cast_mut())
        }
    }
}

impl PyRef {
    /// Takes over the reference that a C function returned; null is `None` (and an exception is set).
    ///
    /// # Safety
    /// A non-null `p` is an owned reference.
    #[inline(always)]
    pub unsafe fn from_ptr_opt(p: *mut abi::PyObject) -> Option<PyRef> {
        // SAFETY: the caller's promise.
        if p.is_null() { None } else { Some(unsafe { Ref::from_raw(p.cast()) }) }
    }

    /// Takes over the result of a C function: null means that it raised.
    ///
    /// # Safety
    /// A non-null `p` is an owned reference; a null one comes with the exception set.
    #[inline(always)]
    pub unsafe fn from_c_result(p: *mut abi::PyObject) -> PyResult<PyRef> {
        // SAFETY: the caller's promise.
        if p.is_null() { Err(crate::error::Raised::already_set()) } else { Ok(unsafe { Ref::from_raw(p.cast()) }) }
    }

    /// A checked change of the static type; gives the object back when it does not fit.
    #[inline]
    pub fn downcast_into<T: PyClass>(self) -> Result<Ref<T>, PyRef> {
        // SAFETY: `is_instance` vouches for the layout.
        if T::is_instance(&self) { Ok(unsafe { self.cast_into() }) } else { Err(self) }
    }
}

impl<T> Deref for Ref<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the reference keeps the object alive.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Ref<T> {
        // SAFETY: the object is alive.
        unsafe { incref(self.ptr.as_ptr().cast()) };
        Ref { ptr: self.ptr, _own: PhantomData }
    }
}

impl<T> Drop for Ref<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the Ref owns one reference.
        unsafe { decref(self.ptr.as_ptr().cast()) }
    }
}

impl<T: PyClass> From<Ref<T>> for PyRef {
    #[inline(always)]
    fn from(r: Ref<T>) -> PyRef {
        r.upcast()
    }
}

impl<T: PyClass> From<&T> for Ref<T> {
    #[inline(always)]
    fn from(r: &T) -> Ref<T> {
        Ref::new_ref(r)
    }
}

impl<T> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: every layout begins with the header.
        unsafe { &*self.ptr.as_ptr().cast::<Object>() }.fmt(f)
    }
}

/// Extension for the raw slot an object keeps another object in: `Option<Ref<T>>` is one nullable pointer.
const _: () = assert!(size_of::<Option<PyRef>>() == 8 && size_of::<PyResult<PyRef>>() == 8);
