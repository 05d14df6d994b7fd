//! `pyexpat`: the XML parser that `xml.parsers.expat` and everything above it uses. The parser is `engine`; this file calls the handlers.

mod chars;
mod dtd;
mod engine;

use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicUsize};
use engine::{Code, Engine, Event, Model};
use macros::{pyclass, pymodule};
use runtime::objects::byteops::bytes_arg;
use runtime::objects::support::{Fields, Locked, Slot, alloc, clear, dealloc, py_bool, track, traverse};
use runtime::prelude::*;
use std::sync::OnceLock;

/// The handlers, in the order of their slots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum H {
    StartElement,
    EndElement,
    ProcessingInstruction,
    CharacterData,
    UnparsedEntityDecl,
    NotationDecl,
    StartNamespaceDecl,
    EndNamespaceDecl,
    Comment,
    StartCdataSection,
    EndCdataSection,
    Default,
    DefaultHandlerExpand,
    NotStandalone,
    ExternalEntityRef,
    StartDoctypeDecl,
    EndDoctypeDecl,
    EntityDecl,
    XmlDecl,
    ElementDecl,
    AttlistDecl,
    SkippedEntity,
}
const HANDLERS: usize = H::SkippedEntity as usize + 1;

/// Names and texts of the error codes; the first is code 1.
const ERRORS: &[(&str, &str)] = &[
    ("XML_ERROR_NO_MEMORY", "out of memory"),
    ("XML_ERROR_SYNTAX", "syntax error"),
    ("XML_ERROR_NO_ELEMENTS", "no element found"),
    ("XML_ERROR_INVALID_TOKEN", "not well-formed (invalid token)"),
    ("XML_ERROR_UNCLOSED_TOKEN", "unclosed token"),
    ("XML_ERROR_PARTIAL_CHAR", "partial character"),
    ("XML_ERROR_TAG_MISMATCH", "mismatched tag"),
    ("XML_ERROR_DUPLICATE_ATTRIBUTE", "duplicate attribute"),
    ("XML_ERROR_JUNK_AFTER_DOC_ELEMENT", "junk after document element"),
    ("XML_ERROR_PARAM_ENTITY_REF", "illegal parameter entity reference"),
    ("XML_ERROR_UNDEFINED_ENTITY", "undefined entity"),
    ("XML_ERROR_RECURSIVE_ENTITY_REF", "recursive entity reference"),
    ("XML_ERROR_ASYNC_ENTITY", "asynchronous entity"),
    ("XML_ERROR_BAD_CHAR_REF", "reference to invalid character number"),
    ("XML_ERROR_BINARY_ENTITY_REF", "reference to binary entity"),
    ("XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF", "reference to external entity in attribute"),
    ("XML_ERROR_MISPLACED_XML_PI", "XML or text declaration not at start of entity"),
    ("XML_ERROR_UNKNOWN_ENCODING", "unknown encoding"),
    ("XML_ERROR_INCORRECT_ENCODING", "encoding specified in XML declaration is incorrect"),
    ("XML_ERROR_UNCLOSED_CDATA_SECTION", "unclosed CDATA section"),
    ("XML_ERROR_EXTERNAL_ENTITY_HANDLING", "error in processing external entity reference"),
    ("XML_ERROR_NOT_STANDALONE", "document is not standalone"),
    ("XML_ERROR_UNEXPECTED_STATE", "unexpected parser state - please send a bug report"),
    ("XML_ERROR_ENTITY_DECLARED_IN_PE", "entity declared in parameter entity"),
    ("XML_ERROR_FEATURE_REQUIRES_XML_DTD", "requested feature requires XML_DTD support in Expat"),
    ("XML_ERROR_CANT_CHANGE_FEATURE_ONCE_PARSING", "cannot change setting once parsing has begun"),
    ("XML_ERROR_UNBOUND_PREFIX", "unbound prefix"),
    ("XML_ERROR_UNDECLARING_PREFIX", "must not undeclare prefix"),
    ("XML_ERROR_INCOMPLETE_PE", "incomplete markup in parameter entity"),
    ("XML_ERROR_XML_DECL", "XML declaration not well-formed"),
    ("XML_ERROR_TEXT_DECL", "text declaration not well-formed"),
    ("XML_ERROR_PUBLICID", "illegal character(s) in public id"),
    ("XML_ERROR_SUSPENDED", "parser suspended"),
    ("XML_ERROR_NOT_SUSPENDED", "parser not suspended"),
    ("XML_ERROR_ABORTED", "parsing aborted"),
    ("XML_ERROR_FINISHED", "parsing finished"),
    ("XML_ERROR_SUSPEND_PE", "cannot suspend in external parameter entity"),
    (
        "XML_ERROR_RESERVED_PREFIX_XML",
        "reserved prefix (xml) must not be undeclared or bound to another namespace name",
    ),
    ("XML_ERROR_RESERVED_PREFIX_XMLNS", "reserved prefix (xmlns) must not be declared or undeclared"),
    ("XML_ERROR_RESERVED_NAMESPACE_URI", "prefix must not be bound to one of the reserved namespace names"),
    ("XML_ERROR_INVALID_ARGUMENT", "invalid argument"),
    ("XML_ERROR_NO_BUFFER", "a successful prior call to function XML_GetBuffer is required"),
    ("XML_ERROR_AMPLIFICATION_LIMIT_BREACH", "limit on input amplification factor (from DTD and entities) breached"),
    ("XML_ERROR_NOT_STARTED", "parser not started"),
];

