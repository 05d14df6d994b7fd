//! Numbers: binary and unary operations with coercion, conversions to integers and floats.

use super::{failed, own};
use crate::error::Raised;
use crate::prelude::*;
use abi::PyObject;

type P = *mut PyObject;
type Binary = unsafe extern "C" fn(P, P) -> P;
type Ternary = unsafe extern "C" fn(P, P, P) -> P;

macro_rules! slot {
    ($o:expr, $f:ident) => {
        // SAFETY: a type's number table lives as long as the type.
        unsafe { $o.ty().slots().tp_as_number.as_ref() }.and_then(|n| n.$f)
    };
}
macro_rules! seq_slot {
    ($o:expr, $f:ident) => {
        // SAFETY: a type's sequence table lives as long as the type.
        unsafe { $o.ty().slots().tp_as_sequence.as_ref() }.and_then(|n| n.$f)
    };
}

#[cold]
fn unsupported(a: &Object, b: &Object, op: &str) -> Raised {
    raise!(TypeError, "unsupported operand type(s) for {}: '{}' and '{}'", op, a.ty().tp_name(), b.ty().tp_name())
}

/// Tries both operands' slots, a subclass on the right first; `None` for NotImplemented.
#[inline]
fn binary(a: &Object, b: &Object, fa: Option<Binary>, fb: Option<Binary>) -> PyResult<Option<PyRef>> {
    let same = a.ty().ptr_eq(b.ty());
    super::enter_recursive_call("")?;
    let mut fb = if same { None } else { fb.filter(|g| fa.is_none_or(|f| !core::ptr::fn_addr_eq(f, *g))) };
    // SAFETY: C slots.
    unsafe {
        if let Some(f) = fa {
            if let Some(g) = fb {
                if b.ty().is_subtype(a.ty()) {
                    let r = own(g(a.as_ptr(), b.as_ptr()))?;
                    if !r.is(not_implemented()) {
                        return Ok(Some(r));
                    }
                    fb = None;
                }
            }
            let r = own(f(a.as_ptr(), b.as_ptr()))?;
            if !r.is(not_implemented()) {
                return Ok(Some(r));
            }
        }
        if let Some(g) = fb {
            let r = own(g(a.as_ptr(), b.as_ptr()))?;
            if !r.is(not_implemented()) {
                return Ok(Some(r));
            }
        }
    }
    Ok(None)
}

fn inplace(a: &Object, b: &Object, fi: Option<Binary>) -> PyResult<Option<PyRef>> {
    if let Some(f) = fi {
        super::enter_recursive_call("")?;
        // SAFETY: a C slot.
        let r = unsafe { own(f(a.as_ptr(), b.as_ptr()))? };
        if !r.is(not_implemented()) {
            return Ok(Some(r));
        }
    }
    Ok(None)
}

fn repeat_with(f: unsafe extern "C" fn(P, isize) -> P, seq: &Object, n: &Object) -> PyResult<PyRef> {
    if !n.index_check() {
        return Err(raise!(TypeError, "can't multiply sequence by non-int of type '{}'", n.ty().tp_name()));
    }
    let n = n.as_isize_or(exc::OverflowError())?;
    // SAFETY: a C slot.
    unsafe { own(f(seq.as_ptr(), n)) }
}

