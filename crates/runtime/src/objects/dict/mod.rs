//! `dict`: compact, insertion-ordered hash table. Reads take no lock; writers hold the object's critical section.
//!
//! A reader loads `ma_keys`, probes, takes a reference to the value if its count allows it, and then checks that the entry and
//! `ma_keys` are what it saw; whatever gets in the way sends it to the locked path. Comparisons may run Python code: after one,
//! the table is checked again and the search restarts when it changed. Displaced objects are released after the lock.

use crate::interp::slot::{Held, Slot, is_uncounted};
use crate::objects::singletons::unready_type;
use crate::objects::support::Exchange;
use crate::objects::support::{
    self, ensure_shared_on_read, ensure_shared_on_replace, lock, no_memory, take_ref_locked,
};
use crate::prelude::*;
use crate::thread::load_ref;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicIsize, AtomicPtr, AtomicU64};

pub mod instance;
pub mod iter;
pub mod keys;
pub mod merge;
pub mod methods;
pub mod views;
pub mod watch;

pub(crate) use keys::{DELETED, EMPTY, GENERAL, SPLIT, UNICODE, hash_of, is_exact_str, raw_hash, unhashable};
pub use keys::{DictKeys, DictValues};
use keys::{cached_str_hash, empty_keys, free_keys_block, log2_for_entries, log2_for_slots};

/// Layout of `dict` objects.
#[repr(C)]
pub struct Dict {
    header: abi::PyObject,
    pub(crate) ma_used: AtomicIsize,
    /// Low byte: the watchers of this dict.
    pub(crate) ma_tag: AtomicU64,
    pub(crate) ma_keys: AtomicPtr<DictKeys>,
    /// Non-null for a split table: the values; the keys are shared.
    pub(crate) ma_values: AtomicPtr<DictValues>,
}
const _: () = assert!(size_of::<Dict>() == size_of::<abi::PyDictObject>());

#[unsafe(no_mangle)]
pub static mut PyDict_Type: Type = unready_type();
py_layout!(Dict, PyDict_Type, abi::Py_TPFLAGS_DICT_SUBCLASS);

#[inline(always)]
fn is_exact_int(o: &Object) -> bool {
    core::ptr::eq(o.ty(), Int::type_object())
}

/// Outcome of a search.
pub(crate) enum Find {
    At(usize),
    Absent,
    /// A writer got in the way.
    Retry,
}

/// What a change pushed out; drop it after the lock.
#[derive(Default)]
pub(crate) struct Displaced {
    pub key: Option<PyRef>,
    pub value: Option<PyRef>,
}

/// Owned value out of a slot's pointer.
/// # Safety
/// The pointer, if not null, is a reference the caller took over.
#[inline(always)]
unsafe fn own(p: *mut abi::PyObject) -> Option<PyRef> {
    // SAFETY: the caller's promise.
    unsafe { PyRef::from_ptr_opt(p) }
}

impl Dict {
    /// A new empty dict.
    #[inline]
    pub fn new() -> PyResult<Ref<Dict>> {
        Self::new_of(Dict::type_object())
    }

    /// A new empty dict of a subclass.
    #[inline]
    pub fn new_of(ty: &Type) -> PyResult<Ref<Dict>> {
        let d = crate::typeobject::alloc_object::<Dict>(ty)?;
        d.ma_keys.store(empty_keys(), Release);
        crate::mem::gc::track(&d);
        Ok(d)
    }

    /// A new dict with room for `n` entries.
    pub fn with_capacity(n: usize) -> PyResult<Ref<Dict>> {
        let d = Self::new()?;
        if n > 0 {
            d.reserve_unicode(n)?;
        }
        Ok(d)
    }

