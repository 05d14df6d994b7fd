//! `BaseException` and what every exception type shares: construction, text, attributes, memory management by layout.

use super::types::{self, Layout};
use super::{BaseException, Slot, slot};
use crate::convert::HasSpec;
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Dict, Int, List, Str, Traceback, Tuple, none};
use crate::prelude::FuncArgs;
use crate::typeobject::{SlotDef, TypeSpec};
use crate::{intern, raise};
use core::ffi::{c_int, c_void};
use core::mem::offset_of;
use macros::pyclass;

/// Layout numbers, for the generic functions below.
pub const BASE: usize = Layout::BaseException as usize;
pub const STOP_ITERATION: usize = Layout::StopIteration as usize;
pub const SYSTEM_EXIT: usize = Layout::SystemExit as usize;
pub const GROUP: usize = Layout::BaseExceptionGroup as usize;
pub const IMPORT_ERROR: usize = Layout::ImportError as usize;
pub const OS_ERROR: usize = Layout::OSError as usize;
pub const NAME_ERROR: usize = Layout::NameError as usize;
pub const ATTRIBUTE_ERROR: usize = Layout::AttributeError as usize;
pub const SYNTAX_ERROR: usize = Layout::SyntaxError as usize;
pub const UNICODE_ERROR: usize = Layout::UnicodeError as usize;

/// Offsets of the object fields that every exception has.
static BASE_FIELDS: &[usize] = &[
    offset_of!(abi::PyBaseExceptionObject, dict),
    offset_of!(abi::PyBaseExceptionObject, args),
    offset_of!(abi::PyBaseExceptionObject, notes),
    offset_of!(abi::PyBaseExceptionObject, traceback),
    offset_of!(abi::PyBaseExceptionObject, context),
    offset_of!(abi::PyBaseExceptionObject, cause),
];

macro_rules! offsets {
    ($t:ident: $($f:ident)*) => { &[$(offset_of!(abi::$t, $f)),*] };
}

/// Offsets of the object fields that a layout adds.
static EXTRA_FIELDS: [&[usize]; 10] = [
    &[],
    offsets!(PyStopIterationObject: value),
    offsets!(PySystemExitObject: code),
    offsets!(PyBaseExceptionGroupObject: msg excs excs_str),
    offsets!(PyImportErrorObject: msg name path name_from),
    offsets!(PyOSErrorObject: myerrno strerror filename filename2),
    offsets!(PyNameErrorObject: name),
    offsets!(PyAttributeErrorObject: obj name),
    offsets!(PySyntaxErrorObject: msg filename lineno offset end_lineno end_offset text print_file_and_line metadata),
    offsets!(PyUnicodeErrorObject: encoding object reason),
];

fn size_of_layout(layout: Layout) -> usize {
    match layout {
        Layout::BaseException => size_of::<abi::PyBaseExceptionObject>(),
        Layout::StopIteration => size_of::<abi::PyStopIterationObject>(),
        Layout::SystemExit => size_of::<abi::PySystemExitObject>(),
        Layout::BaseExceptionGroup => size_of::<abi::PyBaseExceptionGroupObject>(),
        Layout::ImportError => size_of::<abi::PyImportErrorObject>(),
        Layout::OSError => size_of::<abi::PyOSErrorObject>(),
        Layout::NameError => size_of::<abi::PyNameErrorObject>(),
        Layout::AttributeError => size_of::<abi::PyAttributeErrorObject>(),
        Layout::SyntaxError => size_of::<abi::PySyntaxErrorObject>(),
        Layout::UnicodeError => size_of::<abi::PyUnicodeErrorObject>(),
    }
}

fn fields(layout: usize) -> impl Iterator<Item = usize> {
    BASE_FIELDS.iter().chain(EXTRA_FIELDS[layout]).copied()
}

