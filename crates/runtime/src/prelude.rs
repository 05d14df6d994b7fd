//! What nearly every file of the engine and of the native modules uses.
pub use crate::convert::{Arg, FromPy, FuncArgs, IntoPy};
pub use crate::error::{PyResult, Raised, exc};
pub use crate::object::{Object, PyClass, PyRef, Ref, Type};
pub use crate::objects::{
    Bool, Bytes, Dict, Float, FrozenSet, Int, List, Module, Set, Slice, Str, Tuple, ellipsis, false_, none, none_ref,
    not_implemented, true_,
};
pub use crate::thread::ThreadState;
pub use crate::typeobject::CompareOp;
pub use crate::{intern, py_layout, raise};
