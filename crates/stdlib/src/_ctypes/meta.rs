//! The metatypes: they turn class attributes (`_type_`, `_fields_`, `_length_` …) into descriptions, and give C types their class methods.

use super::array::Array;
use super::cdata::{self, CData};
use super::func::FuncPtr;
use super::info::{
    CODES, FUNC_CDECL, HASPOINTER, ISPOINTER, Kind, StgInfo, for_each_ref, free_chain, has_swapped, info_of,
    info_of_type_object, pointer_ffi, publish, scalar, scalar_format,
};
use super::param::{CArg, Native};
use super::pointer::Pointer;
use super::{aggregate, array, func, param, simple};
use core::ffi::{c_int, c_void};
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::Acquire;
use macros::pyclass;
use runtime::objects::support::Slot;
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::py_layout;
use std::ffi::CString;

/// A type object with the description of its C type.
#[repr(C)]
pub struct CTypeType {
    head: abi::PyHeapTypeObject,
    pub info: AtomicPtr<StgInfo>,
    pub pointer_type: Slot,
}

macro_rules! metatypes {
    ($($name:ident $static:ident)*) => { $(
        pub static mut $static: Type = runtime::objects::singletons::unready_type();
        py_layout!($name, $static);
    )* };
}
#[repr(C)]
pub struct SimpleMeta(CTypeType);
#[repr(C)]
pub struct StructMeta(CTypeType);
#[repr(C)]
pub struct UnionMeta(CTypeType);
#[repr(C)]
pub struct PointerMeta(CTypeType);
#[repr(C)]
pub struct ArrayMeta(CTypeType);
#[repr(C)]
pub struct FuncMeta(CTypeType);
metatypes! { CTypeType CTYPE_TYPE SimpleMeta SIMPLE_META StructMeta STRUCT_META UnionMeta UNION_META PointerMeta POINTER_META ArrayMeta ARRAY_META FuncMeta FUNC_META }

/// `type.__init__` of the base metatype, once for each type.
fn type_init(cls: &Type, args: FuncArgs<'_>) -> PyResult<()> {
    if !cls.is_heap_type() {
        return Err(raise!(TypeError, "cannot initialise the immutable type '{}' again", cls.name_str()));
    }
    if info_of(cls).is_some() {
        return Err(raise!(SystemError, "StgInfo of '{}' is already initialized.", cls.name_str()));
    }
    let t = args.to_tuple()?;
    let kw = args.kwargs_dict()?;
    let type_type = runtime::typeobject::type_type();
    let Some(f) = type_type.slots().tp_init else { return Ok(()) };
    let kw = kw.as_ref().map_or(core::ptr::null_mut(), |d| d.as_ptr());
    // SAFETY: a slot of `type`, called on a type.
    if unsafe { f(cls.as_ptr(), t.as_ptr(), kw) } < 0 { Err(Raised::already_set()) } else { Ok(()) }
}

/// A class attribute through the class's own lookup.
fn class_attr(cls: &Type, name: &'static Str) -> PyResult<Option<PyRef>> {
    cls.getattr_opt(name)
}

