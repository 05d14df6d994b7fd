//! Function objects (`PyFunctionObject`).
//!
//! Fields that Python code may replace (`__code__`, defaults …) are swapped under the object's lock with their old
//! value retired after a grace period: a caller in another thread may be reading them.

use crate::mem::threadcount;
use crate::objects::support::Exchange;
use crate::objects::{Code, watchers};
use crate::prelude::*;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use macros::pyclass;

/// `PyFunctionObject`.
#[repr(C)]
pub struct Function {
    pub ob_base: abi::PyObject,
    pub globals: *mut abi::PyObject,
    pub builtins: *mut abi::PyObject,
    pub name: AtomicPtr<abi::PyObject>,
    pub qualname: AtomicPtr<abi::PyObject>,
    pub code: AtomicPtr<Code>,
    pub defaults: AtomicPtr<abi::PyObject>,
    pub kwdefaults: AtomicPtr<abi::PyObject>,
    pub closure: *mut abi::PyObject,
    pub doc: AtomicPtr<abi::PyObject>,
    pub dict: AtomicPtr<abi::PyObject>,
    pub weakreflist: *mut abi::PyObject,
    pub module: AtomicPtr<abi::PyObject>,
    pub annotations: AtomicPtr<abi::PyObject>,
    pub annotate: AtomicPtr<abi::PyObject>,
    pub typeparams: AtomicPtr<abi::PyObject>,
    pub vectorcall: abi::vectorcallfunc,
    pub version: AtomicU32,
}
const _: () = assert!(size_of::<Function>() == size_of::<abi::PyFunctionObject>());

impl Function {
    /// A function of `code` in `globals`; builtins come from `globals['__builtins__']`.
    pub fn new(code: &Code, globals: &Dict) -> PyResult<Ref<Function>> {
        let builtins = crate::interp::builtins_of(globals)?;
        Self::with_builtins(code, globals, &builtins)
    }

    /// The same with known builtins.
    pub fn with_builtins(code: &Code, globals: &Dict, builtins: &Object) -> PyResult<Ref<Function>> {
        let f = crate::typeobject::alloc_object::<Function>(Function::type_object())?;
        let raw = f.as_raw();
        let doc = if code.flags() & compiler::code::co::HAS_DOCSTRING != 0 {
            code.consts().get(0).to_ref()
        } else {
            none_ref()
        };
        let module = globals.get_str(intern!("__name__"))?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            (*raw).globals = threadcount::incref_namespace(globals);
            (*raw).builtins = threadcount::incref_namespace(builtins);
            (*raw).name = AtomicPtr::new(code.name().to_ref().into_ptr());
            (*raw).qualname = AtomicPtr::new(code.qualname().to_ref().into_ptr());
            (*raw).code = AtomicPtr::new(threadcount::incref_code(code));
            (*raw).doc = AtomicPtr::new(doc.into_ptr());
            if let Some(m) = module {
                (*raw).module = AtomicPtr::new(m.into_ptr());
            }
            (*raw).vectorcall = Some(crate::interp::call::_PyFunction_Vectorcall);
            (*raw).version = AtomicU32::new(code.base.co_version);
        }
        crate::interp::pending::track(&f);
        if code.flags() & compiler::code::co::NESTED == 0 {
            crate::interp::pending::set_deferred(&f);
        }
        watchers::function_event(&f, watchers::FunctionEvent::Create, None);
        Ok(f)
    }

    #[inline(always)]
    pub fn code(&self) -> &Code {
        // SAFETY: a function always has code; replaced code is retired late.
        unsafe { &*self.code.load(Ordering::Acquire) }
    }
    #[inline(always)]
    pub fn globals(&self) -> &Dict {
        // SAFETY: set at construction, never changed.
        unsafe { &*self.globals.cast::<Dict>() }
    }
    #[inline(always)]
    pub fn builtins(&self) -> &Object {
        // SAFETY: set at construction, never changed.
        unsafe { Object::from_ptr(self.builtins) }
    }
    #[inline(always)]
    pub fn closure(&self) -> Option<&Tuple> {
        // SAFETY: null or a tuple of cells; changed only before the function is shared.
        unsafe { self.closure.cast::<Tuple>().as_ref() }
    }
    #[inline(always)]
    pub fn defaults(&self) -> Option<&Tuple> {
        // SAFETY: null or a tuple; replaced ones are retired late.
        unsafe { self.defaults.load(Ordering::Acquire).cast::<Tuple>().as_ref() }
    }
    #[inline(always)]
    pub fn kwdefaults(&self) -> Option<&Dict> {
        // SAFETY: null or a dict; replaced ones are retired late.
        unsafe { self.kwdefaults.load(Ordering::Acquire).cast::<Dict>().as_ref() }
    }
    pub fn name(&self) -> &Str {
        // SAFETY: always a str.
        unsafe { &*self.name.load(Ordering::Acquire).cast::<Str>() }
    }
    pub fn qualname(&self) -> &Str {
        // SAFETY: always a str.
        unsafe { &*self.qualname.load(Ordering::Acquire).cast::<Str>() }
    }
    /// Forgets specialisations that know this function.
    pub fn invalidate(&self) {
        self.version.store(0, Ordering::Release);
    }
    /// The version to specialise on; 0 means do not.
    pub fn get_version(&self) -> u32 {
        let v = self.version.load(Ordering::Acquire);
        if v != 0 {
            return v;
        }
        let new = crate::objects::code::next_version();
        match self.version.compare_exchange(0, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            Err(v) => v,
        }
    }
}

