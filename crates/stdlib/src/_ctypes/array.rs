//! `Array`: items of one type in a row; arrays of characters are strings as well.

use super::cdata::{self, CData};
use super::info::{StgInfo, info_of, info_of_instance};
use super::meta::ArrayMeta;
use super::simple::{wide_exact, wide_string};
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;
use runtime::objects::slice::SliceIndices;
use runtime::objects::support::to_index;
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::py_layout;
use std::sync::OnceLock;

#[repr(C)]
pub struct Array(CData);
py_layout!(Array, ARRAY_TYPE_OBJECT);
/// `_ctypes.Array`.
pub static mut ARRAY_TYPE_OBJECT: Type = runtime::objects::singletons::unready_type();

/// The array types that are alive, by item type and length: weak references.
static CACHE: OnceLock<Ref<Dict>> = OnceLock::new();

/// The type of arrays of `n` `item`s.
pub fn type_of(item: &Object, n: usize) -> PyResult<PyRef> {
    let cache = match CACHE.get() {
        Some(c) => c,
        None => {
            let d = Dict::new()?;
            CACHE.get_or_init(|| d)
        }
    };
    let key = Tuple::from_refs(vec![Int::from_usize(item.as_ptr() as usize)?.upcast(), Int::from_usize(n)?.upcast()])?;
    if let Some(w) = cache.get(&key)?
        && let Some(t) = runtime::objects::weakref::get_referent(&w)
    {
        // The key is an address: the item type may be another one by now.
        let same = t.downcast::<Type>().and_then(info_of).is_some_and(|i| i.proto.ptr() == item.as_ptr());
        if same {
            return Ok(t);
        }
    }
    let Some(it) = item.downcast::<Type>() else { return Err(raise!(TypeError, "Expected a type object")) };
    let name = Str::format(format_args!("{}_Array_{}", cdata::short_name(it), n))?;
    let bases = Tuple::from_slice(&[&**Array::type_object()])?;
    let ns = Dict::new()?;
    ns.set_str("_length_", &*Int::from_usize(n)?)?;
    ns.set_str("_type_", item)?;
    let t = ArrayMeta::type_object().call(&[&name, &bases, &ns])?;
    if cache.len() > 256 {
        for (k, w) in cache.items_snapshot() {
            if runtime::objects::weakref::is_dead(&w) {
                cache.del(&k)?;
            }
        }
    }
    cache.set(&key, &*runtime::objects::weakref::new_ref(&t, None)?)?;
    Ok(t)
}

impl Array {
    fn item_type(&self) -> PyResult<(PyRef, &StgInfo)> {
        let bad = || raise!(TypeError, "abstract class");
        let i = info_of_instance(self).ok_or_else(bad)?;
        let t = i.proto.get(self).ok_or_else(bad)?;
        Ok((t, i))
    }
    fn len(&self) -> usize {
        self.0.length.load(Relaxed)
    }
    fn at(&self, i: usize) -> PyResult<PyRef> {
        let (t, _) = self.item_type()?;
        let Some(t) = t.downcast::<Type>() else { return Err(raise!(TypeError, "abstract class")) };
        let size = cdata::concrete(t)?.size;
        if i >= self.len() {
            return Err(raise!(IndexError, "invalid index"));
        }
        // SAFETY: inside the array.
        cdata::get(t, &self.0, i, unsafe { self.0.data().add(i * size) })
    }
    fn put(&self, i: usize, v: &Object) -> PyResult<()> {
        let (t, _) = self.item_type()?;
        let Some(t) = t.downcast::<Type>() else { return Err(raise!(TypeError, "abstract class")) };
        let size = cdata::concrete(t)?.size;
        if i >= self.len() {
            return Err(raise!(IndexError, "invalid index"));
        }
        // SAFETY: inside the array.
        cdata::set(&self.0, t, v, i, size, unsafe { self.0.data().add(i * size) })
    }
    fn index(&self, k: &Object) -> PyResult<usize> {
        let i = to_index(k, exc::IndexError())?;
        let i = if i < 0 { i + self.len() as isize } else { i };
        if i < 0 || i as usize >= self.len() {
            return Err(raise!(IndexError, "invalid index"));
        }
        Ok(i as usize)
    }
    /// Code of the items when they are scalars.
    fn code(&self) -> Option<u8> {
        let i = info_of_instance(self)?;
        let t = i.proto.get(self)?;
        super::info::info_of_type_object(&t).and_then(StgInfo::code)
    }
}

/// The items of a slice, joined when they are characters.
pub fn join(code: Option<u8>, p: *const u8, start: isize, step: isize, n: usize) -> Option<PyResult<PyRef>> {
    // SAFETY: the caller has checked that the items exist.
    unsafe {
        match code? {
            b'c' => {
                let v: Vec<u8> = (0..n as isize).map(|i| *p.offset(start + i * step)).collect();
                Some(Bytes::new(&v).map(Ref::upcast))
            }
            b'u' => {
                let q: *const u32 = p.cast();
                let v: Vec<u32> = (0..n as isize).map(|i| q.offset(start + i * step).read_unaligned()).collect();
                Some(wide_exact(v.as_ptr(), v.len()).map(Ref::upcast))
            }
            _ => None,
        }
    }
}

