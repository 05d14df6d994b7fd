//! The Python-visible type `int`: slots, methods, construction.

use super::{Int, small_ref};
use crate::convert::{Arg, FuncArgs};
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Bool, Bytes, Float, Str, Tuple, not_implemented};
use crate::protocol::buffer::Buffer;
use crate::raise;
use crate::typeobject::CompareOp;
use macros::pyclass;

/// Both operands as ints, or NotImplemented.
macro_rules! ints {
    ($a:ident, $b:ident) => {
        let (Some($a), Some($b)) = (Int::of($a), Int::of($b)) else {
            return Ok(not_implemented().to_ref());
        };
    };
}

/// The number that `nb_int` or `nb_index` gives: an exact int, with a warning for a strict subclass.
fn checked_int(o: PyRef, method: &str) -> PyResult<Ref<Int>> {
    if o.downcast_exact::<Int>().is_some() {
        // SAFETY: just checked.
        return Ok(unsafe { o.cast_into() });
    }
    let Some(i) = o.downcast::<Int>() else {
        return Err(raise!(TypeError, "{} returned non-int (type {})", method, o.ty().name_str()));
    };
    crate::error::warn(
        crate::error::exc::DeprecationWarning(),
        &format!(
            "{} returned non-int (type {}).  The ability to return an instance of a strict subclass of int is deprecated, and may not be supported in a future version of Python.",
            method,
            o.ty().name_str()
        ),
        1,
    )?;
    i.to_exact()
}

fn call_unary(f: abi::unaryfunc, o: &Object) -> Option<PyResult<PyRef>> {
    // SAFETY: a slot of the object's own type.
    f.map(|f| unsafe { PyRef::from_c_result(f(o.as_ptr())) })
}

fn number_methods(o: &Object) -> Option<&abi::PyNumberMethods> {
    // SAFETY: a type's number methods live as long as the type.
    unsafe { o.ty().slots().tp_as_number.as_ref() }
}

/// `int(o)` without a base (`PyNumber_Long`): an exact int.
pub fn number_long(o: &Object) -> PyResult<Ref<Int>> {
    if let Some(i) = o.downcast_exact::<Int>() {
        return Ok(Ref::new_ref(i));
    }
    if let Some(n) = number_methods(o) {
        if let Some(r) = call_unary(n.nb_int, o) {
            return checked_int(r?, "__int__");
        }
        if let Some(r) = call_unary(n.nb_index, o) {
            return checked_int(r?, "__index__");
        }
    }
    if let Some(s) = o.downcast::<Str>() {
        return Int::from_str_object(s, 10);
    }
    if let Some(b) = o.downcast::<Bytes>() {
        return Int::from_bytes_text(b.as_slice(), 10, Some(o));
    }
    if o.ty().slots().tp_as_buffer.is_null() {
        return Err(no_int(o));
    }
    match Buffer::get(o, abi::PyBUF_SIMPLE as _) {
        Ok(view) => {
            let shown = if o.downcast::<crate::objects::ByteArray>().is_some() { Some(o) } else { None };
            Int::from_bytes_text(view.as_slice(), 10, shown)
        }
        Err(e) => {
            e.clear();
            Err(no_int(o))
        }
    }
}

#[cold]
fn no_int(o: &Object) -> crate::error::Raised {
    raise!(
        TypeError,
        "int() argument must be a string, a bytes-like object or a real number, not '{}'",
        o.ty().name_str()
    )
}

/// `operator.index(o)` as an int (or subclass).
pub fn number_index(o: &Object) -> PyResult<Ref<Int>> {
    if let Some(i) = o.downcast::<Int>() {
        return Ok(Ref::new_ref(i));
    }
    match number_methods(o).and_then(|n| call_unary(n.nb_index, o)) {
        Some(r) => {
            let r = r?;
            if let Some(i) = r.downcast_exact::<Int>() {
                return Ok(Ref::new_ref(i));
            }
            checked_int(r, "__index__")
        }
        None => Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer", o.ty().name_str())),
    }
}

