//! `sys.monitoring` (PEP 669) as Python sees it; the work is done in `runtime::interp::monitoring`.

use macros::pymodule;

#[pymodule(name = "sys.monitoring", gil = not_used)]
pub mod _monitoring {
    use runtime::interp::monitoring as m;
    use runtime::prelude::*;

    #[pyfunction]
    fn use_tool_id(tool_id: i64, name: &Object) -> PyResult<()> {
        m::use_tool(tool_id, name)
    }
    #[pyfunction]
    fn clear_tool_id(tool_id: i64) -> PyResult<()> {
        m::clear_tool(tool_id)
    }
    #[pyfunction]
    fn free_tool_id(tool_id: i64) -> PyResult<()> {
        m::free_tool(tool_id)
    }
    #[pyfunction]
    fn get_tool(tool_id: i64) -> PyResult<PyRef> {
        m::get_tool(tool_id)
    }
    #[pyfunction]
    fn register_callback(tool_id: i64, event: i64, func: &Object) -> PyResult<PyRef> {
        m::register_callback(tool_id, event, func)
    }
    #[pyfunction]
    fn get_events(tool_id: i64) -> PyResult<u32> {
        m::get_events(tool_id)
    }
    #[pyfunction]
    fn set_events(tool_id: i64, event_set: i64) -> PyResult<()> {
        m::set_events(tool_id, event_set)
    }
    #[pyfunction]
    fn get_local_events(tool_id: i64, code: &Object) -> PyResult<u32> {
        m::get_local_events(tool_id, code)
    }
    #[pyfunction]
    fn set_local_events(tool_id: i64, code: &Object, event_set: i64) -> PyResult<()> {
        m::set_local_events(tool_id, code, event_set)
    }
    #[pyfunction]
    fn restart_events() {
        m::restart_events()
    }
    #[pyfunction]
    fn _all_events() -> PyResult<PyRef> {
        Ok(m::all_events()?.upcast())
    }

    /// Adds what is not a function.
    pub fn fill(module: &Module) -> PyResult<()> {
        let d = Dict::new()?;
        for (i, n) in m::NAMES.iter().enumerate() {
            d.set(Str::intern(n), &*Int::from_i64(1 << i)?)?;
        }
        d.set(intern!("NO_EVENTS"), &*Int::from_i64(0)?)?;
        module.add("events", runtime::objects::namespace::Namespace::new(Some(&d))?.upcast())?;
        for (n, v) in [("DEBUGGER_ID", 0), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
            module.add(n, Int::from_i64(v)?.upcast())?;
        }
        let (disable, missing) = m::sentinels()?;
        module.add("DISABLE", disable)?;
        module.add("MISSING", missing)
    }
}
