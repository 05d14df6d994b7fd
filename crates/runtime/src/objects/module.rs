//! Module objects, and module creation from definitions (PEP 489).

use crate::import::{dynload, state};
use crate::mem::{Visitor, gc};
use crate::prelude::*;
use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use macros::pyclass;

/// A module. The public API reaches its fields through functions only.
#[repr(C)]
pub struct Module {
    pub ob_base: abi::PyObject,
    pub md_dict: *mut abi::PyObject,
    pub md_def: *mut abi::PyModuleDef,
    pub md_state: *mut c_void,
    pub md_weaklist: *mut abi::PyObject,
    pub md_name: *mut abi::PyObject,
    /// `Py_mod_gil`: null is `Py_MOD_GIL_USED`.
    pub md_gil: *mut c_void,
    /// Whether the exec slots have run.
    pub md_executed: bool,
}

/// The type `module`.
#[unsafe(no_mangle)]
pub static mut PyModule_Type: Type = crate::objects::singletons::unready_type();
crate::py_layout!(Module, PyModule_Type);

/// The type of `PyModuleDef` objects.
#[unsafe(no_mangle)]
pub static mut PyModuleDef_Type: Type = crate::objects::singletons::unready_type();

/// Layout behind `moduledef`.
#[repr(C)]
pub struct ModuleDef {
    pub def: abi::PyModuleDef,
}
crate::py_layout!(ModuleDef, PyModuleDef_Type);

#[pyclass(name = "moduledef", type_object = PyModuleDef_Type, flags = "DISALLOW_INSTANTIATION|IMMUTABLETYPE")]
impl ModuleDef {}

/// Index of the next definition for `PyState_*`; 0 means none yet.
static NEXT_INDEX: AtomicIsize = AtomicIsize::new(1);

/// `PyModuleDef_Init`: makes the static definition an object.
///
/// # Safety
/// `def` points to a static definition.
pub unsafe fn module_def_init(def: *mut abi::PyModuleDef) -> *mut abi::PyObject {
    // SAFETY: the header of a static definition is ours to fill; filling it twice writes the same.
    unsafe {
        let head = &(*def).m_base.ob_base;
        if head.ob_type.load(Relaxed).is_null() || (*def).m_base.m_index == 0 {
            head.ob_ref_local.store(crate::object::IMMORTAL_LOCAL, Relaxed);
            head.ob_type.store((&raw mut PyModuleDef_Type).cast(), Relaxed);
            (*def).m_base.m_index = NEXT_INDEX.fetch_add(1, Relaxed);
        }
    }
    def.cast()
}

/// Whether an init function returned a definition (multi-phase initialisation).
///
/// # Safety
/// `o`'s header is readable.
pub unsafe fn is_module_def(o: &Object) -> bool {
    core::ptr::eq(o.0.ob_type.load(Relaxed), (&raw const PyModuleDef_Type).cast())
}

impl Module {
    /// A new module named `name` with the standard attributes.
    pub fn new(name: &str) -> PyResult<Ref<Module>> {
        Module::with_name(&*Str::new(name)?)
    }

    /// The same with a name object (`PyModule_NewObject`).
    pub fn with_name(name: &Object) -> PyResult<Ref<Module>> {
        let m = Module::blank(Module::type_object())?;
        m.init_dict(name, none())?;
        Ok(m)
    }

    fn blank(ty: &Type) -> PyResult<Ref<Module>> {
        let m = crate::typeobject::alloc_object::<Module>(ty)?;
        let dict = Dict::new()?;
        // SAFETY: the module is new; nobody else sees it yet.
        unsafe { (*m.as_raw()).md_dict = dict.into_ptr() };
        gc::track(&m);
        // Shared by everybody: only the collector frees them.
        crate::mem::threadcount::enable_dict(m.dict());
        crate::mem::refcount::set_deferred(&m);
        Ok(m)
    }

