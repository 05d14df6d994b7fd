//! `asyncio.Future`, and the iterator that awaits it.

use super::{CANCELLED_ERROR, EXTRACT_STACK, FUTURE_REPR, INVALID_STATE_ERROR, event_loop};
use crate::kept::raise_made;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU8};
use macros::pyclass;
use runtime::objects::BaseException;
use runtime::objects::support::{Fields, Slot, alloc, begin_dealloc, clear, free_object, track, traverse};
use runtime::prelude::*;
use runtime::{fields, lock};

pub const PENDING: u8 = 0;
pub const CANCELLED: u8 = 1;
pub const FINISHED: u8 = 2;

#[repr(C)]
pub struct Future {
    header: abi::PyObject,
    pub event_loop: Slot,
    /// The first callback and its context; most futures have one.
    callback0: Slot,
    context0: Slot,
    /// Further callbacks: a list of pairs.
    callbacks: Slot,
    exception: Slot,
    exception_tb: Slot,
    result: Slot,
    pub source_tb: Slot,
    pub cancel_msg: Slot,
    pub cancelled_exc: Slot,
    /// The one who waits, or a set of them.
    awaited_by: Slot,
    dict: Slot,
    weakreflist: Slot,
    state: AtomicU8,
    pub log_tb: AtomicBool,
    pub blocking: AtomicBool,
}

impl Fields for Future {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        for s in [
            &self.event_loop,
            &self.callback0,
            &self.context0,
            &self.callbacks,
            &self.exception,
            &self.exception_tb,
            &self.result,
            &self.source_tb,
            &self.cancel_msg,
            &self.cancelled_exc,
            &self.awaited_by,
            &self.dict,
        ] {
            f(s);
        }
    }
    fn release(&self) {
        if !self.weakreflist.is_empty() {
            // SAFETY: the object is dying.
            unsafe { runtime::objects::weakref::clear_weakrefs(self.as_ptr()) };
        }
    }
}

/// `tp_dealloc` of futures and tasks: the finalizer first, which may keep the object.
/// # Safety
/// As the slot's contract.
pub unsafe extern "C" fn dealloc<T: Fields>(op: *mut abi::PyObject) {
    // SAFETY: a dying object.
    unsafe {
        if runtime::typeobject::subtype::call_finalizer_from_dealloc(op) {
            return;
        }
        begin_dealloc(op);
        let t = Object::from_ptr(op).cast::<T>();
        t.release();
        t.fields(&mut |s| drop(s.swap(None)));
        free_object(op);
    }
}

/// `loop.call_soon(f[, arg], context=ctx)`.
pub fn call_soon(event_loop: &Object, f: &Object, arg: Option<&Object>, context: &Object) -> PyResult<()> {
    let (method, unbound) = runtime::protocol::attr::get_method(event_loop, intern!("call_soon"))?;
    let names = Tuple::pack(&[intern!("context")])?;
    let mut buf: [&Object; 4] = [event_loop; 4];
    let mut n = unbound as usize;
    for x in [Some(f), arg, Some(context)].into_iter().flatten() {
        buf[n] = x;
        n += 1;
    }
    method.call_kw(&buf[..n], Some(&names)).map(drop)
}

impl Future {
    pub fn loop_of(&self) -> PyResult<PyRef> {
        self.event_loop.get(self).ok_or_else(|| raise!(RuntimeError, "Future object is not initialized."))
    }
    #[inline]
    pub fn state(&self) -> u8 {
        self.state.load(Acquire)
    }
    pub fn is_done(&self) -> bool {
        self.state() != PENDING
    }
    /// Whether a subclass cannot have changed what the methods do.
    #[inline]
    pub fn is_native(o: &Object) -> Option<&Future> {
        let t: &Object = o.ty();
        if t.is(Future::type_object()) || t.is(super::task::Task::type_object()) {
            // SAFETY: exact types.
            return Some(unsafe { o.cast::<Future>() });
        }
        None
    }

