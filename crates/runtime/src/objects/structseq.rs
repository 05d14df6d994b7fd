//! Struct sequences: tuples with named fields, some of them outside the sequence (`os.stat_result`, `sys.flags` …).
//!
//! The layout is a tuple's: `ob_size` counts the visible part, the storage holds every field. How many there are follows
//! from the basic size of the struct sequence type itself.

use crate::mem::gc;
use crate::prelude::*;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::sync::{Mutex, OnceLock};

const ITEMS: usize = core::mem::offset_of!(abi::PyTupleObject, ob_item);
/// Name of a field that is in the sequence but has no attribute.
pub const UNNAMED: &str = "unnamed field";

fn tuple_type() -> &'static Type {
    Tuple::type_object()
}

/// The struct sequence type that `ty` is or derives from.
fn seq_type(ty: &Type) -> &Type {
    let mut t = ty;
    while let Some(b) = t.base() {
        if core::ptr::eq(b, tuple_type()) {
            break;
        }
        t = b;
    }
    t
}

/// Number of fields, visible or not.
pub fn n_fields(ty: &Type) -> usize {
    (seq_type(ty).slots().tp_basicsize as usize - ITEMS) / size_of::<*mut abi::PyObject>()
}

fn type_attr(ty: &Type, name: &'static Str) -> PyResult<usize> {
    match seq_type(ty).dict().get_str(name)? {
        Some(v) => Ok(v.as_isize()? as usize),
        None => Err(raise!(TypeError, "Missed attribute '{}' of type {}", name.to_string_lossy(), ty.name_str())),
    }
}

/// Number of fields in the sequence.
pub fn n_sequence(ty: &Type) -> PyResult<usize> {
    type_attr(ty, intern!("n_sequence_fields"))
}

fn items(o: *mut abi::PyObject) -> *mut *mut abi::PyObject {
    // SAFETY: struct sequences have a tuple's layout.
    unsafe { (&raw mut (*o.cast::<abi::PyTupleObject>()).ob_item).cast() }
}

/// A new instance with all fields null (`PyStructSequence_New`).
pub fn alloc(ty: &Type) -> PyResult<PyRef> {
    let visible = n_sequence(ty)?;
    let size = ITEMS + n_fields(ty) * size_of::<*mut abi::PyObject>();
    // SAFETY: the type is a struct sequence type (GC, at least this large).
    unsafe {
        let p = gc::new_object(ty.as_raw(), size.max(ty.slots().tp_basicsize as usize));
        if p.is_null() {
            return Err(raise!(MemoryError, "out of memory"));
        }
        let t = p.cast::<abi::PyTupleObject>();
        (*t).ob_base.ob_size = visible as isize;
        (*t).ob_hash = -1;
        for i in 0..n_fields(ty) {
            items(p).add(i).write(core::ptr::null_mut());
        }
        Ok(Ref::from_raw(p.cast()))
    }
}

/// Puts a field of a new instance (`PyStructSequence_SetItem`).
pub fn set_item(o: &Object, i: usize, v: Option<PyRef>) {
    // SAFETY: the instance is being filled by its creator.
    unsafe { items(o.as_ptr()).add(i).write(v.map_or(core::ptr::null_mut(), Ref::into_ptr)) };
}

/// A new instance with these fields; missing ones at the end are `None`.
pub fn new(ty: &Type, values: Vec<PyRef>) -> PyResult<PyRef> {
    let o = alloc(ty)?;
    let n = n_fields(ty);
    let mut values = values.into_iter();
    for i in 0..n {
        set_item(&o, i, Some(values.next().unwrap_or_else(none_ref)));
    }
    gc::track(&o);
    Ok(o)
}

/// The C string of a text that lives as long as the process: each is made once, however often a type is made again.
fn c_text(text: &str) -> *const c_char {
    static TEXTS: Mutex<BTreeSet<CString>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(|e| e.into_inner());
    let c = CString::new(text).unwrap_or_default();
    // The set owns the bytes, which do not move when it grows.
    if let Some(old) = texts.get(&c) {
        return old.as_ptr();
    }
    let p = c.as_ptr();
    texts.insert(c);
    p
}

