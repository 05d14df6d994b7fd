//! `_lsprof`: the profiler behind `cProfile`, a tool of `sys.monitoring`.
//!
//! Calls in progress form a stack of contexts; when one ends its time goes to its entry and to the entry of its caller.
//! An entry is found by the address of the code object or of the native method's definition. The state sits behind a
//! mutex that is never held while Python code can run.

use macros::pymodule;

/// Fast profiler
#[pymodule(name = "_lsprof", gil = not_used)]
pub mod _lsprof {
    use core::ffi::c_int;
    use macros::pyclass;
    use runtime::convert::{Arg, FuncArgs};
    use runtime::interp::monitoring::{self, event as ev};
    use runtime::objects::methodobject::BuiltinFunction;
    use runtime::objects::structseq;
    use runtime::prelude::*;
    use std::collections::HashMap;
    use std::sync::{Mutex, OnceLock};
    use std::time::Instant;

    const TOOL: i64 = 2;

    #[derive(Default, Clone)]
    struct Times {
        total: f64,
        inline: f64,
        calls: u64,
        recursive: u64,
        depth: u64,
    }

    impl Times {
        fn leave(&mut self, total: f64, inline: f64) {
            self.depth = self.depth.saturating_sub(1);
            if self.depth == 0 {
                self.total += total;
            } else {
                self.recursive += 1;
            }
            self.inline += inline;
            self.calls += 1;
        }
    }

    struct Entry {
        /// Code object, or the text for a native function
        what: PyRef,
        times: Times,
        callees: HashMap<usize, Times>,
    }

    struct Context {
        key: usize,
        start: f64,
        inner: f64,
    }

    #[derive(Default)]
    struct State {
        entries: HashMap<usize, Entry>,
        order: Vec<usize>,
        stack: HashMap<u64, Vec<Context>>,
        timer: Option<PyRef>,
        unit: f64,
        subcalls: bool,
        builtins: bool,
        enabled: bool,
    }

    /// A profiler.
    #[repr(C)]
    pub struct Profiler {
        ob_base: runtime::abi::PyObject,
        state: *mut Mutex<State>,
    }

    static ENTRY: OnceLock<(Ref<Type>, Ref<Type>)> = OnceLock::new();
    static START: OnceLock<Instant> = OnceLock::new();

    impl Profiler {
        fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
            // SAFETY: made with the object, freed with it.
            let m = unsafe { &*self.state };
            f(&mut m.lock().unwrap_or_else(|e| e.into_inner()))
        }

        /// Seconds now.
        fn now(&self) -> f64 {
            let (timer, unit) = self.with(|s| (s.timer.clone(), s.unit));
            let Some(timer) = timer else {
                return START.get_or_init(Instant::now).elapsed().as_secs_f64();
            };
            let r = timer.call0().and_then(|v| if unit > 0.0 { Ok(v.as_i64()? as f64 * unit) } else { v.as_f64() });
            match r {
                Ok(v) => v,
                Err(_) => {
                    runtime::error::write_unraisable(Some(&timer));
                    0.0
                }
            }
        }

        fn enter(&self, key: usize, what: impl FnOnce() -> PyResult<PyRef>) -> PyResult<()> {
            if self.with(|s| !s.entries.contains_key(&key)) {
                let what = what()?;
                let old = self.with(|s| {
                    if s.entries.contains_key(&key) {
                        return Some(what);
                    }
                    s.order.push(key);
                    s.entries.insert(key, Entry { what, times: Times::default(), callees: HashMap::new() });
                    None
                });
                drop(old);
            }
            let start = self.now();
            let thread = ThreadState::current().abi().id;
            self.with(|s| {
                let stack = s.stack.entry(thread).or_default();
                let caller = stack.last().map(|c| c.key);
                stack.push(Context { key, start, inner: 0.0 });
                if s.subcalls
                    && let Some(c) = caller
                    && let Some(e) = s.entries.get_mut(&c)
                {
                    e.callees.entry(key).or_default().depth += 1;
                }
                if let Some(e) = s.entries.get_mut(&key) {
                    e.times.depth += 1;
                }
            });
            Ok(())
        }

