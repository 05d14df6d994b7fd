//! `sqlite3.Connection`: an open database with its transactions and callbacks.

use super::cursor::Cursor;
use super::db::{Db, DbError, Raw, Stmt, text, without_comments};
use super::{database_error, error, to_python};
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64};
use libsqlite3_sys as sq;
use macros::pyclass;
use runtime::lifecycle::audit::audit;
use runtime::objects::byteops::{bytes_arg, has_buffer};
use runtime::objects::support::{Fields, Locked, Slot, alloc, clear, dealloc, track, traverse};
use runtime::prelude::*;
use runtime::thread;
use std::ffi::CString;
use std::sync::Arc;

/// `autocommit` of the time before PEP 249's attribute.
pub const LEGACY: i32 = -1;
const ON: i32 = 1;
const OFF: i32 = 0;

#[derive(Default)]
struct State {
    db: Option<Arc<Db>>,
    /// Compiled statements that wait for their next use, the latest last.
    idle: Vec<Arc<Stmt>>,
    idle_limit: usize,
    /// The word after BEGIN; `None`: no transaction is begun for the user.
    isolation: Option<&'static str>,
}

#[repr(C)]
pub struct Connection {
    header: abi::PyObject,
    row_factory: Slot,
    text_factory: Slot,
    trace: Slot,
    progress: Slot,
    authorizer: Slot,
    state: Locked<State>,
    detect_types: AtomicI64,
    autocommit: AtomicI32,
    owner: AtomicU64,
    any_thread: AtomicBool,
    ready: AtomicBool,
}

impl Fields for Connection {
    fn fields(&self, f: &mut dyn FnMut(&Slot)) {
        [&self.row_factory, &self.text_factory, &self.trace, &self.progress, &self.authorizer].into_iter().for_each(f);
    }
    fn release(&self) {
        self.state.take();
    }
}

impl Connection {
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> PyResult<R> {
        if !self.ready.load(Relaxed) {
            return Err(error("ProgrammingError", "Base Connection.__init__ not called."));
        }
        self.state.with(f).ok_or_else(|| error("ProgrammingError", "Base Connection.__init__ not called."))
    }
    /// The open database.
    pub fn db(&self) -> PyResult<Arc<Db>> {
        match self.with(|s| s.db.clone())? {
            Some(db) => Ok(db),
            None => Err(error("ProgrammingError", "Cannot operate on a closed database.")),
        }
    }
    pub fn check_thread(&self) -> PyResult<()> {
        let (owner, me) = (self.owner.load(Relaxed), thread::ident() as u64);
        if !self.any_thread.load(Relaxed) && self.ready.load(Relaxed) && owner != me {
            return Err(error(
                "ProgrammingError",
                &format!(
                    "SQLite objects created in a thread can only be used in that same thread. The object was created in thread id {owner} and this is thread id {me}."
                ),
            ));
        }
        Ok(())
    }
    /// Sets a switch of the database, or only asks for it with -1; gives how it stands.
    fn configure(&self, op: i32, value: c_int) -> PyResult<c_int> {
        let db = self.usable()?;
        if !(sq::SQLITE_DBCONFIG_ENABLE_FKEY..=sq::SQLITE_DBCONFIG_TRUSTED_SCHEMA).contains(&op) {
            return Err(raise!(ValueError, "unknown config 'op': {}", op));
        }
        let mut now: c_int = 0;
        // SAFETY: an open database; these options take an int and a place for one.
        let code = unsafe { sq::sqlite3_db_config(db.raw(), op, value, &raw mut now) };
        db.check(code).map_err(database_error)?;
        Ok(now)
    }
    /// Replaces a database by a serialized one.
    fn load(&self, db: &Db, schema: &CStr, data: &[u8]) -> PyResult<()> {
        let size = data.len() as sq::sqlite3_int64;
        // SAFETY: SQLite's own memory, which the database takes over; an open database.
        let code = unsafe {
            let copy = sq::sqlite3_malloc64(data.len() as u64).cast::<u8>();
            if copy.is_null() {
                return Err(runtime::objects::support::no_memory());
            }
            core::ptr::copy_nonoverlapping(data.as_ptr(), copy, data.len());
            let flags = (sq::SQLITE_DESERIALIZE_FREEONCLOSE | sq::SQLITE_DESERIALIZE_RESIZEABLE) as c_uint;
            let copy = copy as usize;
            thread::detach(|| sq::sqlite3_deserialize(db.raw(), schema.as_ptr(), copy as *mut u8, size, size, flags))
        };
        db.check(code).map_err(database_error)
    }
    fn usable(&self) -> PyResult<Arc<Db>> {
        self.check_thread()?;
        self.db()
    }
    pub fn detect_types(&self) -> i64 {
        self.detect_types.load(Relaxed)
    }
    pub fn text_factory_of(&self) -> PyRef {
        self.text_factory.get(self).unwrap_or_else(none_ref)
    }
    /// The exception of a failed call.
    pub fn callback_or(&self, e: DbError) -> Raised {
        database_error(e)
    }
    pub fn check_length(&self, sql: &str) -> PyResult<()> {
        let db = self.db()?;
        // SAFETY: an open database; -1 asks only.
        let most = unsafe { sq::sqlite3_limit(db.raw(), sq::SQLITE_LIMIT_SQL_LENGTH, -1) };
        if sql.len() > most as usize { Err(error("DataError", "query string is too large")) } else { Ok(()) }
    }
    /// A compiled statement: one that waits, or a new one.
    pub fn statement(&self, sql: &str) -> PyResult<Arc<Stmt>> {
        let db = self.db()?;
        let idle = self.with(|s| s.idle.iter().rposition(|x| x.sql == sql).map(|i| s.idle.remove(i)))?;
        if let Some(s) = idle {
            return Ok(s);
        }
        if sql.contains('\0') {
            return Err(error("ProgrammingError", "the query contains a null character"));
        }
        self.check_length(sql)?;
        let (stmt, tail) = thread::detach(|| Stmt::prepare(&db, sql)).map_err(database_error)?;
        if !without_comments(&tail).is_empty() {
            return Err(error("ProgrammingError", "You can only execute one statement at a time."));
        }
        Ok(Arc::new(stmt))
    }
    /// Takes back a statement that is not used any more.
    pub fn keep(&self, stmt: Arc<Stmt>) {
        let dropped = self.state.with(|s| {
            if s.db.is_none() || s.idle_limit == 0 || stmt.is_empty() {
                return Some(stmt);
            }
            s.idle.push(stmt);
            (s.idle.len() > s.idle_limit).then(|| s.idle.remove(0))
        });
        thread::detach(|| drop(dropped));
    }
    fn run(&self, sql: &CStr) -> PyResult<()> {
        let db = self.db()?;
        thread::detach(|| db.run(sql)).map_err(database_error)
    }
    /// Opens a transaction before a statement that changes rows, in the way of the time before `autocommit`.
    pub fn begin_if_needed(&self) -> PyResult<()> {
        if self.autocommit.load(Relaxed) != LEGACY {
            return Ok(());
        }
        let level = self.with(|s| s.isolation)?;
        let db = self.db()?;
        match level {
            Some(l) if !thread::detach(|| db.in_transaction()) => {
                let sql = CString::new(format!("BEGIN {l}")).unwrap_or_default();
                self.run(&sql)
            }
            _ => Ok(()),
        }
    }
    /// COMMIT or ROLLBACK if a transaction is open, and the next one where `autocommit` is off.
    pub fn end_transaction(&self, how: &CStr) -> PyResult<()> {
        let db = self.db()?;
        match self.autocommit.load(Relaxed) {
            LEGACY => {
                if thread::detach(|| db.in_transaction()) {
                    self.run(how)?;
                }
            }
            OFF => {
                self.run(how)?;
                self.run(c"BEGIN")?;
            }
            _ => {}
        }
        Ok(())
    }
    fn set(&self, slot: &Slot, v: Option<PyRef>) {
        let old = slot.replace(self, v);
        drop(old);
    }
    fn shut(&self) -> PyResult<()> {
        if self.autocommit.load(Relaxed) == OFF
            && let Some(db) = self.with(|s| s.db.clone())?
            && thread::detach(|| db.in_transaction())
        {
            self.run(c"ROLLBACK")?;
        }
        let gone = self.with(|s| (s.db.take(), std::mem::take(&mut s.idle)))?;
        thread::detach(|| drop(gone));
        Ok(())
    }
    fn new_cursor(&self) -> PyResult<PyRef> {
        let me: &Object = self;
        let c = me.call_method(intern!("cursor"), &[])?;
        Ok(c)
    }
}

