//! Scalars: `_SimpleCData`, and how each code is read from and written to memory.

use super::cdata::{self, CData, new_instance};
use super::info::info_of_instance;
use core::ffi::c_void;
use macros::pyclass;
use runtime::objects::{ByteArray, Complex};
use runtime::prelude::*;
use runtime::py_layout;

/// An 80-bit extended float from a double, as the 10 bytes that x87 stores. Elsewhere `long double` is treated as `double`.
fn to_x87(v: f64) -> [u8; 16] {
    let mut out = [0u8; 16];
    if !cfg!(target_arch = "x86_64") {
        out[..8].copy_from_slice(&v.to_ne_bytes());
        return out;
    }
    let bits = v.to_bits();
    let sign = ((bits >> 63) as u16) << 15;
    let exp = ((bits >> 52) & 0x7ff) as i32;
    let frac = bits & ((1 << 52) - 1);
    let (e, m) = match (exp, frac) {
        (0, 0) => (0u16, 0u64),
        (0, f) => {
            let shift = f.leading_zeros();
            ((16383 - 1022 - (shift as i32 - 11)) as u16, f << shift)
        }
        (0x7ff, f) => (0x7fff, (1 << 63) | (f << 11)),
        (e, f) => ((e - 1023 + 16383) as u16, (1 << 63) | (f << 11)),
    };
    out[..8].copy_from_slice(&m.to_le_bytes());
    out[8..10].copy_from_slice(&(e | sign).to_le_bytes());
    out
}

/// The nearest double of an x87 extended float.
fn from_x87(b: &[u8; 16]) -> f64 {
    if !cfg!(target_arch = "x86_64") {
        return f64::from_ne_bytes(b[..8].try_into().unwrap_or_default());
    }
    let m = u64::from_le_bytes(b[..8].try_into().unwrap_or_default());
    let se = u16::from_le_bytes([b[8], b[9]]);
    let sign = if se & 0x8000 != 0 { -1.0 } else { 1.0 };
    let e = (se & 0x7fff) as i32;
    if e == 0x7fff {
        return if m << 1 == 0 { sign * f64::INFINITY } else { f64::NAN };
    }
    if m == 0 {
        return sign * 0.0;
    }
    // Rounded once when the value is normal: 64 bits to 53, then an exact scaling.
    let mut exp = e - 16383 - 63;
    let mut v = m as f64;
    while exp > 1000 {
        v *= 2f64.powi(1000);
        exp -= 1000;
    }
    while exp < -1000 {
        v *= 2f64.powi(-1000);
        exp += 1000;
    }
    sign * v * 2f64.powi(exp)
}

unsafe fn read<const N: usize>(p: *const u8, swapped: bool) -> [u8; N] {
    // SAFETY: the caller has N bytes.
    let mut b: [u8; N] = unsafe { p.cast::<[u8; N]>().read_unaligned() };
    if swapped {
        b.reverse();
    }
    b
}

unsafe fn write<const N: usize>(p: *mut u8, mut b: [u8; N], swapped: bool) {
    if swapped {
        b.reverse();
    }
    // SAFETY: the caller has N bytes.
    unsafe { p.cast::<[u8; N]>().write_unaligned(b) }
}

/// Characters up to a NUL.
/// # Safety
/// `p` points to such an array.
pub unsafe fn wide_string(p: *const u32, limit: Option<usize>) -> PyResult<Ref<Str>> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut n = 0;
        while limit.is_none_or(|l| n < l) && p.add(n).read_unaligned() != 0 {
            n += 1;
        }
        wide_exact(p, n)
    }
}

/// `n` characters.
/// # Safety
/// `p` points to as many.
pub unsafe fn wide_exact(p: *const u32, n: usize) -> PyResult<Ref<Str>> {
    // SAFETY: the caller's promise.
    let v: Vec<u32> = (0..n).map(|i| unsafe { p.add(i).read_unaligned() }).collect();
    if let Some(bad) = v.iter().find(|&&c| c > 0x10ffff) {
        return Err(raise!(ValueError, "character U+{:x} is not in range [U+0000; U+10ffff]", bad));
    }
    Str::from_ucs4(&v)
}

