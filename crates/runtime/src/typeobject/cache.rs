//! Attribute lookup through the MRO, its global lock-free cache, version tags and type watchers.
//!
//! A cache entry is guarded by a sequence number and matches one (version tag, interned name) pair. Version tags are
//! never used twice, so an entry of a changed type just never matches again. A value that leaves a type's dict is released
//! with a delayed decref (`replace_in_dict`), so that a reader between load and incref still finds the object.
//! Invariant: a type with a version tag has only bases with version tags; `modified` relies on it to stop early.

use super::Type;
use super::lock::with_type_lock;
use crate::interp::slot::Slot;
use crate::mem::{qsbr, refcount};
use crate::object::{PyRef, Ref};
use crate::objects::{Str, Tuple};
use crate::prelude::*;
use core::ffi::c_int;
use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, Ordering::*, fence};

const BITS: usize = 12;

struct Entry {
    seq: AtomicU32,
    version: AtomicU32,
    name: AtomicPtr<Str>,
    value: AtomicPtr<abi::PyObject>,
}

static CACHE: [Entry; 1 << BITS] = [const {
    Entry {
        seq: AtomicU32::new(0),
        version: AtomicU32::new(0),
        name: AtomicPtr::new(core::ptr::null_mut()),
        value: AtomicPtr::new(core::ptr::null_mut()),
    }
}; 1 << BITS];

static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);

#[inline(always)]
fn slot(version: u32, name: *const Str) -> &'static Entry {
    let h = (version as usize).wrapping_mul(0x9E37_79B1) ^ (name as usize >> 4);
    &CACHE[(h ^ (h >> 13)) & ((1 << BITS) - 1)]
}

#[inline(always)]
fn cache_get(version: u32, name: &Str) -> Option<Option<PyRef>> {
    let e = slot(version, name);
    let s = e.seq.load(Acquire);
    if s & 1 != 0 || e.version.load(Relaxed) != version || !core::ptr::eq(e.name.load(Relaxed), name) {
        return None;
    }
    let v = e.value.load(Acquire);
    if v.is_null() {
        fence(Acquire);
        return if e.seq.load(Relaxed) == s { Some(None) } else { None };
    }
    // SAFETY: the value was in the cache, its memory outlives this thread's quiescent period.
    if !unsafe { refcount::try_incref(v) } {
        return None;
    }
    // SAFETY: the count was just taken.
    let r = unsafe { PyRef::from_raw(v.cast()) };
    fence(Acquire);
    if e.seq.load(Relaxed) == s { Some(Some(r)) } else { None }
}

/// `cache_get` for a frame slot, counted only if need be.
#[inline(always)]
fn cache_get_slot(version: u32, name: &Str) -> Option<Slot> {
    let e = slot(version, name);
    let s = e.seq.load(Acquire);
    if s & 1 != 0 || e.version.load(Relaxed) != version || !core::ptr::eq(e.name.load(Relaxed), name) {
        return None;
    }
    let r = Slot::load(&e.value)?;
    fence(Acquire);
    if e.seq.load(Relaxed) == s {
        return Some(r);
    }
    r.drop();
    None
}

fn cache_put(version: u32, name: &Str, value: Option<&PyRef>) {
    let e = slot(version, name);
    let s = e.seq.load(Relaxed);
    if s & 1 != 0 || e.seq.compare_exchange(s, s.wrapping_add(1), Acquire, Relaxed).is_err() {
        return;
    }
    fence(Release);
    let v = match value {
        None => core::ptr::null_mut(),
        Some(v) => {
            if !v.is_immortal() {
                // SAFETY: a live object that this thread holds.
                unsafe { refcount::set_maybe_weakref(v.as_ptr()) };
            }
            v.as_ptr()
        }
    };
    e.version.store(version, Relaxed);
    e.name.store((name as *const Str).cast_mut(), Relaxed);
    e.value.store(v, Release);
    e.seq.store(s.wrapping_add(2), Release);
}

/// Empties the cache (`sys._clear_type_cache`).
pub fn clear_cache() {
    for e in &CACHE {
        e.version.store(0, Release);
    }
}

impl Type {
    fn version_cell(&self) -> &AtomicU32 {
        // SAFETY: an aligned word of the type object, used atomically only.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.as_raw()).tp_version_tag) }
    }

    fn versions_used(&self) -> &AtomicU16 {
        // SAFETY: as above.
        unsafe { AtomicU16::from_ptr(&raw mut (*self.as_raw()).tp_versions_used) }
    }

    /// Excludes the type from versioning for good: its metatype computes attributes in a way the cache cannot follow.
    pub fn never_version(&self) {
        self.versions_used().store(u16::MAX, Relaxed);
    }

