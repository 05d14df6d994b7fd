//! Calls as instructions see them: arguments on the evaluation stack.

use super::eval::type_is;
use super::frame::{FLAG_ENTRY, FLAG_INIT, InterpFrame, Owner};
use super::slot::{Slot, materialize};
use super::{call, genops, stack, unwind};
use crate::objects::{Code, Function};
use crate::prelude::*;
use compiler::code::co;
use compiler::opcode::intrinsic;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use smallvec::SmallVec;

/// A bound method in the callable's place becomes its function and its object.
#[inline(always)]
pub unsafe fn unpack_method(bottom: *mut Slot) {
    // SAFETY: `[callable, self_or_null, ..]`
    unsafe {
        if (*bottom.add(1)).is_null() {
            let c = *bottom;
            if c.is_unboxed() {
                // not callable: the general way says so
                return;
            }
            if type_is!(c.obj(), super::pending::PyMethod_Type) {
                let m = c.obj().cast::<abi::PyMethodObject>();
                *bottom = Slot::new_shared(Object::from_ptr(m.im_func));
                *bottom.add(1) = Slot::new_shared(Object::from_ptr(m.im_self));
                c.drop();
            }
        }
    }
}

/// Sets up the frame of a call that is no exact match. Takes the function's and the arguments' slots over in every case.
#[inline(never)]
pub unsafe fn prepare_call(
    ts: &ThreadState,
    f: &Function,
    fslot: Slot,
    args: *mut Slot,
    nargs: usize,
    kwnames: Option<&Tuple>,
) -> PyResult<*mut InterpFrame> {
    let code = f.code();
    // SAFETY: as in `call::vectorcall`.
    unsafe {
        let base = match stack::push(ts, code.framesize()) {
            Ok(b) => b,
            Err(e) => {
                for i in 0..nargs + kwnames.map_or(0, Tuple::len) {
                    (*args.add(i)).drop();
                }
                fslot.drop();
                return Err(e);
            }
        };
        let frame = stack::init_frame(base, fslot, f, code);
        if call::bind(f, code, InterpFrame::localsplus(frame), args, nargs, kwnames).is_err() {
            call::discard_frame(ts, frame);
            return Err(Raised::already_set());
        }
        Ok(frame)
    }
}

/// Calls any object with the `n` arguments above `bottom`; everything stays on the stack.
#[inline(never)]
pub unsafe fn call_object(bottom: *mut Slot, n: usize, kwnames: Option<Slot>) -> PyResult<Slot> {
    // SAFETY: `[callable, self_or_null, n args]`
    unsafe {
        let has_self = !(*bottom.add(1)).is_null();
        let first = bottom.add(if has_self { 1 } else { 2 });
        let total = n + has_self as usize;
        for i in 0..total {
            materialize(first.add(i))?;
        }
        materialize(bottom)?;
        let callable = (*bottom).obj();
        let kw = kwnames.map_or(null_mut(), |k| k.ptr());
        let nkw = if kw.is_null() { 0 } else { (*kw.cast::<Tuple>()).len() };
        let ty = callable.ty().slots();
        let vc = if ty.tp_flags & abi::Py_TPFLAGS_HAVE_VECTORCALL != 0 {
            *callable.as_ptr().byte_offset(ty.tp_vectorcall_offset).cast::<abi::vectorcallfunc>()
        } else {
            None
        };
        let r = if total < 8 {
            let mut buf = [null_mut::<abi::PyObject>(); 9];
            for i in 0..total {
                buf[i + 1] = (*first.add(i)).ptr();
            }
            match vc {
                Some(vc) => vc(callable.as_ptr(), buf.as_mut_ptr().add(1), (total - nkw) | 1 << 63, kw),
                None => return Ok(Slot::owned(callable.vectorcall(buf.as_ptr().add(1), total - nkw, kw)?)),
            }
        } else {
            let mut buf: SmallVec<[*mut abi::PyObject; 32]> = SmallVec::with_capacity(total + 1);
            buf.push(null_mut());
            for i in 0..total {
                buf.push((*first.add(i)).ptr());
            }
            match vc {
                Some(vc) => vc(callable.as_ptr(), buf.as_mut_ptr().add(1), (total - nkw) | 1 << 63, kw),
                None => return Ok(Slot::owned(callable.vectorcall(buf.as_ptr().add(1), total - nkw, kw)?)),
            }
        };
        if r.is_null() {
            return Err(null_result(callable));
        }
        Ok(Slot::steal(r))
    }
}

