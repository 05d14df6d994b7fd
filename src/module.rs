//! `moduleobject.h`, `modsupport.h`, `import.h`.

use crate::export::{CText, bad_internal_call, borrowed, fine, text};
use core::ffi::{c_char, c_int, c_long, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::import;
use runtime::objects::exceptions::display;
use runtime::objects::module;
use runtime::prelude::*;

type InitFunction = unsafe extern "C" fn() -> *mut abi::PyObject;

fn modules() -> &'static Dict {
    ThreadState::current().interp().import.modules()
}

/// A C string that lives as long as an attribute of the module.
fn lasting_text(s: Ref<Str>) -> PyResult<*const c_char> {
    let p = s.to_str()?.as_ptr().cast::<c_char>();
    drop(s);
    Ok(p)
}

/// The module of that name in `sys.modules`, made if it is missing.
fn add_module(name: &Object) -> PyResult<PyRef> {
    if let Some(m) = modules().get(name)? {
        if m.downcast::<Module>().is_some() {
            return Ok(m);
        }
    }
    let m = Module::with_name(name)?.upcast();
    // Threads that add the same module get the same one.
    let there = modules().setdefault(name, &m)?;
    if there.downcast::<Module>().is_some() {
        return Ok(there);
    }
    modules().set(name, &m)?;
    Ok(m)
}

/// Runs a code object as the content of a module in `sys.modules`.
fn exec_code_module(name: &Object, code: &Object, path: Option<&Object>, cached: Option<&Object>) -> PyResult<PyRef> {
    let m = add_module(name)?;
    let done: PyResult<()> = (|| {
        let module = m.downcast::<Module>().ok_or_else(bad_internal_call)?;
        let dict = module.dict();
        if dict.get_item_str("__builtins__")?.is_none() {
            dict.set_str("__builtins__", &*display::import("builtins")?)?;
        }
        let code =
            code.downcast::<runtime::objects::Code>().ok_or_else(|| raise!(TypeError, "code object expected"))?;
        let filename: &Object = code.filename();
        // importlib completes the module: its spec, loader and paths.
        let external = ThreadState::current().interp().import.importlib_external();
        let external = external.ok_or_else(|| raise!(ImportError, "import machinery is not initialized"))?;
        let path = path.unwrap_or(filename);
        external.call_method(intern!("_fix_up_module"), &[dict, name, path, cached.unwrap_or(path)])?;
        runtime::interp::eval_code(code, dict, dict)?;
        Ok(())
    })();
    if let Err(e) = done {
        let saved = e.take();
        if let Err(again) = modules().del(name) {
            again.clear();
        }
        return Err(runtime::error::restore(saved));
    }
    modules().get(name)?.ok_or_else(|| raise!(ImportError, "Loaded module not found in sys.modules"))
}

/// A name or path from C, absent when null.
fn opt_text(s: Option<CText<'_>>) -> PyResult<Option<PyRef>> {
    s.map(|s| crate::unicode::fs_decode(s.to_bytes()).map(PyRef::from)).transpose()
}

