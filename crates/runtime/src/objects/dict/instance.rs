//! Instance attributes: inline values with shared keys, the managed `__dict__` in the pre-header, and moving between them.
//!
//! An object of a type with `Py_TPFLAGS_INLINE_VALUES` has a `DictValues` right after `tp_basicsize`, laid out by the type's
//! `ht_cached_keys`. A type with `Py_TPFLAGS_MANAGED_DICT` has a dict pointer at `MANAGED_DICT_OFFSET` before the object.
//! While no dict exists the object's lock guards the values; a materialised dict uses the same values as a split table, and
//! then the dict's lock guards them. `valid` is cleared when the values leave the object for good.

use super::keys::{SPLIT, SPLIT_MAX, empty_keys, free_keys_block};
use super::{Dict, DictKeys, DictValues, EMPTY, hash_of};
use crate::objects::support::Exchange;
use crate::objects::support::{
    ensure_shared_on_read, free_block, is_shared, lock, mark_shared, no_memory, take_ref_locked,
};
use crate::prelude::*;
use crate::thread::load_ref;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Where the managed `__dict__` pointer lies, relative to the object.
pub const MANAGED_DICT_OFFSET: isize = -8;
/// Where the managed weak reference list lies, relative to the object.
pub const MANAGED_WEAKREF_OFFSET: isize = -16;

/// New shared keys for a heap type's instances, for up to 30 names.
pub fn new_shared_keys() -> *mut DictKeys {
    new_shared_keys_for(SPLIT_MAX)
}

/// New shared keys with room for `names` names (at least 4, at most 30). Null when memory is short.
pub fn new_shared_keys_for(names: usize) -> *mut DictKeys {
    let n = names.clamp(4, SPLIT_MAX);
    let k = DictKeys::alloc(super::log2_for_entries(n), SPLIT);
    if !k.is_null() {
        // SAFETY: a new table; its entries array has room for `n`.
        unsafe { (*k).usable.store(n as isize, Relaxed) };
    }
    k
}

/// Gives up a reference to shared keys.
/// # Safety
/// The caller owns one reference.
pub unsafe fn release_keys(keys: *mut DictKeys) {
    if keys.is_null() || keys == empty_keys() {
        return;
    }
    // SAFETY: the caller's reference keeps the keys until here.
    unsafe {
        if (*keys).refcnt.fetch_sub(1, AcqRel) != 1 {
            return;
        }
        let n = (*keys).len_entries();
        let names: Vec<Option<PyRef>> = (0..n).map(|i| PyRef::from_ptr_opt((*keys).u(i).key.load(Relaxed))).collect();
        free_keys_block(keys, true);
        drop(names);
    }
}

fn retain_keys(keys: &DictKeys) {
    keys.refcnt.fetch_add(1, Relaxed);
}

/// Values a table of these shared keys needs.
#[inline(always)]
pub(crate) fn capacity_of(keys: &DictKeys) -> usize {
    (keys.usable.load(Relaxed) + keys.nentries.load(Relaxed)) as usize
}

/// Bytes to add to `tp_basicsize` for inline values laid out by `keys`.
pub fn inline_values_size(keys: *mut DictKeys) -> usize {
    // SAFETY: shared keys of a type.
    DictValues::bytes(unsafe { capacity_of(&*keys) })
}

/// Adds a name to shared keys; its index, or `EMPTY` when they are full.
/// # Safety
/// `key` is an exact `str`.
pub(crate) unsafe fn shared_insert(keys: &DictKeys, key: &Object, hash: isize) -> isize {
    // SAFETY: an exact str; entries of shared keys are never removed.
    unsafe {
        let name = key.cast::<Str>();
        let ix = keys.find_str(name, hash);
        if ix != EMPTY {
            return ix;
        }
        crate::thread::RawMutex::from_abi(&keys.mutex).lock();
        let mut ix = keys.find_str(name, hash);
        if ix == EMPTY && keys.usable.load(Relaxed) > 0 {
            let i = keys.nentries.load(Relaxed);
            keys.u(i as usize).key.store(key.to_ref().into_ptr(), Release);
            keys.usable.store(keys.usable.load(Relaxed) - 1, Relaxed);
            keys.nentries.store(i + 1, Release);
            keys.set_index(keys.free_slot(hash), i);
            ix = i;
        }
        crate::thread::RawMutex::from_abi(&keys.mutex).unlock();
        ix
    }
}

