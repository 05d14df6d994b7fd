//! Iterators over strings, and `str.maketrans`.

use super::Str;
use crate::object::PyClass;
use crate::prelude::*;
use crate::typeobject::alloc_object;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use macros::pyclass;

/// `str_iterator` (`str_ascii_iterator` for ASCII strings).
#[repr(C)]
pub struct StrIter {
    ob_base: abi::PyObject,
    index: AtomicUsize,
    /// Owned; stays until the iterator dies (a racing reader may still look), exhaustion is `index > len`.
    text: AtomicPtr<abi::PyObject>,
}

/// The type object.
#[unsafe(no_mangle)]
pub static mut PyUnicodeIter_Type: Type = Type::STATIC;
py_layout!(StrIter, PyUnicodeIter_Type);

/// `iter(s)`.
pub fn new(s: &Str) -> PyResult<PyRef> {
    let it = alloc_object::<StrIter>(StrIter::type_object())?;
    it.index.store(0, Ordering::Relaxed);
    it.text.store(Ref::new_ref(s).into_ptr(), Ordering::Relaxed);
    Ok(it.upcast())
}

impl StrIter {
    fn text(&self) -> &Str {
        // SAFETY: set at creation, owned by the iterator.
        unsafe { &*self.text.load(Ordering::Relaxed).cast::<Str>() }
    }
}

#[pyclass(name = "str_iterator", type_object = PyUnicodeIter_Type)]
impl StrIter {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let s = self.text();
        let i = self.index.load(Ordering::Relaxed);
        if i >= s.len() {
            self.index.store(usize::MAX, Ordering::Relaxed);
            return Ok(None);
        }
        self.index.store(i + 1, Ordering::Relaxed);
        Ok(Some(s.index_str(i)?.upcast()))
    }
    #[slot]
    fn tp_dealloc(this: *mut StrIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            drop(PyRef::from_ptr_opt((*this).text.load(Ordering::Relaxed)));
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    /// Private method returning an estimate of len(list(it)).
    #[pymethod]
    fn __length_hint__(&self) -> usize {
        self.text().len().saturating_sub(self.index.load(Ordering::Relaxed))
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<Ref<Tuple>> {
        let iter = crate::interp::current_builtins()?.get_item(intern!("iter"))?;
        let i = self.index.load(Ordering::Relaxed);
        if i == usize::MAX {
            let args = Tuple::from_refs(vec![Str::empty_ref().upcast()])?;
            return Tuple::from_refs(vec![iter, args.upcast()]);
        }
        let args = Tuple::from_refs(vec![Ref::new_ref(self.text()).upcast()])?;
        Tuple::from_refs(vec![iter, args.upcast(), Int::from_usize(i)?.upcast()])
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        let i = state.as_isize()?;
        self.index.store((i.max(0) as usize).min(self.text().len()), Ordering::Relaxed);
        Ok(())
    }
}

/// `str.maketrans`.
pub fn maketrans(x: &Object, y: Option<&Object>, z: Option<&Object>) -> PyResult<Ref<Dict>> {
    let out = Dict::new()?;
    let Some(y) = y else {
        let Some(d) = x.downcast::<Dict>() else {
            return Err(raise!(TypeError, "if you give only one argument to maketrans it must be a dict"));
        };
        for (k, v) in d.items_snapshot() {
            if let Some(s) = k.downcast::<Str>() {
                if s.len() != 1 {
                    return Err(raise!(ValueError, "string keys in translate table must be of length 1"));
                }
                out.insert(Int::from_u64(s.char_at(0) as u64)?.upcast(), v)?;
            } else if k.downcast::<Int>().is_some() {
                out.insert(k, v)?;
            } else {
                return Err(raise!(TypeError, "keys in translate table must be strings or integers"));
            }
        }
        return Ok(out);
    };
    let Some(a) = x.downcast::<Str>() else {
        return Err(raise!(TypeError, "first maketrans argument must be a string if there is a second argument"));
    };
    let b = super::ops::str_arg(y, "maketrans", "argument 2")?;
    if a.len() != b.len() {
        return Err(raise!(ValueError, "the first two maketrans arguments must have equal length"));
    }
    for (p, q) in a.chars().zip(b.chars()) {
        out.insert(Int::from_u64(p as u64)?.upcast(), Int::from_u64(q as u64)?.upcast())?;
    }
    if let Some(z) = z {
        for c in super::ops::str_arg(z, "maketrans", "argument 3")?.chars() {
            out.insert(Int::from_u64(c as u64)?.upcast(), none_ref())?;
        }
    }
    Ok(out)
}