static ERROR: OnceLock<PyRef> = OnceLock::new();

#[repr(C)]
pub struct XmlParser {
    header: abi::PyObject,
    handlers: [Slot; HANDLERS],
    intern: Slot,
    /// Text that waits for its handler (`buffer_text`).
    buffer: Slot,
    engine: Locked<Engine>,
    pending: Locked<String>,
    buffer_text: AtomicBool,
    buffer_size: AtomicUsize,
    ordered_attributes: AtomicBool,
    specified_attributes: AtomicBool,
    prefixes: AtomicBool,
    in_callback: AtomicBool,
}

impl Fields for XmlParser {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        self.handlers.iter().for_each(&mut *f);
        f(&self.intern);
        f(&self.buffer);
    }
    fn release(&self) {
        self.engine.take();
        self.pending.take();
    }
}

fn new_parser(engine: Engine, intern: Option<PyRef>) -> PyResult<Ref<XmlParser>> {
    let p = alloc::<XmlParser>(XmlParser::type_object())?;
    p.engine.set(engine);
    p.pending.set(String::new());
    p.buffer_size.store(8192, Relaxed);
    if let Some(i) = intern {
        p.intern.init(i);
    }
    Ok(track(p))
}

fn opt(s: Option<String>) -> PyResult<PyRef> {
    match s {
        Some(s) => Ok(Str::new(&s)?.upcast()),
        None => Ok(none_ref()),
    }
}

fn int(i: i32) -> PyResult<PyRef> {
    Ok(Int::from_i64(i.into())?.upcast())
}

/// (type, quantifier, name, children)
fn model(m: Model) -> PyResult<PyRef> {
    let children = m.children.into_iter().map(model).collect::<PyResult<Vec<_>>>()?;
    let items = vec![int(m.kind)?, int(m.quant)?, opt(m.name)?, Tuple::from_refs(children)?.upcast()];
    Ok(Tuple::from_refs(items)?.upcast())
}

impl XmlParser {
    fn with<R>(&self, f: impl FnOnce(&mut Engine) -> R) -> PyResult<R> {
        self.engine.with(f).ok_or_else(|| raise!(SystemError, "the parser has no state"))
    }

    fn handler(&self, h: H) -> PyRef {
        self.handlers[h as usize].get(self).unwrap_or_else(none_ref)
    }

    fn has(&self, h: H) -> bool {
        !self.handlers[h as usize].is_empty()
    }

