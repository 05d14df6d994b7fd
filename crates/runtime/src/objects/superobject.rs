//! `super`.

use crate::convert::{member_def, member_end};
use crate::prelude::*;
use crate::protocol::own;
use crate::typeobject::cabi::{self, o, obj, of, oo, set_field, unit};
use crate::typeobject::{TypeSpec, alloc_object, free_object};
use crate::{type_slots, visit_fields};
use abi::PyObject;
use core::ffi::{c_int, c_void};
use core::mem::offset_of;

type P = *mut PyObject;

/// Layout of `super` objects.
#[repr(C)]
pub struct Super {
    ob_base: PyObject,
    ty: P,
    obj: P,
    obj_type: P,
}
#[unsafe(no_mangle)]
pub static mut PySuper_Type: Type = Type::STATIC;
py_layout!(Super, PySuper_Type);

/// Looks `name` up after `ty` in the MRO of `obj_type` and binds it to `inst`: the core of `super().name`.
pub fn lookup(ty: &Type, inst: &Object, obj_type: &Type, name: &Str) -> PyResult<Option<PyRef>> {
    match find(ty, obj_type, name)? {
        None => Ok(None),
        Some(d) => match d.ty().slots().tp_descr_get {
            // SAFETY: a C slot. A class as the receiver stands for itself.
            Some(f) => unsafe {
                let i = if core::ptr::eq(inst, &**obj_type) { core::ptr::null_mut() } else { inst.as_ptr() };
                own(f(d.as_ptr(), i, obj_type.as_ptr())).map(Some)
            },
            None => Ok(Some(d)),
        },
    }
}

/// The unbound half of `lookup`.
pub fn find(ty: &Type, obj_type: &Type, name: &Str) -> PyResult<Option<PyRef>> {
    let mro = obj_type.mro();
    for b in mro.iter().skip_while(|b| !core::ptr::eq::<Object>(*b, &**ty)).skip(1) {
        // SAFETY: items of an MRO are types.
        if let Some(d) = unsafe { b.cast::<Type>() }.dict_opt() {
            if let Some(v) = d.get_str(name)? {
                return Ok(Some(v));
            }
        }
    }
    Ok(None)
}

/// The type whose MRO `super(ty, x)` walks.
pub fn check(ty: &Type, x: &Object) -> PyResult<Ref<Type>> {
    if let Some(t) = x.downcast::<Type>() {
        if t.is_subtype(ty) {
            return Ok(Ref::new_ref(t));
        }
    }
    if x.ty().is_subtype(ty) {
        return Ok(Ref::new_ref(x.ty()));
    }
    if let Some(c) = x.getattr_opt(intern!("__class__"))? {
        if let Ok(c) = c.downcast_into::<Type>() {
            if !c.ptr_eq(x.ty()) && c.is_subtype(ty) {
                return Ok(c);
            }
        }
    }
    let what = if x.downcast::<Type>().is_some() { "type" } else { "instance of" };
    let name = x.downcast::<Type>().map_or(x.ty().tp_name(), |t| t.tp_name());
    Err(raise!(
        TypeError,
        "super(type, obj): obj ({} {}) is not an instance or subtype of type ({}).",
        what,
        name,
        ty.tp_name()
    ))
}

/// `super(ty, x).name` without making the object (LOAD_SUPER_ATTR). `unbound`: a method that still wants `x` is given
/// back with `true` in second place.
pub fn super_getattr(ty: &Object, x: &Object, name: &Str, unbound: bool) -> PyResult<(PyRef, bool)> {
    let Some(t) = ty.downcast::<Type>() else {
        return Err(raise!(TypeError, "super() argument 1 must be a type, not {}", ty.ty().tp_name()));
    };
    let ot = check(t, x)?;
    if !name.eq_str("__class__") {
        if let Some(d) = find(t, &ot, name)? {
            let dt = d.ty();
            let is_class = core::ptr::eq(x, &**(&*ot as &Type));
            if unbound && !is_class && dt.has_feature(abi::Py_TPFLAGS_METHOD_DESCRIPTOR) {
                return Ok((d, true));
            }
            return match dt.slots().tp_descr_get {
                // SAFETY: a C slot.
                Some(f) => unsafe {
                    Ok((
                        own(f(d.as_ptr(), if is_class { core::ptr::null_mut() } else { x.as_ptr() }, ot.as_ptr()))?,
                        false,
                    ))
                },
                None => Ok((d, false)),
            };
        }
    }
    let s = new(t, Some(x))?;
    Ok((s.generic_getattr(name)?, false))
}