#[pyclass(
    name = "Array",
    module = "_ctypes",
    type_object = ARRAY_TYPE_OBJECT,
    base = CData,
    flags = "DEFAULT|BASETYPE|HAVE_GC",
    doc = "Abstract base class for arrays.\n\nThe recommended way to create concrete array types is by multiplying any\nctypes data type with a non-negative integer. Alternatively, you can subclass\nthis type and define _length_ and _type_ class variables. Array elements can\nbe read and written using standard subscript and slice accesses for slice\nreads, the resulting object is not itself an Array.",
    slots(bf_getbuffer = cdata::getbuffer)
)]
impl Array {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        cdata::new_slot(cls)
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        for (i, v) in args.args.iter().enumerate() {
            self.put(i, v)?;
        }
        Ok(())
    }
    #[slot]
    fn sq_length(&self) -> usize {
        self.len()
    }
    #[slot]
    fn mp_length(&self) -> usize {
        self.len()
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        if i < 0 {
            return Err(raise!(IndexError, "invalid index"));
        }
        self.at(i as usize)
    }
    #[slot]
    fn mp_subscript(&self, k: &Object) -> PyResult<PyRef> {
        if let Some(s) = k.downcast::<Slice>() {
            let SliceIndices { start, step, count: n, .. } = s.indices(self.len())?;
            if let Some(r) = join(self.code(), self.0.data(), start, step, n) {
                return r;
            }
            let items = (0..n as isize).map(|i| self.at((start + i * step) as usize)).collect::<PyResult<Vec<_>>>()?;
            return Ok(List::from_vec(items)?.upcast());
        }
        if k.index_check() {
            return self.at(self.index(k)?);
        }
        Err(raise!(TypeError, "indices must be integers"))
    }
    #[slot]
    fn mp_ass_subscript(&self, k: &Object, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "Array does not support item deletion")) };
        if let Some(s) = k.downcast::<Slice>() {
            let SliceIndices { start, step, count: n, .. } = s.indices(self.len())?;
            if v.len()? != n {
                return Err(raise!(ValueError, "Can only assign sequence of same size"));
            }
            for i in 0..n as isize {
                let item = v.get_item_index(i)?;
                self.put((start + i * step) as usize, &item)?;
            }
            return Ok(());
        }
        if k.index_check() {
            return self.put(self.index(k)?, v);
        }
        Err(raise!(TypeError, "indices must be integer"))
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, item)
    }
}

// ------------------------------------------------------------------------------------------------ characters

/// The string in a field of `size` bytes.
pub fn load_text(code: u8, p: *const u8, size: usize) -> PyResult<PyRef> {
    // SAFETY: a field of the object that the caller holds.
    unsafe {
        if code == b'u' {
            return Ok(wide_string(p.cast(), Some(size / 4))?.upcast());
        }
        let b = core::slice::from_raw_parts(p, size);
        let n = b.iter().position(|&c| c == 0).unwrap_or(size);
        Ok(Bytes::new(&b[..n])?.upcast())
    }
}

/// Stores a string in a field of `size` bytes, with a NUL where there is room.
pub fn store_text(code: u8, p: *mut u8, size: usize, v: &Object) -> PyResult<()> {
    if code == b'u' {
        let Some(s) = v.downcast::<Str>() else {
            return Err(raise!(TypeError, "unicode string expected instead of {} instance", v.ty().name_str()));
        };
        let room = size / 4;
        if s.len() > room {
            return Err(raise!(ValueError, "string too long ({}, maximum length {})", s.len(), room));
        }
        let q: *mut u32 = p.cast();
        // SAFETY: a field with room for the characters.
        unsafe {
            for (i, c) in s.chars().enumerate() {
                q.add(i).write_unaligned(c);
            }
            if s.len() < room {
                q.add(s.len()).write_unaligned(0);
            }
        }
        return Ok(());
    }
    let Some(b) = v.downcast::<Bytes>() else {
        return Err(raise!(TypeError, "expected bytes, {} found", v.ty().name_str()));
    };
    let s = b.as_slice();
    // Bytes behind a NUL do not count.
    let n = s.iter().position(|&c| c == 0).unwrap_or(s.len());
    if n > size {
        return Err(raise!(ValueError, "bytes too long ({}, maximum length {})", s.len(), size));
    }
    // SAFETY: a field with room for the bytes.
    unsafe {
        core::ptr::copy_nonoverlapping(s.as_ptr(), p, n);
        if n < size {
            *p.add(n) = 0;
        }
    }
    Ok(())
}

