//! `CFuncPtr`: C functions as Python callables, and the call itself.

use super::callback::Callback;
use super::cdata::{self, CData};
use super::info::{FUNC_PYTHONAPI, FUNC_USE_ERRNO, Kind, StgInfo, info_of, info_of_instance, info_of_type_object};
use super::param::{self, Argument};
use super::simple;
use core::ffi::c_void;
use libffi_sys as ffi;
use macros::pyclass;
use runtime::objects::support::{Fields, Slot, clear, traverse};
use runtime::prelude::*;
use runtime::py_layout;
use std::cell::Cell;

/// Most arguments of one call.
pub const MAX_ARGS: usize = 1024;

thread_local! {
    /// The thread's `ctypes` copy of `errno`.
    static ERRNO: Cell<i32> = const { Cell::new(0) };
}

pub fn get_errno() -> i32 {
    ERRNO.get()
}
pub fn set_errno(v: i32) -> i32 {
    ERRNO.replace(v)
}

#[repr(C)]
pub struct FuncPtr {
    data: CData,
    thunk: Slot,
    callable: Slot,
    converters: Slot,
    argtypes: Slot,
    restype: Slot,
    checker: Slot,
    errcheck: Slot,
    paramflags: Slot,
}
py_layout!(FuncPtr, FUNCPTR_TYPE);
/// `_ctypes.CFuncPtr`.
pub static mut FUNCPTR_TYPE: Type = runtime::objects::singletons::unready_type();

impl Fields for FuncPtr {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.data.fields(f);
        for s in [
            &self.thunk,
            &self.callable,
            &self.converters,
            &self.argtypes,
            &self.restype,
            &self.checker,
            &self.errcheck,
            &self.paramflags,
        ] {
            f(s);
        }
    }
    fn release(&self) {
        self.data.release();
    }
}

/// The `from_param` methods of argument types.
pub fn converters(types: &Object) -> PyResult<PyRef> {
    let t = types.to_tuple().map_err(|e| {
        if !e.matches(exc::TypeError()) {
            return e;
        }
        e.clear();
        raise!(TypeError, "_argtypes_ must be a sequence of types")
    })?;
    if t.as_slice().len() > MAX_ARGS {
        return Err(runtime::error::raise_message(
            super::argument_error(),
            format_args!("_argtypes_ has too many arguments ({}), maximum is {}", t.as_slice().len(), MAX_ARGS),
        ));
    }
    let mut v = Vec::new();
    for (i, a) in t.as_slice().iter().enumerate() {
        match a.getattr_opt(intern!("from_param"))? {
            Some(c) => v.push(c),
            None => return Err(raise!(TypeError, "item {} in _argtypes_ has no from_param method", i + 1)),
        }
    }
    Ok(Tuple::from_refs(v)?.upcast())
}

/// `restype._check_retval_`, if there is one.
pub fn checker_of(restype: &Object) -> PyResult<Option<PyRef>> {
    restype.getattr_opt(intern!("_check_retval_"))
}

/// A description of a call, ready to be made.
struct Call<'a> {
    address: *mut u8,
    flags: u32,
    args: Vec<Argument>,
    /// Number of declared arguments, where there are further ones (C's `...`).
    fixed: Option<usize>,
    restype: Option<&'a Object>,
    checker: Option<PyRef>,
}

/// libffi's type of a result.
fn result_ffi(restype: Option<&Object>) -> *mut ffi::ffi_type {
    match restype {
        None => &raw mut ffi::ffi_type_sint32,
        Some(r) if r.is_none() => &raw mut ffi::ffi_type_void,
        Some(r) => match info_of_type_object(r) {
            Some(i) => i.ffi,
            None => &raw mut ffi::ffi_type_sint32,
        },
    }
}

