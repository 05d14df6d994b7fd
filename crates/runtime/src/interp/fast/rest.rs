//! Handlers: what mostly happens out of line, but often enough not to go through the loop in `eval`.

use super::*;
use crate::interp::ops;
use crate::interp::slot::materialize;

table! {
    op::LOAD_NAME => load_name,
    op::STORE_NAME => store_name,
    op::STORE_GLOBAL => store_global,
    op::DELETE_FAST => delete_fast,
    op::UNARY_INVERT => invert,
    op::STORE_SLICE => store_slice,
    op::DELETE_SUBSCR => delete_subscr,
    op::LOAD_SPECIAL => load_special,
    op::CALL_FUNCTION_EX => call_function_ex,
    op::CALL_INTRINSIC_1 => intrinsic_1,
    op::MAKE_FUNCTION => make_function,
    op::SET_FUNCTION_ATTRIBUTE => set_function_attribute,
    op::BUILD_SET => build_set,
    op::FORMAT_WITH_SPEC => format_with_spec,
    op::CONVERT_VALUE => convert_value,
    op::LIST_EXTEND => list_extend,
    op::SET_UPDATE => set_update,
    op::DICT_UPDATE => dict_update,
    op::DICT_MERGE => dict_merge,
    op::GET_AWAITABLE => get_awaitable,
    op::GET_LEN => get_len,
    op::PUSH_EXC_INFO => push_exc_info,
    op::POP_EXCEPT => pop_except,
    op::CHECK_EXC_MATCH => check_exc_match,
    op::MATCH_MAPPING => match_mapping,
    op::MATCH_SEQUENCE => match_sequence,
}

impl State {
    /// A result takes the top's place.
    #[inline(always)]
    unsafe fn next_result1(self, r: Slot) -> Exit {
        // SAFETY: the stack is not empty.
        unsafe {
            let v = self.peek(1);
            self.set_top(r);
            self.next_dropping(v)
        }
    }
}

handlers! {
    fn load_name(s) {
        s.skip_cache();
        s.save();
        let v = tri!(ops::load_name(s.frame, (*s.code).name_at(s.arg())));
        s.push(v);
        s.next()
    }
    fn store_name(s) {
        s.save();
        tri!(ops::store_name(s.frame, (*s.code).name_at(s.arg()), s.sp.sub(1)));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn store_global(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!((*s.frame).globals().set((*s.code).name_at(s.arg()), s.peek(1).obj()));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn delete_fast(s) {
        let l = s.local(s.arg());
        let v = *l;
        if v.is_null() {
            return s.bail();
        }
        *l = Slot::NULL;
        s.next_dropping(v)
    }
    fn invert(s) {
        let v = s.peek(1);
        if v.is_int() {
            s.set_top(Slot::int_unchecked(!v.int_value()));
            return s.next();
        }
        s.bail()
    }
    fn store_slice(s) {
        s.save();
        tri!(ops::store_slice(s.sp.sub(4)));
        s.drop_n(4);
        s.next()
    }
    fn delete_subscr(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!(materialize(s.sp.sub(2)));
        tri!(s.peek(2).obj().del_item(s.peek(1).obj()));
        let (o, k) = (s.peek(2), s.peek(1));
        s.sp = s.sp.sub(2);
        s.next_dropping2(o, k)
    }
    fn load_special(s) {
        s.save();
        let (v, is_method) = tri!(ops::load_special(s.sp.sub(1), s.arg() as u32));
        // the entry may have been boxed meanwhile
        let o = s.peek(1);
        s.set_top(v);
        if is_method {
            s.push(o);
            return s.next();
        }
        s.push(Slot::NULL);
        s.next_dropping(o)
    }
    fn call_function_ex(s) {
        if !s.may_enter() {
            return s.bail();
        }
        s.save();
        match tri!(ops::call_function_ex(s.ts(), s.frame, s.sp.sub(4))) {
            ops::CallEx::Done(r) => {
                s.drop_n(4);
                s.push(r);
                s.next_after_call()
            }
            ops::CallEx::Frame(new) => {
                // operands were copied
                s.drop_n(4);
                s.enter(new)
            }
        }
    }
    fn intrinsic_1(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let r = tri!(ops::intrinsic_1(s.ts(), s.frame, s.arg() as u32, s.peek(1)));
        s.next_result1(r)
    }
    fn make_function(s) {
        s.save();
        let r = tri!(ops::make_function(s.frame, s.peek(1)));
        s.next_result1(r)
    }
    fn set_function_attribute(s) {
        let f = s.pop();
        let v = s.pop();
        s.save();
        tri!(ops::set_function_attribute(f, v, s.arg() as u32));
        s.push(f);
        s.next()
    }
    fn build_set(s) {
        s.save();
        let r = tri!(ops::build_set(s.sp, s.arg()));
        s.drop_n(s.arg());
        s.push(r);
        s.next()
    }
    fn format_with_spec(s) {
        s.save();
        tri!(materialize(s.sp.sub(2)));
        let r = tri!(ops::format_with_spec(s.peek(2), s.peek(1)));
        let (v, spec) = (s.peek(2), s.peek(1));
        s.sp = s.sp.sub(1);
        s.set_top(r);
        s.next_dropping2(v, spec)
    }
    fn convert_value(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let r = tri!(ops::convert_value(s.peek(1), s.arg() as u32));
        s.next_result1(r)
    }
    fn list_extend(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!(ops::list_extend(s.peek(s.arg() + 1), s.peek(1)));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn set_update(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!(s.peek(s.arg() + 1).obj().cast::<Set>().update(s.peek(1).obj()));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn dict_update(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!(ops::dict_update(s.peek(s.arg() + 1), s.peek(1)));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn dict_merge(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        // [func, self_or_null, args, dict, .., other]
        tri!(ops::dict_merge(s.peek(s.arg() + 4), s.peek(s.arg() + 1), s.peek(1)));
        let v = s.pop();
        s.next_dropping(v)
    }
    fn get_awaitable(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let r = tri!(ops::get_awaitable(s.peek(1), s.arg() as u32));
        s.next_result1(r)
    }
    fn get_len(s) {
        s.save();
        let n = tri!(s.peek(1).obj().len());
        let n = tri!(Slot::from_i64(n as i64));
        s.push(n);
        s.next()
    }
    fn match_mapping(s) {
        let r = ops::has_flag(s.peek(1), abi::Py_TPFLAGS_MAPPING);
        s.next_bool(r)
    }
    fn match_sequence(s) {
        let r = ops::has_flag(s.peek(1), abi::Py_TPFLAGS_SEQUENCE);
        s.next_bool(r)
    }

    // --- exceptions -------------------------------------------------------------------------------------------
    fn push_exc_info(s) {
        let e = s.peek(1);
        let info = s.ts().abi().exc_info;
        let prev = (*info).exc_value;
        s.set_top(if prev.is_null() { Slot::none() } else { Slot::steal(prev) });
        (*info).exc_value = e.obj().to_ref().into_ptr();
        s.push(e);
        s.next()
    }
    fn pop_except(s) {
        let prev = s.pop();
        let info = s.ts().abi().exc_info;
        let old = (*info).exc_value;
        (*info).exc_value = if prev.is_obj(none()) { null_mut() } else { prev.counted().ptr() };
        s.next_dropping(Slot::steal(old))
    }
    fn check_exc_match(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        let m = tri!(ops::check_exc_match(s.peek(2), s.peek(1)));
        s.drop_n(1);
        s.next_bool(m)
    }
}
