//! `%` formatting, for `str` and for bytes.

use super::floats::{float_flags, format_float};
use crate::objects::unicode::{StrBuilder, StrData};
use crate::prelude::*;

/// What differs between text and bytes.
trait Target {
    const BYTES: bool;
    fn data(&self) -> StrData<'_>;
    /// A mapping key from a range of the format.
    fn key(&self, a: usize, b: usize) -> PyResult<PyRef>;
}

struct Text<'a>(&'a Str);
impl Target for Text<'_> {
    const BYTES: bool = false;
    fn data(&self) -> StrData<'_> {
        self.0.data()
    }
    fn key(&self, a: usize, b: usize) -> PyResult<PyRef> {
        Ok(self.0.substring(a, b)?.upcast())
    }
}

struct Raw<'a>(&'a [u8]);
impl Target for Raw<'_> {
    const BYTES: bool = true;
    fn data(&self) -> StrData<'_> {
        StrData::One(self.0)
    }
    fn key(&self, a: usize, b: usize) -> PyResult<PyRef> {
        Ok(Bytes::new(&self.0[a..b])?.upcast())
    }
}

struct Args<'a> {
    tuple: Option<&'a Tuple>,
    single: &'a Object,
    next: usize,
    mapping: Option<&'a Object>,
    /// The value `%(key)…` selected; used once.
    current: Option<PyRef>,
    selected: bool,
}

impl Args<'_> {
    fn next(&mut self) -> PyResult<PyRef> {
        if self.selected {
            return self.current.take().ok_or_else(Self::missing);
        }
        let i = self.next;
        self.next += 1;
        match self.tuple {
            Some(t) if i < t.len() => Ok(t.get(i).to_ref()),
            None if i == 0 => Ok(self.single.to_ref()),
            _ => Err(Self::missing()),
        }
    }
    fn missing() -> Raised {
        raise!(TypeError, "not enough arguments for format string")
    }
    fn all_used(&self) -> bool {
        self.selected || self.mapping.is_some() || self.next >= self.tuple.map_or(1, |t| t.len())
    }
}

struct Conv {
    left: bool,
    sign: bool,
    blank: bool,
    alt: bool,
    zero: bool,
    width: isize,
    prec: isize,
    c: u32,
}

/// `text % args`.
pub fn format_str(text: &Str, args: &Object) -> PyResult<Ref<Str>> {
    let out = run(&Text(text), args)?.finish()?;
    // A conversion that changes nothing gives the string itself.
    let same = match args.downcast_exact::<Tuple>() {
        Some(t) if t.len() == 0 => Some(text as &Object),
        Some(t) if t.len() == 1 => Some(t.get(0)),
        _ => Some(args),
    };
    match same.and_then(|s| s.downcast_exact::<Str>()) {
        Some(s) if s.len() == out.len() && s.len() > 1 && s.eq_data(&out) => Ok(Ref::new_ref(s)),
        _ => Ok(out),
    }
}

/// `data % args`.
pub fn format_bytes(data: &[u8], args: &Object) -> PyResult<Vec<u8>> {
    let b = run(&Raw(data), args)?;
    let StrData::One(s) = b.data() else { return Err(raise!(SystemError, "bytes formatting produced text")) };
    Ok(s.to_vec())
}