fn isolation(v: &Object) -> PyResult<Option<&'static str>> {
    if v.is_none() {
        return Ok(None);
    }
    let Some(s) = v.downcast::<Str>() else { return Err(raise!(TypeError, "isolation_level must be str or None")) };
    let s = s.to_string_lossy();
    match ["", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"].into_iter().find(|l| l.eq_ignore_ascii_case(&s)) {
        Some(l) => Ok(Some(l)),
        None => Err(raise!(ValueError, "isolation_level string must be '', 'DEFERRED', 'IMMEDIATE', or 'EXCLUSIVE'")),
    }
}

fn autocommit(v: &Object) -> PyResult<i32> {
    if v.is(true_()) {
        return Ok(ON);
    }
    if v.is(false_()) {
        return Ok(OFF);
    }
    if v.downcast::<Int>().is_some() && v.as_i64()? == i64::from(LEGACY) {
        return Ok(LEGACY);
    }
    Err(raise!(ValueError, "autocommit must be True, False, or sqlite3.LEGACY_TRANSACTION_CONTROL"))
}

// ------------------------------------------------------------------------------------------------ callbacks

/// Runs Python from inside the library; `f` gets the thread state back first. A panic becomes `None`.
fn from_library<R>(f: impl FnOnce() -> R) -> Option<R> {
    let _entered = thread::Foreign::enter();
    let mut out = None;
    runtime::convert::guard_void(|| out = Some(f()));
    out
}

/// What is left of an exception in a callback.
fn report(e: Raised, callable: &Object) {
    if super::TRACEBACKS.load(Relaxed) {
        let _ = e;
        runtime::error::write_unraisable(Some(callable));
    } else {
        e.clear();
    }
}

unsafe extern "C" fn forget(p: *mut c_void) {
    // SAFETY: the reference that the registration kept.
    let _ = from_library(|| drop(unsafe { PyRef::from_ptr_opt(p.cast()) }));
}

unsafe fn argument(v: *mut sq::sqlite3_value) -> Raw {
    // SAFETY: a value that lives during the call; its memory is copied at once.
    unsafe {
        let bytes = |p: *const u8| {
            let n = sq::sqlite3_value_bytes(v) as usize;
            if p.is_null() || n == 0 { Vec::new() } else { core::slice::from_raw_parts(p, n).to_vec() }
        };
        match sq::sqlite3_value_type(v) {
            sq::SQLITE_NULL => Raw::Null,
            sq::SQLITE_INTEGER => Raw::Int(sq::sqlite3_value_int64(v)),
            sq::SQLITE_FLOAT => Raw::Float(sq::sqlite3_value_double(v)),
            sq::SQLITE_TEXT => Raw::Text(bytes(sq::sqlite3_value_text(v))),
            _ => Raw::Blob(bytes(sq::sqlite3_value_blob(v).cast())),
        }
    }
}

