//! `map`, `filter` and `zip`.

use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, as_objects, begin_dealloc, free_object};
use crate::prelude::*;
use core::ffi::c_int;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;

/// Layout of `map`: the iterators are a tuple.
#[repr(C)]
pub struct Map {
    header: abi::PyObject,
    iters: Slot,
    func: Slot,
    strict: AtomicBool,
}
/// Layout of `filter`.
#[repr(C)]
pub struct Filter {
    header: abi::PyObject,
    func: Slot,
    it: Slot,
}
/// Layout of `zip`.
#[repr(C)]
pub struct Zip {
    header: abi::PyObject,
    iters: Slot,
    strict: AtomicBool,
}

#[unsafe(no_mangle)]
pub static mut PyMap_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyFilter_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyZip_Type: Type = unready_type();
py_layout!(Map, PyMap_Type);
py_layout!(Filter, PyFilter_Type);
py_layout!(Zip, PyZip_Type);

/// The only keyword of `zip` and `map`.
fn strict_keyword(args: &FuncArgs<'_>, name: &str) -> PyResult<bool> {
    let mut strict = false;
    for (k, v) in args.keywords() {
        if !k.downcast::<Str>().is_some_and(|k| k.eq_str("strict")) {
            return Err(raise!(
                TypeError,
                "{}() got an unexpected keyword argument '{}'",
                name,
                k.str()?.to_string_lossy()
            ));
        }
        strict = v.is_true()?;
    }
    Ok(strict)
}

fn iter_all(objs: &[&Object]) -> PyResult<Ref<Tuple>> {
    let its = objs.iter().map(|o| o.iter()).collect::<PyResult<Vec<PyRef>>>()?;
    Tuple::from_refs(its)
}

/// One item of each iterator; `None` when one is exhausted. With `strict` they must all end together.
fn take_all(iters: &Tuple, strict: bool, name: &str) -> PyResult<Option<Vec<PyRef>>> {
    let n = iters.len();
    let mut out = Vec::with_capacity(n);
    for i in 0..n {
        match iters.get(i).iter_next()? {
            Some(v) => out.push(v),
            None => {
                if strict {
                    if i > 0 {
                        return Err(shorter_or_longer(name, i, "shorter"));
                    }
                    for j in 1..n {
                        if iters.get(j).iter_next()?.is_some() {
                            return Err(shorter_or_longer(name, j, "longer"));
                        }
                    }
                }
                return Ok(None);
            }
        }
    }
    Ok(Some(out))
}

#[cold]
fn shorter_or_longer(name: &str, i: usize, what: &str) -> Raised {
    let range = if i == 1 { "argument 1".to_string() } else { format!("arguments 1-{i}") };
    raise!(ValueError, "{}() argument {} is {} than {}", name, i + 1, what, range)
}

/// map(function, iterable, /, *iterables, strict=False)
/// --
///
/// Make an iterator that computes the function using arguments from
/// each of the iterables.  Stops when the shortest iterable is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the others,
/// raise a ValueError.
#[pyclass(name = "map", type_object = PyMap_Type, flags = "BASETYPE|HAVE_GC")]
impl Map {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let strict = if core::ptr::eq(cls, Map::type_object()) || args.has_keywords() {
            strict_keyword(&args, "map")?
        } else {
            false
        };
        if args.len() < 2 {
            return Err(raise!(TypeError, "map() must have at least two arguments."));
        }
        let its = iter_all(args.rest(1))?;
        let m = crate::typeobject::alloc_object::<Map>(cls)?;
        m.iters.init(its.upcast());
        m.func.init(args.args[0].to_ref());
        m.strict.store(strict, Relaxed);
        crate::mem::gc::track(&m);
        Ok(m.upcast())
    }
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: both slots are set at creation and emptied by dealloc only.
        let (func, iters) =
            unsafe { (Object::from_ptr(self.func.ptr()), Object::from_ptr(self.iters.ptr()).cast::<Tuple>()) };
        if iters.len() == 1 {
            let Some(v) = iters.get(0).iter_next()? else { return Ok(None) };
            return Ok(Some(func.call1(&v)?));
        }
        let Some(items) = take_all(iters, self.strict.load(Relaxed), "map")? else { return Ok(None) };
        Ok(Some(func.call(as_objects(&items))?))
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        // SAFETY: as above.
        let (func, iters) =
            unsafe { (Object::from_ptr(self.func.ptr()), Object::from_ptr(self.iters.ptr()).cast::<Tuple>()) };
        let mut args = vec![func.to_ref()];
        args.extend(iters.iter().map(Object::to_ref));
        let mut out = vec![(**self.ty()).to_ref(), Tuple::from_refs(args)?.upcast()];
        if self.strict.load(Relaxed) {
            out.push(crate::objects::support::py_bool(true));
        }
        Ok(Tuple::from_refs(out)?.upcast())
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        self.strict.store(state.is_true()?, Relaxed);
        Ok(())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.iters.ptr());
        if r != 0 { r } else { v.visit_ptr(self.func.ptr()) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).iters.swap(None));
            drop((*this).func.swap(None));
            free_object(this.cast());
        }
    }
}