    fn set_handler(&self, h: H, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "Cannot delete attribute")) };
        if h == H::CharacterData {
            self.flush()?;
        }
        let old = self.handlers[h as usize].replace(self, (!v.is_none()).then(|| v.to_ref()));
        drop(old);
        if matches!(h, H::Default | H::DefaultHandlerExpand) {
            let expand = !self.has(H::Default);
            self.with(|e| e.expand = expand)?;
        }
        Ok(())
    }

    /// Calls a handler, after the text that waits.
    fn call(&self, h: H, args: &[PyRef]) -> PyResult<Option<PyRef>> {
        self.flush()?;
        self.call_now(h, args)
    }

    fn call_now(&self, h: H, args: &[PyRef]) -> PyResult<Option<PyRef>> {
        let Some(f) = self.handlers[h as usize].get(self) else { return Ok(None) };
        let args: Vec<&Object> = args.iter().map(|a| &**a).collect();
        self.in_callback.store(true, Relaxed);
        let r = f.call(&args);
        self.in_callback.store(false, Relaxed);
        r.map(Some)
    }

    fn flush(&self) -> PyResult<()> {
        let waiting = self.pending.with(std::mem::take).unwrap_or_default();
        if !waiting.is_empty() {
            self.call_now(H::CharacterData, &[Str::new(&waiting)?.upcast()])?;
        }
        Ok(())
    }

    /// A string through the `intern` dictionary.
    fn name(&self, s: &str) -> PyResult<PyRef> {
        let s = Str::new(s)?;
        let Some(d) = self.intern.get(self) else { return Ok(s.upcast()) };
        match d.downcast::<Dict>() {
            Some(d) => match d.get(&s)? {
                Some(v) => Ok(v),
                None => {
                    d.set(&s, &s)?;
                    Ok(s.upcast())
                }
            },
            None => Ok(s.upcast()),
        }
    }

    fn opt_name(&self, s: Option<String>) -> PyResult<PyRef> {
        s.map_or_else(|| Ok(none_ref()), |s| self.name(&s))
    }

    fn characters(&self, s: &str) -> PyResult<()> {
        if !self.has(H::CharacterData) {
            return self.default();
        }
        if !self.buffer_text.load(Relaxed) {
            self.call_now(H::CharacterData, &[Str::new(s)?.upcast()])?;
            return Ok(());
        }
        let size = self.buffer_size.load(Relaxed);
        let used = self.pending.with(|p| p.chars().count()).unwrap_or(0);
        let new = s.chars().count();
        if used + new > size {
            self.flush()?;
            if !self.has(H::CharacterData) {
                return Ok(());
            }
            if new > size {
                self.call_now(H::CharacterData, &[Str::new(s)?.upcast()])?;
                return Ok(());
            }
        }
        self.pending.with(|p| p.push_str(s));
        Ok(())
    }

    /// What no handler took goes to the default handler, as it stands in the text.
    fn default(&self) -> PyResult<()> {
        let h = if self.has(H::Default) { H::Default } else { H::DefaultHandlerExpand };
        if self.has(h) {
            let raw = self.with(|e| e.raw())?;
            self.call(h, &[Str::new(&raw)?.upcast()])?;
        }
        Ok(())
    }

    fn unless_false(&self, r: Option<PyRef>, code: Code) -> PyResult<()> {
        if let Some(r) = r {
            // The result is an integer, as C reads it.
            let go_on = match r.downcast::<Int>() {
                Some(i) => i.sign() != 0,
                None if r.is_none() => false,
                None => {
                    return Err(raise!(
                        TypeError,
                        "'{}' object cannot be interpreted as an integer",
                        r.ty().name_str()
                    ));
                }
            };
            if !go_on {
                self.with(|e| e.fail(code))?;
            }
        }
        Ok(())
    }

    /// Hands one event to its handler.
    fn dispatch(&self, event: Event) -> PyResult<()> {
        match event {
            Event::Chars(s) => return self.characters(&s),
            Event::Start { name, attrs, specified, empty } => {
                if self.has(H::StartElement) {
                    let only = self.specified_attributes.load(Relaxed);
                    let attrs = attrs.into_iter().take(if only { specified } else { usize::MAX });
                    let container: PyRef = if self.ordered_attributes.load(Relaxed) {
                        let list = List::new()?;
                        for (n, v) in attrs {
                            list.append(&*self.name(&n)?)?;
                            list.append(&*Str::new(&v)?)?;
                        }
                        list.upcast()
                    } else {
                        let d = Dict::new()?;
                        for (n, v) in attrs {
                            d.set(&*self.name(&n)?, &*Str::new(&v)?)?;
                        }
                        d.upcast()
                    };
                    self.call(H::StartElement, &[self.name(&name)?, container])?;
                } else if !empty || !self.has(H::EndElement) {
                    self.default()?;
                }
            }
            Event::End { name, empty } => {
                if self.has(H::EndElement) {
                    self.call(H::EndElement, &[self.name(&name)?])?;
                } else if !empty {
                    self.default()?;
                }
            }
            Event::StartNs { prefix, uri } => {
                self.call(H::StartNamespaceDecl, &[self.opt_name(prefix)?, self.opt_name(uri)?])?;
            }
            Event::EndNs { prefix } => {
                self.call(H::EndNamespaceDecl, &[self.opt_name(prefix)?])?;
            }
            Event::Comment(s) if self.has(H::Comment) => {
                self.call(H::Comment, &[Str::new(&s)?.upcast()])?;
            }
            Event::Pi { target, data } if self.has(H::ProcessingInstruction) => {
                self.call(H::ProcessingInstruction, &[self.name(&target)?, Str::new(&data)?.upcast()])?;
            }
            Event::StartCdata if self.has(H::StartCdataSection) => {
                self.call(H::StartCdataSection, &[])?;
            }
            Event::EndCdata if self.has(H::EndCdataSection) => {
                self.call(H::EndCdataSection, &[])?;
            }
            Event::XmlDecl { version, encoding, standalone } if self.has(H::XmlDecl) => {
                self.call(H::XmlDecl, &[opt(version)?, opt(encoding)?, int(standalone)?])?;
            }
            Event::StartDoctype { name, system, public, internal } if self.has(H::StartDoctypeDecl) => {
                let args = [self.name(&name)?, self.opt_name(system)?, self.opt_name(public)?, int(internal.into())?];
                self.call(H::StartDoctypeDecl, &args)?;
            }
            Event::EndDoctype if self.has(H::EndDoctypeDecl) => {
                self.call(H::EndDoctypeDecl, &[])?;
            }
            Event::Entity { name, base, system, public, notation: Some(notation), .. }
                if self.has(H::UnparsedEntityDecl) =>
            {
                let args = [
                    self.name(&name)?,
                    self.opt_name(base)?,
                    self.opt_name(system)?,
                    self.opt_name(public)?,
                    self.name(&notation)?,
                ];
                self.call(H::UnparsedEntityDecl, &args)?;
            }
            Event::Entity { name, parameter, value, base, system, public, notation } if self.has(H::EntityDecl) => {
                let args = [
                    self.name(&name)?,
                    int(parameter.into())?,
                    opt(value)?,
                    self.opt_name(base)?,
                    self.opt_name(system)?,
                    self.opt_name(public)?,
                    self.opt_name(notation)?,
                ];
                self.call(H::EntityDecl, &args)?;
            }
            Event::Notation { name, base, system, public } if self.has(H::NotationDecl) => {
                let args = [self.name(&name)?, self.opt_name(base)?, self.opt_name(system)?, self.opt_name(public)?];
                self.call(H::NotationDecl, &args)?;
            }
            Event::Element { name, model: m } if self.has(H::ElementDecl) => {
                self.call(H::ElementDecl, &[self.name(&name)?, model(m)?])?;
            }
            Event::Attlist { element, name, kind, default, required } if self.has(H::AttlistDecl) => {
                let args =
                    [self.name(&element)?, self.name(&name)?, opt(Some(kind))?, opt(default)?, int(required.into())?];
                self.call(H::AttlistDecl, &args)?;
            }
            Event::ExternalRef { context, base, system, public } if self.has(H::ExternalEntityRef) => {
                let args = [opt(context)?, self.opt_name(base)?, self.opt_name(system)?, self.opt_name(public)?];
                let r = self.call(H::ExternalEntityRef, &args)?;
                self.unless_false(r, Code::ExternalEntityHandling)?;
            }
            // Outside of the content the reference was the declaration's own.
            Event::ExternalRef { context: None, .. } => {}
            Event::Skipped { name, parameter } if self.has(H::SkippedEntity) => {
                self.call(H::SkippedEntity, &[self.name(&name)?, int(parameter.into())?])?;
            }
            Event::NotStandalone => {
                let r = self.call(H::NotStandalone, &[])?;
                self.unless_false(r, Code::NotStandalone)?;
            }
            Event::UnknownEncoding(name) => return self.unknown_encoding(&name),
            _ => return self.default(),
        }
        Ok(())
    }

    /// Asks the codecs for a table of a one-byte encoding.
    fn unknown_encoding(&self, name: &str) -> PyResult<()> {
        let all: Vec<u8> = (0..=255).collect();
        let text = runtime::objects::codecs::decode(&all, Some(name), Some("replace"))?;
        if text.len() != 256 {
            return Err(raise!(ValueError, "multi-byte encodings are not supported"));
        }
        // Markup must read the same: what XML's own characters stand for may not change.
        let own = |i: usize| {
            matches!(i, 9 | 10 | 13 | 0x20..=0x7E)
                && !matches!(i, 0x24 | 0x40 | 0x5C | 0x5E | 0x60 | 0x7B | 0x7D | 0x7E)
        };
        if (0..128).any(|i| own(i) && text.char_at(i) != i as u32) {
            return self.with(|e| e.fail(Code::UnknownEncoding));
        }
        let table = Box::new(core::array::from_fn(|i| char::from_u32(text.char_at(i)).filter(|c| *c != '\u{FFFD}')));
        self.with(|e| e.set_table(table))
    }

    fn error(&self, code: i32) -> Raised {
        let make = || -> PyResult<PyRef> {
            let at = self.with(|e| e.position())?;
            let text = format!("{}: line {}, column {}", message(code), at.line, at.column);
            let t = ERROR.get().ok_or_else(|| raise!(SystemError, "pyexpat is not initialised"))?;
            let e = t.call1(&*Str::new(&text)?)?;
            e.setattr(intern!("code"), &*int(code)?)?;
            e.setattr(intern!("offset"), &*Int::from_usize(at.column)?)?;
            e.setattr(intern!("lineno"), &*Int::from_usize(at.line)?)?;
            Ok(e)
        };
        match make().map(PyRef::downcast_into::<runtime::objects::BaseException>) {
            Ok(Ok(e)) => runtime::error::restore(e),
            Ok(Err(_)) => raise!(SystemError, "ExpatError is no exception"),
            Err(e) => e,
        }
    }

    fn not_in_handler(&self, what: &str) -> PyResult<()> {
        if self.in_callback.load(Relaxed) {
            return Err(raise!(RuntimeError, "cannot call {}() from within a handler", what));
        }
        Ok(())
    }

    fn parse(&self, data: &[u8], last: bool) -> PyResult<()> {
        let ready = self.with(|e| {
            if let Some(c) = e.error {
                return Err(if c == Code::Aborted { Code::Finished } else { c });
            }
            if e.is_finished() {
                return Err(Code::Finished);
            }
            e.feed(data, last);
            Ok(())
        })?;
        if let Err(code) = ready {
            return Err(self.error(code as i32));
        }
        let mut events: usize = 0;
        while let Some(event) = self.with(Engine::next)? {
            if let Err(e) = self.dispatch(event) {
                self.pending.with(String::clear);
                self.with(|e| e.fail(Code::Aborted))?;
                return Err(e);
            }
            events += 1;
            if events % 1024 == 0 {
                runtime::thread::check_signals()?;
            }
        }
        let failed = self.with(|e| e.error)?;
        self.flush()?;
        match failed {
            Some(code) => Err(self.error(code as i32)),
            None => Ok(()),
        }
    }
}