/// A C function returned NULL: there has to be an exception.
#[cold]
#[inline(never)]
pub fn null_result(callable: &Object) -> Raised {
    if crate::error::error_occurred() {
        return Raised::already_set();
    }
    match callable.repr() {
        Ok(r) => raise!(SystemError, "{} returned NULL without setting an exception", r.to_string_lossy()),
        Err(e) => e,
    }
}

/// What CALL_FUNCTION_EX did.
pub enum CallEx {
    Done(Slot),
    Frame(*mut InterpFrame),
}

/// `f(*args, **kwargs)`: `[func, self_or_null, args, kwargs or NULL]` at `p`; all stay on the stack.
#[inline(never)]
pub unsafe fn call_function_ex(ts: &ThreadState, frame: *mut InterpFrame, p: *mut Slot) -> PyResult<CallEx> {
    let _ = frame;
    // SAFETY: four entries, the second and the last may be NULL.
    unsafe {
        materialize(p)?;
        materialize(p.add(2))?;
        let func = (*p).obj();
        let args_obj = (*p.add(2)).obj();
        let held_args;
        let args: &Tuple = match args_obj.downcast_exact::<Tuple>() {
            Some(t) => t,
            None => {
                if args_obj.ty().slots().tp_iter.is_none() && !args_obj.sequence_check() {
                    return Err(raise!(
                        TypeError,
                        "{} argument after * must be an iterable, not {}",
                        super::ops::function_str(func),
                        args_obj.ty().name_str()
                    ));
                }
                held_args = args_obj.to_tuple()?;
                &held_args
            }
        };
        let kw = (*p.add(3)).try_obj();
        let held_kw;
        let kwargs: Option<&Dict> = match kw {
            None => None,
            Some(o) => match o.downcast_exact::<Dict>() {
                Some(d) => Some(d),
                None => {
                    let d = Dict::new()?;
                    if let Err(e) = d.update(o) {
                        if e.matches(exc::AttributeError()) {
                            e.clear();
                            return Err(raise!(
                                TypeError,
                                "{} argument after ** must be a mapping, not {}",
                                super::ops::function_str(func),
                                o.ty().name_str()
                            ));
                        }
                        return Err(e);
                    }
                    held_kw = d;
                    Some(&held_kw)
                }
            },
        };
        let kwargs = kwargs.filter(|d| d.len() != 0);
        if type_is!(func, crate::objects::func::PyFunction_Type) {
            let f = &*func.as_ptr().cast::<Function>();
            let mut buf: SmallVec<[Slot; 16]> = args.iter().map(Slot::new).collect();
            let nargs = buf.len();
            let mut names = None;
            if let Some(d) = kwargs {
                let mut keys: SmallVec<[PyRef; 8]> = SmallVec::new();
                let mut pos = 0;
                while let Some((k, v)) = d.next(&mut pos) {
                    keys.push(k);
                    buf.push(Slot::owned(v));
                }
                let n = keys.len();
                let mut keys = keys.into_iter();
                names = match Tuple::build(n, |_| Ok(keys.next().unwrap_or_else(none_ref))) {
                    Ok(t) => Some(t),
                    Err(e) => {
                        buf.iter().for_each(|s| s.drop());
                        return Err(e);
                    }
                };
            }
            let new = prepare_call(ts, f, Slot::new(f), buf.as_mut_ptr(), nargs, names.as_deref())?;
            return Ok(CallEx::Frame(new));
        }
        Ok(CallEx::Done(Slot::owned(func.call_dict(args, kwargs)?)))
    }
}