/// filter(function, iterable, /)
/// --
///
/// Return an iterator yielding those items of iterable for which function(item)
/// is true. If function is None, return the items that are true.
#[pyclass(name = "filter", type_object = PyFilter_Type, flags = "BASETYPE|HAVE_GC")]
impl Filter {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.for_subclass(cls, Filter::type_object(), true).no_keywords("filter")?;
        args.check_positional("filter", 2, 2)?;
        let it = args.args[1].iter()?;
        let f = crate::typeobject::alloc_object::<Filter>(cls)?;
        f.func.init(args.args[0].to_ref());
        f.it.init(it);
        crate::mem::gc::track(&f);
        Ok(f.upcast())
    }
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: both slots are set at creation and emptied by dealloc only.
        let (func, it) = unsafe { (Object::from_ptr(self.func.ptr()), Object::from_ptr(self.it.ptr())) };
        let plain = func.is_none() || func.as_ptr() == Bool::type_object().as_ptr();
        while let Some(v) = it.iter_next()? {
            let keep = if plain { v.is_true()? } else { func.call1(&v)?.is_true()? };
            if keep {
                return Ok(Some(v));
            }
        }
        Ok(None)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        // SAFETY: as above.
        let (func, it) = unsafe { (Object::from_ptr(self.func.ptr()), Object::from_ptr(self.it.ptr())) };
        Ok(Tuple::pair((**self.ty()).to_ref(), Tuple::pack(&[func, it])?.upcast())?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.it.ptr());
        if r != 0 { r } else { v.visit_ptr(self.func.ptr()) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).it.swap(None));
            drop((*this).func.swap(None));
            free_object(this.cast());
        }
    }
}

impl Zip {
    /// The iterators of a lenient `zip` of two.
    #[inline]
    pub(crate) fn two(&self) -> Option<(&Object, &Object)> {
        // SAFETY: the slot is set at creation and emptied by dealloc only.
        let iters = unsafe { Object::from_ptr(self.iters.ptr()).cast::<Tuple>() };
        match iters.as_slice() {
            [a, b] if !self.strict.load(Relaxed) => Some((a, b)),
            _ => None,
        }
    }
}

/// zip(*iterables, strict=False)
/// --
///
/// The zip object yields n-length tuples, where n is the number of iterables
/// passed as positional arguments to zip().  The i-th element in every tuple
/// comes from the i-th iterable argument to zip().  This continues until the
/// shortest argument is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the others,
/// raise a ValueError.
///
///    >>> list(zip('abcdefg', range(3), range(4)))
///    [('a', 0, 0), ('b', 1, 1), ('c', 2, 2)]
#[pyclass(name = "zip", type_object = PyZip_Type, flags = "BASETYPE|HAVE_GC")]
impl Zip {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let strict = strict_keyword(&args, "zip")?;
        let its = iter_all(args.args)?;
        let z = crate::typeobject::alloc_object::<Zip>(cls)?;
        z.iters.init(its.upcast());
        z.strict.store(strict, Relaxed);
        crate::mem::gc::track(&z);
        Ok(z.upcast())
    }
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<Ref<Tuple>>> {
        // SAFETY: the slot is set at creation and emptied by dealloc only.
        let iters = unsafe { Object::from_ptr(self.iters.ptr()).cast::<Tuple>() };
        if iters.is_empty() {
            return Ok(None);
        }
        let strict = self.strict.load(Relaxed);
        if !strict && iters.len() == 2 {
            let Some(a) = iters.get(0).iter_next()? else { return Ok(None) };
            let Some(b) = iters.get(1).iter_next()? else { return Ok(None) };
            return Ok(Some(Tuple::pair(a, b)?));
        }
        match take_all(iters, strict, "zip")? {
            Some(v) => Ok(Some(Tuple::from_refs(v)?)),
            None => Ok(None),
        }
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        // SAFETY: as above.
        let iters = unsafe { Object::from_ptr(self.iters.ptr()) }.to_ref();
        let mut out = vec![(**self.ty()).to_ref(), iters];
        if self.strict.load(Relaxed) {
            out.push(crate::objects::support::py_bool(true));
        }
        Ok(Tuple::from_refs(out)?.upcast())
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        self.strict.store(state.is_true()?, Relaxed);
        Ok(())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.iters.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).iters.swap(None));
            free_object(this.cast());
        }
    }
}
