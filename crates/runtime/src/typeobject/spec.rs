//! Static descriptions of types: what `#[pyclass]` produces, and how they fill a type object.

use super::{Type, ready};
use crate::error::PyResult;
use core::ffi::{CStr, c_int, c_void};
use core::sync::atomic::Ordering::Relaxed;

/// One slot: its `Py_tp_*`/`Py_nb_*`/… number and the C function (`f as *const ()`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SlotDef(pub c_int, pub *const ());

// SAFETY: function addresses.
unsafe impl Sync for SlotDef {}
// SAFETY: function addresses.
unsafe impl Send for SlotDef {}

/// The description of a built-in type. Tables end with an all-zero entry; an empty slice is allowed.
pub struct TypeSpec {
    /// `"module.name"`, or the bare name for a type of `builtins`.
    pub name: &'static CStr,
    /// The static type object to fill; null for a description used by `from_spec` only.
    pub type_object: *mut Type,
    pub basicsize: usize,
    pub itemsize: usize,
    /// `Py_TPFLAGS_*`; READY is added.
    pub flags: u64,
    /// `None` is `object`.
    pub base: Option<fn() -> &'static Type>,
    pub doc: Option<&'static CStr>,
    pub slots: &'static [SlotDef],
    pub methods: &'static [abi::PyMethodDef],
    pub getset: &'static [abi::PyGetSetDef],
    pub members: &'static [abi::PyMemberDef],
    /// Offsets in the instance; 0 is none, -1 (dict, weaklist) asks for a managed one before the header.
    pub dictoffset: isize,
    pub weaklistoffset: isize,
    pub vectorcalloffset: isize,
}

// SAFETY: the tables are immutable, the type object has its own rules.
unsafe impl Sync for TypeSpec {}
// SAFETY: as above.
unsafe impl Send for TypeSpec {}

impl TypeSpec {
    /// Everything absent: `TypeSpec { name: c"x", …, ..TypeSpec::EMPTY }`.
    pub const EMPTY: TypeSpec = TypeSpec {
        name: c"",
        type_object: core::ptr::null_mut(),
        basicsize: size_of::<abi::PyObject>(),
        itemsize: 0,
        flags: 0,
        base: None,
        doc: None,
        slots: &[],
        methods: &[],
        getset: &[],
        members: &[],
        dictoffset: 0,
        weaklistoffset: 0,
        vectorcalloffset: 0,
    };
}

/// Where a numbered slot lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Type,
    Async,
    Number,
    Sequence,
    Mapping,
    Buffer,
}

