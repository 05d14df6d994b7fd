//! `typing.Union`: the type of `int | str`.

use crate::mem::Visitor;
use crate::objects::genericalias::{GenericAlias, make_parameters, subs_parameters, type_repr};
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object, py_bool, track};
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::Acquire;
use macros::pyclass;

/// Layout of `Union`.
#[repr(C)]
pub struct Union {
    header: abi::PyObject,
    /// Flat, without duplicates.
    args: Slot,
    parameters: Slot,
    weakreflist: AtomicPtr<abi::PyObject>,
}
/// `typing.Union`, also `types.UnionType`.
#[unsafe(no_mangle)]
pub static mut _PyUnion_Type: Type = unready_type();
py_layout!(Union, _PyUnion_Type);

fn is_type(o: &Object) -> bool {
    o.ty().flags() & (abi::Py_TPFLAGS_TYPE_SUBCLASS as u64) != 0
}

/// What `|` joins without asking `typing`.
fn unionable(o: &Object) -> bool {
    o.is_none()
        || is_type(o)
        || o.downcast::<GenericAlias>().is_some()
        || o.downcast::<Union>().is_some()
        || o.ty().name_str() == "TypeAliasType"
}

/// Collects members: flat, `None` as `NoneType`, each once.
#[derive(Default)]
struct Builder {
    members: Vec<PyRef>,
    /// Their hashes; None for what has none
    hashes: Vec<Option<isize>>,
}

impl Builder {
    fn add(&mut self, o: &Object, check: bool) -> PyResult<()> {
        if o.is_none() {
            return self.add_single((**o.ty()).to_ref());
        }
        if let Some(u) = o.downcast::<Union>() {
            for x in u.args().iter() {
                self.add_single(x.to_ref())?;
            }
            return Ok(());
        }
        if !check || is_type(o) || o.downcast::<GenericAlias>().is_some() {
            return self.add_single(o.to_ref());
        }
        // Strings become forward references; what is no type is refused.
        let typing = crate::objects::support::import("typing")?;
        let msg = Str::intern("Union[arg, ...]: each arg must be a type.");
        let checked = typing.call_method(intern!("_type_check"), &[o, msg])?;
        if checked.is(o) || checked.downcast::<Union>().is_none() {
            return self.add_single(checked);
        }
        self.add(&checked, false)
    }

    fn add_single(&mut self, o: PyRef) -> PyResult<()> {
        let hash = match o.hash() {
            Ok(h) => Some(h),
            Err(e) if e.matches(exc::TypeError()) => {
                e.clear();
                None
            }
            Err(e) => return Err(e),
        };
        // Only those of equal hash are compared, and the ones without a hash among themselves
        for (x, h) in self.members.iter().zip(&self.hashes) {
            if x.is(&o) || (*h == hash && x.eq(&o)?) {
                return Ok(());
            }
        }
        self.hashes.push(hash);
        self.members.push(o);
        Ok(())
    }

    fn finish(mut self) -> PyResult<PyRef> {
        if self.members.len() == 1 {
            if let Some(o) = self.members.pop() {
                return Ok(o);
            }
        }
        let args = Tuple::from_refs(self.members)?;
        let u = crate::typeobject::alloc_object::<Union>(Union::type_object())?;
        u.args.init(args.upcast());
        Ok(track(u).upcast())
    }
}

/// `a | b` for types; `NotImplemented` when one of them is none.
pub fn or(a: &Object, b: &Object) -> PyResult<PyRef> {
    if !unionable(a) || !unionable(b) {
        return Ok(not_implemented_ref());
    }
    let mut u = Builder::default();
    u.add(a, false)?;
    u.add(b, false)?;
    u.finish()
}

/// `Union[args]`: what is no type goes through `typing._type_check` (`_Py_union_from_tuple`).
pub fn from_args(args: &[&Object]) -> PyResult<PyRef> {
    if args.is_empty() {
        return Err(raise!(TypeError, "Cannot take a Union of no types."));
    }
    let mut u = Builder::default();
    for a in args {
        u.add(a, true)?;
    }
    u.finish()
}

