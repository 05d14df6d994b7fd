//! `sys.settrace`, `sys.setprofile`, and where the eval loop reports events to them and to the tools of `monitoring`.
//!
//! Tracing costs nothing while it is off: the eval loop exists twice, and only the traced copy looks at lines and reports
//! events. While a thread has anything to report its eval breaker holds `INSTRUMENT`; the plain loop hands over to the
//! traced one at the next RESUME, backward jump or return from a native call, and back in the same places.
//! The hooks are the ABI's C functions in the thread state; `settrace(f)` installs a function of ours that calls `f`.
//!
//! Tools hear of an event first, then the profiler, then the tracer. A hook or callback that raises makes the instruction
//! raise. `InterpFrame::trace_line` holds the last word with a line that the frame ran, -1 before the first.

use super::frame::{FLAG_ENTRY, InterpFrame};
use super::monitoring::{self, event as ev};
use super::slot::Slot;
use crate::objects::Frame;
use crate::prelude::*;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::*;

/// Bit of the eval breaker: the loop should look whether it must switch.
pub const INSTRUMENT: usize = 256;

/// Whether events are to be reported on this thread now.
#[inline(always)]
pub fn active(ts: &ThreadState) -> bool {
    let a = ts.abi();
    a.tracing == 0 && (a.c_tracefunc.is_some() || a.c_profilefunc.is_some() || monitoring::active())
}

/// Whether a loop of this kind has to hand over to the other one.
#[inline(always)]
pub fn wants_switch<const TRACED: bool>(ts: &ThreadState) -> bool {
    if TRACED { !active(ts) } else { ts.eval_breaker().load(Relaxed) & INSTRUMENT != 0 && active(ts) }
}

/// Brings a thread's breaker in line with whether it has anything to report.
pub fn sync(ts: &ThreadState) {
    let a = ts.abi();
    if a.c_tracefunc.is_some() || a.c_profilefunc.is_some() || monitoring::active() {
        ts.set_breaker(INSTRUMENT);
    } else {
        ts.clear_breaker(INSTRUMENT);
    }
}

/// The traced loop takes over from the plain one: the frames of this loop have run unobserved.
///
/// # Safety
/// `frame` is current and saved.
#[cold]
#[inline(never)]
pub unsafe fn on_switch(frame: *mut InterpFrame) {
    let mut f = frame;
    // SAFETY: the frames of a running loop are linked and live.
    unsafe {
        while !f.is_null() {
            if !(*f).is_incomplete() {
                (*f).trace_line = (*f).lasti();
            }
            if (*f).flags & FLAG_ENTRY != 0 {
                break;
            }
            f = (*f).previous;
        }
    }
}

const NAMES: [&str; 8] = ["call", "exception", "line", "return", "c_call", "c_exception", "c_return", "opcode"];
const _: () = assert!(abi::PyTrace_C_EXCEPTION == 5 && abi::PyTrace_OPCODE == 7);

fn event_name(what: c_int) -> &'static Str {
    Str::intern(NAMES[what as usize & 7])
}

/// The C hook behind `sys.settrace`: calls the frame's local trace function (the global one for calls) and keeps what it
/// returns.
unsafe extern "C" fn trace_hook(
    me: *mut abi::PyObject,
    frame: *mut abi::PyFrameObject,
    what: c_int,
    arg: *mut abi::PyObject,
) -> c_int {
    // SAFETY: called by `call_hook` with live objects.
    unsafe {
        let f = &*frame.cast::<Frame>();
        let callback = if what == abi::PyTrace_CALL {
            Object::from_ptr(me).to_ref()
        } else {
            match super::pending::load_ref(f, &f.trace) {
                Some(t) => t,
                None => return 0,
            }
        };
        let arg = Object::from_ptr_opt(arg).unwrap_or(none());
        match callback.call(&[f, event_name(what), arg]) {
            Ok(r) => {
                if !r.is_none() {
                    let old = f.trace.swap(r.into_ptr(), AcqRel);
                    drop(PyRef::from_ptr_opt(old));
                }
                0
            }
            Err(_) => {
                // A trace function that fails is switched off
                set_hook(false, None, None);
                let old = f.trace.swap(null_mut(), AcqRel);
                drop(PyRef::from_ptr_opt(old));
                -1
            }
        }
    }
}

