//! Decimal numbers as text: reading, the two standard notations, and `format`.

use super::coef::Coef;
use super::num::{Dec, Kind, Round, rescale};

/// Reads a number; `None` when the text is none. The result is exact; its exponent may be out of all bounds.
pub fn parse(t: &[u8]) -> Option<Dec> {
    let (neg, rest) = match t.first()? {
        b'-' => (true, &t[1..]),
        b'+' => (false, &t[1..]),
        _ => (false, t),
    };
    let lower: Vec<u8> = rest.iter().take(12).map(u8::to_ascii_lowercase).collect();
    if matches!(&lower[..], b"inf" | b"infinity") {
        return Some(Dec::inf(neg));
    }
    for (word, kind) in [(&b"nan"[..], Kind::NaN), (b"snan", Kind::SNaN)] {
        if lower.starts_with(word) {
            let payload = &rest[word.len()..];
            if !payload.iter().all(u8::is_ascii_digit) {
                return None;
            }
            return Some(Dec { neg, kind, exp: 0, coef: Coef::parse(payload) });
        }
    }
    let mut digits = Vec::with_capacity(rest.len());
    let (mut point, mut i) = (None, 0);
    while let Some(b) = rest.get(i) {
        match b {
            b'0'..=b'9' => digits.push(*b),
            b'.' if point.is_none() => point = Some(digits.len()),
            b'e' | b'E' => break,
            _ => return None,
        }
        i += 1;
    }
    if digits.is_empty() {
        return None;
    }
    let mut exp = 0i64;
    if i < rest.len() {
        let e = &rest[i + 1..];
        let (eneg, ed) = match e.first()? {
            b'-' => (true, &e[1..]),
            b'+' => (false, &e[1..]),
            _ => (false, e),
        };
        if ed.is_empty() || !ed.iter().all(u8::is_ascii_digit) {
            return None;
        }
        for d in ed {
            exp = exp.saturating_mul(10).saturating_add((d - b'0') as i64).min(4_000_000_000_000_000_000);
        }
        if eneg {
            exp = -exp;
        }
    }
    let fraction = point.map_or(0, |p| digits.len() - p) as i64;
    Some(Dec::finite(neg, Coef::parse(&digits), exp - fraction))
}

fn special(d: &Dec) -> Option<String> {
    let payload = || if d.coef.is_zero() { String::new() } else { d.coef.to_text() };
    Some(match d.kind {
        Kind::Finite => return None,
        Kind::Inf => "Infinity".into(),
        Kind::NaN => format!("NaN{}", payload()),
        Kind::SNaN => format!("sNaN{}", payload()),
    })
}

/// `to-scientific-string`, or `to-engineering-string`.
pub fn to_text(d: &Dec, capitals: bool, engineering: bool) -> String {
    let sign = if d.neg { "-" } else { "" };
    if let Some(s) = special(d) {
        return format!("{sign}{s}");
    }
    let digits = d.coef.to_text();
    let n = digits.len() as i64;
    // Where the point stands, counted from the first digit.
    let left = d.exp + n;
    let place = if d.exp <= 0 && left > -6 {
        left
    } else if !engineering {
        1
    } else if d.coef.is_zero() {
        (left + 1).rem_euclid(3) - 1
    } else {
        (left - 1).rem_euclid(3) + 1
    };
    let mut out = String::with_capacity(digits.len() + 8);
    out.push_str(sign);
    put_point(&mut out, &digits, place);
    if left != place {
        out.push(if capitals { 'E' } else { 'e' });
        out.push_str(&format!("{:+}", left - place));
    }
    out
}

/// The digits with the point after `place` of them, zeros filled in.
fn put_point(out: &mut String, digits: &str, place: i64) {
    let n = digits.len() as i64;
    if place <= 0 {
        out.push_str("0.");
        out.extend(core::iter::repeat_n('0', -place as usize));
        out.push_str(digits);
    } else if place >= n {
        out.push_str(digits);
        out.extend(core::iter::repeat_n('0', (place - n) as usize));
    } else {
        out.push_str(&digits[..place as usize]);
        out.push('.');
        out.push_str(&digits[place as usize..]);
    }
}

// ---------------------------------------------------------------------------------------------- format

