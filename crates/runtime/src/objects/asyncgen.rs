//! Async generators: the object itself, and the awaitables that `asend`, `athrow`, `aclose` and `anext()` give.

use super::r#gen::{self, PyAsyncGen_Type, awaitable_iter, free, gen_state, gen_throw, yield_from_target};
use crate::interp::frame::InterpFrame;
use crate::objects::{AsyncGenerator, Generator};
use crate::prelude::*;
use core::ffi::c_int;
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering::*};
use macros::pyclass;

/// A value yielded by an async generator (never seen by Python code).
#[repr(C)]
pub struct WrappedValue {
    ob_base: abi::PyObject,
    value: AtomicPtr<abi::PyObject>,
}
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenWrappedValue_Type: Type = Type::STATIC;
py_layout!(WrappedValue, _PyAsyncGenWrappedValue_Type);

/// Wraps a value that `yield` gives in an async generator.
pub fn wrap_async_value(v: &Object) -> PyResult<PyRef> {
    let w = crate::typeobject::alloc_object::<WrappedValue>(WrappedValue::type_object())?;
    w.value.store(v.to_ref().into_ptr(), Release);
    crate::interp::pending::track(&w);
    Ok(w.upcast())
}

#[pyclass(name = "async_generator_wrapped_value", type_object = _PyAsyncGenWrappedValue_Type, flags = "HAVE_GC")]
impl WrappedValue {
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.value.load(Relaxed))
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).value.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
}

fn init_hooks(g: &Generator) -> PyResult<()> {
    if g.hooks_inited.swap(1, AcqRel) != 0 {
        return Ok(());
    }
    let a = ThreadState::current().abi();
    // SAFETY: the thread's hooks are null or live.
    unsafe {
        if let Some(f) = Object::from_ptr_opt(a.async_gen_finalizer) {
            g.origin_or_finalizer.store(f.to_ref().into_ptr(), Release);
        }
        if let Some(f) = Object::from_ptr_opt(a.async_gen_firstiter) {
            f.to_ref().call1(g)?;
        }
    }
    Ok(())
}

#[pyclass(name = "async_generator", type_object = PyAsyncGen_Type, flags = "HAVE_GC", itemsize = 8, weaklistoffset = offset_of!(Generator, weakreflist))]
impl AsyncGenerator {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        r#gen::repr(&self.0, "async_generator")
    }
    #[slot]
    fn am_aiter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn am_anext(&self) -> PyResult<PyRef> {
        init_hooks(&self.0)?;
        new_asend(self, None)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        r#gen::traverse(&self.0, v)
    }
    #[slot]
    fn tp_finalize(&self) {
        r#gen::finalize(&self.0);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        r#gen::dealloc(unsafe { &(*this).0 });
    }
    /// asend(v) -> send 'v' in generator.
    #[pymethod]
    fn asend(&self, v: &Object) -> PyResult<PyRef> {
        init_hooks(&self.0)?;
        new_asend(self, Some(v))
    }
    /// athrow(value)
    /// athrow(type[,value[,tb]])
    #[pymethod(raw)]
    fn athrow(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("athrow")?;
        args.check_positional("athrow", 1, 3)?;
        if args.len() > 1 {
            crate::error::warn(
                exc::DeprecationWarning(),
                "the (type, exc, tb) signature of athrow() is deprecated, use the single-arg signature instead.",
                1,
            )?;
        }
        init_hooks(&self.0)?;
        let t = args.to_tuple()?;
        new_athrow(self, Some(t))
    }
    /// aclose() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn aclose(&self) -> PyResult<PyRef> {
        init_hooks(&self.0)?;
        new_athrow(self, None)
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        r#gen::sizeof(&self.0)
    }
    #[pyclassmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::interp::generic_alias(cls, item)
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyResult<PyRef> {
        r#gen::get_str(&self.0.name, self)
    }
    #[pysetter(name = "__name__")]
    fn set_name(&self, v: Option<&Object>) -> PyResult<()> {
        r#gen::set_str(&self.0.name, v, "__name__")
    }
    #[pygetset(name = "__qualname__")]
    fn qualname(&self) -> PyResult<PyRef> {
        r#gen::get_str(&self.0.qualname, self)
    }
    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, v: Option<&Object>) -> PyResult<()> {
        r#gen::set_str(&self.0.qualname, v, "__qualname__")
    }
    #[pygetset]
    fn ag_await(&self) -> PyResult<PyRef> {
        Ok(yield_from_target(&self.0).unwrap_or_else(none_ref))
    }
    #[pygetset]
    fn ag_running(&self) -> bool {
        self.0.running_async.load(Acquire) != 0
    }
    #[pygetset]
    fn ag_suspended(&self) -> bool {
        matches!(self.0.state.load(Acquire), gen_state::SUSPENDED | gen_state::SUSPENDED_YIELD_FROM)
    }
    #[pygetset]
    fn ag_frame(&self) -> PyResult<PyRef> {
        r#gen::frame_of(&self.0)
    }
    #[pygetset]
    fn ag_code(&self) -> PyRef {
        self.0.frame.code().to_ref()
    }
}

