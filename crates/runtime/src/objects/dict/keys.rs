//! Tables behind `dict`: keys objects (index and entries) and the value arrays of split tables.
//!
//! A keys object is one block: header, index (1, 2, 4 or 8 bytes a slot), entries in insertion order. An index slot holds an
//! entry number, `EMPTY` or `DELETED`. Three kinds: *general* entries store the hash; *unicode* entries do not (every key is an
//! exact `str`, which caches its hash); *split* tables are unicode tables without values, shared by the instances of a class.
//!
//! Rules for access without a lock: the header's sizes never change after creation; entries are only appended, then published
//! through the index with release order; a removed entry has null key and value. A table that readers of other threads may
//! hold is freed through QSBR.

use crate::objects::Str;
use crate::prelude::*;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU32};

/// Index slot never used.
pub(crate) const EMPTY: isize = -1;
/// Index slot whose entry was removed.
pub(crate) const DELETED: isize = -2;

/// Kinds of tables.
pub(crate) const GENERAL: u8 = 0;
pub(crate) const UNICODE: u8 = 1;
pub(crate) const SPLIT: u8 = 2;

pub(crate) const MIN_LOG2: u8 = 3;
/// Shared keys hold at most this many names.
pub(crate) const SPLIT_MAX: usize = 30;

/// A hash table: header, then the index, then the entries.
#[repr(C)]
pub struct DictKeys {
    /// References to a split table (its type, its instances' dicts). In other tables: no entry below this number is live.
    /// Negative: static.
    pub(crate) refcnt: AtomicIsize,
    pub(crate) log2_size: u8,
    pub(crate) log2_index_bytes: u8,
    pub(crate) kind: u8,
    /// Guards insertions into a split table.
    pub(crate) mutex: abi::PyMutex,
    /// For caches; 0 when none is assigned.
    pub(crate) version: AtomicU32,
    /// Entries that may still be appended.
    pub(crate) usable: AtomicIsize,
    /// Entries appended so far, removed ones included.
    pub(crate) nentries: AtomicIsize,
}
const _: () = assert!(size_of::<DictKeys>() == 32);

/// Entry of a general table.
#[repr(C)]
pub(crate) struct GEntry {
    pub hash: AtomicIsize,
    pub key: AtomicPtr<abi::PyObject>,
    pub value: AtomicPtr<abi::PyObject>,
}

/// Entry of a unicode or split table.
#[repr(C)]
pub(crate) struct UEntry {
    pub key: AtomicPtr<abi::PyObject>,
    pub value: AtomicPtr<abi::PyObject>,
}

/// The keys of every empty dict.
#[repr(C)]
struct EmptyKeys(DictKeys, [u8; 8]);
static EMPTY_KEYS: EmptyKeys = EmptyKeys(
    DictKeys {
        refcnt: AtomicIsize::new(isize::MIN / 2),
        log2_size: 0,
        log2_index_bytes: 3,
        kind: UNICODE,
        mutex: abi::PyMutex { _bits: AtomicU8::new(0) },
        version: AtomicU32::new(0),
        usable: AtomicIsize::new(0),
        nentries: AtomicIsize::new(0),
    },
    [0xff; 8],
);

/// The keys of every empty dict.
#[inline(always)]
pub(crate) fn empty_keys() -> *mut DictKeys {
    (&raw const EMPTY_KEYS.0).cast_mut()
}

#[inline(always)]
pub(crate) fn usable_for(log2_size: u8) -> usize {
    (2usize << log2_size) / 3
}

/// Smallest table size (log2) with at least `n` slots.
pub(crate) fn log2_for_slots(n: usize) -> u8 {
    let n = n.max(1 << MIN_LOG2);
    (usize::BITS - (n - 1).leading_zeros()) as u8
}

/// Smallest table size (log2) that takes `n` entries without growing.
pub(crate) fn log2_for_entries(n: usize) -> u8 {
    log2_for_slots(n.saturating_mul(3).div_ceil(2))
}

fn log2_index_bytes(log2_size: u8) -> u8 {
    match log2_size {
        0..=7 => log2_size.max(3),
        8..=15 => log2_size + 1,
        16..=31 => log2_size + 2,
        _ => log2_size + 3,
    }
}

/// The next key version; 0 when they have run out.
pub(crate) fn next_version() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let v = NEXT.fetch_add(1, Relaxed);
    if v == 0 || v == u32::MAX {
        NEXT.store(u32::MAX, Relaxed);
        return 0;
    }
    v
}

#[inline(always)]
pub(crate) fn is_exact_str(o: &Object) -> bool {
    core::ptr::eq(o.ty(), Str::type_object())
}

