//! `longobject.h`, `cpython/longintrepr.h`, `boolobject.h`.

use crate::export::{CText, bad_internal_call, fine, null_error};
use core::ffi::{c_char, c_int, c_long, c_longlong, c_uchar, c_uint, c_ulong, c_ulonglong, c_void};
use runtime::abi;
use runtime::prelude::*;

/// An int by `__index__`; a plain TypeError for what has none.
fn int_of(o: &Object) -> PyResult<Ref<Int>> {
    match o.downcast::<Int>() {
        Some(i) => Ok(Ref::new_ref(i)),
        None => o.index(),
    }
}

/// Only an int; TypeError "an integer is required" else.
fn strict(o: &Object) -> PyResult<&Int> {
    o.downcast::<Int>().ok_or_else(|| raise!(TypeError, "an integer is required"))
}

fn i64_of(o: &Object, message: &str) -> PyResult<i64> {
    if let Some(v) = o.downcast::<Int>().and_then(Int::try_i64) {
        return Ok(v);
    }
    let i = int_of(o)?;
    i.try_i64().ok_or_else(|| raise!(OverflowError, "{}", message))
}

/// Value and overflow sign: (-1, ±1) when it does not fit.
unsafe fn with_overflow(o: &Object, overflow: *mut c_int) -> PyResult<i64> {
    // SAFETY: C passes a place.
    unsafe { *overflow = 0 };
    let i = int_of(o)?;
    match i.try_i64() {
        Some(v) => Ok(v),
        None => {
            // SAFETY: as above.
            unsafe { *overflow = if i.is_negative() { -1 } else { 1 } };
            Ok(-1)
        }
    }
}

fn narrow<T: TryFrom<i64>>(o: &Object, message: &str) -> PyResult<T> {
    let v = i64_of(o, message)?;
    T::try_from(v).map_err(|_| raise!(OverflowError, "{}", message))
}

/// Flags of the native-bytes functions.
const BIG_ENDIAN: c_int = 0;
fn is_little(flags: c_int) -> bool {
    // -1 (defaults) and "native" mean the machine's order.
    flags == -1 || flags & 2 != 0 || flags & 1 != BIG_ENDIAN
}

/// Two's complement of any length, cut or sign-extended; returns the size that would hold all of it.
fn to_native(i: &Int, out: &mut [u8], flags: c_int) -> PyResult<isize> {
    let little = is_little(flags);
    let mut all = vec![0u8; i.bit_length() / 8 + 1];
    i.write_bytes(&mut all, true, true)?;
    let fill = if i.is_negative() { 0xff } else { 0 };
    let n = out.len();
    for k in 0..n {
        let byte = all.get(k).copied().unwrap_or(fill);
        out[if little { k } else { n - 1 - k }] = byte;
    }
    let mut needed = all.len();
    if i.is_compact() {
        // A machine word, unless it fits what was asked for.
        let word = size_of::<usize>();
        let only_sign = needed == n + 1 && all[n] == 0;
        let unsigned = flags != -1 && flags & 4 != 0;
        return Ok(match n {
            _ if n >= word => word,
            _ if needed <= n || only_sign && unsigned => n,
            _ if only_sign => n + 1,
            _ => word,
        } as isize);
    }
    // A positive number whose top bit is the sign bit fits an unsigned buffer.
    if flags != -1 && flags & 4 != 0 && needed == n + 1 && all[n] == 0 {
        needed = n;
    }
    Ok(needed as isize)
}

fn exact_int(o: &Object) -> PyResult<&Int> {
    o.downcast::<Int>().ok_or_else(|| raise!(TypeError, "expected int, got {}", o.ty().tp_name()))
}

/// A handle of `PyLongWriter`: the int under construction is a list of digits.
struct Writer {
    negative: bool,
    digits: Vec<u32>,
}

#[repr(C)]
struct Layout(abi::PyLongLayout);
// SAFETY: read only.
unsafe impl Sync for Layout {}
static LAYOUT: Layout = Layout(abi::PyLongLayout {
    bits_per_digit: 30,
    digit_size: 4,
    digits_order: -1,
    digit_endianness: if cfg!(target_endian = "little") { -1 } else { 1 },
});

