//! Reading and writing the C fields that `PyMemberDef` describes.

use crate::prelude::*;
use crate::typeobject::cabi::text;
use core::sync::atomic::{AtomicPtr, Ordering::*};

macro_rules! numbers {
    ($base:expr, $m:expr; $($k:pat => $t:ty),*) => {
        match $m.type_ {
            // SAFETY: a member's offset lies inside its object.
            $($k => return Ok(Int::from_i64(unsafe { *$base.offset($m.offset).cast::<$t>() } as i64)?.upcast()),)*
            _ => {}
        }
    };
}

/// `PyMember_GetOne`.
///
/// # Safety
/// `base` is an object with the field.
pub unsafe fn get_one(base: *mut u8, m: &abi::PyMemberDef) -> PyResult<PyRef> {
    if m.flags & abi::Py_RELATIVE_OFFSET != 0 {
        return Err(raise!(SystemError, "PyMember_GetOne used with Py_RELATIVE_OFFSET"));
    }
    // SAFETY: the caller's promise.
    unsafe {
        numbers!(base, m; abi::Py_T_BYTE => i8, abi::Py_T_UBYTE => u8, abi::Py_T_SHORT => i16, abi::Py_T_USHORT => u16,
            abi::Py_T_INT => i32, abi::Py_T_UINT => u32, abi::Py_T_LONG => i64, abi::Py_T_LONGLONG => i64, abi::Py_T_PYSSIZET => isize);
        let p = base.offset(m.offset);
        Ok(match m.type_ {
            abi::Py_T_BOOL => Bool::of(*p.cast::<u8>() != 0).to_ref(),
            abi::Py_T_ULONG | abi::Py_T_ULONGLONG => Int::from_u64(*p.cast::<u64>())?.upcast(),
            abi::Py_T_FLOAT => Float::new(*p.cast::<f32>() as f64)?.upcast(),
            abi::Py_T_DOUBLE => Float::new(*p.cast::<f64>())?.upcast(),
            abi::Py_T_STRING => {
                let s = *p.cast::<*const core::ffi::c_char>();
                if s.is_null() { none_ref() } else { Str::new(&text(s))?.upcast() }
            }
            abi::Py_T_STRING_INPLACE => Str::new(&text(p.cast()))?.upcast(),
            abi::Py_T_CHAR => Str::from_latin1(&[*p])?.upcast(),
            abi::_Py_T_OBJECT | abi::Py_T_OBJECT_EX => {
                let a = AtomicPtr::from_ptr(p.cast::<*mut abi::PyObject>());
                let v = match crate::thread::load_ref(a) {
                    Some(v) => Some(v),
                    None if a.load(Acquire).is_null() => None,
                    None => crate::thread::critical(Object::from_ptr(base.cast()), || {
                        let q = a.load(Acquire);
                        if q.is_null() { None } else { Some(crate::mem::refcount::new_ref_with_lock(q)) }
                    }),
                };
                match v {
                    Some(v) => v,
                    None if m.type_ == abi::_Py_T_OBJECT => none_ref(),
                    None => {
                        let o = Object::from_ptr(base.cast());
                        return Err(raise!(
                            AttributeError,
                            "'{}' object has no attribute '{}'",
                            o.ty().full_name()?.to_string_lossy(),
                            text(m.name)
                        ));
                    }
                }
            }
            abi::_Py_T_NONE => none_ref(),
            _ => return Err(raise!(SystemError, "bad memberdescr type for {}", text(m.name))),
        })
    }
}

