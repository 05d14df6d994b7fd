//! The parser itself, which knows no Python objects: text goes in, one event after the other comes out. Who drives it may run anything
//! between two events. The events, their order and the error codes are those of the Expat library.

use super::chars::{
    Reference, Scan, char_at, comment, end_tag, instruction, is_char, is_space, more, reference, skip_space, start_tag,
    starts, step,
};
use super::dtd::Dtd;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// Error codes, numbered as `XML_Error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Code {
    Syntax = 2,
    NoElements = 3,
    InvalidToken = 4,
    UnclosedToken = 5,
    PartialChar = 6,
    TagMismatch = 7,
    DuplicateAttribute = 8,
    JunkAfterDocElement = 9,
    ParamEntityRef = 10,
    UndefinedEntity = 11,
    RecursiveEntityRef = 12,
    AsyncEntity = 13,
    BadCharRef = 14,
    BinaryEntityRef = 15,
    AttributeExternalEntityRef = 16,
    MisplacedXmlPi = 17,
    UnknownEncoding = 18,
    IncorrectEncoding = 19,
    UnclosedCdataSection = 20,
    ExternalEntityHandling = 21,
    NotStandalone = 22,
    UnboundPrefix = 27,
    UndeclaringPrefix = 28,
    XmlDecl = 30,
    TextDecl = 31,
    PublicId = 32,
    Aborted = 35,
    Finished = 36,
    ReservedPrefixXml = 38,
    ReservedPrefixXmlns = 39,
    ReservedNamespaceUri = 40,
    AmplificationLimit = 43,
}

/// Content model of an element declaration: type, quantifier, name, children.
#[derive(Clone, Debug)]
pub struct Model {
    pub kind: i32,
    pub quant: i32,
    pub name: Option<String>,
    pub children: Vec<Model>,
}

/// What the parser has found.
#[derive(Debug)]
pub enum Event {
    XmlDecl {
        version: Option<String>,
        encoding: Option<String>,
        standalone: i32,
    },
    Start {
        name: String,
        attrs: Vec<(String, String)>,
        specified: usize,
        empty: bool,
    },
    End {
        name: String,
        empty: bool,
    },
    StartNs {
        prefix: Option<String>,
        uri: Option<String>,
    },
    EndNs {
        prefix: Option<String>,
    },
    Chars(String),
    Comment(String),
    Pi {
        target: String,
        data: String,
    },
    StartCdata,
    EndCdata,
    StartDoctype {
        name: String,
        system: Option<String>,
        public: Option<String>,
        internal: bool,
    },
    EndDoctype,
    Entity {
        name: String,
        parameter: bool,
        value: Option<String>,
        base: Option<String>,
        system: Option<String>,
        public: Option<String>,
        notation: Option<String>,
    },
    Notation {
        name: String,
        base: Option<String>,
        system: Option<String>,
        public: Option<String>,
    },
    Element {
        name: String,
        model: Model,
    },
    Attlist {
        element: String,
        name: String,
        kind: String,
        default: Option<String>,
        required: bool,
    },
    ExternalRef {
        context: Option<String>,
        base: Option<String>,
        system: Option<String>,
        public: Option<String>,
    },
    Skipped {
        name: String,
        parameter: bool,
    },
    NotStandalone,
    /// Nothing but text for the default handler.
    Other,
    /// The named encoding is not one of ours: `set_table` or `fail` is the answer.
    UnknownEncoding(String),
}

/// Where an event starts.
#[derive(Clone, Copy, Default, Debug)]
pub struct Position {
    offset: usize,
    pub byte: usize,
    pub line: usize,
    pub column: usize,
}

enum Encoding {
    Utf8,
    Utf16 {
        big: bool,
    },
    /// One byte, one character; `None` is not allowed.
    Table(Box<[Option<char>; 256]>),
}

/// One text that is read: the document, or an internal entity that is being expanded.
struct Input {
    text: Arc<Vec<u8>>,
    at: usize,
    entity: Option<(String, bool)>,
    depth: usize,
    cdata: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing seen: an XML declaration may come.
    Start,
    Prolog,
    /// Inside `[…]` of the document type declaration.
    Subset,
    AfterSubset,
    AfterDoctype,
    Content,
    Epilog,
    /// The whole of an external subset or parameter entity.
    External,
}

struct Tag {
    raw: String,
    name: String,
    bindings: usize,
}

/// What kind of entity a parser reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Document,
    General,
    Parameter,
}

pub struct Engine {
    dtd: Arc<Mutex<Dtd>>,
    kind: Kind,
    inputs: Vec<Input>,
    undecoded: Vec<u8>,
    encoding: Option<Encoding>,
    forced: Option<String>,
    /// Bytes of the declaration that may be decoded before the encoding is known.
    only: Option<usize>,
    bad: bool,
    last: bool,
    phase: Phase,
    queue: VecDeque<Event>,
    tags: Vec<Tag>,
    separator: Option<String>,
    pub triplets: bool,
    bindings: Vec<(Option<String>, Option<String>)>,
    position: Position,
    raw: (usize, usize),
    pub error: Option<Code>,
    /// Internal entities are replaced (no default handler wants to see the references).
    pub expand: bool,
    /// 0 never, 1 unless standalone, 2 always.
    pub parameter_parsing: i32,
    pub foreign_dtd: bool,
    doctype: Option<(Option<String>, Option<String>)>,
    includes: usize,
    direct: usize,
    indirect: usize,
    pub threshold: usize,
    pub amplification: f32,
    pub base: Option<String>,
    started: bool,
    /// A token that was not complete is not tried again before the text has doubled (`deferral`): time would be quadratic.
    pub deferral: bool,
    partial: usize,
    skip: bool,
}

const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

fn text(t: &[u8]) -> String {
    String::from_utf8_lossy(t).into_owned()
}

/// Line ends of a value as they are reported.
fn lines(t: &[u8]) -> String {
    let s = text(t);
    if s.contains('\r') { s.replace("\r\n", "\n").replace('\r', "\n") } else { s }
}