capi! {
    fn PyLong_FromLong(v: c_long) -> *mut abi::PyObject {
        Int::from_i64(v)
    }
    fn PyLong_FromUnsignedLong(v: c_ulong) -> *mut abi::PyObject {
        Int::from_u64(v)
    }
    fn PyLong_FromLongLong(v: c_longlong) -> *mut abi::PyObject {
        Int::from_i64(v)
    }
    fn PyLong_FromUnsignedLongLong(v: c_ulonglong) -> *mut abi::PyObject {
        Int::from_u64(v)
    }
    fn PyLong_FromSsize_t(v: isize) -> *mut abi::PyObject {
        Int::from_isize(v)
    }
    fn PyLong_FromSize_t(v: usize) -> *mut abi::PyObject {
        Int::from_usize(v)
    }
    fn PyLong_FromInt32(v: c_int) -> *mut abi::PyObject {
        Int::from_i64(v.into())
    }
    fn PyLong_FromUInt32(v: c_uint) -> *mut abi::PyObject {
        Int::from_u64(v.into())
    }
    fn PyLong_FromInt64(v: c_long) -> *mut abi::PyObject {
        Int::from_i64(v)
    }
    fn PyLong_FromUInt64(v: c_ulong) -> *mut abi::PyObject {
        Int::from_u64(v)
    }
    fn PyLong_FromVoidPtr(p: *mut c_void) -> *mut abi::PyObject {
        Int::from_usize(p as usize)
    }
    fn PyLong_FromDouble(v: f64) -> *mut abi::PyObject {
        Int::from_f64(v)
    }
    fn PyLong_FromString(s: CText<'_>, end: *mut *mut c_char, base: c_int) -> *mut abi::PyObject {
        if (base != 0 && base < 2) || base > 36 {
            return Err(raise!(ValueError, "int() arg 2 must be >= 2 and <= 36"));
        }
        if !end.is_null() {
            // SAFETY: C passes a place; a number that does not parse leaves it at the start.
            unsafe { *end = s.as_ptr().cast_mut() };
        }
        let bytes = s.to_bytes();
        let i = Int::from_bytes_text(bytes, base as u32, None)?;
        if !end.is_null() {
            // SAFETY: within the string, at its zero.
            unsafe { *end = s.as_ptr().add(bytes.len()).cast_mut() };
        }
        Ok(i)
    }
    fn PyLong_FromUnicodeObject(s: &Str, base: c_int) -> *mut abi::PyObject {
        if base != 0 && !(2..=36).contains(&base) {
            return Err(raise!(ValueError, "int() arg 2 must be >= 2 and <= 36"));
        }
        Int::from_str_object(s, base as u32)
    }
    fn PyLong_AsLong(o: &Object) -> c_long {
        i64_of(o, "Python int too large to convert to C long")
    }
    fn PyLong_AsLongLong(o: &Object) -> c_longlong {
        i64_of(o, "int too big to convert")
    }
    fn PyLong_AsInt(o: &Object) -> c_int {
        narrow::<c_int>(o, "Python int too large to convert to C int")
    }
    fn PyLong_AsSsize_t(o: Option<&Object>) -> isize {
        strict(o.ok_or_else(bad_internal_call)?)?.as_isize()
    }
    fn PyLong_AsSize_t(o: Option<&Object>) -> usize {
        strict(o.ok_or_else(bad_internal_call)?)?.as_usize()
    }
    fn PyLong_AsUnsignedLong(o: Option<&Object>) -> c_ulong {
        strict(o.ok_or_else(bad_internal_call)?)?.as_u64()
    }
    fn PyLong_AsUnsignedLongLong(o: Option<&Object>) -> c_ulonglong {
        let i = strict(o.ok_or_else(bad_internal_call)?)?;
        if i.is_negative() {
            return Err(raise!(OverflowError, "can't convert negative int to unsigned"));
        }
        i.try_u64().ok_or_else(|| raise!(OverflowError, "int too big to convert"))
    }
    fn PyLong_AsUnsignedLongMask(o: Option<&Object>) -> c_ulong {
        Ok(int_of(o.ok_or_else(bad_internal_call)?)?.as_u64_mask())
    }
    fn PyLong_AsUnsignedLongLongMask(o: Option<&Object>) -> c_ulonglong {
        Ok(int_of(o.ok_or_else(bad_internal_call)?)?.as_u64_mask())
    }
    fn PyLong_AsLongAndOverflow(o: Option<&Object>, overflow: *mut c_int) -> c_long {
        // SAFETY: C passes a place; it is 0 for every error too.
        unsafe { *overflow = 0 };
        // SAFETY: C passes a place for the sign.
        unsafe { with_overflow(o.ok_or_else(bad_internal_call)?, overflow) }
    }
    fn PyLong_AsLongLongAndOverflow(o: Option<&Object>, overflow: *mut c_int) -> c_longlong {
        // SAFETY: as above.
        unsafe { *overflow = 0 };
        // SAFETY: C passes a place for the sign.
        unsafe { with_overflow(o.ok_or_else(bad_internal_call)?, overflow) }
    }
    fn PyLong_AsInt32(o: Option<&Object>, value: *mut i32) -> c_int {
        let v = narrow(o.ok_or_else(bad_internal_call)?, "Python int too large to convert to C int32_t")?;
        // SAFETY: C passes a place.
        unsafe { *value = v };
        Ok(())
    }
    fn PyLong_AsInt64(o: Option<&Object>, value: *mut i64) -> c_int {
        let v = i64_of(o.ok_or_else(bad_internal_call)?, "Python int too large to convert to C int64_t")?;
        // SAFETY: C passes a place.
        unsafe { *value = v };
        Ok(())
    }
    fn PyLong_AsUInt32(o: Option<&Object>, value: *mut u32) -> c_int {
        let v = unsigned(o.ok_or_else(bad_internal_call)?, "uint32_t")?;
        let v = u32::try_from(v).map_err(|_| raise!(OverflowError, "Python int too large to convert to C uint32_t"))?;
        // SAFETY: C passes a place.
        unsafe { *value = v };
        Ok(())
    }
    fn PyLong_AsUInt64(o: Option<&Object>, value: *mut u64) -> c_int {
        let v = unsigned(o.ok_or_else(bad_internal_call)?, "uint64_t")?;
        // SAFETY: C passes a place.
        unsafe { *value = v };
        Ok(())
    }
    fn PyLong_AsDouble(o: Option<&Object>) -> f64 {
        strict(o.ok_or_else(bad_internal_call)?)?.to_f64()
    }
    fn PyLong_AsVoidPtr(o: &Object) -> *mut c_void {
        let i = strict(o)?;
        let v = if i.is_negative() { i.as_i64()? as usize } else { i.as_u64()? as usize };
        Ok(v as *mut c_void)
    }
    fn PyLong_AsNativeBytes(o: Option<&Object>, buffer: *mut c_void, size: isize, flags: c_int) -> isize {
        let o = o.ok_or_else(bad_internal_call)?;
        let i = match o.downcast::<Int>() {
            Some(i) => Ref::new_ref(i),
            None if flags != -1 && flags & 16 != 0 => o.index()?,
            None => return Err(raise!(TypeError, "expect int, got {}", o.ty().tp_name())),
        };
        if flags != -1 && flags & 8 != 0 && i.is_negative() {
            return Err(raise!(ValueError, "Cannot convert negative int"));
        }
        // Asked for the size only: a machine word is enough for what fits in one.
        if size <= 0 && i.is_compact() {
            return Ok(size_of::<usize>() as isize);
        }
        let out: &mut [u8] = if size <= 0 {
            &mut []
        } else {
            // SAFETY: C passes a buffer of that size.
            unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size as usize) }
        };
        to_native(&i, out, flags)
    }
    fn PyLong_FromNativeBytes(buffer: *const c_void, size: usize, flags: c_int) -> *mut abi::PyObject {
        if buffer.is_null() {
            return Err(bad_internal_call());
        }
        // SAFETY: C passes a buffer of that size.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), size) };
        Int::from_byte_slice(bytes, is_little(flags), flags == -1 || flags & 4 == 0)
    }
    fn PyLong_FromUnsignedNativeBytes(buffer: *const c_void, size: usize, flags: c_int) -> *mut abi::PyObject {
        if buffer.is_null() {
            return Err(bad_internal_call());
        }
        // SAFETY: C passes a buffer of that size.
        let bytes = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), size) };
        Int::from_byte_slice(bytes, is_little(flags), false)
    }
    fn _PyLong_FromByteArray(bytes: *const c_uchar, n: usize, little: c_int, signed: c_int) -> *mut abi::PyObject {
        // SAFETY: C passes a buffer of that size.
        let bytes = unsafe { core::slice::from_raw_parts(bytes, n) };
        Int::from_byte_slice(bytes, little != 0, signed != 0)
    }
    fn _PyLong_AsByteArray(o: &Object, bytes: *mut c_uchar, n: usize, little: c_int, signed: c_int, with_exceptions: c_int) -> c_int {
        // SAFETY: C passes an int and a buffer of that size.
        let (i, out) = unsafe { (o.cast::<Int>(), core::slice::from_raw_parts_mut(bytes, n)) };
        match i.write_bytes(out, little != 0, signed != 0) {
            Err(e) if with_exceptions == 0 => {
                e.clear();
                Ok(-1)
            }
            done => done.map(|()| 0),
        }
    }
    fn _PyLong_NumBits(o: &Object) -> i64 {
        // SAFETY: C passes an int.
        fine(unsafe { o.cast::<Int>() }.bit_length() as i64)
    }
    fn _PyLong_Sign(o: &Object) -> c_int {
        // SAFETY: C passes an int.
        fine(unsafe { o.cast::<Int>() }.sign())
    }
    fn PyLong_GetSign(o: &Object, sign: *mut c_int) -> c_int {
        let s = exact_int(o)?.sign();
        // SAFETY: C passes a place.
        unsafe { *sign = s };
        Ok(())
    }
    fn PyLong_IsPositive(o: &Object) -> c_int {
        Ok(exact_int(o)?.sign() > 0)
    }
    fn PyLong_IsNegative(o: &Object) -> c_int {
        Ok(exact_int(o)?.sign() < 0)
    }
    fn PyLong_IsZero(o: &Object) -> c_int {
        Ok(exact_int(o)?.is_zero())
    }
    fn PyUnstable_Long_IsCompact(o: &Object) -> c_int {
        // SAFETY: C passes an int.
        fine(unsafe { o.cast::<Int>() }.is_compact())
    }
    fn PyUnstable_Long_CompactValue(o: &Object) -> isize {
        // SAFETY: C passes a compact int.
        fine(unsafe { o.cast::<Int>() }.compact_value() as isize)
    }
    fn _PyLong_GCD(a: &Object, b: &Object) -> *mut abi::PyObject {
        let gcd = runtime::objects::exceptions::display::import("math")?.getattr(intern!("gcd"))?;
        gcd.call(&[a, b])
    }
    fn _PyLong_Copy(o: &Object) -> *mut abi::PyObject {
        // SAFETY: C passes an int.
        let i = unsafe { o.cast::<Int>() };
        Int::from_digits(i.digits(), i.is_negative())
    }
    fn _PyLong_FromDigits(negative: c_int, count: isize, digits: *mut u32) -> *mut abi::PyObject {
        // SAFETY: C passes that many digits.
        Int::from_digits(unsafe { core::slice::from_raw_parts(digits, count.max(0) as usize) }, negative != 0)
    }
    fn PyLong_GetInfo() -> *mut abi::PyObject {
        runtime::objects::exceptions::display::sys_get("int_info").ok_or_else(|| raise!(RuntimeError, "lost sys.int_info"))
    }
    raw fn PyLong_GetNativeLayout() -> *const abi::PyLongLayout {
        fine(&raw const LAYOUT.0)
    }
    fn PyLong_Export(o: &Object, export: *mut abi::PyLongExport) -> c_int {
        let i = o.downcast::<Int>().ok_or_else(|| raise!(TypeError, "expected int, got {}", o.ty().tp_name()))?;
        // SAFETY: C passes a place for the description; the digits live as long as the int, which is kept until it is freed.
        unsafe {
            match i.try_i64() {
                Some(v) => {
                    *export = abi::PyLongExport { value: v, negative: 0, ndigits: 0, digits: core::ptr::null_mut(), _reserved: 0 };
                }
                None => {
                    *export = abi::PyLongExport {
                        value: 0,
                        negative: i.is_negative().into(),
                        ndigits: i.ndigits() as isize,
                        digits: i.digits().as_ptr().cast_mut().cast(),
                        _reserved: o.to_ref().into_ptr() as usize,
                    };
                }
            }
        }
        Ok(())
    }
    fn PyLong_FreeExport(export: *mut abi::PyLongExport) {
        // SAFETY: filled by `PyLong_Export`; the reserved field owns the int.
        unsafe { drop(PyRef::from_ptr_opt(core::mem::replace(&mut (*export)._reserved, 0) as *mut abi::PyObject)) };
        Ok(())
    }
    fn PyLongWriter_Create(negative: c_int, ndigits: isize, digits: *mut *mut c_void) -> *mut c_void {
        if ndigits <= 0 {
            return Err(raise!(ValueError, "ndigits must be positive"));
        }
        let mut w = Box::new(Writer { negative: negative != 0, digits: vec![0; ndigits as usize] });
        // SAFETY: C passes a place; the digits do not move until the writer is finished.
        unsafe { *digits = w.digits.as_mut_ptr().cast() };
        Ok(Box::into_raw(w).cast::<c_void>())
    }
    fn PyLongWriter_Finish(writer: *mut c_void) -> *mut abi::PyObject {
        if writer.is_null() {
            return Err(null_error());
        }
        // SAFETY: made by `PyLongWriter_Create`, finished once.
        let w = unsafe { Box::from_raw(writer.cast::<Writer>()) };
        Int::from_digits(&w.digits, w.negative)
    }
    fn PyLongWriter_Discard(writer: *mut c_void) {
        if !writer.is_null() {
            // SAFETY: made by `PyLongWriter_Create`, finished once.
            drop(unsafe { Box::from_raw(writer.cast::<Writer>()) });
        }
        Ok(())
    }
    fn PyBool_FromLong(v: c_long) -> *mut abi::PyObject {
        fine(if v != 0 { true_().to_ref() } else { false_().to_ref() })
    }
    raw fn PyOS_strtol(s: *const c_char, end: *mut *mut c_char, base: c_int) -> c_long {
        // SAFETY: C passes a C string.
        fine(unsafe { libc::strtol(s, end, base) })
    }
    raw fn PyOS_strtoul(s: *const c_char, end: *mut *mut c_char, base: c_int) -> c_ulong {
        // SAFETY: C passes a C string.
        fine(unsafe { libc::strtoul(s, end, base) })
    }
}

