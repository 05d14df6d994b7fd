//! `types.SimpleNamespace`.

use crate::mem::Visitor;
use crate::objects::StrBuilder;
use crate::objects::not_implemented_ref;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::mem::offset_of;
use macros::pyclass;

/// Layout of `SimpleNamespace`: only a `__dict__`.
#[repr(C)]
pub struct Namespace {
    header: abi::PyObject,
    dict: Slot,
}
#[unsafe(no_mangle)]
pub static mut _PyNamespace_Type: Type = unready_type();
py_layout!(Namespace, _PyNamespace_Type);

impl Namespace {
    fn create(cls: &Type) -> PyResult<Ref<Namespace>> {
        let d = Dict::new()?;
        let ns = crate::typeobject::alloc_object::<Namespace>(cls)?;
        ns.dict.init(d.upcast());
        crate::mem::gc::track(&ns);
        Ok(ns)
    }

    /// `SimpleNamespace(**kwargs)` (`_PyNamespace_New`).
    pub fn new(kwargs: Option<&Dict>) -> PyResult<Ref<Namespace>> {
        let ns = Self::create(Self::type_object())?;
        if let Some(k) = kwargs {
            ns.dict()?.update(k)?;
        }
        Ok(ns)
    }

    pub fn dict(&self) -> PyResult<Ref<Dict>> {
        match self.dict.get(self).map(PyRef::downcast_into::<Dict>) {
            Some(Ok(d)) => Ok(d),
            _ => Err(raise!(TypeError, "namespace without a __dict__")),
        }
    }
}

/// SimpleNamespace(mapping_or_iterable=(), /, **kwargs)
/// --
///
/// A simple attribute-based namespace.
#[pyclass(
    name = "SimpleNamespace",
    module = "types",
    type_object = _PyNamespace_Type,
    flags = "BASETYPE|HAVE_GC",
    dictoffset = offset_of!(Namespace, dict),
    members = "__dict__: object@dict readonly"
)]
impl Namespace {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(Self::create(cls)?.upcast())
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.check_positional("SimpleNamespace", 0, 1)?;
        let d = self.dict()?;
        if let Some(src) = args.get(0) {
            let t = Dict::new()?;
            t.update(src)?;
            for k in t.keys_snapshot() {
                if k.downcast::<Str>().is_none() {
                    return Err(raise!(TypeError, "keywords must be strings"));
                }
            }
            d.update(&t)?;
        }
        for (k, v) in args.keywords() {
            d.set(k, v)?;
        }
        Ok(())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let name = if core::ptr::eq(self.ty(), Namespace::type_object()) {
            "namespace".to_string()
        } else {
            self.ty().name_str().to_string()
        };
        if repr_enter(self)? {
            return Str::format(format_args!("{name}(...)"));
        }
        let r = (|| {
            let mut b = StrBuilder::new();
            b.push_str(&name);
            b.push_char('(');
            let mut first = true;
            for (k, v) in self.dict()?.items_snapshot() {
                let Some(k) = k.downcast::<Str>() else { continue };
                if k.is_empty() {
                    continue;
                }
                if !first {
                    b.push_str(", ");
                }
                first = false;
                b.push_obj(k);
                b.push_char('=');
                b.push_repr_of(&v)?;
            }
            b.push_char(')');
            b.finish()
        })();
        repr_leave(self);
        r
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        match other.downcast::<Namespace>() {
            Some(o) => self.dict()?.richcompare(&*o.dict()?, op),
            None => Ok(not_implemented_ref()),
        }
    }
    /// Return state information for pickling
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![(**self.ty()).to_ref(), Tuple::empty().upcast(), self.dict()?.upcast()])?.upcast())
    }
    /// Return a copy of the namespace object with new values for the specified attributes.
    #[pymethod(raw)]
    fn __replace__(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.len() != 0 {
            return Err(raise!(TypeError, "__replace__() takes no positional arguments ({} given)", args.len()));
        }
        let out = (**self.ty()).call0()?;
        let Some(ns) = out.downcast::<Namespace>() else {
            return Err(raise!(
                TypeError,
                "expect {} type, but {}() returned '{}' object",
                "types.SimpleNamespace",
                self.ty().full_name()?.to_string_lossy(),
                out.ty().full_name()?.to_string_lossy()
            ));
        };
        let d = ns.dict()?;
        d.update(&*self.dict()?)?;
        for (k, v) in args.keywords() {
            d.set(k, v)?;
        }
        Ok(out)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.dict.ptr())
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.dict.replace(self, None));
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying namespace.
        unsafe {
            begin_dealloc(this);
            drop((*this).dict.swap(None));
            free_object(this.cast());
        }
    }
}
