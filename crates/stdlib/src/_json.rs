//! `_json`: the scanner and the encoder of `json`.

use macros::pymodule;

#[pymodule(name = "_json", doc = "json speedups\n")]
pub mod _json {
    use core::sync::atomic::AtomicBool;
    use core::sync::atomic::Ordering::Relaxed;
    use macros::pyclass;
    use runtime::fields;
    use runtime::objects::StrBuilder;
    use runtime::objects::support::{Slot, alloc, clear, dealloc, import, track, traverse};
    use runtime::objects::unicode::StrData;
    use runtime::prelude::*;
    use runtime::protocol::{enter_recursive_call, leave_recursive_call};
    use std::collections::HashMap;

    // ------------------------------------------------------------------------------------------ decoding

    /// A code unit of one of the three string kinds.
    trait Unit: Copy + Eq + core::hash::Hash + 'static {
        fn u(self) -> u32;
        fn make(s: &[Self]) -> PyResult<Ref<Str>>;
    }
    impl Unit for u8 {
        #[inline(always)]
        fn u(self) -> u32 {
            self as u32
        }
        fn make(s: &[u8]) -> PyResult<Ref<Str>> {
            Str::from_latin1(s)
        }
    }
    impl Unit for u16 {
        #[inline(always)]
        fn u(self) -> u32 {
            self as u32
        }
        fn make(s: &[u16]) -> PyResult<Ref<Str>> {
            Str::from_ucs2(s)
        }
    }
    impl Unit for u32 {
        #[inline(always)]
        fn u(self) -> u32 {
            self
        }
        fn make(s: &[u32]) -> PyResult<Ref<Str>> {
            Str::from_ucs4(s)
        }
    }

    #[cold]
    fn decode_error(msg: &str, doc: &Object, pos: usize) -> Raised {
        let made = (|| {
            let m = import("json.decoder")?;
            let _ = m;
            let modules = import("sys")?.getattr(intern!("modules"))?;
            let m = modules.get_item(Str::intern("json.decoder"))?;
            let t = m.getattr(intern!("JSONDecodeError"))?;
            t.call(&[&*Str::new(msg)?, doc, &*Int::from_usize(pos)?])
        })();
        match made.map(PyRef::downcast_into::<runtime::objects::BaseException>) {
            Ok(Ok(e)) => runtime::error::restore(e),
            Ok(Err(_)) => raise!(ValueError, "{}", msg),
            Err(e) => e,
        }
    }

    #[cold]
    fn stop(pos: usize) -> Raised {
        match Int::from_usize(pos) {
            Ok(i) => runtime::error::raise_stop_iteration(Some(&i)),
            Err(e) => e,
        }
    }

    struct Parser<'a, C: Unit> {
        doc: &'a Object,
        s: &'a [C],
        strict: bool,
        object_hook: Option<PyRef>,
        pairs_hook: Option<PyRef>,
        parse_float: PyRef,
        parse_int: PyRef,
        parse_constant: PyRef,
        /// Names seen before, by their text.
        names: HashMap<&'a [C], PyRef>,
    }

    fn four_hex<C: Unit>(s: &[C], at: usize) -> Option<u32> {
        let mut v = 0;
        for c in s.get(at..at + 4)? {
            v = v * 16 + char::from_u32(c.u())?.to_digit(16)?;
        }
        Some(v)
    }

    /// The string whose text begins at `begin`; also the position after the closing quote.
    fn scan_string<C: Unit>(doc: &Object, s: &[C], begin: usize, strict: bool) -> PyResult<(Ref<Str>, usize)> {
        let n = s.len();
        let mut i = begin;
        while i < n {
            let c = s[i].u();
            if c == '"' as u32 {
                return Ok((C::make(&s[begin..i])?, i + 1));
            }
            if c == '\\' as u32 {
                break;
            }
            if c < 0x20 && strict {
                return Err(decode_error("Invalid control character at", doc, i));
            }
            i += 1;
        }
        let unterminated = || decode_error("Unterminated string starting at", doc, begin.wrapping_sub(1));
        let mut out: Vec<u32> = s[begin..i].iter().map(|c| c.u()).collect();
        loop {
            let Some(c) = s.get(i).map(|c| c.u()) else { return Err(unterminated()) };
            i += 1;
            if c == '"' as u32 {
                return Ok((Str::from_ucs4(&out)?, i));
            }
            if c != '\\' as u32 {
                if c < 0x20 && strict {
                    return Err(decode_error("Invalid control character at", doc, i - 1));
                }
                out.push(c);
                continue;
            }
            let Some(e) = s.get(i).map(|c| c.u()) else { return Err(unterminated()) };
            i += 1;
            let plain = match char::from_u32(e) {
                Some('"') => '"',
                Some('\\') => '\\',
                Some('/') => '/',
                Some('b') => '\x08',
                Some('f') => '\x0c',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let Some(mut v) = four_hex(s, i) else {
                        return Err(decode_error("Invalid \\uXXXX escape", doc, i - 1));
                    };
                    i += 4;
                    if (0xd800..0xdc00).contains(&v)
                        && s.get(i).map(|c| c.u()) == Some('\\' as u32)
                        && s.get(i + 1).map(|c| c.u()) == Some('u' as u32)
                    {
                        if let Some(low) = four_hex(s, i + 2) {
                            if (0xdc00..0xe000).contains(&low) {
                                v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
                                i += 6;
                            }
                        }
                    }
                    out.push(v);
                    continue;
                }
                _ => return Err(decode_error("Invalid \\escape", doc, i - 2)),
            };
            out.push(plain as u32);
        }
    }

    impl<'a, C: Unit> Parser<'a, C> {
        #[inline(always)]
        fn at(&self, i: usize) -> u32 {
            match self.s.get(i) {
                Some(c) => c.u(),
                None => u32::MAX,
            }
        }
        #[inline(always)]
        fn skip(&self, mut i: usize) -> usize {
            while matches!(self.at(i), 0x20 | 0x09 | 0x0a | 0x0d) {
                i += 1;
            }
            i
        }
        fn is(&self, i: usize, text: &str) -> bool {
            text.bytes().enumerate().all(|(k, b)| self.at(i + k) == b as u32)
        }

        fn value(&mut self, i: usize) -> PyResult<(PyRef, usize)> {
            match char::from_u32(self.at(i)) {
                Some('"') => {
                    let (s, end) = scan_string(self.doc, self.s, i + 1, self.strict)?;
                    Ok((s.upcast(), end))
                }
                Some('{') => {
                    enter_recursive_call(" while decoding a JSON object from a unicode string")?;
                    let r = self.object(i + 1);
                    leave_recursive_call();
                    r
                }
                Some('[') => {
                    enter_recursive_call(" while decoding a JSON array from a unicode string")?;
                    let r = self.array(i + 1);
                    leave_recursive_call();
                    r
                }
                Some('n') if self.is(i, "null") => Ok((none_ref(), i + 4)),
                Some('t') if self.is(i, "true") => Ok(((**Bool::of(true)).to_ref(), i + 4)),
                Some('f') if self.is(i, "false") => Ok(((**Bool::of(false)).to_ref(), i + 5)),
                Some('N') if self.is(i, "NaN") => self.constant("NaN", i),
                Some('I') if self.is(i, "Infinity") => self.constant("Infinity", i),
                Some('-') if self.is(i, "-Infinity") => self.constant("-Infinity", i),
                _ => self.number(i),
            }
        }

        fn constant(&self, name: &str, i: usize) -> PyResult<(PyRef, usize)> {
            Ok((self.parse_constant.call1(Str::intern(name))?, i + name.len()))
        }

        fn number(&self, start: usize) -> PyResult<(PyRef, usize)> {
            let digit = |i: usize| (0x30..0x3a).contains(&self.at(i));
            let mut i = start;
            if self.at(i) == '-' as u32 {
                i += 1;
            }
            if self.at(i) == '0' as u32 {
                i += 1;
            } else if digit(i) {
                while digit(i) {
                    i += 1;
                }
            } else {
                return Err(stop(start));
            }
            let mut float = false;
            if self.at(i) == '.' as u32 && digit(i + 1) {
                float = true;
                i += 2;
                while digit(i) {
                    i += 1;
                }
            }
            if matches!(self.at(i), 0x65 | 0x45) {
                let mut j = i + 1;
                if matches!(self.at(j), 0x2b | 0x2d) {
                    j += 1;
                }
                if digit(j) {
                    while digit(j) {
                        j += 1;
                    }
                    float = true;
                    i = j;
                }
            }
            let text: String = self.s[start..i].iter().map(|c| c.u() as u8 as char).collect();
            if float {
                if self.parse_float.as_ptr() == Float::type_object().as_ptr() {
                    let v: f64 = text
                        .parse()
                        .map_err(|_| raise!(ValueError, "could not convert string to float: '{}'", text))?;
                    return Ok((Float::new(v)?.upcast(), i));
                }
                return Ok((self.parse_float.call1(&*Str::new(&text)?)?, i));
            }
            if self.parse_int.as_ptr() == Int::type_object().as_ptr() {
                if let Ok(v) = text.parse::<i64>() {
                    return Ok((Int::from_i64(v)?.upcast(), i));
                }
            }
            Ok((self.parse_int.call1(&*Str::new(&text)?)?, i))
        }

        fn item(&mut self, i: usize) -> PyResult<(PyRef, usize)> {
            self.value(i).map_err(|e| {
                if e.matches(exc::StopIteration()) {
                    let exc = e.take();
                    let pos = exc.getattr(intern!("value")).and_then(|v| v.as_isize());
                    match pos {
                        Ok(p) => decode_error("Expecting value", self.doc, p.max(0) as usize),
                        Err(e) => e,
                    }
                } else {
                    e
                }
            })
        }

        fn array(&mut self, i: usize) -> PyResult<(PyRef, usize)> {
            let list = List::new()?;
            let mut i = self.skip(i);
            if self.at(i) == ']' as u32 {
                return Ok((list.upcast(), i + 1));
            }
            loop {
                let (v, end) = self.item(i)?;
                list.push(v)?;
                i = self.skip(end);
                match char::from_u32(self.at(i)) {
                    Some(']') => return Ok((list.upcast(), i + 1)),
                    Some(',') => {}
                    _ => return Err(decode_error("Expecting ',' delimiter", self.doc, i)),
                }
                let comma = i;
                i = self.skip(i + 1);
                if self.at(i) == ']' as u32 {
                    return Err(decode_error("Illegal trailing comma before end of array", self.doc, comma));
                }
            }
        }

        fn name(&mut self, begin: usize) -> PyResult<(PyRef, usize)> {
            // Most names need no unescaping: look them up by their text.
            let mut j = begin;
            while j < self.s.len() {
                let c = self.s[j].u();
                if c == '"' as u32 {
                    let raw = &self.s[begin..j];
                    if let Some(k) = self.names.get(raw) {
                        return Ok((k.clone(), j + 1));
                    }
                    let k = C::make(raw)?.upcast();
                    self.names.insert(raw, k.clone());
                    return Ok((k, j + 1));
                }
                if c == '\\' as u32 || c < 0x20 {
                    break;
                }
                j += 1;
            }
            let (k, end) = scan_string(self.doc, self.s, begin, self.strict)?;
            Ok((k.upcast(), end))
        }

        fn object(&mut self, i: usize) -> PyResult<(PyRef, usize)> {
            let pairs = if self.pairs_hook.is_some() { Some(List::new()?) } else { None };
            let dict = Dict::new()?;
            let mut i = self.skip(i);
            if self.at(i) == '}' as u32 {
                i += 1;
            } else {
                loop {
                    if self.at(i) != '"' as u32 {
                        return Err(decode_error("Expecting property name enclosed in double quotes", self.doc, i));
                    }
                    let (k, end) = self.name(i + 1)?;
                    i = self.skip(end);
                    if self.at(i) != ':' as u32 {
                        return Err(decode_error("Expecting ':' delimiter", self.doc, i));
                    }
                    i = self.skip(i + 1);
                    let (v, end) = self.item(i)?;
                    match &pairs {
                        Some(l) => l.push(Tuple::pair(k, v)?.upcast())?,
                        None => dict.insert(k, v)?,
                    }
                    i = self.skip(end);
                    match char::from_u32(self.at(i)) {
                        Some('}') => {
                            i += 1;
                            break;
                        }
                        Some(',') => {}
                        _ => return Err(decode_error("Expecting ',' delimiter", self.doc, i)),
                    }
                    let comma = i;
                    i = self.skip(i + 1);
                    if self.at(i) == '}' as u32 {
                        return Err(decode_error("Illegal trailing comma before end of object", self.doc, comma));
                    }
                }
            }
            if let (Some(h), Some(l)) = (&self.pairs_hook, pairs) {
                return Ok((h.call1(&l)?, i));
            }
            match &self.object_hook {
                Some(h) => Ok((h.call1(&dict)?, i)),
                None => Ok((dict.upcast(), i)),
            }
        }
    }

    #[repr(C)]
    pub struct Scanner {
        header: abi::PyObject,
        strict: AtomicBool,
        object_hook: Slot,
        object_pairs_hook: Slot,
        parse_float: Slot,
        parse_int: Slot,
        parse_constant: Slot,
    }
    fields!(Scanner: object_hook, object_pairs_hook, parse_float, parse_int, parse_constant);

    impl Scanner {
        fn run<'a, C: Unit>(&self, doc: &'a Object, s: &'a [C], idx: usize) -> PyResult<(PyRef, usize)> {
            let get = |slot: &Slot| slot.get(self).unwrap_or_else(none_ref);
            let hook = |slot: &Slot| slot.get(self).filter(|o| !o.is_none());
            if idx >= s.len() {
                return Err(stop(idx));
            }
            let mut p = Parser {
                doc,
                s,
                strict: self.strict.load(Relaxed),
                object_hook: hook(&self.object_hook),
                pairs_hook: hook(&self.object_pairs_hook),
                parse_float: get(&self.parse_float),
                parse_int: get(&self.parse_int),
                parse_constant: get(&self.parse_constant),
                names: HashMap::new(),
            };
            p.value(idx)
        }
    }

    /// JSON scanner object
    #[pyclass(
        name = "Scanner",
        module = "_json",
        flags = "BASETYPE|HAVE_GC",
        members = "strict: bool@strict readonly; object_hook: object@object_hook readonly; object_pairs_hook: object@object_pairs_hook readonly; parse_float: object@parse_float readonly; parse_int: object@parse_int readonly; parse_constant: object@parse_constant readonly",
        slots(tp_traverse = traverse::<Scanner>, tp_clear = clear::<Scanner>, tp_dealloc = dealloc::<Scanner>)
    )]
    impl Scanner {
        #[slot(sig = "context")]
        fn tp_new(cls: &Type, context: &Object) -> PyResult<PyRef> {
            let strict = context.getattr(intern!("strict"))?.is_true()?;
            let oh = context.getattr(intern!("object_hook"))?;
            let ph = context.getattr(intern!("object_pairs_hook"))?;
            let pf = context.getattr(intern!("parse_float"))?;
            let pi = context.getattr(intern!("parse_int"))?;
            let pc = context.getattr(intern!("parse_constant"))?;
            let s = alloc::<Scanner>(cls)?;
            s.strict.store(strict, Relaxed);
            s.object_hook.init(oh);
            s.object_pairs_hook.init(ph);
            s.parse_float.init(pf);
            s.parse_int.init(pi);
            s.parse_constant.init(pc);
            Ok(track(s).upcast())
        }
        #[slot(sig = "string, idx", name = "scan_once")]
        fn tp_call(&self, string: &Object, idx: isize) -> PyResult<PyRef> {
            let Some(s) = string.downcast::<Str>() else {
                return Err(raise!(TypeError, "first argument must be a string, not {}", string.ty().name_str()));
            };
            if idx < 0 {
                return Err(raise!(ValueError, "idx cannot be negative"));
            }
            let (v, end) = match s.data() {
                StrData::One(d) => self.run(string, d, idx as usize)?,
                StrData::Two(d) => self.run(string, d, idx as usize)?,
                StrData::Four(d) => self.run(string, d, idx as usize)?,
            };
            Ok(Tuple::pair(v, Int::from_usize(end)?.upcast())?.upcast())
        }
    }

    /// scanstring(string, end, strict=True) -> (string, end)
    ///
    /// Scan the string s for a JSON string. End is the index of the
    /// character in s after the quote that started the JSON string.
    /// Unescapes all valid JSON string escape sequences and raises ValueError
    /// on attempt to decode an invalid string. If strict is False then literal
    /// control characters are allowed in the string.
    ///
    /// Returns a tuple of the decoded string and the index of the character in s
    /// after the end quote.
    #[pyfunction(sig = "string, end, strict=True, /", text_signature = None)]
    fn scanstring(string: &Object, end: isize, strict: bool) -> PyResult<(PyRef, usize)> {
        let Some(s) = string.downcast::<Str>() else {
            return Err(raise!(TypeError, "first argument must be a string, not {}", string.ty().name_str()));
        };
        if end < 0 || end as usize > s.len() {
            return Err(raise!(ValueError, "end is out of bounds"));
        }
        let (r, n) = match s.data() {
            StrData::One(d) => scan_string(string, d, end as usize, strict)?,
            StrData::Two(d) => scan_string(string, d, end as usize, strict)?,
            StrData::Four(d) => scan_string(string, d, end as usize, strict)?,
        };
        Ok((r.upcast(), n))
    }

    // ------------------------------------------------------------------------------------------ encoding

    fn short_escape(c: u32) -> Option<&'static str> {
        Some(match c {
            0x22 => "\\\"",
            0x5c => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            0x0a => "\\n",
            0x0d => "\\r",
            0x09 => "\\t",
            _ => return None,
        })
    }

    /// Appends the string in quotes; `ascii` escapes everything that is not ASCII.
    fn quote(b: &mut StrBuilder, s: &Str, ascii: bool) {
        let plain = |c: u32| c >= 0x20 && c != 0x22 && c != 0x5c && (!ascii || c <= 0x7e);
        let data = s.data();
        b.push_char('"');
        let clean = match data {
            StrData::One(d) => d.iter().all(|c| plain(*c as u32)),
            StrData::Two(d) => d.iter().all(|c| plain(*c as u32)),
            StrData::Four(d) => d.iter().all(|c| plain(*c)),
        };
        if clean {
            b.push_data(data);
        } else {
            for c in data.chars() {
                if plain(c) {
                    b.push_u32(c);
                } else if let Some(e) = short_escape(c) {
                    b.push_str(e);
                } else if c > 0xffff {
                    let v = c - 0x10000;
                    b.push_str(&format!("\\u{:04x}\\u{:04x}", 0xd800 + (v >> 10), 0xdc00 + (v & 0x3ff)));
                } else {
                    b.push_str(&format!("\\u{c:04x}"));
                }
            }
        }
        b.push_char('"');
    }

    fn quoted(string: &Object, ascii: bool) -> PyResult<Ref<Str>> {
        let Some(s) = string.downcast::<Str>() else {
            return Err(raise!(TypeError, "first argument must be a string, not {}", string.ty().name_str()));
        };
        let mut b = StrBuilder::with_capacity(s.len() + 2);
        quote(&mut b, s, ascii);
        b.finish()
    }

    /// encode_basestring_ascii(string) -> string
    ///
    /// Return an ASCII-only JSON representation of a Python string
    #[pyfunction(text_signature = None)]
    fn encode_basestring_ascii(string: &Object) -> PyResult<Ref<Str>> {
        quoted(string, true)
    }
    /// encode_basestring(string) -> string
    ///
    /// Return a JSON representation of a Python string
    #[pyfunction(text_signature = None)]
    fn encode_basestring(string: &Object) -> PyResult<Ref<Str>> {
        quoted(string, false)
    }

    #[repr(C)]
    pub struct Encoder {
        header: abi::PyObject,
        markers: Slot,
        default: Slot,
        encoder: Slot,
        indent: Slot,
        key_separator: Slot,
        item_separator: Slot,
        sort_keys: AtomicBool,
        skipkeys: AtomicBool,
        allow_nan: AtomicBool,
    }
    fields!(Encoder: markers, default, encoder, indent, key_separator, item_separator);

    /// How strings are written.
    enum Quoting {
        Ascii,
        Plain,
        Call(PyRef),
    }

    struct Writer {
        out: StrBuilder,
        quoting: Quoting,
        default: PyRef,
        indent: Option<Ref<Str>>,
        key_separator: Ref<Str>,
        item_separator: Ref<Str>,
        sort_keys: bool,
        skipkeys: bool,
        allow_nan: bool,
        check_circular: bool,
        /// What is being written, outermost first.
        open: Vec<*mut abi::PyObject>,
    }

    #[cold]
    fn note(e: Raised, text: core::fmt::Arguments<'_>) -> Raised {
        if !e.matches(exc::Exception()) {
            return e;
        }
        let exc = e.take();
        if let Err(e) = Str::format(text).and_then(|s| exc.call_method(intern!("add_note"), &[&s])) {
            e.clear();
        }
        runtime::error::restore(exc)
    }

    impl Writer {
        fn float_text(&mut self, o: &Object) -> PyResult<Ref<Str>> {
            let Some(f) = o.downcast::<Float>() else { return Err(raise!(TypeError, "a float is required")) };
            let v = f.value();
            if v.is_finite() {
                return (**Float::new(v)?).repr();
            }
            if !self.allow_nan {
                return Err(raise!(
                    ValueError,
                    "Out of range float values are not JSON compliant: {}",
                    o.repr()?.to_string_lossy()
                ));
            }
            Str::new(if v.is_nan() {
                "NaN"
            } else if v > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            })
        }

        fn string(&mut self, o: &Object) -> PyResult<()> {
            if let Some(s) = o.downcast::<Str>() {
                match &self.quoting {
                    Quoting::Ascii => {
                        quote(&mut self.out, s, true);
                        return Ok(());
                    }
                    Quoting::Plain => {
                        quote(&mut self.out, s, false);
                        return Ok(());
                    }
                    Quoting::Call(_) => {}
                }
            }
            if let Quoting::Call(f) = &self.quoting {
                let r = f.call1(o)?;
                let Some(s) = r.downcast::<Str>() else {
                    return Err(raise!(TypeError, "encoder() must return a string, not {}", r.ty().name_str()));
                };
                self.out.push_obj(s);
            }
            Ok(())
        }

        fn newline(&mut self, level: usize) {
            if let Some(indent) = &self.indent {
                self.out.push_char('\n');
                for _ in 0..level {
                    self.out.push_obj(indent);
                }
            }
        }

        fn enter(&mut self, o: &Object) -> PyResult<()> {
            if self.check_circular {
                if self.open.contains(&o.as_ptr()) {
                    return Err(raise!(ValueError, "Circular reference detected"));
                }
                self.open.push(o.as_ptr());
            }
            Ok(())
        }
        fn leave(&mut self) {
            if self.check_circular {
                self.open.pop();
            }
        }

        fn int_text(&mut self, o: &Object) -> PyResult<()> {
            // Subclasses are written as plain ints.
            match o.downcast::<Int>() {
                Some(i) => match i.try_i64() {
                    Some(v) => self.out.push_str(&v.to_string()),
                    None => {
                        let s = match o.downcast_exact::<Int>() {
                            Some(_) => o.repr()?,
                            None => Int::from_bigint(&i.to_bigint())?.repr()?,
                        };
                        self.out.push_obj(&s);
                    }
                },
                None => return Err(raise!(TypeError, "an integer is required")),
            }
            Ok(())
        }

        fn value(&mut self, o: &Object, level: usize) -> PyResult<()> {
            if o.is_none() {
                self.out.push_str("null");
            } else if o.is(true_()) {
                self.out.push_str("true");
            } else if o.is(false_()) {
                self.out.push_str("false");
            } else if o.downcast::<Str>().is_some() {
                return self.string(o);
            } else if o.downcast::<Int>().is_some() {
                return self.int_text(o);
            } else if o.downcast::<Float>().is_some() {
                let t = self.float_text(o)?;
                self.out.push_obj(&t);
            } else if o.downcast::<List>().is_some() || o.downcast::<Tuple>().is_some() {
                enter_recursive_call(" while encoding a JSON object")?;
                let r = self.sequence(o, level);
                leave_recursive_call();
                return r;
            } else if let Some(d) = o.downcast::<Dict>() {
                enter_recursive_call(" while encoding a JSON object")?;
                let r = self.mapping(d, level);
                leave_recursive_call();
                return r;
            } else {
                self.enter(o)?;
                let new = self.default.call1(o)?;
                enter_recursive_call(" while encoding a JSON object")?;
                let r = self.value(&new, level);
                leave_recursive_call();
                if let Err(e) = r {
                    return Err(note(e, format_args!("when serializing {} object", o.ty().name_str())));
                }
                self.leave();
            }
            Ok(())
        }

        fn sequence(&mut self, o: &Object, level: usize) -> PyResult<()> {
            let n = o.len()?;
            if n == 0 {
                self.out.push_str("[]");
                return Ok(());
            }
            self.enter(o)?;
            self.out.push_char('[');
            self.newline(level + 1);
            let tuple = o.downcast::<Tuple>();
            let list = o.downcast::<List>();
            let mut i = 0;
            loop {
                let item = match (tuple, list) {
                    (Some(t), _) if i < t.len() => t.get(i).to_ref(),
                    (_, Some(l)) => match l.get(i) {
                        Some(v) => v,
                        None => break,
                    },
                    _ => break,
                };
                if i > 0 {
                    self.out.push_obj(&self.item_separator);
                    self.newline(level + 1);
                }
                if let Err(e) = self.value(&item, level + 1) {
                    return Err(note(e, format_args!("when serializing {} item {}", o.ty().name_str(), i)));
                }
                i += 1;
            }
            self.newline(level);
            self.out.push_char(']');
            self.leave();
            Ok(())
        }

        fn mapping(&mut self, d: &Dict, level: usize) -> PyResult<()> {
            if d.is_empty() {
                self.out.push_str("{}");
                return Ok(());
            }
            self.enter(d)?;
            let exact = d.downcast_exact::<Dict>().is_some();
            let mut items: Vec<(PyRef, PyRef)> = if exact {
                d.items_snapshot()
            } else {
                let mut v = Vec::new();
                let it = d.call_method(intern!("items"), &[])?.iter()?;
                while let Some(x) = it.iter_next()? {
                    match x.downcast::<Tuple>() {
                        Some(t) if t.len() == 2 => v.push((t.get(0).to_ref(), t.get(1).to_ref())),
                        _ => return Err(raise!(ValueError, "items must return 2-tuples")),
                    }
                }
                v
            };
            if self.sort_keys {
                let mut tuples = Vec::with_capacity(items.len());
                for (k, v) in items {
                    tuples.push(Tuple::pair(k, v)?.upcast());
                }
                runtime::objects::list::sort::sort_refs(&mut tuples, None, false)?;
                items = tuples
                    .iter()
                    // SAFETY: pairs made above.
                    .map(|t| unsafe { (t.cast::<Tuple>().get(0).to_ref(), t.cast::<Tuple>().get(1).to_ref()) })
                    .collect();
            }
            self.out.push_char('{');
            let mut first = true;
            for (k, v) in &items {
                let text: PyRef;
                let key: &Object = if k.downcast::<Str>().is_some() {
                    k
                } else if k.downcast::<Float>().is_some() {
                    text = self.float_text(k)?.upcast();
                    &text
                } else if k.is_none() {
                    Str::intern("null")
                } else if k.is(true_()) {
                    Str::intern("true")
                } else if k.is(false_()) {
                    Str::intern("false")
                } else if let Some(i) = k.downcast::<Int>() {
                    text = match i.try_i64() {
                        Some(v) => Str::new(&v.to_string())?.upcast(),
                        None => Int::from_bigint(&i.to_bigint())?.repr()?.upcast(),
                    };
                    &text
                } else if self.skipkeys {
                    continue;
                } else {
                    return Err(raise!(
                        TypeError,
                        "keys must be str, int, float, bool or None, not {}",
                        k.ty().name_str()
                    ));
                };
                if !first {
                    self.out.push_obj(&self.item_separator);
                }
                self.newline(level + 1);
                first = false;
                self.string(key)?;
                self.out.push_obj(&self.key_separator);
                if let Err(e) = self.value(v, level + 1) {
                    let shown = k.repr().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                    return Err(note(e, format_args!("when serializing {} item {}", d.ty().name_str(), shown)));
                }
            }
            if !first {
                self.newline(level);
            }
            self.out.push_char('}');
            self.leave();
            Ok(())
        }
    }

    /// Encoder(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)
    #[pyclass(
        name = "Encoder",
        module = "_json",
        flags = "BASETYPE|HAVE_GC",
        members = "markers: object@markers readonly; default: object@default readonly; encoder: object@encoder readonly; indent: object@indent readonly; key_separator: object@key_separator readonly; item_separator: object@item_separator readonly; sort_keys: bool@sort_keys readonly; skipkeys: bool@skipkeys readonly",
        slots(tp_traverse = traverse::<Encoder>, tp_clear = clear::<Encoder>, tp_dealloc = dealloc::<Encoder>)
    )]
    impl Encoder {
        #[slot(
            sig = "markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan",
            name = "make_encoder"
        )]
        #[allow(clippy::too_many_arguments)]
        fn tp_new(
            cls: &Type,
            markers: &Object,
            default: &Object,
            encoder: &Object,
            indent: &Object,
            key_separator: &Str,
            item_separator: &Str,
            sort_keys: bool,
            skipkeys: bool,
            allow_nan: bool,
        ) -> PyResult<PyRef> {
            if !markers.is_none() && markers.downcast::<Dict>().is_none() {
                return Err(raise!(
                    TypeError,
                    "make_encoder() argument 1 must be dict or None, not {}",
                    markers.ty().name_str()
                ));
            }
            let e = alloc::<Encoder>(cls)?;
            e.markers.init(markers.to_ref());
            e.default.init(default.to_ref());
            e.encoder.init(encoder.to_ref());
            e.indent.init(indent.to_ref());
            e.key_separator.init(key_separator.to_ref());
            e.item_separator.init(item_separator.to_ref());
            e.sort_keys.store(sort_keys, Relaxed);
            e.skipkeys.store(skipkeys, Relaxed);
            e.allow_nan.store(allow_nan, Relaxed);
            Ok(track(e).upcast())
        }
        #[slot(sig = "obj, _current_indent_level", name = "_iterencode")]
        fn tp_call(&self, obj: &Object, level: isize) -> PyResult<PyRef> {
            let get = |s: &Slot| s.get(self).unwrap_or_else(none_ref);
            let text = |s: &Slot| -> PyResult<Ref<Str>> {
                get(s).downcast_into::<Str>().map_err(|_| raise!(TypeError, "separators must be strings"))
            };
            let encoder = get(&self.encoder);
            let module = import("_json")?;
            let quoting = if encoder.is(&*module.getattr(intern!("encode_basestring_ascii"))?) {
                Quoting::Ascii
            } else if encoder.is(&*module.getattr(intern!("encode_basestring"))?) {
                Quoting::Plain
            } else {
                Quoting::Call(encoder)
            };
            let indent = match get(&self.indent) {
                i if i.is_none() => None,
                i => match i.downcast_into::<Str>() {
                    Ok(s) => Some(s),
                    Err(o) => {
                        return Err(raise!(TypeError, "indent must be a string or None, not {}", o.ty().name_str()));
                    }
                },
            };
            let mut w = Writer {
                out: StrBuilder::new(),
                quoting,
                default: get(&self.default),
                indent,
                key_separator: text(&self.key_separator)?,
                item_separator: text(&self.item_separator)?,
                sort_keys: self.sort_keys.load(Relaxed),
                skipkeys: self.skipkeys.load(Relaxed),
                allow_nan: self.allow_nan.load(Relaxed),
                check_circular: !get(&self.markers).is_none(),
                open: Vec::new(),
            };
            w.value(obj, level.max(0) as usize)?;
            Ok(Tuple::from_refs(vec![w.out.finish()?.upcast()])?.upcast())
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        use runtime::convert::HasSpec;
        runtime::typeobject::init_static(Scanner::spec())?;
        runtime::typeobject::init_static(Encoder::spec())?;
        m.add("make_scanner", (**Scanner::type_object()).to_ref())?;
        m.add("make_encoder", (**Encoder::type_object()).to_ref())
    }
}