/// Reads a scalar.
/// # Safety
/// `p` points to one of the code's size.
pub unsafe fn load(code: u8, swapped: bool, p: *const u8) -> PyResult<PyRef> {
    // SAFETY: the caller's promise, for every arm.
    unsafe {
        macro_rules! int {
            ($t:ty, $from:ident) => {
                Int::$from(<$t>::from_ne_bytes(read(p, swapped)).into())?.upcast()
            };
        }
        macro_rules! float {
            ($t:ty) => {
                Float::new(<$t>::from_ne_bytes(read(p, swapped)).into())?.upcast()
            };
        }
        Ok(match code {
            b'b' => int!(i8, from_i64),
            b'B' => int!(u8, from_i64),
            b'h' => int!(i16, from_i64),
            b'H' => int!(u16, from_i64),
            b'i' => int!(i32, from_i64),
            b'I' => int!(u32, from_i64),
            b'l' | b'q' => int!(i64, from_i64),
            b'L' | b'Q' => int!(u64, from_u64),
            b'f' => float!(f32),
            b'd' => float!(f64),
            b'g' => Float::new(from_x87(&read(p, false)))?.upcast(),
            b'F' => Complex::new(
                f32::from_ne_bytes(read(p, swapped)).into(),
                f32::from_ne_bytes(read(p.add(4), swapped)).into(),
            )?
            .upcast(),
            b'D' => Complex::new(f64::from_ne_bytes(read(p, swapped)), f64::from_ne_bytes(read(p.add(8), swapped)))?
                .upcast(),
            b'G' => Complex::new(from_x87(&read(p, false)), from_x87(&read(p.add(16), false)))?.upcast(),
            b'?' => (**Bool::of(*p != 0)).to_ref(),
            b'v' => (**Bool::of(i16::from_ne_bytes(read(p, false)) != 0)).to_ref(),
            b'c' => Bytes::new(&[*p])?.upcast(),
            b'u' => wide_exact(p.cast(), 1)?.upcast(),
            b'z' => {
                let s = p.cast::<*const core::ffi::c_char>().read_unaligned();
                if s.is_null() { none_ref() } else { Bytes::new(core::ffi::CStr::from_ptr(s).to_bytes())?.upcast() }
            }
            b'Z' => {
                let s = p.cast::<*const u32>().read_unaligned();
                if s.is_null() { none_ref() } else { wide_string(s, None)?.upcast() }
            }
            b'P' => {
                let v = p.cast::<usize>().read_unaligned();
                if v == 0 { none_ref() } else { Int::from_u64(v as u64)?.upcast() }
            }
            b'O' => {
                let o = p.cast::<*mut abi::PyObject>().read_unaligned();
                match Object::from_ptr_opt(o) {
                    Some(o) => o.to_ref(),
                    None => return Err(raise!(ValueError, "PyObject is NULL")),
                }
            }
            _ => return Err(raise!(SystemError, "bad ctypes code")),
        })
    }
}

/// The low 64 bits of an int, as C conversions take them.
fn masked(v: &Object) -> PyResult<u64> {
    match v.downcast::<Int>() {
        Some(i) => Ok(i.as_u64_mask()),
        None if v.index_check() => Ok(v.index()?.as_u64_mask()),
        None => Err(raise!(TypeError, "int expected instead of {} instance", v.ty().name_str())),
    }
}

unsafe extern "C" fn free_wide(capsule: *mut abi::PyObject) {
    // SAFETY: a capsule made below.
    unsafe {
        if let Ok(p) = runtime::objects::capsule::get_pointer(Object::from_ptr(capsule), WIDE_NAME.as_ptr()) {
            runtime::mem::domains::mem_free(p);
        }
    }
}
const WIDE_NAME: &core::ffi::CStr = c"_ctypes/cfield.c wchar_t buffer from unicode";

/// A copy of a string as `wchar_t`, with the capsule that owns it.
pub fn wide_copy(s: &Str) -> PyResult<(*mut c_void, PyRef)> {
    let n = s.len();
    // SAFETY: a block for all characters and the NUL, owned by the capsule from then on.
    unsafe {
        let p: *mut u32 = runtime::mem::domains::mem_malloc((n + 1) * 4).cast();
        if p.is_null() {
            return Err(runtime::objects::support::no_memory());
        }
        for (i, c) in s.chars().enumerate() {
            p.add(i).write(c);
        }
        p.add(n).write(0);
        let keep = runtime::objects::capsule::new(p.cast(), WIDE_NAME.as_ptr(), Some(free_wide))?;
        Ok((p.cast(), keep))
    }
}