/// `tp_traverse` of a layout.
///
/// # Safety
/// The slot's contract.
pub unsafe extern "C" fn traverse<const L: usize>(
    p: *mut abi::PyObject,
    visit: abi::visitproc,
    arg: *mut c_void,
) -> c_int {
    let Some(visit) = visit else { return 0 };
    for offset in fields(L) {
        // SAFETY: the layout's object fields.
        unsafe {
            let o = p.byte_add(offset).cast::<*mut abi::PyObject>().read();
            if !o.is_null() {
                let r = visit(o, arg);
                if r != 0 {
                    return r;
                }
            }
        }
    }
    0
}

/// `tp_clear` of a layout.
///
/// # Safety
/// The slot's contract.
pub unsafe extern "C" fn clear<const L: usize>(p: *mut abi::PyObject) -> c_int {
    for offset in fields(L) {
        // SAFETY: the layout's object fields.
        unsafe { Slot::new(p.byte_add(offset).cast()) }.set(None);
    }
    0
}

/// `tp_dealloc` of a layout.
///
/// # Safety
/// The slot's contract.
pub unsafe extern "C" fn dealloc<const L: usize>(p: *mut abi::PyObject) {
    // SAFETY: the object is dead; its memory goes back through its type's `tp_free`.
    unsafe {
        crate::mem::gc::untrack(Object::from_ptr(p));
        clear::<L>(p);
        if let Some(free) = Object::from_ptr(p).ty().slots().tp_free {
            free(p.cast());
        }
    }
}

fn memory_slots(layout: Layout) -> [SlotDef; 3] {
    macro_rules! of {
        ($l:expr) => {
            [
                SlotDef(abi::Py_tp_traverse, traverse::<{ $l }> as *const ()),
                SlotDef(abi::Py_tp_clear, clear::<{ $l }> as *const ()),
                SlotDef(abi::Py_tp_dealloc, dealloc::<{ $l }> as *const ()),
            ]
        };
    }
    match layout {
        Layout::BaseException => of!(BASE),
        Layout::StopIteration => of!(STOP_ITERATION),
        Layout::SystemExit => of!(SYSTEM_EXIT),
        Layout::BaseExceptionGroup => of!(GROUP),
        Layout::ImportError => of!(IMPORT_ERROR),
        Layout::OSError => of!(OS_ERROR),
        Layout::NameError => of!(NAME_ERROR),
        Layout::AttributeError => of!(ATTRIBUTE_ERROR),
        Layout::SyntaxError => of!(SYNTAX_ERROR),
        Layout::UnicodeError => of!(UNICODE_ERROR),
    }
}

/// The description written with `#[pyclass]` for a type that has methods of its own.
fn own_spec(ty: &Type) -> Option<&'static TypeSpec> {
    use super::simple::KeyError;
    use super::unicode_error::{Decode, Encode, Translate};
    let table: [(fn() -> &'static Type, fn() -> &'static TypeSpec); 13] = [
        (types::BaseException, BaseException::spec),
        (types::StopIteration, super::StopIteration::spec),
        (types::SystemExit, super::SystemExit::spec),
        (types::BaseExceptionGroup, super::BaseExceptionGroup::spec),
        (types::ImportError, super::ImportError::spec),
        (types::OSError, super::OSError::spec),
        (types::NameError, super::NameError::spec),
        (types::AttributeError, super::AttributeError::spec),
        (types::SyntaxError, super::SyntaxError::spec),
        (types::UnicodeEncodeError, Encode::spec),
        (types::UnicodeDecodeError, Decode::spec),
        (types::UnicodeTranslateError, Translate::spec),
        (types::KeyError, KeyError::spec),
    ];
    table.iter().find(|(t, _)| core::ptr::eq(t(), ty)).map(|(_, s)| s())
}