impl Object {
    pub fn add(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_add), slot!(other, nb_add))? {
            return Ok(r);
        }
        if let Some(f) = seq_slot!(self, sq_concat) {
            // SAFETY: a C slot.
            let r = unsafe { own(f(self.as_ptr(), other.as_ptr()))? };
            if !r.is(not_implemented()) {
                return Ok(r);
            }
        }
        Err(unsupported(self, other, "+"))
    }

    pub fn sub(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_subtract), slot!(other, nb_subtract))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "-"))
    }

    pub fn mul(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_multiply), slot!(other, nb_multiply))? {
            return Ok(r);
        }
        if let Some(f) = seq_slot!(self, sq_repeat) {
            return repeat_with(f, self, other);
        }
        if let Some(f) = seq_slot!(other, sq_repeat) {
            return repeat_with(f, other, self);
        }
        Err(unsupported(self, other, "*"))
    }

    pub fn matmul(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_matrix_multiply), slot!(other, nb_matrix_multiply))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "@"))
    }

    pub fn truediv(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_true_divide), slot!(other, nb_true_divide))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "/"))
    }

    pub fn floordiv(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_floor_divide), slot!(other, nb_floor_divide))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "//"))
    }

    pub fn rem(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_remainder), slot!(other, nb_remainder))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "%"))
    }

    pub fn divmod(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_divmod), slot!(other, nb_divmod))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "divmod()"))
    }

    pub fn lshift(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_lshift), slot!(other, nb_lshift))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "<<"))
    }

    pub fn rshift(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_rshift), slot!(other, nb_rshift))? {
            return Ok(r);
        }
        Err(unsupported(self, other, ">>"))
    }

    pub fn and(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_and), slot!(other, nb_and))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "&"))
    }

    pub fn or(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_or), slot!(other, nb_or))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "|"))
    }

    pub fn xor(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = binary(self, other, slot!(self, nb_xor), slot!(other, nb_xor))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "^"))
    }

    pub fn inplace_add(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_add))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_add), slot!(other, nb_add))? {
            return Ok(r);
        }
        if let Some(f) = seq_slot!(self, sq_inplace_concat).or(seq_slot!(self, sq_concat)) {
            // SAFETY: a C slot.
            let r = unsafe { own(f(self.as_ptr(), other.as_ptr()))? };
            if !r.is(not_implemented()) {
                return Ok(r);
            }
        }
        Err(unsupported(self, other, "+="))
    }

    pub fn inplace_sub(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_subtract))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_subtract), slot!(other, nb_subtract))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "-="))
    }

    pub fn inplace_mul(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_multiply))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_multiply), slot!(other, nb_multiply))? {
            return Ok(r);
        }
        if let Some(f) = seq_slot!(self, sq_inplace_repeat).or(seq_slot!(self, sq_repeat)) {
            return repeat_with(f, self, other);
        }
        if let Some(f) = seq_slot!(other, sq_repeat) {
            return repeat_with(f, other, self);
        }
        Err(unsupported(self, other, "*="))
    }

    pub fn inplace_matmul(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_matrix_multiply))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_matrix_multiply), slot!(other, nb_matrix_multiply))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "@="))
    }

    pub fn inplace_truediv(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_true_divide))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_true_divide), slot!(other, nb_true_divide))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "/="))
    }

    pub fn inplace_floordiv(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_floor_divide))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_floor_divide), slot!(other, nb_floor_divide))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "//="))
    }

    pub fn inplace_rem(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_remainder))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_remainder), slot!(other, nb_remainder))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "%="))
    }

    pub fn inplace_lshift(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_lshift))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_lshift), slot!(other, nb_lshift))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "<<="))
    }

    pub fn inplace_rshift(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_rshift))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_rshift), slot!(other, nb_rshift))? {
            return Ok(r);
        }
        Err(unsupported(self, other, ">>="))
    }

    pub fn inplace_and(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_and))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_and), slot!(other, nb_and))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "&="))
    }

    pub fn inplace_or(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_or))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_or), slot!(other, nb_or))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "|="))
    }

    pub fn inplace_xor(&self, other: &Object) -> PyResult<PyRef> {
        if let Some(r) = inplace(self, other, slot!(self, nb_inplace_xor))? {
            return Ok(r);
        }
        if let Some(r) = binary(self, other, slot!(self, nb_xor), slot!(other, nb_xor))? {
            return Ok(r);
        }
        Err(unsupported(self, other, "^="))
    }

    pub fn neg(&self) -> PyResult<PyRef> {
        match slot!(self, nb_negative) {
            Some(f) => {
                super::enter_recursive_call("")?;
                // SAFETY: a C slot.
                unsafe { own(f(self.as_ptr())) }
            }
            None => Err(raise!(TypeError, "bad operand type for unary -: '{}'", self.ty().tp_name())),
        }
    }

    pub fn pos(&self) -> PyResult<PyRef> {
        match slot!(self, nb_positive) {
            Some(f) => {
                super::enter_recursive_call("")?;
                // SAFETY: a C slot.
                unsafe { own(f(self.as_ptr())) }
            }
            None => Err(raise!(TypeError, "bad operand type for unary +: '{}'", self.ty().tp_name())),
        }
    }

    pub fn abs(&self) -> PyResult<PyRef> {
        match slot!(self, nb_absolute) {
            Some(f) => {
                super::enter_recursive_call("")?;
                // SAFETY: a C slot.
                unsafe { own(f(self.as_ptr())) }
            }
            None => Err(raise!(TypeError, "bad operand type for abs(): '{}'", self.ty().tp_name())),
        }
    }

    pub fn invert(&self) -> PyResult<PyRef> {
        match slot!(self, nb_invert) {
            Some(f) => {
                super::enter_recursive_call("")?;
                // SAFETY: a C slot.
                unsafe { own(f(self.as_ptr())) }
            }
            None => Err(raise!(TypeError, "bad operand type for unary ~: '{}'", self.ty().tp_name())),
        }
    }

    /// `pow(self, exp, modulus)`; without a modulus pass `None`.
    pub fn pow(&self, exp: &Object, modulus: &Object) -> PyResult<PyRef> {
        ternary(self, exp, modulus, "** or pow()")
    }

    pub fn inplace_pow(&self, exp: &Object, modulus: &Object) -> PyResult<PyRef> {
        if let Some(f) = slot!(self, nb_inplace_power) {
            // SAFETY: a C slot.
            let r = unsafe { own(f(self.as_ptr(), exp.as_ptr(), modulus.as_ptr()))? };
            if !r.is(not_implemented()) {
                return Ok(r);
            }
        }
        ternary(self, exp, modulus, "**=")
    }

    /// `operator.index`: an exact or derived int.
    pub fn index(&self) -> PyResult<Ref<Int>> {
        if let Some(i) = self.downcast::<Int>() {
            return Ok(Ref::new_ref(i));
        }
        let Some(f) = slot!(self, nb_index) else {
            return Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer", self.ty().tp_name()));
        };
        super::enter_recursive_call("")?;
        // SAFETY: a C slot.
        let r = unsafe { own(f(self.as_ptr()))? };
        checked_int(r, "__index__")
    }

    /// As an index; OverflowError when too big.
    pub fn as_isize(&self) -> PyResult<isize> {
        self.as_isize_or(exc::OverflowError())
    }

    /// As an index; `e` when too big.
    pub fn as_isize_or(&self, e: &Type) -> PyResult<isize> {
        let i = self.index()?;
        match i.try_i64() {
            Some(v) => Ok(v as isize),
            None => Err(crate::error::raise_message(
                e,
                format_args!("cannot fit '{}' into an index-sized integer", self.ty().tp_name()),
            )),
        }
    }

    /// As an index, out-of-range values at the end of the range (slices).
    pub fn as_isize_clamped(&self) -> PyResult<isize> {
        let i = self.index()?;
        Ok(i.try_i64().map_or(if i.sign() < 0 { isize::MIN } else { isize::MAX }, |v| v as isize))
    }

    pub fn as_i64(&self) -> PyResult<i64> {
        let i = self.index()?;
        match i.try_i64() {
            Some(v) => Ok(v),
            None => Err(raise!(OverflowError, "Python int too large to convert to C long")),
        }
    }

    pub fn as_u64(&self) -> PyResult<u64> {
        let i = self.index()?;
        if i.sign() < 0 {
            return Err(raise!(OverflowError, "can't convert negative value to unsigned int"));
        }
        if let Some(v) = i.try_i64() {
            return Ok(v as u64);
        }
        u64::try_from(i.to_bigint())
            .map_err(|_| raise!(OverflowError, "Python int too large to convert to C unsigned long"))
    }

    pub fn as_f64(&self) -> PyResult<f64> {
        if let Some(f) = self.downcast::<Float>() {
            return Ok(f.value());
        }
        if let Some(f) = slot!(self, nb_float) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            let r = unsafe { own(f(self.as_ptr()))? };
            return match r.downcast::<Float>() {
                Some(v) => {
                    if r.downcast_exact::<Float>().is_none() {
                        strict_subclass(self, &r, "__float__", "float")?;
                    }
                    Ok(v.value())
                }
                None => Err(raise!(
                    TypeError,
                    "{}.__float__() must return a float, not {}",
                    self.ty().tp_name(),
                    r.ty().tp_name()
                )),
            };
        }
        if slot!(self, nb_index).is_some() {
            let i = self.index()?;
            let Some(f) = slot!(&**i, nb_float) else { return Err(failed()) };
            // SAFETY: `int`'s own slot.
            let r = unsafe { own(f(i.as_ptr()))? };
            return r.as_f64();
        }
        Err(raise!(TypeError, "must be real number, not {}", self.ty().tp_name()))
    }

    /// `int(self)`.
    pub fn to_int(&self) -> PyResult<PyRef> {
        if let Some(i) = self.downcast_exact::<Int>() {
            return Ok(i.to_ref());
        }
        if let Some(f) = slot!(self, nb_int) {
            super::enter_recursive_call("")?;
            // SAFETY: a C slot.
            let r = unsafe { own(f(self.as_ptr()))? };
            let r = checked_int(r, "__int__")?;
            return exact(r).map(Ref::upcast);
        }
        if slot!(self, nb_index).is_some() {
            return exact(self.index()?).map(Ref::upcast);
        }
        if let Some(s) = self.downcast::<Str>() {
            return Ok(Int::from_str_radix(s.to_str()?, 10)?.upcast());
        }
        if let Some(b) = self.downcast::<Bytes>() {
            let t = String::from_utf8_lossy(b.as_slice());
            return Ok(Int::from_str_radix(&t, 10)?.upcast());
        }
        if crate::protocol::buffer::has_buffer(self) {
            let b = crate::protocol::buffer::Buffer::get(self, abi::PyBUF_SIMPLE)?;
            let t = String::from_utf8_lossy(b.as_slice()).into_owned();
            return Ok(Int::from_str_radix(&t, 10)?.upcast());
        }
        Err(raise!(
            TypeError,
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            self.ty().tp_name()
        ))
    }

    /// `float(self)`, except for text (which `float` itself parses).
    pub fn to_float(&self) -> PyResult<PyRef> {
        if self.downcast_exact::<Float>().is_some() {
            return Ok(self.to_ref());
        }
        if self.downcast::<Float>().is_some() || slot!(self, nb_float).is_some() || slot!(self, nb_index).is_some() {
            return Ok(Float::new(self.as_f64()?)?.upcast());
        }
        Float::type_object().call1(self)
    }

    pub fn number_check(&self) -> bool {
        slot!(self, nb_index).is_some()
            || slot!(self, nb_int).is_some()
            || slot!(self, nb_float).is_some()
            || self.downcast::<crate::objects::Complex>().is_some()
    }

    pub fn index_check(&self) -> bool {
        slot!(self, nb_index).is_some()
    }
}