impl Union {
    pub fn args(&self) -> &Tuple {
        // SAFETY: a tuple, set at creation, released by dealloc only.
        unsafe { Object::from_ptr(self.args.ptr()).cast::<Tuple>() }
    }
    fn parameters(&self) -> PyResult<PyRef> {
        if let Some(p) = self.parameters.get(self) {
            return Ok(p);
        }
        let p = make_parameters(self.args())?.upcast();
        drop(self.parameters.replace(self, Some(p.clone())));
        Ok(p)
    }
    /// Members as two bags: hashable ones as a set, the rest as they are.
    fn split(&self) -> PyResult<(Ref<Set>, Vec<PyRef>)> {
        let set = Set::new()?;
        let mut rest = Vec::new();
        for o in self.args().iter() {
            match o.hash() {
                Ok(h) => {
                    set.add_hash(o.to_ref(), h)?;
                }
                Err(e) if !e.matches(exc::TypeError()) => return Err(e),
                Err(e) => {
                    e.clear();
                    rest.push(o.to_ref());
                }
            }
        }
        Ok((set, rest))
    }
    fn equals(&self, o: &Union) -> PyResult<bool> {
        let ((a, ra), (b, rb)) = (self.split()?, o.split()?);
        if !a.equals(&b)? || ra.len() != rb.len() {
            return Ok(false);
        }
        for x in &ra {
            let mut found = false;
            for y in &rb {
                if x.eq(y)? {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Represent a union type
///
/// E.g. for int | str
#[pyclass(name = "Union", module = "typing", type_object = _PyUnion_Type, flags = "HAVE_GC", weaklistoffset = offset_of!(Union, weakreflist))]
impl Union {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let mut b = StrBuilder::new();
        for (i, o) in self.args().iter().enumerate() {
            if i > 0 {
                b.push_str(" | ");
            }
            if o.as_ptr() == crate::objects::singletons::NoneObject::type_object().as_ptr() {
                b.push_str("None");
            } else {
                type_repr(&mut b, o)?;
            }
        }
        b.finish()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let (set, rest) = self.split()?;
        if !rest.is_empty() {
            for o in &rest {
                o.hash()?;
            }
            // They have become hashable since
            return Err(raise!(
                TypeError,
                "union contains {} unhashable element{}",
                rest.len(),
                if rest.len() == 1 { "" } else { "s" }
            ));
        }
        Ok(set.content_hash())
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Union>() else { return Ok(not_implemented_ref()) };
        match op {
            CompareOp::Eq => Ok(py_bool(self.equals(o)?)),
            CompareOp::Ne => Ok(py_bool(!self.equals(o)?)),
            _ => Ok(not_implemented_ref()),
        }
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        // One of them is a union: the other may be whatever `Union[...]` takes, also a string.
        from_args(&[a, b])
    }
    #[slot]
    fn mp_subscript(&self, item: &Object) -> PyResult<PyRef> {
        let p = self.parameters()?;
        let Some(params) = p.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "__parameters__ is not a tuple"));
        };
        let args = subs_parameters(self, self.args(), params, item)?;
        from_args(args.as_slice())
    }
    #[pymethod]
    fn __mro_entries__(&self, _bases: &Object) -> PyResult<PyRef> {
        Err(raise!(TypeError, "Cannot subclass {}", self.repr()?.to_string_lossy()))
    }
    #[pymethod]
    fn __instancecheck__(&self, other: &Object) -> PyResult<bool> {
        for c in self.args().iter() {
            if c.downcast::<GenericAlias>().is_some() {
                return Err(raise!(TypeError, "isinstance() argument 2 cannot be a parameterized generic"));
            }
        }
        for c in self.args().iter() {
            if other.isinstance(c)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
    #[pymethod]
    fn __subclasscheck__(&self, other: &Object) -> PyResult<bool> {
        if !is_type(other) {
            return Err(raise!(TypeError, "issubclass() arg 1 must be a class"));
        }
        for c in self.args().iter() {
            if c.downcast::<GenericAlias>().is_some() {
                return Err(raise!(TypeError, "issubclass() argument 2 cannot be a parameterized generic"));
            }
        }
        for c in self.args().iter() {
            if other.issubclass(c)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
    #[pyclassmethod]
    fn __class_getitem__(_cls: &Type, args: &Object) -> PyResult<PyRef> {
        match args.downcast::<Tuple>() {
            Some(t) => from_args(t.as_slice()),
            None => from_args(&[args]),
        }
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let f = crate::objects::support::import("operator")?.getattr(intern!("getitem"))?;
        let args = Tuple::pair((**Union::type_object()).to_ref(), self.args().to_ref())?;
        Ok(Tuple::pair(f, args.upcast())?.upcast())
    }
    #[pygetset]
    fn __args__(&self) -> PyRef {
        self.args().to_ref()
    }
    /// Type variables in the types.UnionType.
    #[pygetset]
    fn __parameters__(&self) -> PyResult<PyRef> {
        self.parameters()
    }
    #[pygetset]
    fn __name__(&self) -> &'static str {
        "Union"
    }
    #[pygetset]
    fn __qualname__(&self) -> &'static str {
        "Union"
    }
    #[pygetset]
    fn __module__(&self) -> &'static str {
        "typing"
    }
    /// Always returns the type
    #[pygetset]
    fn __origin__(&self) -> PyRef {
        (**Union::type_object()).to_ref()
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = v.visit_ptr(self.args.ptr());
        if r != 0 { r } else { v.visit_ptr(self.parameters.ptr()) }
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying union.
        unsafe {
            begin_dealloc(this);
            if !(*this).weakreflist.load(Acquire).is_null() {
                crate::objects::weakref::clear_weakrefs(this.cast());
            }
            drop((*this).args.swap(None));
            drop((*this).parameters.swap(None));
            free_object(this.cast());
        }
    }
}