fn run<T: Target>(t: &T, args: &Object) -> PyResult<StrBuilder> {
    let d = t.data();
    let n = d.len();
    let tuple = args.downcast::<Tuple>();
    let is_map = tuple.is_none()
        && args.downcast::<Str>().is_none()
        && (!T::BYTES
            || (args.downcast::<Bytes>().is_none() && args.downcast::<crate::objects::ByteArray>().is_none()))
        && args.mapping_check();
    let mut a = Args { tuple, single: args, next: 0, mapping: is_map.then_some(args), current: None, selected: false };
    let mut out = StrBuilder::with_capacity(n + 16);
    let mut i = 0;
    while i < n {
        let stop = crate::objects::unicode::search::find_char(d.slice(i, n), 37).map_or(n, |k| k + i);
        if stop > i {
            out.push_data(d.slice(i, stop));
        }
        i = stop;
        if i >= n {
            break;
        }
        i += 1;
        let incomplete = || raise!(ValueError, "incomplete format");
        if i >= n {
            return Err(incomplete());
        }
        if d.get(i) == 37 {
            out.push_u32(37);
            i += 1;
            continue;
        }
        if d.get(i) == 40 {
            let Some(m) = a.mapping else { return Err(raise!(TypeError, "format requires a mapping")) };
            let start = i + 1;
            let mut depth = 1;
            i += 1;
            while i < n && depth > 0 {
                match d.get(i) {
                    40 => depth += 1,
                    41 => depth -= 1,
                    _ => {}
                }
                i += 1;
            }
            if depth > 0 {
                return Err(raise!(ValueError, "incomplete format key"));
            }
            let key = t.key(start, i - 1)?;
            a.current = Some(m.get_item(&key)?);
            a.selected = true;
        }
        let mut c = Conv { left: false, sign: false, blank: false, alt: false, zero: false, width: -1, prec: -1, c: 0 };
        while i < n {
            match d.get(i) {
                45 => c.left = true,
                43 => c.sign = true,
                32 => c.blank = true,
                35 => c.alt = true,
                48 => c.zero = true,
                _ => break,
            }
            i += 1;
        }
        if i < n && d.get(i) == 42 {
            let v = a.next()?;
            let Some(w) = v.downcast::<Int>() else { return Err(raise!(TypeError, "* wants int")) };
            c.width = w.as_i64()? as isize;
            if c.width < 0 {
                c.left = true;
                c.width = -c.width;
            }
            i += 1;
        } else {
            while i < n && (48..58).contains(&d.get(i)) {
                let x = (d.get(i) - 48) as isize;
                c.width = c
                    .width
                    .max(0)
                    .checked_mul(10)
                    .and_then(|w| w.checked_add(x))
                    .ok_or_else(|| raise!(ValueError, "width too big"))?;
                i += 1;
            }
        }
        if i < n && d.get(i) == 46 {
            i += 1;
            c.prec = 0;
            if i < n && d.get(i) == 42 {
                let v = a.next()?;
                let Some(w) = v.downcast::<Int>() else { return Err(raise!(TypeError, "* wants int")) };
                c.prec = match w.try_i64() {
                    Some(p) if p <= i32::MAX as i64 => (p as isize).max(0),
                    _ => return Err(raise!(OverflowError, "Python int too large to convert to C int")),
                };
                i += 1;
            } else {
                while i < n && (48..58).contains(&d.get(i)) {
                    let x = (d.get(i) - 48) as isize;
                    c.prec = c
                        .prec
                        .checked_mul(10)
                        .and_then(|w| w.checked_add(x))
                        .ok_or_else(|| raise!(ValueError, "precision too big"))?;
                    i += 1;
                }
                if c.prec > i32::MAX as isize {
                    return Err(raise!(ValueError, "precision too big"));
                }
            }
        }
        if i < n && matches!(d.get(i), 104 | 108 | 76) {
            i += 1;
        }
        if i >= n {
            return Err(incomplete());
        }
        c.c = d.get(i);
        i += 1;
        crate::objects::support::ensure_room::<u8>(c.prec.max(0) as usize)?;
        if c.width > 1 << 34 {
            return Err(crate::error::raise_none(exc::MemoryError()));
        }
        let v = a.next()?;
        one::<T>(&mut out, &c, &v, i - 1)?;
    }
    if !a.all_used() {
        return Err(if T::BYTES {
            raise!(TypeError, "not all arguments converted during bytes formatting")
        } else {
            raise!(TypeError, "not all arguments converted during string formatting")
        });
    }
    Ok(out)
}

fn pad_text(out: &mut StrBuilder, c: &Conv, d: StrData<'_>) {
    let d = if c.prec >= 0 && (c.prec as usize) < d.len() { d.slice(0, c.prec as usize) } else { d };
    pad_plain(out, c, d);
}

fn pad_plain(out: &mut StrBuilder, c: &Conv, d: StrData<'_>) {
    let fill = (c.width.max(0) as usize).saturating_sub(d.len());
    if !c.left {
        out.push_fill(32, fill);
    }
    out.push_data(d);
    if c.left {
        out.push_fill(32, fill);
    }
}

