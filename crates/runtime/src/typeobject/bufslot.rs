//! `__buffer__` and `__release_buffer__` (PEP 688): both directions between them and `tp_as_buffer`.

use crate::error::Raised;
use crate::prelude::*;
use core::ffi::c_int;

/// `__release_buffer__(mv)` of a native type.
pub fn release_memoryview_of(_slf: &Object, mv: &Object) -> PyResult<()> {
    if mv.downcast::<crate::objects::MemoryView>().is_none() {
        return Err(raise!(TypeError, "expected a memoryview object"));
    }
    mv.call_method(intern!("release"), &[])?;
    Ok(())
}

/// `bf_getbuffer` of a class with `__buffer__`. The exporter recorded in the view is a small wrapper that keeps both the
/// instance and its memoryview.
pub unsafe fn get_through_python(slf: &Object, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
    let r = super::dispatch::special_req(slf, intern!("__buffer__"), &[&*Int::from_i64(flags as i64)?])?;
    if r.downcast::<crate::objects::MemoryView>().is_none() {
        return Err(raise!(TypeError, "__buffer__ returned non-memoryview object"));
    }
    let get = buffer_procs(&r).and_then(|b| b.bf_getbuffer);
    let Some(get) = get else {
        return Err(raise!(SystemError, "memoryview without a buffer"));
    };
    // SAFETY: a C slot filling the caller's view.
    unsafe {
        if get(r.as_ptr(), view, flags) < 0 {
            return Err(Raised::already_set());
        }
        let w = super::alloc_object::<Wrapper>(Wrapper::type_object())?;
        let p = w.as_raw();
        (*p).mv = r.into_ptr();
        (*p).owner = slf.to_ref().into_ptr();
        (*p).inner = (*view).obj;
        (*view).obj = w.into_ptr();
    }
    Ok(())
}

/// `bf_releasebuffer` of a class with `__release_buffer__`: reached only for views the class filled itself.
pub unsafe fn release_through_python(_slf: &Object, _view: *mut abi::Py_buffer) {}

fn buffer_procs(x: &Object) -> Option<&abi::PyBufferProcs> {
    // SAFETY: a type's table lives as long as the type.
    unsafe { x.ty().slots().tp_as_buffer.as_ref() }
}

/// Exporter of a buffer that a Python class provides.
#[repr(C)]
pub struct Wrapper {
    ob_base: abi::PyObject,
    mv: *mut abi::PyObject,
    owner: *mut abi::PyObject,
    inner: *mut abi::PyObject,
}

pub static mut BUFFER_WRAPPER_TYPE: Type = Type::STATIC;
py_layout!(Wrapper, BUFFER_WRAPPER_TYPE);

unsafe extern "C" fn dealloc(p: *mut abi::PyObject) {
    super::cabi::void(|| {
        // SAFETY: the dying object's own fields.
        unsafe {
            let w = p.cast::<Wrapper>();
            for f in [(*w).mv, (*w).owner, (*w).inner] {
                drop(PyRef::from_ptr_opt(f));
            }
            super::free_object(p);
        }
    })
}

unsafe extern "C" fn release(p: *mut abi::PyObject, view: *mut abi::Py_buffer) {
    super::cabi::void(|| {
        // SAFETY: the wrapper and the view it filled.
        unsafe {
            let w = p.cast::<Wrapper>();
            let saved = crate::error::take_error();
            let owner = Object::from_ptr((*w).owner);
            let mv = Object::from_ptr((*w).mv);
            if let Some(f) = owner.ty().lookup(intern!("__release_buffer__")) {
                if !crate::objects::descr::is_slot_wrapper(&f) && super::dispatch::call_found(owner, &f, &[mv]).is_err()
                {
                    crate::error::write_unraisable(Some(owner));
                }
            }
            let inner = (*w).inner;
            (*w).inner = core::ptr::null_mut();
            if let Some(i) = PyRef::from_ptr_opt(inner) {
                if let Some(f) = buffer_procs(&i).and_then(|b| b.bf_releasebuffer) {
                    f(i.as_ptr(), view);
                }
            }
            if let Some(e) = saved {
                let _: Raised = crate::error::restore(e);
            }
        }
    })
}

unsafe extern "C" fn getbuffer(p: *mut abi::PyObject, view: *mut abi::Py_buffer, flags: c_int) -> c_int {
    super::cabi::unit(|| {
        // SAFETY: the wrapper's memoryview exports.
        unsafe {
            let mv = Object::from_ptr((*p.cast::<Wrapper>()).mv);
            match buffer_procs(mv).and_then(|b| b.bf_getbuffer) {
                Some(f) if f(mv.as_ptr(), view, flags) == 0 => Ok(()),
                Some(_) => Err(Raised::already_set()),
                None => Err(raise!(BufferError, "no buffer")),
            }
        }
    })
}

pub static SPEC: super::TypeSpec = super::TypeSpec {
    name: c"_buffer_wrapper",
    type_object: &raw mut BUFFER_WRAPPER_TYPE,
    basicsize: size_of::<Wrapper>(),
    slots: &[
        super::SlotDef(abi::Py_tp_dealloc, dealloc as *const ()),
        super::SlotDef(abi::Py_bf_getbuffer, getbuffer as *const ()),
        super::SlotDef(abi::Py_bf_releasebuffer, release as *const ()),
    ],
    ..super::TypeSpec::EMPTY
};
