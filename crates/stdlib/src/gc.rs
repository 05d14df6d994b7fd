//! `gc`: the interface to the cycle collector.

use macros::pymodule;

/// This module provides access to the garbage collector for reference cycles.
///
/// enable() -- Enable automatic garbage collection.
/// disable() -- Disable automatic garbage collection.
/// isenabled() -- Returns true if automatic collection is enabled.
/// collect() -- Do a full collection right now.
/// get_count() -- Return the current collection counts.
/// get_stats() -- Return list of dictionaries containing per-generation stats.
/// set_debug() -- Set debugging flags.
/// get_debug() -- Get debugging flags.
/// set_threshold() -- Set the collection thresholds.
/// get_threshold() -- Return the current collection thresholds.
/// get_objects() -- Return a list of all objects tracked by the collector.
/// is_tracked() -- Returns true if a given object is tracked.
/// is_finalized() -- Returns true if a given object has been already finalized.
/// get_referrers() -- Return the list of objects that refer to an object.
/// get_referents() -- Return the list of objects that an object refers to.
/// freeze() -- Freeze all tracked objects and ignore them for future collections.
/// unfreeze() -- Unfreeze all objects in the permanent generation.
/// get_freeze_count() -- Return the number of objects in the permanent generation.
#[pymodule(name = "gc")]
pub mod gc {
    use core::sync::atomic::Ordering::Relaxed;
    use runtime::convert::IntoPy;
    use runtime::mem::gc as engine;
    use runtime::prelude::*;
    use runtime::thread::InterpreterState;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let gc = &InterpreterState::current().gc;
        m.add("garbage", gc.garbage()?.upcast())?;
        m.add("callbacks", gc.callbacks()?.upcast())?;
        use engine::debug::*;
        for (name, v) in [
            ("DEBUG_STATS", STATS),
            ("DEBUG_COLLECTABLE", COLLECTABLE),
            ("DEBUG_UNCOLLECTABLE", UNCOLLECTABLE),
            ("DEBUG_SAVEALL", SAVEALL),
            ("DEBUG_LEAK", LEAK),
        ] {
            m.add(name, v.into_py()?)?;
        }
        Ok(())
    }

    /// Enable automatic garbage collection.
    #[pyfunction]
    fn enable() {
        engine::enable();
    }
    /// Disable automatic garbage collection.
    #[pyfunction]
    fn disable() {
        engine::disable();
    }
    /// Returns true if automatic garbage collection is enabled.
    #[pyfunction]
    fn isenabled() -> bool {
        engine::is_enabled()
    }
    /// Run the garbage collector.
    ///
    /// With no arguments, run a full collection.  The optional argument
    /// may be an integer specifying which generation to collect.  A ValueError
    /// is raised if the generation number is invalid.
    ///
    /// The number of unreachable objects is returned.
    #[pyfunction(sig = "generation=2")]
    fn collect(generation: i32) -> PyResult<usize> {
        if !(0..=2).contains(&generation) {
            return Err(raise!(ValueError, "invalid generation"));
        }
        Ok(engine::collect_generation(generation as usize))
    }
    /// Set the garbage collection debugging flags.
    #[pyfunction]
    fn set_debug(flags: i32) {
        InterpreterState::current().gc.debug.store(flags as u32, Relaxed);
    }
    /// Get the garbage collection debugging flags.
    #[pyfunction]
    fn get_debug() -> i32 {
        InterpreterState::current().gc.debug.load(Relaxed) as i32
    }
    /// set_threshold(threshold0, [threshold1, [threshold2]])
    /// Set the collection thresholds (the collection frequency).
    ///
    /// Setting 'threshold0' to zero disables collection.
    #[pyfunction(sig = "threshold0, threshold1=None, threshold2=None, /")]
    fn set_threshold(threshold0: i32, threshold1: Option<i32>, threshold2: Option<i32>) {
        let t = &InterpreterState::current().gc.thresholds;
        t[0].store(threshold0 as u32, Relaxed);
        for (slot, v) in t[1..].iter().zip([threshold1, threshold2]) {
            if let Some(v) = v {
                slot.store(v as u32, Relaxed);
            }
        }
    }
    /// Return the current collection thresholds.
    #[pyfunction]
    fn get_threshold() -> (i64, i64, i64) {
        let t = &InterpreterState::current().gc.thresholds;
        (t[0].load(Relaxed) as i64, t[1].load(Relaxed) as i64, t[2].load(Relaxed) as i64)
    }
    /// Return a three-tuple of the current collection counts.
    #[pyfunction]
    fn get_count() -> (i64, i64, i64) {
        let gc = &InterpreterState::current().gc;
        let older = |i: usize| gc.younger[i].load(Relaxed) as i64;
        (gc.count.load(Relaxed).max(0), older(0), older(1))
    }
    /// Return a list of dictionaries containing per-generation statistics.
    #[pyfunction]
    fn get_stats() -> PyResult<PyRef> {
        let mut out = Vec::new();
        for s in &InterpreterState::current().gc.stats {
            let d = Dict::new()?;
            for (k, v) in
                [("collections", &s.collections), ("collected", &s.collected), ("uncollectable", &s.uncollectable)]
            {
                d.set(Str::intern(k), &*Int::from_u64(v.load(Relaxed))?)?;
            }
            out.push(d.upcast());
        }
        Ok(List::from_vec(out)?.upcast())
    }
    /// Return a list of objects tracked by the collector (excluding the list returned).
    ///
    ///   generation
    ///     Generation to extract the objects from.
    ///
    /// If generation is not None, return only the objects tracked by the
    /// collector that are in that generation.
    #[pyfunction(sig = "generation=None")]
    fn get_objects(generation: Option<isize>) -> PyResult<PyRef> {
        match generation {
            Some(g) if g < 0 => return Err(raise!(ValueError, "generation parameter cannot be negative")),
            Some(g) if g >= 3 => {
                return Err(raise!(
                    ValueError,
                    "generation parameter must be less than the number of available generations (3)"
                ));
            }
            _ => {}
        }
        runtime::audit_event!("gc.get_objects", generation.unwrap_or(-1))?;
        Ok(List::from_vec(engine::get_objects())?.upcast())
    }
    /// Return the list of objects that directly refer to any of 'objs'.
    #[pyfunction(sig = "*objs")]
    fn get_referrers(objs: &[&Object]) -> PyResult<PyRef> {
        runtime::audit_event!("gc.get_referrers", &*Tuple::from_slice(objs)?)?;
        Ok(List::from_vec(engine::get_referrers(objs))?.upcast())
    }
    /// Return the list of objects that are directly referred to by 'objs'.
    #[pyfunction(sig = "*objs")]
    fn get_referents(objs: &[&Object]) -> PyResult<PyRef> {
        runtime::audit_event!("gc.get_referents", &*Tuple::from_slice(objs)?)?;
        Ok(List::from_vec(engine::get_referents(objs))?.upcast())
    }
    /// Returns true if the object is tracked by the garbage collector.
    ///
    /// Simple atomic objects will return false.
    #[pyfunction]
    fn is_tracked(obj: &Object) -> bool {
        engine::is_gc(obj) && engine::is_tracked(obj)
    }
    /// Returns true if the object has been already finalized by the GC.
    #[pyfunction]
    fn is_finalized(obj: &Object) -> bool {
        engine::is_gc(obj) && engine::is_finalized(obj)
    }
    /// Freeze all current tracked objects and ignore them for future collections.
    ///
    /// This can be used before a POSIX fork() call to make the gc copy-on-write
    /// friendly.
    /// Note: collection before a POSIX fork() call may free pages for future
    /// allocation which can cause copy-on-write.
    #[pyfunction]
    fn freeze() {
        engine::freeze();
    }
    /// Unfreeze all objects in the permanent generation.
    ///
    /// Put all objects in the permanent generation back into oldest generation.
    #[pyfunction]
    fn unfreeze() {
        engine::unfreeze();
    }
    /// Return the number of objects in the permanent generation.
    #[pyfunction]
    fn get_freeze_count() -> usize {
        engine::freeze_count()
    }
}
