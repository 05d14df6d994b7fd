//! `string.templatelib.Template` and `Interpolation` (PEP 750).

use crate::objects::r#gen::free;
use crate::prelude::*;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};
use macros::pyclass;

#[repr(C)]
pub struct Template {
    pub ob_base: abi::PyObject,
    pub strings: *mut abi::PyObject,
    pub interpolations: *mut abi::PyObject,
}
#[unsafe(no_mangle)]
pub static mut _PyTemplate_Type: Type = Type::STATIC;
py_layout!(Template, _PyTemplate_Type);

#[repr(C)]
pub struct Interpolation {
    pub ob_base: abi::PyObject,
    pub value: *mut abi::PyObject,
    pub expression: *mut abi::PyObject,
    pub conversion: *mut abi::PyObject,
    pub format_spec: *mut abi::PyObject,
}
#[unsafe(no_mangle)]
pub static mut _PyInterpolation_Type: Type = Type::STATIC;
py_layout!(Interpolation, _PyInterpolation_Type);

unsafe fn drop_fields(fields: &[*mut *mut abi::PyObject]) {
    for f in fields {
        // SAFETY: the object is dying; the fields own their references.
        unsafe { drop(PyRef::from_ptr_opt(f.replace(null_mut()))) };
    }
}

impl Template {
    /// A template of `n + 1` strings around `n` interpolations.
    pub fn new(strings: &Tuple, interpolations: &Tuple) -> PyResult<Ref<Template>> {
        let t = crate::typeobject::alloc_object::<Template>(Template::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            (*t.as_raw()).strings = strings.to_ref().into_ptr();
            (*t.as_raw()).interpolations = interpolations.to_ref().into_ptr();
        }
        crate::interp::pending::track(&t);
        Ok(t)
    }
    fn strings(&self) -> &Tuple {
        // SAFETY: set at construction.
        unsafe { &*self.strings.cast::<Tuple>() }
    }
    fn interps(&self) -> &Tuple {
        // SAFETY: set at construction.
        unsafe { &*self.interpolations.cast::<Tuple>() }
    }
    fn concat(&self, o: &Template) -> PyResult<PyRef> {
        let mut s: Vec<PyRef> = self.strings().iter().map(Object::to_ref).collect();
        let last = s.pop().unwrap_or_else(|| Str::empty().to_ref());
        let first = o.strings().get(0);
        // SAFETY: the strings of templates are str.
        s.push(unsafe { last.cast::<Str>().concat(first.cast::<Str>()) }?.upcast());
        s.extend(o.strings().iter().skip(1).map(Object::to_ref));
        let i: Vec<PyRef> = self.interps().iter().chain(o.interps().iter()).map(Object::to_ref).collect();
        Ok(Template::new(&*Tuple::from_refs(s)?, &*Tuple::from_refs(i)?)?.upcast())
    }
}

#[pyclass(name = "Template", module = "string.templatelib", type_object = _PyTemplate_Type, flags = "HAVE_GC", members = "strings: object@strings readonly; interpolations: object@interpolations readonly")]
impl Template {
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
    /// Template object
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = cls;
        if args.has_keywords() {
            return Err(raise!(TypeError, "Template.__new__ only accepts *args arguments"));
        }
        let mut strings: Vec<PyRef> = Vec::new();
        let mut interps: Vec<PyRef> = Vec::new();
        let mut last_str = false;
        for a in args.args {
            if let Some(s) = a.downcast::<Str>() {
                match strings.last() {
                    Some(l) if last_str => {
                        // SAFETY: strings holds str only.
                        let j = unsafe { l.cast::<Str>() }.concat(s)?;
                        let n = strings.len() - 1;
                        strings[n] = j.upcast();
                    }
                    _ => strings.push(a.to_ref()),
                }
                last_str = true;
            } else if a.downcast::<Interpolation>().is_some() {
                if !last_str {
                    strings.push(Str::empty().to_ref());
                }
                interps.push(a.to_ref());
                last_str = false;
            } else {
                return Err(raise!(
                    TypeError,
                    "Template.__new__ *args need to be of type 'str' or 'Interpolation', got {}",
                    a.ty().name_str()
                ));
            }
        }
        if !last_str {
            strings.push(Str::empty().to_ref());
        }
        Ok(Template::new(&*Tuple::from_refs(strings)?, &*Tuple::from_refs(interps)?)?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!(
            "Template(strings={}, interpolations={})",
            self.strings().repr()?.to_string_lossy(),
            self.interps().repr()?.to_string_lossy()
        ))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<TemplateIter>(TemplateIter::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe { (*it.as_raw()).template = self.to_ref().into_ptr() };
        crate::interp::pending::track(&it);
        Ok(it.upcast())
    }
    #[slot]
    fn sq_concat(&self, other: &Object) -> PyResult<PyRef> {
        match other.downcast::<Template>() {
            Some(o) => self.concat(o),
            None => Err(raise!(
                TypeError,
                "can only concatenate string.templatelib.Template (not \"{}\") to string.templatelib.Template",
                other.ty().name_str()
            )),
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        let r = v.visit_ptr(self.strings);
        if r != 0 { r } else { v.visit_ptr(self.interpolations) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop_fields(&[&raw mut (*this).strings, &raw mut (*this).interpolations]);
            free(this.cast());
        }
    }
    #[pygetset]
    fn values(&self) -> PyResult<PyRef> {
        let v: Vec<PyRef> = self
            .interps()
            .iter()
            .filter_map(|i| i.downcast::<Interpolation>())
            // SAFETY: set at construction.
            .map(|i| unsafe { Object::from_ptr(i.value) }.to_ref())
            .collect();
        Ok(Tuple::from_refs(v)?.upcast())
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let m = crate::interp::import_module("string.templatelib")?;
        let f = m.getattr(Str::intern("_template_unpickle"))?;
        let args = Tuple::from_slice(&[self.strings(), self.interps()])?;
        Ok(Tuple::from_slice(&[&f, &args])?.upcast())
    }
}

/// Iterator over the parts of a template, empty strings left out.
#[repr(C)]
pub struct TemplateIter {
    ob_base: abi::PyObject,
    template: *mut abi::PyObject,
    /// Next part: even numbers are strings
    next: AtomicUsize,
}
#[unsafe(no_mangle)]
pub static mut _PyTemplateIter_Type: Type = Type::STATIC;
py_layout!(TemplateIter, _PyTemplateIter_Type);

#[pyclass(name = "TemplateIter", module = "string.templatelib", type_object = _PyTemplateIter_Type, flags = "HAVE_GC")]
impl TemplateIter {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: set at construction.
        let t = unsafe { &*self.template.cast::<Template>() };
        loop {
            let i = self.next.fetch_add(1, Ordering::Relaxed);
            if i >= t.strings().len() + t.interps().len() {
                return Ok(None);
            }
            if i % 2 == 1 {
                return Ok(Some(t.interps().get(i / 2).to_ref()));
            }
            let s = t.strings().get(i / 2);
            if s.downcast::<Str>().is_none_or(|s| s.len() != 0) {
                return Ok(Some(s.to_ref()));
            }
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.template)
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop_fields(&[&raw mut (*this).template]);
            free(this.cast());
        }
    }
}

