//! `object.h`, `abstract.h`: the generic operations on objects.

use crate::export::{CText, bad_internal_call, fine, text};
use core::ffi::{c_int, c_uint};
use runtime::abi;
use runtime::prelude::*;

/// An attribute's name.
pub fn attr_name(name: &Object) -> PyResult<&Str> {
    name.downcast::<Str>()
        .ok_or_else(|| raise!(TypeError, "attribute name must be string, not '{}'", name.ty().tp_name()))
}

/// An attribute's name given in C: interned, as attribute names are.
pub fn attr_text(name: CText<'_>) -> PyResult<Ref<Str>> {
    Ok(Str::intern_ref(text(name)?))
}

pub fn compare_op(op: c_int) -> PyResult<CompareOp> {
    CompareOp::from_raw(op).ok_or_else(bad_internal_call)
}

/// Stores an optional result through a pointer: 1 found, 0 not found.
///
/// # Safety
/// `result` may be written.
pub unsafe fn store_optional<T>(result: *mut *mut abi::PyObject, found: PyResult<Option<Ref<T>>>) -> PyResult<c_int> {
    // SAFETY: the caller's promise.
    unsafe {
        match found {
            Ok(Some(v)) => {
                *result = v.into_ptr();
                Ok(1)
            }
            Ok(None) => {
                *result = core::ptr::null_mut();
                Ok(0)
            }
            Err(e) => {
                *result = core::ptr::null_mut();
                Err(e)
            }
        }
    }
}

/// For the functions that say "no" where an error hides: it is shown, not raised.
fn ignore_error(found: PyResult<bool>, what: &str) -> PyResult<c_int> {
    match found {
        Ok(b) => Ok(b.into()),
        Err(_) => {
            runtime::objects::exceptions::display::write_unraisable_msg(what, None);
            Ok(0)
        }
    }
}

/// "<NULL>", for what may show a null.
fn null_text() -> PyResult<Ref<Str>> {
    Str::new("<NULL>")
}

