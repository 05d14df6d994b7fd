//! Inline caches of calls.

use super::*;

/// Specialises CALL; the stack holds `[callable, self_or_null, n args]` below `sp`.
#[cold]
#[inline(never)]
pub unsafe fn call(w: *const AtomicU32, c0: &AtomicU64, c1: &AtomicU64, sp: *mut Slot, n: usize) {
    use super::super::eval::type_is;
    use super::super::pending as p;
    // SAFETY: `w` is an instruction word, the stack holds the call.
    unsafe {
        let bottom = sp.sub(n + 2);
        let Some(callable) = (*bottom).try_obj() else { return };
        let has_self = !(*bottom.add(1)).is_null();
        let total = n + has_self as usize;
        if type_is!(callable, crate::objects::func::PyFunction_Type) {
            let f = &*callable.as_ptr().cast::<Function>();
            let code = f.code();
            if code.extra().simple_args && code.argcount() == total {
                let v = f.get_version();
                if v != 0 {
                    c0.store(v as u64, Relaxed);
                    set_op(w, sop::CALL_PY_EXACT);
                    return;
                }
            }
            set_op(w, sop::CALL_PY_GENERAL);
            return;
        }
        if type_is!(callable, p::PyMethod_Type) {
            set_op(w, sop::CALL_PY_GENERAL);
            return;
        }
        if let Some(cls) = callable.downcast::<Type>() {
            if has_self {
                set_op(w, sop::CALL_GENERIC);
                return;
            }
            if core::ptr::eq(cls, Type::type_object()) {
                set_op(w, if n == 1 { sop::CALL_TYPE_1 } else { sop::CALL_GENERIC });
                return;
            }
            if class_init(c1, cls, n) {
                set_op(w, sop::CALL_CLASS_INIT);
            } else {
                set_op(w, sop::CALL_GENERIC);
            }
            return;
        }
        let def = method_def(callable, has_self);
        if let Some(def) = def {
            let f = (*def).ml_meth.map_or(0, |f| f as usize as u64);
            let name = core::ffi::CStr::from_ptr((*def).ml_name).to_bytes();
            let is_function = type_is!(callable, p::PyCFunction_Type);
            let builtin = is_function && (*callable.as_ptr().cast::<abi::PyCFunctionObject>()).m_module as usize != 0;
            c0.store(f, Relaxed);
            if builtin && name == b"len" && n == 1 && is_builtin(callable, "len") {
                set_op(w, sop::CALL_LEN);
            } else if builtin && name == b"isinstance" && n == 2 && is_builtin(callable, "isinstance") {
                set_op(w, sop::CALL_ISINSTANCE);
            } else if !is_function
                && has_self
                && name == b"append"
                && n == 1
                && (*bottom.add(1)).try_obj().is_some_and(|l| type_is!(l, crate::objects::list::PyList_Type))
            {
                set_op(w, sop::CALL_LIST_APPEND);
            } else if !is_function
                && has_self
                && name == b"get"
                && (1..=2).contains(&n)
                && (*bottom.add(1)).try_obj().is_some_and(|d| type_is!(d, crate::objects::dict::PyDict_Type))
            {
                set_op(w, sop::CALL_DICT_GET);
            } else {
                set_op(w, sop::CALL_CFUNC);
            }
            return;
        }
        set_op(w, sop::CALL_GENERIC);
    }
}

fn is_builtin(o: &Object, name: &str) -> bool {
    let r = (|| -> PyResult<bool> {
        let b = super::super::interp_builtins()?;
        Ok(super::super::ops::mapping_get(&b, Str::intern(name))?.is_some_and(|v| v.is(o)))
    })();
    r.unwrap_or_else(|e| {
        e.clear();
        false
    })
}

