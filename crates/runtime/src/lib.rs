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
pub mod marshal;
pub mod mem;
pub mod object;
pub mod objects;
pub mod prelude;
pub mod protocol;
pub mod pyhash;
pub mod thread;
pub mod typeobject;

pub use abi;

/// Name part of our `.pyc` files (`sys.implementation.cache_tag`).
pub const CACHE_TAG: &str = "freewheel-314";
/// First four bytes of our `.pyc` files: changes whenever the bytecode does.
pub const PYC_MAGIC: [u8; 4] = [0x03, 0xf7, b'\r', b'\n'];
/// Version of the language and of the ABI.
pub const PY_VERSION: &str = "3.14.10";
pub const PY_VERSION_HEX: u32 = 0x030E_0AF0;
