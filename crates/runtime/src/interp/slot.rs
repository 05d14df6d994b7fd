//! `Slot`: what a local variable or a stack entry holds.
//!
//! One opaque 64-bit word. The two low bits say what it is:
//!
//! | bits | meaning |
//! | --- | --- |
//! | `00` | owned pointer (one reference), or null when the whole word is 0 |
//! | `01` | borrowed pointer: something else keeps the object alive (a local below, the code's constants, the collector for deferred objects) |
//! | `10` | an `int` of 62 bits, never allocated |
//! | `11` | a `float` whose exponent is in the middle range, never allocated |
//!
//! `Slot` is `Copy`: ownership is a convention of the interpreter (a copied owned slot counts once). Nothing outside the
//! interpreter sees slots; `into_ref` and `materialize` give ordinary objects.

use crate::object::{self, Object, PyRef, Ref, gc_bits};
use crate::objects::{Float, Int};
use crate::prelude::*;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{Acquire, Relaxed};

#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub u64);

const TAG: u64 = 3;
const BORROWED: u64 = 1;
const INT: u64 = 2;
const FLOAT: u64 = 3;
/// Range of unboxed ints.
pub const INT_MAX: i64 = (1 << 61) - 1;
pub const INT_MIN: i64 = -(1 << 61);

impl Slot {
    pub const NULL: Slot = Slot(0);

    /// Takes over the reference.
    #[inline(always)]
    pub fn owned(r: PyRef) -> Slot {
        Slot(r.into_ptr() as u64)
    }
    /// Takes over a reference from C; null stays null.
    #[inline(always)]
    pub fn steal(p: *mut abi::PyObject) -> Slot {
        Slot(p as u64)
    }
    /// A pointer that something else keeps alive as long as the slot lives.
    #[inline(always)]
    pub fn borrowed(o: &Object) -> Slot {
        Slot(o.as_ptr() as u64 | BORROWED)
    }
    /// A new reference, or an uncounted one if the object is immortal or deferred.
    #[inline(always)]
    pub fn new(o: &Object) -> Slot {
        if is_uncounted(o) {
            Slot::borrowed(o)
        } else {
            // SAFETY: `o` is alive.
            unsafe { object::incref(o.as_ptr()) };
            Slot(o.as_ptr() as u64)
        }
    }
    /// `new` for an object read from a place that threads share.
    #[inline(always)]
    pub fn new_shared(o: &Object) -> Slot {
        let s = Slot::new(o);
        if s.is_counted() {
            crate::mem::refcount::shared_read(o);
        }
        s
    }
    /// Reads a place that other threads may change; None: it is empty, or was changed meanwhile (take the lock).
    #[inline(always)]
    pub fn load(place: &AtomicPtr<abi::PyObject>) -> Option<Slot> {
        let p = place.load(Acquire);
        if p.is_null() {
            return None;
        }
        // SAFETY: type-stable memory until this thread's next quiescent point.
        let o = unsafe { Object::from_ptr(p) };
        if o.is_owned_by_current_thread() {
            // Only this thread frees its own objects.
            return Some(Slot::owned(o.to_ref()));
        }
        if is_uncounted(o) {
            // Such objects are not freed before this thread's next safe point. But was it this one when it was read?
            return if place.load(Acquire) == p { Some(Slot::borrowed(o)) } else { None };
        }
        let r = crate::thread::load_ref(place)?;
        crate::mem::refcount::shared_read(&r);
        Some(Slot::owned(r))
    }
    /// An int in `INT_MIN..=INT_MAX`.
    #[inline(always)]
    pub const fn int_unchecked(v: i64) -> Slot {
        Slot(((v as u64) << 2) | INT)
    }
    #[inline(always)]
    pub const fn int(v: i64) -> Option<Slot> {
        if v >= INT_MIN && v <= INT_MAX { Some(Slot::int_unchecked(v)) } else { None }
    }
    /// A float, if it can be held unboxed.
    #[inline(always)]
    pub fn float(v: f64) -> Option<Slot> {
        let n = v.to_bits().rotate_left(4).wrapping_sub(3);
        if n & 6 != 0 { None } else { Some(Slot((n & !7) | ((n & 1) << 2) | FLOAT)) }
    }
    /// A float, boxed if need be.
    #[inline(always)]
    pub fn from_f64(v: f64) -> PyResult<Slot> {
        match Slot::float(v) {
            Some(s) => Ok(s),
            None => box_float(v),
        }
    }
    /// An int, boxed if need be.
    #[inline(always)]
    pub fn from_i64(v: i64) -> PyResult<Slot> {
        match Slot::int(v) {
            Some(s) => Ok(s),
            None => box_int(v),
        }
    }
    #[inline(always)]
    pub fn bool(v: bool) -> Slot {
        Slot::borrowed(if v { crate::objects::true_() } else { crate::objects::false_() })
    }
    #[inline(always)]
    pub fn none() -> Slot {
        Slot::borrowed(crate::objects::none())
    }