    fn reserve_unicode(&self, n: usize) -> PyResult<()> {
        if self.ma_keys.load(Relaxed) == empty_keys() {
            let k = DictKeys::alloc(log2_for_entries(n), UNICODE);
            if k.is_null() {
                return Err(no_memory());
            }
            self.ma_keys.store(k, Release);
        }
        Ok(())
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.ma_used.load(Relaxed) as usize
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(crate) fn keys(&self) -> &DictKeys {
        // SAFETY: the keys live while the dict points to them, and until this thread is quiescent after that.
        unsafe { &*self.ma_keys.load(Acquire) }
    }

    // ------------------------------------------------------------------------------------------ search

    /// Finds the entry of `key`. With `locked` the caller holds the critical section.
    pub(crate) fn find(&self, keys: &DictKeys, key: &Object, hash: isize, locked: bool) -> PyResult<Find> {
        let exact = is_exact_str(key);
        if exact && keys.kind != GENERAL {
            // SAFETY: an exact str; with the lock no entry is removed.
            let ix = unsafe {
                let s = key.cast::<Str>();
                if locked { Some(keys.find_str(s, hash)) } else { keys.find_str_lockfree(s, hash) }
            };
            return Ok(match ix {
                None => Find::Retry,
                Some(EMPTY) => Find::Absent,
                Some(ix) => Find::At(ix as usize),
            });
        }
        let general = keys.is_general();
        let (log2, kind) = (keys.log2_size, keys.kind);
        let mut p = keys::Probe::new(hash, keys.mask());
        loop {
            let ix = keys.index(p.slot);
            if ix == EMPTY {
                return Ok(Find::Absent);
            }
            if ix >= 0 {
                // SAFETY: indices in the table are below its capacity; see `find_str_lockfree` for the hash.
                unsafe {
                    let slot = keys.key_slot(ix as usize);
                    let k = slot.load(Acquire);
                    if k == key.as_ptr() {
                        return Ok(Find::At(ix as usize));
                    }
                    if k.is_null() {
                        return Ok(Find::Retry);
                    }
                    let h = if general { keys.g(ix as usize).hash.load(Relaxed) } else { cached_str_hash(k) };
                    if h == hash {
                        if locked && is_exact_int(key) {
                            let o = Object::from_ptr(k);
                            if is_exact_int(o) {
                                // Comparing ints runs no Python code, and the lock keeps the key.
                                if o.eq(key)? {
                                    return Ok(Find::At(ix as usize));
                                }
                                p.advance();
                                continue;
                            }
                        }
                        if exact && !locked {
                            // SAFETY: type-stable memory until this thread's next quiescent point.
                            let o = Object::from_ptr(k);
                            if is_uncounted(o) && slot.load(Acquire) == k && is_exact_str(o) {
                                // Nobody frees it before that point: no reference is needed.
                                if o.cast::<Str>().eq_data(key.cast::<Str>()) {
                                    return Ok(Find::At(ix as usize));
                                }
                                p.advance();
                                continue;
                            }
                        }
                        let kr = if locked {
                            take_ref_locked(k)
                        } else {
                            match load_ref(slot) {
                                Some(r) => {
                                    crate::mem::refcount::shared_read(&r);
                                    r
                                }
                                None => return Ok(Find::Retry),
                            }
                        };
                        if exact && is_exact_str(&kr) {
                            if kr.cast::<Str>().eq_data(key.cast::<Str>()) {
                                return Ok(Find::At(ix as usize));
                            }
                        } else if is_exact_int(key) && is_exact_int(&kr) {
                            if kr.eq(key)? {
                                return Ok(Find::At(ix as usize));
                            }
                        } else {
                            let same = kr.eq(key)?;
                            // The comparison may have run anything: is this still our table and entry?
                            let now = self.ma_keys.load(Acquire);
                            if !core::ptr::eq(now, keys)
                                || (*now).log2_size != log2
                                || (*now).kind != kind
                                || slot.load(Acquire) != kr.as_ptr()
                            {
                                return Ok(Find::Retry);
                            }
                            if same {
                                return Ok(Find::At(ix as usize));
                            }
                        }
                    }
                }
            }
            p.advance();
        }
    }

    /// Finds with the lock held: restarts until the table holds still. `Some(ix)`: the entry (its value may be null in a split
    /// table).
    pub(crate) fn find_locked(&self, key: &Object, hash: isize) -> PyResult<Option<usize>> {
        loop {
            match self.find(self.keys(), key, hash, true)? {
                Find::At(ix) => {
                    let v = self.ma_values.load(Relaxed);
                    // An instance may have fewer values than its type has shared names by now.
                    // SAFETY: the values of a split table live as long as the dict points to them.
                    return Ok(if !v.is_null() && ix >= unsafe { (*v).capacity } as usize { None } else { Some(ix) });
                }
                Find::Absent => return Ok(None),
                Find::Retry => {}
            }
        }
    }

    /// Value slot of entry `ix` of the current table (lock held).
    pub(crate) fn slot_locked(&self, ix: usize) -> &AtomicPtr<abi::PyObject> {
        let v = self.ma_values.load(Relaxed);
        // SAFETY: `ix` comes from a search in the current table.
        unsafe { if v.is_null() { &*(self.keys().value_slot(ix) as *const _) } else { &*((*v).slot(ix) as *const _) } }
    }

    /// The value under `key` without a lock: `None` when a writer got in the way.
    #[inline]
    fn get_lockfree<T>(
        &self,
        key: &Object,
        hash: isize,
        load: impl Fn(&AtomicPtr<abi::PyObject>) -> Option<T>,
    ) -> PyResult<Option<Option<T>>> {
        let kp = self.ma_keys.load(Acquire);
        // SAFETY: the keys live until this thread is quiescent; `find` checks them after running Python code.
        let keys = unsafe { &*kp };
        let kind = keys.kind;
        let ix = match self.find(keys, key, hash, false)? {
            Find::At(ix) => ix,
            Find::Absent => return Ok(Some(None)),
            Find::Retry => return Ok(None),
        };
        // SAFETY: as above; `ix` is an entry of this table, and of the values of the dict that uses it.
        unsafe {
            if kind == SPLIT {
                let vp = self.ma_values.load(Acquire);
                if vp.is_null() || ix >= (*vp).capacity as usize {
                    return Ok(None);
                }
                let slot = (*vp).slot(ix);
                if slot.load(Acquire).is_null() {
                    return Ok(if self.ma_values.load(Acquire) == vp { Some(None) } else { None });
                }
                let Some(v) = load(slot) else { return Ok(None) };
                if self.ma_values.load(Acquire) == vp && self.ma_keys.load(Acquire) == kp {
                    return Ok(Some(Some(v)));
                }
                return Ok(None);
            }
            let k = keys.key_slot(ix).load(Acquire);
            let Some(v) = load(keys.value_slot(ix)) else { return Ok(None) };
            if !k.is_null()
                && keys.key_slot(ix).load(Acquire) == k
                && (k == key.as_ptr() || !is_reused(keys, ix, hash))
                && self.ma_keys.load(Acquire) == kp
            {
                return Ok(Some(Some(v)));
            }
        }
        Ok(None)
    }

    /// The value under `key`, or `None`.
    #[inline]
    pub fn get(&self, key: &Object) -> PyResult<Option<PyRef>> {
        let hash = hash_of(key)?;
        self.get_known_hash(key, hash)
    }

    /// The value under `key` whose hash is known.
    #[inline]
    pub fn get_known_hash(&self, key: &Object, hash: isize) -> PyResult<Option<PyRef>> {
        ensure_shared_on_read(self);
        if let Some(r) = self.get_lockfree(key, hash, load_ref)? {
            return Ok(r);
        }
        self.get_locked(key, hash)
    }

    /// `get` for a frame slot, counted only if need be.
    #[inline]
    pub fn get_slot(&self, key: &Object) -> PyResult<Option<Slot>> {
        let hash = hash_of(key)?;
        ensure_shared_on_read(self);
        if let Some(r) = self.get_lockfree(key, hash, |place| Slot::load(place).map(Held))? {
            return Ok(r.map(Held::into_slot));
        }
        Ok(self.get_locked(key, hash)?.map(Slot::owned))
    }

    #[inline(never)]
    fn get_locked(&self, key: &Object, hash: isize) -> PyResult<Option<PyRef>> {
        lock!(self);
        let Some(ix) = self.find_locked(key, hash)? else { return Ok(None) };
        let p = self.slot_locked(ix).load(Acquire);
        // SAFETY: the lock keeps the entry, and with it the value.
        Ok(if p.is_null() { None } else { Some(unsafe { take_ref_locked(p) }) })
    }

    /// The value under an exact `str`.
    #[inline]
    pub fn get_str(&self, key: &Str) -> PyResult<Option<PyRef>> {
        self.get(key)
    }

    /// Whether `key` is in the dict.
    pub fn contains(&self, key: &Object) -> PyResult<bool> {
        let hash = hash_of(key)?;
        ensure_shared_on_read(self);
        let keys = self.keys();
        if keys.kind != SPLIT {
            match self.find(keys, key, hash, false)? {
                Find::At(_) => return Ok(true),
                Find::Absent => return Ok(false),
                Find::Retry => {}
            }
        }
        lock!(self);
        Ok(self.find_locked(key, hash)?.is_some_and(|ix| !self.slot_locked(ix).load(Acquire).is_null()))
    }

    /// The value under a C string's worth of text.
    pub fn get_item_str(&self, key: &str) -> PyResult<Option<PyRef>> {
        let k = Str::new(key)?;
        self.get(&k)
    }

    // ------------------------------------------------------------------------------------------ change

    /// `self[key] = value`.
    #[inline]
    pub fn set(&self, key: &Object, value: &Object) -> PyResult<()> {
        self.insert(key.to_ref(), value.to_ref())
    }

    /// Sets, taking over both references.
    #[inline]
    pub fn insert(&self, key: PyRef, value: PyRef) -> PyResult<()> {
        let hash = hash_of(&key)?;
        self.insert_known_hash(key, hash, value)
    }

    /// Sets under a key whose hash is known.
    #[inline]
    pub fn insert_known_hash(&self, key: PyRef, hash: isize, value: PyRef) -> PyResult<()> {
        let displaced = {
            lock!(self);
            self.insert_locked(key, hash, value)?
        };
        drop(displaced);
        Ok(())
    }

    /// Sets under an interned copy of `key`.
    pub fn set_str(&self, key: &str, value: &Object) -> PyResult<()> {
        self.set(Str::intern(key), value)
    }

    /// Sets with the lock held.
    pub(crate) fn insert_locked(&self, key: PyRef, hash: isize, value: PyRef) -> PyResult<Displaced> {
        let found = self.find_locked(&key, hash)?;
        if let Some(ix) = found {
            let slot = self.slot_locked(ix);
            if !slot.load(Relaxed).is_null() {
                self.notify(abi::PyDict_EVENT_MODIFIED, Some(&key), Some(&value));
                let old = slot.exchange(value.into_ptr());
                // SAFETY: the slot owned its value.
                return Ok(Displaced { key: Some(key), value: unsafe { own(old) } });
            }
        }
        self.notify(abi::PyDict_EVENT_ADDED, Some(&key), Some(&value));
        self.insert_new_locked(key, hash, value)
    }

    /// Adds a key known to be absent, with the lock held.
    pub(crate) fn insert_new_locked(&self, key: PyRef, hash: isize, value: PyRef) -> PyResult<Displaced> {
        let exact = is_exact_str(&key);
        let vp = self.ma_values.load(Relaxed);
        if !vp.is_null() {
            if exact {
                // SAFETY: the key is an exact str, and the values belong to these keys.
                unsafe {
                    let ix = instance::shared_insert(self.keys(), &key, hash);
                    if ix >= 0 && (ix as usize) < (*vp).capacity as usize {
                        (*vp).push_order(ix as usize);
                        (*vp).slot(ix as usize).store(value.into_ptr(), Release);
                        self.ma_used.fetch_add(1, Relaxed);
                        return Ok(Displaced { key: Some(key), value: None });
                    }
                }
            }
            self.resize(log2_for_slots((self.len() + 1) * 3), !exact)?;
        } else {
            let keys = self.keys();
            let general = keys.is_general();
            if keys.usable.load(Relaxed) <= 0 {
                let used = self.len();
                let log2 = if used == 0 { keys::MIN_LOG2 } else { log2_for_slots(used * 3) };
                self.resize(log2, general || !exact)?;
            } else if !general && !exact {
                self.resize(log2_for_slots((used_at_least_one(self.len())) * 3), true)?;
            }
        }
        let keys = self.keys();
        let i = keys.nentries.load(Relaxed) as usize;
        let slot = keys.free_slot(hash);
        keys.version.store(0, Release);
        // SAFETY: `usable` was positive, so entry `i` exists and is free. The key is stored before the value: a reader that
        // sees the value of a reused entry also sees its key.
        unsafe {
            if keys.is_general() {
                let e = keys.g(i);
                e.hash.store(hash, Relaxed);
                e.key.store(key.into_ptr(), Release);
                e.value.store(value.into_ptr(), Release);
            } else {
                let e = keys.u(i);
                e.key.store(key.into_ptr(), Release);
                e.value.store(value.into_ptr(), Release);
            }
        }
        keys.set_index(slot, i as isize);
        keys.usable.fetch_sub_relaxed(1);
        keys.nentries.store(i as isize + 1, Release);
        self.ma_used.store(self.ma_used.load(Relaxed) + 1, Relaxed);
        Ok(Displaced::default())
    }

    /// Moves the entries into a new table (lock held). `general`: the new table may hold any key.
    pub(crate) fn resize(&self, log2: u8, general: bool) -> PyResult<()> {
        self.rebuild(log2, general, None)
    }

    /// `resize`, with entry `first` (of a table that is not split) in front of the others.
    fn rebuild(&self, log2: u8, general: bool, first: Option<usize>) -> PyResult<()> {
        let old_ptr = self.ma_keys.load(Relaxed);
        // SAFETY: the current keys.
        let old = unsafe { &*old_ptr };
        let vp = self.ma_values.load(Relaxed);
        let log2 = log2.max(keys::MIN_LOG2);
        let new_ptr = DictKeys::alloc(log2, if general { GENERAL } else { UNICODE });
        if new_ptr.is_null() {
            return Err(no_memory());
        }
        // SAFETY: a fresh table nobody else sees, large enough for `ma_used` entries; entries are moved, not copied, except the
        // keys of a shared table, which get a new reference.
        unsafe {
            let new = &*new_ptr;
            let mut n = 0usize;
            let mut put = |k: *mut abi::PyObject, hash: isize, v: *mut abi::PyObject| {
                let slot = new.free_slot(hash);
                if general {
                    let e = new.g(n);
                    e.hash.store(hash, Relaxed);
                    e.key.store(k, Relaxed);
                    e.value.store(v, Relaxed);
                } else {
                    let e = new.u(n);
                    e.key.store(k, Relaxed);
                    e.value.store(v, Relaxed);
                }
                new.set_index(slot, n as isize);
                n += 1;
            };
            if !vp.is_null() {
                let values = &*vp;
                let mut pos = 0;
                while let Some(ix) = values.order(pos) {
                    pos += 1;
                    let v = values.slot(ix).load(Relaxed);
                    if v.is_null() {
                        continue;
                    }
                    let k = old.u(ix).key.load(Acquire);
                    put(take_ref_locked(k).into_ptr(), cached_str_hash(k), v);
                }
            } else {
                for i in first.into_iter().chain((0..old.len_entries()).filter(|i| Some(*i) != first)) {
                    let k = old.key_slot(i).load(Relaxed);
                    if k.is_null() {
                        continue;
                    }
                    let hash = if old.is_general() { old.g(i).hash.load(Relaxed) } else { cached_str_hash(k) };
                    put(k, hash, old.value_slot(i).load(Relaxed));
                }
            }
            new.usable.store(new.usable.load(Relaxed) - n as isize, Relaxed);
            new.nentries.store(n as isize, Relaxed);
            let shared = ensure_shared_on_replace(self);
            self.ma_keys.store(new_ptr, Release);
            if vp.is_null() {
                free_keys_block(old_ptr, shared);
            } else {
                self.ma_values.store(null_mut(), Release);
                instance::discard_moved_values(vp, shared);
                instance::release_keys(old_ptr);
            }
        }
        Ok(())
    }

    /// Removes entry `ix` (lock held); gives back the key and the value.
    pub(crate) fn remove_at_locked(&self, ix: usize, hash: isize) -> Displaced {
        let vp = self.ma_values.load(Relaxed);
        // SAFETY: `ix` is a live entry of the current table.
        unsafe {
            self.ma_used.store(self.ma_used.load(Relaxed) - 1, Relaxed);
            if !vp.is_null() {
                let v = (*vp).slot(ix).exchange(null_mut());
                (*vp).remove_order(ix);
                return Displaced { key: None, value: own(v) };
            }
            let keys = self.keys();
            keys.version.store(0, Release);
            let slot = keys.slot_of(hash, ix as isize);
            keys.set_index(slot, DELETED);
            let k = keys.key_slot(ix).exchange(null_mut());
            let v = keys.value_slot(ix).exchange(null_mut());
            Displaced { key: own(k), value: own(v) }
        }
    }

    fn take_known_hash(&self, key: &Object, hash: isize) -> PyResult<Option<PyRef>> {
        let d = {
            lock!(self);
            match self.find_locked(key, hash)? {
                Some(ix) if !self.slot_locked(ix).load(Relaxed).is_null() => {
                    self.notify(abi::PyDict_EVENT_DELETED, Some(key), None);
                    self.remove_at_locked(ix, hash)
                }
                _ => return Ok(None),
            }
        };
        Ok(d.value)
    }

    /// Deletes; whether the key was there.
    pub fn del(&self, key: &Object) -> PyResult<bool> {
        Ok(self.pop(key)?.is_some())
    }

    /// Deletes; KeyError when absent.
    pub fn del_item(&self, key: &Object) -> PyResult<()> {
        if self.del(key)? { Ok(()) } else { Err(crate::error::raise_key_error(key)) }
    }

    /// Removes `key` and gives its value back.
    pub fn pop(&self, key: &Object) -> PyResult<Option<PyRef>> {
        if self.is_empty() {
            // `dict.pop` on an empty dict does not even hash the key when it raises; hashing errors still surface elsewhere.
            hash_of(key)?;
            return Ok(None);
        }
        let hash = hash_of(key)?;
        self.take_known_hash(key, hash)
    }

    /// Deletes a key whose hash is known; whether it was there.
    pub fn del_known_hash(&self, key: &Object, hash: isize) -> PyResult<bool> {
        Ok(self.take_known_hash(key, hash)?.is_some())
    }

    /// The value under `key`, setting it to `default` first when absent.
    pub fn setdefault(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        Ok(self.setdefault_found(key, default)?.0)
    }

    /// As `setdefault`; also whether the key was there.
    pub fn setdefault_found(&self, key: &Object, default: &Object) -> PyResult<(PyRef, bool)> {
        let hash = hash_of(key)?;
        let (d, r) = {
            lock!(self);
            if let Some(ix) = self.find_locked(key, hash)? {
                let p = self.slot_locked(ix).load(Acquire);
                if !p.is_null() {
                    // SAFETY: the lock keeps the entry.
                    return Ok((unsafe { take_ref_locked(p) }, true));
                }
            }
            self.notify(abi::PyDict_EVENT_ADDED, Some(key), Some(default));
            (self.insert_new_locked(key.to_ref(), hash, default.to_ref())?, default.to_ref())
        };
        drop(d);
        Ok((r, false))
    }

    /// Removes the last item.
    pub fn popitem(&self) -> PyResult<Option<(PyRef, PyRef)>> {
        lock!(self);
        if self.is_empty() {
            return Ok(None);
        }
        if !self.ma_values.load(Relaxed).is_null() {
            self.resize(log2_for_slots(self.len() * 3), false)?;
        }
        let keys = self.keys();
        let mut i = keys.len_entries();
        // SAFETY: entries below `nentries`; one is live because the dict is not empty.
        unsafe {
            loop {
                i -= 1;
                if !keys.value_slot(i).load(Relaxed).is_null() {
                    break;
                }
            }
            let k = keys.key_slot(i).load(Relaxed);
            let hash = if keys.is_general() { keys.g(i).hash.load(Relaxed) } else { cached_str_hash(k) };
            self.notify(abi::PyDict_EVENT_DELETED, Some(Object::from_ptr(k)), None);
            let d = self.remove_at_locked(i, hash);
            // The tail is free again, but `usable` stays: the index keeps a deleted slot.
            keys.nentries.store(i as isize, Release);
            if keys.refcnt.load(Relaxed) > i as isize {
                keys.refcnt.store(i as isize, Relaxed);
            }
            match (d.key, d.value) {
                (Some(k), Some(v)) => Ok(Some((k, v))),
                _ => Ok(None),
            }
        }
    }

    /// Removes everything.
    pub fn clear(&self) {
        let old = {
            lock!(self);
            self.notify(abi::PyDict_EVENT_CLEARED, None, None);
            self.take_all_locked()
        };
        drop(old);
    }

    /// Takes all content out (lock held): the caller drops it after the lock.
    pub(crate) fn take_all_locked(&self) -> Vec<PyRef> {
        let kp = self.ma_keys.load(Relaxed);
        let vp = self.ma_values.load(Relaxed);
        let mut out = Vec::new();
        // SAFETY: the current keys and values; what the slots owned moves to `out`.
        unsafe {
            if !vp.is_null() {
                let values = &*vp;
                self.ma_used.store(0, Relaxed);
                if values.embedded != 0 {
                    // The values lie in an instance: empty them in place.
                    for i in 0..values.capacity as usize {
                        out.extend(own(values.slot(i).exchange(null_mut())));
                    }
                    values.size.store(0, Release);
                    return out;
                }
                let shared = ensure_shared_on_replace(self);
                self.ma_keys.store(empty_keys(), Release);
                self.ma_values.store(null_mut(), Release);
                for i in 0..values.capacity as usize {
                    out.extend(own(values.slot(i).load(Relaxed)));
                }
                support::free_block(vp.cast(), shared);
                instance::release_keys(kp);
                return out;
            }
            if kp == empty_keys() {
                return out;
            }
            let shared = ensure_shared_on_replace(self);
            let keys = &*kp;
            keys.version.store(0, Release);
            self.ma_keys.store(empty_keys(), Release);
            self.ma_used.store(0, Relaxed);
            let n = keys.len_entries();
            out.reserve(n * 2);
            for i in 0..n {
                out.extend(own(keys.key_slot(i).load(Relaxed)));
                out.extend(own(keys.value_slot(i).load(Relaxed)));
            }
            free_keys_block(kp, shared);
        }
        out
    }

    // ------------------------------------------------------------------------------------------ iteration

    /// Iterates: `pos` starts at 0. Safe against concurrent changes, which it may or may not see.
    #[inline]
    pub fn next(&self, pos: &mut isize) -> Option<(PyRef, PyRef)> {
        match self.next_part(pos, true, true) {
            Some((Some(k), Some(v))) => Some((k, v)),
            _ => None,
        }
    }

    #[inline(never)]
    fn next_locked(&self, pos: &mut isize) -> Option<(PyRef, PyRef)> {
        lock!(self);
        let keys = self.keys();
        let vp = self.ma_values.load(Relaxed);
        // SAFETY: the lock keeps table and entries.
        unsafe {
            if !vp.is_null() {
                while let Some(ix) = (*vp).order(*pos as usize) {
                    *pos += 1;
                    let v = (*vp).slot(ix).load(Relaxed);
                    if !v.is_null() {
                        return Some((take_ref_locked(keys.u(ix).key.load(Acquire)), take_ref_locked(v)));
                    }
                }
                return None;
            }
            let n = keys.len_entries();
            while (*pos as usize) < n {
                let i = *pos as usize;
                *pos += 1;
                let v = keys.value_slot(i).load(Relaxed);
                if !v.is_null() {
                    return Some((take_ref_locked(keys.key_slot(i).load(Relaxed)), take_ref_locked(v)));
                }
            }
        }
        None
    }

    /// Calls `f` for each entry with the lock held; `f` must not run Python code.
    pub(crate) fn for_each_locked(&self, mut f: impl FnMut(*mut abi::PyObject, isize, *mut abi::PyObject)) {
        let keys = self.keys();
        let vp = self.ma_values.load(Relaxed);
        // SAFETY: the lock keeps table and entries.
        unsafe {
            if !vp.is_null() {
                let mut pos = 0;
                while let Some(ix) = (*vp).order(pos) {
                    pos += 1;
                    let v = (*vp).slot(ix).load(Relaxed);
                    if !v.is_null() {
                        let k = keys.u(ix).key.load(Acquire);
                        f(k, cached_str_hash(k), v);
                    }
                }
                return;
            }
            for i in 0..keys.len_entries() {
                let v = keys.value_slot(i).load(Relaxed);
                if !v.is_null() {
                    let k = keys.key_slot(i).load(Relaxed);
                    f(k, if keys.is_general() { keys.g(i).hash.load(Relaxed) } else { cached_str_hash(k) }, v);
                }
            }
        }
    }

    /// All items at one moment.
    pub fn items_snapshot(&self) -> Vec<(PyRef, PyRef)> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the entries.
        self.for_each_locked(|k, _, v| out.push(unsafe { (take_ref_locked(k), take_ref_locked(v)) }));
        out
    }

