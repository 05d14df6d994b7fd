//! `BaseExceptionGroup` and `ExceptionGroup` (PEP 654).

use super::base::none_obj;
use super::simple::base;
use super::{BaseException, BaseExceptionGroup, slot, types};
use crate::convert::FuncArgs;
use crate::error::{PyResult, exception_matches};
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Dict, List, Str, Tuple};
use crate::{intern, raise};
use core::sync::atomic::Ordering::Release;
use macros::pyclass;

/// Makes `ExceptionGroup`, a class with two bases.
pub(super) fn init_exception_group() -> PyResult<()> {
    let bases = Tuple::from_slice(&[types::BaseExceptionGroup(), types::Exception()])?;
    let dict = Dict::new()?;
    dict.set(intern!("__module__"), intern!("builtins"))?;
    let ty = crate::typeobject::type_type().call(&[intern!("ExceptionGroup"), &bases, &dict])?;
    match ty.downcast_into::<Type>() {
        Ok(t) => {
            types::EXCEPTION_GROUP.store(t.into_raw(), Release);
            Ok(())
        }
        Err(_) => Err(raise!(SystemError, "type() gave no type")),
    }
}

/// What a leaf must satisfy.
enum Condition<'a> {
    /// Instances of a type or of one in a tuple.
    Types(&'a Object),
    /// What a function says.
    Predicate(&'a Object),
    /// One of these instances.
    Among(&'a [PyRef]),
}

fn condition(o: &Object) -> PyResult<Condition<'_>> {
    let is_exc_type = |o: &Object| o.downcast::<Type>().is_some_and(|t| t.is_subtype(types::BaseException()));
    if is_exc_type(o) {
        return Ok(Condition::Types(o));
    }
    if let Some(t) = o.downcast::<Tuple>() {
        if t.as_slice().iter().all(|o| is_exc_type(o)) {
            return Ok(Condition::Types(o));
        }
    } else if o.downcast::<Type>().is_none() && o.is_callable() {
        return Ok(Condition::Predicate(o));
    }
    Err(raise!(TypeError, "expected an exception type, a tuple of exception types, or a callable (other than a class)"))
}

impl Condition<'_> {
    fn holds(&self, exc: &Object) -> PyResult<bool> {
        match self {
            Condition::Types(t) => Ok(exception_matches(exc, t)),
            Condition::Predicate(f) => f.call1(exc)?.is_true(),
            Condition::Among(set) => {
                Ok(exc.downcast::<BaseExceptionGroup>().is_none() && set.iter().any(|e| e.is(exc)))
            }
        }
    }
}

impl BaseExceptionGroup {
    /// `exceptions`, as they were given to the constructor.
    pub fn excs(&self) -> PyResult<Ref<Tuple>> {
        match slot!(self, excs).get().map(PyRef::downcast_into::<Tuple>) {
            Some(Ok(t)) => Ok(t),
            _ => Ok(Tuple::empty()),
        }
    }

    /// A group of `excs` through `derive`, with this group's traceback, context, cause and notes.
    fn derive_like(&self, excs: Vec<PyRef>) -> PyResult<Option<PyRef>> {
        if excs.is_empty() {
            return Ok(None);
        }
        let list = List::from_vec(excs)?;
        let new = self.call_method(intern!("derive"), &[&list])?;
        if new.downcast::<BaseExceptionGroup>().is_none() {
            return Err(raise!(TypeError, "derive must return an instance of BaseExceptionGroup"));
        }
        let (from, to) = (base(self), base(&new));
        to.set_traceback(from.traceback());
        to.set_context(from.context());
        to.set_cause(from.cause());
        to.set_suppress_context(from.suppress_context());
        if let Some(notes) = self.getattr_opt(intern!("__notes__"))? {
            if notes.sequence_check() {
                let copy = notes.to_list()?;
                new.setattr(intern!("__notes__"), &copy)?;
            }
        }
        Ok(Some(new))
    }