/// Releases a value array whose values have moved elsewhere.
/// # Safety
/// The array belongs to the caller's dict.
pub(crate) unsafe fn discard_moved_values(vp: *mut DictValues, shared: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*vp).embedded == 0 {
            free_block(vp.cast(), shared);
            return;
        }
        (*vp).valid.store(0, Release);
        (*vp).size.store(0, Relaxed);
        for i in 0..(*vp).capacity as usize {
            (*vp).slot(i).store(null_mut(), Release);
        }
    }
}

/// Shared keys of a heap type, if it has them.
#[inline(always)]
pub fn cached_keys(ty: &Type) -> Option<&DictKeys> {
    if ty.flags() & (abi::Py_TPFLAGS_HEAPTYPE as u64) == 0 {
        return None;
    }
    // SAFETY: a heap type has the long layout; its keys live as long as it, replaced ones for a grace period.
    unsafe { keys_slot(ty).load(Acquire).as_ref() }
}

/// The place of a heap type's shared keys, which `grow_shared_keys` replaces.
///
/// # Safety
/// `ty` is a heap type.
#[inline(always)]
unsafe fn keys_slot(ty: &Type) -> &AtomicPtr<DictKeys> {
    // SAFETY: the caller's promise: the long layout.
    unsafe {
        AtomicPtr::from_ptr(
            (&raw mut (*ty.as_raw().cast::<abi::PyHeapTypeObject>()).ht_cached_keys).cast::<*mut DictKeys>(),
        )
    }
}

#[inline(always)]
fn has_inline_values(obj: &Object) -> bool {
    obj.ty().flags() & (abi::Py_TPFLAGS_INLINE_VALUES as u64) != 0
}

/// The inline values of an object of a type with `Py_TPFLAGS_INLINE_VALUES`.
#[inline(always)]
pub fn inline_values(obj: &Object) -> &DictValues {
    // SAFETY: such an object has the values after its basic size.
    unsafe { &*obj.as_ptr().cast::<u8>().add((*obj.ty().as_raw()).tp_basicsize as usize).cast() }
}

/// How many inline values a new instance of a type gets. Instances of one type may differ in that: each knows its own.
/// # Safety
/// `ty` is a heap type with `Py_TPFLAGS_INLINE_VALUES`.
#[inline(always)]
pub unsafe fn new_capacity(ty: *mut abi::PyTypeObject) -> usize {
    // SAFETY: the caller's promise.
    unsafe { cached_keys(Type::from_ptr(ty)).map_or(0, capacity_of) }
}

/// Bytes of inline values for `capacity` of them.
#[inline(always)]
pub fn inline_values_bytes(capacity: usize) -> usize {
    DictValues::bytes(capacity)
}

/// Initialises the inline values area of a new object.
/// # Safety
/// The object is new, of a type with `Py_TPFLAGS_INLINE_VALUES`, allocated with room for the values.
#[inline(always)]
pub unsafe fn init_inline_values(obj: &Object, capacity: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let p = (inline_values(obj) as *const DictValues).cast_mut();
        if capacity == 0 {
            core::ptr::write_bytes(p.cast::<u8>(), 0, size_of::<DictValues>());
        } else {
            DictValues::init(p, capacity, true);
        }
    }
}

