//! `sqlite3.Cursor`: runs statements and gives their rows.

use super::connection::Connection;
use super::db::{Raw, Stmt, without_comments};
use super::{PARSE_COLNAMES, PARSE_DECLTYPES, error};
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use core::sync::atomic::{AtomicBool, AtomicI64};
use macros::pyclass;
use runtime::objects::byteops::{bytes_arg, has_buffer};
use runtime::objects::support::{Fields, Locked, Slot, alloc, clear, dealloc, track, traverse};
use runtime::prelude::*;
use std::sync::Arc;

/// What a running statement has left.
struct Running {
    stmt: Arc<Stmt>,
    /// The row that the next fetch gives.
    row: Vec<Raw>,
}

#[repr(C)]
pub struct Cursor {
    header: abi::PyObject,
    connection: Slot,
    description: Slot,
    lastrowid: Slot,
    row_factory: Slot,
    /// A tuple of converters (or None), one per column.
    converters: Slot,
    running: Locked<Running>,
    rowcount: AtomicI64,
    arraysize: AtomicI64,
    closed: AtomicBool,
    busy: AtomicBool,
    ready: AtomicBool,
}

impl Fields for Cursor {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        [&self.connection, &self.description, &self.lastrowid, &self.row_factory, &self.converters]
            .into_iter()
            .for_each(f);
    }
    fn release(&self) {
        self.running.take();
    }
}

/// Marks a cursor as working while it lives: rows may be asked for from inside a callback.
struct Busy<'a>(&'a Cursor);
impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Relaxed);
    }
}

impl Cursor {
    pub fn description_of(&self) -> PyRef {
        self.description.get(self).unwrap_or_else(none_ref)
    }

    fn connection_object(&self) -> PyResult<Ref<Connection>> {
        match self.connection.get(self).map(PyRef::downcast_into::<Connection>) {
            Some(Ok(c)) => Ok(c),
            _ => Err(error("ProgrammingError", "Base Cursor.__init__ not called.")),
        }
    }

    /// The connection, when everything about it and the cursor allows to go on.
    fn usable(&self) -> PyResult<Ref<Connection>> {
        if !self.ready.load(Relaxed) {
            return Err(error("ProgrammingError", "Base Cursor.__init__ not called."));
        }
        let c = self.connection_object()?;
        c.check_thread()?;
        if self.closed.load(Relaxed) {
            return Err(error("ProgrammingError", "Cannot operate on a closed cursor."));
        }
        c.db()?;
        Ok(c)
    }