    fn init_dict(&self, name: &Object, doc: &Object) -> PyResult<()> {
        let d = self.dict();
        // Every function of the module refers to the name: it must not be counted.
        let name = match name.to_ref().downcast_into::<Str>() {
            Ok(s) if s.downcast_exact::<Str>().is_some() => Str::intern_ref(s).upcast(),
            Ok(s) => s.upcast(),
            Err(o) => o,
        };
        let name = &*name;
        d.set(intern!("__name__"), name)?;
        d.set(intern!("__doc__"), doc)?;
        d.set(intern!("__package__"), none())?;
        d.set(intern!("__loader__"), none())?;
        d.set(intern!("__spec__"), none())?;
        if name.downcast_exact::<Str>().is_some() {
            let new = name.to_ref().into_ptr();
            let slot = (&raw const self.md_name).cast_mut();
            // SAFETY: the slot owns its reference; modules are initialised by one thread.
            drop(unsafe { PyRef::from_ptr_opt(slot.replace(new)) });
        }
        Ok(())
    }

    /// The module's namespace.
    #[inline]
    pub fn dict(&self) -> &Dict {
        // SAFETY: the dict is set at creation and never replaced.
        unsafe { Object::from_ptr(self.md_dict).cast() }
    }

    /// `__name__`, or a SystemError ("nameless module").
    pub fn name(&self) -> PyResult<Ref<Str>> {
        match self.dict().get_str(intern!("__name__"))?.map(PyRef::downcast_into::<Str>) {
            Some(Ok(n)) => Ok(n),
            _ => Err(raise!(SystemError, "nameless module")),
        }
    }

    /// `__file__`, or a SystemError.
    pub fn filename(&self) -> PyResult<Ref<Str>> {
        match self.dict().get_str(intern!("__file__"))?.map(PyRef::downcast_into::<Str>) {
            Some(Ok(n)) => Ok(n),
            _ => Err(raise!(SystemError, "module filename missing")),
        }
    }

    /// Adds an attribute (`PyModule_Add`).
    pub fn add(&self, name: &str, value: PyRef) -> PyResult<()> {
        self.dict().set(Str::intern(name), &value)
    }

    /// Adds the functions of a method table.
    pub fn add_functions(&self, table: &'static [abi::PyMethodDef]) -> PyResult<()> {
        // SAFETY: static tables end with a null name.
        unsafe { self.add_method_defs(table.as_ptr().cast_mut()) }
    }

    /// `PyModule_AddFunctions`.
    ///
    /// # Safety
    /// `defs` ends with a null name and lives as long as the module.
    pub unsafe fn add_method_defs(&self, mut defs: *mut abi::PyMethodDef) -> PyResult<()> {
        let name = self.name()?;
        // SAFETY: the caller's promise.
        unsafe {
            while !defs.is_null() && !(*defs).ml_name.is_null() {
                if (*defs).ml_flags & (abi::METH_CLASS | abi::METH_STATIC) != 0 {
                    return Err(raise!(ValueError, "module functions cannot set METH_CLASS or METH_STATIC"));
                }
                let f = crate::objects::methodobject::new_builtin(defs, Some(self), Some(&name), None)?;
                crate::mem::refcount::set_deferred(&f);
                let key = Str::intern(&CStr::from_ptr((*defs).ml_name).to_string_lossy());
                self.dict().set(key, &f)?;
                defs = defs.add(1);
            }
        }
        Ok(())
    }

    /// Sets the docstring (`PyModule_SetDocString`).
    pub fn set_doc(&self, doc: &str) -> PyResult<()> {
        self.dict().set(intern!("__doc__"), &*Str::new(doc)?)
    }

    /// `PyUnstable_Module_SetGIL`.
    pub fn set_gil(&self, gil: *mut c_void) {
        let slot = (&raw const self.md_gil).cast_mut();
        // SAFETY: written by the thread that initialises the module.
        unsafe { slot.write(gil) };
    }

    fn set_state(&self, state: *mut c_void) {
        let slot = (&raw const self.md_state).cast_mut();
        // SAFETY: written by the thread that initialises the module.
        unsafe { slot.write(state) };
    }