/// An attribute of the class body itself.
pub fn own_attr(cls: &Type, name: &'static Str) -> PyResult<Option<PyRef>> {
    let d = cls.getattr(intern!("__dict__"))?;
    match d.get_item(name) {
        Ok(v) => Ok(Some(v)),
        Err(e) if e.matches(exc::KeyError()) => {
            e.clear();
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

unsafe extern "C" fn traverse(op: *mut abi::PyObject, visit: abi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: the slot's contract.
    unsafe {
        if !Object::from_ptr(op).cast::<Type>().is_heap_type() {
            return 0;
        }
        let t: &CTypeType = Object::from_ptr(op).cast();
        let mut v = runtime::mem::Visitor::from_c(visit, arg);
        let mut r = 0;
        let mut f = |s: &Slot| {
            if r == 0 {
                r = v.visit_ptr(s.ptr());
            }
        };
        f(&t.pointer_type);
        for_each_ref(t.info.load(Acquire), &mut f);
        if r != 0 {
            return r;
        }
        match runtime::typeobject::type_type().slots().tp_traverse {
            Some(f) => f(op, visit, arg),
            None => 0,
        }
    }
}

unsafe extern "C" fn clear(op: *mut abi::PyObject) -> c_int {
    // SAFETY: the slot's contract.
    unsafe {
        if !Object::from_ptr(op).cast::<Type>().is_heap_type() {
            return 0;
        }
        let t: &CTypeType = Object::from_ptr(op).cast();
        let mut out = Vec::new();
        out.extend(t.pointer_type.swap(None));
        for_each_ref(t.info.load(Acquire), &mut |s| out.extend(s.swap(None)));
        drop(out);
        match runtime::typeobject::type_type().slots().tp_clear {
            Some(f) => f(op),
            None => 0,
        }
    }
}

unsafe extern "C" fn dealloc(op: *mut abi::PyObject) {
    // SAFETY: the slot's contract.
    unsafe {
        let t: &CTypeType = Object::from_ptr(op).cast();
        drop(t.pointer_type.swap(None));
        free_chain(t.info.swap(core::ptr::null_mut(), Acquire));
        if let Some(f) = runtime::typeobject::type_type().slots().tp_dealloc {
            f(op)
        }
    }
}

#[pyclass(
    name = "CType_Type",
    module = "_ctypes",
    type_object = CTYPE_TYPE,
    base = Type,
    flags = "DEFAULT|BASETYPE|HAVE_GC|TYPE_SUBCLASS",
    doc = "metatype for C Data Objects",
    slots(tp_traverse = traverse, tp_clear = clear, tp_dealloc = dealloc)
)]
impl CTypeType {
    #[slot]
    fn sq_repeat(slf: &Object, n: isize) -> PyResult<PyRef> {
        if n < 0 {
            return Err(raise!(ValueError, "Array length must be >= 0, not {}", n));
        }
        array::type_of(slf, n as usize)
    }
    #[pymethod]
    fn __sizeof__(&self) -> PyResult<PyRef> {
        let base = runtime::typeobject::type_type().getattr(intern!("__sizeof__"))?.call1(self)?;
        base.add(&*Int::from_usize(size_of::<StgInfo>())?)
    }
    /// pointer type
    #[pygetset]
    fn __pointer_type__(&self) -> PyResult<PyRef> {
        // A static base type ends before that field.
        let held = if as_type(self).is_heap_type() { self.pointer_type.get(self) } else { None };
        match held {
            Some(p) => Ok(p),
            None => Err(raise!(
                AttributeError,
                "type {} has no attribute '__pointer_type__'",
                self.repr()?.to_string_lossy()
            )),
        }
    }
    #[pysetter]
    fn set___pointer_type__(&self, v: Option<&Object>) -> PyResult<()> {
        // SAFETY: the metatype's instances are types.
        if info_of(unsafe { self.cast::<Type>() }).is_none() {
            return Err(raise!(TypeError, "{} must have storage info", self.repr()?.to_string_lossy()));
        }
        drop(self.pointer_type.replace(self, v.map(Object::to_ref)));
        Ok(())
    }
}

fn as_type(o: &Object) -> &Type {
    // SAFETY: instances of a metatype are types.
    unsafe { o.cast::<Type>() }
}

// ------------------------------------------------------------------------------------------------ class methods

/// `T.from_address(n)`.
fn from_address(cls: &Object, value: &Object) -> PyResult<PyRef> {
    runtime::lifecycle::audit::audit("ctypes.cdata", &[value]).ok();
    let Some(i) = value.downcast::<Int>() else { return Err(raise!(TypeError, "integer expected")) };
    Ok(cdata::at_address(as_type(cls), i.as_u64_mask() as usize as *mut u8)?.upcast())
}

/// `T.from_buffer(object, offset=0)`.
fn from_buffer(cls: &Object, args: FuncArgs<'_>) -> PyResult<PyRef> {
    args.no_keywords("from_buffer")?;
    args.check_positional("from_buffer", 1, 2)?;
    let (source, offset) = (args.args[0], offset_of(args)?);
    let t = as_type(cls);
    let info = cdata::concrete(t)?;
    let view = runtime::objects::memory::MemoryView::from_object(source)?;
    let v = view.view();
    if v.readonly != 0 {
        return Err(raise!(TypeError, "underlying buffer is not writable"));
    }
    if !runtime::protocol::buffer::is_contiguous(v, b'C') {
        return Err(raise!(TypeError, "underlying buffer is not C contiguous"));
    }
    let p = check_room(v.len, offset, info.size, v.buf.cast())?;
    let r = cdata::at_address(t, p)?;
    cdata::keep_ref(&r, u32::MAX as usize, view.upcast())?;
    Ok(r.upcast())
}

fn offset_of(args: FuncArgs<'_>) -> PyResult<isize> {
    let n = match args.get(1) {
        Some(o) => o.as_isize()?,
        None => 0,
    };
    if n < 0 {
        return Err(raise!(ValueError, "offset cannot be negative"));
    }
    Ok(n)
}

fn check_room(len: isize, offset: isize, size: usize, p: *mut u8) -> PyResult<*mut u8> {
    if (size as isize) > len - offset {
        return Err(raise!(
            ValueError,
            "Buffer size too small ({} instead of at least {} bytes)",
            len,
            size as isize + offset
        ));
    }
    Ok(p.wrapping_offset(offset))
}

/// `T.from_buffer_copy(object, offset=0)`.
fn from_buffer_copy(cls: &Object, args: FuncArgs<'_>) -> PyResult<PyRef> {
    args.no_keywords("from_buffer_copy")?;
    args.check_positional("from_buffer_copy", 1, 2)?;
    let buffer = Buffer::get(args.args[0], abi::PyBUF_SIMPLE)?;
    let offset = offset_of(args)?;
    let t = as_type(cls);
    let info = cdata::concrete(t)?;
    let p = check_room(buffer.len() as isize, offset, info.size, buffer.as_mut_ptr())?;
    Ok(cdata::copy_of(t, p)?.upcast())
}

/// `T.in_dll(library, name)`.
fn in_dll(cls: &Object, args: FuncArgs<'_>) -> PyResult<PyRef> {
    args.check_positional("in_dll", 2, 2)?;
    let (dll, name) = (args.args[0], args.args[1]);
    let Some(name) = name.downcast::<Str>() else {
        return Err(raise!(TypeError, "in_dll() argument 2 must be str, not {}", name.ty().name_str()));
    };
    let handle = cdata::handle_of(dll)?;
    match cdata::find_symbol(handle, name.to_str()?, "symbol") {
        Ok(p) => Ok(cdata::at_address(as_type(cls), p)?.upcast()),
        Err(m) => Err(raise!(ValueError, "{}", m)),
    }
}

/// What an object offers as its C form.
pub fn as_parameter(value: &Object) -> PyResult<Option<PyRef>> {
    value.getattr_opt(intern!("_as_parameter_"))
}

/// `from_param` of structs, unions, arrays and functions.
pub fn generic_from_param(cls: &Object, value: &Object) -> PyResult<PyRef> {
    let t = as_type(cls);
    if value.isinstance(cls)? {
        return Ok(value.to_ref());
    }
    if let Some(a) = value.downcast::<CArg>() {
        if let Some(o) = a.object.get(a) {
            // What `byref` points to must be what the type points to.
            if let Some(proto) = info_of(t).and_then(|i| i.proto.get(cls)).filter(|p| p.downcast::<Type>().is_some())
                && o.isinstance(&proto)?
            {
                return Ok(value.to_ref());
            }
            return Err(raise!(
                TypeError,
                "expected {} instance instead of pointer to {}",
                t.name_str(),
                o.ty().name_str()
            ));
        }
        return Err(raise!(TypeError, "expected {} instance instead of pointer to NULL", t.name_str()));
    }
    if let Some(p) = as_parameter(value)? {
        return super::param::recursive(" while processing _as_parameter_", || {
            cls.call_method(intern!("from_param"), &[&p])
        });
    }
    Err(raise!(TypeError, "expected {} instance instead of {}", t.name_str(), value.ty().name_str()))
}

/// `from_param` of scalars.
fn simple_from_param(cls: &Object, value: &Object) -> PyResult<PyRef> {
    let t = as_type(cls);
    let Some(code) = info_of(t).and_then(StgInfo::code) else { return Err(raise!(TypeError, "abstract class")) };
    match code {
        b'z' | b'Z' => return string_from_param(cls, code, value),
        b'P' => return void_from_param(cls, value),
        _ => {}
    }
    if value.isinstance(cls)? {
        return Ok(value.to_ref());
    }
    let e = match param::scalar_arg(code, value) {
        Ok(a) => return Ok(a.upcast()),
        Err(e) => e.take(),
    };
    match as_parameter(value)? {
        Some(p) => super::param::recursive(" while processing _as_parameter_", || simple_from_param(cls, &p)),
        None => Err(runtime::error::restore(e)),
    }
}

/// `from_param` of `c_char_p` and `c_wchar_p`.
fn string_from_param(cls: &Object, code: u8, value: &Object) -> PyResult<PyRef> {
    if value.is_none() {
        return Ok(value.to_ref());
    }
    let text = if code == b'z' { value.downcast::<Bytes>().is_some() } else { value.downcast::<Str>().is_some() };
    if text {
        return Ok(param::scalar_arg(code, value)?.upcast());
    }
    if value.isinstance(cls)? {
        return Ok(value.to_ref());
    }
    let item_code = if code == b'z' { b'c' } else { b'u' };
    if value.downcast::<Array>().is_some() || value.downcast::<Pointer>().is_some() {
        let proto = info_of(value.ty()).and_then(|i| i.proto.get(value));
        if proto.is_some_and(|p| info_of_type_object(&p).and_then(StgInfo::code) == Some(item_code)) {
            return Ok(value.to_ref());
        }
    }
    if let Some(a) = value.downcast::<CArg>() {
        // byref() of a character.
        if let Some(o) = a.object.get(a)
            && info_of(o.ty()).and_then(StgInfo::code) == Some(item_code)
        {
            return Ok(value.to_ref());
        }
    }
    if let Some(p) = as_parameter(value)? {
        return super::param::recursive(" while processing _as_parameter_", || string_from_param(cls, code, &p));
    }
    let name = if code == b'z' { "bytes" } else { "str" };
    let _ = name;
    Err(raise!(
        TypeError,
        "'{}' object cannot be interpreted as ctypes.{}",
        simple::qualified_type_name(value.ty()),
        if code == b'z' { "c_char_p" } else { "c_wchar_p" }
    ))
}

/// `from_param` of `c_void_p`.
fn void_from_param(cls: &Object, value: &Object) -> PyResult<PyRef> {
    if value.is_none() {
        return Ok(value.to_ref());
    }
    for (code, yes) in [
        (b'P', value.downcast::<Int>().is_some()),
        (b'z', value.downcast::<Bytes>().is_some()),
        (b'Z', value.downcast::<Str>().is_some()),
    ] {
        if yes {
            return Ok(param::scalar_arg(code, value)?.upcast());
        }
    }
    if value.isinstance(cls)? || value.downcast::<Array>().is_some() || value.downcast::<Pointer>().is_some() {
        return Ok(value.to_ref());
    }
    if let Some(a) = value.downcast::<CArg>()
        && a.tag() == b'P'
    {
        return Ok(value.to_ref());
    }
    if let Some(f) = value.downcast::<FuncPtr>() {
        return Ok(CArg::new(b'P', pointer_ffi(), Native::pointer(f.data_pointee()), Some(value.to_ref()), 8)?.upcast());
    }
    if let (Some(d), Some(b'z' | b'Z')) = (value.downcast::<CData>(), info_of(value.ty()).and_then(StgInfo::code)) {
        return Ok(CArg::new(b'Z', pointer_ffi(), Native::pointer(d.pointee()), Some(value.to_ref()), 8)?.upcast());
    }
    if let Some(p) = as_parameter(value)? {
        return super::param::recursive(" while processing _as_parameter_", || void_from_param(cls, &p));
    }
    Err(raise!(
        TypeError,
        "'{}' object cannot be interpreted as ctypes.c_void_p",
        simple::qualified_type_name(value.ty())
    ))
}

/// `from_param` of pointers.
fn pointer_from_param(cls: &Object, value: &Object) -> PyResult<PyRef> {
    if value.is_none() {
        return Ok(value.to_ref());
    }
    let t = as_type(cls);
    let Some(info) = info_of(t) else { return Err(raise!(TypeError, "abstract class")) };
    if let Some(proto) = info.proto.get(cls) {
        if value.isinstance(&proto)? {
            let d = value.downcast::<CData>().ok_or_else(|| raise!(TypeError, "a ctypes instance expected"))?;
            return Ok(param::byref(d, 0)?.upcast());
        }
        if value.downcast::<Pointer>().is_some() || value.downcast::<Array>().is_some() {
            let item = info_of(value.ty()).and_then(|i| i.proto.get(value));
            if let Some(item) = item
                && item.issubclass(&proto)?
            {
                return Ok(value.to_ref());
            }
        }
    }
    generic_from_param(cls, value)
}

// ------------------------------------------------------------------------------------------------ scalars

fn simple_init(cls: &Type, args: FuncArgs<'_>) -> PyResult<()> {
    type_init(cls, args)?;
    let Some(code) = class_attr(cls, intern!("_type_"))? else {
        return Err(raise!(AttributeError, "class must define a '_type_' attribute"));
    };
    let Some(text) = code.downcast::<Str>() else {
        return Err(raise!(TypeError, "class must define a '_type_' string attribute"));
    };
    if text.len() != 1 {
        return Err(raise!(ValueError, "class must define a '_type_' attribute which must be a string of length 1"));
    }
    let c = text.char_at(0);
    let Some((size, align, f)) = u8::try_from(c).ok().and_then(scalar) else {
        return Err(raise!(
            AttributeError,
            "class must define a '_type_' attribute which must be\na single character string containing one of '{}'.",
            CODES
        ));
    };
    let c = c as u8;
    publish(cls, scalar_info(c, size, align, f, code.to_ref(), false));
    // With a type of the other byte order.
    if has_swapped(c) && (**cls).ty().ptr_eq(SimpleMeta::type_object()) {
        let swapped = swapped_type(cls, &code, c, size, align, f)?;
        for (t, little) in [(cls, &**cls), (as_type(&swapped), &**cls)] {
            t.setattr(intern!("__ctype_le__"), little)?;
            t.setattr(intern!("__ctype_be__"), &swapped)?;
        }
    }
    Ok(())
}

fn scalar_info(c: u8, size: usize, align: usize, f: *mut libffi_sys::ffi_type, code: PyRef, swapped: bool) -> StgInfo {
    let mut i = StgInfo::new(Kind::Simple(c));
    i.size = size;
    i.align = align;
    i.ffi = f;
    i.swapped = swapped;
    i.format = Some(scalar_format(c, swapped == cfg!(target_endian = "little")));
    i.flags = if b"zZP".contains(&c) {
        ISPOINTER
    } else if c == b'O' {
        HASPOINTER
    } else {
        0
    };
    i.proto.init(code);
    i
}

fn swapped_type(
    cls: &Type,
    code: &Object,
    c: u8,
    size: usize,
    align: usize,
    f: *mut libffi_sys::ffi_type,
) -> PyResult<PyRef> {
    let suffix = if cfg!(target_endian = "little") { "_be" } else { "_le" };
    let name = Str::format(format_args!("{}{suffix}", cdata::short_name(cls)))?;
    let bases = Tuple::from_slice(&[&**simple::Simple::type_object()])?;
    let ns = Dict::new()?;
    ns.set_str("_type_", code)?;
    // Through `type.__new__`: the metatype's own initialisation would make a native type.
    let meta = SimpleMeta::type_object();
    let t = runtime::typeobject::type_type().getattr(intern!("__new__"))?.call(&[meta, &name, &bases, &ns])?;
    publish(as_type(&t), scalar_info(c, size, align, f, code.to_ref(), true));
    Ok(t)
}

// ------------------------------------------------------------------------------------------------ pointers, arrays, functions

fn pointer_init(cls: &Type, args: FuncArgs<'_>) -> PyResult<()> {
    type_init(cls, args)?;
    let mut i = StgInfo::new(Kind::Pointer);
    i.size = 8;
    i.align = 8;
    i.length = 1;
    i.flags = ISPOINTER;
    i.format = Some(c"X{}".to_owned());
    let proto = own_attr(cls, intern!("_type_"))?;
    let mut owner = None;
    if let Some(p) = proto {
        i.format = Some(pointer_format(cls, &p)?);
        owner = Some(p.to_ref());
        i.proto.init(p);
    }
    publish(cls, i);
    if let Some(p) = owner {
        remember_pointer(&p, cls);
    }
    Ok(())
}

fn remember_pointer(proto: &Object, pointer: &Type) {
    // SAFETY: checked to be a type of ours by `pointer_format`.
    let t: &CTypeType = unsafe { proto.cast() };
    if t.pointer_type.is_empty() {
        drop(t.pointer_type.replace(proto, Some((**pointer).to_ref())));
    }
}

/// Format of a pointer to `proto`, which must be a C type.
fn pointer_format(_cls: &Type, proto: &Object) -> PyResult<CString> {
    if !cdata::is_ctype(proto) {
        return Err(raise!(TypeError, "_type_ must have storage info"));
    }
    let Some(i) = info_of_type_object(proto) else {
        return Err(raise!(TypeError, "_type_ must have storage info"));
    };
    let inner = i.format.as_ref().map_or("B".into(), |f| f.to_string_lossy().into_owned());
    let text = if i.shape.is_empty() {
        format!("&{inner}")
    } else {
        let dims: Vec<String> = i.shape.iter().map(isize::to_string).collect();
        format!("&({}){inner}", dims.join(","))
    };
    Ok(CString::new(text).unwrap_or_default())
}

fn array_init(cls: &Type, args: FuncArgs<'_>) -> PyResult<()> {
    type_init(cls, args)?;
    // The base type itself.
    if cls.base().is_some_and(|b| b.ptr_eq(CData::type_object())) {
        return Ok(());
    }
    let Some(length) = class_attr(cls, intern!("_length_"))? else {
        return Err(raise!(AttributeError, "class must define a '_length_' attribute"));
    };
    let Some(n) = length.downcast::<Int>() else {
        return Err(raise!(TypeError, "The '_length_' attribute must be an integer"));
    };
    if n.is_negative() {
        return Err(raise!(ValueError, "The '_length_' attribute must not be negative"));
    }
    let Some(n) = n.try_i64().map(|n| n as usize) else {
        return Err(raise!(OverflowError, "The '_length_' attribute is too large"));
    };
    let Some(item) = class_attr(cls, intern!("_type_"))? else {
        return Err(raise!(AttributeError, "class must define a '_type_' attribute"));
    };
    let Some(ii) = info_of_type_object(&item) else {
        return Err(raise!(TypeError, "_type_ must have storage info"));
    };
    let Some(size) = ii.size.checked_mul(n).filter(|&s| s <= isize::MAX as usize) else {
        return Err(raise!(OverflowError, "array too large"));
    };
    ii.freeze();
    let mut i = StgInfo::new(Kind::Array);
    i.size = size;
    i.align = ii.align;
    i.length = n;
    i.flags = ii.flags & (HASPOINTER | super::info::HASUNION | super::info::HASBITFIELD);
    if ii.flags & (ISPOINTER | HASPOINTER) != 0 {
        i.flags |= HASPOINTER;
    }
    i.format = ii.format.clone();
    i.shape = core::iter::once(n as isize).chain(ii.shape.iter().copied()).collect();
    let code = ii.code();
    i.proto.init(item);
    publish(cls, i);
    array::add_text_attributes(cls, code)
}

fn func_init(cls: &Type, args: FuncArgs<'_>) -> PyResult<()> {
    type_init(cls, args)?;
    let mut i = StgInfo::new(Kind::Function);
    i.size = 8;
    i.align = 8;
    i.length = 1;
    i.flags = ISPOINTER;
    i.format = Some(c"X{}".to_owned());
    let Some(flags) = own_attr(cls, intern!("_flags_"))?.or(class_attr(cls, intern!("_flags_"))?) else {
        // The base type has none.
        if cls.base().is_some_and(|b| b.ptr_eq(CData::type_object())) {
            return Ok(());
        }
        return Err(raise!(TypeError, "class must define _flags_ which must be an integer"));
    };
    let Some(flags) = flags.downcast::<Int>() else {
        return Err(raise!(TypeError, "class must define _flags_ which must be an integer"));
    };
    i.func_flags = flags.as_u64_mask() as u32 | FUNC_CDECL;
    if let Some(a) = class_attr(cls, intern!("_argtypes_"))? {
        if a.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "_argtypes_ must be a sequence of types"));
        }
        i.converters.init(func::converters(&a)?);
        i.argtypes.init(a);
    }
    if let Some(r) = class_attr(cls, intern!("_restype_"))? {
        if !r.is_none() && !cdata::is_ctype(&r) && !r.is_callable() {
            return Err(raise!(TypeError, "_restype_ must be a type, a callable, or None"));
        }
        if let Some(c) = func::checker_of(&r)? {
            i.checker.init(c);
        }
        i.restype.init(r);
    }
    publish(cls, i);
    Ok(())
}