const INIT: u8 = 0;
const ITER: u8 = 1;
const CLOSED: u8 = 2;

/// Turns what the generator's code gave into what the awaitable gives: a wrapped value ends the await.
fn unwrap_result(g: &Generator, r: PyResult<Option<PyRef>>) -> PyResult<PyRef> {
    match r {
        Ok(Some(v)) => {
            if let Some(w) = v.downcast_exact::<WrappedValue>() {
                g.running_async.store(0, Release);
                // SAFETY: set at construction.
                let x = unsafe { Object::from_ptr(w.value.load(Acquire)) };
                return Err(crate::error::raise_stop_iteration(Some(x)));
            }
            Ok(v)
        }
        other => {
            // Ended or raised
            if other.is_ok() && !crate::error::error_occurred() {
                let _ = crate::error::raise_none(exc::StopAsyncIteration());
            }
            if crate::error::error_matches(exc::StopAsyncIteration())
                || crate::error::error_matches(exc::GeneratorExit())
            {
                g.closed.store(1, Release);
            }
            g.running_async.store(0, Release);
            Err(Raised::already_set())
        }
    }
}

fn send_raw(g: &Generator, v: &Object) -> PyResult<Option<PyRef>> {
    use crate::interp::genops::{Sent, resume};
    match resume(g, Some(v), false, false) {
        Sent::Yield(v) => Ok(Some(v)),
        Sent::Return(v) => {
            if v.is_none() {
                Err(crate::error::raise_none(exc::StopAsyncIteration()))
            } else {
                Err(crate::error::raise_stop_iteration(Some(&v)))
            }
        }
        Sent::Raised => Err(Raised::already_set()),
    }
}

/// The awaitable of `__anext__` and `asend`.
#[repr(C)]
pub struct AsyncGenASend {
    ob_base: abi::PyObject,
    agen: AtomicPtr<abi::PyObject>,
    value: AtomicPtr<abi::PyObject>,
    state: AtomicU8,
}
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenASend_Type: Type = Type::STATIC;
py_layout!(AsyncGenASend, _PyAsyncGenASend_Type);

fn new_asend(g: &AsyncGenerator, v: Option<&Object>) -> PyResult<PyRef> {
    let a = crate::typeobject::alloc_object::<AsyncGenASend>(AsyncGenASend::type_object())?;
    a.agen.store(g.to_ref().into_ptr(), Release);
    a.value.store(v.map_or(null_mut(), |v| v.to_ref().into_ptr()), Release);
    crate::interp::pending::track(&a);
    Ok(a.upcast())
}

impl AsyncGenASend {
    fn target(&self) -> &Generator {
        // SAFETY: set at construction.
        unsafe { &*self.agen.load(Acquire).cast::<Generator>() }
    }
    fn do_send(&self, arg: &Object) -> PyResult<PyRef> {
        let g = self.target();
        let mut arg = arg;
        match self.state.load(Acquire) {
            CLOSED => return Err(raise!(RuntimeError, "cannot reuse already awaited __anext__()/asend()")),
            INIT => {
                if g.running_async.load(Acquire) != 0 {
                    self.state.store(CLOSED, Release);
                    return Err(raise!(RuntimeError, "anext(): asynchronous generator is already running"));
                }
                if arg.is_none() {
                    // SAFETY: set at construction.
                    if let Some(v) = unsafe { Object::from_ptr_opt(self.value.load(Acquire)) } {
                        arg = v;
                    }
                }
                self.state.store(ITER, Release);
            }
            _ => {}
        }
        g.running_async.store(1, Release);
        let r = unwrap_result(g, send_raw(g, arg));
        if r.is_err() {
            self.state.store(CLOSED, Release);
        }
        r
    }
}

