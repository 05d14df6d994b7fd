//! `list`: growable array. Reads take no lock; writers hold the object's critical section.
//!
//! The item array is a block with its capacity in front. A lock-free reader loads the array, checks the index against that
//! capacity, takes a reference if the count allows it and checks array and slot again. Slots past the length are null. An array that
//! readers of other threads may hold is freed through QSBR.

use crate::interp::slot::Slot;
use crate::objects::singletons::unready_type;
use crate::objects::support::Exchange;
use crate::objects::support::{
    self, ensure_shared_on_read, ensure_shared_on_replace, free_block, is_shared, lock, no_memory, take_ref_locked,
    track,
};
use crate::prelude::*;
use crate::thread::load_ref;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicIsize, AtomicPtr};

pub mod iter;
pub mod methods;
pub mod sort;

/// Layout of `list` objects.
#[repr(C)]
pub struct List {
    header: abi::PyObject,
    pub(crate) ob_size: AtomicIsize,
    pub(crate) ob_item: AtomicPtr<AtomicPtr<abi::PyObject>>,
    /// Capacity; -1 while the list is being sorted.
    pub(crate) allocated: AtomicIsize,
}
const _: () = assert!(size_of::<List>() == size_of::<abi::PyListObject>());

#[unsafe(no_mangle)]
pub static mut PyList_Type: Type = unready_type();
py_layout!(List, PyList_Type, abi::Py_TPFLAGS_LIST_SUBCLASS);

pub(crate) type Item = AtomicPtr<abi::PyObject>;
/// Bytes in front of the items: the capacity.
const PREFIX: usize = 8;

/// A new item array; null when memory is short.
pub(crate) fn alloc_items(capacity: usize) -> *mut Item {
    if capacity > isize::MAX as usize / 8 - 8 {
        return null_mut();
    }
    // SAFETY: a fresh block with room for the prefix and the items.
    unsafe {
        let p = crate::mem::domains::mem_malloc(PREFIX + capacity * 8).cast::<usize>();
        if p.is_null() {
            return null_mut();
        }
        p.write(capacity);
        p.add(1).cast()
    }
}

/// # Safety
/// `items` is an array of this module that nobody but lock-free readers reaches.
pub(crate) unsafe fn free_items(items: *mut Item, shared: bool) {
    if !items.is_null() {
        // SAFETY: the block begins with the prefix.
        unsafe { free_block(items.cast::<u8>().sub(PREFIX).cast(), shared) }
    }
}

/// # Safety
/// `items` is an array of this module.
#[inline(always)]
unsafe fn capacity_of(items: *mut Item) -> usize {
    // SAFETY: the prefix holds the capacity.
    unsafe { *items.cast::<usize>().sub(1) }
}

/// Capacity for `n` items of a list that grows.
#[inline]
fn grown(n: usize) -> usize {
    (n + (n >> 3) + 6) & !3
}

impl List {
    /// A new empty list.
    #[inline]
    pub fn new() -> PyResult<Ref<List>> {
        Ok(track(crate::typeobject::alloc_object::<List>(List::type_object())?))
    }

    /// A new empty list with room for `n` items.
    pub fn with_capacity(n: usize) -> PyResult<Ref<List>> {
        let l = crate::typeobject::alloc_object::<List>(List::type_object())?;
        if n > 0 {
            let items = alloc_items(n);
            if items.is_null() {
                return Err(no_memory());
            }
            // SAFETY: a fresh array.
            unsafe { core::ptr::write_bytes(items, 0, n) };
            l.allocated.store(n as isize, Relaxed);
            l.ob_item.store(items, Release);
        }
        Ok(track(l))
    }

    /// A list that takes over the references.
    pub fn from_vec(items: Vec<PyRef>) -> PyResult<Ref<List>> {
        let n = items.len();
        let l = Self::with_capacity(n)?;
        let a = l.ob_item.load(Relaxed);
        for (i, v) in items.into_iter().enumerate() {
            // SAFETY: a new list with room for `n`.
            unsafe { (*a.add(i)).store(v.into_ptr(), Relaxed) };
        }
        l.ob_size.store(n as isize, Release);
        Ok(l)
    }

