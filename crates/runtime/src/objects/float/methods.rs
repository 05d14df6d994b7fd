//! The Python-visible type `float`.

use super::{
    Float, Power, div, div_mod, from_hex, hash_f64, integer_ratio, modulo, operand, power, round_digits,
    round_half_even, to_hex,
};
use crate::convert::FuncArgs;
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Bool, Bytes, Complex, Int, Str, Tuple, not_implemented};
use crate::protocol::buffer::Buffer;
use crate::raise;
use crate::typeobject::CompareOp;
use macros::pyclass;

/// Both operands as numbers, or NotImplemented.
macro_rules! floats {
    ($a:ident, $b:ident) => {
        let Some($a) = operand($a)? else { return Ok(not_implemented().to_ref()) };
        let Some($b) = operand($b)? else { return Ok(not_implemented().to_ref()) };
    };
}

fn invalid(shown: &Object) -> crate::error::Raised {
    match shown.repr() {
        Ok(r) => raise!(ValueError, "could not convert string to float: {}", r.to_string_lossy()),
        Err(e) => e,
    }
}

/// `float(text)` for a str, bytes or any buffer.
pub fn from_string(o: &Object) -> PyResult<f64> {
    let parsed = if let Some(s) = o.downcast::<Str>() {
        match s.as_ascii() {
            Some(a) => super::parse_float(a.as_bytes()),
            None => super::parse_float(super::decimal_to_ascii(s).as_bytes()),
        }
    } else if let Some(b) = o.downcast::<Bytes>() {
        super::parse_float(b.as_slice())
    } else {
        let refuse =
            || raise!(TypeError, "float() argument must be a string or a real number, not '{}'", o.ty().name_str());
        if o.ty().slots().tp_as_buffer.is_null() {
            return Err(refuse());
        }
        match Buffer::get(o, abi::PyBUF_SIMPLE as _) {
            Ok(view) => super::parse_float(view.as_slice()),
            Err(e) => {
                e.clear();
                return Err(refuse());
            }
        }
    };
    parsed.ok_or_else(|| invalid(o))
}

/// The value of a real number (`PyFloat_AsDouble`): a float, `__float__`, `__index__`.
pub fn as_f64(o: &Object) -> PyResult<f64> {
    match real_number(o)? {
        Some(v) => Ok(v),
        None => Err(raise!(TypeError, "must be real number, not {}", o.ty().name_str())),
    }
}

/// The same, None for what is no real number.
pub fn real_number(o: &Object) -> PyResult<Option<f64>> {
    if let Some(f) = o.downcast::<Float>() {
        return Ok(Some(f.value()));
    }
    through_slots(o)
}

/// `__float__`, then `__index__`; None when there is neither.
fn through_slots(o: &Object) -> PyResult<Option<f64>> {
    if let Some(i) = o.downcast_exact::<Int>() {
        return i.to_f64().map(Some);
    }
    // SAFETY: a type's number methods live as long as the type; the slots are called with an instance.
    unsafe {
        let Some(n) = o.ty().slots().tp_as_number.as_ref() else { return Ok(None) };
        if let Some(f) = n.nb_float {
            let r = PyRef::from_c_result(f(o.as_ptr()))?;
            if let Some(v) = r.downcast_exact::<Float>() {
                return Ok(Some(v.value()));
            }
            let Some(v) = r.downcast::<Float>() else {
                return Err(raise!(
                    TypeError,
                    "{}.__float__() must return a float, not {}",
                    o.ty().name_str(),
                    r.ty().name_str()
                ));
            };
            crate::error::warn(
                crate::error::exc::DeprecationWarning(),
                &format!(
                    "{}.__float__() must return a float, not {}.  The ability to return an instance of a strict subclass of float is deprecated, and may not be supported in a future version of Python.",
                    o.ty().name_str(),
                    r.ty().name_str()
                ),
                1,
            )?;
            return Ok(Some(v.value()));
        }
        if n.nb_index.is_some() {
            return crate::objects::long::number_index(o)?.to_f64().map(Some);
        }
    }
    Ok(None)
}

/// `float(o)` (`PyNumber_Float`).
pub fn number_float(o: &Object) -> PyResult<Ref<Float>> {
    if let Some(f) = o.downcast_exact::<Float>() {
        return Ok(Ref::new_ref(f));
    }
    match through_slots(o)? {
        Some(v) => Float::new(v),
        None => Float::new(from_string(o)?),
    }
}

