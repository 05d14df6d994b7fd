//! `set` and `frozenset`: one open-addressing table, the first eight entries inline. Reads take no lock.
//!
//! A table outside of the object carries its mask in front, so that a lock-free reader that holds an old table stays inside it.
//! A removed entry keeps `_PySet_Dummy` as its key. The reader's rules are those of `dict`: probe, take a reference if the count
//! allows it, check that slot and table are still what they were.

use crate::interp::slot::{Held, Slot};
use crate::objects::dict::{is_exact_str, raw_hash, unhashable};
use crate::objects::singletons::{immortal_header, unready_type};
use crate::objects::support::Exchange;
use crate::objects::support::{
    ensure_shared_on_read, ensure_shared_on_replace, free_block, is_shared, lock, no_memory, take_ref_locked, track,
};
use crate::prelude::*;
use crate::thread::load_ref;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicIsize, AtomicPtr};

pub mod methods;
pub mod ops;

/// One table entry: null key = empty, `_PySet_Dummy` = deleted.
#[repr(C)]
pub struct SetEntry {
    pub(crate) key: AtomicPtr<abi::PyObject>,
    pub(crate) hash: AtomicIsize,
}

/// Layout of `set` objects (and of `frozenset`).
#[repr(C)]
pub struct Set {
    header: abi::PyObject,
    fill: AtomicIsize,
    used: AtomicIsize,
    mask: AtomicIsize,
    table: AtomicPtr<SetEntry>,
    hash: AtomicIsize,
    finger: AtomicIsize,
    smalltable: [SetEntry; 8],
    pub(crate) weakreflist: AtomicPtr<abi::PyObject>,
}
const _: () = assert!(size_of::<Set>() == size_of::<abi::PySetObject>());

/// Layout of `frozenset` objects: as `Set`.
#[repr(transparent)]
pub struct FrozenSet(pub(crate) Set);

#[unsafe(no_mangle)]
pub static mut PySet_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyFrozenSet_Type: Type = unready_type();
py_layout!(Set, PySet_Type);
py_layout!(FrozenSet, PyFrozenSet_Type);

static mut DUMMY: Object = Object(immortal_header(&raw mut crate::objects::singletons::_PyNone_Type));
/// Key of removed entries.
#[unsafe(no_mangle)]
pub static mut _PySet_Dummy: *mut abi::PyObject = (&raw mut DUMMY).cast();

#[inline(always)]
fn dummy() -> *mut abi::PyObject {
    (&raw mut DUMMY).cast()
}

const LINEAR: usize = 9;
const PREFIX: usize = 16;

/// The slots to look at for one hash: short linear stretches, then a jump.
struct Probe {
    i: usize,
    left: usize,
    perturb: usize,
    mask: usize,
    base: usize,
}

impl Probe {
    #[inline(always)]
    fn new(hash: isize, mask: usize) -> Probe {
        let base = hash as usize & mask;
        Probe { i: base, left: if base + LINEAR <= mask { LINEAR } else { 0 }, perturb: hash as usize, mask, base }
    }
    #[inline(always)]
    fn advance(&mut self) {
        if self.left > 0 {
            self.left -= 1;
            self.i += 1;
            return;
        }
        self.perturb >>= 5;
        self.base = self.base.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb) & self.mask;
        self.i = self.base;
        self.left = if self.base + LINEAR <= self.mask { LINEAR } else { 0 };
    }
}

enum Find {
    At(usize),
    Absent,
    Retry,
}

#[inline(always)]
fn is_exact_int(o: &Object) -> bool {
    core::ptr::eq(o.ty(), Int::type_object())
}

/// The hash of a set element, with the TypeError of sets for what cannot be hashed.
#[inline(always)]
pub(crate) fn element_hash(o: &Object) -> PyResult<isize> {
    match raw_hash(o) {
        Ok(h) => Ok(h),
        Err(e) => Err(unhashable(e, o, "set element")),
    }
}

fn alloc_table(size: usize) -> *mut SetEntry {
    // SAFETY: a fresh zeroed block: all entries are empty.
    unsafe {
        let p = crate::mem::domains::mem_calloc(1, PREFIX + size * size_of::<SetEntry>()).cast::<usize>();
        if p.is_null() {
            return null_mut();
        }
        p.write(size - 1);
        p.cast::<u8>().add(PREFIX).cast()
    }
}

