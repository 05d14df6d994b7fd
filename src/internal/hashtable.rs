//! `_Py_hashtable_t`: a chained hash table over C pointers. Callers read its entries and its `find` function, so the layout is
//! CPython's; keys and values are theirs, freed by the functions they give.

use crate::export::fine;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use runtime::mem::domains;

type Ptr = *mut c_void;
type HashFn = unsafe extern "C" fn(Ptr) -> usize;
type CompareFn = unsafe extern "C" fn(Ptr, Ptr) -> c_int;
type DestroyFn = unsafe extern "C" fn(Ptr) -> ();
type EachFn = unsafe extern "C" fn(*mut Table, Ptr, Ptr, Ptr) -> c_int;

#[repr(C)]
struct Entry {
    next: *mut Entry,
    hash: usize,
    key: Ptr,
    value: Ptr,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    malloc: unsafe extern "C" fn(usize) -> Ptr,
    free: unsafe extern "C" fn(Ptr) -> (),
}

#[repr(C)]
pub struct Table {
    len: usize,
    buckets_len: usize,
    buckets: *mut *mut Entry,
    find: unsafe extern "C" fn(*mut Table, Ptr) -> *mut Entry,
    hash: HashFn,
    compare: CompareFn,
    destroy_key: Option<DestroyFn>,
    destroy_value: Option<DestroyFn>,
    alloc: Allocator,
}

const FEWEST: usize = 16;

unsafe extern "C" fn own_malloc(size: usize) -> Ptr {
    // SAFETY: no precondition.
    unsafe { domains::mem_malloc(size) }
}
unsafe extern "C" fn own_free(p: Ptr) {
    // SAFETY: made by `own_malloc`.
    unsafe { domains::mem_free(p) }
}
const OWN: Allocator = Allocator { malloc: own_malloc, free: own_free };

impl Table {
    /// # Safety
    /// The table was made here.
    unsafe fn bucket(&self, hash: usize) -> *mut *mut Entry {
        // SAFETY: a power of two of buckets.
        unsafe { self.buckets.add(hash & (self.buckets_len - 1)) }
    }

    /// The link that points to the key's entry, or to null at the end of its chain.
    unsafe fn link(&self, key: Ptr) -> *mut *mut Entry {
        // SAFETY: chains end with null; the functions are the table's own.
        unsafe {
            let hash = (self.hash)(key);
            let mut link = self.bucket(hash);
            while !(*link).is_null() && ((**link).hash != hash || (self.compare)(key, (**link).key) == 0) {
                link = &raw mut (**link).next;
            }
            link
        }
    }

    unsafe fn new_buckets(&self, n: usize) -> *mut *mut Entry {
        // SAFETY: a fresh block, filled whole.
        unsafe {
            let p = (self.alloc.malloc)(n * size_of::<*mut Entry>()).cast::<*mut Entry>();
            if !p.is_null() {
                core::ptr::write_bytes(p, 0, n);
            }
            p
        }
    }

    /// Another number of buckets; the old ones stay when memory is short.
    unsafe fn resize(&mut self, n: usize) {
        // SAFETY: every entry moves to one new chain.
        unsafe {
            let new = self.new_buckets(n);
            if new.is_null() {
                return;
            }
            for i in 0..self.buckets_len {
                let mut e = *self.buckets.add(i);
                while !e.is_null() {
                    let next = (*e).next;
                    let place = new.add((*e).hash & (n - 1));
                    (*e).next = *place;
                    *place = e;
                    e = next;
                }
            }
            (self.alloc.free)(self.buckets.cast());
            self.buckets = new;
            self.buckets_len = n;
        }
    }

    /// Frees every entry, with its key and value.
    unsafe fn empty(&mut self) {
        // SAFETY: each entry is freed once, after it left its chain.
        unsafe {
            for i in 0..self.buckets_len {
                while let Some(e) = (*self.buckets.add(i)).as_mut() {
                    *self.buckets.add(i) = e.next;
                    if let Some(f) = self.destroy_key {
                        f(e.key);
                    }
                    if let Some(f) = self.destroy_value {
                        f(e.value);
                    }
                    (self.alloc.free)((e as *mut Entry).cast());
                }
            }
            self.len = 0;
        }
    }
}

unsafe extern "C" fn find(t: *mut Table, key: Ptr) -> *mut Entry {
    // SAFETY: C passes a table.
    unsafe { *(*t).link(key) }
}

