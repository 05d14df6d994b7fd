//! `types.GenericAlias`: `list[int]` and parameter substitution.

use crate::mem::Visitor;
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object, track};
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use core::mem::offset_of;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicPtr};
use macros::pyclass;

/// Layout of `GenericAlias`.
#[repr(C)]
pub struct GenericAlias {
    header: abi::PyObject,
    origin: Slot,
    args: Slot,
    /// Computed on first use.
    parameters: Slot,
    weakreflist: AtomicPtr<abi::PyObject>,
    starred: AtomicBool,
}
#[unsafe(no_mangle)]
pub static mut Py_GenericAliasType: Type = unready_type();
py_layout!(GenericAlias, Py_GenericAliasType);

/// Layout of the iterator that yields the unpacked alias once.
#[repr(C)]
pub struct AliasIter {
    header: abi::PyObject,
    obj: Slot,
}
/// Type of `iter(list[int])`.
#[unsafe(no_mangle)]
pub static mut _Py_GenericAliasIterType: Type = unready_type();
py_layout!(AliasIter, _Py_GenericAliasIterType);

/// `cls[args]` for `__class_getitem__`.
pub fn alias(cls: &Type, args: &Object) -> PyResult<PyRef> {
    new(cls, args)
}

/// `Py_GenericAlias`: `args` that are no tuple stand for a tuple of one.
pub fn new(origin: &Object, args: &Object) -> PyResult<PyRef> {
    let args = match args.downcast::<Tuple>() {
        Some(t) => Ref::new_ref(t),
        None => Tuple::pack(&[args])?,
    };
    Ok(create(GenericAlias::type_object(), origin, &args, false)?.upcast())
}

fn create(cls: &Type, origin: &Object, args: &Tuple, starred: bool) -> PyResult<Ref<GenericAlias>> {
    let g = crate::typeobject::alloc_object::<GenericAlias>(cls)?;
    g.origin.init(origin.to_ref());
    g.args.init(args.to_ref());
    g.starred.store(starred, Relaxed);
    Ok(track(g))
}

/// The text of one argument as `typing` shows it.
pub fn type_repr(b: &mut StrBuilder, o: &Object) -> PyResult<()> {
    if o.is(ellipsis()) {
        b.push_str("...");
        return Ok(());
    }
    if o.getattr_opt(intern!("__origin__"))?.is_some() && o.getattr_opt(intern!("__args__"))?.is_some() {
        return b.push_repr_of(o);
    }
    let (Some(q), Some(m)) = (o.getattr_opt(intern!("__qualname__"))?, o.getattr_opt(intern!("__module__"))?) else {
        return b.push_repr_of(o);
    };
    if m.is_none() {
        return b.push_repr_of(o);
    }
    if !m.downcast::<Str>().is_some_and(|m| m.eq_str("builtins")) {
        b.push_str_of(&m)?;
        b.push_char('.');
    }
    b.push_str_of(&q)
}

fn repr_arg(b: &mut StrBuilder, o: &Object) -> PyResult<()> {
    // A list stands for the arguments of a ParamSpec.
    if let Some(l) = o.downcast_exact::<List>() {
        b.push_char('[');
        for i in 0..l.len() {
            if i > 0 {
                b.push_str(", ");
            }
            // A repr may have shortened the list
            let x = l.get(i).ok_or_else(|| raise!(IndexError, "list index out of range"))?;
            repr_arg(b, &x)?;
        }
        b.push_char(']');
        return Ok(());
    }
    type_repr(b, o)
}

fn is_type(o: &Object) -> bool {
    o.ty().flags() & (abi::Py_TPFLAGS_TYPE_SUBCLASS as u64) != 0
}

fn add_unique(v: &mut Vec<PyRef>, o: &Object) {
    if !v.iter().any(|x| x.is(o)) {
        v.push(o.to_ref());
    }
}

/// The type parameters in `args`, in order of appearance (`_Py_make_parameters`).
pub fn make_parameters(args: &Object) -> PyResult<Ref<Tuple>> {
    let mut out = Vec::new();
    collect_parameters(args, &mut out)?;
    Tuple::from_refs(out)
}

fn items_of(o: &Object) -> Vec<PyRef> {
    if let Some(t) = o.downcast::<Tuple>() {
        return t.iter().map(Object::to_ref).collect();
    }
    o.downcast::<List>().map(|l| l.snapshot()).unwrap_or_default()
}