#[pyclass(name = "async_generator_asend", type_object = _PyAsyncGenASend_Type, flags = "HAVE_GC")]
impl AsyncGenASend {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        self.do_send(none()).map(Some)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        let r = v.visit_ptr(self.agen.load(Relaxed));
        if r != 0 { r } else { v.visit_ptr(self.value.load(Relaxed)) }
    }
    #[slot]
    fn tp_finalize(&self) {
        if self.state.load(Acquire) == INIT {
            warn_unawaited(self, "asend", self.target());
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            if (*this).state.load(Acquire) == INIT && crate::interp::pending::finalize_from_dealloc(this.cast()) {
                return;
            }
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).agen.swap(null_mut(), AcqRel)));
            drop(PyRef::from_ptr_opt((*this).value.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
    #[pymethod]
    fn send(&self, v: &Object) -> PyResult<PyRef> {
        self.do_send(v)
    }
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("throw", 1, 3)?;
        let g = self.target();
        match self.state.load(Acquire) {
            CLOSED => return Err(raise!(RuntimeError, "cannot reuse already awaited __anext__()/asend()")),
            INIT => {
                if g.running_async.load(Acquire) != 0 {
                    self.state.store(CLOSED, Release);
                    return Err(raise!(RuntimeError, "anext(): asynchronous generator is already running"));
                }
                self.state.store(ITER, Release);
                g.running_async.store(1, Release);
            }
            _ => {}
        }
        let r = gen_throw(g, true, args.args[0], args.get(1), args.get(2)).map(Some);
        let r = unwrap_result(g, r);
        if r.is_err() {
            self.state.store(CLOSED, Release);
        }
        r
    }
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        if self.state.load(Acquire) == CLOSED {
            return Ok(none_ref());
        }
        let ge: &Object = exc::GeneratorExit();
        match self.throw(FuncArgs::new(&[ge])) {
            Ok(_) => Err(raise!(RuntimeError, "coroutine ignored GeneratorExit")),
            Err(e) => {
                let _ = e;
                if crate::error::error_matches(exc::StopIteration())
                    || crate::error::error_matches(exc::StopAsyncIteration())
                    || crate::error::error_matches(exc::GeneratorExit())
                {
                    drop(crate::error::take_error());
                    return Ok(none_ref());
                }
                Err(Raised::already_set())
            }
        }
    }
}

fn warn_unawaited(o: &Object, method: &str, g: &Generator) {
    let saved = crate::error::take_error();
    // SAFETY: always a str.
    let q = unsafe { &*g.qualname.load(Acquire).cast::<Str>() };
    if crate::error::warn(
        exc::RuntimeWarning(),
        &format!("coroutine method '{}' of '{}' was never awaited", method, q.to_string_lossy()),
        1,
    )
    .is_err()
    {
        crate::objects::exceptions::display::write_unraisable_repr("Exception ignored while finalizing coroutine", o);
    }
    if let Some(e) = saved {
        let _ = crate::error::restore(e);
    }
}

/// The awaitable of `athrow` and (without arguments) `aclose`.
#[repr(C)]
pub struct AsyncGenAThrow {
    ob_base: abi::PyObject,
    agen: AtomicPtr<abi::PyObject>,
    args: AtomicPtr<abi::PyObject>,
    state: AtomicU8,
}
#[unsafe(no_mangle)]
pub static mut _PyAsyncGenAThrow_Type: Type = Type::STATIC;
py_layout!(AsyncGenAThrow, _PyAsyncGenAThrow_Type);

fn new_athrow(g: &AsyncGenerator, args: Option<Ref<Tuple>>) -> PyResult<PyRef> {
    let a = crate::typeobject::alloc_object::<AsyncGenAThrow>(AsyncGenAThrow::type_object())?;
    a.agen.store(g.to_ref().into_ptr(), Release);
    a.args.store(args.map_or(null_mut(), |v| v.into_ptr()), Release);
    crate::interp::pending::track(&a);
    Ok(a.upcast())
}

