//! The native modules of the standard library, one file (or folder) per module.

pub mod _codecs;
pub mod _collections;
pub mod _contextvars;
pub mod _imp;
pub mod _random;
pub mod _string;
pub mod _thread;
pub mod _uuid;
pub mod _warnings;
pub mod _weakref;
pub mod atexit;
pub mod errno;
pub mod gc;
pub mod itertools;
pub mod marshal;
pub mod math;
pub mod posix;
pub mod sys;

use runtime::convert::InitTabEntry;

/// The built-in modules (`sys.builtin_module_names`), sorted by name.
pub static INITTAB: &[InitTabEntry] = &[
    _collections::_collections::INIT,
    _contextvars::_contextvars::INIT,
    _random::_random::INIT,
    _thread::_thread::INIT,
    _uuid::_uuid::INIT,
    _warnings::_warnings::INIT,
    _weakref::_weakref::INIT,
    atexit::atexit::INIT,
    errno::errno::INIT,
    gc::gc::INIT,
    itertools::itertools::INIT,
    math::math::INIT,
];
