//! Leaving frames: by return, and by an exception looking for its handler.

use super::frame::{FLAG_ENTRY, InterpFrame, Owner};
use super::slot::Slot;
use super::{ops, pending, stack};
use crate::objects::Code;
use crate::prelude::*;
use core::ptr::null_mut;
use core::sync::atomic::AtomicU32;

/// Accounts for an entry from C: recursion depth and native stack. On failure the frame is gone.
///
/// # Safety
/// The frame is linked and topmost.
pub unsafe fn enter_eval(ts: &ThreadState, frame: *mut InterpFrame) -> PyResult<()> {
    let left = ts.abi().py_recursion_remaining - 1;
    ts.abi_mut().py_recursion_remaining = left;
    // SAFETY: the caller's promise.
    unsafe {
        if left <= 0 && recursion_limit(ts).is_err() {
            leave_raising(ts, frame, frame);
            return Err(Raised::already_set());
        }
        if pending::enter_native(ts).is_err() {
            leave_raising(ts, frame, frame);
            return Err(Raised::already_set());
        }
    }
    Ok(())
}

/// The Python recursion limit was reached: RecursionError, unless one is being handled already with some headroom left.
#[cold]
#[inline(never)]
pub fn recursion_limit(ts: &ThreadState) -> PyResult<()> {
    let a = ts.abi_mut();
    if a.recursion_headroom > 0 {
        if a.py_recursion_remaining < -50 {
            // Cannot recover from this
            eprintln!("Fatal Python error: _Py_CheckRecursiveCall: Cannot recover from Python stack overflow.");
            std::process::abort();
        }
        return Ok(());
    }
    a.recursion_headroom += 1;
    a.py_recursion_remaining += 1;
    let e = raise!(RecursionError, "maximum recursion depth exceeded");
    let a = ts.abi_mut();
    a.py_recursion_remaining -= 1;
    a.recursion_headroom -= 1;
    Err(e)
}

/// Ends a data-stack frame after a return: drops what it holds and pops it.
///
/// # Safety
/// The frame is current, saved, owned by the thread; the result was taken off its stack.
#[inline(always)]
pub unsafe fn leave_thread_frame(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*frame).frame_obj.is_null() {
            return leave_observed_frame(ts, frame);
        }
        let a = ts.abi_mut();
        a.current_frame = (*frame).previous.cast();
        a.py_recursion_remaining += 1;
        let mut p = InterpFrame::localsplus(frame);
        let end = (*frame).sp;
        while p < end {
            let s = *p;
            if s.is_counted() {
                s.drop_nonnull();
            }
            p = p.add(1);
        }
        let l = (*frame).locals;
        if !l.is_null() {
            crate::object::decref(l);
        }
        (*frame).code.drop_nonnull();
        (*frame).func.drop_nonnull();
        stack::pop(ts, frame.cast());
    }
}

#[cold]
#[inline(never)]
unsafe fn leave_observed_frame(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: as `leave_thread_frame`.
    unsafe {
        InterpFrame::clear_operands(frame);
        crate::objects::frame::detach(frame);
        let a = ts.abi_mut();
        a.current_frame = (*frame).previous.cast();
        a.py_recursion_remaining += 1;
        InterpFrame::clear_slots(frame);
        InterpFrame::clear_header(frame);
        stack::pop(ts, frame.cast());
    }
}

/// Looks for the handler of the set exception at `pc`; cuts the stack and pushes what the handler expects.
///
/// # Safety
/// The frame is current; all slots below `sp` are valid.
pub unsafe fn find_handler(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    code: *const Code,
    pc: *const AtomicU32,
    sp: *mut Slot,
) -> Option<(*const AtomicU32, *mut Slot)> {
    // SAFETY: the caller's promise.
    unsafe {
        let idx = pc.offset_from((*code).instrs) - 1;
        if idx < 0 {
            return None;
        }
        let e = (*code).handler(idx as u32)?;
        let mut sp = sp;
        let base = InterpFrame::stack_base(frame).add(e.depth as usize);
        while sp > base {
            sp = sp.sub(1);
            let s = *sp;
            (*frame).sp = sp;
            s.drop();
        }
        if e.lasti {
            *sp = Slot::int_unchecked((*frame).lasti() as i64);
            sp = sp.add(1);
        }
        // The exception moves from the thread state to the stack
        let exc = ts.abi().current_exception;
        ts.abi_mut().current_exception = null_mut();
        *sp = Slot::steal(exc);
        sp = sp.add(1);
        Some(((*code).instrs.add(e.target as usize), sp))
    }
}