/// A parsed format specification.
pub struct Spec {
    pub fill: char,
    pub align: char,
    pub sign: char,
    pub no_negative_zero: bool,
    pub zero_pad: bool,
    pub width: usize,
    pub precision: Option<i64>,
    /// `None` when not given.
    pub kind: Option<char>,
    pub separator: String,
    pub point: String,
    pub grouping: Vec<u8>,
}

/// Reads a specification; `None` when it is none.
pub fn parse_spec(text: &str) -> Option<Spec> {
    let t: Vec<char> = text.chars().collect();
    let mut s = Spec {
        fill: ' ',
        align: '>',
        sign: '-',
        no_negative_zero: false,
        zero_pad: false,
        width: 0,
        precision: None,
        kind: None,
        separator: String::new(),
        point: ".".into(),
        grouping: vec![3, 0],
    };
    let is_align = |c: char| matches!(c, '<' | '>' | '=' | '^');
    let mut i = 0;
    let mut aligned = false;
    if t.len() > 1 && is_align(t[1]) {
        s.fill = t[0];
        s.align = t[1];
        aligned = true;
        i = 2;
    } else if !t.is_empty() && is_align(t[0]) {
        s.align = t[0];
        aligned = true;
        i = 1;
    }
    let at = |i: usize| t.get(i).copied().unwrap_or('\0');
    if matches!(at(i), '+' | '-' | ' ') {
        s.sign = at(i);
        i += 1;
    }
    if at(i) == 'z' {
        s.no_negative_zero = true;
        i += 1;
    }
    if at(i) == '0' {
        if aligned {
            return None;
        }
        s.zero_pad = true;
        s.align = '=';
        s.fill = '0';
        i += 1;
    }
    let number = |i: &mut usize| -> Option<i64> {
        let start = *i;
        let mut v = 0i64;
        while let Some(d) = t.get(*i).and_then(|c| c.to_digit(10)) {
            v = v.checked_mul(10)?.checked_add(d as i64)?;
            *i += 1;
        }
        if *i == start { None } else { Some(v) }
    };
    if at(i).is_ascii_digit() {
        s.width = usize::try_from(number(&mut i)?).ok()?;
    }
    if matches!(at(i), ',' | '_') {
        s.separator = at(i).to_string();
        i += 1;
    }
    if at(i) == '.' {
        i += 1;
        s.precision = Some(number(&mut i)?);
    }
    if matches!(at(i), 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | 'N' | '%') {
        s.kind = Some(at(i));
        i += 1;
        if matches!(s.kind, Some('n' | 'N')) && !s.separator.is_empty() {
            return None;
        }
    }
    if i != t.len() { None } else { Some(s) }
}

/// Groups the digits of the integral part and fills up to a width with zeros.
fn group(digits: &str, spec: &Spec, min_width: usize) -> String {
    if spec.separator.is_empty() {
        let pad = min_width.saturating_sub(digits.len());
        return "0".repeat(pad) + digits;
    }
    let sep_len = spec.separator.chars().count();
    let d: Vec<char> = digits.chars().collect();
    let mut groups: Vec<String> = Vec::new();
    let mut end = d.len();
    let mut room = min_width as i64;
    let mut k = 0;
    let mut size = 3usize;
    loop {
        let mut unlimited = false;
        match spec.grouping.get(k) {
            Some(127) => unlimited = true,
            Some(0) | None => {}
            Some(n) => {
                size = *n as usize;
                k += 1;
            }
        }
        let want =
            if unlimited { (end as i64).max(room).max(1) } else { (end as i64).max(room).max(1).min(size as i64) };
        let want = want.max(0) as usize;
        let take = want.min(end);
        let mut g = "0".repeat(want - take);
        g.extend(&d[end - take..end]);
        groups.push(g);
        end -= take;
        room -= want as i64;
        if end == 0 && room <= 0 {
            break;
        }
        room -= sep_len as i64;
        if unlimited {
            break;
        }
    }
    groups.reverse();
    groups.join(&spec.separator)
}