/// Gives later instances of a type more room, when its shared keys are full and an instance wanted one name more: a larger
/// table with the same names under the same numbers takes the place of the old one.
#[cold]
#[inline(never)]
fn grow_shared_keys(ty: &Type) {
    let Some(old) = cached_keys(ty) else { return };
    let capacity = capacity_of(old);
    if capacity >= SPLIT_MAX || old.usable.load(Relaxed) > 0 {
        return;
    }
    let new = new_shared_keys_for(capacity * 2);
    if new.is_null() {
        return;
    }
    // SAFETY: a heap type with the long layout.
    let slot = unsafe { keys_slot(ty) };
    let old_ptr = (old as *const DictKeys).cast_mut();
    let mutex = crate::thread::RawMutex::from_abi(&old.mutex);
    // Full keys take no names, so their entries hold still; the lock keeps a second thread from doing the same.
    mutex.lock();
    let mine = slot.load(Relaxed) == old_ptr;
    if mine {
        // SAFETY: entries below `nentries` are complete; the new table has more room and nobody else sees it.
        unsafe {
            let n = old.len_entries();
            for i in 0..n {
                let key = Object::from_ptr(old.u(i).key.load(Acquire));
                (*new).u(i).key.store(key.to_ref().into_ptr(), Relaxed);
                (*new).set_index((*new).free_slot(key.cast::<Str>().hash_value()), i as isize);
            }
            (*new).usable.store((*new).usable.load(Relaxed) - n as isize, Relaxed);
            (*new).nentries.store(n as isize, Relaxed);
            slot.store(new, Release);
        }
    }
    mutex.unlock();
    unsafe fn release(p: *mut c_void) {
        // SAFETY: retired once, with the type's reference.
        unsafe { release_keys(p.cast()) }
    }
    // SAFETY: the type's reference to the old keys, which others may be reading; or a table nobody has seen.
    unsafe {
        if mine {
            crate::mem::qsbr::retire(old_ptr.cast(), release);
        } else {
            release_keys(new);
        }
    }
}

/// The managed dict slot.
#[inline(always)]
pub fn managed_dict_slot(obj: &Object) -> &AtomicPtr<Dict> {
    // SAFETY: the caller's type has a managed dict in the pre-header.
    unsafe { &*obj.as_ptr().cast::<u8>().offset(MANAGED_DICT_OFFSET).cast() }
}

#[inline(always)]
fn dict_slot(obj: &Object) -> &AtomicPtr<abi::PyObject> {
    // SAFETY: as above; one pointer either way.
    unsafe { &*(managed_dict_slot(obj) as *const AtomicPtr<Dict>).cast() }
}

/// The materialised `__dict__`, if there is one.
#[inline]
pub fn managed_dict(obj: &Object) -> Option<Ref<Dict>> {
    let slot = dict_slot(obj);
    if slot.load(Acquire).is_null() {
        return None;
    }
    if let Some(d) = load_ref(slot) {
        // SAFETY: the slot holds a dict.
        return Some(unsafe { d.cast_into() });
    }
    lock!(obj);
    let p = slot.load(Acquire);
    // SAFETY: writers of the slot hold the object's lock.
    if p.is_null() { None } else { Some(unsafe { take_ref_locked(p).cast_into() }) }
}

/// The `__dict__` of an object with a managed dict, materialised when needed.
pub fn materialize_dict(obj: &Object) -> PyResult<Ref<Dict>> {
    if let Some(d) = managed_dict(obj) {
        return Ok(d);
    }
    let new = Dict::new()?;
    lock!(obj);
    let slot = managed_dict_slot(obj);
    let p = slot.load(Acquire);
    if !p.is_null() {
        // SAFETY: writers of the slot hold the object's lock.
        return Ok(unsafe { take_ref_locked(p.cast()).cast_into() });
    }
    if has_inline_values(obj) {
        let values = inline_values(obj);
        if values.valid.load(Acquire) != 0 {
            if let Some(keys) = cached_keys(obj.ty()) {
                retain_keys(keys);
                new.ma_used.store(values.size.load(Relaxed) as isize, Relaxed);
                new.ma_values.store((values as *const DictValues).cast_mut(), Release);
                new.ma_keys.store((keys as *const DictKeys).cast_mut(), Release);
            }
        }
    }
    slot.store(new.clone().into_raw(), Release);
    Ok(new)
}

