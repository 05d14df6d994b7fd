//! `dict.keys()`, `dict.values()` and `dict.items()`.

use super::Dict;
use super::iter::{DictIter, Part};
use crate::mem::Visitor;
use crate::objects::reprguard::{repr_enter, repr_leave};
use crate::objects::singletons::unready_type;
use crate::objects::support::{Slot, begin_dealloc, free_object, track};
use crate::objects::{StrBuilder, not_implemented_ref};
use crate::prelude::*;
use crate::protocol::CompareOp;
use core::ffi::c_int;
use macros::pyclass;

/// Layout of the dict views.
#[repr(C)]
pub struct DictView {
    header: abi::PyObject,
    dict: Slot,
}

/// Layout of `dict_keys`.
#[repr(transparent)]
pub struct DictKeysView(pub(crate) DictView);
/// Layout of `dict_values`.
#[repr(transparent)]
pub struct DictValuesView(pub(crate) DictView);
/// Layout of `dict_items`.
#[repr(transparent)]
pub struct DictItemsView(pub(crate) DictView);

#[unsafe(no_mangle)]
pub static mut PyDictKeys_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyDictValues_Type: Type = unready_type();
#[unsafe(no_mangle)]
pub static mut PyDictItems_Type: Type = unready_type();
py_layout!(DictKeysView, PyDictKeys_Type);
py_layout!(DictValuesView, PyDictValues_Type);
py_layout!(DictItemsView, PyDictItems_Type);

impl DictView {
    /// A view of `dict`.
    pub fn create(dict: &Dict, part: Part) -> PyResult<PyRef> {
        let ty = match part {
            Part::Keys => DictKeysView::type_object(),
            Part::Values => DictValuesView::type_object(),
            Part::Items => DictItemsView::type_object(),
        };
        Self::create_of(ty, dict)
    }

    /// A view of one of the view types, or of a type over them.
    pub(crate) fn create_of(ty: &Type, dict: &Dict) -> PyResult<PyRef> {
        let v = crate::typeobject::alloc_object::<DictKeysView>(ty)?;
        v.0.dict.init(dict.to_ref());
        Ok(track(v).upcast())
    }

    #[inline]
    pub(crate) fn dict(&self) -> &Dict {
        // SAFETY: set at creation, released by dealloc only.
        unsafe { &*self.dict.ptr().cast::<Dict>() }
    }

    fn repr(&self, me: &Object) -> PyResult<Ref<Str>> {
        if repr_enter(me)? {
            return Str::new("...");
        }
        let r = (|| {
            let list = me.to_list()?;
            Str::format(format_args!("{}({})", me.ty().name_str(), list.repr()?.to_string_lossy()))
        })();
        repr_leave(me);
        r
    }

    fn mapping(&self) -> PyResult<PyRef> {
        crate::objects::support::mapping_proxy(self.dict())
    }
}

/// The table behind a keys or items view.
fn set_view(o: &Object) -> Option<&DictView> {
    if let Some(v) = o.downcast::<DictKeysView>() {
        return Some(&v.0);
    }
    o.downcast::<DictItemsView>().map(|v| &v.0)
}

fn len_of(o: &Object) -> PyResult<usize> {
    o.len()
}

