//! Small things that container types and native modules share: object slots, critical sections, blocks freed through QSBR, the
//! standard `tp_traverse`, `tp_clear` and `tp_dealloc` of types whose fields are `Slot`s.

pub use crate::lock;
use crate::object::gc_bits;
use crate::prelude::*;
use core::ffi::{c_int, c_void};
use core::sync::atomic::Ordering::Relaxed;

/// Frees a block of `mem::domains::mem_malloc`: at once, or (when lock-free readers may hold it) after a grace period.
/// (Arrays never come from the object domain: a stale pointer to an object must find a header there, not items.)
/// # Safety
/// Nobody but lock-free readers reaches the block.
pub unsafe fn free_block(p: *mut c_void, shared: bool) {
    unsafe fn free(p: *mut c_void) {
        // SAFETY: the block came from mem_malloc.
        unsafe { crate::mem::domains::mem_free(p) }
    }
    // SAFETY: the caller's promise.
    unsafe {
        if shared {
            crate::mem::qsbr::retire(p, free);
        } else {
            crate::mem::domains::mem_free(p);
        }
    }
}

/// MemoryError unless `n` values of type `T` can be had at once just now: before a vector of a size that the program chose
/// grows, which would abort the process.
pub fn ensure_room<T>(n: usize) -> PyResult<()> {
    // Smaller ones come from the allocator's reserve.
    if n.saturating_mul(size_of::<T>()) < 1 << 20 || Vec::<T>::new().try_reserve_exact(n).is_ok() {
        Ok(())
    } else {
        Err(no_memory())
    }
}

/// Whether lock-free readers of other threads may read the object's buffers.
#[inline(always)]
pub fn is_shared(o: &Object) -> bool {
    o.0.ob_gc_bits.load(Relaxed) & gc_bits::SHARED != 0
}

/// Marks an object whose buffers a thread that does not own it is about to read or replace.
/// The caller holds the object's lock or is about to take it.
#[inline(always)]
pub fn mark_shared(o: &Object) {
    if !is_shared(o) {
        o.0.ob_gc_bits.fetch_or(gc_bits::SHARED, Relaxed);
    }
}

/// Called by a reader without a lock before it loads a buffer pointer: after it, a replaced buffer lives until this thread
/// is quiescent. The owner thread needs nothing: buffers that others replace are marked by them.
#[inline(always)]
pub fn ensure_shared_on_read(o: &Object) {
    if !o.is_owned_by_current_thread() && !is_shared(o) {
        share_slow(o);
    }
}

#[cold]
#[inline(never)]
fn share_slow(o: &Object) {
    lock!(o);
    mark_shared(o);
}

/// Called by a writer (lock held) before it replaces a buffer.
#[inline(always)]
pub fn ensure_shared_on_replace(o: &Object) -> bool {
    if !o.is_owned_by_current_thread() {
        mark_shared(o);
    }
    is_shared(o)
}

/// Gives an object's memory back through its type's `tp_free`.
/// # Safety
/// Called once, from `tp_dealloc`, with everything the object owned released.
pub unsafe fn free_object(op: *mut abi::PyObject) {
    // SAFETY: the object's type is alive until its instance is freed.
    unsafe {
        let ty = Object::from_ptr(op).ty().as_raw();
        match (*ty).tp_free {
            Some(f) => f(op.cast()),
            None => crate::mem::gc::PyObject_GC_Del(op.cast()),
        }
    }
}

/// Raises MemoryError.
#[cold]
pub fn no_memory() -> Raised {
    crate::error::raise_none(exc::MemoryError())
}

/// Owned references as the borrowed slice that calls take.
#[inline(always)]
pub fn as_objects(v: &[PyRef]) -> &[&Object] {
    // SAFETY: `PyRef` and `&Object` are both one non-null pointer; the borrow keeps the references alive.
    unsafe { core::slice::from_raw_parts(v.as_ptr().cast(), v.len()) }
}

pub use crate::mem::refcount::new_ref_with_lock as take_ref_locked;

/// A critical section kept in a stack slot: see `lock!`.
pub struct SectionSlot(abi::PyCriticalSection);

impl SectionSlot {
    #[inline(always)]
    pub fn new() -> SectionSlot {
        SectionSlot(abi::PyCriticalSection { _cs_prev: 0, _cs_mutex: core::ptr::null_mut() })
    }
    /// Begins the section; it ends when the guard is dropped. The borrow keeps the slot in place.
    #[inline(always)]
    pub fn begin(&mut self, o: &Object) -> SectionGuard<'_> {
        // SAFETY: the slot cannot move while the guard borrows it.
        unsafe { crate::thread::critical::begin_mutex(&raw mut self.0, (&raw const o.0.ob_mutex).cast_mut()) };
        SectionGuard(self)
    }
}

pub struct SectionGuard<'a>(&'a mut SectionSlot);

impl Drop for SectionGuard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: begun on this slot.
        unsafe { crate::thread::critical::end(&raw mut self.0.0) }
    }
}

