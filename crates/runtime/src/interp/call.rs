//! Calling Python functions: binding arguments to locals, entering the eval loop from C and Rust.

use super::frame::{FLAG_ENTRY, InterpFrame};
use super::slot::Slot;
use super::{eval, stack};
use crate::objects::{Code, Function};
use crate::prelude::*;
use compiler::code::co;
use core::ptr::null_mut;

const ARGUMENTS_OFFSET: usize = 1 << 63;

/// `vectorcall` of every Python function.
///
/// # Safety
/// The vectorcall protocol.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyFunction_Vectorcall(
    func: *mut abi::PyObject,
    args: *mut *mut abi::PyObject,
    nargsf: usize,
    kwnames: *mut abi::PyObject,
) -> *mut abi::PyObject {
    // SAFETY: the protocol: args hold nargs + len(kwnames) live objects.
    unsafe {
        let f = &*func.cast::<Function>();
        let kw = kwnames.cast::<Tuple>().as_ref();
        match vectorcall(f, args, nargsf & !ARGUMENTS_OFFSET, kw) {
            Ok(s) => match s.into_ref() {
                Ok(r) => r.into_ptr(),
                Err(_) => null_mut(),
            },
            Err(_) => null_mut(),
        }
    }
}

/// Calls a Python function with borrowed arguments.
///
/// # Safety
/// `args` holds `nargs + len(kwnames)` live objects.
pub unsafe fn vectorcall(
    f: &Function,
    args: *const *mut abi::PyObject,
    nargs: usize,
    kwnames: Option<&Tuple>,
) -> PyResult<Slot> {
    let ts = ThreadState::current();
    let code = f.code();
    // SAFETY: the arguments are live; slots are initialised before the frame is linked.
    unsafe {
        let base = stack::push(ts, code.framesize())?;
        let frame = stack::init_frame(base, Slot::new(f), f, code);
        let locals = InterpFrame::localsplus(frame);
        if code.extra().simple_args && kwnames.is_none() && nargs == code.argcount() {
            for i in 0..nargs {
                *locals.add(i) = Slot::new(Object::from_ptr(*args.add(i)));
            }
            for i in nargs..code.nlocalsplus() {
                *locals.add(i) = Slot::NULL;
            }
        } else {
            let total = nargs + kwnames.map_or(0, Tuple::len);
            let mut buf: smallvec::SmallVec<[Slot; 16]> = smallvec::SmallVec::with_capacity(total);
            for i in 0..total {
                buf.push(Slot::new(Object::from_ptr(*args.add(i))));
            }
            if bind(f, code, locals, buf.as_ptr(), nargs, kwnames).is_err() {
                discard_frame(ts, frame);
                return Err(Raised::already_set());
            }
        }
        (*frame).flags = FLAG_ENTRY;
        run_entry(ts, frame)
    }
}

/// Frees a frame that was never linked; its locals are all valid.
///
/// # Safety
/// The frame is the topmost of the data stack and holds initialised locals.
pub unsafe fn discard_frame(ts: &ThreadState, frame: *mut InterpFrame) {
    // SAFETY: the caller's promise.
    unsafe {
        InterpFrame::clear_slots(frame);
        InterpFrame::clear_header(frame);
        stack::pop(ts, frame.cast());
    }
}

/// Links an entry frame and runs it to its end.
///
/// # Safety
/// The frame is complete, has FLAG_ENTRY, and is topmost on the data stack.
pub unsafe fn run_entry(ts: &ThreadState, frame: *mut InterpFrame) -> PyResult<Slot> {
    // SAFETY: the caller's promise.
    unsafe {
        (*frame).previous = ts.abi().current_frame.cast();
        ts.abi_mut().current_frame = frame.cast();
        let r = eval::eval(ts, frame, false);
        if r.is_null() { Err(Raised::already_set()) } else { Ok(r) }
    }
}

/// Runs code with a namespace as locals.
pub fn run_code(f: &Function, locals: Option<&Object>) -> PyResult<PyRef> {
    let ts = ThreadState::current();
    let code = f.code();
    // SAFETY: slots are initialised before the frame is linked.
    unsafe {
        let base = stack::push(ts, code.framesize())?;
        let frame = stack::init_frame(base, Slot::new(f), f, code);
        let lp = InterpFrame::localsplus(frame);
        for i in 0..code.nlocalsplus() {
            *lp.add(i) = Slot::NULL;
        }
        if code.argcount() + code.kwonlyargcount() != 0 || code.flags() & (co::VARARGS | co::VARKEYWORDS) != 0 {
            if bind(f, code, lp, core::ptr::null(), 0, None).is_err() {
                discard_frame(ts, frame);
                return Err(Raised::already_set());
            }
        }
        if let Some(l) = locals {
            drop(PyRef::from_ptr_opt(core::mem::replace(&mut (*frame).locals, l.to_ref().into_ptr())));
        }
        (*frame).flags = FLAG_ENTRY;
        run_entry(ts, frame)?.into_ref()
    }
}

