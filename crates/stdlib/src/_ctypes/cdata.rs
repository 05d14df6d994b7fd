//! `_CData`: the base of all C objects. Memory, who owns it, and what it keeps alive.

use super::info::{HASPOINTER, ISPOINTER, Kind, StgInfo, info_of, info_of_instance};
use super::{meta, simple};
use core::ffi::{c_char, c_int, c_void};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize};
use macros::pyclass;
use runtime::objects::support::{Slot, alloc, clear, track, traverse};
use runtime::prelude::*;

/// Layout of every C object: where its bytes are, and the objects that they need.
#[repr(C)]
pub struct CData {
    header: abi::PyObject,
    /// The bytes: the inline value, a block of its own, or memory of somebody else.
    ptr: AtomicPtr<u8>,
    /// Whether the bytes belong to this object.
    owns: AtomicBool,
    /// The object whose memory this one lies in.
    pub base: Slot,
    pub size: AtomicUsize,
    /// Number of items that may need to be kept alive.
    pub length: AtomicUsize,
    /// Index in the base object.
    pub index: AtomicUsize,
    /// What must stay alive: nothing, `None`, a dict by place, or one object.
    pub objects: Slot,
    value: core::cell::UnsafeCell<[u64; 4]>,
}

impl runtime::objects::support::Fields for CData {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.base);
        f(&self.objects);
    }
    fn release(&self) {
        self.release_memory();
    }
}

impl CData {
    /// The bytes.
    pub fn data(&self) -> *mut u8 {
        self.ptr.load(Acquire)
    }
    pub fn set_data_ptr(&self, p: *mut u8) {
        self.ptr.store(p, Release);
    }
    pub fn size(&self) -> usize {
        self.size.load(Relaxed)
    }
    pub fn owns_memory(&self) -> bool {
        self.owns.load(Relaxed)
    }
    /// Reads the pointer that the bytes hold.
    pub fn pointee(&self) -> *mut u8 {
        // SAFETY: the caller has an object of pointer size.
        unsafe { self.data().cast::<*mut u8>().read_unaligned() }
    }
    pub fn set_pointee(&self, p: *const u8) {
        // SAFETY: as above.
        unsafe { self.data().cast::<*const u8>().write_unaligned(p) }
    }

    fn release_memory(&self) {
        let p = self.ptr.swap(core::ptr::null_mut(), Acquire);
        if self.owns.load(Relaxed) && p != self.value.get().cast() {
            // SAFETY: a block of `own_memory`.
            unsafe { runtime::mem::domains::mem_free(p.cast()) };
        }
    }

    /// Gives a new object zeroed memory of its own.
    fn own_memory(&self, size: usize) -> PyResult<()> {
        let p: *mut u8 = if size <= size_of::<[u64; 4]>() {
            self.value.get().cast()
        } else {
            // SAFETY: any size.
            unsafe { runtime::mem::domains::mem_calloc(size, 1).cast() }
        };
        if p.is_null() {
            return Err(runtime::objects::support::no_memory());
        }
        self.owns.store(true, Relaxed);
        self.size.store(size, Relaxed);
        self.set_data_ptr(p);
        Ok(())
    }

    /// `resize()`.
    pub fn resize(&self, size: usize) -> PyResult<()> {
        runtime::lock!(self);
        let old = self.size();
        let p = self.data();
        if p == self.value.get().cast() {
            if size <= size_of::<[u64; 4]>() {
                self.size.store(size, Relaxed);
                return Ok(());
            }
            // SAFETY: a new block that is larger than the inline value.
            unsafe {
                let n: *mut u8 = runtime::mem::domains::mem_calloc(size, 1).cast();
                if n.is_null() {
                    return Err(runtime::objects::support::no_memory());
                }
                core::ptr::copy_nonoverlapping(p, n, old);
                self.set_data_ptr(n);
            }
        } else {
            // SAFETY: a block of `own_memory`, which this object owns.
            unsafe {
                let n: *mut u8 = runtime::mem::domains::mem_realloc(p.cast(), size.max(1)).cast();
                if n.is_null() {
                    return Err(runtime::objects::support::no_memory());
                }
                self.set_data_ptr(n);
            }
        }
        self.size.store(size, Relaxed);
        Ok(())
    }

    /// A copy of the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        // SAFETY: the object's memory.
        unsafe { core::slice::from_raw_parts(self.data(), self.size()) }.to_vec()
    }
}

fn abstract_class() -> Raised {
    raise!(TypeError, "abstract class")
}

/// The description of a concrete type, or TypeError.
pub fn concrete(ty: &Type) -> PyResult<&StgInfo> {
    info_of(ty).ok_or_else(abstract_class)
}

