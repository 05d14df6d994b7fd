//! Generators, coroutines and async generators, with their helper objects.
//!
//! One layout serves all three. The frame lies at the end of the object and owns counted references only while it is
//! suspended; `state` says who may touch it: it goes from a suspended value to EXECUTING by compare-and-swap.

use crate::interp::frame::InterpFrame;
use crate::interp::genops::{self, Sent};
use crate::interp::slot::Slot;
use crate::objects::support::Exchange;
use crate::prelude::*;
use core::ffi::c_int;
use core::mem::offset_of;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI8, AtomicPtr, AtomicU8, Ordering::*};
use macros::pyclass;

/// `state` of a generator.
pub mod gen_state {
    pub const CREATED: i8 = -3;
    pub const SUSPENDED: i8 = -2;
    /// Suspended inside `yield from` / `await`
    pub const SUSPENDED_YIELD_FROM: i8 = -1;
    pub const EXECUTING: i8 = 0;
    pub const COMPLETED: i8 = 1;
}

/// Generator, coroutine or async generator; the frame's slots follow.
#[repr(C)]
pub struct Generator {
    pub ob_base: abi::PyVarObject,
    pub weakreflist: *mut abi::PyObject,
    pub name: AtomicPtr<abi::PyObject>,
    pub qualname: AtomicPtr<abi::PyObject>,
    pub exc_state: abi::_err_stackitem,
    /// Coroutines: cr_origin; async generators: the finalizer hook
    pub origin_or_finalizer: AtomicPtr<abi::PyObject>,
    pub state: AtomicI8,
    pub hooks_inited: AtomicU8,
    pub closed: AtomicU8,
    pub running_async: AtomicU8,
    pub frame: InterpFrame,
}
/// A coroutine.
#[repr(transparent)]
pub struct Coroutine(pub Generator);
/// An async generator.
#[repr(transparent)]
pub struct AsyncGenerator(pub Generator);

#[unsafe(no_mangle)]
pub static mut PyGen_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut PyCoro_Type: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut PyAsyncGen_Type: Type = Type::STATIC;
py_layout!(Coroutine, PyCoro_Type);
py_layout!(AsyncGenerator, PyAsyncGen_Type);
py_layout!(@deref Generator);
// SAFETY: the three types have one layout.
unsafe impl PyClass for Generator {
    fn type_object() -> &'static Type {
        // SAFETY: static type objects live as long as the process.
        unsafe { &*(&raw const PyGen_Type) }
    }
    #[inline(always)]
    fn is_instance(o: &Object) -> bool {
        let t: *const Type = o.ty();
        t == &raw const PyGen_Type || t == &raw const PyCoro_Type || t == &raw const PyAsyncGen_Type
    }
}

/// Takes the value of a set StopIteration; `Err` for any other exception; None when nothing is set.
pub fn fetch_stop_iteration_value() -> PyResult<PyRef> {
    if !crate::error::error_occurred() {
        return Ok(none_ref());
    }
    if !crate::error::error_matches(exc::StopIteration()) {
        return Err(Raised::already_set());
    }
    let Some(e) = crate::error::take_error() else { return Ok(none_ref()) };
    // SAFETY: a StopIteration instance; the field is null or live.
    Ok(unsafe { Object::from_ptr_opt(e.cast::<crate::objects::exceptions::StopIteration>().0.value) }
        .map_or_else(none_ref, Object::to_ref))
}

/// The object that a suspended generator delegates to.
pub fn yield_from_target(g: &Generator) -> Option<PyRef> {
    if g.state.load(Acquire) != gen_state::SUSPENDED_YIELD_FROM {
        return None;
    }
    // SAFETY: the stack of a suspended frame; the receiver is on top.
    let s = unsafe { *g.frame.sp.sub(1) };
    s.try_obj().map(Object::to_ref)
}

