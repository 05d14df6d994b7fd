//! The types `Context`, `SignalDict` and the manager of local contexts.

use super::decimal::{
    Decimal, apply, compare_total, compare_total_mag, divmod_of, from_value_rounded, fused, integral, logical_and,
    logical_or, logical_xor, make, max, max_mag, min, min_mag, must_convert, of_float, of_int, power, run1, run2,
};
use super::num::{self, Ctx, Dec, MAX_EMAX, MAX_PREC, MIN_EMIN, Round, st};
use super::{COND_MAP, CONTEXT_VAR, DEFAULT, SIGNAL_DICT, SIGNAL_MAP, TEMPLATES, text, trans};
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32};
use macros::pyclass;
use runtime::fields;
use runtime::objects::context::ContextVar;
use runtime::objects::support::{Slot, alloc, clear, dealloc, free_object, track, traverse};
use runtime::prelude::*;
use std::sync::Arc;

#[repr(C)]
pub struct Context {
    header: abi::PyObject,
    prec: AtomicI64,
    emin: AtomicI64,
    emax: AtomicI64,
    round: AtomicU8,
    capitals: AtomicBool,
    clamp: AtomicBool,
    /// Shared with the signal dicts that show them.
    status: Option<Arc<AtomicU32>>,
    traps: Option<Arc<AtomicU32>>,
    /// The signal dicts, once somebody asked for them.
    status_dict: Slot,
    traps_dict: Slot,
}

/// Set in the flags of a context that is gone.
const DEAD: u32 = 1 << 31;

pub const ROUNDINGS: [(&str, Round); 8] = [
    ("ROUND_UP", Round::Up),
    ("ROUND_DOWN", Round::Down),
    ("ROUND_CEILING", Round::Ceiling),
    ("ROUND_FLOOR", Round::Floor),
    ("ROUND_HALF_UP", Round::HalfUp),
    ("ROUND_HALF_DOWN", Round::HalfDown),
    ("ROUND_HALF_EVEN", Round::HalfEven),
    ("ROUND_05UP", Round::R05Up),
];

pub fn round_of(o: &Object) -> PyResult<Round> {
    if let Some(s) = o.downcast::<Str>() {
        if let Some((_, r)) = ROUNDINGS.iter().find(|(n, _)| s.eq_str(n)) {
            return Ok(*r);
        }
    }
    Err(raise!(
        TypeError,
        "valid values for rounding are:\n  [ROUND_CEILING, ROUND_FLOOR, ROUND_UP, ROUND_DOWN,\n   ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN,\n   ROUND_05UP]"
    ))
}

/// The thread's (or the task's) context.
pub fn current() -> PyResult<Ref<Context>> {
    let var = CONTEXT_VAR.get()?;
    let var = var.downcast::<ContextVar>().ok_or_else(|| raise!(SystemError, "no context variable"))?;
    if let Some(c) = var.value(None) {
        return c.downcast_into::<Context>().map_err(|_| raise!(TypeError, "current context is no Context"));
    }
    let template = DEFAULT.get()?.downcast::<Context>().ok_or_else(|| raise!(SystemError, "no default context"))?;
    let c = template.duplicate()?;
    c.status().store(0, Relaxed);
    var.assign(&c)?;
    Ok(c)
}

pub fn set_current(o: &Object) -> PyResult<()> {
    let Some(c) = o.downcast::<Context>() else {
        return Err(raise!(TypeError, "optional argument must be a context"));
    };
    let var = CONTEXT_VAR.get()?;
    let var = var.downcast::<ContextVar>().ok_or_else(|| raise!(SystemError, "no context variable"))?;
    // The templates stay as they are.
    if TEMPLATES.iter().any(|t| t.get_opt().is_some_and(|t| t.is(o))) {
        let copy = c.duplicate()?;
        copy.status().store(0, Relaxed);
        var.assign(&copy)?;
        return Ok(());
    }
    var.assign(o).map(drop)
}

/// An optional argument `context`.
pub fn context_arg(o: Option<&Object>) -> PyResult<Ref<Context>> {
    match o {
        None => current(),
        Some(o) => match o.downcast::<Context>() {
            Some(c) => Ok(Ref::new_ref(c)),
            None => Err(raise!(TypeError, "optional argument must be a context")),
        },
    }
}