fn strict_subclass(o: &Object, r: &Object, what: &str, ty: &str) -> PyResult<()> {
    let (n, rn) = (o.ty().tp_name(), r.ty().tp_name());
    let msg = match what {
        "__float__" => format!(
            "{n}.__float__() must return a float, not {rn}.  The ability to return an instance of a strict subclass of {ty} is deprecated, and may not be supported in a future version of Python."
        ),
        _ => format!(
            "{what} returned non-{ty} (type {rn}).  The ability to return an instance of a strict subclass of {ty} is deprecated, and may not be supported in a future version of Python."
        ),
    };
    crate::error::warn(exc::DeprecationWarning(), &msg, 1)
}

fn checked_int(r: PyRef, what: &str) -> PyResult<Ref<Int>> {
    if r.downcast_exact::<Int>().is_none() {
        if r.downcast::<Int>().is_none() {
            return Err(raise!(TypeError, "{} returned non-int (type {})", what, r.ty().tp_name()));
        }
        strict_subclass(&r, &r, what, "int")?;
    }
    // SAFETY: an int, checked above.
    Ok(unsafe { r.cast_into() })
}

fn exact(r: Ref<Int>) -> PyResult<Ref<Int>> {
    if r.downcast_exact::<Int>().is_some() {
        return Ok(r);
    }
    match r.try_i64() {
        Some(v) => Int::from_i64(v),
        None => Int::from_bigint(&r.to_bigint()),
    }
}