/// `super(ty, x)`.
pub fn new(ty: &Type, x: Option<&Object>) -> PyResult<PyRef> {
    let r = alloc_object::<Super>(Super::type_object())?;
    // SAFETY: a new object.
    unsafe { set(r.as_raw(), ty, x)? };
    crate::mem::gc::track(&r);
    Ok(r.upcast())
}

unsafe fn set(s: *mut Super, ty: &Type, x: Option<&Object>) -> PyResult<()> {
    let x = x.filter(|x| !x.is_none());
    let ot = x.map(|x| check(ty, x)).transpose()?;
    // SAFETY: fields of the object being initialised.
    unsafe {
        set_field(&raw mut (*s).ty, Some(ty.to_ref()));
        set_field(&raw mut (*s).obj, x.map(Object::to_ref));
        set_field(&raw mut (*s).obj_type, ot.map(Ref::upcast));
    }
    Ok(())
}

fn s<'a>(p: P) -> &'a Super {
    // SAFETY: slots of `super` get such objects.
    unsafe { &*p.cast::<Super>() }
}

unsafe extern "C" fn init(p: P, args: P, kw: P) -> c_int {
    unit(|| {
        // SAFETY: `tp_init` gets a tuple and a dict or null.
        unsafe {
            let a = of::<Tuple>(args);
            if kw.cast::<Dict>().as_ref().is_some_and(|k| k.len() > 0) {
                return Err(raise!(TypeError, "super() takes no keyword arguments"));
            }
            match a.as_slice() {
                [] => {
                    let (t, x) = frame_args()?;
                    let Some(t) = t.downcast::<Type>() else {
                        return Err(raise!(RuntimeError, "super(): __class__ is not a type ({})", t.ty().tp_name()));
                    };
                    set(p.cast(), t, Some(&x))
                }
                [t] | [t, _] => {
                    let Some(ty) = t.downcast::<Type>() else {
                        return Err(raise!(TypeError, "super() argument 1 must be a type, not {}", t.ty().tp_name()));
                    };
                    set(p.cast(), ty, a.as_slice().get(1).copied())
                }
                x => Err(raise!(TypeError, "super() expected at most 2 arguments, got {}", x.len())),
            }
        }
    })
}

unsafe extern "C" fn getattro(p: P, name: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let n = o(name);
            let Some(n) = n.downcast::<Str>() else { return Err(crate::protocol::attr::name_type_error(n)) };
            let me = s(p);
            if let (Some(x), Some(ot), false) = (oo(me.obj), oo(me.obj_type), n.eq_str("__class__")) {
                if let Some(v) = lookup(of::<Type>(me.ty), x, ot.cast::<Type>(), n)? {
                    return Ok(v);
                }
            }
            o(p).generic_getattr(n)
        }
    })
}

unsafe extern "C" fn descr_get(p: P, inst: P, _t: P) -> P {
    obj(|| {
        // SAFETY: slots get live objects.
        unsafe {
            let me = s(p);
            let Some(i) = oo(inst).filter(|i| !i.is_none()) else { return Ok(o(p).to_ref()) };
            if !me.obj.is_null() || me.ty.is_null() {
                return Ok(o(p).to_ref());
            }
            if !o(p).ty().ptr_eq(Super::type_object()) {
                return o(p).ty().call(&[o(me.ty), i]);
            }
            new(of::<Type>(me.ty), Some(i))
        }
    })
}

unsafe extern "C" fn repr(p: P) -> P {
    obj(|| {
        let me = s(p);
        // SAFETY: live fields.
        let name = |p: P| unsafe { oo(p).and_then(|t| t.downcast::<Type>()).map_or("NULL", |t| t.tp_name()) };
        if me.obj_type.is_null() {
            Str::format(format_args!("<super: <class '{}'>, NULL>", name(me.ty)))
        } else {
            Str::format(format_args!("<super: <class '{}'>, <{} object>>", name(me.ty), name(me.obj_type)))
        }
    })
}

