//! `_csv`: reading and writing delimited text.

use macros::pymodule;

#[pymodule(name = "_csv", doc = "CSV parsing and writing.\n")]
pub mod _csv {
    use core::sync::atomic::Ordering::Relaxed;
    use core::sync::atomic::{AtomicI32, AtomicIsize, AtomicPtr, AtomicUsize};
    use macros::pyclass;
    use runtime::fields;
    use runtime::lock;
    use runtime::objects::BaseException;
    use runtime::objects::support::{Locked, Slot, alloc, clear, dealloc, track, traverse};
    use runtime::prelude::*;

    const MINIMAL: i32 = 0;
    const ALL: i32 = 1;
    const NONNUMERIC: i32 = 2;
    const NONE: i32 = 3;
    const STRINGS: i32 = 4;
    const NOTNULL: i32 = 5;

    #[pyattr]
    const QUOTE_MINIMAL: i32 = MINIMAL;
    #[pyattr]
    const QUOTE_ALL: i32 = ALL;
    #[pyattr]
    const QUOTE_NONNUMERIC: i32 = NONNUMERIC;
    #[pyattr]
    const QUOTE_NONE: i32 = NONE;
    #[pyattr]
    const QUOTE_STRINGS: i32 = STRINGS;
    #[pyattr]
    const QUOTE_NOTNULL: i32 = NOTNULL;

    /// The module's `Error` class, kept for the life of the process.
    static ERROR: AtomicPtr<abi::PyObject> = AtomicPtr::new(core::ptr::null_mut());
    static DIALECTS: crate::kept::Kept = crate::kept::Kept::new();
    static FIELD_LIMIT: AtomicIsize = AtomicIsize::new(128 * 1024);

    #[cold]
    fn error(msg: &str) -> Raised {
        let p = ERROR.load(Relaxed);
        if p.is_null() {
            return raise!(ValueError, "{}", msg);
        }
        // SAFETY: kept for ever.
        let made = Str::new(msg).and_then(|m| unsafe { Object::from_ptr(p) }.call1(&m));
        match made.map(PyRef::downcast_into::<BaseException>) {
            Ok(Ok(e)) => runtime::error::restore(e),
            Ok(Err(_)) => raise!(ValueError, "{}", msg),
            Err(e) => e,
        }
    }

