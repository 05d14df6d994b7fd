//! `_ctypes`: C data types, and calls of C functions, over libffi.
//!
//! `info` describes C types, `meta` holds the metatypes that make the descriptions, `cdata` the objects' memory, `simple`, `aggregate`,
//! `array` and `pointer` the kinds of objects, `param`, `func` and `callback` the calls in both directions.

mod aggregate;
mod array;
mod callback;
mod cdata;
mod func;
mod info;
mod meta;
mod param;
mod pointer;
mod simple;

use macros::pymodule;
use runtime::prelude::*;
use std::sync::OnceLock;

static ARGUMENT_ERROR: OnceLock<PyRef> = OnceLock::new();

/// `ctypes.ArgumentError`.
fn argument_error() -> &'static Type {
    ARGUMENT_ERROR.get().and_then(|e| e.downcast::<Type>()).unwrap_or_else(exc::TypeError)
}

#[pymodule(name = "_ctypes", doc = "Create and manipulate C compatible data types in Python.")]
pub mod _ctypes {
    use super::aggregate::{CField, Structure, Union};
    use super::array::Array;
    use super::callback::Callback;
    use super::cdata::{self, CData};
    use super::func::{self, FuncPtr};
    use super::info::{info_of, info_of_type_object};
    use super::meta::{ArrayMeta, CTypeType, FuncMeta, PointerMeta, SimpleMeta, StructMeta, UnionMeta};
    use super::param::{self, CArg};
    use super::pointer::Pointer;
    use super::simple::{Simple, wide_exact, wide_string};
    use core::ffi::{c_char, c_int, c_void};
    use runtime::convert::HasSpec;
    use runtime::objects::support::builtin;
    use runtime::prelude::*;

    #[pyattr]
    const FUNCFLAG_CDECL: i32 = 1;
    #[pyattr]
    const FUNCFLAG_PYTHONAPI: i32 = 4;
    #[pyattr]
    const FUNCFLAG_USE_ERRNO: i32 = 8;
    #[pyattr]
    const FUNCFLAG_USE_LASTERROR: i32 = 16;
    #[pyattr]
    const CTYPES_MAX_ARGCOUNT: usize = func::MAX_ARGS;
    #[pyattr]
    const RTLD_LOCAL: i32 = libc::RTLD_LOCAL;
    #[pyattr]
    const RTLD_GLOBAL: i32 = libc::RTLD_GLOBAL;
    #[pyattr]
    const SIZEOF_TIME_T: usize = size_of::<libc::time_t>();
    #[pyattr]
    const __version__: &str = "1.1.0";

    /// Readies a C type whose metatype is one of ours.
    fn add<T: HasSpec + PyClass, M: PyClass>(m: &Module) -> PyResult<()> {
        runtime::typeobject::prefill(T::spec());
        // SAFETY: a static type that is not ready yet belongs to this thread.
        unsafe {
            let raw = T::type_object().as_raw();
            if (*raw).tp_flags & abi::Py_TPFLAGS_READY == 0 {
                (*raw).ob_base.ob_base.ob_type.store(M::type_object().as_raw(), core::sync::atomic::Ordering::Relaxed);
            }
        }
        m.add_type::<T>()
    }

    /// Readies a type that is not a member of the module.
    fn ready<T: HasSpec>() -> PyResult<()> {
        runtime::typeobject::init_static(T::spec())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        ready::<CTypeType>()?;
        ready::<SimpleMeta>()?;
        ready::<StructMeta>()?;
        ready::<UnionMeta>()?;
        ready::<PointerMeta>()?;
        ready::<ArrayMeta>()?;
        ready::<FuncMeta>()?;
        ready::<CData>()?;
        ready::<CArg>()?;
        ready::<Callback>()?;
        m.add_type::<CField>()?;
        add::<Structure, StructMeta>(m)?;
        add::<Union, UnionMeta>(m)?;
        add::<Pointer, PointerMeta>(m)?;
        add::<Array, ArrayMeta>(m)?;
        add::<Simple, SimpleMeta>(m)?;
        add::<FuncPtr, FuncMeta>(m)?;
        let error = match super::ARGUMENT_ERROR.get() {
            Some(e) => e.to_ref(),
            None => {
                let ns = Dict::new()?;
                ns.set_str("__module__", &*Str::new("ctypes")?)?;
                let bases = Tuple::from_slice(&[&*builtin("Exception")?])?;
                let e = runtime::typeobject::type_type().call(&[&*Str::new("ArgumentError")?, &bases, &ns])?;
                super::ARGUMENT_ERROR.get_or_init(|| e).to_ref()
            }
        };
        m.add("ArgumentError", error)?;
        let addresses: [(&str, usize); 6] = [
            ("_memmove_addr", libc::memmove as *const () as usize),
            ("_memset_addr", libc::memset as *const () as usize),
            ("_cast_addr", func::cast as *const () as usize),
            ("_string_at_addr", string_at as *const () as usize),
            ("_wstring_at_addr", wstring_at as *const () as usize),
            ("_memoryview_at_addr", memoryview_at as *const () as usize),
        ];
        for (name, a) in addresses {
            m.add(name, Int::from_usize(a)?.upcast())?;
        }
        Ok(())
    }