/// The hash of any object: cached for exact `str`.
#[inline(always)]
pub(crate) fn raw_hash(o: &Object) -> PyResult<isize> {
    if is_exact_str(o) {
        // SAFETY: an exact str.
        return Ok(unsafe { o.cast::<Str>() }.hash_value());
    }
    o.hash()
}

/// The hash of a dict key, with the TypeError of dicts for what cannot be hashed.
#[inline(always)]
pub(crate) fn hash_of(o: &Object) -> PyResult<isize> {
    match raw_hash(o) {
        Ok(h) => Ok(h),
        Err(e) => Err(unhashable(e, o, "dict key")),
    }
}

/// Rewords an exact TypeError of `__hash__`.
#[cold]
#[inline(never)]
pub(crate) fn unhashable(e: Raised, o: &Object, what: &str) -> Raised {
    if !e.matches(exc::TypeError()) {
        return e;
    }
    let exc = e.take();
    if !core::ptr::eq(exc.ty(), exc::TypeError()) {
        return crate::error::restore(exc);
    }
    match exc.str() {
        Ok(text) => raise!(TypeError, "cannot use '{}' as a {} ({})", o.ty().name_str(), what, text.to_string_lossy()),
        Err(e) => e,
    }
}

impl DictKeys {
    /// A new empty table. Null (without an exception) when memory is short.
    pub(crate) fn alloc(log2_size: u8, kind: u8) -> *mut DictKeys {
        let lib = log2_index_bytes(log2_size);
        let usable = usable_for(log2_size);
        let entry = if kind == GENERAL { size_of::<GEntry>() } else { size_of::<UEntry>() };
        if log2_size >= 58 {
            return null_mut();
        }
        let index = 1usize << lib;
        let size = size_of::<DictKeys>() + index + usable * entry;
        // SAFETY: a fresh block of `size` bytes; every part is written before use.
        unsafe {
            let p = crate::mem::domains::mem_malloc(size).cast::<u8>();
            if p.is_null() {
                return null_mut();
            }
            p.cast::<DictKeys>().write(DictKeys {
                refcnt: AtomicIsize::new((kind == SPLIT) as isize),
                log2_size,
                log2_index_bytes: lib,
                kind,
                mutex: abi::PyMutex { _bits: AtomicU8::new(0) },
                version: AtomicU32::new(0),
                usable: AtomicIsize::new(usable as isize),
                nentries: AtomicIsize::new(0),
            });
            let body = p.add(size_of::<DictKeys>());
            core::ptr::write_bytes(body, 0xff, index);
            core::ptr::write_bytes(body.add(index), 0, usable * entry);
            p.cast()
        }
    }

    #[inline(always)]
    pub(crate) fn mask(&self) -> usize {
        (1usize << self.log2_size) - 1
    }

    #[inline(always)]
    pub(crate) fn is_general(&self) -> bool {
        self.kind == GENERAL
    }

    #[inline(always)]
    fn body(&self) -> *mut u8 {
        // SAFETY: the index follows the header.
        unsafe { (self as *const DictKeys).cast::<u8>().cast_mut().add(size_of::<DictKeys>()) }
    }

    #[inline(always)]
    pub(crate) fn uentries(&self) -> *mut UEntry {
        // SAFETY: the entries follow the index.
        unsafe { self.body().add(1usize << self.log2_index_bytes).cast() }
    }

    #[inline(always)]
    pub(crate) fn gentries(&self) -> *mut GEntry {
        // SAFETY: the entries follow the index.
        unsafe { self.body().add(1usize << self.log2_index_bytes).cast() }
    }

    /// # Safety
    /// Not a general table; `i` below the table's capacity.
    #[inline(always)]
    pub(crate) unsafe fn u(&self, i: usize) -> &UEntry {
        // SAFETY: the caller's promise.
        unsafe { &*self.uentries().add(i) }
    }

    /// # Safety
    /// A general table; `i` below the table's capacity.
    #[inline(always)]
    pub(crate) unsafe fn g(&self, i: usize) -> &GEntry {
        // SAFETY: the caller's promise.
        unsafe { &*self.gentries().add(i) }
    }

    /// Key slot of an entry.
    /// # Safety
    /// `i` below the table's capacity.
    #[inline(always)]
    pub(crate) unsafe fn key_slot(&self, i: usize) -> &AtomicPtr<abi::PyObject> {
        // SAFETY: the caller's promise.
        unsafe { if self.is_general() { &self.g(i).key } else { &self.u(i).key } }
    }

    /// Value slot of an entry (of a table that is not split).
    /// # Safety
    /// `i` below the table's capacity.
    #[inline(always)]
    pub(crate) unsafe fn value_slot(&self, i: usize) -> &AtomicPtr<abi::PyObject> {
        // SAFETY: the caller's promise.
        unsafe { if self.is_general() { &self.g(i).value } else { &self.u(i).value } }
    }