/// What a step of the reader came to.
enum Step {
    Again,
    Wait,
}

type Stepped = Result<Step, (Code, usize)>;

impl Engine {
    pub fn new(forced: Option<String>, separator: Option<String>) -> Engine {
        Engine {
            dtd: Arc::default(),
            kind: Kind::Document,
            inputs: vec![Input { text: Arc::default(), at: 0, entity: None, depth: 0, cdata: false }],
            undecoded: Vec::new(),
            encoding: None,
            forced,
            only: None,
            bad: false,
            last: false,
            phase: Phase::Start,
            queue: VecDeque::new(),
            tags: Vec::new(),
            separator,
            triplets: false,
            bindings: Vec::new(),
            position: Position { line: 1, ..Position::default() },
            raw: (0, 0),
            error: None,
            expand: true,
            parameter_parsing: 0,
            foreign_dtd: false,
            doctype: None,
            includes: 0,
            direct: 0,
            indirect: 0,
            threshold: 8 << 20,
            amplification: 100.0,
            base: None,
            started: false,
            deferral: true,
            partial: 0,
            skip: false,
        }
    }

    /// Whether this parser reads an external entity of another one.
    pub fn is_child(&self) -> bool {
        self.kind != Kind::Document
    }

    /// A parser for an external entity that this one refers to. `context` is that of the reference: its entities are open and its
    /// namespaces bound; without one the text is part of the document type.
    pub fn child(&self, context: Option<&str>, encoding: Option<String>) -> Engine {
        let mut e = Engine::new(encoding, self.separator.clone());
        e.dtd = self.dtd.clone();
        e.kind = if context.is_some() { Kind::General } else { Kind::Parameter };
        e.bindings = self.bindings.clone();
        e.triplets = self.triplets;
        e.expand = self.expand;
        e.parameter_parsing = self.parameter_parsing;
        e.threshold = self.threshold;
        e.amplification = self.amplification;
        e.deferral = self.deferral;
        e.base = self.base.clone();
        if let Some(c) = context {
            for name in c.split('\u{c}').filter(|n| !n.is_empty() && !n.contains('=')) {
                if let Some(entity) = e.dtd().general.get_mut(name) {
                    entity.open = true;
                }
            }
        }
        e
    }

    pub(super) fn dtd(&self) -> MutexGuard<'_, Dtd> {
        self.dtd.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether text was given already.
    pub fn has_started(&self) -> bool {
        self.started
    }

    pub fn is_finished(&self) -> bool {
        self.last
    }

    /// The encoding that outside knowledge names, over what the text says.
    pub fn force_encoding(&mut self, name: &str) {
        if !self.started {
            self.forced = Some(name.to_string());
        }
    }

    pub fn position(&self) -> Position {
        self.position
    }

    /// The text of the last event, as it stands in the document (line ends apart).
    pub fn raw(&self) -> String {
        let input = self.inputs.last().unwrap_or(&self.inputs[0]);
        lines(input.text.get(self.raw.0..self.raw.1).unwrap_or_default())
    }

    /// What follows from the last event's start in what was given so far.
    pub fn context(&self) -> &[u8] {
        self.inputs[0].text.get(self.position.offset..).unwrap_or_default()
    }

    pub fn is_standalone(&self) -> bool {
        self.dtd().standalone
    }

    /// Takes more text.
    pub fn feed(&mut self, data: &[u8], last: bool) {
        self.started = true;
        self.direct += data.len();
        self.undecoded.extend_from_slice(data);
        self.last |= last;
        self.decode();
        let have = self.inputs[0].text.len() - self.inputs[0].at;
        self.skip = self.deferral && !self.last && have < 2 * self.partial;
    }

    fn set_named(&mut self, name: &str) -> bool {
        let upper = name.to_ascii_uppercase();
        self.encoding = Some(match upper.as_str() {
            "UTF-8" => Encoding::Utf8,
            "UTF-16" => Encoding::Utf16 { big: self.undecoded.starts_with(&[0xFE, 0xFF]) },
            "UTF-16LE" => Encoding::Utf16 { big: false },
            "UTF-16BE" => Encoding::Utf16 { big: true },
            "ISO-8859-1" => Encoding::Table(Box::new(core::array::from_fn(|i| Some(i as u8 as char)))),
            "US-ASCII" => Encoding::Table(Box::new(core::array::from_fn(|i| (i < 128).then_some(i as u8 as char)))),
            _ => return false,
        });
        true
    }

    /// The answer to `UnknownEncoding`.
    pub fn set_table(&mut self, table: Box<[Option<char>; 256]>) {
        self.encoding = Some(Encoding::Table(table));
        self.only = None;
        self.decode();
    }

    /// Stops the parser with an error at the current position.
    pub fn fail(&mut self, code: Code) {
        self.error = Some(code);
    }

    /// Finds out the encoding from the first bytes; `false` when more are needed.
    fn sniff(&mut self) -> bool {
        if self.encoding.is_some() {
            return true;
        }
        let (bom, found) = match self.undecoded.as_slice() {
            [0xFE, 0xFF, ..] => (2, Encoding::Utf16 { big: true }),
            [0xFF, 0xFE, ..] => (2, Encoding::Utf16 { big: false }),
            [0xEF, 0xBB, 0xBF, ..] => (3, Encoding::Utf8),
            [0, b'<', ..] => (0, Encoding::Utf16 { big: true }),
            [b'<', 0, ..] => (0, Encoding::Utf16 { big: false }),
            [0xEF] | [0xEF, 0xBB] | [0xFE] | [0xFF] | [0] if !self.last => return false,
            [b'<'] if !self.last => return false,
            [] => return false,
            _ => (0, Encoding::Utf8),
        };
        if let Some(name) = self.forced.clone() {
            if self.set_named(&name) {
                let same = matches!(
                    (&self.encoding, &found),
                    (Some(Encoding::Utf8), Encoding::Utf8) | (Some(Encoding::Utf16 { .. }), Encoding::Utf16 { .. })
                );
                if same {
                    self.skip_bom(bom);
                }
                return true;
            }
            if self.only.is_none() {
                self.only = Some(0);
                self.queue.push_back(Event::UnknownEncoding(name));
            }
            return false;
        }
        self.skip_bom(bom);
        // Bytes that may be anything until the declaration has been read.
        if matches!(found, Encoding::Utf8) && bom == 0 {
            match starts(&self.undecoded, 0, b"<?xml") {
                None if !self.last => return false,
                Some(true) => match self.undecoded.windows(2).position(|w| w == b"?>") {
                    Some(end) => self.only = Some(end + 2),
                    None if !self.last => return false,
                    None => {}
                },
                _ => {}
            }
        }
        self.encoding = Some(found);
        true
    }

