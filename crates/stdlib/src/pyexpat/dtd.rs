//! The document type: its tables, and the declarations that fill them.

use super::chars::{Scan, comment, is_name_char, is_space, more, name, skip_space, starts, step};
use super::engine::{Code, Engine, Event, Model, literal};
use std::collections::HashMap;

/// An entity, internal (with a value) or external.
#[derive(Default, Clone)]
pub struct Entity {
    pub value: Option<String>,
    pub base: Option<String>,
    pub system: Option<String>,
    pub public: Option<String>,
    pub notation: Option<String>,
    /// Being expanded right now: a reference to it would not end.
    pub open: bool,
}

/// A declared attribute.
#[derive(Clone)]
pub struct Attribute {
    pub name: String,
    /// Its value is plain text: spaces stay as they are.
    pub cdata: bool,
    pub default: Option<String>,
}

/// What declarations have said so far; shared with the parsers of external parts.
#[derive(Default)]
pub struct Dtd {
    pub general: HashMap<String, Entity>,
    pub parameter: HashMap<String, Entity>,
    pub attributes: HashMap<String, Vec<Attribute>>,
    pub standalone: bool,
    /// Parts of the type are elsewhere: an undeclared entity may be declared there.
    pub has_parameter_refs: bool,
    /// A part was not read: later declarations do not bind.
    pub stopped: bool,
}

/// The five entities that need no declaration.
pub fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

/// A value of tokens: single spaces between them, none around.
pub fn tokenized(v: &str) -> String {
    v.split(' ').filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
}

fn text(t: &[u8]) -> String {
    String::from_utf8_lossy(t).into_owned()
}

/// Version, encoding and standalone (-1: not said) of an XML or text declaration's inside; the error is where it is wrong.
pub fn declaration(t: &[u8], text_decl: bool) -> Result<(Option<String>, Option<String>, i32), usize> {
    let (mut version, mut encoding, mut standalone) = (None, None, -1);
    let mut p = skip_space(t, 0);
    let mut stage = 0;
    while p < t.len() {
        let start = p;
        while t.get(p).is_some_and(|b| b.is_ascii_lowercase()) {
            p += 1;
        }
        let key = &t[start..p];
        p = skip_space(t, p);
        if t.get(p) != Some(&b'=') {
            return Err(p.min(t.len()));
        }
        p = skip_space(t, p + 1);
        let Ok(Some((inside, end))) = literal(t, p) else { return Err(p) };
        let value = text(&t[inside.0..inside.1]);
        if !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) {
            return Err(inside.0);
        }
        match key {
            b"version" if stage == 0 => {
                version = Some(value);
                stage = 1;
            }
            b"encoding" if stage == 1 || stage == 0 && text_decl => {
                if !value.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) {
                    return Err(inside.0);
                }
                encoding = Some(value);
                stage = 2;
            }
            b"standalone" if (stage == 1 || stage == 2) && !text_decl => {
                standalone = match value.as_str() {
                    "yes" => 1,
                    "no" => 0,
                    _ => return Err(inside.0),
                };
                stage = 3;
            }
            _ => return Err(start),
        }
        p = end;
        let q = skip_space(t, p);
        if q == p && p < t.len() {
            return Err(p);
        }
        p = q;
    }
    if version.is_none() && !text_decl || encoding.is_none() && text_decl {
        return Err(t.len());
    }
    Ok((version, encoding, standalone))
}

/// The start of a document type declaration, up to its `[` or its `>`.
pub struct Doctype {
    pub name: String,
    pub system: Option<String>,
    pub public: Option<String>,
    pub internal: bool,
    pub end: usize,
}

pub fn doctype(t: &[u8], p: usize) -> Scan<Doctype> {
    let q = p + 9;
    if !is_space(*more!(t.get(q))) {
        return Err((Code::Syntax, q));
    }
    let start = skip_space(t, q);
    let e = more!(name(t, start).map_err(|(_, at)| (Code::Syntax, at))?);
    let mut d = Doctype { name: text(&t[start..e]), system: None, public: None, internal: false, end: 0 };
    let mut q = skip_space(t, e);
    more!(t.get(q));
    if t[q] == b'S' || t[q] == b'P' {
        let (public, system, end) = more!(external_id(t, q, false)?);
        (d.public, d.system) = (public, system);
        q = skip_space(t, end);
    }
    match *more!(t.get(q)) {
        b'[' => d.internal = true,
        b'>' => {}
        _ => return Err((Code::Syntax, q)),
    }
    d.end = q + 1;
    Ok(Some(d))
}

