//! Handlers: locals, constants, the stack, jumps, globals, cells, returning.

use super::*;
use crate::interp::frame::{FLAG_ENTRY, FLAG_INIT};
use crate::interp::{genops, ops, specialize};

table! {
    op::NOP => nop,
    op::LOAD_FAST_BORROW => load_fast_borrow,
    op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => load_fast_borrow2,
    op::LOAD_FAST => load_fast,
    op::LOAD_FAST_LOAD_FAST => load_fast2,
    op::LOAD_FAST_CHECK => load_fast_check,
    op::LOAD_FAST_AND_CLEAR => load_fast_and_clear,
    op::LOAD_CONST => load_const,
    op::LOAD_SMALL_INT => load_small_int,
    op::STORE_FAST => store_fast,
    op::STORE_FAST_LOAD_FAST => store_fast_load_fast,
    op::STORE_FAST_STORE_FAST => store_fast2,
    op::POP_TOP => pop_top,
    op::POP_ITER => pop_top,
    op::END_FOR => pop_top,
    op::END_SEND => end_send,
    op::PUSH_NULL => push_null,
    op::COPY => copy,
    op::SWAP => swap,
    op::RESUME => resume,
    op::JUMP_BACKWARD => jump_backward,
    op::JUMP_BACKWARD_NO_INTERRUPT => jump_backward_no_interrupt,
    op::JUMP_FORWARD => jump_forward,
    op::POP_JUMP_IF_FALSE => pop_jump_if_false,
    op::POP_JUMP_IF_TRUE => pop_jump_if_true,
    op::POP_JUMP_IF_NONE => pop_jump_if_none,
    op::POP_JUMP_IF_NOT_NONE => pop_jump_if_not_none,
    op::RETURN_VALUE => return_value,
    op::YIELD_VALUE => yield_value,
    op::RETURN_GENERATOR => return_generator,
    sop::LOAD_GLOBAL_MODULE => load_global_module,
    sop::LOAD_GLOBAL_BUILTIN => load_global_builtin,
    op::MAKE_CELL => make_cell,
    op::COPY_FREE_VARS => copy_free_vars,
    op::LOAD_DEREF => load_deref,
    op::STORE_DEREF => store_deref,
    op::TO_BOOL => to_bool,
    op::UNARY_NOT => unary_not,
    op::IS_OP => is_op,
}

#[cold]
#[inline(never)]
unsafe fn set_cell(c: &crate::objects::Cell, v: *mut abi::PyObject) {
    // SAFETY: the caller gives its reference away.
    drop(c.replace(unsafe { PyRef::from_ptr_opt(v) }));
}

