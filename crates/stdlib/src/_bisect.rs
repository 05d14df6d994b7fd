//! `_bisect`: binary search in sorted sequences.

use macros::pymodule;

#[pymodule(
    name = "_bisect",
    doc = "Bisection algorithms.\n\nThis module provides support for maintaining a list in sorted order without\nhaving to sort the list after each insertion. For long lists of items with\nexpensive comparison operations, this can be an improvement over the more\ncommon approach.\n"
)]
pub mod _bisect {
    use runtime::objects::list::sort::quick_cmp;
    use runtime::prelude::*;
    use runtime::protocol::CompareOp;

    fn lt(a: &Object, b: &Object) -> PyResult<bool> {
        if let Some(o) = quick_cmp(a, b) {
            return Ok(o.is_lt());
        }
        a.richcompare_bool(b, CompareOp::Lt)
    }

    fn search(
        a: &Object,
        x: &Object,
        lo: isize,
        hi: Option<isize>,
        key: Option<&Object>,
        right: bool,
    ) -> PyResult<isize> {
        if lo < 0 {
            return Err(raise!(ValueError, "lo must be non-negative"));
        }
        let mut lo = lo;
        let mut hi = match hi {
            Some(h) => h,
            None => a.len()? as isize,
        };
        let exact = a.downcast_exact::<List>();
        while lo < hi {
            let mid = lo + (hi - lo) / 2;
            let item = match exact {
                Some(l) => l.get(mid as usize).ok_or_else(|| raise!(IndexError, "list index out of range"))?,
                None => a.get_item_index(mid)?,
            };
            let item = match key {
                Some(k) => k.call1(&item)?,
                None => item,
            };
            let go_left = if right { lt(x, &item)? } else { !lt(&item, x)? };
            if go_left { hi = mid } else { lo = mid + 1 }
        }
        Ok(lo)
    }

    fn insert(a: &Object, x: &Object, lo: isize, hi: Option<isize>, key: Option<&Object>, right: bool) -> PyResult<()> {
        let i = match key {
            Some(k) => {
                let kx = k.call1(x)?;
                search(a, &kx, lo, hi, key, right)?
            }
            None => search(a, x, lo, hi, None, right)?,
        };
        match a.downcast_exact::<List>() {
            Some(l) => l.insert(i, x),
            None => a.call_method(intern!("insert"), &[&*Int::from_i64(i as i64)?, x]).map(drop),
        }
    }

    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e <= x, and all e in
    /// a[i:] have e > x.  So if x already appears in the list, a.insert(i, x) will
    /// insert just after the rightmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "a, x, lo=0, hi=None, *, key=None")]
    fn bisect_right(a: &Object, x: &Object, lo: isize, hi: Option<isize>, key: Option<&Object>) -> PyResult<isize> {
        search(a, x, lo, hi, key, true)
    }
    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e < x, and all e in
    /// a[i:] have e >= x.  So if x already appears in the list, a.insert(i, x) will
    /// insert just before the leftmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "a, x, lo=0, hi=None, *, key=None")]
    fn bisect_left(a: &Object, x: &Object, lo: isize, hi: Option<isize>, key: Option<&Object>) -> PyResult<isize> {
        search(a, x, lo, hi, key, false)
    }
    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the right of the rightmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "a, x, lo=0, hi=None, *, key=None")]
    fn insort_right(a: &Object, x: &Object, lo: isize, hi: Option<isize>, key: Option<&Object>) -> PyResult<()> {
        insert(a, x, lo, hi, key, true)
    }
    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the left of the leftmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "a, x, lo=0, hi=None, *, key=None")]
    fn insort_left(a: &Object, x: &Object, lo: isize, hi: Option<isize>, key: Option<&Object>) -> PyResult<()> {
        insert(a, x, lo, hi, key, false)
    }
}