    /// All items at one moment, with the keys' hashes.
    pub(crate) fn hashed_snapshot(&self) -> Vec<(PyRef, isize, PyRef)> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the entries.
        self.for_each_locked(|k, h, v| out.push(unsafe { (take_ref_locked(k), h, take_ref_locked(v)) }));
        out
    }

    /// All keys at one moment.
    pub fn keys_snapshot(&self) -> Vec<PyRef> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the entries.
        self.for_each_locked(|k, _, _| out.push(unsafe { take_ref_locked(k) }));
        out
    }

    /// All values at one moment.
    pub fn values_snapshot(&self) -> Vec<PyRef> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the entries.
        self.for_each_locked(|_, _, v| out.push(unsafe { take_ref_locked(v) }));
        out
    }

    /// `list(d)`.
    pub fn keys_list(&self) -> PyResult<Ref<List>> {
        List::from_vec(self.keys_snapshot())
    }

    /// `list(d.values())`.
    pub fn values_list(&self) -> PyResult<Ref<List>> {
        List::from_vec(self.values_snapshot())
    }

    /// `list(d.items())`.
    pub fn items_list(&self) -> PyResult<Ref<List>> {
        let mut out = Vec::with_capacity(self.len());
        for (k, v) in self.items_snapshot() {
            out.push(Tuple::pair(k, v)?.upcast());
        }
        List::from_vec(out)
    }

    // ------------------------------------------------------------------------------------------ caches

    /// Version of the current keys table for caches, assigned on first use; 0 = cannot be cached. It changes whenever a key
    /// is added, moved or removed (not when a value is replaced). Only for tables whose keys are all exact `str`.
    pub fn keys_version(&self) -> u32 {
        lock!(self);
        if !self.is_owned_by_current_thread() {
            support::mark_shared(self);
        }
        let kp = self.ma_keys.load(Acquire);
        let keys = self.keys();
        if keys.kind != UNICODE || kp == empty_keys() {
            return 0;
        }
        let v = keys.version.load(Relaxed);
        if v != 0 {
            return v;
        }
        let v = keys::next_version();
        keys.version.store(v, Release);
        v
    }

    /// The version as it is, without assigning one: the check of a cache hit.
    #[inline(always)]
    pub fn current_keys_version(&self) -> u32 {
        self.keys().version.load(Acquire)
    }

    /// Index of an exact `str` key in the entries, for caches.
    pub fn index_of(&self, key: &Str) -> Option<usize> {
        let hash = key.hash_value();
        lock!(self);
        let keys = self.keys();
        if keys.kind != UNICODE {
            return None;
        }
        // SAFETY: the lock keeps the entries.
        let ix = unsafe { keys.find_str(key, hash) };
        (ix >= 0).then_some(ix as usize)
    }

    /// The value at an entry index, lock-free; `None` when the entry is empty, out of range or just changing (take the slow
    /// path). Check `current_keys_version` before *and* after, or use `value_at_version`.
    #[inline(always)]
    pub fn value_at(&self, index: usize) -> Option<PyRef> {
        let kp = self.ma_keys.load(Acquire);
        // SAFETY: the keys live until this thread is quiescent.
        unsafe {
            let keys = &*kp;
            if keys.kind != UNICODE || index >= keys.len_entries() {
                return None;
            }
            let v = load_ref(&keys.u(index).value)?;
            if self.ma_keys.load(Acquire) == kp { Some(v) } else { None }
        }
    }

    /// As `value_at_version`, without a reference: for values that turn out to be immortal or deferred. Null: a miss.
    #[inline(always)]
    pub fn value_ptr_at_version(&self, version: u32, index: usize) -> *mut abi::PyObject {
        let kp = self.ma_keys.load(Acquire);
        // SAFETY: the keys live until this thread is quiescent; the version vouches for kind and index.
        unsafe {
            let keys = &*kp;
            if keys.version.load(Acquire) != version {
                return null_mut();
            }
            let v = keys.u(index).value.load(Acquire);
            if keys.version.load(Acquire) == version && self.ma_keys.load(Acquire) == kp { v } else { null_mut() }
        }
    }

    /// Cache hit: the value at `index` if the keys still have `version`; lock-free.
    #[inline(always)]
    pub fn value_at_version(&self, version: u32, index: usize) -> Option<PyRef> {
        ensure_shared_on_read(self);
        let kp = self.ma_keys.load(Acquire);
        // SAFETY: the keys live until this thread is quiescent; the version vouches for kind and index.
        unsafe {
            let keys = &*kp;
            if keys.version.load(Acquire) != version {
                return None;
            }
            let v = load_ref(&keys.u(index).value)?;
            if keys.version.load(Acquire) == version && self.ma_keys.load(Acquire) == kp { Some(v) } else { None }
        }
    }
}

