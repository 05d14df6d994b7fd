//! Handlers: calls.

use super::*;
use crate::interp::eval::type_is;
use crate::interp::frame::FLAG_INIT;
use crate::interp::pending::PyMethod_Type;
use crate::interp::slot::materialize;
use crate::interp::{ops, specialize};
use crate::objects::func::PyFunction_Type;
use specialize::Hit;

table! {
    sop::CALL_PY_EXACT => py_exact,
    sop::CALL_PY_GENERAL => py_general,
    sop::CALL_CFUNC => cfunc,
    sop::CALL_LEN => len,
    sop::CALL_LIST_APPEND => list_append,
    sop::CALL_DICT_GET => dict_get,
    sop::CALL_ISINSTANCE => isinstance,
    sop::CALL_TYPE_1 => type_1,
    sop::CALL_CLASS_INIT => class_init,
    sop::CALL_GENERIC => generic,
    op::CALL_KW => call_kw,
}

impl State {
    /// Drops the `n` topmost entries and pushes the result of the call that they were.
    #[inline(always)]
    unsafe fn next_called(mut self, n: usize, mut r: Slot) -> Exit {
        // SAFETY: the stack is that deep.
        unsafe {
            self.sp = self.sp.sub(n);
            (*self.frame).sp = self.sp;
            let mut i = 0;
            while i < n {
                let v = *self.sp.add(i);
                if v.is_counted() && !drop_quickly(v) {
                    // No frame shows the result to the collector while a destructor runs
                    r = r.counted();
                    v.drop_nonnull();
                }
                i += 1;
            }
            self.push(r);
            self.next_after_call()
        }
    }
}