macro_rules! slot_places {
    ($($g:ident $s:ident { $($id:ident => $f:ident),* $(,)? })*) => {
        /// Group and offset of a slot number.
        pub fn slot_place(id: c_int) -> Option<(Group, usize)> {
            Some(match id {
                $($(abi::$id => (Group::$g, core::mem::offset_of!(abi::$s, $f)),)*)*
                _ => return None,
            })
        }
    };
}
slot_places! {
    Buffer PyBufferProcs { Py_bf_getbuffer => bf_getbuffer, Py_bf_releasebuffer => bf_releasebuffer }
    Mapping PyMappingMethods { Py_mp_ass_subscript => mp_ass_subscript, Py_mp_length => mp_length, Py_mp_subscript => mp_subscript }
    Number PyNumberMethods {
        Py_nb_absolute => nb_absolute, Py_nb_add => nb_add, Py_nb_and => nb_and, Py_nb_bool => nb_bool, Py_nb_divmod => nb_divmod,
        Py_nb_float => nb_float, Py_nb_floor_divide => nb_floor_divide, Py_nb_index => nb_index, Py_nb_inplace_add => nb_inplace_add,
        Py_nb_inplace_and => nb_inplace_and, Py_nb_inplace_floor_divide => nb_inplace_floor_divide, Py_nb_inplace_lshift => nb_inplace_lshift,
        Py_nb_inplace_multiply => nb_inplace_multiply, Py_nb_inplace_or => nb_inplace_or, Py_nb_inplace_power => nb_inplace_power,
        Py_nb_inplace_remainder => nb_inplace_remainder, Py_nb_inplace_rshift => nb_inplace_rshift,
        Py_nb_inplace_subtract => nb_inplace_subtract, Py_nb_inplace_true_divide => nb_inplace_true_divide,
        Py_nb_inplace_xor => nb_inplace_xor, Py_nb_int => nb_int, Py_nb_invert => nb_invert, Py_nb_lshift => nb_lshift,
        Py_nb_multiply => nb_multiply, Py_nb_negative => nb_negative, Py_nb_or => nb_or, Py_nb_positive => nb_positive,
        Py_nb_power => nb_power, Py_nb_remainder => nb_remainder, Py_nb_rshift => nb_rshift, Py_nb_subtract => nb_subtract,
        Py_nb_true_divide => nb_true_divide, Py_nb_xor => nb_xor, Py_nb_matrix_multiply => nb_matrix_multiply,
        Py_nb_inplace_matrix_multiply => nb_inplace_matrix_multiply,
    }
    Sequence PySequenceMethods {
        Py_sq_ass_item => sq_ass_item, Py_sq_concat => sq_concat, Py_sq_contains => sq_contains, Py_sq_inplace_concat => sq_inplace_concat,
        Py_sq_inplace_repeat => sq_inplace_repeat, Py_sq_item => sq_item, Py_sq_length => sq_length, Py_sq_repeat => sq_repeat,
    }
    Async PyAsyncMethods { Py_am_await => am_await, Py_am_aiter => am_aiter, Py_am_anext => am_anext, Py_am_send => am_send }
    Type PyTypeObject {
        Py_tp_alloc => tp_alloc, Py_tp_base => tp_base, Py_tp_bases => tp_bases, Py_tp_call => tp_call, Py_tp_clear => tp_clear,
        Py_tp_dealloc => tp_dealloc, Py_tp_del => tp_del, Py_tp_descr_get => tp_descr_get, Py_tp_descr_set => tp_descr_set,
        Py_tp_doc => tp_doc, Py_tp_getattr => tp_getattr, Py_tp_getattro => tp_getattro, Py_tp_hash => tp_hash, Py_tp_init => tp_init,
        Py_tp_is_gc => tp_is_gc, Py_tp_iter => tp_iter, Py_tp_iternext => tp_iternext, Py_tp_methods => tp_methods, Py_tp_new => tp_new,
        Py_tp_repr => tp_repr, Py_tp_richcompare => tp_richcompare, Py_tp_setattr => tp_setattr, Py_tp_setattro => tp_setattro,
        Py_tp_str => tp_str, Py_tp_traverse => tp_traverse, Py_tp_members => tp_members, Py_tp_getset => tp_getset, Py_tp_free => tp_free,
        Py_tp_finalize => tp_finalize, Py_tp_vectorcall => tp_vectorcall,
    }
}

/// Address of a slot's field, or null when the type lacks the group and `create` is false.
///
/// # Safety
/// `t` is a type object; nobody else changes its group pointers.
pub unsafe fn slot_field(t: *mut abi::PyTypeObject, group: Group, off: usize, create: bool) -> *mut *mut c_void {
    fn grp<T>(p: *mut *mut T, create: bool) -> *mut u8 {
        // SAFETY: `p` is the group pointer inside the type object; groups of static types are never freed.
        unsafe {
            if (*p).is_null() && create {
                *p = Box::into_raw(Box::<T>::new_zeroed()).cast();
            }
            (*p).cast()
        }
    }
    // SAFETY: fields of the type object.
    let base: *mut u8 = unsafe {
        match group {
            Group::Type => t.cast(),
            Group::Async => grp(&raw mut (*t).tp_as_async, create),
            Group::Number => grp(&raw mut (*t).tp_as_number, create),
            Group::Sequence => grp(&raw mut (*t).tp_as_sequence, create),
            Group::Mapping => grp(&raw mut (*t).tp_as_mapping, create),
            Group::Buffer => grp(&raw mut (*t).tp_as_buffer, create),
        }
    };
    if base.is_null() { core::ptr::null_mut() } else { base.wrapping_add(off).cast() }
}