    fn dialects() -> PyResult<&'static Dict> {
        DIALECTS.dict()
    }

    // ------------------------------------------------------------------------------------------ Dialect

    /// What a dialect says, in machine form.
    #[derive(Clone)]
    pub struct Format {
        delimiter: u32,
        quotechar: Option<u32>,
        escapechar: Option<u32>,
        lineterminator: Vec<u32>,
        doublequote: bool,
        skipinitialspace: bool,
        strict: bool,
        quoting: i32,
    }

    #[repr(C)]
    pub struct Dialect {
        header: abi::PyObject,
        format: Locked<Format>,
    }
    impl runtime::objects::support::Fields for Dialect {
        fn fields(&self, _f: &mut dyn FnMut(&Slot)) {}
        fn release(&self) {
            self.format.take();
        }
    }

    fn one_char(name: &str, o: Option<&Object>, default: Option<u32>, none_ok: bool) -> PyResult<Option<u32>> {
        let Some(o) = o else { return Ok(default) };
        if o.is_none() && none_ok {
            return Ok(None);
        }
        let what = if none_ok { "a unicode character or None" } else { "a unicode character" };
        let Some(s) = o.downcast::<Str>() else {
            return Err(raise!(TypeError, "\"{}\" must be {}, not {}", name, what, o.ty().name_str()));
        };
        if s.len() != 1 {
            return Err(raise!(TypeError, "\"{}\" must be {}, not a string of length {}", name, what, s.len()));
        }
        Ok(Some(s.char_at(0)))
    }

    fn text_of(c: Option<u32>) -> PyResult<PyRef> {
        match c {
            Some(c) => Ok(Str::from_ucs4(&[c])?.upcast()),
            None => Ok(none_ref()),
        }
    }

    impl Format {
        fn build(args: &[Option<PyRef>; 8]) -> PyResult<Format> {
            let [delimiter, doublequote, escapechar, lineterminator, quotechar, quoting, skipinitialspace, strict] =
                args;
            let flag = |o: &Option<PyRef>, d: bool| match o {
                Some(o) => o.is_true(),
                None => Ok(d),
            };
            let delim = one_char("delimiter", delimiter.as_deref(), Some(',' as u32), false)?.unwrap_or(',' as u32);
            let doublequote = flag(doublequote, true)?;
            let escape = one_char("escapechar", escapechar.as_deref(), None, true)?;
            let terminator: Vec<u32> = match lineterminator {
                None => vec![13, 10],
                Some(o) => match o.downcast::<Str>() {
                    Some(s) => s.chars().collect(),
                    None => {
                        return Err(raise!(
                            TypeError,
                            "\"lineterminator\" must be a string, not {}",
                            o.ty().name_str()
                        ));
                    }
                },
            };
            let quote = one_char("quotechar", quotechar.as_deref(), Some('"' as u32), true)?;
            let mut quoting_v = match quoting {
                None => MINIMAL,
                Some(o) => match o.downcast_exact::<Int>() {
                    Some(i) => i32::try_from(i.as_i64()?).unwrap_or(-1),
                    None => return Err(raise!(TypeError, "\"quoting\" must be an integer, not {}", o.ty().name_str())),
                },
            };
            let skip = flag(skipinitialspace, false)?;
            let strict = flag(strict, false)?;
            if !(MINIMAL..=NOTNULL).contains(&quoting_v) {
                return Err(raise!(TypeError, "bad \"quoting\" value"));
            }
            if quotechar.as_ref().is_some_and(|o| o.is_none()) && quoting.is_none() {
                quoting_v = NONE;
            }
            if quoting_v != NONE && quote.is_none() {
                return Err(raise!(TypeError, "quotechar must be set if quoting enabled"));
            }
            let f = Format {
                delimiter: delim,
                quotechar: quote,
                escapechar: escape,
                lineterminator: terminator,
                doublequote,
                skipinitialspace: skip,
                strict,
                quoting: quoting_v,
            };
            let bad =
                |c: Option<u32>, allow_space: bool| c.is_some_and(|c| c == 10 || c == 13 || (c == 32 && !allow_space));
            if bad(Some(f.delimiter), true) {
                return Err(raise!(ValueError, "bad delimiter value"));
            }
            if bad(f.escapechar, !f.skipinitialspace) {
                return Err(raise!(ValueError, "bad escapechar value"));
            }
            if bad(f.quotechar, !f.skipinitialspace) {
                return Err(raise!(ValueError, "bad quotechar value"));
            }
            let clash = |a: Option<u32>, b: Option<u32>| a.is_some() && a == b;
            let d = Some(f.delimiter);
            if clash(d, f.escapechar) {
                return Err(raise!(ValueError, "bad delimiter or escapechar value"));
            }
            if clash(d, f.quotechar) {
                return Err(raise!(ValueError, "bad delimiter or quotechar value"));
            }
            if clash(f.escapechar, f.quotechar) {
                return Err(raise!(ValueError, "bad escapechar or quotechar value"));
            }
            let ends = |c: Option<u32>| c.is_some_and(|c| f.lineterminator.contains(&c));
            if ends(d) {
                return Err(raise!(ValueError, "bad delimiter or lineterminator value"));
            }
            if ends(f.escapechar) {
                return Err(raise!(ValueError, "bad escapechar or lineterminator value"));
            }
            if ends(f.quotechar) {
                return Err(raise!(ValueError, "bad quotechar or lineterminator value"));
            }
            Ok(f)
        }
    }

    const NAMES: [&str; 8] = [
        "delimiter",
        "doublequote",
        "escapechar",
        "lineterminator",
        "quotechar",
        "quoting",
        "skipinitialspace",
        "strict",
    ];

    /// A `Dialect` from an optional dialect (name, class or instance) and overriding keywords.
    fn make_dialect(cls: &Type, dialect: Option<&Object>, keywords: &FuncArgs<'_>) -> PyResult<PyRef> {
        let mut base: Option<PyRef> = None;
        if let Some(d) = dialect {
            base = Some(if d.downcast::<Str>().is_some() { named(d)? } else { d.to_ref() });
        }
        let mut given: [Option<PyRef>; 8] = Default::default();
        for (k, v) in keywords.keywords() {
            let at = k.downcast::<Str>().and_then(|k| NAMES.iter().position(|n| k.eq_str(n)));
            match at {
                Some(i) => given[i] = Some(v.to_ref()),
                None if k.downcast::<Str>().is_some_and(|k| k.eq_str("dialect")) => {
                    base = Some(if v.downcast::<Str>().is_some() { named(v)? } else { v.to_ref() });
                }
                None => {
                    return Err(raise!(
                        TypeError,
                        "this function got an unexpected keyword argument '{}'",
                        k.str()?.to_string_lossy()
                    ));
                }
            }
        }
        if let Some(b) = &base {
            if core::ptr::eq(b.ty(), Dialect::type_object())
                && given.iter().all(Option::is_none)
                && core::ptr::eq(cls, Dialect::type_object())
            {
                return Ok(b.clone());
            }
            for (slot, name) in given.iter_mut().zip(NAMES) {
                if slot.is_none() {
                    *slot = b.getattr_opt(Str::intern(name))?;
                }
            }
        }
        let f = Format::build(&given)?;
        let d = alloc::<Dialect>(cls)?;
        d.format.set(f);
        Ok(d.upcast())
    }

    fn named(name: &Object) -> PyResult<PyRef> {
        match dialects()?.get(name)? {
            Some(d) => Ok(d),
            None => Err(error("unknown dialect")),
        }
    }

    impl Dialect {
        fn get<R>(&self, f: impl FnOnce(&Format) -> R) -> PyResult<R> {
            self.format.with(|x| f(x)).ok_or_else(|| raise!(SystemError, "uninitialised dialect"))
        }
    }

    /// CSV dialect
    ///
    /// The Dialect type records CSV parsing and generation options.
    #[pyclass(name = "Dialect", module = "_csv", flags = "BASETYPE", slots(tp_dealloc = dealloc::<Dialect>))]
    impl Dialect {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.check_positional("Dialect", 0, 1)?;
            make_dialect(cls, args.get(0), &args)
        }
        #[pygetset]
        fn delimiter(&self) -> PyResult<PyRef> {
            text_of(Some(self.get(|f| f.delimiter)?))
        }
        #[pygetset]
        fn doublequote(&self) -> PyResult<bool> {
            self.get(|f| f.doublequote)
        }
        #[pygetset]
        fn escapechar(&self) -> PyResult<PyRef> {
            text_of(self.get(|f| f.escapechar)?)
        }
        #[pygetset]
        fn lineterminator(&self) -> PyResult<Ref<Str>> {
            Str::from_ucs4(&self.get(|f| f.lineterminator.clone())?)
        }
        #[pygetset]
        fn quotechar(&self) -> PyResult<PyRef> {
            text_of(self.get(|f| f.quotechar)?)
        }
        #[pygetset]
        fn quoting(&self) -> PyResult<i32> {
            self.get(|f| f.quoting)
        }
        #[pygetset]
        fn skipinitialspace(&self) -> PyResult<bool> {
            self.get(|f| f.skipinitialspace)
        }
        #[pygetset]
        fn strict(&self) -> PyResult<bool> {
            self.get(|f| f.strict)
        }
        /// raises an exception to avoid pickling
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            Err(raise!(TypeError, "cannot pickle 'Dialect' instances"))
        }
        /// raises an exception to avoid pickling
        #[pymethod]
        fn __reduce_ex__(&self, _protocol: &Object) -> PyResult<PyRef> {
            Err(raise!(TypeError, "cannot pickle 'Dialect' instances"))
        }
    }

    fn format_of(d: &Object) -> PyResult<Format> {
        match d.downcast::<Dialect>() {
            Some(d) => d.get(Clone::clone),
            None => Err(raise!(TypeError, "not a dialect")),
        }
    }

    // ------------------------------------------------------------------------------------------ reader

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        StartRecord,
        StartField,
        Escaped,
        InField,
        InQuoted,
        EscapeInQuoted,
        QuoteInQuoted,
        EatNewline,
        AfterEscapedNewline,
    }

    #[repr(C)]
    pub struct Reader {
        header: abi::PyObject,
        input: Slot,
        dialect: Slot,
        format: Locked<Format>,
        line_num: AtomicIsize,
        /// The thread that reads a record just now.
        busy: AtomicUsize,
    }
    fields!(Reader: input, dialect; format);

    /// A record being parsed.
    struct Parse<'a> {
        f: &'a Format,
        state: State,
        field: Vec<u32>,
        unquoted: bool,
        fields: Vec<PyRef>,
        limit: usize,
    }

    /// End of line, as the parser sees it.
    const EOL: u32 = u32::MAX;

    impl Parse<'_> {
        fn save(&mut self) -> PyResult<()> {
            let unquoted = core::mem::replace(&mut self.unquoted, false);
            let q = self.f.quoting;
            let value: PyRef = if unquoted && self.field.is_empty() && (q == NOTNULL || q == STRINGS) {
                none_ref()
            } else {
                let s = Str::from_ucs4(&self.field)?;
                if unquoted && !self.field.is_empty() && (q == NONNUMERIC || q == STRINGS)
                    || unquoted && q == NONNUMERIC
                {
                    if self.field.is_empty() { s.upcast() } else { (**Float::type_object()).call1(&s)? }
                } else {
                    s.upcast()
                }
            };
            self.field.clear();
            self.fields.push(value);
            Ok(())
        }
        fn add(&mut self, c: u32) -> PyResult<()> {
            if self.field.len() >= self.limit {
                return Err(error(&format!("field larger than field limit ({})", self.limit)));
            }
            self.field.push(c);
            Ok(())
        }
        fn feed(&mut self, c: u32) -> PyResult<()> {
            use State::*;
            let f = self.f;
            let newline = c == 10 || c == 13 || c == EOL;
            loop {
                match self.state {
                    StartRecord => {
                        if c == EOL {
                            return Ok(());
                        }
                        if newline {
                            self.state = EatNewline;
                            return Ok(());
                        }
                        self.state = StartField;
                        continue;
                    }
                    StartField => {
                        self.unquoted = true;
                        if newline {
                            self.save()?;
                            self.state = if c == EOL { StartRecord } else { EatNewline };
                        } else if Some(c) == f.quotechar && f.quoting != NONE {
                            self.unquoted = false;
                            self.state = InQuoted;
                        } else if Some(c) == f.escapechar {
                            self.state = Escaped;
                        } else if c == 32 && f.skipinitialspace {
                        } else if c == f.delimiter {
                            self.save()?;
                        } else {
                            self.add(c)?;
                            self.state = InField;
                        }
                    }
                    Escaped => {
                        if c == 10 || c == 13 {
                            self.add(c)?;
                            self.state = AfterEscapedNewline;
                            return Ok(());
                        }
                        self.add(if c == EOL { 10 } else { c })?;
                        self.state = InField;
                    }
                    AfterEscapedNewline if c == EOL => {}
                    AfterEscapedNewline | InField => {
                        self.state = InField;
                        if newline {
                            self.save()?;
                            self.state = if c == EOL { StartRecord } else { EatNewline };
                        } else if Some(c) == f.escapechar {
                            self.state = Escaped;
                        } else if c == f.delimiter {
                            self.save()?;
                            self.state = StartField;
                        } else {
                            self.add(c)?;
                        }
                    }
                    InQuoted => {
                        if c == EOL {
                        } else if Some(c) == f.escapechar {
                            self.state = EscapeInQuoted;
                        } else if Some(c) == f.quotechar && f.quoting != NONE {
                            self.state = if f.doublequote { QuoteInQuoted } else { InField };
                        } else {
                            self.add(c)?;
                        }
                    }
                    EscapeInQuoted => {
                        self.add(if c == EOL { 10 } else { c })?;
                        self.state = InQuoted;
                    }
                    QuoteInQuoted => {
                        if f.quoting != NONE && Some(c) == f.quotechar {
                            self.add(c)?;
                            self.state = InQuoted;
                        } else if c == f.delimiter {
                            self.save()?;
                            self.state = StartField;
                        } else if newline {
                            self.save()?;
                            self.state = if c == EOL { StartRecord } else { EatNewline };
                        } else if !f.strict {
                            self.add(c)?;
                            self.state = InField;
                        } else {
                            let show =
                                |c: Option<u32>| c.and_then(char::from_u32).map(String::from).unwrap_or_default();
                            return Err(error(&format!(
                                "'{}' expected after '{}'",
                                show(Some(f.delimiter)),
                                show(f.quotechar)
                            )));
                        }
                    }
                    EatNewline => {
                        if c == 10 || c == 13 {
                        } else if c == EOL {
                            self.state = StartRecord;
                        } else {
                            return Err(error(
                                "new-line character seen in unquoted field - do you need to open the file with newline=''?",
                            ));
                        }
                    }
                }
                return Ok(());
            }
        }
    }

    /// CSV reader
    ///
    /// Reader objects are responsible for reading and parsing tabular data
    /// in CSV format.
    #[pyclass(name = "reader", module = "_csv", flags = "HAVE_GC|DISALLOW_INSTANTIATION", slots(tp_traverse = traverse::<Reader>, tp_clear = clear::<Reader>, tp_dealloc = dealloc::<Reader>))]
    impl Reader {
        #[slot]
        fn tp_iter(&self) -> PyRef {
            self.to_ref()
        }
        #[slot]
        fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
            // The input may come back to its reader. Another thread waits, unless the input makes this one wait.
            let me = runtime::thread::ident() as usize;
            lock!(self);
            if self.busy.load(Relaxed) == me {
                return Err(error("iterator has already advanced the reader"));
            }
            let before = self.busy.swap(me, Relaxed);
            let r = self.record();
            self.busy.store(before, Relaxed);
            r
        }
        #[pygetset]
        fn dialect(&self) -> PyRef {
            self.dialect.get(self).unwrap_or_else(none_ref)
        }
        #[pygetset]
        fn line_num(&self) -> isize {
            self.line_num.load(Relaxed)
        }
    }

    impl Reader {
        fn record(&self) -> PyResult<Option<PyRef>> {
            let Some(input) = self.input.get(self) else { return Ok(None) };
            let Some(f) = self.format.with(|f| f.clone()) else { return Ok(None) };
            let mut p = Parse {
                f: &f,
                state: State::StartRecord,
                field: Vec::new(),
                unquoted: false,
                fields: Vec::new(),
                limit: FIELD_LIMIT.load(Relaxed).max(0) as usize,
            };
            loop {
                let Some(line) = input.iter_next()? else {
                    if !p.field.is_empty() || p.state == State::InQuoted {
                        if f.strict {
                            return Err(error("unexpected end of data"));
                        }
                        p.save()?;
                        break;
                    }
                    return Ok(None);
                };
                let Some(s) = line.downcast::<Str>() else {
                    return Err(error(&format!(
                        "iterator should return strings, not {} (the file should be opened in text mode)",
                        line.ty().name_str()
                    )));
                };
                self.line_num.fetch_add(1, Relaxed);
                for c in s.chars() {
                    p.feed(c)?;
                }
                p.feed(EOL)?;
                if p.state == State::StartRecord {
                    break;
                }
            }
            Ok(Some(List::from_vec(p.fields)?.upcast()))
        }
    }

    /// Return a reader object that will process lines from the given iterable.
    ///
    /// The "iterable" argument can be any object that returns a line
    /// of input for each iteration, such as a file object or a list.  The
    /// optional "dialect" argument defines a CSV dialect.  The function
    /// also accepts optional keyword arguments which override settings
    /// provided by the dialect.
    ///
    /// The returned object is an iterator.  Each iteration returns a row
    /// of the CSV file (which can span multiple input lines).
    #[pyfunction(raw)]
    fn reader(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("reader", 1, 2)?;
        let input = args.args[0].iter()?;
        let d = make_dialect(Dialect::type_object(), args.get(1), &args)?;
        let f = format_of(&d)?;
        let r = alloc::<Reader>(Reader::type_object())?;
        r.input.init(input);
        r.dialect.init(d);
        r.format.set(f);
        Ok(track(r).upcast())
    }

    // ------------------------------------------------------------------------------------------ writer

    #[repr(C)]
    pub struct Writer {
        header: abi::PyObject,
        write: Slot,
        dialect: Slot,
        format: Locked<Format>,
        _spare: AtomicI32,
    }
    fields!(Writer: write, dialect; format);

    fn append_field(out: &mut Vec<u32>, f: &Format, text: &[u32], mut quoted: bool, first: bool) -> PyResult<()> {
        let special = |c: u32| {
            c == f.delimiter
                || Some(c) == f.escapechar
                || Some(c) == f.quotechar
                || c == 10
                || c == 13
                || f.lineterminator.contains(&c)
        };
        if !first {
            out.push(f.delimiter);
        }
        let mut body = Vec::with_capacity(text.len());
        for &c in text {
            if special(c) {
                let mut escape = false;
                if f.quoting == NONE {
                    escape = true;
                } else {
                    if Some(c) == f.quotechar {
                        if f.doublequote {
                            body.push(c);
                        } else {
                            escape = true;
                        }
                    } else if Some(c) == f.escapechar {
                        escape = true;
                    }
                    if !escape {
                        quoted = true;
                    }
                }
                if escape {
                    match f.escapechar {
                        Some(e) => body.push(e),
                        None => return Err(error("need to escape, but no escapechar set")),
                    }
                }
            }
            body.push(c);
        }
        if text.is_empty() && f.delimiter == 32 && f.skipinitialspace {
            if f.quoting == NONE || (f.quoting == STRINGS || f.quoting == NOTNULL) && !quoted {
                return Err(error("empty field must be quoted if delimiter is a space and skipinitialspace is true"));
            }
            quoted = true;
        }
        if text.first() == Some(&32) && f.skipinitialspace && f.quoting != NONE {
            quoted = true;
        }
        match (quoted, f.quotechar) {
            (true, Some(q)) => {
                out.push(q);
                out.append(&mut body);
                out.push(q);
            }
            _ => out.append(&mut body),
        }
        Ok(())
    }

    impl Writer {
        fn write_row(&self, row: &Object) -> PyResult<PyRef> {
            let it = match row.iter() {
                Ok(it) => it,
                Err(e) if e.matches(exc::TypeError()) => {
                    e.clear();
                    return Err(error(&format!("iterable expected, not {}", row.ty().name_str())));
                }
                Err(e) => return Err(e),
            };
            let Some(f) = self.format.with(|f| f.clone()) else { return Err(raise!(SystemError, "cleared writer")) };
            let mut out = Vec::new();
            let mut n = 0usize;
            let mut null = false;
            while let Some(v) = it.iter_next()? {
                let is_str = v.downcast::<Str>().is_some();
                let quoted = match f.quoting {
                    NONNUMERIC => !v.number_check(),
                    ALL => true,
                    STRINGS => is_str,
                    NOTNULL => !v.is_none(),
                    _ => false,
                };
                null = v.is_none();
                let text: Vec<u32> = if null {
                    Vec::new()
                } else if let Some(s) = v.downcast::<Str>() {
                    s.chars().collect()
                } else {
                    v.str()?.chars().collect()
                };
                append_field(&mut out, &f, &text, quoted, n == 0)?;
                n += 1;
            }
            if n == 1 && out.is_empty() {
                if f.quoting == NONE || (f.quoting == STRINGS || f.quoting == NOTNULL) && null {
                    return Err(error("single empty field record must be quoted"));
                }
                if let Some(q) = f.quotechar {
                    out.extend([q, q]);
                }
            }
            out.extend(&f.lineterminator);
            let Some(w) = self.write.get(self) else { return Err(raise!(SystemError, "cleared writer")) };
            w.call1(&*Str::from_ucs4(&out)?)
        }
    }

    /// CSV writer
    ///
    /// Writer objects are responsible for generating tabular data
    /// in CSV format from sequence input.
    #[pyclass(name = "writer", module = "_csv", flags = "HAVE_GC|DISALLOW_INSTANTIATION", slots(tp_traverse = traverse::<Writer>, tp_clear = clear::<Writer>, tp_dealloc = dealloc::<Writer>))]
    impl Writer {
        /// Construct and write a CSV record from an iterable of fields.
        ///
        /// Non-string elements will be converted to string.
        #[pymethod]
        fn writerow(&self, row: &Object) -> PyResult<PyRef> {
            self.write_row(row)
        }
        /// Construct and write a series of iterables to a csv file.
        ///
        /// Non-string elements will be converted to string.
        #[pymethod]
        fn writerows(&self, rows: &Object) -> PyResult<()> {
            let it = rows.iter()?;
            while let Some(r) = it.iter_next()? {
                self.write_row(&r)?;
            }
            Ok(())
        }
        #[pygetset]
        fn dialect(&self) -> PyRef {
            self.dialect.get(self).unwrap_or_else(none_ref)
        }
    }

    /// Return a writer object that will write user data on the given file object.
    ///
    /// The "fileobj" argument can be any object that supports the file API.
    /// The optional "dialect" argument defines a CSV dialect.  The function
    /// also accepts optional keyword arguments which override settings
    /// provided by the dialect.
    #[pyfunction(raw)]
    fn writer(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("writer", 1, 2)?;
        let Some(write) = args.args[0].getattr_opt(intern!("write"))?.filter(|w| w.is_callable()) else {
            return Err(raise!(TypeError, "argument 1 must have a \"write\" method"));
        };
        let d = make_dialect(Dialect::type_object(), args.get(1), &args)?;
        let f = format_of(&d)?;
        let w = alloc::<Writer>(Writer::type_object())?;
        w.write.init(write);
        w.dialect.init(d);
        w.format.set(f);
        Ok(track(w).upcast())
    }

    // ------------------------------------------------------------------------------------------ registry

    /// Create a mapping from a string name to a CVS dialect.
    ///
    /// The optional "dialect" argument specifies the base dialect instance
    /// or the name of the registered dialect.  The function also accepts
    /// optional keyword arguments which override settings provided by the
    /// dialect.
    #[pyfunction(raw)]
    fn register_dialect(args: FuncArgs<'_>) -> PyResult<()> {
        args.check_positional("register_dialect", 1, 2)?;
        if args.args[0].downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "dialect name must be a string"));
        }
        let d = make_dialect(Dialect::type_object(), args.get(1), &args)?;
        dialects()?.set(args.args[0], &d)
    }
    /// Delete the name/dialect mapping associated with a string name.
    #[pyfunction(sig = "name")]
    fn unregister_dialect(name: &Object) -> PyResult<()> {
        if dialects()?.del(name)? { Ok(()) } else { Err(error("unknown dialect")) }
    }
    /// Return the dialect instance associated with name.
    #[pyfunction(sig = "name")]
    fn get_dialect(name: &Object) -> PyResult<PyRef> {
        named(name)
    }
    /// Return a list of all known dialect names.
    #[pyfunction]
    fn list_dialects() -> PyResult<Ref<List>> {
        dialects()?.keys_list()
    }
    /// Sets an upper limit on parsed fields.
    ///
    ///   new_limit
    ///     An integer defining the maximum field size.
    ///
    /// Returns old limit. If limit is not given, no new limit is set and
    /// the old limit is returned
    #[pyfunction(sig = "new_limit=<unrepresentable>", text_signature = None)]
    fn field_size_limit(new_limit: Arg<&Object>) -> PyResult<isize> {
        let old = FIELD_LIMIT.load(Relaxed);
        if let Arg::Given(n) = new_limit {
            if n.downcast_exact::<Int>().is_none() {
                return Err(raise!(TypeError, "limit must be an integer"));
            }
            FIELD_LIMIT.store(n.as_isize()?, Relaxed);
        }
        Ok(old)
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        use runtime::convert::HasSpec;
        runtime::typeobject::init_static(Reader::spec())?;
        runtime::typeobject::init_static(Writer::spec())?;
        m.add_type::<Dialect>()?;
        m.add("Reader", (**Reader::type_object()).to_ref())?;
        m.add("Writer", (**Writer::type_object()).to_ref())?;
        let d = Dict::new()?;
        m.add("_dialects", d.clone().upcast())?;
        DIALECTS.set(d.upcast());
        let p = ERROR.load(Relaxed);
        if !p.is_null() {
            // SAFETY: kept for ever.
            return m.add("Error", unsafe { Object::from_ptr(p) }.to_ref());
        }
        let ns = Dict::new()?;
        ns.set_str("__module__", &*Str::new("_csv")?)?;
        let meta: &Object = exc::Exception().ty();
        let e = meta.call(&[&*Str::new("Error")?, &*Tuple::pack(&[exc::Exception()])?, &*ns])?;
        ERROR.store(e.clone().into_ptr(), Relaxed);
        m.add("Error", e)
    }
}