/// The definition behind a native function or method whose calling convention `call_cfunc` knows.
unsafe fn method_def(callable: &Object, has_self: bool) -> Option<*mut abi::PyMethodDef> {
    use super::super::eval::type_is;
    use super::super::pending as p;
    // SAFETY: the type says the layout.
    unsafe {
        let def = if type_is!(callable, p::PyCFunction_Type) {
            if has_self {
                return None;
            }
            (*callable.as_ptr().cast::<abi::PyCFunctionObject>()).m_ml
        } else if type_is!(callable, p::PyMethodDescr_Type) {
            if !has_self {
                return None;
            }
            (*callable.as_ptr().cast::<abi::PyMethodDescrObject>()).d_method
        } else {
            return None;
        };
        let flags = (*def).ml_flags
            & (abi::METH_VARARGS
                | abi::METH_FASTCALL
                | abi::METH_NOARGS
                | abi::METH_O
                | abi::METH_KEYWORDS
                | abi::METH_METHOD);
        const FAST_KW: i32 = abi::METH_FASTCALL | abi::METH_KEYWORDS;
        matches!(flags, abi::METH_FASTCALL | abi::METH_NOARGS | abi::METH_O | FAST_KW).then_some(def)
    }
}

/// Calls a native function directly.
#[inline(never)]
pub unsafe fn call_cfunc(bottom: *mut Slot, n: usize, _c: u64) -> Hit {
    use super::super::eval::type_is;
    use super::super::pending as p;
    // SAFETY: `[callable, self_or_null, n args]`
    unsafe {
        let Some(callable) = (*bottom).try_obj() else { return Hit::Miss };
        let has_self = !(*bottom.add(1)).is_null();
        let (def, me, first, n) = if type_is!(callable, p::PyCFunction_Type) {
            let f = &*callable.as_ptr().cast::<abi::PyCFunctionObject>();
            let me = if (*f.m_ml).ml_flags & abi::METH_STATIC != 0 { core::ptr::null_mut() } else { f.m_self };
            let first = bottom.add(if has_self { 1 } else { 2 });
            (f.m_ml, me, first, n + has_self as usize)
        } else if type_is!(callable, p::PyMethodDescr_Type) && has_self {
            let d = &*callable.as_ptr().cast::<abi::PyMethodDescrObject>();
            if super::super::slot::materialize(bottom.add(1)).is_err() {
                return Hit::Raised;
            }
            let me = (*bottom.add(1)).obj();
            if !me.ty().is_subtype(Type::from_ptr(d.d_common.d_type)) {
                return Hit::Miss;
            }
            (d.d_method, me.as_ptr(), bottom.add(2), n)
        } else {
            return Hit::Miss;
        };
        let flags = (*def).ml_flags
            & (abi::METH_VARARGS
                | abi::METH_FASTCALL
                | abi::METH_NOARGS
                | abi::METH_O
                | abi::METH_KEYWORDS
                | abi::METH_METHOD);
        let Some(meth) = (*def).ml_meth else { return Hit::Miss };
        let r = match flags {
            abi::METH_NOARGS if n == 0 => meth(me, core::ptr::null_mut()),
            abi::METH_O if n == 1 => {
                if super::super::slot::materialize(first).is_err() {
                    return Hit::Raised;
                }
                meth(me, (*first).ptr())
            }
            abi::METH_FASTCALL | 130 if n <= 8 => {
                let mut buf = [core::ptr::null_mut::<abi::PyObject>(); 8];
                for i in 0..n {
                    if super::super::slot::materialize(first.add(i)).is_err() {
                        return Hit::Raised;
                    }
                    buf[i] = (*first.add(i)).ptr();
                }
                if flags == abi::METH_FASTCALL {
                    let f: unsafe extern "C" fn(
                        *mut abi::PyObject,
                        *mut *mut abi::PyObject,
                        isize,
                    ) -> *mut abi::PyObject = core::mem::transmute(meth);
                    f(me, buf.as_mut_ptr(), n as isize)
                } else {
                    let f: unsafe extern "C" fn(
                        *mut abi::PyObject,
                        *mut *mut abi::PyObject,
                        isize,
                        *mut abi::PyObject,
                    ) -> *mut abi::PyObject = core::mem::transmute(meth);
                    f(me, buf.as_mut_ptr(), n as isize, core::ptr::null_mut())
                }
            }
            _ => {
                return match super::super::callops::call_object(
                    bottom,
                    if has_self && type_is!(callable, p::PyCFunction_Type) { n - 1 } else { n },
                    None,
                ) {
                    Ok(v) => Hit::Done(v),
                    Err(_) => Hit::Raised,
                };
            }
        };
        if r.is_null() {
            let _ = super::super::callops::null_result(callable);
            return Hit::Raised;
        }
        Hit::Done(Slot::steal(r))
    }
}

