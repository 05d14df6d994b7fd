//! `str.format`: replacement fields, and the pieces `string.Formatter` takes apart.

use super::spec::integer;
use crate::objects::unicode::{StrBuilder, StrData};
use crate::prelude::*;

/// One step through a format string: literal text, and the field after it.
pub struct Piece {
    pub literal: (usize, usize),
    pub field: Option<Field>,
}

/// A replacement field, as ranges of the format string.
pub struct Field {
    pub name: (usize, usize),
    pub spec: (usize, usize),
    pub spec_has_fields: bool,
    pub conversion: Option<u32>,
}

/// Takes a format string apart.
pub struct Markup<'a> {
    d: StrData<'a>,
    pos: usize,
    end: usize,
}

impl<'a> Markup<'a> {
    pub fn new(d: StrData<'a>, start: usize, end: usize) -> Markup<'a> {
        Markup { d, pos: start, end }
    }

    /// Where the next step begins.
    pub fn position(&self) -> usize {
        self.pos
    }

    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> PyResult<Option<Piece>> {
        if self.pos >= self.end {
            return Ok(None);
        }
        let start = self.pos;
        let (mut c, mut markup) = (0, false);
        while self.pos < self.end {
            c = self.d.get(self.pos);
            self.pos += 1;
            if c == 123 || c == 125 {
                markup = true;
                break;
            }
        }
        let at_end = self.pos >= self.end;
        let mut len = self.pos - start;
        if markup {
            if c == 125 && (at_end || self.d.get(self.pos) != c) {
                return Err(raise!(ValueError, "Single '}}' encountered in format string"));
            }
            if at_end && c == 123 {
                return Err(raise!(ValueError, "Single '{{' encountered in format string"));
            }
            if self.d.get(self.pos) == c {
                self.pos += 1;
                markup = false;
            } else {
                len -= 1;
            }
        }
        let literal = (start, start + len);
        if !markup {
            return Ok(Some(Piece { literal, field: None }));
        }
        Ok(Some(Piece { literal, field: Some(self.field()?) }))
    }

    fn field(&mut self) -> PyResult<Field> {
        let start = self.pos;
        let mut c = 0;
        while self.pos < self.end {
            c = self.d.get(self.pos);
            self.pos += 1;
            match c {
                123 => return Err(raise!(ValueError, "unexpected '{{' in field name")),
                91 => {
                    while self.pos < self.end && self.d.get(self.pos) != 93 {
                        self.pos += 1;
                    }
                }
                125 | 58 | 33 => break,
                _ => {}
            }
            c = 0;
        }
        let mut f = Field {
            name: (start, self.pos - (c != 0) as usize),
            spec: (0, 0),
            spec_has_fields: false,
            conversion: None,
        };
        if c == 125 {
            return Ok(f);
        }
        if c == 0 {
            return Err(raise!(ValueError, "expected '}}' before end of string"));
        }
        if c == 33 {
            if self.pos >= self.end {
                return Err(raise!(ValueError, "end of string while looking for conversion specifier"));
            }
            f.conversion = Some(self.d.get(self.pos));
            self.pos += 1;
            if self.pos < self.end {
                let c = self.d.get(self.pos);
                self.pos += 1;
                if c == 125 {
                    return Ok(f);
                }
                if c != 58 {
                    return Err(raise!(ValueError, "expected ':' after conversion specifier"));
                }
            }
        }
        let spec = self.pos;
        let mut depth = 1;
        while self.pos < self.end {
            let c = self.d.get(self.pos);
            self.pos += 1;
            if c == 123 {
                f.spec_has_fields = true;
                depth += 1;
            } else if c == 125 {
                depth -= 1;
                if depth == 0 {
                    f.spec = (spec, self.pos - 1);
                    return Ok(f);
                }
            }
        }
        Err(raise!(ValueError, "unmatched '{{' in format spec"))
    }
}

/// The first part of a field name.
pub enum First {
    Empty,
    Index(isize),
    Name(usize, usize),
}

/// One accessor of a field name.
pub enum Access {
    Attr(usize, usize),
    Index(isize),
    Key(usize, usize),
}

/// Splits `name` into its first part; gives where the accessors begin.
pub fn split_first(d: StrData<'_>, name: (usize, usize)) -> PyResult<(First, usize)> {
    let mut i = name.0;
    while i < name.1 && !matches!(d.get(i), 46 | 91) {
        i += 1;
    }
    if i == name.0 {
        return Ok((First::Empty, i));
    }
    let part = d.slice(name.0, i);
    let mut p = 0;
    let v = integer(part, &mut p)?;
    if v >= 0 && p == part.len() {
        return Ok((First::Index(v), i));
    }
    Ok((First::Name(name.0, i), i))
}

/// The accessor at `*pos` of a field name that ends at `end`.
pub fn next_access(d: StrData<'_>, pos: &mut usize, end: usize) -> PyResult<Option<Access>> {
    if *pos >= end {
        return Ok(None);
    }
    let c = d.get(*pos);
    *pos += 1;
    let start = *pos;
    let a = match c {
        46 => {
            while *pos < end && !matches!(d.get(*pos), 46 | 91) {
                *pos += 1;
            }
            Access::Attr(start, *pos)
        }
        91 => {
            while *pos < end && d.get(*pos) != 93 {
                *pos += 1;
            }
            if *pos >= end {
                return Err(raise!(ValueError, "Missing ']' in format string"));
            }
            let stop = *pos;
            *pos += 1;
            let part = d.slice(start, stop);
            let mut p = 0;
            let v = integer(part, &mut p)?;
            if v >= 0 && p == part.len() { Access::Index(v) } else { Access::Key(start, stop) }
        }
        _ => return Err(raise!(ValueError, "Only '.' or '[' may follow ']' in format field specifier")),
    };
    if let Access::Attr(a, b) | Access::Key(a, b) = a
        && a == b
    {
        return Err(raise!(ValueError, "Empty attribute in format string"));
    }
    Ok(Some(a))
}

/// Where the values come from.
struct Source<'a> {
    args: Option<&'a [&'a Object]>,
    kwargs: FuncArgs<'a>,
    mapping: Option<&'a Object>,
}