/// Fills a static type object from its description without allocating Python objects.
pub fn prefill(spec: &'static TypeSpec) {
    let raw = spec.type_object.cast::<abi::PyTypeObject>();
    // SAFETY: a static type object before it is ready belongs to the initialising thread.
    unsafe {
        if !(*raw).tp_name.is_null() {
            return;
        }
        let t = &mut *raw;
        t.tp_name = spec.name.as_ptr().cast_mut();
        let h = &t.ob_base.ob_base;
        h.ob_ref_local.store(crate::object::IMMORTAL_LOCAL, Relaxed);
        h.ob_type.store((&raw mut super::PyType_Type).cast(), Relaxed);
        t.tp_basicsize = spec.basicsize as isize;
        t.tp_itemsize = spec.itemsize as isize;
        t.tp_flags = spec.flags | abi::Py_TPFLAGS_IMMUTABLETYPE | abi::_Py_TPFLAGS_STATIC_BUILTIN | subclass_flag(raw);
        if let Some(d) = spec.doc {
            t.tp_doc = d.as_ptr().cast_mut();
        }
        if !spec.methods.is_empty() {
            t.tp_methods = spec.methods.as_ptr().cast_mut();
        }
        if !spec.getset.is_empty() {
            t.tp_getset = spec.getset.as_ptr().cast_mut();
        }
        if !spec.members.is_empty() {
            t.tp_members = spec.members.as_ptr().cast_mut();
        }
        match spec.dictoffset {
            -1 => t.tp_flags |= abi::Py_TPFLAGS_MANAGED_DICT,
            n => t.tp_dictoffset = n,
        }
        match spec.weaklistoffset {
            -1 => t.tp_flags |= abi::Py_TPFLAGS_MANAGED_WEAKREF,
            n => t.tp_weaklistoffset = n,
        }
        if spec.vectorcalloffset != 0 {
            t.tp_vectorcall_offset = spec.vectorcalloffset;
            t.tp_flags |= abi::Py_TPFLAGS_HAVE_VECTORCALL;
        }
        if let Some(b) = spec.base {
            t.tp_base = b().as_raw();
        }
        for s in spec.slots {
            if let Some((g, off)) = slot_place(s.0) {
                *slot_field(raw, g, off, true) = s.1.cast_mut().cast();
            }
        }
        if spec.vectorcalloffset != 0 && t.tp_call.is_none() {
            t.tp_call = Some(crate::protocol::call::PyVectorcall_Call);
        }
    }
}

/// The fast-subclass flag that a well-known type carries.
fn subclass_flag(raw: *mut abi::PyTypeObject) -> u64 {
    use crate::objects as ob;
    use core::ptr::eq;
    let p: *const Type = raw.cast();
    macro_rules! is {
        ($($path:path => $flag:ident),* $(,)?) => { $(if eq(p, &raw const $path) { return abi::$flag; })* };
    }
    is!(
        ob::long::PyLong_Type => Py_TPFLAGS_LONG_SUBCLASS,
        ob::list::PyList_Type => Py_TPFLAGS_LIST_SUBCLASS,
        ob::tuple::PyTuple_Type => Py_TPFLAGS_TUPLE_SUBCLASS,
        ob::bytes::PyBytes_Type => Py_TPFLAGS_BYTES_SUBCLASS,
        ob::unicode::PyUnicode_Type => Py_TPFLAGS_UNICODE_SUBCLASS,
        ob::dict::PyDict_Type => Py_TPFLAGS_DICT_SUBCLASS,
        super::PyType_Type => Py_TPFLAGS_TYPE_SUBCLASS,
    );
    0
}

/// Fills and readies a static type. Idempotent.
pub fn init_static(spec: &'static TypeSpec) -> PyResult<()> {
    prefill(spec);
    // SAFETY: a filled static type object.
    unsafe { ready::ready(spec.type_object.cast()) }
}

/// Fills the static types of `specs` (no allocation), then readies them: the first thing the engine does, so that
/// dicts, tuples and strings can be made while `object` and `type` themselves get ready.
pub fn bootstrap(specs: &[&'static TypeSpec]) -> PyResult<()> {
    for s in super::core_specs().iter().chain(specs) {
        prefill(s);
    }
    for s in super::core_specs().iter().chain(specs) {
        init_static(s)?;
    }
    Ok(())
}
