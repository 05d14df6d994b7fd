//! `_warnings`: the native half of `warnings`.

use macros::pymodule;

/// _warnings provides basic warning filtering support.
/// It is a helper module to speed up interpreter start-up.
#[pymodule(name = "_warnings")]
pub mod _warnings {
    use runtime::convert::Arg;
    use runtime::objects::exceptions::warnings as engine;
    use runtime::prelude::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add("filters", engine::filters()?)?;
        m.add("_onceregistry", engine::once_registry()?)?;
        m.add("_defaultaction", engine::default_action()?)?;
        if engine::context_var()?.is_none() {
            let name = Str::new("_warnings_context")?;
            engine::set_context_var(runtime::objects::context::ContextVar::new(&name, None)?.upcast())?;
        }
        match engine::context_var()? {
            Some(v) => m.add("_warnings_context", v),
            None => Ok(()),
        }
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(sig = "message, category=None, stacklevel=1, source=None, *, skip_file_prefixes=()")]
    fn warn(
        message: &Object,
        category: Option<&Object>,
        stacklevel: Arg<isize>,
        source: Option<&Object>,
        skip_file_prefixes: Arg<&Object>,
    ) -> PyResult<()> {
        let skip = match skip_file_prefixes {
            Arg::Missing => None,
            Arg::Given(o) => match o.downcast::<Tuple>() {
                Some(t) => Some(t),
                None => {
                    return Err(raise!(
                        TypeError,
                        "warn() argument 'skip_file_prefixes' must be tuple, not {}",
                        o.ty().name_str()
                    ));
                }
            },
        };
        engine::warn_object(message, category, stacklevel.unwrap_or(1) as i64, source, skip)
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(
        sig = "message, category, filename, lineno, module=<unrepresentable>, registry=None, module_globals=None, source=None"
    )]
    #[allow(clippy::too_many_arguments)]
    fn warn_explicit(
        message: &Object,
        category: &Object,
        filename: &Object,
        lineno: i32,
        module: Arg<&Object>,
        registry: Option<&Object>,
        module_globals: Option<&Object>,
        source: Option<&Object>,
    ) -> PyResult<()> {
        let Some(file) = filename.downcast::<Str>() else {
            return Err(raise!(
                TypeError,
                "warn_explicit() argument 'filename' must be str, not {}",
                filename.ty().name_str()
            ));
        };
        let mut line = None;
        if let Some(g) = module_globals {
            let Some(g) = g.downcast::<Dict>() else {
                return Err(raise!(TypeError, "module_globals must be a dict, not '{}'", g.ty().name_str()));
            };
            line = source_line(g, lineno)?;
        }
        engine::issue(&engine::Warning {
            category: Some(category),
            message,
            filename: file,
            lineno: lineno as i64,
            module: module.into_option(),
            registry,
            source_line: line,
            source,
        })
    }

    /// A line of the source that the module's loader gives.
    fn source_line(globals: &Dict, lineno: i32) -> PyResult<Option<PyRef>> {
        let external = runtime::import::import_module("importlib._bootstrap_external")?;
        let loader = external.call_method(intern!("_bless_my_loader"), &[globals])?;
        let Some(name) = globals.get(intern!("__name__"))? else { return Ok(None) };
        if name.is_none() {
            return Ok(None);
        }
        let Some(get) = loader.getattr_opt(intern!("get_source"))? else { return Ok(None) };
        let source = get.call1(&name)?;
        if source.is_none() {
            return Ok(None);
        }
        let lines = source.call_method(intern!("splitlines"), &[])?;
        // A strange splitlines() is no reason to lose the warning.
        let line = match lines.downcast::<List>() {
            Some(l) if lineno >= 1 => l.get(lineno as usize - 1),
            _ => None,
        };
        Ok(line.filter(|l| l.downcast::<Str>().is_some()))
    }

    #[pyfunction]
    fn _acquire_lock() {
        engine::acquire_lock();
    }

    #[pyfunction]
    fn _release_lock() -> PyResult<()> {
        engine::release_lock()
    }

    #[pyfunction]
    fn _filters_mutated_lock_held() -> PyResult<()> {
        engine::filters_mutated()
    }
}