/// Automatic numbering: the next index, or that manual numbers are in use.
enum Numbering {
    Unknown,
    Auto(isize),
    Manual,
}

fn lookup(text: &Str, src: &Source<'_>, num: &mut Numbering, name: (usize, usize)) -> PyResult<PyRef> {
    let d = text.data();
    let (first, mut pos) = split_first(d, name)?;
    let index = match first {
        First::Empty => match num {
            Numbering::Manual => {
                return Err(raise!(
                    ValueError,
                    "cannot switch from manual field specification to automatic field numbering"
                ));
            }
            Numbering::Unknown => {
                *num = Numbering::Auto(1);
                Some(0)
            }
            Numbering::Auto(n) => {
                *n += 1;
                Some(*n - 1)
            }
        },
        First::Index(i) => {
            if let Numbering::Auto(_) = num {
                return Err(raise!(
                    ValueError,
                    "cannot switch from automatic field numbering to manual field specification"
                ));
            }
            *num = Numbering::Manual;
            Some(i)
        }
        First::Name(..) => None,
    };
    let mut obj: PyRef = match (index, first) {
        (Some(i), _) => {
            let Some(args) = src.args else {
                return Err(raise!(ValueError, "Format string contains positional fields"));
            };
            match args.get(i as usize) {
                Some(o) => o.to_ref(),
                None => {
                    return Err(raise!(IndexError, "Replacement index {} out of range for positional args tuple", i));
                }
            }
        }
        (None, First::Name(a, b)) => {
            let key = text.substring(a, b)?;
            match src.mapping {
                Some(m) => m.get_item(&key)?,
                None => match src.kwargs.keywords().find(|(k, _)| k.downcast::<Str>().is_some_and(|k| k.eq_data(&key)))
                {
                    Some((_, v)) => v.to_ref(),
                    None => return Err(crate::error::raise_key_error(&key)),
                },
            }
        }
        _ => return Err(raise!(ValueError, "Empty attribute in format string")),
    };
    while let Some(a) = next_access(d, &mut pos, name.1)? {
        obj = match a {
            Access::Attr(a, b) => {
                let n = text.substring(a, b)?;
                obj.getattr(&n)?
            }
            Access::Index(i) => {
                if obj.sequence_check() {
                    obj.get_item_index(i)?
                } else {
                    let k = Int::from_i64(i as i64)?;
                    obj.get_item(&k)?
                }
            }
            Access::Key(a, b) => {
                let k = text.substring(a, b)?;
                obj.get_item(&k)?
            }
        };
    }
    Ok(obj)
}

