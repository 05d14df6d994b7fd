//! Smaller objects: `methodobject.h`, `descrobject.h`, `classobject.h`, `funcobject.h`, `cellobject.h`, `pycapsule.h`,
//! `weakrefobject.h`, `cpython/context.h`, `structseq.h`, `memoryobject.h`, `pybuffer.h`, `picklebufobject.h`.

use crate::export::{CText, bad_internal_call, borrowed, fine, text};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::objects::context::{Context, ContextVar, Token};
use runtime::objects::exceptions::display;
use runtime::objects::methodobject::BuiltinFunction;
use runtime::objects::{
    Cell, Function, MemoryView, capsule, classobject, descr, funcobject_static, members, methodobject, structseq,
    weakref,
};
use runtime::prelude::*;
use runtime::protocol::buffer;

fn function(o: *mut abi::PyObject) -> PyResult<&'static Function> {
    // SAFETY: C passes an object.
    unsafe { Object::from_ptr_opt(o) }.and_then(|o| o.downcast::<Function>()).ok_or_else(bad_internal_call)
}

fn builtin_function<'a>(o: *mut abi::PyObject) -> PyResult<&'a abi::PyCFunctionObject> {
    // SAFETY: C passes an object.
    unsafe { Object::from_ptr_opt(o) }
        .and_then(|o| o.downcast::<BuiltinFunction>())
        .map(|f| &f.0)
        .ok_or_else(bad_internal_call)
}

fn opt<'a, T: PyClass>(o: Option<&'a T>) -> Option<&'a Object> {
    o.map(|o| &**o)
}

/// A capsule to change, or ValueError.
fn capsule_of(o: *mut abi::PyObject, what: &str) -> PyResult<*mut capsule::Capsule> {
    // SAFETY: C passes an object, or null.
    match unsafe { Object::from_ptr_opt(o) } {
        Some(o) => {
            capsule::check(o, what)?;
            Ok(o.as_ptr().cast())
        }
        None => Err(raise!(ValueError, "{} called with invalid PyCapsule object", what)),
    }
}

