//! `asyncio.Task`: a coroutine driven by an event loop.

use super::future::{Future, call_soon, dealloc};
use super::{
    CANCELLED_ERROR, EAGER_TASKS, GET_STACK, INVALID_STATE_ERROR, ISCOROUTINE, PRINT_STACK, TASK_REPR, enter, leave,
    list, swap_current, unlist,
};
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize};
use macros::pyclass;
use runtime::fields;
use runtime::interp::genops::{Sent, send_to};
use runtime::objects::BaseException;
use runtime::objects::support::{Fields, Slot, alloc, clear, track, traverse};
use runtime::prelude::*;

/// Numbers of tasks without a name of their own.
static NEXT_NAME: AtomicU64 = AtomicU64::new(1);

#[repr(C)]
pub struct Task {
    pub fut: Future,
    waiter: Slot,
    coro: Slot,
    name: Slot,
    context: Slot,
    number: AtomicU64,
    cancels: AtomicIsize,
    must_cancel: AtomicBool,
    log_destroy: AtomicBool,
    /// The shard of the list that holds the task, plus one; zero when none does.
    pub listed: AtomicUsize,
    pub place: AtomicUsize,
}

impl Fields for Task {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.fut.fields(f);
        for s in [&self.waiter, &self.coro, &self.name, &self.context] {
            f(s);
        }
    }
    fn release(&self) {
        unlist(self);
        self.fut.release();
    }
}

impl Task {
    fn context_of(&self) -> PyRef {
        self.context.get(self).unwrap_or_else(none_ref)
    }

    fn call_step_soon(&self, arg: Option<PyRef>) -> PyResult<()> {
        let s = alloc::<TaskStep>(TaskStep::type_object())?;
        s.task.init(self.to_ref());
        if let Some(a) = arg {
            s.arg.init(a);
        }
        // SAFETY: a new object.
        unsafe { (&raw mut (*s.as_raw()).vectorcall).write(Some(step_vectorcall)) };
        call_soon(&*self.fut.loop_of()?, &track(s), None, &self.context_of())
    }

    /// Has the next step throw a RuntimeError into the coroutine.
    #[cold]
    fn error_soon(&self, text: String) -> PyResult<()> {
        let e = (**exc::RuntimeError()).call1(&*Str::new(&text)?)?;
        self.call_step_soon(Some(e))
    }

    fn done_hook(&self) {
        unlist(self);
    }

    /// One step of the coroutine: as the current task of the loop.
    fn step(&self, exception: Option<Ref<BaseException>>) -> PyResult<()> {
        let l = self.fut.loop_of()?;
        enter(&l, self)?;
        let r = self.run(exception);
        match r {
            Ok(()) => leave(&l, self),
            Err(e) => {
                let saved = e.take();
                if let Err(e) = leave(&l, self) {
                    e.clear();
                }
                Err(runtime::error::restore(saved))
            }
        }
    }

