//! `property`.

use crate::convert::{getset_def, getset_end, member_def, member_end, method_def, method_end};
use crate::objects::funcobject_static::is_abstract;
use crate::prelude::*;
use crate::typeobject::cabi::{self, NO_DOC, o, obj, of, oo, set_field, unit};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::PyObject;
use core::ffi::{c_int, c_void};
use core::mem::offset_of;

type P = *mut PyObject;

/// Layout of `property` objects.
#[repr(C)]
pub struct Property {
    ob_base: PyObject,
    get: P,
    set: P,
    del: P,
    doc: P,
    name: P,
    getter_doc: u8,
}
#[unsafe(no_mangle)]
pub static mut PyProperty_Type: Type = Type::STATIC;
py_layout!(Property, PyProperty_Type);

fn s<'a>(p: P) -> &'a Property {
    // SAFETY: slots of `property` get properties.
    unsafe { &*p.cast::<Property>() }
}

/// The getter of an exact `property`, for specialisation.
pub fn getter(x: &Object) -> Option<&Object> {
    // SAFETY: the property keeps its getter.
    x.downcast_exact::<Property>().and_then(|p| unsafe { oo(p.get) })
}

/// `property(get, set, del)`.
pub fn new(get: Option<&Object>, set: Option<&Object>, del: Option<&Object>) -> PyResult<PyRef> {
    let r = alloc_object::<Property>(Property::type_object())?;
    crate::mem::gc::track(&r);
    crate::mem::refcount::set_deferred(&r);
    init_fields(r.as_ptr(), get, set, del, None)?;
    Ok(r.upcast())
}

/// The name for messages: given by `__set_name__`, or the getter's.
fn name_of(p: P) -> PyResult<Option<PyRef>> {
    // SAFETY: live fields.
    unsafe {
        if let Some(n) = oo(s(p).name) {
            return Ok(Some(n.to_ref()));
        }
        match oo(s(p).get) {
            Some(g) => g.getattr_opt(intern!("__name__")),
            None => Ok(None),
        }
    }
}

fn init_fields(
    p: P,
    get: Option<&Object>,
    set: Option<&Object>,
    del: Option<&Object>,
    doc: Option<&Object>,
) -> PyResult<()> {
    let present = |x: Option<&Object>| x.filter(|x| !x.is_none()).map(Object::to_ref);
    // SAFETY: the object being initialised.
    let exact = unsafe { o(p) }.downcast_exact::<Property>().is_some();
    // SAFETY: fields of the property being initialised.
    unsafe {
        let me = p.cast::<Property>();
        set_field(&raw mut (*me).get, present(get));
        set_field(&raw mut (*me).set, present(set));
        set_field(&raw mut (*me).del, present(del));
        set_field(&raw mut (*me).doc, None);
        set_field(&raw mut (*me).name, None);
        (*me).getter_doc = 0;
        let mut d = present(doc);
        if d.is_none() {
            if let Some(g) = get.filter(|g| !g.is_none()) {
                d = g.getattr_opt(intern!("__doc__"))?.filter(|d| !d.is_none());
                if d.is_some() {
                    (*me).getter_doc = 1;
                }
            }
        }
        if exact {
            set_field(&raw mut (*me).doc, d);
        } else {
            // A subclass keeps its doc in the instance dict, where `help` finds it.
            let v = d.unwrap_or_else(none_ref);
            match o(p).setattr(intern!("__doc__"), &v) {
                Ok(()) => {}
                Err(e) if e.matches(exc::AttributeError()) && (*me).getter_doc == 0 => e.clear(),
                Err(e) => return Err(e),
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn init(p: P, args: P, kw: P) -> c_int {
    // SAFETY: a live object; it is tracked.
    crate::mem::refcount::set_deferred(unsafe { o(p) });
    unit(|| {
        // SAFETY: `tp_init` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            if a.len() > 4 {
                return Err(raise!(TypeError, "property() takes at most 4 arguments ({} given)", a.len()));
            }
            let mut v: [Option<PyRef>; 4] = [const { None }; 4];
            for (i, x) in a.iter().enumerate() {
                v[i] = Some(x.to_ref());
            }
            if let Some(k) = kw.cast::<Dict>().as_ref() {
                for (name, val) in k.items_snapshot() {
                    let n = name.str()?;
                    let n = n.to_string_lossy();
                    let Some(i) = ["fget", "fset", "fdel", "doc"].iter().position(|x| *x == n) else {
                        return Err(raise!(TypeError, "property() got an unexpected keyword argument '{}'", n));
                    };
                    if v[i].is_some() {
                        return Err(raise!(
                            TypeError,
                            "argument for property() given by name ('{}') and position ({})",
                            n,
                            i + 1
                        ));
                    }
                    v[i] = Some(val);
                }
            }
            let [g, s, d, doc] = &v;
            init_fields(p, g.as_deref(), s.as_deref(), d.as_deref(), doc.as_deref())
        }
    })
}

#[cold]
fn missing(p: P, inst: &Object, what: &str) -> Raised {
    let q = match inst.ty().qualname().and_then(|q| q.str()) {
        Ok(q) => q.to_string_lossy().into_owned(),
        Err(e) => return e,
    };
    match name_of(p).and_then(|n| n.map(|n| n.repr()).transpose()) {
        Ok(Some(n)) => raise!(AttributeError, "property {} of '{}' object has no {}", n.to_string_lossy(), q, what),
        Ok(None) => raise!(AttributeError, "property of '{}' object has no {}", q, what),
        Err(e) => e,
    }
}

unsafe extern "C" fn descr_get(p: P, inst: P, _t: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let Some(i) = oo(inst).filter(|i| !i.is_none()) else { return Ok(o(p).to_ref()) };
            match oo(s(p).get) {
                Some(g) => g.call1(i),
                None => Err(missing(p, i, "getter")),
            }
        }
    })
}

