//! `InterpFrame`: an activation record, on the thread's data stack or inside a generator.
//!
//! Layout in memory: the header, then `nlocalsplus` locals, then the evaluation stack. `sp` and `pc` are saved before
//! anything that can leave the eval loop; between saves they are stale but never too high for the collector: slots
//! between the stale `sp` and the real one are owned by the loop alone.

use super::slot::Slot;
use crate::object::Object;
use crate::objects::{Code, Dict, Frame, Function, Generator};
use crate::prelude::*;
use core::ptr::null_mut;
use core::sync::atomic::AtomicU32;

/// Where a frame lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Owner {
    /// On the data stack of a thread
    Thread = 0,
    /// Inside a generator, coroutine or async generator
    Generator = 1,
    /// Inside a frame object that outlived the call
    FrameObject = 2,
}

/// Returning from this frame leaves the eval loop.
pub const FLAG_ENTRY: u8 = 1;
/// The frame's result is the new object, `__init__`'s result must be None (see `specialize`).
pub const FLAG_INIT: u8 = 2;
/// The exit of this frame was already traced, or it is not traced at all.
pub const FLAG_NO_TRACE: u8 = 4;

#[repr(C)]
pub struct InterpFrame {
    pub previous: *mut InterpFrame,
    /// Next instruction word
    pub pc: *const AtomicU32,
    /// First free stack slot
    pub sp: *mut Slot,
    /// The function (owned or deferred)
    pub func: Slot,
    /// The code (owned or deferred)
    pub code: Slot,
    /// Borrowed from the function
    pub globals: *mut abi::PyObject,
    /// Borrowed from the function
    pub builtins: *mut abi::PyObject,
    /// The locals mapping (owned), null for optimized code
    pub locals: *mut abi::PyObject,
    /// The frame object (owned) or null
    pub frame_obj: *mut Frame,
    pub owner: Owner,
    pub flags: u8,
    /// Last line reported by the tracer
    pub trace_line: i32,
    /// What the caller's instruction added to the call's result: unused low-level word for specialised calls
    pub aux: u64,
}

impl InterpFrame {
    /// Slots that the header takes.
    pub const HEADER_SLOTS: usize = size_of::<InterpFrame>() / 8;

