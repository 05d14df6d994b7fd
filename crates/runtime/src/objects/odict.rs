//! `collections.OrderedDict` in the engine.
