//! `except*`: what is raised after all its clauses have run.

use crate::prelude::*;

fn attr_is(a: &Object, b: &Object, name: &'static Str) -> PyResult<bool> {
    let (x, y) = (a.getattr(name)?, b.getattr(name)?);
    Ok(x.is(&y))
}

fn same_metadata(a: &Object, b: &Object) -> PyResult<bool> {
    Ok(attr_is(a, b, intern!("__cause__"))?
        && attr_is(a, b, intern!("__context__"))?
        && attr_is(a, b, intern!("__traceback__"))?
        && a.getattr_opt(intern!("__notes__"))?.map(|x| x.as_ptr())
            == b.getattr_opt(intern!("__notes__"))?.map(|x| x.as_ptr()))
}

fn leaf_ids(e: &Object, out: &mut Vec<*const Object>) -> PyResult<()> {
    if e.isinstance(exc::BaseExceptionGroup())? {
        let excs = e.getattr(intern!("exceptions"))?;
        for x in excs.to_tuple()?.iter() {
            leaf_ids(x, out)?;
        }
    } else {
        out.push(e);
    }
    Ok(())
}

/// Keeps the part of `orig` whose leaves are leaves of `keep`.
fn projection(orig: &Object, keep: &[PyRef]) -> PyResult<PyRef> {
    let mut ids = Vec::new();
    for e in keep {
        leaf_ids(e, &mut ids)?;
    }
    filter(orig, &ids).map(|o| o.unwrap_or_else(none_ref))
}

fn filter(e: &Object, ids: &[*const Object]) -> PyResult<Option<PyRef>> {
    if !e.isinstance(exc::BaseExceptionGroup())? {
        return Ok(ids.iter().any(|p| core::ptr::eq(*p, e)).then(|| e.to_ref()));
    }
    let excs = e.getattr(intern!("exceptions"))?.to_tuple()?;
    let mut kept = Vec::new();
    let mut all = true;
    for x in excs.iter() {
        match filter(x, ids)? {
            Some(k) => {
                all &= k.is(x);
                kept.push(k);
            }
            None => all = false,
        }
    }
    if all {
        return Ok(Some(e.to_ref()));
    }
    if kept.is_empty() {
        return Ok(None);
    }
    let list = List::from_vec(kept)?;
    let new = e.call_method(intern!("derive"), &[&list])?;
    for n in [intern!("__traceback__"), intern!("__context__"), intern!("__cause__")] {
        let v = e.getattr(n)?;
        new.setattr(n, &v)?;
    }
    if let Some(notes) = e.getattr_opt(intern!("__notes__"))? {
        new.setattr(intern!("__notes__"), &*notes.to_list()?)?;
    }
    Ok(Some(new))
}

/// INTRINSIC_PREP_RERAISE_STAR: the exception to raise from the original one and the list of what the clauses raised and
/// left over; None when nothing is left.
pub fn prep_reraise_star(orig: &Object, excs: &Object) -> PyResult<PyRef> {
    let Some(list) = excs.downcast::<List>() else {
        return Err(raise!(SystemError, "bad argument to internal function"));
    };
    let items = list.snapshot();
    if items.is_empty() {
        return Ok(none_ref());
    }
    if !orig.isinstance(exc::BaseExceptionGroup())? {
        // A naked exception was caught and wrapped: there is one item
        return Ok(items[0].clone());
    }
    let mut raised = Vec::new();
    let mut reraised = Vec::new();
    for e in items {
        if e.is_none() {
            continue;
        }
        if same_metadata(&e, orig)? { reraised.push(e) } else { raised.push(e) }
    }
    let proj = projection(orig, &reraised)?;
    if raised.is_empty() {
        return Ok(proj);
    }
    if !proj.is_none() {
        raised.push(proj);
    }
    if raised.len() > 1 {
        let l = List::from_vec(raised)?;
        let g: &Object = exc::BaseExceptionGroup();
        return g.call(&[Str::empty(), &l]);
    }
    Ok(raised.remove(0))
}