/// Where a return leads.
pub enum Return {
    /// Out of the eval loop
    Exit(Slot),
    /// To this frame, which gets the value
    Caller(*mut InterpFrame, Slot),
    /// To this frame, which gets an exception
    Raised(*mut InterpFrame),
    /// Out of the eval loop with an exception
    RaisedExit,
}

/// Returns from a frame that is an entry, a generator's, or an `__init__` call.
#[inline(never)]
pub unsafe fn return_slow(ts: &ThreadState, frame: *mut InterpFrame, v: Slot) -> Return {
    // SAFETY: the frame is current and saved.
    unsafe {
        let flags = (*frame).flags;
        let prev = (*frame).previous;
        if (*frame).owner == Owner::Generator {
            let target = (*frame).aux as usize;
            let is_coro_result = v.counted();
            genops::finish_generator(ts, frame);
            if flags & FLAG_ENTRY != 0 {
                return Return::Exit(is_coro_result);
            }
            (*prev).pc = (*prev).pc.add(target);
            return Return::Caller(prev, is_coro_result);
        }
        unwind::leave_thread_frame(ts, frame);
        if flags & FLAG_INIT != 0 {
            // The instance lies on top of the caller's stack
            if !v.is_obj(none()) {
                let e = match v.to_ref() {
                    Ok(o) => raise!(TypeError, "__init__() should return None, not '{}'", o.ty().name_str()),
                    Err(e) => e,
                };
                let _ = e;
                v.drop();
                return Return::Raised(prev);
            }
            let sp = (*prev).sp.sub(1);
            (*prev).sp = sp;
            return Return::Caller(prev, *sp);
        }
        Return::Exit(v)
    }
}

/// Frees the data-stack room of a frame whose contents moved into a generator.
pub unsafe fn drop_moved_frame(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the frame is current; nothing in it is owned any more.
    unsafe {
        let a = ts.abi_mut();
        a.current_frame = (*frame).previous.cast();
        a.py_recursion_remaining += 1;
        stack::pop(ts, frame.cast());
    }
}

/// MAKE_FUNCTION
#[inline(never)]
pub unsafe fn make_function(frame: *mut InterpFrame, code: Slot) -> PyResult<Slot> {
    // SAFETY: the compiler puts code here.
    unsafe {
        let c = &*code.ptr().cast::<Code>();
        let f = Function::with_builtins(c, (*frame).globals(), (*frame).builtins())?;
        Ok(Slot::owned(f.upcast()))
    }
}

/// SET_FUNCTION_ATTRIBUTE: takes `v` over.
#[inline(never)]
pub unsafe fn set_function_attribute(f: Slot, v: Slot, which: u32) -> PyResult<()> {
    // SAFETY: the function is fresh: no other thread sees it.
    unsafe {
        let func = &mut *f.ptr().cast::<Function>();
        let p = v.into_ref()?.into_ptr();
        match which {
            1 => func.defaults.store(p, Ordering::Release),
            2 => func.kwdefaults.store(p, Ordering::Release),
            4 => func.annotations.store(p, Ordering::Release),
            8 => func.closure = p,
            _ => func.annotate.store(p, Ordering::Release),
        }
    }
    Ok(())
}

/// A fresh instance for a specialised class call.
pub unsafe fn alloc_instance(cls: &Type) -> PyResult<PyRef> {
    // SAFETY: tp_alloc gives an owned reference.
    Ok(unsafe { Ref::from_raw(cls.alloc(0)?.cast()) })
}

