//! GIL policy at import: which extension turned the GIL on, or would have, and why.

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
pub struct GilReport(Mutex<Vec<Entry>>);

impl GilReport {
    pub fn add(&self, e: Entry) {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).push(e);
    }
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}
