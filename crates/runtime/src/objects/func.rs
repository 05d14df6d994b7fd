//! Function objects (`PyFunctionObject`).
//!
//! Fields that Python code may replace (`__code__`, defaults …) are swapped under the object's lock with their old
//! value retired after a grace period: a caller in another thread may be reading them.

use crate::objects::Code;
use crate::prelude::*;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

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
        Self::with_builtins(code, globals, builtins)
    }

    /// The same with known builtins.
    pub fn with_builtins(code: &Code, globals: &Dict, builtins: PyRef) -> PyResult<Ref<Function>> {
        let f = crate::typeobject::alloc_object::<Function>(Function::type_object())?;
        let raw = f.as_raw();
        let doc = if code.flags() & compiler::code::co::HAS_DOCSTRING != 0 { code.consts().get(0).to_ref() } else { none_ref() };
        let module = globals.get_str(intern!("__name__"))?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            (*raw).globals = globals.to_ref().into_ptr();
            (*raw).builtins = builtins.into_ptr();
            (*raw).name = AtomicPtr::new(code.name().to_ref().into_ptr());
            (*raw).qualname = AtomicPtr::new(code.qualname().to_ref().into_ptr());
            (*raw).code = AtomicPtr::new(Ref::<Code>::new_ref(code).into_raw());
            (*raw).doc = AtomicPtr::new(doc.into_ptr());
            if let Some(m) = module {
                (*raw).module = AtomicPtr::new(m.into_ptr());
            }
            (*raw).vectorcall = Some(crate::interp::call::_PyFunction_Vectorcall);
            (*raw).version = AtomicU32::new(code.base.co_version);
            if code.flags() & compiler::code::co::NESTED == 0 {
                crate::interp::pending::set_deferred(raw.cast());
            }
        }
        crate::interp::pending::track(&f);
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