/// LOAD_SUPER_ATTR on `[super, class, self]`. True: an unbound method was found, `self` becomes its first argument.
#[inline(never)]
pub unsafe fn load_super_attr(p: *mut Slot, name: &Str, arg: u32) -> PyResult<(Slot, bool)> {
    // SAFETY: three live entries.
    unsafe {
        for i in 0..3 {
            materialize(p.add(i))?;
        }
        let (sup, cls, me) = ((*p).obj(), (*p.add(1)).obj(), (*p.add(2)).obj());
        let is_super = core::ptr::addr_eq(sup, super::super_type());
        if is_super
            && let Some(cls) = cls.downcast::<Type>()
            && let Some(r) = super::super_lookup(cls, me, name, arg & 1 != 0)?
        {
            return Ok(r);
        }
        let s = if arg & 2 != 0 { sup.call(&[cls, me])? } else { sup.call0()? };
        Ok((Slot::owned(s.getattr(name)?), false))
    }
}

/// LOAD_SPECIAL: a method looked up on the type.
#[inline(never)]
pub unsafe fn load_special(p: *mut Slot, which: u32) -> PyResult<(Slot, bool)> {
    // SAFETY: a live entry.
    unsafe {
        materialize(p)?;
        let o = (*p).obj();
        let name = match which {
            0 => intern!("__enter__"),
            1 => intern!("__exit__"),
            2 => intern!("__aenter__"),
            _ => intern!("__aexit__"),
        };
        if let Some(d) = o.ty().lookup_slot(name) {
            if d.obj().ty().flags() & abi::Py_TPFLAGS_METHOD_DESCRIPTOR != 0 {
                return Ok((d, true));
            }
            let d = d.counted().into_ref()?;
            return match d.ty().slots().tp_descr_get {
                Some(get) => {
                    Ok((Slot::owned(PyRef::from_c_result(get(d.as_ptr(), o.as_ptr(), o.ty().as_ptr()))?), false))
                }
                None => Ok((Slot::owned(d), false)),
            };
        }
        let t = o.ty().name_str();
        let (kind, missed) = match which {
            0 => ("the context manager protocol", "__enter__"),
            1 => ("the context manager protocol", "__exit__"),
            2 => ("the asynchronous context manager protocol", "__aenter__"),
            _ => ("the asynchronous context manager protocol", "__aexit__"),
        };
        let has = |n: &Str| o.ty().lookup(n).is_some();
        let hint = if which < 2 {
            if has(intern!("__aenter__")) && has(intern!("__aexit__")) {
                " but it supports the asynchronous context manager protocol. Did you mean to use 'async with'?"
            } else {
                ""
            }
        } else if has(intern!("__enter__")) && has(intern!("__exit__")) {
            " but it supports the context manager protocol. Did you mean to use 'with'?"
        } else {
            ""
        };
        if hint.is_empty() {
            Err(raise!(TypeError, "'{}' object does not support {} (missed {} method)", t, kind, missed))
        } else {
            Err(raise!(TypeError, "'{}' object does not support {} (missed {} method){}", t, kind, missed, hint))
        }
    }
}

/// CALL_INTRINSIC_1
#[inline(never)]
pub unsafe fn intrinsic_1(ts: &ThreadState, frame: *mut InterpFrame, n: u32, v: Slot) -> PyResult<Slot> {
    use crate::objects::typevar;
    let o = v.obj();
    let r = match n {
        intrinsic::PRINT => {
            let Some(hook) = super::sys_attr("displayhook")? else {
                return Err(raise!(RuntimeError, "lost sys.displayhook"));
            };
            hook.call1(o)?
        }
        intrinsic::IMPORT_STAR => {
            // SAFETY: the frame is live.
            unsafe { import_star(frame, o)? };
            none_ref()
        }
        intrinsic::STOPITERATION_ERROR => genops::stopiteration_error(frame, o)?,
        intrinsic::ASYNC_GEN_WRAP => crate::objects::r#gen::wrap_async_value(o)?,
        intrinsic::UNARY_POSITIVE => return Ok(super::ops::unbox(o.pos()?)),
        // SAFETY: the compiler puts a list here.
        intrinsic::LIST_TO_TUPLE => unsafe { o.cast::<List>() }.to_tuple_exact()?.upcast(),
        intrinsic::TYPEVAR => typevar::make_typevar(o, None, None)?,
        intrinsic::PARAMSPEC => typevar::make_paramspec(o)?,
        intrinsic::TYPEVARTUPLE => typevar::make_typevartuple(o)?,
        intrinsic::SUBSCRIPT_GENERIC => typevar::subscript_generic(o)?,
        intrinsic::TYPEALIAS => typevar::make_typealias(o)?,
        _ => return Err(raise!(SystemError, "unknown intrinsic {}", n)),
    };
    let _ = ts;
    Ok(Slot::owned(r))
}

