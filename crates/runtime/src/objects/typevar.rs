//! TypeVar, ParamSpec, TypeVarTuple, TypeAliasType, Generic: the objects behind type parameters (PEP 695, 696).
//!
//! Bound, constraints, default and value are computed when first asked for, by functions that the compiler made.

use crate::objects::r#gen::free;
use crate::prelude::*;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::*};
use macros::pyclass;

type Field = AtomicPtr<abi::PyObject>;

/// One layout for all type parameters.
#[repr(C)]
pub struct TypeParam {
    ob_base: abi::PyObject,
    name: Field,
    bound: Field,
    evaluate_bound: Field,
    constraints: Field,
    evaluate_constraints: Field,
    default: Field,
    evaluate_default: Field,
    covariant: bool,
    contravariant: bool,
    infer_variance: bool,
}
py_layout!(@deref TypeParam);

macro_rules! param_types {
    ($($t:ident $o:ident;)*) => {$(
        #[repr(transparent)]
        pub struct $t(TypeParam);
        pub static mut $o: Type = Type::STATIC;
        py_layout!($t, $o);
    )*};
}
param_types! {
    TypeVar TYPEVAR;
    ParamSpec PARAMSPEC;
    TypeVarTuple TYPEVARTUPLE;
}

/// The type of `typing.NoDefault`.
#[repr(C)]
pub struct NoDefaultType(abi::PyObject);
pub static mut NODEFAULT: Type = Type::STATIC;
py_layout!(NoDefaultType, NODEFAULT);
/// `typing.NoDefault`.
#[unsafe(no_mangle)]
pub static mut _Py_NoDefaultStruct: abi::PyObject = crate::objects::long::immortal_header(&raw mut NODEFAULT);

/// `typing.NoDefault`
pub fn no_default() -> &'static Object {
    // SAFETY: a static object.
    unsafe { &*(&raw const _Py_NoDefaultStruct).cast::<Object>() }
}

fn get(owner: &Object, f: &Field) -> Option<PyRef> {
    crate::interp::pending::load_ref(owner, f)
}
fn set(f: &Field, v: Option<PyRef>) {
    let old = f.swap(v.map_or(null_mut(), |v| v.into_ptr()), AcqRel);
    if !old.is_null() {
        // SAFETY: the field owned it.
        unsafe { crate::mem::qsbr::decref_delayed(old) };
    }
}

/// The value of a lazily evaluated field.
fn lazy(owner: &Object, value: &Field, evaluate: &Field, absent: &Object) -> PyResult<PyRef> {
    if let Some(v) = get(owner, value) {
        return Ok(v);
    }
    let Some(f) = get(owner, evaluate) else { return Ok(absent.to_ref()) };
    let one = Int::from_i64(1)?;
    let v = f.call1(&one)?;
    set(value, Some(v.clone()));
    Ok(v)
}

/// The evaluator that `evaluate_*` shows: the compiler's function, or one that gives a known value.
fn evaluator(owner: &Object, value: &Field, evaluate: &Field) -> PyResult<PyRef> {
    if let Some(f) = get(owner, evaluate) {
        return Ok(f);
    }
    match get(owner, value) {
        Some(v) if !v.is(no_default()) => const_evaluator(&v),
        _ => Ok(none_ref()),
    }
}

fn caller_module() -> PyResult<Option<PyRef>> {
    match crate::interp::current_globals() {
        Some(g) => g.get_str(intern!("__name__")),
        None => Ok(None),
    }
}

/// `__module__` of a type parameter: the caller's, None where its globals have no name.
fn set_module(o: &Object) -> PyResult<()> {
    let m = caller_module()?.unwrap_or_else(none_ref);
    if m.downcast::<Str>().is_none_or(|s| !s.eq_str("typing")) {
        o.setattr(intern!("__module__"), &m)?;
    }
    Ok(())
}

fn new_param<T: PyClass>(name: &Object, infer: bool) -> PyResult<Ref<T>> {
    let t = crate::typeobject::alloc_object::<T>(T::type_object())?;
    // SAFETY: the three types have one layout; the object is fresh and ours alone.
    unsafe {
        let p = t.as_raw().cast::<TypeParam>();
        (*p).name = AtomicPtr::new(name.to_ref().into_ptr());
        (*p).infer_variance = infer;
    }
    crate::interp::pending::track(&t);
    Ok(t)
}

