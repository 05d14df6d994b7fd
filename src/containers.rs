//! `tupleobject.h`, `listobject.h`, `setobject.h`, `sliceobject.h`.

use crate::export::{bad_internal_call, borrowed, fine};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::objects::exceptions::display;
use runtime::prelude::*;

fn tuple_index() -> Raised {
    raise!(IndexError, "tuple index out of range")
}

fn any_set(o: &Object) -> PyResult<&Set> {
    Set::any(o).ok_or_else(bad_internal_call)
}

/// A set that may be changed: a `set`, or a `frozenset` nobody else has seen.
fn writable_set(o: &Object) -> PyResult<&Set> {
    match Set::any(o) {
        Some(s) if o.downcast::<Set>().is_some() || o.is_uniquely_referenced() => Ok(s),
        _ => Err(bad_internal_call()),
    }
}

capi! {
    fn PyTuple_New(len: isize) -> *mut abi::PyObject {
        if len < 0 {
            return Err(bad_internal_call());
        }
        // Items are null until set: the caller fills them.
        if len == 0 { Ok(Tuple::empty()) } else { Tuple::with_len(len as usize).map(Tuple::finish) }
    }
    fn PyTuple_Size(t: &Tuple) -> isize {
        fine(t.len())
    }
    fn PyTuple_GetItem(t: &Tuple, i: isize) -> *mut abi::PyObject {
        if i < 0 || i as usize >= t.len() {
            return Err(tuple_index());
        }
        // SAFETY: within the tuple; an item may still be null.
        Ok(unsafe { *t.items_ptr().add(i as usize) })
    }
    fn PyTuple_SetItem(t: *mut abi::PyObject, i: isize, value: Option<PyRef>) -> c_int {
        // SAFETY: C passes a tuple that nobody else has seen.
        unsafe {
            let t = Object::from_ptr_opt(t).and_then(|t| t.downcast::<Tuple>()).ok_or_else(bad_internal_call)?;
            if !t.is_uniquely_referenced() {
                return Err(bad_internal_call());
            }
            if i < 0 || i as usize >= t.len() {
                return Err(raise!(IndexError, "tuple assignment index out of range"));
            }
            let place = t.items_ptr().add(i as usize);
            let old = PyRef::from_ptr_opt(*place);
            *place = value.map_or(null_mut(), Ref::into_ptr);
            drop(old);
        }
        Ok(())
    }
    fn PyTuple_GetSlice(t: &Tuple, lo: isize, hi: isize) -> *mut abi::PyObject {
        let n = t.len() as isize;
        let lo = lo.clamp(0, n);
        let hi = hi.clamp(lo, n);
        t.slice(lo as usize, hi as usize)
    }
    /// Only for a tuple that nobody else has seen. On failure `*place` becomes null.
    fn _PyTuple_Resize(place: *mut *mut abi::PyObject, len: isize) -> c_int {
        // SAFETY: C passes a place that owns the tuple.
        unsafe {
            let Some(o) = PyRef::from_ptr_opt(*place) else { return Err(bad_internal_call()) };
            *place = null_mut();
            let Some(t) = o.downcast::<Tuple>() else { return Err(bad_internal_call()) };
            if len < 0 || (!t.is_empty() && !t.is_uniquely_referenced()) {
                return Err(bad_internal_call());
            }
            let len = len as usize;
            if t.len() == len {
                *place = o.into_ptr();
                return Ok(());
            }
            if len == 0 {
                *place = Tuple::empty().into_ptr();
                return Ok(());
            }
            let new = Tuple::finish(Tuple::with_len(len)?);
            for i in 0..len.min(t.len()) {
                // The items move: nobody else sees either tuple.
                let item = t.items_ptr().add(i);
                *new.items_ptr().add(i) = core::mem::replace(&mut *item, null_mut());
            }
            *place = new.into_ptr();
        }
        Ok(())
    }
    fn _PyTuple_FromArray(items: *const *mut abi::PyObject, n: isize) -> *mut abi::PyObject {
        // SAFETY: C passes that many live objects; a reference to an object is its pointer.
        Tuple::from_slice(unsafe { slice_of(items, n) })
    }

    fn PyList_New(len: isize) -> *mut abi::PyObject {
        if len < 0 {
            return Err(bad_internal_call());
        }
        new_list(len as usize)
    }
    fn PyList_Size(l: &List) -> isize {
        fine(l.len())
    }
    /// Borrowed: another thread may drop the item. Prefer `PyList_GetItemRef`.
    fn PyList_GetItem(l: &List, i: isize) -> *mut abi::PyObject {
        if i < 0 {
            return Err(raise!(IndexError, "list index out of range"));
        }
        l.get(i as usize).map(borrowed).ok_or_else(|| raise!(IndexError, "list index out of range"))
    }
    fn PyList_GetItemRef(l: *mut abi::PyObject, i: isize) -> *mut abi::PyObject {
        // SAFETY: C passes an object.
        let l = unsafe { Object::from_ptr_opt(l) }
            .and_then(|o| o.downcast::<List>())
            .ok_or_else(|| raise!(TypeError, "expected a list"))?;
        if i < 0 {
            return Err(raise!(IndexError, "list index out of range"));
        }
        l.get(i as usize).ok_or_else(|| raise!(IndexError, "list index out of range"))
    }
    fn PyList_SetItem(l: *mut abi::PyObject, i: isize, value: Option<PyRef>) -> c_int {
        // SAFETY: C passes an object.
        let l = unsafe { Object::from_ptr_opt(l) }.and_then(|o| o.downcast::<List>()).ok_or_else(bad_internal_call)?;
        if i < 0 || i as usize >= l.len() {
            return Err(raise!(IndexError, "list assignment index out of range"));
        }
        set_list_item(l, i as usize, value);
        Ok(())
    }
    fn PyList_Insert(l: &List, i: isize, value: &Object) -> c_int {
        l.insert(i, value)
    }
    fn PyList_Append(l: &List, value: &Object) -> c_int {
        l.append(value)
    }
    fn PyList_Extend(l: &List, iterable: &Object) -> c_int {
        l.extend(iterable)
    }
    fn PyList_Clear(l: &List) -> c_int {
        l.clear();
        Ok(())
    }
    fn PyList_GetSlice(l: &List, lo: isize, hi: isize) -> *mut abi::PyObject {
        let n = l.len() as isize;
        let lo = lo.clamp(0, n);
        l.get_slice(lo, hi.clamp(lo, n))
    }
    fn PyList_SetSlice(l: &List, lo: isize, hi: isize, v: Option<&Object>) -> c_int {
        l.set_slice(lo, hi, v)
    }
    fn PyList_Sort(l: &List) -> c_int {
        l.sort(None, false)
    }
    fn PyList_Reverse(l: &List) -> c_int {
        l.reverse();
        Ok(())
    }
    fn PyList_AsTuple(l: &List) -> *mut abi::PyObject {
        Tuple::from_refs(l.snapshot())
    }

    fn PySet_New(iterable: Option<&Object>) -> *mut abi::PyObject {
        let set = Set::new()?;
        if let Some(it) = iterable {
            it.for_each(|v| set.insert(v))?;
        }
        Ok(set)
    }
    fn PyFrozenSet_New(iterable: Option<&Object>) -> *mut abi::PyObject {
        match iterable {
            Some(it) => FrozenSet::from_iterable(it),
            None => FrozenSet::new(&[]),
        }
    }
    fn PySet_Size(o: &Object) -> isize {
        Ok(any_set(o)?.len())
    }
    fn PySet_Contains(o: &Object, key: &Object) -> c_int {
        // Unlike `in`, a set is not looked for as a frozenset.
        let set = any_set(o)?;
        if key.downcast::<Set>().is_some() { key.hash().map(|_| false) } else { set.contains(key) }
    }
    fn PySet_Add(o: &Object, key: &Object) -> c_int {
        writable_set(o)?.add(key)
    }
    fn PySet_Discard(o: &Object, key: &Object) -> c_int {
        o.downcast::<Set>().ok_or_else(bad_internal_call)?.discard(key)
    }
    fn PySet_Pop(o: &Object) -> *mut abi::PyObject {
        o.downcast::<Set>().ok_or_else(bad_internal_call)?.pop()
    }
    fn PySet_Clear(o: &Object) -> c_int {
        o.downcast::<Set>().ok_or_else(bad_internal_call)?.clear();
        Ok(())
    }

    fn PySlice_New(start: Option<&Object>, stop: Option<&Object>, step: Option<&Object>) -> *mut abi::PyObject {
        Slice::new(start, stop, step)
    }
    fn PySlice_Unpack(s: &Object, start: *mut isize, stop: *mut isize, step: *mut isize) -> c_int {
        // SAFETY: C passes a slice and three places.
        unsafe {
            let (a, b, c) = s.cast::<Slice>().unpack()?;
            *start = a;
            *stop = b;
            *step = c;
        }
        Ok(())
    }
    raw fn PySlice_AdjustIndices(len: isize, start: *mut isize, stop: *mut isize, step: isize) -> isize {
        // SAFETY: C passes two places.
        unsafe {
            let i = Slice::adjust_to(len, *start, *stop, step);
            *start = i.start;
            *stop = i.stop;
            fine(i.count)
        }
    }
    fn PySlice_GetIndicesEx(s: &Object, len: isize, start: *mut isize, stop: *mut isize, step: *mut isize, count: *mut isize) -> c_int {
        // SAFETY: C passes a slice and four places.
        unsafe {
            let (a, b, c) = s.cast::<Slice>().unpack()?;
            let i = Slice::adjust_to(len, a, b, c);
            *start = i.start;
            *stop = i.stop;
            *step = i.step;
            *count = i.count as isize;
        }
        Ok(())
    }
    /// Of old: out of range is an error without an exception.
    fn PySlice_GetIndices(s: &Object, len: isize, start: *mut isize, stop: *mut isize, step: *mut isize) -> c_int {
        // SAFETY: C passes a slice and three places.
        unsafe {
            let s = s.cast::<Slice>();
            let bound = |o: &Object, default: isize| -> Result<isize, ()> {
                if o.is_none() {
                    return Ok(default);
                }
                let Some(i) = o.downcast::<Int>() else { return Err(()) };
                let v = i.as_isize().map_err(|e| e.clear())?;
                Ok(if v < 0 { v + len } else { v })
            };
            let k = match s.step() {
                o if o.is_none() => 1,
                o => match o.downcast::<Int>() {
                    Some(i) => i.as_isize()?,
                    None => return Ok(-1),
                },
            };
            let Ok(a) = bound(s.start(), if k < 0 { len - 1 } else { 0 }) else { return Ok(-1) };
            let Ok(b) = bound(s.stop(), if k < 0 { -1 } else { len }) else { return Ok(-1) };
            if b > len || a >= len || k == 0 {
                return Ok(-1);
            }
            *start = a;
            *stop = b;
            *step = k;
        }
        Ok(0)
    }
    fn _PySlice_FromIndices(start: isize, stop: isize) -> *mut abi::PyObject {
        let (a, b) = (Int::from_isize(start)?, Int::from_isize(stop)?);
        Slice::new(Some(&a), Some(&b), None)
    }
    fn _PySlice_GetLongIndices(s: &Object, len: &Object, start: *mut *mut abi::PyObject, stop: *mut *mut abi::PyObject, step: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes a slice, an int and three places.
        unsafe {
            let (a, b, c) = s.cast::<Slice>().long_indices(len.cast::<Int>())?;
            *start = a.into_ptr();
            *stop = b.into_ptr();
            *step = c.into_ptr();
        }
        Ok(())
    }
    fn PyCallIter_New(callable: &Object, sentinel: &Object) -> *mut abi::PyObject {
        builtin("iter")?.call(&[callable, sentinel])
    }
    fn PySeqIter_New(sequence: &Object) -> *mut abi::PyObject {
        if !sequence.sequence_check() {
            return Err(bad_internal_call());
        }
        runtime::objects::iterobject::seq_iter(sequence)
    }
    fn _PyEval_SliceIndex(o: &Object, out: *mut isize) -> c_int {
        slice_index(o, out, true)
    }
    fn _PyEval_SliceIndexNotNone(o: &Object, out: *mut isize) -> c_int {
        slice_index(o, out, false)
    }
    fn _Py_convert_optional_to_ssize_t(o: &Object, out: *mut c_void) -> c_int {
        if o.is_none() {
            return Ok(1);
        }
        let value = match o.downcast::<Int>() {
            Some(i) => i.as_isize(),
            None if o.index_check() => o.index().and_then(|i| i.as_isize()),
            None => Err(raise!(TypeError, "argument should be integer or None, not {}", o.ty().tp_name())),
        };
        match value {
            Ok(v) => {
                // SAFETY: C passes a place.
                unsafe { *out.cast::<isize>() = v };
                Ok(1)
            }
            Err(_) => Ok(0),
        }
    }
}

