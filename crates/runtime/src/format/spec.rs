//! The format-spec mini language: `[[fill]align][sign][z][#][0][width][grouping][.precision[grouping]][type]`.

use super::floats::{float_flags, format_float};
use crate::objects::unicode::{StrBuilder, StrData, ucd};
use crate::prelude::*;

/// Digit grouping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Group {
    None,
    Comma,
    Underscore,
    /// By the locale (`n`).
    Locale,
}

#[derive(Clone, Debug)]
struct Spec {
    fill: u32,
    fill_given: bool,
    align: u8,
    align_given: bool,
    sign: Option<u8>,
    no_neg_0: bool,
    alt: bool,
    zero: bool,
    width: isize,
    group: Group,
    precision: isize,
    frac_group: Group,
    ty: u32,
}

fn is_align(c: u32) -> bool {
    matches!(c, 60 | 62 | 61 | 94)
}

/// Decimal digits at `*pos`; -1 when there are none.
pub fn integer(d: StrData<'_>, pos: &mut usize) -> PyResult<isize> {
    let mut v: isize = -1;
    while *pos < d.len()
        && let Some(x) = ucd::decimal_value(d.get(*pos))
    {
        v = v
            .max(0)
            .checked_mul(10)
            .and_then(|v| v.checked_add(x as isize))
            .ok_or_else(|| raise!(ValueError, "Too many decimal digits in format string"))?;
        *pos += 1;
    }
    Ok(v)
}

fn both_groupings() -> Raised {
    raise!(ValueError, "Cannot specify both ',' and '_'.")
}

fn grouping(d: StrData<'_>, pos: &mut usize) -> PyResult<Group> {
    let mut g = Group::None;
    let at = |p: usize| if p < d.len() { d.get(p) } else { 0 };
    if at(*pos) == b',' as u32 {
        g = Group::Comma;
        *pos += 1;
    }
    if at(*pos) == b'_' as u32 {
        if g != Group::None {
            return Err(both_groupings());
        }
        g = Group::Underscore;
        *pos += 1;
    }
    if at(*pos) == b',' as u32 && g == Group::Underscore {
        return Err(both_groupings());
    }
    Ok(g)
}

fn show_type(c: u32) -> String {
    if c > 32 && c < 128 { (c as u8 as char).to_string() } else { format!("\\x{c:x}") }
}

fn unknown_code(c: u32, type_name: &str) -> Raised {
    raise!(ValueError, "Unknown format code '{}' for object of type '{}'", show_type(c), type_name)
}

fn group_char(g: Group) -> char {
    if g == Group::Comma { ',' } else { '_' }
}