/// `[T]`, `[T: bound]`, `[T: (constraints)]`
pub fn make_typevar(name: &Object, bound: Option<&Object>, constraints: Option<&Object>) -> PyResult<PyRef> {
    let t = new_param::<TypeVar>(name, true)?;
    set(&t.0.evaluate_bound, bound.map(Object::to_ref));
    set(&t.0.evaluate_constraints, constraints.map(Object::to_ref));
    set_module(&t)?;
    Ok(t.upcast())
}
/// `[**P]`
pub fn make_paramspec(name: &Object) -> PyResult<PyRef> {
    let t = new_param::<ParamSpec>(name, true)?;
    set_module(&t)?;
    Ok(t.upcast())
}
/// `[*Ts]`
pub fn make_typevartuple(name: &Object) -> PyResult<PyRef> {
    let t = new_param::<TypeVarTuple>(name, false)?;
    set_module(&t)?;
    Ok(t.upcast())
}
/// Sets the evaluator of a parameter's default.
pub fn set_default(param: &Object, evaluator: &Object) -> PyResult<PyRef> {
    if param.downcast::<TypeVar>().is_none()
        && param.downcast::<ParamSpec>().is_none()
        && param.downcast::<TypeVarTuple>().is_none()
    {
        return Err(raise!(TypeError, "Expected a type param, got {}", param.ty().name_str()));
    }
    // SAFETY: the three types have one layout.
    let p = unsafe { param.cast::<TypeParam>() };
    set(&p.evaluate_default, Some(evaluator.to_ref()));
    Ok(param.to_ref())
}

/// Calls a helper of the `typing` module.
fn typing_call(name: &str, args: &[&Object]) -> PyResult<PyRef> {
    let m = crate::interp::import_module("typing")?;
    m.getattr(Str::intern(name))?.call(args)
}

/// `Generic[params]` as the base of a generic class.
pub fn subscript_generic(params: &Object) -> PyResult<PyRef> {
    let unpacked = unpack_typevartuples(params)?;
    let g: &Object = generic_type()?;
    typing_call("_GenericAlias", &[g, &unpacked])
}

fn unpack_typevartuples(params: &Object) -> PyResult<PyRef> {
    let Some(t) = params.downcast::<Tuple>() else { return Ok(params.to_ref()) };
    if !t.iter().any(|p| p.downcast::<TypeVarTuple>().is_some()) {
        return Ok(params.to_ref());
    }
    let mut v = Vec::new();
    for p in t.iter() {
        v.push(if p.downcast::<TypeVarTuple>().is_some() { unpack(p)? } else { p.to_ref() });
    }
    Ok(Tuple::from_refs(v)?.upcast())
}

fn unpack(p: &Object) -> PyResult<PyRef> {
    let m = crate::interp::import_module("typing")?;
    m.getattr(Str::intern("Unpack"))?.get_item(p)
}

fn make_union(a: &Object, b: &Object) -> PyResult<PyRef> {
    // `Union[a, b]`, with strings allowed
    let m = crate::interp::import_module("typing")?;
    let pair = Tuple::from_slice(&[a, b])?;
    m.getattr(Str::intern("Union"))?.get_item(&pair)
}

fn type_check(arg: &Object, msg: &str) -> PyResult<PyRef> {
    if arg.is_none() {
        return Ok(none().ty().to_ref());
    }
    if arg.downcast::<Type>().is_some() {
        return Ok(arg.to_ref());
    }
    let m = Str::new(msg)?;
    typing_call("_type_check", &[arg, &m])
}

fn traverse(t: &TypeParam, v: &mut crate::mem::Visitor) -> c_int {
    for f in
        [&t.name, &t.bound, &t.evaluate_bound, &t.constraints, &t.evaluate_constraints, &t.default, &t.evaluate_default]
    {
        let r = v.visit_ptr(f.load(Relaxed));
        if r != 0 {
            return r;
        }
    }
    visit_managed(t, v)
}

fn visit_managed(o: &Object, v: &mut crate::mem::Visitor) -> c_int {
    let (f, arg) = v.as_c();
    // SAFETY: the type has a managed dict.
    unsafe { crate::objects::dict::instance::visit_managed_dict(o.as_ptr(), f, arg) }
}

