//! `types.GenericAlias`.