fn array_of(o: *mut abi::PyObject) -> &'static Array {
    // SAFETY: the descriptors below check the type of their object.
    unsafe { Object::from_ptr(o).cast::<Array>() }
}

fn get_raw(a: &Array) -> PyResult<PyRef> {
    Ok(Bytes::new(&a.0.bytes())?.upcast())
}

fn set_raw(a: &Array, v: Option<&Object>) -> PyResult<()> {
    let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
    let b = Buffer::get(v, abi::PyBUF_SIMPLE)?;
    if b.len() > a.0.size() {
        return Err(raise!(ValueError, "byte string too long"));
    }
    // SAFETY: as many bytes as the array has.
    unsafe { core::ptr::copy(b.as_slice().as_ptr(), a.0.data(), b.len()) };
    Ok(())
}

fn get_chars(a: &Array) -> PyResult<PyRef> {
    let b = a.0.bytes();
    let n = b.iter().position(|&c| c == 0).unwrap_or(b.len());
    Ok(Bytes::new(&b[..n])?.upcast())
}

fn set_chars(a: &Array, v: Option<&Object>) -> PyResult<()> {
    let Some(v) = v else { return Err(raise!(TypeError, "can't delete attribute")) };
    let Some(b) = v.downcast::<Bytes>() else {
        return Err(raise!(TypeError, "bytes expected instead of {} instance", v.ty().name_str()));
    };
    let (s, size) = (b.as_slice(), a.0.size());
    if s.len() > size {
        return Err(raise!(ValueError, "byte string too long"));
    }
    // SAFETY: room for the bytes, and for the NUL where there is room.
    unsafe {
        core::ptr::copy_nonoverlapping(s.as_ptr(), a.0.data(), s.len());
        if s.len() < size {
            *a.0.data().add(s.len()) = 0;
        }
    }
    Ok(())
}

fn get_wide(a: &Array) -> PyResult<PyRef> {
    // SAFETY: the array's own characters.
    Ok(unsafe { wide_string(a.0.data().cast(), Some(a.0.size() / 4)) }?.upcast())
}

fn set_wide(a: &Array, v: Option<&Object>) -> PyResult<()> {
    let Some(v) = v else { return Err(raise!(TypeError, "can't delete attribute")) };
    let Some(s) = v.downcast::<Str>() else {
        return Err(raise!(TypeError, "unicode string expected instead of {} instance", v.ty().name_str()));
    };
    let room = a.0.size() / 4;
    if s.len() > room {
        return Err(raise!(ValueError, "string too long"));
    }
    let p: *mut u32 = a.0.data().cast();
    // SAFETY: room for the characters, and for the NUL where there is room.
    unsafe {
        for (i, c) in s.chars().enumerate() {
            p.add(i).write_unaligned(c);
        }
        if s.len() < room {
            p.add(s.len()).write_unaligned(0);
        }
    }
    Ok(())
}

macro_rules! accessors {
    ($($get:ident $set:ident $g:ident $s:ident;)*) => { $(
        unsafe extern "C" fn $g(o: *mut abi::PyObject, _c: *mut core::ffi::c_void) -> *mut abi::PyObject {
            runtime::convert::guard_object(|| $get(array_of(o)))
        }
        unsafe extern "C" fn $s(o: *mut abi::PyObject, v: *mut abi::PyObject, _c: *mut core::ffi::c_void) -> core::ffi::c_int {
            // SAFETY: the setter's contract.
            runtime::convert::guard_int(|| $set(array_of(o), unsafe { Object::from_ptr_opt(v) }))
        }
    )* };
}
accessors! {
    get_raw set_raw raw_getter raw_setter;
    get_chars set_chars chars_getter chars_setter;
    get_wide set_wide wide_getter wide_setter;
}

static TEXT: runtime::convert::Table<abi::PyGetSetDef, 3> = runtime::convert::Table([
    runtime::convert::getset_def(c"raw", Some(raw_getter), Some(raw_setter), c"value".as_ptr()),
    runtime::convert::getset_def(c"value", Some(chars_getter), Some(chars_setter), c"string value".as_ptr()),
    runtime::convert::getset_def(c"value", Some(wide_getter), Some(wide_setter), c"string value".as_ptr()),
]);

/// `raw` and `value` of arrays of `c_char`, `value` of arrays of `c_wchar`.
pub fn add_text_attributes(cls: &Type, code: Option<u8>) -> PyResult<()> {
    let defs: &[usize] = match code {
        Some(b'c') => &[0, 1],
        Some(b'u') => &[2],
        _ => return Ok(()),
    };
    for &i in defs {
        let def = &raw const TEXT.0[i];
        // SAFETY: static definitions.
        let (d, name) = unsafe {
            (
                runtime::objects::descr::new_getset(cls, def.cast_mut())?,
                core::ffi::CStr::from_ptr((*def).name).to_str().unwrap_or(""),
            )
        };
        cls.setattr(Str::intern(name), &d)?;
    }
    Ok(())
}