    fn run(&self, mut exception: Option<Ref<BaseException>>) -> PyResult<()> {
        if self.fut.is_done() {
            let shown = match &exception {
                Some(e) => e.repr()?.to_string_lossy().into_owned(),
                None => String::new(),
            };
            return Err(INVALID_STATE_ERROR.raise(format_args!(
                "__step(): already done: {} {}",
                self.repr()?.to_string_lossy(),
                shown
            )));
        }
        if self.must_cancel.load(Relaxed) {
            let is_cancel = match &exception {
                Some(e) => e.isinstance(CANCELLED_ERROR.get()?)?,
                None => false,
            };
            if !is_cancel {
                exception = Some(self.fut.cancelled_error()?);
            }
            self.must_cancel.store(false, Relaxed);
        }
        drop(self.waiter.replace(self, None));
        let Some(coro) = self.coro.get(self) else {
            return Err(raise!(RuntimeError, "uninitialized Task object"));
        };
        let sent = match exception {
            None => send_to(&coro, none()),
            Some(e) => match coro.call_method(intern!("throw"), &[&e]) {
                Ok(v) => Sent::Yield(v),
                Err(e) if e.matches(exc::StopIteration()) => {
                    let _ = e;
                    match runtime::objects::r#gen::fetch_stop_iteration_value() {
                        Ok(v) => Sent::Return(v),
                        Err(_) => Sent::Raised,
                    }
                }
                Err(e) => {
                    let _ = e;
                    Sent::Raised
                }
            },
        };
        drop(coro);
        match sent {
            Sent::Yield(v) => self.yielded(v),
            Sent::Return(v) => {
                let r = if self.must_cancel.swap(false, Relaxed) {
                    // Cancelled just before the coroutine came to its end.
                    let msg = self.fut.cancel_msg.get(self);
                    self.fut.do_cancel(msg).map(drop)
                } else {
                    self.fut.put_result(v)
                };
                self.done_hook();
                r
            }
            Sent::Raised => {
                let Some(e) = runtime::error::take_error() else {
                    return Err(raise!(SystemError, "a coroutine failed without an exception"));
                };
                if e.isinstance(CANCELLED_ERROR.get()?)? {
                    drop(self.fut.cancelled_exc.replace(self, Some(e.upcast())));
                    let r = self.fut.do_cancel(None).map(drop);
                    self.done_hook();
                    return r;
                }
                let r = self.fut.put_exception(&e);
                self.done_hook();
                r?;
                if e.ty().is_subtype(exc::SystemExit()) || e.ty().is_subtype(exc::KeyboardInterrupt()) {
                    return Err(runtime::error::restore(e));
                }
                Ok(())
            }
        }
    }

    /// What the coroutine yielded says what it waits for.
    fn yielded(&self, v: PyRef) -> PyResult<()> {
        let shown = |o: &Object| o.repr().map(|r| r.to_string_lossy().into_owned());
        if v.is(self) {
            return self.error_soon(format!("Task cannot await on itself: {}", shown(self)?));
        }
        if let Some(f) = Future::is_native(&v) {
            if f.event_loop.ptr() != self.fut.event_loop.ptr() {
                return self.error_soon(format!(
                    "Task {} got Future {} attached to a different loop",
                    shown(self)?,
                    shown(&v)?
                ));
            }
            if !f.blocking.load(Relaxed) {
                return self.error_soon(format!(
                    "yield was used instead of yield from in task {} with {}",
                    shown(self)?,
                    shown(&v)?
                ));
            }
            f.add_awaited_by(self)?;
            f.blocking.store(false, Relaxed);
            let wakeup = self.make_wakeup()?;
            f.add_callback(&wakeup, &self.context_of())?;
            drop(self.waiter.replace(self, Some(v.clone())));
            if self.must_cancel.load(Relaxed) {
                let msg = self.fut.cancel_msg.get(self).unwrap_or_else(none_ref);
                if cancel_with(&v, &msg)? {
                    self.must_cancel.store(false, Relaxed);
                }
            }
            return Ok(());
        }
        if v.is_none() {
            // A bare yield gives the loop one turn.
            return self.call_step_soon(None);
        }
        if let Some(b) = v.getattr_opt(intern!("_asyncio_future_blocking"))?.filter(|b| !b.is_none()) {
            let l = match v.getattr_opt(intern!("get_loop"))? {
                Some(f) => f.call0()?,
                None => v.getattr(intern!("_loop"))?,
            };
            if l.as_ptr() != self.fut.event_loop.ptr() {
                return self.error_soon(format!(
                    "Task {} got Future {} attached to a different loop",
                    shown(self)?,
                    shown(&v)?
                ));
            }
            if !b.is_true()? {
                return self.error_soon(format!(
                    "yield was used instead of yield from in task {} with {}",
                    shown(self)?,
                    shown(&v)?
                ));
            }
            if let Some(f) = v.downcast::<Future>() {
                f.add_awaited_by(self)?;
            }
            v.setattr(intern!("_asyncio_future_blocking"), false_())?;
            let wakeup = self.make_wakeup()?;
            let names = Tuple::pack(&[intern!("context")])?;
            v.getattr(intern!("add_done_callback"))?.call_kw(&[&wakeup, &self.context_of()], Some(&names))?;
            drop(self.waiter.replace(self, Some(v.clone())));
            if self.must_cancel.load(Relaxed) {
                let msg = self.fut.cancel_msg.get(self).unwrap_or_else(none_ref);
                if cancel_with(&v, &msg)? {
                    self.must_cancel.store(false, Relaxed);
                }
            }
            return Ok(());
        }
        if v.downcast_exact::<runtime::objects::Generator>().is_some() {
            return self.error_soon(format!(
                "yield was used instead of yield from for generator in task {} with {}",
                shown(self)?,
                shown(&v)?
            ));
        }
        self.error_soon(format!("Task got bad yield: {}", shown(&v)?))
    }

    fn make_wakeup(&self) -> PyResult<PyRef> {
        let w = alloc::<TaskWakeup>(TaskWakeup::type_object())?;
        w.task.init(self.to_ref());
        // SAFETY: a new object.
        unsafe { (&raw mut (*w.as_raw()).vectorcall).write(Some(wakeup_vectorcall)) };
        Ok(track(w).upcast())
    }

    /// What the task waited for is done.
    fn wake(&self, fut: &Object) -> PyResult<()> {
        if let Some(f) = fut.downcast::<Future>() {
            f.discard_awaited_by(self)?;
        }
        if let Some(f) = Future::is_native(fut) {
            return match f.outcome()? {
                Ok(_) => self.step(None),
                Err(e) => self.step(Some(e)),
            };
        }
        match fut.call_method(intern!("result"), &[]) {
            Ok(_) => self.step(None),
            Err(e) => {
                let e = e.take();
                self.step(Some(e))
            }
        }
    }

    fn start_eagerly(&self) -> PyResult<()> {
        let l = self.fut.loop_of()?;
        let previous = swap_current(&l, self)?;
        let r = (|| {
            EAGER_TASKS.get()?.call_method(intern!("add"), &[self])?;
            let ctx = self.context_of();
            let entered = match ctx.downcast::<runtime::objects::context::Context>() {
                Some(c) => c.enter().map(|()| c),
                None => Err(raise!(TypeError, "an instance of Context was expected")),
            };
            let r = match entered {
                Ok(c) => {
                    let r = self.run(None);
                    match r {
                        Ok(()) => c.exit(),
                        Err(e) => {
                            let saved = e.take();
                            if let Err(e) = c.exit() {
                                e.clear();
                            }
                            Err(runtime::error::restore(saved))
                        }
                    }
                }
                Err(e) => Err(e),
            };
            let saved = r.map_err(|e| e.take());
            EAGER_TASKS.get()?.call_method(intern!("discard"), &[self])?;
            saved.map_err(runtime::error::restore)
        })();
        let saved = r.map_err(|e| e.take());
        let back = swap_current(&l, &previous);
        if self.fut.is_done() {
            drop(self.coro.replace(self, None));
        } else {
            list(self);
        }
        saved.map_err(runtime::error::restore)?;
        back.map(drop)
    }
}