#[unsafe(no_mangle)]
pub static mut PyFunction_Type: Type = Type::STATIC;
py_layout!(Function, PyFunction_Type);

/// Puts a new value (or null) into a field that other threads may be reading; the old one goes after a grace period.
fn store(a: &AtomicPtr<abi::PyObject>, v: Option<PyRef>) {
    let old = a.swap(v.map_or(core::ptr::null_mut(), |v| v.into_ptr()), Ordering::AcqRel);
    if !old.is_null() {
        // SAFETY: the field owned the reference.
        unsafe { crate::mem::qsbr::decref_delayed(old) };
    }
}

fn load(f: &Function, a: &AtomicPtr<abi::PyObject>) -> Option<PyRef> {
    crate::interp::pending::load_ref(f, a)
}

fn non_none(v: Option<&Object>) -> Option<&Object> {
    v.filter(|v| !v.is_none())
}

impl Function {
    /// `__defaults__ = ...` (a tuple or None).
    pub fn set_defaults(&self, v: Option<&Object>) -> PyResult<()> {
        let v = non_none(v);
        if v.is_some_and(|v| v.downcast::<Tuple>().is_none()) {
            return Err(raise!(TypeError, "__defaults__ must be set to a tuple object"));
        }
        watchers::function_event(self, watchers::FunctionEvent::ModifyDefaults, v);
        self.invalidate();
        store(&self.defaults, v.map(Object::to_ref));
        Ok(())
    }
    /// `__kwdefaults__ = ...` (a dict or None).
    pub fn set_kwdefaults(&self, v: Option<&Object>) -> PyResult<()> {
        let v = non_none(v);
        if v.is_some_and(|v| v.downcast::<Dict>().is_none()) {
            return Err(raise!(TypeError, "__kwdefaults__ must be set to a dict object"));
        }
        watchers::function_event(self, watchers::FunctionEvent::ModifyKwdefaults, v);
        self.invalidate();
        store(&self.kwdefaults, v.map(Object::to_ref));
        Ok(())
    }
    /// Whether there are annotations, computed or not.
    pub fn has_annotations(&self) -> bool {
        let set = |a: &AtomicPtr<abi::PyObject>| load(self, a).is_some_and(|v| !v.is_none());
        set(&self.annotations) || set(&self.annotate)
    }
    /// `__annotations__`: computed by `__annotate__` when first asked for.
    pub fn get_annotations(&self) -> PyResult<PyRef> {
        if let Some(a) = load(self, &self.annotations) {
            return Ok(a);
        }
        let d = match load(self, &self.annotate) {
            Some(f) if !f.is_none() => {
                let one = Int::from_i64(1)?;
                let r = f.call1(&one)?;
                if r.downcast::<Dict>().is_none() {
                    return Err(raise!(TypeError, "__annotate__ returned non-dict of type '{}'", r.ty().name_str()));
                }
                r
            }
            _ => Dict::new()?.upcast(),
        };
        crate::thread::critical(self, || {
            if self.annotations.load(Ordering::Acquire).is_null() {
                self.annotations.store(d.clone().into_ptr(), Ordering::Release);
            }
        });
        Ok(load(self, &self.annotations).unwrap_or(d))
    }
    /// Binds the function to an object.
    pub fn bind(&self, obj: &Object) -> PyResult<PyRef> {
        crate::interp::new_method(self, obj)
    }
}