fn in_class(cls: &Type, v: Ref<Float>) -> PyResult<PyRef> {
    if core::ptr::eq(cls, Float::type_object()) {
        return Ok(v.upcast());
    }
    let f: Ref<Float> = crate::typeobject::alloc_object(cls)?;
    // SAFETY: nobody else sees the object yet.
    unsafe { (*f.as_raw()).0.ob_fval = v.value() };
    Ok(f.upcast())
}

fn construct(cls: &Type, args: &FuncArgs<'_>) -> PyResult<PyRef> {
    if core::ptr::eq(cls, Float::type_object()) || args.len() != 1 {
        if core::ptr::eq(
            cls.slots().tp_init.map_or(core::ptr::null(), |f| f as *const ()),
            Float::type_object().slots().tp_init.map_or(core::ptr::null(), |f| f as *const ()),
        ) {
            args.no_keywords("float")?;
        }
    }
    args.check_positional("float", 0, 1)?;
    match args.get(0) {
        None => in_class(cls, Float::new(0.0)?),
        Some(x) => in_class(cls, number_float(x)?),
    }
}

#[pyclass(name = "float", type_object = super::PyFloat_Type, flags = "BASETYPE|_MATCH_SELF", slots(tp_dealloc = crate::objects::long::number_dealloc),
    doc = "float(x=0, /)\n--\n\nConvert a string or number to a floating-point number, if possible.")]