/// Pads a number whose sign and prefix stay in front of zeros.
fn pad_number(out: &mut StrBuilder, c: &Conv, text: &str, prefix: &str) {
    let (neg, body) = match text.strip_prefix('-') {
        Some(b) => (true, b),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = if neg {
        "-"
    } else if c.sign {
        "+"
    } else if c.blank {
        " "
    } else {
        ""
    };
    let len = sign.len() + prefix.len() + body.len();
    let fill = (c.width.max(0) as usize).saturating_sub(len);
    if c.left {
        out.push_str(sign);
        out.push_str(prefix);
        out.push_str(body);
        out.push_fill(32, fill);
    } else if c.zero {
        out.push_str(sign);
        out.push_str(prefix);
        out.push_fill(48, fill);
        out.push_str(body);
    } else {
        out.push_fill(32, fill);
        out.push_str(sign);
        out.push_str(prefix);
        out.push_str(body);
    }
}

/// The int an integer conversion takes from `v`.
fn integer_of(v: &Object, c: u8) -> PyResult<PyRef> {
    if v.downcast::<Int>().is_some() {
        return Ok(v.to_ref());
    }
    let real = matches!(c, b'd' | b'i' | b'u');
    if real && v.number_check() {
        match v.to_int() {
            Ok(i) => return Ok(i),
            Err(e) if !e.matches(exc::TypeError()) => return Err(e),
            Err(e) => e.clear(),
        }
    } else if !real && v.index_check() {
        match v.index() {
            Ok(i) => return Ok(i.upcast()),
            Err(e) if !e.matches(exc::TypeError()) => return Err(e),
            Err(e) => e.clear(),
        }
    }
    let what = if real { "a real number" } else { "an integer" };
    Err(raise!(TypeError, "%{} format: {} is required, not {}", c as char, what, v.ty().name_str()))
}

fn one<T: Target>(out: &mut StrBuilder, c: &Conv, v: &Object, at: usize) -> PyResult<()> {
    match u8::try_from(c.c).unwrap_or(0) {
        b's' if !T::BYTES => {
            if let Some(s) = v.downcast_exact::<Str>() {
                if c.width < 0 && c.prec < 0 {
                    out.push_obj(s);
                } else {
                    pad_text(out, c, s.data());
                }
                return Ok(());
            }
            let s = v.str()?;
            pad_text(out, c, s.data());
        }
        b'r' | b'a' => {
            let s = if T::BYTES || c.c == 97 { v.ascii()? } else { v.repr()? };
            pad_text(out, c, s.data());
        }
        b's' | b'b' if T::BYTES => {
            if let Some(b) = v.downcast_exact::<Bytes>() {
                pad_text(out, c, StrData::One(b.as_slice()));
                return Ok(());
            }
            let b = crate::objects::bytes::format_argument(v)?;
            pad_text(out, c, StrData::One(&b));
        }
        b'c' => {
            let ch = if T::BYTES { byte_of(v)? } else { char_of(v)? };
            let one = [ch];
            pad_plain(out, c, StrData::Four(&one));
        }
        k @ (b'd' | b'i' | b'u' | b'o' | b'x' | b'X') => {
            let iv = integer_of(v, k)?;
            let Some(int) = iv.downcast::<Int>() else { return Err(raise!(TypeError, "an integer is required")) };
            if k == b'd'
                && c.width < 0
                && c.prec < 0
                && !c.sign
                && !c.blank
                && let Some(x) = int.try_i64()
            {
                use core::fmt::Write;
                let _ = write!(out, "{x}");
                return Ok(());
            }
            let (radix, prefix) = match k {
                b'o' => (8, "0o"),
                b'x' => (16, "0x"),
                b'X' => (16, "0X"),
                _ => (10, ""),
            };
            let mut text = int.to_string_radix(radix)?;
            if k == b'X' {
                text.make_ascii_uppercase();
            }
            let digits = text.trim_start_matches('-').len();
            if c.prec > digits as isize {
                let zeros = "0".repeat(c.prec as usize - digits);
                let neg = text.starts_with('-');
                text.insert_str(neg as usize, &zeros);
            }
            pad_number(out, c, &text, if c.alt { prefix } else { "" });
        }
        k @ (b'e' | b'E' | b'f' | b'F' | b'g' | b'G') => {
            let x = if let Some(f) = v.downcast::<Float>() {
                f.value()
            } else {
                match v.as_f64() {
                    Ok(x) => x,
                    Err(e) if T::BYTES && e.matches(exc::TypeError()) => {
                        e.clear();
                        return Err(raise!(TypeError, "float argument required, not {}", v.ty().name_str()));
                    }
                    Err(e) => return Err(e),
                }
            };
            let prec = if c.prec < 0 { 6 } else { c.prec as usize };
            super::floats::check_precision(prec as isize)?;
            let text = format_float(x, k, prec, if c.alt { float_flags::ALT } else { 0 });
            pad_number(out, c, &text, "");
        }
        _ => {
            let shown = if c.c > 31 && c.c < 127 { c.c as u8 as char } else { '?' };
            return Err(raise!(ValueError, "unsupported format character '{}' (0x{:x}) at index {}", shown, c.c, at));
        }
    }
    Ok(())
}

fn char_of(v: &Object) -> PyResult<u32> {
    if let Some(s) = v.downcast::<Str>() {
        if s.len() == 1 {
            return Ok(s.char_at(0));
        }
        return Err(raise!(TypeError, "%c requires an int or a unicode character, not a string of length {}", s.len()));
    }
    if !v.index_check() {
        return Err(raise!(
            TypeError,
            "%c requires an int or a unicode character, not {}",
            v.ty().full_name()?.to_string_lossy()
        ));
    }
    match v.index()?.try_i64() {
        Some(x) if (0..0x110000).contains(&x) => Ok(x as u32),
        _ => Err(raise!(OverflowError, "%c arg not in range(0x110000)")),
    }
}

fn byte_of(v: &Object) -> PyResult<u32> {
    let one = |s: &[u8], what: &str| match s {
        [b] => Ok(*b as u32),
        _ => Err(raise!(
            TypeError,
            "%c requires an integer in range(256) or a single byte, not a {} object of length {}",
            what,
            s.len()
        )),
    };
    if let Some(b) = v.downcast::<Bytes>() {
        return one(b.as_slice(), "bytes");
    }
    if let Some(b) = v.downcast::<crate::objects::ByteArray>() {
        return one(&b.to_vec(), "bytearray");
    }
    if !v.index_check() {
        return Err(raise!(
            TypeError,
            "%c requires an integer in range(256) or a single byte, not {}",
            v.ty().full_name()?.to_string_lossy()
        ));
    }
    match v.index()?.try_i64() {
        Some(x) if (0..256).contains(&x) => Ok(x as u32),
        _ => Err(raise!(OverflowError, "%c arg not in range(256)")),
    }
}
