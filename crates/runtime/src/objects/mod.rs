//! The built-in types, one file or folder per CPython header.

pub mod exceptions;