fn ternary(v: &Object, w: &Object, z: &Object, op: &str) -> PyResult<PyRef> {
    let fv: Option<Ternary> = slot!(v, nb_power);
    let same = v.ty().ptr_eq(w.ty());
    let differs = |f: Option<Ternary>, g: Option<Ternary>| match (f, g) {
        (Some(f), Some(g)) => !core::ptr::fn_addr_eq(f, g),
        _ => true,
    };
    let mut fw: Option<Ternary> = if same { None } else { slot!(w, nb_power) };
    if !differs(fv, fw) {
        fw = None;
    }
    let call = |f: Ternary| -> PyResult<Option<PyRef>> {
        // SAFETY: a C slot.
        let r = unsafe { own(f(v.as_ptr(), w.as_ptr(), z.as_ptr()))? };
        Ok(if r.is(not_implemented()) { None } else { Some(r) })
    };
    if let Some(f) = fv {
        if let Some(g) = fw {
            if w.ty().is_subtype(v.ty()) {
                if let Some(r) = call(g)? {
                    return Ok(r);
                }
                fw = None;
            }
        }
        if let Some(r) = call(f)? {
            return Ok(r);
        }
    }
    if let Some(g) = fw {
        if let Some(r) = call(g)? {
            return Ok(r);
        }
    }
    if !z.is_none() {
        let fz: Option<Ternary> = slot!(z, nb_power);
        if let Some(h) = fz {
            if differs(fv, fz) && (fw.is_none() || differs(fw, fz)) {
                if let Some(r) = call(h)? {
                    return Ok(r);
                }
            }
        }
        return Err(raise!(
            TypeError,
            "unsupported operand type(s) for {}: '{}', '{}', '{}'",
            op,
            v.ty().tp_name(),
            w.ty().tp_name(),
            z.ty().tp_name()
        ));
    }
    Err(raise!(TypeError, "unsupported operand type(s) for {}: '{}' and '{}'", op, v.ty().tp_name(), w.ty().tp_name()))
}
