//! GIL policy at import: which extension turned the GIL on, or would have, and why.

use crate::thread::InterpreterState;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use std::sync::Mutex;

/// Why a module needs the GIL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Multi-phase, without a `Py_mod_gil` slot.
    NoSlot,
    /// `Py_mod_gil` is `Py_MOD_GIL_USED`.
    SlotSaysUsed,
    /// Single-phase initialisation that did not call `PyUnstable_Module_SetGIL`.
    SinglePhase,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::NoSlot => "no Py_mod_gil slot",
            Reason::SlotSaysUsed => "Py_mod_gil says Py_MOD_GIL_USED",
            Reason::SinglePhase => "single-phase initialisation without PyUnstable_Module_SetGIL",
        }
    }
}

/// One extension module that needs the GIL.
#[derive(Clone, Debug)]
pub struct Entry {
    pub module: String,
    pub file: Option<String>,
    pub reason: Reason,
    /// Whether this import switched the GIL on.
    pub enabled: bool,
}

/// Every such module of the interpreter, in the order of import.
#[derive(Default)]
pub struct GilReport {
    entries: Mutex<Vec<Entry>>,
    /// Extensions whose init function runs now: the GIL is on until they have said what they are.
    transient: AtomicUsize,
    permanent: AtomicBool,
}

impl GilReport {
    pub fn add(&self, e: Entry) {
        self.entries.lock().unwrap_or_else(|e| e.into_inner()).push(e);
    }
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}

/// Whether the imports decide (neither `-X gil` nor `PYTHON_GIL` was given).
fn undecided(interp: &InterpreterState) -> bool {
    interp.config().enable_gil.is_none()
}

/// Switches the GIL on while an extension's init function runs.
pub fn enable_transient() {
    let interp = InterpreterState::current();
    if undecided(interp) && interp.import.gil.transient.fetch_add(1, AcqRel) == 0 {
        interp.gil.enable();
    }
}

/// Ends `enable_transient` for a module that does not need the GIL.
pub fn disable_transient() {
    let interp = InterpreterState::current();
    if undecided(interp)
        && interp.import.gil.transient.fetch_sub(1, AcqRel) == 1
        && !interp.import.gil.permanent.load(Acquire)
    {
        interp.gil.disable();
    }
}

/// Ends `enable_transient` for a module that needs the GIL; whether this switched it on for good.
pub fn enable_permanent() -> bool {
    let interp = InterpreterState::current();
    if !undecided(interp) {
        return false;
    }
    interp.import.gil.transient.fetch_sub(1, AcqRel);
    let first = !interp.import.gil.permanent.swap(true, AcqRel);
    interp.gil.enable();
    first
}
