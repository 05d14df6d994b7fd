//! `_imp`: what importlib needs from the runtime.

use macros::pymodule;

/// (Extremely) low-level import machinery bits as used by importlib.
#[pymodule(name = "_imp")]
pub mod _imp {
    use runtime::convert::ByteString;
    use runtime::import::{self, dynload};
    use runtime::lifecycle::frozen;
    use runtime::objects::Code;
    use runtime::prelude::*;

    #[pyattr]
    fn check_hash_based_pycs() -> String {
        ThreadState::current().interp().config().check_hash_pycs_mode.clone()
    }
    #[pyattr]
    fn pyc_magic_number_token() -> u32 {
        u32::from_le_bytes(runtime::PYC_MAGIC)
    }

    /// Returns the list of file suffixes used to identify extension modules.
    #[pyfunction]
    fn extension_suffixes() -> Vec<&'static str> {
        dynload::SUFFIXES.to_vec()
    }

    /// Return True if the import lock is currently held, else False.
    #[pyfunction]
    fn lock_held() -> bool {
        ThreadState::current().interp().import.lock.is_locked()
    }

    /// Acquires the interpreter's import lock for the current thread.
    #[pyfunction]
    fn acquire_lock() {
        ThreadState::current().interp().import.lock.lock();
    }

    /// Release the interpreter's import lock.
    #[pyfunction]
    fn release_lock() -> PyResult<()> {
        if ThreadState::current().interp().import.lock.try_unlock() {
            Ok(())
        } else {
            Err(raise!(RuntimeError, "not holding the import lock"))
        }
    }

    /// Create an extension module.
    #[pyfunction]
    fn create_builtin(spec: &Object) -> PyResult<PyRef> {
        let name = spec.getattr(intern!("name"))?;
        let name = <&Str as FromPy>::from_py(&name)?;
        Ok(import::create_builtin(name, spec)?.unwrap_or_else(none_ref))
    }

    /// Initialize a built-in module.
    #[pyfunction]
    fn exec_builtin(r#mod: &Object) -> PyResult<i32> {
        import::exec_module(r#mod).map(|()| 0)
    }

    /// Create an extension module.
    #[pyfunction]
    fn create_dynamic(spec: &Object, file: Arg<&Object>) -> PyResult<PyRef> {
        let _ = file;
        dynload::create_dynamic(spec)
    }

    /// Initialize an extension module.
    #[pyfunction]
    fn exec_dynamic(r#mod: &Object) -> PyResult<i32> {
        import::exec_module(r#mod).map(|()| 0)
    }

    /// Returns True if the module name corresponds to a built-in module.
    #[pyfunction]
    fn is_builtin(name: &Str) -> i32 {
        let n = name.to_string_lossy();
        match import::find_builtin(&n) {
            Some(_) if n == "sys" || n == "builtins" => -1,
            Some(_) => 1,
            None => 0,
        }
    }

    /// Returns True if the module name corresponds to a frozen module.
    #[pyfunction]
    fn is_frozen(name: &Str) -> bool {
        frozen::find(&name.to_string_lossy()).is_some()
    }

    /// Returns True if the module name is of a frozen package.
    #[pyfunction]
    fn is_frozen_package(name: &Str) -> PyResult<bool> {
        match frozen::find(&name.to_string_lossy()) {
            Some(p) => Ok(p),
            None => Err(raise!(ImportError, "No such frozen object named {}", name.to_string_lossy())),
        }
    }

    /// Return info about the corresponding frozen module (if there is one) or None.
    #[pyfunction(sig = "name, /, *, withdata=False")]
    fn find_frozen(name: &Str, withdata: bool) -> PyResult<Option<(PyRef, bool, String)>> {
        let _ = withdata;
        let n = name.to_string_lossy();
        let orig = frozen::orig_name(&n);
        Ok(frozen::find(&n).map(|package| (none_ref(), package, orig.to_string())))
    }

    /// Create a code object for a frozen module.
    #[pyfunction]
    fn get_frozen_object(name: &Str, data: Option<&Object>) -> PyResult<Ref<Code>> {
        let _ = data;
        frozen::code(&name.to_string_lossy())
    }

    /// Initializes a frozen module.
    #[pyfunction]
    fn init_frozen(name: &Str) -> PyResult<Option<PyRef>> {
        let n = name.to_string_lossy();
        if frozen::find(&n).is_none() {
            return Ok(None);
        }
        frozen::load(&n).map(Some)
    }

    #[pyfunction]
    fn _frozen_module_names() -> Vec<&'static str> {
        frozen::names().collect()
    }

    #[pyfunction]
    fn _override_frozen_modules_for_tests(r#override: i64) {
        let _ = r#override;
    }

    /// Override PyInterpreterConfig.check_multi_interp_extensions (-1, 0 or 1); returns the old value.
    #[pyfunction]
    fn _override_multi_interp_extensions_check(r#override: i64) -> i64 {
        let l = &ThreadState::current().interp().lifecycle;
        let old = if l.allow_single_phase() { -1 } else { 1 };
        l.set_allow_single_phase(r#override <= 0);
        old
    }

    /// Changes code.co_filename to specify the passed-in path.
    #[pyfunction]
    fn _fix_co_filename(code: &Code, path: &Str) -> PyResult<()> {
        if !code.filename().eq_data(path) {
            code.rename_file(&Ref::new_ref(code.filename()), path);
        }
        Ok(())
    }

    /// The hash of source text that hash-based .pyc files carry (PEP 552).
    #[pyfunction(sig = "key, source")]
    fn source_hash(key: i64, source: runtime::convert::ArgBytes) -> ByteString {
        ByteString(runtime::pyhash::siphash13(key as u64, 0, &source).to_le_bytes().to_vec())
    }
}