capi! {
    fn PyCMethod_New(ml: *mut abi::PyMethodDef, slf: Option<&Object>, module: Option<&Object>, class: Option<&Type>) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { methodobject::new(ml, slf, module, class) }
    }
    fn PyCFunction_NewEx(ml: *mut abi::PyMethodDef, slf: Option<&Object>, module: Option<&Object>) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { methodobject::new(ml, slf, module, None) }
    }
    fn PyCFunction_New(ml: *mut abi::PyMethodDef, slf: Option<&Object>) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { methodobject::new(ml, slf, None, None) }
    }
    fn PyCFunction_GetFunction(f: *mut abi::PyObject) -> abi::PyCFunction {
        // SAFETY: a function's definition is static.
        Ok(unsafe { (*builtin_function(f)?.m_ml).ml_meth })
    }
    fn PyCFunction_GetSelf(f: *mut abi::PyObject) -> *mut abi::PyObject {
        let f = builtin_function(f)?;
        // SAFETY: a function's definition is static.
        Ok(if unsafe { (*f.m_ml).ml_flags } & abi::METH_STATIC != 0 { null_mut() } else { f.m_self })
    }
    fn PyCFunction_GetFlags(f: *mut abi::PyObject) -> c_int {
        // SAFETY: a function's definition is static.
        Ok(unsafe { (*builtin_function(f)?.m_ml).ml_flags })
    }

    fn PyDescr_NewMethod(ty: &Type, ml: *mut abi::PyMethodDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { descr::new_method(ty, ml) }
    }
    fn PyDescr_NewClassMethod(ty: &Type, ml: *mut abi::PyMethodDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { descr::new_classmethod(ty, ml) }
    }
    fn PyDescr_NewMember(ty: &Type, m: *mut abi::PyMemberDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { descr::new_member(ty, m) }
    }
    fn PyDescr_NewGetSet(ty: &Type, g: *mut abi::PyGetSetDef) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { descr::new_getset(ty, g) }
    }
    fn PyDescr_NewWrapper(ty: &Type, base: *mut abi::wrapperbase, wrapped: *mut c_void) -> *mut abi::PyObject {
        // SAFETY: C passes a static definition.
        unsafe { descr::new_wrapper(ty, base, wrapped) }
    }
    fn PyWrapper_New(d: &Object, slf: &Object) -> *mut abi::PyObject {
        descr::bind_wrapper(descr::as_wrapper(d).ok_or_else(bad_internal_call)?, slf)
    }
    fn PyMember_GetOne(base: *const c_char, m: *mut abi::PyMemberDef) -> *mut abi::PyObject {
        // SAFETY: C passes the object that the member belongs to.
        unsafe { members::get_one(base.cast_mut().cast(), &*m) }
    }
    fn PyMember_SetOne(base: *mut c_char, m: *mut abi::PyMemberDef, value: Option<&Object>) -> c_int {
        // SAFETY: C passes the object that the member belongs to.
        unsafe { members::set_one(base.cast(), &*m, value) }
    }

    fn PyMethod_New(f: &Object, slf: &Object) -> *mut abi::PyObject {
        classobject::new(f, slf)
    }
    fn PyMethod_Function(m: &Object) -> *mut abi::PyObject {
        m.getattr(intern!("__func__")).map(borrowed)
    }
    fn PyMethod_Self(m: &Object) -> *mut abi::PyObject {
        m.getattr(intern!("__self__")).map(borrowed)
    }
    fn PyInstanceMethod_New(f: &Object) -> *mut abi::PyObject {
        classobject::new_instancemethod(f)
    }
    fn PyInstanceMethod_Function(m: &Object) -> *mut abi::PyObject {
        m.getattr(intern!("__func__")).map(borrowed)
    }
    fn PyStaticMethod_New(f: &Object) -> *mut abi::PyObject {
        funcobject_static::new_staticmethod(f)
    }
    fn PyClassMethod_New(f: &Object) -> *mut abi::PyObject {
        funcobject_static::new_classmethod(f)
    }

    fn PyFunction_New(code: &Object, globals: &Dict) -> *mut abi::PyObject {
        Function::new(code.downcast().ok_or_else(bad_internal_call)?, globals)
    }
    fn PyFunction_NewWithQualName(code: &Object, globals: &Dict, qualname: Option<&Object>) -> *mut abi::PyObject {
        let f = Function::new(code.downcast().ok_or_else(bad_internal_call)?, globals)?;
        if let Some(q) = qualname {
            f.setattr(intern!("__qualname__"), q)?;
        }
        Ok(f)
    }
    fn PyFunction_GetCode(f: *mut abi::PyObject) -> *mut abi::PyObject {
        let code: &Object = function(f)?.code();
        Ok(code.as_ptr())
    }
    fn PyFunction_GetGlobals(f: *mut abi::PyObject) -> *mut abi::PyObject {
        let globals: &Object = function(f)?.globals();
        Ok(globals.as_ptr())
    }
    fn PyFunction_GetModule(f: *mut abi::PyObject) -> *mut abi::PyObject {
        function(f)?.getattr(intern!("__module__")).map(borrowed)
    }
    fn PyFunction_GetDefaults(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(opt(function(f)?.defaults()))
    }
    fn PyFunction_SetDefaults(f: *mut abi::PyObject, v: Option<&Object>) -> c_int {
        let v = v.ok_or_else(bad_internal_call)?;
        if !v.is_none() && v.downcast::<Tuple>().is_none() {
            return Err(raise!(SystemError, "non-tuple default args"));
        }
        function(f)?.set_defaults(Some(v))
    }
    fn PyFunction_GetKwDefaults(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(opt(function(f)?.kwdefaults()))
    }
    fn PyFunction_SetKwDefaults(f: *mut abi::PyObject, v: Option<&Object>) -> c_int {
        let v = v.ok_or_else(bad_internal_call)?;
        if !v.is_none() && v.downcast::<Dict>().is_none() {
            return Err(raise!(SystemError, "non-dict keyword only default args"));
        }
        function(f)?.set_kwdefaults(Some(v))
    }
    fn PyFunction_GetClosure(f: *mut abi::PyObject) -> *mut abi::PyObject {
        Ok(opt(function(f)?.closure()))
    }
    fn PyFunction_GetAnnotations(f: *mut abi::PyObject) -> *mut abi::PyObject {
        let f = function(f)?;
        // A function without annotations has none, rather than an empty dict.
        Ok(if f.has_annotations() { borrowed(f.get_annotations()?) } else { none().as_ptr() })
    }
    fn PyFunction_SetAnnotations(f: *mut abi::PyObject, v: Option<&Object>) -> c_int {
        let v = v.unwrap_or(none());
        if !v.is_none() && v.downcast::<Dict>().is_none() {
            return Err(raise!(SystemError, "non-dict annotations"));
        }
        let own = Dict::new()?;
        function(f)?.setattr(intern!("__annotations__"), if v.is_none() { &own } else { v })
    }

    fn PyCell_New(value: Option<&Object>) -> *mut abi::PyObject {
        Cell::new(value.map(Object::to_ref))
    }
    fn PyCell_Get(c: &Cell) -> *mut abi::PyObject {
        fine(c.get())
    }
    fn PyCell_Set(c: &Cell, value: Option<&Object>) -> c_int {
        drop(c.replace(value.map(Object::to_ref)));
        Ok(())
    }

    fn PyCapsule_New(pointer: *mut c_void, name: *const c_char, destructor: abi::PyCapsule_Destructor) -> *mut abi::PyObject {
        capsule::new(pointer, name, destructor)
    }
    fn PyCapsule_GetPointer(o: *mut abi::PyObject, name: *const c_char) -> *mut c_void {
        let c = capsule_of(o, "PyCapsule_GetPointer")?;
        // SAFETY: a checked capsule.
        unsafe {
            if !capsule::same_name(name, (*c).name) {
                return Err(raise!(ValueError, "PyCapsule_GetPointer called with incorrect name"));
            }
            Ok((*c).pointer)
        }
    }
    fn PyCapsule_GetName(o: *mut abi::PyObject) -> *const c_char {
        // SAFETY: a checked capsule.
        Ok(unsafe { (*capsule_of(o, "PyCapsule_GetName")?).name })
    }
    fn PyCapsule_GetDestructor(o: *mut abi::PyObject) -> abi::PyCapsule_Destructor {
        // SAFETY: a checked capsule.
        Ok(unsafe { (*capsule_of(o, "PyCapsule_GetDestructor")?).destructor })
    }
    fn PyCapsule_GetContext(o: *mut abi::PyObject) -> *mut c_void {
        // SAFETY: a checked capsule.
        Ok(unsafe { (*capsule_of(o, "PyCapsule_GetContext")?).context })
    }
    fn PyCapsule_IsValid(o: Option<&Object>, name: *const c_char) -> c_int {
        fine(o.is_some_and(|o| capsule::is_valid(o, name)))
    }
    fn PyCapsule_SetPointer(o: *mut abi::PyObject, pointer: *mut c_void) -> c_int {
        if pointer.is_null() {
            return Err(raise!(ValueError, "PyCapsule_SetPointer called with null pointer"));
        }
        // SAFETY: a checked capsule.
        unsafe { (*capsule_of(o, "PyCapsule_SetPointer")?).pointer = pointer };
        Ok(())
    }
    fn PyCapsule_SetName(o: *mut abi::PyObject, name: *const c_char) -> c_int {
        // SAFETY: a checked capsule.
        unsafe { (*capsule_of(o, "PyCapsule_SetName")?).name = name };
        Ok(())
    }
    fn PyCapsule_SetDestructor(o: *mut abi::PyObject, destructor: abi::PyCapsule_Destructor) -> c_int {
        // SAFETY: a checked capsule.
        unsafe { (*capsule_of(o, "PyCapsule_SetDestructor")?).destructor = destructor };
        Ok(())
    }
    fn PyCapsule_SetContext(o: *mut abi::PyObject, context: *mut c_void) -> c_int {
        // SAFETY: a checked capsule.
        unsafe { (*capsule_of(o, "PyCapsule_SetContext")?).context = context };
        Ok(())
    }
    fn _PyCapsule_SetTraverse(o: *mut abi::PyObject, traverse: abi::traverseproc, clear: abi::inquiry) -> c_int {
        let c = capsule_of(o, "_PyCapsule_SetTraverse")?;
        // SAFETY: a checked capsule.
        unsafe {
            (*c).traverse = traverse;
            (*c).clear = clear;
        }
        Ok(())
    }
    /// "module.attribute…" → the pointer of the capsule there.
    fn PyCapsule_Import(name: CText<'_>, _no_block: c_int) -> *mut c_void {
        let whole = name.to_string_lossy();
        let mut parts = whole.split('.');
        let first = parts.next().unwrap_or_default();
        let mut o = match display::import(first) {
            Ok(m) => m,
            Err(e) => {
                e.clear();
                return Err(raise!(ImportError, "PyCapsule_Import could not import module \"{}\"", first));
            }
        };
        // Names that are not UTF-8 name no attribute: the error tells.
        for part in name.to_bytes().split(|b| *b == b'.').skip(1) {
            let part = runtime::objects::codecs::utf::decode_utf8(part, None, true, "utf-8")?.0;
            o = o.getattr(&part)?;
        }
        if !capsule::is_valid(&o, name.as_ptr()) {
            return Err(raise!(AttributeError, "PyCapsule_Import \"{}\" is not valid", whole));
        }
        // The capsule stays in its module.
        capsule::get_pointer(&o, name.as_ptr())
    }

    fn PyWeakref_NewRef(o: &Object, callback: Option<&Object>) -> *mut abi::PyObject {
        weakref::new_ref(o, callback.filter(|c| !c.is_none()))
    }
    fn PyWeakref_NewProxy(o: &Object, callback: Option<&Object>) -> *mut abi::PyObject {
        weakref::new_proxy(o, callback.filter(|c| !c.is_none()))
    }
    fn PyWeakref_GetRef(w: Option<&Object>, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes a place.
        unsafe { *result = null_mut() };
        let w = w.ok_or_else(bad_internal_call)?;
        if !weakref::check(w) {
            return Err(raise!(TypeError, "expected a weakref"));
        }
        match weakref::get_referent(w) {
            None => Ok(0),
            Some(o) => {
                // SAFETY: as above.
                unsafe { *result = o.into_ptr() };
                Ok(1)
            }
        }
    }
    /// Borrowed: None when the object is gone. Prefer `PyWeakref_GetRef`.
    fn PyWeakref_GetObject(w: Option<&Object>) -> *mut abi::PyObject {
        let w = w.filter(|w| weakref::check(w)).ok_or_else(bad_internal_call)?;
        Ok(weakref::get_referent(w).map_or(none().as_ptr(), borrowed))
    }
    fn PyWeakref_IsDead(w: Option<&Object>) -> c_int {
        let w = w.ok_or_else(bad_internal_call)?;
        if !weakref::check(w) {
            return Err(raise!(TypeError, "expected a weakref, got {}", w.ty().tp_name()));
        }
        Ok(weakref::is_dead(w))
    }

    fn PyContext_New() -> *mut abi::PyObject {
        Context::new()
    }
    fn PyContext_Copy(c: &Object) -> *mut abi::PyObject {
        context_of(c)?.copy()
    }
    fn PyContext_CopyCurrent() -> *mut abi::PyObject {
        runtime::objects::context::copy_current()
    }
    fn PyContext_Enter(c: &Object) -> c_int {
        context_of(c)?.enter()
    }
    fn PyContext_Exit(c: &Object) -> c_int {
        context_of(c)?.exit()
    }
    fn PyContext_AddWatcher(f: Option<unsafe extern "C" fn(c_int, *mut abi::PyObject) -> c_int>) -> c_int {
        runtime::objects::context::add_watcher(f.ok_or_else(bad_internal_call)?)
    }
    fn PyContext_ClearWatcher(id: c_int) -> c_int {
        runtime::objects::context::clear_watcher(id)
    }
    fn PyContextVar_New(name: CText<'_>, default: Option<&Object>) -> *mut abi::PyObject {
        ContextVar::new(&*text(name)?, default)
    }
    fn PyContextVar_Get(var: &Object, default: Option<&Object>, result: *mut *mut abi::PyObject) -> c_int {
        let value = match var.downcast::<ContextVar>() {
            Some(v) => Ok(v.value(default)),
            None => Err(raise!(TypeError, "an instance of ContextVar was expected")),
        };
        // SAFETY: C passes a place.
        unsafe { *result = value.as_ref().ok().and_then(|v| v.as_ref()).map_or(null_mut(), |v| v.as_raw().cast()) };
        core::mem::forget(value?);
        Ok(())
    }
    fn PyContextVar_Set(var: &Object, value: &Object) -> *mut abi::PyObject {
        var_of(var)?.assign(value)
    }
    fn PyContextVar_Reset(var: &Object, token: &Object) -> c_int {
        let token = token.downcast::<Token>().ok_or_else(|| raise!(TypeError, "an instance of Token was expected"))?;
        var_of(var)?.restore(token)
    }

    fn PyStructSequence_NewType(desc: *mut abi::PyStructSequence_Desc) -> *mut abi::PyTypeObject {
        // SAFETY: C passes a description.
        let ty = unsafe { struct_type(desc) }?;
        Ok(ty.into_ptr().cast::<abi::PyTypeObject>())
    }
    fn PyStructSequence_InitType(ty: *mut abi::PyTypeObject, desc: *mut abi::PyStructSequence_Desc) {
        // SAFETY: C passes a type of its own and a description.
        unsafe { init_struct_type(ty, desc) }
    }
    fn PyStructSequence_InitType2(ty: *mut abi::PyTypeObject, desc: *mut abi::PyStructSequence_Desc) -> c_int {
        // SAFETY: as above.
        unsafe { init_struct_type(ty, desc) }
    }
    fn PyStructSequence_New(ty: &Type) -> *mut abi::PyObject {
        structseq::alloc(ty)
    }
    fn PyStructSequence_SetItem(o: &Object, i: isize, value: Option<PyRef>) {
        structseq::set_item(o, i as usize, value);
        Ok(())
    }
    fn PyStructSequence_GetItem(o: &Object, i: isize) -> *mut abi::PyObject {
        // SAFETY: C passes a struct sequence and an index within its fields.
        fine(unsafe { *o.cast::<Tuple>().items_ptr().offset(i) })
    }

    fn PyObject_CheckBuffer(o: &Object) -> c_int {
        fine(buffer::has_buffer(o))
    }
    fn PyObject_GetBuffer(o: &Object, view: *mut abi::Py_buffer, flags: c_int) -> c_int {
        // SAFETY: C passes a place for the view.
        unsafe { buffer::get_into(o, view, flags) }
    }
    fn PyBuffer_Release(view: *mut abi::Py_buffer) {
        // SAFETY: C passes a view that it got.
        unsafe { buffer::release(view) };
        Ok(())
    }
    fn PyBuffer_FillInfo(view: *mut abi::Py_buffer, o: Option<&Object>, data: *mut c_void, len: isize, readonly: c_int, flags: c_int) -> c_int {
        // SAFETY: C passes a place for the view, and memory that the object keeps.
        unsafe { buffer::fill_info(view, o, data.cast(), len.max(0) as usize, readonly != 0, flags) }
    }
    fn PyBuffer_IsContiguous(view: *const abi::Py_buffer, order: c_char) -> c_int {
        // SAFETY: C passes a filled view.
        fine(unsafe { buffer::is_contiguous(&*view, order as u8) })
    }
    fn PyBuffer_GetPointer(view: *const abi::Py_buffer, indices: *const isize) -> *mut c_void {
        // SAFETY: C passes a filled view and an index per dimension.
        fine(unsafe { buffer::item_ptr(&*view, core::slice::from_raw_parts(indices, (*view).ndim as usize)).cast::<c_void>() })
    }
    fn PyBuffer_SizeFromFormat(format: CText<'_>) -> isize {
        let calcsize = display::import("struct")?.getattr(intern!("calcsize"))?;
        calcsize.call1(&*text(format)?)?.as_isize()
    }
    fn PyBuffer_FillContiguousStrides(ndim: c_int, shape: *mut isize, strides: *mut isize, itemsize: c_int, order: c_char) {
        let n = ndim.max(0) as usize;
        let mut step = itemsize as isize;
        for k in 0..n {
            let i = if order as u8 == b'F' { k } else { n - 1 - k };
            // SAFETY: C passes that many places.
            unsafe {
                *strides.add(i) = step;
                step *= *shape.add(i);
            }
        }
        Ok(())
    }
    fn PyBuffer_ToContiguous(data: *mut c_void, view: *const abi::Py_buffer, len: isize, order: c_char) -> c_int {
        // SAFETY: C passes a filled view and `len` bytes.
        unsafe {
            let v = &*view;
            if len != v.len {
                return Err(raise!(ValueError, "PyBuffer_ToContiguous: len != view->len"));
            }
            let fortran = order as u8 == b'F' || (order as u8 == b'A' && buffer::is_contiguous(v, b'F') && !buffer::is_contiguous(v, b'C'));
            let bytes = runtime::objects::memory::to_bytes(v, fortran);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
        Ok(())
    }
    fn PyBuffer_FromContiguous(view: *const abi::Py_buffer, data: *const c_void, len: isize, order: c_char) -> c_int {
        // SAFETY: C passes a filled view and `len` bytes.
        unsafe {
            let v = &*view;
            let mut source = data.cast::<u8>();
            let mut left = len.min(v.len);
            let size = v.itemsize.max(1);
            runtime::objects::memory::for_each_item(v, order as u8 == b'F', |p| {
                if left >= size {
                    core::ptr::copy_nonoverlapping(source, p, size as usize);
                    source = source.offset(size);
                    left -= size;
                }
            });
        }
        Ok(())
    }
    fn PyObject_CopyData(dest: &Object, src: &Object) -> c_int {
        if !buffer::has_buffer(dest) || !buffer::has_buffer(src) {
            return Err(raise!(TypeError, "both destination and source must be bytes-like objects"));
        }
        let to = buffer::Buffer::get(dest, abi::PyBUF_FULL)?;
        let from = buffer::Buffer::get(src, abi::PyBUF_FULL_RO)?;
        if to.info.len < from.info.len {
            return Err(raise!(BufferError, "destination is too small to receive data from source"));
        }
        let bytes = runtime::objects::memory::to_bytes(&from.info, false);
        // SAFETY: a filled view, and the bytes of another.
        unsafe { PyBuffer_FromContiguous(&*to.info, bytes.as_ptr().cast(), bytes.len() as isize, b'C' as c_char) };
        Ok(())
    }

    fn PyMemoryView_FromObject(o: &Object) -> *mut abi::PyObject {
        MemoryView::from_object(o)
    }
    fn PyMemoryView_FromMemory(p: *mut c_char, len: isize, flags: c_int) -> *mut abi::PyObject {
        MemoryView::from_memory(p.cast(), len.max(0) as usize, flags == abi::PyBUF_WRITE)
    }
    fn PyMemoryView_FromBuffer(view: *const abi::Py_buffer) -> *mut abi::PyObject {
        // SAFETY: C passes a filled view.
        let v = unsafe { &*view };
        if v.buf.is_null() {
            return Err(raise!(ValueError, "PyMemoryView_FromBuffer(): info->buf must not be NULL"));
        }
        MemoryView::from_buffer(v)
    }
    fn PyMemoryView_GetContiguous(o: &Object, kind: c_int, order: c_char) -> *mut abi::PyObject {
        MemoryView::get_contiguous(o, kind == abi::PyBUF_WRITE, order as u8)
    }
    fn PyPickleBuffer_FromObject(o: &Object) -> *mut abi::PyObject {
        display::import("_pickle")?.getattr(intern!("PickleBuffer"))?.call1(o)
    }
    fn PyPickleBuffer_Release(o: &Object) -> c_int {
        o.call_method(intern!("release"), &[]).map(drop)
    }
    fn _PyNamespace_New(kwargs: Option<&Object>) -> *mut abi::PyObject {
        let class = display::import("types")?.getattr(intern!("SimpleNamespace"))?;
        class.call_dict(&Tuple::empty(), kwargs.and_then(|k| k.downcast::<Dict>()))
    }
}