    fn split_by(&self, cond: &Condition<'_>, want_rest: bool) -> PyResult<(Option<PyRef>, Option<PyRef>)> {
        if cond.holds(self)? {
            return Ok((Some(self.to_ref()), None));
        }
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        for e in self.excs()?.as_slice() {
            if let Some(g) = e.downcast::<BaseExceptionGroup>() {
                crate::protocol::enter_recursive_call(" in exceptiongroup_split_recursive")?;
                let r = g.split_by(cond, want_rest);
                crate::protocol::leave_recursive_call();
                let (m, r) = r?;
                yes.extend(m);
                no.extend(r);
            } else if cond.holds(e)? {
                yes.push(e.to_ref());
            } else {
                no.push(e.to_ref());
            }
        }
        let matched = self.derive_like(yes)?;
        let rest = if want_rest { self.derive_like(no)? } else { None };
        Ok((matched, rest))
    }

    /// Splits for `except*`: the part that matches the types, and the rest.
    pub fn split_types(&self, types: &Object) -> PyResult<(Option<PyRef>, Option<PyRef>)> {
        self.split_by(&Condition::Types(types), true)
    }

    /// The part of the group whose leaves are among `leaves`.
    pub fn project(&self, leaves: &[PyRef]) -> PyResult<Option<PyRef>> {
        Ok(self.split_by(&Condition::Among(leaves), false)?.0)
    }

    /// Collects the leaves.
    pub fn leaves(&self, out: &mut Vec<PyRef>) -> PyResult<()> {
        for e in self.excs()?.as_slice() {
            match e.downcast::<BaseExceptionGroup>() {
                Some(g) => g.leaves(out)?,
                None => out.push(e.to_ref()),
            }
        }
        Ok(())
    }
}

#[pyclass(name = "BaseExceptionGroup", type_object = types::TYPE_BaseExceptionGroup, flags = "BASETYPE|HAVE_GC")]
impl BaseExceptionGroup {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords(cls.name_str())?;
        let [msg, excs] = args.args else {
            return Err(raise!(
                TypeError,
                "BaseExceptionGroup.__new__() takes exactly 2 arguments ({} given)",
                args.len()
            ));
        };
        if msg.downcast::<Str>().is_none() {
            return Err(raise!(
                TypeError,
                "BaseExceptionGroup.__new__() argument 1 must be str, not {}",
                msg.ty().name_str()
            ));
        }
        if !excs.sequence_check() {
            return Err(raise!(TypeError, "second argument (exceptions) must be a sequence"));
        }
        let tuple = excs.to_tuple()?;
        if tuple.as_slice().is_empty() {
            return Err(raise!(ValueError, "second argument (exceptions) must be a non-empty sequence"));
        }
        let mut nested_base = false;
        for (i, e) in tuple.as_slice().iter().enumerate() {
            if e.downcast::<BaseException>().is_none() {
                return Err(raise!(ValueError, "Item {} of second argument (exceptions) is not an exception", i));
            }
            nested_base |= !e.ty().is_subtype(types::Exception());
        }
        let mut cls = cls;
        if core::ptr::eq(cls, BaseExceptionGroup::type_object()) {
            if !nested_base {
                cls = types::ExceptionGroup();
            }
        } else if nested_base {
            if core::ptr::eq(cls, types::ExceptionGroup()) {
                return Err(raise!(TypeError, "Cannot nest BaseExceptions in an ExceptionGroup"));
            }
            if cls.is_subtype(types::Exception()) {
                return Err(raise!(TypeError, "Cannot nest BaseExceptions in '{}'", cls.name_str()));
            }
        }
        // Other sequences are shown as they are now; lists and tuples are rebuilt from the exceptions.
        let shown = if excs.downcast_exact::<List>().is_some() || excs.downcast_exact::<Tuple>().is_some() {
            None
        } else {
            Some(excs.repr()?.upcast())
        };
        let e: Ref<BaseExceptionGroup> = crate::typeobject::alloc_object(cls)?;
        slot!(e, excs_str).set(shown);
        base(&e).set_args(Tuple::from_slice(&[msg, excs])?);
        slot!(e, msg).set(Some(msg.to_ref()));
        slot!(e, excs).set(Some(tuple.upcast()));
        crate::mem::gc::track(&e);
        Ok(e.upcast())
    }

    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords(self.ty().name_str())?;
        base(self).set_args(args.to_tuple()?);
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let n = self.excs()?.as_slice().len();
        let msg = slot!(self, msg).get().unwrap_or_else(none_obj).str()?;
        Str::format(format_args!("{} ({} sub-exception{})", msg.to_string_lossy(), n, if n == 1 { "" } else { "s" }))
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let msg = slot!(self, msg).get().unwrap_or_else(none_obj);
        let excs = self.excs()?;
        let mut b = crate::objects::StrBuilder::new();
        b.push_str(self.ty().name_str());
        b.push_str("(");
        b.push_repr_of(&msg)?;
        b.push_str(", ");
        let given_list = base(self).args()?.as_slice().get(1).is_some_and(|o| o.downcast_exact::<List>().is_some());
        if let Some(text) = slot!(self, excs_str).get() {
            b.push_str_of(&text)?;
        } else if given_list {
            b.push_repr_of(&*excs.to_list()?)?;
        } else {
            b.push_repr_of(&excs)?;
        }
        b.push_str(")");
        b.finish()
    }

    /// The message.
    #[pygetset(name = "message")]
    fn message(&self) -> PyResult<PyRef> {
        Ok(slot!(self, msg).get_or_none())
    }

    /// The nested exceptions.
    #[pygetset(name = "exceptions")]
    fn exceptions(&self) -> PyResult<PyRef> {
        Ok(self.excs()?.upcast())
    }

    /// See PEP 585
    #[pyclassmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::alias(cls, item)
    }

    /// A group of the same message with other exceptions; a subclass that adds fields overrides it.
    #[pymethod]
    fn derive(&self, excs: &Object) -> PyResult<PyRef> {
        let msg = slot!(self, msg).get().unwrap_or_else(none_obj);
        BaseExceptionGroup::type_object().call(&[&msg, excs])
    }

    /// The part that matches, and the rest.
    #[pymethod]
    fn split(&self, matcher: &Object) -> PyResult<PyRef> {
        let (m, r) = self.split_by(&condition(matcher)?, true)?;
        let (m, r) = (m.unwrap_or_else(none_obj), r.unwrap_or_else(none_obj));
        Ok(Tuple::from_slice(&[&m, &r])?.upcast())
    }

    /// The part that matches.
    #[pymethod]
    fn subgroup(&self, matcher: &Object) -> PyResult<PyRef> {
        Ok(self.split_by(&condition(matcher)?, false)?.0.unwrap_or_else(none_obj))
    }
}