fn clear(t: &TypeParam) {
    for f in [&t.bound, &t.evaluate_bound, &t.constraints, &t.evaluate_constraints, &t.default, &t.evaluate_default] {
        // SAFETY: garbage or dying: nobody reads the field.
        drop(unsafe { PyRef::from_ptr_opt(f.swap(null_mut(), AcqRel)) });
    }
    // SAFETY: the type has a managed dict.
    unsafe { crate::objects::dict::instance::clear_managed_dict(t.as_ptr()) };
}

unsafe fn dealloc(p: *mut TypeParam) {
    // SAFETY: the object is dying.
    unsafe {
        crate::mem::gc::untrack(&*p);
        crate::interp::pending::clear_weakrefs(&*p);
        clear(&*p);
        drop(PyRef::from_ptr_opt((*p).name.swap(null_mut(), AcqRel)));
        free(p.cast());
    }
}

fn repr(t: &TypeParam) -> PyResult<Ref<Str>> {
    let n = get(t, &t.name).unwrap_or_else(none_ref);
    let n = n.str()?;
    let prefix = if t.infer_variance {
        ""
    } else if t.covariant {
        "+"
    } else if t.contravariant {
        "-"
    } else {
        "~"
    };
    Str::format(format_args!("{}{}", prefix, n.to_string_lossy()))
}

fn no_subclass(kind: &str) -> Raised {
    raise!(TypeError, "Cannot subclass an instance of {}", kind)
}

fn variance(co: bool, contra: bool, infer: bool) -> PyResult<()> {
    if co && contra {
        return Err(raise!(ValueError, "Bivariant types are not supported."));
    }
    if infer && (co || contra) {
        return Err(raise!(ValueError, "Variance cannot be specified with infer_variance."));
    }
    Ok(())
}

fn set_variance(t: *mut TypeParam, co: bool, contra: bool, infer: bool) {
    // SAFETY: the object is fresh and the creator's alone.
    unsafe {
        (*t).covariant = co;
        (*t).contravariant = contra;
        (*t).infer_variance = infer;
    }
}

#[pyclass(name = "TypeVar", module = "typing", type_object = TYPEVAR, flags = "HAVE_GC|MANAGED_DICT|MANAGED_WEAKREF|IMMUTABLETYPE")]
impl TypeVar {
    /// Type variable.
    #[slot(
        sig = "name, *constraints, bound=None, default=None, covariant=False, contravariant=False, infer_variance=False"
    )]
    #[allow(clippy::too_many_arguments)]
    fn tp_new(
        cls: &Type,
        name: &Str,
        constraints: &[&Object],
        bound: &Object,
        default: Arg<&Object>,
        covariant: bool,
        contravariant: bool,
        infer_variance: bool,
    ) -> PyResult<PyRef> {
        let _ = cls;
        variance(covariant, contravariant, infer_variance)?;
        let t = new_param::<TypeVar>(name, false)?;
        set_variance(t.as_raw().cast(), covariant, contravariant, infer_variance);
        if !bound.is_none() {
            let b = type_check(bound, "Bound must be a type.")?;
            set(&t.0.bound, Some(b));
        }
        match constraints.len() {
            0 => {}
            1 => return Err(raise!(TypeError, "A single constraint is not allowed")),
            _ if !bound.is_none() => return Err(raise!(TypeError, "Constraints cannot be combined with bound=...")),
            _ => {
                let mut v = Vec::new();
                for c in constraints {
                    v.push(type_check(c, "TypeVar(name, constraint, ...): constraints must be types.")?);
                }
                set(&t.0.constraints, Some(Tuple::from_refs(v)?.upcast()));
            }
        }
        if let Arg::Given(d) = default {
            set(&t.0.default, Some(d.to_ref()));
        }
        set_module(&t)?;
        Ok(t.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        repr(&self.0)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        traverse(&self.0, v)
    }
    #[slot]
    fn tp_clear(&self) {
        clear(&self.0);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe { dealloc(this.cast()) };
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        make_union(a, b)
    }
    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(&self, arg: &Object) -> PyResult<PyRef> {
        typing_call("_typevar_subst", &[self, arg])
    }
    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(&self, alias: &Object, args: &Object) -> PyResult<PyRef> {
        prepare_with_default(self, &self.0, alias, args)
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pymethod]
    fn has_default(&self) -> bool {
        has_default(&self.0)
    }
    #[pymethod(name = "__mro_entries__")]
    fn mro_entries(&self, _bases: &Object) -> PyResult<PyRef> {
        Err(no_subclass("TypeVar"))
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "__bound__")]
    fn bound(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.bound, &self.0.evaluate_bound, none())
    }
    #[pygetset(name = "__constraints__")]
    fn constraints(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.constraints, &self.0.evaluate_constraints, &Tuple::empty())
    }
    #[pygetset(name = "__default__")]
    fn default(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.default, &self.0.evaluate_default, no_default())
    }
    #[pygetset]
    fn evaluate_bound(&self) -> PyResult<PyRef> {
        evaluator(self, &self.0.bound, &self.0.evaluate_bound)
    }
    #[pygetset]
    fn evaluate_constraints(&self) -> PyResult<PyRef> {
        evaluator(self, &self.0.constraints, &self.0.evaluate_constraints)
    }
    #[pygetset]
    fn evaluate_default(&self) -> PyResult<PyRef> {
        evaluator(self, &self.0.default, &self.0.evaluate_default)
    }
    #[pygetset(name = "__covariant__")]
    fn covariant(&self) -> bool {
        self.0.covariant
    }
    #[pygetset(name = "__contravariant__")]
    fn contravariant(&self) -> bool {
        self.0.contravariant
    }
    #[pygetset(name = "__infer_variance__")]
    fn infer_variance(&self) -> bool {
        self.0.infer_variance
    }
}

