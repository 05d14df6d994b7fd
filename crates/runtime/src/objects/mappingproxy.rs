//! `mappingproxy`: a read-only view of a mapping (`type.__dict__`).

use crate::convert::{method_def, method_end};
use crate::prelude::*;
use crate::typeobject::cabi::{self, NO_DOC, o, obj, of, size, truth};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::{PyObject, PyTypeObject};
use core::ffi::{c_int, c_void};

type P = *mut PyObject;

/// Layout of `mappingproxy`.
#[repr(C)]
pub struct MappingProxy {
    ob_base: PyObject,
    mapping: P,
}
#[unsafe(no_mangle)]
pub static mut PyDictProxy_Type: Type = Type::STATIC;
py_layout!(MappingProxy, PyDictProxy_Type);

/// A view of `m` (`PyDictProxy_New`).
pub fn new(m: &Object) -> PyResult<PyRef> {
    if !m.mapping_check() || m.downcast::<List>().is_some() || m.downcast::<Tuple>().is_some() {
        return Err(raise!(TypeError, "mappingproxy() argument must be a mapping, not {}", m.ty().tp_name()));
    }
    make(m)
}

fn make(m: &Object) -> PyResult<PyRef> {
    let r = alloc_object::<MappingProxy>(MappingProxy::type_object())?;
    // SAFETY: a new object.
    unsafe { (*r.as_raw()).mapping = m.to_ref().into_ptr() };
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

/// A view of a type's dict.
pub fn of_dict(d: &Dict) -> PyResult<PyRef> {
    make(d)
}

fn m<'a>(p: P) -> &'a Object {
    // SAFETY: slots get proxies, which keep their mapping.
    unsafe { o((*p.cast::<MappingProxy>()).mapping) }
}

unsafe extern "C" fn tp_new(ty: *mut PyTypeObject, args: P, kw: P) -> P {
    obj(|| {
        // SAFETY: `tp_new` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            if kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) || a.len() != 1 {
                if let Some(k) = kw.cast::<Dict>().as_ref() {
                    if a.is_empty() && k.len() == 1 {
                        if let Some(v) = k.get_str(intern!("mapping"))? {
                            return new(&v);
                        }
                    }
                }
                return Err(raise!(TypeError, "mappingproxy() takes exactly 1 argument ({} given)", a.len()));
            }
            let _ = ty;
            new(a.get(0))
        }
    })
}
unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying proxy.
        unsafe {
            crate::mem::gc::untrack(o(p));
            drop(PyRef::from_ptr_opt((*p.cast::<MappingProxy>()).mapping));
            free_object(p);
        }
    })
}
unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector.
    visit_fields!(v, arg; unsafe { (*p.cast::<MappingProxy>()).mapping })
}
unsafe extern "C" fn len(p: P) -> isize {
    size(|| Ok(m(p).len()? as isize))
}
unsafe extern "C" fn getitem(p: P, k: P) -> P {
    // SAFETY: slots get live objects.
    obj(|| m(p).get_item(unsafe { o(k) }))
}
unsafe extern "C" fn contains(p: P, k: P) -> c_int {
    // SAFETY: slots get live objects.
    truth(|| m(p).contains(unsafe { o(k) }))
}
unsafe extern "C" fn iter(p: P) -> P {
    obj(|| m(p).iter())
}
unsafe extern "C" fn str(p: P) -> P {
    obj(|| m(p).str())
}
unsafe extern "C" fn repr(p: P) -> P {
    obj(|| Str::format(format_args!("mappingproxy({})", m(p).repr()?.to_string_lossy())))
}
unsafe extern "C" fn hash(p: P) -> isize {
    size(|| m(p).hash())
}
unsafe extern "C" fn richcompare(p: P, other: P, op: c_int) -> P {
    // SAFETY: slots get live objects.
    obj(|| m(p).richcompare(unsafe { o(other) }, crate::typeobject::CompareOp::from_raw(op).expect("comparison")))
}
unsafe extern "C" fn or(a: P, b: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        let (a, b) = unsafe { (o(a), o(b)) };
        let un =
            |x: &Object| if x.downcast_exact::<MappingProxy>().is_some() { m(x.as_ptr()).to_ref() } else { x.to_ref() };
        un(a).or(&un(b))
    })
}
unsafe extern "C" fn ior(p: P, _b: P) -> P {
    obj::<Object>(|| {
        // SAFETY: slots get live objects.
        Err(raise!(TypeError, "'|=' is not supported by {}; use '|' instead", unsafe { o(p) }.ty().tp_name()))
    })
}
unsafe extern "C" fn get(p: P, args: *const P, n: isize) -> P {
    obj(|| {
        if n < 1 || n > 2 {
            return Err(raise!(
                TypeError,
                "get expected at {} argument{}, got {}",
                if n < 1 { "least 1" } else { "most 2" },
                if n < 1 { "" } else { "s" },
                n
            ));
        }
        // SAFETY: `n` arguments.
        let (k, d) = unsafe { (o(*args), if n == 2 { o(*args.add(1)) } else { none() }) };
        m(p).call_method(intern!("get"), &[k, d])
    })
}
macro_rules! forward {
    ($($f:ident $n:literal)*) => {$(
        unsafe extern "C" fn $f(p: P, _a: P) -> P {
            obj(|| m(p).call_method(intern!($n), &[]))
        }
    )*};
}
forward! { keys "keys" values "values" items "items" copy "copy" reversed "__reversed__" }
unsafe extern "C" fn class_getitem(cls: P, item: P) -> P {
    // SAFETY: methods get live objects.
    obj(|| unsafe { crate::objects::genericalias::new(&*cls.cast::<Type>(), o(item)) })
}

static SPEC: TypeSpec = TypeSpec {
    name: c"mappingproxy",
    type_object: &raw mut PyDictProxy_Type,
    basicsize: size_of::<MappingProxy>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_MAPPING,
    doc: Some(c"mappingproxy(mapping)\n--\n\nRead-only proxy of a mapping."),
    slots: type_slots![
        Py_tp_new = tp_new,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_mp_length = len,
        Py_mp_subscript = getitem,
        Py_sq_contains = contains,
        Py_tp_iter = iter,
        Py_tp_str = str,
        Py_tp_repr = repr,
        Py_tp_hash = hash,
        Py_tp_richcompare = richcompare,
        Py_nb_or = or,
        Py_nb_inplace_or = ior,
    ],
    methods: &[
        method_def(
            c"get",
            get as *const (),
            abi::METH_FASTCALL,
            c"get($self, key, default=None, /)\n--\n\nReturn the value for key if key is in the mapping, else default."
                .as_ptr(),
        ),
        method_def(
            c"keys",
            keys as *const (),
            abi::METH_NOARGS,
            c"D.keys() -> a set-like object providing a view on D's keys".as_ptr(),
        ),
        method_def(
            c"values",
            values as *const (),
            abi::METH_NOARGS,
            c"D.values() -> an object providing a view on D's values".as_ptr(),
        ),
        method_def(
            c"items",
            items as *const (),
            abi::METH_NOARGS,
            c"D.items() -> a set-like object providing a view on D's items".as_ptr(),
        ),
        method_def(c"copy", copy as *const (), abi::METH_NOARGS, c"D.copy() -> a shallow copy of D".as_ptr()),
        method_def(
            c"__class_getitem__",
            class_getitem as *const (),
            abi::METH_O | abi::METH_CLASS,
            c"See PEP 585".as_ptr(),
        ),
        method_def(c"__reversed__", reversed as *const (), abi::METH_NOARGS, NO_DOC),
        method_end(),
    ],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 1] = [&SPEC];
