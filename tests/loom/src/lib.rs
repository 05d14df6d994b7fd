//! Loom models of the engine's lock-free parts. The algorithms are the engine's own files.
#![cfg(all(test, loom))]

#[path = "../../../crates/runtime/src/mem/epochs.rs"]
mod epochs;
#[path = "../../../crates/runtime/src/mem/word.rs"]
mod word;

mod counts;
mod reclamation;
