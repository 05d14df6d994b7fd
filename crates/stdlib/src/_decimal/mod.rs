//! `_decimal`: decimal arithmetic after the General Decimal Arithmetic specification.
//!
//! `coef` holds coefficients, `num` the arithmetic, `trans` the transcendental functions, `text` reading and formatting; `decimal` and
//! `context` are the Python types.

pub mod coef;
pub mod context;
pub mod decimal;
pub mod num;
#[cfg(test)]
mod tests;
pub mod text;
pub mod trans;

use crate::kept::Kept;
use macros::pymodule;
use num::{Ctx, MAX_EMAX, Round, st};
use runtime::prelude::*;

macro_rules! kept {
    ($($name:ident)*) => { $(pub static $name: Kept = Kept::new();)* };
}
kept! {
    DECIMAL_TUPLE RATIONAL LOCALECONV CONTEXT_VAR DEFAULT BASIC EXTENDED SIGNAL_DICT
    DECIMAL_EXCEPTION CLAMPED ROUNDED INEXACT SUBNORMAL UNDERFLOW OVERFLOW DIVISION_BY_ZERO FLOAT_OPERATION INVALID_OPERATION
    CONVERSION_SYNTAX DIVISION_IMPOSSIBLE DIVISION_UNDEFINED INVALID_CONTEXT
}
pub static TEMPLATES: [&Kept; 3] = [&DEFAULT, &BASIC, &EXTENDED];

/// The signals: name, the conditions they stand for, exception.
pub static SIGNAL_MAP: [(&str, u32, &Kept); 9] = [
    ("InvalidOperation", st::IEEE_INVALID, &INVALID_OPERATION),
    ("FloatOperation", st::FLOAT_OPERATION, &FLOAT_OPERATION),
    ("DivisionByZero", st::DIVISION_BY_ZERO, &DIVISION_BY_ZERO),
    ("Overflow", st::OVERFLOW, &OVERFLOW),
    ("Underflow", st::UNDERFLOW, &UNDERFLOW),
    ("Subnormal", st::SUBNORMAL, &SUBNORMAL),
    ("Inexact", st::INEXACT, &INEXACT),
    ("Rounded", st::ROUNDED, &ROUNDED),
    ("Clamped", st::CLAMPED, &CLAMPED),
];
/// Conditions that have exceptions of their own but no signal.
pub static COND_MAP: [(&str, u32, &Kept); 5] = [
    ("InvalidOperation", st::INVALID_OPERATION, &INVALID_OPERATION),
    ("ConversionSyntax", st::CONVERSION_SYNTAX, &CONVERSION_SYNTAX),
    ("DivisionImpossible", st::DIVISION_IMPOSSIBLE, &DIVISION_IMPOSSIBLE),
    ("DivisionUndefined", st::DIVISION_UNDEFINED, &DIVISION_UNDEFINED),
    ("InvalidContext", st::INVALID_CONTEXT, &INVALID_CONTEXT),
];

pub const DEFAULT_CTX: Ctx = Ctx { prec: 28, emin: -999_999, emax: 999_999, round: Round::HalfEven, clamp: false };
pub const DEFAULT_TRAPS: u32 = st::IEEE_INVALID | st::DIVISION_BY_ZERO | st::OVERFLOW;

/// C decimal arithmetic module
#[pymodule(name = "_decimal")]
pub mod _decimal {
    use super::context::{
        Context, ContextManager, ROUNDINGS, SignalDict, current, local_context, new_context, set_current,
    };
    use super::decimal::Decimal;
    use super::*;
    use runtime::convert::HasSpec;
    use runtime::objects::support::import;

    #[pyattr]
    const MAX_PREC: i64 = num::MAX_PREC;
    #[pyattr(name = "MAX_EMAX")]
    const MAX_E: i64 = MAX_EMAX;
    #[pyattr]
    const MIN_EMIN: i64 = num::MIN_EMIN;
    #[pyattr]
    const MIN_ETINY: i64 = num::MIN_ETINY;
    #[pyattr]
    const IEEE_CONTEXT_MAX_BITS: i64 = 512;

    /// Get the current default context.
    #[pyfunction]
    fn getcontext() -> PyResult<Ref<Context>> {
        current()
    }
    /// Set a new default context.
    #[pyfunction(sig = "context, /")]
    fn setcontext(context: &Object) -> PyResult<()> {
        if context.downcast::<Context>().is_none() {
            return Err(raise!(TypeError, "argument must be a context"));
        }
        set_current(context)
    }
    /// Return a context manager for a copy of the supplied context.
    #[pyfunction(raw)]
    fn localcontext(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("localcontext", 0, 1)?;
        let by_name =
            args.keywords().find(|(k, _)| k.downcast::<Str>().is_some_and(|k| k.eq_str("ctx"))).map(|(_, v)| v);
        let ctx = args.get(0).or(by_name).filter(|c| !c.is_none());
        local_context(ctx, &args)
    }
    /// Return a context object initialized to the proper values for one of the
    /// IEEE interchange formats.
    #[pyfunction(name = "IEEEContext", sig = "bits, /")]
    fn ieee_context(bits: i64) -> PyResult<Ref<Context>> {
        if bits <= 0 || bits > 512 || bits % 32 != 0 {
            return Err(raise!(ValueError, "argument must be a multiple of 32, with a maximum of 512"));
        }
        let emax = 3 * (1i64 << (bits / 16 + 3));
        let c = Ctx { prec: 9 * (bits / 32) - 2, emin: 1 - emax, emax, round: Round::HalfEven, clamp: true };
        new_context(&c, 0)
    }

