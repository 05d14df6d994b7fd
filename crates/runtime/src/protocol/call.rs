//! Calling: vectorcall with `tp_call` as the fallback, both ways round, and the guard of the native stack.

use super::{failed, own};
use crate::prelude::*;
use abi::PyObject;

/// Set in `nargsf` when the callee may use `args[-1]` for a while.
pub const PY_VECTORCALL_ARGUMENTS_OFFSET: usize = 1 << 63;

type P = *mut PyObject;
type VectorcallFn = unsafe extern "C" fn(P, *mut P, usize, P) -> P;

/// Raises RecursionError when the native stack runs short. `where_` is added to the message (`" in comparison"`).
#[inline(always)]
pub fn enter_recursive_call(where_: &str) -> PyResult<()> {
    if ThreadState::current().stack_left() < 0 { Err(stack_overflow(where_)) } else { Ok(()) }
}

/// The RecursionError of a native stack that runs short.
#[cold]
pub fn stack_overflow(where_: &str) -> Raised {
    let ts = ThreadState::current();
    let used = ts.c_stack_top.get().saturating_sub(ts.c_stack_limit.get()) / 1024;
    // Making the exception happens on the reserve below the limit; no Python code runs for it.
    raise!(RecursionError, "Stack overflow (used {} kB){}", used, where_)
}

/// The counterpart of `enter_recursive_call`: nothing to do, the stack pointer says it all.
#[inline(always)]
pub fn leave_recursive_call() {}

/// Checks a result of foreign code: null needs an exception, a value must come without one.
pub(crate) fn check_result(callable: &Object, r: P) -> PyResult<PyRef> {
    let err = crate::error::error_occurred();
    // SAFETY: an owned reference or null.
    match unsafe { PyRef::from_ptr_opt(r) } {
        Some(v) if !err => Ok(v),
        None if err => Err(Raised::already_set()),
        None => Err(describe(callable, "returned NULL without setting an exception")),
        Some(v) => {
            drop(v);
            Err(chained(callable))
        }
    }
}

#[cold]
fn describe(callable: &Object, what: &str) -> Raised {
    match callable.repr() {
        Ok(s) => raise!(SystemError, "{} {}", s.to_string_lossy(), what),
        Err(e) => e,
    }
}

#[cold]
fn chained(callable: &Object) -> Raised {
    let saved = crate::error::take_error();
    let text = callable.repr().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(e) = saved {
        let _: Raised = crate::error::restore(e);
    }
    crate::error::chain_from_cause(exc::SystemError(), format_args!("{} returned a result with an exception set", text))
}

/// The vectorcall entry of an object, if it has one.
#[inline(always)]
pub fn vectorcall_function(o: &Object) -> Option<VectorcallFn> {
    let t = o.ty();
    if !t.has_feature(abi::Py_TPFLAGS_HAVE_VECTORCALL) {
        return None;
    }
    let off = t.slots().tp_vectorcall_offset;
    // SAFETY: the flag says that the pointer lies there.
    unsafe { *o.as_ptr().cast::<u8>().offset(off).cast::<Option<VectorcallFn>>() }
}

/// `PyVectorcall_NARGS`.
#[inline(always)]
pub fn nargs(nargsf: usize) -> usize {
    nargsf & !PY_VECTORCALL_ARGUMENTS_OFFSET
}

impl Object {
    /// Calls with the vectorcall convention.
    #[inline]
    pub fn vectorcall(&self, args: *const P, nargsf: usize, kwnames: P) -> PyResult<PyRef> {
        if let Some(f) = vectorcall_function(self) {
            enter_recursive_call(" while calling a Python object")?;
            // SAFETY: the callee's own entry; the caller vouches for the arguments.
            let r = unsafe { f(self.as_ptr(), args.cast_mut(), nargsf, kwnames) };
            if r.is_null() {
                return Err(if crate::error::error_occurred() {
                    Raised::already_set()
                } else {
                    describe(self, "returned NULL without setting an exception")
                });
            }
            // SAFETY: an owned result.
            return Ok(unsafe { PyRef::from_raw(r.cast()) });
        }
        // SAFETY: the caller vouches for the arguments.
        unsafe { self.tp_call_from_array(args, nargs(nargsf), kwnames) }
    }