fn has_default(t: &TypeParam) -> bool {
    if !t.evaluate_default.load(Acquire).is_null() {
        return true;
    }
    get(t, &t.default).is_some_and(|d| !d.is(no_default()))
}

fn prepare_with_default(me: &Object, t: &TypeParam, alias: &Object, args: &Object) -> PyResult<PyRef> {
    let params = alias.getattr(Str::intern("__parameters__"))?.to_tuple()?;
    let args_t = args.to_tuple()?;
    let Some(i) = params.iter().position(|p| p.is(me)) else {
        return Ok(args.to_ref());
    };
    if i < args_t.len() {
        return Ok(args.to_ref());
    }
    if i == args_t.len() && has_default(t) {
        let d = lazy(me, &t.default, &t.evaluate_default, no_default())?;
        let mut v: Vec<PyRef> = args_t.iter().map(Object::to_ref).collect();
        v.push(d);
        return Ok(Tuple::from_refs(v)?.upcast());
    }
    Err(raise!(
        TypeError,
        "Too few arguments for {}; actual {}, expected {}",
        alias.str()?.to_string_lossy(),
        args_t.len(),
        i + 1
    ))
}

#[pyclass(name = "ParamSpec", module = "typing", type_object = PARAMSPEC, flags = "HAVE_GC|MANAGED_DICT|MANAGED_WEAKREF|IMMUTABLETYPE")]
impl ParamSpec {
    /// Parameter specification variable.
    #[slot(sig = "name, *, bound=None, default=None, covariant=False, contravariant=False, infer_variance=False")]
    #[allow(clippy::too_many_arguments)]
    fn tp_new(
        cls: &Type,
        name: &Str,
        bound: &Object,
        default: Arg<&Object>,
        covariant: bool,
        contravariant: bool,
        infer_variance: bool,
    ) -> PyResult<PyRef> {
        let _ = cls;
        variance(covariant, contravariant, infer_variance)?;
        let t = new_param::<ParamSpec>(name, false)?;
        set_variance(t.as_raw().cast(), covariant, contravariant, infer_variance);
        if !bound.is_none() {
            set(&t.0.bound, Some(bound.to_ref()));
        }
        if let Arg::Given(d) = default {
            set(&t.0.default, Some(d.to_ref()));
        }
        set_module(&t)?;
        Ok(t.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        repr(&self.0)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        traverse(&self.0, v)
    }
    #[slot]
    fn tp_clear(&self) {
        clear(&self.0);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe { dealloc(this.cast()) };
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        make_union(a, b)
    }
    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(&self, arg: &Object) -> PyResult<PyRef> {
        typing_call("_paramspec_subst", &[self, arg])
    }
    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(&self, alias: &Object, args: &Object) -> PyResult<PyRef> {
        typing_call("_paramspec_prepare_subst", &[self, alias, args])
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pymethod]
    fn has_default(&self) -> bool {
        has_default(&self.0)
    }
    #[pymethod(name = "__mro_entries__")]
    fn mro_entries(&self, _bases: &Object) -> PyResult<PyRef> {
        Err(no_subclass("ParamSpec"))
    }
    #[pygetset]
    fn args(&self) -> PyResult<PyRef> {
        make_part::<ParamSpecArgs>(self)
    }
    #[pygetset]
    fn kwargs(&self) -> PyResult<PyRef> {
        make_part::<ParamSpecKwargs>(self)
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "__bound__")]
    fn bound(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.bound, &self.0.evaluate_bound, none())
    }
    #[pygetset(name = "__default__")]
    fn default(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.default, &self.0.evaluate_default, no_default())
    }
    #[pygetset]
    fn evaluate_default(&self) -> PyResult<PyRef> {
        evaluator(self, &self.0.default, &self.0.evaluate_default)
    }
    #[pygetset(name = "__covariant__")]
    fn covariant(&self) -> bool {
        self.0.covariant
    }
    #[pygetset(name = "__contravariant__")]
    fn contravariant(&self) -> bool {
        self.0.contravariant
    }
    #[pygetset(name = "__infer_variance__")]
    fn infer_variance(&self) -> bool {
        self.0.infer_variance
    }
}