pub fn new_context(c: &Ctx, traps: u32) -> PyResult<Ref<Context>> {
    let o = Context::fresh(Context::type_object())?;
    o.fill(c, true, 0, traps);
    Ok(o)
}

impl Context {
    fn fresh(cls: &Type) -> PyResult<Ref<Context>> {
        let o = runtime::typeobject::alloc_object::<Context>(cls)?;
        // SAFETY: a new object with a zeroed body.
        unsafe {
            (&raw mut (*o.as_raw()).status).write(Some(Arc::default()));
            (&raw mut (*o.as_raw()).traps).write(Some(Arc::default()));
        }
        Ok(o)
    }
    fn fill(&self, c: &Ctx, capitals: bool, status: u32, traps: u32) {
        self.prec.store(c.prec, Relaxed);
        self.emin.store(c.emin, Relaxed);
        self.emax.store(c.emax, Relaxed);
        self.round.store(c.round as u8, Relaxed);
        self.clamp.store(c.clamp, Relaxed);
        self.capitals.store(capitals, Relaxed);
        self.status().store(status, Relaxed);
        self.traps().store(traps, Relaxed);
    }
    #[inline]
    fn status(&self) -> &AtomicU32 {
        static NONE: AtomicU32 = AtomicU32::new(0);
        self.status.as_deref().unwrap_or(&NONE)
    }
    #[inline]
    fn traps(&self) -> &AtomicU32 {
        static NONE: AtomicU32 = AtomicU32::new(0);
        self.traps.as_deref().unwrap_or(&NONE)
    }
    #[inline]
    pub fn ctx(&self) -> Ctx {
        Ctx {
            prec: self.prec.load(Relaxed),
            emin: self.emin.load(Relaxed),
            emax: self.emax.load(Relaxed),
            round: ROUNDINGS[(self.round.load(Relaxed) & 7) as usize].1,
            clamp: self.clamp.load(Relaxed),
        }
    }
    pub fn capitals(&self) -> bool {
        self.capitals.load(Relaxed)
    }
    fn duplicate(&self) -> PyResult<Ref<Context>> {
        let c = Context::fresh(Context::type_object())?;
        c.fill(&self.ctx(), self.capitals(), self.status().load(Relaxed), self.traps().load(Relaxed));
        Ok(c)
    }
    /// Records conditions without raising.
    pub fn note(&self, s: u32) {
        let f = self.status();
        let old = f.load(Relaxed);
        if old | s != old {
            f.fetch_or(s, Relaxed);
        }
    }
    /// Records conditions, and raises the exception of those that are trapped.
    #[inline]
    pub fn raise(&self, s: u32) -> PyResult<()> {
        if s == 0 {
            return Ok(());
        }
        self.note(s);
        let hit = s & self.traps().load(Relaxed);
        if hit == 0 && s & st::MALLOC_ERROR == 0 {
            return Ok(());
        }
        Err(self.trapped(hit, s))
    }
    #[cold]
    fn trapped(&self, hit: u32, s: u32) -> Raised {
        if s & st::MALLOC_ERROR != 0 {
            return runtime::objects::support::no_memory();
        }
        let made = (|| {
            let (_, _, class) = SIGNAL_MAP
                .iter()
                .find(|(_, f, _)| hit & f != 0)
                .ok_or_else(|| raise!(SystemError, "a condition without a signal"))?;
            let list = signal_list(hit, true)?;
            class.get()?.call1(&list)
        })();
        crate::kept::raise_made(made)
    }
}

/// The exceptions of conditions, or of signals.
fn signal_list(flags: u32, conditions: bool) -> PyResult<Ref<List>> {
    let out = List::new()?;
    if conditions {
        for (_, f, class) in &COND_MAP {
            if flags & f != 0 {
                out.append(class.get()?)?;
            }
        }
    }
    for (i, (_, f, class)) in SIGNAL_MAP.iter().enumerate() {
        if flags & f != 0 && !(conditions && i == 0) {
            out.append(class.get()?)?;
        }
    }
    Ok(out)
}

/// Names of the signals, in the order of their bits.
fn signal_names(flags: u32) -> String {
    let mut names: Vec<&str> = Vec::new();
    for bit in 0..15 {
        if flags >> bit & 1 == 0 {
            continue;
        }
        if let Some((n, _, _)) = SIGNAL_MAP.iter().find(|(_, f, _)| f >> bit & 1 == 1) {
            if !names.contains(n) {
                names.push(n);
            }
        }
    }
    format!("[{}]", names.join(", "))
}