capi! {
    raw fn PyModuleDef_Init(def: *mut abi::PyModuleDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        fine(unsafe { module::module_def_init(def) })
    }
    fn PyModule_NewObject(name: &Object) -> *mut abi::PyObject {
        Module::with_name(name)
    }
    fn PyModule_New(name: CText<'_>) -> *mut abi::PyObject {
        Module::with_name(&*text(name)?)
    }
    fn PyModule_Create2(def: *mut abi::PyModuleDef, _version: c_int) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { module::create(def) }
    }
    fn PyModule_FromDefAndSpec2(def: *mut abi::PyModuleDef, spec: &Object, _version: c_int) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { module::from_def_and_spec(def, spec) }
    }
    fn PyModule_ExecDef(m: &Module, def: *mut abi::PyModuleDef) -> c_int {
        // SAFETY: C passes a static definition.
        unsafe { module::exec_def(m, def) }
    }
    fn PyModule_GetDict(m: &Module) -> *mut abi::PyObject {
        let d: &Object = m.dict();
        fine(d.as_ptr())
    }
    fn PyModule_GetDef(m: *mut abi::PyObject) -> *mut abi::PyModuleDef {
        Ok(module_arg(m)?.md_def)
    }
    fn PyModule_GetState(m: *mut abi::PyObject) -> *mut c_void {
        Ok(module_arg(m)?.md_state)
    }
    fn PyModule_GetNameObject(m: *mut abi::PyObject) -> *mut abi::PyObject {
        module_arg(m)?.name()
    }
    fn PyModule_GetName(m: *mut abi::PyObject) -> *const c_char {
        lasting_text(module_arg(m)?.name()?)
    }
    fn PyModule_GetFilenameObject(m: *mut abi::PyObject) -> *mut abi::PyObject {
        module_arg(m)?.filename()
    }
    fn PyModule_GetFilename(m: *mut abi::PyObject) -> *const c_char {
        lasting_text(module_arg(m)?.filename()?)
    }
    fn PyModule_AddFunctions(m: &Module, defs: *mut abi::PyMethodDef) -> c_int {
        // SAFETY: C passes a static table, ended by a zero entry.
        unsafe { m.add_method_defs(defs) }
    }
    fn PyModule_SetDocString(m: &Object, doc: CText<'_>) -> c_int {
        m.setattr(intern!("__doc__"), &*text(doc)?)
    }
    fn PyModule_AddObjectRef(m: *mut abi::PyObject, name: CText<'_>, value: Option<&Object>) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        let value = value.ok_or_else(no_value)?;
        m.dict().set(&*crate::object::attr_text(name)?, value)
    }
    /// Steals the value always.
    fn PyModule_Add(m: *mut abi::PyObject, name: CText<'_>, value: Option<PyRef>) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        let value = value.ok_or_else(no_value)?;
        m.dict().set(&*crate::object::attr_text(name)?, &value)
    }
    /// Steals the value on success only.
    fn PyModule_AddObject(m: *mut abi::PyObject, name: CText<'_>, value: Option<&Object>) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        let value = value.ok_or_else(no_value)?;
        m.dict().set(&*crate::object::attr_text(name)?, value)?;
        // SAFETY: the reference that C gave away.
        unsafe { runtime::object::decref(value.as_ptr()) };
        Ok(())
    }
    fn PyModule_AddIntConstant(m: *mut abi::PyObject, name: CText<'_>, value: c_long) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        m.dict().set(&*crate::object::attr_text(name)?, &*Int::from_i64(value)?)
    }
    fn PyModule_AddStringConstant(m: *mut abi::PyObject, name: CText<'_>, value: CText<'_>) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        m.dict().set(&*crate::object::attr_text(name)?, &*text(value)?)
    }
    fn PyModule_AddType(m: *mut abi::PyObject, ty: &Type) -> c_int {
        let m = add_target(m, "PyModule_AddObjectRef")?;
        // SAFETY: a type that is ready is left alone.
        unsafe { runtime::typeobject::ready::ready(ty.as_raw()) }?;
        m.dict().set(Str::intern(ty.name_str()), ty)
    }
    fn PyUnstable_Module_SetGIL(m: &Module, gil: *mut c_void) -> c_int {
        m.set_gil(gil);
        Ok(())
    }
    fn PyState_FindModule(def: *mut abi::PyModuleDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        fine(unsafe { module::state_find(def) }.map_or(null_mut(), borrowed))
    }
    fn _PyState_AddModule(_ts: *mut abi::PyThreadState, module: *mut abi::PyObject, def: *mut abi::PyModuleDef) -> c_int {
        // SAFETY: as for the function itself.
        match unsafe { PyState_AddModule(module, def) } {
            0 => Ok(()),
            _ => Err(Raised::already_set()),
        }
    }
    fn PyState_AddModule(m: &Object, def: *mut abi::PyModuleDef) -> c_int {
        // SAFETY: C passes a static definition.
        unsafe {
            if def.is_null() {
                return Err(crate::export::bad_internal_call());
            }
            if !(*def).m_slots.is_null() {
                return Err(raise!(SystemError, "PyState_AddModule called on module with slots"));
            }
            module::state_add(m, def)
        }
    }
    fn PyState_RemoveModule(def: *mut abi::PyModuleDef) -> c_int {
        // SAFETY: C passes a static definition.
        unsafe {
            if !def.is_null() && !(*def).m_slots.is_null() {
                return Err(raise!(SystemError, "PyState_RemoveModule called on module with slots"));
            }
            drop(module::state_remove(def));
        }
        Ok(())
    }

    fn PyImport_ImportModule(name: CText<'_>) -> *mut abi::PyObject {
        import_by_name(&*text(name)?)
    }
    fn PyImport_ImportModuleNoBlock(name: CText<'_>) -> *mut abi::PyObject {
        runtime::error::warn(
            exc::DeprecationWarning(),
            "PyImport_ImportModuleNoBlock() is deprecated and scheduled for removal in Python 3.15. Use PyImport_ImportModule() instead.",
            1,
        )?;
        import_by_name(&*text(name)?)
    }
    fn PyImport_Import(name: &Object) -> *mut abi::PyObject {
        import_by_name(name)
    }
    fn PyImport_ImportModuleLevelObject(name: Option<&Object>, globals: Option<&Object>, _locals: Option<&Object>, fromlist: Option<&Object>, level: c_int) -> *mut abi::PyObject {
        let name = name.ok_or_else(|| raise!(ValueError, "Empty module name"))?;
        import::import_name(name, globals, fromlist, level)
    }
    fn PyImport_ImportModuleLevel(name: CText<'_>, globals: Option<&Object>, _locals: Option<&Object>, fromlist: Option<&Object>, level: c_int) -> *mut abi::PyObject {
        import::import_name(&*text(name)?, globals, fromlist, level)
    }
    fn PyImport_ImportModuleAttr(name: &Object, attr: &Object) -> *mut abi::PyObject {
        import_by_name(name)?.getattr(crate::object::attr_name(attr)?)
    }
    fn PyImport_ImportModuleAttrString(name: CText<'_>, attr: CText<'_>) -> *mut abi::PyObject {
        import_by_name(&*text(name)?)?.getattr(&*crate::object::attr_text(attr)?)
    }
    fn PyImport_GetModuleDict() -> *mut abi::PyObject {
        let d: &Object = modules();
        fine(d.as_ptr())
    }
    fn PyImport_GetModule(name: &Object) -> *mut abi::PyObject {
        modules().get(name)
    }
    fn PyImport_AddModuleObject(name: &Object) -> *mut abi::PyObject {
        add_module(name).map(borrowed)
    }
    fn PyImport_AddModule(name: CText<'_>) -> *mut abi::PyObject {
        add_module(&*text(name)?).map(borrowed)
    }
    fn PyImport_AddModuleRef(name: CText<'_>) -> *mut abi::PyObject {
        add_module(&*text(name)?)
    }
    fn PyImport_ReloadModule(m: &Object) -> *mut abi::PyObject {
        display::import("importlib")?.call_method(intern!("reload"), &[m])
    }
    fn PyImport_ExecCodeModule(name: CText<'_>, code: &Object) -> *mut abi::PyObject {
        exec_code_module(&*text(name)?, code, None, None)
    }
    fn PyImport_ExecCodeModuleEx(name: CText<'_>, code: &Object, path: Option<CText<'_>>) -> *mut abi::PyObject {
        let path = opt_text(path)?;
        exec_code_module(&*text(name)?, code, path.as_deref(), None)
    }
    fn PyImport_ExecCodeModuleWithPathnames(name: CText<'_>, code: &Object, path: Option<CText<'_>>, cached: Option<CText<'_>>) -> *mut abi::PyObject {
        let (mut path, cached) = (opt_text(path)?, opt_text(cached)?);
        // Only the cached file is known: the source it comes from.
        if let (None, Some(c), Some(external)) =
            (&path, &cached, ThreadState::current().interp().import.importlib_external())
        {
            match external.call_method(intern!("_get_sourcefile"), &[c]) {
                Ok(p) if !p.is_none() => path = Some(p),
                Ok(_) => {}
                Err(e) => e.clear(),
            }
        }
        exec_code_module(&*text(name)?, code, path.as_deref(), cached.as_deref())
    }
    fn PyImport_ExecCodeModuleObject(name: &Object, code: &Object, path: Option<&Object>, cached: Option<&Object>) -> *mut abi::PyObject {
        exec_code_module(name, code, path, cached)
    }
    fn PyImport_GetImporter(path: &Object) -> *mut abi::PyObject {
        display::import("pkgutil")?.call_method(intern!("get_importer"), &[path])
    }
    fn PyImport_GetMagicNumber() -> c_long {
        let magic = display::import("_imp")?.getattr(intern!("pyc_magic_number_token"))?.as_i64()?;
        Ok(magic)
    }
    raw fn PyImport_GetMagicTag() -> *const c_char {
        fine(c"freewheel-314".as_ptr())
    }
    fn PyImport_ImportFrozenModule(name: CText<'_>) -> c_int {
        frozen(&text(name)?.to_string_lossy())
    }
    fn PyImport_ImportFrozenModuleObject(name: Option<&Object>) -> c_int {
        match name.and_then(|n| n.downcast::<Str>()) {
            Some(name) => frozen(&name.to_string_lossy()),
            None => Ok(0),
        }
    }
    raw fn PyImport_AppendInittab(name: CText<'_>, init: Option<InitFunction>) -> c_int {
        let Some(init) = init else { return Ok(-1) };
        import::append_inittab(&name.to_string_lossy(), init);
        Ok(0)
    }
    raw fn PyImport_ExtendInittab(mut_table: *mut abi::_inittab) -> c_int {
        // SAFETY: C passes a table, ended by a null name.
        unsafe {
            let mut entry = mut_table;
            while !(*entry).name.is_null() {
                let name = core::ffi::CStr::from_ptr((*entry).name.cast());
                if let Some(init) = (*entry).initfunc {
                    import::append_inittab(&name.to_string_lossy(), init);
                }
                entry = entry.add(1);
            }
        }
        Ok(0)
    }
}