    fn set_def(&self, def: *mut abi::PyModuleDef) {
        let slot = (&raw const self.md_def).cast_mut();
        // SAFETY: written by the thread that initialises the module.
        unsafe { slot.write(def) };
    }

    fn free_state(&self) {
        if !self.md_state.is_null() {
            // SAFETY: allocated by `alloc_state`; freed once.
            unsafe { libc::free(self.md_state) };
            self.set_state(core::ptr::null_mut());
        }
    }
}

fn alloc_state(m: &Module, size: isize) -> PyResult<()> {
    if size <= 0 || !m.md_state.is_null() {
        return Ok(());
    }
    // SAFETY: a zeroed block of the size asked for.
    let p = unsafe { libc::calloc(1, size as usize) };
    if p.is_null() {
        return Err(raise!(MemoryError, "out of memory"));
    }
    m.set_state(p);
    Ok(())
}

/// `PyModule_Create2`: single-phase creation.
///
/// # Safety
/// `def` is a static definition.
pub unsafe fn create(def: *mut abi::PyModuleDef) -> PyResult<PyRef> {
    // SAFETY: the caller's promise.
    unsafe {
        module_def_init(def);
        let own = CStr::from_ptr((*def).m_name).to_string_lossy();
        if !(*def).m_slots.is_null() {
            return Err(raise!(SystemError, "module {}: PyModule_Create is incompatible with m_slots", own));
        }
        let name = dynload::resolve_module_name(&own);
        let m = Module::new(&name)?;
        alloc_state(&m, (*def).m_size)?;
        m.set_def(def);
        (*m.as_raw()).md_executed = true;
        m.add_method_defs((*def).m_methods)?;
        if !(*def).m_doc.is_null() {
            m.set_doc(&CStr::from_ptr((*def).m_doc).to_string_lossy())?;
        }
        Ok(m.upcast())
    }
}

