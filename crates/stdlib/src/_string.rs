//! `_string`: what `string.Formatter` needs of `str.format`.

use macros::{pyclass, pymodule};
use runtime::format::fields::{Access, First, Markup, next_access, split_first};
use runtime::prelude::*;
use runtime::py_layout;
use runtime::typeobject::alloc_object;

/// `formatteriterator`.
#[repr(C)]
pub struct FormatterIter {
    ob_base: abi::PyObject,
    text: *mut abi::PyObject,
    pos: usize,
}
static mut FORMATTER_ITER: Type = Type::STATIC;
py_layout!(FormatterIter, FORMATTER_ITER);

#[pyclass(name = "formatteriterator", type_object = FORMATTER_ITER)]
impl FormatterIter {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: set at creation, owned.
        let s = unsafe { &*self.text.cast::<Str>() };
        let mut m = Markup::new(s.data(), self.pos, s.len());
        let Some(p) = m.next()? else { return Ok(None) };
        // SAFETY: a plain field of this iterator.
        unsafe { (&raw const self.pos).cast_mut().write(m.position()) };
        let literal = s.substring(p.literal.0, p.literal.1)?.upcast();
        let t = match p.field {
            None => vec![literal, none_ref(), none_ref(), none_ref()],
            Some(f) => vec![
                literal,
                s.substring(f.name.0, f.name.1)?.upcast(),
                s.substring(f.spec.0, f.spec.1)?.upcast(),
                match f.conversion {
                    Some(c) => Str::from_char(c)?.upcast(),
                    None => none_ref(),
                },
            ],
        };
        Ok(Some(Tuple::from_refs(t)?.upcast()))
    }
    #[slot]
    fn tp_dealloc(this: *mut FormatterIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            drop(PyRef::from_ptr_opt((*this).text));
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
}

/// `fieldnameiterator`.
#[repr(C)]
pub struct FieldNameIter {
    ob_base: abi::PyObject,
    text: *mut abi::PyObject,
    pos: usize,
}
static mut FIELD_NAME_ITER: Type = Type::STATIC;
py_layout!(FieldNameIter, FIELD_NAME_ITER);

#[pyclass(name = "fieldnameiterator", type_object = FIELD_NAME_ITER)]
impl FieldNameIter {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: set at creation, owned.
        let s = unsafe { &*self.text.cast::<Str>() };
        let mut pos = self.pos;
        let a = next_access(s.data(), &mut pos, s.len())?;
        // SAFETY: a plain field of this iterator.
        unsafe { (&raw const self.pos).cast_mut().write(pos) };
        let (attr, v) = match a {
            None => return Ok(None),
            Some(Access::Attr(a, b)) => (true, s.substring(a, b)?.upcast()),
            Some(Access::Index(i)) => (false, Int::from_i64(i as i64)?.upcast()),
            Some(Access::Key(a, b)) => (false, s.substring(a, b)?.upcast()),
        };
        Ok(Some(Tuple::from_refs(vec![Bool::of(attr).to_ref(), v])?.upcast()))
    }
    #[slot]
    fn tp_dealloc(this: *mut FieldNameIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            drop(PyRef::from_ptr_opt((*this).text));
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
}

fn text_arg(o: &Object) -> PyResult<&Str> {
    o.downcast::<Str>().ok_or_else(|| raise!(TypeError, "expected str, got {}", o.ty().name_str()))
}

/// string helper module
#[pymodule(name = "_string")]
pub mod _string {
    use super::*;

    /// parse the argument as a format string
    #[pyfunction]
    fn formatter_parser(string: &Object) -> PyResult<PyRef> {
        let s = text_arg(string)?;
        let it = alloc_object::<FormatterIter>(FormatterIter::type_object())?;
        // SAFETY: nobody else sees the iterator yet.
        unsafe { (*it.as_raw()).text = s.to_ref().into_ptr() };
        Ok(it.upcast())
    }
    /// split the argument as a field name
    #[pyfunction]
    fn formatter_field_name_split(string: &Object) -> PyResult<(PyRef, PyRef)> {
        let s = text_arg(string)?;
        let (first, pos) = split_first(s.data(), (0, s.len()))?;
        let head = match first {
            First::Index(i) => Int::from_i64(i as i64)?.upcast(),
            First::Empty => Str::empty_ref().upcast(),
            First::Name(a, b) => s.substring(a, b)?.upcast(),
        };
        let it = alloc_object::<FieldNameIter>(FieldNameIter::type_object())?;
        // SAFETY: nobody else sees the iterator yet.
        unsafe {
            (*it.as_raw()).text = s.to_ref().into_ptr();
            (*it.as_raw()).pos = pos;
        }
        Ok((head, it.upcast()))
    }
    #[exec]
    fn init(_m: &Module) -> PyResult<()> {
        use runtime::convert::HasSpec;
        runtime::typeobject::init_static(FormatterIter::spec())?;
        runtime::typeobject::init_static(FieldNameIter::spec())
    }
}