    unsafe fn tp_call_from_array(&self, args: *const P, n: usize, kwnames: P) -> PyResult<PyRef> {
        let Some(f) = self.ty().slots().tp_call else {
            return Err(not_callable(self));
        };
        // SAFETY: the caller vouches for the arguments.
        unsafe {
            if core::ptr::fn_addr_eq(f, crate::typeobject::dispatch::slot_tp_call as unsafe extern "C" fn(P, P, P) -> P)
            {
                if let Some(m) = self.ty().lookup(intern!("__call__")) {
                    enter_recursive_call(" while calling a Python object")?;
                    if m.ty().has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
                        let nk = if kwnames.is_null() { 0 } else { (*kwnames.cast::<Tuple>()).len() };
                        let mut v = Vec::with_capacity(n + nk + 1);
                        v.push(self.as_ptr());
                        v.extend_from_slice(core::slice::from_raw_parts(
                            if args.is_null() { core::ptr::dangling() } else { args },
                            n + nk,
                        ));
                        return m.vectorcall(v.as_ptr(), n + 1, kwnames);
                    }
                    return match m.ty().slots().tp_descr_get {
                        Some(get) => {
                            own(get(m.as_ptr(), self.as_ptr(), self.ty().as_ptr()))?.vectorcall(args, n, kwnames)
                        }
                        None => m.vectorcall(args, n, kwnames),
                    };
                }
            }
            let items: &[&Object] = if n == 0 { &[] } else { core::slice::from_raw_parts(args.cast(), n) };
            let t = Tuple::from_slice(items)?;
            let kw = kwargs_dict(args, n, kwnames)?;
            enter_recursive_call(" while calling a Python object")?;
            let r = f(self.as_ptr(), t.as_ptr(), kw.as_ref().map_or(core::ptr::null_mut(), |d| d.as_ptr()));
            check_result(self, r)
        }
    }

    #[inline]
    pub fn call0(&self) -> PyResult<PyRef> {
        let mut a: [P; 1] = [core::ptr::null_mut()];
        self.vectorcall(a[1..].as_mut_ptr(), PY_VECTORCALL_ARGUMENTS_OFFSET, core::ptr::null_mut())
    }

    #[inline]
    pub fn call1(&self, arg: &Object) -> PyResult<PyRef> {
        let a: [P; 2] = [core::ptr::null_mut(), arg.as_ptr()];
        self.vectorcall(a[1..].as_ptr(), 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, core::ptr::null_mut())
    }

    /// Calls with positional arguments.
    #[inline]
    pub fn call(&self, args: &[&Object]) -> PyResult<PyRef> {
        self.vectorcall(args.as_ptr().cast(), args.len(), core::ptr::null_mut())
    }

    /// Calls with the values of the keywords in `kwnames` at the end of `args`.
    pub fn call_kw(&self, args: &[&Object], kwnames: Option<&Tuple>) -> PyResult<PyRef> {
        match kwnames {
            Some(k) if !k.is_empty() => self.vectorcall(args.as_ptr().cast(), args.len() - k.len(), k.as_ptr()),
            _ => self.call(args),
        }
    }

    /// Calls with a tuple and a dict (`PyObject_Call`).
    pub fn call_dict(&self, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<PyRef> {
        if vectorcall_function(self).is_some() {
            return call_positional_dict(self, args.as_slice(), kwargs);
        }
        let Some(f) = self.ty().slots().tp_call else {
            return Err(not_callable(self));
        };
        enter_recursive_call(" while calling a Python object")?;
        // SAFETY: a C slot.
        let r = unsafe { f(self.as_ptr(), args.as_ptr(), kwargs.map_or(core::ptr::null_mut(), |d| d.as_ptr())) };
        check_result(self, r)
    }

    /// `self.name(*args)`, without making a bound method where possible.
    pub fn call_method(&self, name: &Str, args: &[&Object]) -> PyResult<PyRef> {
        let (f, unbound) = super::attr::get_method(self, name)?;
        if !unbound {
            return f.call(args);
        }
        if args.len() <= 4 {
            let mut buf: [P; 6] = [core::ptr::null_mut(); 6];
            buf[1] = self.as_ptr();
            for (i, a) in args.iter().enumerate() {
                buf[i + 2] = a.as_ptr();
            }
            return f.vectorcall(
                buf[1..].as_ptr(),
                (args.len() + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                core::ptr::null_mut(),
            );
        }
        let mut v = Vec::with_capacity(args.len() + 1);
        v.push(self);
        v.extend_from_slice(args);
        f.call(&v)
    }

    #[inline]
    pub fn is_callable(&self) -> bool {
        self.ty().slots().tp_call.is_some()
    }
}

#[cold]
pub fn not_callable(o: &Object) -> Raised {
    let hint = o.downcast::<Module>().and_then(|m| module_hint(m)).unwrap_or_default();
    raise!(TypeError, "'{}' object is not callable{}", o.ty().tp_name(), hint)
}

/// Calling a module that holds a callable of its own name.
fn module_hint(m: &Module) -> Option<String> {
    let d = m.dict();
    let name = d.get_str(intern!("__name__")).ok()??;
    let name = name.downcast::<Str>()?;
    let inner = d.get_str(name).ok()??;
    let n = name.to_string_lossy();
    if inner.is_callable() { Some(format!(". Did you mean: '{n}.{n}(...)'?")) } else { None }
}

/// Positional arguments from a slice, keywords from a dict.
pub fn call_positional_dict(f: &Object, args: &[&Object], kwargs: Option<&Dict>) -> PyResult<PyRef> {
    let kw = match kwargs {
        Some(d) if d.len() > 0 => d,
        _ => return f.call(args),
    };
    let items = kw.items_snapshot();
    let mut names = Vec::with_capacity(items.len());
    let mut all: Vec<&Object> = Vec::with_capacity(args.len() + items.len());
    all.extend_from_slice(args);
    for (k, v) in &items {
        if k.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "keywords must be strings"));
        }
        names.push(&**k);
        all.push(v);
    }
    let names = Tuple::from_slice(&names)?;
    f.vectorcall(all.as_ptr().cast(), args.len(), names.as_ptr())
}