unsafe fn make(
    hash: Option<HashFn>,
    compare: Option<CompareFn>,
    destroy_key: Option<DestroyFn>,
    destroy_value: Option<DestroyFn>,
    alloc: Allocator,
) -> *mut Table {
    let (Some(hash), Some(compare)) = (hash, compare) else { return null_mut() };
    // SAFETY: a fresh block, filled whole.
    unsafe {
        let p = (alloc.malloc)(size_of::<Table>()).cast::<Table>();
        if p.is_null() {
            return p;
        }
        p.write(Table {
            len: 0,
            buckets_len: FEWEST,
            buckets: null_mut(),
            find,
            hash,
            compare,
            destroy_key,
            destroy_value,
            alloc,
        });
        (*p).buckets = (*p).new_buckets(FEWEST);
        if (*p).buckets.is_null() {
            (alloc.free)(p.cast());
            return null_mut();
        }
        p
    }
}

capi! {
    raw fn _Py_hashtable_new(hash: Option<HashFn>, compare: Option<CompareFn>) -> *mut Table {
        // SAFETY: functions of C.
        fine(unsafe { make(hash, compare, None, None, OWN) })
    }
    raw fn _Py_hashtable_new_full(hash: Option<HashFn>, compare: Option<CompareFn>, key: Option<DestroyFn>, value: Option<DestroyFn>, alloc: *const Allocator) -> *mut Table {
        // SAFETY: functions of C, and its allocator or null.
        fine(unsafe { make(hash, compare, key, value, alloc.as_ref().copied().unwrap_or(OWN)) })
    }
    raw fn _Py_hashtable_hash_ptr(key: Ptr) -> usize {
        fine((key as usize).rotate_right(4))
    }
    raw fn _Py_hashtable_compare_direct(a: Ptr, b: Ptr) -> c_int {
        fine(a == b)
    }
    raw fn _Py_hashtable_size(t: *const Table) -> usize {
        // SAFETY: C passes a table.
        fine(unsafe { size_of::<Table>() + (*t).buckets_len * size_of::<*mut Entry>() + (*t).len * size_of::<Entry>() })
    }
    raw fn _Py_hashtable_len(t: *const Table) -> usize {
        // SAFETY: C passes a table.
        fine(unsafe { (*t).len })
    }
    raw fn _Py_hashtable_set(t: *mut Table, key: Ptr, value: Ptr) -> c_int {
        // SAFETY: C passes a table that does not hold the key.
        unsafe {
            let t = &mut *t;
            let e = (t.alloc.malloc)(size_of::<Entry>()).cast::<Entry>();
            if e.is_null() {
                return Ok(-1);
            }
            if t.len + 1 > t.buckets_len / 2 {
                t.resize(t.buckets_len * 4);
            }
            let hash = (t.hash)(key);
            let place = t.bucket(hash);
            e.write(Entry { next: *place, hash, key, value });
            *place = e;
            t.len += 1;
            Ok(0)
        }
    }
    raw fn _Py_hashtable_get(t: *mut Table, key: Ptr) -> *mut c_void {
        // SAFETY: C passes a table.
        fine(unsafe { find(t, key).as_ref().map_or(null_mut(), |e| e.value) })
    }
    raw fn _Py_hashtable_steal(t: *mut Table, key: Ptr) -> *mut c_void {
        // SAFETY: C passes a table; the entry is freed after it left its chain.
        unsafe {
            let t = &mut *t;
            let link = t.link(key);
            let e = *link;
            if e.is_null() {
                return Ok(null_mut());
            }
            *link = (*e).next;
            t.len -= 1;
            let value = (*e).value;
            (t.alloc.free)(e.cast());
            if t.len < t.buckets_len / 16 && t.buckets_len > FEWEST {
                t.resize((t.buckets_len / 4).max(FEWEST));
            }
            fine(value)
        }
    }
    raw fn _Py_hashtable_foreach(t: *mut Table, f: Option<EachFn>, data: Ptr) -> c_int {
        let Some(f) = f else { return Ok(0) };
        // SAFETY: C passes a table that its function does not change.
        unsafe {
            for i in 0..(*t).buckets_len {
                let mut e = *(*t).buckets.add(i);
                while !e.is_null() {
                    let r = f(t, (*e).key, (*e).value, data);
                    if r != 0 {
                        return fine(r);
                    }
                    e = (*e).next;
                }
            }
        }
        Ok(0)
    }
    raw fn _Py_hashtable_clear(t: *mut Table) {
        // SAFETY: C passes a table.
        unsafe {
            (*t).empty();
            (*t).resize(FEWEST);
        }
        Ok(())
    }
    raw fn _Py_hashtable_destroy(t: *mut Table) {
        // SAFETY: C passes a table that nobody uses any more.
        unsafe {
            (*t).empty();
            let free = (*t).alloc.free;
            free((*t).buckets.cast());
            free(t.cast());
        }
        Ok(())
    }
}