    /// A list of new references.
    pub fn from_slice(items: &[&Object]) -> PyResult<Ref<List>> {
        let n = items.len();
        let l = Self::with_capacity(n)?;
        let a = l.ob_item.load(Relaxed);
        for (i, v) in items.iter().enumerate() {
            // SAFETY: a new list with room for `n`.
            unsafe { (*a.add(i)).store(v.to_ref().into_ptr(), Relaxed) };
        }
        l.ob_size.store(n as isize, Release);
        Ok(l)
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.ob_size.load(Relaxed) as usize
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn items(&self) -> *mut Item {
        self.ob_item.load(Acquire)
    }

    /// Makes room for `n` items (lock held).
    pub(crate) fn reserve_locked(&self, n: usize) -> PyResult<()> {
        if n as isize <= self.allocated.load(Relaxed) {
            return Ok(());
        }
        self.resize_array(grown(n))
    }

    /// Gives the array a new capacity of at least the length (lock held).
    #[inline(never)]
    fn resize_array(&self, capacity: usize) -> PyResult<()> {
        if capacity > isize::MAX as usize / 8 - 8 {
            return Err(no_memory());
        }
        let old = self.items();
        let n = self.len();
        let shared = ensure_shared_on_replace(self);
        // SAFETY: the lock is held; a shared array is copied and retired, a private one may be moved.
        unsafe {
            let new = if shared || old.is_null() {
                let new = alloc_items(capacity);
                if new.is_null() {
                    return Err(no_memory());
                }
                if !old.is_null() {
                    core::ptr::copy_nonoverlapping(old, new, n);
                }
                new
            } else {
                let p = crate::mem::domains::mem_realloc(old.cast::<u8>().sub(PREFIX).cast(), PREFIX + capacity * 8)
                    .cast::<usize>();
                if p.is_null() {
                    return Err(no_memory());
                }
                p.write(capacity);
                p.add(1).cast()
            };
            core::ptr::write_bytes(new.add(n), 0, capacity - n);
            self.ob_item.store(new, Release);
            self.allocated.store(capacity as isize, Relaxed);
            if shared {
                free_items(old, true);
            }
        }
        Ok(())
    }

    /// Gives memory back after the list became shorter (lock held).
    pub(crate) fn shrink_locked(&self) {
        let (n, a) = (self.len(), self.allocated.load(Relaxed).max(0) as usize);
        if n >= a / 2 || a <= 8 {
            return;
        }
        if n == 0 {
            let shared = ensure_shared_on_replace(self);
            let old = self.ob_item.swap(null_mut(), Release);
            self.allocated.store(0, Relaxed);
            // SAFETY: the array is out of the list.
            unsafe { free_items(old, shared) };
        } else if let Err(e) = self.resize_array(grown(n)) {
            e.clear();
        }
    }

    /// Appends a new reference.
    #[inline]
    pub fn append(&self, v: &Object) -> PyResult<()> {
        self.push(v.to_ref())
    }

    /// Appends, taking over the reference.
    #[inline]
    pub fn push(&self, v: PyRef) -> PyResult<()> {
        lock!(self);
        self.push_locked(v)
    }

    #[inline(always)]
    pub(crate) fn push_locked(&self, v: PyRef) -> PyResult<()> {
        let n = self.ob_size.load(Relaxed);
        if n >= self.allocated.load(Relaxed) {
            self.resize_array(grown(n as usize + 1))?;
        }
        // SAFETY: there is room for one more.
        unsafe { (*self.items().add(n as usize)).store(v.into_ptr(), Release) };
        self.ob_size.store(n + 1, Release);
        Ok(())
    }

    /// The item at an index, without a lock.
    #[inline(always)]
    pub fn get(&self, i: usize) -> Option<PyRef> {
        ensure_shared_on_read(self);
        if i >= self.ob_size.load(Acquire) as usize {
            return None;
        }
        let items = self.items();
        // SAFETY: the array lives until this thread is quiescent; the index is checked against its own capacity.
        unsafe {
            if !items.is_null() && i < capacity_of(items) {
                // Only this thread frees its own objects: no second look is needed
                let p = (*items.add(i)).load(Acquire);
                if !p.is_null() && Object::from_ptr(p).is_owned_by_current_thread() {
                    return Some(Object::from_ptr(p).to_ref());
                }
                if let Some(r) = load_ref(&*items.add(i)) {
                    if self.items() == items {
                        return Some(r);
                    }
                }
            }
        }
        self.get_locked(i)
    }

    /// The item at an index as a frame slot, counted only if need be.
    #[inline(always)]
    pub fn get_slot(&self, i: usize) -> Option<Slot> {
        ensure_shared_on_read(self);
        if i >= self.ob_size.load(Acquire) as usize {
            return None;
        }
        let items = self.items();
        // SAFETY: the array lives until this thread is quiescent; the index is checked against its own capacity.
        unsafe {
            if !items.is_null() && i < capacity_of(items) {
                if let Some(s) = Slot::load(&*items.add(i)) {
                    if self.items() == items {
                        return Some(s);
                    }
                    s.drop();
                }
            }
        }
        self.get_locked(i).map(Slot::owned)
    }

    /// The item at an index without a reference: null when there is none. Valid until this thread's next quiescent point, as
    /// memory.
    #[inline(always)]
    pub fn peek(&self, i: usize) -> *mut abi::PyObject {
        ensure_shared_on_read(self);
        if i >= self.ob_size.load(Acquire) as usize {
            return core::ptr::null_mut();
        }
        let items = self.items();
        // SAFETY: the array lives until this thread is quiescent; the index is checked against its own capacity.
        unsafe {
            if items.is_null() || i >= capacity_of(items) {
                core::ptr::null_mut()
            } else {
                (*items.add(i)).load(Acquire)
            }
        }
    }

    #[inline(never)]
    fn get_locked(&self, i: usize) -> Option<PyRef> {
        lock!(self);
        if i >= self.len() {
            return None;
        }
        // SAFETY: in range, and the lock keeps the item (null only in a list that C code is still filling).
        unsafe {
            let p = (*self.items().add(i)).load(Relaxed);
            if p.is_null() { None } else { Some(take_ref_locked(p)) }
        }
    }

    /// Replaces an item; IndexError when out of range.
    pub fn set(&self, i: usize, v: PyRef) -> PyResult<()> {
        let old;
        {
            lock!(self);
            if i >= self.len() {
                return Err(raise!(IndexError, "list assignment index out of range"));
            }
            // SAFETY: in range; the slot owned its item.
            old = unsafe { PyRef::from_ptr_opt((*self.items().add(i)).exchange(v.into_ptr())) };
        }
        drop(old);
        Ok(())
    }

    /// The short form of `set`, without a critical section: takes `v` over and gives the old item back. `None`: the lock is
    /// not free or the index is out of range; nothing happened.
    #[inline(always)]
    pub fn try_set(&self, i: usize, v: *mut abi::PyObject) -> Option<*mut abi::PyObject> {
        // SAFETY: every object has a mutex; it is held for a few instructions.
        let m = unsafe { crate::thread::mutex::RawMutex::from_ptr((&raw const self.0.ob_mutex).cast_mut()) };
        if !m.try_lock() {
            return None;
        }
        let mut old = None;
        if i < self.len() {
            // SAFETY: in range; the lock guards the items.
            unsafe {
                let slot = &*self.items().add(i);
                old = Some(slot.load(Relaxed));
                slot.store(v, Release);
            }
        }
        m.unlock();
        old
    }

    /// Moves `count` slots from `from` to `to` (lock held).
    unsafe fn move_slots(&self, from: usize, to: usize, count: usize) {
        let a = self.items();
        // SAFETY: the caller keeps both ranges within the capacity.
        unsafe {
            if !is_shared(self) {
                core::ptr::copy(a.add(from), a.add(to), count);
            } else if to < from {
                for k in 0..count {
                    (*a.add(to + k)).store((*a.add(from + k)).load(Relaxed), Release);
                }
            } else {
                for k in (0..count).rev() {
                    (*a.add(to + k)).store((*a.add(from + k)).load(Relaxed), Release);
                }
            }
        }
    }

    /// Inserts before `i` (clamped, negative counts from the end).
    pub fn insert(&self, i: isize, v: &Object) -> PyResult<()> {
        lock!(self);
        let n = self.len();
        let i = if i < 0 { (i + n as isize).max(0) as usize } else { (i as usize).min(n) };
        self.reserve_locked(n + 1)?;
        // SAFETY: there is room for one more.
        unsafe {
            self.move_slots(i, i + 1, n - i);
            (*self.items().add(i)).store(v.to_ref().into_ptr(), Release);
        }
        self.ob_size.store(n as isize + 1, Release);
        Ok(())
    }

    /// Takes items `lo..hi` out and puts `new` in their place (lock held). The caller drops what comes back after the lock.
    pub(crate) fn splice_locked(&self, lo: usize, hi: usize, new: Vec<PyRef>) -> PyResult<Vec<PyRef>> {
        let n = self.len();
        let (removed, added) = (hi - lo, new.len());
        if added > removed {
            self.reserve_locked(n + added - removed)?;
        }
        let mut out = Vec::with_capacity(removed);
        // SAFETY: ranges within the length or the reserved capacity; references move.
        unsafe {
            let a = self.items();
            for i in lo..hi {
                out.push(PyRef::from_raw((*a.add(i)).load(Relaxed).cast()));
            }
            if added != removed {
                self.move_slots(hi, lo + added, n - hi);
            }
            for (i, v) in new.into_iter().enumerate() {
                (*a.add(lo + i)).store(v.into_ptr(), Release);
            }
            let now = n - removed + added;
            self.ob_size.store(now as isize, Release);
            for i in now..n {
                (*a.add(i)).store(null_mut(), Release);
            }
        }
        if added < removed {
            self.shrink_locked();
        }
        Ok(out)
    }

    /// Appends the items of an iterable.
    pub fn extend(&self, iterable: &Object) -> PyResult<()> {
        if let Some(l) = iterable.downcast_exact::<List>() {
            return self.append_all(l.snapshot());
        }
        if let Some(t) = iterable.downcast_exact::<Tuple>() {
            return self.append_all(t.iter().map(Object::to_ref).collect());
        }
        if let Some(d) = iterable.downcast_exact::<Dict>() {
            return self.append_all(d.keys_snapshot());
        }
        if let Some(s) = iterable.downcast_exact::<Set>() {
            return self.append_all(s.snapshot());
        }
        let it = iterable.iter()?;
        let hint = iterable.length_hint(8)?;
        {
            lock!(self);
            let n = self.len();
            if hint > isize::MAX as usize - n {
                // Too much to reserve: let the iteration find out.
            } else if n == 0 && hint > 0 && self.allocated.load(Relaxed) == 0 {
                self.resize_array(hint.saturating_add(1) & !1)?;
            }
        }
        let next = it.ty().slots().tp_iternext;
        match next {
            Some(next) => loop {
                // SAFETY: the iterator's own slot.
                let r = unsafe { PyRef::from_ptr_opt(next(it.as_ptr())) };
                match r {
                    Some(x) => self.push(x)?,
                    None => {
                        if crate::error::error_occurred() {
                            let e = Raised::already_set();
                            if e.matches(exc::StopIteration()) {
                                e.clear();
                            } else {
                                return Err(e);
                            }
                        }
                        break;
                    }
                }
            },
            None => return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str())),
        }
        // A wrong hint must not leave a large empty array behind.
        lock!(self);
        self.shrink_locked();
        Ok(())
    }

    pub(crate) fn append_all(&self, new: Vec<PyRef>) -> PyResult<()> {
        if new.is_empty() {
            return Ok(());
        }
        lock!(self);
        let n = self.len();
        if n == 0 && self.allocated.load(Relaxed) == 0 {
            self.resize_array((new.len() + 1) & !1)?;
        } else {
            self.reserve_locked(n + new.len())?;
        }
        let a = self.items();
        let now = n + new.len();
        for (i, v) in new.into_iter().enumerate() {
            // SAFETY: there is room.
            unsafe { (*a.add(n + i)).store(v.into_ptr(), Release) };
        }
        self.ob_size.store(now as isize, Release);
        Ok(())
    }

    /// Removes and returns the item at `i` (negative counts from the end).
    pub fn pop(&self, i: isize) -> PyResult<PyRef> {
        lock!(self);
        let n = self.len();
        if n == 0 {
            return Err(raise!(IndexError, "pop from empty list"));
        }
        let i = if i < 0 { i + n as isize } else { i };
        if i < 0 || i as usize >= n {
            return Err(raise!(IndexError, "pop index out of range"));
        }
        let i = i as usize;
        // SAFETY: in range; the reference moves to the caller.
        unsafe {
            let a = self.items();
            let r = PyRef::from_raw((*a.add(i)).load(Relaxed).cast());
            self.move_slots(i + 1, i, n - i - 1);
            self.ob_size.store(n as isize - 1, Release);
            (*a.add(n - 1)).store(null_mut(), Release);
            self.shrink_locked();
            Ok(r)
        }
    }

    /// All items at one moment.
    pub fn snapshot(&self) -> Vec<PyRef> {
        lock!(self);
        self.snapshot_locked(0, self.len())
    }

    /// A new list of new references to the items of `parts` (list, from, to, length), one after the other. Room is made first,
    /// without a lock: `None` when a list has another length by then.
    fn joined(parts: &[(&List, usize, usize, usize)]) -> PyResult<Option<Ref<List>>> {
        let room = parts.iter().map(|(_, lo, hi, _)| hi - lo).sum();
        let out = Self::with_capacity(room)?;
        let (to, mut n) = (out.ob_item.load(Relaxed), 0);
        for &(l, lo, hi, len) in parts {
            lock!(l);
            if l.len() != len {
                return Ok(None);
            }
            let a = l.items();
            for i in lo..hi {
                // SAFETY: in range, and the lock keeps the items; a new list with room for all parts.
                unsafe { (*to.add(n)).store(take_ref_locked((*a.add(i)).load(Relaxed)).into_ptr(), Relaxed) };
                n += 1;
            }
            out.ob_size.store(n as isize, Release);
        }
        Ok(Some(out))
    }

    /// `self + other`.
    pub(crate) fn concat(&self, other: &List) -> PyResult<Ref<List>> {
        loop {
            let (n, m) = (self.len(), other.len());
            if let Some(l) = Self::joined(&[(self, 0, n, n), (other, 0, m, m)])? {
                return Ok(l);
            }
        }
    }

    pub(crate) fn snapshot_locked(&self, lo: usize, hi: usize) -> Vec<PyRef> {
        let a = self.items();
        // SAFETY: in range, and the lock keeps the items.
        (lo..hi).map(|i| unsafe { take_ref_locked((*a.add(i)).load(Relaxed)) }).collect()
    }

    /// Removes everything.
    pub fn clear(&self) {
        let (items, n, shared);
        {
            lock!(self);
            n = self.len();
            self.ob_size.store(0, Release);
            shared = ensure_shared_on_replace(self);
            items = self.ob_item.exchange(null_mut());
            self.allocated.store(0, Relaxed);
        }
        // SAFETY: the array is out of the list; what it owned is released once.
        unsafe { Self::release_array(items, n, shared) };
    }

    /// # Safety
    /// The array is out of its list and owns its first `n` items.
    pub(crate) unsafe fn release_array(items: *mut Item, n: usize, shared: bool) {
        if items.is_null() {
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            for i in (0..n).rev() {
                let p = (*items.add(i)).load(Relaxed);
                if !p.is_null() {
                    if shared {
                        (*items.add(i)).store(null_mut(), Release);
                    }
                    crate::object::decref(p);
                }
            }
            free_items(items, shared);
        }
    }

    /// Releases the content of a dying list.
    pub(crate) unsafe fn release_content(&self) {
        let n = self.len();
        let items = self.ob_item.exchange(null_mut());
        self.ob_size.store(0, Relaxed);
        // SAFETY: nobody else reaches a dying list.
        unsafe { Self::release_array(items, n, support::is_shared(self)) };
    }

    /// Reverses in place.
    pub fn reverse(&self) {
        lock!(self);
        let n = self.len();
        let a = self.items();
        for i in 0..n / 2 {
            // SAFETY: in range.
            unsafe {
                let (x, y) = (&*a.add(i), &*a.add(n - 1 - i));
                let t = x.load(Relaxed);
                x.store(y.load(Relaxed), Release);
                y.store(t, Release);
            }
        }
    }

    /// `self[lo:hi]` with C-like clamping (`PyList_GetSlice`).
    pub fn get_slice(&self, lo: isize, hi: isize) -> PyResult<Ref<List>> {
        loop {
            let n = self.len();
            let lo = lo.clamp(0, n as isize);
            let hi = hi.clamp(lo, n as isize);
            if let Some(l) = Self::joined(&[(self, lo as usize, hi as usize, n)])? {
                return Ok(l);
            }
        }
    }

    /// `self[lo:hi] = v`, or deletes the slice (`PyList_SetSlice`).
    pub fn set_slice(&self, lo: isize, hi: isize, v: Option<&Object>) -> PyResult<()> {
        let new = match v {
            Some(v) => sequence_items(v, "can only assign an iterable")?,
            None => Vec::new(),
        };
        let old;
        {
            lock!(self);
            let n = self.len() as isize;
            let lo = lo.clamp(0, n);
            let hi = hi.clamp(lo, n);
            old = self.splice_locked(lo as usize, hi as usize, new)?;
        }
        drop(old);
        Ok(())
    }

    /// A tuple of the items at one moment.
    pub fn to_tuple_exact(&self) -> PyResult<Ref<Tuple>> {
        Tuple::from_refs(self.snapshot())
    }
}

/// The items of a list, tuple or any iterable; `msg` is the TypeError for what is not iterable.
pub(crate) fn sequence_items(v: &Object, msg: &str) -> PyResult<Vec<PyRef>> {
    if let Some(l) = v.downcast_exact::<List>() {
        return Ok(l.snapshot());
    }
    if let Some(t) = v.downcast_exact::<Tuple>() {
        return Ok(t.iter().map(Object::to_ref).collect());
    }
    let it = match v.iter() {
        Ok(it) => it,
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            return Err(raise!(TypeError, "{}", msg));
        }
        Err(e) => return Err(e),
    };
    let mut out = Vec::new();
    while let Some(x) = it.iter_next()? {
        out.push(x);
    }
    Ok(out)
}

impl List {
    /// Exchanges two items; nothing happens when an index is out of range.
    pub fn swap_items(&self, i: usize, j: usize) {
        lock!(self);
        let n = self.len();
        if i >= n || j >= n {
            return;
        }
        let a = self.items();
        // SAFETY: in range.
        unsafe {
            let (x, y) = (&*a.add(i), &*a.add(j));
            let t = x.load(Relaxed);
            x.store(y.load(Relaxed), Release);
            y.store(t, Release);
        }
    }
}