/// The keyword part of a vectorcall as a dict.
///
/// # Safety
/// `args` holds `n` positional values and one for each of `kwnames`.
pub unsafe fn kwargs_dict(args: *const P, n: usize, kwnames: P) -> PyResult<Option<Ref<Dict>>> {
    if kwnames.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe {
        let names = &*kwnames.cast::<Tuple>();
        if names.is_empty() {
            return Ok(None);
        }
        let d = Dict::new()?;
        for (i, k) in names.iter().enumerate() {
            d.set(k, Object::from_ptr(*args.add(n + i)))?;
        }
        Ok(Some(d))
    }
}

/// `tp_call` of a type that has vectorcall (`PyVectorcall_Call`).
///
/// # Safety
/// As `tp_call`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyVectorcall_Call(callable: P, tuple: P, dict: P) -> P {
    crate::typeobject::cabi::obj(|| {
        // SAFETY: the caller's promise.
        unsafe {
            let f = Object::from_ptr(callable);
            if vectorcall_function(f).is_none() {
                return Err(raise!(TypeError, "'{}' object does not support vectorcall", f.ty().tp_name()));
            }
            let t = &*tuple.cast::<Tuple>();
            match call_positional_dict(f, t.as_slice(), dict.cast::<Dict>().as_ref()) {
                Ok(r) => Ok(r),
                Err(_) => Err(failed()),
            }
        }
    })
}
