//! `floatobject.h`, `complexobject.h`, `pystrtod.h`, `cpython/pyhash.h`.

use crate::export::{CText, fine};
use core::ffi::{c_char, c_int, c_void};
use runtime::abi;
use runtime::objects::{Complex, float};
use runtime::prelude::*;

/// `n` bytes in the order asked for.
unsafe fn pack<const N: usize>(mut bytes: [u8; N], p: *mut c_char, little: c_int) {
    if little == 0 {
        bytes.reverse();
    }
    // SAFETY: C passes N bytes.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), p.cast(), N) };
}

unsafe fn unpack<const N: usize>(p: *const c_char, little: c_int) -> [u8; N] {
    let mut bytes = [0u8; N];
    // SAFETY: C passes N bytes.
    unsafe { core::ptr::copy_nonoverlapping(p.cast(), bytes.as_mut_ptr(), N) };
    if little == 0 {
        bytes.reverse();
    }
    bytes
}

/// IEEE 754 half precision, rounded half to even; None when too large.
fn to_half(x: f64) -> Option<u16> {
    let sign = if x.is_sign_negative() { 0x8000u16 } else { 0 };
    if x.is_nan() {
        // The payload's upper bits, and never an infinity.
        let bits = ((x.to_bits() & 0x000f_ffff_ffff_ffff) >> 42) as u16;
        return Some(sign | 0x7c00 | if bits == 0 { 0x200 } else { bits });
    }
    if x.is_infinite() {
        return Some(sign | 0x7c00);
    }
    if x == 0.0 {
        return Some(sign);
    }
    let (f, e) = float::frexp(x.abs());
    let mut e = e - 1;
    let mut f = f * 2.0;
    if e >= 16 {
        return None;
    }
    let biased;
    if e < -25 {
        f = 0.0;
        biased = 0;
        e = 0;
    } else if e < -14 {
        f = float::ldexp(f, 14 + e);
        biased = 0;
    } else {
        f -= 1.0;
        biased = (e + 15) as u16;
    }
    let _ = e;
    let f = float::ldexp(f, 10);
    let mut bits = f as u16;
    let rest = f - f64::from(bits);
    if rest > 0.5 || (rest == 0.5 && bits % 2 == 1) {
        bits += 1;
    }
    let mut biased = biased;
    if bits == 1024 {
        bits = 0;
        biased += 1;
        if biased == 31 {
            return None;
        }
    }
    Some(sign | biased << 10 | bits)
}

fn from_half(h: u16) -> f64 {
    let sign = if h & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (e, f) = (i32::from(h >> 10 & 0x1f), h & 0x3ff);
    match e {
        31 if f == 0 => sign * f64::INFINITY,
        31 => f64::from_bits((u64::from(h & 0x8000) << 48) | 0x7ff0_0000_0000_0000 | u64::from(f) << 42),
        0 => sign * float::ldexp(f64::from(f), -24),
        _ => sign * float::ldexp(1.0 + f64::from(f) / 1024.0, e - 15),
    }
}

