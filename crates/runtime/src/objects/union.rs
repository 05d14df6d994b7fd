//! `typing.Union`: the type of `int | str`.