fn frozen(name: &str) -> PyResult<c_int> {
    if runtime::lifecycle::frozen::find(name).is_none() {
        return Ok(0);
    }
    runtime::lifecycle::frozen::load(name)?;
    Ok(1)
}

/// `import name`, giving the module of that very name.
fn import_by_name(name: &Object) -> PyResult<PyRef> {
    let fromlist = List::from_slice(&[&*Str::new("__doc__")?])?;
    import::import_name(name, None, Some(&fromlist), 0)?;
    match modules().get(name)? {
        Some(m) => Ok(m),
        None => Err(runtime::error::raise_key_error(name)),
    }
}

fn module_arg<'a>(m: *mut abi::PyObject) -> PyResult<&'a Module> {
    // SAFETY: C passes an object.
    unsafe { Object::from_ptr_opt(m) }
        .and_then(|o| o.downcast::<Module>())
        .ok_or_else(|| raise!(TypeError, "bad argument type for built-in operation"))
}

fn add_target<'a>(m: *mut abi::PyObject, what: &str) -> PyResult<&'a Module> {
    // SAFETY: C passes an object.
    unsafe { Object::from_ptr_opt(m) }
        .and_then(|o| o.downcast::<Module>())
        .ok_or_else(|| raise!(TypeError, "{}() first argument must be a module", what))
}

fn no_value() -> Raised {
    if crate::export::pending() {
        Raised::already_set()
    } else {
        raise!(SystemError, "PyModule_AddObjectRef() must be called with an exception raised if value is NULL")
    }
}