/// Holds the object's critical section until the end of the block.
#[macro_export]
macro_rules! lock {
    ($o:expr) => {
        let mut __slot = $crate::objects::support::SectionSlot::new();
        let __guard = __slot.begin($o);
    };
}

/// Makes an object visible to the collector.
#[inline(always)]
pub fn track<T: PyClass>(r: Ref<T>) -> Ref<T> {
    crate::mem::gc::track(&r);
    r
}

/// Start of a `tp_dealloc`: hides the object from the collector.
/// # Safety
/// `this` is a dying object.
#[inline(always)]
pub unsafe fn begin_dealloc<T>(this: *mut T) {
    // SAFETY: the caller's promise.
    unsafe { crate::mem::gc::untrack(Object::from_ptr(this.cast())) }
}

/// An exchange by the only thread that may write a slot: its writers' lock is held, or the object that contains it is dying.
/// Unlike `swap` it is no locked instruction.
pub trait Exchange<T> {
    fn exchange(&self, new: *mut T) -> *mut T;
}

impl<T> Exchange<T> for core::sync::atomic::AtomicPtr<T> {
    #[inline(always)]
    fn exchange(&self, new: *mut T) -> *mut T {
        let old = self.load(Relaxed);
        self.store(new, core::sync::atomic::Ordering::Release);
        old
    }
}

/// A slot with an object that may be replaced or emptied by any thread that runs a method of its owner.
#[repr(transparent)]
pub struct Slot(core::sync::atomic::AtomicPtr<abi::PyObject>);

impl Slot {
    /// The object, if the slot holds one. `owner`'s lock guards writers.
    #[inline]
    pub fn get(&self, owner: &Object) -> Option<PyRef> {
        use core::sync::atomic::Ordering::Acquire;
        if self.0.load(Acquire).is_null() {
            return None;
        }
        if let Some(r) = crate::thread::load_ref(&self.0) {
            return Some(r);
        }
        lock!(owner);
        let p = self.0.load(Acquire);
        // SAFETY: the lock keeps the slot's reference.
        if p.is_null() { None } else { Some(unsafe { take_ref_locked(p) }) }
    }
    #[inline]
    pub fn ptr(&self) -> *mut abi::PyObject {
        self.0.load(core::sync::atomic::Ordering::Acquire)
    }
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ptr().is_null()
    }
    /// Fills a new object's slot.
    #[inline]
    pub fn init(&self, v: PyRef) {
        self.0.store(v.into_ptr(), core::sync::atomic::Ordering::Release);
    }
    /// Replaces the content; drop what comes back after any lock.
    #[inline]
    pub fn replace(&self, owner: &Object, v: Option<PyRef>) -> Option<PyRef> {
        lock!(owner);
        self.swap(v)
    }
    /// `replace` with the lock held, or in a destructor.
    #[inline]
    pub fn swap(&self, v: Option<PyRef>) -> Option<PyRef> {
        let new = v.map_or(core::ptr::null_mut(), Ref::into_ptr);
        // SAFETY: the slot owned its reference.
        unsafe { PyRef::from_ptr_opt(self.0.exchange(new)) }
    }
}

/// `obj.__index__()` as `isize`; `exc` ("cannot fit 'int' into an index-sized integer") when it is too large.
#[inline]
pub fn to_index(o: &Object, exc_type: &'static Type) -> PyResult<isize> {
    if let Some(i) = o.downcast_exact::<Int>() {
        if let Some(v) = i.try_i64() {
            return Ok(v as isize);
        }
    }
    let i = o.index()?;
    match i.try_i64() {
        Some(v) => Ok(v as isize),
        None => Err(crate::error::raise_message(
            exc_type,
            format_args!("cannot fit '{}' into an index-sized integer", o.ty().name_str()),
        )),
    }
}

/// A function of `builtins` (for `__reduce__`).
pub fn builtin(name: &str) -> PyResult<PyRef> {
    let b = crate::interp::current_builtins()?;
    let key = Str::new(name)?;
    match b.downcast::<Dict>() {
        Some(d) => d.get(&key)?.ok_or_else(|| raise!(AttributeError, "{}", name)),
        // Any mapping will do
        None => match crate::interp::ops::mapping_get(&b, &key)? {
            Some(v) => Ok(v),
            None => Err(raise!(AttributeError, "{}", name)),
        },
    }
}

/// A `bool` as an owned reference.
#[inline(always)]
pub fn py_bool(b: bool) -> PyRef {
    (**Bool::of(b)).to_ref()
}

/// `types.MappingProxyType(mapping)`.
pub fn mapping_proxy(mapping: &Object) -> PyResult<PyRef> {
    crate::objects::mappingproxy::new(mapping)
}

/// Imports a top-level module by name.
pub fn import(name: &str) -> PyResult<PyRef> {
    builtin("__import__")?.call1(&*Str::new(name)?)
}