fn collect_parameters(args: &Object, out: &mut Vec<PyRef>) -> PyResult<()> {
    crate::protocol::enter_recursive_call(" in __parameter__ calculation")?;
    for t in items_of(args) {
        // A type that is generic itself does not lend its parameters.
        if is_type(&t) {
            continue;
        }
        if t.getattr_opt(intern!("__typing_subst__"))?.is_some() {
            add_unique(out, &t);
        } else if t.downcast::<Tuple>().is_some() || t.downcast::<List>().is_some() {
            collect_parameters(&t, out)?;
        } else if let Some(p) = t.getattr_opt(intern!("__parameters__"))? {
            if let Some(p) = p.downcast::<Tuple>() {
                for x in p.iter() {
                    add_unique(out, x);
                }
            }
        }
    }
    Ok(())
}

/// Replaces the parameters of a nested generic.
fn subs_tvars(obj: &Object, params: &Tuple, items: &[PyRef]) -> PyResult<PyRef> {
    let Some(sub) = obj.getattr_opt(intern!("__parameters__"))? else { return Ok(obj.to_ref()) };
    let Some(sub) = sub.downcast::<Tuple>() else { return Ok(obj.to_ref()) };
    if sub.is_empty() {
        return Ok(obj.to_ref());
    }
    let mut args = Vec::with_capacity(sub.len());
    for p in sub.iter() {
        match params.iter().position(|q| q.is(p)) {
            Some(i) => {
                let v = &items[i];
                // A TypeVarTuple stands for several arguments.
                let spread = v.downcast::<Tuple>().filter(|_| p.ty().slots().tp_iter.is_some());
                match spread {
                    Some(t) => args.extend(t.iter().map(Object::to_ref)),
                    None => args.push(v.clone()),
                }
            }
            None => args.push(p.to_ref()),
        }
    }
    obj.get_item(&*Tuple::from_refs(args)?)
}

/// `*tuple[...]` among the items is spread.
fn unpack_items(item: &Object) -> PyResult<Ref<Tuple>> {
    let items = match item.downcast::<Tuple>() {
        Some(t) => t.iter().map(Object::to_ref).collect(),
        None => vec![item.to_ref()],
    };
    let mut out = Vec::with_capacity(items.len());
    for x in items {
        if !is_type(&x) {
            if let Some(sub) = x.getattr_opt(intern!("__typing_unpacked_tuple_args__"))? {
                if let Some(t) = sub.downcast::<Tuple>() {
                    let n = t.len();
                    if !(n > 0 && t.get(n - 1).is(ellipsis())) {
                        out.extend(t.iter().map(Object::to_ref));
                        continue;
                    }
                }
            }
        }
        out.push(x);
    }
    Tuple::from_refs(out)
}

fn subs_args(args: &Object, params: &Tuple, items: &[PyRef], owner: &Object) -> PyResult<Vec<PyRef>> {
    let mut out = Vec::new();
    for arg in items_of(args) {
        if is_type(&arg) {
            out.push(arg);
            continue;
        }
        let is_seq = arg.downcast::<Tuple>().is_some() || arg.downcast::<List>().is_some();
        if is_seq {
            let inner = subs_args(&arg, params, items, owner)?;
            out.push(if arg.downcast::<Tuple>().is_some() {
                Tuple::from_refs(inner)?.upcast()
            } else {
                List::from_vec(inner)?.upcast()
            });
            continue;
        }
        let unpack = match arg.getattr_opt(intern!("__typing_is_unpacked_typevartuple__"))? {
            Some(f) => f.is_true()?,
            None => false,
        };
        let new = match arg.getattr_opt(intern!("__typing_subst__"))? {
            Some(subst) => match params.iter().position(|p| p.is(&arg)) {
                Some(i) => subst.call1(&items[i])?,
                None => arg.clone(),
            },
            None => subs_tvars(&arg, params, items)?,
        };
        if unpack {
            match new.downcast::<Tuple>() {
                Some(t) => out.extend(t.iter().map(Object::to_ref)),
                None => {
                    let orig = owner.getattr_opt(intern!("__origin__"))?.unwrap_or_else(|| owner.to_ref());
                    return Err(raise!(
                        TypeError,
                        "expected __typing_subst__ of {} objects to return a tuple, not {}",
                        arg.ty().name_str(),
                        {
                            let _ = orig;
                            new.ty().name_str()
                        }
                    ));
                }
            }
        } else {
            out.push(new);
        }
    }
    Ok(out)
}

