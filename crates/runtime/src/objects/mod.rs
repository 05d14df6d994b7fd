//! The built-in types, one file or folder per CPython header.

pub mod bytearray;
pub mod bytes;
pub mod codecs;
pub mod exceptions;
pub mod memory;
pub mod unicode;

pub use bytearray::ByteArray;
pub use bytes::Bytes;
pub use memory::{ManagedBuffer, MemoryView};
pub use unicode::{Str, StrBuilder};