fn flag_of(key: &Object) -> PyResult<u32> {
    for (_, f, class) in &SIGNAL_MAP {
        if class.get()?.is(key) {
            return Ok(*f);
        }
    }
    Err(raise!(KeyError, "invalid error flag"))
}

/// Flags from a list of signals, a signal dict or a dict of all signals.
fn parse_flags(o: &Object) -> PyResult<u32> {
    if let Some(d) = o.downcast::<SignalDict>() {
        return Ok(d.flags().load(Relaxed));
    }
    if let Some(d) = o.downcast::<Dict>() {
        if d.len() != SIGNAL_MAP.len() {
            return Err(raise!(KeyError, "invalid signal dict"));
        }
        let mut out = 0;
        for (_, f, class) in &SIGNAL_MAP {
            match d.get(class.get()?)? {
                Some(v) => {
                    if v.is_true()? {
                        out |= f;
                    }
                }
                None => return Err(runtime::error::raise_key_error(class.get()?)),
            }
        }
        return Ok(out);
    }
    Err(raise!(TypeError, "argument must be a signal dict"))
}
fn parse_flag_list(o: &Object) -> PyResult<u32> {
    if o.downcast::<List>().is_none() {
        return parse_flags(o);
    }
    let mut out = 0;
    for x in o.to_list()?.snapshot() {
        let mut found = None;
        for (_, f, class) in SIGNAL_MAP.iter().chain(&COND_MAP) {
            if class.get()?.is(&x) {
                found = Some(*f);
                break;
            }
        }
        match found {
            Some(f) => out |= f,
            None => return Err(raise!(KeyError, "invalid error flag")),
        }
    }
    Ok(out)
}

fn in_range(o: Option<&Object>, what: &str, range: &str, ok: impl Fn(i64) -> bool) -> PyResult<i64> {
    let Some(o) = o else { return Err(raise!(AttributeError, "context attributes cannot be deleted")) };
    let Some(i) = o.downcast::<Int>() else {
        return Err(raise!(TypeError, "an integer is required (got type {})", o.ty().name_str()));
    };
    match i.try_i64() {
        Some(v) if ok(v) => Ok(v),
        Some(_) => Err(raise!(ValueError, "valid range for {} is {}", what, range)),
        None => Err(raise!(OverflowError, "Python int too large to convert to C ssize_t")),
    }
}
fn zero_or_one(o: Option<&Object>, what: &str) -> PyResult<bool> {
    let Some(o) = o else { return Err(raise!(AttributeError, "context attributes cannot be deleted")) };
    let Some(i) = o.downcast::<Int>() else {
        return Err(raise!(TypeError, "an integer is required (got type {})", o.ty().name_str()));
    };
    match i.try_i64() {
        Some(v @ 0..=1) => Ok(v == 1),
        Some(_) => Err(raise!(ValueError, "valid values for {} are [0, 1]", what)),
        None => Err(raise!(OverflowError, "Python int too large to convert to C ssize_t")),
    }
}

