//! `os.fork` and its hooks.

use super::path::{errno, os_error};
use runtime::prelude::*;
use runtime::thread::fork as engine;
use std::sync::Mutex;

/// Hooks of `os.register_at_fork`: before, in the child, in the parent. With the interpreter they belong to.
struct Hook(i64, Option<PyRef>, Option<PyRef>, Option<PyRef>);
static HOOKS: Mutex<Vec<Hook>> = Mutex::new(Vec::new());

pub fn register(before: Option<&Object>, child: Option<&Object>, parent: Option<&Object>) -> PyResult<()> {
    let own = |o: Option<&Object>| o.map(Object::to_ref);
    let interp = ThreadState::current().interp();
    let id = interp.id;
    interp.lifecycle.at_end(forget);
    HOOKS.lock().unwrap_or_else(|e| e.into_inner()).push(Hook(id, own(before), own(child), own(parent)));
    Ok(())
}

/// Drops the hooks of the current interpreter.
fn forget() {
    let id = ThreadState::current().interp().id;
    let mut hooks = HOOKS.lock().unwrap_or_else(|e| e.into_inner());
    let (gone, kept): (Vec<Hook>, Vec<Hook>) = core::mem::take(&mut *hooks).into_iter().partition(|h| h.0 == id);
    *hooks = kept;
    drop(hooks);
    drop(gone);
}

fn run(which: fn(&Hook) -> Option<PyRef>, reverse: bool) {
    let id = ThreadState::current().interp().id;
    let mut hooks: Vec<PyRef> =
        HOOKS.lock().unwrap_or_else(|e| e.into_inner()).iter().filter(|h| h.0 == id).filter_map(which).collect();
    if reverse {
        hooks.reverse();
    }
    for h in hooks {
        if let Err(_e) = h.call0() {
            runtime::error::write_unraisable(Some(&h));
        }
    }
}

/// What surrounds a fork: `PyOS_BeforeFork`.
pub fn before() {
    run(|h| h.1.clone(), true);
    ThreadState::current().interp().import.lock.lock();
    engine::before();
}
pub fn after_parent() {
    engine::after_parent();
    ThreadState::current().interp().import.lock.try_unlock();
    run(|h| h.3.clone(), false);
}
pub fn after_child() {
    engine::after_child();
    ThreadState::current().interp().import.lock.try_unlock();
    run(|h| h.2.clone(), false);
}

pub fn fork() -> PyResult<i32> {
    // SAFETY: the engine's locks are held; the child repairs what other threads left.
    fork_by(|| unsafe { libc::fork() })
}

/// Forks by a system call of that kind, with what has to be done before and after.
pub fn fork_by(call: impl FnOnce() -> i32) -> PyResult<i32> {
    if !ThreadState::current().interp().lifecycle.sub.settings().allow_fork {
        return Err(raise!(RuntimeError, "fork not supported for isolated subinterpreters"));
    }
    let others = ThreadState::current().interp().thread_count.load(core::sync::atomic::Ordering::Relaxed) > 1;
    before();
    let pid = call();
    if pid == 0 {
        after_child();
        return Ok(0);
    }
    let e = errno();
    after_parent();
    if pid < 0 {
        // SAFETY: errno's location is valid.
        unsafe { *libc::__errno_location() = e };
        return Err(os_error());
    }
    if others {
        let text = format!(
            "This process (pid={}) is multi-threaded, use of fork() may lead to deadlocks in the child.",
            std::process::id()
        );
        runtime::error::warn(exc::DeprecationWarning(), &text, 1)?;
    }
    Ok(pid)
}