/// `_PyCoro_GetAwaitableIter`: what `await o` iterates over.
pub fn awaitable_iter(o: &Object) -> PyResult<PyRef> {
    let t: *const Type = o.ty();
    if t == &raw const PyCoro_Type {
        return Ok(o.to_ref());
    }
    if let Some(g) = o.downcast::<Generator>()
        && t == &raw const PyGen_Type
        && g.frame.code().flags() & compiler::code::co::ITERABLE_COROUTINE != 0
    {
        return Ok(o.to_ref());
    }
    // SAFETY: slots are called as their types say.
    unsafe {
        if let Some(f) = o.ty().slots().tp_as_async.as_ref().and_then(|a| a.am_await) {
            let r = PyRef::from_c_result(f(o.as_ptr()))?;
            let is_coro = core::ptr::eq(r.ty(), &raw const PyCoro_Type)
                || r.downcast::<Generator>().is_some_and(|g| {
                    core::ptr::eq(r.ty(), &raw const PyGen_Type)
                        && g.frame.code().flags() & compiler::code::co::ITERABLE_COROUTINE != 0
                });
            if is_coro {
                return Err(raise!(TypeError, "__await__() returned a coroutine"));
            }
            if !r.is_iter() {
                return Err(raise!(TypeError, "__await__() returned non-iterator of type '{}'", r.ty().name_str()));
            }
            return Ok(r);
        }
    }
    Err(raise!(TypeError, "'{}' object can't be awaited", o.ty().name_str()))
}

/// `cr_origin`: (filename, line, function) of the frames that made a coroutine.
pub fn compute_origin(depth: usize, frame: *mut InterpFrame) -> PyResult<PyRef> {
    let mut v = Vec::new();
    // The coroutine's own frame does not count
    let mut f = crate::interp::caller_of(frame);
    while let Some(p) = f {
        if v.len() >= depth {
            break;
        }
        // SAFETY: frames of this thread.
        let fr = unsafe { &*p };
        let c = fr.code();
        let line = Int::from_i64(fr.lineno().unwrap_or(0) as i64)?;
        v.push(Tuple::from_slice(&[c.filename(), &line, c.name()])?.upcast());
        f = crate::interp::caller_of(p);
    }
    Ok(Tuple::from_refs(v)?.upcast())
}

fn finish_send(g: &Generator, r: Sent) -> PyResult<PyRef> {
    match r {
        Sent::Yield(v) => Ok(v),
        Sent::Return(v) => {
            if v.is_none() {
                let is_asyncgen = core::ptr::eq(g.ty(), &raw const PyAsyncGen_Type);
                let end = if is_asyncgen { exc::StopAsyncIteration() } else { exc::StopIteration() };
                return Err(crate::error::raise_none(end));
            }
            Err(crate::error::raise_stop_iteration(Some(&v)))
        }
        Sent::Raised => Err(Raised::already_set()),
    }
}

/// `send(value)`
pub fn gen_send(g: &Generator, value: &Object) -> PyResult<PyRef> {
    finish_send(g, genops::resume(g, Some(value), false, false))
}

/// `__next__`: None without an exception at the end.
pub fn gen_next(g: &Generator) -> PyResult<Option<PyRef>> {
    match genops::resume(g, None, false, false) {
        Sent::Yield(v) => Ok(Some(v)),
        Sent::Return(v) => {
            if v.is_none() {
                return Ok(None);
            }
            Err(crate::error::raise_stop_iteration(Some(&v)))
        }
        Sent::Raised => Err(Raised::already_set()),
    }
}