/// The context affects almost all operations.
///
/// It controls rounding, Over/Underflow, raising of exceptions and much more.  A
/// new context can be initialized as follows:
#[pyclass(name = "Context", module = "decimal", flags = "BASETYPE|IMMUTABLETYPE")]
impl Context {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        let c = Context::fresh(cls)?;
        match DEFAULT.get_opt().and_then(|d| d.downcast::<Context>()) {
            Some(d) => c.fill(&d.ctx(), d.capitals(), 0, d.traps().load(Relaxed)),
            None => c.fill(&super::DEFAULT_CTX, true, 0, super::DEFAULT_TRAPS),
        }
        Ok(c.upcast())
    }
    #[slot(sig = "prec=None, rounding=None, Emin=None, Emax=None, capitals=None, clamp=None, flags=None, traps=None")]
    #[allow(non_snake_case, clippy::too_many_arguments)]
    fn tp_init(
        &self,
        prec: Option<&Object>,
        rounding: Option<&Object>,
        Emin: Option<&Object>,
        Emax: Option<&Object>,
        capitals: Option<&Object>,
        clamp: Option<&Object>,
        flags: Option<&Object>,
        traps: Option<&Object>,
    ) -> PyResult<()> {
        if prec.is_some() {
            self.set_prec(prec)?;
        }
        if rounding.is_some() {
            self.set_rounding(rounding)?;
        }
        if Emin.is_some() {
            self.set_Emin(Emin)?;
        }
        if Emax.is_some() {
            self.set_Emax(Emax)?;
        }
        if capitals.is_some() {
            self.set_capitals(capitals)?;
        }
        if clamp.is_some() {
            self.set_clamp(clamp)?;
        }
        if let Some(t) = traps {
            self.traps().store(parse_flag_list(t)?, Relaxed);
        }
        if let Some(f) = flags {
            self.status().store(parse_flag_list(f)?, Relaxed);
        }
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            drop((*this).status_dict.swap(None));
            drop((*this).traps_dict.swap(None));
            for f in [(*this).status.take(), (*this).traps.take()].into_iter().flatten() {
                f.fetch_or(DEAD, Relaxed);
            }
            free_object(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let c = self.ctx();
        Str::format(format_args!(
            "Context(prec={}, rounding={}, Emin={}, Emax={}, capitals={}, clamp={}, flags={}, traps={})",
            c.prec,
            ROUNDINGS[c.round as usize].0,
            c.emin,
            c.emax,
            self.capitals() as u8,
            c.clamp as u8,
            signal_names(self.status().load(Relaxed)),
            signal_names(self.traps().load(Relaxed))
        ))
    }
    #[pygetset]
    fn prec(&self) -> i64 {
        self.prec.load(Relaxed)
    }
    #[pysetter]
    fn set_prec(&self, v: Option<&Object>) -> PyResult<()> {
        self.prec.store(in_range(v, "prec", "[1, MAX_PREC]", |v| (1..=MAX_PREC).contains(&v))?, Relaxed);
        Ok(())
    }
    #[pygetset]
    #[allow(non_snake_case)]
    fn Emin(&self) -> i64 {
        self.emin.load(Relaxed)
    }
    #[pysetter]
    #[allow(non_snake_case)]
    fn set_Emin(&self, v: Option<&Object>) -> PyResult<()> {
        self.emin.store(in_range(v, "Emin", "[MIN_EMIN, 0]", |v| (MIN_EMIN..=0).contains(&v))?, Relaxed);
        Ok(())
    }
    #[pygetset]
    #[allow(non_snake_case)]
    fn Emax(&self) -> i64 {
        self.emax.load(Relaxed)
    }
    #[pysetter]
    #[allow(non_snake_case)]
    fn set_Emax(&self, v: Option<&Object>) -> PyResult<()> {
        self.emax.store(in_range(v, "Emax", "[0, MAX_EMAX]", |v| (0..=MAX_EMAX).contains(&v))?, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn rounding(&self) -> &'static str {
        ROUNDINGS[(self.round.load(Relaxed) & 7) as usize].0
    }
    #[pysetter]
    fn set_rounding(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "context attributes cannot be deleted")) };
        self.round.store(round_of(v)? as u8, Relaxed);
        Ok(())
    }
    #[pygetset(name = "capitals")]
    fn get_capitals(&self) -> i64 {
        self.capitals() as i64
    }
    #[pysetter]
    fn set_capitals(&self, v: Option<&Object>) -> PyResult<()> {
        self.capitals.store(zero_or_one(v, "capitals")?, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn clamp(&self) -> i64 {
        self.clamp.load(Relaxed) as i64
    }
    #[pysetter]
    fn set_clamp(&self, v: Option<&Object>) -> PyResult<()> {
        self.clamp.store(zero_or_one(v, "clamp")?, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn flags(&self) -> PyResult<PyRef> {
        SignalDict::over(self, &self.status_dict, &self.status)
    }
    #[pysetter]
    fn set_flags(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "context attributes cannot be deleted")) };
        self.status().store(parse_flags(v)?, Relaxed);
        Ok(())
    }
    #[pygetset(name = "traps")]
    fn get_traps(&self) -> PyResult<PyRef> {
        SignalDict::over(self, &self.traps_dict, &self.traps)
    }
    #[pysetter]
    fn set_traps(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "context attributes cannot be deleted")) };
        self.traps().store(parse_flags(v)?, Relaxed);
        Ok(())
    }
    /// The operation `abs` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn abs(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::abs, x, self)
    }
    /// The operation `minus` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn minus(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::minus, x, self)
    }
    /// The operation `plus` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn plus(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::plus, x, self)
    }
    /// The operation `-apply` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn _apply(&self, x: &Object) -> PyResult<PyRef> {
        run1(apply, x, self)
    }
    /// Return the value of the (natural) exponential function e**x.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "x, /")]
    fn exp(&self, x: &Object) -> PyResult<PyRef> {
        run1(trans::exp, x, self)
    }
    /// Return the natural (base e) logarithm of the operand.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "x, /")]
    fn ln(&self, x: &Object) -> PyResult<PyRef> {
        run1(trans::ln, x, self)
    }
    /// Return the base ten logarithm of the operand.
    ///
    /// The function always uses the ROUND_HALF_EVEN mode and the result is
    /// correctly rounded.
    #[pymethod(sig = "x, /")]
    fn log10(&self, x: &Object) -> PyResult<PyRef> {
        run1(trans::log10, x, self)
    }
    /// The operation `next-minus` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn next_minus(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::next_minus, x, self)
    }
    /// The operation `next-plus` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn next_plus(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::next_plus, x, self)
    }
    /// The operation `normalize` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn normalize(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::reduce, x, self)
    }
    /// The operation `sqrt` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn sqrt(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::sqrt, x, self)
    }
    /// The operation `logb` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn logb(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::logb, x, self)
    }
    /// The operation `logical-invert` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn logical_invert(&self, x: &Object) -> PyResult<PyRef> {
        run1(num::logical_invert, x, self)
    }
    /// The operation `add` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn add(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::add, x, y, self)
    }
    /// The operation `subtract` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn subtract(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::sub, x, y, self)
    }
    /// The operation `multiply` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn multiply(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::mul, x, y, self)
    }
    /// The operation `divide` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn divide(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::div, x, y, self)
    }
    /// The operation `divide-int` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn divide_int(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::divint, x, y, self)
    }
    /// The operation `remainder` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn remainder(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::rem, x, y, self)
    }
    /// The operation `quantize` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn quantize(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::quantize, x, y, self)
    }
    /// The operation `compare` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn compare(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::compare, x, y, self)
    }
    /// The operation `compare-signal` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn compare_signal(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::compare_signal, x, y, self)
    }
    /// The operation `max` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn max(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(max, x, y, self)
    }
    /// The operation `max-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn max_mag(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(max_mag, x, y, self)
    }
    /// The operation `min` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn min(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(min, x, y, self)
    }
    /// The operation `min-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn min_mag(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(min_mag, x, y, self)
    }
    /// The operation `next-toward` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn next_toward(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::next_toward, x, y, self)
    }
    /// The operation `remainder-near` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn remainder_near(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::rem_near, x, y, self)
    }
    /// The operation `logical-and` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn logical_and(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(logical_and, x, y, self)
    }
    /// The operation `logical-or` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn logical_or(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(logical_or, x, y, self)
    }
    /// The operation `logical-xor` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn logical_xor(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(logical_xor, x, y, self)
    }
    /// The operation `rotate` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn rotate(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::rotate, x, y, self)
    }
    /// The operation `scaleb` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn scaleb(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::scaleb, x, y, self)
    }
    /// The operation `shift` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn shift(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(num::shift, x, y, self)
    }
    /// The operation `compare-total` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn compare_total(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(compare_total, x, y, self)
    }
    /// The operation `compare-total-mag` of the decimal arithmetic specification.
    #[pymethod(sig = "x, y, /")]
    fn compare_total_mag(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        run2(compare_total_mag, x, y, self)
    }
    /// The operation `is-canonical` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_canonical(&self, x: &Object) -> PyResult<PyRef> {
        match x.downcast::<Decimal>() {
            Some(d) => d.is_canonical().into_py(),
            None => Err(raise!(TypeError, "argument must be a Decimal")),
        }
    }
    /// The operation `is-finite` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_finite(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_finite())
    }
    /// The operation `is-infinite` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_infinite(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_infinite())
    }
    /// The operation `is-nan` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_nan(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_nan())
    }
    /// The operation `is-qnan` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_qnan(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_qnan())
    }
    /// The operation `is-signed` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_signed(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_signed())
    }
    /// The operation `is-snan` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_snan(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_snan())
    }
    /// The operation `is-zero` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_zero(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(must_convert(x, self)?.is_zero())
    }
    /// The operation `canonical` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn canonical(&self, x: &Object) -> PyResult<PyRef> {
        match x.downcast::<Decimal>() {
            Some(d) => Ok(d.canonical()),
            None => Err(raise!(TypeError, "argument must be a Decimal")),
        }
    }
    /// The operation `copy-abs` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn copy_abs(&self, x: &Object) -> PyResult<PyRef> {
        must_convert(x, self)?.copy_abs()
    }
    /// The operation `copy-negate` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn copy_negate(&self, x: &Object) -> PyResult<PyRef> {
        must_convert(x, self)?.copy_negate()
    }
    /// The operation `is-normal` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_normal(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(num::is_normal(must_convert(x, self)?.dec(), &self.ctx()))
    }
    /// The operation `is-subnormal` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn is_subnormal(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(num::is_subnormal(must_convert(x, self)?.dec(), &self.ctx()))
    }
    /// The operation `number-class` of the decimal arithmetic specification.
    #[pymethod(sig = "x, /")]
    fn number_class(&self, x: &Object) -> PyResult<PyRef> {
        IntoPy::into_py(num::number_class(must_convert(x, self)?.dec(), &self.ctx()))
    }
    #[pymethod(sig = "x, /")]
    fn to_integral(&self, x: &Object) -> PyResult<PyRef> {
        integral(x, None, Some(self), false)
    }
    #[pymethod(sig = "x, /")]
    fn to_integral_value(&self, x: &Object) -> PyResult<PyRef> {
        integral(x, None, Some(self), false)
    }
    #[pymethod(sig = "x, /")]
    fn to_integral_exact(&self, x: &Object) -> PyResult<PyRef> {
        integral(x, None, Some(self), true)
    }
    /// Return quotient and remainder of the division x / y.
    #[pymethod(sig = "x, y, /")]
    fn divmod(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        divmod_of(x, y, self)
    }
    /// Compute a**b.
    ///
    /// If 'a' is negative, then 'b' must be integral.  The result will be
    /// inexact unless 'a' is integral and the result is finite and can be
    /// expressed exactly in 'precision' digits.  In the Python version the
    /// result is always correctly rounded, in the C version the result is
    /// almost always correctly rounded.
    #[pymethod(sig = "a, b, modulo=None")]
    fn power(&self, a: &Object, b: &Object, modulo: Option<&Object>) -> PyResult<PyRef> {
        power(a, b, modulo, self)
    }
    /// Return x multiplied by y, plus z.
    #[pymethod(sig = "x, y, z, /")]
    fn fma(&self, x: &Object, y: &Object, z: &Object) -> PyResult<PyRef> {
        fused(x, y, z, self)
    }
    /// Return a value equal to Emin - prec + 1.
    #[pymethod(name = "Etiny")]
    fn etiny(&self) -> i64 {
        self.ctx().etiny()
    }
    /// Return a value equal to Emax - prec + 1.
    #[pymethod(name = "Etop")]
    fn etop(&self) -> i64 {
        self.ctx().etop()
    }
    #[pymethod]
    fn radix(&self) -> PyResult<PyRef> {
        make(Dec::from_i64(10))
    }
    #[pymethod(sig = "x, /")]
    fn copy_decimal(&self, x: &Object) -> PyResult<Ref<Decimal>> {
        must_convert(x, self)
    }
    #[pymethod(sig = "x, y, /")]
    fn copy_sign(&self, x: &Object, y: &Object) -> PyResult<PyRef> {
        let (x, y) = (must_convert(x, self)?, must_convert(y, self)?);
        make(x.dec().clone().with_sign(y.dec().neg))
    }
    #[pymethod(sig = "x, y, /")]
    fn same_quantum(&self, x: &Object, y: &Object) -> PyResult<bool> {
        let (x, y) = (must_convert(x, self)?, must_convert(y, self)?);
        Ok(num::same_quantum(x.dec(), y.dec()))
    }
    #[pymethod(sig = "x, /")]
    fn to_sci_string(&self, x: &Object) -> PyResult<String> {
        Ok(text::to_text(must_convert(x, self)?.dec(), self.capitals(), false))
    }
    #[pymethod(sig = "x, /")]
    fn to_eng_string(&self, x: &Object) -> PyResult<String> {
        Ok(text::to_text(must_convert(x, self)?.dec(), self.capitals(), true))
    }
    /// Reset all flags to False.
    #[pymethod]
    fn clear_flags(&self) {
        self.status().store(0, Relaxed);
    }
    /// Set all traps to False.
    #[pymethod]
    fn clear_traps(&self) {
        self.traps().store(0, Relaxed);
    }
    #[pymethod]
    fn __copy__(&self) -> PyResult<Ref<Context>> {
        self.duplicate()
    }
    /// Return a duplicate of the context with all flags cleared.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Context>> {
        self.duplicate()
    }
    #[pymethod]
    fn __reduce__(&self) -> PyResult<(PyRef, PyRef)> {
        let c = self.ctx();
        let args: Vec<PyRef> = vec![
            c.prec.into_py()?,
            ROUNDINGS[c.round as usize].0.into_py()?,
            c.emin.into_py()?,
            c.emax.into_py()?,
            (self.capitals() as i64).into_py()?,
            (c.clamp as i64).into_py()?,
            signal_list(self.status().load(Relaxed), false)?.upcast(),
            signal_list(self.traps().load(Relaxed), false)?.upcast(),
        ];
        Ok(((**self.ty()).to_ref(), Tuple::from_refs(args)?.upcast()))
    }
    /// Create a new Decimal instance from num, using self as the context.
    ///
    /// Unlike the Decimal constructor, this function observes the context limits.
    #[pymethod(sig = "num='0', /")]
    fn create_decimal(&self, num: Arg<&Object>) -> PyResult<PyRef> {
        match num {
            Arg::Given(v) => from_value_rounded(v, self),
            Arg::Missing => make(Dec::from_i64(0)),
        }
    }
    /// Create a new Decimal instance from float f.
    ///
    /// Unlike the Decimal.from_float() class method, this function observes
    /// the context limits.
    #[pymethod(sig = "f, /")]
    fn create_decimal_from_float(&self, f: &Object) -> PyResult<PyRef> {
        let d = if let Some(i) = f.downcast::<Int>() {
            of_int(i)
        } else if let Some(f) = f.downcast::<Float>() {
            of_float(f.value())
        } else {
            return Err(raise!(TypeError, "argument must be int or float"));
        };
        let mut s = 0;
        let r = apply(&d, &self.ctx(), &mut s);
        self.raise(s)?;
        make(r)
    }
}

