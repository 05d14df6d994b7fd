//! `sys.monitoring` (PEP 669): tools and callbacks are kept; events are not delivered yet.

use macros::pymodule;

#[pymodule(name = "sys.monitoring", gil = not_used)]
pub mod _monitoring {
    use runtime::prelude::*;
    use std::collections::HashMap;
    use std::sync::Mutex;

    const EVENTS: [(&str, i64); 20] = [
        ("PY_START", 1),
        ("PY_RESUME", 2),
        ("PY_RETURN", 4),
        ("PY_YIELD", 8),
        ("CALL", 16),
        ("LINE", 32),
        ("INSTRUCTION", 64),
        ("JUMP", 128),
        ("BRANCH_LEFT", 256),
        ("BRANCH_RIGHT", 512),
        ("STOP_ITERATION", 1024),
        ("RAISE", 2048),
        ("EXCEPTION_HANDLED", 4096),
        ("PY_UNWIND", 8192),
        ("PY_THROW", 16384),
        ("RERAISE", 32768),
        ("C_RETURN", 65536),
        ("C_RAISE", 131072),
        ("BRANCH", 262144),
        ("NO_EVENTS", 0),
    ];

    #[derive(Default)]
    struct Tools {
        names: [Option<PyRef>; 6],
        callbacks: HashMap<(usize, i64), PyRef>,
    }
    static TOOLS: Mutex<Option<Tools>> = Mutex::new(None);

    fn with<T>(f: impl FnOnce(&mut Tools) -> T) -> T {
        let mut g = TOOLS.lock().unwrap_or_else(|e| e.into_inner());
        f(g.get_or_insert_with(Tools::default))
    }

    fn check(id: i64) -> PyResult<usize> {
        if !(0..6).contains(&id) {
            return Err(raise!(ValueError, "invalid tool {} (must be between 0 and 5)", id));
        }
        Ok(id as usize)
    }
    fn in_use(id: i64) -> PyResult<usize> {
        let i = check(id)?;
        if with(|t| t.names[i].is_none()) {
            return Err(raise!(ValueError, "tool {} is not in use", id));
        }
        Ok(i)
    }

    #[pyfunction]
    fn use_tool_id(tool_id: i64, name: &Object) -> PyResult<()> {
        let i = check(tool_id)?;
        if name.downcast::<Str>().is_none() {
            return Err(raise!(ValueError, "tool name must be a str"));
        }
        let n = name.to_ref();
        let taken = with(|t| {
            if t.names[i].is_some() {
                return true;
            }
            t.names[i] = Some(n);
            false
        });
        if taken { Err(raise!(ValueError, "tool {} is already in use", tool_id)) } else { Ok(()) }
    }
    #[pyfunction]
    fn clear_tool_id(tool_id: i64) -> PyResult<()> {
        let i = check(tool_id)?;
        let old = with(|t| {
            let keys: Vec<_> = t.callbacks.keys().filter(|k| k.0 == i).copied().collect();
            keys.into_iter().filter_map(|k| t.callbacks.remove(&k)).collect::<Vec<_>>()
        });
        drop(old);
        Ok(())
    }
    #[pyfunction]
    fn free_tool_id(tool_id: i64) -> PyResult<()> {
        clear_tool_id(tool_id)?;
        let i = check(tool_id)?;
        let old = with(|t| t.names[i].take());
        drop(old);
        Ok(())
    }
    #[pyfunction]
    fn get_tool(tool_id: i64) -> PyResult<PyRef> {
        let i = check(tool_id)?;
        Ok(with(|t| t.names[i].clone()).unwrap_or_else(none_ref))
    }
    #[pyfunction]
    fn register_callback(tool_id: i64, event: i64, func: &Object) -> PyResult<PyRef> {
        let i = check(tool_id)?;
        if event <= 0 || event.count_ones() != 1 {
            return Err(raise!(ValueError, "The callback can only be set for one event at a time"));
        }
        if event > 262144 {
            return Err(raise!(ValueError, "invalid event {}", event));
        }
        let new = if func.is_none() { None } else { Some(func.to_ref()) };
        let old = with(|t| match new {
            Some(f) => t.callbacks.insert((i, event), f),
            None => t.callbacks.remove(&(i, event)),
        });
        Ok(old.unwrap_or_else(none_ref))
    }
    #[pyfunction]
    fn get_events(tool_id: i64) -> PyResult<i64> {
        in_use(tool_id)?;
        Ok(0)
    }
    fn refuse(events: i64) -> PyResult<()> {
        if events == 0 {
            Ok(())
        } else {
            Err(raise!(NotImplementedError, "sys.monitoring events are not delivered yet"))
        }
    }
    #[pyfunction]
    fn set_events(tool_id: i64, event_set: i64) -> PyResult<()> {
        in_use(tool_id)?;
        refuse(event_set)
    }
    #[pyfunction]
    fn get_local_events(tool_id: i64, _code: &Object) -> PyResult<i64> {
        in_use(tool_id)?;
        Ok(0)
    }
    #[pyfunction]
    fn set_local_events(tool_id: i64, _code: &Object, event_set: i64) -> PyResult<()> {
        in_use(tool_id)?;
        refuse(event_set)
    }
    #[pyfunction]
    fn restart_events() {}
    #[pyfunction]
    fn _all_events() -> PyResult<PyRef> {
        Ok(Dict::new()?.upcast())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let d = Dict::new()?;
        for (n, v) in EVENTS {
            d.set(Str::intern(n), &*Int::from_i64(v)?)?;
        }
        let ns = runtime::objects::namespace::Namespace::new(Some(&d))?.upcast();
        m.add("events", ns)?;
        for (n, v) in [("DEBUGGER_ID", 0), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
            m.add(n, Int::from_i64(v)?.upcast())?;
        }
        m.add("DISABLE", runtime::typeobject::object_type().call0()?)?;
        m.add("MISSING", runtime::typeobject::object_type().call0()?)?;
        Ok(())
    }
}
pub use _monitoring::{DEF, INIT};