impl AsyncGenAThrow {
    fn target(&self) -> &Generator {
        // SAFETY: set at construction.
        unsafe { &*self.agen.load(Acquire).cast::<Generator>() }
    }
    fn args(&self) -> Option<&Tuple> {
        // SAFETY: set at construction.
        unsafe { self.args.load(Acquire).cast::<Tuple>().as_ref() }
    }
    fn fail_running(&self) -> Raised {
        self.state.store(CLOSED, Release);
        if self.args().is_none() {
            raise!(RuntimeError, "aclose(): asynchronous generator is already running")
        } else {
            raise!(RuntimeError, "athrow(): asynchronous generator is already running")
        }
    }
    /// After the generator's code raised inside an `aclose`.
    fn closing_error(&self) -> Raised {
        let g = self.target();
        g.running_async.store(0, Release);
        self.state.store(CLOSED, Release);
        if self.args().is_none()
            && (crate::error::error_matches(exc::StopAsyncIteration())
                || crate::error::error_matches(exc::GeneratorExit()))
        {
            drop(crate::error::take_error());
            g.closed.store(1, Release);
            return crate::error::raise_none(exc::StopIteration());
        }
        Raised::already_set()
    }
    fn do_send(&self, arg: &Object) -> PyResult<PyRef> {
        let g = self.target();
        let state = self.state.load(Acquire);
        if state == CLOSED {
            return Err(raise!(RuntimeError, "cannot reuse already awaited aclose()/athrow()"));
        }
        if g.state.load(Acquire) >= gen_state::COMPLETED {
            self.state.store(CLOSED, Release);
            return Err(crate::error::raise_none(exc::StopIteration()));
        }
        let r = if state == INIT {
            if g.running_async.load(Acquire) != 0 {
                return Err(self.fail_running());
            }
            if g.closed.load(Acquire) != 0 {
                self.state.store(CLOSED, Release);
                return Err(crate::error::raise_none(exc::StopAsyncIteration()));
            }
            if !arg.is_none() {
                return Err(raise!(RuntimeError, "can't send non-None value to a just-started coroutine"));
            }
            self.state.store(ITER, Release);
            g.running_async.store(1, Release);
            match self.args() {
                None => {
                    // aclose()
                    g.closed.store(1, Release);
                    let r = gen_throw(g, false, exc::GeneratorExit(), None, None);
                    if let Ok(v) = &r
                        && v.downcast_exact::<WrappedValue>().is_some()
                    {
                        return Err(self.ignored_exit());
                    }
                    r
                }
                Some(a) => {
                    let r =
                        gen_throw(g, false, a.get(0), (a.len() > 1).then(|| a.get(1)), (a.len() > 2).then(|| a.get(2)));
                    return unwrap_result(g, r.map(Some)).inspect_err(|_| self.state.store(CLOSED, Release));
                }
            }
        } else {
            send_raw(g, arg).map(|v| v.unwrap_or_else(none_ref))
        };
        if self.args().is_some() {
            return unwrap_result(g, r.map(Some)).inspect_err(|_| self.state.store(CLOSED, Release));
        }
        match r {
            Ok(v) if v.downcast_exact::<WrappedValue>().is_some() => Err(self.ignored_exit()),
            Ok(v) => Ok(v),
            Err(_) => Err(self.closing_error()),
        }
    }
    fn ignored_exit(&self) -> Raised {
        self.target().running_async.store(0, Release);
        self.state.store(CLOSED, Release);
        raise!(RuntimeError, "async generator ignored GeneratorExit")
    }
}

#[pyclass(name = "async_generator_athrow", type_object = _PyAsyncGenAThrow_Type, flags = "HAVE_GC")]
impl AsyncGenAThrow {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        self.do_send(none()).map(Some)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        let r = v.visit_ptr(self.agen.load(Relaxed));
        if r != 0 { r } else { v.visit_ptr(self.args.load(Relaxed)) }
    }
    #[slot]
    fn tp_finalize(&self) {
        if self.state.load(Acquire) == INIT {
            warn_unawaited(self, if self.args().is_some() { "athrow" } else { "aclose" }, self.target());
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            if (*this).state.load(Acquire) == INIT && crate::interp::pending::finalize_from_dealloc(this.cast()) {
                return;
            }
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).agen.swap(null_mut(), AcqRel)));
            drop(PyRef::from_ptr_opt((*this).args.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
    #[pymethod]
    fn send(&self, v: &Object) -> PyResult<PyRef> {
        self.do_send(v)
    }
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("throw", 1, 3)?;
        let g = self.target();
        match self.state.load(Acquire) {
            CLOSED => return Err(raise!(RuntimeError, "cannot reuse already awaited aclose()/athrow()")),
            INIT => {
                if g.running_async.load(Acquire) != 0 {
                    return Err(self.fail_running());
                }
                self.state.store(ITER, Release);
                g.running_async.store(1, Release);
            }
            _ => {}
        }
        let r = gen_throw(g, true, args.args[0], args.get(1), args.get(2));
        if self.args().is_some() {
            return unwrap_result(g, r.map(Some)).inspect_err(|_| self.state.store(CLOSED, Release));
        }
        match r {
            Ok(v) if v.downcast_exact::<WrappedValue>().is_some() => Err(self.ignored_exit()),
            Ok(v) => Ok(v),
            Err(_) => Err(self.closing_error()),
        }
    }
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        if self.state.load(Acquire) == CLOSED {
            return Ok(none_ref());
        }
        let ge: &Object = exc::GeneratorExit();
        match self.throw(FuncArgs::new(&[ge])) {
            Ok(_) => Err(raise!(RuntimeError, "coroutine ignored GeneratorExit")),
            Err(e) => {
                let _ = e;
                if crate::error::error_matches(exc::StopIteration())
                    || crate::error::error_matches(exc::StopAsyncIteration())
                    || crate::error::error_matches(exc::GeneratorExit())
                {
                    drop(crate::error::take_error());
                    return Ok(none_ref());
                }
                Err(Raised::already_set())
            }
        }
    }
}