// ---------------------------------------------------------------------------------------------- SignalDict

/// The base of `SignalDict`: flags seen as a mapping from signals to bools.
#[repr(C)]
pub struct SignalDict {
    header: abi::PyObject,
    flags: Option<Arc<AtomicU32>>,
}

impl SignalDict {
    fn over(ctx: &Context, place: &Slot, flags: &Option<Arc<AtomicU32>>) -> PyResult<PyRef> {
        if let Some(d) = place.get(ctx) {
            return Ok(d);
        }
        let d = SIGNAL_DICT.get()?.call0()?;
        if let Some(s) = d.downcast::<SignalDict>() {
            // SAFETY: nobody else has seen the new object.
            unsafe { *(&raw const s.flags).cast_mut() = flags.clone() };
        }
        let mut new = Some(d.clone());
        {
            runtime::lock!(ctx);
            if place.is_empty() {
                drop(place.swap(new.take()));
            }
        }
        drop(new);
        Ok(place.get(ctx).unwrap_or(d))
    }
    fn flags(&self) -> &AtomicU32 {
        static NONE: AtomicU32 = AtomicU32::new(0);
        self.flags.as_deref().unwrap_or(&NONE)
    }
    fn live(&self) -> PyResult<&AtomicU32> {
        self.flags
            .as_deref()
            .filter(|f| f.load(Relaxed) & DEAD == 0)
            .ok_or_else(|| raise!(ValueError, "invalid signal dict"))
    }
}