unsafe fn arguments(n: c_int, v: *mut *mut sq::sqlite3_value) -> PyResult<Vec<PyRef>> {
    // SAFETY: `n` values.
    (0..n as usize).map(|i| to_python(&unsafe { argument(*v.add(i)) }, none(), String::new)).collect()
}

/// Gives a Python value to the library as the result of a function.
unsafe fn result(ctx: *mut sq::sqlite3_context, v: &Object) -> PyResult<()> {
    // SAFETY: the context of the running call; texts and bytes are copied by the library.
    unsafe {
        if v.is_none() {
            sq::sqlite3_result_null(ctx);
        } else if let Some(i) = v.downcast::<Int>() {
            match i.try_i64() {
                Some(n) => sq::sqlite3_result_int64(ctx, n),
                None => return Err(raise!(OverflowError, "Python int too large to convert to SQLite INTEGER")),
            }
        } else if let Some(f) = v.downcast::<Float>() {
            sq::sqlite3_result_double(ctx, f.value());
        } else if let Some(s) = v.downcast::<Str>() {
            let s = s.to_str()?;
            sq::sqlite3_result_text64(
                ctx,
                s.as_ptr().cast(),
                s.len() as u64,
                sq::SQLITE_TRANSIENT(),
                sq::SQLITE_UTF8 as u8,
            );
        } else if has_buffer(v) {
            let b = bytes_arg(v)?;
            sq::sqlite3_result_blob64(ctx, b.as_ptr().cast(), b.len() as u64, sq::SQLITE_TRANSIENT());
        } else {
            return Err(raise!(TypeError, "'{}' cannot be a result", v.ty().name_str()));
        }
    }
    Ok(())
}

unsafe fn fail(ctx: *mut sq::sqlite3_context, e: Raised, callable: &Object, message: &str) {
    // SAFETY: the context of the running call; the text is copied.
    unsafe {
        if e.matches(exc::MemoryError()) {
            sq::sqlite3_result_error_nomem(ctx);
        } else if e.matches(exc::OverflowError()) {
            sq::sqlite3_result_error_toobig(ctx);
        } else {
            sq::sqlite3_result_error(ctx, message.as_ptr().cast(), message.len() as c_int);
        }
    }
    report(e, callable);
}

unsafe extern "C" fn call_function(ctx: *mut sq::sqlite3_context, n: c_int, v: *mut *mut sq::sqlite3_value) {
    let _ = from_library(|| {
        // SAFETY: the function that the registration keeps, and the call's values.
        unsafe {
            let f = Object::from_ptr(sq::sqlite3_user_data(ctx).cast()).to_ref();
            let done = arguments(n, v).and_then(|a| {
                let a: Vec<&Object> = a.iter().map(|x| &**x).collect();
                result(ctx, &*f.call(&a)?)
            });
            if let Err(e) = done {
                fail(ctx, e, &f, "user-defined function raised exception");
            }
        }
    });
}

/// The instance of an aggregate's class for the running query, in the library's memory for it.
unsafe fn instance(ctx: *mut sq::sqlite3_context, make: bool) -> PyResult<Option<PyRef>> {
    // SAFETY: room for one pointer, zero at first.
    unsafe {
        let size = if make { size_of::<*mut abi::PyObject>() as c_int } else { 0 };
        let p: *mut *mut abi::PyObject = sq::sqlite3_aggregate_context(ctx, size).cast();
        if p.is_null() {
            return Ok(None);
        }
        if (*p).is_null() {
            if !make {
                return Ok(None);
            }
            let class = Object::from_ptr(sq::sqlite3_user_data(ctx).cast()).to_ref();
            *p = class.call0()?.into_ptr();
        }
        Ok(Some(Object::from_ptr(*p).to_ref()))
    }
}

unsafe fn aggregate(ctx: *mut sq::sqlite3_context, method: &'static str, n: c_int, v: *mut *mut sq::sqlite3_value) {
    // SAFETY: the context of the running call and its values.
    unsafe {
        let class = Object::from_ptr(sq::sqlite3_user_data(ctx).cast()).to_ref();
        let o = match instance(ctx, true) {
            Ok(Some(o)) => o,
            Ok(None) => return,
            Err(e) => return fail(ctx, e, &class, "user-defined aggregate's '__init__' method raised error"),
        };
        let f = match Str::new(method).and_then(|m| o.getattr(&m)) {
            Ok(f) => f,
            Err(e) => {
                let missing = e.matches(exc::AttributeError());
                let what = if missing { "method not defined" } else { "method raised error" };
                return fail(ctx, e, &class, &format!("user-defined aggregate's '{method}' {what}"));
            }
        };
        let done = arguments(n, v).and_then(|a| {
            let a: Vec<&Object> = a.iter().map(|x| &**x).collect();
            f.call(&a)
        });
        if let Err(e) = done {
            fail(ctx, e, &class, &format!("user-defined aggregate's '{method}' method raised error"));
        }
    }
}

unsafe fn aggregate_value(ctx: *mut sq::sqlite3_context, method: &'static str) {
    // SAFETY: the context of the running call.
    unsafe {
        let class = Object::from_ptr(sq::sqlite3_user_data(ctx).cast()).to_ref();
        let Ok(Some(o)) = instance(ctx, false) else { return };
        let done = Str::new(method).and_then(|m| o.getattr(&m)).and_then(|f| f.call0()).and_then(|r| result(ctx, &r));
        if let Err(e) = done {
            let missing = e.matches(exc::AttributeError());
            let what = if missing { "method not defined" } else { "method raised error" };
            fail(ctx, e, &class, &format!("user-defined aggregate's '{method}' {what}"));
        }
    }
}