impl Call<'_> {
    fn run(self) -> PyResult<PyRef> {
        let n = self.args.len();
        let rtype = result_ffi(self.restype);
        let mut types: Vec<*mut ffi::ffi_type> = self.args.iter().map(|a| a.ffi).collect();
        let mut values: Vec<*mut c_void> = self.args.iter().map(|a| a.value.as_ptr().cast_mut().cast()).collect();
        // SAFETY: all-zero is a valid value to be filled in.
        let mut cif: ffi::ffi_cif = unsafe { core::mem::zeroed() };
        // SAFETY: the arrays live until the call has returned.
        let status = unsafe {
            match self.fixed {
                Some(f) if f < n => ffi::ffi_prep_cif_var(
                    &raw mut cif,
                    ffi::ffi_abi_FFI_DEFAULT_ABI,
                    f as u32,
                    n as u32,
                    rtype,
                    types.as_mut_ptr(),
                ),
                _ => ffi::ffi_prep_cif(&raw mut cif, ffi::ffi_abi_FFI_DEFAULT_ABI, n as u32, rtype, types.as_mut_ptr()),
            }
        };
        if status != ffi::ffi_status_FFI_OK {
            return Err(raise!(RuntimeError, "ffi_prep_cif failed"));
        }
        // SAFETY: a libffi type.
        let size = unsafe { (*rtype).size }.max(32);
        let mut result = vec![0u64; size.div_ceil(8) + 2];
        let at: *mut c_void = result.as_mut_ptr().cast();
        let (address, flags) = (self.address, self.flags);
        let mut go = || {
            // SAFETY: the caller of the function vouches for its type: this is what ctypes is.
            unsafe {
                let place = libc::__errno_location();
                if flags & FUNC_USE_ERRNO != 0 {
                    *place = ERRNO.replace(*place);
                }
                let f: unsafe extern "C" fn() = core::mem::transmute(address);
                ffi::ffi_call(&raw mut cif, Some(f), at, values.as_mut_ptr());
                if flags & FUNC_USE_ERRNO != 0 {
                    *place = ERRNO.replace(*place);
                }
            }
        };
        if flags & FUNC_PYTHONAPI != 0 {
            go();
            if runtime::error::error_occurred() {
                return Err(Raised::already_set());
            }
        } else {
            runtime::thread::detach(go);
        }
        let p: *mut u8 = at.cast();
        let value = result_value(self.restype, p)?;
        match self.checker {
            Some(c) => c.call1(&value),
            None => Ok(value),
        }
    }
}

/// A result's bytes as a Python value.
fn result_value(restype: Option<&Object>, p: *mut u8) -> PyResult<PyRef> {
    let int = || {
        // SAFETY: a result of at least eight bytes.
        Int::from_i64(unsafe { p.cast::<i32>().read_unaligned() }.into())
    };
    let Some(r) = restype else { return Ok(int()?.upcast()) };
    if r.is_none() {
        return Ok(none_ref());
    }
    let Some(info) = info_of_type_object(r) else {
        return r.call1(&*int()?);
    };
    let Some(t) = r.downcast::<Type>() else { return Ok(int()?.upcast()) };
    if let (Some(code), false) = (info.code(), cdata::stays_object(t)) {
        if code == b'O' {
            // SAFETY: the function returned a new reference, or null with an exception.
            return unsafe {
                match PyRef::from_ptr_opt(p.cast::<*mut abi::PyObject>().read_unaligned()) {
                    Some(o) => Ok(o),
                    None if runtime::error::error_occurred() => Err(Raised::already_set()),
                    None => Err(raise!(ValueError, "PyObject is NULL")),
                }
            };
        }
        // SAFETY: a result of the type's size.
        return unsafe { simple::load(code, info.swapped, p) };
    }
    Ok(cdata::copy_of(t, p)?.upcast())
}

/// Converts the arguments, with `argtypes`' converters where there are any.
fn convert_args(args: &[&Object], converters: Option<&Tuple>) -> PyResult<Vec<Argument>> {
    if args.len() > MAX_ARGS {
        return Err(runtime::error::raise_message(
            super::argument_error(),
            format_args!("too many arguments ({}), maximum is {}", args.len(), MAX_ARGS),
        ));
    }
    let mut out = Vec::with_capacity(args.len());
    for (i, a) in args.iter().enumerate() {
        let made = match converters.and_then(|c| c.as_slice().get(i).copied()) {
            Some(c) => c.call1(a).and_then(|v| param::convert(&v, i + 1)),
            None => param::convert(a, i + 1),
        };
        out.push(made.map_err(|e| argument_failure(e, i + 1))?);
    }
    Ok(out)
}