/// Binds arguments to parameters; takes over the slots of `args` in every case. On failure the locals are all valid
/// (the caller discards the frame).
///
/// # Safety
/// `locals` has room for the code's locals, `args` holds `nargs + len(kwnames)` slots.
#[inline(never)]
pub unsafe fn bind(
    f: &Function,
    code: &Code,
    locals: *mut Slot,
    args: *const Slot,
    nargs: usize,
    kwnames: Option<&Tuple>,
) -> PyResult<()> {
    // SAFETY: indices stay within what the code and the caller declare.
    unsafe {
        let nkw = kwnames.map_or(0, Tuple::len);
        for i in 0..code.nlocalsplus() {
            *locals.add(i) = Slot::NULL;
        }
        let argcount = code.argcount();
        let kwonly = code.kwonlyargcount();
        let total_args = argcount + kwonly;
        let varargs = code.flags() & co::VARARGS != 0;
        let varkw = code.flags() & co::VARKEYWORDS != 0;
        let drop_from = |from: usize| {
            for i in from..nargs + nkw {
                (*args.add(i)).drop();
            }
        };

        // Positional arguments
        let n = nargs.min(argcount);
        for i in 0..n {
            *locals.add(i) = *args.add(i);
        }
        // The **kwargs dict
        let kwdict = if varkw {
            match Dict::new() {
                Ok(d) => {
                    *locals.add(total_args + varargs as usize) = Slot::owned(d.clone().upcast());
                    Some(d)
                }
                Err(e) => {
                    drop_from(n);
                    return Err(e);
                }
            }
        } else {
            None
        };
        // Surplus positional arguments
        if varargs {
            let r = if nargs <= argcount {
                Ok(Tuple::empty())
            } else {
                Tuple::build(nargs - n, |i| (*args.add(n + i)).into_ref())
            };
            match r {
                Ok(t) => *locals.add(total_args) = Slot::owned(t.upcast()),
                Err(e) => {
                    drop_from(nargs);
                    return Err(e);
                }
            }
        } else if nargs > argcount {
            for i in n..nargs {
                (*args.add(i)).drop();
            }
        }
        // Keyword arguments
        if let Some(names) = kwnames {
            for k in 0..nkw {
                let v = *args.add(nargs + k);
                if let Err(e) =
                    bind_keyword(f, code, locals, names.get(k), v, kwdict.as_deref(), total_args, nargs, kwnames)
                {
                    for j in k + 1..nkw {
                        (*args.add(nargs + j)).drop();
                    }
                    return Err(e);
                }
            }
        }
        if nargs > argcount && !varargs {
            return Err(too_many_positional(f, code, nargs, locals));
        }
        // Missing positional arguments
        if nargs < argcount {
            let defaults = f.defaults();
            let ndef = defaults.map_or(0, Tuple::len);
            let m = argcount as isize - ndef as isize;
            let mut missing = 0;
            for i in nargs..m.max(nargs as isize) as usize {
                if (*locals.add(i)).is_null() {
                    missing += 1;
                }
            }
            if missing > 0 {
                return Err(missing_arguments(f, code, missing, ndef, locals));
            }
            if let Some(d) = defaults {
                let start = (nargs as isize - m).max(0) as usize;
                for i in start..ndef {
                    let p = locals.add((m + i as isize) as usize);
                    if (*p).is_null() {
                        *p = Slot::new(d.get(i));
                    }
                }
            }
        }
        // Missing keyword-only arguments
        if kwonly > 0 {
            let mut missing = 0;
            for i in argcount..total_args {
                if !(*locals.add(i)).is_null() {
                    continue;
                }
                if let Some(d) = f.kwdefaults()
                    && let Some(v) = d.get(code.local_name(i))?
                {
                    *locals.add(i) = Slot::owned(v);
                    continue;
                }
                missing += 1;
            }
            if missing > 0 {
                return Err(missing_kwonly(f, code, missing, locals));
            }
        }
        Ok(())
    }
}