#[pyclass(name = "SignalDictMixin", module = "decimal", flags = "BASETYPE|IMMUTABLETYPE")]
impl SignalDict {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(runtime::typeobject::alloc_object::<SignalDict>(cls)?.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            drop((*this).flags.take());
            free_object(this.cast());
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let f = self.live()?.load(Relaxed);
        let mut parts = Vec::new();
        for (_, bit, class) in &SIGNAL_MAP {
            let shown = class.get()?.repr()?;
            parts.push(format!("{}:{}", shown.to_string_lossy(), if f & bit != 0 { "True" } else { "False" }));
        }
        Str::format(format_args!("{{{}}}", parts.join(", ")))
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Err(raise!(TypeError, "unhashable type: 'SignalDict'"))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.live()?;
        let mut v = Vec::new();
        for (_, _, class) in &SIGNAL_MAP {
            v.push(class.get()?.to_ref());
        }
        {
            let t: PyRef = Tuple::from_refs(v)?.upcast();
            t.iter()
        }
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        self.live()?;
        Ok(SIGNAL_MAP.len())
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<bool> {
        let f = self.live()?;
        Ok(f.load(Relaxed) & flag_of(key)? != 0)
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let f = self.live()?;
        let Some(v) = value else { return Err(raise!(ValueError, "signal keys cannot be deleted")) };
        let bit = flag_of(key)?;
        if v.is_true()? {
            f.fetch_or(bit, Relaxed);
        } else {
            f.fetch_and(!bit, Relaxed);
        }
        Ok(())
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented().to_ref());
        }
        let mine = self.live()?.load(Relaxed);
        let same = if let Some(o) = other.downcast::<SignalDict>() {
            mine == o.live()?.load(Relaxed)
        } else if other.downcast::<Dict>().is_some() {
            match parse_flags(other) {
                Ok(f) => f == mine,
                Err(e) if e.matches(exc::KeyError()) => {
                    e.clear();
                    return Ok(not_implemented().to_ref());
                }
                Err(e) => return Err(e),
            }
        } else {
            return Ok(not_implemented().to_ref());
        };
        (same == (op == CompareOp::Eq)).into_py()
    }
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Dict>> {
        let f = self.live()?.load(Relaxed);
        let d = Dict::new()?;
        for (_, bit, class) in &SIGNAL_MAP {
            d.set(class.get()?, Bool::of(f & bit != 0))?;
        }
        Ok(d)
    }
}