handlers! {
    fn nop(s) {
        s.next()
    }
    fn load_fast_borrow(s) {
        let v = (*s.local(s.arg())).borrow();
        s.push(v);
        s.next()
    }
    fn load_fast_borrow2(s) {
        let (a, b) = (*s.local(s.arg() >> 12), *s.local(s.arg() & 0xfff));
        *s.sp = a.borrow();
        *s.sp.add(1) = b.borrow();
        s.sp = s.sp.add(2);
        s.next()
    }
    fn load_fast(s) {
        let v = (*s.local(s.arg())).dup();
        s.push(v);
        s.next()
    }
    fn load_fast2(s) {
        let (a, b) = (*s.local(s.arg() >> 12), *s.local(s.arg() & 0xfff));
        *s.sp = a.dup();
        *s.sp.add(1) = b.dup();
        s.sp = s.sp.add(2);
        s.next()
    }
    fn load_fast_check(s) {
        let v = *s.local(s.arg());
        if v.is_null() {
            return s.bail();
        }
        s.push(v.dup());
        s.next()
    }
    fn load_fast_and_clear(s) {
        let l = s.local(s.arg());
        let v = *l;
        *l = Slot::NULL;
        s.push(v);
        s.next()
    }
    fn load_const(s) {
        let v = *(*s.code).const_slots.add(s.arg());
        s.push(v);
        s.next()
    }
    fn load_small_int(s) {
        let v = Slot::int_unchecked(s.arg() as i64);
        s.push(v);
        s.next()
    }
    fn store_fast(s) {
        let v = s.pop();
        let l = s.local(s.arg());
        let old = *l;
        *l = v;
        s.next_dropping(old)
    }
    fn store_fast_load_fast(s) {
        let l = s.local(s.arg() >> 12);
        let old = *l;
        *l = s.peek(1);
        s.set_top((*s.local(s.arg() & 0xfff)).dup());
        s.next_dropping(old)
    }
    fn store_fast2(s) {
        let (v1, v2) = (s.peek(1), s.peek(2));
        s.sp = s.sp.sub(2);
        let l1 = s.local(s.arg() >> 12);
        let o1 = *l1;
        *l1 = v1;
        let l2 = s.local(s.arg() & 0xfff);
        let o2 = *l2;
        *l2 = v2;
        s.next_dropping2(o1, o2)
    }
    fn pop_top(s) {
        let v = s.pop();
        s.next_dropping(v)
    }
    fn end_send(s) {
        let v = s.pop();
        let receiver = s.peek(1);
        s.set_top(v);
        s.next_dropping(receiver)
    }
    fn push_null(s) {
        s.push(Slot::NULL);
        s.next()
    }
    fn copy(s) {
        let v = s.peek(s.arg()).dup();
        s.push(v);
        s.next()
    }
    fn swap(s) {
        let (a, b) = (s.sp.sub(1), s.sp.sub(s.arg()));
        let v = *a;
        *a = *b;
        *b = v;
        s.next()
    }

    // --- control ----------------------------------------------------------------------------------------------
    fn resume(s) {
        if pending::breaker(s.ts()) {
            return s.bail();
        }
        s.next()
    }
    fn jump_backward(s) {
        if pending::breaker(s.ts()) {
            return s.bail();
        }
        s.pc = s.pc.add(1).sub(s.arg());
        s.next()
    }
    fn jump_backward_no_interrupt(s) {
        s.pc = s.pc.sub(s.arg());
        s.next()
    }
    fn jump_forward(s) {
        s.jump(s.arg());
        s.next()
    }
    fn pop_jump_if_false(s) {
        if s.pop().is_obj(false_()) {
            s.jump(s.arg());
        }
        s.next()
    }
    fn pop_jump_if_true(s) {
        if s.pop().is_obj(true_()) {
            s.jump(s.arg());
        }
        s.next()
    }
    fn pop_jump_if_none(s) {
        let v = s.pop();
        if v.is_obj(none()) {
            s.jump(s.arg());
            return s.next();
        }
        s.next_dropping(v)
    }
    fn pop_jump_if_not_none(s) {
        let v = s.pop();
        if v.is_obj(none()) {
            return s.next();
        }
        s.jump(s.arg());
        s.next_dropping(v)
    }
    fn return_value(s) {
        let f = s.frame;
        let flags = (*f).flags;
        if (*f).owner == Owner::Generator {
            return return_generator_value(s.pc, s.sp, f, s.ts, s.code, s.word);
        }
        if (*f).owner != Owner::Thread || !(*f).frame_obj.is_null() || !(*f).locals.is_null() {
            return s.bail();
        }
        // The result of `__init__` is the instance, which is on the caller's stack already
        if flags > FLAG_ENTRY && (flags != FLAG_INIT || !s.peek(1).is_obj(none())) {
            return s.bail();
        }
        let v = s.pop().strong();
        let a = s.ts().abi_mut();
        let prev = (*f).previous;
        a.current_frame = prev.cast();
        a.py_recursion_remaining += 1;
        let mut p = InterpFrame::localsplus(f);
        while p < s.sp {
            let x = *p;
            if x.is_counted() && !drop_quickly(x) {
                // the rest is for `return_rest`, which finds the place in the frame's `aux`
                (*f).pc = s.pc;
                (*f).sp = s.sp;
                (*f).aux = p as u64;
                return return_rest(s.pc, s.sp, f, s.ts, s.code, v.0);
            }
            p = p.add(1);
        }
        let func = (*f).func;
        s.ts().stack.top.set(f.cast());
        if flags == FLAG_ENTRY {
            if func.is_counted() && !drop_quickly(func) {
                func.drop_nonnull();
            }
            return s.leave(v);
        }
        s.load_frame(prev);
        if flags == 0 {
            s.push(v);
        }
        s.next_dropping(func)
    }
    #[cold]
    #[inline(never)]
    fn return_rest(s) {
        let f = s.frame;
        // No frame shows it to the collector while destructors run
        s.word = Slot(s.word).counted().0;
        let mut p = (*f).aux as *mut Slot;
        while p < s.sp {
            let x = *p;
            if x.is_counted() {
                x.drop_nonnull();
            }
            p = p.add(1);
        }
        (*f).func.drop_nonnull();
        s.ts().stack.top.set(f.cast());
        let flags = (*f).flags;
        if flags == FLAG_ENTRY {
            return s.leave(Slot(s.word));
        }
        s.load_frame((*f).previous);
        if flags == 0 {
            s.push(Slot(s.word));
        }
        s.next()
    }
    #[inline(never)]
    fn return_generator_value(s) {
        let f = s.frame;
        let v = s.pop().counted();
        s.save();
        let (prev, flags) = ((*f).previous, (*f).flags);
        let target = (*f).aux as usize;
        genops::finish_generator(s.ts(), f);
        if flags & FLAG_ENTRY != 0 {
            return s.leave(v);
        }
        s.load_frame(prev);
        s.jump(target);
        s.push(v);
        s.next()
    }
    fn yield_value(s) {
        let v = s.pop().counted();
        s.save();
        let (prev, flags) = ((*s.frame).previous, (*s.frame).flags);
        genops::suspend_generator(s.ts(), s.frame, s.arg() as u32);
        if flags & FLAG_ENTRY != 0 {
            return s.leave(v);
        }
        s.load_frame(prev);
        s.next_pushing(v)
    }
    fn return_generator(s) {
        s.save();
        let g = tri!(ops::make_generator(s.ts(), s.frame));
        let (prev, flags) = ((*s.frame).previous, (*s.frame).flags);
        ops::drop_moved_frame(s.ts(), s.frame);
        if flags & FLAG_ENTRY != 0 {
            return s.leave(g);
        }
        s.load_frame(prev);
        s.push(g);
        s.next()
    }

    // --- globals, cells ---------------------------------------------------------------------------------------
    fn load_global_module(s) {
        let Some(v) = specialize::hit_global_module(s.frame, s.cache(0).load(Relaxed)) else { return s.bail() };
        s.skip_cache();
        s.push(v);
        if s.word & 0x100 != 0 {
            s.push(Slot::NULL);
        }
        s.next()
    }
    fn load_global_builtin(s) {
        let Some(v) = specialize::hit_global_builtin(s.frame, s.cache(0).load(Acquire)) else { return s.bail() };
        s.skip_cache();
        s.push(v);
        if s.word & 0x100 != 0 {
            s.push(Slot::NULL);
        }
        s.next()
    }
    fn make_cell(s) {
        s.save();
        tri!(ops::make_cell(s.local(s.arg())));
        s.next()
    }
    fn copy_free_vars(s) {
        let n = s.arg();
        let closure = (*s.frame).function().closure().unwrap_unchecked();
        let first = (*s.code).nlocalsplus() - n;
        let mut i = 0;
        while i < n {
            *s.local(first + i) = Slot::new_shared(closure.get(i));
            i += 1;
        }
        s.next()
    }
    fn load_deref(s) {
        let Some(v) = ops::cell_get(*s.local(s.arg())) else { return s.bail() };
        s.push(v);
        s.next()
    }
    fn store_deref(s) {
        s.save();
        let v = tri!(s.peek(1).into_ref()).into_ptr();
        s.set_top(Slot::NULL);
        let cell = (*s.local(s.arg())).obj().cast::<crate::objects::Cell>();
        s.sp = s.sp.sub(1);
        match cell.try_replace(v) {
            Some(old) => s.next_dropping(Slot::steal(old)),
            None => {
                set_cell(cell, v);
                s.next()
            }
        }
    }

    // --- truth ------------------------------------------------------------------------------------------------
    fn to_bool(s) {
        let v = s.peek(1);
        let b = if v.is_obj(true_()) {
            true
        } else if v.is_obj(false_()) || v.is_obj(none()) {
            false
        } else if v.is_int() {
            v.int_value() != 0
        } else {
            return to_bool_slow(s.pc, s.sp, s.frame, s.ts, s.code, s.word);
        };
        s.sp = s.sp.sub(1);
        s.skip_cache();
        s.next_bool(b)
    }
    #[inline(never)]
    fn to_bool_slow(s) {
        let v = s.peek(1);
        s.skip_cache();
        s.save();
        let b = tri!(ops::to_bool(v));
        s.sp = s.sp.sub(1);
        if v.is_counted() && !drop_quickly(v) {
            s.save();
            v.drop_nonnull();
        }
        s.next_bool(b)
    }
    fn unary_not(s) {
        let b = s.pop().is_obj(false_());
        s.next_bool(b)
    }
    fn is_op(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        let r = ops::is_op(a, b) ^ (s.arg() != 0);
        s.sp = s.sp.sub(2);
        if a.is_counted() && !drop_quickly(a) {
            s.save();
            a.drop_nonnull();
        }
        if b.is_counted() && !drop_quickly(b) {
            s.save();
            b.drop_nonnull();
        }
        s.next_bool(r)
    }
}
