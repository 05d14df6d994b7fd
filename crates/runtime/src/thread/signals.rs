//! Signals, pending calls and asynchronous exceptions.
use core::sync::atomic::AtomicUsize;
/// Calls queued by `Py_AddPendingCall`.
#[derive(Default)]
pub struct PendingCalls {
    pub count: AtomicUsize,
}
/// What a new thread's eval breaker starts with.
pub(crate) fn initial_breaker() -> usize {
    0
}
/// Runs the Python handlers of signals that have arrived (main thread only).
pub fn check_signals() -> crate::error::PyResult<()> {
    Ok(())
}
