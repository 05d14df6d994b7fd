//! `sqlite3.Row`: a tuple of values that also knows the names of its columns.

use super::cursor::Cursor;
use macros::pyclass;
use runtime::objects::support::{Slot, alloc, clear, dealloc, track, traverse};
use runtime::prelude::*;
use runtime::protocol::CompareOp;

#[repr(C)]
pub struct Row {
    header: abi::PyObject,
    data: Slot,
    description: Slot,
}
runtime::fields!(Row: data, description);

impl Row {
    fn values(&self) -> PyRef {
        self.data.get(self).unwrap_or_else(none_ref)
    }
    /// Position of a column by name, in ASCII without regard to case.
    fn find(&self, name: &Str) -> PyResult<Option<usize>> {
        let d = self.description.get(self).unwrap_or_else(none_ref);
        let Some(columns) = d.downcast::<Tuple>() else { return Ok(None) };
        let wanted = name.to_string_lossy();
        for (i, c) in columns.as_slice().iter().enumerate() {
            if let Some(c) = c.downcast::<Tuple>()
                && let Some(s) = c.get(0).downcast::<Str>()
                && s.to_string_lossy().eq_ignore_ascii_case(&wanted)
            {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }
}

#[pyclass(name = "Row", module = "sqlite3", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Row>, tp_clear = clear::<Row>, tp_dealloc = dealloc::<Row>))]
impl Row {
    #[slot(sig = "cursor, data, /")]
    fn tp_new(cls: &Type, cursor: &Object, data: &Object) -> PyResult<PyRef> {
        let Some(c) = cursor.downcast::<Cursor>() else {
            return Err(raise!(TypeError, "Row() argument 1 must be sqlite3.Cursor, not {}", cursor.ty().name_str()));
        };
        if data.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "Row() argument 2 must be tuple, not {}", data.ty().name_str()));
        }
        let r = alloc::<Row>(cls)?;
        r.data.init(data.to_ref());
        r.description.init(c.description_of());
        Ok(track(r).upcast())
    }
    /// The names of the columns.
    #[pymethod]
    fn keys(&self) -> PyResult<Ref<List>> {
        let out = List::new()?;
        let d = self.description.get(self).unwrap_or_else(none_ref);
        if let Some(columns) = d.downcast::<Tuple>() {
            for c in columns.as_slice() {
                out.append(&*c.get_item_index(0)?)?;
            }
        }
        Ok(out)
    }
    #[slot]
    fn sq_length(&self) -> PyResult<usize> {
        self.values().len()
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        self.values().get_item_index(i)
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        if let Some(name) = key.downcast::<Str>() {
            return match self.find(name)? {
                Some(i) => self.values().get_item_index(i as isize),
                None => Err(raise!(IndexError, "No item with that key")),
            };
        }
        if key.downcast::<Int>().is_some() || key.downcast::<runtime::objects::Slice>().is_some() {
            return self.values().get_item(key);
        }
        Err(raise!(IndexError, "Index must be int or string"))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.values().iter()
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        let d = self.description.get(self).unwrap_or_else(none_ref);
        Ok(d.hash()? ^ self.values().hash()?)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Row>().filter(|_| matches!(op, CompareOp::Eq | CompareOp::Ne)) else {
            return Ok(not_implemented().to_ref());
        };
        let (a, b) =
            (self.description.get(self).unwrap_or_else(none_ref), o.description.get(o).unwrap_or_else(none_ref));
        if a.eq(&b)? {
            return self.values().richcompare(&o.values(), op);
        }
        Ok(runtime::objects::support::py_bool(op == CompareOp::Ne))
    }
}
