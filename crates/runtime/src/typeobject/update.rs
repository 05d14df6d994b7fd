//! Keeping slots and methods in step: choosing a slot's function from the methods a type sees, when a class is made and
//! whenever a dunder attribute is assigned or deleted.

use super::slotdefs::{SLOTS, SlotEntry};
use super::spec::{slot_field, slot_place};
use super::{Type, alloc, dispatch, mro};
use crate::objects::descr;
use crate::prelude::*;
use core::ffi::{c_int, c_void};
use core::ptr::{self, null_mut};

/// One slot's new value.
struct Change {
    ty: Ref<Type>,
    id: c_int,
    value: *mut c_void,
    /// `__call__` became a Python method: vectorcall must not go around it.
    no_vectorcall: bool,
}

/// The field of slot `id`; null when the type has no room for the group.
fn field(ty: &Type, id: c_int) -> *mut *mut c_void {
    let Some((g, off)) = slot_place(id) else { return null_mut() };
    // SAFETY: a ready type.
    unsafe { slot_field(ty.as_raw(), g, off, false) }
}

/// The only non-empty slot among those with this name, or null.
fn resolve_dups(ty: &Type, name: &Str) -> *mut *mut c_void {
    let mut res = null_mut();
    for e in SLOTS.iter().filter(|e| ptr::eq(e.name(), name)) {
        let f = field(ty, e.id);
        // SAFETY: a slot of a live type.
        if f.is_null() || f == res || unsafe { (*f).is_null() } {
            continue;
        }
        if !res.is_null() {
            return null_mut();
        }
        res = f;
    }
    res
}

/// The rows of slot `id`; they stand together.
fn rows(id: c_int) -> &'static [SlotEntry] {
    let Some(first) = SLOTS.iter().position(|e| e.id == id) else { return &[] };
    let n = SLOTS[first..].iter().take_while(|e| e.id == id).count();
    &SLOTS[first..first + n]
}

/// What slot `id` of `ty` should hold.
fn choose(ty: &Type, id: c_int) -> PyResult<Option<(*mut c_void, bool)>> {
    let here = field(ty, id);
    if here.is_null() {
        return Ok(None);
    }
    let mut specific: *mut c_void = null_mut();
    let mut generic: *mut c_void = null_mut();
    let mut use_generic = false;
    for e in rows(id) {
        let Some(d) = ty.find_in_mro(e.name())? else {
            if id == abi::Py_tp_iternext {
                specific = next_not_implemented as *mut c_void;
            }
            continue;
        };
        if let Some(w) = descr::as_wrapper(&d) {
            let base = w.base_entry();
            if same_name(base, e) {
                let dup = resolve_dups(ty, e.name());
                if dup.is_null() || dup == here {
                    generic = e.dispatcher();
                }
                let same_wrapper = w.wrapper_addr() == e.base.wrapper.map_or(ptr::null(), |f| f as *const ());
                if (specific.is_null() || specific == w.wrapped()) && same_wrapper && ty.is_subtype(w.owner()) {
                    specific = w.wrapped();
                } else {
                    use_generic = true;
                }
                continue;
            }
        }
        if id == abi::Py_tp_new && super::new_wrapper::is_new_wrapper(&d) {
            // `__new__` of a native base: the tp_new inherited from the layout base stays as it is, even when another
            // base's wrapper comes first.
            specific = ty.slots().tp_new.map_or(null_mut(), |f| f as *mut c_void);
            if specific.is_null() || ptr::eq(specific as *const (), dispatch::slot_tp_new as *const ()) {
                use_generic = true;
                generic = e.dispatcher();
                specific = null_mut();
            }
            continue;
        }
        if d.is_none() && id == abi::Py_tp_hash {
            specific = alloc::PyObject_HashNotImplemented as *mut c_void;
            continue;
        }
        use_generic = true;
        generic = e.dispatcher();
    }
    // Names without a dispatcher of their own (`__add__` for sq_concat) leave inherited slots alone.
    let v = if !specific.is_null() && !use_generic { specific } else { generic };
    let no_vectorcall =
        id == abi::Py_tp_call && !v.is_null() && ptr::eq(v as *const (), dispatch::slot_tp_call as *const ());
    Ok(Some((v, no_vectorcall)))
}

fn same_name(base: &abi::wrapperbase, e: &SlotEntry) -> bool {
    // SAFETY: literals.
    base.name == e.base.name
        || unsafe { core::ffi::CStr::from_ptr(base.name) == core::ffi::CStr::from_ptr(e.base.name) }
}

unsafe extern "C" fn next_not_implemented(o: *mut abi::PyObject) -> *mut abi::PyObject {
    // SAFETY: forwards to the exported function, whose address marks "no __next__".
    unsafe { alloc::_PyObject_NextNotImplemented(o) }
}

fn apply(c: &Change) {
    let f = field(&c.ty, c.id);
    if f.is_null() {
        return;
    }
    let v = if ptr::eq(c.value as *const (), next_not_implemented as *const ()) {
        alloc::_PyObject_NextNotImplemented as *mut c_void
    } else {
        c.value
    };
    // SAFETY: the type is new, or the world is stopped.
    unsafe {
        *f = v;
        if c.no_vectorcall {
            (*(*c.ty).as_raw()).tp_flags &= !abi::Py_TPFLAGS_HAVE_VECTORCALL;
        }
    }
}