    fn exception(m: &Module, name: &'static str, bases: &[&Object], at: &'static Kept) -> PyResult<()> {
        if at.get_opt().is_none() {
            let ns = Dict::new()?;
            ns.set_str("__module__", &*Str::new("decimal")?)?;
            at.set((**Type::type_object()).call(&[&*Str::new(name)?, &*Tuple::from_slice(bases)?, &ns])?);
        }
        m.add(name, at.get()?.to_ref())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Decimal>()?;
        m.add_type::<Context>()?;
        runtime::typeobject::init_static(ContextManager::spec())?;
        runtime::typeobject::init_static(SignalDict::spec())?;
        m.add("HAVE_THREADS", (**true_()).to_ref())?;
        m.add("HAVE_CONTEXTVAR", (**true_()).to_ref())?;
        m.add("__version__", Str::new("1.70")?.upcast())?;
        m.add("__libmpdec_version__", Str::new("4.0.1")?.upcast())?;
        for (name, _) in ROUNDINGS {
            m.add(name, Str::intern(name).to_ref())?;
        }
        let first = DEFAULT.get_opt().is_none();
        exception(m, "DecimalException", &[exc::ArithmeticError()], &DECIMAL_EXCEPTION)?;
        let base = DECIMAL_EXCEPTION.get()?;
        exception(m, "Clamped", &[base], &CLAMPED)?;
        exception(m, "Rounded", &[base], &ROUNDED)?;
        exception(m, "Inexact", &[base], &INEXACT)?;
        exception(m, "Subnormal", &[base], &SUBNORMAL)?;
        exception(m, "InvalidOperation", &[base], &INVALID_OPERATION)?;
        exception(m, "DivisionByZero", &[base, exc::ZeroDivisionError()], &DIVISION_BY_ZERO)?;
        exception(m, "FloatOperation", &[base, exc::TypeError()], &FLOAT_OPERATION)?;
        let (inexact, rounded) = (INEXACT.get()?, ROUNDED.get()?);
        exception(m, "Overflow", &[inexact, rounded], &OVERFLOW)?;
        exception(m, "Underflow", &[inexact, rounded, SUBNORMAL.get()?], &UNDERFLOW)?;
        let invalid = INVALID_OPERATION.get()?;
        exception(m, "ConversionSyntax", &[invalid], &CONVERSION_SYNTAX)?;
        exception(m, "DivisionImpossible", &[invalid], &DIVISION_IMPOSSIBLE)?;
        exception(m, "DivisionUndefined", &[invalid, exc::ZeroDivisionError()], &DIVISION_UNDEFINED)?;
        exception(m, "InvalidContext", &[invalid], &INVALID_CONTEXT)?;
        if first {
            let decimal: &Object = Decimal::type_object();
            let numbers = import("numbers")?;
            numbers.getattr(intern!("Number"))?.call_method(intern!("register"), &[decimal])?;
            RATIONAL.set(numbers.getattr(intern!("Rational"))?);
            let collections = import("collections")?;
            let fields = Str::new("sign digits exponent")?;
            let tuple = collections.getattr(intern!("namedtuple"))?.call(&[&*Str::new("DecimalTuple")?, &fields])?;
            tuple.setattr(intern!("__module__"), &*Str::new("decimal")?)?;
            DECIMAL_TUPLE.set(tuple);
            let mapping = runtime::import::import_attr("collections.abc", "MutableMapping")?;
            let mixin: &Object = SignalDict::type_object();
            let meta: &Object = mapping.ty();
            let bases = Tuple::pack(&[mixin, &mapping])?;
            SIGNAL_DICT.set(meta.call(&[&*Str::new("SignalDict")?, &bases, &*Dict::new()?])?);
            CONTEXT_VAR.set(runtime::objects::context::ContextVar::new(&*Str::new("decimal_context")?, None)?.upcast());
            DEFAULT.set(new_context(&DEFAULT_CTX, DEFAULT_TRAPS)?.upcast());
            let nine = Ctx { prec: 9, ..DEFAULT_CTX };
            BASIC.set(
                new_context(&Ctx { round: Round::HalfUp, ..nine }, DEFAULT_TRAPS | st::UNDERFLOW | st::CLAMPED)?
                    .upcast(),
            );
            EXTENDED.set(new_context(&nine, 0)?.upcast());
        }
        m.add("DecimalTuple", DECIMAL_TUPLE.get()?.to_ref())?;
        m.add("DefaultContext", DEFAULT.get()?.to_ref())?;
        m.add("BasicContext", BASIC.get()?.to_ref())?;
        m.add("ExtendedContext", EXTENDED.get()?.to_ref())
    }
}