/// `close()`
pub fn gen_close(g: &Generator) -> PyResult<PyRef> {
    let s = g.state.load(Acquire);
    if s == gen_state::CREATED {
        if g.state.compare_exchange(s, gen_state::COMPLETED, AcqRel, Relaxed).is_ok() {
            // SAFETY: nobody runs the frame any more.
            unsafe { genops::clear_generator_frame(g) };
        }
        return Ok(none_ref());
    }
    if s >= gen_state::COMPLETED {
        return Ok(none_ref());
    }
    let mut failed = false;
    if let Some(yf) = yield_from_target(g) {
        let old = g.state.swap(gen_state::EXECUTING, AcqRel);
        failed = close_iter(&yf).is_err();
        g.state.store(old, Release);
    }
    if !failed {
        let _ = crate::error::raise_none(exc::GeneratorExit());
    }
    match genops::resume(g, None, true, true) {
        Sent::Yield(_) => {
            let what = if core::ptr::eq(g.ty(), &raw const PyCoro_Type) {
                "coroutine"
            } else if core::ptr::eq(g.ty(), &raw const PyAsyncGen_Type) {
                "async generator"
            } else {
                "generator"
            };
            Err(raise!(RuntimeError, "{} ignored GeneratorExit", what))
        }
        Sent::Return(v) => Ok(v),
        Sent::Raised => {
            if crate::error::error_matches(exc::StopIteration()) {
                return fetch_stop_iteration_value();
            }
            if crate::error::error_matches(exc::GeneratorExit()) {
                drop(crate::error::take_error());
                return Ok(none_ref());
            }
            Err(Raised::already_set())
        }
    }
}

fn close_iter(yf: &Object) -> PyResult<()> {
    if let Some(g) = yf.downcast::<Generator>()
        && !core::ptr::eq(g.ty(), &raw const PyAsyncGen_Type)
    {
        gen_close(g)?;
        return Ok(());
    }
    match yf.getattr_opt(intern!("close")) {
        Ok(Some(m)) => {
            m.call0()?;
        }
        Ok(None) => {}
        Err(_) => {
            crate::objects::exceptions::display::write_unraisable_repr("Exception ignored while closing generator", yf)
        }
    }
    Ok(())
}

/// `throw(type[, value[, traceback]])`
pub fn gen_throw(
    g: &Generator,
    close_on_genexit: bool,
    ty: &Object,
    value: Option<&Object>,
    tb: Option<&Object>,
) -> PyResult<PyRef> {
    if let Some(yf) = yield_from_target(g) {
        if close_on_genexit && exc_is(ty, exc::GeneratorExit()) {
            let old = g.state.swap(gen_state::EXECUTING, AcqRel);
            let r = close_iter(&yf);
            g.state.store(old, Release);
            if r.is_err() {
                return finish_send(g, genops::resume(g, None, true, false));
            }
            return throw_here(g, ty, value, tb);
        }
        let old = g.state.swap(gen_state::EXECUTING, AcqRel);
        let ts = ThreadState::current();
        let f = (&raw const g.frame).cast_mut();
        // While the delegate runs, this frame is on the stack for tracebacks
        // SAFETY: the generator was claimed.
        let r = unsafe {
            (*f).previous = ts.abi().current_frame.cast();
            ts.abi_mut().current_frame = f.cast();
            let r = throw_into(&yf, close_on_genexit, ty, value, tb);
            ts.abi_mut().current_frame = (*f).previous.cast();
            (*f).previous = null_mut();
            r
        };
        g.state.store(old, Release);
        return match r {
            Ok(Some(v)) => Ok(v),
            Ok(None) => throw_here(g, ty, value, tb),
            Err(_) => finish_send(g, genops::resume(g, None, true, false)),
        };
    }
    throw_here(g, ty, value, tb)
}

/// None: the delegate has no `throw`.
fn throw_into(
    yf: &Object,
    close: bool,
    ty: &Object,
    value: Option<&Object>,
    tb: Option<&Object>,
) -> PyResult<Option<PyRef>> {
    if let Some(g) = yf.downcast::<Generator>()
        && !core::ptr::eq(g.ty(), &raw const PyAsyncGen_Type)
    {
        return gen_throw(g, close, ty, value, tb).map(Some);
    }
    let Some(m) = yf.getattr_opt(intern!("throw"))? else { return Ok(None) };
    let mut args = vec![ty];
    if let Some(v) = value {
        args.push(v);
        if let Some(t) = tb {
            args.push(t);
        }
    }
    m.call(&args).map(Some)
}

