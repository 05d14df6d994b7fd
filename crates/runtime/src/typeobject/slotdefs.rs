//! The table of special methods: slot ↔ dunder name ↔ wrapper (slot to method) ↔ dispatcher (method to slot).
//!
//! One slot may have several names (`nb_add`: `__add__`, `__radd__`), one name several slots (`__len__`). The order
//! decides which slot's wrapper wins a name when a type is made ready.

use super::dispatch::*;
use super::spec::{Group, slot_place};
use super::wrappers::*;
use crate::objects::Str;
use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::*};

/// One row of the table.
#[repr(C)]
pub struct SlotEntry {
    /// As the C API's `PyDescr_NewWrapper` knows it; `function` is the dispatcher, `wrapper` may be null.
    pub base: abi::wrapperbase,
    pub id: c_int,
    name: AtomicPtr<Str>,
}

// SAFETY: constant but for the atomic name.
unsafe impl Sync for SlotEntry {}

impl SlotEntry {
    /// The dunder name, interned.
    pub fn name(&self) -> &'static Str {
        let p = self.name.load(Acquire);
        if !p.is_null() {
            // SAFETY: interned strings are immortal.
            return unsafe { &*p };
        }
        // SAFETY: a literal of the table.
        let s = Str::intern(unsafe { CStr::from_ptr(self.base.name) }.to_str().unwrap_or(""));
        self.name.store((s as *const Str).cast_mut(), Release);
        s
    }

    /// Group and offset of the slot.
    pub fn place(&self) -> (Group, usize) {
        slot_place(self.id).expect("known slot")
    }

    pub fn base_ptr(&self) -> *mut abi::wrapperbase {
        (&raw const self.base).cast_mut()
    }

    pub fn dispatcher(&self) -> *mut c_void {
        self.base.function
    }
}

const fn row(
    id: c_int,
    name: &'static CStr,
    function: *const (),
    wrapper: *const (),
    flags: c_int,
    doc: &'static CStr,
) -> SlotEntry {
    SlotEntry {
        base: abi::wrapperbase {
            name: name.as_ptr().cast_mut(),
            offset: 0,
            function: function.cast_mut().cast(),
            // SAFETY: null or a function; those with keywords are told by the flag.
            wrapper: unsafe { core::mem::transmute::<*const (), abi::wrapperfunc>(wrapper) },
            doc: doc.as_ptr().cast_mut(),
            flags,
            name_strobj: core::ptr::null_mut(),
        },
        id,
        name: AtomicPtr::new(core::ptr::null_mut()),
    }
}

const NONE: *const () = core::ptr::null();