    #[inline(always)]
    pub(crate) fn index(&self, slot: usize) -> isize {
        let b = self.body();
        // SAFETY: `slot` is masked; the width follows from the size.
        unsafe {
            match self.log2_size {
                0..=7 => (*b.cast::<AtomicI8>().add(slot)).load(Acquire) as isize,
                8..=15 => (*b.cast::<AtomicI16>().add(slot)).load(Acquire) as isize,
                16..=31 => (*b.cast::<AtomicI32>().add(slot)).load(Acquire) as isize,
                _ => (*b.cast::<AtomicI64>().add(slot)).load(Acquire) as isize,
            }
        }
    }

    #[inline(always)]
    pub(crate) fn set_index(&self, slot: usize, v: isize) {
        let b = self.body();
        // SAFETY: `slot` is masked; the width follows from the size.
        unsafe {
            match self.log2_size {
                0..=7 => (*b.cast::<AtomicI8>().add(slot)).store(v as i8, Release),
                8..=15 => (*b.cast::<AtomicI16>().add(slot)).store(v as i16, Release),
                16..=31 => (*b.cast::<AtomicI32>().add(slot)).store(v as i32, Release),
                _ => (*b.cast::<AtomicI64>().add(slot)).store(v as i64, Release),
            }
        }
    }

    /// The slot that holds entry `ix` whose key hashes to `hash`.
    pub(crate) fn slot_of(&self, hash: isize, ix: isize) -> usize {
        let mut p = Probe::new(hash, self.mask());
        loop {
            let v = self.index(p.slot);
            if v == ix || v == EMPTY {
                return p.slot;
            }
            p.advance();
        }
    }

    /// First slot on the probe path that holds no entry. The table has one.
    #[inline]
    pub(crate) fn free_slot(&self, hash: isize) -> usize {
        let mut p = Probe::new(hash, self.mask());
        while self.index(p.slot) >= 0 {
            p.advance();
        }
        p.slot
    }

    /// Size of the block in bytes.
    pub(crate) fn byte_size(&self) -> usize {
        let entry = if self.is_general() { size_of::<GEntry>() } else { size_of::<UEntry>() };
        size_of::<DictKeys>() + (1usize << self.log2_index_bytes) + usable_for(self.log2_size) * entry
    }

    #[inline(always)]
    pub(crate) fn len_entries(&self) -> usize {
        self.nentries.load(Acquire) as usize
    }

    /// Finds an exact `str` in a unicode or split table, the entries being stable (lock held, or an immutable prefix).
    /// Touches no reference counts and runs no Python code.
    ///
    /// # Safety
    /// No other thread removes entries meanwhile.
    #[inline]
    pub(crate) unsafe fn find_str(&self, key: &Str, hash: isize) -> isize {
        let mut p = Probe::new(hash, self.mask());
        loop {
            let ix = self.index(p.slot);
            if ix >= 0 {
                // SAFETY: indices in the table are below its capacity; a live entry keeps its key alive.
                unsafe {
                    let k = self.u(ix as usize).key.load(Acquire);
                    if k == key.as_ptr() {
                        return ix;
                    }
                    if !k.is_null() {
                        let k = Object::from_ptr(k).cast::<Str>();
                        if k.hash_value() == hash && k.eq_data(key) {
                            return ix;
                        }
                    }
                }
            } else if ix == EMPTY {
                return EMPTY;
            }
            p.advance();
        }
    }

    /// The same without a lock: `None` when a writer got in the way.
    #[inline]
    pub(crate) fn find_str_lockfree(&self, key: &Str, hash: isize) -> Option<isize> {
        let mut p = Probe::new(hash, self.mask());
        loop {
            let ix = self.index(p.slot);
            if ix >= 0 {
                // SAFETY: indices in the table are below its capacity; object memory stays readable until the next
                // quiescent state, so the cached hash may be read before the key is known to be alive.
                unsafe {
                    let slot = &self.u(ix as usize).key;
                    let k = slot.load(Acquire);
                    if k == key.as_ptr() {
                        return Some(ix);
                    }
                    if k.is_null() {
                        return None;
                    }
                    if cached_str_hash(k) == hash {
                        let k = crate::thread::load_ref(slot)?;
                        if !is_exact_str(&k) {
                            return None;
                        }
                        if k.cast::<Str>().eq_data(key) {
                            return Some(ix);
                        }
                    }
                }
            } else if ix == EMPTY {
                return Some(EMPTY);
            }
            p.advance();
        }
    }
}

/// The hash field of a `str`, whatever it holds.
/// # Safety
/// `k` points to readable memory of a `str`.
#[inline(always)]
pub(crate) unsafe fn cached_str_hash(k: *mut abi::PyObject) -> isize {
    // SAFETY: the caller's promise.
    unsafe { (*(&raw const (*k.cast::<abi::PyASCIIObject>()).hash).cast::<AtomicIsize>()).load(Relaxed) }
}

