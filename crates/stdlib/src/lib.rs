//! The native modules of the standard library, one file (or folder) per module.

pub mod errno;

use runtime::convert::InitTabEntry;

/// The built-in modules (`sys.builtin_module_names`), sorted by name.
pub static INITTAB: &[InitTabEntry] = &[errno::errno::INIT];