#[inline(always)]
fn used_at_least_one(n: usize) -> usize {
    n.max(1)
}

/// Whether entry `ix` was reused for another key than the one that matched (its hash differs).
/// # Safety
/// `ix` is an entry of `keys`.
#[inline(always)]
unsafe fn is_reused(keys: &DictKeys, ix: usize, hash: isize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let k = keys.key_slot(ix).load(Acquire);
        if k.is_null() {
            return true;
        }
        let h = if keys.is_general() { keys.g(ix).hash.load(Acquire) } else { cached_str_hash(k) };
        h != hash
    }
}

/// Non-atomic read-modify-write of a counter whose only writer holds the lock.
trait RelaxedSub {
    fn fetch_sub_relaxed(&self, n: isize);
}
impl RelaxedSub for AtomicIsize {
    #[inline(always)]
    fn fetch_sub_relaxed(&self, n: isize) {
        self.store(self.load(Relaxed) - n, Relaxed);
    }
}

// Order of use, for caches ---------------------------------------------------------------------------------------------

impl Dict {
    /// Where a backward iteration begins.
    pub(crate) fn entry_end(&self) -> usize {
        if self.ma_values.load(Relaxed).is_null() { self.keys().len_entries() } else { self.len() }
    }

    /// Whether `key` is (by identity) the last key.
    pub fn is_last(&self, key: &Object) -> bool {
        lock!(self);
        if !self.ma_values.load(Relaxed).is_null() {
            return false;
        }
        let keys = self.keys();
        let mut i = keys.len_entries();
        while i > 0 {
            i -= 1;
            // SAFETY: entries below `nentries`.
            unsafe {
                if !keys.value_slot(i).load(Relaxed).is_null() {
                    return keys.key_slot(i).load(Relaxed) == key.as_ptr();
                }
            }
        }
        false
    }