    fn enter(&self) -> PyResult<Busy<'_>> {
        if self.busy.swap(true, AcqRel) {
            return Err(error("ProgrammingError", "Recursive use of cursors not allowed."));
        }
        Ok(Busy(self))
    }

    /// Ends the running statement and gives it back to the connection.
    fn stop(&self, c: &Connection) {
        if let Some(r) = self.running.take() {
            runtime::thread::detach(|| r.stmt.reset());
            c.keep(r.stmt);
        }
    }

    fn replace(&self, slot: &Slot, v: Option<PyRef>) {
        let old = slot.replace(self, v);
        drop(old);
    }

    fn start(&self, sql: &Object, parameters: &mut dyn FnMut() -> PyResult<Option<PyRef>>, many: bool) -> PyResult<()> {
        let c = self.usable()?;
        let _busy = self.enter()?;
        let Some(s) = sql.downcast::<Str>() else {
            return Err(raise!(TypeError, "execute() argument 1 must be str, not {}", sql.ty().name_str()));
        };
        self.stop(&c);
        self.replace(&self.description, None);
        let stmt = c.statement(s.to_str()?)?;
        let r = self.run(&c, &stmt, parameters, many);
        if r.is_err() || self.running.with(|_| ()).is_none() {
            runtime::thread::detach(|| stmt.reset());
            if r.is_ok() {
                c.keep(stmt);
            }
        }
        if r.is_err() {
            self.rowcount.store(-1, Relaxed);
        }
        r
    }

    fn run(
        &self,
        c: &Connection,
        stmt: &Arc<Stmt>,
        parameters: &mut dyn FnMut() -> PyResult<Option<PyRef>>,
        many: bool,
    ) -> PyResult<()> {
        if many && !stmt.changes_rows {
            return Err(error("ProgrammingError", "executemany() can only execute DML statements."));
        }
        self.rowcount.store(if stmt.changes_rows { 0 } else { -1 }, Relaxed);
        if stmt.changes_rows {
            c.begin_if_needed()?;
        }
        let names = stmt.parameters();
        while let Some(p) = parameters()? {
            let values = bind_values(&names, &p)?;
            let (bound, stepped) = runtime::thread::detach(|| {
                stmt.reset();
                match stmt.bind(&values) {
                    Ok(()) => (Ok(()), Some(stmt.step().map(|row| (row, stmt.db.changes(), stmt.db.last_rowid())))),
                    Err(e) => (Err(e), None),
                }
            });
            if let Err((i, e)) = bound {
                return Err(super::binding_error(i, &names, e));
            }
            let Some(stepped) = stepped else { return Err(raise!(SystemError, "a bound statement was not run")) };
            let (row, changes, rowid) = match stepped {
                Ok(x) => x,
                Err(e) => return Err(c.callback_or(e)),
            };
            runtime::thread::check_signals()?;
            let columns = stmt.columns();
            if !columns.is_empty() && !many {
                self.describe(c, &columns)?;
            }
            if stmt.changes_rows && row.is_none() {
                self.rowcount.fetch_add(changes, Relaxed);
            }
            if !many {
                self.replace(&self.lastrowid, Some(Int::from_i64(rowid)?.upcast()));
            }
            match row {
                Some(row) if !many => self.running.set(Running { stmt: stmt.clone(), row }),
                Some(_) => {
                    // Rows of a RETURNING clause are dropped.
                    let end = runtime::thread::detach(|| {
                        loop {
                            match stmt.step() {
                                Ok(Some(_)) => {}
                                Ok(None) => return Ok(stmt.db.changes()),
                                Err(e) => return Err(e),
                            }
                        }
                    });
                    let n = end.map_err(|e| c.callback_or(e))?;
                    self.rowcount.fetch_add(n, Relaxed);
                }
                None => {}
            }
            if !many {
                break;
            }
        }
        Ok(())
    }

    /// Sets `description` and finds the converters of the columns.
    fn describe(&self, c: &Connection, columns: &[(String, Option<String>)]) -> PyResult<()> {
        let detect = c.detect_types();
        let (mut described, mut converters) = (Vec::new(), Vec::new());
        for (name, kind) in columns {
            let mut converter = None;
            if detect & PARSE_COLNAMES != 0
                && let Some((_, rest)) = name.split_once('[')
                && let Some((key, _)) = rest.split_once(']')
            {
                converter = super::converter(key)?;
            }
            if converter.is_none()
                && detect & PARSE_DECLTYPES != 0
                && let Some(k) = kind
            {
                converter = super::converter(k.split([' ', '(']).next().unwrap_or_default())?;
            }
            converters.push(converter.unwrap_or_else(none_ref));
            let shown = match name.find(" [") {
                Some(i) if detect & PARSE_COLNAMES != 0 => &name[..i],
                _ => name.as_str(),
            };
            let mut items = vec![Str::new(shown)?.upcast()];
            items.resize_with(7, none_ref);
            described.push(Tuple::from_refs(items)?.upcast());
        }
        self.replace(&self.description, Some(Tuple::from_refs(described)?.upcast()));
        self.replace(
            &self.converters,
            (detect != 0).then(|| Tuple::from_refs(converters)).transpose()?.map(Ref::upcast),
        );
        Ok(())
    }

    /// The next row as a Python object.
    fn next_row(&self) -> PyResult<Option<PyRef>> {
        let c = self.usable()?;
        let _busy = self.enter()?;
        let Some(running) = self.running.take() else { return Ok(None) };
        let Running { stmt, row } = *running;
        let made = self.make_row(&c, &row);
        let made = match made {
            Ok(m) => m,
            Err(e) => {
                runtime::thread::detach(|| stmt.reset());
                return Err(e);
            }
        };
        let next = runtime::thread::detach(|| stmt.step().map(|r| (r, stmt.db.changes())));
        match next {
            Ok((Some(row), _)) => self.running.set(Running { stmt, row }),
            Ok((None, changes)) => {
                if stmt.changes_rows {
                    self.rowcount.store(changes, Relaxed);
                }
                runtime::thread::detach(|| stmt.reset());
                c.keep(stmt);
            }
            Err(e) => {
                runtime::thread::detach(|| stmt.reset());
                return Err(c.callback_or(e));
            }
        }
        let factory = self.row_factory.get(self).unwrap_or_else(none_ref);
        if factory.is_none() {
            return Ok(Some(made));
        }
        factory.call(&[self, &made]).map(Some)
    }

    fn make_row(&self, c: &Connection, row: &[Raw]) -> PyResult<PyRef> {
        let converters = self.converters.get(self);
        let converters = converters.as_deref().and_then(|t| t.downcast::<Tuple>());
        let text_factory = c.text_factory_of();
        let mut items = Vec::with_capacity(row.len());
        for (i, v) in row.iter().enumerate() {
            let converter = converters.filter(|t| i < t.len()).map(|t| t.get(i)).filter(|x| !x.is_none());
            let item = match (converter, v) {
                (_, Raw::Null) => none_ref(),
                // An empty blob has no bytes that a converter could be given.
                (Some(_), Raw::Blob(b)) if b.is_empty() => none_ref(),
                (Some(f), v) => {
                    let bytes = match v {
                        Raw::Text(b) | Raw::Blob(b) => b.clone(),
                        Raw::Int(n) => n.to_string().into_bytes(),
                        Raw::Float(x) => Float::new(*x)?.repr()?.to_string_lossy().as_bytes().to_vec(),
                        Raw::Null => Vec::new(),
                    };
                    f.call1(&*Bytes::new(&bytes)?)?
                }
                (None, v) => super::to_python(v, &text_factory, || {
                    let d = self.description_of();
                    let name = d.get_item_index(i as isize).and_then(|c| c.get_item_index(0)).and_then(|n| n.str());
                    name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
                })?,
            };
            items.push(item);
        }
        Ok(Tuple::from_refs(items)?.upcast())
    }
}