unsafe extern "C" fn descr_set(p: P, inst: P, v: P) -> c_int {
    unit(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let i = o(inst);
            match oo(v) {
                Some(v) => match oo(s(p).set) {
                    Some(f) => f.call(&[i, v]).map(drop),
                    None => Err(missing(p, i, "setter")),
                },
                None => match oo(s(p).del) {
                    Some(f) => f.call1(i).map(drop),
                    None => Err(missing(p, i, "deleter")),
                },
            }
        }
    })
}

/// A copy with one function replaced.
fn copy_with(p: P, which: usize, f: P) -> P {
    obj(|| {
        // SAFETY: live fields.
        unsafe {
            let me = s(p);
            let mut v = [
                oo(me.get).unwrap_or(none()),
                oo(me.set).unwrap_or(none()),
                oo(me.del).unwrap_or(none()),
                oo(me.doc).unwrap_or(none()),
            ];
            let f = o(f);
            if !f.is_none() {
                v[which] = f;
            }
            // A doc taken from the getter follows the getter.
            if me.getter_doc == 1 && !v[0].is_none() {
                v[3] = none();
            }
            let r = o(p).ty().call(&v)?;
            if let (Some(q), Some(n)) = (r.downcast::<Property>(), oo(me.name)) {
                set_field(&raw mut (*q.as_ptr().cast::<Property>()).name, Some(n.to_ref()));
            }
            Ok(r)
        }
    })
}
unsafe extern "C" fn m_getter(p: P, f: P) -> P {
    copy_with(p, 0, f)
}
unsafe extern "C" fn m_setter(p: P, f: P) -> P {
    copy_with(p, 1, f)
}
unsafe extern "C" fn m_deleter(p: P, f: P) -> P {
    copy_with(p, 2, f)
}
unsafe extern "C" fn set_name(p: P, args: *const P, n: isize) -> P {
    obj(|| {
        if n != 2 {
            return Err(raise!(TypeError, "__set_name__() takes 2 positional arguments but {} were given", n));
        }
        // SAFETY: two arguments.
        unsafe { set_field(&raw mut (*p.cast::<Property>()).name, Some(o(*args.add(1)).to_ref())) };
        Ok(none_ref())
    })
}