/// What `except*` re-raises: `excs` are the exceptions raised in the clauses and the unhandled rest of `orig`.
/// None when there is nothing left.
pub fn prepare_reraise_star(orig: &Object, excs: &List) -> PyResult<Option<PyRef>> {
    let items: Vec<PyRef> = excs.snapshot().into_iter().filter(|e| !e.is_none()).collect();
    if items.is_empty() {
        return Ok(None);
    }
    let Some(group) = orig.downcast::<BaseExceptionGroup>() else {
        // A naked exception was wrapped only when it matched: what came out is what to raise.
        return Ok(items.into_iter().next());
    };
    let same_metadata = |e: &Object| {
        let (a, b) = (base(e), base(orig));
        let ptr = |o: Option<PyRef>| o.map_or(core::ptr::null_mut(), |o| o.as_ptr());
        let notes = |o: &Object| {
            o.getattr_opt(intern!("__notes__")).ok().flatten().map_or(core::ptr::null_mut(), |n| n.as_ptr())
        };
        notes(e) == notes(orig)
            && ptr(a.traceback()) == ptr(b.traceback())
            && ptr(a.cause().map(Ref::upcast)) == ptr(b.cause().map(Ref::upcast))
            && ptr(a.context().map(Ref::upcast)) == ptr(b.context().map(Ref::upcast))
    };
    let (mut raised, mut reraised) = (Vec::new(), Vec::new());
    for e in items {
        if e.is(orig) || same_metadata(&e) {
            reraised.push(e);
        } else {
            raised.push(e);
        }
    }
    let mut leaves = Vec::new();
    for e in &reraised {
        match e.downcast::<BaseExceptionGroup>() {
            Some(g) => g.leaves(&mut leaves)?,
            None => leaves.push(e.clone()),
        }
    }
    let rest = if leaves.is_empty() { None } else { group.project(&leaves)? };
    if raised.is_empty() {
        return Ok(rest);
    }
    raised.extend(rest);
    if raised.len() == 1 {
        return Ok(raised.pop());
    }
    let list = List::from_vec(raised)?;
    let empty: &Object = Str::empty();
    Ok(Some(types::ExceptionGroup().call(&[empty, &list]).or_else(|e| {
        if !e.matches(types::TypeError()) {
            return Err(e);
        }
        e.clear();
        types::BaseExceptionGroup().call(&[empty, &list])
    })?))
}