    #[inline(always)]
    pub fn code(&self) -> &'static Code {
        // SAFETY: a frame keeps its code alive.
        unsafe { &*(self.code.ptr().cast::<Code>()) }
    }
    #[inline(always)]
    pub fn function(&self) -> &'static Function {
        // SAFETY: a frame keeps its function alive.
        unsafe { &*(self.func.ptr().cast::<Function>()) }
    }
    #[inline(always)]
    pub fn globals(&self) -> &'static Dict {
        // SAFETY: the function keeps its globals alive.
        unsafe { &*self.globals.cast::<Dict>() }
    }
    #[inline(always)]
    pub fn builtins(&self) -> &'static Object {
        // SAFETY: the function keeps its builtins alive.
        unsafe { Object::from_ptr(self.builtins) }
    }
    /// The locals array.
    #[inline(always)]
    pub fn localsplus(this: *mut InterpFrame) -> *mut Slot {
        // SAFETY: the slots follow the header.
        unsafe { this.add(1).cast() }
    }
    /// Bottom of the evaluation stack.
    #[inline(always)]
    pub fn stack_base(this: *mut InterpFrame) -> *mut Slot {
        // SAFETY: the stack follows the locals.
        unsafe { Self::localsplus(this).add((*this).code().nlocalsplus()) }
    }
    /// Index of the word that is being executed (-1 before the first).
    #[inline]
    pub fn lasti(&self) -> i32 {
        let base = self.code().instrs;
        // SAFETY: pc points into the code's instructions.
        unsafe { self.pc.offset_from(base) as i32 - 1 }
    }
    /// Current line; None for artificial instructions.
    pub fn lineno(&self) -> Option<u32> {
        let i = self.lasti();
        if i < 0 { Some(self.code().firstlineno()) } else { self.code().line_of(i as usize) }
    }
    /// The frame has not run its first RESUME yet: invisible to Python.
    #[inline]
    pub fn is_incomplete(&self) -> bool {
        if self.owner != Owner::Thread {
            return false;
        }
        let c = self.code();
        // SAFETY: within the code's instructions.
        self.pc <= unsafe { c.instrs.add(c.base._co_firsttraceable as usize) }
    }
    /// The generator that owns this frame.
    pub fn generator(this: *mut InterpFrame) -> Option<&'static Generator> {
        // SAFETY: a generator's frame lies at a fixed offset inside the generator.
        unsafe {
            if (*this).owner != Owner::Generator {
                return None;
            }
            Some(&*this.byte_sub(core::mem::offset_of!(Generator, frame)).cast::<Generator>())
        }
    }
    /// The Python-visible frame object, made on demand.
    pub fn frame_object(this: *mut InterpFrame) -> PyResult<Ref<Frame>> {
        // SAFETY: `this` is a live frame of this thread (or one that is suspended).
        unsafe {
            if !(*this).frame_obj.is_null() {
                return Ok(Ref::new_ref(&*(*this).frame_obj));
            }
            let f = Frame::for_interp_frame(this)?;
            (*this).frame_obj = f.clone().into_raw();
            Ok(f)
        }
    }
    /// Calls `visit` for every object the frame keeps alive, counted or not.
    ///
    /// # Safety
    /// The frame is live and not running (its thread is stopped or it is suspended).
    pub unsafe fn visit_all(this: *mut InterpFrame, visit: &mut dyn FnMut(&Object)) {
        // SAFETY: the caller's promise; all slots below sp are valid.
        unsafe {
            let f = &*this;
            for s in [f.func, f.code] {
                if let Some(o) = s.try_obj() {
                    visit(o);
                }
            }
            for p in [f.locals, f.frame_obj.cast::<abi::PyObject>(), f.globals, f.builtins] {
                if let Some(o) = Object::from_ptr_opt(p) {
                    visit(o);
                }
            }
            let mut p = Self::localsplus(this);
            while p < f.sp {
                if let Some(o) = (*p).try_obj() {
                    visit(o);
                }
                p = p.add(1);
            }
        }
    }
    /// Drops everything the frame holds; may run Python code. Leaves the slots null.
    ///
    /// # Safety
    /// The frame is live and is not executing.
    pub unsafe fn clear_slots(this: *mut InterpFrame) {
        // SAFETY: the caller's promise.
        unsafe {
            let base = Self::localsplus(this);
            while (*this).sp > base {
                (*this).sp = (*this).sp.sub(1);
                let s = *(*this).sp;
                *(*this).sp = Slot::NULL;
                s.drop();
            }
        }
    }
    /// Drops the operands above the locals: a frame that ends with an exception may still hold the exception itself, and a frame
    /// object that kept it would be a cycle.
    ///
    /// # Safety
    /// As `clear_slots`.
    pub unsafe fn clear_operands(this: *mut InterpFrame) {
        // SAFETY: the caller's promise.
        unsafe {
            let base = Self::stack_base(this);
            while (*this).sp > base {
                (*this).sp = (*this).sp.sub(1);
                let s = *(*this).sp;
                *(*this).sp = Slot::NULL;
                s.drop();
            }
        }
    }
    /// Drops function, code, locals mapping.
    ///
    /// # Safety
    /// As `clear_slots`; the frame is dead afterwards.
    pub unsafe fn clear_header(this: *mut InterpFrame) {
        // SAFETY: the caller's promise.
        unsafe {
            let l = core::mem::replace(&mut (*this).locals, null_mut());
            drop(PyRef::from_ptr_opt(l));
            let c = core::mem::replace(&mut (*this).code, Slot::NULL);
            let f = core::mem::replace(&mut (*this).func, Slot::NULL);
            c.drop();
            f.drop();
        }
    }
}