impl Set {
    /// A new empty `set`.
    pub fn new() -> PyResult<Ref<Set>> {
        Self::new_of(Set::type_object())
    }

    /// A new empty set of a subclass of `set` or `frozenset`.
    pub fn new_of(ty: &Type) -> PyResult<Ref<Set>> {
        let s = crate::typeobject::alloc_object::<Set>(ty)?;
        s.mask.store(7, Relaxed);
        s.table.store(s.small(), Release);
        s.hash.store(-1, Relaxed);
        Ok(track(s))
    }

    /// The table behind a `set` or `frozenset` (or subclass) object.
    #[inline]
    pub fn any(o: &Object) -> Option<&Set> {
        if let Some(s) = o.downcast::<Set>() {
            return Some(s);
        }
        o.downcast::<FrozenSet>().map(|f| &f.0)
    }

    #[inline(always)]
    fn small(&self) -> *mut SetEntry {
        self.smalltable.as_ptr().cast_mut()
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.used.load(Relaxed) as usize
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub(crate) fn byte_size(&self) -> usize {
        let mut n = self.ty().slots().tp_basicsize as usize;
        if self.table.load(Relaxed) != self.small() {
            n += (self.mask.load(Relaxed) as usize + 1) * size_of::<SetEntry>();
        }
        n
    }

    /// Whether the table has never held an element since it was made.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fill.load(Relaxed) == 0
    }

    /// Table and mask that belong together.
    #[inline(always)]
    fn table(&self) -> (*mut SetEntry, usize) {
        let t = self.table.load(Acquire);
        if t == self.small() {
            (t, 7)
        } else {
            // SAFETY: a table outside of the object has its mask in front.
            (t, unsafe { *t.cast::<u8>().sub(PREFIX).cast::<usize>() })
        }
    }

    fn find(&self, key: &Object, hash: isize, locked: bool) -> PyResult<Find> {
        let (t, mask) = self.table();
        let exact = is_exact_str(key);
        let mut p = Probe::new(hash, mask);
        loop {
            // SAFETY: the probe stays below the mask; the table lives until this thread is quiescent.
            let e = unsafe { &*t.add(p.i) };
            let k = e.key.load(Acquire);
            if k.is_null() {
                return Ok(Find::Absent);
            }
            if k == key.as_ptr() {
                return Ok(Find::At(p.i));
            }
            if k != dummy() && e.hash.load(Relaxed) == hash {
                if locked && is_exact_int(key) {
                    // SAFETY: the lock keeps the element; comparing ints runs no Python code.
                    let o = unsafe { Object::from_ptr(k) };
                    if is_exact_int(o) {
                        if o.eq(key)? {
                            return Ok(Find::At(p.i));
                        }
                        p.advance();
                        continue;
                    }
                }
                let held = if locked {
                    // SAFETY: with the lock the entry keeps its key.
                    Held(Slot::owned(unsafe { take_ref_locked(k) }))
                } else {
                    match Slot::load(&e.key) {
                        Some(r) => Held(r),
                        None => return Ok(Find::Retry),
                    }
                };
                let kr = held.0.obj();
                if exact && is_exact_str(kr) {
                    // SAFETY: exact strings.
                    if unsafe { kr.cast::<Str>().eq_data(key.cast::<Str>()) } {
                        return Ok(Find::At(p.i));
                    }
                } else if is_exact_int(key) && is_exact_int(kr) {
                    // Runs no Python code either.
                    if kr.eq(key)? {
                        return Ok(Find::At(p.i));
                    }
                } else {
                    let held = Held(held.into_slot().counted());
                    let kr = held.0.obj();
                    let same = kr.eq(key)?;
                    // The comparison may have run anything.
                    let (now, now_mask) = self.table();
                    if now != t || now_mask != mask || e.key.load(Acquire) != kr.as_ptr() {
                        return Ok(Find::Retry);
                    }
                    if same {
                        return Ok(Find::At(p.i));
                    }
                }
            }
            p.advance();
        }
    }

    fn find_locked(&self, key: &Object, hash: isize) -> PyResult<Option<usize>> {
        loop {
            match self.find(key, hash, true)? {
                Find::At(i) => return Ok(Some(i)),
                Find::Absent => return Ok(None),
                Find::Retry => {}
            }
        }
    }

