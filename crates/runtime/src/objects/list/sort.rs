//! `list.sort`: a stable merge sort over natural runs.
//!
//! While the sort runs the list is empty and its capacity reads -1, so that any change by a comparison is noticed. Keys that
//! are all `int` of 64 bits, all `float` without NaN or all one-byte `str` are compared as machine values by the standard
//! library's sort. Everything else goes through a merge sort of ours, which survives comparisons that raise or lie: runs are
//! found, short ones extended by binary insertion, and merged by powersort's rule.

use super::{Item, List};
use crate::objects::support::{as_objects, is_shared, lock};
use crate::objects::unicode::StrData;
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Relaxed, Release};

/// One element: the key that is compared and the value that moves with it (null: the key is the value).
#[derive(Clone, Copy)]
struct Entry {
    key: *mut abi::PyObject,
    value: *mut abi::PyObject,
}

impl Entry {
    #[inline(always)]
    fn key<'a>(self) -> &'a Object {
        // SAFETY: entries own their keys for the time of the sort.
        unsafe { Object::from_ptr(self.key) }
    }
}

impl List {
    /// `list.sort`.
    pub fn sort(&self, key: Option<&Object>, reverse: bool) -> PyResult<()> {
        // Take the items out.
        let (array, n, capacity, shared);
        {
            lock!(self);
            n = self.len();
            capacity = self.allocated.load(Relaxed);
            shared = is_shared(self) || !self.is_owned_by_current_thread();
            array = self.ob_item.swap(null_mut(), Release);
            self.ob_size.store(0, Release);
            self.allocated.store(-1, Relaxed);
        }
        let items: Vec<*mut abi::PyObject> = (0..n).map(|i| Self::raw(array, i)).collect();
        let mut out = items;
        let result = sort_raw(&mut out, key, reverse);
        // Put them back. A shared array may still be read: slots are plain atomic stores, so write in place either way.
        for (i, p) in out.iter().enumerate() {
            // SAFETY: the array has at least `n` slots.
            unsafe { (*array.add(i)).store(*p, Release) };
        }
        let (old, old_n, modified);
        {
            lock!(self);
            modified = self.allocated.load(Relaxed) != -1;
            old_n = self.len();
            old = self.ob_item.swap(array, Release);
            self.ob_size.store(n as isize, Release);
            self.allocated.store(capacity, Relaxed);
        }
        // SAFETY: what a comparison put into the list meanwhile is ours to release.
        unsafe { Self::release_array(old, old_n, shared) };
        result?;
        if modified {
            return Err(raise!(ValueError, "list modified during sort"));
        }
        Ok(())
    }

    fn raw(array: *mut Item, i: usize) -> *mut abi::PyObject {
        // SAFETY: in range.
        unsafe { (*array.add(i)).load(Relaxed) }
    }
}

/// Sorts raw owned pointers; on an error they are left in some order.
fn sort_raw(items: &mut [*mut abi::PyObject], key: Option<&Object>, reverse: bool) -> PyResult<()> {
    if items.len() < 2 && key.is_none() {
        return Ok(());
    }
    let mut keys: Vec<PyRef> = Vec::new();
    if let Some(f) = key {
        keys.reserve(items.len());
        for p in items.iter() {
            // SAFETY: the caller owns the items.
            keys.push(f.call1(unsafe { Object::from_ptr(*p) })?);
        }
    }
    let mut entries: Vec<Entry> = match key {
        Some(_) => items.iter().zip(&keys).map(|(v, k)| Entry { key: k.as_ptr(), value: *v }).collect(),
        None => items.iter().map(|v| Entry { key: *v, value: *v }).collect(),
    };
    let r = sort_entries(&mut entries, reverse);
    for (slot, e) in items.iter_mut().zip(&entries) {
        *slot = e.value;
    }
    drop(keys);
    r
}

