//! `freewheel`: what this runtime offers beyond CPython. Reports, so far that on the GIL.

use macros::pymodule;

/// What Freewheel offers beyond CPython.
#[pymodule(name = "freewheel")]
pub mod freewheel {
    use runtime::import::gil;
    use runtime::prelude::*;

    /// Return a list with a dict for each imported extension module that needs the GIL.
    ///
    /// The keys are 'module', 'file', 'reason', 'enabled' (whether this import turned the GIL on)
    /// and 'chain': (module, file, line) of the import statements that led to it, outermost first.
    #[pyfunction]
    fn gil_report() -> PyResult<Ref<List>> {
        let out = List::new()?;
        for e in ThreadState::current().interp().import.gil.entries() {
            let d = Dict::new()?;
            d.set_str("module", &*Str::new(&e.module)?)?;
            match &e.file {
                Some(f) => d.set_str("file", &*Str::new(f)?)?,
                None => d.set_str("file", none())?,
            }
            d.set_str("reason", &*Str::new(e.reason.text())?)?;
            d.set_str("enabled", Bool::of(e.enabled))?;
            let chain = List::new()?;
            for c in &e.chain {
                let (module, file, line) =
                    (Str::new(&c.module)?, Str::new(&c.file)?, Int::from_i64(i64::from(c.line))?);
                chain.append(&*Tuple::from_slice(&[&module, &file, &line])?)?;
            }
            d.set_str("chain", &chain)?;
            out.append(&d)?;
        }
        Ok(out)
    }

    /// Return the report that '-X gil=report' prints when the program ends.
    #[pyfunction]
    fn gil_report_text() -> String {
        gil::report_text()
    }
}
