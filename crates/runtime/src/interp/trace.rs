//! `sys.settrace`, `sys.setprofile`, and the jumps that a debugger makes by setting `f_lineno`.
//!
//! Tracing costs nothing while it is off: the eval loop exists twice, and only the traced copy looks at lines and reports
//! events. `set_*` raise `breaker::INSTRUMENT`; the next RESUME of the plain loop then hands over to the traced one.
//! The hooks are the ABI's C functions in the thread state; `settrace(f)` installs a function of ours that calls `f`.

use super::frame::InterpFrame;
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
    (a.c_tracefunc.is_some() || a.c_profilefunc.is_some()) && a.tracing == 0
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
    let a = ts.abi_mut();
    let new = obj.map_or(null_mut(), |o| o.to_ref().into_ptr());
    let old = if profile {
        a.c_profilefunc = hook;
        core::mem::replace(&mut a.c_profileobj, new)
    } else {
        a.c_tracefunc = hook;
        core::mem::replace(&mut a.c_traceobj, new)
    };
    ts.set_breaker(INSTRUMENT);
    // SAFETY: the slot owned it.
    drop(unsafe { PyRef::from_ptr_opt(old) });
}

/// `sys.settrace(f)`
pub fn settrace(f: &Object) -> PyResult<()> {
    if f.is_none() {
        set_hook(false, None, None)
    } else {
        set_hook(false, Some(trace_hook), Some(f))
    }
    Ok(())
}

/// `sys.gettrace()`
pub fn gettrace() -> PyRef {
    // SAFETY: null or live.
    unsafe { Object::from_ptr_opt(ThreadState::current().abi().c_traceobj) }.map_or_else(none_ref, Object::to_ref)
}

/// `sys.setprofile(f)`
pub fn setprofile(f: &Object) -> PyResult<()> {
    if f.is_none() {
        set_hook(true, None, None)
    } else {
        set_hook(true, Some(profile_hook), Some(f))
    }
    Ok(())
}

/// `sys.getprofile()`
pub fn getprofile() -> PyRef {
    // SAFETY: null or live.
    unsafe { Object::from_ptr_opt(ThreadState::current().abi().c_profileobj) }.map_or_else(none_ref, Object::to_ref)
}

/// Calls one hook with tracing suspended. An exception that is set stays set.
unsafe fn call_hook(
    ts: &ThreadState,
    profile: bool,
    frame: *mut InterpFrame,
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
        a.tracing += 1;
        let arg = arg.map_or(null_mut(), Object::as_ptr);
        let r = hook(obj, fo.as_raw().cast(), what, arg);
        ts.abi_mut().tracing -= 1;
        (*fo.as_raw()).lineno = 0;
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

/// A CALL while a profiler is installed: native functions are reported. None: an ordinary call.
#[inline(never)]
pub unsafe fn profiled_call(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    bottom: *mut Slot,
    n: usize,
) -> Option<PyResult<Slot>> {
    // SAFETY: `[callable, self_or_null, n args]`; the frame is current and saved.
    unsafe {
        if ts.abi().c_profilefunc.is_none() || ts.abi().tracing != 0 {
            return None;
        }
        let c = (*bottom).try_obj()?;
        let native = super::eval::type_is!(c, super::pending::PyCFunction_Type)
            || super::eval::type_is!(c, super::pending::PyMethodDescr_Type);
        if !native {
            return None;
        }
        if let Err(e) = call_hook(ts, true, frame, abi::PyTrace_C_CALL, Some(c)) {
            return Some(Err(e));
        }
        let r = super::callops::call_object(bottom, n, None);
        let what = if r.is_ok() { abi::PyTrace_C_RETURN } else { abi::PyTrace_C_EXCEPTION };
        if let Err(e) = call_hook(ts, true, frame, what, Some(c)) {
            return Some(Err(e));
        }
        Some(r)
    }
}

/// A function is entered or resumed.
#[inline(never)]
pub unsafe fn on_call(ts: &ThreadState, frame: *mut InterpFrame) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        (*frame).trace_line = -1;
        call_hook(ts, false, frame, abi::PyTrace_CALL, None)?;
        call_hook(ts, true, frame, abi::PyTrace_CALL, None)
    }
}

/// A value is returned or yielded (None: an exception leaves the frame).
#[inline(never)]
pub unsafe fn on_return(ts: &ThreadState, frame: *mut InterpFrame, v: Option<Slot>) -> PyResult<()> {
    // SAFETY: the frame is current and saved.
    unsafe {
        let held = v.map(Slot::to_ref).transpose()?;
        let fo = (*frame).frame_obj;
        if !fo.is_null() && !(*fo).trace.load(Acquire).is_null() {
            call_hook(ts, false, frame, abi::PyTrace_RETURN, held.as_deref())?;
        } else if ts.abi().c_tracefunc.is_some_and(|f| f as usize != trace_hook as *const () as usize) {
            call_hook(ts, false, frame, abi::PyTrace_RETURN, held.as_deref())?;
        }
        call_hook(ts, true, frame, abi::PyTrace_RETURN, held.as_deref())
    }
}