fn message(code: i32) -> &'static str {
    usize::try_from(code - 1).ok().and_then(|i| ERRORS.get(i)).map_or("unknown error", |e| e.1)
}

fn bool_attribute(v: Option<&Object>) -> PyResult<bool> {
    match v {
        Some(v) => v.is_true(),
        None => Err(raise!(TypeError, "Cannot delete attribute")),
    }
}

#[pyclass(name = "xmlparser", module = "pyexpat", flags = "HAVE_GC|DISALLOW_INSTANTIATION|IMMUTABLETYPE", slots(tp_traverse = traverse::<XmlParser>, tp_clear = clear::<XmlParser>, tp_dealloc = dealloc::<XmlParser>))]
#[allow(non_snake_case)]
impl XmlParser {
    #[pygetset]
    fn StartElementHandler(&self) -> PyRef {
        self.handler(H::StartElement)
    }
    #[pysetter]
    fn set_StartElementHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::StartElement, v)
    }
    #[pygetset]
    fn EndElementHandler(&self) -> PyRef {
        self.handler(H::EndElement)
    }
    #[pysetter]
    fn set_EndElementHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::EndElement, v)
    }
    #[pygetset]
    fn ProcessingInstructionHandler(&self) -> PyRef {
        self.handler(H::ProcessingInstruction)
    }
    #[pysetter]
    fn set_ProcessingInstructionHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::ProcessingInstruction, v)
    }
    #[pygetset]
    fn CharacterDataHandler(&self) -> PyRef {
        self.handler(H::CharacterData)
    }
    #[pysetter]
    fn set_CharacterDataHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::CharacterData, v)
    }
    #[pygetset]
    fn UnparsedEntityDeclHandler(&self) -> PyRef {
        self.handler(H::UnparsedEntityDecl)
    }
    #[pysetter]
    fn set_UnparsedEntityDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::UnparsedEntityDecl, v)
    }
    #[pygetset]
    fn NotationDeclHandler(&self) -> PyRef {
        self.handler(H::NotationDecl)
    }
    #[pysetter]
    fn set_NotationDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::NotationDecl, v)
    }
    #[pygetset]
    fn StartNamespaceDeclHandler(&self) -> PyRef {
        self.handler(H::StartNamespaceDecl)
    }
    #[pysetter]
    fn set_StartNamespaceDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::StartNamespaceDecl, v)
    }
    #[pygetset]
    fn EndNamespaceDeclHandler(&self) -> PyRef {
        self.handler(H::EndNamespaceDecl)
    }
    #[pysetter]
    fn set_EndNamespaceDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::EndNamespaceDecl, v)
    }
    #[pygetset]
    fn CommentHandler(&self) -> PyRef {
        self.handler(H::Comment)
    }
    #[pysetter]
    fn set_CommentHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::Comment, v)
    }
    #[pygetset]
    fn StartCdataSectionHandler(&self) -> PyRef {
        self.handler(H::StartCdataSection)
    }
    #[pysetter]
    fn set_StartCdataSectionHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::StartCdataSection, v)
    }
    #[pygetset]
    fn EndCdataSectionHandler(&self) -> PyRef {
        self.handler(H::EndCdataSection)
    }
    #[pysetter]
    fn set_EndCdataSectionHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::EndCdataSection, v)
    }
    #[pygetset]
    fn DefaultHandler(&self) -> PyRef {
        self.handler(H::Default)
    }
    #[pysetter]
    fn set_DefaultHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::Default, v)
    }
    #[pygetset]
    fn DefaultHandlerExpand(&self) -> PyRef {
        self.handler(H::DefaultHandlerExpand)
    }
    #[pysetter]
    fn set_DefaultHandlerExpand(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::DefaultHandlerExpand, v)
    }
    #[pygetset]
    fn NotStandaloneHandler(&self) -> PyRef {
        self.handler(H::NotStandalone)
    }
    #[pysetter]
    fn set_NotStandaloneHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::NotStandalone, v)
    }
    #[pygetset]
    fn ExternalEntityRefHandler(&self) -> PyRef {
        self.handler(H::ExternalEntityRef)
    }
    #[pysetter]
    fn set_ExternalEntityRefHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::ExternalEntityRef, v)
    }
    #[pygetset]
    fn StartDoctypeDeclHandler(&self) -> PyRef {
        self.handler(H::StartDoctypeDecl)
    }
    #[pysetter]
    fn set_StartDoctypeDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::StartDoctypeDecl, v)
    }
    #[pygetset]
    fn EndDoctypeDeclHandler(&self) -> PyRef {
        self.handler(H::EndDoctypeDecl)
    }
    #[pysetter]
    fn set_EndDoctypeDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::EndDoctypeDecl, v)
    }
    #[pygetset]
    fn EntityDeclHandler(&self) -> PyRef {
        self.handler(H::EntityDecl)
    }
    #[pysetter]
    fn set_EntityDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::EntityDecl, v)
    }
    #[pygetset]
    fn XmlDeclHandler(&self) -> PyRef {
        self.handler(H::XmlDecl)
    }
    #[pysetter]
    fn set_XmlDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::XmlDecl, v)
    }
    #[pygetset]
    fn ElementDeclHandler(&self) -> PyRef {
        self.handler(H::ElementDecl)
    }
    #[pysetter]
    fn set_ElementDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::ElementDecl, v)
    }
    #[pygetset]
    fn AttlistDeclHandler(&self) -> PyRef {
        self.handler(H::AttlistDecl)
    }
    #[pysetter]
    fn set_AttlistDeclHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::AttlistDecl, v)
    }
    #[pygetset]
    fn SkippedEntityHandler(&self) -> PyRef {
        self.handler(H::SkippedEntity)
    }
    #[pysetter]
    fn set_SkippedEntityHandler(&self, v: Option<&Object>) -> PyResult<()> {
        self.set_handler(H::SkippedEntity, v)
    }

    /// Parse XML data.
    ///
    /// 'isfinal' should be true at end of input.
    #[pymethod(sig = "data, isfinal=False, /")]
    fn Parse(&self, data: &Object, isfinal: Arg<bool>) -> PyResult<i32> {
        self.not_in_handler("Parse")?;
        let last = isfinal.unwrap_or(false);
        if let Some(s) = data.downcast::<Str>() {
            let s = runtime::objects::byteops::bytes_arg(&*s.call_method(intern!("encode"), &[])?)?.to_vec();
            self.with(|e| e.force_encoding("UTF-8"))?;
            self.parse(&s, last)?;
        } else {
            self.parse(&bytes_arg(data)?, last)?;
        }
        Ok(1)
    }
    /// Parse XML data from file-like object.
    #[pymethod(sig = "file, /")]
    fn ParseFile(&self, file: &Object) -> PyResult<i32> {
        self.not_in_handler("ParseFile")?;
        let Some(read) = file.getattr_opt(intern!("read"))? else {
            return Err(raise!(TypeError, "argument must have 'read' attribute"));
        };
        loop {
            let chunk = read.call1(&*Int::from_i64(2048)?)?;
            let data = if chunk.downcast::<Bytes>().is_some() || chunk.ty().name_str() == "bytearray" {
                bytes_arg(&chunk)?.to_vec()
            } else {
                return Err(raise!(TypeError, "read() did not return a bytes object (type={})", chunk.ty().name_str()));
            };
            if data.len() > 2048 {
                return Err(raise!(
                    ValueError,
                    "read() returned too much data: 2048 bytes requested, {} returned",
                    data.len()
                ));
            }
            self.parse(&data, data.is_empty())?;
            if data.is_empty() {
                return Ok(1);
            }
        }
    }
    /// Set the base URL for the parser.
    #[pymethod(sig = "base, /")]
    fn SetBase(&self, base: &str) -> PyResult<()> {
        self.with(|e| e.base = Some(base.to_string()))
    }
    /// Return base URL string for the parser.
    #[pymethod]
    fn GetBase(&self) -> PyResult<Option<String>> {
        self.with(|e| e.base.clone())
    }
    /// Return the untranslated text of the input that caused the current event.
    ///
    /// If the event was generated by a large amount of text (such as a start tag
    /// for an element with many attributes), not all of the text may be available.
    #[pymethod]
    fn GetInputContext(&self) -> PyResult<Option<Ref<Bytes>>> {
        if !self.in_callback.load(Relaxed) {
            return Ok(None);
        }
        let b = self.with(|e| e.context().to_vec())?;
        Ok(Some(Bytes::new(&b)?))
    }
    /// Create a parser for parsing an external entity based on the information passed to the ExternalEntityRefHandler.
    #[pymethod(sig = "context, encoding=None, /")]
    fn ExternalEntityParserCreate(&self, context: Option<&str>, encoding: Option<&str>) -> PyResult<Ref<XmlParser>> {
        let engine = self.with(|e| e.child(context, encoding.map(str::to_string)))?;
        let p = new_parser(engine, self.intern.get(self))?;
        p.buffer_text.store(self.buffer_text.load(Relaxed), Relaxed);
        p.buffer_size.store(self.buffer_size.load(Relaxed), Relaxed);
        p.ordered_attributes.store(self.ordered_attributes.load(Relaxed), Relaxed);
        p.specified_attributes.store(self.specified_attributes.load(Relaxed), Relaxed);
        p.prefixes.store(self.prefixes.load(Relaxed), Relaxed);
        for (to, from) in p.handlers.iter().zip(&self.handlers) {
            let old = to.replace(&p, from.get(self));
            drop(old);
        }
        Ok(p)
    }
    /// Controls parsing of parameter entities (including the external DTD subset).
    ///
    /// Possible flag values are XML_PARAM_ENTITY_PARSING_NEVER,
    /// XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE and
    /// XML_PARAM_ENTITY_PARSING_ALWAYS. Returns true if setting the flag
    /// was successful.
    #[pymethod(sig = "flag, /")]
    fn SetParamEntityParsing(&self, flag: i32) -> PyResult<i32> {
        self.with(|e| {
            if e.has_started() {
                return 0;
            }
            e.parameter_parsing = flag;
            1
        })
    }
    /// Allows the application to provide an artificial external subset if one is not specified as part of the document instance.
    ///
    /// This readily allows the use of a 'default' document type controlled by the
    /// application, while still getting the advantage of providing document type
    /// information to the parser. 'flag' defaults to True if not provided.
    #[pymethod(sig = "flag=True, /")]
    fn UseForeignDTD(&self, flag: Arg<bool>) -> PyResult<()> {
        let late = self.with(|e| {
            if !e.has_started() {
                e.foreign_dtd = flag.unwrap_or(true);
            }
            e.has_started()
        })?;
        if late { Err(self.error(26)) } else { Ok(()) }
    }
    /// Enable/Disable reparse deferral; enabled by default with Expat >=2.6.0.
    #[pymethod(sig = "enabled, /")]
    fn SetReparseDeferralEnabled(&self, enabled: bool) -> PyResult<()> {
        self.with(|e| e.deferral = enabled)
    }
    /// Retrieve reparse deferral enabled status; always returns false with Expat <2.6.0.
    #[pymethod]
    fn GetReparseDeferralEnabled(&self) -> PyResult<bool> {
        self.with(|e| e.deferral)
    }
    /// Sets the maximum tolerated amplification factor.
    #[pymethod(sig = "max_factor, /")]
    fn SetBillionLaughsAttackProtectionMaximumAmplification(&self, max_factor: f64) -> PyResult<()> {
        let f = self.amplification_argument(max_factor)?;
        self.root_only()?;
        self.with(|e| e.amplification = f)
    }
    /// Sets the number of output bytes needed to activate protection.
    #[pymethod(sig = "threshold, /")]
    fn SetBillionLaughsAttackProtectionActivationThreshold(&self, threshold: u64) -> PyResult<()> {
        self.root_only()?;
        self.with(|e| e.threshold = threshold as usize)
    }
    /// Sets the maximum amplification factor between direct input and bytes of dynamic memory allocated.
    #[pymethod(sig = "max_factor, /")]
    fn SetAllocTrackerMaximumAmplification(&self, max_factor: f64) -> PyResult<()> {
        self.amplification_argument(max_factor)?;
        self.root_only()
    }
    /// Sets the number of allocated bytes of dynamic memory needed to activate protection against disproportionate use of RAM.
    #[pymethod(sig = "threshold, /")]
    fn SetAllocTrackerActivationThreshold(&self, threshold: u64) -> PyResult<()> {
        let _ = threshold;
        self.root_only()
    }
    #[pygetset]
    fn ErrorCode(&self) -> PyResult<i32> {
        self.with(|e| e.error.map_or(0, |c| c as i32))
    }
    #[pygetset]
    fn ErrorLineNumber(&self) -> PyResult<usize> {
        self.with(|e| e.position().line)
    }
    #[pygetset]
    fn ErrorColumnNumber(&self) -> PyResult<usize> {
        self.with(|e| e.position().column)
    }
    #[pygetset]
    fn ErrorByteIndex(&self) -> PyResult<isize> {
        self.CurrentByteIndex()
    }
    #[pygetset]
    fn CurrentLineNumber(&self) -> PyResult<usize> {
        self.with(|e| e.position().line)
    }
    #[pygetset]
    fn CurrentColumnNumber(&self) -> PyResult<usize> {
        self.with(|e| e.position().column)
    }
    #[pygetset]
    fn CurrentByteIndex(&self) -> PyResult<isize> {
        self.with(|e| if e.has_started() { e.position().byte as isize } else { -1 })
    }
    #[pygetset(name = "buffer_size")]
    fn buffer_size_(&self) -> usize {
        self.buffer_size.load(Relaxed)
    }
    #[pysetter(name = "buffer_size")]
    fn set_buffer_size_(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "Cannot delete attribute")) };
        let Some(i) = v.downcast::<Int>() else { return Err(raise!(TypeError, "buffer_size must be an integer")) };
        let n = i.as_i64()?;
        if n <= 0 {
            return Err(raise!(ValueError, "buffer_size must be greater than zero"));
        }
        if n > i64::from(i32::MAX) {
            return Err(raise!(ValueError, "buffer_size must not be greater than {}", i32::MAX));
        }
        self.flush()?;
        self.buffer_size.store(n as usize, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn buffer_used(&self) -> usize {
        self.pending.with(|p| p.chars().count()).unwrap_or(0)
    }
    #[pygetset(name = "buffer_text")]
    fn buffer_text_(&self) -> PyRef {
        py_bool(self.buffer_text.load(Relaxed))
    }
    #[pysetter(name = "buffer_text")]
    fn set_buffer_text_(&self, v: Option<&Object>) -> PyResult<()> {
        let on = bool_attribute(v)?;
        if !on {
            self.flush()?;
        }
        self.buffer_text.store(on, Relaxed);
        Ok(())
    }
    #[pygetset(name = "namespace_prefixes")]
    fn namespace_prefixes_(&self) -> PyRef {
        py_bool(self.prefixes.load(Relaxed))
    }
    #[pysetter(name = "namespace_prefixes")]
    fn set_namespace_prefixes_(&self, v: Option<&Object>) -> PyResult<()> {
        let on = bool_attribute(v)?;
        self.prefixes.store(on, Relaxed);
        self.with(|e| e.triplets = on)
    }
    #[pygetset(name = "ordered_attributes")]
    fn ordered_attributes_(&self) -> PyRef {
        py_bool(self.ordered_attributes.load(Relaxed))
    }
    #[pysetter(name = "ordered_attributes")]
    fn set_ordered_attributes_(&self, v: Option<&Object>) -> PyResult<()> {
        self.ordered_attributes.store(bool_attribute(v)?, Relaxed);
        Ok(())
    }
    #[pygetset(name = "specified_attributes")]
    fn specified_attributes_(&self) -> PyRef {
        py_bool(self.specified_attributes.load(Relaxed))
    }
    #[pysetter(name = "specified_attributes")]
    fn set_specified_attributes_(&self, v: Option<&Object>) -> PyResult<()> {
        self.specified_attributes.store(bool_attribute(v)?, Relaxed);
        Ok(())
    }
    #[pygetset(name = "intern")]
    fn intern_(&self) -> PyRef {
        self.intern.get(self).unwrap_or_else(none_ref)
    }
}