fn parse(spec: &Str, default_type: u8, default_align: u8, type_name: &str) -> PyResult<Spec> {
    let d = spec.data();
    let n = d.len();
    let at = |p: usize| if p < n { d.get(p) } else { 0 };
    let mut s = Spec {
        fill: 32,
        fill_given: false,
        align: default_align,
        align_given: false,
        sign: None,
        no_neg_0: false,
        alt: false,
        zero: false,
        width: -1,
        group: Group::None,
        precision: -1,
        frac_group: Group::None,
        ty: default_type as u32,
    };
    let mut p = 0;
    if n >= 2 && is_align(at(1)) {
        s.fill = at(0);
        s.align = at(1) as u8;
        s.fill_given = true;
        s.align_given = true;
        p = 2;
    } else if n >= 1 && is_align(at(0)) {
        s.align = at(0) as u8;
        s.align_given = true;
        p = 1;
    }
    if p < n && matches!(at(p), 43 | 45 | 32) {
        s.sign = Some(at(p) as u8);
        p += 1;
    }
    if p < n && at(p) == b'z' as u32 {
        s.no_neg_0 = true;
        p += 1;
    }
    if p < n && at(p) == b'#' as u32 {
        s.alt = true;
        p += 1;
    }
    if !s.fill_given && p < n && at(p) == b'0' as u32 {
        s.fill = 48;
        s.zero = true;
        if !s.align_given && default_align == b'>' {
            s.align = b'=';
        }
        p += 1;
    }
    s.width = integer(d, &mut p)?;
    crate::objects::support::ensure_room::<u8>((s.width.max(0) as usize).saturating_mul(2))?;
    if s.width > 1 << 34 {
        return Err(crate::error::raise_none(exc::MemoryError()));
    }
    s.group = grouping(d, &mut p)?;
    if p < n && at(p) == b'.' as u32 {
        p += 1;
        s.precision = integer(d, &mut p)?;
        s.frac_group = grouping(d, &mut p)?;
        if s.precision > i32::MAX as isize {
            return Err(raise!(ValueError, "precision too big"));
        }
        if s.precision < 0 && s.frac_group == Group::None {
            return Err(raise!(ValueError, "Format specifier missing precision"));
        }
    }
    if n - p > 1 {
        return Err(raise!(ValueError, "Invalid format specifier '{}' for object of type '{}'", spec, type_name));
    }
    if n - p == 1 {
        s.ty = at(p);
    }
    if s.group != Group::None {
        match s.ty as u8 as char {
            _ if s.ty > 127 => return Err(bad_grouping(s.group, s.ty)),
            'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F' | '\0' => {}
            'b' | 'o' | 'x' | 'X' if s.group == Group::Underscore => {}
            _ => return Err(bad_grouping(s.group, s.ty)),
        }
    }
    if s.frac_group != Group::None && s.ty == b'n' as u32 {
        return Err(bad_grouping(s.frac_group, s.ty));
    }
    Ok(s)
}

fn bad_grouping(g: Group, ty: u32) -> Raised {
    raise!(ValueError, "Cannot specify '{}' with '{}'.", group_char(g), show_type(ty))
}

/// The locale's decimal point, thousands separator and grouping.
fn locale_numeric() -> (String, String, Vec<u8>) {
    // SAFETY: localeconv returns a static struct of C strings.
    unsafe {
        let lc = libc::localeconv();
        let text = |p: *const libc::c_char| {
            if p.is_null() { String::new() } else { core::ffi::CStr::from_ptr(p).to_string_lossy().into_owned() }
        };
        let groups = if (*lc).grouping.is_null() {
            Vec::new()
        } else {
            core::ffi::CStr::from_ptr((*lc).grouping).to_bytes().to_vec()
        };
        (text((*lc).decimal_point), text((*lc).thousands_sep), groups)
    }
}

/// Digits with separators between groups and zeros in front until `min_width` is reached.
fn group_digits(digits: &str, sep: &str, groups: &[u8], min_width: isize) -> String {
    let src: Vec<char> = digits.chars().collect();
    let mut out: Vec<char> = Vec::new();
    let sep_chars: Vec<char> = sep.chars().rev().collect();
    let (mut left, mut width) = (src.len() as isize, min_width);
    let (mut gi, mut last) = (0, 0u8);
    let mut first = true;
    loop {
        // The last group size repeats; CHAR_MAX stops grouping.
        if gi < groups.len() {
            last = groups[gi];
            gi += 1;
        }
        let size = if last == 0 || last as i8 == i8::MAX || last == 255 { isize::MAX } else { last as isize };
        let l = size.min(left.max(width).max(1));
        if !first {
            out.extend(&sep_chars);
        }
        first = false;
        let chars = left.min(l).max(0);
        for k in 0..chars {
            out.push(src[(left - 1 - k) as usize]);
        }
        for _ in 0..l - chars {
            out.push('0');
        }
        left -= chars;
        width -= l;
        if left <= 0 && width <= 0 {
            break;
        }
        width -= sep_chars.len() as isize;
    }
    out.iter().rev().collect()
}