/// `SYSTEM "…"` or `PUBLIC "…" "…"`: the public and system identifiers and the end. A notation may leave out the second.
fn external_id(t: &[u8], p: usize, notation: bool) -> Scan<(Option<String>, Option<String>, usize)> {
    let public = match starts(t, p, b"PUBLIC") {
        Some(b) => b,
        None => return Ok(None),
    };
    if !public && !more!(starts(t, p, b"SYSTEM")) {
        return Err((Code::Syntax, p));
    }
    let mut q = p + 6;
    if !is_space(*more!(t.get(q))) {
        return Err((Code::Syntax, q));
    }
    q = skip_space(t, q);
    let (inside, end) = more!(literal(t, q)?);
    let first = text(&t[inside.0..inside.1]);
    if !public {
        return Ok(Some((None, Some(first), end)));
    }
    let good = |c: char| {
        matches!(c, ' ' | '\r' | '\n' | 'a'..='z' | 'A'..='Z' | '0'..='9') || "-'()+,./:=?;!*#@$_%".contains(c)
    };
    if let Some((i, _)) = first.char_indices().find(|(_, c)| !good(*c)) {
        return Err((Code::PublicId, inside.0 + i));
    }
    let first = tokenized(&first.replace(['\r', '\n'], " "));
    let q = skip_space(t, end);
    match *more!(t.get(q)) {
        b'"' | b'\'' => {
            let (inside, end) = more!(literal(t, q)?);
            Ok(Some((Some(first), Some(text(&t[inside.0..inside.1])), end)))
        }
        _ if notation => Ok(Some((Some(first), None, end))),
        _ => Err((Code::Syntax, q)),
    }
}

/// End of the markup declaration that starts at `p`.
pub fn declaration_end(t: &[u8], p: usize) -> Scan<usize> {
    if *more!(t.get(p + 1)) != b'!' {
        return Err((Code::Syntax, p));
    }
    let mut q = p + 2;
    loop {
        match *more!(t.get(q)) {
            b'>' => return Ok(Some(q + 1)),
            b'"' | b'\'' => q = more!(literal(t, q)?).1,
            b'<' => return Err((Code::InvalidToken, q)),
            b'-' if t[q..].starts_with(b"-- ") => q = more!(comment(t, q.saturating_sub(2))?).1,
            _ => q = more!(step(t, q)?),
        }
    }
}

/// Reads one declaration whose text is complete.
struct Cursor<'a> {
    t: &'a [u8],
    p: usize,
}

type Read<T> = Result<T, (Code, usize)>;

impl Cursor<'_> {
    fn wrong<T>(&self) -> Read<T> {
        Err((Code::Syntax, self.p))
    }
    fn space(&mut self) -> bool {
        let from = self.p;
        self.p = skip_space(self.t, self.p);
        self.p > from
    }
    fn eat(&mut self, what: &[u8]) -> bool {
        let yes = self.t[self.p..].starts_with(what);
        if yes {
            self.p += what.len();
        }
        yes
    }
    fn name(&mut self) -> Read<String> {
        let e = name(self.t, self.p).map_err(|(_, at)| (Code::Syntax, at))?.ok_or((Code::Syntax, self.p))?;
        let s = text(&self.t[self.p..e]);
        self.p = e;
        Ok(s)
    }
    fn token(&mut self) -> Read<String> {
        let from = self.p;
        while let Some((c, n)) = super::chars::char_at(self.t, self.p).filter(|(c, _)| is_name_char(*c)) {
            let _ = c;
            self.p += n;
        }
        if self.p == from { self.wrong() } else { Ok(text(&self.t[from..self.p])) }
    }
    fn literal(&mut self) -> Read<(usize, usize)> {
        let Some((inside, end)) = literal(self.t, self.p)? else { return self.wrong() };
        self.p = end;
        Ok(inside)
    }
    fn external(&mut self, notation: bool) -> Read<(Option<String>, Option<String>)> {
        let Some((public, system, end)) = external_id(self.t, self.p, notation)? else { return self.wrong() };
        self.p = end;
        Ok((public, system))
    }
    fn end(&mut self) -> Read<()> {
        self.space();
        if self.eat(b">") { Ok(()) } else { self.wrong() }
    }
    fn quantifier(&mut self) -> i32 {
        let q = match self.t.get(self.p) {
            Some(b'?') => 1,
            Some(b'*') => 2,
            Some(b'+') => 3,
            _ => return 0,
        };
        self.p += 1;
        q
    }
    /// A group from behind its `(`.
    fn group(&mut self, depth: usize) -> Read<Model> {
        let mut m = Model { kind: 6, quant: 0, name: None, children: Vec::new() };
        if depth > 1000 {
            return self.wrong();
        }
        self.space();
        if depth == 0 && self.eat(b"#PCDATA") {
            m.kind = 3;
            loop {
                self.space();
                if self.eat(b")") {
                    let star = self.eat(b"*");
                    if !m.children.is_empty() && !star {
                        return self.wrong();
                    }
                    m.quant = if star { 2 } else { 0 };
                    return Ok(m);
                }
                if !self.eat(b"|") {
                    return self.wrong();
                }
                self.space();
                let n = self.name()?;
                m.children.push(Model { kind: 4, quant: 0, name: Some(n), children: Vec::new() });
            }
        }
        let mut separator = 0;
        loop {
            self.space();
            let child = if self.eat(b"(") {
                self.group(depth + 1)?
            } else {
                let n = self.name()?;
                let quant = self.quantifier();
                Model { kind: 4, quant, name: Some(n), children: Vec::new() }
            };
            m.children.push(child);
            self.space();
            match self.t.get(self.p) {
                Some(b')') => {
                    self.p += 1;
                    m.quant = self.quantifier();
                    if separator == b'|' {
                        m.kind = 5;
                    }
                    return Ok(m);
                }
                Some(s @ (b'|' | b',')) if separator == 0 || separator == *s => {
                    separator = *s;
                    self.p += 1;
                }
                _ => return self.wrong(),
            }
        }
    }
}