unsafe extern "C" fn get_isabstract(p: P, _c: *mut c_void) -> P {
    obj(|| {
        for f in [s(p).get, s(p).set, s(p).del] {
            // SAFETY: live fields.
            if let Some(f) = unsafe { oo(f) } {
                if is_abstract(f)? {
                    return Ok(true_().to_ref());
                }
            }
        }
        Ok(false_().to_ref())
    })
}
unsafe extern "C" fn get_name(p: P, _c: *mut c_void) -> P {
    obj(|| match name_of(p)? {
        Some(n) => Ok(n),
        // SAFETY: a live object.
        None => Err(crate::protocol::attr::no_attribute(unsafe { o(p) }, intern!("__name__"))),
    })
}
unsafe extern "C" fn set_name_attr(p: P, v: P, _c: *mut c_void) -> c_int {
    // SAFETY: setters get live objects.
    unit(|| unsafe {
        set_field(&raw mut (*p.cast::<Property>()).name, oo(v).map(Object::to_ref));
        Ok(())
    })
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying property.
        unsafe {
            crate::mem::gc::untrack(o(p));
            for f in [s(p).get, s(p).set, s(p).del, s(p).doc, s(p).name] {
                drop(PyRef::from_ptr_opt(f));
            }
            free_object(p);
        }
    })
}
unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; s(p).get, s(p).set, s(p).del, s(p).doc, s(p).name)
}
unsafe extern "C" fn clear(p: P) -> c_int {
    // SAFETY: called by the collector.
    unsafe { set_field(&raw mut (*p.cast::<Property>()).doc, None) };
    0
}

const fn field(name: &'static core::ffi::CStr, off: usize) -> abi::PyMemberDef {
    member_def(name, abi::_Py_T_OBJECT, off as isize, abi::Py_READONLY)
}

static SPEC: TypeSpec = TypeSpec {
    name: c"property",
    type_object: &raw mut PyProperty_Type,
    basicsize: size_of::<Property>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_BASETYPE,
    doc: Some(c"property(fget=None, fset=None, fdel=None, doc=None)\n--\n\nProperty attribute.\n\n  fget\n    function to be used for getting an attribute value\n  fset\n    function to be used for setting an attribute value\n  fdel\n    function to be used for del'ing an attribute\n  doc\n    docstring"),
    slots: type_slots![
        Py_tp_new = crate::typeobject::alloc::PyType_GenericNew,
        Py_tp_init = init,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_clear = clear,
        Py_tp_descr_get = descr_get,
        Py_tp_descr_set = descr_set,
    ],
    methods: &[
        method_def(c"getter", m_getter as *const (), abi::METH_O, c"Descriptor to obtain a copy of the property with a different getter.".as_ptr()),
        method_def(c"setter", m_setter as *const (), abi::METH_O, c"Descriptor to obtain a copy of the property with a different setter.".as_ptr()),
        method_def(c"deleter", m_deleter as *const (), abi::METH_O, c"Descriptor to obtain a copy of the property with a different deleter.".as_ptr()),
        method_def(c"__set_name__", set_name as *const (), abi::METH_FASTCALL, c"__set_name__($self, owner, name, /)\n--\n\nMethod to set name of a property.".as_ptr()),
        method_end(),
    ],
    members: &[
        field(c"fget", offset_of!(Property, get)),
        field(c"fset", offset_of!(Property, set)),
        field(c"fdel", offset_of!(Property, del)),
        member_def(c"__doc__", abi::_Py_T_OBJECT, offset_of!(Property, doc) as isize, 0),
        member_end(),
    ],
    getset: &[
        getset_def(c"__name__", Some(get_name), Some(set_name_attr), NO_DOC),
        getset_def(c"__isabstractmethod__", Some(get_isabstract), None, NO_DOC),
        getset_end(),
    ],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 1] = [&SPEC];