/// The number in the form that the specification asks for; `None`: too large for memory.
pub fn format(d: &Dec, spec: &Spec, mode: Round, capitals: bool) -> Option<String> {
    // What no memory holds is not begun.
    if spec.width > 1 << 30 || spec.precision.is_some_and(|p| p > 1 << 30) {
        return None;
    }
    let sign_of = |neg: bool| match (neg, spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    };
    if let Some(mut body) = special(d) {
        if spec.kind == Some('%') {
            body.push('%');
        }
        // A special value is never padded with zeros.
        let s = Spec {
            fill: if spec.zero_pad { ' ' } else { spec.fill },
            align: if spec.zero_pad { '>' } else { spec.align },
            point: String::new(),
            separator: String::new(),
            grouping: Vec::new(),
            ..*spec
        };
        return Some(pad(sign_of(d.neg), &body, &s));
    }
    let kind = match spec.kind {
        None => {
            if capitals {
                'G'
            } else {
                'g'
            }
        }
        Some('n') => 'g',
        Some('N') => 'G',
        Some(k) => k,
    };
    let mut v = d.clone();
    if kind == '%' {
        v.exp += 2;
    }
    let significant = |v: &Dec, n: i64| -> Option<Dec> {
        // To `n` digits.
        if v.coef.is_zero() {
            return Some(Dec::zero(v.neg, v.exp));
        }
        if v.coef.digits() <= n {
            return Some(v.clone());
        }
        let r = rescale(v, v.adjusted() + 1 - n, mode)?;
        if r.coef.digits() > n { rescale(&r, r.exp + 1, mode) } else { Some(r) }
    };
    if let Some(p) = spec.precision {
        match kind {
            'e' | 'E' => {
                v = if v.coef.is_zero() {
                    v
                } else if v.coef.digits() <= p + 1 {
                    rescale(&v, v.adjusted() - p, mode)?
                } else {
                    significant(&v, p + 1)?
                };
            }
            'f' | 'F' | '%' => v = rescale(&v, -p, mode)?,
            _ => {
                if v.coef.digits() > p.max(1) {
                    v = significant(&v, p.max(1))?;
                }
            }
        }
    }
    if v.coef.is_zero() && v.exp > 0 && matches!(kind, 'f' | 'F' | '%') {
        v.exp = 0;
    }
    if v.exp > 0 && matches!(kind, 'f' | 'F' | '%') {
        v = rescale(&v, 0, mode)?;
    }
    if spec.no_negative_zero && v.coef.is_zero() {
        v.neg = false;
    }
    let digits = v.coef.to_text();
    let left = v.exp + digits.len() as i64;
    let place = match kind {
        'e' | 'E' => {
            if v.coef.is_zero() {
                match spec.precision {
                    Some(p) => 1 - p,
                    None => 1,
                }
            } else {
                1
            }
        }
        'f' | 'F' | '%' => left,
        _ => {
            if v.exp <= 0 && left > -6 {
                left
            } else {
                1
            }
        }
    };
    if place < -(1 << 30) || place > digits.len() as i64 + (1 << 30) {
        return None;
    }
    let (int, frac) = if place < 0 {
        ("0".to_string(), "0".repeat(-place as usize) + &digits)
    } else if place as usize > digits.len() {
        (digits.clone() + &"0".repeat(place as usize - digits.len()), String::new())
    } else {
        let (a, b) = digits.split_at(place as usize);
        (if a.is_empty() { "0".to_string() } else { a.to_string() }, b.to_string())
    };
    let exp = left - place;
    let mut tail = String::new();
    if !frac.is_empty() {
        tail.push_str(&spec.point);
        tail.push_str(&frac);
    }
    if exp != 0 || matches!(kind, 'e' | 'E') {
        tail.push(if matches!(kind, 'e' | 'g') { 'e' } else { 'E' });
        tail.push_str(&format!("{exp:+}"));
    }
    if kind == '%' {
        tail.push('%');
    }
    let sign = sign_of(v.neg);
    let min = if spec.zero_pad || (spec.fill == '0' && spec.align == '=') {
        spec.width.saturating_sub(tail.chars().count() + sign.len())
    } else {
        0
    };
    let body = group(&int, spec, min) + &tail;
    Some(pad(sign, &body, spec))
}

fn pad(sign: &str, body: &str, s: &Spec) -> String {
    let n = s.width.saturating_sub(sign.len() + body.chars().count());
    let fill = |k: usize| core::iter::repeat_n(s.fill, k).collect::<String>();
    match s.align {
        '<' => format!("{sign}{body}{}", fill(n)),
        '=' => format!("{sign}{}{body}", fill(n)),
        '^' => format!("{}{sign}{body}{}", fill(n / 2), fill(n - n / 2)),
        _ => format!("{}{sign}{body}", fill(n)),
    }
}