impl Float {
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
        Str::new(&crate::format::float_repr(self.value()))
    }

    #[slot]
    fn tp_hash(&self) -> isize {
        hash_f64(self.value()).unwrap_or_else(|| crate::pyhash::hash_pointer(self.as_ptr()))
    }

    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let a = self.value();
        let order = if let Some(b) = other.downcast::<Float>() {
            a.partial_cmp(&b.value())
        } else if let Some(i) = Int::of(other) {
            i.compare_f64(a).map(core::cmp::Ordering::reverse)
        } else {
            return Ok(not_implemented().to_ref());
        };
        let holds = match order {
            Some(o) => op.holds(o),
            None => op == CompareOp::Ne,
        };
        Ok(Bool::of(holds).to_ref())
    }

    #[slot]
    fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(a + b)?.upcast())
    }

    #[slot]
    fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(a - b)?.upcast())
    }

    #[slot]
    fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(a * b)?.upcast())
    }

    #[slot]
    fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(modulo(a, b)?)?.upcast())
    }

    #[slot]
    fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(div(a, b)?)?.upcast())
    }

    #[slot]
    fn nb_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        Ok(Float::new(div_mod(a, b)?.0)?.upcast())
    }

    #[slot]
    fn nb_divmod(a: &Object, b: &Object) -> PyResult<PyRef> {
        floats!(a, b);
        let (q, r) = div_mod(a, b)?;
        Ok(Tuple::from_refs(vec![Float::new(q)?.upcast(), Float::new(r)?.upcast()])?.upcast())
    }

    #[slot]
    fn nb_power(a: &Object, b: &Object, c: &Object) -> PyResult<PyRef> {
        if !c.is_none() {
            return Err(raise!(TypeError, "pow() 3rd argument not allowed unless all arguments are integers"));
        }
        floats!(a, b);
        match power(a, b)? {
            Power::Real(v) => Ok(Float::new(v)?.upcast()),
            Power::Complex => Ok(crate::objects::complex::pow((a, 0.0), (b, 0.0))?.upcast()),
        }
    }

    #[slot]
    fn nb_negative(&self) -> PyResult<Ref<Float>> {
        Float::new(-self.value())
    }

    #[slot]
    fn nb_positive(&self) -> PyResult<Ref<Float>> {
        self.to_exact()
    }

    #[slot]
    fn nb_absolute(&self) -> PyResult<Ref<Float>> {
        Float::new(self.value().abs())
    }

    #[slot]
    fn nb_bool(&self) -> bool {
        self.value() != 0.0
    }

    #[slot]
    fn nb_int(&self) -> PyResult<Ref<Int>> {
        Int::from_f64(self.value())
    }

    #[slot]
    fn nb_float(&self) -> PyResult<Ref<Float>> {
        self.to_exact()
    }

    /// Convert real number to a floating-point number.
    #[pyclassmethod(sig = "number, /")]
    fn from_number(cls: &Type, number: &Object) -> PyResult<PyRef> {
        if core::ptr::eq(cls, Float::type_object()) && number.downcast_exact::<Float>().is_some() {
            return Ok(number.to_ref());
        }
        let v = Float::new(as_f64(number)?)?;
        if core::ptr::eq(cls, Float::type_object()) { Ok(v.upcast()) } else { cls.call1(&v) }
    }

    /// Return self, the complex conjugate of any float.
    #[pymethod]
    fn conjugate(&self) -> PyResult<Ref<Float>> {
        self.to_exact()
    }

    /// Return the Integral closest to x between 0 and x.
    #[pymethod(name = "__trunc__")]
    fn trunc(&self) -> PyResult<Ref<Int>> {
        Int::from_f64(self.value())
    }

    /// Return the floor as an Integral.
    #[pymethod(name = "__floor__")]
    fn floor(&self) -> PyResult<Ref<Int>> {
        Int::from_f64(self.value().floor())
    }

    /// Return the ceiling as an Integral.
    #[pymethod(name = "__ceil__")]
    fn ceil(&self) -> PyResult<Ref<Int>> {
        Int::from_f64(self.value().ceil())
    }

    /// Return the Integral closest to x, rounding half toward even.
    ///
    /// When an argument is passed, work like built-in round(x, ndigits).
    #[pymethod(name = "__round__", sig = "ndigits=None, /")]
    fn round(&self, ndigits: Option<&Object>) -> PyResult<PyRef> {
        let v = self.value();
        match ndigits {
            None => Ok(Int::from_f64(round_half_even(v))?.upcast()),
            Some(n) => {
                let n = crate::objects::long::number_index(n)?;
                let n = n.try_i64().unwrap_or(if n.is_negative() { i64::MIN } else { i64::MAX });
                Ok(Float::new(round_digits(v, n)?)?.upcast())
            }
        }
    }

    /// Return a pair of integers, whose ratio is exactly equal to the original float.
    #[pymethod]
    fn as_integer_ratio(&self) -> PyResult<PyRef> {
        let (n, d) = integer_ratio(self.value())?;
        Ok(Tuple::from_refs(vec![n.upcast(), d.upcast()])?.upcast())
    }

    /// Create a floating-point number from a hexadecimal string.
    #[pyclassmethod(sig = "string, /")]
    fn fromhex(cls: &Type, string: &Object) -> PyResult<PyRef> {
        let Some(s) = string.downcast::<Str>() else {
            return Err(raise!(TypeError, "bad argument type for built-in operation"));
        };
        let v = Float::new(from_hex(s.to_string_lossy().as_bytes())?)?;
        if core::ptr::eq(cls, Float::type_object()) { Ok(v.upcast()) } else { cls.call1(&v) }
    }

    /// Return a hexadecimal representation of a floating-point number.
    #[pymethod]
    fn hex(&self) -> String {
        to_hex(self.value())
    }

    /// Return True if the float is an integer.
    #[pymethod]
    fn is_integer(&self) -> bool {
        self.value().is_finite() && self.value() == self.value().floor()
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> PyResult<PyRef> {
        Ok(Tuple::from_refs(vec![Float::new(self.value())?.upcast()])?.upcast())
    }

    /// The platform's format of C doubles and floats.
    #[pyclassmethod(name = "__getformat__", sig = "typestr, /")]
    fn getformat(cls: &Type, typestr: &Object) -> PyResult<Ref<Str>> {
        let _ = cls;
        let Some(s) = typestr.downcast::<Str>() else {
            return Err(raise!(TypeError, "__getformat__() argument must be str, not {}", typestr.ty().name_str()));
        };
        if !s.eq_str("double") && !s.eq_str("float") {
            return Err(raise!(ValueError, "__getformat__() argument 1 must be 'double' or 'float'"));
        }
        Str::new(if cfg!(target_endian = "little") { "IEEE, little-endian" } else { "IEEE, big-endian" })
    }

    /// Formats the float according to format_spec.
    #[pymethod(name = "__format__", sig = "format_spec, /")]
    fn format_(&self, format_spec: &Object) -> PyResult<Ref<Str>> {
        let Some(spec) = format_spec.downcast::<Str>() else {
            return Err(raise!(TypeError, "__format__() argument must be str, not {}", format_spec.ty().name_str()));
        };
        if spec.len() == 0 {
            return self.str();
        }
        crate::format::format_float_spec(self.value(), spec)
    }

    /// the real part of a complex number
    #[pygetset]
    fn real(&self) -> PyResult<Ref<Float>> {
        self.to_exact()
    }

    /// the imaginary part of a complex number
    #[pygetset]
    fn imag(&self) -> PyResult<Ref<Float>> {
        Float::new(0.0)
    }
}

impl Float {
    /// An exact `float` of the same value (itself if it is one).
    pub fn to_exact(&self) -> PyResult<Ref<Float>> {
        if self.downcast_exact::<Float>().is_some() { Ok(Ref::new_ref(self)) } else { Float::new(self.value()) }
    }

    /// As a complex number.
    pub fn to_complex(&self) -> PyResult<Ref<Complex>> {
        Complex::new(self.value(), 0.0)
    }
}