#[inline(always)]
unsafe fn is_cfunction(s: Slot, meth: u64) -> bool {
    // SAFETY: the type says the layout.
    unsafe {
        s.try_obj().is_some_and(|o| {
            super::super::eval::type_is!(o, super::super::pending::PyCFunction_Type)
                && (*(*o.as_ptr().cast::<abi::PyCFunctionObject>()).m_ml).ml_meth.map_or(0, |f| f as usize as u64)
                    == meth
        })
    }
}

#[inline(never)]
pub unsafe fn call_len(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[len, NULL, object]`
    unsafe {
        if !is_cfunction(*b, c) || !(*b.add(1)).is_null() {
            return Hit::Miss;
        }
        let Some(o) = (*b.add(2)).try_obj() else { return Hit::Miss };
        match o.len() {
            Ok(n) => match Slot::from_i64(n as i64) {
                Ok(s) => Hit::Done(s),
                Err(_) => Hit::Raised,
            },
            Err(_) => Hit::Raised,
        }
    }
}

#[inline(never)]
pub unsafe fn call_list_append(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[list.append, list, value]`
    unsafe {
        let ok = (*b).try_obj().is_some_and(|o| {
            super::super::eval::type_is!(o, super::super::pending::PyMethodDescr_Type)
                && (*(*o.as_ptr().cast::<abi::PyMethodDescrObject>()).d_method).ml_meth.map_or(0, |f| f as usize as u64)
                    == c
        });
        if !ok {
            return Hit::Miss;
        }
        let l = *b.add(1);
        if l.is_null() || l.is_unboxed() || !super::super::eval::type_is!(l.obj(), crate::objects::list::PyList_Type) {
            return Hit::Miss;
        }
        if super::super::slot::materialize(b.add(2)).is_err() {
            return Hit::Raised;
        }
        let Ok(v) = (*b.add(2)).into_ref() else { return Hit::Raised };
        *b.add(2) = Slot::NULL;
        match l.obj().cast::<List>().push(v) {
            Ok(()) => Hit::Done(Slot::NULL),
            Err(_) => Hit::Raised,
        }
    }
}

#[inline(never)]
pub unsafe fn call_dict_get(b: *mut Slot, n: usize, c: u64) -> Hit {
    // SAFETY: `[dict.get, dict, key]`, perhaps with a default behind it
    unsafe {
        let ok = (*b).try_obj().is_some_and(|o| {
            super::super::eval::type_is!(o, super::super::pending::PyMethodDescr_Type)
                && (*(*o.as_ptr().cast::<abi::PyMethodDescrObject>()).d_method).ml_meth.map_or(0, |f| f as usize as u64)
                    == c
        });
        if !ok {
            return Hit::Miss;
        }
        let d = *b.add(1);
        if d.is_null() || d.is_unboxed() || !super::super::eval::type_is!(d.obj(), crate::objects::dict::PyDict_Type) {
            return Hit::Miss;
        }
        if super::super::slot::materialize(b.add(2)).is_err() {
            return Hit::Raised;
        }
        match d.obj().cast::<Dict>().get_slot((*b.add(2)).obj()) {
            Ok(Some(v)) => Hit::Done(v),
            Ok(None) if n == 2 => Hit::Done((*b.add(3)).dup_strong()),
            Ok(None) => Hit::Done(Slot::none()),
            Err(_) => Hit::Raised,
        }
    }
}