fn exc_is(x: &Object, t: &Object) -> bool {
    crate::error::exception_matches(x, t)
}

fn throw_here(g: &Generator, ty: &Object, value: Option<&Object>, tb: Option<&Object>) -> PyResult<PyRef> {
    if let Some(t) = tb
        && !t.is_none()
        && t.downcast::<crate::objects::Traceback>().is_none()
    {
        return Err(raise!(TypeError, "throw() third argument must be a traceback object"));
    }
    let e = if let Some(t) = ty.downcast::<Type>()
        && t.flags() & abi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0
    {
        match crate::error::normalize(ty, value.map(Object::to_ref)) {
            Ok(e) => e,
            // what went wrong is thrown instead
            Err(_) => return finish_send(g, genops::resume(g, None, true, false)),
        }
    } else if let Some(e) = ty.downcast::<crate::objects::BaseException>() {
        if value.is_some_and(|v| !v.is_none()) {
            return Err(raise!(TypeError, "instance exception may not have a separate value"));
        }
        Ref::new_ref(e)
    } else {
        return Err(raise!(
            TypeError,
            "exceptions must be classes or instances deriving from BaseException, not {}",
            ty.ty().name_str()
        ));
    };
    if let Some(t) = tb
        && !t.is_none()
    {
        e.setattr(intern!("__traceback__"), t)?;
    }
    let _ = crate::error::restore(e);
    finish_send(g, genops::resume(g, None, true, false))
}

fn warn_throw_args(args: &[&Object]) -> PyResult<()> {
    if args.len() > 1 {
        crate::error::warn(
            exc::DeprecationWarning(),
            "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
            1,
        )?;
    }
    Ok(())
}

fn throw_args(g: &Generator, args: FuncArgs<'_>) -> PyResult<PyRef> {
    args.no_keywords("throw")?;
    args.check_positional("throw", 1, 3)?;
    warn_throw_args(args.args)?;
    gen_throw(g, true, args.args[0], args.get(1), args.get(2))
}

/// What all three finalizers do when the frame has not ended.
pub(super) fn finalize(g: &Generator) {
    if g.state.load(Acquire) >= gen_state::COMPLETED {
        return;
    }
    let saved = crate::error::take_error();
    let is_asyncgen = core::ptr::eq(g.ty(), &raw const PyAsyncGen_Type);
    if is_asyncgen {
        let fin = g.origin_or_finalizer.load(Acquire);
        // SAFETY: null or live while the generator is.
        if let Some(f) = unsafe { Object::from_ptr_opt(fin) }
            && g.closed.load(Relaxed) == 0
        {
            if f.call1(g).is_err() {
                crate::objects::exceptions::display::write_unraisable_repr(
                    "Exception ignored while finalizing generator",
                    g,
                );
            }
            restore(saved);
            return;
        }
    }
    if core::ptr::eq(g.ty(), &raw const PyCoro_Type) && g.state.load(Acquire) == gen_state::CREATED {
        warn_unawaited(g);
        // the frame is emptied without running
        let _ = gen_close(g);
    } else if gen_close(g).is_err() {
        crate::objects::exceptions::display::write_unraisable_repr("Exception ignored while closing generator", g);
    }
    restore(saved);
}

fn restore(saved: Option<Ref<crate::objects::BaseException>>) {
    if let Some(e) = saved {
        let _ = crate::error::restore(e);
    }
}