/// Finds the handler of the set exception, leaving frames on the way. `Some`: the frame to go on with, its `pc` and `sp`
/// set. `None`: the entry frame was left, the exception is still set.
///
/// # Safety
/// `frame` is current and saved; its traceback entry was added.
#[inline(never)]
pub unsafe fn handle(ts: &ThreadState, frame: *mut InterpFrame, entry: *mut InterpFrame) -> Option<*mut InterpFrame> {
    let mut frame = frame;
    // SAFETY: the caller's promise.
    unsafe {
        loop {
            let f = &*frame;
            if let Some((pc, sp)) = find_handler(ts, frame, f.code(), f.pc, f.sp) {
                (*frame).pc = pc;
                (*frame).sp = sp;
                return Some(frame);
            }
            frame = leave_raising(ts, frame, entry)?;
            super::traceback_here(frame);
            if super::trace::active(ts) {
                super::trace::on_raise(ts, frame, super::monitoring::event::RAISE);
            }
        }
    }
}

/// Leaves a frame with an exception set. `None` when it was an entry frame.
///
/// # Safety
/// The frame is current and saved.
#[inline(never)]
pub unsafe fn leave_raising(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    entry: *mut InterpFrame,
) -> Option<*mut InterpFrame> {
    let _ = entry;
    // SAFETY: the caller's promise.
    unsafe {
        let is_entry = (*frame).flags & FLAG_ENTRY != 0;
        let prev = (*frame).previous;
        if super::trace::active(ts) {
            // the hook may raise another exception instead
            super::trace::on_unwind(ts, frame);
        }
        let exc = crate::error::take_error();
        if (*frame).owner == Owner::Generator {
            ops::finish_generator(ts, frame);
        } else {
            leave_thread_frame(ts, frame);
        }
        if let Some(e) = exc {
            let _ = crate::error::restore(e);
        }
        if is_entry { None } else { Some(prev) }
    }
}

/// A panic left the eval loop: takes the frames down to `entry` out of the chain and raises SystemError. What they hold is
/// leaked, because nobody knows which of it is still owned.
///
/// # Safety
/// `entry` is the entry frame of that loop.
#[cold]
#[inline(never)]
pub unsafe fn after_panic(ts: &ThreadState, entry: *mut InterpFrame, payload: Box<dyn std::any::Any + Send>) -> Slot {
    let a = ts.abi_mut();
    let mut f = a.current_frame.cast::<InterpFrame>();
    // SAFETY: frames are linked down to the entry.
    unsafe {
        let outer = (*entry).previous;
        while !f.is_null() && f != outer {
            let prev = (*f).previous;
            if !(*f).frame_obj.is_null() {
                crate::objects::frame::detach(f);
            }
            if let Some(g) = InterpFrame::generator(f) {
                let ei = (&raw const g.exc_state).cast_mut();
                if !(*ei).previous_item.is_null() {
                    a.exc_info = (*ei).previous_item;
                    (*ei).previous_item = null_mut();
                }
                (*f).sp = InterpFrame::localsplus(f);
                (*f).previous = null_mut();
                g.state.store(crate::objects::r#gen::gen_state::COMPLETED, core::sync::atomic::Ordering::Release);
            } else {
                stack::pop(ts, f.cast());
            }
            a.py_recursion_remaining += 1;
            f = prev;
        }
        a.current_frame = outer.cast();
    }
    let _ = crate::convert::panicked(payload);
    Slot::NULL
}

/// Gives the set exception the context of what the innermost handler handles.
pub fn chain_context(ts: &ThreadState) {
    // SAFETY: the thread's exception info is live.
    let v = unsafe { (*ts.abi().exc_info).exc_value };
    if v.is_null() {
        return;
    }
    if let Some(e) = crate::error::take_error() {
        let _ = crate::error::raise_exception(e);
    }
}