/// What all keys have in common.
enum Kind {
    Int(Vec<(i64, Entry)>),
    Float(Vec<(f64, Entry)>),
    Latin(Vec<(&'static [u8], Entry)>),
    Other,
}

fn classify(e: &[Entry]) -> Kind {
    let Some(first) = e.first() else { return Kind::Other };
    let ty = first.key().ty();
    if !e.iter().all(|x| core::ptr::eq(x.key().ty(), ty)) {
        return Kind::Other;
    }
    if core::ptr::eq(ty, Int::type_object()) {
        let mut v = Vec::with_capacity(e.len());
        for x in e {
            // SAFETY: an exact int.
            match unsafe { x.key().cast::<Int>() }.try_i64() {
                Some(i) => v.push((i, *x)),
                None => return Kind::Other,
            }
        }
        return Kind::Int(v);
    }
    if core::ptr::eq(ty, Float::type_object()) {
        let mut v = Vec::with_capacity(e.len());
        for x in e {
            // SAFETY: an exact float.
            let f = unsafe { x.key().cast::<Float>() }.value();
            if f.is_nan() {
                return Kind::Other;
            }
            v.push((f, *x));
        }
        return Kind::Float(v);
    }
    if core::ptr::eq(ty, Str::type_object()) {
        let mut v = Vec::with_capacity(e.len());
        for x in e {
            // SAFETY: an exact str; the keys outlive the sort.
            let s: &'static Str = unsafe { x.key().cast::<Str>() };
            if !matches!(s.data(), StrData::One(_)) {
                return Kind::Other;
            }
            v.push((s.data().as_bytes(), *x));
        }
        return Kind::Latin(v);
    }
    Kind::Other
}

fn write_back<K>(e: &mut [Entry], v: Vec<(K, Entry)>) {
    for (slot, (_, x)) in e.iter_mut().zip(v) {
        *slot = x;
    }
}

fn sort_entries(e: &mut [Entry], reverse: bool) -> PyResult<()> {
    // Equal elements keep their order in a reverse sort, too: the machine sorts compare the other way round.
    match classify(e) {
        Kind::Int(mut v) => {
            if reverse {
                v.sort_by(|a, b| b.0.cmp(&a.0))
            } else {
                v.sort_by(|a, b| a.0.cmp(&b.0))
            }
            write_back(e, v);
            return Ok(());
        }
        Kind::Float(mut v) => {
            let cmp = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(core::cmp::Ordering::Equal);
            if reverse {
                v.sort_by(|a, b| cmp(b.0, a.0))
            } else {
                v.sort_by(|a, b| cmp(a.0, b.0))
            }
            write_back(e, v);
            return Ok(());
        }
        Kind::Latin(mut v) => {
            if reverse {
                v.sort_by(|a, b| b.0.cmp(a.0))
            } else {
                v.sort_by(|a, b| a.0.cmp(b.0))
            }
            write_back(e, v);
            return Ok(());
        }
        Kind::Other => {}
    }
    if reverse {
        e.reverse();
    }
    let all_tuples = e.iter().all(|x| {
        core::ptr::eq(x.key().ty(), Tuple::type_object()) && !x.key().downcast::<Tuple>().is_none_or(|t| t.is_empty())
    });
    let r = if all_tuples {
        merge_sort(e, &tuple_lt)
    } else {
        merge_sort(e, &|a, b| a.key().richcompare_bool(b.key(), CompareOp::Lt))
    };
    if reverse {
        e.reverse();
    }
    r
}

/// `a < b` for exact non-empty tuples.
fn tuple_lt(a: Entry, b: Entry) -> PyResult<bool> {
    // SAFETY: checked by the caller.
    let (a, b) = unsafe { (a.key().cast::<Tuple>().as_slice(), b.key().cast::<Tuple>().as_slice()) };
    for (x, y) in a.iter().zip(b) {
        if let Some(o) = quick_cmp(x, y) {
            match o {
                core::cmp::Ordering::Equal => continue,
                o => return Ok(o.is_lt()),
            }
        }
        if !x.eq(y)? {
            return x.richcompare_bool(y, CompareOp::Lt);
        }
    }
    Ok(a.len() < b.len())
}

/// Order of two exact ints, floats or one-byte strings; `None` for anything else.
#[inline]
pub fn quick_cmp(x: &Object, y: &Object) -> Option<core::cmp::Ordering> {
    let t = x.ty();
    if !core::ptr::eq(t, y.ty()) {
        return None;
    }
    // SAFETY: exact types are checked.
    unsafe {
        if core::ptr::eq(t, Int::type_object()) {
            return Some(x.cast::<Int>().try_i64()?.cmp(&y.cast::<Int>().try_i64()?));
        }
        if core::ptr::eq(t, Float::type_object()) {
            return x.cast::<Float>().value().partial_cmp(&y.cast::<Float>().value());
        }
        if core::ptr::eq(t, Str::type_object()) {
            let (a, b) = (x.cast::<Str>().data(), y.cast::<Str>().data());
            if matches!((a, b), (StrData::One(_), StrData::One(_))) {
                return Some(a.as_bytes().cmp(b.as_bytes()));
            }
        }
    }
    None
}

type Less<'a> = &'a dyn Fn(Entry, Entry) -> PyResult<bool>;

/// Length of the run at the start; a strictly descending one is reversed.
fn count_run(e: &mut [Entry], lt: Less<'_>) -> PyResult<usize> {
    let n = e.len();
    if n < 2 {
        return Ok(n);
    }
    let mut i = 2;
    if lt(e[1], e[0])? {
        while i < n && lt(e[i], e[i - 1])? {
            i += 1;
        }
        e[..i].reverse();
    } else {
        while i < n && !lt(e[i], e[i - 1])? {
            i += 1;
        }
    }
    Ok(i)
}

/// Extends the sorted prefix of length `sorted` to all of `e`.
fn insertion(e: &mut [Entry], sorted: usize, lt: Less<'_>) -> PyResult<()> {
    for i in sorted.max(1)..e.len() {
        let x = e[i];
        let (mut lo, mut hi) = (0, i);
        while lo < hi {
            let mid = (lo + hi) / 2;
            if lt(x, e[mid])? {
                hi = mid;
            } else {
                lo = mid + 1;
            }
        }
        e.copy_within(lo..i, lo + 1);
        e[lo] = x;
    }
    Ok(())
}

/// Merges the sorted halves `e[..mid]` and `e[mid..]`. On an error `e` still holds every entry once.
fn merge(e: &mut [Entry], mid: usize, tmp: &mut Vec<Entry>, lt: Less<'_>) -> PyResult<()> {
    // What already lies in its place stays.
    let first = e[mid];
    let (mut lo, mut hi) = (0, mid);
    while lo < hi {
        let m = (lo + hi) / 2;
        if lt(first, e[m])? { hi = m } else { lo = m + 1 }
    }
    let start = lo;
    if start == mid {
        return Ok(());
    }
    let last = e[mid - 1];
    let (mut lo, mut hi) = (mid, e.len());
    while lo < hi {
        let m = (lo + hi) / 2;
        if lt(e[m], last)? { lo = m + 1 } else { hi = m }
    }
    let end = lo;
    if mid - start <= end - mid {
        tmp.clear();
        tmp.extend_from_slice(&e[start..mid]);
        let (mut i, mut j, mut k) = (0, mid, start);
        let r = (|| {
            while i < tmp.len() && j < end {
                if lt(e[j], tmp[i])? {
                    e[k] = e[j];
                    j += 1;
                } else {
                    e[k] = tmp[i];
                    i += 1;
                }
                k += 1;
            }
            Ok(())
        })();
        e[k..k + tmp.len() - i].copy_from_slice(&tmp[i..]);
        r
    } else {
        tmp.clear();
        tmp.extend_from_slice(&e[mid..end]);
        let (mut i, mut j, mut k) = (mid, tmp.len(), end);
        let r = (|| {
            while i > start && j > 0 {
                if lt(tmp[j - 1], e[i - 1])? {
                    e[k - 1] = e[i - 1];
                    i -= 1;
                } else {
                    e[k - 1] = tmp[j - 1];
                    j -= 1;
                }
                k -= 1;
            }
            Ok(())
        })();
        e[k - j..k].copy_from_slice(&tmp[..j]);
        r
    }
}

/// Powersort: depth of the boundary between two neighbouring runs in the ideal merge tree.
fn power(s1: usize, n1: usize, n2: usize, n: usize) -> u32 {
    let (mut a, mut b) = (2 * s1 + n1, 2 * s1 + 2 * n1 + n2);
    let mut p = 0;
    loop {
        p += 1;
        if a >= n {
            a -= n;
            b -= n;
        } else if b >= n {
            return p;
        }
        a *= 2;
        b *= 2;
    }
}

fn merge_sort(e: &mut [Entry], lt: Less<'_>) -> PyResult<()> {
    let n = e.len();
    let mut minrun = n;
    let mut odd = 0;
    while minrun >= 64 {
        odd |= minrun & 1;
        minrun >>= 1;
    }
    minrun += odd;
    let mut tmp = Vec::new();
    // Pending runs: start, length, power of the boundary before it.
    let mut runs: Vec<(usize, usize, u32)> = Vec::new();
    let mut at = 0;
    while at < n {
        let mut len = count_run(&mut e[at..], lt)?;
        if len < minrun {
            let want = minrun.min(n - at);
            insertion(&mut e[at..at + want], len, lt)?;
            len = want;
        }
        if let Some(&(s1, n1, _)) = runs.last() {
            let p = power(s1, n1, len, n);
            while runs.len() > 1 && runs[runs.len() - 1].2 > p {
                collapse(e, &mut runs, &mut tmp, lt)?;
            }
            runs.push((at, len, p));
        } else {
            runs.push((at, len, 0));
        }
        at += len;
    }
    while runs.len() > 1 {
        collapse(e, &mut runs, &mut tmp, lt)?;
    }
    Ok(())
}

/// Merges the two topmost runs.
fn collapse(e: &mut [Entry], runs: &mut Vec<(usize, usize, u32)>, tmp: &mut Vec<Entry>, lt: Less<'_>) -> PyResult<()> {
    let (Some((_, n2, _)), Some((s1, n1, p1))) = (runs.pop(), runs.pop()) else { return Ok(()) };
    runs.push((s1, n1 + n2, p1));
    merge(&mut e[s1..s1 + n1 + n2], n1, tmp, lt)
}

/// `sorted` on owned references (what `heapq` and friends may use).
pub fn sort_refs(items: &mut [PyRef], key: Option<&Object>, reverse: bool) -> PyResult<()> {
    let mut raw: Vec<*mut abi::PyObject> = as_objects(items).iter().map(|o| o.as_ptr()).collect();
    let r = sort_raw(&mut raw, key, reverse);
    for (slot, p) in items.iter_mut().zip(raw) {
        // SAFETY: the same references in another order; the old ones are forgotten, not dropped.
        unsafe { core::ptr::write(slot, PyRef::from_raw(p.cast())) };
    }
    r
}