/// `ArgumentError: argument 1: TypeError: ...`.
fn argument_failure(e: Raised, index: usize) -> Raised {
    let exc = e.take();
    let name = exc.ty().name_str().to_string();
    let text = match exc.str() {
        Ok(s) => s.to_string_lossy().into_owned(),
        Err(e) => {
            e.clear();
            "???".into()
        }
    };
    runtime::error::raise_message(super::argument_error(), format_args!("argument {}: {}: {}", index, name, text))
}

/// `call_function(address, args)`.
pub fn call_address(address: usize, args: &Tuple, flags: u32) -> PyResult<PyRef> {
    let args = convert_args(args.as_slice(), None)?;
    Call { address: address as *mut u8, flags, args, fixed: None, restype: None, checker: None }.run()
}

// ------------------------------------------------------------------------------------------------ parameter flags

const IN: u32 = 1;
const OUT: u32 = 2;
const LCID: u32 = 4;

struct ParamFlag {
    flag: u32,
    name: Option<PyRef>,
    default: Option<PyRef>,
}

fn bad_flags() -> Raised {
    raise!(TypeError, "paramflags must be a sequence of (int [,string [,value]]) tuples")
}

fn parse_flag(item: &Object) -> PyResult<ParamFlag> {
    let t = item.downcast::<Tuple>().ok_or_else(bad_flags)?;
    let s = t.as_slice();
    if s.is_empty() || s.len() > 3 {
        return Err(bad_flags());
    }
    let flag = s[0].downcast::<Int>().ok_or_else(bad_flags)?.as_u64_mask() as u32;
    let name = match s.get(1) {
        Some(n) if n.is_none() => None,
        Some(n) if n.downcast::<Str>().is_some() => Some(n.to_ref()),
        Some(_) => return Err(bad_flags()),
        None => None,
    };
    Ok(ParamFlag { flag, name, default: s.get(2).map(|o| o.to_ref()) })
}

fn validate_flags(cls: &Type, flags: &Object) -> PyResult<()> {
    let info = cdata::concrete(cls)?;
    let argtypes = info.argtypes.get(cls);
    if flags.is_none() {
        return Ok(());
    }
    let Some(argtypes) = argtypes else { return Ok(()) };
    check_flags(&argtypes, flags)
}

/// Whether the flags fit the argument types.
fn check_flags(argtypes: &Object, flags: &Object) -> PyResult<()> {
    let Some(f) = flags.downcast::<Tuple>() else {
        return Err(raise!(TypeError, "paramflags must be a tuple or None"));
    };
    let types = argtypes.to_tuple()?;
    if f.as_slice().len() != types.as_slice().len() {
        return Err(raise!(ValueError, "paramflags must have the same length as argtypes"));
    }
    for (i, (item, t)) in f.as_slice().iter().zip(types.as_slice()).enumerate() {
        let p = parse_flag(item)?;
        match p.flag & (IN | OUT | LCID) {
            0 | IN | LCID => {}
            x if x == IN | LCID || x == IN | OUT => {}
            OUT => {
                let ok = info_of_type_object(t).is_some_and(|i| match i.kind {
                    Kind::Pointer | Kind::Array => true,
                    Kind::Simple(c) => b"PzZ".contains(&c),
                    _ => false,
                });
                if !ok {
                    let n = t.downcast::<Type>().map_or("?".into(), |t| t.name_str().to_string());
                    return Err(raise!(TypeError, "'out' parameter {} must be a pointer type, not {}", i + 1, n));
                }
            }
            _ => return Err(raise!(TypeError, "paramflag value {} not supported", p.flag)),
        }
    }
    Ok(())
}

/// The arguments of the C call, and which of them carry results.
struct Built {
    args: Vec<PyRef>,
    out: Vec<usize>,
    inout: Vec<usize>,
}