        fn leave(&self, key: Option<usize>) {
            let now = self.now();
            let thread = ThreadState::current().abi().id;
            self.with(|s| {
                let Some(stack) = s.stack.get_mut(&thread) else { return };
                let Some(c) = stack.pop_if(|c| key.is_none_or(|k| k == c.key)) else { return };
                let total = now - c.start;
                let inline = total - c.inner;
                let caller = stack.last_mut().map(|p| {
                    p.inner += total;
                    p.key
                });
                if let Some(e) = s.entries.get_mut(&c.key) {
                    e.times.leave(total, inline);
                }
                if s.subcalls
                    && let Some(p) = caller
                    && let Some(t) = s.entries.get_mut(&p).and_then(|e| e.callees.get_mut(&c.key))
                {
                    t.leave(total, inline);
                }
            });
        }

        /// Ends the calls that are still in progress.
        fn flush(&self) {
            while self.with(|s| s.stack.values().any(|v| !v.is_empty())) {
                let thread = ThreadState::current().abi().id;
                let mine = self.with(|s| s.stack.get(&thread).is_some_and(|v| !v.is_empty()));
                if mine {
                    self.leave(None);
                } else {
                    // Those of other threads never end here
                    self.with(|s| s.stack.clear());
                }
            }
        }
    }

    fn arg<'a>(args: &FuncArgs<'a>, name: &str, i: usize, n: usize) -> PyResult<&'a Object> {
        args.check_positional(name, n, n.max(args.len()))?;
        args.get(i).ok_or_else(|| raise!(TypeError, "{} expected {} arguments", name, n))
    }

    /// Key and text of a native callable.
    fn native(callable: &Object, first: &Object) -> PyResult<Option<(usize, PyRef)>> {
        let mut f = callable.to_ref();
        if core::ptr::addr_eq(callable.ty(), &raw const runtime::interp::pending::PyMethodDescr_Type) {
            let (_, missing) = monitoring::sentinels()?;
            let Some(get) = callable.ty().slots().tp_descr_get.filter(|_| !first.is(&missing)) else { return Ok(None) };
            // SAFETY: the slot's contract.
            f = unsafe {
                runtime::object::PyRef::from_c_result(get(
                    callable.as_ptr(),
                    first.as_ptr(),
                    first.ty().as_ptr().cast(),
                ))?
            };
        }
        let Some(b) = f.downcast::<BuiltinFunction>() else { return Ok(None) };
        Ok(Some((b.0.m_ml as usize, f.clone())))
    }

    fn native_text(f: &Object) -> PyResult<PyRef> {
        let name = f.getattr(intern!("__name__"))?.str()?;
        let owner = f.getattr(intern!("__self__"))?;
        if !owner.is_none() && owner.downcast::<Module>().is_none() {
            if let Some(d) = owner.ty().lookup(Str::intern(&name.to_string_lossy())) {
                return Ok(d.repr()?.upcast());
            }
            return Ok(Str::format(format_args!("<built-in method {}>", name.to_string_lossy()))?.upcast());
        }
        let module = f.getattr(intern!("__module__"))?;
        Ok(match module.downcast::<Str>() {
            Some(m) => {
                Str::format(format_args!("<built-in method {}.{}>", m.to_string_lossy(), name.to_string_lossy()))?
            }
            None => Str::format(format_args!("<built-in method {}>", name.to_string_lossy()))?,
        }
        .upcast())
    }

    const CALLBACKS: [(u32, &str); 9] = [
        (ev::PY_START, "_pystart_callback"),
        (ev::PY_RESUME, "_pystart_callback"),
        (ev::PY_THROW, "_pystart_callback"),
        (ev::PY_RETURN, "_pyreturn_callback"),
        (ev::PY_YIELD, "_pyreturn_callback"),
        (ev::PY_UNWIND, "_pyreturn_callback"),
        (ev::CALL, "_ccall_callback"),
        (ev::C_RETURN, "_creturn_callback"),
        (ev::C_RAISE, "_creturn_callback"),
    ];

    fn stop(p: &Profiler) -> PyResult<()> {
        if p.with(|s| core::mem::replace(&mut s.enabled, false)) {
            for (e, _) in CALLBACKS {
                monitoring::register_callback(TOOL, 1 << e, none())?;
            }
            monitoring::free_tool(TOOL)?;
        }
        p.flush();
        Ok(())
    }

    /// Profiler(timer=None, timeunit=0.0, subcalls=True, builtins=True)
    /// --
    ///
    /// Build a profiler object using the specified timer function.
    #[pyclass(name = "Profiler", module = "_lsprof", flags = "BASETYPE|HAVE_GC")]
    impl Profiler {
        #[slot]
        fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
            let p: Ref<Profiler> = runtime::typeobject::alloc_object(cls)?;
            let state = State { subcalls: true, builtins: true, ..State::default() };
            // SAFETY: nobody else sees the object yet.
            unsafe { (*p.as_raw()).state = Box::into_raw(Box::new(Mutex::new(state))) };
            runtime::mem::gc::track(&p);
            Ok(p.upcast())
        }
        #[slot(sig = "timer=None, timeunit=0.0, subcalls=True, builtins=True")]
        fn tp_init(
            &self,
            timer: Option<&Object>,
            timeunit: Arg<f64>,
            subcalls: Arg<bool>,
            builtins: Arg<bool>,
        ) -> PyResult<()> {
            let new = timer.map(Object::to_ref);
            let old = self.with(|s| {
                s.unit = timeunit.unwrap_or(0.0);
                s.subcalls = subcalls.unwrap_or(true);
                s.builtins = builtins.unwrap_or(true);
                core::mem::replace(&mut s.timer, new)
            });
            drop(old);
            Ok(())
        }
        #[slot]
        fn tp_traverse(&self, v: &mut runtime::mem::Visitor) -> c_int {
            if self.state.is_null() {
                return 0;
            }
            // SAFETY: the collector has stopped the world; a thread that holds the lock runs no Python code in it.
            let Ok(s) = (unsafe { &*self.state }).try_lock() else { return 0 };
            if let Some(t) = &s.timer {
                let r = v.visit_ptr(t.as_ptr());
                if r != 0 {
                    return r;
                }
            }
            for e in s.entries.values() {
                let r = v.visit_ptr(e.what.as_ptr());
                if r != 0 {
                    return r;
                }
            }
            0
        }
        #[slot]
        fn tp_clear(&self) {
            let old = self.with(|s| (s.timer.take(), core::mem::take(&mut s.entries)));
            drop(old);
        }
        #[slot]
        fn tp_dealloc(this: *mut Profiler) {
            // SAFETY: the last reference is gone.
            unsafe {
                runtime::mem::gc::untrack(&*this);
                if !(*this).state.is_null() {
                    if let Err(e) = stop(&*this) {
                        e.clear();
                    }
                    drop(Box::from_raw((*this).state));
                    (*this).state = core::ptr::null_mut();
                }
                runtime::mem::dealloc::free_instance(this.cast());
            }
        }
        /// Start collecting profiling information.
        #[pymethod(sig = "subcalls=True, builtins=True")]
        fn enable(&self, subcalls: Arg<bool>, builtins: Arg<bool>) -> PyResult<()> {
            self.with(|s| {
                if let Arg::Given(v) = subcalls {
                    s.subcalls = v;
                }
                if let Arg::Given(v) = builtins {
                    s.builtins = v;
                }
            });
            monitoring::use_tool(TOOL, intern!("cProfile"))?;
            let mut events = 0;
            for (e, name) in CALLBACKS {
                let f = self.getattr(Str::intern(name))?;
                monitoring::register_callback(TOOL, 1 << e, &f)?;
                events |= 1i64 << e;
            }
            monitoring::set_events(TOOL, events)?;
            self.with(|s| s.enabled = true);
            Ok(())
        }
        /// Stop collecting profiling information.
        #[pymethod]
        fn disable(&self) -> PyResult<()> {
            stop(self)
        }
        /// Clear all profiling information collected so far.
        #[pymethod]
        fn clear(&self) -> PyResult<()> {
            let old = self.with(|s| {
                s.stack.clear();
                s.order.clear();
                core::mem::take(&mut s.entries)
            });
            drop(old);
            Ok(())
        }
        /// list of profiler_entry objects.
        ///
        /// getstats() -> list of profiler_entry objects
        #[pymethod]
        fn getstats(&self) -> PyResult<PyRef> {
            struct Row {
                what: PyRef,
                times: Times,
                callees: Vec<(PyRef, Times)>,
            }
            let (rows, subcalls) = self.with(|s| {
                let rows: Vec<Row> = s
                    .order
                    .iter()
                    .filter_map(|k| s.entries.get(k))
                    .filter(|e| e.times.calls != 0)
                    .map(|e| Row {
                        what: e.what.clone(),
                        times: e.times.clone(),
                        callees: e
                            .callees
                            .iter()
                            .filter(|(_, t)| t.calls != 0)
                            .filter_map(|(k, t)| s.entries.get(k).map(|x| (x.what.clone(), t.clone())))
                            .collect(),
                    })
                    .collect();
                (rows, s.subcalls)
            });
            let _ = subcalls;
            let Some((entry, sub)) = ENTRY.get() else { return Err(raise!(SystemError, "_lsprof is not set up")) };
            let row = |what: PyRef, t: &Times| -> PyResult<Vec<PyRef>> {
                Ok(vec![
                    what,
                    Int::from_u64(t.calls)?.upcast(),
                    Int::from_u64(t.recursive)?.upcast(),
                    Float::new(t.total)?.upcast(),
                    Float::new(t.inline)?.upcast(),
                ])
            };
            let mut out = Vec::with_capacity(rows.len());
            for r in rows {
                let calls = if r.callees.is_empty() {
                    none_ref()
                } else {
                    let mut v = Vec::with_capacity(r.callees.len());
                    for (what, t) in r.callees {
                        v.push(structseq::new(sub, row(what, &t)?)?);
                    }
                    List::from_vec(v)?.upcast()
                };
                let mut v = row(r.what, &r.times)?;
                v.push(calls);
                out.push(structseq::new(entry, v)?);
            }
            Ok(List::from_vec(out)?.upcast())
        }
        #[pymethod(raw)]
        fn _pystart_callback(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let code = arg(&args, "_pystart_callback", 0, 2)?;
            self.enter(code.as_ptr() as usize, || Ok(code.to_ref()))
        }
        #[pymethod(raw)]
        fn _pyreturn_callback(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let code = arg(&args, "_pyreturn_callback", 0, 3)?;
            self.leave(Some(code.as_ptr() as usize));
            Ok(())
        }
        #[pymethod(raw)]
        fn _ccall_callback(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let callable = arg(&args, "_ccall_callback", 2, 4)?;
            let first = arg(&args, "_ccall_callback", 3, 4)?;
            if self.with(|s| s.builtins)
                && let Some((key, f)) = native(callable, first)?
            {
                self.enter(key, || native_text(&f))?;
            }
            Ok(())
        }
        #[pymethod(raw)]
        fn _creturn_callback(&self, args: FuncArgs<'_>) -> PyResult<()> {
            let callable = arg(&args, "_creturn_callback", 2, 4)?;
            let first = arg(&args, "_creturn_callback", 3, 4)?;
            if self.with(|s| s.builtins)
                && let Some((key, _)) = native(callable, first)?
            {
                self.leave(Some(key));
            }
            Ok(())
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ENTRY.get().is_none() {
            const FIELDS: [(&str, &str); 6] = [
                ("code", "code object or built-in function name"),
                ("callcount", "how many times this was called"),
                ("reccallcount", "how many times called recursively"),
                ("totaltime", "total time in this entry"),
                ("inlinetime", "inline time in this entry (not in subcalls)"),
                ("calls", "details of the calls"),
            ];
            let entry = structseq::make_type("_lsprof.profiler_entry", "", &FIELDS, 6)?;
            let sub = structseq::make_type("_lsprof.profiler_subentry", "", &FIELDS[..5], 5)?;
            let _ = ENTRY.set((entry, sub));
        }
        if let Some((entry, sub)) = ENTRY.get() {
            m.add("profiler_entry", entry.clone().upcast())?;
            m.add("profiler_subentry", sub.clone().upcast())?;
        }
        m.add_type::<Profiler>()
    }
}
