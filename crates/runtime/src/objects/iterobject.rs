//! Sequence iterators and `iter(callable, sentinel)`.
