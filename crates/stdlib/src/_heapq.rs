//! `_heapq`: priority queues on lists.
//!
//! An operation holds the list's critical section, which comparisons may suspend: after each one the size is checked, as
//! CPython does.

use macros::pymodule;

#[pymodule(name = "_heapq", doc = "Heap queue algorithm (a.k.a. priority queue).")]
pub mod _heapq {
    use runtime::objects::list::sort::quick_cmp;
    use runtime::prelude::*;
    use runtime::protocol::CompareOp;
    use runtime::thread::critical;

    fn lt(a: &Object, b: &Object) -> PyResult<bool> {
        if let Some(o) = quick_cmp(a, b) {
            return Ok(o.is_lt());
        }
        a.richcompare_bool(b, CompareOp::Lt)
    }

    fn list(o: &Object) -> PyResult<&List> {
        o.downcast::<List>().ok_or_else(|| raise!(TypeError, "heap argument must be a list, not {}", o.ty().name_str()))
    }

    fn changed() -> Raised {
        raise!(RuntimeError, "list changed size during iteration")
    }

    fn item(l: &List, i: usize) -> PyResult<PyRef> {
        l.get(i).ok_or_else(changed)
    }

    /// Whether `child` must come before `parent`.
    fn before(child: &Object, parent: &Object, max: bool) -> PyResult<bool> {
        if max { lt(parent, child) } else { lt(child, parent) }
    }

    /// Moves the item at `pos` up, not beyond `start`.
    fn sift_down(l: &List, start: usize, mut pos: usize, max: bool) -> PyResult<()> {
        let n = l.len();
        if pos >= n {
            return Err(raise!(IndexError, "index out of range"));
        }
        let new = item(l, pos)?;
        while pos > start {
            let parent_pos = (pos - 1) >> 1;
            let parent = item(l, parent_pos)?;
            let up = before(&new, &parent, max)?;
            if l.len() != n {
                return Err(changed());
            }
            if !up {
                break;
            }
            l.swap_items(parent_pos, pos);
            pos = parent_pos;
        }
        Ok(())
    }

    /// Moves the item at `pos` down to a leaf, then up to its place.
    fn sift_up(l: &List, mut pos: usize, max: bool) -> PyResult<()> {
        let n = l.len();
        let start = pos;
        if pos >= n {
            return Err(raise!(IndexError, "index out of range"));
        }
        let limit = n >> 1;
        while pos < limit {
            let mut child = 2 * pos + 1;
            if child + 1 < n {
                let (a, b) = (item(l, child)?, item(l, child + 1)?);
                if !before(&a, &b, max)? {
                    child += 1;
                }
                if l.len() != n {
                    return Err(changed());
                }
            }
            l.swap_items(child, pos);
            pos = child;
        }
        sift_down(l, start, pos, max)
    }

    fn push(heap: &Object, v: &Object, max: bool) -> PyResult<()> {
        let l = list(heap)?;
        l.append(v)?;
        sift_down(l, 0, l.len() - 1, max)
    }

    fn pop(heap: &Object, max: bool) -> PyResult<PyRef> {
        let l = list(heap)?;
        if l.is_empty() {
            return Err(raise!(IndexError, "index out of range"));
        }
        let last = l.pop(-1)?;
        if l.is_empty() {
            return Ok(last);
        }
        let first = item(l, 0)?;
        l.set(0, last)?;
        sift_up(l, 0, max)?;
        Ok(first)
    }

    fn replace(heap: &Object, v: &Object, max: bool) -> PyResult<PyRef> {
        let l = list(heap)?;
        let Some(first) = l.get(0) else { return Err(raise!(IndexError, "index out of range")) };
        l.set(0, v.to_ref())?;
        sift_up(l, 0, max)?;
        Ok(first)
    }

    fn pushpop(heap: &Object, v: &Object, max: bool) -> PyResult<PyRef> {
        let l = list(heap)?;
        let Some(first) = l.get(0) else { return Ok(v.to_ref()) };
        if !before(&first, v, max)? {
            return Ok(v.to_ref());
        }
        if l.is_empty() {
            return Err(raise!(IndexError, "index out of range"));
        }
        let first = item(l, 0)?;
        l.set(0, v.to_ref())?;
        sift_up(l, 0, max)?;
        Ok(first)
    }

    fn make_heap(heap: &Object, max: bool) -> PyResult<()> {
        let l = list(heap)?;
        for i in (0..l.len() / 2).rev() {
            sift_up(l, i, max)?;
        }
        Ok(())
    }

    /// Push item onto heap, maintaining the heap invariant.
    #[pyfunction]
    fn heappush(heap: &Object, item: &Object) -> PyResult<()> {
        critical(heap, || push(heap, item, false))
    }
    /// Push item on the heap, then pop and return the smallest item from the heap.
    ///
    /// The combined action runs more efficiently than heappush() followed by
    /// a separate call to heappop().
    #[pyfunction]
    fn heappushpop(heap: &Object, item: &Object) -> PyResult<PyRef> {
        critical(heap, || pushpop(heap, item, false))
    }
    /// Pop the smallest item off the heap, maintaining the heap invariant.
    #[pyfunction]
    fn heappop(heap: &Object) -> PyResult<PyRef> {
        critical(heap, || pop(heap, false))
    }
    /// Pop and return the current smallest value, and add the new item.
    ///
    /// This is more efficient than heappop() followed by heappush(), and can be
    /// more appropriate when using a fixed-size heap.  Note that the value
    /// returned may be larger than item!  That constrains reasonable uses of
    /// this routine unless written as part of a conditional replacement:
    ///
    ///     if item > heap[0]:
    ///         item = heapreplace(heap, item)
    #[pyfunction]
    fn heapreplace(heap: &Object, item: &Object) -> PyResult<PyRef> {
        critical(heap, || replace(heap, item, false))
    }
    /// Transform list into a heap, in-place, in O(len(heap)) time.
    #[pyfunction]
    fn heapify(heap: &Object) -> PyResult<()> {
        critical(heap, || make_heap(heap, false))
    }
    /// Push item onto max heap, maintaining the heap invariant.
    #[pyfunction]
    fn heappush_max(heap: &Object, item: &Object) -> PyResult<()> {
        critical(heap, || push(heap, item, true))
    }
    /// Maxheap variant of heappushpop.
    ///
    /// The combined action runs more efficiently than heappush_max() followed by
    /// a separate call to heappop_max().
    #[pyfunction]
    fn heappushpop_max(heap: &Object, item: &Object) -> PyResult<PyRef> {
        critical(heap, || pushpop(heap, item, true))
    }
    /// Maxheap variant of heappop.
    #[pyfunction]
    fn heappop_max(heap: &Object) -> PyResult<PyRef> {
        critical(heap, || pop(heap, true))
    }
    /// Maxheap variant of heapreplace.
    #[pyfunction]
    fn heapreplace_max(heap: &Object, item: &Object) -> PyResult<PyRef> {
        critical(heap, || replace(heap, item, true))
    }
    /// Maxheap variant of heapify.
    #[pyfunction]
    fn heapify_max(heap: &Object) -> PyResult<()> {
        critical(heap, || make_heap(heap, true))
    }

    #[pyattr]
    fn __about__() -> &'static str {
        "Heap queues\n\nHeaps are arrays for which a[k] <= a[2*k+1] and a[k] <= a[2*k+2] for\nall k, counting elements from 0.\n"
    }
}