/// A type whose references are all in `Slot` fields: gives `traverse`, `clear` and `dealloc` their list. See `fields!`.
pub trait Fields: PyClass {
    fn fields(&self, f: &mut dyn FnMut(&Slot));
    /// Releases what is no reference, just before the memory is given back.
    fn release(&self) {}
}

/// `fields!(Type: a, b)`: implements `Fields` for a layout with these `Slot` fields.
#[macro_export]
macro_rules! fields {
    ($t:ty: $($field:ident),* $(; $state:ident)?) => {
        impl $crate::objects::support::Fields for $t {
            fn fields(&self, f: &mut dyn FnMut(&$crate::objects::support::Slot)) {
                let _ = &f;
                $(f(&self.$field);)*
            }
            $(fn release(&self) {
                self.$state.take();
            })?
        }
    };
}

/// `tp_traverse` of a type with `Fields`.
/// # Safety
/// As the slot's contract.
pub unsafe extern "C" fn traverse<T: Fields>(op: *mut abi::PyObject, visit: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: the slot's contract.
    unsafe {
        let mut v = crate::mem::Visitor::from_c(visit, arg);
        let o = Object::from_ptr(op);
        let mut r = 0;
        o.cast::<T>().fields(&mut |s| {
            if r == 0 {
                r = v.visit_ptr(s.ptr());
            }
        });
        r
    }
}

/// `tp_clear` of a type with `Fields`.
/// # Safety
/// As the slot's contract.
pub unsafe extern "C" fn clear<T: Fields>(op: *mut abi::PyObject) -> c_int {
    // SAFETY: the slot's contract.
    unsafe {
        let mut out = Vec::new();
        Object::from_ptr(op).cast::<T>().fields(&mut |s| out.extend(s.swap(None)));
        drop(out);
    }
    0
}

/// `tp_dealloc` of a type with `Fields`.
/// # Safety
/// As the slot's contract.
pub unsafe extern "C" fn dealloc<T: Fields>(op: *mut abi::PyObject) {
    // SAFETY: the slot's contract.
    unsafe {
        if Object::from_ptr(op).ty().is_gc() {
            begin_dealloc(op);
        }
        let t = Object::from_ptr(op).cast::<T>();
        t.fields(&mut |s| drop(s.swap(None)));
        t.release();
        free_object(op);
    }
}

/// State without references to objects, guarded by a lock of its own. All-zero is a valid, empty value. `with` must not run Python
/// code.
#[repr(C)]
pub struct Locked<T> {
    mutex: crate::thread::RawMutex,
    value: core::cell::UnsafeCell<Option<Box<T>>>,
}
// SAFETY: the mutex guards the value.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    pub fn set(&self, v: T) {
        let old = self.take();
        self.mutex.lock();
        // SAFETY: the lock is held.
        unsafe { *self.value.get() = Some(Box::new(v)) };
        self.mutex.unlock();
        drop(old);
    }
    pub fn take(&self) -> Option<Box<T>> {
        self.mutex.lock();
        // SAFETY: the lock is held.
        let v = unsafe { (*self.value.get()).take() };
        self.mutex.unlock();
        v
    }
    /// Calls `f` with the value; `None` when it is empty.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.mutex.lock();
        // SAFETY: the lock is held.
        let r = unsafe { (*self.value.get()).as_deref_mut().map(f) };
        self.mutex.unlock();
        r
    }
}

/// A new object of a type with zeroed fields, to be filled with `Slot::init` and then tracked with `track`.
pub fn alloc<T: PyClass>(ty: &Type) -> PyResult<Ref<T>> {
    crate::typeobject::alloc_object::<T>(ty)
}

/// What the engine's container types are made of, for `typeobject::bootstrap`.
pub fn specs() -> Vec<&'static crate::typeobject::TypeSpec> {
    use crate::convert::HasSpec;
    use crate::objects::dict::{iter::*, views::*};
    use crate::objects::{
        bltiniter::*, enumobject::*, genericalias::*, iterobject::*, list::iter::*, namespace::*, range::*,
        set::methods::*, singletons::*, tuple::*, union::*,
    };
    macro_rules! specs {
        ($($t:ty),* $(,)?) => { vec![$(<$t as HasSpec>::spec()),*] };
    }
    specs![
        Tuple,
        TupleIter,
        List,
        ListIter,
        ListRevIter,
        Dict,
        DictKeyIter,
        DictValueIter,
        DictItemIter,
        DictRevKeyIter,
        DictRevValueIter,
        DictRevItemIter,
        DictKeysView,
        DictValuesView,
        DictItemsView,
        Set,
        FrozenSet,
        SetIter,
        Slice,
        Range,
        RangeIter,
        LongRangeIter,
        NoneObject,
        NotImplementedObject,
        EllipsisObject,
        SeqIter,
        CallIter,
        Enumerate,
        Reversed,
        Map,
        Filter,
        Zip,
        Namespace,
        GenericAlias,
        AliasIter,
        Union,
    ]
}