/// Reads an instance attribute (inline values or managed dict). The object's type has `Py_TPFLAGS_MANAGED_DICT`.
#[inline]
pub fn object_getattr_inline(obj: &Object, name: &Str) -> PyResult<Option<PyRef>> {
    if has_inline_values(obj) {
        let values = inline_values(obj);
        if values.valid.load(Acquire) != 0 {
            let keys = cached_keys(obj.ty());
            if let Some(Some(ix)) = keys.map(|k| k.find_str_lockfree(name, name.hash_value())) {
                if ix == EMPTY || ix as usize >= values.capacity as usize {
                    if values.valid.load(Acquire) != 0 {
                        return Ok(None);
                    }
                } else {
                    // SAFETY: below the capacity.
                    let slot = unsafe { values.slot(ix as usize) };
                    if slot.load(Acquire).is_null() {
                        if values.valid.load(Acquire) != 0 {
                            return Ok(None);
                        }
                    } else if let Some(v) = load_ref(slot) {
                        if values.valid.load(Acquire) != 0 {
                            return Ok(Some(v));
                        }
                    }
                }
            }
            // Contended: look with the lock that guards the values.
            if managed_dict_slot(obj).load(Acquire).is_null() {
                lock!(obj);
                if managed_dict_slot(obj).load(Acquire).is_null() && values.valid.load(Acquire) != 0 {
                    // SAFETY: shared keys only grow; the lock keeps the values.
                    unsafe {
                        let ix = keys.map_or(EMPTY, |k| k.find_str(name, name.hash_value()));
                        if ix < 0 || ix as usize >= values.capacity as usize {
                            return Ok(None);
                        }
                        let p = values.slot(ix as usize).load(Acquire);
                        return Ok(if p.is_null() { None } else { Some(take_ref_locked(p)) });
                    }
                }
            }
        }
    }
    match managed_dict(obj) {
        Some(d) => d.get(name),
        None => Ok(None),
    }
}

/// Sets (`Some`) or deletes (`None`) an instance attribute; `Ok(false)`: delete of an absent attribute.
pub fn object_setattr_inline(obj: &Object, name: &Str, value: Option<&Object>) -> PyResult<bool> {
    if has_inline_values(obj) && managed_dict_slot(obj).load(Acquire).is_null() && super::is_exact_str(name) {
        let mut old = None;
        let mut done = false;
        let mut full = false;
        {
            lock!(obj);
            let values = inline_values(obj);
            if managed_dict_slot(obj).load(Acquire).is_null() && values.valid.load(Acquire) != 0 {
                if let Some(keys) = cached_keys(obj.ty()) {
                    let hash = name.hash_value();
                    // SAFETY: an exact str; the lock keeps the values.
                    unsafe {
                        let ix =
                            if value.is_some() { shared_insert(keys, name, hash) } else { keys.find_str(name, hash) };
                        if ix >= 0 && (ix as usize) < values.capacity as usize {
                            let slot = values.slot(ix as usize);
                            if slot.load(Relaxed).is_null() {
                                match value {
                                    None => return Ok(false),
                                    Some(_) => values.push_order(ix as usize),
                                }
                            } else if value.is_none() {
                                values.remove_order(ix as usize);
                            }
                            let new = value.map_or(null_mut(), |v| v.to_ref().into_ptr());
                            old = PyRef::from_ptr_opt(slot.exchange(new));
                            done = true;
                        } else if value.is_none() {
                            return Ok(false);
                        } else {
                            full = ix < 0;
                        }
                    }
                }
            }
        }
        drop(old);
        if done {
            return Ok(true);
        }
        if full {
            grow_shared_keys(obj.ty());
        }
    }
    match value {
        Some(v) => {
            let d = materialize_dict(obj)?;
            d.set(name, v)?;
            Ok(true)
        }
        None => match managed_dict(obj) {
            Some(d) => d.del(name),
            None if has_inline_values(obj) && inline_values(obj).valid.load(Acquire) != 0 => {
                materialize_dict(obj)?.del(name)
            }
            None => Ok(false),
        },
    }
}

/// Value index of `name` in the type's shared keys, for caches.
pub fn shared_key_index(ty: &Type, name: &Str) -> Option<usize> {
    let keys = cached_keys(ty)?;
    // SAFETY: entries of shared keys are never removed.
    let ix = unsafe { keys.find_str(name, hash_of(name).ok()?) };
    (ix >= 0).then_some(ix as usize)
}

/// As `shared_key_index`, adding the name when there is room.
pub fn shared_key_index_or_insert(ty: &Type, name: &Str) -> Option<usize> {
    let keys = cached_keys(ty)?;
    if !super::is_exact_str(name) {
        return None;
    }
    // SAFETY: an exact str.
    let ix = unsafe { shared_insert(keys, name, name.hash_value()) };
    (ix >= 0).then_some(ix as usize)
}

