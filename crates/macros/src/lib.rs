//! Declaring Python modules, types and functions in Rust: `#[pymodule]`, `#[pyclass]` and the attributes inside them.
//!
//! The macros emit tables (`PyMethodDef`, `PyGetSetDef`, slots, `TypeSpec`) and C trampolines that parse arguments with
//! `runtime::convert`; behaviour lives there, not in generated code. `docs/engine-api.md` shows the syntax.

mod class;
mod func;
mod module;
mod sig;

use proc_macro::TokenStream;

/// Declares a native module from an inline `mod`.
#[proc_macro_attribute]
pub fn pymodule(attr: TokenStream, item: TokenStream) -> TokenStream {
    module::expand(attr.into(), item.into()).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// Declares a Python type from an `impl` block.
#[proc_macro_attribute]
pub fn pyclass(attr: TokenStream, item: TokenStream) -> TokenStream {
    class::expand(attr.into(), item.into()).unwrap_or_else(|e| e.to_compile_error()).into()
}
