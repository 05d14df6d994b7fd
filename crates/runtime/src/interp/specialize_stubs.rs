pub unsafe fn load_global(_w: *const AtomicU32, _c: &AtomicU64, _f: *mut InterpFrame, _name: &Str) {}
pub unsafe fn hit_global_module(_f: *mut InterpFrame, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_global_builtin(_f: *mut InterpFrame, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_getitem<'a>(_o: Slot, _c: u64) -> Option<(&'a Function, &'a Code)> { None }
pub unsafe fn load_attr(_w: *const AtomicU32, _c0: &AtomicU64, _c1: &AtomicU64, _o: Slot, _name: &Str, _method: bool) {}
pub unsafe fn hit_attr_instance(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_slot(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_module(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_dict(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_class(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_classvar(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_method(_o: Slot, _c: u64) -> Option<Slot> { None }
pub unsafe fn hit_attr_property<'a>(_o: Slot, _c: u64) -> Option<(&'a Function, &'a Code)> { None }
pub unsafe fn attr_miss(_w: *const AtomicU32, _c: &AtomicU64) -> bool { false }
pub unsafe fn store_attr(_w: *const AtomicU32, _c: &AtomicU64, _o: Slot, _name: &Str) {}
pub unsafe fn hit_store_instance(_p: *mut Slot, _c: u64) -> bool { false }
pub unsafe fn hit_store_slot(_p: *mut Slot, _c: u64) -> bool { false }
pub unsafe fn call(_w: *const AtomicU32, _c0: &AtomicU64, _c1: &AtomicU64, _sp: *mut Slot, _n: usize) {}
pub unsafe fn call_cfunc(_b: *mut Slot, _n: usize, _c: u64) -> Hit { Hit::Miss }
pub unsafe fn call_len(_b: *mut Slot) -> Hit { Hit::Miss }
pub unsafe fn call_list_append(_b: *mut Slot) -> Hit { Hit::Miss }
pub unsafe fn call_isinstance(_b: *mut Slot) -> Hit { Hit::Miss }
pub unsafe fn hit_class_init<'a>(_c: Slot, _s: Slot, _n: usize, _e: u64) -> Option<(&'a Type, &'a Function, &'a Code)> { None }

/// Chooses a form for BINARY_OP from its operands.
pub unsafe fn binary_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot, arg: u32) {
    use super::eval::{slot_f64, slot_i64, type_is};
    use compiler::opcode::nb;
    if c.load(Relaxed) >> 32 >= MAX_TRIES {
        return;
    }
    let base = if (nb::INPLACE..nb::SUBSCR).contains(&arg) { arg - nb::INPLACE } else { arg };
    let new = if arg == nb::SUBSCR {
        let Some(o) = a.try_obj() else { return };
        if type_is!(o, crate::objects::list::PyList_Type) && b.is_int() {
            sop::BINARY_OP_SUBSCR_LIST_INT
        } else if type_is!(o, crate::objects::tuple::PyTuple_Type) && b.is_int() {
            sop::BINARY_OP_SUBSCR_TUPLE_INT
        } else if type_is!(o, crate::objects::unicode::PyUnicode_Type) && b.is_int() {
            sop::BINARY_OP_SUBSCR_STR_INT
        } else if type_is!(o, crate::objects::dict::PyDict_Type) {
            sop::BINARY_OP_SUBSCR_DICT
        } else {
            return;
        }
    } else if slot_i64(a).is_some() && slot_i64(b).is_some() {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_INT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_INT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_INT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            nb::MATRIX_MULTIPLY | nb::POWER => return,
            _ => sop::BINARY_OP_INT,
        }
    } else if (slot_f64(a).is_some() && (slot_f64(b).is_some() || b.is_int())) || (slot_f64(b).is_some() && a.is_int()) {
        match base {
            nb::ADD => sop::BINARY_OP_ADD_FLOAT,
            nb::SUBTRACT => sop::BINARY_OP_SUB_FLOAT,
            nb::MULTIPLY => sop::BINARY_OP_MUL_FLOAT,
            nb::TRUE_DIVIDE => sop::BINARY_OP_DIV_FLOAT,
            _ => return,
        }
    } else if base == nb::ADD
        && let (Some(x), Some(y)) = (a.try_obj(), b.try_obj())
        && type_is!(x, crate::objects::unicode::PyUnicode_Type)
        && type_is!(y, crate::objects::unicode::PyUnicode_Type)
    {
        sop::BINARY_OP_ADD_STR
    } else {
        return;
    };
    // SAFETY: the caller points at an instruction word.
    unsafe { set_op(w, new) };
}

/// Chooses a form for COMPARE_OP from its operands.
pub unsafe fn compare_op(w: *const AtomicU32, c: &AtomicU64, a: Slot, b: Slot) {
    use super::eval::{slot_i64, slot_num, type_is};
    if c.load(Relaxed) >> 32 >= MAX_TRIES {
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
            return;
        };
        set_op(w, new);
    }
}

/// Outcome of advancing a range iterator.
pub enum RangeNext {
    Value(Slot),
    End,
    Slow,
}
pub unsafe fn range_next(_it: &Object) -> RangeNext { RangeNext::Slow }
/// Frees the records of a dying code object.
pub fn free_records(_c: &Code) {}