/// Groups a fraction from the left.
fn group_fraction(frac: &str, sep: char) -> String {
    let mut out = String::with_capacity(frac.len() * 4 / 3);
    for (i, c) in frac.chars().enumerate() {
        if i > 0 && i % 3 == 0 {
            out.push(sep);
        }
        out.push(c);
    }
    out
}

/// Pads `body` (of `len` characters) by alignment; `=` is handled before.
fn pad_into(b: &mut StrBuilder, len: usize, s: &Spec, body: impl FnOnce(&mut StrBuilder)) {
    let total = (s.width.max(0) as usize).saturating_sub(len);
    let left = match s.align {
        b'>' => total,
        b'^' => total / 2,
        _ => 0,
    };
    b.push_fill(s.fill, left);
    body(b);
    b.push_fill(s.fill, total - left);
}

/// A number in parts: sign, prefix, digits before the point, the rest.
struct Number<'a> {
    negative: bool,
    prefix: &'a str,
    digits: &'a str,
    point: bool,
    fraction: &'a str,
    tail: &'a str,
}

fn render_number(b: &mut StrBuilder, s: &Spec, num: &Number<'_>) {
    let sign = if num.negative {
        "-"
    } else {
        match s.sign {
            Some(b'+') => "+",
            Some(b' ') => " ",
            _ => "",
        }
    };
    let (mut point, mut sep, mut groups) = (".".to_string(), String::new(), Vec::new());
    match s.group {
        Group::None => {}
        Group::Comma => (sep, groups) = (",".into(), vec![3]),
        Group::Underscore => {
            (sep, groups) = ("_".into(), vec![if matches!(s.ty as u8, b'b' | b'o' | b'x' | b'X') { 4 } else { 3 }])
        }
        Group::Locale => (point, sep, groups) = locale_numeric(),
    }
    if !num.point {
        point.clear();
    }
    let fraction = match s.frac_group {
        Group::None | Group::Locale => num.fraction.to_string(),
        g => group_fraction(num.fraction, group_char(g)),
    };
    let fixed = sign.len() + num.prefix.len() + point.chars().count() + fraction.len() + num.tail.len();
    let min = if s.fill == 48 && s.align == b'=' { s.width - fixed as isize } else { 0 };
    let digits = if num.digits.is_empty() {
        String::new()
    } else if sep.is_empty() && min <= num.digits.len() as isize {
        num.digits.to_string()
    } else {
        group_digits(num.digits, &sep, &groups, min)
    };
    let len = fixed + digits.chars().count();
    let pad = (s.width.max(0) as usize).saturating_sub(len);
    if s.align == b'=' {
        b.push_str(sign);
        b.push_str(num.prefix);
        b.push_fill(s.fill, pad);
        b.push_str(&digits);
        b.push_str(&point);
        b.push_str(&fraction);
        b.push_str(num.tail);
        return;
    }
    pad_into(b, len, s, |b| {
        b.push_str(sign);
        b.push_str(num.prefix);
        b.push_str(&digits);
        b.push_str(&point);
        b.push_str(&fraction);
        b.push_str(num.tail);
    });
}

/// Splits the text of a positive float into digits, point, fraction and exponent.
fn float_parts<'a>(text: &'a str, tail: &'a str) -> Number<'a> {
    let end = text.bytes().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let (point, rest) = match rest.strip_prefix('.') {
        Some(r) => (true, r),
        None => (false, rest),
    };
    let fend = rest.bytes().position(|c| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, exp) = rest.split_at(fend);
    debug_assert!(tail.is_empty() || exp.is_empty() || digits.is_empty());
    Number { negative: false, prefix: "", digits, point, fraction, tail: if exp.is_empty() { tail } else { exp } }
}