/// function(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)
/// --
///
#[pyclass(name = "function", type_object = PyFunction_Type, flags = "HAVE_GC|HAVE_VECTORCALL|METHOD_DESCRIPTOR", dictoffset = offset_of!(Function, dict), weaklistoffset = offset_of!(Function, weakreflist), vectorcalloffset = offset_of!(Function, vectorcall), slots(tp_call = crate::protocol::call::PyVectorcall_Call), members = "__closure__: object@closure readonly; __doc__: object@doc; __globals__: object@globals readonly; __module__: object@module; __builtins__: object@builtins readonly")]
impl Function {
    /// Create a function object.
    ///
    ///   code
    ///     a code object
    ///   globals
    ///     the globals dictionary
    ///   name
    ///     a string that overrides the name from the code object
    ///   argdefs
    ///     a tuple that specifies the default argument values
    ///   closure
    ///     a tuple that supplies the bindings for free variables
    ///   kwdefaults
    ///     a dictionary that specifies the default keyword argument values
    #[slot(sig = "code, globals, name=None, argdefs=None, closure=None, kwdefaults=None")]
    fn tp_new(
        cls: &Type,
        code: &Code,
        globals: &Dict,
        name: &Object,
        argdefs: &Object,
        closure: &Object,
        kwdefaults: &Object,
    ) -> PyResult<PyRef> {
        let _ = cls;
        if !name.is_none() && name.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "arg 3 (name) must be None or string"));
        }
        if !argdefs.is_none() && argdefs.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "arg 4 (defaults) must be None or tuple"));
        }
        let nfree = code.base.co_nfreevars as usize;
        let cells = closure.downcast::<Tuple>();
        if cells.is_none() {
            if nfree > 0 && closure.is_none() {
                return Err(raise!(TypeError, "arg 5 (closure) must be tuple"));
            }
            if !closure.is_none() {
                return Err(raise!(TypeError, "arg 5 (closure) must be None or tuple"));
            }
        }
        if !kwdefaults.is_none() && kwdefaults.downcast::<Dict>().is_none() {
            return Err(raise!(TypeError, "arg 6 (kwdefaults) must be None or dict"));
        }
        let n = cells.map_or(0, Tuple::len);
        if n != nfree {
            return Err(raise!(
                ValueError,
                "{} requires closure of length {}, not {}",
                code.name().to_string_lossy(),
                nfree,
                n
            ));
        }
        if let Some(c) = cells {
            for x in c.iter() {
                if x.downcast::<crate::objects::Cell>().is_none() {
                    return Err(raise!(TypeError, "arg 5 (closure) expected cell, found {}", x.ty().name_str()));
                }
            }
        }
        let f = Function::new(code, globals)?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            if let Some(c) = cells
                && n > 0
            {
                (*f.as_raw()).closure = c.to_ref().into_ptr();
            }
        }
        if !name.is_none() {
            store(&f.name, Some(name.to_ref()));
        }
        if !argdefs.is_none() {
            store(&f.defaults, Some(argdefs.to_ref()));
        }
        if !kwdefaults.is_none() {
            store(&f.kwdefaults, Some(kwdefaults.to_ref()));
        }
        Ok(f.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!("<function {} at {:p}>", self.qualname().to_string_lossy(), self))
    }
    #[slot]
    fn tp_descr_get(&self, obj: Option<&Object>, _ty: Option<&Object>) -> PyResult<PyRef> {
        match obj {
            Some(o) if !o.is_none() => self.bind(o),
            _ => Ok(self.to_ref()),
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        for p in [
            self.globals,
            self.builtins,
            self.name.load(Ordering::Relaxed),
            self.qualname.load(Ordering::Relaxed),
            self.code.load(Ordering::Relaxed).cast(),
            self.defaults.load(Ordering::Relaxed),
            self.kwdefaults.load(Ordering::Relaxed),
            self.closure,
            self.doc.load(Ordering::Relaxed),
            self.dict.load(Ordering::Relaxed),
            self.module.load(Ordering::Relaxed),
            self.annotations.load(Ordering::Relaxed),
            self.annotate.load(Ordering::Relaxed),
            self.typeparams.load(Ordering::Relaxed),
        ] {
            let r = v.visit_ptr(p);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_clear(&self) {
        clear_fields(self);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            if watchers::function_destroyed(this) {
                return;
            }
            crate::mem::gc::untrack(&*this);
            if !(*this).weakreflist.is_null() {
                crate::interp::pending::clear_weakrefs(&*this);
            }
            clear_fields(&*this);
            for a in [&(*this).name, &(*this).qualname] {
                drop(PyRef::from_ptr_opt(a.exchange(core::ptr::null_mut())));
            }
            threadcount::decref_code((*this).code.exchange(core::ptr::null_mut()));
            crate::objects::r#gen::free(this.cast());
        }
    }
    #[pygetset(name = "__code__")]
    fn code_attr(&self) -> PyRef {
        self.code().to_ref()
    }
    #[pysetter(name = "__code__")]
    fn set_code_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(c) = v.and_then(|v| v.downcast::<Code>()) else {
            return Err(raise!(TypeError, "__code__ must be set to a code object"));
        };
        let nclosure = self.closure().map_or(0, Tuple::len);
        let nfree = c.base.co_nfreevars as usize;
        if nclosure != nfree {
            return Err(raise!(
                ValueError,
                "{}() requires a code object with {} free vars, not {}",
                self.name().to_string_lossy(),
                nclosure,
                nfree
            ));
        }
        watchers::function_event(self, watchers::FunctionEvent::ModifyCode, Some(c));
        self.invalidate();
        let old = self.code.swap(Ref::new_ref(c).into_raw(), Ordering::AcqRel);
        // SAFETY: the field owned it.
        unsafe { crate::mem::qsbr::decref_delayed(old.cast()) };
        Ok(())
    }
    #[pygetset(name = "__defaults__")]
    fn defaults_attr(&self) -> PyRef {
        load(self, &self.defaults).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "__defaults__")]
    fn set_defaults_attr(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_defaults(v)
    }
    #[pygetset(name = "__kwdefaults__")]
    fn kwdefaults_attr(&self) -> PyRef {
        load(self, &self.kwdefaults).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "__kwdefaults__")]
    fn set_kwdefaults_attr(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_kwdefaults(v)
    }
    #[pygetset(name = "__annotations__")]
    fn annotations_attr(&self) -> PyResult<PyRef> {
        self.get_annotations()
    }
    #[pysetter(name = "__annotations__")]
    fn set_annotations_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let v = non_none(v);
        if v.is_some_and(|v| v.downcast::<Dict>().is_none()) {
            return Err(raise!(TypeError, "__annotations__ must be set to a dict object"));
        }
        store(&self.annotations, v.map(Object::to_ref));
        store(&self.annotate, None);
        Ok(())
    }
    #[pygetset(name = "__annotate__")]
    fn annotate_attr(&self) -> PyRef {
        load(self, &self.annotate).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "__annotate__")]
    fn set_annotate_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "__annotate__ cannot be deleted")) };
        if v.is_none() {
            store(&self.annotate, Some(v.to_ref()));
            return Ok(());
        }
        if !v.is_callable() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        store(&self.annotate, Some(v.to_ref()));
        store(&self.annotations, None);
        Ok(())
    }
    #[pygetset(name = "__name__")]
    fn name_attr(&self) -> PyRef {
        load(self, &self.name).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "__name__")]
    fn set_name_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(s) = v.and_then(|v| v.downcast::<Str>()) else {
            return Err(raise!(TypeError, "__name__ must be set to a string object"));
        };
        store(&self.name, Some(s.to_ref()));
        Ok(())
    }
    #[pygetset(name = "__qualname__")]
    fn qualname_attr(&self) -> PyRef {
        load(self, &self.qualname).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "__qualname__")]
    fn set_qualname_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(s) = v.and_then(|v| v.downcast::<Str>()) else {
            return Err(raise!(TypeError, "__qualname__ must be set to a string object"));
        };
        store(&self.qualname, Some(s.to_ref()));
        Ok(())
    }
    #[pygetset(name = "__type_params__")]
    fn type_params(&self) -> PyRef {
        load(self, &self.typeparams).unwrap_or_else(|| Tuple::empty().upcast())
    }
    #[pysetter(name = "__type_params__")]
    fn set_type_params(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(t) = v.and_then(|v| v.downcast::<Tuple>()) else {
            return Err(raise!(TypeError, "__type_params__ must be set to a tuple"));
        };
        store(&self.typeparams, Some(t.to_ref()));
        Ok(())
    }
    #[pygetset(name = "__dict__")]
    fn dict_attr(&self) -> PyResult<PyRef> {
        crate::thread::critical(self, || {
            let p = self.dict.load(Ordering::Acquire);
            // SAFETY: null or a live dict.
            if let Some(d) = unsafe { Object::from_ptr_opt(p) } {
                return Ok(d.to_ref());
            }
            let d = Dict::new()?;
            self.dict.store(d.clone().into_ptr(), Ordering::Release);
            Ok(d.upcast())
        })
    }
    #[pysetter(name = "__dict__")]
    fn set_dict_attr(&self, v: Option<&Object>) -> PyResult<()> {
        match v {
            None => Err(raise!(TypeError, "cannot delete __dict__")),
            Some(v) if v.downcast::<Dict>().is_none() => {
                Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().name_str()))
            }
            Some(v) => {
                store(&self.dict, Some(v.to_ref()));
                Ok(())
            }
        }
    }
}

fn clear_fields(f: &Function) {
    let raw = (f as *const Function).cast_mut();
    f.invalidate();
    // SAFETY: the object is garbage or dying: nobody reads the fields.
    unsafe {
        for a in [&f.defaults, &f.kwdefaults, &f.doc, &f.dict, &f.module, &f.annotations, &f.annotate, &f.typeparams] {
            drop(PyRef::from_ptr_opt(a.exchange(core::ptr::null_mut())));
        }
        drop(PyRef::from_ptr_opt((&raw mut (*raw).closure).replace(core::ptr::null_mut())));
        for p in [&raw mut (*raw).globals, &raw mut (*raw).builtins] {
            threadcount::decref_namespace(p.replace(core::ptr::null_mut()));
        }
    }
}