fn build_args(argtypes: &Tuple, flags: Option<&Tuple>, given: FuncArgs<'_>) -> PyResult<Built> {
    let mut b = Built { args: Vec::new(), out: Vec::new(), inout: Vec::new() };
    let Some(flags) = flags.filter(|_| !argtypes.as_slice().is_empty()) else {
        b.args = given.args.iter().map(|a| a.to_ref()).collect();
        return Ok(b);
    };
    let mut at = 0;
    let mut used_kw = 0;
    for (i, (t, item)) in argtypes.as_slice().iter().zip(flags.as_slice()).enumerate() {
        let p = parse_flag(item)?;
        let mut take = |default: Option<PyRef>| -> PyResult<PyRef> {
            if let Some(v) = given.args.get(at) {
                at += 1;
                return Ok(v.to_ref());
            }
            if let Some(name) = &p.name
                && let Some(n) = name.downcast::<Str>()
                && let Some((_, v)) = given.keywords().find(|(k, _)| k.downcast::<Str>().is_some_and(|k| k.eq_data(n)))
            {
                used_kw += 1;
                return Ok(v.to_ref());
            }
            match (default, &p.name) {
                (Some(d), _) => Ok(d),
                (None, Some(n)) => Err(raise!(TypeError, "required argument '{}' missing", n.str()?.to_string_lossy())),
                (None, None) => Err(raise!(TypeError, "not enough arguments")),
            }
        };
        match p.flag & (IN | OUT | LCID) {
            x if x == IN | LCID => {
                b.args.push(p.default.map_or_else(|| Ok(Int::from_i64(0)?.upcast()), Ok::<_, Raised>)?)
            }
            0 | IN => {
                let v = take(p.default.as_ref().map(|d| d.to_ref()))?;
                b.args.push(v);
            }
            x if x == IN | OUT => {
                let v = take(p.default.as_ref().map(|d| d.to_ref()))?;
                b.args.push(v);
                b.inout.push(i);
                b.out.push(i);
            }
            OUT => {
                if let Some(d) = p.default {
                    b.args.push(d);
                    b.out.push(i);
                    continue;
                }
                let Some(info) = info_of_type_object(t) else { return Err(raise!(TypeError, "NULL type")) };
                let Some(proto) = info.proto.get(t) else { return Err(raise!(TypeError, "NULL type")) };
                let v = if info.kind == Kind::Array {
                    // An array is passed as it is.
                    t.call0()?
                } else if proto.downcast::<Str>().is_some() {
                    return Err(raise!(
                        TypeError,
                        "{} 'out' parameter must be passed as default value",
                        t.getattr(intern!("__name__"))?.str()?.to_string_lossy()
                    ));
                } else {
                    proto.call0()?
                };
                b.args.push(v);
                b.out.push(i);
            }
            _ => return Err(raise!(ValueError, "paramflag {} not yet implemented", p.flag)),
        }
    }
    // Everything given must have been used.
    let total = given.args.len() + given.kwnames.len();
    if at + used_kw != total {
        return Err(raise!(TypeError, "call takes exactly {} arguments ({} given)", at + used_kw, total));
    }
    Ok(b)
}

impl FuncPtr {
    pub fn data_pointee(&self) -> *const u8 {
        self.data.pointee()
    }
    /// An own setting, or the class's.
    fn setting(&self, own: &Slot, of: impl Fn(&StgInfo) -> &Slot) -> Option<PyRef> {
        own.get(self).or_else(|| info_of_instance(self).and_then(|i| of(i).get(self.ty())))
    }
    fn from_library(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let pair = match args.args[0].downcast::<Tuple>() {
            Some(t) if t.as_slice().len() == 2 => t,
            _ => return Err(raise!(TypeError, "argument must be a sequence of length 2")),
        };
        let flags = args.get(1).unwrap_or(none());
        let (name, dll) = (pair.get(0), pair.get(1));
        runtime::lifecycle::audit::audit("ctypes.dlsym", &[dll, name])?;
        let text;
        let text: &str = if let Some(s) = name.downcast::<Str>() {
            s.to_str()?
        } else if let Some(b) = name.downcast::<Bytes>() {
            text = String::from_utf8_lossy(b.as_slice()).into_owned();
            &text
        } else {
            return Err(raise!(TypeError, "function name must be string, bytes object or integer"));
        };
        let handle = cdata::handle_of(dll)?;
        validate_flags(cls, flags)?;
        let address = cdata::find_symbol(handle, text, "function").map_err(|m| raise!(AttributeError, "{}", m))?;
        let r = cdata::new_instance(cls)?;
        r.set_pointee(address);
        cdata::keep_ref(&r, 0, pair.to_ref())?;
        let f = r.downcast::<FuncPtr>().ok_or_else(|| raise!(SystemError, "not a function"))?;
        if !flags.is_none() {
            drop(f.paramflags.replace(f, Some(flags.to_ref())));
        }
        Ok(r.upcast())
    }
}

