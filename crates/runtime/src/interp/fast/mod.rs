//! The fast engine: one small function per hot instruction, each ending in a jump to the next one's function.
//!
//! The state of the interpreter travels in argument registers ([`State`]), so nothing is spilled between instructions, and
//! every function ends with its own indirect jump. A function does the frequent case only. Everything else *bails*: it
//! saves the state as it was and gives the instruction to the loop in `eval`, which knows all of every instruction and
//! calls [`run`] again for what follows.
//!
//! The jumps are calls in tail position: an optimising build turns them into jumps (no handler may let the address of a
//! local variable escape). Builds with debug assertions and those for ThreadSanitizer return to the loop in `run` after every instruction instead.

mod arith;
mod attr;
mod calls;
mod iter;
mod rest;
mod simple;

use super::frame::{InterpFrame, Owner};
use super::pending;
use super::slot::Slot;
use super::specialize::sop;
use crate::object::IMMORTAL_LOCAL;
use crate::objects::{Code, Function};
use crate::prelude::*;
use compiler::opcode::op;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// Whether the handlers jump to each other. ThreadSanitizer does something at the end of every function, behind the jump.
const TAIL_CALLS: bool = !cfg!(any(debug_assertions, freewheel_tsan));

/// Why the engine stopped. `pc` and `sp` are saved in the thread's current frame.
pub type Exit = u64;
/// The instruction at `pc` is for the loop in `eval`.
pub const BAIL: Exit = 0;
/// The instruction before `pc` raised.
pub const RAISED: Exit = 1;
/// Signals, requests of other threads or a tracer wait; the engine may go on at `pc`.
pub const POLL: Exit = 2;
/// The entry frame returned or yielded: the value is in the thread state's `result`.
pub const RETURNED: Exit = 3;
/// Goes on at `pc` (builds without tail calls).
const NEXT: Exit = 4;

type Handler = unsafe extern "C-unwind" fn(
    *const AtomicU32,
    *mut Slot,
    *mut InterpFrame,
    *const ThreadState,
    *const Code,
    u64,
) -> Exit;

/// The interpreter's registers. `pc` is behind the instruction word, `word` is that word, `frame` is the current frame.
#[derive(Clone, Copy)]
struct State {
    pc: *const AtomicU32,
    sp: *mut Slot,
    frame: *mut InterpFrame,
    ts: *const ThreadState,
    code: *const Code,
    word: u64,
}