unsafe extern "C" fn call_step(ctx: *mut sq::sqlite3_context, n: c_int, v: *mut *mut sq::sqlite3_value) {
    // SAFETY: called by the library with its values.
    let _ = from_library(|| unsafe { aggregate(ctx, "step", n, v) });
}
unsafe extern "C" fn call_inverse(ctx: *mut sq::sqlite3_context, n: c_int, v: *mut *mut sq::sqlite3_value) {
    // SAFETY: called by the library with its values.
    let _ = from_library(|| unsafe { aggregate(ctx, "inverse", n, v) });
}
unsafe extern "C" fn call_value(ctx: *mut sq::sqlite3_context) {
    // SAFETY: called by the library.
    let _ = from_library(|| unsafe { aggregate_value(ctx, "value") });
}
unsafe extern "C" fn call_final(ctx: *mut sq::sqlite3_context) {
    let _ = from_library(|| {
        // SAFETY: called by the library, last for this instance.
        unsafe {
            aggregate_value(ctx, "finalize");
            let p: *mut *mut abi::PyObject = sq::sqlite3_aggregate_context(ctx, 0).cast();
            if !p.is_null() && !(*p).is_null() {
                let o = PyRef::from_ptr_opt(*p);
                *p = core::ptr::null_mut();
                drop(o);
            }
        }
    });
}

unsafe extern "C" fn call_collation(f: *mut c_void, n: c_int, a: *const c_void, m: c_int, b: *const c_void) -> c_int {
    from_library(|| {
        // SAFETY: the function that the registration keeps, and two texts of those lengths.
        let (f, a, b) = unsafe {
            (
                Object::from_ptr(f.cast()).to_ref(),
                core::slice::from_raw_parts(a.cast::<u8>(), n as usize),
                core::slice::from_raw_parts(b.cast::<u8>(), m as usize),
            )
        };
        let compare = || -> PyResult<c_int> {
            let (a, b) = (Str::new(&String::from_utf8_lossy(a))?, Str::new(&String::from_utf8_lossy(b))?);
            let r = f.call(&[&*a, &*b])?;
            Ok(r.as_i64()?.signum() as c_int)
        };
        compare().unwrap_or_else(|e| {
            report(e, &f);
            0
        })
    })
    .unwrap_or(0)
}

unsafe extern "C" fn call_progress(c: *mut c_void) -> c_int {
    from_library(|| {
        // SAFETY: the connection, whose statement is running.
        let c = unsafe { Object::from_ptr(c.cast()).to_ref() };
        // SAFETY: what was registered is a connection.
        let Some(f) = (unsafe { c.cast::<Connection>() }).progress.get(&c) else { return 0 };
        match f.call0().and_then(|r| r.is_true()) {
            Ok(stop) => c_int::from(stop),
            Err(e) => {
                report(e, &f);
                1
            }
        }
    })
    .unwrap_or(1)
}

unsafe extern "C" fn call_trace(_kind: c_uint, c: *mut c_void, stmt: *mut c_void, sql: *mut c_void) -> c_int {
    let _ = from_library(|| {
        // SAFETY: the connection, whose statement is running.
        let c = unsafe { Object::from_ptr(c.cast()).to_ref() };
        // SAFETY: what was registered is a connection.
        let Some(f) = (unsafe { c.cast::<Connection>() }).trace.get(&c) else { return };
        // SAFETY: a running statement; its expanded text is freed here, the plain one is the library's.
        let shown = unsafe {
            let plain = text(sql.cast::<c_char>());
            let p = sq::sqlite3_expanded_sql(stmt.cast());
            if p.is_null() || plain.starts_with("--") {
                sq::sqlite3_free(p.cast());
                plain
            } else {
                let s = text(p);
                sq::sqlite3_free(p.cast());
                s
            }
        };
        if let Err(e) = Str::new(&shown).and_then(|s| f.call1(&*s)) {
            report(e, &f);
        }
    });
    0
}

unsafe extern "C" fn call_authorizer(
    c: *mut c_void,
    action: c_int,
    a1: *const c_char,
    a2: *const c_char,
    db: *const c_char,
    source: *const c_char,
) -> c_int {
    from_library(|| {
        // SAFETY: the connection, which is compiling a statement.
        let c = unsafe { Object::from_ptr(c.cast()).to_ref() };
        // SAFETY: what was registered is a connection.
        let Some(f) = (unsafe { c.cast::<Connection>() }).authorizer.get(&c) else { return sq::SQLITE_OK };
        let ask = || -> PyResult<c_int> {
            let t = |p: *const c_char| if p.is_null() { Ok(none_ref()) } else { Str::new(&text(p)).map(Ref::upcast) };
            let args = [Int::from_i64(action.into())?.upcast(), t(a1)?, t(a2)?, t(db)?, t(source)?];
            let args: Vec<&Object> = args.iter().map(|x| &**x).collect();
            let r = f.call(&args)?;
            match r.downcast::<Int>() {
                Some(i) => c_int::try_from(i.as_i64()?)
                    .map_err(|_| raise!(OverflowError, "Python int too large to convert to C int")),
                None => Ok(sq::SQLITE_DENY),
            }
        };
        ask().unwrap_or_else(|e| {
            report(e, &f);
            sq::SQLITE_DENY
        })
    })
    .unwrap_or(sq::SQLITE_DENY)
}

fn c_name(s: &str) -> PyResult<CString> {
    CString::new(s).map_err(|_| raise!(ValueError, "embedded null character"))
}

