//! The built-in types, one file or folder per CPython header.

pub mod bltiniter;
pub mod bytearray;
pub mod bytes;
pub mod codecs;
pub mod dict;
pub mod enumobject;
pub mod exceptions;
pub mod genericalias;
pub mod iterobject;
pub mod list;
pub mod memory;
pub mod namespace;
pub mod odict;
pub mod range;
pub mod reprguard;
pub mod set;
pub mod singletons;
pub mod slice;
pub mod tuple;
pub mod unicode;
pub mod union;

pub use bytearray::ByteArray;
pub use bytes::Bytes;
pub use dict::Dict;
pub use list::List;
pub use memory::{ManagedBuffer, MemoryView};
pub use range::Range;
pub use set::{FrozenSet, Set};
pub use singletons::{ellipsis, none, none_ref, not_implemented, not_implemented_ref};
pub use slice::Slice;
pub use tuple::Tuple;
pub use unicode::{Str, StrBuilder};
