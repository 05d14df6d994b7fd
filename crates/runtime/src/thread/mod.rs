//! Threads: thread states, attach and detach, stop-the-world, locks and parking.

pub mod state;
pub use state::{InterpreterState, ThreadState};
