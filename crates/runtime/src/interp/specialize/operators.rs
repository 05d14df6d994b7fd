//! Inline caches of operators and loops.

use super::*;

/// Chooses a form for BINARY_OP from its operands.
pub unsafe fn binary_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot, arg: u32) {
    // SAFETY: the caller points at an instruction word.
    unsafe {
        if !choose_binary(w, c, a, b, arg) {
            miss(w, c);
        }
    }
}

/// False: nothing fits these operands.
unsafe fn choose_binary(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot, arg: u32) -> bool {
    use super::super::eval::{slot_f64, slot_i64, type_is};
    use compiler::opcode::nb;
    if tries(c) >= MAX_TRIES {
        return false;
    }
    let base = if (nb::INPLACE..nb::SUBSCR).contains(&arg) { arg - nb::INPLACE } else { arg };
    let new = if arg == nb::SUBSCR {
        let Some(o) = a.try_obj() else { return false };
        let index = slot_i64(b).is_some();
        if type_is!(o, crate::objects::list::PyList_Type) && index {
            // SAFETY: the type was just checked.
            let v = slot_i64(b).map_or(core::ptr::null_mut(), |i| unsafe { o.cast::<List>() }.peek(i as usize));
            // SAFETY: the caller points at an instruction word; the item was just read.
            if unsafe { feeds_arithmetic(w, v) } {
                sop::BINARY_OP_SUBSCR_LIST_NUM
            } else {
                sop::BINARY_OP_SUBSCR_LIST_INT
            }
        } else if type_is!(o, crate::objects::tuple::PyTuple_Type) && index {
            sop::BINARY_OP_SUBSCR_TUPLE_INT
        } else if type_is!(o, crate::objects::unicode::PyUnicode_Type) && index {
            sop::BINARY_OP_SUBSCR_STR_INT
        } else if type_is!(o, crate::objects::dict::PyDict_Type) {
            sop::BINARY_OP_SUBSCR_DICT
        } else {
            if let (Some(f), version) = o.ty().lookup_with_version(intern!("__getitem__"))
                && version != 0
                && o.ty().is_heap_type()
                && let Some(func) = f.downcast_exact::<Function>()
                && func.code().extra().simple_args
                && func.code().argcount() == 2
            {
                publish(
                    c,
                    Record {
                        kind: kind::GETITEM,
                        version,
                        names: 0,
                        index: 0,
                        value: f.as_ptr(),
                        next: core::ptr::null_mut(),
                    },
                );
                // SAFETY: the caller points at an instruction word.
                unsafe { set_op(w, sop::BINARY_OP_SUBSCR_GETITEM) };
                return true;
            }
            return false;
        }
    } else if slot_i64(a).is_some() && slot_i64(b).is_some() {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_INT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_INT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_INT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            nb::MATRIX_MULTIPLY | nb::POWER => return false,
            _ => sop::BINARY_OP_INT,
        }
    } else if (slot_f64(a).is_some() && (slot_f64(b).is_some() || b.is_int())) || (slot_f64(b).is_some() && a.is_int())
    {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_FLOAT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_FLOAT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_FLOAT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            _ => return false,
        }
    } else if base == nb::ADD
        && let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
        && type_is!(x, crate::objects::unicode::PyUnicode_Type)
        && type_is!(y, crate::objects::unicode::PyUnicode_Type)
    {
        sop::BINARY_OP_ADD_STR
    } else {
        return false;
    };
    // SAFETY: the caller points at an instruction word.
    unsafe { set_op(w, new) };
    true
}

/// Chooses a form for COMPARE_OP from its operands.
pub unsafe fn compare_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot) {
    use super::super::eval::{slot_i64, slot_num, type_is};
    if tries(c) >= MAX_TRIES {
        return;
    }
    // SAFETY: the caller points at an instruction word.
    unsafe {
        let new = if slot_i64(a).is_some() && slot_i64(b).is_some() {
            sop::COMPARE_OP_INT
        } else if slot_num(a).is_some() && slot_num(b).is_some() {
            sop::COMPARE_OP_FLOAT
        } else if let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
            && type_is!(x, crate::objects::unicode::PyUnicode_Type)
            && type_is!(y, crate::objects::unicode::PyUnicode_Type)
            && matches!((*w).load(Relaxed) >> 13, 2 | 3)
        {
            sop::COMPARE_OP_STR
        } else {
            return miss(w, c);
        };
        set_op(w, new);
    }
}

/// Chooses a form for FOR_ITER from its iterator.
#[cold]
#[inline(never)]
pub unsafe fn for_iter(w: *const AtomicU32, c: &AtomicU64, it: &Object) {
    use super::super::eval::type_is;
    let new = if tries(c) >= MAX_TRIES {
        sop::FOR_ITER_GENERIC
    } else if type_is!(it, super::super::pending::PyRangeIter_Type) {
        sop::FOR_ITER_RANGE
    } else if type_is!(it, crate::objects::list::iter::PyListIter_Type) {
        sop::FOR_ITER_LIST
    } else if type_is!(it, crate::objects::tuple::PyTupleIter_Type) {
        sop::FOR_ITER_TUPLE
    } else if type_is!(it, crate::objects::r#gen::PyGen_Type) {
        sop::FOR_ITER_GEN
    } else {
        // SAFETY: the caller points at an instruction word.
        unsafe { super::pairs::form(w, it) }.unwrap_or(sop::FOR_ITER_GENERIC)
    };
    // SAFETY: the caller points at an instruction word.
    unsafe { set_op(w, new) };
}

/// Outcome of advancing a range iterator.
pub enum RangeNext {
    Value(Slot),
    End,
    Slow,
}

/// Advances a range iterator without making an object.
#[inline(always)]
pub unsafe fn range_next(it: &Object) -> RangeNext {
    // SAFETY: an exact range iterator.
    let it = unsafe { it.cast::<crate::objects::range::RangeIter>() };
    let n = it.len.load(Relaxed);
    if n <= 0 {
        return RangeNext::End;
    }
    let v = it.start.load(Relaxed);
    let Some(s) = Slot::int(v) else { return RangeNext::Slow };
    it.start.store(v.wrapping_add(it.step.load(Relaxed)), Relaxed);
    it.len.store(n - 1, Relaxed);
    RangeNext::Value(s)
}