#[allow(clippy::too_many_arguments)]
unsafe fn bind_keyword(
    f: &Function,
    code: &Code,
    locals: *mut Slot,
    name: &Object,
    value: Slot,
    kwdict: Option<&Dict>,
    total_args: usize,
    nargs: usize,
    kwnames: Option<&Tuple>,
) -> PyResult<()> {
    let posonly = code.posonlyargcount();
    let fail = |e: Raised| {
        value.drop();
        Err(e)
    };
    let Some(sname) = name.downcast::<Str>() else {
        return fail(raise!(TypeError, "keywords must be strings"));
    };
    // SAFETY: parameters come first in localsplus.
    unsafe {
        let mut found = None;
        for i in posonly..total_args {
            if name.is(code.local_name(i)) {
                found = Some(i);
                break;
            }
        }
        if found.is_none() {
            for i in posonly..total_args {
                if sname.eq_data(code.local_name(i)) {
                    found = Some(i);
                    break;
                }
            }
        }
        let Some(i) = found else {
            if let Some(d) = kwdict {
                let v = value.into_ref()?;
                return d.insert(name.to_ref(), v);
            }
            value.drop();
            if posonly > 0
                && let Some(e) = posonly_as_keyword(f, code, kwnames)?
            {
                return Err(e);
            }
            let mut possible = Vec::new();
            for i in posonly..total_args {
                possible.push(code.local_name(i).to_string_lossy().into_owned());
            }
            let n = sname.to_string_lossy();
            return Err(match super::suggest::closest(&n, &possible) {
                Some(s) => raise!(
                    TypeError,
                    "{}() got an unexpected keyword argument '{}'. Did you mean '{}'?",
                    f.qualname().to_string_lossy(),
                    n,
                    s
                ),
                None => {
                    raise!(TypeError, "{}() got an unexpected keyword argument '{}'", f.qualname().to_string_lossy(), n)
                }
            });
        };
        let _ = nargs;
        let p = locals.add(i);
        if !(*p).is_null() {
            return fail(raise!(
                TypeError,
                "{}() got multiple values for argument '{}'",
                f.qualname().to_string_lossy(),
                sname.to_string_lossy()
            ));
        }
        *p = value;
        Ok(())
    }
}

#[cold]
fn posonly_as_keyword(f: &Function, code: &Code, kwnames: Option<&Tuple>) -> PyResult<Option<Raised>> {
    let mut bad = Vec::new();
    for i in 0..code.posonlyargcount() {
        let n = code.local_name(i);
        for k in kwnames.into_iter().flat_map(Tuple::iter) {
            if k.is(n) || Object::eq(k, n)? {
                bad.push(n.to_string_lossy().into_owned());
            }
        }
    }
    if bad.is_empty() {
        return Ok(None);
    }
    Ok(Some(raise!(
        TypeError,
        "{}() got some positional-only arguments passed as keyword arguments: '{}'",
        f.qualname().to_string_lossy(),
        bad.join(", ")
    )))
}

#[cold]
unsafe fn too_many_positional(f: &Function, code: &Code, given: usize, locals: *mut Slot) -> Raised {
    let co_argcount = code.argcount();
    let defcount = f.defaults().map_or(0, Tuple::len);
    let mut kwonly_given = 0;
    for i in co_argcount..co_argcount + code.kwonlyargcount() {
        // SAFETY: parameters come first in localsplus.
        if !unsafe { *locals.add(i) }.is_null() {
            kwonly_given += 1;
        }
    }
    let (plural, sig) = if defcount > 0 {
        (true, format!("from {} to {}", co_argcount - defcount, co_argcount))
    } else {
        (co_argcount != 1, co_argcount.to_string())
    };
    let kwonly_sig = if kwonly_given > 0 {
        format!(
            " positional argument{} (and {} keyword-only argument{})",
            if given != 1 { "s" } else { "" },
            kwonly_given,
            if kwonly_given != 1 { "s" } else { "" }
        )
    } else {
        String::new()
    };
    raise!(
        TypeError,
        "{}() takes {} positional argument{} but {}{} {} given",
        f.qualname().to_string_lossy(),
        sig,
        if plural { "s" } else { "" },
        given,
        kwonly_sig,
        if given == 1 && kwonly_given == 0 { "was" } else { "were" }
    )
}

fn format_missing(kind: &str, f: &Function, names: &[String]) -> Raised {
    let list = match names {
        [a] => a.clone(),
        [a, b] => format!("{a} and {b}"),
        [init @ .., a, b] => {
            let mut s = init.join(", ");
            s.push_str(&format!(", {a}, and {b}"));
            s
        }
        [] => String::new(),
    };
    raise!(
        TypeError,
        "{}() missing {} required {} argument{}: {}",
        f.qualname().to_string_lossy(),
        names.len(),
        kind,
        if names.len() == 1 { "" } else { "s" },
        list
    )
}

#[cold]
unsafe fn missing_arguments(f: &Function, code: &Code, _missing: usize, ndef: usize, locals: *mut Slot) -> Raised {
    let end = code.argcount() - ndef;
    let mut names = Vec::new();
    for i in 0..end {
        // SAFETY: parameters come first in localsplus.
        if unsafe { *locals.add(i) }.is_null() {
            names.push(quoted(code.local_name(i)));
        }
    }
    format_missing("positional", f, &names)
}

#[cold]
unsafe fn missing_kwonly(f: &Function, code: &Code, _missing: usize, locals: *mut Slot) -> Raised {
    let mut names = Vec::new();
    for i in code.argcount()..code.argcount() + code.kwonlyargcount() {
        // SAFETY: parameters come first in localsplus.
        if unsafe { *locals.add(i) }.is_null() {
            names.push(quoted(code.local_name(i)));
        }
    }
    format_missing("keyword-only", f, &names)
}

fn quoted(s: &Str) -> String {
    match s.repr() {
        Ok(r) => r.to_string_lossy().into_owned(),
        Err(e) => {
            e.clear();
            String::new()
        }
    }
}
