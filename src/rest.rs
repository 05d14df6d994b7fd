//! Entry points that have no place in the engine: what they ask for (frames made from C, static struct sequences) does not
//! exist here. They raise NotImplementedError, or do the little that can be done.

use crate::export::{bad_internal_call, fine};
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use runtime::abi;
use runtime::prelude::*;

fn no_frames() -> Raised {
    raise!(NotImplementedError, "generators cannot be made from frames in C")
}

type HashFn = unsafe extern "C" fn(*const c_void, isize) -> isize;

#[repr(C)]
struct HashDef {
    hash: HashFn,
    name: *const c_char,
    hash_bits: c_int,
    seed_bits: c_int,
}
// SAFETY: constant.
unsafe impl Sync for HashDef {}

unsafe extern "C" fn hash_bytes(p: *const c_void, n: isize) -> isize {
    // SAFETY: the caller passes that many bytes.
    unsafe { crate::float::Py_HashBuffer(p, n) }
}
static HASH: HashDef = HashDef { hash: hash_bytes, name: c"siphash13".as_ptr(), hash_bits: 64, seed_bits: 128 };

capi! {
    fn PyGen_New(_f: *mut c_void) -> *mut abi::PyObject { Err::<PyRef, _>(no_frames()) }
    fn PyGen_NewWithQualName(_f: *mut c_void, _name: *mut c_void, _qualname: *mut c_void) -> *mut abi::PyObject { Err::<PyRef, _>(no_frames()) }
    fn PyCoro_New(_f: *mut c_void, _name: *mut c_void, _qualname: *mut c_void) -> *mut abi::PyObject { Err::<PyRef, _>(no_frames()) }
    fn PyAsyncGen_New(_f: *mut c_void, _name: *mut c_void, _qualname: *mut c_void) -> *mut abi::PyObject { Err::<PyRef, _>(no_frames()) }
    fn PyFunction_SetClosure(f: &Object, closure: Option<&Object>) -> c_int {
        let f = f.downcast::<runtime::objects::Function>().ok_or_else(bad_internal_call)?;
        let closure = closure.filter(|c| !c.is_none());
        if let Some(c) = closure.filter(|c| c.downcast::<Tuple>().is_none()) {
            return Err(raise!(SystemError, "expected tuple for closure, got '{}'", c.ty().tp_name()));
        }
        // SAFETY: the caller keeps others from calling the function meanwhile, as the API says.
        unsafe {
            let raw = (f as *const runtime::objects::Function).cast_mut();
            let new = closure.map_or(null_mut(), |c| c.to_ref().into_ptr());
            drop(PyRef::from_ptr_opt(core::mem::replace(&mut (*raw).closure, new)));
        }
        Ok(())
    }
    /// An int of `n` digits whose digits the caller fills.
    fn _PyLong_New(n: isize) -> *mut abi::PyObject {
        // The top digit is not zero, so that the digits are really there.
        Int::from_digits(&vec![1 << 29; n.max(0) as usize], false)
    }
    fn _PyCode_ConstantKey(o: &Object) -> *mut abi::PyObject {
        let t: &Object = o.ty();
        Tuple::from_slice(&[t, o])
    }
    fn _PyCode_CheckLineNumber(_lasti: c_int, _bounds: *mut c_void) -> c_int {
        fine(-1)
    }
    fn PyUnstable_Exc_PrepReraiseStar(original: &Object, raised: &Object) -> *mut abi::PyObject {
        let Some(orig) = original.downcast::<runtime::objects::BaseException>() else {
            return Err(raise!(TypeError, "orig must be an exception"));
        };
        let Some(list) = raised.downcast::<List>() else { return Err(raise!(TypeError, "excs must be a list")) };
        for (i, e) in list.snapshot().iter().enumerate() {
            if !e.is_none() && e.downcast::<runtime::objects::BaseException>().is_none() {
                return Err(raise!(TypeError, "item {} in excs is not an exception", i));
            }
        }
        if orig.getattr(intern!("__traceback__"))?.is_none() {
            return Err(raise!(ValueError, "orig must be a raised exception"));
        }
        runtime::interp::exgroup::prep_reraise_star(original, raised)
    }
    fn PyPickleBuffer_GetBuffer(o: &Object) -> *const abi::Py_buffer {
        match o.downcast::<stdlib::_pickle::buffer::PickleBuffer>() {
            Some(b) => b.view().map(|v| v as *const abi::Py_buffer),
            None => Err(raise!(TypeError, "expected PickleBuffer, {} found", o.ty().name_str())),
        }
    }
    raw fn PyHash_GetFuncDef() -> *mut c_void {
        fine((&raw const HASH).cast_mut().cast::<c_void>())
    }
}

/// A type's address in a table.
#[repr(transparent)]
pub struct TypeAddress(*const Type);
// SAFETY: static types.
unsafe impl Sync for TypeAddress {}

unsafe extern "C" {
    static mut PyMethodDescr_Type: Type;
    static mut PyCFunction_Type: Type;
    static mut PyCode_Type: Type;
    static mut _PyNone_Type: Type;
}

/// What kinds of executables a frame may have, by the numbers of `PyUnstable_EXECUTABLE_KIND_*`.
#[unsafe(no_mangle)]
pub static PyUnstable_ExecutableKinds: [TypeAddress; 6] = [
    TypeAddress(&raw const _PyNone_Type),
    TypeAddress(&raw const PyCode_Type),
    TypeAddress(&raw const _PyNone_Type),
    TypeAddress(&raw const PyCFunction_Type),
    TypeAddress(&raw const PyMethodDescr_Type),
    TypeAddress(core::ptr::null()),
];