impl Engine {
    /// Replaces references to parameter entities, which may stand anywhere in an external part; inside a literal without spaces around.
    pub(super) fn expand_parameters(&mut self, t: &str, literal: bool) -> Result<String, Code> {
        let mut out = String::new();
        let mut rest = t;
        let mut quote = None;
        while let Some(i) = rest.find(|c| matches!(c, '%' | '"' | '\'')) {
            out.push_str(&rest[..i]);
            let c = rest.as_bytes()[i];
            if c != b'%' {
                quote = match quote {
                    None if !literal => Some(c),
                    Some(q) if q == c => None,
                    q => q,
                };
                out.push(c as char);
                rest = &rest[i + 1..];
                continue;
            }
            let tail = &rest.as_bytes()[i + 1..];
            match (quote, name(tail, 0)) {
                (None, Ok(Some(e))) if tail[e] == b';' => {
                    let n = &rest[i + 1..i + 1 + e];
                    let found = self.dtd().parameter.get(n).map(|p| (p.open, p.value.clone()));
                    match found {
                        Some((true, _)) => return Err(Code::RecursiveEntityRef),
                        Some((false, Some(v))) => {
                            self.account(v.len())?;
                            let set = |e: &Engine, open| {
                                if let Some(p) = e.dtd().parameter.get_mut(n) {
                                    p.open = open;
                                }
                            };
                            set(self, true);
                            let inner = self.expand_parameters(&v, literal);
                            set(self, false);
                            let inner = inner?;
                            if literal {
                                out.push_str(&inner);
                            } else {
                                out.push(' ');
                                out.push_str(&inner);
                                out.push(' ');
                            }
                        }
                        _ => {}
                    }
                    rest = &rest[i + 2 + e..];
                }
                _ => {
                    out.push('%');
                    rest = &rest[i + 1..];
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Takes one markup declaration into the tables and appends what is to be reported. Offsets of errors count from its `<`.
    pub(super) fn declare(&mut self, t: &[u8], external: bool, events: &mut Vec<Event>) -> Read<()> {
        let expanded;
        let mut t = t;
        if external && t.contains(&b'%') {
            expanded = self.expand_parameters(&text(t), false).map_err(|c| (c, 0))?;
            t = expanded.as_bytes();
        }
        let mut c = Cursor { t, p: 2 };
        let word = c.name().map_err(|(_, at)| (Code::InvalidToken, at))?;
        if !c.space() {
            return c.wrong();
        }
        match word.as_str() {
            "ENTITY" => self.declare_entity(&mut c, external, events),
            "NOTATION" => {
                let name = c.name()?;
                c.space();
                let (public, system) = c.external(true)?;
                c.end()?;
                events.push(Event::Notation { name, base: self.base.clone(), system, public });
                Ok(())
            }
            "ELEMENT" => {
                let name = c.name()?;
                c.space();
                let simple = |kind| Model { kind, quant: 0, name: None, children: Vec::new() };
                let model = if c.eat(b"EMPTY") {
                    simple(1)
                } else if c.eat(b"ANY") {
                    simple(2)
                } else if c.eat(b"(") {
                    c.group(0)?
                } else {
                    return c.wrong();
                };
                c.end()?;
                events.push(Event::Element { name, model });
                Ok(())
            }
            "ATTLIST" => self.declare_attributes(&mut c, events),
            _ => Err((Code::Syntax, 0)),
        }
    }

    /// Whether declarations still bind.
    fn binds(&self) -> bool {
        !self.dtd().stopped
    }

    fn declare_entity(&mut self, c: &mut Cursor<'_>, external: bool, events: &mut Vec<Event>) -> Read<()> {
        let parameter = c.eat(b"%");
        if parameter && !c.space() {
            return c.wrong();
        }
        let name = c.name()?;
        if !c.space() {
            return c.wrong();
        }
        let mut e = Entity { base: self.base.clone(), ..Entity::default() };
        if matches!(c.t.get(c.p), Some(b'"' | b'\'')) {
            let (a, b) = c.literal()?;
            let mut value = text(&c.t[a..b]);
            if value.contains('%') {
                if !external {
                    if let Some(i) = value.find('%').filter(|i| super::chars::name(&c.t[..b + 1], a + i + 1).is_ok()) {
                        return Err((Code::ParamEntityRef, a + i));
                    }
                } else {
                    value = self.expand_parameters(&value, true).map_err(|code| (code, a))?;
                }
            }
            e.value =
                Some(character_references(&value.replace("\r\n", "\n").replace('\r', "\n")).map_err(|code| (code, a))?);
        } else {
            (e.public, e.system) = c.external(false)?;
            let spaced = c.space();
            if !parameter && spaced && c.eat(b"NDATA") {
                c.space();
                e.notation = Some(c.name()?);
            }
        }
        c.end()?;
        if !self.binds() {
            return Ok(());
        }
        events.push(Event::Entity {
            name: name.clone(),
            parameter,
            value: e.value.clone(),
            base: e.base.clone(),
            system: e.system.clone(),
            public: e.public.clone(),
            notation: e.notation.clone(),
        });
        {
            let mut d = self.dtd();
            let table = if parameter { &mut d.parameter } else { &mut d.general };
            // The first declaration is the one that counts.
            table.entry(name).or_insert(e);
        }
        Ok(())
    }

    fn declare_attributes(&mut self, c: &mut Cursor<'_>, events: &mut Vec<Event>) -> Read<()> {
        let element = c.name()?;
        loop {
            let spaced = c.space();
            if c.eat(b">") {
                return Ok(());
            }
            if !spaced {
                return c.wrong();
            }
            let name = c.name()?;
            if !c.space() {
                return c.wrong();
            }
            let kind = if c.t[c.p] == b'(' {
                enumeration(c)?
            } else {
                let word = c.name()?;
                match word.as_str() {
                    "CDATA" | "ID" | "IDREF" | "IDREFS" | "ENTITY" | "ENTITIES" | "NMTOKEN" | "NMTOKENS" => word,
                    "NOTATION" => {
                        c.space();
                        format!("NOTATION{}", enumeration(c)?)
                    }
                    _ => return c.wrong(),
                }
            };
            c.space();
            let mut required = false;
            let mut default = None;
            if c.eat(b"#REQUIRED") {
                required = true;
            } else if !c.eat(b"#IMPLIED") {
                if c.eat(b"#FIXED") {
                    required = true;
                    c.space();
                }
                let (a, b) = c.literal()?;
                let mut value = String::new();
                let raw = c.t[a..b].to_vec();
                self.attribute_value(&raw, a, &mut value, 0)?;
                default = Some(if kind == "CDATA" { value } else { tokenized(&value) });
            }
            let cdata = kind == "CDATA";
            if self.binds() {
                events.push(Event::Attlist {
                    element: element.clone(),
                    name: name.clone(),
                    kind,
                    default: default.clone(),
                    required,
                });
                let mut d = self.dtd();
                let list = d.attributes.entry(element.clone()).or_default();
                if !list.iter().any(|a| a.name == name) {
                    list.push(Attribute { name, cdata, default });
                }
            }
        }
    }
}

/// `(a|b|c)`, without its spaces.
fn enumeration(c: &mut Cursor<'_>) -> Read<String> {
    if !c.eat(b"(") {
        return c.wrong();
    }
    let mut names = Vec::new();
    loop {
        c.space();
        names.push(c.token()?);
        c.space();
        if c.eat(b")") {
            return Ok(format!("({})", names.join("|")));
        }
        if !c.eat(b"|") {
            return c.wrong();
        }
    }
}

/// Replaces character references, and no others, in the value of an entity.
fn character_references(value: &str) -> Result<String, Code> {
    let mut out = String::new();
    let mut rest = value;
    while let Some(i) = rest.find('&') {
        out.push_str(&rest[..i]);
        match super::chars::reference(rest.as_bytes(), i) {
            Ok(Some((super::chars::Reference::Char(c), end))) => {
                out.push(c);
                rest = &rest[end..];
            }
            Ok(Some((_, end))) => {
                out.push_str(&rest[i..end]);
                rest = &rest[end..];
            }
            Ok(None) => return Err(Code::InvalidToken),
            Err((c, _)) => return Err(c),
        }
    }
    out.push_str(rest);
    Ok(out)
}
