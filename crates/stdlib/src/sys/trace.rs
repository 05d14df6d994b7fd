//! `sys.settrace` and `setprofile`, and looking into other threads.

use runtime::convert::IntoPy;
use runtime::prelude::*;
use runtime::{interp, thread};

/// Adds what of `sys` the interpreter provides (`sys.monitoring`).
pub fn setup(m: &Module) -> PyResult<()> {
    if let Some(monitoring) = interp::monitoring::module()? {
        m.add("monitoring", monitoring)?;
    }
    Ok(())
}

pub fn settrace(f: &Object) -> PyResult<()> {
    interp::tracing::set_trace((!f.is_none()).then_some(f))
}
pub fn gettrace() -> PyRef {
    interp::tracing::get_trace().unwrap_or_else(none_ref)
}
pub fn setprofile(f: &Object) -> PyResult<()> {
    interp::tracing::set_profile((!f.is_none()).then_some(f))
}
pub fn getprofile() -> PyRef {
    interp::tracing::get_profile().unwrap_or_else(none_ref)
}

/// Every thread's innermost frame, read while the world is stopped.
pub fn current_frames() -> PyResult<Ref<Dict>> {
    let d = Dict::new()?;
    let mut found = Vec::new();
    let interp = ThreadState::current().interp();
    thread::stop_the_world(|| {
        thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), interp)
                && let Some(f) = interp::frame_object_of(ts)
            {
                found.push((ts.abi().thread_id, f));
            }
        });
    });
    for (id, f) in found {
        d.set(&*(id as u64).into_py()?, &f)?;
    }
    Ok(d)
}

/// Every thread's handled exception.
pub fn current_exceptions() -> PyResult<Ref<Dict>> {
    let d = Dict::new()?;
    let mut found = Vec::new();
    let interp = ThreadState::current().interp();
    thread::stop_the_world(|| {
        thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), interp) {
                found.push((ts.abi().thread_id, interp::handled_exception_of(ts)));
            }
        });
    });
    for (id, e) in found {
        d.set(&*(id as u64).into_py()?, &e.unwrap_or_else(none_ref))?;
    }
    Ok(d)
}
