//! `_Pointer`: typed pointers.

use super::array;
use super::cdata::{self, CData};
use super::info::{StgInfo, info_of_instance};
use macros::pyclass;
use runtime::objects::support::to_index;
use runtime::prelude::*;
use runtime::py_layout;

#[repr(C)]
pub struct Pointer(CData);
py_layout!(Pointer, POINTER_TYPE_OBJECT);
/// `_ctypes._Pointer`.
pub static mut POINTER_TYPE_OBJECT: Type = runtime::objects::singletons::unready_type();

impl Pointer {
    fn proto(&self) -> PyResult<Ref<Type>> {
        let i = info_of_instance(self).ok_or_else(|| raise!(TypeError, "abstract class"))?;
        match i.proto.get(self).map(PyRef::downcast_into::<Type>) {
            Some(Ok(t)) => Ok(t),
            _ => Err(raise!(TypeError, "Cannot create instance: has no _type_")),
        }
    }
    fn target(&self) -> PyResult<*mut u8> {
        let p = self.0.pointee();
        if p.is_null() { Err(raise!(ValueError, "NULL pointer access")) } else { Ok(p) }
    }
    fn item(&self, t: &Type, i: isize) -> PyResult<PyRef> {
        let size = cdata::concrete(t)?.size as isize;
        let p = self.target()?.wrapping_offset(i * size);
        cdata::get(t, &self.0, i as usize, p)
    }
}

#[pyclass(
    name = "_Pointer",
    module = "_ctypes",
    type_object = POINTER_TYPE_OBJECT,
    base = CData,
    flags = "DEFAULT|BASETYPE|HAVE_GC",
    doc = "XXX to be provided",
    slots(bf_getbuffer = cdata::getbuffer)
)]
impl Pointer {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        let i = cdata::concrete(cls)?;
        if i.proto.is_empty() {
            return Err(raise!(TypeError, "Cannot create instance: has no _type_"));
        }
        cdata::new_slot(cls)
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if args.args.len() > 1 {
            return Err(raise!(TypeError, "POINTER expected at most 1 argument, got {}", args.args.len()));
        }
        match args.get(0) {
            Some(v) => self.set_contents(Some(v)),
            None => Ok(()),
        }
    }
    #[slot]
    fn nb_bool(&self) -> bool {
        !self.0.pointee().is_null()
    }
    /// the object this pointer points to (read-write)
    #[pygetset]
    fn contents(&self) -> PyResult<PyRef> {
        let p = self.target()?;
        Ok(cdata::inside(&*self.proto()?, &self.0, 0, p)?.upcast())
    }
    #[pysetter]
    fn set_contents(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "Pointer does not support item deletion")) };
        let t = self.proto()?;
        let d = match v.downcast::<CData>() {
            Some(d) if v.isinstance(&t)? => d,
            _ => return Err(raise!(TypeError, "expected {} instead of {}", t.name_str(), v.ty().name_str())),
        };
        self.0.set_pointee(d.data());
        // The object, and what its memory keeps.
        cdata::keep_ref(&self.0, 1, v.to_ref())?;
        cdata::keep_ref(&self.0, 0, cdata::kept_objects(d)?)
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        self.item(&*self.proto()?, i)
    }
    #[slot]
    fn mp_subscript(&self, k: &Object) -> PyResult<PyRef> {
        let t = self.proto()?;
        if k.index_check() {
            return self.item(&t, to_index(k, exc::IndexError())?);
        }
        let Some(s) = k.downcast::<Slice>() else { return Err(raise!(TypeError, "Pointer indices must be integer")) };
        let step = if s.step().is_none() { 1 } else { s.step().as_isize()? };
        if step == 0 {
            return Err(raise!(ValueError, "slice step cannot be zero"));
        }
        let start = if s.start().is_none() {
            if step < 0 {
                return Err(raise!(ValueError, "slice start is required for step < 0"));
            }
            0
        } else {
            s.start().as_isize()?
        };
        if s.stop().is_none() {
            return Err(raise!(ValueError, "slice stop is required"));
        }
        let stop = s.stop().as_isize()?;
        let n = if step > 0 && stop > start {
            (stop - start - 1) / step + 1
        } else if step < 0 && stop < start {
            (start - stop - 1) / -step + 1
        } else {
            0
        };
        let code = super::info::info_of(&t).and_then(StgInfo::code);
        if matches!(code, Some(b'c' | b'u')) {
            let p = if n == 0 { core::ptr::null_mut() } else { self.target()? };
            if let Some(r) = array::join(code, p, start, step, n as usize) {
                return r;
            }
        }
        let items = (0..n).map(|i| self.item(&t, start + i * step)).collect::<PyResult<Vec<_>>>()?;
        Ok(List::from_vec(items)?.upcast())
    }
    #[slot]
    fn mp_ass_subscript(&self, k: &Object, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "Pointer does not support item deletion")) };
        let t = self.proto()?;
        let i = to_index(k, exc::IndexError())?;
        let size = cdata::concrete(&t)?.size;
        let p = self.target()?.wrapping_offset(i * size as isize);
        cdata::set(&self.0, &t, v, i as usize, size, p)
    }
}