capi! {
    fn PyObject_Repr(o: Option<&Object>) -> *mut abi::PyObject {
        o.map_or_else(null_text, Object::repr)
    }
    fn PyObject_Str(o: Option<&Object>) -> *mut abi::PyObject {
        o.map_or_else(null_text, Object::str)
    }
    fn PyObject_ASCII(o: Option<&Object>) -> *mut abi::PyObject {
        o.map_or_else(null_text, Object::ascii)
    }
    fn PyObject_Bytes(o: Option<&Object>) -> *mut abi::PyObject {
        let Some(o) = o else { return Bytes::new(b"<NULL>") };
        if o.lookup_special(intern!("__bytes__"))?.is_some() || o.downcast_exact::<Bytes>().is_some() {
            return o.bytes();
        }
        // Not `bytes(o)`: a number is no size here.
        // SAFETY: a live object.
        match unsafe { PyRef::from_ptr_opt(crate::bytes::PyBytes_FromObject(o.as_ptr())) } {
            Some(b) => b.downcast_into::<Bytes>().map_err(|_| crate::export::bad_internal_call()),
            None => Err(Raised::already_set()),
        }
    }
    fn PyObject_Format(o: &Object, spec: Option<&Object>) -> *mut abi::PyObject {
        let empty = Str::empty();
        let spec = match spec {
            None => empty,
            Some(s) => s.downcast::<Str>().ok_or_else(|| raise!(SystemError, "Format specifier must be a string, not {}", s.ty().tp_name()))?,
        };
        o.format(spec)
    }
    fn PyObject_Hash(o: &Object) -> isize {
        o.hash()
    }
    fn PyObject_IsTrue(o: &Object) -> c_int {
        o.is_true()
    }
    fn PyObject_Not(o: &Object) -> c_int {
        o.is_true().map(|b| !b)
    }
    fn PyObject_Dir(o: Option<&Object>) -> *mut abi::PyObject {
        match o {
            Some(o) => o.dir().map(PyRef::from),
            // The names of the local scope.
            None => {
                let locals = runtime::interp::current_locals()?;
                let names = locals.call_method(intern!("keys"), &[])?.to_list()?;
                names.sort(None, false)?;
                Ok(names.upcast())
            }
        }
    }
    fn PyObject_Type(o: &Object) -> *mut abi::PyObject {
        let t: &Object = o.ty();
        fine(t.to_ref())
    }
    fn PyObject_RichCompare(a: &Object, b: &Object, op: c_int) -> *mut abi::PyObject {
        a.richcompare(b, compare_op(op)?)
    }
    fn PyObject_RichCompareBool(a: &Object, b: &Object, op: c_int) -> c_int {
        a.richcompare_bool(b, compare_op(op)?)
    }

    fn PyObject_GetAttr(o: &Object, name: &Object) -> *mut abi::PyObject {
        o.getattr(attr_name(name)?)
    }
    fn PyObject_GetAttrString(o: &Object, name: CText<'_>) -> *mut abi::PyObject {
        o.getattr(&*attr_text(name)?)
    }
    fn PyObject_GetOptionalAttr(o: &Object, name: &Object, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes a place for the result.
        unsafe { store_optional(result, attr_name(name).and_then(|n| o.getattr_opt(n))) }
    }
    fn PyObject_GetOptionalAttrString(o: &Object, name: CText<'_>, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: C passes a place for the result.
        unsafe { store_optional(result, attr_text(name).and_then(|n| o.getattr_opt(&n))) }
    }
    fn PyObject_SetAttr(o: &Object, name: &Object, value: Option<&Object>) -> c_int {
        let name = attr_name(name)?;
        match value {
            Some(v) => o.setattr(name, v),
            None => o.delattr(name),
        }
    }
    fn PyObject_SetAttrString(o: &Object, name: CText<'_>, value: Option<&Object>) -> c_int {
        let name = attr_text(name)?;
        match value {
            Some(v) => o.setattr(&name, v),
            None => o.delattr(&name),
        }
    }
    fn PyObject_DelAttr(o: &Object, name: &Object) -> c_int {
        o.delattr(attr_name(name)?)
    }
    fn PyObject_DelAttrString(o: &Object, name: CText<'_>) -> c_int {
        o.delattr(&*attr_text(name)?)
    }
    fn PyObject_HasAttrWithError(o: &Object, name: &Object) -> c_int {
        Ok(o.getattr_opt(attr_name(name)?)?.is_some())
    }
    fn PyObject_HasAttrStringWithError(o: &Object, name: CText<'_>) -> c_int {
        Ok(o.getattr_opt(&*attr_text(name)?)?.is_some())
    }
    fn PyObject_HasAttr(o: &Object, name: &Object) -> c_int {
        let found = attr_name(name).and_then(|n| o.getattr_opt(n)).map(|v| v.is_some());
        ignore_error(found, "Exception ignored in PyObject_HasAttr(); consider using PyObject_HasAttrWithError(), PyObject_GetOptionalAttr() or PyObject_GetAttr()")
    }
    fn PyObject_HasAttrString(o: &Object, name: CText<'_>) -> c_int {
        let found = attr_text(name).and_then(|n| o.getattr_opt(&n)).map(|v| v.is_some());
        ignore_error(found, "Exception ignored in PyObject_HasAttrString(); consider using PyObject_HasAttrStringWithError(), PyObject_GetOptionalAttrString() or PyObject_GetAttrString()")
    }
    fn _PyObject_GetAttrId(o: &Object, id: *mut abi::_Py_Identifier) -> *mut abi::PyObject {
        // SAFETY: C passes a live identifier.
        let name = unsafe { core::ffi::CStr::from_ptr((*id).string.cast()) };
        o.getattr(&*attr_text(name)?)
    }

    fn PyObject_GetItem(o: &Object, key: &Object) -> *mut abi::PyObject {
        o.get_item(key)
    }
    fn PyObject_SetItem(o: &Object, key: &Object, value: &Object) -> c_int {
        o.set_item(key, value)
    }
    fn PyObject_DelItem(o: &Object, key: &Object) -> c_int {
        o.del_item(key)
    }
    fn PyObject_DelItemString(o: &Object, key: CText<'_>) -> c_int {
        let key = text(key)?;
        o.del_item(&key)
    }
    fn PyObject_Size(o: &Object) -> isize {
        o.len()
    }
    fn PyObject_Length(o: &Object) -> isize {
        o.len()
    }
    fn PyObject_LengthHint(o: &Object, default: isize) -> isize {
        o.length_hint(default.max(0) as usize)
    }
    fn PyObject_IsInstance(o: &Object, class: &Object) -> c_int {
        o.isinstance(class)
    }
    fn PyObject_IsSubclass(o: &Object, class: &Object) -> c_int {
        o.issubclass(class)
    }
    fn PyCallable_Check(o: Option<&Object>) -> c_int {
        fine(o.is_some_and(Object::is_callable))
    }

    fn PyObject_GetIter(o: &Object) -> *mut abi::PyObject {
        o.iter()
    }
    fn PyIter_Check(o: &Object) -> c_int {
        fine(o.is_iter())
    }
    fn PyIter_Next(o: &Object) -> *mut abi::PyObject {
        o.iter_next()
    }
    fn PyIter_NextItem(o: &Object, item: *mut *mut abi::PyObject) -> c_int {
        if !o.is_iter() {
            // SAFETY: C passes a place for the result.
            unsafe { *item = core::ptr::null_mut() };
            return Err(raise!(TypeError, "expected an iterator, got '{}'", o.ty().tp_name()));
        }
        // SAFETY: C passes a place for the result.
        unsafe { store_optional(item, o.iter_next()) }
    }
    fn PyAIter_Check(o: &Object) -> c_int {
        let procs = o.ty().slots().tp_as_async;
        // SAFETY: a type's slot table lives as long as the type.
        fine(unsafe { procs.as_ref() }.is_some_and(|p| p.am_anext.is_some()))
    }
    fn PyObject_GetAIter(o: &Object) -> *mut abi::PyObject {
        let procs = o.ty().slots().tp_as_async;
        // SAFETY: a type's slot table lives as long as the type.
        let Some(aiter) = unsafe { procs.as_ref() }.and_then(|p| p.am_aiter) else {
            return Err(raise!(TypeError, "'{}' object is not an async iterable", o.ty().tp_name()));
        };
        // SAFETY: the slot of the object's own type.
        let it = unsafe { PyRef::from_c_result(aiter(o.as_ptr())) }?;
        // SAFETY: as above.
        if unsafe { it.ty().slots().tp_as_async.as_ref() }.is_none_or(|p| p.am_anext.is_none()) {
            return Err(raise!(TypeError, "aiter() returned not an async iterator of type '{}'", it.ty().tp_name()));
        }
        Ok(it)
    }
    fn PyIter_Send(iter: &Object, arg: &Object, result: *mut *mut abi::PyObject) -> c_int {
        // SAFETY: a type's slot table lives as long as the type; C passes a place for the result.
        unsafe {
            if let Some(send) = iter.ty().slots().tp_as_async.as_ref().and_then(|p| p.am_send) {
                return Ok(send(iter.as_ptr(), arg.as_ptr(), result) as c_int);
            }
            let sent = match iter.ty().slots().tp_iternext {
                Some(_) if arg.is_none() => match iter.iter_next() {
                    Ok(Some(v)) => Ok(v),
                    Ok(None) => {
                        *result = none_ref().into_ptr();
                        return Ok(abi::PYGEN_RETURN as c_int);
                    }
                    Err(e) => Err(e),
                },
                _ => iter.call_method(intern!("send"), &[arg]),
            };
            match sent {
                Ok(v) => {
                    *result = v.into_ptr();
                    Ok(abi::PYGEN_NEXT as c_int)
                }
                Err(e) => {
                    *result = core::ptr::null_mut();
                    if e.matches(exc::StopIteration()) {
                        let stop = e.take();
                        *result = stop.getattr(intern!("value"))?.into_ptr();
                        return Ok(abi::PYGEN_RETURN as c_int);
                    }
                    Err(e)
                }
            }
        }
    }

    fn Py_Is(a: *mut abi::PyObject, b: *mut abi::PyObject) -> c_int {
        fine(a == b)
    }
    fn Py_IsNone(a: *mut abi::PyObject) -> c_int {
        fine(a == none().as_ptr())
    }
    fn Py_IsTrue(a: *mut abi::PyObject) -> c_int {
        fine(a == true_().as_ptr())
    }
    fn Py_IsFalse(a: *mut abi::PyObject) -> c_int {
        fine(a == false_().as_ptr())
    }
    fn Py_TYPE(o: &Object) -> *mut abi::PyTypeObject {
        fine(o.ty().as_raw())
    }
    fn Py_GetConstant(id: c_uint) -> *mut abi::PyObject {
        constant(id)
    }
    fn Py_GetConstantBorrowed(id: c_uint) -> *mut abi::PyObject {
        // The constants are immortal.
        constant(id).map(crate::export::borrowed)
    }
    fn Py_ReprEnter(o: &Object) -> c_int {
        runtime::objects::reprguard::repr_enter(o)
    }
    fn Py_ReprLeave(o: &Object) {
        runtime::objects::reprguard::repr_leave(o);
        Ok(())
    }
    fn PyObject_AsFileDescriptor(o: &Object) -> c_int {
        let fd = match o.downcast::<Int>() {
            Some(i) => {
                if o.downcast::<Bool>().is_some() {
                    runtime::error::warn(exc::RuntimeWarning(), "bool is used as a file descriptor", 1)?;
                }
                i.as_i64()?
            }
            None => {
                let Some(method) = o.getattr_opt(intern!("fileno"))? else {
                    return Err(raise!(TypeError, "argument must be an int, or have a fileno() method."));
                };
                let result = method.call0()?;
                match result.downcast::<Int>() {
                    Some(i) => i.as_i64()?,
                    None => return Err(raise!(TypeError, "fileno() returned a non-integer")),
                }
            }
        };
        if fd < 0 {
            return Err(raise!(ValueError, "file descriptor cannot be a negative integer ({})", fd));
        }
        c_int::try_from(fd).map_err(|_| raise!(OverflowError, "Python int too large to convert to C int"))
    }
    fn PyOS_FSPath(path: &Object) -> *mut abi::PyObject {
        if path.downcast::<Str>().is_some() || path.downcast::<Bytes>().is_some() {
            return Ok(path.to_ref());
        }
        let Some(method) = path.lookup_special(intern!("__fspath__"))? else {
            return Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", path.ty().name_str()));
        };
        let result = method.call0()?;
        if result.downcast::<Str>().is_none() && result.downcast::<Bytes>().is_none() {
            return Err(raise!(
                TypeError,
                "expected {}.__fspath__() to return str or bytes, not {}",
                path.ty().name_str(),
                result.ty().name_str()
            ));
        }
        Ok(result)
    }
    fn PyObject_Print(o: Option<&Object>, file: *mut libc::FILE, flags: c_int) -> c_int {
        let shown = match o {
            None => Str::new("<nil>")?,
            // A dead object: its type must not be asked.
            Some(o) if !o.is_immortal() && runtime::mem::refcount::refcnt(o) <= 0 => {
                Str::format(format_args!("<refcnt {} at {:p}>", runtime::mem::refcount::refcnt(o), o.as_ptr()))?
            }
            Some(o) if flags & 1 != 0 => o.str()?,
            Some(o) => o.repr()?,
        };
        let bytes = shown.to_wtf8();
        // SAFETY: C passes an open stream.
        unsafe {
            if libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), file) < bytes.len() {
                return Err(runtime::error::raise_from_errno(None));
            }
        }
        Ok(())
    }
    raw fn _Py_BreakPoint() {
        Ok(())
    }
    fn _PyObject_FunctionStr(o: &Object) -> *mut abi::PyObject {
        // "module.qualname()" for what has one, str(o) else.
        let Some(qualname) = o.getattr_opt(intern!("__qualname__"))? else { return o.str() };
        let Some(qualname) = qualname.downcast::<Str>() else { return o.str() };
        if let Some(module) = o.getattr_opt(intern!("__module__"))? {
            if let Some(m) = module.downcast::<Str>().filter(|m| !m.eq_str("builtins")) {
                return Str::format(format_args!("{}.{}()", m.to_string_lossy(), qualname.to_string_lossy()));
            }
        }
        Str::format(format_args!("{}()", qualname.to_string_lossy()))
    }
    fn _PyObject_Dump(o: Option<&Object>) {
        match o {
            None => eprintln!("object is NULL"),
            Some(o) => eprintln!(
                "object address  : {:p}\nobject refcount : {}\nobject type     : {:p}\nobject type name: {}",
                o,
                runtime::mem::refcount::refcnt(o),
                o.ty(),
                o.ty().tp_name()
            ),
        }
        Ok(())
    }
    raw fn _PyObject_AssertFailed(o: *mut abi::PyObject, expr: Option<CText<'_>>, msg: Option<CText<'_>>, file: CText<'_>, line: c_int, function: Option<CText<'_>>) {
        let shown = |t: Option<CText<'_>>| t.map_or_else(String::new, |t| t.to_string_lossy().into_owned());
        eprintln!(
            "{}:{}: {}: Assertion \"{}\" failed: {} (object at {:p})",
            file.to_string_lossy(), line, shown(function), shown(expr), shown(msg), o
        );
        abort()
    }
}

fn constant(id: c_uint) -> PyResult<PyRef> {
    Ok(match id as i32 {
        abi::Py_CONSTANT_NONE => none_ref(),
        abi::Py_CONSTANT_FALSE => false_().to_ref(),
        abi::Py_CONSTANT_TRUE => true_().to_ref(),
        abi::Py_CONSTANT_ELLIPSIS => ellipsis().to_ref(),
        abi::Py_CONSTANT_NOT_IMPLEMENTED => not_implemented().to_ref(),
        abi::Py_CONSTANT_ZERO => Int::from_i64(0)?.upcast(),
        abi::Py_CONSTANT_ONE => Int::from_i64(1)?.upcast(),
        abi::Py_CONSTANT_EMPTY_STR => Str::empty_ref().upcast(),
        abi::Py_CONSTANT_EMPTY_BYTES => Bytes::empty().upcast(),
        abi::Py_CONSTANT_EMPTY_TUPLE => Tuple::empty().upcast(),
        _ => return Err(bad_internal_call()),
    })
}

/// Ends the process, as a body that "succeeds".
fn abort() -> PyResult<()> {
    std::process::abort()
}