// ------------------------------------------------------------------------------------------------ structs

fn aggregate_init(cls: &Type, args: FuncArgs<'_>, kind: Kind) -> PyResult<()> {
    type_init(cls, args)?;
    if own_attr(cls, intern!("_abstract_"))?.is_some() || cls.base().is_some_and(|b| b.ptr_eq(CData::type_object())) {
        return Ok(());
    }
    let mut i = StgInfo::new(kind);
    i.format = Some(c"B".to_owned());
    let fields = own_attr(cls, intern!("_fields_"))?;
    if fields.is_none()
        && let Some(b) = cls.base().and_then(info_of)
    {
        // The layout of the base: it cannot change any more.
        let mut n = b.inherit(cls.base().map_or(cls, |b| b));
        n.aggregate = None;
        b.freeze();
        publish(cls, n);
        return Ok(());
    }
    i.aggregate = Some(super::info::Aggregate::new(0, 1, Vec::new()));
    i.ffi = super::info::aggregate_ptr(&mut i);
    publish(cls, i);
    match fields {
        Some(f) => cls.setattr(intern!("_fields_"), &f),
        None => Ok(()),
    }
}

fn aggregate_setattro(cls: &Type, name: &Object, value: Option<&Object>, is_struct: bool) -> PyResult<()> {
    if let (Some(n), Some(v)) = (name.downcast::<Str>(), value)
        && n.eq_str("_fields_")
    {
        aggregate::set_fields(cls, v, is_struct)?;
    }
    let Some(f) = runtime::typeobject::type_type().slots().tp_setattro else { return Ok(()) };
    let v = value.map_or(core::ptr::null_mut(), Object::as_ptr);
    // SAFETY: a slot of `type`, called on a type.
    if unsafe { f(cls.as_ptr(), name.as_ptr(), v) } < 0 { Err(Raised::already_set()) } else { Ok(()) }
}