    /// Makes an existing key the last (or first) one; false when it is absent. Moving to the front takes linear time.
    pub fn move_to_end(&self, key: &Object, hash: isize, last: bool) -> PyResult<bool> {
        lock!(self);
        if !self.ma_values.load(Relaxed).is_null() {
            self.resize(log2_for_slots(self.len() * 3), false)?;
        }
        let Some(ix) = self.find_locked(key, hash)? else { return Ok(false) };
        let keys = self.keys();
        // SAFETY: entries below `nentries`, of the current table.
        unsafe {
            let live = |i: &usize| !keys.value_slot(*i).load(Relaxed).is_null();
            let n = keys.len_entries();
            if !last {
                if (0..ix).any(|i| live(&i)) {
                    self.rebuild(keys.log2_size, keys.is_general(), Some(ix))?;
                }
                return Ok(true);
            }
            if !(ix + 1..n).any(|i| live(&i)) {
                return Ok(true);
            }
            if keys.usable.load(Relaxed) <= 0 {
                self.resize(log2_for_slots(self.len() * 3), keys.is_general())?;
                // The order is the same, the numbers are not.
                let Some(ix) = self.find_locked(key, hash)? else { return Ok(false) };
                self.append_again(ix, hash)?;
                return Ok(true);
            }
            self.append_again(ix, hash)?;
        }
        Ok(true)
    }