    #[inline(always)]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
    #[inline(always)]
    pub const fn is_int(self) -> bool {
        self.0 & TAG == INT
    }
    #[inline(always)]
    pub const fn is_float(self) -> bool {
        self.0 & TAG == FLOAT
    }
    /// Holds a number without an object.
    #[inline(always)]
    pub const fn is_unboxed(self) -> bool {
        self.0 & INT != 0
    }
    /// Owns a counted reference.
    #[inline(always)]
    pub const fn is_counted(self) -> bool {
        self.0 & TAG == 0 && self.0 != 0
    }
    #[inline(always)]
    pub const fn is_borrowed(self) -> bool {
        self.0 & TAG == BORROWED
    }
    #[inline(always)]
    pub const fn int_value(self) -> i64 {
        self.0 as i64 >> 2
    }
    #[inline(always)]
    pub fn float_value(self) -> f64 {
        let r = (self.0 & !7) + 3 + ((self.0 >> 2) & 1);
        f64::from_bits(r.rotate_right(4))
    }

    /// The object's address; the slot must hold a pointer or null.
    #[inline(always)]
    pub fn ptr(self) -> *mut abi::PyObject {
        debug_assert!(!self.is_unboxed());
        (self.0 & !BORROWED) as *mut abi::PyObject
    }
    /// The object; the slot must hold a pointer.
    #[inline(always)]
    pub fn obj<'a>(self) -> &'a Object {
        debug_assert!(!self.is_null());
        // SAFETY: a slot with a pointer points to a live object.
        unsafe { Object::from_ptr(self.ptr()) }
    }
    /// The object if the slot holds a pointer.
    #[inline(always)]
    pub fn try_obj<'a>(self) -> Option<&'a Object> {
        if self.is_unboxed() || self.is_null() { None } else { Some(self.obj()) }
    }
    /// Whether this slot is the given object.
    #[inline(always)]
    pub fn is_obj(self, o: &Object) -> bool {
        self.0 & !BORROWED == o.as_ptr() as u64
    }