impl Interpolation {
    /// An interpolation; `conversion` is `'s'`, `'r'`, `'a'` or nothing.
    pub fn new(
        value: &Object,
        expression: &Object,
        conversion: Option<&Object>,
        format_spec: &Object,
    ) -> PyResult<Ref<Interpolation>> {
        let t = crate::typeobject::alloc_object::<Interpolation>(Interpolation::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            let r = t.as_raw();
            (*r).value = value.to_ref().into_ptr();
            (*r).expression = expression.to_ref().into_ptr();
            (*r).conversion = conversion.unwrap_or(none()).to_ref().into_ptr();
            (*r).format_spec = format_spec.to_ref().into_ptr();
        }
        crate::interp::pending::track(&t);
        Ok(t)
    }
}

#[pyclass(name = "Interpolation", module = "string.templatelib", type_object = _PyInterpolation_Type, flags = "HAVE_GC", members = "value: object@value readonly; expression: object@expression readonly; conversion: object@conversion readonly; format_spec: object@format_spec readonly")]
impl Interpolation {
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, args: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, args)
    }
    /// Interpolation object
    #[slot(sig = "value, expression=None, conversion=None, format_spec=None")]
    fn tp_new(
        cls: &Type,
        value: &Object,
        expression: Option<&Str>,
        conversion: &Object,
        format_spec: Option<&Str>,
    ) -> PyResult<PyRef> {
        let _ = cls;
        if !conversion.is_none() {
            let Some(c) = conversion.downcast::<Str>() else {
                return Err(raise!(
                    TypeError,
                    "Interpolation() argument 'conversion' must be str, not {}",
                    conversion.ty().name_str()
                ));
            };
            if !(c.eq_str("s") || c.eq_str("r") || c.eq_str("a")) {
                return Err(raise!(ValueError, "Interpolation() argument 'conversion' must be one of 's', 'a' or 'r'"));
            }
        }
        let conv = if conversion.is_none() { None } else { Some(conversion) };
        Ok(Interpolation::new(value, expression.unwrap_or(Str::empty()), conv, format_spec.unwrap_or(Str::empty()))?
            .upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let r = |p: *mut abi::PyObject| -> PyResult<String> {
            // SAFETY: set at construction.
            Ok(unsafe { Object::from_ptr(p) }.repr()?.to_string_lossy().into_owned())
        };
        Str::format(format_args!(
            "Interpolation({}, {}, {}, {})",
            r(self.value)?,
            r(self.expression)?,
            r(self.conversion)?,
            r(self.format_spec)?
        ))
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        for p in [self.value, self.expression, self.conversion, self.format_spec] {
            let r = v.visit_ptr(p);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop_fields(&[
                &raw mut (*this).value,
                &raw mut (*this).expression,
                &raw mut (*this).conversion,
                &raw mut (*this).format_spec,
            ]);
            free(this.cast());
        }
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        // SAFETY: set at construction.
        let args = unsafe {
            Tuple::from_slice(&[
                Object::from_ptr(self.value),
                Object::from_ptr(self.expression),
                Object::from_ptr(self.conversion),
                Object::from_ptr(self.format_spec),
            ])?
        };
        Ok(Tuple::from_slice(&[self.ty(), &args])?.upcast())
    }
    #[pyclassmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::interp::generic_alias(cls, item)
    }
}