/// An exception was raised in the frame; it is set.
#[inline(never)]
pub unsafe fn on_exception(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the frame is current and saved.
    unsafe {
        if ts.abi().c_tracefunc.is_none() || ts.abi().tracing != 0 {
            return;
        }
        let Some(e) = crate::error::take_error() else { return };
        let r = (|| -> PyResult<()> {
            let tb = e.getattr(intern!("__traceback__"))?;
            let t = Tuple::from_slice(&[e.ty(), &e, &tb])?;
            call_hook(ts, false, frame, abi::PyTrace_EXCEPTION, Some(&t))
        })();
        if r.is_ok() {
            let _ = crate::error::restore(e);
        }
    }
}

/// Before an instruction: reports a new line. The hook may move the frame's `pc`.
#[inline(never)]
pub unsafe fn on_instruction(
    ts: &ThreadState,
    frame: *mut InterpFrame,
    index: usize,
    last: &mut usize,
) -> PyResult<()> {
    // SAFETY: the frame is current and saved, `pc` at the instruction.
    unsafe {
        let code = (*frame).code();
        let prev = core::mem::replace(last, index);
        if index <= code.base._co_firsttraceable as usize {
            return Ok(());
        }
        let fo = (*frame).frame_obj;
        let local = !fo.is_null() && !(*fo).trace.load(Acquire).is_null();
        let c_hook = ts.abi().c_tracefunc.is_some_and(|f| f as usize != trace_hook as *const () as usize);
        if !local && !c_hook {
            return Ok(());
        }
        // The event sees the position of this instruction
        let pc = (*frame).pc;
        (*frame).pc = pc.add(1);
        let line = code.line_of(index).map_or(-1, |l| l as i32);
        let mut r = Ok(());
        let jumped_back = index < prev && line == (*frame).trace_line;
        let is_start = line >= 0 && (line != (*frame).trace_line || (jumped_back && starts_line(code, index, line)));
        if is_start && (fo.is_null() || (*fo).trace_lines != 0) {
            (*frame).trace_line = line;
            r = call_hook(ts, false, frame, abi::PyTrace_LINE, None);
        }
        if r.is_ok() && !fo.is_null() && (*fo).trace_opcodes != 0 {
            r = call_hook(ts, false, frame, abi::PyTrace_OPCODE, None);
        }
        if (*frame).pc == pc.add(1) {
            (*frame).pc = pc;
        }
        r
    }
}

fn starts_line(code: &crate::objects::Code, index: usize, line: i32) -> bool {
    index == 0 || code.position(index - 1).line != line
}

/// `frame.f_lineno = n`: moves the frame to the first instruction of the line, if its stack allows that.
pub fn set_lineno(f: &Frame, line: i64) -> PyResult<()> {
    let ts = ThreadState::current();
    if ts.abi().tracing == 0 || f.trace.load(Acquire).is_null() {
        return Err(raise!(ValueError, "f_lineno can only be set by a trace function"));
    }
    let code = f.code();
    if line < code.firstlineno() as i64 {
        return Err(raise!(ValueError, "line {} comes before the current code block", line));
    }
    let positions = &code.extra().positions;
    // The nearest line at or after the wanted one that has code
    let Some(target_line) = positions.iter().map(|p| p.line as i64).filter(|l| *l >= line).min() else {
        return Err(raise!(ValueError, "line {} comes after the current code block", line));
    };
    let depths = stack_depths(code);
    // SAFETY: the frame is suspended in the hook.
    let here = unsafe { (*f.frame).pc.offset_from(code.instrs) as usize - 1 };
    let depth = depths.get(here).copied().flatten();
    let target = (0..positions.len())
        .filter(|i| positions[*i].line as i64 == target_line && starts_line(code, *i, target_line as i32))
        // Only within one block: the same depth and the same handler
        .find(|i| depths[*i].is_some() && depths[*i] == depth && same_handler(code, here, *i));
    let Some(target) = target else {
        return Err(raise!(ValueError, "can't jump from a block of another depth to line {}", line));
    };
    // SAFETY: the frame is suspended in the hook; the stack depths agree.
    unsafe { (*f.frame).pc = code.instrs.add(target) };
    Ok(())
}

fn same_handler(code: &crate::objects::Code, a: usize, b: usize) -> bool {
    let h = |i: usize| code.handler(i as u32).map(|e| e.target);
    h(a) == h(b)
}

/// Depth of the stack before each instruction that can be reached without an exception.
fn stack_depths(code: &crate::objects::Code) -> Vec<Option<i32>> {
    use compiler::opcode as o;
    let words = code.original_words();
    let mut depth: Vec<Option<i32>> = vec![None; words.len() + 1];
    let mut work = vec![(0usize, 0i32)];
    for e in &code.extra().exception_table {
        work.push((e.target as usize, e.depth as i32 + 1 + e.lasti as i32));
    }
    while let Some((mut i, mut d)) = work.pop() {
        while i < words.len() && depth[i].is_none() {
            depth[i] = Some(d);
            let (op, arg) = (o::op_of(words[i]), o::arg_of(words[i]));
            let next = i + 1 + o::has_cache(op) as usize;
            if o::is_jump(op) {
                let jd = match op {
                    o::op::FOR_ITER => d,
                    _ => d + o::stack_effect(op, arg, true),
                };
                let target = match o::arg_kind(op) {
                    o::ArgKind::Backward => next.wrapping_sub(arg as usize),
                    _ => next + arg as usize + (op == o::op::FOR_ITER) as usize,
                };
                work.push((target, jd));
            }
            if o::is_terminator(op) {
                break;
            }
            d += o::stack_effect(op, arg, false);
            i = next;
        }
    }
    depth
}