unsafe extern "C" fn dealloc(p: P) {
    cabi::void(|| {
        // SAFETY: a dying object.
        unsafe {
            crate::mem::gc::untrack(o(p));
            for f in [s(p).ty, s(p).obj, s(p).obj_type] {
                drop(PyRef::from_ptr_opt(f));
            }
            free_object(p);
        }
    })
}
unsafe extern "C" fn traverse(p: P, v: abi::visitproc, arg: *mut c_void) -> c_int {
    visit_fields!(v, arg; s(p).ty, s(p).obj, s(p).obj_type)
}

static SPEC: TypeSpec = TypeSpec {
    name: c"super",
    type_object: &raw mut PySuper_Type,
    basicsize: size_of::<Super>(),
    flags: abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_BASETYPE,
    doc: Some(c"super() -> same as super(__class__, <first argument>)\nsuper(type) -> unbound super object\nsuper(type, obj) -> bound super object; requires isinstance(obj, type)\nsuper(type, type2) -> bound super object; requires issubclass(type2, type)\nTypical use to call a cooperative superclass method:\nclass C(B):\n    def meth(self, arg):\n        super().meth(arg)\nThis works for class methods too:\nclass C(B):\n    @classmethod\n    def cmeth(cls, arg):\n        super().cmeth(arg)\n"),
    slots: type_slots![
        Py_tp_new = crate::typeobject::alloc::PyType_GenericNew,
        Py_tp_init = init,
        Py_tp_dealloc = dealloc,
        Py_tp_traverse = traverse,
        Py_tp_getattro = getattro,
        Py_tp_repr = repr,
        Py_tp_descr_get = descr_get,
    ],
    members: &[
        member_def(c"__thisclass__", abi::_Py_T_OBJECT, offset_of!(Super, ty) as isize, abi::Py_READONLY),
        member_def(c"__self__", abi::_Py_T_OBJECT, offset_of!(Super, obj) as isize, abi::Py_READONLY),
        member_def(c"__self_class__", abi::_Py_T_OBJECT, offset_of!(Super, obj_type) as isize, abi::Py_READONLY),
        member_end(),
    ],
    ..TypeSpec::EMPTY
};

/// The types of this file.
pub static SPECS: [&TypeSpec; 1] = [&SPEC];

/// `__class__` and the first argument of the running Python function, for `super()` without arguments.
fn frame_args() -> PyResult<(PyRef, PyRef)> {
    use crate::interp::frame::InterpFrame;
    use crate::objects::Cell;
    let Some(f) = crate::interp::current_frame() else {
        return Err(raise!(RuntimeError, "super(): no current frame"));
    };
    // SAFETY: the running frame of this thread; its caller saved the locals before the call.
    unsafe {
        let code = (*f).code();
        if code.argcount() == 0 {
            return Err(raise!(RuntimeError, "super(): no arguments"));
        }
        let locals = InterpFrame::localsplus(f);
        let mut first = (*locals).try_obj().map(Object::to_ref);
        if let Some(c) =
            first.as_ref().and_then(|x| x.downcast::<Cell>()).filter(|_| code.kind(0) & compiler::code::fast::CELL != 0)
        {
            first = c.get();
        }
        let Some(first) = first else {
            return Err(raise!(RuntimeError, "super(): arg[0] deleted"));
        };
        for i in 0..code.nlocalsplus() {
            if code.kind(i) & compiler::code::fast::FREE != 0 && code.local_name(i).eq_str("__class__") {
                let Some(c) = (*locals.add(i)).try_obj().and_then(|x| x.downcast::<Cell>()) else {
                    return Err(raise!(RuntimeError, "super(): bad __class__ cell"));
                };
                let Some(t) = c.get() else {
                    return Err(raise!(RuntimeError, "super(): empty __class__ cell"));
                };
                return Ok((t, first));
            }
        }
        Err(raise!(RuntimeError, "super(): __class__ cell not found"))
    }
}