unsafe extern "C" fn dealloc(op: *mut abi::PyObject) {
    // SAFETY: the slot's contract.
    unsafe { runtime::objects::support::dealloc::<FuncPtr>(op) }
}

#[pyclass(
    name = "CFuncPtr",
    module = "_ctypes",
    type_object = FUNCPTR_TYPE,
    base = CData,
    flags = "DEFAULT|BASETYPE|HAVE_GC",
    doc = "Function Pointer",
    slots(tp_traverse = traverse::<FuncPtr>, tp_clear = clear::<FuncPtr>, tp_dealloc = dealloc, bf_getbuffer = cdata::getbuffer)
)]
impl FuncPtr {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let Some(first) = args.get(0) else { return cdata::new_slot(cls) };
        if first.downcast::<Tuple>().is_some() {
            return FuncPtr::from_library(cls, args);
        }
        if args.args.len() == 1
            && let Some(i) = first.downcast::<Int>()
        {
            let r = cdata::new_instance(cls)?;
            r.set_pointee(i.as_u64_mask() as usize as *const u8);
            return Ok(r.upcast());
        }
        if args.args.len() != 1 {
            return Err(raise!(TypeError, "CFuncPtr() takes exactly one argument ({} given)", args.args.len()));
        }
        if !first.is_callable() {
            return Err(raise!(TypeError, "argument must be callable or integer function address"));
        }
        let info = cdata::concrete(cls)?;
        let Some(types) = info.argtypes.get(cls) else {
            return Err(raise!(TypeError, "cannot construct instance of this class: no argtypes"));
        };
        let restype = info.restype.get(cls);
        let thunk = Callback::new(first, &*types.to_tuple()?, restype.as_deref(), info.func_flags)?;
        let r = cdata::new_instance(cls)?;
        r.set_pointee(thunk.entry());
        let f = r.downcast::<FuncPtr>().ok_or_else(|| raise!(SystemError, "not a function"))?;
        drop(f.callable.replace(f, Some(first.to_ref())));
        cdata::keep_ref(&r, 0, thunk.to_ref())?;
        drop(f.thunk.replace(f, Some(thunk.upcast())));
        Ok(r.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::format(format_args!("<{} object at {:#x}>", cdata::short_name(self.ty()), self.as_ptr() as usize))
    }
    #[slot]
    fn nb_bool(&self) -> bool {
        !self.data.pointee().is_null()
    }
    #[slot]
    fn tp_call(&self, given: FuncArgs<'_>) -> PyResult<PyRef> {
        let info = cdata::concrete(self.ty())?;
        let restype = self.setting(&self.restype, |i| &i.restype);
        let converters = self.setting(&self.converters, |i| &i.converters);
        let checker = self.setting(&self.checker, |i| &i.checker);
        let argtypes = self.setting(&self.argtypes, |i| &i.argtypes);
        let errcheck = self.errcheck.get(self);
        let flags = self.paramflags.get(self);
        let conv = converters.as_ref().and_then(|c| c.downcast::<Tuple>());
        let types = match &argtypes {
            Some(a) => Some(a.to_tuple()?),
            None => None,
        };
        let empty = Tuple::empty();
        let built =
            build_args(types.as_deref().unwrap_or(&empty), flags.as_ref().and_then(|f| f.downcast::<Tuple>()), given)?;
        let refs = runtime::objects::support::as_objects(&built.args);
        if let Some(c) = conv {
            let (required, actual) = (c.as_slice().len(), refs.len());
            // C functions may take more than they declare.
            if required > actual {
                return Err(raise!(
                    TypeError,
                    "this function takes at least {} argument{} ({} given)",
                    required,
                    if required == 1 { "" } else { "s" },
                    actual
                ));
            }
        }
        // What is given by reference for `out` parameters.
        let address = self.data.pointee();
        runtime::audit_event!("ctypes.call_function", address as usize, &*Tuple::from_slice(refs)?)?;
        let args = convert_args(refs, conv)?;
        if address.is_null() {
            return Err(raise!(ValueError, "attempt to call a NULL function pointer"));
        }
        let call = Call {
            address,
            flags: info.func_flags,
            args,
            fixed: conv.map(|c| c.as_slice().len()),
            restype: restype.as_deref(),
            checker,
        };
        let mut result = call.run()?;
        if let Some(check) = errcheck {
            let args = Tuple::from_slice(refs)?;
            let v = check.call(&[&result, self, &args])?;
            // The arguments returned unchanged: go on as without the check.
            if !v.is(&args) {
                return Ok(v);
            }
            result = result.to_ref();
        }
        if built.out.is_empty() {
            return Ok(result);
        }
        let mut outs = Vec::new();
        for &i in &built.out {
            let v = &built.args[i];
            if built.inout.contains(&i) {
                outs.push(v.to_ref());
            } else {
                outs.push(v.call_method(intern!("__ctypes_from_outparam__"), &[])?);
            }
        }
        if outs.len() == 1 {
            outs.pop().ok_or_else(|| raise!(SystemError, "no result"))
        } else {
            Ok(Tuple::from_refs(outs)?.upcast())
        }
    }
    /// specify the result type
    #[pygetset]
    fn restype(&self) -> PyRef {
        self.setting(&self.restype, |i| &i.restype).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_restype(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else {
            drop(self.restype.replace(self, None));
            drop(self.checker.replace(self, None));
            return Ok(());
        };
        if !v.is_none() && !cdata::is_ctype(v) && !v.is_callable() {
            return Err(raise!(TypeError, "restype must be a type, a callable, or None"));
        }
        let c = checker_of(v)?;
        drop(self.checker.replace(self, c));
        drop(self.restype.replace(self, Some(v.to_ref())));
        Ok(())
    }
    /// specify the argument types
    #[pygetset]
    fn argtypes(&self) -> PyRef {
        self.setting(&self.argtypes, |i| &i.argtypes).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_argtypes(&self, v: Option<&Object>) -> PyResult<()> {
        let (a, c) = match v {
            None => (None, None),
            Some(v) if v.is_none() => (None, None),
            Some(v) => {
                let c = converters(v)?;
                if let Some(f) = self.paramflags.get(self) {
                    check_flags(v, &f)?;
                }
                (Some(v.to_ref()), Some(c))
            }
        };
        drop(self.converters.replace(self, c));
        drop(self.argtypes.replace(self, a));
        Ok(())
    }
    /// a function to check for errors
    #[pygetset]
    fn errcheck(&self) -> PyRef {
        self.errcheck.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_errcheck(&self, v: Option<&Object>) -> PyResult<()> {
        if let Some(v) = v
            && !v.is_callable()
        {
            return Err(raise!(TypeError, "the errcheck attribute must be callable"));
        }
        drop(self.errcheck.replace(self, v.map(Object::to_ref)));
        Ok(())
    }
}

/// The address of what `cast` converts, and the object that keeps it.
pub unsafe extern "C" fn cast(
    p: *mut c_void,
    src: *mut abi::PyObject,
    ctype: *mut abi::PyObject,
) -> *mut abi::PyObject {
    runtime::convert::guard_object(|| {
        // SAFETY: called by ctypes with two objects.
        let (src, ctype) = unsafe { (Object::from_ptr(src), Object::from_ptr(ctype)) };
        let ok = ctype.downcast::<Type>().and_then(info_of).is_some_and(|i| match i.kind {
            Kind::Pointer | Kind::Function => true,
            Kind::Simple(c) => b"sPzUZXO".contains(&c),
            _ => false,
        });
        if !ok {
            let n = ctype.downcast::<Type>().unwrap_or(ctype.ty()).name_str();
            return Err(raise!(TypeError, "cast() argument 2 must be a pointer, not {}", n));
        }
        let made = ctype.call0()?;
        let Some(r) = made.downcast::<CData>() else { return Err(raise!(TypeError, "a ctypes instance expected")) };
        if let Some(s) = src.downcast::<CData>() {
            // Both share what they keep alive.
            let held = s.objects.get(s).filter(|o| o.downcast_exact::<Dict>().is_some());
            let held = match held {
                Some(h) => h,
                None => cdata::kept_objects(s)?,
            };
            if let Some(d) = held.downcast_exact::<Dict>() {
                d.set(&*Int::from_usize(src.as_ptr() as usize)?, src)?;
            }
            drop(r.objects.replace(r, Some(held)));
        }
        r.set_pointee(p.cast());
        Ok(made.to_ref())
    })
}