/// Writes a scalar. Returns what must stay alive, or `None`.
/// # Safety
/// `p` points to one of the code's size.
pub unsafe fn store(code: u8, swapped: bool, p: *mut u8, v: &Object) -> PyResult<PyRef> {
    // SAFETY: the caller's promise, for every arm.
    unsafe {
        macro_rules! int {
            ($t:ty) => {
                write(p, (masked(v)? as $t).to_ne_bytes(), swapped)
            };
        }
        match code {
            b'b' | b'B' => int!(u8),
            b'h' | b'H' => int!(u16),
            b'i' | b'I' => int!(u32),
            b'l' | b'L' | b'q' | b'Q' => int!(u64),
            b'f' => {
                let x = v.as_f64()?;
                let y = x as f32;
                if y.is_infinite() && x.is_finite() {
                    return Err(raise!(OverflowError, "float too large to pack with f format"));
                }
                write(p, y.to_ne_bytes(), swapped);
            }
            b'd' => write(p, v.as_f64()?.to_ne_bytes(), swapped),
            b'g' => write(p, to_x87(v.as_f64()?), false),
            b'F' | b'D' | b'G' => {
                let (re, im) = complex_parts(v)?;
                match code {
                    b'F' => {
                        write(p, (re as f32).to_ne_bytes(), swapped);
                        write(p.add(4), (im as f32).to_ne_bytes(), swapped);
                    }
                    b'D' => {
                        write(p, re.to_ne_bytes(), swapped);
                        write(p.add(8), im.to_ne_bytes(), swapped);
                    }
                    _ => {
                        write(p, to_x87(re), false);
                        write(p.add(16), to_x87(im), false);
                    }
                }
            }
            b'?' => *p = v.is_true()? as u8,
            b'v' => write(p, (if v.is_true()? { -1i16 } else { 0 }).to_ne_bytes(), false),
            b'c' => *p = one_byte(v)?,
            b'u' => {
                let Some(s) = v.downcast::<Str>() else {
                    return Err(raise!(
                        TypeError,
                        "a unicode character expected, not instance of {}",
                        v.ty().name_str()
                    ));
                };
                if s.len() != 1 {
                    return Err(raise!(TypeError, "a unicode character expected, not a string of length {}", s.len()));
                }
                write(p, s.char_at(0).to_ne_bytes(), false);
            }
            b'z' => {
                if v.is_none() {
                    write(p, 0usize.to_ne_bytes(), false);
                } else if let Some(b) = v.downcast::<Bytes>() {
                    write(p, (b.data_ptr() as usize).to_ne_bytes(), false);
                    return Ok(v.to_ref());
                } else if let Some(i) = v.downcast::<Int>() {
                    write(p, i.as_u64_mask().to_ne_bytes(), false);
                } else {
                    return Err(raise!(
                        TypeError,
                        "bytes or integer address expected instead of {} instance",
                        v.ty().name_str()
                    ));
                }
            }
            b'Z' => {
                if v.is_none() {
                    write(p, 0usize.to_ne_bytes(), false);
                } else if let Some(i) = v.downcast::<Int>() {
                    write(p, i.as_u64_mask().to_ne_bytes(), false);
                } else if let Some(s) = v.downcast::<Str>() {
                    let (q, keep) = wide_copy(s)?;
                    write(p, (q as usize).to_ne_bytes(), false);
                    return Ok(keep);
                } else {
                    return Err(raise!(
                        TypeError,
                        "unicode string or integer address expected instead of {} instance",
                        v.ty().name_str()
                    ));
                }
            }
            b'P' => {
                if v.is_none() {
                    write(p, 0usize.to_ne_bytes(), false);
                } else if let Some(i) = v.downcast::<Int>() {
                    write(p, i.as_u64_mask().to_ne_bytes(), false);
                } else {
                    return Err(raise!(TypeError, "cannot be converted to pointer"));
                }
            }
            b'O' => {
                write(p, (v.as_ptr() as usize).to_ne_bytes(), false);
                return Ok(v.to_ref());
            }
            _ => return Err(raise!(SystemError, "bad ctypes code")),
        }
        Ok(none_ref())
    }
}

fn complex_parts(v: &Object) -> PyResult<(f64, f64)> {
    if let Some(c) = v.downcast::<Complex>() {
        return Ok((c.real(), c.imag()));
    }
    if let Some(r) = v.lookup_special(intern!("__complex__"))? {
        let c = r.call0()?;
        if let Some(c) = c.downcast::<Complex>() {
            return Ok((c.real(), c.imag()));
        }
        return Err(raise!(TypeError, "__complex__() should return a complex, not '{}'", c.ty().name_str()));
    }
    Ok((v.as_f64()?, 0.0))
}