/// An `ExpatError` that is about no text.
fn misused(text: &str) -> Raised {
    match ERROR.get().and_then(|e| e.downcast::<Type>()) {
        Some(t) => runtime::error::raise_message(t, format_args!("{text}")),
        None => raise!(SystemError, "pyexpat is not initialised"),
    }
}

impl XmlParser {
    fn amplification_argument(&self, f: f64) -> PyResult<f32> {
        if f.is_nan() || f < 1.0 { Err(misused("'max_factor' must be at least 1.0")) } else { Ok(f as f32) }
    }
    fn root_only(&self) -> PyResult<()> {
        if self.with(|e| e.is_child())? { Err(misused("parser must be a root parser")) } else { Ok(()) }
    }
}

/// Python wrapper for Expat parser.
#[pymodule(name = "pyexpat")]
pub mod pyexpat {
    use super::*;

    /// Return a new XML parser object.
    #[pyfunction(sig = "encoding=None, namespace_separator=None, intern=<unrepresentable>")]
    fn ParserCreate(
        encoding: Option<&str>,
        namespace_separator: Option<&str>,
        intern: Arg<&Object>,
    ) -> PyResult<Ref<XmlParser>> {
        if namespace_separator.is_some_and(|s| s.chars().count() > 1) {
            return Err(raise!(ValueError, "namespace_separator must be at most one character, omitted, or None"));
        }
        let interned = match intern {
            Arg::Given(i) if i.is_none() => None,
            Arg::Given(i) if i.downcast::<Dict>().is_some() => Some(i.to_ref()),
            Arg::Given(_) => return Err(raise!(TypeError, "intern must be a dictionary")),
            Arg::Missing => Some(Dict::new()?.upcast()),
        };
        // NUL as separator means none between the parts.
        let separator = namespace_separator.map(|s| if s == "\0" { String::new() } else { s.to_string() });
        new_parser(Engine::new(encoding.map(str::to_string), separator), interned)
    }
    /// Returns string error for given number.
    #[pyfunction(sig = "code, /")]
    fn ErrorString(code: i64) -> Option<&'static str> {
        usize::try_from(code - 1).ok().and_then(|i| ERRORS.get(i)).map(|e| e.1)
    }

    fn submodule(m: &Module, name: &str, doc: &str) -> PyResult<Ref<Module>> {
        let full = format!("pyexpat.{name}");
        let s = Module::new(&full)?;
        s.add("__doc__", Str::new(doc)?.upcast())?;
        let modules = runtime::objects::support::import("sys")?.getattr(intern!("modules"))?;
        modules.set_item(&*Str::new(&full)?, &s)?;
        m.add(name, s.clone().upcast())?;
        Ok(s)
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(crate::_struct::new_exception("xml.parsers.expat", "ExpatError", exc::Exception())?);
        }
        if let Some(e) = ERROR.get() {
            m.add("error", e.clone())?;
            m.add("ExpatError", e.clone())?;
        }
        runtime::typeobject::init_static(<XmlParser as runtime::convert::HasSpec>::spec())?;
        m.add("XMLParserType", XmlParser::type_object().to_ref())?;
        m.add("EXPAT_VERSION", Str::new("expat_2.7.3")?.upcast())?;
        m.add("version_info", Tuple::from_refs(vec![int(2)?, int(7)?, int(3)?])?.upcast())?;
        m.add("native_encoding", Str::new("UTF-8")?.upcast())?;
        let mut features = Vec::new();
        for (name, v) in [
            ("sizeof(XML_Char)", 1),
            ("sizeof(XML_LChar)", 1),
            ("XML_DTD", 0),
            ("XML_CONTEXT_BYTES", 1024),
            ("XML_NS", 0),
            ("XML_BLAP_MAX_AMP", 100),
            ("XML_BLAP_ACT_THRES", 8_388_608),
            ("XML_GE", 0),
        ] {
            features.push(Tuple::from_refs(vec![Str::new(name)?.upcast(), int(v)?])?.upcast());
        }
        m.add("features", List::from_vec(features)?.upcast())?;
        for (i, n) in ["NEVER", "UNLESS_STANDALONE", "ALWAYS"].iter().enumerate() {
            m.add(&format!("XML_PARAM_ENTITY_PARSING_{n}"), int(i as i32)?)?;
        }
        let errors = submodule(m, "errors", "Constants used to describe error conditions.")?;
        let (codes, messages) = (Dict::new()?, Dict::new()?);
        for (i, (name, text)) in ERRORS.iter().enumerate() {
            let (t, code) = (Str::new(text)?, int(i as i32 + 1)?);
            codes.set(&t, &code)?;
            messages.set(&code, &t)?;
            errors.add(name, t.upcast())?;
        }
        errors.add("codes", codes.upcast())?;
        errors.add("messages", messages.upcast())?;
        let models = submodule(m, "model", "Constants used to interpret content model information.")?;
        for (i, n) in ["EMPTY", "ANY", "MIXED", "NAME", "CHOICE", "SEQ"].iter().enumerate() {
            models.add(&format!("XML_CTYPE_{n}"), int(i as i32 + 1)?)?;
        }
        for (i, n) in ["NONE", "OPT", "REP", "PLUS"].iter().enumerate() {
            models.add(&format!("XML_CQUANT_{n}"), int(i as i32)?)?;
        }
        Ok(())
    }
}
