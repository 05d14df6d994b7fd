//! Interning: one immortal object per text, process-wide.

use super::Str;
use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, Ordering};

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

impl Str {
    /// The interned string of this text.
    pub fn intern(_s: &str) -> &'static Str {
        todo!()
    }
    /// The interned string equal to `s`, which becomes it when there is none yet (`sys.intern`). Only exact `str`.
    pub fn intern_ref(_s: Ref<Str>) -> Ref<Str> {
        todo!()
    }
    /// Whether this object is interned.
    #[inline(always)]
    pub fn is_interned(&self) -> bool {
        self.base.state.interned.load(Ordering::Relaxed) != 0
    }
}