/// The C hook behind `sys.setprofile`.
unsafe extern "C" fn profile_hook(
    me: *mut abi::PyObject,
    frame: *mut abi::PyFrameObject,
    what: c_int,
    arg: *mut abi::PyObject,
) -> c_int {
    // SAFETY: called by `call_hook` with live objects.
    unsafe {
        let arg = Object::from_ptr_opt(arg).unwrap_or(none());
        match Object::from_ptr(me).call(&[&*frame.cast::<Frame>(), event_name(what), arg]) {
            Ok(_) => 0,
            Err(_) => {
                set_hook(true, None, None);
                -1
            }
        }
    }
}

/// Installs a C hook on the running thread (`PyEval_SetTrace`, `PyEval_SetProfile`).
pub fn set_hook(profile: bool, hook: abi::Py_tracefunc, obj: Option<&Object>) {
    let ts = ThreadState::current();
    let old = install(ts, profile, hook, obj);
    sync(ts);
    // SAFETY: the slot owned it.
    drop(unsafe { PyRef::from_ptr_opt(old) });
}

fn install(ts: &ThreadState, profile: bool, hook: abi::Py_tracefunc, obj: Option<&Object>) -> *mut abi::PyObject {
    let a = ts.abi_mut();
    let new = obj.map_or(null_mut(), |o| o.to_ref().into_ptr());
    if profile {
        a.c_profilefunc = hook;
        core::mem::replace(&mut a.c_profileobj, new)
    } else {
        a.c_tracefunc = hook;
        core::mem::replace(&mut a.c_traceobj, new)
    }
}

/// The same on all threads of the interpreter (`PyEval_SetTraceAllThreads`, `PyEval_SetProfileAllThreads`).
pub fn set_hook_all(profile: bool, hook: abi::Py_tracefunc, obj: Option<&Object>) {
    let interp = ThreadState::current().interp();
    let mut old = Vec::new();
    crate::thread::stop_the_world(|| {
        crate::thread::state::for_each_thread(|ts| {
            if core::ptr::eq(ts.interp(), interp) {
                old.push(install(ts, profile, hook, obj));
                sync(ts);
            }
        });
    });
    for p in old {
        // SAFETY: the thread's slot owned it.
        drop(unsafe { PyRef::from_ptr_opt(p) });
    }
}

/// `sys.settrace(f)`
pub fn settrace(f: &Object) -> PyResult<()> {
    crate::lifecycle::audit::audit("sys.settrace", &[])?;
    set_hook(false, (!f.is_none()).then_some(trace_hook as _), (!f.is_none()).then_some(f));
    Ok(())
}

/// `threading.settrace_all_threads(f)`
pub fn settrace_all(f: &Object) -> PyResult<()> {
    crate::lifecycle::audit::audit("sys.settrace", &[])?;
    set_hook_all(false, (!f.is_none()).then_some(trace_hook as _), (!f.is_none()).then_some(f));
    Ok(())
}

/// `sys.gettrace()`
pub fn gettrace() -> PyRef {
    // SAFETY: null or live.
    unsafe { Object::from_ptr_opt(ThreadState::current().abi().c_traceobj) }.map_or_else(none_ref, Object::to_ref)
}

/// `sys.setprofile(f)`
pub fn setprofile(f: &Object) -> PyResult<()> {
    crate::lifecycle::audit::audit("sys.setprofile", &[])?;
    set_hook(true, (!f.is_none()).then_some(profile_hook as _), (!f.is_none()).then_some(f));
    Ok(())
}

/// `threading.setprofile_all_threads(f)`
pub fn setprofile_all(f: &Object) -> PyResult<()> {
    crate::lifecycle::audit::audit("sys.setprofile", &[])?;
    set_hook_all(true, (!f.is_none()).then_some(profile_hook as _), (!f.is_none()).then_some(f));
    Ok(())
}

/// `sys.getprofile()`
pub fn getprofile() -> PyRef {
    // SAFETY: null or live.
    unsafe { Object::from_ptr_opt(ThreadState::current().abi().c_profileobj) }.map_or_else(none_ref, Object::to_ref)
}

