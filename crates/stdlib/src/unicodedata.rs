//! `unicodedata`: the Unicode character database, and its version 3.2.0 for IDNA.

use macros::{pyclass, pymodule};
use runtime::objects::unicode::ucd::{self, Form};
use runtime::objects::unicode::{StrBuilder, names};
use runtime::prelude::*;
use runtime::py_layout;
use runtime::typeobject::alloc_object;

fn char_arg(o: &Object, func: &str, arg: &str) -> PyResult<u32> {
    let Some(s) = o.downcast::<Str>() else {
        return Err(raise!(
            TypeError,
            "{}() argument{} must be a unicode character, not {}",
            func,
            arg,
            if o.is_none() { "None" } else { o.ty().name_str() }
        ));
    };
    if s.len() != 1 {
        return Err(raise!(
            TypeError,
            "{}(): argument{} must be a unicode character, not a string of length {}",
            func,
            arg,
            s.len()
        ));
    }
    Ok(s.char_at(0))
}

fn or_default(v: Option<PyRef>, default: Arg<&Object>, message: &str) -> PyResult<PyRef> {
    match (v, default) {
        (Some(v), _) => Ok(v),
        (None, Arg::Given(d)) => Ok(d.to_ref()),
        (None, Arg::Missing) => Err(raise!(ValueError, "{}", message)),
    }
}

fn form_arg(s: &Str) -> PyResult<Form> {
    Ok(match s.as_ascii() {
        Some("NFC") => Form::Nfc,
        Some("NFKC") => Form::Nfkc,
        Some("NFD") => Form::Nfd,
        Some("NFKD") => Form::Nfkd,
        _ => return Err(raise!(ValueError, "invalid normalization form")),
    })
}

fn category(c: u32, old: bool) -> &'static str {
    let k = if old && let Some(r) = ucd::old_record(c) { r.category } else { ucd::record(c).category };
    ucd::CATEGORIES[k as usize]
}
fn bidirectional(c: u32, old: bool) -> &'static str {
    let k = if old && let Some(r) = ucd::old_record(c) { r.bidirectional } else { ucd::record(c).bidirectional };
    ucd::BIDIRECTIONAL[k as usize]
}
fn east_asian_width(c: u32, old: bool) -> &'static str {
    let k = if old && let Some(r) = ucd::old_record(c) { r.east_asian_width } else { ucd::record(c).east_asian_width };
    ucd::EAST_ASIAN_WIDTHS[k as usize]
}
fn combining(c: u32, old: bool) -> i64 {
    (if old && let Some(r) = ucd::old_record(c) { r.combining } else { ucd::record(c).combining }) as i64
}
fn mirrored(c: u32, old: bool) -> i64 {
    if old && let Some(r) = ucd::old_record(c) { (r.flags & 1) as i64 } else { ucd::has(c, ucd::MIRRORED) as i64 }
}
fn unassigned(c: u32, old: bool) -> bool {
    old && ucd::old_record(c).is_some_and(|r| r.category == 0)
}
fn decimal(c: u32, old: bool) -> PyResult<Option<PyRef>> {
    match ucd::decimal_value(c).filter(|_| !unassigned(c, old)) {
        Some(v) => Ok(Some(Int::from_u64(v as u64)?.upcast())),
        None => Ok(None),
    }
}
fn digit(c: u32, old: bool) -> PyResult<Option<PyRef>> {
    match ucd::digit_value(c).filter(|_| !unassigned(c, old)) {
        Some(v) => Ok(Some(Int::from_u64(v as u64)?.upcast())),
        None => Ok(None),
    }
}
fn numeric(c: u32, old: bool) -> PyResult<Option<PyRef>> {
    let v = if old && let Some(r) = ucd::old_record(c) { r.numeric() } else { ucd::numeric_value(c) };
    v.map(|x| Ok(Float::new(x)?.upcast())).transpose()
}
fn decomposition(c: u32, old: bool) -> String {
    if old && ucd::old_record(c).is_some_and(|r| r.flags & 2 != 0) {
        return String::new();
    }
    match ucd::decomposition(c) {
        None => String::new(),
        Some((tag, chars)) => {
            let mut s = tag.to_string();
            for x in chars {
                if !s.is_empty() {
                    s.push(' ');
                }
                s.push_str(&format!("{x:04X}"));
            }
            s
        }
    }
}
fn name(c: u32, old: bool) -> PyResult<Option<PyRef>> {
    if unassigned(c, old) {
        return Ok(None);
    }
    names::name(c).map(|n| Ok(Str::new(&n)?.upcast())).transpose()
}
fn lookup(n: &Str, old: bool) -> PyResult<Ref<Str>> {
    let text = n.to_string_lossy();
    let undefined = |key: &str| -> Raised { raise!(KeyError, "undefined character name '{}'", key) };
    if text.len() > 256 {
        return Err(raise!(KeyError, "name too long"));
    }
    match names::lookup(&text, true) {
        Some(v) if !v.iter().any(|&c| unassigned(c, old)) => Str::from_ucs4(&v),
        _ => Err(undefined(&text)),
    }
}
fn normalize(form: &Str, s: &Str, old: bool) -> PyResult<Ref<Str>> {
    let f = form_arg(form)?;
    if s.is_empty() || ucd::quick_normalized(f, s.chars()) {
        return s.to_exact();
    }
    let v = ucd::normalize(f, s.chars(), old);
    let mut b = StrBuilder::with_capacity(v.len());
    v.iter().for_each(|&c| b.push_u32(c));
    b.finish()
}
fn is_normalized(form: &Str, s: &Str, old: bool) -> PyResult<bool> {
    let f = form_arg(form)?;
    Ok(s.is_empty() || ucd::quick_normalized(f, s.chars()) || s.chars().eq(ucd::normalize(f, s.chars(), old)))
}