    unsafe extern "C" fn string_at(p: *const c_char, size: c_int) -> *mut abi::PyObject {
        runtime::convert::guard_object(|| {
            runtime::lifecycle::audit::audit(
                "ctypes.string_at",
                &[&*Int::from_usize(p as usize)?, &*Int::from_i64(size.into())?],
            )?;
            // SAFETY: the caller says that there are such bytes.
            unsafe {
                let n = if size == -1 { libc::strlen(p) } else { usize::try_from(size).map_err(|_| negative())? };
                Ok(Bytes::new(core::slice::from_raw_parts(p.cast(), n))?.upcast())
            }
        })
    }

    fn negative() -> Raised {
        raise!(SystemError, "Negative size passed to PyBytes_FromStringAndSize")
    }

    unsafe extern "C" fn wstring_at(p: *const u32, size: c_int) -> *mut abi::PyObject {
        runtime::convert::guard_object(|| {
            runtime::lifecycle::audit::audit(
                "ctypes.wstring_at",
                &[&*Int::from_usize(p as usize)?, &*Int::from_i64(size.into())?],
            )?;
            // SAFETY: the caller says that there are such characters.
            unsafe {
                match size {
                    -1 => Ok(wide_string(p, None)?.upcast()),
                    n => Ok(wide_exact(p, usize::try_from(n).map_err(|_| negative())?)?.upcast()),
                }
            }
        })
    }

    unsafe extern "C" fn memoryview_at(p: *mut u8, size: isize, readonly: c_int) -> *mut abi::PyObject {
        runtime::convert::guard_object(|| {
            let args: [&Object; 3] =
                [&*Int::from_usize(p as usize)?, &*Int::from_isize(size)?, &*Int::from_i64(readonly.into())?];
            runtime::lifecycle::audit::audit("ctypes.memoryview_at", &args)?;
            if size < 0 {
                return Err(raise!(ValueError, "memoryview_at: size is negative (or overflowed): {}", size));
            }
            Ok(runtime::objects::memory::MemoryView::from_memory(p, size as usize, readonly == 0)?.upcast())
        })
    }

