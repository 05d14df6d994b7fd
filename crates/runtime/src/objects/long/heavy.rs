//! Long computations with big ints: signals end the wait for them, and other threads can stop the world meanwhile.
//!
//! What computes is code of a library that cannot be interrupted, so for numbers whose arithmetic takes a noticeable time it
//! runs detached: on a thread of its own if the waiting thread is the one that handles signals. Such a thread goes on in
//! vain after a KeyboardInterrupt, until it is done or the process ends.

use super::arith::no_memory;
use crate::prelude::*;
use crate::thread::{check_signals, detach, signals};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// From this many bits on (of the operands, or of the result) a computation may take long.
pub(super) const LONG_BITS: usize = 1 << 21;
/// How often signals are looked for.
const PERIOD: Duration = Duration::from_millis(40);

/// Computes `f`, which touches no objects, for numbers of `bits` bits.
pub(super) fn compute<T: Send + 'static>(bits: usize, f: impl FnOnce() -> T + Send + 'static) -> PyResult<T> {
    if bits < LONG_BITS {
        return Ok(f());
    }
    // The library panics when it gets no memory.
    let f = move || catch_unwind(AssertUnwindSafe(f));
    if !signals::can_handle_signals() {
        return detach(f).map_err(|_| no_memory());
    }
    let (sender, receiver) = channel();
    let worker = std::thread::Builder::new().name("int".into()).spawn(move || {
        let _ = sender.send(f());
    });
    if worker.is_err() {
        return Err(no_memory());
    }
    loop {
        match detach(|| receiver.recv_timeout(PERIOD)) {
            Ok(r) => return r.map_err(|_| no_memory()),
            Err(RecvTimeoutError::Timeout) => check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(no_memory()),
        }
    }
}