/// `UCD`: an older version of the database.
#[repr(C)]
pub struct Ucd {
    ob_base: abi::PyObject,
}
static mut UCD_TYPE: Type = Type::STATIC;
py_layout!(Ucd, UCD_TYPE);

#[pyclass(name = "UCD", module = "unicodedata", type_object = UCD_TYPE, flags = "IMMUTABLETYPE|DISALLOW_INSTANTIATION")]
impl Ucd {
    #[pymethod(name = "category")]
    fn py_category(&self, chr: &Object) -> PyResult<&'static str> {
        Ok(category(char_arg(chr, "category", "")?, true))
    }
    #[pymethod(name = "bidirectional")]
    fn py_bidirectional(&self, chr: &Object) -> PyResult<&'static str> {
        Ok(bidirectional(char_arg(chr, "bidirectional", "")?, true))
    }
    #[pymethod(name = "combining")]
    fn py_combining(&self, chr: &Object) -> PyResult<i64> {
        Ok(combining(char_arg(chr, "combining", "")?, true))
    }
    #[pymethod(name = "mirrored")]
    fn py_mirrored(&self, chr: &Object) -> PyResult<i64> {
        Ok(mirrored(char_arg(chr, "mirrored", "")?, true))
    }
    #[pymethod(name = "east_asian_width")]
    fn py_east_asian_width(&self, chr: &Object) -> PyResult<&'static str> {
        Ok(east_asian_width(char_arg(chr, "east_asian_width", "")?, true))
    }
    #[pymethod(name = "decomposition")]
    fn py_decomposition(&self, chr: &Object) -> PyResult<String> {
        Ok(decomposition(char_arg(chr, "decomposition", "")?, true))
    }
    #[pymethod(name = "decimal", sig = "chr, default=<unrepresentable>, /")]
    fn py_decimal(&self, chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(decimal(char_arg(chr, "decimal", " 1")?, true)?, default, "not a decimal")
    }
    #[pymethod(name = "digit", sig = "chr, default=<unrepresentable>, /")]
    fn py_digit(&self, chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(digit(char_arg(chr, "digit", " 1")?, true)?, default, "not a digit")
    }
    #[pymethod(name = "numeric", sig = "chr, default=<unrepresentable>, /")]
    fn py_numeric(&self, chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(numeric(char_arg(chr, "numeric", " 1")?, true)?, default, "not a numeric character")
    }
    #[pymethod(name = "name", sig = "chr, default=<unrepresentable>, /")]
    fn py_name(&self, chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(name(char_arg(chr, "name", " 1")?, true)?, default, "no such name")
    }
    #[pymethod(name = "lookup")]
    fn py_lookup(&self, name: &Str) -> PyResult<Ref<Str>> {
        lookup(name, true)
    }
    #[pymethod(name = "normalize")]
    fn py_normalize(&self, form: &Str, unistr: &Str) -> PyResult<Ref<Str>> {
        normalize(form, unistr, true)
    }
    #[pymethod(name = "is_normalized")]
    fn py_is_normalized(&self, form: &Str, unistr: &Str) -> PyResult<bool> {
        is_normalized(form, unistr, true)
    }
    #[pygetset]
    fn unidata_version(&self) -> &'static str {
        "3.2.0"
    }
}