/// `PyModule_FromDefAndSpec`: the creation phase of multi-phase initialisation.
///
/// # Safety
/// `def` is a static definition.
pub unsafe fn from_def_and_spec(def: *mut abi::PyModuleDef, spec: &Object) -> PyResult<PyRef> {
    // SAFETY: the caller's promise; slots end with a zero entry.
    unsafe {
        module_def_init(def);
        let name = spec.getattr(intern!("name"))?;
        let Some(name_str) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "spec.name must be a string"));
        };
        let shown = name_str.to_string_lossy().to_string();
        if (*def).m_size < 0 {
            return Err(raise!(
                SystemError,
                "module {}: m_size may not be negative for multi-phase initialization",
                shown
            ));
        }
        let mut create: Option<unsafe extern "C" fn(*mut abi::PyObject, *mut abi::PyModuleDef) -> *mut abi::PyObject> =
            None;
        let (mut gil, mut multi) = (core::ptr::null_mut(), core::ptr::without_provenance_mut(1));
        let (mut has_exec, mut has_gil, mut has_multi) = (false, false, false);
        let mut s = (*def).m_slots;
        while !s.is_null() && (*s).slot != 0 {
            match (*s).slot {
                abi::Py_mod_create => {
                    if create.is_some() {
                        return Err(raise!(SystemError, "module {} has multiple create slots", shown));
                    }
                    create = core::mem::transmute::<
                        *mut c_void,
                        Option<unsafe extern "C" fn(*mut abi::PyObject, *mut abi::PyModuleDef) -> *mut abi::PyObject>,
                    >((*s).value);
                }
                abi::Py_mod_exec => has_exec = true,
                abi::Py_mod_multiple_interpreters => {
                    if has_multi {
                        return Err(raise!(
                            SystemError,
                            "module {} has more than one 'multiple interpreters' slots",
                            shown
                        ));
                    }
                    has_multi = true;
                    multi = (*s).value;
                }
                abi::Py_mod_gil => {
                    if has_gil {
                        return Err(raise!(SystemError, "module {} has more than one 'gil' slot", shown));
                    }
                    has_gil = true;
                    gil = (*s).value;
                }
                n => return Err(raise!(SystemError, "module {} uses unknown slot ID {}", shown, n)),
            }
            s = s.add(1);
        }
        let interp = ThreadState::current().interp();
        if !interp.is_main() && !interp.lifecycle.allow_single_phase() && (multi.is_null() || multi.addr() == 1) {
            let e = crate::objects::exceptions::raise::import_error(
                &format!("module {shown} does not support loading in subinterpreters"),
                Some(&name),
                None,
            )?;
            return Err(crate::error::raise_exception(e));
        }
        let m: PyRef = match create {
            Some(f) => {
                let p = f(spec.as_ptr(), def);
                if p.is_null() {
                    if !crate::error::error_occurred() {
                        return Err(raise!(
                            SystemError,
                            "creation of module {} failed without setting an exception",
                            shown
                        ));
                    }
                    return Err(Raised::already_set());
                }
                if crate::error::error_occurred() {
                    return Err(crate::error::chain_from_cause(
                        exc::SystemError(),
                        format_args!("creation of module {shown} raised unreported exception"),
                    ));
                }
                PyRef::from_c_result(p)?
            }
            None => Module::with_name(&name)?.upcast(),
        };
        match m.downcast::<Module>() {
            Some(module) => {
                module.set_state(core::ptr::null_mut());
                module.set_def(def);
                module.set_gil(gil);
                module.add_method_defs((*def).m_methods)?;
                if !(*def).m_doc.is_null() {
                    module.set_doc(&CStr::from_ptr((*def).m_doc).to_string_lossy())?;
                }
            }
            None => {
                if (*def).m_size > 0
                    || (*def).m_traverse.is_some()
                    || (*def).m_clear.is_some()
                    || (*def).m_free.is_some()
                {
                    return Err(raise!(
                        SystemError,
                        "module {} is not a module object, but requests module state",
                        shown
                    ));
                }
                if has_exec {
                    return Err(raise!(
                        SystemError,
                        "module {} specifies execution slots, but did not create a ModuleType instance",
                        shown
                    ));
                }
                if let Some(mut d) = (*def).m_methods.as_mut() {
                    while !d.ml_name.is_null() {
                        let f = crate::objects::methodobject::new_builtin(d, Some(&m), Some(&name), None)?;
                        crate::mem::refcount::set_deferred(&f);
                        m.setattr(Str::intern(&CStr::from_ptr(d.ml_name).to_string_lossy()), &f)?;
                        d = &mut *(d as *mut abi::PyMethodDef).add(1);
                    }
                }
            }
        }
        Ok(m)
    }
}

/// `PyModule_ExecDef`: runs the exec slots.
///
/// # Safety
/// `def` is the static definition that made `m`.
pub unsafe fn exec_def(m: &Module, def: *mut abi::PyModuleDef) -> PyResult<()> {
    // SAFETY: the caller's promise; slots end with a zero entry.
    unsafe {
        if m.md_executed {
            return Ok(());
        }
        (&raw const m.md_executed).cast_mut().write(true);
        alloc_state(m, (*def).m_size)?;
        let name = m.name()?.to_string_lossy().to_string();
        let mut s = (*def).m_slots;
        while !s.is_null() && (*s).slot != 0 {
            if (*s).slot == abi::Py_mod_exec {
                let f =
                    core::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut abi::PyObject) -> c_int>((*s).value);
                let r = f(m.as_ptr());
                if r != 0 {
                    if !crate::error::error_occurred() {
                        return Err(raise!(
                            SystemError,
                            "execution of module {} failed without setting an exception",
                            name
                        ));
                    }
                    return Err(Raised::already_set());
                }
                if crate::error::error_occurred() {
                    return Err(crate::error::chain_from_cause(
                        exc::SystemError(),
                        format_args!("execution of module {name} raised unreported exception"),
                    ));
                }
            }
            s = s.add(1);
        }
        Ok(())
    }
}