/// `future.cancel(msg=msg)`.
fn cancel_with(f: &Object, msg: &Object) -> PyResult<bool> {
    let names = Tuple::pack(&[intern!("msg")])?;
    f.getattr(intern!("cancel"))?.call_kw(&[msg], Some(&names))?.is_true()
}

fn is_coroutine(o: &Object) -> PyResult<bool> {
    let t: &Object = o.ty();
    if t.is(runtime::objects::Coroutine::type_object()) {
        return Ok(true);
    }
    ISCOROUTINE.attr_of("asyncio.coroutines", "iscoroutine")?.call1(o)?.is_true()
}

/// Task(coro, *, loop=None, name=None, context=None, eager_start=False)
/// --
///
/// A coroutine wrapped in a Future.
#[pyclass(
    name = "Task",
    module = "_asyncio",
    base = Future,
    flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE",
    slots(tp_traverse = traverse::<Task>, tp_clear = clear::<Task>, tp_dealloc = dealloc::<Task>)
)]
impl Task {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(track(alloc::<Task>(cls)?).upcast())
    }
    #[slot(sig = "coro, *, loop=None, name=None, context=None, eager_start=False")]
    fn tp_init(
        &self,
        coro: &Object,
        r#loop: Option<&Object>,
        name: Option<&Object>,
        context: Option<&Object>,
        eager_start: Arg<bool>,
    ) -> PyResult<()> {
        self.fut.setup(r#loop)?;
        if !is_coroutine(coro)? {
            self.log_destroy.store(false, Relaxed);
            return Err(raise!(TypeError, "a coroutine was expected, got {}", coro.repr()?.to_string_lossy()));
        }
        let ctx: PyRef = match context {
            Some(c) => c.to_ref(),
            None => runtime::objects::context::copy_current()?.upcast(),
        };
        let name: Option<PyRef> = match name {
            None => {
                self.number.store(NEXT_NAME.fetch_add(1, Relaxed), Relaxed);
                None
            }
            Some(n) if n.downcast_exact::<Str>().is_some() => Some(n.to_ref()),
            Some(n) => Some(n.str()?.upcast()),
        };
        let old = [
            self.waiter.replace(self, None),
            self.coro.replace(self, Some(coro.to_ref())),
            self.name.replace(self, name),
            self.context.replace(self, Some(ctx)),
        ];
        drop(old);
        self.must_cancel.store(false, Relaxed);
        self.log_destroy.store(true, Relaxed);
        self.cancels.store(0, Relaxed);
        if eager_start.unwrap_or(false) && self.fut.loop_of()?.call_method(intern!("is_running"), &[])?.is_true()? {
            return self.start_eagerly();
        }
        self.call_step_soon(None)?;
        list(self);
        Ok(())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<PyRef> {
        TASK_REPR.attr_of("asyncio.base_tasks", "_task_repr")?.call1(self)
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.fut.make_iter()
    }
    #[slot]
    fn am_await(&self) -> PyResult<PyRef> {
        self.fut.make_iter()
    }
    #[slot]
    fn tp_finalize(&self) {
        if !self.fut.is_done() && self.log_destroy.load(Relaxed) && !self.fut.event_loop.is_empty() {
            let saved = runtime::error::take_error();
            let r = Str::new("Task was destroyed but it is pending!")
                .and_then(|text| self.fut.report(&[(intern!("task"), self), (intern!("message"), &text)]));
            if let Err(e) = r {
                let _ = e;
                runtime::error::write_unraisable(Some(self));
            }
            if let Some(s) = saved {
                let _ = runtime::error::restore(s);
            }
        }
        self.fut.finalize();
    }
    /// Mark the future done and set its result.
    #[pymethod(sig = "result, /")]
    fn set_result(&self, _result: &Object) -> PyResult<()> {
        Err(raise!(RuntimeError, "Task does not support set_result operation"))
    }
    /// Mark the future done and set an exception.
    #[pymethod(sig = "exception, /")]
    fn set_exception(&self, _exception: &Object) -> PyResult<()> {
        Err(raise!(RuntimeError, "Task does not support set_exception operation"))
    }
    /// Request that this task cancel itself.
    ///
    /// This arranges for a CancelledError to be thrown into the
    /// wrapped coroutine on the next cycle through the event loop.
    /// The coroutine then has a chance to clean up or even deny
    /// the request using try/except/finally.
    ///
    /// Unlike Future.cancel, this does not guarantee that the
    /// task will be cancelled: the exception might be caught and
    /// acted upon, delaying cancellation of the task or preventing
    /// cancellation completely.  The task may also return a value or
    /// raise a different exception.
    ///
    /// Immediately after this method is called, Task.cancelled() will
    /// not return True (unless the task was already cancelled).  A
    /// task will be marked as cancelled when the wrapped coroutine
    /// terminates with a CancelledError exception (even if cancel()
    /// was not called).
    ///
    /// This also increases the task's count of cancellation requests.
    #[pymethod(sig = "msg=None")]
    fn cancel(&self, msg: Option<&Object>) -> PyResult<bool> {
        self.fut.log_tb.store(false, Relaxed);
        if self.fut.is_done() {
            return Ok(false);
        }
        self.cancels.fetch_add(1, Relaxed);
        if let Some(w) = self.waiter.get(self) {
            if cancel_with(&w, msg.unwrap_or(none()))? {
                return Ok(true);
            }
        }
        self.must_cancel.store(true, Relaxed);
        drop(self.fut.cancel_msg.replace(self, msg.map(|m| m.to_ref())));
        Ok(true)
    }
    /// Return the count of the task's cancellation requests.
    ///
    /// This count is incremented when .cancel() is called
    /// and may be decremented using .uncancel().
    #[pymethod]
    fn cancelling(&self) -> isize {
        self.cancels.load(Relaxed)
    }
    /// Decrement the task's count of cancellation requests.
    ///
    /// This should be used by tasks that catch CancelledError
    /// and wish to continue indefinitely until they are cancelled again.
    ///
    /// Returns the remaining number of cancellation requests.
    #[pymethod]
    fn uncancel(&self) -> isize {
        let n = self.cancels.load(Relaxed);
        if n > 0 {
            self.cancels.store(n - 1, Relaxed);
            if n == 1 {
                self.must_cancel.store(false, Relaxed);
            }
            return n - 1;
        }
        n
    }
    /// Return the list of stack frames for this task's coroutine.
    ///
    /// If the coroutine is not done, this returns the stack where it is
    /// suspended.  If the coroutine has completed successfully or was
    /// cancelled, this returns an empty list.  If the coroutine was
    /// terminated by an exception, this returns the list of traceback
    /// frames.
    ///
    /// The frames are always ordered from oldest to newest.
    ///
    /// The optional limit gives the maximum number of frames to
    /// return; by default all available frames are returned.  Its
    /// meaning differs depending on whether a stack or a traceback is
    /// returned: the newest frames of a stack are returned, but the
    /// oldest frames of a traceback are returned.  (This matches the
    /// behavior of the traceback module.)
    ///
    /// For reasons beyond our control, only one stack frame is
    /// returned for a suspended coroutine.
    #[pymethod(sig = "*, limit=None")]
    fn get_stack(&self, limit: Option<&Object>) -> PyResult<PyRef> {
        GET_STACK.attr_of("asyncio.base_tasks", "_task_get_stack")?.call(&[self, limit.unwrap_or(none())])
    }
    /// Print the stack or traceback for this task's coroutine.
    ///
    /// This produces output similar to that of the traceback module,
    /// for the frames retrieved by get_stack().  The limit argument
    /// is passed to get_stack().  The file argument is an I/O stream
    /// to which the output is written; by default output is written
    /// to sys.stderr.
    #[pymethod(sig = "*, limit=None, file=None")]
    fn print_stack(&self, limit: Option<&Object>, file: Option<&Object>) -> PyResult<PyRef> {
        PRINT_STACK.attr_of("asyncio.base_tasks", "_task_print_stack")?.call(&[
            self,
            limit.unwrap_or(none()),
            file.unwrap_or(none()),
        ])
    }
    #[pymethod]
    fn get_name(&self) -> PyResult<PyRef> {
        if let Some(n) = self.name.get(self) {
            return Ok(n);
        }
        let n: PyRef = Str::format(format_args!("Task-{}", self.number.load(Relaxed)))?.upcast();
        drop(self.name.replace(self, Some(n.clone())));
        Ok(n)
    }
    #[pymethod(sig = "value, /")]
    fn set_name(&self, value: &Object) -> PyResult<()> {
        let n = if value.downcast_exact::<Str>().is_some() { value.to_ref() } else { value.str()?.upcast() };
        drop(self.name.replace(self, Some(n)));
        Ok(())
    }
    #[pymethod]
    fn get_coro(&self) -> PyRef {
        self.coro.get(self).unwrap_or_else(none_ref)
    }
    #[pymethod]
    fn get_context(&self) -> PyRef {
        self.context_of()
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, object: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, object)
    }
    #[pygetset]
    fn _log_destroy_pending(&self) -> bool {
        self.log_destroy.load(Relaxed)
    }
    #[pysetter]
    fn set__log_destroy_pending(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        self.log_destroy.store(v.is_true()?, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn _must_cancel(&self) -> bool {
        self.must_cancel.load(Relaxed)
    }
    #[pygetset]
    fn _coro(&self) -> PyRef {
        self.coro.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn _fut_waiter(&self) -> PyRef {
        self.waiter.get(self).unwrap_or_else(none_ref)
    }
}

// ---------------------------------------------------------------------------------------------- callbacks

/// The next step of a task, as the loop calls it.
#[repr(C)]
pub struct TaskStep {
    header: abi::PyObject,
    task: Slot,
    /// An exception to throw.
    arg: Slot,
    vectorcall: abi::vectorcallfunc,
}
fields!(TaskStep: task, arg);

impl TaskStep {
    fn invoke(&self, args: &FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("function")?;
        if args.len() != 0 {
            return Err(raise!(TypeError, "function takes no positional arguments"));
        }
        let Some(t) = self.task.get(self) else { return Ok(none_ref()) };
        let arg = self.arg.get(self).and_then(|a| a.downcast_into::<BaseException>().ok());
        // SAFETY: the slot holds tasks only.
        unsafe { t.cast::<Task>() }.step(arg)?;
        Ok(none_ref())
    }
}

unsafe extern "C" fn step_vectorcall(
    slf: *mut abi::PyObject,
    args: *mut *mut abi::PyObject,
    nargsf: usize,
    kwnames: *mut abi::PyObject,
) -> *mut abi::PyObject {
    runtime::convert::guard_object(|| {
        // SAFETY: vectorcall's contract.
        unsafe { Object::from_ptr(slf).cast::<TaskStep>().invoke(&FuncArgs::from_vectorcall(args, nargsf, kwnames)) }
    })
}

#[pyclass(
    name = "TaskStepMethWrapper",
    module = "_asyncio",
    flags = "HAVE_GC|HAVE_VECTORCALL|DISALLOW_INSTANTIATION|IMMUTABLETYPE",
    vectorcalloffset = offset_of!(TaskStep, vectorcall),
    slots(
        tp_traverse = traverse::<TaskStep>,
        tp_clear = clear::<TaskStep>,
        tp_dealloc = runtime::objects::support::dealloc::<TaskStep>
    )
)]
impl TaskStep {
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.invoke(&args)
    }
    #[pygetset]
    fn __self__(&self) -> PyRef {
        self.task.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn __qualname__(&self) -> PyResult<PyRef> {
        match self.task.get(self) {
            Some(t) => (**t.ty()).getattr(intern!("__qualname__")),
            None => Ok(none_ref()),
        }
    }
}

/// What a future calls when the task that waits for it can go on.
#[repr(C)]
pub struct TaskWakeup {
    header: abi::PyObject,
    task: Slot,
    vectorcall: abi::vectorcallfunc,
}
fields!(TaskWakeup: task);

impl TaskWakeup {
    fn invoke(&self, args: &FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("TaskWakeup")?;
        if args.len() != 1 {
            return Err(raise!(
                TypeError,
                "TaskWakeup.task_wakeup() takes exactly one argument ({} given)",
                args.len()
            ));
        }
        let Some(t) = self.task.get(self) else { return Ok(none_ref()) };
        // SAFETY: the slot holds tasks only.
        unsafe { t.cast::<Task>() }.wake(args.args[0])?;
        Ok(none_ref())
    }
}

unsafe extern "C" fn wakeup_vectorcall(
    slf: *mut abi::PyObject,
    args: *mut *mut abi::PyObject,
    nargsf: usize,
    kwnames: *mut abi::PyObject,
) -> *mut abi::PyObject {
    runtime::convert::guard_object(|| {
        // SAFETY: vectorcall's contract.
        unsafe { Object::from_ptr(slf).cast::<TaskWakeup>().invoke(&FuncArgs::from_vectorcall(args, nargsf, kwnames)) }
    })
}

#[pyclass(
    name = "TaskWakeupMethWrapper",
    module = "_asyncio",
    flags = "HAVE_GC|HAVE_VECTORCALL|DISALLOW_INSTANTIATION|IMMUTABLETYPE",
    vectorcalloffset = offset_of!(TaskWakeup, vectorcall),
    slots(
        tp_traverse = traverse::<TaskWakeup>,
        tp_clear = clear::<TaskWakeup>,
        tp_dealloc = runtime::objects::support::dealloc::<TaskWakeup>
    )
)]
impl TaskWakeup {
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        self.invoke(&args)
    }
    #[pygetset]
    fn __self__(&self) -> PyRef {
        self.task.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn __name__(&self) -> &'static str {
        "task_wakeup"
    }
    #[pygetset]
    fn __qualname__(&self) -> &'static str {
        "task_wakeup"
    }
}