    /// Whether an element of that hash is there.
    #[inline]
    pub fn contains_hash(&self, key: &Object, hash: isize) -> PyResult<bool> {
        ensure_shared_on_read(self);
        match self.find(key, hash, false)? {
            Find::At(_) => Ok(true),
            Find::Absent => Ok(false),
            Find::Retry => {
                lock!(self);
                Ok(self.find_locked(key, hash)?.is_some())
            }
        }
    }

    /// Whether `key` is an element. A `set` is looked for as a `frozenset` would be.
    pub fn contains(&self, key: &Object) -> PyResult<bool> {
        let h = self.lookup_hash(key)?;
        self.contains_hash(key, h)
    }

    /// The hash for a search: unhashable sets count as frozen ones.
    fn lookup_hash(&self, key: &Object) -> PyResult<isize> {
        match raw_hash(key) {
            Ok(h) => Ok(h),
            Err(e) => match key.downcast::<Set>() {
                Some(s) if e.matches(exc::TypeError()) => {
                    e.clear();
                    Ok(s.content_hash())
                }
                _ => Err(unhashable(e, key, "set element")),
            },
        }
    }

    /// Adds an element.
    pub fn add(&self, key: &Object) -> PyResult<()> {
        let h = element_hash(key)?;
        self.add_hash(key.to_ref(), h)?;
        Ok(())
    }

    /// Adds, taking over the reference.
    pub fn insert(&self, key: PyRef) -> PyResult<()> {
        let h = element_hash(&key)?;
        self.add_hash(key, h)?;
        Ok(())
    }

    /// Adds an element whose hash is known; whether it is new.
    pub fn add_hash(&self, key: PyRef, hash: isize) -> PyResult<bool> {
        lock!(self);
        self.add_locked(key, hash)
    }

    pub(crate) fn add_locked(&self, key: PyRef, hash: isize) -> PyResult<bool> {
        if self.find_locked(&key, hash)?.is_some() {
            return Ok(false);
        }
        self.add_new_locked(key, hash)?;
        Ok(true)
    }

    /// Adds to a set that is being made from different elements: none of them is there yet.
    pub(crate) fn add_distinct(&self, key: PyRef, hash: isize) -> PyResult<()> {
        lock!(self);
        self.add_new_locked(key, hash)
    }

    /// Adds an element known to be absent (lock held).
    pub(crate) fn add_new_locked(&self, key: PyRef, hash: isize) -> PyResult<()> {
        let (t, mask) = self.table();
        let mut p = Probe::new(hash, mask);
        // SAFETY: the probe stays below the mask.
        unsafe {
            while !(*t.add(p.i)).key.load(Relaxed).is_null() {
                p.advance();
            }
            let e = &*t.add(p.i);
            e.hash.store(hash, Relaxed);
            e.key.store(key.into_ptr(), Release);
        }
        let fill = self.fill.load(Relaxed) + 1;
        let used = self.used.load(Relaxed) + 1;
        self.fill.store(fill, Relaxed);
        self.used.store(used, Relaxed);
        if fill as usize * 5 >= mask * 3 {
            self.resize_locked(if used > 50000 { used as usize * 2 } else { used as usize * 4 })?;
        }
        Ok(())
    }

    /// Moves the elements into a table with more than `min` slots (lock held).
    pub(crate) fn resize_locked(&self, min: usize) -> PyResult<()> {
        let size = (min + 1).next_power_of_two().max(8);
        let (old, old_mask) = self.table();
        let shared = ensure_shared_on_replace(self);
        // SAFETY: entries move from the old to the new table; the old one is retired. A small table that stays small is cleaned
        // in place through a copy.
        unsafe {
            let mut live: Vec<(*mut abi::PyObject, isize)> = Vec::with_capacity(self.len());
            for i in 0..=old_mask {
                let e = &*old.add(i);
                let k = e.key.load(Relaxed);
                if !k.is_null() && k != dummy() {
                    live.push((k, e.hash.load(Relaxed)));
                }
            }
            let new = if size == 8 {
                for e in &self.smalltable {
                    e.key.store(null_mut(), Release);
                    e.hash.store(0, Relaxed);
                }
                self.small()
            } else {
                let new = alloc_table(size);
                if new.is_null() {
                    return Err(no_memory());
                }
                new
            };
            let mask = size - 1;
            for (k, h) in live {
                let mut p = Probe::new(h, mask);
                while !(*new.add(p.i)).key.load(Relaxed).is_null() {
                    p.advance();
                }
                (*new.add(p.i)).hash.store(h, Relaxed);
                (*new.add(p.i)).key.store(k, Release);
            }
            self.fill.store(self.used.load(Relaxed), Relaxed);
            self.mask.store(mask as isize, Relaxed);
            self.table.store(new, Release);
            if old != self.small() {
                free_block(old.cast::<u8>().sub(PREFIX).cast(), shared);
            }
        }
        Ok(())
    }