macro_rules! common_methods {
    ($name:ident, $pyname:literal, $static:ident, $doc:literal, $from_param:path, { $($more:tt)* }) => {
        #[pyclass(
            name = $pyname,
            module = "_ctypes",
            type_object = $static,
            base = CTypeType,
            flags = "DEFAULT|BASETYPE|HAVE_GC|TYPE_SUBCLASS",
            doc = $doc,
            slots(tp_traverse = traverse, tp_clear = clear, tp_dealloc = dealloc)
        )]
        impl $name {
            $($more)*
            /// Convert a Python object into a function call parameter.
            #[pymethod]
            fn from_param(&self, value: &Object) -> PyResult<PyRef> {
                $from_param(self, value)
            }
            /// C.from_address(integer) -> C instance
            ///
            /// Access a C instance at the specified address.
            #[pymethod]
            fn from_address(&self, value: &Object) -> PyResult<PyRef> {
                from_address(self, value)
            }
            /// C.from_buffer(object, offset=0, /) -> C instance
            ///
            /// Create a C instance from a writeable buffer.
            #[pymethod(raw)]
            fn from_buffer(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
                from_buffer(self, args)
            }
            /// C.from_buffer_copy(object, offset=0, /) -> C instance
            ///
            /// Create a C instance from a readable buffer.
            #[pymethod(raw)]
            fn from_buffer_copy(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
                from_buffer_copy(self, args)
            }
            /// C.in_dll(dll, name) -> C instance
            ///
            /// Access a C instance in a dll.
            #[pymethod(raw)]
            fn in_dll(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
                in_dll(self, args)
            }
        }
    };
}