/// A Python value as a parameter; `None` when there is no such conversion.
fn to_raw(v: &Object) -> PyResult<Option<Raw>> {
    let exact = v.downcast_exact::<Int>().is_some()
        || v.downcast_exact::<Float>().is_some()
        || v.downcast_exact::<Str>().is_some();
    let adapted;
    let v = if v.is_none() || exact && !super::adapts_basic_types() {
        v
    } else {
        adapted = super::adapt_or_same(v)?;
        &*adapted
    };
    Ok(Some(if v.is_none() {
        Raw::Null
    } else if let Some(i) = v.downcast::<Int>() {
        match i.try_i64() {
            Some(n) => Raw::Int(n),
            None => return Err(raise!(OverflowError, "Python int too large to convert to SQLite INTEGER")),
        }
    } else if let Some(f) = v.downcast::<Float>() {
        Raw::Float(f.value())
    } else if let Some(s) = v.downcast::<Str>() {
        Raw::Text(s.to_str()?.as_bytes().to_vec())
    } else if has_buffer(v) {
        Raw::Blob(bytes_arg(v)?.to_vec())
    } else {
        return Ok(None);
    }))
}

fn bind_values(names: &[Option<String>], given: &Object) -> PyResult<Vec<Raw>> {
    let mut out = Vec::with_capacity(names.len());
    let unsupported = |i: usize, v: &Object| {
        let at = match &names[i] {
            Some(n) => format!("':{}'", n.trim_start_matches([':', '@', '$'])),
            None => (i + 1).to_string(),
        };
        error(
            "ProgrammingError",
            &format!("Error binding parameter {at}: type '{}' is not supported", v.ty().name_str()),
        )
    };
    let is_sequence = given.downcast_exact::<Tuple>().is_some()
        || given.downcast_exact::<List>().is_some()
        || given.downcast::<Dict>().is_none()
            && given.ty().lookup(intern!("__getitem__")).is_some()
            && given.ty().lookup(intern!("keys")).is_none();
    if is_sequence {
        let n = given.len()?;
        if n != names.len() {
            return Err(error(
                "ProgrammingError",
                &format!(
                    "Incorrect number of bindings supplied. The current statement uses {}, and there are {n} supplied.",
                    names.len()
                ),
            ));
        }
        for i in 0..n {
            if let Some(name) = &names[i]
                && !name.starts_with('?')
            {
                return Err(error(
                    "ProgrammingError",
                    &format!(
                        "Binding {} ('{name}') is a named parameter, but you supplied a sequence which requires nominal (qmark) placeholders.",
                        i + 1
                    ),
                ));
            }
            let v = given.get_item_index(i as isize)?;
            out.push(to_raw(&v)?.ok_or_else(|| unsupported(i, &v))?);
        }
    } else if given.downcast::<Dict>().is_some() || given.ty().lookup(intern!("__getitem__")).is_some() {
        for (i, name) in names.iter().enumerate() {
            let Some(name) = name else {
                return Err(error(
                    "ProgrammingError",
                    &format!("Binding {} has no name, but you supplied a dictionary (which has only names).", i + 1),
                ));
            };
            let key = name.trim_start_matches([':', '@', '$']);
            let v = match given.get_item(&*Str::new(key)?) {
                Ok(v) => v,
                Err(e) if e.matches(exc::LookupError()) => {
                    e.clear();
                    return Err(error(
                        "ProgrammingError",
                        &format!("You did not supply a value for binding parameter :{key}."),
                    ));
                }
                Err(e) => return Err(e),
            };
            out.push(to_raw(&v)?.ok_or_else(|| unsupported(i, &v))?);
        }
    } else {
        return Err(error("ProgrammingError", "parameters are of unsupported type"));
    }
    Ok(out)
}

