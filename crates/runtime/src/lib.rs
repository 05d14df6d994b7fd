//! The engine of Freewheel: memory, threads, objects, types, the interpreter and import.
//!
//! The C API (`src/` of the root package) and the native modules (`crates/stdlib`) are two clients of this crate.
#![allow(clippy::missing_safety_doc, clippy::new_without_default, clippy::len_without_is_empty)]

// The macros name this crate `runtime`, here too.
extern crate self as runtime;

pub mod arch;
pub mod convert;
pub mod error;
pub mod format;
pub mod import;
pub mod interp;
pub mod lifecycle;
pub mod mem;
pub mod object;
pub mod objects;
pub mod prelude;
pub mod protocol;
pub mod pyhash;
pub mod thread;
pub mod typeobject;

pub use abi;