/// The base whose methods are all that `ty` inherits: its MRO is the rest of `ty`'s.
fn only_parent(ty: &Type) -> Option<Ref<Type>> {
    let base = ty.base()?;
    let (mine, theirs) = (ty.mro(), base.mro());
    let same = mine.len() == theirs.len() + 1 && (0..theirs.len()).all(|i| ptr::eq(mine.get(i + 1), theirs.get(i)));
    same.then(|| Ref::new_ref(base))
}

/// Whether slot `rows` of `ty`, which defines none of its names, is already what `choose` would make of it: the one inherited
/// from `parent`, or empty because nothing has these names.
fn is_settled(ty: &Type, parent: &Type, rows: &[SlotEntry]) -> PyResult<bool> {
    let id = rows[0].id;
    let (here, there) = (field(ty, id), field(parent, id));
    // SAFETY: slots of live types.
    let (value, inherited) = unsafe {
        (if here.is_null() { return Ok(true) } else { *here }, if there.is_null() { null_mut() } else { *there })
    };
    if value != inherited || (value.is_null() && id == abi::Py_tp_iternext) {
        return Ok(false);
    }
    if value.is_null() {
        for e in rows {
            if parent.find_in_mro(e.name())?.is_some() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Sets every slot of a new heap type from the methods it sees.
pub fn fixup(ty: &Type) -> PyResult<()> {
    let parent = only_parent(ty);
    let dict = ty.dict();
    for rows in SLOTS.chunk_by(|a, b| a.id == b.id) {
        if let Some(parent) = &parent {
            let mut own = false;
            for e in rows {
                own |= dict.get_str(e.name())?.is_some();
            }
            if !own && is_settled(ty, parent, rows)? {
                continue;
            }
        }
        if let Some((value, no_vectorcall)) = choose(ty, rows[0].id)? {
            apply(&Change { ty: Ref::new_ref(ty), id: rows[0].id, value, no_vectorcall });
        }
    }
    Ok(())
}

/// Whether assigning `name` may change slots.
pub fn is_slot_name(name: &Str) -> bool {
    let n = name.len();
    n > 4
        && name.char_at(0) == '_' as u32
        && name.char_at(1) == '_' as u32
        && name.char_at(n - 1) == '_' as u32
        && name.char_at(n - 2) == '_' as u32
}

/// Recomputes the slots named `name` on `ty` and on the subclasses that inherit it.
pub fn update(ty: &Type, name: &Str) -> PyResult<()> {
    let ids: Vec<c_int> = {
        let mut v: Vec<c_int> =
            SLOTS.iter().filter(|e| ptr::eq(e.name(), name) || e.name().eq_data(name)).map(|e| e.id).collect();
        v.dedup();
        v
    };
    if ids.is_empty() {
        return Ok(());
    }
    let mut changes = Vec::new();
    collect(ty, name, &ids, &mut changes, true)?;
    commit(changes);
    Ok(())
}

/// Recomputes every slot of `ty` and of its subclasses (after `__bases__` changed).
pub fn update_all(ty: &Type) -> PyResult<()> {
    let mut ids: Vec<c_int> = SLOTS.iter().map(|e| e.id).collect();
    ids.dedup();
    let mut changes = Vec::new();
    collect_all(ty, &ids, &mut changes)?;
    commit(changes);
    Ok(())
}

fn commit(changes: Vec<Change>) {
    let real: Vec<Change> = changes
        .into_iter()
        .filter(|c| {
            let f = field(&c.ty, c.id);
            // SAFETY: a slot of a live type.
            !f.is_null()
                && unsafe { *f != c.value || c.no_vectorcall && c.ty.has_feature(abi::Py_TPFLAGS_HAVE_VECTORCALL) }
        })
        .collect();
    if !real.is_empty() {
        crate::thread::stop_the_world(|| real.iter().for_each(apply));
    }
}

fn push(ty: &Type, ids: &[c_int], out: &mut Vec<Change>) -> PyResult<()> {
    for id in ids {
        if let Some((value, no_vectorcall)) = choose(ty, *id)? {
            out.push(Change { ty: Ref::new_ref(ty), id: *id, value, no_vectorcall });
        }
    }
    Ok(())
}

fn collect(ty: &Type, name: &Str, ids: &[c_int], out: &mut Vec<Change>, top: bool) -> PyResult<()> {
    if !top && ty.dict().get_str(name)?.is_some() {
        return Ok(());
    }
    if ty.is_heap_type() || top {
        push(ty, ids, out)?;
    }
    for s in mro::subclasses(ty) {
        collect(&s, name, ids, out, false)?;
    }
    Ok(())
}

fn collect_all(ty: &Type, ids: &[c_int], out: &mut Vec<Change>) -> PyResult<()> {
    push(ty, ids, out)?;
    for s in mro::subclasses(ty) {
        collect_all(&s, ids, out)?;
    }
    Ok(())
}
