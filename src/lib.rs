//! The C API of CPython 3.14 (free-threaded ABI), over the engine in `crates/runtime`.
//!
//! One file per header family; every function translates between C and the engine and does nothing else. Exports are declared
//! with `capi!` (see `export.rs`). What the engine already exports under its C name (type objects, functions whose address is
//! stored in slots) is not here.
#![allow(non_snake_case, non_upper_case_globals, clippy::missing_safety_doc)]

/// Rust's own collections survive the end of memory long enough to report it.
#[global_allocator]
static ALLOCATOR: runtime::mem::reserve::Reserve = runtime::mem::reserve::Reserve;

#[macro_use]
pub mod export;

pub mod bytes;
pub mod call;
pub mod codecs;
pub mod containers;
pub mod debug_alloc;
pub mod dict;
pub mod errors;
pub mod float;
pub mod frame;
pub mod interactive;
pub mod internal;
pub mod legacy;
pub mod lifecycle;
pub mod long;
pub mod main_entry;
pub mod memory;
pub mod misc;
pub mod module;
pub mod number;
pub mod object;
pub mod options;
pub mod rest;
pub mod sequence;
pub mod sys;
pub mod threads;
pub mod typeobject;
pub mod unicode;
pub mod variadic;