/// SQLite database connection object.
#[allow(non_snake_case)]
#[pyclass(name = "Connection", module = "sqlite3", flags = "BASETYPE|HAVE_GC", slots(tp_traverse = traverse::<Connection>, tp_clear = clear::<Connection>, tp_dealloc = dealloc::<Connection>))]
impl Connection {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let _ = args;
        Ok(track(alloc::<Connection>(cls)?).upcast())
    }
    #[slot(
        sig = "database, timeout=5.0, detect_types=0, isolation_level='', check_same_thread=True, factory=None, cached_statements=128, uri=False, *, autocommit=-1"
    )]
    fn tp_init(
        &self,
        database: &Object,
        timeout: Arg<f64>,
        detect_types: Arg<i32>,
        isolation_level: Arg<&Object>,
        check_same_thread: Arg<bool>,
        _factory: Arg<&Object>,
        cached_statements: Arg<i32>,
        uri: Arg<bool>,
        autocommit_: Arg<&Object>,
    ) -> PyResult<()> {
        audit("sqlite3.connect", &[database])?;
        let name = runtime::objects::support::import("os")?.getattr(intern!("fsencode"))?.call1(database)?;
        let name = CString::new(bytes_arg(&name)?.to_vec()).map_err(|_| raise!(ValueError, "embedded null byte"))?;
        let level = match isolation_level {
            Arg::Given(o) => isolation(o)?,
            Arg::Missing => Some(""),
        };
        let auto = match autocommit_ {
            Arg::Given(o) => autocommit(o)?,
            Arg::Missing => LEGACY,
        };
        if self.ready.load(Relaxed) {
            self.shut()?;
        }
        let (uri, timeout) = (uri.unwrap_or(false), timeout.unwrap_or(5.0));
        let db = thread::detach(|| Db::open(&name, uri, timeout)).map_err(database_error)?;
        self.state.set(State {
            db: Some(Arc::new(db)),
            idle: Vec::new(),
            idle_limit: cached_statements.unwrap_or(128).max(0) as usize,
            isolation: level,
        });
        for s in [&self.row_factory, &self.trace, &self.progress, &self.authorizer] {
            self.set(s, None);
        }
        self.set(&self.text_factory, Some(runtime::objects::support::builtin("str")?));
        self.detect_types.store(detect_types.unwrap_or(0).into(), Relaxed);
        self.any_thread.store(!check_same_thread.unwrap_or(true), Relaxed);
        self.owner.store(thread::ident() as u64, Relaxed);
        self.autocommit.store(auto, Relaxed);
        self.ready.store(true, Relaxed);
        let me: &Object = self;
        audit("sqlite3.connect/handle", &[me])?;
        if auto == OFF { self.run(c"BEGIN") } else { Ok(()) }
    }
    /// Return a cursor for the connection.
    #[pymethod(sig = "factory=<unrepresentable>")]
    fn cursor(&self, factory: Arg<&Object>) -> PyResult<PyRef> {
        self.usable()?;
        let me: &Object = self;
        let c = match factory {
            Arg::Given(f) => f.call1(me)?,
            Arg::Missing => {
                let t: &Object = Cursor::type_object();
                t.call1(me)?
            }
        };
        if c.downcast::<Cursor>().is_none() {
            return Err(raise!(TypeError, "factory must return a cursor, not {}", c.ty().name_str()));
        }
        if let Some(f) = self.row_factory.get(self).filter(|f| !f.is_none()) {
            c.setattr(intern!("row_factory"), &f)?;
        }
        Ok(c)
    }
    /// Executes an SQL statement.
    #[pymethod(sig = "sql, parameters=<unrepresentable>, /")]
    fn execute(&self, sql: &Object, parameters: Arg<&Object>) -> PyResult<PyRef> {
        let c = self.new_cursor()?;
        match parameters {
            Arg::Given(p) => c.call_method(intern!("execute"), &[sql, p]),
            Arg::Missing => c.call_method(intern!("execute"), &[sql]),
        }
    }
    /// Repeatedly executes an SQL statement.
    #[pymethod(sig = "sql, parameters, /")]
    fn executemany(&self, sql: &Object, parameters: &Object) -> PyResult<PyRef> {
        self.new_cursor()?.call_method(intern!("executemany"), &[sql, parameters])
    }
    /// Executes multiple SQL statements at once.
    #[pymethod(sig = "sql_script, /")]
    fn executescript(&self, sql_script: &Object) -> PyResult<PyRef> {
        self.new_cursor()?.call_method(intern!("executescript"), &[sql_script])
    }
    /// Commit any pending transaction to the database.
    #[pymethod]
    fn commit(&self) -> PyResult<()> {
        self.usable()?;
        self.end_transaction(c"COMMIT")
    }
    /// Roll back to the start of any pending transaction.
    #[pymethod]
    fn rollback(&self) -> PyResult<()> {
        self.usable()?;
        self.end_transaction(c"ROLLBACK")
    }
    /// Close the database connection; a pending transaction is not committed.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        self.check_thread()?;
        self.shut()
    }
    /// Called when the connection is used as a context manager.
    #[pymethod]
    fn __enter__(&self) -> PyResult<PyRef> {
        self.usable()?;
        let me: &Object = self;
        Ok(me.to_ref())
    }
    /// Commits, or rolls back after an exception.
    #[pymethod(sig = "type, value, traceback, /")]
    fn __exit__(&self, r#type: &Object, _value: &Object, _traceback: &Object) -> PyResult<bool> {
        self.usable()?;
        if r#type.is_none() {
            if let Err(e) = self.end_transaction(c"COMMIT") {
                let saved = e.take();
                if let Err(later) = self.end_transaction(c"ROLLBACK") {
                    later.clear();
                }
                return Err(runtime::error::restore(saved));
            }
        } else {
            self.end_transaction(c"ROLLBACK")?;
        }
        Ok(false)
    }
    /// Creates a new function.
    #[pymethod(sig = "name, narg, func, *, deterministic=False")]
    fn create_function(&self, name: &str, narg: i32, func: &Object, deterministic: Arg<bool>) -> PyResult<()> {
        let db = self.usable()?;
        let name = c_name(name)?;
        let flags = sq::SQLITE_UTF8 | if deterministic.unwrap_or(false) { sq::SQLITE_DETERMINISTIC } else { 0 };
        let p = if func.is_none() { core::ptr::null_mut() } else { func.to_ref().into_ptr().cast() };
        type Call = unsafe extern "C" fn(*mut sq::sqlite3_context, c_int, *mut *mut sq::sqlite3_value);
        let (f, d): (Option<Call>, Option<unsafe extern "C" fn(*mut c_void)>) =
            if func.is_none() { (None, None) } else { (Some(call_function), Some(forget)) };
        // SAFETY: an open database; the reference belongs to the library until it calls `forget`, also when this fails.
        let code = unsafe { sq::sqlite3_create_function_v2(db.raw(), name.as_ptr(), narg, flags, p, f, None, None, d) };
        if code != sq::SQLITE_OK {
            return Err(error("OperationalError", "Error creating function"));
        }
        Ok(())
    }
    /// Creates a new aggregate.
    #[pymethod(sig = "name, n_arg, aggregate_class")]
    fn create_aggregate(&self, name: &str, n_arg: i32, aggregate_class: &Object) -> PyResult<()> {
        let db = self.usable()?;
        let name = c_name(name)?;
        // SAFETY: as in create_function().
        let code = unsafe {
            if aggregate_class.is_none() {
                sq::sqlite3_create_function_v2(
                    db.raw(),
                    name.as_ptr(),
                    n_arg,
                    sq::SQLITE_UTF8,
                    core::ptr::null_mut(),
                    None,
                    None,
                    None,
                    None,
                )
            } else {
                let p = aggregate_class.to_ref().into_ptr().cast();
                sq::sqlite3_create_function_v2(
                    db.raw(),
                    name.as_ptr(),
                    n_arg,
                    sq::SQLITE_UTF8,
                    p,
                    None,
                    Some(call_step),
                    Some(call_final),
                    Some(forget),
                )
            }
        };
        if code != sq::SQLITE_OK {
            return Err(error("OperationalError", "Error creating aggregate"));
        }
        Ok(())
    }
    /// Creates or redefines an aggregate window function; None removes it.
    #[pymethod(sig = "name, num_params, aggregate_class, /")]
    fn create_window_function(&self, name: &str, num_params: i32, aggregate_class: &Object) -> PyResult<()> {
        let db = self.usable()?;
        let name = c_name(name)?;
        // SAFETY: as in create_function().
        let code = unsafe {
            if aggregate_class.is_none() {
                sq::sqlite3_create_window_function(
                    db.raw(),
                    name.as_ptr(),
                    num_params,
                    sq::SQLITE_UTF8,
                    core::ptr::null_mut(),
                    None,
                    None,
                    None,
                    None,
                    None,
                )
            } else {
                let p = aggregate_class.to_ref().into_ptr().cast();
                sq::sqlite3_create_window_function(
                    db.raw(),
                    name.as_ptr(),
                    num_params,
                    sq::SQLITE_UTF8,
                    p,
                    Some(call_step),
                    Some(call_final),
                    Some(call_value),
                    Some(call_inverse),
                    Some(forget),
                )
            }
        };
        db.check(code).map_err(database_error)
    }
    /// Creates a collation function.
    #[pymethod(sig = "name, callback, /")]
    fn create_collation(&self, name: &str, callback: &Object) -> PyResult<()> {
        let db = self.usable()?;
        let name = c_name(name)?;
        if !callback.is_none() && !callback.is_callable() {
            return Err(raise!(TypeError, "parameter must be callable"));
        }
        // SAFETY: as in create_function(), but a failed call does not take the reference.
        let code = unsafe {
            if callback.is_none() {
                sq::sqlite3_create_collation_v2(
                    db.raw(),
                    name.as_ptr(),
                    sq::SQLITE_UTF8,
                    core::ptr::null_mut(),
                    None,
                    None,
                )
            } else {
                let p: *mut c_void = callback.to_ref().into_ptr().cast();
                let code = sq::sqlite3_create_collation_v2(
                    db.raw(),
                    name.as_ptr(),
                    sq::SQLITE_UTF8,
                    p,
                    Some(call_collation),
                    Some(forget),
                );
                if code != sq::SQLITE_OK {
                    drop(PyRef::from_ptr_opt(p.cast()));
                }
                code
            }
        };
        db.check(code).map_err(database_error)
    }
    /// Set authorizer callback.
    #[pymethod(sig = "authorizer_callback")]
    fn set_authorizer(&self, authorizer_callback: &Object) -> PyResult<()> {
        let db = self.usable()?;
        let on = !authorizer_callback.is_none();
        self.set(&self.authorizer, on.then(|| authorizer_callback.to_ref()));
        let me: &Object = self;
        type Call = unsafe extern "C" fn(
            *mut c_void,
            c_int,
            *const c_char,
            *const c_char,
            *const c_char,
            *const c_char,
        ) -> c_int;
        let f: Option<Call> = if on { Some(call_authorizer) } else { None };
        // SAFETY: the connection outlives its database's statements.
        let code = unsafe { sq::sqlite3_set_authorizer(db.raw(), f, me.as_ptr().cast()) };
        if code != sq::SQLITE_OK {
            return Err(error("OperationalError", "Error setting authorizer callback"));
        }
        Ok(())
    }
    /// Set progress handler callback: called every n instructions, a true result stops the query.
    #[pymethod(sig = "progress_handler, n")]
    fn set_progress_handler(&self, progress_handler: &Object, n: i32) -> PyResult<()> {
        let db = self.usable()?;
        let on = !progress_handler.is_none();
        self.set(&self.progress, on.then(|| progress_handler.to_ref()));
        let me: &Object = self;
        let f: Option<unsafe extern "C" fn(*mut c_void) -> c_int> = if on { Some(call_progress) } else { None };
        // SAFETY: the connection outlives its database's statements.
        unsafe { sq::sqlite3_progress_handler(db.raw(), n, f, me.as_ptr().cast()) };
        Ok(())
    }
    /// Set a trace callback called for each SQL statement (passed as unicode).
    #[pymethod(sig = "trace_callback")]
    fn set_trace_callback(&self, trace_callback: &Object) -> PyResult<()> {
        let db = self.usable()?;
        let on = !trace_callback.is_none();
        self.set(&self.trace, on.then(|| trace_callback.to_ref()));
        let me: &Object = self;
        type Call = unsafe extern "C" fn(c_uint, *mut c_void, *mut c_void, *mut c_void) -> c_int;
        let f: Option<Call> = if on { Some(call_trace) } else { None };
        // SAFETY: the connection outlives its database's statements.
        unsafe {
            sq::sqlite3_trace_v2(db.raw(), if on { sq::SQLITE_TRACE_STMT as c_uint } else { 0 }, f, me.as_ptr().cast())
        };
        Ok(())
    }
    /// Abort any pending database operation.
    #[pymethod]
    fn interrupt(&self) -> PyResult<()> {
        let db = self.db()?;
        // SAFETY: an open database, which the reference keeps.
        unsafe { sq::sqlite3_interrupt(db.raw()) };
        Ok(())
    }
    /// Returns iterator to the dump of the database in an SQL text format.
    #[pymethod(sig = "*, filter=None")]
    fn iterdump(&self, filter: Arg<&Object>) -> PyResult<PyRef> {
        self.usable()?;
        let builtins = runtime::objects::support::import("importlib")?;
        let dump = builtins.call_method(intern!("import_module"), &[&*Str::new("sqlite3.dump")?])?;
        let f = dump.getattr(&*Str::new("_iterdump")?)?;
        let me: &Object = self;
        match filter {
            Arg::Given(x) if !x.is_none() => {
                f.call_kw(&[me, x], Some(&*Tuple::from_refs(vec![Str::new("filter")?.upcast()])?))
            }
            _ => f.call1(me),
        }
    }
    /// Makes a backup of the database.
    #[pymethod(sig = "target, *, pages=-1, progress=None, name='main', sleep=0.25")]
    fn backup(
        &self,
        target: &Object,
        pages: Arg<i32>,
        progress: Option<&Object>,
        name: Arg<&str>,
        sleep: Arg<f64>,
    ) -> PyResult<()> {
        let db = self.usable()?;
        let Some(other) = target.downcast::<Connection>() else {
            return Err(raise!(
                TypeError,
                "backup() argument 1 must be sqlite3.Connection, not {}",
                target.ty().name_str()
            ));
        };
        let to = other.usable()?;
        if Arc::ptr_eq(&db, &to) {
            return Err(raise!(ValueError, "target cannot be the same connection instance"));
        }
        if let Some(p) = progress
            && !p.is_callable()
        {
            return Err(raise!(TypeError, "progress argument must be a callable"));
        }
        let pages = match pages.unwrap_or(-1) {
            0 => -1,
            n => n,
        };
        let pause = std::time::Duration::from_secs_f64(sleep.unwrap_or(0.25).max(0.0));
        let name = c_name(name.unwrap_or("main"))?;
        // SAFETY: two open databases.
        let b =
            thread::detach(
                || unsafe { sq::sqlite3_backup_init(to.raw(), c"main".as_ptr(), db.raw(), name.as_ptr()) } as usize
            );
        if b == 0 {
            return Err(database_error(to.error(sq::SQLITE_ERROR)));
        }
        let b = b as *mut sq::sqlite3_backup;
        let address = b as usize;
        let mut failed = None;
        loop {
            // SAFETY: a live backup.
            let code = thread::detach(|| unsafe { sq::sqlite3_backup_step(address as *mut _, pages) });
            if let Some(p) = progress {
                // SAFETY: the same.
                let (left, all) = unsafe { (sq::sqlite3_backup_remaining(b), sq::sqlite3_backup_pagecount(b)) };
                let call = || {
                    p.call(&[
                        &*Int::from_i64(code.into())?,
                        &*Int::from_i64(left.into())?,
                        &*Int::from_i64(all.into())?,
                    ])
                };
                if let Err(e) = call() {
                    failed = Some(e);
                    break;
                }
            }
            match code & 0xff {
                sq::SQLITE_BUSY | sq::SQLITE_LOCKED => thread::detach(|| std::thread::sleep(pause)),
                sq::SQLITE_OK => {}
                _ => break,
            }
        }
        // SAFETY: ended once.
        let code = thread::detach(|| unsafe { sq::sqlite3_backup_finish(address as *mut _) });
        match failed {
            Some(e) => Err(e),
            None => to.check(code).map_err(database_error),
        }
    }
    /// Set a boolean connection configuration option.
    #[pymethod(sig = "op, enable=True, /")]
    fn setconfig(&self, op: i32, enable: Arg<bool>) -> PyResult<()> {
        let wanted = c_int::from(enable.unwrap_or(true));
        if self.configure(op, wanted)? != wanted {
            return Err(error("OperationalError", "Unable to set config"));
        }
        Ok(())
    }
    /// Query a boolean connection configuration option.
    #[pymethod(sig = "op, /")]
    fn getconfig(&self, op: i32) -> PyResult<bool> {
        Ok(self.configure(op, -1)? != 0)
    }
    /// Serialize a database into a byte string.
    #[pymethod(sig = "*, name='main'")]
    fn serialize(&self, name: Arg<&str>) -> PyResult<Ref<Bytes>> {
        let db = self.usable()?;
        let name = name.unwrap_or("main");
        let schema = c_name(name)?;
        let mut size: sq::sqlite3_int64 = 0;
        for flags in [sq::SQLITE_SERIALIZE_NOCOPY as c_uint, 0] {
            let place = &raw mut size as usize;
            // SAFETY: an open database and a place for the size.
            let data = thread::detach(|| unsafe {
                sq::sqlite3_serialize(db.raw(), schema.as_ptr(), place as *mut sq::sqlite3_int64, flags) as usize
            }) as *mut u8;
            if !data.is_null() {
                // SAFETY: that many bytes, which are ours unless they were not copied.
                unsafe {
                    let out = Bytes::new(core::slice::from_raw_parts(data, size.max(0) as usize));
                    if flags == 0 {
                        sq::sqlite3_free(data.cast());
                    }
                    return out;
                }
            }
        }
        Err(error("OperationalError", &format!("unable to serialize '{name}'")))
    }
    /// Load a serialized database.
    #[pymethod(sig = "data, /, *, name='main'")]
    fn deserialize(&self, data: &Object, name: Arg<&str>) -> PyResult<()> {
        let db = self.usable()?;
        let schema = c_name(name.unwrap_or("main"))?;
        if let Some(text) = data.downcast::<Str>() {
            return self.load(&db, &schema, text.to_str()?.as_bytes());
        }
        self.load(&db, &schema, &bytes_arg(data)?)
    }
    /// Set connection run-time limits: gives the one before, and only asks when limit is negative.
    #[pymethod(sig = "category, limit, /")]
    fn setlimit(&self, category: i32, limit: i32) -> PyResult<i32> {
        let db = self.usable()?;
        // SAFETY: an open database.
        match unsafe { sq::sqlite3_limit(db.raw(), category, limit) } {
            n if n < 0 => Err(error("ProgrammingError", "'category' is out of bounds")),
            n => Ok(n),
        }
    }
    /// Get connection run-time limits.
    #[pymethod(sig = "category, /")]
    fn getlimit(&self, category: i32) -> PyResult<i32> {
        self.setlimit(category, -1)
    }
    /// Makes the connection callable: a compiled statement of a text.
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("Connection")?;
        args.check_positional("Connection", 1, 1)?;
        let Some(s) = args.args[0].downcast::<Str>() else {
            return Err(raise!(TypeError, "argument 1 must be str, not {}", args.args[0].ty().name_str()));
        };
        self.usable()?;
        let stmt = self.statement(s.to_str()?)?;
        self.keep(stmt);
        Err(error("NotSupportedError", "statements are not objects of their own here; use execute()"))
    }
    #[pygetset]
    fn isolation_level(&self) -> PyResult<PyRef> {
        self.usable()?;
        match self.with(|s| s.isolation)? {
            Some(l) => Ok(Str::new(l)?.upcast()),
            None => Ok(none_ref()),
        }
    }
    #[pysetter]
    fn set_isolation_level(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        self.usable()?;
        let level = isolation(v)?;
        self.with(|s| s.isolation = level)?;
        if level.is_none() && self.autocommit.load(Relaxed) == LEGACY {
            self.end_transaction(c"COMMIT")?;
        }
        Ok(())
    }
    #[pygetset(name = "autocommit")]
    fn autocommit_(&self) -> PyResult<PyRef> {
        self.usable()?;
        Ok(match self.autocommit.load(Relaxed) {
            ON => (**true_()).to_ref(),
            OFF => (**false_()).to_ref(),
            _ => Int::from_i64(LEGACY.into())?.upcast(),
        })
    }
    #[pysetter(name = "autocommit")]
    fn set_autocommit_(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        let db = self.usable()?;
        let new = autocommit(v)?;
        let open = thread::detach(|| db.in_transaction());
        if new == ON && open {
            self.run(c"COMMIT")?;
        } else if new == OFF && !open {
            self.run(c"BEGIN")?;
        }
        self.autocommit.store(new, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn total_changes(&self) -> PyResult<i64> {
        let db = self.usable()?;
        Ok(thread::detach(|| db.total_changes()))
    }
    #[pygetset]
    fn in_transaction(&self) -> PyResult<bool> {
        let db = self.usable()?;
        Ok(thread::detach(|| db.in_transaction()))
    }
    // The exceptions of the module, as PEP 249 wants them on a connection.
    #[pygetset]
    fn Warning(&self) -> PyRef {
        super::exception("Warning").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn Error(&self) -> PyRef {
        super::exception("Error").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn InterfaceError(&self) -> PyRef {
        super::exception("InterfaceError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn DatabaseError(&self) -> PyRef {
        super::exception("DatabaseError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn DataError(&self) -> PyRef {
        super::exception("DataError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn OperationalError(&self) -> PyRef {
        super::exception("OperationalError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn IntegrityError(&self) -> PyRef {
        super::exception("IntegrityError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn InternalError(&self) -> PyRef {
        super::exception("InternalError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn ProgrammingError(&self) -> PyRef {
        super::exception("ProgrammingError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset]
    fn NotSupportedError(&self) -> PyRef {
        super::exception("NotSupportedError").cloned().unwrap_or_else(none_ref)
    }
    #[pygetset(name = "row_factory")]
    fn row_factory_(&self) -> PyRef {
        self.row_factory.get(self).unwrap_or_else(none_ref)
    }
    #[pysetter(name = "row_factory")]
    fn set_row_factory_(&self, v: Option<&Object>) {
        self.set(&self.row_factory, v.map(Object::to_ref));
    }
    #[pygetset(name = "text_factory")]
    fn text_factory_(&self) -> PyRef {
        self.text_factory_of()
    }
    #[pysetter(name = "text_factory")]
    fn set_text_factory_(&self, v: Option<&Object>) {
        self.set(&self.text_factory, v.map(Object::to_ref));
    }
}
