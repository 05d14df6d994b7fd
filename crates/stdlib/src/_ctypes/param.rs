//! Arguments on their way to C: `CArgObject` (what `byref` returns), and the conversion of Python values.

use super::cdata::CData;
use super::info::{Kind, info_of, pointer_ffi, scalar};
use super::simple;
use core::ffi::c_void;
use libffi_sys as ffi;
use macros::pyclass;
use runtime::objects::support::{Slot, alloc, clear, dealloc, track, traverse};
use runtime::prelude::*;

/// Runs `f` one level deeper, or raises RecursionError.
pub fn recursive<R>(place: &str, f: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    runtime::protocol::call::enter_recursive_call(place)?;
    let r = f();
    runtime::protocol::call::leave_recursive_call();
    r
}

/// The bytes of one argument.
pub enum Native {
    /// A scalar, as large as the largest.
    Value([u64; 4]),
    /// An aggregate passed by value.
    Block(Box<[u64]>),
}

impl Native {
    pub fn pointer(p: *const u8) -> Native {
        Native::Value([p as usize as u64, 0, 0, 0])
    }
    /// A copy of `n` bytes.
    /// # Safety
    /// `p` points to as many.
    pub unsafe fn copy(p: *const u8, n: usize) -> Native {
        // SAFETY: the caller's promise; both destinations are large enough.
        unsafe {
            if n <= 32 {
                let mut v = [0u64; 4];
                core::ptr::copy_nonoverlapping(p, v.as_mut_ptr().cast(), n);
                Native::Value(v)
            } else {
                let mut b = vec![0u64; n.div_ceil(8)].into_boxed_slice();
                core::ptr::copy_nonoverlapping(p, b.as_mut_ptr().cast(), n);
                Native::Block(b)
            }
        }
    }
    pub fn as_ptr(&self) -> *const u8 {
        match self {
            Native::Value(v) => v.as_ptr().cast(),
            Native::Block(b) => b.as_ptr().cast(),
        }
    }
    fn word(&self) -> u64 {
        match self {
            Native::Value(v) => v[0],
            Native::Block(_) => 0,
        }
    }
    fn duplicate(&self) -> Native {
        match self {
            Native::Value(v) => Native::Value(*v),
            Native::Block(b) => Native::Block(b.clone()),
        }
    }
}

/// `_ctypes.CArgObject`: a converted argument, with what keeps it valid.
#[repr(C)]
pub struct CArg {
    header: abi::PyObject,
    pub object: Slot,
    data: Option<Box<CArgData>>,
}
struct CArgData {
    tag: u8,
    ffi: *mut ffi::ffi_type,
    value: Native,
    size: usize,
}
impl runtime::objects::support::Fields for CArg {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        f(&self.object);
    }
    fn release(&self) {
        // SAFETY: called once, by the deallocator.
        unsafe { core::ptr::drop_in_place((&raw const self.data).cast_mut()) };
    }
}

impl CArg {
    pub fn new(
        tag: u8,
        ffi: *mut ffi::ffi_type,
        value: Native,
        object: Option<PyRef>,
        size: usize,
    ) -> PyResult<Ref<CArg>> {
        let r = alloc::<CArg>(CArg::type_object())?;
        // SAFETY: a new object.
        unsafe { (&raw mut (*r.as_raw()).data).write(Some(Box::new(CArgData { tag, ffi, value, size }))) };
        if let Some(o) = object {
            r.object.init(o);
        }
        Ok(track(r))
    }
    pub fn tag(&self) -> u8 {
        self.data.as_ref().map_or(0, |d| d.tag)
    }
}

#[pyclass(
    name = "CArgObject",
    module = "_ctypes",
    flags = "DEFAULT|HAVE_GC",
    slots(tp_traverse = traverse::<CArg>, tp_clear = clear::<CArg>, tp_dealloc = dealloc::<CArg>)
)]
impl CArg {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let Some(d) = &self.data else { return Str::new("<cparam>") };
        let w = d.value.word();
        let tag = d.tag as char;
        // SAFETY: the bytes are of the tag's kind.
        let text = unsafe {
            match d.tag {
                b'b' | b'B' | b'h' | b'H' | b'i' | b'I' | b'l' | b'L' | b'q' | b'Q' => {
                    simple::load(d.tag, false, d.value.as_ptr())?.str()?.to_string_lossy().into_owned()
                }
                b'f' | b'd' | b'g' => {
                    simple::load(d.tag, false, d.value.as_ptr())?.repr()?.to_string_lossy().into_owned()
                }
                b'c' => {
                    let c = w as u8;
                    return if (0x20..0x7f).contains(&c) {
                        let q =
                            if c == b'\'' || c == b'\\' { format!("\\{}", c as char) } else { (c as char).to_string() };
                        Str::format(format_args!("<cparam '{tag}' ('{q}')>"))
                    } else {
                        Str::format(format_args!("<cparam '{tag}' ('\\x{c:02x}')>"))
                    };
                }
                b'z' | b'Z' | b'P' => format!("{w:#x}"),
                _ => {
                    let c = d.tag;
                    return if (0x20..0x7f).contains(&c) {
                        Str::format(format_args!("<cparam '{}' at {:#x}>", tag, self.as_ptr() as usize))
                    } else {
                        Str::format(format_args!("<cparam {:#04x} at {:#x}>", c, self.as_ptr() as usize))
                    };
                }
            }
        };
        Str::format(format_args!("<cparam '{tag}' ({text})>"))
    }
    /// the wrapped object
    #[pygetset]
    fn _obj(&self) -> Option<PyRef> {
        self.object.get(self)
    }
}

