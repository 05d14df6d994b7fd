//! Interning: one immortal object per text, process-wide.

use super::layout::INTERNED_IMMORTAL;
use super::{Kind, Str, StrData};
use crate::prelude::*;
use core::hash::Hasher;
use core::sync::atomic::{AtomicPtr, Ordering};
use hashbrown::HashTable;
use std::sync::Mutex;

/// One `intern!` in the source: remembers its string after the first use.
pub struct InternSite {
    text: &'static str,
    cached: AtomicPtr<Str>,
}

impl InternSite {
    pub const fn new(text: &'static str) -> InternSite {
        InternSite { text, cached: AtomicPtr::new(core::ptr::null_mut()) }
    }
    #[inline(always)]
    pub fn get(&self) -> &'static Str {
        let p = self.cached.load(Ordering::Acquire);
        if p.is_null() {
            return self.fill();
        }
        // SAFETY: interned strings are immortal.
        unsafe { &*p }
    }
    #[cold]
    fn fill(&self) -> &'static Str {
        let s = Str::intern(self.text);
        self.cached.store((s as *const Str).cast_mut(), Ordering::Release);
        s
    }
}

/// The interned string of a literal: `intern!("__init__")` is `&'static Str`.
#[macro_export]
macro_rules! intern {
    ($s:expr) => {{
        static SITE: $crate::objects::unicode::InternSite = $crate::objects::unicode::InternSite::new($s);
        SITE.get()
    }};
}

/// The shards of the table. Locks are held for lookups only; nothing in them runs Python code.
const SHARDS: usize = 64;

struct Entry(&'static Str, u64);

static TABLE: [Mutex<HashTable<Entry>>; SHARDS] = [const { Mutex::new(HashTable::new()) }; SHARDS];

/// A content hash of our own: interning must work before the secret of Python's hash is known.
fn content_hash(data: StrData<'_>) -> u64 {
    let mut h = rustc_hash::FxHasher::default();
    h.write(data.as_bytes());
    h.finish()
}

fn static_string(data: StrData<'_>) -> Option<&'static Str> {
    match data {
        StrData::One([]) => Some(Str::empty()),
        StrData::One([c]) => Some(Str::latin1_char(*c)),
        _ => None,
    }
}

/// Finds or adds; `make` gives the immortal string to add and must not run Python code.
fn find_or_add(data: StrData<'_>, make: impl FnOnce() -> &'static Str) -> &'static Str {
    let h = content_hash(data);
    let mut table = TABLE[(h >> 57) as usize % SHARDS].lock().unwrap_or_else(|e| e.into_inner());
    let (kind, bytes) = (data.kind(), data.as_bytes());
    if let Some(e) = table.find(h, |e| e.1 == h && e.0.kind() == kind && e.0.data().as_bytes() == bytes) {
        return e.0;
    }
    let s = make();
    s.base.state.interned.store(INTERNED_IMMORTAL, Ordering::Release);
    table.insert_unique(h, Entry(s, h), |e| e.1);
    s
}

impl Str {
    /// The interned string of this text.
    pub fn intern(s: &str) -> &'static Str {
        if s.is_ascii() {
            return Str::intern_data(StrData::One(s.as_bytes()));
        }
        let chars: Vec<u32> = s.chars().map(|c| c as u32).collect();
        match Kind::of_char(chars.iter().copied().max().unwrap_or(0)) {
            Kind::One => Str::intern_data(StrData::One(&chars.iter().map(|&c| c as u8).collect::<Vec<_>>())),
            Kind::Two => Str::intern_data(StrData::Two(&chars.iter().map(|&c| c as u16).collect::<Vec<_>>())),
            Kind::Four => Str::intern_data(StrData::Four(&chars)),
        }
    }

    /// The interned string of canonical data.
    pub fn intern_data(data: StrData<'_>) -> &'static Str {
        if let Some(s) = static_string(data) {
            return s;
        }
        find_or_add(data, || Str::alloc_immortal(data))
    }

    /// The interned string equal to `s`, which becomes it when there is none yet (`sys.intern`). Only exact `str`.
    pub fn intern_ref(s: Ref<Str>) -> Ref<Str> {
        if s.is_interned() {
            return s;
        }
        let found = if let Some(found) = static_string(s.data()) {
            found
        } else {
            find_or_add(s.data(), || {
                // The string becomes immortal: its creator may be another thread, whose counting then stops mattering.
                make_immortal(&s);
                // SAFETY: immortal from here on.
                unsafe { &*s.as_raw() }
            })
        };
        Ref::new_ref(found)
    }

    /// Whether this object is interned.
    #[inline(always)]
    pub fn is_interned(&self) -> bool {
        self.base.state.interned.load(Ordering::Relaxed) != 0
    }
}

fn make_immortal(s: &Str) {
    crate::mem::refcount::set_immortal(s);
}
