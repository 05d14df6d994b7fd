//! C function pointers that call Python: libffi closures.

use super::cdata::{self, CData};
use super::func;
use super::info::{FUNC_USE_ERRNO, Kind, info_of_type_object};
use super::simple;
use core::ffi::c_void;
use libffi_sys as ffi;
use macros::pyclass;
use runtime::objects::exceptions::display::write_unraisable_repr;
use runtime::objects::support::{Fields, Slot, alloc, clear, dealloc, track, traverse};
use runtime::prelude::*;
use runtime::thread;

/// `_ctypes.CThunkObject`: one closure and what it calls.
#[repr(C)]
pub struct Callback {
    header: abi::PyObject,
    callable: Slot,
    argtypes: Slot,
    restype: Slot,
    state: Option<Box<Closure>>,
}

struct Closure {
    block: *mut ffi::ffi_closure,
    entry: *mut c_void,
    cif: ffi::ffi_cif,
    _types: Vec<*mut ffi::ffi_type>,
    flags: u32,
    result_size: usize,
}

impl Drop for Closure {
    fn drop(&mut self) {
        // SAFETY: allocated by `ffi_closure_alloc`; nobody may call it any more (ctypes' rule).
        unsafe { ffi::ffi_closure_free(self.block.cast()) }
    }
}

impl Fields for Callback {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.callable);
        f(&self.argtypes);
        f(&self.restype);
    }
    fn release(&self) {
        // SAFETY: called once, by the deallocator.
        unsafe { core::ptr::drop_in_place((&raw const self.state).cast_mut()) };
    }
}

#[pyclass(
    name = "CThunkObject",
    module = "_ctypes",
    flags = "DEFAULT|HAVE_GC",
    doc = "CThunkObject",
    slots(tp_traverse = traverse::<Callback>, tp_clear = clear::<Callback>, tp_dealloc = dealloc::<Callback>)
)]
impl Callback {}

impl Callback {
    pub fn new(callable: &Object, argtypes: &Tuple, restype: Option<&Object>, flags: u32) -> PyResult<Ref<Callback>> {
        let mut types = Vec::new();
        for t in argtypes.as_slice() {
            types.push(info_of_type_object(t).map_or_else(super::info::pointer_ffi, |i| i.ffi));
        }
        let (rtype, size) = match restype {
            None => (&raw mut ffi::ffi_type_sint32, 4),
            Some(r) if r.is_none() => (&raw mut ffi::ffi_type_void, 0),
            Some(r) => match info_of_type_object(r) {
                // Aggregates cannot be returned: there is no setter for them.
                Some(i) if matches!(i.kind, Kind::Simple(_)) => (i.ffi, i.size),
                Some(i) if matches!(i.kind, Kind::Struct | Kind::Union) => (i.ffi, i.size),
                _ => return Err(raise!(TypeError, "invalid result type for callback function")),
            },
        };
        let r = alloc::<Callback>(Callback::type_object())?;
        r.callable.init(callable.to_ref());
        r.argtypes.init((**argtypes).to_ref());
        if let Some(t) = restype {
            r.restype.init(t.to_ref());
        }
        let mut entry = core::ptr::null_mut();
        // SAFETY: libffi gives a writable block and the address to call it by.
        let block =
            unsafe { ffi::ffi_closure_alloc(size_of::<ffi::ffi_closure>(), &raw mut entry) }.cast::<ffi::ffi_closure>();
        if block.is_null() {
            return Err(runtime::objects::support::no_memory());
        }
        // SAFETY: all-zero is a valid value to be filled in.
        let cif = unsafe { core::mem::zeroed() };
        let mut c = Box::new(Closure { block, entry, cif, _types: types, flags, result_size: size });
        // SAFETY: the box owns the arrays and lives as long as the closure.
        let status = unsafe {
            let n = c._types.len() as u32;
            let s = ffi::ffi_prep_cif(&raw mut c.cif, ffi::ffi_abi_FFI_DEFAULT_ABI, n, rtype, c._types.as_mut_ptr());
            if s == ffi::ffi_status_FFI_OK {
                ffi::ffi_prep_closure_loc(block, &raw mut c.cif, Some(entered), r.as_ptr().cast(), entry)
            } else {
                s
            }
        };
        if status != ffi::ffi_status_FFI_OK {
            return Err(raise!(RuntimeError, "ffi_prep_closure failed with {}", status));
        }
        // SAFETY: a new object.
        unsafe { (&raw mut (*r.as_raw()).state).write(Some(c)) };
        Ok(track(r))
    }