/// `sys.call_tracing(f, args)`: calls with tracing on, inside a trace function.
pub fn call_tracing(f: &Object, args: &Tuple) -> PyResult<PyRef> {
    let ts = ThreadState::current();
    let old = core::mem::replace(&mut ts.abi_mut().tracing, 0);
    let r = f.call_dict(args, None);
    ts.abi_mut().tracing = old;
    r
}

/// Whether the tracer wants to hear of the frame: it has a local trace function, or the hook is foreign.
unsafe fn listens(ts: &ThreadState, frame: *mut InterpFrame) -> bool {
    let Some(hook) = ts.abi().c_tracefunc else { return false };
    if hook as usize != trace_hook as *const () as usize {
        return true;
    }
    // SAFETY: the frame is live, its object too.
    unsafe {
        let fo = (*frame).frame_obj;
        !fo.is_null() && !(*fo).trace.load(Acquire).is_null()
    }
}

/// Calls one hook with tracing suspended. An exception that is set stays set. `e` is the event in terms of `monitoring`.
unsafe fn call_hook(
    ts: &ThreadState,
    profile: bool,
    frame: *mut InterpFrame,
    e: u32,
    what: c_int,
    arg: Option<&Object>,
) -> PyResult<()> {
    let a = ts.abi_mut();
    let (hook, obj) = if profile { (a.c_profilefunc, a.c_profileobj) } else { (a.c_tracefunc, a.c_traceobj) };
    let Some(hook) = hook else { return Ok(()) };
    if a.tracing != 0 {
        return Ok(());
    }
    let saved = crate::error::take_error();
    let fo = InterpFrame::frame_object(frame)?;
    // SAFETY: the hook's object is null or live; keep it while it runs.
    let r = unsafe {
        let keep = Object::from_ptr_opt(obj).map(Object::to_ref);
        let old_what = core::mem::replace(&mut a.what_event, e as c_int);
        a.tracing += 1;
        let arg = arg.unwrap_or(none()).as_ptr();
        let r = hook(obj, fo.as_raw().cast(), what, arg);
        let a = ts.abi_mut();
        a.tracing -= 1;
        a.what_event = old_what;
        fo.lineno.store(0, Relaxed);
        drop(keep);
        r
    };
    if r != 0 {
        return Err(Raised::already_set());
    }
    if let Some(e) = saved {
        let _ = crate::error::restore(e);
    }
    Ok(())
}

/// A function is entered or resumed: RESUME with its argument, at word `index`.
#[inline(never)]
pub unsafe fn on_resume(ts: &ThreadState, frame: *mut InterpFrame, arg: u32, index: usize) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        let e = if arg & 3 == 0 { ev::PY_START } else { ev::PY_RESUME };
        monitoring::fire(ts, e, (*frame).code(), index, true, &[])?;
        call_hook(ts, true, frame, e, abi::PyTrace_CALL, None)?;
        call_hook(ts, false, frame, e, abi::PyTrace_CALL, None)
    }
}

/// A generator is resumed by an exception; it is set.
#[inline(never)]
pub unsafe fn on_throw(ts: &ThreadState, frame: *mut InterpFrame) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        let i = (*frame).lasti();
        (*frame).trace_line = i;
        monitoring::fire_exception(ts, ev::PY_THROW, (*frame).code(), i.max(0) as usize)?;
        call_hook(ts, true, frame, ev::PY_THROW, abi::PyTrace_CALL, None)?;
        call_hook(ts, false, frame, ev::PY_THROW, abi::PyTrace_CALL, None)
    }
}

/// A value is returned or yielded.
#[inline(never)]
pub unsafe fn on_return(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    v: Slot,
    yields: bool,
    index: usize,
) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        let held = v.to_ref()?;
        let e = if yields { ev::PY_YIELD } else { ev::PY_RETURN };
        monitoring::fire(ts, e, (*frame).code(), index, true, &[&held])?;
        call_hook(ts, true, frame, e, abi::PyTrace_RETURN, Some(&held))?;
        if listens(ts, frame) {
            call_hook(ts, false, frame, e, abi::PyTrace_RETURN, Some(&held))?;
        }
        Ok(())
    }
}

