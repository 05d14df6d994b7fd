//! Capsules: C pointers as objects.

use crate::prelude::*;
use crate::type_slots;
use crate::typeobject::cabi::{self, o, obj, text};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use abi::{PyCapsule_Destructor, PyObject};
use core::ffi::{CStr, c_char, c_int, c_void};

type P = *mut PyObject;

/// Layout of capsules.
#[repr(C)]
pub struct Capsule {
    ob_base: PyObject,
    pub pointer: *mut c_void,
    pub name: *const c_char,
    pub context: *mut c_void,
    pub destructor: PyCapsule_Destructor,
    pub traverse: abi::traverseproc,
    pub clear: abi::inquiry,
}
#[unsafe(no_mangle)]
pub static mut PyCapsule_Type: Type = Type::STATIC;
py_layout!(Capsule, PyCapsule_Type);

/// `PyCapsule_New`.
pub fn new(pointer: *mut c_void, name: *const c_char, destructor: PyCapsule_Destructor) -> PyResult<PyRef> {
    if pointer.is_null() {
        return Err(raise!(ValueError, "PyCapsule_New called with null pointer"));
    }
    let r = alloc_object::<Capsule>(Capsule::type_object())?;
    // SAFETY: a new object.
    unsafe {
        let c = r.as_raw();
        (*c).pointer = pointer;
        (*c).name = name;
        (*c).destructor = destructor;
    }
    Ok(r.upcast())
}

/// Whether two capsule names agree (both null, or equal text).
pub fn same_name(a: *const c_char, b: *const c_char) -> bool {
    if a.is_null() || b.is_null() {
        return a == b;
    }
    // SAFETY: C strings of the callers.
    unsafe { CStr::from_ptr(a) == CStr::from_ptr(b) }
}

/// A valid capsule; `what` is the C function for the message.
pub fn check<'a>(x: &'a Object, what: &str) -> PyResult<&'a Capsule> {
    match x.downcast_exact::<Capsule>() {
        Some(c) if !c.pointer.is_null() => Ok(c),
        _ => Err(raise!(ValueError, "{} called with invalid PyCapsule object", what)),
    }
}

/// `PyCapsule_GetPointer`.
pub fn get_pointer(x: &Object, name: *const c_char) -> PyResult<*mut c_void> {
    let c = check(x, "PyCapsule_GetPointer")?;
    if !same_name(name, c.name) {
        return Err(raise!(ValueError, "PyCapsule_GetPointer called with incorrect name"));
    }
    Ok(c.pointer)
}

/// `PyCapsule_IsValid`.
pub fn is_valid(x: &Object, name: *const c_char) -> bool {
    x.downcast_exact::<Capsule>().is_some_and(|c| !c.pointer.is_null() && same_name(c.name, name))
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying capsule.
        unsafe {
            crate::mem::gc::untrack(o(p));
            if let Some(f) = (*p.cast::<Capsule>()).destructor {
                f(p);
            }
            free_object(p);
        }
    })
}

unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector.
    match unsafe { (*p.cast::<Capsule>()).traverse } {
        // SAFETY: the capsule's owner set it for this.
        Some(f) => unsafe { f(p, v, arg) },
        None => 0,
    }
}
unsafe extern "C" fn clear(p: P) -> c_int {
    // SAFETY: called by the collector.
    match unsafe { (*p.cast::<Capsule>()).clear } {
        // SAFETY: the capsule's owner set it for this.
        Some(f) => unsafe { f(p) },
        None => 0,
    }
}

unsafe extern "C" fn repr(p: P) -> P {
    obj(|| {
        // SAFETY: slots get capsules.
        let c = unsafe { &*p.cast::<Capsule>() };
        if c.name.is_null() {
            return Str::format(format_args!("<capsule object NULL at {:p}>", p));
        }
        // SAFETY: the capsule's name outlives it.
        Str::format(format_args!("<capsule object \"{}\" at {:p}>", unsafe { text(c.name) }, p))
    })
}

static SPEC: TypeSpec = TypeSpec {
    name: c"PyCapsule",
    type_object: &raw mut PyCapsule_Type,
    basicsize: size_of::<Capsule>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_DISALLOW_INSTANTIATION,
    doc: Some(c"Capsule objects let you wrap a C \"void *\" pointer in a Python\nobject.  They're a way of passing data through the Python interpreter\nwithout creating your own custom type.\n\nCapsules are used for communication between extension modules.\nThey provide a way for an extension module to export a C interface\nto other extension modules, so that extension modules can use the\nPython import mechanism to link to one another."),
    slots: type_slots![Py_tp_dealloc = dealloc, Py_tp_traverse = traverse, Py_tp_clear = clear, Py_tp_repr = repr],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 1] = [&SPEC];