/// Every special method that has a slot.
pub static SLOTS: [SlotEntry; 90] = [
    row(abi::Py_tp_repr, c"__repr__", slot_tp_repr as *const (), wrap_unaryfunc as *const (), 0, c"__repr__($self, /)\n--\n\nReturn repr(self)."),
    row(abi::Py_tp_hash, c"__hash__", slot_tp_hash as *const (), wrap_hashfunc as *const (), 0, c"__hash__($self, /)\n--\n\nReturn hash(self)."),
    row(abi::Py_tp_call, c"__call__", slot_tp_call as *const (), wrap_call as *const (), 1, c"__call__($self, /, *args, **kwargs)\n--\n\nCall self as a function."),
    row(abi::Py_tp_str, c"__str__", slot_tp_str as *const (), wrap_unaryfunc as *const (), 0, c"__str__($self, /)\n--\n\nReturn str(self)."),
    row(abi::Py_tp_getattro, c"__getattribute__", slot_tp_getattr_hook as *const (), wrap_binaryfunc as *const (), 0, c"__getattribute__($self, name, /)\n--\n\nReturn getattr(self, name)."),
    row(abi::Py_tp_getattro, c"__getattr__", slot_tp_getattr_hook as *const (), NONE, 0, c"__getattr__($self, name, /)\n--\n\nImplement getattr(self, name)."),
    row(abi::Py_tp_setattro, c"__setattr__", slot_tp_setattro as *const (), wrap_setattr as *const (), 0, c"__setattr__($self, name, value, /)\n--\n\nImplement setattr(self, name, value)."),
    row(abi::Py_tp_setattro, c"__delattr__", slot_tp_setattro as *const (), wrap_delattr as *const (), 0, c"__delattr__($self, name, /)\n--\n\nImplement delattr(self, name)."),
    row(abi::Py_tp_richcompare, c"__lt__", slot_tp_richcompare as *const (), wrap_lt as *const (), 0, c"__lt__($self, value, /)\n--\n\nReturn self<value."),
    row(abi::Py_tp_richcompare, c"__le__", slot_tp_richcompare as *const (), wrap_le as *const (), 0, c"__le__($self, value, /)\n--\n\nReturn self<=value."),
    row(abi::Py_tp_richcompare, c"__eq__", slot_tp_richcompare as *const (), wrap_eq as *const (), 0, c"__eq__($self, value, /)\n--\n\nReturn self==value."),
    row(abi::Py_tp_richcompare, c"__ne__", slot_tp_richcompare as *const (), wrap_ne as *const (), 0, c"__ne__($self, value, /)\n--\n\nReturn self!=value."),
    row(abi::Py_tp_richcompare, c"__gt__", slot_tp_richcompare as *const (), wrap_gt as *const (), 0, c"__gt__($self, value, /)\n--\n\nReturn self>value."),
    row(abi::Py_tp_richcompare, c"__ge__", slot_tp_richcompare as *const (), wrap_ge as *const (), 0, c"__ge__($self, value, /)\n--\n\nReturn self>=value."),
    row(abi::Py_tp_iter, c"__iter__", slot_tp_iter as *const (), wrap_unaryfunc as *const (), 0, c"__iter__($self, /)\n--\n\nImplement iter(self)."),
    row(abi::Py_tp_iternext, c"__next__", slot_tp_iternext as *const (), wrap_next as *const (), 0, c"__next__($self, /)\n--\n\nImplement next(self)."),
    row(abi::Py_tp_descr_get, c"__get__", slot_tp_descr_get as *const (), wrap_descr_get as *const (), 0, c"__get__($self, instance, owner=None, /)\n--\n\nReturn an attribute of instance, which is of type owner."),
    row(abi::Py_tp_descr_set, c"__set__", slot_tp_descr_set as *const (), wrap_descr_set as *const (), 0, c"__set__($self, instance, value, /)\n--\n\nSet an attribute of instance to value."),
    row(abi::Py_tp_descr_set, c"__delete__", slot_tp_descr_set as *const (), wrap_descr_delete as *const (), 0, c"__delete__($self, instance, /)\n--\n\nDelete an attribute of instance."),
    row(abi::Py_tp_init, c"__init__", slot_tp_init as *const (), wrap_init as *const (), 1, c"__init__($self, /, *args, **kwargs)\n--\n\nInitialize self.  See help(type(self)) for accurate signature."),
    row(abi::Py_tp_new, c"__new__", slot_tp_new as *const (), NONE, 0, c"__new__(type, /, *args, **kwargs)\n--\n\nCreate and return new object.  See help(type) for accurate signature."),
    row(abi::Py_tp_finalize, c"__del__", slot_tp_finalize as *const (), wrap_del as *const (), 0, c"__del__($self, /)\n--\n\nCalled when the instance is about to be destroyed."),
    row(abi::Py_bf_getbuffer, c"__buffer__", slot_bf_getbuffer as *const (), wrap_buffer as *const (), 0, c"__buffer__($self, flags, /)\n--\n\nReturn a buffer object that exposes the underlying memory of the object."),
    row(abi::Py_bf_releasebuffer, c"__release_buffer__", slot_bf_releasebuffer as *const (), wrap_releasebuffer as *const (), 0, c"__release_buffer__($self, buffer, /)\n--\n\nRelease the buffer object that exposes the underlying memory of the object."),
    row(abi::Py_am_await, c"__await__", slot_am_await as *const (), wrap_unaryfunc as *const (), 0, c"__await__($self, /)\n--\n\nReturn an iterator to be used in await expression."),
    row(abi::Py_am_aiter, c"__aiter__", slot_am_aiter as *const (), wrap_unaryfunc as *const (), 0, c"__aiter__($self, /)\n--\n\nReturn an awaitable, that resolves in asynchronous iterator."),
    row(abi::Py_am_anext, c"__anext__", slot_am_anext as *const (), wrap_unaryfunc as *const (), 0, c"__anext__($self, /)\n--\n\nReturn a value or raise StopAsyncIteration."),
    row(abi::Py_nb_add, c"__add__", slot_nb_add as *const (), wrap_binaryfunc_l as *const (), 0, c"__add__($self, value, /)\n--\n\nReturn self+value."),
    row(abi::Py_nb_add, c"__radd__", slot_nb_add as *const (), wrap_binaryfunc_r as *const (), 0, c"__radd__($self, value, /)\n--\n\nReturn value+self."),
    row(abi::Py_nb_subtract, c"__sub__", slot_nb_subtract as *const (), wrap_binaryfunc_l as *const (), 0, c"__sub__($self, value, /)\n--\n\nReturn self-value."),
    row(abi::Py_nb_subtract, c"__rsub__", slot_nb_subtract as *const (), wrap_binaryfunc_r as *const (), 0, c"__rsub__($self, value, /)\n--\n\nReturn value-self."),
    row(abi::Py_nb_multiply, c"__mul__", slot_nb_multiply as *const (), wrap_binaryfunc_l as *const (), 0, c"__mul__($self, value, /)\n--\n\nReturn self*value."),
    row(abi::Py_nb_multiply, c"__rmul__", slot_nb_multiply as *const (), wrap_binaryfunc_r as *const (), 0, c"__rmul__($self, value, /)\n--\n\nReturn value*self."),
    row(abi::Py_nb_remainder, c"__mod__", slot_nb_remainder as *const (), wrap_binaryfunc_l as *const (), 0, c"__mod__($self, value, /)\n--\n\nReturn self%value."),
    row(abi::Py_nb_remainder, c"__rmod__", slot_nb_remainder as *const (), wrap_binaryfunc_r as *const (), 0, c"__rmod__($self, value, /)\n--\n\nReturn value%self."),
    row(abi::Py_nb_divmod, c"__divmod__", slot_nb_divmod as *const (), wrap_binaryfunc_l as *const (), 0, c"__divmod__($self, value, /)\n--\n\nReturn divmod(self, value)."),
    row(abi::Py_nb_divmod, c"__rdivmod__", slot_nb_divmod as *const (), wrap_binaryfunc_r as *const (), 0, c"__rdivmod__($self, value, /)\n--\n\nReturn divmod(value, self)."),
    row(abi::Py_nb_power, c"__pow__", slot_nb_power as *const (), wrap_ternaryfunc as *const (), 0, c"__pow__($self, value, mod=None, /)\n--\n\nReturn pow(self, value, mod)."),
    row(abi::Py_nb_power, c"__rpow__", slot_nb_power as *const (), wrap_ternaryfunc_r as *const (), 0, c"__rpow__($self, value, mod=None, /)\n--\n\nReturn pow(value, self, mod)."),
    row(abi::Py_nb_negative, c"__neg__", slot_nb_negative as *const (), wrap_unaryfunc as *const (), 0, c"__neg__($self, /)\n--\n\n-self"),
    row(abi::Py_nb_positive, c"__pos__", slot_nb_positive as *const (), wrap_unaryfunc as *const (), 0, c"__pos__($self, /)\n--\n\n+self"),
    row(abi::Py_nb_absolute, c"__abs__", slot_nb_absolute as *const (), wrap_unaryfunc as *const (), 0, c"__abs__($self, /)\n--\n\nabs(self)"),
    row(abi::Py_nb_bool, c"__bool__", slot_nb_bool as *const (), wrap_inquirypred as *const (), 0, c"__bool__($self, /)\n--\n\nTrue if self else False"),
    row(abi::Py_nb_invert, c"__invert__", slot_nb_invert as *const (), wrap_unaryfunc as *const (), 0, c"__invert__($self, /)\n--\n\n~self"),
    row(abi::Py_nb_lshift, c"__lshift__", slot_nb_lshift as *const (), wrap_binaryfunc_l as *const (), 0, c"__lshift__($self, value, /)\n--\n\nReturn self<<value."),
    row(abi::Py_nb_lshift, c"__rlshift__", slot_nb_lshift as *const (), wrap_binaryfunc_r as *const (), 0, c"__rlshift__($self, value, /)\n--\n\nReturn value<<self."),
    row(abi::Py_nb_rshift, c"__rshift__", slot_nb_rshift as *const (), wrap_binaryfunc_l as *const (), 0, c"__rshift__($self, value, /)\n--\n\nReturn self>>value."),
    row(abi::Py_nb_rshift, c"__rrshift__", slot_nb_rshift as *const (), wrap_binaryfunc_r as *const (), 0, c"__rrshift__($self, value, /)\n--\n\nReturn value>>self."),
    row(abi::Py_nb_and, c"__and__", slot_nb_and as *const (), wrap_binaryfunc_l as *const (), 0, c"__and__($self, value, /)\n--\n\nReturn self&value."),
    row(abi::Py_nb_and, c"__rand__", slot_nb_and as *const (), wrap_binaryfunc_r as *const (), 0, c"__rand__($self, value, /)\n--\n\nReturn value&self."),
    row(abi::Py_nb_xor, c"__xor__", slot_nb_xor as *const (), wrap_binaryfunc_l as *const (), 0, c"__xor__($self, value, /)\n--\n\nReturn self^value."),
    row(abi::Py_nb_xor, c"__rxor__", slot_nb_xor as *const (), wrap_binaryfunc_r as *const (), 0, c"__rxor__($self, value, /)\n--\n\nReturn value^self."),
    row(abi::Py_nb_or, c"__or__", slot_nb_or as *const (), wrap_binaryfunc_l as *const (), 0, c"__or__($self, value, /)\n--\n\nReturn self|value."),
    row(abi::Py_nb_or, c"__ror__", slot_nb_or as *const (), wrap_binaryfunc_r as *const (), 0, c"__ror__($self, value, /)\n--\n\nReturn value|self."),
    row(abi::Py_nb_int, c"__int__", slot_nb_int as *const (), wrap_unaryfunc as *const (), 0, c"__int__($self, /)\n--\n\nint(self)"),
    row(abi::Py_nb_float, c"__float__", slot_nb_float as *const (), wrap_unaryfunc as *const (), 0, c"__float__($self, /)\n--\n\nfloat(self)"),
    row(abi::Py_nb_inplace_add, c"__iadd__", slot_nb_inplace_add as *const (), wrap_binaryfunc as *const (), 0, c"__iadd__($self, value, /)\n--\n\nReturn self+=value."),
    row(abi::Py_nb_inplace_subtract, c"__isub__", slot_nb_inplace_subtract as *const (), wrap_binaryfunc as *const (), 0, c"__isub__($self, value, /)\n--\n\nReturn self-=value."),
    row(abi::Py_nb_inplace_multiply, c"__imul__", slot_nb_inplace_multiply as *const (), wrap_binaryfunc as *const (), 0, c"__imul__($self, value, /)\n--\n\nReturn self*=value."),
    row(abi::Py_nb_inplace_remainder, c"__imod__", slot_nb_inplace_remainder as *const (), wrap_binaryfunc as *const (), 0, c"__imod__($self, value, /)\n--\n\nReturn self%=value."),
    row(abi::Py_nb_inplace_power, c"__ipow__", slot_nb_inplace_power as *const (), wrap_ternaryfunc as *const (), 0, c"__ipow__($self, value, /)\n--\n\nReturn self**=value."),
    row(abi::Py_nb_inplace_lshift, c"__ilshift__", slot_nb_inplace_lshift as *const (), wrap_binaryfunc as *const (), 0, c"__ilshift__($self, value, /)\n--\n\nReturn self<<=value."),
    row(abi::Py_nb_inplace_rshift, c"__irshift__", slot_nb_inplace_rshift as *const (), wrap_binaryfunc as *const (), 0, c"__irshift__($self, value, /)\n--\n\nReturn self>>=value."),
    row(abi::Py_nb_inplace_and, c"__iand__", slot_nb_inplace_and as *const (), wrap_binaryfunc as *const (), 0, c"__iand__($self, value, /)\n--\n\nReturn self&=value."),
    row(abi::Py_nb_inplace_xor, c"__ixor__", slot_nb_inplace_xor as *const (), wrap_binaryfunc as *const (), 0, c"__ixor__($self, value, /)\n--\n\nReturn self^=value."),
    row(abi::Py_nb_inplace_or, c"__ior__", slot_nb_inplace_or as *const (), wrap_binaryfunc as *const (), 0, c"__ior__($self, value, /)\n--\n\nReturn self|=value."),
    row(abi::Py_nb_floor_divide, c"__floordiv__", slot_nb_floor_divide as *const (), wrap_binaryfunc_l as *const (), 0, c"__floordiv__($self, value, /)\n--\n\nReturn self//value."),
    row(abi::Py_nb_floor_divide, c"__rfloordiv__", slot_nb_floor_divide as *const (), wrap_binaryfunc_r as *const (), 0, c"__rfloordiv__($self, value, /)\n--\n\nReturn value//self."),
    row(abi::Py_nb_true_divide, c"__truediv__", slot_nb_true_divide as *const (), wrap_binaryfunc_l as *const (), 0, c"__truediv__($self, value, /)\n--\n\nReturn self/value."),
    row(abi::Py_nb_true_divide, c"__rtruediv__", slot_nb_true_divide as *const (), wrap_binaryfunc_r as *const (), 0, c"__rtruediv__($self, value, /)\n--\n\nReturn value/self."),
    row(abi::Py_nb_inplace_floor_divide, c"__ifloordiv__", slot_nb_inplace_floor_divide as *const (), wrap_binaryfunc as *const (), 0, c"__ifloordiv__($self, value, /)\n--\n\nReturn self//=value."),
    row(abi::Py_nb_inplace_true_divide, c"__itruediv__", slot_nb_inplace_true_divide as *const (), wrap_binaryfunc as *const (), 0, c"__itruediv__($self, value, /)\n--\n\nReturn self/=value."),
    row(abi::Py_nb_index, c"__index__", slot_nb_index as *const (), wrap_unaryfunc as *const (), 0, c"__index__($self, /)\n--\n\nReturn self converted to an integer, if self is suitable for use as an index into a list."),
    row(abi::Py_nb_matrix_multiply, c"__matmul__", slot_nb_matrix_multiply as *const (), wrap_binaryfunc_l as *const (), 0, c"__matmul__($self, value, /)\n--\n\nReturn self@value."),
    row(abi::Py_nb_matrix_multiply, c"__rmatmul__", slot_nb_matrix_multiply as *const (), wrap_binaryfunc_r as *const (), 0, c"__rmatmul__($self, value, /)\n--\n\nReturn value@self."),
    row(abi::Py_nb_inplace_matrix_multiply, c"__imatmul__", slot_nb_inplace_matrix_multiply as *const (), wrap_binaryfunc as *const (), 0, c"__imatmul__($self, value, /)\n--\n\nReturn self@=value."),
    row(abi::Py_mp_length, c"__len__", slot_mp_length as *const (), wrap_lenfunc as *const (), 0, c"__len__($self, /)\n--\n\nReturn len(self)."),
    row(abi::Py_mp_subscript, c"__getitem__", slot_mp_subscript as *const (), wrap_binaryfunc as *const (), 0, c"__getitem__($self, key, /)\n--\n\nReturn self[key]."),
    row(abi::Py_mp_ass_subscript, c"__setitem__", slot_mp_ass_subscript as *const (), wrap_objobjargproc as *const (), 0, c"__setitem__($self, key, value, /)\n--\n\nSet self[key] to value."),
    row(abi::Py_mp_ass_subscript, c"__delitem__", slot_mp_ass_subscript as *const (), wrap_delitem as *const (), 0, c"__delitem__($self, key, /)\n--\n\nDelete self[key]."),
    row(abi::Py_sq_length, c"__len__", slot_sq_length as *const (), wrap_lenfunc as *const (), 0, c"__len__($self, /)\n--\n\nReturn len(self)."),
    row(abi::Py_sq_concat, c"__add__", NONE, wrap_binaryfunc as *const (), 0, c"__add__($self, value, /)\n--\n\nReturn self+value."),
    row(abi::Py_sq_repeat, c"__mul__", NONE, wrap_indexargfunc as *const (), 0, c"__mul__($self, value, /)\n--\n\nReturn self*value."),
    row(abi::Py_sq_repeat, c"__rmul__", NONE, wrap_indexargfunc as *const (), 0, c"__rmul__($self, value, /)\n--\n\nReturn value*self."),
    row(abi::Py_sq_item, c"__getitem__", slot_sq_item as *const (), wrap_sq_item as *const (), 0, c"__getitem__($self, key, /)\n--\n\nReturn self[key]."),
    row(abi::Py_sq_ass_item, c"__setitem__", slot_sq_ass_item as *const (), wrap_sq_setitem as *const (), 0, c"__setitem__($self, key, value, /)\n--\n\nSet self[key] to value."),
    row(abi::Py_sq_ass_item, c"__delitem__", slot_sq_ass_item as *const (), wrap_sq_delitem as *const (), 0, c"__delitem__($self, key, /)\n--\n\nDelete self[key]."),
    row(abi::Py_sq_contains, c"__contains__", slot_sq_contains as *const (), wrap_objobjproc as *const (), 0, c"__contains__($self, key, /)\n--\n\nReturn bool(key in self)."),
    row(abi::Py_sq_inplace_concat, c"__iadd__", NONE, wrap_binaryfunc as *const (), 0, c"__iadd__($self, value, /)\n--\n\nImplement self+=value."),
    row(abi::Py_sq_inplace_repeat, c"__imul__", NONE, wrap_indexargfunc as *const (), 0, c"__imul__($self, value, /)\n--\n\nImplement self*=value."),
];