    /// Moves a live entry behind the others (lock held, room for one more).
    fn append_again(&self, ix: usize, hash: isize) -> PyResult<()> {
        match self.remove_at_locked(ix, hash) {
            Displaced { key: Some(k), value: Some(v) } => self.insert_new_locked(k, hash, v).map(drop),
            _ => Ok(()),
        }
    }

    /// Removes the first item.
    pub fn pop_first(&self) -> PyResult<Option<(PyRef, PyRef)>> {
        lock!(self);
        if self.is_empty() {
            return Ok(None);
        }
        if !self.ma_values.load(Relaxed).is_null() {
            self.resize(log2_for_slots(self.len() * 3), false)?;
        }
        let keys = self.keys();
        // The table remembers where its live entries begin.
        let n = keys.len_entries();
        // SAFETY: entries below `nentries`; one is live because the dict is not empty.
        unsafe {
            let mut i = (keys.refcnt.load(Relaxed).max(0) as usize).min(n);
            while i < n && keys.value_slot(i).load(Relaxed).is_null() {
                i += 1;
            }
            keys.refcnt.store(i as isize, Relaxed);
            if i == n {
                return Ok(None);
            }
            let k = keys.key_slot(i).load(Relaxed);
            let hash = if keys.is_general() { keys.g(i).hash.load(Relaxed) } else { cached_str_hash(k) };
            self.notify(abi::PyDict_EVENT_DELETED, Some(Object::from_ptr(k)), None);
            let d = self.remove_at_locked(i, hash);
            match (d.key, d.value) {
                (Some(k), Some(v)) => Ok(Some((k, v))),
                _ => Ok(None),
            }
        }
    }
}