fn with_base(x: &Object, base: &Object) -> PyResult<Ref<Int>> {
    let base = number_index(base)?.try_i64().unwrap_or(-1);
    if base != 0 && !(2..=36).contains(&base) {
        return Err(raise!(ValueError, "int() base must be >= 2 and <= 36, or 0"));
    }
    if let Some(s) = x.downcast::<Str>() {
        return Int::from_str_object(s, base as u32);
    }
    if let Some(b) = x.downcast::<Bytes>() {
        return Int::from_bytes_text(b.as_slice(), base as u32, Some(x));
    }
    if x.downcast::<crate::objects::ByteArray>().is_some() {
        let view = Buffer::get(x, abi::PyBUF_SIMPLE as _)?;
        return Int::from_bytes_text(view.as_slice(), base as u32, Some(x));
    }
    Err(raise!(TypeError, "int() can't convert non-string with explicit base"))
}

/// `int.__new__` for any class.
fn construct(cls: &Type, args: &FuncArgs<'_>) -> PyResult<PyRef> {
    let mut base = args.get(1);
    if args.len() > 2 {
        return Err(raise!(TypeError, "int expected at most 2 arguments, got {}", args.len()));
    }
    for (k, v) in args.keywords() {
        if k.downcast::<Str>().is_some_and(|k| k.eq_str("base")) && base.is_none() {
            base = Some(v);
        } else if k.downcast::<Str>().is_some_and(|k| k.eq_str("base")) {
            return Err(raise!(TypeError, "argument for int() given by name ('base') and position (2)"));
        } else {
            return Err(raise!(TypeError, "int() got an unexpected keyword argument '{}'", k.str()?.to_string_lossy()));
        }
    }
    let value = match (args.get(0), base) {
        (None, None) => small_ref(0),
        (None, Some(_)) => return Err(raise!(TypeError, "int() missing string argument")),
        (Some(x), None) => number_long(x)?,
        (Some(x), Some(b)) => with_base(x, b)?,
    };
    if core::ptr::eq(cls, Int::type_object()) {
        return Ok(value.upcast());
    }
    in_subclass(cls, &value)
}

/// A copy of `value` as an instance of a subclass.
fn in_subclass(cls: &Type, value: &Int) -> PyResult<PyRef> {
    let n = value.ndigits();
    let new: Ref<Int> = crate::typeobject::alloc_var_object(cls, n.max(1))?;
    // SAFETY: nobody else sees the object yet; it has room for n digits.
    unsafe {
        let raw = &raw mut (*new.as_raw()).0.long_value;
        (*raw).lv_tag = value.0.long_value.lv_tag & !super::SMALL_BIT;
        let dst = (&raw mut (*raw).ob_digit).cast::<u32>();
        let src = (&raw const value.0.long_value.ob_digit).cast::<u32>();
        core::ptr::copy_nonoverlapping(src, dst, n.max(1));
    }
    Ok(new.upcast())
}

/// `little` from a byteorder argument.
fn is_little(order: &Object) -> PyResult<bool> {
    match order.downcast::<Str>() {
        Some(s) if s.eq_str("little") => Ok(true),
        Some(s) if s.eq_str("big") => Ok(false),
        _ => Err(raise!(ValueError, "byteorder must be either 'little' or 'big'")),
    }
}

impl Int {
    /// Rounds half to even to a multiple of `10**-ndigits`.
    pub fn round_int(&self, ndigits: &Object) -> PyResult<Ref<Int>> {
        let n = number_index(ndigits)?;
        if !n.is_negative() {
            return self.to_exact();
        }
        let ten = super::small_int(10);
        let unit = ten.pow_int(&*n.neg_int()?)?;
        // The nearest multiple: self - remainder, where the remainder lies in [-unit/2, unit/2].
        let (q, r) = self.divmod_int(&unit)?;
        let twice = r.shl(1)?;
        let up = match twice.compare(&unit) {
            core::cmp::Ordering::Greater => true,
            core::cmp::Ordering::Equal => q.digits().first().is_some_and(|d| d & 1 == 1),
            core::cmp::Ordering::Less => false,
        };
        let down = self.sub_int(&r)?;
        if up { down.add_int(&unit) } else { Ok(down) }
    }
}

#[pyclass(name = "int", type_object = super::PyLong_Type, flags = "BASETYPE|LONG_SUBCLASS|_MATCH_SELF",
    basicsize = core::mem::offset_of!(abi::PyLongObject, long_value.ob_digit), itemsize = 4, slots(tp_dealloc = super::number_dealloc),
    doc = "int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number or string to an integer, or return 0 if no arguments\nare given.  With a base, x must be a str, bytes or bytearray of digits in that base;\nbase 0 reads the base from the literal's prefix.\n>>> int('0b100', base=0)\n4")]