/// Keys version of a type's shared keys (0: none). Shared keys only grow, so an index stays right while the type does.
pub fn shared_keys_version(ty: &Type) -> u32 {
    let Some(keys) = cached_keys(ty) else { return 0 };
    let v = keys.version.load(Acquire);
    if v != 0 {
        return v;
    }
    let v = super::keys::next_version();
    match keys.version.compare_exchange(0, v, AcqRel, Acquire) {
        Ok(_) => v,
        Err(now) => now,
    }
}

/// Cache hit path: the inline value at `index`, lock-free; `None`: empty or not valid (slow path).
#[inline(always)]
pub fn inline_value_at(obj: &Object, index: usize) -> Option<PyRef> {
    let values = inline_values(obj);
    if values.valid.load(Acquire) == 0 || index >= values.capacity as usize {
        return None;
    }
    // SAFETY: below the capacity.
    let v = load_ref(unsafe { values.slot(index) })?;
    if values.valid.load(Acquire) == 0 { None } else { Some(v) }
}

/// The same without a reference: null when there is none. Valid until this thread's next quiescent point, as memory.
#[inline(always)]
pub fn inline_value_ptr(obj: &Object, index: usize) -> *mut abi::PyObject {
    let values = inline_values(obj);
    if values.valid.load(Acquire) == 0 || index >= values.capacity as usize {
        return null_mut();
    }
    // SAFETY: below the capacity.
    unsafe { values.slot(index) }.load(Acquire)
}

/// Cache hit path of a store: replaces or sets the inline value; gives the value back when the slow path must do it.
#[inline(always)]
pub fn store_inline_value_at(obj: &Object, index: usize, value: PyRef) -> Result<(), PyRef> {
    let values = inline_values(obj);
    let old;
    {
        lock!(obj);
        if values.valid.load(Acquire) == 0
            || index >= values.capacity as usize
            || !managed_dict_slot(obj).load(Acquire).is_null()
        {
            return Err(value);
        }
        // SAFETY: below the capacity; the lock guards the values.
        unsafe {
            let slot = values.slot(index);
            if slot.load(Relaxed).is_null() {
                values.push_order(index);
            }
            old = PyRef::from_ptr_opt(slot.exchange(value.into_ptr()));
        }
    }
    drop(old);
    Ok(())
}

/// The short form of `store_inline_value_at`, without a critical section: takes `value` over and gives the old one back.
/// `None`: the lock is not free or the values are not in use; nothing happened.
#[inline(always)]
pub fn try_store_inline_value_at(obj: &Object, index: usize, value: *mut abi::PyObject) -> Option<*mut abi::PyObject> {
    let values = inline_values(obj);
    // SAFETY: every object has a mutex; it is held for a few instructions.
    let m = unsafe { crate::thread::mutex::RawMutex::from_ptr((&raw const obj.0.ob_mutex).cast_mut()) };
    if !m.try_lock() {
        return None;
    }
    let mut old = None;
    if values.valid.load(Acquire) != 0
        && index < values.capacity as usize
        && managed_dict_slot(obj).load(Acquire).is_null()
    {
        // SAFETY: below the capacity; the lock guards the values.
        unsafe {
            let slot = values.slot(index);
            let p = slot.load(Relaxed);
            if p.is_null() {
                values.push_order(index);
            }
            slot.store(value, Release);
            old = Some(p);
        }
    }
    m.unlock();
    old
}

/// Moves the inline values that `dict` uses into an array of its own.
fn detach(dict: &Dict, obj: &Object) -> PyResult<()> {
    if !has_inline_values(obj) {
        return Ok(());
    }
    let values = inline_values(obj);
    let vp = (values as *const DictValues).cast_mut();
    if dict.ma_values.load(Acquire) != vp {
        return Ok(());
    }
    let capacity = values.capacity as usize;
    let new = DictValues::alloc(capacity);
    if new.is_null() {
        return Err(no_memory());
    }
    lock!(dict);
    // SAFETY: the dict's lock guards values and array; the references move.
    unsafe {
        if dict.ma_values.load(Relaxed) != vp {
            free_block(new.cast(), false);
            return Ok(());
        }
        let mut pos = 0;
        while let Some(ix) = values.order(pos) {
            pos += 1;
            (*new).push_order(ix);
        }
        for i in 0..capacity {
            (*new).slot(i).store(values.slot(i).load(Relaxed), Relaxed);
        }
        if is_shared(dict) || !dict.is_owned_by_current_thread() {
            // Readers of the dict may still look into the object's memory.
            mark_shared(dict);
            mark_shared(obj);
        }
        dict.ma_values.store(new, Release);
        discard_moved_values(vp, true);
    }
    Ok(())
}