/// Descriptions of the types of the table, bases first.
pub(super) fn specs() -> &'static [TypeSpec] {
    const FLAGS: u64 = abi::Py_TPFLAGS_BASETYPE | abi::Py_TPFLAGS_HAVE_GC | abi::Py_TPFLAGS_BASE_EXC_SUBCLASS;
    static SPECS: std::sync::OnceLock<Vec<TypeSpec>> = std::sync::OnceLock::new();
    SPECS.get_or_init(|| {
        let spec = |row: &types::Row| {
            let ty = (row.ty)();
            let own = own_spec(ty);
            let mut slots: Vec<SlotDef> = own.map_or(Vec::new(), |s| s.slots.to_vec());
            slots.extend(memory_slots(row.layout));
            TypeSpec {
                name: row.name,
                type_object: (ty as *const Type).cast_mut(),
                basicsize: size_of_layout(row.layout),
                itemsize: 0,
                flags: FLAGS,
                base: row.base,
                doc: Some(row.doc),
                slots: Vec::leak(slots),
                methods: own.map_or(&[], |s| s.methods),
                getset: own.map_or(&[], |s| s.getset),
                members: own.map_or(&[], |s| s.members),
                dictoffset: offset_of!(abi::PyBaseExceptionObject, dict) as isize,
                weaklistoffset: 0,
                vectorcalloffset: 0,
            }
        };
        types::TABLE.iter().map(spec).collect()
    })
}

/// A new instance of `cls` with its `args`; the fields of longer layouts stay empty.
pub(crate) fn new_instance(cls: &Type, args: Ref<Tuple>) -> PyResult<Ref<BaseException>> {
    let e: Ref<BaseException> = crate::typeobject::alloc_object(cls)?;
    slot!(e, args).set(Some(args.upcast()));
    crate::mem::gc::track(&e);
    Ok(e)
}

/// Rejects keyword arguments as `BaseException.__init__` does.
pub(crate) fn no_keywords(this: &Object, args: &FuncArgs<'_>) -> PyResult<()> {
    args.no_keywords(this.ty().name_str())
}

