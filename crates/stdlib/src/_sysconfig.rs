//! `_sysconfig`: what the running library itself knows about its build.

use macros::pymodule;

/// A helper for the sysconfig module.
#[pymodule(name = "_sysconfig")]
pub mod _sysconfig {
    use runtime::prelude::*;

    /// The variables that do not need the build's data files.
    #[pyfunction]
    fn config_vars() -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        d.set_str("Py_GIL_DISABLED", true_())?;
        d.set_str("Py_DEBUG", false_())?;
        let suffix = runtime::import::dynload::SUFFIXES[0];
        d.set_str("SOABI", &*Str::new(suffix.trim_start_matches('.').trim_end_matches(".so"))?)?;
        d.set_str("EXT_SUFFIX", &*Str::new(suffix)?)?;
        Ok(d)
    }
}
