//! Types: the type object, how types are made ready, slots and special methods both ways, attribute lookup through the
//! MRO with its cache.
//!
//! `Type` is a view of the ABI's `PyTypeObject`, at once static and heap types. Readers take no lock: they read slots and
//! `tp_mro`/`tp_dict` directly and go through the lock-free lookup cache. Writers hold the type lock, and stop the world
//! where a reader could see slots that contradict each other (assignment of dunder attributes, `__bases__`, `__class__`).

use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref};
use core::ffi::{c_int, c_uint};
use core::ops::Deref;
use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed},
};

pub mod alloc;
pub mod attrs;
pub mod bases;
pub mod bufslot;
pub mod cabi;
pub mod cache;
pub mod descr_set;
pub mod dispatch;
pub mod heapspec;
pub mod instantiate;
pub mod lock;
pub mod mro;
pub mod names;
pub mod new;
pub mod new_wrapper;
pub mod objtype;
pub mod ready;
pub mod slotdefs;
pub mod spec;
pub mod subtype;
#[cfg(test)]
mod tests;
pub mod update;
pub mod wrappers;

pub use alloc::{alloc_object, alloc_var_object, free_heap_object, free_object};
pub use cache::watch;
pub use heapspec::{from_metaclass, from_spec};
pub use spec::{SlotDef, TypeSpec, bootstrap, init_static, prefill};

/// A type object: the ABI's `PyTypeObject`, for heap types followed by the rest of `PyHeapTypeObject`.
#[repr(transparent)]
pub struct Type(core::cell::UnsafeCell<abi::PyTypeObject>);

// SAFETY: see the module's comment for who may write what.
unsafe impl Send for Type {}
// SAFETY: as above.
unsafe impl Sync for Type {}

impl Deref for Type {
    type Target = Object;
    #[inline(always)]
    fn deref(&self) -> &Object {
        // SAFETY: the layout begins with the object header.
        unsafe { &*(self as *const Type).cast() }
    }
}

// SAFETY: the flag marks exactly the subclasses of `type`.
unsafe impl PyClass for Type {
    #[inline(always)]
    fn type_object() -> &'static Type {
        // SAFETY: static type objects live as long as the process.
        unsafe { &*(&raw const PyType_Type) }
    }
    #[inline(always)]
    fn is_instance(o: &Object) -> bool {
        o.ty().flags() & abi::Py_TPFLAGS_TYPE_SUBCLASS != 0
    }
}

/// The type `type`.
#[unsafe(no_mangle)]
pub static mut PyType_Type: Type = Type::STATIC;
/// The type `object`.
#[unsafe(no_mangle)]
pub static mut PyBaseObject_Type: Type = Type::STATIC;

/// `type`.
#[inline(always)]
pub fn type_type() -> &'static Type {
    Type::type_object()
}

/// `object`.
#[inline(always)]
pub fn object_type() -> &'static Type {
    // SAFETY: static type objects live as long as the process.
    unsafe { &*(&raw const PyBaseObject_Type) }
}

impl Type {
    /// A type object before `init_static`: all zero.
    // SAFETY: every field is a number, a nullable pointer, an optional function or an atomic of those.
    pub const STATIC: Type = Type(core::cell::UnsafeCell::new(unsafe { core::mem::zeroed() }));

    /// Borrows from a C pointer.
    ///
    /// # Safety
    /// `p` points to a type object that stays alive for `'a`.
    #[inline(always)]
    pub unsafe fn from_ptr<'a>(p: *mut abi::PyTypeObject) -> &'a Type {
        // SAFETY: the caller's promise.
        unsafe { &*p.cast::<Type>() }
    }

    /// The ABI's view, to read slots from: `unsafe { (*t.as_raw()).tp_call }`, or `t.slots().tp_call`.
    #[inline(always)]
    pub fn as_raw(&self) -> *mut abi::PyTypeObject {
        self.0.get()
    }

    /// The slots to read.
    #[inline(always)]
    pub fn slots(&self) -> &abi::PyTypeObject {
        // SAFETY: alive; slot writers stop the world.
        unsafe { &*self.0.get() }
    }

