//! Generators and coroutines as the eval loop sees them: making, suspending, resuming in place, awaiting.

use super::eval::{self, type_is};
use super::frame::{FLAG_ENTRY, InterpFrame, Owner};
use super::slot::Slot;
use crate::objects::Generator;
use crate::objects::r#gen::{self, gen_state};
use crate::prelude::*;
use compiler::code::co;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::*;

/// RETURN_GENERATOR: the generator object with the frame's contents moved into it.
#[inline(never)]
pub unsafe fn make_generator(ts: &ThreadState, frame: *mut InterpFrame) -> PyResult<Slot> {
    // SAFETY: the frame is current and saved, its stack is empty.
    unsafe {
        let code = (*frame).code();
        let flags = code.flags();
        let ty: &Type = if flags & co::ASYNC_GENERATOR != 0 {
            &*(&raw const r#gen::PyAsyncGen_Type)
        } else if flags & co::COROUTINE != 0 {
            &*(&raw const r#gen::PyCoro_Type)
        } else {
            &*(&raw const r#gen::PyGen_Type)
        };
        let g = crate::typeobject::alloc_var_object::<Generator>(ty, code.nlocalsplus() + code.stacksize())?;
        let raw = g.as_raw();
        let gf = &raw mut (*raw).frame;
        let f = (*frame).function();
        (*raw).name.store(f.name().to_ref().into_ptr(), Relaxed);
        (*raw).qualname.store(f.qualname().to_ref().into_ptr(), Relaxed);
        (*gf).previous = null_mut();
        (*gf).pc = (*frame).pc;
        (*gf).func = (*frame).func.counted();
        (*gf).code = (*frame).code.counted();
        (*gf).globals = (*frame).globals;
        (*gf).builtins = (*frame).builtins;
        (*gf).locals = (*frame).locals;
        (*gf).frame_obj = (*frame).frame_obj;
        if !(*gf).frame_obj.is_null() {
            (*(*gf).frame_obj).frame.store(gf, core::sync::atomic::Ordering::Release);
        }
        (*gf).owner = Owner::Generator;
        (*gf).flags = 0;
        (*gf).trace_line = (*frame).trace_line;
        (*gf).aux = 0;
        let (src, dst) = (InterpFrame::localsplus(frame), InterpFrame::localsplus(gf));
        let n = (*frame).sp.offset_from(src) as usize;
        for i in 0..n {
            *dst.add(i) = (*src.add(i)).counted();
        }
        (*gf).sp = dst.add(n);
        (*raw).state.store(gen_state::CREATED, Release);
        if flags & (co::COROUTINE | co::ASYNC_GENERATOR) == co::COROUTINE {
            let depth = ts.abi().coroutine_origin_tracking_depth;
            if depth > 0 {
                let o = r#gen::compute_origin(depth as usize, frame)?;
                (*raw).origin_or_finalizer.store(o.into_ptr(), Relaxed);
            }
        }
        super::pending::track(&g);
        Ok(Slot::owned(g.upcast()))
    }
}

/// YIELD_VALUE: the frame keeps counted references only, and leaves the chain.
#[inline(always)]
pub unsafe fn suspend_generator(ts: &ThreadState, frame: *mut InterpFrame, arg: u32) {
    // SAFETY: the frame is current and saved, and belongs to a generator.
    unsafe {
        let g = InterpFrame::generator(frame).unwrap_unchecked();
        let mut p = InterpFrame::localsplus(frame);
        let end = (*frame).sp;
        while p < end {
            if (*p).is_borrowed() {
                *p = (*p).counted();
            }
            p = p.add(1);
        }
        let a = ts.abi_mut();
        a.current_frame = (*frame).previous.cast();
        a.py_recursion_remaining += 1;
        let ei = (&raw const g.exc_state).cast_mut();
        a.exc_info = (*ei).previous_item;
        (*ei).previous_item = null_mut();
        (*frame).previous = null_mut();
        (*frame).flags = 0;
        g.state.store(if arg & 1 != 0 { gen_state::SUSPENDED_YIELD_FROM } else { gen_state::SUSPENDED }, Release);
    }
}

/// The generator's code returned or raised: empties the frame. A set exception was put aside by the caller.
#[inline(never)]
pub unsafe fn finish_generator(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the frame is current and saved, and belongs to a generator.
    unsafe {
        let g = InterpFrame::generator(frame).unwrap_unchecked();
        let a = ts.abi_mut();
        a.current_frame = (*frame).previous.cast();
        a.py_recursion_remaining += 1;
        let ei = (&raw const g.exc_state).cast_mut();
        if !(*ei).previous_item.is_null() {
            a.exc_info = (*ei).previous_item;
            (*ei).previous_item = null_mut();
        }
        (*frame).previous = null_mut();
        g.state.store(gen_state::COMPLETED, Release);
        clear_generator_frame(g);
    }
}

/// Drops what a completed generator's frame still holds.
pub unsafe fn clear_generator_frame(g: &Generator) {
    let frame = (&raw const g.frame).cast_mut();
    // SAFETY: nobody runs the frame any more.
    unsafe {
        if !(*frame).frame_obj.is_null() {
            InterpFrame::clear_operands(frame);
            crate::objects::frame::detach(frame);
        }
        InterpFrame::clear_slots(frame);
        let ei = (&raw const g.exc_state).cast_mut();
        let v = core::mem::replace(&mut (*ei).exc_value, null_mut());
        drop(PyRef::from_ptr_opt(v));
        let l = core::mem::replace(&mut (*frame).locals, null_mut());
        drop(PyRef::from_ptr_opt(l));
        // The function is let go; the code stays for gi_code
        let f = core::mem::replace(&mut (*frame).func, Slot::NULL);
        f.drop();
    }
}

/// Takes a suspended generator over for running: false when it is not suspended.
#[inline(always)]
fn claim(g: &Generator) -> Option<i8> {
    let s = g.state.load(Relaxed);
    if s >= gen_state::EXECUTING {
        return None;
    }
    g.state.compare_exchange(s, gen_state::EXECUTING, Acquire, Relaxed).ok()
}

/// Prepares resuming a generator inside the running eval loop: pushes `value` on its stack and links its exception state.
/// The caller links the frame. None: the general way (which raises or ends as it must).
#[inline(always)]
pub unsafe fn begin_inline_resume(ts: &ThreadState, g: &Generator, value: Slot) -> Option<*mut InterpFrame> {
    // SAFETY: the generator was claimed, so its frame is ours.
    unsafe {
        let s = g.state.load(Relaxed);
        if s >= gen_state::EXECUTING || (s == gen_state::CREATED && !value.is_obj(none())) {
            return None;
        }
        claim(g)?;
        let f = (&raw const g.frame).cast_mut();
        *(*f).sp = value;
        (*f).sp = (*f).sp.add(1);
        let a = ts.abi_mut();
        let ei = (&raw const g.exc_state).cast_mut();
        (*ei).previous_item = a.exc_info;
        a.exc_info = ei;
        Some(f)
    }
}

/// How running a generator from C ended.
pub enum Sent {
    Yield(PyRef),
    Return(PyRef),
    Raised,
}

fn kind_name(g: &Generator) -> &'static str {
    if type_is!(g, r#gen::PyCoro_Type) {
        "coroutine"
    } else if type_is!(g, r#gen::PyAsyncGen_Type) {
        "async generator"
    } else {
        "generator"
    }
}

/// Resumes a generator: with a value, or (`throw`) with the exception that is set.
pub fn resume(g: &Generator, value: Option<&Object>, throw: bool, closing: bool) -> Sent {
    let ts = ThreadState::current();
    let Some(was) = claim(g) else {
        let s = g.state.load(Acquire);
        if s == gen_state::EXECUTING {
            let _ = raise!(ValueError, "{} already executing", kind_name(g));
            return Sent::Raised;
        }
        if type_is!(g, r#gen::PyCoro_Type) && !closing {
            let _ = raise!(RuntimeError, "cannot reuse already awaited coroutine");
            return Sent::Raised;
        }
        if !throw {
            return Sent::Return(none_ref());
        }
        return Sent::Raised;
    };
    if was == gen_state::CREATED && value.is_some_and(|v| !v.is_none()) {
        g.state.store(was, Release);
        let _ = raise!(TypeError, "can't send non-None value to a just-started {}", kind_name(g));
        return Sent::Raised;
    }
    // SAFETY: the generator was claimed.
    unsafe {
        let f = (&raw const g.frame).cast_mut();
        *(*f).sp = value.map_or(Slot::none(), Slot::new).counted();
        (*f).sp = (*f).sp.add(1);
        let a = ts.abi_mut();
        let ei = (&raw const g.exc_state).cast_mut();
        (*ei).previous_item = a.exc_info;
        a.exc_info = ei;
        (*f).flags = FLAG_ENTRY;
        (*f).previous = a.current_frame.cast();
        a.current_frame = f.cast();
        // The caller's reference keeps the generator alive; so does ours
        let keep = g.to_ref();
        if throw {
            // The exception chains to what is being handled
            super::unwind::chain_context(ts);
            super::traceback_here(f);
        }
        let r = eval::eval(ts, f, throw);
        let done = g.state.load(Acquire) >= gen_state::COMPLETED;
        drop(keep);
        if r.is_null() {
            return Sent::Raised;
        }
        match r.into_ref() {
            Ok(v) if done => Sent::Return(v),
            Ok(v) => Sent::Yield(v),
            Err(_) => Sent::Raised,
        }
    }
}

/// The general form of SEND on `[receiver, value]`: the result, and whether the receiver is exhausted. The value is
/// replaced by the caller.
#[inline(never)]
pub unsafe fn send(p: *mut Slot) -> PyResult<(Slot, bool)> {
    // SAFETY: two live entries.
    unsafe {
        super::slot::materialize(p.add(1))?;
        let (r, v) = ((*p).obj(), (*p.add(1)).obj());
        match send_to(r, v) {
            Sent::Yield(x) => Ok((Slot::owned(x), false)),
            Sent::Return(x) => Ok((Slot::owned(x), true)),
            Sent::Raised => Err(Raised::already_set()),
        }
    }
}

/// `PyIter_Send`.
pub fn send_to(r: &Object, v: &Object) -> Sent {
    if let Some(g) = r.downcast::<Generator>()
        && !type_is!(g, r#gen::PyAsyncGen_Type)
    {
        return resume(g, Some(v), false, false);
    }
    let ty = r.ty().slots();
    // SAFETY: slots are called as their types say.
    unsafe {
        if let Some(a) = ty.tp_as_async.as_ref()
            && let Some(f) = a.am_send
        {
            let mut out = null_mut();
            return match f(r.as_ptr(), v.as_ptr(), &mut out) {
                0 => Sent::Return(Ref::from_raw(out.cast())),
                1 => Sent::Yield(Ref::from_raw(out.cast())),
                _ => Sent::Raised,
            };
        }
    }
    let result = if v.is_none() && r.is_iter() {
        // SAFETY: `is_iter` vouches for the slot.
        unsafe {
            let f = ty.tp_iternext.unwrap_unchecked();
            PyRef::from_ptr_opt(f(r.as_ptr()))
        }
    } else {
        r.call_method(intern!("send"), &[v]).ok()
    };
    match result {
        Some(x) => Sent::Yield(x),
        None => match r#gen::fetch_stop_iteration_value() {
            Ok(x) => Sent::Return(x),
            Err(_) => Sent::Raised,
        },
    }
}

/// GET_YIELD_FROM_ITER
#[inline(never)]
pub unsafe fn get_yield_from_iter(frame: *mut InterpFrame, s: Slot) -> PyResult<Slot> {
    let o = s.obj();
    if type_is!(o, r#gen::PyCoro_Type) {
        // SAFETY: the frame is live.
        if unsafe { (*frame).code() }.flags() & (co::COROUTINE | co::ITERABLE_COROUTINE) == 0 {
            return Err(raise!(TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator"));
        }
        return Ok(Slot::new(o));
    }
    if type_is!(o, r#gen::PyGen_Type) {
        return Ok(Slot::new(o));
    }
    Ok(Slot::owned(o.iter()?))
}

/// GET_AWAITABLE
#[inline(never)]
pub unsafe fn get_awaitable(s: Slot, arg: u32) -> PyResult<Slot> {
    let o = s.obj();
    let it = match r#gen::awaitable_iter(o) {
        Ok(i) => i,
        Err(e) => {
            if (arg == 1 || arg == 2) && e.matches(exc::TypeError()) && !has_await(o) {
                e.clear();
                return Err(raise!(
                    TypeError,
                    "'async with' received an object from {} that does not implement __await__: {}",
                    if arg == 1 { "__aenter__" } else { "__aexit__" },
                    o.ty().name_str()
                ));
            }
            return Err(e);
        }
    };
    if type_is!(it, r#gen::PyCoro_Type) {
        // SAFETY: a coroutine.
        let g = unsafe { &*it.as_ptr().cast::<Generator>() };
        if r#gen::yield_from_target(g).is_some() {
            return Err(raise!(RuntimeError, "coroutine is being awaited already"));
        }
    }
    Ok(Slot::owned(it))
}

fn has_await(o: &Object) -> bool {
    // SAFETY: a live type's slots.
    unsafe { o.ty().slots().tp_as_async.as_ref() }.is_some_and(|a| a.am_await.is_some())
}

/// GET_AITER
#[inline(never)]
pub unsafe fn get_aiter(s: Slot) -> PyResult<Slot> {
    let o = s.obj();
    // SAFETY: slots are called as their types say.
    unsafe {
        let Some(f) = o.ty().slots().tp_as_async.as_ref().and_then(|a| a.am_aiter) else {
            return Err(raise!(
                TypeError,
                "'async for' requires an object with __aiter__ method, got {}",
                o.ty().name_str()
            ));
        };
        let it = PyRef::from_c_result(f(o.as_ptr()))?;
        if it.ty().slots().tp_as_async.as_ref().and_then(|a| a.am_anext).is_none() {
            return Err(raise!(
                TypeError,
                "'async for' received an object from __aiter__ that does not implement __anext__: {}",
                it.ty().name_str()
            ));
        }
        Ok(Slot::owned(it))
    }
}

/// GET_ANEXT
#[inline(never)]
pub unsafe fn get_anext(s: Slot) -> PyResult<Slot> {
    let o = s.obj();
    // SAFETY: slots are called as their types say.
    unsafe {
        let Some(f) = o.ty().slots().tp_as_async.as_ref().and_then(|a| a.am_anext) else {
            return Err(raise!(
                TypeError,
                "'async for' requires an iterator with __anext__ method, got {}",
                o.ty().name_str()
            ));
        };
        let next = PyRef::from_c_result(f(o.as_ptr()))?;
        if type_is!(o, r#gen::PyAsyncGen_Type) {
            return Ok(Slot::owned(next));
        }
        match r#gen::awaitable_iter(&next) {
            Ok(i) => Ok(Slot::owned(i)),
            Err(e) => {
                let _ = e;
                Err(crate::error::chain_from_cause(
                    exc::TypeError(),
                    format_args!("'async for' received an invalid object from __anext__: {}", next.ty().name_str()),
                ))
            }
        }
    }
}

/// A StopIteration (or StopAsyncIteration) that would leave a generator becomes RuntimeError.
pub fn stopiteration_error(frame: *mut InterpFrame, e: &Object) -> PyResult<PyRef> {
    // SAFETY: the frame is live.
    let flags = unsafe { (*frame).code() }.flags();
    let msg = if crate::error::exception_matches(e, exc::StopIteration()) {
        if flags & co::ASYNC_GENERATOR != 0 {
            "async generator raised StopIteration"
        } else if flags & co::COROUTINE != 0 {
            "coroutine raised StopIteration"
        } else {
            "generator raised StopIteration"
        }
    } else if flags & co::ASYNC_GENERATOR != 0 && crate::error::exception_matches(e, exc::StopAsyncIteration()) {
        "async generator raised StopAsyncIteration"
    } else {
        return Ok(e.to_ref());
    };
    let m = Str::new(msg)?;
    let new = exc::RuntimeError().call1(&m)?;
    new.setattr(intern!("__cause__"), e)?;
    new.setattr(intern!("__context__"), e)?;
    Ok(new)
}