    /// The version tag, assigned if there is none; 0 when the type cannot have one.
    pub fn assign_version(&self) -> u32 {
        let v = self.version();
        if v != 0 {
            return v;
        }
        if !self.has_feature(abi::Py_TPFLAGS_READY) {
            return 0;
        }
        with_type_lock(|| self.assign_locked())
    }

    fn assign_locked(&self) -> u32 {
        let v = self.version();
        if v != 0 {
            return v;
        }
        if self.versions_used().load(Relaxed) >= 10_000 {
            return 0;
        }
        let bases = self.slots().tp_bases;
        if bases.is_null() {
            return 0;
        }
        // SAFETY: `tp_bases` is a tuple of types that the type keeps alive; it changes only while the world is stopped.
        for b in unsafe { &*bases.cast::<Tuple>() }.iter() {
            match b.downcast::<Type>() {
                Some(b) if b.assign_locked() != 0 => {}
                _ => return 0,
            }
        }
        let v = NEXT_VERSION.load(Relaxed);
        if v == u32::MAX {
            return 0;
        }
        NEXT_VERSION.store(v + 1, Relaxed);
        self.versions_used().fetch_add(1, Relaxed);
        self.version_cell().store(v, Release);
        v
    }

    /// Says that the dict or the MRO changed: drops the version tags here and in subclasses, tells the watchers.
    pub fn modified(&self) {
        if self.version() == 0 && self.slots().tp_watched == 0 {
            return;
        }
        let mut watched = Vec::new();
        with_type_lock(|| self.modified_locked(&mut watched));
        for t in watched {
            watch::notify(&t);
        }
    }

    fn modified_locked(&self, watched: &mut Vec<Ref<Type>>) {
        if self.version_cell().swap(0, AcqRel) == 0 {
            return;
        }
        if self.slots().tp_watched != 0 {
            watched.push(Ref::new_ref(self));
        }
        // SAFETY: a stale specialisation is never used once cleared; heap types only (a static type may carry the flag until it is ready).
        unsafe {
            if self.is_heap_type() && self.has_feature(abi::Py_TPFLAGS_READY) {
                let ht = self.as_raw().cast::<abi::PyHeapTypeObject>();
                AtomicPtr::from_ptr(&raw mut (*ht)._spec_cache.getitem).store(core::ptr::null_mut(), Release);
                AtomicPtr::from_ptr(&raw mut (*ht)._spec_cache.init).store(core::ptr::null_mut(), Release);
            }
        }
        super::mro::each_subclass(self, &mut |s| s.modified_locked(watched));
    }

    /// MRO lookup through the cache, no descriptor call. Raises nothing.
    #[inline]
    pub fn lookup(&self, name: &Str) -> Option<PyRef> {
        let v = self.version();
        if v != 0 {
            if let Some(r) = cache_get(v, name) {
                return r;
            }
        }
        self.lookup_miss(name).0
    }

    /// The same for a frame slot, counted only if need be: the caller puts it into a frame, or pins it,
    /// before anything else can run.
    #[inline]
    pub fn lookup_slot(&self, name: &Str) -> Option<Slot> {
        let v = self.version();
        if v != 0
            && let Some(r) = cache_get_slot(v, name)
        {
            return Some(r);
        }
        self.lookup(name).map(Slot::owned)
    }

    /// The same, with the version tag for which the answer holds (0: not cacheable).
    #[inline]
    pub fn lookup_with_version(&self, name: &Str) -> (Option<PyRef>, u32) {
        let v = self.version();
        if v != 0 {
            if let Some(r) = cache_get(v, name) {
                return (r, v);
            }
        }
        self.lookup_miss(name)
    }

    #[cold]
    fn lookup_miss(&self, name: &Str) -> (Option<PyRef>, u32) {
        let v = if name.is_interned() { self.assign_version() } else { 0 };
        match self.find_in_mro(name) {
            Ok(r) => {
                if v != 0 && self.version() == v {
                    cache_put(v, name, r.as_ref());
                }
                (r, v)
            }
            Err(e) => {
                e.clear();
                (None, 0)
            }
        }
    }

    /// MRO lookup without the cache.
    pub fn find_in_mro(&self, name: &Str) -> PyResult<Option<PyRef>> {
        Ok(self.find_with_owner(name)?.map(|(v, _)| v))
    }

    /// MRO lookup that also says which type's dict had it.
    pub fn find_with_owner(&self, name: &Str) -> PyResult<Option<(PyRef, Ref<Type>)>> {
        let mro = self.slots().tp_mro;
        if mro.is_null() {
            // Not ready yet: look along the base chain.
            let mut t = Some(self);
            while let Some(ty) = t {
                if let Some(d) = ty.dict_opt() {
                    if let Some(v) = d.get_str(name)? {
                        return Ok(Some((v, Ref::new_ref(ty))));
                    }
                }
                t = ty.base();
            }
            return Ok(None);
        }
        // SAFETY: a type's MRO is a tuple; an old one is released with a delayed decref, and this holds a reference.
        let mro = Ref::new_ref(unsafe { &*mro.cast::<Tuple>() });
        for b in mro.iter() {
            // SAFETY: the items of an MRO are types.
            let t = unsafe { b.cast::<Type>() };
            if let Some(d) = t.dict_opt() {
                if let Some(v) = d.get_str(name)? {
                    return Ok(Some((v, Ref::new_ref(t))));
                }
            }
        }
        Ok(None)
    }