#[pyclass(name = "TypeVarTuple", module = "typing", type_object = TYPEVARTUPLE, flags = "HAVE_GC|MANAGED_DICT|MANAGED_WEAKREF|IMMUTABLETYPE")]
impl TypeVarTuple {
    /// Type variable tuple.
    #[slot(sig = "name, *, default=None")]
    fn tp_new(cls: &Type, name: &Str, default: Arg<&Object>) -> PyResult<PyRef> {
        let _ = cls;
        let t = new_param::<TypeVarTuple>(name, false)?;
        if let Arg::Given(d) = default {
            set(&t.0.default, Some(d.to_ref()));
        }
        set_module(&t)?;
        Ok(t.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<PyRef> {
        Ok(get(self, &self.0.name).unwrap_or_else(none_ref))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let u = unpack(self)?;
        Object::iter(&*Tuple::from_slice(&[&u])?)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        traverse(&self.0, v)
    }
    #[slot]
    fn tp_clear(&self) {
        clear(&self.0);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe { dealloc(this.cast()) };
    }
    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(&self, _arg: &Object) -> PyResult<PyRef> {
        Err(raise!(TypeError, "Substitution of bare TypeVarTuple is not supported"))
    }
    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(&self, alias: &Object, args: &Object) -> PyResult<PyRef> {
        typing_call("_typevartuple_prepare_subst", &[self, alias, args])
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pymethod]
    fn has_default(&self) -> bool {
        has_default(&self.0)
    }
    #[pymethod(name = "__mro_entries__")]
    fn mro_entries(&self, _bases: &Object) -> PyResult<PyRef> {
        Err(no_subclass("TypeVarTuple"))
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyRef {
        get(self, &self.0.name).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "__default__")]
    fn default(&self) -> PyResult<PyRef> {
        lazy(self, &self.0.default, &self.0.evaluate_default, no_default())
    }
    #[pygetset]
    fn evaluate_default(&self) -> PyResult<PyRef> {
        evaluator(self, &self.0.default, &self.0.evaluate_default)
    }
}

/// `P.args`, `P.kwargs`: one field.
#[repr(C)]
pub struct Part {
    ob_base: abi::PyObject,
    origin: Field,
    weakreflist: *mut abi::PyObject,
}
#[repr(transparent)]
pub struct ParamSpecArgs(Part);
#[repr(transparent)]
pub struct ParamSpecKwargs(Part);
pub static mut PARAMSPECARGS: Type = Type::STATIC;
pub static mut PARAMSPECKWARGS: Type = Type::STATIC;
py_layout!(@deref Part);
py_layout!(ParamSpecArgs, PARAMSPECARGS);
py_layout!(ParamSpecKwargs, PARAMSPECKWARGS);

fn make_part<T: PyClass>(origin: &Object) -> PyResult<PyRef> {
    let t = crate::typeobject::alloc_object::<T>(T::type_object())?;
    // SAFETY: both types have one layout; the object is fresh.
    unsafe { (*t.as_raw().cast::<Part>()).origin = AtomicPtr::new(origin.to_ref().into_ptr()) };
    crate::interp::pending::track(&t);
    Ok(t.upcast())
}

fn part_repr(p: &Part, what: &str) -> PyResult<Ref<Str>> {
    let o = get(p, &p.origin).unwrap_or_else(none_ref);
    if let Some(s) = o.downcast::<ParamSpec>() {
        let n = get(s, &s.0.name).unwrap_or_else(none_ref);
        return Str::format(format_args!("{}.{}", n.str()?.to_string_lossy(), what));
    }
    Str::format(format_args!("{}.{}", o.repr()?.to_string_lossy(), what))
}

unsafe fn part_dealloc(p: *mut Part) {
    // SAFETY: the object is dying.
    unsafe {
        crate::mem::gc::untrack(&*p);
        if !(*p).weakreflist.is_null() {
            crate::interp::pending::clear_weakrefs(&*p);
        }
        drop(PyRef::from_ptr_opt((*p).origin.swap(null_mut(), AcqRel)));
        free(p.cast());
    }
}

fn part_eq(a: &Part, b: Option<&Part>, op: crate::typeobject::CompareOp) -> PyResult<PyRef> {
    use crate::typeobject::CompareOp::*;
    let (Some(b), Eq | Ne) = (b, op) else { return Ok(not_implemented().to_ref()) };
    let (x, y) = (get(a, &a.origin).unwrap_or_else(none_ref), get(b, &b.origin).unwrap_or_else(none_ref));
    x.richcompare(&y, op)
}

macro_rules! part {
    ($t:ident, $o:ident, $name:literal, $what:literal) => {
        #[pyclass(name = $name, module = "typing", type_object = $o, flags = "HAVE_GC|IMMUTABLETYPE", weaklistoffset = core::mem::offset_of!(Part, weakreflist))]
        impl $t {
            #[slot(sig = "origin")]
            fn tp_new(cls: &Type, origin: &Object) -> PyResult<PyRef> {
                let _ = cls;
                make_part::<$t>(origin)
            }
            #[slot]
            fn tp_repr(&self) -> PyResult<Ref<Str>> {
                part_repr(&self.0, $what)
            }
            #[slot]
            fn tp_richcompare(&self, other: &Object, op: crate::typeobject::CompareOp) -> PyResult<PyRef> {
                part_eq(&self.0, other.downcast::<$t>().map(|o| &o.0), op)
            }
            #[slot]
            fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
                v.visit_ptr(self.0.origin.load(Relaxed))
            }
            #[slot]
            fn tp_dealloc(this: *mut Self) {
                // SAFETY: the object is dying.
                unsafe { part_dealloc(this.cast()) };
            }
            #[pymethod(name = "__mro_entries__")]
            fn mro_entries(&self, _bases: &Object) -> PyResult<PyRef> {
                Err(no_subclass($name))
            }
            #[pygetset(name = "__origin__")]
            fn origin(&self) -> PyRef {
                get(self, &self.0.origin).unwrap_or_else(none_ref)
            }
        }
    };
}
part!(ParamSpecArgs, PARAMSPECARGS, "ParamSpecArgs", "args");
part!(ParamSpecKwargs, PARAMSPECKWARGS, "ParamSpecKwargs", "kwargs");

/// `type X = ...`
#[repr(C)]
pub struct TypeAliasType {
    ob_base: abi::PyObject,
    name: Field,
    type_params: Field,
    evaluate: Field,
    value: Field,
    module: Field,
}
pub static mut TYPEALIAS: Type = Type::STATIC;
py_layout!(TypeAliasType, TYPEALIAS);

fn new_alias(name: PyRef, params: Option<PyRef>, evaluate: Option<PyRef>, value: Option<PyRef>) -> PyResult<PyRef> {
    let module = caller_module()?;
    let t = crate::typeobject::alloc_object::<TypeAliasType>(TypeAliasType::type_object())?;
    set(&t.name, Some(name));
    set(&t.type_params, params);
    set(&t.evaluate, evaluate);
    set(&t.value, value);
    set(&t.module, module);
    crate::interp::pending::track(&t);
    Ok(t.upcast())
}

/// INTRINSIC_TYPEALIAS: `(name, type parameters or None, evaluator)`
pub fn make_typealias(args: &Object) -> PyResult<PyRef> {
    let Some(t) = args.downcast::<Tuple>() else {
        return Err(raise!(SystemError, "bad argument to internal function"));
    };
    let params = t.get(1);
    new_alias(
        t.get(0).to_ref(),
        if params.is_none() { None } else { Some(params.to_ref()) },
        Some(t.get(2).to_ref()),
        None,
    )
}

#[pyclass(name = "TypeAliasType", module = "typing", type_object = TYPEALIAS, flags = "HAVE_GC|MANAGED_WEAKREF|IMMUTABLETYPE")]
impl TypeAliasType {
    /// Type alias.
    #[slot(sig = "name, value, *, type_params=None")]
    fn tp_new(cls: &Type, name: &Str, value: &Object, type_params: Arg<&Object>) -> PyResult<PyRef> {
        let _ = cls;
        let params = match type_params {
            Arg::Given(p) => {
                let Some(t) = p.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "type_params must be a tuple"));
                };
                let mut seen_default = false;
                for x in t.iter() {
                    let is_param = x.downcast::<TypeVar>().is_some() || x.downcast::<ParamSpec>().is_some();
                    if !is_param && x.downcast::<TypeVarTuple>().is_none() {
                        return Err(raise!(TypeError, "Expected a type param, got {}", x.repr()?.to_string_lossy()));
                    }
                    // SAFETY: the three types have one layout.
                    let d = has_default(unsafe { x.cast::<TypeParam>() });
                    if seen_default && !d {
                        return Err(raise!(
                            TypeError,
                            "non-default type parameter '{}' follows default type parameter",
                            x.repr()?.to_string_lossy()
                        ));
                    }
                    seen_default |= d;
                }
                if t.is_empty() { None } else { Some(p.to_ref()) }
            }
            Arg::Missing => None,
        };
        new_alias(name.to_ref(), params, None, Some(value.to_ref()))
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<PyRef> {
        Ok(get(self, &self.name).unwrap_or_else(none_ref))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let u = unpack(self)?;
        Object::iter(&*Tuple::from_slice(&[&u])?)
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        make_union(a, b)
    }
    #[slot]
    fn mp_subscript(&self, args: &Object) -> PyResult<PyRef> {
        if self.type_params.load(Acquire).is_null() {
            return Err(raise!(TypeError, "Only generic type aliases are subscriptable"));
        }
        crate::interp::generic_alias(self, args)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        for f in [&self.name, &self.type_params, &self.evaluate, &self.value, &self.module] {
            let r = v.visit_ptr(f.load(Relaxed));
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            crate::interp::pending::clear_weakrefs(&*this);
            for f in [&(*this).name, &(*this).type_params, &(*this).evaluate, &(*this).value, &(*this).module] {
                drop(PyRef::from_ptr_opt(f.swap(null_mut(), AcqRel)));
            }
            free(this.cast());
        }
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyRef {
        get(self, &self.name).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "__name__")]
    fn name(&self) -> PyRef {
        get(self, &self.name).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "__value__")]
    fn value(&self) -> PyResult<PyRef> {
        lazy(self, &self.value, &self.evaluate, none())
    }
    #[pygetset]
    fn evaluate_value(&self) -> PyResult<PyRef> {
        evaluator(self, &self.value, &self.evaluate)
    }
    #[pygetset(name = "__type_params__")]
    fn type_params(&self) -> PyRef {
        get(self, &self.type_params).unwrap_or_else(|| Tuple::empty().upcast())
    }
    #[pygetset(name = "__parameters__")]
    fn parameters(&self) -> PyResult<PyRef> {
        match get(self, &self.type_params) {
            Some(p) => unpack_typevartuples(&p),
            None => Ok(Tuple::empty().upcast()),
        }
    }
    #[pygetset(name = "__module__")]
    fn module(&self) -> PyRef {
        get(self, &self.module).unwrap_or_else(none_ref)
    }
}