    pub fn setup(&self, event_loop_arg: Option<&Object>) -> PyResult<()> {
        let l = match event_loop_arg {
            Some(l) if !l.is_none() => l.to_ref(),
            _ => event_loop()?,
        };
        let debug = l.call_method(intern!("get_debug"), &[])?.is_true()?;
        let tb = if debug {
            // Shutting down, the module may be gone.
            Some(EXTRACT_STACK.attr_of("traceback", "extract_stack")?.call0()?)
        } else {
            None
        };
        let old = [
            self.event_loop.replace(self, Some(l)),
            self.callback0.replace(self, None),
            self.context0.replace(self, None),
            self.callbacks.replace(self, None),
            self.exception.replace(self, None),
            self.exception_tb.replace(self, None),
            self.result.replace(self, None),
            self.source_tb.replace(self, tb),
            self.cancel_msg.replace(self, None),
            self.cancelled_exc.replace(self, None),
        ];
        self.state.store(PENDING, Release);
        self.log_tb.store(false, Relaxed);
        self.blocking.store(false, Relaxed);
        drop(old);
        Ok(())
    }

    fn schedule_callbacks(&self) -> PyResult<()> {
        // Done futures take no more callbacks, so these are all.
        let (first, context, more) = {
            lock!(self);
            (self.callback0.swap(None), self.context0.swap(None), self.callbacks.swap(None))
        };
        if first.is_none() && more.is_none() {
            return Ok(());
        }
        let l = self.loop_of()?;
        if let Some(f) = first {
            let c = context.unwrap_or_else(none_ref);
            call_soon(&l, &f, Some(self), &c)?;
        }
        if let Some(list) = more {
            if let Some(list) = list.downcast::<List>() {
                for pair in list.snapshot() {
                    if let Some(t) = pair.downcast::<Tuple>() {
                        call_soon(&l, t.get(0), Some(self), t.get(1))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// From pending to a state; false when it is done already.
    fn finish(&self, state: u8, fill: impl FnOnce()) -> bool {
        lock!(self);
        if self.state() != PENDING {
            return false;
        }
        fill();
        self.state.store(state, Release);
        true
    }

    #[cold]
    fn invalid(&self, text: &str) -> Raised {
        INVALID_STATE_ERROR.raise(format_args!("{text}"))
    }

    pub fn put_result(&self, v: PyRef) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        let mut v = Some(v);
        if !self.finish(FINISHED, || drop(self.result.swap(v.take()))) {
            return Err(self.invalid("invalid state"));
        }
        self.schedule_callbacks()
    }

    pub fn put_exception(&self, exception: &Object) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        if self.is_done() {
            return Err(self.invalid("invalid state"));
        }
        let bad = || raise!(TypeError, "invalid exception object");
        let made = match exception.downcast::<Type>() {
            Some(t) if t.is_subtype(exc::BaseException()) => exception.call0()?,
            _ => exception.to_ref(),
        };
        let Ok(mut e) = made.downcast_into::<BaseException>() else { return Err(bad()) };
        if e.ty().is_subtype(exc::StopIteration()) {
            let text = Str::new("StopIteration interacts badly with generators and cannot be raised into a Future")?;
            let Ok(new) = (**exc::RuntimeError()).call1(&text)?.downcast_into::<BaseException>() else {
                return Err(bad());
            };
            new.set_context(Some(e.clone()));
            new.set_cause(Some(e));
            e = new;
        }
        let tb = e.traceback();
        let (mut e, mut tb) = (Some(e.upcast()), tb);
        let set = self.finish(FINISHED, || {
            drop((self.exception.swap(e.take()), self.exception_tb.swap(tb.take())));
        });
        if !set {
            return Err(self.invalid("invalid state"));
        }
        self.schedule_callbacks()?;
        self.log_tb.store(true, Relaxed);
        Ok(())
    }

    pub fn do_cancel(&self, msg: Option<PyRef>) -> PyResult<bool> {
        self.log_tb.store(false, Relaxed);
        let mut old = None;
        if !self.finish(CANCELLED, || old = self.cancel_msg.swap(msg)) {
            return Ok(false);
        }
        drop(old);
        self.schedule_callbacks()?;
        Ok(true)
    }

    /// The CancelledError of a cancelled future.
    pub fn cancelled_error(&self) -> PyResult<Ref<BaseException>> {
        let saved = self.cancelled_exc.replace(self, None);
        let made = match saved {
            Some(e) => e,
            None => match self.cancel_msg.get(self) {
                Some(m) if !m.is_none() => CANCELLED_ERROR.get()?.call1(&m)?,
                _ => CANCELLED_ERROR.get()?.call0()?,
            },
        };
        made.downcast_into::<BaseException>().map_err(|_| raise!(TypeError, "CancelledError is no exception"))
    }

    /// The result, or the exception (with its traceback put back).
    pub fn outcome(&self) -> PyResult<Result<PyRef, Ref<BaseException>>> {
        match self.state() {
            CANCELLED => return Ok(Err(self.cancelled_error()?)),
            PENDING => return Err(self.invalid("Result is not set.")),
            _ => {}
        }
        self.log_tb.store(false, Relaxed);
        if let Some(e) = self.exception.get(self) {
            // SAFETY: the slot holds exceptions only.
            let e: Ref<BaseException> = unsafe { e.cast_into() };
            let tb = self.exception_tb.replace(self, None);
            e.set_traceback(tb);
            return Ok(Err(e));
        }
        Ok(Ok(self.result.get(self).unwrap_or_else(none_ref)))
    }
    pub fn value(&self) -> PyResult<PyRef> {
        match self.outcome()? {
            Ok(v) => Ok(v),
            Err(e) => Err(runtime::error::raise_exception(e)),
        }
    }

    /// Adds a callback to a pending future, or schedules it.
    pub fn add_callback(&self, f: &Object, context: &Object) -> PyResult<()> {
        {
            lock!(self);
            if self.state() == PENDING && self.callback0.is_empty() && self.callbacks.is_empty() {
                self.callback0.init(f.to_ref());
                self.context0.init(context.to_ref());
                return Ok(());
            }
        }
        if self.state() == PENDING {
            let pair = Tuple::pack(&[f, context])?;
            let mut fresh = Some(List::new()?.upcast());
            let list = {
                lock!(self);
                if self.state() == PENDING {
                    if self.callbacks.is_empty() {
                        drop(self.callbacks.swap(fresh.take()));
                    }
                    let p = self.callbacks.ptr();
                    // SAFETY: the lock keeps the slot's reference.
                    Some(unsafe { Object::from_ptr(p) }.to_ref())
                } else {
                    None
                }
            };
            if let Some(l) = list {
                return match l.downcast::<List>() {
                    Some(l) => l.append(&pair),
                    None => Ok(()),
                };
            }
        }
        call_soon(&*self.loop_of()?, f, Some(self), context)
    }

    pub fn add_awaited_by(&self, waiter: &Object) -> PyResult<()> {
        {
            lock!(self);
            if self.awaited_by.is_empty() {
                self.awaited_by.init(waiter.to_ref());
                return Ok(());
            }
        }
        let Some(set) = self.awaited_by.get(self) else { return Ok(()) };
        if set.is(waiter) {
            return Ok(());
        }
        if let Some(s) = set.downcast_exact::<Set>() {
            return s.add(waiter);
        }
        // Hashing may run code: the set is made without the lock and put in place if nothing changed.
        let s = Set::new()?;
        s.add(&set)?;
        s.add(waiter)?;
        let old = {
            lock!(self);
            self.awaited_by.swap(Some(s.upcast()))
        };
        drop(old);
        Ok(())
    }
    pub fn discard_awaited_by(&self, waiter: &Object) -> PyResult<()> {
        let Some(there) = self.awaited_by.get(self) else { return Ok(()) };
        if let Some(s) = there.downcast_exact::<Set>() {
            return s.discard(waiter).map(drop);
        }
        if there.is(waiter) {
            drop(self.awaited_by.replace(self, None));
        }
        Ok(())
    }

    /// Tells the loop's exception handler.
    pub fn report(&self, entries: &[(&'static Str, &Object)]) -> PyResult<()> {
        let context = Dict::new()?;
        for (k, v) in entries {
            context.set(k, v)?;
        }
        if let Some(tb) = self.source_tb.get(self) {
            context.set(intern!("source_traceback"), &tb)?;
        }
        let Some(l) = self.event_loop.get(self) else { return Ok(()) };
        let handler = l.getattr(intern!("call_exception_handler"))?;
        if let Err(e) = handler.call1(&context) {
            let _ = e;
            runtime::error::write_unraisable(Some(&handler));
        }
        Ok(())
    }
    pub fn finalize(&self) {
        if !self.log_tb.swap(false, Relaxed) {
            return;
        }
        let Some(e) = self.exception.get(self) else { return };
        let saved = runtime::error::take_error();
        let r = (|| {
            let text = Str::format(format_args!("{} exception was never retrieved", self.ty().name_str()))?;
            self.report(&[(intern!("message"), &text), (intern!("exception"), &e), (intern!("future"), self)])
        })();
        if let Err(e) = r {
            let _ = e;
            runtime::error::write_unraisable(Some(self));
        }
        if let Some(s) = saved {
            let _ = runtime::error::restore(s);
        }
    }
    pub fn make_iter(&self) -> PyResult<PyRef> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        let it = alloc::<FutureIter>(FutureIter::type_object())?;
        it.future.init(self.to_ref());
        Ok(track(it).upcast())
    }
}

/// Future(*, loop=None)
/// --
///
/// This class is *almost* compatible with concurrent.futures.Future.
///
///     Differences:
///
///     - result() and exception() do not take a timeout argument and
///       raise an exception when the future isn't done yet.
///
///     - Callbacks registered with add_done_callback() are always called
///       via the event loop's call_soon_threadsafe().
///
///     - This class is not compatible with the wait() and as_completed()
///       methods in the concurrent.futures package.
#[pyclass(
    name = "Future",
    module = "_asyncio",
    flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE",
    dictoffset = offset_of!(Future, dict),
    weaklistoffset = offset_of!(Future, weakreflist),
    slots(tp_traverse = traverse::<Future>, tp_clear = clear::<Future>, tp_dealloc = dealloc::<Future>)
)]
impl Future {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(track(alloc::<Future>(cls)?).upcast())
    }
    #[slot(sig = "*, loop=None")]
    fn tp_init(&self, r#loop: Option<&Object>) -> PyResult<()> {
        self.setup(r#loop)
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<PyRef> {
        FUTURE_REPR.attr_of("asyncio.base_futures", "_future_repr")?.call1(self)
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.make_iter()
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        self.make_iter()
    }
    #[slot]
    fn tp_finalize(&self) {
        self.finalize();
    }
    /// Return the result this future represents.
    ///
    /// If the future has been cancelled, raises CancelledError.  If the
    /// future's result isn't yet available, raises InvalidStateError.  If
    /// the future is done and has an exception set, this exception is raised.
    #[pymethod]
    fn result(&self) -> PyResult<PyRef> {
        if self.event_loop.is_empty() {
            return Err(self.invalid("Future object is not initialized."));
        }
        self.value()
    }
    /// Return the exception that was set on this future.
    ///
    /// The exception (or None if no exception was set) is returned only if
    /// the future is done.  If the future has been cancelled, raises
    /// CancelledError.  If the future isn't done yet, raises
    /// InvalidStateError.
    #[pymethod]
    fn exception(&self) -> PyResult<PyRef> {
        if self.event_loop.is_empty() {
            return Err(self.invalid("Future object is not initialized."));
        }
        match self.state() {
            CANCELLED => Err(runtime::error::raise_exception(self.cancelled_error()?)),
            PENDING => Err(self.invalid("Exception is not set.")),
            _ => {
                self.log_tb.store(false, Relaxed);
                Ok(self.exception.get(self).unwrap_or_else(none_ref))
            }
        }
    }
    /// Mark the future done and set its result.
    ///
    /// If the future is already done when this method is called, raises
    /// InvalidStateError.
    #[pymethod(sig = "result, /")]
    fn set_result(&self, result: &Object) -> PyResult<()> {
        self.put_result(result.to_ref())
    }
    /// Mark the future done and set an exception.
    ///
    /// If the future is already done when this method is called, raises
    /// InvalidStateError.
    #[pymethod(sig = "exception, /")]
    fn set_exception(&self, exception: &Object) -> PyResult<()> {
        self.put_exception(exception)
    }
    /// Add a callback to be run when the future becomes done.
    ///
    /// The callback is called with a single argument - the future object. If
    /// the future is already done when this is called, the callback is
    /// scheduled with call_soon.
    #[pymethod(sig = "fn, /, *, context=<unrepresentable>")]
    fn add_done_callback(&self, r#fn: &Object, context: Option<&Object>) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        match context {
            Some(c) => self.add_callback(r#fn, c),
            None => self.add_callback(r#fn, &*runtime::objects::context::copy_current()?),
        }
    }
    /// Remove all instances of a callback from the "call when done" list.
    ///
    /// Returns the number of callbacks removed.
    #[pymethod(sig = "fn, /")]
    fn remove_done_callback(&self, r#fn: &Object) -> PyResult<usize> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        let mut removed = 0;
        if let Some(f) = self.callback0.get(self) {
            if r#fn.eq(&f)? {
                removed += 1;
                let old = {
                    lock!(self);
                    if self.callback0.ptr() == f.as_ptr() {
                        (self.callback0.swap(None), self.context0.swap(None))
                    } else {
                        (None, None)
                    }
                };
                drop(old);
            }
        }
        let Some(list) = self.callbacks.get(self) else { return Ok(removed) };
        let Some(l) = list.downcast::<List>() else { return Ok(removed) };
        let mut kept = Vec::new();
        let mut i = 0;
        while let Some(pair) = l.get(i) {
            i += 1;
            let same = match pair.downcast::<Tuple>() {
                Some(t) => t.get(0).eq(r#fn)?,
                None => false,
            };
            if same {
                removed += 1;
            } else {
                kept.push(pair);
            }
        }
        let new = if kept.is_empty() { None } else { Some(List::from_vec(kept)?.upcast()) };
        // The list may have been handed out for scheduling meanwhile.
        let old = {
            lock!(self);
            if self.callbacks.is_empty() { None } else { self.callbacks.swap(new) }
        };
        drop(old);
        Ok(removed)
    }
    /// Cancel the future and schedule callbacks.
    ///
    /// If the future is already done or cancelled, return False.  Otherwise,
    /// change the future's state to cancelled, schedule the callbacks and
    /// return True.
    #[pymethod(sig = "msg=None")]
    fn cancel(&self, msg: Option<&Object>) -> PyResult<bool> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        self.do_cancel(msg.map(|m| m.to_ref()))
    }
    /// Return True if the future was cancelled.
    #[pymethod]
    fn cancelled(&self) -> bool {
        self.state() == CANCELLED
    }
    /// Return True if the future is done.
    ///
    /// Done means either that a result / exception are available, or that the
    /// future was cancelled.
    #[pymethod]
    fn done(&self) -> bool {
        !self.event_loop.is_empty() && self.is_done()
    }
    /// Return the event loop the Future is bound to.
    #[pymethod]
    fn get_loop(&self) -> PyResult<PyRef> {
        self.loop_of()
    }
    /// Create the CancelledError to raise if the Future is cancelled.
    ///
    /// This should only be called once when handling a cancellation since
    /// it erases the context exception value.
    #[pymethod]
    fn _make_cancelled_error(&self) -> PyResult<Ref<BaseException>> {
        self.cancelled_error()
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, object: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, object)
    }
    #[pygetset]
    fn _state(&self) -> &'static str {
        match self.state() {
            PENDING => "PENDING",
            CANCELLED => "CANCELLED",
            _ => "FINISHED",
        }
    }
    #[pygetset]
    fn _asyncio_future_blocking(&self) -> bool {
        !self.event_loop.is_empty() && self.blocking.load(Relaxed)
    }
    #[pysetter]
    fn set__asyncio_future_blocking(&self, v: Option<&Object>) -> PyResult<()> {
        if self.event_loop.is_empty() {
            return Err(raise!(RuntimeError, "Future object is not initialized."));
        }
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        self.blocking.store(v.is_true()?, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn _loop(&self) -> PyRef {
        self.event_loop.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn _callbacks(&self) -> PyResult<PyRef> {
        let mut out: Vec<PyRef> = Vec::new();
        if let Some(f) = self.callback0.get(self) {
            let c = self.context0.get(self).unwrap_or_else(none_ref);
            out.push(Tuple::from_refs(vec![f, c])?.upcast());
        }
        if let Some(l) = self.callbacks.get(self) {
            if let Some(l) = l.downcast::<List>() {
                out.extend(l.snapshot());
            }
        }
        if out.is_empty() {
            return Ok(none_ref());
        }
        Ok(List::from_vec(out)?.upcast())
    }
    #[pygetset]
    fn _result(&self) -> PyRef {
        self.result.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn _exception(&self) -> PyRef {
        self.exception.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn _log_traceback(&self) -> bool {
        self.log_tb.load(Relaxed)
    }
    #[pysetter]
    fn set__log_traceback(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        if v.is_true()? {
            return Err(raise!(ValueError, "_log_traceback can only be set to False"));
        }
        self.log_tb.store(false, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn _source_traceback(&self) -> PyRef {
        self.source_tb.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn _cancel_message(&self) -> PyRef {
        self.cancel_msg.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set__cancel_message(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        drop(self.cancel_msg.replace(self, Some(v.to_ref())));
        Ok(())
    }
    #[pygetset]
    fn _asyncio_awaited_by(&self) -> PyResult<PyRef> {
        let Some(there) = self.awaited_by.get(self) else { return Ok(none_ref()) };
        let items: Vec<PyRef> = match there.downcast_exact::<Set>() {
            Some(s) => s.snapshot(),
            None => vec![there],
        };
        Ok(FrozenSet::new(runtime::objects::support::as_objects(&items))?.upcast())
    }
}

// ---------------------------------------------------------------------------------------------- FutureIter

/// What `await future` goes through.
#[repr(C)]
pub struct FutureIter {
    header: abi::PyObject,
    future: Slot,
}
fields!(FutureIter: future);

enum Step {
    Yield(PyRef),
    Return(PyRef),
}

impl FutureIter {
    fn step(&self) -> PyResult<Option<Step>> {
        let Some(f) = self.future.get(self) else { return Ok(None) };
        // SAFETY: the slot holds futures only.
        let fut = unsafe { f.cast::<Future>() };
        if fut.state() == PENDING {
            if !fut.blocking.load(Relaxed) {
                fut.blocking.store(true, Relaxed);
                return Ok(Some(Step::Yield(f)));
            }
            return Err(raise!(RuntimeError, "await wasn't used with future"));
        }
        drop(self.future.replace(self, None));
        Ok(Some(Step::Return(fut.value()?)))
    }
}

unsafe extern "C" fn iter_send(
    me: *mut abi::PyObject,
    _arg: *mut abi::PyObject,
    out: *mut *mut abi::PyObject,
) -> c_int {
    let mut code = -1;
    let p = runtime::convert::guard_object(|| {
        // SAFETY: the slot's contract.
        let it = unsafe { Object::from_ptr(me).cast::<FutureIter>() };
        Ok(match it.step()? {
            Some(Step::Yield(v)) => {
                code = 1;
                v
            }
            Some(Step::Return(v)) => {
                code = 0;
                v
            }
            None => {
                code = 0;
                none_ref()
            }
        })
    });
    // SAFETY: the slot's contract.
    unsafe { *out = p };
    if p.is_null() { -1 } else { code }
}

#[pyclass(
    name = "FutureIter",
    module = "_asyncio",
    flags = "HAVE_GC|DISALLOW_INSTANTIATION|IMMUTABLETYPE",
    slots(
        tp_traverse = traverse::<FutureIter>,
        tp_clear = clear::<FutureIter>,
        tp_dealloc = runtime::objects::support::dealloc::<FutureIter>,
        am_send = iter_send
    )
)]
impl FutureIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        match self.step()? {
            Some(Step::Yield(v)) => Ok(Some(v)),
            Some(Step::Return(v)) if v.is_none() => Ok(None),
            Some(Step::Return(v)) => Err(runtime::error::raise_stop_iteration(Some(&v))),
            None => Ok(None),
        }
    }
    #[pymethod(sig = "value, /")]
    fn send(&self, _value: &Object) -> PyResult<PyRef> {
        match self.step()? {
            Some(Step::Yield(v)) => Ok(v),
            Some(Step::Return(v)) => Err(runtime::error::raise_stop_iteration(Some(&v))),
            None => Err(runtime::error::raise_stop_iteration(None)),
        }
    }
    #[pymethod(raw)]
    fn throw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("throw")?;
        args.check_positional("throw", 1, 3)?;
        if args.len() > 1 {
            runtime::error::warn(
                exc::DeprecationWarning(),
                "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
                1,
            )?;
        }
        let some = |i: usize| args.get(i).filter(|o| !o.is_none());
        let (mut ty, mut val, tb) = (args.args[0], some(1), some(2));
        if let Some(tb) = tb {
            if tb.downcast::<runtime::objects::Traceback>().is_none() {
                return Err(raise!(TypeError, "throw() third argument must be a traceback"));
            }
        }
        drop(self.future.replace(self, None));
        let made;
        if ty.downcast::<BaseException>().is_some() {
            if val.is_some() {
                return Err(raise!(TypeError, "instance exception may not have a separate value"));
            }
            val = Some(ty);
            ty = ty.ty();
        }
        let is_class = ty.downcast::<Type>().is_some_and(|t| t.is_subtype(exc::BaseException()));
        if !is_class {
            return Err(raise!(
                TypeError,
                "exceptions must be classes deriving BaseException or instances of such a class"
            ));
        }
        made = match val {
            Some(v) if v.downcast::<BaseException>().is_some() => v.to_ref(),
            Some(v) => ty.call1(v)?,
            None => ty.call0()?,
        };
        if let (Some(tb), Some(e)) = (tb, made.downcast::<BaseException>()) {
            e.set_traceback(Some(tb.to_ref()));
        }
        Err(raise_made(Ok(made)))
    }
    #[pymethod]
    fn close(&self) {
        drop(self.future.replace(self, None));
    }
}