struct Methods([abi::PyMethodDef; 3]);
// SAFETY: never written.
unsafe impl Sync for Methods {}
// SAFETY: as above.
unsafe impl Send for Methods {}

/// The methods of every struct sequence type.
fn methods() -> *const abi::PyMethodDef {
    static METHODS: OnceLock<Methods> = OnceLock::new();
    let table = METHODS.get_or_init(|| {
        Methods([
            crate::convert::method_def(c"__reduce__", reduce as *const (), abi::METH_NOARGS, core::ptr::null()),
            crate::convert::method_def(
                c"__replace__",
                replace as *const (),
                abi::METH_FASTCALL | abi::METH_KEYWORDS,
                c"__replace__($self, /, **changes)\n--\n\nReturn a copy of the structure with new values for the specified fields.".as_ptr(),
            ),
            crate::convert::method_end(),
        ])
    });
    table.0.as_ptr()
}

struct Members(&'static [abi::PyMemberDef]);
// SAFETY: never written.
unsafe impl Send for Members {}

/// The member table of a type with these fields: lives as long as the process, made once.
fn members(fields: &[(&str, &str)]) -> *const abi::PyMemberDef {
    static TABLES: Mutex<BTreeMap<Vec<(usize, usize)>, Members>> = Mutex::new(BTreeMap::new());
    let names: Vec<(usize, usize)> = fields
        .iter()
        .map(|(n, d)| {
            (if *n == UNNAMED { 0 } else { c_text(n) as usize }, if d.is_empty() { 0 } else { c_text(d) as usize })
        })
        .collect();
    let mut tables = TABLES.lock().unwrap_or_else(|e| e.into_inner());
    let made = |names: &[(usize, usize)]| {
        let named = names.iter().enumerate().filter(|(_, n)| n.0 != 0);
        let mut table: Vec<abi::PyMemberDef> = named
            .map(|(i, &(name, doc))| abi::PyMemberDef {
                name: name as *mut c_char,
                type_: abi::Py_T_OBJECT_EX,
                offset: (ITEMS + i * 8) as isize,
                flags: abi::Py_READONLY,
                doc: doc as *mut c_char,
            })
            .collect();
        table.push(crate::convert::member_end());
        Members(Box::leak(table.into_boxed_slice()))
    };
    if let Some(table) = tables.get(&names) {
        return table.0.as_ptr();
    }
    let table = made(&names);
    let p = table.0.as_ptr();
    tables.insert(names, table);
    p
}

/// What a struct sequence type's dict tells about its fields.
fn describe(ty: &Type, fields: &[(&str, &str)], n_in_sequence: usize) -> PyResult<()> {
    let d = ty.dict();
    let unnamed = fields.iter().filter(|(n, _)| *n == UNNAMED).count();
    d.set(intern!("n_sequence_fields"), &*Int::from_i64(n_in_sequence as i64)?)?;
    d.set(intern!("n_fields"), &*Int::from_i64(fields.len() as i64)?)?;
    d.set(intern!("n_unnamed_fields"), &*Int::from_i64(unnamed as i64)?)?;
    let match_args = fields[..n_in_sequence.min(fields.len())]
        .iter()
        .filter(|(n, _)| *n != UNNAMED)
        .map(|(n, _)| (**Str::intern(n)).to_ref())
        .collect();
    d.set(intern!("__match_args__"), &*Tuple::from_refs(match_args)?)?;
    ty.modified();
    Ok(())
}

/// Makes a static type of the caller's a struct sequence type (`PyStructSequence_InitType2`).
///
/// # Safety
/// `ty` is a type object that is not in use yet; `name` and `doc` live as long as it.
pub unsafe fn init_static_type(
    ty: *mut abi::PyTypeObject,
    name: *const c_char,
    doc: *const c_char,
    fields: &[(&str, &str)],
    n_in_sequence: usize,
) -> PyResult<()> {
    let (methods, members) = (methods(), members(fields));
    // SAFETY: the caller's promise.
    unsafe {
        let header = core::ptr::read(&raw const (*ty).ob_base);
        core::ptr::write_bytes(ty, 0, 1);
        core::ptr::write(&raw mut (*ty).ob_base, header);
        (*ty).tp_name = name.cast_mut();
        (*ty).tp_basicsize = (ITEMS + fields.len() * 8) as isize;
        (*ty).tp_dealloc = Some(dealloc);
        (*ty).tp_repr = Some(repr);
        (*ty).tp_doc = doc.cast_mut();
        (*ty).tp_base = tuple_type().as_raw();
        (*ty).tp_methods = methods.cast_mut();
        (*ty).tp_members = members.cast_mut();
        (*ty).tp_new = Some(tp_new);
        (*ty).tp_traverse = Some(traverse);
        (*ty).tp_flags = abi::Py_TPFLAGS_DEFAULT | abi::Py_TPFLAGS_HAVE_GC;
        crate::typeobject::ready::ready(ty)?;
        describe(Type::from_ptr(ty), fields, n_in_sequence)
    }
}

/// Python code cannot make further instances of `ty` (`sys.flags`).
pub fn forbid_instances(ty: &Type) -> PyResult<()> {
    // SAFETY: a type that only its maker knows.
    unsafe {
        (*ty.as_raw()).tp_new = None;
        (*ty.as_raw()).tp_flags |= abi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
    }
    ty.dict().del(intern!("__new__"))?;
    ty.modified();
    Ok(())
}

/// Creates a struct sequence type: fields as (name, doc), the first `n_in_sequence` of them in the sequence.
pub fn make_type(name: &str, doc: &str, fields: &[(&str, &str)], n_in_sequence: usize) -> PyResult<Ref<Type>> {
    // Names and tables live as long as the process.
    let (methods, members) = (methods(), members(fields));
    let slot = |slot: c_int, f: *const c_void| abi::PyType_Slot { slot, pfunc: f.cast_mut() };
    let mut slots = [
        slot(abi::Py_tp_dealloc, dealloc as *const c_void),
        slot(abi::Py_tp_repr, repr as *const c_void),
        slot(abi::Py_tp_new, tp_new as *const c_void),
        slot(abi::Py_tp_traverse, traverse as *const c_void),
        slot(abi::Py_tp_doc, c_text(doc).cast()),
        slot(abi::Py_tp_methods, methods.cast()),
        slot(abi::Py_tp_members, members.cast()),
        slot(0, core::ptr::null()),
    ];
    let mut spec = abi::PyType_Spec {
        name: c_text(name).cast_mut(),
        basicsize: (ITEMS + fields.len() * 8) as c_int,
        itemsize: 0,
        flags: (abi::Py_TPFLAGS_DEFAULT | abi::Py_TPFLAGS_HAVE_GC) as _,
        slots: slots.as_mut_ptr(),
    };
    let bases = Tuple::from_slice(&[tuple_type()])?;
    // SAFETY: a valid spec; what it points to lives for ever or is copied.
    let ty = unsafe { crate::typeobject::from_metaclass(None, None, &mut spec, Some(&bases))? };
    describe(&ty, fields, n_in_sequence)?;
    Ok(ty)
}

/// The names of the named fields by index.
fn field_name(ty: &Type, i: usize) -> Option<&str> {
    let mut m = seq_type(ty).slots().tp_members;
    // SAFETY: member tables end with a null name.
    unsafe {
        while !m.is_null() && !(*m).name.is_null() {
            if (*m).offset as usize == ITEMS + i * 8 {
                return CStr::from_ptr((*m).name).to_str().ok();
            }
            m = m.add(1);
        }
    }
    None
}

unsafe extern "C" fn dealloc(o: *mut abi::PyObject) {
    // SAFETY: the last reference is gone.
    unsafe {
        let obj = Object::from_ptr(o);
        let ty = obj.ty().as_raw();
        gc::untrack(obj);
        for i in 0..n_fields(obj.ty()) {
            drop(PyRef::from_ptr_opt(items(o).add(i).replace(core::ptr::null_mut())));
        }
        if let Some(free) = (*ty).tp_free {
            free(o.cast());
        }
        crate::mem::threadcount::decref_type(ty);
    }
}

unsafe extern "C" fn traverse(o: *mut abi::PyObject, visit: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: the collector's contract.
    unsafe {
        let mut v = crate::mem::Visitor::new(visit, arg);
        let ty = Object::from_ptr(o).ty();
        if ty.is_heap_type() {
            let r = v.visit_ptr(ty.as_raw().cast());
            if r != 0 {
                return r;
            }
        }
        for i in 0..n_fields(ty) {
            let r = v.visit_ptr(*items(o).add(i));
            if r != 0 {
                return r;
            }
        }
    }
    0
}

unsafe extern "C" fn repr(o: *mut abi::PyObject) -> *mut abi::PyObject {
    crate::convert::guard_object(|| {
        // SAFETY: the slot's contract.
        let o = unsafe { Object::from_ptr(o) };
        let ty = o.ty();
        let name = ty.tp_name();
        let mut out = format!("{}(", name.strip_prefix("builtins.").unwrap_or(name));
        let n = n_sequence(ty)?;
        for i in 0..n {
            // SAFETY: the field is below the number of fields.
            let v = unsafe { Object::from_ptr_opt(*items(o.as_ptr()).add(i)) }.unwrap_or(none()).to_ref();
            // Unnamed fields are shown under the name of the member in their place
            // SAFETY: the table has its end mark, and more members than the sequence has fields, or the same number.
            let shown = unsafe {
                let m = seq_type(ty).slots().tp_members.add(i);
                if (*m).name.is_null() { None } else { CStr::from_ptr((*m).name).to_str().ok() }
            };
            let Some(name) = shown else {
                return Err(raise!(
                    SystemError,
                    "In structseq_repr(), member {} name is NULL for type {}",
                    i,
                    ty.name_str()
                ));
            };
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(name);
            out.push('=');
            out.push_str(&v.repr()?.to_string_lossy());
        }
        out.push(')');
        Str::new(&out).map(Ref::upcast)
    })
}

unsafe extern "C" fn tp_new(
    ty: *mut abi::PyTypeObject,
    args: *mut abi::PyObject,
    kwargs: *mut abi::PyObject,
) -> *mut abi::PyObject {
    crate::convert::guard_object(|| {
        // SAFETY: the slot's contract.
        let (ty, call) = unsafe { (&*ty.cast::<Type>(), crate::convert::CallArgs::new(args, kwargs)?) };
        let a = call.args();
        let (mut sequence, mut dict) = (a.get(0), a.get(1));
        for (k, v) in a.keywords() {
            match k.downcast::<Str>().map(|k| k.to_string_lossy().to_string()).as_deref() {
                Some("sequence") => sequence = Some(v),
                Some("dict") => dict = Some(v),
                Some(other) => {
                    return Err(raise!(
                        TypeError,
                        "{}() got an unexpected keyword argument '{}'",
                        ty.name_str(),
                        other
                    ));
                }
                None => {}
            }
        }
        let Some(sequence) = sequence else {
            return Err(raise!(TypeError, "structseq() missing required argument 'sequence' (pos 1)"));
        };
        let name = ty.name_str();
        let dict = match dict.map(|d| d.downcast::<Dict>()) {
            Some(None) => return Err(raise!(TypeError, "{}() takes a dict as second arg, if any", name)),
            Some(d) => d,
            None => None,
        };
        let seq = sequence.seq_fast("constructor requires a sequence")?.to_tuple()?;
        let given = seq.as_slice().len();
        let (min, max) = (n_sequence(ty)?, n_fields(ty));
        let unnamed = type_attr(ty, intern!("n_unnamed_fields"))?;
        if min != max {
            if given < min {
                return Err(raise!(
                    TypeError,
                    "{}() takes an at least {}-sequence ({}-sequence given)",
                    name,
                    min,
                    given
                ));
            }
            if given > max {
                return Err(raise!(
                    TypeError,
                    "{}() takes an at most {}-sequence ({}-sequence given)",
                    name,
                    max,
                    given
                ));
            }
        } else if given != min {
            return Err(raise!(TypeError, "{}() takes a {}-sequence ({}-sequence given)", name, min, given));
        }
        let _ = unnamed;
        let mut values: Vec<PyRef> = seq.as_slice().iter().map(|v| v.to_ref()).collect();
        let mut used = 0;
        for i in given..max {
            let v = match (dict, field_name(ty, i)) {
                (Some(d), Some(n)) => d.get_str(Str::intern(n))?,
                _ => None,
            };
            used += v.is_some() as usize;
            values.push(v.unwrap_or_else(none_ref));
        }
        if let Some(d) = dict
            && d.len() > used
        {
            return Err(raise!(TypeError, "{}() got duplicate or unexpected field name(s)", name));
        }
        new(ty, values)
    })
}

unsafe extern "C" fn reduce(o: *mut abi::PyObject, _unused: *mut abi::PyObject) -> *mut abi::PyObject {
    crate::convert::guard_object(|| {
        // SAFETY: the method's contract.
        let o = unsafe { Object::from_ptr(o) };
        let ty = o.ty();
        let n = n_sequence(ty)?;
        // SAFETY: fields are below the number of fields.
        let get = |i: usize| unsafe { Object::from_ptr_opt(*items(o.as_ptr()).add(i)) }.unwrap_or(none()).to_ref();
        let seq = Tuple::from_refs((0..n).map(get).collect())?;
        let d = Dict::new()?;
        for i in n..n_fields(ty) {
            if let Some(name) = field_name(ty, i) {
                d.set(Str::intern(name), &get(i))?;
            }
        }
        let args = Tuple::from_refs(vec![seq.upcast(), d.upcast()])?;
        let t: &Object = ty;
        Tuple::from_refs(vec![t.to_ref(), args.upcast()]).map(Ref::upcast)
    })
}

unsafe extern "C" fn replace(
    o: *mut abi::PyObject,
    args: *const *mut abi::PyObject,
    n: isize,
    kwnames: *mut abi::PyObject,
) -> *mut abi::PyObject {
    crate::convert::guard_object(|| {
        // SAFETY: the method's contract.
        let (o, a) = unsafe { (Object::from_ptr(o), FuncArgs::from_fastcall(args, n, kwnames)) };
        let ty = o.ty();
        if a.len() != 0 {
            return Err(raise!(TypeError, "__replace__() takes no positional arguments ({} given)", a.len()));
        }
        if type_attr(ty, intern!("n_unnamed_fields"))? > 0 {
            return Err(raise!(
                TypeError,
                "__replace__() is not supported for {} because it has unnamed field(s)",
                ty.name_str()
            ));
        }
        // SAFETY: fields are below the number of fields.
        let mut values: Vec<PyRef> = (0..n_fields(ty))
            .map(|i| unsafe { Object::from_ptr_opt(*items(o.as_ptr()).add(i)) }.unwrap_or(none()).to_ref())
            .collect();
        let mut unknown = Vec::new();
        for (k, v) in a.keywords() {
            let key = k.downcast::<Str>().map(|k| k.to_string_lossy().to_string()).unwrap_or_default();
            match (0..values.len()).find(|i| field_name(ty, *i) == Some(&key)) {
                Some(i) => values[i] = v.to_ref(),
                None => unknown.push(format!("'{key}'")),
            }
        }
        if !unknown.is_empty() {
            return Err(raise!(TypeError, "Got unexpected field name(s): [{}]", unknown.join(", ")));
        }
        new(ty, values)
    })
}
