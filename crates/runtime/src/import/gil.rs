//! GIL policy at import: which extension turned the GIL on, or would have, and why.

use crate::prelude::*;
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
    /// The import statements that led to it, the outermost first: module, file and line.
    pub chain: Vec<Importer>,
}

/// One import statement of a chain.
#[derive(Clone, Debug)]
pub struct Importer {
    pub module: String,
    pub file: String,
    pub line: u32,
}

impl Entry {
    /// The entry as lines of text: the report, and the reason of a refused import.
    pub fn describe(&self) -> String {
        let mut text = format!("{} ({}): {}", self.module, self.file.as_deref().unwrap_or("?"), self.reason.text());
        for (i, c) in self.chain.iter().enumerate() {
            let how = if i + 1 == self.chain.len() { "imported by" } else { "through" };
            text.push_str(&format!("\n    {how} {}, {}:{}", c.module, c.file, c.line));
        }
        text
    }
}

/// What `-X gil` asks for beyond on and off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// CPython's policy: the GIL goes on with a warning.
    #[default]
    Warn,
    /// The same, and a report when the program ends.
    Report,
    /// An extension that needs the GIL is not imported.
    Error,
}

/// The import statements that are under way in this thread, the outermost first.
pub fn import_chain() -> Vec<Importer> {
    let mut chain = Vec::new();
    let mut inner_is_importlib = true;
    let mut f = crate::interp::current_frame().unwrap_or(core::ptr::null_mut());
    while !f.is_null() {
        // SAFETY: frames of this thread are live while it is inside them; they keep their code and globals.
        let frame = unsafe { &*f };
        let file = frame.code().filename().to_string_lossy().into_owned();
        let importlib = file.starts_with("<frozen importlib");
        if inner_is_importlib && !importlib {
            let module = match frame.globals().get_str(intern!("__name__")) {
                Ok(Some(n)) => n.downcast::<Str>().map(|s| s.to_string_lossy().into_owned()),
                Ok(None) => None,
                Err(e) => {
                    e.clear();
                    None
                }
            };
            chain.push(Importer {
                module: module.unwrap_or_else(|| "?".into()),
                file,
                line: frame.lineno().unwrap_or(0),
            });
        }
        inner_is_importlib = importlib;
        f = frame.previous;
    }
    chain.reverse();
    chain
}

/// The report as text: one entry a module, what turned the GIL on first.
pub fn report_text() -> String {
    let interp = InterpreterState::current();
    let entries = interp.import.gil.entries();
    if entries.is_empty() {
        return "GIL report: no imported extension module needs the GIL\n".into();
    }
    let mut text = String::from("GIL report: extension modules that need the GIL\n");
    for e in entries {
        let what = if e.enabled {
            "turned the GIL on"
        } else if undecided(interp) {
            "would have turned the GIL on (it was on already)"
        } else {
            "would have turned the GIL on (-X gil or PYTHON_GIL decided)"
        };
        text.push_str(&format!("  {what}: {}\n", e.describe()));
    }
    text
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