/// This module provides access to the Unicode Character Database which
/// defines character properties for all Unicode characters.
#[pymodule(name = "unicodedata")]
pub mod unicodedata {
    use super::*;

    #[pyattr]
    fn unidata_version() -> &'static str {
        "16.0.0"
    }
    /// Returns the general category assigned to the character chr as string.
    #[pyfunction(name = "category")]
    fn py_category(chr: &Object) -> PyResult<&'static str> {
        Ok(category(char_arg(chr, "category", "")?, false))
    }
    /// Returns the bidirectional class assigned to the character chr as string.
    #[pyfunction(name = "bidirectional")]
    fn py_bidirectional(chr: &Object) -> PyResult<&'static str> {
        Ok(bidirectional(char_arg(chr, "bidirectional", "")?, false))
    }
    /// Returns the canonical combining class assigned to the character chr as integer.
    #[pyfunction(name = "combining")]
    fn py_combining(chr: &Object) -> PyResult<i64> {
        Ok(combining(char_arg(chr, "combining", "")?, false))
    }
    /// Returns the mirrored property assigned to the character chr as integer.
    #[pyfunction(name = "mirrored")]
    fn py_mirrored(chr: &Object) -> PyResult<i64> {
        Ok(mirrored(char_arg(chr, "mirrored", "")?, false))
    }
    /// Returns the east asian width assigned to the character chr as string.
    #[pyfunction(name = "east_asian_width")]
    fn py_east_asian_width(chr: &Object) -> PyResult<&'static str> {
        Ok(east_asian_width(char_arg(chr, "east_asian_width", "")?, false))
    }
    /// Returns the character decomposition mapping assigned to the character chr as string.
    #[pyfunction(name = "decomposition")]
    fn py_decomposition(chr: &Object) -> PyResult<String> {
        Ok(decomposition(char_arg(chr, "decomposition", "")?, false))
    }
    /// Converts a Unicode character into its equivalent decimal value.
    #[pyfunction(name = "decimal", sig = "chr, default=<unrepresentable>, /")]
    fn py_decimal(chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(decimal(char_arg(chr, "decimal", " 1")?, false)?, default, "not a decimal")
    }
    /// Converts a Unicode character into its equivalent digit value.
    #[pyfunction(name = "digit", sig = "chr, default=<unrepresentable>, /")]
    fn py_digit(chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(digit(char_arg(chr, "digit", " 1")?, false)?, default, "not a digit")
    }
    /// Converts a Unicode character into its equivalent numeric value.
    #[pyfunction(name = "numeric", sig = "chr, default=<unrepresentable>, /")]
    fn py_numeric(chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(numeric(char_arg(chr, "numeric", " 1")?, false)?, default, "not a numeric character")
    }
    /// Returns the name assigned to the character chr as a string.
    #[pyfunction(name = "name", sig = "chr, default=<unrepresentable>, /")]
    fn py_name(chr: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        or_default(name(char_arg(chr, "name", " 1")?, false)?, default, "no such name")
    }
    /// Look up character by name.
    #[pyfunction(name = "lookup")]
    fn py_lookup(name: &Str) -> PyResult<Ref<Str>> {
        lookup(name, false)
    }
    /// Return the normal form 'form' for the Unicode string unistr.
    #[pyfunction(name = "normalize")]
    fn py_normalize(form: &Str, unistr: &Str) -> PyResult<Ref<Str>> {
        normalize(form, unistr, false)
    }
    /// Return whether the Unicode string unistr is in the normal form 'form'.
    #[pyfunction(name = "is_normalized")]
    fn py_is_normalized(form: &Str, unistr: &Str) -> PyResult<bool> {
        is_normalized(form, unistr, false)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<Ucd>()?;
        let old = alloc_object::<Ucd>(Ucd::type_object())?;
        m.add("ucd_3_2_0", old.upcast())
    }
}
