//! The data stack: one reserved region per thread, in which the frames of Python functions lie.

use super::frame::InterpFrame;
use super::slot::Slot;
use crate::prelude::*;
use core::ptr::null_mut;

/// Room for `n` slots on the data stack.
#[inline(always)]
pub fn push(ts: &ThreadState, n: usize) -> PyResult<*mut Slot> {
    let base = ts.stack.top.get();
    let left = (ts.stack.limit.get() as usize).wrapping_sub(base as usize);
    if n * 8 <= left {
        // SAFETY: within the region.
        ts.stack.top.set(unsafe { base.add(n) });
        return Ok(base.cast());
    }
    push_slow(ts, n)
}

#[cold]
#[inline(never)]
fn push_slow(ts: &ThreadState, n: usize) -> PyResult<*mut Slot> {
    if ts.stack.base.get().is_null() {
        if !ts.stack.reserve() {
            return Err(raise!(MemoryError, "cannot reserve the data stack"));
        }
        return push(ts, n);
    }
    Err(raise!(MemoryError, "the data stack is full"))
}

/// Gives the room from `base` up back.
#[inline(always)]
pub fn pop(ts: &ThreadState, base: *mut Slot) {
    ts.stack.top.set(base.cast());
}

/// Initialises a frame header. Locals are not touched; `sp` is set above them.
///
/// # Safety
/// `base` has room for the code's frame; `func` is owned by the frame from now on.
#[inline(always)]
pub unsafe fn init_frame(
    base: *mut Slot,
    func: Slot,
    f: &crate::objects::Function,
    code: &crate::objects::Code,
) -> *mut InterpFrame {
    let fr = base.cast::<InterpFrame>();
    // SAFETY: the caller's promise.
    unsafe {
        (*fr).pc = code.instrs;
        (*fr).func = func;
        // code is always counted lazily, and the collector looks at frames
        (*fr).code = Slot::borrowed(code);
        (*fr).globals = f.globals;
        (*fr).builtins = f.builtins;
        // A function made of module code runs in its globals.
        (*fr).locals = if code.flags() & compiler::code::co::OPTIMIZED as u32 != 0 {
            null_mut()
        } else {
            f.globals().to_ref().into_ptr()
        };
        (*fr).frame_obj = null_mut();
        (*fr).owner = super::frame::Owner::Thread;
        (*fr).flags = 0;
        (*fr).trace_line = -1;
        (*fr).aux = 0;
        (*fr).sp = InterpFrame::localsplus(fr).add(code.nlocalsplus());
    }
    fr
}