/// Walk over the slots for one hash: visits every slot of the table.
pub(crate) struct Probe {
    pub slot: usize,
    mask: usize,
    perturb: usize,
}

impl Probe {
    #[inline(always)]
    pub(crate) fn new(hash: isize, mask: usize) -> Probe {
        Probe { slot: hash as usize & mask, mask, perturb: hash as usize }
    }
    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.perturb >>= 5;
        self.slot = self.slot.wrapping_mul(5).wrapping_add(self.perturb).wrapping_add(1) & self.mask;
    }
}

/// Frees a keys block, at once or after the readers are gone.
/// # Safety
/// Nobody reaches the block any more, apart from lock-free readers when `shared`.
pub(crate) unsafe fn free_keys_block(keys: *mut DictKeys, shared: bool) {
    if keys == empty_keys() {
        return;
    }
    // SAFETY: the caller's promise; the block came from `mem_malloc`.
    unsafe { super::super::support::free_block(keys.cast(), shared) }
}

/// Values of a split table: a header of eight bytes, `capacity` values, then `capacity` bytes of insertion order.
#[repr(C)]
pub struct DictValues {
    pub(crate) capacity: u8,
    /// Number of insertion-order bytes in use.
    pub(crate) size: AtomicU8,
    /// Whether the array lies inside an instance (inline values).
    pub(crate) embedded: u8,
    /// Whether the inline values are in use (cleared when they moved out).
    pub(crate) valid: AtomicU8,
    _pad: u32,
}
const _: () = assert!(size_of::<DictValues>() == 8);

impl DictValues {
    pub(crate) const fn bytes(capacity: usize) -> usize {
        (size_of::<DictValues>() + capacity * 8 + capacity + 7) & !7
    }

    /// A new array outside of any instance; null when memory is short.
    pub(crate) fn alloc(capacity: usize) -> *mut DictValues {
        // SAFETY: a fresh block, initialised here.
        unsafe {
            let p = crate::mem::domains::mem_malloc(Self::bytes(capacity)).cast::<DictValues>();
            if !p.is_null() {
                Self::init(p, capacity, false);
            }
            p
        }
    }

    /// # Safety
    /// `p` has room for `bytes(capacity)`.
    pub(crate) unsafe fn init(p: *mut DictValues, capacity: usize, embedded: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            core::ptr::write_bytes(p.cast::<u8>(), 0, Self::bytes(capacity));
            (*p).capacity = capacity as u8;
            (*p).embedded = embedded as u8;
            (*p).valid.store(1, Release);
        }
    }

    #[inline(always)]
    pub(crate) fn slots(&self) -> *mut AtomicPtr<abi::PyObject> {
        // SAFETY: the values follow the header.
        unsafe { (self as *const DictValues).add(1).cast_mut().cast() }
    }

    /// The slot of value `i`.
    /// # Safety
    /// `i < capacity`.
    #[inline(always)]
    pub(crate) unsafe fn slot(&self, i: usize) -> &AtomicPtr<abi::PyObject> {
        debug_assert!(i < self.capacity as usize);
        // SAFETY: the caller's promise.
        unsafe { &*self.slots().add(i) }
    }

    fn order_bytes(&self) -> *mut AtomicU8 {
        // SAFETY: the order bytes follow the values.
        unsafe { self.slots().add(self.capacity as usize).cast() }
    }

    /// Entry number at position `pos` of the insertion order.
    pub(crate) fn order(&self, pos: usize) -> Option<usize> {
        if pos < self.size.load(Acquire) as usize {
            // SAFETY: below `size`, which is at most `capacity`.
            Some(unsafe { (*self.order_bytes().add(pos)).load(Relaxed) } as usize)
        } else {
            None
        }
    }

    pub(crate) fn push_order(&self, ix: usize) {
        let n = self.size.load(Relaxed) as usize;
        debug_assert!(n < self.capacity as usize);
        // SAFETY: an index enters the order once, so there is room.
        unsafe { (*self.order_bytes().add(n)).store(ix as u8, Relaxed) };
        self.size.store(n as u8 + 1, Release);
    }

    pub(crate) fn remove_order(&self, ix: usize) {
        let n = self.size.load(Relaxed) as usize;
        let b = self.order_bytes();
        // SAFETY: positions below `size`.
        unsafe {
            let Some(at) = (0..n).find(|&i| (*b.add(i)).load(Relaxed) as usize == ix) else { return };
            for i in at..n - 1 {
                (*b.add(i)).store((*b.add(i + 1)).load(Relaxed), Relaxed);
            }
        }
        self.size.store(n as u8 - 1, Release);
    }
}