    fn skip_bom(&mut self, n: usize) {
        self.undecoded.drain(..n);
        self.position.byte += n;
    }

    /// Moves what can be decoded to the document's text.
    fn decode(&mut self) {
        if self.bad || !self.sniff() {
            return;
        }
        let mut out = std::mem::take(&mut self.inputs[0].text);
        let to = Arc::make_mut(&mut out);
        let limit = self.only.map_or(self.undecoded.len(), |n| n.min(self.undecoded.len()));
        let from = &self.undecoded[..limit];
        let used = match self.encoding.as_ref().unwrap_or(&Encoding::Utf8) {
            Encoding::Utf8 => match core::str::from_utf8(from) {
                Ok(_) => {
                    to.extend_from_slice(from);
                    from.len()
                }
                Err(e) => {
                    to.extend_from_slice(&from[..e.valid_up_to()]);
                    self.bad = e.error_len().is_some();
                    e.valid_up_to()
                }
            },
            Encoding::Utf16 { big } => {
                let unit = |i: usize| {
                    let b = [from[i], from[i + 1]];
                    if *big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) }
                };
                let mut i = 0;
                let mut buf = [0; 4];
                while i + 1 < from.len() {
                    let u = unit(i);
                    let mut units = vec![u];
                    if (0xD800..0xDC00).contains(&u) {
                        if i + 3 >= from.len() {
                            break;
                        }
                        units.push(unit(i + 2));
                    }
                    match char::decode_utf16(units.iter().copied()).next() {
                        Some(Ok(c)) => to.extend_from_slice(c.encode_utf8(&mut buf).as_bytes()),
                        _ => {
                            self.bad = true;
                            break;
                        }
                    }
                    i += units.len() * 2;
                }
                i
            }
            Encoding::Table(table) => {
                let mut buf = [0; 4];
                let mut used = 0;
                for b in from {
                    match table[*b as usize] {
                        Some(c) => to.extend_from_slice(c.encode_utf8(&mut buf).as_bytes()),
                        None => {
                            self.bad = true;
                            break;
                        }
                    }
                    used += 1;
                }
                used
            }
        };
        if let Some(n) = &mut self.only {
            *n -= used.min(*n);
        }
        self.undecoded.drain(..used);
        self.inputs[0].text = out;
    }

    /// Forgets text that lies before the last event.
    fn compact(&mut self) {
        let keep = self.position.offset.min(self.inputs[0].at);
        if keep > 1 << 16 && self.inputs.len() == 1 {
            Arc::make_mut(&mut self.inputs[0].text).drain(..keep);
            self.inputs[0].at -= keep;
            self.position.offset -= keep;
            self.raw = (self.raw.0.saturating_sub(keep), self.raw.1.saturating_sub(keep));
        }
    }

    /// Moves the reported position forward to an offset of the document.
    fn move_to(&mut self, offset: usize) {
        let (wide, one) = match self.encoding {
            Some(Encoding::Utf16 { .. }) => (true, false),
            Some(Encoding::Table(_)) => (false, true),
            _ => (false, false),
        };
        let t = self.inputs[0].text.clone();
        let mut p = self.position.offset;
        while p < offset {
            let Some((c, n)) = char_at(&t, p) else { break };
            self.position.byte += if wide {
                c.len_utf16() * 2
            } else if one {
                1
            } else {
                n
            };
            let crlf = c == '\r' && t.get(p + 1) == Some(&b'\n');
            if c == '\n' || c == '\r' && !crlf {
                self.position.line += 1;
                self.position.column = 0;
            } else if !crlf {
                self.position.column += 1;
            }
            p += n;
        }
        self.position.offset = p.max(self.position.offset);
    }

    /// The next event; `None` when more text is needed, or all of it has been read, or an error stands in `error`.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            if self.error.is_some() {
                return None;
            }
            if let Some(e) = self.queue.pop_front() {
                return Some(e);
            }
            if self.skip {
                return None;
            }
            self.compact();
            match self.step() {
                Ok(Step::Again) => {}
                Ok(Step::Wait) => {
                    let end = self.inputs[0].at;
                    self.move_to(end);
                    self.partial = self.inputs[0].text.len() - end;
                    return None;
                }
                Err((code, at)) => {
                    // What was found before the error is reported first.
                    if self.inputs.len() == 1 {
                        self.move_to(at);
                    }
                    self.error = Some(code);
                }
            }
        }
    }

    /// Notes the token `from..to` of the current input as read and as the place of the next events.
    fn took(&mut self, from: usize, to: usize) {
        if self.inputs.len() == 1 {
            self.move_to(from);
        }
        self.raw = (from, to);
        if let Some(i) = self.inputs.last_mut() {
            i.at = to;
        }
    }

    fn here(&self) -> (Arc<Vec<u8>>, usize) {
        let i = self.inputs.last().unwrap_or(&self.inputs[0]);
        (i.text.clone(), i.at)
    }

    fn in_document(&self) -> bool {
        self.inputs.len() == 1
    }

    /// What an unfinished token at `at` means: wait, or an error when nothing more can come.
    fn unfinished(&self, at: usize) -> Stepped {
        if !self.in_document() {
            return Err((Code::UnclosedToken, at));
        }
        if self.bad {
            return Err((Code::InvalidToken, self.inputs[0].text.len()));
        }
        if !self.last {
            return Ok(Step::Wait);
        }
        Err((if self.undecoded.is_empty() { Code::UnclosedToken } else { Code::PartialChar }, at))
    }

    fn step(&mut self) -> Stepped {
        let (t, p) = self.here();
        if p >= t.len() {
            if !self.in_document() {
                return self.leave_entity();
            }
            if self.bad {
                return Err((Code::InvalidToken, p));
            }
            if !self.last {
                return Ok(Step::Wait);
            }
            if !self.undecoded.is_empty() {
                return Err((Code::PartialChar, p));
            }
            return self.at_end(p);
        }
        match self.phase {
            Phase::Start => self.start(&t, p),
            Phase::Prolog | Phase::AfterDoctype => self.prolog(&t, p),
            Phase::Subset | Phase::External => self.subset(&t, p),
            Phase::AfterSubset => {
                let q = skip_space(&t, p);
                match t.get(q) {
                    None => self.unfinished(p),
                    Some(b'>') => {
                        self.took(q, q + 1);
                        self.end_doctype();
                        Ok(Step::Again)
                    }
                    Some(_) => Err((Code::Syntax, q)),
                }
            }
            Phase::Content => self.content(&t, p),
            Phase::Epilog => self.epilog(&t, p),
        }
    }

    fn at_end(&mut self, p: usize) -> Stepped {
        match self.phase {
            Phase::Epilog => Ok(Step::Wait),
            Phase::Content if self.inputs[0].cdata => Err((Code::UnclosedCdataSection, p)),
            Phase::Content if self.kind == Kind::General => {
                if self.tags.is_empty() {
                    Ok(Step::Wait)
                } else {
                    Err((Code::AsyncEntity, p))
                }
            }
            Phase::External if self.includes == 0 => Ok(Step::Wait),
            Phase::Start if self.kind != Kind::Document => Ok(Step::Wait),
            Phase::External | Phase::Subset | Phase::AfterSubset => Err((Code::Syntax, p)),
            _ => Err((Code::NoElements, p)),
        }
    }

    fn leave_entity(&mut self) -> Stepped {
        let Some(done) = self.inputs.pop() else { return Ok(Step::Wait) };
        if let Some((name, parameter)) = &done.entity {
            let mut dtd = self.dtd();
            let table = if *parameter { &mut dtd.parameter } else { &mut dtd.general };
            if let Some(e) = table.get_mut(name) {
                e.open = false;
            }
        }
        let at = self.position.offset;
        if done.cdata {
            return Err((Code::UnclosedCdataSection, at));
        }
        if self.phase == Phase::Content && self.tags.len() != done.depth {
            return Err((Code::AsyncEntity, at));
        }
        Ok(Step::Again)
    }

    /// Reads an internal entity's text next.
    pub(super) fn enter_entity(&mut self, name: &str, parameter: bool, value: &str) -> Result<(), Code> {
        self.account(value.len())?;
        let entity = Some((name.to_string(), parameter));
        let text = Arc::new(value.as_bytes().to_vec());
        self.inputs.push(Input { text, at: 0, entity, depth: self.tags.len(), cdata: false });
        Ok(())
    }

    /// Counts text that comes from entities; too much of it, in absolute terms and against what was given, is an attack.
    pub(super) fn account(&mut self, bytes: usize) -> Result<(), Code> {
        self.indirect += bytes;
        let all = self.direct + self.indirect;
        if all > self.threshold && all as f32 / self.direct.max(1) as f32 > self.amplification {
            return Err(Code::AmplificationLimit);
        }
        Ok(())
    }

    fn start(&mut self, t: &[u8], p: usize) -> Stepped {
        let declared = match starts(t, p, b"<?xml") {
            None => return self.unfinished(p),
            Some(true) => match t.get(p + 5) {
                None => return self.unfinished(p),
                Some(b) => is_space(*b),
            },
            Some(false) => false,
        };
        if declared {
            let Some((_, data, end)) = instruction(t, p)? else { return self.unfinished(p) };
            let text_decl = self.kind != Kind::Document;
            let (version, encoding, standalone) = super::dtd::declaration(&t[data.0..data.1], text_decl)
                .map_err(|at| (if text_decl { Code::TextDecl } else { Code::XmlDecl }, data.0 + at))?;
            self.took(p, end);
            self.dtd().standalone = standalone == 1;
            let mut unknown = None;
            if let Some(name) = &encoding
                && self.forced.is_none()
            {
                let wide = matches!(self.encoding, Some(Encoding::Utf16 { .. }));
                let names_wide = name.to_ascii_uppercase().starts_with("UTF-16");
                if wide != names_wide {
                    return Err((Code::IncorrectEncoding, p));
                }
                if !wide && !self.set_named(name) {
                    unknown = Some(name.clone());
                }
            }
            self.queue.push_back(Event::XmlDecl { version, encoding, standalone });
            match unknown {
                Some(name) => {
                    self.only = Some(0);
                    self.queue.push_back(Event::UnknownEncoding(name));
                }
                None => {
                    self.only = None;
                    self.decode();
                }
            }
        }
        self.phase = match self.kind {
            Kind::Document => Phase::Prolog,
            Kind::General => Phase::Content,
            Kind::Parameter => Phase::External,
        };
        Ok(Step::Again)
    }

    /// Spaces, comments and instructions, which are allowed nearly everywhere; `None` when something else stands there.
    fn misc(&mut self, t: &[u8], p: usize) -> Result<Option<Step>, (Code, usize)> {
        if is_space(t[p]) {
            let q = skip_space(t, p);
            self.took(p, q);
            self.queue.push_back(Event::Other);
            return Ok(Some(Step::Again));
        }
        match starts(t, p, b"<?") {
            None => return self.unfinished(p).map(Some),
            Some(true) => return self.pi(t, p).map(Some),
            Some(false) => {}
        }
        match starts(t, p, b"<!--") {
            None => self.unfinished(p).map(Some),
            Some(true) => {
                let Some((body, end)) = comment(t, p)? else { return self.unfinished(p).map(Some) };
                self.took(p, end);
                self.queue.push_back(Event::Comment(lines(&t[body.0..body.1])));
                Ok(Some(Step::Again))
            }
            Some(false) => Ok(None),
        }
    }

    fn pi(&mut self, t: &[u8], p: usize) -> Stepped {
        let Some((target, data, end)) = instruction(t, p)? else { return self.unfinished(p) };
        let target = text(&t[target.0..target.1]);
        if target == "xml" {
            return Err((Code::MisplacedXmlPi, p));
        }
        if target.eq_ignore_ascii_case("xml") {
            return Err((Code::InvalidToken, p + 2));
        }
        self.took(p, end);
        self.queue.push_back(Event::Pi { target, data: lines(&t[data.0..data.1]) });
        Ok(Step::Again)
    }

    fn prolog(&mut self, t: &[u8], p: usize) -> Stepped {
        match starts(t, p, b"<!DOCTYPE") {
            None if t.len() - p > 2 => return self.unfinished(p),
            Some(true) if self.phase == Phase::Prolog => return self.doctype(t, p),
            Some(true) => return Err((Code::Syntax, p)),
            _ => {}
        }
        if let Some(s) = self.misc(t, p)? {
            return Ok(s);
        }
        if t[p] != b'<' {
            let (c, _) = char_at(t, p).unwrap_or(('\0', 1));
            // A name may stand there as far as the scanner knows, followed by what separates names.
            return Err(match super::chars::name(t, p) {
                Ok(Some(e)) if !is_space(t[e]) && !b">[(),|%+*?".contains(&t[e]) => (Code::InvalidToken, e),
                _ => (if is_char(c) { Code::Syntax } else { Code::InvalidToken }, p),
            });
        }
        match char_at(t, p + 1) {
            None => return self.unfinished(p),
            Some((c, _)) if super::chars::is_name_start(c) => {}
            Some(_) => return Err((Code::InvalidToken, p + 1)),
        }
        self.phase = Phase::Content;
        if self.foreign_dtd {
            self.foreign_dtd = false;
            if self.parameter_parsing != 0 {
                self.external_subset(None, None);
            }
        }
        Ok(Step::Again)
    }

    fn doctype(&mut self, t: &[u8], p: usize) -> Stepped {
        let Some(d) = super::dtd::doctype(t, p)? else { return self.unfinished(p) };
        self.took(p, d.end);
        let internal = d.internal;
        if d.system.is_some() {
            self.dtd().has_parameter_refs = true;
            if self.parameter_parsing == 0 && !self.is_standalone() {
                self.queue.push_back(Event::NotStandalone);
            }
        }
        self.doctype = Some((d.system.clone(), d.public.clone()));
        self.queue.push_back(Event::StartDoctype { name: d.name, system: d.system, public: d.public, internal });
        if internal {
            self.phase = Phase::Subset;
        } else {
            self.end_doctype();
        }
        Ok(Step::Again)
    }

    fn external_subset(&mut self, system: Option<String>, public: Option<String>) {
        self.dtd().has_parameter_refs = true;
        self.queue.push_back(Event::ExternalRef { context: None, base: self.base.clone(), system, public });
    }

    fn end_doctype(&mut self) {
        let (mut system, mut public) = self.doctype.take().unwrap_or_default();
        if system.is_none() && std::mem::take(&mut self.foreign_dtd) && self.parameter_parsing != 0 {
            self.external_subset(system.take(), public.take());
        } else if system.is_some() {
            let standalone = self.is_standalone();
            if self.parameter_parsing == 2 || self.parameter_parsing == 1 && !standalone {
                self.external_subset(system, public);
                if !standalone {
                    self.queue.push_back(Event::NotStandalone);
                }
            }
        }
        self.foreign_dtd = false;
        self.queue.push_back(Event::EndDoctype);
        self.phase = Phase::AfterDoctype;
    }

    fn subset(&mut self, t: &[u8], p: usize) -> Stepped {
        let external = self.phase == Phase::External || !self.in_document();
        if let Some(s) = self.misc(t, p)? {
            return Ok(s);
        }
        match t[p] {
            b']' if self.includes > 0 => {
                return match starts(t, p, b"]]>") {
                    None => self.unfinished(p),
                    Some(true) => {
                        self.includes -= 1;
                        self.took(p, p + 3);
                        Ok(Step::Again)
                    }
                    Some(false) => Err((Code::Syntax, p)),
                };
            }
            b']' if self.phase == Phase::Subset && self.in_document() => {
                self.took(p, p + 1);
                self.phase = Phase::AfterSubset;
                return Ok(Step::Again);
            }
            b'%' => {
                let Some(e) = super::chars::name(t, p + 1)? else { return self.unfinished(p) };
                if t[e] != b';' {
                    return Err((Code::InvalidToken, e));
                }
                self.took(p, e + 1);
                return self.parameter_reference(&text(&t[p + 1..e]), p);
            }
            b'<' => {}
            _ => return Err((Code::Syntax, p)),
        }
        match starts(t, p, b"<![") {
            None => return self.unfinished(p),
            Some(true) if external => return self.conditional(t, p),
            _ => {}
        }
        let Some(end) = super::dtd::declaration_end(t, p)? else { return self.unfinished(p) };
        self.took(p, end);
        let mut events = Vec::new();
        self.declare(&t[p..end], external, &mut events).map_err(|(c, at)| (c, p + at))?;
        if events.is_empty() {
            events.push(Event::Other);
        }
        self.queue.extend(events);
        Ok(Step::Again)
    }

    fn parameter_reference(&mut self, name: &str, p: usize) -> Stepped {
        let standalone = self.is_standalone();
        let reads = self.parameter_parsing == 2 || self.parameter_parsing == 1 && !standalone;
        let found = {
            let mut dtd = self.dtd();
            dtd.has_parameter_refs = true;
            if reads {
                dtd.parameter.get_mut(name).map(|e| {
                    let was_open = std::mem::replace(&mut e.open, e.value.is_some());
                    (was_open, e.value.clone(), e.base.clone(), e.system.clone(), e.public.clone())
                })
            } else {
                dtd.stopped = !standalone;
                None
            }
        };
        match found {
            None if !reads => self.queue.push_back(Event::Other),
            Some((true, ..)) => return Err((Code::RecursiveEntityRef, p)),
            Some((false, Some(value), ..)) => self.enter_entity(name, true, &value).map_err(|c| (c, p))?,
            Some((false, None, base, system, public)) => {
                self.queue.push_back(Event::ExternalRef { context: None, base, system, public });
            }
            None => self.queue.push_back(Event::Skipped { name: name.to_string(), parameter: true }),
        }
        if !standalone {
            self.queue.push_back(Event::NotStandalone);
        }
        Ok(Step::Again)
    }

    /// `<![INCLUDE[` and `<![IGNORE[…]]>`
    fn conditional(&mut self, t: &[u8], p: usize) -> Stepped {
        let Some(open) = t[p + 3..].iter().position(|b| *b == b'[').map(|i| p + 3 + i) else {
            return self.unfinished(p);
        };
        let word = self.expand_parameters(&text(&t[p + 3..open]), false).map_err(|c| (c, p))?;
        match word.trim() {
            "INCLUDE" => {
                self.includes += 1;
                self.took(p, open + 1);
                Ok(Step::Again)
            }
            "IGNORE" => {
                let (mut q, mut depth) = (open + 1, 1);
                while depth > 0 {
                    if t[q..].starts_with(b"<![") {
                        depth += 1;
                        q += 3;
                    } else if t[q..].starts_with(b"]]>") {
                        depth -= 1;
                        q += 3;
                    } else {
                        match step(t, q)? {
                            Some(n) => q = n,
                            None => return self.unfinished(p),
                        }
                    }
                }
                self.took(p, q);
                self.queue.push_back(Event::Other);
                Ok(Step::Again)
            }
            _ => Err((Code::Syntax, p + 3)),
        }
    }

    fn epilog(&mut self, t: &[u8], p: usize) -> Stepped {
        if let Some(s) = self.misc(t, p)? {
            return Ok(s);
        }
        let (c, _) = char_at(t, p).unwrap_or(('\0', 1));
        Err((if is_char(c) { Code::JunkAfterDocElement } else { Code::InvalidToken }, p))
    }

    fn content(&mut self, t: &[u8], p: usize) -> Stepped {
        if self.inputs.last().is_some_and(|i| i.cdata) {
            return self.cdata(t, p);
        }
        match t[p] {
            b'<' => self.markup(t, p),
            b'&' => {
                let Some((r, end)) = reference(t, p)? else { return self.unfinished(p) };
                self.took(p, end);
                match r {
                    Reference::Char(c) => self.queue.push_back(Event::Chars(c.into())),
                    Reference::Entity(a, b) => self.entity(&text(&t[a..b]), p)?,
                }
                Ok(Step::Again)
            }
            _ => self.characters(t, p, b"]]>"),
        }
    }

    /// Text up to markup; a line end is reported alone. `stop` is the error in content, the end in a section.
    fn characters(&mut self, t: &[u8], p: usize, stop: &[u8]) -> Stepped {
        let more_comes = self.in_document() && !self.last;
        match t[p] {
            b'\n' => {
                self.took(p, p + 1);
                self.queue.push_back(Event::Chars("\n".into()));
                return Ok(Step::Again);
            }
            b'\r' => {
                if p + 1 == t.len() && more_comes {
                    return Ok(Step::Wait);
                }
                self.took(p, p + 1 + usize::from(t.get(p + 1) == Some(&b'\n')));
                self.queue.push_back(Event::Chars("\n".into()));
                return Ok(Step::Again);
            }
            _ => {}
        }
        let section = self.inputs.last().is_some_and(|i| i.cdata);
        let mut q = p;
        let mut problem = None;
        while q < t.len() {
            match t[q] {
                b'\n' | b'\r' => break,
                b'<' | b'&' if !section => break,
                b']' => match starts(t, q, stop) {
                    Some(true) if section => break,
                    Some(true) => {
                        problem = Some((Code::InvalidToken, q + 2));
                        break;
                    }
                    None if more_comes => break,
                    _ => q += 1,
                },
                b if (0x20..0x80).contains(&b) || b == b'\t' => q += 1,
                _ => match step(t, q) {
                    Ok(Some(n)) => q = n,
                    Ok(None) => break,
                    Err(e) => {
                        problem = Some(e);
                        break;
                    }
                },
            }
        }
        // Converted text comes in pieces, as from Expat's buffer for conversions.
        if q - p > 1024 && self.in_document() && !matches!(self.encoding, Some(Encoding::Utf8)) {
            q = p + 1024;
            while t[q] & 0xC0 == 0x80 {
                q -= 1;
            }
        }
        if q == p {
            return match problem {
                Some(e) => Err(e),
                None => self.unfinished(p),
            };
        }
        self.took(p, q);
        self.queue.push_back(Event::Chars(text(&t[p..q])));
        Ok(Step::Again)
    }

    fn cdata(&mut self, t: &[u8], p: usize) -> Stepped {
        match starts(t, p, b"]]>") {
            Some(true) => {
                self.took(p, p + 3);
                if let Some(i) = self.inputs.last_mut() {
                    i.cdata = false;
                }
                self.queue.push_back(Event::EndCdata);
                Ok(Step::Again)
            }
            None if self.in_document() && self.last => Err((Code::UnclosedCdataSection, p)),
            _ => self.characters(t, p, b"]]>"),
        }
    }

    fn markup(&mut self, t: &[u8], p: usize) -> Stepped {
        match t.get(p + 1) {
            None => self.unfinished(p),
            Some(b'?') => self.pi(t, p),
            Some(b'!') => {
                match starts(t, p, b"<![CDATA[") {
                    Some(true) => {
                        self.took(p, p + 9);
                        if let Some(i) = self.inputs.last_mut() {
                            i.cdata = true;
                        }
                        self.queue.push_back(Event::StartCdata);
                        return Ok(Step::Again);
                    }
                    None => return self.unfinished(p),
                    Some(false) => {}
                }
                match starts(t, p, b"<!--") {
                    Some(true) => self.misc(t, p).map(|s| s.unwrap_or(Step::Again)),
                    None => self.unfinished(p),
                    Some(false) => Err((Code::InvalidToken, p + 2)),
                }
            }
            Some(b'/') => {
                let Some((named, end)) = end_tag(t, p)? else { return self.unfinished(p) };
                let depth = self.inputs.last().map_or(0, |i| i.depth);
                if self.tags.len() <= depth {
                    return Err((Code::AsyncEntity, p));
                }
                if self.tags.last().is_none_or(|tag| tag.raw.as_bytes() != &t[named.0..named.1]) {
                    return Err((Code::TagMismatch, named.0));
                }
                self.took(p, end);
                self.close(false);
                Ok(Step::Again)
            }
            Some(_) => {
                let Some(tag) = start_tag(t, p)? else { return self.unfinished(p) };
                self.took(p, tag.end);
                self.open(t, &tag)?;
                if tag.empty {
                    self.close(true);
                }
                Ok(Step::Again)
            }
        }
    }

    fn close(&mut self, empty: bool) {
        let Some(tag) = self.tags.pop() else { return };
        self.queue.push_back(Event::End { name: tag.name, empty });
        while self.bindings.len() > tag.bindings {
            if let Some((prefix, _)) = self.bindings.pop() {
                self.queue.push_back(Event::EndNs { prefix });
            }
        }
        if self.tags.is_empty() && self.kind == Kind::Document {
            self.phase = Phase::Epilog;
        }
    }

    /// A reference in content.
    fn entity(&mut self, name: &str, p: usize) -> Result<(), (Code, usize)> {
        if let Some(c) = super::dtd::predefined(name) {
            self.queue.push_back(Event::Chars(c.into()));
            return Ok(());
        }
        let expand = self.expand;
        let (found, undeclared_ok) = {
            let mut dtd = self.dtd();
            let ok = dtd.has_parameter_refs && !dtd.standalone;
            let found = dtd.general.get_mut(name).map(|e| {
                let was_open = e.open;
                if e.value.is_some() && expand {
                    e.open = true;
                }
                (was_open, e.notation.is_some(), e.value.clone(), e.base.clone(), e.system.clone(), e.public.clone())
            });
            (found, ok)
        };
        match found {
            None if undeclared_ok => self.queue.push_back(Event::Skipped { name: name.to_string(), parameter: false }),
            None => return Err((Code::UndefinedEntity, p)),
            Some((true, ..)) => return Err((Code::RecursiveEntityRef, p)),
            Some((_, true, ..)) => return Err((Code::BinaryEntityRef, p)),
            Some((_, _, Some(value), ..)) if expand => self.enter_entity(name, false, &value).map_err(|c| (c, p))?,
            Some((_, _, Some(_), ..)) => {
                self.queue.push_back(Event::Skipped { name: name.to_string(), parameter: false });
            }
            Some((_, _, None, base, system, public)) => {
                let context = Some(self.entity_context(name));
                self.queue.push_back(Event::ExternalRef { context, base, system, public });
            }
        }
        Ok(())
    }

    /// Bound namespaces and open entities, in Expat's form.
    fn entity_context(&self, name: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (prefix, uri) in &self.bindings {
            parts.push(format!("{}={}", prefix.as_deref().unwrap_or(""), uri.as_deref().unwrap_or("")));
        }
        for i in &self.inputs {
            if let Some((n, false)) = &i.entity {
                parts.push(n.clone());
            }
        }
        parts.push(name.to_string());
        parts.join("\u{c}")
    }

    /// A start tag: attributes with defaults, namespaces, the element.
    fn open(&mut self, t: &[u8], tag: &super::chars::StartTag) -> Result<(), (Code, usize)> {
        let raw = text(&t[tag.name.0..tag.name.1]);
        let declared = self.dtd().attributes.get(&raw).cloned().unwrap_or_default();
        let mut attrs: Vec<(String, String, usize)> = Vec::with_capacity(tag.attrs.len());
        for (n, v) in &tag.attrs {
            let name = text(&t[n.0..n.1]);
            let cdata = declared.iter().find(|a| a.name == name).is_none_or(|a| a.cdata);
            if attrs.iter().any(|a| a.0 == name) {
                return Err((Code::DuplicateAttribute, n.0));
            }
            let mut value = String::new();
            self.attribute_value(&t[v.0..v.1], v.0, &mut value, 0)?;
            attrs.push((name, if cdata { value } else { super::dtd::tokenized(&value) }, n.0));
        }
        let mut specified = attrs.len();
        for a in declared {
            if let Some(value) = a.default
                && !attrs.iter().any(|b| b.0 == a.name)
            {
                attrs.push((a.name, value, tag.name.0));
            }
        }
        let bound = self.bindings.len();
        let mut name = raw.clone();
        if let Some(sep) = self.separator.clone() {
            let mut kept = Vec::with_capacity(attrs.len());
            let given = specified;
            for (i, (n, v, at)) in attrs.into_iter().enumerate() {
                let prefix = match n.split_once(':') {
                    Some(("xmlns", p)) => Some(p.to_string()),
                    None if n == "xmlns" => None,
                    _ => {
                        kept.push((n, v, at));
                        continue;
                    }
                };
                if i < given {
                    specified -= 1;
                }
                self.bind(prefix, &v, &sep).map_err(|c| (c, at))?;
            }
            name = self.expanded(&raw, true, &sep).map_err(|c| (c, tag.name.0))?;
            for a in &mut kept {
                a.0 = self.expanded(&a.0, false, &sep).map_err(|c| (c, a.2))?;
            }
            for i in 1..kept.len() {
                if kept[..i].iter().any(|b| b.0 == kept[i].0) {
                    return Err((Code::DuplicateAttribute, kept[i].2));
                }
            }
            attrs = kept;
        }
        let attrs = attrs.into_iter().map(|(n, v, _)| (n, v)).collect();
        self.queue.push_back(Event::Start { name: name.clone(), attrs, specified, empty: tag.empty });
        self.tags.push(Tag { raw, name, bindings: bound });
        Ok(())
    }

    fn bind(&mut self, prefix: Option<String>, uri: &str, sep: &str) -> Result<(), Code> {
        match prefix.as_deref() {
            Some("xml") if uri != XML_NS => return Err(Code::ReservedPrefixXml),
            Some("xmlns") => return Err(Code::ReservedPrefixXmlns),
            Some(_) if uri.is_empty() => return Err(Code::UndeclaringPrefix),
            Some("xml") => {}
            _ if uri == XML_NS || uri == XMLNS_NS => return Err(Code::ReservedNamespaceUri),
            _ => {}
        }
        // A separator inside the name would make expanded names ambiguous.
        if !sep.is_empty()
            && !sep.contains(|c: char| c == ' ' || c.is_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c))
            && uri.contains(sep)
        {
            return Err(Code::Syntax);
        }
        let uri = (!uri.is_empty()).then(|| uri.to_string());
        self.queue.push_back(Event::StartNs { prefix: prefix.clone(), uri: uri.clone() });
        self.bindings.push((prefix, uri));
        Ok(())
    }

    fn expanded(&self, raw: &str, element: bool, sep: &str) -> Result<String, Code> {
        let (prefix, local) = match raw.split_once(':') {
            Some((p, l)) => (Some(p), l),
            None if element => (None, raw),
            None => return Ok(raw.to_string()),
        };
        let uri = match prefix {
            Some("xml") => Some(XML_NS),
            p => match self.bindings.iter().rev().find(|b| b.0.as_deref() == p) {
                Some(b) => b.1.as_deref(),
                None if p.is_some() => return Err(Code::UnboundPrefix),
                None => None,
            },
        };
        Ok(match (uri, prefix) {
            (None, _) => local.to_string(),
            (Some(u), Some(p)) if self.triplets => format!("{u}{sep}{local}{sep}{p}"),
            (Some(u), _) => format!("{u}{sep}{local}"),
        })
    }

    /// Appends a raw attribute value: references replaced, spaces normalised.
    pub(super) fn attribute_value(
        &mut self,
        v: &[u8],
        at: usize,
        out: &mut String,
        depth: usize,
    ) -> Result<(), (Code, usize)> {
        let mut p = 0;
        while p < v.len() {
            match v[p] {
                b'\r' => {
                    out.push(' ');
                    p += 1 + usize::from(v.get(p + 1) == Some(&b'\n') && depth == 0);
                }
                b'\n' | b'\t' => {
                    out.push(' ');
                    p += 1;
                }
                b'<' => return Err((Code::InvalidToken, at + p)),
                b'&' => {
                    let here = if depth == 0 { at + p } else { at };
                    let (r, end) = match reference(v, p) {
                        Ok(Some(r)) => r,
                        Ok(None) => return Err((Code::InvalidToken, here)),
                        Err((c, _)) => return Err((c, here)),
                    };
                    match r {
                        Reference::Char(c) => out.push(c),
                        Reference::Entity(a, b) => self.entity_in_value(&text(&v[a..b]), here, out, depth)?,
                    }
                    p = end;
                }
                _ => {
                    let (c, n) = char_at(v, p).unwrap_or((' ', 1));
                    out.push(c);
                    p += n;
                }
            }
        }
        Ok(())
    }

    fn entity_in_value(&mut self, name: &str, at: usize, out: &mut String, depth: usize) -> Result<(), (Code, usize)> {
        if let Some(c) = super::dtd::predefined(name) {
            out.push_str(c);
            return Ok(());
        }
        let (found, undeclared_ok) = {
            let mut dtd = self.dtd();
            let ok = dtd.has_parameter_refs && !dtd.standalone;
            (dtd.general.get_mut(name).map(|e| (e.open, e.notation.is_some(), e.value.clone())), ok)
        };
        match found {
            None if undeclared_ok => Ok(()),
            None => Err((Code::UndefinedEntity, at)),
            Some((true, ..)) => Err((Code::RecursiveEntityRef, at)),
            Some((_, true, _)) => Err((Code::BinaryEntityRef, at)),
            Some((_, _, None)) => Err((Code::AttributeExternalEntityRef, at)),
            Some((_, _, Some(value))) => {
                self.account(value.len()).map_err(|c| (c, at))?;
                let set = |e: &Engine, open: bool| {
                    if let Some(e) = e.dtd().general.get_mut(name) {
                        e.open = open;
                    }
                };
                if depth > 500 {
                    return Err((Code::AmplificationLimit, at));
                }
                set(self, true);
                let r = self.attribute_value(value.as_bytes(), at, out, depth + 1);
                set(self, false);
                r
            }
        }
    }
}

/// A step over a quoted literal: its inside and its end.
pub(super) fn literal(t: &[u8], p: usize) -> Scan<((usize, usize), usize)> {
    let quote = *more!(t.get(p));
    if quote != b'"' && quote != b'\'' {
        return Err((Code::Syntax, p));
    }
    let mut q = p + 1;
    while *more!(t.get(q)) != quote {
        q = more!(step(t, q)?);
    }
    Ok(Some(((p + 1, q), q + 1)))
}