/// An exception leaves the frame; it is set.
#[inline(never)]
pub unsafe fn on_unwind(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the frame is current and saved.
    unsafe {
        if (*frame).is_incomplete() {
            return;
        }
        let i = (*frame).lasti().max(0) as usize;
        let _ = (|| -> PyResult<()> {
            monitoring::fire_exception(ts, ev::PY_UNWIND, (*frame).code(), i)?;
            call_hook(ts, true, frame, ev::PY_UNWIND, abi::PyTrace_RETURN, None)?;
            if listens(ts, frame) {
                call_hook(ts, false, frame, ev::PY_UNWIND, abi::PyTrace_RETURN, None)?;
            }
            Ok(())
        })();
    }
}

/// An exception was raised in the frame or came into it; it is set.
#[inline(never)]
pub unsafe fn on_raise(ts: &ThreadState, frame: *mut InterpFrame, e: u32) {
    // SAFETY: the frame is current and saved.
    unsafe {
        if ts.abi().tracing != 0 || (*frame).is_incomplete() {
            return;
        }
        let i = (*frame).lasti().max(0) as usize;
        if monitoring::fire_exception(ts, e, (*frame).code(), i).is_err() {
            return;
        }
        if !listens(ts, frame) {
            return;
        }
        let Some(x) = crate::error::take_error() else { return };
        let r = (|| -> PyResult<()> {
            let tb = x.getattr(intern!("__traceback__"))?;
            let t = Tuple::from_slice(&[x.ty(), &x, &tb])?;
            call_hook(ts, false, frame, e, abi::PyTrace_EXCEPTION, Some(&t))
        })();
        if r.is_ok() {
            let _ = crate::error::restore(x);
        }
    }
}

/// The exception is raised again (RERAISE and the like): only tools are told.
#[inline(never)]
pub unsafe fn on_reraise(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the frame is current and saved.
    unsafe {
        let i = (*frame).lasti().max(0) as usize;
        let _ = monitoring::fire_exception(ts, ev::RERAISE, (*frame).code(), i);
    }
}

/// A handler was found: the frame's `pc` is at it, the exception on top of its stack.
#[inline(never)]
pub unsafe fn on_handled(ts: &ThreadState, frame: *mut InterpFrame, exc: Slot) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        let i = ((*frame).lasti() + 1) as usize;
        monitoring::fire(ts, ev::EXCEPTION_HANDLED, (*frame).code(), i, true, &[exc.obj()])
    }
}

/// A generator that a loop or `yield from` runs has ended with a value: as if it had raised StopIteration.
unsafe fn on_stop_iteration(ts: &ThreadState, frame: *mut InterpFrame, value: Slot, index: usize) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        if monitoring::mask((*frame).code()) & 1 << ev::STOP_ITERATION == 0 && !listens(ts, frame) {
            return Ok(());
        }
        let v = value.to_ref()?;
        let x = if v.is_none() { exc::StopIteration().call0()? } else { exc::StopIteration().call1(&v)? };
        monitoring::fire(ts, ev::STOP_ITERATION, (*frame).code(), index, true, &[&x])?;
        // The tracer hears of it where the iterator would have raised: a loop's generator that returns None does not
        let in_loop = compiler::opcode::op_of((*frame).code().extra().instrs[index].load(Relaxed))
            == compiler::opcode::op::END_FOR;
        if listens(ts, frame) && !(in_loop && v.is_none()) {
            let t = Tuple::from_slice(&[x.ty(), &x, none()])?;
            call_hook(ts, false, frame, ev::STOP_ITERATION, abi::PyTrace_EXCEPTION, Some(&t))?;
        }
        Ok(())
    }
}

/// The next item of an iterator in a traced loop: a StopIteration is an exception of this frame.
#[inline(never)]
pub unsafe fn iter_next(ts: &ThreadState, frame: *mut InterpFrame, it: &Object) -> PyResult<Option<Slot>> {
    let Some(next) = it.ty().slots().tp_iternext else { return Err(raise!(TypeError, "iterator expected")) };
    // SAFETY: the slot's contract.
    unsafe {
        let r = next(it.as_ptr());
        if !r.is_null() {
            return Ok(Some(Slot::steal(r)));
        }
        if !crate::error::error_occurred() {
            return Ok(None);
        }
        let stop = Raised::already_set();
        if !stop.matches(exc::StopIteration()) {
            return Err(stop);
        }
        on_raise(ts, frame, ev::RAISE);
        let now = Raised::already_set();
        if !now.matches(exc::StopIteration()) {
            return Err(now);
        }
        now.clear();
        Ok(None)
    }
}