/// Applies `!r`, `!s` or `!a`.
pub fn convert(obj: PyRef, conversion: u32) -> PyResult<PyRef> {
    Ok(match char::from_u32(conversion) {
        Some('r') => obj.repr()?.upcast(),
        Some('s') => obj.str()?.upcast(),
        Some('a') => obj.ascii()?.upcast(),
        _ => {
            return Err(if conversion > 32 && conversion < 127 {
                raise!(ValueError, "Unknown conversion specifier {}", conversion as u8 as char)
            } else {
                raise!(ValueError, "Unknown conversion specifier \\x{:x}", conversion)
            });
        }
    })
}

/// Appends `format(obj, spec)`, built-in types without a call.
pub fn push_formatted(out: &mut StrBuilder, obj: &Object, spec: &Str) -> PyResult<()> {
    if spec.is_empty() {
        if let Some(s) = obj.downcast_exact::<Str>() {
            out.push_obj(s);
            return Ok(());
        }
        if let Some(i) = obj.downcast_exact::<Int>() {
            match i.try_i64() {
                Some(v) => {
                    use core::fmt::Write;
                    let _ = write!(out, "{v}");
                }
                None => out.push_str(&i.to_string_radix(10)?),
            }
            return Ok(());
        }
        if let Some(f) = obj.downcast_exact::<Float>() {
            out.push_str(&super::float_repr(f.value()));
            return Ok(());
        }
    }
    let s = if let Some(s) = obj.downcast_exact::<Str>() {
        super::format_str_spec(s, spec)?
    } else if obj.downcast_exact::<Int>().is_some() {
        super::format_int(obj, spec)?
    } else if let Some(f) = obj.downcast_exact::<Float>() {
        super::format_float_spec(f.value(), spec)?
    } else {
        obj.format(spec)?
    };
    out.push_obj(&s);
    Ok(())
}

fn build(text: &Str, range: (usize, usize), src: &Source<'_>, num: &mut Numbering, depth: u32) -> PyResult<StrBuilder> {
    if depth == 0 {
        return Err(raise!(ValueError, "Max string recursion exceeded"));
    }
    let d = text.data();
    let mut out = StrBuilder::with_capacity(range.1 - range.0 + 16);
    let mut m = Markup::new(d, range.0, range.1);
    while let Some(p) = m.next()? {
        out.push_data(d.slice(p.literal.0, p.literal.1));
        let Some(f) = p.field else { continue };
        let mut obj = lookup(text, src, num, f.name)?;
        if let Some(c) = f.conversion {
            obj = convert(obj, c)?;
        }
        if f.spec_has_fields {
            let spec = build(text, f.spec, src, num, depth - 1)?.finish()?;
            push_formatted(&mut out, &obj, &spec)?;
        } else if f.spec.0 == f.spec.1 {
            push_formatted(&mut out, &obj, Str::empty())?;
        } else {
            let spec = text.substring(f.spec.0, f.spec.1)?;
            push_formatted(&mut out, &obj, &spec)?;
        }
    }
    Ok(out)
}

/// `text.format(*args, **kwargs)`.
pub fn format(text: &Str, args: FuncArgs<'_>) -> PyResult<Ref<Str>> {
    let src = Source { args: Some(args.args), kwargs: args, mapping: None };
    build(text, (0, text.len()), &src, &mut Numbering::Unknown, 2)?.finish()
}

/// `text.format_map(mapping)`.
pub fn format_map(text: &Str, mapping: &Object) -> PyResult<Ref<Str>> {
    let src = Source { args: None, kwargs: FuncArgs::EMPTY, mapping: Some(mapping) };
    build(text, (0, text.len()), &src, &mut Numbering::Unknown, 2)?.finish()
}