fn warn_unawaited(g: &Generator) {
    let r = (|| -> PyResult<()> {
        if let Some(m) = crate::interp::sys_modules_get(Str::intern("warnings"))?
            && let Some(f) = m.getattr_opt(intern!("_warn_unawaited_coroutine"))?
        {
            f.call1(g)?;
            return Ok(());
        }
        // SAFETY: always a str.
        let q = unsafe { &*g.qualname.load(Acquire).cast::<Str>() };
        crate::error::warn(exc::RuntimeWarning(), &format!("coroutine '{}' was never awaited", q.to_string_lossy()), 1)
    })();
    if r.is_err() {
        crate::objects::exceptions::display::write_unraisable_repr("Exception ignored while finalizing coroutine", g);
    }
}

pub(super) fn traverse(g: &Generator, v: &mut crate::mem::Visitor) -> c_int {
    for p in
        [g.name.load(Relaxed), g.qualname.load(Relaxed), g.origin_or_finalizer.load(Relaxed), g.exc_state.exc_value]
    {
        let r = v.visit_ptr(p);
        if r != 0 {
            return r;
        }
    }
    let f = (&raw const g.frame).cast_mut();
    // SAFETY: the world is stopped; slots below sp are valid.
    unsafe {
        for s in [(*f).func, (*f).code] {
            let r = visit_slot(s, v);
            if r != 0 {
                return r;
            }
        }
        for p in [(*f).locals, (*f).frame_obj.cast()] {
            let r = v.visit_ptr(p);
            if r != 0 {
                return r;
            }
        }
        let mut p = InterpFrame::localsplus(f);
        while p < (*f).sp {
            let r = visit_slot(*p, v);
            if r != 0 {
                return r;
            }
            p = p.add(1);
        }
    }
    0
}

/// Reports the object of a slot.
pub fn visit_slot(s: Slot, v: &mut crate::mem::Visitor) -> c_int {
    if s.is_counted() {
        v.visit_ptr(s.ptr())
    } else if s.is_borrowed() {
        v.visit_borrowed(s.ptr())
    } else {
        0
    }
}

pub(super) fn dealloc(g: &Generator) {
    let p = g.as_ptr();
    // SAFETY: the object is dying; the finalizer may bring it back.
    unsafe {
        if g.state.load(Acquire) < gen_state::COMPLETED && crate::interp::pending::finalize_from_dealloc(p) {
            return;
        }
        crate::mem::gc::untrack(g);
        if !g.weakreflist.is_null() {
            crate::interp::pending::clear_weakrefs(g);
        }
        if g.state.load(Acquire) < gen_state::COMPLETED {
            g.state.store(gen_state::COMPLETED, Release);
        }
        genops::clear_generator_frame(g);
        let f = (&raw const g.frame).cast_mut();
        let c = core::mem::replace(&mut (*f).code, Slot::NULL);
        c.drop();
        for a in [&g.name, &g.qualname, &g.origin_or_finalizer] {
            drop(PyRef::from_ptr_opt(a.exchange(null_mut())));
        }
        free(p);
    }
}

/// Gives an object's memory back through its type.
pub unsafe fn free(p: *mut abi::PyObject) {
    // SAFETY: the caller's promise: dead, fields dropped.
    unsafe {
        if let Some(f) = Object::from_ptr(p).ty().slots().tp_free {
            f(p.cast());
        }
    }
}

pub(super) fn get_str(a: &AtomicPtr<abi::PyObject>, owner: &Object) -> PyResult<PyRef> {
    Ok(crate::interp::pending::load_ref(owner, a).unwrap_or_else(none_ref))
}

pub(super) fn set_str(a: &AtomicPtr<abi::PyObject>, v: Option<&Object>, what: &str) -> PyResult<()> {
    let Some(s) = v.and_then(|v| v.downcast::<Str>()) else {
        return Err(raise!(TypeError, "{} must be set to a string object", what));
    };
    let old = a.swap(s.to_ref().into_ptr(), AcqRel);
    // SAFETY: the field owned it; readers may still look at it.
    unsafe {
        if !old.is_null() {
            crate::mem::qsbr::decref_delayed(old);
        }
    }
    Ok(())
}

