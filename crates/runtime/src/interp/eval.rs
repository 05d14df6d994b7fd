//! The eval loop.
//!
//! One function interprets all frames between an entry from C and its return: Python-to-Python calls, generators driven
//! by `for`, `await` and `yield from` push and pop frames without using the native stack. The hot state (`frame`, `code`,
//! `pc`, `sp`) lives in locals; `save!` writes it back before anything that can run other code or look at the frame.
//! Operands of an instruction stay on the stack while it runs, so that an error path only has to unwind the stack.

use super::fast;
use super::frame::{FLAG_ENTRY, InterpFrame, Owner};
use super::ops;
use super::pending;
use super::slot::{Slot, materialize};
use super::specialize::{self, sop};
use super::trace;
use super::unwind;
use super::{call, stack};
use crate::object::PyRef;
use crate::objects::{Code, Function, Generator};
use crate::prelude::*;
use compiler::opcode::{nb, op};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// The type object of a class as a plain address.
macro_rules! type_is {
    ($o:expr, $t:expr) => {
        core::ptr::addr_eq($o.ty(), &raw const $t)
    };
}
pub(crate) use type_is;

/// Value of a slot that holds an exact int of one digit or less, or an unboxed one.
#[inline(always)]
pub fn slot_i64(s: Slot) -> Option<i64> {
    if s.is_int() {
        return Some(s.int_value());
    }
    if s.is_float() || s.is_null() {
        return None;
    }
    let o = s.obj();
    if type_is!(o, crate::objects::long::PyLong_Type) {
        // SAFETY: an exact int.
        let v = unsafe { &o.cast::<Int>().0.long_value };
        if v.lv_tag < 16 {
            return Some((1 - (v.lv_tag & 3) as i64) * v.ob_digit[0] as i64);
        }
        if v.lv_tag < 24 {
            // SAFETY: two digits follow.
            let d1 = unsafe { *v.ob_digit.as_ptr().add(1) } as i64;
            return Some((1 - (v.lv_tag & 3) as i64) * (v.ob_digit[0] as i64 | d1 << 30));
        }
    }
    None
}

/// Value of a slot that holds an exact float.
#[inline(always)]
pub fn slot_f64(s: Slot) -> Option<f64> {
    if s.is_float() {
        return Some(s.float_value());
    }
    if s.is_int() || s.is_null() {
        return None;
    }
    let o = s.obj();
    if type_is!(o, crate::objects::float::PyFloat_Type) {
        // SAFETY: an exact float.
        return Some(unsafe { o.cast::<Float>() }.value());
    }
    None
}

/// A float operand of mixed arithmetic: float or small int.
#[inline(always)]
pub fn slot_num(s: Slot) -> Option<f64> {
    if s.is_float() {
        return Some(s.float_value());
    }
    if s.is_int() {
        let v = s.int_value();
        return if v.unsigned_abs() <= 1 << 53 { Some(v as f64) } else { None };
    }
    slot_f64(s)
}

/// Runs from `frame` until its entry frame ends or its generator yields. NULL: an exception is set.
///
/// # Safety
/// `frame` is linked as the thread's current frame and has FLAG_ENTRY; with `throw` an exception is set.
pub unsafe fn eval(ts: &ThreadState, entry: *mut InterpFrame, throw: bool) -> Slot {
    // SAFETY: the invariants of frames and slots in this module's comment.
    unsafe {
        if unwind::enter_eval(ts, entry).is_err() {
            return Slot::NULL;
        }
        let body = || {
            let mut frame = entry;
            let mut throw = throw;
            loop {
                let traced = trace::active(ts);
                if !traced && !throw {
                    // Most entries begin and end here
                    match fast::run(ts, frame) {
                        fast::RETURNED => return Slot(ts.result.get()),
                        fast::RAISED => {
                            frame = ts.abi().current_frame.cast();
                            super::traceback_here(frame);
                            throw = true;
                        }
                        fast::POLL => {
                            frame = ts.abi().current_frame.cast();
                            if trace::wants_switch::<false>(ts) {
                                trace::on_switch(frame);
                            } else if pending::handle_breaker(ts).is_err() {
                                super::traceback_here(frame);
                                throw = true;
                            }
                            continue;
                        }
                        _ => frame = ts.abi().current_frame.cast(),
                    }
                }
                let r = if traced { eval_loop::<true>(ts, frame, throw) } else { eval_loop::<false>(ts, frame, throw) };
                if r != SWITCH {
                    return r;
                }
                // The other copy of the loop goes on with the current frame
                frame = ts.abi().current_frame.cast();
                throw = false;
                if trace::active(ts) {
                    trace::on_switch(frame);
                }
            }
        };
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
            Ok(r) => r,
            Err(p) => unwind::after_panic(ts, entry, p),
        }
    }
}

/// Result of a loop that wants its other copy to go on.
const SWITCH: Slot = Slot(1);

