//! `sys.monitoring` (PEP 669): tool identifiers and callbacks. Events are not delivered yet: asking for any raises
//! NotImplementedError.

use macros::pymodule;

/// Execution event monitoring.
#[pymodule(name = "sys.monitoring")]
pub mod monitoring {
    use runtime::convert::IntoPy;
    use runtime::prelude::*;
    use std::sync::Mutex;

    const EVENTS: &[(&str, i64)] = &[
        ("PY_START", 1),
        ("PY_RESUME", 1 << 1),
        ("PY_RETURN", 1 << 2),
        ("PY_YIELD", 1 << 3),
        ("CALL", 1 << 4),
        ("LINE", 1 << 5),
        ("INSTRUCTION", 1 << 6),
        ("JUMP", 1 << 7),
        ("BRANCH_LEFT", 1 << 8),
        ("BRANCH_RIGHT", 1 << 9),
        ("STOP_ITERATION", 1 << 10),
        ("RAISE", 1 << 11),
        ("EXCEPTION_HANDLED", 1 << 12),
        ("PY_UNWIND", 1 << 13),
        ("PY_THROW", 1 << 14),
        ("RERAISE", 1 << 15),
        ("C_RETURN", 1 << 16),
        ("C_RAISE", 1 << 17),
        ("BRANCH", 1 << 18),
        ("NO_EVENTS", 0),
    ];

    /// Names and callbacks of the six tools of an interpreter (interpreter, tool).
    #[derive(Default)]
    struct Tools {
        names: Vec<(i64, i64, PyRef)>,
        callbacks: Vec<(i64, i64, i64, PyRef)>,
    }
    static TOOLS: Mutex<Tools> = Mutex::new(Tools { names: Vec::new(), callbacks: Vec::new() });

    /// Runs `f` under the lock; what it returns is dropped outside it.
    fn with<R>(f: impl FnOnce(&mut Tools, i64) -> R) -> R {
        let id = ThreadState::current().interp().id;
        let mut t = TOOLS.lock().unwrap_or_else(|e| e.into_inner());
        let r = f(&mut t, id);
        drop(t);
        r
    }

    /// Fills `sys.monitoring`.
    pub fn fill(m: &Module) -> PyResult<()> {
        m.add_functions(&__METHODS.0)?;
        let events = EVENTS.iter().map(|(n, v)| Ok((*n, v.into_py()?))).collect::<PyResult<Vec<_>>>()?;
        let refs: Vec<(&str, &Object)> = events.iter().map(|(n, v)| (*n, &**v)).collect();
        m.add("events", runtime::import::namespace_with(&refs)?)?;
        for (n, v) in [("DEBUGGER_ID", 0i64), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
            m.add(n, v.into_py()?)?;
        }
        let o: &Object = m;
        let object: &Object = Type::type_object().base().map_or(o, |b| b);
        m.add("DISABLE", object.call0()?)?;
        m.add("MISSING", object.call0()?)
    }

    fn check(tool: i64) -> PyResult<()> {
        if (0..6).contains(&tool) {
            Ok(())
        } else {
            Err(raise!(ValueError, "invalid tool {} (must be between 0 and 5)", tool))
        }
    }
    fn in_use(tool: i64) -> PyResult<()> {
        check(tool)?;
        if with(|t, i| t.names.iter().any(|n| n.0 == i && n.1 == tool)) {
            Ok(())
        } else {
            Err(raise!(ValueError, "tool {} is not in use", tool))
        }
    }

    #[pyfunction]
    fn use_tool_id(tool_id: i64, name: &Object) -> PyResult<()> {
        check(tool_id)?;
        if name.downcast::<Str>().is_none() {
            return Err(raise!(ValueError, "tool name must be a str"));
        }
        let own = name.to_ref();
        let taken = with(|t, i| {
            if t.names.iter().any(|n| n.0 == i && n.1 == tool_id) {
                return Some(own);
            }
            t.names.push((i, tool_id, own));
            None
        });
        if taken.is_some() { Err(raise!(ValueError, "tool {} is already in use", tool_id)) } else { Ok(()) }
    }
    #[pyfunction]
    fn clear_tool_id(tool_id: i64) -> PyResult<()> {
        check(tool_id)?;
        let old = with(|t, i| {
            let (gone, kept) = std::mem::take(&mut t.callbacks).into_iter().partition(|c| c.0 == i && c.1 == tool_id);
            t.callbacks = kept;
            let gone: Vec<_> = gone;
            gone
        });
        drop(old);
        Ok(())
    }
    #[pyfunction]
    fn free_tool_id(tool_id: i64) -> PyResult<()> {
        clear_tool_id(tool_id)?;
        let old = with(|t, i| {
            let at = t.names.iter().position(|n| n.0 == i && n.1 == tool_id)?;
            Some(t.names.swap_remove(at))
        });
        drop(old);
        Ok(())
    }
    #[pyfunction]
    fn get_tool(tool_id: i64) -> PyResult<Option<PyRef>> {
        check(tool_id)?;
        Ok(with(|t, i| t.names.iter().find(|n| n.0 == i && n.1 == tool_id).map(|n| n.2.clone())))
    }
    #[pyfunction]
    fn register_callback(tool_id: i64, event: i64, func: &Object) -> PyResult<Option<PyRef>> {
        check(tool_id)?;
        if event <= 0 || event & (event - 1) != 0 {
            return Err(raise!(ValueError, "The callback can only be set for one event at a time"));
        }
        if event >= 1 << 19 {
            return Err(raise!(ValueError, "invalid event {}", event));
        }
        let new = (!func.is_none()).then(|| func.to_ref());
        Ok(with(|t, i| {
            let old = t
                .callbacks
                .iter()
                .position(|c| c.0 == i && c.1 == tool_id && c.2 == event)
                .map(|p| t.callbacks.swap_remove(p).3);
            if let Some(f) = new {
                t.callbacks.push((i, tool_id, event, f));
            }
            old
        }))
    }
    fn no_events(events: i64) -> PyResult<()> {
        if !(0..1 << 19).contains(&events) {
            return Err(raise!(ValueError, "invalid event set 0x{:x}", events));
        }
        if events != 0 {
            Err(raise!(NotImplementedError, "sys.monitoring does not deliver events yet"))
        } else {
            Ok(())
        }
    }
    #[pyfunction]
    fn set_events(tool_id: i64, event_set: i64) -> PyResult<()> {
        check(tool_id)?;
        no_events(event_set)?;
        in_use(tool_id)
    }
    #[pyfunction]
    fn get_events(tool_id: i64) -> PyResult<i64> {
        in_use(tool_id).map(|()| 0)
    }
    #[pyfunction]
    fn set_local_events(tool_id: i64, code: &Object, event_set: i64) -> PyResult<()> {
        check(tool_id)?;
        if code.downcast::<runtime::objects::Code>().is_none() {
            return Err(raise!(TypeError, "code must be a code object"));
        }
        no_events(event_set)?;
        in_use(tool_id)
    }
    #[pyfunction]
    fn get_local_events(tool_id: i64, code: &Object) -> PyResult<i64> {
        if code.downcast::<runtime::objects::Code>().is_none() {
            return Err(raise!(TypeError, "code must be a code object"));
        }
        in_use(tool_id).map(|()| 0)
    }
    #[pyfunction]
    fn restart_events() {}
    #[pyfunction]
    fn _all_events() -> PyResult<Ref<Dict>> {
        Dict::new()
    }
}