/// `PyState_AddModule`: the single-phase module of this interpreter for `def`.
///
/// # Safety
/// `def` is an initialised static definition.
pub unsafe fn state_add(m: &Object, def: *mut abi::PyModuleDef) -> PyResult<()> {
    // SAFETY: the caller's promise.
    let index = unsafe { (*def).m_base.m_index };
    state::by_index(|v: &mut Vec<Option<PyRef>>| {
        if v.len() <= index as usize {
            v.resize_with(index as usize + 1, || None);
        }
        v[index as usize].replace(m.to_ref())
    });
    Ok(())
}

/// `PyState_FindModule`: a borrowed reference in the C API.
///
/// # Safety
/// As `state_add`.
pub unsafe fn state_find(def: *mut abi::PyModuleDef) -> Option<PyRef> {
    // SAFETY: the caller's promise.
    let index = unsafe { (*def).m_base.m_index };
    state::by_index(|v: &mut Vec<Option<PyRef>>| v.get(index as usize).cloned().flatten())
}

/// `PyState_RemoveModule`.
///
/// # Safety
/// As `state_add`.
pub unsafe fn state_remove(def: *mut abi::PyModuleDef) -> Option<PyRef> {
    // SAFETY: the caller's promise.
    let index = unsafe { (*def).m_base.m_index };
    state::by_index(|v: &mut Vec<Option<PyRef>>| v.get_mut(index as usize).and_then(Option::take))
}

/// Attribute lookup of modules: the namespace and the type, then `__getattr__` (PEP 562), then an error that helps.
pub fn getattro(m: &Module, name: &Str) -> PyResult<PyRef> {
    match m.generic_getattr(name) {
        Ok(v) => return Ok(v),
        Err(e) if e.matches(exc::AttributeError()) => e.clear(),
        Err(e) => return Err(e),
    }
    if let Some(f) = m.dict().get_str(intern!("__getattr__"))? {
        return f.call1(name);
    }
    Err(missing_attribute(m, name)?)
}

#[cold]
fn missing_attribute(m: &Module, name: &Str) -> PyResult<Raised> {
    let fail = |text: String| crate::objects::exceptions::raise::raise_attribute_error(m, name, format_args!("{text}"));
    let attr = name.to_string_lossy();
    let Some(name_obj) = m.dict().get_str(intern!("__name__"))?.and_then(|n| n.downcast_into::<Str>().ok()) else {
        return Ok(fail(format!("module has no attribute '{attr}'")));
    };
    let mod_name = name_obj.to_string_lossy();
    if let Some(spec) = m.dict().get_str(intern!("__spec__"))?.filter(|s| !s.is_none()) {
        let origin = Origin::of(&spec, &name_obj)?;
        if origin.is_suspect() {
            let hint = origin.hint(&mod_name)?;
            return Ok(fail(format!("module '{mod_name}' has no attribute '{attr}' ({hint})")));
        }
        if origin.initializing {
            return Ok(fail(match origin.path {
                Some(o) => format!(
                    "partially initialized module '{mod_name}' from '{}' has no attribute '{attr}' (most likely due to a circular import)",
                    o.to_string_lossy()
                ),
                None => format!(
                    "partially initialized module '{mod_name}' has no attribute '{attr}' (most likely due to a circular import)"
                ),
            }));
        }
        if let Some(sub) = spec.getattr_opt(intern!("_uninitialized_submodules"))?
            && sub.contains(name)?
        {
            return Ok(fail(format!(
                "cannot access submodule '{attr}' of module '{mod_name}' (most likely due to a circular import)"
            )));
        }
    }
    Ok(fail(format!("module '{mod_name}' has no attribute '{attr}'")))
}

/// Where a module that lacks something comes from: it may be a script's file that hides another module.
pub(crate) struct Origin {
    path: Option<Ref<Str>>,
    /// It lies in the folder of the script.
    hides: bool,
    /// It has the name of a module of the standard library, too.
    pub hides_stdlib: bool,
    pub initializing: bool,
}