/// `typing.Generic`
#[repr(C)]
pub struct Generic(abi::PyObject);
pub static mut GENERIC: Type = Type::STATIC;
py_layout!(Generic, GENERIC);

/// `typing.Generic`: a heap type, as pickling and `__new__` expect.
pub fn generic_type() -> PyResult<&'static Type> {
    use crate::convert::HasSpec;
    static MADE: std::sync::OnceLock<Ref<Type>> = std::sync::OnceLock::new();
    if let Some(t) = MADE.get() {
        return Ok(t);
    }
    let t = crate::typeobject::from_spec(Generic::spec(), None, None)?;
    Ok(MADE.get_or_init(|| t))
}

#[pyclass(name = "Generic", module = "typing", type_object = GENERIC, flags = "BASETYPE")]
impl Generic {
    /// Abstract base class for generic types.
    #[pyclassmethod(raw, name = "__class_getitem__")]
    fn class_getitem(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let mut v: Vec<&Object> = vec![cls];
        v.extend_from_slice(args.args);
        typing_call("_generic_class_getitem", &v)
    }
    #[pyclassmethod(raw, name = "__init_subclass__")]
    fn init_subclass(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let m = crate::interp::import_module("typing")?;
        let f = m.getattr(Str::intern("_generic_init_subclass"))?;
        let mut v: Vec<&Object> = vec![cls];
        v.extend_from_slice(args.args);
        v.extend_from_slice(args.kwvalues);
        if args.kwnames.is_empty() {
            return f.call(&v);
        }
        let names = Tuple::from_slice(args.kwnames)?;
        f.call_kw(&v, Some(&names))
    }
}