/// `PyMember_SetOne`.
///
/// # Safety
/// `base` is an object with the field.
pub unsafe fn set_one(base: *mut u8, m: &abi::PyMemberDef, v: Option<&Object>) -> PyResult<()> {
    if m.flags & abi::Py_RELATIVE_OFFSET != 0 {
        return Err(raise!(SystemError, "PyMember_SetOne used with Py_RELATIVE_OFFSET"));
    }
    if m.flags & abi::Py_READONLY != 0 {
        return Err(raise!(AttributeError, "readonly attribute"));
    }
    // SAFETY: the caller's promise.
    unsafe {
        let p = base.offset(m.offset);
        let Some(v) = v else {
            match m.type_ {
                abi::Py_T_OBJECT_EX => {
                    if (*p.cast::<*mut abi::PyObject>()).is_null() {
                        let o = Object::from_ptr(base.cast());
                        return Err(raise!(
                            AttributeError,
                            "'{}' object has no attribute '{}'",
                            o.ty().full_name()?.to_string_lossy(),
                            text(m.name)
                        ));
                    }
                }
                abi::_Py_T_OBJECT => {}
                _ => return Err(raise!(TypeError, "can't delete numeric/char attribute")),
            }
            replace(base, p.cast(), None);
            return Ok(());
        };
        macro_rules! int {
            ($t:ty, $name:literal) => {{
                let i = v.index()?;
                match i.try_i64() {
                    Some(n) => {
                        *p.cast::<$t>() = n as $t;
                        if <$t>::try_from(n).is_err() {
                            crate::error::warn(exc::RuntimeWarning(), concat!("Truncation of value to ", $name), 1)?;
                        }
                    }
                    None => return Err(raise!(OverflowError, "Python int too large to convert to C long")),
                }
            }};
        }
        match m.type_ {
            abi::Py_T_BOOL => {
                if v.downcast_exact::<Bool>().is_none() {
                    return Err(raise!(TypeError, "attribute value type must be bool"));
                }
                *p = v.is(true_()) as u8;
            }
            abi::Py_T_BYTE => int!(i8, "char"),
            abi::Py_T_UBYTE => int!(u8, "unsigned char"),
            abi::Py_T_SHORT => int!(i16, "short"),
            abi::Py_T_USHORT => int!(u16, "unsigned short"),
            abi::Py_T_INT => int!(i32, "int"),
            abi::Py_T_UINT => {
                // Out of range of a C long it is an overflow, else a truncation that is warned of.
                let i = v.index()?;
                match i.try_i64() {
                    Some(n) => {
                        *p.cast::<u32>() = n as u32;
                        if n < 0 {
                            crate::error::warn(exc::RuntimeWarning(), "Writing negative value into unsigned field", 1)?;
                        } else if n > i64::from(u32::MAX) {
                            crate::error::warn(exc::RuntimeWarning(), "Truncation of value to unsigned int", 1)?;
                        }
                    }
                    None => {
                        *p.cast::<u32>() = v.as_u64()? as u32;
                        crate::error::warn(exc::RuntimeWarning(), "Truncation of value to unsigned int", 1)?;
                    }
                }
            }
            abi::Py_T_LONG | abi::Py_T_LONGLONG => *p.cast::<i64>() = v.as_i64()?,
            abi::Py_T_PYSSIZET => {
                let i = v.downcast::<Int>().ok_or_else(|| raise!(TypeError, "an integer is required"))?;
                *p.cast::<isize>() = i.as_isize()?;
            }
            abi::Py_T_ULONG | abi::Py_T_ULONGLONG => {
                let i = v.index()?;
                *p.cast::<u64>() = match i.try_i64() {
                    Some(n) if n < 0 => {
                        crate::error::warn(exc::RuntimeWarning(), "Writing negative value into unsigned field", 1)?;
                        n as u64
                    }
                    Some(n) => n as u64,
                    None => v.as_u64()?,
                }
            }
            abi::Py_T_FLOAT => *p.cast::<f32>() = v.as_f64()? as f32,
            abi::Py_T_DOUBLE => *p.cast::<f64>() = v.as_f64()?,
            abi::_Py_T_OBJECT | abi::Py_T_OBJECT_EX => replace(base, p.cast(), Some(v)),
            abi::Py_T_CHAR => {
                let c = v.downcast::<Str>().filter(|s| s.len() == 1 && s.is_ascii()).map(|s| s.char_at(0) as u8);
                match c {
                    Some(c) => *p = c,
                    None => return Err(raise!(TypeError, "bad argument type for built-in operation")),
                }
            }
            abi::Py_T_STRING | abi::Py_T_STRING_INPLACE => return Err(raise!(TypeError, "readonly attribute")),
            _ => return Err(raise!(SystemError, "bad memberdescr type for {}", text(m.name))),
        }
        Ok(())
    }
}

/// Replaces an object field that lock-free readers may be reading.
unsafe fn replace(base: *mut u8, p: *mut *mut abi::PyObject, v: Option<&Object>) {
    // SAFETY: the field owns its reference.
    unsafe {
        if let Some(v) = v {
            if !v.is_immortal() {
                crate::mem::refcount::set_maybe_weakref(v.as_ptr());
            }
        }
        let new = v.map_or(core::ptr::null_mut(), |v| v.to_ref().into_ptr());
        let old = crate::thread::critical(Object::from_ptr(base.cast()), || AtomicPtr::from_ptr(p).swap(new, AcqRel));
        drop(PyRef::from_ptr_opt(old));
    }
}
