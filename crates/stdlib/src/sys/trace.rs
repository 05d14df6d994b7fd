//! `sys.settrace` and `setprofile`, and looking into other threads.

use runtime::convert::IntoPy;
use runtime::prelude::*;
use runtime::{interp, thread};

pub use runtime::interp::trace::{
    call_tracing, getprofile, gettrace, setprofile, setprofile_all, settrace, settrace_all,
};

/// Every thread's innermost frame, read while the world is stopped.
pub fn current_frames() -> PyResult<Ref<Dict>> {
    runtime::audit_event!("sys._current_frames")?;
    let d = Dict::new()?;
    let (mut states, mut found) = (Vec::new(), Vec::new());
    thread::stop_the_world(|| {
        thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), ThreadState::current().interp()) {
                states.push(ts);
            }
        });
        for ts in &states {
            // Its thread has saved it; once the object exists, it outlives the frame.
            let f = interp::current_frame_of(ts).map(interp::InterpFrame::frame_object);
            found.push((ts.abi().thread_id, f));
        }
    });
    for (id, f) in found {
        if let Some(f) = f {
            d.set(&*(id as u64).into_py()?, &*f?)?;
        }
    }
    Ok(d)
}

/// Every thread's handled exception.
pub fn current_exceptions() -> PyResult<Ref<Dict>> {
    runtime::audit_event!("sys._current_exceptions")?;
    let d = Dict::new()?;
    let mut found = Vec::new();
    let interp = ThreadState::current().interp();
    thread::stop_the_world(|| {
        thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), interp) {
                found.push((ts.abi().thread_id, runtime::objects::exceptions::raise::handled_by(ts)));
            }
        });
    });
    for (id, e) in found {
        d.set(&*(id as u64).into_py()?, &e.map_or_else(none_ref, Ref::upcast))?;
    }
    Ok(d)
}