fn blank(ty: &Type, info: &StgInfo) -> PyResult<Ref<CData>> {
    info.freeze();
    let r = alloc::<CData>(ty)?;
    r.length.store(info.length, Relaxed);
    Ok(r)
}

/// A new object with zeroed memory of its own.
pub fn new_instance(ty: &Type) -> PyResult<Ref<CData>> {
    let info = concrete(ty)?;
    let r = blank(ty, info)?;
    r.own_memory(info.size)?;
    Ok(track(r))
}

/// An object over memory that nobody here owns.
pub fn at_address(ty: &Type, p: *mut u8) -> PyResult<Ref<CData>> {
    let info = concrete(ty)?;
    let r = blank(ty, info)?;
    r.size.store(info.size, Relaxed);
    r.set_data_ptr(p);
    Ok(track(r))
}

/// An object over a part of `base`'s memory.
pub fn inside(ty: &Type, base: &CData, index: usize, p: *mut u8) -> PyResult<Ref<CData>> {
    let info = concrete(ty)?;
    let r = blank(ty, info)?;
    r.size.store(info.size, Relaxed);
    r.set_data_ptr(p);
    r.base.init((**base).to_ref());
    r.index.store(index, Relaxed);
    Ok(track(r))
}

/// An object with a copy of the bytes at `p`.
pub fn copy_of(ty: &Type, p: *const u8) -> PyResult<Ref<CData>> {
    let r = new_instance(ty)?;
    // SAFETY: the caller has as many bytes as the type says.
    unsafe { core::ptr::copy_nonoverlapping(p, r.data(), r.size()) };
    Ok(r)
}

/// The object that owns the memory in the end, with its `objects` made.
fn container(o: &CData) -> PyResult<Ref<CData>> {
    let mut at: Ref<CData> = Ref::new_ref(o);
    while let Some(b) = at.base.get(&at) {
        match b.downcast_into::<CData>() {
            Ok(b) => at = b,
            Err(_) => break,
        }
    }
    if at.objects.is_empty() {
        let v = if at.length.load(Relaxed) != 0 { Dict::new()?.upcast() } else { none_ref() };
        runtime::lock!(&at);
        if at.objects.is_empty() {
            at.objects.init(v);
        }
    }
    Ok(at)
}

/// What the memory of `o` keeps alive.
pub fn kept_objects(o: &CData) -> PyResult<PyRef> {
    let c = container(o)?;
    Ok(c.objects.get(&c).unwrap_or_else(none_ref))
}

/// The root whose dict a cast shares.
pub fn kept_container(o: &CData) -> PyResult<Ref<CData>> {
    container(o)
}

/// The place of item `index` of `o`, as a key: indices from here to the root.
fn place(o: &CData, index: usize) -> PyResult<Ref<Str>> {
    let mut text = format!("{index:x}");
    let mut at: Ref<CData> = Ref::new_ref(o);
    while let Some(b) = at.base.get(&at) {
        text.push_str(&format!(":{:x}", at.index.load(Relaxed)));
        match b.downcast_into::<CData>() {
            Ok(b) => at = b,
            Err(_) => break,
        }
    }
    Str::new(&text)
}

/// Keeps `keep` alive as long as the memory of `o`, for its item `index`.
pub fn keep_ref(o: &CData, index: usize, keep: PyRef) -> PyResult<()> {
    if keep.is_none() {
        return Ok(());
    }
    let c = container(o)?;
    let held = c.objects.get(&c);
    match held.as_ref().and_then(|h| h.downcast_exact::<Dict>()) {
        Some(d) => d.set(&*place(o, index)?, &keep),
        None => {
            drop(c.objects.replace(&c, Some(keep)));
            Ok(())
        }
    }
}

/// Whether instances of `ty` are given as objects (a subclass of `c_int`), not as Python values.
pub fn stays_object(ty: &Type) -> bool {
    let base = ty.base();
    match info_of(ty) {
        Some(i) if i.code().is_some() => !base.is_some_and(|b| b.ptr_eq(simple::Simple::type_object())),
        _ => true,
    }
}

/// The value of a `ty` at `p`, a part of `base`.
pub fn get(ty: &Type, base: &CData, index: usize, p: *mut u8) -> PyResult<PyRef> {
    let info = concrete(ty)?;
    if let (Some(code), false) = (info.code(), stays_object(ty)) {
        // SAFETY: a part of the base's memory.
        return unsafe { simple::load(code, info.swapped, p) };
    }
    Ok(inside(ty, base, index, p)?.upcast())
}