    fn instance<'a>(o: &'a Object, what: &str) -> PyResult<&'a CData> {
        o.downcast::<CData>()
            .ok_or_else(|| raise!(TypeError, "{} must be a ctypes instance, not '{}'", what, o.ty().name_str()))
    }

    /// sizeof(C type) -> integer
    /// sizeof(C instance) -> integer
    /// Return the size in bytes of a C instance
    #[pyfunction]
    fn sizeof(o: &Object) -> PyResult<usize> {
        if let Some(i) = info_of_type_object(o) {
            return Ok(i.size);
        }
        match o.downcast::<CData>() {
            Some(d) => Ok(d.size()),
            None => Err(raise!(TypeError, "this type has no size")),
        }
    }

    /// alignment(C type) -> integer
    /// alignment(C instance) -> integer
    /// Return the alignment requirements of a C instance
    #[pyfunction]
    fn alignment(o: &Object) -> PyResult<usize> {
        match info_of_type_object(o).or_else(|| info_of(o.ty())) {
            Some(i) => Ok(i.align),
            None => Err(raise!(TypeError, "no alignment info")),
        }
    }

    /// byref(C instance[, offset=0]) -> byref-object
    /// Return a pointer lookalike to a C instance, only usable
    /// as function argument
    #[pyfunction(raw)]
    fn byref(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("byref")?;
        args.check_positional("byref", 1, 2)?;
        let offset = match args.get(1) {
            Some(o) => o.as_isize()?,
            None => 0,
        };
        Ok(param::byref(instance(args.args[0], "byref() argument")?, offset)?.upcast())
    }

    /// Return the address of the C instance internal buffer
    #[pyfunction]
    fn addressof(o: &Object) -> PyResult<usize> {
        let Some(d) = o.downcast::<CData>() else { return Err(raise!(TypeError, "invalid type")) };
        runtime::lifecycle::audit::audit("ctypes.addressof", &[o])?;
        Ok(d.data() as usize)
    }

    /// Resize the memory buffer of a ctypes instance
    #[pyfunction]
    fn resize(o: &Object, size: isize) -> PyResult<()> {
        let (Some(d), Some(info)) = (o.downcast::<CData>(), info_of(o.ty())) else {
            return Err(raise!(TypeError, "excepted ctypes instance"));
        };
        if size < info.size as isize {
            return Err(raise!(ValueError, "minimum size is {}", info.size));
        }
        if !d.owns_memory() {
            return Err(raise!(ValueError, "Memory cannot be resized because this object doesn't own it"));
        }
        d.resize(size as usize)
    }

    #[pyfunction]
    fn get_errno() -> i32 {
        func::get_errno()
    }

    #[pyfunction]
    fn set_errno(value: i32) -> i32 {
        func::set_errno(value)
    }

    /// dlopen(name, flag={RTLD_GLOBAL|RTLD_LOCAL}) open a shared library
    #[pyfunction(raw)]
    fn dlopen(args: FuncArgs<'_>) -> PyResult<usize> {
        args.check_positional("dlopen", 1, 2)?;
        let mode = match args.get(1) {
            Some(m) => m.as_i64()? as c_int,
            None => libc::RTLD_NOW,
        } | libc::RTLD_NOW;
        runtime::lifecycle::audit::audit("ctypes.dlopen", &[args.args[0]])?;
        let path = if args.args[0].is_none() {
            None
        } else {
            let encoded =
                builtin("__import__")?.call1(&*Str::new("os")?)?.call_method(intern!("fsencode"), &[args.args[0]])?;
            let Some(b) = encoded.downcast::<Bytes>() else { return Err(raise!(TypeError, "a path expected")) };
            match std::ffi::CString::new(b.as_slice()) {
                Ok(c) => Some(c),
                Err(_) => return Err(raise!(ValueError, "embedded null byte")),
            }
        };
        // SAFETY: loading runs the library's initialisers, as asked; detached, as they may start threads.
        let (handle, message) = runtime::thread::detach(|| unsafe {
            let h = libc::dlopen(path.as_ref().map_or(core::ptr::null(), |c| c.as_ptr()), mode);
            let m = if h.is_null() {
                let e = libc::dlerror();
                if e.is_null() { None } else { Some(core::ffi::CStr::from_ptr(e).to_string_lossy().into_owned()) }
            } else {
                None
            };
            (h, m)
        });
        if handle.is_null() {
            return Err(raise!(OSError, "{}", message.as_deref().unwrap_or("ctypes.dlopen() error")));
        }
        Ok(handle as usize)
    }

    /// dlclose a library
    #[pyfunction]
    fn dlclose(handle: &Object) -> PyResult<()> {
        let h = handle_arg(handle)?;
        // SAFETY: the caller's handle.
        if unsafe { libc::dlclose(h) } != 0 {
            return Err(raise!(OSError, "{}", dl_error()));
        }
        Ok(())
    }

    fn dl_error() -> String {
        // SAFETY: the linker's message, if any.
        unsafe {
            let e = libc::dlerror();
            if e.is_null() {
                "ctypes.dlclose() error".into()
            } else {
                core::ffi::CStr::from_ptr(e).to_string_lossy().into_owned()
            }
        }
    }

    fn handle_arg(o: &Object) -> PyResult<*mut c_void> {
        match o.downcast::<Int>() {
            Some(i) => Ok(i.as_u64_mask() as usize as *mut c_void),
            None => Err(raise!(TypeError, "an integer handle expected, not {}", o.ty().name_str())),
        }
    }

    /// find symbol in shared library
    #[pyfunction]
    fn dlsym(handle: &Object, name: &Object) -> PyResult<usize> {
        let h = handle_arg(handle)?;
        let Some(s) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "dlsym() argument 2 must be str, not {}", name.ty().name_str()));
        };
        runtime::lifecycle::audit::audit("ctypes.dlsym/handle", &[handle, name])?;
        match cdata::find_symbol(h, s.to_str()?, "symbol") {
            Ok(p) => Ok(p as usize),
            Err(m) => Err(raise!(OSError, "{}", m)),
        }
    }

    unsafe extern "C" fn collect(i: *mut libc::dl_phdr_info, _n: usize, list: *mut c_void) -> c_int {
        // SAFETY: called by `dl_iterate_phdr` with our vector.
        unsafe {
            let v = &mut *list.cast::<Vec<Vec<u8>>>();
            if !(*i).dlpi_name.is_null() {
                v.push(core::ffi::CStr::from_ptr((*i).dlpi_name).to_bytes().to_vec());
            }
        }
        0
    }

    /// dllist() -> list of shared libraries loaded by the process
    #[pyfunction]
    fn dllist() -> PyResult<PyRef> {
        let mut v: Vec<Vec<u8>> = Vec::new();
        // SAFETY: the callback fills the vector.
        unsafe { libc::dl_iterate_phdr(Some(collect), (&raw mut v).cast()) };
        let items = v.iter().map(|p| Ok(Str::from_wtf8(p)?.upcast())).collect::<PyResult<Vec<_>>>()?;
        Ok(List::from_vec(items)?.upcast())
    }

    fn call_args(args: FuncArgs<'_>, name: &str, flags: u32) -> PyResult<PyRef> {
        args.check_positional(name, 2, 2)?;
        let Some(t) = args.args[1].downcast::<Tuple>() else {
            return Err(raise!(TypeError, "{}() argument 2 must be tuple, not {}", name, args.args[1].ty().name_str()));
        };
        let address = handle_arg(args.args[0])? as usize;
        runtime::lifecycle::audit::audit("ctypes.call_function", &[args.args[0], t])?;
        func::call_address(address, t, flags)
    }

    #[pyfunction(raw)]
    fn call_function(args: FuncArgs<'_>) -> PyResult<PyRef> {
        call_args(args, "call_function", 0)
    }

    #[pyfunction(raw)]
    fn call_cdeclfunction(args: FuncArgs<'_>) -> PyResult<PyRef> {
        call_args(args, "call_cdeclfunction", 0)
    }

    #[pyfunction(name = "PyObj_FromPtr")]
    fn py_obj_from_ptr(address: &Object) -> PyResult<PyRef> {
        let p = handle_arg(address)?;
        runtime::lifecycle::audit::audit("ctypes.PyObj_FromPtr", &[address])?;
        // SAFETY: the caller says that there is an object.
        match unsafe { Object::from_ptr_opt(p.cast()) } {
            Some(o) => Ok(o.to_ref()),
            None => Err(raise!(ValueError, "PyObject is NULL")),
        }
    }

    #[pyfunction(name = "Py_INCREF")]
    fn py_incref(o: &Object) -> PyRef {
        core::mem::forget(o.to_ref());
        o.to_ref()
    }

    #[pyfunction(name = "Py_DECREF")]
    fn py_decref(o: &Object) -> PyRef {
        let r = o.to_ref();
        // SAFETY: the caller says that there is a reference too many; `r` keeps the object.
        unsafe { runtime::object::decref(o.as_ptr()) };
        r
    }

    #[pyfunction]
    fn _unpickle(ty: &Object, state: &Object) -> PyResult<PyRef> {
        let o = ty.call_method(intern!("__new__"), &[ty])?;
        let Some(t) = state.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "_unpickle() argument 2 must be tuple, not {}", state.ty().name_str()));
        };
        o.call_method(intern!("__setstate__"), t.as_slice())?;
        Ok(o)
    }

    /// Return buffer interface information
    #[pyfunction]
    fn buffer_info(o: &Object) -> PyResult<PyRef> {
        let Some(i) = info_of_type_object(o).or_else(|| info_of(o.ty())) else {
            return Err(raise!(TypeError, "not a ctypes type or object"));
        };
        let shape = i.shape.iter().map(|&n| Ok(Int::from_isize(n)?.upcast())).collect::<PyResult<Vec<_>>>()?;
        let format = match &i.format {
            Some(f) => Str::new(&f.to_string_lossy())?.upcast(),
            None => none_ref(),
        };
        Ok(Tuple::from_refs(vec![format, Int::from_usize(i.ndim())?.upcast(), Tuple::from_refs(shape)?.upcast()])?
            .upcast())
    }
}