    /// The type's own dict, null before it is ready.
    #[inline]
    pub fn dict_opt(&self) -> Option<&Dict> {
        // SAFETY: `tp_dict` is set once and lives as long as the type (cleared by the collector only).
        unsafe { self.slots().tp_dict.cast::<Dict>().as_ref() }
    }

    /// The type's own dict.
    #[inline]
    pub fn dict(&self) -> &Dict {
        self.dict_opt().expect("type is not ready")
    }

    /// Sets or deletes an entry of the type's dict so that concurrent lookups stay safe, and drops the version tags.
    /// `Ok(false)`: nothing to delete.
    pub fn replace_in_dict(&self, name: &Object, value: Option<&Object>) -> PyResult<bool> {
        let d = self.dict();
        let old = d.get(name)?;
        match value {
            Some(v) => d.set(name, v)?,
            None => {
                if !d.del(name)? {
                    return Ok(false);
                }
            }
        }
        self.modified();
        if let Some(o) = old {
            if !o.is_immortal() {
                // SAFETY: gives one owned reference away.
                unsafe { qsbr::decref_delayed(o.into_ptr()) };
            }
        }
        Ok(true)
    }
}

/// Type watchers (`PyType_AddWatcher` …).
pub mod watch {
    use super::*;

    static WATCHERS: [AtomicPtr<()>; 8] = [const { AtomicPtr::new(core::ptr::null_mut()) }; 8];

    pub fn add(cb: unsafe extern "C" fn(*mut abi::PyTypeObject) -> c_int) -> PyResult<c_int> {
        // The first is the engine's own, as in CPython.
        for (i, w) in WATCHERS.iter().enumerate().skip(1) {
            if w.compare_exchange(core::ptr::null_mut(), cb as *mut (), AcqRel, Relaxed).is_ok() {
                return Ok(i as c_int);
            }
        }
        Err(raise!(RuntimeError, "no more type watcher IDs available"))
    }

    fn check(id: c_int) -> PyResult<&'static AtomicPtr<()>> {
        let Some(w) = usize::try_from(id).ok().and_then(|i| WATCHERS.get(i)) else {
            return Err(raise!(ValueError, "Invalid type watcher ID {}", id));
        };
        if w.load(Acquire).is_null() {
            return Err(raise!(ValueError, "No type watcher set for ID {}", id));
        }
        Ok(w)
    }

    pub fn clear(id: c_int) -> PyResult<()> {
        check(id)?.store(core::ptr::null_mut(), Release);
        Ok(())
    }

    /// Watches (or no longer watches) a type.
    pub fn set(id: c_int, ty: &Object, on: bool) -> PyResult<()> {
        let Some(ty) = ty.downcast::<Type>() else {
            return Err(raise!(ValueError, "Cannot watch non-type"));
        };
        check(id)?;
        if on {
            ty.assign_version();
        }
        // SAFETY: an aligned byte of the type object, used atomically.
        let w = unsafe { core::sync::atomic::AtomicU8::from_ptr(&raw mut (*ty.as_raw()).tp_watched) };
        if on {
            w.fetch_or(1 << id, AcqRel);
        } else {
            w.fetch_and(!(1 << id), AcqRel);
        }
        Ok(())
    }

    pub(super) fn notify(ty: &Type) {
        let bits = ty.slots().tp_watched;
        for (i, w) in WATCHERS.iter().enumerate() {
            let cb = w.load(Acquire);
            if bits & (1 << i) != 0 && !cb.is_null() {
                // SAFETY: registered through `add`.
                let r = unsafe {
                    let f: unsafe extern "C" fn(*mut abi::PyTypeObject) -> c_int = core::mem::transmute(cb);
                    f(ty.as_raw())
                };
                if r < 0 {
                    let message =
                        format!("Exception ignored in type watcher callback #{i} for <class '{}'>", ty.tp_name());
                    let message = match crate::error::take_error() {
                        None => message,
                        Some(e) => {
                            let shown = ty.repr().map(|r| r.to_string_lossy().into_owned());
                            let _ = shown.as_ref().map_err(|_| drop(crate::error::take_error()));
                            let _ = crate::error::restore(e);
                            shown
                                .map_or(message, |s| format!("Exception ignored in type watcher callback #{i} for {s}"))
                        }
                    };
                    crate::objects::exceptions::display::write_unraisable_msg(&message, None);
                }
            }
        }
    }
}