common_methods!(
    SimpleMeta,
    "PyCSimpleType",
    SIMPLE_META,
    "metatype for the PyCSimpleType Objects",
    simple_from_param,
    {
        #[slot]
        fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
            simple_init(as_type(self), args)
        }
    }
);
common_methods!(StructMeta, "PyCStructType", STRUCT_META, "metatype for the CData Objects", generic_from_param, {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        aggregate_init(as_type(self), args, Kind::Struct)
    }
    #[slot]
    fn tp_setattro(&self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        aggregate_setattro(as_type(self), name, value, true)
    }
});
common_methods!(UnionMeta, "UnionType", UNION_META, "metatype for the Union Objects", generic_from_param, {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        aggregate_init(as_type(self), args, Kind::Union)
    }
    #[slot]
    fn tp_setattro(&self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        aggregate_setattro(as_type(self), name, value, false)
    }
});
common_methods!(PointerMeta, "PyCPointerType", POINTER_META, "metatype for the Pointer Objects", pointer_from_param, {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        pointer_init(as_type(self), args)
    }
    #[pymethod]
    fn set_type(&self, proto: &Object) -> PyResult<()> {
        let cls = as_type(self);
        let info = cdata::concrete(cls)?;
        let mut n = info.inherit(self);
        n.format = Some(pointer_format(cls, proto)?);
        drop(n.proto.swap(Some(proto.to_ref())));
        publish(cls, n);
        remember_pointer(proto, cls);
        cls.setattr(intern!("_type_"), proto)
    }
});
common_methods!(ArrayMeta, "PyCArrayType", ARRAY_META, "metatype for the Array Objects", generic_from_param, {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        array_init(as_type(self), args)
    }
});
common_methods!(FuncMeta, "PyCFuncPtrType", FUNC_META, "metatype for C function pointers", generic_from_param, {
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        func_init(as_type(self), args)
    }
});
