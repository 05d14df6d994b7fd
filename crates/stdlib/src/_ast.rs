//! `_ast`: the classes of syntax trees.

use macros::pymodule;

#[pymodule(name = "_ast", gil = not_used)]
pub mod _ast {
    use runtime::prelude::*;

    #[pyattr]
    #[allow(non_snake_case)]
    fn PyCF_ONLY_AST() -> i32 {
        0x400
    }
    #[pyattr]
    #[allow(non_snake_case)]
    fn PyCF_TYPE_COMMENTS() -> i32 {
        0x1000
    }
    #[pyattr]
    #[allow(non_snake_case)]
    fn PyCF_ALLOW_TOP_LEVEL_AWAIT() -> i32 {
        0x2000
    }
    #[pyattr]
    #[allow(non_snake_case)]
    fn PyCF_OPTIMIZED_AST() -> i32 {
        0x8000 | 0x400
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::interp::astobj::add_classes(m)
    }
}
pub use _ast::{DEF, INIT};
