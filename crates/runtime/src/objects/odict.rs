//! `collections.OrderedDict` of the C API.
//!
//! The class itself is the one that `collections` defines in Python; these type objects exist because hosts and extensions
//! link against their names. They are plain subclasses of `dict` and of its views in everything but order-changing methods.

use crate::objects::singletons::unready_type;
use crate::prelude::*;

#[unsafe(no_mangle)]
pub static mut PyODict_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictIter_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictKeys_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictItems_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyODictValues_Type: Type = unready_type();