fn all_in(a: &Object, b: &Object) -> PyResult<bool> {
    let it = a.iter()?;
    while let Some(x) = it.iter_next()? {
        if !b.contains(&x)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(a: &Object, b: &Object, op: CompareOp) -> PyResult<PyRef> {
    if Set::any(b).is_none() && set_view(b).is_none() {
        return Ok(not_implemented_ref());
    }
    let (la, lb) = (len_of(a)?, len_of(b)?);
    let r = match op {
        CompareOp::Eq => la == lb && all_in(a, b)?,
        CompareOp::Ne => !(la == lb && all_in(a, b)?),
        CompareOp::Lt => la < lb && all_in(a, b)?,
        CompareOp::Le => la <= lb && all_in(a, b)?,
        CompareOp::Gt => lb < la && all_in(b, a)?,
        CompareOp::Ge => lb <= la && all_in(b, a)?,
    };
    Ok((**Bool::of(r)).to_ref())
}

fn set_of(o: &Object) -> PyResult<Ref<Set>> {
    let s = Set::new()?;
    s.update(o)?;
    Ok(s)
}

fn difference(a: &Object, b: &Object) -> PyResult<PyRef> {
    let s = set_of(a)?;
    s.difference_update(b)?;
    Ok(s.upcast())
}

fn union(a: &Object, b: &Object) -> PyResult<PyRef> {
    let s = set_of(a)?;
    s.update(b)?;
    Ok(s.upcast())
}

fn symmetric_difference(a: &Object, b: &Object) -> PyResult<PyRef> {
    let s = set_of(a)?;
    s.symmetric_difference_update(b)?;
    Ok(s.upcast())
}

fn intersection(a: &Object, b: &Object) -> PyResult<PyRef> {
    // Python operators may come with the view on either side.
    let (mut view, mut other) = if set_view(a).is_some() { (a, b) } else { (b, a) };
    if set_view(other).is_some() && other.len()? > view.len()? {
        (view, other) = (other, view);
    }
    if view.downcast::<DictKeysView>().is_some() {
        if let Some(s) = other.downcast_exact::<Set>() {
            if s.len() > view.len()? {
                let out = set_of(other)?;
                out.intersection_update(view)?;
                return Ok(out.upcast());
            }
        }
    }
    let out = Set::new()?;
    let it = other.iter()?;
    while let Some(x) = it.iter_next()? {
        if view.contains(&x)? {
            out.add(&x)?;
        }
    }
    Ok(out.upcast())
}

fn isdisjoint(me: &Object, other: &Object) -> PyResult<bool> {
    if me.is(other) {
        return Ok(me.len()? == 0);
    }
    let (mut a, mut b) = (me, other);
    if (Set::any(other).is_some() || set_view(other).is_some()) && other.len()? > me.len()? {
        (a, b) = (other, me);
    }
    let it = b.iter()?;
    while let Some(x) = it.iter_next()? {
        if a.contains(&x)? {
            return Ok(false);
        }
    }
    Ok(true)
}

macro_rules! view_type {
    ($t:ident $ty:ident $name:literal $part:ident { $($extra:tt)* }) => {
        #[pyclass(name = $name, type_object = $ty, flags = "HAVE_GC")]
        impl $t {
            #[slot]
            fn sq_length(&self) -> usize {
                self.0.dict().len()
            }
            #[slot]
            fn tp_iter(&self) -> PyResult<PyRef> {
                DictIter::create(self.0.dict(), Part::$part, false)
            }
            #[slot]
            fn tp_repr(&self) -> PyResult<Ref<Str>> {
                self.0.repr(self)
            }
            /// Return a reverse iterator over the dict view.
            #[pymethod]
            fn __reversed__(&self) -> PyResult<PyRef> {
                DictIter::create(self.0.dict(), Part::$part, true)
            }
            /// dictionary that this view refers to
            #[pygetset]
            fn mapping(&self) -> PyResult<PyRef> {
                self.0.mapping()
            }
            #[slot]
            fn tp_traverse(&self, v: &mut Visitor) -> c_int {
                v.visit_ptr(self.0.dict.ptr())
            }
            #[slot]
            fn tp_dealloc(this: *mut Self) {
                // SAFETY: a dying view.
                unsafe {
                    begin_dealloc(this);
                    drop((*this).0.dict.swap(None));
                    free_object(this.cast());
                }
            }
            $($extra)*
        }
    };
}

macro_rules! set_view_type {
    ($t:ident $ty:ident $name:literal $part:ident { $($extra:tt)* }) => {
        view_type! { $t $ty $name $part {
            #[slot]
            fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
                compare(self, other, op)
            }
            #[slot]
            fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
                difference(a, b)
            }
            #[slot]
            fn nb_and(a: &Object, b: &Object) -> PyResult<PyRef> {
                intersection(a, b)
            }
            #[slot]
            fn nb_xor(a: &Object, b: &Object) -> PyResult<PyRef> {
                symmetric_difference(a, b)
            }
            #[slot]
            fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
                union(a, b)
            }
            /// Return True if the view and the given iterable have a null intersection.
            #[pymethod(name = "isdisjoint")]
            fn py_isdisjoint(&self, other: &Object) -> PyResult<bool> {
                isdisjoint(self, other)
            }
            $($extra)*
        } }
    };
}

set_view_type! { DictKeysView PyDictKeys_Type "dict_keys" Keys {
    #[slot]
    fn sq_contains(&self, key: &Object) -> PyResult<bool> {
        self.0.dict().contains(key)
    }
} }

set_view_type! { DictItemsView PyDictItems_Type "dict_items" Items {
    #[slot]
    fn sq_contains(&self, pair: &Object) -> PyResult<bool> {
        let Some(t) = pair.downcast::<Tuple>() else { return Ok(false) };
        if t.len() != 2 {
            return Ok(false);
        }
        match self.0.dict().get(t.get(0))? {
            Some(v) => v.eq(t.get(1)),
            None => Ok(false),
        }
    }
} }

view_type! { DictValuesView PyDictValues_Type "dict_values" Values {} }

/// `repr` of a dict.
pub fn repr_of(d: &Dict) -> PyResult<Ref<Str>> {
    if repr_enter(d)? {
        return Str::new("{...}");
    }
    let r = (|| {
        if d.is_empty() {
            return Str::new("{}");
        }
        let mut b = StrBuilder::new();
        b.push_char('{');
        let (mut pos, mut first) = (0isize, true);
        while let Some((k, v)) = d.next(&mut pos) {
            if !first {
                b.push_str(", ");
            }
            first = false;
            b.push_repr_of(&k)?;
            b.push_str(": ");
            b.push_repr_of(&v)?;
        }
        b.push_char('}');
        b.finish()
    })();
    repr_leave(d);
    r
}
