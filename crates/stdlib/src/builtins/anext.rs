//! What `anext(iterator, default)` awaits: the iterator's awaitable, with the end of the iteration turned into the default.

use macros::pyclass;
use runtime::convert::FuncArgs;
use runtime::mem::gc::Visitor;
use runtime::prelude::*;

/// The awaitable of `anext` with a default.
#[repr(C)]
pub struct AnextAwaitable {
    ob_base: runtime::abi::PyObject,
    wrapped: Option<PyRef>,
    default: Option<PyRef>,
}

/// Wraps an awaitable.
pub fn new(awaitable: &Object, default: &Object) -> PyResult<PyRef> {
    let a: Ref<AnextAwaitable> = runtime::typeobject::alloc_object(AnextAwaitable::type_object())?;
    // SAFETY: nobody else sees the object yet; zeroed fields are None.
    unsafe {
        (*a.as_raw()).wrapped = Some(awaitable.to_ref());
        (*a.as_raw()).default = Some(default.to_ref());
    }
    runtime::mem::gc::track(&a);
    Ok(a.upcast())
}

impl AnextAwaitable {
    /// The iterator that awaiting drives.
    fn iterator(&self) -> PyResult<PyRef> {
        match &self.wrapped {
            Some(w) => {
                let it = runtime::objects::r#gen::awaitable_iter(w)?;
                // A coroutine is driven through its wrapper.
                // SAFETY: the type's table of async slots is null or lives as long as the type.
                let wrapper = unsafe { it.ty().slots().tp_as_async.as_ref() }.and_then(|a| a.am_await);
                match wrapper.filter(|_| it.ty().slots().tp_iternext.is_none()) {
                    // SAFETY: the slot of the object's own type.
                    Some(f) => unsafe { PyRef::from_c_result(f(it.as_ptr())) },
                    None => Ok(it),
                }
            }
            None => Err(raise!(RuntimeError, "the awaitable is gone")),
        }
    }

    /// StopAsyncIteration ends the await with the default.
    fn settle(&self, r: PyResult<PyRef>) -> PyResult<PyRef> {
        match r {
            Err(e) if e.matches(exc::StopAsyncIteration()) => {
                e.clear();
                Err(runtime::error::raise_stop_iteration(self.default.as_deref()))
            }
            r => r,
        }
    }

    fn proxy(&self, method: &'static Str, args: &[&Object]) -> PyResult<PyRef> {
        let it = self.iterator()?;
        let r = it.call_method(method, args);
        self.settle(r)
    }
}

#[pyclass(name = "anext_awaitable", flags = "HAVE_GC")]
impl AnextAwaitable {
    #[slot]
    fn tp_traverse(&self, visit: &mut Visitor) -> core::ffi::c_int {
        let r = visit.visit_opt(&self.wrapped);
        if r != 0 {
            return r;
        }
        visit.visit_opt(&self.default)
    }

    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dead; its memory goes back through `tp_free`.
        unsafe {
            runtime::mem::gc::untrack(&*this);
            drop((*this).wrapped.take());
            drop((*this).default.take());
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }

    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }

    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }

    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let it = self.iterator()?;
        let Some(f) = it.ty().slots().tp_iternext else {
            return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str()));
        };
        // The slot itself: the awaited value travels in StopIteration.
        // SAFETY: the slot of the object's own type; null without an exception is exhaustion.
        match unsafe { PyRef::from_ptr_opt(f(it.as_ptr())) } {
            Some(v) => Ok(Some(v)),
            None if runtime::error::error_occurred() => self.settle(Err(Raised::already_set())).map(Some),
            None => Err(runtime::error::raise_stop_iteration(None)),
        }
    }

    /// Sends a value into the awaitable.
    #[pymethod]
    fn send(&self, value: &Object) -> PyResult<PyRef> {
        self.proxy(intern!("send"), &[value])
    }

    /// Raises an exception inside the awaitable.
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.proxy(intern!("throw"), args.args)
    }

    /// Closes the awaitable.
    #[pymethod(raw)]
    fn close(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.proxy(intern!("close"), args.args)
    }
}