// ---------------------------------------------------------------------------------------------- localcontext

#[repr(C)]
pub struct ContextManager {
    header: abi::PyObject,
    local: Slot,
    global: Slot,
}
fields!(ContextManager: local, global);

/// `localcontext(ctx, **settings)`.
pub fn local_context(ctx: Option<&Object>, settings: &FuncArgs<'_>) -> PyResult<PyRef> {
    let global = current()?;
    let local = context_arg(ctx)?.duplicate()?;
    for (k, v) in settings.keywords() {
        let Some(name) = k.downcast::<Str>() else { continue };
        if name.eq_str("ctx") || v.is_none() {
            continue;
        }
        match name.to_str()? {
            "prec" | "rounding" | "Emin" | "Emax" | "capitals" | "clamp" => local.setattr(name, v)?,
            "flags" => local.status().store(parse_flag_list(v)?, Relaxed),
            "traps" => local.traps().store(parse_flag_list(v)?, Relaxed),
            other => {
                return Err(raise!(TypeError, "localcontext() got an unexpected keyword argument '{}'", other));
            }
        }
    }
    let m = alloc::<ContextManager>(ContextManager::type_object())?;
    m.local.init(local.upcast());
    m.global.init(global.upcast());
    Ok(track(m).upcast())
}

#[pyclass(
    name = "ContextManager",
    module = "decimal",
    flags = "HAVE_GC|DISALLOW_INSTANTIATION|IMMUTABLETYPE",
    slots(
        tp_traverse = traverse::<ContextManager>,
        tp_clear = clear::<ContextManager>,
        tp_dealloc = dealloc::<ContextManager>
    )
)]
impl ContextManager {
    #[pymethod]
    fn __enter__(&self) -> PyResult<PyRef> {
        let c = self.local.get(self).unwrap_or_else(none_ref);
        set_current(&c)?;
        Ok(c)
    }
    #[pymethod(sig = "*args")]
    fn __exit__(&self, _args: &[&Object]) -> PyResult<bool> {
        set_current(&self.global.get(self).unwrap_or_else(none_ref))?;
        Ok(false)
    }
}
