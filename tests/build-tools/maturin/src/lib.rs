//! A module made with PyO3: a function, a class shared by threads, exceptions both ways.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The number of words.
#[pyfunction]
#[pyo3(signature = (text, *, least=0))]
fn words(text: &str, least: usize) -> PyResult<usize> {
    let n = text.split_whitespace().count();
    if n < least {
        return Err(PyValueError::new_err(format!("only {n} words")));
    }
    Ok(n)
}

/// Calls a Python function, detached in between.
#[pyfunction]
fn apply(py: Python<'_>, f: Bound<'_, PyAny>, values: Vec<i64>) -> PyResult<BTreeMap<i64, String>> {
    let sum: i64 = py.detach(|| values.iter().sum());
    let mut out = BTreeMap::new();
    for v in values {
        out.insert(v, f.call1((v, sum))?.str()?.to_string());
    }
    Ok(out)
}

#[pyclass(frozen)]
struct Counter {
    counts: Mutex<BTreeMap<String, u64>>,
}

#[pymethods]
impl Counter {
    #[new]
    fn new() -> Self {
        Counter { counts: Mutex::default() }
    }

    fn add(&self, word: String) {
        *self.counts.lock().unwrap().entry(word).or_default() += 1;
    }

    #[getter]
    fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap().clone()
    }

    fn __len__(&self) -> usize {
        self.counts.lock().unwrap().len()
    }
}

#[pymodule(gil_used = false)]
mod bt_maturin {
    #[pymodule_export]
    use super::{apply, words, Counter};
}
