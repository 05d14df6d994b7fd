//! Thread states and interpreter states.
//!
//! A `ThreadState` begins with the ABI's public `PyThreadState`; what is ours follows it. It belongs to one thread: only
//! that thread touches its plain fields while attached; other threads may touch the atomics, or anything while the world
//! is stopped.

use crate::arch;

/// Per-thread state of one interpreter.
#[repr(C)]
pub struct ThreadState {
    abi: abi::PyThreadState,
}

impl ThreadState {
    /// The attached thread state. The thread must be attached.
    #[inline(always)]
    pub fn current() -> &'static ThreadState {
        let p = arch::tstate();
        debug_assert!(!p.is_null(), "no thread state attached");
        // SAFETY: an attached thread state stays alive while attached.
        unsafe { &*p }
    }

    /// The attached thread state, if any.
    #[inline(always)]
    pub fn try_current() -> Option<&'static ThreadState> {
        // SAFETY: an attached thread state stays alive while attached.
        unsafe { arch::tstate().as_ref() }
    }

    /// The part that compiled extensions may read.
    #[inline(always)]
    pub fn abi(&self) -> &abi::PyThreadState {
        &self.abi
    }

    /// The same, for this thread to write: a raw view, use it field by field.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub fn abi_mut(&self) -> &mut abi::PyThreadState {
        // SAFETY: plain fields are written by the owning thread only; the borrow never outlives one statement.
        unsafe { &mut *(&raw const self.abi).cast_mut() }
    }

    pub fn interp(&self) -> &'static InterpreterState {
        // SAFETY: an interpreter outlives its threads.
        unsafe { &*self.abi.interp.cast() }
    }
}

/// Per-interpreter state. Each subsystem adds one field of a type of its own.
#[repr(C)]
pub struct InterpreterState {
    pub id: i64,
}