/// `from_param` of a scalar: the value in C form.
pub fn scalar_arg(code: u8, value: &Object) -> PyResult<Ref<CArg>> {
    let Some((size, _, f)) = scalar(code) else { return Err(raise!(TypeError, "abstract class")) };
    let mut v = [0u64; 4];
    // SAFETY: room for the largest scalar.
    let keep = unsafe { simple::store(code, false, v.as_mut_ptr().cast(), value)? };
    CArg::new(code, f, Native::Value(v), Some(keep), size)
}

/// `byref(obj, offset)`.
pub fn byref(d: &CData, offset: isize) -> PyResult<Ref<CArg>> {
    CArg::new(b'P', pointer_ffi(), Native::pointer(d.data().wrapping_offset(offset)), Some((**d).to_ref()), 8)
}

/// How an instance is passed when no `argtypes` say otherwise.
pub fn instance_arg(d: &CData) -> PyResult<Ref<CArg>> {
    let info = super::cdata::concrete(d.ty())?;
    let me = Some((**d).to_ref());
    match info.kind {
        Kind::Simple(code) => {
            // SAFETY: the object's own bytes.
            let mut v = unsafe { Native::copy(d.data(), info.size) };
            if info.swapped
                && let Native::Value(w) = &mut v
            {
                // SAFETY: the first `size` bytes of the value.
                unsafe { core::slice::from_raw_parts_mut(w.as_mut_ptr().cast::<u8>(), info.size) }.reverse();
            }
            CArg::new(code, info.ffi, v, me, info.size)
        }
        Kind::Pointer | Kind::Function => CArg::new(b'P', pointer_ffi(), Native::pointer(d.pointee()), me, 8),
        Kind::Array => CArg::new(b'P', pointer_ffi(), Native::pointer(d.data()), me, 8),
        Kind::Struct | Kind::Union => {
            // SAFETY: the object's own bytes.
            CArg::new(b'V', info.ffi, unsafe { Native::copy(d.data(), info.size) }, me, info.size)
        }
    }
}

/// One argument of a call: its type, its bytes, and what must live until the call ends.
pub struct Argument {
    pub ffi: *mut ffi::ffi_type,
    pub value: Native,
    _keep: Option<PyRef>,
}

/// Converts a value as it comes out of `from_param`, or as the caller gave it; `index` counts from 1.
pub fn convert(o: &Object, index: usize) -> PyResult<Argument> {
    if let Some(d) = o.downcast::<CData>()
        && info_of(o.ty()).is_some()
    {
        let a = instance_arg(d)?;
        return from_carg(&a, a.to_ref());
    }
    if let Some(a) = o.downcast::<CArg>() {
        return from_carg(a, o.to_ref());
    }
    if o.is_none() {
        return Ok(Argument { ffi: pointer_ffi(), value: Native::pointer(core::ptr::null()), _keep: None });
    }
    if let Some(i) = o.downcast::<Int>() {
        let v = match (i.try_i64(), i.try_u64()) {
            (Some(v), _) => v as u64,
            (None, Some(v)) => v,
            _ => return Err(raise!(OverflowError, "int too long to convert")),
        };
        return Ok(Argument { ffi: &raw mut ffi::ffi_type_sint32, value: Native::Value([v, 0, 0, 0]), _keep: None });
    }
    if let Some(b) = o.downcast::<Bytes>() {
        return Ok(Argument { ffi: pointer_ffi(), value: Native::pointer(b.data_ptr()), _keep: Some(o.to_ref()) });
    }
    if let Some(s) = o.downcast::<Str>() {
        let (p, keep): (*mut c_void, PyRef) = simple::wide_copy(s)?;
        return Ok(Argument { ffi: pointer_ffi(), value: Native::pointer(p.cast()), _keep: Some(keep) });
    }
    if let Some(p) = super::meta::as_parameter(o)? {
        return recursive(" while processing _as_parameter_", || convert(&p, index));
    }
    Err(raise!(TypeError, "Don't know how to convert parameter {}", index))
}

fn from_carg(a: &CArg, keep: PyRef) -> PyResult<Argument> {
    match &a.data {
        Some(d) => {
            let _ = d.size;
            Ok(Argument { ffi: d.ffi, value: d.value.duplicate(), _keep: Some(keep) })
        }
        None => Err(raise!(TypeError, "bad argument")),
    }
}