/// Stores `value` as a `ty` at `p`. Returns what must be kept alive.
pub fn store(ty: &Type, value: &Object, size: usize, p: *mut u8) -> PyResult<PyRef> {
    let Some(src) = value.downcast::<CData>() else {
        let info = concrete(ty)?;
        return match info.kind {
            // SAFETY: a place of the type's size.
            Kind::Simple(code) => unsafe { simple::store(code, info.swapped, p, value) },
            _ if value.downcast::<Tuple>().is_some() => {
                let made = match value.downcast::<Tuple>() {
                    Some(t) => (**ty).call(t.as_slice()).map_err(|e| extend_error(e, ty))?,
                    None => return Err(abstract_class()),
                };
                store(ty, &made, size, p)
            }
            Kind::Pointer if value.is_none() => {
                // SAFETY: a place of pointer size.
                unsafe { p.cast::<*mut u8>().write_unaligned(core::ptr::null_mut()) };
                Ok(none_ref())
            }
            _ => Err(raise!(TypeError, "expected {} instance, got {}", ty.name_str(), value.ty().name_str())),
        };
    };
    if value.isinstance(ty)? {
        // SAFETY: both hold at least `size` bytes; they may overlap.
        unsafe { core::ptr::copy(src.data(), p, size.min(src.size())) };
        return kept_objects(src);
    }
    let info = concrete(ty)?;
    let from = concrete(value.ty())?;
    if info.kind == Kind::Pointer && from.kind == Kind::Array {
        let (a, b) = (info.proto.ptr(), from.proto.ptr());
        if a == b {
            // SAFETY: a place of pointer size.
            unsafe { p.cast::<*mut u8>().write_unaligned(src.data()) };
            let keep = kept_objects(src)?;
            return Ok(Tuple::from_refs(vec![keep, value.to_ref()])?.upcast());
        }
    }
    Err(raise!(
        TypeError,
        "incompatible types, {} instance instead of {} instance",
        value.ty().name_str(),
        ty.name_str()
    ))
}

/// `store` into a part of `base`, which keeps what is needed.
pub fn set(base: &CData, ty: &Type, value: &Object, index: usize, size: usize, p: *mut u8) -> PyResult<()> {
    let keep = store(ty, value, size, p)?;
    keep_ref(base, index, keep)
}

/// `RuntimeError: (T) TypeError: ...`: why a tuple could not become a struct.
fn extend_error(e: Raised, ty: &Type) -> Raised {
    let exc = e.take();
    let text = exc.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_else(|e| {
        e.clear();
        "???".into()
    });
    let name = exc.ty().name_str().to_string();
    raise!(RuntimeError, "({}) {}: {}", short_name(ty), name, text)
}

/// The name without its module.
pub fn short_name(ty: &Type) -> String {
    let n = ty.name_str();
    n.rsplit('.').next().unwrap_or(n).to_string()
}

// ------------------------------------------------------------------------------------------------ slots

/// `bf_getbuffer`.
/// # Safety
/// The slot's contract.
pub unsafe extern "C" fn getbuffer(op: *mut abi::PyObject, view: *mut abi::Py_buffer, flags: c_int) -> c_int {
    runtime::convert::guard_int(|| {
        if view.is_null() {
            return Ok(());
        }
        // SAFETY: the slot's contract; shape and format live as long as the type.
        unsafe {
            let o = Object::from_ptr(op);
            let d: &CData = o.cast();
            let Some(info) = info_of_instance(o) else { return Err(abstract_class()) };
            let mut item = info;
            let mut held;
            while item.kind == Kind::Array {
                match item.proto.get(o) {
                    Some(t) => {
                        held = t;
                        match info_of_type_object_static(&held) {
                            Some(i) => item = i,
                            None => break,
                        }
                    }
                    None => break,
                }
            }
            let v = &mut *view;
            v.buf = d.data().cast();
            v.obj = o.to_ref().into_ptr();
            v.len = d.size() as isize;
            v.readonly = 0;
            v.format = match &info.format {
                Some(f) => f.as_ptr().cast_mut(),
                None => c"B".as_ptr().cast_mut(),
            };
            v.ndim = info.ndim() as c_int;
            v.shape = if info.shape.is_empty() { core::ptr::null_mut() } else { info.shape.as_ptr().cast_mut() };
            v.itemsize = item.size as isize;
            v.strides = core::ptr::null_mut();
            v.suboffsets = core::ptr::null_mut();
            v.internal = core::ptr::null_mut();
            let _ = flags;
        }
        Ok(())
    })
}

/// A description that outlives the borrow: item types live as long as the array type that names them.
fn info_of_type_object_static(o: &Object) -> Option<&'static StgInfo> {
    // SAFETY: the exporting object keeps its type, which keeps the item type.
    super::info::info_of_type_object(o).map(|i| unsafe { &*(i as *const StgInfo) })
}