capi! {
    fn PyFloat_FromDouble(v: f64) -> *mut abi::PyObject {
        Float::new(v)
    }
    fn PyFloat_AsDouble(o: Option<&Object>) -> f64 {
        let o = o.ok_or_else(|| raise!(TypeError, "bad argument type for built-in operation"))?;
        float::as_f64(o)
    }
    fn PyFloat_FromString(o: &Object) -> *mut abi::PyObject {
        Float::new(float::from_string(o)?)
    }
    raw fn PyFloat_GetMax() -> f64 {
        fine(f64::MAX)
    }
    raw fn PyFloat_GetMin() -> f64 {
        fine(f64::MIN_POSITIVE)
    }
    fn PyFloat_GetInfo() -> *mut abi::PyObject {
        runtime::objects::exceptions::display::sys_get("float_info").ok_or_else(|| raise!(RuntimeError, "lost sys.float_info"))
    }
    fn PyFloat_Pack2(x: f64, p: *mut c_char, little: c_int) -> c_int {
        let half = to_half(x).ok_or_else(|| raise!(OverflowError, "float too large to pack with e format"))?;
        // SAFETY: C passes two bytes.
        unsafe { pack(half.to_le_bytes(), p, little) };
        Ok(())
    }
    fn PyFloat_Pack4(x: f64, p: *mut c_char, little: c_int) -> c_int {
        let single = x as f32;
        if x.is_nan() {
            // The conversion would make a signalling NaN quiet: the payload's upper bits are kept as they are.
            let bits = x.to_bits();
            let payload = (bits >> 29) as u32 & 0x7f_ffff;
            let quiet_if_empty = if payload == 0 { 0x40_0000 } else { payload };
            let out = ((bits >> 32) as u32 & 0x8000_0000) | 0x7f80_0000 | quiet_if_empty;
            // SAFETY: C passes four bytes.
            unsafe { pack(out.to_le_bytes(), p, little) };
            return Ok(());
        }
        if single.is_infinite() && !x.is_infinite() {
            return Err(raise!(OverflowError, "float too large to pack with f format"));
        }
        // SAFETY: C passes four bytes.
        unsafe { pack(single.to_le_bytes(), p, little) };
        Ok(())
    }
    raw fn PyFloat_Pack8(x: f64, p: *mut c_char, little: c_int) -> c_int {
        // SAFETY: C passes eight bytes.
        unsafe { pack(x.to_le_bytes(), p, little) };
        fine(0)
    }
    raw fn PyFloat_Unpack2(p: *const c_char, little: c_int) -> f64 {
        // SAFETY: C passes two bytes.
        fine(from_half(u16::from_le_bytes(unsafe { unpack(p, little) })))
    }
    raw fn PyFloat_Unpack4(p: *const c_char, little: c_int) -> f64 {
        // SAFETY: C passes four bytes.
        let bits = u32::from_le_bytes(unsafe { unpack(p, little) });
        let single = f32::from_bits(bits);
        fine(if single.is_nan() {
            f64::from_bits(u64::from(bits & 0x8000_0000) << 32 | 0x7ff0_0000_0000_0000 | u64::from(bits & 0x7f_ffff) << 29)
        } else {
            f64::from(single)
        })
    }
    raw fn PyFloat_Unpack8(p: *const c_char, little: c_int) -> f64 {
        // SAFETY: C passes eight bytes.
        fine(f64::from_le_bytes(unsafe { unpack(p, little) }))
    }

    fn PyComplex_FromDoubles(re: f64, im: f64) -> *mut abi::PyObject {
        Complex::new(re, im)
    }
    fn PyComplex_FromCComplex(c: abi::Py_complex) -> *mut abi::PyObject {
        Complex::new(c.real, c.imag)
    }
    fn PyComplex_AsCComplex(o: &Object) -> abi::Py_complex {
        let c = pair_of(o)?;
        Ok(abi::Py_complex { real: c.0, imag: c.1 })
    }
    fn PyComplex_RealAsDouble(o: &Object) -> f64 {
        match o.downcast::<Complex>() {
            Some(c) => Ok(c.real()),
            None => Ok(pair_of(o)?.0),
        }
    }
    fn PyComplex_ImagAsDouble(o: &Object) -> f64 {
        match o.downcast::<Complex>() {
            Some(c) => Ok(c.imag()),
            None if o.getattr_opt(intern!("__complex__"))?.is_some() => Ok(pair_of(o)?.1),
            None => o.as_f64().map(|_| 0.0),
        }
    }

    fn PyOS_string_to_double(s: CText<'_>, end: *mut *mut c_char, overflow: Option<&Object>) -> f64 {
        let bytes = s.to_bytes();
        let parsed = if bytes.first().is_some_and(|b| b.is_ascii_whitespace()) { None } else { float::text::parse_prefix(bytes) };
        let shown = || s.to_string_lossy().into_owned();
        let Some((value, used)) = parsed.filter(|(_, used)| *used > 0 && (!end.is_null() || *used == bytes.len())) else {
            if !end.is_null() {
                // SAFETY: C passes a place.
                unsafe { *end = s.as_ptr().cast_mut() };
            }
            return Err(raise!(ValueError, "could not convert string to float: '{}'", shown()));
        };
        if !end.is_null() {
            // SAFETY: C passes a place; `used` is within the string.
            unsafe { *end = s.as_ptr().add(used).cast_mut() };
        }
        let infinite_text = bytes.iter().take(2).any(|b| b.eq_ignore_ascii_case(&b'i'));
        if value.is_infinite() && !infinite_text {
            if let Some(t) = overflow {
                let message = Str::format(format_args!("value too large to convert to float: '{}'", shown()))?;
                return Err(crate::errors::raise_any(t, Some(&message)));
            }
        }
        Ok(value)
    }
    fn PyOS_double_to_string(v: f64, code: c_char, precision: c_int, flags: c_int, kind: *mut c_int) -> *mut c_char {
        if !kind.is_null() {
            let k = if v.is_nan() { 2 } else if v.is_infinite() { 1 } else { 0 };
            // SAFETY: C passes a place.
            unsafe { *kind = k };
        }
        let code = code as u8;
        if !b"eEfFgGr".contains(&code) || (code == b'r' && precision != 0) {
            return Err(crate::export::bad_internal_call());
        }
        let text = runtime::format::floats::format_float(v, code, precision.max(0) as usize, flags as u32);
        // SAFETY: a fresh block, filled whole.
        unsafe {
            let p = runtime::mem::domains::mem_malloc(text.len() + 1).cast::<c_char>();
            if p.is_null() {
                return Err(runtime::error::raise_none(exc::MemoryError()));
            }
            core::ptr::copy_nonoverlapping(text.as_ptr().cast(), p, text.len());
            *p.add(text.len()) = 0;
            Ok(p)
        }
    }

    raw fn Py_HashPointer(p: *const c_void) -> isize {
        fine(runtime::pyhash::hash_pointer(p))
    }
    raw fn Py_HashBuffer(p: *const c_void, len: isize) -> isize {
        // SAFETY: C passes that many bytes.
        fine(if len <= 0 { 0 } else { runtime::pyhash::hash_bytes(unsafe { core::slice::from_raw_parts(p.cast(), len as usize) }) })
    }
    raw fn _Py_HashDouble(owner: *mut abi::PyObject, v: f64) -> isize {
        fine(runtime::pyhash::hash_double(owner, v))
    }
    raw fn _Py_c_sum(a: abi::Py_complex, b: abi::Py_complex) -> abi::Py_complex {
        fine(abi::Py_complex { real: a.real + b.real, imag: a.imag + b.imag })
    }
    raw fn _Py_c_diff(a: abi::Py_complex, b: abi::Py_complex) -> abi::Py_complex {
        fine(abi::Py_complex { real: a.real - b.real, imag: a.imag - b.imag })
    }
    raw fn _Py_c_neg(a: abi::Py_complex) -> abi::Py_complex {
        fine(abi::Py_complex { real: -a.real, imag: -a.imag })
    }
    raw fn _Py_c_prod(a: abi::Py_complex, b: abi::Py_complex) -> abi::Py_complex {
        fine(from_pair(runtime::objects::complex::mul(to_pair(a), to_pair(b))))
    }
    /// Division by zero gives zero and sets errno.
    raw fn _Py_c_quot(a: abi::Py_complex, b: abi::Py_complex) -> abi::Py_complex {
        fine(match runtime::objects::complex::quot(to_pair(a), to_pair(b)) {
            Some(q) => from_pair(q),
            None => {
                set_errno(libc::EDOM);
                abi::Py_complex { real: 0.0, imag: 0.0 }
            }
        })
    }
    fn _Py_c_pow(a: abi::Py_complex, b: abi::Py_complex) -> abi::Py_complex {
        let (a, b) = (to_pair(a), to_pair(b));
        match runtime::objects::complex::pow(a, b) {
            Ok(c) => Ok(abi::Py_complex { real: c.real(), imag: c.imag() }),
            Err(e) => {
                let overflow = e.matches(exc::OverflowError());
                set_errno(if overflow { libc::ERANGE } else { libc::EDOM });
                e.clear();
                Ok(if overflow { from_pair(runtime::objects::complex::raw_pow(a, b).unwrap_or_default()) } else { from_pair((0.0, 0.0)) })
            }
        }
    }
    raw fn _Py_c_abs(a: abi::Py_complex) -> f64 {
        let v = a.real.hypot(a.imag);
        set_errno(if v.is_infinite() && a.real.is_finite() && a.imag.is_finite() { libc::ERANGE } else { 0 });
        fine(v)
    }
}

fn set_errno(code: c_int) {
    // SAFETY: the thread's own errno.
    unsafe { *libc::__errno_location() = code };
}

fn pair_of(o: &Object) -> PyResult<(f64, f64)> {
    runtime::objects::complex::as_complex(o)
}

fn to_pair(c: abi::Py_complex) -> (f64, f64) {
    (c.real, c.imag)
}

fn from_pair(p: (f64, f64)) -> abi::Py_complex {
    abi::Py_complex { real: p.0, imag: p.1 }
}