    /// The C function's address.
    pub fn entry(&self) -> *const u8 {
        self.state.as_ref().map_or(core::ptr::null(), |c| c.entry.cast_const().cast())
    }
}

/// What libffi calls: on any thread, attached or not.
unsafe extern "C" fn entered(_cif: *mut ffi::ffi_cif, result: *mut c_void, args: *mut *mut c_void, user: *mut c_void) {
    let _attached = thread::Foreign::enter();
    let body = || {
        // SAFETY: ctypes' rule: the function pointer's object lives while C may call it.
        unsafe {
            let me = Object::from_ptr(user.cast()).to_ref();
            run(me.cast::<Callback>(), result.cast(), args);
        }
    };
    runtime::convert::guard_void(body);
}

unsafe fn run(me: &Callback, result: *mut u8, args: *mut *mut c_void) {
    let Some(c) = &me.state else { return };
    // A result is at least as wide as a register.
    if c.result_size != 0 {
        // SAFETY: libffi gives room for that much.
        unsafe { core::ptr::write_bytes(result, 0, c.result_size.max(8)) };
    }
    let (Some(callable), Some(types)) = (me.callable.get(me), me.argtypes.get(me)) else { return };
    let r = (|| {
        let types = types.to_tuple()?;
        let mut v = Vec::new();
        for (i, t) in types.as_slice().iter().enumerate() {
            // SAFETY: one pointer for each declared argument.
            let p: *mut u8 = unsafe { *args.add(i) }.cast();
            v.push(argument(t, p)?);
        }
        let use_errno = c.flags & FUNC_USE_ERRNO != 0;
        // SAFETY: the thread's errno.
        let place = unsafe { libc::__errno_location() };
        let swap = || {
            // SAFETY: as above.
            unsafe { *place = func::set_errno(*place) }
        };
        if use_errno {
            swap();
        }
        let value = callable.call(runtime::objects::support::as_objects(&v));
        if use_errno {
            swap();
        }
        value
    })();
    let value = match r {
        Ok(v) => v,
        Err(_) => {
            write_unraisable_repr("Exception ignored while calling ctypes callback function", &callable);
            return;
        }
    };
    let Some(restype) = me.restype.get(me).filter(|t| !t.is_none()) else { return };
    let Some(t) = restype.downcast::<Type>() else { return };
    // SAFETY: room for the result.
    match cdata::store(t, &value, c.result_size, result) {
        Ok(keep) => {
            let code = info_of_type_object(&restype).and_then(|i| i.code());
            // Small results are read as a whole register.
            // SAFETY: room for a register.
            unsafe {
                match code {
                    Some(b'b') => result.cast::<i64>().write(result.cast::<i8>().read().into()),
                    Some(b'h') => result.cast::<i64>().write(result.cast::<i16>().read().into()),
                    Some(b'i') => result.cast::<i64>().write(result.cast::<i32>().read().into()),
                    _ => {}
                }
            }
            match code {
                Some(b'O') => {
                    // The caller gets a reference.
                    core::mem::forget(keep);
                }
                _ if !keep.is_none() && value.downcast::<CData>().is_none() && !matches!(code, Some(b'z')) => {
                    if runtime::error::warn(exc::RuntimeWarning(), "memory leak in callback function.", 1).is_err() {
                        write_unraisable_repr(
                            "Exception ignored while converting result of ctypes callback function",
                            &callable,
                        );
                    }
                    core::mem::forget(keep);
                }
                _ => {}
            }
        }
        Err(_) => {
            write_unraisable_repr("Exception ignored while converting result of ctypes callback function", &callable)
        }
    }
}

/// One argument of a callback.
fn argument(t: &Object, p: *mut u8) -> PyResult<PyRef> {
    let (Some(info), Some(ty)) = (info_of_type_object(t), t.downcast::<Type>()) else {
        return Err(raise!(TypeError, "cannot build parameter"));
    };
    if let (Some(code), false) = (info.code(), cdata::stays_object(ty)) {
        // SAFETY: an argument of the type.
        return unsafe { simple::load(code, info.swapped, p) };
    }
    Ok(cdata::copy_of(ty, p)?.upcast())
}