/// The arguments of `owner[item]` (`_Py_subs_parameters`).
pub fn subs_parameters(owner: &Object, args: &Tuple, params: &Tuple, item: &Object) -> PyResult<Ref<Tuple>> {
    let n = params.len();
    if n == 0 {
        return Err(raise!(TypeError, "{} is not a generic class", owner.repr()?.to_string_lossy()));
    }
    let mut items: PyRef = unpack_items(item)?.upcast();
    for p in params.iter() {
        if let Some(prepare) = p.getattr_opt(intern!("__typing_prepare_subst__"))? {
            if !prepare.is_none() {
                items = prepare.call(&[owner, &items])?;
            }
        }
    }
    let given: Vec<PyRef> = match items.downcast::<Tuple>() {
        Some(t) => t.iter().map(Object::to_ref).collect(),
        None => vec![items.clone()],
    };
    if given.len() != n {
        return Err(raise!(
            TypeError,
            "Too {} arguments for {}; actual {}, expected {}",
            if given.len() > n { "many" } else { "few" },
            owner.repr()?.to_string_lossy(),
            given.len(),
            n
        ));
    }
    Tuple::from_refs(subs_args(args, params, &given, owner)?)
}

impl GenericAlias {
    pub fn origin(&self) -> &Object {
        // SAFETY: set at creation, released by dealloc only.
        unsafe { Object::from_ptr(self.origin.ptr()) }
    }
    pub fn args(&self) -> &Tuple {
        // SAFETY: as above; a tuple.
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
    fn is_starred(&self) -> bool {
        self.starred.load(Relaxed)
    }
}

const OWN: &[&str] = &[
    "__class__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
    // Not taken from the origin, and absent here.
    "__bases__",
    "__copy__",
    "__deepcopy__",
];

/// GenericAlias(origin, args, /)
/// --
///
/// Represent a PEP 585 generic type
///
/// E.g. for t = list[int], t.__origin__ is list and t.__args__ is (int,).
#[pyclass(
    name = "GenericAlias",
    module = "types",
    type_object = Py_GenericAliasType,
    flags = "BASETYPE|HAVE_GC",
    weaklistoffset = offset_of!(GenericAlias, weakreflist)
)]
impl GenericAlias {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("GenericAlias")?;
        args.check_positional("GenericAlias", 2, 2)?;
        let t = match args.args[1].downcast::<Tuple>() {
            Some(t) => Ref::new_ref(t),
            None => Tuple::pack(&[args.args[1]])?,
        };
        Ok(create(cls, args.args[0], &t, false)?.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let mut b = StrBuilder::new();
        if self.is_starred() {
            b.push_char('*');
        }
        type_repr(&mut b, self.origin())?;
        b.push_char('[');
        for (i, o) in self.args().iter().enumerate() {
            if i > 0 {
                b.push_str(", ");
            }
            repr_arg(&mut b, o)?;
        }
        if self.args().is_empty() {
            b.push_str("()");
        }
        b.push_char(']');
        b.finish()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Ok(self.origin().hash()? ^ self.args().hash()?)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<GenericAlias>() else { return Ok(not_implemented_ref()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented_ref());
        }
        let same = self.is_starred() == o.is_starred() && self.origin().eq(o.origin())? && self.args().eq(o.args())?;
        Ok(crate::objects::support::py_bool(same == (op == CompareOp::Eq)))
    }
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let kw = args.kwargs_dict()?;
        let t = args.to_tuple()?;
        let obj = self.origin().call_dict(&t, kw.as_deref())?;
        if let Err(e) = obj.setattr(intern!("__orig_class__"), self) {
            if e.matches(exc::AttributeError()) || e.matches(exc::TypeError()) {
                e.clear();
            } else {
                return Err(e);
            }
        }
        Ok(obj)
    }
    #[slot]
    fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
        let Some(s) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "attribute name must be string, not '{}'", name.ty().name_str()));
        };
        if OWN.iter().any(|o| s.eq_str(o)) {
            return self.generic_getattr(s);
        }
        self.origin().getattr(s)
    }
    #[slot]
    fn mp_subscript(&self, item: &Object) -> PyResult<PyRef> {
        let p = self.parameters()?;
        let Some(params) = p.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "__parameters__ is not a tuple"));
        };
        let args = subs_parameters(self, self.args(), params, item)?;
        Ok(create(GenericAlias::type_object(), self.origin(), &args, self.is_starred())?.upcast())
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        crate::objects::union::or(a, b)
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let it = crate::typeobject::alloc_object::<AliasIter>(AliasIter::type_object())?;
        it.obj.init(self.to_ref());
        Ok(track(it).upcast())
    }
    #[pymethod]
    fn __mro_entries__(&self, _bases: &Object) -> PyResult<Ref<Tuple>> {
        Tuple::pack(&[self.origin()])
    }
    #[pymethod]
    fn __instancecheck__(&self, _other: &Object) -> PyResult<PyRef> {
        Err(raise!(TypeError, "isinstance() argument 2 cannot be a parameterized generic"))
    }
    #[pymethod]
    fn __subclasscheck__(&self, _other: &Object) -> PyResult<PyRef> {
        Err(raise!(TypeError, "issubclass() argument 2 cannot be a parameterized generic"))
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        if self.is_starred() {
            let plain = create(GenericAlias::type_object(), self.origin(), self.args(), false)?;
            let it = plain.iter()?;
            let next = crate::objects::support::builtin("next")?;
            return Ok(Tuple::pair(next, Tuple::from_refs(vec![it])?.upcast())?.upcast());
        }
        let args = Tuple::pack(&[self.origin(), self.args()])?.upcast();
        Ok(Tuple::pair((**self.ty()).to_ref(), args)?.upcast())
    }
    #[pymethod]
    fn __dir__(&self) -> PyResult<PyRef> {
        let d = self.origin().dir()?;
        for name in OWN.iter().take(9) {
            let s = Str::intern(name);
            if !d.contains(s)? {
                d.append(s)?;
            }
        }
        Ok(d.upcast())
    }
    #[pygetset]
    fn __origin__(&self) -> PyRef {
        self.origin().to_ref()
    }
    #[pygetset]
    fn __args__(&self) -> PyRef {
        self.args().to_ref()
    }
    #[pygetset]
    fn __unpacked__(&self) -> bool {
        self.is_starred()
    }
    /// Type variables in the GenericAlias.
    #[pygetset]
    fn __parameters__(&self) -> PyResult<PyRef> {
        self.parameters()
    }
    #[pygetset]
    fn __typing_unpacked_tuple_args__(&self) -> PyRef {
        if self.is_starred() && self.origin().as_ptr() == Tuple::type_object().as_ptr() {
            self.args().to_ref()
        } else {
            none_ref()
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for s in [&self.origin, &self.args, &self.parameters] {
            let r = v.visit_ptr(s.ptr());
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying alias.
        unsafe {
            begin_dealloc(this);
            if !(*this).weakreflist.load(Acquire).is_null() {
                crate::objects::weakref::clear_weakrefs(this.cast());
            }
            drop((*this).origin.swap(None));
            drop((*this).args.swap(None));
            drop((*this).parameters.swap(None));
            free_object(this.cast());
        }
    }
}

#[pyclass(name = "generic_alias_iterator", type_object = _Py_GenericAliasIterType, flags = "HAVE_GC")]
impl AliasIter {
    #[slot]
    fn tp_iter(&self) -> PyRef {
        self.to_ref()
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        let Some(o) = self.obj.replace(self, None) else { return Ok(None) };
        let Some(g) = o.downcast::<GenericAlias>() else { return Ok(None) };
        Ok(Some(create(GenericAlias::type_object(), g.origin(), g.args(), true)?.upcast()))
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let arg = match self.obj.get(self) {
            Some(o) => o,
            None => Tuple::empty().upcast(),
        };
        Ok(Tuple::pair(crate::objects::support::builtin("iter")?, Tuple::from_refs(vec![arg])?.upcast())?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.obj.ptr())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying iterator.
        unsafe {
            begin_dealloc(this);
            drop((*this).obj.swap(None));
            free_object(this.cast());
        }
    }
}