handlers! {
    fn py_exact(s) {
        let n = s.arg();
        let bottom = s.sp.sub(n + 2);
        let callable = *bottom;
        if !callable.is_unboxed() && type_is!(callable.obj(), PyFunction_Type) {
            let f = &*callable.ptr().cast::<Function>();
            if f.version.load(Relaxed) as u64 == s.cache(0).load(Relaxed) {
                let has_self = !(*bottom.add(1)).is_null() as usize;
                let fcode = &*f.code.load(Acquire);
                if n + has_self == fcode.argcount() {
                    return s.call_exact(f, callable, fcode, bottom.add(2 - has_self), n + has_self, bottom);
                }
            }
        }
        s.bail()
    }
    fn py_general(s) {
        let n = s.arg();
        let bottom = s.sp.sub(n + 2);
        if !s.may_enter() {
            return s.bail();
        }
        ops::unpack_method(bottom);
        let callable = *bottom;
        if callable.is_unboxed() || !type_is!(callable.obj(), PyFunction_Type) {
            return s.bail();
        }
        let f = &*callable.ptr().cast::<Function>();
        let has_self = !(*bottom.add(1)).is_null() as usize;
        let args = bottom.add(2 - has_self);
        let fcode = f.code();
        if fcode.extra().simple_args && n + has_self == fcode.argcount() {
            return s.call_exact(f, callable, fcode, args, n + has_self, bottom);
        }
        if fcode.extra().simple_args
            && n + has_self < fcode.argcount()
            && let Some(d) = f.defaults()
        {
            let missing = fcode.argcount() - n - has_self;
            if missing <= d.len() {
                let d = &d.as_slice()[d.len() - missing..];
                return s.call_filled(f, callable, fcode, args, n + has_self, bottom, d);
            }
        }
        s.skip_cache();
        s.save();
        let r = ops::prepare_call(s.ts(), f, callable, args, n + has_self, None);
        // the operands are consumed in every case
        (*s.frame).sp = bottom;
        s.enter(tri!(r))
    }
    fn call_kw(s) {
        let n = s.arg();
        let bottom = s.sp.sub(n + 3);
        if !s.may_enter() {
            return s.bail();
        }
        ops::unpack_method(bottom);
        let kwnames = s.peek(1);
        let callable = *bottom;
        s.skip_cache();
        s.save();
        if !callable.is_unboxed() && type_is!(callable.obj(), PyFunction_Type) {
            let f = &*callable.ptr().cast::<Function>();
            let has_self = !(*bottom.add(1)).is_null() as usize;
            let args = bottom.add(2 - has_self);
            let kw = &*kwnames.ptr().cast::<Tuple>();
            let r = ops::prepare_call(s.ts(), f, callable, args, n + has_self - kw.len(), Some(kw));
            (*s.frame).sp = bottom;
            kwnames.drop();
            return s.enter(tri!(r));
        }
        let r = tri!(ops::call_object(bottom, n, Some(kwnames)));
        s.next_called(n + 3, r)
    }
    fn cfunc(s) {
        let n = s.arg();
        let bottom = s.sp.sub(n + 2);
        let c = s.cache(0).load(Relaxed);
        s.skip_cache();
        s.save();
        match specialize::call_cfunc(bottom, n, c) {
            Hit::Done(r) => s.next_called(n + 2, r),
            Hit::Raised => RAISED,
            Hit::Miss => {
                s.pc = s.pc.sub(1);
                s.bail()
            }
        }
    }
    fn len(s) {
        let c = s.cache(0).load(Relaxed);
        s.skip_cache();
        s.save();
        match specialize::call_len(s.sp.sub(3), c) {
            Hit::Done(r) => {
                let (f, v) = (s.peek(3), s.peek(1));
                s.sp = s.sp.sub(2);
                s.set_top(r);
                s.next_dropping2(f, v)
            }
            Hit::Raised => RAISED,
            Hit::Miss => {
                s.pc = s.pc.sub(1);
                s.bail()
            }
        }
    }
    fn list_append(s) {
        let c = s.cache(0).load(Relaxed);
        s.skip_cache();
        s.save();
        match specialize::call_list_append(s.sp.sub(3), c) {
            Hit::Done(_) => {
                // [list.append, list, value]: the value moved into the list
                let (f, l) = (s.peek(3), s.peek(2));
                s.sp = s.sp.sub(3);
                if (*s.pc).load(Relaxed) as u8 == op::POP_TOP {
                    s.pc = s.pc.add(1);
                } else {
                    s.push(Slot::none());
                }
                s.next_dropping2(f, l)
            }
            Hit::Raised => RAISED,
            Hit::Miss => {
                s.pc = s.pc.sub(1);
                s.bail()
            }
        }
    }
    fn dict_get(s) {
        let n = s.arg();
        let c = s.cache(0).load(Relaxed);
        s.skip_cache();
        s.save();
        match specialize::call_dict_get(s.sp.sub(n + 2), n, c) {
            Hit::Done(r) => s.next_called(n + 2, r),
            Hit::Raised => RAISED,
            Hit::Miss => {
                s.pc = s.pc.sub(1);
                s.bail()
            }
        }
    }
    fn isinstance(s) {
        let c = s.cache(0).load(Relaxed);
        s.skip_cache();
        s.save();
        match specialize::call_isinstance(s.sp.sub(4), c) {
            Hit::Done(r) => {
                s.sp = s.sp.sub(4);
                (*s.frame).sp = s.sp;
                let mut i = 0;
                while i < 4 {
                    let v = *s.sp.add(i);
                    if v.is_counted() && !drop_quickly(v) {
                        v.drop_nonnull();
                    }
                    i += 1;
                }
                // `bool` operands need no TO_BOOL
                if (*s.pc).load(Relaxed) as u8 == op::TO_BOOL {
                    s.pc = s.pc.add(2);
                }
                s.next_bool(r.is_obj(true_()))
            }
            Hit::Raised => RAISED,
            Hit::Miss => {
                s.pc = s.pc.sub(1);
                s.bail()
            }
        }
    }
    fn type_1(s) {
        let bottom = s.sp.sub(3);
        if !(*bottom).is_obj(Type::type_object()) || !(*bottom.add(1)).is_null() {
            return s.bail();
        }
        s.skip_cache();
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let v = s.peek(1);
        let f = *bottom;
        *bottom = Slot::new(v.obj().ty());
        s.sp = bottom.add(1);
        s.next_dropping2(v, f)
    }
    fn class_init(s) {
        let n = s.arg();
        let bottom = s.sp.sub(n + 2);
        let Some((cls, fslot, f, fcode)) =
            specialize::hit_class_init(*bottom, *bottom.add(1), n, s.cache(1).load(Acquire))
        else {
            return s.bail();
        };
        let ts = s.ts();
        let base = ts.stack.top.get();
        let left = (ts.stack.limit.get() as usize).wrapping_sub(base as usize);
        if !fslot.is_borrowed() || !s.may_enter() || fcode.framesize() * 8 > left {
            fslot.drop();
            return s.bail();
        }
        s.skip_cache();
        s.save();
        let obj = tri!(ops::alloc_instance(cls));
        // The object takes the place of the class; `__init__` borrows it
        let cls_slot = *bottom;
        *bottom.add(1) = Slot::borrowed(&obj);
        *bottom = Slot::owned(obj);
        if cls_slot.is_counted() && !drop_quickly(cls_slot) {
            cls_slot.drop_nonnull();
        }
        let base = tri!(crate::interp::stack::push(ts, fcode.framesize()));
        let new = crate::interp::stack::init_frame(base, fslot, f, fcode);
        let lp = InterpFrame::localsplus(new);
        fill_locals(lp, bottom.add(1), n + 1, fcode.nlocalsplus());
        (*new).flags = FLAG_INIT;
        // The instance stays on the caller's stack, below the result
        (*s.frame).sp = bottom.add(1);
        s.enter(new)
    }
    fn generic(s) {
        let n = s.arg();
        let callable = s.peek(n + 2);
        if let Some(o) = callable.try_obj() && (type_is!(o, PyFunction_Type) || type_is!(o, PyMethod_Type)) {
            return s.bail();
        }
        s.skip_cache();
        s.save();
        let r = tri!(ops::call_object(s.sp.sub(n + 2), n, None));
        s.next_called(n + 2, r)
    }
}
