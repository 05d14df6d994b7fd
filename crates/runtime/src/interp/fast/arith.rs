//! Handlers: operators, comparisons, subscriptions, building.

use super::*;
use crate::interp::eval::{slot_i64, slot_num, type_is};
use crate::interp::slot::materialize;
use crate::interp::specialize::Hit;
use crate::interp::{ops, specialize};
use crate::objects::list::PyList_Type;
use crate::objects::tuple::PyTuple_Type;
use crate::objects::unicode::PyUnicode_Type;
use compiler::opcode::nb;

table! {
    sop::BINARY_OP_ADD_INT => add_int,
    sop::BINARY_OP_SUB_INT => sub_int,
    sop::BINARY_OP_MUL_INT => mul_int,
    sop::BINARY_OP_INT => int_op,
    sop::BINARY_OP_ADD_FLOAT => add_float,
    sop::BINARY_OP_SUB_FLOAT => sub_float,
    sop::BINARY_OP_MUL_FLOAT => mul_float,
    sop::BINARY_OP_DIV_FLOAT => div_float,
    sop::BINARY_OP_ADD_STR => add_str,
    sop::BINARY_OP_SUBSCR_LIST_INT => subscr_list_int,
    sop::BINARY_OP_SUBSCR_LIST_NUM => subscr_list_num,
    sop::BINARY_OP_SUBSCR_TUPLE_INT => subscr_tuple_int,
    sop::BINARY_OP_SUBSCR_STR_INT => subscr_str_int,
    sop::BINARY_OP_SUBSCR_DICT => subscr_dict,
    sop::BINARY_OP_SUBSCR_GETITEM => subscr_getitem,
    sop::BINARY_OP_GENERIC => binary_generic,
    sop::COMPARE_OP_INT => compare_int,
    sop::COMPARE_OP_FLOAT => compare_float,
    sop::COMPARE_OP_STR => compare_str,
    sop::COMPARE_OP_GENERIC => compare_generic,
    op::CONTAINS_OP => contains_op,
    op::UNARY_NEGATIVE => negative,
    op::BINARY_SLICE => binary_slice,
    op::STORE_SUBSCR => store_subscr,
    op::BUILD_TUPLE => build_tuple,
    op::BUILD_LIST => build_list,
    op::BUILD_MAP => build_map,
    op::BUILD_STRING => build_string,
    op::BUILD_SLICE => build_slice,
    op::FORMAT_SIMPLE => format_simple,
    op::LIST_APPEND => list_append,
    op::MAP_ADD => map_add,
    op::SET_ADD => set_add,
}

/// Both are unboxed ints: the tag is 2.
#[inline(always)]
fn both_ints(a: Slot, b: Slot) -> bool {
    ((a.0 ^ 2) | (b.0 ^ 2)) & 3 == 0
}

impl State {
    /// The operands of a binary instruction become an unboxed result.
    #[inline(always)]
    unsafe fn next_unboxed2(mut self, r: Slot) -> Exit {
        // SAFETY: two unboxed operands on the stack.
        unsafe {
            self.sp = self.sp.sub(2);
            self.skip_cache();
            self.next_pushing(r)
        }
    }
    /// Replaces two operands by a result and drops them.
    #[inline(always)]
    unsafe fn next_result2(mut self, r: Slot) -> Exit {
        // SAFETY: two operands on the stack.
        unsafe {
            let (a, b) = (self.peek(2), self.peek(1));
            self.sp = self.sp.sub(1);
            self.set_top(r);
            self.next_dropping2(a, b)
        }
    }
    /// As `next_result2` for an unboxed result, with the fused store.
    #[inline(always)]
    unsafe fn next_boxed2(mut self, r: Slot) -> Exit {
        // SAFETY: two operands on the stack.
        unsafe {
            let (a, b) = (self.peek(2), self.peek(1));
            let (qa, qb) = (!a.is_counted() || drop_quickly(a), !b.is_counted() || drop_quickly(b));
            if qa && qb {
                self.sp = self.sp.sub(2);
                return self.next_pushing(r);
            }
            self.sp = self.sp.sub(1);
            self.set_top(r);
            self.next_dropping2(if qa { Slot::NULL } else { a }, if qb { Slot::NULL } else { b })
        }
    }
}

#[inline(never)]
fn index_str(s: &Str, i: usize) -> PyResult<PyRef> {
    Ok(s.index_str(i)?.upcast())
}