fn unsigned(o: &Object, what: &str) -> PyResult<u64> {
    let i = int_of(o)?;
    if i.is_negative() {
        return Err(raise!(ValueError, "Cannot convert negative int"));
    }
    i.try_u64().ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C {}", what))
}

/// The converters of generated argument parsing.
macro_rules! converters {
    ($($name:ident $t:ty, $text:expr);* $(;)?) => {
        capi! {$(
            fn $name(o: &Object, target: *mut c_void) -> c_int {
                let i = match converter_value(o, $text).map(|v| <$t>::try_from(v)) {
                    Ok(Ok(v)) => v,
                    Ok(Err(_)) => {
                        let _ = raise!(OverflowError, "Python int too large to convert to C {}", $text);
                        return Ok(0);
                    }
                    Err(_) => return Ok(0),
                };
                // SAFETY: C passes a place of that type.
                unsafe { *target.cast::<$t>() = i };
                Ok(1)
            }
        )*}
    };
}
fn converter_value(o: &Object, what: &str) -> PyResult<u64> {
    let i = int_of(o)?;
    if i.is_negative() {
        return Err(raise!(ValueError, "value must be positive"));
    }
    i.try_u64().ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C {}", what))
}
converters! {
    _PyLong_UnsignedShort_Converter u16, "unsigned short";
    _PyLong_UnsignedInt_Converter u32, "unsigned int";
    _PyLong_UnsignedLong_Converter u64, "unsigned long";
    _PyLong_UnsignedLongLong_Converter u64, "unsigned long long";
    _PyLong_Size_t_Converter usize, "size_t";
    _PyLong_UInt8_Converter u8, "uint8_t";
    _PyLong_UInt16_Converter u16, "uint16_t";
    _PyLong_UInt32_Converter u32, "uint32_t";
    _PyLong_UInt64_Converter u64, "uint64_t";
}