/// `int.__format__(spec)`.
pub fn format_int(v: &Object, spec: &Str) -> PyResult<Ref<Str>> {
    let Some(int) = v.downcast::<Int>() else { return Err(raise!(TypeError, "an integer is required")) };
    let type_name = v.ty().name_str();
    if spec.is_empty() {
        return Str::new(&int.to_string_radix(10)?);
    }
    let mut s = parse(spec, b'd', b'>', type_name)?;
    let ty = s.ty;
    if ty > 127 {
        return Err(unknown_code(ty, type_name));
    }
    match ty as u8 {
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%' => {
            let x = v.as_f64()?;
            return float_with(x, s, type_name);
        }
        b'b' | b'c' | b'd' | b'o' | b'x' | b'X' | b'n' => {}
        _ => return Err(unknown_code(ty, type_name)),
    }
    if s.precision >= 0 || s.frac_group != Group::None {
        return Err(raise!(ValueError, "Precision not allowed in integer format specifier"));
    }
    if s.no_neg_0 {
        return Err(raise!(ValueError, "Negative zero coercion (z) not allowed in integer format specifier"));
    }
    let mut b = StrBuilder::new();
    if ty as u8 == b'c' {
        if s.sign.is_some() {
            return Err(raise!(ValueError, "Sign not allowed with integer format specifier 'c'"));
        }
        if s.alt {
            return Err(raise!(ValueError, "Alternate form (#) not allowed with integer format specifier 'c'"));
        }
        let c = match int.try_i64() {
            Some(c) if (0..0x110000).contains(&c) => c as u32,
            _ => return Err(raise!(OverflowError, "%c arg not in range(0x110000)")),
        };
        // Numbers align right; zero padding before the sign position is plain fill.
        if s.align == b'=' {
            s.align = b'>';
        }
        pad_into(&mut b, 1, &s, |b| b.push_u32(c));
        return b.finish();
    }
    let (radix, prefix) = match ty as u8 {
        b'b' => (2, "0b"),
        b'o' => (8, "0o"),
        b'x' => (16, "0x"),
        b'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut text = int.to_string_radix(radix)?;
    if ty as u8 == b'X' {
        text.make_ascii_uppercase();
    }
    if ty as u8 == b'n' {
        s.group = Group::Locale;
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(d) => (true, d),
        None => (false, &text[..]),
    };
    let num =
        Number { negative, prefix: if s.alt { prefix } else { "" }, digits, point: false, fraction: "", tail: "" };
    render_number(&mut b, &s, &num);
    b.finish()
}

fn float_text(x: f64, s: &Spec, add_dot_0: bool, default_precision: isize) -> (bool, String) {
    let mut flags = 0;
    if s.alt {
        flags |= float_flags::ALT;
    }
    if s.no_neg_0 {
        flags |= float_flags::NO_NEG_0;
    }
    let (mut code, mut default) = (s.ty as u8, default_precision);
    let mut x = x;
    if code == 0 {
        if add_dot_0 {
            flags |= float_flags::ADD_DOT_0;
        }
        code = b'r';
        default = 0;
    }
    if code == b'n' {
        code = b'g';
    }
    if code == b'%' {
        code = b'f';
        x *= 100.0;
    }
    let precision = if s.precision < 0 {
        default
    } else {
        if code == b'r' {
            code = b'g';
        }
        s.precision
    };
    let t = format_float(x, code, precision as usize, flags);
    match t.strip_prefix('-') {
        Some(r) => (true, r.to_string()),
        None => (false, t),
    }
}

fn float_with(x: f64, mut s: Spec, type_name: &str) -> PyResult<Ref<Str>> {
    let ty = s.ty;
    if ty > 127 || !matches!(ty as u8, 0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n' | b'%') {
        return Err(unknown_code(ty, type_name));
    }
    super::floats::check_precision(s.precision)?;
    let (negative, text) = float_text(x, &s, true, 6);
    if ty as u8 == b'n' {
        s.group = Group::Locale;
    }
    let mut num = float_parts(&text, if ty as u8 == b'%' { "%" } else { "" });
    num.negative = negative;
    let joined;
    if ty as u8 == b'%' && num.tail != "%" {
        joined = format!("{}%", num.tail);
        num.tail = &joined;
    }
    let mut b = StrBuilder::new();
    render_number(&mut b, &s, &num);
    b.finish()
}