/// SQLite database cursor class.
#[pyclass(name = "Cursor", module = "sqlite3", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Cursor>, tp_clear = clear::<Cursor>, tp_dealloc = dealloc::<Cursor>))]
impl Cursor {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        let c = alloc::<Cursor>(cls)?;
        c.arraysize.store(1, Relaxed);
        c.rowcount.store(-1, Relaxed);
        Ok(track(c).upcast())
    }
    #[slot(sig = "connection, /")]
    fn tp_init(&self, connection: &Object) -> PyResult<()> {
        let Some(c) = connection.downcast::<Connection>() else {
            return Err(raise!(
                TypeError,
                "Cursor() argument 1 must be sqlite3.Connection, not {}",
                connection.ty().name_str()
            ));
        };
        self.replace(&self.connection, Some(connection.to_ref()));
        self.replace(&self.row_factory, None);
        self.closed.store(false, Relaxed);
        c.check_thread()?;
        self.ready.store(true, Relaxed);
        Ok(())
    }
    /// Executes an SQL statement.
    #[pymethod(sig = "sql, parameters=(), /")]
    fn execute(&self, sql: &Object, parameters: Arg<&Object>) -> PyResult<PyRef> {
        let mut given = Some(match parameters {
            Arg::Given(p) => p.to_ref(),
            Arg::Missing => Tuple::empty().to_ref().upcast(),
        });
        self.start(sql, &mut || Ok(given.take()), false)?;
        let me: &Object = self;
        Ok(me.to_ref())
    }
    /// Repeatedly executes an SQL statement.
    #[pymethod(sig = "sql, seq_of_parameters, /")]
    fn executemany(&self, sql: &Object, seq_of_parameters: &Object) -> PyResult<PyRef> {
        let rows = if seq_of_parameters.is_iter() { seq_of_parameters.to_ref() } else { seq_of_parameters.iter()? };
        self.start(sql, &mut || rows.iter_next(), true)?;
        let me: &Object = self;
        Ok(me.to_ref())
    }
    /// Executes multiple SQL statements at once.
    #[pymethod(sig = "sql_script, /")]
    fn executescript(&self, sql_script: &Str) -> PyResult<PyRef> {
        let c = self.usable()?;
        let sql = sql_script.to_str()?;
        if sql.contains('\0') {
            return Err(raise!(ValueError, "embedded null character"));
        }
        c.check_length(sql)?;
        self.stop(&c);
        c.end_transaction(c"COMMIT")?;
        let db = c.db()?;
        let mut rest = sql.to_string();
        while !without_comments(&rest).is_empty() {
            let done = runtime::thread::detach(|| {
                let (stmt, tail) = Stmt::prepare(&db, &rest)?;
                while stmt.step()?.is_some() {}
                Ok(tail)
            });
            rest = done.map_err(|e| c.callback_or(e))?;
            runtime::thread::check_signals()?;
        }
        let me: &Object = self;
        Ok(me.to_ref())
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let me: &Object = self;
        Ok(me.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        self.next_row()
    }
    /// Fetches one row from the resultset.
    #[pymethod]
    fn fetchone(&self) -> PyResult<Option<PyRef>> {
        self.next_row()
    }
    /// Fetches several rows from the resultset: arraysize of them unless size says otherwise.
    #[pymethod(sig = "size=1")]
    fn fetchmany(&self, size: Arg<&Object>) -> PyResult<Ref<List>> {
        let n = match size {
            Arg::Given(o) => {
                let i = o.index()?;
                if i.sign() < 0 {
                    return Err(raise!(ValueError, "fetchmany() size must be non-negative"));
                }
                i.try_i64()
                    .filter(|n| *n <= i64::from(u32::MAX))
                    .ok_or_else(|| raise!(OverflowError, "Python int too large for C uint32_t"))?
            }
            Arg::Missing => self.arraysize.load(Relaxed),
        };
        let out = List::new()?;
        for _ in 0..n {
            match self.next_row()? {
                Some(r) => out.append(&r)?,
                None => break,
            }
        }
        Ok(out)
    }
    /// Fetches all rows from the resultset.
    #[pymethod]
    fn fetchall(&self) -> PyResult<Ref<List>> {
        let out = List::new()?;
        while let Some(r) = self.next_row()? {
            out.append(&r)?;
        }
        Ok(out)
    }
    /// Required by DB-API. Does nothing in sqlite3.
    #[pymethod(sig = "sizes, /")]
    fn setinputsizes(&self, sizes: &Object) {
        let _ = sizes;
    }
    /// Required by DB-API. Does nothing in sqlite3.
    #[pymethod(sig = "size, column=None, /")]
    fn setoutputsize(&self, size: &Object, column: Option<&Object>) {
        let _ = (size, column);
    }
    /// Closes the cursor.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        if !self.ready.load(Relaxed) {
            return Err(error("ProgrammingError", "Base Cursor.__init__ not called."));
        }
        let _busy = self.enter()?;
        let c = self.connection_object()?;
        c.check_thread()?;
        c.db()?;
        self.stop(&c);
        self.closed.store(true, Relaxed);
        Ok(())
    }
    #[pygetset(name = "connection")]
    fn connection_(&self) -> PyRef {
        self.connection.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "description")]
    fn description_(&self) -> PyRef {
        self.description_of()
    }
    #[pygetset(name = "lastrowid")]
    fn lastrowid_(&self) -> PyRef {
        self.lastrowid.get(self).unwrap_or_else(none_ref)
    }
    #[pygetset(name = "rowcount")]
    fn rowcount_(&self) -> i64 {
        self.rowcount.load(Relaxed)
    }
    #[pygetset(name = "arraysize")]
    fn arraysize_(&self) -> i64 {
        self.arraysize.load(Relaxed)
    }
    #[pysetter(name = "arraysize")]
    fn set_arraysize_(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        let i = v.index()?;
        if i.sign() < 0 {
            return Err(raise!(ValueError, "value must be positive"));
        }
        let n = i
            .try_i64()
            .filter(|n| *n <= i64::from(u32::MAX))
            .ok_or_else(|| raise!(OverflowError, "Python int too large for C uint32_t"))?;
        self.arraysize.store(n, Relaxed);
        Ok(())
    }
    #[pygetset(name = "row_factory")]
    fn row_factory_(&self) -> PyRef {
        self.row_factory.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "row_factory")]
    fn set_row_factory_(&self, v: Option<&Object>) {
        self.replace(&self.row_factory, v.map(Object::to_ref));
    }
}