unsafe extern "C" fn dealloc(op: *mut abi::PyObject) {
    // SAFETY: the slot's contract.
    unsafe { runtime::objects::support::dealloc::<CData>(op) }
}

#[pyclass(
    name = "_CData",
    module = "_ctypes",
    flags = "DEFAULT|BASETYPE|HAVE_GC",
    doc = "Base class for C objects.",
    slots(tp_traverse = traverse::<CData>, tp_clear = clear::<CData>, tp_dealloc = dealloc, bf_getbuffer = getbuffer)
)]
impl CData {
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Err(raise!(TypeError, "unhashable type"))
    }
    #[pymethod]
    fn __ctypes_from_outparam__(&self) -> PyRef {
        self.to_ref()
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<PyRef> {
        let info = concrete(self.ty())?;
        if info.flags & (ISPOINTER | HASPOINTER) != 0 {
            return Err(raise!(ValueError, "ctypes objects containing pointers cannot be pickled"));
        }
        let dict = self.getattr(intern!("__dict__"))?;
        let unpickle = runtime::objects::support::import("_ctypes")?.getattr(intern!("_unpickle"))?;
        let state = Tuple::from_refs(vec![dict, Bytes::new(&self.bytes())?.upcast()])?.upcast();
        let args = Tuple::from_refs(vec![(**self.ty()).to_ref(), state])?.upcast();
        Ok(Tuple::from_refs(vec![unpickle, args])?.upcast())
    }
    #[pymethod(sig = "dict, data, /")]
    fn __setstate__(&self, dict: &Object, data: &Object) -> PyResult<()> {
        let Some(data) = data.downcast::<Bytes>() else {
            return Err(raise!(TypeError, "__setstate__() argument 2 must be bytes, not {}", data.ty().name_str()));
        };
        if dict.downcast::<Dict>().is_none() {
            return Err(raise!(TypeError, "__setstate__() argument 1 must be dict, not {}", dict.ty().name_str()));
        }
        let n = data.as_slice().len().min(self.size());
        // SAFETY: the object's memory, as many bytes as both have.
        unsafe { core::ptr::copy_nonoverlapping(data.as_slice().as_ptr(), self.data(), n) };
        let mine = self.getattr(intern!("__dict__"))?;
        match mine.downcast::<Dict>() {
            Some(d) => d.update(dict),
            None => Err(raise!(
                TypeError,
                "{}.__dict__ must be a dictionary, not {}",
                short_name(self.ty()),
                mine.ty().name_str()
            )),
        }
    }
    /// The base object.
    #[pygetset]
    fn _b_base_(&self) -> Option<PyRef> {
        self.base.get(self)
    }
    /// Whether the object owns the memory or not.
    #[pygetset]
    fn _b_needsfree_(&self) -> i32 {
        self.owns_memory() as i32
    }
    /// Internal objects tree (NEVER CHANGE THIS OBJECT!).
    #[pygetset]
    fn _objects(&self) -> Option<PyRef> {
        self.objects.get(self)
    }
}

/// Makes the slot functions of types that share `CData`'s layout.
pub fn new_slot(cls: &Type) -> PyResult<PyRef> {
    Ok(new_instance(cls)?.upcast())
}

/// A library's handle (`dll._handle`).
pub fn handle_of(dll: &Object) -> PyResult<*mut c_void> {
    let h = dll.getattr(intern!("_handle"))?;
    match h.downcast::<Int>() {
        Some(i) => Ok(i.as_u64_mask() as usize as *mut c_void),
        None => Err(raise!(TypeError, "the _handle attribute of the second argument must be an integer")),
    }
}

/// The address of a symbol, or the linker's message.
pub fn find_symbol(handle: *mut c_void, name: &str, what: &str) -> Result<*mut u8, String> {
    let Ok(c) = std::ffi::CString::new(name) else { return Err("embedded null character".into()) };
    // SAFETY: `dlerror` clears the old message, `dlsym` searches.
    unsafe {
        libc::dlerror();
        let p = libc::dlsym(handle, c.as_ptr());
        let e: *const c_char = libc::dlerror();
        if !e.is_null() {
            return Err(core::ffi::CStr::from_ptr(e).to_string_lossy().into_owned());
        }
        if p.is_null() {
            return Err(format!("{what} '{name}' not found"));
        }
        Ok(p.cast())
    }
}

/// `ctypes.CDLL`-independent check that an object is a type of ours.
pub fn is_ctype(o: &Object) -> bool {
    o.downcast::<Type>().is_some_and(|t| (**t).ty().is_subtype(meta::CTypeType::type_object()))
}