/// `float.__format__(spec)`.
pub fn format_float_spec(v: f64, spec: &Str) -> PyResult<Ref<Str>> {
    if spec.is_empty() {
        return Str::new(&super::float_repr(v));
    }
    let s = parse(spec, 0, b'>', "float")?;
    float_with(v, s, "float")
}

/// `complex.__format__(spec)`.
pub fn format_complex_spec(re: f64, im: f64, spec: &Str) -> PyResult<Ref<Str>> {
    let mut s = parse(spec, 0, b'>', "complex")?;
    let ty = s.ty;
    if ty > 127 || !matches!(ty as u8, 0 | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n') {
        return Err(unknown_code(ty, "complex"));
    }
    if s.zero {
        return Err(raise!(ValueError, "Zero padding is not allowed in complex format specifier"));
    }
    if s.align == b'=' {
        return Err(raise!(ValueError, "'=' alignment flag is not allowed in complex format specifier"));
    }
    let plain = ty == 0;
    let skip_re = plain && re == 0.0 && re.is_sign_positive();
    let default = 6;
    super::floats::check_precision(s.precision)?;
    let (rneg, rtext) = float_text(re, &s, false, default);
    let (ineg, itext) = float_text(im, &s, false, default);
    if ty as u8 == b'n' {
        s.group = Group::Locale;
    }
    let width = core::mem::replace(&mut s.width, -1);
    let align = core::mem::replace(&mut s.align, b'>');
    let mut b = StrBuilder::new();
    if !skip_re {
        if plain {
            b.push_u32(40);
        }
        let mut num = float_parts(&rtext, "");
        num.negative = rneg;
        render_number(&mut b, &s, &num);
        s.sign = Some(b'+');
    }
    let mut num = float_parts(&itext, "");
    num.negative = ineg;
    render_number(&mut b, &s, &num);
    b.push_u32('j' as u32);
    if !skip_re && plain {
        b.push_u32(41);
    }
    s.width = width;
    s.align = align;
    let mut out = StrBuilder::new();
    let len = b.len();
    pad_into(&mut out, len, &s, |o| o.push_data(b.data()));
    out.finish()
}

/// `str.__format__(spec)`.
pub fn format_str_spec(v: &Str, spec: &Str) -> PyResult<Ref<Str>> {
    if spec.is_empty() {
        return v.to_exact();
    }
    let s = parse(spec, b's', b'<', "str")?;
    if s.ty != b's' as u32 {
        return Err(unknown_code(s.ty, "str"));
    }
    match s.sign {
        Some(b' ') => return Err(raise!(ValueError, "Space not allowed in string format specifier")),
        Some(_) => return Err(raise!(ValueError, "Sign not allowed in string format specifier")),
        None => {}
    }
    if s.no_neg_0 {
        return Err(raise!(ValueError, "Negative zero coercion (z) not allowed in string format specifier"));
    }
    if s.alt {
        return Err(raise!(ValueError, "Alternate form (#) not allowed in string format specifier"));
    }
    if s.align == b'=' {
        return Err(raise!(ValueError, "'=' alignment not allowed in string format specifier"));
    }
    let n = if s.precision >= 0 { v.len().min(s.precision as usize) } else { v.len() };
    if s.width <= n as isize {
        return v.substring(0, n);
    }
    if s.width as usize > crate::objects::unicode::build::MAX_LEN {
        return Err(crate::error::raise_none(exc::MemoryError()));
    }
    let mut b = StrBuilder::with_capacity(s.width as usize);
    pad_into(&mut b, n, &s, |b| b.push_data(v.data().slice(0, n)));
    b.finish()
}