fn one_byte(v: &Object) -> PyResult<u8> {
    let what = "one character bytes, bytearray, or an integer in range(256) expected";
    if let Some(b) = v.downcast::<Bytes>() {
        return match b.as_slice() {
            [c] => Ok(*c),
            s => Err(raise!(TypeError, "{}, not bytes of length {}", what, s.len())),
        };
    }
    if let Some(b) = v.downcast::<ByteArray>() {
        let s = b.to_vec();
        return match s[..] {
            [c] => Ok(c),
            _ => Err(raise!(TypeError, "{}, not bytearray of length {}", what, s.len())),
        };
    }
    if let Some(i) = v.downcast::<Int>() {
        return match i.try_i64() {
            Some(n @ 0..=255) => Ok(n as u8),
            _ => Err(raise!(TypeError, "integer not in range(256)")),
        };
    }
    Err(raise!(TypeError, "{}, not {}", what, v.ty().name_str()))
}

#[repr(C)]
pub struct Simple(CData);
py_layout!(Simple, SIMPLE_TYPE_OBJECT);
/// `_ctypes._SimpleCData`.
pub static mut SIMPLE_TYPE_OBJECT: Type = runtime::objects::singletons::unready_type();

impl Simple {
    fn code(&self) -> PyResult<(u8, bool)> {
        match info_of_instance(self).and_then(|i| i.code().map(|c| (c, i.swapped))) {
            Some(c) => Ok(c),
            None => Err(raise!(TypeError, "abstract class")),
        }
    }
    fn read_value(&self) -> PyResult<PyRef> {
        let (code, swapped) = self.code()?;
        // SAFETY: the object's own bytes.
        unsafe { load(code, swapped, self.0.data()) }
    }
}

#[pyclass(
    name = "_SimpleCData",
    module = "_ctypes",
    type_object = SIMPLE_TYPE_OBJECT,
    base = CData,
    flags = "DEFAULT|BASETYPE|HAVE_GC",
    doc = "XXX to be provided",
    slots(bf_getbuffer = cdata::getbuffer)
)]
impl Simple {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(new_instance(cls)?.upcast())
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if args.args.len() > 1 {
            return Err(raise!(TypeError, "__init__ expected at most 1 argument, got {}", args.args.len()));
        }
        match args.get(0) {
            Some(v) => self.set_value(Some(v)),
            None => Ok(()),
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let t = self.ty();
        if !t.base().is_some_and(|b| b.ptr_eq(Simple::type_object())) {
            return Str::format(format_args!("<{} object at {:#x}>", cdata::short_name(t), self.as_ptr() as usize));
        }
        let v = self.read_value()?.repr()?;
        Str::format(format_args!("{}({})", cdata::short_name(t), v.to_string_lossy()))
    }
    #[slot]
    fn nb_bool(&self) -> PyResult<bool> {
        // SAFETY: the object's own bytes.
        Ok(unsafe { core::slice::from_raw_parts(self.0.data(), self.0.size()) }.iter().any(|&b| b != 0))
    }
    #[pymethod]
    fn __ctypes_from_outparam__(&self) -> PyResult<PyRef> {
        if cdata::stays_object(self.ty()) { Ok(self.to_ref()) } else { self.read_value() }
    }
    /// current value
    #[pygetset]
    fn value(&self) -> PyResult<PyRef> {
        self.read_value()
    }
    #[pysetter]
    fn set_value(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "can't delete attribute")) };
        let (code, swapped) = self.code()?;
        // SAFETY: the object's own bytes.
        let keep = unsafe { store(code, swapped, self.0.data(), v)? };
        cdata::keep_ref(&self.0, 0, keep)
    }
}

/// `module.qualname`, as default reprs show a type.
pub fn qualified(t: &Type) -> String {
    let name = t.name_str().to_string();
    match t.getattr(intern!("__module__")) {
        Ok(m) => match (m.downcast::<Str>(), t.getattr(intern!("__qualname__"))) {
            (Some(m), Ok(q)) => match q.downcast::<Str>() {
                Some(q) => format!("{}.{}", m.to_string_lossy(), q.to_string_lossy()),
                None => name,
            },
            _ => name,
        },
        Err(e) => {
            e.clear();
            name
        }
    }
}

/// The name that error messages show: qualified unless the type is a built-in one.
pub fn qualified_type_name(t: &Type) -> String {
    if t.is_heap_type() { qualified(t) } else { t.name_str().to_string() }
}