/// SEND in a traced loop: `genops::send`, but a StopIteration that the receiver raises is an exception of this frame.
#[inline(never)]
pub unsafe fn send(ts: &ThreadState, frame: *mut InterpFrame, p: *mut Slot) -> PyResult<(Slot, bool)> {
    // SAFETY: `[receiver, value]` at `p`; the frame is current and saved.
    unsafe {
        let r = (*p).obj();
        let native = r.downcast::<crate::objects::Generator>().is_some()
            || r.ty().slots().tp_as_async.as_ref().is_some_and(|a| a.am_send.is_some());
        if native {
            return super::genops::send(p);
        }
        super::slot::materialize(p.add(1))?;
        let v = (*p.add(1)).obj();
        let next = if v.is_none() && r.is_iter() {
            r.ty().slots().tp_iternext.and_then(|f| PyRef::from_ptr_opt(f(r.as_ptr())))
        } else {
            r.call_method(intern!("send"), &[v]).ok()
        };
        if let Some(x) = next {
            return Ok((Slot::owned(x), false));
        }
        if crate::error::error_occurred() && Raised::already_set().matches(exc::StopIteration()) {
            on_raise(ts, frame, ev::RAISE);
        }
        Ok((Slot::owned(crate::objects::r#gen::fetch_stop_iteration_value()?), true))
    }
}

/// What became of a call instruction.
pub enum Traced {
    /// Nobody listens, or a Python function is called: the ordinary way
    Plain,
    /// The call was made here
    Done(Slot),
}

/// A call: the tools hear of it, native functions are called from here. `p` is at the callable, `op` one of the CALL
/// family, `n` its number of arguments.
#[inline(never)]
pub unsafe fn on_call(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    op: u8,
    p: *mut Slot,
    n: usize,
    index: usize,
) -> PyResult<Traced> {
    use compiler::opcode::op as o;
    // SAFETY: the operands of the instruction lie at `p`; the frame is current and saved.
    unsafe {
        let code = (*frame).code();
        if ts.abi().tracing != 0 || (monitoring::mask(code) & 1 << ev::CALL == 0 && ts.abi().c_profilefunc.is_none()) {
            return Ok(Traced::Plain);
        }
        if op != o::CALL_FUNCTION_EX {
            super::callops::unpack_method(p);
        }
        super::slot::materialize(p)?;
        let callable = (*p).obj().to_ref();
        let (_, missing) = monitoring::sentinels()?;
        let first = match op {
            o::CALL_FUNCTION_EX => {
                super::slot::materialize(p.add(2))?;
                (*p.add(2)).obj().downcast::<Tuple>().and_then(|t| t.as_slice().first().map(|o| o.to_ref()))
            }
            _ if !(*p.add(1)).is_null() => Some((*p.add(1)).to_ref()?),
            _ if n > 0 => Some((*p.add(2)).to_ref()?),
            _ => None,
        };
        let has_first = first.is_some();
        let first = first.unwrap_or(missing);
        monitoring::fire(ts, ev::CALL, code, index, true, &[&callable, &first])?;
        if super::eval::type_is!(callable, crate::objects::func::PyFunction_Type) {
            return Ok(Traced::Plain);
        }
        let profiled = if ts.abi().c_profilefunc.is_some() {
            native_callable(&callable, has_first.then_some(&*first))?
        } else {
            None
        };
        if let Some(c) = &profiled {
            call_hook(ts, true, frame, ev::CALL, abi::PyTrace_C_CALL, Some(c))?;
        }
        let r = match op {
            o::CALL => super::callops::call_object(p, n, None),
            o::CALL_KW => super::callops::call_object(p, n, Some(*p.add(n + 2))),
            _ => match super::callops::call_function_ex(ts, frame, p)? {
                super::callops::CallEx::Done(r) => Ok(r),
                super::callops::CallEx::Frame(_) => return Err(raise!(SystemError, "the callable changed its type")),
            },
        };
        let method = super::eval::type_is!(callable, super::pending::PyMethod_Type);
        match r {
            Ok(v) => {
                let done = (|| -> PyResult<()> {
                    if !method {
                        monitoring::fire(ts, ev::C_RETURN, code, index, true, &[&callable, &first])?;
                    }
                    if let Some(c) = &profiled {
                        call_hook(ts, true, frame, ev::C_RETURN, abi::PyTrace_C_RETURN, Some(c))?;
                    }
                    Ok(())
                })();
                if let Err(e) = done {
                    v.drop();
                    return Err(e);
                }
                Ok(Traced::Done(v))
            }
            Err(e) => {
                let saved = crate::error::take_error();
                if !method {
                    monitoring::fire(ts, ev::C_RAISE, code, index, true, &[&callable, &first])?;
                }
                if let Some(c) = &profiled {
                    call_hook(ts, true, frame, ev::C_RAISE, abi::PyTrace_C_EXCEPTION, Some(c))?;
                }
                if let Some(x) = saved {
                    return Err(crate::error::restore(x));
                }
                Err(e)
            }
        }
    }
}

/// What a profiler is shown for a native function: the function, or the method bound to its object.
fn native_callable(c: &Object, first: Option<&Object>) -> PyResult<Option<PyRef>> {
    if c.ty().is_subtype(native_type()) {
        return Ok(Some(c.to_ref()));
    }
    if super::eval::type_is!(c, super::pending::PyMethodDescr_Type)
        && let (Some(me), Some(get)) = (first, c.ty().slots().tp_descr_get)
    {
        // SAFETY: the slot's contract.
        let bound = unsafe { PyRef::from_c_result(get(c.as_ptr(), me.as_ptr(), me.ty().as_ptr().cast()))? };
        return Ok(Some(bound));
    }
    Ok(None)
}

fn native_type() -> &'static Type {
    // SAFETY: a static type.
    unsafe { &*(&raw const super::pending::PyCFunction_Type).cast::<Type>() }
}

/// `super().name` is a call of `super` too, as the tools see it. Before (`done` None) and after it.
#[inline(never)]
pub unsafe fn on_super(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    p: *mut Slot,
    two: bool,
    index: usize,
    done: Option<bool>,
) -> PyResult<()> {
    // SAFETY: `[super, class, self]` at `p`; the frame is current and saved.
    unsafe {
        let code = (*frame).code();
        if monitoring::mask(code) & 1 << ev::CALL == 0 {
            return Ok(());
        }
        let (_, missing) = monitoring::sentinels()?;
        let first = if two { (*p.add(1)).to_ref()? } else { missing };
        let callable = (*p).to_ref()?;
        match done {
            None => monitoring::fire(ts, ev::CALL, code, index, true, &[&callable, &first]),
            Some(true) => monitoring::fire(ts, ev::C_RETURN, code, index, true, &[&callable, &first]),
            Some(false) => {
                let saved = crate::error::take_error();
                monitoring::fire(ts, ev::C_RAISE, code, index, true, &[&callable, &first])?;
                if let Some(x) = saved {
                    let _ = crate::error::restore(x);
                }
                Ok(())
            }
        }
    }
}

/// Whether FOR_ITER must be reported as a branch when its generator comes back.
#[inline]
pub fn watches_branches(frame: *mut InterpFrame) -> bool {
    // SAFETY: the frame is live.
    monitoring::mask(unsafe { (*frame).code() }) & (1 << ev::BRANCH_LEFT | 1 << ev::BRANCH_RIGHT) != 0
}

/// The way from the instruction at `prev` to the one at `index`, if `prev` chooses or jumps.
unsafe fn on_way(ts: &ThreadState, code: &crate::objects::Code, prev: usize, index: usize) -> PyResult<()> {
    use compiler::opcode::{arg_of, op, op_of};
    let word = code.extra().instrs[prev].load(Relaxed);
    let (o, arg) = (super::specialize::base_op(op_of(word)), arg_of(word) as usize);
    let (e, dest) = match o {
        op::JUMP_FORWARD | op::JUMP_BACKWARD => (ev::JUMP, index),
        op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE | op::POP_JUMP_IF_NONE | op::POP_JUMP_IF_NOT_NONE => {
            (if index == prev + 1 { ev::BRANCH_LEFT } else { ev::BRANCH_RIGHT }, index)
        }
        op::FOR_ITER if index == prev + 2 && arg != 0 => (ev::BRANCH_LEFT, index),
        op::FOR_ITER => (ev::BRANCH_RIGHT, index + 1),
        // `async for` goes on with an item, or ends
        op::END_SEND if code.view().after_not_taken(prev) != code.view().unit_of(prev) + 1 => (ev::BRANCH_LEFT, index),
        op::END_ASYNC_FOR => {
            let table = &code.extra().exception_table;
            let end_send = table
                .iter()
                .filter(|e| e.target as usize == prev)
                .flat_map(|e| e.start as usize..e.end as usize)
                .find(|w| op_of(code.extra().instrs[*w].load(Relaxed)) == op::END_SEND);
            let to = Int::from_usize(code.shown_offset(index))?;
            return monitoring::fire(ts, ev::BRANCH_RIGHT, code, end_send.unwrap_or(prev), true, &[&to]);
        }
        _ => return Ok(()),
    };
    let to = Int::from_usize(code.shown_offset(dest))?;
    monitoring::fire(ts, e, code, prev, true, &[&to])
}

/// Before the instruction at word `index`: reports where it was jumped from, a new line, the instruction. `prev` is the
/// word that ran before it, if that was in this frame. The hook may move the frame's `pc` (one past the instruction to
/// run) and cut its stack.
#[inline(never)]
pub unsafe fn on_instruction(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    index: usize,
    prev: Option<usize>,
) -> PyResult<()> {
    use compiler::opcode::{op, op_of};
    // SAFETY: the frame is current and saved, `pc` one past the instruction.
    unsafe {
        if ts.abi().tracing != 0 {
            return Ok(());
        }
        let code = (*frame).code();
        let first = code.base._co_firsttraceable as usize;
        let mask = monitoring::mask(code);
        if index <= first {
            (*frame).trace_line = -1;
            return Ok(());
        }
        let o = op_of(code.extra().instrs[index].load(Relaxed));
        if o == op::RESUME {
            (*frame).trace_line = index as i32;
        }
        let before = (*frame).trace_line;
        let pc = (*frame).pc;
        if let Some(p) = prev
            && mask & (1 << ev::JUMP | 1 << ev::BRANCH_LEFT | 1 << ev::BRANCH_RIGHT) != 0
        {
            on_way(ts, code, p, index)?;
            if (*frame).pc != pc {
                return Ok(());
            }
        }
        let p = code.position(index).line;
        if p >= 0 {
            let new = before < 0 || {
                let l = code.position(before as usize).line;
                l != p || prev.is_some_and(|i| op_of(code.extra().instrs[i].load(Relaxed)) == op::JUMP_BACKWARD)
            };
            (*frame).trace_line = index as i32;
            if new {
                if mask & 1 << ev::LINE != 0 {
                    let line = Int::from_i64(p as i64)?;
                    monitoring::fire(ts, ev::LINE, code, index, false, &[&line])?;
                }
                if listens(ts, frame) {
                    let fo = InterpFrame::frame_object(frame)?;
                    if fo.trace_lines.load(Relaxed) != 0 {
                        call_hook(ts, false, frame, ev::LINE, abi::PyTrace_LINE, None)?;
                    }
                }
                if (*frame).pc != pc {
                    return Ok(());
                }
            }
        }
        if mask & 1 << ev::INSTRUCTION != 0 {
            monitoring::fire(ts, ev::INSTRUCTION, code, index, true, &[])?;
        }
        let fo = (*frame).frame_obj;
        if !fo.is_null() && (*fo).trace_opcodes.load(Relaxed) != 0 && listens(ts, frame) {
            call_hook(ts, false, frame, ev::INSTRUCTION, abi::PyTrace_OPCODE, None)?;
        }
        if matches!(o, op::END_FOR | op::END_SEND)
            && let Some(it) = (*(*frame).sp.sub(2)).try_obj()
            && (super::eval::type_is!(it, crate::objects::r#gen::PyGen_Type)
                || super::eval::type_is!(it, crate::objects::r#gen::PyCoro_Type))
        {
            on_stop_iteration(ts, frame, *(*frame).sp.sub(1), index)?;
        }
        Ok(())
    }
}