impl Int {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        construct(cls, &args)
    }

    #[slot]
    fn tp_vectorcall(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        construct(cls, &args)
    }

    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        self.to_str_object()
    }

    #[slot]
    fn tp_hash(&self) -> isize {
        self.hash_value()
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(other) = Int::of(other) else { return Ok(not_implemented().to_ref()) };
        Ok(Bool::of(op.holds(self.compare(other))).to_ref())
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.add_int(b)?.upcast())
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.sub_int(b)?.upcast())
    }

    #[slot]
    fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.mul_int(b)?.upcast())
    }

    #[slot]
    fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.mod_int(b)?.upcast())
    }

    #[slot]
    fn nb_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.floordiv_int(b)?.upcast())
    }

    #[slot]
    fn nb_lshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.lshift_int(b)?.upcast())
    }

    #[slot]
    fn nb_rshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.rshift_int(b)?.upcast())
    }

    #[slot]
    fn nb_and(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.and_int(b)?.upcast())
    }

    #[slot]
    fn nb_xor(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.xor_int(b)?.upcast())
    }

    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(a.or_int(b)?.upcast())
    }

    #[slot]
    fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        Ok(Float::new(a.truediv_int(b)?)?.upcast())
    }

    #[slot]
    fn nb_divmod(a: &Object, b: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        let (q, r) = a.divmod_int(b)?;
        Ok(Tuple::from_refs(vec![q.upcast(), r.upcast()])?.upcast())
    }

    #[slot]
    fn nb_power(a: &Object, b: &Object, c: &Object) -> PyResult<PyRef> {
        ints!(a, b);
        if let Some(m) = Int::of(c) {
            return Ok(a.pow_mod(b, m)?.upcast());
        }
        if !c.is_none() {
            return Ok(not_implemented().to_ref());
        }
        if b.is_negative() {
            return match crate::objects::float::power(a.to_f64()?, b.to_f64()?)? {
                crate::objects::float::Power::Real(v) => Ok(Float::new(v)?.upcast()),
                crate::objects::float::Power::Complex => {
                    Err(raise!(ValueError, "negative number cannot be raised to a fractional power"))
                }
            };
        }
        Ok(a.pow_int(b)?.upcast())
    }

    #[slot]
    fn nb_negative(&self) -> PyResult<Ref<Int>> {
        self.neg_int()
    }

    #[slot]
    fn nb_positive(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    #[slot]
    fn nb_absolute(&self) -> PyResult<Ref<Int>> {
        self.abs_int()
    }

    #[slot]
    fn nb_bool(&self) -> bool {
        !self.is_zero()
    }

    #[slot]
    fn nb_invert(&self) -> PyResult<Ref<Int>> {
        self.invert_int()
    }

    #[slot]
    fn nb_int(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    #[slot]
    fn nb_index(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    #[slot]
    fn nb_float(&self) -> PyResult<Ref<Float>> {
        Float::new(self.to_f64()?)
    }

    /// Returns self, the complex conjugate of any int.
    #[pymethod]
    fn conjugate(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// Number of bits necessary to represent self in binary.
    #[pymethod(name = "bit_length")]
    fn py_bit_length(&self) -> usize {
        self.bit_length()
    }

    /// Number of ones in the binary representation of the absolute value of self.
    #[pymethod(name = "bit_count")]
    fn py_bit_count(&self) -> usize {
        self.bit_count()
    }

    /// Return an array of bytes representing an integer.
    #[pymethod(sig = "length=1, byteorder='big', *, signed=False")]
    fn to_bytes(&self, length: Arg<isize>, byteorder: Arg<&Object>, signed: bool) -> PyResult<Ref<Bytes>> {
        let little = match byteorder {
            Arg::Given(o) => is_little(str_arg("to_bytes", "byteorder", o)?)?,
            Arg::Missing => false,
        };
        let length = length.unwrap_or(1);
        if length < 0 {
            return Err(raise!(ValueError, "length argument must be non-negative"));
        }
        let mut out = Vec::new();
        if out.try_reserve_exact(length as usize).is_err() {
            return Err(super::arith::no_memory());
        }
        out.resize(length as usize, 0u8);
        self.write_bytes(&mut out, little, signed)?;
        Bytes::new(&out)
    }

    /// Return the integer represented by the given array of bytes.
    #[pyclassmethod(sig = "bytes, byteorder='big', *, signed=False")]
    fn from_bytes(cls: &Type, bytes: &Object, byteorder: Arg<&Object>, signed: bool) -> PyResult<PyRef> {
        let little = match byteorder {
            Arg::Given(o) => is_little(str_arg("from_bytes", "byteorder", o)?)?,
            Arg::Missing => false,
        };
        let value = if let Some(b) = bytes.downcast_exact::<Bytes>() {
            Int::from_byte_slice(b.as_slice(), little, signed)?
        } else {
            // A count makes no bytes here, as it would in bytes(n).
            let slots = bytes.ty().slots();
            let counted = slots.tp_as_buffer.is_null() && slots.tp_iter.is_none() && !bytes.sequence_check();
            if counted && bytes.lookup_special(crate::intern!("__bytes__"))?.is_none() {
                return Err(raise!(TypeError, "cannot convert '{}' object to bytes", bytes.ty().name_str()));
            }
            let b = bytes.bytes()?;
            Int::from_byte_slice(b.as_slice(), little, signed)?
        };
        if core::ptr::eq(cls, Int::type_object()) {
            return Ok(value.upcast());
        }
        cls.call1(&value)
    }

    /// Return a pair of integers, whose ratio is equal to the original int.
    #[pymethod]
    fn as_integer_ratio(&self) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![self.to_exact()?.upcast(), small_ref(1).upcast()])?.upcast())
    }

    /// Truncating an Integral returns itself.
    #[pymethod(name = "__trunc__")]
    fn trunc(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// Flooring an Integral returns itself.
    #[pymethod(name = "__floor__")]
    fn floor(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// Ceiling of an Integral returns itself.
    #[pymethod(name = "__ceil__")]
    fn ceil(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// Rounding an Integral returns itself; with ndigits it gives an int as well.
    #[pymethod(name = "__round__", sig = "ndigits=None, /")]
    fn round(&self, ndigits: Option<&Object>) -> PyResult<Ref<Int>> {
        match ndigits {
            None => self.to_exact(),
            Some(n) => self.round_int(n),
        }
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![Int::from_digits(self.digits(), self.is_negative())?.upcast()])?.upcast())
    }

    /// Convert to a string according to format_spec.
    #[pymethod(name = "__format__", sig = "format_spec, /")]
    fn format_(&self, format_spec: &Object) -> PyResult<Ref<Str>> {
        let Some(spec) = format_spec.downcast::<Str>() else {
            return Err(raise!(TypeError, "__format__() argument must be str, not {}", format_spec.ty().name_str()));
        };
        if spec.len() == 0 {
            // subclasses (bool) may have a text of their own
            return if self.downcast_exact::<Int>().is_some() { self.to_str_object() } else { Object::str(self) };
        }
        crate::format::format_int(self, spec)
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        core::mem::offset_of!(abi::PyLongObject, long_value.ob_digit) + 4 * self.ndigits().max(1)
    }

    /// Returns True. Exists for duck type compatibility with float.is_integer.
    #[pymethod]
    fn is_integer(&self) -> bool {
        true
    }

    /// the real part of a complex number
    #[pygetset]
    fn real(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// the imaginary part of a complex number
    #[pygetset]
    fn imag(&self) -> PyResult<Ref<Int>> {
        Ok(small_ref(0))
    }

    /// the numerator of a rational number in lowest terms
    #[pygetset]
    fn numerator(&self) -> PyResult<Ref<Int>> {
        self.to_exact()
    }

    /// the denominator of a rational number in lowest terms
    #[pygetset]
    fn denominator(&self) -> PyResult<Ref<Int>> {
        Ok(small_ref(1))
    }
}

fn str_arg<'a>(f: &str, name: &str, o: &'a Object) -> PyResult<&'a Object> {
    if o.downcast::<Str>().is_none() {
        return Err(raise!(TypeError, "{}() argument '{}' must be str, not {}", f, name, o.ty().name_str()));
    }
    Ok(o)
}