    /// A second slot for the same value, owning its own reference if the first does.
    #[inline(always)]
    pub fn dup(self) -> Slot {
        if self.0 & TAG == 0 {
            // SAFETY: a counted slot's object is alive.
            unsafe { object::incref(self.0 as *mut abi::PyObject) };
        }
        self
    }
    /// As `dup`, but able to outlive this slot even if it is borrowed.
    #[inline(always)]
    pub fn dup_strong(self) -> Slot {
        match self.0 & TAG {
            0 | BORROWED => Slot::new(self.obj()),
            _ => self,
        }
    }
    /// The same value without ownership.
    #[inline(always)]
    pub fn borrow(self) -> Slot {
        if self.0 & TAG == 0 { Slot(self.0 | BORROWED) } else { self }
    }
    /// Turns a borrowed slot into one that outlives what it borrows from (deferred and immortal stay uncounted).
    #[inline(always)]
    pub fn strong(self) -> Slot {
        if self.0 & TAG == BORROWED { Slot::new(self.obj()) } else { self }
    }
    /// Turns any borrowed slot into a counted one (immortals excepted): what heap-allocated frames may hold.
    #[inline(always)]
    pub fn counted(self) -> Slot {
        if self.0 & TAG == BORROWED {
            let o = self.obj();
            if o.is_immortal() { self } else { Slot::owned(o.to_ref()) }
        } else {
            self
        }
    }
    /// Drops what the slot owns; may run Python code.
    #[inline(always)]
    pub fn drop(self) {
        if self.0 & TAG == 0 && self.0 != 0 {
            // SAFETY: a counted slot owns a reference.
            unsafe { object::decref(self.0 as *mut abi::PyObject) };
        }
    }
    /// As `drop` for slots that are never null.
    #[inline(always)]
    pub fn drop_nonnull(self) {
        if self.0 & TAG == 0 {
            // SAFETY: a counted slot owns a reference.
            unsafe { object::decref(self.0 as *mut abi::PyObject) };
        }
    }

    /// Gives an ordinary reference away; allocates for unboxed numbers.
    #[inline(always)]
    pub fn into_ref(self) -> PyResult<PyRef> {
        match self.0 & TAG {
            // SAFETY: a counted slot owns a reference.
            0 => Ok(unsafe { Ref::from_raw(self.0 as *mut Object) }),
            BORROWED => Ok(self.obj().to_ref()),
            _ => self.box_value(),
        }
    }
    /// An ordinary new reference; the slot keeps its own.
    #[inline(always)]
    pub fn to_ref(self) -> PyResult<PyRef> {
        if self.is_unboxed() { self.box_value() } else { Ok(self.obj().to_ref()) }
    }
    #[inline(never)]
    fn box_value(self) -> PyResult<PyRef> {
        if self.is_int() {
            Ok(Int::from_i64_cached(self.int_value())?.upcast())
        } else {
            Ok(Float::new(self.float_value())?.upcast())
        }
    }
}

/// A slot that is dropped with its owner.
pub struct Held(pub Slot);

impl Held {
    #[inline(always)]
    pub fn into_slot(self) -> Slot {
        core::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.drop();
    }
}

/// Puts an object in place of an unboxed number.
///
/// # Safety
/// `p` is a live slot.
#[inline(always)]
pub unsafe fn materialize(p: *mut Slot) -> PyResult<()> {
    // SAFETY: the caller's promise.
    unsafe {
        if (*p).is_unboxed() {
            *p = Slot::owned((*p).box_value()?);
        }
    }
    Ok(())
}

/// Immortal or deferred: references from slots need not be counted.
#[inline(always)]
pub fn is_uncounted(o: &Object) -> bool {
    o.is_immortal() || o.0.ob_gc_bits.load(Relaxed) & gc_bits::DEFERRED != 0
}

#[cold]
#[inline(never)]
fn box_float(v: f64) -> PyResult<Slot> {
    Ok(Slot::owned(Float::new(v)?.upcast()))
}

#[cold]
#[inline(never)]
fn box_int(v: i64) -> PyResult<Slot> {
    Ok(Slot::owned(Int::from_i64(v)?.upcast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unboxed_numbers_round_trip() {
        for v in [0, 1, -1, INT_MAX, INT_MIN, 1 << 40] {
            assert_eq!(Slot::int(v).unwrap().int_value(), v);
        }
        assert!(Slot::int(INT_MAX + 1).is_none());
        for v in [1.0, -1.0, 3.5, 1e10, -1e-10, 1e70, 2.0f64.powi(-250)] {
            let s = Slot::float(v).unwrap();
            assert!(s.is_float());
            assert_eq!(s.float_value().to_bits(), v.to_bits());
        }
        for v in [0.0, -0.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert!(Slot::float(v).is_none());
        }
    }
}
