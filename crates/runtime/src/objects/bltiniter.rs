//! `map`, `filter` and `zip`.