fn context_of(o: &Object) -> PyResult<&Context> {
    o.downcast::<Context>().ok_or_else(|| raise!(TypeError, "an instance of Context was expected"))
}

fn var_of(o: &Object) -> PyResult<&ContextVar> {
    o.downcast::<ContextVar>().ok_or_else(|| raise!(TypeError, "an instance of ContextVar was expected"))
}

/// The fields of a C description: names and docs.
unsafe fn struct_fields(desc: *mut abi::PyStructSequence_Desc) -> Vec<(String, String)> {
    // SAFETY: C passes a description.
    unsafe {
        let shown = |p: *const c_char| {
            if p.is_null() { String::new() } else { CStr::from_ptr(p).to_string_lossy().into_owned() }
        };
        let mut fields = Vec::new();
        let mut f = (*desc).fields;
        while !(*f).name.is_null() {
            fields.push((shown((*f).name.cast()), shown((*f).doc.cast())));
            f = f.add(1);
        }
        fields
    }
}

/// A struct sequence type from its C description.
unsafe fn struct_type(desc: *mut abi::PyStructSequence_Desc) -> PyResult<Ref<Type>> {
    // SAFETY: C passes a description; its texts live while the type is made.
    unsafe {
        let shown = |p: *const c_char| {
            if p.is_null() { String::new() } else { CStr::from_ptr(p).to_string_lossy().into_owned() }
        };
        let fields = struct_fields(desc);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, d)| (n.as_str(), d.as_str())).collect();
        let d = &*desc;
        structseq::make_type(&shown(d.name.cast()), &shown(d.doc.cast()), &fields, d.n_in_sequence as usize)
    }
}

/// The same in a static type of the caller's.
unsafe fn init_struct_type(ty: *mut abi::PyTypeObject, desc: *mut abi::PyStructSequence_Desc) -> PyResult<()> {
    // SAFETY: C passes a type that is not in use, and a description that lives as long as it.
    unsafe {
        let fields = struct_fields(desc);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, d)| (n.as_str(), d.as_str())).collect();
        let d = &*desc;
        structseq::init_static_type(ty, d.name.cast(), d.doc.cast(), &fields, d.n_in_sequence as usize)
    }
}