impl Origin {
    pub(crate) fn of(spec: &Object, name: &Str) -> PyResult<Origin> {
        let path = spec.getattr_opt(intern!("origin"))?.and_then(|o| o.downcast_into::<Str>().ok());
        let initializing = match spec.getattr_opt(intern!("_initializing"))? {
            Some(i) => i.is_true()?,
            None => false,
        };
        let hides = path.as_ref().is_some_and(|p| in_script_folder(&p.to_string_lossy()));
        let names = if hides { crate::lifecycle::init::get_sys("stdlib_module_names")? } else { None };
        let hides_stdlib = match names {
            Some(n) if n.downcast::<FrozenSet>().is_some() || n.downcast::<Set>().is_some() => n.contains(name)?,
            _ => false,
        };
        Ok(Origin { path, hides, hides_stdlib, initializing })
    }

    /// Whether the file is the likely reason.
    pub(crate) fn is_suspect(&self) -> bool {
        self.hides_stdlib || (self.hides && self.initializing)
    }

    /// What to do about it.
    pub(crate) fn hint(&self, name: &str) -> PyResult<String> {
        let path = match &self.path {
            Some(p) => p.repr()?.to_string_lossy().into_owned(),
            None => "?".into(),
        };
        Ok(if self.hides_stdlib {
            format!(
                "consider renaming {path} since it has the same name as the standard library module named '{name}' and prevents importing that standard library module"
            )
        } else {
            format!("consider renaming {path} if it has the same name as a library you intended to import")
        })
    }
}

/// Whether a module's file lies in the folder that was put in front of `sys.path` for the script.
fn in_script_folder(origin: &str) -> bool {
    let config = ThreadState::current().interp().config();
    let Some(first) = config.sys_path_0.as_ref().filter(|_| !config.safe_path) else { return false };
    let dir = if first.is_empty() {
        match std::env::current_dir() {
            Ok(d) => d,
            Err(_) => return false,
        }
    } else {
        crate::lifecycle::path::absolute(std::path::Path::new(first))
    };
    let base = std::path::Path::new(origin);
    let base = if base.file_name().is_some_and(|f| f == "__init__.py") { base.parent() } else { Some(base) };
    base.and_then(|b| b.parent()).is_some_and(|p| p == dir)
}

/// module(name, doc=None)
/// --
///
#[pyclass(name = "module", type_object = PyModule_Type, flags = "BASETYPE|HAVE_GC", weaklistoffset = core::mem::offset_of!(Module, md_weaklist),
    dictoffset = core::mem::offset_of!(Module, md_dict), members = "__dict__: object@md_dict readonly",
    slots(tp_free = crate::mem::gc::PyObject_GC_Del))]