/// 1 and a clamped index, 0 with an exception.
fn slice_index(o: &Object, out: *mut isize, none_allowed: bool) -> PyResult<c_int> {
    if none_allowed && o.is_none() {
        return Ok(1);
    }
    if !o.index_check() {
        let _ = raise!(
            TypeError,
            "slice indices must be integers{} have an __index__ method",
            if none_allowed { " or None or" } else { " or" }
        );
        return Ok(0);
    }
    match o.index() {
        Ok(i) => {
            let v = i.try_i64().map_or(if i.is_negative() { isize::MIN } else { isize::MAX }, |v| v as isize);
            // SAFETY: C passes a place.
            unsafe { *out = v };
            Ok(1)
        }
        Err(_) => Ok(0),
    }
}

/// A member of `builtins`.
pub fn builtin(name: &str) -> PyResult<PyRef> {
    display::import("builtins")?.getattr(Str::intern(name))
}

/// `n` objects as a slice of references.
///
/// # Safety
/// `items` points to `n` live objects.
pub unsafe fn slice_of<'a>(items: *const *mut abi::PyObject, n: isize) -> &'a [&'a Object] {
    if n <= 0 {
        return &[];
    }
    // SAFETY: a reference to an object is its pointer.
    unsafe { core::slice::from_raw_parts(items.cast::<&Object>(), n as usize) }
}

/// A list of `n` null items, which the caller fills before anybody else sees it.
fn new_list(n: usize) -> PyResult<Ref<List>> {
    if n == 0 {
        return List::new();
    }
    let list = List::with_capacity(n)?;
    // SAFETY: a new list: its array holds `n` places, nobody else sees it.
    unsafe {
        let raw = list.as_raw().cast::<abi::PyListObject>();
        core::ptr::write_bytes((*raw).ob_item, 0, n);
        (*raw).ob_base.ob_size = n as isize;
    }
    Ok(list)
}

/// Puts an item in place, dropping the old one (which may be null).
fn set_list_item(l: &List, i: usize, value: Option<PyRef>) {
    let old = runtime::thread::critical(l, || {
        // SAFETY: the lock is held and the index was checked against a size that only shrinks under it.
        unsafe {
            let raw = (l as *const List).cast_mut().cast::<abi::PyListObject>();
            let place = (*raw).ob_item.add(i);
            let old = *place;
            core::sync::atomic::AtomicPtr::from_ptr(place)
                .store(value.map_or(null_mut(), Ref::into_ptr), core::sync::atomic::Ordering::Release);
            PyRef::from_ptr_opt(old)
        }
    });
    drop(old);
}