pub(super) fn frame_of(g: &Generator) -> PyResult<PyRef> {
    if g.state.load(Acquire) >= gen_state::COMPLETED {
        return Ok(none_ref());
    }
    Ok(InterpFrame::frame_object((&raw const g.frame).cast_mut())?.upcast())
}

pub(super) fn repr(g: &Generator, what: &str) -> PyResult<Ref<Str>> {
    let q = get_str(&g.qualname, g)?;
    Str::format(format_args!("<{} object {} at {:p}>", what, q.str()?.to_string_lossy(), g))
}

pub(super) fn sizeof(g: &Generator) -> usize {
    size_of::<Generator>() + 8 * g.ob_base.ob_size as usize
}

unsafe extern "C" fn am_send(me: *mut abi::PyObject, arg: *mut abi::PyObject, out: *mut *mut abi::PyObject) -> c_int {
    // SAFETY: the slot's contract.
    unsafe {
        match genops::resume(&*me.cast::<Generator>(), Object::from_ptr_opt(arg), false, false) {
            Sent::Yield(v) => {
                *out = v.into_ptr();
                1
            }
            Sent::Return(v) => {
                *out = v.into_ptr();
                0
            }
            Sent::Raised => {
                *out = null_mut();
                -1
            }
        }
    }
}

#[pyclass(name = "generator", type_object = PyGen_Type, flags = "HAVE_GC", itemsize = 8, weaklistoffset = offset_of!(Generator, weakreflist), slots(am_send = am_send))]
impl Generator {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        repr(self, "generator")
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        gen_next(self)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        traverse(self, v)
    }
    #[slot]
    fn tp_finalize(&self) {
        finalize(self);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        dealloc(unsafe { &*this });
    }
    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod]
    fn send(&self, value: &Object) -> PyResult<PyRef> {
        gen_send(self, value)
    }
    /// throw(value)
    /// throw(type[,value[,tb]])
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        throw_args(self, args)
    }
    /// close() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        gen_close(self)
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        sizeof(self)
    }
    #[pyclassmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::interp::generic_alias(cls, item)
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyResult<PyRef> {
        get_str(&self.name, self)
    }
    #[pysetter(name = "__name__")]
    fn set_name(&self, v: Option<&Object>) -> PyResult<()> {
        set_str(&self.name, v, "__name__")
    }
    #[pygetset(name = "__qualname__")]
    fn qualname(&self) -> PyResult<PyRef> {
        get_str(&self.qualname, self)
    }
    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, v: Option<&Object>) -> PyResult<()> {
        set_str(&self.qualname, v, "__qualname__")
    }
    #[pygetset]
    fn gi_yieldfrom(&self) -> PyResult<PyRef> {
        Ok(yield_from_target(self).unwrap_or_else(none_ref))
    }
    #[pygetset]
    fn gi_running(&self) -> bool {
        self.state.load(Acquire) == gen_state::EXECUTING
    }
    #[pygetset]
    fn gi_suspended(&self) -> bool {
        matches!(self.state.load(Acquire), gen_state::SUSPENDED | gen_state::SUSPENDED_YIELD_FROM)
    }
    #[pygetset]
    fn gi_frame(&self) -> PyResult<PyRef> {
        frame_of(self)
    }
    #[pygetset]
    fn gi_code(&self) -> PyRef {
        self.frame.code().to_ref()
    }
}