macro_rules! float_handlers {
    ($($name:ident, $a:ident, $b:ident: $guard:expr, $e:expr;)*) => {
        handlers! {$(
            fn $name(s) {
                let (x, y) = (s.peek(2), s.peek(1));
                if x.is_float() && y.is_float() {
                    let ($a, $b) = (x.float_value(), y.float_value());
                    if $guard && let Some(r) = Slot::float($e) {
                        return s.next_unboxed2(r);
                    }
                }
                float_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
            }
        )*}
    };
}

float_handlers! {
    add_float, a, b: true, a + b;
    sub_float, a, b: true, a - b;
    mul_float, a, b: true, a * b;
    div_float, a, b: b != 0.0, a / b;
}

handlers! {
    fn add_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if both_ints(a, b) && let Some(v) = (a.0 as i64 - 2).checked_add(b.0 as i64) {
            return s.next_unboxed2(Slot(v as u64));
        }
        int_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    fn sub_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if both_ints(a, b) && let Some(v) = (a.0 as i64).checked_sub(b.0 as i64 - 2) {
            return s.next_unboxed2(Slot(v as u64));
        }
        int_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    fn mul_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if both_ints(a, b)
            && let Some(v) = a.int_value().checked_mul(b.int_value())
            && let Some(r) = Slot::int(v)
        {
            return s.next_unboxed2(r);
        }
        int_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    fn int_op(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if both_ints(a, b) && let Some(r) = ops::int_op(s.arg() as u32, a.int_value(), b.int_value()) {
            return s.next_unboxed2(r);
        }
        int_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    /// The same with operands of which at least one is an object.
    #[inline(never)]
    fn int_boxed(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let (Some(x), Some(y)) = (slot_i64(a), slot_i64(b)) {
            let arg = s.arg() as u32;
            let r = match if arg >= nb::INPLACE { arg - nb::INPLACE } else { arg } {
                nb::ADD => Slot::int(x + y),
                nb::SUBTRACT => Slot::int(x - y),
                nb::MULTIPLY => x.checked_mul(y).and_then(Slot::int),
                _ => ops::int_op(arg, x, y),
            };
            if let Some(r) = r {
                s.skip_cache();
                return s.next_boxed2(r);
            }
        }
        s.bail()
    }
    #[inline(never)]
    fn float_boxed(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        let arg = s.arg() as u32;
        let base = if arg >= nb::INPLACE { arg - nb::INPLACE } else { arg };
        if let (Some(x), Some(y)) = (slot_num(a), slot_num(b)) && (base == nb::TRUE_DIVIDE || !a.is_int() || !b.is_int()) {
            let r = match base {
                nb::ADD => Slot::float(x + y),
                nb::SUBTRACT => Slot::float(x - y),
                nb::MULTIPLY => Slot::float(x * y),
                _ => {
                    if y == 0.0 {
                        return s.bail();
                    }
                    Slot::float(x / y)
                }
            };
            if let Some(r) = r {
                s.skip_cache();
                return s.next_boxed2(r);
            }
        }
        s.bail()
    }
    fn add_str(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
            && type_is!(x, PyUnicode_Type)
            && type_is!(y, PyUnicode_Type)
        {
            s.skip_cache();
            s.save();
            let r = tri!(ops::concat_str(s.frame, s.sp, (*s.pc).load(Relaxed)));
            s.sp = s.sp.sub(2);
            return s.next_pushing(r);
        }
        s.bail()
    }
    fn binary_generic(s) {
        s.skip_cache();
        s.save();
        let r = tri!(ops::binary_op(s.sp.sub(2), s.arg() as u32));
        s.next_result2(r)
    }

    // --- subscriptions ----------------------------------------------------------------------------------------
    fn subscr_list_num(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if b.is_int()
            && b.int_value() >= 0
            && !a.is_unboxed()
            && type_is!(a.obj(), PyList_Type)
            && let Some(v) = specialize::list_number(a.obj().cast::<List>(), b.int_value() as usize)
        {
            s.skip_cache();
            s.sp = s.sp.sub(1);
            s.set_top(v);
            return s.next_dropping(a);
        }
        subscr_list_int(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    fn subscr_list_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let Some(l) = a.try_obj() && type_is!(l, PyList_Type) && let Some(mut i) = slot_i64(b) {
            let l = l.cast::<List>();
            if i < 0 {
                i += l.len() as i64;
            }
            if i >= 0 && let Some(v) = l.get_slot(i as usize) {
                s.skip_cache();
                s.sp = s.sp.sub(1);
                s.set_top(v);
                return s.next_dropping2(a, b);
            }
        }
        s.bail()
    }
    fn subscr_tuple_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let Some(t) = a.try_obj() && type_is!(t, PyTuple_Type) && let Some(mut i) = slot_i64(b) {
            let t = t.cast::<Tuple>().as_slice();
            if i < 0 {
                i += t.len() as i64;
            }
            if (i as u64) < t.len() as u64 {
                s.skip_cache();
                s.sp = s.sp.sub(1);
                s.set_top(Slot::new_shared(t.get_unchecked(i as usize)));
                return s.next_dropping2(a, b);
            }
        }
        s.bail()
    }
    fn subscr_str_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let Some(t) = a.try_obj() && type_is!(t, PyUnicode_Type) && let Some(mut i) = slot_i64(b) {
            let t = t.cast::<Str>();
            if i < 0 {
                i += t.len() as i64;
            }
            if (i as u64) < t.len() as u64 {
                s.skip_cache();
                s.save();
                let r = Slot::owned(tri!(index_str(t, i as usize)));
                s.sp = s.sp.sub(1);
                s.set_top(r);
                return s.next_dropping2(a, b);
            }
        }
        s.bail()
    }
    fn subscr_dict(s) {
        let a = s.peek(2);
        if let Some(d) = a.try_obj() && type_is!(d, crate::objects::dict::PyDict_Type) {
            s.skip_cache();
            s.save();
            tri!(materialize(s.sp.sub(1)));
            return match specialize::dict_item(d.cast::<Dict>(), s.peek(1).obj()) {
                Hit::Done(v) => s.next_result2(v),
                Hit::Miss => {
                    let _ = crate::error::raise_key_error(s.peek(1).obj());
                    RAISED
                }
                Hit::Raised => RAISED,
            };
        }
        s.bail()
    }
    fn subscr_getitem(s) {
        if let Some((fs, f, fcode)) = specialize::hit_getitem(s.peek(2), s.cache(0).load(Acquire)) {
            if fs.is_borrowed() {
                let args = s.sp.sub(2);
                return s.call_exact(f, fs, fcode, args, 2, args);
            }
            fs.drop();
        }
        s.bail()
    }
    fn binary_slice(s) {
        s.save();
        let r = tri!(ops::binary_slice(s.sp.sub(3)));
        s.drop_n(3);
        s.next_pushing(r)
    }
    fn store_subscr(s) {
        // [value, container, key]
        let (v, o, k) = (s.peek(3), s.peek(2), s.peek(1));
        s.skip_cache();
        s.save();
        if let Some(l) = o.try_obj() && type_is!(l, PyList_Type) && let Some(mut i) = slot_i64(k) {
            let l = l.cast::<List>();
            let n = l.len() as i64;
            if i < 0 {
                i += n;
            }
            if (i as u64) < n as u64 {
                // the list takes the value over: counted before other threads can see it
                let val = tri!(v.into_ref()).into_ptr();
                *s.sp.sub(3) = Slot::steal(val);
                if let Some(old) = l.try_set(i as usize, val) {
                    s.sp = s.sp.sub(3);
                    if k.is_counted() && !drop_quickly(k) {
                        *s.sp = Slot::NULL;
                        s.save();
                        k.drop_nonnull();
                    }
                    return s.next_dropping2(o, Slot::steal(old));
                }
            }
        }
        tri!(ops::store_subscr(s.sp.sub(3)));
        s.drop_n(3);
        s.next()
    }

    // --- comparisons ------------------------------------------------------------------------------------------
    fn compare_int(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if both_ints(a, b) {
            let (x, y) = (a.0 as i64, b.0 as i64);
            // the mask's bits: 2 less, 4 greater, 8 equal
            let m = 2 * (x < y) as u64 + 4 * (x > y) as u64 + 8 * (x == y) as u64;
            s.sp = s.sp.sub(2);
            s.skip_cache();
            return s.next_bool(s.word >> 8 & m != 0);
        }
        compare_int_boxed(s.pc, s.sp, s.frame, s.ts, s.code, s.word)
    }
    #[inline(never)]
    fn compare_int_boxed(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        let (Some(x), Some(y)) = (slot_i64(a), slot_i64(b)) else { return s.bail() };
        let m = 2 * (x < y) as u64 + 4 * (x > y) as u64 + 8 * (x == y) as u64;
        s.skip_cache();
        s.drop_n(2);
        s.next_bool(s.word >> 8 & m != 0)
    }
    fn compare_float(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let (Some(x), Some(y)) = (slot_num(a), slot_num(b)) {
            let m = if x < y {
                2
            } else if x > y {
                4
            } else if x == y {
                8
            } else {
                1
            };
            s.skip_cache();
            s.drop_n(2);
            return s.next_bool(s.word >> 8 & m != 0);
        }
        s.bail()
    }
    fn compare_str(s) {
        let (a, b) = (s.peek(2), s.peek(1));
        if let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
            && type_is!(x, PyUnicode_Type)
            && type_is!(y, PyUnicode_Type)
        {
            let same = x.is(y) || x.cast::<Str>().eq_data(y.cast::<Str>());
            // only == and != are specialised: the mask says which
            let r = same == (s.word >> 8 & 8 != 0);
            s.skip_cache();
            s.drop_n(2);
            return s.next_bool(r);
        }
        s.bail()
    }
    fn compare_generic(s) {
        s.skip_cache();
        s.save();
        let r = tri!(ops::compare_op(s.sp.sub(2), s.arg() as u32));
        s.next_result2(r)
    }
    fn contains_op(s) {
        s.skip_cache();
        s.save();
        let r = tri!(ops::contains_op(s.sp.sub(2))) ^ (s.arg() != 0);
        s.drop_n(2);
        s.next_bool(r)
    }
    fn negative(s) {
        let v = s.peek(1);
        if v.is_int() && let Some(r) = Slot::int(-v.int_value()) {
            s.set_top(r);
        } else if v.is_float() && let Some(r) = Slot::float(-v.float_value()) {
            s.set_top(r);
        } else {
            return s.bail();
        }
        s.next()
    }

    // --- building ---------------------------------------------------------------------------------------------
    fn build_tuple(s) {
        s.save();
        let r = tri!(ops::build_tuple(s.sp, s.arg()));
        s.sp = s.sp.sub(s.arg());
        s.next_pushing(r)
    }
    fn build_list(s) {
        s.save();
        let r = tri!(ops::build_list(s.sp, s.arg()));
        s.sp = s.sp.sub(s.arg());
        s.next_pushing(r)
    }
    fn build_map(s) {
        s.save();
        let r = tri!(ops::build_map(s.sp, s.arg()));
        s.drop_n(2 * s.arg());
        s.next_pushing(r)
    }
    fn build_string(s) {
        s.save();
        let r = tri!(ops::build_string(s.sp, s.arg()));
        s.drop_n(s.arg());
        s.next_pushing(r)
    }
    fn build_slice(s) {
        s.save();
        let r = tri!(ops::build_slice(s.sp, s.arg()));
        s.drop_n(s.arg());
        s.next_pushing(r)
    }
    fn format_simple(s) {
        let v = s.peek(1);
        if v.try_obj().is_none_or(|o| !type_is!(o, PyUnicode_Type)) {
            s.save();
            let r = tri!(ops::format_simple(s.sp.sub(1)));
            // the entry may have been boxed meanwhile
            let v = s.peek(1);
            s.set_top(r);
            return s.next_dropping(v);
        }
        s.next()
    }
    fn list_append(s) {
        let v = s.pop();
        s.save();
        let l = s.peek(s.arg());
        let val = tri!(v.into_ref());
        tri!(l.obj().cast::<List>().push(val));
        s.next()
    }
    fn map_add(s) {
        let d = s.peek(s.arg() + 2);
        let v = s.pop();
        let k = s.pop();
        s.save();
        let k = tri!(k.into_ref());
        let v = tri!(v.into_ref());
        tri!(d.obj().cast::<Dict>().insert(k, v));
        s.next()
    }
    fn set_add(s) {
        s.save();
        tri!(materialize(s.sp.sub(1)));
        tri!(ops::set_add(s.peek(s.arg() + 1).obj(), s.peek(1).obj()));
        let v = s.pop();
        s.next_dropping(v)
    }
}