    /// `tp_flags`.
    #[inline(always)]
    pub fn flags(&self) -> u64 {
        // SAFETY: an aligned word, written by others only atomically.
        unsafe { AtomicU64::from_ptr(&raw mut (*self.0.get()).tp_flags) }.load(Relaxed)
    }

    /// Whether `flag` is set.
    #[inline(always)]
    pub fn has_feature(&self, flag: u64) -> bool {
        self.flags() & flag != 0
    }

    #[inline(always)]
    pub fn is_heap_type(&self) -> bool {
        self.has_feature(abi::Py_TPFLAGS_HEAPTYPE)
    }

    /// Whether instances are collected by the cycle collector.
    #[inline(always)]
    pub fn is_gc(&self) -> bool {
        self.has_feature(abi::Py_TPFLAGS_HAVE_GC)
    }

    /// `tp_version_tag`; 0 is none.
    #[inline(always)]
    pub fn version(&self) -> u32 {
        // SAFETY: an aligned word, written by others only atomically.
        unsafe { AtomicU32::from_ptr((&raw mut (*self.0.get()).tp_version_tag).cast::<c_uint>()) }.load(Acquire)
    }

    /// The base type whose layout this type extends.
    #[inline(always)]
    pub fn base(&self) -> Option<&Type> {
        let b = self.slots().tp_base;
        // SAFETY: a type keeps its base alive.
        if b.is_null() { None } else { Some(unsafe { Type::from_ptr(b) }) }
    }

    /// Whether this is `other` or a subtype of it.
    #[inline]
    pub fn is_subtype(&self, other: &Type) -> bool {
        core::ptr::eq(self, other) || self.is_subtype_slow(other)
    }

    pub fn ptr_eq(&self, other: &Type) -> bool {
        core::ptr::eq(self, other)
    }
}

/// The six rich comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum CompareOp {
    Lt = 0,
    Le = 1,
    Eq = 2,
    Ne = 3,
    Gt = 4,
    Ge = 5,
}

impl CompareOp {
    /// From the C API's number.
    #[inline]
    pub fn from_raw(op: c_int) -> Option<CompareOp> {
        Some(match op {
            0 => CompareOp::Lt,
            1 => CompareOp::Le,
            2 => CompareOp::Eq,
            3 => CompareOp::Ne,
            4 => CompareOp::Gt,
            5 => CompareOp::Ge,
            _ => return None,
        })
    }

    /// The operation with its operands exchanged.
    #[inline]
    pub fn swapped(self) -> CompareOp {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        }
    }

    /// `<`, `<=` …
    pub fn symbol(self) -> &'static str {
        ["<", "<=", "==", "!=", ">", ">="][self as usize]
    }

    /// Whether an ordering satisfies the comparison.
    #[inline]
    pub fn holds(self, o: core::cmp::Ordering) -> bool {
        match self {
            CompareOp::Lt => o.is_lt(),
            CompareOp::Le => o.is_le(),
            CompareOp::Eq => o.is_eq(),
            CompareOp::Ne => o.is_ne(),
            CompareOp::Gt => o.is_gt(),
            CompareOp::Ge => o.is_ge(),
        }
    }

    /// The same for a total order: the result as a Python bool.
    #[inline]
    pub fn result<T: Ord + ?Sized>(self, a: &T, b: &T) -> PyRef {
        crate::objects::Bool::of(self.holds(a.cmp(b))).to_ref()
    }
}

/// The types that the engine's core defines here, in an order in which they can get ready.
pub fn core_specs() -> &'static [&'static TypeSpec] {
    static ALL: std::sync::OnceLock<Vec<&'static TypeSpec>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        use crate::objects as ob;
        let mut v: Vec<&'static TypeSpec> = vec![&objtype::SPEC, &attrs::SPEC, &bufslot::SPEC];
        v.extend(ob::descr::SPECS);
        v.extend(ob::methodobject::SPECS);
        v.extend(ob::classobject::SPECS);
        v.extend(ob::funcobject_static::SPECS);
        v.extend(ob::mappingproxy::SPECS);
        v.extend(ob::superobject::SPECS);
        v.extend(ob::property::SPECS);
        v.extend(ob::capsule::SPECS);
        v
    })
}
