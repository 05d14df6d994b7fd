//! `__build_class__`: what the `class` statement calls.

use runtime::convert::FuncArgs;
use runtime::objects::{Cell, Function};
use runtime::prelude::*;

/// Replaces what has `__mro_entries__` among the bases (PEP 560). None when nothing changes.
pub fn resolve_bases(bases: &Tuple) -> PyResult<Option<Ref<Tuple>>> {
    let mut out: Option<Vec<PyRef>> = None;
    for (i, b) in bases.as_slice().iter().enumerate() {
        if b.downcast::<Type>().is_none() {
            if let Some(f) = b.getattr_opt(intern!("__mro_entries__"))? {
                let new = f.call1(bases)?;
                let Some(new) = new.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "__mro_entries__ must return a tuple"));
                };
                let out = out.get_or_insert_with(|| bases.as_slice()[..i].iter().map(|o| o.to_ref()).collect());
                out.extend(new.as_slice().iter().map(|o| o.to_ref()));
                continue;
            }
        }
        if let Some(out) = &mut out {
            out.push(b.to_ref());
        }
    }
    out.map(Tuple::from_refs).transpose()
}

/// The most derived metaclass of `meta` and the bases' types.
pub fn calculate_metaclass(meta: &Type, bases: &Tuple) -> PyResult<Ref<Type>> {
    let mut winner = Ref::new_ref(meta);
    for b in bases.as_slice() {
        let t = b.ty();
        if winner.is_subtype(t) {
            continue;
        }
        if t.is_subtype(&winner) {
            winner = Ref::new_ref(t);
            continue;
        }
        return Err(raise!(
            TypeError,
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
        ));
    }
    Ok(winner)
}

/// `__build_class__(func, name, /, *bases, [metaclass], **kwds)`.
pub fn build_class(args: &FuncArgs<'_>) -> PyResult<PyRef> {
    let [func, name, ..] = args.args else {
        return Err(raise!(TypeError, "__build_class__: not enough arguments"));
    };
    let Some(func) = func.downcast::<Function>() else {
        return Err(raise!(TypeError, "__build_class__: func must be a function"));
    };
    if name.downcast::<Str>().is_none() {
        return Err(raise!(TypeError, "__build_class__: name is not a string"));
    }
    let orig_bases = Tuple::from_slice(args.rest(2))?;
    let resolved = resolve_bases(&orig_bases)?;
    let bases = resolved.clone().unwrap_or_else(|| orig_bases.clone());
    let mut meta: Option<PyRef> = None;
    let mut kwds: Option<Ref<Dict>> = None;
    for (k, v) in args.keywords() {
        if k.downcast::<Str>().is_some_and(|k| k.eq_str("metaclass")) {
            meta = Some(v.to_ref());
        } else {
            let d = match &kwds {
                Some(d) => d.clone(),
                None => kwds.insert(Dict::new()?).clone(),
            };
            d.set(k, v)?;
        }
    }
    let meta: PyRef = match meta {
        Some(m) => m,
        None => match bases.as_slice() {
            [] => runtime::typeobject::type_type().to_ref(),
            [first, ..] => {
                let t: &Object = first.ty();
                t.to_ref()
            }
        },
    };
    let is_class = meta.downcast::<Type>().is_some();
    let meta = match meta.downcast::<Type>() {
        Some(t) => calculate_metaclass(t, &bases)?.upcast(),
        None => meta,
    };
    let ns = match meta.getattr_opt(intern!("__prepare__"))? {
        None => Dict::new()?.upcast(),
        Some(prepare) => prepare.call_dict(&*Tuple::from_slice(&[name, &bases])?, kwds.as_deref())?,
    };
    if !ns.mapping_check() {
        let shown = match meta.downcast::<Type>() {
            Some(t) if is_class => t.name_str().to_owned(),
            _ => "<metaclass>".to_owned(),
        };
        return Err(raise!(TypeError, "{}.__prepare__() must return a mapping, not {}", shown, ns.ty().name_str()));
    }
    let cell = runtime::interp::eval_code_closure(func.code(), func.globals(), &ns, func.closure())?;
    if resolved.is_some() {
        ns.set_item(intern!("__orig_bases__"), &orig_bases)?;
    }
    let cls = meta.call_dict(&*Tuple::from_slice(&[name, &bases, &ns])?, kwds.as_deref())?;
    if let (Some(_), Some(cell)) = (cls.downcast::<Type>(), cell.downcast::<Cell>()) {
        match cell.get() {
            Some(c) if c.is(&cls) => {}
            Some(c) => {
                return Err(raise!(
                    TypeError,
                    "__class__ set to {} defining {} as {}",
                    c.repr()?.to_string_lossy(),
                    name.repr()?.to_string_lossy(),
                    cls.repr()?.to_string_lossy()
                ));
            }
            None => {
                return Err(raise!(
                    RuntimeError,
                    "__class__ not set defining {} as {}. Was __classcell__ propagated to type.__new__?",
                    name.repr()?.to_string_lossy(),
                    cls.repr()?.to_string_lossy()
                ));
            }
        }
    }
    Ok(cls)
}