#[pyclass(name = "coroutine", type_object = PyCoro_Type, flags = "HAVE_GC", itemsize = 8, weaklistoffset = offset_of!(Generator, weakreflist), slots(am_send = am_send))]
impl Coroutine {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        repr(&self.0, "coroutine")
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        let w = crate::typeobject::alloc_object::<CoroWrapper>(CoroWrapper::type_object())?;
        w.coro.store(self.to_ref().into_ptr(), Release);
        crate::interp::pending::track(&w);
        Ok(w.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        traverse(&self.0, v)
    }
    #[slot]
    fn tp_finalize(&self) {
        finalize(&self.0);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        dealloc(unsafe { &(*this).0 });
    }
    /// send(arg) -> send 'arg' into coroutine,
    /// return next iterated value or raise StopIteration.
    #[pymethod]
    fn send(&self, value: &Object) -> PyResult<PyRef> {
        gen_send(&self.0, value)
    }
    /// throw(value)
    /// throw(type[,value[,traceback]])
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        throw_args(&self.0, args)
    }
    /// close() -> raise GeneratorExit inside coroutine.
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        gen_close(&self.0)
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        sizeof(&self.0)
    }
    #[pyclassmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::interp::generic_alias(cls, item)
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyResult<PyRef> {
        get_str(&self.0.name, self)
    }
    #[pysetter(name = "__name__")]
    fn set_name(&self, v: Option<&Object>) -> PyResult<()> {
        set_str(&self.0.name, v, "__name__")
    }
    #[pygetset(name = "__qualname__")]
    fn qualname(&self) -> PyResult<PyRef> {
        get_str(&self.0.qualname, self)
    }
    #[pysetter(name = "__qualname__")]
    fn set_qualname(&self, v: Option<&Object>) -> PyResult<()> {
        set_str(&self.0.qualname, v, "__qualname__")
    }
    #[pygetset]
    fn cr_await(&self) -> PyResult<PyRef> {
        Ok(yield_from_target(&self.0).unwrap_or_else(none_ref))
    }
    #[pygetset]
    fn cr_running(&self) -> bool {
        self.0.state.load(Acquire) == gen_state::EXECUTING
    }
    #[pygetset]
    fn cr_suspended(&self) -> bool {
        matches!(self.0.state.load(Acquire), gen_state::SUSPENDED | gen_state::SUSPENDED_YIELD_FROM)
    }
    #[pygetset]
    fn cr_frame(&self) -> PyResult<PyRef> {
        frame_of(&self.0)
    }
    #[pygetset]
    fn cr_code(&self) -> PyRef {
        self.0.frame.code().to_ref()
    }
    #[pygetset]
    fn cr_origin(&self) -> PyResult<PyRef> {
        get_str(&self.0.origin_or_finalizer, self)
    }
}

/// What `coroutine.__await__()` gives: an iterator over the coroutine.
#[repr(C)]
pub struct CoroWrapper {
    ob_base: abi::PyObject,
    coro: AtomicPtr<abi::PyObject>,
}
#[unsafe(no_mangle)]
pub static mut _PyCoroWrapper_Type: Type = Type::STATIC;
py_layout!(CoroWrapper, _PyCoroWrapper_Type);

impl CoroWrapper {
    fn target(&self) -> &Generator {
        // SAFETY: set at construction.
        unsafe { &*self.coro.load(Acquire).cast::<Generator>() }
    }
}

#[pyclass(name = "coroutine_wrapper", type_object = _PyCoroWrapper_Type, flags = "HAVE_GC")]
impl CoroWrapper {
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        gen_next(self.target())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.coro.load(Relaxed))
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).coro.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
    #[pymethod]
    fn send(&self, value: &Object) -> PyResult<PyRef> {
        gen_send(self.target(), value)
    }
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        throw_args(self.target(), args)
    }
    #[pymethod]
    fn close(&self) -> PyResult<PyRef> {
        gen_close(self.target())
    }
}

pub use super::asyncgen::{AnextAwaitable, AsyncGenASend, AsyncGenAThrow, wrap_async_value};
/// `frame.clear()` of a generator that has not started or has ended.
pub(super) fn gen_finalize_created(g: &Generator) {
    if g.state.load(Acquire) == gen_state::CREATED {
        finalize(g);
    }
}