#[allow(clippy::cognitive_complexity)]
unsafe fn eval_loop<const TRACED: bool>(ts: &ThreadState, entry: *mut InterpFrame, throw: bool) -> Slot {
    // SAFETY: as in `eval`; the compiler emits valid operands and depths.
    unsafe {
        let mut frame: *mut InterpFrame = entry;
        let mut code: *const Code;
        let mut pc: *const AtomicU32;
        let mut sp: *mut Slot;
        let mut unwinding = throw;

        macro_rules! load_frame {
            () => {{
                code = (*frame).code.ptr().cast::<Code>();
                pc = (*frame).pc;
                sp = (*frame).sp;
            }};
        }
        macro_rules! save {
            () => {{
                (*frame).pc = pc;
                (*frame).sp = sp;
            }};
        }
        macro_rules! push {
            ($s:expr) => {{
                let v: Slot = $s;
                *sp = v;
                sp = sp.add(1);
            }};
        }
        macro_rules! pop {
            () => {{
                sp = sp.sub(1);
                *sp
            }};
        }
        macro_rules! peek {
            ($n:expr) => {
                *sp.sub($n)
            };
        }
        macro_rules! local {
            ($i:expr) => {
                *InterpFrame::localsplus(frame).add($i as usize)
            };
        }
        macro_rules! cache {
            () => {{
                let i = (*pc).load(Relaxed) as usize;
                pc = pc.add(1);
                &*(*code).caches.add(i)
            }};
        }
        // Traced: the frame and the word that ran last
        let mut last: (*mut InterpFrame, usize) = (null_mut(), 0);
        let mut here = 0usize;
        load_frame!();
        if TRACED && throw && trace::on_throw(ts, frame).is_ok() {
            trace::on_raise(ts, frame, super::monitoring::event::RAISE);
        }
        'outer: loop {
            if unwinding {
                unwinding = false;
                match unwind::handle(ts, frame, entry) {
                    Some(f) => {
                        frame = f;
                        load_frame!();
                        if TRACED && trace::on_handled(ts, frame, peek!(1)).is_err() {
                            unwinding = true;
                            continue 'outer;
                        }
                    }
                    None => return Slot::NULL,
                }
            }
            // Leaving this block by `break 'run` raises: true adds a traceback entry.
            let add_traceback: bool = 'run: loop {
                if TRACED {
                    here = pc.offset_from((*code).instrs) as usize;
                    (*frame).pc = pc.add(1);
                    (*frame).sp = sp;
                    let prev = (last.0 == frame).then_some(last.1);
                    last = (frame, here);
                    let r = trace::on_instruction(ts, frame, here, prev);
                    pc = (*frame).pc.sub(1);
                    sp = (*frame).sp;
                    if r.is_err() {
                        pc = pc.add(1);
                        break 'run true;
                    }
                    if pc.offset_from((*code).instrs) as usize != here {
                        // the debugger jumped
                        here = pc.offset_from((*code).instrs) as usize;
                        last = (frame, here);
                    }
                } else {
                    save!();
                    let exit = fast::run(ts, frame);
                    if exit == fast::RETURNED {
                        return Slot(ts.result.get());
                    }
                    frame = ts.abi().current_frame.cast();
                    load_frame!();
                    if exit == fast::RAISED {
                        break 'run true;
                    }
                    if exit == fast::POLL {
                        if trace::wants_switch::<TRACED>(ts) {
                            return SWITCH;
                        }
                        if pending::handle_breaker(ts).is_err() {
                            break 'run true;
                        }
                        continue 'run;
                    }
                }
                let word = (*pc).load(Relaxed);
                pc = pc.add(1);
                let arg = word >> 8;
                macro_rules! tri {
                    ($e:expr) => {
                        match $e {
                            Ok(v) => v,
                            Err(_) => break 'run true,
                        }
                    };
                }
                // Enters a frame that is fully set up
                macro_rules! enter {
                    ($new:expr) => {{
                        let new: *mut InterpFrame = $new;
                        (*new).previous = frame;
                        ts.abi_mut().current_frame = new.cast();
                        let left = ts.abi().py_recursion_remaining - 1;
                        ts.abi_mut().py_recursion_remaining = left;
                        frame = new;
                        if left <= 0 {
                            load_frame!();
                            if unwind::recursion_limit(ts).is_err() {
                                break 'run false;
                            }
                        }
                        load_frame!();
                        continue 'run;
                    }};
                }
                // Pushes the frame of an exact call: `$f` with `$n` arguments at `$args`; operands down to `$bottom` are consumed
                macro_rules! call_exact {
                    ($f:expr, $fslot:expr, $fcode:expr, $args:expr, $n:expr, $bottom:expr) => {{
                        let f: &Function = $f;
                        let fcode: &Code = $fcode;
                        let n: usize = $n;
                        let args: *mut Slot = $args;
                        (*frame).pc = pc;
                        (*frame).sp = sp;
                        let base = tri!(stack::push(ts, fcode.framesize()));
                        let new = stack::init_frame(base, $fslot, f, fcode);
                        let lp = InterpFrame::localsplus(new);
                        let mut i = 0;
                        while i < n {
                            *lp.add(i) = *args.add(i);
                            i += 1;
                        }
                        let total = fcode.nlocalsplus();
                        while i < total {
                            *lp.add(i) = Slot::NULL;
                            i += 1;
                        }
                        (*frame).sp = $bottom;
                        enter!(new);
                    }};
                }
                macro_rules! jump {
                    ($n:expr) => {
                        pc = pc.add($n as usize)
                    };
                }
                // Pushes a bool, or takes the conditional jump that follows
                macro_rules! push_bool {
                    ($b:expr) => {{
                        let b: bool = $b;
                        let next = (*pc).load(Relaxed);
                        match if TRACED { op::NOP } else { next as u8 } {
                            op::POP_JUMP_IF_FALSE => {
                                pc = pc.add(1);
                                if !b {
                                    jump!(next >> 8);
                                }
                            }
                            op::POP_JUMP_IF_TRUE => {
                                pc = pc.add(1);
                                if b {
                                    jump!(next >> 8);
                                }
                            }
                            _ => push!(Slot::bool(b)),
                        }
                    }};
                }
                // Replaces the two operands by a result
                macro_rules! result2 {
                    ($r:expr) => {{
                        let r: Slot = $r;
                        let (a, b) = (peek!(2), peek!(1));
                        sp = sp.sub(1);
                        *sp.sub(1) = r;
                        if a.is_counted() || b.is_counted() {
                            save!();
                            a.drop_nonnull();
                            b.drop_nonnull();
                        }
                    }};
                }
                macro_rules! result1 {
                    ($r:expr) => {{
                        let r: Slot = $r;
                        let a = peek!(1);
                        *sp.sub(1) = r;
                        if a.is_counted() {
                            save!();
                            a.drop_nonnull();
                        }
                    }};
                }
                macro_rules! binary_generic {
                    ($op:expr) => {{
                        save!();
                        let r = tri!(ops::binary_op(sp.sub(2), $op));
                        result2!(r);
                        continue 'run;
                    }};
                }
                macro_rules! store_hit {
                    ($f:path) => {{
                        let c = cache!();
                        save!();
                        if $f(sp.sub(2), c.load(Relaxed)) {
                            // the value was moved into the object
                            sp = sp.sub(2);
                            let o = *sp.add(1);
                            if o.is_counted() {
                                save!();
                                o.drop_nonnull();
                            }
                            continue 'run;
                        }
                        specialize::attr_miss(pc.sub(2), c);
                        pc = pc.sub(2);
                    }};
                }
                macro_rules! binary_miss {
                    ($c:expr) => {{
                        specialize::miss(pc.sub(2), $c);
                        binary_generic!(arg);
                    }};
                }
                macro_rules! switch_loops {
                    () => {
                        if trace::wants_switch::<TRACED>(ts) {
                            save!();
                            return SWITCH;
                        }
                    };
                }
                if TRACED {
                    let o = specialize::base_op(word as u8);
                    if matches!(o, op::CALL | op::CALL_KW | op::CALL_FUNCTION_EX) {
                        let n = if o == op::CALL_FUNCTION_EX { 2 } else { arg as usize };
                        let size = n + 2 + (o == op::CALL_KW) as usize;
                        save!();
                        if let trace::Traced::Done(r) = tri!(trace::on_call(ts, frame, o, sp.sub(size), n, here)) {
                            if opcode_has_cache(o) {
                                pc = pc.add(1);
                            }
                            ops::pop_n(frame, &mut sp, size);
                            push!(r);
                            switch_loops!();
                            continue 'run;
                        }
                    }
                }
                // The traced loop runs the general forms only: a miss would report an instruction twice
                match if TRACED { specialize::base_op(word as u8) } else { word as u8 } {
                    // --- locals, constants, stack -------------------------------------------------------------
                    op::NOP => {}
                    op::LOAD_FAST_BORROW => push!(local!(arg).borrow()),
                    op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => {
                        *sp = local!(arg >> 12).borrow();
                        *sp.add(1) = local!(arg & 0xfff).borrow();
                        sp = sp.add(2);
                    }
                    op::LOAD_FAST => push!(local!(arg).dup()),
                    op::LOAD_FAST_LOAD_FAST => {
                        *sp = local!(arg >> 12).dup();
                        *sp.add(1) = local!(arg & 0xfff).dup();
                        sp = sp.add(2);
                    }
                    op::LOAD_CONST => push!(*(*code).const_slots.add(arg as usize)),
                    op::LOAD_SMALL_INT => push!(Slot::int_unchecked(arg as i64)),
                    op::STORE_FAST => {
                        let v = pop!();
                        let old = local!(arg);
                        local!(arg) = v;
                        if old.is_counted() {
                            save!();
                            old.drop_nonnull();
                        }
                    }
                    op::STORE_FAST_LOAD_FAST => {
                        let v = peek!(1);
                        let old = local!(arg >> 12);
                        local!(arg >> 12) = v;
                        *sp.sub(1) = local!(arg & 0xfff).dup();
                        if old.is_counted() {
                            save!();
                            old.drop_nonnull();
                        }
                    }
                    op::STORE_FAST_STORE_FAST => {
                        let (v1, v2) = (peek!(1), peek!(2));
                        sp = sp.sub(2);
                        let o1 = local!(arg >> 12);
                        local!(arg >> 12) = v1;
                        let o2 = local!(arg & 0xfff);
                        local!(arg & 0xfff) = v2;
                        if o1.is_counted() || o2.is_counted() {
                            save!();
                            o1.drop();
                            o2.drop();
                        }
                    }
                    op::LOAD_FAST_CHECK => {
                        let v = local!(arg);
                        if v.is_null() {
                            save!();
                            ops::unbound_local(&*code, arg as usize);
                            break 'run true;
                        }
                        push!(v.dup());
                    }
                    op::LOAD_FAST_AND_CLEAR => {
                        push!(local!(arg));
                        local!(arg) = Slot::NULL;
                    }
                    op::DELETE_FAST => {
                        let v = local!(arg);
                        save!();
                        if v.is_null() {
                            ops::unbound_local(&*code, arg as usize);
                            break 'run true;
                        }
                        local!(arg) = Slot::NULL;
                        v.drop();
                    }
                    op::POP_TOP | op::POP_ITER | op::END_FOR => {
                        let v = pop!();
                        if v.is_counted() {
                            save!();
                            v.drop_nonnull();
                        }
                    }
                    op::PUSH_NULL => push!(Slot::NULL),
                    op::COPY => {
                        let v = peek!(arg as usize);
                        push!(v.dup());
                    }
                    op::SWAP => {
                        let a = sp.sub(1);
                        let b = sp.sub(arg as usize);
                        core::ptr::swap(a, b);
                    }
                    op::END_SEND => {
                        let v = pop!();
                        result1!(v);
                    }

                    // --- control ------------------------------------------------------------------------------
                    op::RESUME => {
                        if pending::breaker(ts) {
                            save!();
                            if !TRACED && trace::wants_switch::<TRACED>(ts) {
                                (*frame).pc = pc.sub(1);
                                return SWITCH;
                            }
                            if arg & 3 < 2 || arg > 3 {
                                tri!(pending::handle_breaker(ts));
                            }
                        }
                        if TRACED {
                            save!();
                            if trace::wants_switch::<TRACED>(ts) {
                                (*frame).pc = pc.sub(1);
                                return SWITCH;
                            }
                            tri!(trace::on_resume(ts, frame, arg, here));
                            if (*frame).pc != pc {
                                // the debugger jumped
                                pc = (*frame).pc.sub(1);
                                sp = (*frame).sp;
                                last = (null_mut(), 0);
                                continue 'run;
                            }
                        }
                    }
                    op::JUMP_BACKWARD => {
                        // Before the jump: what is raised here belongs to the loop's end, inside its `try`.
                        if pending::breaker(ts) {
                            save!();
                            if !TRACED && trace::wants_switch::<TRACED>(ts) {
                                (*frame).pc = pc.sub(1);
                                return SWITCH;
                            }
                            tri!(pending::handle_breaker(ts));
                        }
                        pc = pc.add(1).sub(arg as usize);
                    }
                    op::JUMP_BACKWARD_NO_INTERRUPT => pc = pc.sub(arg as usize),
                    op::JUMP_FORWARD => jump!(arg),
                    op::POP_JUMP_IF_FALSE => {
                        let v = pop!();
                        if v.is_obj(false_()) {
                            jump!(arg);
                        }
                    }
                    op::POP_JUMP_IF_TRUE => {
                        let v = pop!();
                        if v.is_obj(true_()) {
                            jump!(arg);
                        }
                    }
                    op::POP_JUMP_IF_NONE => {
                        let v = pop!();
                        if v.is_obj(none()) {
                            jump!(arg);
                        } else if v.is_counted() {
                            save!();
                            v.drop_nonnull();
                        }
                    }
                    op::POP_JUMP_IF_NOT_NONE => {
                        let v = pop!();
                        if !v.is_obj(none()) {
                            jump!(arg);
                            if v.is_counted() {
                                save!();
                                v.drop_nonnull();
                            }
                        }
                    }
                    op::RETURN_VALUE => {
                        if TRACED {
                            save!();
                            tri!(trace::on_return(ts, frame, peek!(1), false, here));
                        }
                        let v = pop!().strong();
                        save!();
                        let f = frame;
                        if (*f).owner == Owner::Thread && (*f).flags == 0 {
                            let prev = (*f).previous;
                            unwind::leave_thread_frame(ts, f);
                            frame = prev;
                            load_frame!();
                            push!(v);
                            continue 'run;
                        }
                        match ops::return_slow(ts, f, v) {
                            ops::Return::Exit(v) => return v,
                            ops::Return::Caller(caller, v) => {
                                frame = caller;
                                load_frame!();
                                push!(v);
                            }
                            ops::Return::Raised(caller) => {
                                frame = caller;
                                load_frame!();
                                break 'run true;
                            }
                            ops::Return::RaisedExit => return Slot::NULL,
                        }
                    }
                    op::RETURN_GENERATOR => {
                        save!();
                        let g = tri!(ops::make_generator(ts, frame));
                        let prev = (*frame).previous;
                        let entry_flag = (*frame).flags & FLAG_ENTRY != 0;
                        ops::drop_moved_frame(ts, frame);
                        if entry_flag {
                            return g;
                        }
                        frame = prev;
                        load_frame!();
                        push!(g);
                    }
                    op::YIELD_VALUE => {
                        if TRACED {
                            save!();
                            tri!(trace::on_return(ts, frame, peek!(1), true, here));
                            if (*frame).pc != pc {
                                // the debugger jumped, which took the value off the stack
                                pc = (*frame).pc.sub(1);
                                sp = (*frame).sp;
                                last = (null_mut(), 0);
                                continue 'run;
                            }
                        }
                        let v = pop!().counted();
                        save!();
                        let flags = (*frame).flags;
                        let prev = (*frame).previous;
                        ops::suspend_generator(ts, frame, arg);
                        if flags & FLAG_ENTRY != 0 {
                            return v;
                        }
                        frame = prev;
                        load_frame!();
                        push!(v);
                    }

                    // --- globals and names --------------------------------------------------------------------
                    op::LOAD_GLOBAL => {
                        let c = cache!();
                        save!();
                        let name = (*code).name_at(arg as usize >> 1);
                        specialize::load_global(pc.sub(2), c, frame, name);
                        let v = tri!(ops::load_global(frame, name));
                        push!(v);
                        if arg & 1 != 0 {
                            push!(Slot::NULL);
                        }
                    }
                    sop::LOAD_GLOBAL_GENERIC => {
                        let _ = cache!();
                        save!();
                        let v = tri!(ops::load_global(frame, (*code).name_at(arg as usize >> 1)));
                        push!(v);
                        if arg & 1 != 0 {
                            push!(Slot::NULL);
                        }
                    }
                    // A specialised form comes here when it did not fit: back to the adaptive one
                    sop::LOAD_GLOBAL_MODULE | sop::LOAD_GLOBAL_BUILTIN => {
                        specialize::set_op(pc.sub(1), op::LOAD_GLOBAL);
                        pc = pc.sub(1);
                    }
                    op::LOAD_NAME => {
                        let _ = cache!();
                        save!();
                        let v = tri!(ops::load_name(frame, (*code).name_at(arg as usize)));
                        push!(v);
                    }
                    op::STORE_NAME => {
                        save!();
                        tri!(ops::store_name(frame, (*code).name_at(arg as usize), sp.sub(1)));
                        pop!().drop();
                    }
                    op::DELETE_NAME => {
                        save!();
                        tri!(ops::delete_name(frame, (*code).name_at(arg as usize)));
                    }
                    op::STORE_GLOBAL => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!((*frame).globals().set((*code).name_at(arg as usize), peek!(1).obj()));
                        pop!().drop();
                    }
                    op::DELETE_GLOBAL => {
                        save!();
                        tri!(ops::delete_global(frame, (*code).name_at(arg as usize)));
                    }
                    op::LOAD_LOCALS => {
                        save!();
                        let v = tri!(ops::load_locals(frame));
                        push!(v);
                    }
                    op::LOAD_FROM_DICT_OR_GLOBALS => {
                        save!();
                        let v = tri!(ops::load_from_dict_or_globals(frame, peek!(1), (*code).name_at(arg as usize)));
                        result1!(v);
                    }
                    op::LOAD_FROM_DICT_OR_DEREF => {
                        save!();
                        let v = tri!(ops::load_from_dict_or_deref(frame, peek!(1), arg as usize));
                        result1!(v);
                    }
                    op::LOAD_BUILD_CLASS => {
                        save!();
                        let v = tri!(ops::load_build_class(frame));
                        push!(v);
                    }
                    op::LOAD_COMMON_CONSTANT => {
                        save!();
                        let v = tri!(ops::common_constant(frame, arg));
                        push!(v);
                    }

                    // --- cells --------------------------------------------------------------------------------
                    op::MAKE_CELL => {
                        save!();
                        tri!(ops::make_cell(&raw mut local!(arg)));
                    }
                    op::COPY_FREE_VARS => {
                        let n = arg as usize;
                        let closure = (*frame).function().closure().unwrap_unchecked();
                        let first = (*code).nlocalsplus() - n;
                        for i in 0..n {
                            local!(first + i) = Slot::new(closure.get(i));
                        }
                    }
                    op::LOAD_DEREF => match ops::cell_get(local!(arg)) {
                        Some(v) => push!(v),
                        None => {
                            save!();
                            ops::unbound_deref(&*code, arg as usize);
                            break 'run true;
                        }
                    },
                    op::STORE_DEREF => {
                        let v = pop!();
                        save!();
                        tri!(ops::cell_set(local!(arg), v));
                    }
                    op::DELETE_DEREF => {
                        save!();
                        tri!(ops::cell_delete(&*code, local!(arg), arg as usize));
                    }

                    // --- operators ----------------------------------------------------------------------------
                    op::BINARY_OP => {
                        let c = cache!();
                        specialize::binary_op(pc.sub(2), c, peek!(2), peek!(1), arg);
                        binary_generic!(arg);
                    }
                    sop::BINARY_OP_GENERIC => {
                        pc = pc.add(1);
                        binary_generic!(arg);
                    }
                    sop::BINARY_OP_ADD_INT
                    | sop::BINARY_OP_SUB_INT
                    | sop::BINARY_OP_MUL_INT
                    | sop::BINARY_OP_INT
                    | sop::BINARY_OP_ADD_FLOAT
                    | sop::BINARY_OP_SUB_FLOAT
                    | sop::BINARY_OP_MUL_FLOAT
                    | sop::BINARY_OP_DIV_FLOAT
                    | sop::BINARY_OP_ADD_STR
                    | sop::BINARY_OP_SUBSCR_LIST_INT
                    | sop::BINARY_OP_SUBSCR_LIST_NUM
                    | sop::BINARY_OP_SUBSCR_TUPLE_INT
                    | sop::BINARY_OP_SUBSCR_STR_INT
                    | sop::BINARY_OP_SUBSCR_DICT => {
                        let c = cache!();
                        save!();
                        // Numbers whose result needs an object are no misses
                        if let Some(r) = ops::binary_numbers(peek!(2), peek!(1), arg) {
                            let r = tri!(r);
                            result2!(r);
                            continue 'run;
                        }
                        binary_miss!(c);
                    }
                    sop::BINARY_OP_SUBSCR_GETITEM => {
                        specialize::set_op(pc.sub(1), op::BINARY_OP);
                        pc = pc.add(1);
                        binary_generic!(arg);
                    }
                    op::COMPARE_OP => {
                        let c = cache!();
                        specialize::compare_op(pc.sub(2), c, peek!(2), peek!(1));
                        save!();
                        let r = tri!(ops::compare_op(sp.sub(2), arg));
                        result2!(r);
                    }
                    sop::COMPARE_OP_GENERIC => {
                        pc = pc.add(1);
                        save!();
                        let r = tri!(ops::compare_op(sp.sub(2), arg));
                        result2!(r);
                    }
                    sop::COMPARE_OP_INT | sop::COMPARE_OP_FLOAT | sop::COMPARE_OP_STR => {
                        let c = cache!();
                        specialize::miss(pc.sub(2), c);
                        save!();
                        let r = tri!(ops::compare_op(sp.sub(2), arg));
                        result2!(r);
                    }
                    op::IS_OP => {
                        let (a, b) = (peek!(2), peek!(1));
                        let r = ops::is_op(a, b) ^ (arg != 0);
                        sp = sp.sub(2);
                        if a.is_counted() || b.is_counted() {
                            save!();
                            a.drop();
                            b.drop();
                        }
                        push_bool!(r);
                    }
                    op::CONTAINS_OP => {
                        pc = pc.add(1);
                        save!();
                        let r = tri!(ops::contains_op(sp.sub(2))) ^ (arg != 0);
                        let (a, b) = (peek!(2), peek!(1));
                        sp = sp.sub(2);
                        if a.is_counted() || b.is_counted() {
                            save!();
                            a.drop();
                            b.drop();
                        }
                        push_bool!(r);
                    }
                    op::TO_BOOL => {
                        pc = pc.add(1);
                        let v = peek!(1);
                        let b = if v.is_obj(true_()) {
                            true
                        } else if v.is_obj(false_()) || v.is_obj(none()) {
                            false
                        } else if v.is_int() {
                            v.int_value() != 0
                        } else {
                            save!();
                            tri!(ops::to_bool(v))
                        };
                        sp = sp.sub(1);
                        if v.is_counted() {
                            save!();
                            v.drop_nonnull();
                        }
                        push_bool!(b);
                    }
                    op::UNARY_NOT => {
                        let v = peek!(1);
                        *sp.sub(1) = Slot::bool(v.is_obj(false_()));
                    }
                    op::UNARY_NEGATIVE => {
                        let v = peek!(1);
                        if v.is_int()
                            && let Some(r) = Slot::int(-v.int_value())
                        {
                            *sp.sub(1) = r;
                        } else if v.is_float() {
                            let r = tri!(Slot::from_f64(-v.float_value()));
                            *sp.sub(1) = r;
                        } else {
                            save!();
                            tri!(materialize(sp.sub(1)));
                            let r = Slot::owned(tri!(peek!(1).obj().neg()));
                            result1!(r);
                        }
                    }
                    op::UNARY_INVERT => {
                        let v = peek!(1);
                        if v.is_int() {
                            *sp.sub(1) = Slot::int_unchecked(!v.int_value());
                        } else {
                            save!();
                            tri!(materialize(sp.sub(1)));
                            let r = Slot::owned(tri!(peek!(1).obj().invert()));
                            result1!(r);
                        }
                    }
                    op::BINARY_SLICE => {
                        save!();
                        let r = tri!(ops::binary_slice(sp.sub(3)));
                        let (a, b, c) = (peek!(3), peek!(2), peek!(1));
                        sp = sp.sub(2);
                        *sp.sub(1) = r;
                        save!();
                        c.drop();
                        b.drop();
                        a.drop();
                    }
                    op::STORE_SLICE => {
                        save!();
                        tri!(ops::store_slice(sp.sub(4)));
                        ops::pop_n(frame, &mut sp, 4);
                    }
                    op::STORE_SUBSCR => {
                        pc = pc.add(1);
                        // [value, container, key]
                        let (v, o, k) = (peek!(3), peek!(2), peek!(1));
                        save!();
                        if let Some(l) = o.try_obj()
                            && type_is!(l, crate::objects::list::PyList_Type)
                            && let Some(mut i) = slot_i64(k)
                        {
                            let l = l.cast::<List>();
                            let n = l.len() as i64;
                            if i < 0 {
                                i += n;
                            }
                            if i >= 0 && i < n {
                                // the list takes the value over
                                let val = tri!(v.into_ref());
                                *sp.sub(3) = Slot::NULL;
                                tri!(l.set(i as usize, val));
                                sp = sp.sub(3);
                                o.drop();
                                k.drop();
                                continue 'run;
                            }
                        }
                        tri!(ops::store_subscr(sp.sub(3)));
                        ops::pop_n(frame, &mut sp, 3);
                    }
                    op::DELETE_SUBSCR => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(materialize(sp.sub(2)));
                        tri!(peek!(2).obj().del_item(peek!(1).obj()));
                        ops::pop_n(frame, &mut sp, 2);
                    }

                    // --- attributes ---------------------------------------------------------------------------
                    op::LOAD_ATTR => {
                        let i = (*pc).load(Relaxed) as usize;
                        pc = pc.add(1);
                        save!();
                        let name = (*code).name_at(arg as usize >> 1);
                        let o = peek!(1);
                        specialize::load_attr(
                            pc.sub(2),
                            &*(*code).caches.add(i),
                            &*(*code).caches.add(i + 1),
                            o,
                            name,
                            arg & 1 != 0,
                        );
                        let (v, s) = tri!(ops::load_attr(o, name, arg & 1 != 0));
                        if arg & 1 == 0 {
                            result1!(v);
                        } else if s {
                            // an unbound method: the object becomes its self
                            *sp.sub(1) = v;
                            push!(o);
                        } else {
                            *sp.sub(1) = v;
                            push!(Slot::NULL);
                            if o.is_counted() {
                                save!();
                                o.drop_nonnull();
                            }
                        }
                    }
                    sop::LOAD_ATTR_GENERIC => {
                        pc = pc.add(1);
                        save!();
                        let o = peek!(1);
                        let (v, s) = tri!(ops::load_attr(o, (*code).name_at(arg as usize >> 1), arg & 1 != 0));
                        if arg & 1 == 0 {
                            result1!(v);
                        } else if s {
                            *sp.sub(1) = v;
                            push!(o);
                        } else {
                            *sp.sub(1) = v;
                            push!(Slot::NULL);
                            if o.is_counted() {
                                save!();
                                o.drop_nonnull();
                            }
                        }
                    }
                    sop::LOAD_ATTR_INSTANCE
                    | sop::LOAD_ATTR_INSTANCE_NUM
                    | sop::LOAD_ATTR_INSTANCE_POLY
                    | sop::LOAD_ATTR_DUNDER_CLASS
                    | sop::LOAD_ATTR_SLOT
                    | sop::LOAD_ATTR_SLOT_NUM
                    | sop::LOAD_ATTR_MODULE
                    | sop::LOAD_ATTR_CLASS
                    | sop::LOAD_ATTR_CLASSVAR
                    | sop::LOAD_ATTR_METHOD
                    | sop::LOAD_ATTR_PROPERTY => {
                        let c = cache!();
                        specialize::attr_miss(pc.sub(2), c);
                        pc = pc.sub(2);
                    }
                    op::STORE_ATTR => {
                        let c = cache!();
                        save!();
                        let name = (*code).name_at(arg as usize);
                        specialize::store_attr(pc.sub(2), c, peek!(1), name);
                        tri!(ops::store_attr(sp.sub(2), name));
                        ops::pop_n(frame, &mut sp, 2);
                    }
                    sop::STORE_ATTR_GENERIC => {
                        pc = pc.add(1);
                        save!();
                        tri!(ops::store_attr(sp.sub(2), (*code).name_at(arg as usize)));
                        ops::pop_n(frame, &mut sp, 2);
                    }
                    sop::STORE_ATTR_INSTANCE => store_hit!(specialize::hit_store_instance),
                    sop::STORE_ATTR_SLOT => store_hit!(specialize::hit_store_slot),
                    op::DELETE_ATTR => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(peek!(1).obj().delattr((*code).name_at(arg as usize)));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::LOAD_SUPER_ATTR => {
                        pc = pc.add(1);
                        save!();
                        if TRACED {
                            tri!(trace::on_super(ts, frame, sp.sub(3), arg & 2 != 0, here, None));
                        }
                        let r = ops::load_super_attr(sp.sub(3), (*code).name_at(arg as usize >> 2), arg);
                        if TRACED {
                            tri!(trace::on_super(ts, frame, sp.sub(3), arg & 2 != 0, here, Some(r.is_ok())));
                        }
                        let (v, is_method) = tri!(r);
                        // [super, class, self]
                        let (a, b, c) = (peek!(3), peek!(2), peek!(1));
                        sp = sp.sub(3);
                        push!(v);
                        if arg & 1 != 0 {
                            push!(if is_method { c } else { Slot::NULL });
                        }
                        save!();
                        a.drop();
                        b.drop();
                        if !is_method {
                            c.drop();
                        }
                    }
                    op::LOAD_SPECIAL => {
                        save!();
                        let o = peek!(1);
                        let (v, is_method) = tri!(ops::load_special(sp.sub(1), arg));
                        let o = if o.is_unboxed() { peek!(1) } else { o };
                        *sp.sub(1) = v;
                        if is_method {
                            push!(o);
                        } else {
                            push!(Slot::NULL);
                            save!();
                            o.drop();
                        }
                    }

                    // --- calls --------------------------------------------------------------------------------
                    op::CALL | sop::CALL_PY_GENERAL => {
                        let i = (*pc).load(Relaxed) as usize;
                        pc = pc.add(1);
                        if word as u8 == op::CALL && !TRACED {
                            specialize::call(
                                pc.sub(2),
                                &*(*code).caches.add(i),
                                &*(*code).caches.add(i + 1),
                                sp,
                                arg as usize,
                            );
                        }
                        let n = arg as usize;
                        let bottom = sp.sub(n + 2);
                        ops::unpack_method(bottom);
                        if let Some(callable) = (*bottom).try_obj()
                            && type_is!(callable, crate::objects::func::PyFunction_Type)
                        {
                            let f = &*callable.as_ptr().cast::<Function>();
                            let has_self = !(*bottom.add(1)).is_null() as usize;
                            let args = bottom.add(2 - has_self);
                            let fcode = f.code();
                            if fcode.extra().simple_args && n + has_self == fcode.argcount() {
                                call_exact!(f, *bottom, fcode, args, n + has_self, bottom);
                            }
                            save!();
                            let new = match ops::prepare_call(ts, f, *bottom, args, n + has_self, None) {
                                Ok(fr) => fr,
                                Err(_) => {
                                    sp = bottom;
                                    break 'run true;
                                }
                            };
                            (*frame).sp = bottom;
                            enter!(new);
                        }
                        if word as u8 != op::CALL {
                            specialize::set_op(pc.sub(2), op::CALL);
                        }
                        save!();
                        let r = tri!(ops::call_object(bottom, n, None));
                        ops::pop_n(frame, &mut sp, n + 2);
                        push!(r);
                        switch_loops!();
                    }
                    sop::CALL_PY_EXACT
                    | sop::CALL_CFUNC
                    | sop::CALL_LEN
                    | sop::CALL_LIST_APPEND
                    | sop::CALL_DICT_GET
                    | sop::CALL_ISINSTANCE
                    | sop::CALL_TYPE_1
                    | sop::CALL_CLASS_INIT => {
                        specialize::set_op(pc.sub(1), op::CALL);
                        pc = pc.sub(1);
                    }
                    sop::CALL_GENERIC => {
                        pc = pc.add(1);
                        let n = arg as usize;
                        let callable = peek!(n + 2);
                        if let Some(o) = callable.try_obj()
                            && (type_is!(o, crate::objects::func::PyFunction_Type)
                                || type_is!(o, super::pending::PyMethod_Type))
                        {
                            specialize::set_op(pc.sub(2), op::CALL);
                            pc = pc.sub(2);
                            continue 'run;
                        }
                        save!();
                        let r = tri!(ops::call_object(sp.sub(n + 2), n, None));
                        ops::pop_n(frame, &mut sp, n + 2);
                        push!(r);
                        switch_loops!();
                    }
                    op::CALL_KW => {
                        pc = pc.add(1);
                        let n = arg as usize;
                        let bottom = sp.sub(n + 3);
                        ops::unpack_method(bottom);
                        let kwnames = peek!(1);
                        if let Some(callable) = (*bottom).try_obj()
                            && type_is!(callable, crate::objects::func::PyFunction_Type)
                        {
                            let f = &*callable.as_ptr().cast::<Function>();
                            let has_self = !(*bottom.add(1)).is_null() as usize;
                            let args = bottom.add(2 - has_self);
                            let kw = &*kwnames.ptr().cast::<Tuple>();
                            save!();
                            let npos = n + has_self - kw.len();
                            let new = ops::prepare_call(ts, f, *bottom, args, npos, Some(kw));
                            (*frame).sp = bottom;
                            sp = bottom;
                            let new = match new {
                                Ok(fr) => fr,
                                Err(_) => {
                                    kwnames.drop();
                                    break 'run true;
                                }
                            };
                            kwnames.drop();
                            enter!(new);
                        }
                        save!();
                        let r = tri!(ops::call_object(bottom, n, Some(kwnames)));
                        ops::pop_n(frame, &mut sp, n + 3);
                        push!(r);
                        switch_loops!();
                    }
                    op::CALL_FUNCTION_EX => {
                        save!();
                        match tri!(ops::call_function_ex(ts, frame, sp.sub(4))) {
                            ops::CallEx::Done(r) => {
                                ops::pop_n(frame, &mut sp, 4);
                                push!(r);
                                switch_loops!();
                            }
                            ops::CallEx::Frame(new) => {
                                // operands were copied
                                ops::pop_n(frame, &mut sp, 4);
                                (*frame).sp = sp;
                                enter!(new);
                            }
                        }
                    }
                    op::CALL_INTRINSIC_1 => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::intrinsic_1(ts, frame, arg, peek!(1)));
                        result1!(r);
                    }
                    op::CALL_INTRINSIC_2 => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(materialize(sp.sub(2)));
                        let r = tri!(ops::intrinsic_2(arg, peek!(2), peek!(1)));
                        result2!(r);
                    }
                    op::MAKE_FUNCTION => {
                        save!();
                        let f = tri!(ops::make_function(frame, peek!(1)));
                        result1!(f);
                    }
                    op::SET_FUNCTION_ATTRIBUTE => {
                        save!();
                        let f = pop!();
                        let v = pop!();
                        tri!(ops::set_function_attribute(f, v, arg));
                        push!(f);
                    }

                    // --- building -----------------------------------------------------------------------------
                    op::BUILD_TUPLE => {
                        save!();
                        let r = tri!(ops::build_tuple(sp, arg as usize));
                        sp = sp.sub(arg as usize);
                        push!(r);
                    }
                    op::BUILD_LIST => {
                        save!();
                        let r = tri!(ops::build_list(sp, arg as usize));
                        sp = sp.sub(arg as usize);
                        push!(r);
                    }
                    op::BUILD_SET => {
                        save!();
                        let r = tri!(ops::build_set(sp, arg as usize));
                        ops::pop_n(frame, &mut sp, arg as usize);
                        push!(r);
                    }
                    op::BUILD_MAP => {
                        save!();
                        let r = tri!(ops::build_map(sp, arg as usize));
                        ops::pop_n(frame, &mut sp, 2 * arg as usize);
                        push!(r);
                    }
                    op::BUILD_SLICE => {
                        save!();
                        let r = tri!(ops::build_slice(sp, arg as usize));
                        ops::pop_n(frame, &mut sp, arg as usize);
                        push!(r);
                    }
                    op::BUILD_STRING => {
                        save!();
                        let r = tri!(ops::build_string(sp, arg as usize));
                        ops::pop_n(frame, &mut sp, arg as usize);
                        push!(r);
                    }
                    op::BUILD_TEMPLATE => {
                        save!();
                        let r = tri!(ops::build_template(sp));
                        ops::pop_n(frame, &mut sp, 2);
                        push!(r);
                    }
                    op::BUILD_INTERPOLATION => {
                        save!();
                        let r = tri!(ops::build_interpolation(sp, arg));
                        ops::pop_n(frame, &mut sp, 2 + (arg as usize & 1));
                        push!(r);
                    }
                    op::FORMAT_SIMPLE => {
                        let v = peek!(1);
                        if v.try_obj().is_none_or(|o| !type_is!(o, crate::objects::unicode::PyUnicode_Type)) {
                            save!();
                            let r = tri!(ops::format_simple(sp.sub(1)));
                            result1!(r);
                        }
                    }
                    op::FORMAT_WITH_SPEC => {
                        save!();
                        tri!(materialize(sp.sub(2)));
                        let r = tri!(ops::format_with_spec(peek!(2), peek!(1)));
                        result2!(r);
                    }
                    op::CONVERT_VALUE => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::convert_value(peek!(1), arg));
                        result1!(r);
                    }
                    op::LIST_APPEND => {
                        save!();
                        let v = pop!();
                        let l = peek!(arg as usize);
                        let val = tri!(v.into_ref());
                        tri!(l.obj().cast::<List>().push(val));
                    }
                    op::SET_ADD => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(ops::set_add(peek!(arg as usize + 1).obj(), peek!(1).obj()));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::MAP_ADD => {
                        save!();
                        let d = peek!(arg as usize + 2);
                        let v = pop!();
                        let k = pop!();
                        let (k, v) = match (k.into_ref(), v.into_ref()) {
                            (Ok(k), Ok(v)) => (k, v),
                            _ => break 'run true,
                        };
                        tri!(d.obj().cast::<Dict>().insert(k, v));
                    }
                    op::LIST_EXTEND => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(ops::list_extend(peek!(arg as usize + 1), peek!(1)));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::SET_UPDATE => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(peek!(arg as usize + 1).obj().cast::<Set>().update(peek!(1).obj()));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::DICT_UPDATE => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        tri!(ops::dict_update(peek!(arg as usize + 1), peek!(1)));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::DICT_MERGE => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        // [func, self_or_null, args, dict, .., other]
                        tri!(ops::dict_merge(peek!(arg as usize + 4), peek!(arg as usize + 1), peek!(1)));
                        ops::pop_n(frame, &mut sp, 1);
                    }
                    op::SETUP_ANNOTATIONS => {
                        save!();
                        tri!(ops::setup_annotations(frame));
                    }

                    // --- iteration ----------------------------------------------------------------------------
                    op::GET_ITER => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::get_iter(peek!(1)));
                        result1!(r);
                    }
                    op::GET_YIELD_FROM_ITER => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::get_yield_from_iter(frame, peek!(1)));
                        result1!(r);
                    }
                    op::FOR_ITER
                    | sop::FOR_ITER_RANGE
                    | sop::FOR_ITER_LIST
                    | sop::FOR_ITER_TUPLE
                    | sop::FOR_ITER_GEN
                    | sop::FOR_ITER_GENERIC
                    | sop::FOR_ITER_PAIR => {
                        pc = pc.add(1);
                        let it = peek!(1).obj();
                        if type_is!(it, crate::objects::r#gen::PyGen_Type)
                            && !(TRACED && trace::watches_branches(frame))
                        {
                            let g = &*it.as_ptr().cast::<Generator>();
                            save!();
                            if let Some(gf) = ops::begin_inline_resume(ts, g, Slot::none()) {
                                (*gf).aux = arg as u64;
                                (*gf).flags = 0;
                                enter!(gf);
                            }
                        }
                        save!();
                        let next = if TRACED { trace::iter_next(ts, frame, it) } else { ops::iter_next(it) };
                        match tri!(next) {
                            Some(v) => push!(v),
                            None => jump!(arg as usize + 1),
                        }
                    }
                    op::SEND => {
                        pc = pc.add(1);
                        // [receiver, value]
                        let r = peek!(2).obj();
                        save!();
                        if type_is!(r, crate::objects::r#gen::PyGen_Type)
                            || type_is!(r, crate::objects::r#gen::PyCoro_Type)
                        {
                            let g = &*r.as_ptr().cast::<Generator>();
                            if let Some(gf) = ops::begin_inline_resume(ts, g, peek!(1)) {
                                sp = sp.sub(1);
                                (*frame).sp = sp;
                                (*gf).aux = arg as u64;
                                (*gf).flags = 0;
                                enter!(gf);
                            }
                        }
                        let sent = if TRACED { trace::send(ts, frame, sp.sub(2)) } else { ops::send(sp.sub(2)) };
                        let (v, done) = tri!(sent);
                        result1!(v);
                        if done {
                            jump!(arg);
                        }
                    }
                    op::UNPACK_SEQUENCE => {
                        pc = pc.add(1);
                        let seq = peek!(1);
                        if arg == 2
                            && let Some(t) = seq.try_obj()
                            && type_is!(t, crate::objects::tuple::PyTuple_Type)
                            && let [a, b] = t.cast::<Tuple>().as_slice()
                        {
                            *sp.sub(1) = Slot::new(b);
                            push!(Slot::new(a));
                            if seq.is_counted() {
                                save!();
                                seq.drop_nonnull();
                            }
                            continue 'run;
                        }
                        save!();
                        // The items replace the sequence, the first one on top
                        tri!(ops::unpack_sequence(seq, arg as usize, sp.sub(1)));
                        sp = sp.sub(1).add(arg as usize);
                        if seq.is_counted() {
                            save!();
                            seq.drop_nonnull();
                        }
                    }
                    op::UNPACK_EX => {
                        save!();
                        let seq = peek!(1);
                        let n = tri!(ops::unpack_ex(seq, arg, sp.sub(1)));
                        sp = sp.sub(1).add(n);
                        save!();
                        seq.drop();
                    }
                    op::GET_LEN => {
                        save!();
                        let n = tri!(peek!(1).obj().len());
                        let n = tri!(Slot::from_i64(n as i64));
                        push!(n);
                    }

                    // --- async --------------------------------------------------------------------------------
                    op::GET_AWAITABLE => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::get_awaitable(peek!(1), arg));
                        result1!(r);
                    }
                    op::GET_AITER => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let r = tri!(ops::get_aiter(peek!(1)));
                        result1!(r);
                    }
                    op::GET_ANEXT => {
                        save!();
                        let r = tri!(ops::get_anext(peek!(1)));
                        push!(r);
                    }
                    op::END_ASYNC_FOR => {
                        save!();
                        if ops::is_stop_async_iteration(peek!(1)) {
                            ops::pop_n(frame, &mut sp, 2);
                        } else {
                            let e = pop!();
                            save!();
                            ops::reraise(e);
                            if TRACED {
                                trace::on_reraise(ts, frame);
                            }
                            break 'run false;
                        }
                    }
                    op::CLEANUP_THROW => {
                        save!();
                        match ops::cleanup_throw(peek!(1)) {
                            Some(v) => {
                                ops::pop_n(frame, &mut sp, 3);
                                push!(Slot::none());
                                push!(v);
                            }
                            None => {
                                let e = pop!();
                                save!();
                                ops::reraise(e);
                                if TRACED {
                                    trace::on_reraise(ts, frame);
                                }
                                break 'run false;
                            }
                        }
                    }

                    // --- exceptions ---------------------------------------------------------------------------
                    op::PUSH_EXC_INFO => {
                        let e = peek!(1);
                        let info = ts.abi().exc_info;
                        let prev = (*info).exc_value;
                        *sp.sub(1) = if prev.is_null() { Slot::none() } else { Slot::steal(prev) };
                        (*info).exc_value = match e.to_ref() {
                            Ok(r) => r.into_ptr(),
                            Err(_) => break 'run true,
                        };
                        push!(e);
                    }
                    op::POP_EXCEPT => {
                        let prev = pop!();
                        let info = ts.abi().exc_info;
                        let old = (*info).exc_value;
                        (*info).exc_value = if prev.is_obj(none()) {
                            null_mut()
                        } else {
                            match prev.into_ref() {
                                Ok(r) => r.into_ptr(),
                                Err(_) => null_mut(),
                            }
                        };
                        save!();
                        drop(PyRef::from_ptr_opt(old));
                    }
                    op::CHECK_EXC_MATCH => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let m = tri!(ops::check_exc_match(peek!(2), peek!(1)));
                        let t = pop!();
                        if t.is_counted() {
                            save!();
                            t.drop();
                        }
                        push_bool!(m);
                    }
                    op::CHECK_EG_MATCH => {
                        save!();
                        tri!(materialize(sp.sub(1)));
                        let (rest, matched) = tri!(ops::check_eg_match(peek!(2), peek!(1)));
                        let (a, b) = (peek!(2), peek!(1));
                        *sp.sub(2) = rest;
                        *sp.sub(1) = matched;
                        save!();
                        a.drop();
                        b.drop();
                    }
                    op::RAISE_VARARGS => {
                        save!();
                        match arg {
                            0 => {
                                if ops::reraise_current(ts) {
                                    if TRACED {
                                        trace::on_reraise(ts, frame);
                                    }
                                    break 'run false;
                                }
                                break 'run true;
                            }
                            n => {
                                tri!(materialize(sp.sub(1)));
                                if n == 2 {
                                    tri!(materialize(sp.sub(2)));
                                    ops::raise(peek!(2), Some(peek!(1)));
                                } else {
                                    ops::raise(peek!(1), None);
                                }
                                break 'run true;
                            }
                        }
                    }
                    op::RERAISE => {
                        let e = pop!();
                        save!();
                        if arg > 0 {
                            let lasti = peek!(arg as usize);
                            if lasti.is_int() {
                                (*frame).pc = (*code).instrs.add(lasti.int_value() as usize + 1);
                            }
                        }
                        ops::reraise(e);
                        if TRACED {
                            trace::on_reraise(ts, frame);
                        }
                        // the handler is looked up at this instruction, the line stays that of the first raise
                        match unwind::find_handler(ts, frame, code, pc, sp) {
                            Some((p, s)) => {
                                pc = p;
                                sp = s;
                                if TRACED {
                                    save!();
                                    if trace::on_handled(ts, frame, peek!(1)).is_err() {
                                        break 'run false;
                                    }
                                }
                                continue 'run;
                            }
                            None => {
                                (*frame).sp = sp;
                                match unwind::leave_raising(ts, frame, entry) {
                                    Some(f) => {
                                        frame = f;
                                        load_frame!();
                                        break 'run true;
                                    }
                                    None => return Slot::NULL,
                                }
                            }
                        }
                    }
                    op::WITH_EXCEPT_START => {
                        save!();
                        let r = tri!(ops::with_except_start(sp));
                        push!(r);
                    }

                    // --- imports, matching --------------------------------------------------------------------
                    op::IMPORT_NAME => {
                        save!();
                        tri!(materialize(sp.sub(2)));
                        let r = tri!(ops::import_name(frame, (*code).name_at(arg as usize), peek!(2), peek!(1)));
                        result2!(r);
                    }
                    op::IMPORT_FROM => {
                        save!();
                        let r = tri!(ops::import_from(peek!(1), (*code).name_at(arg as usize)));
                        push!(r);
                    }
                    op::MATCH_MAPPING => {
                        let r = ops::has_flag(peek!(1), abi::Py_TPFLAGS_MAPPING);
                        push!(Slot::bool(r));
                    }
                    op::MATCH_SEQUENCE => {
                        let r = ops::has_flag(peek!(1), abi::Py_TPFLAGS_SEQUENCE);
                        push!(Slot::bool(r));
                    }
                    op::MATCH_KEYS => {
                        save!();
                        let r = tri!(ops::match_keys(peek!(2), peek!(1)));
                        push!(r);
                    }
                    op::MATCH_CLASS => {
                        save!();
                        tri!(materialize(sp.sub(3)));
                        tri!(materialize(sp.sub(2)));
                        let r = tri!(ops::match_class(peek!(3), peek!(2), peek!(1), arg as usize));
                        ops::pop_n(frame, &mut sp, 3);
                        push!(r);
                    }
                    255 => {
                        // keeps the jump table complete
                        save!();
                        ops::bad_opcode(word);
                        break 'run true;
                    }
                    _ => {
                        save!();
                        ops::bad_opcode(word);
                        break 'run true;
                    }
                }
            };
            save!();
            if add_traceback {
                super::traceback_here(frame);
                if TRACED {
                    trace::on_raise(ts, frame, super::monitoring::event::RAISE);
                }
            }
            unwinding = true;
            let _ = &mut unwinding;
            continue 'outer;
        }
    }
}

use compiler::opcode::has_cache as opcode_has_cache;

const _: () = assert!(nb::SUBSCR == 26);
const _: fn(&AtomicU64) = |_| ();
#[allow(unused_imports)]
use call as _call_module;
