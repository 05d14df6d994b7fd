//! One-character struct codes in native form: sizes, reading and writing single items. Shared by memoryview, `array` and
//! `_struct`.

use crate::prelude::*;

/// Size of a native item, or `None` for an unknown code.
pub fn native_size(code: u8) -> Option<usize> {
    Some(match code {
        b'c' | b'b' | b'B' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' | b'F' => 8,
        b'D' => 16,
        _ => return None,
    })
}

/// IEEE half precision to double.
pub fn half_to_f64(h: u16) -> f64 {
    let (sign, exp, frac) = (h >> 15, (h >> 10 & 31) as i32, (h & 0x3FF) as f64);
    let v = match exp {
        0 => frac * 2f64.powi(-24),
        31 if frac == 0.0 => f64::INFINITY,
        31 => return f64::from_bits(0x7FF0_0000_0000_0000 | (sign as u64) << 63 | ((h & 0x3FF) as u64) << 42),
        e => (1.0 + frac / 1024.0) * 2f64.powi(e - 15),
    };
    if sign != 0 { -v } else { v }
}

/// Double to IEEE half precision, rounding half to even; `None` when it overflows.
pub fn f64_to_half(v: f64) -> Option<u16> {
    let sign = (v.is_sign_negative() as u16) << 15;
    if v.is_nan() {
        let payload = (v.to_bits() >> 42 & 0x3FF) as u16;
        return Some(sign | 0x7C00 | if payload == 0 { 0x200 } else { payload });
    }
    let a = v.abs();
    if a.is_infinite() {
        return Some(sign | 0x7C00);
    }
    if a < 2f64.powi(-14) {
        // Subnormal: a multiple of 2**-24.
        return Some(sign | (a * 2f64.powi(24)).round_ties_even() as u16);
    }
    let e = ((a.to_bits() >> 52) as i32) - 1023;
    let m = (a * 2f64.powi(10 - e)).round_ties_even() as u32;
    let (m, e) = if m == 2048 { (1024, e + 1) } else { (m, e) };
    if e > 15 {
        return None;
    }
    Some(sign | ((e + 15) as u16) << 10 | (m as u16 & 0x3FF))
}

/// Reads a native item.
///
/// # Safety
/// `p` points to an item of that code, of any alignment.
pub unsafe fn unpack(code: u8, p: *const u8) -> PyResult<PyRef> {
    macro_rules! rd {
        ($t:ty) => {
            // SAFETY: the caller's promise.
            unsafe { p.cast::<$t>().read_unaligned() }
        };
    }
    Ok(match code {
        b'b' => Int::from_i64(rd!(i8) as i64)?.upcast(),
        b'B' => Int::from_i64(rd!(u8) as i64)?.upcast(),
        b'c' => Bytes::single(rd!(u8)).upcast(),
        b'?' => Bool::of(rd!(u8) != 0).to_ref(),
        b'h' => Int::from_i64(rd!(i16) as i64)?.upcast(),
        b'H' => Int::from_i64(rd!(u16) as i64)?.upcast(),
        b'i' => Int::from_i64(rd!(i32) as i64)?.upcast(),
        b'I' => Int::from_i64(rd!(u32) as i64)?.upcast(),
        b'l' | b'q' | b'n' => Int::from_i64(rd!(i64))?.upcast(),
        b'L' | b'Q' | b'N' | b'P' => Int::from_u64(rd!(u64))?.upcast(),
        b'e' => Float::new(half_to_f64(rd!(u16)))?.upcast(),
        b'f' => Float::new(rd!(f32) as f64)?.upcast(),
        b'd' => Float::new(rd!(f64))?.upcast(),
        b'F' => crate::objects::Complex::new(rd!([f32; 2])[0] as f64, rd!([f32; 2])[1] as f64)?.upcast(),
        b'D' => crate::objects::Complex::new(rd!([f64; 2])[0], rd!([f64; 2])[1])?.upcast(),
        _ => return Err(raise!(NotImplementedError, "format {} not supported", code as char)),
    })
}

/// Why an item could not be written.
pub enum PackError {
    /// Wrong type; an exception may be replaced.
    Type,
    /// Out of range.
    Value,
    Raised(Raised),
}

impl From<Raised> for PackError {
    fn from(e: Raised) -> PackError {
        PackError::Raised(e)
    }
}

fn int_of(v: &Object, low: i128, high: i128) -> Result<i128, PackError> {
    if !v.index_check() {
        return Err(PackError::Type);
    }
    let i = v.index()?;
    let x = match i.try_i64() {
        Some(x) => x as i128,
        None if i.sign() > 0 && i.bit_length() <= 64 => {
            u64::try_from(i.to_bigint()).map_err(|_| PackError::Value)? as i128
        }
        None => return Err(PackError::Value),
    };
    if x < low || x > high { Err(PackError::Value) } else { Ok(x) }
}

fn float_of(v: &Object) -> Result<f64, PackError> {
    match v.as_f64() {
        Ok(x) => Ok(x),
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            Err(PackError::Type)
        }
        Err(e) => Err(PackError::Raised(e)),
    }
}

/// Writes a native item.
///
/// # Safety
/// `p` points to room for an item of that code, of any alignment.
pub unsafe fn pack(code: u8, p: *mut u8, v: &Object) -> Result<(), PackError> {
    macro_rules! int {
        ($t:ty) => {{
            let x = int_of(v, <$t>::MIN as i128, <$t>::MAX as i128)?;
            // SAFETY: the caller's promise.
            unsafe { p.cast::<$t>().write_unaligned(x as $t) }
        }};
    }
    macro_rules! put {
        ($x:expr) => {{
            let x = $x;
            // SAFETY: the caller's promise.
            unsafe { core::ptr::copy_nonoverlapping((&raw const x).cast::<u8>(), p, size_of_val(&x)) }
        }};
    }
    match code {
        b'b' => int!(i8),
        b'B' => int!(u8),
        b'h' => int!(i16),
        b'H' => int!(u16),
        b'i' => int!(i32),
        b'I' => int!(u32),
        b'l' | b'q' | b'n' => int!(i64),
        b'L' | b'Q' | b'N' => int!(u64),
        b'P' => {
            let x = int_of(v, i64::MIN as i128, u64::MAX as i128)?;
            put!(x as u64)
        }
        b'c' => match v.downcast::<Bytes>() {
            Some(b) if b.len() == 1 => put!(b.as_slice()[0]),
            Some(_) => return Err(PackError::Value),
            None => return Err(PackError::Type),
        },
        b'?' => put!(v.is_true()? as u8),
        b'e' => match f64_to_half(float_of(v)?) {
            Some(h) => put!(h),
            None => return Err(raise!(OverflowError, "float too large to pack with e format").into()),
        },
        b'f' => {
            let x = float_of(v)?;
            if (x as f32).is_infinite() && x.is_finite() {
                return Err(raise!(OverflowError, "float too large to pack with f format").into());
            }
            put!(x as f32)
        }
        b'd' => put!(float_of(v)?),
        b'F' | b'D' => {
            let (re, im) = match v.downcast::<crate::objects::Complex>() {
                Some(c) => (c.real(), c.imag()),
                None => (float_of(v)?, 0.0),
            };
            if code == b'F' { put!([re as f32, im as f32]) } else { put!([re, im]) }
        }
        _ => return Err(raise!(NotImplementedError, "format {} not supported", code as char).into()),
    }
    Ok(())
}