#[inline(never)]
pub unsafe fn call_isinstance(b: *mut Slot, c: u64) -> Hit {
    // SAFETY: `[isinstance, NULL, object, class]`
    unsafe {
        if !is_cfunction(*b, c) || !(*b.add(1)).is_null() {
            return Hit::Miss;
        }
        let Some(cls) = (*b.add(3)).try_obj() else { return Hit::Miss };
        let o = *b.add(2);
        let ty = if o.is_int() {
            Int::type_object()
        } else if o.is_float() {
            Float::type_object()
        } else {
            o.obj().ty()
        };
        if core::ptr::addr_eq(ty, cls) {
            return Hit::Done(Slot::bool(true));
        }
        if super::super::slot::materialize(b.add(2)).is_err() {
            return Hit::Raised;
        }
        match (*b.add(2)).obj().isinstance(cls) {
            Ok(r) => Hit::Done(Slot::bool(r)),
            Err(_) => Hit::Raised,
        }
    }
}

unsafe fn class_init(c1: &AtomicU64, cls: &Type, n: usize) -> bool {
    if !core::ptr::eq(cls.ty(), Type::type_object()) || !cls.is_heap_type() {
        return false;
    }
    let (s, base) = (cls.slots(), crate::typeobject::object_type().slots());
    if s.tp_new.map(|f| f as usize) != base.tp_new.map(|f| f as usize) || cls.flags() & abi::Py_TPFLAGS_IS_ABSTRACT != 0
    {
        return false;
    }
    let (init, version) = cls.lookup_with_version(intern!("__init__"));
    let Some(init) = init else { return false };
    let Some(f) = init.downcast_exact::<Function>() else { return false };
    if version == 0 || !f.code().extra().simple_args || f.code().argcount() != n + 1 || f.code().extra().is_generator {
        return false;
    }
    publish(
        c1,
        Record {
            kind: kind::CLASS_INIT,
            version,
            names: 0,
            index: 0,
            value: init.as_ptr(),
            next: core::ptr::null_mut(),
        },
    );
    true
}

#[inline(always)]
pub unsafe fn hit_class_init<'a>(
    c: Slot,
    s: Slot,
    n: usize,
    e: u64,
) -> Option<(&'a Type, Slot, &'a Function, &'a Code)> {
    let r = record(e, kind::CLASS_INIT)?;
    if !s.is_null() {
        return None;
    }
    let t = c.try_obj()?;
    if !core::ptr::eq(t.ty(), Type::type_object()) {
        return None;
    }
    // SAFETY: an exact `type` instance; the version vouches for `__init__`.
    unsafe {
        let t: &Type = &*t.as_ptr().cast::<Type>();
        if t.version() != r.version {
            return None;
        }
        let fs = versioned_value(t, r.version, r.value)?;
        let f = &*fs.ptr().cast::<Function>();
        let code = &*f.code.load(Acquire);
        if !code.extra().simple_args || code.argcount() != n + 1 {
            fs.drop();
            return None;
        }
        Some((t, fs, f, code))
    }
}

/// A Python `__getitem__` behind a subscription.
#[inline(always)]
pub unsafe fn hit_getitem<'a>(o: Slot, c: u64) -> Option<(Slot, &'a Function, &'a Code)> {
    let r = record(c, kind::GETITEM)?;
    let obj = o.try_obj()?;
    if obj.ty().version() != r.version {
        return None;
    }
    // SAFETY: the version vouches for the function.
    unsafe {
        let fs = versioned_value(obj.ty(), r.version, r.value)?;
        let f = &*fs.ptr().cast::<Function>();
        let code = &*f.code.load(Acquire);
        if !code.extra().simple_args || code.argcount() != 2 {
            fs.drop();
            return None;
        }
        Some((fs, f, code))
    }
}