    /// Removes an element whose hash is known.
    pub fn discard_hash(&self, key: &Object, hash: isize) -> PyResult<Option<PyRef>> {
        lock!(self);
        Ok(self.find_locked(key, hash)?.map(|i| self.remove_at(i)))
    }

    fn remove_at(&self, i: usize) -> PyRef {
        let (t, _) = self.table();
        self.used.store(self.used.load(Relaxed) - 1, Relaxed);
        // SAFETY: a live entry; its reference moves out.
        unsafe {
            let e = &*t.add(i);
            e.hash.store(-1, Relaxed);
            PyRef::from_raw(e.key.exchange(dummy()).cast())
        }
    }

    /// Removes; whether it was there.
    pub fn discard(&self, key: &Object) -> PyResult<bool> {
        let h = self.lookup_hash(key)?;
        Ok(self.discard_hash(key, h)?.is_some())
    }

    /// Removes an arbitrary element; KeyError when empty.
    pub fn pop(&self) -> PyResult<PyRef> {
        lock!(self);
        if self.is_empty() {
            return Err(raise!(KeyError, "pop from an empty set"));
        }
        let (t, mask) = self.table();
        let mut i = self.finger.load(Relaxed) as usize & mask;
        // SAFETY: masked; the set is not empty, so a live entry comes.
        unsafe {
            loop {
                let k = (*t.add(i)).key.load(Relaxed);
                if !k.is_null() && k != dummy() {
                    break;
                }
                i = (i + 1) & mask;
            }
        }
        let r = self.remove_at(i);
        self.finger.store(i as isize + 1, Relaxed);
        Ok(r)
    }

    /// Removes everything.
    pub fn clear(&self) {
        let old = {
            lock!(self);
            self.take_all_locked()
        };
        drop(old);
    }

    pub(crate) fn take_all_locked(&self) -> Vec<PyRef> {
        let (t, mask) = self.table();
        let shared = ensure_shared_on_replace(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the references move out; an outer table is retired.
        unsafe {
            let small = t == self.small();
            if !small {
                self.mask.store(7, Relaxed);
                for e in &self.smalltable {
                    e.key.store(null_mut(), Relaxed);
                    e.hash.store(0, Relaxed);
                }
                self.table.store(self.small(), Release);
            }
            self.fill.store(0, Relaxed);
            self.used.store(0, Relaxed);
            for i in 0..=mask {
                let e = &*t.add(i);
                let k = if small { e.key.exchange(null_mut()) } else { e.key.load(Relaxed) };
                if small {
                    e.hash.store(0, Relaxed);
                }
                if !k.is_null() && k != dummy() {
                    out.push(PyRef::from_raw(k.cast()));
                }
            }
            if !small {
                free_block(t.cast::<u8>().sub(PREFIX).cast(), shared);
            }
        }
        out
    }

    /// Releases a dying set's elements and table.
    pub(crate) unsafe fn release_content(&self) {
        let (t, mask) = self.table();
        if t.is_null() {
            return;
        }
        // SAFETY: nobody else reaches a dying set.
        unsafe {
            for i in 0..=mask {
                let k = (*t.add(i)).key.exchange(null_mut());
                if !k.is_null() && k != dummy() {
                    crate::object::decref(k);
                }
            }
            if t != self.small() {
                free_block(t.cast::<u8>().sub(PREFIX).cast(), is_shared(self));
            }
        }
    }

    /// Visits every element pointer (lock held, or the world stopped).
    pub(crate) fn for_each_raw(&self, mut f: impl FnMut(*mut abi::PyObject, isize)) {
        let (t, mask) = self.table();
        if t.is_null() {
            return;
        }
        for i in 0..=mask {
            // SAFETY: masked.
            let e = unsafe { &*t.add(i) };
            let k = e.key.load(Acquire);
            if !k.is_null() && k != dummy() {
                f(k, e.hash.load(Relaxed));
            }
        }
    }

    /// All elements at one moment.
    pub fn snapshot(&self) -> Vec<PyRef> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the elements.
        self.for_each_raw(|k, _| out.push(unsafe { take_ref_locked(k) }));
        out
    }

