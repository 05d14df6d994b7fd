//! Memory: the object heap, reference counts, safe reclamation (QSBR), the cycle collector and the allocator domains.

pub mod brc;
pub mod dealloc;
pub mod domains;
mod epochs;
pub mod gc;
pub mod heap;
pub(crate) mod plain;
pub mod qsbr;
pub mod refcount;
pub mod reserve;
#[cfg(test)]
mod tests;
pub mod threadcount;
mod word;

pub use dealloc::py_dealloc;
pub use gc::Visitor;