/// Defines handlers: functions from the state to the exit.
macro_rules! handlers {
    ($($(#[$m:meta])* fn $name:ident($s:ident) $body:block)*) => {$(
        $(#[$m])*
        pub(super) unsafe extern "C-unwind" fn $name(
            pc: *const AtomicU32,
            sp: *mut Slot,
            frame: *mut InterpFrame,
            ts: *const ThreadState,
            code: *const Code,
            word: u64,
        ) -> Exit {
            #[allow(unused_mut)]
            let mut $s = State { pc, sp, frame, ts, code, word };
            // SAFETY: the state is that of a running frame; the compiler emits valid operands and depths.
            unsafe { $body }
        }
    )*};
}
use handlers;

/// The value of a result, or the exit of an instruction that raised after saving its state.
macro_rules! tri {
    ($e:expr) => {
        match $e {
            Ok(v) => v,
            Err(_) => return RAISED,
        }
    };
}
use tri;

impl State {
    /// Runs the next instruction.
    #[inline(always)]
    unsafe fn next(self) -> Exit {
        // SAFETY: code ends with an instruction that leaves it.
        unsafe {
            if !TAIL_CALLS {
                self.save();
                return NEXT;
            }
            let w = (*self.pc).load(Relaxed) as u64;
            TABLE[w as u8 as usize](self.pc.add(1), self.sp, self.frame, self.ts, self.code, w)
        }
    }
    /// Gives the instruction, of which nothing was done yet, to the loop in `eval`.
    #[inline(always)]
    unsafe fn bail(self) -> Exit {
        // SAFETY: the frame is live.
        unsafe {
            (*self.frame).pc = self.pc.sub(1);
            (*self.frame).sp = self.sp;
        }
        BAIL
    }
    /// Before anything that can run other code or look at the frame.
    #[inline(always)]
    unsafe fn save(&self) {
        // SAFETY: the frame is live.
        unsafe {
            (*self.frame).pc = self.pc;
            (*self.frame).sp = self.sp;
        }
    }
    #[inline(always)]
    fn arg(&self) -> usize {
        (self.word >> 8) as usize
    }
    #[inline(always)]
    fn ts<'a>(&self) -> &'a ThreadState {
        // SAFETY: the thread is attached.
        unsafe { &*self.ts }
    }
    #[inline(always)]
    unsafe fn peek(&self, n: usize) -> Slot {
        // SAFETY: the stack is that deep.
        unsafe { *self.sp.sub(n) }
    }
    #[inline(always)]
    unsafe fn set_top(&self, v: Slot) {
        // SAFETY: the stack is not empty.
        unsafe { *self.sp.sub(1) = v }
    }
    #[inline(always)]
    unsafe fn push(&mut self, v: Slot) {
        // SAFETY: the frame has room for the code's stack size.
        unsafe {
            *self.sp = v;
            self.sp = self.sp.add(1);
        }
    }
    #[inline(always)]
    unsafe fn pop(&mut self) -> Slot {
        // SAFETY: the stack is not empty.
        unsafe {
            self.sp = self.sp.sub(1);
            *self.sp
        }
    }
    #[inline(always)]
    unsafe fn local(&self, i: usize) -> *mut Slot {
        // SAFETY: the compiler's indices are in range.
        unsafe { InterpFrame::localsplus(self.frame).add(i) }
    }
    /// Entry `k` of the instruction's inline cache; the cache word is still ahead.
    #[inline(always)]
    unsafe fn cache<'a>(&self, k: usize) -> &'a AtomicU64 {
        // SAFETY: instructions with a cache are followed by the index of their entries.
        unsafe { &*(*self.code).caches.add((*self.pc).load(Relaxed) as usize + k) }
    }
    /// Steps over the cache word.
    #[inline(always)]
    unsafe fn skip_cache(&mut self) {
        // SAFETY: the cache word is followed by an instruction.
        self.pc = unsafe { self.pc.add(1) };
    }
    #[inline(always)]
    unsafe fn jump(&mut self, n: usize) {
        // SAFETY: jumps stay in the code.
        self.pc = unsafe { self.pc.add(n) };
    }
    /// Pushes a bool, or takes the conditional jump that follows.
    #[inline(always)]
    unsafe fn next_bool(mut self, b: bool) -> Exit {
        // SAFETY: an instruction follows; there is room for the bool.
        unsafe {
            let w = (*self.pc).load(Relaxed);
            if w as u8 == op::POP_JUMP_IF_FALSE {
                self.pc = self.pc.add(1).add(if b { 0 } else { (w >> 8) as usize });
            } else if w as u8 == op::POP_JUMP_IF_TRUE {
                self.pc = self.pc.add(1).add(if b { (w >> 8) as usize } else { 0 });
            } else {
                self.push(Slot::bool(b));
            }
            self.next()
        }
    }
    /// Drops `v`, which is off the stack already, and goes on.
    #[inline(always)]
    unsafe fn next_dropping(self, v: Slot) -> Exit {
        // SAFETY: a counted slot owns a reference.
        unsafe {
            if v.is_counted() && !drop_quickly(v) {
                return drop_one(self.pc, self.sp, self.frame, self.ts, self.code, v.0);
            }
            self.next()
        }
    }
    /// The same for two; the slot above `sp` is free.
    #[inline(always)]
    unsafe fn next_dropping2(self, a: Slot, b: Slot) -> Exit {
        // SAFETY: counted slots own references.
        unsafe {
            if a.is_counted() && !drop_quickly(a) {
                *self.sp = b;
                return drop_two(self.pc, self.sp, self.frame, self.ts, self.code, a.0);
            }
            self.next_dropping(b)
        }
    }
    /// Pushes `v`, or stores it if the next instruction stores it into a local that owns nothing.
    #[inline(always)]
    unsafe fn next_pushing(mut self, v: Slot) -> Exit {
        // SAFETY: an instruction follows; there is room for the value.
        unsafe {
            let w = (*self.pc).load(Relaxed);
            if w as u8 == op::STORE_FAST {
                let l = self.local((w >> 8) as usize);
                if !(*l).is_counted() {
                    *l = v;
                    self.pc = self.pc.add(1);
                    return self.next();
                }
            }
            self.push(v);
            self.next()
        }
    }
    /// Goes on in `new`, which is set up; `self.frame` is saved and becomes its caller. The recursion limit was checked.
    #[inline(always)]
    unsafe fn enter(mut self, new: *mut InterpFrame) -> Exit {
        // SAFETY: `new` is a complete frame.
        unsafe {
            (*new).previous = self.frame;
            let a = self.ts().abi_mut();
            a.current_frame = new.cast();
            a.py_recursion_remaining -= 1;
            self.load_frame(new);
            self.next()
        }
    }
    #[inline(always)]
    unsafe fn load_frame(&mut self, f: *mut InterpFrame) {
        // SAFETY: a saved frame.
        unsafe {
            self.frame = f;
            self.code = (*f).code.ptr().cast();
            self.pc = (*f).pc;
            self.sp = (*f).sp;
        }
    }
    /// Leaves the loop with the entry frame's result.
    #[inline(always)]
    unsafe fn leave(self, v: Slot) -> Exit {
        self.ts().result.set(v.0);
        RETURNED
    }
    /// Whether one more frame is within the recursion limit.
    #[inline(always)]
    fn may_enter(&self) -> bool {
        self.ts().abi().py_recursion_remaining > 1
    }
    /// Enters the function `f` with exactly its `n` positional arguments at `args`; operands down to `bottom` are
    /// consumed, the function's slot too. The state has not advanced yet; the instruction has a cache word.
    #[inline(always)]
    unsafe fn call_exact(
        self,
        f: &Function,
        fslot: Slot,
        fcode: &Code,
        args: *mut Slot,
        n: usize,
        bottom: *mut Slot,
    ) -> Exit {
        // SAFETY: the caller's promise.
        unsafe { self.call_filled(f, fslot, fcode, args, n, bottom, &[]) }
    }
    /// The same with defaults for the parameters behind the `n` arguments.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    unsafe fn call_filled(
        mut self,
        f: &Function,
        fslot: Slot,
        fcode: &Code,
        args: *mut Slot,
        n: usize,
        bottom: *mut Slot,
        defaults: &[&Object],
    ) -> Exit {
        let ts = self.ts();
        // SAFETY: as for `eval`'s calls.
        unsafe {
            let base = ts.stack.top.get();
            let left = (ts.stack.limit.get() as usize).wrapping_sub(base as usize);
            let size = fcode.framesize();
            if !self.may_enter() || size * 8 > left || fcode.flags() & compiler::code::co::OPTIMIZED == 0 {
                return self.bail();
            }
            ts.stack.top.set(base.add(size));
            let new = base.cast::<InterpFrame>();
            (*new).pc = fcode.instrs;
            (*new).func = fslot;
            (*new).code = Slot::borrowed(fcode);
            (*new).globals = f.globals;
            (*new).builtins = f.builtins;
            (*new).locals = null_mut();
            (*new).frame_obj = null_mut();
            (*new).owner = Owner::Thread;
            (*new).flags = 0;
            (*new).trace_line = -1;
            (*new).aux = 0;
            let lp = InterpFrame::localsplus(new);
            let total = fcode.nlocalsplus();
            fill_locals(lp, args, n, total);
            for (i, d) in defaults.iter().enumerate() {
                *lp.add(n + i) = Slot::new(d);
            }
            (*self.frame).pc = self.pc.add(1);
            (*self.frame).sp = bottom;
            (*new).previous = self.frame;
            let a = ts.abi_mut();
            a.current_frame = new.cast();
            a.py_recursion_remaining -= 1;
            self.frame = new;
            self.code = fcode;
            self.pc = fcode.instrs;
            self.sp = lp.add(total);
            self.next()
        }
    }
    /// Drops the `n` topmost entries by calls.
    #[inline(always)]
    unsafe fn drop_n(&mut self, n: usize) {
        // SAFETY: the stack is that deep.
        unsafe {
            self.sp = self.sp.sub(n);
            (*self.frame).sp = self.sp;
            let mut i = 0;
            while i < n {
                let v = *self.sp.add(i);
                if v.is_counted() && !drop_quickly(v) {
                    v.drop_nonnull();
                }
                i += 1;
            }
        }
    }
    /// After a call into native code: signals and requests of other threads are served here too.
    #[inline(always)]
    unsafe fn next_after_call(self) -> Exit {
        // SAFETY: the state is that of a running frame.
        unsafe {
            if pending::breaker(self.ts()) {
                self.save();
                return POLL;
            }
            self.next()
        }
    }
}

/// Copies `n` arguments to the first of `total` locals. (Volatile: short loops, not calls of `memset` or unrolled copies.)
#[inline(always)]
unsafe fn fill_locals(lp: *mut Slot, args: *const Slot, n: usize, total: usize) {
    // SAFETY: the caller has room for all locals.
    unsafe {
        let mut i = 0;
        while i < n {
            lp.add(i).write_volatile(*args.add(i));
            i += 1;
        }
        while i < total {
            lp.add(i).write_volatile(Slot::NULL);
            i += 1;
        }
    }
}

/// Drops a counted slot if that only changes the owner's count.
#[inline(always)]
unsafe fn drop_quickly(v: Slot) -> bool {
    // SAFETY: a counted slot's object is alive.
    let o = unsafe { &*(v.0 as *const abi::PyObject) };
    let local = o.ob_ref_local.load(Relaxed);
    // the owner is nobody for immortal objects
    if local > 1 && o.ob_tid.load(Relaxed) == crate::arch::thread_id() {
        o.ob_ref_local.store(local - 1, Relaxed);
        return true;
    }
    local == IMMORTAL_LOCAL
}

handlers! {
    #[cold]
    #[inline(never)]
    fn drop_one(s) {
        s.save();
        Slot(s.word).drop_nonnull();
        s.next()
    }
    #[cold]
    #[inline(never)]
    fn drop_two(s) {
        let b = *s.sp;
        s.save();
        Slot(s.word).drop_nonnull();
        b.drop();
        s.next()
    }
    fn bail(s) {
        s.bail()
    }
}

/// Runs the thread's current frame from `pc`, and what it calls.
///
/// # Safety
/// `frame` is the current frame, not traced, with all state saved in it.
#[inline(always)]
pub unsafe fn run(ts: &ThreadState, frame: *mut InterpFrame) -> Exit {
    // SAFETY: the caller's promise.
    unsafe {
        let mut frame = frame;
        loop {
            let pc = (*frame).pc;
            let w = (*pc).load(Relaxed) as u64;
            let code = (*frame).code.ptr().cast();
            let r = TABLE[w as u8 as usize](pc.add(1), (*frame).sp, frame, ts, code, w);
            if TAIL_CALLS || r != NEXT {
                return r;
            }
            frame = ts.abi().current_frame.cast();
        }
    }
}

/// The handler of every opcode; [`bail`] for those that only `eval` knows.
static TABLE: [Handler; 256] = {
    let mut t: [Handler; 256] = [bail; 256];
    simple::fill(&mut t);
    arith::fill(&mut t);
    attr::fill(&mut t);
    calls::fill(&mut t);
    iter::fill(&mut t);
    rest::fill(&mut t);
    t
};

/// Writes `fill`, which enters the handlers of opcodes into the table.
macro_rules! table {
    ($($op:expr => $f:ident),* $(,)?) => {
        pub(super) const fn fill(t: &mut [Handler; 256]) {
            $(t[$op as usize] = $f;)*
        }
    };
}
use table;