#[pyclass(name = "NoDefaultType", type_object = NODEFAULT, flags = "")]
impl NoDefaultType {
    /// The type of the NoDefault singleton.
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if !args.args.is_empty() || args.has_keywords() {
            return Err(raise!(TypeError, "NoDefaultType takes no arguments"));
        }
        Ok(no_default().to_ref())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::new("typing.NoDefault")
    }
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> &'static str {
        "NoDefault"
    }
}

/// What `evaluate_*` gives for a value that is known already.
#[repr(C)]
pub struct ConstEvaluator {
    ob_base: abi::PyObject,
    value: Field,
}
pub static mut CONSTEVALUATOR: Type = Type::STATIC;
py_layout!(ConstEvaluator, CONSTEVALUATOR);

fn const_evaluator(v: &Object) -> PyResult<PyRef> {
    let t = crate::typeobject::alloc_object::<ConstEvaluator>(ConstEvaluator::type_object())?;
    set(&t.value, Some(v.to_ref()));
    crate::interp::pending::track(&t);
    Ok(t.upcast())
}

#[pyclass(name = "_ConstEvaluator", module = "_typing", type_object = CONSTEVALUATOR, flags = "HAVE_GC|IMMUTABLETYPE")]
impl ConstEvaluator {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let v = get(self, &self.value).unwrap_or_else(none_ref);
        Str::format(format_args!("<constevaluator {}>", v.repr()?.to_string_lossy()))
    }
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("constevaluator.__call__")?;
        args.check_positional("constevaluator.__call__", 1, 1)?;
        let v = get(self, &self.value).unwrap_or_else(none_ref);
        if args.args[0].as_i64()? == 4 {
            // Format.STRING
            let m = crate::interp::import_module("annotationlib")?;
            if let Some(t) = v.downcast::<Tuple>() {
                let mut parts = Vec::new();
                let f = m.getattr(Str::intern("type_repr"))?;
                for x in t.iter() {
                    parts.push(f.call1(x)?.str()?.to_string_lossy().into_owned());
                }
                return Ok(Str::new(&format!("({})", parts.join(", ")))?.upcast());
            }
            return m.getattr(Str::intern("type_repr"))?.call1(&v);
        }
        Ok(v)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.value.load(Relaxed))
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            drop(PyRef::from_ptr_opt((*this).value.swap(null_mut(), AcqRel)));
            free(this.cast());
        }
    }
}