    /// All elements at one moment, with their hashes.
    pub fn hashed_snapshot(&self) -> Vec<(PyRef, isize)> {
        lock!(self);
        let mut out = Vec::with_capacity(self.len());
        // SAFETY: the lock keeps the elements.
        self.for_each_raw(|k, h| out.push((unsafe { take_ref_locked(k) }, h)));
        out
    }

    /// The element at or after table position `pos` (`_PySet_NextEntry`).
    pub fn next(&self, pos: &mut isize) -> Option<(PyRef, isize)> {
        ensure_shared_on_read(self);
        let (t, mask) = self.table();
        let mut i = *pos as usize;
        while i <= mask {
            // SAFETY: masked.
            let e = unsafe { &*t.add(i) };
            let k = e.key.load(Acquire);
            if !k.is_null() && k != dummy() {
                let h = e.hash.load(Relaxed);
                if let Some(r) = load_ref(&e.key) {
                    if r.as_ptr() != dummy() && self.table.load(Acquire) == t {
                        *pos = i as isize + 1;
                        return Some((r, h));
                    }
                }
                return self.next_locked(pos);
            }
            i += 1;
        }
        *pos = i as isize;
        None
    }

    #[inline(never)]
    fn next_locked(&self, pos: &mut isize) -> Option<(PyRef, isize)> {
        lock!(self);
        let (t, mask) = self.table();
        while *pos as usize <= mask {
            // SAFETY: masked; the lock keeps the elements.
            unsafe {
                let e = &*t.add(*pos as usize);
                *pos += 1;
                let k = e.key.load(Relaxed);
                if !k.is_null() && k != dummy() {
                    return Some((take_ref_locked(k), e.hash.load(Relaxed)));
                }
            }
        }
        None
    }

    /// The hash a frozenset with this content has.
    pub fn content_hash(&self) -> isize {
        fn shuffle(h: u64) -> u64 {
            ((h ^ 89869747) ^ (h << 16)).wrapping_mul(3644798167)
        }
        let mut acc = 0u64;
        let mut n = 0u64;
        {
            lock!(self);
            self.for_each_raw(|_, h| {
                acc ^= shuffle(h as u64);
                n += 1;
            });
        }
        acc ^= (n + 1).wrapping_mul(1927868237);
        acc ^= (acc >> 11) ^ (acc >> 25);
        acc = acc.wrapping_mul(69069).wrapping_add(907133923);
        if acc == u64::MAX { 590923713 } else { acc as isize }
    }

    /// `frozenset.__hash__`, cached.
    pub(crate) fn frozen_hash(&self) -> isize {
        let h = self.hash.load(Relaxed);
        if h != -1 {
            return h;
        }
        let h = self.content_hash();
        self.hash.store(h, Relaxed);
        h
    }
}

impl FrozenSet {
    /// A frozenset of the given items.
    pub fn new(items: &[&Object]) -> PyResult<Ref<FrozenSet>> {
        let s = Set::new_of(FrozenSet::type_object())?;
        for o in items {
            s.add(o)?;
        }
        // SAFETY: created as a frozenset.
        Ok(unsafe { s.cast_into() })
    }
    /// `frozenset(iterable)`.
    pub fn from_iterable(iterable: &Object) -> PyResult<Ref<FrozenSet>> {
        if let Some(f) = iterable.downcast_exact::<FrozenSet>() {
            return Ok(Ref::new_ref(f));
        }
        let s = Set::new_of(FrozenSet::type_object())?;
        s.update(iterable)?;
        // SAFETY: created as a frozenset.
        Ok(unsafe { s.cast_into() })
    }
    pub fn as_set(&self) -> &Set {
        &self.0
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn contains(&self, key: &Object) -> PyResult<bool> {
        self.0.contains(key)
    }
    pub fn snapshot(&self) -> Vec<PyRef> {
        self.0.snapshot()
    }
}