#[pyclass(name = "BaseException", type_object = types::TYPE_BaseException, flags = "BASETYPE|HAVE_GC", members = "__suppress_context__: bool@0.suppress_context")]
impl BaseException {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(new_instance(cls, args.to_tuple()?)?.upcast())
    }

    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        no_keywords(self, &args)?;
        self.set_args(args.to_tuple()?);
        Ok(())
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        self.str_of_args()
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let args = self.args()?;
        let name = self.ty().name_str();
        let mut b = crate::objects::StrBuilder::new();
        b.push_str(name);
        match args.as_slice() {
            [one] => {
                b.push_str("(");
                b.push_repr_of(one)?;
                b.push_str(")");
            }
            _ => b.push_repr_of(&args)?,
        }
        b.finish()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let args = self.args()?;
        let ty: &Object = self.ty();
        match slot!(self, dict).get() {
            Some(d) => Ok(Tuple::from_slice(&[ty, &args, &d])?.upcast()),
            None => Ok(Tuple::from_slice(&[ty, &args])?.upcast()),
        }
    }

    #[pymethod(name = "__setstate__")]
    fn setstate(&self, state: &Object) -> PyResult<()> {
        if state.is_none() {
            return Ok(());
        }
        let Some(d) = state.downcast::<Dict>() else {
            return Err(raise!(TypeError, "state is not a dictionary"));
        };
        for (k, v) in d.items_snapshot() {
            let Some(name) = k.downcast::<Str>() else {
                return Err(raise!(TypeError, "attribute name must be string, not '{}'", k.ty().name_str()));
            };
            self.setattr(name, &v)?;
        }
        Ok(())
    }

    /// Set self.__traceback__ to tb and return self.
    #[pymethod(name = "with_traceback")]
    fn with_traceback(&self, tb: &Object) -> PyResult<PyRef> {
        self.set_tb(Some(tb))?;
        Ok(self.to_ref())
    }

    /// Add a note to the exception
    #[pymethod(name = "add_note")]
    fn add_note(&self, note: &Object) -> PyResult<()> {
        if note.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "add_note() argument must be str, not {}", note.ty().name_str()));
        }
        let notes = match self.getattr_opt(intern!("__notes__"))? {
            Some(n) => n,
            None => {
                let n: PyRef = List::from_vec(Vec::new())?.upcast();
                self.setattr(intern!("__notes__"), &n)?;
                n
            }
        };
        let Some(list) = notes.downcast::<List>() else {
            return Err(raise!(TypeError, "Cannot add note: __notes__ is not a list"));
        };
        list.append(note)
    }

    #[pygetset(name = "__dict__")]
    fn dict(&self) -> PyResult<PyRef> {
        if let Some(d) = slot!(self, dict).get() {
            return Ok(d);
        }
        let d: PyRef = Dict::new()?.upcast();
        slot!(self, dict).set(Some(d.clone()));
        Ok(d)
    }

    #[pysetter(name = "__dict__")]
    fn set_dict(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "cannot delete __dict__")) };
        if v.downcast::<Dict>().is_none() {
            return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", v.ty().name_str()));
        }
        slot!(self, dict).set(Some(v.to_ref()));
        Ok(())
    }

    #[pygetset(name = "args")]
    fn get_args(&self) -> PyResult<PyRef> {
        Ok(slot!(self, args).get_or_none())
    }

    #[pysetter(name = "args")]
    fn set_args_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "args may not be deleted")) };
        self.set_args(v.to_tuple()?);
        Ok(())
    }

    #[pygetset(name = "__traceback__")]
    fn tb(&self) -> PyResult<PyRef> {
        Ok(slot!(self, traceback).get_or_none())
    }

    #[pysetter(name = "__traceback__")]
    fn set_tb(&self, v: Option<&Object>) -> PyResult<()> {
        match v {
            None => Err(raise!(TypeError, "__traceback__ may not be deleted")),
            Some(v) if v.is_none() => {
                self.set_traceback(None);
                Ok(())
            }
            Some(v) if v.downcast::<Traceback>().is_some() => {
                self.set_traceback(Some(v.to_ref()));
                Ok(())
            }
            Some(_) => Err(raise!(TypeError, "__traceback__ must be a traceback or None")),
        }
    }

    #[pygetset(name = "__context__")]
    fn context_attr(&self) -> PyResult<PyRef> {
        Ok(slot!(self, context).get_or_none())
    }

    #[pysetter(name = "__context__")]
    fn set_context_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "__context__ may not be deleted")) };
        if !v.is_none() && v.downcast::<BaseException>().is_none() {
            return Err(raise!(TypeError, "exception context must be None or derive from BaseException"));
        }
        self.set_context(v.downcast().map(Ref::new_ref));
        Ok(())
    }

    #[pygetset(name = "__cause__")]
    fn cause_attr(&self) -> PyResult<PyRef> {
        Ok(slot!(self, cause).get_or_none())
    }

    #[pysetter(name = "__cause__")]
    fn set_cause_attr(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "__cause__ may not be deleted")) };
        if !v.is_none() && v.downcast::<BaseException>().is_none() {
            return Err(raise!(TypeError, "exception cause must be None or derive from BaseException"));
        }
        self.set_cause(v.downcast().map(Ref::new_ref));
        Ok(())
    }
}

/// Replaces the `None` that a field stands for with an empty field.
pub(crate) fn not_none(v: &Object) -> Option<PyRef> {
    if v.is_none() { None } else { Some(v.to_ref()) }
}

/// The number of an errno-like object, if it is an int.
pub(crate) fn small_int_of(v: &Object) -> Option<i64> {
    v.downcast::<Int>().and_then(Int::try_i64)
}

/// `None`, as a new reference.
pub(crate) fn none_obj() -> PyRef {
    none().to_ref()
}

/// Whether `ty` is made and initialised by the functions of `BaseException` itself.
pub(crate) fn is_plain(ty: &Type) -> bool {
    let (a, b) = (ty.slots(), BaseException::type_object().slots());
    a.tp_new.map(|f| f as usize) == b.tp_new.map(|f| f as usize)
        && a.tp_init.map(|f| f as usize) == b.tp_init.map(|f| f as usize)
}