/// Takes the values out of the object for good: what a `__class__` assignment to another layout needs.
pub fn detach_inline_values(obj: &Object) -> PyResult<()> {
    if has_inline_values(obj) && inline_values(obj).valid.load(Acquire) != 0 {
        let d = materialize_dict(obj)?;
        detach(&d, obj)?;
    }
    Ok(())
}

/// `obj.__dict__ = new` / `del obj.__dict__` for a managed dict.
pub fn set_managed_dict(obj: &Object, new: Option<&Dict>) -> PyResult<()> {
    detach_inline_values(obj)?;
    let old = {
        lock!(obj);
        let p = new.map_or(null_mut(), |d| Ref::new_ref(d).into_raw());
        managed_dict_slot(obj).swap(p, AcqRel)
    };
    // SAFETY: the slot owned its dict.
    drop(unsafe { PyRef::from_ptr_opt(old.cast()) });
    Ok(())
}

/// `PyObject_VisitManagedDict`.
/// # Safety
/// As for `tp_traverse`.
pub unsafe fn visit_managed_dict(obj: *mut abi::PyObject, visit: abi::visitproc, arg: *mut c_void) -> c_int {
    let Some(visit) = visit else { return 0 };
    // SAFETY: the collector's promise: nothing changes meanwhile.
    unsafe {
        let o = Object::from_ptr(obj);
        if o.ty().flags() & (abi::Py_TPFLAGS_MANAGED_DICT as u64) == 0 {
            return 0;
        }
        let d = managed_dict_slot(o).load(Acquire);
        if !d.is_null() {
            // A dict over the inline values visits them itself.
            let r = visit(d.cast(), arg);
            if r != 0
                || !has_inline_values(o)
                || (*d).ma_values.load(Relaxed) == (inline_values(o) as *const DictValues).cast_mut()
            {
                return r;
            }
        }
        if has_inline_values(o) {
            let values = inline_values(o);
            if values.valid.load(Acquire) != 0 {
                for i in 0..values.capacity as usize {
                    let p = values.slot(i).load(Relaxed);
                    if !p.is_null() {
                        let r = visit(p, arg);
                        if r != 0 {
                            return r;
                        }
                    }
                }
            }
        }
    }
    0
}

/// `PyObject_ClearManagedDict`: drops the instance attributes; a dict that lives on gets the values.
/// # Safety
/// As for `tp_clear` or the begin of `tp_dealloc`.
pub unsafe fn clear_managed_dict(obj: *mut abi::PyObject) {
    // SAFETY: the caller's promise.
    let o = unsafe { Object::from_ptr(obj) };
    if o.ty().flags() & (abi::Py_TPFLAGS_MANAGED_DICT as u64) == 0 {
        return;
    }
    let slot = managed_dict_slot(o);
    let d = slot.load(Acquire);
    if !d.is_null() {
        // SAFETY: the slot owns its dict.
        let d: Ref<Dict> = unsafe { Ref::from_raw(slot.exchange(null_mut())) };
        if let Err(e) = detach(&d, o) {
            // No memory to move the values to: they go with the object.
            e.clear();
            d.clear();
            let kp = d.ma_keys.load(Relaxed);
            d.ma_keys.store(empty_keys(), Release);
            d.ma_values.store(null_mut(), Release);
            // SAFETY: the dict owned a reference to the shared keys.
            unsafe { release_keys(kp) };
        }
        drop(d);
        return;
    }
    if has_inline_values(o) {
        let values = inline_values(o);
        if values.valid.load(Acquire) != 0 {
            for i in 0..values.capacity as usize {
                // SAFETY: below the capacity; the slot owned its value.
                drop(unsafe { PyRef::from_ptr_opt(values.slot(i).exchange(null_mut())) });
            }
            values.size.store(0, Release);
        }
    }
}

/// Marks an object for reading by a thread that does not own it, before its inline values are read in a loop.
#[inline(always)]
pub fn prepare_read(obj: &Object) {
    ensure_shared_on_read(obj);
}