/// What `anext(it, default)` gives.
#[repr(C)]
pub struct AnextAwaitable {
    ob_base: abi::PyObject,
    wrapped: AtomicPtr<abi::PyObject>,
    default: AtomicPtr<abi::PyObject>,
}
#[unsafe(no_mangle)]
pub static mut _PyAnextAwaitable_Type: Type = Type::STATIC;
py_layout!(AnextAwaitable, _PyAnextAwaitable_Type);

impl AnextAwaitable {
    /// An awaitable of `wrapped` that gives `default` when the iteration ends.
    pub fn new(wrapped: &Object, default: &Object) -> PyResult<PyRef> {
        let a = crate::typeobject::alloc_object::<AnextAwaitable>(AnextAwaitable::type_object())?;
        a.wrapped.store(wrapped.to_ref().into_ptr(), Release);
        a.default.store(default.to_ref().into_ptr(), Release);
        crate::interp::pending::track(&a);
        Ok(a.upcast())
    }
    fn iterator(&self) -> PyResult<PyRef> {
        // SAFETY: set at construction.
        let w = unsafe { Object::from_ptr(self.wrapped.load(Acquire)) };
        let it = awaitable_iter(w)?;
        if it.ty().slots().tp_iternext.is_none() {
            // a coroutine: iterate over it through its wrapper
            // SAFETY: slots are called as their types say.
            unsafe {
                if let Some(f) = it.ty().slots().tp_as_async.as_ref().and_then(|a| a.am_await) {
                    return PyRef::from_c_result(f(it.as_ptr()));
                }
            }
        }
        Ok(it)
    }
    fn or_default(&self, r: PyResult<PyRef>) -> PyResult<PyRef> {
        match r {
            Err(e) if e.matches(exc::StopAsyncIteration()) => {
                e.clear();
                // SAFETY: set at construction.
                Err(crate::error::raise_stop_iteration(Some(unsafe { Object::from_ptr(self.default.load(Acquire)) })))
            }
            r => r,
        }
    }
    fn forward(&self, name: &Str, args: &[&Object]) -> PyResult<PyRef> {
        let it = self.iterator()?;
        self.or_default(it.call_method(name, args))
    }
}

#[pyclass(name = "anext_awaitable", type_object = _PyAnextAwaitable_Type, flags = "HAVE_GC")]
impl AnextAwaitable {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let it = self.iterator()?;
        // SAFETY: an iterator.
        let r = unsafe {
            let Some(f) = it.ty().slots().tp_iternext else {
                return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str()));
            };
            PyRef::from_ptr_opt(f(it.as_ptr()))
        };
        match r {
            Some(v) => Ok(Some(v)),
            None if !crate::error::error_occurred() => Ok(None),
            None => self.or_default(Err(Raised::already_set())).map(Some),
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        let r = v.visit_ptr(self.wrapped.load(Relaxed));
        if r != 0 { r } else { v.visit_ptr(self.default.load(Relaxed)) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).wrapped.swap(null_mut(), AcqRel)));
            drop(PyRef::from_ptr_opt((*this).default.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
    #[pymethod]
    fn send(&self, v: &Object) -> PyResult<PyRef> {
        self.forward(intern!("send"), &[v])
    }
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.forward(intern!("throw"), args.args)
    }
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        self.forward(intern!("close"), &[])
    }
}

#[allow(dead_code)]
fn _frame(_: *mut InterpFrame) {}
