//! Handlers: iteration, generators, unpacking.

use super::*;
use crate::interp::eval::type_is;
use crate::interp::pending::PyRangeIter_Type;
use crate::interp::slot::materialize;
use crate::interp::{ops, specialize};
use crate::objects::r#gen::{PyCoro_Type, PyGen_Type};
use crate::objects::list::iter::{ListIter, PyListIter_Type};
use crate::objects::tuple::{PyTuple_Type, PyTupleIter_Type, TupleIter};

table! {
    op::FOR_ITER => for_iter,
    sop::FOR_ITER_RANGE => for_iter_range,
    sop::FOR_ITER_LIST => for_iter_list,
    sop::FOR_ITER_TUPLE => for_iter_tuple,
    sop::FOR_ITER_GEN => for_iter_gen,
    sop::FOR_ITER_GENERIC => for_iter_any,
    sop::FOR_ITER_PAIR => for_iter_pair,
    op::GET_ITER => get_iter,
    op::SEND => send,
    op::UNPACK_SEQUENCE => unpack_sequence,
}

handlers! {
    #[cold]
    fn for_iter(s) {
        specialize::for_iter(s.pc.sub(1), s.cache(0), s.peek(1).obj());
        // the loop in `eval` does this one
        s.bail()
    }
    #[cold]
    #[inline(never)]
    fn for_iter_miss(s) {
        specialize::miss(s.pc.sub(1), s.cache(0));
        s.bail()
    }
    fn for_iter_range(s) {
        let it = s.peek(1).obj();
        if !type_is!(it, PyRangeIter_Type) {
            return for_iter_miss(s.pc, s.sp, s.frame, s.ts, s.code, s.word);
        }
        match specialize::range_next(it) {
            specialize::RangeNext::Value(v) => {
                s.skip_cache();
                s.next_pushing(v)
            }
            specialize::RangeNext::End => {
                s.jump(s.arg() + 2);
                s.next()
            }
            specialize::RangeNext::Slow => s.bail(),
        }
    }
    fn for_iter_list(s) {
        let it = s.peek(1).obj();
        if !type_is!(it, PyListIter_Type) {
            return for_iter_miss(s.pc, s.sp, s.frame, s.ts, s.code, s.word);
        }
        match it.cast::<ListIter>().next_slot() {
            Some(v) => {
                s.skip_cache();
                s.next_pushing(v)
            }
            None => {
                s.jump(s.arg() + 2);
                s.next()
            }
        }
    }
    fn for_iter_tuple(s) {
        let it = s.peek(1).obj();
        if !type_is!(it, PyTupleIter_Type) {
            return for_iter_miss(s.pc, s.sp, s.frame, s.ts, s.code, s.word);
        }
        match it.cast::<TupleIter>().next_slot() {
            Some(v) => {
                s.skip_cache();
                s.next_pushing(v)
            }
            None => {
                s.jump(s.arg() + 2);
                s.next()
            }
        }
    }
    fn for_iter_gen(s) {
        let it = s.peek(1).obj();
        if !type_is!(it, PyGen_Type) {
            return for_iter_miss(s.pc, s.sp, s.frame, s.ts, s.code, s.word);
        }
        let g = &*it.as_ptr().cast::<crate::objects::Generator>();
        if s.may_enter() && let Some(gf) = ops::begin_inline_resume(s.ts(), g, Slot::none()) {
            s.skip_cache();
            s.save();
            (*gf).aux = s.arg() as u64;
            (*gf).flags = 0;
            return s.enter(gf);
        }
        s.bail()
    }
    #[inline(never)]
    fn for_iter_any(s) {
        let it = s.peek(1).obj();
        s.skip_cache();
        s.save();
        match tri!(ops::iter_next(it)) {
            Some(v) => s.next_pushing(v),
            None => {
                s.jump(s.arg() + 1);
                s.next()
            }
        }
    }
    #[inline(never)]
    fn for_iter_pair(s) {
        let it = s.peek(1).obj();
        s.skip_cache();
        s.save();
        match specialize::pair_step(it, s.sp) {
            specialize::Step::Items => {
                // Over UNPACK_SEQUENCE and its cache word.
                s.pc = s.pc.add(2);
                s.sp = s.sp.add(1);
                s.next_pushing(*s.sp)
            }
            specialize::Step::End => {
                s.jump(s.arg() + 1);
                s.next()
            }
            specialize::Step::Other => for_iter_any(s.pc.sub(1), s.sp, s.frame, s.ts, s.code, s.word),
            specialize::Step::Raised => RAISED,
        }
    }
    fn get_iter(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let r = tri!(ops::get_iter(s.peek(1)));
        let o = s.peek(1);
        s.set_top(r);
        s.next_dropping(o)
    }
    fn send(s) {
        let r = s.peek(2).obj();
        if (type_is!(r, PyGen_Type) || type_is!(r, PyCoro_Type)) && s.may_enter() {
            let g = &*r.as_ptr().cast::<crate::objects::Generator>();
            if let Some(gf) = ops::begin_inline_resume(s.ts(), g, s.peek(1)) {
                s.skip_cache();
                s.sp = s.sp.sub(1);
                s.save();
                (*gf).aux = s.arg() as u64;
                (*gf).flags = 0;
                return s.enter(gf);
            }
        }
        s.bail()
    }
    fn unpack_sequence(s) {
        let seq = s.peek(1);
        if let Some(t) = seq.try_obj() && type_is!(t, PyTuple_Type) {
            let items = t.cast::<Tuple>().as_slice();
            let n = items.len();
            if n == s.arg() && n != 0 {
                s.skip_cache();
                let out = s.sp.sub(1);
                let mut i = 0;
                while i < n {
                    *out.add(n - 1 - i) = Slot::new_shared(items.get_unchecked(i));
                    i += 1;
                }
                s.sp = out.add(n);
                return s.next_dropping(seq);
            }
        }
        s.bail()
    }
}
