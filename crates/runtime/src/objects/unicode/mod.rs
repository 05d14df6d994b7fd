//! `str`: compact strings in the `cp314t` layout.
//!
//! A string is ASCII, Latin-1, UCS-2 or UCS-4, always the narrowest that holds its largest character (the canonical form:
//! equal strings have equal bytes). Exact `str` objects are compact: the characters follow the header. Instances of
//! subclasses keep them in a block of their own (`PyUnicodeObject.data`). A string's content never changes once another
//! thread can see it; the hash and the UTF-8 copy are filled in later, atomically, so that racing threads agree.

pub mod block;
pub mod build;
pub mod hash;
pub mod intern;
pub mod iter;
pub mod layout;
pub mod methods;
pub mod names;
pub mod ops;
pub mod search;
pub mod ucd;

pub use build::{StrBuilder, StrWriter};
pub use intern::InternSite;
pub use iter::PyUnicodeIter_Type;
pub use layout::{Kind, PyUnicode_Type, Str, StrData};