/// Create a module object.
///
/// The name must be a string; the optional docstring can have any type.
impl Module {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<Ref<Module>> {
        let _ = args;
        Module::blank(cls)
    }
    #[slot(sig = "name, doc=None")]
    fn tp_init(&self, name: &Object, doc: &Object) -> PyResult<()> {
        if name.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "module() argument 'name' must be str, not {}", name.ty().name_str()));
        }
        self.init_dict(name, doc)
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<PyRef> {
        let this: &Object = self;
        match ThreadState::current().interp().import.importlib() {
            Ok(importlib) => importlib.call_method(intern!("_module_repr"), &[this]),
            Err(e) => {
                e.clear();
                Ok(Str::new("<module>")?.upcast())
            }
        }
    }
    #[slot]
    fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
        match name.downcast::<Str>() {
            Some(n) => getattro(self, n),
            None => Err(raise!(TypeError, "attribute name must be string, not '{}'", name.ty().name_str())),
        }
    }
    #[slot]
    fn tp_traverse(&self, visit: &mut Visitor) -> c_int {
        if !self.md_def.is_null() {
            // SAFETY: the module keeps its definition.
            let def = unsafe { &*self.md_def };
            if let Some(f) = def.m_traverse
                && (def.m_size <= 0 || !self.md_state.is_null())
            {
                let (v, a) = visit.as_c();
                // SAFETY: the definition's traverse is called as the collector calls any.
                let r = unsafe { f(self.as_ptr(), v, a) };
                if r != 0 {
                    return r;
                }
            }
        }
        visit.visit_ptr(self.md_dict)
    }
    #[slot]
    fn tp_clear(&self) {
        if !self.md_def.is_null() {
            // SAFETY: the module keeps its definition.
            let def = unsafe { &*self.md_def };
            if let Some(f) = def.m_clear
                && (def.m_size <= 0 || !self.md_state.is_null())
            {
                // SAFETY: as the collector calls any clear function.
                unsafe { f(self.as_ptr()) };
            }
        }
        // The namespace is not touched: functions of the module may outlive it, and a dict in a cycle is cleared on its own.
    }
    #[slot]
    fn tp_dealloc(this: *mut Module) {
        // SAFETY: the last reference is gone.
        unsafe {
            let m = &*this;
            gc::untrack(m);
            if !m.md_weaklist.is_null() {
                crate::objects::weakref::clear_weakrefs(this.cast());
            }
            if !m.md_def.is_null()
                && let Some(f) = (*m.md_def).m_free
                && ((*m.md_def).m_size <= 0 || !m.md_state.is_null())
            {
                f(this.cast());
            }
            m.free_state();
            drop(PyRef::from_ptr_opt((&raw mut (*this).md_dict).replace(core::ptr::null_mut())));
            drop(PyRef::from_ptr_opt((&raw mut (*this).md_name).replace(core::ptr::null_mut())));
            crate::mem::dealloc::free_instance(this.cast());
        }
    }
    #[pymethod]
    fn __dir__(&self) -> PyResult<PyRef> {
        let d = self.getattr(intern!("__dict__"))?;
        let Some(d) = d.downcast::<Dict>() else {
            return Err(raise!(TypeError, "module.__dict__ is not a dictionary"));
        };
        if let Some(f) = d.get_str(intern!("__dir__"))? {
            return f.call0();
        }
        d.keys_list().map(Ref::upcast)
    }
    #[pygetset]
    fn __annotate__(&self) -> PyResult<PyRef> {
        if let Some(a) = self.dict().get_str(intern!("__annotate__"))? {
            return Ok(a);
        }
        self.dict().set(intern!("__annotate__"), none())?;
        Ok(none_ref())
    }
    #[pysetter]
    fn set___annotate__(&self, value: Option<&Object>) -> PyResult<()> {
        let Some(v) = value else { return Err(raise!(TypeError, "cannot delete __annotate__ attribute")) };
        if !v.is_none() && !v.is_callable() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        self.dict().set(intern!("__annotate__"), v)?;
        if !v.is_none() {
            self.dict().del(intern!("__annotations__"))?;
        }
        Ok(())
    }
    #[pygetset]
    fn __annotations__(&self) -> PyResult<PyRef> {
        if let Some(a) = self.dict().get_str(intern!("__annotations__"))? {
            return Ok(a);
        }
        let value = match self.dict().get_str(intern!("__annotate__"))? {
            Some(f) if f.is_callable() => {
                let r = f.call1(&*Int::from_i64(1)?)?;
                if r.downcast::<Dict>().is_none() {
                    return Err(raise!(TypeError, "__annotate__ returned non-dict of type '{}'", r.ty().name_str()));
                }
                r
            }
            _ => Dict::new()?.upcast(),
        };
        self.dict().set(intern!("__annotations__"), &value)?;
        Ok(value)
    }
    #[pysetter]
    fn set___annotations__(&self, value: Option<&Object>) -> PyResult<()> {
        match value {
            Some(v) => self.dict().set(intern!("__annotations__"), v)?,
            None => {
                if !self.dict().del(intern!("__annotations__"))? {
                    return Err(raise!(AttributeError, "__annotations__"));
                }
            }
        }
        self.dict().del(intern!("__annotate__"))?;
        Ok(())
    }
}