/// CALL_INTRINSIC_2
#[inline(never)]
pub unsafe fn intrinsic_2(n: u32, a: Slot, b: Slot) -> PyResult<Slot> {
    use crate::objects::typevar;
    let (x, y) = (a.obj(), b.obj());
    let r = match n {
        intrinsic::PREP_RERAISE_STAR => super::exgroup::prep_reraise_star(x, y)?,
        intrinsic::TYPEVAR_WITH_BOUND => typevar::make_typevar(x, Some(y), None)?,
        intrinsic::TYPEVAR_WITH_CONSTRAINTS => typevar::make_typevar(x, None, Some(y))?,
        intrinsic::SET_FUNCTION_TYPE_PARAMS => {
            // SAFETY: the compiler puts a function here.
            let f = unsafe { &*x.as_ptr().cast::<Function>() };
            let old = f.typeparams.swap(y.to_ref().into_ptr(), Ordering::AcqRel);
            // SAFETY: the field owned it.
            drop(unsafe { PyRef::from_ptr_opt(old) });
            x.to_ref()
        }
        intrinsic::SET_TYPEPARAM_DEFAULT => typevar::set_default(x, y)?,
        _ => return Err(raise!(SystemError, "unknown intrinsic {}", n)),
    };
    Ok(Slot::owned(r))
}

unsafe fn import_star(frame: *mut InterpFrame, m: &Object) -> PyResult<()> {
    // SAFETY: the frame is live.
    let locals = unsafe {
        match Object::from_ptr_opt((*frame).locals) {
            Some(l) => l,
            None => return Err(raise!(SystemError, "no locals found during 'import *'")),
        }
    };
    let (names, skip_private) = match m.getattr_opt(intern!("__all__"))? {
        Some(all) => (all.to_list()?, false),
        None => {
            let Some(d) = m.getattr_opt(intern!("__dict__"))? else {
                return Err(raise!(ImportError, "from-import-* object has no __dict__ and no __all__"));
            };
            let keys = match d.downcast::<Dict>() {
                Some(d) => d.keys_list()?,
                None => d.call_method(intern!("keys"), &[])?.to_list()?,
            };
            (keys, true)
        }
    };
    for n in names.snapshot() {
        let Some(s) = n.downcast::<Str>() else {
            let modname = m.getattr(intern!("__name__"))?;
            return Err(raise!(
                TypeError,
                "{} in {}.{} must be str, not {}",
                if skip_private { "Key" } else { "Item" },
                modname.str()?.to_string_lossy(),
                if skip_private { "__dict__" } else { "__all__" },
                n.ty().name_str()
            ));
        };
        if skip_private && s.len() > 0 && s.char_at(0) == '_' as u32 {
            continue;
        }
        let v = m.getattr(s)?;
        match locals.downcast_exact::<Dict>() {
            Some(d) => d.set(&n, &v)?,
            None => locals.set_item(&n, &v)?,
        }
    }
    Ok(())
}

#[allow(dead_code)]
const _CO: u32 = co::GENERATOR;
