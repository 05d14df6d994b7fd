//! Generators, coroutines and async generators, with their helper objects.
//!
//! One layout serves all three. The frame lies at the end of the object and owns counted references only while it is
//! suspended; `state` says who may touch it.

use crate::interp::frame::InterpFrame;
use crate::prelude::*;
use core::sync::atomic::{AtomicI8, AtomicPtr};

/// `state` of a generator.
pub mod gen_state {
    pub const CREATED: i8 = -3;
    pub const SUSPENDED: i8 = -2;
    /// Suspended inside `yield from` / `await`
    pub const SUSPENDED_YIELD_FROM: i8 = -1;
    pub const EXECUTING: i8 = 0;
    pub const COMPLETED: i8 = 1;
    pub const CLEARED: i8 = 4;
}

/// Generator, coroutine or async generator; the frame's slots follow.
#[repr(C)]
pub struct Generator {
    pub ob_base: abi::PyVarObject,
    pub weakreflist: *mut abi::PyObject,
    pub name: AtomicPtr<abi::PyObject>,
    pub qualname: AtomicPtr<abi::PyObject>,
    pub exc_state: abi::_err_stackitem,
    /// Coroutines: cr_origin; async generators: the finalizer hook
    pub origin_or_finalizer: AtomicPtr<abi::PyObject>,
    pub state: AtomicI8,
    pub hooks_inited: u8,
    pub closed: u8,
    pub running_async: core::sync::atomic::AtomicU8,
    pub frame: InterpFrame,
}
/// The layout is the same; the type differs.
pub type Coroutine = Generator;
/// The layout is the same; the type differs.
pub type AsyncGenerator = Generator;

#[unsafe(no_mangle)]
pub static mut PyGen_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut PyCoro_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut PyAsyncGen_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenASend_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenAThrow_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenWrappedValue_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyCoroWrapper_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyAnextAwaitable_Type: Type = Type::STATIC;
crate::py_layout!(@deref Generator);
// SAFETY: the three types have one layout.
unsafe impl PyClass for Generator {
    fn type_object() -> &'static Type {
        // SAFETY: static type objects live as long as the process.
        unsafe { &*(&raw const PyGen_Type) }
    }
    #[inline(always)]
    fn is_instance(o: &Object) -> bool {
        let t: *const Type = o.ty();
        t == &raw const PyGen_Type || t == &raw const PyCoro_Type || t == &raw const PyAsyncGen_Type
    }
}
